/* What strangers write into a WebSocket: lines of JSON into one session, beside another in the same room, with a worker that answers
 * as lines beginning with '!' say. Each frame that leaves is whole JSON, numbered without a gap, and answers one request. */
#include "signaling/rtc/hub.h"
#include "signaling/rtc/whip.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define POSTS_MAX 256

struct client {
	struct bf_rtc_session *session;
	int64_t last_seq;
};

struct world {
	struct bf_rtc_hub hub;
	struct client clients[2];
	struct bf_msg *posts[POSTS_MAX];
	unsigned post_count;
	bool is_busy;
	int64_t now_us;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int on_send(void *arg, struct bf_bytes text)
{
	struct client *client = arg;
	struct bf_json *json;
	struct bf_bytes type;
	int64_t seq;

	assert(bf_json_parse(&json, text, SIZE_MAX, NULL, 0) == 0);
	assert(bf_json_get_str(json, "type", &type) == 0);
	assert(bf_json_is_object(bf_json_get(json, "data")));
	if (bf_json_get_int(json, "seq", &seq) == 0) {
		assert(seq > 0);
		/* 0: a socket that has just been resumed, where numbers go back. */
		assert(client->last_seq == 0 || seq == client->last_seq + 1);
		client->last_seq = seq;
	} else {
		assert(bf_bytes_is(type, "connection:resumed"));
		client->last_seq = 0;
	}
	bf_json_free(json);
	return 0;
}

static void on_close(void *arg, int code, const char *reason)
{
	(void)arg;
	(void)code;
	(void)reason;
}

static void on_bind(void *arg, struct bf_rtc_session *session)
{
	struct client *client = arg;

	client->session = session;
}

static int on_post(void *arg, unsigned worker, struct bf_msg *msg)
{
	struct world *world = arg;

	assert(worker < world->hub.registry.conf.media.worker_count);
	if (world->is_busy || world->post_count == POSTS_MAX)
		return -ENOBUFS;
	world->posts[world->post_count++] = msg;
	return 0;
}

static int on_reply(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *reply)
{
	(void)arg;
	(void)exchange_id;
	(void)reply;
	return 0;
}

static void open_socket(struct world *world, struct client *client)
{
	const struct bf_rtc_sink sink = {client, on_send, on_close, on_bind};

	client->last_seq = 0;
	(void)bf_rtc_hub_open(&world->hub, &sink);
}

/* ---- the worker ---- */

static void answer(struct world *world, const struct bf_msg *asked, char how)
{
	const struct bf_media_answer *request = (const struct bf_media_answer *)asked;
	struct bf_media_done *done;
	struct bf_media_error *error;
	struct bf_media_sdp *sdp;

	if (asked->kind == BF_MEDIA_LEAVE || request->request_id == 0)
		return;
	if (how == 'e') {
		error = bf_msg_new(BF_MEDIA_ERROR, sizeof(*error));
		error->request_id = request->request_id;
		memcpy(error->code, "not_found", 10);
		bf_rtc_hub_on_media(&world->hub, &error->msg);
	} else if (how == 's' || asked->kind == BF_MEDIA_OFFER) {
		sdp = bf_msg_new(BF_MEDIA_SDP, sizeof(*sdp) + 4);
		sdp->request_id = request->request_id;
		sdp->sdp_len = 3;
		memcpy(sdp->sdp, "v=0", 3);
		bf_rtc_hub_on_media(&world->hub, &sdp->msg);
	} else {
		done = bf_msg_new(BF_MEDIA_DONE, sizeof(*done));
		done->request_id = request->request_id;
		bf_rtc_hub_on_media(&world->hub, &done->msg);
	}
}

static void answer_all(struct world *world, char how)
{
	/* An answer may make further posts. */
	while (world->post_count > 0) {
		struct bf_msg *msg = world->posts[--world->post_count];

		answer(world, msg, how);
		bf_msg_free(msg);
	}
}

/* An event about whoever the client is in a room: a track, its end, or an offer. */
static void event(struct world *world, const struct client *client, uint8_t which)
{
	const struct bf_rtc_participant *who =
		client->session ? client->session->participant : NULL;
	struct bf_media_track *track;
	struct bf_media_sdp *offer;

	if (!who)
		return;
	if (which % 2) {
		track = bf_msg_new(BF_MEDIA_TRACK, sizeof(*track));
		track->room_id = who->room->id;
		track->participant_id = who->id;
		track->track_id = 0xa1;
		track->event = which / 2 % 4;
		bf_rtc_hub_on_media(&world->hub, &track->msg);
	} else {
		offer = bf_msg_new(BF_MEDIA_SDP, sizeof(*offer));
		offer->is_offer = true;
		offer->room_id = who->room->id;
		offer->participant_id = who->id;
		bf_rtc_hub_on_media(&world->hub, &offer->msg);
	}
}

/* ---- lines ---- */

static void command(struct world *world, struct bf_bytes line)
{
	struct client *client = &world->clients[0];

	switch (line.len > 0 ? line.data[0] : 0) {
	case 'd':
	case 'e':
	case 's':
		answer_all(world, (char)line.data[0]);
		break;
	case 'b':
		world->is_busy = !world->is_busy;
		break;
	case 'l':
		if (client->session)
			bf_rtc_hub_lost(&world->hub, client->session);
		open_socket(world, client);
		break;
	case 'g':
		if (client->session)
			bf_rtc_hub_left(&world->hub, client->session);
		open_socket(world, client);
		break;
	case 't':
		world->now_us += line.len > 1 ? (int64_t)line.data[1] * BF_SEC(1) : BF_MS(100);
		bf_rtc_hub_set_time(&world->hub, world->now_us, BF_SEC(1795946400));
		bf_rtc_hub_expire(&world->hub);
		break;
	case 'v':
		event(world, &world->clients[line.len > 1 && line.data[1] & 1],
			line.len > 2 ? line.data[2] : 0);
		break;
	case '2':
		if (world->clients[1].session)
			bf_rtc_hub_receive(&world->hub, world->clients[1].session,
				bf_bytes(line.data + 1, line.len - 1));
		break;
	case 'c':
		bf_rtc_hub_close(&world->hub);
		break;
	}
}

/* "@" in a line stands for the first client's resume token, which no fuzzer can guess. */
static void say(struct world *world, struct bf_bytes line)
{
	struct client *client = &world->clients[0];
	const uint8_t *at = line.len ? memchr(line.data, '@', line.len) : NULL;
	char text[4096];
	size_t before = at ? (size_t)(at - line.data) : 0;
	static char token[BF_RTC_TOKEN_TEXT];
	struct bf_map_node *node = bf_map_next(&world->hub.sessions, NULL);

	if (!client->session)
		return;
	if (!at || !node || line.len > 4000) {
		bf_rtc_hub_receive(&world->hub, client->session, line);
		return;
	}
	memcpy(token, BF_CONTAINER(node, struct bf_rtc_session, by_token)->token, sizeof(token));
	memcpy(text, line.data, before);
	memcpy(text + before, token, strlen(token));
	memcpy(text + before + strlen(token), at + 1, line.len - before - 1);
	bf_rtc_hub_receive(
		&world->hub, client->session, bf_bytes(text, line.len - 1 + strlen(token)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct bf_log *log;
	static struct bf_metrics *metrics;
	struct world *world = calloc(1, sizeof(*world));
	struct bf_rtc_hub_conf conf = {
		.version = "0",
		.media = {.arg = world, .worker_count = 2, .post = on_post},
		.room_participant_count_max = 3,
		.reply = on_reply,
	};

	if (!log &&
		(bf_log_new(&log, open("/dev/null", O_WRONLY), BF_LOG_LOGFMT, BF_LOG_ERROR) < 0 ||
			bf_metrics_new(&metrics) < 0))
		abort();
	conf.log = log;
	conf.metrics = metrics;
	assert(bf_rtc_hub_init(&world->hub, &conf) == 0);
	bf_rtc_hub_set_time(&world->hub, 0, BF_SEC(1795946400));
	open_socket(world, &world->clients[0]);
	open_socket(world, &world->clients[1]);
	while (len > 0) {
		const uint8_t *end = memchr(data, '\n', len);
		size_t line_len = end ? (size_t)(end - data) : len;
		size_t taken = end ? line_len + 1 : line_len;

		if (line_len > 0 && data[0] == '!')
			command(world, bf_bytes(data + 1, line_len - 1));
		else
			say(world, bf_bytes(data, line_len));
		data += taken;
		len -= taken;
	}
	while (world->post_count > 0)
		bf_msg_free(world->posts[--world->post_count]);
	bf_rtc_hub_deinit(&world->hub);
	free(world);
	return 0;
}
