/* core/loop/ready.h - tells when a descriptor that a library owns can be read or written without waiting.
 *
 * For libraries that do their own reading and writing (libpq, libcurl). Each wish is fulfilled once: say again what is wanted.
 * Owner:   whoever made it.   Thread: the loop's.
 */
#ifndef BF_CORE_LOOP_READY_H
#define BF_CORE_LOOP_READY_H

#include "core/loop/loop.h"

struct bf_ready;

/* Watches a duplicate of `fd`, so that its owner may close it at any time. Nothing is wanted yet. -ENOMEM, -EMFILE, -EBADF. An end or an error
 * of the connection makes it readable and writable. */
int bf_ready_new(struct bf_ready **out, struct bf_loop *loop, int fd,
	void (*on_readable)(void *arg), void (*on_writable)(void *arg), void *arg);

/* What is wanted from now on. Each is called once, then it is not wanted any more. */
void bf_ready_want(struct bf_ready *ready, bool is_read_wanted, bool is_write_wanted);

/* No call follows, and it is freed when the kernel has let go. May be called from within a call. Accepts NULL. */
void bf_ready_close(struct bf_ready *ready);

#endif
