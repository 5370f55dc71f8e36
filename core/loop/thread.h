/* core/loop/thread.h - a thread that says whether it could start before it goes on.
 *
 * Owner:   whoever started it.   Thread: start and join from the same thread.
 */
#ifndef BF_CORE_LOOP_THREAD_H
#define BF_CORE_LOOP_THREAD_H

struct bf_thread;

/* Run `start(arg)` on a new thread called `name` (15 characters at most), wait for its result and return it. 0: `run(arg)`
 * follows on that thread; negative: the thread is gone again. */
int bf_thread_start(struct bf_thread **out, const char *name, int (*start)(void *arg),
	void (*run)(void *arg), void *arg);

/* Keep the calling thread on one of the processors that it may use: the `idx`-th, counted from 0, as long as each of `count` threads
 * finds one of its own. Returns the processor's number; -ENOSPC: there are more threads than processors, and nothing has changed;
 * or the kernel's negative errno. */
int bf_thread_pin(unsigned idx, unsigned count);

/* Let the calling thread stand back where processors are short: it gets a smaller share, and does not interrupt others when it
 * wakes up. For work that nobody on the way of media waits for. */
void bf_thread_stand_back(void);

/* Let the calling thread be given a processor soon after it wakes up, for shorter at a time: it has the same share as others, in
 * smaller pieces. For work that waits for packets. */
void bf_thread_be_prompt(void);

/* Wait until `run` has returned; frees the thread. */
void bf_thread_join(struct bf_thread *thread);

#endif
