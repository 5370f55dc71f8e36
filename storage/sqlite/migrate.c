#include "storage/sqlite/migrate.h"

#include "core/base/clock.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLIED_MAX	1024
#define MIGRATE_BUSY_MS 30000 /* another one may be at it */

static const char make_table[] =
	"CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL,"
	" applied_at INTEGER NOT NULL, took_us INTEGER NOT NULL) STRICT";
static const char list_applied[] = "SELECT name, checksum FROM migrations ORDER BY name";
static const char note_applied[] =
	"INSERT INTO migrations (name, checksum, applied_at, took_us) VALUES ($1, $2, $3, $4)";
static const char note_undone[] = "DELETE FROM migrations WHERE name = $1";

struct run {
	struct bf_sqlite *conn;
	const struct bf_migration *known;
	size_t known_count;
	struct bf_migration_applied *applied;
	size_t applied_count;
	char *why;
	size_t why_size;
};

static int fail(struct run *run, const char *what)
{
	(void)bf_sqlite_status(run->conn);
	snprintf(run->why, run->why_size, "%s: %s", what, run->conn->why);
	return sqlite3_errcode(run->conn->db) == SQLITE_BUSY ? -EBUSY : -EIO;
}

/* A statement of ours with these values. */
static int execute(
	struct run *run, const char *sql, const char *types, const struct bf_db_value *values)
{
	struct bf_sqlite_statement *statement = bf_sqlite_prepare(run->conn, sql);
	int got;

	if (!statement || bf_sqlite_bind(run->conn, statement, types, values) != BF_DB_OK)
		return fail(run, "table migrations");
	got = bf_sqlite_step(run->conn, statement);
	if (got < 0)
		(void)fail(run, "table migrations");
	bf_sqlite_reset(statement);
	return got < 0 ? -EIO : 0;
}

static void copy_text(char *out, size_t size, struct bf_bytes text)
{
	snprintf(out, size, "%.*s", (int)text.len, text.data ? (const char *)text.data : "");
}

static int read_applied(struct run *run)
{
	struct bf_sqlite_statement *statement = bf_sqlite_prepare(run->conn, list_applied);
	struct bf_db_value values[2];
	int got;

	if (!statement)
		return fail(run, "table migrations");
	while ((got = bf_sqlite_step(run->conn, statement)) > 0) {
		struct bf_migration_applied *at = &run->applied[run->applied_count];

		if (run->applied_count == APPLIED_MAX ||
			bf_sqlite_read(run->conn, statement, "tt", values) != BF_DB_OK)
			break;
		copy_text(at->name, sizeof(at->name), values[0].as.bytes);
		copy_text(at->sha256, sizeof(at->sha256), values[1].as.bytes);
		run->applied_count++;
	}
	if (got)
		(void)fail(run, "table migrations");
	bf_sqlite_reset(statement);
	if (got)
		return -EIO;
	return bf_migration_check(run->known, run->known_count, run->applied, run->applied_count,
		run->why, run->why_size);
}

/* References may be broken while tables are made anew, but not when all is done. */
static int check_references(struct run *run, const char *name)
{
	sqlite3_stmt *stmt;
	int code = sqlite3_prepare_v2(run->conn->db, "PRAGMA foreign_key_check", -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	sqlite3_finalize(stmt);
	if (code == SQLITE_DONE)
		return 0;
	snprintf(run->why, run->why_size, "migration %s leaves rows that refer to nothing", name);
	return -EINVAL;
}

static int apply(struct run *run, const struct bf_migration *migration)
{
	int64_t began_us = bf_clock_mono_us();
	struct bf_db_value values[4] = {bf_db_text(migration->name), bf_db_text(migration->sha256)};

	if (!bf_migration_down(migration).data) {
		snprintf(run->why, run->why_size, "migration %s has no way down", migration->name);
		return -EINVAL;
	}
	if (sqlite3_exec(run->conn->db, migration->sql, NULL, NULL, NULL)) {
		(void)fail(run, migration->name);
		return -EINVAL;
	}
	values[2] = bf_db_time(bf_clock_wall_us());
	values[3] = bf_db_int(bf_clock_mono_us() - began_us);
	return execute(run, note_applied, "ttzi", values);
}

static int undo(struct run *run, const struct bf_migration *migration)
{
	struct bf_bytes down = bf_migration_down(migration);
	struct bf_db_value name = bf_db_text(migration->name);
	char *sql = down.data ? strndup((const char *)down.data, down.len) : NULL;
	int err = 0;

	if (!sql)
		return -ENOMEM;
	if (sqlite3_exec(run->conn->db, sql, NULL, NULL, NULL)) {
		(void)fail(run, migration->name);
		err = -EINVAL;
	}
	free(sql);
	return err ? err : execute(run, note_undone, "t", &name);
}

static int apply_missing(struct run *run, const char *unused)
{
	size_t first = run->applied_count;
	int err = 0;

	(void)unused;
	for (size_t i = first; i < run->known_count && !err; i++)
		err = apply(run, &run->known[i]);
	return err ? err : (int)(run->known_count - first);
}

static int refuse_missing(struct run *run, const char *unused)
{
	(void)unused;
	return bf_migration_refuse(run->known_count - run->applied_count, run->why, run->why_size);
}

static int undo_to(struct run *run, const char *target)
{
	size_t keep = 0, count;
	int err = 0;

	while (target && keep < run->applied_count && strcmp(run->applied[keep].name, target) != 0)
		keep++;
	if (target && keep++ == run->applied_count) {
		snprintf(run->why, run->why_size,
			"the migration %.128s was never applied to this database", target);
		return -ENOENT;
	}
	count = run->applied_count - keep;
	for (size_t i = run->applied_count; i > keep && !err; i--)
		err = undo(run, &run->known[i - 1]);
	return err ? err : (int)count;
}

static int in_transaction(
	struct run *run, int (*change)(struct run *run, const char *target), const char *target)
{
	sqlite3 *db = run->conn->db;
	int result;

	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL))
		return fail(run, "migrations");
	result = sqlite3_exec(db, make_table, NULL, NULL, NULL) ? fail(run, "table migrations") : 0;
	if (!result)
		result = read_applied(run);
	if (!result)
		result = change(run, target);
	if (result > 0) {
		int err = check_references(run, run->known[run->known_count - 1].name);

		result = err ? err : result;
	}
	if (result >= 0 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL))
		result = fail(run, "migrations");
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return result;
}

static int migrate(
	struct run *run, int (*change)(struct run *run, const char *target), const char *target)
{
	sqlite3 *db = run->conn->db;
	int result;

	run->applied = calloc(APPLIED_MAX, sizeof(*run->applied));
	if (!run->applied)
		return -ENOMEM;
	sqlite3_busy_timeout(db, MIGRATE_BUSY_MS);
	/* off, and checked at the end: a table that others refer to can only be changed by making it anew; not possible within a
	 * transaction */
	(void)sqlite3_exec(db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL);
	result = in_transaction(run, change, target);
	(void)sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
	sqlite3_busy_timeout(db, BF_SQLITE_BUSY_MS);
	free(run->applied);
	return result;
}

int bf_sqlite_migrate(struct bf_sqlite *conn, const struct bf_migration *known, size_t known_count,
	bool may_apply, char *why, size_t why_size)
{
	struct run run = {.conn = conn,
		.known = known,
		.known_count = known_count,
		.why = why,
		.why_size = why_size};

	return migrate(&run, may_apply ? apply_missing : refuse_missing, NULL);
}

int bf_sqlite_rollback(struct bf_sqlite *conn, const struct bf_migration *known, size_t known_count,
	const char *target, char *why, size_t why_size)
{
	struct run run = {.conn = conn,
		.known = known,
		.known_count = known_count,
		.why = why,
		.why_size = why_size};

	return migrate(&run, undo_to, target);
}
