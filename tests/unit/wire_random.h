/* wire_random.h: repeatable random specs, for tests of the wire. */
#ifndef TESTS_WIRE_RANDOM_H
#define TESTS_WIRE_RANDOM_H

#include "src/base/base.h"

#include <mscg/job.h>

static uint64_t rnd_state = UINT64_C(0x9e3779b97f4a7c15);

static inline uint64_t rnd(void)
{
	/* splitmix64 */
	uint64_t z = rnd_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t rnd_below(uint32_t n)
{
	return (uint32_t)(rnd() % n);
}

static inline bool rnd_one_in(uint32_t n)
{
	return rnd_below(n) == 0;
}

/* At least one character; `any`: control characters too. */
static inline char *rnd_text(uint32_t max, bool any)
{
	static const char *const odd[] = {"\"", "\\", "'", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d", "{", "]", "/", " "};
	char *text = xcalloc(1, max * 4 + 8);
	uint32_t n = 1 + rnd_below(max);
	size_t used = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (rnd_one_in(8)) {
			const char *s = odd[rnd_below(ARRAY_SIZE(odd))];

			memcpy(text + used, s, strlen(s));
			used += strlen(s);
		} else {
			text[used++] = (char)(any ? 1 + rnd_below(127) : 'a' + rnd_below(26));
		}
	}
	return text;
}

static inline char *rnd_maybe(uint32_t max, bool any)
{
	return rnd_one_in(2) ? rnd_text(max, any) : NULL;
}

static inline char **rnd_env(void)
{
	char **env = NULL;

	for (uint32_t i = rnd_below(6); i > 0; i--) {
		_cleanup_free_ char *value = rnd_text(30, true), *entry = xasprintf("VAR%u=%s", i, value);

		strv_add(&env, entry);
	}
	return env ? env : xcalloc(1, sizeof *env);
}

/* One that passes mscg_spec_check. */
static inline struct mscg_spec *rnd_spec(void)
{
	struct mscg_spec *s = mscg_spec_new();
	uint32_t unit, kind = rnd_below(3);

	do {
		_cleanup_free_ char *arg = rnd_text(40, true);

		strv_add(&s->argv, arg);
	} while (kind != 1 && rnd_one_in(2));
	s->shell = kind == 1;
	if (kind == 2) {
		_cleanup_free_ char *body = rnd_text(200, true);

		s->script = xasprintf("#!/bin/sh\n%s", body);
	}
	s->env = rnd_one_in(2) ? rnd_env() : NULL;
	s->name = rnd_maybe(40, false);
	if (rnd_one_in(2)) {
		_cleanup_free_ char *dir = rnd_text(40, true);

		s->workdir = xasprintf("/%s", dir);
	}
	s->stdin_path = rnd_maybe(40, true);
	s->stdout_path = rnd_maybe(40, true);
	s->stderr_path = rnd_maybe(40, true);
	s->account = rnd_maybe(20, false);
	s->comment = rnd_maybe(100, false);
	s->partition = rnd_maybe(20, false);
	s->qos = rnd_maybe(20, false);
	s->reservation = rnd_maybe(20, false);
	s->submit_line = rnd_maybe(200, true);
	s->isolate = rnd_one_in(2) ? NULL : xstrdup(rnd_one_in(2) ? "strict" : "ipc,seccomp");
	s->signal = rnd_one_in(2) ? NULL : xstrdup(rnd_one_in(2) ? "B:USR1@60" : "TERM");
	s->gres = rnd_one_in(2) ? NULL : xstrdup(rnd_one_in(2) ? "gpu:a100:2" : "fpga:1,gpu:1,license:matlab:3");
	s->allow = rnd_one_in(2) ? NULL : xstrdup("perf,userns");
	s->binds = rnd_one_in(2) || streq(s->isolate, "ipc,seccomp") ? NULL : xstrdup("/a:/b\n/c d/é:/c d/é:ro");
	s->rootfs = rnd_one_in(2) || streq(s->isolate, "ipc,seccomp") ? NULL : xstrdup("/srv/root:ro");
	s->delegate = rnd_one_in(2);
	s->append = rnd_one_in(2);
	s->elastic = rnd_one_in(2);
	s->by_pressure = s->elastic && rnd_one_in(2);
	s->slurm_env = rnd_one_in(2);
	s->requeue = rnd_one_in(2);
	s->truncate = rnd_one_in(2);
	s->max_retries = rnd_one_in(2) ? 3 : 0;
	s->log_max = rnd_one_in(2) && !s->attached ? 1 << 20 : 0;
	s->cpu_mode = rnd_one_in(2) ? MSCG_CPUS_QUOTA : MSCG_CPUS_EXCLUSIVE;
	unit = s->cpu_mode == MSCG_CPUS_QUOTA ? 1 : 1000;
	s->min_cpus_milli = unit * (1 + rnd_below(1000));
	s->cpus_milli = s->min_cpus_milli + unit * rnd_below(1000);
	s->max_cpus_milli = rnd_one_in(2) ? s->cpus_milli + unit * rnd_below(1000) : 0;
	s->mem_bytes = rnd_one_in(3) ? 0 : (UINT64_C(4) << 20) + rnd() % (UINT64_C(1) << 50);
	s->min_mem_bytes = rnd_one_in(2) ? 0 : MAX_OF(s->mem_bytes >> 21 << 20, UINT64_C(4) << 20);
	s->max_mem_bytes = rnd_one_in(2) ? 0 : ((MAX_OF(s->mem_bytes, s->min_mem_bytes) >> 20) + 1 + rnd_below(1000)) << 20;
	s->time_limit_s = rnd_one_in(2) ? 0 : rnd_below(1000000);
	s->time_min_s = rnd_one_in(2) ? 0 : rnd_below(s->time_limit_s + 1);
	s->time_extend_s = s->time_limit_s && rnd_one_in(2) ? s->time_limit_s + 1 + rnd_below(1000) : 0;
	s->grace_s = rnd_one_in(2) ? 30 : rnd_below(86400);
	s->priority = (int32_t)rnd();
	s->hold = rnd_one_in(3);
	s->begin_usec = rnd_one_in(2) ? 0 : (int64_t)(rnd() % (UINT64_C(1) << 50)) + 1;
	s->deadline_usec = rnd_one_in(2) ? 0 : s->begin_usec + 1 + (int64_t)rnd_below(1u << 30);
	s->umask = rnd_below(0777 + 1);
	if (rnd_one_in(3)) {
		static const char *const arrays[] = {"0-15:4%4", "1,3,5-7", "0-999999", "7", "0-4,10-20:5%1"};

		mscg_array_parse(arrays[rnd_below(ARRAY_SIZE(arrays))], s, NULL);
		s->max_fails = rnd_below(3);
		if (s->array->last == 7 && s->array_n == 1)
			s->lines = xstrdup("a\nb\n\n\"d\"\n\u00e9\nf\ng\nh i");
	} else if (rnd_one_in(3)) {
		s->hold = false;
		s->attached = true;
		s->log_max = 0; /* it has no output files */
		s->pty = rnd_one_in(2);
	}
	return s;
}

#endif
