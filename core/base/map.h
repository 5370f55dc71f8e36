/* core/base/map.h - a hash table of borrowed entries, keyed by bytes that live inside the entries.
 *
 * Owner:   whoever embeds it; entries are the caller's.   Thread: one.
 * Limits:  `entry_count_max`, then -ENOBUFS. The table grows by doubling; growing is the only allocation.
 *          Keys are hashed with a random seed per table (SipHash-1-3), so that strangers cannot pile them up.
 */
#ifndef BF_CORE_BASE_MAP_H
#define BF_CORE_BASE_MAP_H

#include "core/base/bytes.h"

/* Embedded in each entry. `key` points into the entry and does not change while it is in the map. */
struct bf_map_node {
	struct bf_bytes key;
	uint64_t hash;
	struct bf_map_node *next;
};

struct bf_map {
	/* owned */
	struct bf_map_node **buckets;
	/* state */
	size_t bucket_count;
	size_t entry_count;
	size_t entry_count_max;
	uint64_t seed[2];
};

/* Room for `bucket_count_hint` entries is made at once, so that a table on a hot path need not grow. */
int bf_map_init(struct bf_map *map, size_t bucket_count_hint, size_t entry_count_max);
void bf_map_deinit(struct bf_map *map);

/* -EEXIST: the key is there; -ENOBUFS, -ENOMEM. */
int bf_map_put(struct bf_map *map, struct bf_map_node *node, struct bf_bytes key);
struct bf_map_node *bf_map_get(const struct bf_map *map, struct bf_bytes key);
void bf_map_remove(struct bf_map *map, struct bf_map_node *node);

/* Any order; start with NULL. The node returned last may be removed before the next call only if
 * `bf_map_next` has already been asked for its successor. */
struct bf_map_node *bf_map_next(const struct bf_map *map, const struct bf_map_node *node);

#endif
