#include "core/base/rand.h"
#include "scripts/bench/schedule.h"

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT 100

static void an_empty_one_has_no_first(void **state)
{
	struct bench_schedule schedule;

	(void)state;
	assert_int_equal(bench_schedule_init(&schedule, 0), 0);
	assert_null(bench_schedule_first(&schedule));
	bench_schedule_deinit(&schedule);
}

/* Whoever is first is put off by a step of their own: time never goes back, and everyone gets their share. */
static void who_is_due_first_comes_first(void **state)
{
	struct bench_schedule schedule;
	int64_t due_ns[COUNT], now_ns = 0;
	unsigned turns[COUNT] = {0};
	struct bf_prng prng;

	(void)state;
	bf_prng_init(&prng, 7);
	assert_int_equal(bench_schedule_init(&schedule, COUNT), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		due_ns[i] = bf_prng_below(&prng, 1000);
		bench_schedule_add(&schedule, due_ns[i], i);
	}
	while (now_ns < 100000) {
		const struct bench_due *due = bench_schedule_first(&schedule);
		unsigned who = due->who;
		assert_true(due->due_ns >= now_ns);
		assert_int_equal(due->due_ns, due_ns[who]);
		now_ns = due->due_ns;
		turns[who]++;
		due_ns[who] += 900 + who;
		bench_schedule_put_off(&schedule, due_ns[who]);
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_in_range(turns[i], 98000 / (900 + i), 102000 / (900 + i));
	bench_schedule_deinit(&schedule);
}

static void who_is_dropped_does_not_come_back(void **state)
{
	struct bench_schedule schedule;
	int64_t last_ns = -1;

	(void)state;
	assert_int_equal(bench_schedule_init(&schedule, COUNT), 0);
	for (unsigned i = 0; i < COUNT; i++)
		bench_schedule_add(&schedule, (int64_t)(i * 37 % COUNT), i);
	for (unsigned i = 0; i < COUNT; i++) {
		assert_true(bench_schedule_first(&schedule)->due_ns > last_ns);
		last_ns = bench_schedule_first(&schedule)->due_ns;
		bench_schedule_drop(&schedule);
	}
	assert_null(bench_schedule_first(&schedule));
	bench_schedule_deinit(&schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_no_first),
		cmocka_unit_test(who_is_due_first_comes_first),
		cmocka_unit_test(who_is_dropped_does_not_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
