#!/usr/bin/env bats
# mscg stats and mscg config: Mini-SLURM's sections and labels; what the scheduler was told.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

has() { grep -qxE -- "$1" <<<"$output" || { echo "expected: $1"; echo "$output"; return 1; }; }

@test "sections and labels" {
    mscg submit --cpus 1 --mem 2048MB sleep 60
    mscg submit --mem 20GB true
    mscg submit --mem 1GB --wait true
    mscg submit --mem 1GB --wait "exit 1" || true
    output=$(mscg stats)
    has "System Resources:"
    has "  Total CPUs:     4"
    has "  Used CPUs:      1 \(25.0%\)"
    has "  Available CPUs: 3 \(1-3\)"
    has "  Total Memory:   8192 MB \(8.0 GB\)"
    has "  Used Memory:    2048 MB \(25.0%\)"
    has "  Available Mem:  6144 MB"
    has "Job Statistics:"
    has "  Total Jobs:     4"
    has "  Running:        1"
    has "  Pending:        1"
    has "  Completed:      1"
    has "  Failed:         1"
    has "Performance Metrics.*:"
    has "  Average Wait Time:  [0-9.]+ seconds"
    has "  Average Runtime:    [0-9.]+ seconds"
    has "Status Breakdown:"
    has "  COMPLETED        1 \( 25.0%\)"
}

@test "no jobs at all" {
    output=$(mscg stats)
    has "  Total Jobs:     0"
    has "  Used CPUs:      0 \(0.0%\)"
}

@test "--total-cpus and --total-mem are taken, and remarked upon where they differ" {
    run mscg stats --total-cpus 4 --total-mem 8GB
    [ "$status" -eq 0 ]
    [[ $output != *"mscg: "* ]]
    run bash -c "mscg stats --total-cpus 8 --total-mem 16GB 2>&1 >/dev/null"
    [[ $output == *"--total-cpus=8: mscgd manages 4"*"--total-mem=16G: mscgd manages 8G"* ]]
    fails 2 mscg stats --total-cpus 0
    fails 2 mscg stats --total-mem 1XB
    fails 2 mscg stats x
}

@test "a drained machine says so" {
    mscg drain
    output=$(mscg stats)
    has "  Drained: .*"
    same true "$(mscg stats --json | json 'j["drained"]')"
}

@test "what is not enforced is told" {
    stop_daemon
    make_room
    serve '{"stats": {"node": "box", "cpus_total": 2, "cpus_held": 1, "cpus_lent": 1, "cpus_free": "1", "mem_total": 1073741824,
        "mem_held": 0, "jobs_total": 0, "by_state": {}, "warnings": ["controller memory is missing"]}}'
    output=$(mscg stats)
    has "Warnings:"
    has "  controller memory is missing"
    has "  Used CPUs:      1 \(50.0%\), 1 of them lent to elastic jobs"
}

@test "--json" {
    same '[4, 8589934592, 0]' "$(mscg stats --json | json '[j["cpus_total"], j["mem_total"], j["jobs_total"]]')"
}

@test "the configuration, and who said so" {
    kill_daemon
    printf '[elastic]\nelastic-threshold = 33\n' >conf
    start_daemon --config "$room/conf"
    output=$(mscg config)
    has "\[resources\]"
    has "total-cpus = 4 +# command line"
    has "elastic-threshold = 33 +# $room/conf:2"
    has "scheduler = easy +# default"
    has "starvation-guard = 01:00:00 +# default"
    has "disable-elastic = no +# default"
    same "33" "$(mscg config --json | json '[s["value"] for s in j if s["name"] == "elastic-threshold"][0]')"
    fails 2 mscg config x
    fails 4 mscg --socket "$room/none" config
}
