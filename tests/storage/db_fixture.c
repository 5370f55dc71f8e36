#include "tests/storage/db_fixture.h"

#include <libpq-fe.h>
#include <sqlite3.h>

static const char sqlite_tables[] =
	"CREATE TABLE things (id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, count INTEGER CHECK "
	"(count >= 0), data BLOB, flag INTEGER, at INTEGER, extra TEXT, parent BLOB REFERENCES "
	"things (id)) STRICT;"
	"CREATE TABLE notes (place INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, seq INTEGER NOT "
	"NULL CHECK (seq >= 0), text TEXT) STRICT;"
	"CREATE TABLE ticks (id BLOB PRIMARY KEY, seq INTEGER) STRICT;";

static const char postgres_tables[] =
	"CREATE TABLE things (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, count bigint CHECK "
	"(count >= 0), data bytea, flag boolean, at timestamptz, extra jsonb, parent uuid "
	"REFERENCES "
	"things (id));"
	"CREATE TABLE notes (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT "
	"NULL UNIQUE, seq bigint NOT "
	"NULL "
	"CHECK (seq >= 0), text text);"
	"CREATE TABLE ticks (id uuid PRIMARY KEY, seq bigint);";

const struct bf_db_statement things_add = {"things_add",
	"INSERT INTO things (id, name, count, data, flag, at, extra, parent) VALUES ($1, $2, $3, "
	"$4, $5, $6, $7, $8)",
	NULL, "utiybzju", "", true};
const struct bf_db_statement things_get = {"things_get",
	"SELECT id, name, count, data, flag, at, extra, parent FROM things WHERE id = $1", NULL,
	"u", "utiybzju", true};
const struct bf_db_statement things_names = {
	"things_names", "SELECT name FROM things ORDER BY name", NULL, "", "t", true};
const struct bf_db_statement things_rename = {
	"things_rename", "UPDATE things SET name = $2 WHERE id = $1", NULL, "ut", "", true};
const struct bf_db_statement things_remove = {
	"things_remove", "DELETE FROM things WHERE id = $1", NULL, "u", "", true};
const struct bf_db_statement notes_list = {
	"notes_list", "SELECT seq FROM notes ORDER BY place", NULL, "", "i", true};
const struct bf_db_statement ticks_count = {
	"ticks_count", "SELECT count(*) FROM ticks", NULL, "", "i", true};
const struct bf_db_statement take_long = {"take_long", "SELECT 1::bigint FROM pg_sleep($1::bigint)",
	"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1 * 3000000) "
	"SELECT count(*) FROM n",
	"i", "i", true};
const struct bf_db_statement no_such_table = {
	"no_such_table", "SELECT a FROM no_such_table", NULL, "", "i", true};

const struct bf_db_stream notes_stream = {.id = 1,
	.is_durable = true,
	.name = "notes",
	.types = "uit",
	.postgres = "INSERT INTO notes (id, seq, text) SELECT * FROM unnest($1::uuid[], "
		    "$2::bigint[], $3::text[]) ON CONFLICT (id) DO NOTHING",
	.sqlite = "INSERT INTO notes (id, seq, text) VALUES ($1, $2, $3) ON CONFLICT (id) DO "
		  "NOTHING"};
const struct bf_db_stream ticks_stream = {.id = 2,
	.name = "ticks",
	.types = "ui",
	.postgres = "INSERT INTO ticks (id, seq) SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON "
		    "CONFLICT (id) DO NOTHING",
	.sqlite = "INSERT INTO ticks (id, seq) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"};

static const struct bf_db_stream *const streams[] = {&notes_stream, &ticks_stream};

/* ---- tables ---- */

static void set_text(char **at, const char *text)
{
	free(*at);
	*at = strdup(text);
}

bool on_postgres(void)
{
	return getenv("BELFRY_TEST_POSTGRES") != NULL;
}

static void run_sql(const char *url, const char *sql)
{
	PGconn *conn = PQconnectdb(url);
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}

/* The cluster's own URL, where BELFRY_TEST_POSTGRES is that of a pooler before it. */
static const char *direct_url(void)
{
	const char *url = getenv("BELFRY_TEST_POSTGRES_DIRECT");

	return url ? url : getenv("BELFRY_TEST_POSTGRES");
}

/* `url` with another user and another database. */
static void set_url(char **at, const char *url, const char *user, const char *database)
{
	char own[512];

	snprintf(own, sizeof(own), "postgres://%s@/%s%s", user, database, strchr(url, '?'));
	set_text(at, own);
}

/* A database of its own for each fixture, which the server uses as it should: as a role that owns nothing. */
static void make_database(struct db_fixture *fixture)
{
	static unsigned count;
	char name[64], sql[128];

	snprintf(name, sizeof(name), "test_%ld_%u", (long)getpid(), count++);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
	run_sql(direct_url(), sql);
	set_url(&fixture->conf->storage.url, getenv("BELFRY_TEST_POSTGRES"), "belfry_server", name);
	set_url(&fixture->conf->storage.owner_url, direct_url(), "belfry", name);
	if (getenv("BELFRY_TEST_POSTGRES_DIRECT"))
		set_text(&fixture->conf->storage.prepare, "unnamed");
	run_sql(fixture->conf->storage.owner_url, postgres_tables);
}

static sqlite3 *open_file(struct db_fixture *fixture)
{
	char path[512];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/belfry.db", fixture->conf->storage.folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void make_tables(struct db_fixture *fixture)
{
	char path[512];
	sqlite3 *db;

	if (on_postgres()) {
		make_database(fixture);
		return;
	}
	mkdir(fixture->conf->storage.folder, 0700);
	db = open_file(fixture);
	assert_int_equal(sqlite3_exec(db, sqlite_tables, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	snprintf(path, sizeof(path), "%s/belfry.db", fixture->conf->storage.folder);
	chmod(path, 0600);
}

/* Nobody gets in, and who is in is thrown out. */
static void lock_database(struct db_fixture *fixture, bool is_locked)
{
	const char *url = direct_url();
	const char *name = strchr(strchr(fixture->conf->storage.url, '@'), '/') + 1;
	const char *end = strchr(name, '?');
	char sql[256];

	snprintf(sql, sizeof(sql), "ALTER DATABASE %.*s ALLOW_CONNECTIONS %s", (int)(end - name),
		name, is_locked ? "false" : "true");
	run_sql(url, sql);
	snprintf(sql, sizeof(sql),
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%.*s'",
		(int)(end - name), name);
	if (is_locked)
		run_sql(url, sql);
}

void db_fixture_lock(struct db_fixture *fixture, bool is_locked)
{
	static sqlite3 *holder;

	if (on_postgres()) {
		lock_database(fixture, is_locked);
		return;
	}

	if (is_locked) {
		holder = open_file(fixture);
		sqlite3_busy_timeout(holder, 2000);
		assert_int_equal(
			sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	} else {
		assert_int_equal(sqlite3_exec(holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(holder);
	}
}

/* ---- set up ---- */

int db_fixture_setup(void **state)
{
	struct db_fixture *fixture = calloc(1, sizeof(*fixture));
	const char *debug = getenv("BELFRY_TEST_LOG");
	char data[FOLDER_TEXT + 8];

	fixture->streams = streams;
	fixture->stream_count = sizeof(streams) / sizeof(streams[0]);
	folder_make(fixture->folder);
	assert_int_equal(bf_conf_new(&fixture->conf), 0);
	snprintf(data, sizeof(data), "%s/data", fixture->folder);
	set_text(&fixture->conf->storage.folder, data);
	assert_int_equal(bf_log_new(&fixture->log, debug ? 2 : -1, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_metrics_new(&fixture->metrics), 0);
	assert_int_equal(bf_loop_new(&fixture->loop, BF_IO_EPOLL), 0);
	make_tables(fixture);
	*state = fixture;
	return 0;
}

int db_fixture_teardown(void **state)
{
	struct db_fixture *fixture = *state;

	if (fixture->db)
		db_fixture_close(fixture);
	bf_loop_free(fixture->loop);
	bf_metrics_free(fixture->metrics);
	bf_log_free(fixture->log);
	bf_conf_free(fixture->conf);
	folder_remove(fixture->folder);
	free(fixture);
	return 0;
}

void db_fixture_open(struct db_fixture *fixture)
{
	struct bf_db_conf conf = {.conf = fixture->conf,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.io = BF_IO_AUTO,
		.streams = fixture->streams,
		.stream_count = fixture->stream_count};

	if (bf_db_open(&fixture->db, &conf, fixture->why, sizeof(fixture->why)))
		fail_msg("%s", fixture->why);
	assert_int_equal(bf_db_client_new(&fixture->client, fixture->db, fixture->loop), 0);
}

void db_fixture_close(struct db_fixture *fixture)
{
	bf_db_close(fixture->db);
	for (int i = 0; i < 64; i++) /* the last answers */
		assert_int_equal(bf_loop_turn(fixture->loop, 0), 0);
	bf_db_client_free(fixture->client);
	for (int i = 0; i < 4; i++) {
		bf_db_client_free(fixture->others[i]);
		fixture->others[i] = NULL;
	}
	bf_db_free(fixture->db);
	fixture->client = NULL;
	fixture->db = NULL;
}

long long db_fixture_metric(struct db_fixture *fixture, const char *name)
{
	long long value = -1;
	size_t len;
	char *text, *at;

	assert_int_equal(bf_metrics_print(fixture->metrics, &text, &len), 0);
	for (at = text; (at = strstr(at, name)) != NULL; at++) {
		size_t name_len = strlen(name);

		if ((at == text || at[-1] == '\n') && at[name_len] == ' ') {
			value = atoll(at + name_len);
			break;
		}
	}
	free(text);
	return value;
}

/* ---- asking ---- */

static void print_value(struct kept *kept, char type, const struct bf_db_value *value)
{
	size_t len = strlen(kept->text), left = sizeof(kept->text) - len;
	char *at = kept->text + len, text[BF_UUID_TEXT];

	if (!value->is_set) {
		snprintf(at, left, "NULL");
	} else if (type == 'u') {
		snprintf(at, left, "%s", bf_uuid_format(value->as.uuid, text));
	} else if (type == 'i' || type == 'z') {
		snprintf(at, left, "%lld", (long long)value->as.i64);
	} else if (type == 'b') {
		snprintf(at, left, "%s", value->as.flag ? "true" : "false");
	} else if (type == 'y') {
		for (size_t i = 0; i < value->as.bytes.len && 2 * i + 2 < left; i++)
			snprintf(at + 2 * i, left - 2 * i, "%02x", value->as.bytes.data[i]);
	} else {
		snprintf(at, left, "%.*s", (int)value->as.bytes.len,
			(const char *)value->as.bytes.data);
	}
}

static void keep_rows(struct kept *kept, struct bf_db_rows rows)
{
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];

	kept->row_count = rows.row_count;
	kept->changed_count = rows.changed_count;
	while (bf_db_rows_next(&rows, values)) {
		for (size_t i = 0; rows.types[i]; i++) {
			if (i > 0)
				strncat(kept->text, "|",
					sizeof(kept->text) - strlen(kept->text) - 1);
			print_value(kept, rows.types[i], &values[i]);
		}
		strncat(kept->text, "\n", sizeof(kept->text) - strlen(kept->text) - 1);
	}
}

void on_kept(void *arg, const struct bf_db_answer *answer)
{
	struct kept *kept = arg;

	assert_false(kept->is_answered);
	kept->is_answered = true;
	kept->status = answer->status;
	kept->step_idx = answer->step_idx;
	snprintf(kept->why, sizeof(kept->why), "%s", answer->why);
	snprintf(kept->constraint, sizeof(kept->constraint), "%s", answer->constraint);
	if (answer->row_steps > 0)
		keep_rows(kept, answer->steps[answer->row_steps - 1]);
}

struct kept *ask_steps(
	struct db_fixture *fixture, const struct bf_db_step *steps, size_t step_count)
{
	static struct kept kept;
	struct bf_db_scope scope = {.is_system = true};

	memset(&kept, 0, sizeof(kept));
	assert_true(bf_db_ask(fixture->client, &scope, steps, step_count, on_kept, &kept) > 0);
	WAIT_FOR(fixture, kept.is_answered);
	return &kept;
}

struct kept *ask(struct db_fixture *fixture, const struct bf_db_statement *statement,
	const struct bf_db_value *params)
{
	struct bf_db_step step = {statement, params, BF_DB_ANY};

	return ask_steps(fixture, &step, 1);
}
