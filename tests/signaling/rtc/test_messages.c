/* Every message type right, and every field of it missing, of another type, too long, or out of its range: the answer is an
 * error that names the field, nothing reaches a worker, and the session goes on. */
#include "tests/signaling/rtc/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID   "\"00000000000000a1\""
#define F64  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define LONG "{LONG}" /* becomes 5000 letters */

enum where {
	OPEN,
	JOINED,
};

struct wrong {
	enum where where;
	const char *type;
	const char *data;
	const char *field; /* that the message must name */
};

static const struct wrong wrongs[] = {
	{OPEN, "connection:resume", "{\"last_seq\":1}", "data.token"},
	{OPEN, "connection:resume", "{\"token\":7,\"last_seq\":1}", "data.token"},
	{OPEN, "connection:resume", "{\"token\":\"\",\"last_seq\":1}", "data.token"},
	{OPEN, "connection:resume", "{\"token\":\"" LONG "\",\"last_seq\":1}", "data.token"},
	{OPEN, "connection:resume", "{\"token\":\"t\"}", "data.last_seq"},
	{OPEN, "connection:resume", "{\"token\":\"t\",\"last_seq\":\"1\"}", "data.last_seq"},
	{OPEN, "connection:resume", "{\"token\":\"t\",\"last_seq\":1.5}", "data.last_seq"},
	{OPEN, "connection:resume", "{\"token\":\"t\",\"last_seq\":-1}", "data.last_seq"},
	{OPEN, "room:join", "{\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":null,\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":7,\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":\"\",\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":\"a b\",\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":\"*\",\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":\"" F64 "f\",\"name\":\"Ada\"}", "data.room"},
	{OPEN, "room:join", "{\"room\":\"demo\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":[]}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"a\\nb\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"a\\u007f\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"a\\u0085\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"a\\u202e\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"" F64 "f\"}", "data.name"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\",\"token\":7}", "data.token"},
	{OPEN, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"" LONG "\"}",
		"data.token"},
	{JOINED, "webrtc_offer", "{\"sdp\":\"v=0\",\"tracks\":[]}", "data.pc"},
	{JOINED, "webrtc_offer", "{\"pc\":\"subscribe\",\"sdp\":\"v=0\",\"tracks\":[]}", "data.pc"},
	{JOINED, "webrtc_offer", "{\"pc\":0,\"sdp\":\"v=0\",\"tracks\":[]}", "data.pc"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"tracks\":[]}", "data.sdp"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":{},\"tracks\":[]}", "data.sdp"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"\",\"tracks\":[]}", "data.sdp"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\"}", "data.tracks"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":{}}",
		"data.tracks"},
	{JOINED, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[7]}",
		"data.tracks[0]"},
	{JOINED, "webrtc_offer",
		"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":\"0\",\"source\":"
		"\"camera\"},"
		"{\"source\":\"camera\"}]}",
		"data.tracks[1].mid"},
	{JOINED, "webrtc_offer",
		"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":0,\"source\":\"camera\"}]"
		"}",
		"data.tracks[0].mid"},
	{JOINED, "webrtc_offer",
		"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":"
		"\"123456789012345678901234567890123\","
		"\"source\":\"camera\"}]}",
		"data.tracks[0].mid"},
	{JOINED, "webrtc_offer",
		"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":\"0\",\"source\":"
		"\"webcam\"}]}",
		"data.tracks[0].source"},
	{JOINED, "webrtc_offer",
		"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":\"0\"}]}",
		"data.tracks[0].source"},
	{JOINED, "webrtc_answer", "{\"sdp\":\"v=0\"}", "data.pc"},
	{JOINED, "webrtc_answer", "{\"pc\":\"publish\",\"sdp\":\"v=0\"}", "data.pc"},
	{JOINED, "webrtc_answer", "{\"pc\":\"subscribe\"}", "data.sdp"},
	{JOINED, "webrtc_answer", "{\"pc\":\"subscribe\",\"sdp\":true}", "data.sdp"},
	{JOINED, "ice_candidate", "{\"candidate\":null}", "data.pc"},
	{JOINED, "ice_candidate", "{\"pc\":\"both\",\"candidate\":null}", "data.pc"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\"}", "data.candidate"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":7}", "data.candidate"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":\"a\\r\\nb\"}",
		"data.candidate"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":\"" LONG "\"}",
		"data.candidate"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":null,\"mid\":7}", "data.mid"},
	{JOINED, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":null,\"mid\":\"" LONG "\"}",
		"data.mid"},
	{JOINED, "ice_restart", "{}", "data.pc"},
	{JOINED, "ice_restart", "{\"pc\":\"publish\"}", "data.pc"},
	{JOINED, "track:mute", "{\"muted\":true}", "data.track_id"},
	{JOINED, "track:mute", "{\"track_id\":\"a1\",\"muted\":true}", "data.track_id"},
	{JOINED, "track:mute", "{\"track_id\":\"0000000000000000\",\"muted\":true}",
		"data.track_id"},
	{JOINED, "track:mute", "{\"track_id\":161,\"muted\":true}", "data.track_id"},
	{JOINED, "track:mute", "{\"track_id\":" ID "}", "data.muted"},
	{JOINED, "track:mute", "{\"track_id\":" ID ",\"muted\":1}", "data.muted"},
	{JOINED, "track:mute", "{\"track_id\":" ID ",\"muted\":null}", "data.muted"},
	{JOINED, "track:layer", "{\"layer\":1}", "data.track_id"},
	{JOINED, "track:layer", "{\"track_id\":" ID "}", "data.layer"},
	{JOINED, "track:layer", "{\"track_id\":" ID ",\"layer\":3}", "data.layer"},
	{JOINED, "track:layer", "{\"track_id\":" ID ",\"layer\":-1}", "data.layer"},
	{JOINED, "track:layer", "{\"track_id\":" ID ",\"layer\":\"high\"}", "data.layer"},
	{JOINED, "track:layer", "{\"track_id\":" ID ",\"layer\":true}", "data.layer"},
	{JOINED, "track:pause", "{\"paused\":true}", "data.track_id"},
	{JOINED, "track:pause", "{\"track_id\":" ID "}", "data.paused"},
	{JOINED, "track:pause", "{\"track_id\":" ID ",\"paused\":\"yes\"}", "data.paused"},
};

static char *expand(const char *data)
{
	const char *mark = strstr(data, LONG);
	char *text = calloc(1, strlen(data) + 5001);

	assert_non_null(text);
	if (!mark) {
		memcpy(text, data, strlen(data));
		return text;
	}
	memcpy(text, data, (size_t)(mark - data));
	memset(text + (mark - data), 'l', 5000);
	memcpy(text + (mark - data) + 5000, mark + strlen(LONG), strlen(mark + strlen(LONG)));
	return text;
}

static void wrong_fields_are_named_and_the_session_goes_on(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *open = socket_open(f), *joined = socket_open(f);

	join(f, joined, "demo", "Ada");
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		struct fake_socket *socket = wrongs[i].where == OPEN ? open : joined;
		char *data = expand(wrongs[i].data);
		const struct bf_json *frame;
		const char *message, *id;

		fixture_pass(f, BF_MS(50)); /* not too fast */
		hear_all(socket);
		id = say(f, socket, wrongs[i].type, data);
		frame = hear(socket, "error");
		message = member_str(data_of(frame), "message");
		assert_member(data_of(frame), "code", "bad_request");
		assert_member(data_of(frame), "ref", id);
		if (strncmp(message, wrongs[i].field, strlen(wrongs[i].field)) != 0)
			fail_msg("%s %s: %s", wrongs[i].type, wrongs[i].data, message);
		no_post(f);
		assert_int_equal(socket->close_code, 0);
		say(f, socket, "ping", "{}");
		hear(socket, "pong");
		hear_nothing(socket);
		free(data);
	}
	socket_free(f, open);
	socket_free(f, joined);
}

static void too_many_tracks_are_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	char data[8192] = "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[";
	size_t len = strlen(data);

	join(f, socket, "demo", "Ada");
	for (int i = 0; i < BF_MEDIA_TRACKS_MAX; i++)
		len += (size_t)snprintf(data + len, sizeof(data) - len,
			"%s{\"mid\":\"%d\",\"source\":\"camera\"}", i ? "," : "", i);
	snprintf(data + len, sizeof(data) - len, "]}");
	say(f, socket, "webrtc_offer", data);
	hear_nothing(socket);
	assert_int_equal(((struct bf_media_offer *)take_post(f, BF_MEDIA_OFFER))->source_count,
		BF_MEDIA_TRACKS_MAX);
	snprintf(data + len, sizeof(data) - len, ",{\"mid\":\"x\",\"source\":\"camera\"}]}");
	say(f, socket, "webrtc_offer", data);
	hear_error(socket, "bad_request", NULL);
	no_post(f);
	socket_free(f, socket);
}

/* ---- envelope and type ---- */

static void broken_frames_are_bad_messages(void **state)
{
	static const char *const frames[] = {"", "x", "[]", "{}", "{\"type\":\"ping\"}",
		"{\"type\":\"ping\",\"id\":\"1\",\"data\":7}", "{\"type\":\"ping\",\"id\":\"1\""};
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		say_raw(f, socket, frames[i]);
		hear_error(socket, "bad_message", NULL);
	}
	say(f, socket, "ping", "{}");
	hear(socket, "pong");
	socket_free(f, socket);
}

static void error_without_a_request_has_no_ref(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const struct bf_json *frame;

	hear_all(socket);
	say_raw(f, socket, "{}");
	frame = hear(socket, "error");
	assert_null(bf_json_get(frame, "id"));
	assert_null(bf_json_get(data_of(frame), "ref"));
	socket_free(f, socket);
}

static void unknown_types_are_told_so(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	hear_error(socket, "unknown_type", say(f, socket, "room:joi", "{}"));
	hear_error(socket, "unknown_type", say(f, socket, "room:joinn", "{}"));
	hear_error(socket, "unknown_type", say(f, socket, "", "{}"));
	assert_int_equal(bf_metric_get(f->hub.metrics.messages[BF_RTC_MESSAGE_TYPES]), 3);
	assert_int_equal(bf_metric_get(f->hub.metrics.errors[BF_RTC_UNKNOWN_TYPE]), 3);
	socket_free(f, socket);
}

static void unknown_fields_are_ignored(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	say(f, socket, "room:join",
		"{\"room\":\"demo\",\"name\":\"Ada\",\"token\":null,\"colour\":{\"red\":1}}");
	hear_nothing(socket);
	take_post(f, BF_MEDIA_JOIN);
	socket_free(f, socket);
}

/* ---- state ---- */

static const char *const needs_room[][2] = {
	{"room:leave", "{}"},
	{"webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}"},
	{"webrtc_answer", "{\"pc\":\"subscribe\",\"sdp\":\"v=0\"}"},
	{"ice_candidate", "{\"pc\":\"publish\",\"candidate\":null}"},
	{"ice_restart", "{\"pc\":\"subscribe\"}"},
	{"track:mute", "{\"track_id\":" ID ",\"muted\":true}"},
	{"track:layer", "{\"track_id\":" ID ",\"layer\":1}"},
	{"track:pause", "{\"track_id\":" ID ",\"paused\":true}"},
};

static void what_needs_a_room_is_refused_without(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	for (size_t i = 0; i < sizeof(needs_room) / sizeof(needs_room[0]); i++)
		hear_error(
			socket, "not_joined", say(f, socket, needs_room[i][0], needs_room[i][1]));
	/* Also while the worker has not answered, but for leaving again. */
	say(f, socket, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\"}");
	take_post(f, BF_MEDIA_JOIN);
	for (size_t i = 1; i < sizeof(needs_room) / sizeof(needs_room[0]); i++)
		hear_error(
			socket, "not_joined", say(f, socket, needs_room[i][0], needs_room[i][1]));
	no_post(f);
	socket_free(f, socket);
}

static void joining_twice_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const struct bf_media_join *msg;

	hear_all(socket);
	say(f, socket, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\"}");
	hear_error(socket, "already_joined",
		say(f, socket, "room:join", "{\"room\":\"other\",\"name\":\"Ada\"}"));
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_done(f, msg->request_id);
	hear(socket, "room:joined");
	hear_error(socket, "already_joined",
		say(f, socket, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\"}"));
	no_post(f);
	socket_free(f, socket);
}

/* ---- what reaches the worker, and what comes back ---- */

static void offer_reaches_the_worker_and_is_answered(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	struct joined me = join(f, socket, "demo", "Ada");
	const struct bf_media_offer *msg;
	const struct bf_json *frame, *track;
	char id[16];

	snprintf(id, sizeof(id), "%s",
		say(f, socket, "webrtc_offer",
			"{\"pc\":\"publish\",\"sdp\":\"v=0\\r\\n\",\"tracks\":["
			"{\"mid\":\"0\",\"source\":\"microphone\"},{\"mid\":\"1\",\"source\":"
			"\"camera\"},"
			"{\"mid\":\"2\",\"source\":\"screen\"},{\"mid\":\"3\",\"source\":\"screen_"
			"audio\"}]}"));
	msg = take_post(f, BF_MEDIA_OFFER);
	assert_true(msg->room_id == me.room_id && msg->participant_id == me.participant_id);
	assert_int_equal(msg->pc, BF_PC_PUBLISH);
	assert_int_equal(msg->source_count, 4);
	assert_int_equal(msg->sources[0].source, BF_SOURCE_MICROPHONE);
	assert_int_equal(msg->sources[1].source, BF_SOURCE_CAMERA);
	assert_int_equal(msg->sources[2].source, BF_SOURCE_SCREEN);
	assert_int_equal(msg->sources[3].source, BF_SOURCE_SCREEN_AUDIO);
	assert_string_equal(msg->sources[3].mid, "3");
	assert_string_equal(msg->sdp, "v=0\r\n");
	assert_int_equal(msg->sdp_len, 5);
	hear_nothing(socket);
	worker_answer(f, msg->request_id, "v=0 answer");
	frame = hear(socket, "webrtc_answer");
	assert_member(frame, "id", id);
	assert_member(data_of(frame), "pc", "publish");
	assert_member(data_of(frame), "sdp", "v=0 answer");
	track = bf_json_at(bf_json_get(data_of(frame), "tracks"), 0);
	assert_member(track, "mid", "0");
	assert_member_id(track, "track_id", 0x7000);
	assert_null(bf_json_get(track, "participant_id"));
	worker_answer(f, msg->request_id, "v=0 twice");
	hear_nothing(socket);
	socket_free(f, socket);
}

static uint64_t request_of(const struct bf_msg *msg)
{
	return ((const struct bf_media_answer *)msg)
		->request_id; /* at the same place in all of them */
}

static void other_requests_reach_the_worker_and_are_answered_ok(void **state)
{
	static const enum bf_media_kind kinds[] = {BF_MEDIA_ANSWER, BF_MEDIA_CANDIDATE,
		BF_MEDIA_RESTART, BF_MEDIA_TRACK_CONTROL, BF_MEDIA_TRACK_CONTROL,
		BF_MEDIA_TRACK_CONTROL};
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	struct joined me = join(f, socket, "demo", "Ada");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *id = say(f, socket, needs_room[i + 2][0], needs_room[i + 2][1]);
		const struct bf_media_answer *msg = take_post(f, kinds[i]);
		const struct bf_json *frame;

		assert_true(msg->room_id == me.room_id && msg->participant_id == me.participant_id);
		hear_nothing(socket);
		worker_done(f, request_of(&msg->msg));
		frame = hear(socket, "ok");
		assert_member(frame, "id", id);
		assert_int_equal(bf_json_next_key(data_of(frame), NULL) == NULL, true);
		id = say(f, socket, needs_room[i + 2][0], needs_room[i + 2][1]);
		msg = take_post(f, kinds[i]);
		worker_error(f, request_of(&msg->msg), "bad_state");
		hear_error(socket, "bad_state", id);
	}
	socket_free(f, socket);
}

static void controls_say_what_was_meant(void **state)
{
	static const struct {
		const char *type, *data;
		enum bf_track_control control;
		int value;
	} cases[] = {
		{"track:mute", "{\"track_id\":" ID ",\"muted\":true}", BF_TRACK_MUTE, 1},
		{"track:mute", "{\"track_id\":" ID ",\"muted\":false}", BF_TRACK_MUTE, 0},
		{"track:layer", "{\"track_id\":" ID ",\"layer\":0}", BF_TRACK_LAYER, 0},
		{"track:layer", "{\"track_id\":" ID ",\"layer\":2}", BF_TRACK_LAYER, 2},
		{"track:layer", "{\"track_id\":" ID ",\"layer\":\"auto\"}", BF_TRACK_LAYER, -1},
		{"track:pause", "{\"track_id\":" ID ",\"paused\":true}", BF_TRACK_PAUSE, 1},
	};
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	join(f, socket, "demo", "Ada");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bf_media_track_control *msg;

		say(f, socket, cases[i].type, cases[i].data);
		msg = take_post(f, BF_MEDIA_TRACK_CONTROL);
		assert_int_equal(msg->control, cases[i].control);
		assert_int_equal(msg->value, cases[i].value);
		assert_true(msg->track_id == 0xa1);
	}
	socket_free(f, socket);
}

static void candidates_arrive_as_written(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const struct bf_media_candidate *msg;

	join(f, socket, "demo", "Ada");
	say(f, socket, "ice_candidate",
		"{\"pc\":\"subscribe\",\"candidate\":\"candidate:1 1 udp 1 a.local 9 typ "
		"host\",\"mid\":\"0\"}");
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_int_equal(msg->pc, BF_PC_SUBSCRIBE);
	assert_string_equal(msg->text, "candidate:1 1 udp 1 a.local 9 typ host");
	assert_int_equal(msg->text_len, strlen(msg->text));
	say(f, socket, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":null,\"mid\":null}");
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_int_equal(msg->pc, BF_PC_PUBLISH);
	assert_int_equal(msg->text_len, 0);
	/* Some browsers write the end of candidates as an empty one. */
	say(f, socket, "ice_candidate", "{\"pc\":\"publish\",\"candidate\":\"\",\"mid\":\"\"}");
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_int_equal(msg->text_len, 0);
	socket_free(f, socket);
}

static void muting_somebody_elses_track_is_forbidden(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");

	join(f, bob, "demo", "Bob");
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 0xa1);
	hear_all(bob);
	hear_all(ada);
	hear_error(bob, "forbidden",
		say(f, bob, "track:mute", "{\"track_id\":" ID ",\"muted\":true}"));
	no_post(f);
	say(f, ada, "track:mute", "{\"track_id\":" ID ",\"muted\":true}");
	take_post(f, BF_MEDIA_TRACK_CONTROL);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void codes_that_are_none_of_ours_become_internal(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const char *id;

	join(f, socket, "demo", "Ada");
	id = say(f, socket, "ice_restart", "{\"pc\":\"subscribe\"}");
	worker_error(
		f, ((struct bf_media_restart *)take_post(f, BF_MEDIA_RESTART))->request_id, "oops");
	hear_error(socket, "internal", id);
	socket_free(f, socket);
}

static void causes_are_cut_where_they_are_no_text(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	struct bf_media_error *msg = bf_msg_new(BF_MEDIA_ERROR, sizeof(*msg));

	join(f, socket, "demo", "Ada");
	say(f, socket, "ice_restart", "{\"pc\":\"subscribe\"}");
	msg->request_id = ((struct bf_media_restart *)take_post(f, BF_MEDIA_RESTART))->request_id;
	/* No NUL in either, and the last character of the cause is cut in half. */
	memset(msg->code, 'x', sizeof(msg->code));
	memset(msg->cause, 'y', sizeof(msg->cause));
	msg->cause[sizeof(msg->cause) - 1] = (char)0xc3;
	bf_rtc_hub_on_media(&f->hub, &msg->msg);
	assert_int_equal(strlen(member_str(data_of(hear(socket, "error")), "message")),
		sizeof(msg->cause) - 1);
	assert_int_equal(socket->close_code, 0);
	socket_free(f, socket);
}

/* ---- repeated, too many, too late ---- */

static void repeated_ids_are_not_run_twice(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	say_raw(f, socket, "{\"type\":\"ping\",\"id\":\"same\"}");
	hear(socket, "pong");
	say_raw(f, socket, "{\"type\":\"ping\",\"id\":\"same\"}");
	hear_nothing(socket);
	join(f, socket, "demo", "Ada");
	say_raw(f, socket,
		"{\"type\":\"ice_restart\",\"id\":\"again\",\"data\":{\"pc\":\"subscribe\"}}");
	say_raw(f, socket,
		"{\"type\":\"ice_restart\",\"id\":\"again\",\"data\":{\"pc\":\"subscribe\"}}");
	take_post(f, BF_MEDIA_RESTART);
	no_post(f);
	socket_free(f, socket);
}

static void too_many_messages_are_rate_limited_and_may_be_sent_again(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	hear_all(socket);
	for (int i = 0; i < BF_RTC_BURST; i++) {
		say(f, socket, "ping", "{}");
		hear(socket, "pong");
	}
	say_raw(f, socket, "{\"type\":\"ping\",\"id\":\"late\"}");
	hear_error(socket, "rate_limited", "late");
	fixture_pass(f, BF_MS(20));
	say_raw(f, socket, "{\"type\":\"ping\",\"id\":\"late\"}");
	assert_member(hear(socket, "pong"), "id", "late");
	assert_int_equal(bf_metric_get(f->hub.metrics.errors[BF_RTC_RATE_LIMITED]), 1);
	socket_free(f, socket);
}

static void busy_worker_is_told_to_the_client(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	join(f, socket, "demo", "Ada");
	f->is_busy = true;
	for (size_t i = 1; i < sizeof(needs_room) / sizeof(needs_room[0]); i++)
		hear_error(socket, "busy", say(f, socket, needs_room[i][0], needs_room[i][1]));
	hear_nothing(socket);
	assert_true(bf_list_is_empty(&f->hub.pending_list));
	socket_free(f, socket);
}

static void silent_worker_is_reported_once(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const struct bf_media_restart *msg;
	const char *id;

	join(f, socket, "demo", "Ada");
	id = say(f, socket, "ice_restart", "{\"pc\":\"subscribe\"}");
	msg = take_post(f, BF_MEDIA_RESTART);
	fixture_pass(f, BF_RTC_ANSWER_US - 1);
	hear_nothing(socket);
	fixture_pass(f, 1);
	hear_error(socket, "busy", id);
	worker_done(f, msg->request_id);
	fixture_pass(f, BF_RTC_ANSWER_US);
	hear_nothing(socket);
	socket_free(f, socket);
}

static void requests_in_flight_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);

	join(f, socket, "demo", "Ada");
	for (int i = 0; i < BF_RTC_PENDINGS_MAX; i++) {
		fixture_pass(f, BF_MS(20));
		say(f, socket, "ice_restart", "{\"pc\":\"subscribe\"}");
		take_post(f, BF_MEDIA_RESTART);
	}
	hear_nothing(socket);
	fixture_pass(f, BF_MS(20));
	hear_error(socket, "busy", say(f, socket, "ice_restart", "{\"pc\":\"subscribe\"}"));
	no_post(f);
	socket_free(f, socket);
}

static void greeting_tells_what_a_client_needs(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	const struct bf_json *frame = hear(socket, "connection_established"),
			     *data = data_of(frame);
	const struct bf_json *servers = bf_json_get(data, "ice_servers");

	assert_int_equal(member_int(frame, "seq"), 1);
	assert_int_equal(strlen(member_str(data, "connection_id")), 16);
	assert_int_equal(strlen(member_str(data, "resume_token")), 32);
	assert_member(bf_json_get(data, "server"), "name", "belfry");
	assert_member(bf_json_get(data, "server"), "version", "1.2.3");
	assert_member(data, "auth", "open");
	assert_int_equal(member_int(bf_json_get(data, "limits"), "message_bytes"), 65536);
	assert_int_equal(member_int(bf_json_get(data, "limits"), "data_message_bytes"), 262144);
	assert_int_equal(member_int(bf_json_get(data, "limits"), "room_participants"), ROOM_MAX);
	assert_int_equal(member_int(data, "ping_interval_ms"), 25000);
	assert_int_equal(bf_json_count(servers), 2);
	assert_member(bf_json_at(servers, 0), "urls", "stun:stun.example:3478");
	assert_null(bf_json_get(bf_json_at(servers, 0), "username"));
	assert_non_null(bf_json_get(bf_json_at(servers, 1), "username"));
	assert_non_null(bf_json_get(bf_json_at(servers, 1), "credential"));
	socket_free(f, socket);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_fields_are_named_and_the_session_goes_on),
		TEST(too_many_tracks_are_refused),
		TEST(broken_frames_are_bad_messages),
		TEST(error_without_a_request_has_no_ref),
		TEST(unknown_types_are_told_so),
		TEST(unknown_fields_are_ignored),
		TEST(what_needs_a_room_is_refused_without),
		TEST(joining_twice_is_refused),
		TEST(offer_reaches_the_worker_and_is_answered),
		TEST(other_requests_reach_the_worker_and_are_answered_ok),
		TEST(controls_say_what_was_meant),
		TEST(candidates_arrive_as_written),
		TEST(muting_somebody_elses_track_is_forbidden),
		TEST(codes_that_are_none_of_ours_become_internal),
		TEST(causes_are_cut_where_they_are_no_text),
		TEST(repeated_ids_are_not_run_twice),
		TEST(too_many_messages_are_rate_limited_and_may_be_sent_again),
		TEST(busy_worker_is_told_to_the_client),
		TEST(silent_worker_is_reported_once),
		TEST(requests_in_flight_are_bounded),
		TEST(greeting_tells_what_a_client_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
