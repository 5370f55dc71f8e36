/* Tracks of ours, for the other workers of the room: what they know of them, and the packets they want.
 *
 * A packet is written once into the pipe of each worker that wants its layer. A pipe that is full refuses; the numbers of what it
 * refused are kept, and those packets follow from the cache as soon as there is room. So a mirror never asks for what it lacks: only
 * here is known whether a gap in its numbers is to be filled by us, or by the publisher. */
#include "media/room/peer_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <stdlib.h>

#define RETRY_US BF_MS(5)

static struct bf_rooms *rooms_of(const struct bf_track *track)
{
	return track->participant->room->rooms;
}

static int64_t now_us(const struct bf_track *track)
{
	return bf_loop_now_us(rooms_of(track)->conf.loop);
}

/* ---- telling of tracks ---- */

static struct bf_peer_track_state state_of(const struct bf_track *track)
{
	struct bf_peer_track_state state = {.is_muted = track->is_muted};

	memcpy(state.ranks, track->ranks, sizeof(state.ranks));
	for (unsigned i = 0; i < track->layer_count; i++)
		if (bf_layer_is_alive(&track->streams[i], now_us(track)))
			state.alive |= (uint8_t)(1u << i);
	return state;
}

static bool is_same_state(const struct bf_peer_track_state *a, const struct bf_peer_track_state *b)
{
	return a->is_muted == b->is_muted && a->alive == b->alive &&
	       memcmp(a->ranks, b->ranks, sizeof(a->ranks)) == 0;
}

/* One message about the track to each member. */
static void tell_change(const struct bf_track *track, enum bf_peer_kind kind)
{
	struct bf_room *room = track->participant->room;

	for (unsigned i = 0; i < room->rooms->conf.worker_count; i++) {
		struct bf_peer_track_change *msg;

		if (!room->members[i].is_member)
			continue;
		msg = bf_peer_msg_new(room, i, kind, sizeof(*msg));
		if (msg) {
			msg->track_id = track->id;
			msg->state = track->told;
		}
		bf_peer_tell(room, i, msg);
	}
}

void bf_feed_tell_state(struct bf_track *track)
{
	struct bf_peer_track_state state;

	if (track->mirror || rooms_of(track)->conf.worker_count <= 1)
		return;
	state = state_of(track);
	if (is_same_state(&state, &track->told))
		return;
	track->told = state;
	tell_change(track, BF_PEER_TRACK_STATE);
}

void bf_feed_announce_to(struct bf_track *track, unsigned worker)
{
	struct bf_room *room = track->participant->room;
	struct bf_peer_track *msg;

	bf_feed_tell_state(track);
	msg = bf_peer_msg_new(room, worker, BF_PEER_TRACK, sizeof(*msg));
	if (msg) {
		msg->participant_id = track->participant->id;
		msg->track_id = track->id;
		msg->is_video = track->is_video;
		msg->source = track->source;
		msg->layer_count = (uint8_t)track->layer_count;
		msg->format = track->format;
		msg->format.fmtp = bf_bytes(NULL, 0);
		memcpy(msg->fmtp_text, track->fmtp_text, sizeof(msg->fmtp_text));
		for (unsigned i = 0; i < BF_TRACK_LAYERS; i++)
			memcpy(msg->rids[i], track->streams[i].rid, sizeof(msg->rids[i]));
		msg->state = track->told;
	}
	bf_peer_tell(room, worker, msg);
}

void bf_feed_announce(struct bf_track *track)
{
	struct bf_room *room = track->participant->room;

	for (unsigned i = 0; i < room->rooms->conf.worker_count; i++)
		if (room->members[i].is_member)
			bf_feed_announce_to(track, i);
}

void bf_feed_announce_end(const struct bf_track *track)
{
	tell_change(track, BF_PEER_TRACK_END);
}

/* ---- records ---- */

static void *begin_record(
	const struct bf_feed *feed, const struct bf_stream *stream, uint8_t kind, size_t size)
{
	struct bf_peer_record *record = bf_peer_record(rooms_of(feed->track), feed->worker, size);

	if (!record)
		return NULL;
	memset(record, 0,
		size < sizeof(struct bf_peer_packet) ? size : sizeof(struct bf_peer_packet));
	record->handle = feed->handle;
	record->stream_uid = stream->uid;
	record->kind = kind;
	record->layer = stream->layer;
	return record;
}

static void end_record(const struct bf_feed *feed, size_t size)
{
	bf_peer_wrote(rooms_of(feed->track), feed->worker, size);
}

static size_t packet_size(const struct bf_media_packet *packet)
{
	size_t size = sizeof(struct bf_peer_packet) + packet->payload.len;

	for (size_t i = 0; i < BF_EXT_COUNT; i++)
		size += packet->exts.value[i].len;
	return size;
}

static uint8_t *write_ext(uint8_t *at, uint8_t *len, struct bf_bytes value)
{
	*len = BF_PEER_NO_EXT;
	if (!value.data || value.len >= BF_PEER_NO_EXT)
		return at;
	*len = (uint8_t)value.len;
	memcpy(at, value.data, value.len);
	return at + value.len;
}

static bool write_packet(const struct bf_feed *feed, const struct bf_stream *stream,
	const struct bf_media_packet *packet)
{
	struct bf_peer_packet *out =
		begin_record(feed, stream, BF_PEER_PACKET, packet_size(packet));
	uint8_t *at;

	if (!out)
		return false;
	out->marker = packet->marker;
	out->payload_len = (uint16_t)packet->payload.len;
	out->timestamp = packet->timestamp;
	out->ext_seq = packet->ext_seq;
	out->at_us = packet->at_us;
	out->info = packet->info;
	at = out->bytes;
	for (size_t i = 0; i < BF_EXT_COUNT; i++)
		at = write_ext(at, &out->ext_lens[i], packet->exts.value[i]);
	memcpy(at, packet->payload.data, packet->payload.len);
	end_record(feed, (size_t)(at + packet->payload.len - (uint8_t *)out));
	return true;
}

static bool write_skip(const struct bf_feed *feed, const struct bf_stream *stream, uint64_t ext_seq)
{
	struct bf_peer_skip *out = begin_record(feed, stream, BF_PEER_SKIP, sizeof(*out));

	if (!out)
		return false;
	out->ext_seq = ext_seq;
	end_record(feed, sizeof(*out));
	return true;
}

static void write_report(const struct bf_feed *feed, const struct bf_stream *stream)
{
	struct bf_peer_report *out = begin_record(feed, stream, BF_PEER_REPORT, sizeof(*out));

	if (!out)
		return; /* the next one comes in some seconds */
	out->ntp = stream->sr_ntp;
	out->timestamp = stream->sr_timestamp;
	out->at_us = stream->sr_at_us;
	end_record(feed, sizeof(*out));
}

static void write_level(const struct bf_feed *feed, const struct bf_stream *stream,
	const struct bf_media_packet *packet)
{
	struct bf_peer_level *out;
	uint8_t level;
	bool is_voice;

	if (!bf_ext_audio_level(&packet->exts, &level, &is_voice))
		return;
	out = begin_record(feed, stream, BF_PEER_LEVEL, sizeof(*out));
	if (!out)
		return; /* the next one comes in some ms */
	out->level_dbov = level;
	out->at_us = packet->at_us;
	end_record(feed, sizeof(*out));
}

/* ---- what a full pipe refused ---- */

static void pop_refused(struct bf_feed *feed)
{
	feed->refused_first = (feed->refused_first + 1) % BF_FEED_REFUSED;
	if (--feed->refused_count == 0)
		bf_list_remove(&feed->refused_node);
}

static void refuse(struct bf_feed *feed, const struct bf_stream *stream, uint64_t ext_seq)
{
	struct bf_rooms *rooms = rooms_of(feed->track);
	unsigned at;

	rooms->counters.feed_refused++;
	if (feed->refused_count == BF_FEED_REFUSED) {
		rooms->counters.feed_lost++;
		pop_refused(feed);
	}
	if (feed->refused_count == 0)
		bf_list_append(&rooms->refused_feeds, &feed->refused_node);
	at = (feed->refused_first + feed->refused_count++) % BF_FEED_REFUSED;
	feed->refused[at].ext_seq = ext_seq;
	feed->refused[at].stream_uid = stream->uid;
	feed->refused[at].layer = stream->layer;
	if (!rooms->refused_timer.is_armed)
		bf_timer_arm(&rooms->refused_timer, bf_loop_now_us(rooms->conf.loop) + RETRY_US);
}

/* From the cache; what is not there any more, or was padding, is skipped. */
static bool write_again(
	const struct bf_feed *feed, const struct bf_stream *stream, uint64_t ext_seq)
{
	const struct bf_media_packet *packet =
		bf_cache_get(&stream->cache, ext_seq, now_us(feed->track));

	return packet ? write_packet(feed, stream, packet) : write_skip(feed, stream, ext_seq);
}

static void flush_refused(struct bf_feed *feed)
{
	while (feed->refused_count > 0) {
		unsigned layer = feed->refused[feed->refused_first].layer;
		const struct bf_stream *stream = &feed->track->streams[layer];

		if (feed->refused[feed->refused_first].stream_uid == stream->uid &&
			(feed->layers & 1u << layer) &&
			!write_again(feed, stream, feed->refused[feed->refused_first].ext_seq))
			return;
		pop_refused(feed);
	}
}

static void on_refused_timer(void *arg)
{
	struct bf_rooms *rooms = arg;

	BF_LIST_EACH(feed, &rooms->refused_feeds, struct bf_feed, refused_node)
		flush_refused(feed);
	if (!bf_list_is_empty(&rooms->refused_feeds))
		bf_timer_arm(&rooms->refused_timer, bf_loop_now_us(rooms->conf.loop) + RETRY_US);
}

/* ---- packets ---- */

void bf_feed_packet(const struct bf_stream *stream, const struct bf_media_packet *packet)
{
	if (stream->track->is_muted)
		return;
	BF_LIST_EACH(feed, &stream->track->feeds, struct bf_feed, node) {
		flush_refused(feed);
		if (feed->layers & 1u << stream->layer) {
			if (feed->refused_count > 0 || !write_packet(feed, stream, packet))
				refuse(feed, stream, packet->ext_seq);
		} else if (feed->layers & BF_PEER_LEVELS) {
			write_level(feed, stream, packet);
		}
	}
}

void bf_feed_skip(const struct bf_stream *stream, uint64_t ext_seq)
{
	if (stream->track->is_muted)
		return;
	BF_LIST_EACH(feed, &stream->track->feeds, struct bf_feed, node) {
		flush_refused(feed);
		if (!(feed->layers & 1u << stream->layer))
			continue;
		if (feed->refused_count > 0 || !write_skip(feed, stream, ext_seq))
			refuse(feed, stream, ext_seq);
	}
}

void bf_feed_report(const struct bf_stream *stream)
{
	BF_LIST_EACH(feed, &stream->track->feeds, struct bf_feed, node)
		if (feed->layers & 1u << stream->layer)
			write_report(feed, stream);
}

/* ---- what mirrors ask for ---- */

static struct bf_track *find_ours(struct bf_room *room, uint64_t track_id)
{
	struct bf_track *track = bf_track_find(room, track_id);

	return track && !track->mirror ? track : NULL;
}

static void free_feed(struct bf_feed *feed)
{
	bf_list_remove(&feed->node);
	bf_list_remove(&feed->refused_node);
	free(feed);
}

static struct bf_feed *find_feed(struct bf_track *track, unsigned worker)
{
	BF_LIST_EACH(feed, &track->feeds, struct bf_feed, node)
		if (feed->worker == worker)
			return feed;
	return NULL;
}

static struct bf_feed *find_or_begin(struct bf_track *track, unsigned worker)
{
	struct bf_rooms *rooms = rooms_of(track);
	struct bf_feed *feed = find_feed(track, worker);

	if (feed)
		return feed;
	if (bf_pipe_open(rooms->links[worker].pipe, rooms->conf.pipe_bytes))
		return NULL;
	feed = calloc(1, sizeof(*feed));
	if (!feed)
		return NULL;
	feed->track = track;
	feed->worker = (uint16_t)worker;
	bf_list_init(&feed->refused_node);
	bf_list_append(&track->feeds, &feed->node);
	return feed;
}

void bf_feed_on_want(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_want *want = (const struct bf_peer_want *)msg;
	struct bf_track *track = find_ours(room, want->track_id);
	struct bf_feed *feed;
	uint8_t added;

	if (!track)
		return; /* ended; that news is on its way */
	if (want->layers == 0) {
		feed = find_feed(track, msg->from);
		if (feed)
			free_feed(feed);
		return;
	}
	feed = find_or_begin(track, msg->from);
	if (!feed) {
		bf_member_repair(room, msg->from); /* it will say again what it wants */
		return;
	}
	added = want->layers & (uint8_t)~feed->layers;
	feed->layers = want->layers;
	feed->handle = want->handle;
	for (unsigned i = 0; i < track->layer_count; i++)
		if ((added & 1u << i) && track->streams[i].sr_ntp)
			write_report(feed, &track->streams[i]);
}

void bf_feed_on_keyframe(struct bf_room *room, struct bf_peer_msg *msg)
{
	const struct bf_peer_keyframe *keyframe = (const struct bf_peer_keyframe *)msg;
	struct bf_track *track = find_ours(room, keyframe->track_id);

	if (track && keyframe->layer < track->layer_count)
		bf_layer_ask(&track->streams[keyframe->layer], now_us(track));
}

/* ---- begin and end ---- */

void bf_feed_init(struct bf_rooms *rooms)
{
	bf_list_init(&rooms->refused_feeds);
	bf_timer_init(&rooms->refused_timer, rooms->conf.loop, on_refused_timer, rooms);
}

void bf_feed_deinit(struct bf_rooms *rooms)
{
	assert(bf_list_is_empty(&rooms->refused_feeds));
	bf_timer_disarm(&rooms->refused_timer);
}

void bf_feed_end(struct bf_track *track)
{
	BF_LIST_EACH(feed, &track->feeds, struct bf_feed, node)
		free_feed(feed);
}

void bf_feed_forget(struct bf_room *room, unsigned worker)
{
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node) {
			struct bf_feed *feed = find_feed(track, worker);
			if (feed)
				free_feed(feed);
		}
}
