#include "signaling/rtc/hub.h"

#include "core/base/id.h"
#include "signaling/rtc/frames.h"
#include "signaling/rtc/whip.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PENDINGS_MAX 65536 /* of all participants */

/* ---- life ---- */

static int register_families(struct bf_rtc_hub *hub)
{
	struct bf_rtc_metrics *m = &hub->metrics;
	const struct {
		struct bf_metric **slot;
		enum bf_metric_kind kind;
		const char *name, *help;
	} singles[] = {
		{&m->rooms, BF_METRIC_GAUGE, "belfry_rooms", "Rooms with somebody in them."},
		{&m->participants, BF_METRIC_GAUGE, "belfry_participants",
			"Participants of all rooms, WHIP and WHEP included."},
		{&m->sessions, BF_METRIC_GAUGE, "belfry_sessions",
			"WebSocket sessions, those waiting for their client to come back "
			"included."},
		{&m->whip_sessions, BF_METRIC_GAUGE, "belfry_whip_sessions",
			"WHIP and WHEP resources."},
		{&m->resumes, BF_METRIC_COUNTER, "belfry_resumes_total",
			"Sessions that went on at another socket."},
	};

	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		*singles[i].slot = bf_metric_new(
			hub->conf.metrics, singles[i].kind, singles[i].name, NULL, singles[i].help);
		if (!*singles[i].slot)
			return -ENOMEM;
	}
	return 0;
}

static int register_metrics(struct bf_rtc_hub *hub)
{
	struct bf_rtc_metrics *m = &hub->metrics;
	char labels[64];

	for (size_t i = 0; i <= BF_RTC_MESSAGE_TYPES; i++) {
		snprintf(labels, sizeof(labels), "type=\"%s\"",
			i < BF_RTC_MESSAGE_TYPES ? bf_rtc_messages[i].type : "unknown");
		m->messages[i] = bf_metric_new(hub->conf.metrics, BF_METRIC_COUNTER,
			"belfry_messages_total", labels, "Messages from WebSocket clients.");
		if (!m->messages[i])
			return -ENOMEM;
	}
	for (size_t i = 0; i < BF_RTC_CODE_COUNT; i++) {
		snprintf(labels, sizeof(labels), "code=\"%s\"",
			bf_rtc_code_name((enum bf_rtc_code)i));
		m->errors[i] = bf_metric_new(hub->conf.metrics, BF_METRIC_COUNTER,
			"belfry_message_errors_total", labels,
			"Errors answered to WebSocket clients.");
		if (!m->errors[i])
			return -ENOMEM;
	}
	return register_families(hub);
}

static int init_maps(struct bf_rtc_hub *hub)
{
	int err = bf_map_init(&hub->sessions, 64, BF_RTC_SESSIONS_MAX);

	if (err)
		return err;
	err = bf_map_init(&hub->whip_sessions, 16, BF_RTC_WHIP_SESSIONS);
	if (err)
		goto fail_sessions;
	err = bf_map_init(&hub->pendings, 64, PENDINGS_MAX);
	if (err)
		goto fail_whip;
	return 0;

fail_whip:
	bf_map_deinit(&hub->whip_sessions);
fail_sessions:
	bf_map_deinit(&hub->sessions);
	return err;
}

int bf_rtc_hub_init(struct bf_rtc_hub *hub, const struct bf_rtc_hub_conf *conf)
{
	int err;

	memset(hub, 0, sizeof(*hub));
	hub->conf = *conf;
	if (!hub->conf.resume_us)
		hub->conf.resume_us = BF_RTC_RESUME_US;
	if (!hub->conf.answer_us)
		hub->conf.answer_us = BF_RTC_ANSWER_US;
	bf_list_init(&hub->all_sessions);
	bf_list_init(&hub->lost_sessions);
	bf_list_init(&hub->pending_list);
	bf_list_init(&hub->leaves);
	err = register_metrics(hub);
	if (err)
		return err;
	err = bf_rtc_registry_init(&hub->registry,
		&(struct bf_rtc_registry_conf){.media = conf->media,
			.room_participant_count_max = conf->room_participant_count_max,
			.is_round_robin = conf->is_round_robin});
	if (err)
		return err;
	err = init_maps(hub);
	if (err)
		bf_rtc_registry_deinit(&hub->registry);
	return err;
}

/* Out of all lists, without a word to anybody. */
static void discard_participant(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant)
{
	BF_LIST_EACH(pending, &participant->pendings, struct bf_rtc_pending, in_participant)
		bf_rtc_hub_forget(hub, pending);
	if (participant->whip)
		bf_rtc_whip_free(hub, participant->whip);
	if (participant->session)
		participant->session->participant = NULL;
	bf_rtc_leave_free(bf_rtc_registry_remove(&hub->registry, participant));
}

static void session_free(struct bf_rtc_hub *hub, struct bf_rtc_session *session)
{
	if (bf_rtc_session_is_attached(session))
		bf_rtc_session_detach(session);
	bf_list_remove(&session->in_all);
	bf_list_remove(&session->in_lost);
	bf_map_remove(&hub->sessions, &session->by_token);
	bf_rtc_session_free(session);
}

void bf_rtc_hub_deinit(struct bf_rtc_hub *hub)
{
	struct bf_map_node *node;

	while ((node = bf_map_next(&hub->registry.participants, NULL)) != NULL)
		discard_participant(hub, BF_CONTAINER(node, struct bf_rtc_participant, by_id));
	BF_LIST_EACH(session, &hub->all_sessions, struct bf_rtc_session, in_all)
		session_free(hub, session);
	BF_LIST_EACH(leave, &hub->leaves, struct bf_rtc_leave, node) {
		bf_list_remove(&leave->node);
		bf_rtc_leave_free(leave);
	}
	bf_map_deinit(&hub->pendings);
	bf_map_deinit(&hub->whip_sessions);
	bf_map_deinit(&hub->sessions);
	bf_rtc_registry_deinit(&hub->registry);
}

void bf_rtc_hub_set_time(struct bf_rtc_hub *hub, int64_t now_us, int64_t wall_us)
{
	hub->now_us = now_us;
	hub->wall_us = wall_us;
}

void bf_rtc_hub_refresh_gauges(struct bf_rtc_hub *hub)
{
	bf_metric_set(hub->metrics.rooms, (int64_t)hub->registry.rooms_by_id.entry_count);
	bf_metric_set(hub->metrics.participants, (int64_t)hub->registry.participants.entry_count);
	bf_metric_set(hub->metrics.sessions, (int64_t)hub->sessions.entry_count);
	bf_metric_set(hub->metrics.whip_sessions, (int64_t)hub->whip_sessions.entry_count);
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t bf_rtc_hub_deadline_us(const struct bf_rtc_hub *hub)
{
	const struct bf_list *lost = bf_list_first(&hub->lost_sessions);
	const struct bf_list *pending = bf_list_first(&hub->pending_list);
	int64_t at_us = INT64_MAX;

	/* Both lists are in the order of their deadlines: what is appended waits equally long. */
	if (lost)
		at_us = BF_CONTAINER(lost, struct bf_rtc_session, in_lost)->lost_until_us;
	if (pending)
		at_us = earlier(
			at_us, BF_CONTAINER(pending, struct bf_rtc_pending, in_hub)->until_us);
	if (!bf_list_is_empty(&hub->leaves))
		at_us = earlier(at_us, hub->leave_retry_us);
	return at_us;
}

static void retry_leaves(struct bf_rtc_hub *hub)
{
	BF_LIST_EACH(leave, &hub->leaves, struct bf_rtc_leave, node) {
		if (hub->conf.media.post(hub->conf.media.arg, leave->worker, &leave->msg->msg) < 0)
			continue;
		leave->msg = NULL;
		bf_list_remove(&leave->node);
		bf_rtc_leave_free(leave);
	}
	hub->leave_retry_us = hub->now_us + BF_RTC_LEAVE_RETRY_US;
}

void bf_rtc_hub_expire(struct bf_rtc_hub *hub)
{
	struct bf_list *node;

	while ((node = bf_list_first(&hub->pending_list)) != NULL) {
		struct bf_rtc_pending *pending = BF_CONTAINER(node, struct bf_rtc_pending, in_hub);

		if (pending->until_us > hub->now_us)
			break;
		bf_rtc_hub_fail(
			hub, pending, BF_RTC_BUSY, "the media worker did not answer in time");
	}
	while ((node = bf_list_first(&hub->lost_sessions)) != NULL) {
		struct bf_rtc_session *session = BF_CONTAINER(node, struct bf_rtc_session, in_lost);

		if (session->lost_until_us > hub->now_us)
			break;
		bf_rtc_hub_end_session(hub, session, "timeout");
	}
	if (!bf_list_is_empty(&hub->leaves) && hub->leave_retry_us <= hub->now_us)
		retry_leaves(hub);
}

/* ---- sending ---- */

void bf_rtc_hub_send(struct bf_rtc_hub *hub, struct bf_rtc_session *session, const char *type,
	struct bf_bytes id, struct bf_json *data)
{
	size_t len = 0;
	char *text = bf_json_print(data, &len);

	bf_json_free(data);
	bf_rtc_session_send(session, hub->wall_us, type, id, bf_bytes(text, text ? len : 0));
	free(text);
}

void bf_rtc_hub_error(struct bf_rtc_hub *hub, struct bf_rtc_session *session, struct bf_bytes id,
	enum bf_rtc_code code, const char *cause)
{
	bf_metric_add(hub->metrics.errors[code], 1);
	bf_rtc_hub_send(
		hub, session, "error", id, bf_rtc_frame_error(bf_rtc_code_name(code), cause, id));
}

void bf_rtc_hub_broadcast(struct bf_rtc_hub *hub, const struct bf_rtc_room *room,
	const struct bf_rtc_participant *except, const char *type, struct bf_json *data)
{
	size_t len = 0;
	char *text = bf_json_print(data, &len);

	bf_json_free(data);
	BF_LIST_EACH(at, &room->participants, struct bf_rtc_participant, in_room) {
		if (at != except && at->session && at->state == BF_RTC_PARTICIPANT_SHOWN)
			bf_rtc_session_send(at->session, hub->wall_us, type, bf_bytes(NULL, 0),
				bf_bytes(text, text ? len : 0));
	}
	free(text);
}

/* ---- sessions ---- */

static struct bf_json *greeting(const struct bf_rtc_hub *hub, const struct bf_rtc_session *session)
{
	struct bf_json *data = bf_json_object();
	struct bf_json *server = bf_json_object();
	struct bf_json *limits = bf_json_object();
	char name[BF_ID_TEXT];

	bf_json_put_str(server, "name", "belfry");
	bf_json_put_str(server, "version", hub->conf.version);
	bf_json_put_int(limits, "message_bytes", BF_RTC_MESSAGE_MAX);
	bf_json_put_int(limits, "data_message_bytes", BF_RTC_DATA_MAX);
	bf_json_put_int(limits, "room_participants", hub->conf.room_participant_count_max);
	bf_json_put_id(data, "connection_id", session->id);
	bf_json_put_str(data, "resume_token", session->token);
	bf_json_put(data, "server", server);
	bf_json_put_str(data, "auth", hub->conf.verify ? "token" : "open");
	bf_json_put(data, "ice_servers",
		bf_ice_servers_json(&hub->conf.ice_servers, hub->wall_us / 1000000,
			bf_id_format(session->id, name)));
	bf_json_put(data, "limits", limits);
	bf_json_put_int(data, "ping_interval_ms", BF_RTC_PING_MS);
	return data;
}

/* The session that has been without a socket for longest, of those in no room: its client loses nothing but its number. */
static bool make_way(struct bf_rtc_hub *hub)
{
	BF_LIST_EACH(session, &hub->lost_sessions, struct bf_rtc_session, in_lost) {
		if (session->state != BF_RTC_SESSION_OPEN)
			continue;
		session_free(hub, session);
		return true;
	}
	return false;
}

int bf_rtc_hub_open(struct bf_rtc_hub *hub, const struct bf_rtc_sink *sink)
{
	struct bf_rtc_session *session;
	int err;

	if (hub->state != BF_RTC_HUB_OPEN)
		return -EBUSY;
	if (hub->sessions.entry_count == BF_RTC_SESSIONS_MAX && !make_way(hub))
		return -EBUSY;
	err = bf_rtc_session_new(&session, hub->now_us);
	if (err)
		return -EBUSY;
	err = bf_map_put(&hub->sessions, &session->by_token, bf_bytes_str(session->token));
	if (err) {
		bf_rtc_session_free(session);
		return -EBUSY;
	}
	bf_list_append(&hub->all_sessions, &session->in_all);
	bf_rtc_session_attach(session, sink);
	bf_rtc_hub_refresh_gauges(hub);
	bf_rtc_hub_send(
		hub, session, "connection_established", bf_bytes(NULL, 0), greeting(hub, session));
	return 0;
}

void bf_rtc_hub_lost(struct bf_rtc_hub *hub, struct bf_rtc_session *session)
{
	bf_rtc_session_detach(session);
	session->lost_until_us = hub->now_us + hub->conf.resume_us;
	bf_list_append(&hub->lost_sessions, &session->in_lost);
}

void bf_rtc_hub_left(struct bf_rtc_hub *hub, struct bf_rtc_session *session)
{
	bf_rtc_session_detach(session);
	bf_rtc_hub_end_session(hub, session, "left");
}

void bf_rtc_hub_end_session(
	struct bf_rtc_hub *hub, struct bf_rtc_session *session, const char *reason)
{
	if (session->participant)
		bf_rtc_hub_end(hub, session->participant, true, reason, BF_RTC_BAD_STATE,
			"the session has ended");
	if (bf_rtc_session_is_attached(session)) {
		struct bf_rtc_sink sink = session->sink;

		bf_rtc_session_detach(session);
		sink.close(sink.arg, BF_RTC_CLOSE_REPLACED, "the session has ended");
	}
	session_free(hub, session);
	bf_rtc_hub_refresh_gauges(hub);
}

/* Clients come back spread over this time, so that the next server is not met by all at once. */
#define RECONNECT_MIN_MS  500
#define RECONNECT_SPAN_MS 2500

void bf_rtc_hub_close(struct bf_rtc_hub *hub)
{
	struct bf_map_node *node;

	hub->state = BF_RTC_HUB_CLOSING;
	BF_LIST_EACH(session, &hub->all_sessions, struct bf_rtc_session, in_all) {
		struct bf_json *data = bf_json_object();

		bf_json_put_str(data, "reason", "shutdown");
		bf_json_put_int(data, "reconnect_ms",
			RECONNECT_MIN_MS + (int64_t)(session->id % RECONNECT_SPAN_MS));
		bf_rtc_hub_send(hub, session, "server:closing", bf_bytes(NULL, 0), data);
	}
	/* Sockets first: nobody needs to hear of everybody else leaving. */
	BF_LIST_EACH(session, &hub->all_sessions, struct bf_rtc_session, in_all) {
		struct bf_rtc_sink sink = session->sink;

		if (!sink.send)
			continue;
		bf_rtc_session_detach(session);
		sink.close(sink.arg, 1001, "the server is closing");
	}
	while ((node = bf_map_next(&hub->registry.participants, NULL)) != NULL)
		bf_rtc_hub_end(hub, BF_CONTAINER(node, struct bf_rtc_participant, by_id), true,
			"left", BF_RTC_BUSY, "the server is closing");
	BF_LIST_EACH(session, &hub->all_sessions, struct bf_rtc_session, in_all)
		session_free(hub, session);
	bf_rtc_hub_refresh_gauges(hub);
}

bool bf_rtc_hub_is_idle(const struct bf_rtc_hub *hub)
{
	return hub->registry.participants.entry_count == 0 && bf_list_is_empty(&hub->leaves);
}

/* ---- participants ---- */

int bf_rtc_hub_authorize(const struct bf_rtc_hub *hub, struct bf_join_grants *out,
	struct bf_bytes token, struct bf_bytes room, enum bf_rtc_code *code, const char **why)
{
	struct bf_join_grants grants = {
		.room = "*",
		.grants = BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA,
	};

	*code = BF_RTC_UNAUTHORIZED;
	if (hub->state != BF_RTC_HUB_OPEN) {
		*code = BF_RTC_BUSY;
		*why = "the server is closing";
		return -ECANCELED;
	}
	if (!hub->conf.verify) {
		*out = grants;
		return 0;
	}
	if (!token.data || token.len == 0) {
		*why = "a join token is required";
		return -EACCES;
	}
	if (hub->conf.verify(hub->conf.verify_arg, &grants, token, hub->wall_us / 1000000, why) < 0)
		return -EACCES;
	*code = BF_RTC_FORBIDDEN;
	if (strcmp(grants.room, "*") != 0 && !bf_bytes_is(room, grants.room)) {
		*why = "the join token is for another room";
		return -EACCES;
	}
	if (grants.name[0] && !bf_rtc_is_display_name(bf_bytes_str(grants.name))) {
		*why = "the join token fixes a name that is not allowed";
		return -EACCES;
	}
	*out = grants;
	return 0;
}

static void tell_presence(
	struct bf_rtc_hub *hub, const struct bf_rtc_participant *participant, bool is_here)
{
	static const char *const kinds[] = {[BF_RTC_BY_SOCKET] = "socket",
		[BF_RTC_BY_WHIP] = "whip",
		[BF_RTC_BY_WHEP] = "whep"};
	const struct bf_rtc_presence presence = {.room_id = participant->room->id,
		.participant_id = participant->id,
		.org = participant->room->org,
		.room = participant->room->name,
		.name = participant->name,
		.kind = kinds[participant->kind],
		.worker = participant->worker,
		.wall_us = hub->wall_us};

	if (hub->conf.on_presence)
		hub->conf.on_presence(hub->conf.presence_arg, &presence, is_here);
}

void bf_rtc_hub_show(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant)
{
	if (participant->state == BF_RTC_PARTICIPANT_SHOWN)
		return;
	participant->state = BF_RTC_PARTICIPANT_SHOWN;
	BF_LOG(hub->conf.log, BF_LOG_INFO, "participant joined",
		BF_STR("org", participant->room->org), BF_STR("room", participant->room->name),
		BF_ID("participant", participant->id), BF_UINT("worker", participant->worker));
	tell_presence(hub, participant, true);
	if (participant->kind != BF_RTC_BY_WHEP)
		bf_rtc_hub_broadcast(hub, participant->room, participant, "participant:joined",
			bf_rtc_frame_participant(participant));
}

static void post_leave(struct bf_rtc_hub *hub, struct bf_rtc_leave *leave)
{
	if (hub->conf.media.post(hub->conf.media.arg, leave->worker, &leave->msg->msg) == 0) {
		leave->msg = NULL;
		bf_rtc_leave_free(leave);
		return;
	}
	if (bf_list_is_empty(&hub->leaves))
		hub->leave_retry_us = hub->now_us + BF_RTC_LEAVE_RETRY_US;
	bf_list_append(&hub->leaves, &leave->node);
}

/* Tell whoever waits, and forget the request. */
static void answer_failed(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending,
	enum bf_rtc_code code, const char *cause)
{
	struct bf_rtc_session *session = pending->participant->session;

	if (session)
		bf_rtc_hub_error(hub, session, bf_bytes(pending->id, pending->id_len), code, cause);
	else if (pending->exchange_id)
		bf_rtc_whip_refuse(hub, pending->exchange_id, bf_rtc_code_status(code),
			bf_rtc_code_name(code), cause);
	bf_rtc_hub_forget(hub, pending);
}

void bf_rtc_hub_end(struct bf_rtc_hub *hub, struct bf_rtc_participant *participant, bool is_known,
	const char *reason, enum bf_rtc_code code, const char *cause)
{
	bool was_shown = participant->state == BF_RTC_PARTICIPANT_SHOWN;
	struct bf_rtc_session *session = participant->session;
	struct bf_rtc_leave *leave;

	BF_LIST_EACH(pending, &participant->pendings, struct bf_rtc_pending, in_participant)
		answer_failed(hub, pending, code, cause);
	if (session) {
		session->participant = NULL;
		session->state = BF_RTC_SESSION_OPEN;
	}
	if (participant->whip)
		bf_rtc_whip_free(hub, participant->whip);
	if (was_shown) {
		BF_LOG(hub->conf.log, BF_LOG_INFO, "participant left",
			BF_STR("org", participant->room->org),
			BF_STR("room", participant->room->name),
			BF_ID("participant", participant->id), BF_STR("reason", reason));
		tell_presence(hub, participant, false);
		if (participant->kind != BF_RTC_BY_WHEP)
			bf_rtc_hub_broadcast(hub, participant->room, participant,
				"participant:left", bf_rtc_frame_left(participant->id, reason));
	}
	leave = bf_rtc_registry_remove(&hub->registry, participant);
	if (is_known)
		post_leave(hub, leave);
	else
		bf_rtc_leave_free(leave);
	bf_rtc_hub_refresh_gauges(hub);
}

/* ---- requests to workers ---- */

struct bf_rtc_pending *bf_rtc_hub_expect(struct bf_rtc_hub *hub,
	struct bf_rtc_participant *participant, enum bf_rtc_pending_kind kind)
{
	struct bf_rtc_pending *pending;

	if (participant->pending_count == BF_RTC_PENDINGS_MAX)
		return NULL;
	pending = calloc(1, sizeof(*pending));
	if (!pending)
		return NULL;
	pending->request_id = ++hub->last_request_id;
	if (bf_map_put(&hub->pendings, &pending->by_id,
		    bf_bytes(&pending->request_id, sizeof(pending->request_id))) < 0) {
		free(pending);
		return NULL;
	}
	pending->kind = kind;
	pending->participant = participant;
	pending->until_us = hub->now_us + hub->conf.answer_us;
	bf_list_append(&hub->pending_list, &pending->in_hub);
	bf_list_append(&participant->pendings, &pending->in_participant);
	participant->pending_count++;
	return pending;
}

void bf_rtc_hub_forget(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending)
{
	bf_map_remove(&hub->pendings, &pending->by_id);
	bf_list_remove(&pending->in_hub);
	bf_list_remove(&pending->in_participant);
	pending->participant->pending_count--;
	free(pending);
}

int bf_rtc_hub_post(
	struct bf_rtc_hub *hub, const struct bf_rtc_participant *participant, struct bf_msg *msg)
{
	int err = hub->conf.media.post(hub->conf.media.arg, participant->worker, msg);

	if (err)
		bf_msg_free(msg);
	return err;
}

static int post_join(struct bf_rtc_hub *hub, const struct bf_rtc_pending *pending)
{
	const struct bf_rtc_participant *participant = pending->participant;
	struct bf_media_join *msg = bf_msg_new(BF_MEDIA_JOIN, sizeof(*msg));

	if (!msg)
		return -ENOMEM;
	msg->request_id = pending->request_id;
	msg->room_id = participant->room->id;
	msg->participant_id = participant->id;
	msg->org_id = participant->room->org_id;
	msg->grants = participant->grants;
	msg->auto_subscribe =
		participant->kind == BF_RTC_BY_SOCKET && (participant->grants & BF_GRANT_SUBSCRIBE);
	return bf_rtc_hub_post(hub, participant, &msg->msg);
}

int bf_rtc_hub_post_join(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending)
{
	int err = post_join(hub, pending);

	if (err == -ENOBUFS && bf_rtc_registry_move(&hub->registry, pending->participant))
		err = post_join(hub, pending);
	return err;
}

bool bf_rtc_hub_join_elsewhere(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending)
{
	return pending->kind == BF_RTC_PENDING_JOIN &&
	       bf_rtc_registry_move(&hub->registry, pending->participant) &&
	       post_join(hub, pending) == 0;
}

void bf_rtc_hub_fail(struct bf_rtc_hub *hub, struct bf_rtc_pending *pending, enum bf_rtc_code code,
	const char *cause)
{
	switch (pending->kind) {
	case BF_RTC_PENDING_JOIN:
	case BF_RTC_PENDING_WHIP_JOIN:
	case BF_RTC_PENDING_WHIP_OFFER:
		bf_rtc_hub_end(hub, pending->participant, true, "failed", code, cause);
		break;
	default:
		answer_failed(hub, pending, code, cause);
	}
}
