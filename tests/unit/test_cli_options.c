/* The CLI's one parser of options, its tables, and the lines of batch scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/cli/cli.h"
#include "src/cli/job_options.h"
#include "src/cli/script.h"
#include "src/cli/verbs.h"

struct values {
	bool        flag, off;
	const char *text, *word;
	uint32_t    cpus, states;
	int32_t     number;
};

static const struct option_spec table[] = {
	{'f', "flag", NULL, "", value_true, offsetof(struct values, flag)},
	{0, "off", NULL, "", value_false, offsetof(struct values, off)},
	{'t', "text", "TEXT", "", value_text, offsetof(struct values, text)},
	{0, "word", "WORD", "", value_word, offsetof(struct values, word), .words = "one|three"},
	{'c', "cpus", "N", "", value_cpus, offsetof(struct values, cpus)},
	{0, "cpus-per-task", "N", "", value_cpus, offsetof(struct values, cpus), OPTION_HIDDEN},
	{'n', "number", "N", "", value_int32, offsetof(struct values, number)},
	{'s', "states", "S", "", value_state, offsetof(struct values, states)},
	{0, "later", "X", "later things", NULL, 0, OPTION_LATER},
	{'i', "ignored", "X", "no meaning", NULL, 0, OPTION_IGNORED},
	{0, "stop", NULL, "", value_true, offsetof(struct values, flag), OPTION_STOP},
	{0},
};

/* Splits `line` at blanks; "''" is an empty word. Joins the words that were no options with '|'. */
static int parse(const char *line, unsigned flags, struct values *v, char rest[200], struct mscg_error *e)
{
	const struct option_set sets[OPTION_SETS] = {{table, v}};
	static char **argv; /* what the values point into */
	_cleanup_free_ char **words = NULL;
	int r;

	strv_free(argv);
	assert_int_equal(script_split(line, strlen(line), &argv, e), 0);
	r = options_parse(sets, (int)strv_length(argv), argv, flags, "here", &words, e);
	rest[0] = '\0';
	for (char **w = words; w && *w; w++)
		snprintf(rest + strlen(rest), 200 - strlen(rest), "%s%s", w == words ? "" : "|", *w);
	return r;
}

static void test_forms(void **state)
{
	struct values v = {.off = true};
	struct mscg_error e = {0};
	char rest[200];

	(void)state;
	assert_int_equal(parse("-f --off a -t x b --word=three -c4 --number -7 c", 0, &v, rest, &e), 0);
	assert_string_equal(rest, "a|b|c");
	assert_true(v.flag && !v.off);
	assert_string_equal(v.text, "x");
	assert_string_equal(v.word, "three");
	assert_int_equal(v.cpus, 4000);
	assert_int_equal(v.number, -7);

	v = (struct values){0};
	assert_int_equal(parse("-fc2 -n=3", 0, &v, rest, &e), -EINVAL);
	v = (struct values){0};
	assert_int_equal(parse("-fc2 --cpus-per-task 3 --text --off -- -f --", 0, &v, rest, &e), 0);
	assert_string_equal(rest, "-f|--");
	assert_string_equal(v.text, "--off");
	assert_int_equal(v.cpus, 3000);

	v = (struct values){0};
	assert_int_equal(parse("- -f", 0, &v, rest, &e), 0);
	assert_string_equal(rest, "-");
	assert_true(v.flag);

	v = (struct values){0};
	assert_int_equal(parse("-s PD,r --states=TIMEOUT", 0, &v, rest, &e), 0);
	assert_int_equal(v.states, 1u << MSCG_STATE_PENDING | 1u << MSCG_STATE_RUNNING | 1u << MSCG_STATE_TIMEOUT);
}

static void test_command(void **state)
{
	struct values v = {0};
	struct mscg_error e = {0};
	char rest[200];

	(void)state;
	assert_int_equal(parse("-c 2 prog -c 9 -- --nonsense", PARSE_COMMAND, &v, rest, &e), 0);
	assert_string_equal(rest, "prog|-c|9|--|--nonsense");
	assert_int_equal(v.cpus, 2000);
	assert_int_equal(parse("-c 2 -- -prog -f", PARSE_COMMAND, &v, rest, &e), 0);
	assert_string_equal(rest, "-prog|-f");
}

static void test_refusals(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"--nonsense", "unknown option --nonsense"}, {"-z", "unknown option -z"}, {"-fz", "unknown option -z"},
		{"--flag=1", "--flag takes no value, '1' was given"}, {"--text", "--text: expected a value, TEXT"},
		{"-t", "-t: expected a value, TEXT"}, {"--text=", "--text: the value is empty"}, {"-t ''", "-t: the value is empty"},
		{"--word two", "--word: 'two': expected one of one|three"}, {"--word thr", "'thr'"}, {"-c 0", "-c: invalid number of CPUs '0'"},
		{"--cpus x", "--cpus: "}, {"--later 1", "--later (later things) is not in this version"}, {"--ignored", "--ignored: expected a value, X"},
		{"-s FOO", "FOO"}, {"-s ,", "empty"}, {"--o", "unknown option --o"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct values v = {0};
		struct mscg_error e = {0};
		char rest[200];

		assert_int_equal(parse(cases[i].line, 0, &v, rest, &e), -EINVAL);
		if (!strstr(e.text, cases[i].text))
			fail_msg("'%s': '%s' has no '%s'", cases[i].line, e.text, cases[i].text);
	}
}

static void test_beginnings(void **state)
{
	struct values v = {0};
	struct mscg_error e = {0};
	char rest[200];

	(void)state;
	assert_int_equal(parse("--fla --num 3 --cpus 2", 0, &v, rest, &e), 0);
	assert_true(v.flag);
	assert_int_equal(v.number, 3);
	assert_int_equal(v.cpus, 2000);
	/* Another spelling, what is not there yet and what has no meaning do not make it doubtful, and are not guessed. */
	assert_int_equal(parse("--cpu 5", 0, &v, rest, &e), 0);
	assert_int_equal(v.cpus, 5000);
	assert_int_equal(parse("--lat 5", 0, &v, rest, &e), -EINVAL);
	assert_int_equal(parse("--ign 5", 0, &v, rest, &e), -EINVAL);
}

static void test_stop(void **state)
{
	struct values v = {0};
	struct mscg_error e = {0};
	char rest[200];

	(void)state;
	assert_int_equal(parse("a --stop --nonsense -c zero", 0, &v, rest, &e), 0);
	assert_true(v.flag);
}

/* Whatever the tables say must be sayable: no name twice, every row sets
 * something or is refused, every choice has its words. */
static void test_tables(void **state)
{
	(void)state;
	for (const struct verb *const *p = cli_verbs; *p; p++) {
		const struct verb *verb = *p;

		assert_non_null(verb->name);
		assert_non_null(verb->summary);
		assert_non_null(verb->run);
		assert_ptr_equal(cli_find_verb(verb->name), verb);
		for (const struct option_spec *o = verb->options; o && o->name; o++) {
			assert_non_null(o->help);
			if (!(o->flags & (OPTION_LATER | OPTION_IGNORED)))
				assert_non_null(o->set);
			if (o->set == value_word || o->set == value_yes_no)
				assert_non_null(o->words);
			for (const struct option_spec *q = verb->options; q < o; q++) {
				if (streq(q->name, o->name))
					fail_msg("%s: --%s twice", verb->name, o->name);
				if (o->short_name && q->short_name == o->short_name)
					fail_msg("%s: -%c twice (--%s, --%s)", verb->name, o->short_name, q->name, o->name);
			}
		}
	}
}

static void test_split(void **state)
{
	static const struct {
		const char *line, *words;
	} cases[] = {
		{"", ""}, {"  \t ", ""}, {"a", "<a>"}, {" a  b\t c ", "<a><b><c>"}, {"'a b' \"c d\"", "<a b><c d>"},
		{"a'b c'd", "<ab cd>"}, {"''", "<>"}, {"a\\ b", "<a b>"}, {"'a\\b'", "<a\\b>"}, {"\"a\\\"b\"", "<a\"b>"},
		{"a # b", "<a>"}, {"a#b", "<a#b>"}, {"#a", ""}, {"'#a'", "<#a>"}, {"\"it's\"", "<it's>"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strv_ char **words = NULL;
		char joined[200] = "";

		assert_int_equal(script_split(cases[i].line, strlen(cases[i].line), &words, NULL), 0);
		for (char **w = words; *w; w++)
			snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "<%s>", *w);
		assert_string_equal(joined, cases[i].words);
	}
	for (const char *const *bad = (const char *const[]){"'a", "\"a", "a'b\"", NULL}; *bad; bad++) {
		char **words = NULL;
		struct mscg_error e = {0};

		assert_int_equal(script_split(*bad, strlen(*bad), &words, &e), -EINVAL);
		assert_null(words);
		assert_non_null(strstr(e.text, "not closed"));
	}
}

static void test_script(void **state)
{
	static const char text[] = "#!/bin/sh\n"
	                           "#MSCG -c 2\n"
	                           "\n"
	                           "# #MSCG -c 3\n"
	                           "##MSCG -c 3\n"
	                           "#SBATCH -c 4 --number 5\n"
	                           "#MSCGX -c 3\n"
	                           "#MSCG\t--text 'a b'\n"
	                           "echo hi\n"
	                           "#MSCG -c 3\n";
	struct values v = {0};
	const struct option_set sets[OPTION_SETS] = {{table, &v}};
	struct mscg_error e = {0};

	(void)state;
	assert_int_equal(script_options("job.sh", text, sets, &e), 0);
	assert_int_equal(v.cpus, 2000);
	assert_int_equal(v.number, 5);
	assert_string_equal(v.text, "a b");
	assert_int_equal(script_options("job.sh", "#!/bin/sh\n#\n#SBATCH -c 1 x\n", sets, &e), -EINVAL);
	assert_non_null(strstr(e.text, "job.sh, line 3: 'x' is no option"));
	assert_int_equal(script_options("job.sh", "#!/bin/sh\n#MSCG --nonsense", sets, &e), -EINVAL);
	assert_non_null(strstr(e.text, "job.sh, line 2: unknown option --nonsense"));
	assert_int_equal(script_options("job.sh", "#!/bin/sh", sets, &e), 0);
	assert_int_equal(script_options("job.sh", "", sets, &e), 0);
	assert_int_equal(script_options("job.sh", "#!/bin/sh\n#SBATCH -i foo --ignored bar\n", sets, &e), 0);
	assert_int_equal(script_options("job.sh", "#!/bin/sh\n#MSCG -i foo\n", sets, &e), 0);
}

static void test_json_values(void **state)
{
	json_t *o = json_pack("{s:s, s:i, s:f, s:b, s:n, s:s, s:s}", "t", "text", "i", 7, "r", 0.5, "b", true, "null", "time",
	                      "2026-01-31T12:00:00.123456Z", "bad", "2026-01-31T25:00:00Z");

	(void)state;
	assert_string_equal(jtext(o, "t", "-"), "text");
	assert_string_equal(jtext(o, "null", "-"), "-");
	assert_string_equal(jtext(o, "i", "-"), "-");
	assert_int_equal(jint(o, "i", 1), 7);
	assert_int_equal(jint(o, "none", 1), 1);
	assert_true(jreal(o, "r", 0) == 0.5 && jreal(o, "i", 0) == 7.0);
	assert_true(jbool(o, "b", false));
	assert_false(jhas(o, "null"));
	assert_true(jhas(o, "i"));
	assert_int_equal(jtime(o, "time"), INT64_C(1769860800123456));
	assert_int_equal(jtime(o, "bad"), 0);
	assert_int_equal(jtime(o, "none"), 0);
	json_decref(o);
}

static void test_plain(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(plain("a\033[2Jb\nc\x7f", buf, sizeof buf), "a?[2Jb?c?");
	assert_string_equal(plain("\xc3\xbc\xff", buf, sizeof buf), "\xc3\xbc?");
	/* What does not fit ends with a whole character. */
	assert_string_equal(plain("\xc3\xbc\xc3\xbc", buf, 4), "\xc3\xbc");
}

static void test_environment(void **state)
{
	char **env;

	(void)state;
	setenv("MSCG_TEST_A", "1", 1);
	unsetenv("MSCG_JOB_ID");
	assert_null(job_environment("NONE"));
	env = job_environment("MSCG_TEST_A,B=2,C='x,y',NOSUCHVARIABLE");
	assert_int_equal(strv_length(env), 3);
	assert_string_equal(env_get(env, "MSCG_TEST_A"), "1");
	assert_string_equal(env_get(env, "C"), "x,y");
	strv_free(env);
	env = job_environment("MSCG_TEST_A=9,ALL");
	assert_string_equal(env_get(env, "MSCG_TEST_A"), "9");
	assert_non_null(env_get(env, "PATH"));
	strv_free(env);
	env = job_environment(NULL);
	assert_string_equal(env_get(env, "MSCG_TEST_A"), "1");
	strv_free(env);
	/* Inside a job, what describes that job is not true of the next. */
	setenv("MSCG_JOB_ID", "5", 1);
	setenv("MSCG_CPUS_ON_NODE", "3", 1);
	setenv("OMP_NUM_THREADS", "3", 1);
	setenv("MKL_NUM_THREADS", "2", 1);
	env = job_environment(NULL);
	assert_null(env_get(env, "MSCG_TEST_A"));
	assert_null(env_get(env, "OMP_NUM_THREADS"));
	assert_string_equal(env_get(env, "MKL_NUM_THREADS"), "2");
	strv_free(env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),       cmocka_unit_test(test_command), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_beginnings),  cmocka_unit_test(test_stop),    cmocka_unit_test(test_tables),
		cmocka_unit_test(test_split),       cmocka_unit_test(test_script),  cmocka_unit_test(test_json_values),
		cmocka_unit_test(test_plain),       cmocka_unit_test(test_environment),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cli_options", tests, NULL, NULL);
}
