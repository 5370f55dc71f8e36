/* media/room/cache.h - the last packets of one incoming stream, to be sent again on request.
 *
 * Owner:   one incoming stream, which embeds it; blocks come from the worker's pool.   Thread: its worker.
 * Limits:  BF_CACHE_SLOTS packets; packets older than BF_CACHE_AGE_US are not given out. With the pool empty the oldest block
 *          of this cache is used again; a cache without any block then stores nothing.
 */
#ifndef BF_MEDIA_ROOM_CACHE_H
#define BF_MEDIA_ROOM_CACHE_H

#include "core/base/pool.h"
#include "media/codec/codec.h"
#include "media/rtp/ext.h"

#define BF_CACHE_SLOTS	 1024 /* a power of two */
#define BF_CACHE_AGE_US	 1000000
#define BF_CACHE_PAYLOAD 1408

/* One packet as the forwarder needs it, here and on its first way through. */
struct bf_media_packet {
	uint64_t ext_seq;
	uint32_t timestamp;
	bool marker;
	struct bf_bytes payload;
	struct bf_payload info;
	struct bf_ext_values exts;
	int64_t at_us;
};

/* A pool block: the packet, and the memory its views point into. */
struct bf_cache_block {
	struct bf_media_packet packet;
	uint8_t ext_bytes[192];
	uint8_t payload_bytes[BF_CACHE_PAYLOAD];
};

struct bf_cache {
	/* given */
	struct bf_pool *pool; /* of sizeof(struct bf_cache_block) */
	/* owned */
	struct bf_cache_block *slots[BF_CACHE_SLOTS]; /* by ext_seq */
	/* state */
	uint64_t highest, lowest; /* of what is held */
	size_t count;
};

void bf_cache_init(struct bf_cache *cache, struct bf_pool *pool);
void bf_cache_deinit(struct bf_cache *cache); /* gives all blocks back */

/* Whether putting `ext_seq` may cost packets that have just come: there is no free block left, or the number jumps. */
bool bf_cache_evicts(const struct bf_cache *cache, uint64_t ext_seq);

/* Copy a packet in. Replaces what is BF_CACHE_SLOTS older. False, and not stored: too large for a block, too old, or no block is left. */
bool bf_cache_put(struct bf_cache *cache, const struct bf_media_packet *packet);

/* Lent until the next put; NULL if it is not held or too old. */
const struct bf_media_packet *bf_cache_get(
	const struct bf_cache *cache, uint64_t ext_seq, int64_t now_us);

/* Whether it is held, at any age: a duplicate. */
bool bf_cache_has(const struct bf_cache *cache, uint64_t ext_seq);

#endif
