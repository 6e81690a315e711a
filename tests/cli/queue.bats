#!/usr/bin/env bats
# timeout: 300
# mscg queue: Mini-SLURM's columns, squeue's formats, what is left out and what is not.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

state_is() { same "$2" "$(field "$1" state)" >/dev/null; }

@test "an empty queue says so" {
    same "No jobs found." "$(mscg queue)"
    same "" "$(mscg queue -h)"
    same "[]" "$(mscg queue --json)"
}

@test "columns as Mini-SLURM prints them" {
    mscg submit --cpus 2 --mem 4096MB --priority 5 sleep 60
    mscg submit --mem 20GB python train.py
    run mscg queue
    same "  ID     STAT CPU MEM(MB) PRI  WAIT(s)   RUN(s)  ELASTIC              SUBMIT COMMAND" "${lines[0]}"
    [[ ${lines[1]} =~ ^\ \ \ 1\ \ RUNNING\ \ \ 2\ \ \ \ 4096\ \ \ 5\ \ \ \ \ \ 0\.0\ \ \ \ \ \ 0\.[0-9]\ \ \ \ \ \ \ \ \ \ 20[0-9-]{8}\ [0-9:]{8}\ sleep\ 60$ ]]
    [[ ${lines[2]} =~ ^\ \ \ 2\ \ PENDING\ \ \ 1\ \ \ 20480\ \ \ 0\ .*\ python\ train\.py$ ]]
    same 3 "${#lines[@]}"
}

@test "an elastic job shows what it holds of what it may hold" {
    mscg submit --elastic --cpus 2 --min-cpus 2 --max-cpus 3 --mem 1GB sleep 60
    grown() { [ "$(field 1 current_cpus)" = 3 ]; }
    within 5 grown
    [[ $(mscg queue) == *" 3/3 "* ]]
}

@test "what is too long for its column pushes the next no further than it must" {
    mscg submit --wait true
    mscg submit --mem 20GB true
    run mscg queue
    [[ ${lines[1]} == *" COMPLETED "* ]]
    # The column of dates ends where its title does.
    head=${lines[0]%%SUBMIT*}
    for i in 1 2; do
        [[ ${lines[i]:$((${#head} + 6 - 19)):20} =~ ^20[0-9-]{8}\ [0-9:]{8}\ $ ]] || { printf '%s\n' "${lines[@]}"; false; }
    done
}

@test "tasks of an array that wait are one line" {
    mscg submit -a 0-9%2 sleep 60
    two() { [ "$(mscg queue -h | wc -l)" = 3 ]; }
    within 5 two
    run mscg queue -h -o "%i %T"
    same "1_[2-9%2] PENDING" "${lines[0]}"
    same "1_0 RUNNING" "${lines[1]}"
    same "1_1 RUNNING" "${lines[2]}"
    # A list of a thousand pieces is cut.
    mscg submit --mem 20GB -a "$("$python" -c 'print(",".join(str(i * i) for i in range(100)))')" true
    [[ $(mscg queue) == *"2_[0-1,4,9,"*"...] "* ]]
}

@test "an array all of whose tasks have begun is its tasks" {
    mscg submit -a 0-2 --wait true
    same "1_0 1_1 1_2" "$(mscg queue -h -o %i | xargs)"
    same "1_0 1_1 1_2" "$(mscg queue --all --json | json '" ".join(x["id"] for x in j)')"
}

@test "all that wait and run, and twenty that ended; --all and --status leave nothing out" {
    for i in $(seq 25); do mscg submit true; done >/dev/null
    mscg submit sleep 60
    within 5 state_is 25 COMPLETED
    run mscg queue -h -o %i
    same "$(seq 6 26 | xargs)" "$(xargs <<<"$output")"
    same 26 "$(mscg queue --all -h | wc -l)"
    same 25 "$(mscg queue --status COMPLETED -h | wc -l)"
    same 25 "$(mscg queue --status cd -h | wc -l)"
    same 26 "$(mscg queue --status cd,r -h | wc -l)"
    same "No jobs found." "$(mscg queue --status FAILED)"
    same "24 25 26" "$(mscg queue --all -n 3 -h -o %i | xargs)"
    same "24 25 26" "$(mscg queue --limit 3 -h -o %i | xargs)"
    same "26" "$(mscg queue -n 1 -h -o %i)"
    same "23 24 25" "$(mscg queue --status CD -n 3 -h -o %i | xargs)"
    same "24 25 26" "$(mscg queue -n 3 --json | json '" ".join(x["id"] for x in j)')"
    same "$(seq 6 26 | xargs)" "$(mscg queue -n 100 -h -o %i | xargs)"
}

@test "more jobs than one message holds" {
    mscg submit --mem 20GB -a 0-4 true
    for i in $(seq 6); do mscg submit -a 0-99 true; done >/dev/null
    all() { [ "$(mscg queue --all -h | wc -l)" = 601 ]; }
    within 20 all
    same 601 "$(mscg queue --all --json | json 'len(j)')"
    same 300 "$(mscg queue --all -h -n 300 | wc -l)"
}

@test "--me and --user" {
    mscg submit true
    me=$(id -un)
    same 1 "$(mscg queue -h --me -o %i)"
    same 1 "$(mscg queue -h -u "$me" -o %i)"
    fails 2 mscg queue -h --user nobody-of-that-name
    says "no user 'nobody-of-that-name' on this machine"
    same "" "$(mscg queue -h --user 4242)"
    same "" "$(mscg queue -h --user daemon)"
    fails 2 mscg queue --me --user "$me"
    says "expected one of them"
}

@test "--format as squeue has it" {
    mscg submit -J "a long name" -A lab -c 2 -t 90 --priority 7 sleep 60
    mscg submit --mem 20GB true
    run mscg queue -o "%.8i|%9j|%.4t|%T|%C|%l|%p|%a|%R|%%x"
    same "   JOBID|NAME     |  ST|STATE|CPUS|TIME_LIMIT|PRIORITY|ACCOUNT|NODELIST(REASON)|%x" "${lines[0]}"
    [[ ${lines[1]} == "       1|a long n+|   R|RUNNING|2|01:30:00|7|lab|"*"|%x" ]]
    same "       2|true     |  PD|PENDING|0|UNLIMITED|0||(Infeasible)|%x" "${lines[2]}"
    [[ $(mscg queue -h -o "%M %D %u %P") =~ ^0:0[0-9]\ 1\ $(id -un)\  ]]
}

@test "the JSON has the documented keys" {
    mscg submit sleep 60
    mscg queue --json | json '[x["job_id"] for x in j]'
    for key in job_id name user state reason exit_code signal command cpus min_cpus max_cpus current_cpus cpuset mem_bytes \
        priority elastic submit_time start_time end_time wait_seconds run_seconds cgroup stdout_path stderr_path control_file \
        accounting; do
        same true "$(mscg queue --json | json "'$key' in j[0]")" || { echo "$key"; false; }
    done
}

@test "control characters of others do not reach the terminal" {
    mscg submit $'printf \a\e[31m'
    run mscg queue -o "%j %o"
    [[ $output != *$'\e'* ]]
    [[ $output != *$'\a'* ]]
    [[ $(mscg queue) != *$'\e'* ]]
}

@test "--watch prints again and again" {
    mscg submit sleep 60
    timeout 1.5 mscg queue --watch=0.2 -h -o %i >out || true
    [ "$(grep -c '^1$' out)" -ge 2 ]
    timeout 1.5 mscg queue -h -o %i --watch 0.2 >out || true
    [ "$(grep -c '^1$' out)" -ge 2 ]
    fails 2 mscg queue --watch=0
    fails 2 mscg queue --watch x
}

@test "--watch on a terminal has the other screen, and gives it back" {
    mscg submit sleep 60
    [[ $("$python" "$BATS_TEST_DIRNAME/terminal.py" 24 120 q mscg queue --watch=0.2) == *"sleep 60"* ]]
    "$python" "$BATS_TEST_DIRNAME/terminal.py" 2 5 $'\x03' mscg queue --watch=0.2 >/dev/null
}

@test "bad input" {
    fails 2 mscg queue --status NOSUCH
    says "NOSUCH"
    fails 2 mscg queue --status ""
    fails 2 mscg queue --user ""
    fails 2 mscg queue -n 0
    fails 2 mscg queue -n x
    fails 2 mscg queue -o "%Y"
    says "%Y"
    fails 2 mscg queue -o "%-5i"
    fails 2 mscg queue -o "abc%"
    fails 2 mscg queue -o ""
    fails 2 mscg queue 5
    says "'5'"
}

@test "without a daemon the owner sees the queue" {
    kill_daemon
    rm -rf state sock
    as_user mscg submit --parsable true 2>/dev/null
    same "1 PENDING" "$(as_user mscg queue -h -o '%i %T')"
    fails 4 mscg --socket "$room/none" --state-dir "$(not_mine)" queue
}
