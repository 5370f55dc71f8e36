/*
 *      |I|P|L|F|B|E|V|Z|   P: predicted from other pictures, F: flexible mode, B, E: begins, ends a frame
 *  I:  |M| picture id  |   and 8 more bits if M
 *  L:  | TID |U| SID |D|   U: switching up point
 *      |   TL0PICIDX   |   if L, and not F
 * P,F: |   P_DIFF    |N|   at most 3, N: one more follows
 *  V:  | N_S |Y|G|-|-|-|   scalability structure:
 *         Y: width and height (16 bits each) of N_S + 1 spatial layers
 *         G: |      N_G      |, then N_G times | TID |U| R |-|-| and R times | P_DIFF |
 */
#include "media/codec/codec_priv.h"

#include <errno.h>

#define REF_COUNT_MAX 3

static int skip_references(struct bf_rd *rd)
{
	for (unsigned i = 0; i < REF_COUNT_MAX; i++) {
		if ((bf_rd_u8(rd) & 1) == 0)
			return 0;
	}
	return -EBADMSG;
}

static void read_structure(struct bf_payload *out, struct bf_rd *rd)
{
	uint8_t head = bf_rd_u8(rd);
	unsigned picture_count;

	/* Layers ascend in size: the last one is the whole picture. */
	for (unsigned i = 0; head & 0x10 && i <= head >> 5; i++) {
		out->width = bf_rd_u16(rd);
		out->height = bf_rd_u16(rd);
	}
	picture_count = head & 0x08 ? bf_rd_u8(rd) : 0;
	for (unsigned i = 0; i < picture_count && !rd->is_short; i++)
		(void)bf_rd_bytes(rd, bf_rd_u8(rd) >> 2 & 3);
}

int bf_vp9_parse(struct bf_payload *out, struct bf_bytes payload)
{
	struct bf_rd rd = bf_rd(payload);
	uint8_t flags = bf_rd_u8(&rd);
	bool is_predicted = (flags & 0x40) != 0;
	bool is_flexible = (flags & 0x10) != 0;
	bool is_up_switch = false;

	if (flags & 0x80)
		bf_codec_read_picture_id(out, &rd, payload.data);
	if (flags & 0x20) {
		uint8_t layer = bf_rd_u8(&rd);

		out->temporal_idx = layer >> 5;
		out->spatial_idx = layer >> 1 & 7;
		is_up_switch = (layer & 0x10) != 0;
		if (!is_flexible)
			bf_codec_read_tl0picidx(out, &rd, payload.data);
	}
	if (is_predicted && is_flexible && skip_references(&rd) < 0)
		return -EBADMSG;
	if (flags & 0x02)
		read_structure(out, &rd);
	if (rd.is_short)
		return -EBADMSG;
	out->is_frame_start = (flags & 0x08) != 0;
	out->is_keyframe = out->is_frame_start && !is_predicted && out->spatial_idx == 0;
	out->is_switch_point = out->is_keyframe || is_up_switch || out->temporal_idx == 0;
	if (!out->is_keyframe) {
		out->width = 0;
		out->height = 0;
	}
	return 0;
}
