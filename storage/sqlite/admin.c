#include "storage/admin.h"

#include "core/base/clock.h"
#include "storage/sqlite/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BACKUP_PAGES   1024 /* between two looks at who else wants the file */
#define BACKUP_WAIT_MS 20
#define BACKUP_TRIES   500 /* in a row without a page */

struct bf_db_admin {
	struct bf_sqlite conn;
};

static int fail(struct bf_db_admin *admin, char *why, size_t why_size)
{
	(void)bf_sqlite_status(&admin->conn);
	snprintf(why, why_size, "%s", admin->conn.why);
	return -EIO;
}

int bf_db_admin_open(struct bf_db_admin **out, const struct bf_conf *conf, bool may_make, char *why,
	size_t why_size)
{
	struct bf_db_admin *admin;
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/" BF_SQLITE_FILE, conf->storage.folder);
	if (!may_make && access(path, F_OK) && errno == ENOENT) {
		snprintf(why, why_size,
			"there is no database %s: `belfry run` or `belfry db migrate` makes it",
			path);
		return -ENOENT;
	}
	admin = calloc(1, sizeof(*admin));
	if (!admin)
		return -ENOMEM;
	err = bf_sqlite_open(&admin->conn, conf->storage.folder, why, why_size);
	if (err) {
		free(admin);
		return err;
	}
	*out = admin;
	return 0;
}

void bf_db_admin_close(struct bf_db_admin *admin)
{
	if (!admin)
		return;
	bf_sqlite_close(&admin->conn);
	free(admin);
}

/* ---- migrations ---- */

int bf_db_admin_migrate(struct bf_db_admin *admin, char *why, size_t why_size)
{
	return bf_sqlite_migrate(
		&admin->conn, bf_sqlite_migrations, bf_sqlite_migration_count, true, why, why_size);
}

int bf_db_admin_rollback(struct bf_db_admin *admin, const char *target, char *why, size_t why_size)
{
	return bf_sqlite_rollback(&admin->conn, bf_sqlite_migrations, bf_sqlite_migration_count,
		target, why, why_size);
}

/* The integer that `sql` brings for `name`; `fallback` when there is no row, or no such table yet. */
static int64_t number_of(
	struct bf_db_admin *admin, const char *sql, const char *name, int64_t fallback)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = fallback;

	if (sqlite3_prepare_v2(admin->conn.db, sql, -1, &stmt, NULL) == SQLITE_OK) {
		if (name)
			sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
		if (sqlite3_step(stmt) == SQLITE_ROW)
			value = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return value;
}

int bf_db_admin_migrations(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	int pending = 0;

	(void)why;
	(void)why_size;
	for (size_t i = 0; i < bf_sqlite_migration_count; i++) {
		const char *name = bf_sqlite_migrations[i].name;
		int64_t at_us = number_of(
			admin, "SELECT applied_at FROM migrations WHERE name = $1", name, 0);
		char said[64] = "pending", text[BF_CLOCK_TEXT];

		if (at_us)
			snprintf(said, sizeof(said), "applied %s", bf_clock_format(at_us, text));
		pending += !at_us;
		on_line(arg, name, said);
	}
	return pending;
}

/* ---- looking ---- */

/* Each row's first two columns, as texts. Returns how many rows; negative: it failed. */
static int each_row(struct bf_db_admin *admin, const char *sql, bf_db_admin_on_line *on_line,
	void *arg, char *why, size_t why_size)
{
	sqlite3_stmt *stmt = NULL;
	int count = 0, code;

	if (sqlite3_prepare_v2(admin->conn.db, sql, -1, &stmt, NULL))
		return fail(admin, why, why_size);
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *first = (const char *)sqlite3_column_text(stmt, 0);
		const char *second = (const char *)sqlite3_column_text(stmt, 1);

		on_line(arg, first ? first : "", second ? second : "");
		count++;
	}
	if (code != SQLITE_DONE)
		count = fail(admin, why, why_size);
	sqlite3_finalize(stmt);
	return count;
}

struct counting {
	struct bf_db_admin *admin;
	bf_db_admin_on_line *on_line;
	void *arg;
};

static void count_table(void *arg, const char *name, const char *unused)
{
	struct counting *counting = arg;
	char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name); /* of our own schema */
	char said[32];

	(void)unused;
	snprintf(said, sizeof(said), "%" PRId64, number_of(counting->admin, sql, NULL, 0));
	sqlite3_free(sql);
	counting->on_line(counting->arg, name, said);
}

int bf_db_admin_counts(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	struct counting counting = {.admin = admin, .on_line = on_line, .arg = arg};
	int64_t pages = number_of(admin, "PRAGMA page_count", NULL, 0);
	int64_t page_bytes = number_of(admin, "PRAGMA page_size", NULL, 0);
	char said[64];
	int err = each_row(admin,
		"SELECT name, NULL FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
		"'sqlite_%' ORDER BY name",
		count_table, &counting, why, why_size);

	if (err < 0)
		return err;
	snprintf(said, sizeof(said), "%.1f MiB", (double)(pages * page_bytes) / (1 << 20));
	on_line(arg, "size", said);
	return 0;
}

struct checking {
	bf_db_admin_on_line *on_line;
	void *arg;
	int count;
};

static void on_integrity(void *arg, const char *said, const char *unused)
{
	struct checking *checking = arg;

	(void)unused;
	if (strcmp(said, "ok") == 0)
		return;
	checking->count++;
	checking->on_line(checking->arg, "integrity", said);
}

static void on_orphan(void *arg, const char *table, const char *row)
{
	struct checking *checking = arg;
	char said[160];

	snprintf(said, sizeof(said), "row %.32s of %.64s refers to nothing", row, table);
	checking->count++;
	checking->on_line(checking->arg, "references", said);
}

int bf_db_admin_check(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg, char *why,
	size_t why_size)
{
	struct checking checking = {.on_line = on_line, .arg = arg};
	int err = each_row(admin, "PRAGMA integrity_check", on_integrity, &checking, why, why_size);

	if (err >= 0)
		err = each_row(
			admin, "PRAGMA foreign_key_check", on_orphan, &checking, why, why_size);
	return err < 0 ? err : checking.count;
}

/* ---- backup ---- */

static int copy_pages(
	sqlite3_backup *backup, void (*on_progress)(void *arg, int left, int count), void *arg)
{
	int code, tries = 0;

	do {
		code = sqlite3_backup_step(backup, BACKUP_PAGES);
		if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
			sqlite3_sleep(BACKUP_WAIT_MS);
			tries++;
		} else {
			tries = 0;
			on_progress(arg, sqlite3_backup_remaining(backup),
				sqlite3_backup_pagecount(backup));
		}
	} while (code == SQLITE_OK || (tries > 0 && tries < BACKUP_TRIES));
	return code == SQLITE_DONE ? 0 : -EIO;
}

static int verify(sqlite3 *copy)
{
	sqlite3_stmt *stmt = NULL;
	bool is_good =
		sqlite3_prepare_v2(copy, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW &&
		strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;

	sqlite3_finalize(stmt);
	return is_good ? 0 : -EIO;
}

static int copy_to(struct bf_db_admin *admin, const char *path,
	void (*on_progress)(void *arg, int left, int count), void *arg, char *why, size_t why_size)
{
	sqlite3_backup *backup;
	sqlite3 *copy = NULL;
	int err = -EIO;

	if (sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL))
		goto out;
	/* a reading transaction for the time of the copy: whatever is written meanwhile, it is as of now */
	if (bf_sqlite_run(&admin->conn, "BEGIN") != BF_DB_OK)
		goto out;
	(void)number_of(admin, "SELECT count(*) FROM sqlite_schema", NULL, 0);
	backup = sqlite3_backup_init(copy, "main", admin->conn.db, "main");
	if (backup) {
		err = copy_pages(backup, on_progress, arg);
		if (sqlite3_backup_finish(backup))
			err = -EIO;
	}
	(void)bf_sqlite_run(&admin->conn, "COMMIT");
	/* one file, without a log beside it */
	if (!err && sqlite3_exec(copy, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL))
		err = -EIO;
	if (!err)
		err = verify(copy);
out:
	if (err)
		snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(copy));
	sqlite3_close(copy);
	return err;
}

int bf_db_admin_backup(struct bf_db_admin *admin, const char *path,
	void (*on_progress)(void *arg, int left, int count), void *arg, char *why, size_t why_size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int err;

	if (fd < 0) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	err = copy_to(admin, path, on_progress, arg, why, why_size);
	if (!err && fsync(fd)) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
	}
	close(fd);
	if (err)
		(void)unlink(path);
	return err;
}
