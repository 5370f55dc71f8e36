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

#define APPLIED_MAX    1024
#define WRONG_BYTES    256
#define BACKUP_PAGES   1024 /* between two looks at who else wants the file */
#define BACKUP_WAIT_MS 20
#define BACKUP_TRIES   500 /* in a row without a page */

struct bf_db_admin {
	struct bf_sqlite conn;
};

struct applied {
	size_t count;
	struct bf_migration_applied list[APPLIED_MAX];
};

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

static int fail(struct bf_db_admin *admin, char *why, size_t why_size)
{
	(void)bf_sqlite_status(&admin->conn);
	snprintf(why, why_size, "%s", admin->conn.why);
	return -EIO;
}

static int admin_open(struct bf_db_admin **out, const struct bf_conf *conf, struct bf_log *log,
	bool may_make, char *why, size_t why_size)
{
	struct bf_db_admin *admin;
	char path[4096];
	int err;

	(void)log;
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

static void admin_close(struct bf_db_admin *admin)
{
	if (!admin)
		return;
	bf_sqlite_close(&admin->conn);
	free(admin);
}

/* ---- migrations ---- */

static int admin_migrate(struct bf_db_admin *admin, char *why, size_t why_size)
{
	return bf_sqlite_migrate(
		&admin->conn, bf_sqlite_migrations, bf_sqlite_migration_count, true, why, why_size);
}

static int admin_rollback(struct bf_db_admin *admin, const char *target, char *why, size_t why_size)
{
	return bf_sqlite_rollback(&admin->conn, bf_sqlite_migrations, bf_sqlite_migration_count,
		target, why, why_size);
}

/* The integer that `sql` brings for `name`; `fallback` when there is no row, or no such table yet. */
static int64_t number_of(sqlite3 *db, const char *sql, const char *name, int64_t fallback)
{
	sqlite3_stmt *stmt = NULL;
	int64_t value = fallback;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
		if (name)
			sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
		if (sqlite3_step(stmt) == SQLITE_ROW)
			value = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return value;
}

static int admin_migrations(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	int pending = 0;

	(void)why;
	(void)why_size;
	for (size_t i = 0; i < bf_sqlite_migration_count; i++) {
		const char *name = bf_sqlite_migrations[i].name;
		int64_t at_us = number_of(admin->conn.db,
			"SELECT applied_at FROM migrations WHERE name = $1", name, 0);
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
static int each_row(sqlite3 *db, const char *sql, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	sqlite3_stmt *stmt = NULL;
	int count = 0, code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(stmt);
		if (code != SQLITE_ROW)
			break;
		on_line(arg, text_of(stmt, 0), text_of(stmt, 1));
		count++;
	}
	if (code != SQLITE_DONE) {
		snprintf(why, why_size, "%s", sqlite3_errmsg(db));
		count = -EIO;
	}
	sqlite3_finalize(stmt);
	return count;
}

struct counting {
	sqlite3 *db;
	bf_db_admin_on_line *on_line;
	void *arg;
};

static void count_table(void *arg, const char *name, const char *unused)
{
	struct counting *counting = arg;
	char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", name); /* of our own schema */
	char said[32];

	(void)unused;
	snprintf(said, sizeof(said), "%" PRId64, number_of(counting->db, sql, NULL, 0));
	sqlite3_free(sql);
	counting->on_line(counting->arg, name, said);
}

static int count_all(
	sqlite3 *db, bf_db_admin_on_line *on_line, void *arg, char *why, size_t why_size)
{
	struct counting counting = {.db = db, .on_line = on_line, .arg = arg};
	int64_t pages = number_of(db, "PRAGMA page_count", NULL, 0);
	int64_t page_bytes = number_of(db, "PRAGMA page_size", NULL, 0);
	char said[64];
	int err = each_row(db,
		"SELECT name, NULL FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
		"'sqlite_%' ORDER BY name",
		count_table, &counting, why, why_size);

	if (err < 0)
		return err;
	snprintf(said, sizeof(said), "%.1f MiB", (double)(pages * page_bytes) / (1 << 20));
	on_line(arg, "size", said);
	return 0;
}

static int admin_counts(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	return count_all(admin->conn.db, on_line, arg, why, why_size);
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

static int check_all(
	sqlite3 *db, bf_db_admin_on_line *on_line, void *arg, char *why, size_t why_size)
{
	struct checking checking = {.on_line = on_line, .arg = arg};
	int err = each_row(db, "PRAGMA integrity_check", on_integrity, &checking, why, why_size);

	if (err >= 0)
		err = each_row(db, "PRAGMA foreign_key_check", on_orphan, &checking, why, why_size);
	return err < 0 ? err : checking.count;
}

static int admin_check(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	return check_all(admin->conn.db, on_line, arg, why, why_size);
}

/* ---- backup, restore ---- */

static int copy_pages(sqlite3_backup *backup, bf_db_admin_on_progress *on_progress, void *arg)
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

/* All of `from` in the place of all of `to`, as one transaction. */
static int copy(sqlite3 *to, sqlite3 *from, bf_db_admin_on_progress *on_progress, void *arg)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int err;

	if (!backup)
		return -EIO;
	err = copy_pages(backup, on_progress, arg);
	return sqlite3_backup_finish(backup) ? -EIO : err;
}

static void first_wrong(void *arg, const char *what, const char *said)
{
	char *first = arg;

	if (!first[0])
		snprintf(first, WRONG_BYTES, "%s: %s", what, said);
}

/* Whether every page and reference is good. */
static int verify_pages(sqlite3 *db, const char *path, char *why, size_t why_size)
{
	char first[WRONG_BYTES] = "";
	int wrong = check_all(db, first_wrong, first, why, why_size);

	if (wrong > 0)
		snprintf(why, why_size, "%s is damaged: %s", path, first);
	return wrong > 0 ? -EINVAL : wrong;
}

static int copy_to(struct bf_db_admin *admin, const char *path,
	bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size)
{
	sqlite3 *to = NULL;
	int err = -EIO;

	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL))
		goto out;
	/* a reading transaction for the time of the copy: whatever is written meanwhile, it is as of now */
	if (bf_sqlite_run(&admin->conn, "BEGIN") != BF_DB_OK)
		goto out;
	(void)number_of(admin->conn.db, "SELECT count(*) FROM sqlite_schema", NULL, 0);
	err = copy(to, admin->conn.db, on_progress, arg);
	(void)bf_sqlite_run(&admin->conn, "COMMIT");
	/* one file, without a log beside it */
	if (!err && sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL))
		err = -EIO;
out:
	if (err)
		snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(to));
	else
		err = verify_pages(to, path, why, why_size);
	sqlite3_close(to);
	return err;
}

static int admin_backup(struct bf_db_admin *admin, const char *path,
	bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size)
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

static void note_migration(void *arg, const char *name, const char *sha256)
{
	struct applied *applied = arg;

	if (applied->count < APPLIED_MAX) {
		struct bf_migration_applied *at = &applied->list[applied->count++];

		snprintf(at->name, sizeof(at->name), "%s", name);
		snprintf(at->sha256, sizeof(at->sha256), "%s", sha256);
	}
}

/* Whether it is a database of ours, which this version can bring up to date. */
static int verify_migrations(sqlite3 *db, const char *path, char *why, size_t why_size)
{
	struct applied *applied = calloc(1, sizeof(*applied));
	int err;

	if (!applied)
		return -ENOMEM;
	err = each_row(db, "SELECT name, checksum FROM migrations ORDER BY name", note_migration,
		applied, why, why_size);
	if (err < 0)
		snprintf(why, why_size, "%s is no backup of a belfry database: %s", path,
			sqlite3_errmsg(db));
	else
		err = bf_migration_check(bf_sqlite_migrations, bf_sqlite_migration_count,
			applied->list, applied->count, why, why_size);
	free(applied);
	return err < 0 ? -EINVAL : 0;
}

/* Opens a backup for reading and looks at all of it. The caller closes *out in any case. */
static int open_backup(sqlite3 **out, const char *path, char *why, size_t why_size)
{
	int err;

	*out = NULL;
	if (access(path, R_OK)) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	if (sqlite3_open_v2(path, out, SQLITE_OPEN_READONLY, NULL)) {
		snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(*out));
		return -EINVAL;
	}
	err = verify_migrations(*out, path, why, why_size);
	return err ? err : verify_pages(*out, path, why, why_size);
}

static int admin_verify(struct bf_db_admin *admin, const char *path, bf_db_admin_on_line *on_line,
	void *arg, char *why, size_t why_size)
{
	sqlite3 *from;
	int err = open_backup(&from, path, why, why_size);

	(void)admin;
	if (!err)
		err = count_all(from, on_line, arg, why, why_size);
	sqlite3_close(from);
	return err;
}

/* What a later version has added, an older backup takes away: then it is for this version to add it again. */
static int admin_restore(struct bf_db_admin *admin, const char *path,
	bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size)
{
	sqlite3 *from;
	int err = open_backup(&from, path, why, why_size);

	if (!err) {
		err = copy(admin->conn.db, from, on_progress, arg);
		if (err)
			snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(admin->conn.db));
	}
	sqlite3_close(from);
	if (!err && bf_sqlite_run(&admin->conn, "PRAGMA journal_mode=WAL") != BF_DB_OK)
		err = fail(admin, why, why_size);
	return err;
}

const struct bf_db_admin_ops bf_sqlite_admin = {
	.name = "sqlite",
	.backup_suffix = ".db",
	.open = admin_open,
	.close = admin_close,
	.migrate = admin_migrate,
	.rollback = admin_rollback,
	.migrations = admin_migrations,
	.counts = admin_counts,
	.check = admin_check,
	.backup = admin_backup,
	.verify = admin_verify,
	.restore = admin_restore,
};
