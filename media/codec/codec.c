#include "media/codec/codec.h"

#include "media/codec/codec_priv.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

static const struct {
	const char *name;
	uint32_t clock_hz;
	bool is_video;
} CODECS[BF_CODEC_COUNT] = {
	[BF_CODEC_NONE] = {"none", 0, false},
	[BF_CODEC_OPUS] = {"opus", 48000, false},
	[BF_CODEC_VP8] = {"VP8", 90000, true},
	[BF_CODEC_VP9] = {"VP9", 90000, true},
	[BF_CODEC_H264] = {"H264", 90000, true},
	[BF_CODEC_AV1] = {"AV1", 90000, true},
};

const char *bf_codec_name(enum bf_codec codec)
{
	assert((unsigned)codec < BF_CODEC_COUNT);
	return CODECS[codec].name;
}

enum bf_codec bf_codec_from_name(struct bf_bytes name)
{
	for (unsigned codec = BF_CODEC_NONE + 1; codec < BF_CODEC_COUNT; codec++) {
		const char *known = CODECS[codec].name;

		if (name.len == strlen(known) &&
			strncasecmp((const char *)name.data, known, name.len) == 0)
			return (enum bf_codec)codec;
	}
	return BF_CODEC_NONE;
}

uint32_t bf_codec_clock_hz(enum bf_codec codec)
{
	assert((unsigned)codec < BF_CODEC_COUNT);
	return CODECS[codec].clock_hz;
}

bool bf_codec_is_video(enum bf_codec codec)
{
	assert((unsigned)codec < BF_CODEC_COUNT);
	return CODECS[codec].is_video;
}

static int parse(struct bf_payload *out, enum bf_codec codec, struct bf_bytes payload,
	struct bf_bytes dependency_descriptor)
{
	switch (codec) {
	case BF_CODEC_OPUS:
		/* RFC 7587: one packet, one frame; an empty one (encrypted streams begin so) too. */
		out->is_frame_start = true;
		return 0;
	case BF_CODEC_VP8:
		return payload.len ? bf_vp8_parse(out, payload) : -EBADMSG;
	case BF_CODEC_VP9:
		return payload.len ? bf_vp9_parse(out, payload) : -EBADMSG;
	case BF_CODEC_H264:
		return payload.len ? bf_h264_parse(out, payload) : -EBADMSG;
	case BF_CODEC_AV1:
		return payload.len ? bf_av1_parse(out, payload, dependency_descriptor) : -EBADMSG;
	case BF_CODEC_NONE:
	case BF_CODEC_COUNT:
		break;
	}
	return 0;
}

int bf_codec_parse(struct bf_payload *out, enum bf_codec codec, struct bf_bytes payload,
	struct bf_bytes dependency_descriptor)
{
	int err;

	memset(out, 0, sizeof(*out));
	err = parse(out, codec, payload, dependency_descriptor);
	if (err)
		memset(out, 0, sizeof(*out));
	return err;
}

void bf_codec_rewrite(
	uint8_t *payload, const struct bf_payload *info, uint16_t picture_id, uint8_t tl0picidx)
{
	if (info->has_picture_id && info->picture_id_is_long)
		bf_put_u16(payload + info->picture_id_offset, (uint16_t)(0x8000 | picture_id));
	else if (info->has_picture_id)
		payload[info->picture_id_offset] = picture_id & 0x7f;
	if (info->has_tl0picidx)
		payload[info->tl0picidx_offset] = tl0picidx;
}
