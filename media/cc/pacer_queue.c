#include "media/cc/pacer_priv.h"

#include <assert.h>
#include <errno.h>

_Static_assert(sizeof(struct bf_pacer_block) == 512, "the pool's blocks are whole cache lines");

int bf_pacer_queue_put(
	struct bf_pacer_queue *queue, struct bf_pool *blocks, const struct bf_pacer_entry *entry)
{
	if (!queue->last || queue->last_idx == BF_PACER_BLOCK_ENTRIES) {
		struct bf_pacer_block *block = bf_pool_take(blocks);

		if (!block)
			return -ENOBUFS;
		block->next = NULL;
		if (queue->last) {
			queue->last->next = block;
		} else {
			queue->first = block;
			queue->first_idx = 0;
		}
		queue->last = block;
		queue->last_idx = 0;
	}
	queue->last->entries[queue->last_idx++] = *entry;
	queue->count++;
	return 0;
}

const struct bf_pacer_entry *bf_pacer_queue_first(const struct bf_pacer_queue *queue)
{
	return queue->count > 0 ? &queue->first->entries[queue->first_idx] : NULL;
}

static void drop_first_block(struct bf_pacer_queue *queue, struct bf_pool *blocks)
{
	struct bf_pacer_block *block = queue->first;

	queue->first = block->next;
	queue->first_idx = 0;
	if (!queue->first)
		queue->last = NULL;
	bf_pool_put(blocks, block);
}

void bf_pacer_queue_pop(struct bf_pacer_queue *queue, struct bf_pool *blocks)
{
	assert(queue->count > 0);
	queue->count--;
	queue->first_idx++;
	if (queue->count == 0 || queue->first_idx == BF_PACER_BLOCK_ENTRIES)
		drop_first_block(queue, blocks);
}

/* A place in the chain. */
struct cursor {
	struct bf_pacer_block *block;
	uint16_t idx;
};

/* The entry there; then on to the next. A block's end is left only when there is an entry behind it. */
static struct bf_pacer_entry *step(struct cursor *cursor)
{
	if (cursor->idx == BF_PACER_BLOCK_ENTRIES) {
		cursor->block = cursor->block->next;
		cursor->idx = 0;
	}
	return &cursor->block->entries[cursor->idx++];
}

static void free_blocks(struct bf_pacer_block *block, struct bf_pool *blocks)
{
	while (block) {
		struct bf_pacer_block *next = block->next;

		bf_pool_put(blocks, block);
		block = next;
	}
}

/* The queue ends where `end` stands. */
static void cut(struct bf_pacer_queue *queue, struct bf_pool *blocks, const struct cursor *end)
{
	if (queue->count == 0) {
		free_blocks(queue->first, blocks);
		*queue = (struct bf_pacer_queue){0};
		return;
	}
	free_blocks(end->block->next, blocks);
	end->block->next = NULL;
	queue->last = end->block;
	queue->last_idx = end->idx;
}

size_t bf_pacer_queue_forget(struct bf_pacer_queue *queue, struct bf_pool *blocks, uint64_t owner,
	bool is_all, uint32_t *bytes)
{
	struct cursor from = {queue->first, queue->first_idx}, to = from;
	uint32_t kept = 0, count = queue->count;

	/* Those that stay move up in place: this must work when no block is free. */
	for (uint32_t i = 0; i < count; i++) {
		const struct bf_pacer_entry *entry = step(&from);

		if (is_all || entry->owner == owner) {
			*bytes += entry->bytes;
			continue;
		}
		*step(&to) = *entry;
		kept++;
	}
	queue->count = kept;
	if (kept < count)
		cut(queue, blocks, &to);
	return count - kept;
}
