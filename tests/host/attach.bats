#!/usr/bin/env bats
# also: 6.12 slow
# mscg attach to a job of real processes: what it says when it is signalled, and how it ends.

load ../cli/helper

setup() { start_real; }
teardown() { stop_real; }

@test "attach --sig-proxy: the job hears the signal, its last words and its status arrive" {
    mscg submit --parsable -o out -e err 'trap "echo heard; echo bad >&2; exit 5" INT; echo ready; while :; do sleep 0.05; done'
    mscg attach --sig-proxy 1 >o 2>e 3>&- &
    within 30 grep -q ready o
    kill -INT $!
    status=0
    wait $! || status=$?
    same 5 "$status"
    same $'ready\nheard' "$(cat o)"
    grep -qx bad e
    grep -q "job 1 FAILED, exit code 5" e
}

@test "attach: what was written last is not lost" {
    mscg submit --parsable -o out -e err 'sleep 0.3; seq 1 100000'
    mscg attach 1 >o
    same "$(seq 1 100000 | md5sum)" "$(md5sum <o)"
}
