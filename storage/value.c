#include "storage/value.h"

#include "core/base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static bool is_text(char type)
{
	return type == 't' || type == 'j';
}

static size_t value_len(char type, const struct bf_db_value *value)
{
	if (!value->is_set)
		return 1;
	switch (type) {
	case 'u':
		return 1 + sizeof(value->as.uuid.bytes);
	case 'i':
	case 'z':
		return 1 + 8;
	case 'b':
		return 1 + 1;
	default:
		return 1 + 4 + value->as.bytes.len;
	}
}

size_t bf_db_row_len(const char *types, const struct bf_db_value *values)
{
	size_t len = 0;

	for (size_t i = 0; types[i]; i++)
		len += value_len(types[i], &values[i]);
	return len;
}

int bf_db_row_check(const char *types, const struct bf_db_value *values, char *why, size_t why_size)
{
	size_t len = 0;

	for (size_t i = 0; types[i]; i++) {
		const struct bf_bytes *bytes = &values[i].as.bytes;

		if (values[i].is_set && is_text(types[i]) &&
			(memchr(bytes->data ? bytes->data : (const uint8_t *)"", 0, bytes->len) ||
				!bf_utf8_is_valid(*bytes))) {
			snprintf(why, why_size, "value %zu is no text: %s", i + 1,
				bf_utf8_is_valid(*bytes) ? "it holds a NUL" : "it is not UTF-8");
			return -EINVAL;
		}
		len += value_len(types[i], &values[i]);
		if (len > BF_DB_ROW_BYTES_MAX) {
			snprintf(why, why_size, "value %zu makes the row longer than %zu bytes",
				i + 1, BF_DB_ROW_BYTES_MAX);
			return -EMSGSIZE;
		}
	}
	return 0;
}

void bf_db_row_write(struct bf_wr *wr, const char *types, const struct bf_db_value *values)
{
	for (size_t i = 0; types[i]; i++) {
		const struct bf_db_value *value = &values[i];

		bf_wr_u8(wr, value->is_set);
		if (!value->is_set)
			continue;
		switch (types[i]) {
		case 'u':
			bf_wr_bytes(
				wr, bf_bytes(value->as.uuid.bytes, sizeof(value->as.uuid.bytes)));
			break;
		case 'i':
		case 'z':
			bf_wr_u64(wr, (uint64_t)value->as.i64);
			break;
		case 'b':
			bf_wr_u8(wr, value->as.flag);
			break;
		default:
			bf_wr_u32(wr, (uint32_t)value->as.bytes.len);
			bf_wr_bytes(wr, value->as.bytes);
			break;
		}
	}
}

static void read_value(struct bf_rd *rd, char type, struct bf_db_value *out)
{
	struct bf_bytes bytes;

	switch (type) {
	case 'u':
		bytes = bf_rd_bytes(rd, sizeof(out->as.uuid.bytes));
		if (bytes.data)
			memcpy(out->as.uuid.bytes, bytes.data, bytes.len);
		break;
	case 'i':
	case 'z':
		out->as.i64 = (int64_t)bf_rd_u64(rd);
		break;
	case 'b':
		out->as.flag = bf_rd_u8(rd) != 0;
		break;
	default:
		out->as.bytes = bf_rd_bytes(rd, bf_rd_u32(rd));
		break;
	}
}

int bf_db_row_read(struct bf_bytes row, const char *types,
	struct bf_db_value out[static BF_DB_VALUE_COUNT_MAX])
{
	struct bf_rd rd = bf_rd(row);

	for (size_t i = 0; types[i]; i++) {
		uint8_t is_set = bf_rd_u8(&rd);

		assert(i < BF_DB_VALUE_COUNT_MAX);
		if (is_set > 1)
			return -EBADMSG;
		out[i] = (struct bf_db_value){.is_set = is_set};
		if (is_set)
			read_value(&rd, types[i], &out[i]);
	}
	return rd.is_short || bf_rd_left(&rd) > 0 ? -EBADMSG : 0;
}
