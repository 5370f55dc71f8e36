/* The pacer, on virtual time. One long file: every test speaks to the same sender and list of what it sent, which are small
 * and would be a module of their own only for the sake of length. */
#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/cc/pacer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PACKET	 1200
#define BLOCKS	 64
#define START_US (BF_SEC(1000) + 300) /* on no tick */
#define SENT_MAX 65536

struct sent {
	int64_t at_us;
	uint64_t owner, packet;
	uint16_t bytes;
	uint8_t cls;
};

static struct bf_pacers pacers;
static struct bf_pacer pacer;
static struct sent sent[SENT_MAX]; /* in the order in which it left */
static unsigned sent_count, late_count, refused_count;
static uint64_t next_packet;
static int64_t clock_us;

static void start_at(int64_t now_us, size_t block_count)
{
	assert_int_equal(bf_pacers_init(&pacers, block_count, now_us), 0);
	bf_pacer_init(&pacer, &pacers, now_us);
	sent_count = late_count = refused_count = 0;
	next_packet = 1;
	clock_us = now_us;
}

static void start(void)
{
	start_at(START_US, BLOCKS);
}

/* Whatever a test did: each packet that waited is accounted for, and the memory is back. */
static void finish(void)
{
	bf_pacer_deinit(&pacer);
	assert_int_equal(
		pacers.queued, pacers.released + pacers.late + pacers.forgotten + pacers.waiting);
	assert_int_equal(pacers.waiting, 0);
	assert_int_equal(pacers.blocks.used_count, 0);
	assert_int_equal(bf_pacers_deadline_us(&pacers), INT64_MAX);
	bf_pacers_deinit(&pacers);
}

static void note(int64_t now_us, uint64_t owner, uint64_t packet, uint16_t bytes, uint8_t cls)
{
	assert_true(sent_count < SENT_MAX);
	sent[sent_count++] = (struct sent){
		.at_us = now_us, .owner = owner, .packet = packet, .bytes = bytes, .cls = cls};
}

/* As a worker does: at once if it may, else queued. */
static void offer(uint64_t owner, enum bf_pacer_class cls, uint16_t bytes, int64_t now_us)
{
	struct bf_pacer_entry entry = {
		.owner = owner, .packet = next_packet++, .bytes = bytes, .cls = (uint8_t)cls};

	clock_us = now_us;
	if (bf_pacer_admit(&pacer, cls, bytes, now_us))
		note(now_us, owner, entry.packet, bytes, entry.cls);
	else if (bf_pacer_push(&pacer, &entry, now_us))
		refused_count++;
}

static void offer_frame(uint64_t owner, unsigned packet_count, int64_t now_us)
{
	for (unsigned i = 0; i < packet_count; i++)
		offer(owner, BF_PACER_VIDEO, PACKET, now_us);
}

static void drain(int64_t now_us)
{
	struct bf_pacer_entry entry;
	enum bf_pacer_verdict verdict;

	clock_us = now_us;
	while ((verdict = bf_pacer_poll(&pacer, now_us, &entry)) != BF_PACER_NOTHING) {
		if (verdict == BF_PACER_LATE)
			late_count++;
		else
			note(now_us, entry.owner, entry.packet, entry.bytes, entry.cls);
	}
	assert_true(bf_pacer_deadline_us(&pacer) > now_us);
}

/* Wake at each deadline up to `until_us`; those that were slept through, now. */
static void run(int64_t until_us)
{
	int64_t at_us;

	while ((at_us = bf_pacer_deadline_us(&pacer)) <= until_us)
		drain(at_us > clock_us ? at_us : clock_us);
}

static unsigned sent_at(int64_t at_us)
{
	unsigned count = 0;

	for (unsigned i = 0; i < sent_count; i++)
		count += sent[i].at_us == at_us;
	return count;
}

/* In no window that ends with a paced packet did more leave than the rate gives in it, and a burst. */
static void check_windows(int64_t rate_bps, int64_t burst_bytes, unsigned from)
{
	for (unsigned first = from; first < sent_count; first++) {
		int64_t bytes = 0;

		for (unsigned last = first; last < sent_count && last < first + 3000; last++) {
			int64_t window_us = sent[last].at_us - sent[first].at_us;

			bytes += sent[last].bytes;
			if (sent[last].cls != BF_PACER_AUDIO)
				assert_true(
					(bytes - burst_bytes) * 8000000 <= rate_bps * window_us);
		}
	}
}

/* ---- a burst ---- */

static void an_ordinary_frame_leaves_at_once_as_one_train(void **state)
{
	(void)state;

	start();
	for (int frame = 0; frame < 100; frame++) {
		int64_t now_us = START_US + frame * INT64_C(33333);

		offer_frame(1, 12, now_us);
		assert_int_equal(sent_at(now_us), 12);
		assert_int_equal(bf_pacer_deadline_us(&pacer), INT64_MAX);
	}
	assert_int_equal(pacers.queued, 0);
	assert_int_equal(pacers.passed, 1200);
	assert_int_equal(pacers.blocks.used_count, 0);
	finish();
}

static void a_long_silence_gives_one_burst_and_no_more(void **state)
{
	(void)state;

	start();
	offer_frame(1, 100, START_US);
	assert_int_equal(sent_count, BF_PACER_BURST_MAX_BYTES / PACKET);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 100);
	offer_frame(1, 100, START_US + BF_SEC(86400) * 365);
	assert_int_equal(sent_count, 100 + BF_PACER_BURST_MAX_BYTES / PACKET);
	finish();
}

static void a_keyframe_leaves_in_trains_within_five_milliseconds(void **state)
{
	int64_t last_us = 0;
	unsigned trains = 0;
	(void)state;

	start();
	offer_frame(1, 60, START_US);
	assert_int_equal(sent_at(START_US), 16);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 60);
	for (unsigned i = 16; i < 60; i++) {
		assert_int_equal(sent[i].at_us % BF_PACER_TICK_US, 0);
		if (sent[i].at_us == last_us)
			continue;
		last_us = sent[i].at_us;
		trains++;
		if (last_us < sent[59].at_us) /* the last one is what is left */
			assert_in_range(sent_at(last_us), BF_PACER_TRAIN_BYTES / PACKET, 16);
	}
	assert_in_range(last_us, START_US + BF_MS(4), START_US + BF_MS(5) + BF_PACER_TICK_US);
	assert_int_equal(pacers.trains, trains);
	check_windows(BF_PACER_RATE_DEFAULT_BPS, BF_PACER_BURST_MAX_BYTES, 0);
	finish();
}

static void half_a_keyframe_of_that_size_waits_two_milliseconds(void **state)
{
	(void)state;

	start();
	offer_frame(1, 30, START_US);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 30);
	assert_true(sent[29].at_us <= START_US + BF_MS(2) + BF_PACER_TICK_US);
	finish();
}

static void polling_between_ticks_does_not_break_trains_up(void **state)
{
	(void)state;

	start();
	offer_frame(1, 60, START_US);
	for (int64_t now_us = START_US; now_us < START_US + BF_MS(20); now_us += 50)
		drain(now_us);
	assert_int_equal(sent_count, 60);
	assert_in_range(pacers.trains, 4, 6);
	finish();
}

static void what_comes_while_others_wait_waits_behind_them(void **state)
{
	(void)state;

	start();
	offer_frame(1, 20, START_US);
	assert_int_equal(sent_count, 16);
	/* By now there are tokens for it, but its turn has not come. */
	assert_false(bf_pacer_admit(&pacer, BF_PACER_VIDEO, PACKET, START_US + 650));
	assert_false(bf_pacer_admit(&pacer, BF_PACER_RESEND, PACKET, START_US + 650));
	finish();
}

/* ---- rates ---- */

static void at_a_lower_rate_trains_are_five_milliseconds_apart(void **state)
{
	int64_t last_us = 0;
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 10000000, START_US);
	offer_frame(1, 100, START_US);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 100);
	for (unsigned i = 16; i < 100; i++) {
		if (sent[i].at_us == last_us)
			continue;
		if (last_us && sent[i].at_us < sent[99].at_us) /* the last one is what is left */
			assert_in_range(sent[i].at_us - last_us, BF_MS(4), BF_MS(6));
		last_us = sent[i].at_us;
	}
	assert_in_range(pacers.trains, 16, 21);
	/* 84 packets at 10 Mbit/s are 80 ms */
	assert_in_range(sent[99].at_us - START_US, BF_MS(76), BF_MS(82));
	check_windows(10000000, BF_PACER_BURST_MAX_BYTES, 0);
	finish();
}

static void a_new_rate_holds_for_what_waits_already(void **state)
{
	unsigned before;
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 1000000, START_US);
	offer_frame(1, 100, START_US);
	run(START_US + BF_MS(100));
	before = sent_count;
	assert_in_range(before, 12, 16); /* 6000 bytes at once, then one in 9.6 ms */
	bf_pacer_set_rate(&pacer, 100000000, START_US + BF_MS(100));
	run(START_US + BF_MS(100) + BF_MS(10));
	assert_int_equal(sent_count, 100);
	finish();

	start();
	offer_frame(1, 100, START_US);
	run(START_US + BF_MS(3));
	before = sent_count;
	assert_true(before < 60);
	bf_pacer_set_rate(&pacer, 1000000, START_US + BF_MS(3));
	run(START_US + BF_MS(103));
	assert_in_range(sent_count - before, 9, 16);
	check_windows(1000000, BF_PACER_BURST_MIN_BYTES, before);
	finish();
}

static void a_lower_rate_takes_saved_tokens_away(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 1000000, START_US);
	assert_int_equal(bf_pacer_burst_bytes(&pacer), BF_PACER_BURST_MIN_BYTES);
	offer_frame(1, 16, START_US);
	assert_int_equal(sent_count, BF_PACER_BURST_MIN_BYTES / PACKET);
	finish();
}

static void time_before_a_change_counts_at_the_old_rate(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 10000000, START_US);
	offer_frame(1, 16, START_US);
	bf_pacer_set_rate(
		&pacer, 100000, START_US + BF_MS(4)); /* by now 5000 bytes have gathered */
	offer_frame(1, 16, START_US + BF_MS(4));
	assert_int_equal(sent_at(START_US + BF_MS(4)), 4);
	finish();
}

static void a_burst_is_a_frames_time_at_the_rate(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 3000000, START_US);
	assert_int_equal(bf_pacer_burst_bytes(&pacer), 3000000 / 8 * 33 / 1000);
	finish();
}

static void a_rate_of_nothing_lets_audio_through_and_ends_what_waits(void **state)
{
	int64_t rates[] = {0, -5, 1, BF_PACER_RATE_MIN_BPS};
	(void)state;

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		start();
		bf_pacer_set_rate(&pacer, rates[i], START_US);
		offer_frame(1, 20, START_US);
		offer(2, BF_PACER_AUDIO, 200, START_US);
		assert_int_equal(sent_at(START_US), BF_PACER_BURST_MIN_BYTES / PACKET + 1);
		run(START_US + BF_PACER_AGE_US + BF_MS(2));
		assert_int_equal(late_count, 15);
		assert_int_equal(pacers.waiting, 0);
		/* and comes back */
		bf_pacer_set_rate(&pacer, 100000000, START_US + BF_SEC(2));
		offer_frame(1, 5, START_US + BF_SEC(2) + BF_MS(2));
		assert_int_equal(sent_at(START_US + BF_SEC(2) + BF_MS(2)), 5);
		finish();
	}
}

static void the_highest_rate_overflows_nothing(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, INT64_MAX, START_US);
	offer_frame(1, 100, START_US);
	run(START_US + BF_MS(10));
	assert_int_equal(sent_count, 100);
	offer_frame(1, 16, START_US + BF_SEC(1000000000));
	assert_int_equal(sent_count, 116);
	finish();
}

/* ---- classes ---- */

static void audio_never_waits_behind_video(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 5000000, START_US);
	offer_frame(1, 200, START_US);
	for (int i = 0; i < 20; i++) {
		int64_t now_us = START_US + BF_MS(20) * i;
		unsigned before;

		run(now_us - 1);
		before = sent_count;
		offer(2, BF_PACER_AUDIO, 120, now_us);
		assert_int_equal(sent_count, before + 1);
		assert_int_equal(sent[before].owner, 2);
	}
	finish();
}

static void audio_counts_against_the_rate(void **state)
{
	int64_t video_bytes = 0;
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 1000000, START_US);
	for (int i = 0; i < 2000; i++) {
		int64_t now_us = START_US + BF_MS(1) * i;

		run(now_us);
		offer(2, BF_PACER_AUDIO, 100, now_us); /* 800 kbit/s */
		while (pacers.waiting < 5)
			offer(1, BF_PACER_VIDEO, PACKET, now_us);
	}
	for (unsigned i = 0; i < sent_count; i++)
		video_bytes += sent[i].cls == BF_PACER_VIDEO ? sent[i].bytes : 0;
	/* a burst, and 200 kbit/s for 2 s */
	assert_in_range(video_bytes, 6000 + 50000 - 2 * PACKET, 6000 + 50000);
	check_windows(1000000, BF_PACER_BURST_MIN_BYTES, 0);
	finish();
}

static void the_debt_of_audio_is_forgiven_beyond_a_burst(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 1000000, START_US);
	for (int i = 0; i < 1000; i++) /* half a megabyte: four seconds of that rate */
		offer(2, BF_PACER_AUDIO, 500, START_US);
	assert_int_equal(sent_at(START_US), 1000);
	offer(1, BF_PACER_VIDEO, PACKET, START_US);
	run(START_US + BF_MS(57));
	assert_int_equal(sent_count, 1000);
	run(START_US + BF_MS(60)); /* 7200 bytes: the debt and the packet */
	assert_int_equal(sent_count, 1001);
	finish();
}

static void resends_go_before_fresh_video_but_not_without_end(void **state)
{
	unsigned fresh = 0;
	(void)state;

	start();
	offer_frame(1, 16, START_US); /* the burst */
	for (int i = 0; i < 40; i++)
		offer(1, BF_PACER_VIDEO, PACKET, START_US);
	for (int i = 0; i < 80; i++)
		offer(2, BF_PACER_RESEND, PACKET, START_US + 10);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 136);
	for (unsigned i = 16; i < 16 + 80 + 11; i++) {
		unsigned nth = i - 16;

		fresh += sent[i].cls == BF_PACER_VIDEO;
		assert_int_equal(sent[i].cls, nth % (BF_PACER_RESEND_RUN + 1) == BF_PACER_RESEND_RUN
						      ? BF_PACER_VIDEO
						      : BF_PACER_RESEND);
	}
	assert_int_equal(fresh, 91 / (BF_PACER_RESEND_RUN + 1));
	finish();
}

static void a_flood_of_fresh_video_does_not_hold_resends_up(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 2000000, START_US);
	for (int i = 0; i < 2000; i++) {
		int64_t now_us = START_US + BF_MS(1) * i;

		run(now_us);
		while (pacers.waiting < 100)
			offer(1, BF_PACER_VIDEO, PACKET, now_us);
		if (i == 1000)
			offer(2, BF_PACER_RESEND, PACKET, now_us);
	}
	for (unsigned i = 0; i < sent_count; i++)
		if (sent[i].cls == BF_PACER_RESEND)
			assert_in_range(sent[i].at_us - START_US, BF_MS(1000), BF_MS(1012));
	finish();
}

static void order_within_a_stream_is_kept(void **state)
{
	uint64_t newest[8] = {0};
	struct bf_prng prng;
	int64_t now_us = START_US;
	(void)state;

	bf_prng_init(&prng, 11);
	start();
	bf_pacer_set_rate(&pacer, 40000000, START_US); /* about what comes */
	for (int i = 0; i < 20000; i++) {
		uint64_t owner = bf_prng_below(&prng, 8);

		now_us += bf_prng_below(&prng, 300);
		offer(owner, owner == 7 ? BF_PACER_RESEND : BF_PACER_VIDEO,
			(uint16_t)(1 + bf_prng_below(&prng, BF_PACER_PACKET_MAX)), now_us);
		if (bf_prng_below(&prng, 3) == 0)
			drain(now_us);
	}
	run(now_us + BF_SEC(1));
	assert_int_equal(late_count + refused_count, 0);
	assert_int_equal(sent_count, 20000);
	assert_true(pacers.queued > 1000);
	for (unsigned i = 0; i < sent_count; i++) {
		assert_true(sent[i].packet > newest[sent[i].owner]);
		newest[sent[i].owner] = sent[i].packet;
	}
	finish();
}

/* ---- limits ---- */

static void beyond_the_count_packets_are_refused_and_counted(void **state)
{
	(void)state;

	start();
	offer_frame(1, 16 + BF_PACER_COUNT_MAX, START_US);
	assert_int_equal(refused_count, 0);
	offer(1, BF_PACER_VIDEO, PACKET, START_US);
	offer(1, BF_PACER_RESEND, PACKET, START_US);
	assert_int_equal(refused_count, 2);
	assert_int_equal(pacers.refused, 2);
	offer(2, BF_PACER_AUDIO, 100, START_US); /* still goes */
	assert_int_equal(sent_count, 17);
	run(START_US + BF_MS(400));
	assert_int_equal(sent_count, 17 + BF_PACER_COUNT_MAX);
	finish();
}

static void without_memory_packets_are_refused_and_counted(void **state)
{
	(void)state;

	start_at(START_US, 2);
	offer_frame(1, 16 + 2 * BF_PACER_BLOCK_ENTRIES + 3, START_US);
	assert_int_equal(refused_count, 3);
	assert_int_equal(pacers.refused_memory, 3);
	offer(1, BF_PACER_RESEND, PACKET, START_US);
	assert_int_equal(refused_count, 4);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 16 + 2 * BF_PACER_BLOCK_ENTRIES);
	assert_int_equal(pacers.blocks.used_count, 0);
	offer_frame(1, 20, START_US + BF_SEC(2));
	assert_int_equal(refused_count, 4);
	finish();
}

static void a_packet_that_waited_too_long_is_handed_back_as_late(void **state)
{
	struct bf_pacer_entry entry;
	int64_t late_us = START_US + BF_PACER_AGE_US;
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, BF_PACER_RATE_MIN_BPS, START_US);
	offer_frame(1, 6, START_US);
	offer(2, BF_PACER_VIDEO, PACKET, START_US + BF_MS(300));
	assert_in_range(bf_pacer_deadline_us(&pacer), late_us - BF_PACER_TICK_US,
		late_us + BF_PACER_TICK_US);
	assert_int_equal(
		bf_pacer_poll(&pacer, late_us - BF_PACER_TICK_US, &entry), BF_PACER_NOTHING);
	assert_int_equal(bf_pacer_poll(&pacer, late_us + BF_PACER_TICK_US, &entry), BF_PACER_LATE);
	assert_int_equal(entry.owner, 1);
	assert_int_equal(entry.packet, 6);
	assert_int_equal(
		bf_pacer_poll(&pacer, late_us + BF_PACER_TICK_US, &entry), BF_PACER_NOTHING);
	assert_int_equal(pacers.late, 1);
	assert_int_equal(pacers.waiting, 1);
	assert_in_range(bf_pacer_deadline_us(&pacer), late_us + BF_MS(299), late_us + BF_MS(301));
	finish();
}

static void a_late_resend_wakes_the_pacer_too(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, BF_PACER_RATE_MIN_BPS, START_US);
	offer_frame(1, 5, START_US);
	offer(2, BF_PACER_RESEND, PACKET, START_US + BF_MS(1));
	assert_in_range(bf_pacer_deadline_us(&pacer), START_US + BF_MS(500), START_US + BF_MS(502));
	run(START_US + BF_MS(502));
	assert_int_equal(late_count, 1);
	finish();
}

static void packets_that_come_at_every_tick_do_not_push_it_away(void **state)
{
	(void)state;

	start();
	bf_pacer_set_rate(&pacer, 50000000, START_US);
	offer_frame(1, 17, START_US);
	for (int64_t now_us = START_US - 300 + BF_MS(1); now_us < START_US + BF_MS(10);
		now_us += BF_PACER_TICK_US) {
		offer(1, BF_PACER_VIDEO, 100, now_us);
		drain(now_us);
	}
	assert_int_equal(sent_at(START_US - 300 + BF_MS(1)), 2);
	finish();
}

static void a_worker_that_was_away_loses_nothing_that_is_in_time(void **state)
{
	(void)state;

	start();
	offer_frame(1, 40, START_US);
	drain(START_US + BF_MS(400));
	assert_int_equal(sent_at(START_US + BF_MS(400)), 16);
	run(START_US + BF_MS(410));
	assert_int_equal(sent_count, 40);
	finish();
}

static void a_stream_that_ends_takes_its_packets_along(void **state)
{
	(void)state;

	start_at(START_US, 5); /* just enough: forgetting needs no block */
	offer_frame(9, 16, START_US);
	for (int i = 0; i < 30; i++) {
		offer(1, BF_PACER_VIDEO, PACKET, START_US);
		offer(2, i % 3 ? BF_PACER_VIDEO : BF_PACER_RESEND, PACKET, START_US);
		offer(3, BF_PACER_VIDEO, PACKET, START_US);
	}
	assert_int_equal(refused_count, 0);
	assert_int_equal(pacers.blocks.used_count, 5);
	assert_int_equal(bf_pacer_forget(&pacer, 4), 0);
	assert_int_equal(bf_pacer_forget(&pacer, 2), 30);
	assert_int_equal(bf_pacer_forget(&pacer, 2), 0);
	assert_int_equal(pacers.forgotten, 30);
	assert_int_equal(pacers.waiting, 60);
	assert_int_equal(pacers.blocks.used_count, 3);
	offer_frame(3, 10, START_US);
	run(START_US + BF_SEC(1));
	assert_int_equal(sent_count, 16 + 70);
	for (unsigned i = 16; i < sent_count; i++) {
		assert_int_not_equal(sent[i].owner, 2);
		assert_true(sent[i].packet > sent[i - 1].packet);
	}
	offer_frame(1, 30, START_US + BF_SEC(2));
	assert_int_equal(pacer.waiting_bytes, 14 * PACKET);
	assert_int_equal(bf_pacer_forget(&pacer, 1), 14);
	assert_int_equal(pacer.waiting_bytes, 0);
	assert_int_equal(bf_pacer_deadline_us(&pacer), INT64_MAX);
	assert_int_equal(pacers.blocks.used_count, 0);
	finish();
}

static void queues_of_every_length_keep_their_order_when_parts_are_forgotten(void **state)
{
	(void)state;

	for (unsigned count = 0; count < 3 * BF_PACER_BLOCK_ENTRIES; count++) {
		for (unsigned keep = 1; keep <= BF_PACER_BLOCK_ENTRIES + 1; keep++) {
			unsigned kept = 0;

			start_at(START_US, 6);
			offer_frame(9, 16, START_US);
			for (unsigned i = 0; i < count; i++)
				offer(i % keep == 0, BF_PACER_VIDEO, PACKET, START_US);
			kept = (count + keep - 1) / keep;
			assert_int_equal(bf_pacer_forget(&pacer, 0), count - kept);
			for (unsigned i = 0; i < 2 * BF_PACER_BLOCK_ENTRIES; i++)
				offer(1, BF_PACER_VIDEO, PACKET, START_US);
			run(START_US + BF_SEC(1));
			assert_int_equal(sent_count, 16 + kept + 2 * BF_PACER_BLOCK_ENTRIES);
			for (unsigned i = 17; i < sent_count; i++)
				assert_true(sent[i].packet > sent[i - 1].packet);
			finish();
		}
	}
}

/* ---- clocks ---- */

static void a_clock_that_goes_back_stops_nothing(void **state)
{
	int64_t now_us = START_US - BF_SEC(3600);
	(void)state;

	start();
	offer_frame(1, 60, START_US);
	drain(now_us);
	assert_true(bf_pacer_deadline_us(&pacer) <= now_us + BF_MS(3));
	run(now_us + BF_MS(10));
	assert_int_equal(sent_count, 60);
	assert_int_equal(late_count, 0);
	/* the rate holds there too */
	for (unsigned i = 16; i < 60; i++)
		assert_true(sent[i].at_us >= now_us);
	assert_true(sent[59].at_us >= now_us + BF_MS(3));
	finish();
}

static void a_jump_forward_gives_one_burst(void **state)
{
	(void)state;

	start();
	offer_frame(1, 16, START_US);
	offer_frame(1, 60, START_US + BF_SEC(40));
	assert_int_equal(sent_at(START_US + BF_SEC(40)), 16);
	run(START_US + BF_SEC(41));
	assert_int_equal(sent_count, 76);
	finish();
}

static void packets_are_late_also_where_milliseconds_wrap(void **state)
{
	int64_t wrap_us = BF_MS(INT64_C(1) << 32) - BF_MS(100);
	(void)state;

	start_at(wrap_us, BLOCKS);
	bf_pacer_set_rate(&pacer, 0, wrap_us);
	offer_frame(1, 8, wrap_us);
	run(wrap_us + BF_MS(490));
	assert_int_equal(late_count, 0);
	run(wrap_us + BF_MS(502));
	assert_int_equal(late_count, 3);
	finish();
}

/* ---- a worker's pacers together ---- */

static void all_pacers_of_a_worker_share_their_ticks(void **state)
{
	static struct bf_pacer many[500];
	struct bf_pacer_entry entry = {.bytes = PACKET, .cls = BF_PACER_VIDEO};
	unsigned wakes = 0, released = 0, waited = 0;
	int64_t now_us;
	(void)state;

	start_at(START_US, 2000);
	for (unsigned i = 0; i < 500; i++) {
		bf_pacer_init(&many[i], &pacers, START_US);
		bf_pacer_set_rate(&many[i], 100000000 - 150000 * (int64_t)i, START_US);
		for (unsigned k = 0; k < 60; k++) {
			if (bf_pacer_admit(&many[i], BF_PACER_VIDEO, PACKET, START_US + i))
				continue;
			assert_int_equal(bf_pacer_push(&many[i], &entry, START_US + i), 0);
			waited++;
		}
	}
	while ((now_us = bf_pacers_deadline_us(&pacers)) < INT64_MAX) {
		struct bf_pacer *due;

		wakes++;
		while ((due = bf_pacers_next(&pacers, now_us))) {
			assert_true(bf_pacer_deadline_us(due) <= now_us);
			while (bf_pacer_poll(due, now_us, &entry) == BF_PACER_SEND)
				released++;
		}
	}
	assert_int_equal(released, waited);
	assert_in_range(wakes, 5, 25);
	for (unsigned i = 0; i < 500; i++)
		bf_pacer_deinit(&many[i]);
	finish();
}

static void a_pacer_that_was_not_polled_to_the_end_stays_due(void **state)
{
	struct bf_pacer_entry entry;
	int64_t now_us;
	(void)state;

	start();
	offer_frame(1, 60, START_US);
	now_us = bf_pacers_deadline_us(&pacers);
	assert_ptr_equal(bf_pacers_next(&pacers, now_us), &pacer);
	assert_int_equal(bf_pacer_poll(&pacer, now_us, &entry), BF_PACER_SEND);
	assert_true(bf_pacers_deadline_us(&pacers) <= now_us + BF_PACER_TICK_US);
	assert_ptr_equal(bf_pacers_next(&pacers, now_us + BF_PACER_TICK_US), &pacer);
	assert_int_equal(bf_pacer_poll(&pacer, now_us + BF_PACER_TICK_US, &entry), BF_PACER_SEND);
	finish();
}

static void an_idle_pacer_is_small_and_holds_no_memory(void **state)
{
	(void)state;

	start();
	assert_true(sizeof(pacer) <= 128);
	assert_int_equal(sizeof(struct bf_pacer_entry), 24);
	assert_int_equal(pacers.blocks.used_count, 0);
	finish();
}

/* ---- whatever comes ---- */

static void random_arrivals_keep_to_the_rate_and_none_is_lost_uncounted(void **state)
{
	struct bf_prng prng;
	(void)state;

	bf_prng_init(&prng, 5);
	for (int round = 0; round < 60; round++) {
		int64_t now_us = START_US + bf_prng_below(&prng, 5000);
		int64_t rate_bps = 200000 + (int64_t)bf_prng_below(&prng, 200000000) /
						    (1 + bf_prng_below(&prng, 100));
		unsigned offered = 0;

		start_at(now_us, 1 + bf_prng_below(&prng, 60));
		bf_pacer_set_rate(&pacer, rate_bps, now_us);
		for (int event = 0; event < 400; event++) {
			unsigned count = 1 + bf_prng_below(&prng, 20);

			now_us += bf_prng_below(&prng, 12) ? bf_prng_below(&prng, 3000) : BF_MS(60);
			if (bf_prng_below(&prng, 2))
				run(now_us);
			if (bf_prng_below(&prng, 4) == 0) {
				offer(2, BF_PACER_AUDIO, 10, now_us); /* far below the rate */
				offered++;
			}
			for (; count > 0; count--, offered++)
				offer(1, bf_prng_below(&prng, 5) ? BF_PACER_VIDEO : BF_PACER_RESEND,
					(uint16_t)(1 + bf_prng_below(&prng, BF_PACER_PACKET_MAX)),
					now_us);
		}
		run(now_us + BF_SEC(1));
		assert_int_equal(offered, sent_count + late_count + refused_count);
		assert_int_equal(pacers.waiting, 0);
		check_windows(rate_bps, bf_pacer_burst_bytes(&pacer), 0);
		finish();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_frame_leaves_at_once_as_one_train),
		cmocka_unit_test(a_long_silence_gives_one_burst_and_no_more),
		cmocka_unit_test(a_keyframe_leaves_in_trains_within_five_milliseconds),
		cmocka_unit_test(half_a_keyframe_of_that_size_waits_two_milliseconds),
		cmocka_unit_test(polling_between_ticks_does_not_break_trains_up),
		cmocka_unit_test(what_comes_while_others_wait_waits_behind_them),
		cmocka_unit_test(at_a_lower_rate_trains_are_five_milliseconds_apart),
		cmocka_unit_test(a_new_rate_holds_for_what_waits_already),
		cmocka_unit_test(a_lower_rate_takes_saved_tokens_away),
		cmocka_unit_test(time_before_a_change_counts_at_the_old_rate),
		cmocka_unit_test(a_burst_is_a_frames_time_at_the_rate),
		cmocka_unit_test(a_rate_of_nothing_lets_audio_through_and_ends_what_waits),
		cmocka_unit_test(the_highest_rate_overflows_nothing),
		cmocka_unit_test(audio_never_waits_behind_video),
		cmocka_unit_test(audio_counts_against_the_rate),
		cmocka_unit_test(the_debt_of_audio_is_forgiven_beyond_a_burst),
		cmocka_unit_test(resends_go_before_fresh_video_but_not_without_end),
		cmocka_unit_test(a_flood_of_fresh_video_does_not_hold_resends_up),
		cmocka_unit_test(order_within_a_stream_is_kept),
		cmocka_unit_test(beyond_the_count_packets_are_refused_and_counted),
		cmocka_unit_test(without_memory_packets_are_refused_and_counted),
		cmocka_unit_test(a_packet_that_waited_too_long_is_handed_back_as_late),
		cmocka_unit_test(a_late_resend_wakes_the_pacer_too),
		cmocka_unit_test(packets_that_come_at_every_tick_do_not_push_it_away),
		cmocka_unit_test(a_worker_that_was_away_loses_nothing_that_is_in_time),
		cmocka_unit_test(a_stream_that_ends_takes_its_packets_along),
		cmocka_unit_test(queues_of_every_length_keep_their_order_when_parts_are_forgotten),
		cmocka_unit_test(a_clock_that_goes_back_stops_nothing),
		cmocka_unit_test(a_jump_forward_gives_one_burst),
		cmocka_unit_test(packets_are_late_also_where_milliseconds_wrap),
		cmocka_unit_test(all_pacers_of_a_worker_share_their_ticks),
		cmocka_unit_test(a_pacer_that_was_not_polled_to_the_end_stays_due),
		cmocka_unit_test(an_idle_pacer_is_small_and_holds_no_memory),
		cmocka_unit_test(random_arrivals_keep_to_the_rate_and_none_is_lost_uncounted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
