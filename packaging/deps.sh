#!/bin/bash
# Installs what building and testing mscg needs, with apt, on Debian and Ubuntu. Says which packages and why.
# usage: deps.sh [--check] [GROUP]…        groups: build test vm full bench demo (build, if none is named)
#   --check   installs nothing; exit 1 if something is missing
# Elsewhere it prints what is needed and stops with 1: the names are Debian's, but the things are everywhere.
set -euo pipefail

# package | group | why | probe: a file or a command that shows it is there, whoever installed it; none: ask dpkg
packages='
gcc                  | build vm    | the compiler                                      | gcc
libc6-dev            | build vm    | headers and static libc                           | /usr/include/stdio.h
make                 | build       | the build                                         | make
pkg-config           | build       | finds the libraries                               | pkg-config
libseccomp-dev       | build       | the sandbox'"'"'s system call filter                  | /usr/include/seccomp.h
libsqlite3-dev       | build       | the store                                         | /usr/include/sqlite3.h
libjansson-dev       | build       | JSON                                              | /usr/include/jansson.h
libsystemd-dev       | build       | event loop, readiness, fd store                   | /usr/include/systemd/sd-event.h
libhwloc-dev         | build       | which cores belong together                       | /usr/include/hwloc.h
libcmocka-dev        | test        | unit tests                                        | /usr/include/cmocka.h
bats                 | test vm     | command line tests                                | bats
perl                 | test vm     | prove, which runs all tests                       | prove
python3              | test bench demo | helpers of tests, sample workloads            | /usr/bin/python3
python3-numpy        | test demo   | sample workloads                                  | /usr/lib/python3/dist-packages/numpy
strace               | test        | fault injection                                   | strace
clang                | test        | fuzzing                                           | clang
libclang-rt-dev      | test        | libFuzzer and the sanitizers of clang             | /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
clang-format         | test        | checks the layout of the code                     | clang-format
shellcheck           | test        | checks the shell scripts                          | shellcheck
man-db               | test        | checks the manual pages                           | man
squashfs-tools       | test        | images for jobs                                   | mksquashfs
erofs-utils          | test        | images for jobs                                   | mkfs.erofs
git                  | test        | which files are the tree'"'"'s                        | git
qemu-system-x86      | vm          | the virtual machine                               | qemu-system-x86_64
qemu-system-data     | vm          | its firmware                                      | /usr/share/qemu/pvh.bin
seabios              | vm          | its firmware                                      | /usr/share/seabios/bios-256k.bin
busybox-static       | vm          | the initramfs                                     |
cpio                 | vm          | the initramfs                                     | cpio
kmod                 | vm          | which module needs which                          | depmod
xz-utils             | vm          | unpacks kernel and modules                        | xz
zstd                 | vm          | unpacks the kernel                                | zstd
e2fsprogs            | vm          | disks for durability tests                        | mke2fs
procps               | vm          | ps and sysctl in the guest                        | ps
iproute2             | vm          | the loopback device                               | ip
mmdebstrap           | full        | a root file system with systemd                   | mmdebstrap
debian-archive-keyring | vm        | checks the guest'"'"'s kernel                         | /usr/share/keyrings/debian-archive-keyring.gpg
'

die() {
	echo "deps: $*" >&2
	exit 1
}

trim() { # sets $trimmed without a process
	trimmed=${1#"${1%%[![:space:]]*}"}
	trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}

present() { # PACKAGE PROBE
	case $2 in
	'') [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
	/*) compgen -G "$2" >/dev/null ;;
	*) type -P "$2" >/dev/null ;;
	esac
}

check=no
groups=()
for a; do
	case $a in
	--check) check=yes ;;
	build | test | vm | full | bench | demo) groups+=("$a") ;;
	-h | --help)
		sed -n '2,5s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*) die "unknown group '$a': build, test, vm, full, bench, demo" ;;
	esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

missing=()
reasons=
while IFS='|' read -r name in why probe; do
	trim "$name" && name=$trimmed
	trim "$in" && in=$trimmed
	trim "$why" && why=$trimmed
	trim "$probe" && probe=$trimmed
	for g in "${groups[@]}"; do
		[[ " $in " == *" $g "* ]] || continue
		if ! present "$name" "$probe"; then
			missing+=("$name")
			printf -v line '  %-22s %s\n' "$name" "$why"
			reasons+=$line
		fi
		break
	done
done <<<"${packages:1:-1}"

if [ ${#missing[@]} -eq 0 ]; then
	echo "deps: nothing is missing for ${groups[*]}"
	exit 0
fi
printf 'deps: missing for %s:\n%s' "${groups[*]}" "$reasons"
[ $check = no ] || exit 1
command -v apt-get >/dev/null || die "no apt-get here: install these, or what your system calls them, yourself"

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || die "not root and no sudo: run 'apt-get install --no-install-recommends ${missing[*]}' as root"
	as_root=(sudo)
	if [ ! -t 0 ]; then
		as_root+=(-n)
		sudo -n true 2>/dev/null || die "sudo wants a password and there is no terminal: run '$0 ${groups[*]}' as root"
	fi
fi
apt() { ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }

apt -qq update || echo "deps: apt-get update failed; trying with the lists that are there" >&2
apt -y -qq install --no-install-recommends "${missing[@]}" || die "apt-get did not install: ${missing[*]}"
hash -r
echo "deps: installed ${missing[*]}"
