/* storage/value.h - values of parameters and columns, and rows of them as bytes.
 *
 * A row's types are a text of one letter for each value, as in "utiz":
 *
 *   u UUID   t text (UTF-8)   y bytes   i 64-bit integer   b boolean   z time (us since 1970 UTC)   j JSON text
 *
 * Rows cross threads, wait in the spool and fill batches in one form: for each value a byte 0 for NULL or 1, then 1 byte (b), 8 (i, z),
 * 16 (u), or a 4-byte length and the bytes (t, y, j), all in network order.
 * Owner:   views lend; a row of bytes belongs to whoever holds the memory.   Thread: any.
 * Limits:  BF_DB_VALUE_COUNT_MAX values, BF_DB_ROW_BYTES_MAX bytes a row. Text is valid UTF-8 without NUL.
 */
#ifndef BF_STORAGE_VALUE_H
#define BF_STORAGE_VALUE_H

#include "core/base/bytes.h"
#include "core/base/id.h"

#define BF_DB_VALUE_COUNT_MAX 40
#define BF_DB_ROW_BYTES_MAX   ((size_t)1 << 20)
#define BF_DB_TYPES	      "utyibzj"

/* One value; which member counts is said by its type's letter. Nothing set (all zero) is NULL. */
struct bf_db_value {
	bool is_set;
	union {
		struct bf_uuid uuid;   /* u */
		struct bf_bytes bytes; /* t, y, j */
		int64_t i64;	       /* i, z */
		bool flag;	       /* b */
	} as;
};

static inline struct bf_db_value bf_db_null(void)
{
	return (struct bf_db_value){.is_set = false};
}

static inline struct bf_db_value bf_db_uuid(struct bf_uuid uuid)
{
	return (struct bf_db_value){.is_set = true, .as.uuid = uuid};
}

static inline struct bf_db_value bf_db_bytes(struct bf_bytes bytes)
{
	return (struct bf_db_value){.is_set = true, .as.bytes = bytes};
}

/* NULL for a text that is NULL. */
static inline struct bf_db_value bf_db_text(const char *text)
{
	return text ? bf_db_bytes(bf_bytes_str(text)) : bf_db_null();
}

static inline struct bf_db_value bf_db_int(int64_t value)
{
	return (struct bf_db_value){.is_set = true, .as.i64 = value};
}

static inline struct bf_db_value bf_db_time(int64_t wall_us)
{
	return bf_db_int(wall_us);
}

static inline struct bf_db_value bf_db_bool(bool value)
{
	return (struct bf_db_value){.is_set = true, .as.flag = value};
}

/* What a row of these values takes as bytes. */
size_t bf_db_row_len(const char *types, const struct bf_db_value *values);

/* Whether a database takes them: -EINVAL text or JSON with NUL or bad UTF-8, -EMSGSIZE longer than BF_DB_ROW_BYTES_MAX. `why` names the
 * value by its place, counted from 1. */
int bf_db_row_check(
	const char *types, const struct bf_db_value *values, char *why, size_t why_size);

/* Writes bf_db_row_len bytes. */
void bf_db_row_write(struct bf_wr *wr, const char *types, const struct bf_db_value *values);

/* The values of a row, which lend from `row`. -EBADMSG: these bytes are no row of these types. */
int bf_db_row_read(struct bf_bytes row, const char *types,
	struct bf_db_value out[static BF_DB_VALUE_COUNT_MAX]);

#endif
