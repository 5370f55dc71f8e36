/*
 *      |X|R|N|S|R| PID |   S: start of a partition, PID: which
 *  X:  |I|L|T|K|  RSV  |
 *  I:  |M| picture id  |   and 8 more bits if M
 *  L:  |   TL0PICIDX   |
 * T,K: |TID|Y| KEYIDX  |   Y: depends on layer 0 only
 *
 * and at the start of partition 0 the frame itself: bit 0 of its first byte is 0 in a keyframe, which goes
 * on with 9d 01 2a, width and height (14 bits each, little endian, with two bits of scaling above).
 */
#include "media/codec/codec_priv.h"

#include <errno.h>

#define KEYFRAME_HEAD 10

static void read_size(struct bf_payload *out, struct bf_bytes frame)
{
	const uint8_t *at = frame.data;

	if (frame.len < KEYFRAME_HEAD || at[3] != 0x9d || at[4] != 0x01 || at[5] != 0x2a)
		return; /* an encrypted frame, or one cut short: still a keyframe */
	out->width = (uint16_t)((at[7] & 0x3f) << 8 | at[6]);
	out->height = (uint16_t)((at[9] & 0x3f) << 8 | at[8]);
}

int bf_vp8_parse(struct bf_payload *out, struct bf_bytes payload)
{
	struct bf_rd rd = bf_rd(payload);
	uint8_t first = bf_rd_u8(&rd);
	uint8_t flags = first & 0x80 ? bf_rd_u8(&rd) : 0;
	bool is_synced = false;
	struct bf_bytes frame;

	if (flags & 0x80)
		bf_codec_read_picture_id(out, &rd, payload.data);
	if (flags & 0x40)
		bf_codec_read_tl0picidx(out, &rd, payload.data);
	if (flags & 0x30) {
		uint8_t layer = bf_rd_u8(&rd);

		/* Each half of the byte means something only if its own bit announced it. */
		if (flags & 0x20) {
			out->temporal_idx = layer >> 6;
			is_synced = (layer & 0x20) != 0;
		}
	}
	if (rd.is_short)
		return -EBADMSG;
	frame = bf_rd_bytes(&rd, bf_rd_left(&rd));
	out->is_frame_start = (first & 0x17) == 0x10;
	out->is_keyframe = out->is_frame_start && frame.len > 0 && (frame.data[0] & 1) == 0;
	out->is_switch_point = out->is_keyframe || is_synced || out->temporal_idx == 0;
	if (out->is_keyframe)
		read_size(out, frame);
	return 0;
}
