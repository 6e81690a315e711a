#!/usr/bin/env bats
# mscg top: CPUs used between two readings, as text, as JSON, on a terminal.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

# reading CPU_USEC [SECONDS]: a Top reply with one job that has used so much, in that time
reading() {
    printf '{"stats": {"node": "box", "cpus_total": 4, "cpus_held": 2, "cpus_lent": 0, "mem_total": 1073741824, "mem_held": 0, "running": 1,
        "pending": 3}, "jobs": [{"id": "7", "job_id": 7, "user": "alice", "name": "train", "state": "RUNNING", "current_cpus": 2,
        "command": "python train.py", "run_seconds": %s, "accounting": {"cpu_usec": %s}, "live": {"memory_current_bytes": 104857600,
        "memory_max_bytes": 209715200, "cpu_pressure": 1.25, "memory_pressure": 0.0, "io_pressure": null, "pids_current": 3,
        "cpuset_effective": "0-1", "pinned_threads": 0}}]}' "${2:-100}" "$1"
}

@test "one reading as plain text where there is no terminal" {
    start_daemon
    mscg submit --cpus 2 sleep 60
    run mscg top
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "mscg top - "*"1 running, 0 pending" ]]
    [[ ${lines[1]} == "CPUs   4, held 2,"* ]]
    [[ ${lines[3]} == *" ID USER "*" CPU "*" HELD "*" MEM "*" LIMIT "*COMMAND ]]
    [[ ${lines[4]} == *" 1 "*" 2 "*"sleep 60" ]]
    [[ $output != *$'\e'* ]]
}

@test "CPUs used are the difference of two readings over the time between" {
    serve "$(reading 1000000 100)" "$(reading 1750000 100.5)"
    same 1.5 "$(mscg top --once --json | json 'j["jobs"][0]["cpus_used"]')"
    [[ $(mscg top --once) == *"used by jobs 0.02"* ]] # the second serves again and again: 1.75 s in 100.5 s
}

@test "memory of its limit, pressure, processes" {
    serve "$(reading 1000000)"
    run mscg top --once
    [[ ${lines[4]} =~ ^\ +7\ alice\ +train\ +0\.01\ +2\ +0\ +100M\ +200M\ +50\ +1\.2\ +0\.0\ +-\ +3\ +00:01:40\ python\ train\.py$ ]] || {
        echo "${lines[4]}"
        false
    }
}

@test "--json, one object a reading" {
    start_daemon
    mscg submit sleep 60
    mscg top --json --count 3 --interval 0.1 >out
    same 3 "$(wc -l <out)"
    "$python" -c '
import json
for line in open("out"):
    o = json.loads(line)
    assert set(o) == {"time", "stats", "jobs"}, o
    assert o["jobs"][0]["id"] == "1" and "cpus_used" in o["jobs"][0]'
}

@test "on a terminal: the other screen, q ends it, the terminal is given back" {
    start_daemon
    mscg submit sleep 60
    [[ $("$python" "$BATS_TEST_DIRNAME/terminal.py" 24 120 q mscg top --interval 0.2) == *"sleep 60"* ]]
    "$python" "$BATS_TEST_DIRNAME/terminal.py" 2 5 $'\x03' mscg top --interval 0.2 >/dev/null
}

@test "the daemon goes away and comes back: the readings go on" {
    start_daemon
    mscg top --json --interval 0.1 --count 20 >out 2>err 3>&- &
    top=$!
    within 5 test -s out
    kill_daemon
    start_daemon
    wait "$top"
    same 20 "$(wc -l <out)"
    same 0 "$(wc -l <err)"
}

@test "bad input" {
    fails 2 mscg top --interval 0
    fails 2 mscg top --interval x
    fails 2 mscg top --count 0
    fails 2 mscg top x
    fails 4 mscg top
}
