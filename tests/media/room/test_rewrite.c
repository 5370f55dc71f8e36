#include "core/base/clock.h"
#include "media/room/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define A 1
#define B 2

static struct bf_rewrite rewrite;
static struct bf_rewrite_slot slots[BF_REWRITE_WINDOW];
static struct bf_rewrite_out out;

static void start(uint32_t clock_hz, uint16_t first_seq, uint32_t first_timestamp)
{
	bf_rewrite_init(&rewrite, clock_hz, first_seq, first_timestamp, slots, BF_REWRITE_WINDOW);
}

static void start_video(void)
{
	start(90000, 100, 5000);
}

/* What was sent under that number; its source is 0 if nothing was. */
static struct bf_rewrite_sent sent_as(uint16_t seq)
{
	struct bf_rewrite_sent sent = {0};

	return bf_rewrite_find(&rewrite, seq, &sent) ? sent : (struct bf_rewrite_sent){0};
}

/* A packet without picture ids; `timestamp` follows from the number, one frame a packet. */
static bool send_at(uint32_t source, uint64_t ext_seq, bool is_keyframe, int64_t now_us)
{
	const struct bf_payload info = {.is_frame_start = true, .is_keyframe = is_keyframe};
	struct bf_rewrite_in in = {source, ext_seq, (uint32_t)(ext_seq * 3000), &info, now_us};

	return bf_rewrite_packet(&rewrite, &in, &out);
}

static bool send(uint32_t source, uint64_t ext_seq)
{
	return send_at(source, ext_seq, false, (int64_t)ext_seq * 33333);
}

static bool send_picture(uint32_t source, uint64_t ext_seq, uint16_t picture_id, uint8_t tl0picidx)
{
	const struct bf_payload info = {
		.is_keyframe = true,
		.has_picture_id = true,
		.has_tl0picidx = true,
		.picture_id_is_long = true,
		.picture_id = picture_id,
		.tl0picidx = tl0picidx,
	};
	struct bf_rewrite_in in = {source, ext_seq, (uint32_t)(ext_seq * 3000), &info, 0};

	return bf_rewrite_packet(&rewrite, &in, &out);
}

static void skip_picture(uint64_t ext_seq, uint16_t picture_id)
{
	const struct bf_payload info = {
		.has_picture_id = true, .picture_id_is_long = true, .picture_id = picture_id};

	bf_rewrite_skip_picture(&rewrite, A, ext_seq, &info);
}

static void the_first_packet_gets_the_first_numbers(void **state)
{
	(void)state;
	start_video();
	assert_int_equal(sent_as(100).source, 0);
	assert_true(send(A, 70000));
	assert_int_equal(out.seq, 100);
	assert_int_equal(out.timestamp, 5000);
	assert_int_equal(bf_rewrite_timestamp(&rewrite, 70000u * 3000), 5000);
	start(90000, 0, 0);
	assert_true(send(A, 70000));
	assert_int_equal(out.seq, 0);
	assert_int_equal(out.timestamp, 0);
}

static void losses_on_the_way_here_leave_gaps_that_late_packets_fill(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	assert_true(send(A, 70003));
	assert_int_equal(out.seq, 103);
	assert_int_equal(out.timestamp, 5000 + 9000);
	assert_int_equal(sent_as(101).source, 0);
	assert_true(send(A, 70001));
	assert_int_equal(out.seq, 101);
	assert_int_equal(out.timestamp, 5000 + 3000);
	assert_int_equal(sent_as(101).source, A);
	assert_int_equal(sent_as(102).source, 0);
	assert_false(send(A, 70001)); /* a duplicate */
	assert_false(send(A, 70003));
	assert_true(send(A, 70004));
	assert_int_equal(out.seq, 104);
}

static void packets_left_out_close_up(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	bf_rewrite_skip(&rewrite, A, 70001);
	bf_rewrite_skip(&rewrite, A, 70002);
	assert_true(send(A, 70003));
	assert_int_equal(out.seq, 101);
	assert_false(send(A, 70002));	     /* has no place any more */
	bf_rewrite_skip(&rewrite, A, 70003); /* sent already: too late */
	assert_true(send(A, 70004));
	assert_int_equal(out.seq, 102);
}

static void late_packets_find_their_place_between_those_left_out(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	/* 70001 missing, 70002 out, 70003 missing, 70004 out, 70005 sent */
	bf_rewrite_skip(&rewrite, A, 70002);
	bf_rewrite_skip(&rewrite, A, 70004);
	assert_true(send(A, 70005));
	assert_int_equal(out.seq, 103);
	assert_true(send(A, 70003));
	assert_int_equal(out.seq, 102);
	assert_true(send(A, 70001));
	assert_int_equal(out.seq, 101);
	/* the newest known may have been left out while an older one is still to come */
	bf_rewrite_skip(&rewrite, A, 70007);
	assert_true(send(A, 70006));
	assert_int_equal(out.seq, 104);
	assert_true(send(A, 70008));
	assert_int_equal(out.seq, 105);
}

static void a_late_packet_left_out_stays_a_gap(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	send(A, 70002);
	bf_rewrite_skip(&rewrite, A, 70001);
	assert_true(send(A, 70003));
	assert_int_equal(out.seq, 103);
	assert_int_equal(sent_as(101).source, 0);
}

static void a_late_packet_left_out_closes_up_while_nothing_behind_it_was_sent(void **state)
{
	(void)state;
	start_video();
	send_picture(A, 70000, 10, 0);
	skip_picture(70002, 11); /* overtook 70001, which is of the same picture */
	skip_picture(70001, 11);
	skip_picture(70004, 13); /* a whole picture overtaken */
	skip_picture(70003, 12);
	assert_true(send_picture(A, 70005, 14, 0));
	assert_int_equal(out.seq, 101);
	assert_int_equal(out.picture_id, 11);
}

static void skips_of_other_sources_and_before_the_start_are_nothing(void **state)
{
	(void)state;
	start_video();
	bf_rewrite_skip(&rewrite, A, 69999);
	send(A, 70000);
	bf_rewrite_skip(&rewrite, B, 70001);
	assert_true(send(A, 70001));
	assert_int_equal(out.seq, 101);
}

/* Every second packet is left out, over several turns of the bitmap, and the late ones still fit. */
static void places_hold_over_long_runs_of_skips(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	for (uint64_t i = 1; i < 6000; i++) {
		if (i % 2) {
			bf_rewrite_skip(&rewrite, A, 70000 + i);
		} else if (i % 10 == 0 && i > 1800) {
			assert_true(send(A, 70000 + i));
			assert_int_equal(out.seq, (uint16_t)(100 + i / 2));
			assert_true(send(
				A, 70000 + i - 1802)); /* lost then, late now: i % 10 is 8 there */
			assert_int_equal(out.seq, (uint16_t)(100 + (i - 1802) / 2));
		} else if (i % 10 != 8) {
			assert_true(send(A, 70000 + i));
		}
	}
}

static void places_of_a_window_ago_are_forgotten(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	for (uint64_t i = 1; i <= 100; i++)
		bf_rewrite_skip(&rewrite, A, 70000 + i);
	for (uint64_t i = 101; i <= BF_REWRITE_SKIPS + 200; i++) {
		if (i != BF_REWRITE_SKIPS + 50)
			assert_true(send(A, 70000 + i));
	}
	assert_int_equal(out.seq, 100 + BF_REWRITE_SKIPS + 100);
	assert_true(send(A, 70000 + BF_REWRITE_SKIPS + 50));
	assert_int_equal(out.seq, 100 + BF_REWRITE_SKIPS - 50);
}

static void what_left_the_window_is_refused(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	send(A, 70001 + BF_REWRITE_WINDOW - 1);
	assert_int_equal(out.seq, 100 + BF_REWRITE_WINDOW);
	assert_int_equal(sent_as(100).source, 0); /* its slot holds the newest */
	assert_true(send(A, 70001));		  /* exactly the oldest */
	send(A, 70001 + BF_REWRITE_WINDOW);
	send(A, 70002 + BF_REWRITE_WINDOW);
	assert_false(send(A, 70002));
}

static void packets_before_the_first_are_refused(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	assert_false(send(A, 69999));
	assert_true(send_at(B, 80000, true, BF_SEC(9999)));
	assert_false(send(B, 79999));
	assert_true(send(B, 80001));
}

static void a_jump_too_wide_to_repair_closes_up(void **state)
{
	(void)state;
	start_video();
	send(A, 70000);
	assert_true(send(A, 70000 + BF_REWRITE_WINDOW));
	assert_int_equal(out.seq, 100 + BF_REWRITE_WINDOW);
	assert_true(send(A, 90000));
	assert_int_equal(out.seq, 101 + BF_REWRITE_WINDOW);
	assert_false(send(A, 89999));
	bf_rewrite_skip(&rewrite, A, 120000);
	assert_true(send(A, 120001));
	assert_int_equal(out.seq, 102 + BF_REWRITE_WINDOW);
	bf_rewrite_skip(
		&rewrite, A, 120001 + 800); /* two jumps, each of which could be repaired alone */
	assert_true(send(A, 120001 + 1600));
	assert_int_equal(out.seq, 103 + BF_REWRITE_WINDOW);
}

static void a_switch_goes_on_without_a_break(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, BF_SEC(10));
	send_at(A, 70001, false, BF_SEC(10) + 33333);
	assert_true(send_at(B, 3000000, true, BF_SEC(10) + 33333 + BF_MS(100)));
	assert_int_equal(out.seq, 102);
	assert_int_equal(out.timestamp, 5000 + 3000 + 9000);
	assert_true(send_at(B, 3000001, false, BF_SEC(10) + BF_MS(170)));
	assert_int_equal(out.seq, 103);
	assert_int_equal(out.timestamp, 5000 + 3000 + 9000 + 3000);
	assert_int_equal(bf_rewrite_timestamp(&rewrite, 3000001u * 3000u), out.timestamp);
}

static void timestamps_advance_by_a_frame_at_least_and_never_backwards(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, BF_SEC(10));
	send_at(B, 1000000, true, BF_SEC(10)); /* at once */
	assert_int_equal(out.timestamp, 5000 + 3000);
	send_at(B + 1, 70000, true, BF_SEC(9)); /* a clock that would go back */
	assert_int_equal(out.timestamp, 5000 + 6000);
	send_at(B + 2, 70000, true, BF_SEC(9) + BF_SEC(3600) * 24 * 30);
	assert_int_equal(out.timestamp, 5000 + 6000 + 3600 * 90000);
	start(48000, 1, 0);
	send_at(A, 70000, false, 0);
	send_at(B, 70000, false, 0);
	assert_int_equal(out.timestamp, 960);
}

static void the_time_passed_counts_from_the_newest_picture(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, BF_SEC(10));
	send_at(A, 70002, false, BF_SEC(10) + BF_MS(66));
	send_at(A, 70001, false, BF_SEC(10) + BF_MS(166)); /* late: says nothing about now */
	send_at(B, 500000, true, BF_SEC(10) + BF_MS(166));
	assert_int_equal(out.timestamp, 5000 + 6000 + 9000);
}

static void an_old_source_does_not_come_back_by_its_stragglers(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, 0);
	send(A, 70002);
	send_at(B, 80000, true, BF_SEC(3000));
	assert_false(send_at(A, 70001, true, BF_SEC(3000))); /* late */
	assert_false(send_at(A, 70002, true, BF_SEC(3000))); /* duplicate */
	assert_false(
		send_at(A, 70003, false, BF_SEC(3000))); /* newer, but nothing decodes from there */
	assert_true(send(B, 80001));
	assert_int_equal(out.seq, 104);
	assert_true(send_at(A, 70010, true, BF_SEC(3001))); /* the layer is chosen again */
	assert_int_equal(out.seq, 105);
	assert_false(send_at(B, 80002, false, BF_SEC(3001)));
	assert_true(send(A, 70011));
	assert_int_equal(out.seq, 106);
	assert_true(send_at(B, 80010, true, BF_SEC(3002)));
	assert_false(send_at(A, 70009, true, BF_SEC(3002))); /* late, of the second time */
	assert_false(send_at(A, 70011, true, BF_SEC(3002)));
}

static void audio_comes_back_without_keyframes(void **state)
{
	(void)state;
	start(48000, 100, 0);
	send(A, 70000);
	send(B, 80000);
	assert_false(send(A, 70000));
	assert_true(send(A, 70001));
	assert_int_equal(out.seq, 102);
}

static void sequence_numbers_wrap_and_are_found_again(void **state)
{
	(void)state;
	start(90000, 65000, UINT32_MAX - 3000);
	for (uint64_t i = 0; i < 200000; i++) {
		struct bf_rewrite_sent sent;

		assert_true(send(A, 70000 + i));
		assert_int_equal(out.seq, (uint16_t)(65000 + i));
		assert_int_equal(out.timestamp, (uint32_t)(UINT32_MAX - 3000 + i * 3000));
		sent = sent_as(out.seq);
		assert_int_equal(sent.in_ext_seq, 70000 + i);
		assert_int_equal(sent.source, A);
		assert_int_equal(
			(uint32_t)((70000 + i) * 3000) + sent.timestamp_offset, out.timestamp);
		if (i < BF_REWRITE_WINDOW)
			continue;
		sent = sent_as((uint16_t)(out.seq - BF_REWRITE_WINDOW + 1));
		assert_int_equal(sent.source, A);
		assert_int_equal(sent.in_ext_seq, 70000 + i - BF_REWRITE_WINDOW + 1);
		assert_int_equal(sent_as((uint16_t)(out.seq - BF_REWRITE_WINDOW)).source, 0);
		assert_int_equal(sent_as((uint16_t)(out.seq + 1)).source, 0);
	}
}

static void nacks_after_a_switch_lead_to_the_source_that_was(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, 0);
	send_at(B, 80000, true, 0);
	assert_int_equal(sent_as(100).source, A);
	assert_int_equal(sent_as(100).in_ext_seq, 70000);
	assert_int_equal(sent_as(101).source, B);
	assert_int_equal(sent_as(101).in_ext_seq, 80000);
	assert_int_equal(sent_as(101).out_ext_seq, 65536 + 101);
}

/* More switches than there are epochs, and than they have ids. */
static void many_switches_leave_nothing_wrong_behind(void **state)
{
	(void)state;
	start_video();
	for (unsigned i = 0; i < 600; i++) {
		assert_true(send_at(A + i, 70000 + i, true, 0));
		assert_int_equal(out.seq, 100 + i);
		for (unsigned back = 0; back <= i; back++) {
			struct bf_rewrite_sent sent = sent_as((uint16_t)(out.seq - back));
			if (back < BF_REWRITE_EPOCHS && (i < 255 || back < i % 255)) {
				assert_int_equal(sent.source, A + i - back);
				assert_int_equal(sent.in_ext_seq, 70000 + i - back);
			} else if (sent.source) {
				assert_int_equal(sent.source, A + i - back);
			}
		}
	}
}

static void picture_ids_go_on_by_one_at_a_switch(void **state)
{
	(void)state;
	start_video();
	send_picture(A, 70000, 0x7fff, 254);
	assert_int_equal(out.picture_id, 0x7fff); /* the first source keeps its numbers */
	assert_int_equal(out.tl0picidx, 254);
	send_picture(A, 70001, 0x7fff, 254); /* the same picture */
	assert_int_equal(out.picture_id, 0x7fff);
	send_picture(A, 70002, 0, 255);
	assert_int_equal(out.picture_id, 0);
	send_picture(B, 70000, 0x1234, 17);
	assert_int_equal(out.picture_id, 1);
	assert_int_equal(out.tl0picidx, 0);
	send_picture(B, 70002, 0x1236, 18);
	assert_int_equal(out.picture_id, 3);
	assert_int_equal(out.tl0picidx, 1);
	send_picture(B, 70001, 0x1235, 17); /* late */
	assert_int_equal(out.picture_id, 2);
	assert_int_equal(out.tl0picidx, 0);
	send_picture(A, 70004, 9, 9);
	assert_int_equal(out.picture_id, 4);
	assert_int_equal(out.tl0picidx, 2);
	assert_int_equal(sent_as(out.seq).picture_id, 4);
	assert_int_equal(sent_as(out.seq).tl0picidx, 2);
}

static void short_picture_ids_stay_within_7_bits(void **state)
{
	struct bf_payload info = {.has_picture_id = true, .picture_id = 126};
	struct bf_rewrite_in in = {A, 70000, 0, &info, 0};
	(void)state;

	start_video();
	for (unsigned i = 0; i < 300; i++) {
		in.ext_seq = 70000 + i;
		info.picture_id = (126 + i) & 0x7f;
		assert_true(bf_rewrite_packet(&rewrite, &in, &out));
		assert_int_equal(out.picture_id, info.picture_id);
	}
	in.source = B;
	info.picture_id = 77;
	assert_true(bf_rewrite_packet(&rewrite, &in, &out));
	assert_int_equal(out.picture_id, (126 + 300) & 0x7f);
}

static void pictures_left_out_close_up(void **state)
{
	(void)state;
	start_video();
	send_picture(A, 70000, 32766, 1);
	skip_picture(70001, 32767);
	skip_picture(70002, 32767); /* the same picture's second packet */
	skip_picture(70003, 0);
	assert_true(send_picture(A, 70004, 1, 2));
	assert_int_equal(out.seq, 101);
	assert_int_equal(out.picture_id, 32767);
	/* the rest of a picture whose beginning was left out has no place, and leaves no gap */
	skip_picture(70005, 2);
	assert_false(send_picture(A, 70006, 2, 2));
	assert_true(send_picture(A, 70007, 3, 2));
	assert_int_equal(out.seq, 102);
	assert_int_equal(out.picture_id, 0);
	/* the rest of a picture whose beginning was sent is left out, the picture stays counted */
	skip_picture(70008, 3);
	assert_true(send_picture(A, 70009, 4, 2));
	assert_int_equal(out.seq, 103);
	assert_int_equal(out.picture_id, 1);
	/* a late packet of an older picture, between those left out */
	skip_picture(70012, 6);
	assert_true(send_picture(A, 70013, 7, 3));
	assert_int_equal(out.picture_id, 3);
	assert_true(send_picture(A, 70011, 5, 3));
	assert_int_equal(out.seq, 105);
	assert_int_equal(out.picture_id, 2);
}

static void an_encoder_may_start_its_picture_ids_anew(void **state)
{
	(void)state;
	start_video();
	send_picture(A, 70000, 20000, 1);
	assert_true(send_picture(A, 70001, 10, 2));
	assert_int_equal(out.picture_id, 20001);
	assert_true(send_picture(A, 70002, 11, 3));
	assert_int_equal(out.picture_id, 20002);
}

static void sources_with_and_without_picture_ids_may_follow_each_other(void **state)
{
	(void)state;
	start_video();
	send_at(A, 70000, true, 0);
	assert_int_equal(out.picture_id, 0);
	send_picture(B, 70000, 500, 5);
	assert_int_equal(out.picture_id, 500);
	assert_int_equal(out.tl0picidx, 5);
	send_at(B + 1, 70000, true, 0);
	send_picture(B + 2, 70000, 900, 9);
	assert_int_equal(out.picture_id, 501);
	assert_int_equal(out.tl0picidx, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_packet_gets_the_first_numbers),
		cmocka_unit_test(losses_on_the_way_here_leave_gaps_that_late_packets_fill),
		cmocka_unit_test(packets_left_out_close_up),
		cmocka_unit_test(late_packets_find_their_place_between_those_left_out),
		cmocka_unit_test(a_late_packet_left_out_stays_a_gap),
		cmocka_unit_test(a_late_packet_left_out_closes_up_while_nothing_behind_it_was_sent),
		cmocka_unit_test(skips_of_other_sources_and_before_the_start_are_nothing),
		cmocka_unit_test(places_hold_over_long_runs_of_skips),
		cmocka_unit_test(places_of_a_window_ago_are_forgotten),
		cmocka_unit_test(what_left_the_window_is_refused),
		cmocka_unit_test(packets_before_the_first_are_refused),
		cmocka_unit_test(a_jump_too_wide_to_repair_closes_up),
		cmocka_unit_test(a_switch_goes_on_without_a_break),
		cmocka_unit_test(timestamps_advance_by_a_frame_at_least_and_never_backwards),
		cmocka_unit_test(the_time_passed_counts_from_the_newest_picture),
		cmocka_unit_test(an_old_source_does_not_come_back_by_its_stragglers),
		cmocka_unit_test(audio_comes_back_without_keyframes),
		cmocka_unit_test(sequence_numbers_wrap_and_are_found_again),
		cmocka_unit_test(nacks_after_a_switch_lead_to_the_source_that_was),
		cmocka_unit_test(many_switches_leave_nothing_wrong_behind),
		cmocka_unit_test(picture_ids_go_on_by_one_at_a_switch),
		cmocka_unit_test(short_picture_ids_stay_within_7_bits),
		cmocka_unit_test(pictures_left_out_close_up),
		cmocka_unit_test(an_encoder_may_start_its_picture_ids_anew),
		cmocka_unit_test(sources_with_and_without_picture_ids_may_follow_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
