#!/bin/busybox sh
# The initramfs's /init: loads modules, makes the root file system out of the host's, and hands over to relay.
# What differs from run to run lies in a directory of the host's that the kernel command line names (mscg.dir); run
# writes it. The shell is busybox's, whose small applets cost no fork: in TCG a fork and exec costs milliseconds.

n=/root                  # where the root file system is put together
host=$n/mnt/host         # a second view of the host's /, with nothing mounted over it

die() {
	echo "mscg-vm: $*" >/dev/kmsg
	poweroff -f
}

scratch() { # MODE DIRECTORY…: an empty tmpfs over each that the host has
	local mode=$1 d
	shift
	for d; do
		[ -d "$n$d" ] && { mount -t tmpfs -o "mode=$mode" tmpfs "$n$d" || die "no tmpfs on $d"; }
	done
}

addable() { # DIRECTORY: a tmpfs in which each entry is a link to the host's, so that entries can be added or replaced
	mount -t tmpfs -o mode=755 tmpfs "$n$1" || die "no tmpfs on $1"
	cp -s "$host$1"/* "$n$1/" 2>/dev/null || (cd "$host$1" && for f in * .[!.]*; do [ -e "$f" ] && ln -s "/mnt/host$1/$f" "$n$1/$f"; done)
}

show() { # PATH: the host's file or directory, at its own path below a tmpfs
	local p= c IFS=/
	for c in ${1#/}; do
		p=$p/$c
		[ -L "$n$p" ] && rm "$n$p"
		[ -e "$n$p" ] && continue
		if [ -d "$host$p" ]; then mkdir "$n$p"; else : >"$n$p"; fi
	done
	mount --bind "$host$1" "$n$1" || die "cannot show $1"
}

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
mkdir $host $n/mnt/disk $n/mnt/out
mount --bind $n $host || die "no second view of the host"
dir=$host$dir

scratch 755 /run /home /root /var/log
scratch 1777 /tmp /var/tmp
addable /etc
addable /var/lib
cp -f --remove-destination "$dir"/etc/* $n/etc/ || die "cannot write /etc"
while read -r path; do scratch 755 "$path"; done <"$dir/cover"
while read -r path; do show "$path"; done <"$dir/show"

mkdir -p $n/run/lock $n/run/user/1000 $n/run/user/1001 $n/home/alice $n/home/bob $n/run/vm
chmod 1777 $n/run/lock
chmod 700 $n/run/user/1000 $n/run/user/1001 $n/home/alice $n/home/bob $n/root
chown 1000:1000 $n/run/user/1000 $n/home/alice
chown 1001:1001 $n/run/user/1001 $n/home/bob
[ -s "$dir/show" ] && chmod 711 $n/root # the tree may lie below it

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
while read -r m; do insmod "$host$m" || die "module $m does not load"; done <"$dir/modules"
if [ -e "$dir/disk" ]; then
	mount -t ext4 /dev/vda $n/mnt/disk || die "cannot mount the disk"
fi
if [ -e "$dir/out" ]; then
	read -r out <"$dir/out"
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none out $n/mnt/out || die "cannot mount the share"
	[ -d "$n$out" ] || mkdir -p "$n$out"
	mount --bind $n/mnt/out "$n$out" || die "cannot show $out"
fi

cp /bin/relay "$dir/argv" "$dir/env" "$dir/relay.conf" $n/run/vm/
for d in dev sys proc; do mount --move /$d $n/$d; done
exec switch_root $n /run/vm/relay
