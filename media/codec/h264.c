/*
 * NAL unit:  |F|NRI|  type   | ...
 * STAP-A:    |F|NRI|   24    | then  |  size (16)  | NAL unit |  once or more
 * FU-A:      |F|NRI|   28    |S|E|R|  type   | a piece of the NAL unit without its first byte
 */
#include "media/codec/codec_priv.h"

#include <errno.h>

enum nal_type {
	NAL_SLICE = 1,
	NAL_IDR = 5,
	NAL_SEI = 6,
	NAL_SPS = 7,
	NAL_PPS = 8,
	NAL_AUD = 9,
	NAL_STAP_A = 24,
	NAL_FU_A = 28,
};

/* A keyframe needs its parameter sets: browsers repeat the SPS before each, in packets of their own or in one
 * STAP-A, and a stream without them in band still shows its IDR slices. */
static bool is_key_type(uint8_t type)
{
	return type == NAL_SPS || type == NAL_IDR;
}

/* What can open an access unit: the units that precede its slices, and the slice whose first_mb_in_slice is 0
 * (ue(v): a leading 1 bit). `body` follows the NAL unit's first byte. */
static bool may_open_frame(uint8_t type, struct bf_bytes body)
{
	if (type == NAL_SLICE || type == NAL_IDR)
		return body.len > 0 && (body.data[0] & 0x80) != 0;
	return type >= NAL_SEI && type <= NAL_AUD;
}

static int parse_stap_a(struct bf_payload *out, struct bf_rd *rd)
{
	bool is_first = true;

	while (bf_rd_left(rd) > 0) {
		struct bf_bytes unit = bf_rd_bytes(rd, bf_rd_u16(rd));
		uint8_t type;

		if (rd->is_short || unit.len == 0)
			return -EBADMSG;
		type = unit.data[0] & 0x1f;
		if (is_first)
			out->is_frame_start =
				may_open_frame(type, bf_bytes(unit.data + 1, unit.len - 1));
		is_first = false;
		out->is_keyframe |= is_key_type(type);
	}
	return is_first ? -EBADMSG : 0;
}

int bf_h264_parse(struct bf_payload *out, struct bf_bytes payload)
{
	struct bf_rd rd = bf_rd(payload);
	uint8_t type = bf_rd_u8(&rd) & 0x1f;

	out->is_switch_point = true; /* one temporal layer as far as we read */
	if (type == NAL_STAP_A)
		return parse_stap_a(out, &rd);
	if (type == NAL_FU_A) {
		uint8_t head = bf_rd_u8(&rd);

		if (rd.is_short)
			return -EBADMSG;
		if ((head & 0x80) == 0)
			return 0; /* a later piece: decoding cannot begin here */
		type = head & 0x1f;
	}
	out->is_keyframe = is_key_type(type);
	out->is_frame_start = may_open_frame(type, bf_bytes(rd.at, bf_rd_left(&rd)));
	return 0;
}
