#include "storage/pg/value.h"

#include <assert.h>

#define EPOCH_2000_US INT64_C(946684800000000) /* of timestamps, us since 1970 */
#define ARRAY_HEAD    20
#define JSONB_VERSION 1

static const struct {
	char type;
	unsigned oid, array_oid;
} types[] = {{'u', 2950, 2951}, {'t', 25, 1009}, {'y', 17, 1001}, {'i', 20, 1016}, {'b', 16, 1000},
	{'z', 1184, 1185}, {'j', 3802, 3807}};

static size_t type_idx(char type)
{
	size_t i = 0;

	while (types[i].type != type) {
		i++;
		assert(i < sizeof(types) / sizeof(types[0]));
	}
	return i;
}

unsigned bf_pg_oid(char type)
{
	return types[type_idx(type)].oid;
}

unsigned bf_pg_array_oid(char type)
{
	return types[type_idx(type)].array_oid;
}

size_t bf_pg_value_len(char type, const struct bf_db_value *value)
{
	switch (type) {
	case 'u':
		return sizeof(value->as.uuid.bytes);
	case 'i':
	case 'z':
		return 8;
	case 'b':
		return 1;
	case 'j':
		return 1 + value->as.bytes.len;
	default:
		return value->as.bytes.len;
	}
}

void bf_pg_value_write(struct bf_wr *wr, char type, const struct bf_db_value *value)
{
	switch (type) {
	case 'u':
		bf_wr_bytes(wr, bf_bytes(value->as.uuid.bytes, sizeof(value->as.uuid.bytes)));
		break;
	case 'i':
		bf_wr_u64(wr, (uint64_t)value->as.i64);
		break;
	case 'z':
		bf_wr_u64(wr, (uint64_t)(value->as.i64 - EPOCH_2000_US));
		break;
	case 'b':
		bf_wr_u8(wr, value->as.flag);
		break;
	case 'j':
		bf_wr_u8(wr, JSONB_VERSION);
		bf_wr_bytes(wr, value->as.bytes);
		break;
	default:
		bf_wr_bytes(wr, value->as.bytes);
		break;
	}
}

bool bf_pg_value_read(struct bf_bytes field, char type, struct bf_db_value *out)
{
	struct bf_rd rd = bf_rd(field);

	*out = (struct bf_db_value){.is_set = true};
	switch (type) {
	case 'u':
		if (field.len == sizeof(out->as.uuid.bytes))
			memcpy(out->as.uuid.bytes, field.data, field.len);
		return field.len == sizeof(out->as.uuid.bytes);
	case 'i':
		out->as.i64 = (int64_t)bf_rd_u64(&rd);
		return field.len == 8;
	case 'z':
		out->as.i64 = (int64_t)bf_rd_u64(&rd) + EPOCH_2000_US;
		return field.len == 8;
	case 'b':
		out->as.flag = bf_rd_u8(&rd) != 0;
		return field.len == 1;
	case 'j':
		if (bf_rd_u8(&rd) != JSONB_VERSION)
			return false;
		out->as.bytes = bf_bytes(rd.at, bf_rd_left(&rd));
		return true;
	default:
		out->as.bytes = field;
		return true;
	}
}

size_t bf_pg_array_len(const struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX], size_t count,
	size_t column, char type)
{
	size_t len = ARRAY_HEAD;

	for (size_t i = 0; i < count; i++)
		len += 4 + (rows[i][column].is_set ? bf_pg_value_len(type, &rows[i][column]) : 0);
	return len;
}

void bf_pg_array_write(struct bf_wr *wr, const struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX],
	size_t count, size_t column, char type)
{
	bool has_null = false;

	for (size_t i = 0; i < count; i++)
		has_null |= !rows[i][column].is_set;
	bf_wr_u32(wr, 1); /* dimensions */
	bf_wr_u32(wr, has_null);
	bf_wr_u32(wr, bf_pg_oid(type));
	bf_wr_u32(wr, (uint32_t)count);
	bf_wr_u32(wr, 1); /* counted from */
	for (size_t i = 0; i < count; i++) {
		const struct bf_db_value *value = &rows[i][column];

		bf_wr_u32(wr, value->is_set ? (uint32_t)bf_pg_value_len(type, value) : UINT32_MAX);
		if (value->is_set)
			bf_pg_value_write(wr, type, value);
	}
}
