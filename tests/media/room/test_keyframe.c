#include "core/base/clock.h"
#include "media/room/keyframe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void nothing_is_asked_for_unless_wanted(void **state)
{
	struct bf_keyframe keyframe;
	(void)state;

	bf_keyframe_init(&keyframe);
	assert_int_equal(bf_keyframe_deadline_us(&keyframe), INT64_MAX);
	assert_false(bf_keyframe_poll(&keyframe, BF_SEC(100)));
}

static void many_who_want_one_cause_one_request(void **state)
{
	struct bf_keyframe keyframe;
	(void)state;

	bf_keyframe_init(&keyframe);
	for (int i = 0; i < 100; i++)
		bf_keyframe_want(&keyframe, BF_SEC(1));
	assert_int_equal(bf_keyframe_deadline_us(&keyframe), BF_SEC(1));
	assert_true(bf_keyframe_poll(&keyframe, BF_SEC(1)));
	assert_false(bf_keyframe_poll(&keyframe, BF_SEC(1)));
	bf_keyframe_want(&keyframe, BF_SEC(1) + 1);
	assert_false(bf_keyframe_poll(&keyframe, BF_SEC(1) + 1));
	assert_int_equal(bf_keyframe_deadline_us(&keyframe), BF_SEC(1) + BF_KEYFRAME_INTERVAL_US);
}

static void a_request_is_repeated_until_answered(void **state)
{
	struct bf_keyframe keyframe;
	(void)state;

	bf_keyframe_init(&keyframe);
	bf_keyframe_want(&keyframe, 0);
	assert_true(bf_keyframe_poll(&keyframe, 0));
	assert_false(bf_keyframe_poll(&keyframe, BF_KEYFRAME_INTERVAL_US - 1));
	assert_true(bf_keyframe_poll(&keyframe, BF_KEYFRAME_INTERVAL_US));
	bf_keyframe_on_keyframe(&keyframe, BF_KEYFRAME_INTERVAL_US + BF_MS(30));
	assert_int_equal(bf_keyframe_deadline_us(&keyframe), INT64_MAX);
	assert_false(bf_keyframe_poll(&keyframe, BF_SEC(100)));
}

static void a_new_wish_waits_for_the_interval(void **state)
{
	struct bf_keyframe keyframe;
	(void)state;

	bf_keyframe_init(&keyframe);
	bf_keyframe_want(&keyframe, 0);
	assert_true(bf_keyframe_poll(&keyframe, 0)); /* time 0 is a time too */
	bf_keyframe_on_keyframe(&keyframe, BF_MS(30));
	bf_keyframe_want(&keyframe, BF_MS(100));
	assert_false(bf_keyframe_poll(&keyframe, BF_MS(100)));
	assert_true(bf_keyframe_poll(&keyframe, bf_keyframe_deadline_us(&keyframe)));
	assert_in_range(keyframe.asked_us, BF_KEYFRAME_INTERVAL_US, BF_KEYFRAME_INTERVAL_US + 1);
	bf_keyframe_on_keyframe(&keyframe, BF_SEC(1));
	bf_keyframe_want(&keyframe, BF_SEC(9)); /* long after: at once */
	assert_true(bf_keyframe_poll(&keyframe, BF_SEC(9)));
}

static void it_gives_up_after_all_tries_and_starts_anew_when_wanted(void **state)
{
	struct bf_keyframe keyframe;
	int64_t now_us = BF_SEC(1);
	(void)state;

	bf_keyframe_init(&keyframe);
	for (int round = 0; round < 3; round++) {
		bf_keyframe_want(&keyframe, now_us);
		for (int i = 0; i < BF_KEYFRAME_TRIES; i++) {
			int64_t due_us = bf_keyframe_deadline_us(&keyframe);

			assert_int_equal(due_us,
				i == 0 && round == 0 ? now_us : now_us + BF_KEYFRAME_INTERVAL_US);
			now_us = due_us;
			assert_true(bf_keyframe_poll(&keyframe, now_us));
		}
		assert_int_equal(bf_keyframe_deadline_us(&keyframe), INT64_MAX);
		assert_false(bf_keyframe_poll(&keyframe, now_us + BF_SEC(100)));
	}
}

static void a_requester_has_a_burst_of_five_and_two_a_second(void **state)
{
	struct bf_keyframe_quota quota;
	(void)state;

	bf_keyframe_quota_init(&quota, BF_SEC(10));
	for (int i = 0; i < 5; i++)
		assert_true(bf_keyframe_quota_take(&quota, BF_SEC(10)));
	assert_false(bf_keyframe_quota_take(&quota, BF_SEC(10)));
	assert_false(bf_keyframe_quota_take(&quota, BF_SEC(10) + BF_MS(500) - 1));
	assert_true(bf_keyframe_quota_take(&quota, BF_SEC(10) + BF_MS(500)));
	assert_false(bf_keyframe_quota_take(&quota, BF_SEC(10) + BF_MS(500)));
	/* a long silence refills the burst and no more */
	for (int i = 0; i < 5; i++)
		assert_true(bf_keyframe_quota_take(&quota, BF_SEC(1000)));
	assert_false(bf_keyframe_quota_take(&quota, BF_SEC(1000)));
}

static void asking_all_the_time_neither_gains_nor_loses(void **state)
{
	struct bf_keyframe_quota quota;
	int count = 0;
	(void)state;

	bf_keyframe_quota_init(&quota, 0);
	for (int64_t now_us = 0; now_us <= BF_SEC(100); now_us += 137)
		count += bf_keyframe_quota_take(&quota, now_us);
	assert_in_range(count, 5 + 199, 5 + 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_asked_for_unless_wanted),
		cmocka_unit_test(many_who_want_one_cause_one_request),
		cmocka_unit_test(a_request_is_repeated_until_answered),
		cmocka_unit_test(a_new_wish_waits_for_the_interval),
		cmocka_unit_test(it_gives_up_after_all_tries_and_starts_anew_when_wanted),
		cmocka_unit_test(a_requester_has_a_burst_of_five_and_two_a_second),
		cmocka_unit_test(asking_all_the_time_neither_gains_nor_loses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
