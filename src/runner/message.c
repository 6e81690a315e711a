#include "src/runner/message.h"

#include <sys/socket.h>

/* recvmsg wants these aligned. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * START_FDS_MAX)];
};

struct message_header message_make(enum message_kind kind, size_t size, uint32_t slot, uint64_t generation)
{
	return (struct message_header){
		.magic = MESSAGE_MAGIC, .version = MESSAGE_VERSION, .kind = (uint16_t)kind, .size = (uint32_t)size,
		.slot = slot, .generation = generation,
	};
}

bool message_valid(const void *packet, size_t size)
{
	static const size_t least[] = {
		[MESSAGE_START]  = sizeof(struct message_start),
		[MESSAGE_SIGNAL] = sizeof(struct message_signal),
		[MESSAGE_WAKE]   = sizeof(struct message_header),
		[MESSAGE_EXEC]   = sizeof(struct message_start),
		[MESSAGE_NOTE]   = sizeof(struct message_start),
	};
	const struct message_header *h = packet;
	return size >= sizeof *h && h->magic == MESSAGE_MAGIC && h->size == size &&
	       (h->version == MESSAGE_VERSION || (h->kind != MESSAGE_START && h->kind != MESSAGE_EXEC && h->kind != MESSAGE_NOTE)) && h->kind < ARRAY_SIZE(least) && least[h->kind] > 0 && size >= least[h->kind];
}

int message_send(int fd, const void *packet, size_t size, const int *fds, size_t n)
{
	union control control;
	struct iovec  iov = { .iov_base = (void *)packet, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n > 0) {
		struct cmsghdr *c = &control.align;
		*c = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n),
		};
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
		msg.msg_control    = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
	}
	for (;;) {
		ssize_t r = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

ssize_t message_receive(int fd, void *packet, size_t size, int *fds, size_t *ret_n)
{
	union control control;
	struct iovec  iov = { .iov_base = packet, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
	                      .msg_controllen = sizeof control };
	ssize_t got;
	size_t  n = 0;

	do
		got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int one;
			memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
			if (n < START_FDS_MAX)
				fds[n++] = one;
			else
				close(one);
		}
	}
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (n > 0)
			close(fds[--n]);
		return -EMSGSIZE;
	}
	*ret_n = n;
	return got;
}
