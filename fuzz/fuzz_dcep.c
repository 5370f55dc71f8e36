/* Any bytes into the parser of channel messages; an OPEN that parses is written again to the same bytes' meaning. */
#include "media/sctp/dcep_priv.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[DCEP_OPEN_MAX];
	struct dcep first, second;

	if (dcep_parse(&first, bf_bytes(data, size)) || first.kind != DCEP_OPEN)
		return 0;
	assert(dcep_can_write(&first.channel));
	assert(dcep_write_open(again, sizeof(again), &first.channel) == size);
	assert(dcep_parse(&second, bf_bytes(again, size)) == 0);
	assert(second.channel.type == first.channel.type);
	assert(second.channel.is_unordered == first.channel.is_unordered);
	assert(second.channel.limit == first.channel.limit);
	assert(second.channel.priority == first.channel.priority);
	assert(bf_bytes_equal(second.channel.label, first.channel.label));
	assert(bf_bytes_equal(second.channel.protocol, first.channel.protocol));
	return 0;
}
