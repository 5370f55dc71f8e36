#include "core/base/msg.h"

#include <assert.h>
#include <stdlib.h>

void *bf_msg_new(uint16_t kind, size_t size)
{
	struct bf_msg *msg;

	assert(size >= sizeof(*msg));
	assert(size <= UINT32_MAX);
	msg = calloc(1, size);
	if (!msg)
		return NULL;
	msg->kind = kind;
	msg->size = (uint32_t)size;
	return msg;
}

void bf_msg_free(struct bf_msg *msg)
{
	free(msg);
}
