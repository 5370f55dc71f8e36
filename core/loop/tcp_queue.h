/* core/loop/tcp_queue.h - bytes that wait: to be sent, or for a paused reader.
 *
 * Owner:   the stream that embeds it.   Thread: the loop's.   Limits: the stream's.
 */
#ifndef BF_CORE_LOOP_TCP_QUEUE_H
#define BF_CORE_LOOP_TCP_QUEUE_H

#include "core/base/bytes.h"

#include <sys/uio.h>

struct bf_tcp_chunk;

struct bf_tcp_queue {
	struct bf_tcp_chunk *head, *tail;
	size_t bytes;
};

/* Append a copy. -ENOMEM: nothing was appended. */
int bf_tcp_queue_put(struct bf_tcp_queue *queue, struct bf_bytes data);

/* Describe the first bytes, at most `iov_count` pieces; returns how many. */
size_t bf_tcp_queue_peek(const struct bf_tcp_queue *queue, struct iovec *iovs, size_t iov_count);

/* Forget the first `len` bytes. */
void bf_tcp_queue_skip(struct bf_tcp_queue *queue, size_t len);
void bf_tcp_queue_clear(struct bf_tcp_queue *queue);

#endif
