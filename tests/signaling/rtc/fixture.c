#include "tests/signaling/rtc/fixture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- workers ---- */

static int post(void *arg, unsigned worker, struct bf_msg *msg)
{
	struct fixture *f = arg;

	assert_true(worker < WORKERS);
	if ((f->is_busy && f->busy_after == 0) || worker + 1 == f->full_worker)
		return -ENOBUFS;
	if (f->is_busy)
		f->busy_after--;
	assert_true(f->post_count < FAKE_POSTS);
	f->posts[f->post_count++] = (struct fake_post){.worker = worker, .msg = msg};
	return 0;
}

void *take_post(struct fixture *f, enum bf_media_kind kind)
{
	struct bf_msg *msg;

	assert_true(f->post_read_count < f->post_count);
	msg = f->posts[f->post_read_count++].msg;
	assert_int_equal(msg->kind, kind);
	return msg;
}

void no_post(const struct fixture *f)
{
	assert_int_equal(f->post_read_count, f->post_count);
}

static void deliver(struct fixture *f, struct bf_msg *msg)
{
	bf_rtc_hub_on_media(&f->hub, msg);
}

void worker_done(struct fixture *f, uint64_t request_id)
{
	struct bf_media_done *msg = bf_msg_new(BF_MEDIA_DONE, sizeof(*msg));

	assert_non_null(msg);
	msg->request_id = request_id;
	deliver(f, &msg->msg);
}

static void answer_error(
	struct fixture *f, uint64_t request_id, const char *code, bool is_everywhere)
{
	struct bf_media_error *msg = bf_msg_new(BF_MEDIA_ERROR, sizeof(*msg));

	assert_non_null(msg);
	msg->request_id = request_id;
	msg->is_everywhere = is_everywhere;
	snprintf(msg->code, sizeof(msg->code), "%s", code);
	snprintf(msg->cause, sizeof(msg->cause), "the worker says so");
	deliver(f, &msg->msg);
}

void worker_error(struct fixture *f, uint64_t request_id, const char *code)
{
	answer_error(f, request_id, code, false);
}

void worker_refuse_everywhere(struct fixture *f, uint64_t request_id, const char *code)
{
	answer_error(f, request_id, code, true);
}

static struct bf_media_sdp *sdp_new(const char *sdp)
{
	struct bf_media_sdp *msg = bf_msg_new(BF_MEDIA_SDP, sizeof(*msg) + strlen(sdp) + 1);

	assert_non_null(msg);
	msg->sdp_len = (uint32_t)strlen(sdp);
	memcpy(msg->sdp, sdp, strlen(sdp));
	msg->track_count = 1;
	snprintf(msg->tracks[0].mid, sizeof(msg->tracks[0].mid), "0");
	msg->tracks[0].track_id = 0x7000;
	msg->tracks[0].participant_id = 0x8000;
	msg->tracks[0].is_video = 1;
	msg->tracks[0].source = BF_SOURCE_CAMERA;
	return msg;
}

void worker_answer(struct fixture *f, uint64_t request_id, const char *sdp)
{
	struct bf_media_sdp *msg = sdp_new(sdp);

	msg->request_id = request_id;
	msg->pc = BF_PC_PUBLISH;
	deliver(f, &msg->msg);
}

void worker_offer(struct fixture *f, uint64_t room_id, uint64_t participant_id, const char *sdp)
{
	struct bf_media_sdp *msg = sdp_new(sdp);

	msg->is_offer = true;
	msg->pc = BF_PC_SUBSCRIBE;
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	deliver(f, &msg->msg);
}

void worker_track(struct fixture *f, enum bf_track_event event, uint64_t room_id,
	uint64_t participant_id, uint64_t track_id)
{
	struct bf_media_track *msg = bf_msg_new(BF_MEDIA_TRACK, sizeof(*msg));

	assert_non_null(msg);
	msg->event = (uint8_t)event;
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	msg->track_id = track_id;
	msg->is_video = 1;
	msg->source = BF_SOURCE_CAMERA;
	msg->layer_count = 3;
	msg->muted = event == BF_TRACK_MUTED;
	/* All eight bytes: no NUL follows. */
	memcpy(msg->codec, "VP8/TEST", sizeof(msg->codec));
	deliver(f, &msg->msg);
}

void worker_pc(struct fixture *f, uint64_t room_id, uint64_t participant_id, enum bf_pc_state state)
{
	struct bf_media_pc_state *msg = bf_msg_new(BF_MEDIA_PC_STATE, sizeof(*msg));

	assert_non_null(msg);
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	msg->pc = BF_PC_SUBSCRIBE;
	msg->state = (uint8_t)state;
	deliver(f, &msg->msg);
}

/* ---- HTTP ---- */

static int reply(void *arg, uint64_t exchange_id, const struct bf_rtc_whip_reply *what)
{
	struct fixture *f = arg;
	struct fake_reply *kept = &f->replies[f->reply_count];

	if (exchange_id == f->gone_exchange_id)
		return -ENOENT;
	assert_true(f->reply_count < FAKE_REPLIES);
	for (size_t i = 0; i < f->reply_count; i++)
		assert_true(f->replies[i].exchange_id != exchange_id); /* exactly once */
	f->reply_count++;
	memset(kept, 0, sizeof(*kept));
	kept->exchange_id = exchange_id;
	kept->status = what->status;
	snprintf(kept->code, sizeof(kept->code), "%s", what->code ? what->code : "");
	snprintf(kept->content_type, sizeof(kept->content_type), "%s",
		what->content_type ? what->content_type : "");
	snprintf(kept->body, sizeof(kept->body), "%.*s", (int)what->body.len,
		what->body.len ? (const char *)what->body.data : "");
	for (unsigned i = 0; i < what->field_count; i++) {
		const char *name = what->fields[i].name;
		const char *value = what->fields[i].value;

		if (strcmp(name, "Location") == 0)
			snprintf(kept->location, sizeof(kept->location), "%s", value);
		if (strcmp(name, "ETag") == 0)
			snprintf(kept->etag, sizeof(kept->etag), "%s", value);
		if (strcmp(name, "WWW-Authenticate") == 0)
			snprintf(kept->authenticate, sizeof(kept->authenticate), "%s", value);
		if (strcmp(name, "Link") == 0) {
			snprintf(kept->link, sizeof(kept->link), "%s", value);
			kept->link_count++;
		}
	}
	return 0;
}

const struct fake_reply *last_reply(const struct fixture *f)
{
	assert_true(f->reply_count > 0);
	return &f->replies[f->reply_count - 1];
}

/* ---- tokens: "room,name,grants" or "room,name,grants,org" where grants is some of "psd" ---- */

static int verify(void *arg, struct bf_join_grants *out, struct bf_bytes token, int64_t now_s,
	const char **why)
{
	char text[128], room[64] = "", name[64] = "", grants[8] = "", org[64] = "";

	(void)arg;
	assert_int_equal(now_s, WALL_US / 1000000);
	snprintf(text, sizeof(text), "%.*s", (int)token.len, (const char *)token.data);
	if (sscanf(text, "%63[^,],%63[^,],%7[^,],%63s", room, name, grants, org) < 3) {
		*why = "not a token";
		return -EBADMSG;
	}
	memset(out, 0, sizeof(*out));
	snprintf(out->room, sizeof(out->room), "%s", room);
	snprintf(out->name, sizeof(out->name), "%s", strcmp(name, "-") == 0 ? "" : name);
	snprintf(out->org, sizeof(out->org), "%s", org);
	out->grants |= strchr(grants, 'p') ? BF_GRANT_PUBLISH : 0;
	out->grants |= strchr(grants, 's') ? BF_GRANT_SUBSCRIBE : 0;
	out->grants |= strchr(grants, 'd') ? BF_GRANT_DATA : 0;
	return 0;
}

/* ---- life ---- */

static void on_presence(void *arg, const struct bf_rtc_presence *presence, bool is_here)
{
	struct fixture *f = arg;
	size_t len = strlen(f->presence);

	assert_true(presence->wall_us >= WALL_US);
	snprintf(f->presence + len, sizeof(f->presence) - len, "%s%s %s %s/%s;",
		is_here ? "+" : "-", presence->kind, presence->name, presence->org, presence->room);
}

static char *const ice_urls[] = {(char *)(uintptr_t) "stun:stun.example:3478",
	(char *)(uintptr_t) "turn:turn.example:3478?transport=udp"};

void fixture_init(struct fixture *f, bool with_tokens)
{
	struct bf_rtc_hub_conf conf = {
		.version = "1.2.3",
		.media = {.arg = f, .worker_count = WORKERS, .post = post},
		.ice_servers = {.urls = ice_urls, .url_count = 2, .turn_secret = "north"},
		.room_participant_count_max = ROOM_MAX,
		.verify = with_tokens ? verify : NULL,
		.reply = reply,
		.reply_arg = f,
		.on_presence = on_presence,
		.presence_arg = f,
	};

	memset(f, 0, sizeof(*f));
	f->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(bf_log_new(&f->log, f->null_fd, BF_LOG_LOGFMT, BF_LOG_DEBUG), 0);
	assert_int_equal(bf_metrics_new(&f->metrics), 0);
	conf.log = f->log;
	conf.metrics = f->metrics;
	assert_int_equal(bf_rtc_hub_init(&f->hub, &conf), 0);
	f->now_us = START_US;
	bf_rtc_hub_set_time(&f->hub, f->now_us, WALL_US);
}

void fixture_deinit(struct fixture *f)
{
	bf_rtc_hub_deinit(&f->hub);
	for (size_t i = 0; i < f->post_count; i++)
		bf_msg_free(f->posts[i].msg);
	bf_metrics_free(f->metrics);
	bf_log_free(f->log);
	close(f->null_fd);
}

static int set_up(void **state, bool with_tokens)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	fixture_init(f, with_tokens);
	*state = f;
	return 0;
}

int fixture_set_up(void **state)
{
	return set_up(state, false);
}

int fixture_set_up_tokens(void **state)
{
	return set_up(state, true);
}

int fixture_tear_down(void **state)
{
	fixture_deinit(*state);
	free(*state);
	return 0;
}

void fixture_pass(struct fixture *f, int64_t us)
{
	int64_t end_us = f->now_us + us;

	for (;;) {
		int64_t at_us = bf_rtc_hub_deadline_us(&f->hub);

		if (at_us > end_us)
			break;
		f->now_us = at_us > f->now_us ? at_us : f->now_us;
		bf_rtc_hub_set_time(&f->hub, f->now_us, WALL_US);
		bf_rtc_hub_expire(&f->hub);
		/* Whatever was due is done, or the loop would spin. */
		assert_true(bf_rtc_hub_deadline_us(&f->hub) > f->now_us);
	}
	f->now_us = end_us;
	bf_rtc_hub_set_time(&f->hub, f->now_us, WALL_US);
}

/* ---- clients ---- */

static int sink_send(void *arg, struct bf_bytes text)
{
	struct fake_socket *socket = arg;
	char why[128];

	if (socket->send_result)
		return socket->send_result;
	assert_int_equal(socket->close_code, 0);
	assert_true(socket->frame_count < FAKE_FRAMES);
	assert_int_equal(bf_json_parse(&socket->frames[socket->frame_count], text, SIZE_MAX, why,
				 sizeof(why)),
		0);
	socket->frame_count++;
	return 0;
}

static void sink_close(void *arg, int code, const char *reason)
{
	struct fake_socket *socket = arg;

	assert_true(strlen(reason) <= 120);
	socket->close_code = code;
}

static void sink_bind(void *arg, struct bf_rtc_session *session)
{
	struct fake_socket *socket = arg;

	socket->session = session;
}

struct fake_socket *socket_open(struct fixture *f)
{
	struct fake_socket *socket = calloc(1, sizeof(*socket));
	struct bf_rtc_sink sink = {
		.arg = socket, .send = sink_send, .close = sink_close, .bind = sink_bind};

	assert_non_null(socket);
	assert_int_equal(bf_rtc_hub_open(&f->hub, &sink), 0);
	assert_non_null(socket->session);
	return socket;
}

void socket_lose(struct fixture *f, struct fake_socket *socket)
{
	if (socket->session)
		bf_rtc_hub_lost(&f->hub, socket->session);
	assert_null(socket->session);
}

void socket_free(struct fixture *f, struct fake_socket *socket)
{
	socket_lose(f, socket);
	for (size_t i = 0; i < socket->frame_count; i++)
		bf_json_free(socket->frames[i]);
	free(socket);
}

void say_raw(struct fixture *f, struct fake_socket *socket, const char *text)
{
	assert_non_null(socket->session);
	bf_rtc_hub_receive(&f->hub, socket->session, bf_bytes_str(text));
}

const char *say(struct fixture *f, struct fake_socket *socket, const char *type, const char *data)
{
	static char id[16];
	size_t size = strlen(type) + strlen(data) + 64;
	char *text = malloc(size);

	assert_non_null(text);
	snprintf(id, sizeof(id), "%u", ++f->next_id);
	snprintf(
		text, size, "{\"type\":\"%s\",\"id\":\"%s\",\"ts\":1,\"data\":%s}", type, id, data);
	say_raw(f, socket, text);
	free(text);
	return id;
}

const char *member_str(const struct bf_json *object, const char *name)
{
	struct bf_bytes text;

	assert_int_equal(bf_json_get_str(object, name, &text), 0);
	return (const char *)text.data;
}

const struct bf_json *hear(struct fake_socket *socket, const char *type)
{
	const struct bf_json *frame;

	if (socket->read_count == socket->frame_count)
		fail_msg("nothing more to hear; wanted %s", type);
	frame = socket->frames[socket->read_count++];
	assert_string_equal(member_str(frame, "type"), type);
	assert_int_equal(member_int(frame, "ts"), WALL_US / 1000);
	return frame;
}

void hear_nothing(const struct fake_socket *socket)
{
	if (socket->read_count != socket->frame_count)
		fail_msg("heard %s", member_str(socket->frames[socket->read_count], "type"));
}

void hear_all(struct fake_socket *socket)
{
	socket->read_count = socket->frame_count;
}

const struct bf_json *data_of(const struct bf_json *frame)
{
	const struct bf_json *data = bf_json_get(frame, "data");

	assert_true(data && bf_json_is_object(data));
	return data;
}

void hear_error(struct fake_socket *socket, const char *code, const char *id)
{
	const struct bf_json *frame = hear(socket, "error");

	assert_member(data_of(frame), "code", code);
	if (id) {
		assert_member(frame, "id", id);
		assert_member(data_of(frame), "ref", id);
	}
	assert_true(strlen(member_str(data_of(frame), "message")) > 0);
}

void assert_member(const struct bf_json *object, const char *name, const char *value)
{
	assert_string_equal(member_str(object, name), value);
}

int64_t member_int(const struct bf_json *object, const char *name)
{
	int64_t value;

	assert_int_equal(bf_json_get_int(object, name, &value), 0);
	return value;
}

uint64_t member_id(const struct bf_json *object, const char *name)
{
	char *end;
	const char *text = member_str(object, name);
	uint64_t id = strtoull(text, &end, 16);

	assert_int_equal(strlen(text), 16);
	assert_int_equal(*end, 0);
	return id;
}

void assert_member_id(const struct bf_json *object, const char *name, uint64_t id)
{
	assert_true(member_id(object, name) == id);
}

struct joined join(
	struct fixture *f, struct fake_socket *socket, const char *room, const char *name)
{
	const struct bf_media_join *msg;
	struct joined joined;
	char data[256];

	hear_all(socket);
	snprintf(data, sizeof(data), "{\"room\":\"%s\",\"name\":\"%s\"}", room, name);
	say(f, socket, "room:join", data);
	msg = take_post(f, BF_MEDIA_JOIN);
	joined.room_id = msg->room_id;
	joined.participant_id = msg->participant_id;
	worker_done(f, msg->request_id);
	hear(socket, "room:joined");
	hear_nothing(socket);
	return joined;
}
