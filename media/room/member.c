/* Which workers have a room: how they find each other, tell each other what there is, and part.
 *
 * There is no coordinator. Whoever opens a room says HELLO to every other worker. Who does not have it is AWAY; who has it takes the
 * newcomer as a member, tells all it has and ends with COMPLETE. As inboxes keep the order of each sender, two that open a room
 * at the same time hear each other's HELLO before each other's answer, and both become members. Requests for the room wait until all
 * have answered, so that what a client asks right after joining finds the whole room.
 *
 * Messages can be lost for want of memory or room in queues. Then the sender says HELLO once more and repeats all it has to say; what
 * the receiver is not told again it forgets (it was in doubt). The farewell must not be lost: its memory is that of a message that
 * came in while joining. */
#include "media/room/peer_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define ASK_AGAIN_US BF_MS(200) /* a worker that turns at all answers in a few ms */
#define ASK_LATER_US BF_SEC(1)	/* one that does not answer for long */
#define REPAIR_US    BF_MS(50)	/* what was short a moment ago may be there again */
#define OPENING_US   BF_SEC(1)	/* then the room goes on without those that have not answered */

static int64_t now_us(const struct bf_room *room)
{
	return bf_loop_now_us(room->rooms->conf.loop);
}

/* ---- asking and telling ---- */

static void send_end(struct bf_room *room, unsigned worker, uint32_t ask)
{
	struct bf_peer_hello *end = bf_peer_msg_new(room, worker, BF_PEER_COMPLETE, sizeof(*end));

	if (end)
		end->ask = ask;
	bf_peer_tell(room, worker, end);
}

static void tell_participant(
	const struct bf_participant *participant, unsigned worker, enum bf_peer_kind kind)
{
	struct bf_room *room = participant->room;
	struct bf_peer_participant *msg = bf_peer_msg_new(room, worker, kind, sizeof(*msg));

	if (msg) {
		msg->participant_id = participant->id;
		msg->is_receiver = participant->is_receiver;
	}
	bf_peer_tell(room, worker, msg);
}

static void tell_everything(struct bf_room *room, unsigned worker, uint32_t ask)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node) {
		if (participant->is_remote)
			continue;
		tell_participant(participant, worker, BF_PEER_JOINED);
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			bf_feed_announce_to(track, worker);
	}
	bf_mirror_repeat_wants(room, worker);
	bf_leader_tell(room, worker);
	send_end(room, worker, ask);
}

static void say_hello(struct bf_room *room, unsigned worker)
{
	struct bf_member *member = &room->members[worker];
	struct bf_peer_hello *hello = bf_peer_msg_new(room, worker, BF_PEER_HELLO, sizeof(*hello));

	member->is_behind = false;
	member->is_asked = true;
	member->ask = ++room->last_ask;
	if (hello)
		hello->ask = member->ask;
	bf_mirror_doubt(room, worker);
	bf_peer_tell(room, worker, hello);
	if (!room->is_opening)
		tell_everything(room, worker, 0);
}

static void wake(struct bf_room *room, int64_t at_us)
{
	if (!room->peer_timer.is_armed || at_us < room->peer_timer.at_us)
		bf_timer_arm(&room->peer_timer, at_us);
}

void bf_member_repair(struct bf_room *room, unsigned worker)
{
	room->members[worker].is_behind = true;
	wake(room, now_us(room) + REPAIR_US);
}

void bf_member_tell_joined(const struct bf_participant *participant)
{
	for (unsigned i = 0; i < participant->room->rooms->conf.worker_count; i++)
		if (participant->room->members[i].is_member)
			tell_participant(participant, i, BF_PEER_JOINED);
}

void bf_member_tell_left(const struct bf_participant *participant)
{
	for (unsigned i = 0; i < participant->room->rooms->conf.worker_count; i++)
		if (participant->room->members[i].is_member)
			tell_participant(participant, i, BF_PEER_LEFT);
}

/* ---- opening ---- */

/* What has waited is handled as if it came now. The room may be gone after that. */
static void complete(struct bf_room *room)
{
	struct bf_rooms *rooms = room->rooms;
	struct bf_msg **held = room->held;
	size_t count = room->held_count;
	uint64_t room_id = room->id;

	room->is_opening = false;
	room->held = NULL;
	room->held_count = 0;
	room->held_room = 0;
	bf_leader_update(room);
	for (size_t i = 0; i < count; i++)
		bf_rooms_on_request(rooms, held[i]);
	free(held);
	room = bf_rooms_find(rooms, room_id);
	if (room) /* everybody has left meanwhile */
		bf_room_close_if_empty(room);
}

static bool is_asked(const struct bf_room *room)
{
	for (unsigned i = 0; i < room->rooms->conf.worker_count; i++)
		if (room->members[i].is_asked)
			return true;
	return false;
}

static void complete_if_answered(struct bf_room *room)
{
	if (room->is_opening && !is_asked(room))
		complete(room);
}

static void on_timer(void *arg)
{
	struct bf_room *room = arg;
	bool is_late = now_us(room) - room->opened_us >= OPENING_US;
	bool is_due = false;

	for (unsigned i = 0; i < room->rooms->conf.worker_count; i++) {
		if (!room->members[i].is_asked && !room->members[i].is_behind)
			continue;
		say_hello(room, i);
		is_due = true;
	}
	if (is_due)
		wake(room, now_us(room) + (is_late ? ASK_LATER_US : ASK_AGAIN_US));
	if (room->is_opening && is_late) {
		BF_LOG(room->rooms->conf.log, BF_LOG_WARN,
			"room opens without a worker that does not answer",
			BF_UINT("worker", room->rooms->conf.worker), BF_ID("room", room->id));
		complete(room);
	}
}

int bf_member_open(struct bf_room *room)
{
	unsigned count = room->rooms->conf.worker_count;

	bf_timer_init(&room->peer_timer, room->rooms->conf.loop, on_timer, room);
	room->opened_us = now_us(room);
	room->life = ++room->rooms->last_life;
	if (room->life == 0) /* means unknown */
		room->life = ++room->rooms->last_life;
	if (count > 0) {
		room->members = calloc(count, sizeof(*room->members));
		if (!room->members)
			return -ENOMEM;
	}
	room->is_opening = count > 1;
	for (unsigned i = 0; i < count; i++)
		if (i != room->rooms->conf.worker)
			say_hello(room, i);
	if (room->is_opening)
		wake(room, now_us(room) + ASK_AGAIN_US);
	else
		bf_leader_update(room);
	return 0;
}

/* ---- requests that wait ---- */

/* What every request but BF_MEDIA_LEAVE begins with. */
struct request {
	struct bf_msg msg;
	uint64_t request_id;
	uint64_t room_id;
	uint64_t participant_id;
};
#define SAME(type, member) (offsetof(struct request, member) == offsetof(struct type, member))
#define FITS(type)                                                                           \
	_Static_assert(                                                                      \
		SAME(type, request_id) && SAME(type, room_id) && SAME(type, participant_id), \
		#type " begins like all requests")
FITS(bf_media_join);
FITS(bf_media_offer);
FITS(bf_media_answer);
FITS(bf_media_candidate);
FITS(bf_media_restart);
FITS(bf_media_track_control);

uint64_t bf_member_room_id(const struct bf_msg *request)
{
	return ((const struct request *)request)->room_id;
}

static void refuse(struct bf_room *room, struct bf_msg *msg, const char *code, const char *cause)
{
	const struct request *request = (const struct request *)msg;

	bf_room_post_error(room->rooms, request->request_id, request->room_id,
		request->participant_id, code, cause);
	bf_msg_free(msg);
}

/* Somebody leaves who was to join: nothing of that happens. */
static void drop_held(struct bf_room *room, uint64_t participant_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < room->held_count; i++) {
		struct bf_msg *msg = room->held[i];

		if (((const struct request *)msg)->participant_id == participant_id)
			refuse(room, msg, "not_joined", "the participant has left");
		else
			room->held[kept++] = msg;
	}
	room->held_count = kept;
}

void bf_member_hold(struct bf_room *room, struct bf_msg *msg)
{
	if (msg->kind == BF_MEDIA_LEAVE) {
		drop_held(room, ((const struct bf_media_leave *)msg)->participant_id);
		bf_msg_free(msg);
		return;
	}
	if (room->held_count == room->held_room && room->held_room < BF_MEMBER_HELD) {
		size_t more = room->held_room ? 2 * room->held_room : 16;
		struct bf_msg **bigger = realloc(room->held, more * sizeof(struct bf_msg *));

		if (bigger) {
			room->held = bigger;
			room->held_room = more;
		}
	}
	if (room->held_count == room->held_room) {
		refuse(room, msg, "busy", "too much waits for the room to open");
		return;
	}
	room->held[room->held_count++] = msg;
}

/* ---- what others say ---- */

/* The same block goes back as another message of its size. */
static void turn_into(struct bf_peer_msg *msg, struct bf_rooms *rooms, enum bf_peer_kind kind,
	uint32_t from_life, uint32_t to_life)
{
	assert(msg->msg.size == sizeof(struct bf_peer_hello));
	msg->msg.kind = (uint16_t)kind;
	msg->from = (uint16_t)rooms->conf.worker;
	msg->from_life = from_life;
	msg->to_life = to_life;
}

static void keep_farewell(struct bf_member *member, struct bf_peer_msg *msg)
{
	if (member->farewell)
		bf_msg_free(&msg->msg);
	else
		member->farewell = msg;
}

static void forget(struct bf_room *room, unsigned worker)
{
	room->members[worker].is_member = false;
	room->members[worker].is_behind = false;
	bf_feed_forget(room, worker);
	bf_mirror_forget(room, worker);
}

static void accept_member(struct bf_room *room, const struct bf_peer_msg *msg)
{
	struct bf_member *member = &room->members[msg->from];

	if (member->is_member && member->life != msg->from_life)
		forget(room, msg->from);
	member->is_member = true;
	member->life = msg->from_life;
}

bool bf_member_knows(struct bf_room *room, const struct bf_peer_msg *msg)
{
	struct bf_member *member = &room->members[msg->from];

	/* the answer to our HELLO comes in parts: whoever answers is a member */
	if (!member->is_member && member->is_asked && msg->to_life == room->life)
		accept_member(room, msg);
	return member->is_member && member->life == msg->from_life &&
	       (msg->to_life == room->life || msg->to_life == 0);
}

void bf_member_on_hello(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_room *room = bf_rooms_find(rooms, msg->room_id);
	uint32_t ask = ((const struct bf_peer_hello *)msg)->ask;
	unsigned worker = msg->from;

	if (!room) {
		turn_into(msg, rooms, BF_PEER_AWAY, 0, msg->from_life);
		(void)bf_peer_post(rooms, worker, msg); /* if it is lost, we are asked again */
		return;
	}
	bf_mirror_doubt(room, worker);
	accept_member(room, msg);
	keep_farewell(&room->members[worker], msg);
	tell_everything(room, worker, ask);
	bf_leader_update(room);
}

/* The room whose newest HELLO this answers; NULL. */
static struct bf_room *asker(struct bf_rooms *rooms, const struct bf_peer_msg *msg)
{
	struct bf_room *room = bf_rooms_find(rooms, msg->room_id);
	uint32_t ask = ((const struct bf_peer_hello *)msg)->ask;

	if (!room || msg->to_life != room->life || room->members[msg->from].ask != ask)
		return NULL;
	return room->members[msg->from].is_asked ? room : NULL;
}

void bf_member_on_away(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_room *room = asker(rooms, msg);
	unsigned worker = msg->from;

	bf_msg_free(&msg->msg);
	if (!room)
		return;
	room->members[worker].is_asked = false;
	if (room->members[worker].is_member)
		forget(room, worker); /* its farewell was lost */
	bf_leader_update(room);
	complete_if_answered(room);
}

void bf_member_on_complete(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_room *room = bf_rooms_find(rooms, msg->room_id);
	uint32_t ask = ((const struct bf_peer_hello *)msg)->ask;
	unsigned worker = msg->from;

	if ((!room || msg->to_life != room->life) && msg->to_life != 0) {
		/* it takes us for a member: we are that no more */
		turn_into(msg, rooms, BF_PEER_BYE, msg->to_life, msg->from_life);
		(void)bf_peer_post(rooms, worker, msg);
		return;
	}
	if (!room || !bf_member_knows(room, msg) || (ask && !asker(rooms, msg))) {
		bf_msg_free(&msg->msg);
		return;
	}
	bf_mirror_forget_doubtful(room, worker);
	keep_farewell(&room->members[worker], msg);
	if (ask)
		room->members[worker].is_asked = false;
	bf_leader_update(room);
	complete_if_answered(room);
}

void bf_member_on_bye(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_room *room = bf_rooms_find(rooms, msg->room_id);
	const struct bf_member *member = room ? &room->members[msg->from] : NULL;

	if (room && member->is_member && member->life == msg->from_life) {
		forget(room, msg->from);
		bf_leader_update(room);
	}
	bf_msg_free(&msg->msg);
}

/* ---- closing ---- */

void bf_member_close(struct bf_room *room)
{
	bf_timer_disarm(&room->peer_timer);
	for (unsigned i = 0; room->members && i < room->rooms->conf.worker_count; i++) {
		struct bf_member *member = &room->members[i];

		bf_mirror_forget(room, i);
		if (member->is_member && member->farewell) {
			turn_into(member->farewell, room->rooms, BF_PEER_BYE, room->life,
				member->life);
			(void)bf_peer_post(room->rooms, i, member->farewell);
		} else if (member->farewell) {
			bf_msg_free(&member->farewell->msg);
		}
	}
	for (size_t i = 0; i < room->held_count; i++)
		bf_msg_free(room->held[i]);
	free(room->held);
	free(room->members);
}
