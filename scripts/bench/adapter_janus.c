/* Janus' videoroom plugin over the HTTP API: a session for each client with a request connection and a long poll, a handle
 * to publish and one to subscribe, which carries the streams of all publishers (Janus 1.x).
 *
 *   connect     create
 *   publish     attach, joinandconfigure with the offer; the answer comes as an event
 *   subscribe   attach, join as subscriber; the offer comes as an event; start with the answer. Publishers that come later
 *               are told by events and added with "subscribe", which brings the next offer
 *   leave       destroy
 *
 * Source: the documentation of the HTTP transport and of the videoroom plugin, as of Janus 1.1. */
#include "core/base/json.h"
#include "scripts/bench/adapter.h"
#include "scripts/bench/http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define BASE_PATH    "/janus"
#define PLUGIN	     "janus.plugin.videoroom"
#define QUEUE_MAX    8 /* requests of one client that wait for the one before */
#define PATH_BYTES   96
#define ROOM_OF(n)   ((int64_t)(n) + 1) /* Janus wants positive numbers */
#define FEED_OF(n)   ((int64_t)(n) + 1)
#define EXISTS_ERROR 427 /* a room of that number is there */
#define PREPARE_NS   10000000000

enum step {
	STEP_CREATE,
	STEP_ATTACH_PUBLISHER,
	STEP_ATTACH_SUBSCRIBER,
	STEP_MESSAGE, /* acknowledged at once, the result is an event */
	STEP_DESTROY,
};

struct request {
	enum step step;
	int64_t handle;	      /* 0: to the session */
	struct bf_json *json; /* owned */
};

struct janus {
	struct bench_client *client;
	struct bench_http call, poll;
	int64_t session, publisher, subscriber; /* ids; 0: none yet */
	struct request queue[QUEUE_MAX];	/* the first is under way */
	unsigned queue_count;
	char *offer;		       /* that waits for the publisher's handle */
	int64_t feeds[BENCH_SECTIONS]; /* publishers that are not subscribed to yet */
	unsigned feed_count;
	bool is_subscribing; /* until Janus has confirmed our answer */
	bool has_joined;     /* the subscriber's handle has streams */
};

/* ---- requests ---- */

static void send_next(struct janus *janus);

static struct bf_json *make(const char *verb)
{
	struct bf_json *json = bf_json_object();

	bf_json_put_str(json, "janus", verb);
	bf_json_put_str(json, "transaction",
		"bench"); /* one request at a time: no need to tell them apart */
	return json;
}

static void enqueue(struct janus *janus, enum step step, int64_t handle, struct bf_json *json)
{
	if (janus->queue_count == QUEUE_MAX) {
		bf_json_free(json);
		bench_client_fail(janus->client, "too many requests at once");
		return;
	}
	janus->queue[janus->queue_count++] =
		(struct request){.step = step, .handle = handle, .json = json};
	if (janus->queue_count == 1)
		send_next(janus);
}

static void attach(struct janus *janus, enum step step)
{
	struct bf_json *json = make("attach");

	bf_json_put_str(json, "plugin", PLUGIN);
	enqueue(janus, step, 0, json);
}

static void message(struct janus *janus, int64_t handle, struct bf_json *body, const char *type,
	const char *sdp)
{
	struct bf_json *json = make("message");

	bf_json_put(json, "body", body);
	if (sdp) {
		struct bf_json *jsep = bf_json_object();
		bf_json_put_str(jsep, "type", type);
		bf_json_put_str(jsep, "sdp", sdp);
		bf_json_put_bool(jsep, "trickle", false); /* our only candidate is in it */
		bf_json_put(json, "jsep", jsep);
	}
	enqueue(janus, STEP_MESSAGE, handle, json);
}

static struct bf_json *body_of(const char *request)
{
	struct bf_json *body = bf_json_object();

	bf_json_put_str(body, "request", request);
	return body;
}

/* ---- publishing and subscribing ---- */

static void join_and_publish(struct janus *janus)
{
	const struct bench_client_spec *spec = &janus->client->spec;
	struct bf_json *body = body_of("joinandconfigure");

	bf_json_put_str(body, "ptype", "publisher");
	bf_json_put_int(body, "room", ROOM_OF(spec->room));
	bf_json_put_int(body, "id", FEED_OF(spec->number));
	message(janus, janus->publisher, body, "offer", janus->offer);
	free(janus->offer);
	janus->offer = NULL;
}

/* Ask for all publishers that are known and not subscribed to. One such request at a time: each ends in an offer. */
static void ask_for_feeds(struct janus *janus)
{
	struct bf_json *body, *streams;

	if (janus->feed_count == 0 || janus->is_subscribing || !janus->client->spec.receives)
		return;
	janus->is_subscribing = true;
	if (janus->subscriber == 0) {
		attach(janus, STEP_ATTACH_SUBSCRIBER);
		return;
	}
	body = body_of(janus->has_joined ? "subscribe" : "join");
	if (!janus->has_joined) {
		bf_json_put_str(body, "ptype", "subscriber");
		bf_json_put_int(body, "room", ROOM_OF(janus->client->spec.room));
	}
	streams = bf_json_array();
	for (unsigned i = 0; i < janus->feed_count; i++) {
		struct bf_json *stream = bf_json_object();
		bf_json_put_int(stream, "feed", janus->feeds[i]);
		bf_json_push(streams, stream);
	}
	bf_json_put(body, "streams", streams);
	janus->feed_count = 0;
	janus->has_joined = true;
	message(janus, janus->subscriber, body, NULL, NULL);
}

static void add_feed(struct janus *janus, int64_t feed)
{
	if (janus->feed_count == BENCH_SECTIONS)
		bench_client_fail(janus->client, "too many publishers");
	else
		janus->feeds[janus->feed_count++] = feed;
}

/* ---- events ---- */

static void on_jsep(struct janus *janus, const struct bf_json *jsep)
{
	struct bf_bytes type, sdp;

	if (bf_json_get_str(jsep, "type", &type) || bf_json_get_str(jsep, "sdp", &sdp))
		return;
	if (bf_bytes_is(type, "answer"))
		bench_client_published(janus->client, (const char *)sdp.data);
	else if (bf_bytes_is(type, "offer"))
		bench_client_offered(janus->client, (const char *)sdp.data);
}

static void on_publishers(struct janus *janus, const struct bf_json *publishers)
{
	int64_t id;

	for (size_t i = 0; i < bf_json_count(publishers); i++)
		if (bf_json_get_int(bf_json_at(publishers, i), "id", &id) == 0)
			add_feed(janus, id);
	ask_for_feeds(janus);
}

static void on_plugin_event(struct janus *janus, const struct bf_json *event)
{
	const struct bf_json *plugin = bf_json_get(event, "plugindata");
	const struct bf_json *data = plugin ? bf_json_get(plugin, "data") : NULL;
	const struct bf_json *jsep = bf_json_get(event, "jsep"), *publishers;
	struct bf_bytes text;
	bool is_done;

	if (!data)
		return;
	if (bf_json_get_str(data, "error", &text) == 0) {
		bench_client_fail(janus->client, "Janus: %s", (const char *)text.data);
		return;
	}
	publishers = bf_json_get(data, "publishers");
	if (publishers)
		on_publishers(janus, publishers);
	if (jsep)
		on_jsep(janus, jsep);
	is_done = bf_json_get(data, "started") ||
		  (!jsep && bf_json_get_str(data, "videoroom", &text) == 0 &&
			  bf_bytes_is(text, "updated"));
	if (is_done && janus->is_subscribing) {
		janus->is_subscribing = false;
		ask_for_feeds(janus);
	}
}

static void on_event(struct janus *janus, const struct bf_json *event)
{
	struct bf_bytes kind, reason;

	if (bf_json_get_str(event, "janus", &kind))
		return;
	if (bf_bytes_is(kind, "event"))
		on_plugin_event(janus, event);
	else if (bf_bytes_is(kind, "hangup"))
		bench_client_fail(janus->client, "Janus hung up: %s",
			bf_json_get_str(event, "reason", &reason) == 0 ? (const char *)reason.data
								       : "no reason");
	else if (bf_bytes_is(kind, "timeout"))
		bench_client_fail(janus->client, "Janus ended the session");
}

/* ---- HTTP ---- */

static struct bf_json *read_body(struct bench_http *http)
{
	char *body = bench_http_body(http);
	struct bf_json *json = NULL;

	if (body)
		(void)bf_json_parse(&json, bf_bytes_str(body), BENCH_HTTP_MAX, NULL, 0);
	free(body);
	return json;
}

static void poll(struct janus *janus);

static void on_poll(void *arg, struct bench_http *http)
{
	struct janus *janus = arg;
	struct bf_json *json = read_body(http);

	if (!json) {
		bench_client_fail(janus->client, "the long poll ended");
		return;
	}
	poll(janus);
	if (bf_json_is_array(json))
		for (size_t i = 0; i < bf_json_count(json); i++)
			on_event(janus, bf_json_at(json, i));
	else
		on_event(janus, json);
	bf_json_free(json);
}

static void poll(struct janus *janus)
{
	char path[PATH_BYTES];
	struct bench_http_request request = {
		.method = "GET", .path = path, .is_kept = true, .arg = janus, .on_done = on_poll};

	snprintf(path, sizeof(path), BASE_PATH "/%" PRId64 "?maxev=10", janus->session);
	if (bench_http_start(&janus->poll, janus->client->bench, &request) < 0)
		bench_client_fail(janus->client, "cannot poll");
}

/* What follows from an answer; `id` is the one it brings, or 0. */
static void on_step(struct janus *janus, enum step step, int64_t id)
{
	switch (step) {
	case STEP_CREATE:
		janus->session = id;
		poll(janus);
		bench_client_connected(janus->client);
		return;
	case STEP_ATTACH_PUBLISHER:
		janus->publisher = id;
		join_and_publish(janus);
		return;
	case STEP_ATTACH_SUBSCRIBER:
		janus->subscriber = id;
		janus->is_subscribing = false;
		ask_for_feeds(janus);
		return;
	case STEP_MESSAGE:
		return;
	case STEP_DESTROY:
		bench_client_left(janus->client, true);
		return;
	}
}

static void on_call(void *arg, struct bench_http *http)
{
	struct janus *janus = arg;
	struct request request = janus->queue[0];
	struct bf_json *json = read_body(http);
	const struct bf_json *data = json ? bf_json_get(json, "data") : NULL;
	const struct bf_json *error = json ? bf_json_get(json, "error") : NULL;
	struct bf_bytes reason;
	int64_t id = 0;

	bf_json_free(request.json);
	janus->queue_count--;
	memmove(janus->queue, janus->queue + 1, janus->queue_count * sizeof(janus->queue[0]));
	if (data)
		(void)bf_json_get_int(data, "id", &id);
	if (!json || error) {
		bench_client_fail(janus->client, "Janus: %s",
			error && bf_json_get_str(error, "reason", &reason) == 0
				? (const char *)reason.data
				: "no answer by HTTP");
		bench_client_left(janus->client, false);
	} else {
		on_step(janus, request.step, id);
		if (janus->queue_count > 0 && !janus->call.is_busy)
			send_next(janus);
	}
	bf_json_free(json);
}

static void send_next(struct janus *janus)
{
	const struct request *next = &janus->queue[0];
	char path[PATH_BYTES] = BASE_PATH;
	char *body = bf_json_print(next->json, NULL);
	struct bench_http_request request = {.method = "POST",
		.path = path,
		.content_type = "application/json",
		.body = body,
		.is_kept = true,
		.arg = janus,
		.on_done = on_call};

	if (next->handle)
		snprintf(path, sizeof(path), BASE_PATH "/%" PRId64 "/%" PRId64, janus->session,
			next->handle);
	else if (janus->session)
		snprintf(path, sizeof(path), BASE_PATH "/%" PRId64, janus->session);
	if (!body || bench_http_start(&janus->call, janus->client->bench, &request) < 0)
		bench_client_fail(janus->client, "cannot send a request");
	free(body);
}

/* ---- the table ---- */

static void connect_janus(struct bench_client *client)
{
	struct janus *janus = calloc(1, sizeof(*janus));

	client->session = janus;
	if (!janus) {
		bench_client_fail(client, "no memory");
		return;
	}
	janus->client = client;
	enqueue(janus, STEP_CREATE, 0, make("create"));
}

static void publish(struct bench_client *client, const char *offer)
{
	struct janus *janus = client->session;

	janus->offer = strdup(offer);
	attach(janus, STEP_ATTACH_PUBLISHER);
}

/* Who only watches is told by its application whom; who takes part learns it from the room's events. */
static void subscribe(struct bench_client *client, const char *offer)
{
	struct janus *janus = client->session;

	(void)offer; /* Janus offers */
	if (!bench_client_sends(client)) {
		add_feed(janus, FEED_OF(client->spec.plays));
		ask_for_feeds(janus);
	}
}

static void answer(struct bench_client *client, const char *text)
{
	struct janus *janus = client->session;

	message(janus, janus->subscriber, body_of("start"), "answer", text);
}

static void leave(struct bench_client *client)
{
	struct janus *janus = client->session;

	bench_http_close(&janus->poll);
	if (janus->session == 0)
		bench_client_left(client, false);
	else
		enqueue(janus, STEP_DESTROY, 0, make("destroy"));
}

static void free_janus(struct bench_client *client)
{
	struct janus *janus = client->session;

	if (!janus)
		return;
	bench_http_close(&janus->call);
	bench_http_close(&janus->poll);
	for (unsigned i = 0; i < janus->queue_count; i++)
		bf_json_free(janus->queue[i].json);
	free(janus->offer);
	free(janus);
	client->session = NULL;
}

/* ---- rooms ---- */

struct setup {
	struct bench_http http;
	struct bf_json *answer;
};

static void on_setup(void *arg, struct bench_http *http)
{
	struct setup *setup = arg;

	setup->answer = read_body(http);
}

/* One request, and the loop until it is answered. The caller frees the answer; NULL: none. */
static struct bf_json *ask(
	struct setup *setup, struct bench *bench, const char *path, struct bf_json *json)
{
	char *body = bf_json_print(json, NULL);
	struct bench_http_request request = {.method = "POST",
		.path = path,
		.content_type = "application/json",
		.body = body,
		.is_kept = true,
		.arg = setup,
		.on_done = on_setup};
	int64_t end_ns = bench_now_ns() + PREPARE_NS;

	setup->answer = NULL;
	if (body && bench_http_start(&setup->http, bench, &request) == 0)
		while (setup->http.is_busy && bench_now_ns() < end_ns)
			bench_turn(bench, end_ns);
	free(body);
	bf_json_free(json);
	return setup->answer;
}

/* The id that an answer brings, 0 if it brings none. */
static int64_t ask_for_id(
	struct setup *setup, struct bench *bench, const char *path, struct bf_json *json)
{
	struct bf_json *answer = ask(setup, bench, path, json);
	const struct bf_json *data = answer ? bf_json_get(answer, "data") : NULL;
	int64_t id = 0;

	if (data)
		(void)bf_json_get_int(data, "id", &id);
	bf_json_free(answer);
	return id;
}

/* No limit on the bit rate, nobody is told who merely watches, and audio levels make no events. */
static struct bf_json *make_room(unsigned number, unsigned client_count)
{
	struct bf_json *json = make("message"), *body = body_of("create");

	bf_json_put_int(body, "room", ROOM_OF(number));
	bf_json_put_int(body, "publishers", client_count);
	bf_json_put_int(body, "bitrate", 0);
	bf_json_put_str(body, "audiocodec", "opus");
	bf_json_put_str(body, "videocodec", "vp8");
	bf_json_put_bool(body, "audiolevel_event", false);
	bf_json_put_bool(body, "notify_joining", false);
	bf_json_put(json, "body", body);
	return json;
}

static bool create_room(struct setup *setup, struct bench *bench, const char *path, unsigned number,
	unsigned client_count)
{
	struct bf_json *answer = ask(setup, bench, path, make_room(number, client_count));
	const struct bf_json *plugin = answer ? bf_json_get(answer, "plugindata") : NULL;
	const struct bf_json *data = plugin ? bf_json_get(plugin, "data") : NULL;
	int64_t code;
	bool is_there =
		data && (bf_json_get_int(data, "error_code", &code) || code == EXISTS_ERROR);

	bf_json_free(answer);
	return is_there;
}

static int prepare(struct bench *bench, unsigned room_count, unsigned client_count)
{
	struct setup setup = {.http.source.fd = -1};
	struct bf_json *json = make("attach");
	char path[PATH_BYTES];
	int64_t session, handle;
	bool is_done;

	bf_json_put_str(json, "plugin", PLUGIN);
	session = ask_for_id(&setup, bench, BASE_PATH, make("create"));
	snprintf(path, sizeof(path), BASE_PATH "/%" PRId64, session);
	handle = ask_for_id(&setup, bench, path, json);
	is_done = session && handle;
	for (unsigned i = 0; is_done && i < room_count; i++) {
		snprintf(path, sizeof(path), BASE_PATH "/%" PRId64 "/%" PRId64, session, handle);
		is_done = create_room(&setup, bench, path, i, client_count);
	}
	snprintf(path, sizeof(path), BASE_PATH "/%" PRId64, session);
	if (session)
		bf_json_free(ask(&setup, bench, path, make("destroy")));
	bench_http_close(&setup.http);
	if (!is_done)
		fprintf(stderr, "belfry-bench: Janus does not make rooms\n");
	return is_done ? 0 : -EPROTO;
}

const struct bench_adapter bench_adapter_janus = {
	.name = "janus",
	.prepare = prepare,
	.connect = connect_janus,
	.publish = publish,
	.subscribe = subscribe,
	.answer = answer,
	.leave = leave,
	.free = free_janus,
};
