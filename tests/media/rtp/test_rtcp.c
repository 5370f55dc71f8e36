#include "media/rtp/rtcp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A compound as a browser sends it: SR with one report, SDES, NACK, PLI. */
static const uint8_t COMPOUND[] = {
	0x81,
	200,
	0x00,
	0x0c, /* SR, one report, 12 words follow */
	0x00,
	0x00,
	0x00,
	0x01, /* SSRC of the sender */
	0xe0,
	0x00,
	0x00,
	0x00,
	0x80,
	0x00,
	0x00,
	0x00, /* NTP */
	0x00,
	0x00,
	0x10,
	0x00, /* RTP timestamp */
	0x00,
	0x00,
	0x00,
	0x64, /* 100 packets */
	0x00,
	0x01,
	0x00,
	0x00, /* 65536 bytes */
	0x00,
	0x00,
	0x00,
	0x02, /* report about SSRC 2 */
	0x40,
	0xff,
	0xff,
	0xfe, /* a quarter lost, cumulative -2 */
	0x00,
	0x01,
	0x00,
	0x05, /* one cycle, seq 5 */
	0x00,
	0x00,
	0x00,
	0x07, /* jitter */
	0x11,
	0x22,
	0x33,
	0x44, /* LSR */
	0x00,
	0x01,
	0x00,
	0x00, /* DLSR: one second */
	0x81,
	202,
	0x00,
	0x02, /* SDES */
	0x00,
	0x00,
	0x00,
	0x01,
	0x01,
	0x01,
	'c',
	0x00,
	0x81,
	205,
	0x00,
	0x03, /* generic NACK */
	0x00,
	0x00,
	0x00,
	0x01,
	0x00,
	0x00,
	0x00,
	0x02,
	0xff,
	0xfe,
	0x80,
	0x05, /* 65534, then +1, +3, +16 */
	0x81,
	206,
	0x00,
	0x02, /* PLI */
	0x00,
	0x00,
	0x00,
	0x01,
	0x00,
	0x00,
	0x00,
	0x02,
};

static void a_compound_is_walked_and_read(void **state)
{
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	struct bf_rtcp_sr sr;
	struct bf_rtcp_report report;
	uint16_t seqs[8];
	uint32_t ssrc;
	(void)state;

	bf_rtcp_begin(&it, bf_bytes(COMPOUND, sizeof(COMPOUND)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(rtcp.type, BF_RTCP_SR);
	assert_int_equal(rtcp.ssrc, 1);
	assert_int_equal(bf_rtcp_parse_sr(&sr, &rtcp), 0);
	assert_true(sr.ntp == UINT64_C(0xe000000080000000));
	assert_int_equal(sr.rtp_timestamp, 4096);
	assert_int_equal(sr.packet_count, 100);
	assert_int_equal(sr.byte_count, 65536);
	assert_int_equal(bf_rtcp_parse_reports(&report, 1, &rtcp), 1);
	assert_int_equal(report.ssrc, 2);
	assert_int_equal(report.fraction_lost, 64);
	assert_int_equal(report.cumulative_lost, -2);
	assert_int_equal(report.highest_seq, 65541);
	assert_int_equal(report.jitter, 7);
	assert_int_equal(report.lsr, 0x11223344);
	assert_int_equal(report.dlsr, 65536);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(rtcp.type, BF_RTCP_SDES);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(bf_rtcp_parse_nack(&ssrc, seqs, 8, &rtcp), 4);
	assert_int_equal(ssrc, 2);
	assert_int_equal(seqs[0], 65534);
	assert_int_equal(seqs[1], 65535);
	assert_int_equal(seqs[2], 1);
	assert_int_equal(seqs[3], 14);
	assert_int_equal(bf_rtcp_parse_nack(&ssrc, seqs, 2, &rtcp), 2);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(bf_rtcp_parse_pli(&ssrc, &rtcp), 0);
	assert_int_equal(ssrc, 2);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 0);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 0);
}

/* Cut anywhere but between two packets, the walk ends in an error, and stays there. */
static void a_compound_cut_anywhere_ends_in_an_error(void **state)
{
	const size_t ends[] = {0, 52, 64, 80, 92};
	(void)state;

	for (size_t len = 0; len <= sizeof(COMPOUND); len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct bf_rtcp_it it;
		struct bf_rtcp rtcp;
		bool is_end = false;
		int got;

		memcpy(cut, COMPOUND, len);
		bf_rtcp_begin(&it, bf_bytes(cut, len));
		do
			got = bf_rtcp_next(&it, &rtcp);
		while (got == 1);
		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
			is_end |= len == ends[i];
		assert_int_equal(got, is_end ? 0 : -EBADMSG);
		assert_int_equal(bf_rtcp_next(&it, &rtcp), got);
		free(cut);
	}
}

static void padding_is_taken_off(void **state)
{
	uint8_t packet[] = {0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 4};
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	(void)state;

	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(rtcp.body.len, 8);
	packet[15] = 1; /* libraries pad transport-cc by single bytes */
	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(rtcp.body.len, 11);
	packet[15] = 0;
	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), -EBADMSG);
	packet[15] = 13;
	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), -EBADMSG);
}

static void nothing_is_read_after_an_error(void **state)
{
	const uint8_t packet[] = {
		0x41, 203, 0, 0, 0x80, 203, 0, 0}; /* version 1, then a whole BYE */
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	(void)state;

	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), -EBADMSG);
	assert_int_equal(bf_rtcp_next(&it, &rtcp), -EBADMSG);
}

static void a_padded_packet_without_a_body_is_refused(void **state)
{
	const uint8_t packet[] = {0xa0, 203, 0, 0};
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	(void)state;

	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), -EBADMSG);
}

static void a_compound_of_many_packets_is_read_up_to_the_limit(void **state)
{
	uint8_t packet[4 * (BF_RTCP_MAX + 8)];
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	int count = 0;
	(void)state;

	for (size_t i = 0; i < sizeof(packet); i += 4)
		memcpy(packet + i, (const uint8_t[]){0x80, 203, 0, 0}, 4);
	bf_rtcp_begin(&it, bf_bytes(packet, sizeof(packet)));
	while (bf_rtcp_next(&it, &rtcp) == 1) {
		assert_int_equal(rtcp.ssrc, 0);
		count++;
	}
	assert_int_equal(count, BF_RTCP_MAX);
}

/* One packet from a buffer. */
static struct bf_rtcp read_one(const uint8_t *data, size_t len)
{
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;

	bf_rtcp_begin(&it, bf_bytes(data, len));
	assert_int_equal(bf_rtcp_next(&it, &rtcp), 1);
	assert_int_equal(bf_rtcp_next(&it, &(struct bf_rtcp){0}), 0);
	return rtcp;
}

static void reports_beyond_the_body_are_refused(void **state)
{
	uint8_t packet[52];
	struct bf_rtcp_report reports[31];
	struct bf_rtcp rtcp;
	(void)state;

	memcpy(packet, COMPOUND, sizeof(packet));
	packet[0] = 0x82; /* says two reports, has one */
	rtcp = read_one(packet, sizeof(packet));
	assert_int_equal(bf_rtcp_parse_reports(reports, 31, &rtcp), -EBADMSG);
	packet[0] = 0x80;
	rtcp = read_one(packet, sizeof(packet));
	assert_int_equal(bf_rtcp_parse_reports(reports, 31, &rtcp), 0);
}

static void each_parser_refuses_every_other_type_and_short_bodies(void **state)
{
	uint8_t body[16] = {0};
	uint32_t ssrcs[4];
	uint16_t seqs[4];
	uint64_t bitrate;
	struct bf_rtcp_sr sr;
	struct bf_rtcp_fir firs[4];
	struct bf_rtcp_report reports[4];
	(void)state;

	for (unsigned type = 199; type <= 208; type++) {
		struct bf_rtcp rtcp = {.type = (uint8_t)type, .fmt = 3, .body = bf_bytes(body, 16)};

		assert_int_equal(bf_rtcp_parse_sr(&sr, &rtcp), -EBADMSG);
		assert_int_equal(bf_rtcp_parse_reports(reports, 4, &rtcp), -EBADMSG);
		assert_int_equal(bf_rtcp_parse_nack(ssrcs, seqs, 4, &rtcp), -EBADMSG);
		assert_int_equal(bf_rtcp_parse_pli(ssrcs, &rtcp), -EBADMSG);
		assert_int_equal(bf_rtcp_parse_fir(firs, 4, &rtcp), -EBADMSG);
		assert_int_equal(bf_rtcp_parse_remb(&bitrate, ssrcs, 4, &rtcp), -EBADMSG);
		assert_int_equal(
			bf_rtcp_parse_bye(ssrcs, 4, &rtcp), type == BF_RTCP_BYE ? 3 : -EBADMSG);
		rtcp.body.len = 4;
		assert_int_equal(bf_rtcp_parse_bye(ssrcs, 4, &rtcp), -EBADMSG);
	}
}

static void sender_reports_read_back_the_same(void **state)
{
	uint8_t buffer[1024];
	struct bf_rtcp_sr sr = {9, UINT64_C(0x0102030405060708), 11, 12, 13}, sr_back;
	struct bf_rtcp_report reports[31], back[31];
	struct bf_rtcp rtcp;
	(void)state;

	memset(reports, 0, sizeof(reports));
	for (uint32_t i = 0; i < 31; i++)
		reports[i] = (struct bf_rtcp_report){
			i, (uint8_t)(8 * i), (int32_t)i - 15, i << 16, i, i, i};
	reports[0].cumulative_lost = -0x800000;
	reports[30].cumulative_lost = 0x7fffff;
	for (size_t count = 0; count <= 31; count++) {
		struct bf_wr wr = bf_wr(buffer, sizeof(buffer));

		bf_rtcp_write_sr(&wr, &sr, reports, count);
		rtcp = read_one(buffer, bf_wr_len(&wr));
		assert_int_equal(bf_rtcp_parse_sr(&sr_back, &rtcp), 0);
		assert_int_equal(sr_back.ssrc, sr.ssrc);
		assert_true(sr_back.ntp == sr.ntp);
		assert_int_equal(sr_back.rtp_timestamp, sr.rtp_timestamp);
		assert_int_equal(sr_back.packet_count, sr.packet_count);
		assert_int_equal(sr_back.byte_count, sr.byte_count);
		assert_int_equal(bf_rtcp_parse_reports(back, 31, &rtcp), count);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(back[i].ssrc, reports[i].ssrc);
			assert_int_equal(back[i].fraction_lost, reports[i].fraction_lost);
			assert_int_equal(back[i].cumulative_lost, reports[i].cumulative_lost);
			assert_int_equal(back[i].highest_seq, reports[i].highest_seq);
		}
		wr = bf_wr(buffer, sizeof(buffer));
		bf_rtcp_write_rr(&wr, 77, reports, count);
		rtcp = read_one(buffer, bf_wr_len(&wr));
		assert_int_equal(rtcp.type, BF_RTCP_RR);
		assert_int_equal(rtcp.ssrc, 77);
		assert_int_equal(bf_rtcp_parse_reports(back, 31, &rtcp), count);
	}
}

static void cname_ends_with_a_zero_on_a_word(void **state)
{
	char cname[256] = {0};
	uint8_t buffer[512];
	(void)state;

	for (size_t len = 0; len <= 255; len++) {
		struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
		struct bf_rtcp rtcp;

		memset(cname, 'n', len);
		bf_rtcp_write_sdes(&wr, 5, cname);
		assert_int_equal(bf_wr_len(&wr) % 4, 0);
		rtcp = read_one(buffer, bf_wr_len(&wr));
		assert_int_equal(rtcp.type, BF_RTCP_SDES);
		assert_int_equal(rtcp.fmt, 1);
		assert_int_equal(rtcp.body.data[4], 1);
		assert_int_equal(rtcp.body.data[5], len);
		assert_memory_equal(rtcp.body.data + 6, cname, len);
		assert_in_range(rtcp.body.len, 6 + len + 1, 6 + len + 4);
		for (size_t i = 6 + len; i < rtcp.body.len; i++)
			assert_int_equal(rtcp.body.data[i], 0);
	}
}

static void nacks_read_back_the_same_across_the_wrap(void **state)
{
	const uint16_t seqs[] = {65500, 65501, 65516, 65517, 65535, 0, 15, 16, 17, 300};
	const size_t count = sizeof(seqs) / sizeof(seqs[0]);
	uint8_t buffer[128];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	uint16_t back[32];
	uint32_t media_ssrc;
	struct bf_rtcp rtcp;
	(void)state;

	bf_rtcp_write_nack(&wr, 1, 2, seqs, count);
	/* 65500 +1 +16 | 65517 | 65535 +1 +16 | 16 +1 | 300 */
	assert_int_equal(bf_wr_len(&wr), 12 + 4 * 5);
	rtcp = read_one(buffer, bf_wr_len(&wr));
	assert_int_equal(rtcp.ssrc, 1);
	assert_int_equal(bf_rtcp_parse_nack(&media_ssrc, back, 32, &rtcp), count);
	assert_int_equal(media_ssrc, 2);
	assert_memory_equal(back, seqs, sizeof(seqs));
}

static void a_single_nack_has_these_bytes(void **state)
{
	const uint8_t expected[] = {
		0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0x12, 0x34, 0x80, 0x01};
	const uint16_t seqs[] = {0x1234, 0x1235, 0x1244};
	uint8_t buffer[16];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	(void)state;

	bf_rtcp_write_nack(&wr, 1, 2, seqs, 3);
	assert_false(wr.is_full);
	assert_memory_equal(buffer, expected, sizeof(expected));
}

static void keyframe_requests_read_back_the_same(void **state)
{
	const uint8_t fir_bytes[] = {
		0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 200, 0, 0, 0};
	uint8_t buffer[64];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	struct bf_rtcp_fir firs[2];
	struct bf_rtcp rtcp;
	uint32_t ssrc;
	(void)state;

	bf_rtcp_write_pli(&wr, 1, 0xfffffffe);
	rtcp = read_one(buffer, bf_wr_len(&wr));
	assert_int_equal(bf_rtcp_parse_pli(&ssrc, &rtcp), 0);
	assert_int_equal(ssrc, 0xfffffffe);
	wr = bf_wr(buffer, sizeof(buffer));
	bf_rtcp_write_fir(&wr, 1, 2, 200);
	assert_int_equal(bf_wr_len(&wr), sizeof(fir_bytes));
	assert_memory_equal(buffer, fir_bytes, sizeof(fir_bytes));
	rtcp = read_one(buffer, bf_wr_len(&wr));
	assert_int_equal(bf_rtcp_parse_fir(firs, 2, &rtcp), 1);
	assert_int_equal(firs[0].ssrc, 2);
	assert_int_equal(firs[0].command_seq, 200);
}

static void remb_keeps_18_bits_of_the_bitrate(void **state)
{
	const uint64_t bitrates[] = {
		0, 1, 0x3ffff, 0x40000, 1000000, UINT64_C(10000000000), UINT64_MAX};
	const uint32_t ssrcs[] = {5, 6, 7};
	uint8_t buffer[64];
	(void)state;

	for (size_t i = 0; i < sizeof(bitrates) / sizeof(bitrates[0]); i++) {
		struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
		struct bf_rtcp rtcp;
		uint64_t back;
		uint32_t ssrcs_back[3];

		bf_rtcp_write_remb(&wr, 1, bitrates[i], ssrcs, 3);
		rtcp = read_one(buffer, bf_wr_len(&wr));
		assert_int_equal(bf_rtcp_parse_remb(&back, ssrcs_back, 3, &rtcp), 3);
		assert_true(back <= bitrates[i]);
		assert_true(bitrates[i] - back <= bitrates[i] >> 17);
		assert_memory_equal(ssrcs_back, ssrcs, sizeof(ssrcs));
		assert_int_equal(bf_rtcp_parse_remb(&back, ssrcs_back, 1, &rtcp), 1);
		buffer[16] = 4; /* says more SSRCs than there are */
		assert_int_equal(bf_rtcp_parse_remb(&back, ssrcs_back, 3, &rtcp), -EBADMSG);
	}
}

static void remb_beyond_64_bits_saturates(void **state)
{
	const uint8_t packet[] = {
		0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 0, 0xff, 0xff, 0xff};
	struct bf_rtcp rtcp = read_one(packet, sizeof(packet));
	uint64_t bitrate;
	(void)state;

	assert_int_equal(bf_rtcp_parse_remb(&bitrate, NULL, 0, &rtcp), 0);
	assert_true(bitrate == UINT64_MAX);
}

static void byes_read_back_the_same(void **state)
{
	const uint32_t ssrcs[] = {1, 0xffffffff};
	uint8_t buffer[64];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	uint32_t back[4];
	struct bf_rtcp rtcp;
	(void)state;

	bf_rtcp_write_bye(&wr, ssrcs, 2);
	rtcp = read_one(buffer, bf_wr_len(&wr));
	assert_int_equal(bf_rtcp_parse_bye(back, 4, &rtcp), 2);
	assert_memory_equal(back, ssrcs, sizeof(ssrcs));
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
	const struct bf_rtcp_report report = {0};
	const uint32_t ssrcs[] = {1};
	const uint16_t seqs[] = {1, 100};
	(void)state;

	for (size_t size = 0; size < 12; size++) {
		uint8_t *buffer = malloc(size ? size : 1);
		struct bf_wr wr = bf_wr(buffer, size);
		struct bf_wr bye = wr;

		bf_rtcp_write_rr(&wr, 1, &report, 1);
		bf_rtcp_write_sdes(&wr, 1, "cname");
		bf_rtcp_write_nack(&wr, 1, 2, seqs, 2);
		bf_rtcp_write_pli(&wr, 1, 2);
		bf_rtcp_write_fir(&wr, 1, 2, 3);
		bf_rtcp_write_remb(&wr, 1, 1000, ssrcs, 1);
		bf_rtcp_write_sr(&wr, &(struct bf_rtcp_sr){0}, NULL, 0);
		assert_true(wr.is_full);
		assert_int_equal(bf_wr_len(&wr), 0);
		bf_rtcp_write_bye(&bye, ssrcs, 1);
		assert_int_equal(bf_wr_len(&bye), size < 8 ? 0 : 8);
		free(buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_compound_is_walked_and_read),
		cmocka_unit_test(a_compound_cut_anywhere_ends_in_an_error),
		cmocka_unit_test(padding_is_taken_off),
		cmocka_unit_test(nothing_is_read_after_an_error),
		cmocka_unit_test(a_padded_packet_without_a_body_is_refused),
		cmocka_unit_test(a_compound_of_many_packets_is_read_up_to_the_limit),
		cmocka_unit_test(reports_beyond_the_body_are_refused),
		cmocka_unit_test(each_parser_refuses_every_other_type_and_short_bodies),
		cmocka_unit_test(sender_reports_read_back_the_same),
		cmocka_unit_test(cname_ends_with_a_zero_on_a_word),
		cmocka_unit_test(nacks_read_back_the_same_across_the_wrap),
		cmocka_unit_test(a_single_nack_has_these_bytes),
		cmocka_unit_test(keyframe_requests_read_back_the_same),
		cmocka_unit_test(remb_keeps_18_bits_of_the_bitrate),
		cmocka_unit_test(remb_beyond_64_bits_saturates),
		cmocka_unit_test(byes_read_back_the_same),
		cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
