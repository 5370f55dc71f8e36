#include "core/base/clock.h"
#include "media/room/speaker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VOICE  30
#define SHOUT  10
#define SILENT 127
#define NOISE  70 /* a fan */

static struct bf_speaker speaker;
static struct bf_speaker_change change;
static int64_t now_us;
static unsigned change_count;

static void start(void)
{
	bf_speaker_init(&speaker);
	change = (struct bf_speaker_change){0};
	now_us = BF_SEC(1);
	change_count = 0;
}

/* `count` participants 1.. send a packet every 20 ms at these levels; -1: sends nothing. Polls as a timer would. */
static void run(int64_t duration_us, const int *levels, size_t count)
{
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += BF_MS(20)) {
		for (size_t i = 0; i < count; i++) {
			if (levels[i] >= 0)
				bf_speaker_on_level(&speaker, i + 1, (uint8_t)levels[i], now_us);
		}
		if (bf_speaker_deadline_us(&speaker) <= now_us)
			change_count += bf_speaker_poll(&speaker, now_us, &change);
	}
}

#define RUN(duration_us, ...)                        \
	run(duration_us, (const int[]){__VA_ARGS__}, \
		sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void nobody_known_needs_no_timer(void **state)
{
	(void)state;
	start();
	assert_int_equal(bf_speaker_deadline_us(&speaker), INT64_MAX);
	assert_false(bf_speaker_poll(&speaker, now_us, &change));
	bf_speaker_on_level(&speaker, 1, SILENT, now_us);
	assert_int_equal(bf_speaker_deadline_us(&speaker), now_us + BF_SPEAKER_POLL_US);
	assert_false(bf_speaker_poll(&speaker, now_us + BF_SPEAKER_POLL_US - 1, &change));
}

static void silence_and_noise_are_no_speech(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(10), SILENT, NOISE);
	assert_int_equal(change_count, 0);
}

static void a_voice_is_heard_after_its_first_syllables(void **state)
{
	(void)state;
	start();
	RUN(BF_MS(260), SILENT, VOICE);
	assert_int_equal(change_count, 0);
	RUN(BF_MS(260), SILENT, VOICE);
	assert_int_equal(change_count, 1);
	assert_int_equal(change.dominant, 2);
	assert_int_equal(change.speaking_count, 1);
	assert_int_equal(change.speaking[0], 2);
	RUN(BF_SEC(10), SILENT, VOICE);
	assert_int_equal(change_count, 1); /* told once */
}

static void a_cough_is_no_speech(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(2), VOICE, SILENT);
	assert_int_equal(change_count, 1);
	for (int i = 0; i < 5; i++) {
		RUN(BF_MS(220), VOICE, SHOUT);
		RUN(BF_MS(1000), VOICE, SILENT);
	}
	assert_int_equal(change_count, 1);
	assert_int_equal(change.dominant, 1);
}

static void pauses_between_words_do_not_end_a_turn(void **state)
{
	(void)state;
	start();
	for (int i = 0; i < 20; i++) {
		RUN(BF_MS(200), VOICE, SILENT);
		RUN(BF_MS(120), SILENT, SILENT);
	}
	assert_int_equal(change_count, 1);
	RUN(BF_MS(1200), SILENT, SILENT); /* a breath */
	RUN(BF_MS(400), VOICE, SILENT);
	assert_int_equal(change_count, 1);
}

static void after_long_silence_nobody_speaks_but_the_dominant_one_stays(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(2), VOICE, SILENT);
	RUN(BF_MS(1300), SILENT, SILENT);
	assert_int_equal(change_count, 1);
	RUN(BF_MS(500), SILENT, SILENT);
	assert_int_equal(change_count, 2);
	assert_int_equal(change.speaking_count, 0);
	assert_int_equal(change.dominant, 1);
	RUN(BF_SEC(30), SILENT, SILENT);
	assert_int_equal(change_count, 2);
}

static void packets_that_stop_are_silence(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(2), VOICE, SILENT);
	RUN(BF_SEC(2), -1, SILENT); /* discontinuous transmission */
	assert_int_equal(change_count, 2);
	assert_int_equal(change.speaking_count, 0);
}

static void another_takes_over_once_the_first_is_silent(void **state)
{
	int64_t began_us;
	(void)state;

	start();
	RUN(BF_SEC(2), VOICE, SILENT);
	began_us = now_us;
	while (change.dominant != 2)
		RUN(BF_MS(20), SILENT, VOICE);
	assert_in_range(now_us - began_us, BF_MS(300), BF_MS(700));
	assert_int_equal(change.speaking_count, 2); /* the first is still within its turn */
	assert_int_equal(change.speaking[0], 2);    /* loudest first */
	RUN(BF_SEC(2), SILENT, VOICE);
	assert_int_equal(change.speaking_count, 1);
	assert_int_equal(change.dominant, 2);
}

static void one_whose_packets_stop_is_not_louder_than_a_voice(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), SHOUT, SILENT);
	assert_int_equal(change.dominant, 1);
	RUN(BF_MS(1200), -1, VOICE + 5);
	assert_int_equal(change.dominant, 2);
}

static void a_louder_one_takes_over_while_both_speak(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), VOICE, SILENT);
	RUN(BF_SEC(1), VOICE, SHOUT);
	assert_int_equal(change.dominant, 2);
	assert_int_equal(change.speaking_count, 2);
}

static void two_equally_loud_do_not_take_turns(void **state)
{
	unsigned before;
	(void)state;

	start();
	RUN(BF_SEC(3), VOICE, SILENT);
	RUN(BF_SEC(1), VOICE, VOICE);
	before = change_count;
	for (int i = 0; i < 100; i++) {
		RUN(BF_MS(100), VOICE, VOICE + 4);
		RUN(BF_MS(100), VOICE + 4, VOICE);
	}
	assert_int_equal(change.dominant, 1);
	assert_int_equal(change_count, before);
}

static void who_just_took_over_keeps_the_floor_for_a_moment(void **state)
{
	int64_t took_us;
	(void)state;

	start();
	while (change.dominant != 1)
		RUN(BF_MS(20), VOICE, SILENT);
	took_us = now_us;
	while (change.dominant != 2)
		RUN(BF_MS(20), VOICE, SHOUT);
	assert_in_range(now_us - took_us, BF_MS(1400), BF_MS(1800));
}

static void who_leaves_is_no_longer_named(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(2), VOICE, SILENT);
	bf_speaker_remove(&speaker, 1);
	RUN(BF_MS(200), -1, SILENT);
	assert_int_equal(change_count, 2);
	assert_int_equal(change.dominant, 0);
	assert_int_equal(change.speaking_count, 0);
}

static void the_last_one_to_leave_is_told_and_the_timer_stops(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(2), VOICE);
	bf_speaker_remove(&speaker, 1);
	RUN(BF_MS(200), -1);
	assert_int_equal(change_count, 2);
	assert_int_equal(change.dominant, 0);
	assert_int_equal(bf_speaker_deadline_us(&speaker), INT64_MAX);
	bf_speaker_remove(&speaker, 1); /* unknown: nothing */
}

static void the_next_loudest_follows_one_who_leaves(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), VOICE, VOICE + 1, VOICE + 2);
	assert_int_equal(change.dominant, 1);
	assert_int_equal(change.speaking_count, 3);
	bf_speaker_remove(&speaker, 1);
	RUN(BF_MS(200), -1, VOICE + 1, VOICE + 2);
	assert_int_equal(change.dominant, 2);
	assert_int_equal(change.speaking_count, 2);
}

static void the_list_is_ordered_and_holds_eight(void **state)
{
	int levels[12];
	(void)state;

	start();
	for (int i = 0; i < 12; i++)
		levels[i] = 40 - 2 * i; /* the last is loudest */
	run(BF_SEC(1), levels, 12);
	assert_int_equal(change.speaking_count, BF_SPEAKER_SPEAKING);
	for (size_t i = 0; i < BF_SPEAKER_SPEAKING; i++)
		assert_int_equal(change.speaking[i], 12 - i);
	assert_int_equal(change.dominant, 12);
	/* a ninth who gets louder waits for a place */
	levels[0] = 1;
	run(BF_SEC(1), levels, 12);
	for (size_t i = 0; i < BF_SPEAKER_SPEAKING; i++)
		assert_true(change.speaking[i] != 1);
	levels[11] = SILENT;
	run(BF_SEC(3), levels, 12);
	assert_int_equal(change.speaking_count, BF_SPEAKER_SPEAKING);
	assert_int_equal(change.speaking[0], 1);
}

static void a_full_table_makes_room_for_voices_only(void **state)
{
	int levels[BF_SPEAKER_COUNT + 2];
	(void)state;

	start();
	for (int i = 0; i < BF_SPEAKER_COUNT + 2; i++)
		levels[i] = SILENT;
	levels[0] = VOICE;
	run(BF_SEC(1), levels, BF_SPEAKER_COUNT);
	assert_int_equal(change.dominant, 1);
	run(BF_SEC(1), levels, BF_SPEAKER_COUNT + 2); /* silent newcomers stay outside */
	for (size_t i = 0; i < BF_SPEAKER_COUNT; i++)
		assert_true(speaker.candidates[i].id <= BF_SPEAKER_COUNT);
	levels[0] = SILENT;
	levels[BF_SPEAKER_COUNT + 1] = VOICE;
	run(BF_SEC(1), levels, BF_SPEAKER_COUNT + 2);
	assert_int_equal(change.dominant, BF_SPEAKER_COUNT + 2);
}

static void the_long_silent_are_forgotten(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(1), SILENT, SILENT);
	RUN(BF_SEC(12), -1, -1);
	assert_int_equal(bf_speaker_deadline_us(&speaker), INT64_MAX);
	RUN(BF_SEC(1), VOICE, SILENT);
	assert_int_equal(change.dominant, 1);
}

/* ---- taking over ---- */

static void take_over(void)
{
	struct bf_speaker_change last = change;

	start();
	now_us = BF_SEC(50);
	bf_speaker_take_over(&speaker, &last, now_us);
}

static void who_speaks_goes_on_when_another_listens(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), VOICE, VOICE + 10, SILENT);
	assert_int_equal(change.speaking_count, 2);
	take_over();
	RUN(BF_SEC(5), VOICE, VOICE + 10, SILENT);
	assert_int_equal(change_count, 0);
	RUN(BF_SEC(3), VOICE, SILENT, SILENT);
	assert_int_equal(change_count, 1);
	assert_int_equal(change.dominant, 1);
	assert_int_equal(change.speaking_count, 1);
}

static void who_spoke_last_stays_when_another_listens_to_silence(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), SILENT, VOICE);
	RUN(BF_SEC(3), SILENT, SILENT);
	assert_int_equal(change.speaking_count, 0);
	assert_int_equal(change.dominant, 2);
	take_over();
	RUN(BF_SEC(20), SILENT, -1); /* sends nothing in silence */
	assert_int_equal(change_count, 0);
	RUN(BF_SEC(3), VOICE, -1);
	assert_int_equal(change.dominant, 1);
}

static void who_has_left_meanwhile_is_no_longer_named(void **state)
{
	(void)state;
	start();
	RUN(BF_SEC(3), VOICE, SILENT);
	take_over();
	bf_speaker_remove(&speaker, 1);
	RUN(BF_SEC(1), -1, SILENT);
	assert_int_equal(change_count, 1);
	assert_int_equal(change.dominant, 0);
	assert_int_equal(change.speaking_count, 0);
}

static void nothing_to_take_over_needs_no_timer(void **state)
{
	(void)state;
	start();
	take_over();
	assert_int_equal(bf_speaker_deadline_us(&speaker), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_known_needs_no_timer),
		cmocka_unit_test(silence_and_noise_are_no_speech),
		cmocka_unit_test(a_voice_is_heard_after_its_first_syllables),
		cmocka_unit_test(a_cough_is_no_speech),
		cmocka_unit_test(pauses_between_words_do_not_end_a_turn),
		cmocka_unit_test(after_long_silence_nobody_speaks_but_the_dominant_one_stays),
		cmocka_unit_test(packets_that_stop_are_silence),
		cmocka_unit_test(another_takes_over_once_the_first_is_silent),
		cmocka_unit_test(one_whose_packets_stop_is_not_louder_than_a_voice),
		cmocka_unit_test(a_louder_one_takes_over_while_both_speak),
		cmocka_unit_test(two_equally_loud_do_not_take_turns),
		cmocka_unit_test(who_just_took_over_keeps_the_floor_for_a_moment),
		cmocka_unit_test(who_leaves_is_no_longer_named),
		cmocka_unit_test(the_last_one_to_leave_is_told_and_the_timer_stops),
		cmocka_unit_test(the_next_loudest_follows_one_who_leaves),
		cmocka_unit_test(the_list_is_ordered_and_holds_eight),
		cmocka_unit_test(a_full_table_makes_room_for_voices_only),
		cmocka_unit_test(the_long_silent_are_forgotten),
		cmocka_unit_test(who_speaks_goes_on_when_another_listens),
		cmocka_unit_test(who_spoke_last_stays_when_another_listens_to_silence),
		cmocka_unit_test(who_has_left_meanwhile_is_no_longer_named),
		cmocka_unit_test(nothing_to_take_over_needs_no_timer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
