/* A participant publishes: its offer becomes tracks, our answer takes one codec of each. */
#include "media/room/peer_priv.h"

#include "core/base/id.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define VIDEO_CODECS \
	(1u << BF_CODEC_VP8 | 1u << BF_CODEC_VP9 | 1u << BF_CODEC_H264 | 1u << BF_CODEC_AV1)
#define AUDIO_CODECS (1u << BF_CODEC_OPUS)

struct bf_track *bf_track_find(struct bf_room *room, uint64_t track_id)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			if (track->id == track_id)
				return track;
	return NULL;
}

struct bf_track *bf_track_by_mid(struct bf_participant *participant, const char *mid)
{
	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
		if (strcmp(track->mid, mid) == 0)
			return track;
	return NULL;
}

void bf_track_drop(struct bf_track *track)
{
	bf_outbox_finish(
		track->participant->room->rooms->conf.outbox); /* jobs may look into our caches */
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node) {
		bf_sub_detach(sub);
		if (!sub->conn->participant->is_player)
			bf_sub_free(sub);
	}
	bf_list_remove(&track->node);
	for (unsigned i = 0; i < BF_TRACK_LAYERS; i++) {
		bf_forward_forget(&track->streams[i]);
		bf_cache_deinit(&track->streams[i].cache);
	}
}

void bf_track_end(struct bf_track *track)
{
	struct bf_room *room = track->participant->room;
	struct bf_conn *conn = track->participant->conns[BF_PC_PUBLISH];

	bf_track_drop(track);
	bf_room_post_track(track, BF_TRACK_UNPUBLISHED);
	bf_feed_announce_end(track);
	bf_feed_end(track);
	if (conn)
		bf_receive_forget(conn, track);
	room->rooms->counters.tracks--;
	free(track);
	bf_play_update(room);
}

static void copy_view(char *out, size_t size, struct bf_bytes text)
{
	size_t len = text.len < size - 1 ? text.len : size - 1;

	if (len > 0)
		memcpy(out, text.data, len);
	out[len] = '\0';
}

static unsigned count_layers(const struct bf_sdp_media *media)
{
	unsigned count = media->rid_count && media->is_simulcast_send ? media->rid_count : 1;

	return count < BF_TRACK_LAYERS ? count : BF_TRACK_LAYERS;
}

/* What does not fit is cut off behind a whole parameter. */
static void copy_fmtp(char out[static BF_TRACK_FMTP], struct bf_bytes fmtp)
{
	copy_view(out, BF_TRACK_FMTP, fmtp);
	if (fmtp.len >= BF_TRACK_FMTP) {
		char *last = strrchr(out, ';');
		*(last ? last : out) = '\0';
	}
}

void bf_track_init_streams(struct bf_track *track, unsigned layer_count)
{
	struct bf_rooms *rooms = track->participant->room->rooms;

	track->layer_count = layer_count;
	for (unsigned i = 0; i < BF_TRACK_LAYERS; i++) {
		struct bf_stream *stream = &track->streams[i];
		stream->track = track;
		stream->uid = bf_room_stream_uid(rooms);
		stream->layer = (uint8_t)i;
		track->ranks[i] = (uint8_t)i;
		bf_nack_init(&stream->nack, BF_NACK_RTT_US);
		bf_rtp_stats_init(&stream->stats, track->format.clock_hz);
		bf_cache_init(&stream->cache, rooms->conf.cache_pool);
		bf_forward_stream_init(stream);
		bf_keyframe_init(&stream->keyframe);
	}
}

static void name_layers(struct bf_track *track, const struct bf_sdp_media *media)
{
	for (unsigned i = 0; i < BF_TRACK_LAYERS && i < media->rid_count; i++)
		copy_view(track->streams[i].rid, sizeof(track->streams[i].rid), media->rids[i]);
}

static enum bf_source source_of(
	const struct bf_media_offer *offer, const struct bf_sdp_media *media)
{
	for (uint32_t i = 0; i < offer->source_count; i++)
		if (bf_bytes_is(media->mid, offer->sources[i].mid) && offer->sources[i].source)
			return offer->sources[i].source;
	return media->kind == BF_SDP_VIDEO ? BF_SOURCE_CAMERA : BF_SOURCE_MICROPHONE;
}

/* What must be kept equal for a track to go on as the same one. */
static void set_negotiated(struct bf_track *track, const struct bf_sdp_media *media,
	const struct bf_sdp_format *format)
{
	const struct bf_sdp_format *rtx = bf_sdp_rtx_of(media, format->pt);

	track->format = *format;
	copy_fmtp(track->fmtp_text, format->fmtp);
	track->format.fmtp = bf_bytes_str(track->fmtp_text);
	track->rtx_pt = rtx ? rtx->pt : 0;
	track->exts = media->exts;
	track->declared_count = media->ssrc_count;
	memcpy(track->declared, media->ssrcs, media->ssrc_count * sizeof(media->ssrcs[0]));
}

static struct bf_track *start_track(struct bf_participant *participant,
	const struct bf_media_offer *offer, const struct bf_sdp_media *media,
	const struct bf_sdp_format *format)
{
	struct bf_track *track = calloc(1, sizeof(*track));

	if (!track)
		return NULL;
	track->id = bf_id_new();
	track->participant = participant;
	track->is_video = media->kind == BF_SDP_VIDEO;
	track->source = (uint8_t)source_of(offer, media);
	copy_view(track->mid, sizeof(track->mid), media->mid);
	bf_list_init(&track->subs);
	bf_list_init(&track->feeds);
	set_negotiated(track, media, format);
	bf_track_init_streams(track, count_layers(media));
	name_layers(track, media);
	bf_list_append(&participant->tracks, &track->node);
	participant->room->rooms->counters.tracks++;
	bf_room_post_track(track, BF_TRACK_PUBLISHED);
	bf_feed_announce(track);
	BF_LIST_EACH(other, &participant->room->participants, struct bf_participant, node)
		bf_subscribe_track(other, track);
	return track;
}

static bool is_sending(const struct bf_sdp_media *media)
{
	return (media->port != 0 || media->is_bundle_only) && (media->dir & BF_SDP_SENDONLY);
}

static const struct bf_sdp_format *choose(const struct bf_sdp_media *media)
{
	return bf_sdp_choose(media, media->kind == BF_SDP_VIDEO ? VIDEO_CODECS : AUDIO_CODECS);
}

static void answer_rtp(struct bf_sdp_media *out, const struct bf_sdp_media *offered,
	const struct bf_sdp_format *format, bool is_receiving)
{
	const struct bf_sdp_format *rtx = bf_sdp_rtx_of(offered, format->pt);

	*out = (struct bf_sdp_media){
		.kind = offered->kind,
		.port = 9,
		.is_bundled = true,
		.proto = offered->proto,
		.mid = offered->mid,
		.dir = is_receiving ? BF_SDP_RECVONLY : BF_SDP_INACTIVE,
		.has_rtcp_mux = true,
		.has_rtcp_rsize = offered->has_rtcp_rsize,
		.exts = offered->exts,
	};
	out->formats[out->format_count++] = *format;
	if (rtx)
		out->formats[out->format_count++] = *rtx;
	if (is_receiving && offered->is_simulcast_send)
		for (unsigned i = 0; i < offered->rid_count && i < BF_TRACK_LAYERS; i++)
			out->rids[out->rid_count++] = offered->rids[i];
}

static void answer_application(struct bf_sdp_media *out, const struct bf_sdp_media *offered)
{
	*out = (struct bf_sdp_media){
		.kind = BF_SDP_APPLICATION,
		.port = 9,
		.is_bundled = true,
		.proto = offered->proto,
		.mid = offered->mid,
		.dir = BF_SDP_SENDRECV,
		.sctp_port = 5000,
		.max_message = BF_SCTP_MESSAGE_MAX,
		.format_text = offered->format_text,
	};
}

/* Whether the track goes on: with another codec, other settings that receivers have to know, or other layers it is another one. */
static bool is_same(const struct bf_track *track, const struct bf_sdp_media *media,
	const struct bf_sdp_format *format)
{
	char fmtp[BF_TRACK_FMTP];

	if (format->codec != track->format.codec || count_layers(media) != track->layer_count)
		return false;
	for (unsigned i = 0; i < track->layer_count && track->layer_count > 1; i++)
		if (!bf_bytes_is(media->rids[i], track->streams[i].rid))
			return false;
	copy_fmtp(fmtp, format->fmtp);
	return format->codec == BF_CODEC_OPUS || format->codec == BF_CODEC_VP8 ||
	       strcmp(fmtp, track->fmtp_text) == 0;
}

/* One section of the offer: start, keep or end its track, and write our section. */
static void take_section(struct bf_conn *conn, const struct bf_media_offer *offer,
	const struct bf_sdp_media *media, struct bf_sdp_media *out)
{
	struct bf_participant *participant = conn->participant;
	const struct bf_sdp_format *format = NULL;
	struct bf_track *track;
	char mid[BF_SDP_MID_MAX + 1];

	copy_view(mid, sizeof(mid), media->mid);
	track = bf_track_by_mid(participant, mid);
	if (media->kind == BF_SDP_AUDIO || media->kind == BF_SDP_VIDEO)
		format = choose(media);
	if (track && (!format || !is_sending(media) || !is_same(track, media, format))) {
		bf_track_end(track);
		track = NULL;
	}
	if (media->kind == BF_SDP_APPLICATION && (media->port != 0 || media->is_bundle_only) &&
		(participant->grants &
			(BF_GRANT_DATA | BF_GRANT_SUBSCRIBE))) { /* to send, to receive */
		answer_application(out, media);
		(void)bf_transport_enable_sctp(
			conn->transport, media->sctp_port, media->max_message);
	} else if (format && (media->port != 0 || media->is_bundle_only)) {
		if (track)
			set_negotiated(track, media, format);
		else if (is_sending(media) && (participant->grants & BF_GRANT_PUBLISH))
			track = start_track(participant, offer, media, format);
		answer_rtp(out, media, format, track != NULL);
		conn->has_twcc = conn->has_twcc || media->exts.id[BF_EXT_TWCC] != 0;
	} else {
		bf_negotiate_reject(out, media);
	}
}

/* Tracks whose section is not in the offer any more (a connection made anew). */
static void end_missing(struct bf_participant *participant, const struct bf_sdp *sdp)
{
	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node) {
		bool is_there = false;
		for (unsigned i = 0; i < sdp->media_count && !is_there; i++)
			is_there = bf_bytes_is(sdp->media[i].mid, track->mid);
		if (!is_there)
			bf_track_end(track);
	}
}

static unsigned list_tracks(struct bf_participant *participant,
	struct bf_media_sdp_track out[static BF_MEDIA_TRACKS_MAX])
{
	unsigned count = 0;

	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node) {
		if (count == BF_MEDIA_TRACKS_MAX)
			break;
		snprintf(out[count].mid, sizeof(out[count].mid), "%s", track->mid);
		out[count].track_id = track->id;
		out[count].participant_id = participant->id;
		out[count].is_video = track->is_video;
		out[count].source = track->source;
		count++;
	}
	return count;
}

/* Whether the offer is about another connection than the one there is: the browser made a fresh one, or must have, since ours is at
 * its end (a certificate may serve several). */
static bool is_other(const struct bf_conn *conn, const struct bf_sdp_media *section)
{
	return !bf_transport_is_remote_fingerprint(conn->transport, section->fingerprint) ||
	       (bf_transport_is_dead(conn->transport) &&
		       !bf_transport_is_remote_ufrag(conn->transport, section->ufrag));
}

/* A connection made anew takes the place of the one there is, with its tracks, once nothing can fail any more. */
static int replace_conn(struct bf_participant *participant, const struct bf_sdp_media *section,
	struct bf_conn **out, char *why, size_t why_size)
{
	struct bf_conn *old = participant->conns[BF_PC_PUBLISH];
	struct bf_conn *conn;
	int err = bf_conn_new(&conn, participant, BF_PC_PUBLISH);

	if (err)
		return err;
	err = bf_negotiate_remote(conn, section, why, why_size);
	if (err) {
		bf_conn_free(conn);
		participant->conns[BF_PC_PUBLISH] = old;
		return err;
	}
	if (old) {
		participant->conns[BF_PC_PUBLISH] = old;
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			bf_track_end(track);
		bf_conn_free(old);
		participant->conns[BF_PC_PUBLISH] = conn;
	}
	*out = conn;
	return 0;
}

/* The connection the offer is about, with the peer's side of it taken in. */
static int take_conn(struct bf_participant *participant, const struct bf_sdp_media *section,
	struct bf_conn **out, char *why, size_t why_size)
{
	struct bf_conn *conn = participant->conns[BF_PC_PUBLISH];

	if (!conn || is_other(conn, section))
		return replace_conn(participant, section, out, why, why_size);
	if (!bf_transport_is_remote_ufrag(conn->transport, section->ufrag))
		bf_transport_restart_ice(
			conn->transport); /* the peer restarts, so do we (RFC 8445 section 9) */
	*out = conn;
	return bf_negotiate_remote(conn, section, why, why_size);
}

static void fail(struct bf_participant *participant, const struct bf_media_offer *offer,
	const char *code, const char *cause)
{
	bf_room_post_error(participant->room->rooms, offer->request_id, offer->room_id,
		offer->participant_id, code, cause);
}

void bf_publish_on_offer(struct bf_participant *participant, const struct bf_media_offer *offer)
{
	struct bf_rooms *rooms = participant->room->rooms;
	struct bf_media_sdp_track tracks[BF_MEDIA_TRACKS_MAX];
	const struct bf_sdp_media *section;
	struct bf_conn *conn;
	char why[160] = "";
	int len;

	if (bf_negotiate_parse(rooms, offer->sdp, offer->sdp_len, why, sizeof(why))) {
		fail(participant, offer, "bad_sdp", why);
		return;
	}
	section = bf_negotiate_transport_section(rooms->parsed);
	if (!section) {
		fail(participant, offer, "bad_sdp", "no section can carry anything");
		return;
	}
	if (take_conn(participant, section, &conn, why, sizeof(why))) {
		fail(participant, offer, why[0] ? "bad_sdp" : "busy",
			why[0] ? why : "this worker has no room for another connection");
		return;
	}
	end_missing(participant, rooms->parsed);
	for (unsigned i = 0; i < rooms->parsed->media_count; i++)
		take_section(conn, offer, &rooms->parsed->media[i], &rooms->written[i]);
	/* A browser may add something later; WHIP offers once. */
	if (!participant->auto_subscribe &&
		!bf_negotiate_is_live(rooms, rooms->parsed->media_count)) {
		bf_conn_free(conn);
		fail(participant, offer, "unsupported", "no section of the offer can be taken");
		return;
	}
	len = bf_negotiate_write(conn, bf_negotiate_our_setup(section), rooms->parsed->media_count);
	if (len < 0)
		fail(participant, offer, "bad_sdp", "the answer would be too long");
	else if (!bf_room_post_sdp(conn, offer->request_id, false, tracks,
			 list_tracks(participant, tracks), rooms->text, (size_t)len))
		fail(participant, offer, "busy", "out of memory");
	bf_play_update(participant->room);
}
