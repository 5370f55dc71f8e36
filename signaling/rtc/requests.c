#include "signaling/rtc/requests.h"

#include "signaling/rtc/frames.h"
#include "signaling/rtc/hub.h"

#include <errno.h>
#include <stdlib.h>

#define BUSY "the media worker is busy; try again"

static void answer_error(
	const struct bf_rtc_request *request, enum bf_rtc_code code, const char *cause)
{
	bf_rtc_hub_error(request->hub, request->session, request->id, code, cause);
}

/* Whom a worker's answer goes to; NULL, and the client has been told. */
static struct bf_rtc_pending *expect(
	const struct bf_rtc_request *request, enum bf_rtc_pending_kind kind)
{
	struct bf_rtc_pending *pending =
		bf_rtc_hub_expect(request->hub, request->session->participant, kind);

	if (!pending) {
		answer_error(request, BF_RTC_BUSY, BUSY);
		return NULL;
	}
	pending->id_len = request->id.len;
	memcpy(pending->id, request->id.data, request->id.len);
	return pending;
}

/* Takes `msg`, which may be NULL for want of memory. */
static void submit(
	const struct bf_rtc_request *request, struct bf_rtc_pending *pending, struct bf_msg *msg)
{
	if (msg && bf_rtc_hub_post(request->hub, pending->participant, msg) == 0)
		return;
	bf_rtc_hub_forget(request->hub, pending);
	answer_error(request, BF_RTC_BUSY, BUSY);
}

/* ---- session ---- */

void bf_rtc_on_ping(const struct bf_rtc_request *request)
{
	bf_rtc_hub_send(request->hub, request->session, "pong", request->id, bf_json_object());
}

/* The socket moves from `request->session`, which ends, to `session`. */
static void take_over(const struct bf_rtc_request *request, struct bf_rtc_session *session)
{
	struct bf_rtc_sink sink = request->session->sink;
	struct bf_rtc_sink old = session->sink;

	bf_rtc_session_detach(request->session);
	bf_rtc_hub_end_session(request->hub, request->session, NULL);
	if (bf_rtc_session_is_attached(session)) {
		/* Half-open: the client knows that this socket is dead, we do not yet. */
		bf_rtc_session_detach(session);
		old.close(old.arg, BF_RTC_CLOSE_REPLACED, "resumed at another socket");
	}
	bf_list_remove(&session->in_lost);
	bf_rtc_session_attach(session, &sink);
}

void bf_rtc_on_resume(const struct bf_rtc_request *request)
{
	struct bf_rtc_hub *hub = request->hub;
	int64_t last_seq = request->values[BF_RTC_RESUME_LAST_SEQ].number;
	struct bf_map_node *node =
		bf_map_get(&hub->sessions, request->values[BF_RTC_RESUME_TOKEN].text);
	struct bf_rtc_session *session =
		node ? BF_CONTAINER(node, struct bf_rtc_session, by_token) : NULL;
	struct bf_json *data;
	char *text;
	size_t len;
	int missed;

	if (request->session->state != BF_RTC_SESSION_OPEN || session == request->session) {
		answer_error(request, BF_RTC_BAD_STATE, "only a new session can become an old one");
		return;
	}
	missed = session ? bf_rtc_session_missed(session, last_seq) : -ENOENT;
	if (missed < 0) {
		/* Its owner has come back and cannot have it: nobody else may wait for it in vain. */
		if (session)
			bf_rtc_hub_end_session(hub, session, "replaced");
		answer_error(request, BF_RTC_RESUME_FAILED, "the session is gone; join anew");
		return;
	}
	data = bf_json_object();
	bf_json_put_id(data, "connection_id", session->id);
	bf_json_put_int(data, "replayed", missed);
	text = bf_json_print(data, &len);
	bf_json_free(data);
	take_over(request, session);
	bf_metric_add(hub->metrics.resumes, 1);
	BF_LOG(hub->conf.log, BF_LOG_INFO, "session resumed", BF_ID("connection", session->id),
		BF_INT("replayed", missed));
	/* Not numbered: the next number belongs to the frame after the replayed ones. */
	bf_rtc_session_send_unnumbered(session, hub->wall_us, "connection:resumed", request->id,
		bf_bytes(text, text ? len : 0));
	free(text);
	bf_rtc_session_replay(session, last_seq);
}

/* ---- rooms ---- */

/* 0 with the name to use, which the token may fix. */
static int authorize(
	const struct bf_rtc_request *request, struct bf_join_grants *grants, struct bf_bytes *name)
{
	enum bf_rtc_code code;
	const char *why;
	int err =
		bf_rtc_hub_authorize(request->hub, grants, request->values[BF_RTC_JOIN_TOKEN].text,
			request->values[BF_RTC_JOIN_ROOM].text, &code, &why);

	if (err) {
		answer_error(request, code, why);
		return err;
	}
	*name = request->values[BF_RTC_JOIN_NAME].text;
	if (grants->name[0])
		*name = bf_bytes_str(grants->name);
	return 0;
}

static bool ask_to_join(
	const struct bf_rtc_request *request, struct bf_rtc_participant *participant)
{
	struct bf_rtc_pending *pending =
		bf_rtc_hub_expect(request->hub, participant, BF_RTC_PENDING_JOIN);

	if (!pending)
		return false;
	pending->id_len = request->id.len;
	memcpy(pending->id, request->id.data, request->id.len);
	if (bf_rtc_hub_post_join(request->hub, pending) == 0)
		return true;
	bf_rtc_hub_forget(request->hub, pending);
	return false;
}

void bf_rtc_on_join(const struct bf_rtc_request *request)
{
	struct bf_rtc_hub *hub = request->hub;
	struct bf_rtc_session *session = request->session;
	struct bf_rtc_participant *participant;
	struct bf_join_grants grants;
	struct bf_bytes name;
	int err;

	if (authorize(request, &grants, &name) < 0)
		return;
	err = bf_rtc_registry_add(&hub->registry, &participant, bf_bytes_str(grants.org),
		request->values[BF_RTC_JOIN_ROOM].text, name, BF_RTC_BY_SOCKET, NULL);
	if (err) {
		answer_error(request, err == -ENOBUFS ? BF_RTC_ROOM_FULL : BF_RTC_BUSY,
			err == -ENOBUFS ? "the room is full" : "out of memory");
		return;
	}
	participant->session = session;
	participant->grants = grants.grants;
	session->participant = participant;
	session->state = BF_RTC_SESSION_JOINING;
	bf_rtc_hub_refresh_gauges(hub);
	if (!ask_to_join(request, participant)) {
		bf_rtc_hub_end(hub, participant, false, "failed", BF_RTC_BUSY, BUSY);
		answer_error(request, BF_RTC_BUSY, BUSY);
	}
}

void bf_rtc_on_leave(const struct bf_rtc_request *request)
{
	struct bf_json *data = bf_json_object();

	bf_json_put_str(data, "room", request->session->participant->room->name);
	bf_rtc_hub_end(request->hub, request->session->participant, true, "left", BF_RTC_BAD_STATE,
		"left the room before this was done");
	bf_rtc_hub_send(request->hub, request->session, "room:left", request->id, data);
}

/* ---- descriptions and candidates ---- */

static void fill_sources(struct bf_media_offer *msg, const struct bf_json *tracks)
{
	struct bf_rtc_value item[BF_RTC_FIELDS];

	msg->source_count = (uint32_t)bf_json_count(tracks);
	for (uint32_t i = 0; i < msg->source_count; i++) {
		struct bf_media_mid_source *source = &msg->sources[i];

		/* Checked before; this only takes the element apart once more. */
		(void)bf_rtc_schema_check(
			item, bf_rtc_offer_track_fields, bf_json_at(tracks, i), NULL, 0);
		memcpy(source->mid, item[BF_RTC_OFFER_TRACK_MID].text.data,
			item[BF_RTC_OFFER_TRACK_MID].text.len);
		source->source = (uint8_t)(item[BF_RTC_OFFER_TRACK_SOURCE].number + 1);
	}
}

void bf_rtc_on_offer(const struct bf_rtc_request *request)
{
	struct bf_rtc_participant *participant = request->session->participant;
	struct bf_bytes sdp = request->values[BF_RTC_OFFER_SDP].text;
	const struct bf_json *tracks = request->values[BF_RTC_OFFER_TRACKS].list;
	struct bf_rtc_pending *pending;
	struct bf_media_offer *msg;

	if (bf_json_count(tracks) > 0 && !(participant->grants & BF_GRANT_PUBLISH)) {
		answer_error(request, BF_RTC_FORBIDDEN, "the join token does not grant publishing");
		return;
	}
	pending = expect(request, BF_RTC_PENDING_ANSWER);
	if (!pending)
		return;
	msg = bf_msg_new(BF_MEDIA_OFFER, sizeof(*msg) + sdp.len + 1);
	if (msg) {
		msg->request_id = pending->request_id;
		msg->room_id = participant->room->id;
		msg->participant_id = participant->id;
		msg->pc = BF_PC_PUBLISH;
		fill_sources(msg, tracks);
		msg->sdp_len = (uint32_t)sdp.len;
		memcpy(msg->sdp, sdp.data, sdp.len);
	}
	submit(request, pending, msg ? &msg->msg : NULL);
}

void bf_rtc_on_answer(const struct bf_rtc_request *request)
{
	struct bf_rtc_participant *participant = request->session->participant;
	struct bf_bytes sdp = request->values[BF_RTC_ANSWER_SDP].text;
	struct bf_rtc_pending *pending = expect(request, BF_RTC_PENDING_OK);
	struct bf_media_answer *msg;

	if (!pending)
		return;
	msg = bf_msg_new(BF_MEDIA_ANSWER, sizeof(*msg) + sdp.len + 1);
	if (msg) {
		msg->request_id = pending->request_id;
		msg->room_id = participant->room->id;
		msg->participant_id = participant->id;
		msg->sdp_len = (uint32_t)sdp.len;
		memcpy(msg->sdp, sdp.data, sdp.len);
	}
	submit(request, pending, msg ? &msg->msg : NULL);
}

void bf_rtc_on_candidate(const struct bf_rtc_request *request)
{
	struct bf_rtc_participant *participant = request->session->participant;
	struct bf_bytes text = request->values[BF_RTC_CANDIDATE_TEXT].text;
	struct bf_rtc_pending *pending = expect(request, BF_RTC_PENDING_OK);
	struct bf_media_candidate *msg;

	if (!pending)
		return;
	msg = bf_msg_new(BF_MEDIA_CANDIDATE, sizeof(*msg) + text.len + 1);
	if (msg) {
		msg->request_id = pending->request_id;
		msg->room_id = participant->room->id;
		msg->participant_id = participant->id;
		msg->pc = (uint8_t)request->values[BF_RTC_CANDIDATE_PC].number;
		msg->text_len = (uint32_t)text.len;
		memcpy(msg->text, text.data, text.len);
	}
	submit(request, pending, msg ? &msg->msg : NULL);
}

void bf_rtc_on_restart(const struct bf_rtc_request *request)
{
	struct bf_rtc_participant *participant = request->session->participant;
	struct bf_rtc_pending *pending = expect(request, BF_RTC_PENDING_OK);
	struct bf_media_restart *msg;

	if (!pending)
		return;
	msg = bf_msg_new(BF_MEDIA_RESTART, sizeof(*msg));
	if (msg) {
		msg->request_id = pending->request_id;
		msg->room_id = participant->room->id;
		msg->participant_id = participant->id;
		msg->pc = BF_PC_SUBSCRIBE;
	}
	submit(request, pending, msg ? &msg->msg : NULL);
}

/* ---- tracks ---- */

static void control(const struct bf_rtc_request *request, enum bf_track_control what)
{
	struct bf_rtc_participant *participant = request->session->participant;
	struct bf_rtc_pending *pending = expect(request, BF_RTC_PENDING_OK);
	struct bf_media_track_control *msg;

	if (!pending)
		return;
	msg = bf_msg_new(BF_MEDIA_TRACK_CONTROL, sizeof(*msg));
	if (msg) {
		msg->request_id = pending->request_id;
		msg->room_id = participant->room->id;
		msg->participant_id = participant->id;
		msg->track_id = request->values[BF_RTC_CONTROL_TRACK].id;
		msg->control = (uint8_t)what;
		msg->value = (int8_t)request->values[BF_RTC_CONTROL_VALUE].number;
	}
	submit(request, pending, msg ? &msg->msg : NULL);
}

void bf_rtc_on_mute(const struct bf_rtc_request *request)
{
	const struct bf_rtc_participant *participant = request->session->participant;
	const struct bf_rtc_participant *publisher =
		bf_rtc_room_publisher(participant->room, request->values[BF_RTC_CONTROL_TRACK].id);

	/* One that nobody has published yet may be our client's own: the worker knows. */
	if (publisher && publisher != participant) {
		answer_error(request, BF_RTC_FORBIDDEN, "data.track_id: somebody else's track");
		return;
	}
	control(request, BF_TRACK_MUTE);
}

void bf_rtc_on_layer(const struct bf_rtc_request *request)
{
	control(request, BF_TRACK_LAYER);
}

void bf_rtc_on_pause(const struct bf_rtc_request *request)
{
	control(request, BF_TRACK_PAUSE);
}
