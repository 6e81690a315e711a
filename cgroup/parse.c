/* parse.c: the text forms of cgroupfs and of /proc/PID/status. Pure: text in, values out. What the kernel may add in
 * a later version (keys, columns) is passed over, never an error. */
#include "cgroup/internal.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Decimal digits from *p on, which moves behind them; stops at UINT64_MAX - 1, so that a number is never UNKNOWN. */
static bool take_number(const char **p, uint64_t *ret)
{
	uint64_t v = 0;

	if (!is_digit(**p))
		return false;
	for (; is_digit(**p); (*p)++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(**p - '0'), &v))
			v = UINT64_MAX;
	*ret = v == UINT64_MAX ? UINT64_MAX - 1 : v;
	return true;
}

static bool take_word(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool take_number_or_max(const char **p, uint64_t *ret)
{
	if (take_word(p, "max")) {
		*ret = MSCG_CGROUP_MAX;
		return true;
	}
	return take_number(p, ret);
}

int cg_parse_number(const char *text, uint64_t *ret)
{
	uint64_t v;

	if (!take_number_or_max(&text, &v))
		return -EBADMSG;
	text += *text == '\n';
	if (*text)
		return -EBADMSG;
	*ret = v;
	return 0;
}

static const char *next_line(const char *p)
{
	const char *end = strchr(p, '\n');

	return end ? end + 1 : p + strlen(p);
}

void cg_parse_flat(const char *text, void (*each)(void *ctx, const char *key, size_t length, uint64_t value), void *ctx)
{
	for (const char *p = text; *p; p = next_line(p)) {
		size_t length = strcspn(p, " \n");
		const char *v = p + length;
		uint64_t value;

		if (*v != ' ')
			continue;
		v++;
		if (take_number_or_max(&v, &value) && (*v == '\n' || *v == '\0'))
			each(ctx, p, length, value);
	}
}

void cg_parse_nested(const char *text, void (*each)(void *ctx, const char *key, size_t length, uint64_t value), void *ctx)
{
	for (const char *p = text; *p;) {
		size_t length = strcspn(p, "= \n");
		const char *v = p + length;
		uint64_t value;

		if (*v == '=') {
			v++;
			if (take_number_or_max(&v, &value) && strchr(" \n", *v)) /* the NUL is found too */
				each(ctx, p, length, value);
			v += strcspn(v, " \n");
		}
		p = v + (*v != '\0');
	}
}

struct wanted {
	const char *key;
	bool        found;
	uint64_t    value;
};

static void look_for(void *ctx, const char *key, size_t length, uint64_t value)
{
	struct wanted *w = ctx;

	if (strlen(w->key) == length && strncmp(w->key, key, length) == 0) {
		w->found = true;
		w->value = value;
	}
}

bool cg_flat_get(const char *text, const char *key, uint64_t *ret)
{
	struct wanted w = { .key = key };

	cg_parse_flat(text, look_for, &w);
	if (w.found)
		*ret = w.value;
	return w.found;
}

void cg_parse_events(const char *text, struct mscg_cgroup_events *ret)
{
	uint64_t v;

	ret->populated = cg_flat_get(text, "populated", &v) && v;
	ret->frozen    = cg_flat_get(text, "frozen", &v) && v;
}

/* "12.34"; not strtod(3), which reads as the locale has it. */
static bool take_percent(const char **p, double *ret)
{
	uint64_t whole;
	double scale = 1, v;

	if (!take_number(p, &whole))
		return false;
	v = (double)whole;
	if (**p == '.')
		for ((*p)++; is_digit(**p); (*p)++)
			v += (**p - '0') * (scale /= 10);
	*ret = v;
	return true;
}

static bool take_stall(const char *p, struct mscg_cgroup_stall *ret)
{
	struct mscg_cgroup_stall s;

	if (!take_word(&p, " avg10=") || !take_percent(&p, &s.avg10) || !take_word(&p, " avg60=") ||
	    !take_percent(&p, &s.avg60) || !take_word(&p, " avg300=") || !take_percent(&p, &s.avg300) ||
	    !take_word(&p, " total=") || !take_number(&p, &s.total_usec))
		return false;
	*ret = s;
	return true;
}

int cg_parse_pressure(const char *text, struct mscg_cgroup_pressure *ret)
{
	static const struct mscg_cgroup_stall unknown = { -1, -1, -1, MSCG_CGROUP_UNKNOWN };
	struct mscg_cgroup_pressure got = { unknown, unknown };

	for (const char *p = text; *p; p = next_line(p)) {
		const char *v = p;
		if (take_word(&v, "some") && !take_stall(v, &got.some))
			return -EBADMSG;
		if (take_word(&v, "full") && !take_stall(v, &got.full))
			return -EBADMSG;
	}
	if (got.some.total_usec == MSCG_CGROUP_UNKNOWN)
		return -EBADMSG;
	*ret = got;
	return 0;
}

static void fill_io_max(void *ctx, const char *key, size_t length, uint64_t value)
{
	struct mscg_cgroup_io_max *m = ctx;
	const struct {
		const char *key;
		uint64_t   *to;
	} fields[] = { { "rbps", &m->rbps }, { "wbps", &m->wbps }, { "riops", &m->riops }, { "wiops", &m->wiops } };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].key) == length && strncmp(fields[i].key, key, length) == 0)
			*fields[i].to = value;
}

int cg_parse_io_max(const char *text, unsigned major, unsigned minor, struct mscg_cgroup_io_max *ret)
{
	struct mscg_cgroup_io_max m = { MSCG_CGROUP_MAX, MSCG_CGROUP_MAX, MSCG_CGROUP_MAX, MSCG_CGROUP_MAX };
	char device[32];

	snprintf(device, sizeof device, "%u:%u ", major, minor);
	for (const char *p = text; *p; p = next_line(p)) {
		const char *v = p;
		if (!take_word(&v, device))
			continue;
		_cleanup_free_ char *line = xstrndup(v, strcspn(v, "\n"));
		cg_parse_nested(line, fill_io_max, &m);
	}
	*ret = m;
	return 0;
}

int cg_parse_cpu_max(const char *text, uint64_t *ret_quota, uint64_t *ret_period)
{
	uint64_t quota, period;

	if (!take_number_or_max(&text, &quota) || *text++ != ' ' || !take_number(&text, &period) ||
	    (*text && *text != '\n'))
		return -EBADMSG;
	if (ret_quota)
		*ret_quota = quota;
	if (ret_period)
		*ret_period = period;
	return 0;
}

int cg_parse_partition(const char *text, enum mscg_cgroup_partition *ret, const char **ret_why)
{
	static const struct {
		const char *name;
		enum mscg_cgroup_partition value;
	} names[] = { { "member", MSCG_CGROUP_MEMBER }, { "root", MSCG_CGROUP_ROOT }, { "isolated", MSCG_CGROUP_ISOLATED } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *p = text;
		if (!take_word(&p, names[i].name) || !strchr(" \n", *p))
			continue;
		*ret     = names[i].value;
		*ret_why = take_word(&p, " invalid") ? p + (*p == ' ') : NULL;
		return 0;
	}
	return -EBADMSG;
}

bool cg_parse_sigmask(const char *status, const char *field, uint64_t *ret)
{
	size_t n = strlen(field);

	for (const char *p = status; *p; p = next_line(p)) {
		if (strncmp(p, field, n) != 0 || p[n] != ':')
			continue;
		char *end;
		uint64_t v = strtoull(p + n + 1, &end, 16);
		if (end == p + n + 1 || (*end && *end != '\n'))
			return false;
		*ret = v;
		return true;
	}
	return false;
}

void cg_parse_pids(const char *text, pid_t **pids, size_t *n, size_t *cap)
{
	for (const char *p = text; *p; p = next_line(p)) {
		const char *v = p;
		uint64_t pid;
		if (!take_number(&v, &pid) || (*v && *v != '\n') || pid == 0 || pid > INT32_MAX)
			continue;
		GROW(*pids, *n, *cap);
		(*pids)[(*n)++] = (pid_t)pid;
	}
}
