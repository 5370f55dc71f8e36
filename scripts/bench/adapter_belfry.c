/* belfry's own signaling (signaling/PROTOCOL.md): one WebSocket for each client, one connection to publish, and one to subscribe
 * on which the server offers the tracks of all others.
 *
 *   connect     room:join
 *   publish     webrtc_offer; the answer to it
 *   subscribe   nothing: the server sends webrtc_offer whenever there is something new
 *   leave       room:leave
 */
#include "core/base/json.h"
#include "scripts/bench/adapter.h"
#include "scripts/bench/websocket.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH "/ws"

struct belfry {
	struct bench_client *client;
	struct bench_websocket websocket;
	unsigned request_count;
	bool is_leaving;
};

static void send_message(struct belfry *belfry, const char *type, struct bf_json *data)
{
	struct bf_json *json = bf_json_object();
	char id[16];
	char *text;

	snprintf(id, sizeof(id), "%u", ++belfry->request_count);
	bf_json_put_str(json, "type", type);
	bf_json_put_str(json, "id", id);
	bf_json_put(json, "data", data);
	text = bf_json_print(json, NULL);
	if (!text || bench_websocket_send(&belfry->websocket, text) < 0)
		bench_client_fail(belfry->client, "cannot send %s", type);
	free(text);
	bf_json_free(json);
}

/* ---- messages ---- */

static void on_welcome(struct belfry *belfry, const struct bf_json *data)
{
	const struct bench_client_spec *spec = &belfry->client->spec;
	struct bf_json *join = bf_json_object();
	char text[32];

	(void)data;
	snprintf(text, sizeof(text), "bench%u", spec->room);
	bf_json_put_str(join, "room", text);
	snprintf(text, sizeof(text), "c%u", spec->number);
	bf_json_put_str(join, "name", text);
	send_message(belfry, "room:join", join);
}

static void on_joined(struct belfry *belfry, const struct bf_json *data)
{
	(void)data;
	bench_client_connected(belfry->client);
}

static void on_answer(struct belfry *belfry, const struct bf_json *data)
{
	struct bf_bytes sdp;

	if (bf_json_get_str(data, "sdp", &sdp) == 0)
		bench_client_published(belfry->client, (const char *)sdp.data);
}

static void on_offer(struct belfry *belfry, const struct bf_json *data)
{
	struct bf_bytes sdp;

	if (!belfry->is_leaving && bf_json_get_str(data, "sdp", &sdp) == 0)
		bench_client_offered(belfry->client, (const char *)sdp.data);
}

static void on_left(struct belfry *belfry, const struct bf_json *data)
{
	(void)data;
	bench_websocket_close(&belfry->websocket);
	bench_client_left(belfry->client, true);
}

static void on_error(struct belfry *belfry, const struct bf_json *data)
{
	struct bf_bytes code, message;

	if (belfry->is_leaving)
		return; /* to an answer that was under way */
	if (bf_json_get_str(data, "code", &code) || bf_json_get_str(data, "message", &message))
		bench_client_fail(belfry->client, "an error without a code");
	else
		bench_client_fail(belfry->client, "%s: %s", (const char *)code.data,
			(const char *)message.data);
}

static const struct {
	const char *type;
	void (*handle)(struct belfry *belfry, const struct bf_json *data);
} handlers[] = {
	{"connection_established", on_welcome},
	{"room:joined", on_joined},
	{"webrtc_answer", on_answer},
	{"webrtc_offer", on_offer},
	{"room:left", on_left},
	{"error", on_error},
};

/* Types without a handler say who is there and who speaks; a client with a screen would show it. */
static void on_message(void *arg, const char *text)
{
	struct belfry *belfry = arg;
	struct bf_json *json = NULL;
	const struct bf_json *data;
	struct bf_bytes type;

	if (bf_json_parse(&json, bf_bytes_str(text), BENCH_WEBSOCKET_MAX, NULL, 0) < 0)
		return;
	data = bf_json_get(json, "data");
	if (data && bf_json_get_str(json, "type", &type) == 0)
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
			if (bf_bytes_is(type, handlers[i].type)) {
				handlers[i].handle(belfry, data);
				break;
			}
	bf_json_free(json);
}

static void on_closed(void *arg, const char *why)
{
	struct belfry *belfry = arg;

	bench_client_fail(belfry->client, "%s", why);
	bench_client_left(belfry->client, false);
}

/* ---- the table ---- */

static void connect_belfry(struct bench_client *client)
{
	struct belfry *belfry = calloc(1, sizeof(*belfry));

	client->session = belfry;
	if (!belfry) {
		bench_client_fail(client, "no memory");
		return;
	}
	belfry->client = client;
	if (bench_websocket_open(
		    &belfry->websocket, client->bench, PATH, on_message, on_closed, belfry) < 0)
		bench_client_fail(client, "cannot connect");
}

static void put_track(struct bf_json *tracks, unsigned mid, const char *source)
{
	struct bf_json *track = bf_json_object();
	char text[16];

	snprintf(text, sizeof(text), "%u", mid);
	bf_json_put_str(track, "mid", text);
	bf_json_put_str(track, "source", source);
	bf_json_push(tracks, track);
}

static void publish(struct bench_client *client, const char *offer)
{
	struct bf_json *data = bf_json_object(), *tracks = bf_json_array();
	unsigned mid = 0;

	if (client->spec.sends_audio)
		put_track(tracks, mid++, "microphone");
	if (client->spec.sends_video)
		put_track(tracks, mid, "camera");
	bf_json_put_str(data, "pc", "publish");
	bf_json_put_str(data, "sdp", offer);
	bf_json_put(data, "tracks", tracks);
	send_message(client->session, "webrtc_offer", data);
}

static void answer(struct bench_client *client, const char *text)
{
	struct bf_json *data = bf_json_object();

	bf_json_put_str(data, "pc", "subscribe");
	bf_json_put_str(data, "sdp", text);
	send_message(client->session, "webrtc_answer", data);
}

static void leave(struct bench_client *client)
{
	struct belfry *belfry = client->session;

	belfry->is_leaving = true;
	send_message(belfry, "room:leave", bf_json_object());
}

static void free_belfry(struct bench_client *client)
{
	struct belfry *belfry = client->session;

	if (!belfry)
		return;
	bench_websocket_close(&belfry->websocket);
	free(belfry);
	client->session = NULL;
}

const struct bench_adapter bench_adapter_belfry = {
	.name = "belfry",
	.connect = connect_belfry,
	.publish = publish,
	.answer = answer,
	.leave = leave,
	.free = free_belfry,
};
