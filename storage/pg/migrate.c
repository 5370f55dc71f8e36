#include "storage/pg/migrate.h"

#include "core/base/clock.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLIED_MAX 1024

/* The lock's numbers are ours. Row-level security binds the owner too, who works for everybody here. */
static const char begin_sql[] = "BEGIN; SELECT pg_advisory_xact_lock(7008, 1);"
				"SELECT set_config('app.system', 'on', true)";
static const char make_table[] =
	"CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL,"
	" applied_at timestamptz NOT NULL, took_us bigint NOT NULL)";
static const char find_table[] = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL";
static const char list_applied[] =
	"SELECT name, checksum FROM migrations ORDER BY name COLLATE \"C\"";
static const char note_applied[] =
	"INSERT INTO migrations (name, checksum, applied_at, took_us) VALUES ($1, $2, now(), $3)";
static const char note_undone[] = "DELETE FROM migrations WHERE name = $1";

struct run {
	struct bf_pg_session *session;
	const struct bf_migration *known;
	size_t known_count;
	struct bf_migration_applied *applied;
	size_t applied_count;
};

static int note(struct run *run, const char *sql, int count, const char *const *values)
{
	PGresult *result = bf_pg_session_ask(run->session, "table migrations", sql, count, values);

	PQclear(result);
	return result ? 0 : -EIO;
}

/* ---- up ---- */

static int apply(struct run *run, const struct bf_migration *migration)
{
	int64_t began_us = bf_clock_mono_us();
	char took[24];
	const char *values[] = {migration->name, migration->sha256, took};
	int err;

	if (!bf_migration_down(migration).data) {
		snprintf(run->session->why, run->session->why_size, "migration %s has no way down",
			migration->name);
		return -EINVAL;
	}
	err = bf_pg_session_run(run->session, migration->name, migration->sql);
	if (err)
		return err;
	snprintf(took, sizeof(took), "%lld", (long long)(bf_clock_mono_us() - began_us));
	return note(run, note_applied, 3, values);
}

static int read_applied(struct run *run)
{
	PGresult *result =
		bf_pg_session_ask(run->session, "table migrations", list_applied, 0, NULL);
	int row_count = result ? PQntuples(result) : 0;

	if (!result || row_count > APPLIED_MAX) {
		PQclear(result);
		return -EIO;
	}
	for (int i = 0; i < row_count; i++) {
		struct bf_migration_applied *at = &run->applied[i];

		snprintf(at->name, sizeof(at->name), "%s", PQgetvalue(result, i, 0));
		snprintf(at->sha256, sizeof(at->sha256), "%s", PQgetvalue(result, i, 1));
	}
	PQclear(result);
	run->applied_count = (size_t)row_count;
	return bf_migration_check(run->known, run->known_count, run->applied, run->applied_count,
		run->session->why, run->session->why_size);
}

static int up(struct run *run, const void *unused)
{
	int err = bf_pg_session_run(run->session, "table migrations", make_table);

	(void)unused;
	if (!err)
		err = read_applied(run);
	for (size_t i = run->applied_count; i < run->known_count && !err; i++)
		err = apply(run, &run->known[i]);
	return err ? err : (int)(run->known_count - run->applied_count);
}

/* Somebody else applies them: a person, with the owner's password. */
static int look(struct run *run, const void *unused)
{
	char found[8];
	int err = bf_pg_session_get(
		run->session, "table migrations", find_table, 0, NULL, found, sizeof(found));

	(void)unused;
	if (!err)
		err = read_applied(run);
	if (err && err != -ENOENT)
		return err;
	return bf_migration_refuse(
		run->known_count - run->applied_count, run->session->why, run->session->why_size);
}

/* ---- down ---- */

static int undo(struct run *run, const struct bf_migration *migration)
{
	struct bf_bytes down = bf_migration_down(migration);
	char *sql = strndup((const char *)down.data, down.len);
	int err = sql ? bf_pg_session_run(run->session, migration->name, sql) : -ENOMEM;

	free(sql);
	return err ? err : note(run, note_undone, 1, &migration->name);
}

static int down(struct run *run, const void *target)
{
	size_t keep = 0;
	int err = bf_pg_session_run(run->session, "table migrations", make_table);

	if (!err)
		err = read_applied(run);
	if (err)
		return err;
	while (target && keep < run->applied_count && strcmp(run->known[keep].name, target) != 0)
		keep++;
	if (target && keep++ == run->applied_count) {
		snprintf(run->session->why, run->session->why_size,
			"the migration %s was never applied to this database",
			(const char *)target);
		return -ENOENT;
	}
	for (size_t i = run->applied_count; i > keep && !err; i--)
		err = undo(run, &run->known[i - 1]);
	return err ? err : (int)(run->applied_count - keep);
}

/* ---- both ---- */

static int in_transaction(struct run *run, int (*work)(struct run *, const void *), const void *arg)
{
	int result = bf_pg_session_run(run->session, "migrations", begin_sql), err;

	if (result)
		return result;
	run->applied = calloc(APPLIED_MAX, sizeof(*run->applied));
	result = run->applied ? work(run, arg) : -ENOMEM;
	free(run->applied);
	err = bf_pg_session_run(run->session, "migrations", result < 0 ? "ROLLBACK" : "COMMIT");
	return result < 0 || !err ? result : err;
}

int bf_pg_migrate(struct bf_pg_session *session, const struct bf_migration *known,
	size_t known_count, bool may_apply)
{
	struct run run = {.session = session, .known = known, .known_count = known_count};

	return in_transaction(&run, may_apply ? up : look, NULL);
}

int bf_pg_rollback(struct bf_pg_session *session, const struct bf_migration *known,
	size_t known_count, const char *target)
{
	struct run run = {.session = session, .known = known, .known_count = known_count};

	return in_transaction(&run, down, target);
}
