#!/usr/bin/env bats
# mscg events: the journal up to the present, and what comes.

load helper

setup() { start_daemon; }
teardown() {
    [ -z "${follower:-}" ] || kill "$follower" 2>/dev/null || true
    stop_daemon
}

kinds() { mscg events --json "$@" | "$python" -c 'import json, sys; print(*(json.loads(l)["kind"] for l in sys.stdin))'; }

@test "an empty journal" {
    same "" "$(mscg events)"
    same "" "$(mscg events --json)"
}

@test "the story of a job, one line an event" {
    mscg submit --mem 1GB --wait "exit 3" || true
    run mscg events
    [[ ${lines[0]} =~ ^\ \ \ \ \ 1\ 20[0-9-]{8}\ [0-9:.]{12}\ 1\ \ \ \ \ \ submitted\ \ \ \ \ \ \ PENDING\ .*mem=1G ]]
    [[ ${lines[1]} == *" granted "*" RUNNING "*"cpus=1 cpuset=0 mem=1G"* ]]
    [[ ${lines[2]} == *" started "* ]]
    [[ ${lines[3]} == *" ended "*" FAILED "*"exit=3"*"reason=NonZeroExitCode"* ]]
    same "submitted granted started ended" "$(kinds)"
    same "submitted granted started ended" "$(kinds --no-follow --since all)"
}

@test "--since and --job" {
    mscg submit --wait true
    mscg submit --wait true
    same "granted started ended submitted granted started ended" "$(kinds --since 1)"
    same "submitted granted started ended" "$(kinds --job 2)"
    same "submitted granted started ended" "$(kinds 2)"
    same "" "$(kinds --since 8)"
    same "" "$(kinds --since 1000)"
    same "" "$(kinds --since now)"
    mscg events --json --since 4 | "$python" -c '
import json, sys
events = [json.loads(l) for l in sys.stdin]
assert [e["seq"] for e in events] == [5, 6, 7, 8], events
assert set(events[0]) == {"seq", "time", "id", "kind", "state", "reason", "attempt", "exit_code", "signal", "cpus", "cpuset", "gres", "mem_bytes", "text"}, events[0]'
}

@test "-f follows, from now on" {
    mscg submit --wait true
    mscg events -f --json >out 3>&- &
    follower=$!
    # Nothing says when it listens: submit until it has heard of one.
    heard() { mscg submit true; grep -q '"kind":"ended"' out; }
    within 10 heard
    ! grep -q '"id":"1"' out
}

@test "-f with a job begins with its beginning, and goes on when the daemon was restarted" {
    mscg submit --wait true
    mscg submit true
    mscg events -f --job 2 >out 3>&- &
    follower=$!
    within 5 grep -q "ended" out
    same 4 "$(wc -l <out)"
    kill "$follower"
    wait "$follower" || true
    mscg events -f --since all --json >out 3>&- &
    follower=$!
    within 5 grep -q '"id":"2"' out
    kill_daemon
    start_daemon
    mscg submit true
    third() { grep -q '"id":"3","kind":"ended"' out; }
    within 10 third
    # Nothing twice, nothing left out.
    same "$(seq 12 | xargs)" "$("$python" -c 'import json; print(*(json.loads(l)["seq"] for l in open("out")))')"
}

@test "more events than one slice" {
    mscg submit -a 0-299 --wait true
    # The array itself is submitted and ends, each task is granted, started and ends.
    same 902 "$(mscg events | wc -l)"
}

@test "bad input" {
    fails 2 mscg events --since x
    says "'x'"
    fails 2 mscg events --since -1
    fails 2 mscg events --since ""
    fails 2 mscg events --job x
    fails 2 mscg events --job 1 2
    fails 2 mscg events 1 2
    fails 4 mscg --socket "$room/none" events
}
