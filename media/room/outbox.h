/* media/room/outbox.h - packets decided on but not yet encrypted: the plans of one batch.
 *
 * A plan is a finished header and a view of the payload, which is not copied: encryption writes it into the tx slab of
 * the destination. Views must live until the flush, which comes before the batch's receive buffers are given back.
 * Owner:   a worker.   Thread: its own.
 * Limits:  BF_OUTBOX_PLANS, then it flushes by itself.
 */
#ifndef BF_MEDIA_ROOM_OUTBOX_H
#define BF_MEDIA_ROOM_OUTBOX_H

#include "media/transport/transport.h"

#define BF_OUTBOX_PLANS 256
#define BF_OUTBOX_HEADER \
	320 /* RTP header with extensions; front: an RTX number, a rewritten payload descriptor */

struct bf_plan {
	struct bf_transport *transport;
	size_t header_len;
	size_t front_len; /* bytes behind the header that begin the payload */
	struct bf_bytes payload;
	uint8_t header[BF_OUTBOX_HEADER];
};

struct bf_outbox {
	/* given */
	const struct bf_transport_env *env;
	uint64_t *drops; /* BF_DROP_COUNT counters */
	/* state */
	size_t plan_count;
	uint64_t sent_packets, sent_bytes;
	struct bf_plan plans[BF_OUTBOX_PLANS];
};

void bf_outbox_init(struct bf_outbox *outbox, const struct bf_transport_env *env, uint64_t *drops);

/* A plan to fill: all fields. */
struct bf_plan *bf_outbox_add(struct bf_outbox *outbox);

/* Encrypt and hand to the sockets, in the order planned. */
void bf_outbox_flush(struct bf_outbox *outbox);

#endif
