/* media/memory.h - how much memory a media worker takes, and what for: the sizes of its slabs, from the configuration.
 *
 * The plan says how many of each; a worker makes its slabs by it, so what is printed at start is what is there. Whatever a
 * worker allocates once at start is a term of the table in memory.c: one line a slab.
 * Owner:   the caller; pure computation.   Thread: any.
 * Limits:  sums that do not fit are SIZE_MAX.
 */
#ifndef BF_MEDIA_MEMORY_H
#define BF_MEDIA_MEMORY_H

#include "core/base/conf.h"
#include "core/loop/loop.h"
#include "core/loop/udp.h"

/* What a transport is promised to stay below: ICE, DTLS, SRTP contexts and a subscription to one video. A figure to plan with;
 * what it really is, scripts/bench measures. */
#define BF_MEMORY_TRANSPORT_BYTES (64 * 1024)

/* How many of each, of one worker. */
struct bf_memory_plan {
	enum bf_io io;
	size_t transport_count; /* places in the table of connections */
	size_t inbox_slot_count;
	size_t udp_count; /* sockets: IPv4 and IPv6 */
	struct bf_udp_conf udp;
	size_t cache_block_count; /* packets that may be sent again */
	size_t pacer_block_count; /* of media/cc/pacer.h */
	size_t pipe_count;	  /* to other workers */
	size_t pipe_bytes;
};

/* Of a worker that is one of `worker_count`. */
void bf_memory_plan(struct bf_memory_plan *plan, const struct bf_conf *conf, enum bf_io io,
	unsigned worker_count);

enum bf_memory_kind {
	BF_MEMORY_START,  /* taken at start */
	BF_MEMORY_KERNEL, /* at most, by the kernel, as packets wait in sockets */
	BF_MEMORY_GROWTH, /* at most, as people join */
	BF_MEMORY_KIND_COUNT,
};

struct bf_memory_term {
	const char *name, *why;
	enum bf_memory_kind kind;
	size_t bytes; /* of one worker */
};

/* Fills `out` with the terms, those of one kind beside each other; returns how many. */
#define BF_MEMORY_TERMS 16
size_t bf_memory_terms(
	const struct bf_memory_plan *plan, struct bf_memory_term out[static BF_MEMORY_TERMS]);

/* Of all workers together, by kind. */
struct bf_memory_sum {
	size_t bytes[BF_MEMORY_KIND_COUNT];
};
struct bf_memory_sum bf_memory_sum(const struct bf_memory_plan *plan, unsigned worker_count);

enum bf_memory_fit {
	BF_MEMORY_FITS,
	BF_MEMORY_TIGHT,   /* it can start, but not hold as many transports as are allowed */
	BF_MEMORY_TOO_BIG, /* not even start */
};
enum bf_memory_fit bf_memory_fit(const struct bf_memory_sum *sum, size_t available_bytes);

/* "64.0 MiB" */
#define BF_MEMORY_TEXT 32
const char *bf_memory_format(size_t bytes, char out[static BF_MEMORY_TEXT]);

/* The terms and sums as lines for people. Returns the length of the whole text, of which size - 1 bytes are written at most. */
size_t bf_memory_describe(
	const struct bf_memory_plan *plan, unsigned worker_count, char *out, size_t size);

#endif
