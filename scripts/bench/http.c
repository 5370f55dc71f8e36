#include "scripts/bench/http.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#define FIRST_BYTES 4096 /* of a response; grows as it comes */

static void close_connection(struct bench_http *http)
{
	if (http->bench && http->source.fd >= 0)
		close(http->source.fd);
	http->source.fd = -1;
}

void bench_http_close(struct bench_http *http)
{
	close_connection(http);
	free(http->request);
	free(http->response);
	*http = (struct bench_http){.source.fd = -1};
}

/* ---- reading the answer ---- */

static const char *head_end(const struct bench_http *http)
{
	return http->response ? strstr(http->response, "\r\n\r\n") : NULL;
}

int bench_http_status(const struct bench_http *http)
{
	int status;

	return head_end(http) && sscanf(http->response, "HTTP/1.%*d %d", &status) == 1 ? status : 0;
}

char *bench_http_field(const struct bench_http *http, const char *name)
{
	const char *end = head_end(http);
	const char *at = http->response;
	size_t len = strlen(name);

	while (end && at < end && (at = strstr(at, "\r\n")) && at < end) {
		at += 2;
		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			at += len + 1;
			at += strspn(at, " \t");
			return strndup(at, strcspn(at, "\r\n"));
		}
	}
	return NULL;
}

/* "5\r\nhello\r\n0\r\n\r\n" */
static char *join_chunks(const char *at)
{
	char *out = calloc(1, strlen(at) + 1);
	size_t len = 0;

	while (out) {
		char *data;
		size_t size = strtoul(at, &data, 16);
		data = strstr(data, "\r\n");
		if (size == 0 || !data || strlen(data) < size + 2)
			break;
		memcpy(out + len, data + 2, size);
		len += size;
		at = data + 2 + size;
		at += strspn(at, "\r\n");
	}
	return out;
}

char *bench_http_body(const struct bench_http *http)
{
	const char *end = head_end(http);
	char *coding = bench_http_field(http, "Transfer-Encoding");
	char *body = NULL;

	if (end)
		body = coding && strcasestr(coding, "chunked") ? join_chunks(end + 4)
							       : strdup(end + 4);
	free(coding);
	return body;
}

/* Known before the server closes when it says the length, or ends a chunked body. */
static bool is_complete(const struct bench_http *http)
{
	const char *end = head_end(http);
	char *field;
	size_t len;

	if (!end)
		return false;
	field = bench_http_field(http, "Content-Length");
	if (!field)
		return strlen(end) > 5 &&
		       strcmp(http->response + http->response_len - 5, "0\r\n\r\n") == 0;
	len = strtoul(field, NULL, 10);
	free(field);
	return http->response_len - (size_t)(end + 4 - http->response) >= len;
}

/* ---- the connection ---- */

static int open_connection(struct bench_http *http);

static void finish(struct bench_http *http, bool is_whole)
{
	if (!is_whole || !http->is_kept)
		close_connection(http);
	if (!is_whole && http->is_reused && http->response_len == 0 && open_connection(http) == 0)
		return; /* the server had closed it while it was idle: once more */
	http->is_busy = false;
	http->on_done(http->arg, http);
}

static void write_more(struct bench_http *http)
{
	ssize_t n = send(http->source.fd, http->request + http->sent_len,
		http->request_len - http->sent_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != ENOTCONN) {
		finish(http, false);
		return;
	}
	if (n > 0)
		http->sent_len += (size_t)n;
	if (http->sent_len == http->request_len)
		bench_rewatch(http->bench, &http->source, EPOLLIN);
}

/* Room for more of the response and its NUL; false beyond the limit. */
static bool grow(struct bench_http *http)
{
	size_t size = http->response_size ? 2 * http->response_size : FIRST_BYTES;
	char *response;

	if (http->response_len + 1 < http->response_size)
		return true;
	response = size <= BENCH_HTTP_MAX ? realloc(http->response, size) : NULL;
	if (!response)
		return false;
	http->response = response;
	http->response_size = size;
	return true;
}

static void read_more(struct bench_http *http)
{
	while (grow(http)) {
		ssize_t n = recv(http->source.fd, http->response + http->response_len,
			http->response_size - 1 - http->response_len, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		http->response_len += (size_t)n;
		http->response[http->response_len] = '\0';
		if (is_complete(http)) {
			finish(http, true);
			return;
		}
	}
	finish(http, false);
}

static void on_ready(void *arg, uint32_t events)
{
	struct bench_http *http = arg;

	if (!http->is_busy)
		close_connection(http); /* the server ends a connection that is idle */
	else if (events & EPOLLOUT)
		write_more(http);
	else
		read_more(http);
}

static int format(struct bench_http *http, const struct bench_http_request *request)
{
	const struct bench *bench = http->bench;
	const char *body = request->body ? request->body : "";
	char token[2048] = "", type[128] = "";
	int len;

	if (bench->options->token)
		snprintf(token, sizeof(token), "Authorization: Bearer %s\r\n",
			bench->options->token);
	if (request->content_type)
		snprintf(type, sizeof(type), "Content-Type: %s\r\nContent-Length: %zu\r\n",
			request->content_type, strlen(body));
	len = asprintf(&http->request, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n%s",
		request->method, request->path, bench->host,
		request->is_kept ? "" : "Connection: close\r\n", token, type, body);
	if (len < 0) {
		http->request = NULL;
		return -ENOMEM;
	}
	http->request_len = (size_t)len;
	return 0;
}

static int open_connection(struct bench_http *http)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&http->bench->http, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	http->source = (struct bench_source){.on_ready = on_ready, .arg = http, .fd = fd};
	http->is_reused = false;
	http->sent_len = 0;
	if (connect(fd, (struct sockaddr *)&sa, sa_len) < 0 && errno != EINPROGRESS) {
		int err = -errno;
		close_connection(http);
		return err;
	}
	bench_watch(http->bench, &http->source, EPOLLOUT);
	return 0;
}

int bench_http_start(
	struct bench_http *http, struct bench *bench, const struct bench_http_request *request)
{
	bool is_open = http->bench && http->source.fd >= 0;

	assert(!http->is_busy);
	if (!http->bench)
		http->source.fd = -1;
	free(http->request);
	free(http->response);
	http->request = http->response = NULL;
	http->sent_len = http->response_len = http->response_size = 0;
	http->bench = bench;
	http->arg = request->arg;
	http->on_done = request->on_done;
	http->is_kept = request->is_kept;
	if (format(http, request) < 0)
		return -ENOMEM;
	http->is_busy = true;
	http->is_reused = is_open;
	if (is_open)
		bench_rewatch(bench, &http->source, EPOLLOUT);
	else if (open_connection(http) < 0) {
		http->is_busy = false;
		return -EIO;
	}
	return 0;
}
