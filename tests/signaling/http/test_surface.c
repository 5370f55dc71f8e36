/* What the server does for and against everybody who asks, before and behind the handlers. */
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

#define HOST "Host: a\r\n"

struct fixture {
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_conf *conf;
	struct bf_http_server *server;
	struct loopback client;
	struct bf_addr remote;
	bool is_https;
	uint64_t later_id;
	unsigned handled_count;
	int null_fd;
};

/* ---- handlers ---- */

static void on_hello(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct fixture *f = arg;

	(void)request;
	f->remote = bf_http_exchange_remote(exchange);
	f->is_https = bf_http_exchange_is_https(exchange);
	f->handled_count++;
	bf_http_reply(exchange, 200, "text/plain", bf_bytes_str("hello"));
}

static void on_login(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct fixture *f = arg;

	f->handled_count++;
	if (bf_http_exchange_count_name(exchange, request->body))
		bf_http_reply(exchange, 200, "text/plain", bf_bytes_str("welcome"));
}

/* "in" is let in, all else refused. */
static void guard(void *arg, struct bf_http_exchange *exchange,
	const struct bf_http_request *request, const struct bf_http_route *route)
{
	const struct bf_http_caller caller = {.user = {{7}}};

	(void)arg;
	(void)route;
	if (bf_bytes_is(bf_http_field(request, "Authorization"), "in"))
		bf_http_exchange_admit(exchange, &caller);
	else
		bf_http_reply_problem(exchange, 401, "unauthorized", "who are you?");
}

static const struct bf_http_route routes[] = {
	{"GET", "/hello", on_hello, "s", BF_HTTP_PUBLIC},
	{"GET", "/health", on_hello, "s", BF_HTTP_PUBLIC, .rate = BF_HTTP_RATE_EXEMPT},
	{"GET", "/join", on_hello, "s", BF_HTTP_PUBLIC, .rate = BF_HTTP_RATE_JOIN},
	{"POST", "/login", on_login, "s", BF_HTTP_PUBLIC, .rate = BF_HTTP_RATE_AUTH},
	{"POST", "/hello", on_hello, "s", BF_HTTP_PUBLIC},
	{"POST", "/short", on_hello, "s", BF_HTTP_PUBLIC, .body_max = 1000},
	{"POST", "/long", on_hello, "s", BF_HTTP_PUBLIC, .body_max = 20 * 1024 * 1024},
	{"GET", "/mine", on_hello, "s", BF_HTTP_SIGNED_IN},
};

static const struct bf_http_file files[] = {
	{"/app.js", "text/javascript", (const uint8_t *)"js", 2, "\"e2\""},
	{"/index.html", "text/html; charset=utf-8", (const uint8_t *)"<p>page", 7, "\"e1\""},
};

/* ---- set-up ---- */

static void set(char **value, const char *text)
{
	free(*value);
	*value = strdup(text);
	assert_non_null(*value);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	f->loop = loopback_loop(BF_IO_EPOLL);
	assert_non_null(f->loop);
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	set(&f->conf->http.listen, "127.0.0.1:0");
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

/* The server as f->conf is now, and a client. */
static void start(struct fixture *f)
{
	struct bf_addr addr;
	char why[256];

	assert_int_equal(bf_http_server_new(&f->server, f->loop, f->log, f->metrics, f->conf), 0);
	assert_int_equal(
		bf_http_server_add(f->server, routes, sizeof(routes) / sizeof(routes[0]), f), 0);
	assert_int_equal(
		bf_http_server_add_files(f->server, files, sizeof(files) / sizeof(files[0])), 0);
	bf_http_server_set_guard(f->server, guard, NULL);
	assert_int_equal(bf_http_server_listen(f->server, why, sizeof(why)), 0);
	addr = bf_http_server_local(f->server);
	loopback_open(&f->client, f->loop, &addr);
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

/* ---- limits ---- */

static void who_asks_too_often_is_told_when_to_come_back(void **state)
{
	struct fixture *f = *state;

	f->conf->limits.anonymous = 2;
	start(f);
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nhello");
	assert_has(&f->client, "RateLimit-Policy: \"anonymous\";q=2;w=900\r\n");
	assert_has(&f->client, "RateLimit: \"anonymous\";r=1;t=450\r\n");
	expect(f, "GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "not_found");
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "\"code\":\"rate_limited\"");
	assert_has(&f->client, "HTTP/1.1 429 Too Many Requests\r\n");
	assert_has(&f->client, "Content-Type: application/problem+json\r\n");
	assert_has(&f->client, "Retry-After: 450\r\n");
	assert_has(&f->client, "RateLimit: \"anonymous\";r=0;t=450\r\n");
	assert_int_equal(f->handled_count, 1);
	/* what has limits of its own, or none */
	expect(f, "GET /join HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nhello");
	assert_has(&f->client, "RateLimit-Policy: \"join\";q=10000;w=900\r\n");
	for (int i = 0; i < 5; i++) {
		expect(f, "GET /health HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nhello");
		expect(f, "GET / HTTP/1.1\r\n" HOST "\r\n", "<p>page");
	}
	assert_false(loopback_has(&f->client, "RateLimit"));
	loopback_close(&f->client);
}

static void one_who_is_signed_in_counts_as_himself(void **state)
{
	struct fixture *f = *state;

	f->conf->limits.anonymous = 1;
	f->conf->limits.user = 2;
	start(f);
	for (int i = 0; i < 2; i++)
		expect(f, "GET /mine HTTP/1.1\r\n" HOST "Authorization: in\r\n\r\n", "hello");
	assert_has(&f->client, "RateLimit: \"user\";r=0;t=900\r\n");
	expect(f, "GET /mine HTTP/1.1\r\n" HOST "Authorization: in\r\n\r\n", "429");
	expect(f, "GET /mine HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 401");
	expect(f, "GET /mine HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 429");
	/* ten times as many wrong credentials as none at all */
	for (int i = 0; i < 10; i++)
		expect(f, "GET /mine HTTP/1.1\r\n" HOST "Authorization: x\r\n\r\n", "HTTP/1.1 401");
	expect(f, "GET /mine HTTP/1.1\r\n" HOST "Authorization: x\r\n\r\n", "HTTP/1.1 429");
	assert_has(&f->client, "RateLimit-Policy: \"denied\";q=10;w=900\r\n");
	loopback_close(&f->client);
}

#define LOGIN(name) "POST /login HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n" name

static void tries_to_sign_in_are_few_of_an_address_and_for_a_name(void **state)
{
	struct fixture *f = *state;

	f->conf->limits.auth = 3;
	start(f);
	for (int i = 0; i < 3; i++)
		expect(f, LOGIN("ann"), "welcome");
	expect(f, LOGIN("bob"), "HTTP/1.1 429");
	assert_int_equal(f->handled_count, 3);
	/* from elsewhere */
	f->conf->limits.loopback = false;
	bf_http_rates_set(&f->server->rates, f->conf);
	expect(f, LOGIN("ann"), "HTTP/1.1 429");
	assert_has(&f->client, "RateLimit-Policy: \"name\";q=3;w=900\r\n");
	expect(f, LOGIN("bob"), "welcome");
	loopback_close(&f->client);
}

static void what_was_counted_goes_on_in_the_next_process(void **state)
{
	struct fixture *f = *state;
	struct bf_gcra_debt debts[8];
	size_t count;

	f->conf->limits.auth = 2;
	start(f);
	for (int i = 0; i < 2; i++)
		expect(f, LOGIN("ann"), "welcome");
	count = bf_http_server_export_rates(f->server, debts, 8);
	assert_int_equal(count, 1); /* the address; not the name */
	loopback_close(&f->client);
	bf_http_server_free(f->server);
	start(f);
	for (size_t i = 0; i < count; i++)
		bf_http_server_import_rate(f->server, &debts[i], 0);
	expect(f, LOGIN("ann"), "HTTP/1.1 429");
	loopback_close(&f->client);
}

/* ---- fields for browsers ---- */

static const char *const always[] = {"X-Content-Type-Options: nosniff\r\n",
	"Referrer-Policy: no-referrer\r\n", "X-Frame-Options: DENY\r\n",
	"Cross-Origin-Opener-Policy: same-origin\r\n",
	"Cross-Origin-Embedder-Policy: require-corp\r\n", "Origin-Agent-Cluster: ?1\r\n",
	"X-DNS-Prefetch-Control: off\r\n", "X-Permitted-Cross-Domain-Policies: none\r\n",
	"X-Download-Options: noopen\r\n", "X-XSS-Protection: 0\r\n", "Cache-Control: no-",
	"X-Robots-Tag: noindex, nofollow\r\n", "Content-Security-Policy: default-src '",
	"Permissions-Policy: camera=(", "Cross-Origin-Resource-Policy: "};

static void every_answer_tells_browsers_what_not_to_do(void **state)
{
	static const char *const requests[] = {"GET /hello HTTP/1.1\r\n" HOST "\r\n",
		"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "GET / HTTP/1.1\r\n" HOST "\r\n",
		"GET / HTTP/1.1\r\n" HOST "If-None-Match: \"e1\"\r\n\r\n",
		"GET /app.js HTTP/1.1\r\n" HOST "\r\n", "DELETE /hello HTTP/1.1\r\n" HOST "\r\n",
		"nonsense\r\n\r\n"};
	struct fixture *f = *state;

	start(f);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		expect(f, requests[i], "X-Robots-Tag");
		loopback_turn(&f->client, 1000);
		for (size_t j = 0; j < sizeof(always) / sizeof(always[0]); j++)
			assert_has(&f->client, always[j]);
		assert_false(loopback_has(&f->client, "Server:"));
		assert_false(loopback_has(&f->client, "unsafe"));
		assert_false(loopback_has(&f->client, "Strict-Transport-Security"));
	}
	loopback_close(&f->client);
}

static void only_the_page_may_run_scripts_and_only_files_may_be_used_elsewhere(void **state)
{
	struct fixture *f = *state;

	start(f);
	expect(f, "GET / HTTP/1.1\r\n" HOST "\r\n", "<p>page");
	assert_has(&f->client, "script-src 'self';");
	assert_has(&f->client, "camera=(self), microphone=(self)");
	assert_has(&f->client, "Cross-Origin-Resource-Policy: same-origin\r\n");
	expect(f, "GET /app.js HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\njs");
	assert_has(&f->client, "Cross-Origin-Resource-Policy: cross-origin\r\n");
	expect(f, "GET /hello HTTP/1.1\r\n" HOST "\r\n", "\r\n\r\nhello");
	assert_has(&f->client, "default-src 'none'; frame-ancestors 'none'");
	assert_has(&f->client, "camera=(), microphone=()");
	assert_has(&f->client, "Cross-Origin-Resource-Policy: same-origin\r\n");
	loopback_close(&f->client);
}

/* ---- pages of other origins ---- */

static void set_list(char ***list, unsigned *count, const char *text)
{
	*list = calloc(1, sizeof(**list));
	assert_non_null(*list);
	(*list)[0] = strdup(text);
	assert_non_null((*list)[0]);
	*count = 1;
}

#define FROM(origin) HOST "Origin: " origin "\r\n"

static void a_listed_origin_may_read_answers_and_another_may_not(void **state)
{
	struct fixture *f = *state;

	set_list(&f->conf->http.origins, &f->conf->http.origins_count, "https://good.example");
	start(f);
	expect(f, "GET /hello HTTP/1.1\r\n" FROM("https://good.example") "\r\n", "\r\nhello");
	assert_has(&f->client, "Access-Control-Allow-Origin: https://good.example\r\n");
	assert_has(&f->client, "Access-Control-Allow-Credentials: true\r\n");
	assert_has(&f->client, "Vary: Origin\r\n");
	expect(f, "GET /nowhere HTTP/1.1\r\n" FROM("https://good.example") "\r\n", "not_found");
	assert_has(&f->client, "Access-Control-Allow-Origin: https://good.example\r\n");
	expect(f, "GET /hello HTTP/1.1\r\n" FROM("https://good.example.evil") "\r\n", "\r\nhello");
	assert_false(loopback_has(&f->client, "Access-Control"));
	assert_has(&f->client, "Vary: Origin\r\n");
	expect(f, "GET /hello HTTP/1.1\r\n" FROM("http://good.example") "\r\n", "\r\nhello");
	assert_false(loopback_has(&f->client, "Access-Control"));
	loopback_close(&f->client);
}

#define PREFLIGHT(origin)                                    \
	"OPTIONS /login HTTP/1.1\r\n" HOST "Origin: " origin \
	"\r\nAccess-Control-Request-Method: POST\r\n\r\n"

static void preflights_are_answered_from_the_routes(void **state)
{
	struct fixture *f = *state;

	set_list(&f->conf->http.origins, &f->conf->http.origins_count, "https://good.example");
	start(f);
	expect(f, PREFLIGHT("https://good.example"), "HTTP/1.1 204");
	assert_has(&f->client, "Access-Control-Allow-Methods: POST\r\n");
	assert_has(&f->client, "Access-Control-Allow-Headers: Authorization, Content-Type, ");
	assert_has(&f->client, "Access-Control-Allow-Origin: https://good.example\r\n");
	expect(f, PREFLIGHT("https://evil.example"), "HTTP/1.1 405");
	assert_false(loopback_has(&f->client, "Access-Control"));
	assert_int_equal(f->handled_count, 0);
	loopback_close(&f->client);
}

static void any_origin_gets_no_credentials(void **state)
{
	struct fixture *f = *state;

	set_list(&f->conf->http.origins, &f->conf->http.origins_count, "*");
	start(f);
	expect(f, "GET /hello HTTP/1.1\r\n" FROM("https://x.example") "\r\n", "\r\nhello");
	assert_has(&f->client, "Access-Control-Allow-Origin: *\r\n");
	assert_false(loopback_has(&f->client, "Credentials"));
	loopback_close(&f->client);
}

/* ---- proxies, and names of requests ---- */

static void expect_remote(struct fixture *f, const char *fields, const char *ip)
{
	char request[512], text[BF_ADDR_TEXT];

	snprintf(request, sizeof(request), "GET /health HTTP/1.1\r\n" HOST "%s\r\n", fields);
	expect(f, request, "\r\n\r\nhello");
	assert_string_equal(bf_addr_format_ip(&f->remote, text), ip);
}

static void a_trusted_proxy_says_who_the_client_is_and_how_it_came(void **state)
{
	struct fixture *f = *state;

	set_list(&f->conf->http.trusted_proxies, &f->conf->http.trusted_proxies_count,
		"127.0.0.0/8");
	start(f);
	expect_remote(f, "", "127.0.0.1");
	expect_remote(f, "X-Forwarded-For: 203.0.113.9, 192.0.2.7\r\n", "192.0.2.7");
	assert_false(f->is_https);
	/* through two of ours */
	expect_remote(f, "X-Forwarded-For: 203.0.113.9, 192.0.2.7, 127.0.0.2\r\n", "192.0.2.7");
	expect_remote(f, "X-Forwarded-For: 192.0.2.7, unknown, 127.0.0.2\r\n", "127.0.0.2");
	expect_remote(f, "Forwarded: for=1.1.1.1, for=\"[2001:db8::7]:99\";proto=https;by=x\r\n",
		"2001:db8::7");
	assert_true(f->is_https);
	assert_has(&f->client, "Strict-Transport-Security: max-age=31536000\r\n");
	expect_remote(f, "Forwarded: for=1.1.1.1;proto=https, for=_hidden\r\n", "127.0.0.1");
	assert_false(f->is_https);
	expect_remote(f, "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n", "192.0.2.7");
	assert_true(f->is_https);
	/* one of them is forged */
	expect_remote(f, "X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.8\r\n", "127.0.0.1");
	loopback_close(&f->client);
}

static void nobody_else_is_believed(void **state)
{
	struct fixture *f = *state;

	set_list(
		&f->conf->http.trusted_proxies, &f->conf->http.trusted_proxies_count, "10.0.0.0/8");
	start(f);
	expect_remote(f,
		"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n",
		"127.0.0.1");
	assert_false(f->is_https);
	assert_false(loopback_has(&f->client, "X-Request-Id: mine"));
	assert_has(&f->client, "X-Request-Id: ");
	loopback_close(&f->client);
}

static void a_request_has_a_name_in_its_answer(void **state)
{
	struct fixture *f = *state;

	set_list(&f->conf->http.trusted_proxies, &f->conf->http.trusted_proxies_count, "127.0.0.1");
	start(f);
	expect(f, "GET /nowhere HTTP/1.1\r\n" HOST "X-Request-Id: a.B-3_4\r\n\r\n",
		"\"request_id\":\"a.B-3_4\"");
	assert_has(&f->client, "X-Request-Id: a.B-3_4\r\n");
	expect(f, "GET /nowhere HTTP/1.1\r\n" HOST "X-Request-Id: a\"b\r\n\r\n", "not_found");
	assert_false(loopback_has(&f->client, "a\\\"b"));
	assert_has(&f->client, "\"request_id\":\"01");
	expect(f, "nonsense\r\n\r\n", "\"request_id\":\"01");
	loopback_close(&f->client);
}

/* ---- long bodies ---- */

/* A head that promises so much, on a connection of its own; the answer comes, or the invitation to go on. */
static void promise(struct fixture *f, const char *path, const char *framing, const char *answer)
{
	struct bf_addr addr = bf_http_server_local(f->server);
	char head[256];

	loopback_close(&f->client);
	loopback_open(&f->client, f->loop, &addr);
	snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n%s\r\n",
		path, framing);
	expect(f, head, answer);
}

static void a_body_that_is_too_long_is_refused_before_it_comes(void **state)
{
	struct fixture *f = *state;

	start(f);
	promise(f, "/hello", "Content-Length: 10485760\r\n", "100 Continue");
	promise(f, "/hello", "Content-Length: 10485761\r\n", "HTTP/1.1 413 ");
	promise(f, "/short", "Content-Length: 1000\r\n", "100 Continue");
	promise(f, "/short", "Content-Length: 1001\r\n", "HTTP/1.1 413 ");
	promise(f, "/long", "Content-Length: 20971520\r\n", "100 Continue");
	promise(f, "/long", "Content-Length: 20971521\r\n", "HTTP/1.1 413 ");
	promise(f, "/nowhere", "Content-Length: 4097\r\n", "HTTP/1.1 413 ");
	assert_int_equal(f->handled_count, 0);
	loopback_close(&f->client);
}

static void a_body_in_chunks_is_refused_where_it_becomes_too_long(void **state)
{
	struct fixture *f = *state;

	start(f);
	promise(f, "/short", "Transfer-Encoding: chunked\r\n", "100 Continue");
	expect(f, "1\r\nx\r\n3e8\r\n", "HTTP/1.1 413 "); /* at the size line */
	promise(f, "/short", "Transfer-Encoding: chunked\r\n", "100 Continue");
	expect(f, "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n", "\r\n\r\nhello");
	assert_int_equal(f->handled_count, 1);
	loopback_close(&f->client);
}

static void the_limit_of_one_request_is_not_that_of_the_next(void **state)
{
	static char body[200000];
	struct fixture *f = *state;

	start(f);
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 3; i++) {
		loopback_clear(&f->client);
		loopback_send_text(&f->client,
			"POST /short HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n12345"
			"POST /hello HTTP/1.1\r\n" HOST "Content-Length: 199999\r\n\r\n");
		loopback_send_text(&f->client, body);
		expect(f, "GET /health HTTP/1.1\r\n" HOST "\r\n", "hello");
	}
	loopback_turn(&f->client, 20000);
	assert_int_equal(f->handled_count, 9);
	loopback_close(&f->client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_asks_too_often_is_told_when_to_come_back),
		TEST(one_who_is_signed_in_counts_as_himself),
		TEST(tries_to_sign_in_are_few_of_an_address_and_for_a_name),
		TEST(what_was_counted_goes_on_in_the_next_process),
		TEST(every_answer_tells_browsers_what_not_to_do),
		TEST(only_the_page_may_run_scripts_and_only_files_may_be_used_elsewhere),
		TEST(a_listed_origin_may_read_answers_and_another_may_not),
		TEST(preflights_are_answered_from_the_routes),
		TEST(any_origin_gets_no_credentials),
		TEST(a_trusted_proxy_says_who_the_client_is_and_how_it_came),
		TEST(nobody_else_is_believed),
		TEST(a_request_has_a_name_in_its_answer),
		TEST(a_body_that_is_too_long_is_refused_before_it_comes),
		TEST(a_body_in_chunks_is_refused_where_it_becomes_too_long),
		TEST(the_limit_of_one_request_is_not_that_of_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
