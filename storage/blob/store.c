#include "core/base/clock.h"
#include "core/loop/inbox.h"
#include "core/loop/thread.h"
#include "core/loop/timer.h"
#include "storage/blob/blob_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INBOX_SLOTS  (BF_BLOB_CLIENT_MAX * BF_BLOB_CALL_COUNT_MAX * BLOB_CALL_MESSAGES)
#define BEGIN_BATCH  16 /* calls that are begun in a turn */
#define UNDO_US	     BF_SEC(3)
#define UNDO_STEP_US BF_MS(20) /* how often we look whether all is undone */
#define WHY_BYTES    512

/* How many of a kind work at a time: slow puts and gets, which wait for their clients, do not keep others waiting. */
enum lane_kind {
	LANE_PUT,
	LANE_GET,
	LANE_OTHER,
	LANE_COUNT,
};
static const unsigned lane_max[LANE_COUNT] = {
	BF_BLOB_PUT_COUNT_MAX, BF_BLOB_GET_COUNT_MAX, BF_BLOB_OTHER_COUNT_MAX};

struct lane {
	struct bf_list active, waiting;
	unsigned active_count;
};

struct bf_blob_store {
	/* given */
	struct bf_blob_conf conf;
	const struct blob_engine_ops *ops;
	/* owned */
	struct bf_thread *thread;
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct blob_engine *engine;
	struct blob_gate gate;
	struct bf_timer begin_timer, undo_timer;
	struct bf_metric *answers[BF_BLOB_STATUS_COUNT], *put_bytes, *get_bytes;
	/* state */
	struct lane lanes[LANE_COUNT];
	bool is_stopping;
	int64_t undo_until_us;
	struct bf_log_limit log_limit;
	char why[WHY_BYTES]; /* of start */
};

struct blob_gate *blob_gate(struct bf_blob_store *store)
{
	return &store->gate;
}

const char *bf_blob_engine_name(const struct bf_blob_store *store)
{
	return store->ops->name;
}

static struct lane *lane_of(struct bf_blob_store *store, enum blob_verb verb)
{
	if (verb == BLOB_PUT)
		return &store->lanes[LANE_PUT];
	return &store->lanes[verb == BLOB_GET ? LANE_GET : LANE_OTHER];
}

/* ---- to the clients ---- */

static void post_back(struct bf_blob_store *store, unsigned client_idx, struct bf_msg *msg)
{
	int err = bf_inbox_post(atomic_load(&store->gate.clients[client_idx]), msg);

	assert(!err); /* it has room for all that its calls may have on their way */
}

static void fill_reply(struct blob_reply *reply, const struct blob_job *job, int64_t call,
	enum bf_blob_status status, const char *why)
{
	reply->msg.kind = BLOB_MSG_ANSWER;
	reply->call = call;
	reply->status = status;
	snprintf(reply->why, sizeof(reply->why), "%s", why);
	if (!job)
		return;
	reply->size_bytes = job->size_bytes;
	reply->modified_us = job->modified_us;
	memcpy(reply->sha256, job->sha256, sizeof(reply->sha256));
}

/* A block of the list's size, with entries, keys and `next`. NULL without memory. */
static struct blob_reply *list_reply(const struct blob_job *job)
{
	const struct blob_list_buffer *list = &job->list;
	size_t entries_len = list->entry_count * sizeof(*list->entries);
	size_t next_len = strlen(job->next) + 1;
	struct blob_reply_entry *entries;
	struct blob_reply *reply;

	reply = bf_msg_new(
		BLOB_MSG_ANSWER, sizeof(*reply) + entries_len + list->texts_len + next_len);
	if (!reply)
		return NULL;
	entries = (void *)reply->bytes;
	for (size_t i = 0; i < list->entry_count; i++) {
		entries[i] = list->entries[i];
		entries[i].at += entries_len;
	}
	if (list->texts_len > 0)
		memcpy(reply->bytes + entries_len, list->texts, list->texts_len);
	memcpy(reply->bytes + entries_len + list->texts_len, job->next, next_len);
	reply->entry_count = list->entry_count;
	reply->next_at = job->next[0] ? entries_len + list->texts_len : 0;
	return reply;
}

/* The ask's block becomes the answer. */
static struct blob_reply *reuse(struct blob_ask *ask)
{
	struct blob_reply *reply = (void *)ask;
	uint32_t size = ask->msg.size;

	static_assert(sizeof(struct blob_reply) <= sizeof(struct blob_ask), "");
	memset(reply, 0, sizeof(*reply));
	reply->msg.size = size;
	return reply;
}

static void note_answer(struct bf_blob_store *store, enum blob_verb verb,
	enum bf_blob_status status, const char *why)
{
	static const char *const verbs[BLOB_VERB_COUNT] = {"put", "get", "stat", "delete", "list"};
	uint32_t suppressed;

	bf_metric_add(store->answers[status], 1);
	if (status != BF_BLOB_FAILED && status != BF_BLOB_DENIED && status != BF_BLOB_AWAY &&
		status != BF_BLOB_FULL)
		return;
	if (bf_log_limit_allows(&store->log_limit, bf_clock_mono_us(), 5, &suppressed))
		BF_LOG(store->conf.log, BF_LOG_WARN, "a blob could not be had or kept",
			BF_STR("verb", verbs[verb]), BF_STR("status", bf_blob_status_name(status)),
			BF_STR("why", why), BF_UINT("suppressed", suppressed));
}

/* `job` is NULL if there was no memory for one. */
static void answer(struct bf_blob_store *store, const struct blob_job *job, struct blob_ask *ask,
	enum bf_blob_status status, const char *why)
{
	unsigned client_idx = ask->client_idx;
	int64_t call = ask->call;
	struct blob_reply *reply = NULL;

	if (job && ask->verb == BLOB_LIST && status == BF_BLOB_OK) {
		reply = list_reply(job);
		if (!reply) {
			status = BF_BLOB_FAILED;
			why = "no memory for the list";
		}
	}
	note_answer(store, ask->verb, status, why);
	if (reply)
		bf_msg_free(&ask->msg);
	else
		reply = reuse(ask);
	fill_reply(reply, job, call, status, why);
	post_back(store, client_idx, &reply->msg);
}

/* ---- jobs ---- */

void blob_job_end(struct blob_job *job, enum bf_blob_status status, const char *why)
{
	struct bf_blob_store *store = job->store;
	struct blob_ask *ask = job->ask;

	bf_list_remove(&job->node);
	if (job->is_active)
		lane_of(store, ask->verb)->active_count--;
	answer(store, job, ask, status, why);
	bf_blob_digest_deinit(&job->digest);
	free(job->list.entries);
	free(job->list.texts);
	free(job);
	/* another may begin, but not from within this call */
	bf_timer_arm(&store->begin_timer, bf_loop_now_us(store->loop));
}

static void break_off(struct blob_job *job, enum bf_blob_status status, const char *why)
{
	if (job->is_active)
		job->store->ops->cancel(job);
	blob_job_end(job, status, why);
}

static struct blob_note *note_to(struct blob_job *job, enum blob_msg_kind kind)
{
	struct blob_note *note = bf_msg_new((uint16_t)kind, sizeof(*note));

	if (!note) {
		break_off(job, BF_BLOB_FAILED, "no memory for a message");
		return NULL;
	}
	note->call = job->ask->call;
	return note;
}

bool blob_job_want(struct blob_job *job, unsigned count)
{
	struct blob_note *note = note_to(job, BLOB_MSG_MORE);

	if (!note)
		return false;
	note->count = count;
	post_back(job->store, job->ask->client_idx, &note->msg);
	return true;
}

bool blob_job_begin_data(
	struct blob_job *job, uint64_t size_bytes, const struct bf_blob_range *range)
{
	struct blob_note *note = note_to(job, BLOB_MSG_BEGIN);

	if (!note)
		return false;
	job->size_bytes = size_bytes;
	note->size_bytes = size_bytes;
	note->range = *range;
	post_back(job->store, job->ask->client_idx, &note->msg);
	return true;
}

int blob_job_data(struct blob_job *job, struct bf_bytes data)
{
	struct blob_chunk *chunk = bf_msg_new(BLOB_MSG_CHUNK, sizeof(*chunk) + data.len);

	assert(job->credit > 0 && data.len <= BF_BLOB_CHUNK_BYTES);
	if (!chunk)
		return -ENOMEM;
	chunk->call = job->ask->call;
	chunk->len = data.len;
	memcpy(chunk->data, data.data, data.len);
	job->credit--;
	bf_metric_add(job->store->get_bytes, (int64_t)data.len);
	post_back(job->store, job->ask->client_idx, &chunk->msg);
	return 0;
}

/* Makes room for `len` bytes of text and one more entry. */
static int grow_list(struct blob_list_buffer *list, size_t len)
{
	if (!list->entries) {
		list->entries = calloc(BF_BLOB_LIST_COUNT_MAX, sizeof(*list->entries));
		if (!list->entries)
			return -ENOMEM;
	}
	if (list->texts_size - list->texts_len < len) {
		size_t size = 2 * list->texts_size + len + 4096;
		char *grown = realloc(list->texts, size);

		if (!grown)
			return -ENOMEM;
		list->texts = grown;
		list->texts_size = size;
	}
	return 0;
}

int blob_job_entry(struct blob_job *job, const char *key, uint64_t size_bytes, int64_t modified_us)
{
	struct blob_list_buffer *list = &job->list;
	size_t len = strlen(key) + 1;

	assert(list->entry_count < BF_BLOB_LIST_COUNT_MAX && len <= BF_BLOB_KEY_MAX + 1);
	if (grow_list(list, len))
		return -ENOMEM;
	list->entries[list->entry_count++] = (struct blob_reply_entry){
		.size_bytes = size_bytes, .modified_us = modified_us, .at = list->texts_len};
	memcpy(list->texts + list->texts_len, key, len);
	list->texts_len += len;
	return 0;
}

static void on_begin_timer(void *arg)
{
	struct bf_blob_store *store = arg;
	unsigned budget = BEGIN_BATCH;

	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane *lane = &store->lanes[i];
		struct bf_list *first;

		while (budget > 0 && lane->active_count < lane_max[i] &&
			(first = bf_list_first(&lane->waiting))) {
			struct blob_job *job = BF_CONTAINER(first, struct blob_job, node);

			budget--;
			bf_list_remove(&job->node);
			bf_list_append(&lane->active, &job->node);
			lane->active_count++;
			job->is_active = true;
			store->ops->begin(store->engine, job);
		}
	}
	if (budget == 0)
		bf_timer_arm(&store->begin_timer, bf_loop_now_us(store->loop) + 1);
}

static uint64_t size_max(const struct bf_blob_store *store)
{
	return (uint64_t)store->conf.conf->storage.blob_max_mib << 20;
}

static void on_ask(struct bf_blob_store *store, struct blob_ask *ask)
{
	struct blob_job *job;
	int err = 0;

	if (store->is_stopping) {
		answer(store, NULL, ask, BF_BLOB_CLOSED, "the server stops");
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job && ask->verb == BLOB_PUT)
		err = bf_blob_digest_init(&job->digest);
	if (!job || err) {
		free(job);
		answer(store, NULL, ask, BF_BLOB_FAILED, "no memory");
		return;
	}
	job->store = store;
	job->ask = ask;
	job->credit = BF_BLOB_CREDIT;
	bf_list_append(&lane_of(store, ask->verb)->waiting, &job->node);
	if (ask->verb == BLOB_PUT && ask->len != BF_BLOB_LEN_UNKNOWN && ask->len > size_max(store))
		blob_job_end(job, BF_BLOB_TOO_LARGE, "more than storage.blob_max_mib");
	bf_timer_arm(&store->begin_timer, bf_loop_now_us(store->loop));
}

static struct blob_job *find_in(struct bf_list *list, unsigned client_idx, int64_t call)
{
	BF_LIST_EACH(job, list, struct blob_job, node)
		if (job->ask->call == call && job->ask->client_idx == client_idx)
			return job;
	return NULL;
}

/* NULL: its answer is on the way. */
static struct blob_job *find(struct bf_blob_store *store, unsigned client_idx, int64_t call)
{
	struct blob_job *job = NULL;

	for (int i = 0; i < LANE_COUNT && !job; i++)
		job = find_in(&store->lanes[i].active, client_idx, call);
	for (int i = 0; i < LANE_COUNT && !job; i++)
		job = find_in(&store->lanes[i].waiting, client_idx, call);
	return job;
}

static void on_chunk(struct bf_blob_store *store, const struct blob_chunk *chunk)
{
	struct blob_job *job = find(store, chunk->client_idx, chunk->call);
	struct bf_bytes bytes = bf_bytes(chunk->data, chunk->len);

	if (!job)
		return;
	job->taken_bytes += chunk->len;
	bf_metric_add(store->put_bytes, (int64_t)chunk->len);
	if (job->taken_bytes > size_max(store)) {
		break_off(job, BF_BLOB_TOO_LARGE, "more than storage.blob_max_mib");
		return;
	}
	if (job->ask->len != BF_BLOB_LEN_UNKNOWN &&
		(chunk->is_last ? job->taken_bytes != job->ask->len
				: job->taken_bytes > job->ask->len)) {
		break_off(job, BF_BLOB_STOPPED, "the source gave another length than it said");
		return;
	}
	bf_blob_digest_add(&job->digest, bytes);
	if (chunk->is_last) {
		job->size_bytes = job->taken_bytes;
		bf_blob_digest_end(&job->digest, job->sha256);
	}
	store->ops->chunk(job, bytes, chunk->is_last);
}

static void on_note(struct bf_blob_store *store, const struct blob_note *note)
{
	struct blob_job *job = find(store, note->client_idx, note->call);

	if (!job)
		return;
	if (note->msg.kind == BLOB_MSG_CANCEL) {
		break_off(job, note->status, note->why);
		return;
	}
	job->credit += note->count;
	assert(job->credit <= BF_BLOB_CREDIT);
	store->ops->more(job);
}

/* ---- the end ---- */

static void on_undo_timer(void *arg)
{
	struct bf_blob_store *store = arg;
	int64_t now_us = bf_clock_mono_us();

	if (store->ops->is_idle(store->engine) || now_us >= store->undo_until_us)
		bf_loop_stop(store->loop);
	else
		bf_timer_arm(&store->undo_timer, now_us + UNDO_STEP_US);
}

static void stop(struct bf_blob_store *store)
{
	store->is_stopping = true;
	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane *lane = &store->lanes[i];

		while (!bf_list_is_empty(&lane->waiting))
			break_off(
				BF_CONTAINER(bf_list_first(&lane->waiting), struct blob_job, node),
				BF_BLOB_CLOSED, "the server stops");
		while (!bf_list_is_empty(&lane->active))
			break_off(BF_CONTAINER(bf_list_first(&lane->active), struct blob_job, node),
				BF_BLOB_CLOSED, "the server stops");
	}
	store->undo_until_us = bf_clock_mono_us() + UNDO_US;
	on_undo_timer(store);
}

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_blob_store *store = arg;

	switch (msg->kind) {
	case BLOB_MSG_ASK:
		on_ask(store, (void *)msg);
		return; /* which it keeps */
	case BLOB_MSG_CHUNK:
		on_chunk(store, (const void *)msg);
		break;
	case BLOB_MSG_STOP:
		stop(store);
		break;
	default:
		on_note(store, (const void *)msg);
	}
	bf_msg_free(msg);
}

/* ---- the thread ---- */

static void close_all(struct bf_blob_store *store)
{
	bf_timer_disarm(&store->begin_timer);
	bf_timer_disarm(&store->undo_timer);
	store->ops->close(store->engine);
	for (int i = 0; i < 8; i++) /* closing finishes in the loop */
		(void)bf_loop_turn(store->loop, 0);
}

static int start(void *arg)
{
	struct bf_blob_store *store = arg;
	struct blob_engine_env env = {.conf = store->conf.conf, .log = store->conf.log};
	int err = bf_loop_new(&store->loop, store->conf.io);

	if (err)
		return err;
	bf_timer_init(&store->begin_timer, store->loop, on_begin_timer, store);
	bf_timer_init(&store->undo_timer, store->loop, on_undo_timer, store);
	err = bf_inbox_new(&store->inbox, store->loop, INBOX_SLOTS, on_message, store);
	if (err)
		goto fail;
	env.loop = store->loop;
	err = store->ops->open(&store->engine, &env, store->why, WHY_BYTES);
	if (err)
		goto fail;
	store->gate.inbox = store->inbox;
	return 0;

fail:
	bf_inbox_free(store->inbox);
	bf_loop_free(store->loop);
	return err;
}

static void run(void *arg)
{
	struct bf_blob_store *store = arg;
	int err;

	bf_thread_stand_back();
	err = bf_loop_run(store->loop);

	if (err)
		BF_LOG(store->conf.log, BF_LOG_ERROR, "blob loop ended", BF_ERRNO("cause", err));
	close_all(store);
}

/* ---- from outside ---- */

static bool make_metrics(struct bf_blob_store *store)
{
	char labels[64];

	for (int i = 0; i < BF_BLOB_STATUS_COUNT; i++) {
		snprintf(labels, sizeof(labels), "status=\"%s\"",
			bf_blob_status_name((enum bf_blob_status)i));
		store->answers[i] = bf_metric_new(store->conf.metrics, BF_METRIC_COUNTER,
			"belfry_blob_calls_total", labels, "calls of the blob store by answer");
		if (!store->answers[i])
			return false;
	}
	store->put_bytes = bf_metric_new(store->conf.metrics, BF_METRIC_COUNTER,
		"belfry_blob_bytes_total", "way=\"in\"", "bytes into and out of the blob store");
	store->get_bytes = bf_metric_new(store->conf.metrics, BF_METRIC_COUNTER,
		"belfry_blob_bytes_total", "way=\"out\"", "bytes into and out of the blob store");
	return store->put_bytes && store->get_bytes;
}

int bf_blob_open(
	struct bf_blob_store **out, const struct bf_blob_conf *conf, char *why, size_t why_size)
{
	struct bf_blob_store *store = calloc(1, sizeof(*store));
	int err = -ENOMEM;

	if (!store)
		return -ENOMEM;
	store->conf = *conf;
	store->ops = conf->conf->storage.blob_s3_bucket[0] ? &blob_s3 : &blob_folder;
	for (int i = 0; i < LANE_COUNT; i++) {
		bf_list_init(&store->lanes[i].active);
		bf_list_init(&store->lanes[i].waiting);
	}
	if (make_metrics(store))
		err = bf_thread_start(&store->thread, "blob", start, run, store);
	if (err) {
		snprintf(why, why_size, "%s", store->why[0] ? store->why : strerrordesc_np(-err));
		free(store);
		return err;
	}
	*out = store;
	return 0;
}

void bf_blob_close(struct bf_blob_store *store)
{
	struct bf_msg *msg;

	while (!(msg = bf_msg_new(BLOB_MSG_STOP, sizeof(*msg))))
		usleep(1000);
	while (bf_inbox_post(store->inbox, msg))
		usleep(1000);
	bf_thread_join(store->thread);
	atomic_store(&store->gate.is_closed, true);
}

void bf_blob_free(struct bf_blob_store *store)
{
	if (!store)
		return;
	assert(atomic_load(&store->gate.is_closed));
	bf_inbox_free(store->inbox);
	bf_loop_free(store->loop);
	free(store);
}
