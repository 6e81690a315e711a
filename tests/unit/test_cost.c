/* Rates: what is read, what an hour costs by them, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/base.h"
#include "src/base/cost.h"

static void test_rates(void **state)
{
	static const struct {
		const char *text;
		double cpu_hours, gib_hours, amount, gpu_hours;
	} cases[] = {
		{"CPU=0.04,Mem=0.005G", 10, 40, 0.6},
		{"cpu=2", 1.5, 1000, 3},
		{"MEM=0.001M", 5, 2, 2.048},
		{"Mem=1T", 5, 512, 0.5},
		{"Mem=0.000001K,CPU=.5", 1, 1, 1.548576},
		{"CPU=0", 1, 1, 0},
		{"", 1, 1, 0},
		{"GPU=1.5", 1, 1, 3, 2},
		{"GRES/gpu=1,CPU=2", 3, 1, 10, 4},
		{"CPU=1,CPU=3", 1, 1, 3}, /* the last counts, as everywhere */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cost_rates rates;

		assert_int_equal(cost_rates_parse(cases[i].text, &rates, NULL), 0);
		assert_int_equal(rates.given, *cases[i].text != '\0');
		assert_true(cost_amount(&rates, cases[i].cpu_hours, cases[i].gib_hours, cases[i].gpu_hours) == cases[i].amount);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"x", "a price of 'x': expected CPU, Mem or GPU"},
		{"GRES/fpga=2", "a price of 'GRES/fpga': expected CPU, Mem or GPU"},
		{"CPU", "the price of CPU is none: expected for example"},
		{"CPU=", "the price of CPU is none"},
		{"CPU=-1", "the price of CPU is none"},
		{"CPU=1e9", "the price of CPU is none"},
		{"CPU=nan", "the price of CPU is none"},
		{"CPU=1.2.3", "the price of CPU is none"},
		{"CPU=99999999999", "the price of CPU is none"},
		{"CPU=1,", "',' behind a price"},
		{"CPU=1 Mem=1G", "' Mem=1G' behind a price"},
		{"CPU=1,,Mem=1G", "a price of '': expected CPU, Mem or GPU"},
		{"Mem=1", "the price of Mem has no unit: expected K, M, G or T behind it"},
		{"Mem=1,CPU=1", "the price of Mem has no unit"},
		{"Mem=1GB", "'B' behind a price"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cost_rates rates = {.cpu_hour = 77};
		struct mscg_error e = {0};

		assert_int_equal(cost_rates_parse(cases[i].text, &rates, &e), -EINVAL);
		assert_true(rates.cpu_hour == 77);
		if (strncmp(e.text, cases[i].message, strlen(cases[i].message)) != 0)
			fail_msg("%s gives: %s", cases[i].text, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
