/* core/loop/loop.h - one thread's event loop, on io_uring or on epoll behind the same interface.
 *
 * A turn: wait for completions or the next timer, hand them to their owners, deliver messages and records of other
 * threads, run the timers that are due, run the turn-end hooks (which send what the turn produced), submit once.
 * Owner:   the thread that runs it.   Thread: every function is called on the loop's own thread,
 *          except bf_loop_new, which may be called before the thread exists.
 * Source:  io_uring(7), epoll(7).
 */
#ifndef BF_CORE_LOOP_LOOP_H
#define BF_CORE_LOOP_LOOP_H

#include "core/base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bf_io {
	BF_IO_AUTO, /* io_uring when the kernel allows it, else epoll */
	BF_IO_URING,
	BF_IO_EPOLL,
};

struct bf_loop;

/* A new loop. With BF_IO_URING a refusal is the kernel's negative errno (-EPERM, -ENOSYS, -ENOMEM);
 * BF_IO_AUTO falls back to epoll, and bf_loop_io_refusal tells why. */
int bf_loop_new(struct bf_loop **out, enum bf_io io);

/* All sockets, timers and inboxes on it must be closed. Only streams may be left: they get their on_close here, with -ECANCELED,
 * in which their owners disarm what timers they have. On the loop's thread, or on another once that has ended. Accepts NULL. */
void bf_loop_free(struct bf_loop *loop);

/* The memory a loop of this kind takes, with its buffers for what is received; of BF_IO_AUTO the larger of the two. What
 * io_uring's queues take in the kernel is counted. */
size_t bf_loop_bytes(enum bf_io io);

/* Turns until bf_loop_stop. Returns 0, or the errno of a loop that cannot go on. */
int bf_loop_run(struct bf_loop *loop);

/* One turn that waits at most `wait_us` (0: only what is ready; -1: as long as it takes). */
int bf_loop_turn(struct bf_loop *loop, int64_t wait_us);

/* bf_loop_run returns after the turn that is running. Own thread only: others post a message. */
void bf_loop_stop(struct bf_loop *loop);

/* Monotonic microseconds, read once at the start of the turn. */
int64_t bf_loop_now_us(const struct bf_loop *loop);

/* From now on begin no turn earlier than `rest_us` after the last one (0: at once), unless a timer is due: what arrives meanwhile is
 * handled together, for one wake-up. Worth it for whom many small events come from many sides, as interrupt moderation is for a
 * network card; the price is that each waits half of it on average. Messages of other threads wait, too. */
void bf_loop_set_rest(struct bf_loop *loop, int64_t rest_us);

/* Since the loop was made. */
struct bf_loop_counters {
	uint64_t turns;
	uint64_t
		waited_us; /* for something to do; what the kernel does meanwhile on the thread's behalf is in it */
	uint64_t wakes; /* of other loops that slept, by messages and records that this one sent */
};
const struct bf_loop_counters *bf_loop_counters(const struct bf_loop *loop);

/* BF_IO_URING or BF_IO_EPOLL. */
enum bf_io bf_loop_io(const struct bf_loop *loop);

/* Why BF_IO_AUTO did not get io_uring, as a negative errno for the caller to log; 0 if it did. */
int bf_loop_io_refusal(const struct bf_loop *loop);
const char *bf_io_name(enum bf_io io);

/* Called once at the end of each turn in which bf_loop_hook_request was called, in request order.
 * A hook may request others; they run in the same turn's end. */
struct bf_loop_hook {
	/* given */
	void (*on_turn_end)(void *arg);
	void *arg;
	/* state */
	struct bf_list node;
};
void bf_loop_hook_init(struct bf_loop_hook *hook, void (*on_turn_end)(void *arg), void *arg);
void bf_loop_hook_request(struct bf_loop *loop, struct bf_loop_hook *hook);
void bf_loop_hook_cancel(struct bf_loop_hook *hook);

#endif
