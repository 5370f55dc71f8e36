/* signaling/rtc/registry.h - the rooms there are, who is in them, on which worker, and which tracks they publish.
 *
 * Knows, does not tell: who hears of a change is the hub's business.
 * Each organization has rooms of its own: two may have a room of the same name and never meet.
 *
 * Where a participant lives is decided once, when it comes in; it never moves afterwards:
 *   - the first of a room: on the least loaded worker. A worker's load is the number of its transports, plus 4 for each thousandth of
 *     the last second that it was busy, so that a worker as full of transports as it may be (4096 by default) and one that
 *     is busy all the time weigh the same;
 *   - the next ones: on the same worker, since a room that is in one place costs least, until that is *loaded*: it was busy for
 *     BF_RTC_BUSY_PERMILLE of the last second, or has BF_RTC_ROOM_SHARE participants of this room, whose packets then cost
 *     far more than their one copy to another worker. Then on the least loaded worker, if that has less load, which is
 *     from now on the room's;
 *   - a player of one participant (WHEP): on that participant's worker, by the same rule;
 *   - with `is_round_robin`: each one of a room on the worker after the one before.
 * Owner:   the hub embeds it.   Thread: control.
 * Limits:  BF_RTC_ROOMS_MAX rooms, `room_participant_count_max` participants a room (those that only watch by WHEP count),
 *          BF_MEDIA_TRACKS_MAX tracks a participant. A room goes with its last participant.
 */
#ifndef BF_SIGNALING_RTC_REGISTRY_H
#define BF_SIGNALING_RTC_REGISTRY_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "media/media_msg.h"
#include "signaling/auth/join_token.h"

#define BF_RTC_ROOMS_MAX	65536
#define BF_RTC_PARTICIPANTS_MAX 262144
#define BF_RTC_BUSY_PERMILLE	600 /* above that, latency grows with every burst */
#define BF_RTC_ROOM_SHARE	64

struct bf_rtc_session;
struct bf_rtc_whip_session;

struct bf_rtc_track {
	uint64_t id;
	char codec[sizeof(((struct bf_media_track *)0)->codec) + 1];
	uint8_t is_video;
	uint8_t source;
	uint8_t layer_count;
	bool muted;
};

struct bf_rtc_room {
	struct bf_map_node by_name;
	struct bf_map_node by_id;
	struct bf_list participants; /* oldest first */
	char path[2 * BF_ROOM_TEXT]; /* "org/name" */
	char org[BF_ROOM_TEXT];	     /* "": the default organization */
	const char *name;	     /* in `path` */
	uint64_t id;
	uint64_t org_id; /* for workers, which need no name; 0: the default organization */
	unsigned worker; /* where the last one went */
	unsigned participant_count;
	unsigned worker_counts[]; /* participants on each worker */
};

enum bf_rtc_participant_kind {
	BF_RTC_BY_SOCKET,
	BF_RTC_BY_WHIP,
	BF_RTC_BY_WHEP, /* has no name and is not shown to others */
};

enum bf_rtc_participant_state {
	BF_RTC_PARTICIPANT_JOINING, /* the worker has been asked; nobody knows of it */
	BF_RTC_PARTICIPANT_SHOWN,   /* others have been told (WHEP: would have been) */
};

struct bf_rtc_participant {
	/* given */
	struct bf_rtc_room *room;
	struct bf_rtc_session *session;	  /* by socket */
	struct bf_rtc_whip_session *whip; /* by WHIP and WHEP */
	/* owned */
	struct bf_rtc_track *tracks;
	struct bf_rtc_leave
		*leave; /* made in advance, so that leaving cannot fail for want of memory */
	struct bf_media_sdp *held_offer; /* came before the join's answer went out */
	/* state */
	struct bf_map_node by_id;
	struct bf_list in_room;
	struct bf_list pendings; /* requests to the worker (hub.h) */
	unsigned pending_count;
	uint64_t id;
	unsigned worker;
	bool has_moved; /* before it joined: the first worker did not take it */
	char name[BF_NAME_TEXT];
	uint32_t grants;
	enum bf_rtc_participant_kind kind;
	enum bf_rtc_participant_state state;
	unsigned track_count;
	unsigned track_room; /* allocated */
};

/* What tells a worker that somebody left, until its inbox takes it. */
struct bf_rtc_leave {
	struct bf_list node;
	unsigned worker;
	struct bf_media_leave *msg;
};

struct bf_rtc_registry_conf {
	struct bf_media_port media;
	unsigned room_participant_count_max;
	bool is_round_robin;
};

struct bf_rtc_registry {
	/* given */
	struct bf_rtc_registry_conf conf;
	/* owned */
	unsigned *transport_counts; /* of each worker: as many as its participants may have */
	/* state */
	struct bf_map rooms_by_name;
	struct bf_map rooms_by_id;
	struct bf_map participants;
	uint64_t org_seed[2]; /* of org_id */
};

int bf_rtc_registry_init(struct bf_rtc_registry *registry, const struct bf_rtc_registry_conf *conf);
void bf_rtc_registry_deinit(struct bf_rtc_registry *registry);

/* A new participant of the room that the organization `org` (empty: the default one) calls `room_name`; it is made if it is not
 * there. `near`: whom it comes to watch, NULL: nobody in particular. -ENOBUFS: the room, or the server, is full; -ENOMEM. */
int bf_rtc_registry_add(struct bf_rtc_registry *registry, struct bf_rtc_participant **out,
	struct bf_bytes org, struct bf_bytes room_name, struct bf_bytes name,
	enum bf_rtc_participant_kind kind, const struct bf_rtc_participant *near);

/* One that has not joined yet goes to the least loaded of the other workers; once. False: it has moved before, or there is no other. */
bool bf_rtc_registry_move(struct bf_rtc_registry *registry, struct bf_rtc_participant *participant);

/* Out of its room, and gone; its leave stays with the caller. */
struct bf_rtc_leave *bf_rtc_registry_remove(
	struct bf_rtc_registry *registry, struct bf_rtc_participant *participant);
void bf_rtc_leave_free(struct bf_rtc_leave *leave);

struct bf_rtc_room *bf_rtc_registry_room(
	const struct bf_rtc_registry *registry, struct bf_bytes org, struct bf_bytes name);
struct bf_rtc_room *bf_rtc_registry_room_of_id(const struct bf_rtc_registry *registry, uint64_t id);

/* NULL when there is none, or when it is in another room than `room_id`. */
struct bf_rtc_participant *bf_rtc_registry_find(
	const struct bf_rtc_registry *registry, uint64_t room_id, uint64_t id);

/* The oldest participant called `name` that others may know of; NULL. */
struct bf_rtc_participant *bf_rtc_room_named(const struct bf_rtc_room *room, struct bf_bytes name);

/* Whether somebody publishes, or is about to, by WHIP under `name`. */
bool bf_rtc_room_has_whip(const struct bf_rtc_room *room, struct bf_bytes name);

struct bf_rtc_track *bf_rtc_participant_track(
	const struct bf_rtc_participant *participant, uint64_t track_id);

/* The participant of `room` that publishes `track_id`; NULL. */
struct bf_rtc_participant *bf_rtc_room_publisher(const struct bf_rtc_room *room, uint64_t track_id);

/* A track to fill in, all zero but for its id. -ENOBUFS at the limit, -ENOMEM. */
int bf_rtc_participant_add_track(
	struct bf_rtc_participant *participant, struct bf_rtc_track **out, uint64_t track_id);
void bf_rtc_participant_remove_track(
	struct bf_rtc_participant *participant, struct bf_rtc_track *track);

#endif
