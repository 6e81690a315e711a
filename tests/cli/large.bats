#!/usr/bin/env bats
# timeout: 300
# What is too large for one message: a list goes on in the next, and of a job that none has room for there is the beginning.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

# restart: another mscgd of the same state directory
restart() {
    mscg shutdown
    wait "$daemon_pid" || true
    start_daemon
}

# submit_words FIRST LAST OPTION...: a job with the numbers from FIRST to LAST behind its program
submit_words() {
    local first=$1 last=$2
    shift 2
    # shellcheck disable=SC2046  # words
    mscg submit "$@" /bin/true $(seq "$first" "$last")
}

# ask METHOD PARAMETERS [MORE]: the size of each reply and its "jobs", or its error, one a line; by the wire itself
ask() {
    "$python" - "$@" <<'PY'
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["MSCG_SOCKET"])
s.sendall(json.dumps({"method": "io.mscg." + sys.argv[1], "parameters": json.loads(sys.argv[2]), "more": len(sys.argv) > 3}).encode() + b"\0")
data = b""
while True:
    while b"\0" not in data:
        part = s.recv(1 << 20)
        assert part, "no answer"
        data += part
    message, data = data.split(b"\0", 1)
    reply = json.loads(message)
    assert len(message) <= 1 << 20
    print(len(message), reply["error"] + ": " + reply["parameters"]["message"] if "error" in reply else len(reply["parameters"]["jobs"]))
    if not reply.get("continues"):
        break
PY
}

# check_large: every verb that tells of job 1, of 100,000 words, and job 2, of two
check_large() {
    same 2 "$(mscg queue -a --json | json 'len(j)')"
    same 2 "$(mscg history --json | json 'len(j)')"
    [[ $(mscg queue -a) == *" 1 "*"/bin/true 1 2 3"* ]]
    [[ $(mscg history) == *$'\n'"1 "*$'\n'"2 "* ]]
    [[ $(mscg history -j 1) == *$'\n'"1 "* ]]
    same 2 "$(mscg export | wc -l)" # the machine, and what has ended
    [[ $(mscg cost 2>/dev/null) == *total* ]]
    [[ $(mscg graph 1) == *$'\n'1* ]]
    mscg logs 1
    mscg top --once >/dev/null
    [[ $(mscg events --since all --json) == *COMPLETED* ]]
    [[ $(mscg show 1) == *"Command:     /bin/true 1 2 3 "*"Cut:         command, "* ]]
    mscg show 1 --json | "$python" -c '
import json, sys
j = json.load(sys.stdin)
assert j["argv"] == ["/bin/true"] + [str(i) for i in range(1, 100001)], len(j["argv"])
assert j["cut"] == ["command"] and " ".join(j["argv"]).startswith(j["command"]) and len(j["command"]) > 100000, (j["cut"], len(j["command"]))'
    same null "$(mscg show 2 --json | json 'j["cut"]')"
    mscg queue -a --json | "$python" -c '
import json, sys
jobs = {j["id"]: j for j in json.load(sys.stdin)}
one, two = jobs["1"], jobs["2"]
assert two["cut"] is None and two["argv"] == ["/bin/echo", "hello"], two
assert one["cut"] == ["argv", "command"], one["cut"]
assert one["argv"] == ["/bin/true"] + [str(i) for i in range(1, len(one["argv"]))], one["argv"][-3:]
assert 4000 < len(json.dumps(one["argv"], separators=(",", ":"))) <= 4098
assert " ".join(["/bin/true", *map(str, range(1, 2000))]).startswith(one["command"]) and len(one["command"]) == 4096'
}

@test "a job of 100,000 words is told of by every verb, also after a restart" {
    start_daemon
    submit_words 1 100000 --wait
    mscg submit --hold /bin/echo hello
    check_large
    restart
    check_large
}

# check_many: 31 jobs, those but the last of 300 KB, in every list
check_many() {
    same 31 "$(mscg queue --json | json 'len(j)')"
    same 31 "$(mscg history --json | json 'len(j)')"
    same "$(seq 1 31)" "$(mscg queue --sort i --format %i --noheader | tr -d ' ')"
    same "$(seq -s ' ' 1 31)" "$(mscg history --json | json '" ".join(sorted((k["id"] for k in j), key=int))')"
    same 51000 "$(mscg show 7 --json | json 'len(j["argv"]) - 1')"
    same null "$(mscg show 7 --json | json 'j["cut"]')"
    # Those of each slice are as many as the store reads at once.
    [ "$(ask List '{}' more | awk '{ n += $2 } END { print n }')" -eq 31 ]
    [ "$(ask List '{}' more | wc -l)" -gt 5 ]
    same 31 "$(ask List '{}' | cut -d ' ' -f 2)"
    same 31 "$(ask List "{\"ids\": [$(seq -s , -f '"%g"' 1 31)]}" more | awk '{ n += $2 } END { print n }')"
}

@test "30 jobs of 300 KB in one list, also after a restart" {
    start_daemon
    for _ in $(seq 30); do
        submit_words 1 51000 --hold >/dev/null
    done
    mscg submit --hold true
    check_many
    restart
    check_many
}

# wide N COMMAND: N jobs, whose long members have as much in a list as they may
wide() {
    "$python" - "$@" <<'PY'
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["MSCG_SOCKET"])
for i in range(int(sys.argv[1])):
    job = {"argv": [*sys.argv[2].split(), *["\"" * 20] * 1000], "workdir": "/" + "w" * 4000, "comment": "c" * 1000, "submit_line": "s" * 4000,
           "mem_bytes": 4 << 20, "stdout_path": "/" + "%x" * 2000, "name": "n" * 200}
    s.sendall(json.dumps({"method": "io.mscg.Submit", "parameters": {"jobs": [job]}}).encode() + b"\0")
    reply = b""
    while not reply.endswith(b"\0"):
        reply += s.recv(65536)
    assert b"error" not in reply, reply
PY
}

@test "of 200 running jobs with long texts top has all, and one message says that it has no room" {
    start_daemon --total-cpus 200
    wide 200 "sleep 600"
    within 10 eval '[ "$(mscg stats --json | json "j[\"running\"]")" -eq 200 ]'
    same 200 "$(mscg top --once --json | json 'len(j["jobs"])')"
    same 200 "$(mscg top --once --json | json 'j["stats"]["running"]')"
    [ "$(ask Top '{}' more | wc -l)" -gt 2 ]
    [[ $(ask Top '{}') == *"InvalidArgument: the answer has more than 1048576 bytes"*"expected \`more\`, or a limit" ]]
    [[ $(ask List '{}') == *"InvalidArgument: the answer has more than 1048576 bytes"* ]]
    [[ $(ask List '{"limit": 10}') == *" 10" ]]
    same 200 "$(ask List '{}' more | awk '{ n += $2 } END { print n }')"
    # A pattern that is longer than any file's name when it is filled in is not filled in further.
    [ "$(mscg show 1 --json | json 'len(j["stdout_path"])')" -lt 5000 ]
}

@test "priorities of 8,000 jobs by name" {
    printf 'priority-type = multifactor\n' >mscg.conf
    start_daemon --config "$room/mscg.conf"
    mscg submit --cpus 4 "sleep 600"
    "$python" - <<'PY'
import json, os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["MSCG_SOCKET"])
s.sendall(json.dumps({"method": "io.mscg.Submit", "parameters": {"jobs": [{"argv": ["x"], "workdir": "/"}] * 8000}}).encode() + b"\0")
while not s.recv(1 << 20).endswith(b"\0"):
    pass
PY
    # shellcheck disable=SC2046  # words
    mscg prio --json $(seq 2 8001) >all
    same 8000 "$(json 'len(set(p["id"] for p in j["priorities"]))' <all)"
    same false "$(json 'j["more"]' <all)"
    same 1000 "$(mscg prio --json | json 'len(j["priorities"])')"
}
