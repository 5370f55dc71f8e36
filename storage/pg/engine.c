/* storage/pg/engine.c - the engine on PostgreSQL: a pool of connections, and those who wait for one.
 *
 * Connections are made as they are needed, up to storage.pool_max; storage.pool_min of them stay. A batch goes before queries. While none
 * is connected and connecting has failed, the database is away: queries are answered so at once, and it is tried again every second.
 */
#include "storage/engine.h"
#include "core/base/clock.h"
#include "core/loop/timer.h"
#include "storage/pg/conn.h"
#include "storage/pg/provision.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WAITING_MAX  16384
#define RETRY_US     BF_SEC(1) /* between two attempts to connect while it is away */
#define CONFLICT_MAX 3	       /* tries of a transaction that others were in the way of */

struct bf_db_engine {
	/* given */
	struct bf_db_engine_env env;
	struct bf_pg_conn_conf conn_conf;
	struct bf_pg_target target;
	/* owned */
	struct bf_list conns;
	struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX]; /* of a batch */
	struct bf_timer timer;
	struct bf_metric *conn_count_metric, *waiting_metric;
	/* state */
	struct bf_list waiting; /* jobs */
	size_t waiting_count, conn_count;
	const struct bf_db_batch *batch;
	bool is_up, is_told;
	bool is_migrated; /* nothing is run before */
	bool is_closing;
	int64_t retry_us; /* no connection is begun before */
	char why[256];	  /* it is away */
};

static size_t pool_min(const struct bf_db_engine *engine)
{
	return engine->env.conf->storage.pool_min;
}

/* ---- jobs ---- */

static void refuse(struct bf_db_engine *engine, struct bf_db_job *job, enum bf_db_status status,
	const char *why)
{
	struct bf_db_reply_writer writer;

	if (bf_db_reply_begin(&writer)) {
		engine->env.on_reply(engine->env.arg, job, NULL);
		return;
	}
	bf_db_reply_fail(&writer, status, 0, why, NULL);
	engine->env.on_reply(engine->env.arg, job, writer.reply);
}

static struct bf_db_job *take_waiting(struct bf_db_engine *engine)
{
	struct bf_list *node = bf_list_first(&engine->waiting);

	if (!node)
		return NULL;
	bf_list_remove(node);
	engine->waiting_count--;
	return BF_CONTAINER(node, struct bf_db_job, node);
}

static void refuse_waiting(struct bf_db_engine *engine)
{
	struct bf_db_job *job;

	while ((job = take_waiting(engine)) != NULL)
		refuse(engine, job, BF_DB_AWAY, engine->why);
}

/* ---- the pool ---- */

static void feed(struct bf_db_engine *engine);

static void set_up(struct bf_db_engine *engine, bool is_up)
{
	if (engine->is_told && engine->is_up == is_up)
		return;
	engine->is_told = true;
	engine->is_up = is_up;
	engine->env.on_state(engine->env.arg, is_up, engine->why);
}

/* It could not be reached at the start. This waits; but nobody else has anything to do with it before. */
static bool migrate_late(struct bf_db_engine *engine)
{
	if (bf_clock_mono_us() < engine->retry_us)
		return false;
	engine->is_migrated = bf_pg_provision(engine->env.conf, engine->env.conf->storage.migrate,
				      engine->env.log, engine->why, sizeof(engine->why)) >= 0;
	if (engine->is_migrated)
		return true;
	engine->retry_us = bf_clock_mono_us() + RETRY_US;
	set_up(engine, false);
	refuse_waiting(engine);
	return false;
}

static void on_idle(void *arg, struct bf_pg_conn *conn)
{
	struct bf_db_engine *engine = arg;

	(void)conn;
	if (!engine->is_migrated && !migrate_late(engine))
		return; /* the timer comes back to it */
	engine->retry_us = 0;
	set_up(engine, true);
	feed(engine);
}

static void free_conn(struct bf_db_engine *engine, struct bf_pg_conn *conn)
{
	bf_list_remove(&conn->node);
	engine->conn_count--;
	bf_pg_conn_free(conn);
}

static void on_lost(void *arg, struct bf_pg_conn *conn, const char *why)
{
	struct bf_db_engine *engine = arg;
	bool has_other = false;

	/* `conn` is freed by the timer: it is in a call of its own now */
	BF_LIST_EACH(other, &engine->conns, struct bf_pg_conn, node) {
		/* A server that hangs would take a query's whole time on each of them to show it. */
		if (conn->is_silent && other->state == BF_PG_IDLE)
			free_conn(engine, other);
		else
			has_other |= other->state == BF_PG_IDLE || other->state == BF_PG_BUSY;
	}
	snprintf(engine->why, sizeof(engine->why), "%s", why);
	engine->retry_us = bf_clock_mono_us() + RETRY_US;
	if (!has_other) {
		set_up(engine, false);
		refuse_waiting(engine);
	}
	bf_timer_arm(&engine->timer, 0);
}

static void on_conn_reply(void *arg, struct bf_pg_conn *conn, struct bf_db_job *job,
	struct bf_db_reply *reply, bool can_retry)
{
	struct bf_db_engine *engine = arg;
	char why[320];

	if (!can_retry) {
		engine->env.on_reply(engine->env.arg, job, reply);
	} else if (++job->tries >= CONFLICT_MAX || bf_clock_mono_us() >= job->deadline_us) {
		snprintf(why, sizeof(why), "other transactions were in the way: %s", conn->why);
		refuse(engine, job, BF_DB_BUSY, why);
	} else {
		bf_list_append(&engine->waiting, &job->node);
		engine->waiting_count++;
	}
}

static void on_conn_written(void *arg, const struct bf_db_outcome *outcome)
{
	struct bf_db_engine *engine = arg;

	engine->env.on_written(engine->env.arg, outcome);
}

static void connect_one(struct bf_db_engine *engine)
{
	struct bf_pg_conn *conn;

	if (bf_pg_conn_new(&conn, &engine->conn_conf))
		return;
	bf_list_append(&engine->conns, &conn->node);
	engine->conn_count++;
}

static struct bf_pg_conn *find_idle(struct bf_db_engine *engine)
{
	BF_LIST_EACH(conn, &engine->conns, struct bf_pg_conn, node)
		if (conn->state == BF_PG_IDLE)
			return conn;
	return NULL;
}

static size_t connecting_count(const struct bf_db_engine *engine)
{
	size_t count = 0;

	BF_LIST_EACH(conn, &engine->conns, struct bf_pg_conn, node)
		count += conn->state == BF_PG_CONNECTING;
	return count;
}

/* As many as those who wait need, and pool_min. One at a time while it is away. */
static void grow(struct bf_db_engine *engine)
{
	size_t need = engine->waiting_count + (engine->batch != NULL);
	size_t connecting = connecting_count(engine);

	if (engine->is_closing || bf_clock_mono_us() < engine->retry_us)
		return;
	if (!engine->is_up) {
		if (connecting == 0 && engine->conn_count < engine->env.conf->storage.pool_max)
			connect_one(engine);
		return;
	}
	while (engine->conn_count < engine->env.conf->storage.pool_max &&
		(engine->conn_count < pool_min(engine) || connecting < need)) {
		size_t before = engine->conn_count;

		connect_one(engine);
		connecting++;
		if (engine->conn_count == before)
			return;
	}
}

/* Give idle connections what waits. */
static void feed(struct bf_db_engine *engine)
{
	struct bf_pg_conn *conn;

	while (engine->is_migrated && (engine->batch || engine->waiting_count > 0) &&
		(conn = find_idle(engine)) != NULL) {
		const struct bf_db_batch *batch = engine->batch;
		struct bf_db_job *job;

		engine->batch = NULL;
		if (batch) {
			bf_pg_conn_write(conn, batch, engine->rows);
			continue;
		}
		job = take_waiting(engine);
		if (bf_clock_mono_us() >= job->deadline_us)
			refuse(engine, job, BF_DB_LATE, "it waited too long");
		else
			bf_pg_conn_run(conn, job);
	}
	grow(engine);
	bf_metric_set(engine->conn_count_metric, (int64_t)engine->conn_count);
	bf_metric_set(engine->waiting_metric, (int64_t)engine->waiting_count);
}

/* Every quarter of a second, and at once after a loss. */
static void on_timer(void *arg)
{
	struct bf_db_engine *engine = arg;
	int64_t now_us = bf_clock_mono_us();
	int64_t idle_us = BF_MS((int64_t)engine->env.conf->storage.idle_ms);
	struct bf_pg_conn *conn;

	BF_LIST_EACH(old, &engine->conns, struct bf_pg_conn, node) {
		if (old->state == BF_PG_LOST ||
			(old->state == BF_PG_IDLE && engine->conn_count > pool_min(engine) &&
				old->idle_since_us + idle_us <= now_us))
			free_conn(engine, old);
	}
	if (!engine->is_migrated && (conn = find_idle(engine)) != NULL)
		on_idle(engine, conn);
	if (!engine->is_up && engine->why[0])
		refuse_waiting(engine);
	if (engine->batch && !engine->is_up && engine->why[0]) {
		struct bf_db_outcome outcome = {.status = BF_DB_AWAY, .why = engine->why};

		engine->batch = NULL;
		engine->env.on_written(engine->env.arg, &outcome);
	}
	feed(engine);
	bf_timer_arm(&engine->timer, now_us + BF_MS(250));
}

/* ---- the engine ---- */

static int pg_open(
	struct bf_db_engine **out, const struct bf_db_engine_env *env, char *why, size_t why_size)
{
	const struct bf_conf *conf = env->conf;
	struct bf_db_engine *engine;
	int err = bf_pg_provision(conf, conf->storage.migrate, env->log, why, why_size);
	bool is_migrated = err >= 0;

	/* One that cannot be reached, or goes away meanwhile, as behind a pooler that lets us in, is away for now: rows go to the spool. */
	if (err == -ENOTCONN || err == -EIO)
		BF_LOG(env->log, BF_LOG_WARN, "tables not looked at yet", BF_STR("why", why));
	else if (err < 0)
		return err;
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	err = bf_pg_target(&engine->target, conf->storage.url, NULL, why, why_size);
	if (err) {
		free(engine);
		return err;
	}
	engine->env = *env;
	engine->is_migrated = is_migrated;
	engine->conn_conf = (struct bf_pg_conn_conf){.loop = env->loop,
		.target = &engine->target,
		.is_named = strcmp(conf->storage.prepare, "named") == 0,
		.connect_us = BF_MS((int64_t)conf->storage.connect_ms),
		.query_us = BF_MS((int64_t)conf->storage.query_ms),
		.arg = engine,
		.on_idle = on_idle,
		.on_lost = on_lost,
		.on_reply = on_conn_reply,
		.on_written = on_conn_written};
	bf_list_init(&engine->conns);
	bf_list_init(&engine->waiting);
	engine->rows = calloc(BF_DB_BATCH_COUNT_MAX, sizeof(*engine->rows));
	engine->conn_count_metric = bf_metric_new(env->metrics, BF_METRIC_GAUGE,
		"belfry_db_connections", NULL, "connections to PostgreSQL");
	engine->waiting_metric = bf_metric_new(env->metrics, BF_METRIC_GAUGE,
		"belfry_db_queries_waiting", NULL, "queries that wait for a connection");
	if (!engine->rows || !engine->conn_count_metric || !engine->waiting_metric) {
		free(engine->rows);
		free(engine);
		return -ENOMEM;
	}
	bf_timer_init(&engine->timer, env->loop, on_timer, engine);
	bf_timer_arm(&engine->timer, 0);
	*out = engine;
	return 0;
}

static void pg_ask(struct bf_db_engine *engine, struct bf_db_job *job)
{
	if (!engine->is_up && engine->why[0]) {
		refuse(engine, job, BF_DB_AWAY, engine->why);
	} else if (engine->waiting_count == WAITING_MAX) {
		refuse(engine, job, BF_DB_BUSY, "too many queries wait for a connection");
	} else {
		bf_list_append(&engine->waiting, &job->node);
		engine->waiting_count++;
		feed(engine);
	}
}

static void pg_write(struct bf_db_engine *engine, const struct bf_db_batch *batch)
{
	assert(!engine->batch);
	engine->batch = batch;
	feed(engine);
}

static void pg_close(struct bf_db_engine *engine)
{
	struct bf_db_job *job;

	engine->is_closing = true;
	while ((job = take_waiting(engine)) != NULL)
		engine->env.on_reply(engine->env.arg, job, NULL);
	if (engine->batch) {
		struct bf_db_outcome outcome = {.status = BF_DB_AWAY, .why = "closing"};

		engine->batch = NULL;
		engine->env.on_written(engine->env.arg, &outcome);
	}
	BF_LIST_EACH(conn, &engine->conns, struct bf_pg_conn, node)
		free_conn(engine, conn);
	bf_timer_disarm(&engine->timer);
	free(engine->rows);
	free(engine);
}

const struct bf_db_engine_ops bf_db_postgres = {
	.name = "postgres",
	.open = pg_open,
	.ask = pg_ask,
	.write = pg_write,
	.close = pg_close,
};
