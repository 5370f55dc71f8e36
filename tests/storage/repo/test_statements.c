/* Every statement of the repositories, as the engine behind the fixture sees it: does it prepare, with these types, and without
 * reading whole tables?
 *
 *   BELFRY_TEST_SCALE=50 tests/storage/pg/cluster storage_statements no_statement*
 *
 * does the last with 1 000 000 users and 10 000 000 connections, in some minutes. */
#include "storage/pg/value.h"
#include "storage/repo/statements.h"
#include "storage/repo/streams.h"
#include "tests/storage/db_fixture.h"

#include <libpq-fe.h>
#include <sqlite3.h>

#define EACH_STATEMENT(at)                                                                   \
	for (const struct bf_repo *repo = bf_repos; repo < bf_repos + bf_repo_count; repo++) \
		for (const struct bf_db_statement *at = repo->statements;                    \
			at < repo->statements + *repo->statement_count; at++)

/* With the tables made by the server's migrations. */
static void make_tables(struct db_fixture *fixture)
{
	fixture->streams = bf_streams;
	fixture->stream_count = bf_stream_count;
	db_fixture_open(fixture);
	db_fixture_close(fixture);
}

/* ---- PostgreSQL ---- */

static void prepare_on_postgres(PGconn *conn, const char *name, const char *sql, const char *params,
	const char *columns, unsigned (*oid_of)(char))
{
	unsigned oids[BF_DB_VALUE_COUNT_MAX];
	PGresult *result;

	for (size_t i = 0; params[i]; i++)
		oids[i] = oid_of(params[i]);
	result = PQprepare(conn, name, sql, (int)strlen(params), oids);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", name, PQerrorMessage(conn));
	PQclear(result);
	result = PQdescribePrepared(conn, name);
	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	if (PQnparams(result) != (int)strlen(params) || PQnfields(result) != (int)strlen(columns))
		fail_msg("%s: %d parameters and %d columns", name, PQnparams(result),
			PQnfields(result));
	for (int i = 0; columns[i]; i++)
		if (PQftype(result, i) != bf_pg_oid(columns[i]))
			fail_msg("%s: column %s is of another type", name, PQfname(result, i));
	PQclear(result);
}

static void prepare_all_on_postgres(PGconn *conn)
{
	EACH_STATEMENT(at)
	prepare_on_postgres(conn, at->name, at->sql, at->params, at->columns, bf_pg_oid);
	for (size_t i = 0; i < bf_stream_count; i++)
		prepare_on_postgres(conn, bf_streams[i]->name, bf_streams[i]->postgres,
			bf_streams[i]->types, "", bf_pg_array_oid);
}

static PGconn *open_postgres(struct db_fixture *fixture)
{
	PGconn *conn = PQconnectdb(fixture->conf->storage.url);

	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	return conn;
}

static void run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(result);
}

/* ---- SQLite ---- */

static sqlite3 *open_sqlite(struct db_fixture *fixture)
{
	char path[512];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/belfry.db", fixture->conf->storage.folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void prepare_on_sqlite(
	sqlite3 *db, const char *name, const char *sql, const char *params, const char *columns)
{
	sqlite3_stmt *stmt;
	const char *rest;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, &rest))
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	if (*rest)
		fail_msg("%s: more than one statement", name);
	if (sqlite3_bind_parameter_count(stmt) != (int)strlen(params) ||
		sqlite3_column_count(stmt) != (int)strlen(columns))
		fail_msg("%s: %d parameters and %d columns", name,
			sqlite3_bind_parameter_count(stmt), sqlite3_column_count(stmt));
	for (int i = 0; columns[i]; i++) { /* of tables; expressions have no declared type */
		const char *type = sqlite3_column_decltype(stmt, i);
		const char *wanted = strchr("uy", columns[i])	? "BLOB"
				     : strchr("tj", columns[i]) ? "TEXT"
								: "INTEGER";

		if (type && strcmp(type, wanted) != 0)
			fail_msg("%s: column %s is of another type", name,
				sqlite3_column_name(stmt, i));
	}
	sqlite3_finalize(stmt);
}

static void prepare_all_on_sqlite(sqlite3 *db)
{
	EACH_STATEMENT(at)
	prepare_on_sqlite(db, at->name, at->sqlite ? at->sqlite : at->sql, at->params, at->columns);
	for (size_t i = 0; i < bf_stream_count; i++)
		prepare_on_sqlite(
			db, bf_streams[i]->name, bf_streams[i]->sqlite, bf_streams[i]->types, "");
}

/* ---- the tests ---- */

static void each_statement_is_one_the_database_takes(void **state)
{
	struct db_fixture *fixture = *state;

	make_tables(fixture);
	if (on_postgres()) {
		PGconn *conn = open_postgres(fixture);

		prepare_all_on_postgres(conn);
		PQfinish(conn);
	} else {
		sqlite3 *db = open_sqlite(fixture);

		prepare_all_on_sqlite(db);
		sqlite3_close(db);
	}
}

static void no_two_statements_have_the_same_name(void **state)
{
	const struct bf_db_statement *seen[256];
	size_t count = 0;

	(void)state;
	EACH_STATEMENT(at)
	{
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(seen[i]->name, at->name);
		assert_true(count < 256);
		seen[count++] = at;
		assert_true(strlen(at->name) < BF_DB_NAME_BYTES);
	}
}

/* On SQLite there is no other wall. */
static void each_statement_that_is_not_the_systems_names_the_tenant(void **state)
{
	static const char *const ways[] = {"WHERE org_id = $1", "(org_id, ", "WHERE r.org_id = $1"};

	(void)state;
	EACH_STATEMENT(at)
	{
		bool is_named = strncmp(at->name, "organization_", 13) == 0 &&
				strstr(at->sql, "WHERE id = $1");

		if (at->is_system)
			continue;
		assert_int_equal(at->params[0], 'u');
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
			is_named |= strstr(at->sql, ways[i]) != NULL;
		if (!is_named)
			fail_msg("%s does not name the tenant", at->name);
	}
}

/* What reads a whole table because it is asked to. */
static bool reads_all(const struct bf_db_statement *statement)
{
	return strcmp(statement->name, "organization_count") == 0 ||
	       strcmp(statement->name, "user_any") == 0 ||  /* of which it reads one row */
	       strncmp(statement->name, "seeded_", 7) == 0; /* of a command, not of the server */
}

static void check_plan_on_sqlite(sqlite3 *db, const struct bf_db_statement *statement)
{
	char sql[8192];
	sqlite3_stmt *stmt;

	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s",
		statement->sqlite ? statement->sqlite : statement->sql);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(stmt, 3);

		/* what a recursion or a view has found so far is no table */
		if (strncmp(line, "SCAN ", 5) == 0 && !strstr(line, "SCAN above") &&
			!strstr(line, "SCAN a") && !strstr(line, "SCAN room_stats"))
			fail_msg("%s: %s", statement->name, line);
	}
	sqlite3_finalize(stmt);
}

/* As many rows as make an index worth it, most of them of another tenant. */
/* clang-format off */
static const char filling[] =
	"SET app.system = 'on';"
	"INSERT INTO organizations (id, slug, name, created_at, updated_at)"
	" SELECT gen_random_uuid(), 'o' || i, 'o', now(), now() FROM generate_series(1, 2000) i;"
	"INSERT INTO users (id, org_id, email, email_key, username, username_key, created_at, updated_at)"
	" SELECT gen_random_uuid(), o.id, 'user' || i, 'user' || i, 'u' || i, 'u' || i, now(), now()"
	" FROM organizations o, generate_series(1, 10 * current_setting('test.scale')::int) i;"
	"INSERT INTO roles (id, org_id, name, created_at, updated_at)"
	" SELECT gen_random_uuid(), o.id, 'r' || i, now(), now() FROM organizations o, generate_series(1, 3) i;"
	"INSERT INTO user_roles (org_id, user_id, role_id, created_at)"
	" SELECT u.org_id, u.id, r.id, now() FROM users u JOIN roles r ON r.org_id = u.org_id;"
	"INSERT INTO sessions (id, org_id, user_id, refresh_family, refresh_hash, created_at, last_seen_at, expires_at)"
	" SELECT gen_random_uuid(), org_id, id, id, sha256(id::text::bytea), now(), now(),"
	" now() + (random() * 1000)::int * interval '1 hour' FROM users;"
	"INSERT INTO authenticators (user_id, org_id, secret, created_at)"
	" SELECT u.id, u.org_id, sha256('x'), now() FROM users u;"
	"INSERT INTO recovery_codes (id, org_id, user_id, code_hash, created_at)"
	" SELECT gen_random_uuid(), u.org_id, u.id, sha256(i::text::bytea), now() FROM users u, generate_series(1, 5) i;"
	"INSERT INTO api_keys (id, org_id, user_id, name, public_id, secret_hash, last_four, created_at)"
	" SELECT gen_random_uuid(), org_id, id, 'k', id::text, sha256(id::text::bytea), 'last', now() FROM users;"
	"INSERT INTO settings (id, org_id, key, value, updated_at)"
	" SELECT gen_random_uuid(), o.id, 'k' || i, '1', now() FROM organizations o, generate_series(1, 3) i;"
	"INSERT INTO settings (id, key, value, updated_at) VALUES (gen_random_uuid(), 'k', '1', now());"
	"INSERT INTO rate_limits (key, level, updated_at)"
	" SELECT 'k' || i, 1, now() - i * interval '1 minute' FROM generate_series(1, 5000) i;"
	"INSERT INTO channels (id, org_id, name, name_key, created_at, updated_at)"
	" SELECT gen_random_uuid(), o.id, 'c' || i, 'c' || i, now(), now() FROM organizations o, generate_series(1, 5) i;"
	"INSERT INTO channels (id, org_id, parent_id, name, name_key, created_at, updated_at)"
	" SELECT gen_random_uuid(), org_id, id, 'c', 'c', now(), now() FROM channels;"
	"INSERT INTO channel_acl (id, org_id, channel_id, position, subject_kind)"
	" SELECT gen_random_uuid(), org_id, id, i, 'everyone' FROM channels, generate_series(1, 2) i;"
	"INSERT INTO call_sessions (id, org_id, room, started_at)"
	" SELECT gen_random_uuid(), o.id, 'r' || i, now() - i * interval '1 minute' FROM organizations o, generate_series(1, 10 * current_setting('test.scale')::int) i;"
	"INSERT INTO webrtc_connections (id, org_id, call_id, kind, worker, joined_at)"
	" SELECT gen_random_uuid(), org_id, id, 'socket', 0, now() FROM call_sessions, generate_series(1, 10)";
/* clang-format on */

/* The plan for parameters not looked at, as it is kept after some executions. */
static void check_plan_on_postgres(PGconn *conn, const struct bf_db_statement *statement)
{
	char sql[1024];
	size_t len = (size_t)snprintf(sql, sizeof(sql), "EXPLAIN EXECUTE %s", statement->name);
	PGresult *result;

	for (size_t i = 0; statement->params[i]; i++)
		len += (size_t)snprintf(
			sql + len, sizeof(sql) - len, "%s", i == 0 ? "(NULL" : ", NULL");
	snprintf(sql + len, sizeof(sql) - len, "%s", statement->params[0] ? ")" : "");
	result = PQexec(conn, sql);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", statement->name, PQerrorMessage(conn));
	for (int i = 0; i < PQntuples(result); i++)
		if (strstr(PQgetvalue(result, i, 0), "Seq Scan"))
			fail_msg("%s: %s", statement->name, PQgetvalue(result, i, 0));
	PQclear(result);
}

static void no_statement_reads_a_whole_table(void **state)
{
	struct db_fixture *fixture = *state;

	make_tables(fixture);
	if (on_postgres()) {
		char scale[64];
		PGconn *owner = PQconnectdb(fixture->conf->storage.owner_url);
		PGconn *conn = open_postgres(fixture);

		snprintf(scale, sizeof(scale), "SET test.scale = %d",
			getenv("BELFRY_TEST_SCALE") ? atoi(getenv("BELFRY_TEST_SCALE")) : 1);
		run(conn, scale);
		run(conn, filling);
		run(owner, "VACUUM ANALYZE");
		PQfinish(owner);
		run(conn, "SET plan_cache_mode = force_generic_plan; SET app.system = 'off'");
		prepare_all_on_postgres(conn);
		EACH_STATEMENT(at)
		if (!reads_all(at))
			check_plan_on_postgres(conn, at);
		PQfinish(conn);
	} else {
		sqlite3 *db = open_sqlite(fixture);

		EACH_STATEMENT(at)
		if (!reads_all(at))
			check_plan_on_sqlite(db, at);
		sqlite3_close(db);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, db_fixture_setup, db_fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(each_statement_is_one_the_database_takes),
		cmocka_unit_test(no_two_statements_have_the_same_name),
		cmocka_unit_test(each_statement_that_is_not_the_systems_names_the_tenant),
		TEST(no_statement_reads_a_whole_table),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
