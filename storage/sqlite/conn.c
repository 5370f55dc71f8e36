#include "storage/sqlite/conn.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATEMENTS_MAX 1024
#define BUSY_MS	       2000 /* for a command that holds the file for a moment */
#define PROGRESS_STEPS 2000 /* of SQLite's machine between two looks at the clock */
#define PATH_BYTES     4096

/* Under load each batch changes the same pages of indexes again: the log is copied into the file when it has 64 MiB, not 4, so that they are
 * copied once for many batches; and 16 MiB of pages are kept, not 2, so that they are not read again for each. */
static const char settings[] =
	"PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL;"
	"PRAGMA wal_autocheckpoint=16384; PRAGMA journal_size_limit=67108864;"
	"PRAGMA cache_size=-16384;";

/* ---- errors ---- */

/* "UNIQUE constraint failed: users.org_id, users.email_key" names what PostgreSQL calls users_org_id_email_key_key. */
static void name_unique(struct bf_sqlite *conn, const char *message)
{
	const char *at = strstr(message, "failed: ");
	size_t len = 0, size = sizeof(conn->constraint);
	bool is_first = true;

	conn->constraint[0] = '\0';
	if (!at)
		return;
	at += strlen("failed: ");
	if (strncmp(at, "index '", 7) == 0) {
		snprintf(conn->constraint, size, "%.*s", (int)strcspn(at + 7, "'"), at + 7);
		return;
	}
	while (*at && len < size) {
		size_t table = strcspn(at, "."), column;
		int n;

		if (!at[table])
			break;
		column = strcspn(at + table + 1, ",");
		n = is_first ? snprintf(conn->constraint, size, "%.*s_%.*s", (int)table, at,
				       (int)column, at + table + 1)
			     : snprintf(conn->constraint + len, size - len, "_%.*s", (int)column,
				       at + table + 1);
		len += n > 0 ? (size_t)n : 0;
		is_first = false;
		at += table + 1 + column;
		at += strspn(at, ", ");
	}
	if (len < size)
		snprintf(conn->constraint + len, size - len, "_key");
}

static enum bf_db_status status_of(struct bf_sqlite *conn, int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
		name_unique(conn, sqlite3_errmsg(conn->db));
		return BF_DB_EXISTS;
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		name_unique(conn, sqlite3_errmsg(conn->db));
		return BF_DB_EXISTS;
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return BF_DB_NO_PARENT;
	default:
		break;
	}
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_RANGE:
		return BF_DB_INVALID;
	case SQLITE_INTERRUPT:
		return BF_DB_LATE;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_NOMEM:
		return BF_DB_AWAY;
	default:
		return BF_DB_FAILED;
	}
}

enum bf_db_status bf_sqlite_status(struct bf_sqlite *conn)
{
	conn->constraint[0] = '\0';
	snprintf(conn->why, sizeof(conn->why), "%s", sqlite3_errmsg(conn->db));
	return status_of(conn, sqlite3_extended_errcode(conn->db));
}

enum bf_db_status bf_sqlite_run(struct bf_sqlite *conn, const char *sql)
{
	return sqlite3_exec(conn->db, sql, NULL, NULL, NULL) ? bf_sqlite_status(conn) : BF_DB_OK;
}

/* ---- opening ---- */

static int make_file(const char *folder, const char *path, char *why, size_t why_size)
{
	struct stat info;
	int fd;

	if (mkdir(folder, 0700) && errno != EEXIST) {
		snprintf(why, why_size, "storage.folder %s: %s", folder, strerror(errno));
		return -errno;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &info)) {
		int err = errno;

		snprintf(why, why_size, "%s: %s", path, strerror(err));
		if (fd >= 0)
			close(fd);
		return -err;
	}
	close(fd);
	if (info.st_mode & 077) {
		snprintf(why, why_size,
			"%s can be read or written by other users (mode %04o): chmod 600 it", path,
			(unsigned)info.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

static int on_progress(void *arg)
{
	const struct bf_sqlite *conn = arg;

	return conn->deadline_us && bf_clock_mono_us() > conn->deadline_us;
}

static int fail_open(struct bf_sqlite *conn, const char *path, char *why, size_t why_size)
{
	int code = sqlite3_errcode(conn->db) & 0xff;

	snprintf(why, why_size, "%s: %s", path, sqlite3_errmsg(conn->db));
	bf_sqlite_close(conn);
	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		return -EBUSY;
	return code == SQLITE_NOMEM ? -ENOMEM : -EIO;
}

int bf_sqlite_open(struct bf_sqlite *conn, const char *folder, char *why, size_t why_size)
{
	char path[PATH_BYTES];
	int err;

	*conn = (struct bf_sqlite){0};
	if (snprintf(path, sizeof(path), "%s/" BF_SQLITE_FILE, folder) >= (int)sizeof(path)) {
		snprintf(why, why_size, "storage.folder is longer than a path may be");
		return -ENAMETOOLONG;
	}
	err = make_file(folder, path, why, why_size);
	if (err)
		return err;
	err = bf_map_init(&conn->statements, 64, STATEMENTS_MAX);
	if (err)
		return err;
	if (sqlite3_open_v2(path, &conn->db,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL))
		return fail_open(conn, path, why, why_size);
	sqlite3_busy_timeout(conn->db, BF_SQLITE_BUSY_MS);
	sqlite3_progress_handler(conn->db, PROGRESS_STEPS, on_progress, conn);
	(void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, 2 * (int)BF_DB_ROW_BYTES_MAX);
	if (sqlite3_exec(conn->db, settings, NULL, NULL, NULL))
		return fail_open(conn, path, why, why_size);
	return 0;
}

void bf_sqlite_close(struct bf_sqlite *conn)
{
	struct bf_map_node *node = bf_map_next(&conn->statements, NULL), *next;

	for (; node; node = next) {
		struct bf_sqlite_statement *statement =
			BF_CONTAINER(node, struct bf_sqlite_statement, node);

		next = bf_map_next(&conn->statements, node);
		bf_map_remove(&conn->statements, node);
		sqlite3_finalize(statement->stmt);
		free(statement);
	}
	bf_map_deinit(&conn->statements);
	sqlite3_close(conn->db);
	conn->db = NULL;
}

/* ---- statements ---- */

static int find_places(struct bf_sqlite_statement *statement)
{
	char name[24];

	statement->param_count = (size_t)sqlite3_bind_parameter_count(statement->stmt);
	if (statement->param_count > BF_DB_VALUE_COUNT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < statement->param_count; i++) {
		snprintf(name, sizeof(name), "$%zu", i + 1);
		statement->places[i] = sqlite3_bind_parameter_index(statement->stmt, name);
		if (statement->places[i] == 0)
			return -EINVAL;
	}
	return 0;
}

struct bf_sqlite_statement *bf_sqlite_prepare(struct bf_sqlite *conn, const char *sql)
{
	struct bf_map_node *node = bf_map_get(&conn->statements, bf_bytes(&sql, sizeof(sql)));
	struct bf_sqlite_statement *statement;

	if (node)
		return BF_CONTAINER(node, struct bf_sqlite_statement, node);
	statement = calloc(1, sizeof(*statement));
	if (!statement) {
		snprintf(conn->why, sizeof(conn->why), "out of memory");
		return NULL;
	}
	statement->sql = sql;
	if (sqlite3_prepare_v3(
		    conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->stmt, NULL)) {
		(void)bf_sqlite_status(conn);
		goto fail;
	}
	if (find_places(statement)) {
		snprintf(conn->why, sizeof(conn->why),
			"parameters must be $1, $2 ... without a gap");
		goto fail;
	}
	if (bf_map_put(&conn->statements, &statement->node,
		    bf_bytes(&statement->sql, sizeof(statement->sql)))) {
		snprintf(conn->why, sizeof(conn->why), "too many statements");
		goto fail;
	}
	return statement;

fail:
	sqlite3_finalize(statement->stmt);
	free(statement);
	return NULL;
}

static int bind_one(sqlite3_stmt *stmt, int place, char type, const struct bf_db_value *value)
{
	static const uint8_t nothing;
	const struct bf_bytes *bytes = &value->as.bytes;
	const void *data = bytes->data ? bytes->data : &nothing;

	if (!value->is_set)
		return sqlite3_bind_null(stmt, place);
	switch (type) {
	case 'u':
		return sqlite3_bind_blob(stmt, place, value->as.uuid.bytes,
			sizeof(value->as.uuid.bytes), SQLITE_STATIC);
	case 'i':
	case 'z':
		return sqlite3_bind_int64(stmt, place, value->as.i64);
	case 'b':
		return sqlite3_bind_int(stmt, place, value->as.flag);
	case 'y':
		return sqlite3_bind_blob64(stmt, place, data, bytes->len, SQLITE_STATIC);
	default:
		return sqlite3_bind_text64(
			stmt, place, data, bytes->len, SQLITE_STATIC, SQLITE_UTF8);
	}
}

enum bf_db_status bf_sqlite_bind(struct bf_sqlite *conn, struct bf_sqlite_statement *statement,
	const char *types, const struct bf_db_value *values)
{
	if (strlen(types) != statement->param_count) {
		snprintf(conn->why, sizeof(conn->why), "%zu values for %zu parameters",
			strlen(types), statement->param_count);
		return BF_DB_FAILED;
	}
	for (size_t i = 0; types[i]; i++)
		if (bind_one(statement->stmt, statement->places[i], types[i], &values[i]))
			return bf_sqlite_status(conn);
	return BF_DB_OK;
}

static bool read_one(sqlite3_stmt *stmt, int column, char type, struct bf_db_value *out)
{
	int kind = sqlite3_column_type(stmt, column);

	*out = bf_db_null();
	if (kind == SQLITE_NULL)
		return true;
	out->is_set = true;
	switch (type) {
	case 'u':
		if (kind != SQLITE_BLOB || sqlite3_column_bytes(stmt, column) != 16)
			return false;
		memcpy(out->as.uuid.bytes, sqlite3_column_blob(stmt, column), 16);
		return true;
	case 'i':
	case 'z':
		out->as.i64 = sqlite3_column_int64(stmt, column);
		return kind == SQLITE_INTEGER;
	case 'b':
		out->as.flag = sqlite3_column_int64(stmt, column) != 0;
		return kind == SQLITE_INTEGER;
	case 'y':
		if (kind != SQLITE_BLOB)
			return false;
		out->as.bytes.data = sqlite3_column_blob(stmt, column);
		break;
	default:
		if (kind != SQLITE_TEXT)
			return false;
		out->as.bytes.data = sqlite3_column_text(stmt, column);
		break;
	}
	out->as.bytes.len = (size_t)sqlite3_column_bytes(stmt, column);
	return true;
}

enum bf_db_status bf_sqlite_read(struct bf_sqlite *conn, struct bf_sqlite_statement *statement,
	const char *types, struct bf_db_value *out)
{
	size_t count = strlen(types);

	if ((size_t)sqlite3_column_count(statement->stmt) != count) {
		snprintf(conn->why, sizeof(conn->why), "it brings %d columns, not %zu",
			sqlite3_column_count(statement->stmt), count);
		return BF_DB_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		if (read_one(statement->stmt, (int)i, types[i], &out[i]))
			continue;
		snprintf(conn->why, sizeof(conn->why), "column %zu is not of type '%c'", i + 1,
			types[i]);
		return BF_DB_FAILED;
	}
	return BF_DB_OK;
}

int bf_sqlite_step(struct bf_sqlite *conn, struct bf_sqlite_statement *statement)
{
	int code = sqlite3_step(statement->stmt);

	(void)conn;
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : -EIO;
}

void bf_sqlite_reset(struct bf_sqlite_statement *statement)
{
	(void)sqlite3_reset(statement->stmt);
	(void)sqlite3_clear_bindings(statement->stmt);
}
