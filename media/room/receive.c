/* A packet of a publisher: which stream it belongs to, what it is, and on to the subscribers. */
#include "media/room/room_priv.h"

static struct bf_ssrc_entry *find_ssrc(struct bf_conn *conn, uint32_t ssrc)
{
	for (unsigned i = 0; i < conn->ssrc_count; i++)
		if (conn->ssrcs[i].ssrc == ssrc)
			return &conn->ssrcs[i];
	return NULL;
}

static struct bf_stream *stream_by_rid(struct bf_track *track, struct bf_bytes rid)
{
	for (unsigned i = 0; i < track->layer_count; i++)
		if (bf_bytes_is(rid, track->streams[i].rid))
			return &track->streams[i];
	return NULL;
}

/* The track that a packet of an SSRC not seen before is for: by mid, by a declared SSRC, or by the only payload type that fits
 * (RFC 9143 section 9.2, in that order). */
static struct bf_track *track_for(struct bf_conn *conn, const struct bf_rtp *rtp)
{
	struct bf_track *by_pt = NULL;
	unsigned pt_matches = 0;

	BF_LIST_EACH(track, &conn->participant->tracks, struct bf_track, node) {
		struct bf_ext_values exts;
		bf_ext_parse(&exts, rtp, &track->exts);
		if (exts.value[BF_EXT_MID].data && bf_bytes_is(exts.value[BF_EXT_MID], track->mid))
			return track;
		for (unsigned i = 0; i < track->declared_count; i++)
			if (track->declared[i].ssrc == rtp->ssrc ||
				(track->declared[i].rtx_ssrc &&
					track->declared[i].rtx_ssrc == rtp->ssrc))
				return track;
		if (rtp->pt == track->format.pt || (track->rtx_pt && rtp->pt == track->rtx_pt)) {
			by_pt = track;
			pt_matches++;
		}
	}
	return pt_matches == 1 ? by_pt : NULL;
}

/* Which layer: by rid, by the repaired rid, else the only one there is. */
static struct bf_stream *stream_for(struct bf_track *track, const struct bf_rtp *rtp)
{
	struct bf_ext_values exts;
	bool is_rtx = track->rtx_pt && rtp->pt == track->rtx_pt;
	struct bf_bytes rid;

	bf_ext_parse(&exts, rtp, &track->exts);
	rid = exts.value[is_rtx ? BF_EXT_RRID : BF_EXT_RID];
	if (rid.data && track->layer_count > 1)
		return stream_by_rid(track, rid);
	if (track->layer_count == 1)
		return &track->streams[0];
	for (unsigned i = 0; i < track->declared_count && i < track->layer_count; i++)
		if (track->declared[i].ssrc == rtp->ssrc ||
			track->declared[i].rtx_ssrc == rtp->ssrc)
			return &track->streams[i];
	return NULL;
}

/* The sender changed its SSRC: numbers start anew, as another source. */
void bf_stream_start_anew(struct bf_stream *stream)
{
	struct bf_rooms *rooms = stream->track->participant->room->rooms;

	bf_forward_flush(stream);
	stream->seq = (struct bf_seq){0};
	stream->passed = 0;
	stream->uid = bf_room_stream_uid(rooms);
	stream->sr_ntp = 0;
	stream->area = 0;
	stream->counted_bytes = 0;
	bf_nack_init(&stream->nack, stream->nack.rtt_us);
	bf_rtp_stats_init(&stream->stats, stream->track->format.clock_hz);
	bf_cache_deinit(&stream->cache);
	bf_cache_init(&stream->cache, rooms->conf.cache_pool);
	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		if (sub->current == (int8_t)stream->layer)
			bf_sub_interrupt(
				sub); /* what refers to frames of the old source decodes to nothing */
}

/* An SSRC that its stream has left for another one. */
static bool is_stale(const struct bf_ssrc_entry *entry)
{
	return entry->ssrc != (entry->is_rtx ? entry->stream->rtx_ssrc : entry->stream->ssrc);
}

/* Its SRTP context is kept for a while: a sender that comes back with the same SSRC (a track stopped and started) goes on in its
 * roll-over counter, which cannot be guessed. */
static void retire(struct bf_conn *conn, uint32_t ssrc)
{
	uint32_t *oldest = &conn->retired[conn->retired_idx++ % BF_CONN_RETIRED];

	if (*oldest && !find_ssrc(conn, *oldest))
		bf_srtp_remove_ssrc(bf_transport_srtp_in(conn->transport), *oldest);
	*oldest = ssrc;
}

void bf_receive_forget(struct bf_conn *conn, const struct bf_track *track)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < conn->ssrc_count; i++) {
		if (conn->ssrcs[i].stream->track == track)
			retire(conn, conn->ssrcs[i].ssrc);
		else
			conn->ssrcs[kept++] = conn->ssrcs[i];
	}
	conn->ssrc_count = kept;
}

/* A place in the table: a new one, or that of a stale SSRC. */
static struct bf_ssrc_entry *free_entry(struct bf_conn *conn)
{
	if (conn->ssrc_count < BF_CONN_SSRCS)
		return &conn->ssrcs[conn->ssrc_count++];
	for (unsigned i = 0; i < conn->ssrc_count; i++) {
		if (!is_stale(&conn->ssrcs[i]))
			continue;
		retire(conn, conn->ssrcs[i].ssrc);
		return &conn->ssrcs[i];
	}
	return NULL;
}

/* The packet is authentic: its SSRC may become known now, up to the limit. */
static enum bf_drop bind_ssrc(
	struct bf_conn *conn, const struct bf_rtp *rtp, struct bf_ssrc_entry **out)
{
	struct bf_track *track = track_for(conn, rtp);
	struct bf_stream *stream = track ? stream_for(track, rtp) : NULL;
	struct bf_ssrc_entry *entry;
	bool is_rtx;

	if (!stream)
		return BF_DROP_SSRC_UNKNOWN;
	entry = free_entry(conn);
	if (!entry)
		return BF_DROP_SSRC_LIMIT;
	is_rtx = track->rtx_pt && rtp->pt == track->rtx_pt;
	*entry = (struct bf_ssrc_entry){.ssrc = rtp->ssrc, .is_rtx = is_rtx, .stream = stream};
	if (is_rtx) {
		stream->rtx_ssrc = rtp->ssrc;
	} else {
		if (stream->ssrc)
			bf_stream_start_anew(stream);
		stream->ssrc = rtp->ssrc;
	}
	*out = entry;
	return BF_DROP_NONE;
}

static void on_level(struct bf_track *track, const struct bf_ext_values *exts, int64_t now_us)
{
	struct bf_room *room = track->participant->room;
	uint8_t level;
	bool is_voice;

	if (track->source != BF_SOURCE_MICROPHONE || track->is_muted ||
		!bf_ext_audio_level(exts, &level, &is_voice))
		return;
	bf_leader_on_level(room, track->participant->id, level, now_us);
}

/* Numbers, statistics and losses; false for a packet seen before. */
static bool register_packet(struct bf_stream *stream, const struct bf_rtp *rtp, uint64_t ext_seq,
	size_t len, int64_t now_us)
{
	struct bf_conn *conn = stream->track->participant->conns[BF_PC_PUBLISH];
	bool is_first =
		stream->last_packet_us == 0 || now_us - stream->last_packet_us >= BF_LAYER_ALIVE_US;

	if (bf_cache_has(&stream->cache, ext_seq)) {
		bf_conn_rooms(conn)->counters.rx_duplicates++;
		return false;
	}
	bf_seq_commit(&stream->seq, ext_seq);
	bf_rtp_stats_on_packet(&stream->stats, ext_seq, rtp->timestamp, len, now_us);
	if (stream->track->is_video && stream->track->format.has_nack) {
		bf_nack_on_packet(&stream->nack, ext_seq, now_us);
		bf_conn_wake(conn, bf_nack_deadline_us(&stream->nack));
	}
	stream->last_packet_us = now_us;
	if (is_first)
		bf_layer_update_track(stream->track);
	return true;
}

static void on_keyframe(struct bf_stream *stream, const struct bf_payload *info, int64_t now_us)
{
	uint64_t area = (uint64_t)info->width * info->height;

	bf_keyframe_on_keyframe(&stream->keyframe, now_us);
	if (area && area != stream->area) {
		stream->area = area;
		bf_layer_rank(stream->track);
	}
}

static enum bf_drop on_media(struct bf_stream *stream, const struct bf_rtp *rtp, int64_t now_us)
{
	struct bf_track *track = stream->track;
	struct bf_rooms *rooms = track->participant->room->rooms;
	struct bf_media_packet packet = {
		.timestamp = rtp->timestamp,
		.marker = rtp->marker,
		.payload = rtp->payload,
		.at_us = now_us,
	};

	if (rtp->pt != track->format.pt)
		return BF_DROP_PT_UNKNOWN;
	packet.ext_seq = bf_seq_guess(&stream->seq, rtp->seq);
	if (!register_packet(
		    stream, rtp, packet.ext_seq, rtp->header_len + rtp->payload.len, now_us))
		return BF_DROP_NONE;
	if (rtp->payload.len ==
		0) { /* padding to probe bandwidth: no place in the outgoing streams */
		rooms->counters.rx_padding++;
		bf_feed_skip(stream, packet.ext_seq);
		bf_forward_skip(stream, packet.ext_seq);
		return BF_DROP_NONE;
	}
	bf_ext_parse(&packet.exts, rtp, &track->exts);
	if (!track->is_video)
		on_level(track, &packet.exts, now_us);
	if (bf_codec_parse(&packet.info, track->format.codec, rtp->payload,
		    packet.exts.value[BF_EXT_DEPENDENCY_DESCRIPTOR]))
		return BF_DROP_RTP_MALFORMED;
	if (packet.info.is_keyframe)
		on_keyframe(stream, &packet.info, now_us);
	bf_feed_packet(stream, &packet);
	bf_forward_packet(stream, &packet);
	return BF_DROP_NONE;
}

/* RFC 4588 section 4: the first two bytes of the payload are the sequence number of the packet that is repeated. */
static enum bf_drop on_rtx(struct bf_stream *stream, const struct bf_rtp *rtp, int64_t now_us)
{
	struct bf_rtp original = *rtp;

	if (rtp->payload.len < 2) {
		stream->track->participant->room->rooms->counters.rx_padding++;
		return BF_DROP_NONE;
	}
	if (!stream->ssrc)
		return BF_DROP_SSRC_UNKNOWN; /* nothing to repair yet */
	original.seq = bf_get_u16(rtp->payload.data);
	original.pt = stream->track->format.pt;
	original.ssrc = stream->ssrc;
	original.payload = bf_bytes(rtp->payload.data + 2, rtp->payload.len - 2);
	stream->track->participant->room->rooms->counters.rx_repaired++;
	return on_media(stream, &original, now_us);
}

static void on_twcc(struct bf_conn *conn, const struct bf_stream *stream, const struct bf_rtp *rtp,
	int64_t now_us)
{
	struct bf_ext_values exts;
	uint16_t seq;

	if (!conn->has_twcc)
		return;
	bf_ext_parse(&exts, rtp, &stream->track->exts);
	if (!bf_ext_twcc_seq(&exts, &seq))
		return;
	bf_twcc_on_packet(conn->twcc, seq, rtp->ssrc, now_us);
	bf_conn_wake(conn, bf_twcc_deadline_us(conn->twcc));
}

/* A packet of an SSRC that was left: a straggler, whose numbers mean nothing any more, unless the newer SSRC has gone silent. */
static enum bf_drop return_to(struct bf_ssrc_entry *entry, int64_t now_us)
{
	struct bf_stream *stream = entry->stream;

	if (now_us - stream->last_packet_us < BF_LAYER_ALIVE_US)
		return BF_DROP_LATE;
	if (entry->is_rtx) {
		stream->rtx_ssrc = entry->ssrc;
	} else {
		bf_stream_start_anew(stream);
		stream->ssrc = entry->ssrc;
	}
	return BF_DROP_NONE;
}

enum bf_drop bf_conn_on_rtp(struct bf_conn *conn, struct bf_bytes data, int64_t now_us)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	struct bf_ssrc_entry *entry;
	struct bf_rtp rtp;
	enum bf_drop drop;

	rooms->counters.rx_rtp++;
	rooms->counters.rx_bytes += data.len;
	if (conn->pc != BF_PC_PUBLISH)
		return BF_DROP_SSRC_UNKNOWN; /* nothing is received there */
	if (bf_rtp_parse(&rtp, data))
		return BF_DROP_RTP_MALFORMED;
	entry = find_ssrc(conn, rtp.ssrc);
	if (!entry) {
		drop = bind_ssrc(conn, &rtp, &entry);
		if (drop)
			return drop;
	} else if (is_stale(entry)) {
		drop = return_to(entry, now_us);
		if (drop)
			return drop;
	}
	on_twcc(conn, entry->stream, &rtp, now_us);
	if (entry->is_rtx)
		return on_rtx(entry->stream, &rtp, now_us);
	return on_media(entry->stream, &rtp, now_us);
}

enum bf_drop bf_conn_on_rtcp(struct bf_conn *conn, struct bf_bytes packet, int64_t now_us)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);

	rooms->counters.rx_rtcp++;
	rooms->counters.rx_bytes += packet.len;
	return bf_feedback_on_rtcp(conn, packet, now_us);
}
