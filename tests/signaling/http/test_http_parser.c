#include "signaling/http/http_priv.h"
#include "signaling/http/http_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BODY_MAX 1000
#define GET	 "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST	 "POST / HTTP/1.1\r\nHost: a\r\n"

/* What a parser made of some bytes. `request` borrows the parser. */
struct outcome {
	struct bf_http_parser *parser;
	struct bf_http_request request;
	int result, status;
	const char *why;
};

/* Feed `len` bytes in pieces of `piece` and stop at the first request or refusal. */
static void feed(struct outcome *out, const char *text, size_t len, size_t piece)
{
	size_t at = 0;

	out->status = 0;
	out->result = 0;
	assert_int_equal(bf_http_parser_new(&out->parser, BODY_MAX), 0);
	while (at < len && out->result == 0) {
		size_t count = len - at < piece ? len - at : piece;
		size_t taken = bf_http_parser_put(out->parser, bf_bytes(text + at, count));

		assert_true(taken > 0);
		at += taken;
		out->result =
			bf_http_parser_next(out->parser, &out->request, &out->status, &out->why);
	}
}

static void feed_text(struct outcome *out, const char *text)
{
	feed(out, text, strlen(text), strlen(text));
}

static void assert_view(struct bf_bytes view, const char *text)
{
	if (!bf_bytes_is(view, text))
		fail_msg("\"%.*s\" is not \"%s\"", (int)view.len, (const char *)view.data, text);
}

/* ---- what is accepted ---- */

static void simple_request_is_read_in_pieces_of_any_size(void **state)
{
	static const char text[] = "GET /a%20b/../c?x=1 HTTP/1.1\r\nHost: "
				   "example.org:7008\r\nX-One:\t two words \r\n\r\n";

	(void)state;
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		struct outcome out;

		feed(&out, text, sizeof(text) - 1, piece);
		assert_int_equal(out.result, 1);
		assert_view(out.request.method, "GET");
		assert_view(out.request.target, "/a%20b/../c?x=1");
		assert_view(out.request.path, "/c");
		assert_view(out.request.query, "x=1");
		assert_int_equal(out.request.minor_version, 1);
		assert_int_equal(out.request.field_count, 2);
		assert_view(bf_http_field(&out.request, "x-one"), "two words");
		assert_view(bf_http_field(&out.request, "HOST"), "example.org:7008");
		assert_null(bf_http_field(&out.request, "absent").data);
		assert_true(out.request.keep_alive);
		assert_false(out.request.wants_upgrade);
		assert_int_equal(out.request.body.len, 0);
		bf_http_parser_free(out.parser);
	}
}

static void request_cut_at_every_byte_is_not_complete(void **state)
{
	static const char text[] =
		POST "Transfer-Encoding: chunked\r\n\r\n3;a=\"b;c\"\r\nabc\r\n0\r\nT: x\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct outcome out;

		feed(&out, text, len, 7);
		assert_int_equal(out.result, 0);
		bf_http_parser_free(out.parser);
	}
}

static void bodies_are_read_by_length_and_by_chunks(void **state)
{
	static const char *const texts[] = {
		POST "Content-Length: 11\r\n\r\nhello world",
		POST "Content-Length: 0011\r\n\r\nhello world",
		POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
		POST "transfer-encoding:Chunked\r\n\r\n0005;x\r\nhello\r\n06;y=z;q=\"1\"\r\n "
		     "world\r\n000\r\nA: b\r\nC:\r\n\r\n",
		POST
		"Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\na\r\nello world\r\n0;last\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t piece = 1; piece < 40; piece++) {
			struct outcome out;

			feed(&out, texts[i], strlen(texts[i]), piece);
			assert_int_equal(out.result, 1);
			assert_view(out.request.body, "hello world");
			assert_view(out.request.path, "/");
			bf_http_parser_free(out.parser);
		}
}

static void pipelined_requests_come_one_after_another(void **state)
{
	static const char text[] = "\r\n" GET "\r\n" POST "Content-Length: 2\r\n\r\nok"
				   "PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
				   "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
				   "DELETE /last HTTP/1.0\r\n\r\nrest";

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
		static const char *const bodies[] = {"", "ok", "x", ""};
		struct bf_http_parser *parser;
		struct bf_http_request request;
		size_t at = 0, count = 0;
		const char *why;
		int status;

		assert_int_equal(bf_http_parser_new(&parser, BODY_MAX), 0);
		while (count < 4) {
			if (bf_http_parser_next(parser, &request, &status, &why) == 1) {
				assert_view(request.method, methods[count]);
				assert_view(request.body, bodies[count++]);
				continue;
			}
			assert_true(at < sizeof(text) - 1);
			at += bf_http_parser_put(parser,
				bf_bytes(text + at,
					at + piece < sizeof(text) ? piece : sizeof(text) - 1 - at));
		}
		assert_false(request.keep_alive);
		assert_int_equal(bf_http_parser_rest(parser).len, at - (sizeof(text) - 1 - 4));
		bf_http_parser_free(parser);
	}
}

static void put_while_a_request_is_lent_does_not_move_it(void **state)
{
	struct outcome out;
	char filler[8000];
	size_t taken;

	(void)state;
	memset(filler, 'x', sizeof(filler));
	feed_text(&out, POST "Content-Length: 5\r\n\r\nhello");
	assert_int_equal(out.result, 1);
	taken = bf_http_parser_put(out.parser, bf_bytes(filler, sizeof(filler)));
	assert_true(taken < sizeof(filler));
	assert_view(out.request.body, "hello");
	assert_view(out.request.method, "POST");
	assert_int_equal(bf_http_parser_rest(out.parser).len, taken);
	bf_http_parser_free(out.parser);
}

static void targets_become_paths(void **state)
{
	static const struct {
		const char *target, *path, *query;
	} cases[] = {
		{"/", "/", ""},
		{"/a/b", "/a/b", ""},
		{"/a/b/", "/a/b/", ""},
		{"/a/./b/.", "/a/b/", ""},
		{"/a/../b", "/b", ""},
		{"/..", "/", ""},
		{"/../../etc/passwd", "/etc/passwd", ""},
		{"/a/b/../..", "/", ""},
		{"/a/b/../../..", "/", ""},
		{"/a/%2e%2E/b", "/b", ""},
		{"/a/.%2e/b", "/b", ""},
		{"/...", "/...", ""},
		{"/a//b", "/a//b", ""},
		{"/a/%252e%252e/b", "/a/%2e%2e/b", ""}, /* decoded once */
		{"/%41%7e", "/A~", ""},
		{"/%C3%A4", "/\xc3\xa4", ""},
		{"/x?", "/x", ""},
		{"/x?/../%zz", "/x", "/../%zz"},
		{"/x?a?b", "/x", "a?b"},
		{"/~|^", "/~|^", ""},
		{"http://other:80/p?q", "/p", "q"},
		{"HTTPS://other", "/", ""},
		{"http://other?q", "/", "q"},
		{"http://[::1]:7008/", "/", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome out;
		char text[200];

		snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", cases[i].target);
		feed_text(&out, text);
		assert_int_equal(out.result, 1);
		assert_view(out.request.path, cases[i].path);
		assert_view(out.request.query, cases[i].query);
		bf_http_parser_free(out.parser);
	}
}

static void absolute_target_decides_the_host(void **state)
{
	struct outcome out;

	(void)state;
	feed_text(&out, "GET http://real:81/ HTTP/1.1\r\nHost: spoofed\r\n\r\n");
	assert_int_equal(out.result, 1);
	assert_view(bf_http_field(&out.request, "Host"), "real:81");
	bf_http_parser_free(out.parser);
}

static void asterisk_is_for_options(void **state)
{
	struct outcome out;

	(void)state;
	feed_text(&out, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(out.result, 1);
	assert_view(out.request.target, "*");
	assert_view(out.request.path, "/");
	bf_http_parser_free(out.parser);
}

static void connection_fields_decide_keep_alive_and_upgrade(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive, wants_upgrade;
	} cases[] = {
		{GET "\r\n", true, false},
		{GET "Connection: close\r\n\r\n", false, false},
		{GET "Connection: foo , CLOSE\r\n\r\n", false, false},
		{GET "Connection: closed\r\n\r\n", true, false},
		{"GET / HTTP/1.0\r\n\r\n", false, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false},
		{GET "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n", true, true},
		{GET "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: h2c, "
		     "websocket\r\n\r\n",
			true, true},
		{GET "Connection: upgrade\r\n\r\n", true, false},
		{GET "Upgrade: websocket\r\n\r\n", true, false},
		{GET "Connection: upgrade\r\nUpgrade: websocket2\r\n\r\n", true, false},
		{"GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false,
			false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome out;

		feed_text(&out, cases[i].text);
		assert_int_equal(out.result, 1);
		assert_int_equal(out.request.keep_alive, cases[i].keep_alive);
		assert_int_equal(out.request.wants_upgrade, cases[i].wants_upgrade);
		bf_http_parser_free(out.parser);
	}
}

static void expectation_is_told_once_and_only_before_the_body(void **state)
{
	struct outcome out;

	(void)state;
	feed_text(&out, POST "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(out.result, 0);
	assert_true(bf_http_parser_is_mid_body(out.parser));
	assert_false(bf_http_parser_is_mid_request(out.parser));
	assert_true(bf_http_parser_take_continue(out.parser));
	assert_false(bf_http_parser_take_continue(out.parser));
	bf_http_parser_free(out.parser);

	feed_text(&out, POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nab");
	assert_false(bf_http_parser_take_continue(out.parser));
	bf_http_parser_free(out.parser);

	feed_text(&out, POST "Content-Length: 5\r\n\r\n");
	assert_false(bf_http_parser_take_continue(out.parser));
	bf_http_parser_free(out.parser);
}

static void mid_request_spans_the_head(void **state)
{
	struct outcome out;

	(void)state;
	feed_text(&out, "");
	assert_false(bf_http_parser_is_mid_request(out.parser));
	bf_http_parser_free(out.parser);
	feed_text(&out, "G");
	assert_true(bf_http_parser_is_mid_request(out.parser));
	bf_http_parser_free(out.parser);
	feed_text(&out, GET "\r\n");
	assert_false(bf_http_parser_is_mid_request(out.parser));
	bf_http_parser_free(out.parser);
	feed_text(&out, GET "\r\nG");
	assert_true(bf_http_parser_is_mid_request(out.parser));
	bf_http_parser_free(out.parser);
}

/* ---- what is refused ---- */

static void ambiguous_requests_are_refused(void **state)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		/* framing */
		{400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"},
		{400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
		{400, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
		{400, POST "Content-Length: 5, 5\r\n\r\nhello"},
		{400, POST "Content-Length: +5\r\n\r\nhello"},
		{400, POST "Content-Length: -5\r\n\r\nhello"},
		{400, POST "Content-Length: 0x5\r\n\r\nhello"},
		{400, POST "Content-Length: 5 5\r\n\r\nhello"},
		{400, POST "Content-Length:\r\n\r\nhello"},
		{400, POST "Content-Length: 99999999999999999999\r\n\r\nhello"},
		{400, POST "Content-Length: 18446744073709551621\r\n\r\nhello"},
		{413, POST "Content-Length: 1001\r\n\r\n"},
		{413, POST "Content-Length: 9999999999999999999\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked, chunked\r\n\r\n"},
		{400, POST "Transfer-Encoding: xchunked\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked, gzip\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked, identity\r\n\r\n"},
		{400, POST "Transfer-Encoding: identity\r\n\r\n"},
		{400, POST "Transfer-Encoding: \"chunked\"\r\n\r\n"},
		{400, POST "Transfer-Encoding: chunked;q=1\r\n\r\n"},
		{400, POST "Transfer-Encoding: gzip\r\n\r\n"},
		{400, POST "Transfer-Encoding:\r\n\r\n"},
		{501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"},
		{400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{417, POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n"},
		/* lines */
		{400, "GET / HTTP/1.1\nHost: a\n\n"},
		{400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
		{400, "GET / HTTP/1.1\rHost: a\r\r"},
		{400, GET "X: a\rb\r\n\r\n"},
		{400, GET "X: a\r\r\n\r\n"},
		{400, GET "X: a\r\n b\r\n\r\n"},
		{400, GET "X: a\r\n\tb\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
		{400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "\tGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "\r\n\r\n" GET "\r\n"},
		{400, "\n" GET "\r\n"},
		/* names and values */
		{400, GET "X : a\r\n\r\n"},
		{400, GET "X\t: a\r\n\r\n"},
		{400, GET ": a\r\n\r\n"},
		{400, GET "no colon\r\n\r\n"},
		{400, GET "X\xc3\xa4: a\r\n\r\n"},
		{400, GET "X(y): a\r\n\r\n"},
		{400, GET "X: a\x01\r\n\r\n"},
		{400, GET "X: a\x7f\r\n\r\n"},
		{400, GET "X: a\x1b[2J\r\n\r\n"},
		/* request line */
		{400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
		{400, "GET / \r\nHost: a\r\n\r\n"},
		{400, "GET /\r\nHost: a\r\n\r\n"},
		{400, "GET\r\n\r\n"},
		{400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
		{400, "GET / HTTP/x.1\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
		{505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
		{505, "PRI * HTTP/2.0\r\n\r\n"},
		{400, "G{T / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "G\xc3\xa4T / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "\x16\x03\x01"}, /* a TLS ClientHello */
		/* target */
		{400, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"},
		{400, "GET example.org HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%7F HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /% HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%4g HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n"},
		{400, "GET /%c0%ae%c0%ae/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		/* host */
		{400, "GET / HTTP/1.1\r\n\r\n"},
		{400, GET "Host: a\r\n\r\n"},
		{400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n"},
		{400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
		{400, "GET http://b/ HTTP/1.1\r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].text);

		for (size_t piece = 1; piece <= len;
			piece += len > 1 ? len - 1 : 1) { /* bytewise and at once */
			struct outcome out;

			feed(&out, cases[i].text, len, piece);
			if (out.result >= 0 || out.status != cases[i].status)
				fail_msg("%s: result %d, status %d, not %d", cases[i].text,
					out.result, out.status, cases[i].status);
			assert_non_null(out.why);
			/* Refused for good: nothing that follows is looked at. */
			bf_http_parser_put(out.parser, bf_bytes_str(GET "\r\n"));
			assert_true(bf_http_parser_next(
					    out.parser, &out.request, &out.status, &out.why) < 0);
			bf_http_parser_free(out.parser);
		}
	}
}

static void nul_is_refused_everywhere_in_a_head(void **state)
{
	static const char text[] = GET "X: ab\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char changed[sizeof(text)];
		struct outcome out;

		memcpy(changed, text, sizeof(text));
		changed[i] = '\0';
		feed(&out, changed, sizeof(text) - 1, sizeof(text));
		assert_true(out.result < 0);
		assert_int_equal(out.status, 400);
		bf_http_parser_free(out.parser);
	}
}

static void malformed_chunks_are_refused(void **state)
{
	static const struct {
		int status;
		const char *body;
	} cases[] = {
		{400, "\r\n"},
		{400, "g\r\n"},
		{400, "-1\r\n"},
		{400, "+1\r\n"},
		{400, "0x1\r\nx\r\n0\r\n\r\n"},
		{400, " 1\r\nx\r\n"},
		{400, "1 \r\nx\r\n"},
		{400, "000000001\r\nx\r\n"},
		{400, "10000000000000005\r\nhello\r\n"},
		{413, "ffffffff\r\n"},
		{413, "3e9\r\n"},
		{400, "5\nhello\r\n"},
		{400, "5\rhello\r\n"},
		{400, "5\r\nhello\n0\r\n\r\n"},
		{400, "5\r\nhelloX\r\n"},
		{400, "5\r\nhello!\r\n0\r\n\r\n"},
		{400, "5;\r\nhello\r\n"},
		{400, "5;=x\r\nhello\r\n"},
		{400, "5;a=\r\nhello\r\n"},
		{400, "5;a b\r\nhello\r\n"},
		{400, "5;a=\"b\r\nhello\r\n"},
		{400, "5;a=\"b\"c\r\nhello\r\n"},
		{400, "5;\x01\r\nhello\r\n"},
		{400, "0\r\n folded: x\r\n\r\n"},
		{400, "0\r\nbad name: x\r\n\r\n"},
		{400, "0\r\nno colon\r\n\r\n"},
		{400, "0\r\nA: b\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece < 200; piece += 198) {
			struct outcome out;
			char text[300];

			snprintf(text, sizeof(text), POST "Transfer-Encoding: chunked\r\n\r\n%s",
				cases[i].body);
			feed(&out, text, strlen(text), piece);
			if (out.result >= 0 || out.status != cases[i].status)
				fail_msg("%s: result %d, status %d", cases[i].body, out.result,
					out.status);
			bf_http_parser_free(out.parser);
		}
}

/* ---- limits ---- */

/* A head of exactly `head_len` bytes, padded in one field; returned block is the caller's. */
static char *make_head(size_t head_len)
{
	static const char start[] = GET "X: ";
	char *text = malloc(head_len + 1);

	assert_non_null(text);
	memset(text, 'x', head_len);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + head_len - 4, "\r\n\r\n", 5);
	return text;
}

static void head_may_be_exactly_full(void **state)
{
	struct outcome out;
	char *text = make_head(BF_HTTP_HEAD_MAX);

	(void)state;
	feed_text(&out, text);
	assert_int_equal(out.result, 1);
	bf_http_parser_free(out.parser);
	free(text);

	text = make_head(BF_HTTP_HEAD_MAX + 1);
	feed(&out, text, BF_HTTP_HEAD_MAX + 1, 1000);
	assert_int_equal(out.status, 431);
	assert_int_equal(out.result, -ENOBUFS);
	bf_http_parser_free(out.parser);
	free(text);
}

static void long_request_line_is_414(void **state)
{
	static char text[BF_HTTP_HEAD_MAX + 2];
	struct outcome out;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "GET /?", 6);
	feed_text(&out, text);
	assert_int_equal(out.status, 414);
	bf_http_parser_free(out.parser);

	memset(text, 0, sizeof(text));
	memcpy(text, "GET /", 5);
	memset(text + 5, 'p', BF_HTTP_PATH_MAX - 1);
	strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
	feed_text(&out, text);
	assert_int_equal(out.status, 414);
	bf_http_parser_free(out.parser);
}

static void fields_may_be_exactly_full(void **state)
{
	(void)state;
	for (unsigned extra = 0; extra < 2; extra++) {
		char text[2000] = GET;
		struct outcome out;

		for (unsigned i = 1; i < BF_HTTP_FIELDS + extra; i++)
			strcat(text, "X: y\r\n");
		strcat(text, "\r\n");
		feed_text(&out, text);
		assert_int_equal(out.result, extra ? -ENOBUFS : 1);
		assert_int_equal(out.status, extra ? 431 : 0);
		bf_http_parser_free(out.parser);
	}
}

static void body_may_be_exactly_full(void **state)
{
	static const char *const heads[] = {POST "Content-Length: 1000\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\n3e8\r\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char text[2000] = "";
		struct outcome out;

		strcat(text, heads[i]);
		memset(text + strlen(text), 'b', BODY_MAX);
		strcat(text, i == 0 ? "" : "\r\n0\r\n\r\n");
		feed(&out, text, strlen(text), 100);
		assert_int_equal(out.result, 1);
		assert_int_equal(out.request.body.len, BODY_MAX);
		bf_http_parser_free(out.parser);
	}
}

static void chunks_of_one_byte_do_not_outgrow_the_buffer(void **state)
{
	struct bf_http_parser *parser;
	struct bf_http_request request;
	const char *why;
	int status;

	(void)state;
	assert_int_equal(bf_http_parser_new(&parser, 200000), 0);
	bf_http_parser_put(parser, bf_bytes_str(POST "Transfer-Encoding: chunked\r\n\r\n"));
	for (size_t i = 0; i < 200000; i++) {
		assert_int_equal(bf_http_parser_put(parser, bf_bytes("1\r\nx\r\n", 6)), 6);
		assert_int_equal(bf_http_parser_next(parser, &request, &status, &why), 0);
	}
	assert_int_equal(bf_http_parser_put(parser, bf_bytes("0\r\n\r\n", 5)), 5);
	assert_int_equal(bf_http_parser_next(parser, &request, &status, &why), 1);
	assert_int_equal(request.body.len, 200000);
	for (size_t i = 0; i < request.body.len; i++)
		assert_int_equal(request.body.data[i], 'x');
	bf_http_parser_free(parser);
}

static void extensions_and_trailers_have_limits(void **state)
{
	struct outcome out;
	char text[8000] = POST "Transfer-Encoding: chunked\r\n\r\n";
	size_t at = strlen(text);

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		at += (size_t)sprintf(text + at, "1;%0200d\r\nx\r\n", 1);
	feed(&out, text, at, 500);
	assert_int_equal(out.status, 400);
	bf_http_parser_free(out.parser);

	at = (size_t)sprintf(text, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n");
	for (unsigned i = 0; i < 6; i++)
		at += (size_t)sprintf(text + at, "X: %0200d\r\n", 1);
	feed(&out, text, at, 500);
	assert_int_equal(out.status, 431);
	bf_http_parser_free(out.parser);
}

/* ---- query, text ---- */

static void query_parameters_are_decoded(void **state)
{
	struct bf_http_request request = {
		.query = {(const uint8_t *)"a=1&b=x%20y+z&c&%64=%C3%A4&a=2&bad=%zz&nul=%00&u=%ff&"
					   "long=12345",
			0}};
	char out[6];

	(void)state;
	request.query.len = strlen((const char *)request.query.data);
	assert_int_equal(bf_http_query(&request, "a", out, sizeof(out)), 1);
	assert_string_equal(out, "1");
	assert_int_equal(bf_http_query(&request, "b", out, sizeof(out)), 5);
	assert_string_equal(out, "x y z");
	assert_int_equal(bf_http_query(&request, "c", out, sizeof(out)), 0);
	assert_int_equal(bf_http_query(&request, "d", out, sizeof(out)), 2);
	assert_int_equal(bf_http_query(&request, "e", out, sizeof(out)), -ENOENT);
	assert_int_equal(bf_http_query(&request, "", out, sizeof(out)), -ENOENT);
	assert_int_equal(bf_http_query(&request, "bad", out, sizeof(out)), -EBADMSG);
	assert_int_equal(bf_http_query(&request, "nul", out, sizeof(out)), -EBADMSG);
	assert_int_equal(bf_http_query(&request, "u", out, sizeof(out)), -EBADMSG);
	assert_int_equal(bf_http_query(&request, "long", out, sizeof(out)), 5);
	assert_int_equal(bf_http_query(&request, "long", out, 5), -ENOBUFS);
	request.query.len = 0;
	assert_int_equal(bf_http_query(&request, "a", out, sizeof(out)), -ENOENT);
}

static void utf8_is_told_from_what_only_looks_like_it(void **state)
{
	static const char *const good[] = {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
		"\xe0\x9f\x80", "\xe0\xa0", "\xed\xa0\x80", "\xf0\x8f\x80\x80", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "\xe1\x80\x41", "a\xf0\x90\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(bf_http_is_utf8(bf_bytes_str(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(bf_http_is_utf8(bf_bytes_str(bad[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_request_is_read_in_pieces_of_any_size),
		cmocka_unit_test(request_cut_at_every_byte_is_not_complete),
		cmocka_unit_test(bodies_are_read_by_length_and_by_chunks),
		cmocka_unit_test(pipelined_requests_come_one_after_another),
		cmocka_unit_test(put_while_a_request_is_lent_does_not_move_it),
		cmocka_unit_test(targets_become_paths),
		cmocka_unit_test(absolute_target_decides_the_host),
		cmocka_unit_test(asterisk_is_for_options),
		cmocka_unit_test(connection_fields_decide_keep_alive_and_upgrade),
		cmocka_unit_test(expectation_is_told_once_and_only_before_the_body),
		cmocka_unit_test(mid_request_spans_the_head),
		cmocka_unit_test(ambiguous_requests_are_refused),
		cmocka_unit_test(nul_is_refused_everywhere_in_a_head),
		cmocka_unit_test(malformed_chunks_are_refused),
		cmocka_unit_test(head_may_be_exactly_full),
		cmocka_unit_test(long_request_line_is_414),
		cmocka_unit_test(fields_may_be_exactly_full),
		cmocka_unit_test(body_may_be_exactly_full),
		cmocka_unit_test(chunks_of_one_byte_do_not_outgrow_the_buffer),
		cmocka_unit_test(extensions_and_trailers_have_limits),
		cmocka_unit_test(query_parameters_are_decoded),
		cmocka_unit_test(utf8_is_told_from_what_only_looks_like_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
