/* storage/engine.h - what an engine does for db.c: transactions, and batches of rows.
 *
 * Owner:   db.c.   Thread: storage.
 * Limits:  an engine queues jobs up to a bound of its own and answers BF_DB_BUSY beyond; it is given one batch at a time.
 */
#ifndef BF_STORAGE_ENGINE_H
#define BF_STORAGE_ENGINE_H

#include "storage/job.h"

struct bf_db_engine;

/* One row of a batch. */
struct bf_db_batch_row {
	const struct bf_db_stream *stream;
	struct bf_bytes bytes;
};

#define BF_DB_BATCH_COUNT_MAX 512

/* Rows written in one transaction: all or none. Rows of one stream stand in their order. */
struct bf_db_batch {
	bool is_durable; /* on disk before it is done */
	size_t row_count;
	struct bf_db_batch_row rows[BF_DB_BATCH_COUNT_MAX];
};

struct bf_db_outcome {
	enum bf_db_status status;
	const char *why;
};

struct bf_db_engine_env {
	struct bf_loop *loop;
	const struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	void *arg;
	/* Exactly once for each job, perhaps before `ask` returns. The job's block goes back to db.c, and the reply's (NULL: there was no
	 * memory for one). */
	void (*on_reply)(void *arg, struct bf_db_job *job, struct bf_db_reply *reply);
	/* Exactly once for each batch, perhaps before `write` returns. */
	void (*on_written)(void *arg, const struct bf_db_outcome *outcome);
	/* The database has come, or has gone away; not repeated. Until it is told, the engine is about to find out. */
	void (*on_state)(void *arg, bool is_up, const char *why);
};

struct bf_db_engine_ops {
	const char *name;

	int (*open)(struct bf_db_engine **out, const struct bf_db_engine_env *env, char *why,
		size_t why_size);
	void (*ask)(struct bf_db_engine *engine, struct bf_db_job *job);

	/* `batch` stays as it is until on_written. */
	void (*write)(struct bf_db_engine *engine, const struct bf_db_batch *batch);

	/* Nothing is asked or written any more; jobs in hand are answered BF_DB_CLOSED, a batch in hand BF_DB_AWAY. */
	void (*close)(struct bf_db_engine *engine);
};

extern const struct bf_db_engine_ops bf_db_sqlite;   /* storage/sqlite/engine.c */
extern const struct bf_db_engine_ops bf_db_postgres; /* storage/pg/engine.c */

#endif
