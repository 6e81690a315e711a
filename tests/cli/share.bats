#!/usr/bin/env bats
# Order by factors: the configuration of accounts, mscg prio, mscg share, and what is refused.

load helper

setup() {
    make_room
    printf '%s\n' '[priority]' 'priority-type = multifactor' 'priority-calc-period = 0:00:01' 'priority-weight-job-size = 100' \
        '[account physics]' 'parent = science' 'users = root:2 nobody' '[account science]' 'shares = 3' \
        '[account guests]' 'users = *' '[account closed]' 'users = nobody' >conf
}
teardown() { stop_daemon; }

shares() { mscg share --json | json "$1"; }

@test "accounts are a tree; a job is of the one that it names, or of the first that names its user" {
    start_daemon --config "$room/conf"
    mscg submit -c 4 "sleep 600"
    mscg submit -c 1 -A guests "sleep 600"
    same physics "$(mscg show 1 --json | json 'j["account"]')"
    same '[[null, null, 0], ["science", null, 1], ["physics", null, 2], ["physics", "root", 3], ["guests", null, 1], ["guests", "root", 2], ["closed", null, 1]]' \
        "$(shares '[[x["account"], x["user"], x["level"]] for x in j["shares"]]')"
    # 3 of 5 at the top are of science, all of that of physics, and of root, who is alone there
    same '[0.6, 0.6, 2, 0.2]' "$(shares '[x["norm_shares"] for x in j["shares"] if x["account"] == "science"] + [y for x in j["shares"] if x["account"] == "physics" and x["user"] for y in (x["norm_shares"], x["shares"])] + [x["norm_shares"] for x in j["shares"] if x["account"] == "guests" and x["user"]]')"
    mscg share | grep -qE '^ +physics +root +2 +0\.600000 +[0-9]+ +1\.000000 +1\.000000 +0\.31498'
}

@test "prio: factors, weights, order, JSON" {
    start_daemon --config "$room/conf"
    mscg submit -c 4 "sleep 600"
    mscg submit -c 1 "sleep 600"
    mscg submit -c 2 "sleep 600"
    mscg submit -c 1 --priority 5 "sleep 600"
    same '[["4", 5, 25.0], ["3", 0, 50.0], ["2", 0, 25.0]]' "$(mscg prio --json | json '[[x["id"], x["priority"], x["weighted"]["job_size"]] for x in j["priorities"]]')"
    same '{"age": 1000.0, "fairshare": 10000.0, "job_size": 100.0, "qos": 0.0}' "$(mscg prio --json | json 'j["weights"]')"
    mscg prio --json | json 'all(abs(sum(x["weighted"].values()) - x["sum"]) < 1e-6 for x in j["priorities"])' | grep -qx true
    same "JOB USER ACCOUNT PRIORITY FACTORS AGE FAIRSHARE JOBSIZE QOS" "$(mscg prio | head -1 | xargs)"
    same "3 root physics 0" "$(mscg prio 3 | awk 'END { print $1, $2, $3, $4 }')"
    refused 3 "no job 9 that waits" mscg prio 9
    refused 1 "job 1 is RUNNING: only what waits has a place in the queue" mscg prio 1
}

refused() { # CODE TEXT COMMAND...
    run "${@:3}"
    same "$1" "$status"
    [[ "$output" == *"$2"* ]] || { echo "$output"; return 1; }
}

@test "what is refused" {
    start_daemon --config "$room/conf"
    refused 2 "no account 'art' for user root: expected science, guests, physics" mscg submit -A art true
    refused 2 "account 'closed' is not for user root: expected science, guests, physics" mscg submit -A closed true
    mscg submit -c 4 "sleep 600"
    [ "$(id -u)" -eq 0 ] || return 0
    chmod 0755 "$room"
    other() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
    refused 5 "priority 1: expected 0 or less; with priority-type=multifactor only operators give more" other mscg submit -D / -o /dev/null --priority 1 "sleep 600"
    other mscg submit -D / -o /dev/null -A closed --priority -1 "sleep 600"
    refused 1 "priority 1: expected 0 or less" other mscg update 2 --priority 1
    other mscg update 2 --priority 0
    mscg update 2 --priority 7
    other mscg update 2 --priority -1
}

@test "without it there are no factors, and accounts are whatever is given" {
    start_daemon
    mscg submit -A whatever "sleep 600"
    refused 2 "priority-type is basic: the order is that of --priority, then of submission; expected multifactor in mscg.conf" mscg prio
    refused 2 "priority-type is basic" mscg share
}

@test "a budget that is spent keeps jobs waiting; cost says what is left" {
    printf '%s\n' '[priority]' 'priority-calc-period = 0:00:01' '[account physics]' 'budget = 0.0005' '[budget]' 'budget-period = day' >conf
    start_daemon --config "$room/conf"
    mscg submit -A physics -c 4 --wait "sleep 1"
    mscg submit -A physics true
    mscg submit "sleep 0.2" --wait
    same "PENDING AssocGrpBillingMinutes" "$(field 2 state) $(field 2 reason)"
    mscg why 2 | grep -q 'account physics has spent 0.00 of the 0.00 that it may until'
    mscg cost | grep -qE '^Budget of account physics: 0\.00 of 0\.00 CPU-hours spent, 0\.00 left until 20'
    mscg cost --json | json '[[x["account"], x["user"], x["left"]] for x in j["budgets"]] == [["physics", None, 0]] and j["budgets"][0]["spent"] >= 0.0011' | grep -qx true
    kill_daemon
    start_daemon --config "$room/conf"
    mscg submit "sleep 0.2" --wait
    same AssocGrpBillingMinutes "$(field 2 reason)"
    sed -i 's/0.0005/100/' conf
    kill -HUP "$daemon_pid"
    mscg wait 2 --timeout 30
}

@test "a configuration that is wrong says where" {
    wrong() { # TEXT LINE...
        printf '%s\n' "${@:2}" >conf
        run timeout 10 mscgd --engine=fake --state-dir "$room/state" --socket "$room/sock" --runtime-dir "$room/run" --config "$room/conf"
        [ "$status" -ne 0 ]
        [[ "$output" == *"$1"* ]] || { echo "$output"; return 1; }
    }
    wrong "conf:1: account 'a b': expected letters, digits and _-." '[account a b]'
    wrong "conf:2: shares: " '[account a]' 'shares = many'
    wrong "conf:2: unknown setting 'share' of an account: expected shares, parent, users or budget" '[account a]' 'share = 2'
    wrong "conf:2: budget: 'much': expected an amount above 0, up to 1000000000, as 1000 or 12.5" '[account a]' 'budget = much'
    wrong "budget-user: '0': expected an amount above 0" '[budget]' 'budget-user = 0'
    wrong "conf:2: users: 'bob:x" '[account a]' 'users = bob:x'
    wrong "conf:1: account 'a': no account 'b' to be its parent: expected a section [account b]" '[account a]' 'parent = b'
    wrong "account 'a' is below itself: expected a tree" '[account a]' 'parent = b' '[account b]' 'parent = a'
    wrong "priority-type: invalid value 'fair': expected one of basic|multifactor" '[priority]' 'priority-type = fair'
    wrong "priority-max-age: expected a time" '[priority]' 'priority-type = multifactor' 'priority-max-age = 0'
    : >conf
    start_daemon --config "$room/conf"
}
