/* Video leaves at the pace of its subscriber: what may not go yet waits as a number, and is looked up again when it may.
 *
 * A packet that waits has its numbers already; its payload is in the cache of its stream. What the cache has lost meanwhile is
 * lost, like a packet on the network: the subscriber may ask for it, in vain, or gets the next keyframe. */
#include "media/room/room_priv.h"

static struct bf_conn *conn_of(struct bf_pacer *pacer)
{
	return BF_CONTAINER(pacer, struct bf_conn, pacer);
}

static struct bf_sub *find_sub(struct bf_conn *conn, uint64_t ssrc)
{
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		if (sub->ssrc == ssrc)
			return sub;
	return NULL;
}

bool bf_pace_admit(struct bf_sub *sub, const struct bf_template *template, bool is_again,
	uint16_t seq, int64_t now_us)
{
	struct bf_pacer *pacer = &sub->conn->pacer;
	enum bf_pacer_class cls = !sub->is_video ? BF_PACER_AUDIO
				  : is_again	 ? BF_PACER_RESEND
						 : BF_PACER_VIDEO;
	size_t bytes = template->header_len + template->packet->payload.len + BF_PACE_OVERHEAD;

	if (bytes > BF_PACER_PACKET_MAX)
		bytes = BF_PACER_PACKET_MAX;
	if (bf_pacer_admit(pacer, cls, (uint16_t)bytes, now_us))
		return true;
	if (bf_pacer_push(pacer,
		    &(struct bf_pacer_entry){.owner = sub->ssrc,
			    .packet = seq,
			    .bytes = (uint16_t)bytes,
			    .cls = (uint8_t)cls},
		    now_us))
		bf_layer_want_keyframe(sub);
	bf_timer_arm(&bf_conn_rooms(sub->conn)->pace_timer,
		bf_pacers_deadline_us(&bf_conn_rooms(sub->conn)->pacers));
	return false;
}

static uint32_t send_waiting(struct bf_conn *conn, int64_t now_us)
{
	const struct bf_outbox_aim aim = {.out = bf_transport_out(conn->transport)};
	struct bf_pacer_entry entry;
	enum bf_pacer_verdict verdict;
	uint32_t count = 0;

	while ((verdict = bf_pacer_poll(&conn->pacer, now_us, &entry)) != BF_PACER_NOTHING) {
		struct bf_sub *sub = find_sub(conn, entry.owner);

		if (!sub)
			continue;
		if (verdict == BF_PACER_LATE)
			bf_layer_want_keyframe(sub);
		else if (aim.out->is_open)
			bf_resend_packet(sub, &aim, (uint16_t)entry.packet,
				entry.cls == BF_PACER_RESEND, now_us);
		count++;
	}
	return count;
}

uint32_t bf_pace_run(struct bf_rooms *rooms, uint32_t count_max, int64_t now_us)
{
	struct bf_pacer *pacer;
	uint32_t count = 0;

	while (count < count_max && (pacer = bf_pacers_next(&rooms->pacers, now_us)))
		count += send_waiting(conn_of(pacer), now_us);
	bf_timer_arm(&rooms->pace_timer, bf_pacers_deadline_us(&rooms->pacers));
	return count;
}
