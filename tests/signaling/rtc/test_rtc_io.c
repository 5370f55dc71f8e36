/* The glue, over a real server on loopback: WebSockets into sessions, WHIP and WHEP into exchanges, timers, closing. */
#include "signaling/rtc/rtc.h"
#include "tests/signaling/http/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define POSTS_MAX 64

struct fixture {
	struct bf_loop *loop;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_conf *conf;
	struct bf_http_server *server;
	struct bf_rtc *rtc;
	struct bf_addr addr;
	struct bf_msg *posts[POSTS_MAX];
	unsigned post_count;
	int null_fd;
};

static int post(void *arg, unsigned worker, struct bf_msg *msg)
{
	struct fixture *f = arg;

	assert_int_equal(worker, 0);
	assert_true(f->post_count < POSTS_MAX);
	f->posts[f->post_count++] = msg;
	return 0;
}

static void set_list(char ***list, unsigned *count, const char *text)
{
	for (unsigned i = 0; i < *count; i++)
		free((*list)[i]);
	free(*list);
	*list = calloc(1, sizeof(**list));
	assert_non_null(*list);
	(*list)[0] = strdup(text);
	*count = 1;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bf_rtc_conf conf = {.version = "1.2.3"};
	char why[256];

	assert_non_null(f);
	*state = f;
	f->loop = loopback_loop(BF_IO_EPOLL);
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	assert_int_equal(bf_conf_new(&f->conf), 0);
	free(f->conf->http.listen);
	f->conf->http.listen = strdup("127.0.0.1:0");
	set_list(&f->conf->http.origins, &f->conf->http.origins_count, "https://good.example");
	set_list(&f->conf->rtc.ice_servers, &f->conf->rtc.ice_servers_count, "stun:s.example");
	assert_int_equal(bf_http_server_new(&f->server, f->loop, f->log, f->metrics, f->conf), 0);
	conf.conf = f->conf;
	conf.log = f->log;
	conf.metrics = f->metrics;
	conf.loop = f->loop;
	conf.http = f->server;
	conf.media = (struct bf_media_port){.arg = f, .worker_count = 1, .post = post};
	assert_int_equal(bf_rtc_new(&f->rtc, &conf), 0);
	assert_int_equal(bf_http_server_listen(f->server, why, sizeof(why)), 0);
	f->addr = bf_http_server_local(f->server);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	bf_rtc_free(f->rtc);
	bf_http_server_free(f->server);
	for (int i = 0; i < 5; i++)
		bf_loop_turn(f->loop, 1000);
	bf_loop_free(f->loop);
	bf_metrics_free(f->metrics);
	bf_conf_free(f->conf);
	bf_log_free(f->log);
	close(f->null_fd);
	for (unsigned i = 0; i < f->post_count; i++)
		bf_msg_free(f->posts[i]);
	free(f);
	return 0;
}

/* ---- the worker ---- */

static bool has_posts(void *arg)
{
	struct fixture *f = arg;

	return f->post_count > 0;
}

/* The last message to the worker, which is of that kind. */
static void *last_post(struct fixture *f, enum bf_media_kind kind)
{
	assert_true(loopback_wait_until(f->loop, has_posts, f));
	assert_int_equal(f->posts[f->post_count - 1]->kind, kind);
	return f->posts[f->post_count - 1];
}

static void forget_posts(struct fixture *f)
{
	while (f->post_count > 0)
		bf_msg_free(f->posts[--f->post_count]);
}

static void done(struct fixture *f, uint64_t request_id)
{
	struct bf_media_done *msg = bf_msg_new(BF_MEDIA_DONE, sizeof(*msg));

	msg->request_id = request_id;
	bf_rtc_on_media(f->rtc, &msg->msg);
}

static void answer(struct fixture *f, uint64_t request_id, const char *sdp)
{
	struct bf_media_sdp *msg = bf_msg_new(BF_MEDIA_SDP, sizeof(*msg) + strlen(sdp) + 1);

	msg->request_id = request_id;
	msg->sdp_len = (uint32_t)strlen(sdp);
	memcpy(msg->sdp, sdp, strlen(sdp));
	bf_rtc_on_media(f->rtc, &msg->msg);
}

/* ---- the client ---- */

#define HELLO                                                             \
	"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: " \
	"websocket\r\nSec-WebSocket-Version: 13\r\n"                      \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void open_socket(struct fixture *f, struct loopback *client)
{
	loopback_open(client, f->loop, &f->addr);
	loopback_send_text(client, HELLO "\r\n");
	assert_true(loopback_wait_text(client, "connection_established"));
	assert_true(loopback_wait_text(client, "ping_interval_ms\":25000}}"));
}

/* One text frame with the mask 0. */
static void say(struct loopback *client, const char *text)
{
	uint8_t frame[512] = {0x81, 0x80 | 126};
	size_t len = strlen(text);

	assert_true(len >= 126 ? len < 500 : len > 0);
	if (len < 126) {
		frame[1] = (uint8_t)(0x80 | len);
		memcpy(frame + 6, text, len);
		loopback_send(client, bf_bytes(frame, len + 6));
		return;
	}
	bf_put_u16(frame + 2, (uint16_t)len);
	memcpy(frame + 8, text, len);
	loopback_send(client, bf_bytes(frame, len + 8));
}

/* The text between `before` and the next quote, of what was received. */
static void copy_after(
	const struct loopback *client, const char *before, char stop, char *out, size_t size)
{
	const char *at = memmem(client->data, client->len, before, strlen(before));
	const char *end;

	assert_non_null(at);
	at += strlen(before);
	end = strchr(at, stop);
	assert_non_null(end);
	snprintf(out, size, "%.*s", (int)(end - at), at);
}

static void request(struct fixture *f, struct loopback *client, const char *method,
	const char *path, const char *fields, const char *body)
{
	char text[2048];

	(void)f;
	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n%s\r\n%s",
		method, path, strlen(body), fields, body);
	loopback_clear(client);
	loopback_send_text(client, text);
}

#define SDP "Content-Type: application/sdp\r\n"

/* ---- tests ---- */

static void socket_joins_and_hears(void **state)
{
	struct fixture *f = *state;
	struct loopback client;
	const struct bf_media_join *join;

	open_socket(f, &client);
	assert_true(loopback_has(&client, "HTTP/1.1 101 "));
	assert_true(loopback_has(&client, "\"auth\":\"open\""));
	assert_true(loopback_has(&client, "\"seq\":1"));
	say(&client, "{\"type\":\"room:join\",\"id\":\"7\",\"data\":{\"room\":\"demo\",\"name\":"
		     "\"Ada\"}}");
	join = last_post(f, BF_MEDIA_JOIN);
	done(f, join->request_id);
	assert_true(loopback_wait_text(&client, "\"type\":\"room:joined\",\"id\":\"7\""));
	assert_false(bf_rtc_is_idle(f->rtc));
	loopback_close(&client);
	assert_false(bf_rtc_is_idle(f->rtc)); /* she may come back */
}

/* A close frame with that code, or with none (0), by somebody who has joined. */
static void close_with(struct fixture *f, unsigned code)
{
	uint8_t frame[8] = {0x88, 0x80};
	struct loopback client;

	open_socket(f, &client);
	say(&client, "{\"type\":\"room:join\",\"id\":\"7\",\"data\":{\"room\":\"demo\",\"name\":"
		     "\"Ada\"}}");
	done(f, ((struct bf_media_join *)last_post(f, BF_MEDIA_JOIN))->request_id);
	assert_true(loopback_wait_text(&client, "room:joined"));
	forget_posts(f);
	if (code) {
		frame[1] |= 2;
		bf_put_u16(frame + 6, (uint16_t)code);
	}
	loopback_send(&client, bf_bytes(frame, code ? 8 : 6));
	loopback_wait_closed(&client);
	loopback_close(&client);
}

static void who_closes_on_purpose_has_left(void **state)
{
	static const unsigned codes[] = {1000, 1001, 0};
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		close_with(f, codes[i]);
		last_post(f, BF_MEDIA_LEAVE);
		assert_true(bf_rtc_is_idle(f->rtc));
	}
	close_with(f, 4001); /* to come back at another socket */
	assert_int_equal(f->post_count, 0);
	assert_false(bf_rtc_is_idle(f->rtc));
}

static void session_goes_on_at_another_socket(void **state)
{
	struct fixture *f = *state;
	struct loopback first, second;
	char token[64], text[256];

	open_socket(f, &first);
	copy_after(&first, "\"resume_token\":\"", '"', token, sizeof(token));
	say(&first, "{\"type\":\"ping\",\"id\":\"1\"}");
	assert_true(loopback_wait_text(&first, "pong"));
	open_socket(f, &second);
	snprintf(text, sizeof(text),
		"{\"type\":\"connection:resume\",\"id\":\"1\",\"data\":{\"token\":\"%s\",\"last_"
		"seq\":1}}",
		token);
	loopback_clear(&second);
	say(&second, text);
	assert_true(loopback_wait_text(&second, "connection:resumed"));
	assert_true(loopback_wait_text(&second, "\"type\":\"pong\",\"id\":\"1\""));
	assert_true(loopback_wait_text(&first, "resumed at another socket"));
	loopback_close(&first);
	say(&second, "{\"type\":\"ping\",\"id\":\"2\"}");
	assert_true(loopback_wait_text(&second, "\"type\":\"pong\",\"id\":\"2\""));
	loopback_close(&second);
}

static void foreign_origins_are_refused(void **state)
{
	struct fixture *f = *state;
	struct loopback client;

	loopback_open(&client, f->loop, &f->addr);
	loopback_send_text(&client, HELLO "Origin: https://evil.example\r\n\r\n");
	assert_true(loopback_wait_text(&client, "HTTP/1.1 403 "));
	loopback_close(&client);
	loopback_open(&client, f->loop, &f->addr);
	loopback_send_text(&client, HELLO "Origin: https://good.example\r\n\r\n");
	assert_true(loopback_wait_text(&client, "connection_established"));
	loopback_close(&client);
}

static void whip_from_post_to_delete(void **state)
{
	struct fixture *f = *state;
	struct loopback client;
	char location[128], etag[64], fields[512];

	loopback_open(&client, f->loop, &f->addr);
	request(f, &client, "POST", "/whip/demo/my%20cam", SDP "Origin: https://good.example\r\n",
		"v=0 offer");
	answer(f, ((struct bf_media_offer *)last_post(f, BF_MEDIA_OFFER))->request_id,
		"v=0 answer");
	assert_true(loopback_wait_text(&client, "v=0 answer"));
	assert_true(loopback_has(&client, "HTTP/1.1 201 Created\r\n"));
	assert_true(loopback_has(&client, "application/sdp\r\n"));
	assert_true(loopback_has(&client, "Link: <stun:s.example>; rel=\"ice-server\"\r\n"));
	assert_true(loopback_has(&client, "Access-Control-Allow-Origin: https://good.example\r\n"));
	assert_true(loopback_has(&client, "Access-Control-Expose-Headers: Location, Link, ETag, "));
	copy_after(&client, "Location: ", '\r', location, sizeof(location));
	copy_after(&client, "ETag: ", '\r', etag, sizeof(etag));
	forget_posts(f);

	snprintf(fields, sizeof(fields),
		"If-Match: %s\r\nContent-Type: application/trickle-ice-sdpfrag\r\n", etag);
	request(f, &client, "PATCH", location, fields,
		"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n");
	done(f, ((struct bf_media_candidate *)last_post(f, BF_MEDIA_CANDIDATE))->request_id);
	assert_true(loopback_wait_text(&client, "HTTP/1.1 204 No Content\r\n"));
	forget_posts(f);

	request(f, &client, "PATCH", location,
		"If-Match: \"*\"\r\nContent-Type: application/trickle-ice-sdpfrag\r\n",
		"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n");
	answer(f, ((struct bf_media_restart *)last_post(f, BF_MEDIA_RESTART))->request_id,
		"a=ice-lite");
	assert_true(loopback_wait_text(&client, "a=ice-lite"));
	assert_true(loopback_has(&client, "HTTP/1.1 200 OK\r\n"));
	assert_true(loopback_has(&client, "ETag: \""));
	assert_false(loopback_has(&client, etag));
	forget_posts(f);

	request(f, &client, "DELETE", location, "", "");
	last_post(f, BF_MEDIA_LEAVE);
	assert_true(loopback_wait_text(&client, "HTTP/1.1 200 OK\r\n"));
	request(f, &client, "DELETE", location, "", "");
	assert_true(loopback_wait_text(&client, "HTTP/1.1 404 "));
	assert_true(loopback_has(&client, "application/problem+json"));
	assert_true(bf_rtc_is_idle(f->rtc));
	loopback_close(&client);
}

static void answer_that_is_too_late_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct loopback client;
	const struct bf_http_timeouts timeouts = {.reply_us = 1000};
	uint64_t request_id;

	bf_http_server_set_timeouts(f->server, &timeouts);
	loopback_open(&client, f->loop, &f->addr);
	request(f, &client, "POST", "/whip/demo/cam", SDP, "v=0 offer");
	request_id = ((struct bf_media_offer *)last_post(f, BF_MEDIA_OFFER))->request_id;
	assert_true(
		loopback_wait_text(&client, "HTTP/1.1 504 ")); /* the server gave up: no exchange */
	answer(f, request_id, "v=0 answer");
	last_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_is_idle(f->rtc));
	loopback_close(&client);
}

static void whep_takes_both_kinds_of_url(void **state)
{
	struct fixture *f = *state;
	struct loopback client, ada;
	const struct bf_media_offer *offer;
	uint64_t ada_id;

	open_socket(f, &ada);
	say(&ada, "{\"type\":\"room:join\",\"id\":\"7\",\"data\":{\"room\":\"demo\",\"name\":"
		  "\"Ada\"}}");
	ada_id = ((struct bf_media_join *)last_post(f, BF_MEDIA_JOIN))->participant_id;
	done(f, ((struct bf_media_join *)last_post(f, BF_MEDIA_JOIN))->request_id);
	forget_posts(f);
	loopback_open(&client, f->loop, &f->addr);
	request(f, &client, "POST", "/whep/demo", SDP, "v=0 offer");
	offer = last_post(f, BF_MEDIA_OFFER);
	assert_true(offer->play_participant_id == 0);
	answer(f, offer->request_id, "v=0 one");
	assert_true(loopback_wait_text(&client, "v=0 one"));
	assert_true(loopback_has(&client, "Location: /whep-session/"));
	assert_false(loopback_has(&client, "Access-Control-Allow-Origin"));
	forget_posts(f);
	request(f, &client, "POST", "/whep/demo/Ada", SDP, "v=0 offer");
	offer = last_post(f, BF_MEDIA_OFFER);
	assert_true(offer->play_participant_id == ada_id);
	answer(f, offer->request_id, "v=0 two");
	assert_true(loopback_wait_text(&client, "v=0 two"));
	request(f, &client, "POST", "/whep/demo/Bob", SDP, "v=0 offer");
	assert_true(loopback_wait_text(&client, "HTTP/1.1 404 "));
	loopback_close(&client);
	loopback_close(&ada);
}

static void options_and_other_methods(void **state)
{
	static const char *const endpoints[] = {"/whip/demo/cam", "/whep/demo/cam", "/whep/demo"};
	static const char *const sessions[] = {"/whip-session/x", "/whep-session/x"};
	static const char *const others[] = {"GET", "PUT"};
	struct fixture *f = *state;
	struct loopback client;

	loopback_open(&client, f->loop, &f->addr);
	for (size_t i = 0; i < 3; i++) {
		request(f, &client, "OPTIONS", endpoints[i], "Origin: https://good.example\r\n",
			"");
		assert_true(loopback_wait_text(&client, "\r\n\r\n"));
		assert_true(loopback_has(&client, "HTTP/1.1 200 OK\r\n"));
		assert_true(loopback_has(&client, "Accept-Post: application/sdp\r\n"));
		assert_true(
			loopback_has(&client, "Access-Control-Allow-Methods: OPTIONS, POST\r\n"));
		assert_true(loopback_has(&client,
			"Access-Control-Allow-Headers: Authorization, Content-Type, If-Match\r\n"));
		assert_true(loopback_has(
			&client, "Access-Control-Allow-Origin: https://good.example\r\n"));
		assert_true(loopback_has(&client, "Vary: Origin\r\n"));
		for (size_t k = 0; k < 2; k++) {
			request(f, &client, others[k], endpoints[i], "", "");
			assert_true(loopback_wait_text(&client, "\r\n\r\n"));
			assert_true(loopback_has(&client, "HTTP/1.1 405 "));
		}
	}
	for (size_t i = 0; i < 2; i++) {
		request(f, &client, "OPTIONS", sessions[i], "Origin: https://evil.example\r\n", "");
		assert_true(loopback_wait_text(&client, "\r\n\r\n"));
		assert_true(loopback_has(&client, "HTTP/1.1 200 OK\r\n"));
		assert_true(
			loopback_has(&client, "Accept-Patch: application/trickle-ice-sdpfrag\r\n"));
		assert_true(loopback_has(
			&client, "Access-Control-Allow-Methods: OPTIONS, PATCH, DELETE\r\n"));
		assert_false(loopback_has(&client, "Access-Control-Allow-Origin"));
		request(f, &client, "POST", sessions[i], SDP, "v=0");
		assert_true(loopback_wait_text(&client, "HTTP/1.1 405 "));
	}
	loopback_close(&client);
}

static void closing_says_goodbye(void **state)
{
	struct fixture *f = *state;
	struct loopback ada, late;

	open_socket(f, &ada);
	say(&ada, "{\"type\":\"room:join\",\"id\":\"7\",\"data\":{\"room\":\"demo\",\"name\":"
		  "\"Ada\"}}");
	done(f, ((struct bf_media_join *)last_post(f, BF_MEDIA_JOIN))->request_id);
	loopback_clear(&ada);
	bf_rtc_close(f->rtc);
	assert_true(loopback_wait_text(&ada, "server:closing"));
	assert_true(loopback_wait_text(&ada, "\x03\xe9the server is closing")); /* 1001 */
	last_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_is_idle(f->rtc));
	say(&ada, "{\"type\":\"ping\",\"id\":\"8\"}"); /* too late, and harmless */
	loopback_open(&late, f->loop, &f->addr);
	loopback_send_text(&late, HELLO "\r\n");
	assert_true(loopback_wait_text(&late, "HTTP/1.1 503 "));
	loopback_close(&late);
	loopback_close(&ada);
}

static void sockets_may_outlive_it(void **state)
{
	struct fixture *f = *state;
	struct loopback ada;

	open_socket(f, &ada);
	bf_rtc_close(f->rtc);
	bf_rtc_free(f->rtc);
	f->rtc = NULL;
	say(&ada, "{\"type\":\"ping\",\"id\":\"8\"}");
	loopback_close(&ada);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(socket_joins_and_hears),
		TEST(who_closes_on_purpose_has_left),
		TEST(session_goes_on_at_another_socket),
		TEST(foreign_origins_are_refused),
		TEST(whip_from_post_to_delete),
		TEST(answer_that_is_too_late_leaves_nothing),
		TEST(whep_takes_both_kinds_of_url),
		TEST(options_and_other_methods),
		TEST(closing_says_goodbye),
		TEST(sockets_may_outlive_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
