#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/cc/twcc.h"
#include "media/rtp/rtcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define DATAGRAM 1200

static struct bf_twcc twcc; /* 16 KiB: kept off the stack */
static int64_t arrival_us[BF_TWCC_REPORT];

struct feedback {
	uint8_t bytes[DATAGRAM];
	size_t len;
	struct bf_bytes body;
	uint16_t base_seq;
	int count;
};

/* Polls one report at `now_us` and reads it with our own parser into `arrival_us`. */
static bool take(struct feedback *feedback, int64_t now_us)
{
	struct bf_wr wr = bf_wr(feedback->bytes, sizeof(feedback->bytes));
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;

	if (!bf_twcc_poll(&twcc, now_us, &wr)) {
		assert_int_equal(bf_wr_len(&wr), 0);
		return false;
	}
	feedback->len = bf_wr_len(&wr);
	bf_rtcp_begin(&it, bf_bytes(feedback->bytes, feedback->len));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(rtcp.type, BF_RTCP_RTPFB);
	assert_int_equal(rtcp.fmt, BF_RTPFB_TWCC);
	feedback->body = rtcp.body;
	feedback->count = bf_twcc_parse(rtcp.body, &feedback->base_seq, arrival_us, BF_TWCC_REPORT);
	assert_true(feedback->count > 0);
	return true;
}

static void start(void)
{
	bf_twcc_init(&twcc, 1);
}

static void a_report_is_due_an_interval_after_the_first_packet(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	assert_int_equal(bf_twcc_deadline_us(&twcc), INT64_MAX);
	assert_false(take(&feedback, BF_SEC(9)));
	bf_twcc_on_packet(&twcc, 5, 2, BF_SEC(10));
	bf_twcc_on_packet(&twcc, 6, 2, BF_SEC(10) + BF_MS(50));
	assert_int_equal(bf_twcc_deadline_us(&twcc), BF_SEC(10) + BF_TWCC_INTERVAL_US);
	assert_false(take(&feedback, bf_twcc_deadline_us(&twcc) - 1));
	assert_true(take(&feedback, bf_twcc_deadline_us(&twcc)));
	assert_int_equal(feedback.base_seq, 5);
	assert_int_equal(feedback.count, 2);
	assert_false(take(&feedback, BF_SEC(11)));
	assert_int_equal(bf_twcc_deadline_us(&twcc), INT64_MAX);
	bf_twcc_on_packet(&twcc, 7, 2, BF_SEC(12));
	assert_int_equal(bf_twcc_deadline_us(&twcc), BF_SEC(12) + BF_TWCC_INTERVAL_US);
}

/* Three packets at 128.25, 128.5 and 193 ms, one lost between: by hand from the draft's layout. */
static void a_report_has_these_bytes(void **state)
{
	const uint8_t expected[] = {
		0x8f, 205, 0x00, 0x06,	/* format 15, 6 words follow */
		0x00, 0x00, 0x00, 0x01, /* sender */
		0x00, 0x00, 0x00, 0x02, /* media */
		0xff, 0xff, 0x00, 0x04, /* base 65535, four statuses */
		0x00, 0x00, 0x02, 0x00, /* reference 2 * 64 ms, first feedback */
		0xd4, 0x80, 0x01,
		0x01, /* 11 01 01 00 10 ...: small, small, lost, large; deltas 1 */
		0x01, 0x02, 0x00, 0x00, /* 1, 258 (2 bytes), zeros */
	};
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 65535, 2, 128250);
	bf_twcc_on_packet(&twcc, 0, 2, 128500);
	bf_twcc_on_packet(&twcc, 2, 2, 193000);
	assert_true(take(&feedback, BF_SEC(1)));
	assert_int_equal(feedback.len, 28);
	assert_memory_equal(feedback.bytes, expected, sizeof(expected));
	assert_int_equal(arrival_us[0], 250);
	assert_int_equal(arrival_us[1], 500);
	assert_int_equal(arrival_us[2], -1);
	assert_int_equal(arrival_us[3], 65000);
	assert_int_equal(bf_twcc_reference_us(feedback.body), 128000);
}

static void deltas_of_every_size_and_sign_come_back(void **state)
{
	/* steps in ticks of 250 us, at the borders of one byte, two bytes */
	const int64_t steps[] = {0, 1, 255, 256, 257, -1, -256, 32767, -32768, 12345, 0, 255};
	const size_t count = sizeof(steps) / sizeof(steps[0]);
	int64_t at_us = BF_SEC(100);
	int64_t expected_us[32];
	struct feedback feedback;
	(void)state;

	start();
	for (size_t i = 0; i < count; i++) {
		at_us += steps[i] * 250;
		expected_us[i] = at_us;
		bf_twcc_on_packet(&twcc, (uint16_t)(65530 + i), 2, at_us);
	}
	assert_true(take(&feedback, BF_SEC(200)));
	assert_int_equal(feedback.count, count);
	assert_int_equal(feedback.base_seq, 65530);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(
			bf_twcc_reference_us(feedback.body) + arrival_us[i], expected_us[i]);
}

static void a_delta_beyond_two_bytes_starts_another_report(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 1, 2, BF_SEC(10));
	bf_twcc_on_packet(&twcc, 2, 2, BF_SEC(10) + 32768 * 250);
	assert_true(take(&feedback, BF_SEC(30)));
	assert_int_equal(feedback.count, 1);
	assert_true(take(&feedback, BF_SEC(30)));
	assert_int_equal(feedback.base_seq, 2);
	assert_int_equal(feedback.count, 1);
	assert_int_equal(
		bf_twcc_reference_us(feedback.body) + arrival_us[0], BF_SEC(10) + 32768 * 250);
	assert_false(take(&feedback, BF_SEC(30)));
}

static void overtaken_packets_stand_before_the_reference(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 10, 2, BF_MS(640));
	bf_twcc_on_packet(&twcc, 12, 2, BF_MS(640) - 250); /* merged from another socket: earlier */
	assert_true(take(&feedback, BF_SEC(1)));
	assert_int_equal(feedback.count, 3);
	assert_int_equal(arrival_us[0], 0);
	assert_int_equal(arrival_us[1], -1);
	assert_int_equal(arrival_us[2], -250);
}

static void the_first_arrival_of_a_duplicate_counts(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 10, 2, BF_MS(640));
	bf_twcc_on_packet(&twcc, 10, 2, BF_MS(700));
	assert_true(take(&feedback, BF_SEC(1)));
	assert_int_equal(arrival_us[0], 0);
	bf_twcc_on_packet(&twcc, 10, 2, BF_SEC(2)); /* reported already: nothing new */
	assert_int_equal(bf_twcc_deadline_us(&twcc), INT64_MAX);
}

static void losses_between_reports_belong_to_the_next_one(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 10, 2, BF_MS(640));
	assert_true(take(&feedback, BF_SEC(1)));
	bf_twcc_on_packet(&twcc, 13, 2, BF_SEC(2));
	assert_true(take(&feedback, BF_SEC(3)));
	assert_int_equal(feedback.base_seq, 11);
	assert_int_equal(feedback.count, 3);
	assert_int_equal(arrival_us[0], -1);
	assert_int_equal(arrival_us[1], -1);
	assert_true(arrival_us[2] >= 0);
	assert_int_equal(feedback.bytes[19], 1); /* feedback count */
}

static void a_packet_after_its_report_is_reported_again(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 10, 2, BF_MS(640));
	bf_twcc_on_packet(&twcc, 12, 2, BF_MS(641));
	assert_true(take(&feedback, BF_SEC(1)));
	bf_twcc_on_packet(&twcc, 11, 2, BF_MS(1001));
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(feedback.base_seq, 11);
	assert_int_equal(feedback.count, 2);
	assert_int_equal(bf_twcc_reference_us(feedback.body) + arrival_us[0], BF_MS(1001));
	assert_int_equal(bf_twcc_reference_us(feedback.body) + arrival_us[1], BF_MS(641));
}

static void packets_later_than_a_report_are_left_out(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 1000, 2, BF_MS(640));
	assert_true(take(&feedback, BF_SEC(1)));
	bf_twcc_on_packet(&twcc, 1001 - BF_TWCC_REPORT, 2, BF_SEC(2));
	assert_int_equal(bf_twcc_deadline_us(&twcc), INT64_MAX);
	bf_twcc_on_packet(&twcc, 1002 - BF_TWCC_REPORT, 2, BF_SEC(2));
	assert_true(take(&feedback, BF_SEC(3)));
	assert_int_equal(feedback.base_seq, 1002 - BF_TWCC_REPORT);
	assert_int_equal(feedback.count, BF_TWCC_REPORT - 1);
}

/* Runs of losses of every length around the borders of the chunk kinds, across the wrap of seq. */
static void runs_of_losses_of_every_length_come_back(void **state)
{
	(void)state;
	for (unsigned lost = 0; lost <= 40; lost++) {
		for (unsigned got = 1; got <= 40; got += 3) {
			struct feedback feedback;
			unsigned seq = 0;

			start();
			while (seq + lost + got < 400) {
				for (unsigned i = 0; i < got; i++, seq++)
					bf_twcc_on_packet(&twcc, (uint16_t)(65400 + seq), 2,
						BF_SEC(1) + seq * 1000 +
							(seq % 5 == 0 ? 90000 : 0));
				seq += lost;
			}
			assert_true(take(&feedback, BF_SEC(9)));
			assert_int_equal(feedback.count, seq - lost);
			for (unsigned i = 0; i < seq - lost; i++) {
				int64_t expected_us =
					BF_SEC(1) + i * 1000 + (i % 5 == 0 ? 90000 : 0);

				if (i % (got + lost) >= got)
					assert_int_equal(arrival_us[i], -1);
				else
					assert_int_equal(
						bf_twcc_reference_us(feedback.body) + arrival_us[i],
						expected_us);
			}
		}
	}
}

static void an_even_stream_needs_one_chunk(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	for (unsigned i = 0; i < 100; i++)
		bf_twcc_on_packet(&twcc, (uint16_t)i, 2, BF_SEC(1) + i * 1000);
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(feedback.body.len, (16 + 2 + 100 + 3) / 4 * 4);
}

static void many_packets_need_several_reports_and_each_fits_a_datagram(void **state)
{
	struct feedback feedback;
	unsigned expected = 65000;
	(void)state;

	start();
	/* Alternating far apart: every delta takes two bytes, and half the packets are lost. */
	for (unsigned i = 0; i < BF_TWCC_WINDOW; i++)
		bf_twcc_on_packet(
			&twcc, (uint16_t)(65000 + i), 2, BF_SEC(1) + (i % 2) * 100000 + i);
	for (int reports = 0; reports < 4; reports++) {
		assert_true(take(&feedback, BF_SEC(2)));
		assert_int_equal(feedback.base_seq, (uint16_t)expected);
		assert_int_equal(feedback.count, BF_TWCC_REPORT);
		expected += BF_TWCC_REPORT;
	}
	assert_false(take(&feedback, BF_SEC(2)));
}

static void more_than_the_window_keeps_the_newest(void **state)
{
	struct feedback feedback;
	unsigned total = 0;
	(void)state;

	start();
	for (unsigned i = 0; i < BF_TWCC_WINDOW + 10; i++)
		bf_twcc_on_packet(&twcc, (uint16_t)i, 2, BF_SEC(1) + i * 300);
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(feedback.base_seq, 10);
	do
		total += (unsigned)feedback.count;
	while (take(&feedback, BF_SEC(2)));
	assert_int_equal(total, BF_TWCC_WINDOW);
	assert_int_equal(
		(bf_twcc_reference_us(feedback.body) + arrival_us[feedback.count - 1]) / 250,
		(BF_SEC(1) + (BF_TWCC_WINDOW + 9) * 300) / 250);
}

static void a_jump_over_the_window_reports_the_losses_next_to_it(void **state)
{
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 0, 2, BF_SEC(1));
	bf_twcc_on_packet(&twcc, 30000, 2, BF_SEC(1));
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(feedback.base_seq, 30000 - (BF_TWCC_REPORT - 1));
	assert_int_equal(feedback.count, BF_TWCC_REPORT);
	for (unsigned i = 0; i < BF_TWCC_REPORT - 1; i++)
		assert_int_equal(arrival_us[i], -1);
	assert_true(arrival_us[BF_TWCC_REPORT - 1] >= 0);
	assert_false(take(&feedback, BF_SEC(2)));
	/* a slot of the window before is not mistaken for a packet of this one */
	bf_twcc_on_packet(&twcc, 30002, 2, BF_SEC(3));
	assert_true(take(&feedback, BF_SEC(4)));
	assert_int_equal(arrival_us[0], -1);
}

static void counters_and_reference_wrap(void **state)
{
	struct feedback feedback;
	int64_t at_us = BF_TWCC_REFERENCE_WRAP_US - BF_SEC(100);
	(void)state;

	start();
	for (unsigned i = 0; i < 300; i++, at_us += BF_SEC(1)) {
		bf_twcc_on_packet(&twcc, (uint16_t)i, 2, at_us);
		assert_true(take(&feedback, at_us + BF_TWCC_INTERVAL_US));
		assert_int_equal(feedback.bytes[19], i % 256);
		assert_int_equal((bf_twcc_reference_us(feedback.body) + arrival_us[0]) %
					 BF_TWCC_REFERENCE_WRAP_US,
			at_us / 250 * 250 % BF_TWCC_REFERENCE_WRAP_US);
	}
}

static void a_writer_without_room_loses_nothing(void **state)
{
	uint8_t small[16];
	struct bf_wr wr = bf_wr(small, sizeof(small));
	struct feedback feedback;
	(void)state;

	start();
	bf_twcc_on_packet(&twcc, 1, 2, BF_SEC(1));
	assert_false(bf_twcc_poll(&twcc, BF_SEC(2), &wr));
	assert_true(wr.is_full);
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(feedback.bytes[19], 0);
}

/* Random streams: whatever a report says must be what happened. */
static void random_streams_come_back(void **state)
{
	static int64_t truth_us[65536];
	struct bf_prng prng;
	(void)state;

	bf_prng_init(&prng, 7);
	for (unsigned round = 0; round < 200; round++) {
		uint64_t base = bf_prng_below(&prng, 65536);
		int64_t at_us = BF_SEC(5);
		unsigned loss = bf_prng_below(&prng, 100), covered = 0;
		struct feedback feedback;

		start();
		memset(truth_us, 0, sizeof(truth_us));
		for (unsigned i = 0; i < 600; i++) {
			at_us += bf_prng_below(&prng, 4) ? bf_prng_below(&prng, 2000)
							 : bf_prng_below(&prng, 200000);
			if (i > 0 && i < 599 && bf_prng_below(&prng, 100) < loss)
				continue;
			truth_us[(base + i) % 65536] = at_us;
			bf_twcc_on_packet(&twcc, (uint16_t)(base + i), 2, at_us);
		}
		while (take(&feedback, at_us + BF_SEC(1))) {
			for (int i = 0; i < feedback.count; i++) {
				int64_t true_us = truth_us[(uint16_t)(feedback.base_seq + i)];

				if (true_us == 0)
					assert_int_equal(arrival_us[i], -1);
				else
					assert_int_equal(
						bf_twcc_reference_us(feedback.body) + arrival_us[i],
						true_us / 250 * 250);
			}
			assert_int_equal(feedback.base_seq, (uint16_t)(base + covered));
			covered += (unsigned)feedback.count;
		}
		assert_int_equal(covered, 600);
	}
}

static void feedback_cut_anywhere_is_refused(void **state)
{
	struct feedback feedback;
	uint16_t base_seq;
	(void)state;

	start();
	for (unsigned i = 0; i < 60; i += 1 + (i % 3))
		bf_twcc_on_packet(&twcc, (uint16_t)i, 2, BF_SEC(1) + (i % 2) * 100000 + i * 1000);
	assert_true(take(&feedback, BF_SEC(2)));
	for (size_t len = 0; len < feedback.body.len; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		/* the last bytes may be padding */
		bool may_be_whole = feedback.body.len - len <= 3;
		int got;

		memcpy(cut, feedback.body.data, len);
		got = bf_twcc_parse(bf_bytes(cut, len), &base_seq, arrival_us, BF_TWCC_REPORT);
		assert_true(got == -EBADMSG || (may_be_whole && got == feedback.count));
		free(cut);
	}
}

static void reserved_statuses_and_empty_reports_are_refused(void **state)
{
	uint8_t body[20] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 1, 0, 0, 0, 0, 0x60, 0x01, 0, 0};
	uint16_t base_seq;
	(void)state;

	assert_int_equal(bf_twcc_parse(bf_bytes(body, 20), &base_seq, arrival_us, 4), -EBADMSG);
	body[16] = 0xf0; /* 11 11 0000...: a vector of two-bit statuses, the first reserved */
	assert_int_equal(bf_twcc_parse(bf_bytes(body, 20), &base_seq, arrival_us, 4), -EBADMSG);
	body[16] = 0xd3; /* 11 01 00 11: reserved, but behind the only status */
	assert_int_equal(bf_twcc_parse(bf_bytes(body, 20), &base_seq, arrival_us, 4), 1);
	body[11] = 0;
	assert_int_equal(bf_twcc_parse(bf_bytes(body, 20), &base_seq, arrival_us, 4), -EBADMSG);
}

static void a_short_array_takes_the_first_packets(void **state)
{
	struct feedback feedback;
	uint16_t base_seq;
	int64_t few[3] = {0, 0, 77};
	(void)state;

	start();
	for (unsigned i = 0; i < 50; i++)
		bf_twcc_on_packet(&twcc, (uint16_t)i, 2, BF_MS(640) + i * 1000);
	assert_true(take(&feedback, BF_SEC(2)));
	assert_int_equal(bf_twcc_parse(feedback.body, &base_seq, few, 2), 2);
	assert_int_equal(few[1], 1000);
	assert_int_equal(few[2], 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_due_an_interval_after_the_first_packet),
		cmocka_unit_test(a_report_has_these_bytes),
		cmocka_unit_test(deltas_of_every_size_and_sign_come_back),
		cmocka_unit_test(a_delta_beyond_two_bytes_starts_another_report),
		cmocka_unit_test(overtaken_packets_stand_before_the_reference),
		cmocka_unit_test(the_first_arrival_of_a_duplicate_counts),
		cmocka_unit_test(losses_between_reports_belong_to_the_next_one),
		cmocka_unit_test(a_packet_after_its_report_is_reported_again),
		cmocka_unit_test(packets_later_than_a_report_are_left_out),
		cmocka_unit_test(runs_of_losses_of_every_length_come_back),
		cmocka_unit_test(an_even_stream_needs_one_chunk),
		cmocka_unit_test(many_packets_need_several_reports_and_each_fits_a_datagram),
		cmocka_unit_test(more_than_the_window_keeps_the_newest),
		cmocka_unit_test(a_jump_over_the_window_reports_the_losses_next_to_it),
		cmocka_unit_test(counters_and_reference_wrap),
		cmocka_unit_test(a_writer_without_room_loses_nothing),
		cmocka_unit_test(random_streams_come_back),
		cmocka_unit_test(feedback_cut_anywhere_is_refused),
		cmocka_unit_test(reserved_statuses_and_empty_reports_are_refused),
		cmocka_unit_test(a_short_array_takes_the_first_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
