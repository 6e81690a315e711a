#!/usr/bin/env bats
# timeout: 300
# mscg submit: what is asked, what is printed, what is refused.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "prints what Mini-SLURM prints" {
    run mscg submit --cpus 2 --mem 4GB --priority 5 "echo 'Hello from mini-slurm!'"
    [ "$status" -eq 0 ]
    same "Submitted job 1" "${lines[0]}"
    same "  cpus=2, mem=4096MB, priority=5" "${lines[1]}"
    [ "${#lines[@]}" -eq 2 ]
}

@test "Mini-SLURM's command lines" {
    mscg submit --cpus 2 --mem 4GB --priority 0 python train.py
    same '["python", "train.py"]' "$(field 1 argv)"
    mscg submit --cpus 4 --mem 8GB python train.py --epochs 100
    same '["python", "train.py", "--epochs", "100"]' "$(field 2 argv)"
    mscg submit --cpus 2 --mem 1GB "echo 'Hello Mini-SLURM!' && sleep 3"
    same "echo 'Hello Mini-SLURM!' && sleep 3" "$(field 3 command)"
    mscg submit --elastic --cpus 2 --min-cpus 2 --max-cpus 8 --mem 4GB python elastic_training.py
    same "true 2 8" "$(field 4 elastic) $(field 4 min_cpus) $(field 4 max_cpus)"
    mscg submit --cpus 1 --mem 512MB --priority 10 "echo 'High priority' && sleep 2"
    same "536870912" "$(field 5 mem_bytes)"
    mscg submit --elastic --cpus 2 --max-cpus 4 --mem 2GB "python3 task1.py"
    same "2 4" "$(field 6 min_cpus) $(field 6 max_cpus)"
}

@test "a request that can never be satisfied waits, with a warning" {
    run mscg submit --cpus 20 --mem 32GB "echo 'This will wait'"
    [ "$status" -eq 0 ]
    same "Submitted job 1" "${lines[0]}"
    [[ $output == *"mscg: warning: job 1: "*"20"* ]]
    same "PENDING Infeasible" "$(field 1 state) $(field 1 reason)"
}

@test "--parsable and --json" {
    same "1" "$(mscg submit --parsable true)"
    run mscg submit --json -c 3 --mem 1g --priority -4 true
    "$python" -c '
import json, sys
j = json.loads(sys.argv[1])
assert (j["id"], j["job_id"], j["cpus"], j["mem_bytes"], j["priority"]) == ("2", 2, 3, 1 << 30, -4), j' "$output"
}

@test "sizes, times, CPUs in all their spellings" {
    check() { same "$1" "$(field "$(mscg submit --parsable "${@:3}" true)" "$2")"; }
    check 1073741824 mem_bytes --mem 1024
    check 1073741824 mem_bytes --mem=1024MB
    check 2147483648 mem_bytes --mem 2g
    check 536870912 mem_bytes --mem 512m
    check 3221225472 mem_bytes --mem-per-cpu 1G -c 3
    check 1073741824 mem_bytes --mem-per-cpu 5G --mem 1G
    check 600 time_limit -t 10
    check 90 time_limit -t 1:30
    check 93784 time_limit --time=1-02:03:04
    check 45 time_limit -t45s
    check 3 cpus -c3
    check 3 cpus --cpus-per-task=3
    check 4 cpus -n 2 -c 2
    check 3 cpus --ntasks-per-node 3 -N 1
    check 7 grace --grace 7
    check -100 priority --nice
    check 2 priority --nice=3 --priority 5
    check quota cpu_mode --cpu-mode=quota --cpus 0.5
}

@test "names, places, files" {
    mkdir sub
    mscg submit -J "a name" -D sub -o out.%j -e err -i /dev/zero -A lab -p main --comment "what for" true
    same "a name" "$(field 1 name)"
    same "$room/sub" "$(field 1 workdir)"
    same "$room/sub/out.1" "$(field 1 stdout_path)"
    same "$room/sub/err" "$(field 1 stderr_path)"
    same "/dev/zero" "$(field 1 stdin_path)"
    same "lab main what for" "$(field 1 account) $(field 1 partition) $(field 1 comment)"
    same "mscg submit -J 'a name' -D sub -o out.%j -e err -i /dev/zero -A lab -p main --comment 'what for' true" \
        "$(field 1 submit_line)"
}

@test "names of files: what sbatch has, and of an array what is one for all its tasks" {
    mscg submit -J a/b -o %j.%J.%x.%n%t.%s.%4j.%%.%b -e %q true
    same "$room/1.1.a_b.00.batch.0001.%.0 $room/%q" "$(field 1 stdout_path) $(field 1 stderr_path)"
    mscg submit -a 7,13 -o %A.%j.%3a.%b true
    same "$room/2.2_%a.%3a.%b" "$(field 2 stdout_path)"
    mscg wait 2
    same "$room/2.2_13.013.3" "$(field 2_13 stdout_path)"
}

@test "directories that are not there are warned of, and those of patterns are not looked for" {
    warned() { run mscg submit "$@" true; [ "$status" -eq 0 ]; grep -c "^mscg: warning: " <<<"$output" || true; }
    mkdir logs
    : >file
    for good in logs/x ./x "$room/logs/%j" /dev/null logs/%x.out %j/out "%u/%j/out" x; do same "0 $good" "$(warned -o "$good") $good"; done
    same 0 "$(warned -D logs -o out -e ../err)"
    for bad in nosuch/x nosuch/deep/x file/x logs logs/ "$room/nosuch/%j"; do same "1 $bad" "$(warned -o "$bad") $bad"; done
    run mscg submit -D nosuch -o out -e "$room/none/err" true
    same "mscg: warning: --chdir: $room/nosuch does not exist: the job fails unless it does when the job starts" "${lines[0]}"
    same "mscg: warning: --error: $room/none does not exist: the job fails unless it does when the job starts" "${lines[1]}"
    [[ ${lines[2]} == "Submitted job "* ]]
    run mscg submit -e file/err true
    [[ ${lines[0]} == *"--error: $room/file is no directory"* ]]
    printf '{"defaults": {"output": "nosuch/%%j"}, "jobs": [{"name": "a", "command": "true"}, {"name": "b", "command": "true"}]}' >p.json
    run mscg submit --file p.json
    [ "$status" -eq 0 ]
    same 1 "$(grep -c warning: <<<"$output")"
}

@test "a program and an input that are not there are warned of" {
    warned() { run mscg submit "$@"; [ "$status" -eq 0 ]; grep -c "^mscg: warning: " <<<"$output" || true; }
    mkdir sub
    printf '#!/bin/sh\n' >sub/run.sh
    chmod +x sub/run.sh
    : >data
    for bad in nosuch.sh ./nosuch.sh "./nosuch.sh --lr 3; true" sub/nosuch "data/x"; do same "1 $bad" "$(warned "$bad") $bad"; done
    run mscg submit data/x
    same "mscg: warning: the program: data/x does not exist: the job fails unless it does when the job starts" "${lines[0]}"
    same 1 "$(warned ./nosuch.sh --lr 3)"
    run mscg submit -a 0-99 nosuch x
    same "mscg: warning: the program: nosuch is not in \$PATH: the job fails unless it is when the job starts" "${lines[0]}"
    run mscg submit -i nosuch true
    same "mscg: warning: --input: nosuch does not exist: the job fails unless it does when the job starts" "${lines[0]}"
    same 1 "$(warned -D sub -i data true)"
    for good in sub/run.sh "sub/run.sh x" "exit 3" ": ./nosuch" "A=1 ./nosuch" '$HOME/nosuch' "~/nosuch" ". ./nosuch" "(./nosuch)" true; do same "0 $good" "$(warned "$good") $good"; done
    same 0 "$(warned -D sub ./run.sh x)"
    same 0 "$(warned -i data cat)"
    same 0 "$(warned -i %j.in cat)"
    same 0 "$(PATH=$PATH:$room/sub warned run.sh x)"
    same 0 "$(warned --bind "$room/sub:/nosuch" -i /nosuch/in /nosuch/run.sh x)"
    same 0 "$(warned --rootfs "$room/sub" -i nosuch nosuch)"
}

@test "files that the job will not see, as it has a /tmp of its own, are warned of" {
    warned() { run mscg submit "$@"; [ "$status" -eq 0 ]; grep -c "^mscg: warning: .* is not seen by the job" <<<"$output" || true; }
    mkdir here there
    : >there/x
    for bad in "python3 $room/there/x" "cat <$room/there/x" "A='$room/there/x' true"; do same "1 $bad" "$(warned -D here "$bad") $bad"; done
    same 1 "$(warned -D here cat "$room/there/x" "$room/there/x")"
    for good in "cat $room/there/y" "cat /etc/passwd" "cat $room/here/x" "cat ../there/x"; do same "0 $good" "$(warned -D here "$good") $good"; done
    same 0 "$(warned cat "$room/there/x")"
    same 0 "$(warned --isolate none -D here cat "$room/there/x")"
    same 0 "$(warned --isolate ipc,seccomp -D here cat "$room/there/x")"
}

@test "the working directory is this one" {
    mscg submit true
    same "$room" "$(field 1 workdir)"
    mkdir gone && cd gone && rmdir ../gone
    fails 1 mscg submit true
    says "it is gone"
    says "--chdir"
    mscg submit -D / true
    cd "$room"
    same "/" "$(field 2 workdir)"
}

@test "arrays" {
    run mscg submit -a 0-15:4%2 true
    [ "$status" -eq 0 ]
    same "Submitted job 1" "${lines[0]}"
    same "  array=0-15:4, 4 tasks, 2 at a time" "${lines[2]/0-12:4/0-15:4}"
    same 2 "$(mscg submit --parsable --array=0-999999 true)"
}

@test "--wait gives the job's exit status" {
    mscg submit -W true
    run mscg submit --wait "exit 7"
    [ "$status" -eq 7 ]
    run mscg submit --wait --json false
    [ "$status" -eq 1 ]
}

@test "--wrap" {
    mscg submit --wrap "exit 3 | cat"
    same "exit 3 | cat" "$(field 1 command)"
    fails 2 mscg submit --wrap "true" false
    says "beside --wrap"
}

@test "--test-only checks and submits nothing" {
    run mscg submit --test-only -c 2 --mem 2g -t 5 python train.py
    [ "$status" -eq 0 ]
    same "Would submit: python train.py" "${lines[0]}"
    same "  cpus=2, mem=2048MB, priority=0" "${lines[1]}"
    fails 2 mscg submit --test-only --elastic --cpus 2 --min-cpus 3 true
    run mscg submit --test-only --json true
    "$python" -c 'import json, sys; assert json.loads(sys.argv[1])["jobs"][0]["argv"] == ["true"]' "$output"
    same 1 "$(mscg submit --parsable true)"
}

@test "options end at the command" {
    mscg submit -c 2 prog -c 9 --mem 5 --help
    same '["prog", "-c", "9", "--mem", "5", "--help"]' "$(field 1 argv)"
    same 2 "$(field 1 cpus)"
    mscg submit -- -prog x
    same '["-prog", "x"]' "$(field 2 argv)"
}

@test "arguments arrive as they are" {
    mscg submit printf '%s\n' $'two\nlines' 'a"b'"'"'c' 'ünï' '' '\0'
    same '["printf", "%s\\n", "two\nlines", "a\"b'"'"'c", "ünï", "", "\\0"]' \
        "$("$python" -c 'import json, sys; print(json.dumps(json.loads(sys.argv[1]), ensure_ascii=False))' "$(field 1 argv)")"
}

@test "--export" {
    env_of() { mscg submit --test-only --json "$@" true | "$python" -c '
import json, sys
r = json.load(sys.stdin)
e = r.get("environments") or []
i = r["jobs"][0].get("env")
print(" ".join(sorted(v for v in (e[i] if i is not None else []) if v.split("=")[0] in ("A", "B", "C", "PATH"))).replace("PATH=" + sys.argv[1], "PATH"))' "$PATH"; }
    export A=1 B=2
    same "A=1 B=2 PATH" "$(env_of)"
    same "A=1 B=2 PATH" "$(env_of --export=ALL)"
    same "" "$(env_of --export=NONE)"
    same "A=1" "$(env_of --export=A)"
    same "A=1 C=x y" "$(env_of --export=A,C='x y',NOSUCH)"
    same "A=9 B=2 PATH" "$(env_of --export=ALL,A=9)"
    same "A=9 B=2 PATH" "$(env_of --export=A=9,ALL)"
    same "C=x,y" "$(env_of --export="C='x,y'")"
}

@test "what is not text is left out of the environment with a warning, and refused in arguments" {
    run env BAD=$'\xff' mscg submit true
    [ "$status" -eq 0 ]
    [[ $output == *"warning: the variable BAD is not UTF-8"* ]]
    fails 2 mscg submit true $'\xff'
    says "argument 1"
    says "not UTF-8"
}

@test "a job that submits does not pass its own identity on" {
    run env MSCG_JOB_ID=5 SLURM_JOB_ID=5 MSCG_CPUS_ON_NODE=3 OMP_NUM_THREADS=3 MKL_NUM_THREADS=1 mscg submit --test-only --json true
    [[ $output != *SLURM_JOB_ID* ]]
    [[ $output != *MSCG_JOB_ID* ]]
    [[ $output != *OMP_NUM_THREADS* ]]
    [[ $output == *MKL_NUM_THREADS=1* ]]
    [[ $output == *MSCG_SOCKET* ]]
}

@test "bad numbers are refused with the value and what would be right" {
    for value in 0 -1 1e9 abc '' 1.2345 99999; do
        fails 2 mscg submit --cpus "$value" true
        says "--cpus"
    done
    says "99999"
    fails 2 mscg submit --cpus 1.5 true
    says "--cpu-mode=quota"
    for value in 0 -5 1M 99999999TB 1XB '' G; do
        fails 2 mscg submit --mem "$value" true
        says "--mem"
    done
    for value in x 1:2:3:4 -1 ''; do
        fails 2 mscg submit -t "$value" true
        says "-t"
    done
    fails 2 mscg submit --priority 1e5 true
    says "1e5"
    fails 2 mscg submit --priority 3000000000 true
    fails 2 mscg submit -n 0 true
    fails 2 mscg submit -n 100000 -c 2 true
    fails 2 mscg submit -N 2 true
    says "single machine"
    fails 2 mscg submit --cpu-mode=half true
    says "exclusive|quota"
    fails 2 mscg submit --slurm-env=perhaps true
    fails 2 mscg submit --open-mode=w true
    for value in x 5-1 1-2-3 -1 1,,2 '' 0-99999999999 %2; do
        fails 2 mscg submit -a "$value" true
    done
    # The positive control: nothing of that was submitted, and the next one is.
    same 1 "$(mscg submit --parsable --cpus 4 --mem 8MB -t 1 -a 1-5 true)"
}

@test "memory that moves" {
    fails 2 mscg submit --mem 1G --min-mem 2G true
    says "--min-mem 2G, --mem 1G, --max-mem (as --mem) are out of order: expected min <= mem <= max"
    fails 2 mscg submit --mem 1G --max-mem 512M true
    says "min <= mem <= max"
    fails 2 mscg submit --min-mem 1G --max-mem 512M true
    says "min <= mem <= max"
    fails 2 mscg submit --max-mem 2M true
    says "--max-mem 2M is too small"
    fails 2 mscg submit --mem 8M --min-mem 1K true
    says "--min-mem 1K is too small"
    fails 2 mscg submit --max-mem 8193K true
    says "expected whole MiB"
    fails 2 mscg submit --max-mem nine true
    fails 1 mscg submit --max-mem 900T true
    says "--max-mem 900T is more than this machine has"
    run mscg submit --mem 64M --min-mem 32M --max-mem 128M sleep 60
    [ "$status" -eq 0 ]
    [[ ${lines[1]} == *"mem=64MB"*"elastic-mem=32-128MB" ]]
    same "67108864 33554432 134217728" "$(field 1 mem_bytes) $(field 1 min_mem_bytes) $(field 1 max_mem_bytes)"
    run mscg show 1
    [[ $output == *"Elastic mem: asked: 64M, min: 32M, max: 128M"* ]]
    mscg submit --min-mem 48M true
    same "50331648 50331648" "$(field 2 mem_bytes) $(field 2 max_mem_bytes)"
    mscg submit --max-mem 8M true
    same "8388608" "$(field 3 mem_bytes)"
    mscg submit --hold --mem 64M --max-mem 128M true
    fails 1 mscg update 4 --mem 256M
    says "256M of memory is outside of what the job can have: 0 to 128M"
    mscg update 4 --mem 96M
    same "100663296" "$(field 4 mem_bytes)"
}

@test "memory that nobody asked for goes with the CPUs" {
    mscg submit --hold -c 1 true
    one=$(field 1 mem_bytes)
    mscg update 1 --cpus 2
    same "2 $((2 * one))" "$(field 1 cpus) $(field 1 mem_bytes)"
    mscg resize 1 --cpus 3
    same "3 $((3 * one))" "$(field 1 cpus) $(field 1 mem_bytes)"
    mscg update 1 --cpus 1 --mem 64M
    mscg update 1 --cpus 2
    same "2 67108864" "$(field 1 cpus) $(field 1 mem_bytes)"
    mscg submit --hold -c 1 --mem 64M true
    mscg update 2 --cpus 2
    same "2 67108864" "$(field 2 cpus) $(field 2 mem_bytes)"
}

@test "elastic bounds out of order" {
    fails 2 mscg submit --elastic --cpus 2 --min-cpus 3 true
    says "min <= cpus <= max"
    fails 2 mscg submit --elastic --cpus 5 --min-cpus 1 --max-cpus 4 true
    says "min <= cpus <= max"
    fails 2 mscg submit --elastic --cpus 2 --min-cpus 4 --max-cpus 3 true
    fails 2 mscg submit --cpus 2 --max-cpus 4 true
    says "--elastic"
    mscg submit --elastic --min-cpus 2 --max-cpus 3 true
    same "2 2 3" "$(field 1 cpus) $(field 1 min_cpus) $(field 1 max_cpus)"
}

@test "no command, an empty one, a very long one" {
    fails 2 mscg submit
    says "no command"
    fails 2 mscg submit ""
    says "empty"
    fails 2 mscg submit "   "
    says "empty"
    fails 2 mscg submit --cpus 2
    big=$(head -c 120000 /dev/zero | tr '\0' x)
    mscg submit echo "$big" "$big"
    same "$((${#big} * 2))" "$(field 1 argv | tr -cd x | wc -c)"
    # Above what one message holds.
    args=()
    for i in 1 2 3 4 5 6 7 8 9; do args+=("$big"); done
    fails 2 mscg submit --export=NONE echo "${args[@]}" || { echo "$error" | head -c 400; false; }
    says "at most"
    same 2 "$(mscg submit --parsable true)"
}

@test "what this version does not have is refused by name" {
    for option in --gpus-per-task=1 --cpus-per-gpu=1 --mem-per-gpu=1G; do
        fails 2 mscg submit $option true
        says "is not in this version"
    done
    fails 2 mscg submit --mail-kind=END true
    says "unknown option --mail-kind"
}

@test "what of Slurm has no meaning here is ignored with one warning, on the command line as in a script" {
    printf '#!/bin/sh\n#MSCG --hint=nomultithread\n' >job.sh
    run mscg submit --mail-type=END,FAIL -C fast --exclusive -wnode1 --kill-on-invalid-dep yes job.sh
    [ "$status" -eq 0 ]
    for option in --mail-type=END,FAIL -C=fast --exclusive -w=node1 --kill-on-invalid-dep=yes "job.sh, line 2: --hint=nomultithread"; do
        same 1 "$(grep -c "warning: $option is ignored: " <<<"$output")"
    done
    run mscg run --nodelist node1 --exclusive=user "exit 3"
    [ "$status" -eq 3 ]
    same "mscg: warning: --nodelist=node1 is ignored: there is one machine" "${lines[0]}"
    [[ ${lines[1]} == *"--exclusive=user is ignored"* ]]
    printf '{"jobs": [{"name": "a", "command": "true"}, {"name": "b", "command": "true"}]}' >p.json
    run mscg submit --file p.json --mail-type=END
    [ "$status" -eq 0 ]
    same 1 "$(grep -c "is ignored" <<<"$output")"
}

@test "without a daemon, the owner's requests are kept for the next one" {
    kill_daemon
    rm -rf state run sock
    run as_user mscg submit --cpus 2 --mem 1GB "sleep 60"
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    same "Submitted job 1" "${lines[0]}"
    [[ $output == *"no scheduler is running: job 1 waits"* ]]
    same 2 "$(as_user mscg submit --parsable true 2>/dev/null)"
    same "Cancelled job 2" "$(as_user mscg cancel 2 2>/dev/null)"
    fails 4 as_user mscg submit --wait true
    as_user mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" \
        --total-cpus 4 --total-mem 8GB >>daemon.log 2>&1 3>&- &
    daemon_pid=$!
    mscg ping --wait 10
    running() { [ "$(field 1 state)" = RUNNING ]; }
    within 20 running
    same CANCELLED "$(field 2 state)"
    as_user mscg shutdown
    daemon_pid=
}

@test "isolate-min: no job has less, and one that does not say has what is configured" {
    stop_daemon
    start_daemon --isolate-min=default
    for less in none pid,seccomp; do
        fails 5 mscg submit --isolate=$less true
        says "isolation '$less' is less than jobs have here: expected at least isolate-min, default"
    done
    fails 5 mscg submit --isolate=default --allow=perf true
    says "'perf' cannot be allowed here"
    for enough in default strict; do mscg submit --isolate=$enough true; done
    mscg submit true
    grep -q 'audit=refused verb=Submit' daemon.log
    stop_daemon
    make_room
    ! mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --isolate=pid --isolate-min=default 2>said
    grep -q "isolate=pid is less than isolate-min=default" said
    start_daemon --isolate=strict --isolate-min=ipc
    mscg submit true
    fails 5 mscg submit --isolate=pid true
}
