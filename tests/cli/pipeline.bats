#!/usr/bin/env bats
# timeout: 300
# mscg submit --file: jobs of a pipeline, all or none.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

is() { [ "$(field "$1" state)" = "$2" ]; }

three() {
    cat >three.json <<'EOF'
{"defaults": {"cpus": 2, "mem": "64MB", "requeue": true, "time": 30},
 "jobs": [
   {"name": "report", "command": "echo done", "dependency": ["afterok:train_2", "afterany:prepare"], "requeue": false},
   {"name": "prepare", "command": ["echo", "a b"], "hold": true},
   {"name": "train", "command": "true", "array": "0-3%2", "cpus": 1, "min-cpus": 1, "elastic": true, "dependency": "afterok:prepare"}]}
EOF
}

@test "jobs that wait for each other by name run in that order, over a restart" {
    three
    same "Submitted job 3 (report), afterok:train_2,afterany:prepare
Submitted job 1 (prepare)
Submitted job 2 (train), afterok:prepare" "$(mscg submit --file three.json)"
    same "report train 2_[0-3%2]" "$(field 3 name) $(field 2 name) $(mscg queue | sed -n 's/^ *\(2_[^ ]*\).*/\1/p')"
    same "JobHeldUser Dependency afterok:1 afterok:2_2,afterany:1" \
        "$(field 1 reason) $(field 2 reason) $(field 2 dependency) $(field 3 dependency)"
    same "2 1800 true 2 false true" "$(field 1 cpus) $(field 1 time_limit) $(field 1 requeue) $(field 3 cpus) $(field 3 requeue) $(field 2 elastic)"
    same '["echo", "a b"]' "$(field 1 argv)"
    kill_daemon
    start_daemon
    same "afterok:2_2,afterany:1" "$(field 3 dependency)"
    mscg release 1
    within 20 is 3 COMPLETED
    same COMPLETED "$(field 2_3 state)"
}

@test "the command line wins; --json, --parsable, --wait, --test-only, standard input" {
    three
    mscg submit --file three.json --account physics --mem 128MB --parsable >ids
    same "3 1 2" "$(xargs <ids)"
    same "physics physics 134217728" "$(field 1 account) $(field 3 account) $(field 2 mem_bytes)"
    same '[["report", "6"], ["prepare", "4"], ["train", "5"]]' \
        "$(mscg submit --file - --json <three.json | json '[[x["name"], x["id"]] for x in j["jobs"]]')"
    echo '{"jobs": [{"name": "a", "command": "exit 3"}, {"name": "b", "command": "true", "dependency": "afternotok:a"}]}' |
        { status=0; mscg submit --file - --wait || status=$?; [ $status -eq 3 ]; }
    is 8 COMPLETED
    mscg submit --file three.json --test-only | grep -q '  dependency=afterok:train_2,afterany:prepare'
    same '["afterok:#0", "afterok:#1_2,afterany:#0"]' \
        "$(mscg submit --file three.json --test-only --json | json '[x["dependency"] for x in j["jobs"][1:]]')"
    same 9 "$(mscg submit --parsable true)"
}

@test "batch scripts, and jobs that are there already" {
    printf '#!/bin/sh\n#MSCG -t 5 --cpus 1\n#SBATCH --comment=of-the-script\necho "$@"\n' >job.sh
    mscg submit -H -J prepare true
    cat >p.json <<'EOF'
{"defaults": {"time": 7}, "jobs": [
  {"name": "s", "command": ["job.sh", "x"], "dependency": "after:1+5?afterany:1,"},
  {"name": "t", "command": ["job.sh"], "time": "1:00:00"}]}
EOF
    fails 2 mscg submit --file p.json
    says "p.json: job 's': invalid dependency 'after:1+5?afterany:1,': expected for example afterok:NAME"
    sed -i 's/afterany:1,/afterany:1/' p.json
    mscg submit --file p.json
    same "300 of-the-script after:1+5?afterany:1" "$(field 2 time_limit) $(field 2 comment) $(field 2 dependency)"
    same 3600 "$(field 3 time_limit)"
}

@test "what is refused, and then nothing is submitted" {
    bad() { # FILE-TEXT MESSAGE
        printf '%s' "$1" >bad.json
        fails 2 mscg submit --file bad.json
        case $error in "mscg: submit: bad.json: $2"* | "mscg: bad.json: $2"*) ;; *) echo "expected '$2' in: $error"; return 1 ;; esac
    }
    jobs() { bad "{\"jobs\": [$1]}" "$2"; }
    good='{"name": "good", "command": "true"}'
    bad '{"jobs": [}' "line 1, column 11: unexpected token near '}': expected JSON"
    bad '[]' 'expected an object with jobs'
    bad '{}' 'jobs is missing: expected a list'
    bad '{"jobs": []}' 'jobs is empty: expected a list'
    bad '{"jobs": {}}' 'jobs is no list: expected a list'
    bad '{"jobs": [], "job": 1}' "unknown key 'job': expected jobs and defaults"
    bad '{"jobs": [], "jobs": []}' 'line 1, column 19: duplicate object key'
    bad '{"defaults": {"name": "x"}, "jobs": []}' "defaults: name and dependency are each job's own"
    bad '{"defaults": {"cpus": "x"}, "jobs": []}' "defaults: --cpus: "
    bad '{"defaults": 1, "jobs": []}' "defaults: expected an object"
    jobs 1 'job 1 is no object'
    jobs "$good, {\"command\": \"true\"}" 'job 2 has no name: expected "name"'
    jobs '{"name": "12", "command": "true"}' "job 1: name '12': expected letters"
    jobs '{"name": "a:b", "command": "true"}' "job 1: name 'a:b': expected letters"
    jobs "$good, $good" "two jobs have the name 'good': expected each name once"
    one() { jobs "$good, {\"name\": \"a\", $1}" "job 'a': $2"; }
    one '"cpus": 1' 'command is missing: expected a text for sh, or a list'
    one '"command": []' 'command is empty'
    one '"command": 5' 'command is neither a text nor a list'
    one '"command": ["a", 5]' 'command: its word 2 is no text'
    one '"command": "true", "min_cpus": 1' "unknown key 'min_cpus': expected 'min-cpus'"
    one '"command": "true", "cpu": 1' "unknown key 'cpu': expected name, command, dependency, or a long option of mscg submit"
    one '"command": "true", "wait": true' "unknown key 'wait'"
    one '"command": "true", "exclusive": true' "unknown key 'exclusive'"
    one '"command": "true", "job-name": "x"' "unknown key 'job-name': expected 'name'"
    one '"command": "true", "gpus-per-task": "1"' '--gpus-per-task (GPUs) is not in this version'
    one '"command": "true", "cpus": 0' '--cpus'
    one '"command": "true", "cpus": null' 'cpus: expected a text or a number'
    one '"command": "true", "cpus": true' 'cpus: expected a text or a number'
    one '"command": "true", "elastic": 5' 'elastic: expected true or false'
    one '"command": "true", "array": "x"' "invalid array 'x'"
    one '"command": "true", "dependency": 5' 'dependency: expected a text as "afterok:NAME", or a list'
    one '"command": "true", "dependency": "good"' "invalid dependency 'good': expected for example afterok:NAME"
    one '"command": "true", "dependency": "afterok:goo"' "it waits for 'goo', and no job of the file has that name"
    one '"command": "true", "dependency": "afterok:#0"' "it waits for '#0', and no job"
    one '"command": "true", "dependency": "afterok:good_3"' 'a dependency on #0_3: that job has no such task'
    one '"command": "true", "dependency": "afterok:good+5"' "invalid dependency 'afterok:good+5'"
    jobs "$good, {\"name\": \"a\", \"command\": \"true\", \"dependency\": \"afterok:99\"}" 'a dependency on job 99: there is no such job'
    job() { echo "{\"name\": \"$1\", \"command\": \"true\", \"dependency\": \"$2\"}"; }
    jobs "$(job a afterok:a)" 'jobs wait for each other in a circle: a waits for a'
    jobs "$good, $(job a good), $(job b afterok:c)" "job 'a': invalid dependency 'good'"
    jobs "$(job d afterok:a), $(job a afterok:b), $(job b after:c), $good, $(job c afterany:good:a)" \
        'jobs wait for each other in a circle: a waits for b waits for c waits for a'
    fails 2 mscg submit --file nowhere.json
    says 'nowhere.json: cannot open it: No such file'
    three
    for beside in --wrap=true -Jx -dsingleton --script; do
        fails 2 mscg submit --file three.json "$beside"
        says 'beside --file: expected it in the file'
    done
    fails 2 mscg submit --file three.json true
    says "'true' beside --file"
    same 1 "$(mscg submit --parsable true)"
}

@test "all or none: one that this machine can never run" {
    kill_daemon
    printf '[jobs]\ninfeasible = reject\n' >conf
    start_daemon --config "$room/conf"
    three
    sed -i 's/"hold": true/"hold": true, "mem": "1TB"/' three.json
    fails 1 mscg submit --file three.json
    says "mscg: three.json: job 'prepare': "
    same 1 "$(mscg submit --parsable true)"
    sed -i 's/1TB/1GB/' three.json
    same "4 2 3" "$(mscg submit --file three.json --parsable | xargs)"
}

@test "three hundred jobs in one chain, given last first" {
    json '{"jobs": [dict(name=f"j{i}", command="true", **({"dependency": f"afterok:j{i-1}"} if i else {})) for i in range(299, -1, -1)]}' \
        <<<0 >chain.json
    mscg submit --file chain.json --parsable >ids
    same "300 1" "$(head -1 ids) $(tail -1 ids)"
    within 60 is 300 COMPLETED
}
