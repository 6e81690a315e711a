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

@test "what waits without a scheduler says so, and what waits for something else too" {
    as_user mscg submit true 2>/dev/null
    as_user mscg submit -H true 2>/dev/null
    [[ $(as_user mscg show 1) == *"no scheduler runs: "* ]]
    run as_user mscg why 1
    [ "$status" -eq 0 ]
    same "Job 1: Drained: no scheduler runs: nothing is started before one does" "${lines[0]}"
    same "  Expected start: cannot be said: no scheduler runs" "${lines[1]}"
    same "  Starts now with a scheduler (mscg scheduler)" "${lines[2]}"
    run as_user mscg why 2
    [[ ${lines[0]} == "Job 2: JobHeldUser: held by its user"* ]]
}

@test "the queue of another socket's daemon is not guessed" {
    HOME=$room/home
    mkdir -m 777 "$HOME"
    run as_user env -u MSCG_STATE_DIR -u XDG_STATE_HOME HOME="$HOME" "$(command -v mscg)" submit true
    [ "$status" -ne 0 ]
    [[ $output == "mscg: no daemon answers on $room/sock"* ]]
    [ -z "$(ls -A "$HOME")" ]
}

# machine CONF COMMAND...: as an ordinary user (or $uid) of a machine that has no state of a scheduler, this mscg.conf ('': none), and that user
machine() {
    [ "$(id -u)" -eq 0 ] || skip "mounts"
    as_user mkdir -p home
    unshare --mount --propagation private sh -c 'mount -t tmpfs -o mode=755 none /var/lib && mount -t tmpfs -o mode=755 none /etc &&
        printf "%s\n" root:x:0:0::/:/bin/sh one:x:65534:65534::/:/bin/sh >/etc/passwd && echo one:x:65534: >/etc/group &&
        { [ -z "$0" ] || { mkdir /etc/mscg && printf "%s" "$0" >/etc/mscg/mscg.conf; }; } && exec "$@"' "$1" \
        setpriv --reuid="${uid:-65534}" --regid=65534 --clear-groups -- \
        env -u MSCG_STATE_DIR -u MSCG_SOCKET -u XDG_STATE_HOME -u XDG_CONFIG_HOME HOME="$room/home" "${@:2}"
}

@test "a queue of one's own, where there is none of the machine" {
    machine '' mscg submit true
    [ -d home/.local/state/mscg ]
}

@test "a queue of one's own does not stand in for the machine's, wherever that keeps its state" {
    machine '' mscg submit true
    mscg_conf=$'[daemon]\nstate-dir = /srv/mscg\n'
    for verb in "submit true" queue "cancel 1"; do
        fails 4 machine "$mscg_conf" mscg $verb
        says "mscg: no daemon answers: this machine has one (there is /etc/mscg/mscg.conf)"
        says "your own queue, in $room/home/.local/state/mscg, is used if you ask for it (--state-dir)"
    done
    same PENDING "$(machine "$mscg_conf" mscg --state-dir "$room/home/.local/state/mscg" show 1 --json | json 'j["state"]')"
    # Nor is one made.
    rm -r home/.local
    fails 4 machine "$mscg_conf" mscg submit true
    [ ! -e home/.local ]
}

@test "without a daemon the state is where its configuration says" {
    mkdir -p home/.config/mscg
    printf '[daemon]\nstate-dir = %s\n' "$room/elsewhere" >home/.config/mscg/mscg.conf
    machine '' mscg submit true
    [ -d elsewhere ] && [ ! -e home/.local ]
    mkdir -m 755 srv
    uid=0 machine $'[jobs]\nallow-root-jobs = yes\n[daemon]\nstate-dir = '"$room/srv/mscg"$'\n' mscg submit true
    [ -e srv/mscg/mscg.db ]
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
