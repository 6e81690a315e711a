#!/usr/bin/env bats
# also: 6.12 slow
# timeout: 120
# Order by factors on real processes: who has used less of his share goes first, over a daemon that is killed.

load ../cli/helper

setup() {
    make_room
    make_cgroup
    printf '%s\n' '[priority]' 'priority-type = multifactor' 'priority-calc-period = 0:00:01' 'priority-weight-age = 0' \
        '[account physics]' 'shares = 1' '[account chemistry]' 'shares = 1' >conf
    start_real --config "$room/conf"
}
teardown() { stop_real; }

is() { [ "$(field "$1" state 2>/dev/null)" = "$2" ]; }
order() { mscg prio --json | json '[x["id"] for x in j["priorities"]]'; }
usage() { mscg share --json | json "[round(x['cpu_seconds'], 1) for x in j['shares'] if x['account'] == '$1' and x['user']][0]"; }

@test "usage is charged, decides who is first, and is there after a crash" {
    mscg submit -A physics -c 2 --wait "sleep 1"
    # two CPUs for a second and a little, as its own record has it
    held=$(mscg show 1 --json | json "round(j['accounting']['cpu_held_usec'] / 1e6, 1)")
    same "$held" "$(usage physics)"
    json "j >= 2.0" <<<"$held" | grep -qx true
    mscg submit -c 2 "exec sleep 600"
    within 30 is 2 RUNNING
    mscg submit -A physics -c 2 "exec sleep 600"
    mscg submit -A chemistry -c 2 "exec sleep 600"
    within 10 eval '[ "$(order)" = "[\"4\", \"3\"]" ]'
    mscg why 3 | grep -q '^Job 3: Priority: job 4 waits before it: its factors come to'
    kill_daemon
    start_real --config "$room/conf"
    same '["4", "3"]' "$(order)"
    same "$held" "$(usage physics)"
    within 30 is 2 RUNNING
    mscg cancel 2
    within 60 is 4 RUNNING
    same PENDING "$(field 3 state)"
}
