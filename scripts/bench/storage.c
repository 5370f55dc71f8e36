/* scripts/bench/storage.c - what storage carries: appends against one INSERT in a transaction each, reads, the spool.
 *
 *   belfry-bench-storage [--url=postgres://...] [--rows=N] [--naive=N] [--reads=N] [--away=SECONDS] FOLDER
 *
 * On SQLite, or on an empty database that the URL names with a role that may make tables. FOLDER is a new one, on the disk that is to be measured; what is made in it stays. The figures of the naive loop, which waits for each
 * of its transactions, are of the same engine, table, disk and run: their ratio says what gathering rows is worth.
 */
#include "core/base/clock.h"
#include "storage/repo/calls.h"
#include "storage/repo/streams.h"
#include "storage/spool/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define SPOOL_GROUP	 512 /* rows between two syncs, as the writer's batches */
#define SPOOL_ROW_BYTES	 150
#define READS_MAX	 1000000
#define AWAY_RATE	 20000
#define OUTSTANDING_ROWS 4096 /* acknowledgements waited for at once */

struct bench {
	struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_db *db;
	struct bf_db_client *client;
	size_t rows, naive, reads, away_s;
	size_t done_count, failed_count;
	struct bf_uuid *ids; /* of the rows that were appended */
	int64_t *read_us;
};

static const struct bf_db_statement naive_insert = {"naive_insert",
	"INSERT INTO call_sessions (id, org_id, room, started_at, ended_at)"
	" SELECT $1, o.id, $3, $4, $5 FROM organizations o WHERE o.slug = $2",
	NULL, "uttzz", "", true};
static const struct bf_db_statement read_one = {"read_one",
	"SELECT c.room, c.started_at, o.slug FROM call_sessions c JOIN organizations o ON o.id = "
	"c.org_id "
	"WHERE c.id = $1",
	NULL, "u", "tzt", true};
static const struct bf_db_statement make_ticks = {"make_ticks",
	"CREATE TABLE IF NOT EXISTS bench_ticks (id uuid PRIMARY KEY, value bigint)",
	"CREATE TABLE IF NOT EXISTS bench_ticks (id BLOB PRIMARY KEY, value INTEGER) STRICT", "",
	"", true};
static const struct bf_db_stream ticks = {.id = 65000,
	.name = "bench_ticks",
	.types = "ui",
	.postgres = "INSERT INTO bench_ticks (id, value) SELECT * FROM unnest($1::uuid[],"
		    " $2::bigint[]) ON CONFLICT DO NOTHING",
	.sqlite = "INSERT INTO bench_ticks (id, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "belfry-bench-storage: %s: %s\n", what, why);
	exit(1);
}

static double seconds_since(int64_t began_us)
{
	return (double)(bf_clock_mono_us() - began_us) / 1e6;
}

static void on_done(void *arg, enum bf_db_status status)
{
	struct bench *bench = arg;

	bench->done_count++;
	bench->failed_count += status != BF_DB_OK;
}

static void on_answer(void *arg, const struct bf_db_answer *answer)
{
	if (answer->status != BF_DB_OK)
		die("a query", answer->why);
	on_done(arg, answer->status);
}

static void turn(struct bench *bench)
{
	int err = bf_loop_turn(bench->loop, BF_MS(10));

	if (err)
		die("loop", strerror(-err));
}

static void ask_and_wait(struct bench *bench, const struct bf_db_statement *statement,
	const struct bf_db_value *params)
{
	const struct bf_db_scope scope = {.is_system = true};
	const struct bf_db_step step = {statement, params, BF_DB_ANY};

	bench->done_count = 0;
	if (bf_db_ask(bench->client, &scope, &step, 1, on_answer, bench) < 0)
		die(statement->name, "refused");
	while (bench->done_count == 0)
		turn(bench);
}

static void make_call(
	struct bf_db_value out[static 5], struct bf_uuid id, size_t i, char room[static 32])
{
	snprintf(room, 32, "room-%zu", i % 1000);
	out[0] = bf_db_uuid(id);
	out[1] = bf_db_text("default");
	out[2] = bf_db_text(room);
	out[3] = bf_db_time(1795255200000000 + (int64_t)i * 1000);
	out[4] = bf_db_null();
}

/* ---- appends ---- */

static double measure_naive(struct bench *bench)
{
	int64_t began_us = bf_clock_mono_us();
	struct bf_db_value values[5];
	char room[32];

	for (size_t i = 0; i < bench->naive; i++) {
		make_call(values, bf_uuid_make(), i, room);
		ask_and_wait(bench, &naive_insert, values);
	}
	return (double)bench->naive / seconds_since(began_us);
}

static double measure_durable(struct bench *bench)
{
	int64_t began_us = bf_clock_mono_us();
	struct bf_db_value values[5];
	char room[32];

	bench->done_count = bench->failed_count = 0;
	for (size_t i = 0; i < bench->rows;) {
		bench->ids[i] = bf_uuid_make();
		make_call(values, bench->ids[i], i, room);
		if (i - bench->done_count < OUTSTANDING_ROWS &&
			bf_db_append(bench->client, &bf_call_sessions_stream, values, on_done,
				bench) == 0)
			i++;
		else
			turn(bench);
	}
	while (bench->done_count < bench->rows)
		turn(bench);
	if (bench->failed_count)
		die("durable appends", "some failed");
	return (double)bench->rows / seconds_since(began_us);
}

static int64_t written(struct bench *bench, const char *class)
{
	char labels[64];

	snprintf(labels, sizeof(labels), "class=\"%s\"", class);
	return bf_metric_get(bf_metric_new(
		bench->metrics, BF_METRIC_COUNTER, "belfry_db_rows_written_total", labels, ""));
}

static double measure_telemetry(struct bench *bench)
{
	int64_t began_us = bf_clock_mono_us(), before = written(bench, "telemetry");
	struct bf_db_value values[2];
	size_t appended = 0;

	while (written(bench, "telemetry") - before < (int64_t)bench->rows) {
		values[0] = bf_db_uuid(bf_uuid_make());
		values[1] = bf_db_int((int64_t)appended);
		/* no faster than they are written, so that none is dropped */
		if (appended < bench->rows &&
			(int64_t)appended - (written(bench, "telemetry") - before) <
				OUTSTANDING_ROWS &&
			bf_db_append(bench->client, &ticks, values, NULL, NULL) == 0)
			appended++;
		else
			(void)bf_loop_turn(bench->loop, 1000);
	}
	return (double)bench->rows / seconds_since(began_us);
}

/* ---- reads ---- */

static int compare_us(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure_reads(struct bench *bench)
{
	uint64_t place = 1;

	for (size_t i = 0; i < bench->reads; i++) {
		struct bf_db_value key;
		int64_t began_us = bf_clock_mono_us();

		place = place * 6364136223846793005u + 1442695040888963407u;
		key = bf_db_uuid(bench->ids[(place >> 33) % bench->rows]);
		ask_and_wait(bench, &read_one, &key);
		bench->read_us[i] = bf_clock_mono_us() - began_us;
	}
	qsort(bench->read_us, bench->reads, sizeof(bench->read_us[0]), compare_us);
}

/* ---- the spool ---- */

static void measure_spool(struct bench *bench, const char *folder, double *add, double *replay)
{
	struct bf_spool_record records[SPOOL_GROUP];
	uint8_t row[SPOOL_ROW_BYTES] = {0};
	char path[4096], why[512];
	struct bf_spool_conf conf = {
		.folder = path, .size_max_bytes = UINT64_C(8) << 30, .log = bench->log};
	struct bf_spool *spool;
	int64_t began_us;
	int count;

	snprintf(path, sizeof(path), "%s/bench-spool", folder);
	if (bf_spool_open(&spool, &conf, why, sizeof(why)))
		die("spool", why);
	began_us = bf_clock_mono_us();
	for (size_t i = 0; i < bench->rows; i++)
		if (bf_spool_add(spool, 1, 1, bf_bytes(row, sizeof(row))) ||
			(i % SPOOL_GROUP == SPOOL_GROUP - 1 && bf_spool_sync(spool)))
			die("spool", "adding failed");
	if (bf_spool_sync(spool))
		die("spool", "syncing failed");
	*add = (double)bench->rows / seconds_since(began_us);
	began_us = bf_clock_mono_us();
	while ((count = bf_spool_peek(spool, records, SPOOL_GROUP, SIZE_MAX)) > 0)
		if (bf_spool_consume(spool, (size_t)count))
			die("spool", "consuming failed");
	*replay = (double)bench->rows / seconds_since(began_us);
	bf_spool_close(spool);
}

/* ---- the database is away ---- */

/* What of this process is in memory, KiB. */
static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (!file || fscanf(file, "%ld %ld", &size, &resident) != 2)
		die("/proc/self/statm", "cannot be read");
	fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Somebody else who holds the table, so that no row gets in. */
struct holder {
	PGconn *pg;
	sqlite3 *sqlite;
};

static void hold(struct holder *holder, struct bench *bench, const char *folder, bool is_held)
{
	const char *begin = "BEGIN; LOCK TABLE call_sessions IN ACCESS EXCLUSIVE MODE";
	char path[4096];

	if (bench->conf->storage.url[0]) {
		if (is_held)
			holder->pg = PQconnectdb(bench->conf->storage.url);
		PQclear(PQexec(holder->pg, is_held ? begin : "ROLLBACK"));
		if (!is_held)
			PQfinish(holder->pg);
		return;
	}
	snprintf(path, sizeof(path), "%s/belfry.db", folder);
	if (is_held && sqlite3_open(path, &holder->sqlite))
		die(path, "cannot be opened");
	sqlite3_busy_timeout(holder->sqlite, 5000);
	if (sqlite3_exec(
		    holder->sqlite, is_held ? "BEGIN IMMEDIATE" : "ROLLBACK", NULL, NULL, NULL))
		die(path, sqlite3_errmsg(holder->sqlite));
	if (!is_held)
		sqlite3_close(holder->sqlite);
}

static void append_at_rate(struct bench *bench, int64_t until_us, size_t *appended, long *most_kib)
{
	int64_t began_us = bf_clock_mono_us();
	struct bf_db_value values[5];
	char room[32];

	while (bf_clock_mono_us() < until_us) {
		size_t due = (size_t)((bf_clock_mono_us() - began_us) * AWAY_RATE / 1000000);
		long now_kib = resident_kib();

		*most_kib = now_kib > *most_kib ? now_kib : *most_kib;
		for (int i = 0; i < 1000 && *appended < due; i++) {
			make_call(values, bf_uuid_make(), *appended, room);
			if (bf_db_append(bench->client, &bf_call_sessions_stream, values, on_done,
				    bench))
				break;
			++*appended;
		}
		turn(bench);
	}
}

static void measure_away(struct bench *bench, const char *folder)
{
	size_t appended = 0;
	long before_kib = resident_kib(), most_kib = 0;
	struct holder holder = {0};
	struct bf_db_state state;
	int64_t began_us;

	bench->done_count = bench->failed_count = 0;
	hold(&holder, bench, folder, true);
	append_at_rate(
		bench, bf_clock_mono_us() + BF_SEC((int64_t)bench->away_s), &appended, &most_kib);
	state = bf_db_state(bench->db);
	hold(&holder, bench, folder, false);
	began_us = bf_clock_mono_us();
	while (bench->done_count < appended || bf_db_state(bench->db).spool_records > 0)
		turn(bench);
	printf("\n%zu s without a database at %d rows/s: %zu rows, %zu of them lost, %.1f MiB in "
	       "the spool, memory from %ld to at most %ld MiB. All in the database %.1f s "
	       "later.\n",
		bench->away_s, AWAY_RATE, appended, bench->failed_count,
		(double)state.spool_bytes / (1 << 20), before_kib / 1024, most_kib / 1024,
		seconds_since(began_us));
}

/* ---- the run ---- */

static void open_all(struct bench *bench, const char *folder, const char *url)
{
	static const struct bf_db_stream *streams[8];
	struct bf_db_conf conf = {.io = BF_IO_AUTO, .streams = streams};
	char why[512];

	for (size_t i = 0; i < bf_stream_count; i++)
		streams[conf.stream_count++] = bf_streams[i];
	streams[conf.stream_count++] = &ticks;
	if (bf_conf_new(&bench->conf) || bf_log_new(&bench->log, 2, BF_LOG_LOGFMT, BF_LOG_ERROR) ||
		bf_metrics_new(&bench->metrics) || bf_loop_new(&bench->loop, BF_IO_AUTO))
		die("start", "out of memory");
	free(bench->conf->storage.folder);
	bench->conf->storage.folder = strdup(folder);
	free(bench->conf->storage.url);
	bench->conf->storage.url = strdup(url);
	conf.conf = bench->conf;
	conf.log = bench->log;
	conf.metrics = bench->metrics;
	if (bf_db_open(&bench->db, &conf, why, sizeof(why)))
		die(folder, why);
	if (bf_db_client_new(&bench->client, bench->db, bench->loop))
		die("client", "out of memory");
	bench->ids = calloc(bench->rows, sizeof(bench->ids[0]));
	bench->read_us = calloc(bench->reads, sizeof(bench->read_us[0]));
	if (!bench->ids || !bench->read_us)
		die("start", "out of memory");
}

static void close_all(struct bench *bench)
{
	bf_db_close(bench->db);
	bf_db_client_free(bench->client);
	bf_db_free(bench->db);
	bf_loop_free(bench->loop);
	bf_metrics_free(bench->metrics);
	bf_log_free(bench->log);
	bf_conf_free(bench->conf);
	free(bench->ids);
	free(bench->read_us);
}

static void print_figures(struct bench *bench, const char *folder)
{
	double naive = measure_naive(bench), durable = measure_durable(bench), telemetry, add,
	       replay;
	struct rusage usage;

	ask_and_wait(bench, &make_ticks, NULL);
	telemetry = measure_telemetry(bench);
	measure_reads(bench);
	measure_spool(bench, folder, &add, &replay);
	getrusage(RUSAGE_SELF, &usage);
	printf("| %s | rows/s | times the naive loop |\n|---|---|---|\n",
		bf_db_engine_name(bench->db));
	printf("| one INSERT in a transaction each, waited for | %.0f | 1 |\n", naive);
	printf("| durable appends, acknowledged | %.0f | %.1f |\n", durable, durable / naive);
	printf("| telemetry | %.0f | %.1f |\n", telemetry, telemetry / naive);
	printf("| spool: add, synced every %d | %.0f | |\n", SPOOL_GROUP, add);
	printf("| spool: read and consumed by %d | %.0f | |\n", SPOOL_GROUP, replay);
	printf("\nIndexed read of one of %zu rows, from asking to the answer: p50 %" PRId64
	       " us, p99 %" PRId64 " us. Memory at most %ld MiB.\n",
		bench->rows + bench->naive, bench->read_us[bench->reads / 2],
		bench->read_us[bench->reads * 99 / 100], usage.ru_maxrss / 1024);
}

static size_t number(const char *text, size_t max)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (value < 1 || value > max)
		die(text, "not a number in range");
	return value;
}

int main(int argc, char **argv)
{
	struct bench bench = {.rows = 1000000, .naive = 2000, .reads = 20000, .away_s = 60};
	const char *folder = NULL, *url = "";

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--url=", 6) == 0)
			url = argv[i] + 6;
		else if (strncmp(argv[i], "--rows=", 7) == 0)
			bench.rows = number(argv[i] + 7, 100000000);
		else if (strncmp(argv[i], "--naive=", 8) == 0)
			bench.naive = number(argv[i] + 8, 1000000);
		else if (strncmp(argv[i], "--reads=", 8) == 0)
			bench.reads = number(argv[i] + 8, READS_MAX);
		else if (strncmp(argv[i], "--away=", 7) == 0)
			bench.away_s = number(argv[i] + 7, 3600);
		else if (argv[i][0] != '-' && !folder)
			folder = argv[i];
		else
			die(argv[i], "unknown");
	}
	if (!folder)
		die("usage", "[--url=postgres://...] [--rows=N] [--naive=N] [--reads=N] "
			     "[--away=SECONDS] FOLDER");
	open_all(&bench, folder, url);
	print_figures(&bench, folder);
	measure_away(&bench, folder);
	close_all(&bench);
	return 0;
}
