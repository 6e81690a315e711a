#!/bin/busybox sh
# shellcheck shell=dash disable=SC3060  # busybox has ${x//}
# The initramfs's /init: loads modules, makes the root file system out of the host's, and hands over to relay.
# What differs from run to run lies in a directory of the host's that the kernel command line names (mscg.dir); run
# writes it. In TCG a fork and exec costs 7 ms: what can be made ready on the host is.

n=/root                  # where the root file system is put together
host=$n/mnt/host         # a second view of the host's /, with nothing mounted over it

die() {
	echo "mscg-vm: $*" >/dev/kmsg
	poweroff -f
}

export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
read -r cmdline </proc/cmdline
for word in $cmdline; do
	case $word in
	mscg.dir=*) dir=${word#*=} ;;
	mscg.probe) echo "mscg-vm: probe passed" >/dev/kmsg; poweroff -f ;;
	esac
done
[ -n "$dir" ] || die "no mscg.dir= on the kernel command line"

while read -r m; do insmod "/modules/$m" || die "module $m does not load"; done </modules/order

mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose host $n || die "no root file system over 9p"
[ -d "$n$dir" ] || die "$dir of the host is not to be seen"

# The second view comes first: it is taken while nothing covers the host's files.
mount -t tmpfs -o mode=755 tmpfs $n/mnt || die "no tmpfs on /mnt"
mkdir $host
mount --bind $n $host || die "no second view of the host"
dir=$host$dir
while read -r mode path; do
	mount -t tmpfs -o "mode=$mode" tmpfs "$n$path" || die "no tmpfs on $path"
done <"$dir/cover"
tar -x -f "$dir/skeleton.tar" -C $n || die "cannot lay out the root file system"
chown 1000:1000 $n/run/user/1000 $n/home/alice
chown 1001:1001 $n/run/user/1001 $n/home/bob
while read -r path; do
	mount --bind "$host$path" "$n$path" || die "cannot show $path"
done <"$dir/show"

mkdir /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr

mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup || die "no cgroup2"
read -r controllers </sys/fs/cgroup/cgroup.controllers
echo "+${controllers// / +}" >/sys/fs/cgroup/cgroup.subtree_control || die "cannot enable $controllers"
ip link set lo up
hostname mscg-vm

# What was asked for on the command line: more modules (in order, each path on the host), a disk, a writable share.
while read -r m; do
	name=${m##*/}
	name=$(printf %s "${name%.ko}" | tr - _)
	[ -d "/sys/module/$name" ] || insmod "$host$m" || die "module $m does not load"
done <"$dir/modules"
if [ -e "$dir/disk" ]; then
	mount -t ext4 /dev/vda $n/mnt/disk || die "cannot mount the disk"
fi
if [ -e "$dir/out" ]; then
	read -r out <"$dir/out"
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none out $n/mnt/out || die "cannot mount the share"
	mount --bind $n/mnt/out "$n$out" || die "cannot show $out"
fi

# The kernel booted with one processor (run says why). The others come now that devices are not mapped any more.
for f in /sys/devices/system/cpu/cpu[0-9]*/online; do
	read -r online <"$f"
	[ "$online" = 1 ] || echo 1 >"$f" || die "a processor does not start: $f"
done

cp /bin/relay "$dir/argv" "$dir/env" "$dir/relay.conf" $n/run/vm/
dmesg -n 5 # from here on what goes wrong, and no more: a serial line is slow
for d in dev sys proc; do mount --move /$d $n/$d; done
exec switch_root $n /run/vm/relay
