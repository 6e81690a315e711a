#!/usr/bin/env bats
# mscg doctor: what it looks at, with and without a daemon. What it finds depends on the machine; the judgement of
# control groups is tested with the cgroup library.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

of() { json '[c["status"] for c in j["checks"] if c["name"] == "'"$1"'"][0]'; }

@test "without a daemon" {
    run mscg doctor
    [ "$status" -le 1 ]
    [[ $output == *"warn no daemon answers on $room/sock"*"mscg scheduler"* ]]
    [[ $output =~ (ok\ \ |warn|FAIL)\ .*Linux ]]
    # One line a check; what mends it is indented below.
    ! grep -vE '^(ok  |warn|FAIL) [^ ]|^       [^ ]' <<<"$output"
    if grep -q ^FAIL <<<"$output"; then [ "$status" -eq 1 ]; else [ "$status" -eq 0 ]; fi
}

@test "with a daemon" {
    start_daemon
    mscg drain
    run mscg doctor
    [[ $output == *"ok   mscgd "*" answers on $room/sock"* ]]
    [[ $output == *"warn the scheduler is drained"*"       mscg drain --undo"* ]]
    [[ $output == *"warn the scheduler only pretends to run jobs"* ]]
    [[ $output == *"state directory $room/state"* ]]
}

@test "--json" {
    run mscg doctor --json
    for name in daemon kernel cgroup2 state-dir runtime-dir; do
        [[ $(of "$name" <<<"$output") =~ ^(ok|warn|fail)$ ]] || { echo "$name"; false; }
    done
    same "$([ "$status" -eq 0 ] && echo true || echo false)" "$(json 'j["ok"]' <<<"$output")"
}

@test "a state directory that cannot be written" {
    run as_user mscg --state-dir /proc/none doctor --json
    [ "$status" -eq 1 ]
    same fail "$(of state-dir <<<"$output")"
    # The positive control.
    run as_user mscg --state-dir "$room/state" doctor --json
    [ "$(of state-dir <<<"$output")" != fail ]
}

@test "a daemon of another version, what it does not enforce, one that hangs up" {
    serve '{"version": "9.9.9", "pid": 7, "state_dir": "/var/lib/mscg"}' '{"settings": []}' \
        '{"stats": {"engine": "local", "drained": false, "mode": "user", "warnings": ["controller memory is missing"]}}'
    run mscg doctor
    [[ $output == *"warn mscg is "*", mscgd is 9.9.9"* ]]
    [[ $output == *"warn mscgd says: controller memory is missing"* ]]
    [[ $output == *"ok   a user's scheduler: jobs open devices as modes and their own /dev let them"* ]]
    stop_daemon
    make_room
    serve '{"error": "Failed"}'
    run mscg doctor --json
    [ "$status" -eq 1 ]
    same fail "$(of daemon <<<"$output")"
}

@test "bad input" {
    fails 2 mscg doctor x
    fails 2 mscg doctor --fix
}
