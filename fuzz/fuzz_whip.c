/* What strangers write into WHIP and WHEP requests: the first lines are fields, the rest is a body; POST, then PATCH and DELETE of
 * what came of it. Each exchange is answered once, by a status that HTTP knows. */
#include "signaling/rtc/hub.h"
#include "signaling/rtc/sdpfrag.h"
#include "signaling/rtc/whip.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define EXCHANGES 8

struct world {
	struct bf_rtc_hub hub;
	unsigned replies[EXCHANGES];
	char key[BF_RTC_WHIP_KEY_TEXT], etag[BF_RTC_WHIP_ETAG_TEXT];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int on_reply(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *reply)
{
	struct world *world = arg;

	assert(exchange_id < EXCHANGES);
	assert(world->replies[exchange_id]++ == 0);
	assert(reply->status >= 200 && reply->status < 600);
	assert((reply->status >= 400) == (reply->code != NULL));
	for (unsigned i = 0; i < reply->field_count; i++) {
		const char *value = reply->fields[i].value;

		for (size_t k = 0; value[k]; k++)
			assert((unsigned char)value[k] >= 0x20 && value[k] != 0x7f);
		if (strcmp(reply->fields[i].name, "Location") == 0)
			snprintf(world->key, sizeof(world->key), "%s", strrchr(value, '/') + 1);
		if (strcmp(reply->fields[i].name, "ETag") == 0)
			snprintf(world->etag, sizeof(world->etag), "%s", value);
	}
	return 0;
}

/* A worker that answers at once would come back into the hub while it is still posting: keep the request, answer later. */
static uint64_t pending_id;
static bool wants_sdp;

static int on_post(void *arg, unsigned worker, struct bf_msg *msg)
{
	const struct bf_media_answer *request = (const struct bf_media_answer *)msg;

	(void)arg;
	(void)worker;
	if (msg->kind != BF_MEDIA_LEAVE && request->request_id) {
		pending_id = request->request_id;
		wants_sdp = msg->kind == BF_MEDIA_OFFER || msg->kind == BF_MEDIA_RESTART;
	}
	bf_msg_free(msg);
	return 0;
}

static void answer(struct world *world)
{
	struct bf_media_sdp *sdp;
	struct bf_media_done *done;

	if (wants_sdp) {
		sdp = bf_msg_new(BF_MEDIA_SDP, sizeof(*sdp));
		sdp->request_id = pending_id;
		bf_rtc_hub_on_media(&world->hub, &sdp->msg);
	} else {
		done = bf_msg_new(BF_MEDIA_DONE, sizeof(*done));
		done->request_id = pending_id;
		bf_rtc_hub_on_media(&world->hub, &done->msg);
	}
}

/* The next line; an empty one means the field is absent. */
static struct bf_bytes take_line(struct bf_bytes *rest)
{
	struct bf_bytes line;
	const uint8_t *end;
	size_t len, taken;

	if (rest->len == 0)
		return bf_bytes(NULL, 0);
	end = memchr(rest->data, '\n', rest->len);
	len = end ? (size_t)(end - rest->data) : rest->len;
	line = bf_bytes(len ? rest->data : NULL, len);
	taken = end ? len + 1 : len;
	*rest = bf_bytes(rest->data + taken, rest->len - taken);
	return line;
}

static int verify(void *arg, struct bf_join_grants *out, struct bf_bytes token, int64_t now_s,
	const char **why)
{
	(void)arg;
	(void)now_s;
	if (!bf_bytes_is(token, "token")) {
		*why = "not a token";
		return -EBADMSG;
	}
	*out = (struct bf_join_grants){
		.room = "*", .grants = BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE};
	return 0;
}

static void run(struct world *world, struct bf_bytes rest)
{
	struct bf_rtc_whip_request request = {.exchange_id = 1};
	struct bf_bytes if_match;

	request.room = take_line(&rest);
	request.name = take_line(&rest);
	request.content_type = take_line(&rest);
	request.accept = take_line(&rest);
	request.authorization = take_line(&rest);
	if_match = take_line(&rest);
	request.body = rest;
	bf_rtc_whip_post(&world->hub, &request);
	answer(world);
	assert(world->replies[1] == 1);
	/* The same fields, and then ones that get as far as the body. */
	request.key = bf_bytes_str(world->key);
	for (request.exchange_id = 2; request.exchange_id < 5; request.exchange_id++) {
		request.if_match = if_match;
		if (request.exchange_id == 3)
			request.if_match = bf_bytes_str(world->etag);
		if (request.exchange_id == 4)
			request.if_match = bf_bytes_str("*");
		if (request.exchange_id > 2)
			request.content_type = bf_bytes_str("application/trickle-ice-sdpfrag");
		bf_rtc_whip_patch(&world->hub, &request);
		answer(world);
		assert(world->replies[request.exchange_id] == 1);
	}
	bf_rtc_whip_delete(&world->hub, &request);
	assert(world->replies[5] == 1);
}

static void check_fragment(struct bf_bytes text)
{
	struct bf_sdpfrag fragment;
	const char *why = NULL;

	if (bf_sdpfrag_parse(&fragment, text, &why) < 0) {
		assert(why);
		return;
	}
	assert(!fragment.ufrag.data == !fragment.pwd.data);
	assert(fragment.ufrag.len <= 256 && fragment.pwd.len <= 256);
	for (unsigned i = 0; i < fragment.candidate_count; i++)
		assert(fragment.candidates[i].data >= text.data &&
			fragment.candidates[i].data + fragment.candidates[i].len <=
				text.data + text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct bf_log *log;
	static struct bf_metrics *metrics;
	struct world *world = calloc(1, sizeof(*world));
	struct bf_rtc_hub_conf conf = {
		.version = "0",
		.media = {.arg = world, .worker_count = 1, .post = on_post},
		.room_participant_count_max = 3,
		.verify = verify,
		.reply = on_reply,
		.reply_arg = world,
	};

	if (!log &&
		(bf_log_new(&log, open("/dev/null", O_WRONLY), BF_LOG_LOGFMT, BF_LOG_ERROR) < 0 ||
			bf_metrics_new(&metrics) < 0))
		abort();
	conf.log = log;
	conf.metrics = metrics;
	pending_id = 0;
	assert(bf_rtc_hub_init(&world->hub, &conf) == 0);
	run(world, bf_bytes(data, len));
	check_fragment(bf_bytes(data, len));
	bf_rtc_hub_deinit(&world->hub);
	free(world);
	return 0;
}
