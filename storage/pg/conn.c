#include "storage/pg/conn.h"

#include "core/base/clock.h"
#include "storage/pg/value.h"

#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#define SQLSTATE_BYTES 6
#define BINARY	       1

static const char context_sql[] =
	"SELECT set_config('app.system', $1, true), set_config('app.org', $2, true),"
	" set_config('app.user', $3, true), set_config('statement_timeout', $4, true)";

struct prepared {
	struct bf_map_node node;
	const struct bf_db_statement *statement;
};

/* ---- errors ---- */

static const struct {
	const char *sqlstate; /* or the beginning of it */
	enum bf_db_status status;
} meanings[] = {
	{"23505", BF_DB_EXISTS}, {"23503", BF_DB_NO_PARENT}, {"23", BF_DB_INVALID},
	{"22", BF_DB_INVALID}, {"57014", BF_DB_LATE},
	{"40", BF_DB_BUSY}, /* conflicts, when trying again did not help */
	{"08", BF_DB_AWAY}, {"53", BF_DB_AWAY}, {"57", BF_DB_AWAY}, {"58", BF_DB_AWAY},
	{"25006", BF_DB_AWAY}, /* it only reads by now */
};

static enum bf_db_status status_of(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strncmp(sqlstate, meanings[i].sqlstate, strlen(meanings[i].sqlstate)) == 0)
			return meanings[i].status;
	return BF_DB_FAILED;
}

/* Prepared on another connection behind the same pooler, or not on this one: by ourselves neither can happen. */
static bool is_of_pooler(const char *sqlstate)
{
	return sqlstate && (strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0);
}

/* The first error of a transaction is the one that counts. Its primary message names columns and constraints, never values, unlike
 * its details; but for texts that cannot be read as a type, which our binary values never are. */
static void note_error(
	struct bf_pg_conn *conn, const struct bf_pg_entry *entry, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

	if (conn->status != BF_DB_OK)
		return;
	conn->status = status_of(sqlstate ? sqlstate : "08000");
	conn->can_retry =
		sqlstate && (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0);
	conn->failed_step = entry->step_idx;
	snprintf(conn->why, sizeof(conn->why), "%s%s", message ? message : PQerrorMessage(conn->pg),
		is_of_pooler(sqlstate) ? ": a pooler in transaction mode needs "
					 "storage.prepare=unnamed"
				       : "");
	snprintf(conn->constraint, sizeof(conn->constraint), "%s", constraint ? constraint : "");
}

static void fail(struct bf_pg_conn *conn, size_t step_idx, const char *why)
{
	if (conn->status != BF_DB_OK)
		return;
	conn->status = BF_DB_FAILED;
	conn->failed_step = step_idx;
	snprintf(conn->why, sizeof(conn->why), "%s", why);
}

/* ---- ends ---- */

static void answer_job(struct bf_pg_conn *conn)
{
	struct bf_db_job *job = conn->job;
	struct bf_db_reply *reply = conn->reply.reply;

	conn->job = NULL;
	conn->reply.reply = NULL;
	if (conn->can_retry) {
		free(reply);
		conn->conf.on_reply(conn->conf.arg, conn, job, NULL, true);
		return;
	}
	if (conn->status != BF_DB_OK && conn->status != BF_DB_UNEXPECTED) {
		struct bf_db_reply_writer writer = {.reply = reply};

		bf_db_reply_fail(
			&writer, conn->status, conn->failed_step, conn->why, conn->constraint);
	}
	conn->conf.on_reply(conn->conf.arg, conn, job, reply, false);
}

static void answer_batch(struct bf_pg_conn *conn)
{
	struct bf_db_outcome outcome = {.status = conn->status, .why = conn->why};

	if (conn->can_retry)
		outcome.status = BF_DB_BUSY;
	conn->batch = NULL;
	conn->conf.on_written(conn->conf.arg, &outcome);
}

static void answer(struct bf_pg_conn *conn)
{
	if (conn->job)
		answer_job(conn);
	else if (conn->batch)
		answer_batch(conn);
}

static void lose(struct bf_pg_conn *conn, const char *why)
{
	char copy[256];

	if (conn->state == BF_PG_LOST)
		return;
	snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(why, "\n"), why);
	conn->state = BF_PG_LOST;
	bf_timer_disarm(&conn->timer);
	bf_ready_close(conn->ready);
	conn->ready = NULL;
	if (conn->status == BF_DB_OK) {
		conn->status = BF_DB_AWAY;
		snprintf(conn->why, sizeof(conn->why), "%s", copy);
	}
	conn->can_retry = false;
	answer(conn);
	conn->conf.on_lost(conn->conf.arg, conn, copy);
}

/* ---- sending ---- */

static void expect(struct bf_pg_conn *conn, struct bf_pg_entry entry)
{
	assert(conn->entry_count < BF_PG_ENTRY_COUNT_MAX);
	conn->entries[conn->entry_count++] = entry;
}

/* False: the connection is broken, or there was no memory; either way it is given up. */
static bool sent(struct bf_pg_conn *conn, int ok, struct bf_pg_entry entry)
{
	if (!ok)
		return false;
	expect(conn, entry);
	return true;
}

static bool send_command(struct bf_pg_conn *conn, const char *sql, enum bf_pg_entry_kind kind)
{
	return sent(conn, PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0),
		(struct bf_pg_entry){.kind = kind});
}

static bool send_sync(struct bf_pg_conn *conn)
{
	return sent(conn, PQpipelineSync(conn->pg), (struct bf_pg_entry){.kind = BF_PG_SYNC});
}

static bool send_context(struct bf_pg_conn *conn, const struct bf_db_scope *scope, int64_t time_us)
{
	static const struct bf_uuid nobody;
	char org[BF_UUID_TEXT] = "", user[BF_UUID_TEXT] = "", timeout[24];
	const char *values[] = {scope->is_system ? "on" : "off", org, user, timeout};

	if (!bf_uuid_equal(scope->org, nobody))
		bf_uuid_format(scope->org, org);
	if (!bf_uuid_equal(scope->user, nobody))
		bf_uuid_format(scope->user, user);
	snprintf(
		timeout, sizeof(timeout), "%lld", (long long)(time_us < 1000 ? 1 : time_us / 1000));
	return sent(conn,
		PQsendQueryParams(conn->pg, context_sql, 4, NULL, values, NULL, NULL, BINARY),
		(struct bf_pg_entry){.kind = BF_PG_CONTEXT});
}

static bool is_prepared(const struct bf_pg_conn *conn, const struct bf_db_statement *statement)
{
	for (size_t i = 0; i < conn->entry_count; i++) /* by an earlier step of this train */
		if (conn->entries[i].statement == statement)
			return true;
	return bf_map_get(&conn->prepared, bf_bytes(&statement, sizeof(statement))) != NULL;
}

static void note_prepared(struct bf_pg_conn *conn, const struct bf_db_statement *statement)
{
	struct prepared *prepared = calloc(1, sizeof(*prepared));

	if (!prepared)
		return; /* prepared again next time, which PostgreSQL refuses: see send_prepare */
	prepared->statement = statement;
	if (bf_map_put(&conn->prepared, &prepared->node,
		    bf_bytes(&prepared->statement, sizeof(prepared->statement))))
		free(prepared);
}

static bool send_prepare(
	struct bf_pg_conn *conn, const struct bf_db_statement *statement, const unsigned *oids)
{
	return sent(conn,
		PQsendPrepare(conn->pg, statement->name, statement->sql,
			(int)strlen(statement->params), oids),
		(struct bf_pg_entry){.kind = BF_PG_PREPARE, .statement = statement});
}

static bool send_step(struct bf_pg_conn *conn, const struct bf_db_job_step *step, size_t idx)
{
	const struct bf_db_statement *statement = step->statement;
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	unsigned oids[BF_DB_VALUE_COUNT_MAX];
	const char *at[BF_DB_VALUE_COUNT_MAX];
	int lens[BF_DB_VALUE_COUNT_MAX], formats[BF_DB_VALUE_COUNT_MAX];
	size_t count = strlen(statement->params);
	size_t size = step->params.len + count; /* a JSON value has a byte more */
	uint8_t *block = malloc(size ? size : 1);
	struct bf_wr wr = bf_wr(block, size);
	bool ok;
	int err;

	if (!block)
		return false;
	err = bf_db_row_read(step->params, statement->params, values);
	assert(!err);
	for (size_t i = 0; i < count; i++) {
		oids[i] = bf_pg_oid(statement->params[i]);
		formats[i] = BINARY;
		at[i] = values[i].is_set ? (const char *)wr.at : NULL;
		if (values[i].is_set)
			bf_pg_value_write(&wr, statement->params[i], &values[i]);
		lens[i] = values[i].is_set ? (int)(wr.at - (const uint8_t *)at[i]) : 0;
	}
	assert(!wr.is_full);
	if (conn->conf.is_named) {
		ok = is_prepared(conn, statement) || send_prepare(conn, statement, oids);
		ok = ok && PQsendQueryPrepared(conn->pg, statement->name, (int)count, at, lens,
				   formats, BINARY);
	} else {
		ok = PQsendQueryParams(
			conn->pg, statement->sql, (int)count, oids, at, lens, formats, BINARY);
	}
	free(block);
	return sent(conn, ok, (struct bf_pg_entry){.kind = BF_PG_STEP, .step_idx = idx});
}

static void want(struct bf_pg_conn *conn)
{
	int left = PQflush(conn->pg);

	if (left < 0)
		lose(conn, PQerrorMessage(conn->pg));
	else
		bf_ready_want(conn->ready, true, left > 0);
}

static void begin(struct bf_pg_conn *conn)
{
	conn->state = BF_PG_BUSY;
	conn->entry_at = conn->entry_count = 0;
	conn->status = BF_DB_OK;
	conn->can_retry = false;
	conn->failed_step = 0;
	conn->why[0] = conn->constraint[0] = '\0';
	/* beyond statement_timeout: a server that does not answer at all */
	bf_timer_arm(&conn->timer, bf_clock_mono_us() + conn->conf.query_us + BF_SEC(2));
}

static bool has_expectation(const struct bf_db_job *job)
{
	for (size_t i = 0; i < job->step_count; i++)
		if (job->steps[i].expected != BF_DB_ANY)
			return true;
	return false;
}

void bf_pg_conn_run(struct bf_pg_conn *conn, struct bf_db_job *job)
{
	bool ok = true;

	assert(conn->state == BF_PG_IDLE);
	begin(conn);
	conn->job = job;
	conn->is_explicit = has_expectation(job);
	if (bf_db_reply_begin(&conn->reply)) {
		fail(conn, 0, "out of memory");
		conn->state = BF_PG_IDLE;
		conn->reply.reply = NULL;
		conn->job = NULL;
		conn->conf.on_reply(conn->conf.arg, conn, job, NULL, false);
		return;
	}
	if (conn->is_explicit)
		ok = send_command(conn, "BEGIN", BF_PG_CONTEXT);
	ok = ok && send_context(conn, &job->scope, job->deadline_us - bf_clock_mono_us());
	for (size_t i = 0; i < job->step_count && ok; i++)
		ok = send_step(conn, &job->steps[i], i);
	if (ok && send_sync(conn))
		want(conn);
	else
		lose(conn, PQerrorMessage(conn->pg));
}

/* Rows of one stream, whose values are rows[0] .. rows[count - 1]. */
static bool send_part(struct bf_pg_conn *conn, const struct bf_db_stream *stream,
	const struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX], size_t count)
{
	unsigned oids[BF_DB_VALUE_COUNT_MAX];
	const char *at[BF_DB_VALUE_COUNT_MAX];
	int lens[BF_DB_VALUE_COUNT_MAX], formats[BF_DB_VALUE_COUNT_MAX];
	size_t column_count = strlen(stream->types), size = 0;
	struct bf_wr wr;
	uint8_t *block;
	int ok;

	for (size_t i = 0; i < column_count; i++)
		size += bf_pg_array_len(rows, count, i, stream->types[i]);
	block = malloc(size);
	if (!block)
		return false;
	wr = bf_wr(block, size);
	for (size_t i = 0; i < column_count; i++) {
		oids[i] = bf_pg_array_oid(stream->types[i]);
		formats[i] = BINARY;
		at[i] = (const char *)wr.at;
		bf_pg_array_write(&wr, rows, count, i, stream->types[i]);
		lens[i] = (int)(wr.at - (const uint8_t *)at[i]);
	}
	assert(!wr.is_full);
	ok = PQsendQueryParams(
		conn->pg, stream->postgres, (int)column_count, oids, at, lens, formats, BINARY);
	free(block);
	return sent(conn, ok, (struct bf_pg_entry){.kind = BF_PG_PART});
}

void bf_pg_conn_write(struct bf_pg_conn *conn, const struct bf_db_batch *batch,
	struct bf_db_value (*rows)[BF_DB_VALUE_COUNT_MAX])
{
	const struct bf_db_scope system = {.is_system = true};
	bool is_taken[BF_DB_BATCH_COUNT_MAX] = {false};
	bool ok;

	assert(conn->state == BF_PG_IDLE);
	begin(conn);
	conn->batch = batch;
	conn->is_explicit = false;
	ok = send_context(conn, &system, conn->conf.query_us);
	for (size_t first = 0; first < batch->row_count && ok; first++) {
		const struct bf_db_stream *stream = batch->rows[first].stream;
		size_t count = 0;

		if (is_taken[first])
			continue;
		for (size_t i = first; i < batch->row_count; i++) {
			if (batch->rows[i].stream != stream)
				continue;
			is_taken[i] = true;
			if (bf_db_row_read(batch->rows[i].bytes, stream->types, rows[count])) {
				/* of another version: refused, as by the database; found by halving like others */
				conn->status = BF_DB_INVALID;
				snprintf(conn->why, sizeof(conn->why),
					"these bytes are no row of this stream");
				continue;
			}
			count++;
		}
		if (conn->status == BF_DB_OK)
			ok = send_part(conn, stream,
				(const struct bf_db_value(*)[BF_DB_VALUE_COUNT_MAX])rows, count);
	}
	if (ok && conn->status != BF_DB_OK) /* nothing of it must be kept */
		ok = send_command(conn, "SELECT 1/0", BF_PG_CONTEXT);
	if (ok && send_sync(conn))
		want(conn);
	else
		lose(conn, PQerrorMessage(conn->pg));
}

/* ---- results ---- */

static bool read_row(const PGresult *result, int row, const char *types, struct bf_db_value *out)
{
	for (int i = 0; types[i]; i++) {
		out[i] = bf_db_null();
		if (PQgetisnull(result, row, i))
			continue;
		if (PQftype(result, i) != bf_pg_oid(types[i]) ||
			!bf_pg_value_read(bf_bytes(PQgetvalue(result, row, i),
						  (size_t)PQgetlength(result, row, i)),
				types[i], &out[i]))
			return false;
	}
	return true;
}

static void take_rows(struct bf_pg_conn *conn, size_t step_idx, const PGresult *result)
{
	const char *types = conn->job->steps[step_idx].statement->columns;
	struct bf_db_value values[BF_DB_VALUE_COUNT_MAX];
	int row_count = PQntuples(result);

	if ((size_t)PQnfields(result) != strlen(types)) {
		fail(conn, step_idx, "it brings another number of columns");
		return;
	}
	for (int i = 0; i < row_count; i++) {
		int err;

		if (!read_row(result, i, types, values)) {
			fail(conn, step_idx, "a column is not of its type");
			return;
		}
		err = bf_db_reply_row(&conn->reply, values);
		if (err) {
			fail(conn, step_idx,
				err == -EMSGSIZE ? "it brings more than an answer holds"
						 : "out of memory");
			return;
		}
	}
}

static void on_step(
	struct bf_pg_conn *conn, const struct bf_pg_entry *entry, const PGresult *result)
{
	const struct bf_db_job_step *step = &conn->job->steps[entry->step_idx];
	const char *changed = PQcmdTuples((PGresult *)(uintptr_t)result);

	if (conn->status != BF_DB_OK)
		return;
	bf_db_reply_step(&conn->reply, step->statement->columns);
	take_rows(conn, entry->step_idx, result);
	bf_db_reply_changed(&conn->reply, strtoll(changed, NULL, 10));
	if (conn->status == BF_DB_OK && !bf_db_reply_is_expected(&conn->reply, step->expected))
		conn->status = BF_DB_UNEXPECTED;
}

static void finish(struct bf_pg_conn *conn)
{
	conn->state = BF_PG_IDLE;
	conn->idle_since_us = bf_clock_mono_us();
	bf_timer_disarm(&conn->timer);
	answer(conn);
	conn->conf.on_idle(conn->conf.arg, conn);
}

/* All of the train has come back. */
static void on_sync(struct bf_pg_conn *conn)
{
	if (!conn->is_explicit) {
		finish(conn);
		return;
	}
	conn->is_explicit = false;
	if (send_command(conn, conn->status == BF_DB_OK ? "COMMIT" : "ROLLBACK", BF_PG_END) &&
		send_sync(conn))
		want(conn);
	else
		lose(conn, PQerrorMessage(conn->pg));
}

static void on_result(struct bf_pg_conn *conn, const PGresult *result)
{
	const struct bf_pg_entry *entry = &conn->entries[conn->entry_at];

	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
		if (entry->kind == BF_PG_PREPARE)
			note_prepared(conn, entry->statement);
		else if (entry->kind == BF_PG_STEP)
			on_step(conn, entry, result);
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		note_error(conn, entry, result);
		break;
	}
}

/* False: no more for now. */
static bool take_result(struct bf_pg_conn *conn)
{
	PGresult *result;

	if (conn->state != BF_PG_BUSY || PQisBusy(conn->pg))
		return false;
	result = PQgetResult(conn->pg);
	if (!result) { /* the end of one entry's results */
		if (conn->entry_at == conn->entry_count)
			return false;
		conn->entry_at++;
		return true;
	}
	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		conn->entry_at = conn->entry_count = 0;
		on_sync(conn);
		return true;
	}
	if (conn->entry_at < conn->entry_count)
		on_result(conn, result);
	PQclear(result);
	return true;
}

/* ---- connecting ---- */

static void watch(struct bf_pg_conn *conn);

static void on_connected(struct bf_pg_conn *conn)
{
	if (!PQenterPipelineMode(conn->pg) || PQsetnonblocking(conn->pg, 1)) {
		lose(conn, PQerrorMessage(conn->pg));
		return;
	}
	conn->state = BF_PG_IDLE;
	conn->idle_since_us = bf_clock_mono_us();
	bf_timer_disarm(&conn->timer);
	bf_ready_want(conn->ready, true, false); /* for its end */
	conn->conf.on_idle(conn->conf.arg, conn);
}

static void poll_connecting(struct bf_pg_conn *conn)
{
	PostgresPollingStatusType status = PQconnectPoll(conn->pg);

	watch(conn);
	if (conn->state != BF_PG_CONNECTING)
		return;
	switch (status) {
	case PGRES_POLLING_OK:
		on_connected(conn);
		break;
	case PGRES_POLLING_READING:
		bf_ready_want(conn->ready, true, false);
		break;
	case PGRES_POLLING_WRITING:
		bf_ready_want(conn->ready, false, true);
		break;
	default:
		lose(conn, PQerrorMessage(conn->pg));
		break;
	}
}

static void on_readable(void *arg)
{
	struct bf_pg_conn *conn = arg;

	if (conn->state == BF_PG_CONNECTING) {
		poll_connecting(conn);
		return;
	}
	if (!PQconsumeInput(conn->pg)) {
		lose(conn, PQerrorMessage(conn->pg));
		return;
	}
	while (take_result(conn))
		;
	if (conn->state == BF_PG_IDLE && PQstatus(conn->pg) == CONNECTION_BAD)
		lose(conn, PQerrorMessage(conn->pg));
	else if (conn->state == BF_PG_BUSY || conn->state == BF_PG_IDLE)
		want(conn);
}

static void on_writable(void *arg)
{
	struct bf_pg_conn *conn = arg;

	if (conn->state == BF_PG_CONNECTING)
		poll_connecting(conn);
	else
		want(conn);
}

/* libpq tries one host after the other, each on a socket of its own. */
static void watch(struct bf_pg_conn *conn)
{
	int fd = PQsocket(conn->pg);

	if (conn->ready && conn->fd == fd)
		return;
	bf_ready_close(conn->ready);
	conn->ready = NULL;
	conn->fd = fd;
	if (fd < 0 ||
		bf_ready_new(&conn->ready, conn->conf.loop, fd, on_readable, on_writable, conn))
		lose(conn, fd < 0 ? PQerrorMessage(conn->pg) : "out of memory");
}

static void on_timer(void *arg)
{
	struct bf_pg_conn *conn = arg;
	struct bf_pg_target *target = conn->conf.target;

	if (conn->state == BF_PG_CONNECTING && PQstatus(conn->pg) != CONNECTION_BAD &&
		conn->turn == target->turn_count) /* else another one has turned it already */
		bf_pg_target_turn(target);
	conn->is_silent = conn->state == BF_PG_BUSY;
	if (PQstatus(conn->pg) == CONNECTION_BAD) /* it failed as it began: see fail_soon */
		lose(conn, PQerrorMessage(conn->pg));
	else
		lose(conn, conn->state == BF_PG_CONNECTING
				   ? "connecting takes longer than storage.connect_ms"
				   : "the server does not answer");
}

static void on_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result; /* for people at a terminal */
}

/* Fails later, from the loop, so that whoever makes a connection need not expect to lose it at once. */
static void fail_soon(struct bf_pg_conn *conn)
{
	bf_timer_arm(&conn->timer, 0);
}

int bf_pg_conn_new(struct bf_pg_conn **out, const struct bf_pg_conn_conf *conf)
{
	struct bf_pg_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->conf = *conf;
	conn->fd = -1;
	conn->state = BF_PG_CONNECTING;
	conn->turn = conf->target->turn_count;
	bf_list_init(&conn->node);
	bf_timer_init(&conn->timer, conf->loop, on_timer, conn);
	if (bf_map_init(&conn->prepared, 64, BF_PG_PREPARED_MAX)) {
		free(conn);
		return -ENOMEM;
	}
	conn->pg = PQconnectStartParams(conf->target->keys, conf->target->values, 1);
	if (!conn->pg) {
		bf_map_deinit(&conn->prepared);
		free(conn);
		return -ENOMEM;
	}
	PQsetNoticeReceiver(conn->pg, on_notice, NULL);
	bf_timer_arm(&conn->timer, bf_clock_mono_us() + conf->connect_us);
	conn->fd = PQsocket(conn->pg);
	if (PQstatus(conn->pg) == CONNECTION_BAD || conn->fd < 0 ||
		bf_ready_new(&conn->ready, conf->loop, conn->fd, on_readable, on_writable, conn))
		fail_soon(conn);
	else
		bf_ready_want(conn->ready, false, true);
	*out = conn;
	return 0;
}

void bf_pg_conn_free(struct bf_pg_conn *conn)
{
	struct bf_map_node *node;

	bf_timer_disarm(&conn->timer);
	bf_ready_close(conn->ready);
	conn->ready = NULL;
	if (conn->status ==
		BF_DB_OK) /* nobody knows whether it has happened; a batch's rows come again */
		conn->status = conn->job ? BF_DB_CLOSED : BF_DB_AWAY;
	conn->can_retry = false;
	answer(conn);
	while ((node = bf_map_next(&conn->prepared, NULL)) != NULL) {
		bf_map_remove(&conn->prepared, node);
		free(BF_CONTAINER(node, struct prepared, node));
	}
	bf_map_deinit(&conn->prepared);
	free(conn->reply.reply);
	PQfinish(conn->pg);
	free(conn);
}
