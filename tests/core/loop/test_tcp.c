#include "tests/core/loop/peer.h"

#include "core/loop/tcp_priv.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

static const struct bf_tcp_listen_conf plain = {.queue_bytes_max = 0};

static uint8_t *pattern(size_t len)
{
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	return bytes;
}

/* --- bytes --- */

/* More than 10 MB, which the kernel's buffers might hold between them (tcp_rmem and tcp_wmem). */
#define ECHO_BYTES (24u << 20)

static void echo(struct peer *peer, struct bf_bytes data)
{
	assert_int_equal(bf_tcp_write(peer->tcp, data), 0);
	if (peer->drain_count >= 0 && bf_tcp_queued_bytes(peer->tcp) > 256 * 1024)
		bf_tcp_pause(peer->tcp); /* on_drain resumes */
}

/* The client does not read at first: the server must stop reading, and the client get stuck. */
static void many_megabytes_come_back_with_backpressure(void **state)
{
	const struct bf_tcp_listen_conf conf = {.queue_bytes_max = 1 << 20};
	uint8_t *bytes = pattern(ECHO_BYTES), *back = malloc(ECHO_BYTES);
	size_t sent = 0, got = 0;
	int64_t end_us = bf_clock_mono_us() + BF_SEC(30);
	struct server server;
	int fd, stuck_turns = 0;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	server.on_data = echo;
	fd = client_connect(&server);
	while (got < ECHO_BYTES) {
		ssize_t len = 0;

		assert_true(bf_clock_mono_us() < end_us);
		if (sent < ECHO_BYTES)
			len = send(fd, bytes + sent, ECHO_BYTES - sent, MSG_NOSIGNAL);
		if (len > 0) {
			sent += (size_t)len;
			stuck_turns = 0;
		} else if (stuck_turns < 20) {
			stuck_turns++;
		}
		if (stuck_turns == 20) {
			len = recv(fd, back + got, ECHO_BYTES - got, 0);
			if (got == 0) /* nothing read yet, and yet not everything taken */
				assert_true(sent < ECHO_BYTES);
			got += len > 0 ? (size_t)len : 0;
		}
		assert_int_equal(bf_loop_turn(server.loop, 500), 0);
		assert_true(server.peer_count == 0 ||
			    bf_tcp_queued_bytes(server.peers[0].tcp) <= 1 << 20);
	}
	assert_memory_equal(bytes, back, ECHO_BYTES);
	assert_true(server.peers[0].drain_count > 0);
	close(fd);
	free(bytes);
	free(back);
	server_close(&server);
}

static void a_stream_knows_its_addresses(void **state)
{
	static const char *const addrs[] = {"127.0.0.1:0", "[::1]:0"};

	for (size_t i = 0; i < 2; i++) {
		struct sockaddr_storage sa;
		socklen_t sa_len = sizeof(sa);
		struct bf_addr client, remote, local;
		struct server server;
		int fd;

		server_open(&server, both_loop(state), addrs[i], &plain);
		fd = client_connect(&server);
		TURN_UNTIL(server.loop, server.peer_count == 1);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &sa_len), 0);
		client = bf_addr_from_sockaddr((struct sockaddr *)&sa);
		remote = bf_tcp_remote(server.peers[0].tcp);
		local = bf_tcp_local(server.peers[0].tcp);
		assert_true(bf_addr_equal(&remote, &client));
		assert_true(bf_addr_equal(&local, &server.addr));
		assert_false(bf_tcp_is_tls(server.peers[0].tcp));
		close(fd);
		server_close(&server);
	}
}

static void a_queue_takes_its_limit_and_not_a_byte_more(void **state)
{
	const struct bf_tcp_listen_conf conf = {.queue_bytes_max = 1000};
	uint8_t *bytes = pattern(2000), back[2000];
	struct server server;
	struct peer *peer = &server.peers[0];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, 1001)), -ENOBUFS);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, SIZE_MAX)), -ENOBUFS);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, 600)), 0);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, 401)), -ENOBUFS);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), 600);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes + 600, 400)), 0);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(NULL, 0)), 0);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), 1000);
	TURN_UNTIL(server.loop, bf_tcp_queued_bytes(peer->tcp) == 0);
	TURN_UNTIL(server.loop, peer->drain_count == 1);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, 250)), 0); /* just a quarter */
	TURN_UNTIL(server.loop, bf_tcp_queued_bytes(peer->tcp) == 0);
	bf_tcp_close(peer->tcp);
	shutdown(fd, SHUT_WR);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	assert_int_equal(len, 1250);
	assert_memory_equal(back, bytes, 1000);
	assert_int_equal(peer->drain_count, 1);
	close(fd);
	free(bytes);
	server_close(&server);
}

/* --- pause --- */

static void pause_at_first(struct peer *peer, struct bf_bytes data)
{
	(void)data;
	bf_tcp_pause(peer->tcp);
}

static void a_paused_stream_delivers_nothing_and_later_everything(void **state)
{
	uint8_t *bytes = pattern(100000);
	struct server server;
	struct peer *peer = &server.peers[0];
	size_t sent = 0;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_data = pause_at_first;
	fd = client_connect(&server);
	for (int i = 0; i < 20; i++) {
		ssize_t len = send(fd, bytes + sent, 5000, MSG_NOSIGNAL);

		assert_int_equal(len, 5000);
		sent += 5000;
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	}
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_int_equal(peer->data_count, 1);
	assert_int_equal(peer->end_count, 0);
	for (int round = 0; peer->end_count == 0; round++) { /* paused again at each delivery */
		int before = peer->data_count;

		assert_true(round < 100);
		bf_tcp_resume(peer->tcp);
		assert_int_equal(peer->data_count, before); /* not inside our call */
		TURN_UNTIL(server.loop, peer->data_count > before || peer->end_count);
		assert_true(peer->data_count <= before + 1);
	}
	assert_int_equal(peer->got_len, 100000);
	assert_memory_equal(peer->got, bytes, 100000);
	close(fd);
	free(bytes);
	server_close(&server);
}

/* --- closing --- */

static void close_tcp(struct peer *peer)
{
	bf_tcp_close(peer->tcp);
	bf_tcp_close(peer->tcp); /* once more does nothing */
}

static void a_half_closed_stream_can_still_be_written(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	uint8_t back[100];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	fd = client_connect(&server);
	client_send(fd, "question");
	shutdown(fd, SHUT_WR);
	TURN_UNTIL(server.loop, server.peer_count == 1 && peer->end_count == 1);
	assert_int_equal(peer->got_len, 8);
	assert_memory_equal(peer->got, "question", 8);
	assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_int_equal(peer->close_count, 0);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes_str("answer")), 0);
	close_tcp(peer);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes_str("x")), -ECANCELED);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	assert_int_equal(len, 6);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, 0);
	close(fd);
	server_close(&server);
}

static void without_on_end_the_peers_fin_closes(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	uint8_t back[10];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.ops.on_end = NULL;
	fd = client_connect(&server);
	shutdown(fd, SHUT_WR);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	assert_int_equal(len, 0);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, 0);
	close(fd);
	server_close(&server);
}

#define LONG_BYTES (6u << 20)

static void write_long_and_close(struct peer *peer)
{
	uint8_t *bytes = pattern(LONG_BYTES);

	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, LONG_BYTES)), 0);
	bf_tcp_close(peer->tcp);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), LONG_BYTES);
	free(bytes);
}

/* What the client sends meanwhile is never read by anyone; closing must not turn it into a reset. */
static void closing_first_sends_what_is_queued(void **state)
{
	const struct bf_tcp_listen_conf conf = {.queue_bytes_max = LONG_BYTES};
	uint8_t *bytes = pattern(LONG_BYTES), *back = malloc(LONG_BYTES + 1);
	struct server server;
	struct peer *peer = &server.peers[0];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	server.on_accept = write_long_and_close;
	fd = client_connect(&server);
	client_send(fd, "unread");
	TURN_UNTIL(server.loop, server.peer_count == 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_true(bf_tcp_queued_bytes(peer->tcp) > 0); /* more than the kernel takes */
	client_send(fd, "unread");
	assert_int_equal(client_read_all(&server, fd, back, LONG_BYTES + 1, &len), 0);
	assert_int_equal(len, LONG_BYTES);
	assert_memory_equal(back, bytes, LONG_BYTES);
	assert_int_equal(peer->close_count, 0); /* our FIN is not answered yet */
	close(fd);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, 0);
	assert_int_equal(peer->data_count, 0);
	free(bytes);
	free(back);
	server_close(&server);
}

static void a_peer_that_does_not_read_is_given_up(void **state)
{
	const struct bf_tcp_listen_conf conf = {.queue_bytes_max = LONG_BYTES};
	uint8_t *back = malloc(LONG_BYTES);
	struct server server;
	struct peer *peer = &server.peers[0];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	server.on_accept = write_long_and_close;
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_in_range(peer->tcp->deadline.at_us, bf_loop_now_us(server.loop) + BF_SEC(3),
		bf_loop_now_us(server.loop) + BF_TCP_LINGER_US);
	bf_timer_arm(&peer->tcp->deadline, 0);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, -ETIMEDOUT);
	assert_int_equal(client_read_all(&server, fd, back, LONG_BYTES, &len), -ECONNRESET);
	close(fd);
	free(back);
	server_close(&server);
}

static void a_peer_that_has_everything_but_does_not_close_is_no_error(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	uint8_t back[10];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_accept = close_tcp;
	fd = client_connect(&server);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	assert_int_equal(peer->tcp->state, BF_TCP_LINGERING);
	bf_timer_arm(&peer->tcp->deadline, 0);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, 0);
	close(fd);
	server_close(&server);
}

static void abort_on_data(struct peer *peer, struct bf_bytes data)
{
	(void)data;
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes_str("never sent")), 0);
	bf_tcp_abort(peer->tcp);
	bf_tcp_abort(peer->tcp);
	bf_tcp_close(peer->tcp);
	assert_int_equal(peer->close_count, 0); /* later, from the loop */
}

static void abort_resets_and_drops_what_is_queued(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	uint8_t back[100];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_data = abort_on_data;
	fd = client_connect(&server);
	client_send(fd, "a");
	TURN_UNTIL(server.loop, server.peer_count == 1 && peer->close_count == 1);
	assert_int_equal(peer->close_err, 0);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), -ECONNRESET);
	assert_int_equal(len, 0);
	assert_int_equal(peer->data_count, 1);
	close(fd);
	server_close(&server);
}

static void abort_accepted(struct peer *peer)
{
	bf_tcp_abort(peer->tcp);
}

static void a_stream_may_be_aborted_when_accepted(void **state)
{
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_accept = abort_accepted;
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1 && peer->close_count == 1);
	close(fd);
	server_close(&server);
}

static void a_reset_by_the_peer_is_reported(void **state)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	fd = client_connect(&server);
	client_send(fd, "a");
	TURN_UNTIL(server.loop, server.peer_count == 1 && peer->data_count == 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(fd);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, -ECONNRESET);
	assert_int_equal(peer->end_count, 0);
	server_close(&server);
}

/* The reset cannot be read while paused, and must not make the loop spin. */
static void a_reset_of_a_paused_stream_waits(void **state)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct server server;
	struct peer *peer = &server.peers[0];
	int64_t end_us;
	int fd, turns = 0;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_data = pause_at_first;
	fd = client_connect(&server);
	client_send(fd, "a");
	TURN_UNTIL(server.loop, server.peer_count == 1 && peer->data_count == 1);
	assert_int_equal(bf_loop_turn(server.loop, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(fd);
	end_us = bf_clock_mono_us() + BF_MS(20);
	for (; bf_clock_mono_us() < end_us; turns++)
		assert_int_equal(bf_loop_turn(server.loop, BF_MS(20)), 0);
	assert_true(turns < 20);
	if (peer->tcp)
		bf_tcp_resume(peer->tcp);
	TURN_UNTIL(server.loop, peer->close_count == 1);
	assert_int_equal(peer->close_err, -ECONNRESET);
	server_close(&server);
}

static void a_loop_that_ends_closes_what_lingers(void **state)
{
	struct server server;
	uint8_t back[10];
	size_t len;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_accept = close_tcp;
	fd = client_connect(&server);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	bf_tcp_listener_close(server.listener);
	bf_loop_free(server.loop);
	assert_int_equal(server.peers[0].close_count, 1);
	assert_int_equal(server.peers[0].close_err, -ECANCELED);
	close(fd);
}

static void a_loop_that_ends_closes_what_is_open(void **state)
{
	struct server server;
	uint8_t back[1];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	bf_tcp_listener_close(server.listener);
	bf_loop_free(server.loop);
	assert_int_equal(server.peers[0].close_count, 1);
	assert_int_equal(server.peers[0].close_err, -ECANCELED);
	assert_int_equal(read(fd, back, 1), 0); /* the peer sees its end */
	close(fd);
}

/* --- listeners --- */

static void a_listener_stops_accepting_at_its_limit(void **state)
{
	const struct bf_tcp_listen_conf conf = {.stream_count_max = 2};
	struct server server;
	int fds[5];

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	for (int i = 0; i < 5; i++)
		fds[i] = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_int_equal(server.peer_count, 2);
	bf_tcp_abort(server.peers[0].tcp);
	TURN_UNTIL(server.loop, server.peer_count == 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(server.loop, 1000), 0);
	assert_int_equal(server.peer_count, 3);
	bf_tcp_abort(server.peers[1].tcp);
	bf_tcp_abort(server.peers[2].tcp);
	TURN_UNTIL(server.loop, server.peer_count == 5);
	for (int i = 0; i < 5; i++)
		close(fds[i]);
	server_close(&server);
}

/* Between one-by-one and multishot accepting (uring.c), in both directions. */
static void many_streams_come_and_go(void **state)
{
	const struct bf_tcp_listen_conf conf = {.stream_count_max = 1024 + 8};
	struct server server;
	int fds[40];

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	server.ops.on_end = NULL;
	server.on_data = echo;
	for (size_t i = 0; i < 40; i++) {
		fds[i] = client_connect(&server);
		client_send(fds[i], "ping");
		if (i % 10 == 9)
			TURN_UNTIL(server.loop, server.peer_count == i + 1);
	}
	for (size_t i = 0; i < 40; i++) {
		char back[8];

		TURN_UNTIL(server.loop, recv(fds[i], back, sizeof(back), MSG_PEEK) == 4);
		close(fds[i]);
	}
	for (size_t i = 0; i < 40; i++)
		TURN_UNTIL(server.loop, server.peers[i].close_count == 1);
	fds[0] = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 41);
	close(fds[0]);
	server_close(&server);
}

static void streams_outlive_their_listener(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct server server, second;
	struct peer *peer = &server.peers[0];
	uint8_t back[10];
	size_t len;
	int fd;

	server_open(&second, loop, "127.0.0.1:0", &plain); /* server_close needs a listener */
	server_open(&server, loop, "127.0.0.1:0", &plain);
	fd = client_connect(&server);
	TURN_UNTIL(loop, server.peer_count == 1);
	bf_tcp_listener_close(server.listener);
	assert_int_equal(bf_loop_turn(loop, 1000), 0);
	client_send(fd, "still");
	TURN_UNTIL(loop, peer->got_len == 5);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes_str("here")), 0);
	bf_tcp_close(peer->tcp);
	assert_int_equal(client_read_all(&server, fd, back, sizeof(back), &len), 0);
	assert_int_equal(len, 4);
	close(fd);
	TURN_UNTIL(loop, peer->close_count == 1);
	free(peer->got);
	server_close(&second);
}

static void without_descriptors_accepting_waits_and_does_not_spin(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct rlimit before, none;
	struct server server;
	int64_t start_us;
	int fd, turns = 0;

	server_open(&server, loop, "127.0.0.1:0", &plain);
	fd = client_connect(&server);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3; /* all descriptors at hand are above or taken */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	start_us = bf_clock_mono_us();
	for (; bf_clock_mono_us() < start_us + BF_MS(150); turns++)
		assert_int_equal(bf_loop_turn(loop, BF_MS(50)), 0);
	assert_int_equal(server.peer_count, 0);
	assert_true(turns < 30);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	TURN_UNTIL(loop, server.peer_count == 1);
	close(fd);
	server_close(&server);
}

static void a_taken_port_is_an_error(void **state)
{
	struct bf_tcp_listener *second;
	struct server server;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	assert_int_equal(bf_tcp_listen(&second, server.loop, &server.addr, &plain, server_on_accept,
				 &server),
		-EADDRINUSE);
	server_close(&server);
}

/* --- owners --- */

static void hand_over(struct peer *peer, struct bf_bytes data)
{
	struct peer *next = &peer->server->peers[1];

	(void)data;
	*next = (struct peer){.server = peer->server, .tcp = peer->tcp};
	bf_tcp_set_ops(peer->tcp, &peer->server->ops, next);
	peer->close_count = 1;
	peer->tcp = NULL;
	peer->server->on_data = NULL;
	peer->server->peer_count = 2;
}

static void a_stream_is_handed_to_another_owner(void **state)
{
	struct server server;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &plain);
	server.on_data = hand_over;
	fd = client_connect(&server);
	client_send(fd, "one");
	TURN_UNTIL(server.loop, server.peer_count == 2);
	client_send(fd, "two");
	TURN_UNTIL(server.loop, server.peers[1].got_len == 3);
	assert_memory_equal(server.peers[1].got, "two", 3);
	assert_int_equal(server.peers[0].data_count, 1);
	close(fd);
	server_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(many_megabytes_come_back_with_backpressure),
		ON_BOTH(a_stream_knows_its_addresses),
		ON_BOTH(a_queue_takes_its_limit_and_not_a_byte_more),
		ON_BOTH(a_paused_stream_delivers_nothing_and_later_everything),
		ON_BOTH(a_half_closed_stream_can_still_be_written),
		ON_BOTH(without_on_end_the_peers_fin_closes),
		ON_BOTH(closing_first_sends_what_is_queued),
		ON_BOTH(a_peer_that_does_not_read_is_given_up),
		ON_BOTH(a_peer_that_has_everything_but_does_not_close_is_no_error),
		ON_BOTH(abort_resets_and_drops_what_is_queued),
		ON_BOTH(a_stream_may_be_aborted_when_accepted),
		ON_BOTH(a_reset_by_the_peer_is_reported),
		ON_BOTH(a_reset_of_a_paused_stream_waits),
		ON_BOTH(a_loop_that_ends_closes_what_lingers),
		ON_BOTH(a_loop_that_ends_closes_what_is_open),
		ON_BOTH(a_listener_stops_accepting_at_its_limit),
		ON_BOTH(many_streams_come_and_go),
		ON_BOTH(streams_outlive_their_listener),
		ON_BOTH(without_descriptors_accepting_waits_and_does_not_spin),
		ON_BOTH(a_taken_port_is_an_error),
		ON_BOTH(a_stream_is_handed_to_another_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
