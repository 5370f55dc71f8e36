/* storage/pg/value.h - values as PostgreSQL's binary formats, alone and in arrays.
 *
 * Thread: any.   Source: PostgreSQL's send and receive functions: uuid and bytea as they are, bigint and timestamptz (us since 2000) as 8
 * bytes, jsonb as text behind a version byte; arrays as array_send writes them. All in network order.
 */
#ifndef BF_STORAGE_PG_VALUE_H
#define BF_STORAGE_PG_VALUE_H

#include "storage/engine.h"

/* Object ids of the type of this letter, and of arrays of it; the same in every database. */
unsigned bf_pg_oid(char type);
unsigned bf_pg_array_oid(char type);

/* One value's bytes as they are sent, without NULL: how many, and written. */
size_t bf_pg_value_len(char type, const struct bf_db_value *value);
void bf_pg_value_write(struct bf_wr *wr, char type, const struct bf_db_value *value);

/* The value in a field of a result; text, bytes and JSON lend from it. False: these are no bytes of this type. */
bool bf_pg_value_read(struct bf_bytes field, char type, struct bf_db_value *out);

/* The column `column` of `count` rows of one stream as an array. */
size_t bf_pg_array_len(const struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX], size_t count,
	size_t column, char type);
void bf_pg_array_write(struct bf_wr *wr, const struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX],
	size_t count, size_t column, char type);

#endif
