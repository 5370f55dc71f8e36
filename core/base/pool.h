/* core/base/pool.h - equal blocks from one slab, allocated at start.
 *
 * Owner:   whoever embeds it.   Thread: one.   Limits: `block_count`, then NULL.
 */
#ifndef BF_CORE_BASE_POOL_H
#define BF_CORE_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bf_pool {
	/* owned */
	uint8_t *slab;
	/* state */
	void *free_head;
	size_t block_size; /* rounded up to 64, a cache line */
	size_t block_count;
	size_t used_count;
};

/* -ENOMEM; -EINVAL when the product overflows. */
int bf_pool_init(struct bf_pool *pool, size_t block_size, size_t block_count);

/* What the slab of such a pool takes; SIZE_MAX when the product overflows. */
size_t bf_pool_bytes(size_t block_size, size_t block_count);

/* All blocks must have been put back (assert). */
void bf_pool_deinit(struct bf_pool *pool);
void *bf_pool_take(struct bf_pool *pool); /* not zeroed; NULL when empty */
void bf_pool_put(struct bf_pool *pool, void *block);
bool bf_pool_is_empty(const struct bf_pool *pool);

#endif
