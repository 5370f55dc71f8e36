/* storage/pg/admin.c - the commands on PostgreSQL. Backups are pg_dump's custom format, which pg_restore reads without us. */
#include "storage/admin.h"

#include "core/base/clock.h"
#include "storage/pg/migrate.h"
#include "storage/pg/provision.h"
#include "storage/pg/target.h"
#include "storage/pg/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES  64
#define SHA256_TEXT 64

struct bf_db_admin {
	/* given */
	const struct bf_conf *conf;
	struct bf_log *log;
	/* owned */
	struct bf_pg_session session; /* as the owner */
	/* state */
	char why[512]; /* the session's */
};

static int64_t connect_us(const struct bf_db_admin *admin)
{
	return BF_MS((int64_t)admin->conf->storage.connect_ms);
}

/* What the session says is wrong, to the caller. */
static int tell(const struct bf_db_admin *admin, int result, char *why, size_t why_size)
{
	if (result < 0)
		snprintf(why, why_size, "%s", admin->why);
	return result;
}

static void admin_close(struct bf_db_admin *admin)
{
	if (!admin)
		return;
	bf_pg_session_close(&admin->session);
	free(admin);
}

static int open_session(struct bf_db_admin *admin)
{
	int err = bf_pg_session_open(&admin->session, bf_pg_owner_url(admin->conf), NULL,
		connect_us(admin), admin->why, sizeof(admin->why));

	return err ? err
		   : bf_pg_session_run(&admin->session, "app.system", "SET app.system = 'on'");
}

static int admin_open(struct bf_db_admin **out, const struct bf_conf *conf, struct bf_log *log,
	bool may_make, char *why, size_t why_size)
{
	struct bf_db_admin *admin = calloc(1, sizeof(*admin));
	int err = 0;

	if (!admin)
		return -ENOMEM;
	admin->conf = conf;
	admin->log = log;
	if (may_make)
		err = bf_pg_provision_database(conf, log, admin->why, sizeof(admin->why));
	if (!err)
		err = open_session(admin);
	if (err) {
		(void)tell(admin, err, why, why_size);
		admin_close(admin);
		return err;
	}
	*out = admin;
	return 0;
}

/* ---- migrations ---- */

static int admin_migrate(struct bf_db_admin *admin, char *why, size_t why_size)
{
	return bf_pg_provision(admin->conf, true, admin->log, why, why_size);
}

static int admin_rollback(struct bf_db_admin *admin, const char *target, char *why, size_t why_size)
{
	return tell(admin,
		bf_pg_rollback(&admin->session, bf_pg_migrations, bf_pg_migration_count, target),
		why, why_size);
}

/* Each row's first two columns. Returns how many rows. */
static int each_row(
	struct bf_db_admin *admin, const char *sql, bf_db_admin_on_line *on_line, void *arg)
{
	PGresult *result = bf_pg_session_ask(&admin->session, "PostgreSQL", sql, 0, NULL);
	int count = result ? PQntuples(result) : -EIO;

	for (int i = 0; i < count; i++)
		on_line(arg, PQgetvalue(result, i, 0),
			PQnfields(result) > 1 ? PQgetvalue(result, i, 1) : "");
	PQclear(result);
	return count;
}

static int admin_migrations(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	static const char is_there[] = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL";
	static const char applied[] =
		"SELECT to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
		" FROM migrations WHERE name = $1";
	char at[32];
	int pending = 0;
	int err =
		bf_pg_session_get(&admin->session, "migrations", is_there, 0, NULL, at, sizeof(at));
	bool has_table = err == 0;

	for (size_t i = 0; i < bf_pg_migration_count && (!err || err == -ENOENT); i++) {
		char said[64] = "pending";

		err = has_table ? bf_pg_session_get(&admin->session, "migrations", applied, 1,
					  &bf_pg_migrations[i].name, at, sizeof(at))
				: -ENOENT;
		if (!err)
			snprintf(said, sizeof(said), "applied %s", at);
		pending += err == -ENOENT;
		on_line(arg, bf_pg_migrations[i].name, said);
	}
	return err && err != -ENOENT ? tell(admin, err, why, why_size) : pending;
}

/* ---- looking ---- */

/* Of each table, counted by PostgreSQL in statements that it writes itself. */
static const char count_tables[] =
	"SELECT c.relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM"
	" %I', c.relname), false, true, '')))[1]::text FROM pg_class c WHERE c.relkind = 'r' AND"
	" c.relnamespace = 'public'::regnamespace ORDER BY c.relname";
static const char count_bytes[] =
	"SELECT 'size', pg_size_pretty(pg_database_size(current_database()))";

static int count_all(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg)
{
	int err = each_row(admin, count_tables, on_line, arg);

	if (err >= 0)
		err = each_row(admin, count_bytes, on_line, arg);
	return err < 0 ? err : 0;
}

static int admin_counts(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	return tell(admin, count_all(admin, on_line, arg), why, why_size);
}

/* Each brings a row for each thing that is wrong. */
static const char *const checks[] = {
	"SELECT 'index', format('%s of %s is not valid: REINDEX it', i.indexrelid::regclass,"
	" i.indrelid::regclass) FROM pg_index i WHERE NOT i.indisvalid",
	"SELECT 'constraint', format('%s of %s was never checked: VALIDATE CONSTRAINT', conname,"
	" conrelid::regclass) FROM pg_constraint WHERE NOT convalidated",
	"SELECT 'row security', format('is off for table %s', relname) FROM pg_class WHERE"
	" relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname IN"
	" (SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND"
	" column_name = 'org_id') AND NOT (relrowsecurity AND relforcerowsecurity)",
	"SELECT 'checksums', format('%s pages of this database were damaged', checksum_failures)"
	" FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0",
	"SELECT 'standby', 'it only reads: it is a standby' WHERE pg_is_in_recovery()",
};

static int admin_check(struct bf_db_admin *admin, bf_db_admin_on_line *on_line, void *arg,
	char *why, size_t why_size)
{
	int wrong = 0, count = 0;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && count >= 0; i++) {
		count = each_row(admin, checks[i], on_line, arg);
		wrong += count;
	}
	return count < 0 ? tell(admin, count, why, why_size) : wrong;
}

/* ---- backup ---- */

struct progress {
	bf_db_admin_on_progress *on_progress;
	void *arg;
	int done, count;
};

static void on_tool_line(void *arg, const char *line)
{
	struct progress *progress = arg;

	if (!strstr(line, "dumping contents of table") &&
		!strstr(line, "processing data for table"))
		return;
	if (progress->done < progress->count)
		progress->done++;
	progress->on_progress(progress->arg, progress->count - progress->done, progress->count);
}

static void begin_progress(struct bf_db_admin *admin, struct progress *progress,
	bf_db_admin_on_progress *on_progress, void *arg)
{
	static const char count[] = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND"
				    " relnamespace = 'public'::regnamespace";
	char said[24] = "0";

	(void)bf_pg_session_get(&admin->session, "tables", count, 0, NULL, said, sizeof(said));
	*progress = (struct progress){.on_progress = on_progress, .arg = arg, .count = atoi(said)};
}

static int admin_backup(struct bf_db_admin *admin, const char *path,
	bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size)
{
	const char *const argv[] = {"pg_dump", "--format=custom", "--enable-row-security",
		"--no-owner", "--no-privileges", "--schema=public", "--verbose", "--file", path,
		NULL};
	struct progress progress;
	struct bf_pg_tool tool = {.url = bf_pg_owner_url(admin->conf),
		.argv = argv,
		.on_line = on_tool_line,
		.arg = &progress};
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err;

	if (fd < 0) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	begin_progress(admin, &progress, on_progress, arg);
	err = bf_pg_tool_run(&tool, why, why_size);
	if (!err && fsync(fd)) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
	}
	close(fd);
	if (err)
		(void)unlink(path);
	else
		on_progress(arg, 0, progress.count);
	return err;
}

/* ---- what a backup knows ---- */

struct applied {
	size_t count;
	struct bf_migration_applied list[256];
};

/* A row of COPY: name, checksum and the rest, with tabs between. Other lines have none, or no checksum. */
static void on_copy_line(void *arg, const char *line)
{
	struct applied *applied = arg;
	size_t name_len = strcspn(line, "\t");
	const char *sha256 = line + name_len + (line[name_len] == '\t');
	size_t sha256_len = strcspn(sha256, "\t");

	if (applied->count == sizeof(applied->list) / sizeof(applied->list[0]) ||
		sha256_len != SHA256_TEXT || strspn(sha256, "0123456789abcdef") != SHA256_TEXT)
		return;
	snprintf(applied->list[applied->count].name, sizeof(applied->list[0].name), "%.*s",
		(int)name_len, line);
	snprintf(applied->list[applied->count].sha256, sizeof(applied->list[0].sha256), "%.*s",
		SHA256_TEXT, sha256);
	applied->count++;
}

static int look_into(const char *path, struct applied *applied, char *why, size_t why_size)
{
	const char *const argv[] = {
		"pg_restore", "--data-only", "--table=migrations", "--file=-", path, NULL};
	struct bf_pg_tool tool = {
		.url = "postgres://", .argv = argv, .on_line = on_copy_line, .arg = applied};
	int err;

	applied->count = 0;
	if (access(path, R_OK)) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	err = bf_pg_tool_run(&tool, why, why_size);
	if (!err && applied->count == 0) {
		snprintf(why, why_size, "%s is no backup of a belfry database", path);
		err = -EINVAL;
	}
	return err ? err
		   : bf_migration_check(bf_pg_migrations, bf_pg_migration_count, applied->list,
			     applied->count, why, why_size);
}

/* ---- restore ---- */

static int restore_into(struct bf_db_admin *admin, const char *database, const char *path,
	struct progress *progress, char *why, size_t why_size)
{
	const char *const argv[] = {"pg_restore", "--clean", "--if-exists", "--single-transaction",
		"--no-owner", "--no-privileges", "--verbose", "--dbname", database, path, NULL};
	struct bf_pg_tool tool = {.url = bf_pg_owner_url(admin->conf),
		.database = database,
		.argv = argv,
		.on_line = on_tool_line,
		.arg = progress};

	return bf_pg_tool_run(&tool, why, why_size);
}

static void ignore_progress(void *arg, int left, int count)
{
	(void)arg;
	(void)left;
	(void)count;
}

/* Restores it into a database that is made for that, counts, and drops it. */
static int rehearse(struct bf_db_admin *admin, const char *path, bf_db_admin_on_line *on_line,
	void *arg, char *why, size_t why_size)
{
	struct bf_db_admin scratch = {.conf = admin->conf, .log = admin->log};
	struct progress progress = {.on_progress = ignore_progress};
	char name[NAME_BYTES];
	int err;

	snprintf(name, sizeof(name), "belfry_verify_%ld", (long)getpid());
	err = bf_pg_make_database(&admin->session, name);
	if (err)
		return 1;
	err = restore_into(admin, name, path, &progress, why, why_size);
	if (!err) {
		err = bf_pg_session_open(&scratch.session, bf_pg_owner_url(admin->conf), name,
			connect_us(admin), scratch.why, sizeof(scratch.why));
		if (!err)
			err = bf_pg_session_run(
				&scratch.session, "app.system", "SET app.system = 'on'");
		if (!err)
			err = count_all(&scratch, on_line, arg);
		(void)tell(&scratch, err, why, why_size);
		bf_pg_session_close(&scratch.session);
	}
	(void)bf_pg_drop_database(&admin->session, name);
	return err;
}

static int admin_verify(struct bf_db_admin *admin, const char *path, bf_db_admin_on_line *on_line,
	void *arg, char *why, size_t why_size)
{
	struct applied *applied = calloc(1, sizeof(*applied));
	int err = applied ? look_into(path, applied, why, why_size) : -ENOMEM;

	free(applied);
	return err ? err : rehearse(admin, path, on_line, arg, why, why_size);
}

/* A table that the backup does not know would stay, and be in the way of the migration that makes it. */
static int refuse_newer(
	struct bf_db_admin *admin, const struct applied *applied, char *why, size_t why_size)
{
	static const char newer[] = "SELECT name FROM migrations WHERE name > $1 LIMIT 1";
	static const char is_there[] = "SELECT 1 WHERE to_regclass('migrations') IS NOT NULL";
	const char *last = applied->list[applied->count - 1].name;
	char name[128];
	int err = bf_pg_session_get(
		&admin->session, "migrations", is_there, 0, NULL, name, sizeof(name));

	if (!err)
		err = bf_pg_session_get(
			&admin->session, "migrations", newer, 1, &last, name, sizeof(name));
	if (err == -ENOENT)
		return 0;
	if (err)
		return tell(admin, err, why, why_size);
	snprintf(why, why_size,
		"the database has the migration %s, which is newer than this backup: `belfry db "
		"rollback %s` first",
		name, last);
	return -EINVAL;
}

static int admin_restore(struct bf_db_admin *admin, const char *path,
	bf_db_admin_on_progress *on_progress, void *arg, char *why, size_t why_size)
{
	struct applied *applied = calloc(1, sizeof(*applied));
	int err = applied ? look_into(path, applied, why, why_size) : -ENOMEM;
	char database[NAME_BYTES];
	struct progress progress;

	if (!err)
		err = refuse_newer(admin, applied, why, why_size);
	free(applied);
	if (!err)
		err = bf_pg_target_part(
			bf_pg_owner_url(admin->conf), "dbname", database, sizeof(database));
	if (err)
		return err;
	begin_progress(admin, &progress, on_progress, arg);
	err = restore_into(admin, database, path, &progress, why, why_size);
	if (!err)
		err = admin_migrate(admin, why, why_size); /* and the rights of the server's role */
	return err < 0 ? err : 0;
}

const struct bf_db_admin_ops bf_pg_admin = {
	.name = "postgres",
	.backup_suffix = ".dump",
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
