/* media/room/outbox.h - packets decided on but not yet encrypted: the jobs of one turn.
 *
 * A packet's header is written straight into the tx slab of its destination; its payload stays where it is until encryption
 * writes it behind the header, which is the only copy. Encryption comes in batches, over all destinations, at the latest before the
 * slab is sent. Payloads must live until bf_outbox_finish.
 * Owner:   a worker.   Thread: its own.
 * Limits:  BF_OUTBOX_JOBS, then it encrypts by itself.
 */
#ifndef BF_MEDIA_ROOM_OUTBOX_H
#define BF_MEDIA_ROOM_OUTBOX_H

#include "media/cc/transit.h"
#include "media/transport/transport.h"

#define BF_OUTBOX_JOBS \
	128 /* lanes for AES_CM and SHA-1 are 16 at most: long enough to fill them, short enough for the L2 cache */

/* Copies of packets that arrived at one time. */
#define BF_OUTBOX_STAYS 64
struct bf_outbox_stay {
	int64_t arrived_us;
	uint32_t packet_count;
};

struct bf_outbox {
	/* given */
	const struct bf_transport_env *env;
	struct bf_transit *transit;
	uint64_t *drops; /* BF_DROP_COUNT counters */
	/* state */
	uint64_t sent_packets, sent_bytes;
	size_t job_count;
	struct bf_srtp_protect_job jobs[BF_OUTBOX_JOBS];
	uint64_t sockets[BF_OUTBOX_JOBS]; /* of each job, to revoke it where encryption fails */
	/* how long packets were here, told once they have been sent */
	struct bf_outbox_stay open[BF_OUTBOX_STAYS], leaving[BF_OUTBOX_STAYS];
	size_t open_count, leaving_count;
};

/* Where a run of packets goes. */
struct bf_outbox_aim {
	const struct bf_transport_out *out; /* open */
	int64_t arrived_us; /* when what is sent came here; 0: that is not measured (sent again, or paced) */
};

void bf_outbox_init(struct bf_outbox *outbox, const struct bf_transport_env *env,
	struct bf_transit *transit, uint64_t *drops);

/* One packet to `aim`: memory for its header and the `front_len` bytes of payload that differ from `payload`'s owner's, to be
 * written at once, before any other call; then bf_outbox_commit with the same arguments. NULL, and counted: there is no room. */
uint8_t *bf_outbox_reserve(struct bf_outbox *outbox, const struct bf_outbox_aim *aim,
	size_t header_len, size_t front_len, size_t payload_len);
void bf_outbox_commit(struct bf_outbox *outbox, const struct bf_outbox_aim *aim, uint8_t *dst,
	size_t header_len, size_t front_len, struct bf_bytes payload);

/* Encrypt what is there. The sockets send it at the end of the turn. */
void bf_outbox_finish(struct bf_outbox *outbox);

/* The sockets are about to send what has been committed: encrypt it. What they sent before that is counted as sent by now. */
void bf_outbox_on_flush(struct bf_outbox *outbox, int64_t now_us);

/* They have sent it all. */
void bf_outbox_on_sent(struct bf_outbox *outbox, int64_t now_us);

#endif
