#!/usr/bin/env bats
# mscg logs: files that are there, that grow, that come later. The fake engine writes nothing, so the tests do.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

# job OPTIONS...: a job whose output goes to out and err here
job() { mscg submit --parsable -o out -e err "$@" >/dev/null; }

@test "both streams, each to its own" {
    job true
    printf 'a\nb\n' >out
    printf 'c\n' >err
    mscg logs 1 >o 2>e
    same $'a\nb' "$(cat o)"
    same c "$(cat e)"
    same $'a\nb' "$(mscg logs --stdout 1 2>/dev/null)"
    same c "$(mscg logs --stderr 1 2>/dev/null)"
    mscg logs --both 1 >o 2>e
    same c "$(cat e)"
}

@test "what ended the job, behind what it said" {
    job -t 1s --grace 1 sleep 60
    echo halfway >out
    : >err
    mscg wait -q 1 || true
    for follow in "" -f; do
        mscg logs $follow 1 >o 2>e
        same halfway "$(cat o)"
        same "mscg: job 1 TIMEOUT by signal SIGTERM: reached its time limit" "$(cat e)"
    done
}

@test "a signal ended it" {
    job sleep 600
    : >out
    mscg cancel --signal KILL 1
    mscg wait -q 1 || true
    for follow in "" -f; do
        mscg logs $follow 1 >o 2>e
        same "mscg: job 1 FAILED by signal SIGKILL" "$(cat e)"
    done
}

@test "what mscgd has put behind it is not said again" {
    job -t 1s --grace 1 sleep 60
    : >out
    printf 'bad\n[mscg: 2026-01-31 12:00:00: job 1 was ended: its time limit was reached]\n' >err
    mscg wait -q 1 || true
    for follow in "" -f; do
        mscg logs $follow 1 >o 2>e
        same "$(cat err)" "$(cat e)"
        mscg logs --stderr $follow 1 >o 2>e
        same "" "$(cat e)"
    done
    # Not where it was not shown, and not what only looks like it.
    mscg logs --stdout 1 >o 2>e
    same "mscg: job 1 TIMEOUT by signal SIGTERM: reached its time limit" "$(cat e)"
    echo more >>err
    mscg logs 1 >o 2>e
    same "mscg: job 1 TIMEOUT by signal SIGTERM: reached its time limit" "$(tail -n 1 e)"
}

@test "who reads no more is told nothing" {
    job sleep 600
    yes | head -100000 >out
    : >err
    for verb in "logs -f" "attach -n 100000"; do
        mscg $verb 1 2>e | head -n 1 >/dev/null || true
        same "" "$(cat e)"
    done
}

@test "--json is not for what a job writes" {
    job true
    echo text >out
    for verb in logs attach; do
        fails 2 mscg $verb 1 --json
        says "$verb: --json: what a job writes is passed on as it is"
        [[ $(mscg $verb --help) != *--json* ]]
        [[ $(mscg __complete $verb --) != *--json* ]]
    done
    fails 2 mscg --json run true
    fails 2 mscg exec --json 1 true
    same 1 "$(mscg submit --parsable --json true | json 'len([j])')"
}

@test "somebody else's, where that is not for all to see" {
    [ "$(id -u)" -eq 0 ] || skip "another user"
    stop_daemon
    start_daemon --privacy users
    job true
    mscg submit --parsable sleep 600
    fails 5 as_user mscg logs 1
    says "job 1 is somebody else's"
    fails 5 as_user mscg attach 2
    says "job 2 is somebody else's: only they, and root, may attach to it"
}

@test "the last lines" {
    job true
    seq 1 50000 >out
    : >err
    same $'49999\n50000' "$(mscg logs -n 2 1)"
    same "" "$(mscg logs -n 0 1)"
    same 50000 "$(mscg logs --lines=100000 1 | wc -l)"
    printf 'x\ny' >out
    same y "$(mscg logs -n 1 1)"
    same $'x\ny' "$(mscg logs -n 2 1)"
    fails 2 mscg logs -n few 1
}

@test "-f follows until the job has ended" {
    job sleep 600
    echo one >out
    mscg logs -f 1 >o 2>e 3>&- &
    follower=$!
    within 20 grep -q one o
    printf 'two\n' >>out
    within 20 grep -q two o
    printf 'oops\n' >>err
    within 20 grep -q oops e
    printf 'last' >>out
    mscg cancel 1
    wait $follower
    same $'one\ntwo\nlast' "$(cat o)"
}

@test "-f waits for a job that has not started, and for directories that are not there" {
    mscg submit --cpus 4 sleep 600
    mscg submit --cpus 4 -o deep/er/out sleep 600
    fails 1 mscg logs 2
    says "job 2 has not started"
    mscg logs -f 2 >o 3>&- &
    follower=$!
    sleep 0.5
    mkdir -p deep/er
    echo found >deep/er/out
    within 20 grep -q found o
    mscg cancel 2
    wait $follower
    same found "$(cat o)"
}

@test "-f of a file that is truncated or replaced" {
    job sleep 600
    echo before >out
    mscg logs -f 1 >o 2>e 3>&- &
    follower=$!
    within 20 grep -q before o
    echo b >out
    within 20 grep -q '^b$' o
    grep -q 'out was truncated' e
    echo new >out.new
    mv out.new out
    within 20 grep -q new o
    mscg cancel 1
    wait $follower
}

@test "-f of a job that is over ends at once" {
    job true
    echo text >out
    mscg wait -q 1
    same text "$(mscg logs -f 1)"
}

@test "what cannot be shown" {
    fails 3 mscg logs 9
    fails 2 mscg logs
    fails 2 mscg logs 1 2
    mscg submit -o out true
    mscg wait -q 1
    fails 1 mscg logs 1
    says "$room/out is not there"
    mkfifo pipe
    mscg submit -o pipe true
    fails 1 mscg logs 2
    says "no regular file"
    mscg submit -a 0-1 -o out.%a true
    fails 2 mscg logs 3
    says "3_0"
    echo task >out.1
    same task "$(mscg logs 3_1)"
    run bash -c 'mscg logs 3_1 2>&1 >/dev/full'
    [ "$status" -eq 1 ]
    [[ $output == *"cannot write the output"* ]]
}
