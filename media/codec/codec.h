/* media/codec/codec.h - what a forwarder must know of a payload: keyframes, layers, picture ids.
 *
 * Owner:   views borrow the payload.   Thread: any.   Never allocates.
 * Source:  RFC 7741 (VP8), RFC 9628 (VP9), RFC 6184 (H.264), the AV1 RTP payload specification, RFC 7587 (Opus).
 */
#ifndef BF_MEDIA_CODEC_CODEC_H
#define BF_MEDIA_CODEC_CODEC_H

#include "core/base/bytes.h"

enum bf_codec {
	BF_CODEC_NONE,
	BF_CODEC_OPUS,
	BF_CODEC_VP8,
	BF_CODEC_VP9,
	BF_CODEC_H264,
	BF_CODEC_AV1,
	BF_CODEC_COUNT,
};

/* "opus", "VP8" ... as rtpmap writes it, and back without regard to case. */
const char *bf_codec_name(enum bf_codec codec);
enum bf_codec bf_codec_from_name(struct bf_bytes name);
uint32_t bf_codec_clock_hz(enum bf_codec codec);
bool bf_codec_is_video(enum bf_codec codec);

struct bf_payload {
	/* First packet of a frame. Of one frame several packets may say so for H.264, and for AV1 without a
	 * dependency descriptor: a new timestamp tells for sure. */
	bool is_frame_start;
	bool is_keyframe;     /* belongs to the start of a frame that decodes alone */
	bool is_switch_point; /* a receiver may move up to this temporal layer here */
	/* Layers. AV1: 0 in a packet that only goes on with an OBU; decide by frame, not by packet. */
	uint8_t temporal_idx;
	uint8_t spatial_idx; /* VP9, AV1 */
	bool has_picture_id;
	bool has_tl0picidx;
	bool picture_id_is_long; /* 15 bits, else 7 */
	uint16_t picture_id;
	uint8_t tl0picidx;
	uint8_t picture_id_offset; /* where in the payload it stands */
	uint8_t tl0picidx_offset;
	/* Of a keyframe whose header says so (VP8, VP9; H.264's SPS and AV1's OBUs are not read): else 0. */
	uint16_t width;
	uint16_t height;
};

/* Look at one RTP payload. -EBADMSG when the descriptor runs over the end; `out` is then all zero.
 * For AV1, `dependency_descriptor` may tell more than the payload (may be empty). */
int bf_codec_parse(struct bf_payload *out, enum bf_codec codec, struct bf_bytes payload,
	struct bf_bytes dependency_descriptor);

/* Put other numbers into a copy of the payload's descriptor (VP8, VP9: same width as they had). `payload` is
 * writable and is what `info` was parsed from, byte for byte. */
void bf_codec_rewrite(
	uint8_t *payload, const struct bf_payload *info, uint16_t picture_id, uint8_t tl0picidx);

#endif
