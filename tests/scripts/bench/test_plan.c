/* Who does what in each scenario. */
#include "scripts/bench/plan.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

static struct bench_plan plan;
static struct bench_options options;

/* Parse a command line and plan it. */
static int make(const char *scenario, const char *one, const char *two, bool plays_one)
{
	char first[64], name[] = "run", server[] = "--server=http://127.0.0.1:1", a[64], b[64];
	char *argv[] = {name, server, first, a, b, NULL};

	snprintf(first, sizeof(first), "--scenario=%s", scenario);
	snprintf(a, sizeof(a), "%s", one);
	snprintf(b, sizeof(b), "%s", two);
	bench_plan_free(&plan);
	optind = 0; /* glibc's getopt begins anew */
	assert_int_equal(bench_options_parse(&options, 5, argv), 0);
	return bench_plan_make(&plan, &options, plays_one);
}

static int teardown(void **state)
{
	(void)state;
	bench_plan_free(&plan);
	return 0;
}

static void one_to_many_has_publishers_first_and_players_who_play_one_each(void **state)
{
	(void)state;
	assert_int_equal(make("one-to-many", "--subscribers=5", "--publishers=2", true), 0);
	assert_int_equal(plan.client_count, 7);
	assert_int_equal(plan.first_count, 2);
	assert_int_equal(plan.receiver_count, 5);
	assert_int_equal(plan.stream_count, 10);
	assert_int_equal(plan.room_count, 2);
	assert_int_equal(plan.room_size, 4);
	for (unsigned i = 0; i < plan.client_count; i++) {
		const struct bench_client_spec *spec = &plan.clients[i];
		assert_int_equal(spec->number, i);
		assert_int_equal(spec->receives, i >= 2);
		assert_int_equal(spec->sends_video, i < 2);
		assert_int_equal(spec->checks_all, i == 2);
		assert_int_equal(spec->room, i % 2);
		if (i >= 2)
			assert_int_equal(spec->plays, i % 2);
	}
}

static void the_last_ones_are_late(void **state)
{
	(void)state;
	assert_int_equal(make("one-to-many", "--subscribers=20", "--late=3", true), 0);
	for (unsigned i = 0; i < plan.client_count; i++)
		assert_int_equal(plan.clients[i].is_late, i >= 18);
	assert_int_equal(make("join-storm", "--subscribers=20", "--late=3", true), 0);
	assert_int_equal(plan.late_count, 0);
}

static void in_a_conference_all_receive_the_others_and_speakers_have_a_camera(void **state)
{
	(void)state;
	assert_int_equal(make("conference", "--participants=20", "--speakers=3", false), 0);
	assert_int_equal(plan.client_count, 20);
	assert_int_equal(plan.first_count, 0);
	assert_int_equal(plan.room_count, 1);
	assert_int_equal(plan.stream_count, 20 * 19 + 3 * 2 + 17 * 3);
	for (unsigned i = 0; i < 20; i++) {
		const struct bench_client_spec *spec = &plan.clients[i];
		assert_true(spec->receives && spec->sends_audio);
		assert_int_equal(spec->sends_video, i < 3);
		assert_int_equal(spec->is_silent, i >= 3);
		assert_int_equal(spec->expected_count[BENCH_AUDIO], 19);
		assert_int_equal(spec->expected_count[BENCH_VIDEO], i < 3 ? 2 : 3);
	}
}

static void without_a_number_of_speakers_all_speak(void **state)
{
	(void)state;
	assert_int_equal(make("conference", "--participants=8", "--audio=on", false), 0);
	assert_int_equal(plan.stream_count, 8 * 7 * 2);
	assert_false(plan.clients[7].is_silent);
}

static void audio_rooms_are_apart(void **state)
{
	(void)state;
	assert_int_equal(make("audio-rooms", "--rooms=30", "--room-size=4", false), 0);
	assert_int_equal(plan.client_count, 120);
	assert_int_equal(plan.room_count, 30);
	assert_int_equal(plan.stream_count, 120 * 3);
	assert_int_equal(plan.clients[119].room, 29);
	assert_int_equal(plan.clients[4].room, 1);
	assert_false(plan.clients[0].sends_video);
}

static void what_cannot_be_played_is_refused(void **state)
{
	(void)state;
	assert_int_equal(make("conference", "--participants=4", "--speakers=1", true), -EINVAL);
	assert_int_equal(make("audio-rooms", "--rooms=4", "--room-size=4", true), -EINVAL);
	assert_int_equal(make("conference", "--participants=40", "--speakers=1", false), -EINVAL);
	assert_int_equal(make("audio-rooms", "--rooms=20000", "--room-size=4", false), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			one_to_many_has_publishers_first_and_players_who_play_one_each, teardown),
		cmocka_unit_test_teardown(the_last_ones_are_late, teardown),
		cmocka_unit_test_teardown(
			in_a_conference_all_receive_the_others_and_speakers_have_a_camera,
			teardown),
		cmocka_unit_test_teardown(without_a_number_of_speakers_all_speak, teardown),
		cmocka_unit_test_teardown(audio_rooms_are_apart, teardown),
		cmocka_unit_test_teardown(what_cannot_be_played_is_refused, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
