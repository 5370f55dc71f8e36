/* scripts/bench/http.h - HTTP/1.1 requests without blocking, one at a time on a connection that may be kept for the next one.
 *
 * Owner:   an adapter's session, which embeds it.   Thread: one.
 * Limits:  a response of at most BENCH_HTTP_MAX bytes.
 * Source:  RFC 9112.
 */
#ifndef BF_BENCH_HTTP_H
#define BF_BENCH_HTTP_H

#include "scripts/bench/loop.h"

#define BENCH_HTTP_MAX (1 << 20)

struct bench_http {
	/* given */
	struct bench *bench;
	void *arg;
	void (*on_done)(void *arg, struct bench_http *http);
	/* owned */
	struct bench_source source;
	char *request;
	char *response; /* NUL-terminated */
	/* state */
	size_t request_len, sent_len, response_len, response_size;
	bool is_busy;
	bool is_kept; /* the connection stays open afterwards */
	bool is_reused; /* ... as it was after the request before this one: the server may have closed it meanwhile */
};

/* Send it. `on_done` is called once, later, and may look at the answer until it returns or starts another request. 0 or a
 * negative errno; the one before must be over. */
struct bench_http_request {
	const char *method, *path;
	const char *content_type; /* NULL: no body */
	const char *body;
	bool is_kept;
	void *arg;
	void (*on_done)(void *arg, struct bench_http *http);
};
int bench_http_start(
	struct bench_http *http, struct bench *bench, const struct bench_http_request *request);

/* End it, without an answer if it has none, and the connection; safe on one that is zero or over. */
void bench_http_close(struct bench_http *http);

/* Of an answer: the status, 0 if it is none; a header field's value, and the body, both NUL-terminated copies that the caller
 * frees, NULL if absent. */
int bench_http_status(const struct bench_http *http);
char *bench_http_field(const struct bench_http *http, const char *name);
char *bench_http_body(const struct bench_http *http);

#endif
