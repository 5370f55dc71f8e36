#include "media/codec/codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PARSE(codec, ...) \
	parse_ok(codec, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* From a block of exactly this size, so that a sanitizer sees a read beyond it. */
static int parse_at(struct bf_payload *out, enum bf_codec codec, const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	memcpy(copy, data, len);
	err = bf_codec_parse(out, codec, bf_bytes(copy, len), bf_bytes(NULL, 0));
	free(copy);
	return err;
}

static struct bf_payload parse_ok(enum bf_codec codec, const uint8_t *data, size_t len)
{
	struct bf_payload info;

	assert_int_equal(parse_at(&info, codec, data, len), 0);
	return info;
}

/* Every prefix shorter than `descriptor_len` is refused and leaves zeros; every longer one is read. */
static void check_cut(enum bf_codec codec, const uint8_t *data, size_t len, size_t descriptor_len)
{
	const struct bf_payload zero = {0};

	for (size_t cut = 0; cut <= len; cut++) {
		struct bf_payload info;

		memset(&info, 0xff, sizeof(info));
		assert_int_equal(
			parse_at(&info, codec, data, cut), cut < descriptor_len ? -EBADMSG : 0);
		if (cut < descriptor_len)
			assert_memory_equal(&info, &zero, sizeof(zero));
	}
}

static void names_are_known_without_regard_to_case(void **state)
{
	(void)state;
	assert_int_equal(bf_codec_from_name(bf_bytes_str("vp8")), BF_CODEC_VP8);
	assert_int_equal(bf_codec_from_name(bf_bytes_str("OPUS")), BF_CODEC_OPUS);
	assert_int_equal(bf_codec_from_name(bf_bytes_str("h264")), BF_CODEC_H264);
	assert_int_equal(bf_codec_from_name(bf_bytes_str("VP80")), BF_CODEC_NONE);
	assert_int_equal(bf_codec_from_name(bf_bytes_str("VP")), BF_CODEC_NONE);
	assert_int_equal(bf_codec_from_name(bf_bytes_str("none")), BF_CODEC_NONE);
	assert_int_equal(bf_codec_from_name(bf_bytes(NULL, 0)), BF_CODEC_NONE);
	for (unsigned codec = BF_CODEC_NONE + 1; codec < BF_CODEC_COUNT; codec++) {
		const char *name = bf_codec_name((enum bf_codec)codec);

		assert_int_equal(bf_codec_from_name(bf_bytes_str(name)), codec);
		assert_int_equal(bf_codec_clock_hz((enum bf_codec)codec),
			codec == BF_CODEC_OPUS ? 48000 : 90000);
		assert_int_equal(bf_codec_is_video((enum bf_codec)codec), codec != BF_CODEC_OPUS);
	}
}

static void opus_is_always_a_frame_and_nothing_else(void **state)
{
	const struct bf_payload expected = {.is_frame_start = true};
	struct bf_payload info = PARSE(BF_CODEC_OPUS, 0xfc, 0xff, 0xfe);
	(void)state;

	assert_memory_equal(&info, &expected, sizeof(info));
	assert_int_equal(
		bf_codec_parse(&info, BF_CODEC_OPUS, bf_bytes(NULL, 0), bf_bytes(NULL, 0)), 0);
	assert_memory_equal(&info, &expected, sizeof(info));
}

static void vp8_without_extensions_has_no_numbers(void **state)
{
	/* S=1 PID=0; frame tag with P=1 (an interframe) */
	struct bf_payload info = PARSE(BF_CODEC_VP8, 0x10, 0x11, 0x00, 0x00);
	(void)state;

	assert_true(info.is_frame_start);
	assert_false(info.is_keyframe);
	assert_false(info.has_picture_id);
	assert_false(info.has_tl0picidx);
	assert_int_equal(info.temporal_idx, 0);
	info = PARSE(BF_CODEC_VP8, 0x10); /* nothing behind the descriptor: no keyframe to see */
	assert_false(info.is_keyframe);
}

static void vp8_keyframes_are_seen_only_at_the_start_of_partition_0(void **state)
{
	struct bf_payload info;
	(void)state;

	/* S=1 PID=0: keyframe of 640x360, scaling bits set above the sizes */
	info = PARSE(
		BF_CODEC_VP8, 0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81);
	assert_true(info.is_frame_start);
	assert_true(info.is_keyframe);
	assert_true(info.is_switch_point);
	assert_int_equal(info.width, 640);
	assert_int_equal(info.height, 360);
	/* the same bytes in the middle of partition 0, and at the start of partition 1 */
	info = PARSE(
		BF_CODEC_VP8, 0x00, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81);
	assert_false(info.is_frame_start);
	assert_false(info.is_keyframe);
	info = PARSE(
		BF_CODEC_VP8, 0x11, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x81);
	assert_false(info.is_frame_start);
	assert_false(info.is_keyframe);
	assert_int_equal(info.width, 0);
	/* N=1 (discardable) does not hide the start */
	info = PARSE(BF_CODEC_VP8, 0x30, 0x10);
	assert_true(info.is_keyframe);
	assert_int_equal(info.width, 0);
	/* no start code: an encrypted frame */
	info = PARSE(
		BF_CODEC_VP8, 0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2b, 0x80, 0x42, 0x68, 0x81);
	assert_true(info.is_keyframe);
	assert_int_equal(info.width, 0);
}

static void vp8_picture_ids_come_in_7_and_15_bits(void **state)
{
	struct bf_payload info;
	(void)state;

	info = PARSE(BF_CODEC_VP8, 0x90, 0x80, 0x7f, 0x01);
	assert_true(info.has_picture_id);
	assert_false(info.picture_id_is_long);
	assert_int_equal(info.picture_id, 127);
	assert_int_equal(info.picture_id_offset, 2);
	info = PARSE(BF_CODEC_VP8, 0x90, 0x80, 0xff, 0xfe, 0x01);
	assert_true(info.picture_id_is_long);
	assert_int_equal(info.picture_id, 32766);
	assert_false(info.has_tl0picidx);
}

static void vp8_extension_fields_are_found_in_every_combination(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 16; flags++) {
		for (unsigned is_long = 0; is_long < 2; is_long++) {
			uint8_t data[8] = {0x90, (uint8_t)(flags << 4)};
			size_t len = 2, tl0_offset;
			struct bf_payload info;

			if (flags & 8) {
				data[len++] = is_long ? 0x92 : 0x12;
				if (is_long)
					data[len++] = 0x34;
			}
			tl0_offset = len;
			if (flags & 4)
				data[len++] = 0x56;
			if (flags & 3)
				data[len++] = 0xa5; /* TID 2, Y, KEYIDX 5 */
			data[len] = 0x01;
			info = parse_ok(BF_CODEC_VP8, data, len + 1);
			assert_int_equal(info.has_picture_id, (flags & 8) != 0);
			if (flags & 8)
				assert_int_equal(info.picture_id, is_long ? 0x1234 : 0x12);
			assert_int_equal(info.has_tl0picidx, (flags & 4) != 0);
			if (flags & 4) {
				assert_int_equal(info.tl0picidx, 0x56);
				assert_int_equal(info.tl0picidx_offset, tl0_offset);
			}
			assert_int_equal(info.temporal_idx, flags & 2 ? 2 : 0);
			assert_true(
				info.is_switch_point); /* Y where there is a layer, layer 0 elsewhere */
			assert_false(info.is_keyframe);
			check_cut(BF_CODEC_VP8, data, len + 1, len);
		}
	}
}

static void vp8_upper_layers_are_switch_points_only_when_synced(void **state)
{
	struct bf_payload info = PARSE(BF_CODEC_VP8, 0x90, 0x20, 0x40, 0x01); /* TID 1, Y=0 */
	(void)state;

	assert_int_equal(info.temporal_idx, 1);
	assert_false(info.is_switch_point);
	info = PARSE(BF_CODEC_VP8, 0x90, 0x20, 0x60, 0x01); /* TID 1, Y=1 */
	assert_true(info.is_switch_point);
	info = PARSE(
		BF_CODEC_VP8, 0x90, 0x10, 0xa5, 0x01); /* KEYIDX only: TID and Y mean nothing */
	assert_int_equal(info.temporal_idx, 0);
}

static void vp9_non_flexible_frames_carry_tl0picidx(void **state)
{
	/* I P L - B E - -; 15-bit id; TID 2 U SID 1 D; TL0PICIDX */
	const uint8_t data[] = {0xec, 0x81, 0x23, 0x53, 0x77, 0x00};
	struct bf_payload info = parse_ok(BF_CODEC_VP9, data, sizeof(data));
	(void)state;

	assert_true(info.has_picture_id && info.picture_id_is_long);
	assert_int_equal(info.picture_id, 0x123);
	assert_int_equal(info.picture_id_offset, 1);
	assert_int_equal(info.temporal_idx, 2);
	assert_int_equal(info.spatial_idx, 1);
	assert_true(info.is_switch_point);
	assert_true(info.has_tl0picidx);
	assert_int_equal(info.tl0picidx, 0x77);
	assert_int_equal(info.tl0picidx_offset, 4);
	assert_true(info.is_frame_start);
	assert_false(info.is_keyframe);
	check_cut(BF_CODEC_VP9, data, sizeof(data), 5);
}

static void vp9_flexible_frames_carry_references_instead(void **state)
{
	/* I P L F B E - -; 7-bit id; TID 1 SID 0; P_DIFF with N, with N, without */
	const uint8_t three[] = {0xfc, 0x05, 0x20, 0x03, 0x05, 0x06, 0x00};
	const uint8_t four[] = {0xfc, 0x05, 0x20, 0x03, 0x05, 0x07, 0x06, 0x00};
	struct bf_payload info = parse_ok(BF_CODEC_VP9, three, sizeof(three));
	(void)state;

	assert_false(info.picture_id_is_long);
	assert_int_equal(info.picture_id, 5);
	assert_int_equal(info.temporal_idx, 1);
	assert_false(info.has_tl0picidx);
	assert_false(info.is_switch_point);
	check_cut(BF_CODEC_VP9, three, sizeof(three), 6);
	assert_int_equal(parse_at(&info, BF_CODEC_VP9, four, sizeof(four)), -EBADMSG);
}

static void vp9_keyframes_begin_with_an_unpredicted_frame_of_layer_0(void **state)
{
	struct bf_payload info;
	(void)state;

	info = PARSE(BF_CODEC_VP9, 0x08, 0x00); /* B */
	assert_true(info.is_keyframe);
	info = PARSE(BF_CODEC_VP9, 0x48, 0x00); /* P B */
	assert_false(info.is_keyframe);
	info = PARSE(BF_CODEC_VP9, 0x04, 0x00); /* E: the last packet of the keyframe */
	assert_false(info.is_keyframe);
	info = PARSE(BF_CODEC_VP9, 0x28, 0x00, 0x01, 0x00); /* L B, SID 0 */
	assert_true(info.is_keyframe);
	info = PARSE(BF_CODEC_VP9, 0x28, 0x03, 0x01, 0x00); /* L B, SID 1 D: needs layer 0 */
	assert_false(info.is_keyframe);
	assert_true(info.is_frame_start);
}

static void vp9_structure_tells_the_size_of_the_top_layer(void **state)
{
	/* I L B V; id; TID 0 SID 0; TL0PICIDX; N_S=1 Y G; 320x180, 640x360; N_G=2: R=0, R=2 */
	const uint8_t data[] = {0xaa, 0x01, 0x00, 0x09, 0x38, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80,
		0x01, 0x68, 0x02, 0x00, 0x28, 0x01, 0x02, 0x83};
	struct bf_payload info = parse_ok(BF_CODEC_VP9, data, sizeof(data));
	(void)state;

	assert_true(info.is_keyframe);
	assert_int_equal(info.width, 640);
	assert_int_equal(info.height, 360);
	assert_int_equal(info.tl0picidx, 9);
	check_cut(BF_CODEC_VP9, data, sizeof(data), 18);
	info = PARSE(BF_CODEC_VP9, 0x0a, 0x00, 0x00); /* a structure without sizes or pictures */
	assert_int_equal(info.width, 0);
}

static void h264_single_units(void **state)
{
	struct bf_payload info;
	(void)state;

	info = PARSE(BF_CODEC_H264, 0x65, 0x88, 0x84); /* IDR, first_mb 0 */
	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x67, 0x42, 0xe0, 0x1f); /* SPS */
	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x41, 0x9a, 0x00); /* slice, first_mb 0 */
	assert_false(info.is_keyframe);
	assert_true(info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x41, 0x1a, 0x00); /* a later slice */
	assert_false(info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x68, 0xce); /* PPS */
	assert_false(info.is_keyframe);
	info = PARSE(BF_CODEC_H264, 0x09, 0xf0); /* access unit delimiter */
	assert_true(info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x41); /* nothing but the type: to no harm */
	assert_false(info.is_frame_start);
}

static void h264_aggregates_are_keyframes_if_one_unit_is(void **state)
{
	const uint8_t key[] = {0x78, 0x00, 0x03, 0x67, 0x42, 0xe0, 0x00, 0x02, 0x68, 0xce};
	struct bf_payload info = parse_ok(BF_CODEC_H264, key, sizeof(key));
	(void)state;

	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x78, 0x00, 0x02, 0x09, 0xf0, 0x00, 0x02, 0x65, 0x88);
	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x78, 0x00, 0x02, 0x41, 0x9a, 0x00, 0x02, 0x41, 0x1a);
	assert_false(info.is_keyframe);
	assert_true(info.is_frame_start);
	/* whole up to the first unit's end and up to the second's, refused elsewhere */
	for (size_t cut = 0; cut <= sizeof(key); cut++)
		assert_int_equal(parse_at(&info, BF_CODEC_H264, key, cut),
			cut == 6 || cut == sizeof(key) ? 0 : -EBADMSG);
	assert_int_equal(
		parse_at(&info, BF_CODEC_H264, (const uint8_t[]){0x78, 0, 0, 0, 1, 0x65}, 6),
		-EBADMSG);
}

static void h264_fragments_are_keyframes_only_at_their_start(void **state)
{
	struct bf_payload info;
	(void)state;

	info = PARSE(BF_CODEC_H264, 0x7c, 0x85, 0x88); /* S, IDR */
	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x7c, 0x05, 0x88); /* middle */
	assert_false(info.is_keyframe || info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x7c, 0x45, 0x88); /* E */
	assert_false(info.is_keyframe || info.is_frame_start);
	info = PARSE(BF_CODEC_H264, 0x7c, 0x87, 0x42); /* S, SPS */
	assert_true(info.is_keyframe);
	info = PARSE(BF_CODEC_H264, 0x5c, 0x81, 0x9a); /* S, slice */
	assert_false(info.is_keyframe);
	assert_true(info.is_frame_start);
	assert_int_equal(parse_at(&info, BF_CODEC_H264, (const uint8_t[]){0x7c}, 1), -EBADMSG);
}

static void av1_keyframes_are_new_coded_video_sequences(void **state)
{
	struct bf_payload info;
	(void)state;

	info = PARSE(BF_CODEC_AV1, 0x18, 0x30, 0xaa); /* W=1 N */
	assert_true(info.is_keyframe && info.is_frame_start);
	info = PARSE(BF_CODEC_AV1, 0x10, 0x30, 0xaa); /* W=1 */
	assert_false(info.is_keyframe);
	assert_true(info.is_frame_start);
	info = PARSE(BF_CODEC_AV1, 0x90, 0xaa, 0xbb); /* Z: goes on with an OBU */
	assert_false(info.is_keyframe || info.is_frame_start);
	assert_int_equal(parse_at(&info, BF_CODEC_AV1, (const uint8_t[]){0x98, 0x30}, 2), -EBADMSG);
}

static void av1_layers_come_from_the_first_obu_that_names_one(void **state)
{
	struct bf_payload info;
	(void)state;

	/* W=2: a sequence header of 2 bytes, then a frame OBU with X: TID 2 SID 1 */
	info = PARSE(BF_CODEC_AV1, 0x20, 0x02, 0x08, 0x00, 0x34, 0x48, 0xaa);
	assert_int_equal(info.temporal_idx, 2);
	assert_int_equal(info.spatial_idx, 1);
	assert_false(info.is_switch_point);
	/* the bytes of a continued OBU are not read as a header */
	info = PARSE(BF_CODEC_AV1, 0x90, 0x34, 0x48, 0xaa);
	assert_int_equal(info.temporal_idx, 0);
	/* W=0: every element has a length; one of two bytes in its leb128 */
	info = PARSE(BF_CODEC_AV1, 0x00, 0x83, 0x00, 0x34, 0x28, 0xaa);
	assert_int_equal(info.temporal_idx, 1);
}

static void av1_elements_over_the_end_are_refused(void **state)
{
	const uint8_t data[] = {0x20, 0x02, 0x08, 0x00, 0x34, 0x48};
	struct bf_payload info;
	(void)state;

	assert_int_equal(parse_at(&info, BF_CODEC_AV1, data, 0), -EBADMSG);
	for (size_t cut = 2; cut < 4; cut++)
		assert_int_equal(parse_at(&info, BF_CODEC_AV1, data, cut), -EBADMSG);
	for (size_t cut = 4; cut <= sizeof(data); cut++)
		assert_int_equal(parse_at(&info, BF_CODEC_AV1, data, cut), 0);
	assert_int_equal(
		parse_at(&info, BF_CODEC_AV1, (const uint8_t[]){0, 0xff, 0xff, 0xff, 0xff, 0}, 6),
		-EBADMSG);
}

static void av1_dependency_descriptor_tells_frame_starts(void **state)
{
	const uint8_t payload[] = {0x10, 0x30, 0xaa};
	const uint8_t start[] = {0x80, 0x00, 0x01}, middle[] = {0x00, 0x00, 0x01};
	const uint8_t key[] = {0x80, 0x00, 0x01, 0x80, 0x00}, chains[] = {0x80, 0x00, 0x01, 0x40};
	const uint8_t late[] = {0x00, 0x00, 0x01, 0x80, 0x00};
	const struct bf_bytes bytes = bf_bytes(payload, sizeof(payload));
	struct bf_payload info;
	(void)state;

	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(start, 3)), 0);
	assert_true(info.is_frame_start && !info.is_keyframe);
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(middle, 3)), 0);
	assert_false(info.is_frame_start);
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(key, 5)), 0);
	assert_true(info.is_frame_start && info.is_keyframe);
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(chains, 4)), 0);
	assert_false(info.is_keyframe);
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(late, 5)), 0);
	assert_false(info.is_keyframe); /* a structure repeated behind the first packet */
	assert_int_equal(bf_codec_parse(&info, BF_CODEC_AV1, bytes, bf_bytes(middle, 2)), 0);
	assert_true(info.is_frame_start); /* too short to mean anything */
}

static void numbers_are_rewritten_in_their_own_width(void **state)
{
	static const uint8_t payloads[][8] = {
		{0x90, 0xe0, 0x92, 0x34, 0x56, 0xa0, 0x01}, /* VP8 long, TL0PICIDX */
		{0x90, 0xe0, 0x12, 0x56, 0xa0, 0x01},	    /* VP8 short, TL0PICIDX */
		{0x90, 0x40, 0x56, 0x01},		    /* VP8 TL0PICIDX only */
		{0x10, 0x01},				    /* VP8 nothing */
		{0xec, 0x81, 0x23, 0x53, 0x77, 0x00},	    /* VP9 long, TL0PICIDX */
		{0xfc, 0x05, 0x20, 0x02, 0x00},		    /* VP9 short, flexible */
	};
	(void)state;

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		enum bf_codec codec = i < 4 ? BF_CODEC_VP8 : BF_CODEC_VP9;
		struct bf_payload before = parse_ok(codec, payloads[i], 8), after;
		uint8_t copy[8];

		memcpy(copy, payloads[i], 8);
		bf_codec_rewrite(copy, &before, 0x7fff, 0xff);
		after = parse_ok(codec, copy, 8);
		if (before.has_picture_id)
			assert_int_equal(
				after.picture_id, before.picture_id_is_long ? 0x7fff : 0x7f);
		if (before.has_tl0picidx)
			assert_int_equal(after.tl0picidx, 0xff);
		/* putting the old numbers back gives the old bytes: nothing else was touched */
		bf_codec_rewrite(copy, &after, before.picture_id, before.tl0picidx);
		assert_memory_equal(copy, payloads[i], 8);
	}
}

static void an_unknown_codec_tells_nothing(void **state)
{
	const struct bf_payload zero = {0};
	struct bf_payload info = PARSE(BF_CODEC_NONE, 1, 2, 3);
	(void)state;

	assert_memory_equal(&info, &zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known_without_regard_to_case),
		cmocka_unit_test(opus_is_always_a_frame_and_nothing_else),
		cmocka_unit_test(vp8_without_extensions_has_no_numbers),
		cmocka_unit_test(vp8_keyframes_are_seen_only_at_the_start_of_partition_0),
		cmocka_unit_test(vp8_picture_ids_come_in_7_and_15_bits),
		cmocka_unit_test(vp8_extension_fields_are_found_in_every_combination),
		cmocka_unit_test(vp8_upper_layers_are_switch_points_only_when_synced),
		cmocka_unit_test(vp9_non_flexible_frames_carry_tl0picidx),
		cmocka_unit_test(vp9_flexible_frames_carry_references_instead),
		cmocka_unit_test(vp9_keyframes_begin_with_an_unpredicted_frame_of_layer_0),
		cmocka_unit_test(vp9_structure_tells_the_size_of_the_top_layer),
		cmocka_unit_test(h264_single_units),
		cmocka_unit_test(h264_aggregates_are_keyframes_if_one_unit_is),
		cmocka_unit_test(h264_fragments_are_keyframes_only_at_their_start),
		cmocka_unit_test(av1_keyframes_are_new_coded_video_sequences),
		cmocka_unit_test(av1_layers_come_from_the_first_obu_that_names_one),
		cmocka_unit_test(av1_elements_over_the_end_are_refused),
		cmocka_unit_test(av1_dependency_descriptor_tells_frame_starts),
		cmocka_unit_test(numbers_are_rewritten_in_their_own_width),
		cmocka_unit_test(an_unknown_codec_tells_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
