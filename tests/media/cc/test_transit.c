#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/cc/transit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START BF_SEC(50)

static struct bf_transit transit;

static void start(void)
{
	bf_transit_init(&transit, START);
}

static void roll_at(int64_t now_us)
{
	assert_true(bf_transit_roll(&transit, now_us));
}

static void a_percentile_is_never_low_and_at_most_an_eighth_high(void **state)
{
	(void)state;

	for (uint32_t us = 1; us < BF_TRANSIT_MAX_US; us += 1 + us / 50) {
		int64_t got;

		start();
		bf_transit_add(&transit, us, 1);
		bf_transit_add(
			&transit, BF_TRANSIT_MAX_US, 1); /* so that the largest does not help */
		got = bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 500);
		assert_in_range(got, us, us + us / 8);
		assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 1000),
			BF_TRANSIT_MAX_US);
	}
}

static void buckets_ascend_without_gap_and_end_with_the_longest(void **state)
{
	unsigned last = 0;
	(void)state;

	assert_int_equal(bf_transit_bucket(0), 0);
	assert_int_equal(bf_transit_bucket(1), 0);
	for (uint32_t us = 1; us <= BF_TRANSIT_MAX_US + 1; us++) {
		unsigned bucket = bf_transit_bucket(us);

		assert_in_range(bucket, last, last + 1);
		last = bucket;
	}
	assert_int_equal(last, BF_TRANSIT_BUCKETS - 1);
	assert_int_equal(bf_transit_bucket(BF_TRANSIT_MAX_US), BF_TRANSIT_BUCKETS - 2);
	assert_int_equal(bf_transit_bucket(UINT32_MAX), BF_TRANSIT_BUCKETS - 1);
}

static void nothing_has_no_percentile(void **state)
{
	(void)state;

	start();
	assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 990), 0);
	roll_at(START + BF_TRANSIT_WINDOW_US);
	assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_LAST_WINDOW, 990), 0);
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_LAST_WINDOW), 0);
}

static void a_hundredth_is_a_hundredth_and_a_train_weighs_as_its_packets(void **state)
{
	(void)state;

	start();
	bf_transit_add(&transit, 100, 990);
	bf_transit_add(&transit, 9000, 10);
	assert_in_range(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 990), 100, 112);
	bf_transit_add(&transit, 9000, 1);
	assert_in_range(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 990), 9000, 9000);
	assert_in_range(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 500), 100, 112);
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_SECOND), 1001);
}

static void times_that_cannot_be_are_kept_in_range(void **state)
{
	(void)state;

	start();
	bf_transit_add(&transit, -5, 1);
	assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 1000), 0);
	bf_transit_add(&transit, INT64_MAX, 1);
	assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 1000), UINT32_MAX);
}

static void windows_end_on_time_and_the_last_second_forgets(void **state)
{
	int64_t now_us = START;
	(void)state;

	start();
	bf_transit_add(&transit, 8000, 100);
	assert_false(bf_transit_roll(&transit, now_us + BF_TRANSIT_WINDOW_US - 1));
	now_us = bf_transit_deadline_us(&transit);
	assert_int_equal(now_us, START + BF_TRANSIT_WINDOW_US);
	roll_at(now_us);
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_LAST_WINDOW), 100);
	for (unsigned i = 1; i < BF_TRANSIT_WINDOWS; i++) {
		assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 1000), 8000);
		bf_transit_add(&transit, 100, 5);
		roll_at(now_us += BF_TRANSIT_WINDOW_US);
		assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_LAST_WINDOW), 5);
	}
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_SECOND), 15);
	assert_int_equal(bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, 1000), 100);
}

static void a_turn_that_took_long_is_one_window(void **state)
{
	(void)state;

	start();
	bf_transit_add(&transit, 700000, 7);
	roll_at(START + BF_MS(800));
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_LAST_WINDOW), 7);
	assert_false(bf_transit_roll(&transit, START + BF_MS(801)));
	assert_int_equal(bf_transit_deadline_us(&transit), START + BF_MS(1050));
}

static void a_long_pause_forgets_what_was_before_but_not_what_ends_it(void **state)
{
	(void)state;

	start();
	bf_transit_add(&transit, 100, 3);
	roll_at(START + BF_MS(250));
	bf_transit_add(&transit, 200, 4);
	roll_at(START + BF_SEC(30));
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_LAST_WINDOW), 4);
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_SECOND), 4);
	/* so does a clock that goes back */
	bf_transit_add(&transit, 300, 5);
	roll_at(BF_SEC(1));
	assert_int_equal(bf_transit_packet_count(&transit, BF_TRANSIT_SECOND), 5);
	assert_int_equal(bf_transit_deadline_us(&transit), BF_SEC(1) + BF_TRANSIT_WINDOW_US);
}

static void what_is_exported_is_what_was_added(void **state)
{
	struct bf_metrics *metrics;
	struct bf_histogram *histogram, *direct;
	struct bf_prng prng;
	int64_t now_us = START;
	(void)state;

	assert_int_equal(bf_metrics_new(&metrics), 0);
	histogram = bf_histogram_new(
		metrics, "a", NULL, "h", bf_transit_bounds, BF_TRANSIT_BOUNDS, 1e6);
	direct = bf_histogram_new(
		metrics, "b", NULL, "h", bf_transit_bounds, BF_TRANSIT_BOUNDS, 1e6);
	bf_prng_init(&prng, 9);
	start();
	for (unsigned window = 0; window < 40; window++) {
		for (unsigned i = 0; i < 3000; i++) {
			/* all orders of magnitude, and the bounds themselves */
			uint32_t us = bf_prng_below(&prng, 3u << bf_prng_below(&prng, 21));

			if (i < BF_TRANSIT_BOUNDS)
				us = (uint32_t)bf_transit_bounds[i] + window % 3 - 1;
			bf_transit_add(&transit, us, 1);
			bf_histogram_observe(direct, us);
		}
		roll_at(now_us += BF_TRANSIT_WINDOW_US);
		bf_transit_export(&transit, histogram);
	}
	for (unsigned i = 0; i <= BF_TRANSIT_BOUNDS; i++)
		assert_int_equal(histogram->counts[i], direct->counts[i]);
	assert_int_equal(histogram->sum, direct->sum);
	bf_metrics_free(metrics);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Against sorting, over random times and windows. */
static void random_percentiles_are_those_of_the_sorted_times(void **state)
{
	static uint32_t times[4000];
	struct bf_prng prng;
	(void)state;

	bf_prng_init(&prng, 21);
	for (unsigned round = 0; round < 200; round++) {
		unsigned count = 1 + bf_prng_below(&prng, 4000);
		unsigned permille = 1 + bf_prng_below(&prng, 1000);
		int64_t got, now_us = START;
		uint32_t true_us;

		start();
		for (unsigned i = 0; i < count; i++) {
			times[i] = bf_prng_below(&prng, 2u << bf_prng_below(&prng, 20));
			bf_transit_add(&transit, times[i], 1);
			if (i == count / 4 || i == count / 2)
				roll_at(now_us += BF_TRANSIT_WINDOW_US);
		}
		qsort(times, count, sizeof(times[0]), compare);
		true_us = times[(count * permille + 999) / 1000 - 1];
		got = bf_transit_percentile_us(&transit, BF_TRANSIT_SECOND, permille);
		assert_in_range(got, true_us, true_us + true_us / 8 + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_percentile_is_never_low_and_at_most_an_eighth_high),
		cmocka_unit_test(buckets_ascend_without_gap_and_end_with_the_longest),
		cmocka_unit_test(nothing_has_no_percentile),
		cmocka_unit_test(a_hundredth_is_a_hundredth_and_a_train_weighs_as_its_packets),
		cmocka_unit_test(times_that_cannot_be_are_kept_in_range),
		cmocka_unit_test(windows_end_on_time_and_the_last_second_forgets),
		cmocka_unit_test(a_turn_that_took_long_is_one_window),
		cmocka_unit_test(a_long_pause_forgets_what_was_before_but_not_what_ends_it),
		cmocka_unit_test(what_is_exported_is_what_was_added),
		cmocka_unit_test(random_percentiles_are_those_of_the_sorted_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
