#!/usr/bin/env bats
# as: both
# also: 6.12 slow
# timeout: 300
# --rootfs: a directory is a job's root, with the job's own /proc, /dev and /tmp, its working directory and its output; of
# the machine nothing else is there.

load ../cli/helper

setup() {
    start_isolated
    mkdir -p root/bin root/etc root/home work
    cp "$(command -v busybox)" root/bin/busybox
    for name in sh cat ls id grep touch mkdir wc sleep readlink echo; do ln -s busybox root/bin/$name; done
    echo inside >root/etc/issue
}
teardown() { stop_real; }

inside() { mscg run -D "$room/work" --rootfs "$room/root" "$@"; }

@test "it is /, with /proc, /dev, /tmp and /sys as other jobs have them" {
    same "inside" "$(inside cat /etc/issue)"
    same "bin dev etc home proc sys tmp" "$(mkdir root/sys && inside ls / | xargs)"
    same "$room/work" "$(inside sh -c pwd)"
    same 2 "$(inside sh -c 'echo $$')"
    inside sh -c '[ -c /dev/null ] && : >/dev/shm/a && : >/tmp/b && [ -e /sys/fs/cgroup/cgroup.procs ] && [ "$(ls /dev/pts)" = ptmx ]'
    same "0 0" "$(inside sh -c 'cat /proc/keys | wc -c; ls /sys/firmware | wc -l' | xargs)" # what is masked is so here too
    # Nothing that was written there is left.
    same "" "$(ls -A root/dev root/proc root/tmp | grep -v : | xargs)"
}

@test "the working directory is there and can be written, output and scripts go where they always do" {
    inside sh -c 'echo kept >file'
    same kept "$(cat work/file)"
    printf '#!/bin/sh\n#MSCG --rootfs root\ncat /etc/issue; echo $MSCG_JOB_ID >>work/id\n' >job.sh
    mscg submit --wait -o out job.sh
    same inside "$(cat out)"
    [ -s work/id ]
    same inside "$(echo 'cat /etc/issue' | inside sh)"
    # Where it is below a directory that is full in there, and nobody may make more.
    mkdir -p root/tmp root/var
    same "var/x" "$(mkdir root/var/x && inside sh -c 'cd / && ls -d var/*')"
}

@test "elastic: its control file is there; a command in the job is in the same root" {
    job=$(mscg submit --parsable --elastic --cpus 1 --max-cpus 2 -D "$room/work" --rootfs "$room/root" -o "$room/out" sh -c 'cat $MSCG_CONTROL_FILE; echo up; exec sleep 100')
    within 20 grep -q up out
    grep -q RUNNING out
    same "inside $room/work" "$(mscg exec "$job" sh -c 'cat /etc/issue; pwd' | xargs)"
    mscg cancel "$job"
}

@test "as its permissions say; read-only with ro, and with strict" {
    inside touch /etc/new
    [ -e root/etc/new ]
    mkdir -p "root$room/work"
    for how in "--rootfs $room/root:ro" "--rootfs $room/root --isolate=strict"; do
        fails 1 mscg run -D "$room/work" $how touch /etc/refused
        says "Read-only file system"
        mscg run -D "$room/work" $how sh -c 'echo yes >yes && : >/tmp/a'
    done
    [ ! -e root/etc/refused ]
    if [ "$(id -u)" -eq 0 ]; then # of somebody else
        chmod 755 "$room" && chmod 666 "$MSCG_SOCKET"
        same 65534 "$(setpriv --reuid 65534 --regid 65534 --clear-groups -- mscg run -D / --rootfs "$room/root" id -u)"
        fails 1 setpriv --reuid 65534 --regid 65534 --clear-groups -- mscg run -D / --rootfs "$room/root" touch /etc/refused
        says "Permission denied"
    fi
}

@test "a read-only root without a place: an empty directory on the way is covered, else it is said" {
    mkdir -p root/proc root/dev root/tmp "root/${room:1:3}" # the working directory is in /tmp: its own
    mscg run -D "$room/work" --rootfs "$room/root:ro" true
    mkdir -p elsewhere root/srv
    cd /
    mscg run -D / --rootfs "$room/root:ro" ls /srv
    mscg run -D / --rootfs "$room/root:ro" --bind "$room/elsewhere:/srv" touch /srv/there
    [ -e "$room/elsewhere/there" ]
    rmdir "$room/root/dev"
    fails 126 mscg run -D / --rootfs "$room/root:ro" true
    says "place in the root file system for the job's own '/dev': No such file or directory"
    mscg run -D / --rootfs "$room/root" true # it could be made
}

@test "nothing of the machine is reached from it: not by .., links, /proc, or a second root" {
    echo secret >secret
    ln -s "$room/secret" root/straight
    ln -s /proc/self/root"$room/secret" root/by_proc
    ln -s ../../../../../../..$room/secret root/by_dots
    for path in straight by_proc by_dots; do
        same secret "$(mscg run -D "$room/work" --isolate=none cat "$room/root/$path")"
        fails 1 inside cat /$path
    done
    for path in "$room/secret" "/proc/self/root$room/secret" /proc/self/cwd/../secret "/..$room/secret"; do
        same secret "$(mscg run -D "$room/work" --isolate=none cat "$path")"
        fails 1 inside cat "$path"
    done
    same "$(readlink -f /etc/passwd)" "$(mscg run --isolate=none readlink -f /proc/self/root/etc/passwd)"
    ! inside ls /proc/1/root/etc/passwd /proc/self/root/etc/passwd >/dev/null 2>&1
    # No device and no set-user-id of it.
    [ "$(id -u)" -ne 0 ] || mknod -m 666 root/zero c 1 5
    [ "$(id -u)" -ne 0 ] || fails 1 inside sh -c ': </zero'
    same "nosuid,nodev" "$(inside grep " / rw" /proc/self/mountinfo | grep -o "nosuid,nodev" | head -1)"
}

# no_root DIRECTORY: a job with that root does not start; a warning may have said so before
no_root() {
    local status=0
    error=$(mscg run --rootfs "$1" true 2>&1 </dev/null) || status=$?
    [ "$status" -eq 126 ] || { echo "$1: status $status, expected 126: $error"; return 1; }
}

@test "what cannot be a root is refused by its name" {
    touch file
    no_root none
    says "root file system '$room/none': No such file or directory"
    no_root file
    says "root file system '$room/file': Not a directory"
    mscg submit --rootfs file true 2>&1 | grep -q "warning: --rootfs: $room/file is no directory: the job fails, unless it lies below one of mscgd's images="
    ln -s / slash && ln -s /proc proc
    for link in slash proc; do
        no_root $link
        says "root file system '$room/$link': Operation not permitted"
    done
    for wrong in / /proc /sys/kernel /dev; do
        fails 2 mscg run --rootfs $wrong true
        says "root '$wrong'"
    done
    fails 2 mscg run --rootfs root:xx true
    says "invalid root 'root:xx': expected DIRECTORY[:ro]"
    fails 2 mscg run --isolate=pid --rootfs root true
    says "--rootfs with isolation 'pid', which has no mounts of the job's own"
    fails 126 mscg run -D / --isolate=strict --rootfs "$room" true
    says "Operation not permitted" # mscgd's socket is in it
    fails 127 inside "$(command -v mscg)"
}
