/* The server over real sockets on loopback, on both kinds of loop. Long, as every test needs the same routes and fixture. */
#include "signaling/http/server_priv.h"
#include "tests/signaling/http/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HOST	 "Host: a\r\n"
#define BODY_MAX (1024 * 1024)
#define BIG	 (BF_HTTP_QUEUE_MAX + 1234567)

/* One server with its routes, made anew for each test. */
struct fixture {
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_conf *conf;
	struct bf_http_server *server;
	struct loopback client;
	uint64_t later_id;
	unsigned later_count;
	struct bf_tcp *upgraded;
	char rest[64];
	bool is_upgraded_closed;
	struct bf_addr remote;
	int null_fd;
};

/* ---- handlers ---- */

static void on_hello(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct fixture *f = arg;

	(void)request;
	f->remote = bf_http_exchange_remote(exchange);
	bf_http_reply(exchange, 200, "text/plain", bf_bytes_str("hello"));
}

static void on_echo(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	bf_http_reply(exchange, 200, "application/octet-stream", request->body);
}

static void on_name(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	bf_http_reply_field(exchange, "X-Name", "set");
	bf_http_reply(exchange, 201, "text/plain", request->params[0]);
}

static void on_json(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_json *body = bf_json_object();

	(void)arg;
	(void)request;
	bf_json_put_int(body, "answer", 42);
	bf_http_reply_json(exchange, 200, body);
}

static void on_later(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct fixture *f = arg;

	(void)request;
	f->later_id = bf_http_exchange_id(exchange);
	f->later_count++;
}

static void on_empty(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	(void)arg;
	(void)request;
	bf_http_reply(exchange, 204, NULL, bf_bytes(NULL, 0));
}

static void on_long(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	bool is_too_long = bf_http_query(request, "too", (char[8]){0}, 8) >= 0;
	size_t len = BF_HTTP_REPLY_MAX + is_too_long;
	char *text = calloc(1, len);

	(void)arg;
	assert_non_null(text);
	bf_http_reply(exchange, 200, "text/plain", bf_bytes(text, len));
	free(text);
}

static void upgraded_on_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	(void)arg;
	bf_tcp_write(tcp, data);
}

static void upgraded_on_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct fixture *f = arg;

	(void)tcp;
	(void)err;
	f->is_upgraded_closed = true;
}

static const struct bf_tcp_ops upgraded_ops = {
	.on_data = upgraded_on_data, .on_close = upgraded_on_close};

static void upgrade(struct fixture *f, struct bf_http_exchange *exchange)
{
	struct bf_bytes rest;

	bf_http_reply_field(exchange, "Connection", "Upgrade");
	bf_http_reply_field(exchange, "Upgrade", "echo");
	f->upgraded = bf_http_reply_upgrade(exchange, &rest);
	assert_non_null(f->upgraded);
	bf_tcp_set_ops(f->upgraded, &upgraded_ops, f);
	snprintf(f->rest, sizeof(f->rest), "%.*s", (int)rest.len, (const char *)rest.data);
}

static void on_upgrade(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	assert_true(request->wants_upgrade);
	upgrade(arg, exchange);
}

/* Behind the guard: says who asked, and what. */
static void on_guarded(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	const struct bf_http_caller *caller = bf_http_exchange_caller(exchange);
	char text[64];

	(void)arg;
	snprintf(text, sizeof(text), "caller %d says %.*s", caller->user.bytes[0],
		(int)request->body.len, (const char *)request->body.data);
	bf_http_reply(exchange, 200, "text/plain", bf_bytes_str(text));
}

/* Lets in who says "in", puts off who says "later", and refuses the rest. */
static void guard(void *arg, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, const struct bf_http_route *route)
{
	const struct bf_http_caller caller = {.user = {{7}}};
	struct bf_bytes word = bf_http_field(request, "Authorization");
	struct fixture *f = arg;

	assert_int_equal(route->permissions, 6);
	if (bf_bytes_is(word, "in"))
		bf_http_exchange_admit(exchange, &caller);
	else if (bf_bytes_is(word, "later"))
		f->later_id = bf_http_exchange_id(exchange);
	else
		bf_http_reply_problem(exchange, 401, "unauthorized", "who are you?");
}

static const struct bf_http_route routes[] = {
	{"POST", "/guarded", on_guarded, "s", BF_HTTP_SIGNED_IN, 6},
	{"GET", "/hello", on_hello, "s", BF_HTTP_PUBLIC, 0},
	{"POST", "/echo", on_echo, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/name/{name}", on_name, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/json", on_json, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/later", on_later, "s", BF_HTTP_PUBLIC, 0},
	{"DELETE", "/empty", on_empty, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/long", on_long, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/upgrade", on_upgrade, "s", BF_HTTP_PUBLIC, 0},
};

static uint8_t big[BIG];

static const struct bf_http_file files[] = {
	{"/index.html", "text/html; charset=utf-8", (const uint8_t *)"<p>page", 7, "\"e1\""},
	{"/index.html.gz", "application/gzip", (const uint8_t *)"zipped", 6, "\"e2\""},
	{"/big.bin", "application/octet-stream", big, BIG, "\"e3\""},
};

/* ---- set-up ---- */

static void open_server(struct fixture *f)
{
	char why[256];

	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	assert_int_equal(bf_http_server_new(&f->server, f->loop, f->log, f->metrics, f->conf), 0);
	assert_int_equal(
		bf_http_server_add(f->server, routes, sizeof(routes) / sizeof(routes[0]), f), 0);
	assert_int_equal(
		bf_http_server_add_files(f->server, files, sizeof(files) / sizeof(files[0])), 0);
	assert_int_equal(bf_http_server_listen(f->server, why, sizeof(why)), 0);
}

static void set(char **value, const char *text)
{
	free(*value);
	*value = strdup(text);
	assert_non_null(*value);
}

static int set_up(void **state, enum bf_io io)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	f->loop = loopback_loop(io);
	if (!f->loop)
		return 0;
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	set(&f->conf->http.listen, "127.0.0.1:0");
	set(&f->conf->limits.mode, "off");
	f->conf->http.body_max_kib = BODY_MAX / 1024;
	open_server(f);
	return 0;
}

static int set_up_uring(void **state)
{
	return set_up(state, BF_IO_URING);
}

static int set_up_epoll(void **state)
{
	return set_up(state, BF_IO_EPOLL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->loop) {
		bf_http_server_free(f->server);
		for (int i = 0; i < 5; i++)
			bf_loop_turn(f->loop, 1000);
		bf_loop_free(f->loop);
		bf_metrics_free(f->metrics);
		bf_conf_free(f->conf);
		bf_log_free(f->log);
		close(f->null_fd);
	}
	free(f);
	return 0;
}

/* The fixture with a client connected; skips where the kernel has no io_uring. */
static struct fixture *begin(void **state)
{
	struct fixture *f = *state;
	struct bf_addr addr;

	if (!f->loop)
		skip();
	addr = bf_http_server_local(f->server);
	assert_int_not_equal(addr.port, 0);
	loopback_open(&f->client, f->loop, &addr);
	return f;
}

static void assert_has(const struct loopback *client, const char *text)
{
	if (!loopback_has(client, text))
		fail_msg("no \"%s\" in \"%.*s\"", text,
			(int)(client->len < 2000 ? client->len : 2000), client->data);
}

static void expect(struct fixture *f, const char *request, const char *answer)
{
	loopback_clear(&f->client);
	loopback_send_text(&f->client, request);
	if (!loopback_wait_text(&f->client, answer))
		assert_has(&f->client, answer);
}

/* ---- answers ---- */

static void requests_are_answered(void **state)
{
	struct fixture *f = begin(state);

	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nhello");
	assert_has(&f->client, "HTTP/1.1 200 OK\r\n");
	assert_has(&f->client, "Content-Length: 5\r\n");
	assert_has(&f->client, "Content-Type: text/plain\r\n");
	assert_has(&f->client, "Date: ");
	assert_has(&f->client, "Cache-Control: no-store\r\n");
	assert_false(loopback_has(&f->client, "Connection:"));
	assert_true(bf_addr_is_loopback(&f->remote));
	expect(f, "GET /name/A%20b HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nA b");
	assert_has(&f->client, "HTTP/1.1 201 Created\r\n");
	assert_has(&f->client, "X-Name: set\r\n");
	expect(f, "GET /json HTTP/1.1\r\n" HOST "\r\n", "{\"answer\":42}");
	assert_has(&f->client, "Content-Type: application/json\r\n");
	expect(f, "DELETE /empty HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\n");
	assert_has(&f->client, "HTTP/1.1 204 No Content\r\n");
	assert_false(loopback_has(&f->client, "Content-Length"));
	expect(f, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "Allow: ");
	assert_has(&f->client, "HTTP/1.1 204 ");
	loopback_close(&f->client);
}

static void head_has_no_body(void **state)
{
	struct fixture *f = begin(state);

	expect(f,
		"HEAD /hello HTTP/1.1\r\n" HOST "\r\nHEAD /nowhere HTTP/1.1\r\n" HOST
		"\r\nGET /json HTTP/1.1\r\n" HOST "\r\n",
		"{\"answer\":42}");
	assert_has(&f->client, "Content-Length: 5\r\n");
	assert_has(&f->client, "HTTP/1.1 404 Not Found\r\n");
	assert_false(loopback_has(&f->client, "hello"));
	assert_false(loopback_has(&f->client, "not_found"));
	loopback_close(&f->client);
}

static void errors_are_problem_documents(void **state)
{
	struct fixture *f = begin(state);

	expect(f, "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "\"code\":\"not_found\"");
	assert_has(&f->client, "HTTP/1.1 404 Not Found\r\n");
	assert_has(&f->client, "Content-Type: application/problem+json\r\n");
	expect(f, "PUT /hello HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		"\"code\":\"method_not_allowed\"");
	assert_has(&f->client, "HTTP/1.1 405 Method Not Allowed\r\n");
	assert_has(&f->client, "Allow: GET, HEAD\r\n");
	expect(f, "POST /index.html HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		"\"code\":\"method_not_allowed\"");
	assert_has(&f->client, "Allow: GET, HEAD\r\n");
	expect(f, "GET /long?too=1 HTTP/1.1\r\n" HOST "\r\n", "\"code\":\"internal\"");
	loopback_close(&f->client);
}

static void bodies_arrive_by_length_and_by_chunks(void **state)
{
	struct fixture *f = begin(state);

	expect(f, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nabcde", "\r\n\r\nabcde");
	expect(f,
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n2;e=1\r\n12\r\n0\r\nT: t\r\n\r\n",
		"\r\n\r\nxyz12");
	loopback_close(&f->client);
}

static void continue_is_sent_when_asked_for(void **state)
{
	struct fixture *f = begin(state);

	expect(f,
		"POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n");
	assert_false(loopback_has(&f->client, "200"));
	expect(f, "body", "\r\n\r\nbody");
	expect(f,
		"POST /echo HTTP/1.1\r\n" HOST
		"Expect: 100-continue\r\nContent-Length: 9999999\r\n\r\n",
		"HTTP/1.1 413 ");
	assert_false(loopback_has(&f->client, "100 Continue"));
	assert_true(loopback_wait_closed(&f->client));
	loopback_close(&f->client);
}

static void body_may_be_exactly_full(void **state)
{
	struct fixture *f = begin(state);
	char head[200];

	snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
		BODY_MAX);
	loopback_send_text(&f->client, head);
	loopback_send(&f->client, bf_bytes(big, BODY_MAX));
	assert_true(loopback_wait_bytes(&f->client, BODY_MAX + 100));
	assert_has(&f->client, "HTTP/1.1 200 OK\r\n");
	snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
		BODY_MAX + 1);
	expect(f, head, "HTTP/1.1 413 Content Too Large\r\n");
	loopback_close(&f->client);
}

/* ---- order and the life of connections ---- */

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = begin(state);

	loopback_send_text(&f->client,
		"GET /name/one HTTP/1.1\r\n" HOST "\r\nGET /later HTTP/1.1\r\n" HOST
		"\r\nGET /name/three HTTP/1.1\r\n" HOST "\r\n");
	assert_true(loopback_wait_text(&f->client, "\r\n\r\none"));
	loopback_turn(&f->client, 5000);
	assert_false(loopback_has(&f->client, "three")); /* its turn comes after /later */
	bf_http_reply(bf_http_exchange_find(f->server, f->later_id), 200, "text/plain",
		bf_bytes_str("two"));
	assert_null(bf_http_exchange_find(f->server, f->later_id));
	assert_false(loopback_has(&f->client, "three"));
	assert_true(loopback_wait_text(&f->client, "\r\n\r\nthree"));
	assert_has(&f->client, "\r\n\r\ntwo");
	assert_true(
		strstr((char *)f->client.data, "two") < strstr((char *)f->client.data, "three"));
	loopback_close(&f->client);
}

#define GUARDED(word) \
	"POST /guarded HTTP/1.1\r\n" HOST "Authorization: " word "\r\nContent-Length: 2\r\n\r\nhi"

static void what_is_guarded_is_answered_to_those_the_guard_lets_in(void **state)
{
	const struct bf_http_caller caller = {.user = {{9}}};
	struct fixture *f = begin(state);

	loopback_send_text(&f->client, GUARDED("in"));
	assert_true(loopback_wait_text(&f->client, "HTTP/1.1 503")); /* there is no guard yet */
	bf_http_server_set_guard(f->server, guard, f);
	loopback_send_text(&f->client, GUARDED("in"));
	assert_true(loopback_wait_text(&f->client, "caller 7 says hi"));
	loopback_send_text(&f->client, GUARDED("nobody"));
	assert_true(loopback_wait_text(&f->client, "HTTP/1.1 401"));
	loopback_send_text(&f->client, GUARDED("later"));
	loopback_turn(&f->client, 5000);
	bf_http_exchange_admit(bf_http_exchange_find(f->server, f->later_id), &caller);
	assert_true(loopback_wait_text(&f->client, "caller 9 says hi"));
	loopback_close(&f->client);
}

static void many_pipelined_requests_are_all_answered(void **state)
{
	static const char one[] = "GET /hello HTTP/1.1\r\n" HOST "\r\n";
	struct fixture *f = begin(state);
	size_t count = 3 * BF_HTTP_REQUESTS_TURN + 7;
	char *text = malloc(count * sizeof(one));
	size_t at = 0;

	assert_non_null(text);
	for (size_t i = 0; i < count; i++) {
		memcpy(text + at, one, sizeof(one) - 1);
		at += sizeof(one) - 1;
	}
	loopback_send(&f->client, bf_bytes(text, at));
	loopback_finish(&f->client); /* a client that has said all still gets its answers */
	assert_true(loopback_wait_closed(&f->client));
	assert_int_equal(loopback_count(&f->client, "\r\n\r\nhello"), count);
	free(text);
	loopback_close(&f->client);
}

static void connections_close_when_asked_for(void **state)
{
	struct fixture *f = begin(state);

	expect(f,
		"GET /hello HTTP/1.1\r\n" HOST
		"Connection: close\r\n\r\nGET /json HTTP/1.1\r\n" HOST "\r\n",
		"hello");
	assert_true(loopback_wait_closed(&f->client));
	assert_has(&f->client, "Connection: close\r\n");
	assert_false(loopback_has(&f->client, "answer"));
	loopback_close(&f->client);

	begin(state);
	expect(f, "GET /hello HTTP/1.0\r\n\r\n", "hello");
	assert_true(loopback_wait_closed(&f->client));
	loopback_close(&f->client);

	begin(state);
	expect(f, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "hello");
	assert_has(&f->client, "Connection: keep-alive\r\n");
	expect(f, "GET /json HTTP/1.0\r\n\r\n", "answer");
	assert_true(loopback_wait_closed(&f->client));
	loopback_close(&f->client);
}

static bool has_no_connection(void *arg)
{
	struct fixture *f = arg;

	return bf_metric_get(f->server->connections) == 0;
}

static bool has_timeout(void *arg)
{
	struct fixture *f = arg;

	return bf_metric_get(f->server->timeouts_total) > 0;
}

static void answer_to_a_client_that_has_gone_ends_the_connection(void **state)
{
	struct fixture *f = begin(state);
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};
	struct bf_http_exchange *exchange;

	loopback_send_text(&f->client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	loopback_turn(&f->client, 5000);
	assert_int_equal(f->later_count, 1);
	setsockopt(f->client.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	loopback_close(&f->client); /* a reset */
	exchange = bf_http_exchange_find(f->server, f->later_id);
	if (exchange) /* not every backend sees a reset while it does not read */
		bf_http_reply(exchange, 200, "text/plain", bf_bytes_str("late"));
	assert_true(loopback_wait_until(f->loop, has_no_connection, f));
	assert_null(bf_http_exchange_find(f->server, f->later_id));
}

static void server_may_be_freed_with_requests_running(void **state)
{
	struct fixture *f = begin(state);

	loopback_send_text(&f->client, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /hello");
	loopback_turn(&f->client, 5000);
	assert_int_equal(f->later_count, 1);
	bf_http_server_free(f->server);
	f->server = NULL;
	assert_true(loopback_wait_closed(&f->client));
	loopback_close(&f->client);
}

static void drain_lets_requests_end(void **state)
{
	struct fixture *f = begin(state);
	struct bf_addr addr = bf_http_server_local(f->server);
	struct loopback idle, half;

	loopback_open(&idle, f->loop, &addr);
	loopback_open(&half, f->loop, &addr);
	loopback_send_text(&half, "GET /hello HT");
	loopback_send_text(&f->client, "GET /later HTTP/1.1\r\n" HOST "\r\n");
	loopback_turn(&f->client, 10000);
	bf_http_server_drain(f->server);
	assert_true(loopback_wait_closed(&idle));
	assert_int_equal(idle.len, 0);
	loopback_send_text(&half, "TP/1.1\r\n" HOST "\r\n");
	assert_true(loopback_wait_closed(&half));
	assert_has(&half, "Connection: close\r\n");
	assert_false(f->client.is_closed);
	bf_http_reply(bf_http_exchange_find(f->server, f->later_id), 200, "text/plain",
		bf_bytes_str("done"));
	assert_true(loopback_wait_closed(&f->client));
	assert_has(&f->client, "\r\n\r\ndone");
	loopback_close(&idle);
	loopback_close(&half);
	loopback_close(&f->client);
	assert_true(loopback_wait_until(f->loop, has_no_connection, f));
}

/* ---- deadlines ---- */

static void slow_head_is_cut_off(void **state)
{
	struct fixture *f = begin(state);
	const char *text = "GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: "
			   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	bf_http_server_set_timeouts(f->server, &(struct bf_http_timeouts){.head_us = 60000});
	for (size_t i = 0; text[i] && !f->client.is_closed;
		i++) { /* a byte each few milliseconds: never silent */
		loopback_send(&f->client, bf_bytes(text + i, 1));
		loopback_turn(&f->client, 5000);
	}
	assert_true(loopback_wait_closed(&f->client));
	assert_has(&f->client, "HTTP/1.1 408 Request Timeout\r\n");
	assert_has(&f->client, "\"code\":\"request_timeout\"");
	assert_int_equal(bf_metric_get(f->server->timeouts_total), 1);
	loopback_close(&f->client);
}

static void slow_body_is_cut_off(void **state)
{
	struct fixture *f = begin(state);

	bf_http_server_set_timeouts(f->server, &(struct bf_http_timeouts){.body_us = 30000});
	loopback_send_text(
		&f->client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab");
	assert_true(loopback_wait_closed(&f->client));
	assert_has(&f->client, "HTTP/1.1 408 Request Timeout\r\n");
	loopback_close(&f->client);
}

static void idle_connection_is_closed_silently(void **state)
{
	struct fixture *f = begin(state);

	loopback_close(&f->client);
	bf_http_server_set_timeouts(f->server, &(struct bf_http_timeouts){.idle_us = 30000});
	begin(state);
	assert_true(loopback_wait_closed(&f->client));
	assert_int_equal(f->client.len, 0);
	loopback_close(&f->client);
	begin(state);
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "hello");
	assert_false(f->client.is_closed);
	assert_true(loopback_wait_closed(&f->client));
	assert_int_equal(loopback_count(&f->client, "HTTP/1.1"), 1);
	loopback_close(&f->client);
}

static void forgotten_exchange_becomes_504(void **state)
{
	struct fixture *f = begin(state);

	bf_http_server_set_timeouts(f->server, &(struct bf_http_timeouts){.reply_us = 30000});
	expect(f, "GET /later HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 504 Gateway Timeout\r\n");
	assert_null(bf_http_exchange_find(f->server, f->later_id));
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "hello");
	loopback_close(&f->client);
}

static void client_that_reads_nothing_is_cut_off(void **state)
{
	struct fixture *f = begin(state);

	const int small = 4096;

	setsockopt(f->client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	bf_http_server_set_timeouts(f->server, &(struct bf_http_timeouts){.write_us = 50000});
	for (unsigned i = 0; i < 4; i++)
		assert_true(send(f->client.fd, "GET /big.bin HTTP/1.1\r\n" HOST "\r\n", 34,
				    MSG_NOSIGNAL) > 0);
	assert_true(loopback_wait_until(f->loop, has_timeout, f));
	assert_true(loopback_wait_until(f->loop, has_no_connection, f));
	loopback_close(&f->client);
}

/* ---- refusals ---- */

static void smuggling_is_refused_and_the_connection_closed(void **state)
{
	static const char *const cases[] = {
		"POST /echo HTTP/1.1\r\n" HOST
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd",
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
		"chunked\r\n\r\n0\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\nabc",
		"POST /echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: chunked\r\n\r\n1;\x01\r\na\r\n0\r\n\r\n",
		"GET /hello HTTP/1.1\nHost: a\n\n",
		"GET /hello HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
		"GET /hello HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",
		"GET /hello HTTP/1.1\r\n\r\n",
		"GET /hello HTTP/1.1\r\n" HOST HOST "\r\n",
		" GET /hello HTTP/1.1\r\n" HOST "\r\n",
		"GET a:80 HTTP/1.1\r\n" HOST "\r\n",
		"GET /hello HTTP/1.1\r\n" HOST "N\xc3\xa4me: x\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(state);
		loopback_send_text(&f->client, cases[i]);
		loopback_send_text(
			&f->client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"); /* the smuggled one */
		if (!loopback_wait_closed(&f->client))
			fail_msg("not closed: %s", cases[i]);
		if (!loopback_has(&f->client, "HTTP/1.1 400 Bad Request\r\n") ||
			loopback_count(&f->client, "HTTP/1.1 ") != 1)
			fail_msg("%s: %s", cases[i], (char *)f->client.data);
		assert_has(&f->client, "Connection: close\r\n");
		assert_has(&f->client, "\"code\":\"bad_request\"");
		loopback_close(&f->client);
	}
	assert_int_equal(bf_metric_get(f->server->refused), sizeof(cases) / sizeof(cases[0]));
	assert_int_equal(bf_metric_get(f->server->requests[3]), sizeof(cases) / sizeof(cases[0]));
}

/* ---- files ---- */

static void files_are_served_with_their_fields(void **state)
{
	struct fixture *f = begin(state);

	expect(f, "GET / HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\n<p>page");
	assert_has(&f->client, "ETag: \"e1\"\r\n");
	assert_has(&f->client, "Cache-Control: no-cache\r\n");
	assert_has(&f->client, "Content-Security-Policy: default-src 'self'; script-src 'self';");
	assert_has(&f->client, "frame-ancestors 'none'");
	assert_has(&f->client, "Permissions-Policy: camera=(self)");
	assert_has(&f->client, "Referrer-Policy: no-referrer\r\n");
	assert_has(&f->client, "X-Content-Type-Options: nosniff\r\n");
	expect(f, "GET /x/../index.html HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
		"\r\n\r\nzipped");
	assert_has(&f->client, "Content-Encoding: gzip\r\n");
	assert_has(&f->client, "Content-Type: text/html; charset=utf-8\r\n");
	assert_has(&f->client, "Vary: Accept-Encoding\r\n");
	expect(f, "GET / HTTP/1.1\r\n" HOST "If-None-Match: \"e1\"\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n");
	expect(f, "HEAD / HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\n");
	assert_has(&f->client, "Content-Length: 7\r\n");
	assert_false(loopback_has(&f->client, "<p>"));
	loopback_close(&f->client);
}

static void large_file_arrives_whole(void **state)
{
	struct fixture *f = begin(state);
	uint8_t *body;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 31 + i / 253);
	loopback_send_text(&f->client,
		"GET /big.bin HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
	assert_true(loopback_wait_bytes(&f->client, BIG));
	assert_true(loopback_wait_text(&f->client, "\r\n\r\nhello"));
	body = memmem(f->client.data, f->client.len, "\r\n\r\n", 4);
	assert_non_null(body);
	assert_memory_equal(body + 4, big, BIG);
	assert_memory_equal(body + 4 + BIG, "HTTP/1.1 200", 12);
	loopback_close(&f->client);
}

static void longest_reply_arrives_whole(void **state)
{
	struct fixture *f = begin(state);

	loopback_send_text(
		&f->client, "GET /long HTTP/1.1\r\n" HOST "\r\nGET /long HTTP/1.1\r\n" HOST "\r\n");
	assert_true(loopback_wait_bytes(&f->client, 2 * BF_HTTP_REPLY_MAX + 200));
	assert_false(f->client.is_closed);
	assert_int_equal(loopback_count(&f->client, "HTTP/1.1 200 OK\r\n"), 2);
	loopback_close(&f->client);
}

/* ---- upgrade, proxy, metrics ---- */

#define UPGRADE "GET /upgrade HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

static void upgrade_hands_the_stream_over(void **state)
{
	struct fixture *f = begin(state);

	expect(f, UPGRADE "early", "Upgrade: echo\r\n");
	assert_has(&f->client, "HTTP/1.1 101 Switching Protocols\r\n");
	assert_string_equal(f->rest, "early");
	assert_int_equal(bf_metric_get(f->server->connections), 0);
	expect(f, "ping", "ping");
	loopback_close(&f->client);
	assert_true(f->is_upgraded_closed);
}

static void upgrade_after_the_handler_keeps_what_came(void **state)
{
	struct fixture *f = begin(state);

	loopback_send_text(&f->client, "GET /later HTTP/1.1\r\n" HOST "\r\nfirst");
	loopback_turn(&f->client, 5000);
	upgrade(f, bf_http_exchange_find(f->server, f->later_id));
	assert_string_equal(f->rest, "first");
	loopback_clear(&f->client);
	expect(f, "second", "second");
	loopback_close(&f->client);
	assert_true(f->is_upgraded_closed);
}

static void proxy_is_believed_only_when_configured(void **state)
{
	static const char text[] =
		"GET /hello HTTP/1.1\r\n" HOST
		"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.1, 192.0.2.7\r\n\r\n";
	struct fixture *f = begin(state);
	char ip[BF_ADDR_TEXT];

	expect(f, text, "hello");
	assert_string_equal(bf_addr_format_ip(&f->remote, ip), "127.0.0.1");
	f->conf->http.trust_proxy = true;
	assert_int_equal(bf_http_proxies_init(&f->server->proxies, f->conf), 0);
	expect(f, text, "hello");
	assert_string_equal(bf_addr_format_ip(&f->remote, ip), "192.0.2.7");
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "X-Forwarded-For: unknown\r\n\r\n", "hello");
	assert_string_equal(bf_addr_format_ip(&f->remote, ip), "127.0.0.1");
	loopback_close(&f->client);
}

static void answers_are_counted_by_class(void **state)
{
	struct fixture *f = begin(state);
	char *text;
	size_t len;

	expect(f,
		"GET /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST
		"\r\nGET /no HTTP/1.1\r\n" HOST "\r\n",
		"not_found");
	assert_int_equal(bf_metrics_print(f->metrics, &text, &len), 0);
	assert_non_null(strstr(text, "belfry_http_requests_total{class=\"2xx\"} 2\n"));
	assert_non_null(strstr(text, "belfry_http_requests_total{class=\"4xx\"} 1\n"));
	assert_non_null(strstr(text, "belfry_http_connections 1\n"));
	free(text);
	loopback_close(&f->client);
}

static void bad_listen_address_is_named(void **state)
{
	struct fixture *f = begin(state);
	struct bf_http_server *other;
	struct bf_metrics *metrics;
	struct bf_addr taken = bf_http_server_local(f->server);
	char why[256], address[BF_ADDR_TEXT];

	loopback_close(&f->client);
	assert_int_equal(bf_metrics_new(&metrics), 0);
	assert_int_equal(bf_http_server_new(&other, f->loop, f->log, metrics, f->conf), 0);
	set(&f->conf->http.listen, "nonsense");
	assert_int_equal(bf_http_server_listen(other, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "nonsense"));
	set(&f->conf->http.listen, bf_addr_format(&taken, address));
	assert_int_equal(bf_http_server_listen(other, why, sizeof(why)), -EADDRINUSE);
	assert_non_null(strstr(why, address));
	set(&f->conf->http.tls_cert, "/nonexistent/cert.pem");
	set(&f->conf->http.tls_key, "/nonexistent/key.pem");
	assert_int_equal(bf_http_server_listen(other, why, sizeof(why)), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent/cert.pem"));
	bf_http_server_free(other);
	bf_metrics_free(metrics);
}

#define TEST(name)                                                        \
	{#name " on epoll", name, set_up_epoll, tear_down, NULL},         \
	{                                                                 \
#name " on io_uring", name, set_up_uring, tear_down, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered),
		TEST(head_has_no_body),
		TEST(errors_are_problem_documents),
		TEST(bodies_arrive_by_length_and_by_chunks),
		TEST(continue_is_sent_when_asked_for),
		TEST(body_may_be_exactly_full),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(what_is_guarded_is_answered_to_those_the_guard_lets_in),
		TEST(many_pipelined_requests_are_all_answered),
		TEST(connections_close_when_asked_for),
		TEST(answer_to_a_client_that_has_gone_ends_the_connection),
		TEST(server_may_be_freed_with_requests_running),
		TEST(drain_lets_requests_end),
		TEST(slow_head_is_cut_off),
		TEST(slow_body_is_cut_off),
		TEST(idle_connection_is_closed_silently),
		TEST(forgotten_exchange_becomes_504),
		TEST(client_that_reads_nothing_is_cut_off),
		TEST(smuggling_is_refused_and_the_connection_closed),
		TEST(files_are_served_with_their_fields),
		TEST(large_file_arrives_whole),
		TEST(longest_reply_arrives_whole),
		TEST(upgrade_hands_the_stream_over),
		TEST(upgrade_after_the_handler_keeps_what_came),
		TEST(proxy_is_believed_only_when_configured),
		TEST(answers_are_counted_by_class),
		TEST(bad_listen_address_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
