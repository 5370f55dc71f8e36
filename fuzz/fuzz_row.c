/* Rows as they lie in the spool: the first byte says which types, the rest is the row. What can be read is written to the same bytes. */
#include "storage/value.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const types[] = {
		"u", "t", "y", "i", "b", "z", "j", "utyibzj", "", "ttttt"};
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	const char *picked;
	uint8_t *again;
	struct bf_wr wr;
	char why[128];

	if (size == 0)
		return 0;
	picked = types[data[0] % (sizeof(types) / sizeof(types[0]))];
	if (bf_db_row_read(bf_bytes(data + 1, size - 1), picked, values))
		return 0;
	(void)bf_db_row_check(picked, values, why, sizeof(why));
	assert(bf_db_row_len(picked, values) == size - 1);
	again = malloc(size);
	if (!again)
		return 0;
	wr = bf_wr(again, size - 1);
	bf_db_row_write(&wr, picked, values);
	assert(!wr.is_full && bf_wr_len(&wr) == size - 1);
	assert(strchr(picked, 'b') || memcmp(again, data + 1, size - 1) == 0);
	free(again);
	return 0;
}
