/* Sessions that outlive their sockets: nothing lost, nothing doubled, and an end when nobody comes back. */
#include "tests/signaling/rtc/fixture.h"

#include "core/base/rand.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What a client keeps: the token of its session, the newest number it has seen. */
struct memory {
	char token[64];
	char connection[32];
	int64_t last_seq;
};

static struct memory greet(struct fake_socket *socket)
{
	const struct bf_json *frame = hear(socket, "connection_established");
	struct memory memory = {.last_seq = member_int(frame, "seq")};

	snprintf(memory.token, sizeof(memory.token), "%s",
		member_str(data_of(frame), "resume_token"));
	snprintf(memory.connection, sizeof(memory.connection), "%s",
		member_str(data_of(frame), "connection_id"));
	return memory;
}

static const char *resume(
	struct fixture *f, struct fake_socket *socket, const struct memory *memory)
{
	char data[256];

	snprintf(data, sizeof(data), "{\"token\":\"%s\",\"last_seq\":%lld}", memory->token,
		(long long)memory->last_seq);
	return say(f, socket, "connection:resume", data);
}

static void resume_expecting(struct fixture *f, struct fake_socket *socket,
	const struct memory *memory, int64_t replayed)
{
	const struct bf_json *frame;
	const char *id;

	hear(socket, "connection_established");
	id = resume(f, socket, memory);
	frame = hear(socket, "connection:resumed");
	assert_member(frame, "id", id);
	assert_member(data_of(frame), "connection_id", memory->connection);
	assert_int_equal(member_int(data_of(frame), "replayed"), replayed);
	assert_null(bf_json_get(frame, "seq"));
}

static void what_was_missed_is_replayed(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second, *bob = socket_open(f);
	struct memory ada = greet(first);
	struct joined b;

	join(f, first, "demo", "Ada"); /* 2 */
	ada.last_seq = 2;
	b = join(f, bob, "demo", "Bob"); /* 3 arrives, but the client did not see it */
	socket_free(f, first);
	worker_track(f, BF_TRACK_PUBLISHED, b.room_id, b.participant_id, 7); /* 4 */
	fixture_pass(f, BF_RTC_RESUME_US - 1);
	second = socket_open(f);
	resume_expecting(f, second, &ada, 2);
	assert_int_equal(member_int(hear(second, "participant:joined"), "seq"), 3);
	assert_int_equal(member_int(hear(second, "track:published"), "seq"), 4);
	hear_nothing(second);
	hear_nothing(bob); /* she was never away */
	say(f, second, "ping", "{}");
	assert_int_equal(member_int(hear(second, "pong"), "seq"), 5);
	assert_int_equal(bf_metric_get(f->hub.metrics.resumes), 1);
	assert_int_equal(bf_metric_get(f->hub.metrics.sessions), 2);
	fixture_pass(f, BF_SEC(3600));
	hear_nothing(bob); /* nor is she timed out later */
	socket_free(f, second);
	socket_free(f, bob);
}

static void answers_to_what_was_asked_before_are_replayed_and_not_made_twice(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second;
	struct memory ada = greet(first);
	const struct bf_media_restart *msg;
	static const char *const ask =
		"{\"type\":\"ice_restart\",\"id\":\"ask\",\"data\":{\"pc\":\"subscribe\"}}";

	join(f, first, "demo", "Ada");
	ada.last_seq = 2;
	say_raw(f, first, ask);
	msg = take_post(f, BF_MEDIA_RESTART);
	socket_free(f, first);
	worker_done(f, msg->request_id);
	second = socket_open(f);
	resume_expecting(f, second, &ada, 1);
	say_raw(f, second, ask);
	assert_member(hear(second, "ok"), "id", "ask");
	hear_nothing(second);
	no_post(f);
	socket_free(f, second);
}

static void join_that_is_answered_meanwhile_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second;
	struct memory ada = greet(first);
	const struct bf_media_join *msg;

	say(f, first, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\"}");
	msg = take_post(f, BF_MEDIA_JOIN);
	socket_free(f, first);
	worker_done(f, msg->request_id);
	second = socket_open(f);
	resume_expecting(f, second, &ada, 1);
	hear(second, "room:joined");
	socket_free(f, second);
}

static void session_ends_when_nobody_comes_back(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second, *bob = socket_open(f);
	struct memory ada = greet(first);
	struct joined a = join(f, first, "demo", "Ada");
	const struct bf_json *data;
	const char *id;

	join(f, bob, "demo", "Bob");
	socket_free(f, first);
	fixture_pass(f, BF_RTC_RESUME_US - 1);
	hear_nothing(bob);
	fixture_pass(f, 1);
	data = data_of(hear(bob, "participant:left"));
	assert_member_id(data, "participant_id", a.participant_id);
	assert_member(data, "reason", "timeout");
	take_post(f, BF_MEDIA_LEAVE);
	second = socket_open(f);
	hear_all(second);
	id = resume(f, second, &ada);
	hear_error(second, "resume_failed", id);
	join(f, second, "demo", "Ada"); /* anew, on the session it has */
	socket_free(f, second);
	socket_free(f, bob);
}

static void who_left_on_purpose_is_gone_and_cannot_come_back(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second = socket_open(f), *bob = socket_open(f);
	struct memory ada = greet(first);
	struct joined a = join(f, first, "demo", "Ada");

	join(f, bob, "demo", "Bob");
	hear_all(bob);
	bf_rtc_hub_left(&f->hub, first->session);
	assert_null(first->session);
	take_post(f, BF_MEDIA_LEAVE);
	assert_member_id(
		data_of(hear(bob, "participant:left")), "participant_id", a.participant_id);
	hear_all(second);
	hear_error(second, "resume_failed", resume(f, second, &ada));
	socket_free(f, first);
	socket_free(f, second);
	socket_free(f, bob);
}

static void half_open_socket_gives_way(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second = socket_open(f);
	struct memory ada = greet(first);

	join(f, first, "demo", "Ada");
	ada.last_seq = 2;
	resume_expecting(f, second, &ada, 0);
	assert_int_equal(first->close_code, BF_RTC_CLOSE_REPLACED);
	assert_null(first->session);
	say(f, second, "room:leave", "{}");
	hear(second, "room:left");
	socket_free(f, first); /* its late end ends nothing */
	fixture_pass(f, BF_RTC_RESUME_US);
	say(f, second, "ping", "{}");
	hear(second, "pong");
	socket_free(f, second);
}

static void forgotten_frames_make_resuming_impossible_and_end_the_session(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second, *bob = socket_open(f);
	struct memory ada = greet(first);
	struct joined b;

	join(f, first, "demo", "Ada");
	ada.last_seq = 2;
	b = join(f, bob, "demo", "Bob"); /* 3 */
	hear_all(bob);
	socket_free(f, first);
	for (int i = 0; i < BF_RTC_REPLAY_FRAMES; i++) /* 3 is pushed out */
		worker_track(f, BF_TRACK_PUBLISHED, b.room_id, b.participant_id, 7);
	second = socket_open(f);
	hear_all(second);
	hear_error(second, "resume_failed", resume(f, second, &ada));
	assert_member(data_of(hear(bob, "participant:left")), "reason", "replaced");
	take_post(f, BF_MEDIA_LEAVE);
	hear_error(second, "resume_failed", resume(f, second, &ada));
	socket_free(f, second);
	socket_free(f, bob);
}

static void last_seq_that_never_was_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second = socket_open(f);
	struct memory ada = greet(first);

	hear_all(second);
	ada.last_seq = 2;
	hear_error(second, "resume_failed", resume(f, second, &ada));
	assert_int_equal(first->close_code, BF_RTC_CLOSE_REPLACED);
	socket_free(f, first);
	socket_free(f, second);
}

static void resuming_is_for_new_sessions_only(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *first = socket_open(f), *second = socket_open(f);
	struct memory ada = greet(first), bob = greet(second);

	hear_error(second, "bad_state", resume(f, second, &bob)); /* itself */
	join(f, second, "demo", "Bob");
	hear_error(second, "bad_state", resume(f, second, &ada));
	say(f, first, "ping", "{}");
	hear(first, "pong");
	socket_free(f, first);
	socket_free(f, second);
}

static void unknown_tokens_fail(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f);
	struct memory memory = greet(socket);

	memory.token[0] = memory.token[0] == 'a' ? 'b' : 'a';
	hear_error(socket, "resume_failed", resume(f, socket, &memory));
	socket_free(f, socket);
}

static void session_resumes_again_and_again(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *socket = socket_open(f), *bob = socket_open(f);
	struct memory ada = greet(socket);
	struct joined b;
	struct bf_prng prng;
	int64_t seen = 2;

	bf_prng_init(&prng, 7);
	join(f, socket, "demo", "Ada");
	b = join(f, bob, "demo", "Bob");
	/* Each round some frames arrive, the client sees some of them, and the socket breaks. */
	for (int round = 0; round < 200; round++) {
		uint32_t frames = bf_prng_below(&prng, 12), lost_after = bf_prng_below(&prng, 12);
		struct fake_socket *next;

		for (uint32_t i = 0; i < frames; i++) {
			if (i == lost_after)
				socket_lose(f, socket);
			worker_track(f, BF_TRACK_PUBLISHED, b.room_id, b.participant_id, 7);
		}
		for (uint32_t unseen = bf_prng_below(&prng, 4);
			socket->frame_count > socket->read_count + unseen;) {
			const struct bf_json *frame = socket->frames[socket->read_count++];

			assert_int_equal(member_int(frame, "seq"), ++seen);
		}
		ada.last_seq = seen;
		socket_free(f, socket);
		fixture_pass(f, BF_MS(500));
		next = socket_open(f);
		hear(next, "connection_established");
		resume(f, next, &ada);
		hear(next, "connection:resumed");
		socket = next;
	}
	socket_free(f, socket);
	socket_free(f, bob);
}

static void broken_send_does_not_disturb_the_others(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f), *carl = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");

	join(f, bob, "demo", "Bob");
	join(f, carl, "demo", "Carl");
	hear_all(bob);
	bob->send_result = -ENOBUFS;
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 7);
	hear_nothing(bob);
	hear(carl, "track:published");
	socket_free(f, ada);
	socket_free(f, bob);
	socket_free(f, carl);
}

static void sessions_are_bounded_and_the_idle_make_way(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *other;
	struct memory first_idle = {.token = ""}, in_room;

	in_room = greet(ada);
	join(f, ada, "demo", "Ada");
	in_room.last_seq = 2;
	socket_free(f, ada);
	for (int i = 0; i < BF_RTC_SESSIONS_MAX; i++) {
		other = socket_open(f);
		if (i == 0)
			first_idle = greet(other);
		socket_free(f, other);
	}
	assert_int_equal(f->hub.sessions.entry_count, BF_RTC_SESSIONS_MAX);
	other = socket_open(f);
	hear_all(other);
	hear_error(other, "resume_failed", resume(f, other, &first_idle));
	socket_free(f, other);
	other = socket_open(f);
	resume_expecting(f, other, &in_room, 0); /* who is in a room stays */
	socket_free(f, other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_missed_is_replayed),
		TEST(answers_to_what_was_asked_before_are_replayed_and_not_made_twice),
		TEST(join_that_is_answered_meanwhile_is_not_lost),
		TEST(session_ends_when_nobody_comes_back),
		TEST(who_left_on_purpose_is_gone_and_cannot_come_back),
		TEST(half_open_socket_gives_way),
		TEST(forgotten_frames_make_resuming_impossible_and_end_the_session),
		TEST(last_seq_that_never_was_is_refused),
		TEST(resuming_is_for_new_sessions_only),
		TEST(unknown_tokens_fail),
		TEST(session_resumes_again_and_again),
		TEST(broken_send_does_not_disturb_the_others),
		TEST(sessions_are_bounded_and_the_idle_make_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
