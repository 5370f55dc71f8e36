#include "storage/blob/s3_priv.h"

#include "core/base/clock.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define STALL_US BF_SEC(30)

/* ---- what is asked ---- */

int s3_encode(char *out, size_t size, const char *text)
{
	static const char plain[] = "-._~";
	size_t len = strlen(out);

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (len + 4 > size)
			return -EMSGSIZE;
		if (isalnum(c) || strchr(plain, c))
			out[len++] = (char)c;
		else
			len += (size_t)snprintf(out + len, 4, "%%%02X", c);
		out[len] = '\0';
	}
	return 0;
}

static const char *url_of(
	const struct s3_job *s3, const struct s3_request *request, char out[static S3_URL_BYTES])
{
	/* a key's letters need no encoding, a cursor's and an id's are encoded: it fits */
	snprintf(out, S3_URL_BYTES, "%s/%s%s%s", s3->engine->base, request->key ? request->key : "",
		request->query[0] ? "?" : "", request->query);
	return out;
}

/* ---- what is answered ---- */

/* "bytes 0-9/100" */
static bool read_range(struct s3_job *s3, const char *text)
{
	unsigned long long from, to, whole;
	char end;

	if (sscanf(text, "bytes %19llu-%19llu/%19llu%c", &from, &to, &whole, &end) != 3 ||
		to < from || to >= whole)
		return false;
	s3->range = (struct bf_blob_range){.from = from, .len = to - from + 1};
	s3->whole_bytes = whole;
	return true;
}

/* Whether what comes is what was asked for: there are services that do not know ranges. */
static bool is_right_range(const struct s3_job *s3)
{
	const struct bf_blob_range *asked = &s3->job->ask->range;
	uint64_t left = s3->whole_bytes - asked->from;

	if (s3->code == 206)
		return s3->has_range && s3->range.from == asked->from &&
		       s3->range.len == (asked->len < left ? asked->len : left);
	return s3->has_len && asked->from == 0 && asked->len >= s3->whole_bytes;
}

/* May end the job, and with it this request. */
static void begin_data(struct s3_job *s3)
{
	s3->job->modified_us = s3->modified_us;
	if (is_right_range(s3))
		(void)blob_job_begin_data(s3->job, s3->whole_bytes, &s3->range);
	else
		s3_end(s3, BF_BLOB_FAILED, "S3 sends another range than was asked for");
}

static void on_head(void *arg, const struct bf_http_client_head *head)
{
	struct s3_job *s3 = arg;
	const char *etag = bf_http_client_head_get(head, "ETag");
	const char *len = bf_http_client_head_get(head, "Content-Length");
	const char *range = bf_http_client_head_get(head, "Content-Range");
	const char *modified = bf_http_client_head_get(head, "Last-Modified");

	s3->code = head->code;
	s3->modified_us = modified ? bf_s3_read_time(modified) : 0;
	snprintf(
		s3->etag, sizeof(s3->etag), "%s", etag && strlen(etag) < S3_ETAG_BYTES ? etag : "");
	s3->has_len =
		len && len[0] && strlen(len) <= 19 && strspn(len, "0123456789") == strlen(len);
	s3->whole_bytes = s3->has_len ? strtoull(len, NULL, 10) : 0;
	s3->range = (struct bf_blob_range){.len = s3->whole_bytes};
	s3->has_range = s3->code == 206 && range && read_range(s3, range);
	if (s3->is_data && (s3->code == 200 || s3->code == 206))
		begin_data(s3);
}

static int keep_text(struct s3_job *s3, struct bf_bytes data)
{
	if (s3->text_size - s3->text_len < data.len) {
		size_t size = 2 * s3->text_size + data.len;
		char *grown;

		if (size > 2 * S3_TEXT_MAX)
			return -EMSGSIZE;
		grown = realloc(s3->text, size);
		if (!grown)
			return -ENOMEM;
		s3->text = grown;
		s3->text_size = size;
	}
	memcpy(s3->text + s3->text_len, data.data, data.len);
	s3->text_len += data.len;
	return 0;
}

static int on_data(void *arg, struct bf_bytes data)
{
	struct s3_job *s3 = arg;

	if (!s3->is_data || (s3->code != 200 && s3->code != 206))
		return keep_text(s3, data);
	if (s3->job->credit == 0)
		return -EAGAIN;
	if (blob_job_data(s3->job, data) == 0)
		return 0;
	s3->is_refused = true;
	return -ENOMEM;
}

static void on_end(void *arg, const struct bf_http_client_end *end)
{
	struct s3_job *s3 = arg;

	s3->request = 0;
	s3->next(s3, end);
}

bool s3_is_good(const struct bf_http_client_end *end)
{
	return end->outcome == BF_HTTP_CLIENT_ANSWERED && end->code >= 200 && end->code < 300;
}

/* ---- asking ---- */

static int64_t start(struct s3_job *s3, const struct s3_request *request, const char *url)
{
	const struct blob_engine *engine = s3->engine;
	char hash[BF_BLOB_DIGEST_HEX];
	struct bf_http_client_sign sign = {.region = engine->region,
		.service = "s3",
		.access_key = engine->access_key,
		.secret_key = engine->secret_key,
		.body_sha256 = hash};
	struct bf_http_client_request asked = {.method = request->method,
		.url = url,
		.headers = &request->header,
		.header_count = request->header ? 1 : 0,
		.sign = &sign,
		.body = request->body,
		.response_bytes_max = request->is_data ? UINT64_MAX : S3_TEXT_MAX,
		.timeout_us = request->timeout_us,
		.stall_us = STALL_US,
		.on_head = on_head,
		.on_data = on_data,
		.on_end = on_end,
		.arg = s3};
	int err = bf_blob_digest_hex(request->body, hash);

	return err ? err : bf_http_client_start(engine->http, &asked);
}

bool s3_ask(struct s3_job *s3, const struct s3_request *request)
{
	char url[S3_URL_BYTES];
	int64_t id;

	assert(s3->request == 0);
	s3->next = request->next;
	s3->is_data = request->is_data;
	s3->text_len = 0;
	s3->code = 0;
	id = start(s3, request, url_of(s3, request, url));
	if (id < 0) {
		s3_end(s3, BF_BLOB_FAILED, strerrordesc_np((int)-id));
		return false;
	}
	s3->request = id;
	return true;
}

/* ---- what errors mean ---- */

static enum bf_blob_status status_of_code(unsigned code, const char *name)
{
	static const struct {
		const char *name;
		enum bf_blob_status status;
	} names[] = {
		{"NoSuchBucket", BF_BLOB_FAILED},
		{"NoSuchUpload", BF_BLOB_FAILED},
		{"EntityTooLarge", BF_BLOB_TOO_LARGE},
		{"QuotaExceeded", BF_BLOB_FULL},
		{"XMinioStorageFull", BF_BLOB_FULL},
		{"SlowDown", BF_BLOB_AWAY},
		{"InvalidRange", BF_BLOB_INVALID},
		{"RequestTimeout", BF_BLOB_AWAY},
		{"KeyTooLongError", BF_BLOB_INVALID},
		{"InvalidAccessKeyId", BF_BLOB_DENIED},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].status;
	switch (code) {
	case 401:
	case 403:
		return BF_BLOB_DENIED;
	case 404:
		return BF_BLOB_NOT_FOUND;
	case 413:
		return BF_BLOB_TOO_LARGE;
	case 416:
		return BF_BLOB_INVALID;
	case 507:
		return BF_BLOB_FULL;
	case 429:
		return BF_BLOB_AWAY;
	default:
		return code >= 500 ? BF_BLOB_AWAY : BF_BLOB_FAILED;
	}
}

static enum bf_blob_status status_of_outcome(enum bf_http_client_outcome outcome)
{
	switch (outcome) {
	case BF_HTTP_CLIENT_UNREACHABLE:
	case BF_HTTP_CLIENT_UNTRUSTED:
	case BF_HTTP_CLIENT_LATE:
	case BF_HTTP_CLIENT_BROKEN:
		return BF_BLOB_AWAY;
	default:
		return BF_BLOB_FAILED;
	}
}

void s3_fail(struct s3_job *s3, const struct bf_http_client_end *end)
{
	struct bf_s3_error error = {.code = ""};
	char why[S3_WHY_BYTES];

	if (end->outcome != BF_HTTP_CLIENT_ANSWERED) {
		snprintf(why, sizeof(why), "S3: %s",
			s3->is_refused ? "no memory for a chunk" : end->why);
		s3_end(s3, status_of_outcome(end->outcome), why);
		return;
	}
	if (s3->text_len > 0)
		(void)bf_s3_read_error(bf_bytes(s3->text, s3->text_len), &error);
	snprintf(why, sizeof(why), "S3 answered %u %s%s%s", end->code, error.code,
		error.message[0] ? ": " : "", error.message);
	s3_end(s3, status_of_code(end->code, error.code), why);
}
