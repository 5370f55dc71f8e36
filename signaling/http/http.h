/* signaling/http/http.h - strict HTTP/1.1 requests and responses, without I/O.
 *
 * Owner:   the connection embeds a parser; views borrow its buffer until the next bf_http_parser_next.
 * Thread:  one.
 * Limits:  BF_HTTP_HEAD_MAX bytes of request line and fields, BF_HTTP_FIELDS fields, body_max bytes of body, or as many as
 *          a function says of a request.
 * Source:  RFC 9110, RFC 9112 (no bare LF, no obs-fold, no CL with TE, no duplicate CL, chunked only as the last coding).
 */
#ifndef BF_SIGNALING_HTTP_HTTP_H
#define BF_SIGNALING_HTTP_HTTP_H

#include "core/base/bytes.h"

#define BF_HTTP_HEAD_MAX 16384
#define BF_HTTP_FIELDS	 96
#define BF_HTTP_SEGMENTS 8 /* captured path parameters */
#define BF_HTTP_PATH_MAX \
	2048 /* bytes of path, without the query; longer ones are refused with 414 */

struct bf_http_field {
	struct bf_bytes name;  /* as sent; compare without case */
	struct bf_bytes value; /* without surrounding white space */
};

struct bf_http_request {
	struct bf_bytes method;
	struct bf_bytes target; /* as sent */
	struct bf_bytes
		path; /* decoded once (UTF-8, no controls, no escaped '/'), dot segments removed, begins with '/' */
	struct bf_bytes query;	/* raw, without '?' */
	unsigned minor_version; /* 0 or 1 */
	struct bf_http_field fields[BF_HTTP_FIELDS];
	unsigned field_count;
	struct bf_bytes body;
	bool keep_alive;
	bool wants_upgrade;			  /* Connection: upgrade with Upgrade: websocket */
	struct bf_bytes params[BF_HTTP_SEGMENTS]; /* filled by the router: {room} ... in order */
	unsigned param_count;
};

/* The value of the only field with that name; empty view with data NULL when absent; the first when repeated. */
struct bf_bytes bf_http_field(const struct bf_http_request *request, const char *name);

/* The decoded value of a query parameter, written to out[size]; returns its length, -ENOENT, -ENOBUFS or -EBADMSG. */
int bf_http_query(const struct bf_http_request *request, const char *name, char *out, size_t size);

struct bf_http_parser;
int bf_http_parser_new(struct bf_http_parser **out, size_t body_max);
void bf_http_parser_free(struct bf_http_parser *parser);

/* Asked once the head of a request with a body is there, before any of the body is kept: how long that may be. What is in `request`
 * is lent for the call; it has no body. */
typedef size_t bf_http_body_limit(void *arg, struct bf_http_request *request);
void bf_http_parser_set_body_limit(
	struct bf_http_parser *parser, bf_http_body_limit *limit, void *arg);

/* Bytes from the stream: as many as fit are taken (returned); the rest must be given again after next(). */
size_t bf_http_parser_put(struct bf_http_parser *parser, struct bf_bytes data);

/* 1: a whole request is in *out. 0: more bytes are needed. Negative: refuse and close; *status then is 400, 413, 414, 417, 431,
 * 501, 503 (no memory) or 505 and *why a static sentence naming the cause. Unless it returns 1, what is in *out means nothing.
 * Pipelined requests come one call after another. */
int bf_http_parser_next(
	struct bf_http_parser *parser, struct bf_http_request *out, int *status, const char **why);

/* Whether the head of a request has begun but is not complete: what the slow-loris deadline guards. */
bool bf_http_parser_is_mid_request(const struct bf_http_parser *parser);

/* Whether a head is complete and its body is not: what the deadline of bodies guards. */
bool bf_http_parser_is_mid_body(const struct bf_http_parser *parser);

/* True once for a request whose client waits for 100 (Continue) before it sends the body; ask after a next() that returned 0. */
bool bf_http_parser_take_continue(struct bf_http_parser *parser);

/* After an upgrade: the bytes that followed the request. */
struct bf_bytes bf_http_parser_rest(const struct bf_http_parser *parser);

#endif
