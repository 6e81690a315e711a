#!/usr/bin/env bats
# mscg simulate: needs no daemon, says what came of it, and what is wrong with a workload.

load helper

setup() { room=$(mktemp -d /tmp/mscg.XXXXXX); export MSCG_SOCKET=$room/none; }
teardown() { rm -rf "$room"; }

@test "a generated workload, twice the same" {
    first=$(mscg simulate --jobs 300 --cpus 32 --seed 5)
    [ "$first" = "$(mscg simulate --jobs 300 --cpus 32 --seed 5)" ]
    [ "$first" != "$(mscg simulate --jobs 300 --cpus 32 --seed 6)" ]
    [ "$(awk 'NR > 1 { print $1, $2 }' <<<"$first")" = "fcfs 300"$'\n'"easy 300"$'\n'"conservative 300"$'\n'"elastic 300" ]
    [ "$(mscg simulate --jobs 300 --policy firstfit | awk 'NR > 1 { print $1, $2 }')" = "firstfit 300" ]
}

@test "a workload written and read again, as JSON and as pictures" {
    mscg simulate --jobs 200 --cpus 16 --print-workload >"$room/w.swf"
    grep -q '^; MaxProcs: 16$' "$room/w.swf"
    [ "$(grep -vc '^;' "$room/w.swf")" = 200 ]
    mscg simulate --json --svg "$room/picture" "$room/w.swf" >"$room/json"
    python3 - "$room/json" <<'END'
import json, sys
r = {x["policy"]: x for x in json.load(open(sys.argv[1]))["results"]}
assert set(r) == {"fcfs", "easy", "conservative", "elastic"} and all(x["jobs"] == 200 for x in r.values())
assert r["fcfs"]["mean_wait_seconds"] > r["easy"]["mean_wait_seconds"] > r["elastic"]["mean_wait_seconds"]
assert r["easy"]["resizes"] == 0 < r["elastic"]["resizes"]
assert 0 < r["elastic"]["utilisation"] <= 1
END
    for policy in fcfs easy conservative elastic; do
        python3 -c 'import sys, xml.dom.minidom as x; assert len(x.parse(sys.argv[1]).getElementsByTagName("rect")) > 200' "$room/picture-$policy.svg"
    done
}

@test "what cannot be simulated" {
    refuses() { # TEXT ARG…
        local text=$1
        shift
        run mscg simulate "$@"
        [ "$status" -ne 0 ] && grep -qF -- "$text" <<<"$output" || { echo "$output"; return 1; }
    }
    echo "1 0 -1 x" >"$room/bad.swf"
    echo "; nothing" >"$room/empty.swf"
    echo "1 0 -1 10 64 -1 -1 64 -1 -1 1 1 1 -1 -1 -1 -1 -1" >"$room/big.swf"
    refuses "bad.swf: line 1: field 4 (run time) is 'x'" "$room/bad.swf"
    refuses "no job that ran" "$room/empty.swf"
    refuses "job 1 wants 64 CPUs" --cpus 8 "$room/big.swf"
    refuses "cannot read $room/none.swf: No such file" "$room/none.swf"
    refuses "--compare: there is no policy 'magic'" --compare elastic,magic
    refuses "--policy: there is no policy 'magic': expected fcfs, easy" --policy magic
    refuses "there is no policy ''" --compare ,easy
    refuses "--elastic-share: 2 is above 1" --elastic-share 2
    refuses "--load: 'much' is no number" --load much
    refuses "expected 1 to 8192" --cpus 9000
    refuses "cannot write /nonexistent/p-fcfs.svg" --jobs 10 --svg /nonexistent/p
}
