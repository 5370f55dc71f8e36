#include "core/base/clock.h"
#include "media/rtp/rtp_stats.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FIRST (65536 + 65500) /* so that the 16-bit number wraps soon */

/* Packet `idx` of a 90 kHz stream of 100 packets a second, arriving `delay_us` after it was sent. */
static void feed(struct bf_rtp_stats *stats, uint64_t idx, int64_t delay_us)
{
	bf_rtp_stats_on_packet(stats, FIRST + idx, (uint32_t)(0xffffff00u + idx * 900), 1000,
		(int64_t)idx * BF_MS(10) + delay_us);
}

static void nothing_received_gives_no_report(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	assert_false(bf_rtp_stats_report(&stats, 1, 0, &report));
}

static void a_clean_stream_shows_no_loss_and_no_jitter(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	for (uint64_t i = 0; i < 100; i++)
		feed(&stats, i, BF_MS(30));
	assert_true(bf_rtp_stats_report(&stats, 7, BF_SEC(2), &report));
	assert_int_equal(report.ssrc, 7);
	assert_int_equal(report.fraction_lost, 0);
	assert_int_equal(report.cumulative_lost, 0);
	assert_int_equal(report.jitter, 0);
	assert_int_equal(report.highest_seq, 1 << 16 | (65500 + 99 - 65536)); /* wrapped once */
	assert_int_equal(report.lsr, 0);
	assert_int_equal(report.dlsr, 0);
	assert_int_equal(stats.byte_count, 100 * 1000);
}

static void loss_is_counted_for_the_interval_and_for_all(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	for (uint64_t i = 0; i < 100; i++) {
		if (i % 4 != 1)
			feed(&stats, i, 0);
	}
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.fraction_lost, 64);
	assert_int_equal(report.cumulative_lost, 25);
	for (uint64_t i = 100; i < 200; i++)
		feed(&stats, i, 0);
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.fraction_lost, 0);
	assert_int_equal(report.cumulative_lost, 25);
	bf_rtp_stats_report(&stats, 1, 0, &report); /* an empty interval */
	assert_int_equal(report.fraction_lost, 0);
	assert_int_equal(report.cumulative_lost, 25);
}

static void repairs_in_the_next_interval_never_count_negative(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	feed(&stats, 0, 0);
	feed(&stats, 3, 0);
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.fraction_lost, 128);
	assert_int_equal(report.cumulative_lost, 2);
	feed(&stats, 1, BF_MS(50));
	feed(&stats, 2, BF_MS(50));
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.fraction_lost, 0);
	assert_int_equal(report.cumulative_lost, 0);
	assert_int_equal(report.highest_seq, 65503);
	feed(&stats, 1, 0); /* more than expected: RFC 3550 lets the total go below 0 */
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.cumulative_lost, -1);
}

static void totals_saturate_at_24_bits(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	feed(&stats, 0, 0);
	feed(&stats, 0x2000000, 0);
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.cumulative_lost, 0x7fffff);
	assert_int_equal(report.fraction_lost, 255);
	for (int i = 0; i < 0x2000000 + 0x900000; i++)
		feed(&stats, 1, 0);
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.cumulative_lost, -0x800000);
}

static void jitter_settles_at_the_mean_difference(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	for (uint64_t i = 0; i < 400; i++)
		feed(&stats, i, i % 2 ? BF_MS(2) : 0); /* every step is 2 ms, 180 ticks */
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_in_range(report.jitter, 178, 181);
}

/* The recurrence of RFC 3550 section A.8 by hand: steps of 16, 0, 32 ticks. */
static void jitter_follows_the_fixed_point_recurrence(void **state)
{
	struct bf_rtp_stats stats;
	(void)state;

	bf_rtp_stats_init(&stats, 1000000);
	bf_rtp_stats_on_packet(&stats, 70000, 0, 1, 100);
	bf_rtp_stats_on_packet(&stats, 70001, 0, 1, 116);
	assert_int_equal(stats.jitter_q4, 16);
	bf_rtp_stats_on_packet(&stats, 70002, 0, 1, 116);
	assert_int_equal(stats.jitter_q4, 15);
	bf_rtp_stats_on_packet(&stats, 70003, 0, 1, 84); /* a negative step counts as its amount */
	assert_int_equal(stats.jitter_q4, 15 + 32 - 1);
}

static void repaired_packets_and_restarted_timestamps_are_no_jitter(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	feed(&stats, 0, 0);
	feed(&stats, 2, 0);
	feed(&stats, 1, BF_MS(500));
	feed(&stats, 3, 0);
	bf_rtp_stats_on_packet(&stats, FIRST + 4, 0x12345678, 1, BF_MS(40));
	bf_rtp_stats_on_packet(&stats, FIRST + 5, 0x12345678 + 900, 1, BF_MS(50));
	bf_rtp_stats_report(&stats, 1, 0, &report);
	assert_int_equal(report.jitter, 0);
}

static void years_of_uptime_do_not_disturb_the_jitter(void **state)
{
	struct bf_rtp_stats stats;
	const int64_t start_us = INT64_MAX / 2;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	for (int64_t i = 0; i < 100; i++)
		bf_rtp_stats_on_packet(&stats, 70000 + (uint64_t)i, (uint32_t)(i * 900), 1,
			start_us + i * BF_MS(10));
	assert_true(stats.jitter_q4 >> 4 <= 1); /* rounding of one tick */
}

static void the_last_sender_report_is_echoed_with_its_age(void **state)
{
	struct bf_rtp_stats stats;
	struct bf_rtcp_report report;
	(void)state;

	bf_rtp_stats_init(&stats, 90000);
	feed(&stats, 0, 0);
	bf_rtp_stats_on_sr(&stats, UINT64_C(0xaaaabbbbccccdddd), BF_SEC(10));
	bf_rtp_stats_report(&stats, 1, BF_SEC(10) + BF_MS(1500), &report);
	assert_int_equal(report.lsr, 0xbbbbcccc);
	assert_int_equal(report.dlsr, 65536 + 32768);
	bf_rtp_stats_report(&stats, 1, BF_SEC(100000), &report);
	assert_int_equal(report.dlsr, UINT32_MAX);
}

/* The example of RFC 3550 section 6.4.1, figure 2: 6.125 s. */
static void the_round_trip_follows_from_lsr_and_dlsr(void **state)
{
	struct bf_rtcp_report report = {.lsr = 0xb7052000, .dlsr = 0x00054000};
	(void)state;

	assert_int_equal(
		bf_rtp_rtt_us(&report, UINT64_C(0xb710) << 32 | UINT64_C(0x80000000)), 6125000);
	report.lsr = 0;
	assert_int_equal(bf_rtp_rtt_us(&report, UINT64_C(0xb710) << 32), 0);
}

static void a_round_trip_that_cannot_be_is_unknown(void **state)
{
	struct bf_rtcp_report report = {.lsr = 0x10000, .dlsr = 0x20000};
	(void)state;

	assert_int_equal(
		bf_rtp_rtt_us(&report, UINT64_C(0x2ffff) << 16), 0); /* back before it was sent */
	assert_int_equal(
		bf_rtp_rtt_us(&report, UINT64_C(0x30000) << 16), 1); /* under the resolution */
	report.lsr = 0xffff0000; /* the middle bits wrap every 18 hours */
	assert_int_equal(bf_rtp_rtt_us(&report, UINT64_C(0x18000) << 16), 500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_received_gives_no_report),
		cmocka_unit_test(a_clean_stream_shows_no_loss_and_no_jitter),
		cmocka_unit_test(loss_is_counted_for_the_interval_and_for_all),
		cmocka_unit_test(repairs_in_the_next_interval_never_count_negative),
		cmocka_unit_test(totals_saturate_at_24_bits),
		cmocka_unit_test(jitter_settles_at_the_mean_difference),
		cmocka_unit_test(jitter_follows_the_fixed_point_recurrence),
		cmocka_unit_test(repaired_packets_and_restarted_timestamps_are_no_jitter),
		cmocka_unit_test(years_of_uptime_do_not_disturb_the_jitter),
		cmocka_unit_test(the_last_sender_report_is_echoed_with_its_age),
		cmocka_unit_test(the_round_trip_follows_from_lsr_and_dlsr),
		cmocka_unit_test(a_round_trip_that_cannot_be_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
