#include "storage/db.h"

#include "core/base/clock.h"
#include "core/loop/inbox.h"
#include "core/loop/thread.h"
#include "storage/client.h"
#include "storage/engine.h"
#include "storage/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define INBOX_SLOTS 65536
#define FINISH_US   BF_SEC(3) /* for what waits to reach the database; then it goes to the spool */
#define REFRESH_US  BF_MS(250)
#define REFUSED_MIB 64 /* rows set aside */
#define PATH_BYTES  4096
#define WHY_BYTES   512

struct bf_db {
	/* given */
	struct bf_db_conf conf;
	const struct bf_db_engine_ops *ops;
	/* owned */
	struct bf_thread *thread;
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct bf_spool *spool, *refused;
	struct bf_db_engine *engine;
	struct bf_db_writer writer;
	struct bf_db_gate gate;
	struct bf_timer refresh_timer;
	struct bf_metric *up, *spool_full, *spool_records, *spool_bytes, *spool_oldest_us;
	struct bf_metric *answers[BF_DB_STATUS_COUNT], *slow;
	struct bf_histogram *seconds;
	/* state */
	bool is_stopping;
	struct bf_log_limit slow_limit, failed_limit;
	char why[WHY_BYTES]; /* of start */
};

struct bf_db_gate *bf_db_gate(struct bf_db *db)
{
	return &db->gate;
}

const char *bf_db_engine_name(const struct bf_db *db)
{
	return db->ops->name;
}

/* ---- what probes see ---- */

static void refresh(struct bf_db *db)
{
	struct bf_spool_status status = {0};

	if (db->spool)
		status = bf_spool_status(db->spool);
	bf_metric_set(db->spool_records, (int64_t)status.records);
	bf_metric_set(db->spool_bytes, (int64_t)status.bytes);
	bf_metric_set(db->spool_oldest_us, status.oldest_wall_us);
	bf_metric_set(db->spool_full, db->writer.is_spool_full);
}

static void on_refresh(void *arg)
{
	struct bf_db *db = arg;

	refresh(db);
	bf_timer_arm(&db->refresh_timer, bf_loop_now_us(db->loop) + REFRESH_US);
}

struct bf_db_state bf_db_state(const struct bf_db *db)
{
	int64_t oldest_us = bf_metric_get(db->spool_oldest_us);
	int64_t lag_us = oldest_us ? bf_clock_wall_us() - oldest_us : 0;

	return (struct bf_db_state){.is_up = bf_metric_get(db->up) != 0,
		.is_spool_full = bf_metric_get(db->spool_full) != 0,
		.spool_records = (uint64_t)bf_metric_get(db->spool_records),
		.spool_bytes = (uint64_t)bf_metric_get(db->spool_bytes),
		.spool_lag_us = lag_us > 0 ? lag_us : 0};
}

/* ---- from the engine ---- */

static void say_if_slow(struct bf_db *db, const struct bf_db_job *job, int64_t took_us)
{
	uint32_t suppressed;

	if (took_us < BF_MS((int64_t)db->conf.conf->storage.slow_ms))
		return;
	bf_metric_add(db->slow, 1);
	if (bf_log_limit_allows(&db->slow_limit, bf_clock_mono_us(), 5, &suppressed))
		BF_LOG(db->conf.log, BF_LOG_WARN, "slow query",
			BF_STR("statement", job->steps[0].statement->name),
			BF_UINT("statements", job->step_count), BF_INT("took_ms", took_us / 1000),
			BF_UINT("suppressed", suppressed));
}

static void say_failed(
	struct bf_db *db, const struct bf_db_job *job, const struct bf_db_reply *reply)
{
	uint32_t suppressed;

	if (bf_log_limit_allows(&db->failed_limit, bf_clock_mono_us(), 5, &suppressed))
		BF_LOG(db->conf.log, BF_LOG_ERROR, "a query failed",
			BF_STR("statement", job->steps[reply->step_idx].statement->name),
			BF_STR("why", reply->why), BF_UINT("suppressed", suppressed));
}

static void on_reply(void *arg, struct bf_db_job *job, struct bf_db_reply *reply)
{
	struct bf_db *db = arg;
	int64_t took_us = bf_clock_mono_us() - job->asked_us;
	enum bf_db_status status = db->is_stopping ? BF_DB_CLOSED : BF_DB_BUSY;

	if (reply)
		status = reply->status;
	bf_metric_add(db->answers[status], 1);
	bf_histogram_observe(db->seconds, took_us > 0 ? (uint64_t)took_us : 0);
	say_if_slow(db, job, took_us);
	if (status == BF_DB_FAILED)
		say_failed(db, job, reply);
	if (!reply) {
		bf_db_gate_done(&db->gate, &job->asker, status, &job->msg);
		return;
	}
	bf_db_gate_reply(&db->gate, &job->asker, reply);
	bf_msg_free(&job->msg);
}

static void on_written(void *arg, const struct bf_db_outcome *outcome)
{
	struct bf_db *db = arg;

	bf_db_writer_on_written(&db->writer, outcome);
}

static void on_state(void *arg, bool is_up, const char *why)
{
	struct bf_db *db = arg;

	bf_metric_set(db->up, is_up);
	if (is_up)
		BF_LOG(db->conf.log, BF_LOG_INFO, "database", BF_STR("engine", db->ops->name),
			BF_STR("folder", db->conf.conf->storage.folder));
	else
		BF_LOG(db->conf.log, BF_LOG_ERROR, "the database is away",
			BF_STR("engine", db->ops->name), BF_STR("why", why));
	bf_db_writer_on_state(&db->writer, is_up);
}

/* ---- from the clients ---- */

static void on_finished(void *arg)
{
	struct bf_db *db = arg;

	bf_loop_stop(db->loop);
}

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_db *db = arg;

	switch (msg->kind) {
	case BF_DB_MSG_JOB:
		db->ops->ask(db->engine, (struct bf_db_job *)(void *)msg);
		break;
	case BF_DB_MSG_ROW:
		bf_db_writer_add(&db->writer, (struct bf_db_row *)(void *)msg);
		break;
	default:
		assert(msg->kind == BF_DB_MSG_STOP);
		bf_msg_free(msg);
		db->is_stopping = true;
		bf_db_writer_finish(&db->writer, FINISH_US);
		break;
	}
}

/* ---- the thread ---- */

static int open_spool(struct bf_db *db, struct bf_spool **out, const char *name, unsigned mib)
{
	char path[PATH_BYTES];
	struct bf_spool_conf conf = {
		.folder = path, .size_max_bytes = (uint64_t)mib << 20, .log = db->conf.log};

	if (snprintf(path, sizeof(path), "%s/%s", db->conf.conf->storage.folder, name) >=
		(int)sizeof(path)) {
		snprintf(db->why, WHY_BYTES, "storage.folder is longer than a path may be");
		return -ENAMETOOLONG;
	}
	return bf_spool_open(out, &conf, db->why, WHY_BYTES);
}

static int open_spools(struct bf_db *db)
{
	const struct bf_conf *conf = db->conf.conf;
	int err;

	if (db->conf.stream_count == 0)
		return 0;
	if (mkdir(conf->storage.folder, 0700) && errno != EEXIST) {
		err = -errno;
		snprintf(db->why, WHY_BYTES, "storage.folder %s: %s", conf->storage.folder,
			strerror(-err));
		return err;
	}
	err = open_spool(db, &db->spool, "spool", conf->storage.spool_mib);
	if (!err)
		err = open_spool(db, &db->refused, "refused", REFUSED_MIB);
	return err;
}

static int open_engine(struct bf_db *db)
{
	struct bf_db_engine_env env = {
		.loop = db->loop,
		.conf = db->conf.conf,
		.log = db->conf.log,
		.metrics = db->conf.metrics,
		.arg = db,
		.on_reply = on_reply,
		.on_written = on_written,
		.on_state = on_state,
	};

	return db->ops->open(&db->engine, &env, db->why, WHY_BYTES);
}

static int init_writer(struct bf_db *db)
{
	struct bf_db_writer_conf conf = {
		.ops = db->ops,
		.engine = db->engine,
		.loop = db->loop,
		.log = db->conf.log,
		.metrics = db->conf.metrics,
		.gate = &db->gate,
		.spool = db->spool,
		.refused = db->refused,
		.streams = db->conf.streams,
		.stream_count = db->conf.stream_count,
		.on_finished = on_finished,
		.arg = db,
	};

	return bf_db_writer_init(&db->writer, &conf);
}

static void close_all(struct bf_db *db)
{
	if (db->engine)
		db->ops->close(db->engine);
	bf_timer_disarm(&db->refresh_timer);
	for (int i = 0; i < 8; i++) /* closing finishes in the loop */
		(void)bf_loop_turn(db->loop, 0);
	bf_db_writer_deinit(&db->writer);
	refresh(db);
	bf_spool_close(db->spool);
	bf_spool_close(db->refused);
}

static int start(void *arg)
{
	struct bf_db *db = arg;
	int err = bf_loop_new(&db->loop, db->conf.io);

	if (err)
		return err;
	bf_timer_init(&db->refresh_timer, db->loop, on_refresh, db);
	err = bf_inbox_new(&db->inbox, db->loop, INBOX_SLOTS, on_message, db);
	if (err)
		goto fail;
	err = open_spools(db);
	if (err)
		goto fail;
	err = open_engine(db);
	if (err)
		goto fail;
	err = init_writer(db);
	if (err) {
		close_all(db);
		db->spool = db->refused = NULL;
		goto fail;
	}
	db->gate.inbox = db->inbox;
	on_refresh(db);
	(void)bf_loop_turn(db->loop, 0); /* in which an embedded engine says that it is up */
	return 0;

fail:
	bf_spool_close(db->spool);
	bf_spool_close(db->refused);
	bf_inbox_free(db->inbox);
	bf_loop_free(db->loop);
	return err;
}

static void run(void *arg)
{
	struct bf_db *db = arg;
	int err;

	bf_thread_stand_back();
	err = bf_loop_run(db->loop);

	if (err)
		BF_LOG(db->conf.log, BF_LOG_ERROR, "storage loop ended", BF_ERRNO("cause", err));
	db->is_stopping = true;
	close_all(db);
}

/* ---- from outside ---- */

static bool make_answer_metrics(struct bf_db *db)
{
	char labels[64];

	for (int i = 0; i < BF_DB_STATUS_COUNT; i++) {
		snprintf(labels, sizeof(labels), "status=\"%s\"",
			bf_db_status_name((enum bf_db_status)i));
		db->answers[i] = bf_metric_new(db->conf.metrics, BF_METRIC_COUNTER,
			"belfry_db_queries_total", labels, "queries by how they were answered");
		if (!db->answers[i])
			return false;
	}
	return true;
}

static struct bf_metric *gauge(struct bf_db *db, const char *name, const char *help)
{
	return bf_metric_new(db->conf.metrics, BF_METRIC_GAUGE, name, NULL, help);
}

static bool make_metrics(struct bf_db *db)
{
	static const uint64_t bounds[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
		100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

	db->up = gauge(db, "belfry_db_up", "1 while the database can be reached");
	db->spool_full = gauge(db, "belfry_db_spool_full", "1 while the spool takes no rows");
	db->spool_records =
		gauge(db, "belfry_db_spool_records", "rows on disk that wait for the database");
	db->spool_bytes = gauge(db, "belfry_db_spool_bytes", "size of the spool's files");
	db->spool_oldest_us = gauge(db, "belfry_db_spool_oldest_microseconds",
		"when the oldest row in the spool was put there, us since 1970; 0: there is none");
	db->slow =
		bf_metric_new(db->conf.metrics, BF_METRIC_COUNTER, "belfry_db_slow_queries_total",
			NULL, "queries that took longer than storage.slow_ms");
	db->gate.refused =
		bf_metric_new(db->conf.metrics, BF_METRIC_COUNTER, "belfry_db_refused_total", NULL,
			"queries and rows that were not taken because too many wait");
	db->seconds = bf_histogram_new(db->conf.metrics, "belfry_db_query_seconds", NULL,
		"time from asking to the answer", bounds, sizeof(bounds) / sizeof(bounds[0]), 1e6);
	return db->up && db->spool_full && db->spool_records && db->spool_bytes &&
	       db->spool_oldest_us && db->slow && db->gate.refused && db->seconds &&
	       make_answer_metrics(db);
}

int bf_db_open(struct bf_db **out, const struct bf_db_conf *conf, char *why, size_t why_size)
{
	struct bf_db *db = calloc(1, sizeof(*db));
	int err = -ENOMEM;

	if (!db)
		return -ENOMEM;
	db->conf = *conf;
	db->ops = conf->conf->storage.url[0] ? &bf_db_postgres : &bf_db_sqlite;
	db->gate.query_us = BF_MS((int64_t)conf->conf->storage.query_ms);
	if (make_metrics(db))
		err = bf_thread_start(&db->thread, "storage", start, run, db);
	if (err) {
		snprintf(why, why_size, "%s", db->why[0] ? db->why : strerrordesc_np(-err));
		free(db);
		return err;
	}
	*out = db;
	return 0;
}

void bf_db_close(struct bf_db *db)
{
	struct bf_msg *stop;

	while (!(stop = bf_msg_new(BF_DB_MSG_STOP, sizeof(*stop))))
		usleep(1000);
	while (bf_inbox_post(db->inbox, stop))
		usleep(1000);
	bf_thread_join(db->thread);
	atomic_store(&db->gate.is_closed, true);
}

void bf_db_free(struct bf_db *db)
{
	if (!db)
		return;
	assert(atomic_load(&db->gate.is_closed));
	bf_inbox_free(db->inbox);
	bf_loop_free(db->loop);
	free(db);
}
