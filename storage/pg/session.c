#include "storage/pg/session.h"

#include "storage/pg/target.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static void note_why(struct bf_pg_session *session, const char *what, const PGresult *result)
{
	const char *message = PQerrorMessage(session->conn);
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

	snprintf(session->sqlstate, sizeof(session->sqlstate), "%s", state ? state : "");
	snprintf(session->why, session->why_size, "%s: %.*s", what, (int)strcspn(message, "\n"),
		message);
}

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

int bf_pg_session_open(struct bf_pg_session *session, const char *url, const char *database,
	int64_t connect_us, char *why, size_t why_size)
{
	struct bf_pg_target target;
	char timeout[24];
	int err;

	*session = (struct bf_pg_session){.why = why, .why_size = why_size};
	snprintf(timeout, sizeof(timeout), "%lld", (long long)((connect_us + 999999) / 1000000));
	err = bf_pg_target(&target, url, timeout, why, why_size);
	if (err)
		return err;
	if (database)
		bf_pg_target_database(&target, database);
	session->conn = PQconnectdbParams(target.keys, target.values, 1);
	if (!session->conn)
		return -ENOMEM;
	PQsetNoticeReceiver(session->conn, on_notice, NULL);
	if (PQstatus(session->conn) == CONNECTION_OK)
		return 0;
	note_why(session, "PostgreSQL", NULL);
	return -ENOTCONN;
}

void bf_pg_session_close(struct bf_pg_session *session)
{
	PQfinish(session->conn);
	session->conn = NULL;
}

int bf_pg_session_run(struct bf_pg_session *session, const char *what, const char *sql)
{
	PGresult *result = PQexec(session->conn, sql);
	ExecStatusType status = PQresultStatus(result);
	bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!is_good)
		note_why(session, what, result);
	PQclear(result);
	if (is_good)
		return 0;
	return PQstatus(session->conn) == CONNECTION_OK ? -EINVAL : -EIO;
}

PGresult *bf_pg_session_ask(struct bf_pg_session *session, const char *what, const char *sql,
	int count, const char *const *values)
{
	PGresult *result = PQexecParams(session->conn, sql, count, NULL, values, NULL, NULL, 0);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return result;
	note_why(session, what, result);
	PQclear(result);
	return NULL;
}

int bf_pg_session_get(struct bf_pg_session *session, const char *what, const char *sql, int count,
	const char *const *values, char *out, size_t size)
{
	PGresult *result = bf_pg_session_ask(session, what, sql, count, values);
	int err = !result ? -EIO : PQntuples(result) == 0 ? -ENOENT : 0;

	if (!err)
		snprintf(out, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return err;
}
