#include "scripts/bench/arrivals.h"

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FIRST 70000

static struct bench_arrivals arrivals;

static int setup(void **state)
{
	(void)state;
	bench_arrivals_init(&arrivals);
	return 0;
}

static void note_range(uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		assert_int_equal(bench_arrivals_note(&arrivals, i), BENCH_ARRIVAL_NEXT);
}

static void nothing_is_lost_of_a_stream_in_order(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 3 * BENCH_ARRIVALS_WINDOW);
	assert_int_equal(bench_arrivals_received(&arrivals), 3 * BENCH_ARRIVALS_WINDOW);
	assert_int_equal(bench_arrivals_lost(&arrivals), 0);
}

static void nothing_is_lost_of_a_stream_that_never_came(void **state)
{
	(void)state;
	assert_int_equal(bench_arrivals_received(&arrivals), 0);
	assert_int_equal(bench_arrivals_lost(&arrivals), 0);
}

static void a_gap_is_lost_until_it_is_filled(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 10);
	note_range(FIRST + 12, FIRST + 20);
	assert_int_equal(bench_arrivals_lost(&arrivals), 2);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST + 11), BENCH_ARRIVAL_LATE);
	assert_int_equal(bench_arrivals_lost(&arrivals), 1);
	bench_arrivals_ask(&arrivals, FIRST + 10);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST + 10), BENCH_ARRIVAL_REPAIRED);
	assert_int_equal(bench_arrivals_lost(&arrivals), 0);
}

static void a_packet_counts_once(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 3);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST + 2), BENCH_ARRIVAL_DUPLICATE);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST), BENCH_ARRIVAL_DUPLICATE);
	assert_int_equal(bench_arrivals_received(&arrivals), 3);
	assert_int_equal(bench_arrivals_lost(&arrivals), 0);
}

static void the_first_to_come_need_not_be_the_first_sent(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 1);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST - 2), BENCH_ARRIVAL_LATE);
	assert_int_equal(bench_arrivals_lost(&arrivals), 1);
}

static void what_is_behind_the_window_stays_lost(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 1);
	note_range(FIRST + 2, FIRST + 2 + BENCH_ARRIVALS_WINDOW);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST + 1), BENCH_ARRIVAL_OLD);
	assert_int_equal(bench_arrivals_lost(&arrivals), 1);
}

static void the_oldest_of_the_window_still_counts(void **state)
{
	(void)state;
	note_range(FIRST, FIRST + 1);
	note_range(FIRST + 2, FIRST + 1 + BENCH_ARRIVALS_WINDOW);
	assert_int_equal(bench_arrivals_note(&arrivals, FIRST + 1), BENCH_ARRIVAL_LATE);
	assert_int_equal(bench_arrivals_lost(&arrivals), 0);
}

static void a_leap_over_the_whole_window_forgets_what_was_before(void **state)
{
	uint64_t far = FIRST + 10 * BENCH_ARRIVALS_WINDOW;

	(void)state;
	note_range(FIRST, FIRST + 5);
	note_range(far, far + 1);
	assert_int_equal(bench_arrivals_note(&arrivals, far - BENCH_ARRIVALS_WINDOW + 3),
		BENCH_ARRIVAL_LATE);
	assert_int_equal(bench_arrivals_received(&arrivals), 7);
	assert_int_equal(bench_arrivals_lost(&arrivals), far - FIRST + 1 - 7);
}

static void a_request_from_a_window_ago_is_forgotten(void **state)
{
	uint64_t asked = FIRST + 1, same_place = asked + BENCH_ARRIVALS_WINDOW;

	(void)state;
	note_range(FIRST, FIRST + 1);
	note_range(FIRST + 2, FIRST + 3);
	bench_arrivals_ask(&arrivals, asked);
	note_range(FIRST + 3, same_place);
	note_range(same_place + 1, same_place + 2);
	assert_int_equal(bench_arrivals_note(&arrivals, same_place), BENCH_ARRIVAL_LATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_lost_of_a_stream_in_order, setup),
		cmocka_unit_test_setup(nothing_is_lost_of_a_stream_that_never_came, setup),
		cmocka_unit_test_setup(a_gap_is_lost_until_it_is_filled, setup),
		cmocka_unit_test_setup(a_packet_counts_once, setup),
		cmocka_unit_test_setup(the_first_to_come_need_not_be_the_first_sent, setup),
		cmocka_unit_test_setup(what_is_behind_the_window_stays_lost, setup),
		cmocka_unit_test_setup(the_oldest_of_the_window_still_counts, setup),
		cmocka_unit_test_setup(a_leap_over_the_whole_window_forgets_what_was_before, setup),
		cmocka_unit_test_setup(a_request_from_a_window_ago_is_forgotten, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
