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

@test "logs: why there is nothing" {
    mscg submit -o nosuch/out -e nosuch/err true
    mscg wait -q 1 || true
    for follow in "" -f; do
        fails 1 mscg logs $follow 1
        says "job 1 has no output: FAILED, exit code 126: cannot start: standard output '$room/nosuch/out': No such file or directory"
    done
    mscg submit -D nosuch -o "$room/out" -e "$room/err" true
    mscg wait -q 2 || true
    within 10 grep -q "cannot start: working directory" err
    mscg logs 2 >o 2>e
    same "$(cat err)" "$(cat e)"
}
