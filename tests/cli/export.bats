#!/usr/bin/env bats
# mscg export: what ran, as a workload that mscg simulate reads.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

# 1 and 2 take all CPUs, one after the other; 3 is an array; 4 is elastic; 5 never runs, 6 is over before it has started, 7 runs
some_jobs() {
    mscg submit -c 4 --mem 1GB "sleep 0.3"
    mscg submit -c 4 --mem 1GB -t 5 --priority 3 "sleep 0.2"
    mscg submit -a 0-1 --mem 64MB "sleep 0.1"
    mscg submit --elastic --min-cpus 1 -c 2 --max-cpus 4 --mem 64MB "sleep 0.2"
    mscg submit -H true
    mscg submit -H true
    mscg cancel 6
    mscg wait 1 2 3 4 --timeout 60
    mscg submit --mem 64MB "sleep 600"
}
all() { "$python" -c 'import json, sys
l = [json.loads(x) for x in sys.stdin]
v = eval(sys.argv[1])
print(v if isinstance(v, str) else json.dumps(v))' "$1"; }

@test "each job that ran, with the machine, as JSON lines" {
    some_jobs
    mscg export >w
    same "$(printf '%s' '[1, 4, 8589934592]')" "$(all '[l[0][k] for k in ("mscg_workload", "cpus", "mem_bytes")]' <w)"
    same "$(field 1 submit_time)" "$(all 'l[0]["begin"]' <w)"
    same '["1", "2", "3_0", "3_1", "4"]' "$(all '[x["id"] for x in l[1:]]' <w)"
    same '[4, 4, 4, 1073741824, 300, 3, 1, "COMPLETED"]' \
        "$(all '[l[2][k] for k in ("cpus", "min_cpus", "max_cpus", "mem_bytes", "time_limit", "priority", "user", "state")]' <w)"
    same '[2, 1, 4]' "$(all '[l[5][k] for k in ("cpus", "min_cpus", "max_cpus")]' <w)"
    same true "$(all 'l[1]["submit"] == 0 and all(x["submit"] >= 0 and x["run"] > 0.09 for x in l[1:])' <w)"
    same "$(field 2 wait_seconds)" "$(all 'l[2]["wait"]' <w)"
    held=$(mscg show 4 --json | json 'j["accounting"]["cpu_held_usec"] / 2e6')
    same true "$(all "abs(l[5]['run'] - $held) < 1e-6" <w)"
    same 5 "$(mscg export --swf | grep -vc '^;')"
    mscg export --swf | grep -q '^; MaxProcs: 4$'
    same 6 "$(mscg export --me --since today --until now+1hours | wc -l)"
    fails 1 mscg export --since now+1hours
    says "no job that ran and has ended"
}

@test "mscg simulate reads it: the machine, who is elastic, and what else there would have been" {
    some_jobs
    mscg export >w
    simulate() { mscg simulate --json "$@" | json '[x["jobs"] for x in j["results"]] + [x["resizes"] > 0 for x in j["results"]]'; }
    same '[5, false]' "$(simulate --policy easy w)"
    mscg export --swf | mscg simulate --json /dev/stdin | json '[x["jobs"] for x in j["results"]]' | grep -qx '\[5, 5, 5, 5\]'
    # 100 s and 4 s of work for 2 CPUs on 4, the second after 10 s; only the first may grow.
    cat >two <<'EOF'
{"mscg_workload": 1, "cpus": 4, "mem_bytes": 1073741824}
{"submit": 0, "run": 100, "cpus": 2, "min_cpus": 1, "max_cpus": 4, "name": "first"}

{"submit": 10, "run": 10, "cpus": 2, "user": 2, "time_limit": null}
EOF
    span() { mscg simulate --json --serial 0 "$@" two | json '[round(x["makespan_seconds"], 3) for x in j["results"]]'; }
    same '[55.0]' "$(span --policy elastic --elastic-threshold 100)"
    same '[100.0]' "$(span --policy easy)"
    same '[110.0]' "$(span --policy easy --cpus 2)"
    # The higher priority first, where both wait.
    printf '%s\n' '{"submit": 0, "run": 10, "cpus": 4}' '{"submit": 1, "run": 1000, "cpus": 4}' '{"submit": 2, "run": 1, "cpus": 4, "priority": 1}' >two
    same 18.0 "$(mscg simulate --cpus 4 --policy fcfs --json two | json 'round(j["results"][0]["mean_wait_seconds"] * 3, 3)')"
}

@test "QOS, partition, account and generic resources go along, and a configuration is tried on them" {
    stop_daemon
    make_room
    cat >mscg.conf <<'END'
gres = gpu:a100:2,gpu:1
licenses = x:3
default-partition = main
[partition main]
priority = 100
[qos high]
priority = 1000
preempts = normal
[qos normal]
preempt-mode = requeue
[account physics]
END
    start_daemon --config mscg.conf
    mscg submit -c 4 --mem 64MB --requeue -A physics --priority -5 "sleep 2"
    mscg submit -c 1 --mem 64MB --qos high --gres gpu:1 --licenses x:2 "sleep 0.1"
    mscg wait 1 2 --timeout 60
    mscg export >w
    same 'gpu:1,gpu:a100:2,license:x:3' "$(all '",".join(sorted(l[0]["gres"].split(",")))' <w)"
    same '["normal", "main", "physics", null, true, 95, -5, 1]' \
        "$(all '[l[1][k] for k in ("qos", "partition", "account", "gres", "requeue", "priority", "priority_asked", "user")]' <w)"
    same '["high", "main", null, "gpu:1,license:x:2", false, 1100, 0]' \
        "$(all '[l[2][k] for k in ("qos", "partition", "account", "gres", "requeue", "priority", "priority_asked")]' <w)"
    same true "$(mscg export --names | all 'l[1]["user"] == "'"$(id -un)"'"')"
    fails 2 mscg export --names --swf
    # The real one preempted the first; so does the simulated one, and neither would if nobody might.
    same 1 "$(field 1 restart_count)"
    same '[2, 0, 1]' "$(mscg simulate --json --config mscg.conf w | json '[j["results"][0][k] for k in ("jobs", "refused", "requeued")]')"
    sed /preempts/d mscg.conf >other.conf
    same '[1, 0]' "$(mscg simulate --json --compare mscg.conf,other.conf w | json '[x["requeued"] for x in j["results"]]')"
}

@test "what is no workload" {
    bad() { # LINE MESSAGE
        printf '%s\n%s\n' '{"mscg_workload": 1, "cpus": 4}' "$1" >bad
        fails 1 mscg simulate bad
        says "simulate: bad: line 2: $2"
    }
    bad '{"submit": 0,' 'column 13: '
    bad '[5]' 'expected an object'
    bad '{"submit": 0, "run": 1}' 'cpus is missing: expected a whole number of CPUs, 1 to 8192'
    bad '{"submit": 0, "cpus": 1}' 'run is missing: expected seconds, 0 or more'
    bad '{"submit": -1, "run": 1, "cpus": 1}' 'submit: expected seconds, 0 or more'
    bad '{"submit": 0, "run": "1", "cpus": 1}' 'run: expected seconds'
    bad '{"submit": 0, "run": 1, "cpus": 0.5}' 'cpus: expected a whole number of CPUs'
    bad '{"submit": 0, "run": 1, "cpus": 0}' 'cpus: expected a whole number of CPUs'
    bad '{"submit": 0, "run": 1, "cpus": 1, "mem": 5}' "unknown key 'mem': expected submit, run, cpus"
    bad '{"submit": 0, "run": 1, "cpus": 1, "qos": 5}' 'qos: expected a text'
    bad '{"submit": 0, "run": 1, "cpus": 1, "gres": "gpu:0"}' "gres: invalid resource 'gpu:0'"
    bad '{"submit": 0, "run": 1, "cpus": 1, "requeue": 1}' 'requeue: expected true or false'
    bad '{"submit": 0, "run": 1, "cpus": 1, "user": ""}' 'user: expected a number for each user, or in all lines a name'
    bad '{"submit": 0, "run": 1, "cpus": 2, "min_cpus": 3}' 'min_cpus 3, cpus 2, max_cpus 2: expected them in this order'
    bad '{"submit": 0, "run": 1, "cpus": 1, "cpus": 1}' 'column'
    bad '{"mscg_workload": 2}' 'mscg_workload 2: expected 1'
    printf '{"mscg_workload": 1}\n' >bad
    fails 1 mscg simulate bad
    says "no job that ran is in it"
    fails 2 mscg export --swf --json
    says "export: --swf beside --json"
    fails 2 mscg export --me --user x
    fails 2 mscg export --since today --until yesterday
}
