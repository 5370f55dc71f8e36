/* Packets of one stream out to many: for each subscription a decision, new numbers and a header; the payload is only pointed at.
 *
 * Packets wait for the rest of their frame, at most BF_GATHER_US, and go subscriber by subscriber: what one needs is looked up once for
 * all of them, and they lie side by side in the slab, ready to leave as one train. */
#include "media/room/room_priv.h"

#include <assert.h>

/* The part of a subscription that each packet needs. */
#define SUB_HOT_BYTES offsetof(struct bf_sub, rewrite.left)

/* Packets on their way, with headers for subscribers whose extension ids are `exts`. */
struct burst {
	struct bf_stream *stream;
	int64_t now_us;
	int64_t arrived_us; /* the first of them */
	size_t count;
	const struct bf_media_packet *packets[BF_BURST];
	bool has_templates;
	struct bf_ext_map exts;
	struct bf_template templates[BF_BURST];
};

static struct bf_outbox *outbox_of(const struct bf_sub *sub)
{
	return bf_conn_rooms(sub->conn)->conf.outbox;
}

/* Most subscribers of a track have negotiated the same ids; where they have not, the headers are made anew. */
static void take_templates(struct burst *burst, const struct bf_ext_map *exts)
{
	if (burst->has_templates && memcmp(&burst->exts, exts, sizeof(*exts)) == 0)
		return;
	burst->exts = *exts;
	burst->has_templates = true;
	for (size_t i = 0; i < burst->count; i++)
		bf_template_make(&burst->templates[i], burst->packets[i], exts);
}

static void send_packet(struct bf_sub *sub, const struct bf_stream *stream,
	const struct bf_outbox_aim *aim, const struct bf_template *template, int64_t now_us)
{
	const struct bf_media_packet *packet = template->packet;
	struct bf_rewrite_in in = {
		.source = bf_sub_source(sub, stream),
		.ext_seq = packet->ext_seq,
		.timestamp = packet->timestamp,
		.info = &packet->info,
		.now_us = packet->at_us,
	};
	struct bf_rewrite_out out;

	if (!bf_rewrite_packet(&sub->rewrite, &in, &out))
		return;
	sub->packet_count++;
	sub->byte_count += (uint32_t)packet->payload.len;
	if (!bf_pace_admit(sub, template, false, out.seq, now_us))
		return;
	bf_emit(outbox_of(sub), aim, template,
		&(struct bf_emit){.pt = sub->pt,
			.seq = out.seq,
			.timestamp = out.timestamp,
			.ssrc = sub->ssrc,
			.picture_id = out.picture_id,
			.tl0picidx = out.tl0picidx});
}

static void post_layer(const struct bf_sub *sub)
{
	struct bf_rooms *rooms = bf_conn_rooms(sub->conn);
	struct bf_media_layer *msg = bf_msg_new(BF_MEDIA_LAYER, sizeof(*msg));

	if (!msg)
		return;
	msg->room_id = sub->conn->participant->room->id;
	msg->participant_id = sub->conn->participant->id;
	msg->track_id = sub->track->id;
	msg->layer = bf_layer_of(sub->track, sub->current);
	rooms->conf.post(rooms->conf.arg, &msg->msg);
}

/* Whether this packet's stream feeds the subscription, from this packet on perhaps: a change of layer waits for the first
 * packet of a keyframe, so that the decoder never sees a broken reference. */
static bool takes(
	struct bf_sub *sub, const struct bf_stream *stream, const struct bf_media_packet *packet)
{
	if (!sub->is_video || sub->current == (int8_t)stream->layer)
		return true;
	if (sub->target != (int8_t)stream->layer || !packet->info.is_keyframe ||
		!packet->info.is_frame_start)
		return false;
	sub->current = sub->target;
	if (stream->track->layer_count > 1)
		post_layer(sub);
	return true;
}

/* The packet that let a subscription in was late: what came before it in time, but after it in order, is in the cache. What of it
 * is part of this burst is sent here, too; its own turn finds the numbers taken. */
static void follow_up(struct bf_sub *sub, const struct bf_stream *stream,
	const struct bf_outbox_aim *aim, const struct bf_media_packet *first, int64_t now_us)
{
	uint64_t at = first->ext_seq + 1;
	struct bf_template template;

	if (at + BF_CACHE_SLOTS <= stream->seq.highest)
		at = stream->seq.highest - BF_CACHE_SLOTS + 1; /* what is older is not held */
	for (; at <= stream->seq.highest; at++) {
		const struct bf_media_packet *packet =
			bf_cache_get(&stream->cache, at, first->at_us);
		if (!packet)
			continue;
		bf_template_make(&template, packet, &sub->exts);
		send_packet(sub, stream, aim, &template, now_us);
	}
}

static void send_burst(struct bf_sub *sub, struct burst *burst)
{
	const struct bf_outbox_aim aim = {.out = sub->out, .arrived_us = burst->arrived_us};

	if (!sub->is_active || sub->is_paused || sub->is_shed || !aim.out->is_open)
		return;
	take_templates(burst, &sub->exts);
	for (size_t i = 0; i < burst->count; i++) {
		const struct bf_media_packet *packet = burst->packets[i];
		int8_t before = sub->current;

		if (!takes(sub, burst->stream, packet))
			continue;
		send_packet(sub, burst->stream, &aim, &burst->templates[i], burst->now_us);
		if (sub->current != before && packet->ext_seq < burst->stream->seq.highest)
			follow_up(sub, burst->stream, &aim, packet, burst->now_us);
	}
}

/* Without the templates, which are large: they are written when the first subscriber needs them. */
static void begin_burst(struct burst *burst, struct bf_stream *stream)
{
	burst->stream = stream;
	burst->now_us = bf_loop_now_us(stream->track->participant->room->rooms->conf.loop);
	burst->count = 0;
	burst->has_templates = false;
}

static void fetch(const void *at, size_t len)
{
	for (size_t line = 0; line < len; line += 64)
		__builtin_prefetch((const char *)at + line);
}

/* With some hundred subscribers none of this is in the cache any more when its turn comes, and each part leads to the next: so what
 * the next one needs is fetched while this one is served, and the one after that is found out. */
static void look_ahead(const struct bf_list *at, const struct bf_list *head)
{
	const struct bf_list *next = at->next, *after = next->next;
	const struct bf_sub *sub;

	if (next == head)
		return;
	sub = BF_CONTAINER(next, struct bf_sub, track_node);
	fetch(sub->out, sizeof(*sub->out));
	fetch(&sub->conn->pacer, sizeof(sub->conn->pacer));
	if (after != head)
		fetch(BF_CONTAINER(after, struct bf_sub, track_node), SUB_HOT_BYTES);
}

/* The payloads are those of the cache, or lent for this call. */
static void fan_out(struct burst *burst)
{
	struct bf_track *track = burst->stream->track;

	burst->arrived_us = burst->count > 0 ? burst->packets[0]->at_us : 0;
	if (track->is_muted) {
		for (size_t i = 0; i < burst->count; i++)
			bf_forward_skip(burst->stream, burst->packets[i]->ext_seq);
		return;
	}
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node) {
		look_ahead(&sub->track_node, &track->subs);
		send_burst(sub, burst);
	}
}

/* What waits in a stream goes. Encryption has not happened yet on return, so that it takes other streams along. */
static void forward_pending(struct bf_stream *stream)
{
	struct burst burst;

	begin_burst(&burst, stream);
	for (unsigned i = 0; i < stream->pending_count; i++) {
		/* of any age: the time that counts is that of a request to send it again */
		const struct bf_media_packet *packet =
			bf_cache_get(&stream->cache, stream->pending[i], 0);
		if (packet)
			burst.packets[burst.count++] = packet;
	}
	bf_forward_forget(stream);
	fan_out(&burst);
}

/* Streams that are complete, or have waited long enough. */
static void run(void *arg)
{
	struct bf_rooms *rooms = arg;
	int64_t now_us = bf_loop_now_us(rooms->conf.loop);
	int64_t next_us = INT64_MAX;

	BF_LIST_EACH(stream, &rooms->pending, struct bf_stream, pending_node) {
		if (stream->pending_until_us <= now_us)
			forward_pending(stream);
		else if (stream->pending_until_us < next_us)
			next_us = stream->pending_until_us;
	}
	bf_pace_run(rooms, now_us);
	bf_outbox_finish(rooms->conf.outbox); /* before the caches take in anything else */
	bf_timer_arm(&rooms->gather_timer, next_us);
}

static void on_forward_timer(void *arg)
{
	struct bf_rooms *rooms = arg;

	bf_loop_hook_request(rooms->conf.loop, &rooms->forward_hook);
}

void bf_forward_init(struct bf_rooms *rooms)
{
	bf_list_init(&rooms->pending);
	bf_loop_hook_init(&rooms->forward_hook, run, rooms);
	bf_timer_init(&rooms->gather_timer, rooms->conf.loop, on_forward_timer, rooms);
	bf_timer_init(&rooms->pace_timer, rooms->conf.loop, on_forward_timer, rooms);
}

void bf_forward_deinit(struct bf_rooms *rooms)
{
	assert(bf_list_is_empty(&rooms->pending));
	bf_loop_hook_cancel(&rooms->forward_hook);
	bf_timer_disarm(&rooms->gather_timer);
	bf_timer_disarm(&rooms->pace_timer);
}

void bf_forward_forget(struct bf_stream *stream)
{
	bf_list_remove(&stream->pending_node);
	stream->pending_count = 0;
}

static void forward_soon(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct bf_rooms *rooms = stream->track->participant->room->rooms;

	if (bf_list_is_empty(&stream->track->subs))
		return;
	if (stream->pending_count == 0) {
		bf_list_append(&rooms->pending, &stream->pending_node);
		stream->pending_until_us = packet->at_us + BF_GATHER_US;
	}
	stream->pending[stream->pending_count++] = packet->ext_seq;
	if (!stream->track->is_video || packet->marker)
		stream->pending_until_us = packet->at_us;
	bf_loop_hook_request(rooms->conf.loop, &rooms->forward_hook);
	if (stream->pending_count == BF_BURST)
		bf_forward_flush(stream);
}

void bf_forward_flush(struct bf_stream *stream)
{
	if (stream->pending_count == 0)
		return;
	forward_pending(stream);
	bf_outbox_finish(stream->track->participant->room->rooms->conf.outbox);
}

static void forward_now(struct bf_stream *stream, const struct bf_media_packet *packet)
{
	struct burst burst;

	bf_forward_flush(stream);
	begin_burst(&burst, stream);
	burst.packets[burst.count++] = packet;
	fan_out(&burst);
	bf_outbox_finish(stream->track->participant->room->rooms->conf.outbox);
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

void bf_forward_skip(struct bf_stream *stream, uint64_t ext_seq)
{
	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		bf_rewrite_skip(&sub->rewrite, bf_sub_source(sub, stream), ext_seq);
}
