#include "scripts/bench/impair.h"

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

#define MS 1000000

static const struct bench_impair_conf conf = {
	.loss_permille = 20, .reorder_permille = 10, .reorder_ms = 15, .seed = 1};
static const uint8_t datagram[100] = {1, 2, 3};

static bool take(struct bench_impair *impair, int64_t now_ns)
{
	return bench_impair_take(
		impair, impair, true, bf_bytes(datagram, sizeof(datagram)), now_ns);
}

static void while_off_everything_passes(void **state)
{
	struct bench_impair impair;

	(void)state;
	assert_int_equal(bench_impair_init(&impair, &conf), 0);
	for (int i = 0; i < 10000; i++)
		assert_false(take(&impair, 0));
	assert_int_equal(bench_impair_deadline_ns(&impair), INT64_MAX);
	bench_impair_deinit(&impair);
}

static void it_loses_and_delays_as_many_as_asked(void **state)
{
	struct bench_impair impair;
	int64_t now_ns = 0;
	unsigned held = 0;

	(void)state;
	assert_int_equal(bench_impair_init(&impair, &conf), 0);
	impair.is_on = true;
	for (int i = 0; i < 100000; i++) {
		now_ns += MS;
		(void)take(&impair, now_ns);
		while (bench_impair_poll(&impair, now_ns))
			held++;
	}
	assert_in_range(impair.lost[1], 1900, 2100);
	assert_in_range(impair.delayed[1], 900, 1100);
	assert_int_equal(impair.lost[0] + impair.delayed[0], 0);
	assert_in_range(held, impair.delayed[1] - 15, impair.delayed[1]);
	bench_impair_deinit(&impair);
}

static void what_is_held_comes_out_whole_when_it_is_due(void **state)
{
	struct bench_impair_conf all = {.reorder_permille = 1000, .reorder_ms = 15, .seed = 1};
	struct bench_impair impair;
	const struct bench_held *held;

	(void)state;
	assert_int_equal(bench_impair_init(&impair, &all), 0);
	impair.is_on = true;
	assert_true(take(&impair, 100 * MS));
	assert_true(take(&impair, 101 * MS));
	assert_int_equal(bench_impair_deadline_ns(&impair), 115 * MS);
	assert_null(bench_impair_poll(&impair, 115 * MS - 1));
	held = bench_impair_poll(&impair, 115 * MS);
	assert_non_null(held);
	assert_ptr_equal(held->peer, &impair);
	assert_true(held->is_outgoing);
	assert_int_equal(held->len, sizeof(datagram));
	assert_memory_equal(held->data, datagram, sizeof(datagram));
	assert_null(bench_impair_poll(&impair, 115 * MS));
	assert_int_equal(bench_impair_deadline_ns(&impair), 116 * MS);
	bench_impair_deinit(&impair);
}

static void when_full_or_too_long_datagrams_pass_at_once(void **state)
{
	static const uint8_t giant[BENCH_HELD_BYTES + 1];
	struct bench_impair_conf all = {.reorder_permille = 1000, .reorder_ms = 15, .seed = 1};
	struct bench_impair impair;

	(void)state;
	assert_int_equal(bench_impair_init(&impair, &all), 0);
	impair.is_on = true;
	assert_false(bench_impair_take(&impair, &impair, false, bf_bytes(giant, sizeof(giant)), 0));
	for (int i = 0; i < BENCH_HELD_MAX; i++)
		assert_true(take(&impair, 0));
	assert_false(take(&impair, 0));
	assert_non_null(bench_impair_poll(&impair, 15 * MS));
	assert_true(take(&impair, 15 * MS));
	bench_impair_deinit(&impair);
}

static void the_seed_decides(void **state)
{
	struct bench_impair one, same, other;
	struct bench_impair_conf changed = conf;
	unsigned differences = 0;

	(void)state;
	changed.seed = 2;
	assert_int_equal(bench_impair_init(&one, &conf), 0);
	assert_int_equal(bench_impair_init(&same, &conf), 0);
	assert_int_equal(bench_impair_init(&other, &changed), 0);
	one.is_on = same.is_on = other.is_on = true;
	for (int i = 0; i < 5000; i++) {
		bool is_taken = take(&one, 0);
		assert_int_equal(take(&same, 0), is_taken);
		differences += take(&other, 0) != is_taken;
	}
	assert_true(differences > 100);
	bench_impair_deinit(&one);
	bench_impair_deinit(&same);
	bench_impair_deinit(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(while_off_everything_passes),
		cmocka_unit_test(it_loses_and_delays_as_many_as_asked),
		cmocka_unit_test(what_is_held_comes_out_whole_when_it_is_due),
		cmocka_unit_test(when_full_or_too_long_datagrams_pass_at_once),
		cmocka_unit_test(the_seed_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
