/* tests/storage/pg/kill.c - rows are written without pause while PostgreSQL, or the process that writes them, is killed.
 *
 *   tests/storage/pg/cluster storage_kill [--seed=N] [--rounds=N] [--down=SECONDS] [--rate=ROWS]
 *
 * Each round: PostgreSQL is killed (-9) at a moment of chance, is away for SECONDS, and started again; then a writer in a process of its
 * own is killed at a moment of chance and started again on the same folder. In the end every row that was acknowledged is in the table
 * once, and the rows of a stream stand in their order. As a test: 2 rounds of 2 seconds; by hand: --down=60.
 */
#include "core/base/rand.h"
#include "tests/storage/db_fixture.h"

#include <libpq-fe.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ROWS_MAX 10000000

/* notes: its own place in order; the sequence number says which row it is. */
struct writing {
	struct db_fixture *fixture;
	uint8_t *acknowledged; /* one each */
	int64_t next;
	int64_t refused;
	int64_t end;
	int to; /* acknowledged numbers are written there; -1: nowhere */
};

struct row {
	struct writing *writing;
	int64_t seq;
};

static void on_row_done(void *arg, enum bf_db_status status)
{
	struct row *row = arg;
	struct writing *writing = row->writing;

	if (status == BF_DB_OK) {
		writing->acknowledged[row->seq] = 1;
		if (writing->to >= 0 &&
			write(writing->to, &row->seq, sizeof(row->seq)) != sizeof(row->seq))
			_exit(3);
	} else {
		writing->refused++;
	}
	free(row);
}

/* The same id for the same number: a row that a killed process was not told about is written again by the next one. */
static struct bf_uuid id_of(int64_t seq)
{
	struct bf_uuid id = {{0x01, 0x90, 0, 0, 0, 0, 0x70}};

	bf_put_u64(id.bytes + 8, (uint64_t)seq | UINT64_C(1) << 63);
	return id;
}

static void append_next(struct writing *writing)
{
	struct row *row = malloc(sizeof(*row));
	const struct bf_db_value values[] = {
		bf_db_uuid(id_of(writing->next)), bf_db_int(writing->next), bf_db_text("row")};

	*row = (struct row){writing, writing->next};
	if (bf_db_append(writing->fixture->client, &notes_stream, values, on_row_done, row) == 0)
		writing->next++;
	else
		free(row);
}

/* At `rate` rows a second until `until_us`. */
static void write_until(struct writing *writing, int64_t until_us, int64_t rate)
{
	int64_t began_us = bf_clock_mono_us(), first = writing->next;

	while (bf_clock_mono_us() < until_us && writing->next < writing->end) {
		int64_t due = first + (bf_clock_mono_us() - began_us) * rate / 1000000;

		for (int i = 0; i < 1000 && writing->next < due; i++)
			append_next(writing);
		assert_int_equal(bf_loop_turn(writing->fixture->loop, BF_MS(1)), 0);
	}
}

/* ---- killing ---- */

static pid_t postmaster(void)
{
	char path[512];
	FILE *file;
	int pid = 0;

	snprintf(path, sizeof(path), "%s/data/postmaster.pid", getenv("BELFRY_TEST_POSTGRES_BOX"));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

/* Its children end with it, some a moment later: until then it does not start. */
static void start_postgres(void)
{
	char command[600];

	snprintf(command, sizeof(command), "cd %s && sh ./start >/dev/null 2>&1",
		getenv("BELFRY_TEST_POSTGRES_BOX"));
	for (int i = 0; system(command) != 0; i++)
		assert_true(i < 20);
}

static void kill_postgres(
	struct writing *writing, struct bf_prng *prng, int64_t down_us, int64_t rate)
{
	int64_t now_us = bf_clock_mono_us();

	write_until(writing, now_us + BF_MS(200 + bf_prng_below(prng, 800)), rate);
	assert_int_equal(kill(postmaster(), SIGKILL), 0);
	write_until(writing, bf_clock_mono_us() + down_us, rate);
	start_postgres();
	write_until(writing, bf_clock_mono_us() + BF_MS(500), rate);
}

/* What is acknowledged and still only in the spool when a writer is killed, the next one on this folder brings in. */
static void kill_writer(struct writing *writing, struct bf_prng *prng, int64_t rate)
{
	struct db_fixture *fixture = writing->fixture;
	int pipes[2];
	int64_t seq;
	pid_t child;

	db_fixture_close(fixture);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (child == 0) {
		close(pipes[0]);
		writing->to = pipes[1];
		db_fixture_open(fixture);
		write_until(writing, INT64_MAX, rate);
		_exit(0);
	}
	close(pipes[1]);
	usleep((useconds_t)(300000 + bf_prng_below(prng, 700000)));
	if (bf_prng_below(prng, 2) == 0)
		db_fixture_lock(fixture, true); /* so that it spools */
	usleep((useconds_t)(100000 + bf_prng_below(prng, 400000)));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	while (read(pipes[0], &seq, sizeof(seq)) == sizeof(seq)) {
		writing->acknowledged[seq] = 1;
		if (seq >= writing->next)
			writing->next = seq + 1;
	}
	close(pipes[0]);
	db_fixture_lock(fixture, false);
	db_fixture_open(fixture);
}

/* ---- looking ---- */

/* Numbers in the order of writing; those that were never acknowledged may be missing, or be there. */
static void check(struct writing *writing)
{
	PGconn *conn = PQconnectdb(writing->fixture->conf->storage.owner_url);
	PGresult *result = PQexec(conn, "SELECT seq FROM notes ORDER BY place");
	int64_t *times = calloc((size_t)writing->end, sizeof(*times)), missing = 0, before = -1;
	int64_t acknowledged = 0, twice = 0, unordered = 0;

	assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(result); i++) {
		int64_t seq = atoll(PQgetvalue(result, i, 0));

		twice += times[seq]++ > 0;
		unordered += seq < before;
		before = seq;
	}
	for (int64_t i = 0; i < writing->end; i++) {
		acknowledged += writing->acknowledged[i];
		missing += writing->acknowledged[i] && times[i] == 0;
	}
	printf("%lld rows acknowledged, %d in the table, %lld refused; %lld missing, %lld twice, "
	       "%lld out of order\n",
		(long long)acknowledged, PQntuples(result), (long long)writing->refused,
		(long long)missing, (long long)twice, (long long)unordered);
	assert_true(acknowledged > 0);
	assert_int_equal(missing + twice + unordered, 0);
	PQclear(result);
	PQfinish(conn);
	free(times);
}

static int64_t option(int argc, char **argv, const char *name, int64_t fallback)
{
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, strlen(name)) == 0 && argv[i][strlen(name)] == '=')
			return atoll(argv[i] + strlen(name) + 1);
	return fallback;
}

struct options {
	int64_t seed, rounds, down_s, rate;
};

static void no_acknowledged_row_is_lost_whatever_is_killed(void **state)
{
	const struct options *options = *state;
	struct writing writing = {.end = ROWS_MAX, .to = -1};
	struct bf_prng prng;
	struct rusage usage;
	void *fixture_state;

	db_fixture_setup(&fixture_state);
	writing.fixture = fixture_state;
	writing.acknowledged = calloc(1, (size_t)writing.end);
	bf_prng_init(&prng, (uint64_t)options->seed);
	printf("seed %lld\n", (long long)options->seed);
	db_fixture_open(writing.fixture);
	for (int64_t i = 0; i < options->rounds; i++) {
		kill_postgres(&writing, &prng, BF_SEC(options->down_s), options->rate);
		kill_writer(&writing, &prng, options->rate);
	}
	for (int64_t end_us = bf_clock_mono_us() + BF_SEC(60);
		bf_db_state(writing.fixture->db).spool_records > 0 ||
		!bf_db_state(writing.fixture->db).is_up;) {
		assert_true(bf_clock_mono_us() < end_us);
		assert_int_equal(bf_loop_turn(writing.fixture->loop, BF_MS(10)), 0);
	}
	db_fixture_close(writing.fixture);
	check(&writing);
	getrusage(RUSAGE_SELF, &usage);
	printf("memory at most %ld MiB\n", usage.ru_maxrss / 1024);
	free(writing.acknowledged);
	db_fixture_teardown(&fixture_state);
}

int main(int argc, char **argv)
{
	struct options options = {.seed = option(argc, argv, "--seed", bf_rand_u32()),
		.rounds = option(argc, argv, "--rounds", 2),
		.down_s = option(argc, argv, "--down", 2),
		.rate = option(argc, argv, "--rate", 5000)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(no_acknowledged_row_is_lost_whatever_is_killed, &options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
