/* storage/repo/table.h - a table's columns, said once: struct, SQL and conversions are made from one list.
 *
 *   #define BF_ROLE_COLUMNS(FIRST, NEXT) FIRST(UUID, org_id) NEXT(UUID, id) NEXT(TEXT, name) ...
 *
 *   struct bf_role { BF_TABLE_FIELDS(BF_ROLE_COLUMNS) };       a member for each column, of the kind's type
 *   BF_TABLE_NAMES(BF_ROLE_COLUMNS)                            "org_id, id, name, ..."
 *   BF_TABLE_TYPES(BF_ROLE_COLUMNS)                            "uut...", as storage/value.h has them
 *   BF_TABLE_READER(role, BF_ROLE_COLUMNS)                     bf_role_next, which reads a row
 *   BF_TABLE_WRITER(role, BF_ROLE_COLUMNS)                     put_role, which writes one as parameters
 *
 * Macros, since C has no other way to make a struct and a text from one list: a column that is spelled differently in two places, or a
 * value of another type, then does not compile.
 * Kinds: UUID, UUID_OR_NULL (zero), TEXT, TEXT_OR_NULL (data NULL), JSON, BYTES, INT, INT_OR_NULL (0), BOOL, TIME, TIME_OR_NULL (0).
 * Owner:   rows read lend from the answer.   Thread: any.
 */
#ifndef BF_STORAGE_REPO_TABLE_H
#define BF_STORAGE_REPO_TABLE_H

#include "storage/db.h"

#define BF_KIND_TYPE_UUID	    struct bf_uuid
#define BF_KIND_TYPE_UUID_OR_NULL   struct bf_uuid
#define BF_KIND_TYPE_TEXT	    struct bf_bytes
#define BF_KIND_TYPE_TEXT_OR_NULL   struct bf_bytes
#define BF_KIND_TYPE_JSON	    struct bf_bytes
#define BF_KIND_TYPE_BYTES	    struct bf_bytes
#define BF_KIND_TYPE_INT	    int64_t
#define BF_KIND_TYPE_INT_OR_NULL    int64_t
#define BF_KIND_TYPE_BOOL	    bool
#define BF_KIND_TYPE_TIME	    int64_t
#define BF_KIND_TYPE_TIME_OR_NULL   int64_t

#define BF_KIND_LETTER_UUID	    "u"
#define BF_KIND_LETTER_UUID_OR_NULL "u"
#define BF_KIND_LETTER_TEXT	    "t"
#define BF_KIND_LETTER_TEXT_OR_NULL "t"
#define BF_KIND_LETTER_JSON	    "j"
#define BF_KIND_LETTER_BYTES	    "y"
#define BF_KIND_LETTER_INT	    "i"
#define BF_KIND_LETTER_INT_OR_NULL  "i"
#define BF_KIND_LETTER_BOOL	    "b"
#define BF_KIND_LETTER_TIME	    "z"
#define BF_KIND_LETTER_TIME_OR_NULL "z"

static inline struct bf_db_value bf_kind_put_UUID(struct bf_uuid uuid)
{
	return bf_db_uuid(uuid);
}

static inline struct bf_db_value bf_kind_put_UUID_OR_NULL(struct bf_uuid uuid)
{
	return bf_uuid_equal(uuid, (struct bf_uuid){{0}}) ? bf_db_null() : bf_db_uuid(uuid);
}

static inline struct bf_db_value bf_kind_put_TEXT(struct bf_bytes text)
{
	return bf_db_bytes(text);
}

static inline struct bf_db_value bf_kind_put_TEXT_OR_NULL(struct bf_bytes text)
{
	return text.data ? bf_db_bytes(text) : bf_db_null();
}

static inline struct bf_db_value bf_kind_put_JSON(struct bf_bytes text)
{
	return bf_db_bytes(text.data ? text : bf_bytes_str("{}"));
}

static inline struct bf_db_value bf_kind_put_BYTES(struct bf_bytes bytes)
{
	return bf_db_bytes(bytes);
}

static inline struct bf_db_value bf_kind_put_INT(int64_t number)
{
	return bf_db_int(number);
}

static inline struct bf_db_value bf_kind_put_INT_OR_NULL(int64_t number)
{
	return number ? bf_db_int(number) : bf_db_null();
}

static inline struct bf_db_value bf_kind_put_BOOL(bool flag)
{
	return bf_db_bool(flag);
}

static inline struct bf_db_value bf_kind_put_TIME(int64_t wall_us)
{
	return bf_db_time(wall_us);
}

static inline struct bf_db_value bf_kind_put_TIME_OR_NULL(int64_t wall_us)
{
	return wall_us ? bf_db_time(wall_us) : bf_db_null();
}

/* A value that is NULL has all its bytes zero, which is what the kinds say for it. */
#define bf_kind_get_UUID(value)		 ((value).as.uuid)
#define bf_kind_get_UUID_OR_NULL(value)	 ((value).as.uuid)
#define bf_kind_get_TEXT(value)		 ((value).as.bytes)
#define bf_kind_get_TEXT_OR_NULL(value)	 ((value).as.bytes)
#define bf_kind_get_JSON(value)		 ((value).as.bytes)
#define bf_kind_get_BYTES(value)	 ((value).as.bytes)
#define bf_kind_get_INT(value)		 ((value).as.i64)
#define bf_kind_get_INT_OR_NULL(value)	 ((value).as.i64)
#define bf_kind_get_BOOL(value)		 ((value).as.flag)
#define bf_kind_get_TIME(value)		 ((value).as.i64)
#define bf_kind_get_TIME_OR_NULL(value)	 ((value).as.i64)

#define BF_COLUMN_FIELD(kind, name)	 BF_KIND_TYPE_##kind name;
#define BF_COLUMN_NAME_FIRST(kind, name) #name
#define BF_COLUMN_NAME_NEXT(kind, name)	 ", " #name
#define BF_COLUMN_LETTER(kind, name)	 BF_KIND_LETTER_##kind
#define BF_COLUMN_PUT(kind, name)	 *at++ = bf_kind_put_##kind(row->name);
#define BF_COLUMN_GET(kind, name)	 row->name = bf_kind_get_##kind(*at++);

#define BF_TABLE_FIELDS(COLUMNS)	 COLUMNS(BF_COLUMN_FIELD, BF_COLUMN_FIELD)
#define BF_TABLE_NAMES(COLUMNS)		 COLUMNS(BF_COLUMN_NAME_FIRST, BF_COLUMN_NAME_NEXT)
#define BF_TABLE_TYPES(COLUMNS)		 COLUMNS(BF_COLUMN_LETTER, BF_COLUMN_LETTER)
#define BF_TABLE_COUNT(COLUMNS)		 (sizeof(BF_TABLE_TYPES(COLUMNS)) - 1)

#define BF_TABLE_READER(noun, COLUMNS)                                          \
	bool bf_##noun##_next(struct bf_db_rows *rows, struct bf_##noun *row)   \
	{                                                                       \
		struct bf_db_value values[BF_DB_VALUE_COUNT_MAX], *at = values; \
                                                                                \
		if (!bf_db_rows_next(rows, values))                             \
			return false;                                           \
		COLUMNS(BF_COLUMN_GET, BF_COLUMN_GET)                           \
		return true;                                                    \
	}

#define BF_TABLE_WRITER(noun, COLUMNS)                                              \
	static void put_##noun(struct bf_db_value *at, const struct bf_##noun *row) \
	{                                                                           \
		COLUMNS(BF_COLUMN_PUT, BF_COLUMN_PUT)                               \
	}

/* Parameters of an INSERT of so many columns. */
#define BF_SQL_PARAMS_6	 "$1, $2, $3, $4, $5, $6"
#define BF_SQL_PARAMS_7	 BF_SQL_PARAMS_6 ", $7"
#define BF_SQL_PARAMS_8	 BF_SQL_PARAMS_7 ", $8"
#define BF_SQL_PARAMS_9	 BF_SQL_PARAMS_8 ", $9"
#define BF_SQL_PARAMS_10 BF_SQL_PARAMS_9 ", $10"
#define BF_SQL_PARAMS_11 BF_SQL_PARAMS_10 ", $11"
#define BF_SQL_PARAMS_12 BF_SQL_PARAMS_11 ", $12"
#define BF_SQL_PARAMS_13 BF_SQL_PARAMS_12 ", $13"
#define BF_SQL_PARAMS_14 BF_SQL_PARAMS_13 ", $14"
#define BF_SQL_PARAMS_15 BF_SQL_PARAMS_14 ", $15"
#define BF_SQL_PARAMS_16 BF_SQL_PARAMS_15 ", $16"
#define BF_SQL_PARAMS_17 BF_SQL_PARAMS_16 ", $17"

#endif
