/* One packet out to many: for each subscription a decision, new numbers and a header; the payload is only pointed at. */
#include "media/room/room_priv.h"

#include <assert.h>

/* The extensions a subscriber gets: what the publisher wrote, under the subscriber's ids. */
static void write_header(struct bf_plan *plan, const struct bf_sub *sub,
	const struct bf_media_packet *packet, const struct bf_rtp *rtp)
{
	uint8_t ext[200];
	struct bf_wr ext_wr = bf_wr(ext, sizeof(ext));
	struct bf_wr wr = bf_wr(plan->header, sizeof(plan->header));
	struct bf_ext_values values = {0};
	struct bf_rtp header = *rtp;

	static const enum bf_ext passed[] = {BF_EXT_AUDIO_LEVEL, BF_EXT_ORIENTATION,
		BF_EXT_PLAYOUT_DELAY, BF_EXT_DEPENDENCY_DESCRIPTOR};
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		values.value[passed[i]] = packet->exts.value[passed[i]];
	header.ext_profile = bf_ext_write(&ext_wr, &values, &sub->exts);
	header.has_ext =
		header.ext_profile != 0 && !ext_wr.is_full; /* too long: better none than half */
	bf_rtp_write_header(&wr, &header, bf_bytes(ext, header.has_ext ? bf_wr_len(&ext_wr) : 0));
	assert(!wr.is_full);
	plan->header_len = bf_wr_len(&wr);
	plan->front_len = 0;
}

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

/* Append the payload: its rewritten front goes behind the header, the rest stays where it is. */
static void add_payload(struct bf_plan *plan, const struct bf_media_packet *packet,
	uint16_t picture_id, uint8_t tl0picidx)
{
	size_t front_len = rewritten_len(packet);
	size_t used = plan->header_len + plan->front_len;
	uint8_t *front = plan->header + used;

	if (front_len > sizeof(plan->header) - used)
		front_len = 0;
	if (front_len > 0) {
		memcpy(front, packet->payload.data, front_len);
		bf_codec_rewrite(front, &packet->info, picture_id, tl0picidx);
	}
	plan->front_len += front_len;
	plan->payload = bf_bytes(packet->payload.data + front_len, packet->payload.len - front_len);
}

static struct bf_outbox *outbox_of(const struct bf_sub *sub)
{
	return bf_conn_rooms(sub->conn)->conf.outbox;
}

static uint32_t source_of(const struct bf_sub *sub, const struct bf_stream *stream)
{
	return stream->uid << 8 | sub->epoch;
}

static void send_packet(
	struct bf_sub *sub, const struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct bf_rewrite_in in = {
		.source = source_of(sub, stream),
		.ext_seq = packet->ext_seq,
		.timestamp = packet->timestamp,
		.info = &packet->info,
		.now_us = packet->at_us,
	};
	struct bf_rewrite_out out;
	struct bf_plan *plan;

	if (!bf_rewrite_packet(&sub->rewrite, &in, &out))
		return;
	plan = bf_outbox_add(outbox_of(sub));
	plan->transport = sub->conn->transport;
	write_header(plan, sub, packet,
		&(struct bf_rtp){.pt = sub->pt,
			.marker = packet->marker,
			.seq = out.seq,
			.timestamp = out.timestamp,
			.ssrc = sub->ssrc});
	add_payload(plan, packet, out.picture_id, out.tl0picidx);
	sub->packet_count++;
	sub->byte_count += (uint32_t)packet->payload.len;
}

static void post_layer(const struct bf_sub *sub)
{
	struct bf_rooms *rooms = bf_conn_rooms(sub->conn);
	struct bf_media_layer *msg = bf_msg_new(BF_MEDIA_LAYER, sizeof(*msg));

	if (!msg)
		return;
	msg->room_id = sub->conn->participant->room->id;
	msg->participant_id = sub->conn->participant->id;
	msg->track_id = sub->track->id;
	msg->layer = bf_layer_of(sub->track, sub->current);
	rooms->conf.post(rooms->conf.arg, &msg->msg);
}

/* Whether this packet's stream feeds the subscription, from this packet on perhaps: a change of layer waits for the first
 * packet of a keyframe, so that the decoder never sees a broken reference. */
static bool takes(
	struct bf_sub *sub, const struct bf_stream *stream, const struct bf_media_packet *packet)
{
	if (!sub->is_active || sub->is_paused || !sub->conn->is_connected)
		return false;
	if (!sub->is_video || sub->current == (int8_t)stream->layer)
		return true;
	if (sub->target != (int8_t)stream->layer || !packet->info.is_keyframe ||
		!packet->info.is_frame_start)
		return false;
	sub->current = sub->target;
	if (stream->track->layer_count > 1)
		post_layer(sub);
	return true;
}

/* The packet that let a subscription in was late: what came before it in time, but after it in order, is in the cache. */
static void follow_up(
	struct bf_sub *sub, const struct bf_stream *stream, const struct bf_media_packet *first)
{
	uint64_t at = first->ext_seq + 1;

	if (at + BF_CACHE_SLOTS <= stream->seq.highest)
		at = stream->seq.highest - BF_CACHE_SLOTS + 1; /* what is older is not held */
	for (; at <= stream->seq.highest; at++) {
		const struct bf_media_packet *packet =
			bf_cache_get(&stream->cache, at, first->at_us);
		if (packet)
			send_packet(sub, stream, packet);
	}
	bf_outbox_flush(outbox_of(sub)); /* the plans look into the cache */
}

static void forward_to(
	struct bf_sub *sub, const struct bf_stream *stream, const struct bf_media_packet *packet)
{
	int8_t before = sub->current;

	if (!takes(sub, stream, packet))
		return;
	send_packet(sub, stream, packet);
	if (sub->current != before && packet->ext_seq < stream->seq.highest)
		follow_up(sub, stream, packet);
}

void bf_forward(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct bf_track *track = stream->track;

	if (track->is_muted) {
		bf_forward_skip(stream, packet->ext_seq);
		return;
	}
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		forward_to(sub, stream, packet);
}

void bf_forward_skip(struct bf_stream *stream, uint64_t ext_seq)
{
	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		bf_rewrite_skip(&sub->rewrite, source_of(sub, stream), ext_seq);
}

/* ---- sending again ---- */

static const struct bf_stream *stream_of_source(const struct bf_sub *sub, uint32_t source)
{
	if (!sub->track)
		return NULL;
	for (unsigned i = 0; i < sub->track->layer_count; i++)
		if (sub->track->streams[i].uid == source >> 8)
			return &sub->track->streams[i];
	return NULL;
}

/* RFC 4588 section 4: its own SSRC, payload type and numbers; the original sequence number goes before the payload. */
static void plan_rtx(struct bf_sub *sub, struct bf_plan *plan, const struct bf_media_packet *packet,
	const struct bf_rewrite_sent *sent)
{
	write_header(plan, sub, packet,
		&(struct bf_rtp){.pt = sub->rtx_pt,
			.marker = packet->marker,
			.seq = sub->rtx_seq++,
			.timestamp = sent->timestamp,
			.ssrc = sub->rtx_ssrc});
	bf_put_u16(plan->header + plan->header_len, (uint16_t)sent->out_ext_seq);
	plan->front_len = 2;
}

/* Without RTX the very same packet goes out again: the same header, so that SRTP makes the same bytes of it. */
static void plan_same(struct bf_sub *sub, struct bf_plan *plan,
	const struct bf_media_packet *packet, const struct bf_rewrite_sent *sent)
{
	write_header(plan, sub, packet,
		&(struct bf_rtp){.pt = sub->pt,
			.marker = packet->marker,
			.seq = (uint16_t)sent->out_ext_seq,
			.timestamp = sent->timestamp,
			.ssrc = sub->ssrc});
}

static void resend(struct bf_sub *sub, uint16_t seq, int64_t now_us)
{
	struct bf_rooms *rooms = bf_conn_rooms(sub->conn);
	const struct bf_rewrite_sent *sent = bf_rewrite_find(&sub->rewrite, seq);
	const struct bf_stream *stream = sent ? stream_of_source(sub, sent->source) : NULL;
	const struct bf_media_packet *packet =
		stream ? bf_cache_get(&stream->cache, sent->in_ext_seq, now_us) : NULL;
	uint32_t *resent_ms = &sub->resent_ms[seq & (BF_REWRITE_WINDOW - 1)];
	uint32_t now_ms = (uint32_t)(now_us / 1000);
	struct bf_plan *plan;

	if (!packet) {
		rooms->counters.nack_unknown++;
		return;
	}
	if (*resent_ms && now_ms - *resent_ms < BF_RESEND_GUARD_US / 1000)
		return;
	*resent_ms = now_ms | 1;
	plan = bf_outbox_add(outbox_of(sub));
	plan->transport = sub->conn->transport;
	if (sub->rtx_pt)
		plan_rtx(sub, plan, packet, sent);
	else
		plan_same(sub, plan, packet, sent);
	add_payload(plan, packet, sent->picture_id, sent->tl0picidx);
	rooms->counters.tx_resent++;
}

void bf_forward_on_nack(struct bf_sub *sub, const uint16_t *seqs, size_t count, int64_t now_us)
{
	for (size_t i = 0; i < count; i++)
		resend(sub, seqs[i], now_us);
}
