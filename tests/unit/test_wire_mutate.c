/* Valid messages, damaged in every way, by the hundred thousand: nothing crashes, and every refusal has its text. What
 * libFuzzer finds in tests/fuzz, this finds without clang, in seconds and always the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/buf.h"
#include "src/base/utf8.h"
#include "src/wire/wire.h"
#include "tests/unit/wire_random.h"

#include <sys/socket.h>

#define TEXT_CASES 60000
#define TREE_CASES 40000

#define TEMPLATES  400

static uint64_t accepted, refused;
static struct {
	json_t *tree;
	char   *text;
} templates[TEMPLATES];

static void expect_text(int r, const struct mscg_error *e)
{
	if (r >= 0) {
		accepted++;
		return;
	}
	refused++;
	assert_int_equal(e->code, r);
	assert_true(*e->text && utf8_valid(e->text, strlen(e->text)));
}

/* Everything that reads messages from a stranger. */
static void read_all(const json_t *message)
{
	const json_t *p = json_object_get(message, "parameters");
	struct mscg_spec **specs;
	struct wire_request request;
	struct wire_response response;
	struct mscg_usage usage;
	struct mscg_event event;
	struct mscg_error e = {0};
	json_t *reply = NULL;
	const char *method;
	uint32_t n;
	int r;

	r = wire_request_parse(message, &request, &e);
	expect_text(r, &e);
	if (r == 0 && wire_service(&request, &method, &reply))
		json_decref(reply);
	expect_text(wire_response_parse(message, &response, &e), &e);
	r = wire_submit_parse(p, &specs, &n, &e);
	expect_text(r, &e);
	if (r == 0)
		wire_specs_free(specs, n);
	r = wire_event_parse(p, &event, &e);
	expect_text(r, &e);
	if (r == 0)
		mscg_event_clear(&event);
	expect_text(wire_usage_parse(p, &usage, &e), &e);
}

static json_t *valid_message(void)
{
	struct mscg_spec *specs[2];
	struct mscg_event event = {.seq = rnd() >> 1, .id = {1 + rnd_below(9), MSCG_NO_TASK}, .time_usec = 1 + rnd_below(UINT32_MAX),
	                           .kind = (uint8_t)rnd_below(MSCG_EVENT_COUNT), .cpus_milli = rnd_below(9000)};
	struct mscg_usage usage;
	json_t *p = NULL;
	uint32_t n;

	switch (rnd_below(8)) {
	case 0:
		return wire_call("Event", wire_event_json(&event), false);
	case 1:
		mscg_usage_init(&usage);
		return wire_reply(wire_usage_json(&usage, rnd()), true);
	case 2:
		return wire_call("org.varlink.service.GetInterfaceDescription", json_pack("{s:s}", "interface", "io.mscg"), false);
	default:
		n = rnd_one_in(4) ? 2 : 1;
		for (uint32_t i = 0; i < n; i++)
			specs[i] = rnd_spec();
		p = wire_submit_build(specs, n, NULL);
		for (uint32_t i = 0; i < n; i++)
			mscg_spec_free(specs[i]);
		return wire_call("Submit", p, rnd_one_in(2));
	}
}

/* -- damaged text ----------------------------------------------------------------------------------------------- */

static void damage(struct buf *b)
{
	static const char *const bits[] = {
		"\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "\\ud800", "null", "true", "-1", "1e308", "99999999999999999999",
		"0.0001", "\xff", "\xc3", "\x01", "\"cpus\":", "\"env\":", "\"array\":\"0-9,0-9:2\",", "4294967296", "-2147483649",
	};
	const char *bit = bits[rnd_below(ARRAY_SIZE(bits))];
	size_t at = rnd_below((uint32_t)b->size + 1), n = 1 + rnd_below(rnd_one_in(4) ? 50 : 3);
	_cleanup_buf_ struct buf out = {0};

	n = MIN_OF(n, b->size - at);
	buf_add(&out, b->data, at);
	switch (rnd_below(4)) {
	case 0: /* another byte */
		buf_addc(&out, (char)rnd_below(256));
		break;
	case 1: /* something that means something */
		buf_adds(&out, bit);
		break;
	case 2: /* twice */
		buf_add(&out, b->data + at, n);
		n = 0;
		break;
	default: /* gone */
		break;
	}
	buf_add(&out, b->data + at + n, b->size - at - n);
	buf_free(b);
	*b = (struct buf){.data = out.data, .size = out.size, .cap = out.cap};
	out = (struct buf){0};
}

static void test_text(void **state)
{
	struct wire_conn *conn = NULL;
	int raw = -1;

	(void)state;
	for (int i = 0; i < TEXT_CASES; i++) {
		_cleanup_buf_ struct buf b = {0};
		struct mscg_error e = {0};
		json_t *got = NULL;
		int r;

		buf_adds(&b, templates[rnd_below(TEMPLATES)].text);
		for (uint32_t k = 1 + rnd_below(3); k > 0; k--)
			damage(&b);
		if (i % 4) {
			/* An exact copy: a byte too far is seen. */
			_cleanup_free_ char *text = xmalloc(b.size + 1);

			memcpy(text, b.data, b.size + 1);
			r = wire_parse(text, strlen(text), &got, &e);
			expect_text(r, &e);
			if (r == 0) {
				read_all(got);
				json_decref(got);
			}
			continue;
		}
		/* Through a connection, which lasts until something makes no sense. */
		if (!conn) {
			int pair[2];

			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
			conn = wire_conn_new(pair[0]);
			raw = pair[1];
		}
		assert_int_equal(send(raw, b.data, b.size + 1, 0), b.size + 1);
		do {
			r = wire_conn_read(conn);
			while (r == 1 && (r = wire_conn_next(conn, &got, &e)) == 1) {
				read_all(got);
				json_decref(got);
			}
		} while (r == 0);
		if (r != -EAGAIN) {
			expect_text(r, &e);
			wire_conn_free(conn);
			close(raw);
			conn = NULL;
		}
	}
	wire_conn_free(conn);
	close(raw);
	assert_true(accepted > 1000 && refused > 10000);
}

/* -- damaged trees: well-formed, and wrong ---------------------------------------------------------------------- */

static json_t *odd_value(void)
{
	switch (rnd_below(12)) {
	case 0:
		return json_null();
	case 1:
		return json_true();
	case 2:
		return json_array();
	case 3:
		return json_object();
	case 4:
		return json_string("");
	case 5:
		return json_string("RUNNING");
	case 6:
		return json_integer(-1);
	case 7:
		return json_integer(INT64_MIN);
	case 8:
		return json_integer((json_int_t)rnd());
	case 9:
		return json_real(-1e300);
	case 10:
		return json_real(0.0005);
	default: {
		_cleanup_free_ char *text = rnd_text(20, true);

		return json_string(text);
	}
	}
}

/* Changes one value somewhere below. */
static void damage_tree(json_t *tree)
{
	size_t n = json_is_object(tree) ? json_object_size(tree) : json_array_size(tree);
	const char *key = "new";
	json_t *child = NULL;
	uint32_t pick;
	void *iter;

	if (n == 0 || rnd_one_in(20)) {
		if (json_is_object(tree))
			json_object_set_new(tree, "new", odd_value());
		else
			json_array_append_new(tree, odd_value());
		return;
	}
	pick = rnd_below((uint32_t)n);
	if (json_is_object(tree)) {
		iter = json_object_iter(tree);
		while (pick--)
			iter = json_object_iter_next(tree, iter);
		key = json_object_iter_key(iter);
		child = json_object_iter_value(iter);
	} else {
		child = json_array_get(tree, pick);
	}
	if ((json_is_object(child) || json_is_array(child)) && !rnd_one_in(8))
		damage_tree(child);
	else if (json_is_object(tree) && rnd_one_in(6))
		json_object_del(tree, key);
	else if (json_is_object(tree))
		json_object_set_new(tree, key, odd_value());
	else
		json_array_set_new(tree, json_array_size(tree) - 1, odd_value());
}

static void test_trees(void **state)
{
	(void)state;
	accepted = refused = 0;
	for (int i = 0; i < TREE_CASES; i++) {
		json_t *copy = json_deep_copy(templates[rnd_below(TEMPLATES)].tree);

		for (uint32_t k = 1 + rnd_below(2); k > 0; k--)
			damage_tree(copy);
		read_all(copy);
		json_decref(copy);
	}
	assert_true(accepted > 1000 && refused > 10000);
}

static int make_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEMPLATES; i++) {
		templates[i].tree = valid_message();
		templates[i].text = json_dumps(templates[i].tree, WIRE_DUMP_FLAGS);
	}
	return 0;
}

static int free_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEMPLATES; i++) {
		json_decref(templates[i].tree);
		free(templates[i].text);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_trees),
	};

	return cmocka_run_group_tests(tests, make_templates, free_templates);
}
