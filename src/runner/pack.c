/* A launch as bytes, and back. See message.h for the form. */
#include <fcntl.h>
#include <sys/mman.h>

#include "src/base/fd.h"
#include "src/runner/message.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

/* How big a launch is, and where its bytes go. */
struct writer {
	char  *to;
	size_t used;
};

static void put(struct writer *w, const void *data, size_t size)
{
	if (w->to && size > 0)
		memcpy(w->to + w->used, data, size);
	w->used += size;
}

static void put_string(struct writer *w, const char *s)
{
	put(w, s, strlen(s) + 1);
}

/* Measures with to = NULL, writes otherwise. */
static void put_payload(struct writer *w, const struct runner_launch *launch, const char *const text[])
{
	put(w, launch->groups, launch->ngroups * sizeof *launch->groups);
	for (int i = 0; i < START_STRING_COUNT; i++)
		if (text[i])
			put_string(w, text[i]);
	for (char *const *s = launch->argv; *s; s++)
		put_string(w, *s);
	for (char *const *s = launch->env; s && *s; s++)
		put_string(w, *s);
}

/* Nobody can change it under those who read it, in the supervisor or in the job. */
static int make_sealed(const char *name, const void *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before 6.3 */
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	int r = fd_write_all(fd, data, size);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return steal_fd(&fd);
}

/* The interpreter that the first line of a script names, and its one argument, as the kernel reads it (execve(2),
 * "Interpreter scripts"). Both are copied into `line`. No such line: a shell runs it. */
static int read_interpreter(const char *script, char *line, size_t size, const char **ret_program,
                            const char **ret_argument, struct mscg_error *error)
{
	*ret_program  = "/bin/sh";
	*ret_argument = NULL;
	if (strncmp(script, "#!", 2) != 0)
		return 0;
	script += 2;
	script += strspn(script, " \t");
	size_t n = strcspn(script, "\n");
	while (n > 0 && strchr(" \t\r", script[n - 1]))
		n--;
	if (n == 0)
		return 0;
	if (n >= size)
		return mscg_error_set(error, -EINVAL, "the script's first line is %zu bytes: at most %zu", n, size - 1);
	memcpy(line, script, n);
	line[n] = 0;
	*ret_program = line;
	char *end = line + strcspn(line, " \t");
	if (*end) {
		*end++ = 0;
		*ret_argument = end + strspn(end, " \t");
	}
	return 0;
}

static uint32_t flags_of(const struct runner_launch *l)
{
	uint32_t flags = (l->drop ? START_DROP : 0) | (l->append ? START_APPEND : 0) | (l->pty ? START_PTY : 0) |
	                 (l->link_optional ? START_LINK_OPTIONAL : 0) | (l->script ? START_FD_SCRIPT : 0) |
	                 (l->seccomp_fd >= 0 ? START_FD_SECCOMP : 0) | (l->strict ? START_STRICT : 0) |
	                 (l->log_max ? START_FD_LOG : 0) | (l->stdio_fd >= 0 ? START_FD_STDIO : 0) |
	                 (l->root_read_only ? START_ROOT_READ_ONLY : 0) | (l->root_image ? START_ROOT_IMAGE : 0) |
	                 (l->cgroup_writable ? START_CGROUP_WRITABLE : 0);
	if (l->stdio_fd < 0 && l->stdout_path && streq(l->stdout_path, l->stderr_path))
		flags |= START_SHARE_STDERR;
	return flags;
}

static int check(const struct runner_launch *l, struct mscg_error *error)
{
	if (l->cgroup_fd < 0)
		return mscg_error_set(error, -EINVAL, "a launch needs a cgroup");
	if (!l->argv || (!l->script && (!l->argv[0] || !l->exec_path || !*l->exec_path)))
		return mscg_error_set(error, -EINVAL, "a launch needs a program and its argv");
	if (l->uid == UINT32_MAX || l->gid == UINT32_MAX)
		return mscg_error_set(error, -EINVAL, "uid %u, gid %u: not an identity", l->uid, l->gid);
	if (l->workdir && *l->workdir != '/')
		return mscg_error_set(error, -EINVAL, "working directory \"%.100s\" is not absolute", l->workdir);
	if (!l->link_path != !l->link_target)
		return mscg_error_set(error, -EINVAL, "a link needs a path and a target");
	if (l->namespaces & ~RUNNER_NAMESPACES)
		return mscg_error_set(error, -EINVAL, "namespaces %#llx: not all of them can be a job's", (unsigned long long)l->namespaces);
	return 0;
}

int start_pack(struct start_pack *pack, const struct runner_launch *launch, uint32_t slot, uint64_t generation,
               struct mscg_error *error)
{
	char line[256];
	int  r = check(launch, error);
	if (r < 0)
		return r;

	struct message_start start = {
		.flags = flags_of(launch), .uid = launch->uid, .gid = launch->gid, .umask_ = launch->umask_ & 0777,
		.nice_ = launch->nice_, .namespaces = launch->namespaces, .log_max = launch->log_max, .groups = launch->ngroups,
		.argc = (uint32_t)strv_length(launch->argv), .envc = (uint32_t)strv_length(launch->env),
	};
	const char *text[START_STRING_COUNT] = {
		[START_STRING_EXEC]        = launch->exec_path,
		[START_STRING_PATH]        = launch->path ? launch->path : env_get(launch->env, "PATH"),
		[START_STRING_WORKDIR]     = launch->workdir,
		[START_STRING_STDIN]       = launch->stdin_path,
		[START_STRING_STDOUT]      = launch->stdout_path,
		[START_STRING_STDERR]      = launch->stderr_path,
		[START_STRING_MAKE_DIR]    = launch->make_dir,
		[START_STRING_LINK]        = launch->link_path,
		[START_STRING_LINK_TARGET] = launch->link_target,
		[START_STRING_KEEP]        = launch->keep_path,
		[START_STRING_COVER]       = launch->cover,
		[START_STRING_SERVICES]    = launch->services,
		[START_STRING_TMPFS]       = launch->tmpfs_options,
		[START_STRING_BINDS]       = launch->binds,
		[START_STRING_ROOT]        = launch->root_path,
		[START_STRING_DEVICES]     = launch->devices,
		[START_STRING_DEV]         = launch->dev,
	};
	if (launch->script &&
	    (r = read_interpreter(launch->script, line, sizeof line, &text[START_STRING_EXEC],
	                          &text[START_STRING_INTERPRETER_ARG], error)) < 0)
		return r;
	for (int i = 0; i < START_STRING_COUNT; i++)
		if (text[i])
			start.present |= 1u << i;

	struct writer measure = { 0 };
	put_payload(&measure, launch, text);
	if (measure.used > PAYLOAD_MAX)
		return mscg_error_set(error, -E2BIG, "arguments and environment are %zu bytes: at most %u", measure.used,
		                      PAYLOAD_MAX);
	start.payload = (uint32_t)measure.used;

	pack->payload_fd = pack->script_fd = -1;
	struct writer w = { .to = pack->packet, .used = sizeof start };
	if (sizeof start + measure.used <= sizeof pack->packet) {
		put_payload(&w, launch, text);
	} else {
		_cleanup_free_ char *big = xmalloc(measure.used);
		struct writer b = { .to = big };
		put_payload(&b, launch, text);
		pack->payload_fd = make_sealed("launch", big, b.used);
		if (pack->payload_fd < 0)
			return mscg_error_set(error, pack->payload_fd, "cannot pass %zu bytes of arguments: %s", b.used,
			                      strerror(-pack->payload_fd));
		start.flags |= START_FD_PAYLOAD;
	}
	if (launch->script) {
		pack->script_fd = make_sealed("script", launch->script, strlen(launch->script));
		if (pack->script_fd < 0) {
			r = mscg_error_set(error, pack->script_fd, "cannot pass the script: %s",
			                   strerror(-pack->script_fd));
			start_pack_clear(pack);
			return r;
		}
	}
	pack->size = w.used;
	start.h    = message_make(MESSAGE_START, pack->size, slot, generation);
	memcpy(pack->packet, &start, sizeof start);
	return 0;
}

void start_pack_clear(struct start_pack *pack)
{
	cleanup_close(&pack->payload_fd);
	cleanup_close(&pack->script_fd);
	pack->payload_fd = pack->script_fd = -1;
}

/* The string at *at, which moves behind it; NULL when there is no NUL before `end`. */
static const char *take_string(const char **at, const char *end)
{
	const char *s    = *at;
	const char *stop = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;
	if (!stop)
		return NULL;
	*at = stop + 1;
	return s;
}

int start_read(struct start_view *ret, const struct message_start *start, const void *payload, size_t size)
{
	struct start_view view = { .start = start, .groups = payload };
	const char *at = payload, *end = at + size;

	if (size != start->payload || start->groups > size / sizeof(uint32_t) || start->argc > size ||
	    start->envc > size || start->present >> START_STRING_COUNT)
		return -EBADMSG;
	at += start->groups * sizeof(uint32_t);
	for (int i = 0; i < START_STRING_COUNT; i++)
		if (start->present & 1u << i && !(view.text[i] = take_string(&at, end)))
			return -EBADMSG;
	view.argv = at;
	for (uint32_t i = 0; i < start->argc; i++)
		if (!take_string(&at, end))
			return -EBADMSG;
	view.env = at;
	for (uint32_t i = 0; i < start->envc; i++)
		if (!take_string(&at, end))
			return -EBADMSG;
	if (at != end)
		return -EBADMSG;
	*ret = view;
	return 0;
}
