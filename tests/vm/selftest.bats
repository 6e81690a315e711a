#!/usr/bin/env bats
# here: it boots machines itself
# slow: a boot for each test
# timeout: 900
# The harness itself. Every test is one boot, and so looks at several things.

setup() {
	run_vm=$BATS_TEST_DIRNAME/run
	guest=$BATS_TEST_DIRNAME/selftest-guest.sh
	out=$BATS_TEST_TMPDIR
}

# vm ARGS…: leaves $status and the files $out/stdout and $out/stderr
vm() {
	status=0
	"$run_vm" "$@" >"$out/stdout" 2>"$out/stderr" 3>&- || status=$?
	sed 's/^/# /' "$out/stderr" # bats shows this only if the test fails
}

has() { grep -qxF -- "$2" "$out/$1" || { echo "# $1 lacks the line: $2"; false; }; }

@test "status 0; 1 MiB of bytes unchanged; stdout and stderr apart; nothing of the caller's environment" {
	SECRET=x vm -- "$guest" bytes
	[ "$status" -eq 0 ]
	[ "$(stat -c %s "$out/stdout")" -eq 1048576 ]
	[ "$(sha256sum <"$out/stdout")" = "$(cat "$out/stderr")" ]
}

@test "status 1; kernel 6.1 with every controller, users, writable places and the tree as it is here" {
	cd "$BATS_TEST_DIRNAME"
	vm -- "$guest" look
	[ "$status" -eq 1 ]
	has stdout "pwd: $PWD"
	[[ $(sed -n 's/^kernel: //p' "$out/stdout") == 6.1.* ]]
	for c in cpuset cpu io memory pids; do grep -q "^controllers:.* $c\b" "$out/stdout"; done
	for l in 'options: nsdelegate memory_recursiveprot' 'cpus: 4' 'alice: 1000 alice alice mscg' 'bob: 1001 bob bob' \
		'alice reads the tree' 'alice writes home' 'bob writes home' 'alice is kept out of bob' 'loopback' 'read-only tree' \
		'write /etc' 'write /var/lib' 'write /tmp' 'write /dev/shm' 'write /run'; do
		has stdout "$l"
	done
	[ ! -s "$out/stderr" ]
}

@test "status 42; kernel 6.12; SMT and two nodes; a disk and a share that keep what is written" {
	vm --kernel 6.12 --smp 4,cores=2,threads=2 --numa 2 --disk "$out/disk.img" --out "$out/share" --module dm_flakey \
		--env ANSWER=42 -- "$guest" machine "$out/share"
	[ "$status" -eq 42 ]
	[[ $(sed -n 's/^kernel: //p' "$out/stdout") == 6.12.* ]]
	has stdout 'threads per core: 2'
	has stdout 'nodes: 2'
	has stdout 'dm_flakey'
	[ "$(cat "$out/share/from-guest")" = hello ]
	[ "$(debugfs -R 'cat /on-disk' "$out/disk.img" 2>/dev/null)" = hello ]
}

@test "status 255; standard input; a reader that goes away" {
	status=0
	head -c 300000 /dev/zero | "$run_vm" --stdin -- sh -c 'wc -c; exit 255' >"$out/stdout" 3>&- || status=$?
	[ "$status" -eq 255 ]
	has stdout 300000
}

@test "a panic is 126 and shows the console" {
	vm --log "$out/console" -- sh -c 'echo before; echo c >/proc/sysrq-trigger; sleep 100'
	[ "$status" -eq 126 ]
	has stdout before
	grep -q "^tests/vm: the guest's kernel panicked: Kernel panic" "$out/stderr"
	grep -q '^console: .*sysrq' "$out/stderr"
	grep -q 'Kernel panic' "$out/console"
}

@test "a hang is 124; the power can be cut; two machines at once; nothing is left behind" {
	mkdir "$out/tmp"
	TMPDIR=$out/tmp "$run_vm" --timeout 40 -- sh -c 'echo up; sleep 1000' >"$out/hang" 2>"$out/hang.err" 3>&- &
	local hang=$! cut
	TMPDIR=$out/tmp "$run_vm" --pidfile "$out/pid" -- sh -c 'echo up; sleep 1000' >"$out/cut" 2>"$out/cut.err" 3>&- &
	cut=$!
	for _ in $(seq 390); do
		[ -s "$out/cut" ] && break
		sleep 0.1
	done
	kill -KILL "$(cat "$out/pid")"
	status=0
	wait "$cut" || status=$?
	[ "$status" -eq 137 ]
	grep -q '^tests/vm: QEMU was killed' "$out/cut.err"
	status=0
	wait "$hang" || status=$?
	[ "$status" -eq 124 ]
	grep -q '^tests/vm: no end after 40 s' "$out/hang.err"
	[ -z "$(ls "$out/tmp")" ]
}

@test "a machine that does not come up is 125; so is a usage error 2" {
	vm --append 'init=/nothing rdinit=/nothing mscg.dir=/nothing' -- true
	[ "$status" -eq 125 ] || [ "$status" -eq 126 ]
	vm --numa 3 -- true
	[ "$status" -eq 2 ]
	vm --nonsense
	[ "$status" -eq 2 ]
}
