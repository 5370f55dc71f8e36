#include "media/room/cache.h"

#include <assert.h>

/* Old packets are given back a few with each new one: enough to keep up, and no burst of work after a pause. */
#define EXPIRE_BATCH 4

static struct bf_cache_block **slot_of(struct bf_cache *cache, uint64_t ext_seq)
{
	return &cache->slots[ext_seq & (BF_CACHE_SLOTS - 1)];
}

static struct bf_cache_block *find(const struct bf_cache *cache, uint64_t ext_seq)
{
	struct bf_cache_block *block = cache->slots[ext_seq & (BF_CACHE_SLOTS - 1)];

	return block && block->packet.ext_seq == ext_seq ? block : NULL;
}

void bf_cache_init(struct bf_cache *cache, struct bf_pool *pool)
{
	assert(pool->block_size >= sizeof(struct bf_cache_block));
	memset(cache, 0, sizeof(*cache));
	cache->pool = pool;
}

static void release(struct bf_cache *cache, struct bf_cache_block **slot)
{
	if (!*slot)
		return;
	bf_pool_put(cache->pool, *slot);
	*slot = NULL;
	cache->count--;
}

void bf_cache_deinit(struct bf_cache *cache)
{
	for (size_t i = 0; i < BF_CACHE_SLOTS; i++)
		release(cache, &cache->slots[i]);
	assert(cache->count == 0);
}

/* Slots of the numbers that become part of the window hold packets that leave it. */
static void advance(struct bf_cache *cache, uint64_t ext_seq)
{
	uint64_t first = cache->highest + 1;

	if (ext_seq - cache->highest > BF_CACHE_SLOTS)
		first = ext_seq - BF_CACHE_SLOTS + 1;
	for (uint64_t at = first; at <= ext_seq; at++)
		release(cache, slot_of(cache, at));
	cache->highest = ext_seq;
	if (cache->highest - cache->lowest >= BF_CACHE_SLOTS)
		cache->lowest = cache->highest - BF_CACHE_SLOTS + 1;
}

/* The slot of the oldest packet held; there is one. */
static struct bf_cache_block **oldest(struct bf_cache *cache)
{
	assert(cache->count > 0);
	while (!find(cache, cache->lowest)) {
		assert(cache->lowest < cache->highest);
		cache->lowest++;
	}
	return slot_of(cache, cache->lowest);
}

/* Packets too old to be given out would starve the other caches of the pool: a quiet audio stream fills its slots in 20 s. */
static void expire(struct bf_cache *cache, int64_t now_us)
{
	for (unsigned i = 0; i < EXPIRE_BATCH && cache->count > 0; i++) {
		struct bf_cache_block **slot = oldest(cache);

		if (now_us - (*slot)->packet.at_us <= BF_CACHE_AGE_US)
			return;
		release(cache, slot);
	}
}

/* A block for `ext_seq`: its own if it is there, else a new one, else that of the oldest packet, unless this one is older. */
static struct bf_cache_block *take_block(struct bf_cache *cache, uint64_t ext_seq)
{
	struct bf_cache_block *block = find(cache, ext_seq);
	struct bf_cache_block **slot;

	if (block)
		return block;
	block = bf_pool_take(cache->pool);
	if (!block && cache->count > 0) {
		slot = oldest(cache);
		if ((*slot)->packet.ext_seq > ext_seq)
			return NULL;
		block = *slot;
		*slot = NULL;
		cache->count--;
	}
	if (!block)
		return NULL;
	if (cache->count == 0 || ext_seq < cache->lowest)
		cache->lowest = ext_seq;
	cache->count++;
	assert(!*slot_of(cache, ext_seq));
	*slot_of(cache, ext_seq) = block;
	return block;
}

static size_t exts_len(const struct bf_ext_values *exts)
{
	size_t len = 0;

	for (size_t i = 0; i < BF_EXT_COUNT; i++)
		len += exts->value[i].len;
	return len;
}

static void fill(struct bf_cache_block *block, const struct bf_media_packet *packet)
{
	uint8_t *at = block->ext_bytes;

	block->packet = *packet;
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		struct bf_bytes value = packet->exts.value[i];

		if (!value.data)
			continue;
		memcpy(at, value.data, value.len);
		block->packet.exts.value[i].data = at;
		at += value.len;
	}
	if (packet->payload.len > 0)
		memcpy(block->payload_bytes, packet->payload.data, packet->payload.len);
	block->packet.payload.data = block->payload_bytes;
}

bool bf_cache_evicts(const struct bf_cache *cache, uint64_t ext_seq)
{
	return bf_pool_is_empty(cache->pool) ||
	       (cache->count > 0 && ext_seq > cache->highest + BF_CACHE_SLOTS / 2);
}

bool bf_cache_put(struct bf_cache *cache, const struct bf_media_packet *packet)
{
	struct bf_cache_block *block;

	if (packet->payload.len > BF_CACHE_PAYLOAD ||
		exts_len(&packet->exts) > sizeof(block->ext_bytes))
		return false;
	if (cache->count > 0 && packet->ext_seq + BF_CACHE_SLOTS <= cache->highest)
		return false;
	if (cache->count == 0) {
		cache->highest = packet->ext_seq;
		cache->lowest = packet->ext_seq;
	} else if (packet->ext_seq > cache->highest) {
		advance(cache, packet->ext_seq);
	}
	expire(cache, packet->at_us);
	block = take_block(cache, packet->ext_seq);
	if (block)
		fill(block, packet);
	return block != NULL;
}

const struct bf_media_packet *bf_cache_get(
	const struct bf_cache *cache, uint64_t ext_seq, int64_t now_us)
{
	const struct bf_cache_block *block = find(cache, ext_seq);

	if (!block || now_us - block->packet.at_us > BF_CACHE_AGE_US)
		return NULL;
	return &block->packet;
}

bool bf_cache_has(const struct bf_cache *cache, uint64_t ext_seq)
{
	return find(cache, ext_seq) != NULL;
}
