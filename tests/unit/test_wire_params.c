/* Strict parameters, envelopes, org.varlink.service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/parse.h"
#include "src/wire/wire.h"

static json_t *json(const char *text)
{
	json_error_t e;
	json_t *j = json_loads(text, JSON_DECODE_ANY, &e);

	if (!j)
		fail_msg("%s: %s", text, e.text);
	return j;
}

static void test_unknown_key(void **state)
{
	static const char *const keys[] = {"cpus", "mem_bytes", "id", NULL}, *const none[] = {NULL};
	const char *many[60] = {0};
	struct mscg_error e = {0};
	json_t *o = json("{\"id\": 1, \"cpu\": 2}");

	(void)state;
	assert_int_equal(wire_check_keys(o, keys, &e), -EINVAL);
	assert_string_equal(e.text, "unknown parameter 'cpu': expected one of cpus, mem_bytes, id");
	assert_int_equal(wire_check_keys(o, none, &e), -EINVAL);
	assert_string_equal(e.text, "unknown parameter 'id': expected none");
	for (size_t i = 0; i < ARRAY_SIZE(many) - 1; i++)
		many[i] = "some_long_name";
	assert_int_equal(wire_check_keys(o, many, &e), -EINVAL);
	assert_non_null(strstr(e.text, "some_long_name, ..."));
	assert_string_equal(e.text + strlen(e.text) - 5, ", ...");
	json_object_del(o, "cpu");
	assert_int_equal(wire_check_keys(o, keys, &e), 0);
	assert_int_equal(wire_check_keys(NULL, keys, &e), 0);
	json_decref(o);
	/* A hostile key makes one short line all the same. */
	o = json_object();
	json_object_set_new(o, "\033[2Jx\nlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong", json_null());
	assert_int_equal(wire_check_keys(o, keys, &e), -EINVAL);
	assert_null(strpbrk(e.text, "\033\n"));
	json_decref(o);
}

enum type { STRING, BOOL, INT, MILLI, STRV, TIME, ID };

/* What becomes of {"k": value}. */
static int get(enum type type, const char *value, void *ret, struct mscg_error *e)
{
	json_t *v = json(value), *o = json_object();
	char **strv = NULL;
	const char *text;
	int r = 0;

	json_object_set_new(o, "k", v);
	switch (type) {
	case STRING:
		r = wire_get_string(o, "k", &text, e);
		break;
	case BOOL:
		r = wire_get_bool(o, "k", ret, e);
		break;
	case INT:
		r = wire_get_int(o, "k", -5, 100, ret, e);
		break;
	case MILLI:
		r = wire_get_milli(o, "k", ret, e);
		break;
	case STRV:
		r = wire_get_strv(o, "k", &strv, e);
		if (r > 0)
			*(size_t *)ret = strv_length(strv);
		strv_free(strv);
		break;
	case TIME:
		r = wire_get_time(o, "k", ret, e);
		break;
	case ID:
		r = wire_get_id(o, "k", ret, e);
		break;
	}
	json_decref(o);
	return r;
}

static void test_wrong_types(void **state)
{
	static const struct {
		enum type   type;
		const char *value, *text;
	} cases[] = {
		{STRING, "1", "k is 1: expected a string"},
		{STRING, "[]", "k is a list: expected a string"},
		{BOOL, "1", "k is 1: expected true or false"},
		{BOOL, "\"yes\"", "k is \"yes\": expected true or false"},
		{INT, "\"5\"", "k is \"5\": expected a whole number from -5 to 100"},
		{INT, "5.0", "k is 5.0: expected a whole number from -5 to 100"},
		{INT, "-6", "k is -6: expected a whole number from -5 to 100"},
		{INT, "101", "k is 101: expected a whole number from -5 to 100"},
		{INT, "9223372036854775807", "k is 9223372036854775807: expected a whole number from -5 to 100"},
		{INT, "true", "k is true: expected a whole number from -5 to 100"},
		{MILLI, "\"2\"", "k is \"2\": expected a number of CPUs such as 2 or 0.5, 8192 at most"},
		{MILLI, "-1", "k is -1: expected a number of CPUs such as 2 or 0.5, 8192 at most"},
		{MILLI, "1e9", "k is 1000000000.0: expected a number of CPUs such as 2 or 0.5, 8192 at most"},
		{MILLI, "0.0001", "k is 0.0001: expected a number of CPUs with at most three decimals"},
		{MILLI, "1.2345", "k is 1.2345: expected a number of CPUs with at most three decimals"},
		{STRV, "\"a\"", "k is \"a\": expected a list of strings"},
		{STRV, "{\"a\":1}", "k is an object: expected a list of strings"},
		{STRV, "[\"a\",1]", "k[1] is 1: expected a string"},
		{STRV, "[null]", "k[0] is null: expected a string"},
		{TIME, "5", "k is 5: expected a time such as 2026-01-31T12:00:00.5Z"},
		{ID, "5", "k is 5: expected a string"},
		{ID, "\"x\"", "k: invalid job id 'x': expected a number such as 12, or 12_3 for a task of an array"},
		{STRING, "{}", "k is an object: expected a string"},
		{BOOL, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
		 "k is \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": expected true or false"},
	};
	char before[64], after[64];

	(void)state;
	memset(before, 0x5a, sizeof before);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mscg_error e = {0};

		memcpy(after, before, sizeof before);
		assert_int_equal(get(cases[i].type, cases[i].value, after, &e), -EINVAL);
		assert_int_equal(e.code, -EINVAL);
		assert_string_equal(e.text, cases[i].text);
		assert_memory_equal(before, after, sizeof before);
		/* null is the same as absent. */
		assert_int_equal(get(cases[i].type, "null", after, &e), 0);
		assert_memory_equal(before, after, sizeof before);
	}
}

static void test_right_values(void **state)
{
	struct mscg_error e = {0};
	struct mscg_id id;
	uint32_t milli;
	int64_t v;
	size_t n;
	bool b;

	(void)state;
	assert_int_equal(get(INT, "-5", &v, NULL), 1);
	assert_int_equal(v, -5);
	assert_int_equal(get(INT, "100", &v, NULL), 1);
	assert_int_equal(v, 100);
	assert_int_equal(get(BOOL, "true", &b, NULL), 1);
	assert_true(b);
	assert_int_equal(get(STRV, "[]", &n, NULL), 1);
	assert_int_equal(n, 0);
	assert_int_equal(get(STRV, "[\"a\",\"\"]", &n, NULL), 1);
	assert_int_equal(n, 2);
	assert_int_equal(get(ID, "\"12_3\"", &id, NULL), 1);
	assert_int_equal(id.task, 3);
	assert_int_equal(wire_need(0, "id", &e), -EINVAL);
	assert_string_equal(e.text, "id is missing");
	assert_int_equal(wire_need(1, "id", &e), 1);
	/* Every thousandth survives the trip through a decimal fraction. */
	for (uint32_t i = 0; i <= MSCG_CPUS_MAX * 1000u; i += i < 5000 ? 1 : 977) {
		json_t *c = wire_cpus_json(i);
		char *text = json_dumps(c, JSON_ENCODE_ANY | WIRE_DUMP_FLAGS), shown[32];

		assert_string_equal(text, format_cpus(i, shown, sizeof shown));
		assert_int_equal(get(MILLI, text, &milli, NULL), 1);
		assert_int_equal(milli, i);
		free(text);
		json_decref(c);
	}
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t     usec;
	} good[] = {
		{"\"1970-01-01T00:00:00Z\"", 0},
		{"\"2026-01-31T12:00:00.123456Z\"", INT64_C(1769860800123456)},
		{"\"2026-01-31T12:00:00.5Z\"", INT64_C(1769860800500000)},
		{"\"2026-01-31t12:00:00.123456789z\"", INT64_C(1769860800123456)},
		{"\"2026-01-31 13:30:00+01:30\"", INT64_C(1769860800000000)},
		{"\"2026-01-31T07:00:00-05:00\"", INT64_C(1769860800000000)},
		{"\"2024-02-29T00:00:00Z\"", INT64_C(1709164800000000)},
		{"\"2016-12-31T23:59:60Z\"", INT64_C(1483228800000000)},
	};
	static const char *const bad[] = {
		"\"\"", "\"2026\"", "\"2026-01-31\"", "\"2026-01-31T12:00Z\"", "\"2026-01-31T12:00:00\"", "\"2026-02-29T00:00:00Z\"",
		"\"2026-13-01T00:00:00Z\"", "\"2026-00-01T00:00:00Z\"", "\"2026-01-00T00:00:00Z\"", "\"2026-01-01T24:00:00Z\"",
		"\"2026-01-01T00:60:00Z\"", "\"2026-01-01T00:00:61Z\"", "\"2026-01-01T00:00:00.Z\"", "\"2026-01-01T00:00:00Zx\"",
		"\"2026-01-01T00:00:00+1:00\"", "\"2026-01-01T00:00:00+24:00\"", "\"1969-12-31T00:00:00Z\"", "\"+026-01-01T00:00:00Z\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t usec = -1;

		assert_int_equal(get(TIME, good[i].text, &usec, NULL), 1);
		assert_int_equal(usec, good[i].usec);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t usec = -1;

		assert_int_equal(get(TIME, bad[i], &usec, NULL), -EINVAL);
		assert_int_equal(usec, -1);
	}
	for (int64_t t = 1; t < INT64_C(253402300800000000); t += INT64_C(98765432101234)) {
		json_t *j = wire_time_json(t);
		char *text = json_dumps(j, JSON_ENCODE_ANY);
		int64_t usec = -1;

		assert_int_equal(get(TIME, text, &usec, NULL), 1);
		assert_int_equal(usec, t);
		free(text);
		json_decref(j);
	}
}

/* -- envelopes -------------------------------------------------------------------------------------------------- */

static void test_requests(void **state)
{
	static const struct {
		const char *message, *text;
	} bad[] = {
		{"{}", "method is missing"},
		{"{\"method\": 5}", "method is 5: expected a string"},
		{"{\"method\": \"a.b\", \"parameters\": []}", "parameters of 'a.b' are no object"},
		{"{\"method\": \"a.b\", \"more\": 1}", "more is 1: expected true or false"},
		{"{\"method\": \"a.b\", \"uid\": 0}", "unknown parameter 'uid': expected one of method, parameters, more, oneway, upgrade"},
	};
	struct wire_request request;
	struct mscg_error e = {0};
	json_t *m = wire_call("Show", json("{\"id\": \"1\"}"), true);

	(void)state;
	assert_int_equal(wire_request_parse(m, &request, &e), 0);
	assert_string_equal(request.method, "io.mscg.Show");
	assert_true(request.more && !request.oneway && !request.upgrade);
	assert_int_equal(json_object_size(request.parameters), 1);
	json_decref(m);
	m = wire_call("org.varlink.service.GetInfo", NULL, false);
	assert_int_equal(wire_request_parse(m, &request, &e), 0);
	assert_string_equal(request.method, "org.varlink.service.GetInfo");
	assert_false(request.more);
	json_decref(m);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		m = json(bad[i].message);
		assert_int_equal(wire_request_parse(m, &request, &e), -EINVAL);
		assert_string_equal(e.text, bad[i].text);
		json_decref(m);
	}
}

static void test_responses(void **state)
{
	static const char *const bad[] = {"{\"parameters\": 1}", "{\"error\": 1}", "{\"continues\": \"x\"}", "{\"x\": 1}"};
	struct mscg_error e = {0}, why = {.text = "no job 7"};
	struct wire_response response;
	const char *text = NULL;
	json_t *m = wire_reply(json("{\"a\": 1}"), true);

	(void)state;
	assert_int_equal(wire_response_parse(m, &response, &e), 0);
	assert_null(response.error);
	assert_true(response.continues);
	json_decref(m);
	m = wire_error_reply("NoSuchJob", &why, json("{\"id\": \"7\"}"));
	assert_int_equal(wire_response_parse(m, &response, &e), 0);
	assert_string_equal(response.error, "io.mscg.NoSuchJob");
	assert_false(response.continues);
	assert_int_equal(wire_get_string(response.parameters, "message", &text, NULL), 1);
	assert_string_equal(text, "no job 7");
	assert_int_equal(wire_get_string(response.parameters, "id", &text, NULL), 1);
	json_decref(m);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		m = json(bad[i]);
		assert_int_equal(wire_response_parse(m, &response, &e), -EBADMSG);
		assert_int_equal(e.code, -EBADMSG);
		json_decref(m);
	}
	m = json("{}");
	assert_int_equal(wire_response_parse(m, &response, &e), 0);
	assert_null(response.parameters);
	json_decref(m);
}

static void test_error_names(void **state)
{
	(void)state;
	assert_int_equal(wire_error_by_name("NoSuchJob")->code, -ESRCH);
	assert_int_equal(wire_error_by_name("io.mscg.NoSuchJob")->code, -ESRCH);
	assert_int_equal(wire_error_by_name("io.mscg.NoSuchJob")->exit_status, 3);
	assert_int_equal(wire_error_by_name("io.mscg.NotPermitted")->exit_status, 5);
	assert_int_equal(wire_error_by_name("org.varlink.service.MethodNotFound")->code, -EOPNOTSUPP);
	assert_string_equal(wire_error_by_name("com.example.NoSuchJob")->name, "Failed");
	assert_string_equal(wire_error_by_name("")->name, "Failed");
	assert_string_equal(wire_error_by_code(-ESRCH)->name, "NoSuchJob");
	assert_string_equal(wire_error_by_code(-EACCES)->name, "NotPermitted");
	assert_string_equal(wire_error_by_code(-EBADF)->name, "Failed");
	assert_int_equal(wire_error_by_code(-ECONNREFUSED)->exit_status, 4);
	/* Every error of the interface file has its row. */
	for (const char *p = wire_interface_description; (p = strstr(p, "\nerror ")); p++) {
		_cleanup_free_ char *name = xstrndup(p + 7, strcspn(p + 7, "( "));

		assert_string_equal(wire_error_by_name(name)->name, name);
	}
}

static int ask(const char *method, const char *parameters, json_t **ret)
{
	struct wire_request request;
	json_t *m = wire_call(method, parameters ? json(parameters) : NULL, false);
	const char *own = NULL;
	int r;

	*ret = NULL;
	assert_int_equal(wire_request_parse(m, &request, NULL), 0);
	r = wire_service(&request, &own, ret);
	if (r == 0)
		assert_string_equal(own, "Submit");
	json_decref(m);
	return r;
}

static void expect_error(json_t *reply, const char *name, const char *key, const char *value)
{
	assert_string_equal(json_string_value(json_object_get(reply, "error")), name);
	assert_string_equal(json_string_value(json_object_get(json_object_get(reply, "parameters"), key)), value);
	json_decref(reply);
}

static void test_service(void **state)
{
	json_t *reply, *p;

	(void)state;
	assert_int_equal(ask("Submit", NULL, &reply), 0);
	assert_null(reply);
	assert_int_equal(ask("org.varlink.service.GetInfo", NULL, &reply), 1);
	p = json_object_get(reply, "parameters");
	assert_string_equal(json_string_value(json_object_get(p, "version")), MSCG_VERSION);
	assert_string_equal(json_string_value(json_array_get(json_object_get(p, "interfaces"), 1)), "io.mscg");
	json_decref(reply);
	assert_int_equal(ask("org.varlink.service.GetInterfaceDescription", "{\"interface\": \"io.mscg\"}", &reply), 1);
	p = json_object_get(json_object_get(reply, "parameters"), "description");
	assert_string_equal(json_string_value(p), wire_interface_description);
	assert_non_null(strstr(json_string_value(p), "interface io.mscg\n"));
	json_decref(reply);
	ask("org.varlink.service.GetInterfaceDescription", "{\"interface\": \"org.varlink.service\"}", &reply);
	p = json_object_get(json_object_get(reply, "parameters"), "description");
	assert_non_null(strstr(json_string_value(p), "\ninterface org.varlink.service\n"));
	json_decref(reply);

	ask("org.varlink.service.GetInterfaceDescription", "{\"interface\": \"x\"}", &reply);
	expect_error(reply, "org.varlink.service.InterfaceNotFound", "interface", "x");
	ask("org.varlink.service.GetInterfaceDescription", "{\"interface\": 1}", &reply);
	expect_error(reply, "org.varlink.service.InvalidParameter", "parameter", "interface");
	ask("org.varlink.service.GetInterfaceDescription", NULL, &reply);
	expect_error(reply, "org.varlink.service.InvalidParameter", "parameter", "interface");
	ask("org.varlink.service.Nothing", NULL, &reply);
	expect_error(reply, "org.varlink.service.MethodNotFound", "method", "org.varlink.service.Nothing");
	ask("com.example.Do", NULL, &reply);
	expect_error(reply, "org.varlink.service.InterfaceNotFound", "interface", "com.example");
	ask("io.mscg.sub.Do", NULL, &reply);
	expect_error(reply, "org.varlink.service.InterfaceNotFound", "interface", "io.mscg.sub");
	expect_error(wire_unknown_method("Nothing"), "org.varlink.service.MethodNotFound", "method", "io.mscg.Nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_right_values),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_error_names),
		cmocka_unit_test(test_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
