/* Packets of one stream out to many: for each subscription a decision, new numbers and a header; the payload is only pointed at.
 *
 * They go subscriber by subscriber: what one needs is looked up once for all of them, and they lie side by side in the slab, ready to
 * leave as one train. */
#include "media/room/room_priv.h"

/* The part of a subscription that each packet needs. */
#define SUB_HOT_BYTES offsetof(struct bf_sub, rewrite.left)

static struct bf_outbox *outbox_of(const struct bf_sub *sub)
{
	return bf_conn_rooms(sub->conn)->conf.outbox;
}

/* Most subscribers of a track have negotiated the same ids; where they have not, the headers are made anew. */
static void take_templates(struct bf_burst *burst, const struct bf_ext_map *exts)
{
	if (burst->has_templates && memcmp(&burst->exts, exts, sizeof(*exts)) == 0)
		return;
	burst->exts = *exts;
	burst->has_templates = true;
	for (size_t i = 0; i < burst->count; i++)
		bf_template_make(&burst->templates[i], burst->packets[i], exts);
}

/* False: it is none for this subscriber. */
static bool send_packet(struct bf_sub *sub, const struct bf_stream *stream,
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
		return false;
	sub->packet_count++;
	sub->byte_count += (uint32_t)packet->payload.len;
	if (!bf_pace_admit(sub, template, false, out.seq, now_us))
		return true;
	bf_emit(outbox_of(sub), aim, template,
		&(struct bf_emit){.pt = sub->pt,
			.seq = out.seq,
			.timestamp = out.timestamp,
			.ssrc = sub->ssrc,
			.picture_id = out.picture_id,
			.tl0picidx = out.tl0picidx});
	return true;
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

/* The packet that let a subscription in was late: what came before it in time, up to `passed`, but after it in order, is in the cache.
 * What of it is part of this burst is sent here, too; its own turn finds the numbers taken. */
static uint32_t follow_up(struct bf_sub *sub, const struct bf_burst *burst,
	const struct bf_outbox_aim *aim, const struct bf_media_packet *first, uint64_t passed)
{
	const struct bf_stream *stream = burst->stream;
	uint64_t at = first->ext_seq + 1;
	struct bf_template template;
	uint32_t count = 0;

	if (at + BF_CACHE_SLOTS <= stream->seq.highest)
		at = stream->seq.highest - BF_CACHE_SLOTS + 1; /* what is older is not held */
	for (; at <= passed; at++) {
		const struct bf_media_packet *packet =
			bf_cache_get(&stream->cache, at, first->at_us);
		if (!packet)
			continue;
		bf_template_make(&template, packet, &sub->exts);
		count += send_packet(sub, stream, aim, &template, burst->now_us);
	}
	return count;
}

static bool is_open(const struct bf_sub *sub)
{
	return sub->is_active && !sub->is_paused && !sub->is_shed && sub->out->is_open;
}

/* Returns how many packets of it went. */
static uint32_t send_burst(struct bf_sub *sub, struct bf_burst *burst)
{
	const struct bf_outbox_aim aim = {.out = sub->out, .arrived_us = burst->arrived_us};
	uint64_t passed = burst->passed;
	uint32_t count = 0;

	if (!is_open(sub))
		return 0;
	take_templates(burst, &sub->exts);
	for (size_t i = 0; i < burst->count; i++) {
		const struct bf_media_packet *packet = burst->packets[i];
		int8_t before = sub->current;

		if (takes(sub, burst->stream, packet)) {
			count += send_packet(
				sub, burst->stream, &aim, &burst->templates[i], burst->now_us);
			if (sub->current != before && packet->ext_seq < passed)
				count += follow_up(sub, burst, &aim, packet, passed);
		}
		if (packet->ext_seq > passed)
			passed = packet->ext_seq;
	}
	return count;
}

/* Without the templates, which are large: they are written when the first subscriber needs them. */
void bf_burst_begin(struct bf_burst *burst, struct bf_stream *stream, int64_t now_us)
{
	burst->stream = stream;
	burst->now_us = now_us;
	burst->arrived_us = 0;
	burst->passed = stream->passed;
	burst->count = 0;
	burst->has_templates = false;
}

void bf_burst_add(struct bf_burst *burst, const struct bf_media_packet *packet)
{
	if (burst->count == 0)
		burst->arrived_us = packet->at_us;
	burst->packets[burst->count++] = packet;
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

/* Of the work on a copy, what it takes to see that a subscription gets none: the other layers of a picture, or a pause. */
#define VAIN_LOOKS 16

uint32_t bf_forward_burst(struct bf_burst *burst, struct bf_list **at, uint32_t copy_count)
{
	const struct bf_list *head = &burst->stream->track->subs;
	uint32_t made = 0, vain = 0;

	while (*at != head && made + vain / VAIN_LOOKS < copy_count) {
		struct bf_sub *sub = BF_CONTAINER(*at, struct bf_sub, track_node);
		uint32_t count;

		look_ahead(*at, head);
		*at = (*at)->next;
		count = send_burst(sub, burst);
		made += count;
		vain += count == 0;
	}
	return made + vain / VAIN_LOOKS;
}

uint32_t bf_forward_count_takers(const struct bf_stream *stream, bool is_keyframe)
{
	int8_t layer = (int8_t)stream->layer;
	uint32_t count = 0;

	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		count += is_open(sub) && (!sub->is_video || sub->current == layer ||
						 (is_keyframe && sub->target == layer));
	return count;
}

void bf_forward_skip(struct bf_stream *stream, uint64_t ext_seq)
{
	BF_LIST_EACH(sub, &stream->track->subs, struct bf_sub, track_node)
		bf_rewrite_skip(&sub->rewrite, bf_sub_source(sub, stream), ext_seq);
}
