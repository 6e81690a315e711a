/* What this machine has, read from hwloc, and which of it is left to jobs. */
#include <hwloc.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon.h"
#include "src/base/parse.h"

/* Number of the object of this type that holds the CPU; the whole machine counts as one where there is none. */
static uint16_t number_of(hwloc_topology_t topology, hwloc_obj_t pu, hwloc_obj_type_t type)
{
	hwloc_obj_t up = hwloc_get_ancestor_obj_by_type(topology, type, pu);

	return up ? (uint16_t)up->logical_index : 0;
}

static uint16_t cache_of(hwloc_topology_t topology, hwloc_obj_t pu)
{
	static const hwloc_obj_type_t caches[] = { HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE };

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++)
		if (hwloc_get_ancestor_obj_by_type(topology, caches[i], pu))
			return number_of(topology, pu, caches[i]);
	return number_of(topology, pu, HWLOC_OBJ_PACKAGE);
}

/* The kernel's number of the memory node that is closest: cpuset.mems takes those. */
static uint16_t numa_of(hwloc_topology_t topology, hwloc_obj_t pu)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)))
		if (hwloc_bitmap_isset(node->cpuset, pu->os_index))
			return (uint16_t)node->os_index;
	return 0;
}

static int read_topology(struct machine *m, const struct mscg_cpuset *allowed, struct mscg_error *error)
{
	hwloc_topology_t topology;

	if (hwloc_topology_init(&topology) < 0)
		return mscg_error_set(error, -ENOMEM, "hwloc cannot start");
	hwloc_topology_set_io_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
	if (hwloc_topology_load(topology) < 0) {
		hwloc_topology_destroy(topology);
		return mscg_error_set(error, -EIO, "hwloc cannot read this machine: %s", strerror(errno));
	}
	int n = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
	m->cpus = xcalloc((size_t)MAX_OF(n, 1), sizeof *m->cpus);
	for (int i = 0; i < n; i++) {
		hwloc_obj_t pu = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);

		if (pu->os_index >= MSCG_CPUS_MAX || (!mscg_cpuset_empty(allowed) && !mscg_cpuset_has(allowed, pu->os_index)))
			continue;
		m->cpus[m->core.ncpus++] = (struct core_cpu){
			.cpu     = (uint16_t)pu->os_index,
			.core    = number_of(topology, pu, HWLOC_OBJ_CORE),
			.cache   = cache_of(topology, pu),
			.numa    = numa_of(topology, pu),
			.package = number_of(topology, pu, HWLOC_OBJ_PACKAGE),
		};
	}
	hwloc_topology_destroy(topology);
	return 0;
}

/* What a child of ours found: CPUs until the end, or an error. */
static int take_cpus(struct machine *m, int fd, struct mscg_error *error)
{
	const size_t room = MSCG_CPUS_MAX * sizeof *m->cpus;
	size_t size = 0;
	ssize_t n;
	int code = 0;

	m->cpus = xcalloc(1, room);
	if (read(fd, &code, sizeof code) != sizeof code)
		return mscg_error_set(error, -EIO, "hwloc cannot read this machine: its process did not come to an end");
	if (code < 0)
		return mscg_error_set(error, code, "hwloc cannot read this machine: %s", strerror(-code));
	while (size < room && (n = read(fd, (char *)m->cpus + size, room - size)) > 0)
		size += (size_t)n;
	m->core.ncpus = (uint32_t)(size / sizeof *m->cpus);
	if (!m->core.ncpus)
		return mscg_error_set(error, -ENODEV, "no CPU of this machine may be used here (see cpuset.cpus.effective)");
	return 0;
}

/* In a process of its own: hwloc does not look whether it is given memory, and what ends that way must not be us. */
static int read_apart(struct machine *m, const struct mscg_cpuset *allowed, struct mscg_error *error)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return mscg_error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0) {
		int code = read_topology(m, allowed, error);
		size_t size = m->core.ncpus * sizeof *m->cpus; /* fits into a pipe */

		if (write(ends[1], &code, sizeof code) != sizeof code || (code >= 0 && write(ends[1], m->cpus, size) != (ssize_t)size))
			_exit(1);
		_exit(0);
	}
	int r = pid < 0 ? mscg_error_set(error, -errno, "cannot fork: %s", strerror(errno)) : 0;
	close(ends[1]);
	if (r == 0)
		r = take_cpus(m, ends[0], error);
	close(ends[0]);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return r;
}

/* "0,32" or a count. A list starts with a digit too: one number alone is a count. The last ones are taken for a count,
 * so that CPU 0, which interrupts like, is reserved by name only. */
static int read_cpu_choice(const struct machine *m, const char *name, const char *text, struct mscg_cpuset *ret,
                           struct mscg_error *error)
{
	uint64_t count;

	mscg_cpuset_zero(ret);
	if (!text)
		return 0;
	if (strspn(text, "0123456789") == strlen(text)) {
		int r = parse_u64(text, 0, m->core.ncpus - 1, &count, error);

		if (r < 0)
			return mscg_error_prefix(error, r, "%s: ", name);
		for (uint32_t i = 0; i < count; i++)
			mscg_cpuset_add(ret, m->cpus[m->core.ncpus - 1 - i].cpu);
		return 0;
	}
	int r = mscg_cpuset_parse(text, ret, error);
	return r < 0 ? mscg_error_prefix(error, r, "%s: ", name) : 0;
}

static void drop_cpus(struct machine *m, const struct mscg_cpuset *set)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < m->core.ncpus; i++)
		if (!mscg_cpuset_has(set, m->cpus[i].cpu))
			m->cpus[kept++] = m->cpus[i];
	m->cpus_reserved += m->core.ncpus - kept;
	m->core.ncpus = kept;
}

static uint64_t mem_total(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void read_memory(struct machine *m, const struct config *config)
{
	uint64_t total = mem_total(), reserve = config->reserve_mem;

	if (reserve == UINT64_MAX)
		reserve = config->total_mem ? 0 : MIN_OF(total / 20, UINT64_C(2) << 30);
	if (config->total_mem > total)
		log_line(LOG_WARNING, "total-mem is %llu MiB and this machine has %llu: using %llu",
		         (unsigned long long)(config->total_mem >> 20), (unsigned long long)(total >> 20),
		         (unsigned long long)(total >> 20));
	else if (config->total_mem)
		total = config->total_mem;
	m->mem_reserved   = MIN_OF(reserve, total / 2);
	if (m->mem_reserved < reserve)
		log_line(LOG_WARNING, "reserve-mem is %llu MiB of %llu, and at least half is left to jobs: reserving %llu", (unsigned long long)(reserve >> 20),
		         (unsigned long long)(total >> 20), (unsigned long long)(m->mem_reserved >> 20));
	m->core.mem_bytes = (total - m->mem_reserved) & ~((UINT64_C(1) << 20) - 1);
}

/* The fake engine runs nothing: it can have any machine. */
static void make_fake(struct machine *m, const struct config *config)
{
	m->core.ncpus = (uint32_t)(config->total_cpus ? config->total_cpus : 8);
	m->cpus       = xcalloc(m->core.ncpus, sizeof *m->cpus);
	for (uint32_t i = 0; i < m->core.ncpus; i++)
		m->cpus[i] = (struct core_cpu){ .cpu = (uint16_t)i, .core = (uint16_t)i };
	m->core.mem_bytes = config->total_mem ? config->total_mem : UINT64_C(16) << 30;
}

/* CPUs that came later are below no switch: nobody said what they are close to. */
static int place_cpus(struct machine *m, const struct config *config, bool again, struct mscg_error *error)
{
	_cleanup_free_ char *text = NULL;
	struct mscg_cpuset unknown;
	uint32_t n;
	int r;

	if (!again && config->topology_config) {
		r = topology_load(config->topology_config, topology_count_nodes(m->cpus, m->core.ncpus), &m->topology, error);
		if (r < 0)
			return r;
	}
	if (!m->topology)
		return 0;
	n = topology_place(m->topology, m->cpus, m->core.ncpus, !again, &unknown);
	if (n) {
		size_t size = mscg_cpuset_format(&unknown, NULL, 0) + 1;

		text = xmalloc(size);
		mscg_cpuset_format(&unknown, text, size);
		log_line(LOG_WARNING, "CPUs %s are new and below no switch: jobs get them when %s names them and mscgd reloads", text,
		         m->topology->path);
		drop_cpus(m, &unknown);
	}
	m->core.switches = m->topology->switches;
	m->core.nswitches = m->topology->n;
	return 0;
}

int machine_read(struct machine *ret, const struct config *config, const struct mscg_cpuset *allowed, struct machine *before,
                 struct mscg_error *error)
{
	struct machine m = { 0 };
	struct mscg_cpuset reserved;
	char host[HOST_NAME_MAX + 1] = "localhost";
	int r = 0;

	gethostname(host, sizeof host - 1);
	if (streq(config->engine, "fake")) {
		make_fake(&m, config);
	} else {
		r = read_apart(&m, allowed, error);
		if (r >= 0)
			read_memory(&m, config);
	}
	if (before) {
		m.topology = before->topology;
		before->topology = NULL;
	}
	if (r >= 0)
		r = place_cpus(&m, config, before != NULL, error);
	if (r >= 0)
		r = read_cpu_choice(&m, "reserve-cpus", config->reserve_cpus, &reserved, error);
	if (r >= 0) {
		drop_cpus(&m, &reserved);
		if (config->total_cpus > m.core.ncpus)
			log_line(LOG_WARNING, "total-cpus is %llu and this machine has %u: using %u", (unsigned long long)config->total_cpus,
			         m.core.ncpus, m.core.ncpus);
		else if (config->total_cpus)
			m.core.ncpus = (uint32_t)config->total_cpus;
		if (!m.core.ncpus)
			r = mscg_error_set(error, -EINVAL, "reserve-cpus '%s' leaves no CPU for jobs", config->reserve_cpus);
	}
	if (r >= 0)
		r = read_cpu_choice(&m, "shared-cpus", config->shared_cpus, &m.core.shared, error);
	m.core.gres = m.gres = xcalloc(CORE_GRES_MAX, sizeof *m.gres);
	if (r >= 0)
		r = devices_read(config, &m.devices, m.gres, &m.core.gres_n, error);
	if (r < 0) {
		if (before)
			before->topology = m.topology;
		else
			topology_free(m.topology);
		free(m.cpus);
		free(m.gres);
		return r;
	}
	m.node      = xstrdup(host);
	m.core.node = m.node;
	m.core.cpus = m.cpus;
	*ret        = m;
	return 0;
}

void machine_clear(struct machine *m)
{
	free(m->node);
	free(m->gres);
	devices_free(&m->devices);
	free(m->cpus);
	topology_free(m->topology);
	*m = (struct machine){ 0 };
}
