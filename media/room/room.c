#include "media/room/peer_priv.h"

#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROOMS_MAX	 16384 /* of one worker; beyond that joins are refused as busy */
#define PARTICIPANTS_MAX 65536 /* of one worker, as many as it has transports at most */

bool bf_room_post(struct bf_rooms *rooms, void *msg)
{
	if (msg)
		rooms->conf.post(rooms->conf.arg, msg);
	else
		BF_LOG(rooms->conf.log, BF_LOG_ERROR, "out of memory for an event");
	return msg != NULL;
}

void bf_room_post_done(
	struct bf_rooms *rooms, uint64_t request_id, uint64_t room_id, uint64_t participant_id)
{
	struct bf_media_done *msg = bf_msg_new(BF_MEDIA_DONE, sizeof(*msg));

	if (msg) {
		msg->request_id = request_id;
		msg->room_id = room_id;
		msg->participant_id = participant_id;
	}
	(void)bf_room_post(rooms, msg);
}

static void post_error(struct bf_rooms *rooms, const struct bf_media_error *who, const char *code,
	const char *cause)
{
	struct bf_media_error *msg = bf_msg_new(BF_MEDIA_ERROR, sizeof(*msg));

	if (msg) {
		msg->request_id = who->request_id;
		msg->room_id = who->room_id;
		msg->participant_id = who->participant_id;
		msg->is_everywhere = who->is_everywhere;
		snprintf(msg->code, sizeof(msg->code), "%s", code);
		snprintf(msg->cause, sizeof(msg->cause), "%s", cause);
	}
	(void)bf_room_post(rooms, msg);
}

void bf_room_post_error(struct bf_rooms *rooms, uint64_t request_id, uint64_t room_id,
	uint64_t participant_id, const char *code, const char *cause)
{
	post_error(rooms,
		&(struct bf_media_error){.request_id = request_id,
			.room_id = room_id,
			.participant_id = participant_id},
		code, cause);
}

void bf_room_post_track(const struct bf_track *track, enum bf_track_event event)
{
	struct bf_room *room = track->participant->room;
	struct bf_media_track *msg = bf_msg_new(BF_MEDIA_TRACK, sizeof(*msg));

	if (msg) {
		msg->room_id = room->id;
		msg->participant_id = track->participant->id;
		msg->track_id = track->id;
		msg->event = (uint8_t)event;
		msg->is_video = track->is_video;
		msg->source = track->source;
		msg->layer_count = (uint8_t)track->layer_count;
		msg->muted = track->is_muted;
		snprintf(msg->codec, sizeof(msg->codec), "%s", bf_codec_name(track->format.codec));
	}
	(void)bf_room_post(room->rooms, msg);
}

void bf_room_post_to_subscriber(const struct bf_sub *sub, enum bf_track_event event, bool is_on)
{
	struct bf_rooms *rooms = bf_conn_rooms(sub->conn);
	struct bf_media_track *msg = bf_msg_new(BF_MEDIA_TRACK, sizeof(*msg));

	if (msg) {
		msg->room_id = sub->conn->participant->room->id;
		msg->participant_id = sub->conn->participant->id;
		msg->track_id = sub->track->id;
		msg->event = (uint8_t)event;
		msg->is_video = sub->is_video;
		msg->muted = is_on;
		snprintf(msg->codec, sizeof(msg->codec), "%s",
			bf_codec_name(sub->track->format.codec));
	}
	(void)bf_room_post(rooms, msg);
}

bool bf_room_post_sdp(struct bf_conn *conn, uint64_t request_id, bool is_offer,
	const struct bf_media_sdp_track *tracks, unsigned track_count, const char *sdp,
	size_t sdp_len)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	struct bf_media_sdp *msg = bf_msg_new(BF_MEDIA_SDP, sizeof(*msg) + sdp_len + 1);

	assert(track_count <= BF_MEDIA_TRACKS_MAX);
	if (msg) {
		msg->request_id = request_id;
		msg->room_id = conn->participant->room->id;
		msg->participant_id = conn->participant->id;
		msg->pc = (uint8_t)conn->pc;
		msg->is_offer = is_offer;
		msg->track_count = track_count;
		if (track_count > 0)
			memcpy(msg->tracks, tracks, track_count * sizeof(*tracks));
		msg->sdp_len = (uint32_t)sdp_len;
		memcpy(msg->sdp, sdp, sdp_len);
	}
	return bf_room_post(rooms, msg);
}

/* ---- rooms and participants ---- */

struct bf_room *bf_rooms_find(struct bf_rooms *rooms, uint64_t room_id)
{
	struct bf_map_node *node = bf_map_get(&rooms->rooms, bf_bytes(&room_id, sizeof(room_id)));

	return node ? BF_CONTAINER(node, struct bf_room, map_node) : NULL;
}

static struct bf_room *find_or_open(struct bf_rooms *rooms, uint64_t room_id, uint64_t org_id)
{
	struct bf_room *room = bf_rooms_find(rooms, room_id);

	if (room)
		return room;
	room = calloc(1, sizeof(*room));
	if (!room)
		return NULL;
	room->id = room_id;
	room->rooms = rooms;
	bf_list_init(&room->participants);
	bf_list_init(&room->due);
	bf_leader_init(room);
	if (bf_org_enter(room, org_id))
		goto fail_room;
	if (bf_map_put(&rooms->rooms, &room->map_node, bf_bytes(&room->id, sizeof(room->id))))
		goto fail_org;
	if (bf_member_open(room))
		goto fail_map;
	rooms->counters.rooms++;
	return room;

fail_map:
	bf_map_remove(&rooms->rooms, &room->map_node);
fail_org:
	bf_org_leave(room);
fail_room:
	free(room);
	return NULL;
}

static void close_room(struct bf_room *room)
{
	bf_member_close(room);
	bf_leader_close(room);
	bf_map_remove(&room->rooms->rooms, &room->map_node);
	bf_org_leave(room);
	room->rooms->counters.rooms--;
	free(room);
}

void bf_room_close_if_empty(struct bf_room *room)
{
	if (room->participant_count == 0 && !room->is_opening)
		close_room(room);
}

static struct bf_participant *find_participant(
	struct bf_rooms *rooms, uint64_t room_id, uint64_t participant_id)
{
	struct bf_participant_key key = {room_id, participant_id};
	struct bf_map_node *node = bf_map_get(&rooms->participants, bf_bytes(&key, sizeof(key)));

	return node ? BF_CONTAINER(node, struct bf_participant, map_node) : NULL;
}

struct bf_participant *bf_room_find_ours(struct bf_room *room, uint64_t participant_id)
{
	return find_participant(room->rooms, room->id, participant_id);
}

/* Ours first: somebody may be here before another worker has told that the same one has left there. */
struct bf_participant *bf_room_find(struct bf_room *room, uint64_t participant_id)
{
	struct bf_participant *ours = bf_room_find_ours(room, participant_id);

	if (ours)
		return ours;
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		if (participant->id == participant_id)
			return participant;
	return NULL;
}

/* NULL without memory, or beyond PARTICIPANTS_MAX. */
static struct bf_participant *add_participant(struct bf_room *room, uint64_t participant_id)
{
	struct bf_participant *participant = calloc(1, sizeof(*participant));

	if (!participant)
		return NULL;
	participant->id = participant_id;
	participant->room = room;
	participant->key = (struct bf_participant_key){room->id, participant_id};
	if (bf_map_put(&room->rooms->participants, &participant->map_node,
		    bf_bytes(&participant->key, sizeof(participant->key)))) {
		free(participant);
		return NULL;
	}
	bf_list_init(&participant->tracks);
	bf_list_append(&room->participants, &participant->node);
	room->participant_count++;
	room->rooms->counters.participants++;
	return participant;
}

/* Why nobody more may come in here; NULL if somebody may. */
static const char *refuse_join(
	struct bf_room *room, const struct bf_media_join *join, const char **code)
{
	struct bf_rooms *rooms = room->rooms;

	*code = "already_joined";
	if (find_participant(rooms, room->id, join->participant_id))
		return "that participant is there";
	*code = "room_full";
	if (room->participant_count >= rooms->conf.room_participant_count_max)
		return "no room for another participant";
	*code = "busy";
	if (bf_overload_refuses_joins(&rooms->overload))
		return "the server is overloaded and takes no new participants now; try again "
		       "later";
	return NULL;
}

static void on_join(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_join *join = (struct bf_media_join *)msg;
	struct bf_room *room = find_or_open(rooms, join->room_id, join->org_id);
	struct bf_participant *participant = NULL;
	const char *code = "busy", *why = "out of memory";
	bool is_everywhere = false;

	if (room)
		why = refuse_join(room, join, &code);
	if (room && !why) {
		why = bf_org_refuse_join(room, join);
		is_everywhere = why != NULL;
	}
	if (room && !why) {
		participant = add_participant(room, join->participant_id);
		why = "out of memory";
	}
	if (!participant) {
		post_error(rooms,
			&(struct bf_media_error){.request_id = join->request_id,
				.room_id = join->room_id,
				.participant_id = join->participant_id,
				.is_everywhere = is_everywhere},
			code, why);
		if (room)
			bf_room_close_if_empty(room);
		return;
	}
	participant->grants = join->grants;
	participant->auto_subscribe = join->auto_subscribe;
	bf_org_set_receiver(participant, join->grants & BF_GRANT_SUBSCRIBE);
	bf_member_tell_joined(participant);
	bf_room_post_done(rooms, join->request_id, join->room_id, join->participant_id);
	bf_subscribe_everything(participant);
}

static void remove_participant(struct bf_participant *participant)
{
	struct bf_room *room = participant->room;

	BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
		bf_track_end(track);
	for (int pc = 0; pc < BF_PC_COUNT; pc++)
		bf_conn_free(participant->conns[pc]);
	bf_leader_on_left(room, participant->id);
	bf_org_set_receiver(participant, false);
	bf_member_tell_left(participant);
	bf_list_remove(&participant->node);
	bf_map_remove(&room->rooms->participants, &participant->map_node);
	room->participant_count--;
	room->rooms->counters.participants--;
	free(participant);
	bf_room_close_if_empty(room);
}

static void on_leave(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_leave *leave = (struct bf_media_leave *)msg;
	struct bf_participant *participant =
		find_participant(rooms, leave->room_id, leave->participant_id);

	if (participant)
		remove_participant(participant);
}

/* ---- requests of one participant: the participant, or an error to the asker ---- */

static struct bf_participant *asker(
	struct bf_rooms *rooms, uint64_t request_id, uint64_t room_id, uint64_t participant_id)
{
	struct bf_participant *participant = find_participant(rooms, room_id, participant_id);

	if (!participant)
		bf_room_post_error(rooms, request_id, room_id, participant_id, "not_joined",
			"the participant is not in the room");
	return participant;
}

static void on_offer(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_offer *offer = (struct bf_media_offer *)msg;
	struct bf_participant *participant =
		asker(rooms, offer->request_id, offer->room_id, offer->participant_id);

	if (!participant)
		return;
	if (offer->pc == BF_PC_PUBLISH)
		bf_publish_on_offer(participant, offer);
	else
		bf_play_on_offer(participant, offer);
}

static void on_answer(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_answer *answer = (struct bf_media_answer *)msg;
	struct bf_participant *participant =
		asker(rooms, answer->request_id, answer->room_id, answer->participant_id);

	if (participant)
		bf_subscribe_on_answer(participant, answer);
}

static void on_candidate(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_candidate *candidate = (struct bf_media_candidate *)msg;
	struct bf_sdp_candidate parsed;
	int err = 0;

	if (!asker(rooms, candidate->request_id, candidate->room_id, candidate->participant_id))
		return;
	if (candidate->text_len > 0)
		err = bf_sdp_parse_candidate(
			&parsed, bf_bytes(candidate->text, candidate->text_len));
	/* ICE-lite never checks on its own: a well-formed candidate needs nothing, a host name of mDNS neither. */
	if (err == -EBADMSG)
		bf_room_post_error(rooms, candidate->request_id, candidate->room_id,
			candidate->participant_id, "bad_request",
			"candidate: not a candidate line");
	else
		bf_room_post_done(rooms, candidate->request_id, candidate->room_id,
			candidate->participant_id);
}

/* New paths do not help where DTLS is over. Where the server offers, it offers a fresh connection. */
static void restart_dead(struct bf_conn *conn, const struct bf_media_restart *restart)
{
	struct bf_participant *participant = conn->participant;
	struct bf_rooms *rooms = bf_conn_rooms(conn);

	if (!participant->auto_subscribe || conn->pc != BF_PC_SUBSCRIBE) {
		bf_room_post_error(rooms, restart->request_id, restart->room_id,
			restart->participant_id, "bad_state", "the connection is over");
		return;
	}
	bf_conn_free(conn);
	bf_subscribe_everything(participant);
	bf_room_post_done(rooms, restart->request_id, restart->room_id, restart->participant_id);
}

static void on_restart(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_restart *restart = (struct bf_media_restart *)msg;
	struct bf_participant *participant =
		asker(rooms, restart->request_id, restart->room_id, restart->participant_id);
	struct bf_conn *conn;

	if (!participant)
		return;
	conn = participant->conns[restart->pc];
	if (!conn || !bf_transport_has_remote(conn->transport)) {
		bf_room_post_error(rooms, restart->request_id, restart->room_id,
			restart->participant_id, "bad_state",
			"there is no such connection to restart");
		return;
	}
	if (!restart->remote_ufrag[0] && (conn->pc == BF_PC_PUBLISH || conn->is_client_offered)) {
		bf_room_post_error(rooms, restart->request_id, restart->room_id,
			restart->participant_id, "bad_state",
			"here the client restarts, by an offer");
		return;
	}
	if (bf_transport_is_dead(conn->transport)) {
		restart_dead(conn, restart);
		return;
	}
	bf_transport_restart_ice(conn->transport);
	if (restart->remote_ufrag[0]) {
		bf_transport_set_remote_ufrag(conn->transport, bf_bytes_str(restart->remote_ufrag));
		if (!bf_room_post_sdp(conn, restart->request_id, false, NULL, 0, rooms->text,
			    bf_negotiate_write_fragment(conn)))
			bf_room_post_error(rooms, restart->request_id, restart->room_id,
				restart->participant_id, "busy", "out of memory");
		return;
	}
	bf_room_post_done(rooms, restart->request_id, restart->room_id, restart->participant_id);
	bf_subscribe_request_offer(conn);
}

static void set_muted(struct bf_track *track, bool is_muted)
{
	if (track->is_muted == is_muted)
		return;
	track->is_muted = is_muted;
	bf_room_post_track(track, BF_TRACK_MUTED);
	bf_feed_tell_state(track);
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		bf_sub_interrupt(sub);
}

static void set_paused(struct bf_sub *sub, bool is_paused)
{
	if (sub->is_paused == is_paused)
		return;
	sub->is_paused = is_paused;
	bf_sub_interrupt(sub);
}

static void on_track_control(struct bf_rooms *rooms, struct bf_msg *msg)
{
	struct bf_media_track_control *control = (struct bf_media_track_control *)msg;
	struct bf_participant *participant =
		asker(rooms, control->request_id, control->room_id, control->participant_id);
	struct bf_track *track;
	struct bf_sub *sub;

	if (!participant)
		return;
	track = bf_track_find(participant->room, control->track_id);
	sub = bf_sub_find(participant, control->track_id);
	if (control->control == BF_TRACK_MUTE && track && track->participant == participant) {
		set_muted(track, control->value != 0);
	} else if (control->control == BF_TRACK_PAUSE && sub) {
		set_paused(sub, control->value != 0);
	} else if (control->control == BF_TRACK_LAYER && sub) {
		sub->wanted = control->value;
		bf_layer_update(sub);
	} else {
		bf_room_post_error(rooms, control->request_id, control->room_id,
			control->participant_id, "not_found",
			control->control == BF_TRACK_MUTE
				? "track_id: not a track of this participant"
				: "track_id: not a track received here");
		return;
	}
	bf_room_post_done(rooms, control->request_id, control->room_id, control->participant_id);
}

static const struct {
	uint16_t kind;
	size_t size_min;
	void (*handler)(struct bf_rooms *rooms, struct bf_msg *msg);
} requests[] = {
	{BF_MEDIA_JOIN, sizeof(struct bf_media_join), on_join},
	{BF_MEDIA_LEAVE, sizeof(struct bf_media_leave), on_leave},
	{BF_MEDIA_OFFER, sizeof(struct bf_media_offer), on_offer},
	{BF_MEDIA_ANSWER, sizeof(struct bf_media_answer), on_answer},
	{BF_MEDIA_CANDIDATE, sizeof(struct bf_media_candidate), on_candidate},
	{BF_MEDIA_RESTART, sizeof(struct bf_media_restart), on_restart},
	{BF_MEDIA_TRACK_CONTROL, sizeof(struct bf_media_track_control), on_track_control},
};

static void handle(struct bf_rooms *rooms, struct bf_msg *msg)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].kind != msg->kind)
			continue;
		assert(msg->size >= requests[i].size_min);
		requests[i].handler(rooms, msg);
		bf_msg_free(msg);
		return;
	}
	assert(!"a request that no worker knows");
}

size_t bf_rooms_bytes(void)
{
	return sizeof(struct bf_rooms) + sizeof(struct bf_sdp) +
	       BF_SDP_MEDIA * sizeof(struct bf_sdp_media) + BF_SDP_TEXT_MAX;
}

void bf_rooms_on_request(struct bf_rooms *rooms, struct bf_msg *msg)
{
	const struct bf_media_join *join = (const struct bf_media_join *)msg;
	struct bf_room *room;

	if (msg->kind == BF_MEDIA_JOIN)
		room = find_or_open(rooms, join->room_id, join->org_id);
	else if (msg->kind == BF_MEDIA_LEAVE)
		room = bf_rooms_find(rooms, ((const struct bf_media_leave *)msg)->room_id);
	else
		room = bf_rooms_find(rooms, bf_member_room_id(msg));
	if (room && room->is_opening)
		bf_member_hold(room, msg);
	else
		handle(rooms, msg);
}

int bf_rooms_new(struct bf_rooms **out, const struct bf_rooms_conf *conf)
{
	struct bf_rooms *rooms = calloc(1, sizeof(*rooms));
	int err = -ENOMEM;

	if (!rooms)
		return err;
	rooms->conf = *conf;
	bf_feed_init(rooms);
	bf_mirror_init(rooms);
	rooms->parsed = calloc(1, sizeof(*rooms->parsed));
	rooms->written = calloc(BF_SDP_MEDIA, sizeof(*rooms->written));
	rooms->text = malloc(BF_SDP_TEXT_MAX);
	bf_forward_init(rooms);
	bf_overload_init(&rooms->overload, conf->transit_budget_us);
	if (rooms->parsed && rooms->written && rooms->text)
		err = bf_map_init(&rooms->rooms, 64, ROOMS_MAX);
	if (!err)
		err = bf_map_init(&rooms->participants, 64, PARTICIPANTS_MAX);
	if (!err)
		err = bf_map_init(&rooms->orgs, 16, ROOMS_MAX); /* each has a room */
	if (err)
		goto fail_map;
	err = bf_pacers_init(&rooms->pacers, conf->pacer_block_count, bf_loop_now_us(conf->loop));
	if (err)
		goto fail_map;
	err = bf_peer_init(rooms);
	if (err)
		goto fail_pacers;
	*out = rooms;
	return 0;

fail_pacers:
	bf_pacers_deinit(&rooms->pacers);
fail_map:
	bf_map_deinit(&rooms->orgs);
	bf_map_deinit(&rooms->participants);
	bf_map_deinit(&rooms->rooms);
	free(rooms->parsed);
	free(rooms->written);
	free(rooms->text);
	free(rooms);
	return err;
}

static void empty_room(struct bf_room *room)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node) {
		bool is_last = room->participant_count == 1;

		if (participant->is_remote)
			continue;
		remove_participant(participant);
		if (is_last)
			return; /* the room has gone with it */
	}
	close_room(room); /* still opening */
}

void bf_rooms_free(struct bf_rooms *rooms)
{
	struct bf_map_node *node;

	if (!rooms)
		return;
	while ((node = bf_map_next(&rooms->rooms, NULL)))
		empty_room(BF_CONTAINER(node, struct bf_room, map_node));
	bf_mirror_deinit(rooms);
	bf_feed_deinit(rooms);
	bf_peer_deinit(rooms);
	bf_forward_deinit(rooms);
	bf_pacers_deinit(&rooms->pacers);
	bf_map_deinit(&rooms->orgs);
	bf_map_deinit(&rooms->rooms);
	bf_map_deinit(&rooms->participants);
	free(rooms->parsed);
	free(rooms->written);
	free(rooms->text);
	free(rooms);
}

const struct bf_rooms_counters *bf_rooms_counters(const struct bf_rooms *rooms)
{
	return &rooms->counters;
}

const struct bf_pacers *bf_rooms_pacers(const struct bf_rooms *rooms)
{
	return &rooms->pacers;
}

const struct bf_overload *bf_rooms_overload(const struct bf_rooms *rooms)
{
	return &rooms->overload;
}
