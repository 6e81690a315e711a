#!/usr/bin/env bats
# mscg exec: what is asked wrong, and what is refused before anything is run. What runs: tests/host/exec.t.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "exec: usage" {
    fails 2 mscg exec
    says "exec: expected JOB [--] [COMMAND...]"
    fails 2 mscg exec none true
    says "exec: invalid job id 'none'"
    fails 2 mscg exec 1 $'\xff' x
    says "a word of the command is not UTF-8"
}

@test "exec: jobs that are not there, or do not run" {
    fails 3 mscg exec 77 true
    says "no job 77 that is pending or running"
    mscg submit --hold true
    fails 1 mscg exec 1 true
    says "job 1 is PENDING: expected one that is RUNNING"
    mscg submit -a 1-3 --hold true
    fails 1 mscg exec 2 true
    says "job 2 is an array: expected one of its tasks that is RUNNING, as 2_3"
    fails 1 mscg exec 2_1 true
    says "job 2_1 is PENDING"
}

@test "exec: an engine without processes says so; without a daemon there is no job that runs" {
    mscg submit sleep 600
    until [ "$(field 1 state)" = RUNNING ]; do sleep 0.02; done
    fails 1 mscg exec 1 true
    says "the fake engine runs no commands"
    fails 4 mscg --socket "$room/nobody" exec 1 true
}

@test "exec: completion: a job, then files" {
    mscg submit sleep 600
    same "1" "$(mscg __complete -- exec '')"
    same "--pty" "$(mscg __complete -- exec --pt)"
    same ":files" "$(mscg __complete -- exec 1 l)"
}
