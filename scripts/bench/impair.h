/* scripts/bench/impair.h - a bad network: which datagrams are lost, which are held back and come out of order. Computation only.
 *
 * Owner:   loop.h's struct bench; one for all peers and both directions.   Thread: one.
 * Limits:  BENCH_HELD_MAX datagrams are held at once; beyond that they pass at once.
 */
#ifndef BF_BENCH_IMPAIR_H
#define BF_BENCH_IMPAIR_H

#include "core/base/bytes.h"
#include "core/base/rand.h"

#define BENCH_HELD_MAX	 8192
#define BENCH_HELD_BYTES 1500

struct bench_impair_conf {
	unsigned loss_permille;	   /* of all datagrams, in each direction */
	unsigned reorder_permille; /* held back, so that later ones overtake them */
	unsigned reorder_ms;	   /* ... for so long */
	uint64_t seed;
};

/* One datagram that is held back. */
struct bench_held {
	int64_t due_ns;
	void *peer;
	bool is_outgoing;
	size_t len;
	uint8_t data[BENCH_HELD_BYTES];
};

struct bench_impair {
	/* given */
	struct bench_impair_conf conf;
	/* owned */
	struct bench_held *held; /* a ring: all are held for the same time */
	/* state */
	bool is_on;
	struct bf_prng prng;
	uint64_t first, end; /* entries first .. end-1 are in use */
	/* figures */
	uint64_t lost[2], delayed[2]; /* in, out */
};

/* 0 or -ENOMEM. It is off at first. */
int bench_impair_init(struct bench_impair *impair, const struct bench_impair_conf *conf);
void bench_impair_deinit(struct bench_impair *impair);

/* What becomes of a datagram: false when it passes; true when it is lost or was taken to be held. */
bool bench_impair_take(struct bench_impair *impair, void *peer, bool is_outgoing,
	struct bf_bytes datagram, int64_t now_ns);

/* The next datagram that is to go on now; NULL when there is none. It is valid until the next call of either function. */
const struct bench_held *bench_impair_poll(struct bench_impair *impair, int64_t now_ns);

/* When bench_impair_poll next has one; INT64_MAX if nothing is held. */
int64_t bench_impair_deadline_ns(const struct bench_impair *impair);

#endif
