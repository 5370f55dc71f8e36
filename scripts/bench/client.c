#include "scripts/bench/client.h"

#include "scripts/bench/adapter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Until a client is LIVE; its connections give up earlier. */
#define JOIN_US 45000000

static int64_t now_us(void)
{
	return bench_now_ns() / 1000;
}

bool bench_client_sends(const struct bench_client *client)
{
	return client->spec.sends_audio || client->spec.sends_video;
}

static bool is_receiving_all(const struct bench_client *client)
{
	unsigned counts[BENCH_KIND_COUNT] = {0};
	const struct bench_subscriber *subscriber = client->subscriber;
	const struct bench_remote *remote = subscriber->peer.remote;

	if (subscriber->peer.state != BENCH_PEER_LIVE)
		return client->spec.expected_count[BENCH_AUDIO] +
			       client->spec.expected_count[BENCH_VIDEO] ==
		       0;
	for (unsigned i = 0; i < remote->section_count; i++)
		counts[remote->sections[i].kind] += remote->sections[i].is_active;
	for (int i = 0; i < BENCH_KIND_COUNT; i++)
		if (counts[i] < client->spec.expected_count[i])
			return false;
	return true;
}

static bool is_sending(const struct bench_client *client)
{
	return client->publisher && client->publisher->peer.state == BENCH_PEER_LIVE;
}

bool bench_client_is_in(const struct bench_client *client)
{
	if (client->state != BENCH_CLIENT_JOINING)
		return true;
	return bench_client_sends(client) ? is_sending(client) : false;
}

void bench_client_fail(struct bench_client *client, const char *format, ...)
{
	va_list args;

	if (client->state == BENCH_CLIENT_FAILED || client->state == BENCH_CLIENT_GONE)
		return;
	va_start(args, format);
	vsnprintf(client->cause, sizeof(client->cause), format, args);
	va_end(args);
	client->state = BENCH_CLIENT_FAILED;
}

/* What has happened to its connections decides what has become of the client. */
static void look_at_peer(struct bench_client *client, const struct bench_peer *peer)
{
	if (peer->state == BENCH_PEER_FAILED)
		bench_client_fail(client, "%s", peer->cause);
}

static void look(struct bench_client *client)
{
	if (client->publisher)
		look_at_peer(client, &client->publisher->peer);
	if (client->subscriber)
		look_at_peer(client, &client->subscriber->peer);
	if (client->state != BENCH_CLIENT_JOINING)
		return;
	if ((!bench_client_sends(client) || is_sending(client)) &&
		(!client->spec.receives || (client->subscriber && is_receiving_all(client)))) {
		client->state = BENCH_CLIENT_LIVE;
		client->live_us = now_us();
		return;
	}
	if (now_us() - client->started_us > JOIN_US)
		bench_client_fail(client, "not joined after 45 s");
}

void bench_client_start(struct bench_client *client, struct bench *bench,
	const struct bench_adapter *adapter, const struct bench_client_spec *spec)
{
	*client = (struct bench_client){.bench = bench, .adapter = adapter, .spec = *spec};
	client->started_us = now_us();
	client->state = BENCH_CLIENT_JOINING;
	adapter->connect(client);
}

/* ---- what the adapter says ---- */

static int publish(struct bench_client *client)
{
	struct bench_publisher_spec spec = {.number = client->spec.number,
		.has_audio = client->spec.sends_audio,
		.has_video = client->spec.sends_video,
		.is_silent = client->spec.is_silent};

	client->publisher = calloc(1, sizeof(*client->publisher));
	if (!client->publisher)
		return -ENOMEM;
	if (bench_publisher_open(client->publisher, client->bench, &spec) < 0)
		return -EIO;
	bench_publisher_write_offer(client->publisher, client->bench->text);
	client->adapter->publish(client, client->bench->text);
	return 0;
}

static int subscribe(struct bench_client *client)
{
	client->subscriber = calloc(1, sizeof(*client->subscriber));
	if (!client->subscriber)
		return -ENOMEM;
	if (bench_subscriber_open(client->subscriber, client->bench, client->spec.number,
		    client->spec.checks_all) < 0)
		return -EIO;
	if (client->adapter->plays_one) {
		bench_subscriber_write_offer(client->subscriber,
			client->spec.expected_count[BENCH_AUDIO] > 0, client->bench->text);
		client->adapter->subscribe(client, client->bench->text);
	} else if (client->adapter->subscribe) {
		client->adapter->subscribe(client, NULL);
	}
	return 0;
}

void bench_client_connected(struct bench_client *client)
{
	int err = 0;

	if (client->state != BENCH_CLIENT_JOINING)
		return;
	if (bench_client_sends(client))
		err = publish(client);
	if (!err && client->spec.receives)
		err = subscribe(client);
	if (err)
		bench_client_fail(client, "cannot open a connection: %s", strerror(-err));
}

void bench_client_published(struct bench_client *client, const char *answer)
{
	if (client->state != BENCH_CLIENT_JOINING)
		return;
	bench_publisher_take_answer(client->publisher, answer);
	client->wake_us = 0;
}

void bench_client_subscribed(struct bench_client *client, const char *answer)
{
	if (client->state != BENCH_CLIENT_JOINING)
		return;
	bench_subscriber_take_answer(client->subscriber, answer);
	client->wake_us = 0;
}

void bench_client_offered(struct bench_client *client, const char *offer)
{
	if (!client->subscriber ||
		(client->state != BENCH_CLIENT_JOINING && client->state != BENCH_CLIENT_LIVE))
		return;
	if (bench_subscriber_take_offer(client->subscriber, offer, client->bench->text) == 0)
		client->adapter->answer(client, client->bench->text);
	client->wake_us = 0;
}

/* ---- leaving ---- */

static void close_peers(struct bench_client *client)
{
	if (client->publisher)
		bench_peer_close(&client->publisher->peer);
	if (client->subscriber)
		bench_peer_close(&client->subscriber->peer);
}

void bench_client_left(struct bench_client *client, bool was_confirmed)
{
	if (client->state != BENCH_CLIENT_LEAVING)
		return;
	client->was_released = was_confirmed;
	client->state = BENCH_CLIENT_GONE;
}

void bench_client_leave(struct bench_client *client)
{
	close_peers(client);
	client->state = BENCH_CLIENT_LEAVING;
	client->adapter->leave(client);
}

void bench_client_free(struct bench_client *client)
{
	if (!client->bench)
		return; /* never started */
	client->adapter->free(client);
	if (client->publisher)
		bench_publisher_free(client->publisher);
	if (client->subscriber)
		bench_subscriber_free(client->subscriber);
	free(client->publisher);
	free(client->subscriber);
	client->publisher = NULL;
	client->subscriber = NULL;
}

void bench_client_tick(struct bench_client *client, int64_t at_us)
{
	int64_t wake_us = INT64_MAX;

	if (client->state == BENCH_CLIENT_LIVE && at_us < client->wake_us &&
		(!client->subscriber || at_us < client->subscriber->wake_us))
		return;
	if (client->state != BENCH_CLIENT_JOINING && client->state != BENCH_CLIENT_LIVE)
		return;
	if (client->publisher)
		wake_us = bench_peer_tick(&client->publisher->peer, at_us);
	if (client->subscriber)
		bench_subscriber_tick(client->subscriber, at_us);
	client->wake_us = wake_us;
	look(client);
}
