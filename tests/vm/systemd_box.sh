# shellcheck shell=bash
# A real systemd, with our units and programs below it, as pid 1 of a container with a cgroup namespace of its own. To be
# sourced in the virtual machine, in the top directory of the tree, as root: box_begin, inside COMMAND…, box_end.
lower=build/vm/systemd-root staged=$MSCG_BUILD/staged
box=/run/box root=/run/box/root group=/sys/fs/cgroup/systemd-box

for d in "$lower" "$staged"; do
	[ -d "$d" ] || { echo "Bail out! $d is missing: tests/vm/systemd-root.sh makes it"; exit 1; }
done

within() { # SECONDS COMMAND…
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}
box_begin() {
	mkdir -p $box
	mount -t tmpfs -o mode=755 tmpfs $box
	mkdir $box/{up,work,root} $group
	mount -t overlay -o "lowerdir=$(realpath "$staged"):$(realpath "$lower"),upperdir=$box/up,workdir=$box/work" overlay $root
	mkdir -p $root/etc/systemd/system/user@.service.d $root/etc/mscg $root/var/lib/systemd/linger $root/old
	cp packaging/systemd/delegate.conf $root/etc/systemd/system/user@.service.d/
	chroot $root useradd -m -s /bin/bash alice
	: >$root/var/lib/systemd/linger/alice
	: >$root/etc/machine-id
	(
		echo $BASHPID >$group/cgroup.procs
		exec unshare --cgroup --mount --pid --uts --ipc --fork --kill-child bash -ec '
			mount --make-rprivate /
			cd "$0"
			mount -t proc proc proc
			mount -t sysfs -o ro sysfs sys
			mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 sys/fs/cgroup
			# Our parent outside, which must not stay in a cgroup that hands controllers down, is 0 here.
			while grep -qx 0 sys/fs/cgroup/cgroup.procs; do sleep 0.1; done
			mount -t tmpfs -o mode=755 tmpfs run
			mount -t tmpfs tmpfs tmp
			mount --rbind /dev dev
			pivot_root . old
			cd /
			umount -l old
			exec env -i container=mscg PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console' $root
	) >/tmp/systemd.log 2>&1 </dev/null &
	within 10 forked $!
	echo $! >/sys/fs/cgroup/cgroup.procs
	within 60 is_up
}
forked() { [ "$(wc -l <$group/cgroup.procs)" -ge 2 ] && [ "$(cat "/proc/$1/comm")" = unshare ]; }
is_up() {
	init=$(pgrep -x systemd --oldest) && [ "$(inside systemctl is-system-running 2>/dev/null)" = running ]
}
inside() { nsenter -t "$init" -a "$@"; }
alice() { inside runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1000 "$@"; }
box_end() {
	[ -z "${init:-}" ] || kill -KILL "$init"
	wait
	umount -R "$root" "$box" 2>/dev/null
	within 10 rmdir_all
}
rmdir_all() { find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; [ ! -d "$group" ]; }
