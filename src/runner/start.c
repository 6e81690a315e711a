/* A START becomes a process: the plan is worked out, then one clone3. */
#include <sys/resource.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "src/base/clock.h"
#include "src/runner/image.h"
#include "src/runner/init.h"
#include "src/runner/supervise.h"
#include "src/runner/sys.h"

/* Tells the descriptors apart by the flags and takes all of them; -EBADMSG when their number differs. */
static int take_fds(struct brought *b, uint32_t flags, const int *fds, size_t n)
{
	static const struct {
		uint32_t flag;
		size_t   offset;
	} order[] = {
		{ START_FD_PAYLOAD, offsetof(struct brought, payload) },
		{ START_FD_SCRIPT, offsetof(struct brought, script) },
		{ START_FD_STDIO, offsetof(struct brought, stdio) },
		{ START_FD_SECCOMP, offsetof(struct brought, seccomp) },
		{ START_FD_LOG, offsetof(struct brought, log) },
	};
	size_t used = 0, wanted = 1;
	if (n > 0)
		b->cgroup = fds[used++];
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (!(flags & order[i].flag))
			continue;
		wanted++;
		if (used < n)
			*(int *)(void *)((char *)b + order[i].offset) = fds[used++];
	}
	int r = used == wanted && used == n ? 0 : -EBADMSG;
	while (n > used)
		close(fds[--n]);
	return r;
}

#define NOTHING_BROUGHT ((struct brought){ .cgroup = -1, .payload = -1, .script = -1, .stdio = -1, .output = { -1, -1, -1 }, .seccomp = -1, .log = -1 })

static void close_brought(struct brought *b)
{
	int *all[] = { &b->cgroup, &b->payload, &b->script, &b->stdio, &b->output[1], &b->output[2], &b->seccomp, &b->log };
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		cleanup_close(all[i]);
		*all[i] = -1;
	}
}

void supervise_forget(struct supervisor *s)
{
	struct brought *b = &s->brought;

	close_brought(b);
	if (b->map)
		munmap(b->map, b->map_size);
	if (b->filter)
		munmap(b->filter, b->filter_size);
	if (b->arena)
		munmap(b->arena, b->arena_size);
	*b = NOTHING_BROUGHT;
}

/* Maps a descriptor that nobody can change any more. */
static int map_sealed(int fd, size_t max, void **ret, size_t *ret_size)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_WRITE;
	off_t end = lseek(fd, 0, SEEK_END);
	int   has = fcntl(fd, F_GET_SEALS);
	if (end <= 0 || end > (off_t)max || has < 0 || (has & sealed) != sealed)
		return -EBADMSG;
	void *map = mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret      = map;
	*ret_size = (size_t)end;
	return 0;
}

/* Where the payload is: behind the header, or in a memfd that nobody can change any more. */
static int find_payload(struct brought *b, const struct message_start *start, size_t size, const void **ret,
                        size_t *ret_size)
{
	if (b->payload < 0) {
		*ret      = start + 1;
		*ret_size = size - sizeof *start;
		return 0;
	}
	int r = map_sealed(b->payload, PAYLOAD_MAX, &b->map, &b->map_size);
	if (r < 0)
		return r;
	if (b->map_size != start->payload)
		return -EBADMSG;
	*ret      = b->map;
	*ret_size = b->map_size;
	return 0;
}

/* The program of the system call filter, as seccomp(2) takes it. */
static int find_filter(struct brought *b, struct sock_fprog *ret)
{
	if (b->seccomp < 0)
		return 0;
	int r = map_sealed(b->seccomp, BPF_MAXINSNS * sizeof *ret->filter, &b->filter, &b->filter_size);
	if (r < 0)
		return r;
	if (b->filter_size % sizeof *ret->filter)
		return -EBADMSG;
	*ret = (struct sock_fprog){ .len = (unsigned short)(b->filter_size / sizeof *ret->filter), .filter = b->filter };
	return 0;
}

static const char *put_pointers(char ***at, const char *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		*(*at)++ = (char *)strings;
		strings += strlen(strings) + 1;
	}
	return strings;
}

/* argv and env as the child wants them, with argv[-1] free. A script is INTERPRETER [ARGUMENT] SCRIPT args. */
static int make_vectors(struct supervisor *s, struct brought *b, const struct start_view *v, struct child_plan *plan)
{
	static char script_path[] = SCRIPT_FD_PATH;
	size_t need = (size_t)v->start->argc + v->start->envc + 8;
	char **at   = s->pointers;

	if (need > POINTERS_MAX) {
		b->arena_size = need * sizeof(char *);
		b->arena = mmap(NULL, b->arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (b->arena == MAP_FAILED) {
			b->arena = NULL;
			return -errno;
		}
		at = b->arena;
	}
	plan->argv = ++at;
	const char *strings = v->argv;
	uint32_t    argc    = v->start->argc;
	if (b->script >= 0) {
		*at++ = (char *)plan->exec_path;
		if (v->text[START_STRING_INTERPRETER_ARG])
			*at++ = (char *)v->text[START_STRING_INTERPRETER_ARG];
		*at++ = script_path;
		if (argc > 0) { /* its name for itself: the kernel drops it too */
			strings += strlen(strings) + 1;
			argc--;
		}
	} else if (argc == 0) {
		return -EBADMSG;
	}
	put_pointers(&at, strings, argc);
	*at++     = NULL;
	plan->env = at;
	put_pointers(&at, v->env, v->start->envc);
	*at = NULL;
	return 0;
}

static int make_plan(struct supervisor *s, struct brought *b, const struct start_view *v, struct child_plan *ret)
{
	const struct message_start *start = v->start;
	int own_nice = getpriority(PRIO_PROCESS, 0); /* a user's processes cannot go below it: setpriority(2) */

	*ret = (struct child_plan){
		.slot          = s->slot,
		.exec_path     = v->text[START_STRING_EXEC],
		.path          = v->text[START_STRING_PATH] ? v->text[START_STRING_PATH] : "/usr/local/bin:/usr/bin:/bin",
		.workdir       = v->text[START_STRING_WORKDIR] ? v->text[START_STRING_WORKDIR] : "/",
		.file          = { v->text[START_STRING_STDIN], v->text[START_STRING_STDOUT], v->text[START_STRING_STDERR] },
		.stdio_fd      = b->stdio,
		.output        = { -1, -1, -1 },
		.script_fd     = b->script,
		.make_dir      = v->text[START_STRING_MAKE_DIR],
		.link_path     = v->text[START_STRING_LINK],
		.link_target   = v->text[START_STRING_LINK_TARGET],
		.groups        = v->groups,
		.ngroups       = start->groups,
		.uid           = start->uid,
		.gid           = start->gid,
		.umask_        = start->umask_,
		.nice_         = geteuid() == 0 ? start->nice_ : MAX_OF(start->nice_, own_nice),
		.own_nice      = own_nice,
		.drop          = start->flags & START_DROP,
		.append        = start->flags & START_APPEND,
		.pty           = start->flags & START_PTY,
		.share_stderr  = start->flags & START_SHARE_STDERR,
		.link_optional = start->flags & START_LINK_OPTIONAL,
		.reset_oom     = s->reset_oom,
		.mounts        = start->namespaces & CLONE_NEWNS,
		.own_pid       = start->namespaces & CLONE_NEWPID,
		.own_net       = start->namespaces & CLONE_NEWNET,
		.own_ipc       = start->namespaces & CLONE_NEWIPC,
		.strict        = start->flags & START_STRICT,
		.keep          = v->text[START_STRING_KEEP],
		.cover         = v->text[START_STRING_COVER],
		.services      = v->text[START_STRING_SERVICES],
		.tmpfs_options = v->text[START_STRING_TMPFS],
		.binds         = v->text[START_STRING_BINDS],
		.root          = v->text[START_STRING_ROOT],
		.root_fd       = -1,
		.cgroup_writable = start->flags & START_CGROUP_WRITABLE,
		.root_read_only = start->flags & START_ROOT_READ_ONLY,
		.devices       = v->text[START_STRING_DEVICES],
		.dev           = v->text[START_STRING_DEV],
		.report_fd     = -1,
		.door_fd       = -1,
		.execs         = &s->execs,
		.entered       = s->entered,
	};
	if (!ret->exec_path || !*ret->exec_path)
		return -EBADMSG;
	if (ret->link_path) {
		int n = snprintf(s->link_temporary, sizeof s->link_temporary, "%s.new%u", ret->link_path, s->index);
		if (n < 0 || (size_t)n >= sizeof s->link_temporary)
			return -ENAMETOOLONG;
		ret->link_temporary = s->link_temporary;
	}
	int r = find_filter(b, &ret->filter);
	return r < 0 ? r : make_vectors(s, b, v, ret);
}

/* clone3 into the job's cgroup. Returns when the child has become the job, or has ended: the slot's stage says which.
 *
 * Memory is shared with the child, also while it is the job's user already: what keeps that user from it is that this
 * memory is not dumpable, and changing its uid sets dumpable to fs.suid_dumpable. Where that is 1 a copy is made. */
static int clone_child(struct supervisor *s, struct child_plan *plan, int cgroup_fd, uint64_t namespaces)
{
	int pidfd = -1, report[2] = { -1, -1 }, door[2] = { -1, -1 };
	bool init = namespaces & CLONE_NEWPID;
	struct clone_args args = {
		.flags       = CLONE_INTO_CGROUP | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (init ? 0 : CLONE_VFORK) |
		               (s->share_memory && !init ? CLONE_VM : 0) | namespaces,
		.pidfd       = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack       = (uint64_t)(uintptr_t)s->stack,
		.stack_size  = s->stack_size,
		.cgroup      = (uint64_t)cgroup_fd,
	};
	if (init && pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	if (init && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, door) < 0) {
		int error = errno;
		close(report[0]);
		close(report[1]);
		return -error;
	}
	plan->report_fd       = report[1];
	plan->door_fd         = door[1];
	plan->main_stack      = s->main_stack;
	plan->main_stack_size = s->stack_size;
	long pid = sys_clone3(&args, sizeof args, init ? child_init : child_main, plan);
	cleanup_close(&report[1]);
	cleanup_close(&door[1]);
	if (pid < 0) {
		cleanup_close(&report[0]);
		cleanup_close(&door[0]);
		return (int)pid;
	}
	s->main_pid   = (int)pid;
	s->main_pidfd = pidfd;
	s->report_fd  = report[0];
	s->door_fd    = door[0];
	s->slot->init = init;
	return 0;
}

/* Nothing was cloned. */
static bool fail_launch(struct supervisor *s, int result)
{
	atomic_store_explicit(&s->slot->errno_value, -result, memory_order_relaxed);
	slot_swap(s->slot, s->generation, RUNNER_CLONING, RUNNER_FAILED);
	return false;
}

/* The child ended on its way: it noted why, or was killed. */
static bool fail_child(struct supervisor *s)
{
	siginfo_t si = { 0 };
	while (waitid(P_PIDFD, (id_t)s->main_pidfd, &si, WEXITED) < 0 && errno == EINTR)
		;
	close(s->main_pidfd);
	cleanup_close(&s->report_fd);
	cleanup_close(&s->door_fd);
	s->report_fd = s->door_fd = -1;
	s->main_pid            = 0;
	s->slot->end_usec      = clock_real_usec();
	s->slot->end_boot_usec = clock_boot_usec();
	s->slot->wait_code     = si.si_code;
	s->slot->wait_status   = si.si_status;
	slot_swap(s->slot, s->generation, RUNNER_CLONING, RUNNER_FAILED);
	return false;
}

static void set_stage(struct supervisor *s, enum runner_stage stage)
{
	atomic_store_explicit(&s->slot->stage, (int32_t)stage, memory_order_relaxed);
}

static int write_proc(struct supervisor *s, enum runner_stage stage, const char *path, const char *text)
{
	set_stage(s, stage);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* Namespaces take CAP_SYS_ADMIN. Who has not got it gets it in a user namespace of its own, where nobody but its own
 * user exists: not in the child, since a child of one that is not dumpable could not write its maps. There is no way back
 * out of it, and a kernel that gives one may refuse its maps: no other job is to find itself there. */
static int own_namespaces(struct supervisor *s)
{
	char uid_map[64], gid_map[64];

	if (s->may_isolate)
		return 0;
	snprintf(uid_map, sizeof uid_map, "%u %u 1", geteuid(), geteuid());
	snprintf(gid_map, sizeof gid_map, "%u %u 1", getegid(), getegid());
	s->used_up = true;
	set_stage(s, RUNNER_STAGE_NAMESPACES);
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int r = write_proc(s, RUNNER_STAGE_SETGROUPS, "/proc/self/setgroups", "deny");
	if (r == 0)
		r = write_proc(s, RUNNER_STAGE_UID_MAP, "/proc/self/uid_map", uid_map);
	if (r == 0)
		r = write_proc(s, RUNNER_STAGE_GID_MAP, "/proc/self/gid_map", gid_map);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (r < 0)
		return r;
	set_stage(s, RUNNER_STAGE_CLONE);
	s->may_isolate = true;
	return 0;
}

static int hold_image(struct supervisor *s, const char *path)
{
	set_stage(s, RUNNER_STAGE_IMAGE);
	int fd = image_mount(path);
	if (fd >= 0)
		set_stage(s, RUNNER_STAGE_CLONE);
	return fd;
}

/* From bytes to a process that execs, or -errno. */
static int launch(struct supervisor *s, struct brought *b, const struct message_start *start, size_t size)
{
	const void *payload      = NULL;
	size_t      payload_size = 0;
	struct start_view view;
	struct child_plan *plan  = &s->plan;

	int r = find_payload(b, start, size, &payload, &payload_size);
	if (r == 0)
		r = start_read(&view, start, payload, payload_size);
	if (r == 0)
		r = make_plan(s, b, &view, plan);
	if (r < 0)
		return r;
	if (start->namespaces & ~RUNNER_NAMESPACES)
		return -EBADMSG;
	if (s->used_up)
		return -EAGAIN;
	if (start->namespaces && (r = own_namespaces(s)) < 0)
		return r;
	if (start->log_max && b->log >= 0 && (r = log_start(s, plan, start->log_max, b->log, b->output)) < 0)
		return r;
	memcpy(plan->output, b->output, sizeof plan->output);
	if (start->flags & START_ROOT_IMAGE && plan->root && (r = plan->root_fd = hold_image(s, plan->root)) < 0)
		return r;
	s->namespaces = start->namespaces;
	s->execs.over = false;
	r = clone_child(s, plan, b->cgroup, start->namespaces);
	cleanup_close(&plan->root_fd); /* the child has it */
	return r;
}

static bool start_job(struct supervisor *s, size_t size, int *fds, size_t nfds)
{
	const struct message_start *start = (const struct message_start *)(const void *)s->packet;

	int r = take_fds(&s->brought, start->flags, fds, nfds);
	/* Until this is done nothing of the slot is ours: it may have been revoked, and be another launch's by now. */
	if (!slot_swap(s->slot, start->h.generation, RUNNER_ARMED, RUNNER_CLONING))
		return false;
	s->generation           = start->h.generation;
	s->slot->supervisor_pid = s->pid;
	if (r == 0)
		r = launch(s, &s->brought, start, size);
	close_brought(&s->brought);
	if (r < 0)
		return fail_launch(s, r);
	/* The init says when it is so far; its end says that it is not. */
	int said = 0;
	if ((s->report_fd >= 0 && (!supervise_read_report(s, &said) || said != INIT_STARTED)) ||
	    atomic_load_explicit(&s->slot->stage, memory_order_relaxed) != RUNNER_STAGE_EXEC ||
	    atomic_load_explicit(&s->slot->errno_value, memory_order_relaxed) != 0)
		return fail_child(s);
	s->slot->pid             = s->main_pid;
	s->slot->start_usec      = clock_real_usec();
	s->slot->start_boot_usec = clock_boot_usec();
	s->slot->started_sum     = slot_started_sum(s->slot, s->generation);
	slot_swap(s->slot, s->generation, RUNNER_CLONING, RUNNER_RUNNING);
	return true;
}

bool supervise_start(struct supervisor *s, size_t size, int *fds, size_t nfds)
{
	s->brought = NOTHING_BROUGHT;
	bool runs = start_job(s, size, fds, nfds);
	/* The init has the plan in memory of its own. */
	if (!runs || s->report_fd >= 0)
		supervise_forget(s);
	return runs;
}
