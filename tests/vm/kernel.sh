#!/bin/bash
# Prepares one of Debian's kernels for tests/vm/run and prints the directory it is in:
#   release   the kernel's release, as uname -r says it
#   vmlinux   the kernel, unpacked (QEMU starts an ELF image directly, which saves 5 s of decompression in TCG)
#   lib/      its modules, less those for hardware that a virtual machine does not have
#   initrd    busybox, init.sh, relay and the few modules that reach the root file system
# Nothing is installed.
# usage: kernel.sh 6.1|6.12
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cache=${MSCG_VM_CACHE:-$(cd "$here/../.." && pwd -P)/build/vm}
version=${1:?usage: kernel.sh 6.1|6.12}
dir=$cache/$version

# What the initrd loads, in this order; whatever these depend on comes before them.
boot_modules=(virtio_pci virtio_console 9pnet_virtio 9p)

# Hardware that QEMU does not show us: three quarters of the package.
unneeded=(sound 'drivers/'{gpu,media,net,usb,scsi,infiniband,staging,iio,hwmon,hid,input,isdn,mtd,platform,ata,i2c,mfd,bluetooth,thunderbolt,leds,power,crypto,edac,iommu,firewire,pinctrl,gpio,mmc,video,accel,comedi,soundwire})

# shellcheck source=tests/vm/fetch.sh
. "$here/fetch.sh"

case $version in
6.1) suites="bookworm" ;;
6.12) suites="bookworm-backports trixie" ;;
*) die "kernel '$version' is not one of 6.1, 6.12" ;;
esac

download_kernel() { # into DIRECTORY; prints the file
	local to=$1 suite name
	for suite in $suites; do
		look_in "$to" "$suite" || continue
		name=$(private_apt apt-cache show linux-image-amd64 2>/dev/null |
			sed -n "s/^Depends: \(linux-image-$version\.[^ ,]*\).*/\1/p" | sort -V | tail -1)
		[ -n "$name" ] && download "$to" "$name" && return
	done
	die "found no linux-image-amd64 of version $version in $suites; linux-image-$version.…-amd64_….deb put into $cache would do"
}

unpack() { # DEB DIRECTORY
	local deb=$1 to=$2 skip=() d release
	for d in "${unneeded[@]}"; do skip+=(--exclude="./lib/modules/*/kernel/$d" --exclude="./usr/lib/modules/*/kernel/$d"); done
	mkdir -p "$to"
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$to" "${skip[@]}" --exclude='*/usr/share/*' --exclude='*System.map*'
	if [ -d "$to/usr/lib/modules" ]; then
		mkdir -p "$to/lib" && mv "$to/usr/lib/modules" "$to/lib/"
	fi
	release=$(basename "$to"/lib/modules/*)
	depmod -b "$to" "$release"
	extract_vmlinux "$to/boot/vmlinuz-$release" >"$to/vmlinux"
	echo "$release" >"$to/release"
}

# A bzImage says in its header where its payload lies (Documentation/arch/x86/boot.rst): setup_sects at 0x1f1,
# payload_offset and payload_length at 0x248. The payload's last four bytes are its unpacked size.
extract_vmlinux() { # BZIMAGE
	local image=$1 sects offset length start
	sects=$(od -An -tu1 -j 497 -N 1 "$image")
	read -r offset length < <(od -An -tu4 -j 584 -N 8 "$image")
	start=$(((sects + 1) * 512 + offset))
	head -c $((start + length - 4)) "$image" | tail -c +$((start + 1)) >"$image.payload"
	case $(od -An -tx1 -N 4 "$image.payload") in
	' fd 37 7a 58') xz -dc --single-stream <"$image.payload" ;;
	' 28 b5 2f fd') zstd -qdc <"$image.payload" ;;
	' 1f 8b '*) gzip -dc <"$image.payload" ;;
	*) cat "$image" ;; # QEMU starts a bzImage too, only slower
	esac
	rm -f "$image.payload"
}

build_initrd() { # DIRECTORY
	local to=$1 root=$1/initrd.root release applet ko
	release=$(cat "$to/release")
	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,proc,sys,root,modules}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
	done
	cp "$here/init.sh" "$root/init"
	gcc -std=c17 -O2 -Wall -Wextra -static -o "$root/bin/relay" "$here/relay.c"
	strip "$root/bin/relay"
	modprobe -d "$to" -S "$release" --show-depends -a "${boot_modules[@]}" | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r ko; do
			case $ko in
			*.xz) xz -dc "$ko" >"$root/modules/$(basename "${ko%.xz}")" ;;
			*) cp "$ko" "$root/modules/" ;;
			esac
			basename "${ko%.xz}" >>"$root/modules/order"
		done
	chmod 755 "$root/init"
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet -R 0:0) >"$to/initrd.new"
	mv "$to/initrd.new" "$to/initrd"
	rm -rf "$root"
}

stamp() { cat "$here/kernel.sh" "$here/init.sh" "$here/relay.c" "$(command -v busybox)" | sha256sum; }

[ "$(uname -m)" = x86_64 ] || die "only for x86-64: the guest runs the host's own programs"
mkdir -p "$cache"
stamp=$(stamp)
if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
	exec 9>"$cache/lock"
	flock 9
	if [ ! -e "$dir/release" ]; then
		work=$(mktemp -d "$cache/new.XXXXXX")
		trap 'rm -rf "$work"' EXIT
		deb=$(find "$cache" -maxdepth 1 -name "linux-image-$version.*-amd64_*.deb" | sort -V | tail -1)
		[ -n "$deb" ] || deb=$(download_kernel "$work")
		unpack "$deb" "$work/kernel"
		chmod 755 "$work/kernel"
		rm -rf "$dir"
		mv "$work/kernel" "$dir"
	fi
	if [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ]; then
		build_initrd "$dir"
		echo "$stamp" >"$dir/stamp"
	fi
fi
echo "$dir"
