/* One session by itself: envelopes, numbers, the replay ring's two bounds, ids seen before, the rate. */
#include "signaling/rtc/session.h"

#include "core/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WALL_US INT64_C(1795946400123456)

struct wire {
	char last[512];
	uint64_t count;
	int64_t last_seq,
		expected_seq; /* expected: each frame's number, counted up; 0: do not look */
	int send_result;
	int close_code;
	struct bf_rtc_session *session;
};

static int wire_send(void *arg, struct bf_bytes text)
{
	struct wire *wire = arg;
	struct bf_json *json;

	if (wire->send_result)
		return wire->send_result;
	snprintf(wire->last, sizeof(wire->last), "%.*s", (int)text.len, (const char *)text.data);
	assert_int_equal(bf_json_parse(&json, text, SIZE_MAX, NULL, 0), 0);
	if (bf_json_get_int(json, "seq", &wire->last_seq) < 0)
		wire->last_seq = -1;
	bf_json_free(json);
	if (wire->expected_seq)
		assert_int_equal(wire->last_seq, wire->expected_seq++);
	wire->count++;
	return 0;
}

static void wire_close(void *arg, int code, const char *reason)
{
	struct wire *wire = arg;

	(void)reason;
	wire->close_code = code;
}

static void wire_bind(void *arg, struct bf_rtc_session *session)
{
	struct wire *wire = arg;

	wire->session = session;
}

static struct bf_rtc_session *session_on(struct wire *wire)
{
	struct bf_rtc_sink sink = {wire, wire_send, wire_close, wire_bind};
	struct bf_rtc_session *session;

	memset(wire, 0, sizeof(*wire));
	assert_int_equal(bf_rtc_session_new(&session, 0), 0);
	bf_rtc_session_attach(session, &sink);
	assert_ptr_equal(wire->session, session);
	return session;
}

static void send_one(struct bf_rtc_session *session, const char *data)
{
	bf_rtc_session_send(session, WALL_US, "x", bf_bytes(NULL, 0), bf_bytes_str(data));
}

/* ---- envelope ---- */

static void frames_are_taken_apart(void **state)
{
	struct bf_rtc_envelope envelope;
	char why[128];

	(void)state;
	assert_int_equal(
		bf_rtc_envelope_init(&envelope,
			bf_bytes_str("{\"type\":\"ping\",\"id\":\"7\",\"ts\":\"odd\",\"new\":[],"
				     "\"data\":{\"a\":1}}"),
			why, sizeof(why)),
		0);
	assert_true(bf_bytes_is(envelope.type, "ping"));
	assert_true(bf_bytes_is(envelope.id, "7"));
	assert_non_null(bf_json_get(envelope.data, "a"));
	bf_rtc_envelope_deinit(&envelope);

	assert_int_equal(
		bf_rtc_envelope_init(&envelope, bf_bytes_str("{\"type\":\"ping\",\"id\":\"7\"}"),
			why, sizeof(why)),
		0);
	assert_null(envelope.data);
	bf_rtc_envelope_deinit(&envelope);
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void broken_frames_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *id; /* NULL: none can be made out */
	} cases[] = {
		{"", NULL},
		{"hello", NULL},
		{"[]", NULL},
		{"{\"type\":\"ping\"}", NULL},
		{"{\"type\":\"ping\",\"id\":7}", NULL},
		{"{\"type\":\"ping\",\"id\":\"\"}", NULL},
		{"{\"type\":\"ping\",\"id\":\"" A64 "a\"}", NULL},
		{"{\"id\":\"" A64 "\"}", A64},
		{"{\"type\":7,\"id\":\"7\"}", "7"},
		{"{\"type\":\"ping\",\"id\":\"7\",\"data\":[]}", "7"},
		{"{\"type\":\"ping\",\"id\":\"7\",\"data\":null}", "7"},
		{"{\"type\":\"ping\",\"id\":\"7\",\"id\":\"8\"}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_rtc_envelope envelope;
		char why[128] = "";

		assert_int_equal(bf_rtc_envelope_init(
					 &envelope, bf_bytes_str(cases[i].text), why, sizeof(why)),
			-EBADMSG);
		assert_true(why[0] != '\0');
		assert_int_equal(envelope.id.data != NULL, cases[i].id != NULL);
		if (cases[i].id)
			assert_true(bf_bytes_is(envelope.id, cases[i].id));
		bf_rtc_envelope_deinit(&envelope);
	}
}

static void every_truncated_frame_is_refused(void **state)
{
	static const char text[] = "{\"type\":\"ping\",\"id\":\"7\",\"data\":{\"a\":\"\\u00e4\"}}";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct bf_rtc_envelope envelope;
		char why[128];

		assert_int_equal(
			bf_rtc_envelope_init(&envelope, bf_bytes(text, len), why, sizeof(why)),
			-EBADMSG);
		bf_rtc_envelope_deinit(&envelope);
	}
}

/* ---- sending ---- */

static void frames_carry_type_id_time_and_number(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);

	(void)state;
	bf_rtc_session_send(session, WALL_US, "pong", bf_bytes_str("a\"b"), bf_bytes_str("{}"));
	assert_string_equal(wire.last,
		"{\"type\":\"pong\",\"id\":\"a\\\"b\",\"ts\":1795946400123,\"seq\":1,\"data\":{}}");
	send_one(session, "{\"n\":1}");
	assert_string_equal(
		wire.last, "{\"type\":\"x\",\"ts\":1795946400123,\"seq\":2,\"data\":{\"n\":1}}");
	bf_rtc_session_send_unnumbered(
		session, WALL_US, "y", bf_bytes(NULL, 0), bf_bytes_str("{}"));
	assert_string_equal(wire.last, "{\"type\":\"y\",\"ts\":1795946400123,\"data\":{}}");
	send_one(session, "{}");
	assert_int_equal(wire.last_seq, 3);
	bf_rtc_session_free(session);
}

static void frame_that_could_not_be_made_closes_and_cannot_be_resumed_over(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);

	(void)state;
	send_one(session, "{}");
	bf_rtc_session_send(session, WALL_US, "x", bf_bytes(NULL, 0), bf_bytes(NULL, 0));
	assert_int_equal(wire.close_code, 1011);
	assert_int_equal(bf_rtc_session_missed(session, 1), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, 2), 0);
	bf_rtc_session_free(session);
}

/* ---- replay ---- */

static void replays_exactly_what_followed(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);

	(void)state;
	for (int i = 0; i < 50; i++) /* the ring grows on the way */
		send_one(session, "{}");
	assert_int_equal(bf_rtc_session_missed(session, 0), 50);
	assert_int_equal(bf_rtc_session_missed(session, 49), 1);
	assert_int_equal(bf_rtc_session_missed(session, 50), 0);
	assert_int_equal(bf_rtc_session_missed(session, 51), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, -1), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, INT64_MAX), -ENOENT);
	wire.count = 0;
	wire.expected_seq = 31;
	bf_rtc_session_replay(session, 30);
	assert_int_equal(wire.count, 20);
	bf_rtc_session_replay(session, 50);
	assert_int_equal(wire.count, 20);
	bf_rtc_session_free(session);
}

static void frames_are_kept_while_no_socket_is_there(void **state)
{
	struct wire wire, other;
	struct bf_rtc_session *session = session_on(&wire);
	struct bf_rtc_sink sink = {&other, wire_send, wire_close, wire_bind};

	(void)state;
	memset(&other, 0, sizeof(other));
	send_one(session, "{}");
	bf_rtc_session_detach(session);
	assert_null(wire.session);
	send_one(session, "{}");
	send_one(session, "{}");
	assert_int_equal(wire.count, 1);
	bf_rtc_session_attach(session, &sink);
	other.expected_seq = 2;
	bf_rtc_session_replay(session, 1);
	assert_int_equal(other.count, 2);
	bf_rtc_session_free(session);
}

static void ring_forgets_by_count(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);

	(void)state;
	for (int i = 0; i < BF_RTC_REPLAY_FRAMES; i++)
		send_one(session, "{}");
	assert_int_equal(
		bf_rtc_session_missed(session, 0), BF_RTC_REPLAY_FRAMES); /* exactly full */
	send_one(session, "{}");
	assert_int_equal(bf_rtc_session_missed(session, 0), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, 1), BF_RTC_REPLAY_FRAMES);
	for (int i = 0; i < 3 * BF_RTC_REPLAY_FRAMES; i++)
		send_one(session, "{}");
	wire.count = 0;
	wire.expected_seq = 3 * BF_RTC_REPLAY_FRAMES + 2;
	bf_rtc_session_replay(session, 3 * BF_RTC_REPLAY_FRAMES + 1);
	assert_int_equal(wire.count, BF_RTC_REPLAY_FRAMES);
	bf_rtc_session_free(session);
}

static char *big_data(size_t len)
{
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "{\"x\":\"", 6);
	memcpy(text + len - 2, "\"}", 3);
	return text;
}

static void ring_forgets_by_bytes(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);
	char *data = big_data(BF_RTC_REPLAY_BYTES / 4);
	char *huge = big_data(BF_RTC_REPLAY_BYTES + 1);

	(void)state;
	for (int i = 0; i < 4; i++) /* with their envelopes, four are a little too much */
		send_one(session, data);
	assert_int_equal(bf_rtc_session_missed(session, 0), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, 1), 3);
	/* What alone is too large is sent, and not kept; nor is anything before it. */
	send_one(session, huge);
	assert_int_equal(wire.last_seq, 5);
	assert_int_equal(bf_rtc_session_missed(session, 4), -ENOENT);
	assert_int_equal(bf_rtc_session_missed(session, 5), 0);
	send_one(session, "{}");
	assert_int_equal(bf_rtc_session_missed(session, 5), 1);
	free(data);
	free(huge);
	bf_rtc_session_free(session);
}

static void replay_stops_when_the_socket_breaks(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);

	(void)state;
	wire.send_result = -ENOBUFS;
	for (int i = 0; i < 3; i++)
		send_one(session, "{}");
	bf_rtc_session_replay(session, 0);
	assert_int_equal(wire.count, 0);
	assert_int_equal(bf_rtc_session_missed(session, 0), 3); /* nothing lost */
	bf_rtc_session_free(session);
}

/* ---- ids seen before, and the rate ---- */

static void remembers_the_last_ids(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);
	char id[16];

	(void)state;
	for (int i = 0; i < BF_RTC_SEEN; i++) {
		snprintf(id, sizeof(id), "%d", i);
		assert_true(bf_rtc_session_note(session, bf_bytes_str(id)));
	}
	assert_false(bf_rtc_session_note(session, bf_bytes_str("0")));
	assert_true(bf_rtc_session_note(session, bf_bytes_str("new")));
	assert_true(bf_rtc_session_note(session, bf_bytes_str("0"))); /* forgotten: the oldest */
	assert_false(bf_rtc_session_note(session, bf_bytes_str("2")));
	bf_rtc_session_free(session);
}

static void rate_allows_a_burst_and_then_fifty_a_second(void **state)
{
	struct wire wire;
	struct bf_rtc_session *session = session_on(&wire);
	int64_t now_us = BF_SEC(3600);
	int served = 0;

	(void)state;
	while (bf_rtc_session_spend(session, now_us))
		served++;
	assert_int_equal(served, BF_RTC_BURST);
	assert_false(bf_rtc_session_spend(session, now_us + 19999));
	assert_true(bf_rtc_session_spend(session, now_us + 20000));
	assert_false(bf_rtc_session_spend(session, now_us + 20000));
	served = 0;
	for (int ms = 1; ms <= 1000; ms++)
		served += bf_rtc_session_spend(session, now_us + 20000 + BF_MS(ms));
	assert_int_equal(served, BF_RTC_RATE);
	bf_rtc_session_free(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_taken_apart),
		cmocka_unit_test(broken_frames_are_refused),
		cmocka_unit_test(every_truncated_frame_is_refused),
		cmocka_unit_test(frames_carry_type_id_time_and_number),
		cmocka_unit_test(frame_that_could_not_be_made_closes_and_cannot_be_resumed_over),
		cmocka_unit_test(replays_exactly_what_followed),
		cmocka_unit_test(frames_are_kept_while_no_socket_is_there),
		cmocka_unit_test(ring_forgets_by_count),
		cmocka_unit_test(ring_forgets_by_bytes),
		cmocka_unit_test(replay_stops_when_the_socket_breaks),
		cmocka_unit_test(remembers_the_last_ids),
		cmocka_unit_test(rate_allows_a_burst_and_then_fifty_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
