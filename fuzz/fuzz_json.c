/* bf_json_parse, and that what it accepts prints and parses again to the same text. */
#include "core/base/json.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads all of it the way handlers do: every member, every element, every type. */
static void walk(const struct bf_json *json, int depth)
{
	struct bf_bytes text;
	int64_t number;
	bool flag;

	assert(depth <= BF_JSON_DEPTH + 1);
	if (bf_json_as_str(json, &text) == 0)
		assert(text.data[text.len] == 0 && !memchr(text.data, 0, text.len));
	(void)bf_json_as_int(json, &number);
	for (size_t i = 0; i < bf_json_count(json); i++)
		walk(bf_json_at(json, i), depth + 1);
	for (const char *key = bf_json_next_key(json, NULL); key;
		key = bf_json_next_key(json, key)) {
		(void)bf_json_get_bool(json, key, &flag);
		walk(bf_json_get(json, key), depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_json *json, *again, *copy;
	char why[128], *first, *second;
	size_t first_len, second_len;
	int err = bf_json_parse(&json, bf_bytes(data, size), 65536, why, sizeof(why));

	if (err) {
		assert(strlen(why) > 0 && strlen(why) < sizeof(why));
		return 0;
	}
	walk(json, 1);
	first = bf_json_print(json, &first_len);
	assert(first);
	err = bf_json_parse(&again, bf_bytes(first, first_len), SIZE_MAX, NULL, 0);
	assert(err == 0);
	copy = bf_json_copy(again);
	assert(copy);
	second = bf_json_print(copy, &second_len);
	assert(second && first_len == second_len && memcmp(first, second, first_len) == 0);
	free(first);
	free(second);
	bf_json_free(copy);
	bf_json_free(again);
	bf_json_free(json);
	return 0;
}
