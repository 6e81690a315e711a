/* What options may be: each reads one kind of value. */
#include "cli.h"

#include "src/base/clock.h"
#include "src/base/parse.h"

#define VALUE(name) int name(void *target, const char *value, const struct option_spec *option, struct mscg_error *error)

VALUE(value_true)
{
	(void)value, (void)option, (void)error;
	*(bool *)target = true;
	return 0;
}

VALUE(value_false)
{
	(void)value, (void)option, (void)error;
	*(bool *)target = false;
	return 0;
}

VALUE(value_yes_no)
{
	(void)option;
	return parse_bool(value, target, error);
}

VALUE(value_text)
{
	if (!*value)
		return mscg_error_set(error, -EINVAL, "the value is empty: expected %s", option->arg);
	*(const char **)target = value;
	return 0;
}

VALUE(value_word)
{
	size_t n = strlen(value);

	for (const char *w = option->words, *end; *w; w = *end ? end + 1 : end) {
		end = w + strcspn(w, "|");
		if ((size_t)(end - w) == n && strncmp(w, value, n) == 0) {
			*(const char **)target = value;
			return 0;
		}
	}
	return mscg_error_set(error, -EINVAL, "'%.60s': expected one of %s", value, option->words);
}

VALUE(value_cpus)
{
	uint32_t milli;
	int r = parse_cpus(value, &milli, error);

	(void)option;
	if (r < 0)
		return r;
	if (milli == 0)
		return mscg_error_set(error, -EINVAL, "invalid number of CPUs '%.60s': expected more than 0", value);
	*(uint32_t *)target = milli;
	return 0;
}

VALUE(value_size)
{
	uint64_t bytes;
	int r = parse_size(value, &bytes, error);

	(void)option;
	if (r < 0)
		return r;
	if (bytes == 0)
		return mscg_error_set(error, -EINVAL, "invalid size '%.60s': expected more than 0, for example 4GB", value);
	*(uint64_t *)target = bytes;
	return 0;
}

VALUE(value_limit)
{
	uint64_t seconds;
	int r = parse_time_limit(value, &seconds, error);

	(void)option;
	if (r < 0)
		return r;
	if (seconds > UINT32_MAX)
		return mscg_error_set(error, -ERANGE, "time '%.60s' is too long: expected ten years at most, or UNLIMITED", value);
	*(uint32_t *)target = (uint32_t)seconds;
	return 0;
}

/* "1.5", "30", "2m": a bare number is seconds. */
VALUE(value_seconds)
{
	char *end;
	double seconds;
	uint64_t whole;

	(void)option;
	if (value[0] >= '0' && value[0] <= '9' && value[strspn(value, "0123456789.")] == '\0') {
		seconds = strtod(value, &end);
		if (*end == '\0' && seconds <= 1e9) {
			*(int64_t *)target = (int64_t)(seconds * 1000);
			return 0;
		}
	} else if (parse_time_limit(value, &whole, NULL) == 0 && whole <= 1000000000) {
		*(int64_t *)target = (int64_t)whole * 1000;
		return 0;
	}
	return mscg_error_set(error, -EINVAL, "invalid time '%.60s': expected seconds, for example 10 or 2.5, or 5m", value);
}

VALUE(value_int32)
{
	int64_t v;
	int r = parse_i64(value, INT32_MIN, INT32_MAX, &v, error);

	(void)option;
	if (r == 0)
		*(int32_t *)target = (int32_t)v;
	return r;
}

VALUE(value_count)
{
	uint64_t v;
	int r = parse_u64(value, 1, UINT32_MAX, &v, error);

	(void)option;
	if (r == 0)
		*(uint32_t *)target = (uint32_t)v;
	return r;
}

VALUE(value_signal)
{
	(void)option;
	return parse_signal(value, target, error);
}

VALUE(value_time)
{
	(void)option;
	return parse_time_point(value, clock_real_usec(), target, error);
}

VALUE(value_state)
{
	_cleanup_free_ char *copy = xstrdup(value);
	uint32_t states = 0;
	char *save = NULL;

	(void)option;
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		enum mscg_state state;
		int r = mscg_state_parse(word, &state, error);

		if (r < 0)
			return r;
		states |= UINT32_C(1) << state;
	}
	if (!states)
		return mscg_error_set(error, -EINVAL, "the value is empty: expected states, for example PENDING,RUNNING");
	*(uint32_t *)target |= states;
	return 0;
}

VALUE(value_allow)
{
	(void)option;
	return mscg_allow_parse(value, target, error);
}
