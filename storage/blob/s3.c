#include "storage/blob/s3_priv.h"

#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Blobs in a bucket. Nothing is tried twice: BF_BLOB_AWAY says that the caller may. */

#define CONNECT_US    BF_SEC(10)
#define SHORT_US      BF_SEC(60)
#define GET_US	      BF_SEC(24 * 3600) /* 64 GiB to somebody slow; without progress it ends sooner */
#define REQUEST_COUNT (BF_BLOB_PUT_COUNT_MAX + BF_BLOB_GET_COUNT_MAX + BF_BLOB_OTHER_COUNT_MAX)
#define SECRET_BYTES  256
#define QUERY_BYTES   (3 * (BF_BLOB_KEY_MAX + BF_BLOB_CURSOR_MAX) + 128)

/* ---- jobs ---- */

void s3_job_free(struct s3_job *s3)
{
	if (s3->request)
		bf_http_client_cancel(s3->engine->http, s3->request);
	bf_list_remove(&s3->node);
	free(s3->text);
	free(s3->body);
	free(s3->part);
	free(s3->etags);
	free(s3);
}

void s3_end(struct s3_job *s3, enum bf_blob_status status, const char *why)
{
	struct blob_job *job = s3->job;

	if (!job)
		return; /* given up; its owner sees to it */
	job->engine_job = NULL;
	if (job->ask->verb == BLOB_PUT)
		s3_put_give_up(s3);
	else
		s3_job_free(s3);
	blob_job_end(job, status, why);
}

static void on_cancel(struct blob_job *job)
{
	struct s3_job *s3 = job->engine_job;

	if (!s3)
		return;
	job->engine_job = NULL;
	if (job->ask->verb == BLOB_PUT)
		s3_put_give_up(s3);
	else
		s3_job_free(s3);
}

/* ---- get ---- */

static void on_got(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (s3_is_good(end))
		s3_end(s3, BF_BLOB_OK, "");
	else
		s3_fail(s3, end);
}

static void begin_get(struct s3_job *s3)
{
	const struct bf_blob_range *range = &s3->job->ask->range;
	bool is_open = range->len > INT64_MAX || range->from > INT64_MAX - range->len;
	char header[96];
	struct s3_request request = {.method = "GET",
		.key = s3->job->ask->key,
		.query = "",
		.is_data = true,
		.timeout_us = GET_US,
		.next = on_got};

	/* all of an empty blob is no range that a service has; and not all count to the end of 64 bits */
	if (is_open)
		snprintf(header, sizeof(header), "Range: bytes=%" PRIu64 "-", range->from);
	else
		snprintf(header, sizeof(header), "Range: bytes=%" PRIu64 "-%" PRIu64, range->from,
			range->from + range->len - 1);
	if (range->from > 0 || !is_open)
		request.header = header;
	(void)s3_ask(s3, &request);
}

static void on_more(struct blob_job *job)
{
	struct s3_job *s3 = job->engine_job;

	if (s3->request)
		bf_http_client_resume(s3->engine->http, s3->request);
}

/* ---- stat, delete, list ---- */

static void on_stat(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (!s3_is_good(end)) {
		s3_fail(s3, end);
		return;
	}
	s3->job->size_bytes = s3->whole_bytes;
	s3->job->modified_us = s3->modified_us;
	s3_end(s3, BF_BLOB_OK, "");
}

static void begin_stat(struct s3_job *s3)
{
	struct s3_request request = {.method = "HEAD",
		.key = s3->job->ask->key,
		.query = "",
		.timeout_us = SHORT_US,
		.next = on_stat};

	(void)s3_ask(s3, &request);
}

static void on_deleted(struct s3_job *s3, const struct bf_http_client_end *end)
{
	struct bf_s3_error error = {.code = ""};

	/* some services mind that there is none */
	if (end->code == 404 && s3->text_len > 0)
		(void)bf_s3_read_error(bf_bytes(s3->text, s3->text_len), &error);
	if (s3_is_good(end) || strcmp(error.code, "NoSuchKey") == 0)
		s3_end(s3, BF_BLOB_OK, "");
	else
		s3_fail(s3, end);
}

static void begin_delete(struct s3_job *s3)
{
	struct s3_request request = {.method = "DELETE",
		.key = s3->job->ask->key,
		.query = "",
		.timeout_us = SHORT_US,
		.next = on_deleted};

	(void)s3_ask(s3, &request);
}

/* Others may keep objects there whose keys are none of ours: they are passed over, but the next page begins behind them. */
static int on_entry(void *arg, const struct bf_s3_entry *entry)
{
	struct blob_job *job = arg;

	if (entry->is_cut || job->list.entry_count == job->ask->count)
		return -EBADMSG;
	snprintf(job->next, sizeof(job->next), "%s", entry->key);
	if (!bf_blob_key_is_valid(entry->key))
		return 0;
	return blob_job_entry(job, entry->key, entry->size_bytes, entry->modified_us);
}

static void on_listed(struct s3_job *s3, const struct bf_http_client_end *end)
{
	bool is_truncated = false;
	int err;

	if (!s3_is_good(end)) {
		s3_fail(s3, end);
		return;
	}
	err = bf_s3_read_list(bf_bytes(s3->text, s3->text_len), on_entry, s3->job, &is_truncated);
	if (!is_truncated)
		s3->job->next[0] = '\0';
	if (err)
		s3_end(s3, BF_BLOB_FAILED,
			err == -ENOMEM ? "no memory for the list" : "S3's list cannot be read");
	else if (is_truncated && !s3->job->next[0])
		s3_end(s3, BF_BLOB_FAILED, "S3's list has more, but names nothing");
	else
		s3_end(s3, BF_BLOB_OK, "");
}

static void begin_list(struct s3_job *s3)
{
	const struct blob_ask *ask = s3->job->ask;
	char query[QUERY_BYTES];
	struct s3_request request = {
		.method = "GET", .query = query, .timeout_us = SHORT_US, .next = on_listed};
	int err = 0;

	/* the names in order, as the signature wants them */
	snprintf(query, sizeof(query), "list-type=2&max-keys=%u", ask->count);
	if (ask->key[0]) {
		strcat(query, "&prefix=");
		err = s3_encode(query, sizeof(query), ask->key);
	}
	if (!err && ask->after[0]) {
		strcat(query, "&start-after=");
		err = s3_encode(query, sizeof(query), ask->after);
	}
	if (err)
		s3_end(s3, BF_BLOB_FAILED, strerrordesc_np(-err));
	else
		(void)s3_ask(s3, &request);
}

static void on_begin(struct blob_engine *engine, struct blob_job *job)
{
	static void (*const verbs[BLOB_VERB_COUNT])(struct s3_job *) = {
		s3_put_begin, begin_get, begin_stat, begin_delete, begin_list};
	struct s3_job *s3 = calloc(1, sizeof(*s3));

	if (!s3) {
		blob_job_end(job, BF_BLOB_FAILED, "no memory");
		return;
	}
	s3->engine = engine;
	s3->job = job;
	bf_list_init(&s3->node);
	job->engine_job = s3;
	verbs[job->ask->verb](s3);
}

static void on_chunk(struct blob_job *job, struct bf_bytes bytes, bool is_last)
{
	s3_put_chunk(job->engine_job, bytes, is_last);
}

/* ---- the engine ---- */

static int read_secret(char **out, const struct bf_conf *conf, char *why, size_t why_size)
{
	const char *path = conf->storage.blob_s3_secret_file;
	char text[SECRET_BYTES];
	ssize_t n;
	int fd;

	if (conf->storage.blob_s3_secret_key[0]) {
		*out = strdup(conf->storage.blob_s3_secret_key);
		return *out ? 0 : -ENOMEM;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0) {
		int err = -errno;

		snprintf(why, why_size, "storage.blob_s3_secret_file %s: %s", path,
			strerrordesc_np(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	close(fd);
	text[n] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0])
		*out = strdup(text);
	else
		snprintf(why, why_size, "storage.blob_s3_secret_file %s: it is empty", path);
	explicit_bzero(text, sizeof(text));
	return *out ? 0 : why[0] ? -EINVAL : -ENOMEM;
}

/* The bucket's URL: scheme://host/bucket, or scheme://bucket.host. */
static int make_base(char **out, const struct bf_conf *conf)
{
	const char *endpoint = conf->storage.blob_s3_endpoint;
	const char *bucket = conf->storage.blob_s3_bucket;
	char amazon[96];
	const char *host;
	int n;

	if (!endpoint[0]) {
		snprintf(amazon, sizeof(amazon), "https://s3.%s.amazonaws.com",
			conf->storage.blob_s3_region);
		endpoint = amazon;
	}
	host = strstr(endpoint, "://") + 3;
	if (conf->storage.blob_s3_path_style)
		n = asprintf(out, "%s/%s", endpoint, bucket);
	else
		n = asprintf(out, "%.*s%s.%s", (int)(host - endpoint), endpoint, bucket, host);
	if (n >= 0)
		return 0;
	*out = NULL;
	return -ENOMEM;
}

static void on_close(struct blob_engine *engine)
{
	BF_LIST_EACH(left, &engine->undoing, struct s3_job, node)
		s3_job_free(left);
	bf_http_client_free(engine->http);
	free(engine->base);
	free(engine->region);
	free(engine->access_key);
	if (engine->secret_key)
		explicit_bzero(engine->secret_key, strlen(engine->secret_key));
	free(engine->secret_key);
	free(engine);
}

static int on_open(
	struct blob_engine **out, const struct blob_engine_env *env, char *why, size_t why_size)
{
	static const struct bf_http_client_conf http = {.active_count_max = REQUEST_COUNT,
		.queue_count_max = 2 * REQUEST_COUNT, /* what is given up as well */
		.connect_us = CONNECT_US,
		.user_agent = "belfry"};
	struct blob_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return -ENOMEM;
	engine->log = env->log;
	bf_list_init(&engine->undoing);
	engine->region = strdup(env->conf->storage.blob_s3_region);
	engine->access_key = strdup(env->conf->storage.blob_s3_access_key);
	err = engine->region && engine->access_key ? 0 : -ENOMEM;
	if (!err)
		err = read_secret(&engine->secret_key, env->conf, why, why_size);
	if (!err)
		err = make_base(&engine->base, env->conf);
	if (!err)
		err = bf_http_client_new(&engine->http, env->loop, &http);
	if (err) {
		on_close(engine);
		return err;
	}
	*out = engine;
	return 0;
}

static bool is_idle(struct blob_engine *engine)
{
	return bf_list_is_empty(&engine->undoing);
}

const struct blob_engine_ops blob_s3 = {.name = "s3",
	.open = on_open,
	.close = on_close,
	.begin = on_begin,
	.chunk = on_chunk,
	.more = on_more,
	.cancel = on_cancel,
	.is_idle = is_idle};
