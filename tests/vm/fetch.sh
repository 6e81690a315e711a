# shellcheck shell=bash
# Sourced by kernel.sh and qemu.sh: takes packages from Debian without installing them and without changing the host's
# apt. A private apt directory has its own sources and lists; only the address of a mirror comes from the host's.

die() { echo "tests/vm: $*" >&2; exit 1; }
say() { echo "tests/vm: $*" >&2; }

private_apt() { # TOOL ARG…
	local tool=$1
	shift
	"$tool" -o Dir::Etc="$apt" -o Dir::Etc::sourcelist=sources.list -o Dir::Etc::sourceparts=sources.d \
		-o Dir::Etc::preferences=preferences -o Dir::Etc::preferencesparts=preferences.d \
		-o Dir::State="$apt" -o Dir::State::lists=lists -o Dir::Cache="$apt/cache" -o APT::Sandbox::User= \
		-o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o Acquire::Languages=none -o APT::Update::Post-Invoke= \
		-o APT::Update::Post-Invoke-Success= "$@"
}

# The mirror that the host itself installs from, if it is one of Debian's.
mirror() {
	if [ -n "${MSCG_VM_MIRROR:-}" ]; then
		echo "$MSCG_VM_MIRROR"
		return
	fi
	# shellcheck disable=SC2016  # apt expands these
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null |
		awk '$2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/ && $3 == "main" && !uri { uri = $1 } END { print uri }'
}

# Points private_apt at SUITE, with its state below DIRECTORY.
look_in() { # DIRECTORY SUITE
	local uri key=/usr/share/keyrings/debian-archive-keyring.gpg
	command -v apt-get >/dev/null || { say "there is no apt here"; return 1; }
	uri=$(mirror)
	[ -n "$uri" ] || { say "no Debian mirror in apt's sources: set MSCG_VM_MIRROR to the address of one"; return 1; }
	[ -e "$key" ] || { say "$key is missing: install debian-archive-keyring"; return 1; }
	apt=$1/apt
	rm -rf "$apt"
	mkdir -p "$apt"/{lists/partial,cache/archives/partial,sources.d,preferences.d}
	echo "deb [arch=amd64 signed-by=$key] $uri $2 main" >"$apt/sources.list"
	say "reading the list of $2"
	private_apt apt-get -qq update >&2
}

download() { # DIRECTORY PACKAGE…: prints the files
	local to=$1 name
	shift
	say "downloading $*"
	(cd "$to" && private_apt apt-get -qq download "$@" >&2) || return 1
	for name; do ls "$to/${name}"_*.deb; done
}
