#!/usr/bin/env bats
# mscg submit --dependency: what waits for other jobs, here and ended.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

is() { [ "$(field "$1" state)" = "$2" ]; }

@test "on jobs that run, over a restart" {
    mscg submit -H -J first true
    mscg submit -d afterok:1 true
    mscg submit --dependency=afternotok:1 true
    mscg submit -d afterany:1,afterok:2 true
    mscg submit -d "afterok:3?afterok:2" true
    same "PENDING Dependency afterok:1" "$(field 2 state) $(field 2 reason) $(field 2 dependency)"
    kill_daemon
    start_daemon
    same "afterany:1,afterok:2" "$(field 4 dependency)"
    mscg show 4 | grep -q "Waits for: *afterany:1,afterok:2"
    mscg release 1
    within 10 is 2 COMPLETED
    within 10 is 4 COMPLETED
    within 10 is 5 COMPLETED
    same "PENDING DependencyNeverSatisfied" "$(field 3 state) $(field 3 reason)"
    mscg events 3 --json | grep -q 'job 1 ended as COMPLETED'
}

@test "on jobs that have ended, which only the store knows" {
    mscg submit true
    mscg submit false
    mscg submit -a 0-1 "exit 3"
    mscg wait 1 2 3 || true
    mscg submit -d afterok:1,afternotok:2,afterany:3,afternotok:3_1,after:1 true
    within 10 is 4 COMPLETED
    run mscg submit -d afterok:2 true
    same "mscg: warning: job 5: what it waits for can not happen any more: afterok:2(failed)" "${lines[-1]}"
    same "PENDING DependencyNeverSatisfied" "$(field 5 state) $(field 5 reason)"
    mscg why 5 | grep -q "cannot be said: it does not start, unless its dependency is changed"
    mscg submit -d "afterok:2?afterok:1" true
    within 10 is 6 COMPLETED
    mscg submit -d after:1+600 true
    same "Dependency" "$(field 7 reason)"
}

@test "aftercorr: each task of an array for that of another, here and ended, over a restart" {
    mscg submit -a 0-5 --cpus 1 'test $MSCG_ARRAY_TASK_ID != 2'
    mscg wait 1 || true
    mscg submit -a 1-7 -d aftercorr:1 true # all of it is over, and only the store knows
    for task in 1 3 4 5; do within 10 is "2_$task" COMPLETED; done
    same "PENDING DependencyNeverSatisfied aftercorr:1(failed)" "$(field 2 state) $(field 2 reason) $(field 2 dependency)"
    mscg submit -a 0-1 -d aftercorr:1 true
    within 10 is 3 COMPLETED

    mscg submit -a 0-3 -H true # one is cancelled, the others are to come
    mscg cancel 4_3
    mscg submit -a 0-3 -d aftercorr:4 true
    same "PENDING Dependency aftercorr:4" "$(field 5 state) $(field 5 reason) $(field 5 dependency)"
    kill_daemon
    start_daemon
    mscg release 4
    for task in 0 1 2; do within 10 is "5_$task" COMPLETED; done
    within 10 is 5 PENDING
    same DependencyNeverSatisfied "$(field 5 reason)"
    mscg cancel 5
    mscg submit -d aftercorr:3,aftercorr:5 true # none of an array: as afterok
    same DependencyNeverSatisfied "$(field 6 reason)"
}

@test "singleton: those of one name, one after the other" {
    mscg submit -J only -H true
    mscg submit -J other -H true
    mscg submit -J only -d singleton true
    mscg submit -J only -d singleton true
    same "singleton:1" "$(field 3 dependency)"
    same "singleton:1,singleton:3" "$(field 4 dependency)"
    mscg release 1
    within 20 is 4 COMPLETED
    is 3 COMPLETED
    mscg submit -J new -d singleton true
    within 10 is 5 COMPLETED
}

@test "what is refused" {
    mscg submit -H true
    refused() { fails 2 mscg submit -d "$1" true; says "$2"; }
    refused afterok:99 "a dependency on job 99: there is no such job"
    refused afterok:2 "a dependency on job 2: there is no such job" # itself: no cycle can be
    refused afterok:1_3 "there is no such job"
    refused afterok "invalid dependency 'afterok': expected for example"
    refused afterok:x "invalid dependency 'afterok:x'"
    refused soon:1 "invalid dependency 'soon:1'"
    refused "afterok:1,afterok:1?afterok:1" "invalid dependency"
    refused afterok:1+5 "invalid dependency 'afterok:1+5'"
    refused "afterok:1(failed)" "invalid dependency"
    refused singleton:1 "invalid dependency"
    refused "aftercorr:1(ready 0)" "invalid dependency"
    refused aftercorr:99 "a dependency on job 99: there is no such job"
    for list in "aftercorr:1?afterok:1" aftercorr:1:1 "aftercorr:1,aftercorr:1"; do
        fails 2 mscg submit -a 0-1 -d "$list" true
        says "invalid dependency '$list' of an array: expected aftercorr once, with ',' between"
    done
    refused "afterok:1," "invalid dependency"
    same 2 "$(mscg submit --parsable -d afterok:1 true)"
}

@test "singleton: also those that come together, in one message or in many" {
    local pids=()

    mscg submit -H -J only true
    python3 - "$room/sock" "$PWD" <<'END'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
job = {"name": "only", "argv": ["true"], "workdir": sys.argv[2], "dependency": "singleton", "env": 0}
s.sendall(json.dumps({"method": "io.mscg.Submit", "parameters": {"jobs": [job, dict(job, name="other"), job], "environments": [[]]}}).encode() + b"\0")
reply = s.recv(1 << 16)
assert b"error" not in reply, reply
END
    same "singleton:1 null singleton:1,singleton:2" "$(field 2 dependency) $(field 3 dependency) $(field 4 dependency)"
    mscg submit -H -J many true
    for _ in {1..20}; do
        mscg submit -J many -d singleton true &
        pids+=($!)
    done
    wait "${pids[@]}"
    for i in {6..25}; do
        field "$i" dependency
    done | tr , '\n' | grep -c singleton: >waits
    same 210 "$(cat waits)" # 1 + 2 + … + 20: each for all before it
}
