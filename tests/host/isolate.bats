#!/usr/bin/env bats
# also: 6.1 slow
# as: both
# timeout: 900
# --isolate: each namespace is the job's own, and the system call filter is the kernel's; beside each the same job
# without.

load ../cli/helper

setup() { start_isolated; }
teardown() { stop_real; }

own() { readlink "/proc/self/ns/$1"; }
seccomp_of() { mscg run "$@" grep -E '^(Seccomp|NoNewPrivs|CapPrm|CapBnd):' /proc/self/status | tr -d '\t\n'; }

@test "each part is a namespace of its own, and only it" {
    for kind in pid ipc uts cgroup net; do own "$kind"; done >without
    for part in none seccomp pid ipc,uts cgroup,net default strict; do
        mscg run --isolate="$part" sh -c 'cd /proc/self/ns && for kind in pid ipc uts cgroup net; do readlink $kind; done' >with
        case $part in
        none | seccomp) other="" ;;
        default) other="pid ipc uts cgroup" ;;
        strict) other="pid ipc uts cgroup net" ;;
        *) other=${part//,/ } ;;
        esac
        same "$other" "$(comm -13 <(sort without) <(sort with) | sed 's/:.*//' | sort | { while read -r kind; do found="${found:-} $kind"; done
            for kind in pid ipc uts cgroup net; do [[ " $found " != *" $kind "* ]] || printf '%s ' "$kind"; done; } | sed 's/ $//')"
    done
}

@test "what jobs have that do not say is what mscgd is told, the default; a mscgd whose kernel does not permit it does not start" {
    mscg run sh -c 'readlink /proc/self/ns/pid; tail -1 /proc/self/cgroup' >with
    ! grep -qxF "$(own pid)" with
    grep -qx '0::/' with
    local other=(mscgd --state-dir "$room/other" --socket "$room/other-sock" --runtime-dir "$room/other-run" --missing-controllers=warn --cgroup-root "$jobs")
    ! ASAN_OPTIONS=detect_leaks=0 timeout 20 strace -f -o strace.log -e trace=unshare -e inject=unshare:error=EPERM "${other[@]}" 2>refused
    grep -q "jobs cannot have isolate=default.*: Operation not permitted. isolate=seccomp .* isolate=none" refused
    [ ! -e "$room/other-sock" ]
}

@test "the cgroup namespace begins at the job" {
    [[ $(mscg run --isolate=none cat /proc/self/cgroup) == *"/job_1"* ]]
    mscg run --isolate=cgroup cat /proc/self/cgroup | grep -q '^0::/$'
}

@test "pid: the main process is the second, its init passes signals on, and nobody outside is seen" {
    same 2 "$(mscg run --isolate=pid sh -c 'echo $$')"
    same mscg-supervise "$(mscg run --isolate=pid,mount cat /proc/1/comm)"
    [ "$(mscg run --isolate=pid,mount sh -c 'ls -d /proc/[0-9]* | wc -l')" -lt 6 ]
    # SIGTERM without a handler ends it, as it does outside.
    same 143 "$(mscg run --isolate=pid sh -c 'kill -TERM $$'; echo $?)"
    mscg submit --isolate=pid -o out sh -c 'trap "echo got usr2; exit 4" USR2; echo up; while :; do sleep 0.1; done'
    job=$(mscg queue --json | json 'j[-1]["id"]')
    until grep -q up out 2>/dev/null; do sleep 0.1; done
    mscg cancel --signal=USR2 "$job"
    mscg wait "$job" || [ $? -eq 4 ]
    grep -q 'got usr2' out
    # What is left behind is killed.
    mscg run --isolate=pid sh -c 'sleep 1000 & exit 0'
}

@test "mount: /tmp, /dev, /proc and the cgroup tree are the job's own; its directory stays" {
    touch /tmp/mscg-isolate.$$
    same 1 "$(mscg run --isolate=none sh -c "ls /tmp | grep -c mscg-isolate.$$")"
    same 0 "$(mscg run --isolate=default sh -c "ls /tmp | grep -c mscg-isolate.$$")"
    rm /tmp/mscg-isolate.$$
    mscg run --isolate=default sh -c 'echo here >inside; [ "$PWD" = "$(pwd -P)" ]'
    same here "$(cat inside)"
    [ "$(mscg run --isolate=default sh -c 'ls /dev | wc -l')" -lt 20 ]
    mscg run --isolate=default sh -c '[ -c /dev/null ] && [ ! -e /dev/kmsg ] && : >/dev/shm/mine'
    mscg run --isolate=default sh -c '[ -e /sys/fs/cgroup/cgroup.procs ]'
    fails 1 mscg run --isolate=default sh -c 'echo 0 >/sys/fs/cgroup/cgroup.procs || exit 1'
    fails 1 mscg run --isolate=default sh -c 'echo 1 >/proc/sys/kernel/panic || exit 1'
}

@test "readonly: nothing but the working directory and the job's own tmpfs can be written" {
    mscg run --isolate=strict sh -c 'echo yes >inside && echo yes >/tmp/t && echo yes >/dev/shm/s'
    same yes "$(cat inside)"
    mscg submit --wait --isolate=strict -o out sh -c 'echo out; echo >/etc/mscg-isolate || echo no'
    same "out no" "$(grep -v Read-only out | tr '\n' ' ' | sed 's/ $//')"
    fails 1 mscg run --isolate=strict sh -c 'echo no >/etc/mscg-isolate || exit 1'
    says "Read-only file system"
}

@test "the filter is loaded where it is asked for, under no_new_privs and without capabilities" {
    same NoNewPrivs:1Seccomp:2 "$(seccomp_of --isolate=seccomp | sed 's/CapPrm:0*//; s/CapBnd:[0-9a-f]*//')"
    [[ $(seccomp_of --isolate=none) == *Seccomp:0* ]]
    [[ $(seccomp_of --isolate=default) == *CapPrm:0000000000000000* ]]
}

@test "the kernel refuses what the profile refuses, and --allow brings it back" {
    unshare=(unshare --user true)
    mscg run --isolate=none "${unshare[@]}"
    fails 1 mscg run --isolate=default "${unshare[@]}"
    says "Operation not permitted"
    mscg run --isolate=default --allow=userns "${unshare[@]}"
}

@test "programs run under the filter: a shell, pipes, threads, Python, a script" {
    same 3 "$(mscg run --isolate=strict sh -c 'echo a b c | wc -w')"
    same 4950 "$(mscg run --isolate=default "$python" -c '
import threading, subprocess, socket, multiprocessing
total = []
threads = [threading.Thread(target=lambda i=i: total.append(i)) for i in range(100)]
[t.start() for t in threads]; [t.join() for t in threads]
subprocess.run(["true"], check=True)
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
print(sum(total))')"
    printf '#!/bin/sh\n#MSCG --isolate=default --allow=perf\ngrep -c Seccomp:.2 /proc/self/status\n' >job.sh
    mscg submit --wait -o out job.sh
    same 1 "$(cat out)"
}

@test "what is no part or cannot be allowed is refused with what would be right" {
    fails 2 mscg run --isolate=most true
    says "'most' is no part of a sandbox: expected default, strict, none, or some of pid, mount, readonly, ipc, uts, cgroup, net, seccomp"
    fails 2 mscg run --allow=everything true
    says "'everything' cannot be allowed: expected some of io_uring, perf, userfaultfd, userns"
    fails 2 mscg run --isolate= true
}

@test "a job's exit status and signals are what they are without" {
    for how in none strict; do
        same 7 "$(mscg run --isolate=$how sh -c 'exit 7'; echo $?)"
        same 143 "$(mscg run --isolate=$how sh -c 'kill -TERM $$'; echo $?)"
        fails 127 mscg run --isolate=$how "$room/none"
    done
}

@test "a working directory in /proc, /sys or /dev is the job's own one, not the machine's" {
    enter='cd . && : >>"$1" && echo written'
    for dir in /proc/sys/vm/swappiness /proc/sys/kernel/panic /sys/kernel/mm/transparent_hugepage/enabled; do
        [ "$(id -u)" -ne 0 ] || same written "$(mscg run --isolate=none -D "${dir%/*}" sh -c "$enter" sh "${dir##*/}")"
        for how in default strict; do
            fails 2 mscg run --isolate=$how -D "${dir%/*}" sh -c "$enter" sh "${dir##*/}"
            [ "$(id -u)" -ne 0 ] || says "Read-only file system" # others were refused before that
        done
    done
    for how in default strict; do
        [ "$(mscg run --isolate=$how -D /dev sh -c 'ls | wc -l')" -lt 20 ]
        same 1 "$(mscg run --isolate=$how -D /proc sh -c 'ls -d [0-9]* | head -1')"
        fails 126 mscg run --isolate=$how -D "/proc/$daemon_pid" true
        says "working directory"
        mscg run --isolate=$how -D /dev/shm sh -c 'echo >mine'
    done
    [ ! -e /dev/shm/mine ]
}

@test "what is attached to a job in a sandbox leads nowhere" {
    attach='import os, sys
fd = os.open(sys.argv[1], eval(sys.argv[2]))
os.dup2(fd, 0)
os.execvp("mscg", ["mscg", "run", "--isolate=" + sys.argv[3], "ls", "/dev/fd/0/"])'
    "$python" -c "$attach" / os.O_RDONLY none | grep -qx etc
    for how in default strict; do
        for flags in os.O_RDONLY os.O_PATH; do
            status=0
            "$python" -c "$attach" / $flags $how >out 2>err || status=$?
            same 126 $status
            grep -qE "standard input: (Is a directory|Bad file descriptor)" err
        done
        same piped "$(echo piped | mscg run --isolate=$how cat)"
        same here "$(echo here >file && mscg run --isolate=$how cat <file)"
        mscg run --isolate=$how cat </dev/null
    done
}

@test "a umask does not keep a sandbox from being made, and holds in it" {
    (umask 0777 && mscg run --isolate=strict sh -c 'umask; [ -c /dev/null ] && [ -w /tmp ]') >out
    same 0777 "$(cat out)"
}

@test "a job's own processes do not signal it by way of its init" {
    same "still here" "$(mscg run --isolate=pid sh -c 'kill -TERM 1; sleep 0.3; echo still here')"
}

@test "net: mscgd's socket and the user's own services are out of reach; without it they are not" {
    cp "$(command -v mscg)" . # the tree may lie in /tmp
    same pong "$(mscg run --isolate=default sh -c './mscg ping >/dev/null && echo pong')"
    fails 4 mscg run --isolate=strict ./mscg ping
    mkdir -p run/below
    same "here" "$(cd run/below && mscg run --isolate=strict sh -c 'echo here >kept && cat kept')"
    mscg run -D "$room/run/below" --isolate=strict sh -c '[ -e . ] && [ ! -e ../sock ]'
    mscg run -D "$room" --isolate=mount,net sh -c '[ -e run ] && [ ! -e run/sock ]'
    # A control file in there stays, and nothing can be put beside it.
    mscg submit --wait --elastic --cpus 1 --max-cpus 2 --isolate=strict -o out sh -c 'cat "$MSCG_CONTROL_FILE"; ls "$0"; echo >"$0/more" || echo no more' "$room/run"
    cat out
    grep -qx jobs out
    grep -qx "no more" out
    grep -q RUNNING out
    [ "$(grep -c sock out)" -eq 0 ]
    fails 126 mscg run -D "$room/run" --isolate=strict true
    says "sockets that a job with net and mount does not reach '$room/run': Device or resource busy"
}

@test "Landlock: a job is in a domain of it, one for all of the job; without pid and net it is in none" {
    layers='import ctypes, struct
c = ctypes.CDLL(None, use_errno=True)
n = 0
while n < 20:
    fd = c.syscall(444, struct.pack("QQQ", 0, 0, 2), 24, 0)
    if fd < 0 or c.syscall(446, fd, 0) < 0: break
    n += 1
print(n)'
    has=$(mscg run --isolate=none "$python" -c "$layers") # 16, or 0 where the kernel has no scopes
    echo "$has layers"
    for isolate in pid default strict net; do
        same $((has ? has - 1 : 0)) "$(mscg run --isolate=$isolate "$python" -c "$layers")"
    done
    same "$has" "$(mscg run --isolate=ipc,uts,seccomp "$python" -c "$layers")"
    job=$(mscg submit --parsable -o out sh -c 'echo up; exec sleep 100')
    within 20 grep -q up out
    same $((has ? has - 1 : 0)) "$(mscg exec "$job" "$python" -c "$layers")"
    # Its processes reach each other all the same.
    mscg exec "$job" sh -c 'kill -TERM 2' || [ $? -eq 137 ] # it may end with the job
    mscg wait "$job" >/dev/null || [ $? -eq 143 ]
}
