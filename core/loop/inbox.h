/* core/loop/inbox.h - a bounded queue of messages into one loop, from any thread.
 *
 * Owner:   the receiving thread.   Thread: bf_inbox_post any; the rest the loop's own.
 * Limits:  `slot_count` messages; a full inbox refuses (-ENOBUFS) and the poster keeps the message.
 *          Posting never blocks and takes no lock. At most BF_INBOX_BATCH messages a turn, then the
 *          loop goes round again.
 */
#ifndef BF_CORE_LOOP_INBOX_H
#define BF_CORE_LOOP_INBOX_H

#include "core/base/msg.h"
#include "core/loop/loop.h"

#define BF_INBOX_BATCH 256

struct bf_inbox;

/* `slot_count` is rounded up to a power of two. `on_message` owns each message it is given and frees
 * it with bf_msg_free. */
int bf_inbox_new(struct bf_inbox **out, struct bf_loop *loop, size_t slot_count,
	void (*on_message)(void *arg, struct bf_msg *msg), void *arg);

/* The memory an inbox of so many slots takes. */
size_t bf_inbox_bytes(size_t slot_count);

/* Frees what is still queued. No thread may post any more. Accepts NULL. */
void bf_inbox_free(struct bf_inbox *inbox);

/* 0, and the receiver owns `msg`; -ENOBUFS, and the caller still does. Messages of one thread arrive
 * in the order posted. Wakes the loop only if it may be asleep. */
int bf_inbox_post(struct bf_inbox *inbox, struct bf_msg *msg);

#endif
