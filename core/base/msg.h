/* core/base/msg.h - the head of every message that crosses threads.
 *
 * A message is one heap block: a struct that begins with `struct bf_msg`, perhaps with a flexible
 * array at its end. It holds ids and bytes, never pointers to objects of a thread.
 * Owner:   moves with the message; posting successfully gives it away (core/loop/inbox.h).
 */
#ifndef BF_CORE_BASE_MSG_H
#define BF_CORE_BASE_MSG_H

#include <stddef.h>
#include <stdint.h>

struct bf_msg {
	uint16_t kind; /* an enum of the folder that defines the message */
	uint32_t size; /* bytes of the whole block */
};

/* A zeroed message of `size` bytes with its head filled in; NULL without memory. */
void *bf_msg_new(uint16_t kind, size_t size);

/* Accepts NULL. */
void bf_msg_free(struct bf_msg *msg);

#endif
