/* media/codec/codec_priv.h - the parsers behind bf_codec_parse, one a codec.
 *
 * Each gets a zeroed `out` and at least one byte of payload; -EBADMSG may leave `out` half filled, codec.c
 * clears it.
 * Owner:   views borrow the payload.   Thread: any.   Never allocates.
 */
#ifndef BF_MEDIA_CODEC_CODEC_PRIV_H
#define BF_MEDIA_CODEC_CODEC_PRIV_H

#include "media/codec/codec.h"

int bf_vp8_parse(struct bf_payload *out, struct bf_bytes payload);
int bf_vp9_parse(struct bf_payload *out, struct bf_bytes payload);
int bf_h264_parse(struct bf_payload *out, struct bf_bytes payload);
int bf_av1_parse(
	struct bf_payload *out, struct bf_bytes payload, struct bf_bytes dependency_descriptor);

/* |M| picture id (7) | 8 more bits if M |, which VP8 and VP9 share. */
static inline void bf_codec_read_picture_id(
	struct bf_payload *out, struct bf_rd *rd, const uint8_t *payload)
{
	uint8_t first;

	out->has_picture_id = true;
	out->picture_id_offset = (uint8_t)(rd->at - payload);
	first = bf_rd_u8(rd);
	out->picture_id_is_long = (first & 0x80) != 0;
	out->picture_id = first & 0x7f;
	if (out->picture_id_is_long)
		out->picture_id = (uint16_t)(out->picture_id << 8 | bf_rd_u8(rd));
}

static inline void bf_codec_read_tl0picidx(
	struct bf_payload *out, struct bf_rd *rd, const uint8_t *payload)
{
	out->has_tl0picidx = true;
	out->tl0picidx_offset = (uint8_t)(rd->at - payload);
	out->tl0picidx = bf_rd_u8(rd);
}

#endif
