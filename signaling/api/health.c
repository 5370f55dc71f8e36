#include "signaling/api/health.h"

#include <errno.h>
#include <stdlib.h>

struct bf_health {
	struct bf_health_conf conf;
	int64_t started_us;
};

static void reply_body(struct bf_health *health, struct bf_http_exchange *exchange, int status,
	const char *word, struct bf_json *body)
{
	bf_json_put_str(body, "status", word);
	bf_json_put_str(body, "version", health->conf.version);
	bf_json_put_int(body, "uptime_s",
		(bf_loop_now_us(health->conf.loop) - health->started_us) / 1000000);
	bf_http_reply_field(exchange, "Cache-Control", "no-store");
	bf_http_reply_json(exchange, status, body);
}

static void reply_status(struct bf_health *health, struct bf_http_exchange *exchange, bool is_good,
	const char *good, const char *bad)
{
	reply_body(health, exchange, is_good ? 200 : 503, is_good ? good : bad, bf_json_object());
}

static void on_health(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_health *health = arg;

	(void)request;
	reply_status(health, exchange, health->conf.is_alive(health->conf.arg), "ok", "stalled");
}

static void on_live(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_health *health = arg;

	(void)request;
	reply_status(health, exchange, health->conf.is_alive(health->conf.arg), "live", "stalled");
}

static void on_ready(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_health *health = arg;
	struct bf_json *body = bf_json_object();
	bool is_well = health->conf.describe(health->conf.arg, body);

	(void)request;
	if (health->conf.is_draining(health->conf.arg))
		reply_body(health, exchange, 503, "draining", body);
	else
		reply_body(health, exchange, 200, is_well ? "ready" : "degraded", body);
}

static void on_metrics(
	void *arg, struct bf_http_exchange *exchange, const struct bf_http_request *request)
{
	struct bf_health *health = arg;
	char *text;
	size_t len;

	(void)request;
	if (bf_metrics_print(health->conf.metrics, &text, &len)) {
		bf_http_reply_problem(exchange, 500, "internal", "out of memory");
		return;
	}
	bf_http_reply(
		exchange, 200, "text/plain; version=0.0.4; charset=utf-8", bf_bytes(text, len));
	free(text);
}

static const struct bf_http_route routes[] = {
	{"GET", "/health", on_health, "Status, version and uptime", BF_HTTP_PUBLIC, 0,
		BF_HTTP_RATE_EXEMPT},
	{"GET", "/health/live", on_live, "Liveness: every media worker turns its loop",
		BF_HTTP_PUBLIC, 0, BF_HTTP_RATE_EXEMPT},
	{"GET", "/health/ready", on_ready, "Readiness: the server takes new work", BF_HTTP_PUBLIC,
		0, BF_HTTP_RATE_EXEMPT},
	{"GET", "/metrics", on_metrics, "Metrics as Prometheus text", BF_HTTP_PUBLIC, 0,
		BF_HTTP_RATE_EXEMPT},
};

int bf_health_new(struct bf_health **out, const struct bf_health_conf *conf)
{
	struct bf_health *health = calloc(1, sizeof(*health));
	int err;

	if (!health)
		return -ENOMEM;
	health->conf = *conf;
	health->started_us = bf_loop_now_us(conf->loop);
	err = bf_http_server_add(conf->http, routes, sizeof(routes) / sizeof(routes[0]), health);
	if (err) {
		free(health);
		return err;
	}
	*out = health;
	return 0;
}

void bf_health_free(struct bf_health *health)
{
	free(health);
}
