#include "core/loop/tcp_queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Small writes of one turn share a block; larger ones get a block of their own size. */
#define CHUNK_BYTES 4096

struct bf_tcp_chunk {
	struct bf_tcp_chunk *next;
	size_t at, end, size; /* data[at .. end) is queued, data[end .. size) is free */
	uint8_t data[];
};

static size_t fill(struct bf_tcp_chunk *chunk, struct bf_bytes data)
{
	size_t room = chunk->size - chunk->end;
	size_t len = data.len < room ? data.len : room;

	memcpy(chunk->data + chunk->end, data.data, len);
	chunk->end += len;
	return len;
}

int bf_tcp_queue_put(struct bf_tcp_queue *queue, struct bf_bytes data)
{
	size_t room = queue->tail ? queue->tail->size - queue->tail->end : 0;
	struct bf_tcp_chunk *chunk = NULL;
	size_t done = 0;

	if (data.len == 0)
		return 0;
	if (data.len > room) {
		size_t size = data.len - room;

		if (size < CHUNK_BYTES - sizeof(*chunk))
			size = CHUNK_BYTES - sizeof(*chunk);
		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return -ENOMEM;
		*chunk = (struct bf_tcp_chunk){.size = size};
	}
	if (queue->tail)
		done = fill(queue->tail, data);
	if (chunk) {
		fill(chunk, bf_bytes(data.data + done, data.len - done));
		if (queue->tail)
			queue->tail->next = chunk;
		else
			queue->head = chunk;
		queue->tail = chunk;
	}
	queue->bytes += data.len;
	return 0;
}

size_t bf_tcp_queue_peek(const struct bf_tcp_queue *queue, struct iovec *iovs, size_t iov_count)
{
	size_t count = 0;

	for (struct bf_tcp_chunk *chunk = queue->head; chunk && count < iov_count;
		chunk = chunk->next)
		iovs[count++] = (struct iovec){chunk->data + chunk->at, chunk->end - chunk->at};
	return count;
}

void bf_tcp_queue_skip(struct bf_tcp_queue *queue, size_t len)
{
	assert(len <= queue->bytes);
	queue->bytes -= len;
	while (queue->head && len >= queue->head->end - queue->head->at) {
		struct bf_tcp_chunk *chunk = queue->head;

		len -= chunk->end - chunk->at;
		queue->head = chunk->next;
		free(chunk);
	}
	if (queue->head)
		queue->head->at += len;
	else
		queue->tail = NULL;
}

void bf_tcp_queue_clear(struct bf_tcp_queue *queue)
{
	bf_tcp_queue_skip(queue, queue->bytes);
}
