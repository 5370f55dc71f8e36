/* A segment of the spool as it may be found on a disk: whatever is read from it lies in it, and its numbers ascend. */
#include "storage/spool/format.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_bytes segment = bf_bytes(data, size);
	struct bf_spool_header header = {.first_number = 1};
	size_t at = 0, before;
	uint64_t number_min;
	struct bf_spool_record record;
	bool is_torn;

	if (bf_spool_header_read(&header, segment) == 0)
		at = BF_SPOOL_HEADER_BYTES;
	if (at > size)
		return 0;
	number_min = header.first_number;
	before = at;
	while (bf_spool_record_next(segment, header.salt, &at, number_min, &record, &is_torn) ==
		0) {
		assert(at <= size && at >= before + BF_SPOOL_RECORD_BYTES);
		assert(record.bytes.len == 0 ||
			(record.bytes.data >= data + before &&
				record.bytes.data + record.bytes.len == data + at));
		assert(record.number >= number_min);
		if (record.number == UINT64_MAX)
			break;
		number_min = record.number + 1;
		before = at;
	}
	return 0;
}
