/* storage/sqlite/engine.c - the engine on an embedded file: one connection, used by the storage thread itself.
 *
 * Jobs and batches are done in the loop's turns, JOBS_A_TURN at most, so that those who ask and those who append take turns.
 */
#include "storage/engine.h"
#include "core/base/clock.h"
#include "core/loop/timer.h"
#include "storage/sqlite/conn.h"
#include "storage/sqlite/migrate.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS_A_TURN 64

struct bf_db_engine {
	/* given */
	struct bf_db_engine_env env;
	/* owned */
	struct bf_sqlite conn;
	struct bf_timer timer;
	/* state */
	struct bf_list jobs;
	const struct bf_db_batch *batch;
	bool is_relaxed; /* synchronous=NORMAL */
	bool is_told;	 /* that the database is up */
};

/* ---- one job ---- */

static enum bf_db_status fetch(struct bf_db_engine *engine, struct bf_sqlite_statement *statement,
	const char *types, struct bf_db_reply_writer *writer)
{
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	int before = sqlite3_total_changes(engine->conn.db), got;

	while ((got = bf_sqlite_step(&engine->conn, statement)) > 0) {
		enum bf_db_status status = bf_sqlite_read(&engine->conn, statement, types, values);
		int err;

		if (status != BF_DB_OK)
			return status;
		err = bf_db_reply_row(writer, values);
		if (err) {
			snprintf(engine->conn.why, sizeof(engine->conn.why), "%s",
				err == -EMSGSIZE ? "it brings more than an answer holds"
						 : "out of memory");
			return BF_DB_FAILED;
		}
	}
	if (got < 0)
		return bf_sqlite_status(&engine->conn);
	/* not sqlite3_changes, which a statement that changes nothing leaves as it was; rows of cascades do not count */
	bf_db_reply_changed(writer, sqlite3_total_changes(engine->conn.db) != before
					    ? sqlite3_changes(engine->conn.db)
					    : 0);
	return BF_DB_OK;
}

static const char *text_of(const struct bf_db_statement *statement)
{
	return statement->sqlite ? statement->sqlite : statement->sql;
}

static enum bf_db_status run_step(struct bf_db_engine *engine, const struct bf_db_job_step *step,
	struct bf_db_reply_writer *writer)
{
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	struct bf_sqlite_statement *statement =
		bf_sqlite_prepare(&engine->conn, text_of(step->statement));
	enum bf_db_status status;
	int err = bf_db_row_read(step->params, step->statement->params, values);

	assert(!err);
	engine->conn.constraint[0] = '\0';
	if (!statement)
		return BF_DB_FAILED;
	status = bf_sqlite_bind(&engine->conn, statement, step->statement->params, values);
	if (status == BF_DB_OK) {
		bf_db_reply_step(writer, step->statement->columns);
		status = fetch(engine, statement, step->statement->columns, writer);
	}
	bf_sqlite_reset(statement);
	return status;
}

static void run_steps(
	struct bf_db_engine *engine, struct bf_db_job *job, struct bf_db_reply_writer *writer)
{
	enum bf_db_status status = bf_sqlite_run(&engine->conn, "BEGIN IMMEDIATE");
	size_t i = 0;

	for (; i < job->step_count && status == BF_DB_OK; i++) {
		status = run_step(engine, &job->steps[i], writer);
		if (status == BF_DB_OK && !bf_db_reply_is_expected(writer, job->steps[i].expected))
			goto undo; /* the reply says it */
	}
	if (status == BF_DB_OK)
		status = bf_sqlite_run(&engine->conn, "COMMIT");
	if (status == BF_DB_OK)
		return;
	bf_db_reply_fail(
		writer, status, i > 0 ? i - 1 : 0, engine->conn.why, engine->conn.constraint);
undo:
	if (!sqlite3_get_autocommit(engine->conn.db))
		(void)bf_sqlite_run(&engine->conn, "ROLLBACK");
}

/* A read by itself needs no transaction around it. */
static bool is_one_read(struct bf_db_engine *engine, const struct bf_db_job *job)
{
	struct bf_sqlite_statement *statement;

	if (job->step_count != 1)
		return false;
	statement = bf_sqlite_prepare(&engine->conn, text_of(job->steps[0].statement));
	return statement && sqlite3_stmt_readonly(statement->stmt);
}

static void relax(struct bf_db_engine *engine, bool is_relaxed)
{
	if (engine->is_relaxed == is_relaxed)
		return;
	if (bf_sqlite_run(&engine->conn, is_relaxed ? "PRAGMA synchronous=NORMAL"
						    : "PRAGMA synchronous=FULL") == BF_DB_OK)
		engine->is_relaxed = is_relaxed;
}

static void run_job(struct bf_db_engine *engine, struct bf_db_job *job)
{
	struct bf_db_reply_writer writer;

	if (bf_db_reply_begin(&writer)) {
		engine->env.on_reply(engine->env.arg, job, NULL);
		return;
	}
	relax(engine, false);
	engine->conn.deadline_us = job->deadline_us;
	if (bf_clock_mono_us() >= job->deadline_us) {
		bf_db_reply_fail(&writer, BF_DB_LATE, 0, "it waited too long", NULL);
	} else if (is_one_read(engine, job)) {
		enum bf_db_status status = run_step(engine, &job->steps[0], &writer);

		if (status != BF_DB_OK)
			bf_db_reply_fail(
				&writer, status, 0, engine->conn.why, engine->conn.constraint);
		else
			(void)bf_db_reply_is_expected(&writer, job->steps[0].expected);
	} else {
		run_steps(engine, job, &writer);
	}
	engine->conn.deadline_us = 0;
	engine->env.on_reply(engine->env.arg, job, writer.reply);
}

/* ---- a batch ---- */

static enum bf_db_status write_row(struct bf_db_engine *engine, const struct bf_db_batch_row *row)
{
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	struct bf_sqlite_statement *statement;
	enum bf_db_status status;

	if (bf_db_row_read(row->bytes, row->stream->types, values)) {
		snprintf(engine->conn.why, sizeof(engine->conn.why),
			"these bytes are no row of this stream");
		return BF_DB_INVALID;
	}
	statement = bf_sqlite_prepare(&engine->conn, row->stream->sqlite);
	if (!statement)
		return BF_DB_FAILED;
	status = bf_sqlite_bind(&engine->conn, statement, row->stream->types, values);
	if (status == BF_DB_OK && bf_sqlite_step(&engine->conn, statement) < 0)
		status = bf_sqlite_status(&engine->conn);
	bf_sqlite_reset(statement);
	return status;
}

static void run_batch(struct bf_db_engine *engine)
{
	const struct bf_db_batch *batch = engine->batch;
	struct bf_db_outcome outcome = {.why = engine->conn.why};

	relax(engine, !batch->is_durable);
	engine->conn.why[0] = '\0';
	outcome.status = bf_sqlite_run(&engine->conn, "BEGIN IMMEDIATE");
	for (size_t i = 0; i < batch->row_count && outcome.status == BF_DB_OK; i++)
		outcome.status = write_row(engine, &batch->rows[i]);
	if (outcome.status == BF_DB_OK)
		outcome.status = bf_sqlite_run(&engine->conn, "COMMIT");
	if (!sqlite3_get_autocommit(engine->conn.db)) {
		char why[sizeof(engine->conn.why)];

		memcpy(why, engine->conn.why, sizeof(why));
		(void)bf_sqlite_run(&engine->conn, "ROLLBACK");
		memcpy(engine->conn.why, why, sizeof(why));
	}
	engine->batch = NULL;
	engine->env.on_written(engine->env.arg, &outcome);
}

/* ---- the engine ---- */

static void on_timer(void *arg)
{
	struct bf_db_engine *engine = arg;
	struct bf_list *node;

	if (!engine->is_told) {
		engine->is_told = true;
		engine->env.on_state(engine->env.arg, true, "");
	}
	if (engine->batch)
		run_batch(engine);
	for (int i = 0; i < JOBS_A_TURN && (node = bf_list_first(&engine->jobs)) != NULL; i++) {
		bf_list_remove(node);
		run_job(engine, BF_CONTAINER(node, struct bf_db_job, node));
	}
	if (engine->batch || !bf_list_is_empty(&engine->jobs))
		bf_timer_arm(&engine->timer, bf_clock_mono_us());
}

static int bring_up_to_date(struct bf_db_engine *engine, char *why, size_t why_size)
{
	int count = bf_sqlite_migrate(&engine->conn, bf_sqlite_migrations,
		bf_sqlite_migration_count, engine->env.conf->storage.migrate, why, why_size);

	if (count > 0)
		BF_LOG(engine->env.log, BF_LOG_INFO, "tables brought up to date",
			BF_INT("migrations", count));
	return count < 0 ? count : 0;
}

static int sqlite_open(
	struct bf_db_engine **out, const struct bf_db_engine_env *env, char *why, size_t why_size)
{
	struct bf_db_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return -ENOMEM;
	engine->env = *env;
	bf_list_init(&engine->jobs);
	err = bf_sqlite_open(&engine->conn, env->conf->storage.folder, why, why_size);
	if (!err) {
		err = bring_up_to_date(engine, why, why_size);
		if (err)
			bf_sqlite_close(&engine->conn);
	}
	if (err) {
		free(engine);
		return err;
	}
	bf_timer_init(&engine->timer, env->loop, on_timer, engine);
	bf_timer_arm(&engine->timer, 0);
	*out = engine;
	return 0;
}

static void sqlite_ask(struct bf_db_engine *engine, struct bf_db_job *job)
{
	bf_list_append(&engine->jobs, &job->node);
	bf_timer_arm(&engine->timer, 0);
}

static void sqlite_write(struct bf_db_engine *engine, const struct bf_db_batch *batch)
{
	assert(!engine->batch);
	engine->batch = batch;
	bf_timer_arm(&engine->timer, 0);
}

static void sqlite_engine_close(struct bf_db_engine *engine)
{
	struct bf_db_outcome outcome = {.status = BF_DB_AWAY, .why = "closing"};
	struct bf_list *node;

	bf_timer_disarm(&engine->timer);
	if (engine->batch)
		engine->env.on_written(engine->env.arg, &outcome);
	while ((node = bf_list_first(&engine->jobs)) != NULL) {
		bf_list_remove(node);
		engine->env.on_reply(
			engine->env.arg, BF_CONTAINER(node, struct bf_db_job, node), NULL);
	}
	bf_sqlite_close(&engine->conn);
	free(engine);
}

const struct bf_db_engine_ops bf_db_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.ask = sqlite_ask,
	.write = sqlite_write,
	.close = sqlite_engine_close,
};
