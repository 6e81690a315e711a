#!/usr/bin/env bats
# What mscgd does not start on: each with what it says, and with what it starts on once that is mended. Nothing that was
# there is lost.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

# refuses STATUS TEXT... -- [OPTION...]: a daemon in this room that does not come up, and says why in its last line
refuses() {
    local want=$1 texts=() text
    shift
    while [ "$1" != -- ]; do texts+=("$1"); shift; done
    shift
    run ${user:+as_user} timeout 30 mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" \
        --runtime-dir "$room/run" --total-cpus 4 --total-mem 8GB "$@"
    error=${lines[-1]}
    says "mscgd: "
    same "$want" "$status"
    for text in "${texts[@]}"; do says "$text"; done
}

# A daemon that was here, with a job that it knows, and has gone.
had_a_daemon() {
    start_daemon
    mscg submit sleep 600
    mscg submit -J kept sleep 600
    mscg shutdown
    wait "$daemon_pid" || true
    daemon_pid=
}

knows_its_jobs() {
    start_daemon
    same kept "$(field 2 name)"
}

@test "a second daemon of the same state directory" {
    start_daemon
    mscg submit -J kept sleep 600
    refuses 1 "$room/state is in use by another mscgd (pid $daemon_pid)" -- --socket "$room/other"
    refuses 1 "in use by another mscgd" --
    [ ! -e "$room/other" ]
    same kept "$(field 1 name)"
    kill_daemon
    start_daemon
    same kept "$(field 1 name)"
}

@test "a second daemon on the same socket" {
    start_daemon
    mscg submit -J kept sleep 600
    refuses 1 "another mscgd answers on $room/sock" "--socket" -- --state-dir "$room/other"
    same kept "$(field 1 name)"
    # Each with its own, they live side by side.
    mscgd --engine=fake --state-dir "$room/other" --socket "$room/sock2" --runtime-dir "$room/run2" --total-cpus 1 \
        --total-mem 1GB --allow-root-jobs >>daemon.log 2>&1 3>&- &
    local second=$!
    mscg --socket "$room/sock2" ping --wait 10
    same 1 "$(mscg --socket "$room/sock2" submit --parsable true)"
    kill "$second"
    wait "$second" || true
    same kept "$(field 1 name)"
}

@test "a socket file that somebody left behind" {
    start_daemon
    mscg submit -J kept sleep 600
    kill_daemon
    [ -S sock ]
    fails 4 mscg ping
    start_daemon
    same kept "$(field 1 name)"
}

@test "a socket that is something else" {
    had_a_daemon
    echo precious >file
    refuses 1 "$room/file exists and is no socket" "--socket" -- --socket "$room/file"
    same precious "$(cat file)"
    ln -s "$room/file" link
    refuses 1 "$room/link exists and is no socket" -- --socket "$room/link"
    mkdir dir
    refuses 1 "$room/dir exists and is no socket" -- --socket "$room/dir"
    refuses 1 "$room/file/sock" "Not a directory" -- --socket "$room/file/sock"
    long=$room/$(printf 'x%.0s' {1..120})
    refuses 1 "socket path" "longer than 107" -- --socket "$long"
    fails 2 mscg --socket "$long" ping
    says "expected 1 to 107"
    knows_its_jobs
}

@test "a state directory that is no directory, or others may write to" {
    had_a_daemon
    echo precious >file
    refuses 1 "$room/file is not a directory" -- --state-dir "$room/file"
    refuses 1 "$room/file/state" -- --state-dir "$room/file/state"
    same precious "$(cat file)"
    chmod 777 state
    refuses 1 "may be written by others" "chmod 0700" --
    chmod 700 state
    knows_its_jobs
}

@test "a state directory that is not writable" {
    user=yes
    mkdir closed && chmod 555 closed
    refuses 1 "$room/closed" "Permission denied" -- --state-dir "$room/closed"
    refuses 1 "$room/closed/state" "Permission denied" -- --state-dir "$room/closed/state"
    # Without a daemon, mscg says it too.
    run as_user env MSCG_STATE_DIR="$room/closed" mscg submit true
    [ "$status" -eq 5 ]
    [[ $output == *"cannot write in the state directory $room/closed: Permission denied"* ]]
    [ -z "$(ls closed)" ]
    chmod 755 closed
    same "Submitted job 1" "$(as_user env MSCG_STATE_DIR="$room/closed" mscg submit true 2>/dev/null | head -1)"
}

@test "a state directory of somebody else" {
    [ "$(id -u)" -eq 0 ] || return 0
    had_a_daemon
    chown 65534 state
    refuses 1 "belongs to uid 65534, not to uid 0" --
    chown 0 state
    knows_its_jobs
}

@test "a database of a newer version" {
    had_a_daemon
    "$python" -c 'import sqlite3; d = sqlite3.connect("state/mscg.db"); print(d.execute("PRAGMA user_version").fetchone()[0])' >version
    "$python" -c 'import sqlite3; sqlite3.connect("state/mscg.db").execute("PRAGMA user_version = 99")'
    cp state/mscg.db before
    refuses 1 "$room/state/mscg.db has version 99" "knows versions up to $(cat version)" "use a newer one" --
    cmp before state/mscg.db
    # The same to one who asks without a daemon.
    run mscg queue
    [ "$status" -ne 0 ]
    [[ $output == *"version 99"* ]] || { echo "$output"; false; }
    "$python" -c 'import sqlite3, sys; sqlite3.connect("state/mscg.db").execute("PRAGMA user_version = " + sys.argv[1])' "$(cat version)"
    knows_its_jobs
}

@test "a database that is damaged, gone, or something else" {
    had_a_daemon
    cp state/mscg.db before
    head -c 5000 before >state/mscg.db
    refuses 1 "$room/state/mscg.db" "damaged" --
    [ "$(stat -c %s state/mscg.db)" -eq 5000 ]
    head -c 100000 /dev/urandom >state/mscg.db
    refuses 1 "$room/state/mscg.db" --
    [ "$(stat -c %s state/mscg.db)" -eq 100000 ]
    rm state/mscg.db
    refuses 1 "is gone or empty, and there was one" "restore a backup" --
    rm -f state/mscg.db
    "$python" -c 'import sqlite3; d = sqlite3.connect("state/mscg.db"); d.execute("CREATE TABLE precious (x)"); d.commit()'
    refuses 1 "a database of another program" "not touched" --
    cp before state/mscg.db
    knows_its_jobs
}

@test "a row that was changed behind its back" {
    had_a_daemon
    "$python" - <<'PY'
import sqlite3
d = sqlite3.connect("state/mscg.db")
tables = [r[0] for r in d.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'job%'")]
for t in tables:
    columns = [r[1] for r in d.execute("PRAGMA table_info(%s)" % t)]
    if "state" in columns:
        d.execute("UPDATE %s SET state = state + 1" % t)
d.commit()
PY
    cp state/mscg.db before
    refuses 1 "$room/state" --
    cmp before state/mscg.db
}

@test "options and settings that there are not" {
    had_a_daemon
    refuses 2 "unknown option '--frobnicate'" "mscgd --help" -- --frobnicate
    refuses 2 "unexpected argument 'now'" -- now
    refuses 2 "'--total-cpus' needs a value" -- --total-cpus
    for value in 0 -1 abc 1e9 ''; do refuses 2 "total-cpus" "'$value'" -- --total-cpus "$value"; done
    for value in -5 1XB 99999999TB; do refuses 2 "total-mem" "'$value'" -- --total-mem "$value"; done
    for value in -1 101 x 40.x; do refuses 2 "elastic-threshold" "'$value'" -- --elastic-threshold "$value"; done
    refuses 2 "scheduler" "'magic'" "expected one of easy|conservative|firstfit|fcfs" -- --scheduler magic
    for value in 0 -1 x; do refuses 2 "backfill-depth" "'$value'" -- --backfill-depth "$value"; done
    refuses 2 "starvation-guard" "'soon'" -- --starvation-guard soon
    refuses 2 "missing-controllers" "'perhaps'" "expected one of fail|warn" -- --missing-controllers=perhaps
    refuses 2 "unknown engine 'diesel'" -- --engine=diesel
    refuses 1 "cannot read configuration $room/none" -- --config "$room/none"
    printf '[resources]\ntotal-cpu = 4\n' >conf
    refuses 2 "$room/conf:2" "unknown setting 'total-cpu'" -- --config "$room/conf"
    printf '[daemon]\ntotal-cpus = 4\n' >conf
    refuses 2 "$room/conf:2" "belongs in section [resources]" -- --config "$room/conf"
    printf 'total-cpus\n' >conf
    refuses 2 "$room/conf:1" "expected name = value" -- --config "$room/conf"
    printf '[resources]\ntotal-cpus = 3\n' >conf
    launch_daemon --config "$room/conf"
    mscg ping --wait 10
    same kept "$(field 2 name)"
}

@test "a configuration that became nonsense is not reloaded" {
    printf '[jobs]\ninfeasible = queue\n' >conf
    start_daemon --config "$room/conf"
    mscg submit --cpus 20 true
    printf '[jobs]\ninfeasible = perhaps\n' >conf
    kill -HUP "$daemon_pid"
    within 5 grep -q "configuration not reloaded: $room/conf:2: infeasible: invalid value 'perhaps'" daemon.log
    mscg submit --cpus 20 true
    printf '[jobs]\ninfeasible = reject\n' >conf
    kill -HUP "$daemon_pid"
    within 5 grep -q "configuration reloaded" daemon.log
    fails 1 mscg submit --cpus 20 true
    says "20"
    fails 1 mscg submit --mem 100GB true
    says "8"
    same 3 "$(mscg submit --parsable true)"
}

@test "a root job, where root may not" {
    [ "$(id -u)" -eq 0 ] || return 0
    mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" --total-cpus 4 --total-mem 8GB \
        >>"$room/daemon.log" 2>&1 3>&- &
    daemon_pid=$!
    mscg ping --wait 10
    fails 5 mscg submit true
    says "root may not submit jobs here"
    chmod 755 .
    same 1 "$(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups -- env HOME=/ mscg submit --parsable true)"
}
