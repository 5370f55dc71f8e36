/* storage/db.h - asynchronous use of the database: ask and append, whichever engine is behind.
 *
 *   asking thread                       storage thread
 *   bf_db_ask     --- job --------->    engine: one transaction    ---> answer, in the asking thread's loop
 *   bf_db_append  --- row --------->    writer: batches, or spool  ---> done, in the asking thread's loop
 *
 * Ask runs prepared statements as one transaction and brings their rows. Append hands over a row of a stream; the writer puts
 * rows together, 512 of them or those of 5 ms in one transaction. Rows of a durable stream are acknowledged after commit, or,
 * while the database is away or slower than the load, after fsync of the spool, from where they follow in order. Rows of a telemetry
 * stream wait in memory and are dropped, and counted, when there are too many. Rows of one stream are written in the order appended.
 * Owner:   main.c opens the database; each thread that uses it makes a client of its own.
 * Thread:  open, close: main or control; a client's functions: the thread of its loop. No call waits for a disk or a network.
 * Limits:  BF_DB_CALL_COUNT_MAX unanswered calls of a client, then -ENOBUFS; BF_DB_STEP_COUNT_MAX statements of a transaction;
 *          BF_DB_REPLY_BYTES_MAX of rows in an answer; telemetry BF_DB_TELEMETRY_COUNT_MAX rows; the spool storage.spool_mib.
 */
#ifndef BF_STORAGE_DB_H
#define BF_STORAGE_DB_H

#include "core/base/conf.h"
#include "core/base/log.h"
#include "core/base/metrics.h"
#include "core/loop/loop.h"
#include "storage/value.h"

#define BF_DB_CALL_COUNT_MAX	  8192
#define BF_DB_STEP_COUNT_MAX	  16
#define BF_DB_REPLY_BYTES_MAX	  ((size_t)16 << 20)
#define BF_DB_TELEMETRY_COUNT_MAX 65536
#define BF_DB_NAME_BYTES	  64

enum bf_db_status {
	BF_DB_OK,
	BF_DB_AWAY,   /* the database cannot be reached, or its disk is full: try again later */
	BF_DB_BUSY,   /* too much is waiting already: try again later */
	BF_DB_LATE,   /* took longer than storage.query_ms, and was undone */
	BF_DB_EXISTS, /* a unique constraint forbids it; `constraint` says which */
	BF_DB_NO_PARENT, /* a foreign key: what it refers to is not there, or what refers to it still is */
	BF_DB_INVALID, /* a value that the table does not take: a check, NOT NULL, a text too long */
	BF_DB_UNEXPECTED, /* a step changed or found another number of rows than expected; all was undone */
	BF_DB_FAILED, /* our fault; the log tells */
	BF_DB_CLOSED, /* the server stops */
	BF_DB_STATUS_COUNT,
};
const char *bf_db_status_name(enum bf_db_status status);

/* A statement, which each connection prepares once. Constant, in a table of storage/repo. */
struct bf_db_statement {
	const char *name;    /* in logs, and of the prepared statement; unique */
	const char *sql;     /* parameters are $1, $2 ... */
	const char *sqlite;  /* where SQLite needs another text; NULL: the same */
	const char *params;  /* types of the parameters, as in storage/value.h */
	const char *columns; /* types of the columns it brings; "" for none */
	bool is_system;	     /* looks across tenants; else $1 is the tenant */
};

/* Where rows are appended. Constant, in a table of storage/repo. */
struct bf_db_stream {
	uint16_t
		id; /* in spools on disk: never changed, and never used again for another meaning */
	bool is_durable;
	const char *name;
	const char *types;
	const char *
		postgres; /* takes one array for each value: INSERT ... SELECT ... FROM unnest($1::uuid[], ...) */
	const char *
		sqlite; /* takes one row: INSERT ... VALUES ($1, ...). Both do nothing the second time. */
};

/* For whom statements run: PostgreSQL's row-level security shows them only that. SQLite has no such wall; the statements' own
 * conditions stand on both. */
struct bf_db_scope {
	bool is_system; /* everything: for the server's own work */
	struct bf_uuid org;
	struct bf_uuid user; /* zero: nobody in particular */
};

#define BF_DB_ANY (-1)

struct bf_db_step {
	const struct bf_db_statement *statement;
	const struct bf_db_value *params;
	int64_t expected; /* rows changed or brought, else all is undone; BF_DB_ANY */
};

/* What a step brought; the cursor is the caller's copy. */
struct bf_db_rows {
	const char *types;
	size_t row_count;
	int64_t changed_count;
	struct bf_bytes left;
};

/* The next row's values, which lend from the answer. False: there are no more. */
bool bf_db_rows_next(struct bf_db_rows *rows, struct bf_db_value out[static BF_DB_VALUE_COUNT_MAX]);

struct bf_db_answer {
	enum bf_db_status status;
	size_t step_idx; /* that failed */
	const char *why; /* for logs and operators: never holds a value. "" if all went well */
	const char *
		constraint; /* of EXISTS, NO_PARENT and INVALID, as PostgreSQL names it: table_columns_key; else "" */
	size_t row_steps;
	const struct bf_db_rows *steps; /* one each, if all went well */
};

struct bf_db;
struct bf_db_client;

struct bf_db_conf {
	const struct bf_conf *conf; /* section storage */
	struct bf_log *log;
	struct bf_metrics *metrics;
	enum bf_io io;
	const struct bf_db_stream *const *
		streams; /* all there are; none: no appends, no spool, and a server may run beside */
	size_t stream_count;
};

/* Opens engine and spool and starts the storage thread. -EBUSY: another process uses this folder; -EPERM: others can read the file;
 * -EINVAL, -EIO ...; `why` names the cause. */
int bf_db_open(struct bf_db **out, const struct bf_db_conf *conf, char *why, size_t why_size);

/* Writes or spools what was appended, answers what is unanswered with BF_DB_CLOSED, ends the thread. Clients are still there, and their
 * loops may still turn to take the answers; they must not ask any more. */
void bf_db_close(struct bf_db *db);

/* After bf_db_close, and after the clients were freed. Accepts NULL. */
void bf_db_free(struct bf_db *db);

/* What probes and the log ask; any thread. */
struct bf_db_state {
	bool is_up;
	bool is_spool_full;
	uint64_t spool_records, spool_bytes;
	int64_t spool_lag_us; /* how old the oldest row is that waits there */
};
struct bf_db_state bf_db_state(const struct bf_db *db);

/* As "sqlite". */
const char *bf_db_engine_name(const struct bf_db *db);

/* A client for the calling thread's loop. -ENOMEM; -ENOBUFS: 16 are the most. */
int bf_db_client_new(struct bf_db_client **out, struct bf_db *db, struct bf_loop *loop);

/* After bf_db_close. Unanswered callbacks are not called any more. Accepts NULL. */
void bf_db_client_free(struct bf_db_client *client);

typedef void bf_db_on_answer(void *arg, const struct bf_db_answer *answer);

/* Run the steps as one transaction. Calls may run at the same time, and in another order: where one needs what another did, ask
 * when that is answered. `on_answer` is called once, later, in the client's loop; the answer is lent to it. Returns a
 * call's id, which is positive; -EINVAL, -EMSGSIZE: a value is refused, and nobody has seen it; -ENOBUFS: too many calls
 * wait; -ENOMEM; -ECANCELED: closed. With an error, on_answer is not called. */
int64_t bf_db_ask(struct bf_db_client *client, const struct bf_db_scope *scope,
	const struct bf_db_step *steps, size_t step_count, bf_db_on_answer *on_answer, void *arg);

/* Its on_answer shall not be called; what was asked happens all the same. Does nothing for a call that was answered. */
void bf_db_forget(struct bf_db_client *client, int64_t call);

typedef void bf_db_on_done(void *arg, enum bf_db_status status);

/* Append a row. `on_done` (may be NULL) is called once, later: BF_DB_OK when the row is safe. Errors as of bf_db_ask. For telemetry
 * `on_done` must be NULL. */
int bf_db_append(struct bf_db_client *client, const struct bf_db_stream *stream,
	const struct bf_db_value *values, bf_db_on_done *on_done, void *arg);

#endif
