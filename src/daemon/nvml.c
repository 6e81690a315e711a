/* NVIDIA's management library, looked for when mscgd starts: nothing of it is needed to build, and machines without it have no
 * GPUs that way. What is used of it is declared here; it has been the same since version 2 of that interface. */
#include "devices.h"

#include "src/base/base.h"
#include "src/base/fd.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define NVML_LIBRARY  "libnvidia-ml.so.1"
#define NVML_WAIT_S   60 /* a driver may take long to wake its GPUs, and may hang */

struct nvml {
	void *library;
	int (*init)(void);
	int (*shutdown)(void);
	int (*get_count)(unsigned *count);
	int (*get_handle)(unsigned index, void **device);
	int (*get_name)(void *device, char *name, unsigned length);
	int (*get_minor)(void *device, unsigned *minor);
	int (*get_affinity)(void *device, unsigned words, unsigned long *cpus);
	const char *(*error_string)(int result);
};

/* What is said of one. */
struct found {
	char     type[GRES_NAME_MAX];
	unsigned minor;
	struct mscg_cpuset cpus;
};

static const char *find_functions(struct nvml *n)
{
	const struct { const char *name; void *function; } list[] = {
		{ "nvmlInit_v2", &n->init }, { "nvmlShutdown", &n->shutdown }, { "nvmlDeviceGetCount_v2", &n->get_count },
		{ "nvmlDeviceGetHandleByIndex_v2", &n->get_handle }, { "nvmlDeviceGetName", &n->get_name },
		{ "nvmlDeviceGetMinorNumber", &n->get_minor }, { "nvmlDeviceGetCpuAffinity", &n->get_affinity },
		{ "nvmlErrorString", &n->error_string },
	};

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		void *symbol = dlsym(n->library, list[i].name);

		if (!symbol)
			return list[i].name;
		memcpy(list[i].function, &symbol, sizeof symbol);
	}
	return NULL;
}

/* "NVIDIA A100-SXM4-80GB" is a100, "NVIDIA GeForce RTX 4090" rtx4090, "Tesla V100-PCIE-16GB" v100: the words that say which, without
 * the maker's and without form and memory. */
static void short_name(const char *name, char ret[GRES_NAME_MAX])
{
	static const char *const makers[] = { "nvidia", "tesla", "geforce", "quadro" };
	size_t n = 0;

	while (*name) {
		size_t word = strcspn(name, " "), end = strcspn(name, " -");
		bool maker = false;

		for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
			maker |= strlen(makers[i]) == word && strncasecmp(name, makers[i], word) == 0;
		for (size_t i = 0; i < end && !maker && n < 24; i++) {
			char c = name[i];

			if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
				ret[n++] = c;
			else if (c >= 'A' && c <= 'Z')
				ret[n++] = (char)(c - 'A' + 'a');
		}
		if (end < word)
			break;
		name += word + strspn(name + word, " ");
	}
	ret[n] = '\0';
	if (strspn(ret, "0123456789") == n)
		snprintf(ret, GRES_NAME_MAX, "nvidia");
}

static int look_at(const struct nvml *n, unsigned index, struct found *ret)
{
	char name[128] = "";
	void *device = NULL;
	int r = n->get_handle(index, &device);

	*ret = (struct found){ .minor = 0 };
	if (r == 0)
		r = n->get_name(device, name, sizeof name);
	if (r == 0)
		r = n->get_minor(device, &ret->minor);
	/* Which CPUs are close is not known everywhere (a virtual machine): all are then. */
	if (r == 0 && n->get_affinity(device, ARRAY_SIZE(ret->cpus.word), (unsigned long *)ret->cpus.word) != 0)
		mscg_cpuset_zero(&ret->cpus);
	short_name(name, ret->type);
	return r;
}
_Static_assert(sizeof(unsigned long) == sizeof(uint64_t), "a set of CPUs is as NVML has it");

/* In the child: an error text, or "" and what was found. Never returns. */
static void __attribute__((noreturn)) tell(const char *library, int fd)
{
	struct nvml n = { .library = dlopen(library, RTLD_NOW | RTLD_LOCAL) };
	struct mscg_error error = { 0 };
	const char *lacks = n.library ? find_functions(&n) : NULL;
	struct found found[GRES_UNITS_MAX];
	unsigned count = 0;
	int r = 0;

	if (!n.library)
		mscg_error_set(&error, -ENOENT, "%s", dlerror());
	else if (lacks)
		mscg_error_set(&error, -ENOSYS, "%s has no %s: expected a newer one", library, lacks);
	else if ((r = n.init()) == 0 && (r = n.get_count(&count)) == 0)
		for (unsigned i = 0; r == 0 && i < MIN_OF(count, GRES_UNITS_MAX); i++)
			r = look_at(&n, i, &found[i]);
	if (r)
		mscg_error_set(&error, -EIO, "NVML: %s", n.error_string(r));
	count = error.code ? 0 : MIN_OF(count, GRES_UNITS_MAX);
	if (fd_write_all(fd, &error, sizeof error) < 0 || fd_write_all(fd, found, count * sizeof *found) < 0)
		_exit(1);
	_exit(0);
}

/* What a driver does not let go of writes nothing any more. */
static ssize_t read_all(int fd, void *into, size_t size)
{
	struct pollfd said = { .fd = fd, .events = POLLIN };
	size_t at = 0;

	while (at < size) {
		if (poll(&said, 1, (NVML_WAIT_S + 1) * 1000) == 0)
			break;
		ssize_t n = read(fd, (char *)into + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

static int take(int fd, struct devices *devices, struct mscg_error *error)
{
	struct mscg_error said;
	struct found found;

	if (read_all(fd, &said, sizeof said) != (ssize_t)sizeof said)
		return mscg_error_set(error, -EIO, "NVML: its process did not come to an end within %d s", NVML_WAIT_S);
	if (said.code)
		return mscg_error_set(error, said.code, "%s", said.text);
	while (read_all(fd, &found, sizeof found) == (ssize_t)sizeof found) {
		struct device *d = devices_add(devices, GRES_GPU, found.type, 1);

		d->path = xasprintf("/dev/nvidia%u", found.minor);
		d->cpus = found.cpus;
	}
	return 0;
}

/* In a process of its own: what a driver does to it, or how long it takes, is nothing to us. */
int nvml_read(const char *library, struct devices *devices, struct mscg_error *error)
{
	int ends[2], r = 0;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mscg_error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		alarm(NVML_WAIT_S);
		tell(library ? library : NVML_LIBRARY, ends[1]);
	}
	if (pid < 0)
		r = mscg_error_set(error, -errno, "cannot fork: %s", strerror(errno));
	close(ends[1]);
	if (r == 0)
		r = take(ends[0], devices, error);
	close(ends[0]);
	if (pid > 0 && r < 0)
		kill(pid, SIGKILL);
	if (pid > 0)
		while (waitpid(pid, NULL, r < 0 ? WNOHANG : 0) < 0 && errno == EINTR)
			;
	return r;
}
