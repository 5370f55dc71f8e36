/* media/cc/pacer_priv.h - the queue of waiting packets: a chain of blocks from the worker's pool. */
#ifndef BF_MEDIA_CC_PACER_PRIV_H
#define BF_MEDIA_CC_PACER_PRIV_H

#include "media/cc/pacer.h"

/* -ENOBUFS: no free block. */
int bf_pacer_queue_put(
	struct bf_pacer_queue *queue, struct bf_pool *blocks, const struct bf_pacer_entry *entry);

/* The oldest; NULL if it is empty. */
const struct bf_pacer_entry *bf_pacer_queue_first(const struct bf_pacer_queue *queue);

/* Remove the oldest. There must be one. */
void bf_pacer_queue_pop(struct bf_pacer_queue *queue, struct bf_pool *blocks);

/* Remove all of `owner`, or all there are. Returns how many; adds their bytes to `bytes`. */
size_t bf_pacer_queue_forget(struct bf_pacer_queue *queue, struct bf_pool *blocks, uint64_t owner,
	bool is_all, uint32_t *bytes);

#endif
