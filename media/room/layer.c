/* Which simulcast layer a subscription receives, and asking the publisher for the keyframe a change needs. */
#include "media/room/room_priv.h"

static int64_t now_us(const struct bf_sub *sub)
{
	return bf_loop_now_us(bf_conn_rooms(sub->conn)->conf.loop);
}

static bool is_alive(const struct bf_stream *stream, int64_t now)
{
	return stream->last_packet_us && now - stream->last_packet_us < BF_LAYER_ALIVE_US;
}

/* The highest living layer up to the wanted one; else the lowest living one; else the wanted one. */
static int8_t choose(const struct bf_sub *sub)
{
	const struct bf_track *track = sub->track;
	int8_t top = (int8_t)(track->layer_count - 1);
	int8_t want = sub->wanted < 0 || sub->wanted > top ? top : sub->wanted;
	int64_t now = now_us(sub);

	for (int8_t i = want; i >= 0; i--)
		if (is_alive(&track->streams[i], now))
			return i;
	for (int8_t i = want; i <= top; i++)
		if (is_alive(&track->streams[i], now))
			return i;
	return want;
}

static void ask(struct bf_stream *stream, int64_t now)
{
	struct bf_conn *conn = stream->track->participant->conns[BF_PC_PUBLISH];

	bf_keyframe_want(&stream->keyframe, now);
	if (conn)
		bf_conn_wake(conn, bf_keyframe_deadline_us(&stream->keyframe));
}

void bf_layer_want_keyframe(struct bf_sub *sub)
{
	if (sub->track && sub->is_video && sub->is_active)
		ask(&sub->track->streams[sub->target], now_us(sub));
}

void bf_layer_update(struct bf_sub *sub)
{
	if (!sub->track || !sub->is_video)
		return;
	sub->target = choose(sub);
	if (sub->target != sub->current && sub->is_active && !sub->is_paused && !sub->track->is_muted &&
		sub->conn->is_connected)
		ask(&sub->track->streams[sub->target], now_us(sub));
}

void bf_layer_update_track(struct bf_track *track)
{
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		bf_layer_update(sub);
}
