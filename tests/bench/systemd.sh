#!/bin/bash
# What a launch adds to a bare clone3 and exec: mscg's engine beside systemd-run --scope, in turn, under a real systemd. In
# the virtual machine (the root file system takes a minute to make; MSCG_BUILD is where `make check-build` built):
#     tests/vm/systemd-root.sh && tests/vm/run --kernel 6.12 --cpus 2 --mem 1500M --module overlay \
#             --env MSCG_BUILD=build -- tests/bench/systemd.sh [ROUNDS]
# Prints a line a round, microseconds, medians, and the ratio's median with its least and most.
set -euo pipefail

rounds=${1:-5}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/vm/systemd_box.sh
. tests/vm/systemd_box.sh
trap box_end EXIT
box_begin || { tail /tmp/systemd.log >&2; exit 1; }

mkdir -p $root/opt/bench
cp "$MSCG_BUILD"/bench/{floor,launch,nothing} "$MSCG_BUILD"/mscg-supervise $root/opt/bench/
inside systemctl stop mscgd mscg-jobs 2>/dev/null || true

mkdir $group/client
# A process is cloned into cgroups of the container from one of them only.
within_it() { (echo $BASHPID >$group/client/cgroup.procs && exec nsenter -t "$init" -a "$@"); }
median() { sed -n 's/.*"p50": \([0-9.]*\).*/\1/p'; }
bare() { within_it /opt/bench/floor spawn 200 /opt/bench/nothing | median; }
mscg() { within_it /opt/bench/launch 100 none /opt/bench/nothing /sys/fs/cgroup/bench "/tmp/launch.$1" 65534 | median; }
scope() { within_it /opt/bench/floor command 30 /usr/bin/systemd-run --quiet --scope /opt/bench/nothing | median; }

for ((i = 1; i <= rounds; i++)); do
	b=$(bare) m=$(mscg "$i") s=$(scope)
	awk -v b="$b" -v m="$m" -v s="$s" 'BEGIN {
		printf "bare %.0f us, mscg --isolate=none %.0f us, systemd-run --scope %.0f us: %.4f\n", b, m, s, (m - b) / (s - b) }'
done | tee /tmp/rounds
awk '{ print $NF }' /tmp/rounds | sort -n | awk '{ r[NR] = $1 } END { printf "added by mscg / added by systemd-run --scope: %s (%s to %s)\n", r[int((NR + 1) / 2)], r[1], r[NR] }'
