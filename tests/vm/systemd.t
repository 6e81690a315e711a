#!/bin/bash
# slow: the root file system takes a minute to make
# machine: --mem 1500M --module overlay
# timeout: 600
# A real systemd with our units, as root and as a lingering user: restart, reload, kill and stop of mscgd under running
# jobs. It is pid 1 of a container in the virtual machine, with a cgroup namespace of its own.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=tests/vm/systemd_box.sh
. tests/vm/systemd_box.sh
n=0 failed=0

ok() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"
		failed=$((failed + 1))
	fi
}
same() { # NAME EXPECTED FOUND
	[ "$2" = "$3" ] || { echo "# expected: $2"; echo "# found:    $3"; }
	[ "$2" = "$3" ]
	ok $? "$1"
}
finish() {
	echo "1..$n"
	box_end
	exit $((failed > 0))
}

box_begin
ok $? "systemd runs"
[ $failed = 0 ] || { tail /tmp/systemd.log | sed 's/^/# /'; finish; }
diag() { inside "$@" 2>&1 | sed 's/^/# /'; }

# -- the same for the system's daemon and for a user's: ctl and mscg are theirs

submit() { mscg submit --parsable -c 1 --mem 16MB "$@" | tail -n 1; }
pid_of() { mscg show --json "$1" | sed -n 's/^ *"pid": \([0-9]*\).*/\1/p'; }
state_of() { mscg show --json "$1" | sed -n 's/^ *"state": "\(.*\)".*/\1/p'; }
runs() { [ "$(state_of "$1")" = RUNNING ] && [ "$(pid_of "$1")" -gt 0 ]; }
daemon_pid() { ctl show -p MainPID --value mscgd; }
replaced() { [ "$(daemon_pid)" != "$1" ] && mscg ping --wait 30 >/dev/null; }

attack() { # WHO JOBS-CGROUP
	local who=$1 at=$2 job short before old cpus
	ctl start mscgd
	ok $? "$who: mscgd starts"
	mscg ping --wait 30 >/dev/null
	ok $? "$who: and answers"
	[ $failed = 0 ] || return
	job=$(submit sleep 600)
	within 30 runs "$job"
	ok $? "$who: a job runs"
	before=$(pid_of "$job")
	same "$who: in mscg-jobs.service, apart from the daemon" "$at/job_$job" "$(mscg show --json "$job" | sed -n 's/^ *"cgroup": "\(.*\)".*/\1/p')"
	cpus=$(inside cat "$at/job_$job/cpuset.cpus.effective")
	same "$who: with a cpuset of one CPU" 1 "$(awk -F'[-,]' '{ print NF }' <<<"$cpus")"

	old=$(daemon_pid)
	ctl restart mscgd
	replaced "$old"
	ok $? "$who: restart: a new daemon answers"
	same "$who: restart: the job did not notice" "RUNNING $before" "$(state_of "$job") $(pid_of "$job")"

	old=$(daemon_pid)
	ctl reload mscgd
	same "$who: reload: the same daemon, the same job" "$old RUNNING $before" "$(daemon_pid) $(state_of "$job") $(pid_of "$job")"

	ctl kill --signal=KILL --kill-whom=main mscgd
	within 30 replaced "$old"
	ok $? "$who: SIGKILL: systemd starts another"
	same "$who: SIGKILL: the job did not notice" "RUNNING $before" "$(state_of "$job") $(pid_of "$job")"

	ctl daemon-reexec
	ctl daemon-reload
	same "$who: systemd itself is replaced: the job did not notice" "RUNNING $before" "$(state_of "$job") $(pid_of "$job")"

	short=$(submit sh -c 'sleep 4; exit 7')
	within 30 runs "$short"
	ctl stop mscgd
	same "$who: stop: the daemon is gone" inactive "$(ctl is-active mscgd)"
	inside kill -0 "$before"
	ok $? "$who: stop: the job runs on"
	sleep 6
	ctl start mscgd
	mscg ping --wait 30 >/dev/null
	within 20 test "$(state_of "$short")" != RUNNING
	same "$who: what ended in between is recorded" "FAILED 7" \
		"$(state_of "$short") $(mscg show --json "$short" | sed -n 's/^ *"exit_code": \([0-9]*\).*/\1/p')"
	same "$who: what did not runs on" "RUNNING $before" "$(state_of "$job") $(pid_of "$job")"

	ctl stop mscg-jobs
	! inside kill -0 "$before" 2>/dev/null
	ok $? "$who: stop of mscg-jobs ends the jobs"
	ctl start mscgd
	mscg ping --wait 30 >/dev/null
	[ "$(state_of "$job")" != RUNNING ]
	ok $? "$who: which is recorded: $(state_of "$job")"
	job=$(submit true)
	mscg wait "$job" >/dev/null
	same "$who: and the next one runs" COMPLETED "$(state_of "$job")"
	same "$who: no job's cgroup is left" "" "$(inside find "$at" -maxdepth 1 -name 'job_*')"
}

ctl() { inside systemctl "$@"; }
mscg() { inside runuser -u alice -- mscg "$@"; }
attack system /sys/fs/cgroup/mscg.slice/mscg-jobs.service
diag systemd-analyze security --no-pager mscgd.service | tail -n 1
ctl stop mscgd mscg-jobs

ctl() { alice systemctl --user "$@"; }
mscg() { alice mscg "$@"; }
attack user /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/mscg.slice/mscg-jobs.service
[ $failed = 0 ] || diag journalctl --no-pager -n 60 -u mscgd -u mscg-jobs -u user@1000
finish
