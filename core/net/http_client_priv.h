/* core/net/http_client_priv.h - between the client, which drives libcurl, and its requests.
 *
 * Thread: the loop's.
 */
#ifndef BF_CORE_NET_HTTP_CLIENT_PRIV_H
#define BF_CORE_NET_HTTP_CLIENT_PRIV_H

#include "core/base/list.h"
#include "core/net/http_client.h"

#include <curl/curl.h>

enum http_request_state {
	HTTP_REQUEST_QUEUED,
	HTTP_REQUEST_ACTIVE,
	HTTP_REQUEST_CANCELLED, /* goes as soon as libcurl is not at work on it */
};

struct http_request {
	/* given */
	struct bf_http_client *client;
	struct bf_http_client_request given; /* its strings are libcurl's by now */
	/* owned */
	CURL *easy;
	struct curl_slist *headers;
	/* state */
	struct bf_list node; /* in the client's queue, or in its active ones */
	int64_t id;
	enum http_request_state state;
	bool is_head_told;
	bool is_resumed;
	bool is_too_large, is_stopped;
	int failure; /* of ours, while libcurl was at work: negative errno */
	uint64_t sent_bytes, received_bytes;
	char why[CURL_ERROR_SIZE];
};

/* -EINVAL, -ENOMEM. */
int http_request_new(struct http_request **out, struct bf_http_client *client,
	const struct bf_http_client_conf *conf, const struct bf_http_client_request *given);

/* It must not be in libcurl's multi handle. */
void http_request_free(struct http_request *request);

/* While it is still in the client's lists, so that it can be cancelled: tells the head if there was no body that did. */
void http_request_before_end(struct http_request *request, CURLcode result);

/* Tells how it ended, unless it was cancelled. The request is in no list any more; it is freed before its owner is told. */
void http_request_end(struct http_request *request, CURLcode result);

#endif
