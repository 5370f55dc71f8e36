/* What the workers say, and who hears of it. A message about a participant or room that is no more is dropped: it was on its
 * way when they left. */
#include "core/base/utf8.h"
#include "signaling/rtc/frames.h"
#include "signaling/rtc/hub.h"
#include "signaling/rtc/whip.h"

#include <stdlib.h>

static const struct bf_bytes no_id = {NULL, 0};

static struct bf_rtc_pending *find_pending(const struct bf_rtc_hub *hub, uint64_t request_id)
{
	struct bf_map_node *node =
		bf_map_get(&hub->pendings, bf_bytes(&request_id, sizeof(request_id)));

	return node ? BF_CONTAINER(node, struct bf_rtc_pending, by_id) : NULL;
}

/* ---- answers ---- */

static void send_offer(
	struct bf_rtc_hub *hub, struct bf_rtc_session *session, const struct bf_media_sdp *sdp)
{
	bf_rtc_hub_send(hub, session, "webrtc_offer", no_id, bf_rtc_frame_sdp(sdp));
}

/* In one go, so that nothing comes between: the others hear of the newcomer, it hears who is there, and from then on
 * everything that happens. */
static void on_joined(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending)
{
	struct bf_rtc_participant *participant = pending->participant;
	struct bf_rtc_session *session = participant->session;
	struct bf_media_sdp *held = participant->held_offer;

	session->state = BF_RTC_SESSION_JOINED;
	bf_rtc_hub_show(hub, participant);
	bf_rtc_hub_send(hub, session, "room:joined", bf_bytes(pending->id, pending->id_len),
		bf_rtc_frame_joined(participant));
	bf_rtc_hub_forget(hub, pending);
	if (held) {
		participant->held_offer = NULL;
		send_offer(hub, session, held);
		bf_msg_free(&held->msg);
	}
}

static void on_done(struct bf_rtc_hub *hub, const struct bf_media_done *done)
{
	struct bf_rtc_pending *pending = find_pending(hub, done->request_id);

	if (!pending)
		return;
	switch (pending->kind) {
	case BF_RTC_PENDING_JOIN:
		on_joined(hub, pending);
		return;
	case BF_RTC_PENDING_OK:
		bf_rtc_hub_send(hub, pending->participant->session, "ok",
			bf_bytes(pending->id, pending->id_len), bf_json_object());
		break;
	case BF_RTC_PENDING_WHIP_TRICKLE:
		bf_rtc_whip_on_done(hub, pending);
		break;
	case BF_RTC_PENDING_WHIP_JOIN:
		break; /* the offer's answer is what counts */
	default:
		bf_rtc_hub_fail(
			hub, pending, BF_RTC_INTERNAL, "the media worker gave no description");
		return;
	}
	bf_rtc_hub_forget(hub, pending);
}

/* A cause may quote a stranger's bytes, and may have been cut within a character: keep what is good UTF-8. */
static void copy_cause(char *out, size_t size, const struct bf_media_error *error)
{
	struct bf_bytes rest = bf_bytes(error->cause, strnlen(error->cause, sizeof(error->cause)));
	size_t len = 0;
	uint32_t point;

	while (rest.len > 0) {
		size_t taken = bf_utf8_take(rest, &point);

		if (taken == 0 || bf_utf8_is_control(point) || len + taken >= size)
			break;
		memcpy(out + len, rest.data, taken);
		len += taken;
		rest = bf_bytes(rest.data + taken, rest.len - taken);
	}
	out[len] = '\0';
}

static void on_error(struct bf_rtc_hub *hub, const struct bf_media_error *error)
{
	struct bf_rtc_pending *pending = find_pending(hub, error->request_id);
	char code[sizeof(error->code) + 1] = "";
	char cause[sizeof(error->cause) + 1];

	if (!pending)
		return;
	memcpy(code, error->code, strnlen(error->code, sizeof(error->code)));
	if (bf_rtc_code_parse(code) == BF_RTC_BUSY && !error->is_everywhere &&
		bf_rtc_hub_join_elsewhere(hub, pending))
		return;
	copy_cause(cause, sizeof(cause), error);
	bf_rtc_hub_fail(hub, pending, bf_rtc_code_parse(code), cause);
}

/* ---- descriptions ---- */

static void on_answer(struct bf_rtc_hub *hub, const struct bf_media_sdp *sdp)
{
	struct bf_rtc_pending *pending = find_pending(hub, sdp->request_id);

	if (!pending)
		return;
	switch (pending->kind) {
	case BF_RTC_PENDING_ANSWER:
		bf_rtc_hub_send(hub, pending->participant->session, "webrtc_answer",
			bf_bytes(pending->id, pending->id_len), bf_rtc_frame_sdp(sdp));
		bf_rtc_hub_forget(hub, pending);
		break;
	case BF_RTC_PENDING_WHIP_OFFER:
	case BF_RTC_PENDING_WHIP_RESTART:
		bf_rtc_whip_on_sdp(hub, pending, sdp);
		break;
	default:
		bf_rtc_hub_fail(hub, pending, BF_RTC_INTERNAL,
			"the media worker gave a description where none was asked for");
	}
}

/* Takes `sdp`: it may have to wait until its receiver has been told that it is in the room. Only the newest offer counts. */
static void on_sdp(struct bf_rtc_hub *hub, struct bf_media_sdp *sdp)
{
	struct bf_rtc_participant *participant;

	if (!sdp->is_offer) {
		on_answer(hub, sdp);
		bf_msg_free(&sdp->msg);
		return;
	}
	participant = bf_rtc_registry_find(&hub->registry, sdp->room_id, sdp->participant_id);
	if (participant && participant->session &&
		participant->state == BF_RTC_PARTICIPANT_JOINING) {
		if (participant->held_offer)
			bf_msg_free(&participant->held_offer->msg);
		participant->held_offer = sdp;
		return;
	}
	if (participant && participant->session)
		send_offer(hub, participant->session, sdp);
	bf_msg_free(&sdp->msg);
}

/* ---- tracks ---- */

static void copy_codec(char *out, size_t size, const struct bf_media_track *event)
{
	size_t len = strnlen(event->codec, sizeof(event->codec));

	memset(out, 0, size);
	memcpy(out, event->codec, len < size ? len : size - 1);
}

static void on_published(struct bf_rtc_hub *hub, struct bf_rtc_participant *publisher,
	const struct bf_media_track *event)
{
	struct bf_rtc_track *track = bf_rtc_participant_track(publisher, event->track_id);

	if (!track && bf_rtc_participant_add_track(publisher, &track, event->track_id) < 0) {
		BF_LOG(hub->conf.log, BF_LOG_WARN, "track not announced: too many",
			BF_ID("participant", publisher->id), BF_ID("track", event->track_id));
		return;
	}
	copy_codec(track->codec, sizeof(track->codec), event);
	track->is_video = event->is_video;
	track->source = event->source;
	track->layer_count = event->layer_count;
	track->muted = event->muted;
	/* A WHIP client's first track may be here before the answer to its offer. */
	bf_rtc_hub_show(hub, publisher);
	bf_rtc_hub_broadcast(hub, publisher->room, publisher, "track:published",
		bf_rtc_frame_published(publisher->id, track));
}

static void on_unpublished(struct bf_rtc_hub *hub, struct bf_rtc_participant *publisher,
	const struct bf_media_track *event)
{
	struct bf_rtc_track *track = bf_rtc_participant_track(publisher, event->track_id);

	if (!track)
		return;
	bf_rtc_participant_remove_track(publisher, track);
	bf_rtc_hub_broadcast(hub, publisher->room, publisher, "track:unpublished",
		bf_rtc_frame_unpublished(publisher->id, event->track_id));
}

static void on_muted(struct bf_rtc_hub *hub, struct bf_rtc_participant *publisher,
	const struct bf_media_track *event)
{
	struct bf_rtc_track *track = bf_rtc_participant_track(publisher, event->track_id);

	if (!track)
		return;
	track->muted = event->muted;
	bf_rtc_hub_broadcast(hub, publisher->room, publisher, "track:muted",
		bf_rtc_frame_muted(publisher->id, event->track_id, event->muted));
}

static void on_unsupported(struct bf_rtc_hub *hub, struct bf_rtc_participant *subscriber,
	const struct bf_media_track *event)
{
	char codec[sizeof(event->codec) + 1];
	struct bf_json *data;

	if (!subscriber->session)
		return;
	copy_codec(codec, sizeof(codec), event);
	data = bf_json_object();
	bf_json_put_id(data, "track_id", event->track_id);
	bf_json_put_str(data, "codec", codec);
	bf_rtc_hub_send(hub, subscriber->session, "track:unsupported", no_id, data);
}

static void on_suspended(struct bf_rtc_hub *hub, struct bf_rtc_participant *subscriber,
	const struct bf_media_track *event)
{
	struct bf_json *data;

	if (!subscriber->session)
		return;
	data = bf_json_object();
	bf_json_put_id(data, "track_id", event->track_id);
	bf_json_put_bool(data, "suspended", event->muted);
	bf_rtc_hub_send(hub, subscriber->session, "track:suspended", no_id, data);
}

static void on_track(struct bf_rtc_hub *hub, const struct bf_media_track *event)
{
	struct bf_rtc_participant *participant =
		bf_rtc_registry_find(&hub->registry, event->room_id, event->participant_id);

	if (!participant)
		return;
	switch ((enum bf_track_event)event->event) {
	case BF_TRACK_PUBLISHED:
		on_published(hub, participant, event);
		break;
	case BF_TRACK_UNPUBLISHED:
		on_unpublished(hub, participant, event);
		break;
	case BF_TRACK_MUTED:
		on_muted(hub, participant, event);
		break;
	case BF_TRACK_UNSUPPORTED:
		on_unsupported(hub, participant, event);
		break;
	case BF_TRACK_SUSPENDED:
		on_suspended(hub, participant, event);
		break;
	}
}

static void on_layer(struct bf_rtc_hub *hub, const struct bf_media_layer *event)
{
	const struct bf_rtc_participant *participant =
		bf_rtc_registry_find(&hub->registry, event->room_id, event->participant_id);
	struct bf_json *data;

	if (!participant || !participant->session)
		return;
	data = bf_json_object();
	bf_json_put_id(data, "track_id", event->track_id);
	bf_json_put_int(data, "layer", event->layer);
	bf_rtc_hub_send(hub, participant->session, "track:layer", no_id, data);
}

/* ---- rooms and connections ---- */

static void on_speakers(struct bf_rtc_hub *hub, struct bf_media_speakers *event)
{
	const struct bf_rtc_room *room = bf_rtc_registry_room_of_id(&hub->registry, event->room_id);
	uint32_t kept = 0;

	if (!room)
		return;
	/* Somebody may have left while this was on its way. */
	for (uint32_t i = 0; i < event->speaking_count && i < BF_MEDIA_SPEAKERS_MAX; i++) {
		if (bf_rtc_registry_find(&hub->registry, room->id, event->speaking[i]))
			event->speaking[kept++] = event->speaking[i];
	}
	event->speaking_count = kept;
	if (!bf_rtc_registry_find(&hub->registry, room->id, event->dominant_id))
		event->dominant_id = 0;
	bf_rtc_hub_broadcast(hub, room, NULL, "room:speakers", bf_rtc_frame_speakers(event));
}

static void on_pc_state(struct bf_rtc_hub *hub, const struct bf_media_pc_state *event)
{
	static const char *const names[] = {
		[BF_PC_CONNECTED] = "connected",
		[BF_PC_DISCONNECTED] = "disconnected",
		[BF_PC_FAILED] = "failed",
		[BF_PC_CLOSED] = "closed",
	};
	struct bf_rtc_participant *participant =
		bf_rtc_registry_find(&hub->registry, event->room_id, event->participant_id);
	struct bf_json *data;

	if (!participant || event->state > BF_PC_CLOSED)
		return;
	if (participant->session) {
		data = bf_json_object();
		bf_json_put_str(data, "pc", bf_rtc_pc_name(event->pc));
		bf_json_put_str(data, "state", names[event->state]);
		bf_rtc_hub_send(hub, participant->session, "pc:state", no_id, data);
		return;
	}
	/* WHIP and WHEP have one connection and no socket: with it, all is over. */
	if (event->state == BF_PC_FAILED)
		bf_rtc_hub_end(hub, participant, true, "failed", BF_RTC_NOT_FOUND,
			"the media connection failed");
	else if (event->state == BF_PC_CLOSED)
		bf_rtc_hub_end(hub, participant, true, "left", BF_RTC_NOT_FOUND,
			"the media connection was closed");
}

void bf_rtc_hub_on_media(struct bf_rtc_hub *hub, struct bf_msg *msg)
{
	switch ((enum bf_media_kind)msg->kind) {
	case BF_MEDIA_SDP:
		on_sdp(hub, (struct bf_media_sdp *)msg);
		return;
	case BF_MEDIA_DONE:
		on_done(hub, (const struct bf_media_done *)msg);
		break;
	case BF_MEDIA_ERROR:
		on_error(hub, (const struct bf_media_error *)msg);
		break;
	case BF_MEDIA_TRACK:
		on_track(hub, (const struct bf_media_track *)msg);
		break;
	case BF_MEDIA_SPEAKERS:
		on_speakers(hub, (struct bf_media_speakers *)msg);
		break;
	case BF_MEDIA_PC_STATE:
		on_pc_state(hub, (const struct bf_media_pc_state *)msg);
		break;
	case BF_MEDIA_LAYER:
		on_layer(hub, (const struct bf_media_layer *)msg);
		break;
	default:
		BF_LOG(hub->conf.log, BF_LOG_WARN, "worker sent a message of unknown kind",
			BF_UINT("kind", msg->kind));
	}
	bf_msg_free(msg);
}
