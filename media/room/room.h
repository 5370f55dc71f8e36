/* media/room/room.h - the rooms of one worker: participants, their connections, tracks and subscriptions.
 *
 * Requests come as messages (media/media_msg.h), packets from the worker's sockets; events leave as messages, packets through
 * the outbox and the transports. A room that other workers serve as well is told of by them (media/room/peer_msg.h), and its
 * packets come through pipes.
 * Owner:   the worker.   Thread: its own.
 */
#ifndef BF_MEDIA_ROOM_ROOM_H
#define BF_MEDIA_ROOM_ROOM_H

#include "core/base/log.h"
#include "core/base/pool.h"
#include "media/cc/budget.h"
#include "media/cc/overload.h"
#include "media/cc/pacer.h"
#include "media/media_msg.h"
#include "media/room/outbox.h"

struct bf_rooms;
struct bf_pipe;
struct bf_conn; /* one peer connection of a participant */

#define BF_ROOMS_CANDIDATES 32

struct bf_rooms_conf {
	struct bf_loop *loop;
	struct bf_log *log;
	const struct bf_transport_env *env;
	struct bf_outbox *outbox;
	struct bf_pool *cache_pool;
	size_t pacer_block_count; /* for packets that wait: media/cc/pacer.h */
	uint64_t *drops;	  /* BF_DROP_COUNT counters */
	const char *fingerprint;
	char (*candidates)[BF_ICE_CANDIDATE_TEXT]; /* written into every description */
	unsigned candidate_count;
	unsigned room_participant_count_max;
	int64_t transit_budget_us;
	struct bf_budget_limits org_limits, room_limits; /* of each; 0: none */
	void *arg;
	void (*post)(void *arg, struct bf_msg *msg); /* to the control thread; takes msg */
	/* The workers that rooms may spread over, this one among them; 0 or 1: it is alone, and the rest is not looked at. */
	unsigned worker, worker_count;
	struct bf_pipe *const *pipes; /* to each worker, in their order; copied */
	size_t pipe_bytes;	      /* of the ring in one of them */
	int (*post_peer)(
		void *arg, unsigned worker, struct bf_msg *msg); /* takes msg, or -ENOBUFS */
	/* A transport id and a place in the worker's table; 0 when the table is full. */
	uint32_t (*add_conn)(void *arg, struct bf_conn *conn);
	void (*remove_conn)(void *arg, uint32_t transport_id);
};

struct bf_rooms_counters {
	uint64_t rooms, participants, tracks, subscriptions; /* now */
	uint64_t rx_rtp, rx_rtcp, rx_bytes, rx_duplicates, rx_repaired, rx_padding;
	uint64_t tx_resent, tx_nacks, tx_keyframe_requests, rx_nacks, rx_keyframe_requests;
	uint64_t nack_unknown, data_relayed, data_dropped;
	uint64_t over_budget[BF_BUDGET_VERDICT_COUNT]; /* packets, with their copies, not sent */
	uint64_t joins_over_budget;
	uint64_t turns_continued; /* that left work to the next one */
	/* between workers */
	uint64_t feed_records, feed_refused, feed_lost; /* put into pipes, had to wait, given up */
	uint64_t mirror_records, peer_messages_lost;
};

int bf_rooms_new(struct bf_rooms **out, const struct bf_rooms_conf *conf);

/* The memory that takes, without any room. */
size_t bf_rooms_bytes(void);

/* Closes every connection. */
void bf_rooms_free(struct bf_rooms *rooms);

/* A request; takes msg. */
void bf_rooms_on_request(struct bf_rooms *rooms, struct bf_msg *msg);

/* What another worker posted (its kind is one of media/room/peer_msg.h); takes msg. */
void bf_rooms_on_peer(struct bf_rooms *rooms, struct bf_msg *msg);

/* A record of another worker's pipe; lent until the outbox is flushed. */
void bf_rooms_on_record(struct bf_rooms *rooms, struct bf_bytes record);

const struct bf_rooms_counters *bf_rooms_counters(const struct bf_rooms *rooms);

/* How long packets have been taking lately: decides what is left out, and whether joins are refused. */
void bf_rooms_on_load(
	struct bf_rooms *rooms, const struct bf_overload_sample *sample, int64_t now_us);
const struct bf_overload *bf_rooms_overload(const struct bf_rooms *rooms);
const struct bf_pacers *bf_rooms_pacers(const struct bf_rooms *rooms);

struct bf_transport *bf_conn_transport(struct bf_conn *conn);

/* A decrypted packet that came over this connection's transport; may be changed in place, lent until the outbox is flushed. */
enum bf_drop bf_conn_on_rtp(struct bf_conn *conn, struct bf_bytes packet, int64_t now_us);
enum bf_drop bf_conn_on_rtcp(struct bf_conn *conn, struct bf_bytes packet, int64_t now_us);

#endif
