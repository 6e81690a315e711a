#!/usr/bin/env bats
# mscg simulate: needs no daemon, says what came of it, and what is wrong with a workload.

load helper

setup() { room=$(mktemp -d /tmp/mscg.XXXXXX); export MSCG_SOCKET=$room/none; }
teardown() { rm -rf "$room"; }

@test "a generated workload, twice the same" {
    first=$(mscg simulate --jobs 300 --cpus 32 --seed 5)
    [ "$first" = "$(mscg simulate --jobs 300 --cpus 32 --seed 5)" ]
    [ "$first" != "$(mscg simulate --jobs 300 --cpus 32 --seed 6)" ]
    [ "$(awk 'NR > 1 { print $1, $2 }' <<<"$first")" = "fcfs 300"$'\n'"easy 300"$'\n'"conservative 300"$'\n'"elastic 300" ]
    [ "$(mscg simulate --jobs 300 --policy firstfit | awk 'NR > 1 { print $1, $2 }')" = "firstfit 300" ]
}

@test "a workload written and read again, as JSON and as pictures" {
    mscg simulate --jobs 200 --cpus 16 --print-workload >"$room/w.swf"
    grep -q '^; MaxProcs: 16$' "$room/w.swf"
    [ "$(grep -vc '^;' "$room/w.swf")" = 200 ]
    mscg simulate --json --svg "$room/picture" "$room/w.swf" >"$room/json"
    python3 - "$room/json" <<'END'
import json, sys
r = {x["policy"]: x for x in json.load(open(sys.argv[1]))["results"]}
assert set(r) == {"fcfs", "easy", "conservative", "elastic"} and all(x["jobs"] == 200 for x in r.values())
assert r["fcfs"]["mean_wait_seconds"] > r["easy"]["mean_wait_seconds"] > r["elastic"]["mean_wait_seconds"]
assert r["easy"]["resizes"] == 0 < r["elastic"]["resizes"]
assert 0 < r["elastic"]["utilisation"] <= 1
END
    for policy in fcfs easy conservative elastic; do
        python3 -c 'import sys, xml.dom.minidom as x; assert len(x.parse(sys.argv[1]).getElementsByTagName("rect")) > 200' "$room/picture-$policy.svg"
    done
}

# A workload: a line each of "submit run cpus qos more".
week() {
    echo '{"mscg_workload": 1, "begin": "2026-01-31T12:00:00Z", "cpus": 4, "mem_bytes": 1073741824, "gres": "gpu:2,license:x:1"}'
    while read -r submit run cpus qos more; do
        echo "{\"submit\": $submit, \"run\": $run, \"cpus\": $cpus, \"qos\": \"$qos\", \"mem_bytes\": 4194304, \"requeue\": true${more:+, $more}}"
    done
}
# results KEY... -- ARG...: of each run, one after the other
results() {
    local keys=()
    while [ "$1" != -- ]; do keys+=("$1"); shift; done
    shift
    mscg simulate --serial 0 --json "$@" | python3 -c 'import json, sys
print(*(round(r[k], 3) for r in json.load(sys.stdin)["results"] for k in sys.argv[1:]))' "${keys[@]}"
}

@test "a configuration: QOS that make room, one way or the other" {
    printf '%s\n' "0 100 4 low" "10 20 4 high" | week >"$room/w"
    while read -r mode expected; do
        printf '[qos high]\npreempts = low\npriority = 10\n[qos low]\npreempt-mode = %s\n' "$mode" >"$room/$mode.conf"
        [ "$(results makespan_seconds suspended requeued cancelled -- --config "$room/$mode.conf" "$room/w")" = "$expected" ]
    done <<'END'
suspend 120.0 1 0 0
requeue 130.0 0 1 0
cancel 30.0 0 0 1
shrink 120.0 0 0 0
END
    [ "$(results lost_cpu_seconds mean_wait_seconds -- --config "$room/requeue.conf" "$room/w")" = "40.0 15.0" ]
    # What was cancelled did its work in vain, and how long it waited says nothing.
    printf '%s\n' "0 100 4 low" "1 20 4 low" "10 20 4 high" | week >"$room/w3"
    [ "$(results jobs cancelled lost_cpu_seconds mean_wait_seconds p95_wait_seconds -- --config "$room/cancel.conf" "$room/w3")" = "3 1 40.0 14.5 29.0" ]
    # Where nobody said how much memory there is, there is enough for both; else each has a share with its CPUs.
    printf '{"submit": %s, "run": 20, "cpus": 4, "qos": "%s"}\n' 0 low 10 high >"$room/w4"
    [ "$(results suspended mean_wait_seconds -- --config "$room/suspend.conf" --cpus 4 "$room/w4")" = "1 10.0" ]
    [ "$(results suspended mean_wait_seconds -- --config "$room/suspend.conf" --cpus 4 --mem 1G "$room/w4")" = "0 5.0" ]
    mscg simulate --config "$room/requeue.conf" "$room/w" | grep -q 'SHRUNK SUSPENDED REQUEUED CANCELLED$'
    # What jobs say of it means nothing where there is no configuration.
    [ "$(results makespan_seconds requeued -- --policy easy "$room/w")" = "120.0 0" ]
    ! mscg simulate --policy easy "$room/w" | grep REQUEUED
}

@test "a configuration against another, against itself with other settings, and under other policies" {
    printf '%s\n' "0 10 4 low" "1 1000 4 low" "2 1 1 high" "2 1 4 high" | week >"$room/w"
    printf 'scheduler = fcfs\n[qos high]\npriority = 10\n[qos low]\n' >"$room/now.conf"
    printf 'scheduler = fcfs\n[qos high]\n[qos low]\n' >"$room/then.conf"
    names() { mscg simulate "$@" | awk 'NR > 1 { print $1 }' | xargs; }
    [ "$(names --config "$room/now.conf" "$room/w")" = now.conf ]
    [ "$(names --compare "$room/now.conf,$room/then.conf,easy" "$room/w")" = "now.conf then.conf easy" ]
    [ "$(results max_wait_seconds -- --compare "$room/now.conf,$room/then.conf" "$room/w")" = "11.0 1009.0" ]
    [ "$(names --config "$room/now.conf" --set default-qos=low --set "disable-elastic=yes" "$room/w")" = "now.conf now.conf+set" ]
    [ "$(results max_wait_seconds -- --config "$room/now.conf" --set user-max-cpus=3 "$room/w" 2>"$room/said")" = "11.0 0.0" ]
    grep -q "now.conf+set: 3 of the jobs never start, or never go on" "$room/said"
    # Drop-ins are read, as mscgd does.
    mkdir "$room/now.conf.d" && printf '[qos high]\npriority = 0\n' >"$room/now.conf.d/1.conf"
    [ "$(results max_wait_seconds -- --config "$room/now.conf" "$room/w")" = 1009.0 ]
    # Its own scheduler is replaced by what is named, nothing else is.
    printf '%s\n' "0 10 3 low" "1 10 4 low" "2 5 1 low" | week >"$room/w"
    [ "$(results mean_wait_seconds -- --config "$room/now.conf" --compare fcfs,firstfit "$room/w")" = "9.0 3.0" ]
}

@test "a configuration: partitions, generic resources, fair shares, and the machine" {
    cat >"$room/c.conf" <<'END'
default-partition = main
[partition main]
max-cpus = 2
default-qos = low
[partition night]
state = drain
[qos low]
max-jobs-per-user = 1
END
    printf '%s\n' '0 10 2 low "user": "ann"' '0 10 1 low "user": "ann"' '0 10 1 low "user": "bob"' '0 10 1 low "user": "bob", "partition": "night"' | week >"$room/w"
    [ "$(results jobs makespan_seconds refused -- --config "$room/c.conf" "$room/w" 2>/dev/null)" = "3 20.0 1" ]
    # 2 GPUs and a licence by the workload, 1 GPU and 2 licences by the configuration, no licence by the command line.
    printf '%s\n' '0 10 1 normal "gres": "gpu:1"' '0 10 1 normal "gres": "gpu:1"' '0 10 1 normal "gres": "license:x:1"' '0 10 1 normal "gres": "license:x:1"' | week >"$room/w"
    echo 'total-cpus = 8' >"$room/g.conf"
    [ "$(results makespan_seconds mean_wait_seconds utilisation -- --config "$room/g.conf" "$room/w")" = "20.0 2.5 0.25" ]
    printf 'gres = gpu:1\nlicenses = x:2\n' >"$room/g.conf"
    [ "$(results makespan_seconds mean_wait_seconds utilisation -- --config "$room/g.conf" "$room/w")" = "20.0 2.5 0.5" ]
    [ "$(results jobs refused -- --gres gpu:2 --config "$room/g.conf" "$room/w" 2>"$room/said")" = "2 2" ]
    grep -q "g.conf: 2 of the jobs refused; the first, job 3 by submission: .*license" "$room/said"
    # What one setting says leaves what the other does not to the workload.
    echo 'licenses = x:2' >"$room/g.conf"
    [ "$(results jobs makespan_seconds mean_wait_seconds -- --config "$room/g.conf" "$room/w")" = "4 10.0 0.0" ]
    echo 'gres = gpu:1' >"$room/g.conf"
    [ "$(results jobs makespan_seconds mean_wait_seconds -- --config "$room/g.conf" "$room/w")" = "4 20.0 5.0" ]
    # ann has 3 shares of 4 and has had as much as bob.
    printf 'priority-type = multifactor\n[account a]\nusers = ann:3 bob\n' >"$room/f.conf"
    printf '%s\n' '0 100 2 normal "user": "ann"' '0 100 2 normal "user": "bob"' '10 10 4 normal "user": "bob"' '20 50 4 normal "user": "ann"' | week >"$room/w"
    [ "$(results max_wait_seconds -- --config "$room/f.conf" --set priority-type=basic "$room/w")" = "140.0 90.0" ]
}

@test "a configuration: memory that nobody asked for, jobs that are too large, and the machine of what is generated" {
    line='{"submit": 0, "run": 10, "cpus": 1}'
    printf '%s\n' '{"mscg_workload": 1, "cpus": 4, "mem_bytes": 1073741824}' "$line" "$line" "$line" >"$room/w"
    echo 'default-mem-per-cpu = 512M' >"$room/m.conf"
    [ "$(results makespan_seconds -- --config "$room/m.conf" --set default-mem-per-cpu=256M "$room/w" | xargs)" = "20.0 10.0" ]
    printf '%s\n' '{"submit": 0, "run": 10, "cpus": 64}' '{"submit": 0, "run": 10, "cpus": 1, "mem_bytes": 1099511627776}' >>"$room/w"
    [ "$(results jobs waiting refused -- --config "$room/m.conf" --set infeasible=reject "$room/w" 2>"$room/said" | xargs)" = "3 2 0 3 0 2" ]
    grep -q "m.conf: 2 of the jobs never start" "$room/said"
    grep -q "m.conf+set: 2 of the jobs refused; the first, job 4 by submission: needs 64 CPUs, this machine has 4" "$room/said"
    echo "1 0 -1 10 4294968 -1 -1 4294968 -1 -1 1 1 1 -1 -1 -1 -1 -1" >"$room/huge.swf"
    [ "$(results jobs waiting -- --config "$room/m.conf" --cpus 8192 "$room/huge.swf" 2>/dev/null)" = "0 1" ]
    echo 'total-cpus = 8' >"$room/8.conf"
    mscg simulate --jobs 50 --config "$room/8.conf" --print-workload | grep -q '^; MaxProcs: 8$'
    mscg simulate --jobs 50 --config "$room/8.conf" --cpus 16 --print-workload | grep -q '^; MaxProcs: 16$'
    [ "$(mscg simulate --jobs 50 --compare "fcfs,$room/8.conf" 2>&1 | awk 'NR > 1 { print $1, $2 }')" = "fcfs 50"$'\n'"8.conf 50" ]
}

@test "configurations of the same name in two directories" {
    echo "0 10 2 low" | week >"$room/w"
    mkdir "$room/a" "$room/b"
    long=$(printf 'x%.0s' {1..80}).conf
    for dir in a b; do echo '[qos low]' | tee "$room/$dir/easy" "$room/$dir/c.conf" >"$room/$dir/$long"; done
    names() { mscg simulate --svg "$room/p" "$@" | awk 'NR > 1 { print $1 }' | xargs; }
    [ "$(names --compare "$room/a/c.conf,easy,$room/b/c.conf" "$room/w")" = "$room/a/c.conf easy $room/b/c.conf" ]
    [ "$(names --compare "$room/a/easy,easy" "$room/w")" = "$room/a/easy easy" ]
    [ "$(names --config "$room/a/$long" --set scheduler=fcfs "$room/w")" = "$long $long+set" ]
    for name in "${room//\//_}_"{a,b}_c.conf "${room//\//_}_a_easy" easy "$long" "$long+set"; do [ -s "$room/p-$name.svg" ]; done
}

@test "what is wrong with a configuration, and what it has no place for" {
    refuses() { # TEXT ARG…
        local text=$1
        shift
        run mscg simulate "$@"
        [ "$status" -ne 0 ] && grep -qF -- "$text" <<<"$output" || { echo "$output"; return 1; }
    }
    echo "0 10 2 low" | week >"$room/w"
    printf '[scheduler]\nscheduler = magic\n' >"$room/1.conf"
    printf '[qos low]\n\nmax-cpus = 4\n' >"$room/2.conf"
    printf '[qos low]\npreempts = high\n' >"$room/3.conf"
    printf '[qos high]\n[partition main]\n' >"$room/4.conf"
    refuses "simulate: $room/1.conf:2: scheduler: invalid value 'magic': expected one of easy|conservative|firstfit|fcfs" --config "$room/1.conf" "$room/w"
    refuses "simulate: $room/2.conf:3: unknown setting 'max-cpus' of a QOS" --config "$room/2.conf" "$room/w"
    refuses "simulate: $room/3.conf: [qos low]: preempts: no [qos high] in the configuration" --compare "easy,$room/3.conf" "$room/w"
    refuses "simulate: cannot read configuration $room/none.conf: No such file or directory" --config "$room/none.conf" "$room/w"
    refuses "--set: 'scheduler': expected NAME=VALUE" --config "$room/4.conf" --set scheduler "$room/w"
    refuses "--set without --config" --set scheduler=easy "$room/w"
    refuses "command line: scheduler: invalid value 'magic'" --config "$room/4.conf" --set scheduler=magic "$room/w"
    refuses "--config names its file" --config "$room/4.conf" --set config=/dev/null "$room/w"
    refuses "4.conf of --config: expected policies beside that" --config "$room/4.conf" --set scheduler=easy --compare "$room/3.conf" "$room/w"
    refuses "--policy and --compare: expected one of them" --policy easy --compare fcfs "$room/w"
    echo 'gres = gpu:none:x' >"$room/5.conf"
    refuses "simulate: $room/5.conf: invalid resource 'gpu:none:x'" --config "$room/5.conf" "$room/w"
    refuses "--gres: invalid resource 'gpu:none:x'" --gres gpu:none:x "$room/w"
    refuses "--compare: there is no policy 'none': expected fcfs, easy, conservative, elastic, firstfit or firstfit-elastic, or a configuration" --compare none "$room/w"
    run mscg simulate --config "$room/4.conf" "$room/w"
    [ "$status" = 0 ]
    grep -qF "4.conf: 1 of the jobs refused; the first, job 1 by submission: it names no partition, and there is no default-partition" <<<"$output"
    run mscg simulate --config "$room/4.conf" --set default-partition=main "$room/w"
    grep -qF "4.conf+set: 1 of the jobs refused; the first, job 1 by submission: no [qos low] in the configuration" <<<"$output"
}

@test "what cannot be simulated" {
    refuses() { # TEXT ARG…
        local text=$1
        shift
        run mscg simulate "$@"
        [ "$status" -ne 0 ] && grep -qF -- "$text" <<<"$output" || { echo "$output"; return 1; }
    }
    echo "1 0 -1 x" >"$room/bad.swf"
    echo "; nothing" >"$room/empty.swf"
    echo "1 0 -1 10 64 -1 -1 64 -1 -1 1 1 1 -1 -1 -1 -1 -1" >"$room/big.swf"
    refuses "bad.swf: line 1: field 4 (run time) is 'x'" "$room/bad.swf"
    refuses "no job that ran" "$room/empty.swf"
    refuses "job 1 by submission wants 64 CPUs" --cpus 8 "$room/big.swf"
    refuses "cannot read $room/none.swf: No such file" "$room/none.swf"
    refuses "--compare: there is no policy 'magic'" --compare elastic,magic
    refuses "--policy: there is no policy 'magic': expected fcfs, easy" --policy magic
    refuses "there is no policy ''" --compare ,easy
    echo "1 0 -1 nan 4 -1 -1 4 -1 -1 1 1 1 -1 -1 -1 -1 -1" >"$room/nan.swf"
    refuses "nan.swf: line 1: field 4 (run time) is 'nan': expected a number" "$room/nan.swf"
    printf '; nothing\n\0' >"$room/nul.swf"
    refuses "nul.swf: contains a NUL byte" "$room/nul.swf"
    while IFS=: read -r key rest; do
        echo "{\"mscg_workload\": 1, \"$key\": $rest}" >"$room/bad.jsonl"
        refuses "bad.jsonl: line 1: $key: " "$room/bad.jsonl"
    done <<'END'
cpus:4294967297
cpus:"4"
mem_bytes:-1
begin:"sometime"
begin:5
gres:"gpu:none:x"
gres:4
END
    refuses "--jobs: 10000001 is more than can be generated: expected 1 to 10000000" --jobs 10000001
    refuses "--elastic-share: 2 is above 1" --elastic-share 2
    refuses "--load: 'much' is no number" --load much
    refuses "expected 1 to 8192" --cpus 9000
    refuses "cannot write /nonexistent/p-fcfs.svg" --jobs 10 --svg /nonexistent/p
}
