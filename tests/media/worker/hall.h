/* tests/media/worker/hall.h - the rooms of a worker, without the worker: packets are handed in, and what leaves is written down in
 * order, on virtual time. A hall may hold hundreds of listeners, for none of them has a socket. */
#ifndef BF_TESTS_MEDIA_WORKER_HALL_H
#define BF_TESTS_MEDIA_WORKER_HALL_H

#include "media/room/room_priv.h"

#define HALL_CONNS  1024
#define HALL_COPIES 65536
#define HALL_SLAB   1024 /* reservations that are not encrypted yet: more than BF_OUTBOX_JOBS */

/* A packet that left. */
struct hall_copy {
	uint16_t listener; /* its number */
	uint16_t seq;
	uint32_t ssrc, timestamp;
	bool is_video;
};

struct hall_error {
	char code[32], cause[256];
	bool is_everywhere;
};

struct hall {
	/* owned */
	struct bf_loop *loop;
	int log_fd;
	struct bf_log *log;
	struct bf_sctp_stack *sctp;
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_pool cache_pool;
	struct bf_rooms *rooms;
	struct bf_srtp *keys[HALL_CONNS]; /* of each listener */
	/* state */
	struct bf_transport_env env;
	struct bf_transit transit;
	struct bf_outbox outbox;
	struct bf_conn *conns[HALL_CONNS];
	uint64_t drops[BF_DROP_COUNT];
	char candidates[1][BF_ICE_CANDIDATE_TEXT];
	uint8_t slab[HALL_SLAB][256];
	size_t slab_idx;
	unsigned listener_count;
	struct hall_copy copies[HALL_COPIES];
	size_t copy_count;
	struct hall_error error;		 /* the last one; "" before */
	unsigned suspended_count, resumed_count; /* subscriptions that were told so */
};

/* Who speaks: one track of sound or picture, of which a packet may name a layer. */
struct hall_source {
	struct hall *hall;
	struct bf_conn *conn;
	struct bf_track *track;
	uint32_t ssrc, timestamp;
	uint16_t seq;
	uint16_t picture_id;
	bool is_video;
	const char *rid; /* NULL: there is one layer */
};

extern int64_t hall_clock_us; /* what bf_clock_mono_us says; link with --wrap=bf_clock_mono_us */

/* `conf`: limits; the rest of it is the hall's. */
void hall_open(struct hall *hall, const struct bf_rooms_conf *conf);
void hall_close(struct hall *hall);

/* A participant of a room; false: refused, hall->error says why. */
bool hall_join(struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id);
void hall_leave(struct hall *hall, uint64_t room_id, uint64_t participant_id);
struct bf_participant *hall_find(struct hall *hall, uint64_t room_id, uint64_t participant_id);

/* A participant joins and publishes sound and a picture. */
struct hall_sources {
	struct hall_source sound, picture;
};
struct hall_sources hall_publisher(
	struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id);

/* The same with a picture of three layers: whoever hands in packets sets ssrc, seq and rid ("q", "h", "f") of each. */
struct hall_sources hall_simulcaster(
	struct hall *hall, uint64_t org_id, uint64_t room_id, uint64_t participant_id);

/* `count` participants join, with ids that count up from `first_id`, and listen to both. Their numbers count up from what is
 * returned. */
unsigned hall_listeners(
	struct hall *hall, const struct hall_sources *sources, uint64_t first_id, unsigned count);

/* Hand in packets, without a turn of the loop. A frame is `count` packets, the last one marked. */
void hall_sound(struct hall_source *source);
void hall_frame(struct hall_source *source, bool is_keyframe, unsigned count);
void hall_packet(struct hall_source *source, bool is_keyframe, bool is_first, bool is_last);

/* Time passes, and the loop turns once. Returns how many copies left. */
size_t hall_turn(struct hall *hall, int64_t us);

/* Turns until nothing leaves any more. */
size_t hall_settle(struct hall *hall);

/* Of the copies from `from` on, those to listeners first..first+count-1. */
size_t hall_count(
	const struct hall *hall, size_t from, unsigned first, unsigned count, bool is_video);

#endif
