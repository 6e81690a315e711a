#!/bin/bash
# alone: it takes the whole machine
# timeout: 400
# `make demo`, as a newcomer sees it: an elastic job grows, gives way, grows back, and its own results are right.
set -u
out=$(MSCG_DEMO_SMALL=1 BUILD=$MSCG_BUILD tasks/demo 2>&1)
status=$?

n=0
ok() { # DESCRIPTION COMMAND…
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then echo "ok $n $what"; else echo "not ok $n $what" && printf '%s\n' "$out" | sed 's/^/# /'; fi
}
says() { grep -qE "$1" <<<"$out"; }

ok "it ends well" test "$status" = 0
ok "the job grew to every CPU and gave half of them away" says '^scaled 4 -> 2 workers'
ok "it took them back" says '^scaled 2 -> 4 workers'
ok "its results are right" says '^RESULT elastic_training .* checked=accuracy .* ok$'
ok "nobody was killed" test "$(grep -c ' COMPLETED$' <<<"$out")" -ge 4
echo "1..$n"
