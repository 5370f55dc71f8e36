/* When packets go, and whose first, so that one webinar does not hold up calls.
 *
 *   packet ──► pending ──► frame complete, or BF_GATHER_US: a burst ──┬─ sound: to all subscribers, at the end of the turn
 *              (numbers in the cache)                                 └─ picture: in parts, by turns of organizations and rooms
 *
 * Of a picture a part is PART_COPIES copies, or all there are; media/cc/fair.h says whose is next. After TURN_COPIES the rest goes on
 * in the next turn of the loop, which then does not sleep: what has come meanwhile is read first, all sound goes first, and calls
 * get their parts in between. So a packet of a small call waits for at most TURN_COPIES copies of the turn it arrives in, and in
 * its own for a part of each other room with work; where nobody else has work, everything goes as if there were no parts.
 *
 * A burst on its way is numbers and a place in the list of subscriptions: those who leave move the place along, those who come get it,
 * too. While it is, packets of its stream wait behind it. If these become BF_PENDING, new ones are dropped and counted, and the
 * picture goes on with a keyframe: a stream that does not keep up with its turns gets no more of them at the cost of others.
 *
 * Outside of turns goes what cannot wait: a packet that the cache cannot hold, and before it what waits, as when the cache has to give
 * up packets or the numbers of a stream begin anew. */
#include "media/room/room_priv.h"

#include <assert.h>

/* About a millisecond at 0.6 us: a fifth of the time that packets may take (BF_OVERLOAD_BUDGET_US). */
#define TURN_COPIES 1500

/* Not more than a quantum, with packets of 1200 bytes; large against finding the packets and making their headers once more. */
#define PART_COPIES 96

/* What a turn has done and has left; with the burst that it looked up last. */
struct turn {
	struct bf_rooms *rooms;
	int64_t now_us;
	uint32_t copies_left;
	struct bf_burst burst; /* stream NULL: of none */
};

static struct bf_room *room_of(const struct bf_stream *stream)
{
	return stream->track->participant->room;
}

/* ---- what waits ---- */

/* The whole number: the newest one of the stream is less than 2^16 ahead. */
static uint64_t number_at(const struct bf_stream *stream, unsigned i)
{
	return stream->seq.highest - (uint16_t)(stream->seq.highest - stream->pending[i]);
}

static const struct bf_media_packet *packet_at(const struct bf_stream *stream, unsigned i)
{
	/* of any age: the time that counts is that of a request to send it again */
	return bf_cache_get(&stream->cache, number_at(stream, i), 0);
}

static void pass(struct bf_stream *stream, uint64_t ext_seq)
{
	if (ext_seq > stream->passed)
		stream->passed = ext_seq;
}

/* The first `count` have had their turn. */
static void remove_pending(struct bf_stream *stream, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pass(stream, number_at(stream, i));
	stream->pending_count -= count;
	memmove(stream->pending, stream->pending + count,
		stream->pending_count * sizeof(stream->pending[0]));
	if (stream->pending_count == 0)
		bf_list_remove(&stream->pending_node);
}

/* Whether a burst can begin: none is on its way, and a frame is complete, or enough of it, or it has waited long enough. */
static bool is_ready(const struct bf_stream *stream, int64_t now_us)
{
	return stream->due_count == 0 && stream->pending_count > 0 &&
	       (stream->pending_until_us <= now_us || stream->pending_count >= BF_BURST);
}

/* ---- a burst ---- */

/* Leave out of the next `count` packets what the budgets refuse. Returns how many stay. */
static unsigned apply_budgets(struct bf_stream *stream, unsigned count, int64_t now_us)
{
	struct bf_track *track = stream->track;
	uint32_t taker_count = bf_forward_count_takers(stream, false);
	bool has_keyframe = false;
	unsigned kept = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct bf_media_packet *packet = packet_at(stream, i);
		bool was_over = track->is_over_budget;

		if (!packet)
			continue;
		if (packet->info.is_keyframe && !has_keyframe) {
			has_keyframe = true;
			taker_count = bf_forward_count_takers(stream, true);
		}
		if (bf_org_allows(track, taker_count, packet->payload.len, now_us)) {
			if (was_over) /* a picture that comes back has no takers before its keyframe */
				taker_count = bf_forward_count_takers(stream, has_keyframe);
			stream->pending[kept++] = stream->pending[i];
		} else {
			if (!track->is_video) /* a picture closes up when it comes back */
				bf_forward_skip(stream, packet->ext_seq);
			pass(stream, packet->ext_seq);
		}
	}
	memmove(stream->pending + kept, stream->pending + count,
		(stream->pending_count - count) * sizeof(stream->pending[0]));
	stream->pending_count -= count - kept;
	if (stream->pending_count == 0)
		bf_list_remove(&stream->pending_node);
	return kept;
}

/* The next burst of what waits. False: nothing of it is to go. */
static bool begin(struct bf_stream *stream, int64_t now_us)
{
	unsigned count = stream->pending_count < BF_BURST ? stream->pending_count : BF_BURST;

	if (stream->track->is_muted) {
		for (unsigned i = 0; i < count; i++)
			bf_forward_skip(stream, number_at(stream, i));
		remove_pending(stream, count);
		return false;
	}
	if (room_of(stream)->is_limited)
		count = apply_budgets(stream, count, now_us);
	if (count == 0)
		return false;
	stream->due_count = count;
	stream->due_at = stream->track->subs.next;
	stream->due_made = 0;
	return true;
}

static bool begin_if_ready(struct bf_stream *stream, int64_t now_us)
{
	while (is_ready(stream, now_us))
		if (begin(stream, now_us))
			return true;
	return false;
}

static void look_up(struct bf_burst *burst, struct bf_stream *stream, int64_t now_us)
{
	bf_burst_begin(burst, stream, now_us);
	for (unsigned i = 0; i < stream->due_count; i++) {
		const struct bf_media_packet *packet = packet_at(stream, i);

		if (packet)
			bf_burst_add(burst, packet);
	}
}

static void end(struct bf_stream *stream)
{
	stream->taker_count = (stream->due_made + stream->due_count - 1) / stream->due_count;
	remove_pending(stream, stream->due_count);
	stream->due_count = 0;
	stream->is_broken = false;
}

/* To all who have not got it yet. Encryption has not happened yet on return, so that it takes other streams along. */
static void send_rest(struct bf_stream *stream, struct bf_burst *burst, int64_t now_us)
{
	look_up(burst, stream, now_us);
	stream->due_made += bf_forward_burst(burst, &stream->due_at, UINT32_MAX);
	end(stream);
}

/* ---- pictures, in parts ---- */

/* The next part becomes an item of its room. What it costs is guessed by the burst before. */
static void add_part(struct bf_stream *stream)
{
	struct bf_room *room = room_of(stream);
	const struct bf_media_packet *first = packet_at(stream, 0);
	uint32_t total = stream->taker_count * stream->due_count;
	uint32_t copies = PART_COPIES;
	int err;

	if (stream->due_made == 0 && total < PART_COPIES)
		copies = total > 0 ? total : 1;
	else if (total > stream->due_made && total - stream->due_made < PART_COPIES)
		copies = total - stream->due_made;
	stream->due_cost = bf_fair_cost(copies, first ? (uint32_t)first->payload.len : 0);
	err = bf_fair_add(&room->rooms->fair, &room->fair, stream->due_cost);
	assert(!err); /* an item a stream: there are fewer of these than places */
}

static void enqueue(struct bf_stream *stream)
{
	bf_list_append(&room_of(stream)->due, &stream->due_node);
	add_part(stream);
}

static void withdraw(struct bf_stream *stream)
{
	struct bf_room *room = room_of(stream);

	if (bf_list_is_empty(&stream->due_node))
		return;
	bf_list_remove(&stream->due_node);
	bf_fair_drop(&room->rooms->fair, &room->fair, stream->due_cost);
}

/* Returns the work done, in copies. */
static uint32_t send_part(struct turn *turn, struct bf_room *room)
{
	struct bf_stream *stream =
		BF_CONTAINER(bf_list_first(&room->due), struct bf_stream, due_node);
	struct bf_list *behind = &stream->track->subs;
	int64_t cost = stream->due_cost;
	uint32_t made;

	if (turn->burst.stream != stream)
		look_up(&turn->burst, stream, turn->now_us);
	if (stream->track->is_muted) /* since it began: who has not got it closes up by itself */
		stream->due_at = behind;
	made = bf_forward_burst(&turn->burst, &stream->due_at, PART_COPIES);
	stream->due_made += made;
	if (stream->due_at != behind) {
		add_part(stream);
	} else {
		bf_list_remove(&stream->due_node);
		end(stream);
		turn->burst.stream = NULL;
		if (begin_if_ready(stream, turn->now_us))
			enqueue(stream);
	}
	/* After the next part is there: a room that has more to do keeps its place, and its debts. */
	bf_fair_done(&turn->rooms->fair, &room->fair, cost);
	return made > 0 ? made : 1;
}

static void send_parts(struct turn *turn)
{
	struct bf_fair_room *next;
	int64_t allowance;

	while (turn->copies_left > 0 && (next = bf_fair_next(&turn->rooms->fair, &allowance))) {
		uint32_t made = send_part(turn, BF_CONTAINER(next, struct bf_room, fair));

		turn->copies_left -= made < turn->copies_left ? made : turn->copies_left;
	}
}

/* ---- the end of a turn of the loop ---- */

static void send_sound(struct turn *turn)
{
	BF_LIST_EACH(stream, &turn->rooms->pending, struct bf_stream, pending_node) {
		if (stream->track->is_video) {
			if (begin_if_ready(stream, turn->now_us))
				enqueue(stream);
			continue;
		}
		while (begin_if_ready(stream, turn->now_us))
			send_rest(stream, &turn->burst, turn->now_us);
	}
	turn->burst.stream = NULL;
}

static void arm(struct bf_rooms *rooms, int64_t now_us)
{
	int64_t next_us = INT64_MAX;

	if (rooms->fair.item_count > 0) {
		next_us = now_us;
		rooms->counters.turns_continued++;
	}
	BF_LIST_EACH(stream, &rooms->pending, struct bf_stream, pending_node)
		if (stream->due_count == 0 && stream->pending_until_us < next_us)
			next_us = stream->pending_until_us;
	bf_timer_arm(&rooms->gather_timer, next_us);
}

static void run(void *arg)
{
	struct bf_rooms *rooms = arg;
	struct turn turn;
	uint32_t paced;

	turn.rooms = rooms;
	turn.now_us = bf_loop_now_us(rooms->conf.loop);
	send_sound(&turn);
	/* What was to go earlier has half of the turn at most. */
	paced = bf_pace_run(rooms, TURN_COPIES / 2, turn.now_us);
	turn.copies_left = TURN_COPIES - (paced < TURN_COPIES / 2 ? paced : TURN_COPIES / 2);
	send_parts(&turn);
	bf_outbox_finish(rooms->conf.outbox); /* before the caches take in anything else */
	arm(rooms, turn.now_us);
}

static void on_forward_timer(void *arg)
{
	struct bf_rooms *rooms = arg;

	bf_loop_hook_request(rooms->conf.loop, &rooms->forward_hook);
}

void bf_forward_init(struct bf_rooms *rooms)
{
	bf_list_init(&rooms->pending);
	bf_fair_init(&rooms->fair, BF_FAIR_QUANTUM, UINT32_MAX / 4);
	bf_loop_hook_init(&rooms->forward_hook, run, rooms);
	bf_timer_init(&rooms->gather_timer, rooms->conf.loop, on_forward_timer, rooms);
	bf_timer_init(&rooms->pace_timer, rooms->conf.loop, on_forward_timer, rooms);
}

void bf_forward_deinit(struct bf_rooms *rooms)
{
	assert(bf_list_is_empty(&rooms->pending));
	assert(rooms->fair.item_count == 0);
	bf_loop_hook_cancel(&rooms->forward_hook);
	bf_timer_disarm(&rooms->gather_timer);
	bf_timer_disarm(&rooms->pace_timer);
}

/* ---- streams ---- */

void bf_forward_stream_init(struct bf_stream *stream)
{
	bf_list_init(&stream->pending_node);
	bf_list_init(&stream->due_node);
	stream->taker_count = PART_COPIES; /* nothing is known yet */
}

void bf_forward_step_over(struct bf_sub *sub)
{
	if (!sub->track)
		return;
	for (unsigned i = 0; i < sub->track->layer_count; i++) {
		struct bf_stream *stream = &sub->track->streams[i];

		if (stream->due_count > 0 && stream->due_at == &sub->track_node)
			stream->due_at = sub->track_node.next;
	}
}

void bf_forward_forget(struct bf_stream *stream)
{
	withdraw(stream);
	bf_list_remove(&stream->pending_node);
	stream->pending_count = 0;
	stream->due_count = 0;
}

/* The stream does not keep up with its turns. */
static void drop(struct bf_stream *stream)
{
	room_of(stream)->rooms->conf.drops[BF_DROP_TURN_FULL]++;
	if (stream->is_broken)
		return;
	stream->is_broken = true;
	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		if (sub->current == (int8_t)stream->layer)
			bf_sub_interrupt(sub); /* what waits does not go to them any more */
}

static void forward_soon(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct bf_rooms *rooms = room_of(stream)->rooms;

	if (bf_list_is_empty(&stream->track->subs)) {
		pass(stream, packet->ext_seq);
		return;
	}
	if (stream->pending_count == BF_PENDING) {
		drop(stream);
		return;
	}
	if (stream->pending_count == 0)
		bf_list_append(&rooms->pending, &stream->pending_node);
	if (stream->pending_count == stream->due_count)
		stream->pending_until_us = packet->at_us + BF_GATHER_US;
	stream->pending[stream->pending_count++] = (uint16_t)packet->ext_seq;
	if (!stream->track->is_video || packet->marker)
		stream->pending_until_us = packet->at_us;
	bf_loop_hook_request(rooms->conf.loop, &rooms->forward_hook);
	if (!stream->track->is_video && stream->pending_count == BF_BURST)
		bf_forward_flush(stream);
}

void bf_forward_flush(struct bf_stream *stream)
{
	struct bf_rooms *rooms = room_of(stream)->rooms;
	int64_t now_us = bf_loop_now_us(rooms->conf.loop);
	struct bf_burst burst;

	if (stream->pending_count == 0)
		return;
	withdraw(stream);
	while (stream->pending_count > 0)
		if (stream->due_count > 0 || begin(stream, now_us))
			send_rest(stream, &burst, now_us);
	bf_outbox_finish(rooms->conf.outbox);
}

static void forward_now(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct bf_track *track = stream->track;
	struct bf_rooms *rooms = room_of(stream)->rooms;
	int64_t now_us = bf_loop_now_us(rooms->conf.loop);
	struct bf_list *at = track->subs.next;
	struct bf_burst burst;

	bf_forward_flush(stream);
	if (track->is_muted) {
		bf_forward_skip(stream, packet->ext_seq);
	} else if (!room_of(stream)->is_limited ||
		   bf_org_allows(track, bf_forward_count_takers(stream, packet->info.is_keyframe),
			   packet->payload.len, now_us)) {
		bf_burst_begin(&burst, stream, now_us);
		bf_burst_add(&burst, packet);
		(void)bf_forward_burst(&burst, &at, UINT32_MAX);
	} else if (!track->is_video) {
		bf_forward_skip(stream, packet->ext_seq);
	}
	pass(stream, packet->ext_seq);
	bf_outbox_finish(rooms->conf.outbox);
}

void bf_forward_packet(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	if (bf_cache_evicts(&stream->cache, packet->ext_seq))
		bf_forward_flush(stream); /* what waits is in the cache */
	if (bf_cache_put(&stream->cache, packet))
		forward_soon(stream, packet);
	else
		forward_now(stream, packet);
}
