/* A player (WHEP) offers to receive one participant, or whoever speaks. */
#include "media/room/room_priv.h"

#include "core/base/id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ALL_CODECS                                                                             \
	(1u << BF_CODEC_OPUS | 1u << BF_CODEC_VP8 | 1u << BF_CODEC_VP9 | 1u << BF_CODEC_H264 | \
		1u << BF_CODEC_AV1)

/* Whom to play now: the one named, else the dominant speaker, else anyone who publishes. */
static struct bf_participant *played(struct bf_participant *player)
{
	struct bf_room *room = player->room;
	struct bf_participant *dominant;

	if (player->play_id)
		return bf_room_find(room, player->play_id);
	dominant = bf_room_find(room, room->speakers.dominant);
	if (dominant && !bf_list_is_empty(&dominant->tracks))
		return dominant;
	BF_LIST_EACH(other, &room->participants, struct bf_participant, node)
		if (!bf_list_is_empty(&other->tracks))
			return other;
	return NULL;
}

/* The track of that kind to show: screen before camera, microphone before anything else one can hear. */
static struct bf_track *pick(struct bf_participant *participant, bool is_video)
{
	struct bf_track *best = NULL;

	if (!participant)
		return NULL;
	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node) {
		if (track->is_video != is_video)
			continue;
		if (!best || track->source == BF_SOURCE_SCREEN ||
			track->source == BF_SOURCE_MICROPHONE)
			best = track;
	}
	return best;
}

static void update_player(struct bf_participant *player)
{
	struct bf_conn *conn = player->conns[BF_PC_SUBSCRIBE];

	if (!conn)
		return;
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node) {
		struct bf_track *track = pick(played(player), sub->is_video);
		if (track && track->format.codec != sub->format.codec)
			continue; /* the player cannot decode it: it keeps what it has */
		if (track && track != sub->track)
			bf_sub_attach(sub, track);
		else if (!track)
			bf_sub_detach(sub);
	}
}

void bf_play_update(struct bf_room *room)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		if (participant->is_player)
			update_player(participant);
}

static const struct bf_sdp_format *choose(
	const struct bf_sdp_media *media, const struct bf_track *track)
{
	return track ? bf_sdp_match(media, &track->format) : bf_sdp_choose(media, ALL_CODECS);
}

struct answer_text {
	char stream[BF_ID_TEXT], track[BF_ID_TEXT];
};

static int take_section(struct bf_conn *conn, const struct bf_sdp_media *media,
	struct bf_sdp_media *out, struct answer_text *text)
{
	struct bf_participant *player = conn->participant;
	bool is_video = media->kind == BF_SDP_VIDEO;
	const struct bf_sdp_format *format = choose(media, pick(played(player), is_video));
	const struct bf_sdp_format *rtx = format ? bf_sdp_rtx_of(media, format->pt) : NULL;
	struct bf_sub *sub;

	bf_negotiate_reject(out, media);
	if (!format || (media->port == 0 && !media->is_bundle_only) ||
		!(media->dir & BF_SDP_RECVONLY))
		return 0;
	sub = bf_sub_new(conn, is_video);
	if (!sub)
		return -ENOMEM;
	sub->format = *format;
	sub->format.fmtp = bf_bytes(NULL, 0);
	sub->pt = format->pt;
	sub->rtx_pt = rtx ? rtx->pt : 0;
	sub->exts = media->exts;
	sub->is_active = true;
	bf_id_format(player->play_id ? player->play_id : player->room->id, text->stream);
	bf_id_format(bf_id_new(), text->track);
	*out = (struct bf_sdp_media){
		.kind = media->kind,
		.port = 9,
		.is_bundled = true,
		.proto = media->proto,
		.mid = media->mid,
		.dir = BF_SDP_SENDONLY,
		.has_rtcp_mux = true,
		.has_rtcp_rsize = media->has_rtcp_rsize,
		.exts = media->exts,
		.msid_stream = bf_bytes_str(text->stream),
		.msid_track = bf_bytes_str(text->track),
		.ssrc_count = 1,
		.ssrcs = {{.ssrc = sub->ssrc, .rtx_ssrc = rtx ? sub->rtx_ssrc : 0}},
	};
	out->formats[out->format_count++] = *format;
	if (rtx)
		out->formats[out->format_count++] = *rtx;
	return 0;
}

static void fail(struct bf_participant *player, const struct bf_media_offer *offer,
	const char *code, const char *cause)
{
	bf_room_post_error(player->room->rooms, offer->request_id, offer->room_id,
		offer->participant_id, code, cause);
}

static int start(
	struct bf_conn *conn, const struct bf_media_offer *offer, char *why, size_t why_size)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	const struct bf_sdp_media *section = bf_negotiate_transport_section(rooms->parsed);
	struct answer_text texts[BF_SDP_MEDIA];
	unsigned media_count = rooms->parsed->media_count;
	int err;

	snprintf(why, why_size, "no section can carry anything");
	if (!section)
		return -EINVAL;
	err = bf_negotiate_remote(conn, section, why, why_size);
	for (unsigned i = 0; !err && i < media_count; i++)
		err = take_section(conn, &rooms->parsed->media[i], &rooms->written[i], &texts[i]);
	if (err)
		return err;
	if (!bf_negotiate_is_live(rooms, media_count)) {
		snprintf(why, why_size, "no section of the offer can receive what is played");
		return -EOPNOTSUPP;
	}
	err = bf_negotiate_write(conn, bf_negotiate_our_setup(section), media_count);
	if (err < 0)
		return err;
	return bf_room_post_sdp(conn, offer->request_id, false, NULL, 0, rooms->text, (size_t)err)
		       ? 0
		       : -ENOMEM;
}

void bf_play_on_offer(struct bf_participant *player, const struct bf_media_offer *offer)
{
	struct bf_rooms *rooms = player->room->rooms;
	struct bf_conn *conn;
	char why[160] = "";
	int err;

	if (!(player->grants & BF_GRANT_SUBSCRIBE)) {
		fail(player, offer, "forbidden", "the token does not grant subscribe");
		return;
	}
	if (player->conns[BF_PC_SUBSCRIBE] || player->auto_subscribe) {
		fail(player, offer, "bad_state",
			player->auto_subscribe ? "here the server offers" : "a player offers once");
		return;
	}
	if (bf_negotiate_parse(rooms, offer->sdp, offer->sdp_len, why, sizeof(why))) {
		fail(player, offer, "bad_sdp", why);
		return;
	}
	if (bf_conn_new(&conn, player, BF_PC_SUBSCRIBE)) {
		fail(player, offer, "busy", "this worker has no room for another connection");
		return;
	}
	player->is_player = true;
	player->play_id = offer->play_participant_id;
	conn->is_client_offered = true;
	err = start(conn, offer, why, sizeof(why));
	if (err) {
		bf_conn_free(conn);
		player->is_player = false;
		fail(player, offer,
			err == -EOPNOTSUPP ? "unsupported"
			: err == -ENOMEM   ? "busy"
					   : "bad_sdp",
			why);
		return;
	}
	update_player(player);
}
