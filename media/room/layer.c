/* Which simulcast layer a subscription receives, and asking the publisher for the keyframe a change needs. */
#include "media/room/room_priv.h"

#define DISORDER_SECONDS 3

static int64_t now_us(const struct bf_sub *sub)
{
	return bf_loop_now_us(bf_conn_rooms(sub->conn)->conf.loop);
}

bool bf_layer_is_alive(const struct bf_stream *stream, int64_t now)
{
	if (stream->track->mirror)
		return bf_mirror_is_alive(stream);
	return stream->last_packet_us && now - stream->last_packet_us < BF_LAYER_ALIVE_US;
}

/* The highest living layer up to the wanted one; else the lowest living one; else the wanted one. */
static int8_t choose(const struct bf_sub *sub)
{
	const struct bf_track *track = sub->track;
	int top = (int)track->layer_count - 1;
	int want = (int)bf_overload_layer(&bf_conn_rooms(sub->conn)->overload, sub->ssrc,
		(unsigned)(sub->wanted < 0 || sub->wanted > top ? top : sub->wanted),
		track->layer_count);
	int64_t now = now_us(sub);

	for (int i = want; i >= 0; i--)
		if (bf_layer_is_alive(&track->streams[track->ranks[i]], now))
			return (int8_t)track->ranks[i];
	for (int i = want; i <= top; i++)
		if (bf_layer_is_alive(&track->streams[track->ranks[i]], now))
			return (int8_t)track->ranks[i];
	return (int8_t)track->ranks[want];
}

uint8_t bf_layer_of(const struct bf_track *track, int8_t stream_idx)
{
	for (unsigned i = 0; i < track->layer_count; i++)
		if (track->ranks[i] == (uint8_t)stream_idx)
			return (uint8_t)i;
	return 0;
}

/* Whether `a` is the lower layer of the two: by the size of its pictures, else by far fewer bytes in the second that passed. Where
 * neither tells, the order stays as it is. */
static bool is_lower(const struct bf_stream *a, const struct bf_stream *b)
{
	if (a->area && b->area && a->area != b->area)
		return a->area < b->area;
	return a->second_bytes > 0 && a->second_bytes < b->second_bytes / 2;
}

static bool is_in_order(const struct bf_track *track)
{
	for (unsigned i = 1; i < track->layer_count; i++)
		if (is_lower(
			    &track->streams[track->ranks[i]], &track->streams[track->ranks[i - 1]]))
			return false;
	return true;
}

void bf_layer_rank(struct bf_track *track)
{
	for (unsigned i = 1; i < track->layer_count; i++)
		for (unsigned at = i; at > 0; at--) {
			uint8_t *upper = &track->ranks[at], *lower = &track->ranks[at - 1];
			uint8_t idx = *upper;
			if (!is_lower(&track->streams[*upper], &track->streams[*lower]))
				break;
			*upper = *lower;
			*lower = idx;
		}
	bf_layer_update_track(track);
}

/* A layer that is switched off in the middle of a second looks small: only what stays so is believed. */
void bf_layer_on_second(struct bf_track *track)
{
	for (unsigned i = 0; i < track->layer_count; i++) {
		struct bf_stream *stream = &track->streams[i];
		stream->second_bytes = stream->stats.byte_count - stream->counted_bytes;
		stream->counted_bytes = stream->stats.byte_count;
	}
	track->disorder_count = is_in_order(track) ? 0 : track->disorder_count + 1;
	if (track->disorder_count >= DISORDER_SECONDS) {
		track->disorder_count = 0;
		bf_layer_rank(track);
	}
	bf_layer_update_track(track); /* layers that went to sleep */
}

void bf_layer_ask(struct bf_stream *stream, int64_t now)
{
	struct bf_conn *conn = stream->track->participant->conns[BF_PC_PUBLISH];

	if (stream->track->mirror) {
		bf_mirror_want_keyframe(stream, now);
		return;
	}
	bf_keyframe_want(&stream->keyframe, now);
	if (conn)
		bf_conn_wake(conn, bf_keyframe_deadline_us(&stream->keyframe));
}

void bf_layer_want_keyframe(struct bf_sub *sub)
{
	if (sub->track && sub->is_video && sub->is_active && !sub->track->is_over_budget)
		bf_layer_ask(&sub->track->streams[sub->target], now_us(sub));
}

static void update_target(struct bf_sub *sub)
{
	sub->target = choose(sub);
	if (sub->target != sub->current && sub->is_active && !sub->is_paused && !sub->is_shed &&
		!sub->track->is_muted && !sub->track->is_over_budget && sub->conn->is_connected)
		bf_layer_ask(&sub->track->streams[sub->target], now_us(sub));
}

void bf_layer_update(struct bf_sub *sub)
{
	if (sub->track && sub->is_video)
		update_target(sub);
	bf_mirror_on_sub(sub);
}

void bf_layer_update_track(struct bf_track *track)
{
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		bf_layer_update(sub);
	bf_feed_tell_state(track);
}
