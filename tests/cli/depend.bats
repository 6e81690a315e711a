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
    mscg submit -d afterok:2 true
    same "PENDING DependencyNeverSatisfied" "$(field 5 state) $(field 5 reason)"
    mscg submit -d "afterok:2?afterok:1" true
    within 10 is 6 COMPLETED
    mscg submit -d after:1+600 true
    same "Dependency" "$(field 7 reason)"
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
    refused "afterok:1," "invalid dependency"
    same 2 "$(mscg submit --parsable -d afterok:1 true)"
}
