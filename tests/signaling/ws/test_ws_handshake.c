#include "signaling/ws/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define GET  "GET /ws HTTP/1.1\r\nHost: chat.example:7008\r\n"
#define UP   "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define V13  "Sec-WebSocket-Version: 13\r\n"
#define KEY  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GOOD GET UP V13 KEY

static struct bf_ws_handshake check(const char *text, char *const *origins, unsigned origins_count)
{
	struct bf_http_parser *parser;
	struct bf_http_request request;
	struct bf_ws_handshake handshake;
	const char *why;
	int status;

	assert_int_equal(bf_http_parser_new(&parser, 100), 0);
	assert_int_equal(bf_http_parser_put(parser, bf_bytes_str(text)), strlen(text));
	assert_int_equal(bf_http_parser_next(parser, &request, &status, &why), 1);
	handshake = bf_ws_handshake_check(&request, origins, origins_count);
	bf_http_parser_free(parser);
	return handshake;
}

static void requests_are_judged(void **state)
{
	static const struct {
		int status;
		const char *text;
	} cases[] = {
		{101, GOOD "\r\n"},
		{101, GET "Connection: upgrade\r\nUpgrade: h2c, WebSocket\r\n" V13 KEY "\r\n"},
		{400, "POST /ws HTTP/1.1\r\nHost: a\r\n" UP V13 KEY "\r\n"},
		{400, GOOD "Content-Length: 2\r\n\r\nhi"},
		{426, GET "\r\n"},
		{426, GET "Connection: Upgrade\r\n" V13 KEY "\r\n"},
		{426, GET "Upgrade: websocket\r\n" V13 KEY "\r\n"},
		{426, "GET /ws HTTP/1.0\r\nHost: a\r\n" UP V13 KEY "\r\n"},
		{426, GET UP KEY "\r\n"},
		{426, GET UP KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
		{426, GET UP KEY "Sec-WebSocket-Version: 13, 8\r\n\r\n"},
		{426, GET UP KEY V13 V13 "\r\n"},
		{400, GET UP V13 "\r\n"},
		{400, GET UP V13 KEY KEY "\r\n"},
		{400, GET UP V13 "Sec-WebSocket-Key:\r\n\r\n"},
		{400, GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n"},
		{400, GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n\r\n"},
		{400, GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25_ZQ==\r\n\r\n"},
		{400, GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_ws_handshake handshake = check(cases[i].text, NULL, 0);

		if (handshake.status != cases[i].status)
			fail_msg("%s: %d, %s", cases[i].text, handshake.status, handshake.why);
		assert_true(handshake.status == 101 || (handshake.why && handshake.code));
	}
}

static void accept_is_that_of_the_standard(void **state)
{
	(void)state;
	assert_string_equal(check(GOOD "\r\n", NULL, 0).accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void origins_are_judged(void **state)
{
	static char *list[] = {"https://app.example", "http://localhost:3000", "null"};
	static char *any[] = {"*"};
	static const struct {
		const char *origin; /* NULL: none */
		bool same_host, listed;
	} cases[] = {
		{NULL, true, true},
		{"http://chat.example:7008", true, false},
		{"https://CHAT.example:7008", true, false},
		{"http://chat.example", false, false},
		{"http://chat.example:7009", false, false},
		{"http://chat.example:70080", false, false},
		{"http://evil-chat.example:7008", false, false},
		{"http://chat.example:7008.evil.example", false, false},
		{"http://chat.example:7008/", false, false},
		{"ftp://chat.example:7008", false, false},
		{"chat.example:7008", false, false},
		{"null", false, true},
		{"", false, false},
		{"https://app.example", false, true},
		{"HTTPS://APP.EXAMPLE", false, true},
		{"http://app.example", false, false},
		{"https://app.example:443", false, false},
		{"https://app.example.evil", false, false},
		{"http://localhost:3000", false, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), GOOD "%s%s%s\r\n", cases[i].origin ? "Origin: " : "",
			cases[i].origin ? cases[i].origin : "", cases[i].origin ? "\r\n" : "");
		if (check(text, NULL, 0).status != (cases[i].same_host ? 101 : 403))
			fail_msg("own host: %s", cases[i].origin);
		if (check(text, list, 3).status != (cases[i].listed ? 101 : 403))
			fail_msg("list: %s", cases[i].origin);
		assert_int_equal(check(text, any, 1).status, 101);
	}
	assert_int_equal(check(GOOD "Origin: http://chat.example:7008\r\nOrigin: "
				    "http://chat.example:7008\r\n\r\n",
				 NULL, 0)
				 .status,
		403);
}

static void default_ports_are_the_same_host(void **state)
{
	(void)state;
	assert_int_equal(check("GET /ws HTTP/1.1\r\nHost: a.example\r\n" UP V13 KEY
			       "Origin: https://a.example\r\n\r\n",
				 NULL, 0)
				 .status,
		101);
	assert_int_equal(check("GET /ws HTTP/1.1\r\nHost: a.example:443\r\n" UP V13 KEY
			       "Origin: https://a.example\r\n\r\n",
				 NULL, 0)
				 .status,
		101);
	assert_int_equal(check("GET /ws HTTP/1.1\r\nHost: a.example:80\r\n" UP V13 KEY
			       "Origin: http://a.example\r\n\r\n",
				 NULL, 0)
				 .status,
		101);
	assert_int_equal(check("GET /ws HTTP/1.1\r\nHost: a.example:80\r\n" UP V13 KEY
			       "Origin: https://a.example\r\n\r\n",
				 NULL, 0)
				 .status,
		403);
	assert_int_equal(check("GET /ws HTTP/1.1\r\nHost: [::1]:7008\r\n" UP V13 KEY
			       "Origin: http://[::1]:7008\r\n\r\n",
				 NULL, 0)
				 .status,
		101);
}

static void extension_offers_of_all_fields_count(void **state)
{
	struct bf_ws_handshake handshake;

	(void)state;
	assert_false(check(GOOD "\r\n", NULL, 0).deflate.is_on);
	handshake = check(GOOD
		"Sec-WebSocket-Extensions: x-other\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12\r\n\r\n",
		NULL, 0);
	assert_true(handshake.deflate.is_on);
	assert_int_equal(handshake.deflate.server_bits, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_judged),
		cmocka_unit_test(accept_is_that_of_the_standard),
		cmocka_unit_test(origins_are_judged),
		cmocka_unit_test(default_ports_are_the_same_host),
		cmocka_unit_test(extension_offers_of_all_fields_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
