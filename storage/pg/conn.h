/* storage/pg/conn.h - one connection to PostgreSQL: connects, and runs one transaction at a time in pipeline mode.
 *
 *   connecting -> idle <-> busy        any of them -> lost
 *
 * A transaction leaves as one train of messages: its context (whom row-level security lets see what, how long it may take), its
 * statements, and a Sync, which also commits: one way to the server and back. Only where a step expects a number of rows,
 * which must be known before the commit, BEGIN goes before and COMMIT or ROLLBACK after, in a second way.
 * Owner:   engine.c.   Thread: storage.
 * Source:  libpq, pipeline mode; RFC-less, see postgresql.org/docs/15/libpq-pipeline-mode.html and protocol-flow.html.
 */
#ifndef BF_STORAGE_PG_CONN_H
#define BF_STORAGE_PG_CONN_H

#include "core/base/map.h"
#include "core/loop/ready.h"
#include "core/loop/timer.h"
#include "storage/engine.h"
#include "storage/pg/target.h"

struct pg_conn; /* libpq's PGconn */
struct bf_pg_conn;

enum bf_pg_state {
	BF_PG_CONNECTING,
	BF_PG_IDLE,
	BF_PG_BUSY,
	BF_PG_LOST, /* only to be freed */
};

/* What a result that is still to come belongs to. */
struct bf_pg_entry {
	enum bf_pg_entry_kind {
		BF_PG_CONTEXT, /* also BEGIN */
		BF_PG_PREPARE,
		BF_PG_STEP,
		BF_PG_PART, /* of a batch */
		BF_PG_END,  /* COMMIT, ROLLBACK */
		BF_PG_SYNC,
	} kind;
	const struct bf_db_statement *statement; /* PREPARE */
	size_t step_idx;			 /* STEP */
};

#define BF_PG_ENTRY_COUNT_MAX 64
#define BF_PG_PREPARED_MAX    1024

struct bf_pg_conn_conf {
	struct bf_loop *loop;
	struct bf_pg_target *target; /* turned when its first host does not answer */
	bool is_named;		     /* prepared statements are kept under their names */
	int64_t connect_us;
	int64_t query_us;
	void *arg;
	/* Connected, or done with what it ran. */
	void (*on_idle)(void *arg, struct bf_pg_conn *conn);
	/* State LOST; what it ran has been answered. Not called by bf_pg_conn_free. */
	void (*on_lost)(void *arg, struct bf_pg_conn *conn, const char *why);
	/* As in engine.h; `can_retry`: a conflict with another transaction undid it, and the job is given back without a reply. */
	void (*on_reply)(void *arg, struct bf_pg_conn *conn, struct bf_db_job *job,
		struct bf_db_reply *reply, bool can_retry);
	void (*on_written)(void *arg, const struct bf_db_outcome *outcome);
};

struct bf_pg_conn {
	/* given */
	struct bf_pg_conn_conf conf;
	/* owned */
	struct bf_list node;
	struct pg_conn *pg; /* libpq's */
	struct bf_ready *ready;
	int fd; /* that `ready` watches */
	struct bf_timer timer;
	struct bf_map prepared;
	struct bf_db_reply_writer reply;
	/* state */
	enum bf_pg_state state;
	bool is_silent; /* lost because nothing came back */
	unsigned turn;	/* the target's, as it began to connect */
	int64_t idle_since_us;
	struct bf_db_job *job;
	const struct bf_db_batch *batch;
	struct bf_pg_entry entries[BF_PG_ENTRY_COUNT_MAX];
	size_t entry_at, entry_count;
	bool is_explicit;	  /* BEGIN was sent: an END follows */
	enum bf_db_status status; /* of what runs */
	bool can_retry;
	size_t failed_step;
	char why[256];
	char constraint[BF_DB_NAME_BYTES];
};

/* Begins to connect. -ENOMEM. */
int bf_pg_conn_new(struct bf_pg_conn **out, const struct bf_pg_conn_conf *conf);

/* Answers what it runs as if it were lost. */
void bf_pg_conn_free(struct bf_pg_conn *conn);

/* Run it; the connection is idle. The job's block goes back with on_reply. */
void bf_pg_conn_run(struct bf_pg_conn *conn, struct bf_db_job *job);

/* `rows` is memory for the batch's values. */
void bf_pg_conn_write(struct bf_pg_conn *conn, const struct bf_db_batch *batch,
	struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX]);

#endif
