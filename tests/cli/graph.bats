#!/usr/bin/env bats
# mscg graph: pipelines as text, for Graphviz and as JSON.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

is() { [ "$(field "$1" state)" = "$2" ]; }

# 1 prepare, 2 train (an array), 3 clean, 4 report; 5 has nothing to do with them, 6 and 7 are another
two_pipelines() {
    cat >p.json <<'EOF'
{"jobs": [
  {"name": "prepare", "command": "true", "hold": true},
  {"name": "train", "command": "true", "array": "0-3%2", "dependency": "afterok:prepare"},
  {"name": "clean", "command": "true", "dependency": "afternotok:prepare?after:train+5"},
  {"name": "report", "command": "true", "dependency": "afterok:train_2,afterany:clean"}]}
EOF
    mscg submit --file p.json
    mscg submit -H true
    mscg submit -H -J 'a"\b' true
    mscg submit -d afterany:6 true
}

@test "text: each below the last that it waits for, with what it waits for" {
    two_pipelines
    mscg graph | sed 's/ *$//' >got
    cat >want <<'EOF'
JOB     NAME    STATE                 WAITS FOR
1       prepare PENDING (JobHeldUser)
  2     train   PENDING (Dependency)  afterok:1
    3   clean   PENDING (Dependency)  afternotok:1 ? after:2+5
      4 report  PENDING (Dependency)  afterok:2_2, afterany:3
6       a"\b    PENDING (JobHeldUser)
  7     true    PENDING (Dependency)  afterany:6
EOF
    diff want got
    mscg graph 2_1 | sed 's/ *$//' | diff <(sed '/^6/d; /^ *7/d' want) -
    same "7 " "$(mscg graph 6 | awk 'NR == 3 { print $1 " " $6 }')"
    same 2 "$(mscg graph 5 | wc -l)"
}

@test "what has ended is found too, from either end" {
    two_pipelines
    mscg release 1
    within 20 is 2_3 COMPLETED
    for job in 1 2 3 4; do
        same '[["1", "COMPLETED"], ["2", "COMPLETED"], ["3", "PENDING"], ["4", "PENDING"]]' \
            "$(mscg graph $job --json | json '[[x["id"], x["state"]] for x in j["jobs"]]')"
    done
    same '[["2", "1", "afterok", 0, false, false, false], ["3", "1", "afternotok", 0, true, true, true], ["3", "2", "after", 5, true, true, false], ["4", "2_2", "afterok", 0, false, false, false], ["4", "3", "afterany", 0, false, true, false]]' \
        "$(mscg graph 1 --json | json '[[x[k] for k in ("job", "on", "kind", "delay_minutes", "any", "waits", "failed")] for x in j["dependencies"]]')"
    mscg graph | grep -q 'afternotok:1(failed) ? after:2+5'
    mscg cancel 3
    within 20 is 4 COMPLETED
    same "JOB NAME STATE WAITS FOR" "$(mscg graph 99 2>/dev/null || mscg graph | sed -n 1p | xargs)"
    same 5 "$(mscg graph 4 | wc -l)"
    same "afterok:2_2,afterany:3" "$(field 4 depends_on)"
    same null "$(field 4 dependency)"
}

@test "singleton: those that were there" {
    mscg submit -H -J one true
    mscg submit -J one -d singleton true
    same "2 PENDING (Dependency) singleton:1" "$(mscg graph | sed -n 3p | awk '{ print $1, $3, $4, $5 }')"
}

@test "DOT, which dot reads where it is there" {
    two_pipelines
    mscg graph --dot >got
    grep -qxF '  "6" [label="6 a\"\\b\nPENDING", fillcolor=white];' got
    grep -qxF '  "1" -> "3" [label="afternotok", style=dashed];' got
    grep -qxF '  "2" -> "4" [label="afterok _2"];' got
    same "digraph jobs { }" "$(head -1 got) $(tail -1 got)"
    ! command -v dot >/dev/null || dot -Tsvg got | grep -q 'prepare'
    mscg release 1
    within 20 is 2_3 COMPLETED
    mscg graph --dot | grep -qxF '  "1" -> "3" [label="afternotok", style=dashed, color=red];'
    mscg graph --dot | grep -qxF '  "1" [label="1 prepare\nCOMPLETED", fillcolor=palegreen];'
}

@test "nothing, and what is wrong" {
    same '{"jobs": [], "dependencies": []}' "$(mscg graph --json | json j)"
    same 1 "$(mscg graph | wc -l)"
    fails 3 mscg graph 99
    says "no job 99"
    fails 2 mscg graph x
    fails 2 mscg graph --dot --json
    says "graph: --dot beside --json"
}
