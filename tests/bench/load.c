/* load: clients of mscgd that do nothing but ask. Reads a message (JSON) from standard input and sends it N times over so
 * many connections; each connection waits for its answer before it sends again.
 *
 *     load SOCKET CONNECTIONS N < MESSAGE
 *
 * Prints {"rate": messages a second, "p50", "p99": microseconds for one}. An answer with an error ends it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"

enum { MESSAGE_MAX = 1 << 20 };

struct client {
	int    fd;
	double sent; /* usec */
	char   head[64];
	size_t got;
};

static char   message[MESSAGE_MAX];
static size_t size;

static void ask(struct client *c)
{
	c->got  = 0;
	c->sent = now_usec();
	for (size_t at = 0; at < size;) {
		ssize_t n = send(c->fd, message + at, size - at, MSG_NOSIGNAL);
		if (n < 0)
			fail("send");
		at += (size_t)n;
	}
}

/* True once the whole answer is here. */
static int answered(struct client *c)
{
	static char text[65536];
	ssize_t n = recv(c->fd, text, sizeof text, 0);

	if (n <= 0)
		fail("the daemon hung up");
	for (ssize_t i = 0; i < n && c->got + 1 < sizeof c->head; i++)
		c->head[c->got++] = text[i];
	if (text[n - 1])
		return 0;
	if (strstr(c->head, "\"error\"")) {
		fprintf(stderr, "load: refused: %.200s\n", text);
		exit(1);
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	long clients = argc == 4 ? strtol(argv[2], NULL, 10) : 0, total = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

	if (clients < 1 || total < clients) {
		fprintf(stderr, "usage: load SOCKET CONNECTIONS N < MESSAGE\n");
		return 2;
	}
	size = fread(message, 1, sizeof message - 1, stdin) + 1; /* the NUL ends it */
	snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
	struct client *client = calloc((size_t)clients, sizeof *client);
	double *took = calloc((size_t)total, sizeof *took);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (long i = 0; i < clients; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &client[i] };
		client[i].fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (client[i].fd < 0 || connect(client[i].fd, (struct sockaddr *)&address, sizeof address) < 0 ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, client[i].fd, &event) < 0)
			fail(argv[1]);
	}
	double begin = now_usec();
	long sent = 0, done = 0;
	for (; sent < clients; sent++)
		ask(&client[sent]);
	while (done < total) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll, events, 64, -1);
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			if (!answered(c))
				continue;
			took[done++] = now_usec() - c->sent;
			if (sent < total) {
				ask(c);
				sent++;
			}
		}
	}
	double all = now_usec() - begin;
	qsort(took, (size_t)total, sizeof *took, by_value);
	printf("{\"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f}\n", (double)total * 1e6 / all, took[total / 2], took[total * 99 / 100]);
	return 0;
}
