#include "core/loop/inbox.h"
#include "core/loop/timer.h"
#include "storage/blob/blob_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A call's id is its slot's place and, above it, how often slots have been used: an id is never met again. */
#define SLOT_BITS 16
#define NO_SLOT	  UINT32_MAX

struct slot {
	int64_t call; /* 0: free */
	enum blob_verb verb;
	bf_blob_on_answer *on_answer; /* NULL: nothing is called any more */
	void *arg;
	struct bf_blob_source source;
	struct bf_blob_sink sink;
	struct blob_note *spare;      /* to cancel it without memory; NULL: it was */
	enum bf_blob_status given_up; /* as what we cancelled it; BF_BLOB_OK: we did not */
	const char *given_up_why;
	unsigned wanted; /* put: chunks the store takes now; get: chunks not yet thanked for */
	bool is_paused;	 /* by source or sink */
	bool is_resumed;
	bool is_over; /* put: the last chunk has been sent */
	uint32_t next_free;
};

struct bf_blob_client {
	/* given */
	struct blob_gate *gate;
	struct bf_loop *loop;
	/* owned: as many messages as all calls may have on their way */
	struct bf_inbox *inbox;
	struct bf_timer work;
	/* state */
	unsigned idx;
	uint32_t first_free;
	int64_t use_count;
	struct slot slots[BF_BLOB_CALL_COUNT_MAX];
};

/* ---- to the store ---- */

static void post(struct bf_blob_client *client, struct bf_msg *msg)
{
	int err = bf_inbox_post(client->gate->inbox, msg);

	assert(!err); /* it has room for all that calls may have on their way */
}

/* The store answers with `status`; and if its answer is on the way already, that is what is told. */
static void give_up(struct bf_blob_client *client, struct slot *slot, enum bf_blob_status status,
	const char *why)
{
	struct blob_note *note = slot->spare;

	if (!note)
		return;
	slot->spare = NULL;
	slot->is_over = true;
	slot->given_up = status;
	slot->given_up_why = why;
	note->status = status;
	note->why = why;
	post(client, &note->msg);
}

static struct blob_note *note_new(
	struct bf_blob_client *client, int64_t call, enum blob_msg_kind kind)
{
	struct blob_note *note = bf_msg_new((uint16_t)kind, sizeof(*note));

	if (!note)
		return NULL;
	note->client_idx = client->idx;
	note->call = call;
	return note;
}

/* ---- put: bytes of the source ---- */

static int64_t pull_bytes(struct slot *slot, uint8_t *out, size_t size)
{
	struct bf_bytes *left = &slot->source.bytes;
	size_t len = left->len < size ? left->len : size;

	if (slot->source.pull)
		return slot->source.pull(slot->source.arg, out, size);
	if (len > 0)
		memcpy(out, left->data, len);
	left->data = len > 0 ? left->data + len : left->data;
	left->len -= len;
	return (int64_t)len;
}

/* One chunk. False: not now, or no more. */
static bool send_chunk(struct bf_blob_client *client, struct slot *slot)
{
	struct blob_chunk *chunk = bf_msg_new(BLOB_MSG_CHUNK, sizeof(*chunk) + BF_BLOB_CHUNK_BYTES);
	int64_t len;

	if (!chunk) {
		give_up(client, slot, BF_BLOB_FAILED, "no memory for a chunk");
		return false;
	}
	len = pull_bytes(slot, chunk->data, BF_BLOB_CHUNK_BYTES);
	if (len < 0 || !slot->on_answer) {
		bf_msg_free(&chunk->msg);
		slot->is_paused = len == -EAGAIN;
		if (len < 0 && len != -EAGAIN)
			give_up(client, slot, BF_BLOB_STOPPED, "the source broke off");
		return false;
	}
	assert((size_t)len <= BF_BLOB_CHUNK_BYTES);
	chunk->client_idx = client->idx;
	chunk->call = slot->call;
	chunk->len = (size_t)len;
	chunk->is_last = slot->is_over = len == 0;
	slot->wanted--;
	post(client, &chunk->msg);
	return !slot->is_over;
}

static void feed(struct bf_blob_client *client, struct slot *slot)
{
	while (slot->wanted > 0 && !slot->is_paused && !slot->is_over && slot->on_answer)
		if (!send_chunk(client, slot))
			break;
}

/* ---- get: bytes for the sink ---- */

static void thank(struct bf_blob_client *client, struct slot *slot)
{
	struct blob_note *note;

	if (slot->wanted == 0 || slot->is_paused || !slot->spare)
		return;
	note = note_new(client, slot->call, BLOB_MSG_MORE);
	if (!note) {
		give_up(client, slot, BF_BLOB_FAILED, "no memory for a message");
		return;
	}
	note->count = slot->wanted;
	slot->wanted = 0;
	post(client, &note->msg);
}

static void on_chunk(struct bf_blob_client *client, struct slot *slot, struct blob_chunk *chunk)
{
	int result;

	if (!slot->on_answer || !slot->spare)
		return;
	slot->wanted++;
	result = slot->sink.on_data(slot->sink.arg, bf_bytes(chunk->data, chunk->len));
	if (!slot->on_answer)
		return; /* cancelled by it */
	if (result == -EAGAIN)
		slot->is_paused = true;
	else if (result)
		give_up(client, slot, BF_BLOB_STOPPED, "the taker has enough");
	thank(client, slot);
}

/* ---- answers ---- */

static void deliver(const struct slot *slot, const struct blob_reply *reply)
{
	struct bf_blob_entry entries[BF_BLOB_LIST_COUNT_MAX];
	struct bf_blob_answer answer = {.status = reply->status,
		.why = reply->why,
		.size_bytes = reply->size_bytes,
		.modified_us = reply->modified_us,
		.entries = entries,
		.entry_count = reply->entry_count,
		.next = ""};
	const struct blob_reply_entry *from = (const void *)reply->bytes;

	/* all was sent, but not all was taken */
	if (slot->given_up != BF_BLOB_OK && reply->status == BF_BLOB_OK) {
		answer.status = slot->given_up;
		answer.why = slot->given_up_why;
	}
	memcpy(answer.sha256, reply->sha256, sizeof(answer.sha256));
	for (size_t i = 0; i < reply->entry_count; i++)
		entries[i] = (struct bf_blob_entry){.key = (const char *)reply->bytes + from[i].at,
			.size_bytes = from[i].size_bytes,
			.modified_us = from[i].modified_us};
	if (reply->next_at)
		answer.next = (const char *)reply->bytes + reply->next_at;
	slot->on_answer(slot->arg, &answer);
}

static void free_slot(struct bf_blob_client *client, struct slot *slot)
{
	bf_msg_free(slot->spare ? &slot->spare->msg : NULL);
	*slot = (struct slot){.next_free = client->first_free};
	client->first_free = (uint32_t)(slot - client->slots);
}

static struct slot *slot_of(struct bf_blob_client *client, int64_t call)
{
	uint64_t idx = (uint64_t)call & ((1 << SLOT_BITS) - 1);

	if (call <= 0 || idx >= BF_BLOB_CALL_COUNT_MAX || client->slots[idx].call != call)
		return NULL;
	return &client->slots[idx];
}

static void on_answer(struct bf_blob_client *client, const struct blob_reply *reply)
{
	struct slot *slot = slot_of(client, reply->call), copy;

	assert(slot);
	copy = *slot;
	free_slot(client, slot);
	if (copy.on_answer)
		deliver(&copy, reply);
}

static void on_note(struct bf_blob_client *client, const struct blob_note *note)
{
	struct slot *slot = slot_of(client, note->call);

	assert(slot); /* what follows an answer is never sent */
	if (!slot->on_answer)
		return;
	if (note->msg.kind == BLOB_MSG_MORE) {
		slot->wanted += note->count;
		feed(client, slot);
	} else if (slot->sink.on_begin) {
		slot->sink.on_begin(slot->sink.arg, note->size_bytes, &note->range);
	}
}

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_blob_client *client = arg;

	switch (msg->kind) {
	case BLOB_MSG_ANSWER:
		on_answer(client, (const void *)msg);
		break;
	case BLOB_MSG_CHUNK: {
		struct blob_chunk *chunk = (void *)msg;
		struct slot *slot = slot_of(client, chunk->call);

		assert(slot);
		on_chunk(client, slot, chunk);
		break;
	}
	default:
		on_note(client, (const void *)msg);
	}
	bf_msg_free(msg);
}

/* ---- clients ---- */

/* Outside of the call that resumed. */
static void on_work(void *arg)
{
	struct bf_blob_client *client = arg;

	for (size_t i = 0; i < BF_BLOB_CALL_COUNT_MAX; i++) {
		struct slot *slot = &client->slots[i];

		if (!slot->is_resumed)
			continue;
		slot->is_resumed = slot->is_paused = false;
		if (slot->verb == BLOB_PUT)
			feed(client, slot);
		else
			thank(client, slot);
	}
}

int bf_blob_client_new(
	struct bf_blob_client **out, struct bf_blob_store *store, struct bf_loop *loop)
{
	struct blob_gate *gate = blob_gate(store);
	struct bf_blob_client *client = calloc(1, sizeof(*client));
	unsigned idx;
	int err;

	static_assert(BF_BLOB_CALL_COUNT_MAX <= 1 << SLOT_BITS, "");
	if (!client)
		return -ENOMEM;
	client->gate = gate;
	client->loop = loop;
	bf_timer_init(&client->work, loop, on_work, client);
	err = bf_inbox_new(&client->inbox, loop, BF_BLOB_CALL_COUNT_MAX * BLOB_CALL_MESSAGES,
		on_message, client);
	if (err)
		goto fail;
	idx = atomic_fetch_add(&gate->client_count, 1);
	if (idx >= BF_BLOB_CLIENT_MAX) {
		atomic_fetch_sub(&gate->client_count, 1);
		bf_inbox_free(client->inbox);
		err = -ENOBUFS;
		goto fail;
	}
	client->idx = idx;
	for (uint32_t i = 0; i < BF_BLOB_CALL_COUNT_MAX; i++)
		client->slots[i].next_free = i + 1 < BF_BLOB_CALL_COUNT_MAX ? i + 1 : NO_SLOT;
	atomic_store(&gate->clients[idx], client->inbox);
	*out = client;
	return 0;

fail:
	free(client);
	return err;
}

void bf_blob_client_free(struct bf_blob_client *client)
{
	if (!client)
		return;
	assert(atomic_load(&client->gate->is_closed)); /* nobody posts to it any more */
	bf_timer_disarm(&client->work);
	bf_inbox_free(client->inbox);
	for (size_t i = 0; i < BF_BLOB_CALL_COUNT_MAX; i++)
		if (client->slots[i].spare)
			bf_msg_free(&client->slots[i].spare->msg);
	free(client);
}

/* ---- calls ---- */

/* Fills in the block's head; the caller, the rest. NULL: *err says why. */
static struct blob_ask *ask_new(struct bf_blob_client *client, const struct slot *given,
	const char *key, struct slot **out, int *err)
{
	uint32_t idx = client->first_free;
	struct blob_ask *ask;
	struct slot *slot;

	*err = atomic_load(&client->gate->is_closed) ? -ECANCELED : -ENOBUFS;
	if (idx == NO_SLOT || *err == -ECANCELED)
		return NULL;
	*err = -ENOMEM;
	ask = bf_msg_new(BLOB_MSG_ASK, sizeof(*ask));
	if (!ask)
		return NULL;
	slot = &client->slots[idx];
	ask->call = ++client->use_count << SLOT_BITS | idx;
	ask->client_idx = client->idx;
	ask->verb = given->verb;
	snprintf(ask->key, sizeof(ask->key), "%s", key);
	client->first_free = slot->next_free;
	*slot = *given;
	slot->call = ask->call;
	slot->spare = note_new(client, ask->call, BLOB_MSG_CANCEL);
	if (!slot->spare) {
		free_slot(client, slot);
		bf_msg_free(&ask->msg);
		return NULL;
	}
	*out = slot;
	return ask;
}

int64_t bf_blob_put(struct bf_blob_client *client, const char *key,
	const struct bf_blob_source *source, bf_blob_on_answer *on_answer_, void *arg)
{
	struct slot given = {
		.verb = BLOB_PUT, .on_answer = on_answer_, .arg = arg, .source = *source};
	struct blob_ask *ask;
	struct slot *slot;
	int err;

	if (!bf_blob_key_is_valid(key))
		return -EINVAL;
	ask = ask_new(client, &given, key, &slot, &err);
	if (!ask)
		return err;
	ask->len = source->pull ? source->len : source->bytes.len;
	post(client, &ask->msg);
	return slot->call;
}

int64_t bf_blob_get(struct bf_blob_client *client, const char *key,
	const struct bf_blob_range *range, const struct bf_blob_sink *sink,
	bf_blob_on_answer *on_answer_, void *arg)
{
	struct slot given = {.verb = BLOB_GET, .on_answer = on_answer_, .arg = arg, .sink = *sink};
	struct blob_ask *ask;
	struct slot *slot;
	int err;

	if (!bf_blob_key_is_valid(key) || range->len == 0)
		return -EINVAL;
	ask = ask_new(client, &given, key, &slot, &err);
	if (!ask)
		return err;
	ask->range = *range;
	post(client, &ask->msg);
	return slot->call;
}

static int64_t ask_simply(struct bf_blob_client *client, enum blob_verb verb, const char *key,
	bf_blob_on_answer *on_answer_, void *arg)
{
	struct slot given = {.verb = verb, .on_answer = on_answer_, .arg = arg};
	struct blob_ask *ask;
	struct slot *slot;
	int err;

	if (!bf_blob_key_is_valid(key))
		return -EINVAL;
	ask = ask_new(client, &given, key, &slot, &err);
	if (!ask)
		return err;
	post(client, &ask->msg);
	return slot->call;
}

int64_t bf_blob_stat(
	struct bf_blob_client *client, const char *key, bf_blob_on_answer *on_answer_, void *arg)
{
	return ask_simply(client, BLOB_STAT, key, on_answer_, arg);
}

int64_t bf_blob_delete(
	struct bf_blob_client *client, const char *key, bf_blob_on_answer *on_answer_, void *arg)
{
	return ask_simply(client, BLOB_DELETE, key, on_answer_, arg);
}

/* What keys may begin with. */
static bool is_prefix(const char *prefix)
{
	size_t len = strspn(prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-/");

	return prefix[len] == '\0' && len <= BF_BLOB_KEY_MAX && prefix[0] != '/';
}

int64_t bf_blob_list(struct bf_blob_client *client, const char *prefix, const char *after,
	unsigned count, bf_blob_on_answer *on_answer_, void *arg)
{
	struct slot given = {.verb = BLOB_LIST, .on_answer = on_answer_, .arg = arg};
	struct blob_ask *ask;
	struct slot *slot;
	int err;

	assert(count >= 1 && count <= BF_BLOB_LIST_COUNT_MAX);
	if (!is_prefix(prefix) || strlen(after) > BF_BLOB_CURSOR_MAX)
		return -EINVAL;
	ask = ask_new(client, &given, prefix, &slot, &err);
	if (!ask)
		return err;
	snprintf(ask->after, sizeof(ask->after), "%s", after);
	ask->count = count;
	post(client, &ask->msg);
	return slot->call;
}

void bf_blob_cancel(struct bf_blob_client *client, int64_t call)
{
	struct slot *slot = slot_of(client, call);

	if (!slot)
		return;
	slot->on_answer = NULL;
	if (!atomic_load(&client->gate->is_closed))
		give_up(client, slot, BF_BLOB_STOPPED, "cancelled");
}

void bf_blob_resume(struct bf_blob_client *client, int64_t call)
{
	struct slot *slot = slot_of(client, call);

	if (!slot)
		return;
	slot->is_resumed = true;
	bf_timer_arm(&client->work, bf_loop_now_us(client->loop));
}
