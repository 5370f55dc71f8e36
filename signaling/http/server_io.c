#include "signaling/http/server_priv.h"

#include "signaling/http/proxy_header.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECTIONS_DEFAULT 4096

/* A handler that forgets an exchange must not keep a connection for ever. */
#define REPLY_TIMEOUT_US (60 * 1000000)
#define WRITE_TIMEOUT_US (30 * 1000000)

static void register_metrics(struct bf_http_server *server, struct bf_metrics *metrics)
{
	static const char *const classes[] = {"class=\"1xx\"", "class=\"2xx\"", "class=\"3xx\"",
		"class=\"4xx\"", "class=\"5xx\""};

	for (size_t i = 0; i < 5; i++)
		server->requests[i] =
			bf_metric_new(metrics, BF_METRIC_COUNTER, "belfry_http_requests_total",
				classes[i], "HTTP requests answered, by class of status.");
	server->connections = bf_metric_new(metrics, BF_METRIC_GAUGE, "belfry_http_connections",
		NULL, "Open HTTP connections.");
	server->refused = bf_metric_new(metrics, BF_METRIC_COUNTER, "belfry_http_rejected_total",
		NULL, "Connections closed because what came in was no acceptable HTTP request.");
	server->limited = bf_metric_new(metrics, BF_METRIC_COUNTER, "belfry_http_limited_total",
		NULL, "Requests refused because their sender had asked too often.");
	server->timeouts_total = bf_metric_new(metrics, BF_METRIC_COUNTER,
		"belfry_http_timeouts_total", NULL,
		"Connections closed because a request or the reading of its answer took too long.");
}

int bf_http_server_new(struct bf_http_server **out, struct bf_loop *loop, struct bf_log *log,
	struct bf_metrics *metrics, const struct bf_conf *conf)
{
	struct bf_http_server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->log = log;
	server->conf = conf;
	server->timeouts = (struct bf_http_timeouts){
		.head_us = BF_HTTP_HEAD_TIMEOUT_US,
		.body_us = BF_HTTP_BODY_TIMEOUT_US,
		.idle_us = BF_HTTP_IDLE_TIMEOUT_US,
		.reply_us = REPLY_TIMEOUT_US,
		.write_us = WRITE_TIMEOUT_US,
	};
	bf_list_init(&server->conns);
	bf_routes_init(&server->routes);
	err = bf_map_init(&server->exchanges, 64, SIZE_MAX / 2);
	if (err)
		goto fail_server;
	err = bf_files_init(&server->files);
	if (err)
		goto fail_exchanges;
	err = bf_http_proxies_init(&server->proxies, conf);
	if (err)
		goto fail_files;
	err = bf_http_rates_init(&server->rates, conf);
	if (err)
		goto fail_files;
	register_metrics(server, metrics);
	*out = server;
	return 0;

fail_files:
	bf_files_deinit(&server->files);
fail_exchanges:
	bf_map_deinit(&server->exchanges);
fail_server:
	free(server);
	return err;
}

static void stop_listening(struct bf_http_server *server)
{
	if (server->listener)
		bf_tcp_listener_close(server->listener);
	if (server->redirect_listener)
		bf_tcp_listener_close(server->redirect_listener);
	server->listener = NULL;
	server->redirect_listener = NULL;
}

void bf_http_server_free(struct bf_http_server *server)
{
	if (!server)
		return;
	stop_listening(server);
	BF_LIST_EACH(conn, &server->conns, struct bf_http_conn, node)
		bf_http_conn_free(conn);
	bf_http_rates_deinit(&server->rates);
	bf_files_deinit(&server->files);
	bf_map_deinit(&server->exchanges);
	bf_routes_deinit(&server->routes);
	bf_tls_server_free(server->tls);
	free(server);
}

void bf_http_server_set_guard(struct bf_http_server *server, bf_http_guard *guard, void *arg)
{
	server->guard = guard;
	server->guard_arg = arg;
}

int bf_http_server_add(struct bf_http_server *server, const struct bf_http_route *routes,
	size_t route_count, void *arg)
{
	for (size_t i = 0; i < route_count; i++) {
		int err = bf_routes_add(&server->routes, &routes[i], arg);

		if (err)
			return err;
	}
	return 0;
}

int bf_http_server_add_files(
	struct bf_http_server *server, const struct bf_http_file *files, size_t count)
{
	return bf_files_add(&server->files, files, count);
}

const struct bf_http_route *bf_http_server_route(const struct bf_http_server *server, size_t idx)
{
	return idx < server->routes.count ? server->routes.entries[idx].route : NULL;
}

void bf_http_server_set_timeouts(
	struct bf_http_server *server, const struct bf_http_timeouts *timeouts)
{
	struct bf_http_timeouts *mine = &server->timeouts;

	mine->head_us = timeouts->head_us ? timeouts->head_us : mine->head_us;
	mine->body_us = timeouts->body_us ? timeouts->body_us : mine->body_us;
	mine->idle_us = timeouts->idle_us ? timeouts->idle_us : mine->idle_us;
	mine->reply_us = timeouts->reply_us ? timeouts->reply_us : mine->reply_us;
	mine->write_us = timeouts->write_us ? timeouts->write_us : mine->write_us;
}

/* ---- listening ---- */

static void on_data_ignored(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	(void)arg;
	(void)tcp;
	(void)data;
}

static void on_close_ignored(void *arg, struct bf_tcp *tcp, int err)
{
	(void)arg;
	(void)tcp;
	(void)err;
}

static const struct bf_tcp_ops refused_ops = {
	.on_data = on_data_ignored, .on_close = on_close_ignored};

/* Who is no proxy of ours must not come where proxies say whom they speak for. */
static bool refuse_stranger(struct bf_http_server *server, struct bf_tcp *tcp)
{
	struct bf_addr peer = bf_tcp_remote(tcp);
	uint32_t suppressed;

	if (!server->conf->http.proxy_protocol || bf_http_proxies_trust(&server->proxies, &peer))
		return false;
	bf_metric_add(server->refused, 1);
	if (bf_log_limit_allows(
		    &server->refusal_log, bf_loop_now_us(server->loop), 10, &suppressed))
		BF_LOG(server->log, BF_LOG_WARN, "http connection refused",
			BF_ADDR("remote", &peer), BF_STR("why", "not one of trusted_proxies"),
			BF_UINT("suppressed", suppressed));
	bf_tcp_set_ops(tcp, &refused_ops, NULL);
	bf_tcp_abort(tcp);
	return true;
}

static void on_accept(void *arg, struct bf_tcp *tcp)
{
	if (!refuse_stranger(arg, tcp))
		bf_http_conn_accept(arg, tcp, false);
}

static void on_accept_redirected(void *arg, struct bf_tcp *tcp)
{
	if (!refuse_stranger(arg, tcp))
		bf_http_conn_accept(arg, tcp, true);
}

static int on_preface(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct bf_http_server *server = arg;
	struct bf_proxy_header header;
	int len = bf_proxy_header_parse(&header, data);

	if (len < 0)
		bf_metric_add(server->refused, 1);
	if (len > 0 && header.has_client)
		bf_tcp_set_remote(tcp, &header.client);
	return len;
}

static int load_tls(struct bf_http_server *server, char *why, size_t why_size)
{
	const char *cert = server->conf->http.tls_cert, *key = server->conf->http.tls_key;

	if (!cert || cert[0] == '\0')
		return 0;
	return bf_tls_server_new(&server->tls, cert, key, why, why_size);
}

int bf_http_server_reload_tls(struct bf_http_server *server, char *why, size_t why_size)
{
	int err;

	if (!server->tls) {
		snprintf(why, why_size, "http.tls_cert was not set when the server started");
		return -EOPNOTSUPP;
	}
	err = bf_tls_server_reload(server->tls, why, why_size);
	if (!err)
		BF_LOG(server->log, BF_LOG_INFO, "certificate read",
			BF_INT("expires_s", bf_tls_server_expires_s(server->tls)));
	return err;
}

/* Bind the address that `key` is set to. */
static int listen_on(struct bf_http_server *server, struct bf_tcp_listener **out, const char *key,
	const char *text, bool is_redirected, char *why, size_t why_size)
{
	struct bf_tcp_listen_conf conf = {.queue_bytes_max = BF_HTTP_QUEUE_MAX,
		.stream_count_max = server->conf->http.connection_count_max,
		.tls = is_redirected ? NULL : server->tls,
		.preface = server->conf->http.proxy_protocol ? on_preface : NULL};
	struct bf_addr addr;
	int err;

	if (bf_addr_parse(&addr, text) < 0) {
		snprintf(why, why_size, "%s: '%s' is not an address and port", key, text);
		return -EINVAL;
	}
	if (conf.stream_count_max == 0)
		conf.stream_count_max = CONNECTIONS_DEFAULT;
	err = bf_tcp_listen(out, server->loop, &addr, &conf,
		is_redirected ? on_accept_redirected : on_accept, server);
	if (err)
		snprintf(why, why_size, "%s: cannot listen on %s: %s", key, text, strerror(-err));
	return err;
}

int bf_http_server_listen(struct bf_http_server *server, char *why, size_t why_size)
{
	const char *redirect = server->conf->http.redirect_listen;
	int err;

	assert(!server->listener);
	err = load_tls(server, why, why_size);
	if (err)
		return err;
	err = listen_on(server, &server->listener, "http.listen", server->conf->http.listen, false,
		why, why_size);
	if (err)
		goto fail_tls;
	if (redirect && redirect[0])
		err = listen_on(server, &server->redirect_listener, "http.redirect_listen",
			redirect, true, why, why_size);
	if (err)
		goto fail_listener;
	server->local = bf_tcp_listener_local(server->listener);
	BF_LOG(server->log, BF_LOG_INFO, "http listening", BF_ADDR("address", &server->local),
		BF_STR("tls", server->tls ? "yes" : "no"));
	if (server->redirect_listener) {
		server->redirect_local = bf_tcp_listener_local(server->redirect_listener);
		BF_LOG(server->log, BF_LOG_INFO, "http redirecting",
			BF_ADDR("address", &server->redirect_local));
	}
	return 0;

fail_listener:
	bf_tcp_listener_close(server->listener);
	server->listener = NULL;
fail_tls:
	bf_tls_server_free(server->tls);
	server->tls = NULL;
	return err;
}

struct bf_addr bf_http_server_redirect_local(const struct bf_http_server *server)
{
	return server->redirect_local;
}

struct bf_addr bf_http_server_local(const struct bf_http_server *server)
{
	return server->local;
}

void bf_http_server_drain(struct bf_http_server *server)
{
	stop_listening(server);
	server->is_draining = true;
	BF_LIST_EACH(conn, &server->conns, struct bf_http_conn, node)
		bf_http_conn_drain(conn);
}

struct bf_http_exchange *bf_http_exchange_find(struct bf_http_server *server, uint64_t id)
{
	struct bf_map_node *node = bf_map_get(&server->exchanges, bf_bytes(&id, sizeof(id)));

	return node ? BF_CONTAINER(node, struct bf_http_exchange, map_node) : NULL;
}
