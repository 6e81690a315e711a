#!/usr/bin/env bats
# mscg attach: output, status, leaving, signals. The fake engine writes nothing, so the tests do.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

# start OPTIONS...: a job that runs, whose output goes to out and err here
start() {
    mscg submit --parsable -o out -e err "$@" >/dev/null
    until [ "$(field 1 state)" = RUNNING ]; do sleep 0.02; done
}

# attach_to OPTION...: in the background, as $pid
attach_to() {
    mscg attach "$@" >o 2>e 3>&- &
    pid=$!
}

# left STATUS: what mscg attach has exited with
left() {
    local status=0
    wait "$pid" || status=$?
    [ "$status" -eq "$1" ] || { echo "status $status, expected $1: $(cat e)"; return 1; }
}

@test "attach: the last lines that are there, what comes, each to its own, and the job's status" {
    start sleep 600
    seq 1 100 >out
    attach_to -n 2 1
    within 20 grep -q 100 o
    echo more >>out
    echo oops >>err
    within 20 grep -q oops e
    printf last >>out
    mscg cancel -s TERM 1
    left 143
    same $'99\n100\nmore\nlast' "$(cat o)"
    same oops "$(head -1 e)"
}

@test "attach: a job that ends otherwise says how, and its status is ours" {
    start sleep 600
    seq 1 100 >out
    attach_to 1
    within 20 grep -q 100 o
    mscg cancel -s KILL 1
    left 137
    same 10 "$(wc -l <o)"
    grep -q "job 1 .*SIGKILL" e
    mscg submit --begin now+1seconds -o out2 -e err2 "exit 7"
    attach_to -Q 2
    left 7
    same "" "$(cat e)"
}

@test "attach: a signal is for us, and the job goes on" {
    start sleep 600
    echo here >out
    for sig in INT TERM HUP QUIT; do
        attach_to 1
        within 20 grep -q here o
        kill -$sig $pid
        left $((128 + $(kill -l $sig)))
        grep -q "detached from job 1, which goes on" e
    done
    same RUNNING "$(field 1 state)"
}

@test "attach: --sig-proxy passes signals on" {
    start sleep 600
    echo here >out
    attach_to --sig-proxy 1
    within 20 grep -q here o
    kill -HUP $pid
    left 129
    same RUNNING "$(field 1 state)"
    attach_to --sig-proxy 1
    within 20 grep -q here o
    kill -INT $pid
    left 130
    grep -q "interrupt again within 1 s to leave it" e
    same FAILED "$(field 1 state)"
}

@test "attach: a job that waits is waited for" {
    mscg submit --cpus 4 sleep 600
    mscg submit --cpus 4 -o out -e err "exit 3"
    attach_to 2
    within 20 grep -q "job 2 waits: " e
    mscg cancel 1
    left 3
}

@test "attach: over a restart of the scheduler" {
    mscg drain
    mscg submit -o out -e err "exit 4"
    attach_to 1
    within 20 grep -q "job 1 waits: " e
    kill_daemon
    start_daemon
    mscg drain --undo
    left 4
}

@test "attach: what cannot be attached to" {
    fails 2 mscg attach
    fails 2 mscg attach x
    fails 3 mscg attach 77
    mscg submit true
    mscg wait 1
    fails 1 mscg attach 1
    says "job 1 has ended (COMPLETED): mscg logs 1 shows what it wrote"
    mscg submit -a 1-2 sleep 600
    fails 2 mscg attach 2
    says "job 2 is an array: expected one of its tasks"
    mscg run sleep 600 3>&- &
    until [ "$(field 3 state)" = RUNNING ]; do sleep 0.02; done
    fails 1 mscg attach 3
    says "job 3 writes to the terminal of its mscg run: nothing is kept"
    mscg cancel 3
    wait $! || true
}

@test "attach: one's own jobs, and root all" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    chmod 755 "$room"
    mscg submit sleep 600
    runuser() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
    fails 5 runuser mscg attach 1
    says "only they, and root, may attach to it"
}
