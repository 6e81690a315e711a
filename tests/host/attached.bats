#!/usr/bin/env bats
# Jobs that are real processes, through the CLI: mscg run with its own descriptors and with a terminal, signals, output
# that is followed, batch scripts.

load ../cli/helper

setup() { start_real; }
teardown() { stop_real; }

running() { [ "$(field "$1" state 2>/dev/null)" = RUNNING ]; }

@test "run: descriptors, exit status, environment, directory, umask" {
    mscg run sh -c 'echo out; echo err >&2; exit 3' >o 2>e || [ $? -eq 3 ]
    same out "$(cat o)"
    same err "$(cat e)"
    same "from here" "$(echo from here | mscg run cat)"
    same "a b|c" "$(mscg run printf '%s|%s' 'a b' c)"
    same 0 "$(mscg run sh -c 'exit 0' </dev/null >&- ; echo $?)"
    export FROM_HERE=yes
    same "yes 2 4" "$(mscg run -c 2 sh -c 'echo $FROM_HERE $MSCG_CPUS_ON_NODE $MSCG_JOB_ID')" ||
        same yes "$(mscg run sh -c 'echo $FROM_HERE')"
    same "" "$(mscg run --export=NONE sh -c 'echo $FROM_HERE')"
    same "$room" "$(mscg run pwd)"
    same 0027 "$(umask 027; mscg run sh -c umask)"
}

@test "what programs find that know Slurm: tasks, nodes, where it was submitted" {
    unset OMP_NUM_THREADS
    show='echo $SLURM_NTASKS $SLURM_NPROCS $SLURM_TASKS_PER_NODE ${SLURM_CPUS_PER_TASK-none} $OMP_NUM_THREADS'
    same "1 1 2 2 2" "$(mscg run -c 2 "$show")"
    same "2 2 2 none 1" "$(mscg run -n 2 "$show")"
    same "2 2 2 1 1" "$(mscg run --ntasks-per-node 2 -c 1 "$show")"
    same "2 none" "$(mscg run -n 2 --slurm-env=no 'echo $MSCG_NTASKS ${SLURM_NTASKS-none}')"
    same "1 1 0 0 0 $(id -u) $(id -g)" "$(mscg run 'echo $SLURM_NNODES $SLURM_JOB_NUM_NODES $SLURM_NODEID $SLURM_PROCID $SLURM_LOCALID $SLURM_JOB_UID $SLURM_JOB_GID')"
    mscg run '[ -n "$SLURM_NODELIST" ] && [ "$SLURM_NODELIST" = "$SLURM_JOB_NODELIST" ] && [ "$SLURM_NODELIST" = "$SLURM_SUBMIT_HOST" ]'
    same "$room /" "$(mscg run -D / 'echo $SLURM_SUBMIT_DIR $PWD')"
    same "$room $room" "$(mscg run 'echo $SLURM_SUBMIT_DIR $PWD')"
}

@test "run: what cannot be started" {
    fails 127 mscg run ./no-such-program x
    says "job 1 FAILED, exit code 127"
    says "No such file"
    echo text >plain
    fails 126 mscg run ./plain x
    run mscg run -D /no/such/place true
    [ "$status" -ne 0 ]
    [[ $output == *"directory"* ]]
}

@test "run: a job ended by a signal, and a big stream" {
    run mscg run sh -c 'kill -SEGV $$'
    [ "$status" -eq 139 ]
    [[ $output == *"SIGSEGV"* ]]
    same 3000000 "$(mscg run head -c 3000000 /dev/zero | wc -c)"
    same 3000000 "$(head -c 3000000 /dev/zero | mscg run cat | wc -c)"
}

# In the background with the SIGINT of the foreground.
foreground() {
    exec "$python" -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

@test "run: signals reach the job, which may catch them" {
    cat >catch.sh <<'SCRIPT'
trap 'echo int' INT; trap 'echo usr1' USR1; trap 'echo term; exit 5' TERM
echo ready
while :; do sleep 0.05; done
SCRIPT
    foreground mscg run sh catch.sh >o 2>e 3>&- &
    pid=$!
    within 30 grep -q ready o
    kill -USR1 $pid
    within 30 grep -q usr1 o
    kill -INT $pid
    within 30 grep -q int o
    grep -q "interrupt again within 1 s to cancel job 1" e
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    [ "$status" -eq 5 ]
    grep -q term o
}

@test "run: twice Ctrl-C cancels what does not listen" {
    foreground mscg run --grace 1 sh -c 'trap "" INT; echo ready; while :; do sleep 0.05; done' >o 2>e 3>&- &
    pid=$!
    within 30 grep -q ready o
    kill -INT $pid
    within 30 grep -q 'interrupt again' e
    while kill -INT $pid 2>/dev/null; do sleep 0.2; done # two of these come within a second, also on a busy machine
    status=0
    wait $pid || status=$?
    [ "$status" -ne 0 ]
    same CANCELLED "$(field 1 state)"
}

@test "run: Ctrl-C before the news of its start interrupts what was already on its way" {
    mscg run true
    supervisors=$(cat "$jobs/supervisors/cgroup.procs")
    kill -STOP $supervisors
    foreground mscg run --grace 1 sleep 60 >o 2>e 3>&- &
    pid=$!
    within 30 running 2
    kill -INT $pid
    within 30 grep -q "interrupt again" e
    kill -CONT $supervisors
    status=0
    wait $pid || status=$?
    same 130 "$status"
    same "FAILED 2" "$(field 2 state) $(field 2 signal)"
}

@test "run: goes on over a restart of the daemon" {
    mscg run sh -c 'echo begin; sleep 2; echo end; exit 4' >o 3>&- &
    pid=$!
    within 30 grep -q begin o
    kill_daemon
    launch_real
    status=0
    wait $pid || status=$?
    [ "$status" -eq 4 ]
    same $'begin\nend' "$(cat o)"
}

@test "run --pty: a terminal of its own, controlling, with the window's size" {
    cat >try.sh <<'SCRIPT'
stty rows 33 cols 77
before=$(stty -g)
mscg run --isolate=default --pty sh -c 'tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; ps -o tpgid= -p $$ >/dev/null; echo >/dev/tty controlling; read x; echo "got $x"; exit 6'
echo "status $?"
mscg run --isolate=none --pty tty
[ "$before" = "$(stty -g)" ] && echo as before
SCRIPT
    run script -qec "sh try.sh" /dev/null < <(sleep 3; echo typed; sleep 3)
    output=${output//$'\r'/}
    for want in /dev/console "33 77" all controlling "got typed" "status 6" /dev/pts/ "as before"; do
        [[ $output == *"$want"* ]] || { echo "no '$want' in: $output"; false; }
    done
}

@test "run --pty: Ctrl-C is the job's, input that ends is an end" {
    same "to" "$(echo to | mscg run --pty sh -c 'stty -echo; cat' | tr -d '\r' | tail -1)"
    cat >try.sh <<'SCRIPT'
mscg run --pty sh -c 'trap "echo caught; exit 8" INT; echo ready; while :; do sleep 0.05; done'
echo "status $?"
SCRIPT
    run script -qec "sh try.sh" /dev/null < <(sleep 3; printf '\003'; sleep 3)
    [[ $output == *caught*"status 8"* ]] || { echo "$output"; false; }
}

@test "logs -f prints all of it, from the beginning to the end" {
    mscg submit -o o -e e sh -c 'for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.1; done'
    mscg logs -f 1 >lo 2>le
    cmp o lo
    cmp e le
    same 5 "$(wc -l <lo)"
    same 5 "$(wc -l <le)"
    mscg submit -o big sh -c 'seq 200000'
    same "$(seq 200000 | cksum)" "$(mscg logs -f 2 | cksum)"
    same 200000 "$(mscg logs -n 1 2)"
}

@test "a batch script runs as one" {
    cat >job.sh <<'SCRIPT'
#!/bin/sh
#MSCG -c 2 -J batch -o out.%x.%j
#SBATCH --mem=64M
echo "$# $1 $2 $SLURM_JOB_ID"
exit 9
SCRIPT
    run mscg submit -W job.sh 'a b' c
    [ "$status" -eq 9 ]
    same "2 a b c 1" "$(cat out.batch.1)"
    mscg submit -W -o fromstdin - <job.sh || true
    same "0   2" "$(cat fromstdin)"
}

@test "cancel ends what a job has started, also what ignores SIGTERM" {
    mscg submit --isolate=default --grace 1 -o o sh -c 'trap "" TERM; (trap "" TERM; sleep 300.'$$') & echo $!; while :; do sleep 0.1; done'
    within 30 grep -q . o
    within 30 pgrep -f "^sleep 300.$$\$"
    mscg cancel 1
    mscg wait -q 1 || true
    ! pgrep -f "^sleep 300.$$\$" || false
}
