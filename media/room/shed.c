/* What a worker leaves out when it cannot keep up (media/cc/overload.h says in which order). */
#include "media/room/room_priv.h"

void bf_shed_update(struct bf_sub *sub)
{
	bool is_shed =
		sub->is_video && bf_overload_pauses(&bf_conn_rooms(sub->conn)->overload, sub->ssrc);

	if (is_shed == sub->is_shed)
		return;
	sub->is_shed = is_shed;
	if (!sub->track)
		return;
	bf_room_post_to_subscriber(sub, BF_TRACK_SUSPENDED, is_shed);
	bf_sub_interrupt(sub);
}

static void apply(struct bf_conn *conn)
{
	if (!conn)
		return;
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node) {
		bf_shed_update(sub);
		bf_layer_update(sub);
	}
}

static void apply_to_all(struct bf_rooms *rooms)
{
	for (struct bf_map_node *node = bf_map_next(&rooms->rooms, NULL); node;
		node = bf_map_next(&rooms->rooms, node)) {
		struct bf_room *room = BF_CONTAINER(node, struct bf_room, map_node);

		BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
			apply(participant->conns[BF_PC_SUBSCRIBE]);
	}
}

void bf_rooms_on_load(
	struct bf_rooms *rooms, const struct bf_overload_sample *sample, int64_t now_us)
{
	struct bf_overload *overload = &rooms->overload;
	unsigned before = overload->level;

	if (!bf_overload_on_sample(overload, sample, now_us))
		return;
	BF_LOG(rooms->conf.log, overload->state == BF_OVERLOAD_NORMAL ? BF_LOG_INFO : BF_LOG_WARN,
		"load", BF_UINT("worker", rooms->conf.env->worker),
		BF_STR("state", bf_overload_state_name(overload->state)),
		BF_UINT("level", overload->level), BF_INT("p99_us", sample->p99_us),
		BF_INT("budget_us", overload->budget_us),
		BF_INT("busy_permille", sample->busy_permille));
	if (overload->level != before)
		apply_to_all(rooms);
}
