#!/bin/sh
# shellcheck shell=dash
# /init of power-cut's guest: says what the disk has, starts mscgd on it, and submits jobs until the power goes.
export PATH=/bin LD_LIBRARY_PATH=/lib HOME=/ USER=root LD_BIND_NOW=
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r m; do
	case $m in virtio_blk.*) disks=$m ;; *) insmod "/modules/$m" ;; esac
done </modules/order
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# Up to here every boot is the same: most are continued from a copy of the machine's memory that is taken now, when nothing
# has looked at its disks. What makes it another boot is its id, and the time.
echo "PC ready"
read -r boot now
date -s "@$now" >/dev/null
echo "$boot" >/tmp/boot_id
mount --bind /tmp/boot_id /proc/sys/kernel/random/boot_id
insmod "/modules/$disks"
mount -t ext4 /dev/vda /state || echo "PC nodisk"
mount -t ext4 /dev/vdb /ledger
chmod 777 /ledger
if [ -e /state/s/mscg.db ]; then
	mkdir /tmp/db
	cp /state/s/mscg.db* /tmp/db
	echo "PC integrity $(sqlite3 /tmp/db/mscg.db 'PRAGMA integrity_check')"
	sqlite3 -separator ' ' /tmp/db/mscg.db "SELECT 'PC row', job.key >> 32, spec.name, state.name, exit_code, exit_signal,
		(SELECT count(*) FROM event JOIN kind ON kind.id = event.kind WHERE event.key = job.key AND kind.name = 'ended')
		FROM job JOIN spec ON spec.job = job.key >> 32 JOIN state ON state.id = job.state"
	[ ! -e /ledger/ledger ] || sed 's/^/PC ledger /' /ledger/ledger
fi
echo "PC told"
if [ -e /preload ]; then export MSCG_LD="LD_PRELOAD=/lib/no-sync.so"; fi
env $MSCG_LD mscgd --allow-root-jobs --state-dir /state/s --runtime-dir /run/mscg --socket /run/sock --shared-cpus 1 --isolate none --missing-controllers=warn >/tmp/log 2>&1 &
export MSCG_SOCKET=/run/sock
n=0
until [ -S /run/sock ] && mscg ping >/dev/null 2>&1; do
	sleep 0.1
	n=$((n + 1))
	[ $n -lt 1200 ] || { sed 's/^/PC log /' /tmp/log; break; }
done
echo "PC serving"
mscg events -f --json | while read -r line; do echo "PC event $line"; done &
n=0
while :; do
	n=$((n + 1))
	id=$(mscg submit --parsable -J "$boot.$n" -c 0.1 --cpu-mode quota --mem 4 -o /dev/null -e /dev/null -D / /bin/ledger /ledger "$boot.$n" $((n % 4 * 100))) &&
		echo "PC ack $id $boot.$n"
done
