#!/bin/bash
# Prints the QEMU for tests/vm/run and its first arguments, a word a line.
#
# Before 8.1, QEMU with several TCG threads could run code that the guest was patching at that moment: the kernel, which
# switches features by patching itself, dies of "Oops: int3" (6.12 within seconds of flipping sched_schedstats under
# load; QEMU 10 survived the same). Debian 12 has 7.2, so there a newer one is taken from its backports, not installed;
# the libraries that it needs are those of the installed one. Where that fails, the installed one has to do.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
cache=${MSCG_VM_CACHE:-$(cd "$here/../.." && pwd -P)/build/vm}
dir=$cache/qemu
name=qemu-system-x86_64
# shellcheck source=tests/vm/fetch.sh
. "$here/fetch.sh"

answer() { # PROGRAM ARG…
	printf '%s\n' "$@"
	exit 0
}
ours() { answer "$dir/usr/bin/$name" -L "$dir/usr/share/qemu" -L "$dir/usr/share/seabios"; }

[ -z "${MSCG_VM_QEMU:-}" ] || answer "$MSCG_VM_QEMU"
[ -x "$dir/usr/bin/$name" ] && ours
installed=$(command -v "$name") || die "$name is missing: packaging/deps.sh vm installs it"
version=$("$installed" --version | sed -n '1s/^.*version \([0-9]*\.[0-9]*\).*/\1/p')
[ "$(printf '%s\n' "$version" 8.1 | sort -V | head -1)" = 8.1 ] && answer "$installed"
[ -e "$dir/failed" ] && answer "$installed"

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ -x "$dir/usr/bin/$name" ] && ours
work=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/qemu"
if look_in "$work" bookworm-backports && debs=$(download "$work" qemu-system-x86 qemu-system-data seabios); then
	while read -r deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/qemu" --wildcards "./usr/bin/$name" './usr/share/seabios/*' \
			'./usr/share/qemu/*.bin' 2>/dev/null || :
	done <<<"$debs"
fi
chmod 755 "$work/qemu"
if "$work/qemu/usr/bin/$name" --version >/dev/null 2>&1; then
	rm -rf "$dir"
	mv "$work/qemu" "$dir"
	ours
fi
mkdir -p "$dir"
: >"$dir/failed"
say "no newer QEMU to be had; $version may crash the guest's kernel now and then (remove $dir to try again)"
answer "$installed"
