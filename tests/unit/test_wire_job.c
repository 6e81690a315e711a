/* Job, Accounting and Event objects: exactly what the interface file says, and right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/wire/wire.h"
#include "tests/unit/wire_random.h"

/* -- the interface file as a schema ------------------------------------------------------------------------------ */

/* Fields of `type NAME (...)` as {"field": "type"}; comments are skipped. */
static json_t *fields_of(const char *name)
{
	_cleanup_free_ char *begin = xasprintf("\ntype %s (", name), *body = NULL;
	const char *p = strstr(wire_interface_description, begin), *end;
	json_t *fields = json_object();
	char *line, *rest;

	if (!p)
		fail_msg("no type %s in the interface file", name);
	p += strlen(begin);
	end = strstr(p, "\n)");
	assert_non_null(end);
	body = xstrndup(p, (size_t)(end - p));
	for (line = strtok_r(body, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *colon, *type;

		line += strspn(line, " ");
		colon = strchr(line, ':');
		if (*line == '#' || !colon)
			continue;
		*colon = '\0';
		type = colon + 2;
		type[strcspn(type, ",")] = '\0';
		json_object_set_new(fields, line, json_string(type));
	}
	assert_true(json_object_size(fields) > 3);
	return fields;
}

static void check_type(const char *where, const char *type, const json_t *value);

static void check_object(const char *type, const json_t *o)
{
	json_t *fields = fields_of(type), *value;
	const char *key;

	json_object_foreach((json_t *)o, key, value)
		if (!json_object_get(fields, key))
			fail_msg("%s.%s is not in the interface file", type, key);
	json_object_foreach(fields, key, value) {
		_cleanup_free_ char *where = xasprintf("%s.%s", type, key);

		if (!json_object_get(o, key))
			fail_msg("%s is missing", where);
		check_type(where, json_string_value(value), json_object_get(o, key));
	}
	json_decref(fields);
}

static void check_type(const char *where, const char *type, const json_t *value)
{
	bool ok;

	if (*type == '?' && json_is_null(value))
		return;
	type += *type == '?';
	if (streq(type, "string")) {
		ok = json_is_string(value);
	} else if (streq(type, "int")) {
		ok = json_is_integer(value);
	} else if (streq(type, "float")) {
		ok = json_is_number(value);
	} else if (streq(type, "bool")) {
		ok = json_is_boolean(value);
	} else if (streq(type, "[]string")) {
		ok = json_is_array(value);
	} else {
		check_object(type, value);
		ok = true;
	}
	if (!ok)
		fail_msg("%s is not of type %s", where, type);
}

/* The text of a member, for short comparisons. */
static const char *shown(const json_t *o, const char *key)
{
	static char text[256];
	const json_t *v = json_object_get(o, key);
	size_t n = json_is_null(v) ? 0 : json_dumpb(v, text, sizeof text - 1, JSON_ENCODE_ANY | WIRE_DUMP_FLAGS);

	if (json_is_null(v))
		return "null";
	text[n] = '\0';
	return text;
}

#define IS(o, key, text) assert_string_equal(shown(o, key), text)

/* -- Job -------------------------------------------------------------------------------------------------------- */

static const int64_t T0 = INT64_C(1769860800000000);

static struct mscg_spec *make_spec(void)
{
	struct mscg_spec *spec = mscg_spec_new();

	strv_add(&spec->argv, "echo");
	strv_add(&spec->argv, "a b");
	spec->name = xstrdup("echo");
	spec->user = xstrdup("ada");
	spec->workdir = xstrdup("/home/ada");
	return spec;
}

static void test_pending(void **state)
{
	struct mscg_row row = {.job = {.id = {12, MSCG_NO_TASK}, .uid = 1000, .reason = MSCG_REASON_RESOURCES, .cpus_milli = 500,
	                               .min_cpus_milli = 500, .max_cpus_milli = 500, .flags = MSCG_JOB_QUOTA, .mem_bytes = 1 << 30,
	                               .grace_s = 30, .submit_usec = T0}};
	struct wire_job_extra extra = {.now_usec = T0 + 2500000, .reason_text = "waits for 2 CPUs"};
	struct mscg_spec *spec = make_spec();
	json_t *o = wire_job_json(&row, spec, &extra);

	(void)state;
	check_object("Job", o);
	IS(o, "id", "\"12\"");
	IS(o, "job_id", "12");
	IS(o, "array_task_id", "null");
	IS(o, "array_tasks", "null");
	IS(o, "user", "\"ada\"");
	IS(o, "state", "\"PENDING\"");
	IS(o, "reason", "\"Resources\"");
	IS(o, "reason_text", "\"waits for 2 CPUs\"");
	IS(o, "command", "\"echo 'a b'\"");
	IS(o, "cpu_mode", "\"quota\"");
	IS(o, "cpus", "0.5");
	IS(o, "current_cpus", "0");
	IS(o, "cpuset", "null");
	IS(o, "exit_code", "null");
	IS(o, "signal", "null");
	IS(o, "time_limit", "null");
	IS(o, "submit_time", "\"2026-01-31T12:00:00.000000Z\"");
	IS(o, "start_time", "null");
	IS(o, "wait_seconds", "2.5");
	IS(o, "run_seconds", "0.0");
	IS(json_object_get(o, "accounting"), "cpu_usec", "null");
	IS(json_object_get(o, "accounting"), "cpu_efficiency", "null");
	json_decref(o);
	/* A wall clock that was set back shows no negative time. */
	extra.now_usec = T0 - 1000000;
	o = wire_job_json(&row, spec, &extra);
	IS(o, "wait_seconds", "0.0");
	json_decref(o);
	mscg_spec_free(spec);
}

static void test_running(void **state)
{
	struct mscg_run run = {.grant = mscg_grant_new(1), .pid = 4711};
	struct mscg_row row = {.job = {.id = {12, 3}, .uid = 1000, .state = MSCG_STATE_RUNNING, .flags = MSCG_JOB_ELASTIC, .attempt = 1,
	                               .cpus_milli = 2000, .min_cpus_milli = 1000, .current_cpus_milli = 4000, .mem_bytes = 1 << 30,
	                               .time_limit_s = 3600, .submit_usec = T0, .start_usec = T0 + 1000000, .exit_code = -1, .run = &run}};
	struct wire_job_extra extra = {.now_usec = T0 + 3000000, .max_cpus_machine_milli = 64000, .cgroup = "/sys/fs/cgroup/mscg/job_12_3"};
	struct mscg_spec *spec = make_spec();
	json_t *o;

	(void)state;
	mscg_usage_init(&run.usage);
	run.grant->share[0].node = xstrdup("host");
	mscg_cpuset_parse("0-2,7", &run.grant->share[0].cpus, NULL);
	mscg_cpuset_parse("0", &run.grant->share[0].mems, NULL);
	o = wire_job_json(&row, spec, &extra);
	check_object("Job", o);
	IS(o, "id", "\"12_3\"");
	IS(o, "array_task_id", "3");
	IS(o, "cpuset", "\"0-2,7\"");
	IS(o, "mems", "\"0\"");
	IS(o, "node", "\"host\"");
	IS(o, "cpus", "2");
	IS(o, "max_cpus", "64");
	IS(o, "current_cpus", "4");
	IS(o, "elastic", "true");
	IS(o, "pid", "4711");
	IS(o, "exit_code", "null");
	IS(o, "time_limit", "3600");
	IS(o, "wait_seconds", "1.0");
	IS(o, "run_seconds", "2.0");
	IS(o, "reason", "null");
	IS(o, "cgroup", "\"/sys/fs/cgroup/mscg/job_12_3\"");
	json_decref(o);
	mscg_grant_free(run.grant);
	mscg_spec_free(spec);
}

static void test_ended(void **state)
{
	struct mscg_run run = {.usage = {.cpu_usec = 1500000, .cpu_held_usec = 6000000, .memory_peak_bytes = 1 << 29,
	                                 .pids_peak = MSCG_UNKNOWN}};
	struct mscg_row row = {.job = {.id = {1, MSCG_NO_TASK}, .state = MSCG_STATE_FAILED, .reason = MSCG_REASON_SIGNALED, .attempt = 1,
	                               .cpus_milli = 1000, .mem_bytes = 1 << 30, .submit_usec = T0, .start_usec = T0 + 1,
	                               .end_usec = T0 + 5000001, .exit_signal = 9, .run = &run}};
	struct wire_job_extra extra = {.now_usec = T0 + 99000000};
	struct mscg_spec *spec = make_spec();
	json_t *o = wire_job_json(&row, spec, &extra), *a = json_object_get(o, "accounting");
	struct mscg_usage back;

	(void)state;
	check_object("Job", o);
	IS(o, "exit_code", "0");
	IS(o, "signal", "9");
	IS(o, "run_seconds", "5.0");
	IS(o, "pid", "null");
	IS(a, "cpu_usec", "1500000");
	IS(a, "pids_peak", "null");
	IS(a, "cpu_efficiency", "0.25");
	IS(a, "memory_efficiency", "0.5");
	assert_int_equal(wire_usage_parse(a, &back, NULL), 0);
	assert_memory_equal(&back, &run.usage, sizeof back);
	json_decref(o);
	/* An outcome that nobody saw. */
	row.job.exit_code = -1;
	row.job.exit_signal = 0;
	row.job.state = MSCG_STATE_LOST;
	o = wire_job_json(&row, spec, &extra);
	IS(o, "exit_code", "null");
	IS(o, "signal", "null");
	json_decref(o);
	/* Cancelled before it ever ran. */
	row.job = (struct mscg_job){.id = {1, MSCG_NO_TASK}, .state = MSCG_STATE_CANCELLED, .submit_usec = T0, .end_usec = T0 + 4000000};
	o = wire_job_json(&row, spec, &extra);
	check_object("Job", o);
	IS(o, "exit_code", "null");
	IS(o, "wait_seconds", "4.0");
	IS(o, "run_seconds", "0.0");
	json_decref(o);
	mscg_spec_free(spec);
}

/* Half an hour of it now, and of attempts before an hour with twice as much. */
static void test_cost(void **state)
{
	struct mscg_run run = {.usage.cpu_held_usec = UINT64_C(1800000000), .past = {UINT64_C(7200000000), UINT64_C(2048) * 3600000, UINT64_C(3600000000)}};
	struct mscg_row row = {.job = {.id = {5, MSCG_NO_TASK}, .state = MSCG_STATE_RUNNING, .submit_usec = T0, .start_usec = T0, .gres = "gpu:2",
	                               .mem_bytes = 1 << 30, .run = &run}};
	struct wire_job_extra extra = {.now_usec = T0 + INT64_C(1800000000)};
	struct mscg_spec *spec = make_spec();
	json_t *o, *cost;

	(void)state;
	o = wire_job_json(&row, spec, &extra);
	cost = json_object_get(o, "cost");
	check_object("Cost", cost);
	IS(cost, "cpu_hours", "2.5");
	IS(cost, "gib_hours", "2.5");
	IS(cost, "gpu_hours", "2.0");
	json_decref(o);
	row.job.state = MSCG_STATE_PENDING; /* once more */
	row.job.start_usec = 0;
	o = wire_job_json(&row, spec, &extra);
	cost = json_object_get(o, "cost");
	IS(cost, "cpu_hours", "2.0");
	IS(cost, "gib_hours", "2.0");
	IS(cost, "gpu_hours", "1.0");
	json_decref(o);
	run.past = (struct mscg_past){0}; /* the first was put off before it began */
	o = wire_job_json(&row, spec, &extra);
	IS(o, "cost", "null");
	json_decref(o);
	mscg_spec_free(spec);
}

static void test_array(void **state)
{
	struct mscg_row row = {.job = {.id = {5, MSCG_NO_TASK}, .flags = MSCG_JOB_ARRAY, .submit_usec = T0},
	                       .pending = (char *)(uintptr_t)"5-15:2", .array_throttle = 4, .array_ended = 10, .array_worst = 3, .array_failed = 2};
	struct wire_job_extra extra = {.now_usec = T0};
	struct mscg_spec *spec = make_spec();
	json_t *o;

	(void)state;
	assert_int_equal(mscg_array_parse("0-15%4", spec, NULL), 0);
	o = wire_job_json(&row, spec, &extra);
	check_object("Job", o);
	IS(o, "array_pending", "\"5-15:2\"");
	IS(o, "array_tasks", "16");
	IS(o, "array_ended", "10");
	IS(o, "array_failed", "2");
	IS(o, "array_throttle", "4");
	IS(o, "exit_code", "null");
	json_decref(o);
	row.job.state = MSCG_STATE_FAILED;
	row.pending = NULL;
	row.unstarted = (char *)(uintptr_t)"5-15:2";
	row.unstarted_n = 6;
	row.unstarted_reason = MSCG_REASON_DEADLINE;
	row.unstarted_usec = T0;
	o = wire_job_json(&row, spec, &extra);
	check_object("Job", o);
	IS(o, "exit_code", "3");
	IS(json_object_get(o, "array_unstarted"), "tasks", "\"5-15:2\"");
	IS(json_object_get(o, "array_unstarted"), "count", "6");
	IS(json_object_get(o, "array_unstarted"), "state", "\"DEADLINE\"");
	IS(json_object_get(o, "array_unstarted"), "reason", "\"DeadLine\"");
	json_decref(o);
	mscg_spec_free(spec);
}

/* Names from an account database, texts from the kernel. */
static void test_not_utf8(void **state)
{
	struct mscg_row row = {.job = {.id = {5, MSCG_NO_TASK}, .submit_usec = T0}};
	struct wire_job_extra extra = {.now_usec = T0, .reason_text = "caf\xe9\033[2J"};
	struct mscg_spec *spec = make_spec();
	json_t *o;

	(void)state;
	o = wire_job_json(&row, spec, &extra);
	check_object("Job", o);
	IS(o, "reason_text", "\"caf??[2J\"");
	json_decref(o);
	mscg_spec_free(spec);
}

/* -- Event ------------------------------------------------------------------------------------------------------ */

static void test_events(void **state)
{
	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct mscg_event e = {.seq = 1 + rnd() % INT64_MAX, .id = {1 + rnd_below(1000), rnd_one_in(2) ? MSCG_NO_TASK : rnd_below(1000)},
		                       .time_usec = T0 + (int64_t)rnd_below(UINT32_MAX), .kind = (uint8_t)rnd_below(MSCG_EVENT_COUNT),
		                       .state = (uint8_t)rnd_below(MSCG_STATE_COUNT), .reason = (uint8_t)rnd_below(MSCG_REASON_COUNT),
		                       .attempt = 1 + rnd_below(3), .exit_code = -1, .cpus_milli = rnd_below(8192001),
		                       .mem_bytes = rnd() % (1ull << 50)}, back;
		struct mscg_error error = {0};
		json_t *o;

		if (e.kind == MSCG_EVENT_EXITED || e.kind == MSCG_EVENT_ENDED) {
			e.exit_code = (int32_t)rnd_below(256);
			e.exit_signal = (int32_t)rnd_below(65);
		}
		e.cpus = rnd_one_in(2) ? xstrdup("0-3") : NULL;
		e.text = rnd_maybe(50, true);
		o = wire_event_json(&e);
		check_object("Event", o);
		if (wire_event_parse(o, &back, &error) < 0)
			fail_msg("%s", error.text);
		assert_true(streq(e.cpus, back.cpus));
		assert_true(streq(e.text, back.text));
		assert_true(e.seq == back.seq && mscg_id_equal(e.id, back.id) && e.time_usec == back.time_usec && e.kind == back.kind);
		assert_true(e.state == back.state && e.reason == back.reason && e.attempt == back.attempt && e.mem_bytes == back.mem_bytes);
		assert_true(e.exit_code == back.exit_code && e.exit_signal == back.exit_signal && e.cpus_milli == back.cpus_milli);
		json_decref(o);
		mscg_event_clear(&e);
		mscg_event_clear(&back);
	}
}

/* -- the command line -------------------------------------------------------------------------------------------- */

static void line_is(bool shell, const char *const *argv, const char *expected)
{
	struct mscg_spec spec = {.argv = (char **)(uintptr_t)argv, .shell = shell};
	_cleanup_free_ char *line = wire_command_line(&spec);

	assert_string_equal(line, expected);
}

#define LINE(expected, ...)  line_is(false, (const char *const[]){__VA_ARGS__, NULL}, expected)
#define SHELL(expected, arg) line_is(true, (const char *const[]){arg, NULL}, expected)

static void test_command_line(void **state)
{
	(void)state;
	LINE("python3 train.py --lr=0.1 a/b:c,d", "python3", "train.py", "--lr=0.1", "a/b:c,d");
	LINE("echo 'a b' '' '$HOME' '*' '~'", "echo", "a b", "", "$HOME", "*", "~");
	LINE("echo 'it'\\''s'", "echo", "it's");
	LINE("echo $'a\\nb\\tc\\x1b[2J' 'caf\xc3\xa9'", "echo", "a\nb\tc\033[2J", "caf\xc3\xa9");
	LINE("echo $'it\\'s\\n'", "echo", "it's\n");
	LINE("echo $'\\xff'", "echo", "\xff");
	LINE("echo $'\\xc2\\x9b'", "echo", "\xc2\x9b");
	SHELL("a && b | c > 'd'", "a && b | c > 'd'");
	SHELL("a\\nb\\x7f", "a\nb\x7f");
}

/* A shell reads back what was quoted. */
static void test_shell_agrees(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++) {
		_cleanup_free_ char *arg = rnd_text(60, true), *line = NULL;
		const char *argv[] = {"printf", "%s", arg, NULL};
		struct mscg_spec spec = {.argv = (char **)(uintptr_t)argv};
		char back[512] = {0};
		FILE *f;

		line = wire_command_line(&spec);
		assert_null(strchr(line, '\n'));
		assert_int_equal(setenv("LINE", line, 1), 0);
		f = popen("exec bash -c 'eval \"$LINE\"'", "r");
		assert_non_null(f);
		assert_int_equal(fread(back, 1, sizeof back - 1, f), strlen(arg));
		assert_int_equal(pclose(f), 0);
		assert_string_equal(back, arg);
	}
}

/* -- what no message has room for -------------------------------------------------------------------------------------- */

static char *repeated(const char *unit, size_t size)
{
	size_t n = strlen(unit), times = size / n;
	char *text = xcalloc(times * n + 1, 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * n, unit, n);
	return text;
}

static size_t size_of(const json_t *value)
{
	_cleanup_free_ char *text = json_dumps(value, JSON_ENCODE_ANY | WIRE_DUMP_FLAGS);

	assert_non_null(text);
	return strlen(text);
}

/* What is there of a member: all of it, or its beginning and its name among those that are cut. */
static void check_beginning(const json_t *o, const char *key, const char *whole)
{
	const char *text = json_string_value(json_object_get(o, key));
	const json_t *cut = json_object_get(o, "cut"), *name;
	bool is_cut = false;
	size_t i;

	json_array_foreach(cut, i, name)
		is_cut |= streq(json_string_value(name), key);
	assert_non_null(text);
	assert_int_equal(strncmp(whole, text, strlen(text)), 0);
	assert_int_equal(strlen(text) < strlen(whole), is_cut);
}

static void test_long(void **state)
{
	static const char *const units[] = {"x", "\001", "\"\\", "\t\v\177", "\303\244", "\360\237\230\200 ", "word "};
	struct mscg_row row = {.job = {.id = {12, MSCG_NO_TASK}, .flags = MSCG_JOB_ARRAY, .submit_usec = T0}};
	struct mscg_range range = {0, 9, 1};

	(void)state;
	for (size_t u = 0; u < ARRAY_SIZE(units); u++)
		for (size_t size = 500; size <= 2000000; size *= 8)
			for (int brief = 0; brief < 2; brief++) {
				_cleanup_free_ char *text = repeated(units[u], size), *path = repeated(units[u], 4200), *line = NULL;
				struct mscg_spec *spec = make_spec();
				struct wire_job_extra extra = {.brief = brief, .stdin_path = path, .stdout_path = path, .stderr_path = path};

				for (size_t i = 0; i < 5; i++)
					strv_add(&spec->argv, text);
				spec->comment = xstrdup(text);
				spec->submit_line = xstrdup(text);
				spec->dependency = xstrdup(text);
				spec->array = xcalloc(1, sizeof *spec->array);
				spec->array[0] = range;
				spec->array_n = 1;
				row.pending = row.held = row.dependency = text;
				json_t *o = wire_job_json(&row, spec, &extra), *argv = json_object_get(o, "argv");

				check_object("Job", o);
				assert_true(size_of(o) <= (brief ? 400u * 1024 : WIRE_MESSAGE_MAX - 1024u));
				line = wire_command_line(spec);
				check_beginning(o, "command", line);
				check_beginning(o, "stdout_path", path);
				check_beginning(o, "comment", text);
				check_beginning(o, "submit_line", text);
				check_beginning(o, "array_pending", text);
				check_beginning(o, "array_held", text);
				check_beginning(o, "dependency", text);
				check_beginning(o, "depends_on", text);
				for (size_t i = 0; i < json_array_size(argv); i++)
					assert_string_equal(json_string_value(json_array_get(argv, i)), spec->argv[i]);
				if (brief) {
					assert_true(size_of(argv) <= WIRE_BRIEF_MAX + 2);
					assert_true(size_of(json_object_get(o, "command")) <= WIRE_BRIEF_MAX + 2);
					assert_true(size_of(json_object_get(o, "dependency")) <= WIRE_BRIEF_LIST_MAX + 2);
				} else if (size < 10000) {
					assert_true(json_is_null(json_object_get(o, "cut")));
					assert_int_equal(json_array_size(argv), strv_length(spec->argv));
				}
				json_decref(o);
				mscg_spec_free(spec);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_shell_agrees),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
