/* Limits on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/gcra.h"

#define SEC(s) ((int64_t)(s)*1000000)

/* Ten a hundred seconds: one comes back every ten. */
static const struct bf_gcra_limit limit = {.count = 10, .window_us = SEC(100)};

static struct bf_gcra_key key(uint8_t who)
{
	return (struct bf_gcra_key){{who}};
}

static struct bf_gcra_verdict ask(struct bf_gcra *gcra, uint8_t who, int64_t now_us)
{
	struct bf_gcra_key of = key(who);

	return bf_gcra_charge(gcra, &of, &limit, now_us);
}

static unsigned count_allowed(struct bf_gcra *gcra, uint8_t who, unsigned tries, int64_t now_us)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += ask(gcra, who, now_us).is_allowed;
	return count;
}

static void as_many_as_the_limit_pass_at_once_and_the_next_is_refused(void **state)
{
	struct bf_gcra gcra;
	struct bf_gcra_verdict verdict;

	(void)state;
	assert_int_equal(bf_gcra_init(&gcra, 4), 0);
	for (unsigned i = 0; i < 10; i++) {
		verdict = ask(&gcra, 1, SEC(1000));
		assert_true(verdict.is_allowed);
		assert_int_equal(verdict.left, 9 - i);
		assert_int_equal(verdict.reset_us, SEC(10) * (i + 1));
		assert_int_equal(verdict.retry_us, i < 9 ? 0 : SEC(10));
	}
	verdict = ask(&gcra, 1, SEC(1000));
	assert_false(verdict.is_allowed);
	assert_int_equal(verdict.left, 0);
	assert_int_equal(verdict.retry_us, SEC(10));
	assert_int_equal(verdict.reset_us, SEC(100));
	assert_true(ask(&gcra, 2, SEC(1000)).is_allowed); /* another's limit is another */
	bf_gcra_deinit(&gcra);
}

static void requests_come_back_one_by_one_and_refused_ones_cost_nothing(void **state)
{
	struct bf_gcra gcra;

	(void)state;
	assert_int_equal(bf_gcra_init(&gcra, 4), 0);
	assert_int_equal(count_allowed(&gcra, 1, 50, SEC(0)), 10);
	assert_int_equal(count_allowed(&gcra, 1, 5, SEC(10) - 1), 0);
	assert_int_equal(count_allowed(&gcra, 1, 5, SEC(10)), 1);
	assert_int_equal(count_allowed(&gcra, 1, 5, SEC(39)), 2);
	assert_int_equal(count_allowed(&gcra, 1, 50, SEC(1000)), 10); /* never more than all */
	bf_gcra_deinit(&gcra);
}

static void looking_costs_nothing(void **state)
{
	const struct bf_gcra_key of = key(1);
	struct bf_gcra gcra;

	(void)state;
	assert_int_equal(bf_gcra_init(&gcra, 4), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_true(bf_gcra_look(&gcra, &of, &limit, SEC(0)).is_allowed);
	assert_int_equal(count_allowed(&gcra, 1, 20, SEC(0)), 10);
	assert_false(bf_gcra_look(&gcra, &of, &limit, SEC(0)).is_allowed);
	bf_gcra_deinit(&gcra);
}

static void who_has_not_asked_for_the_longest_makes_room(void **state)
{
	struct bf_gcra gcra;

	(void)state;
	assert_int_equal(bf_gcra_init(&gcra, 3), 0);
	for (uint8_t who = 1; who <= 3; who++)
		assert_int_equal(count_allowed(&gcra, who, 10, SEC(0)), 10);
	assert_false(ask(&gcra, 1, SEC(1)).is_allowed); /* now 2 is the oldest */
	assert_true(ask(&gcra, 4, SEC(1)).is_allowed);
	assert_int_equal(gcra.evicted_count, 1);
	assert_false(ask(&gcra, 1, SEC(1)).is_allowed);
	assert_false(ask(&gcra, 3, SEC(1)).is_allowed);
	assert_true(ask(&gcra, 2, SEC(1)).is_allowed);
	for (unsigned i = 0; i < 1000; i++)
		assert_true(ask(&gcra, (uint8_t)(10 + i % 200), SEC(2)).is_allowed);
	assert_int_equal(gcra.map.entry_count, 3);
	bf_gcra_deinit(&gcra);
}

static void debts_outlive_a_restart_as_far_as_they_are_not_paid(void **state)
{
	struct bf_gcra before, after;
	struct bf_gcra_debt debts[4];

	(void)state;
	assert_int_equal(bf_gcra_init(&before, 4), 0);
	assert_int_equal(bf_gcra_init(&after, 4), 0);
	count_allowed(&before, 1, 1, SEC(0));
	count_allowed(&before, 2, 10, SEC(50));
	count_allowed(&before, 3, 5, SEC(50));
	assert_int_equal(bf_gcra_export(&before, debts, 1, SEC(60)), 1);
	assert_int_equal(debts[0].key.bytes[0], 3);
	assert_int_equal(bf_gcra_export(&before, debts, 4, SEC(60)), 2); /* 1 has paid */
	assert_int_equal(debts[1].left_us, SEC(90));
	for (unsigned i = 0; i < 2; i++)
		bf_gcra_import(&after, &debts[i], SEC(20), SEC(7000));
	assert_int_equal(count_allowed(&after, 2, 20, SEC(7000)), 3);
	assert_int_equal(count_allowed(&after, 3, 20, SEC(7000)), 8);
	bf_gcra_import(&after, &debts[1], SEC(89), SEC(7000)); /* less than is known */
	bf_gcra_import(&after, &(struct bf_gcra_debt){key(9), INT64_MAX}, -SEC(5), SEC(7000));
	assert_false(ask(&after, 9, SEC(7000)).is_allowed);
	assert_true(ask(&after, 9, SEC(7000 + 8 * 24 * 3600)).is_allowed);
	bf_gcra_deinit(&before);
	bf_gcra_deinit(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_the_limit_pass_at_once_and_the_next_is_refused),
		cmocka_unit_test(requests_come_back_one_by_one_and_refused_ones_cost_nothing),
		cmocka_unit_test(looking_costs_nothing),
		cmocka_unit_test(who_has_not_asked_for_the_longest_makes_room),
		cmocka_unit_test(debts_outlive_a_restart_as_far_as_they_are_not_paid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
