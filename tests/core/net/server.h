/* tests/core/net/server.h - an HTTP server in the test's own loop that says what the test tells it to. */
#ifndef BF_TESTS_CORE_NET_SERVER_H
#define BF_TESTS_CORE_NET_SERVER_H

#include "core/loop/tcp.h"
#include "core/loop/tls.h"
#include "tests/core/loop/both.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVER_CONNS 64

struct server;

struct server_conn {
	struct server *server;
	struct bf_tcp *tcp; /* NULL: closed */
	char *request;	    /* what has come of it, with a NUL */
	size_t len;
};

struct server {
	struct bf_tcp_listener *listener;
	struct bf_tls_server *tls;
	/* What to do once a request is there with all its body. */
	void (*on_request)(struct server_conn *conn);
	void *arg;
	struct server_conn conns[SERVER_CONNS];
	size_t conn_count; /* ever */
	size_t request_count;
	char last[4096]; /* the last request, as far as it fits */
};

static inline void server_say(struct server_conn *conn, const char *text)
{
	if (conn->tcp)
		assert_int_equal(bf_tcp_write(conn->tcp, bf_bytes_str(text)), 0);
}

static inline void server_ok(struct server_conn *conn)
{
	server_say(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: test\r\n\r\nhello");
}

static inline bool server_is_complete(const struct server_conn *conn)
{
	const char *end = strstr(conn->request, "\r\n\r\n");
	const char *len = strcasestr(conn->request, "\r\ncontent-length:");

	if (!end)
		return false;
	if (strcasestr(conn->request, "\r\ntransfer-encoding: chunked"))
		return conn->len >= 5 && memcmp(conn->request + conn->len - 5, "0\r\n\r\n", 5) == 0;
	return !len || conn->len - (size_t)(end + 4 - conn->request) >= strtoul(len + 17, NULL, 10);
}

static inline void server_on_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct server_conn *conn = arg;
	bool is_first = conn->len == 0;

	(void)tcp;
	conn->request = realloc(conn->request, conn->len + data.len + 1);
	assert_non_null(conn->request);
	memcpy(conn->request + conn->len, data.data, data.len);
	conn->len += data.len;
	conn->request[conn->len] = '\0';
	if (is_first && strcasestr(conn->request, "\r\nexpect: 100-continue"))
		server_say(conn, "HTTP/1.1 100 Continue\r\n\r\n");
	if (!server_is_complete(conn))
		return;
	conn->server->request_count++;
	snprintf(conn->server->last, sizeof(conn->server->last), "%s", conn->request);
	conn->server->on_request(conn);
	conn->len = 0;
}

static inline void server_on_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct server_conn *conn = arg;

	(void)tcp;
	(void)err;
	conn->tcp = NULL;
	free(conn->request);
	conn->request = NULL;
}

static inline void server_on_accept(void *arg, struct bf_tcp *tcp)
{
	static const struct bf_tcp_ops ops = {
		.on_data = server_on_data, .on_close = server_on_close};
	struct server *server = arg;
	struct server_conn *conn;

	assert_true(server->conn_count < SERVER_CONNS);
	conn = &server->conns[server->conn_count++];
	*conn = (struct server_conn){.server = server, .tcp = tcp};
	bf_tcp_set_ops(tcp, &ops, conn);
}

static inline void server_open(struct server *server, struct bf_loop *loop,
	void (*on_request)(struct server_conn *conn), struct bf_tls_server *tls)
{
	struct bf_tcp_listen_conf conf = {.queue_bytes_max = 8 << 20, .tls = tls};
	struct bf_addr addr;

	*server = (struct server){.on_request = on_request, .tls = tls};
	assert_int_equal(bf_addr_parse(&addr, "127.0.0.1:0"), 0);
	assert_int_equal(
		bf_tcp_listen(&server->listener, loop, &addr, &conf, server_on_accept, server), 0);
}

static inline void server_close(struct server *server)
{
	bf_tcp_listener_close(server->listener);
	for (size_t i = 0; i < server->conn_count; i++)
		if (server->conns[i].tcp)
			bf_tcp_abort(server->conns[i].tcp);
}

static inline const char *server_url(
	const struct server *server, const char *path, char out[static 256])
{
	snprintf(out, 256, "%s:%u%s", server->tls ? "https://localhost" : "http://127.0.0.1",
		bf_tcp_listener_local(server->listener).port, path);
	return out;
}

#endif
