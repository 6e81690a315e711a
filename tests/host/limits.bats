#!/usr/bin/env bats
# also: 6.1 slow
# The end of a job's time on real processes: a signal before it, and less time for an earlier start.

load ../cli/helper

setup() { start_real; }
teardown() { stop_real; }

is() { [ "$(field "$1" state 2>/dev/null)" = "$2" ]; }
warnings() { mscg events "$1" --json | grep -c '"kind": *"warned"'; }

@test "a signal before the end, to those that catch it" {
    cat >child <<'END'
trap 'echo child >>got; exit 0' USR1
: >ready
while :; do sleep 0.05; done
END
    mscg submit -t 30s --signal USR1@22 'sh child; echo after >>got'
    within 30 is 1 COMPLETED
    same "child after" "$(echo $(<got))"
    # nobody catches it
    mscg submit -t 30s --signal USR2@29 'sleep 600; echo lives'
    within 30 is 2 FAILED
    same 12 "$(field 2 signal)"
}

@test "a signal to the main process, over a daemon that is killed, and when the end is moved" {
    mscg submit -t 1h --signal B:USR1@60 'trap "echo main >>got" USR1; : >ready; (trap "echo other >>got" USR1; while :; do sleep 0.1; done) & while :; do sleep 0.1; done'
    within 30 test -e ready
    same B:SIGUSR1@60 "$(field 1 signal_before_end)"
    kill_daemon
    start_real
    [ ! -e got ]
    mscg update 1 --time 61s
    within 30 test -s got
    mscg update 1 --time 1h
    mscg update 1 --time 50s
    twice() { [ "$(grep -c main got)" = 2 ]; }
    within 30 twice
    ! grep other got
    same "RUNNING 2" "$(field 1 state) $(warnings 1)"
    mscg show 1 | grep -q 'Signal: *B:SIGUSR1@60'
}

@test "wrong signals" {
    for bad in NOPE USR1@ USR1@0 USR1@65536 USR1@1m KILL@10 B: B:@5 R:USR1@10 USR1@-1; do
        fails 2 mscg submit --signal "$bad" true
        says "'$bad'"
        says "expected"
    done
}

@test "more time, as long as that delays nobody, over a daemon that is killed" {
    mscg submit -t 2s --time-extend 1h --grace 0 "exec sleep 600"
    within 30 eval '[ "$(field 1 time_limit)" = 62 ]'
    same "2 3600 RUNNING" "$(field 1 time_limit_asked) $(field 1 time_extend) $(field 1 state)"
    mscg events 1 | grep -q 'time_limit: 00:01:02, was 00:00:02: nobody who waits starts later for it'
    mscg show 1 | grep -q 'Asked for: *00:00:02, given more, as that delays nobody'
    kill_daemon
    start_real
    same "62 2 3600" "$(field 1 time_limit) $(field 1 time_limit_asked) $(field 1 time_extend)"
    mscg submit -t 2s --time-extend 1h --grace 0 "exec sleep 600"
    within 30 is 2 RUNNING
    mscg submit -c 2 true
    within 30 is 2 TIMEOUT
}

@test "less time, to pass those before it" {
    mscg submit -t 60s --grace 0 "exec sleep 600"
    within 30 is 1 RUNNING
    mscg submit -c 2 -t 5 "exec sleep 600"
    mscg submit -t 10 --time-min 2 --grace 0 true
    mscg submit -t 10 --time-min 10s --grace 0 'echo $MSCG_JOB_END_TIME >end; exec sleep 600'
    within 30 test -s end
    same PENDING "$(field 3 state)"
    limit=$(field 4 time_limit)
    same "600 10" "$(field 4 time_limit_asked) $(field 4 time_min)"
    [ "$limit" -gt 10 ] && [ "$limit" -lt 60 ]
    left=$(($(<end) - $(date +%s)))
    [ "$left" -le "$limit" ] && [ "$left" -gt 5 ]
    mscg show 4 | grep -q 'Asked for: *00:10:00, given less'
    kill_daemon
    start_real
    same "$limit 600" "$(field 4 time_limit) $(field 4 time_limit_asked)"
    mscg cancel 1 2
    mscg requeue 4
    again() { [ "$(field 4 restart_count)" = 1 ] && is 4 RUNNING; }
    within 30 again
    same "600 null" "$(field 4 time_limit) $(field 4 time_limit_asked)"
    fails 2 mscg submit --time-extend 2 true
    says "--time-extend to 120 s without a time limit: expected --time too"
    fails 2 mscg submit -t 2 --time-extend 1 true
    says "--time-extend to 60 s is not above --time of 120 s: expected more than that"
    fails 2 mscg submit -t 1 --time-min 2 true
    says "--time-min of 120 s is above --time of 60 s"
    fails 2 mscg submit --time-min 2 true
    says "without a time limit"
}
