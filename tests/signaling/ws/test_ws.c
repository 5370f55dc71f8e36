/* WebSockets over real sockets on loopback, on both kinds of loop. */
#include "signaling/ws/ws.h"
#include "tests/signaling/http/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO                                                             \
	"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: " \
	"websocket\r\nSec-WebSocket-Version: 13\r\n"                      \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
/* A client's text frame with the mask 0, so that its payload can be written as it is. */
#define TEXT(n)	    "\x81" n "\0\0\0\0"
#define FRAME(text) bf_bytes((text), sizeof(text) - 1)

struct fixture {
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_conf *conf;
	struct bf_http_server *server;
	struct loopback client;
	struct bf_ws_conf ws_conf;
	struct bf_ws *ws;
	unsigned message_count, close_count;
	bool was_called_in_accept;
	int close_code, send_err;
	char last[256];
	int null_fd;
};

/* ---- server's side ---- */

/* "flood" sends until that fails, "close" closes; all else is echoed. */
static void on_message(void *arg, struct bf_ws *ws, struct bf_bytes text)
{
	struct fixture *f = arg;
	static char noise[1000];

	assert_int_equal(f->close_count, 0);
	f->was_called_in_accept |= f->ws == NULL;
	f->message_count++;
	snprintf(f->last, sizeof(f->last), "%.*s", (int)text.len, (const char *)text.data);
	if (bf_bytes_is(text, "close")) {
		bf_ws_close(ws, 4321, "as you wish");
		assert_int_equal(bf_ws_send(ws, text), -ECANCELED);
		return;
	}
	if (!bf_bytes_is(text, "flood")) {
		f->send_err = bf_ws_send(ws, text);
		return;
	}
	memset(noise, 'n', sizeof(noise));
	do
		f->send_err = bf_ws_send(ws, bf_bytes(noise, sizeof(noise)));
	while (f->send_err == 0);
}

static void on_close(void *arg, struct bf_ws *ws, int code)
{
	struct fixture *f = arg;

	assert_ptr_equal(ws, f->ws);
	f->close_count++;
	f->close_code = code;
}

static const struct bf_ws_ops ops = {.on_message = on_message, .on_close = on_close};

static void on_upgrade(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct fixture *f = arg;

	f->ws = bf_ws_accept(exchange, request, f->loop, &f->ws_conf, &ops, f);
}

static const struct bf_http_route route = {"GET", "/ws", on_upgrade, "s", BF_HTTP_PUBLIC, 0};

/* ---- set-up ---- */

static int set_up(void **state, enum bf_io io)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[256];

	assert_non_null(f);
	*state = f;
	f->loop = loopback_loop(io);
	if (!f->loop)
		return 0;
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	free(f->conf->http.listen);
	f->conf->http.listen = strdup("127.0.0.1:0");
	f->ws_conf.message_max = 1000;
	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	assert_int_equal(bf_http_server_new(&f->server, f->loop, f->log, f->metrics, f->conf), 0);
	assert_int_equal(bf_http_server_add(f->server, &route, 1, f), 0);
	assert_int_equal(bf_http_server_listen(f->server, why, sizeof(why)), 0);
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

static struct fixture *begin(void **state)
{
	struct fixture *f = *state;
	struct bf_addr addr;

	if (!f->loop)
		skip();
	addr = bf_http_server_local(f->server);
	loopback_open(&f->client, f->loop, &addr);
	f->ws = NULL;
	f->message_count = 0;
	f->close_count = 0;
	return f;
}

/* Connected, the answer of the handshake forgotten. */
static struct fixture *begin_open(void **state, const char *more)
{
	struct fixture *f = begin(state);
	char text[1024];

	snprintf(text, sizeof(text), HELLO "%s\r\n", more);
	loopback_send_text(&f->client, text);
	assert_true(loopback_wait_text(&f->client, "\r\n\r\n"));
	assert_true(loopback_has(&f->client, "HTTP/1.1 101 Switching Protocols\r\n"));
	assert_true(
		loopback_has(&f->client, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	assert_int_equal(loopback_has(&f->client, "Sec-WebSocket-Extensions: permessage-deflate;"),
		more[0] != '\0');
	assert_non_null(f->ws);
	loopback_clear(&f->client);
	return f;
}

static bool is_closed(void *arg)
{
	struct fixture *f = arg;

	return f->close_count > 0;
}

/* The end: on_close came once, with that code, and the stream is closed. */
static void expect_closed(struct fixture *f, int code)
{
	assert_true(loopback_wait_closed(&f->client));
	loopback_close(&f->client);
	assert_true(loopback_wait_until(f->loop, is_closed, f));
	assert_int_equal(f->close_count, 1);
	assert_int_equal(f->close_code, code);
}

static void expect(struct fixture *f, struct bf_bytes frame, const void *answer, size_t answer_len)
{
	loopback_clear(&f->client);
	loopback_send(&f->client, frame);
	assert_true(loopback_wait_bytes(&f->client, answer_len));
	assert_int_equal(f->client.len, answer_len);
	assert_memory_equal(f->client.data, answer, answer_len);
}

/* ---- tests ---- */

static void messages_are_echoed(void **state)
{
	struct fixture *f = begin_open(state, "");
	struct bf_addr remote = bf_ws_remote(f->ws);

	assert_true(bf_addr_is_loopback(&remote));
	expect(f, FRAME(TEXT("\x85") "hello"), "\x81\x05hello", 7);
	assert_int_equal(f->send_err, 0);
	expect(f, FRAME("\x01\x82\0\0\0\0he\x89\x81\0\0\0\0p\x80\x83\0\0\0\0llo"),
		"\x8a\x01p\x81\x05hello", 10);
	assert_int_equal(f->message_count, 2);
	loopback_send(&f->client, FRAME("\x88\x82\0\0\0\0\x03\xe8"));
	expect_closed(f, 1000);
}

static void compression_is_negotiated(void **state)
{
	struct fixture *f = begin_open(
		state, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");

	expect(f, FRAME("\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00"), "\x81\x05Hello", 7);
	assert_string_equal(f->last, "Hello");
	loopback_finish(&f->client);
	expect_closed(f, 1006);
}

static void refused_handshakes_are_answered(void **state)
{
	static const struct {
		const char *text, *answer, *field;
	} cases[] = {
		{"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\n",
			"Upgrade: websocket\r\n"},
		{"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
		 "websocket\r\nSec-WebSocket-Version: 8\r\n\r\n",
			"HTTP/1.1 426 Upgrade Required\r\n", "Sec-WebSocket-Version: 13\r\n"},
		{"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
		 "websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
			"HTTP/1.1 400 Bad Request\r\n", "application/problem+json"},
		{HELLO "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n",
			"application/problem+json"},
		{"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 405 Method Not Allowed\r\n", "Allow: GET"},
	};
	struct fixture *f = begin(state);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]);
		i++) { /* the connection stays usable */
		loopback_clear(&f->client);
		loopback_send_text(&f->client, cases[i].text);
		if (!loopback_wait_text(&f->client, "}") ||
			!loopback_has(&f->client, cases[i].answer) ||
			!loopback_has(&f->client, cases[i].field))
			fail_msg("%s: %s", cases[i].text, (char *)f->client.data);
		assert_null(f->ws);
	}
	loopback_close(&f->client);
}

static void frames_sent_with_the_handshake_are_not_lost(void **state)
{
	struct fixture *f = begin(state);
	static const char text[] = HELLO "\r\n" TEXT("\x83") "one" TEXT("\x83") "two";

	loopback_send(&f->client, FRAME(text));
	loopback_send(&f->client, FRAME(TEXT("\x85") "three"));
	assert_true(loopback_wait_text(&f->client, "\x81\x03one\x81\x03two\x81\x05three"));
	assert_false(f->was_called_in_accept);
	loopback_finish(&f->client);
	expect_closed(f, 1006);
}

static void violations_end_the_connection(void **state)
{
	static const struct {
		int code;
		struct bf_bytes frames;
	} cases[] = {
		{1002, {(const uint8_t *)"\x81\x02hi", 4}},
		{1002, {(const uint8_t *)"\xc1\x82\0\0\0\0hi", 8}},
		{1003, {(const uint8_t *)"\x82\x82\0\0\0\0hi", 8}},
		{1007, {(const uint8_t *)"\x81\x82\0\0\0\0\xc3\x28", 8}},
		{1009, {(const uint8_t *)"\x81\xfe\x03\xe9\0\0\0\0hi", 10}},
		{1002, {(const uint8_t *)"\x88\x82\0\0\0\0\x03\xed", 8}},
		{1002, {(const uint8_t *)"\x80\x82\0\0\0\0hi", 8}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin_open(state, "");
		loopback_send(&f->client, cases[i].frames);
		assert_true(loopback_wait_bytes(&f->client, 4));
		assert_int_equal(f->client.data[0], 0x88);
		assert_int_equal(bf_get_u16(f->client.data + 2), cases[i].code);
		assert_int_equal(f->message_count, 0);
		expect_closed(f, cases[i].code);
	}
}

static void our_close_is_a_handshake(void **state)
{
	struct fixture *f = begin_open(state, "");

	expect(f, FRAME(TEXT("\x85") "close"),
		"\x88\x0d\x10\xe1"
		"as you wish",
		15);
	loopback_turn(&f->client, 10000);
	assert_int_equal(f->close_count, 0); /* the peer's frame is awaited */
	assert_int_equal(bf_ws_send(f->ws, bf_bytes_str("x")), -ECANCELED);
	bf_ws_close(f->ws, 1000, "again"); /* changes nothing */
	loopback_send(&f->client, FRAME(TEXT("\x82") "hi"
						     "\x88\x82\0\0\0\0\x10\xe1"));
	expect_closed(f, 4321);
	assert_int_equal(f->message_count, 1);
}

static void close_without_an_answer_ends_by_its_deadline(void **state)
{
	struct fixture *f = *state;

	f->ws_conf.close_us = 20000;
	begin_open(state, "");
	bf_ws_close(f->ws, 1001, "");
	assert_int_equal(f->close_count, 0); /* never inside the call */
	expect_closed(f, 1001);
	assert_int_equal(f->message_count, 0);
}

static void peer_is_pinged_and_kept_while_it_answers(void **state)
{
	struct fixture *f = *state;

	f->ws_conf.ping_us = 10000;
	f->ws_conf.timeout_us = 500000; /* a busy machine may stall us for a while */
	begin_open(state, "");
	for (unsigned i = 0; i < 60; i++) {
		loopback_turn(&f->client, 10000);
		loopback_send(&f->client, FRAME("\x8a\x80\0\0\0\0"));
	}
	assert_int_equal(f->close_count, 0);
	assert_true(loopback_count(&f->client, "\x89") >= 10);
	loopback_clear(&f->client);
	assert_true(loopback_wait_closed(&f->client)); /* and now it is silent */
	assert_true(f->client.len >= 4);
	assert_non_null(memmem(f->client.data, f->client.len, "\x0f\xa0", 2));
	expect_closed(f, 4000);
}

static void reader_that_is_too_slow_is_closed(void **state)
{
	struct fixture *f = begin_open(state, "");

	loopback_send(&f->client, FRAME(TEXT("\x85") "flood"));
	assert_true(loopback_wait_closed(&f->client));
	assert_int_equal(f->send_err, -ENOBUFS);
	/* what was queued before still arrives, and the close frame after it */
	assert_true(f->client.len > BF_WS_UNSENT_MAX - 2000);
	assert_true(f->client.len <= BF_WS_UNSENT_MAX + BF_WS_UNSENT_SLACK);
	assert_true(loopback_has(&f->client, "\x03\xf5you read too slowly"));
	expect_closed(f, 1013);
}

static void reset_is_1006(void **state)
{
	struct fixture *f = begin_open(state, "");
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(f->client.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	loopback_close(&f->client);
	assert_true(loopback_wait_until(f->loop, is_closed, f));
	assert_int_equal(f->close_code, 1006);
}

#define TEST(name)                                                        \
	{#name " on epoll", name, set_up_epoll, tear_down, NULL},         \
	{                                                                 \
#name " on io_uring", name, set_up_uring, tear_down, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_are_echoed),
		TEST(compression_is_negotiated),
		TEST(refused_handshakes_are_answered),
		TEST(frames_sent_with_the_handshake_are_not_lost),
		TEST(violations_end_the_connection),
		TEST(our_close_is_a_handshake),
		TEST(close_without_an_answer_ends_by_its_deadline),
		TEST(peer_is_pinged_and_kept_while_it_answers),
		TEST(reader_that_is_too_slow_is_closed),
		TEST(reset_is_1006),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
