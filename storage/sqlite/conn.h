/* storage/sqlite/conn.h - one connection to a SQLite file: opening, prepared statements, values, and what errors mean.
 *
 * Owner:   the engine, or a command.   Thread: one at a time.
 * Source:  sqlite.org/c3ref, sqlite.org/wal.html, sqlite.org/pragma.html
 */
#ifndef BF_STORAGE_SQLITE_CONN_H
#define BF_STORAGE_SQLITE_CONN_H

#include "core/base/map.h"
#include "storage/engine.h"

struct sqlite3;
struct sqlite3_stmt;

#define BF_SQLITE_FILE "belfry.db"

/* For who else holds the file for a moment; the storage thread waits meanwhile. */
#define BF_SQLITE_BUSY_MS 250

struct bf_sqlite {
	/* owned */
	struct sqlite3 *db;
	struct bf_map statements; /* prepared, by the address of their text */
	/* state */
	int64_t deadline_us; /* of what runs now; 0: none */
	char why[256];
	char constraint[BF_DB_NAME_BYTES];
};

/* A prepared statement, ready to be bound. `places[i]` is where parameter i + 1 is bound. */
struct bf_sqlite_statement {
	struct bf_map_node node;
	const char *sql;
	struct sqlite3_stmt *stmt;
	int places[BF_DB_VALUE_COUNT_MAX];
	size_t param_count;
};

/* Opens `folder`/belfry.db, which is made (0600, the folder 0700) if it is not there: WAL, foreign keys, each commit on disk. Folders and
 * files that others can read are said so in `why` and refused with -EPERM. */
int bf_sqlite_open(struct bf_sqlite *conn, const char *folder, char *why, size_t why_size);
void bf_sqlite_close(struct bf_sqlite *conn);

/* The statement of this text, which is a constant; NULL: conn->why says why it cannot be prepared. */
struct bf_sqlite_statement *bf_sqlite_prepare(struct bf_sqlite *conn, const char *sql);

/* Bind a row's values. They must stay until the statement is reset. BF_DB_INVALID: not as many as it has, or more bytes than go. */
enum bf_db_status bf_sqlite_bind(struct bf_sqlite *conn, struct bf_sqlite_statement *statement,
	const char *types, const struct bf_db_value *values);

/* One row's values, lent until the next step. BF_DB_FAILED: the columns are not of these types. */
enum bf_db_status bf_sqlite_read(struct bf_sqlite *conn, struct bf_sqlite_statement *statement,
	const char *types, struct bf_db_value *out);

/* The next row: 1, or 0 at the end; negative: bf_sqlite_status says what it means. */
int bf_sqlite_step(struct bf_sqlite *conn, struct bf_sqlite_statement *statement);
void bf_sqlite_reset(struct bf_sqlite_statement *statement);

/* What the last error means; conn->why and conn->constraint are set. */
enum bf_db_status bf_sqlite_status(struct bf_sqlite *conn);

/* Run statements that bring nothing. */
enum bf_db_status bf_sqlite_run(struct bf_sqlite *conn, const char *sql);

#endif
