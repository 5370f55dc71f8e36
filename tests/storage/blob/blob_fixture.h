/* tests/storage/blob/blob_fixture.h - a blob store, in a folder or in the bucket that the environment names, and a client of it. */
#ifndef BF_TESTS_STORAGE_BLOB_FIXTURE_H
#define BF_TESTS_STORAGE_BLOB_FIXTURE_H

#include "core/base/clock.h"
#include "core/base/rand.h"
#include "storage/blob/blob.h"
#include "tests/storage/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#define RESULT_KEYS 64

struct fixture {
	char folder[FOLDER_TEXT];
	char path[FOLDER_TEXT + 8];
	struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_blob_store *store;
	struct bf_blob_client *client;
	char why[512];
};

/* What a call brought. */
struct result {
	unsigned answer_count;
	enum bf_blob_status status;
	char why[BF_BLOB_WHY_BYTES];
	uint64_t size_bytes;
	int64_t modified_us;
	uint8_t sha256[BF_BLOB_SHA256_BYTES];
	char keys[RESULT_KEYS][BF_BLOB_KEY_MAX + 1];
	uint64_t sizes[RESULT_KEYS];
	size_t key_count;
	char next[BF_BLOB_CURSOR_MAX + 1];
	/* get */
	unsigned begin_count;
	uint64_t whole_bytes, from, len;
	uint8_t *data;
	size_t data_len;
	unsigned chunk_count;
	int verdict; /* of on_data */
};

static inline void set_text(char **at, const char *text)
{
	free(*at);
	*at = strdup(text ? text : "");
	assert_non_null(*at);
}

static inline bool is_in_bucket(void)
{
	return getenv("BELFRY_TEST_S3") != NULL;
}

static inline int try_open(struct fixture *fixture)
{
	struct bf_blob_conf conf = {.conf = fixture->conf,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.io = BF_IO_AUTO};

	fixture->why[0] = '\0';
	return bf_blob_open(&fixture->store, &conf, fixture->why, sizeof(fixture->why));
}

static inline void open_store(struct fixture *fixture)
{
	if (try_open(fixture))
		fail_msg("%s", fixture->why);
	assert_int_equal(bf_blob_client_new(&fixture->client, fixture->store, fixture->loop), 0);
}

static inline void close_store(struct fixture *fixture)
{
	bf_blob_close(fixture->store);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bf_loop_turn(fixture->loop, 0), 0);
	bf_blob_client_free(fixture->client);
	bf_blob_free(fixture->store);
	fixture->store = NULL;
	fixture->client = NULL;
}

static inline int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	folder_make(fixture->folder);
	snprintf(fixture->path, sizeof(fixture->path), "%s/blobs", fixture->folder);
	assert_int_equal(bf_conf_new(&fixture->conf), 0);
	assert_int_equal(bf_log_new(&fixture->log, -1, BF_LOG_LOGFMT, BF_LOG_ERROR), 0);
	assert_int_equal(bf_metrics_new(&fixture->metrics), 0);
	assert_int_equal(bf_loop_new(&fixture->loop, BF_IO_AUTO), 0);
	set_text(&fixture->conf->storage.folder, fixture->folder);
	if (is_in_bucket()) {
		set_text(&fixture->conf->storage.blob_s3_endpoint, getenv("BELFRY_TEST_S3"));
		set_text(&fixture->conf->storage.blob_s3_bucket, "belfry");
		set_text(&fixture->conf->storage.blob_s3_access_key, "S3RVER");
		set_text(&fixture->conf->storage.blob_s3_secret_key, "S3RVER");
	}
	fixture->conf->storage.blob_max_mib = 32;
	assert_int_equal(bf_conf_check(fixture->conf, fixture->why, sizeof(fixture->why)), 0);
	*state = fixture;
	return 0;
}

static inline int setup_open(void **state)
{
	(void)setup(state);
	open_store(*state);
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->store)
		close_store(fixture);
	bf_loop_free(fixture->loop);
	bf_metrics_free(fixture->metrics);
	bf_log_free(fixture->log);
	bf_conf_free(fixture->conf);
	folder_remove(fixture->folder);
	free(fixture);
	return 0;
}

/* ---- calls that are waited for ---- */

static inline void on_answer(void *arg, const struct bf_blob_answer *answer)
{
	struct result *result = arg;

	result->answer_count++;
	result->status = answer->status;
	snprintf(result->why, sizeof(result->why), "%s", answer->why);
	result->size_bytes = answer->size_bytes;
	result->modified_us = answer->modified_us;
	memcpy(result->sha256, answer->sha256, sizeof(result->sha256));
	result->key_count = 0;
	for (size_t i = 0; i < answer->entry_count && i < RESULT_KEYS; i++) {
		snprintf(result->keys[i], BF_BLOB_KEY_MAX + 1, "%s", answer->entries[i].key);
		result->sizes[i] = answer->entries[i].size_bytes;
		result->key_count++;
	}
	snprintf(result->next, sizeof(result->next), "%s", answer->next);
}

static inline void on_begin(void *arg, uint64_t size_bytes, const struct bf_blob_range *range)
{
	struct result *result = arg;

	result->begin_count++;
	result->whole_bytes = size_bytes;
	result->from = range->from;
	result->len = range->len;
}

static inline int on_data(void *arg, struct bf_bytes data)
{
	struct result *result = arg;

	assert_int_equal(result->begin_count, 1);
	assert_int_equal(result->answer_count, 0);
	result->data = realloc(result->data, result->data_len + data.len);
	assert_non_null(result->data);
	memcpy(result->data + result->data_len, data.data, data.len);
	result->data_len += data.len;
	result->chunk_count++;
	return result->verdict;
}

/* Turn until `cond` holds; thirty seconds without it fail the test. */
#define TURN_UNTIL(fixture, cond)                                                      \
	do {                                                                           \
		int64_t turn_until_us = bf_clock_mono_us() + BF_SEC(90);               \
		while (!(cond)) {                                                      \
			assert_true(bf_clock_mono_us() < turn_until_us);               \
			assert_int_equal(bf_loop_turn((fixture)->loop, BF_MS(10)), 0); \
		}                                                                      \
	} while (0)

static inline void wait_for(struct fixture *fixture, struct result *result, int64_t call)
{
	assert_true(call > 0);
	TURN_UNTIL(fixture, result->answer_count > 0);
	assert_int_equal(result->answer_count, 1);
}

static inline enum bf_blob_status put(
	struct fixture *fixture, const char *key, struct bf_bytes bytes, struct result *result)
{
	struct bf_blob_source source = {.bytes = bytes};

	*result = (struct result){.status = BF_BLOB_OK};
	wait_for(fixture, result, bf_blob_put(fixture->client, key, &source, on_answer, result));
	return result->status;
}

static inline void put_text(struct fixture *fixture, const char *key, const char *text)
{
	struct result result;

	if (put(fixture, key, bf_bytes_str(text), &result) != BF_BLOB_OK)
		fail_msg("%s: %s", key, result.why);
}

/* The caller frees result->data. */
static inline enum bf_blob_status get_range(struct fixture *fixture, const char *key, uint64_t from,
	uint64_t len, struct result *result)
{
	struct bf_blob_range range = {.from = from, .len = len};
	struct bf_blob_sink sink = {.on_begin = on_begin, .on_data = on_data, .arg = result};

	*result = (struct result){.status = BF_BLOB_OK};
	wait_for(fixture, result,
		bf_blob_get(fixture->client, key, &range, &sink, on_answer, result));
	return result->status;
}

static inline enum bf_blob_status get(
	struct fixture *fixture, const char *key, struct result *result)
{
	return get_range(fixture, key, 0, UINT64_MAX, result);
}

static inline void assert_blob(struct fixture *fixture, const char *key, struct bf_bytes bytes)
{
	struct result result;

	if (get(fixture, key, &result) != BF_BLOB_OK)
		fail_msg("%s: %s", key, result.why);
	assert_true(bf_bytes_equal(bf_bytes(result.data, result.data_len), bytes));
	assert_int_equal(result.whole_bytes, bytes.len);
	free(result.data);
}

static inline enum bf_blob_status look(
	struct fixture *fixture, const char *key, struct result *result)
{
	*result = (struct result){.status = BF_BLOB_OK};
	wait_for(fixture, result, bf_blob_stat(fixture->client, key, on_answer, result));
	return result->status;
}

static inline enum bf_blob_status remove_blob(struct fixture *fixture, const char *key)
{
	struct result result = {.status = BF_BLOB_OK};

	wait_for(fixture, &result, bf_blob_delete(fixture->client, key, on_answer, &result));
	return result.status;
}

static inline enum bf_blob_status list(struct fixture *fixture, const char *prefix,
	const char *after, unsigned count, struct result *result)
{
	*result = (struct result){.status = BF_BLOB_OK};
	wait_for(fixture, result,
		bf_blob_list(fixture->client, prefix, after, count, on_answer, result));
	return result->status;
}

/* Bytes that nobody mistakes for others. */
static inline struct bf_bytes make_bytes(size_t len, uint64_t seed)
{
	uint8_t *data = malloc(len + 8);
	struct bf_prng prng;

	assert_non_null(data);
	bf_prng_init(&prng, seed);
	for (size_t i = 0; i < len; i += 8) {
		uint64_t value = bf_prng_next(&prng);

		memcpy(data + i, &value, 8);
	}
	return bf_bytes(data, len);
}

static inline void free_bytes(struct bf_bytes bytes)
{
	free((void *)(uintptr_t)bytes.data);
}

#endif
