#!/usr/bin/env bats
# also: 6.12 slow
# as: both
# timeout: 300
# --bind: what is found at another place is the machine's own, looked up as the job's user; beside each refusal what is taken.

load ../cli/helper

setup() {
    start_isolated
    mkdir -p data/below
    echo here >data/file
}
teardown() { stop_real; }

# refused TEXT OPTION...: the job is accepted and cannot be started
refused() {
    local text=$1
    shift
    fails 126 mscg run "$@" true
    says "$text"
}

@test "a directory and a file are there too, at places that are made in the job's own /tmp" {
    same "here" "$(mscg run --bind "$room/data:/tmp/a/b" cat /tmp/a/b/file)"
    same "here" "$(mscg run --bind data:/tmp/a cat /tmp/a/file)" # relative to the working directory
    same "here" "$(mscg run --bind data/file:/var/tmp/x/one cat /var/tmp/x/one)"
    mscg run --bind data:/tmp/a sh -c 'echo more >/tmp/a/new && echo >>/tmp/a/file'
    same more "$(cat data/new)"
    ! mscg run cat /tmp/a/file 2>/dev/null
    # Several; what comes later is over what came before.
    mkdir other && echo there >other/file
    same "here there" "$(mscg run --bind data:/tmp/a --bind=other:/tmp/b sh -c 'cat /tmp/a/file /tmp/b/file' | xargs)"
    same "there" "$(mscg run --bind data:/tmp/a --bind=other:/tmp/a cat /tmp/a/file | xargs)"
    same "there" "$(mscg run --bind data:/tmp/a --bind=other:/tmp/a/below cat /tmp/a/below/file | xargs)"
    # Over a place that is there, in the working directory itself, and over all of /tmp.
    same "there" "$(mscg run --bind other:"$room/data" cat data/file)"
    same "below file new" "$(mscg run -D / --bind "$room/data:/tmp" ls /tmp | xargs)"
}

@test "ro cannot be written, and nothing of it has devices or set-user-id" {
    mscg run --bind data:/tmp/a sh -c ': >/tmp/a/written'
    fails 2 mscg run --bind data:/tmp/a:ro sh -c ': >/tmp/a/refused'
    says "Read-only file system"
    mscg run --bind data:/tmp/a:rw sh -c ': >/tmp/a/written'
    same "ro,nosuid,nodev" "$(mscg run --bind data:/tmp/a:ro sh -c 'grep " /tmp/a " /proc/self/mountinfo' | cut -d' ' -f6 | cut -d, -f1-3)"
    same "rw,nosuid,nodev" "$(mscg run --isolate=strict --bind data:/tmp/a sh -c 'grep " /tmp/a " /proc/self/mountinfo' | cut -d' ' -f6 | cut -d, -f1-3)"
    # Strict: its own place is read-only, the bind is what it says.
    mkdir work
    fails 2 mscg run --isolate=strict -D work sh -c ': >../data/refused'
    mscg run --isolate=strict -D work --bind "$room/data" sh -c ': >../data/taken'
    [ -e data/taken ] && [ ! -e data/refused ]
}

@test "in a script, and by submit; a command in the job finds it too" {
    printf '#!/bin/sh\n#MSCG --bind data:/tmp/a:ro\n#MSCG --bind data/below:/tmp/b\ncat /tmp/a/file; ls -d /tmp/b; echo up; exec sleep 100\n' >job.sh
    job=$(mscg submit --parsable -o out job.sh)
    within 20 grep -q up out
    same "here /tmp/b up" "$(xargs <out)"
    same here "$(mscg exec "$job" cat /tmp/a/file)"
    mscg cancel "$job"
}

@test "it is looked up as the job's user, and what is not there fails the job by its name" {
    refused "source of a bind '$room/none': No such file or directory" --bind none:/tmp/a
    refused "target of a bind '$room/data/none': No such file or directory" --bind data:"$room/data/none"
    refused "target of a bind '/tmp/a/none': No such file or directory" --bind data:/tmp/a --bind data:/tmp/a/none # no place is made outside
    [ ! -e data/none ]
    refused "target of a bind '$room/data/file': Not a directory" --bind data:"$room/data/file"
    refused "target of a bind '$room/data/below': Is a directory" --bind data/file:"$room/data/below"
    if [ "$(id -u)" -ne 0 ]; then
        mkdir -m 0 closed
        refused "source of a bind '$room/closed/in': Permission denied" --bind closed/in:/tmp/a
        rmdir closed
    fi
}

@test "links are followed as the user would, and none leads to what is the kernel's" {
    ln -s data link && ln -s /proc proc && ln -s / root && ln -s /proc/self/root magic
    same here "$(mscg run --bind link:/tmp/a cat /tmp/a/file)"
    mscg run --isolate=none ls proc/1 >/dev/null
    for source in proc proc/sys root root/proc ../../../../../proc /tmp/../sys; do
        refused "': Operation not permitted" --bind "$source:/tmp/a"
    done
    refused "source of a bind '$room/magic': Too many levels" --bind magic:/tmp/a
    for target in proc/sys root; do
        refused "target of a bind '$room/$target': Operation not permitted" --bind "data:$room/$target"
    done
}

@test "what is no bind is refused with what would be right" {
    for wrong in "" : :/a a: a:: a:/b:xx a:/b:ro:ro; do
        fails 2 mscg run --bind="$wrong" true
        [ -z "$wrong" ] || says "invalid bind '$wrong': expected SOURCE[:TARGET][:ro]"
    done
    for wrong in / /proc /proc/1 /sys/fs/cgroup /dev/null /dev/shm; do
        fails 2 mscg run --bind="data:$wrong" true
        says "target '$wrong'"
    done
    fails 2 mscg run --bind=/dev/sda:/tmp/a true
    says "/proc, /sys and /dev are the job's own"
    fails 2 mscg run --bind=data:a/b true
    says "target 'a/b' is relative"
    fails 2 mscg run --bind=data:/tmp/../etc true
    says "has '..'"
    mscg run --bind=/dev/shm:/tmp/a true
    for i in $(seq 65); do many+=(--bind "data:/tmp/$i"); done
    fails 2 mscg run "${many[@]}" true
    says "more than 64 binds of a job"
    mscg run "${many[@]:2}" ls /tmp/2/file /tmp/65/file >/dev/null
}

@test "a job without mounts of its own has no place for it" {
    fails 2 mscg run --isolate=none --bind data:/tmp/a true
    says "--bind with isolation 'none', which has no mounts of the job's own: expected default, strict, or parts with mount"
    mscg run --isolate=mount --bind data:/tmp/a cat /tmp/a/file
    job=$(mscg submit --parsable --hold --bind data:/tmp/a true)
    mscg shutdown
    wait "$daemon_pid" || true
    launch_real --socket "$MSCG_SOCKET" --isolate seccomp
    mscg ping --wait 30 >/dev/null
    fails 2 mscg run --bind data:/tmp/a true
    says "--bind: jobs here have isolation 'seccomp'"
    mscg release "$job" # taken before
    mscg wait "$job" && return 1 || [ $? -eq 126 ]
    mscg show "$job" | grep -q "jobs have no mounts of their own here"
}

@test "net: no bind brings a directory of sockets back" {
    mkdir -p data/deep
    cp "$(command -v mscg)" data
    for source in "$room" "$room/run"; do
        mscg run --bind "$source:/tmp/a" ls /tmp/a >/dev/null
        refused "source of a bind '$source': Operation not permitted" --isolate=strict -D / --bind "$source:/tmp/a"
    done
    same here "$(mscg run --isolate=strict --bind data:/tmp/a cat /tmp/a/file)"
}
