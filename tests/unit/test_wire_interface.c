/* The interface files are what varlink's grammar says (https://varlink.org/Interface-Definition), and every type that
 * they name is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/wire/wire.h"

#include <ctype.h>

static struct {
	const char *text, *p;
	char **defined, **used;
} in;

static _Noreturn void bad(const char *what)
{
	int line = 1;

	for (const char *c = in.text; c < in.p; c++)
		line += *c == '\n';
	fail_msg("line %d: expected %s at '%.30s'", line, what, in.p);
	abort();
}

static void blanks(void)
{
	for (;;) {
		in.p += strspn(in.p, " \t\n");
		if (*in.p != '#')
			return;
		in.p += strcspn(in.p, "\n");
	}
}

static bool take(const char *token)
{
	blanks();
	if (strncmp(in.p, token, strlen(token)) != 0)
		return false;
	in.p += strlen(token);
	return true;
}

static void need(const char *token)
{
	if (!take(token))
		bad(token);
}

static bool keyword(const char *word)
{
	size_t n = strlen(word);

	blanks();
	if (strncmp(in.p, word, n) != 0 || isalnum((unsigned char)in.p[n]) || in.p[n] == '_')
		return false;
	in.p += n;
	return true;
}

/* [A-Z][A-Za-z0-9]* */
static char *type_name(void)
{
	const char *begin;

	blanks();
	begin = in.p;
	if (!isupper((unsigned char)*in.p))
		bad("a name that begins with a capital");
	while (isalnum((unsigned char)*in.p))
		in.p++;
	return xstrndup(begin, (size_t)(in.p - begin));
}

/* [A-Za-z](_?[A-Za-z0-9])* */
static void field_name(void)
{
	blanks();
	if (!isalpha((unsigned char)*in.p))
		bad("a field's name");
	while (isalnum((unsigned char)*in.p) || (*in.p == '_' && isalnum((unsigned char)in.p[1])))
		in.p++;
}

static void type(void);

/* A struct has types behind its names, an enum has none. */
static void braces(bool struct_only)
{
	bool typed = struct_only;

	need("(");
	if (take(")"))
		return;
	for (int i = 0;; i++) {
		bool colon;

		field_name();
		colon = take(":");
		if (i == 0 && !struct_only)
			typed = colon;
		if (colon != typed)
			bad("all fields with a type, or none");
		if (colon)
			type();
		if (take(")"))
			return;
		need(",");
	}
}

static void type(void)
{
	static const char *const builtin[] = {"bool", "int", "float", "string", "object"};

	if (take("?")) {
		blanks();
		if (*in.p == '?')
			bad("one ? only");
	}
	if (take("[string]") || take("[]")) {
		type();
		return;
	}
	blanks();
	if (*in.p == '(') {
		braces(false);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
		if (keyword(builtin[i]))
			return;
	_cleanup_free_ char *name = type_name();
	strv_add(&in.used, name);
}

static bool contains(char **v, const char *s)
{
	for (; v && *v; v++)
		if (streq(*v, s))
			return true;
	return false;
}

/* Returns the number of methods. */
static int check(const char *text, const char *name)
{
	int methods = 0;

	in.text = in.p = text;
	in.defined = in.used = NULL;
	need("interface");
	need(name);
	for (blanks(); *in.p; blanks()) {
		bool is_method = keyword("method"), is_type = !is_method && keyword("type"), is_error = !is_method && !is_type && keyword("error");
		_cleanup_free_ char *member = NULL;

		if (!is_method && !is_type && !is_error)
			bad("method, type or error");
		member = type_name();
		if (contains(in.defined, member))
			fail_msg("%s is there twice", member);
		strv_add(&in.defined, member);
		braces(!is_type);
		if (is_method) {
			need("->");
			braces(true);
			methods++;
		}
	}
	for (char **u = in.used; u && *u; u++)
		if (!contains(in.defined, *u))
			fail_msg("no type %s", *u);
	strv_free(in.defined);
	strv_free(in.used);
	return methods;
}

static void test_ours(void **state)
{
	(void)state;
	assert_true(check(wire_interface_description, "io.mscg") >= 10);
}

static void test_service(void **state)
{
	(void)state;
	assert_int_equal(check(wire_service_description, "org.varlink.service"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
