#!/usr/bin/env bats
# mscg queue: what is chosen and in which order, users and reasons, squeue's columns.

load helper

setup() { start_daemon; }
teardown() { stop_daemon; }

@test "the newest, where arrays are among them" {
    mscg submit -a 0-3 --wait true
    mscg submit sleep 60
    mscg submit -a 0-9 -c 4 true
    same "1_3 2 3_[0-9]" "$(mscg queue -n 3 -h -o %i | xargs)"
    same "1_2 1_3 2 3_[0-9]" "$(mscg queue --all -n 4 -h -o %i | xargs)"
}

@test "what waits says why, before its command" {
    mscg submit --mem 20GB python train.py
    mscg submit -H true
    mscg submit true
    mscg wait -q 3
    run mscg queue
    [[ ${lines[1]} == *" (Infeasible) python train.py" ]]
    [[ ${lines[2]} == *" (JobHeldUser) true" ]]
    [[ ${lines[3]} =~ [0-9]\ true$ ]]
}

@test "whose they are, where there are jobs of others" {
    [ "$(id -u)" = 0 ] || return 0 # nobody else can submit here
    chmod 755 "$room"
    mscg submit sleep 60
    [[ $(mscg queue | head -1) != *USER* ]]
    setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/ MSCG_SOCKET="$MSCG_SOCKET" "$(command -v mscg)" submit sleep 60
    other=$(id -nu 65534)
    run mscg queue
    same "  ID     USER     STAT CPU MEM(MB) PRI  WAIT(s)   RUN(s) ELASTIC      SUBMIT COMMAND" "${lines[0]}"
    [[ ${lines[1]} =~ ^\ \ \ 1\ \ \ \ \ root\ \ RUNNING\ .*\ [0-9][0-9]-[0-9][0-9]\ [0-9:]{5}\ sleep\ 60$ ]]
    [[ ${lines[2]} == "   2 $(printf %8s "${other:0:8}")  RUNNING "* ]]
    [[ $(mscg queue --me | head -1) != *USER* ]]
}

@test "--long, --jobs, --sort, --start" {
    mscg submit -J long --priority 1 -t 90 -c 4 sleep 60
    mscg submit -J b --priority 3 -c 4 -t 5 true
    mscg submit -J a --priority 2 -c 4 -a 1-3 -t 5 true
    run mscg queue -l
    same "             JOBID PARTITION     NAME     USER    STATE       TIME TIME_LIM+  NODES NODELIST(REASON)" "${lines[0]}"
    [[ ${lines[1]} =~ ^\ +1\ .*long\ .*RUNNING\ +0:0[0-9]\ +01:30:00\ +1\ [^\(]+$ ]]
    [[ ${lines[2]} == *"(Resources)" ]]
    same "b a long" "$(mscg queue -h --sort=-p -o %j | xargs)"
    same "a b long" "$(mscg queue -h -S j -o %j | xargs)"
    same "3 2 1" "$(mscg queue -h -S t,-A --json | json '" ".join(str(x["job_id"]) for x in j)')"
    same "a" "$(mscg queue -h -S j -n 1 -o %j)"
    same "1 2" "$(mscg queue -h -j 2,1 -S i -o %i | xargs)"
    same "No jobs found." "$(mscg queue -j 99)"
    run mscg queue --start -o "%i %S"
    same "JOBID START_TIME" "${lines[0]}"
    same "2" "${lines[1]%% *}"
    [[ ${lines[1]} =~ \ 20[0-9-]{8}T[0-9:]{8}$ ]]
    [ "${#lines[@]}" -eq 3 ]
    mscg cancel 1
    mscg submit -c 2 -a 1-2%1 sleep 60
    one() { [ "$(mscg queue -h -j 4 -o %i | xargs)" = "4_[2%1] 4_1" ]; }
    within 10 one
    fails 2 mscg queue --sort=%p
    says "--sort"
    fails 2 mscg queue -j x
    fails 2 mscg queue -j 1 --all
}
