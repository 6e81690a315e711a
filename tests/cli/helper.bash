# What the tests of the CLI share: a daemon of their own, with the engine that needs no cgroups, or with real jobs.
#
#     load helper                         load ../cli/helper
#     setup() { start_daemon; }           setup() { start_real; }
#     teardown() { stop_daemon; }         teardown() { stop_real; }
#
# Every test has its own state directory, socket and runtime directory, so tests run side by side. In the fake engine
# `sleep X` ends after X seconds, `exit N` and `false` end with that code, everything else ends at once with 0.

mscg_build=${MSCG_BUILD:-${BUILD:-build}}
case $mscg_build in /*) ;; *) mscg_build=$BATS_TEST_DIRNAME/../../$mscg_build ;; esac
PATH=$(cd "$mscg_build" && pwd):$PATH
python=${PYTHON:-/usr/bin/python3}
export LC_ALL=C.UTF-8 TZ=UTC
# What a library keeps until the end of the process is no leak of ours to report in the middle of a test's output.
export LSAN_OPTIONS=print_suppressions=0:${LSAN_OPTIONS:-}

# A socket's path may have 107 bytes: bats' own directories are too deep for that.
make_room() {
    room=$(mktemp -d "${TMPDIR:-/tmp}/mscg.XXXXXX")
    export MSCG_SOCKET=$room/sock MSCG_STATE_DIR=$room/state
    unset MSCG_JOB_ID XDG_RUNTIME_DIR
    daemon_pid=
    cd "$room"
}

# as_user COMMAND...: as somebody who is not root. The room becomes theirs.
as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        chown -R 65534:65534 "$room"
        HOME=$room setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
    else
        "$@"
    fi
}

# launch_daemon [OPTION...]: in the background, without waiting
launch_daemon() {
    mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" \
        --total-cpus 4 --total-mem 8GB --allow-root-jobs "$@" >>"$room/daemon.log" 2>&1 3>&- &
    daemon_pid=$!
}

# start_daemon [OPTION...]
start_daemon() {
    [ -n "${room:-}" ] || make_room
    launch_daemon "$@"
    mscg ping --wait 10 >/dev/null || { cat "$room/daemon.log"; return 1; }
}

# make_cgroup: with all controllers that there are; one for each test, for a jobs root belongs to one state directory
make_cgroup() {
    jobs=$MSCG_TEST_CGROUP/t$BATS_TEST_NUMBER
    for controller in $(cat "$MSCG_TEST_CGROUP/cgroup.controllers"); do
        echo "+$controller" >"$MSCG_TEST_CGROUP/cgroup.subtree_control"
    done
    mkdir "$jobs"
}

# launch_real [OPTION...]: a daemon whose jobs are real processes in cgroups under $jobs, without waiting. Under emulation a
# sandbox takes as long as all else of a job: there they have one where the test asks for it.
launch_real() {
    mscgd ${MSCG_VM:+--isolate none} --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" --total-cpus 2 --total-mem 512MB \
        --allow-root-jobs --missing-controllers=warn --cgroup-root "$jobs" "$@" >>"$room/daemon.log" 2>&1 3>&- &
    daemon_pid=$!
}

# start_real [OPTION...]
start_real() {
    [ -n "${room:-}" ] || { make_room && make_cgroup; }
    launch_real "$@"
    mscg ping --wait 30 >/dev/null || { cat "$room/daemon.log"; return 1; }
}

# start_isolated [OPTION...]: with the sandbox, and the socket in a directory of its own, as it is where mscgd is installed: with net
# that directory is out of a job's reach
start_isolated() {
    make_room
    make_cgroup
    mkdir "$room/run"
    export MSCG_SOCKET=$room/run/sock
    start_real --socket "$MSCG_SOCKET" --isolate default "$@"
}

# stop_real: in teardown
stop_real() {
    mscg shutdown --cancel-jobs >/dev/null || true
    stop_daemon
}

# kill_daemon: without a chance to say goodbye
kill_daemon() {
    kill -KILL "$daemon_pid"
    wait "$daemon_pid" 2>/dev/null || true
    daemon_pid=
}

# stop_daemon: in teardown; a daemon that a sanitizer complained about fails the test
stop_daemon() {
    local bad=0
    if [ -n "${daemon_pid:-}" ]; then
        kill -TERM "$daemon_pid" 2>/dev/null || true
        wait "$daemon_pid" 2>/dev/null || true
    fi
    cd /
    if grep -E 'ERROR: AddressSanitizer|runtime error' "$room/daemon.log" 2>/dev/null; then bad=1; fi
    rm -rf "$room"
    unset room
    return $bad
}

# fails STATUS COMMAND...: it must end with that status, with one line on stderr and nothing on stdout
fails() {
    local want=$1 status=0
    shift
    "$@" >"$room/.out" 2>"$room/.err" </dev/null || status=$?
    error=$(cat "$room/.err")
    if [ "$status" -ne "$want" ] || [ -s "$room/.out" ] || [ "$(wc -l <"$room/.err")" -ne 1 ]; then
        echo "$*: status $status, expected $want; stdout: $(cat "$room/.out"); stderr: $error"
        return 1
    fi
}

# says TEXT: what the last `fails` printed has TEXT in it
says() {
    case $error in *"$1"*) ;; *) echo "expected '$1' in: $error"; return 1 ;; esac
}

# same WANT HAVE
same() {
    [ "$1" = "$2" ] || { printf 'expected: %s\ngot:      %s\n' "$1" "$2"; return 1; }
}

# within SECONDS COMMAND...: tries until it succeeds
within() {
    local end=$((SECONDS + $1 + 1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "not in time: $*"; return 1; }
        sleep 0.05
    done
}

# field JOB KEY: of the Job object, as JSON; by the wire itself, so that these tests need no other verb
field() {
    "$python" - "$@" <<'PY'
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["MSCG_SOCKET"])
s.sendall(json.dumps({"method": "io.mscg.Show", "parameters": {"id": sys.argv[1]}}).encode() + b"\0")
reply = b""
while not reply.endswith(b"\0"):
    part = s.recv(65536)
    if not part:
        sys.exit("no answer")
    reply += part
job = json.loads(reply[:-1])["parameters"]["job"]
value = job[sys.argv[2]]
print(value if isinstance(value, str) else json.dumps(value))
PY
}

# serve REPLY...: instead of a daemon, one that gives these answers (tests/cli/serve.py)
serve() {
    "$python" "$BATS_TEST_DIRNAME/serve.py" "$room/sock" "$@" 3>&- &
    daemon_pid=$!
    within 5 test -S "$room/sock"
}

# json EXPRESSION: prints it, with what is on standard input as `j`
json() {
    "$python" -c 'import json, sys
j = json.load(sys.stdin)
v = eval(sys.argv[1])
print(v if isinstance(v, str) else json.dumps(v))' "$1"
}

# not_mine: a directory that is somebody else's: no request is carried out there without a daemon
not_mine() {
    if [ "$(id -u)" -eq 0 ]; then
        mkdir -p "$room/others" && chown 65534 "$room/others" && echo "$room/others"
    else
        echo /
    fi
}
