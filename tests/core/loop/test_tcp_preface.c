/* What comes ahead of a stream: here "<name>\n", of at most eight letters. */
#include "tests/core/loop/peer.h"

static int preface(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	const uint8_t *end = memchr(data.data, '\n', data.len);
	struct bf_addr remote = {.family = 4, .ip = {192, 0, 2, 7}, .port = 1};

	(void)arg;
	if (data.data[0] == '!')
		return -EBADMSG;
	if (!end)
		return 0;
	bf_tcp_set_remote(tcp, &remote);
	return (int)(end - data.data) + 1;
}

static const struct bf_tcp_listen_conf conf = {.preface = preface};

static void assert_remote(const struct peer *peer, const char *text)
{
	struct bf_addr remote = bf_tcp_remote(peer->tcp);
	char out[BF_ADDR_TEXT];

	assert_string_equal(bf_addr_format(&remote, out), text);
}

static void what_follows_the_preface_is_the_stream(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	client_send(fd, "ann\nhello");
	TURN_UNTIL(server.loop, peer->got_len == 5);
	assert_memory_equal(peer->got, "hello", 5);
	assert_remote(peer, "192.0.2.7:1");
	client_send(fd, "\nmore");
	TURN_UNTIL(server.loop, peer->got_len == 10);
	close(fd);
	server_close(&server);
}

static void a_preface_may_come_byte_by_byte(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	for (const char *at = "ann\n"; *at; at++) {
		assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		for (int i = 0; i < 5; i++)
			bf_loop_turn(server.loop, 500);
		assert_int_equal(peer->data_count, 0);
	}
	client_send(fd, "x");
	TURN_UNTIL(server.loop, peer->got_len == 1);
	assert_remote(peer, "192.0.2.7:1");
	close(fd);
	server_close(&server);
}

static void a_stream_paused_meanwhile_still_gets_its_preface(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, peer->tcp);
	bf_tcp_pause(peer->tcp);
	client_send(fd, "ann\nhello");
	for (int i = 0; i < 20; i++)
		bf_loop_turn(server.loop, 500);
	assert_int_equal(peer->got_len, 0);
	assert_remote(peer, "192.0.2.7:1");
	bf_tcp_resume(peer->tcp);
	TURN_UNTIL(server.loop, peer->got_len == 5);
	close(fd);
	server_close(&server);
}

static void what_is_no_preface_resets_the_stream(void **state)
{
	static char long_one[BF_TCP_PREFACE_MAX + 1];
	struct server server;
	int fds[3];

	memset(long_one, 'a', sizeof(long_one) - 1);
	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	for (int i = 0; i < 3; i++)
		fds[i] = client_connect(&server);
	client_send(fds[0], "!nn\nhello");
	client_send(fds[1], long_one);
	client_send(fds[2], "an");
	shutdown(fds[2], SHUT_WR);
	TURN_UNTIL(server.loop, server.peer_count == 3 && !server.peers[0].tcp &&
					!server.peers[1].tcp && !server.peers[2].tcp);
	assert_int_equal(server.peers[0].close_err, -EBADMSG);
	assert_int_equal(server.peers[1].close_err, -EPROTO);
	assert_int_equal(server.peers[2].close_err, -EPROTO);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(server.peers[i].data_count, 0);
		close(fds[i]);
	}
	server_close(&server);
}

static void a_stream_may_be_closed_before_its_preface_came(void **state)
{
	struct server server;
	uint8_t got[16];
	size_t got_len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	bf_tcp_close(server.peers[0].tcp);
	client_send(fd, "an");
	assert_int_equal(client_read_all(&server, fd, got, sizeof(got), &got_len), 0);
	client_send(fd, "n\nhello");
	close(fd);
	TURN_UNTIL(server.loop, !server.peers[0].tcp);
	assert_int_equal(server.peers[0].data_count, 0);
	server_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(what_follows_the_preface_is_the_stream),
		ON_BOTH(a_preface_may_come_byte_by_byte),
		ON_BOTH(a_stream_paused_meanwhile_still_gets_its_preface),
		ON_BOTH(what_is_no_preface_resets_the_stream),
		ON_BOTH(a_stream_may_be_closed_before_its_preface_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
