/* What only PostgreSQL has: conflicts between transactions, a pool of connections, several hosts, a pooler. */
#include "tests/storage/db_fixture.h"

#include <libpq-fe.h>
#include <sys/mman.h>

#define ID(byte) ((struct bf_uuid){{byte}})

static const struct bf_db_statement set_count = {
	"set_count", "UPDATE things SET count = $2 WHERE id = $1", NULL, "ui", "", true};
static const struct bf_db_statement may_conflict = {
	"may_conflict", "SELECT may_conflict($1)", NULL, "i", "i", true};
static const struct bf_db_statement tries = {
	"tries", "SELECT last_value FROM tries", NULL, "", "i", true};

/* Somebody else at the same database, who may do everything. */
static PGconn *outsider(struct db_fixture *fixture)
{
	PGconn *conn = PQconnectdb(fixture->conf->storage.owner_url);

	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	return conn;
}

static void run(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);

	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	PQclear(result);
}

static int number(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	int value = -1;

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	value = atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return value;
}

static void add_thing(struct db_fixture *fixture, uint8_t id)
{
	char name[8];
	struct bf_db_value values[8] = {bf_db_uuid(ID(id)), bf_db_null(), bf_db_int(0)};

	snprintf(name, sizeof(name), "t%d", id);
	values[1] = bf_db_text(name);
	assert_int_equal(ask(fixture, &things_add, values)->status, BF_DB_OK);
}

static int64_t begin(
	struct db_fixture *fixture, const struct bf_db_step *steps, size_t count, struct kept *kept)
{
	const struct bf_db_scope system = {.is_system = true};

	memset(kept, 0, sizeof(*kept));
	return bf_db_ask(fixture->client, &system, steps, count, on_kept, kept);
}

/* ---- conflicts ---- */

/* Each holds what the other wants: PostgreSQL ends the one that waited first, which is ours. */
static void a_deadlock_is_tried_again_and_goes_well(void **state)
{
	static struct kept kept;
	struct db_fixture *fixture = *state;
	const struct bf_db_value one[] = {bf_db_uuid(ID(1)), bf_db_int(5)};
	const struct bf_db_value two[] = {bf_db_uuid(ID(2)), bf_db_int(5)};
	const struct bf_db_step steps[] = {{&set_count, two, 1}, {&set_count, one, 1}};
	PGconn *other, *watcher;

	db_fixture_open(fixture);
	add_thing(fixture, 1);
	add_thing(fixture, 2);
	other = outsider(fixture);
	watcher = outsider(fixture);
	run(other, "BEGIN; UPDATE things SET count = 9 WHERE name = 't1'");
	assert_true(begin(fixture, steps, 2, &kept) > 0);
	WAIT_FOR(
		fixture, number(watcher, "SELECT count(*) FROM pg_stat_activity WHERE"
					 " wait_event_type = 'Lock' AND usename ="
					 " 'belfry_server' AND datname = current_database()") == 1);
	run(other, "UPDATE things SET count = 9 WHERE name = 't2'; COMMIT");
	WAIT_FOR(fixture, kept.is_answered);
	assert_int_equal(kept.status, BF_DB_OK);
	assert_int_equal(number(watcher, "SELECT sum(count) FROM things"), 10);
	PQfinish(other);
	PQfinish(watcher);
}

/* may_conflict(n) fails n times as a transaction does that others were in the way of; sequences count also what is undone. */
static void make_conflicts(struct db_fixture *fixture)
{
	PGconn *owner = outsider(fixture);

	run(owner, "CREATE SEQUENCE tries; GRANT ALL ON tries TO belfry_server;"
		   "CREATE FUNCTION may_conflict(times bigint) RETURNS bigint LANGUAGE plpgsql AS"
		   " $$ BEGIN IF nextval('tries') <= times THEN RAISE EXCEPTION 'in the way'"
		   " USING ERRCODE = '40001'; END IF; RETURN 1; END $$");
	PQfinish(owner);
}

static void what_conflicts_twice_happens_once(void **state)
{
	struct db_fixture *fixture = *state;
	const struct bf_db_value thing[8] = {bf_db_uuid(ID(1)), bf_db_text("once"), bf_db_int(0)};
	const struct bf_db_value times = bf_db_int(2);
	const struct bf_db_step steps[] = {
		{&things_add, thing, 1}, {&may_conflict, &times, BF_DB_ANY}};

	db_fixture_open(fixture);
	make_conflicts(fixture);
	assert_int_equal(ask_steps(fixture, steps, 2)->status, BF_DB_OK);
	assert_string_equal(ask(fixture, &tries, NULL)->text, "3\n");
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "once\n");
}

static void what_conflicts_again_and_again_is_answered_busy_and_undone(void **state)
{
	struct db_fixture *fixture = *state;
	const struct bf_db_value thing[8] = {bf_db_uuid(ID(1)), bf_db_text("never"), bf_db_int(0)};
	const struct bf_db_value times = bf_db_int(1000);
	const struct bf_db_step steps[] = {
		{&things_add, thing, 1}, {&may_conflict, &times, BF_DB_ANY}};
	struct kept *kept;

	db_fixture_open(fixture);
	make_conflicts(fixture);
	kept = ask_steps(fixture, steps, 2);
	assert_int_equal(kept->status, BF_DB_BUSY);
	assert_non_null(strstr(kept->why, "other transactions were in the way"));
	assert_string_equal(ask(fixture, &tries, NULL)->text, "3\n");
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "");
}

/* ---- the pool ---- */

static int connections(PGconn *watcher)
{
	return number(watcher, "SELECT count(*) FROM pg_stat_activity WHERE usename ="
			       " 'belfry_server' AND datname = current_database()");
}

static void connections_come_with_the_load_up_to_the_limit_and_go_again(void **state)
{
	static struct kept kept[50];
	struct db_fixture *fixture = *state;
	const struct bf_db_value seconds = bf_db_int(1);
	const struct bf_db_step step = {&take_long, &seconds, BF_DB_ANY};
	PGconn *watcher;
	int most = 0, at_once;

	fixture->conf->storage.pool_min = 2;
	fixture->conf->storage.pool_max = 5;
	fixture->conf->storage.idle_ms = 1000;
	db_fixture_open(fixture);
	watcher = outsider(fixture);
	WAIT_FOR(fixture, connections(watcher) == 2);
	for (int i = 0; i < 20; i++)
		assert_true(begin(fixture, &step, 1, &kept[i]) > 0);
	WAIT_FOR(fixture, (at_once = connections(watcher), most = at_once > most ? at_once : most,
				  kept[19].is_answered));
	for (int i = 0; i < 20; i++)
		assert_int_equal(kept[i].status, BF_DB_OK);
	assert_int_equal(most, 5);
	WAIT_FOR(fixture, connections(watcher) == 2);
	PQfinish(watcher);
}

static void on_counted(void *arg, const struct bf_db_answer *answer)
{
	size_t *by_status = arg;

	by_status[answer->status]++;
	by_status[BF_DB_STATUS_COUNT]++;
}

static void beyond_those_that_may_wait_queries_are_answered_busy(void **state)
{
	struct db_fixture *fixture = *state;
	const struct bf_db_scope system = {.is_system = true};
	const struct bf_db_value seconds = bf_db_int(1);
	const struct bf_db_step slow = {&take_long, &seconds, BF_DB_ANY};
	const struct bf_db_step quick = {&things_names, NULL, BF_DB_ANY};
	size_t by_status[BF_DB_STATUS_COUNT + 1] = {0}, asked = 1;

	fixture->conf->storage.pool_min = fixture->conf->storage.pool_max = 1;
	db_fixture_open(fixture);
	ask(fixture, &things_names, NULL);
	assert_true(bf_db_ask(fixture->client, &system, &slow, 1, on_counted, by_status) > 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(
			bf_db_client_new(&fixture->others[i], fixture->db, fixture->loop), 0);
		for (int k = 0; k < 6000;) {
			if (bf_db_ask(fixture->others[i], &system, &quick, 1, on_counted,
				    by_status) > 0)
				k++, asked++;
			else
				assert_int_equal(bf_loop_turn(fixture->loop, 0), 0);
		}
	}
	WAIT_FOR(fixture, by_status[BF_DB_STATUS_COUNT] == asked);
	assert_true(by_status[BF_DB_BUSY] > 0);
	assert_int_equal(by_status[BF_DB_OK] + by_status[BF_DB_BUSY], asked);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

static void a_slow_query_is_named_once_and_none_of_its_values(void **state)
{
	struct db_fixture *fixture = *state;
	const struct bf_db_value seconds = bf_db_int(1);
	int fd = memfd_create("log", 0);
	char text[8192] = "";
	const char *at;

	bf_log_free(fixture->log);
	assert_int_equal(bf_log_new(&fixture->log, fd, BF_LOG_LOGFMT, BF_LOG_WARN), 0);
	fixture->conf->storage.slow_ms = 900;
	db_fixture_open(fixture);
	ask(fixture, &take_long, &seconds);
	ask(fixture, &things_names, NULL);
	db_fixture_close(fixture);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) >= 0);
	at = strstr(text, "event=\"slow query\"");
	assert_non_null(at);
	assert_non_null(strstr(at, "take_long"));
	assert_null(strstr(at + strlen("event=\"slow query\""), "slow query"));
	assert_null(strstr(text, "pg_sleep"));
	close(fd);
}

/* ---- a pooler ---- */

/* Who has prepared it on one of the pooler's connections may be given another. */
static void a_pooler_needs_unnamed_statements_and_the_error_says_so(void **state)
{
	struct db_fixture *fixture = *state;
	PGconn *other;
	struct kept *kept;

	if (!getenv("BELFRY_TEST_POSTGRES_DIRECT")) /* only behind one */
		skip();
	free(fixture->conf->storage.prepare);
	fixture->conf->storage.prepare = strdup("named");
	fixture->conf->storage.pool_min = fixture->conf->storage.pool_max = 1;
	db_fixture_open(fixture);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
	other = PQconnectdb(fixture->conf->storage.url);
	assert_int_equal(PQstatus(other), CONNECTION_OK);
	run(other, "BEGIN"); /* keeps that connection for itself */
	kept = ask(fixture, &things_names, NULL);
	assert_int_equal(kept->status, BF_DB_FAILED);
	assert_non_null(strstr(kept->why, "storage.prepare=unnamed"));
	PQfinish(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, db_fixture_setup, db_fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_deadlock_is_tried_again_and_goes_well),
		TEST(what_conflicts_twice_happens_once),
		TEST(what_conflicts_again_and_again_is_answered_busy_and_undone),
		TEST(connections_come_with_the_load_up_to_the_limit_and_go_again),
		TEST(beyond_those_that_may_wait_queries_are_answered_busy),
		TEST(a_slow_query_is_named_once_and_none_of_its_values),
		TEST(a_pooler_needs_unnamed_statements_and_the_error_says_so),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
