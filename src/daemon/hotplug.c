/* CPUs that come and go while we run: the kernel's uevents (netlink(7), NETLINK_KOBJECT_UEVENT) say so. What a job loses is
 * the core's to decide. */
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon.h"

/* One change of many CPUs comes as many events, and the cpusets follow a moment after them. */
enum { SETTLE_USEC = 100 * 1000 };

static int on_settled(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct daemon *d = ctx;
	struct mscg_error error;
	uint32_t before = d->machine.core.ncpus;

	(void)source;
	(void)usec;
	d->hotplug_settle = sd_event_source_unref(d->hotplug_settle);
	if (daemon_reread_machine(d, &d->config, &error) < 0)
		log_line(LOG_ERR, "CPUs of this machine changed, and it cannot be read: %s", error.text);
	else
		log_line(LOG_NOTICE, "CPUs of this machine changed: jobs have %u now, %u before", d->machine.core.ncpus, before);
	return 0;
}

/* "offline@/devices/system/cpu/cpu3", then the variables, each ended by a zero. */
static bool is_of_cpu(const char *event)
{
	static const char *const verbs[] = { "online@", "offline@", "add@", "remove@" };

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strncmp(event, verbs[i], strlen(verbs[i])) == 0)
			return strncmp(event + strlen(verbs[i]), "/devices/system/cpu/cpu", 23) == 0;
	return false;
}

static int on_uevent(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct daemon *d = ctx;
	bool changed = false;
	char text[8192];

	(void)source;
	(void)events;
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t length = sizeof from;
		ssize_t n = recvfrom(fd, text, sizeof text - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) /* some were lost */
			changed = true;
		if (n < 0)
			break;
		text[n] = 0;
		changed |= from.nl_pid == 0 && is_of_cpu(text);
	}
	if (changed && !d->hotplug_settle)
		sd_event_add_time_relative(d->loop, &d->hotplug_settle, CLOCK_BOOTTIME, SETTLE_USEC, 1000, on_settled, d);
	return 0;
}

/* Every device's events come this way, and each would wake us: the kernel looks for "@/de", "stem" and "/cpu" at the places
 * that they have behind "add", "remove" and "online", and "offline". Without the filter it is the same, and less quiet. */
static void attach_filter(int fd)
{
#define WORD(at, text) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, text, 0,
#define BEHIND(verb) \
	WORD(verb, 0x402f6465) 5), WORD(verb + 12, 0x7374656d) 3), WORD(verb + 16, 0x2f637075) 1), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)
	struct sock_filter code[] = {
		BEHIND(3), BEHIND(6), BEHIND(7), BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
		log_line(LOG_DEBUG, "events of other devices wake mscgd: %s", strerror(errno));
}

void hotplug_watch(struct daemon *d)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd >= 0)
		attach_filter(fd);
	if (fd < 0 || bind(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0 ||
	    sd_event_add_io(d->loop, &d->hotplug_source, fd, EPOLLIN, on_uevent, d) < 0) {
		log_line(LOG_INFO, "CPUs that come or go are noticed at a reload only: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	sd_event_source_set_io_fd_own(d->hotplug_source, true);
}

void hotplug_close(struct daemon *d)
{
	d->hotplug_source = sd_event_source_unref(d->hotplug_source);
	d->hotplug_settle = sd_event_source_unref(d->hotplug_settle);
}
