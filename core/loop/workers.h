/* core/loop/workers.h - a few threads for work that takes its time: hashing of passwords, packing of files.
 *
 *   loop's thread                     a worker
 *   bf_workers_run  --- msg --->        work(msg): computes, keeps nothing
 *   on_done       <-- msg ----
 *
 * A message goes there, is worked on, and comes back: the block is the only thing that both threads see. Those that wait do so in the
 * order they came.
 * Owner:   main.c; each loop that uses it makes a door of its own.   Thread: run and on_done: the loop's; work: a worker's.
 * Limits:  `queue_max` wait, then -ENOBUFS: better a clear answer than one that comes too late.
 */
#ifndef BF_CORE_LOOP_WORKERS_H
#define BF_CORE_LOOP_WORKERS_H

#include "core/base/msg.h"
#include "core/loop/loop.h"

struct bf_workers;
struct bf_workers_door;

/* `thread_count` threads that stand back behind others (core/loop/thread.h). -ENOMEM, -EAGAIN. */
int bf_workers_new(struct bf_workers **out, unsigned thread_count, unsigned queue_max);

/* Waits for what is being worked on; what waits is thrown away. After all doors are closed. Accepts NULL. */
void bf_workers_free(struct bf_workers *workers);

typedef void bf_workers_work(struct bf_msg *msg);

/* A way in for the calling thread's loop, and back: `on_done` owns each message that comes. */
int bf_workers_door_new(struct bf_workers_door **out, struct bf_workers *workers,
	struct bf_loop *loop, void (*on_done)(void *arg, struct bf_msg *msg), void *arg);

/* Nothing comes back any more. Waits for what of it is being worked on. Accepts NULL. */
void bf_workers_door_close(struct bf_workers_door *door);

/* 0, and the message comes back to on_done once `work` was done; -ENOBUFS, and the caller still owns it. */
int bf_workers_run(struct bf_workers_door *door, bf_workers_work *work, struct bf_msg *msg);

#endif
