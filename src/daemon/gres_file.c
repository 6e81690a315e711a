/* A file in the syntax of Slurm's gres.conf: lines of KEY=VALUE, # up to the end of a line.
 *
 *     Name=gpu Type=a100 File=/dev/nvidia[0-3] Cores=0-31
 *     Name=fpga Count=2
 */
#include "devices.h"

#include "src/base/base.h"
#include "src/base/fd.h"
#include "src/base/parse.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>

enum key { KEY_NAME, KEY_TYPE, KEY_FILE, KEY_COUNT, KEY_CORES, KEY_NODE, KEY_FLAGS, KEY_LINKS, KEYS };
static const char *const key_names[KEYS] = { "Name", "Type", "File", "Count", "Cores", "NodeName", "Flags", "Links" };

struct reader {
	const char *path;
	unsigned    line;
	struct devices *devices;
	struct mscg_error *error;
};

#define BAD(r, format, ...) mscg_error_set((r)->error, -EINVAL, "%s:%u: " format, (r)->path, (r)->line, __VA_ARGS__)

static int read_words(struct reader *r, char *line, char *value[KEYS])
{
	char *rest = line, *word;

	while ((word = strsep(&rest, " \t\r"))) {
		char *equals = strchr(word, '=');
		int k = 0;

		if (!*word)
			continue;
		if (!equals || !equals[1])
			return BAD(r, "'%.60s': expected KEY=VALUE", word);
		*equals = '\0';
		while (k < KEYS && strcasecmp(word, key_names[k]) != 0)
			k++;
		if (k == KEYS)
			return BAD(r, "unknown key '%.40s': expected Name, Type, File, Count or Cores (NodeName, Flags and Links have no meaning here)", word);
		if (value[k])
			return BAD(r, "%s twice: expected it once", key_names[k]);
		value[k] = equals + 1;
	}
	return 0;
}

static int add_file(struct reader *r, const struct device *like, const char *path)
{
	struct device *d;
	struct stat st;

	if (strncmp(path, "/dev/", 5) != 0)
		return BAD(r, "File=%.100s is not below /dev: expected a device of the machine, as /dev/nvidia0", path);
	if (stat(path, &st) < 0)
		return BAD(r, "File=%.100s: %s", path, strerror(errno));
	if (!S_ISCHR(st.st_mode))
		return BAD(r, "File=%.100s is no character device: expected one, as /dev/nvidia0", path);
	for (uint32_t i = 0; i < r->devices->n; i++)
		if (r->devices->at[i].path && streq(r->devices->at[i].path, path))
			return BAD(r, "File=%.100s is there already: expected each once", path);
	d = devices_add(r->devices, like->name, like->type, 1);
	d->path = xstrdup(path);
	d->cpus = like->cpus;
	return 0;
}

/* "/dev/nvidia[0-3]", one of a list */
static int add_pattern(struct reader *r, const struct device *like, char *item)
{
	char *open = strchr(item, '['), *close = open ? strchr(open, ']') : NULL;
	struct mscg_cpuset numbers;
	int code = 0;

	if (!open)
		return add_file(r, like, item);
	if (!close)
		return BAD(r, "File=%.100s: expected ']' behind the numbers", item);
	*open = *close = '\0';
	if (mscg_cpuset_parse(open + 1, &numbers, NULL) < 0 || mscg_cpuset_empty(&numbers))
		return BAD(r, "File=%.60s[%.40s]: expected numbers, as [0-3,5]", item, open + 1);
	for (unsigned i = mscg_cpuset_next(&numbers, 0); code == 0 && i < MSCG_CPUS_MAX; i = mscg_cpuset_next(&numbers, i + 1)) {
		_cleanup_free_ char *path = xasprintf("%s%u%s", item, i, close + 1);

		code = add_file(r, like, path);
	}
	return code;
}

static int add_files(struct reader *r, const struct device *like, char *list)
{
	for (char *end, *p = list; *p; p = end) {
		bool inside = false;
		int code;

		for (end = p; *end && (inside || *end != ','); end++)
			inside = *end == '[' || (inside && *end != ']');
		if (*end)
			*end++ = '\0';
		code = add_pattern(r, like, p);
		if (code < 0)
			return code;
	}
	return 0;
}

static int add_line(struct reader *r, char *value[KEYS])
{
	_cleanup_free_ char *text = NULL;
	struct device like = { .n = 1 };
	uint32_t before = r->devices->n;
	uint64_t count = 0;
	struct gres gres;
	int code;

	if (!value[KEY_NAME])
		return BAD(r, "no Name: expected for example Name=%s", GRES_GPU);
	text = xasprintf("%s%s%s", value[KEY_NAME], value[KEY_TYPE] ? ":" : "", value[KEY_TYPE] ? value[KEY_TYPE] : "");
	if (strpbrk(text, ",") || gres_parse(text, &gres, NULL) < 0 || gres.part[0].n != 1 || streq(gres.part[0].name, GRES_LICENSE))
		return BAD(r, "'%.60s' is no name of a resource: expected letters, digits, -, _, .", text);
	memcpy(like.name, gres.part[0].name, sizeof like.name);
	memcpy(like.type, gres.part[0].type, sizeof like.type);
	if (value[KEY_CORES] && mscg_cpuset_parse(value[KEY_CORES], &like.cpus, NULL) < 0)
		return BAD(r, "Cores=%.60s: expected numbers of CPUs, as 0-15", value[KEY_CORES]);
	if (value[KEY_COUNT] && parse_u64(value[KEY_COUNT], 1, GRES_COUNT_MAX, &count, NULL) < 0)
		return BAD(r, "Count=%.60s: expected 1 to %d", value[KEY_COUNT], GRES_COUNT_MAX);
	if (!value[KEY_FILE]) {
		bool gpu = streq(like.name, GRES_GPU);

		if (gpu && count > GRES_UNITS_MAX)
			return BAD(r, "Count=%llu: expected %d GPUs at most", (unsigned long long)count, GRES_UNITS_MAX);
		for (uint64_t i = 0; i < (gpu ? MAX_OF(count, 1u) : 1); i++)
			devices_add(r->devices, like.name, like.type, gpu ? 1 : (uint32_t)MAX_OF(count, 1u))->cpus = like.cpus;
		return 0;
	}
	code = add_files(r, &like, value[KEY_FILE]);
	if (code == 0 && count && count != r->devices->n - before)
		return BAD(r, "Count=%llu and %u files: expected as many", (unsigned long long)count, r->devices->n - before);
	return code;
}

int gres_file_read(const char *path, struct devices *devices, struct mscg_error *error)
{
	struct reader r = { .path = path, .devices = devices, .error = error };
	_cleanup_free_ char *text = NULL;
	char *rest, *line;
	size_t size;
	int code = fd_read_file_at(AT_FDCWD, path, 1 << 20, &text, &size);

	if (code < 0)
		return mscg_error_set(error, code, "cannot read %s: %s", path, strerror(-code));
	if (strlen(text) != size)
		return mscg_error_set(error, -EINVAL, "%s has a NUL: expected text", path);
	rest = text;
	while (code == 0 && (line = strsep(&rest, "\n"))) {
		char *value[KEYS] = { NULL };

		r.line++;
		line[strcspn(line, "#")] = '\0';
		if (!line[strspn(line, " \t\r")])
			continue;
		code = read_words(&r, line, value);
		if (code == 0)
			code = add_line(&r, value);
	}
	return code;
}
