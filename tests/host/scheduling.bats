#!/usr/bin/env bats
# timeout: 300
# also: 6.1 slow
# What people say about when a job runs, on real processes: hold, begin, deadline, and what is changed while it runs.

load ../cli/helper

setup() { start_real; }
teardown() { stop_real; }

is() { [ "$(field "$1" state 2>/dev/null)" = "$2" ]; }

@test "hold, release, begin, over a daemon that is killed" {
    mscg submit -J runs "exec sleep 600"
    mscg submit -H true
    mscg submit --begin now+2hours true
    within 30 is 1 RUNNING
    kill_daemon
    start_real
    same "RUNNING JobHeldUser BeginTime" "$(field 1 state) $(field 2 reason) $(field 3 reason)"
    mscg release 2
    mscg update 3 --begin none
    mscg wait 2 3 --timeout 60
}

@test "a time limit and a deadline that come while it runs" {
    mscg submit --grace 1 "exec sleep 600"
    mscg submit --grace 1 "exec sleep 600"
    within 30 is 1 RUNNING
    within 30 is 2 RUNNING
    mscg update 1 --time 1h
    mscg update 1 --time -3590s
    mscg update 2 --deadline now+2
    within 60 is 2 DEADLINE
    within 60 is 1 TIMEOUT
    same 15 "$(field 2 signal)"
}

@test "dependencies, over a daemon that is killed" {
    mscg submit "sleep 1; exit 3"
    mscg submit -d afternotok:1 true
    mscg submit -d afterok:1 true
    kill_daemon
    start_real
    mscg wait 2 --timeout 60
    same "DependencyNeverSatisfied" "$(field 3 reason)"
    mscg submit -d afterok:2,afternotok:1 true
    mscg wait 4 --timeout 60
}

@test "some tasks of an array, by range: cancelled, suspended, run again" {
    mscg submit -a 0-9%2 --grace 0 'echo begins >>$MSCG_ARRAY_TASK_ID.$MSCG_RESTART_COUNT; exec sleep 600'
    within 30 test -s 0.0 -a -s 1.0
    mscg cancel '1_[0,5-7]'
    within 30 test -s 2.0
    run mscg suspend '1_[0-9]'
    same "Suspended job 1_1 Suspended job 1_2" "$(echo $output)"
    run mscg resume '1_[2-9]'
    same "Resuming job 1_2" "$output"
    run mscg requeue '1_[0-2]'
    same "Requeued job 1_1 Requeued job 1_2" "$(echo $output)"
    within 30 test -s 1.1 -a -s 2.1
    kill_daemon
    start_real
    same "CANCELLED CANCELLED PENDING" "$(field 1_0 state) $(field 1_5 state) $(field 1_8 state)"
}

@test "aftercorr: a task for a task, some of them before and some after the submission and a daemon that is killed" {
    mscg submit -a 0-3%1 'case $MSCG_ARRAY_TASK_ID in 0) ;; 1) exit 3 ;; *) while [ ! -e go ]; do sleep 0.05; done ;; esac'
    mscg wait 1_0 1_1 --timeout 60 || true
    mscg submit -a 0-3 -d aftercorr:1 'touch second.$MSCG_ARRAY_TASK_ID'
    mscg wait 2_0 --timeout 60
    same "second.0 PENDING aftercorr:1" "$(echo second.*) $(field 2 state) $(field 2 dependency)"
    kill_daemon
    touch go
    start_real
    mscg wait 2_2 2_3 --timeout 60
    same "second.0 second.2 second.3" "$(echo second.*)"
    same "PENDING DependencyNeverSatisfied aftercorr:1(failed)" "$(field 2 state) $(field 2 reason) $(field 2 dependency)"
}

@test "backfill by time limits: the head keeps its time, what is over by then passes" {
    mscg submit -J runs -t 60s --grace 0 "exec sleep 600"
    within 30 is 1 RUNNING
    mscg submit -J head --cpus 2 -t 60s --grace 0 "exec sleep 1"
    mscg submit -J long -t 1h --grace 0 "exec sleep 600"
    mscg submit -J short -t 20s --grace 0 true
    mscg wait 4 --timeout 60
    same "PENDING Resources" "$(field 2 state) $(field 2 reason)"
    same "PENDING Priority" "$(field 3 state) $(field 3 reason)"
    mscg cancel 1
    mscg wait 2 --timeout 60
    within 30 is 3 RUNNING
}

@test "without time limits whatever fits passes, until the head has waited for the guard's time" {
    kill_daemon
    start_real --starvation-guard 2s
    mscg submit "exec sleep 600"
    within 30 is 1 RUNNING
    mscg submit --cpus 2 true
    mscg submit true
    mscg wait 3 --timeout 60
    within 30 eval '[ $(( $(date +%s) - $(date +%s -d "$(field 2 submit_time)") )) -ge 3 ]'
    mscg submit true
    same "PENDING Priority" "$(field 4 state) $(field 4 reason)"
    mscg cancel 1
    mscg wait 2 4 --timeout 60
}

@test "a pipeline from a file: what one writes the next reads, over a daemon that is killed" {
    cat >pipeline.json <<EOF
{"defaults": {"chdir": "$room"}, "jobs": [
  {"name": "sum", "command": "cat part.* | sort | xargs >sum", "dependency": "afterok:part"},
  {"name": "part", "command": "echo \$MSCG_ARRAY_TASK_ID >part.\$MSCG_ARRAY_TASK_ID", "array": "1-4", "dependency": "afterok:gate"},
  {"name": "gate", "command": "until [ -e go ]; do sleep 0.1; done"},
  {"name": "never", "command": "touch never", "dependency": "afternotok:gate"}]}
EOF
    same "3 2 1 4" "$(mscg submit --file pipeline.json --parsable | xargs)"
    within 30 is 1 RUNNING
    kill_daemon
    start_real
    same "afterok:1 afterok:2" "$(field 2 dependency) $(field 3 dependency)"
    touch go
    mscg wait 3 --timeout 60
    same "1 2 3 4" "$(cat sum)"
    same "PENDING DependencyNeverSatisfied" "$(field 4 state) $(field 4 reason)"
    [ ! -e never ]
    # What they cost: CPUs by time, memory by time; the one that never started nothing.
    same '["1", "2_1", "2_2", "2_3", "2_4", "3"]' "$(mscg cost --by job --json | json '[x["job"] for x in j["rows"]]')"
    # A CPU is held from its grant on, a moment before the program runs.
    mscg show 1 --json | json "(lambda run, cpu, gib: 'right' if 0.99 * run <= cpu < run + 5 and abs(gib - run) < 0.01 * run else (run, cpu, gib))(
        j['run_seconds'], j['cost']['cpu_hours'] * 3600, j['cost']['gib_hours'] * 2**30 * 3600 / j['mem_bytes'])" | tee cost
    same right "$(cat cost)"
}

@test "a scheduler that lets nothing pass, taken over by a running daemon" {
    printf '[scheduler]\nscheduler = fcfs\n' >conf
    kill_daemon
    start_real --config "$room/conf"
    mscg submit "exec sleep 600"
    within 30 is 1 RUNNING
    mscg submit --cpus 2 true
    mscg submit true
    same "PENDING Priority" "$(field 3 state) $(field 3 reason)"
    printf '[scheduler]\nscheduler = firstfit\n' >conf
    kill -HUP "$daemon_pid"
    mscg wait 3 --timeout 60
}

@test "why a job waits, when it starts, and what would make it start now" {
    mscg submit -t 20m --grace 0 "exec sleep 600"
    within 30 is 1 RUNNING
    mscg submit --cpus 2 -t 60s --grace 0 true
    mscg submit -t 1h --grace 0 "exec sleep 600"
    why() { mscg why "$1" --json | json "$2"; }
    same '["Resources", 0]' "$(why 2 '[j["reason"], j["ahead"]]')"
    same '["Priority", 1, ["2"]]' "$(why 3 '[j["reason"], j["ahead"], j["before"]]')"
    within 5 eval '[ "$(mscg why 3 | grep -c "Starts now with")" = 1 ]'
    $(why 3 '[c["command"] for c in j["starts_now_with"] if "--time" in c["command"]][0]')
    within 30 is 3 RUNNING
    mscg cancel 1 3
    mscg wait 2 --timeout 60
}

@test "a topology of the machine's own cores: what runs has its names after a restart with another one" {
    kill_daemon
    start_real --topology-config default
    mscg submit -c 1 --mem 50M "exec sleep 600"
    within 30 is 1 RUNNING
    cpus=$(field 1 cpuset)
    node=$(mscg show --json 1 | json 'j["nodes"]')
    [[ $node =~ ^node[0-9]+$ ]]
    same '["leaf'$(((${node#node} + 3) / 4))'"]' "$(mscg show --json 1 | json 'j["switches"]')"
    nodes=$(mscg stats --json | json 'j["topology"].split()[0]')
    for i in $(seq "$nodes"); do echo "SwitchName=s$i Nodes=node$i"; done >topology.conf
    echo "SwitchName=top Switches=s[1-$nodes]" >>topology.conf
    kill_daemon
    start_real --topology-config topology.conf
    same "$cpus $node" "$(field 1 cpuset) $(mscg show --json 1 | json 'j["nodes"]')"
    same "[\"s${node#node}\"]" "$(mscg show --json 1 | json 'j["switches"]')"
}

@test "more memory in reserve than jobs can spare" {
    kill_daemon
    start_real --reserve-mem 1G
    grep -q "reserve-mem is 1024 MiB of 512, and at least half is left to jobs: reserving 256$" daemon.log
    mscg stats --json | json 'j["mem_total"] == 256 << 20' | grep -q true
}
