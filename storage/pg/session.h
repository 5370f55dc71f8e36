/* storage/pg/session.h - a connection whose calls wait: for migrations and commands, which have nothing else to do meanwhile.
 *
 * Owner:   the caller, on its stack.   Thread: any that may wait.
 * Errors:  negative errnos; `why` says what was tried and the first line of what PostgreSQL answered.
 */
#ifndef BF_STORAGE_PG_SESSION_H
#define BF_STORAGE_PG_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_conn;	  /* libpq's PGconn */
struct pg_result; /* libpq's PGresult */

struct bf_pg_session {
	/* given */
	char *why;
	size_t why_size;
	/* owned */
	struct pg_conn *conn;
	/* state */
	char sqlstate[6]; /* of the last error; "" if it had none */
};

/* `database` NULL: the one that `url` names. -ENOTCONN: nobody lets us in within `connect_us`; -EINVAL: no URL. */
int bf_pg_session_open(struct bf_pg_session *session, const char *url, const char *database,
	int64_t connect_us, char *why, size_t why_size);

/* Ends it; what was begun and not committed is undone. Safe after an open that failed. */
void bf_pg_session_close(struct bf_pg_session *session);

/* One or more statements without parameters. -EINVAL: refused; -EIO: the connection broke. `what` begins `why`. */
int bf_pg_session_run(struct bf_pg_session *session, const char *what, const char *sql);

/* One statement with parameters as texts (NULL is NULL). The rows are the caller's, to be given to PQclear; NULL after an error. */
struct pg_result *bf_pg_session_ask(struct bf_pg_session *session, const char *what,
	const char *sql, int count, const char *const *values);

/* The only column of the only row, copied and cut to `size`. -ENOENT: no row. */
int bf_pg_session_get(struct bf_pg_session *session, const char *what, const char *sql, int count,
	const char *const *values, char *out, size_t size);

#endif
