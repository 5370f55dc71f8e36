/* core/net/http_client.h - asks others' servers over HTTP, without waiting: libcurl on our loop.
 *
 * A request is started, waits its turn, and ends with exactly one on_end, unless it is cancelled. Before that come on_head once and
 * on_data as often as bytes arrive, if there was an answer. All callbacks come from the loop, never from within a call of the caller's.
 * They may start, cancel and resume requests, but not free the client.
 * What is never done: following redirects, other protocols than http and https, taking a certificate that cannot be verified, reading
 * proxies or passwords from the environment or .netrc, waiting for a name's lookup (that is on a thread of libcurl's).
 * Owner:   whoever made it.   Thread: the loop's.
 * Limits:  active_count_max requests on the way, and so many connections; queue_count_max that wait, then -ENOBUFS; the answer's
 *          bytes, the time for connecting, for all, and without any progress, as each request says.
 * Secrets: neither `why` nor a log holds more of a request than its host's name.
 * Source:  RFC 9110, RFC 9112; AWS Signature Version 4, by libcurl.
 */
#ifndef BF_CORE_NET_HTTP_CLIENT_H
#define BF_CORE_NET_HTTP_CLIENT_H

#include "core/base/bytes.h"
#include "core/loop/loop.h"

#define BF_HTTP_CLIENT_WHY_BYTES	256
#define BF_HTTP_CLIENT_HEADER_COUNT_MAX 32
#define BF_HTTP_CLIENT_LEN_UNKNOWN	UINT64_MAX

struct bf_http_client;

struct bf_http_client_conf {
	unsigned active_count_max;
	unsigned queue_count_max;
	int64_t connect_us;	/* for name, connection and TLS */
	const char *ca_file;	/* PEM; NULL: the system's */
	const char *user_agent; /* NULL: none */
	const char *proxy;	/* as http://host:port; NULL: none, whatever the environment says */
};

/* -ENOMEM; -ENOTSUP: this libcurl looks names up on our thread. */
int bf_http_client_new(
	struct bf_http_client **out, struct bf_loop *loop, const struct bf_http_client_conf *conf);

/* What is on the way is dropped, without callbacks. Some turns of the loop let go of its descriptors. Accepts NULL. */
void bf_http_client_free(struct bf_http_client *client);

enum bf_http_client_outcome {
	BF_HTTP_CLIENT_ANSWERED,    /* completely; `code` says with what */
	BF_HTTP_CLIENT_UNREACHABLE, /* no such name, or nobody takes connections there */
	BF_HTTP_CLIENT_UNTRUSTED,   /* TLS: no certificate that we accept, no common version ... */
	BF_HTTP_CLIENT_LATE,	    /* a time limit */
	BF_HTTP_CLIENT_BROKEN,	    /* the connection was lost, or what came is not HTTP */
	BF_HTTP_CLIENT_TOO_LARGE,   /* more than response_bytes_max */
	BF_HTTP_CLIENT_STOPPED,	    /* on_data or pull said so */
	BF_HTTP_CLIENT_FAILED,	    /* no memory, no descriptors, a URL that is none */
	BF_HTTP_CLIENT_OUTCOME_COUNT,
};
const char *bf_http_client_outcome_name(enum bf_http_client_outcome outcome);

/* Lent to on_head. */
struct bf_http_client_head {
	unsigned code;
	void *from; /* libcurl's */
};

/* The last header of that name, in any case, trimmed, until on_head returns; NULL: there is none. */
const char *bf_http_client_head_get(const struct bf_http_client_head *head, const char *name);

struct bf_http_client_end {
	enum bf_http_client_outcome outcome;
	unsigned code;	 /* of the answer; 0: none came */
	const char *why; /* a cause for logs; "" if it was answered */
};

/* Signs the request for a service of Amazon's or one that is like it. */
struct bf_http_client_sign {
	const char *region, *service;
	const char *access_key, *secret_key;
	const char *body_sha256; /* 64 hex digits; NULL: the body is not signed */
};

struct bf_http_client_request {
	const char *method; /* as "GET" */
	const char *
		url; /* its query, if it is signed: sorted, percent-encoded, with "=" after each name */
	const char *const *headers; /* "Name: value" */
	size_t header_count;
	const struct bf_http_client_sign *sign; /* NULL: not signed */
	/* The body, lent until on_end: `body`, or `pull` with its length, in `body_len`, or BF_HTTP_CLIENT_LEN_UNKNOWN. Pull
	 * writes up to `size` bytes and returns how many; 0: that was all; -EAGAIN: not now, bf_http_client_resume follows;
	 * other negative: stop. */
	struct bf_bytes body;
	int64_t (*pull)(void *arg, uint8_t *out, size_t size);
	uint64_t body_len;
	uint64_t response_bytes_max;
	int64_t timeout_us; /* for all of it, from its turn on */
	int64_t stall_us; /* without a byte in either direction, rounded up to seconds; 0: no limit */
	/* May be NULL. */
	void (*on_head)(void *arg, const struct bf_http_client_head *head);
	/* May be NULL. 0: taken; -EAGAIN: not taken, and it comes again after bf_http_client_resume; other negative: stop. */
	int (*on_data)(void *arg, struct bf_bytes data);
	void (*on_end)(void *arg, const struct bf_http_client_end *end);
	void *arg;
};

/* A positive id that is never met again. All but the body is copied. -ENOBUFS: too many wait; -EINVAL: too many headers, or one with
 * a control character; -ENOMEM. With an error on_end is not called. */
int64_t bf_http_client_start(
	struct bf_http_client *client, const struct bf_http_client_request *request);

/* No callback follows, and the body is not looked at any more. Does nothing for one that has ended. */
void bf_http_client_cancel(struct bf_http_client *client, int64_t id);

/* What on_data or pull did not want before it wants now. Does nothing for one that has ended. */
void bf_http_client_resume(struct bf_http_client *client, int64_t id);

#endif
