#!/bin/bash
# What `make install` puts into place is whole, works from there, and goes again with `make uninstall`.
# MSCG_BUILD: the build that is installed (build).
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
build=$(realpath -m "${MSCG_BUILD:-$root/build}")
cd "$root" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dest=$work/dest
prefix=/opt/mscg
unset MAKEFLAGS MAKELEVEL MFLAGS

n=0 failed=0
check() { # TEXT COMMAND…: shows what it printed if it fails
	local text=$1 said
	shift
	n=$((n + 1))
	if said=$("$@" 2>&1); then
		echo "ok $n - $text"
	else
		failed=$((failed + 1))
		echo "not ok $n - $text"
		printf '# %s\n' "${said//$'\n'/$'\n'# }"
	fi
}
install_to() { make -s "BUILD=$build" "DESTDIR=$1" "PREFIX=$2" install-files; }
there() { # FILE…
	local f status=0
	for f; do [ -e "$dest$f" ] || { echo "missing: $f"; status=1; }; done
	return $status
}
says() { # REGEX COMMAND…
	local regex=$1
	shift
	"$@" 2>&1 | tee "$work/said" | grep -qE "$regex" || { cat "$work/said"; return 1; }
}

check "installs" install_to "$dest" $prefix
check "programs, libraries, headers, units" there $prefix/bin/mscg $prefix/bin/mscgd $prefix/libexec/mscg/mscg-supervise \
	$prefix/libexec/mscg/mscg-keeper $prefix/lib/libmscg.a $prefix/lib/libmscg.so $prefix/lib/libmscg-cgroup.a $prefix/include/mscg/mscg.h \
	$prefix/lib/pkgconfig/mscg.pc $prefix/lib/systemd/system/mscgd.service $prefix/lib/systemd/user/mscgd.service \
	$prefix/lib/sysusers.d/mscg.conf $prefix/lib/tmpfiles.d/mscg.conf $prefix/share/mscg/io.mscg.varlink /etc/mscg/mscg.conf

manuals() { # every page of docs/man is installed, and each program and the configuration has one
	local page status=0
	for page in docs/man/*.[1-8]; do
		there "$prefix/share/man/man${page##*.}/${page##*/}" || status=1
	done
	there $prefix/share/man/man1/mscg.1 $prefix/share/man/man8/mscgd.8 $prefix/share/man/man5/mscg.conf.5 || status=1
	return $status
}
check "manual pages" manuals

# What is relative to the program is found from where it is installed.
check "mscg starts" says '[0-9]+\.[0-9]+' "$dest$prefix/bin/mscg" --version
check "mscgd starts" says '[0-9]+\.[0-9]+' "$dest$prefix/bin/mscgd" --version

# Names in the example are names that mscgd knows, and none is left out. Sections that are examples of their own ("#[qos high]") have
# names of theirs.
example() { sed -E '/^#\[/,/^$/d' packaging/mscg.conf; }
settings() {
	"$dest$prefix/bin/mscgd" --help | sed -nE 's/^ +--([a-z-]+)[ ].*/\1/p' | grep -vxE 'help|version|config|once|poll-interval' | sort >"$work/known"
	example | sed -nE 's/^#?([a-z-]+) = .*/\1/p' | sort >"$work/shown"
	diff "$work/known" "$work/shown"
}
check "the example configuration has every setting" settings
uncommented() {
	example | sed -E 's/^#([a-z-]+ = )/\1/' >"$work/mscg.conf"
	# A setting that is wrong is refused with its line before anything else is looked at.
	"$dest$prefix/bin/mscgd" --config "$work/mscg.conf" --cgroup-root /nowhere --state-dir "$work/state" --socket "$work/socket" \
		--runtime-dir "$work/run" --once </dev/null >"$work/said" 2>&1
	! grep -E 'mscg\.conf:[0-9]+' "$work/said"
}
check "and its values are taken" uncommented

filled() { ! grep -rIn '@[a-z]*@' "$dest"; }
check "every path is filled in" filled
unit_paths() {
	local path status=0
	while read -r path; do [ -x "$dest$path" ] || { echo "no program: $path"; status=1; }; done < <(
		sed -nE 's/^Exec[A-Za-z]*=[-@:+!]*([^ ]*).*/\1/p' "$dest$prefix"/lib/systemd/*/*.service | grep -v '^/bin/' | sort -u
	)
	return $status
}
check "units start what is installed" unit_paths

# A program that sees nothing but what is installed.
cat >"$work/client.c" <<'END'
#include <errno.h>
#include <mscg/mscg.h>
#include <stdio.h>
int main(void)
{
	struct mscg *m;
	struct mscg_error e;
	int r = mscg_connect(&m, "/nowhere/mscg.sock", &e);
	printf("%s\n", r < 0 ? e.text : "connected");
	return r >= 0;
}
END
cat >"$work/cgroup.c" <<'END'
#include <mscg/cgroup.h>
#include <stdio.h>
int main(void)
{
	struct mscg_cgroup_host *host;
	struct mscg_error e = { 0 };
	printf("%d %s\n", mscg_cgroup_discover(&host, &e), e.text);
	return 0;
}
END
pc() { PKG_CONFIG_PATH=$dest$prefix/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dest pkg-config "$@"; }
# shellcheck disable=SC2046  # words
compile() { # OUT SOURCE PACKAGE [FLAG]…
	local out=$1 source=$2 package=$3
	shift 3
	case " $* " in
	*" --static "*) gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -o "$out" "$source" $(pc --cflags "$package") -Wl,-Bstatic $(pc --libs-only-L --libs-only-l "$package") -Wl,-Bdynamic $(pc --static --libs-only-l "$package" | sed 's/-lmscg//') ;;
	*) gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -o "$out" "$source" $(pc --cflags --libs "$package") ;;
	esac
}
check "a program compiles with libmscg" compile "$work/client" "$work/client.c" mscg
check "and runs with the shared library" says '/nowhere/mscg.sock' env "LD_LIBRARY_PATH=$dest$prefix/lib" "$work/client"
check "that it finds by its soname" says 'NEEDED.*libmscg\.so\.0' readelf -d "$work/client"
check "a program compiles with libmscg.a" compile "$work/client-static" "$work/client.c" mscg --static
check "and runs" says '/nowhere/mscg.sock' "$work/client-static"
check "a program compiles with libmscg-cgroup" compile "$work/cgroup" "$work/cgroup.c" mscg-cgroup
check "and runs" says '^-?[0-9]' "$work/cgroup"
alone() {
	local h status=0
	for h in "$dest$prefix"/include/mscg/*.h; do
		gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "-I$dest$prefix/include" -x c "$h" || status=1
	done
	return $status
}
check "every header compiles alone" alone

again() {
	echo '# mine' >>"$dest/etc/mscg/mscg.conf"
	install_to "$dest" $prefix && grep '^# mine' "$dest/etc/mscg/mscg.conf"
}
check "a second install leaves a changed configuration alone" again
check "uninstalls" make -s "BUILD=$build" "DESTDIR=$dest" "PREFIX=$prefix" uninstall
gone() { [ "$(cd "$dest" && find . -mindepth 1 ! -type d)" = ./etc/mscg/mscg.conf ] || { find "$dest"; return 1; }; }
check "and only the changed configuration is left" gone

echo "1..$n"
[ "$failed" -eq 0 ]
