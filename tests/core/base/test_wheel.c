#include "core/base/clock.h"
#include "core/base/rand.h"
#include "core/base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GRID  BF_MS(1)
#define NODES 200

static struct bf_wheel wheel;
static struct bf_wheel_node nodes[NODES];

static int64_t clock_us;

static void start(int64_t now_us)
{
	clock_us = now_us;
	bf_wheel_init(&wheel, GRID, now_us);
	for (size_t i = 0; i < NODES; i++)
		bf_wheel_node_init(&nodes[i]);
}

static struct bf_wheel_node *next_at(int64_t now_us)
{
	clock_us = now_us;
	return bf_wheel_next(&wheel, now_us);
}

static void an_empty_wheel_has_no_deadline(void **state)
{
	(void)state;

	start(BF_SEC(5));
	assert_int_equal(bf_wheel_deadline_us(&wheel), INT64_MAX);
	assert_null(next_at(BF_SEC(6)));
}

static void a_node_comes_at_the_first_tick_from_its_time_on(void **state)
{
	(void)state;

	start(BF_SEC(5));
	bf_wheel_put(&wheel, &nodes[0], BF_SEC(5) + 3200, clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_SEC(5) + BF_MS(4));
	assert_null(next_at(BF_SEC(5) + 3999));
	assert_ptr_equal(next_at(BF_SEC(5) + BF_MS(4)), &nodes[0]);
	assert_null(next_at(BF_SEC(5) + BF_MS(4)));
	assert_int_equal(bf_wheel_deadline_us(&wheel), INT64_MAX);
	/* a time on the grid is its own tick */
	bf_wheel_put(&wheel, &nodes[0], BF_SEC(5) + BF_MS(7), clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_SEC(5) + BF_MS(7));
	assert_ptr_equal(next_at(BF_SEC(5) + BF_MS(7)), &nodes[0]);
}

static void what_is_overdue_comes_with_the_next_tick(void **state)
{
	(void)state;

	start(BF_SEC(5));
	bf_wheel_put(&wheel, &nodes[0], BF_SEC(1), clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_SEC(5) + GRID);
	assert_ptr_equal(next_at(BF_SEC(5) + GRID), &nodes[0]);
}

static void putting_again_moves_and_never_doubles(void **state)
{
	(void)state;

	start(0);
	bf_wheel_put(&wheel, &nodes[0], BF_MS(3), clock_us);
	bf_wheel_put(&wheel, &nodes[0], BF_MS(9), clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_MS(9));
	assert_null(next_at(BF_MS(8)));
	bf_wheel_put(&wheel, &nodes[0], BF_MS(12), clock_us);
	assert_ptr_equal(next_at(BF_MS(20)), &nodes[0]);
	assert_null(next_at(BF_MS(100)));
	bf_wheel_put(&wheel, &nodes[0], BF_MS(110), clock_us);
	bf_wheel_put(&wheel, &nodes[0], INT64_MAX, clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), INT64_MAX);
}

static void a_removed_node_does_not_come(void **state)
{
	(void)state;

	start(0);
	bf_wheel_remove(&nodes[0]); /* in no wheel */
	bf_wheel_put(&wheel, &nodes[0], BF_MS(3), clock_us);
	bf_wheel_put(&wheel, &nodes[1], BF_MS(5), clock_us);
	bf_wheel_remove(&nodes[0]);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_MS(5));
	assert_ptr_equal(next_at(BF_MS(10)), &nodes[1]);
	assert_null(next_at(BF_MS(10)));
}

static void one_beyond_the_last_slot_comes_at_its_time(void **state)
{
	int64_t now_us = 0, at_us = BF_MS(1000) + 1, wakes = 0;
	(void)state;

	start(0);
	bf_wheel_put(&wheel, &nodes[0], at_us, clock_us);
	for (;;) {
		struct bf_wheel_node *node;

		now_us = bf_wheel_deadline_us(&wheel);
		wakes++;
		node = next_at(now_us);
		if (node)
			break;
		assert_true(bf_wheel_deadline_us(&wheel) > now_us);
	}
	assert_int_equal(now_us, BF_MS(1001));
	assert_in_range(wakes, 1, 1001 / BF_WHEEL_SLOTS + 2);
}

static void after_a_long_sleep_all_that_is_due_comes_in_one_round(void **state)
{
	unsigned count = 0;
	(void)state;

	start(0);
	for (unsigned i = 0; i < NODES; i++)
		bf_wheel_put(&wheel, &nodes[i], BF_MS(i) + 1, clock_us);
	while (next_at(BF_SEC(3600)))
		count++;
	assert_int_equal(count, NODES);
}

static void a_wheel_that_stood_still_is_right_at_once(void **state)
{
	(void)state;

	start(0);
	clock_us = BF_SEC(1000) + 100;
	bf_wheel_put(&wheel, &nodes[0], BF_SEC(1000) + BF_MS(2), clock_us);
	assert_int_equal(bf_wheel_deadline_us(&wheel), BF_SEC(1000) + BF_MS(2));
	assert_ptr_equal(next_at(BF_SEC(1000) + BF_MS(2)), &nodes[0]);
}

static void when_the_clock_goes_back_nothing_is_lost(void **state)
{
	unsigned count = 0;
	(void)state;

	start(BF_SEC(100));
	for (unsigned i = 0; i < NODES; i++)
		bf_wheel_put(&wheel, &nodes[i], BF_SEC(50) + BF_MS(i / 2), clock_us);
	assert_null(next_at(BF_SEC(50) - BF_MS(1)));
	for (int64_t now_us = BF_SEC(50); now_us < BF_SEC(50) + BF_MS(NODES / 2);
		now_us += BF_MS(1)) {
		struct bf_wheel_node *node;

		while ((node = next_at(now_us))) {
			assert_true(node >= &nodes[0] && node < &nodes[NODES]);
			assert_in_range(node - nodes, (now_us - BF_SEC(50)) / 500,
				(now_us - BF_SEC(50)) / 500 + 1);
			count++;
		}
	}
	assert_int_equal(count, NODES);
}

/* Against the obvious way: an array of times. Waking only at deadlines, every node comes at its tick. */
static void random_nodes_come_at_their_ticks(void **state)
{
	static int64_t at_us[NODES];
	struct bf_prng prng;
	int64_t now_us = BF_SEC(1);
	unsigned taken = 0;
	(void)state;

	bf_prng_init(&prng, 3);
	start(now_us);
	for (unsigned i = 0; i < NODES; i++)
		at_us[i] = INT64_MAX;
	for (unsigned step = 0; step < 200000; step++) {
		unsigned idx = bf_prng_below(&prng, NODES);
		struct bf_wheel_node *node;
		int64_t earliest_us = INT64_MAX;

		at_us[idx] = bf_prng_below(&prng, 8)
				     ? now_us + bf_prng_below(&prng,
							bf_prng_below(&prng, 4) ? 6000 : 300000)
				     : INT64_MAX;
		bf_wheel_put(&wheel, &nodes[idx], at_us[idx], clock_us);
		if (bf_prng_below(&prng, 4))
			continue;
		for (unsigned i = 0; i < NODES; i++)
			earliest_us = at_us[i] < earliest_us ? at_us[i] : earliest_us;
		if (earliest_us < INT64_MAX)
			assert_true(bf_wheel_deadline_us(&wheel) <=
				    (earliest_us > now_us ? earliest_us : now_us) + GRID);
		now_us += bf_prng_below(&prng, 100) ? bf_prng_below(&prng, 3000) : 500000;
		while ((node = next_at(now_us))) {
			assert_true(at_us[node - nodes] <= now_us);
			at_us[node - nodes] = INT64_MAX;
			taken++;
		}
		for (unsigned i = 0; i < NODES; i++)
			assert_true(at_us[i] > now_us - now_us % GRID - GRID);
	}
	assert_true(taken > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_wheel_has_no_deadline),
		cmocka_unit_test(a_node_comes_at_the_first_tick_from_its_time_on),
		cmocka_unit_test(what_is_overdue_comes_with_the_next_tick),
		cmocka_unit_test(putting_again_moves_and_never_doubles),
		cmocka_unit_test(a_removed_node_does_not_come),
		cmocka_unit_test(one_beyond_the_last_slot_comes_at_its_time),
		cmocka_unit_test(after_a_long_sleep_all_that_is_due_comes_in_one_round),
		cmocka_unit_test(a_wheel_that_stood_still_is_right_at_once),
		cmocka_unit_test(when_the_clock_goes_back_nothing_is_lost),
		cmocka_unit_test(random_nodes_come_at_their_ticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
