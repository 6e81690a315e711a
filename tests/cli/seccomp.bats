#!/usr/bin/env bats
# mscg seccomp: the profile for people and for programs.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

@test "the profile says of each group what it answers and why" {
    run mscg seccomp --print
    [ "$status" -eq 0 ]
    [[ $output == *"io_uring: EPERM, unless --allow=io_uring"* ]]
    [[ $output == *"ioctl, argument 2: EPERM with TIOCSTI"* ]]
    [[ $output == *"clone, argument 1: EPERM with CLONE_NEWUSER"* ]]
    [[ $output == *"anything else: ENOSYS"* ]]
    # A reason below each group.
    [ "$(grep -c '^[a-z].*: \(allow\|EPERM\|ENOSYS\)' <<<"$output")" -gt 15 ]
    ! grep -A1 '^[a-z].*: \(allow\|EPERM\)' <<<"$output" | grep -v '^[a-z]' | grep -v '^--' | grep -v '^    # '
    same "$output" "$(mscg seccomp)"
}

@test "--allow changes what it says of just these" {
    run mscg seccomp --allow=io_uring,userns
    [[ $output == *"io_uring: allow"* && $output == *"perf: EPERM, unless --allow=perf"* ]]
    [[ $output != *CLONE_NEWUSER* && $output == *TIOCSTI* ]]
    fails 2 mscg seccomp --allow=everything
    says "'everything' cannot be allowed: expected some of io_uring, perf, userfaultfd, userns"
}

@test "JSON has every call once" {
    mscg seccomp --json >profile
    "$python" - profile <<'PY'
import json, sys
p = json.load(open(sys.argv[1]))
calls = [c for g in p["groups"] for c in g["calls"]]
assert len(calls) == len(set(calls)) > 300, len(calls)
assert {g["answer"] for g in p["groups"]} == {"allow", "EPERM", "ENOSYS"}
assert all(g["why"] for g in p["groups"])
assert p["default"] == "ENOSYS" and p["other_abi"] == "kill"
assert [a for a in p["arguments"] if a["call"] == "ioctl" and a["value"] == 0x5412 and a["mask"] == 0xffffffff]
PY
}
