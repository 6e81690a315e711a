#!/usr/bin/env bats
# The frame that all verbs have: help, usage errors, exit statuses, completion, output that cannot be written.

load helper

setup() { make_room; }
teardown() { stop_daemon; }

verbs() { mscg --help | sed -n 's/^    \([a-z]*\)  .*/\1/p'; }

@test "mscg --help names the verbs as usage and as a list" {
    run mscg --help
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "usage: mscg [-h] {submit,"*"} ..." ]]
    [[ $output == *"positional arguments:"*"    submit              Submit a job"*"options:"* ]]
    same "$(mscg --help)" "$(mscg help)"
    same "$(mscg --help)" "$(mscg -h)"
    [ -n "$(verbs)" ]
}

@test "every verb has --help with usage, options and examples" {
    for verb in $(verbs); do
        [ "$verb" = scheduler ] && continue
        run mscg "$verb" --help
        [ "$status" -eq 0 ] || { echo "$verb"; false; }
        [[ ${lines[0]} == "usage: mscg $verb [OPTIONS]"* ]] || { echo "$output"; false; }
        [[ $output == *"show this help message and exit"* ]]
        [[ $output == *"examples:"*"  mscg $verb"* ]] || { echo "$verb has no example"; false; }
        same "$output" "$(mscg help "$verb")"
        # A terminal of 120 columns shows every line whole.
        [ "$(wc -L <<<"$output")" -le 130 ] || { echo "$verb: wide lines"; false; }
    done
}

@test "mscg scheduler --help is the help of mscgd" {
    same "$(mscgd --help | tail -n +2)" "$(mscg scheduler --help | tail -n +2)"
    same "$(mscgd --help | tail -n +2)" "$(mscg help scheduler | tail -n +2)"
}

@test "--version" {
    run mscg --version
    [ "$status" -eq 0 ]
    [[ $output =~ ^mscg\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    same "$output" "$(mscg -V)"
}

@test "usage errors end with 2, name what is wrong, and point to --help" {
    fails 2 mscg
    fails 2 mscg frobnicate
    says "no verb 'frobnicate'"
    [[ $error != *"is it"* ]]
    for guess in squeue:queue sbatch:submit scancel:cancel sacct:history sinfo:stats submitt:submit que:queue list:queue cnacel:cancel; do
        fails 2 mscg "${guess%:*}"
        says "is it mscg ${guess#*:}?"
    done
    fails 2 mscg --frobnicate
    says "unknown option --frobnicate"
    fails 2 mscg help frobnicate
    for verb in $(verbs); do
        [ "$verb" = scheduler ] && continue
        fails 2 mscg "$verb" --frobnicate
        says "unknown option --frobnicate"
        says "mscg $verb --help"
        fails 2 mscg "$verb" -Z
        says "unknown option -Z"
        fails 2 mscg "$verb" --help=yes
        says "takes no value"
        fails 2 mscg "$verb" --socket
        says "expected a value"
    done
    fails 2 mscg ping surplus
    says "'surplus'"
}

@test "options may be cut short where that is plain" {
    run mscg submit --test-only --prio 3 --job-n cut true
    [[ $output == *"priority=3"*"name=cut"* ]]
    fails 2 mscg submit --m 5 true
    fails 2 mscg submit --mi 5 true
    fails 2 mscg submit --cpu 3 true
    says "--cpus or --cpu-mode"
}

@test "--socket and --state-dir may stand before and behind the verb" {
    start_daemon
    unset MSCG_SOCKET
    mscg --socket "$room/sock" ping
    mscg ping --socket="$room/sock"
    fails 4 mscg --socket "$room/other" ping
    says "$room/other"
}

@test "without a daemon: 4, and what to do" {
    fails 4 mscg ping
    says "no daemon answers on $room/sock"
    says "mscg scheduler"
    fails 4 mscg wait 1
    fails 4 mscg drain
    fails 4 mscg shutdown
    fails 4 mscg resize 1 --cpus 2
    fails 4 mscg run true
}

@test "something that is no daemon on the socket" {
    echo text >sock
    fails 4 mscg ping
    rm sock
    "$python" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
print("ready", flush=True)
c, _ = s.accept(); c.recv(10); c.sendall(b"{\"lies\": 1}\0"); c.close()
c, _ = s.accept(); c.recv(10); c.close()
' "$room/sock" >ready 3>&- &
    within 20 grep -q ready ready
    fails 1 mscg ping
    says "makes no sense"
    fails 4 mscg ping
    wait
}

@test "what cannot be written is an error, not silence" {
    start_daemon
    for command in "mscg ping" "mscg --help" "mscg submit true" "mscg submit --json true"; do
        run bash -c "$command 2>&1 >/dev/full"
        [ "$status" -eq 1 ] || { echo "$command: $status $output"; false; }
        [[ $output == "mscg: cannot write the output: No space left on device" ]]
    done
    # They were submitted all the same.
    same "3" "$(mscg submit --parsable true)"
}

@test "a reader that goes away ends mscg quietly" {
    run bash -c 'set -o pipefail; mscg submit --help | sleep 0.2; true'
    [ "$output" = "" ]
    run bash -c '(sleep 0.2; mscg submit --help; echo $? >&2) | true'
    [ "$output" = "141" ]
}

@test "standard descriptors that are closed do no harm" {
    start_daemon
    mscg submit true <&- >&- 2>&-
    same 2 "$(mscg submit --parsable true <&-)"
}

@test "completion offers verbs, options, values and jobs" {
    start_daemon
    mscg submit sleep 60
    [[ $(mscg __complete -- s) == *submit* ]]
    [[ $(mscg __complete -- s) != *cancel* ]]
    same "--job-name=" "$(mscg __complete -- submit --job)"
    same $'exclusive\nquota' "$(mscg __complete -- submit --cpu-mode '')"
    same "quota" "$(mscg __complete -- submit --cpu-mode=q)"
    same "1" "$(mscg __complete -- cancel '')"
    same "RUNNING" "$(mscg __complete -- cancel --state R)"
    same ":directories" "$(mscg __complete -- submit -D /tm)"
    same ":commands" "$(mscg __complete -- submit --mem 5 ech)"
    same ":files" "$(mscg __complete -- submit echo --m)"
    same "" "$(mscg __complete -- nonsense '')"
    same "--dependency=" "$(mscg __complete -- submit --dependency)"
    same "" "$(mscg __complete -- submit --gpus-per-t)"
}

@test "the completion script for bash works" {
    run bash --norc -c '
        source '"$BATS_TEST_DIRNAME"'/../../packaging/completions/mscg.bash
        COMP_WORDS=(mscg submit --cpu-mo) COMP_CWORD=2 COMP_LINE="mscg submit --cpu-mo" COMP_POINT=20
        _mscg mscg --cpu-mo submit; echo "${COMPREPLY[@]}"
        COMP_WORDS=(mscg can) COMP_CWORD=1; _mscg mscg can mscg; echo "${COMPREPLY[@]}"
        COMP_WORDS=(mscg submit --cpu-mode = q) COMP_CWORD=4; _mscg mscg q =; echo "${COMPREPLY[@]}"'
    same "--cpu-mode=" "${lines[0]}"
    same "cancel" "${lines[1]}"
    same "quota" "${lines[2]}"
}
