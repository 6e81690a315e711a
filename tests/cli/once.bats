#!/usr/bin/env bats
# A request without a daemon (mscgd --once): what goes wrong is said once, and where things lie does not depend on from where one looks.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

@test "what mscgd --once cannot do is said once" {
    mkdir state
    chmod 777 state
    run mscg queue
    [ "$status" -eq 5 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "mscg: the state directory $room/state may be written by others"* ]]
    chmod 700 state
    run mscg queue
    [ "$status" -eq 0 ]
}

@test "by hand, without anybody to answer, it says it itself" {
    mkdir -m 777 state
    chmod 777 state
    run mscgd --once --state-dir state </dev/null
    [ "$status" -eq 1 ]
    [[ $output == "mscgd: the state directory $room/state may be"* ]]
}

@test "relative directories are taken from where mscgd was started" {
    (cd "$room" && exec mscgd --engine=fake --state-dir here --runtime-dir run --socket sock >>daemon.log 2>&1 3>&-) &
    daemon_pid=$!
    mscg ping --wait 10 >/dev/null
    cd /
    run mscg ping --json
    [[ $output == *"\"state_dir\":"*"\"$room/here\""* ]]
}
