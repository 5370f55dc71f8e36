/* tests/core/loop/peer.h - the two ends of a stream: the server's, which records its callbacks, and a plain
 * non-blocking client socket in the same thread.
 */
#ifndef BF_TESTS_CORE_LOOP_PEER_H
#define BF_TESTS_CORE_LOOP_PEER_H

#include "tests/core/loop/both.h"

#include "core/loop/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct server;

struct peer {
	struct server *server;
	struct bf_tcp *tcp; /* NULL after on_close */
	uint8_t *got;
	size_t got_len, got_size;
	int data_count, end_count, drain_count, close_count;
	int close_err;
};

#define PEERS_MAX 64

struct server {
	struct bf_loop *loop;
	struct bf_tcp_listener *listener;
	struct bf_addr addr;
	struct bf_tcp_ops ops;
	void (*on_accept)(struct peer *peer); /* may be NULL */
	void (*on_data)(struct peer *peer, struct bf_bytes data);
	void (*on_end)(struct peer *peer);
	size_t peer_count;
	struct peer peers[PEERS_MAX];
};

static inline void peer_on_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct peer *peer = arg;

	assert_ptr_equal(peer->tcp, tcp);
	assert_true(data.len > 0);
	assert_int_equal(peer->close_count, 0);
	assert_int_equal(peer->end_count, 0);
	peer->data_count++;
	if (peer->got_len + data.len > peer->got_size) {
		peer->got_size = 2 * (peer->got_len + data.len);
		peer->got = realloc(peer->got, peer->got_size);
		assert_non_null(peer->got);
	}
	memcpy(peer->got + peer->got_len, data.data, data.len);
	peer->got_len += data.len;
	if (peer->server->on_data)
		peer->server->on_data(peer, data);
}

static inline void peer_on_end(void *arg, struct bf_tcp *tcp)
{
	struct peer *peer = arg;

	assert_ptr_equal(peer->tcp, tcp);
	assert_int_equal(peer->close_count, 0);
	assert_int_equal(++peer->end_count, 1);
	if (peer->server->on_end)
		peer->server->on_end(peer);
}

static inline void peer_on_drain(void *arg, struct bf_tcp *tcp)
{
	struct peer *peer = arg;

	peer->drain_count++;
	bf_tcp_resume(tcp);
}

static inline void peer_on_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct peer *peer = arg;

	assert_ptr_equal(peer->tcp, tcp);
	assert_int_equal(++peer->close_count, 1);
	assert_int_equal(bf_tcp_write(tcp, bf_bytes_str("late")), -ECANCELED);
	peer->close_err = err;
	peer->tcp = NULL;
}

static inline void server_on_accept(void *arg, struct bf_tcp *tcp)
{
	struct server *server = arg;
	struct peer *peer = &server->peers[server->peer_count++];

	assert_true(server->peer_count <= PEERS_MAX);
	*peer = (struct peer){.server = server, .tcp = tcp};
	bf_tcp_set_ops(tcp, &server->ops, peer);
	if (server->on_accept)
		server->on_accept(peer);
}

static inline void server_open(struct server *server, struct bf_loop *loop, const char *addr_text,
	const struct bf_tcp_listen_conf *conf)
{
	struct bf_addr addr;

	*server = (struct server){.loop = loop,
		.ops = {.on_data = peer_on_data,
			.on_end = peer_on_end,
			.on_drain = peer_on_drain,
			.on_close = peer_on_close}};
	assert_int_equal(bf_addr_parse(&addr, addr_text), 0);
	assert_int_equal(
		bf_tcp_listen(&server->listener, loop, &addr, conf, server_on_accept, server), 0);
	server->addr = bf_tcp_listener_local(server->listener);
	assert_true(server->addr.port != 0);
}

/* Ends all streams and the loop, and checks that each stream's on_close came once. */
static inline void server_close(struct server *server)
{
	for (size_t i = 0; i < server->peer_count; i++)
		if (server->peers[i].tcp)
			bf_tcp_abort(server->peers[i].tcp);
	bf_tcp_listener_close(server->listener);
	bf_loop_free(server->loop);
	for (size_t i = 0; i < server->peer_count; i++) {
		assert_int_equal(server->peers[i].close_count, 1);
		free(server->peers[i].got);
	}
}

/* The backlog completes the connection without the server's help. */
static inline int client_connect(const struct server *server)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&server->addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sa_len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	return fd;
}

static inline void client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Read until the end, turning the server's loop meanwhile. Returns 0 at FIN, or the negative errno. */
static inline int client_read_all(
	struct server *server, int fd, uint8_t *out, size_t size, size_t *out_len)
{
	int64_t end_us = bf_clock_mono_us() + BF_SEC(10);

	*out_len = 0;
	for (;;) {
		ssize_t got = recv(fd, out + *out_len, size - *out_len, 0);

		assert_true(bf_clock_mono_us() < end_us);
		if (got > 0) {
			*out_len += (size_t)got;
			assert_true(*out_len < size);
		} else if (got == 0) {
			return 0;
		} else if (errno != EAGAIN) {
			return -errno;
		} else {
			assert_int_equal(bf_loop_turn(server->loop, 1000), 0);
		}
	}
}

#endif
