#include "scripts/bench/histogram.h"

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct bench_histogram histogram;

static int setup(void **state)
{
	(void)state;
	bench_histogram_init(&histogram);
	return 0;
}

static void an_empty_one_says_zero(void **state)
{
	(void)state;
	assert_int_equal(bench_histogram_at(&histogram, 500), 0);
	assert_int_equal(bench_histogram_at(&histogram, 1000), 0);
}

static void small_values_are_exact(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		bench_histogram_add(&histogram, i);
	assert_int_equal(bench_histogram_at(&histogram, 10), 1);
	assert_int_equal(bench_histogram_at(&histogram, 500), 50);
	assert_int_equal(bench_histogram_at(&histogram, 630), 63);
	assert_int_equal(bench_histogram_at(&histogram, 1000), 100);
}

static void large_values_are_off_by_a_sixty_fourth_at_most(void **state)
{
	(void)state;
	for (uint64_t value = 64; value < UINT64_C(1) << 40; value = value * 9 / 8 + 1) {
		uint64_t at;
		bench_histogram_init(&histogram);
		bench_histogram_add(&histogram, value);
		bench_histogram_add(
			&histogram, UINT64_C(1) << 40); /* so that the greatest does not help */
		at = bench_histogram_at(&histogram, 500);
		assert_in_range(at, value, value + value / 64);
	}
}

static void the_greatest_is_exact(void **state)
{
	(void)state;
	bench_histogram_add(&histogram, 5);
	bench_histogram_add(&histogram, 1000003);
	assert_int_equal(bench_histogram_at(&histogram, 1000), 1000003);
	assert_int_equal(histogram.max, 1000003);
}

static void absurd_values_fit(void **state)
{
	(void)state;
	bench_histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram.count, 1);
	assert_true(bench_histogram_at(&histogram, 500) >= UINT64_C(1) << 40);
}

static void one_in_a_thousand_is_told_from_none(void **state)
{
	(void)state;
	for (int i = 0; i < 999; i++)
		bench_histogram_add(&histogram, 10);
	bench_histogram_add(&histogram, 60);
	assert_int_equal(bench_histogram_at(&histogram, 999), 10);
	bench_histogram_add(&histogram, 60);
	assert_int_equal(bench_histogram_at(&histogram, 999), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_one_says_zero, setup),
		cmocka_unit_test_setup(small_values_are_exact, setup),
		cmocka_unit_test_setup(large_values_are_off_by_a_sixty_fourth_at_most, setup),
		cmocka_unit_test_setup(the_greatest_is_exact, setup),
		cmocka_unit_test_setup(absurd_values_fit, setup),
		cmocka_unit_test_setup(one_in_a_thousand_is_told_from_none, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
