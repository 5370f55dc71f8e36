/* A participant receives: subscriptions, the offers that announce them, and the answers. */
#include "media/room/room_priv.h"

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define OFFER_DELAY_US BF_MS(20) /* tracks that come and go together share one offer */
#define OFFER_RETRY_US BF_SEC(1)

/* Payload types we hand out: the dynamic range, then what RFC 5761 section 4 leaves free below it. */
static const uint8_t pt_pairs[BF_CONN_PTS][2] = {{96, 97}, {98, 99}, {100, 101}, {102, 103},
	{104, 105}, {106, 107}, {108, 109}, {110, 111}, {112, 113}, {114, 115}, {116, 117},
	{118, 119}};

/* How many of them one codec may use, so that one which comes in many settings leaves some to the others. */
static const unsigned pts_of_codec[BF_CODEC_COUNT] = {
	[BF_CODEC_OPUS] = 1,
	[BF_CODEC_VP8] = 1,
	[BF_CODEC_VP9] = 3,
	[BF_CODEC_H264] = 4,
	[BF_CODEC_AV1] = 3,
};

/* Our extension ids in offers; the peer's answer keeps those it knows. */
static const struct bf_ext_map offered_exts = {
	.id =
		{
			[BF_EXT_AUDIO_LEVEL] = 1,
			[BF_EXT_ORIENTATION] = 5,
			[BF_EXT_PLAYOUT_DELAY] = 6,
			[BF_EXT_DEPENDENCY_DESCRIPTOR] = 7,
		},
};

struct bf_sub *bf_sub_find(struct bf_participant *participant, uint64_t track_id)
{
	struct bf_conn *conn = participant->conns[BF_PC_SUBSCRIBE];

	if (!conn)
		return NULL;
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		if (sub->track && sub->track->id == track_id)
			return sub;
	return NULL;
}

struct bf_sub *bf_sub_new(struct bf_conn *conn, bool is_video)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	uint32_t slot_count = is_video ? BF_REWRITE_WINDOW : BF_REWRITE_WINDOW_AUDIO;
	struct bf_sub *sub = calloc(1, sizeof(*sub) + slot_count * sizeof(sub->slots[0]));

	if (!sub)
		return NULL;
	sub->conn = conn;
	sub->out = bf_transport_out(conn->transport);
	sub->is_video = is_video;
	sub->section_idx = -1;
	sub->wanted = -1;
	sub->target = 0;
	sub->current = -1;
	sub->ssrc = bf_conn_ssrc(conn);
	sub->rtx_ssrc = bf_conn_ssrc(conn);
	sub->rtx_seq = (uint16_t)bf_rand_u32();
	bf_list_init(&sub->track_node);
	bf_list_append(&conn->subs, &sub->conn_node);
	bf_rewrite_init(&sub->rewrite, is_video ? 90000 : 48000, (uint16_t)(bf_rand_u32() & 0x7fff),
		bf_rand_u32(), sub->slots, slot_count);
	bf_keyframe_quota_init(&sub->quota, bf_loop_now_us(rooms->conf.loop));
	rooms->counters.subscriptions++;
	bf_shed_update(sub);
	return sub;
}

void bf_sub_attach(struct bf_sub *sub, struct bf_track *track)
{
	bf_sub_detach(sub);
	sub->track = track;
	bf_list_append(&track->subs, &sub->track_node);
	if (sub->is_shed)
		bf_room_post_to_subscriber(sub, BF_TRACK_SUSPENDED, true);
	bf_sub_interrupt(sub);
}

void bf_sub_interrupt(struct bf_sub *sub)
{
	sub->epoch++;
	sub->current = -1;
	bf_layer_update(sub);
}

void bf_sub_detach(struct bf_sub *sub)
{
	bf_forward_step_over(sub);
	bf_mirror_leave(sub);
	bf_list_remove(&sub->track_node);
	sub->track = NULL;
	sub->current = -1;
}

static void offer_soon(struct bf_conn *conn)
{
	conn->needs_offer = true;
	if (!conn->is_client_offered && !conn->offer_timer.is_armed)
		bf_timer_arm(&conn->offer_timer,
			bf_loop_now_us(bf_conn_rooms(conn)->conf.loop) + OFFER_DELAY_US);
}

void bf_sub_free(struct bf_sub *sub)
{
	struct bf_conn *conn = sub->conn;

	bf_sub_detach(sub);
	if (sub->section_idx >= 0) {
		conn->sections[sub->section_idx].sub = NULL;
		conn->sections[sub->section_idx].is_offered = false;
	}
	bf_list_remove(&sub->conn_node);
	bf_pacer_forget(&conn->pacer, sub->ssrc);
	if (bf_transport_srtp_out(conn->transport)) {
		bf_outbox_finish(bf_conn_rooms(conn)->conf.outbox);
		bf_srtp_remove_ssrc(bf_transport_srtp_out(conn->transport), sub->ssrc);
		bf_srtp_remove_ssrc(bf_transport_srtp_out(conn->transport), sub->rtx_ssrc);
	}
	bf_conn_rooms(conn)->counters.subscriptions--;
	free(sub);
	offer_soon(conn);
}

static struct bf_conn *subscribe_conn(struct bf_participant *subscriber)
{
	struct bf_conn *conn = subscriber->conns[BF_PC_SUBSCRIBE];

	if (conn)
		return conn;
	if (bf_conn_new(&conn, subscriber, BF_PC_SUBSCRIBE)) {
		BF_LOG(subscriber->room->rooms->conf.log, BF_LOG_WARN,
			"no room for a subscribe connection", BF_ID("participant", subscriber->id));
		return NULL;
	}
	conn->is_short = true; /* with tracks for which there was no room before */
	return conn;
}

/* A section for a new subscription: one whose track has gone, or the next. Its mid stays the same for ever. NULL: none is left. */
static struct bf_section *find_section(struct bf_conn *conn, bool is_video)
{
	enum bf_sdp_kind kind = is_video ? BF_SDP_VIDEO : BF_SDP_AUDIO;
	struct bf_section *section;

	for (unsigned i = 0; i < conn->section_count; i++)
		if (!conn->sections[i].sub && conn->sections[i].kind == kind)
			return &conn->sections[i];
	if (conn->section_count == BF_CONN_SECTIONS || bf_conn_prepare_offers(conn))
		return NULL;
	section = &conn->sections[conn->section_count];
	snprintf(section->mid, sizeof(section->mid), "%u", conn->section_count);
	section->kind = kind;
	conn->section_count++;
	return section;
}

void bf_subscribe_track(struct bf_participant *subscriber, struct bf_track *track)
{
	struct bf_section *section;
	struct bf_conn *conn;
	struct bf_sub *sub;

	if (subscriber == track->participant || !subscriber->auto_subscribe ||
		!(subscriber->grants & BF_GRANT_SUBSCRIBE) || bf_sub_find(subscriber, track->id))
		return;
	conn = subscribe_conn(subscriber);
	if (!conn)
		return;
	section = find_section(conn, track->is_video);
	sub = section ? bf_sub_new(conn, track->is_video) : NULL;
	if (!sub) {
		conn->is_short = true; /* the track waits until another one goes */
		return;
	}
	section->sub = sub;
	sub->section_idx = (int)(section - conn->sections);
	bf_sub_attach(sub, track);
	offer_soon(conn);
}

void bf_subscribe_everything(struct bf_participant *subscriber)
{
	if (!subscriber->auto_subscribe)
		return; /* a player: nobody needs to be looked at for it */
	BF_LIST_EACH(other, &subscriber->room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &other->tracks, struct bf_track, node)
			bf_subscribe_track(subscriber, track);
}

/* ---- offers ---- */

/* The peer does not take the track, and is told so once. */
static void refuse(struct bf_sub *sub)
{
	sub->is_active = false;
	if (sub->is_refused)
		return;
	sub->is_refused = true;
	bf_room_post_to_subscriber(sub, BF_TRACK_UNSUPPORTED, true);
}

/* What of a publisher's fmtp describes the stream; the rest is about what it can receive. */
static void stream_fmtp(char *out, size_t size, const struct bf_sdp_format *format)
{
	switch (format->codec) {
	case BF_CODEC_OPUS:
		snprintf(out, size, "minptime=10;useinbandfec=1");
		break;
	case BF_CODEC_VP8:
		out[0] = '\0';
		break;
	default:
		snprintf(out, size, "%.*s", (int)format->fmtp.len, (const char *)format->fmtp.data);
		break;
	}
}

/* The payload types for a track's codec settings on this connection; NULL when they are used up. */
static const struct bf_conn_pt *give_pt(struct bf_conn *conn, const struct bf_track *track)
{
	struct bf_conn_pt *pt;
	char fmtp[BF_TRACK_FMTP];
	unsigned same_count = 0;

	stream_fmtp(fmtp, sizeof(fmtp), &track->format);
	for (unsigned i = 0; i < conn->pt_count; i++) {
		if (conn->pts[i].codec != track->format.codec)
			continue;
		if (strcmp(conn->pts[i].fmtp, fmtp) == 0)
			return &conn->pts[i];
		same_count++;
	}
	if (same_count >= pts_of_codec[track->format.codec])
		return NULL;
	assert(conn->pt_count < BF_CONN_PTS);
	pt = &conn->pts[conn->pt_count];
	pt->codec = track->format.codec;
	memcpy(pt->fmtp, fmtp, sizeof(fmtp));
	pt->pt = pt_pairs[conn->pt_count][0];
	pt->rtx_pt = pt_pairs[conn->pt_count][1];
	conn->pt_count++;
	return pt;
}

static void offer_formats(
	struct bf_sdp_media *out, const struct bf_track *track, const struct bf_conn_pt *pt)
{
	struct bf_sdp_format format = {
		.pt = pt->pt,
		.codec = pt->codec,
		.clock_hz = track->format.clock_hz,
		.channels = track->format.channels,
		.fmtp = bf_bytes_str(pt->fmtp),
		.has_nack = track->is_video,
		.has_pli = track->is_video,
		.has_fir = track->is_video,
	};

	out->formats[out->format_count++] = format;
	if (track->is_video)
		out->formats[out->format_count++] = (struct bf_sdp_format){
			.pt = pt->rtx_pt,
			.is_rtx = true,
			.apt = pt->pt,
			.clock_hz = track->format.clock_hz,
			.channels = 1,
		};
}

struct offer_text {
	char stream[BF_ID_TEXT], track[BF_ID_TEXT];
};

static void offer_section(struct bf_conn *conn, unsigned i, struct offer_text *text)
{
	struct bf_section *section = &conn->sections[i];
	struct bf_sub *sub = section->sub;
	struct bf_sdp_media *out = &bf_conn_rooms(conn)->written[i];
	const struct bf_conn_pt *pt = sub && sub->track ? give_pt(conn, sub->track) : NULL;

	*out = (struct bf_sdp_media){
		.kind = section->kind,
		.port = 9,
		.is_bundled = true,
		.proto = bf_bytes_str("UDP/TLS/RTP/SAVPF"),
		.mid = bf_bytes_str(section->mid),
		.dir = BF_SDP_INACTIVE,
		.has_rtcp_mux = true,
		.has_rtcp_rsize = true,
		.exts = offered_exts,
	};
	section->is_offered = pt != NULL;
	if (!pt && sub && sub->track)
		refuse(sub); /* no payload type is left */
	if (!pt) {	     /* a section without a track still names a format */
		out->formats[out->format_count++] = (struct bf_sdp_format){
			.pt = section->kind == BF_SDP_VIDEO ? 35 : 63,
			.codec = section->kind == BF_SDP_VIDEO ? BF_CODEC_VP8 : BF_CODEC_OPUS,
			.clock_hz = section->kind == BF_SDP_VIDEO ? 90000 : 48000,
			.channels = section->kind == BF_SDP_VIDEO ? 1 : 2,
		};
		return;
	}
	out->dir = BF_SDP_SENDONLY;
	offer_formats(out, sub->track, pt);
	section->pt = pt->pt;
	section->rtx_pt = sub->is_video ? pt->rtx_pt : 0;
	bf_id_format(sub->track->participant->id, text->stream);
	bf_id_format(sub->track->id, text->track);
	out->msid_stream = bf_bytes_str(text->stream);
	out->msid_track = bf_bytes_str(text->track);
	out->ssrcs[out->ssrc_count++] = (struct bf_sdp_ssrc_pair){
		.ssrc = sub->ssrc, .rtx_ssrc = sub->is_video ? sub->rtx_ssrc : 0};
}

static unsigned list_offered(
	const struct bf_conn *conn, struct bf_media_sdp_track out[static BF_MEDIA_TRACKS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < conn->section_count; i++) {
		const struct bf_section *section = &conn->sections[i];
		if (!section->is_offered)
			continue;
		snprintf(out[count].mid, sizeof(out[count].mid), "%s", section->mid);
		out[count].track_id = section->sub->track->id;
		out[count].participant_id = section->sub->track->participant->id;
		out[count].is_video = section->sub->is_video;
		out[count].source = section->sub->track->source;
		count++;
	}
	return count;
}

/* Offer now, or once the answer to the offer that is out has come. */
void bf_subscribe_request_offer(struct bf_conn *conn)
{
	struct bf_media_sdp_track tracks[BF_MEDIA_TRACKS_MAX];
	struct offer_text texts[BF_SDP_MEDIA];
	int len;

	if (conn->is_client_offered)
		return;
	conn->needs_offer = true;
	if (conn->is_offer_pending)
		return;
	if (conn->is_short) {
		conn->is_short = false;
		bf_subscribe_everything(conn->participant);
	}
	for (unsigned i = 0; i < conn->section_count; i++)
		offer_section(conn, i, &texts[i]);
	if (conn->section_count == 0)
		return;
	len = bf_negotiate_write(conn, BF_SDP_ACTPASS, conn->section_count);
	if (len < 0) {
		BF_LOG(bf_conn_rooms(conn)->conf.log, BF_LOG_ERROR, "offer cannot be written",
			BF_ID("participant", conn->participant->id), BF_ERRNO("error", len));
		return;
	}
	bf_timer_disarm(&conn->offer_timer);
	conn->offered_count = conn->section_count;
	conn->is_offer_pending = bf_room_post_sdp(conn, 0, true, tracks, list_offered(conn, tracks),
		bf_conn_rooms(conn)->text, (size_t)len);
	conn->needs_offer = !conn->is_offer_pending;
	if (conn->needs_offer) /* no memory for it: later perhaps */
		bf_timer_arm(&conn->offer_timer,
			bf_loop_now_us(bf_conn_rooms(conn)->conf.loop) + OFFER_RETRY_US);
}

/* ---- answers ---- */

static const struct bf_sdp_format *answered_format(
	const struct bf_sdp_media *media, const struct bf_section *section)
{
	for (unsigned i = 0; i < media->format_count; i++)
		if (media->formats[i].pt == section->pt &&
			media->formats[i].codec == section->sub->track->format.codec)
			return &media->formats[i];
	return NULL;
}

static void take_answer_section(struct bf_section *section, const struct bf_sdp_media *media)
{
	struct bf_sub *sub = section->sub;
	const struct bf_sdp_format *format;

	if (!section->is_offered)
		return; /* the track went while the offer was out */
	format = answered_format(media, section);
	if (media->port == 0 || !(media->dir & BF_SDP_RECVONLY) || !format) {
		refuse(sub);
		return;
	}
	sub->is_refused = false;
	sub->pt = section->pt;
	sub->rtx_pt = bf_sdp_rtx_of(media, format->pt) ? section->rtx_pt : 0;
	if (!sub->has_exts)
		sub->exts =
			media->exts; /* once: what is sent again must have the same header (RFC 7714 section 9.1) */
	sub->has_exts = true;
	if (!sub->is_active) {
		sub->is_active = true;
		bf_sub_interrupt(sub);
	}
}

/* An answer has the offer's sections in the offer's order (RFC 3264 section 6). */
static bool fits_offer(const struct bf_conn *conn, const struct bf_sdp *answer)
{
	if (answer->media_count != conn->offered_count)
		return false;
	for (unsigned i = 0; i < answer->media_count; i++)
		if (answer->media[i].kind != conn->sections[i].kind ||
			(answer->media[i].mid.len > 0 &&
				!bf_bytes_is(answer->media[i].mid, conn->sections[i].mid)))
			return false;
	return true;
}

static void fail(struct bf_participant *participant, const struct bf_media_answer *answer,
	const char *code, const char *cause)
{
	bf_room_post_error(participant->room->rooms, answer->request_id, answer->room_id,
		answer->participant_id, code, cause);
}

void bf_subscribe_on_answer(
	struct bf_participant *participant, const struct bf_media_answer *answer)
{
	struct bf_rooms *rooms = participant->room->rooms;
	struct bf_conn *conn = participant->conns[BF_PC_SUBSCRIBE];
	const struct bf_sdp_media *section;
	char why[160] = "";

	if (!conn || !conn->is_offer_pending) {
		fail(participant, answer, "bad_state",
			"there is no offer that waits for an answer");
		return;
	}
	if (bf_negotiate_parse(rooms, answer->sdp, answer->sdp_len, why, sizeof(why))) {
		fail(participant, answer, "bad_sdp", why);
		return;
	}
	if (!fits_offer(conn, rooms->parsed)) {
		fail(participant, answer, "bad_sdp", "the sections are not those of the offer");
		return;
	}
	section = bf_negotiate_transport_section(rooms->parsed);
	if (section && bf_negotiate_remote(conn, section, why, sizeof(why))) {
		fail(participant, answer, "bad_sdp", why);
		return;
	}
	conn->is_offer_pending = false;
	for (unsigned i = 0; i < rooms->parsed->media_count; i++)
		take_answer_section(&conn->sections[i], &rooms->parsed->media[i]);
	bf_room_post_done(rooms, answer->request_id, answer->room_id, answer->participant_id);
	if (conn->needs_offer)
		bf_subscribe_request_offer(conn);
}
