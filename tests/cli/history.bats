#!/usr/bin/env bats
# mscg history: sacct's fields, filters and forms.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "a table as sacct prints it" {
    mscg submit -J train -A lab --wait true
    mscg submit --wait "exit 3" || true
    run mscg history -o JobID,JobName,Account,AllocCPUS,State,ExitCode
    same "JobID           JobName    Account  AllocCPUS      State ExitCode" "${lines[0]}"
    same "------------ ---------- ---------- ---------- ---------- --------" "${lines[1]}"
    same "1                 train        lab          1  COMPLETED      0:0" "${lines[2]}"
    same "2                  exit                     1     FAILED      3:0" "${lines[3]}"
    [[ $(mscg history | head -1) == "JobID           JobName      User    Account  AllocCPUS      State ExitCode     Elapsed     MaxRSS" ]]
}

@test "-P, -p, -n, widths" {
    mscg submit -J "a long name" --wait true
    same $'JobID|State|ExitCode\n1|COMPLETED|0:0' "$(mscg history -P -o JobID,State,ExitCode)"
    same $'1|COMPLETED|' "$(mscg history -p -n --format=jobid,STATE)"
    same "a lo+|COMPLETED |1" "$(mscg history -n -o 'JobName%5,State%-10,JobID%-1' | tr ' ' '|' | sed 's/a|lo/a lo/; s/COMPLETED||/COMPLETED |/')"
    same "a long name" "$(mscg history -n -o JobName%-11)"
}

@test "filters" {
    mscg submit -J one -A lab --wait true
    mscg submit -J two --wait "exit 1" || true
    mscg submit -J three sleep 60
    ids() { mscg history -n -P -o JobID "$@" | xargs; }
    same "1 2 3" "$(ids)"
    same "2" "$(ids --state FAILED)"
    same "1 3" "$(ids -s CD,R)"
    same "2" "$(ids --name two)"
    same "1" "$(ids -A lab)"
    same "1 2 3" "$(ids --me)"
    same "1 2 3" "$(ids -u "$(id -un)")"
    fails 2 mscg history -n --user nobody-of-that-name
    says "no user 'nobody-of-that-name' on this machine"
    same "" "$(ids --user daemon)"
    same "1 3" "$(ids -j 1,3)"
    same "2" "$(ids 2)"
    same "2 3" "$(ids -j 3 2)"
    same "1 2" "$(ids --limit 2)"
    same "" "$(ids -j 99)"
}

@test "times" {
    mscg submit --wait true
    ids() { mscg history -n -P -o JobID "$@" | xargs; }
    same "1" "$(ids --since today)"
    same "1" "$(ids -S now-1hour -E now)"
    same "" "$(ids -S 2020-01-01 -E 2020-12-31)"
    same "" "$(ids --since 2100-01-01)"
    same "1" "$(ids --since 2020-01-01T00:00:00)"
    same "1" "$(ids --starttime yesterday --endtime 2100-01-01)"
    [[ $(mscg history -n -P -o Submit,Start,End) =~ ^20[0-9-]{8}T[0-9:]{8}\|20[0-9-]{8}T[0-9:]{8}\|20[0-9-]{8}T[0-9:]{8}$ ]]
    fails 2 mscg history --since now --until yesterday
    says "before"
}

@test "tasks of arrays" {
    mscg submit -a 0-2 --wait true
    mscg submit --mem 20GB -a 5-9%2 true
    same "1_0 1_1 1_2 2_[5-9%2]" "$(mscg history -n -P -o JobID | xargs)"
    same "1 1 1 2" "$(mscg history -n -P -o ArrayJobID | xargs)"
    ids() { mscg history -n -P -o JobID "$@" | xargs; }
    same "2_[5-9%2] 1_0 1_1 1_2" "$(ids -j 2,1)"
    same "1_1" "$(ids 1_1)"
    same "" "$(ids 1 -s FAILED)"
    mscg submit -a 0-599 --wait true
    same 600 "$(ids 3 | wc -w)"
    same "3_0 3_599 1_0" "$(ids 3 1 | awk '{ print $1, $600, $601 }')"
}

@test "every field can be asked for" {
    mscg submit --wait true
    mscg submit sleep 60
    fields=$(mscg history --helpformat | awk '{ print $1 }' | paste -sd,)
    [ "$(tr , '\n' <<<"$fields" | wc -l)" -ge 40 ]
    for name in JobID JobName User Account State ExitCode Submit Eligible Start End Elapsed Timelimit Planned Suspended ReqCPUS AllocCPUS \
        ReqMem MaxRSS TotalCPU UserCPU SystemCPU CPUTime MaxDiskRead MaxDiskWrite Restarts WorkDir SubmitLine; do
        [[ ",$fields," == *",$name,"* ]] || { echo "$name"; false; }
    done
    mscg history -P -o "$fields" >out
    same 3 "$(wc -l <out)"
    same 1 "$(awk -F'|' '{ print NF }' out | sort -u | wc -l)"
}

@test "accounting as sacct writes it" {
    stop_daemon
    make_room
    serve '{"jobs": [{"id": "7", "job_id": 7, "state": "COMPLETED", "exit_code": 0, "attempt": 2, "restart_count": 1, "cpus": 2, "current_cpus": 0,
        "elastic": true, "mem_bytes": 4294967296, "time_limit": 5400, "run_seconds": 100.4, "wait_seconds": 61,
        "start_time": "2026-01-31T12:00:00Z", "accounting": {"cpu_usec": 61500000, "cpu_user_usec": 4000000000, "cpu_system_usec": 1234,
        "cpu_held_usec": 301200000, "memory_peak_bytes": 314572800, "cpu_efficiency": 0.204183, "memory_efficiency": 0.0732,
        "oom_kills": 0}}]}'
    same "00:01:40|01:30:00|00:01:01|3|01:01.500|01:06:40|00:00.001|00:05:01|301|300M|4G|20.42%|7.32%|1|0:0|2026-01-31T12:00:00|Unknown" \
        "$(mscg history -n -P -o Elapsed,Timelimit,Planned,AllocCPUS,TotalCPU,UserCPU,SystemCPU,CPUTime,CPUTimeRAW,MaxRSS,ReqMem,CPUEff,MemEff,Restarts,ExitCode,Start,End)"
}

@test "--json" {
    mscg submit --wait true
    mscg submit --wait true
    same '["1", "2"]' "$(mscg history --json | json '[x["id"] for x in j]')"
    same '[]' "$(mscg history --json --state FAILED)"
}

@test "bad input" {
    fails 2 mscg history --since tomorrow1
    says "tomorrow1"
    fails 2 mscg history --state NOSUCH
    fails 2 mscg history --format NoSuch
    says "'NoSuch'"
    says "--helpformat"
    fails 2 mscg history --format JobID%x
    fails 2 mscg history --format JobID%0
    fails 2 mscg history --format ""
    fails 2 mscg history --format "JobID,,State"
    fails 2 mscg history -j x
    fails 2 mscg history x
    fails 2 mscg history --me --user x
    fails 4 mscg --socket "$room/none" --state-dir "$(not_mine)" history
}

@test "tasks of an array that never started are one line, and counted" {
    rows() { mscg history -n -P -o JobID,State,ExitCode "$@" | xargs; }
    cancelled() { mscg stats --json | json '"%d %d" % (j["by_state"].get("CANCELLED", 0), j["pending"])'; }
    mscg submit -c 4 -a 0-9 sleep 600
    within 10 eval '[ "$(field 1_0 state)" = RUNNING ]'
    mscg wait 1_7 --timeout 20 >waited 3>&- &
    waits=$!
    mscg cancel 1_3
    mscg cancel 1
    within 10 eval '[ "$(field 1 state)" = CANCELLED ]'
    wait $waits || same 1 $?
    same "Job 1_7 CANCELLED" "$(<waited)"
    same "1_[1-2,4-9]|CANCELLED|0:0 1_0|CANCELLED|0:15 1_3|CANCELLED|0:0" "$(rows -j 1)"
    same "1_5|CANCELLED|0:0" "$(rows -j 1_5)"
    mscg show 1_5 | grep -q 'Status: *CANCELLED'
    mscg show 1 | grep -q 'Never ran: *1-2,4-9, CANCELLED'
    fails 3 mscg show 1_10
    same "10 0" "$(cancelled)"
    same '["1", "CANCELLED", "Cancelled", "1-2,4-9", 8]' \
        "$(mscg history -j 1 --json | json '[j[0][k] for k in ("id", "state", "reason")] + [j[0]["array_unstarted"][k] for k in ("tasks", "count")]')"
    mscg queue | grep -q '^ *1_\[1-2,4-9\] *CANCELLED'

    mscg submit --hold -a 0-4 true # before any task of it ran
    mscg cancel 2
    mscg submit -c 4 -a 0-9 --max-fails 1 "exit 3"
    within 10 eval '[ "$(field 3 state)" = FAILED ]'
    same "2_[0-4]|CANCELLED|0:0" "$(rows -j 2)"
    same "3_[1-9]|CANCELLED|0:0 3_0|FAILED|3:0" "$(rows -j 3)"
    same "3_[1-9] JobArrayMaxFails" "$(mscg history -n -P -o JobID,Reason -j 3 | head -1 | tr '|' ' ')"
    same "1_[1-2,4-9] 1_0 1_3 2_[0-4] 3_[1-9]" "$(mscg history -n -P -o JobID --state CANCELLED | xargs)"
    same "3_0" "$(mscg history -n -P -o JobID --state FAILED)"
    same "2_[0-4] CANCELLED" "$(mscg queue -h -o "%i %T" --status CANCELLED -n 1)"
    same FAILED "$(mscg queue -h -o %T -j 3_0)"

    mscg submit -c 4 sleep 600
    mscg submit -a 0-3 --deadline now+3s -t 1s true
    within 20 eval '[ "$(field 5 state)" = DEADLINE ]'
    mscg cancel 4
    within 10 eval '[ "$(field 4 state)" = CANCELLED ]'
    same "5_[0-3]|DEADLINE|0:0" "$(rows -s DL)"
    same DEADLINE "$(field 5_2 state)"
    same 4 "$(mscg stats --json | json 'j["by_state"]["DEADLINE"]')"
    same "25 0" "$(cancelled)"
    kill_daemon
    start_daemon
    same "25 0" "$(cancelled)"
    mscg fsck >/dev/null
    # what waits for one of these knows what came of it
    mscg submit -d afterany:1_5 true
    within 10 eval '[ "$(field 6 state)" = COMPLETED ]'
}
