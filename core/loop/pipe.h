/* core/loop/pipe.h - a ring of records from one loop to another, for what comes too often for messages.
 *
 *   writer's turn:  reserve, put, reserve, put ...  commit        reader's turn:  on_records { next, next ... }
 *
 * One writer, one reader, no lock. Records are written in place and read in place; what one turn of the writer made becomes
 * visible at once, by its commit, which wakes the reader's loop only if that may be asleep.
 * Owner:   whoever made it, and frees it when both ends are done.
 * Thread:  the writer's and the reader's, each its own functions; new and free: when nobody uses it.
 * Limits:  the ring's size, given by the writer, who is refused (NULL) when it is full and keeps what it wanted to say. Until then a
 *          pipe is some cache lines: there is one for every ordered pair of threads, most of which never talk. The
 *          reader takes BF_PIPE_BATCH records a turn.
 * Order:   messages that the writer posted to the reader's inbox before a commit arrive before that commit's records, as long as
 *          one turn of the reader can take all that wait (BF_INBOX_BATCH).
 */
#ifndef BF_CORE_LOOP_PIPE_H
#define BF_CORE_LOOP_PIPE_H

#include "core/base/bytes.h"
#include "core/loop/loop.h"

#define BF_PIPE_BATCH	     256
#define BF_PIPE_RECORD_BYTES 8 /* what a record takes beside its bytes, which are rounded up to 8 */

struct bf_pipe;

int bf_pipe_new(struct bf_pipe **out);

/* The reader has detached. Accepts NULL. */
void bf_pipe_free(struct bf_pipe *pipe);

/* A pipe from each of `count` threads to each other one: from i to k it is out[i * count + k], NULL where i is k. -ENOMEM. */
int bf_pipe_grid_new(struct bf_pipe ***out, unsigned count);

/* Accepts NULL. */
void bf_pipe_grid_free(struct bf_pipe **pipes, unsigned count);

/* ---- the writer's ---- */

/* Get memory for records: `size_bytes`, rounded up to a power of two. Once is enough; again changes nothing. -ENOMEM. */
int bf_pipe_open(struct bf_pipe *pipe, size_t size_bytes);

/* Room for a record of at most `len_max` bytes, aligned to 8; NULL: full, not open, or longer than half the ring. Void
 * after the next call but bf_pipe_put. */
uint8_t *bf_pipe_reserve(struct bf_pipe *pipe, size_t len_max);

/* The first `len` bytes of what was reserved are a record. */
void bf_pipe_put(struct bf_pipe *pipe, size_t len);

/* Let the reader see all that was put. The reader must have attached. */
void bf_pipe_commit(struct bf_pipe *pipe);

/* ---- the reader's ---- */

/* `on_records` is called in each turn in which there are records, and takes them by bf_pipe_next. */
void bf_pipe_attach(struct bf_pipe *pipe, struct bf_loop *loop,
	void (*on_records)(void *arg, struct bf_pipe *pipe), void *arg);

/* Not from within on_records. What was not read is lost. Does nothing if it is not attached. */
void bf_pipe_detach(struct bf_pipe *pipe);

/* In on_records: the next record, lent until on_records returns; its data is NULL when there is none for this turn. */
struct bf_bytes bf_pipe_next(struct bf_pipe *pipe);

#endif
