/* Descriptors for a job or a command: into the socket that mscgd gives for them, before the call that they are for. */
#include "src/base/base.h"
#include "src/lib/handle.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Which one cannot be passed, or that there are too many of them on their way. */
static int not_passed(int code, const int stdio[3], struct mscg_error *error)
{
	struct rlimit files = {0};

	for (int i = 0; i < 3; i++)
		if (fcntl(stdio[i], F_GETFD) < 0)
			return mscg_error_set(error, -errno, "cannot pass descriptor %d: %m", stdio[i]);
	getrlimit(RLIMIT_NOFILE, &files);
	if (code == -ETOOMANYREFS)
		return mscg_error_set(error, code, "cannot pass stdin, stdout and stderr: your jobs that wait to be started have %llu descriptors or more, "
		                      "and that is the limit (RLIMIT_NOFILE); raise it (ulimit -n), or submit without (mscg submit)",
		                      (unsigned long long)files.rlim_cur);
	return mscg_error_set(error, code, "cannot pass stdin, stdout and stderr: %s", strerror(-code));
}

static int pass(int socket, const int stdio[3], struct mscg_error *error)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
	} control = {.align = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * 3)}};
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

	memcpy(CMSG_DATA(&control.align), stdio, sizeof(int) * 3);
	return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? not_passed(-errno, stdio, error) : 0;
}

int mscg_pass_stdio(struct mscg *m, const int stdio[3], struct mscg_error *error)
{
	_cleanup_close_ int socket = -1;
	json_t *reply;
	int r = mscg_call_json(m, "PassStdio", NULL, &reply, error);

	if (r < 0)
		return r;
	json_decref(reply);
	socket = mscg_take_fd(m);
	r = socket < 0 ? mscg_error_set(error, -EIO, "the daemon gave no socket for stdin, stdout and stderr") : pass(socket, stdio, error);
	m->passed = r == 0;
	return r;
}

int mscg_call_stdio(struct mscg *m, const char *method, json_t *parameters, const int *stdio, json_t **ret, struct mscg_error *error)
{
	int r = stdio ? mscg_pass_stdio(m, stdio, error) : 0;

	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	return mscg_call_json(m, method, parameters, ret, error);
}
