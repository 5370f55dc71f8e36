/* What a subscriber asks for again, out of the cache of the stream it came from. */
#include "media/room/room_priv.h"

static const struct bf_stream *stream_of_source(const struct bf_sub *sub, uint32_t source)
{
	if (!sub->track)
		return NULL;
	for (unsigned i = 0; i < sub->track->layer_count; i++)
		if (sub->track->streams[i].uid == source >> 8)
			return &sub->track->streams[i];
	return NULL;
}

/* Whether it may go now: not within BF_RESEND_GUARD_US of the last time. Of two packets that share a place the older is forgotten. */
static bool pass_guard(struct bf_sub *sub, uint16_t seq, int64_t now_us)
{
	struct bf_resend_guard *guard = &sub->resent[seq % BF_RESEND_GUARD_COUNT];
	uint32_t now_ms = (uint32_t)(now_us / 1000);

	if (guard->is_set && guard->seq == seq && now_ms - guard->at_ms < BF_RESEND_GUARD_US / 1000)
		return false;
	*guard = (struct bf_resend_guard){.seq = seq, .is_set = true, .at_ms = now_ms};
	return true;
}

/* With RTX under its own SSRC, payload type and numbers (RFC 4588 section 4). Without, the very same packet goes out again: the same
 * header, so that SRTP makes the same bytes of it. */
static struct bf_emit plan(struct bf_sub *sub, const struct bf_media_packet *packet,
	const struct bf_rewrite_sent *sent, bool is_again)
{
	struct bf_emit emit = {
		.timestamp = packet->timestamp + sent->timestamp_offset,
		.picture_id = sent->picture_id,
		.tl0picidx = sent->tl0picidx,
	};

	if (is_again && sub->rtx_pt) {
		emit.pt = sub->rtx_pt;
		emit.seq = sub->rtx_seq++;
		emit.ssrc = sub->rtx_ssrc;
		emit.is_rtx = true;
		emit.rtx_of = (uint16_t)sent->out_ext_seq;
	} else {
		emit.pt = sub->pt;
		emit.seq = (uint16_t)sent->out_ext_seq;
		emit.ssrc = sub->ssrc;
	}
	return emit;
}

/* NULL, and counted, if it is not held any more. */
static const struct bf_media_packet *find_packet(
	struct bf_sub *sub, uint16_t seq, int64_t now_us, struct bf_rewrite_sent *sent)
{
	const struct bf_media_packet *packet = NULL;
	const struct bf_stream *stream;

	if (bf_rewrite_find(&sub->rewrite, seq, sent)) {
		stream = stream_of_source(sub, sent->source);
		packet = stream ? bf_cache_get(&stream->cache, sent->in_ext_seq, now_us) : NULL;
	}
	if (!packet)
		bf_conn_rooms(sub->conn)->counters.nack_unknown++;
	return packet;
}

void bf_resend_packet(struct bf_sub *sub, const struct bf_outbox_aim *aim, uint16_t seq,
	bool is_again, int64_t now_us)
{
	struct bf_rewrite_sent sent;
	const struct bf_media_packet *packet = find_packet(sub, seq, now_us, &sent);
	struct bf_template template;
	struct bf_emit emit;

	if (!packet)
		return;
	bf_template_make(&template, packet, &sub->exts);
	emit = plan(sub, packet, &sent, is_again);
	bf_emit(bf_conn_rooms(sub->conn)->conf.outbox, aim, &template, &emit);
}

static void answer(
	struct bf_sub *sub, const struct bf_outbox_aim *aim, uint16_t seq, int64_t now_us)
{
	struct bf_rewrite_sent sent;
	const struct bf_media_packet *packet = find_packet(sub, seq, now_us, &sent);
	struct bf_template template;
	struct bf_emit emit;

	if (!packet || !pass_guard(sub, seq, now_us))
		return;
	if (sub->conn->participant->room->is_limited &&
		!bf_org_allows(sub->track, 1, packet->payload.len, now_us))
		return;
	bf_template_make(&template, packet, &sub->exts);
	bf_conn_rooms(sub->conn)->counters.tx_resent++;
	if (!bf_pace_admit(sub, &template, true, seq, now_us))
		return;
	emit = plan(sub, packet, &sent, true);
	bf_emit(bf_conn_rooms(sub->conn)->conf.outbox, aim, &template, &emit);
}

void bf_resend_on_nack(struct bf_sub *sub, const uint16_t *seqs, size_t count, int64_t now_us)
{
	struct bf_outbox *outbox = bf_conn_rooms(sub->conn)->conf.outbox;
	const struct bf_outbox_aim aim = {.out = sub->out};

	if (!aim.out->is_open)
		return;
	for (size_t i = 0; i < count; i++)
		answer(sub, &aim, seqs[i], now_us);
	bf_outbox_finish(outbox); /* the cache may let go of the packets later in this turn */
}
