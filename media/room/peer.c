/* The links to the other workers: messages, which wait here when an inbox is full, and pipes. */
#include "media/room/peer_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define RETRY_US BF_MS(5) /* a worker that turns at all has emptied a part of its inbox by then */

/* ---- messages ---- */

void *bf_peer_msg_new(struct bf_room *room, unsigned worker, enum bf_peer_kind kind, size_t size)
{
	struct bf_peer_msg *msg = bf_msg_new((uint16_t)kind, size);

	if (!msg)
		return NULL;
	msg->from = (uint16_t)room->rooms->conf.worker;
	msg->from_life = room->life;
	msg->to_life = room->members[worker].is_member ? room->members[worker].life : 0;
	msg->room_id = room->id;
	return msg;
}

static int wait_in_queue(struct bf_rooms *rooms, unsigned worker, struct bf_peer_msg *msg)
{
	struct bf_peer_link *link = &rooms->links[worker];
	size_t limit = msg->msg.kind == BF_PEER_BYE ? BF_PEER_QUEUE_BYES : BF_PEER_QUEUE;

	if (link->queue_count >= limit) {
		BF_LOG(rooms->conf.log, msg->msg.kind == BF_PEER_BYE ? BF_LOG_ERROR : BF_LOG_WARN,
			"message to another worker lost: it does not keep up",
			BF_UINT("worker", rooms->conf.worker), BF_UINT("to", worker));
		rooms->counters.peer_messages_lost++;
		bf_msg_free(&msg->msg);
		return -ENOBUFS;
	}
	bf_list_append(&link->queue, &msg->node);
	link->queue_count++;
	if (!rooms->queue_timer.is_armed)
		bf_timer_arm(&rooms->queue_timer, bf_loop_now_us(rooms->conf.loop) + RETRY_US);
	return 0;
}

int bf_peer_post(struct bf_rooms *rooms, unsigned worker, void *msg)
{
	if (!msg)
		return -ENOMEM;
	/* messages keep their order: while some wait, new ones wait behind them */
	if (rooms->links[worker].queue_count == 0 &&
		rooms->conf.post_peer(rooms->conf.arg, worker, msg) == 0)
		return 0;
	return wait_in_queue(rooms, worker, msg);
}

void bf_peer_tell(struct bf_room *room, unsigned worker, void *msg)
{
	if (bf_peer_post(room->rooms, worker, msg))
		bf_member_repair(room, worker);
}

static void retry(struct bf_rooms *rooms, unsigned worker)
{
	struct bf_peer_link *link = &rooms->links[worker];

	BF_LIST_EACH(msg, &link->queue, struct bf_peer_msg, node) {
		bf_list_remove(&msg->node); /* the receiver may have it as soon as it is posted */
		if (rooms->conf.post_peer(rooms->conf.arg, worker, &msg->msg)) {
			bf_list_append(link->queue.next, &msg->node); /* to the front again */
			bf_timer_arm(
				&rooms->queue_timer, bf_loop_now_us(rooms->conf.loop) + RETRY_US);
			return;
		}
		link->queue_count--;
	}
}

static void on_queue_timer(void *arg)
{
	struct bf_rooms *rooms = arg;

	for (unsigned i = 0; i < rooms->conf.worker_count; i++)
		retry(rooms, i);
}

/* ---- records ---- */

static void on_commit(void *arg)
{
	struct bf_rooms *rooms = arg;

	for (unsigned i = 0; i < rooms->conf.worker_count; i++) {
		if (!rooms->links[i].is_written)
			continue;
		rooms->links[i].is_written = false;
		bf_pipe_commit(rooms->links[i].pipe);
	}
}

void *bf_peer_record(struct bf_rooms *rooms, unsigned worker, size_t len_max)
{
	return bf_pipe_reserve(rooms->links[worker].pipe, len_max);
}

void bf_peer_wrote(struct bf_rooms *rooms, unsigned worker, size_t len)
{
	bf_pipe_put(rooms->links[worker].pipe, len);
	rooms->links[worker].is_written = true;
	rooms->counters.feed_records++;
	bf_loop_hook_request(rooms->conf.loop, &rooms->commit_hook);
}

/* ---- what comes in ---- */

/* About who is a member: these take the message. */
static const struct {
	uint16_t kind;
	void (*handler)(struct bf_rooms *rooms, struct bf_peer_msg *msg);
} member_messages[] = {
	{BF_PEER_HELLO, bf_member_on_hello},
	{BF_PEER_AWAY, bf_member_on_away},
	{BF_PEER_COMPLETE, bf_member_on_complete},
	{BF_PEER_BYE, bf_member_on_bye},
};

/* From members. */
static const struct {
	uint16_t kind;
	size_t size_min;
	void (*handler)(struct bf_room *room, struct bf_peer_msg *msg);
} room_messages[] = {
	{BF_PEER_JOINED, sizeof(struct bf_peer_participant), bf_mirror_on_joined},
	{BF_PEER_LEFT, sizeof(struct bf_peer_participant), bf_mirror_on_left},
	{BF_PEER_TRACK, sizeof(struct bf_peer_track), bf_mirror_on_track},
	{BF_PEER_TRACK_END, sizeof(struct bf_peer_track_change), bf_mirror_on_track_end},
	{BF_PEER_TRACK_STATE, sizeof(struct bf_peer_track_change), bf_mirror_on_track_state},
	{BF_PEER_WANT, sizeof(struct bf_peer_want), bf_feed_on_want},
	{BF_PEER_KEYFRAME, sizeof(struct bf_peer_keyframe), bf_feed_on_keyframe},
	{BF_PEER_SPEAKERS, sizeof(struct bf_peer_speakers), bf_leader_on_speakers},
	{BF_PEER_DATA, sizeof(struct bf_peer_data), bf_data_on_peer},
};

static void on_room_message(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_room *room = bf_rooms_find(rooms, msg->room_id);

	if (!room || !bf_member_knows(room, msg))
		return;
	for (size_t i = 0; i < sizeof(room_messages) / sizeof(room_messages[0]); i++) {
		if (room_messages[i].kind != msg->msg.kind)
			continue;
		assert(msg->msg.size >= room_messages[i].size_min);
		room_messages[i].handler(room, msg);
		break;
	}
}

void bf_rooms_on_peer(struct bf_rooms *rooms, struct bf_msg *head)
{
	struct bf_peer_msg *msg = (struct bf_peer_msg *)head;

	assert(head->kind >= BF_PEER_HELLO && head->kind < BF_PEER_KIND_END);
	assert(msg->from < rooms->conf.worker_count && msg->from != rooms->conf.worker);
	for (size_t i = 0; i < sizeof(member_messages) / sizeof(member_messages[0]); i++) {
		if (member_messages[i].kind != head->kind)
			continue;
		assert(head->size == sizeof(struct bf_peer_hello));
		member_messages[i].handler(rooms, msg);
		return;
	}
	/* room for more is given back whether or not the room is still there */
	if (head->kind == BF_PEER_DATA)
		bf_data_count_taken(rooms, msg->from, head->size);
	if (head->kind == BF_PEER_DATA_TAKEN)
		bf_data_on_taken(rooms, msg);
	else
		on_room_message(rooms, msg);
	bf_msg_free(head);
}

/* ---- start and stop ---- */

int bf_peer_init(struct bf_rooms *rooms)
{
	unsigned count = rooms->conf.worker_count;

	bf_timer_init(&rooms->queue_timer, rooms->conf.loop, on_queue_timer, rooms);
	bf_loop_hook_init(&rooms->commit_hook, on_commit, rooms);
	if (count == 0)
		return 0;
	rooms->links = calloc(count, sizeof(*rooms->links));
	if (!rooms->links)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		bf_list_init(&rooms->links[i].queue);
		rooms->links[i].pipe = rooms->conf.pipes ? rooms->conf.pipes[i] : NULL;
	}
	return 0;
}

void bf_peer_deinit(struct bf_rooms *rooms)
{
	bf_timer_disarm(&rooms->queue_timer);
	bf_loop_hook_cancel(&rooms->commit_hook);
	for (unsigned i = 0; rooms->links && i < rooms->conf.worker_count; i++)
		BF_LIST_EACH(msg, &rooms->links[i].queue, struct bf_peer_msg, node)
			bf_msg_free(&msg->msg);
	free(rooms->links);
}
