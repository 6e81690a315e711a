#!/bin/bash
# Does the tree keep to its floor plan? Each check is a function that prints what it finds amiss in a tree or library;
# nothing is good. Each is then run on a copy in which that very thing was broken, and must find it.
# MSCG_BUILD: a build without sanitizers (build).
set -uo pipefail
shopt -s extglob

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
build=$(realpath -m "${MSCG_BUILD:-$root/build}")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

n=0 failed=0
result() { # STATUS TEXT
	n=$((n + 1))
	[ "$1" = 0 ] || failed=$((failed + 1))
	echo "$([ "$1" = 0 ] && echo ok || echo not ok) $n - $2"
}
clean() { # TEXT CHECK [ARG]…
	local text=$1 found
	shift
	found=$("$@" 2>&1)
	[ -z "$found" ]
	result $? "$text"
	[ -z "$found" ] || printf '# %s\n' "${found//$'\n'/$'\n'# }"
}
finds() { # TEXT REGEX CHECK [ARG]…
	local text=$1 regex=$2 found
	shift 2
	found=$("$@" 2>&1)
	grep -qE "$regex" <<<"$found"
	local status=$?
	result $status "negative control: $text"
	[ $status -eq 0 ] || printf '# wanted: %s\n# found: %s\n' "$regex" "$found"
}

listed() { # TREE: its files, without what is built
	if [ -e "$1/.git" ]; then
		git -c safe.directory='*' -C "$1" ls-files -co --exclude-standard | while read -r f; do [ ! -f "$1/$f" ] || echo "$f"; done
	else
		(cd "$1" && find . -type f ! -path './build*' | sed 's,^\./,,')
	fi | LC_ALL=C sort
}

# ---- who includes whom

includes() { # TREE
	(
		cd "$1" && listed . >"$copy/listed"
		mapfile -t files < <(grep -E '^(include|cgroup|src|tasks)/.*\.[chS]$' "$copy/listed")
		awk '
		function room_of(path,   p) {
			for (p = path; sub(/\/[^\/]*$/, "", p); ) if (p in may) return p
			return ""
		}
		function allowed(room, path,   i, k, w) {
			if (index(path, room "/") == 1) return 1
			k = split(may[room], w)
			for (i = 1; i <= k; i++) if (path == w[i] || index(path, w[i] "/") == 1) return 1
			return 0
		}
		FILENAME ~ /rooms\.txt$/ {
			if (/^#/ || !NF) next
			line = $0
			sub(/^[^ \t]+[ \t]*/, "", line)
			if ($1 == "types") types = line
			else if ($1 ~ /^</) { h = $1; gsub(/[<>]/, "", h); door[h] = " " line " " }
			else { gsub(/(^| )types( |$)/, " " types " ", line); may[$1] = line }
			next
		}
		FILENAME ~ /listed$/ { exists[$0] = 1; next }
		FNR == 1 {
			room = room_of(FILENAME)
			dir = FILENAME
			sub(/\/[^\/]*$/, "", dir)
			if (room == "") print FILENAME ": is in no room of rooms.txt"
		}
		match($0, /^[ \t]*#[ \t]*include[ \t]*[<"][^>"]*[>"]/) {
			inc = substr($0, RSTART, RLENGTH)
			local = inc ~ /"$/
			gsub(/^[^<"]*[<"]|[>"]$/, "", inc)
			if (local && (dir "/" inc) in exists) target = dir "/" inc
			else if (inc in exists) target = inc
			else if (("include/" inc) in exists) target = "include/" inc
			else target = ""
			if (target == "") {
				if (local || inc ~ /^(mscg|src|cgroup)\//) print FILENAME ":" FNR ": includes " inc ", which is not there"
				for (h in door)
					if ((inc == h || (h ~ /\/$/ && index(inc, h) == 1)) && index(door[h], " " room " ") == 0)
						print FILENAME ":" FNR ": includes <" inc ">, which " room " may not"
			} else if (room != "" && !allowed(room, target))
				print FILENAME ":" FNR ": includes " target ", which " room " may not"
		}' "$here/rooms.txt" "$copy/listed" "${files[@]}"
	)
}

# ---- what the core needs

allowed_symbols() { # LIBRARY: one regular expression
	awk -v lib="$1" '
		/^#/ || NF < 2 { next }
		{ list[$1] = list[$1] (list[$1] == "" ? "" : "|") ($2 in list ? list[$2] : $2) }
		END { print "^(" list[lib] ")$" }' "$here/symbols.txt"
}
undefined() { nm -u "$@" | awk '$1 == "U" { print $2 }' | LC_ALL=C sort -u; }
defined() { nm --defined-only "$@" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u; }

# What the core names, and what the objects of the base that it thereby pulls in name, and so on.
core_symbols() { # CORE BASE
	local objects=$copy/objects needed todo symbol object seen=' '
	rm -rf "$objects" && mkdir "$objects"
	undefined "$1" | LC_ALL=C comm -23 - <(defined "$1") >"$copy/core.needs"
	grep -vE "$(allowed_symbols core)" "$copy/core.needs" | sed 's/^/the core needs /'
	(cd "$objects" && ar x "$(realpath "$2")")
	nm -A --defined-only "$objects"/*.o | awk '{ sub(/:.*/, "", $1); print $NF, $1 }' >"$copy/base.has"
	todo=$(cat "$copy/core.needs")
	while [ -n "$todo" ]; do
		needed=''
		for symbol in $todo; do
			object=$(awk -v s="$symbol" '$1 == s { print $2; exit }' "$copy/base.has")
			if [ -z "$object" ] || [[ $seen == *" $object "* ]]; then continue; fi
			seen="$seen$object "
			undefined "$object" >"$copy/object.needs"
			awk 'NR == FNR { has[$1]; next } !($1 in has)' "$copy/base.has" "$copy/object.needs" |
				grep -vE "$(allowed_symbols base)" | sed "s,^,the core needs (through ${object##*/} of the base) ,"
			needed="$needed $(cat "$copy/object.needs")"
		done
		todo=$needed
	done
}

# Libraries neither log nor sleep, and nobody runs a shell.
quiet() { # LIBRARY…
	nm -A -u "$@" 2>/dev/null | awk '$NF ~ /^(_*v?f?printf(_chk)?|puts|perror|std(out|err)|v?syslog(_chk)?|sd_journal_.*|u?sleep|(clock_)?nanosleep|system|popen)$/ {
		print $1, "names", $NF }'
}

# ---- what libmscg.so shows

# Declarations of a public header, one a line, without comments, bodies and preprocessor lines.
declarations() { # HEADER
	perl -0777 -pe 's{/\*.*?\*/}{ }gs; s{//[^\n]*}{}g; s{\\\n}{ }g; s{^[ \t]*#.*$}{}mg; 1 while s/\{[^{}]*\}/;/g; s/\s+/ /g; s/;/;\n/g' "$1" |
		grep -E '\b[a-z]\w+ ?\(' | grep -vE '^ *(typedef|_Static_assert)'
}
declared() { # HEADER…: names of public functions
	local h
	for h; do declarations "$h"; done | sed -E 's/__attribute__ *\(\(.*\)\) *(MSCG)/\1/' | grep -oE 'MSCG_PUBLIC [^(]*' |
		grep -oE '\w+ *$' | tr -d ' ' | LC_ALL=C sort -u
}
exports() { # LIBRARY HEADER…
	local so=$1
	shift
	nm -D --defined-only "$so" | awk '{ print $NF }' | LC_ALL=C sort -u >"$copy/shown"
	declared "$@" >"$copy/promised"
	LC_ALL=C comm -23 "$copy/shown" "$copy/promised" | sed 's/$/: shown, and in no public header/'
	LC_ALL=C comm -13 "$copy/shown" "$copy/promised" | sed 's/$/: in a public header, and not shown/'
	grep -v '^mscg_' "$copy/shown" | sed 's/$/: shown, and does not begin with mscg_/'
}
marked() { # HEADER…
	local h
	for h; do declarations "$h" | grep -v MSCG_PUBLIC | grep -v 'static inline' | sed "s,^,${h##*/}: not MSCG_PUBLIC:,"; done
}

# A function is documented in the paragraph that it stands in: blank lines end one.
documented() { # HEADER…
	perl -00 -ne 'print "$ARGV: no comment: $1\n" if /MSCG_PUBLIC/ && !m{/\*|//} && /MSCG_PUBLIC([^;]*)/ && !/#define/' "$@"
}

# ---- what no file says

words() { # TREE
	(
		cd "$1" && grep -v '^#' "$here/words.txt" | sed '/^$/d' >"$copy/words" &&
			listed . | grep -v '^tests/layering/' | tr '\n' '\0' | xargs -0 grep -IniE -f "$copy/words" -- /dev/null
	)
}

# ---- here

client=()
for h in "$root"/include/mscg/*.h; do [[ $h == */@(cgroup|action).h ]] || client+=("$h"); done
libraries=()
for l in base mscg-cgroup core wire store engine client; do libraries+=("$build/lib$l.a"); done

clean "every include keeps to the floor plan" includes "$root"
clean "the core needs nothing but memory and text" core_symbols "$build/libcore.a" "$build/libbase.a"
clean "libraries neither log nor sleep" quiet "${libraries[@]}"
clean "libmscg.so shows what its headers promise, and no more" exports "$build/libmscg.so" "${client[@]}"
# action.h is what the daemon's own rooms say to each other: it is neither exported nor installed.
clean "every function of a public header is marked as public" marked "${client[@]}" "$root/include/mscg/cgroup.h"
clean "every function of a public header has a comment" documented "$root"/include/mscg/*.h
clean "no file says what does not belong into the tree" words "$root"

# ---- and in copies that are broken

tree=$copy/tree
fresh() {
	rm -rf "$tree" && mkdir "$tree"
	(cd "$root" && listed . | grep -E '^(include|cgroup|src|tasks)/' | tar -c -T - | tar -x -C "$tree")
}
fresh
echo '#include "src/store/store.h"' >>"$tree/src/core/core.h"
finds "a sibling's header" '^src/core/core.h:[0-9]+: includes src/store/store.h, which src/core may not' includes "$tree"
fresh
printf '#include <mscg/cgroup.h>\n' >"$tree/src/wire/extra.c"
finds "a public header of another room" '^src/wire/extra.c:1: includes include/mscg/cgroup.h' includes "$tree"
printf '  #  include <sqlite3.h> /* why not */\n' >"$tree/src/wire/extra.c"
finds "a library behind another door" '^src/wire/extra.c:1: includes <sqlite3.h>' includes "$tree"
printf '#include "src/wire/gone.h"\n' >"$tree/src/wire/extra.c"
finds "a header that is not there" '^src/wire/extra.c:1: includes src/wire/gone.h, which is not there' includes "$tree"
mkdir "$tree/src/shed" && : >"$tree/src/shed/tool.c" && echo >"$tree/src/shed/tool.c"
finds "a room without a place in the plan" '^src/shed/tool.c: is in no room' includes "$tree"

broken() { # LIBRARY CODE: a copy of an archive with one more object
	cp "$1" "$copy/broken.a" && printf '%s\n' "$2" >"$copy/extra.c" && gcc -c -fPIC -o "$copy/extra.o" "$copy/extra.c" && ar r "$copy/broken.a" "$copy/extra.o"
}
broken "$build/libcore.a" '#include <time.h>
long now(void) { return time(0); }'
finds "a clock in the core" '^the core needs time$' core_symbols "$copy/broken.a" "$build/libbase.a"
broken "$build/libcore.a" 'int buf_pid(void); int who(void) { return buf_pid(); }'
cp "$copy/broken.a" "$copy/core.a"
broken "$build/libbase.a" '#include <unistd.h>
int buf_pid(void) { return getpid(); }'
finds "a system call that the core makes through the base" 'through extra.o of the base\) getpid$' core_symbols "$copy/core.a" "$copy/broken.a"
broken "$build/libwire.a" '#include <stdio.h>
void say(void) { fprintf(stderr, "%d", 1); }'
finds "a library that prints" 'extra.o: names (stderr|fprintf)' quiet "$copy/broken.a"

printf 'int mscg_helper(void); int mscg_helper(void) { return 0; }\nint other(void); int other(void) { return 0; }\n' >"$copy/extra.c"
gcc -shared -fPIC -o "$copy/extra.so" "$copy/extra.c"
finds "a symbol that no header has" '^mscg_helper: shown' exports "$copy/extra.so" "${client[@]}"
finds "a symbol without mscg_" '^other: shown, and does not begin' exports "$copy/extra.so" "${client[@]}"
finds "a promise that is not kept" '^mscg_submit: in a public header, and not shown' exports "$copy/extra.so" "${client[@]}"
printf '/* Good. */\nMSCG_PUBLIC int mscg_a(int x);\n\nMSCG_PUBLIC int mscg_b(void (*each)(int x));\n\n/* Bad. */\nint mscg_c(void);\n' >"$copy/header.h"
finds "a function without a comment" 'no comment:  int mscg_b' documented "$copy/header.h"
finds "a function that is not public" '^header.h: not MSCG_PUBLIC: int mscg_c' marked "$copy/header.h"
fresh
printf '/* See %swork/notes.txt. */\n' / >"$tree/src/wire/extra.c"
finds "a path of some machine" '^src/wire/extra.c:1:' words "$tree"
printf '/* As in issue%s. */\n' ' 12' >"$tree/src/wire/extra.c"
finds "where a task was written down" '^src/wire/extra.c:1:' words "$tree"

echo "1..$n"
[ "$failed" -eq 0 ]
