#!/usr/bin/env bats
# Partitions: [partition NAME] in the configuration, --partition, mscg partition, mscg update --partition, mscg queue --partition.

load helper

setup() {
    make_room
    cat >mscg.conf <<'END'
[scheduler]
default-partition = main

[qos high]
[partition main]
max-cpus = 3
[partition fast]
priority = 10
max-time = 30:00
default-time = 10:00
max-cpus-per-job = 2
max-mem-per-job = 4G
allow-qos = normal
default-qos = normal
[partition staff]
allow-groups = no-such-group
[partition closed]
state = drain
END
}
teardown() { stop_daemon; }

start() { start_daemon --config mscg.conf "$@"; }
state() { field "$1" state; }
is() { [ "$(state "$1")" = "$2" ]; }

@test "listed, as a table and as JSON" {
    start
    mscg submit -c 2 "sleep 60"
    within 5 is 1 RUNNING
    same "PARTITION STATE PRIORITY JOBS CPUS MAX-TIME TIME CPUS/JOB MEM/JOB QOS ALLOW-QOS MINE" "$(mscg partition | head -1 | xargs)"
    same "main* up 0 1 2/3 - - - - - - yes" "$(mscg partition | grep -F 'main*' | xargs)"
    same "fast up 10 0 0/- 00:30:00 00:10:00 2 4G normal normal yes" "$(mscg partition | grep ^fast | xargs)"
    same "closed drain 0 0 0/- - - - - - - yes" "$(mscg partition | grep ^closed | xargs)"
    same "closed fast main staff" "$(mscg partition --json | json '" ".join(p["name"] for p in j)')"
    same "[True, 3, 2.0, 600, ['normal'], ['no-such-group'], None]" "$(mscg partition --json | "$python" -c 'import json, sys; p = {x["name"]: x for x in json.load(sys.stdin)}; print([p["main"]["default"], p["main"]["max_cpus"], p["main"]["cpus_held"], p["fast"]["default_time"], p["fast"]["allow_qos"], p["staff"]["allow_groups"], p["main"]["default_qos"]])')"
    same no "$(as_user mscg partition | grep staff | awk '{print $NF}')"
}

@test "a job is in the one that it asks for, else the default; its priority and time limit with it" {
    start
    mscg submit "sleep 60"
    same "main null 0" "$(field 1 partition) $(field 1 time_limit) $(field 1 priority)"
    mscg submit -p fast --priority 7 "sleep 60"
    same "fast 600 17" "$(field 2 partition) $(field 2 time_limit) $(field 2 priority)"
    [[ $(mscg show 2) == *"  Partition:   fast"* ]]
    same "fast" "$(mscg queue -h -o %P -j 2)"
    same "2" "$(mscg queue -h -p fast -o %i)"
    same "1" "$(mscg queue -h --partition main -o %i)"
    printf '#!/bin/sh\n#SBATCH --partition=fast\nsleep 60\n' >job.sh
    mscg submit job.sh
    same "fast 10" "$(field 3 partition) $(field 3 priority)"
    kill_daemon
    start
    same "fast 17 main" "$(field 2 partition) $(field 2 priority) $(field 1 partition)"
}

@test "what a job may not have is refused with what it may" {
    start
    fails 2 mscg submit --partition slow true
    says "no partition 'slow': expected one of closed, fast, main, staff (see: mscg partition)"
    fails 1 mscg submit -p fast -c 3 true
    says "3 CPUs are more than the 2 that a job may have in partition fast"
    fails 1 mscg submit -p fast --mem 5G true
    says "5G of memory is more than the 4G that a job may have in partition fast"
    fails 1 mscg submit -p fast -t 31 true
    says "a time limit of 00:31:00 is more than the 00:30:00 that a job may have in partition fast"
    fails 1 mscg submit -p fast --qos high true
    says "partition fast is not for QOS high: see mscg partition"
    fails 1 mscg submit -p closed true
    says "partition closed takes no new jobs: it is drained"
    run as_user mscg submit -p staff true
    same "5 mscg: partition staff is not for you: see mscg partition" "$status $(tail -1 <<<"$output")"
    grep -q "audit=refused verb=Submit uid=65534" daemon.log
    mscg submit -p fast -c 2 --mem 1G -t 30 true
    sed -i '/^default-partition/d' mscg.conf
    kill -HUP "$daemon_pid"
    reloaded() { grep -q "configuration reloaded" daemon.log; }
    within 5 reloaded
    fails 2 mscg submit true
    says "no partition is asked for, and there is no default-partition: expected one of closed, fast, main, staff"
}

@test "what is above the CPUs of a partition waits, holds up nobody, and says why" {
    start
    mscg submit -c 2 --mem 1G "sleep 60"
    mscg submit -c 2 --mem 1G --priority 100 "sleep 60"
    mscg submit -p fast -c 2 --mem 1G "sleep 60"
    within 5 is 3 RUNNING
    same "PENDING PartitionCpuLimit" "$(state 2) $(field 2 reason)"
    mscg why 2 | grep -q "PartitionCpuLimit: needs 2 CPUs, jobs of partition main have 2 of the 3 that they may have"
    mscg submit -c 4 --mem 1G true 2>err
    grep -q "needs 4 CPUs, all jobs of partition main may have 3 at a time" err
    mscg cancel 1
    within 5 is 2 RUNNING
}

@test "of what waits it can be changed, and the priority that it brings" {
    start
    mscg submit -H --priority 3 -t 5 -c 2 --mem 1G true
    same "Updated job 1" "$(mscg update 1 --partition fast)"
    same "fast 13" "$(field 1 partition) $(field 1 priority)"
    mscg events 1 | grep -q "partition: fast, was main"
    fails 1 mscg update 1 --qos high
    says "job 1: partition fast is not for QOS high"
    mscg update 1 -p main --qos high
    same "main high 3" "$(field 1 partition) $(field 1 qos) $(field 1 priority)"
    fails 1 mscg update 1 -p fast
    says "job 1: partition fast is not for QOS high"
    fails 2 mscg update 1 --partition slow
    says "no partition 'slow'"
    fails 1 mscg update 1 --partition closed
    says "job 1: partition closed takes no new jobs: it is drained"
    mscg submit --mem 1G "sleep 60"
    within 5 is 2 RUNNING
    fails 1 mscg update 2 --partition fast
    says "job 2: it is RUNNING: only what waits can be given another partition"
}

@test "without any it is recorded, and means nothing" {
    start_daemon
    same "There are no partitions: mscg.conf(5) says how to make some" "$(mscg partition)"
    same "[]" "$(mscg partition --json)"
    mscg submit -p whatever "sleep 60"
    mscg submit "sleep 60"
    same "whatever RUNNING null" "$(field 1 partition) $(state 1) $(field 2 partition)"
    same 1 "$(mscg queue -h -p whatever -o %i)"
    fails 2 mscg update 1 --partition main
    says "no partition 'main': there are none in the configuration"
}

@test "a configuration that makes no sense is refused with file and line" {
    refused() { # LINES TEXT
        printf "$1" >bad.conf
        run mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" --config bad.conf
        [ "$status" -ne 0 ]
        [[ $output == *"$2"* ]] || { echo "expected: $2; $output"; false; }
    }
    refused '[partition a b]\nstate = up\n' "bad.conf:1: [partition a b]: expected a name of letters, digits, '_', '.' and '-', at most 31 of them"
    refused '[partition a]\nstate = closed\n' "bad.conf:2: state: invalid value 'closed': expected one of up, down, drain and inactive"
    refused '[partition a]\n\nscheduler = easy\n' "bad.conf:3: unknown setting 'scheduler' of a partition"
    refused '[partition a]\nmax-cpus = 0-3\n' "bad.conf:2: max-cpus: "
    refused '[partition a]\nmax-time = soon\n' 'bad.conf:2: max-time: '
    refused '[partition a]\nmax-time = 10\ndefault-time = 20\n' '[partition a]: default-time is more than max-time: expected at most that'
    refused '[partition a]\nmax-cpus = 2\nmax-cpus-per-job = 3\n' '[partition a]: max-cpus-per-job is more than max-cpus, which is for all of its jobs'
    refused '[partition a]\nallow-qos = fast\n' '[partition a]: allow-qos: no [qos fast] in the configuration'
    refused '[partition a]\ndefault-qos = fast\n' '[partition a]: default-qos: no [qos fast] in the configuration'
    refused '[qos fast]\n[partition a]\nallow-qos = normal\ndefault-qos = fast\n' '[partition a]: default-qos: fast is not one of allow-qos: normal'
    refused '[scheduler]\ndefault-partition = main\n' 'default-partition: no [partition main] in the configuration'
    refused "$(for i in {1..33}; do echo "[partition p$i]"; done)\n" 'bad.conf:33: [partition p33]: expected 32 at most'
}
