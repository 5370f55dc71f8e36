/* Who speaks in a room. One worker of it listens for all, the one with the lowest number: it hears the levels of its own participants,
 * gets those of others with the packets it wants of them or, where it wants none, in records of their own, and tells the control
 * thread and the other members. The others keep what they were told, for their players and to go on from when they become the
 * leader.
 *
 * Levels in records rather than whole packets: 40 bytes instead of 150, and nothing at all where somebody listens here anyway. */
#include "media/room/peer_priv.h"

static int64_t now_us(const struct bf_room *room)
{
	return bf_loop_now_us(room->rooms->conf.loop);
}

static void post_speakers(struct bf_room *room)
{
	struct bf_media_speakers *msg = bf_msg_new(BF_MEDIA_SPEAKERS, sizeof(*msg));

	if (msg) {
		msg->room_id = room->id;
		msg->dominant_id = room->speakers.dominant;
		msg->speaking_count = (uint32_t)room->speakers.speaking_count;
		memcpy(msg->speaking, room->speakers.speaking, sizeof(msg->speaking));
	}
	(void)bf_room_post(room->rooms, msg);
}

static void send_speakers(struct bf_room *room, unsigned worker)
{
	struct bf_peer_speakers *msg =
		bf_peer_msg_new(room, worker, BF_PEER_SPEAKERS, sizeof(*msg));

	if (msg) {
		msg->dominant_id = room->speakers.dominant;
		msg->speaking_count = (uint32_t)room->speakers.speaking_count;
		memcpy(msg->speaking, room->speakers.speaking, sizeof(msg->speaking));
	}
	bf_peer_tell(room, worker, msg);
}

/* True: another one is dominant now. */
static bool set_speakers(struct bf_room *room, const struct bf_speaker_change *speakers)
{
	bool is_other = room->speakers.dominant != speakers->dominant;

	room->speakers = *speakers;
	return is_other;
}

static void on_speaker_timer(void *arg)
{
	struct bf_room *room = arg;
	struct bf_speaker_change change;

	if (bf_speaker_poll(&room->speaker, now_us(room), &change)) {
		bool is_other = set_speakers(room, &change);

		post_speakers(room);
		for (unsigned i = 0; i < room->rooms->conf.worker_count; i++)
			if (room->members[i].is_member)
				send_speakers(room, i);
		if (is_other)
			bf_play_update(room);
	}
	bf_timer_arm(&room->speaker_timer, bf_speaker_deadline_us(&room->speaker));
}

void bf_leader_init(struct bf_room *room)
{
	bf_speaker_init(&room->speaker);
	bf_timer_init(&room->speaker_timer, room->rooms->conf.loop, on_speaker_timer, room);
}

void bf_leader_close(struct bf_room *room)
{
	bf_timer_disarm(&room->speaker_timer);
}

void bf_leader_on_level(
	struct bf_room *room, uint64_t participant_id, uint8_t level_dbov, int64_t at_us)
{
	if (!room->is_leader)
		return;
	bf_speaker_on_level(&room->speaker, participant_id, level_dbov, at_us);
	if (!room->speaker_timer.is_armed)
		bf_timer_arm(&room->speaker_timer, bf_speaker_deadline_us(&room->speaker));
}

void bf_leader_on_left(struct bf_room *room, uint64_t participant_id)
{
	bf_speaker_remove(&room->speaker, participant_id);
}

void bf_leader_tell(struct bf_room *room, unsigned worker)
{
	if (room->is_leader && (room->speakers.dominant || room->speakers.speaking_count > 0))
		send_speakers(room, worker);
}

void bf_leader_on_speakers(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_speakers *told = (const struct bf_peer_speakers *)msg;
	struct bf_speaker_change speakers = {
		.dominant = told->dominant_id, .speaking_count = told->speaking_count};

	if (room->is_leader)
		return; /* of one that does not yet know us */
	memcpy(speakers.speaking, told->speaking, sizeof(speakers.speaking));
	if (set_speakers(room, &speakers))
		bf_play_update(room);
}

static void take_over(struct bf_room *room)
{
	const struct bf_speaker_change *last = &room->speakers;

	bf_speaker_take_over(&room->speaker, last, now_us(room));
	/* who left with the one that led before */
	for (size_t i = 0; i < last->speaking_count; i++)
		if (!bf_room_find(room, last->speaking[i]))
			bf_speaker_remove(&room->speaker, last->speaking[i]);
	if (last->dominant && !bf_room_find(room, last->dominant))
		bf_speaker_remove(&room->speaker, last->dominant);
	bf_timer_arm(&room->speaker_timer, bf_speaker_deadline_us(&room->speaker));
}

void bf_leader_update(struct bf_room *room)
{
	bool is_leader = !room->is_opening;

	for (unsigned i = 0; i < room->rooms->conf.worker && is_leader; i++)
		is_leader = !room->members[i].is_member;
	if (is_leader == room->is_leader)
		return;
	room->is_leader = is_leader;
	bf_timer_disarm(&room->speaker_timer);
	if (is_leader)
		take_over(room);
	bf_mirror_on_leader(room);
}
