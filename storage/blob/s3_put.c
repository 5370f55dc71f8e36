#include "storage/blob/s3_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A blob of less than a part goes with one PUT. A larger one goes in parts, which the service puts together at the end; until then nobody
 * sees it. Source: Amazon S3 User Guide, "Uploading and copying objects using multipart upload". */

#define QUERY_BYTES    4096
#define UPLOAD_US      BF_SEC(600) /* for 8 MiB */
#define COMPLETE_US    BF_SEC(600) /* the service may be at it for minutes */
#define SHORT_US       BF_SEC(60)
#define COMPLETE_BYTES 192 /* of each part in the last request */

static void send_next(struct s3_job *s3);

/* ---- giving up ---- */

static void on_given_up(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (!s3_is_good(end) && end->code != 404)
		BF_LOG(s3->engine->log, BF_LOG_WARN,
			"S3 keeps parts of an upload that was given up", BF_UINT("code", end->code),
			BF_STR("why", end->why));
	s3_job_free(s3);
}

static const char *upload_query(
	const struct s3_job *s3, unsigned part, char out[static QUERY_BYTES])
{
	int err;

	out[0] = '\0';
	if (part > 0)
		snprintf(out, QUERY_BYTES, "partNumber=%u&", part);
	strcat(out, "uploadId=");
	err = s3_encode(out, QUERY_BYTES, s3->upload);
	assert(!err); /* three times an id's longest, and more */
	return out;
}

static void ask_to_forget(struct s3_job *s3)
{
	char query[QUERY_BYTES];
	struct s3_request request = {.method = "DELETE",
		.key = s3->body,
		.query = upload_query(s3, 0, query),
		.timeout_us = SHORT_US,
		.next = on_given_up};

	if (!s3_ask(s3, &request)) {
		s3_job_free(s3);
	}
}

/* The id of an upload came that nobody wants any more. */
static void on_unwanted_created(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (s3_is_good(end) &&
		bf_s3_read_upload(bf_bytes(s3->text, s3->text_len), s3->upload) == 0) {
		ask_to_forget(s3);
		return;
	}
	s3_job_free(s3);
}

static void on_created(struct s3_job *s3, const struct bf_http_client_end *end);

void s3_put_give_up(struct s3_job *s3)
{
	bool is_creating = s3->request && s3->next == on_created;
	char *key = strdup(s3->job->ask->key);

	free(s3->body);
	s3->body = key; /* the job, with its own, goes */
	s3->job = NULL;
	if (!key || (!s3->upload[0] && !is_creating)) {
		s3_job_free(s3);
		return;
	}
	bf_list_append(&s3->engine->undoing, &s3->node);
	if (is_creating) {
		s3->next = on_unwanted_created;
		return;
	}
	if (s3->request)
		bf_http_client_cancel(s3->engine->http, s3->request);
	s3->request = 0;
	ask_to_forget(s3);
}

/* ---- parts ---- */

static int keep_etag(struct s3_job *s3)
{
	struct s3_part_etag *grown;
	size_t size;

	if (s3->part_count == s3->etag_size) {
		size = s3->etag_size ? 2 * s3->etag_size : 16;
		grown = realloc(s3->etags, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s3->etags = grown;
		s3->etag_size = size;
	}
	memcpy(s3->etags[s3->part_count].text, s3->etag, S3_ETAG_BYTES);
	s3->part_count++;
	return 0;
}

/* It goes back to the service inside of XML: what would need escaping is none. */
static bool is_etag(const char *etag)
{
	return etag[0] && strpbrk(etag, "<>&'") == NULL;
}

static void on_part(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (!s3_is_good(end)) {
		s3_fail(s3, end);
	} else if (!is_etag(s3->etag)) {
		s3_end(s3, BF_BLOB_FAILED, "S3 took a part and named no ETag for it");
	} else if (keep_etag(s3)) {
		s3_end(s3, BF_BLOB_FAILED, "no memory for another part");
	} else {
		s3->part_len = 0;
		send_next(s3);
	}
}

static void send_part(struct s3_job *s3)
{
	char query[QUERY_BYTES];
	struct s3_request request = {.method = "PUT",
		.key = s3->job->ask->key,
		.query = upload_query(s3, s3->part_count + 1, query),
		.body = bf_bytes(s3->part, s3->part_len),
		.timeout_us = UPLOAD_US,
		.next = on_part};

	(void)s3_ask(s3, &request);
}

static void on_created(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (!s3_is_good(end))
		s3_fail(s3, end);
	else if (bf_s3_read_upload(bf_bytes(s3->text, s3->text_len), s3->upload))
		s3_end(s3, BF_BLOB_FAILED, "S3 named no id for an upload in parts");
	else
		send_part(s3);
}

static void create(struct s3_job *s3)
{
	struct s3_request request = {.method = "POST",
		.key = s3->job->ask->key,
		.query = "uploads=",
		.timeout_us = SHORT_US,
		.next = on_created};

	(void)s3_ask(s3, &request);
}

/* ---- the end ---- */

/* A failure may come as 200 with an error inside, since the service answers before it has begun. */
static void on_completed(struct s3_job *s3, const struct bf_http_client_end *end)
{
	struct bf_http_client_end failure = {.outcome = BF_HTTP_CLIENT_ANSWERED, .code = 500};

	if (!s3_is_good(end)) {
		s3_fail(s3, end);
	} else if (bf_s3_read_root(
			   bf_bytes(s3->text, s3->text_len), "CompleteMultipartUploadResult")) {
		s3_fail(s3, &failure);
	} else {
		s3->upload[0] = '\0'; /* it is a blob by now */
		s3_end(s3, BF_BLOB_OK, "");
	}
}

static void complete(struct s3_job *s3)
{
	size_t size = COMPLETE_BYTES * (s3->part_count + 1), len;
	char query[QUERY_BYTES];
	struct s3_request request = {.method = "POST",
		.key = s3->job->ask->key,
		.query = upload_query(s3, 0, query),
		.header = "Content-Type: application/xml",
		.timeout_us = COMPLETE_US,
		.next = on_completed};

	s3->body = malloc(size);
	if (!s3->body) {
		s3_end(s3, BF_BLOB_FAILED, "no memory for the list of parts");
		return;
	}
	len = (size_t)snprintf(s3->body, size, "<CompleteMultipartUpload>");
	for (unsigned i = 0; i < s3->part_count; i++)
		len += (size_t)snprintf(s3->body + len, size - len,
			"<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
			s3->etags[i].text);
	len += (size_t)snprintf(s3->body + len, size - len, "</CompleteMultipartUpload>");
	assert(len < size);
	request.body = bf_bytes(s3->body, len);
	(void)s3_ask(s3, &request);
}

static void on_whole(struct s3_job *s3, const struct bf_http_client_end *end)
{
	if (s3_is_good(end))
		s3_end(s3, BF_BLOB_OK, "");
	else
		s3_fail(s3, end);
}

static void put_whole(struct s3_job *s3)
{
	struct s3_request request = {.method = "PUT",
		.key = s3->job->ask->key,
		.query = "",
		.body = bf_bytes(s3->part, s3->part_len),
		.timeout_us = UPLOAD_US,
		.next = on_whole};

	(void)s3_ask(s3, &request);
}

/* ---- bytes as they come ---- */

static void want(struct s3_job *s3, unsigned count)
{
	s3->wanted += count;
	(void)blob_job_want(s3->job, count);
}

/* After a part, or when there is enough for one. */
static void send_next(struct s3_job *s3)
{
	if (s3->is_last && s3->part_count == 0 && !s3->upload[0])
		put_whole(s3);
	else if (s3->is_last && s3->part_len == 0)
		complete(s3);
	else if (s3->part_len == 0)
		want(s3, BF_BLOB_CREDIT);
	else if (s3->part_count == S3_PART_COUNT_MAX)
		s3_end(s3, BF_BLOB_TOO_LARGE, "more parts than S3 takes");
	else if (!s3->upload[0])
		create(s3);
	else
		send_part(s3);
}

void s3_put_begin(struct s3_job *s3)
{
	want(s3, BF_BLOB_CREDIT);
}

static int add_to_part(struct s3_job *s3, struct bf_bytes bytes)
{
	if (s3->part_size - s3->part_len < bytes.len) {
		size_t size =
			s3->part_size ? 2 * s3->part_size : BF_BLOB_CREDIT * BF_BLOB_CHUNK_BYTES;
		uint8_t *grown = realloc(s3->part, size);

		assert(size <= S3_PART_BYTES);
		if (!grown)
			return -ENOMEM;
		s3->part = grown;
		s3->part_size = size;
	}
	if (bytes.len > 0)
		memcpy(s3->part + s3->part_len, bytes.data, bytes.len);
	s3->part_len += bytes.len;
	return 0;
}

/* Asks for no more than fits: a part is full when another chunk, which might be a long one, would not. */
void s3_put_chunk(struct s3_job *s3, struct bf_bytes bytes, bool is_last)
{
	s3->wanted--;
	s3->is_last = is_last;
	if (add_to_part(s3, bytes))
		s3_end(s3, BF_BLOB_FAILED, "no memory for a part");
	else if (is_last)
		send_next(s3);
	else if (s3->part_len + (s3->wanted + 1) * BF_BLOB_CHUNK_BYTES <= S3_PART_BYTES)
		want(s3, 1);
	else if (s3->wanted == 0)
		send_next(s3);
}
