/*
 * Aggregation header: |Z|Y| W |N|-|-|-|   Z: begins with the rest of an OBU, Y: ends in the middle of one,
 *                                         W: number of elements (0: all have a length), N: a coded video
 *                                         sequence begins
 * Element:            | length, leb128 |  (not before the last of W elements)  | OBU |
 * OBU:                |F| type  |X|S|-|   X: |TID| SID |-|-|-|  follows
 * Dependency descriptor, its fixed part: |S|E| template  |  frame number (16)  |
 *                                         S, E: first, last packet of the frame
 *                     its optional part:  |T|...          T: a template structure follows (keyframes)
 */
#include "media/codec/codec_priv.h"

#include <errno.h>

#define LEB128_LEN_MAX 4 /* 28 bits: more than any packet holds */
#define DD_FIXED       3

static size_t read_leb128(struct bf_rd *rd)
{
	size_t value = 0;

	for (unsigned i = 0; i < LEB128_LEN_MAX; i++) {
		uint8_t byte = bf_rd_u8(rd);

		value |= (size_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return value;
	}
	rd->is_short = true;
	return 0;
}

/* The layer of the first OBU that names one. The rest of an OBU from the packet before has no header. */
static void note_layer(struct bf_payload *out, struct bf_bytes obu, bool *is_found)
{
	if (*is_found || obu.len < 2 || (obu.data[0] & 0x04) == 0)
		return;
	out->temporal_idx = obu.data[1] >> 5;
	out->spatial_idx = obu.data[1] >> 3 & 3;
	*is_found = true;
}

static int walk_elements(struct bf_payload *out, struct bf_rd *rd, uint8_t head)
{
	unsigned element_count = head >> 4 & 3;
	bool is_found = false;

	for (unsigned i = 1; bf_rd_left(rd) > 0; i++) {
		bool is_last = i == element_count;
		size_t len = is_last ? bf_rd_left(rd) : read_leb128(rd);
		struct bf_bytes obu = bf_rd_bytes(rd, len);

		if (rd->is_short)
			return -EBADMSG;
		if (i > 1 || (head & 0x80) == 0)
			note_layer(out, obu, &is_found);
	}
	return 0;
}

int bf_av1_parse(
	struct bf_payload *out, struct bf_bytes payload, struct bf_bytes dependency_descriptor)
{
	struct bf_rd rd = bf_rd(payload);
	uint8_t head = bf_rd_u8(&rd);
	bool is_continued = (head & 0x80) != 0;
	bool is_sequence_start = (head & 0x08) != 0;

	/* The specification forbids both at once: a new sequence cannot begin inside an OBU. */
	if (is_continued && is_sequence_start)
		return -EBADMSG;
	if (walk_elements(out, &rd, head) < 0)
		return -EBADMSG;
	out->is_frame_start = !is_continued;
	out->is_keyframe = is_sequence_start;
	if (dependency_descriptor.len >= DD_FIXED) {
		const uint8_t *dd = dependency_descriptor.data;
		bool has_structure =
			dependency_descriptor.len > DD_FIXED && (dd[DD_FIXED] & 0x80) != 0;

		out->is_frame_start = (dd[0] & 0x80) != 0;
		out->is_keyframe |= out->is_frame_start && has_structure;
	}
	out->is_switch_point = out->is_keyframe || out->temporal_idx == 0;
	return 0;
}
