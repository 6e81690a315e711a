#!/usr/bin/env bats
# What jobs cost: on each of them, and summed up.

load helper

setup() {
    make_room
    printf '[cost]\ncost-rates = CPU=3600,Mem=1800G\ncost-currency = EUR\n' >conf
    start_daemon --config "$room/conf"
}
teardown() { stop_daemon; }

# three that have ended: 1 and 2_0, 2_1 of an array; 3 runs, 4 waits
some_jobs() {
    mscg submit --mem 1GB -c 2 -A physics -J 'a,"b' --wait "sleep 0.5"
    mscg submit --mem 512MB -a 0-1 -A chemistry --wait "sleep 0.2"
    mscg submit --mem 1GB "sleep 600"
    mscg submit --mem 1GB -H true
    [ "$(field 3 state)" = RUNNING ]
}

# of JOB, from what was stored: its CPUs by time and its memory by time
by_hand() {
    mscg show "$1" --json | json "round(j['accounting']['cpu_held_usec'] / 1e6 + j['mem_bytes'] / 2**31 * ($(seconds end) - $(seconds start)), 4)"
}
seconds() { echo "__import__('datetime').datetime.fromisoformat(j['$1_time'].replace('Z', '+00:00')).timestamp()"; }

@test "on a job: show, history, JSON, against what is reckoned by hand" {
    some_jobs
    for job in 1 2_0 2_1; do
        same "$(by_hand $job)" "$(mscg show $job --json | json "round(j['cost']['amount'], 4)")"
    done
    # 2 CPUs and half of 1G by the second, for half a second and a little
    mscg show 1 --json | json "1.25 <= j['cost']['amount'] < 25 and j['cost']['currency'] == 'EUR'" | grep -qx true
    mscg show 1 | grep -qE '^  Cost: +[0-9]+\.[0-9]{4} EUR \(0\.00[0-9]+ CPU-hours, 0\.00[0-9]+ GiB-hours\)$'
    same "1 $(mscg show 1 --json | json "'%.4f' % j['cost']['amount']")" "$(mscg history -nPo JobID,Cost -j 1 | tr '|' ' ')"
    same "null null" "$(field 4 cost) $(field 2 cost)"
    mscg show 3 --json | json "j['cost']['amount'] > 0" | grep -qx true
}

@test "summed up by user, account, day and job" {
    some_jobs
    cost() { mscg cost --json "${@:2}" | json "$1"; }
    same '["user", "EUR", 1, 4]' "$(cost '[j["by"], j["currency"], len(j["rows"]), j["total"]["jobs"]]')"
    same '[["-", 1], ["chemistry", 2], ["physics", 1]]' "$(cost 'sorted([x["account"], x["jobs"]] for x in j["rows"])' --by account)"
    same '["1", "2_0", "2_1", "3"]' "$(cost '[x["job"] for x in j["rows"]]' --by job)"
    same "[[\"$(date +%F)\", 4]]" "$(cost '[[x["day"], x["jobs"]] for x in j["rows"]]' --by day)"
    mscg cancel 3
    within 10 eval '[ "$(field 3 state)" = CANCELLED ]'
    cost 'abs(sum(x["amount"] for x in j["rows"]) - j["total"]["amount"]) < 1e-6' --by job | grep -qx true
    same 2 "$(cost 'j["total"]["jobs"]' --account chemistry)"
    same 4 "$(cost 'j["total"]["jobs"]' --user "$(id -un)")"
    same 0 "$(cost 'j["total"]["jobs"]' --since now+1hours)"
    same 0 "$(cost 'j["total"]["jobs"]' --since yesterday --until today)"
    same 4 "$(cost 'j["total"]["jobs"]' --me --since today --until now+1hours)"
    same "ACCOUNT JOBS CPU-HOURS GIB-HOURS COST (EUR)" "$(mscg cost --by account | head -1 | xargs)"
    same "total 4" "$(mscg cost | awk 'END { print $1, $2 }')"
    same "account,jobs,cpu_hours,gib_hours,cost,currency,gpu_hours" "$(mscg cost --by account --csv | head -1 | tr -d '\r')"
    mscg cost --by account --csv | grep -qE '^chemistry,2,0\.[0-9]{6},0\.[0-9]{6},[0-9]+\.[0-9]{6},EUR,0\.000000.$'
}

@test "rates change with a reload; without any there are hours" {
    mscg submit --mem 1GB -J x --wait "sleep 0.2"
    amount() { mscg show 1 --json | json 'j["cost"]["amount"]'; }
    before=$(amount)
    sed -i 's/CPU=3600,Mem=1800G/CPU=7200,Mem=3600G/' conf
    kill -HUP "$daemon_pid"
    within 10 eval '[ "$(amount)" != "$before" ]'
    python3 -c "import sys; sys.exit(abs($(amount) - 2 * $before) > 2e-6)"
    : >conf
    kill -HUP "$daemon_pid"
    within 10 eval '[ "$(amount)" = null ]'
    mscg cost >out 2>err
    same "root - 1 0.00 0.00 -" "root - $(awk 'END { print $2, $3, $4, $5 }' out)"
    grep -q 'no cost-rates are set, so there are hours only' err
    mscg show 1 | { ! grep -q Cost; }
    same "user,jobs,cpu_hours,gib_hours,cost,currency,gpu_hours" "$(mscg cost --csv | sed -n 1p | tr -d '\r')"
    same null "$(mscg cost --json | json 'j["total"]["amount"]')"
}

@test "what is wrong" {
    fails 2 mscg cost --by week
    says "by: 'week'"
    fails 2 mscg cost --csv --json
    says "cost: --csv beside --json"
    fails 2 mscg cost --me --user x
    says "cost: --user beside --me"
    fails 2 mscg cost --until 2001-01-01
    says "cost: --until lies before --since, by default the first of this month"
    fails 2 mscg cost 12
    printf '[cost]\ncost-rates = CPU=1,Mem=2\n' >wrong
    fails 2 mscgd --config wrong --state-dir "$room/other" --socket "$room/other-sock"
    says "wrong:2: cost-rates: the price of Mem has no unit: expected K, M, G or T behind it"
}

@test "GPUs: hours of each, priced" {
    printf '[cost]\ncost-rates = GPU=3600\n[gres]\ngres = gpu:2\n' >gpus
    kill_daemon
    start_daemon --config "$room/gpus"
    mscg submit --gpus 2 --wait sleep 1
    mscg submit --wait true
    mscg show 1 --json | json 'abs(j["cost"]["amount"] - 2 * j["run_seconds"]) < 0.01 and j["run_seconds"] >= 1' | grep -qx true
    mscg show 1 --json | json 'abs(j["cost"]["gpu_hours"] * 3600 - j["gpu_seconds"]) < 0.01' | grep -qx true
    mscg show 2 --json | json '[j["cost"]["gpu_hours"], j["gpu_seconds"]]' | grep -qx '\[0.0, 0.0\]'
    mscg show 1 | grep -qE '^ +Cost: +[2-9]\.[0-9]+ .*GPU-hours'
    same "JOB JOBS CPU-HOURS GIB-HOURS GPU-HOURS COST" "$(mscg cost --by job | head -1 | xargs)"
    mscg cost --csv | grep -qE ',0\.00[0-9]{4}.$'
}

@test "rates of a partition come before those of a QOS, these before those of all" {
    stop_daemon
    printf '[cost]\ncost-rates = CPU=3600\ncost-currency = EUR\n[scheduler]\ndefault-partition = main\n[qos dear]\ncost-rates = CPU=36000\n[partition main]\n[partition gold]\ncost-rates = CPU=360000,Mem=0.001G\n[budget]\nbudget-user = 100000\n' >conf
    start_daemon --config "$room/conf"
    mscg submit --mem 1GB --wait "sleep 0.3"
    mscg submit --mem 1GB -q dear --wait "sleep 0.3"
    mscg submit --mem 1GB -p gold -q dear --wait "sleep 0.3"
    rate() { mscg show "$1" --json | json 'round((j["cost"]["amount"] - j["cost"]["gib_hours"] * '"$2"') / j["cost"]["cpu_hours"])'; }
    same "3600 36000 360000" "$(rate 1 0) $(rate 2 0) $(rate 3 0.001)"
    same '[["gold", 1], ["main", 2]]' "$(mscg cost --by partition --json | json 'sorted([x["partition"], x["jobs"]] for x in j["rows"])')"
    same '[["dear", 2], ["normal", 1]]' "$(mscg cost --by qos --json | json 'sorted([x["qos"], x["jobs"]] for x in j["rows"])')"
    # what is spent of the budget is what they cost, but for the memory of a moment
    mscg cost --json | json '0.9 < sum(b["spent"] for b in j["budgets"]) / j["total"]["amount"] < 1.1' | grep -qx true
    same '["CPU=360000,Mem=0.001G", "CPU=36000"]' "$(echo "[$(mscg partition --json), $(mscg qos --json)]" | json '[[p["cost_rates"] for p in j[0] if p["name"] == "gold"][0], [q["cost_rates"] for q in j[1] if q["name"] == "dear"][0]]')"
    printf '[partition a]\ncost-rates = CPU=much\n' >bad
    run mscgd --engine=fake --state-dir "$room/state2" --socket "$room/sock2" --runtime-dir "$room/run2" --config bad
    [[ $output == *"bad:2: cost-rates: the price of CPU is none"* ]]
}

@test "all attempts of a job count, as they do for budgets" {
    printf '[cost]\ncost-rates = CPU=3600\n[priority]\npriority-calc-period = 0:00:01\n[budget]\nbudget-user = 1000\n' >conf
    kill_daemon
    start_daemon --config "$room/conf"
    amount() { mscg cost --me --by job --json | json 'j["total"]["amount"]'; }
    mscg submit "sleep 600"
    for attempt in 1 2; do
        within 10 eval '[ "$(field 1 attempt) $(field 1 state)" = "$attempt RUNNING" ]'
        sleep 1
        mscg requeue 1
    done
    within 10 eval '[ "$(field 1 attempt) $(field 1 state)" = "3 RUNNING" ]'
    python3 -c "import sys; sys.exit(not 1.9 < $(amount) < 60)"
    mscg drain
    mscg requeue 1
    within 10 eval '[ "$(field 1 state)" = PENDING ]'
    waits=$(amount)
    python3 -c "import sys; sys.exit(not 1.9 < $waits < 60)"
    sleep 0.5
    same "$waits" "$(amount)"
    mscg drain --undo
    within 10 eval '[ "$(field 1 attempt) $(field 1 state)" = "4 RUNNING" ]'
    sleep 0.5
    mscg cancel 1
    within 10 eval '[ "$(field 1 state)" = CANCELLED ]'
    python3 -c "import sys; sys.exit(not $waits + 0.45 < $(amount) < 60)"
    within 10 eval 'mscg cost --json | json "0.9 < j[\"budgets\"][0][\"spent\"] / j[\"total\"][\"amount\"] < 1.1" | grep -qx true'
    # what it used is of the last one
    mscg show 1 --json | json "j['accounting']['cpu_held_usec'] / 1e6 < j['cost']['amount'] - 1.9" | grep -qx true
}
