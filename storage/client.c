#include "storage/client.h"

#include "core/base/clock.h"
#include "core/loop/inbox.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A call's id is its slot's place and, above it, how often the slot has been used: an id is never met again. */
#define SLOT_BITS 16
#define NO_SLOT	  UINT32_MAX

struct slot {
	int64_t call; /* 0: free */
	bf_db_on_answer *on_answer;
	bf_db_on_done *on_done;
	void *arg;
	uint32_t next_free;
};

struct bf_db_client {
	/* given */
	struct bf_db_gate *gate;
	/* owned: as many messages as calls may wait, so that no reply finds it full */
	struct bf_inbox *inbox;
	/* state */
	unsigned idx;
	uint32_t first_free;
	int64_t use_count;
	struct slot slots[BF_DB_CALL_COUNT_MAX];
};

/* ---- the way back ---- */

static bool take_slot(struct bf_db_client *client, int64_t call, struct slot *out)
{
	uint32_t idx = (uint32_t)(call & ((1 << SLOT_BITS) - 1));
	struct slot *slot = &client->slots[idx];

	assert(slot->call == call);
	*out = *slot;
	*slot = (struct slot){.next_free = client->first_free};
	client->first_free = idx;
	return out->on_answer || out->on_done;
}

static void deliver(const struct slot *slot, const struct bf_db_reply *reply)
{
	struct bf_db_rows rows[BF_DB_STEP_COUNT_MAX];
	struct bf_db_answer answer = {.status = reply->status,
		.step_idx = reply->step_idx,
		.why = reply->why,
		.constraint = reply->constraint,
		.row_steps = reply->step_count,
		.steps = rows};

	if (slot->on_done) {
		slot->on_done(slot->arg, reply->status);
		return;
	}
	for (size_t i = 0; i < reply->step_count; i++) {
		const struct bf_db_reply_step *step = &reply->steps[i];

		rows[i] = (struct bf_db_rows){.types = step->types,
			.row_count = step->row_count,
			.changed_count = step->changed_count,
			.left = bf_bytes(reply->bytes + step->at, step->len)};
	}
	slot->on_answer(slot->arg, &answer);
}

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_db_client *client = arg;
	struct bf_db_reply bare = {.status = BF_DB_OK};
	const struct bf_db_reply *reply = &bare;
	struct slot slot;

	if (msg->kind == BF_DB_MSG_REPLY) {
		reply = (const struct bf_db_reply *)(const void *)msg;
	} else {
		const struct bf_db_done *done = (const struct bf_db_done *)(const void *)msg;

		bare.call = done->call;
		bare.status = done->status;
	}
	if (take_slot(client, reply->call, &slot))
		deliver(&slot, reply);
	bf_msg_free(msg);
}

static void post_back(struct bf_db_gate *gate, unsigned client_idx, struct bf_msg *msg)
{
	int err = bf_inbox_post(atomic_load(&gate->clients[client_idx]), msg);

	assert(!err); /* it has room for every call that waits */
}

void bf_db_gate_reply(
	struct bf_db_gate *gate, const struct bf_db_asker *asker, struct bf_db_reply *reply)
{
	if (!asker->call) {
		bf_msg_free(&reply->msg);
		return;
	}
	reply->call = asker->call;
	post_back(gate, asker->client_idx, &reply->msg);
}

void bf_db_gate_done(struct bf_db_gate *gate, const struct bf_db_asker *asker,
	enum bf_db_status status, struct bf_msg *block)
{
	struct bf_db_done *done = (struct bf_db_done *)(void *)block;
	struct bf_db_asker copy = *asker; /* which lies in the block */

	static_assert(sizeof(struct bf_db_done) <= sizeof(struct bf_db_row), "");
	static_assert(sizeof(struct bf_db_done) <= sizeof(struct bf_db_job), "");
	if (!copy.call) {
		bf_msg_free(block);
		return;
	}
	done->msg.kind = BF_DB_MSG_DONE;
	done->call = copy.call;
	done->status = status;
	post_back(gate, copy.client_idx, &done->msg);
}

/* ---- clients ---- */

int bf_db_client_new(struct bf_db_client **out, struct bf_db *db, struct bf_loop *loop)
{
	struct bf_db_gate *gate = bf_db_gate(db);
	struct bf_db_client *client = calloc(1, sizeof(*client));
	unsigned idx;
	int err;

	static_assert(BF_DB_CALL_COUNT_MAX <= 1 << SLOT_BITS, "");
	if (!client)
		return -ENOMEM;
	client->gate = gate;
	err = bf_inbox_new(&client->inbox, loop, BF_DB_CALL_COUNT_MAX, on_message, client);
	if (err)
		goto fail;
	idx = atomic_fetch_add(&gate->client_count, 1);
	if (idx >= BF_DB_CLIENT_COUNT_MAX) {
		atomic_fetch_sub(&gate->client_count, 1);
		bf_inbox_free(client->inbox);
		err = -ENOBUFS;
		goto fail;
	}
	client->idx = idx;
	for (uint32_t i = 0; i < BF_DB_CALL_COUNT_MAX; i++)
		client->slots[i].next_free = i + 1 < BF_DB_CALL_COUNT_MAX ? i + 1 : NO_SLOT;
	atomic_store(&gate->clients[idx], client->inbox);
	*out = client;
	return 0;

fail:
	free(client);
	return err;
}

void bf_db_client_free(struct bf_db_client *client)
{
	if (!client)
		return;
	assert(atomic_load(&client->gate->is_closed)); /* nobody posts to it any more */
	bf_inbox_free(client->inbox);
	free(client);
}

/* ---- the way in ---- */

static int put_slot(
	struct bf_db_client *client, const struct slot *given, struct bf_db_asker *asker)
{
	uint32_t idx = client->first_free;
	struct slot *slot;

	if (idx == NO_SLOT)
		return -ENOBUFS;
	slot = &client->slots[idx];
	client->first_free = slot->next_free;
	*slot = *given;
	slot->call = ++client->use_count << SLOT_BITS | idx;
	*asker = (struct bf_db_asker){.client_idx = client->idx, .call = slot->call};
	return 0;
}

static int post(struct bf_db_client *client, struct bf_msg *msg, const struct bf_db_asker *asker)
{
	struct slot unused;
	int64_t call = asker->call;
	int err = bf_inbox_post(client->gate->inbox, msg);

	if (!err)
		return 0;
	bf_metric_add(client->gate->refused, 1);
	if (call)
		(void)take_slot(client, call, &unused);
	bf_msg_free(msg);
	return err;
}

static int check_steps(const struct bf_db_step *steps, size_t step_count)
{
	size_t len = 0;
	char why[128];
	int err = 0;

	assert(step_count >= 1 && step_count <= BF_DB_STEP_COUNT_MAX);
	for (size_t i = 0; i < step_count && !err; i++) {
		err = bf_db_row_check(
			steps[i].statement->params, steps[i].params, why, sizeof(why));
		if (!err)
			len += bf_db_row_len(steps[i].statement->params, steps[i].params);
	}
	return !err && len > BF_DB_ROW_BYTES_MAX ? -EMSGSIZE : err;
}

int64_t bf_db_ask(struct bf_db_client *client, const struct bf_db_scope *scope,
	const struct bf_db_step *steps, size_t step_count, bf_db_on_answer *on_answer, void *arg)
{
	struct bf_db_asker asker = {0};
	struct slot slot = {.on_answer = on_answer, .arg = arg};
	struct bf_db_job *job;
	int err = check_steps(steps, step_count);

	if (err)
		return err;
	if (atomic_load(&client->gate->is_closed))
		return -ECANCELED;
	job = bf_db_job_new(scope, steps, step_count);
	if (!job)
		return -ENOMEM;
	err = put_slot(client, &slot, &asker);
	if (err) {
		bf_metric_add(client->gate->refused, 1);
		bf_msg_free(&job->msg);
		return err;
	}
	job->asker = asker;
	job->asked_us = bf_clock_mono_us();
	job->deadline_us = job->asked_us + client->gate->query_us;
	err = post(client, &job->msg, &asker);
	return err ? err : asker.call;
}

void bf_db_forget(struct bf_db_client *client, int64_t call)
{
	struct slot *slot = &client->slots[call & ((1 << SLOT_BITS) - 1)];

	if (slot->call != call)
		return;
	slot->on_answer = NULL;
	slot->on_done = NULL;
}

int bf_db_append(struct bf_db_client *client, const struct bf_db_stream *stream,
	const struct bf_db_value *values, bf_db_on_done *on_done, void *arg)
{
	struct slot slot = {.on_done = on_done, .arg = arg};
	struct bf_db_asker asker = {0};
	struct bf_db_row *row;
	char why[128];
	int err = bf_db_row_check(stream->types, values, why, sizeof(why));

	assert(stream->is_durable || !on_done);
	if (err)
		return err;
	if (atomic_load(&client->gate->is_closed))
		return -ECANCELED;
	row = bf_db_row_new(stream, values);
	if (!row)
		return -ENOMEM;
	if (on_done) {
		err = put_slot(client, &slot, &asker);
		if (err) {
			bf_metric_add(client->gate->refused, 1);
			bf_msg_free(&row->msg);
			return err;
		}
	}
	row->asker = asker;
	row->asked_us = bf_clock_mono_us();
	return post(client, &row->msg, &asker);
}

bool bf_db_rows_next(struct bf_db_rows *rows, struct bf_db_value out[static BF_DB_VALUE_COUNT_MAX])
{
	struct bf_rd rd = bf_rd(rows->left);
	struct bf_bytes row;
	int err;

	if (rows->left.len == 0)
		return false;
	row = bf_rd_bytes(&rd, bf_rd_u32(&rd));
	err = bf_db_row_read(row, rows->types, out);
	assert(!err); /* our own writing */
	rows->left = bf_bytes(rd.at, bf_rd_left(&rd));
	return true;
}

const char *bf_db_status_name(enum bf_db_status status)
{
	static const char *const names[BF_DB_STATUS_COUNT] = {"ok", "away", "busy", "late",
		"exists", "no parent", "invalid", "unexpected", "failed", "closed"};

	return names[status];
}
