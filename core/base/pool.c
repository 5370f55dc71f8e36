#include "core/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE 64

/* A free block begins with the address of the next free one. */
static void push_free(struct bf_pool *pool, void *block)
{
	memcpy(block, &pool->free_head, sizeof(pool->free_head));
	pool->free_head = block;
}

/* To whole cache lines. SIZE_MAX when that overflows. */
static size_t round_up(size_t block_size)
{
	if (__builtin_add_overflow(block_size, CACHE_LINE - 1, &block_size))
		return SIZE_MAX;
	return block_size & ~(size_t)(CACHE_LINE - 1);
}

size_t bf_pool_bytes(size_t block_size, size_t block_count)
{
	size_t size_bytes;

	if (__builtin_mul_overflow(round_up(block_size), block_count, &size_bytes))
		return SIZE_MAX;
	return size_bytes;
}

int bf_pool_init(struct bf_pool *pool, size_t block_size, size_t block_count)
{
	size_t size_bytes = bf_pool_bytes(block_size, block_count);

	assert(block_size > 0);
	memset(pool, 0, sizeof(*pool));
	if (size_bytes == SIZE_MAX)
		return -EINVAL;
	block_size = round_up(block_size);
	if (size_bytes > 0) {
		pool->slab = aligned_alloc(CACHE_LINE, size_bytes);
		if (!pool->slab)
			return -ENOMEM;
	}
	pool->block_size = block_size;
	pool->block_count = block_count;
	/* Linked from the last to the first: blocks are then taken in ascending order, and every
	 * page is touched now instead of under traffic. */
	for (size_t i = block_count; i > 0; i--)
		push_free(pool, pool->slab + (i - 1) * block_size);
	return 0;
}

void bf_pool_deinit(struct bf_pool *pool)
{
	assert(pool->used_count == 0);
	free(pool->slab);
	memset(pool, 0, sizeof(*pool));
}

void *bf_pool_take(struct bf_pool *pool)
{
	void *block = pool->free_head;

	if (!block)
		return NULL;
	memcpy(&pool->free_head, block, sizeof(pool->free_head));
	pool->used_count++;
	return block;
}

void bf_pool_put(struct bf_pool *pool, void *block)
{
	uint8_t *at = block;

	assert(pool->used_count > 0);
	assert(at >= pool->slab && at < pool->slab + pool->block_size * pool->block_count);
	assert((size_t)(at - pool->slab) % pool->block_size == 0);
	push_free(pool, block);
	pool->used_count--;
}

bool bf_pool_is_empty(const struct bf_pool *pool)
{
	return !pool->free_head;
}
