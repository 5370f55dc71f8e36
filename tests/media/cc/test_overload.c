#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/cc/overload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BUDGET	 BF_OVERLOAD_BUDGET_US
#define HOT	 (BUDGET + 1)
#define SEVERE	 (BUDGET * BF_OVERLOAD_SEVERE + BF_OVERLOAD_SEVERE)
#define BETWEEN	 (BUDGET - 1)
#define CALM	 (BUDGET / 2)
#define INTERVAL BF_OVERLOAD_INTERVAL_US

static struct bf_overload overload;
static int64_t now_us;

static void start(void)
{
	bf_overload_init(&overload, BUDGET);
	now_us = BF_SEC(100);
}

static bool feed_busy(int64_t p99_us, int busy_permille)
{
	struct bf_overload_sample sample = {
		.p99_us = p99_us, .packet_count = 10000, .busy_permille = busy_permille};

	now_us += INTERVAL;
	return bf_overload_on_sample(&overload, &sample, now_us);
}

static bool feed(int64_t p99_us)
{
	return feed_busy(p99_us, -1);
}

static void feed_for(int64_t p99_us, int64_t time_us)
{
	for (int64_t end_us = now_us + time_us; now_us < end_us;)
		feed(p99_us);
}

static void raise_to(unsigned level)
{
	for (unsigned i = 0; overload.level < level && i < 100; i++)
		feed(HOT);
	assert_int_equal(overload.level, level);
}

/* ---- up ---- */

static void within_the_budget_nothing_happens(void **state)
{
	(void)state;

	start();
	for (int i = 0; i < 1000; i++) {
		assert_false(feed(i % 2 ? BUDGET : 0));
		assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
		assert_false(bf_overload_refuses_joins(&overload));
	}
}

static void get_hot(int64_t p99_us)
{
	for (unsigned i = 1; i < BF_OVERLOAD_GUARD_MIN; i++)
		assert_false(feed(p99_us));
	assert_true(feed(p99_us));
}

static void bad_intervals_now_and_then_change_nothing(void **state)
{
	(void)state;

	start();
	for (unsigned i = 0; i < 100; i++) {
		for (unsigned row = 1; row < BF_OVERLOAD_GUARD_MIN; row++)
			assert_false(feed(SEVERE));
		assert_false(feed(i % 2 ? CALM : BETWEEN));
	}
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	assert_false(bf_overload_refuses_joins(&overload));
}

static void some_bad_intervals_in_a_row_only_refuse_joins(void **state)
{
	(void)state;

	start();
	get_hot(SEVERE);
	assert_int_equal(overload.state, BF_OVERLOAD_GUARDED);
	assert_int_equal(overload.level, 0);
	assert_true(bf_overload_refuses_joins(&overload));
	feed(CALM);
	feed(SEVERE); /* another one, but not in a row */
	feed(BETWEEN);
	feed(SEVERE);
	assert_int_equal(overload.level, 0);
	feed_for(CALM, BF_OVERLOAD_CALM_MIN_US + INTERVAL);
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	assert_false(bf_overload_refuses_joins(&overload));
}

static void lasting_overload_goes_up_level_by_level_in_order(void **state)
{
	uint8_t last = 0;
	int64_t step_us = 0;
	(void)state;

	start();
	get_hot(HOT);
	for (int i = 0; i < 40; i++) {
		feed(HOT);
		assert_in_range(overload.level, last, last + 1);
		if (overload.level != last) {
			if (step_us)
				assert_true(now_us - step_us >= BF_OVERLOAD_RAISE_US);
			step_us = now_us;
		}
		last = overload.level;
		assert_int_equal(overload.state, last == 0   ? BF_OVERLOAD_GUARDED
						 : last <= 4 ? BF_OVERLOAD_SHED_LAYERS
							     : BF_OVERLOAD_SHED_VIDEO);
		assert_true(bf_overload_refuses_joins(&overload));
	}
	assert_int_equal(last, BF_OVERLOAD_LEVEL_MAX);
	assert_int_equal(overload.raised_count, BF_OVERLOAD_LEVEL_MAX);
}

static void severe_overload_goes_up_two_levels_with_each_interval(void **state)
{
	(void)state;

	start();
	get_hot(SEVERE);
	for (unsigned level = 2; level <= BF_OVERLOAD_LEVEL_MAX; level += 2) {
		assert_true(feed(SEVERE));
		assert_int_equal(overload.level, level);
	}
	assert_false(feed(SEVERE));
	/* also from an odd one */
	start();
	raise_to(7);
	feed(SEVERE);
	assert_int_equal(overload.level, BF_OVERLOAD_LEVEL_MAX);
}

static void few_packets_say_nothing(void **state)
{
	struct bf_overload_sample sample = {
		.p99_us = SEVERE, .packet_count = BF_OVERLOAD_PACKETS_MIN - 1, .busy_permille = -1};
	(void)state;

	start();
	for (int i = 0; i < 100; i++)
		assert_false(bf_overload_on_sample(&overload, &sample, now_us += INTERVAL));
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	/* and do not keep a level up */
	raise_to(3);
	for (int i = 0; i < 4000; i++)
		bf_overload_on_sample(&overload, &sample, now_us += INTERVAL);
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
}

/* ---- down ---- */

static void calm_goes_down_level_by_level_to_normal(void **state)
{
	uint8_t last = BF_OVERLOAD_LEVEL_MAX;
	int64_t step_us;
	(void)state;

	start();
	raise_to(BF_OVERLOAD_LEVEL_MAX);
	step_us = now_us;
	while (overload.state != BF_OVERLOAD_NORMAL && now_us < step_us + BF_SEC(60)) {
		bool is_changed = feed(CALM);

		if (!is_changed)
			continue;
		assert_true(now_us - step_us >= BF_OVERLOAD_CALM_MIN_US);
		assert_true(now_us - step_us <= BF_OVERLOAD_CALM_MIN_US + INTERVAL);
		if (overload.state != BF_OVERLOAD_NORMAL)
			assert_int_equal(overload.level, --last);
		step_us = now_us;
	}
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	assert_int_equal(last, 0);
}

static void between_half_of_the_budget_and_the_budget_nothing_changes(void **state)
{
	(void)state;

	start();
	raise_to(3);
	for (int i = 0; i < 1000; i++)
		assert_false(feed(BETWEEN));
	assert_int_equal(overload.level, 3);
	/* and it breaks a calm */
	feed_for(CALM, BF_OVERLOAD_CALM_MIN_US - INTERVAL);
	feed(BETWEEN);
	feed_for(CALM, BF_OVERLOAD_CALM_MIN_US - INTERVAL);
	assert_int_equal(overload.level, 3);
}

static void a_step_down_that_fails_is_taken_back_and_tried_more_rarely(void **state)
{
	int64_t waits_us[8];
	(void)state;

	start();
	raise_to(3);
	for (int i = 0; i < 8; i++) {
		int64_t since_us = now_us;

		while (overload.level == 3)
			feed(CALM);
		waits_us[i] = now_us - since_us;
		assert_int_equal(overload.level, 2);
		feed(HOT);
		feed(HOT);
		assert_int_equal(overload.level, 3);
	}
	for (int i = 1; i < 8; i++) {
		int64_t doubled_us = 2 * waits_us[i - 1];

		if (doubled_us > BF_OVERLOAD_CALM_MAX_US)
			doubled_us = BF_OVERLOAD_CALM_MAX_US;
		assert_in_range(waits_us[i], doubled_us - 2 * INTERVAL, doubled_us + 2 * INTERVAL);
	}
}

static void steps_that_hold_shorten_the_waiting_again(void **state)
{
	(void)state;

	start();
	raise_to(8);
	for (int i = 0; i < 8; i++) {
		while (overload.level == 8)
			feed(CALM);
		feed(HOT);
		feed(HOT);
	}
	assert_int_equal(overload.calm_us, BF_OVERLOAD_CALM_MAX_US);
	feed_for(CALM, BF_SEC(180));
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	assert_true(overload.calm_us <= 2 * BF_OVERLOAD_CALM_MIN_US);
}

static void steps_elsewhere_say_nothing_of_the_one_that_failed(void **state)
{
	int64_t calm_us;
	(void)state;

	start();
	raise_to(3);
	for (int i = 0; i < 3; i++) {
		while (overload.level == 3)
			feed(CALM);
		feed(HOT);
		feed(HOT);
	}
	calm_us = overload.calm_us;
	raise_to(5);
	while (overload.level == 5)
		feed(CALM);
	feed_for(BETWEEN, BF_OVERLOAD_RELAPSE_US + INTERVAL);
	feed(CALM);
	assert_int_equal(overload.level, 4);
	assert_int_equal(overload.calm_us, calm_us);
	/* down to the level that held it goes as fast as ever */
	feed_for(CALM, BF_OVERLOAD_CALM_MIN_US);
	assert_int_equal(overload.level, 3);
	feed_for(CALM, calm_us - INTERVAL);
	assert_int_equal(overload.level, 3);
}

static void what_comes_long_after_a_step_down_does_not_come_of_it(void **state)
{
	(void)state;

	start();
	raise_to(3);
	while (overload.level == 3)
		feed(CALM);
	feed_for(BETWEEN, BF_OVERLOAD_RELAPSE_US);
	feed(HOT);
	feed(HOT);
	assert_int_equal(overload.level, 3);
	assert_int_equal(overload.calm_us, BF_OVERLOAD_CALM_MIN_US);
	assert_int_equal(overload.failed_level, -1);
}

static void a_normal_minute_forgets_the_waiting(void **state)
{
	(void)state;

	start();
	raise_to(1);
	for (int i = 0; i < 8; i++) {
		while (overload.level == 1)
			feed(CALM);
		feed(HOT);
		feed(HOT);
	}
	feed_for(CALM, BF_OVERLOAD_CALM_MAX_US + BF_SEC(15));
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	assert_int_equal(overload.calm_us, BF_OVERLOAD_CALM_MAX_US / 2);
	feed_for(CALM, BF_OVERLOAD_CALM_MAX_US);
	assert_int_equal(overload.calm_us, BF_OVERLOAD_CALM_MIN_US);
	assert_int_equal(overload.failed_level, -1);
}

static void a_busy_thread_is_not_given_more(void **state)
{
	(void)state;

	start();
	raise_to(2);
	for (int i = 0; i < 4000; i++)
		assert_false(feed_busy(CALM, BF_OVERLOAD_BUSY_HIGH));
	start();
	raise_to(2);
	for (int64_t end_us = now_us + BF_OVERLOAD_CALM_BUSY_US; now_us < end_us;)
		assert_false(feed_busy(CALM, BF_OVERLOAD_BUSY_LOW));
	assert_true(feed_busy(CALM, BF_OVERLOAD_BUSY_LOW));
	assert_int_equal(overload.level, 1);
	/* but joins may come again, whatever it is busy with */
	start();
	feed(HOT);
	for (int i = 0; i < 9; i++)
		feed_busy(CALM, 1000);
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
}

static void a_thread_that_finds_time_to_wait_is_not_overloaded(void **state)
{
	(void)state;

	start();
	for (int i = 0; i < 1000; i++)
		assert_false(feed_busy(SEVERE, BF_OVERLOAD_BUSY_HOT - 1));
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
	for (int i = 0; i < BF_OVERLOAD_GUARD_MIN; i++)
		feed_busy(SEVERE, BF_OVERLOAD_BUSY_HOT);
	assert_int_equal(overload.state, BF_OVERLOAD_GUARDED);
}

static void what_is_left_out_comes_back_when_there_is_time_however_long_packets_take(void **state)
{
	(void)state;

	start();
	raise_to(BF_OVERLOAD_LEVEL_MAX);
	/* in between it stays */
	for (int i = 0; i < 1000; i++)
		assert_false(feed_busy(HOT, BF_OVERLOAD_BUSY_LOW));
	for (int i = 0; i < 1000; i++)
		feed_busy(HOT, BF_OVERLOAD_BUSY_LOW - 1);
	assert_int_equal(overload.level, 0);
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
}

static void a_clock_that_steps_keeps_nothing_up(void **state)
{
	(void)state;

	start();
	raise_to(2);
	now_us -= BF_SEC(90);
	feed(HOT);
	assert_int_equal(overload.level, 3); /* is not waited for either */
	feed(CALM);
	now_us -= BF_SEC(3600);
	feed_for(CALM, BF_SEC(60));
	assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
}

/* ---- what it means ---- */

static void layers_shrink_in_the_stated_order(void **state)
{
	unsigned half = 0;
	(void)state;

	start();
	for (uint32_t id = 1; id <= 1000; id++) {
		overload.level = 0;
		for (unsigned rank = 0; rank < 3; rank++)
			assert_int_equal(bf_overload_layer(&overload, id, rank, 3), rank);
		overload.level = 1;
		assert_int_equal(bf_overload_layer(&overload, id, 2, 3), 2);
		assert_int_equal(bf_overload_layer(&overload, id, 1, 3), 0);
		assert_int_equal(bf_overload_layer(&overload, id, 0, 3), 0);
		assert_int_equal(
			bf_overload_layer(&overload, id, 1, 2), 1); /* the highest there is */
		overload.level = 2;
		assert_in_range(bf_overload_layer(&overload, id, 2, 3), 1, 2);
		half += bf_overload_layer(&overload, id, 2, 3) == 1;
		overload.level = 3;
		assert_int_equal(bf_overload_layer(&overload, id, 2, 3), 1);
		assert_int_equal(bf_overload_layer(&overload, id, 1, 2), 0);
		for (overload.level = 4; overload.level <= BF_OVERLOAD_LEVEL_MAX; overload.level++)
			for (unsigned rank = 0; rank < 3; rank++)
				assert_int_equal(bf_overload_layer(&overload, id, rank, 3), 0);
		for (overload.level = 0; overload.level <= BF_OVERLOAD_LEVEL_MAX; overload.level++)
			assert_int_equal(bf_overload_layer(&overload, id, 0, 1), 0);
	}
	assert_in_range(half, 450, 550);
}

static void no_level_gives_more_than_the_one_before(void **state)
{
	(void)state;

	start();
	for (uint32_t id = 0; id < 2000; id += 7)
		for (unsigned count = 1; count <= 3; count++)
			for (unsigned rank = 0; rank < count; rank++) {
				unsigned last = rank;
				bool was_paused = false;

				for (overload.level = 0; overload.level <= BF_OVERLOAD_LEVEL_MAX;
					overload.level++) {
					unsigned got =
						bf_overload_layer(&overload, id, rank, count);
					bool is_paused = bf_overload_pauses(&overload, id);

					assert_true(got <= last);
					assert_true(is_paused || !was_paused);
					last = got;
					was_paused = is_paused;
				}
				assert_true(was_paused);
			}
}

static void video_is_paused_for_a_growing_share(void **state)
{
	static const uint32_t strides[] = {1, 2, 4, 16, 1024, 65536, 0x10001};
	(void)state;

	start();
	for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++)
		for (overload.level = 0; overload.level <= BF_OVERLOAD_LEVEL_MAX;
			overload.level++) {
			unsigned paused = 0;
			unsigned share = overload.level < 5 ? 0 : overload.level - 4u;

			for (uint32_t i = 0; i < 1000; i++)
				paused += bf_overload_pauses(&overload, i * strides[s] + 77);
			assert_in_range(paused, share * 250 - (share % 4 ? 60 : 0),
				share * 250 + (share % 4 ? 60 : 0));
		}
}

static void states_have_names(void **state)
{
	(void)state;

	assert_string_equal(bf_overload_state_name(BF_OVERLOAD_NORMAL), "normal");
	assert_string_equal(bf_overload_state_name(BF_OVERLOAD_GUARDED), "guarded");
	assert_string_equal(bf_overload_state_name(BF_OVERLOAD_SHED_LAYERS), "shed_layers");
	assert_string_equal(bf_overload_state_name(BF_OVERLOAD_SHED_VIDEO), "shed_video");
}

/* ---- in a loop with a worker: work comes in at `load` of what one thread can do, less what the level leaves out ---- */

struct plant {
	struct bf_prng prng;
	double load, backlog_us;
	bool tells_busy;
	uint8_t acting, coming; /* a level acts an interval later than it is set */
	/* seen */
	unsigned change_count, hot_count, interval_count;
	uint8_t level_max, level_min;
};

static void plant_init(struct plant *plant, double load, bool tells_busy)
{
	memset(plant, 0, sizeof(*plant));
	bf_prng_init(&plant->prng, 1 + (uint64_t)(load * 1000));
	plant->load = load;
	plant->tells_busy = tells_busy;
}

static void plant_reset_seen(struct plant *plant)
{
	plant->change_count = plant->hot_count = plant->interval_count = 0;
	plant->level_max = 0;
	plant->level_min = BF_OVERLOAD_LEVEL_MAX;
}

static void plant_step(struct plant *plant)
{
	static const double left[] = {1, .93, .75, .6, .4, .31, .22, .13, .04};
	double noise = 0.95 + bf_prng_below(&plant->prng, 1000) / 10000.0;
	double work = plant->load * left[plant->acting] * noise;
	double busy = work < 0.999 ? work : 0.999;
	uint8_t before = overload.level;
	double p99_us;

	plant->backlog_us += (work - 1) * INTERVAL;
	if (plant->backlog_us < 0)
		plant->backlog_us = 0;
	if (plant->backlog_us > 200000) /* what sockets hold; the rest is lost */
		plant->backlog_us = 200000;
	p99_us = plant->backlog_us + 300 / (1 - busy);
	plant->hot_count += p99_us > BUDGET;
	plant->interval_count++;
	plant->acting = plant->coming;
	feed_busy((int64_t)p99_us,
		plant->tells_busy ? (int)((plant->backlog_us > 0 ? 1 : busy) * 1000) : -1);
	plant->coming = overload.level;
	plant->change_count += overload.level != before;
	if (overload.level > plant->level_max)
		plant->level_max = overload.level;
	if (overload.level < plant->level_min)
		plant->level_min = overload.level;
}

static void plant_run(struct plant *plant, int64_t time_us)
{
	plant_reset_seen(plant);
	for (int64_t end_us = now_us + time_us; now_us < end_us;)
		plant_step(plant);
}

static void a_loaded_worker_settles_does_not_flap_and_recovers(void **state)
{
	(void)state;

	for (int busy = 0; busy < 2; busy++)
		for (double load = 0.2; load < 12; load *= 1.07) {
			struct plant plant;

			start();
			plant_init(&plant, load, busy == 1);
			plant_run(&plant, BF_SEC(5)); /* within 5 s it is in its budget */
			plant_run(&plant, BF_SEC(55));
			assert_true(plant.hot_count * 100 <= plant.interval_count * 15);
			plant_run(&plant, BF_SEC(600));
			/* one step, which is tried once a minute and taken back, or seldom more often */
			assert_true(plant.change_count <= 3 * 600 / 60);
			assert_true(plant.hot_count * 100 <= plant.interval_count * 4);
			assert_true(plant.level_max - plant.level_min <= 1);
			if (load < 0.85)
				assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
			plant.load = 0.3;
			plant_run(&plant, BF_SEC(180));
			assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
			assert_int_equal(plant.hot_count, 0);
		}
}

static void a_sudden_overload_is_over_within_three_seconds(void **state)
{
	(void)state;

	for (double load = 1.2; load < 20; load *= 1.2) {
		struct plant plant;

		start();
		plant_init(&plant, 0.5, true);
		plant_run(&plant, BF_SEC(60));
		assert_int_equal(overload.state, BF_OVERLOAD_NORMAL);
		plant.load = load;
		plant_run(&plant, BF_SEC(3));
		plant_run(&plant, BF_SEC(1));
		assert_int_equal(plant.hot_count, 0);
	}
}

static void stumbles_of_the_machine_shed_nothing(void **state)
{
	struct plant plant;
	(void)state;

	start();
	plant_init(&plant, 0.4, true);
	for (int i = 0; i < 500; i++) {
		plant_run(&plant, BF_SEC(3));
		assert_int_equal(plant.level_max, 0);
		plant.backlog_us = 30000; /* stood still for 30 ms */
	}
	assert_int_equal(overload.raised_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(within_the_budget_nothing_happens),
		cmocka_unit_test(bad_intervals_now_and_then_change_nothing),
		cmocka_unit_test(some_bad_intervals_in_a_row_only_refuse_joins),
		cmocka_unit_test(lasting_overload_goes_up_level_by_level_in_order),
		cmocka_unit_test(severe_overload_goes_up_two_levels_with_each_interval),
		cmocka_unit_test(few_packets_say_nothing),
		cmocka_unit_test(calm_goes_down_level_by_level_to_normal),
		cmocka_unit_test(between_half_of_the_budget_and_the_budget_nothing_changes),
		cmocka_unit_test(a_step_down_that_fails_is_taken_back_and_tried_more_rarely),
		cmocka_unit_test(steps_that_hold_shorten_the_waiting_again),
		cmocka_unit_test(steps_elsewhere_say_nothing_of_the_one_that_failed),
		cmocka_unit_test(what_comes_long_after_a_step_down_does_not_come_of_it),
		cmocka_unit_test(a_normal_minute_forgets_the_waiting),
		cmocka_unit_test(a_busy_thread_is_not_given_more),
		cmocka_unit_test(a_thread_that_finds_time_to_wait_is_not_overloaded),
		cmocka_unit_test(
			what_is_left_out_comes_back_when_there_is_time_however_long_packets_take),
		cmocka_unit_test(a_clock_that_steps_keeps_nothing_up),
		cmocka_unit_test(layers_shrink_in_the_stated_order),
		cmocka_unit_test(no_level_gives_more_than_the_one_before),
		cmocka_unit_test(video_is_paused_for_a_growing_share),
		cmocka_unit_test(states_have_names),
		cmocka_unit_test(a_loaded_worker_settles_does_not_flap_and_recovers),
		cmocka_unit_test(a_sudden_overload_is_over_within_three_seconds),
		cmocka_unit_test(stumbles_of_the_machine_shed_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
