/* Any server with WHIP and WHEP endpoints: one POST to publish or to play, one DELETE to leave. */
#include "scripts/bench/adapter.h"
#include "scripts/bench/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Source: RFC 9725 (WHIP), draft-ietf-wish-whep. */
struct whip {
	struct bench_http http;
	char *resource; /* path of the WHIP or WHEP resource */
};

static void connect_whip(struct bench_client *client)
{
	client->session = calloc(1, sizeof(struct whip));
	if (!client->session)
		bench_client_fail(client, "no memory");
	else
		bench_client_connected(client); /* there is nothing before the offer */
}

static void take_resource(struct whip *whip)
{
	char *location = bench_http_field(&whip->http, "Location");
	const char *path = location;

	if (path && strncmp(path, "http", 4) == 0 && (path = strstr(path, "://")))
		path = strchr(path + 3, '/');
	whip->resource = path ? strdup(path) : NULL;
	free(location);
}

static void on_answer(void *arg, struct bench_http *http)
{
	struct bench_client *client = arg;
	int status = bench_http_status(http);
	char *body = bench_http_body(http);

	take_resource(client->session);
	bench_http_close(http);
	if (status == 0)
		bench_client_fail(client, "no answer by HTTP");
	else if (status != 201 || !body)
		bench_client_fail(client, "HTTP status %d: %.200s", status, body ? body : "");
	else if (client->publisher)
		bench_client_published(client, body);
	else
		bench_client_subscribed(client, body);
	free(body);
}

static void post(
	struct bench_client *client, const char *pattern, unsigned number, const char *offer)
{
	struct whip *whip = client->session;
	char path[256];
	struct bench_http_request request = {.method = "POST",
		.path = path,
		.content_type = "application/sdp",
		.body = offer,
		.arg = client,
		.on_done = on_answer};
	int err;

	bench_path(path, sizeof(path), pattern, number);
	err = bench_http_start(&whip->http, client->bench, &request);
	if (err)
		bench_client_fail(client, "HTTP: %s", strerror(-err));
}

static void publish(struct bench_client *client, const char *offer)
{
	post(client, client->bench->options->whip, client->spec.number, offer);
}

static void subscribe(struct bench_client *client, const char *offer)
{
	post(client, client->bench->options->whep, client->spec.plays, offer);
}

static void on_deleted(void *arg, struct bench_http *http)
{
	int status = bench_http_status(http);

	bench_http_close(http);
	bench_client_left(arg, status >= 200 && status < 300);
}

static void leave(struct bench_client *client)
{
	struct whip *whip = client->session;
	struct bench_http_request request = {
		.method = "DELETE", .path = whip->resource, .arg = client, .on_done = on_deleted};

	if (!whip->resource || bench_http_start(&whip->http, client->bench, &request) < 0)
		bench_client_left(client, false);
}

static void free_whip(struct bench_client *client)
{
	struct whip *whip = client->session;

	if (!whip)
		return;
	bench_http_close(&whip->http);
	free(whip->resource);
	free(whip);
	client->session = NULL;
}

const struct bench_adapter bench_adapter_whip = {
	.name = "whip",
	.plays_one = true,
	.connect = connect_whip,
	.publish = publish,
	.subscribe = subscribe,
	.leave = leave,
	.free = free_whip,
};
