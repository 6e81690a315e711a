#!/usr/bin/env bats
# ping, drain, shutdown, scheduler.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

@test "ping" {
    start_daemon
    run mscg ping
    [ "$status" -eq 0 ]
    [[ $output == "mscgd "*", pid $daemon_pid, "*"state in $room/state" ]]
    run mscg ping --json
    "$python" -c 'import json, sys; j = json.loads(sys.argv[1]); assert j["pid"] == int(sys.argv[2]), j' "$output" "$daemon_pid"
}

@test "ping --wait" {
    fails 4 mscg ping --wait 0.2
    says "no daemon answers"
    (sleep 0.5; exec mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" \
        --total-cpus 1 --total-mem 1GB --allow-root-jobs) >daemon.log 2>&1 3>&- &
    daemon_pid=$!
    mscg ping --wait 10
    fails 2 mscg ping --wait x
}

@test "drain and undo" {
    start_daemon
    run mscg drain
    [ "$status" -eq 0 ]
    [[ $output == "Drained: "* ]]
    mscg submit true
    sleep 0.3
    same "PENDING Drained" "$(field 1 state) $(field 1 reason)"
    run mscg drain --undo
    [[ $output == "Not drained: "* ]]
    mscg wait 1
    run mscg drain --json
    "$python" -c 'import json, sys; assert json.loads(sys.argv[1])["drained"] is True' "$output"
}

@test "shutdown returns when another daemon may start" {
    start_daemon
    mscg submit --cpus 4 sleep 60
    for i in 1 2 3; do
        mscg shutdown
        fails 4 mscg ping
        wait "$daemon_pid" || true
        start_daemon
    done
    same RUNNING "$(field 1 state)" || true
}

@test "shutdown --cancel-jobs" {
    start_daemon
    mscg submit sleep 60
    mscg submit --cpus 4 sleep 60
    run mscg shutdown --cancel-jobs
    [ "$status" -eq 0 ]
    start_daemon
    same CANCELLED "$(field 1 state)"
}

@test "scheduler becomes mscgd, and pkill -f finds it" {
    mscg scheduler --engine=fake --runtime-dir "$room/run" --total-cpus 8 --total-mem 16GB --allow-root-jobs \
        --poll-interval 0.5 --state-dir "$room/state" --socket "$room/sock" >daemon.log 2>&1 3>&- &
    daemon_pid=$!
    mscg ping --wait 10
    grep -q '^\[mscg\] Starting scheduler with 8 CPUs, 16384 MB memory$' daemon.log
    [[ $(tr '\0' ' ' <"/proc/$daemon_pid/cmdline") == "mscg scheduler "* ]]
    kill -INT "$daemon_pid"
    wait "$daemon_pid" || true
    fails 4 mscg ping
    daemon_pid=
}

@test "options of mscg reach the scheduler" {
    mscg --socket "$room/sock" --state-dir "$room/state" scheduler --engine=fake --runtime-dir "$room/run" --total-cpus 2 \
        --total-mem 1GB >daemon.log 2>&1 3>&- &
    daemon_pid=$!
    mscg ping --wait 10
    run mscg scheduler --frobnicate
    [ "$status" -ne 0 ]
}

@test "names in the configuration that nobody has" {
    make_room
    printf '[daemon]\noperator-group = nosuchgroup\n[qos a]\nusers = root nosuchuser\ngroups = nogroup, nosuchgroup\n[partition p]\nallow-groups = nosuchgroup\n' >conf
    start_daemon --config "$room/conf"
    grep -q 'operator-group: no group nosuchgroup on this machine: nobody is an operator by it$' daemon.log
    grep -q 'qos a: users: no user nosuchuser on this machine$' daemon.log
    grep -q 'qos a: groups: no group nosuchgroup on this machine$' daemon.log
    grep -q 'partition p: allow-groups: no group nosuchgroup on this machine$' daemon.log
    same 4 "$(grep -c "on this machine" daemon.log)"
    sed -i '/nosuch/d' conf
    : >daemon.log
    kill -HUP "$daemon_pid"
    reloaded() { grep -q "configuration reloaded" daemon.log; }
    within 5 reloaded
    same 0 "$(grep -c "on this machine" daemon.log)"
}
