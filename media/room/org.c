/* Organizations, and what they and their rooms may send: each has its turns (turn.c) and its budgets (media/cc/budget.h).
 *
 * Each worker counts what it sends itself. A room's budget is shared by the workers it is on, in proportion to the participants of
 * each that may receive; an organization's is for each worker, since none knows of rooms that are not on it. */
#include "media/room/room_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_OVERHEAD (12 + BF_PACE_OVERHEAD) /* of RTP, without extensions */
#define OVER_LOG_US	BF_SEC(10)

/* What one more subscription is expected to add where it is not known from the track: Opus at 20 ms, and a video call's picture. */
#define ADMIT_AUDIO_PACKETS 50
#define ADMIT_AUDIO_BPS	    64000
#define ADMIT_VIDEO_BPS	    1500000
#define ADMIT_PACKET_BITS   (8 * 1100)

static struct bf_org *find_or_open(struct bf_rooms *rooms, uint64_t id, int *err)
{
	struct bf_map_node *node = bf_map_get(&rooms->orgs, bf_bytes(&id, sizeof(id)));
	struct bf_org *org;

	if (node)
		return BF_CONTAINER(node, struct bf_org, map_node);
	*err = -ENOMEM;
	org = calloc(1, sizeof(*org));
	if (!org)
		return NULL;
	org->id = id;
	bf_fair_org_init(&org->fair);
	bf_budget_init(
		&org->budget, NULL, &rooms->conf.org_limits, bf_loop_now_us(rooms->conf.loop));
	*err = bf_map_put(&rooms->orgs, &org->map_node, bf_bytes(&org->id, sizeof(org->id)));
	if (*err) {
		free(org);
		return NULL;
	}
	return org;
}

static bool has_limit(const struct bf_budget_limits *limits)
{
	return limits->packets_per_s > 0 || limits->bits_per_s > 0;
}

int bf_org_enter(struct bf_room *room, uint64_t org_id)
{
	struct bf_rooms_conf *conf = &room->rooms->conf;
	int err = 0;

	room->org = find_or_open(room->rooms, org_id, &err);
	if (!room->org)
		return err;
	room->org->room_count++;
	bf_fair_room_init(&room->fair, &room->org->fair);
	bf_budget_init(
		&room->budget, &room->org->budget, &conf->room_limits, bf_loop_now_us(conf->loop));
	room->is_limited = has_limit(&conf->room_limits) || has_limit(&conf->org_limits);
	return 0;
}

void bf_org_leave(struct bf_room *room)
{
	struct bf_org *org = room->org;

	assert(room->fair.item_count == 0);
	if (--org->room_count > 0)
		return;
	bf_map_remove(&room->rooms->orgs, &org->map_node);
	free(org);
}

/* ---- rooms on several workers ---- */

static int64_t share_of(int64_t limit, uint64_t ours, uint64_t all)
{
	int64_t share = (int64_t)((uint64_t)limit * ours / all);

	return limit > 0 && share == 0 ? 1 : share; /* 0 is no limit */
}

/* What we may send of the room's budget, with `more` receivers here than there are. Not the number of workers divides it: most of a
 * room is where it began, and one participant elsewhere must not take half of its pictures. */
static void set_share(struct bf_room *room, unsigned more)
{
	const struct bf_rooms_conf *conf = &room->rooms->conf;
	struct bf_budget_limits share = conf->room_limits;
	uint64_t ours = (uint64_t)room->receiver_count + more;
	uint64_t all = ours + room->remote_receiver_count;

	if (!has_limit(&share))
		return;
	if (ours > 0) { /* else nothing is sent here, and whoever comes first finds it full */
		share.packets_per_s = share_of(share.packets_per_s, ours, all);
		share.bits_per_s = share_of(share.bits_per_s, ours, all);
	}
	bf_budget_set_limits(&room->budget, &share, bf_loop_now_us(conf->loop));
}

void bf_org_set_receiver(struct bf_participant *participant, bool is_receiver)
{
	struct bf_room *room = participant->room;
	unsigned *count =
		participant->is_remote ? &room->remote_receiver_count : &room->receiver_count;

	if (participant->is_receiver == is_receiver)
		return;
	participant->is_receiver = is_receiver;
	*count += is_receiver ? 1u : -1u;
	set_share(room, 0);
}

/* ---- joining ---- */

/* What one subscription to the track is going to take: what its largest layer took in the last second. */
static void add_estimate(struct bf_budget_limits *sum, const struct bf_track *track)
{
	uint64_t bits = 0;

	if (!track->is_video) {
		sum->packets_per_s += ADMIT_AUDIO_PACKETS;
		sum->bits_per_s += ADMIT_AUDIO_BPS;
		return;
	}
	for (unsigned i = 0; i < track->layer_count; i++)
		if (8 * track->streams[i].second_bytes > bits)
			bits = 8 * track->streams[i].second_bytes;
	if (bits == 0)
		bits = ADMIT_VIDEO_BPS;
	sum->packets_per_s += (int64_t)(bits / ADMIT_PACKET_BITS + 1);
	sum->bits_per_s += (int64_t)bits;
}

/* What the newcomer would receive of those who are there. What he publishes himself nobody knows yet. */
static struct bf_budget_limits estimate(
	const struct bf_room *room, const struct bf_media_join *join)
{
	struct bf_budget_limits sum = {0, 0};

	if (!(join->grants & BF_GRANT_SUBSCRIBE))
		return sum;
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			add_estimate(&sum, track);
	if (sum.packets_per_s > BF_BUDGET_RATE_MAX)
		sum.packets_per_s = BF_BUDGET_RATE_MAX;
	if (sum.bits_per_s > BF_BUDGET_RATE_MAX)
		sum.bits_per_s = BF_BUDGET_RATE_MAX;
	return sum;
}

const char *bf_org_refuse_join(struct bf_room *room, const struct bf_media_join *join)
{
	static const char *const why[BF_BUDGET_VERDICT_COUNT] = {
		[BF_BUDGET_PACKETS] = "the room's budget of packets (media.room_packets_max) has "
				      "no space for another participant; try again later",
		[BF_BUDGET_BITS] = "the room's budget of bits (media.room_kbps_max) has no space "
				   "for another participant; try again later",
		[BF_BUDGET_PARENT_PACKETS] =
			"the organization's budget of packets (media.org_packets_max) has no "
			"space for another participant; try again later",
		[BF_BUDGET_PARENT_BITS] = "the organization's budget of bits "
					  "(media.org_kbps_max) has no space for another "
					  "participant; try again later",
	};
	struct bf_budget_limits added;
	enum bf_budget_verdict verdict;

	if (!room->is_limited)
		return NULL;
	added = estimate(room, join);
	set_share(room, join->grants & BF_GRANT_SUBSCRIBE ? 1 : 0); /* he brings some along */
	verdict = bf_budget_admit(&room->budget, &added, bf_loop_now_us(room->rooms->conf.loop));
	set_share(room, 0);
	if (verdict != BF_BUDGET_OK)
		room->rooms->counters.joins_over_budget++;
	return why[verdict];
}

/* ---- sending ---- */

static void on_refused(struct bf_track *track, enum bf_budget_verdict verdict, int64_t now_us)
{
	struct bf_room *room = track->participant->room;

	track->is_over_budget = true;
	if (room->over_logged_us && now_us - room->over_logged_us < OVER_LOG_US)
		return;
	room->over_logged_us = now_us;
	BF_LOG(room->rooms->conf.log, BF_LOG_WARN, "over budget",
		BF_UINT("worker", room->rooms->conf.env->worker), BF_ID("room", room->id),
		BF_STR("budget", bf_budget_verdict_name(verdict)),
		BF_STR("left_out", track->is_video ? "video" : "audio"));
}

bool bf_org_allows(struct bf_track *track, uint32_t copy_count, size_t packet_bytes, int64_t now_us)
{
	struct bf_room *room = track->participant->room;
	uint64_t bits = 8 * (uint64_t)copy_count * (packet_bytes + PACKET_OVERHEAD);
	enum bf_budget_verdict verdict = bf_budget_take(&room->budget,
		track->is_video ? BF_BUDGET_VIDEO : BF_BUDGET_AUDIO, copy_count, bits, now_us);

	if (verdict != BF_BUDGET_OK) {
		room->rooms->counters.over_budget[verdict] += copy_count;
		on_refused(track, verdict, now_us);
		return false;
	}
	if (!track->is_over_budget)
		return true;
	track->is_over_budget = false;
	if (track->is_video) /* what was left out is no loss, and what follows refers to it */
		BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
			bf_sub_interrupt(sub);
	return true;
}
