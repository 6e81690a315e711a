#!/usr/bin/env bats
# also: 6.12 slow
# Arrays on real processes: a task for each line of a file, and what becomes of the rest when too many fail.

load ../cli/helper

setup() { start_real; }
teardown() { stop_real; }

@test "a task for each line, over a daemon that is killed" {
    printf '%s\n' plain 'two words' 'it'"'"'s $HOME; touch bad' '' '*é"{}' >lines
    mscg submit -H --each-line lines --throttle 2 -o 'out.%a' 'printf "%s|" {} "$MSCG_LINE" $MSCG_ARRAY_TASK_ID'
    mscg submit -H --each-line lines -a 1,4 -o 'arg.%a' printf '%s|' 'x{}y' --{}
    mscg submit -H --each-line lines -o 'nothing.%a' 'printf "%s" "$MSCG_LINE"'
    kill_daemon
    start_real
    rm lines
    mscg release 1 2 3
    mscg wait 1 2 3 --timeout 60
    same "plain|plain|0|" "$(<out.0)"
    same "two words|two words|1|" "$(<out.1)"
    same 'it'"'"'s $HOME; touch bad|it'"'"'s $HOME; touch bad|2|' "$(<out.2)"
    same '||3|' "$(<out.3)"
    same '*é"{}|*é"{}|4|' "$(<out.4)"
    same 'xtwo wordsy|--two words|' "$(<arg.1)"
    same 'x*é"{}y|--*é"{}|' "$(<arg.4)"
    [ ! -e arg.0 ] && [ ! -e bad ] && [ ! -s nothing.3 ]
    same "0-4 2" "$(mscg show 1 --json | json '"0-%d %d" % (j["array_tasks"] - 1, j["array_throttle"])')"
}

@test "lines that can not be" {
    : >empty
    printf 'a\nb\n' >two
    printf 'a\0b\n' >zero
    printf 'a\377\n' >latin
    head -c 70000 /dev/zero | tr '\0' x >long
    for i in $(seq 14); do cut -c 1-60000 long; done >large
    while read -r file options expected; do
        fails ${expected%% *} mscg submit --each-line $file ${options//_/ } true
        says "${expected#* }"
    done <<'END'
empty --hold 2 'empty' has no lines
none --hold 2 cannot open the file of lines none
two --array=0-2 2 task 2 of 2 lines: expected indices from 0 to 1
two --array=0-1%2_--throttle=2 2 --throttle 2 beside %2
zero --hold 2 has a NUL byte
latin --hold 2 'latin' is not UTF-8
long --hold 2 has 70000 bytes: expected 65536 at most
large --hold 2 expected 786432 in all at most
END
    fails 2 mscg submit --throttle 2 true
    says "expected --array too"
    mscg queue --json | json '"" if j == [] else 1 / 0'
}

@test "so many may fail" {
    mscg submit -a 0-99 --max-fails 2 --grace 0 'case $MSCG_ARRAY_TASK_ID in 0) exec sleep 600 ;; 1) ;; *) exit 3 ;; esac'
    run mscg wait 1 --timeout 60
    same 3 "$status"
    same "FAILED JobArrayMaxFails 3 2" "$(field 1 state) $(field 1 reason) $(field 1 exit_code) $(field 1 array_fails)"
    same "CANCELLED JobArrayMaxFails COMPLETED FAILED" "$(field 1_0 state) $(field 1_0 reason) $(field 1_1 state) $(field 1_3 state)"
    mscg events 1 --json | grep -q '"2 tasks have failed, of 2 that may"'
    # those that are cancelled have not failed, nor those that are tried again
    mscg submit -a 0-3 --max-fails 1 --max-retries 1 '[ $MSCG_ARRAY_TASK_ID != 0 ] || exec sleep 600; [ $MSCG_RESTART_COUNT = 1 ]'
    mscg cancel 2_0
    mscg wait 2 --timeout 60 || true
    same "3 0" "$(for i in 1 2 3; do field 2_$i state; done | grep -c COMPLETED) $(field 2 array_fails)"
    fails 2 mscg submit --max-fails 1 true
    says "--max-fails 1 without an array"
    fails 2 mscg submit -a 0-1 --max-fails 0 true
}
