#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/cc/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define START BF_SEC(10)

static struct bf_budget org, room, other;

static void start(int64_t org_packets, int64_t org_bits, int64_t packets, int64_t bits)
{
	const struct bf_budget_limits org_limits = {org_packets, org_bits};
	const struct bf_budget_limits limits = {packets, bits};

	bf_budget_init(&org, NULL, &org_limits, START);
	bf_budget_init(&room, &org, &limits, START);
	bf_budget_init(&other, &org, &limits, START);
}

static bool take(enum bf_budget_class cls, uint32_t copy_count, uint64_t bits, int64_t now_us)
{
	return bf_budget_take(&room, cls, copy_count, bits, now_us) == BF_BUDGET_OK;
}

/* Takes single packets evenly at `per_s` for `time_us`; returns how many were taken. */
static unsigned offer(struct bf_budget *budget, enum bf_budget_class cls, unsigned per_s,
	int64_t at_us, int64_t time_us)
{
	unsigned taken = 0;

	for (int64_t i = 0; i * BF_SEC(1) / per_s < time_us; i++)
		taken += bf_budget_take(budget, cls, 1, 8000, at_us + i * BF_SEC(1) / per_s) ==
			 BF_BUDGET_OK;
	return taken;
}

/* ---- limits ---- */

static void without_limits_everything_goes(void **state)
{
	(void)state;

	start(0, 0, 0, 0);
	for (int i = 0; i < 100000; i++)
		assert_true(take(BF_BUDGET_VIDEO, 60000, BF_BUDGET_RATE_MAX, START));
	assert_false(bf_budget_sheds_video(&room));
}

static void each_limit_is_named_from_the_room_outwards(void **state)
{
	static const struct {
		int64_t limits[4];
		enum bf_budget_verdict verdict;
	} cases[] = {
		{{0, 0, 10, 0}, BF_BUDGET_PACKETS},
		{{0, 0, 0, 10}, BF_BUDGET_BITS},
		{{10, 0, 0, 0}, BF_BUDGET_PARENT_PACKETS},
		{{0, 10, 0, 0}, BF_BUDGET_PARENT_BITS},
		{{10, 10, 10, 10}, BF_BUDGET_PACKETS},
		{{10, 10, 0, 10}, BF_BUDGET_BITS},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int64_t *l = cases[i].limits;

		start(l[0], l[1], l[2], l[3]);
		assert_true(take(BF_BUDGET_VIDEO, 10, 10, START));
		assert_int_equal(
			bf_budget_take(&room, BF_BUDGET_VIDEO, 1, 1, START), cases[i].verdict);
		assert_true(bf_budget_sheds_video(&room));
		start(l[0], l[1], l[2], l[3]);
		assert_int_equal(bf_budget_admit(&room, &(struct bf_budget_limits){10, 10}, START),
			BF_BUDGET_OK);
		assert_int_equal(bf_budget_admit(&room, &(struct bf_budget_limits){1, 1}, START),
			cases[i].verdict);
	}
	assert_string_equal(bf_budget_verdict_name(BF_BUDGET_OK), "ok");
	assert_string_equal(bf_budget_verdict_name(BF_BUDGET_PACKETS), "room_packets");
	assert_string_equal(bf_budget_verdict_name(BF_BUDGET_PARENT_BITS), "organization_bits");
}

static void what_is_below_the_budget_is_never_refused(void **state)
{
	(void)state;

	start(0, 0, 1000, 8000000);
	assert_int_equal(offer(&room, BF_BUDGET_VIDEO, 1000, START, BF_SEC(30)), 30000);
	assert_int_equal(room.shed_video, 0);
}

static void what_is_above_gets_the_budget_and_no_more(void **state)
{
	unsigned taken;
	(void)state;

	for (unsigned times = 2; times <= 100; times *= 7) {
		start(0, 0, 1000, 0);
		taken = offer(&room, BF_BUDGET_VIDEO, 1000 * times, START, BF_SEC(30));
		assert_in_range(taken, 29000, 31000);
		assert_int_equal(taken + room.shed_video, 30000 * times);
		start(0, 0, 0, 8000000);
		assert_in_range(offer(&room, BF_BUDGET_VIDEO, 1000 * times, START, BF_SEC(30)),
			29000, 31000);
	}
}

static void no_window_sees_more_than_its_time_and_a_second(void **state)
{
	static int64_t at_us[20000], bits[20000];
	struct bf_prng prng;
	(void)state;

	bf_prng_init(&prng, 4);
	for (unsigned round = 0; round < 20; round++) {
		int64_t now_us = START, rate = 1 + bf_prng_below(&prng, 10000000), largest = 0;
		unsigned count = 0;

		start(0, 0, 0, rate);
		for (unsigned i = 0; i < 20000; i++) {
			int64_t size = 1 + bf_prng_below(&prng, 20000);

			now_us +=
				bf_prng_below(&prng, 500) ? bf_prng_below(&prng, 3000) : BF_SEC(2);
			if (!take(bf_prng_below(&prng, 10) ? BF_BUDGET_VIDEO : BF_BUDGET_AUDIO, 1,
				    (uint64_t)size, now_us))
				continue;
			at_us[count] = now_us;
			bits[count++] = size;
			largest = size > largest ? size : largest;
		}
		for (unsigned first = 0; first < count; first += 1 + first / 50) {
			int64_t sum = 0;

			for (unsigned last = first; last < count; last++) {
				sum += bits[last];
				assert_true((sum - largest - rate) * BF_SEC(1) <=
					    rate * (at_us[last] - at_us[first]));
			}
		}
	}
}

static void a_long_silence_saves_one_second(void **state)
{
	unsigned taken = 0;
	(void)state;

	start(0, 0, 1000, 0);
	for (int i = 0; i < 5000; i++)
		taken += take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(86400 * 365));
	assert_int_equal(taken, 1000);
}

static void a_packet_with_more_copies_than_the_budget_goes_and_is_paid_for(void **state)
{
	(void)state;

	start(0, 0, 10, 0);
	assert_true(take(BF_BUDGET_VIDEO, 1000, 1, START));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(98)));
	assert_true(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(100)));
	/* also when nobody asks meanwhile */
	start(0, 0, 10, 0);
	assert_true(take(BF_BUDGET_VIDEO, 1000, 1, START));
	assert_true(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(100)));
}

/* ---- video before audio ---- */

static void audio_within_the_budget_is_untouched_by_any_video(void **state)
{
	unsigned audio = 0, video = 0, offered = 0;
	(void)state;

	start(0, 0, 1000, 0);
	for (int64_t i = 0; i < BF_SEC(30); i += 100) {
		int64_t now_us = START + i;

		video += take(BF_BUDGET_VIDEO, 1, 1, now_us); /* ten times the budget */
		if (i % 1100 == 0) {			      /* nine tenths of it */
			audio += take(BF_BUDGET_AUDIO, 1, 1, now_us);
			offered++;
		}
	}
	assert_int_equal(audio, offered);
	assert_int_equal(room.shed_audio, 0);
	assert_in_range(video, 30000 - audio - 1000, 30000 - audio + 1000);
}

static void audio_alone_above_the_budget_is_cut_to_it(void **state)
{
	unsigned taken;
	(void)state;

	start(0, 0, 1000, 0);
	taken = offer(&room, BF_BUDGET_AUDIO, 3000, START, BF_SEC(30));
	assert_in_range(taken, 30000, 31000);
	assert_int_equal(room.shed_audio, 90000 - taken);
	assert_false(take(BF_BUDGET_VIDEO, 1, 1, START + BF_SEC(30)));
}

static void video_is_left_out_in_stretches_not_packet_by_packet(void **state)
{
	unsigned switches = 0;
	bool was_taken = true;
	(void)state;

	start(0, 0, 1000, 0);
	for (int64_t i = 0; i < BF_SEC(60); i += 500) { /* twice the budget */
		bool is_taken = take(BF_BUDGET_VIDEO, 1, 1, START + i);

		switches += is_taken != was_taken;
		assert_int_equal(bf_budget_sheds_video(&room), !is_taken);
		was_taken = is_taken;
	}
	assert_in_range(switches, 2 * 55, 2 * 62); /* half a second each */
}

/* ---- organization ---- */

static void rooms_share_their_organizations_budget(void **state)
{
	unsigned taken = 0;
	(void)state;

	start(1000, 0, 0, 0);
	for (int64_t i = 0; i < BF_SEC(30); i += 500) {
		taken += take(BF_BUDGET_VIDEO, 1, 1, START + i);
		taken += bf_budget_take(&other, BF_BUDGET_VIDEO, 1, 1, START + i) == BF_BUDGET_OK;
	}
	assert_in_range(taken, 29000, 31000);
	assert_int_equal(org.shed_video + taken, 120000);
	assert_int_equal(room.shed_video + other.shed_video, 0);
	assert_true(bf_budget_sheds_video(&other) == bf_budget_sheds_video(&room));
}

static void what_the_organization_refuses_does_not_use_the_rooms_budget(void **state)
{
	(void)state;

	start(10, 0, 100, 0);
	assert_int_equal(bf_budget_take(&other, BF_BUDGET_AUDIO, 10, 1, START), BF_BUDGET_OK);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bf_budget_take(&room, BF_BUDGET_AUDIO, 1, 1, START),
			BF_BUDGET_PARENT_PACKETS);
	bf_budget_set_limits(&org, &(struct bf_budget_limits){0, 0}, START);
	for (int i = 0; i < 100; i++)
		assert_true(take(BF_BUDGET_AUDIO, 1, 1, START));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START));
}

/* ---- changes ---- */

static void new_limits_hold_from_now_on(void **state)
{
	(void)state;

	start(0, 0, 1000, 0);
	assert_true(take(BF_BUDGET_AUDIO, 1000, 1, START));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START));
	assert_true(bf_budget_sheds_video(&room));
	bf_budget_set_limits(&room, &(struct bf_budget_limits){0, 0}, START);
	assert_false(bf_budget_sheds_video(&room));
	assert_true(take(BF_BUDGET_VIDEO, 5000, 1, START));
	bf_budget_set_limits(&room, &(struct bf_budget_limits){10, 0}, START + BF_SEC(1));
	assert_true(take(BF_BUDGET_AUDIO, 10, 1, START + BF_SEC(1))); /* begins full */
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(1)));
	/* the time before a change counts at the old rate */
	bf_budget_set_limits(&room, &(struct bf_budget_limits){1000, 0}, START + BF_SEC(2));
	assert_true(take(BF_BUDGET_AUDIO, 10, 1, START + BF_SEC(2)));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(2)));
	/* and what is saved above the new limit is lost */
	bf_budget_set_limits(&room, &(struct bf_budget_limits){5, 0}, START + BF_SEC(10));
	assert_true(take(BF_BUDGET_AUDIO, 5, 1, START + BF_SEC(10)));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START + BF_SEC(10)));
}

static void a_clock_that_steps_refuses_nothing_for_long(void **state)
{
	(void)state;

	start(0, 0, 1000, 0);
	assert_true(take(BF_BUDGET_AUDIO, 1000, 1, START));
	assert_false(take(BF_BUDGET_AUDIO, 1, 1, START - BF_SEC(5)));
	assert_true(take(BF_BUDGET_AUDIO, 100, 1, START - BF_SEC(5) + BF_MS(200)));
	assert_int_equal(
		bf_budget_admit(&room, &(struct bf_budget_limits){800, 0}, START - BF_SEC(8)),
		BF_BUDGET_OK);
}

static void the_highest_limits_overflow_nothing(void **state)
{
	(void)state;

	start(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
	for (int i = 0; i < 3; i++)
		assert_true(take(BF_BUDGET_VIDEO, UINT32_MAX, BF_BUDGET_RATE_MAX / 4, START));
	assert_false(take(BF_BUDGET_VIDEO, 1, 1, START));
	assert_true(take(BF_BUDGET_AUDIO, 1, BF_BUDGET_RATE_MAX, START));
	assert_true(take(BF_BUDGET_AUDIO, 1, 1, INT64_MAX / 2));
}

/* ---- joining ---- */

static bool admit(int64_t bits_per_s, int64_t now_us)
{
	return bf_budget_admit(&room, &(struct bf_budget_limits){1, bits_per_s}, now_us) ==
	       BF_BUDGET_OK;
}

static void a_join_storm_is_admitted_up_to_the_budget(void **state)
{
	unsigned admitted = 0;
	(void)state;

	start(0, 0, 0, 100000000);
	for (int i = 0; i < 1000; i++) /* nothing flows yet */
		admitted += admit(2000000, START + i * 100);
	assert_int_equal(admitted, 50);
}

static void what_flows_counts_instead_of_what_was_promised(void **state)
{
	unsigned admitted_by[400], admitted = 0;
	int64_t now_us = START;
	(void)state;

	/* Each who is admitted gets 2 Mbit/s from half a second later on; one asks every 100 ms. */
	start(0, 0, 0, 100000000);
	for (unsigned step = 0; step < 400; step++, now_us += BF_MS(100)) {
		admitted += admit(2000000, now_us);
		admitted_by[step] = admitted;
		if (step >= 5)
			assert_true(take(BF_BUDGET_VIDEO, 1,
				admitted_by[step - 5] * UINT64_C(200000), now_us));
	}
	assert_in_range(admitted, 49, 50);
	assert_int_equal(room.shed_video, 0);
	/* when they have left, others may come */
	assert_true(admit(90000000, now_us + BF_SEC(3)));
}

static void what_flows_since_a_moment_ago_counts_already(void **state)
{
	(void)state;

	start(0, 0, 0, 10000000);
	assert_true(take(BF_BUDGET_AUDIO, 1, 9000000, START));
	assert_false(admit(2000000, START));
	assert_true(admit(1000000, START));
}

static void promises_that_are_not_kept_end(void **state)
{
	(void)state;

	start(0, 0, 0, 10000000);
	assert_true(admit(10000000, START));
	for (int i = 1; i < 20; i++)
		assert_false(admit(1, START + BF_MS(100) * i));
	assert_false(admit(1, START + BF_MS(2900)));
	assert_true(admit(10000000, START + BF_MS(4000)));
	/* also when nobody asks meanwhile */
	start(0, 0, 0, 10000000);
	assert_true(admit(10000000, START));
	assert_false(admit(1, START + BF_MS(2900)));
	start(0, 0, 0, 10000000);
	assert_true(admit(10000000, START));
	assert_true(admit(10000000, START + BF_MS(3000)));
}

static void joining_is_refused_where_the_organization_has_no_room_left(void **state)
{
	(void)state;

	start(0, 10000000, 0, 0);
	assert_int_equal(bf_budget_admit(&other, &(struct bf_budget_limits){0, 8000000}, START),
		BF_BUDGET_OK);
	assert_int_equal(bf_budget_admit(&room, &(struct bf_budget_limits){0, 3000000}, START),
		BF_BUDGET_PARENT_BITS);
	assert_int_equal(room.bits.promised[0], 0); /* nothing was promised by that */
	assert_true(admit(2000000, START));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_everything_goes),
		cmocka_unit_test(each_limit_is_named_from_the_room_outwards),
		cmocka_unit_test(what_is_below_the_budget_is_never_refused),
		cmocka_unit_test(what_is_above_gets_the_budget_and_no_more),
		cmocka_unit_test(no_window_sees_more_than_its_time_and_a_second),
		cmocka_unit_test(a_long_silence_saves_one_second),
		cmocka_unit_test(a_packet_with_more_copies_than_the_budget_goes_and_is_paid_for),
		cmocka_unit_test(audio_within_the_budget_is_untouched_by_any_video),
		cmocka_unit_test(audio_alone_above_the_budget_is_cut_to_it),
		cmocka_unit_test(video_is_left_out_in_stretches_not_packet_by_packet),
		cmocka_unit_test(rooms_share_their_organizations_budget),
		cmocka_unit_test(what_the_organization_refuses_does_not_use_the_rooms_budget),
		cmocka_unit_test(new_limits_hold_from_now_on),
		cmocka_unit_test(a_clock_that_steps_refuses_nothing_for_long),
		cmocka_unit_test(the_highest_limits_overflow_nothing),
		cmocka_unit_test(a_join_storm_is_admitted_up_to_the_budget),
		cmocka_unit_test(what_flows_counts_instead_of_what_was_promised),
		cmocka_unit_test(what_flows_since_a_moment_ago_counts_already),
		cmocka_unit_test(promises_that_are_not_kept_end),
		cmocka_unit_test(joining_is_refused_where_the_organization_has_no_room_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
