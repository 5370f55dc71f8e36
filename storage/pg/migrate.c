#include "storage/pg/migrate.h"

#include "core/base/clock.h"
#include "storage/pg/target.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLIED_MAX 1024

static const char lock_sql[] = "SELECT pg_advisory_xact_lock(7008, 1)"; /* numbers of ours */
static const char make_table[] =
	"CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL,"
	" applied_at timestamptz NOT NULL, took_us bigint NOT NULL)";
static const char list_applied[] =
	"SELECT name, checksum FROM migrations ORDER BY name COLLATE \"C\"";
static const char note_applied[] =
	"INSERT INTO migrations (name, checksum, applied_at, took_us) VALUES ($1, $2, now(), $3)";

struct run {
	PGconn *conn;
	const struct bf_migration *known;
	size_t known_count;
	char *why;
	size_t why_size;
};

/* The first line of what the server says. */
static void note_why(struct run *run, const char *what)
{
	const char *message = PQerrorMessage(run->conn);

	snprintf(run->why, run->why_size, "%s: %.*s", what, (int)strcspn(message, "\n"), message);
}

static int execute(struct run *run, const char *what, const char *sql)
{
	PGresult *result = PQexec(run->conn, sql);
	ExecStatusType status = PQresultStatus(result);

	PQclear(result);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	note_why(run, what);
	return PQstatus(run->conn) == CONNECTION_OK ? -EINVAL : -EIO;
}

static int apply(struct run *run, const struct bf_migration *migration)
{
	int64_t began_us = bf_clock_mono_us();
	char took[24];
	const char *values[] = {migration->name, migration->sha256, took};
	PGresult *result;
	int err;

	if (!bf_migration_down(migration).data) {
		snprintf(run->why, run->why_size, "migration %s has no way down", migration->name);
		return -EINVAL;
	}
	err = execute(run, migration->name, migration->sql);
	if (err)
		return err;
	snprintf(took, sizeof(took), "%lld", (long long)(bf_clock_mono_us() - began_us));
	result = PQexecParams(run->conn, note_applied, 3, NULL, values, NULL, NULL, 0);
	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		note_why(run, "table migrations");
		err = -EIO;
	}
	PQclear(result);
	return err;
}

static int read_applied(struct run *run, struct bf_migration_applied *applied, size_t *count)
{
	PGresult *result = PQexec(run->conn, list_applied);
	int row_count = PQntuples(result), err = 0;

	if (PQresultStatus(result) != PGRES_TUPLES_OK || row_count > APPLIED_MAX) {
		note_why(run, "table migrations");
		err = -EIO;
	}
	for (int i = 0; i < row_count && !err; i++) {
		snprintf(applied[i].name, sizeof(applied[i].name), "%s", PQgetvalue(result, i, 0));
		snprintf(applied[i].sha256, sizeof(applied[i].sha256), "%s",
			PQgetvalue(result, i, 1));
	}
	*count = err ? 0 : (size_t)row_count;
	PQclear(result);
	return err ? err
		   : bf_migration_check(run->known, run->known_count, applied, *count, run->why,
			     run->why_size);
}

static int apply_missing(struct run *run)
{
	struct bf_migration_applied *applied = calloc(APPLIED_MAX, sizeof(*applied));
	size_t first = 0;
	int err;

	if (!applied)
		return -ENOMEM;
	err = read_applied(run, applied, &first);
	free(applied);
	for (size_t i = first; i < run->known_count && !err; i++)
		err = apply(run, &run->known[i]);
	return err ? err : (int)(run->known_count - first);
}

static int in_transaction(struct run *run)
{
	int result = execute(run, "migrations", "BEGIN");

	if (!result)
		result = execute(run, "migrations", lock_sql);
	if (!result)
		result = execute(run, "table migrations", make_table);
	if (!result)
		result = apply_missing(run);
	if (result >= 0) {
		int err = execute(run, "migrations", "COMMIT");

		result = err ? err : result;
	}
	return result; /* after an error, closing undoes it all */
}

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

int bf_pg_migrate(const char *url, int64_t connect_us, const struct bf_migration *known,
	size_t known_count, char *why, size_t why_size)
{
	char timeout[24];
	struct bf_pg_target target;
	struct run run = {
		.known = known, .known_count = known_count, .why = why, .why_size = why_size};
	int result;

	snprintf(timeout, sizeof(timeout), "%lld", (long long)((connect_us + 999999) / 1000000));
	result = bf_pg_target(&target, url, timeout, why, why_size);
	if (result)
		return result;
	run.conn = PQconnectdbParams(target.keys, target.values, 1);
	if (!run.conn)
		return -ENOMEM;
	if (PQstatus(run.conn) == CONNECTION_OK) {
		PQsetNoticeReceiver(run.conn, on_notice, NULL);
		result = in_transaction(&run);
	} else {
		note_why(&run, "PostgreSQL");
		result = -ENOTCONN;
	}
	PQfinish(run.conn);
	return result;
}
