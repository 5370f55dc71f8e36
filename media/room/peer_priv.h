/* media/room/peer_priv.h - rooms that several workers serve: what the files about it share.
 *
 *   peer.c     links to the other workers: messages that wait, pipes, who handles what comes in
 *   member.c   who has the room: opening, telling what there is, closing; requests that wait meanwhile
 *   feed.c     at a track's origin: announcing it, and its packets to the workers that want them
 *   mirror.c   elsewhere: the track as others publish it, what is wanted of it, its packets as they come in
 *   leader.c   the one worker of a room that watches who speaks
 */
#ifndef BF_MEDIA_ROOM_PEER_PRIV_H
#define BF_MEDIA_ROOM_PEER_PRIV_H

#include "core/loop/pipe.h"
#include "media/room/peer_msg.h"
#include "media/room/room_priv.h"

#define BF_PEER_QUEUE \
	8192 /* messages that wait for room in one worker's inbox; more are lost and made up for */
#define BF_PEER_QUEUE_BYES \
	65536 /* farewells may make the queue longer: nobody could make up for one */
#define BF_PEER_DATA_BYTES \
	(8 * 1024 * 1024) /* of data channels on their way to one worker; more are dropped */
#define BF_FEED_REFUSED \
	64 /* packets that found the pipe full and go later; older ones are given up */
#define BF_MIRRORS_MAX 65536 /* of one worker; tracks beyond that are not received there */
#define BF_MEMBER_HELD \
	4096 /* requests of one room that wait until it is complete; more are refused as busy */

/* ---- peer.c ---- */

/* The way to one other worker. */
struct bf_peer_link {
	/* given */
	struct bf_pipe *pipe;
	/* state */
	struct bf_list queue; /* struct bf_peer_msg */
	size_t queue_count;
	bool is_written;	   /* the pipe holds what is not committed */
	uint64_t data_sent_bytes;  /* and not said to be taken */
	uint64_t data_taken_bytes; /* from it, and not yet said so */
};

int bf_peer_init(struct bf_rooms *rooms);
void bf_peer_deinit(struct bf_rooms *rooms);

/* A message about `room` to a member; NULL: no memory. */
void *bf_peer_msg_new(struct bf_room *room, unsigned worker, enum bf_peer_kind kind, size_t size);

/* Takes `msg`, at once or when there is room. -ENOBUFS: it is lost; -ENOMEM: it is NULL. */
int bf_peer_post(struct bf_rooms *rooms, unsigned worker, void *msg);

/* The same, and what is lost is made up for. */
void bf_peer_tell(struct bf_room *room, unsigned worker, void *msg);

/* Where to write a record for `worker`; NULL: the pipe is full. bf_peer_wrote: it is written, and leaves with the turn. */
void *bf_peer_record(struct bf_rooms *rooms, unsigned worker, size_t len_max);
void bf_peer_wrote(struct bf_rooms *rooms, unsigned worker, size_t len);

/* ---- member.c ---- */

/* Another worker, as one room knows it. */
struct bf_member {
	bool is_member;
	bool is_asked;	/* and has not answered */
	bool is_behind; /* a message to it was lost */
	uint32_t life;	/* of the room there */
	uint32_t ask;
	struct bf_peer_msg *farewell; /* made in advance: BF_PEER_BYE must not fail */
};

/* A room that has just come into being: ask all the others. Until they have answered it is opening, and requests wait. -ENOMEM. */
int bf_member_open(struct bf_room *room);
void bf_member_close(struct bf_room *room);

/* A message to that worker was lost, or one of it could not be taken in: tell it everything again, and ask it to do so, soon. */
void bf_member_repair(struct bf_room *room, unsigned worker);

/* Whether the sender is a member, and both mean the same lives of the room. */
bool bf_member_knows(struct bf_room *room, const struct bf_peer_msg *msg);

/* Keep a request until the room is complete. Takes it. */
uint64_t bf_member_room_id(const struct bf_msg *request); /* of all but BF_MEDIA_LEAVE */
void bf_member_hold(struct bf_room *room, struct bf_msg *msg);

void bf_member_on_hello(struct bf_rooms *rooms, struct bf_peer_msg *msg);
void bf_member_on_away(struct bf_rooms *rooms, struct bf_peer_msg *msg);
void bf_member_on_complete(struct bf_rooms *rooms, struct bf_peer_msg *msg);
void bf_member_on_bye(struct bf_rooms *rooms, struct bf_peer_msg *msg);

/* ---- feed.c ---- */

/* What one other worker gets of a track of ours. */
struct bf_feed {
	struct bf_list node;	     /* track->feeds */
	struct bf_list refused_node; /* rooms->refused_feeds */
	struct bf_track *track;
	uint16_t worker;
	uint8_t layers;
	uint32_t handle;
	/* a ring */
	struct {
		uint64_t ext_seq;
		uint32_t stream_uid;
		uint8_t layer;
	} refused[BF_FEED_REFUSED];
	unsigned refused_first, refused_count;
};

void bf_feed_init(struct bf_rooms *rooms);
void bf_feed_deinit(struct bf_rooms *rooms);
void bf_feed_end(struct bf_track *track); /* all of them */
void bf_feed_forget(struct bf_room *room, unsigned worker);
void bf_feed_announce(struct bf_track *track); /* to all members */
void bf_feed_announce_to(struct bf_track *track, unsigned worker);
void bf_feed_announce_end(const struct bf_track *track);
void bf_feed_on_want(struct bf_room *room, struct bf_peer_msg *msg);
void bf_feed_on_keyframe(struct bf_room *room, struct bf_peer_msg *msg);

/* ---- mirror.c ---- */

/* What a track has that others receive. */
struct bf_mirror {
	struct bf_track *track;
	uint32_t handle;		       /* names it in records */
	bool is_doubtful;		       /* not yet told of again */
	uint8_t alive;			       /* layers that send, at the origin */
	uint8_t told;			       /* layers wanted, as the origin knows it */
	unsigned want_counts[BF_TRACK_LAYERS]; /* subscriptions that need the layer */
	uint32_t origin_uids[BF_TRACK_LAYERS];
	struct bf_list changed_node; /* rooms->changed_mirrors */
	struct bf_timer timer;
	int64_t unwanted_us
		[BF_TRACK_LAYERS]; /* since when; 0: its cache is empty, or it is wanted */
};

struct bf_mirror_slot {
	struct bf_mirror *mirror; /* NULL: free */
	uint16_t generation;
};

void bf_mirror_init(struct bf_rooms *rooms);
void bf_mirror_deinit(struct bf_rooms *rooms);
void bf_mirror_on_joined(struct bf_room *room, struct bf_peer_msg *msg);
void bf_mirror_on_left(struct bf_room *room, struct bf_peer_msg *msg);
void bf_mirror_on_track(struct bf_room *room, struct bf_peer_msg *msg);
void bf_mirror_on_track_end(struct bf_room *room, struct bf_peer_msg *msg);
void bf_mirror_on_track_state(struct bf_room *room, struct bf_peer_msg *msg);

/* Everything of that worker's goes; or only what it has not told of again since it was doubted. */
void bf_mirror_forget(struct bf_room *room, unsigned worker);
void bf_mirror_doubt(struct bf_room *room, unsigned worker);
void bf_mirror_forget_doubtful(struct bf_room *room, unsigned worker);

/* Tell that worker again what is wanted of its tracks. */
void bf_mirror_repeat_wants(struct bf_room *room, unsigned worker);

/* The wants have to be looked at again, when the turn ends. */
void bf_mirror_changed(struct bf_mirror *mirror);
void bf_mirror_on_leader(struct bf_room *room); /* we lead the room now, or do not any more */

/* ---- leader.c ---- */

void bf_leader_init(struct bf_room *room);
void bf_leader_close(struct bf_room *room);
void bf_leader_update(struct bf_room *room); /* after members came or went */
void bf_leader_tell(struct bf_room *room, unsigned worker);
void bf_leader_on_speakers(struct bf_room *room, struct bf_peer_msg *msg);

/* ---- data.c ---- */

void bf_data_on_peer(struct bf_room *room, struct bf_peer_msg *msg);
void bf_data_count_taken(struct bf_rooms *rooms, unsigned worker, uint64_t bytes);
void bf_data_on_taken(struct bf_rooms *rooms, struct bf_peer_msg *msg);

#endif
