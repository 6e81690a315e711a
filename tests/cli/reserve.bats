#!/usr/bin/env bats
# Reservations: mscg reserve, mscg submit --reservation, and what is said of both.

load helper

setup() {
    make_room
    printf '%s\n' '[account physics]' 'users = root' '[account closed]' 'users = nobody' >conf
}
teardown() { stop_daemon; }

# refused STATUS TEXT COMMAND...
refused() {
    local want=$1 text=$2
    shift 2
    run "$@"
    [ "$status" -eq "$want" ] || { echo "status $status, expected $want: $output"; return 1; }
    [[ $output == *"$text"* ]] || { echo "expected: $text"; echo "got: $output"; return 1; }
}

@test "made, listed as a table and as JSON, kept over a restart, deleted" {
    start_daemon --config conf
    same "NAME STATE START END CPUS HELD MEM USERS ACCOUNTS FLAGS" "$(mscg reserve | xargs)"
    same "Made reservation class" "$(mscg reserve class --start 2099-01-31T12:00 --duration 2h --cpus 3 --mem 4G --users root,nobody --accounts physics)"
    same '{"name": "fix"}' "$(mscg reserve fix --start 2099-02-01 --end 2099-02-02 --cpus 4 --flags maint --json | json j)"
    same "class INACTIVE 2099-01-31 12:00:00 2099-01-31 14:00:00 3 0 4G root,nobody physics -" "$(mscg reserve | grep ^class | xargs)"
    same "fix INACTIVE 2099-02-01 00:00:00 2099-02-02 00:00:00 4 0 8G - - maint" "$(mscg reserve --list | grep ^fix | xargs | sed 's/ [0-9]*[GM] / 8G /')"
    before=$(mscg reserve --list --json)
    same '["2099-01-31T12:00:00.000000Z", "2099-01-31T14:00:00.000000Z", 3, 4294967296, ["root", "nobody"], ["physics"], [], false, 0, 0, 0]' \
        "$(json '[j[0][k] for k in ("start", "end", "cpus", "mem_bytes", "users", "accounts", "flags", "active", "running", "cpus_held", "mem_held")]' <<<"$before")"
    mscg shutdown
    wait "$daemon_pid" || true
    start_daemon --config conf
    same "$before" "$(mscg reserve --list --json)"
    same "class fix" "$(mscg __complete -- reserve --delete '' | xargs)"
    same "fix" "$(mscg __complete -- submit --reservation=f)"
    same "normal" "$(mscg __complete -- submit -q '')"
    same "Deleted reservation class" "$(mscg reserve --delete class)"
    same '["fix"]' "$(mscg reserve --json | json '[r["name"] for r in j]')"
}

@test "jobs in it, beside it, and before it" {
    start_daemon
    mscg reserve class --start now+1hour --duration 1h --cpus 3 --users root
    mscg submit -c 2 -t 2h "sleep 9000"
    same "Reservation" "$(field 1 reason)"
    [[ $(mscg why 1) == *"would not be over when reservation class begins, in 0"* ]]
    [[ $(mscg queue -h -o '%r') == Reservation ]]
    mscg submit -c 2 -t 30 "sleep 9000"
    same RUNNING "$(field 2 state)"
    mscg submit -c 1 --reservation class "sleep 9000"
    same "PENDING Reservation class" "$(field 3 state) $(field 3 reason) $(field 3 reservation)"
    [[ $(mscg why 3) == *"reservation class begins in 0"* ]]
    [[ $(mscg show 3) == *"  Reservation: class"* ]]
    same class "$(mscg queue -h -o %v -j 3)"
    mscg reserve soon --duration 30 --cpus 1 --users root
    same "soon ACTIVE" "$(mscg reserve | grep ^soon | awk '{ print $1, $2 }')"
    mscg submit -c 1 --reservation soon "sleep 9000"
    same "RUNNING" "$(field 4 state)"
    [[ $(mscg events --json | grep '"granted"') == *"until its reservation ends"* ]]
    same "1 1 1" "$(mscg reserve --json | json '[r for r in j if r["name"] == "soon"][0]' | json '"%d %d %d" % (j["running"], j["cpus_held"], j["active"])')"
    mscg submit -c 1 --reservation soon "sleep 9000"
    [[ $(mscg why 5) == *"needs 1 CPU"*", none is free in reservation soon"* ]]
    refused 1 "reservation soon has 1 job that run" mscg reserve --delete soon
}

@test "what is refused, and with what" {
    start_daemon --config conf
    refused 2 "expected --cpus" mscg reserve class --duration 1h --users root
    refused 2 "until when? expected --duration or --end" mscg reserve class --cpus 1 --users root
    refused 2 "--end beside --duration: expected one of them" mscg reserve class --cpus 1 --users root --end 2099-01-01 --duration 1h
    refused 2 "no name: expected one" mscg reserve --cpus 1
    refused 2 "--list, --delete and a new one: expected one of them" mscg reserve --list --delete x
    refused 2 "'sometime'" mscg reserve class --cpus 1 --users root --start sometime --duration 1h
    refused 2 "reservation 'a b': expected a name of letters" mscg reserve "a b" --duration 1h --cpus 1 --users root
    refused 2 "user 'nosuch': expected one that has an account" mscg reserve class --duration 1h --cpus 1 --users root,nosuch
    refused 2 "account 'chemistry': expected an [account NAME] of the configuration" mscg reserve class --duration 1h --cpus 1 --accounts chemistry
    refused 2 "flag 'often': expected maint" mscg reserve class --duration 1h --cpus 1 --users root --flags often
    refused 2 "it is for nobody: expected users or accounts, or the flag maint" mscg reserve class --duration 1h --cpus 1
    refused 2 "which is past: expected a time to come" mscg reserve class --start 2020-01-01 --duration 1h --cpus 1 --users root
    refused 2 "expected an end after that" mscg reserve class --start 2099-01-02 --end 2099-01-01 --cpus 1 --users root
    refused 1 "5 CPUs: expected at most the 4" mscg reserve class --duration 1h --cpus 5 --users root
    refused 1 "0.5 CPUs: expected a whole number" mscg reserve class --duration 1h --cpus 0.5 --users root
    refused 1 "100G of memory: expected at most the" mscg reserve class --duration 1h --cpus 1 --mem 100G --users root
    mscg submit -c 3 -t 30 "sleep 9000"
    refused 1 "expected a start at 20" mscg reserve class --duration 1h --cpus 2 --users root
    mscg reserve class --start 2099-01-01 --duration 1h --cpus 2 --users nobody
    refused 2 "there is one of that name" mscg reserve class --start 2099-01-02 --duration 1h --cpus 2 --users nobody
    refused 1 "expected a start at 2099-01-01T01:00:00" mscg reserve other --start 2099-01-01 --duration 1h --cpus 3 --users nobody
    refused 2 "no reservation other" mscg reserve --delete other
    refused 2 "there is no reservation 'other': expected one that mscg reserve lists" mscg submit --reservation other true
    refused 5 "reservation class is for others" mscg submit --reservation class true
    refused 1 "needs 3 CPUs: expected at most the 2 of reservation class" as_user mscg submit --reservation class -c 3 --mem 100M true
    refused 5 "not permitted: this is for root" as_user mscg reserve mine --start 2099-01-01 --duration 1h --cpus 1 --users nobody
    refused 5 "not permitted: this is for root" as_user mscg reserve --delete class
    as_user mscg submit --reservation class -c 2 --mem 100M true
    grep -q "audit=allowed verb=Reserve uid=0" daemon.log
    grep -q "audit=refused verb=Reserve uid=65534" daemon.log
    grep -q "audit=refused verb=Submit uid=0" daemon.log
}
