#!/bin/bash
# The guest's half of selftest.bats.
cd "$PWD" || exit 99
case $1 in
bytes)
	[ -z "${SECRET:-}" ] || exit 98
	head -c 1M /dev/urandom >"$TMPDIR/bytes"
	sha256sum <"$TMPDIR/bytes" >/dev/stderr
	cat "$TMPDIR/bytes"
	;;
look)
	here=$(dirname "$(realpath "$0")")
	echo "kernel: $(uname -r)"
	echo "pwd: $PWD"
	echo "controllers: $(cat /sys/fs/cgroup/cgroup.subtree_control)"
	mount -t cgroup2 | grep -q nsdelegate,memory_recursiveprot && echo 'options: nsdelegate memory_recursiveprot'
	echo "cpus: $(nproc)"
	for u in alice bob; do
		su "$u" -c 'echo "$(whoami): $(id -u) $(id -gn) $(id -Gn)"; touch ~/x && echo "$(whoami) writes home"'
	done
	runuser -u alice -- test -x "$here/run" && echo 'alice reads the tree'
	setpriv --reuid alice --regid alice --init-groups ls /home/bob 2>/dev/null || echo 'alice is kept out of bob'
	ip -brief address show lo | grep -q 127.0.0.1 && echo loopback
	touch "$here/x" 2>/dev/null || echo 'read-only tree'
	for d in /etc /var/lib /tmp /dev/shm /run; do mkdir "$d/new-one" && echo "write $d"; done
	exit 1
	;;
machine)
	echo "kernel: $(uname -r)"
	lscpu | sed -n 's/^Thread(s) per core: */threads per core: /p; s/^NUMA node(s): */nodes: /p'
	grep -ow dm_flakey /proc/modules
	echo hello >/mnt/disk/on-disk
	echo hello >"$2/from-guest"
	[ -e /mnt/out/from-guest ] || exit 97
	exit "$ANSWER"
	;;
esac
