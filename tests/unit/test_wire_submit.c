/* Submit: what is built reads back equal; what is wrong is named; what would cost too much is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/wire/submit.h"
#include "tests/unit/wire_random.h"

static void strv_equal(char *const *a, char *const *b)
{
	assert_int_equal(a == NULL, b == NULL);
	assert_int_equal(strv_length(a), strv_length(b));
	for (size_t i = 0; a && a[i]; i++)
		assert_string_equal(a[i], b[i]);
}

static void text_equal(const char *a, const char *b)
{
	if (!streq(a, b))
		fail_msg("'%s' is not '%s'", a ? a : "(null)", b ? b : "(null)");
}

static void spec_equal(const struct mscg_spec *a, const struct mscg_spec *b)
{
	static const size_t sizes[] = {
		[SPEC_BOOL] = sizeof(bool), [SPEC_U32] = 4, [SPEC_I32] = 4, [SPEC_MILLI] = 4, [SPEC_U64] = 8, [SPEC_TIME] = 8,
	};

	strv_equal(a->argv, b->argv);
	strv_equal(a->env, b->env);
	text_equal(a->script, b->script);
	assert_int_equal(a->cpu_mode, b->cpu_mode);
	assert_int_equal(a->array_n, b->array_n);
	assert_int_equal(a->array_throttle, b->array_throttle);
	for (uint32_t i = 0; i < a->array_n; i++)
		assert_memory_equal(&a->array[i], &b->array[i], sizeof a->array[i]);
	for (size_t i = 0; i < SPEC_FIELDS_N; i++) {
		const struct spec_field *f = &wire_spec_fields[i];

		if (f->kind == SPEC_TEXT)
			text_equal(*(char **)spec_member(a, f), *(char **)spec_member(b, f));
		else
			assert_memory_equal(spec_member(a, f), spec_member(b, f), sizes[f->kind]);
	}
}

/* Through text, as it goes over the socket. */
static json_t *as_sent(json_t *parameters)
{
	char *text = json_dumps(parameters, WIRE_DUMP_FLAGS);
	json_t *back = NULL;

	assert_int_equal(wire_parse(text, strlen(text), &back, NULL), 0);
	free(text);
	json_decref(parameters);
	return back;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint32_t n = 1 + rnd_below(4), got_n = 0;
		struct mscg_spec *specs[4], **got = NULL;
		struct mscg_error e = {0};
		json_t *p;

		for (uint32_t i = 0; i < n; i++) {
			specs[i] = rnd_spec();
			/* Now and then with an environment and a script of the one before. */
			if (i && rnd_one_in(2)) {
				strv_free(specs[i]->env);
				specs[i]->env = strv_copy(specs[i - 1]->env);
			}
			if (mscg_spec_check(specs[i], &e) < 0)
				fail_msg("%s", e.text);
		}
		p = wire_submit_build(specs, n, &e);
		assert_non_null(p);
		p = as_sent(p);
		if (wire_submit_parse(p, &got, &got_n, &e) < 0)
			fail_msg("%s", e.text);
		assert_int_equal(got_n, n);
		for (uint32_t i = 0; i < n; i++) {
			spec_equal(specs[i], got[i]);
			mscg_spec_free(specs[i]);
		}
		wire_specs_free(got, got_n);
		json_decref(p);
	}
}

static struct mscg_spec *simple(const char *arg)
{
	struct mscg_spec *s = mscg_spec_new();

	strv_add(&s->argv, arg);
	return s;
}

static void test_shared_once(void **state)
{
	struct mscg_spec *specs[100];
	json_t *p;

	(void)state;
	for (int i = 0; i < 100; i++) {
		specs[i] = simple("true");
		strv_add(&specs[i]->env, i % 2 ? "A=1" : "A=2");
		specs[i]->script = xstrdup(i % 3 ? "#!/bin/sh\none" : "#!/bin/sh\ntwo");
	}
	p = wire_submit_build(specs, 100, NULL);
	assert_int_equal(json_array_size(json_object_get(p, "environments")), 2);
	assert_int_equal(json_array_size(json_object_get(p, "scripts")), 2);
	json_decref(p);
	for (int i = 0; i < 100; i++)
		mscg_spec_free(specs[i]);
}

static void test_small(void **state)
{
	struct mscg_spec *spec = simple("true");
	json_t *p = wire_submit_build(&spec, 1, NULL);
	char *text = json_dumps(p, WIRE_DUMP_FLAGS | JSON_SORT_KEYS);

	(void)state;
	/* Ten thousand jobs in a message leave a hundred bytes for each. */
	assert_string_equal(text, "{\"jobs\":[{\"argv\":[\"true\"]}]}");
	free(text);
	json_decref(p);
	mscg_spec_free(spec);
}

static void test_not_utf8(void **state)
{
	struct mscg_spec *specs[2] = {simple("true"), simple("caf\xe9")}, **got;
	struct mscg_error e = {0};
	uint32_t n;
	json_t *p;

	(void)state;
	assert_null(wire_submit_build(specs, 2, &e));
	assert_int_equal(e.code, -EINVAL);
	assert_string_equal(e.text, "jobs[1]: argument 'caf?' is not UTF-8: messages carry nothing else");
	/* An environment is not typed by hand: what cannot be sent is left out. */
	strv_add(&specs[0]->env, "BAD=\xff");
	strv_add(&specs[0]->env, "GOOD=1");
	p = wire_submit_build(specs, 1, &e);
	assert_non_null(p);
	assert_int_equal(wire_submit_parse(p, &got, &n, &e), 0);
	assert_int_equal(strv_length(got[0]->env), 1);
	assert_string_equal(got[0]->env[0], "GOOD=1");
	wire_specs_free(got, n);
	json_decref(p);
	mscg_spec_free(specs[0]);
	mscg_spec_free(specs[1]);
}

static int parse_text(const char *text, struct mscg_error *e)
{
	struct mscg_spec **specs = (void *)1;
	uint32_t n = 77;
	json_t *p;
	int r;

	assert_int_equal(wire_parse(text, strlen(text), &p, e), 0);
	r = wire_submit_parse(p, &specs, &n, e);
	json_decref(p);
	if (r < 0) {
		assert_ptr_equal(specs, (void *)1);
		assert_int_equal(n, 77);
	} else {
		wire_specs_free(specs, n);
	}
	return r;
}

static void test_refusals(void **state)
{
#define JOB(x)  "{\"jobs\": [{\"argv\": [\"true\"], " x "}]}"
#define JOB2(x) "{\"jobs\": [{\"argv\": [\"true\"]}, {\"argv\": [\"true\"], " x "}]}"
	static const struct {
		const char *message, *text;
	} cases[] = {
		{"{}", "jobs is missing or no list (0): expected a list of 1 to 10000 jobs"},
		{"{\"jobs\": {}}", "jobs is missing or no list (0): expected a list of 1 to 10000 jobs"},
		{"{\"jobs\": []}", "jobs has 0: expected 1 to 10000 jobs"},
		{"{\"jobs\": [], \"uid\": 0}", "unknown parameter 'uid': expected one of jobs, environments, scripts"},
		{"{\"jobs\": [1]}", "a job is no object"},
		{"{\"jobs\": [{}]}", "argv is missing"},
		{"{\"jobs\": [{\"argv\": []}]}", "no command: expected a program and its arguments"},
		{"{\"jobs\": [{\"argv\": [\"\"]}]}", "the command is empty: expected a program and its arguments"},
		{"{\"jobs\": [{\"argv\": \"true\"}]}", "argv is \"true\": expected a list of strings"},
		{JOB("\"uid\": 0"), "unknown parameter 'uid': expected one of "},
		{JOB("\"user\": \"root\""), "unknown parameter 'user': "},
		{JOB("\"home\": \"/\""), "unknown parameter 'home': "},
		{JOB("\"cpus\": 0"), "--cpus 0: expected more than 0"},
		{JOB("\"cpus\": -1"), "cpus is -1: expected a number of CPUs"},
		{JOB("\"cpus\": 0.5"), "--cpus 0.5 is not a whole number of CPUs: use --cpu-mode=quota for fractions"},
		{JOB("\"cpu_mode\": \"x\""), "cpu_mode is 'x': expected exclusive or quota"},
		{JOB("\"elastic\": true, \"min_cpus\": 3, \"cpus\": 2"), "--min-cpus 3, --cpus 2, --max-cpus "},
		{JOB("\"mem_bytes\": 1"), "--mem 1B is too small"},
		{JOB("\"mem_bytes\": 1e10"), "mem_bytes is 10000000000.0: expected a whole number from 0 to "},
		{JOB("\"env\": 0"), "env is 0: expected an index into environments, which has 0"},
		{JOB("\"env\": -1"), "env is -1: expected a whole number from 0 to "},
		{JOB("\"script\": 3"), "script is 3: expected an index into scripts, which has 0"},
		{JOB("\"array\": \"x\""), "invalid array 'x'"},
		{JOB("\"array\": \"0-99999999\""), "array '0-99999999' is too large"},
		{JOB("\"umask\": 512"), "umask is 512: expected a whole number from 0 to 511"},
		{JOB("\"pty\": true"), "a terminal for a job that is not attached"},
		{JOB2("\"cpu\": 1"), "jobs[1]: unknown parameter 'cpu': expected one of argv, env, "},
		{JOB("\"dependency\": \"afterok:#0\""), "a dependency on #0: expected a job before it in the same list"},
		{JOB2("\"dependency\": \"afterok:#1\""), "jobs[1]: a dependency on #1: expected a job before it in the same list"},
		{JOB2("\"dependency\": \"afterok:#0_3\""), "jobs[1]: a dependency on #0_3: that job has no such task"},
		{JOB2("\"dependency\": \"afterok:#\""), "jobs[1]: invalid dependency 'afterok:#'"},
		{JOB2("\"dependency\": \"afterok:##0\""), "jobs[1]: invalid dependency 'afterok:##0'"},
		{JOB2("\"dependency\": \"afterok:#2147483648\""), "jobs[1]: invalid dependency 'afterok:#2147483648'"},
		{"{\"jobs\": [{\"argv\": [\"a\"], \"array\": \"1-5:2\"}, {\"argv\": [\"a\"], \"dependency\": \"afterok:#0_2\"}]}",
		 "jobs[1]: a dependency on #0_2: that job has no such task"},
		{JOB2("\"cpus\": 0"), "jobs[1]: --cpus 0: expected more than 0"},
		{"{\"jobs\": [{\"argv\": [\"a\"], \"env\": 0}], \"environments\": [5]}", "environments is 5: expected a list of strings"},
		{"{\"jobs\": [{\"argv\": [\"a\"], \"env\": 0}], \"environments\": [null]}", "environments is missing"},
		{"{\"jobs\": [{\"argv\": [\"a\"], \"env\": 0}], \"environments\": [[\"novalue\"]]}", "invalid environment entry 'novalue'"},
		{"{\"jobs\": [{\"argv\": [\"a\"]}], \"environments\": 5}", "environments is no list"},
		{"{\"jobs\": [{\"argv\": [\"a\"]}], \"scripts\": \"x\"}", "scripts is no list"},
		{"{\"jobs\": [{\"argv\": [\"a\"]}], \"scripts\": [\"x\", 1]}", "scripts[1] is no string"},
		{"{\"jobs\": [{\"argv\": [\"a\"], \"script\": 0}], \"scripts\": [\"echo\"]}", "the script begins with 'echo'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};
		int r = parse_text(cases[i].message, &e);

		assert_true(r < 0);
		assert_int_equal(e.code, r);
		if (strncmp(e.text, cases[i].text, strlen(cases[i].text)) != 0)
			fail_msg("%s\n gives: %s\n expected: %s", cases[i].message, e.text, cases[i].text);
	}
	/* The control beside them. */
	assert_int_equal(parse_text(JOB("\"cpus\": 2, \"umask\": 511, \"env\": null"), NULL), 0);
	assert_int_equal(parse_text(JOB2("\"dependency\": \"afterok:#0,after:#0+5,singleton\""), NULL), 0);
	assert_int_equal(parse_text("{\"jobs\": [{\"argv\": [\"a\"], \"array\": \"1-5:2\"}, {\"argv\": [\"a\"], \"dependency\": \"afterok:#0_3?afterany:#0\"}]}",
	                            NULL), 0);
	assert_int_equal(parse_text("{\"jobs\": [{\"argv\": [\"a\"], \"env\": 0, \"script\": 0}], \"environments\": [[\"A=\"]],"
	                            "\"scripts\": [\"#!/bin/sh\"]}", NULL), 0);
}

/* -- what a small message may cost ------------------------------------------------------------------------------ */

static int parse_jobs(int n, const char *job, const char *tail, struct mscg_error *e)
{
	_cleanup_buf_ struct buf b = {0};

	buf_adds(&b, "{\"jobs\":[");
	for (int i = 0; i < n; i++) {
		buf_adds(&b, i ? "," : "");
		buf_adds(&b, job);
	}
	buf_adds(&b, "]");
	buf_adds(&b, tail);
	buf_adds(&b, "}");
	return parse_text(b.data, e);
}

static void test_costs(void **state)
{
	char *big = xcalloc(1, 100001);
	_cleanup_free_ char *env = NULL, *scripts = NULL;
	struct mscg_error e = {0};

	(void)state;
	assert_int_equal(parse_jobs(WIRE_JOBS_MAX, "{\"argv\":[\"a\"]}", "", &e), 0);
	assert_int_equal(parse_jobs(WIRE_JOBS_MAX + 1, "{\"argv\":[\"a\"]}", "", &e), -EINVAL);
	assert_string_equal(e.text, "jobs has 10001: expected 1 to 10000 jobs");

	memset(big, 'x', 100000);
	env = xasprintf(",\"environments\":[[\"A=%s\"]]", big);
	scripts = xasprintf(",\"scripts\":[\"#!%s\"]", big);
	assert_int_equal(parse_jobs(500, "{\"argv\":[\"a\"],\"env\":0}", env, &e), 0);
	assert_int_equal(parse_jobs(1000, "{\"argv\":[\"a\"],\"env\":0}", env, &e), -E2BIG);
	assert_int_equal(parse_jobs(500, "{\"argv\":[\"a\"],\"script\":0}", scripts, &e), 0);
	assert_int_equal(parse_jobs(1000, "{\"argv\":[\"a\"],\"script\":0}", scripts, &e), -E2BIG);
	assert_non_null(strstr(e.text, "environments and scripts of all jobs have more than 64 MiB: submit fewer jobs at once"));

	assert_int_equal(parse_jobs(64, "{\"argv\":[\"a\"],\"array\":\"0-9:2,1-9:2\"}", "", &e), 0);
	assert_int_equal(parse_jobs(65, "{\"argv\":[\"a\"],\"array\":\"0-9:2,1-9:2\"}", "", &e), -EINVAL);
	assert_int_equal(parse_jobs(10, "{\"argv\":[\"a\"],\"array\":\"0-999999\"}", "", &e), 0);
	assert_int_equal(parse_jobs(11, "{\"argv\":[\"a\"],\"array\":\"0-999999\"}", "", &e), -ERANGE);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_shared_once),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
