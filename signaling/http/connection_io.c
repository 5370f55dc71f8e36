#include "signaling/http/server_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Bytes of a file queued at once: enough to fill a fast link, little enough to share the loop. */
#define FILE_PIECE (256 * 1024)

/* A request that no route takes is answered with 404 or 405, and may have been meant well. */
#define BODY_OF_NOBODY 4096

#define BIT(state)     (1u << (state))

static const unsigned may_enter[] = {
	[BF_HTTP_CONN_READING] = BIT(BF_HTTP_CONN_RUNNING) | BIT(BF_HTTP_CONN_CLOSING),
	[BF_HTTP_CONN_RUNNING] = BIT(BF_HTTP_CONN_READING) | BIT(BF_HTTP_CONN_SENDING) |
				 BIT(BF_HTTP_CONN_CLOSING) | BIT(BF_HTTP_CONN_UPGRADED),
	[BF_HTTP_CONN_SENDING] = BIT(BF_HTTP_CONN_READING) | BIT(BF_HTTP_CONN_CLOSING),
	[BF_HTTP_CONN_CLOSING] = 0,
	[BF_HTTP_CONN_UPGRADED] = 0,
};

static void enter(struct bf_http_conn *conn, enum bf_http_conn_state next)
{
	assert(may_enter[conn->state] & BIT(next));
	conn->state = next;
}

static int64_t now_us(const struct bf_http_conn *conn)
{
	return bf_loop_now_us(conn->server->loop);
}

/* ---- closing ---- */

/* Send what is queued, then end. The rest happens in on_close. */
static void start_closing(struct bf_http_conn *conn)
{
	enter(conn, BF_HTTP_CONN_CLOSING);
	bf_timer_disarm(&conn->deadline);
	bf_timer_disarm(&conn->again);
	bf_tcp_close(conn->tcp);
}

static void abort_conn(struct bf_http_conn *conn)
{
	if (conn->state != BF_HTTP_CONN_CLOSING)
		start_closing(conn);
	bf_tcp_abort(conn->tcp);
}

static void on_close_ignored(void *arg, struct bf_tcp *tcp, int err)
{
	(void)arg;
	(void)tcp;
	(void)err;
}

static void on_data_ignored(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	(void)arg;
	(void)tcp;
	(void)data;
}

/* A stream whose connection is gone before it. */
static const struct bf_tcp_ops orphan_ops = {
	.on_data = on_data_ignored, .on_close = on_close_ignored};

void bf_http_conn_free(struct bf_http_conn *conn)
{
	assert(!conn->is_in_run);
	if (conn->tcp) {
		bf_tcp_set_ops(conn->tcp, &orphan_ops, NULL);
		bf_tcp_abort(conn->tcp);
	}
	bf_http_exchange_forget(&conn->exchange);
	bf_timer_disarm(&conn->deadline);
	bf_timer_disarm(&conn->again);
	bf_list_remove(&conn->node);
	bf_metric_add(conn->server->connections, -1);
	bf_http_parser_free(conn->parser);
	free(conn->kept);
	free(conn);
}

static void on_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct bf_http_conn *conn = arg;

	(void)tcp;
	(void)err;
	conn->tcp = NULL;
	bf_http_conn_free(conn);
}

/* ---- deadlines ---- */

static void arm_deadline(struct bf_http_conn *conn)
{
	const struct bf_http_timeouts *timeouts = &conn->server->timeouts;
	int64_t after_us = timeouts->idle_us, since_us = conn->phase_us;

	if (conn->state == BF_HTTP_CONN_RUNNING) {
		after_us = timeouts->reply_us;
		since_us = conn->exchange.start_us;
	} else if (conn->state == BF_HTTP_CONN_SENDING) {
		after_us = timeouts->write_us;
		since_us = now_us(conn);
		conn->queued_seen = bf_tcp_queued_bytes(conn->tcp);
	} else if (conn->phase == BF_HTTP_PHASE_HEAD) {
		after_us = timeouts->head_us;
	} else if (conn->phase == BF_HTTP_PHASE_BODY) {
		after_us = timeouts->body_us;
	}
	bf_timer_arm(&conn->deadline, since_us + after_us);
}

/* The deadline of a head counts from its first byte and is not moved by later ones: a client that sends a byte now and then
 * holds its connection for that long and no longer. */
static void update_phase(struct bf_http_conn *conn, bool was_request_read)
{
	enum bf_http_phase phase = bf_http_parser_is_mid_body(conn->parser) ? BF_HTTP_PHASE_BODY
				   : bf_http_parser_is_mid_request(conn->parser)
					   ? BF_HTTP_PHASE_HEAD
					   : BF_HTTP_PHASE_IDLE;

	if (phase != conn->phase || was_request_read)
		conn->phase_us = now_us(conn);
	conn->phase = phase;
}

static void on_late_reader(struct bf_http_conn *conn)
{
	if (bf_tcp_queued_bytes(conn->tcp) != conn->queued_seen) {
		arm_deadline(conn);
		return;
	}
	bf_metric_add(conn->server->timeouts_total, 1);
	abort_conn(conn);
}

static void on_deadline(void *arg)
{
	struct bf_http_conn *conn = arg;

	if (conn->state == BF_HTTP_CONN_SENDING) {
		on_late_reader(conn);
	} else if (conn->state == BF_HTTP_CONN_RUNNING) {
		BF_LOG(conn->server->log, BF_LOG_ERROR, "http handler did not answer",
			BF_STR("request_id", conn->exchange.request_id),
			BF_STR("method", conn->exchange.method),
			BF_STR("path", conn->exchange.path));
		bf_http_reply_problem(
			&conn->exchange, 504, "timeout", "the server took too long to answer");
	} else if (conn->phase == BF_HTTP_PHASE_IDLE) {
		start_closing(conn);
	} else {
		bf_metric_add(conn->server->timeouts_total, 1);
		enter(conn, BF_HTTP_CONN_RUNNING);
		bf_http_exchange_refuse(conn, 408, "the request took too long to arrive");
	}
}

/* ---- bytes that must wait ---- */

/* Keep what is left of fresh, which points into memory that is only lent, or into `kept`. False: no memory, aborted. */
static bool keep_fresh(struct bf_http_conn *conn)
{
	uint8_t *kept = NULL;

	if (conn->kept && conn->fresh.data == conn->kept)
		return true;
	if (conn->fresh.len > 0) {
		kept = malloc(conn->fresh.len);
		if (!kept) {
			abort_conn(conn);
			return false;
		}
		memcpy(kept, conn->fresh.data, conn->fresh.len);
	}
	free(conn->kept);
	conn->kept = kept;
	conn->fresh.data = kept;
	return true;
}

/* ---- requests, one after the other ---- */

/* Read one request and start its exchange. False: there is nothing to go on with for now. */
static bool run_one(struct bf_http_conn *conn)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *why;
	int status, result = bf_http_parser_next(conn->parser, &conn->request, &status, &why);

	if (result < 0) {
		enter(conn, BF_HTTP_CONN_RUNNING);
		bf_http_exchange_refuse(conn, status, why);
		return false;
	}
	if (result == 1) {
		enter(conn, BF_HTTP_CONN_RUNNING);
		bf_http_exchange_start(conn);
		return true;
	}
	if (bf_http_parser_take_continue(conn->parser) && conn->fresh.len == 0)
		bf_tcp_write(conn->tcp,
			bf_bytes(go_on, sizeof(go_on) - 1)); /* if it fails the stream closes */
	if (conn->fresh.len > 0) {
		size_t taken = bf_http_parser_put(conn->parser, conn->fresh);

		conn->fresh.data += taken;
		conn->fresh.len -= taken;
		return true;
	}
	return false;
}

/* After a run: decide what is waited for. */
static void settle(struct bf_http_conn *conn, bool was_request_read)
{
	bool is_waiting = conn->state != BF_HTTP_CONN_READING || conn->fresh.len > 0;

	if (conn->state == BF_HTTP_CONN_CLOSING || !keep_fresh(conn))
		return;
	if (conn->state == BF_HTTP_CONN_READING) {
		update_phase(conn, was_request_read);
		if (conn->fresh.len > 0) {
			bf_timer_arm(&conn->again, now_us(conn) + 1);
		} else if (!conn->again.is_armed &&
			   (conn->has_end || (conn->server->is_draining &&
						     conn->phase == BF_HTTP_PHASE_IDLE))) {
			start_closing(conn);
			return;
		}
	}
	if (is_waiting)
		bf_tcp_pause(conn->tcp);
	else
		bf_tcp_resume(conn->tcp);
	arm_deadline(conn);
}

static void run(struct bf_http_conn *conn)
{
	unsigned count = 0;
	bool went_on = true;

	assert(!conn->is_in_run);
	conn->is_in_run = true;
	while (conn->state == BF_HTTP_CONN_READING && went_on && count < BF_HTTP_REQUESTS_TURN) {
		uint64_t before = conn->exchange.id;

		went_on = run_one(conn);
		count += conn->exchange.id != before;
	}
	conn->is_in_run = false;
	if (conn->state == BF_HTTP_CONN_UPGRADED) {
		bf_http_conn_free(conn);
		return;
	}
	/* Stopped by the count, the parser may hold further requests while nothing is fresh: look again in the next turn. */
	if (conn->state == BF_HTTP_CONN_READING && went_on)
		bf_timer_arm(&conn->again, now_us(conn) + 1);
	settle(conn, count > 0);
}

static void on_again(void *arg)
{
	struct bf_http_conn *conn = arg;

	if (conn->state == BF_HTTP_CONN_UPGRADED)
		bf_http_conn_free(conn);
	else if (conn->state == BF_HTTP_CONN_READING)
		run(conn);
}

static void on_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct bf_http_conn *conn = arg;

	(void)tcp;
	if (conn->state == BF_HTTP_CONN_CLOSING)
		return;
	assert(conn->fresh.len == 0); /* the stream is paused while there is some */
	conn->fresh = data;
	if (conn->state == BF_HTTP_CONN_READING)
		run(conn);
	else
		settle(conn, false);
}

static void on_end(void *arg, struct bf_tcp *tcp)
{
	struct bf_http_conn *conn = arg;

	(void)tcp;
	conn->has_end = true;
	if (conn->state == BF_HTTP_CONN_READING && !conn->again.is_armed)
		start_closing(conn);
}

/* ---- answers ---- */

/* Queue as much of the file as may wait at once. */
static void pump_file(struct bf_http_conn *conn)
{
	while (conn->file.len > 0 && bf_tcp_queued_bytes(conn->tcp) <= BF_HTTP_QUEUE_HIGH) {
		size_t len = conn->file.len < FILE_PIECE ? conn->file.len : FILE_PIECE;

		if (bf_tcp_write(conn->tcp, bf_bytes(conn->file.data, len)) < 0) {
			abort_conn(conn);
			return;
		}
		conn->file.data += len;
		conn->file.len -= len;
	}
}

/* Go on after an answer: read the next request, or wait until this one is out. */
static void leave_answer(struct bf_http_conn *conn)
{
	pump_file(conn);
	if (conn->state == BF_HTTP_CONN_CLOSING)
		return;
	if (conn->file.len > 0 || bf_tcp_queued_bytes(conn->tcp) > BF_HTTP_QUEUE_HIGH) {
		if (conn->state == BF_HTTP_CONN_RUNNING)
			enter(conn, BF_HTTP_CONN_SENDING);
		if (!conn->is_in_run)
			settle(conn, false);
		return;
	}
	if (conn->closes_after_reply) {
		start_closing(conn);
		return;
	}
	enter(conn, BF_HTTP_CONN_READING);
	if (conn->is_in_run)
		return;
	/* Not here: whoever replied may be in the middle of something that the next handler would run into. */
	conn->phase_us = now_us(conn);
	arm_deadline(conn);
	bf_timer_arm(&conn->again, now_us(conn) + 1);
}

void bf_http_conn_on_replied(struct bf_http_conn *conn, bool keep_alive, struct bf_bytes file)
{
	conn->closes_after_reply = !keep_alive;
	conn->file = file;
	leave_answer(conn);
}

static void on_drain(void *arg, struct bf_tcp *tcp)
{
	struct bf_http_conn *conn = arg;

	(void)tcp;
	if (conn->state == BF_HTTP_CONN_SENDING)
		leave_answer(conn);
}

/* ---- upgrade ---- */

struct bf_tcp *bf_http_conn_upgrade(struct bf_http_conn *conn, struct bf_bytes *rest)
{
	struct bf_bytes parsed = bf_http_parser_rest(conn->parser), fresh = conn->fresh;
	struct bf_tcp *tcp = conn->tcp;

	*rest = parsed.len > 0 ? parsed : fresh;
	if (parsed.len > 0 && fresh.len > 0) {
		uint8_t *both = malloc(parsed.len + fresh.len);

		if (!both) {
			abort_conn(conn);
			return NULL;
		}
		memcpy(both, parsed.data, parsed.len);
		memcpy(both + parsed.len, fresh.data, fresh.len);
		free(conn->kept);
		conn->kept = both;
		*rest = bf_bytes(both, parsed.len + fresh.len);
	}
	enter(conn, BF_HTTP_CONN_UPGRADED);
	bf_timer_disarm(&conn->deadline);
	bf_tcp_resume(tcp);
	conn->tcp = NULL;
	/* `rest` must live until the caller has read it: inside a handler until that returns, else until the next turn. */
	if (!conn->is_in_run)
		bf_timer_arm(&conn->again, now_us(conn) + 1);
	return tcp;
}

/* ---- beginning ---- */

static const struct bf_tcp_ops conn_ops = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
	.on_close = on_close,
};

static size_t body_default(const struct bf_http_server *server)
{
	return (size_t)server->conf->http.body_max_kib * 1024;
}

/* What nobody will read need not be long. */
static size_t body_limit(void *arg, struct bf_http_request *request)
{
	const struct bf_http_server *server = arg;
	const struct bf_routes_entry *entry;
	char allow[BF_ROUTES_ALLOW];

	if (bf_routes_find(&server->routes, request, &entry, allow) < 0)
		return BODY_OF_NOBODY;
	return entry->route->body_max ? entry->route->body_max : body_default(server);
}

void bf_http_conn_accept(struct bf_http_server *server, struct bf_tcp *tcp, bool is_redirected)
{
	struct bf_http_conn *conn = calloc(1, sizeof(*conn));

	if (!conn || bf_http_parser_new(&conn->parser, body_default(server)) < 0) {
		free(conn);
		bf_tcp_set_ops(tcp, &orphan_ops, NULL);
		bf_tcp_abort(tcp);
		return;
	}
	bf_http_parser_set_body_limit(conn->parser, body_limit, server);
	conn->server = server;
	conn->tcp = tcp;
	conn->is_redirected = is_redirected;
	conn->exchange.conn = conn;
	conn->phase_us = now_us(conn);
	bf_timer_init(&conn->deadline, server->loop, on_deadline, conn);
	bf_timer_init(&conn->again, server->loop, on_again, conn);
	bf_list_append(&server->conns, &conn->node);
	bf_metric_add(server->connections, 1);
	bf_tcp_set_ops(tcp, &conn_ops, conn);
	arm_deadline(conn);
}

void bf_http_conn_drain(struct bf_http_conn *conn)
{
	if (conn->state == BF_HTTP_CONN_READING && conn->phase == BF_HTTP_PHASE_IDLE &&
		!conn->again.is_armed)
		start_closing(conn);
	else if (conn->state == BF_HTTP_CONN_SENDING)
		conn->closes_after_reply = true;
}
