#include "tests/core/net/server.h"

#include "core/net/http_client.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <unistd.h>

static int allocations_left = -1;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	if (allocations_left > 0)
		allocations_left--;
	return __real_calloc(count, size);
}

/* ---- a client, a server, and what was asked ---- */

struct fixture {
	struct bf_loop *loop;
	struct bf_http_client *client;
	struct server server;
	char url[256];
};

struct asked {
	struct fixture *fixture;
	int64_t id;
	unsigned head_count, end_count, code;
	enum bf_http_client_outcome outcome;
	char why[BF_HTTP_CLIENT_WHY_BYTES];
	char kind[32];
	char text[256];
	size_t len;
	int refusals; /* on_data takes nothing so often */
	int verdict;  /* of on_data */
	bool cancels_in_head, cancels_in_data;
	/* what pull gives */
	const char *body;
	int pauses, pull_count;
	bool is_pull_broken;
};

static void on_head(void *arg, const struct bf_http_client_head *head)
{
	struct asked *asked = arg;
	const char *kind = bf_http_client_head_get(head, "x-kind");

	asked->head_count++;
	asked->code = head->code;
	snprintf(asked->kind, sizeof(asked->kind), "%s", kind ? kind : "");
	if (asked->cancels_in_head)
		bf_http_client_cancel(asked->fixture->client, asked->id);
}

static int on_data(void *arg, struct bf_bytes data)
{
	struct asked *asked = arg;

	if (asked->cancels_in_data)
		bf_http_client_cancel(asked->fixture->client, asked->id);
	if (asked->refusals > 0) {
		asked->refusals--;
		return -EAGAIN;
	}
	if (asked->len + data.len < sizeof(asked->text))
		memcpy(asked->text + asked->len, data.data, data.len);
	asked->len += data.len;
	return asked->verdict;
}

static int64_t pull(void *arg, uint8_t *out, size_t size)
{
	struct asked *asked = arg;

	asked->pull_count++;
	if (asked->is_pull_broken)
		return -EIO;
	if (asked->pauses > 0) {
		asked->pauses--;
		return -EAGAIN;
	}
	if (!*asked->body || size == 0)
		return 0;
	*out = (uint8_t)*asked->body++;
	asked->pauses = 1;
	return 1;
}

static void on_end(void *arg, const struct bf_http_client_end *end)
{
	struct asked *asked = arg;

	asked->end_count++;
	asked->outcome = end->outcome;
	asked->code = end->code;
	snprintf(asked->why, sizeof(asked->why), "%s", end->why);
}

static void open_fixture(struct fixture *fixture, void **state,
	void (*on_request)(struct server_conn *conn), struct bf_tls_server *tls,
	const char *ca_file)
{
	struct bf_http_client_conf conf = {.active_count_max = 4,
		.queue_count_max = 8,
		.connect_us = BF_SEC(10),
		.ca_file = ca_file,
		.user_agent = "belfry-test"};

	allocations_left = -1;
	fixture->loop = both_loop(state);
	server_open(&fixture->server, fixture->loop, on_request, tls);
	server_url(&fixture->server, "/x", fixture->url);
	assert_int_equal(bf_http_client_new(&fixture->client, fixture->loop, &conf), 0);
}

static void close_fixture(struct fixture *fixture)
{
	bf_http_client_free(fixture->client);
	server_close(&fixture->server);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(fixture->loop, 1000), 0);
	bf_loop_free(fixture->loop);
}

static struct bf_http_client_request request_of(struct fixture *fixture, struct asked *asked)
{
	asked->fixture = fixture;
	return (struct bf_http_client_request){.method = "GET",
		.url = fixture->url,
		.response_bytes_max = 1 << 20,
		.timeout_us = BF_SEC(30),
		.on_head = on_head,
		.on_data = on_data,
		.on_end = on_end,
		.arg = asked};
}

static void start(
	struct fixture *fixture, struct asked *asked, const struct bf_http_client_request *request)
{
	asked->id = bf_http_client_start(fixture->client, request);
	assert_true(asked->id > 0);
}

static void ask(
	struct fixture *fixture, struct asked *asked, const struct bf_http_client_request *request)
{
	start(fixture, asked, request);
	TURN_UNTIL(fixture->loop, asked->end_count == 1);
}

static void turn_a_little(struct fixture *fixture)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(bf_loop_turn(fixture->loop, 1000), 0);
}

static void says_nothing(struct server_conn *conn)
{
	(void)conn;
}

/* ---- answers ---- */

static void an_answer_comes_with_its_head_and_its_bytes(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;
	static const char *const headers[] = {"X-Asked: yes"};

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.headers = headers;
	request.header_count = 1;
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_int_equal(asked.code, 200);
	assert_string_equal(asked.kind, "test");
	assert_string_equal(asked.text, "hello");
	assert_string_equal(asked.why, "");
	assert_int_equal(asked.head_count, 1);
	assert_non_null(strstr(fixture.server.last, "GET /x HTTP/1.1\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\nX-Asked: yes\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\nUser-Agent: belfry-test\r\n"));
	close_fixture(&fixture);
}

static void says_gone(struct server_conn *conn)
{
	server_say(conn, "HTTP/1.1 404 Not Found\r\nX-Kind: gone\r\nContent-Length: 0\r\n\r\n");
}

static void an_answer_without_a_body_has_a_head_all_the_same(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_gone, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.method = "HEAD";
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_int_equal(asked.code, 404);
	assert_string_equal(asked.kind, "gone");
	assert_int_equal(asked.head_count, 1);
	close_fixture(&fixture);
}

static void redirects(struct server_conn *conn)
{
	server_say(conn,
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, redirects, NULL, NULL);
	request = request_of(&fixture, &asked);
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_int_equal(asked.code, 302);
	assert_int_equal(fixture.server.request_count, 1);
	close_fixture(&fixture);
}

static void says_much(struct server_conn *conn)
{
	char text[2100] = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n";
	size_t len = strlen(text);

	memset(text + len, 'a', 2000);
	text[len + 2000] = '\0';
	server_say(conn, text);
}

static void an_answer_of_just_the_limit_is_taken_and_one_byte_more_is_not(void **state)
{
	struct fixture fixture;
	struct asked taken = {0}, refused = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_much, NULL, NULL);
	request = request_of(&fixture, &taken);
	request.response_bytes_max = 2000;
	ask(&fixture, &taken, &request);
	assert_int_equal(taken.outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_int_equal(taken.len, 2000);
	request = request_of(&fixture, &refused);
	request.response_bytes_max = 1999;
	ask(&fixture, &refused, &request);
	assert_int_equal(refused.outcome, BF_HTTP_CLIENT_TOO_LARGE);
	assert_true(refused.len <= 1999);
	close_fixture(&fixture);
}

static void what_was_not_taken_comes_again_after_resume(void **state)
{
	struct fixture fixture;
	struct asked asked = {.refusals = 2};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	start(&fixture, &asked, &request);
	TURN_UNTIL(fixture.loop, asked.refusals == 1);
	turn_a_little(&fixture);
	assert_int_equal(asked.refusals, 1); /* nothing comes by itself */
	bf_http_client_resume(fixture.client, asked.id);
	TURN_UNTIL(fixture.loop, asked.refusals == 0);
	turn_a_little(&fixture);
	assert_int_equal(asked.len + asked.end_count, 0);
	bf_http_client_resume(fixture.client, asked.id);
	TURN_UNTIL(fixture.loop, asked.end_count == 1);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_string_equal(asked.text, "hello");
	close_fixture(&fixture);
}

static void who_asked_can_stop_it(void **state)
{
	struct fixture fixture;
	struct asked asked = {.verdict = -EIO};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_STOPPED);
	close_fixture(&fixture);
}

/* ---- bodies ---- */

static void a_body_of_bytes_arrives_with_its_length(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.method = "POST";
	request.body = bf_bytes_str("a=1&b=2");
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.code, 200);
	assert_non_null(strstr(fixture.server.last, "POST /x HTTP/1.1\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\n\r\na=1&b=2"));
	close_fixture(&fixture);
}

static void a_large_body_arrives_whole(void **state)
{
	static char body[3 << 20];
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	memset(body, 'b', sizeof(body));
	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.method = "PUT";
	request.body = bf_bytes(body, sizeof(body));
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.code, 200);
	assert_int_equal(fixture.server.request_count, 1);
	close_fixture(&fixture);
}

static void pull_whole(struct fixture *fixture, struct asked *asked, uint64_t len)
{
	struct bf_http_client_request request = request_of(fixture, asked);

	asked->body = "pulled";
	request.method = "PUT";
	request.pull = pull;
	request.body_len = len;
	start(fixture, asked, &request);
	for (int i = 0; i < 10000 && asked->end_count == 0; i++) {
		assert_int_equal(bf_loop_turn(fixture->loop, 1000), 0);
		bf_http_client_resume(fixture->client, asked->id);
	}
	assert_int_equal(asked->outcome, BF_HTTP_CLIENT_ANSWERED);
	assert_int_equal(asked->code, 200);
}

static void a_body_is_pulled_when_its_owner_has_it(void **state)
{
	struct fixture fixture;
	struct asked asked = {0}, chunked = {0};

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	pull_whole(&fixture, &asked, 6);
	assert_non_null(strstr(fixture.server.last, "\r\nContent-Length: 6\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\n\r\npulled"));
	pull_whole(&fixture, &chunked, BF_HTTP_CLIENT_LEN_UNKNOWN);
	assert_non_null(strstr(fixture.server.last, "\r\nTransfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(fixture.server.last, "\r\n0\r\n\r\n"));
	close_fixture(&fixture);
}

static void a_paused_body_is_not_asked_for_again_before_resume(void **state)
{
	struct fixture fixture;
	struct asked asked = {.body = "x", .pauses = 1};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.method = "PUT";
	request.pull = pull;
	request.body_len = 1;
	start(&fixture, &asked, &request);
	TURN_UNTIL(fixture.loop, asked.pull_count == 1);
	turn_a_little(&fixture);
	assert_int_equal(asked.pull_count, 1);
	bf_http_client_resume(fixture.client, asked.id);
	TURN_UNTIL(fixture.loop, asked.end_count == 1);
	assert_int_equal(asked.code, 200);
	close_fixture(&fixture);
}

static void a_body_that_breaks_off_stops_the_request(void **state)
{
	struct fixture fixture;
	struct asked asked = {.is_pull_broken = true};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.method = "PUT";
	request.pull = pull;
	request.body_len = 100;
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_STOPPED);
	assert_int_equal(fixture.server.request_count, 0);
	close_fixture(&fixture);
}

/* ---- what goes wrong ---- */

static void where_nobody_listens_is_unreachable_and_the_cause_holds_no_secret(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;
	static const struct bf_http_client_sign sign = {.region = "us-east-1",
		.service = "s3",
		.access_key = "open-name",
		.secret_key = "deep-secret"};

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.url = "http://127.0.0.1:1/path?token=hidden";
	request.sign = &sign;
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_UNREACHABLE);
	assert_int_equal(asked.code, 0);
	assert_int_equal(asked.head_count, 0);
	assert_non_null(strstr(asked.why, "127.0.0.1"));
	assert_null(strstr(asked.why, "hidden"));
	assert_null(strstr(asked.why, "deep-secret"));
	close_fixture(&fixture);
}

static void a_name_that_does_not_exist_is_unreachable(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.url = "http://nobody.invalid/";
	ask(&fixture, &asked, &request);
	assert_true(asked.outcome == BF_HTTP_CLIENT_UNREACHABLE);
	assert_true(asked.why[0]);
	close_fixture(&fixture);
}

static void a_server_that_says_nothing_is_late(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_nothing, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.timeout_us = BF_MS(50);
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_LATE);
	close_fixture(&fixture);
}

static void hangs_up(struct server_conn *conn)
{
	server_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
	bf_tcp_close(conn->tcp);
}

static void talks_nonsense(struct server_conn *conn)
{
	server_say(conn, "220 mail.example ESMTP\r\n");
	bf_tcp_close(conn->tcp);
}

static void an_answer_that_breaks_off_or_is_not_http_is_broken(void **state)
{
	struct fixture fixture;
	struct asked cut = {0}, nonsense = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, hangs_up, NULL, NULL);
	request = request_of(&fixture, &cut);
	ask(&fixture, &cut, &request);
	assert_int_equal(cut.outcome, BF_HTTP_CLIENT_BROKEN);
	assert_string_equal(cut.text, "hel");
	fixture.server.on_request = talks_nonsense;
	request = request_of(&fixture, &nonsense);
	ask(&fixture, &nonsense, &request);
	assert_true(nonsense.outcome == BF_HTTP_CLIENT_BROKEN ||
		    nonsense.outcome == BF_HTTP_CLIENT_FAILED);
	assert_int_equal(nonsense.head_count, 0);
	close_fixture(&fixture);
}

static void other_protocols_than_http_are_refused(void **state)
{
	static const char *const urls[] = {
		"file:///etc/passwd", "gopher://127.0.0.1/", "not a url", ""};
	struct fixture fixture;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct asked asked = {0};
		struct bf_http_client_request request = request_of(&fixture, &asked);

		request.url = urls[i];
		ask(&fixture, &asked, &request);
		assert_int_equal(asked.outcome, BF_HTTP_CLIENT_FAILED);
		assert_int_equal(asked.len, 0);
	}
	close_fixture(&fixture);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
	static const char *const bad[] = {"X-A: b\r\nX-C: d", "X-A: b\n", "no colon"};
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.header_count = 1;
	for (int i = 0; i < 3; i++) {
		request.headers = &bad[i];
		assert_int_equal(bf_http_client_start(fixture.client, &request), -EINVAL);
	}
	close_fixture(&fixture);
}

static void the_environment_names_no_proxy(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	ask(&fixture, &asked, &request);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	close_fixture(&fixture);
}

static void without_descriptors_one_request_fails_and_the_next_succeeds(void **state)
{
	struct fixture fixture;
	struct asked asked = {0}, next = {0};
	struct bf_http_client_request request;
	struct rlimit before, none;
	int lowest;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	start(&fixture, &asked, &request);
	lowest = dup(0);
	close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)lowest + 1; /* one for the socket, none to watch it */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 100 && asked.end_count == 0; i++)
		(void)bf_loop_turn(fixture.loop, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(asked.end_count, 1);
	assert_true(asked.outcome == BF_HTTP_CLIENT_FAILED ||
		    asked.outcome == BF_HTTP_CLIENT_UNREACHABLE);
	request = request_of(&fixture, &next);
	ask(&fixture, &next, &request);
	assert_int_equal(next.outcome, BF_HTTP_CLIENT_ANSWERED);
	close_fixture(&fixture);
}

/* ---- turns and cancelling ---- */

static void requests_wait_their_turn_and_too_many_are_refused(void **state)
{
	struct fixture fixture;
	struct asked asked[9] = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_nothing, NULL, NULL);
	for (int i = 0; i < 8; i++) {
		request = request_of(&fixture, &asked[i]);
		start(&fixture, &asked[i], &request);
	}
	assert_int_equal(bf_http_client_start(fixture.client, &request), -ENOBUFS);
	TURN_UNTIL(fixture.loop, fixture.server.request_count == 4);
	turn_a_little(&fixture);
	assert_int_equal(fixture.server.request_count, 4); /* active_count_max */
	fixture.server.on_request = server_ok;
	for (size_t i = 0; i < fixture.server.conn_count; i++)
		server_ok(&fixture.server.conns[i]);
	for (int i = 0; i < 8; i++) {
		TURN_UNTIL(fixture.loop, asked[i].end_count == 1);
		assert_string_equal(asked[i].text, "hello");
	}
	assert_int_equal(fixture.server.conn_count, 4); /* connections are used again */
	close_fixture(&fixture);
}

static void closes_after(struct server_conn *conn)
{
	server_ok(conn);
	bf_tcp_close(conn->tcp);
}

static void a_kept_connection_that_was_closed_does_not_spoil_the_next_request(void **state)
{
	struct fixture fixture;

	open_fixture(&fixture, state, closes_after, NULL, NULL);
	for (int i = 0; i < 5; i++) {
		struct asked asked = {0};
		struct bf_http_client_request request = request_of(&fixture, &asked);

		request.method = "PUT";
		request.body = bf_bytes_str("body");
		ask(&fixture, &asked, &request);
		assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	}
	close_fixture(&fixture);
}

static void nothing_follows_a_cancel(void **state)
{
	struct fixture fixture;
	struct asked queued = {0}, active = {0}, in_head = {.cancels_in_head = true},
		     in_data = {.cancels_in_data = true}, without_body = {.cancels_in_head = true};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_nothing, NULL, NULL);
	request = request_of(&fixture, &queued);
	start(&fixture, &queued, &request);
	bf_http_client_cancel(fixture.client, queued.id);
	request = request_of(&fixture, &active);
	start(&fixture, &active, &request);
	TURN_UNTIL(fixture.loop, fixture.server.request_count == 1);
	bf_http_client_cancel(fixture.client, active.id);
	bf_http_client_cancel(fixture.client, active.id);
	fixture.server.on_request = server_ok;
	request = request_of(&fixture, &in_head);
	start(&fixture, &in_head, &request);
	request = request_of(&fixture, &in_data);
	start(&fixture, &in_data, &request);
	TURN_UNTIL(fixture.loop, in_head.head_count == 1 && in_data.len == 5);
	fixture.server.on_request = says_gone;
	request = request_of(&fixture, &without_body);
	start(&fixture, &without_body, &request);
	TURN_UNTIL(fixture.loop, without_body.head_count == 1);
	turn_a_little(&fixture);
	assert_int_equal(queued.end_count + active.end_count + in_head.end_count +
				 in_data.end_count + without_body.end_count,
		0);
	assert_int_equal(queued.head_count + active.head_count + in_head.len, 0);
	bf_http_client_cancel(fixture.client, 12345);
	close_fixture(&fixture);
}

static void freed_in_the_middle_nothing_is_called(void **state)
{
	struct fixture fixture;
	struct asked asked[8] = {0};
	struct bf_http_client_request request;

	open_fixture(&fixture, state, says_nothing, NULL, NULL);
	for (int i = 0; i < 8; i++) {
		request = request_of(&fixture, &asked[i]);
		start(&fixture, &asked[i], &request);
	}
	TURN_UNTIL(fixture.loop, fixture.server.request_count == 4);
	close_fixture(&fixture);
	for (int i = 0; i < 8; i++)
		assert_int_equal(asked[i].end_count + asked[i].head_count, 0);
}

/* ---- signatures and TLS ---- */

static void a_signed_request_names_the_key_and_hash_but_not_the_secret(void **state)
{
	struct fixture fixture;
	struct asked asked = {0};
	struct bf_http_client_request request;
	static const struct bf_http_client_sign sign = {.region = "eu-central-1",
		.service = "s3",
		.access_key = "open-name",
		.secret_key = "deep-secret"};

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	request = request_of(&fixture, &asked);
	request.sign = &sign;
	ask(&fixture, &asked, &request);
	assert_int_equal(asked.code, 200);
	assert_non_null(strcasestr(
		fixture.server.last, "Authorization: AWS4-HMAC-SHA256 Credential=open-name/"));
	assert_non_null(strstr(fixture.server.last, "/eu-central-1/s3/aws4_request"));
	assert_non_null(strstr(fixture.server.last, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
	assert_non_null(strstr(fixture.server.last, "x-amz-content-sha256;x-amz-date"));
	assert_null(strstr(fixture.server.last, "deep-secret"));
	close_fixture(&fixture);
}

struct files {
	char dir[64], cert[96], key[96];
};

static void make_files(struct files *files)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *out;

	strcpy(files->dir, "/tmp/bf_test_net.XXXXXX");
	assert_non_null(mkdtemp(files->dir));
	snprintf(files->cert, sizeof(files->cert), "%s/cert.pem", files->dir);
	snprintf(files->key, sizeof(files->key), "%s/key.pem", files->dir);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		(const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	out = fopen(files->cert, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, cert), 1);
	fclose(out);
	out = fopen(files->key, "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void ask_over_tls(void **state, struct bf_tls_server *tls, const char *ca_file,
	const char *host, struct asked *asked)
{
	struct fixture fixture;
	struct bf_http_client_request request;

	open_fixture(&fixture, state, server_ok, tls, ca_file);
	snprintf(fixture.url, sizeof(fixture.url), "https://%s:%u/x", host,
		bf_tcp_listener_local(fixture.server.listener).port);
	request = request_of(&fixture, asked);
	ask(&fixture, asked, &request);
	close_fixture(&fixture);
}

static void only_a_certificate_that_can_be_verified_for_that_name_is_taken(void **state)
{
	struct asked trusted = {0}, unknown = {0}, misnamed = {0};
	struct bf_tls_server *tls;
	struct files files;
	char why[256];

	make_files(&files);
	assert_int_equal(bf_tls_server_new(&tls, files.cert, files.key, why, sizeof(why)), 0);
	ask_over_tls(state, tls, files.cert, "localhost", &trusted);
	assert_string_equal(trusted.why, "");
	assert_string_equal(trusted.text, "hello");
	ask_over_tls(state, tls, NULL, "localhost", &unknown);
	assert_int_equal(unknown.outcome, BF_HTTP_CLIENT_UNTRUSTED);
	assert_int_equal(unknown.len, 0);
	ask_over_tls(state, tls, files.cert, "127.0.0.1", &misnamed);
	assert_int_equal(misnamed.outcome, BF_HTTP_CLIENT_UNTRUSTED);
	bf_tls_server_free(tls);
	unlink(files.cert);
	unlink(files.key);
	rmdir(files.dir);
}

static void without_memory_a_request_is_refused_or_fails_and_nothing_leaks(void **state)
{
	struct fixture fixture;
	bool is_done = false;

	open_fixture(&fixture, state, server_ok, NULL, NULL);
	for (int n = 0; n < 50 && !is_done; n++) {
		struct asked asked = {0};
		struct bf_http_client_request request = request_of(&fixture, &asked);

		allocations_left = n;
		asked.id = bf_http_client_start(fixture.client, &request);
		allocations_left = asked.id > 0 ? allocations_left : -1;
		assert_true(asked.id > 0 || asked.id == -ENOMEM);
		if (asked.id > 0)
			TURN_UNTIL(fixture.loop, asked.end_count == 1);
		is_done = allocations_left > 0;
		allocations_left = -1;
		if (is_done)
			assert_int_equal(asked.outcome, BF_HTTP_CLIENT_ANSWERED);
	}
	assert_true(is_done);
	close_fixture(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(an_answer_comes_with_its_head_and_its_bytes),
		ON_BOTH(an_answer_without_a_body_has_a_head_all_the_same),
		ON_BOTH(a_redirect_is_an_answer_and_not_followed),
		ON_BOTH(an_answer_of_just_the_limit_is_taken_and_one_byte_more_is_not),
		ON_BOTH(what_was_not_taken_comes_again_after_resume),
		ON_BOTH(who_asked_can_stop_it),
		ON_BOTH(a_body_of_bytes_arrives_with_its_length),
		ON_BOTH(a_large_body_arrives_whole),
		ON_BOTH(a_body_is_pulled_when_its_owner_has_it),
		ON_BOTH(a_paused_body_is_not_asked_for_again_before_resume),
		ON_BOTH(a_body_that_breaks_off_stops_the_request),
		ON_BOTH(where_nobody_listens_is_unreachable_and_the_cause_holds_no_secret),
		ON_BOTH(a_name_that_does_not_exist_is_unreachable),
		ON_BOTH(a_server_that_says_nothing_is_late),
		ON_BOTH(an_answer_that_breaks_off_or_is_not_http_is_broken),
		ON_BOTH(other_protocols_than_http_are_refused),
		ON_BOTH(a_header_with_a_line_break_is_refused),
		ON_BOTH(the_environment_names_no_proxy),
		ON_BOTH(without_descriptors_one_request_fails_and_the_next_succeeds),
		ON_BOTH(requests_wait_their_turn_and_too_many_are_refused),
		ON_BOTH(a_kept_connection_that_was_closed_does_not_spoil_the_next_request),
		ON_BOTH(nothing_follows_a_cancel),
		ON_BOTH(freed_in_the_middle_nothing_is_called),
		ON_BOTH(a_signed_request_names_the_key_and_hash_but_not_the_secret),
		ON_BOTH(only_a_certificate_that_can_be_verified_for_that_name_is_taken),
		ON_BOTH(without_memory_a_request_is_refused_or_fails_and_nothing_leaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
