#include "signaling/http/server_priv.h"

#include "core/base/clock.h"
#include "signaling/http/http_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t bf_http_exchange_id(const struct bf_http_exchange *exchange)
{
	return exchange->id;
}

struct bf_addr bf_http_exchange_remote(const struct bf_http_exchange *exchange)
{
	return exchange->remote;
}

bool bf_http_exchange_is_https(const struct bf_http_exchange *exchange)
{
	return exchange->is_https;
}

const char *bf_http_exchange_request_id(const struct bf_http_exchange *exchange)
{
	return exchange->request_id;
}

/* ---- starting ---- */

static void copy_cut(char *out, size_t size, struct bf_bytes text)
{
	snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size),
		(const char *)text.data);
}

/* Who asks, by which way, and under which name. */
static void identify(struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_conn *conn = exchange->conn;
	struct bf_bytes id = bf_http_field(request, "X-Request-Id");
	struct bf_addr peer = bf_tcp_remote(conn->tcp);
	struct bf_http_origin origin = bf_http_proxies_resolve(
		&conn->server->proxies, request, &peer, bf_tcp_is_tls(conn->tcp));

	exchange->remote = origin.client;
	exchange->is_https = origin.is_https;
	bf_http_request_id_choose(
		exchange->request_id, origin.is_passed_on ? id : bf_bytes(NULL, 0));
	bf_http_reply_field(exchange, "X-Request-Id", exchange->request_id);
}

/* "/whip-session/" of "/whip-session/KEY": what follows the first segment may be a secret. */
static void cut_logged_path(struct bf_http_exchange *exchange)
{
	char *rest = strchr(exchange->path + 1, '/');

	if (rest)
		rest[1] = '\0';
}

static void answer_no_route(struct bf_http_exchange *exchange,
	const struct bf_http_request *request, int err, const char *allow)
{
	struct bf_files_answer answer;

	if (err == -EOPNOTSUPP && bf_http_cors_answer_preflight(exchange, request, allow))
		return;
	if (err == -EOPNOTSUPP) {
		cut_logged_path(exchange);
		bf_http_reply_field(exchange, "Allow", allow);
		bf_http_reply_problem(exchange, 405, "method_not_allowed",
			"the resource does not know this method");
	} else if (bf_files_find(&exchange->conn->server->files, request, &answer) == 0) {
		bf_http_exchange_reply_file(exchange, &answer);
	} else if (bf_http_gate_enter(exchange, request, NULL)) {
		bf_http_reply_problem(exchange, 404, "not_found", "there is nothing at this path");
	}
}

void bf_http_exchange_start(struct bf_http_conn *conn)
{
	struct bf_http_server *server = conn->server;
	struct bf_http_exchange *exchange = &conn->exchange;
	struct bf_http_request *request = &conn->request;
	const struct bf_routes_entry *entry;
	char allow[BF_ROUTES_ALLOW];
	int err;

	bf_http_reply_fields_init(&exchange->fields);
	exchange->id = ++server->exchange_count;
	exchange->start_us = bf_loop_now_us(server->loop);
	exchange->minor_version = request->minor_version;
	exchange->is_head = bf_bytes_is(request->method, "HEAD");
	exchange->keep_alive = request->keep_alive;
	exchange->lacks_field = false;
	exchange->is_guarded = false;
	exchange->entry = NULL;
	copy_cut(exchange->method, sizeof(exchange->method), request->method);
	copy_cut(exchange->path, sizeof(exchange->path), request->path);
	identify(exchange, request);
	bf_http_cors_enter(exchange, request);
	err = bf_map_put(&server->exchanges, &exchange->map_node,
		bf_bytes(&exchange->id, sizeof(exchange->id)));
	if (err) { /* no memory: it cannot be found later, so nobody may get it */
		exchange->map_node.key = bf_bytes(NULL, 0);
		bf_http_reply_problem(
			exchange, 503, "unavailable", "there is no memory for the request");
		return;
	}
	if (!bf_http_gate_redirect(exchange, request))
		return;
	if (bf_bytes_is(request->target, "*")) {
		bf_http_reply_field(
			exchange, "Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
		bf_http_reply(exchange, 204, NULL, bf_bytes(NULL, 0));
		return;
	}
	err = bf_routes_find(&server->routes, request, &entry, allow);
	if (err) {
		answer_no_route(exchange, request, err, allow);
		return;
	}
	/* A path may hold the key of a resource (WHIP): the log gets the route's pattern. */
	copy_cut(exchange->path, sizeof(exchange->path), bf_bytes_str(entry->route->path));
	exchange->entry = entry;
	exchange->is_guarded = entry->route->access == BF_HTTP_SIGNED_IN;
	if (!bf_http_gate_enter(exchange, request, entry->route))
		return;
	if (entry->route->access != BF_HTTP_SIGNED_IN)
		entry->route->handler(entry->arg, exchange, request);
	else if (server->guard)
		server->guard(server->guard_arg, exchange, request, entry->route);
	else
		bf_http_reply_problem(exchange, 503, "unavailable", "nobody can sign in yet");
}

/* Nothing was read from the client since: the request is as it came. */
void bf_http_exchange_admit(struct bf_http_exchange *exchange, const struct bf_http_caller *caller)
{
	const struct bf_routes_entry *entry = exchange->entry;

	exchange->caller = *caller;
	exchange->is_guarded = false;
	if (!bf_http_gate_admit(exchange))
		return;
	entry->route->handler(entry->arg, exchange, &exchange->conn->request);
}

const struct bf_http_route *bf_http_exchange_route(const struct bf_http_exchange *exchange)
{
	return exchange->entry ? exchange->entry->route : NULL;
}

const struct bf_http_caller *bf_http_exchange_caller(const struct bf_http_exchange *exchange)
{
	return bf_uuid_equal(exchange->caller.user, (struct bf_uuid){{0}}) ? NULL
									   : &exchange->caller;
}

/* ---- ending ---- */

static bool is_running(const struct bf_http_exchange *exchange)
{
	return exchange->map_node.key.data != NULL;
}

void bf_http_exchange_forget(struct bf_http_exchange *exchange)
{
	if (is_running(exchange))
		bf_map_remove(&exchange->conn->server->exchanges, &exchange->map_node);
	exchange->map_node.key = bf_bytes(NULL, 0);
	bf_http_reply_fields_deinit(&exchange->fields);
}

static void count(struct bf_http_exchange *exchange, int status, uint64_t body_len)
{
	struct bf_http_server *server = exchange->conn->server;

	assert(status >= 100 && status <= 599);
	bf_metric_add(server->requests[status / 100 - 1], 1);
	BF_LOG(server->log, BF_LOG_DEBUG, "http request", BF_ADDR("remote", &exchange->remote),
		BF_STR("request_id", exchange->request_id), BF_STR("method", exchange->method),
		BF_STR("path", exchange->path), BF_INT("status", status),
		BF_UINT("bytes", body_len),
		BF_INT("took_us", bf_loop_now_us(server->loop) - exchange->start_us));
}

/* Queue head and body. 0, or the stream is not usable any more. */
static int write_reply(struct bf_http_exchange *exchange, const struct bf_http_reply_head *head,
	struct bf_bytes body)
{
	struct bf_tcp *tcp = exchange->conn->tcp;
	uint8_t text[BF_HTTP_RESPONSE_HEAD];
	size_t len = bf_http_reply_head_write(text, head, &exchange->fields);
	int err = bf_tcp_write(tcp, bf_bytes(text, len));

	if (err == 0 && body.len > 0)
		err = bf_tcp_write(tcp, body);
	return err;
}

static enum bf_http_content content_of(const char *content_type, bool is_file)
{
	if (!is_file)
		return BF_HTTP_CONTENT_DATA;
	return strncmp(content_type, "text/html", 9) == 0 ? BF_HTTP_CONTENT_PAGE
							  : BF_HTTP_CONTENT_FILE;
}

/* The one way out: head, body or file, and on to the next request. */
static void finish(struct bf_http_exchange *exchange, int status, const char *content_type,
	struct bf_bytes body, bool is_file)
{
	struct bf_http_conn *conn = exchange->conn;
	char date[BF_HTTP_DATE_TEXT];
	struct bf_http_reply_head head = {
		.status = status,
		.minor_version = exchange->minor_version,
		.date = bf_http_date_format(bf_clock_wall_us() / 1000000, date),
		.content_type = content_type,
		.body_len = body.len,
		.keep_alive = exchange->keep_alive && !conn->server->is_draining,
		.is_secured = true,
		.content = content_of(content_type, is_file),
		.is_https = exchange->is_https,
	};
	bool has_body = bf_http_status_has_body(status) && !exchange->is_head;
	int err;

	assert(conn->state == BF_HTTP_CONN_RUNNING); /* one reply an exchange */
	bf_http_gate_leave(exchange, status);
	if (exchange->lacks_field)
		err = -ENOMEM;
	else
		err = write_reply(exchange, &head, has_body && !is_file ? body : bf_bytes(NULL, 0));
	if (err) {
		BF_LOG(conn->server->log, BF_LOG_WARN, "http reply not sent",
			BF_STR("request_id", exchange->request_id), BF_STR("path", exchange->path),
			BF_ERRNO("error", err));
		bf_tcp_abort(conn->tcp);
	}
	count(exchange, status, has_body ? body.len : 0);
	bf_http_exchange_forget(exchange);
	bf_http_conn_on_replied(conn, head.keep_alive && !err,
		has_body && is_file && !err ? body : bf_bytes(NULL, 0));
}

/* ---- replies ---- */

void bf_http_reply_field(struct bf_http_exchange *exchange, const char *name, const char *value)
{
	if (bf_http_reply_fields_add(&exchange->fields, name, value) < 0)
		exchange->lacks_field = true;
}

void bf_http_reply(struct bf_http_exchange *exchange, int status, const char *content_type,
	struct bf_bytes body)
{
	assert(status >= 200);
	if (body.len > BF_HTTP_REPLY_MAX) {
		BF_LOG(exchange->conn->server->log, BF_LOG_ERROR, "http reply too long",
			BF_STR("path", exchange->path), BF_UINT("bytes", body.len));
		bf_http_reply_problem(exchange, 500, "internal", "the answer is too long");
		return;
	}
	finish(exchange, status, content_type, body, false);
}

static void reply_document(struct bf_http_exchange *exchange, int status, const char *content_type,
	struct bf_json *body)
{
	size_t len = 0;
	char *text = body ? bf_json_print(body, &len) : NULL;

	bf_json_free(body);
	if (!text) /* no memory, or a string in it was not UTF-8 */
		exchange->lacks_field = true;
	bf_http_reply(exchange, status, content_type, bf_bytes(text, len));
	free(text);
}

void bf_http_reply_json(struct bf_http_exchange *exchange, int status, struct bf_json *body)
{
	reply_document(exchange, status, "application/json", body);
}

void bf_http_reply_problem(
	struct bf_http_exchange *exchange, int status, const char *code, const char *detail)
{
	struct bf_json *problem = bf_http_problem(status, code, detail);

	if (problem)
		bf_json_put_str(problem, "request_id", exchange->request_id);
	reply_document(exchange, status, "application/problem+json", problem);
}

void bf_http_exchange_reply_file(
	struct bf_http_exchange *exchange, const struct bf_files_answer *answer)
{
	if (answer->status == 405) {
		bf_http_reply_field(exchange, "Allow", "GET, HEAD");
		bf_http_reply_problem(
			exchange, 405, "method_not_allowed", "files can only be read");
		return;
	}
	bf_http_reply_field(exchange, "ETag", answer->file->etag);
	bf_http_reply_field(exchange, "Cache-Control", answer->cache_control);
	if (answer->varies)
		bf_http_reply_field(exchange, "Vary", "Accept-Encoding");
	if (answer->is_gzip && answer->status == 200)
		bf_http_reply_field(exchange, "Content-Encoding", "gzip");
	finish(exchange, answer->status, answer->content_type,
		bf_bytes(answer->file->data, answer->file->len), true);
}

struct bf_tcp *bf_http_reply_upgrade(struct bf_http_exchange *exchange, struct bf_bytes *rest)
{
	struct bf_http_conn *conn = exchange->conn;
	struct bf_http_reply_head head = {.status = 101, .minor_version = 1, .keep_alive = true};
	int err = exchange->lacks_field ? -ENOMEM : write_reply(exchange, &head, bf_bytes(NULL, 0));

	assert(conn->state == BF_HTTP_CONN_RUNNING);
	count(exchange, 101, 0);
	bf_http_exchange_forget(exchange);
	if (err) { /* the caller gets no stream; ours ends */
		bf_tcp_abort(conn->tcp);
		bf_http_conn_on_replied(conn, false, bf_bytes(NULL, 0));
		return NULL;
	}
	return bf_http_conn_upgrade(conn, rest);
}

/* ---- what never became a request ---- */

void bf_http_exchange_refuse(struct bf_http_conn *conn, int status, const char *why)
{
	struct bf_http_server *server = conn->server;
	struct bf_http_exchange *exchange = &conn->exchange;
	int64_t now_us = bf_loop_now_us(server->loop);
	uint32_t suppressed;

	bf_http_reply_fields_init(&exchange->fields);
	exchange->lacks_field = false;
	exchange->remote = bf_tcp_remote(conn->tcp);
	exchange->is_https = bf_tcp_is_tls(conn->tcp);
	bf_http_request_id_choose(exchange->request_id, bf_bytes(NULL, 0));
	bf_http_reply_field(exchange, "X-Request-Id", exchange->request_id);
	exchange->start_us = now_us;
	exchange->minor_version = 1;
	exchange->is_head = false;
	exchange->keep_alive = false;
	exchange->is_guarded = false;
	exchange->entry = NULL;
	exchange->method[0] = '\0';
	exchange->path[0] = '\0';
	if (status != 408)
		bf_metric_add(server->refused, 1);
	if (bf_log_limit_allows(&server->refusal_log, now_us, 10, &suppressed))
		BF_LOG(server->log, BF_LOG_DEBUG, "http request refused",
			BF_ADDR("remote", &exchange->remote),
			BF_STR("request_id", exchange->request_id), BF_INT("status", status),
			BF_STR("why", why), BF_UINT("suppressed", suppressed));
	bf_http_reply_problem(exchange, status, bf_http_status_code(status), why);
}
