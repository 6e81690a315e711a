#!/usr/bin/env bats
# mscg why: what a job waits for, who is before it, when it starts, and what would make it start now.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

is() { [ "$(field "$1" state)" = "$2" ]; }
has() { grep -qE -- "$1" <<<"$output" || { echo "expected: $1"; echo "$output"; return 1; }; }
why() { mscg why "$1" --json | json "$2"; }

@test "behind a head that has a time" {
    mscg submit --mem 100M -c 3 -t 1h --grace 0 "sleep 60"
    within 10 is 1 RUNNING
    mscg submit --mem 100M -c 4 -t 1h --grace 0 "sleep 60"
    mscg submit --mem 100M -c 1 -t 3h --grace 0 "sleep 60"
    output=$(mscg why 2)
    has "Job 2: Resources: needs 4 CPUs, 1 is free"
    has "  Expected start: [0-9-]+ [0-9:]+, in (01:00:00|00:59:[0-9][0-9]), at the latest by time limits"
    has "1 CPU instead of 4: mscg update 2 --cpus 1"
    output=$(mscg why 3)
    has "Job 3: Priority: "
    has "Before it: +1: 2"
    has "a priority above 0, that of job 2: it would be the first: mscg update 3 --priority 1"
    has "a time limit of (01:00:00|00:59:[0-9][0-9]) at most"
    same '[1, ["2"], null]' "$(why 3 '[j["ahead"], j["before"], j["unknown_because"]]')"
    # what it says is so
    $(why 3 '[c["command"] for c in j["starts_now_with"] if "--time" in c["command"]][0]')
    within 10 is 3 RUNNING
}

@test "what has no time limit, what is held, what begins later" {
    mscg submit --mem 100M -c 4 "sleep 60"
    within 10 is 1 RUNNING
    mscg submit --mem 100M -c 2 true
    mscg submit --mem 100M -c 2 true
    mscg submit -H true
    mscg submit --begin now+2hours true
    output=$(mscg why 2)
    has "cannot be said: it waits for what has no time limit"
    output=$(mscg why 3)
    has "cannot be said: job 2 is before it, and waits for what has no time limit"
    output=$(mscg why 4)
    has "its release: mscg release 4"
    output=$(mscg why 5)
    has "no time to begin: mscg update 5 --begin none"
}

@test "what does not wait" {
    mscg submit true
    mscg wait 1 --timeout 10
    fails 1 mscg why 1
    says "job 1 has ended"
    mscg submit "sleep 60"
    within 10 is 2 RUNNING
    fails 1 mscg why 2
    says "job 2 is RUNNING: only what waits has something to wait for"
    fails 3 mscg why 99
    says "no job 99"
    fails 2 mscg why
    fails 2 mscg why x
}
