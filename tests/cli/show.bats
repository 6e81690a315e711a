#!/usr/bin/env bats
# mscg show: Mini-SLURM's fields and labels, ours behind them, and what to ask for next time.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

# job KEY=JSON...: a Job object that ended well, with these values instead
job() {
    "$python" - "$@" <<'PY'
import json, sys
accounting = dict(cpu_usec=12_000_000, cpu_held_usec=80_000_000, cpu_user_usec=11_500_000, cpu_system_usec=500_000,
    nr_throttled=0, throttled_usec=0, memory_peak_bytes=300 << 20, memory_anon_bytes=None, memory_file_bytes=None,
    memory_shmem_bytes=None, oom_kills=0, pids_peak=3, io_read_bytes=0, io_write_bytes=0)
job = dict(id="7", job_id=7, array_task_id=None, array_pending=None, array_tasks=None, name="train", user="alice", uid=1000,
    state="COMPLETED", reason=None, reason_text=None, attempt=1, priority=3, exit_code=0, signal=None, command="python train.py",
    cpu_mode="exclusive", cpus=8, min_cpus=8, max_cpus=8, current_cpus=0, mem_bytes=4 << 30, elastic=False, time_limit=None,
    grace=30, submit_time="2026-01-31T12:00:00.000000Z", start_time="2026-01-31T12:00:38.840000Z",
    end_time="2026-01-31T12:00:48.840000Z", wait_seconds=38.84, run_seconds=10.0, workdir="/home/alice",
    stdout_path="/home/alice/.mscg_logs/job_7.out", stderr_path="/home/alice/.mscg_logs/job_7.err", control_file=None, live=None)
for word in sys.argv[1:]:
    key, value = word.split("=", 1)
    (accounting if key in accounting else job)[key] = json.loads(value)
def ratio(a, b):
    return None if a is None or not b else a / b
accounting["cpu_efficiency"] = ratio(accounting["cpu_usec"], accounting["cpu_held_usec"])
accounting["memory_efficiency"] = ratio(accounting["memory_peak_bytes"], job["mem_bytes"])
job["accounting"] = accounting
print(json.dumps({"job": job}))
PY
}

shown() { serve "$(job "$@")"; output=$(mscg show 7); }
# has LINE: it is one of the lines of the last output
has() { grep -qxF -- "$1" <<<"$output" || { echo "expected: $1"; echo "$output"; return 1; }; }
has_not() { ! grep -qF -- "$1" <<<"$output" || { echo "not expected: $1"; echo "$output"; return 1; }; }

@test "the labels of Mini-SLURM, in its order" {
    shown
    same "$(cat <<'END'
Job 7
  User:        alice
  Status:      COMPLETED
  Priority:    3
  Command:     python train.py
  CPUs:        8
  Mem (MB):    4096
  Submitted:   2026-01-31 12:00:00
  Started:     2026-01-31 12:00:38
  Ended:       2026-01-31 12:00:48
  Wait time:   38.84s
  Runtime:     10.00s
  Return code: 0
  Stdout:      /home/alice/.mscg_logs/job_7.out
  Stderr:      /home/alice/.mscg_logs/job_7.err
  CPU user:    11.50s
  CPU system:  0.50s
END
    )" "$(head -17 <<<"$output")"
}

@test "an elastic job" {
    shown elastic=true cpus=2 min_cpus=2 max_cpus=8 current_cpus=4 state='"RUNNING"' end_time=null control_file='"/run/mscg/jobs/7/control"'
    has "  Type:        ELASTIC"
    has "  CPUs:        2 (current: 4, min: 2, max: 8)"
    has "  Control:     /run/mscg/jobs/7/control"
}

@test "efficiency as seff prints it, and what would have been enough" {
    shown
    has "  CPU Utilized: 00:00:12"
    has "  CPU Efficiency: 15.00% of 00:01:20 core-walltime"
    has "  Job Wall-clock time: 00:00:10"
    has "  Memory Utilized: 300.00 MB"
    has "  Memory Efficiency: 7.32% of 4.00 GB"
    has "  Advice:      asked 8 CPUs, used 1.2 on average: --cpus 2 would have been enough"
    has "  Advice:      asked 4G of memory, used 300M at most: --mem 384M would have been enough"
}

@test "who used well what it held is not advised" {
    shown cpu_usec=79000000 memory_peak_bytes=4000000000
    has "  Advice:      asked 8 CPUs, used 7.9 on average"
    has "  Advice:      asked 4G of memory, used 3.7G at most"
}

@test "what ran for a moment is no measure" {
    shown run_seconds=0.5 cpu_usec=100000 cpu_held_usec=4000000
    has_not "--cpus"
}

@test "out of memory: who was killed, the limit, the peak, and what to try" {
    shown state='"OUT_OF_MEMORY"' reason='"OutOfMemory"' exit_code=137 oom_kills=1 mem_bytes=536870912 memory_peak_bytes=536870912
    has "  Reason:      OutOfMemory: went over its memory limit"
    has "  Advice:      the kernel's OOM killer ended 1 process of this job; its limit is 512M"
    has "  Advice:      its memory stood at the limit (peak 512M): what it needs is not known. Next, try --mem 1G"
    has_not "of memory, used"
}

@test "out of memory below one's own limit" {
    shown state='"OUT_OF_MEMORY"' oom_kills=3
    [[ $output == *"ended 3 processes of this job"*"it was the machine that ran out of memory"* ]]
}

@test "a limit that was lowered under the peak" {
    shown state='"OUT_OF_MEMORY"' oom_kills=1 mem_bytes=268435456 memory_peak_bytes=250000000
    [[ $output == *"--mem 320M would have been enough for that"* ]]
}

@test "time-out, signals, launches that failed" {
    shown state='"TIMEOUT"' reason='"TimeLimit"' time_limit=600 signal=15
    has "  Return code: -15 (SIGTERM)"
    has "  Advice:      it reached its time limit of 00:10:00 (then SIGTERM, 30 s of grace, kill): -t 00:20:00 is twice as long"
    stop_daemon
    make_room
    shown state='"FAILED"' reason='"JobLaunchFailure"' reason_text='"cannot start: no such file"' start_time=null exit_code=127 \
        cpu_usec=null memory_peak_bytes=null cpu_user_usec=null cpu_system_usec=null
    has "  Reason:      JobLaunchFailure: cannot start: no such file"
    has "  Return code: 127"
    has_not "Advice"
    has_not "Efficiency"
    has_not "CPU user"
}

@test "a job that waits says why and for what" {
    start_daemon
    mscg submit --mem 20GB true
    mscg submit --cpus 4 --mem 1GB sleep 60
    mscg submit --cpus 2 --mem 1GB true
    output=$(mscg show 1)
    has "  Status:      PENDING"
    has "  Reason:      Infeasible: needs 20G of memory, this machine has 8G"
    has "  Started:     -"
    has "  Runtime:     -"
    has "  Return code: -"
    output=$(mscg show 3)
    [[ $output == *"  Reason:      Resources: needs 2 CPUs, "* ]]
}

@test "a running job: cores, pressure, memory, pinned threads" {
    shown state='"RUNNING"' end_time=null current_cpus=8 cpuset='"0-7"' mems='"0"' node='"box"' cgroup='"/sys/fs/cgroup/mscg/job_7"' \
        pid=42 exit_code=null live='{"memory_current_bytes": 104857600, "memory_max_bytes": 4294967296, "cpu_pressure": 1.5,
        "memory_pressure": 0.0, "io_pressure": 0.25, "pids_current": 3, "cpuset_effective": "0-3", "pinned_threads": 2}'
    has "  Cores:       0-7"
    has "  Cgroup:      /sys/fs/cgroup/mscg/job_7"
    has "  Effective:   cores 0-3: the kernel gives it others than were asked for"
    has "  Memory now:  100M of 4G"
    has "  Pressure:    CPU 1.5%, memory 0.0%, I/O 0.2% of the last 10 s spent waiting"
    has "  Processes:   3, threads included"
    [[ $output == *"  Pinned:      2 threads"* ]]
    has "  CPU Efficiency: 15.00% of 00:01:20 core-walltime so far"
    has_not "Advice"
}

@test "an array shows how its tasks stand" {
    start_daemon
    mscg submit -a 0-9%2 sleep 60
    running() { [ "$(field 1_0 state)" = RUNNING ]; }
    within 5 running
    output=$(mscg show 1)
    has "  Tasks:       10: 8 waiting, 2 running, 0 ended, of these 0 not well"
    has "  Waiting:     2-9"
    has "  At a time:   2"
    has "  Stdout:      $(field 1_0 stdout_path | sed 's/1_0\.out$/1_%a.out/')"
    same "Job 1_0" "$(mscg show 1_0 | head -1)"
    same "Job 1_5" "$(mscg show 1_5 | head -1)"
}

@test "--json is the Job object itself, and an array of several" {
    start_daemon
    mscg submit -J one --wait true
    mscg submit --wait "exit 3" || true
    same '["1", 1, "one", "COMPLETED", 0]' "$(mscg show --json 1 | json '[j["id"], j["job_id"], j["name"], j["state"], j["exit_code"]]')"
    same '["1", "2"]' "$(mscg show --json 1 2 | json '[x["id"] for x in j]')"
    for key in cpu_usec cpu_held_usec cpu_user_usec cpu_system_usec nr_throttled throttled_usec memory_peak_bytes memory_anon_bytes \
        memory_file_bytes oom_kills pids_peak io_read_bytes io_write_bytes cpu_efficiency memory_efficiency; do
        same true "$(mscg show --json 1 | json "'$key' in j['accounting']")" || { echo "$key"; false; }
    done
}

@test "no such job: 3, and the others all the same" {
    start_daemon
    mscg submit --wait true
    fails 3 mscg show 9
    says "no job 9"
    fails 3 mscg show --json 9
    fails 3 mscg show 1_3
    run mscg show 9 1
    [ "$status" -eq 3 ]
    [[ $output == *"no job 9"*"Job 1"* ]]
    run bash -c "mscg show --json 9 1 2>/dev/null"
    same 1 "$(json 'len(j)' <<<"$output")"
}

@test "bad input" {
    start_daemon
    fails 2 mscg show
    says "JOB..."
    fails 2 mscg show x
    says "'x'"
    fails 2 mscg show 1_
    fails 2 mscg show -1
    fails 2 mscg show 99999999999
    fails 4 mscg --socket "$room/none" --state-dir "$(not_mine)" show 1
}

@test "an answer that makes no sense" {
    serve '{}'
    run timeout 5 mscg show 1
    [ "$status" -ne 124 ]
}
