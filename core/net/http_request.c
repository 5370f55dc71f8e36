#include "core/net/http_client_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define BUFFER_BYTES (64L << 10) /* what libcurl reads at once */
#define HEADER_BYTES 8192

/* ---- what libcurl asks while it works ---- */

static bool is_over(const struct http_request *request)
{
	return request->state == HTTP_REQUEST_CANCELLED || request->failure;
}

static void tell_head(struct http_request *request)
{
	struct bf_http_client_head head = {.from = request->easy};
	long code = 0;

	if (request->is_head_told)
		return;
	request->is_head_told = true;
	if (curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK && code > 0)
		head.code = (unsigned)code;
	if (request->given.on_head)
		request->given.on_head(request->given.arg, &head);
}

static size_t on_write(char *data, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	size_t len = size * count;
	int err = 0;

	if (is_over(request))
		return CURL_WRITEFUNC_ERROR;
	if (len > request->given.response_bytes_max - request->received_bytes) {
		request->is_too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	tell_head(request);
	if (is_over(request))
		return CURL_WRITEFUNC_ERROR;
	if (request->given.on_data)
		err = request->given.on_data(request->given.arg, bf_bytes(data, len));
	if (err == -EAGAIN)
		return CURL_WRITEFUNC_PAUSE;
	if (err)
		request->is_stopped = true;
	if (err || is_over(request))
		return CURL_WRITEFUNC_ERROR;
	request->received_bytes += len;
	return len;
}

static size_t read_body(struct http_request *request, char *out, size_t size)
{
	struct bf_bytes body = request->given.body;
	size_t len = body.len - (size_t)request->sent_bytes;

	if (len > size)
		len = size;
	if (len > 0)
		memcpy(out, body.data + request->sent_bytes, len);
	return len;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	int64_t len;

	if (is_over(request))
		return CURL_READFUNC_ABORT;
	if (request->given.pull) {
		len = request->given.pull(request->given.arg, (uint8_t *)out, size * count);
		if (len == -EAGAIN)
			return CURL_READFUNC_PAUSE;
		request->is_stopped = len < 0;
	} else {
		len = (int64_t)read_body(request, out, size * count);
	}
	if (request->is_stopped || is_over(request))
		return CURL_READFUNC_ABORT;
	assert(len >= 0 && (size_t)len <= size * count);
	request->sent_bytes += (uint64_t)len;
	return (size_t)len;
}

/* A kept connection may turn out to be closed only when a request has been written to it: then libcurl begins anew with another. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http_request *request = arg;

	if (is_over(request) || origin != SEEK_SET || request->given.pull || offset < 0 ||
		(uint64_t)offset > request->given.body.len)
		return CURL_SEEKFUNC_CANTSEEK;
	request->sent_bytes = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

const char *bf_http_client_head_get(const struct bf_http_client_head *head, const char *name)
{
	struct curl_header *found;
	size_t count;

	if (curl_easy_header(head->from, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	count = found->amount;
	if (count > 1 && curl_easy_header(head->from, name, count - 1, CURLH_HEADER, -1, &found) !=
				 CURLHE_OK)
		return NULL;
	return found->value;
}

/* ---- making one ---- */

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	return false;
}

static int add_header(struct http_request *request, const char *text)
{
	struct curl_slist *grown;

	if (has_control(text) || !strchr(text, ':') || strlen(text) >= HEADER_BYTES)
		return -EINVAL;
	grown = curl_slist_append(request->headers, text);
	if (!grown)
		return -ENOMEM;
	request->headers = grown;
	return 0;
}

static int set_headers(struct http_request *request)
{
	const struct bf_http_client_request *given = &request->given;
	char text[128];
	int err = 0;

	if (given->header_count > BF_HTTP_CLIENT_HEADER_COUNT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < given->header_count && !err; i++)
		err = add_header(request, given->headers[i]);
	if (!err && given->sign) {
		/* libcurl 7.88 signs a body only if it was given as a string: say what it is ourselves */
		snprintf(text, sizeof(text), "x-amz-content-sha256: %.64s",
			given->sign->body_sha256 ? given->sign->body_sha256 : "UNSIGNED-PAYLOAD");
		err = add_header(request, text);
	}
	if (!err && request->headers &&
		curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->headers))
		err = -ENOMEM;
	return err;
}

static int set_sign(struct http_request *request)
{
	const struct bf_http_client_sign *sign = request->given.sign;
	char provider[128];
	int len;

	if (!sign)
		return 0;
	len = snprintf(provider, sizeof(provider), "aws:amz:%s:%s", sign->region, sign->service);
	if (len < 0 || (size_t)len >= sizeof(provider) || has_control(provider))
		return -EINVAL;
	if (curl_easy_setopt(request->easy, CURLOPT_AWS_SIGV4, provider) ||
		curl_easy_setopt(request->easy, CURLOPT_USERNAME, sign->access_key) ||
		curl_easy_setopt(request->easy, CURLOPT_PASSWORD, sign->secret_key))
		return -ENOMEM;
	return 0;
}

static int set_body(struct http_request *request)
{
	const struct bf_http_client_request *given = &request->given;
	CURL *easy = request->easy;
	bool has_body = given->pull || given->body.len > 0 || strcmp(given->method, "PUT") == 0 ||
			strcmp(given->method, "POST") == 0;
	curl_off_t len = (curl_off_t)given->body.len;

	if (given->pull)
		len = given->body_len == BF_HTTP_CLIENT_LEN_UNKNOWN ? -1
								    : (curl_off_t)given->body_len;
	if (has_body && (curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) ||
				curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, len) ||
				curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) ||
				curl_easy_setopt(easy, CURLOPT_READDATA, request) ||
				curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) ||
				curl_easy_setopt(easy, CURLOPT_SEEKDATA, request)))
		return -ENOMEM;
	if (strcmp(given->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) ? -ENOMEM : 0;
	return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, given->method) ? -ENOMEM : 0;
}

/* Milliseconds, at least one: to libcurl 0 means "no limit" or "your own". */
static long as_ms(int64_t us)
{
	return us < 1000 ? 1 : (long)(us / 1000);
}

static int set_limits(struct http_request *request, const struct bf_http_client_conf *conf)
{
	CURL *easy = request->easy;
	int64_t stall_s = (request->given.stall_us + 999999) / 1000000;

	if (curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, as_ms(request->given.timeout_us)) ||
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, as_ms(conf->connect_us)))
		return -ENOMEM;
	if (stall_s > 0 && (curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) ||
				   curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)stall_s)))
		return -ENOMEM;
	return 0;
}

static int set_rules(struct http_request *request, const struct bf_http_client_conf *conf)
{
	CURL *easy = request->easy;

	if (curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) ||
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) ||
		curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) ||
		curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) ||
		curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L) ||
		curl_easy_setopt(easy, CURLOPT_PROXY, conf->proxy ? conf->proxy : "") ||
		curl_easy_setopt(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED) ||
		curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) ||
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) ||
		/* else removing a transfer waits for a lookup that is on its way */
		curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) ||
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES))
		return -ENOMEM;
	if ((conf->ca_file && curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca_file)) ||
		(conf->user_agent && curl_easy_setopt(easy, CURLOPT_USERAGENT, conf->user_agent)))
		return -ENOMEM;
	return 0;
}

static int set_all(struct http_request *request, const struct bf_http_client_conf *conf)
{
	CURL *easy = request->easy;
	int err;

	if (curl_easy_setopt(easy, CURLOPT_PRIVATE, request) ||
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->why) ||
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write) ||
		curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) ||
		curl_easy_setopt(easy, CURLOPT_URL, request->given.url))
		return -ENOMEM;
	err = set_rules(request, conf);
	if (!err)
		err = set_limits(request, conf);
	if (!err)
		err = set_body(request);
	if (!err)
		err = set_sign(request);
	return err ? err : set_headers(request);
}

int http_request_new(struct http_request **out, struct bf_http_client *client,
	const struct bf_http_client_conf *conf, const struct bf_http_client_request *given)
{
	struct http_request *request = calloc(1, sizeof(*request));
	int err = -ENOMEM;

	assert(given->method && given->url && given->on_end && given->timeout_us > 0);
	if (!request)
		return -ENOMEM;
	bf_list_init(&request->node);
	request->client = client;
	request->given = *given;
	request->easy = curl_easy_init();
	if (request->easy)
		err = set_all(request, conf);
	if (err) {
		http_request_free(request);
		return err;
	}
	/* what they pointed at is the caller's again */
	request->given.method = request->given.url = NULL;
	request->given.headers = NULL;
	request->given.sign = NULL;
	*out = request;
	return 0;
}

void http_request_free(struct http_request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->headers);
	free(request);
}

/* ---- the end ---- */

static enum bf_http_client_outcome outcome_of(const struct http_request *request, CURLcode result)
{
	if (request->failure)
		return BF_HTTP_CLIENT_FAILED;
	if (request->is_too_large)
		return BF_HTTP_CLIENT_TOO_LARGE;
	if (request->is_stopped)
		return BF_HTTP_CLIENT_STOPPED;
	switch (result) {
	case CURLE_OK:
		return BF_HTTP_CLIENT_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		return BF_HTTP_CLIENT_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return BF_HTTP_CLIENT_LATE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return BF_HTTP_CLIENT_UNTRUSTED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_FAILED_INIT:
		return BF_HTTP_CLIENT_FAILED;
	default:
		return BF_HTTP_CLIENT_BROKEN;
	}
}

static void say_why(const struct http_request *request, CURLcode result,
	enum bf_http_client_outcome outcome, char out[static BF_HTTP_CLIENT_WHY_BYTES])
{
	const char *text = request->why[0] ? request->why : curl_easy_strerror(result);

	if (outcome == BF_HTTP_CLIENT_ANSWERED)
		text = "";
	else if (request->failure)
		text = strerrordesc_np(-request->failure);
	else if (outcome == BF_HTTP_CLIENT_TOO_LARGE)
		text = "the answer is too large";
	else if (outcome == BF_HTTP_CLIENT_STOPPED)
		text = "stopped by who asked";
	snprintf(out, BF_HTTP_CLIENT_WHY_BYTES, "%s", text);
}

void http_request_before_end(struct http_request *request, CURLcode result)
{
	if (result == CURLE_OK && !is_over(request))
		tell_head(request);
}

void http_request_end(struct http_request *request, CURLcode result)
{
	struct bf_http_client_request given = request->given;
	char why[BF_HTTP_CLIENT_WHY_BYTES];
	struct bf_http_client_end end;
	long code = 0;

	end = (struct bf_http_client_end){.outcome = outcome_of(request, result), .why = why};
	say_why(request, result, end.outcome, why);
	if (request->is_head_told &&
		curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK)
		end.code = (unsigned)code;
	if (request->state == HTTP_REQUEST_CANCELLED)
		given.on_end = NULL;
	http_request_free(request);
	if (given.on_end)
		given.on_end(given.arg, &end);
}

const char *bf_http_client_outcome_name(enum bf_http_client_outcome outcome)
{
	static const char *const names[BF_HTTP_CLIENT_OUTCOME_COUNT] = {"answered", "unreachable",
		"untrusted", "late", "broken", "too large", "stopped", "failed"};

	return names[outcome];
}
