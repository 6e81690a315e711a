#!/usr/bin/env bats
# mscg wait: statuses, several jobs, time, restarts.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "the status of a job" {
    mscg submit true
    run mscg wait 1
    [ "$status" -eq 0 ]
    same "Job 1 COMPLETED" "$output"
    mscg submit "exit 42"
    run mscg wait 2
    [ "$status" -eq 42 ]
    same "Job 2 FAILED, exit code 42" "$output"
    mscg submit sleep 60
    mscg cancel 3
    run mscg wait 3
    [ "$status" -eq 143 ]
    same "Job 3 CANCELLED by signal SIGTERM" "$output"
    mscg drain
    mscg submit sleep 60
    mscg cancel 4
    run mscg wait -q 4
    [ "$status" -eq 1 ]
    same "" "$output"
}

@test "what ended a job that says nothing itself" {
    run mscg submit --wait --parsable -t 1s --grace 1 sleep 60
    [ "$status" -eq 143 ]
    same "mscg: job 1 TIMEOUT by signal SIGTERM: reached its time limit" "${lines[1]}"
    run mscg wait 1
    same "Job 1 TIMEOUT by signal SIGTERM: reached its time limit" "$output"
    run mscg wait -q 1
    same "" "$output"
    run mscg submit --wait --parsable "exit 3"
    same 2 "$output"
}

@test "the highest of several, each told as it ends" {
    mscg submit sleep 3
    mscg submit "exit 3"
    mscg submit "exit 2"
    run mscg wait 1 2 3
    [ "$status" -eq 3 ]
    [ "${#lines[@]}" -eq 3 ]
    same "Job 1 COMPLETED" "${lines[2]}"
}

@test "an array and its tasks" {
    mscg submit -a 0-3 "exit 4"
    run mscg wait 1
    [ "$status" -eq 4 ]
    run mscg wait 1_2
    [ "$status" -eq 4 ]
    same "Job 1_2 FAILED, exit code 4" "$output"
}

@test "what can never start is said, once" {
    mscg submit false
    mscg submit -d afterok:1 true
    mscg submit --mem 20GB true
    mscg submit -d afternotok:1 sleep 2
    run mscg wait --timeout 2 2 3 4
    [ "$status" -eq 124 ]
    same 2 "$(grep -c "waits for ever" <<<"$output")"
    [[ $output == *"mscg: job 2 waits for ever: DependencyNeverSatisfied: "*"(mscg cancel 2 ends it)"* ]]
    [[ $output == *"mscg: job 3 waits for ever: Infeasible: needs 20G of memory, this machine has 8G"* ]]
    mscg submit -W -d afterok:1 true 2>err &
    within 10 grep -q "job 5 waits for ever: DependencyNeverSatisfied" err
    mscg cancel 5
    wait $! || [ $? -eq 1 ]
}

@test "--json" {
    mscg submit "exit 3"
    run mscg wait --json 1
    [ "$status" -eq 3 ]
    "$python" -c '
import json, sys
j = json.loads(sys.argv[1])
assert (j["id"], j["state"], j["exit_code"], j["reason"]) == ("1", "FAILED", 3, "NonZeroExitCode"), j' "$output"
}

@test "--timeout ends with 124 and leaves the job alone" {
    mscg submit sleep 60
    fails 124 mscg wait --timeout 0.2 1
    says "1 job has not ended"
    same RUNNING "$(field 1 state)"
    fails 2 mscg wait --timeout soon 1
    says "soon"
}

@test "no such job, nonsense" {
    fails 3 mscg wait 99
    says "99"
    mscg submit sleep 60
    fails 3 mscg wait 1 99
    fails 2 mscg wait x
    says "'x'"
    fails 2 mscg wait
    for id in 0 -1 1_ _1 1_x 4294967296 99999999999999999999 1.5; do fails 2 mscg wait -- "$id"; done
}

@test "a restart of the daemon is waited out" {
    mscg drain
    mscg submit true
    mscg wait 1 >waited 3>&- &
    waiter=$!
    sleep 0.3
    kill_daemon
    sleep 0.3
    kill -0 $waiter
    start_daemon
    mscg drain --undo
    wait $waiter
    same "Job 1 COMPLETED" "$(cat waited)"
}

@test "a long absence is told once" {
    mscg submit sleep 600
    mscg wait 1 2>told 3>&- &
    waiter=$!
    sleep 0.3
    kill_daemon
    within 10 grep -q 'waiting until it is back' told
    sleep 1
    same 1 "$(wc -l <told)"
    kill $waiter
    wait $waiter || true
}
