/* The kernel's text forms, as Linux 6.1, 6.12 and 6.18 write them. */
#include "cgroup/internal.h"

#include <setjmp.h>
#include <stdarg.h>
/* after stdarg.h, setjmp.h */
#include <cmocka.h>

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int         code;
		uint64_t    value;
	} cases[] = {
		{ "0\n", 0, 0 }, { "42", 0, 42 }, { "max\n", 0, MSCG_CGROUP_MAX }, { "18446744073709551615\n", 0, UINT64_MAX - 1 },
		{ "99999999999999999999999\n", 0, UINT64_MAX - 1 }, { "9223372036854771712\n", 0, 9223372036854771712u },
		{ "", -EBADMSG, 0 }, { "\n", -EBADMSG, 0 }, { "-1\n", -EBADMSG, 0 }, { "12 34", -EBADMSG, 0 },
		{ "maximum", -EBADMSG, 0 }, { "1\n2\n", -EBADMSG, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 7;
		assert_int_equal(cg_parse_number(cases[i].text, &v), cases[i].code);
		assert_true(v == (cases[i].code ? 7 : cases[i].value));
	}
}

static void flat(void **state)
{
	static const char text[] = "usage_usec 171\nuser_usec 100\nnice_usec 0\nsystem_usec 71\ncore_sched.force_idle_usec 0\n"
	                           "odd line here\nempty\ntail max";
	uint64_t v;
	(void)state;
	assert_true(cg_flat_get(text, "usage_usec", &v) && v == 171);
	assert_true(cg_flat_get(text, "system_usec", &v) && v == 71);
	assert_true(cg_flat_get(text, "core_sched.force_idle_usec", &v) && v == 0);
	assert_true(cg_flat_get(text, "tail", &v) && v == MSCG_CGROUP_MAX);
	assert_false(cg_flat_get(text, "usage", &v));
	assert_false(cg_flat_get(text, "odd", &v));
	assert_false(cg_flat_get(text, "empty", &v));
	assert_false(cg_flat_get("", "x", &v));
}

struct sum {
	uint64_t rbytes, n;
};

static void add_rbytes(void *ctx, const char *key, size_t length, uint64_t value)
{
	struct sum *s = ctx;

	s->n++;
	if (length == 6 && strncmp(key, "rbytes", 6) == 0)
		s->rbytes += value;
}

static void nested(void **state)
{
	static const char text[] = "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n"
	                           "8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n"
	                           "254:0\n"
	                           "9:0 cost.vrate=100.00 rbytes=1\n";
	struct sum s = { 0 };
	(void)state;
	cg_parse_nested(text, add_rbytes, &s);
	assert_int_equal(s.rbytes, 1459200 + 90430464 + 1);
	assert_int_equal(s.n, 13); /* the fraction is passed over */
}

static void events(void **state)
{
	struct mscg_cgroup_events e;
	(void)state;
	cg_parse_events("populated 1\nfrozen 0\n", &e);
	assert_true(e.populated && !e.frozen);
	cg_parse_events("populated 0\nfrozen 1\n", &e);
	assert_true(!e.populated && e.frozen);
	cg_parse_events("populated 1\n", &e); /* before 5.2 */
	assert_true(e.populated && !e.frozen);
}

static void pressure(void **state)
{
	struct mscg_cgroup_pressure p = { { 1, 1, 1, 1 }, { 1, 1, 1, 1 } };
	(void)state;
	assert_int_equal(cg_parse_pressure("some avg10=12.34 avg60=1.50 avg300=0.00 total=123456789\n"
	                                   "full avg10=0.01 avg60=100.00 avg300=0.00 total=5\n", &p), 0);
	assert_true(p.some.avg10 > 12.339 && p.some.avg10 < 12.341);
	assert_true(p.some.avg60 > 1.499 && p.some.avg60 < 1.501);
	assert_int_equal(p.some.total_usec, 123456789);
	assert_true(p.full.avg10 > 0.009 && p.full.avg10 < 0.011 && p.full.avg60 > 99.99);
	assert_int_equal(p.full.total_usec, 5);
	/* cpu.pressure before 5.13 has no full line */
	assert_int_equal(cg_parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", &p), 0);
	assert_true(p.full.avg10 < 0 && p.full.total_usec == MSCG_CGROUP_UNKNOWN);
	assert_int_equal(cg_parse_pressure("", &p), -EBADMSG);
	assert_int_equal(cg_parse_pressure("some avg10=x\n", &p), -EBADMSG);
}

static void cpu_max(void **state)
{
	uint64_t q, p;
	(void)state;
	assert_int_equal(cg_parse_cpu_max("max 100000\n", &q, &p), 0);
	assert_true(q == MSCG_CGROUP_MAX && p == 100000);
	assert_int_equal(cg_parse_cpu_max("150000 50000\n", &q, NULL), 0);
	assert_int_equal(q, 150000);
	assert_int_equal(cg_parse_cpu_max("150000\n", &q, &p), -EBADMSG);
}

static void io_max(void **state)
{
	static const char text[] = "8:1 rbps=1 wbps=2 riops=3 wiops=4\n8:16 rbps=2097152 wbps=max riops=max wiops=120\n";
	struct mscg_cgroup_io_max m;
	(void)state;
	assert_int_equal(cg_parse_io_max(text, 8, 16, &m), 0);
	assert_true(m.rbps == 2097152 && m.wbps == MSCG_CGROUP_MAX && m.riops == MSCG_CGROUP_MAX && m.wiops == 120);
	assert_int_equal(cg_parse_io_max(text, 8, 1, &m), 0);
	assert_true(m.rbps == 1 && m.wiops == 4);
	assert_int_equal(cg_parse_io_max("", 8, 1, &m), 0);
	assert_true(m.rbps == MSCG_CGROUP_MAX);
}

static void partition(void **state)
{
	enum mscg_cgroup_partition p;
	const char *why;
	(void)state;
	assert_int_equal(cg_parse_partition("member\n", &p, &why), 0);
	assert_true(p == MSCG_CGROUP_MEMBER && !why);
	assert_int_equal(cg_parse_partition("root invalid (Cpu list in cpuset.cpus not exclusive)\n", &p, &why), 0);
	assert_int_equal(p, MSCG_CGROUP_ROOT);
	assert_string_equal(why, "(Cpu list in cpuset.cpus not exclusive)\n");
	assert_int_equal(cg_parse_partition("isolated", &p, &why), 0);
	assert_true(p == MSCG_CGROUP_ISOLATED && !why);
	assert_int_equal(cg_parse_partition("rootless\n", &p, &why), -EBADMSG);
}

static void signal_masks(void **state)
{
	static const char status[] = "Name:\tSigCgt: 1\nUmask:\t0022\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000200\n"
	                             "SigIgn:\t0000000000001000\nSigCgt:\t00000001a0000a00\nCapInh:\t0000000000000000\n";
	uint64_t v;
	(void)state;
	assert_true(cg_parse_sigmask(status, "SigCgt", &v) && v == 0x1a0000a00);
	assert_true(cg_parse_sigmask(status, "SigBlk", &v) && v == 0x200);
	assert_false(cg_parse_sigmask(status, "SigQ", &v));
	assert_false(cg_parse_sigmask("SigCgt:\tno\n", "SigCgt", &v));
}

static void pid_lists(void **state)
{
	pid_t *pids = NULL;
	size_t n = 0, cap = 0;
	(void)state;
	cg_parse_pids("12\n0\n7\n", &pids, &n, &cap); /* 0: in another pid namespace */
	cg_parse_pids("", &pids, &n, &cap);
	cg_parse_pids("4194304", &pids, &n, &cap);
	assert_int_equal(n, 3);
	assert_true(pids[0] == 12 && pids[1] == 7 && pids[2] == 4194304);
	free(pids);
}

static void controllers(void **state)
{
	char text[64];
	(void)state;
	assert_int_equal(mscg_cgroup_controllers_parse("cpuset cpu io memory hugetlb pids rdma misc dmem futurum\n"), 0x1ff);
	assert_int_equal(mscg_cgroup_controllers_parse("cpu,cpuacct"), MSCG_CGROUP_BIT(CPU));
	assert_int_equal(mscg_cgroup_controllers_parse("blkio"), MSCG_CGROUP_BIT(IO));
	assert_int_equal(mscg_cgroup_controllers_parse(""), 0);
	assert_int_equal(mscg_cgroup_controllers_format(MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(PIDS), text, sizeof text), 8);
	assert_string_equal(text, "cpu pids");
	assert_int_equal(mscg_cgroup_controllers_format(MSCG_CGROUP_BIT(CPU) | MSCG_CGROUP_BIT(PIDS), text, 4), 8);
	assert_string_equal(text, "cpu");
	assert_int_equal(mscg_cgroup_controllers_format(0, text, sizeof text), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),  cmocka_unit_test(flat),      cmocka_unit_test(nested),       cmocka_unit_test(events),
		cmocka_unit_test(pressure), cmocka_unit_test(cpu_max),   cmocka_unit_test(io_max),       cmocka_unit_test(partition),
		cmocka_unit_test(signal_masks), cmocka_unit_test(pid_lists), cmocka_unit_test(controllers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cgroup parse", tests, NULL, NULL);
}
