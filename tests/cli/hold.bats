#!/usr/bin/env bats
# mscg hold, release, update; submit --hold, --begin, --deadline.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

state() { field "$1" state; }
is() { [ "$(state "$1")" = "$2" ]; }

@test "held from the beginning, released, over a restart" {
    mscg submit -H "sleep 60"
    same "PENDING JobHeldUser" "$(state 1) $(field 1 reason)"
    kill_daemon
    start_daemon
    same "PENDING JobHeldUser" "$(state 1) $(field 1 reason)"
    same "Released job 1" "$(mscg release 1)"
    within 10 is 1 RUNNING
    fails 1 mscg hold 1
    says "job 1 is RUNNING: only what waits can be held"
    fails 1 mscg release 1
    says "job 1 is not held"
    fails 3 mscg hold 99
    says "no job 99"
    fails 2 mscg hold
    fails 2 mscg release 1x
    says "invalid job id '1x'"
}

@test "hold of several, some of which cannot be; --json" {
    mscg submit -c 4 "sleep 60"
    mscg submit -c 4 true
    mscg submit -a 0-3 -c 4 true
    running() { is 1 RUNNING; }
    within 10 running
    run mscg hold 1 2 3
    [ "$status" -eq 1 ]
    same "Held job 2" "${lines[0]}"
    same "Held job 3" "${lines[1]}"
    [[ ${lines[2]} == *"job 1 is RUNNING"* ]]
    same '["2", "3"]' "$(mscg release 2 3 --json | json 'j["released"]')"
    fails 1 mscg update 3_1 --priority 5
    says "task 3_1 waits with its array"
    mscg hold 3 | grep -qx "Held job 3"
    same "JobHeldUser" "$(field 3 reason)"
}

@test "a time to begin and a deadline" {
    mscg submit --begin now+2hours true
    same "PENDING BeginTime" "$(state 1) $(field 1 reason)"
    [[ $(field 1 reason_text) =~ ^begins\ in\ (02:00:00|01:59:[0-9][0-9])\  ]]
    mscg show 1 | grep -q "^ *Begin: "
    same "Updated job 1" "$(mscg update 1 --begin none)"
    within 10 is 1 COMPLETED
    mscg submit --begin now+1 true
    within 10 is 2 COMPLETED
    mscg submit --deadline now+1 "sleep 60"
    within 20 is 3 DEADLINE
    same "DeadLine" "$(field 3 reason)"
    mscg submit -c 4 "sleep 60"
    mscg submit --deadline now+2 true
    within 20 is 5 DEADLINE
    # What has passed today is tomorrow's, as a number and as a word.
    for hour in midnight 0:00 noon 12:00 fika 15:00 teatime 16:00; do
        mscg submit --test-only --json --begin "$hour" true | json 'j["jobs"][0]["begin"]'
    done >begins
    "$python" - <<'PY'
from datetime import datetime, timedelta, timezone
now = datetime.now(timezone.utc)
begins = open("begins").read().split()
assert len(begins) == 8 and begins[0::2] == begins[1::2], begins
for text, hour in zip(begins[0::2], (0, 12, 15, 16)):
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert at.hour == hour and at.minute == 0 and timedelta(minutes=-1) < at - now <= timedelta(days=1), (text, now)
PY
    fails 2 mscg submit --begin yesterday true
    says "has passed"
    fails 2 mscg submit --begin soon true
    says "invalid time 'soon'"
    fails 2 mscg submit --time 10m --deadline now+5minutes true
    says "could not end by its deadline"
    fails 2 mscg submit --begin now+2hours --deadline now+1hour true
    says "the deadline is not after the time to begin"
}

@test "update of what waits and of what runs" {
    mscg submit -c 4 -t 10 "sleep 60"
    mscg submit -c 4 true
    mscg submit -c 4 true
    mscg update 3 --top
    same "1" "$(field 3 priority)"
    mscg update 3 --priority -5
    same "-5" "$(field 3 priority)"
    mscg update 3 --nice=10
    same "-15" "$(field 3 priority)"
    mscg update 1 --time +10m
    same 1200 "$(field 1 time_limit)"
    mscg update 1 -t 2h
    same 7200 "$(field 1 time_limit)"
    mscg hold 2 3
    mscg update 2 3 --cpus 2 --mem 1G
    same "2 1073741824" "$(field 3 cpus) $(field 3 mem_bytes)"
    fails 1 mscg update 1 --cpus 2
    says "expected \`mscg resize\`"
    kill_daemon
    start_daemon
    same "-15 2" "$(field 3 priority) $(field 3 cpus)"
    mscg events 3 --json | grep -q '"text": *"priority: -15, was -5"'
    fails 2 mscg update 1
    says "what of it?"
    fails 2 mscg update 1 --top --priority 4
    says "expected one of them"
    fails 1 mscg update 2 --cpus 5
    says "needs 5 CPUs, this machine has 4"
    fails 1 mscg update 2 --time +5m
    says "it has no time limit"
    fails 1 mscg update 2 --array-throttle 3
    says "it is no array"
    fails 2 mscg update 2 --time +soon
    says "invalid time limit"
    fails 3 mscg update 9 --priority 1
    fails 2 mscg update 2 --deadline yesterday
}

@test "tasks at a time, live" {
    mscg submit -a 0-3%1 "sleep 60"
    same "1 true" "$(mscg queue --json | json 'sum(x["state"] == "RUNNING" for x in j)') true"
    mscg update 1 --throttle 3
    three() { [ "$(mscg queue --json | json 'sum(x["state"] == "RUNNING" for x in j)')" = 3 ]; }
    within 10 three
    mscg update 1 --array-throttle 0 # as Slurm has it
    four() { [ "$(mscg queue --json | json 'sum(x["state"] == "RUNNING" for x in j)')" = 4 ]; }
    within 10 four
}

@test "others may not" {
    [ "$(id -u)" -eq 0 ] || return 0
    mscg submit -H true
    chmod 711 "$room" && chmod 666 "$room/sock"
    fails 5 setpriv --reuid=65534 --regid=65534 --clear-groups -- mscg release 1
    says "belongs to uid 0"
    fails 5 setpriv --reuid=65534 --regid=65534 --clear-groups -- mscg update 1 --priority 3
}

@test "tasks of an array, by index: held, shown, over a restart, released, cancelled" {
    mscg submit -c 4 --hold -a 0-9:2,20 --throttle 2 --mem 10M true
    mscg hold '1_[4-8]'
    same "0-8:2,20 4,6,8" "$(field 1 array_pending) $(field 1 array_held)"
    mscg show 1 | grep -q "Held: *4,6,8"
    fails 1 mscg release 1_2
    says "job 1_2 is held with its array: \`mscg release 1\` releases the whole of it"
    fails 3 mscg release '1_[0-2]'
    says "the tasks of 1_[0-2] are held with their array: \`mscg release 1\` releases the whole of it"
    fails 3 mscg hold '1_[10-19]'
    says "no task of 1_[10-19] is PENDING"
    mscg hold 1_4
    same "JobHeldUser" "$(field 1_6 reason)"
    kill_daemon
    start_daemon
    same "4,6,8" "$(field 1 array_held)"
    mscg release '1_[0-4]'
    same "6,8" "$(field 1 array_held)"
    mscg cancel 1_8
    same "6" "$(field 1 array_held)"
    mscg release 1
    ! mscg show 1 | grep -q "Held:"
    mscg submit --hold -a 0-9 true
    mscg submit --begin now+1hour -a 0-9 true
    fails 1 mscg release 3_2
    says "job 3_2 is not held"
    fails 3 mscg release '3_[0-2]'
    says "no task of 3_[0-2] is held"
    mscg hold 3_2
    mscg release 3_2
    same "0-9" "$(field 3 array_pending)"
    within 20 is 1 CANCELLED
    mscg events 1 --json | grep -q '"text": *"task 4 is held"'
}

@test "what is held of an array does not run, and the rest does not wait for it" {
    mscg submit -c 4 -a 0-5%2 --mem 10M true
    mscg submit -c 4 --mem 10M "sleep 60"
    mscg submit -c 4 -a 0-5%2 --mem 10M true
    mscg hold '3_[0-3]'
    mscg cancel 2
    within 20 is 3_5 COMPLETED
    same "0-3 JobHeldUser" "$(field 3 array_pending) $(field 3 reason)"
    mscg why 3_1 | grep -q "JobHeldUser"
    mscg cancel '3_[0-1]'
    mscg release 3
    within 20 is 3 CANCELLED
    same COMPLETED "$(field 3_2 state)"
}
