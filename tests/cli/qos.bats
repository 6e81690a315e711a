#!/usr/bin/env bats
# Qualities of service: [qos NAME] in the configuration, --qos, mscg qos, mscg update --qos.

load helper

setup() {
    make_room
    cat >mscg.conf <<'END'
[scheduler]
default-qos = short

[qos short]
max-time = 1:00:00
max-jobs-per-user = 2
[qos high]
priority = 100
preempts = low short
max-cpus-per-job = 2
max-mem-per-job = 4G
users = root, nobody
# those of a group that nobody is in
[qos staff]
priority = 50
groups = no-such-group
[qos low]
priority = -10
preempt-mode = cancel
grace-time = 0
preempt-exempt-time = 1s
max-submit-per-user = 3
max-cpus-per-user = 2
max-mem-per-user = 6G
END
}
teardown() { stop_daemon; }

start() { start_daemon --config mscg.conf "$@"; }
state() { field "$1" state; }
is() { [ "$(state "$1")" = "$2" ]; }

@test "listed, as a table and as JSON" {
    start
    same "NAME PRIORITY MAX-TIME CPUS/JOB MEM/JOB SUBMIT/USER JOBS/USER CPUS/USER MEM/USER GRP-JOBS GRP-CPUS GRP-MEM PREEMPTS BY MINE" "$(mscg qos | head -1 | xargs)"
    same "high 100 - 2 4G - - - - - - - low,short suspend yes" "$(mscg qos | grep ^high | xargs)"
    same "low -10 - - - 3 - 2 6G - - - - cancel yes" "$(mscg qos | grep ^low | xargs)"
    same "short* 0 01:00:00 - - - 2 - - - - - - suspend yes" "$(mscg qos | grep -F 'short*' | xargs)"
    same "high low normal short staff" "$(mscg qos --json | json '" ".join(q["name"] for q in j)')"
    same "[True, 3600, None, ['root', 'nobody']]" \
        "$(mscg qos --json | python3 -c 'import json, sys; q = {x["name"]: x for x in json.load(sys.stdin)}; print([q["short"]["default"], q["short"]["max_time"], q["low"]["users"], q["high"]["users"]])')"
}

@test "a job has what it asks for, else the default; its priority and time limit with it" {
    start
    mscg submit "sleep 60"
    same "short 3600 0" "$(field 1 qos) $(field 1 time_limit) $(field 1 priority)"
    mscg submit -q high --priority 7 -c 2 "sleep 60"
    same "high null 107" "$(field 2 qos) $(field 2 time_limit) $(field 2 priority)"
    [[ $(mscg show 2) == *"  QOS:         high"* ]]
    same "high" "$(mscg queue -h -o %q -j 2)"
    printf '#!/bin/sh\n#SBATCH --qos=low\nsleep 60\n' >job.sh
    mscg submit job.sh
    same "low -10" "$(field 3 qos) $(field 3 priority)"
    kill_daemon
    start
    same "high 107 low" "$(field 2 qos) $(field 2 priority) $(field 3 qos)"
}

@test "what a job may not have is refused with what it may" {
    start
    fails 2 mscg submit --qos fast true
    says "no QOS 'fast': expected one of high, low, normal, short, staff (see: mscg qos)"
    fails 1 mscg submit --qos high -c 3 true
    says "3 CPUs are more than the 2 that a job may have in QOS high"
    fails 1 mscg submit --qos high --mem 5G true
    says "5G of memory is more than the 4G that a job may have in QOS high"
    fails 1 mscg submit -t 2h true
    says "a time limit of 02:00:00 is more than the 01:00:00 that a job may have in QOS short"
    fails 2 mscg submit --qos
    mscg submit --qos high -c 2 --mem 1G true
    mscg submit -t 1h true
}

@test "limits of a user hold up nobody else, and are the reason" {
    start
    as_user mscg submit --mem 1G -a 0-2 "sleep 60" 2>/dev/null
    same "PENDING QOSMaxJobsPerUserLimit" "$(state 1) $(field 1 reason)"
    [[ $(mscg show 1) == *"its user runs 2 jobs in QOS short, and may run 2 at a time"* ]]
    as_user mscg submit -q low --mem 1G -a 0-1 "sleep 60" 2>/dev/null
    within 5 is 2_1 RUNNING
    as_user mscg submit -q low --mem 1G "sleep 60" 2>/dev/null
    same "PENDING QOSMaxCpuPerUserLimit" "$(state 3) $(field 3 reason)"
    run as_user mscg submit -q low true
    same "1 mscg: 1 job more than the 3 that a user may have here in QOS low: 3 of yours are not over" "$status $(tail -1 <<<"$output")"
}

@test "limits of a whole QOS are root's too, hold up nobody else, and are the reason" {
    printf '[qos batch]\ngrp-jobs = 3\ngrp-cpus = 3\ngrp-mem = 8G\n' >>mscg.conf
    start
    mscg submit -q batch -c 2 --mem 1G "sleep 60"
    as_user mscg submit -q batch -c 2 --mem 1G "sleep 60" 2>/dev/null
    mscg submit -q batch -c 1 --mem 8G "sleep 60"
    as_user mscg submit -q high --mem 1G "sleep 60" 2>/dev/null
    within 5 is 4 RUNNING
    same "RUNNING PENDING QOSGrpCpuLimit PENDING QOSGrpMemLimit" "$(state 1) $(state 2) $(field 2 reason) $(state 3) $(field 3 reason)"
    [[ $(mscg show 2) == *"needs 2 CPUs, jobs of QOS batch have 2 of the 3 that they may have"* ]]
    mscg why 3 | grep -q "QOSGrpMemLimit: needs 8G of memory, jobs of QOS batch have 1G of the 8G that they may have"
    mscg cancel 1
    within 5 is 2 RUNNING
    same "QOSGrpMemLimit" "$(field 3 reason)"
    same "batch 0 - - - - - - - 3 3 8G - suspend yes" "$(mscg qos | grep ^batch | xargs)"
    same "3 3 8589934592" "$(mscg qos --json | "$python" -c 'import json, sys; q = {x["name"]: x for x in json.load(sys.stdin)}["batch"]; print(q["grp_jobs"], q["grp_cpus"], q["grp_mem"])')"
}

@test "who it is not for is refused, and sees it in the list" {
    start
    run as_user mscg submit -q staff true
    same "5 mscg: QOS staff is not for you: see mscg qos" "$status $(tail -1 <<<"$output")"
    as_user mscg submit -q high true 2>/dev/null
    same no "$(as_user mscg qos | grep staff | awk '{print $NF}')"
    same yes "$(as_user mscg qos | grep high | awk '{print $NF}')"
    grep -q "audit=refused verb=Submit uid=65534" daemon.log
    as_user mscg submit -H true 2>/dev/null
    run as_user mscg update 2 --qos staff
    same 5 "$status"
}

@test "of what waits it can be changed, and the priority that it brings" {
    start
    mscg submit -H --priority 3 -c 2 --mem 1G true
    same "Updated job 1" "$(mscg update 1 --qos high)"
    same "high 103" "$(field 1 qos) $(field 1 priority)"
    mscg events 1 | grep -q "qos: high, was short"
    mscg update 1 --qos low --priority 5
    same "low 5" "$(field 1 qos) $(field 1 priority)"
    fails 2 mscg update 1 --qos fast
    says "no QOS 'fast'"
    mscg submit -H -c 3 true
    fails 1 mscg update 2 --qos high
    says "job 2: 3 CPUs are more than the 2 that a job may have in QOS high"
    mscg submit "sleep 60"
    within 5 is 3 RUNNING
    fails 1 mscg update 3 --qos high
    says "job 3: it is RUNNING: only what waits can be given another QOS"
}

@test "one that is gone with a reload keeps its jobs waiting until they have another" {
    start
    mscg submit -q low -c 4 "sleep 60"
    mscg submit -q high -c 1 "sleep 60"
    sed -i '/^\[qos high\]/,/^users/d' mscg.conf
    kill -HUP "$daemon_pid"
    reloaded() { grep -q "configuration reloaded" daemon.log; }
    within 5 reloaded
    mscg cancel 1
    gone() { [ "$(field 2 reason)" = InvalidQOS ]; }
    within 5 gone
    same high "$(field 2 qos)"
    mscg update 2 --qos normal
    within 5 is 2 RUNNING
}

@test "a job of a QOS that preempts others ends what is to be cancelled for it, and says so" {
    start
    mscg submit -q low -c 4 "sleep 60"
    within 5 is 1 RUNNING
    mscg submit -q high -c 2 --mem 1G "sleep 60"
    ended() { [ "$(state 1)" = PREEMPTED ]; }
    within 10 ended
    within 5 is 2 RUNNING
    same Preempted "$(field 1 reason)"
    mscg events 1 | grep -q "makes room for job 2 of QOS high"
    same "0 None" "$(mscg qos --json | "$python" -c 'import json, sys; q = {x["name"]: x for x in json.load(sys.stdin)}; print(q["low"]["grace_time"], q["high"]["grace_time"])')"
}

@test "a configuration that makes no sense is refused with file and line" {
    refused() { # LINES TEXT
        printf "$1" >bad.conf
        run mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" --config bad.conf
        [ "$status" -ne 0 ]
        [[ $output == *"$2"* ]] || { echo "expected: $2; $output"; false; }
    }
    refused '[qos a b]\npriority = 1\n' "bad.conf:1: [qos a b]: expected a name of letters, digits, '_', '.' and '-', at most 31 of them"
    refused '[qos high]\npriority = many\n' "bad.conf:2: priority: invalid number 'many'"
    refused '[qos high]\n\nscheduler = easy\n' "bad.conf:3: unknown setting 'scheduler' of a QOS"
    refused '[qos]\n' "bad.conf:1: [qos ]: expected a name"
    refused '[qos a]\npreempts = b\n[qos b]\npreempts = a c\n[qos c]\n' '[qos a]: preempts: itself in the end: expected no circle'
    refused '[qos a]\npreempts = b\n' '[qos a]: preempts: no [qos b] in the configuration'
    refused '[qos a]\npreempt-mode = kill\n' "bad.conf:2: preempt-mode: invalid value 'kill': expected one of suspend, requeue, cancel, shrink and off"
    refused '[qos a]\ngrace-time = soon\n' 'bad.conf:2: grace-time: '
    refused '[qos a]\ngrp-cpus = 0\n' "bad.conf:2: grp-cpus: out of range '0': expected a whole number from 1 to 1000000"
    refused '[qos a]\ngrp-mem = much\n' 'bad.conf:2: grp-mem: '
    refused '[scheduler]\npreempt-type = age\n' "invalid value 'age': expected one of qos|priority"
    refused '[scheduler]\ndefault-qos = fast\n' "default-qos: no [qos fast] in the configuration"
    refused "$(for i in {1..33}; do echo "[qos q$i]"; done)\n" "bad.conf:33: [qos q33]: expected 32 at most"
}
