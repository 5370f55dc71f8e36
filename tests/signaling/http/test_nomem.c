/* Every allocation on the way from a request to its answer fails once. */
#include "signaling/http/server_priv.h"
#include "signaling/ws/ws.h"
#include "tests/signaling/http/loopback.h"
#include "tests/signaling/http/nomem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_conf *conf;
	struct bf_http_server *server;
	struct bf_ws *ws;
	unsigned ws_close_count;
	int null_fd;
};

static void parse(void *arg)
{
	static const char text[] =
		"POST /a%20b HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n";
	static struct bf_http_request request;
	static uint8_t body[9000];
	struct bf_http_parser *parser;
	const char *why;
	int status, result;

	(void)arg;
	nomem_arm();
	if (bf_http_parser_new(&parser, 10000) < 0)
		return;
	bf_http_parser_put(parser, bf_bytes_str(text));
	result = bf_http_parser_next(parser, &request, &status, &why);
	bf_http_parser_put(parser, bf_bytes(body, sizeof(body)));
	if (result == 0)
		result = bf_http_parser_next(parser, &request, &status, &why);
	if (nomem_has_struck()) {
		assert_true(result < 0);
		assert_int_equal(status, 503);
	} else {
		assert_int_equal(result, 1);
	}
	bf_http_parser_free(parser);
}

static void request_without_memory_is_refused(void **state)
{
	(void)state;
	nomem_each(parse, NULL);
}

/* ---- the server ---- */

static void on_hello(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_json *body = bf_json_object();

	(void)arg;
	(void)request;
	bf_http_reply_field(exchange, "X-One", "1");
	if (body)
		bf_json_put_str(body, "hello", "world");
	bf_http_reply_json(exchange, 200, body);
}

static void on_ws_message(void *arg, struct bf_ws *ws, struct bf_bytes text)
{
	(void)arg;
	(void)bf_ws_send(ws, text); /* may lack the memory */
}

static void on_ws_close(void *arg, struct bf_ws *ws, int code)
{
	struct fixture *f = arg;

	(void)ws;
	assert_int_not_equal(code, 0);
	f->ws_close_count++;
	f->ws = NULL;
}

static void on_upgrade(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	static const struct bf_ws_ops ops = {.on_message = on_ws_message, .on_close = on_ws_close};
	static const struct bf_ws_conf conf = {.message_max = 1000};
	struct fixture *f = arg;

	f->ws = bf_ws_accept(exchange, request, f->loop, &conf, &ops, f);
}

static const struct bf_http_route routes[] = {{"GET", "/hello", on_hello, "s", BF_HTTP_PUBLIC, 0},
	{"GET", "/ws", on_upgrade, "s", BF_HTTP_PUBLIC, 0}};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[256];

	assert_non_null(f);
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	f->loop = loopback_loop(BF_IO_EPOLL);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	free(f->conf->http.listen);
	f->conf->http.listen = strdup("127.0.0.1:0");
	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	assert_int_equal(bf_http_server_new(&f->server, f->loop, f->log, f->metrics, f->conf), 0);
	assert_int_equal(bf_http_server_add(f->server, routes, 2, f), 0);
	assert_int_equal(bf_http_server_listen(f->server, why, sizeof(why)), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bf_http_server_free(f->server);
	for (int i = 0; i < 5; i++)
		bf_loop_turn(f->loop, 1000);
	bf_loop_free(f->loop);
	bf_metrics_free(f->metrics);
	bf_conf_free(f->conf);
	bf_log_free(f->log);
	close(f->null_fd);
	free(f);
	return 0;
}

static bool is_idle(void *arg)
{
	struct fixture *f = arg;

	return bf_metric_get(f->server->connections) == 0 && !f->ws;
}

/* Whatever failed, the client sees an answer or the end, and nothing of the connection is left. `answer` is that of a run in which
 * nothing failed. */
static void talk(struct fixture *f, struct bf_bytes bytes, const char *answer)
{
	struct bf_addr addr = bf_http_server_local(f->server);
	struct loopback client;

	loopback_open(&client, f->loop, &addr);
	nomem_arm();
	loopback_send(&client, bytes);
	loopback_finish(&client);
	assert_true(loopback_wait_closed(&client));
	if (!nomem_has_struck())
		assert_true(loopback_has(&client, answer));
	assert_true(loopback_wait_until(f->loop, is_idle, f));
	loopback_close(&client);
}

static void say_hello(void *arg)
{
	talk(arg,
		bf_bytes_str("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: "
			     "a\r\n\r\n"),
		"{\"hello\":\"world\"}");
}

static void answer_without_memory_ends_the_connection(void **state)
{
	nomem_each(say_hello, *state);
}

static void upgrade(void *arg)
{
	static const char text[] =
		"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
		"\x81\x82\0\0\0\0hi\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00\x88\x82\0\0\0\0\x03"
		"\xe8";

	talk(arg, bf_bytes(text, sizeof(text) - 1), "\x81\x02hi\x81\x05Hello\x88\x02\x03\xe8");
}

static void websocket_without_memory_ends(void **state)
{
	nomem_each(upgrade, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_without_memory_is_refused),
		cmocka_unit_test_setup_teardown(
			answer_without_memory_ends_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(websocket_without_memory_ends, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
