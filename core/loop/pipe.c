#include "core/loop/pipe.h"

#include "core/loop/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CACHE_LINE 64
#define SIZE_MIN   4096
#define SIZE_LIMIT ((size_t)1 << 30)
#define NO_RECORD  UINT32_MAX /* in place of a length: go on at the ring's beginning */

/* Positions count bytes from the beginning of time; a position's place in the ring is its low bits. Each record is a head of 8
 * bytes and its bytes, in one piece:
 *
 *     0        4        8
 *     +--------+--------+----------- - - --+
 *     | length | unused | bytes, padded to 8 |
 *     +--------+--------+----------- - - --+
 */
struct bf_pipe {
	/* given by the reader */
	struct bf_loop *loop;
	void (*on_records)(void *arg, struct bf_pipe *pipe);
	void *arg;

	/* owned; the reader looks at it only behind `committed` */
	uint8_t *ring;
	size_t size;

	/* state of the reader */
	struct bf_list node;
	bool is_reading;
	unsigned batch_count;
	size_t read_pos;
	size_t seen_pos; /* `committed` as this turn found it */

	/* moved by the reader when records are done with */
	_Alignas(CACHE_LINE) _Atomic size_t released;

	/* moved by the writer: a line of its own, since the reader looks at it each turn */
	_Alignas(CACHE_LINE) _Atomic size_t committed;

	/* state of the writer */
	_Alignas(CACHE_LINE) size_t write_pos;
	size_t released_seen;
	size_t reserved_len;
	size_t skipped_len; /* to the ring's end, where the reserved record does not fit */
};

int bf_pipe_new(struct bf_pipe **out)
{
	struct bf_pipe *pipe = aligned_alloc(CACHE_LINE, sizeof(*pipe));

	assert(out);
	if (!pipe)
		return -ENOMEM;
	memset(pipe, 0, sizeof(*pipe));
	atomic_init(&pipe->released, 0);
	atomic_init(&pipe->committed, 0);
	bf_list_init(&pipe->node);
	*out = pipe;
	return 0;
}

void bf_pipe_free(struct bf_pipe *pipe)
{
	if (!pipe)
		return;
	assert(!pipe->loop);
	free(pipe->ring);
	free(pipe);
}

void bf_pipe_grid_free(struct bf_pipe **pipes, unsigned count)
{
	for (size_t i = 0; pipes && i < (size_t)count * count; i++)
		bf_pipe_free(pipes[i]);
	free(pipes);
}

int bf_pipe_grid_new(struct bf_pipe ***out, unsigned count)
{
	struct bf_pipe **pipes = calloc((size_t)count * count, sizeof(struct bf_pipe *));
	int err = pipes ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < (size_t)count * count; i++)
		if (i / count != i % count)
			err = bf_pipe_new(&pipes[i]);
	if (err) {
		bf_pipe_grid_free(pipes, count);
		return err;
	}
	*out = pipes;
	return 0;
}

/* ---- the writer ---- */

int bf_pipe_open(struct bf_pipe *pipe, size_t size_bytes)
{
	size_t size = SIZE_MIN;

	assert(size_bytes <= SIZE_LIMIT);
	if (pipe->ring)
		return 0;
	while (size < size_bytes)
		size *= 2;
	pipe->ring = aligned_alloc(SIZE_MIN, size);
	if (!pipe->ring)
		return -ENOMEM;
	pipe->size = size;
	return 0;
}

static size_t padded(size_t len)
{
	return BF_PIPE_RECORD_BYTES + ((len + 7) & ~(size_t)7);
}

static bool has_room(struct bf_pipe *pipe, size_t need)
{
	if (pipe->size - (pipe->write_pos - pipe->released_seen) >= need)
		return true;
	pipe->released_seen = atomic_load_explicit(&pipe->released, memory_order_acquire);
	return pipe->size - (pipe->write_pos - pipe->released_seen) >= need;
}

static void write_head(struct bf_pipe *pipe, uint32_t len)
{
	memcpy(pipe->ring + (pipe->write_pos & (pipe->size - 1)), &len, sizeof(len));
}

uint8_t *bf_pipe_reserve(struct bf_pipe *pipe, size_t len_max)
{
	size_t need, to_end;

	if (!pipe->ring || len_max > pipe->size / 2 - BF_PIPE_RECORD_BYTES)
		return NULL;
	need = padded(len_max);
	to_end = pipe->size - (pipe->write_pos & (pipe->size - 1));
	if (!has_room(pipe, need <= to_end ? need : to_end + need))
		return NULL;
	pipe->reserved_len = len_max;
	pipe->skipped_len = need <= to_end ? 0 : to_end;
	return pipe->ring + ((pipe->write_pos + pipe->skipped_len) & (pipe->size - 1)) +
	       BF_PIPE_RECORD_BYTES;
}

void bf_pipe_put(struct bf_pipe *pipe, size_t len)
{
	assert(len <= pipe->reserved_len);
	if (pipe->skipped_len > 0)
		write_head(pipe, NO_RECORD);
	pipe->write_pos += pipe->skipped_len;
	write_head(pipe, (uint32_t)len);
	pipe->write_pos += padded(len);
	pipe->reserved_len = 0;
	pipe->skipped_len = 0;
}

void bf_pipe_commit(struct bf_pipe *pipe)
{
	if (atomic_load_explicit(&pipe->committed, memory_order_relaxed) == pipe->write_pos)
		return;
	assert(pipe->loop);
	atomic_store(&pipe->committed, pipe->write_pos);
	bf_loop_rouse(pipe->loop);
}

/* ---- the reader ---- */

void bf_pipe_attach(struct bf_pipe *pipe, struct bf_loop *loop,
	void (*on_records)(void *arg, struct bf_pipe *pipe), void *arg)
{
	assert(!pipe->loop);
	pipe->loop = loop;
	pipe->on_records = on_records;
	pipe->arg = arg;
	bf_list_append(&loop->pipes, &pipe->node);
}

void bf_pipe_detach(struct bf_pipe *pipe)
{
	assert(!pipe->is_reading);
	bf_list_remove(&pipe->node);
	pipe->loop = NULL;
}

/* Where the next record's head is: behind what only fills the ring up to its end. */
static const uint8_t *find_head(struct bf_pipe *pipe, uint32_t *len)
{
	size_t at = pipe->read_pos & (pipe->size - 1);

	memcpy(len, pipe->ring + at, sizeof(*len));
	if (*len != NO_RECORD)
		return pipe->ring + at;
	pipe->read_pos += pipe->size - at;
	memcpy(len, pipe->ring, sizeof(*len));
	return pipe->ring;
}

struct bf_bytes bf_pipe_next(struct bf_pipe *pipe)
{
	const uint8_t *head;
	uint32_t len;

	assert(pipe->is_reading);
	if (pipe->read_pos == pipe->seen_pos || pipe->batch_count == BF_PIPE_BATCH)
		return bf_bytes(NULL, 0);
	head = find_head(pipe, &len);
	pipe->read_pos += padded(len);
	pipe->batch_count++;
	return bf_bytes(head + BF_PIPE_RECORD_BYTES, len);
}

bool bf_pipes_have_record(const struct bf_loop *loop)
{
	for (const struct bf_list *at = loop->pipes.next; at != &loop->pipes; at = at->next) {
		const struct bf_pipe *pipe = BF_CONTAINER(at, struct bf_pipe, node);

		if (atomic_load(&pipe->committed) != pipe->read_pos)
			return true;
	}
	return false;
}

void bf_pipes_look(struct bf_loop *loop)
{
	BF_LIST_EACH(pipe, &loop->pipes, struct bf_pipe, node)
		pipe->seen_pos = atomic_load_explicit(&pipe->committed, memory_order_acquire);
}

void bf_pipes_run(struct bf_loop *loop)
{
	BF_LIST_EACH(pipe, &loop->pipes, struct bf_pipe, node) {
		if (pipe->read_pos == pipe->seen_pos)
			continue;
		pipe->is_reading = true;
		pipe->batch_count = 0;
		pipe->on_records(pipe->arg, pipe);
		pipe->is_reading = false;
		atomic_store_explicit(&pipe->released, pipe->read_pos, memory_order_release);
	}
}
