#!/usr/bin/env bats
# mscg run: status, signals, restarts, terminals. That a job really has these descriptors is tested where there are cgroups.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "the job's exit status, and nothing of our own on stdout" {
    mscg run true
    run mscg run "exit 9"
    [ "$status" -eq 9 ]
    same "" "$output"
    run mscg run sleep 0.2
    [ "$status" -eq 0 ]
}

@test "usage" {
    fails 2 mscg run
    fails 2 mscg run --cpus 0 true
    fails 2 mscg run -a 1-2 true
    says "unknown option -a"
    fails 2 mscg run -o file true
    fails 2 mscg run --elastic --min-cpus 4 --cpus 2 true
    says "run: "
    fails 2 mscg run ""
    same '["a", "-c", "4"]' "$(mscg run -c 2 a -c 4 && field 1 argv)"
}

@test "what can never fit is refused at once, what only has to wait is not" {
    fails 1 mscg run -c 20 true
    says "needs 20 CPUs, this machine has 4"
    fails 1 mscg run --mem 9GB true
    says "needs 9G of memory, this machine has 8G"
    mscg submit -c 4 sleep 0.5
    mscg run -c 4 true
}

# Its start is committed: mscg run has been told of it.
running() { [ "$(field "$1" pid 2>/dev/null)" = 1 ]; }
pending() { [ "$(field "$1" state 2>/dev/null)" = PENDING ]; }

@test "SIGTERM and others are passed on" {
    job=0
    for sig in TERM HUP USR1 QUIT; do
        job=$((job + 1))
        mscg run sleep 60 2>err 3>&- &
        pid=$!
        within 20 running $job
        kill -$sig $pid
        status=0
        wait $pid || status=$?
        [ "$status" -eq $((128 + $(kill -l $sig))) ] || { echo "$sig: $status"; cat err; false; }
    done
}

# With SIGINT, which a shell's background processes ignore.
start_foreground() {
    exec "$python" -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "Ctrl-C interrupts, and says how to cancel" {
    start_foreground mscg run sleep 60 2>err 3>&- &
    pid=$!
    within 20 running 1
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 130 ]
    grep -q "interrupt again within 1 s to cancel job 1" err
}

@test "Ctrl-C cancels what waits" {
    mscg drain
    start_foreground mscg run sleep 60 2>err 3>&- &
    pid=$!
    within 20 pending 1
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 1 ]
    same CANCELLED "$(field 1 state)"
    grep -q "has not started" err
}

@test "a killed client takes its job with it" {
    mscg run sleep 60 3>&- &
    pid=$!
    within 20 running 1
    kill -KILL $pid
    wait $pid || true
    cancelled() { [ "$(field 1 state)" = CANCELLED ]; }
    within 20 cancelled
}

@test "a terminal is told why nothing happens" {
    mscg submit --cpus 4 sleep 600
    script -qec "mscg run --cpus 4 true" /dev/null >typescript 3>&- &
    pid=$!
    within 20 grep -q "job 2 waits: " typescript
    mscg cancel 1
    wait $pid
    # Who is no terminal is not told, however long it takes.
    mscg submit --cpus 4 sleep 1.5
    run mscg run --cpus 4 true
    same "" "$output"
}

@test "--pty gives the terminal back as it was" {
    run script -qec 'a=$(stty -g); mscg run --pty sleep 0.3; b=$(stty -g); [ "$a" = "$b" ] && echo same' /dev/null
    [[ $output == *same* ]]
    run script -qec 'a=$(stty -g); (sleep 0.6; kill -TERM $(cat pid)) & sh -c "echo \$\$ >pid; exec mscg run --pty sleep 60"; echo "status $?"; b=$(stty -g); [ "$a" = "$b" ] && echo same' /dev/null
    [[ $output == *"status 143"*same* ]] || { echo "$output"; false; }
}

@test "how a job ended is told where its status does not" {
    run mscg run -t 1s --grace 1 sleep 60
    [ "$status" -ne 0 ]
    [[ $output == *"mscg: job 1 TIMEOUT"* ]]
    run mscg run -Q -t 1s --grace 1 sleep 60
    same "" "$output"
}

@test "files that the job will not see are warned of, before it" {
    mkdir here there
    : >there/x
    cd here
    run mscg run cat "$room/there/x"
    [[ ${lines[0]} == "mscg: warning: $room/there/x: is not seen by the job"* ]]
    # The rest it says itself in a moment.
    run mscg run ./nosuch
    [[ $output != *warning* ]]
}
