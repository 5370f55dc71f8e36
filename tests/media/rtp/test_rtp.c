#include "media/rtp/rtp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* V=2 P=1 X=1 CC=2, M=1 PT=96, seq 0xfffe, two CSRCs, one word of one-byte extensions, payload of 5 bytes,
 * padding of 3. */
static const uint8_t FULL[] = {
	0xb2, 0xe0, 0xff, 0xfe,	 /* flags, marker and type, seq */
	0x01, 0x02, 0x03, 0x04,	 /* timestamp */
	0xde, 0xad, 0xbe, 0xef,	 /* SSRC */
	0x00, 0x00, 0x00, 0x0a,	 /* CSRC 10 */
	0x00, 0x00, 0x00, 0x0b,	 /* CSRC 11 */
	0xbe, 0xde, 0x00, 0x01,	 /* one word of extensions */
	0x10, 0xaa, 0x00, 0x00,	 /* id 1, one byte; padding */
	'h', 'e', 'l', 'l', 'o', /* payload */
	0x00, 0x00, 0x03,	 /* padding */
};
#define FULL_HEADER 28

static void all_parts_of_a_packet_are_found(void **state)
{
	struct bf_rtp rtp;
	(void)state;

	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(FULL, sizeof(FULL))), 0);
	assert_true(rtp.marker);
	assert_true(rtp.has_ext);
	assert_int_equal(rtp.pt, 96);
	assert_int_equal(rtp.seq, 0xfffe);
	assert_int_equal(rtp.timestamp, 0x01020304);
	assert_int_equal(rtp.ssrc, 0xdeadbeef);
	assert_int_equal(rtp.csrc_count, 2);
	assert_int_equal(rtp.csrcs.len, 8);
	assert_int_equal(bf_get_u32(rtp.csrcs.data + 4), 11);
	assert_int_equal(rtp.ext_profile, 0xbede);
	assert_int_equal(rtp.ext.len, 4);
	assert_ptr_equal(rtp.ext.data, FULL + 24);
	assert_int_equal(rtp.header_len, FULL_HEADER);
	assert_int_equal(rtp.padding_len, 3);
	assert_true(bf_bytes_is(rtp.payload, "hello"));
}

static void encrypted_packets_keep_what_looks_like_padding(void **state)
{
	struct bf_rtp rtp;
	(void)state;

	assert_int_equal(bf_rtp_parse_header(&rtp, bf_bytes(FULL, sizeof(FULL))), 0);
	assert_int_equal(rtp.padding_len, 0);
	assert_int_equal(rtp.payload.len, 8);
	assert_int_equal(rtp.header_len, FULL_HEADER);
}

/* Each prefix stands in a block of its own size, so that a sanitizer sees a read beyond it. */
static void a_header_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t len = 0; len < FULL_HEADER; len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct bf_rtp rtp = {.ssrc = 7};

		memcpy(cut, FULL, len);
		assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(cut, len)), -EBADMSG);
		assert_int_equal(bf_rtp_parse_header(&rtp, bf_bytes(cut, len)), -EBADMSG);
		assert_int_equal(rtp.ssrc, 7); /* written only on success */
		free(cut);
	}
}

static void impossible_padding_is_refused(void **state)
{
	uint8_t packet[BF_RTP_HEADER + 4] = {0xa0, 96};
	struct bf_rtp rtp;
	(void)state;

	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(packet, BF_RTP_HEADER)), -EBADMSG);
	packet[15] = 0;
	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(packet, sizeof(packet))), -EBADMSG);
	packet[15] = 5;
	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(packet, sizeof(packet))), -EBADMSG);
	packet[15] = 4; /* a probe: nothing but padding */
	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(packet, sizeof(packet))), 0);
	assert_int_equal(rtp.payload.len, 0);
	assert_int_equal(rtp.padding_len, 4);
}

static void other_versions_are_refused(void **state)
{
	uint8_t packet[BF_RTP_HEADER] = {0};
	struct bf_rtp rtp;
	(void)state;

	for (unsigned version = 0; version < 4; version++) {
		packet[0] = (uint8_t)(version << 6);
		assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(packet, sizeof(packet))),
			version == 2 ? 0 : -EBADMSG);
	}
}

static void rtcp_is_told_by_its_second_byte(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			uint8_t packet[2] = {(uint8_t)first, (uint8_t)second};
			bool expected =
				first >= 128 && first <= 191 && second >= 192 && second <= 223;

			assert_int_equal(bf_rtp_is_rtcp(bf_bytes(packet, 2)), expected);
		}
	}
	assert_false(bf_rtp_is_rtcp(bf_bytes(FULL, 1)));
	assert_false(bf_rtp_is_rtcp(bf_bytes(NULL, 0)));
}

static void a_written_header_reads_back_the_same(void **state)
{
	uint8_t buffer[sizeof(FULL)];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	struct bf_rtp rtp;
	(void)state;

	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(FULL, sizeof(FULL))), 0);
	bf_rtp_write_header(&wr, &rtp, rtp.ext);
	assert_false(wr.is_full);
	assert_int_equal(bf_wr_len(&wr), FULL_HEADER);
	assert_memory_equal(buffer, FULL, FULL_HEADER);
}

static void extension_data_is_padded_to_words(void **state)
{
	const uint8_t ext[] = {0x11, 0xaa, 0xbb, 0x20, 0xcc};
	uint8_t buffer[64];
	(void)state;

	for (size_t len = 0; len <= sizeof(ext); len++) {
		struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
		struct bf_rtp out, rtp = {.pt = 111, .seq = 1, .ext_profile = 0xbede};

		bf_rtp_write_header(&wr, &rtp, bf_bytes(ext, len));
		bf_wr_str(&wr, "x");
		assert_int_equal(bf_rtp_parse(&out, bf_bytes(buffer, bf_wr_len(&wr))), 0);
		assert_int_equal(out.has_ext, len > 0);
		assert_int_equal(out.ext.len, (len + 3) / 4 * 4);
		assert_true(bf_bytes_is(out.payload, "x"));
		for (size_t i = 0; i < out.ext.len; i++)
			assert_int_equal(out.ext.data[i], i < len ? ext[i] : 0);
	}
}

static void a_full_writer_says_so_at_every_size(void **state)
{
	uint8_t buffer[FULL_HEADER];
	struct bf_rtp rtp;
	(void)state;

	assert_int_equal(bf_rtp_parse(&rtp, bf_bytes(FULL, sizeof(FULL))), 0);
	for (size_t size = 0; size <= FULL_HEADER; size++) {
		struct bf_wr wr = bf_wr(buffer, size);

		bf_rtp_write_header(&wr, &rtp, rtp.ext);
		assert_int_equal(wr.is_full, size < FULL_HEADER);
	}
}

static void sequence_numbers_unwrap_in_both_directions(void **state)
{
	struct bf_seq seq = {0};
	(void)state;

	assert_int_equal(bf_seq_guess(&seq, 65534), 65536 + 65534);
	assert_false(seq.is_started); /* guessing changes nothing */
	bf_seq_commit(&seq, bf_seq_guess(&seq, 65534));
	assert_int_equal(bf_seq_guess(&seq, 65535), 131071);
	assert_int_equal(bf_seq_guess(&seq, 0), 131072);
	bf_seq_commit(&seq, bf_seq_guess(&seq, 2));
	assert_int_equal(seq.highest, 131074);
	assert_int_equal(bf_seq_guess(&seq, 65533), 131069); /* late, from before the wrap */
	bf_seq_commit(&seq, 131069);
	assert_int_equal(seq.highest, 131074);
	assert_int_equal(bf_seq_guess(&seq, 32769), 131072 + 32769);
	assert_int_equal(bf_seq_guess(&seq, 32770), 131072 + 32770 - 65536);
}

static void packets_before_the_first_have_positive_numbers(void **state)
{
	struct bf_seq seq = {0};
	(void)state;

	bf_seq_commit(&seq, bf_seq_guess(&seq, 0));
	assert_int_equal(bf_seq_guess(&seq, 65535), 65535);
	assert_int_equal(bf_seq_guess(&seq, 32768), 32768);
}

static void a_million_numbers_unwrap_without_a_jump(void **state)
{
	struct bf_seq seq = {0};
	(void)state;

	for (uint64_t i = 65536 + 100; i < 65536 + 1000100; i++) {
		assert_int_equal(bf_seq_guess(&seq, (uint16_t)i), i);
		bf_seq_commit(&seq, i);
	}
}

static void order_on_the_circle_survives_the_wrap(void **state)
{
	(void)state;
	assert_true(bf_seq_is_after(0, 65535));
	assert_false(bf_seq_is_after(65535, 0));
	assert_false(bf_seq_is_after(7, 7));
	assert_true(bf_ts_is_after(5, UINT32_MAX - 5));
	assert_false(bf_ts_is_after(UINT32_MAX - 5, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_parts_of_a_packet_are_found),
		cmocka_unit_test(encrypted_packets_keep_what_looks_like_padding),
		cmocka_unit_test(a_header_cut_anywhere_is_refused),
		cmocka_unit_test(impossible_padding_is_refused),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(rtcp_is_told_by_its_second_byte),
		cmocka_unit_test(a_written_header_reads_back_the_same),
		cmocka_unit_test(extension_data_is_padded_to_words),
		cmocka_unit_test(a_full_writer_says_so_at_every_size),
		cmocka_unit_test(sequence_numbers_unwrap_in_both_directions),
		cmocka_unit_test(packets_before_the_first_have_positive_numbers),
		cmocka_unit_test(a_million_numbers_unwrap_without_a_jump),
		cmocka_unit_test(order_on_the_circle_survives_the_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
