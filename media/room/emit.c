/* A packet as it leaves: a header made once for many, with one subscriber's numbers put in. */
#include "media/room/room_priv.h"

#include <assert.h>

#define EXT_MAX 200

/* Bytes at the front of the payload that differ from subscriber to subscriber: up to the last rewritten field. */
static size_t rewritten_len(const struct bf_media_packet *packet)
{
	const struct bf_payload *info = &packet->info;
	size_t len = 0;

	if (info->has_picture_id)
		len = info->picture_id_offset + (info->picture_id_is_long ? 2u : 1u);
	if (info->has_tl0picidx && info->tl0picidx_offset + 1u > len)
		len = info->tl0picidx_offset + 1u;
	return len < packet->payload.len ? len : packet->payload.len;
}

/* The extensions a subscriber gets: what the publisher wrote, under the subscriber's ids. */
void bf_template_make(struct bf_template *out, const struct bf_media_packet *packet,
	const struct bf_ext_map *exts)
{
	static const enum bf_ext passed[] = {BF_EXT_AUDIO_LEVEL, BF_EXT_ORIENTATION,
		BF_EXT_PLAYOUT_DELAY, BF_EXT_DEPENDENCY_DESCRIPTOR};
	uint8_t ext[EXT_MAX];
	struct bf_wr ext_wr = bf_wr(ext, sizeof(ext));
	struct bf_wr wr = bf_wr(out->bytes, sizeof(out->bytes));
	struct bf_ext_values values = {0};
	struct bf_rtp header = {.marker = packet->marker};

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		values.value[passed[i]] = packet->exts.value[passed[i]];
	header.ext_profile = bf_ext_write(&ext_wr, &values, exts);
	header.has_ext =
		header.ext_profile != 0 && !ext_wr.is_full; /* too long: better none than half */
	bf_rtp_write_header(&wr, &header, bf_bytes(ext, header.has_ext ? bf_wr_len(&ext_wr) : 0));
	assert(!wr.is_full);
	out->packet = packet;
	out->header_len = (uint16_t)bf_wr_len(&wr);
	out->front_len = (uint16_t)rewritten_len(packet);
}

void bf_emit(struct bf_outbox *outbox, const struct bf_outbox_aim *aim,
	const struct bf_template *template, const struct bf_emit *emit)
{
	const struct bf_media_packet *packet = template->packet;
	size_t header_len = template->header_len, rewritten = template->front_len;
	size_t front_len = rewritten + (emit->is_rtx ? 2 : 0);
	struct bf_bytes rest =
		bf_bytes(packet->payload.data + rewritten, packet->payload.len - rewritten);
	uint8_t *dst = bf_outbox_reserve(outbox, aim, header_len, front_len, rest.len);
	uint8_t *front = dst + header_len;

	if (!dst)
		return;
	memcpy(dst, template->bytes, header_len);
	dst[1] |= emit->pt;
	bf_put_u16(dst + 2, emit->seq);
	bf_put_u32(dst + 4, emit->timestamp);
	bf_put_u32(dst + 8, emit->ssrc);
	if (emit->is_rtx) {
		bf_put_u16(front, emit->rtx_of);
		front += 2;
	}
	if (rewritten > 0) {
		memcpy(front, packet->payload.data, rewritten);
		bf_codec_rewrite(front, &packet->info, emit->picture_id, emit->tl0picidx);
	}
	bf_outbox_commit(outbox, aim, dst, header_len, front_len, rest);
}
