#!/usr/bin/env bats
# mscg cancel and mscg resize.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "pending and running jobs" {
    mscg submit --cpus 4 sleep 60
    mscg submit --cpus 4 sleep 60
    run mscg cancel 2
    [ "$status" -eq 0 ]
    same "Cancelled job 2" "$output"
    run mscg cancel 1
    same "Cancelled job 1" "$output"
    mscg wait -q 1 2 || true
    same "CANCELLED CANCELLED" "$(field 1 state) $(field 2 state)"
}

@test "several, and some that there are not" {
    mscg submit sleep 60
    mscg submit sleep 60
    run mscg cancel 1 77 2
    [ "$status" -eq 3 ]
    [[ $output == *"Cancelled job 1"* && $output == *"Cancelled job 2"* && $output == *"mscg: no job 77"* ]]
    fails 3 mscg cancel 78
    fails 2 mscg cancel x
    fails 2 mscg cancel
    says "which jobs?"
    fails 2 mscg cancel --me 1
    fails 2 mscg cancel --me --all
    fails 2 mscg cancel --state SLEEPING
    says "SLEEPING"
    fails 2 mscg cancel --signal NOPE 1
    says "NOPE"
}

@test "by filter" {
    mscg submit --cpus 3 -J one sleep 60
    mscg submit --cpus 3 -J two sleep 60
    mscg submit --cpus 3 -J two sleep 60
    run mscg cancel --me --state PD
    [ "$status" -eq 0 ]
    same $'Cancelled job 2\nCancelled job 3' "$(sort <<<"$output")"
    run mscg cancel --state PENDING
    [ "$status" -eq 0 ]
    same "mscg: no job matches" "$output"
    mscg submit --cpus 3 -J two sleep 60
    run mscg cancel --name two
    same "Cancelled job 4" "$output"
    same RUNNING "$(field 1 state)"
    run mscg cancel --user "$(id -un)"
    same "Cancelled job 1" "$output"
    mscg submit sleep 60
    run mscg cancel --all --json
    "$python" -c 'import json, sys; assert json.loads(sys.argv[1]) == {"cancelled": ["5"], "errors": []}' "$output"
    fails 2 mscg cancel --user nosuchuser
    says "nosuchuser"
}

@test "tasks of an array" {
    mscg submit -a 0-9%1 sleep 60
    mscg cancel 1_0 1_5
    within 20 test "$(field 1_5 state)" = CANCELLED
    mscg cancel 1
    run mscg wait -q 1
    [ "$status" -ne 0 ]
}

@test "a range of tasks" {
    mscg submit -a 0-9%2 sleep 60
    mscg submit sleep 60
    run mscg cancel '1_[1,4-6]'
    same $'Cancelled job 1_1\nCancelled job 1_4\nCancelled job 1_5\nCancelled job 1_6' "$output"
    within 20 test "$(field 1_5 state)" = CANCELLED
    two() { [ "$(mscg queue --json | json 'sum(x["state"] == "RUNNING" and x["id"] != "2" for x in j)')" = 2 ]; }
    within 20 two
    same "RUNNING RUNNING PENDING" "$(field 1_0 state) $(field 1_2 state) $(field 1_3 state)"
    # what has ended is not in it; nothing left is an error
    run mscg cancel '1_[4-7]' '1_[4-6]' 77
    [ "$status" -eq 3 ]
    [[ $output == *"Cancelled job 1_7"* && $output == *"mscg: no task of 1_[4-6] is "* && $output == *"mscg: no job 77"* ]]
    fails 3 mscg cancel '2_[0-3]'
    says "job 2 is no array: expected it without _[0-3]"
    fails 3 mscg cancel '9_[0-3]'
    says "no job 9 that is pending or running"
    fails 3 mscg requeue '1_[7-9]'
    says "no task of 1_[7-9] is RUNNING, SUSPENDED or COMPLETING"
    run mscg requeue '1_[0-1]'
    same "Requeued job 1_0" "$output"
    run mscg cancel --signal TERM '1_[2-9]'
    same "Sent SIGTERM to job 1_2" "$output"
    for bad in '1_[' '1_[]' '1_[3' '1_[7-3]' '1_[a]' '1_[1-2]x' '1_3-7'; do
        fails 2 mscg cancel "$bad"
        says "$bad"
    done
    fails 2 mscg cancel '1_[0-4000000001]'
    says "indices up to 4000000000"
    fails 2 mscg update '1_[0-1]' --time 5
    mscg submit -a 0-99999 -c 4 sleep 1
    fails 2 mscg cancel '3_[0-99999]'
    says "at most 16384 jobs in one request, or the whole array, 3"
    run mscg cancel '3_[0-99999:10]'
    same 10000 "$(grep -c '^Cancelled job 3_' <<<"$output")"
    mscg cancel 1 3
}

@test "signals" {
    mscg submit sleep 60
    run mscg cancel --signal TERM 1
    [ "$status" -eq 0 ]
    same "Sent SIGTERM to job 1" "$output"
    run mscg wait 1
    [ "$status" -eq 143 ]
}

@test "resize answers as it goes, and fails where nothing can change" {
    mscg submit --elastic --cpus 1 --max-cpus 4 --mem 1GB sleep 60
    run mscg resize 1 --cpus 3
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == Done* ]]
    run mscg resize 1 --cpus 100
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == Infeasible:* ]]
    run mscg resize 1 --mem 2GB --json
    [ "$status" -eq 0 ]
    "$python" -c 'import json, sys; j = json.loads(sys.argv[1]); assert (j["id"], j["answer"]) == ("1", "Done"), j' "$output"
    same 2147483648 "$(field 1 mem_bytes)"
    mscg submit --cpus 1 sleep 60
    run mscg resize 1 --cpus 4
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == Deferred:* ]]
    fails 2 mscg resize 1
    says "to what?"
    fails 2 mscg resize 1 --cpus 0
    fails 3 mscg resize 99 --cpus 1
    fails 2 mscg resize 1 2 --cpus 1
}
