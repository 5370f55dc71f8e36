/* Hosts that are away, refuse or say nothing, and which of several is used. */
#include "tests/storage/db_fixture.h"
#include "tests/storage/pg/forwarder.h"

#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, db_fixture_setup, db_fixture_teardown)

struct count {
	size_t answers, good;
};

static void on_count_done(void *arg, enum bf_db_status status)
{
	struct count *count = arg;

	count->answers++;
	count->good += status == BF_DB_OK;
}

/* A connection of the test's own to the fixture's database, and what it is asked there: one number. */
static PGconn *outside_new(const struct db_fixture *fixture)
{
	PGconn *conn = PQconnectdb(fixture->conf->storage.owner_url);

	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(conn));
	return conn;
}

static long long outside_sql(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	long long number;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	number = atoll(PQgetvalue(result, 0, 0));
	PQclear(result);
	return number;
}

/* TCP ports of this machine: at one nobody answers, at the other nobody listens. */
static int open_port(uint16_t *port, bool listens)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	if (listens)
		assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* The fixture's database at 127.0.0.1:port, and after it, if wanted, at the server's socket. */
static void set_hosts(struct db_fixture *fixture, uint16_t port, bool has_second)
{
	char *url = fixture->conf->storage.url;
	const char *box = getenv("BELFRY_TEST_POSTGRES_BOX");
	char hosts[512];

	snprintf(hosts, sizeof(hosts), "%.*s?host=127.0.0.1%s%s&port=%u%s", (int)strcspn(url, "?"),
		url, has_second ? "," : "", has_second ? box : "", port, has_second ? ",5432" : "");
	fixture->conf->storage.url = strdup(hosts);
	free(url);
}

static void a_server_that_never_answers_makes_a_query_fail_in_time(void **state)
{
	struct db_fixture *fixture = *state;
	struct kept *kept;
	int64_t began_us;
	uint16_t port;
	int fd = open_port(&port, true);

	set_hosts(fixture, port, false);
	fixture->conf->storage.connect_ms = 300;
	db_fixture_open(fixture);
	began_us = bf_clock_mono_us();
	kept = ask(fixture, &things_names, NULL);
	assert_int_equal(kept->status, BF_DB_AWAY);
	assert_string_equal(kept->why, "connecting takes longer than storage.connect_ms");
	assert_true(bf_clock_mono_us() - began_us < BF_SEC(2));
	began_us = bf_clock_mono_us();
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_AWAY);
	assert_true(bf_clock_mono_us() - began_us < BF_MS(200)); /* known by now */
	close(fd);
}

static void of_two_hosts_the_second_serves_while_the_first_refuses(void **state)
{
	struct db_fixture *fixture = *state;
	uint16_t port;
	int fd = open_port(&port, false);

	set_hosts(fixture, port, true);
	db_fixture_open(fixture);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
	close(fd);
}

static void of_two_hosts_the_second_serves_while_the_first_never_answers(void **state)
{
	struct db_fixture *fixture = *state;
	uint16_t port;
	int fd = open_port(&port, true);

	set_hosts(fixture, port, true);
	fixture->conf->storage.connect_ms = 300;
	db_fixture_open(fixture);
	WAIT_FOR(fixture, ask(fixture, &things_names, NULL)->status == BF_DB_OK);
	close(fd);
}

static void append_notes(struct db_fixture *fixture, int from, int to, struct count *count)
{
	for (int i = from; i < to; i++) {
		struct bf_db_value values[3] = {
			bf_db_uuid(bf_uuid_make()), bf_db_int(i), bf_db_null()};

		assert_int_equal(
			bf_db_append(fixture->client, &notes_stream, values, on_count_done, count),
			0);
	}
}

static void check_notes(PGconn *outside, int count)
{
	assert_int_equal(outside_sql(outside, "SELECT count(*) FROM notes"), count);
	assert_int_equal(
		outside_sql(outside, "SELECT count(*) FROM (SELECT seq, row_number() OVER (ORDER BY"
				     " place) - 1 AS expected FROM notes) n WHERE seq <> expected"),
		0);
}

/* Reads and writes go on, at the other host, when the first fails so. */
static void fail_over(struct db_fixture *fixture, enum forwarder_mode mode, int64_t within_us)
{
	struct forwarder *first = forwarder_new(getenv("BELFRY_TEST_POSTGRES_BOX"));
	PGconn *outside = outside_new(fixture);
	struct count count = {0};
	int64_t failed_us;

	set_hosts(fixture, forwarder_port(first), true);
	fixture->conf->storage.pool_min = 12;
	fixture->conf->storage.connect_ms = 300;
	fixture->conf->storage.query_ms = 500;
	db_fixture_open(fixture);
	append_notes(fixture, 0, 100, &count);
	WAIT_FOR(fixture, count.answers == 100);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
	WAIT_FOR(fixture, db_fixture_metric(fixture, "belfry_db_connections") == 12 &&
				  forwarder_count(first) >= 12);
	forwarder_set(first, mode);
	failed_us = bf_clock_mono_us();
	append_notes(fixture, 100, 200, &count);
	WAIT_FOR(fixture, ask(fixture, &things_names, NULL)->status == BF_DB_OK);
	assert_true(bf_clock_mono_us() - failed_us < within_us);
	append_notes(fixture, 200, 300, &count);
	WAIT_FOR(fixture, count.answers == 300 && bf_db_state(fixture->db).spool_records == 0);
	assert_int_equal(count.good, 300);
	check_notes(outside, 300);
	PQfinish(outside);
	forwarder_free(first);
}

static void when_a_host_goes_away_the_other_takes_over(void **state)
{
	fail_over(*state, FORWARDER_GONE, BF_SEC(4)); /* tried again after one second */
}

static void when_a_host_falls_silent_the_other_takes_over(void **state)
{
	/* query_ms and two seconds until it is noticed; connect_ms; two tries, a second apart */
	fail_over(*state, FORWARDER_SILENT, BF_SEC(8));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_that_never_answers_makes_a_query_fail_in_time),
		TEST(of_two_hosts_the_second_serves_while_the_first_refuses),
		TEST(of_two_hosts_the_second_serves_while_the_first_never_answers),
		TEST(when_a_host_goes_away_the_other_takes_over),
		TEST(when_a_host_falls_silent_the_other_takes_over),
	};

	assert(on_postgres());
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
