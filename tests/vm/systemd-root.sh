#!/bin/bash
# Makes a Debian root file system with systemd in it and prints where: tests/vm/systemd.t boots it as a container in the
# virtual machine. Cached beside the kernels. What `make install` would put into /usr lies ready beside it, for an overlay.
# usage: tests/vm/systemd-root.sh [BUILD]
set -euo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=${1:-build}
[ "${build#/}" != "$build" ] || build=$tree/$build
root=$tree/build/vm/systemd-root
packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,libsqlite3-0,libjansson4,libhwloc15,libseccomp2,procps

command -v mmdebstrap >/dev/null || { echo "tests/vm: mmdebstrap is missing: packaging/deps.sh full installs it" >&2; exit 1; }
if [ "$(cat "$root.packages" 2>/dev/null)" != "$packages" ]; then
	echo "tests/vm: making a root file system with systemd in $root (a minute)" >&2
	mkdir -p "${root%/*}"
	rm -rf "$root"
	mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$root" >&2
	echo "$packages" >"$root.packages"
fi

rm -rf "$build/staged"
make -C "$tree" --no-print-directory -s install-files BUILD="$build" DESTDIR="$build/staged" PREFIX=/usr >&2
echo "$root"
