#include "signaling/rtc/registry.h"

#include "core/base/hash.h"
#include "core/base/id.h"
#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUSY_WEIGHT 4 /* see registry.h */

static struct bf_bytes id_key(const uint64_t *id)
{
	return bf_bytes(id, sizeof(*id));
}

int bf_rtc_registry_init(struct bf_rtc_registry *registry, const struct bf_rtc_registry_conf *conf)
{
	int err;

	assert(conf->media.worker_count > 0);
	memset(registry, 0, sizeof(*registry));
	bf_rand_bytes(registry->org_seed, sizeof(registry->org_seed));
	registry->conf = *conf;
	registry->transport_counts =
		calloc(conf->media.worker_count, sizeof(*registry->transport_counts));
	if (!registry->transport_counts)
		return -ENOMEM;
	err = bf_map_init(&registry->rooms_by_name, 64, BF_RTC_ROOMS_MAX);
	if (err)
		goto fail_counts;
	err = bf_map_init(&registry->rooms_by_id, 64, BF_RTC_ROOMS_MAX);
	if (err)
		goto fail_by_name;
	err = bf_map_init(&registry->participants, 256, BF_RTC_PARTICIPANTS_MAX);
	if (err)
		goto fail_by_id;
	return 0;

fail_by_id:
	bf_map_deinit(&registry->rooms_by_id);
fail_by_name:
	bf_map_deinit(&registry->rooms_by_name);
fail_counts:
	free(registry->transport_counts);
	return err;
}

void bf_rtc_registry_deinit(struct bf_rtc_registry *registry)
{
	assert(registry->participants.entry_count == 0);
	bf_map_deinit(&registry->participants);
	bf_map_deinit(&registry->rooms_by_id);
	bf_map_deinit(&registry->rooms_by_name);
	free(registry->transport_counts);
}

/* ---- where participants live ---- */

static unsigned busy_of(const struct bf_rtc_registry *registry, unsigned worker)
{
	const struct bf_media_port *media = &registry->conf.media;

	return media->load ? media->load(media->arg, worker) : 0;
}

static unsigned load_of(const struct bf_rtc_registry *registry, unsigned worker)
{
	return registry->transport_counts[worker] + BUSY_WEIGHT * busy_of(registry, worker);
}

/* The least loaded worker but `except`; `except` where there is no other. */
static unsigned least_loaded(const struct bf_rtc_registry *registry, unsigned except)
{
	unsigned best = except;

	for (unsigned i = 0; i < registry->conf.media.worker_count; i++)
		if (i != except &&
			(best == except || load_of(registry, i) < load_of(registry, best)))
			best = i;
	return best;
}

static bool is_loaded(
	const struct bf_rtc_registry *registry, const struct bf_rtc_room *room, unsigned worker)
{
	return room->worker_counts[worker] >= BF_RTC_ROOM_SHARE ||
	       busy_of(registry, worker) >= BF_RTC_BUSY_PERMILLE;
}

/* Where the room is: where the last one went, unless nobody is there any more. */
static unsigned home_of(const struct bf_rtc_registry *registry, const struct bf_rtc_room *room)
{
	if (room->worker_counts[room->worker] > 0)
		return room->worker;
	for (unsigned i = 0; i < registry->conf.media.worker_count; i++)
		if (room->worker_counts[i] > 0)
			return i;
	return room->worker;
}

static unsigned choose_worker(const struct bf_rtc_registry *registry,
	const struct bf_rtc_room *room, const struct bf_rtc_participant *near)
{
	unsigned wanted, other;

	if (room->participant_count == 0)
		return room->worker;
	if (registry->conf.is_round_robin)
		return (room->worker + 1) % registry->conf.media.worker_count;
	wanted = near ? near->worker : home_of(registry, room);
	if (!is_loaded(registry, room, wanted))
		return wanted;
	other = least_loaded(registry, wanted);
	return load_of(registry, other) < load_of(registry, wanted) ? other : wanted;
}

/* A browser has two connections, one to publish and one to receive. */
static unsigned transports_of(const struct bf_rtc_participant *participant)
{
	return participant->kind == BF_RTC_BY_SOCKET ? 2 : 1;
}

static void settle(struct bf_rtc_registry *registry, struct bf_rtc_participant *participant)
{
	participant->room->worker_counts[participant->worker]++;
	registry->transport_counts[participant->worker] += transports_of(participant);
}

static void unsettle(struct bf_rtc_registry *registry, const struct bf_rtc_participant *participant)
{
	participant->room->worker_counts[participant->worker]--;
	registry->transport_counts[participant->worker] -= transports_of(participant);
}

bool bf_rtc_registry_move(struct bf_rtc_registry *registry, struct bf_rtc_participant *participant)
{
	unsigned other = least_loaded(registry, participant->worker);

	if (participant->has_moved || other == participant->worker)
		return false;
	unsettle(registry, participant);
	participant->has_moved = true;
	participant->worker = other;
	participant->leave->worker = other;
	participant->room->worker = other;
	settle(registry, participant);
	return true;
}

/* ---- rooms ---- */

/* "org/name": neither has a slash in it. Returns the length. */
static size_t write_path(
	char out[static 2 * BF_ROOM_TEXT], struct bf_bytes org, struct bf_bytes name)
{
	assert(org.len < BF_ROOM_TEXT && name.len < BF_ROOM_TEXT);
	if (org.len)
		memcpy(out, org.data, org.len);
	out[org.len] = '/';
	memcpy(out + org.len + 1, name.data, name.len);
	out[org.len + 1 + name.len] = '\0';
	return org.len + 1 + name.len;
}

/* Two of 64 bits do not meet by chance, and whoever signs tokens does not know the seed. */
static uint64_t org_id(const struct bf_rtc_registry *registry, struct bf_bytes org)
{
	uint64_t id = org.len ? bf_hash(registry->org_seed, org) : 0;

	return org.len && id == 0 ? 1 : id;
}

static int room_new(struct bf_rtc_registry *registry, struct bf_rtc_room **out, struct bf_bytes org,
	struct bf_bytes name)
{
	unsigned worker_count = registry->conf.media.worker_count;
	struct bf_rtc_room *room =
		calloc(1, sizeof(*room) + worker_count * sizeof(room->worker_counts[0]));
	int err;

	if (!room)
		return -ENOMEM;
	bf_list_init(&room->participants);
	(void)write_path(room->path, org, name);
	room->name = room->path + org.len + 1;
	if (org.len)
		memcpy(room->org, org.data, org.len);
	room->org_id = org_id(registry, org);
	room->id = bf_id_new();
	room->worker = least_loaded(registry, worker_count); /* which is none of them */
	err = bf_map_put(&registry->rooms_by_name, &room->by_name, bf_bytes_str(room->path));
	if (err)
		goto fail_room;
	err = bf_map_put(&registry->rooms_by_id, &room->by_id, id_key(&room->id));
	if (err)
		goto fail_name;
	*out = room;
	return 0;

fail_name:
	bf_map_remove(&registry->rooms_by_name, &room->by_name);
fail_room:
	free(room);
	return err;
}

static void room_drop_if_empty(struct bf_rtc_registry *registry, struct bf_rtc_room *room)
{
	if (room->participant_count > 0)
		return;
	bf_map_remove(&registry->rooms_by_id, &room->by_id);
	bf_map_remove(&registry->rooms_by_name, &room->by_name);
	free(room);
}

struct bf_rtc_room *bf_rtc_registry_room(
	const struct bf_rtc_registry *registry, struct bf_bytes org, struct bf_bytes name)
{
	char path[2 * BF_ROOM_TEXT];
	size_t len = write_path(path, org, name);
	struct bf_map_node *node = bf_map_get(&registry->rooms_by_name, bf_bytes(path, len));

	return node ? BF_CONTAINER(node, struct bf_rtc_room, by_name) : NULL;
}

struct bf_rtc_room *bf_rtc_registry_room_of_id(const struct bf_rtc_registry *registry, uint64_t id)
{
	struct bf_map_node *node = bf_map_get(&registry->rooms_by_id, id_key(&id));

	return node ? BF_CONTAINER(node, struct bf_rtc_room, by_id) : NULL;
}

/* ---- participants ---- */

static struct bf_rtc_leave *leave_new(unsigned worker, uint64_t room_id, uint64_t participant_id)
{
	struct bf_rtc_leave *leave = calloc(1, sizeof(*leave));

	if (!leave)
		return NULL;
	leave->msg = bf_msg_new(BF_MEDIA_LEAVE, sizeof(*leave->msg));
	if (!leave->msg) {
		free(leave);
		return NULL;
	}
	bf_list_init(&leave->node);
	leave->worker = worker;
	leave->msg->room_id = room_id;
	leave->msg->participant_id = participant_id;
	return leave;
}

void bf_rtc_leave_free(struct bf_rtc_leave *leave)
{
	if (!leave)
		return;
	if (leave->msg)
		bf_msg_free(&leave->msg->msg);
	free(leave);
}

static int participant_new(struct bf_rtc_registry *registry, struct bf_rtc_participant **out,
	struct bf_rtc_room *room, struct bf_bytes name, unsigned worker)
{
	struct bf_rtc_participant *participant = calloc(1, sizeof(*participant));
	int err = -ENOMEM;

	assert(name.len < sizeof(participant->name));
	if (!participant)
		return -ENOMEM;
	participant->id = bf_id_new();
	participant->leave = leave_new(worker, room->id, participant->id);
	if (!participant->leave)
		goto fail_participant;
	err = bf_map_put(&registry->participants, &participant->by_id, id_key(&participant->id));
	if (err)
		goto fail_leave;
	if (name.len)
		memcpy(participant->name, name.data, name.len);
	participant->worker = worker;
	participant->room = room;
	bf_list_init(&participant->pendings);
	*out = participant;
	return 0;

fail_leave:
	bf_rtc_leave_free(participant->leave);
fail_participant:
	free(participant);
	return err;
}

int bf_rtc_registry_add(struct bf_rtc_registry *registry, struct bf_rtc_participant **out,
	struct bf_bytes org, struct bf_bytes room_name, struct bf_bytes name,
	enum bf_rtc_participant_kind kind, const struct bf_rtc_participant *near)
{
	struct bf_rtc_room *room = bf_rtc_registry_room(registry, org, room_name);
	struct bf_rtc_participant *participant;
	int err = 0;

	if (room && room->participant_count >= registry->conf.room_participant_count_max)
		return -ENOBUFS;
	if (!room)
		err = room_new(registry, &room, org, room_name);
	if (err)
		return err;
	err = participant_new(
		registry, &participant, room, name, choose_worker(registry, room, near));
	if (err) {
		room_drop_if_empty(registry, room);
		return err;
	}
	bf_list_append(&room->participants, &participant->in_room);
	room->participant_count++;
	participant->kind = kind;
	room->worker = participant->worker;
	settle(registry, participant);
	*out = participant;
	return 0;
}

struct bf_rtc_leave *bf_rtc_registry_remove(
	struct bf_rtc_registry *registry, struct bf_rtc_participant *participant)
{
	struct bf_rtc_leave *leave = participant->leave;
	struct bf_rtc_room *room = participant->room;

	assert(bf_list_is_empty(&participant->pendings));
	bf_map_remove(&registry->participants, &participant->by_id);
	bf_list_remove(&participant->in_room);
	room->participant_count--;
	unsettle(registry, participant);
	if (participant->held_offer)
		bf_msg_free(&participant->held_offer->msg);
	free(participant->tracks);
	free(participant);
	room_drop_if_empty(registry, room);
	return leave;
}

struct bf_rtc_participant *bf_rtc_registry_find(
	const struct bf_rtc_registry *registry, uint64_t room_id, uint64_t id)
{
	struct bf_map_node *node = bf_map_get(&registry->participants, id_key(&id));
	struct bf_rtc_participant *participant;

	if (!node)
		return NULL;
	participant = BF_CONTAINER(node, struct bf_rtc_participant, by_id);
	return participant->room->id == room_id ? participant : NULL;
}

struct bf_rtc_participant *bf_rtc_room_named(const struct bf_rtc_room *room, struct bf_bytes name)
{
	BF_LIST_EACH(at, &room->participants, struct bf_rtc_participant, in_room) {
		if (at->kind != BF_RTC_BY_WHEP && at->state == BF_RTC_PARTICIPANT_SHOWN &&
			bf_bytes_is(name, at->name))
			return at;
	}
	return NULL;
}

bool bf_rtc_room_has_whip(const struct bf_rtc_room *room, struct bf_bytes name)
{
	BF_LIST_EACH(at, &room->participants, struct bf_rtc_participant, in_room) {
		if (at->kind == BF_RTC_BY_WHIP && bf_bytes_is(name, at->name))
			return true;
	}
	return false;
}

/* ---- tracks ---- */

struct bf_rtc_track *bf_rtc_participant_track(
	const struct bf_rtc_participant *participant, uint64_t track_id)
{
	for (unsigned i = 0; i < participant->track_count; i++) {
		if (participant->tracks[i].id == track_id)
			return &participant->tracks[i];
	}
	return NULL;
}

struct bf_rtc_participant *bf_rtc_room_publisher(const struct bf_rtc_room *room, uint64_t track_id)
{
	BF_LIST_EACH(at, &room->participants, struct bf_rtc_participant, in_room) {
		if (bf_rtc_participant_track(at, track_id))
			return at;
	}
	return NULL;
}

int bf_rtc_participant_add_track(
	struct bf_rtc_participant *participant, struct bf_rtc_track **out, uint64_t track_id)
{
	struct bf_rtc_track *track;

	if (participant->track_count == BF_MEDIA_TRACKS_MAX)
		return -ENOBUFS;
	if (participant->track_count == participant->track_room) {
		unsigned room = participant->track_room ? 2 * participant->track_room : 4;
		struct bf_rtc_track *bigger =
			realloc(participant->tracks, room * sizeof(*bigger)); /* at most 64 */

		if (!bigger)
			return -ENOMEM;
		participant->tracks = bigger;
		participant->track_room = room;
	}
	track = &participant->tracks[participant->track_count++];
	memset(track, 0, sizeof(*track));
	track->id = track_id;
	*out = track;
	return 0;
}

void bf_rtc_participant_remove_track(
	struct bf_rtc_participant *participant, struct bf_rtc_track *track)
{
	/* In order: others were told of the tracks in this order. */
	size_t after = (size_t)(&participant->tracks[participant->track_count] - (track + 1));

	memmove(track, track + 1, after * sizeof(*track));
	participant->track_count--;
}
