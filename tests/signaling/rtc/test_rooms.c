/* Rooms: who hears of what, in which order, and what happens when workers are full or silent. */
#include "tests/signaling/rtc/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const ada_joins = "{\"room\":\"demo\",\"name\":\"Ada\"}";

static size_t rooms(const struct fixture *f)
{
	assert_int_equal(
		bf_metric_get(f->hub.metrics.rooms), f->hub.registry.rooms_by_id.entry_count);
	assert_int_equal(
		f->hub.registry.rooms_by_name.entry_count, f->hub.registry.rooms_by_id.entry_count);
	return f->hub.registry.rooms_by_id.entry_count;
}

/* ---- joining and leaving ---- */

static void newcomer_sees_who_is_there_and_they_hear_of_it(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_media_join *msg;
	const struct bf_json *frame, *others, *track;
	const char *id;

	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 0x77);
	hear_nothing(ada); /* everybody but the publisher */
	hear_all(bob);
	id = say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"B\\u00f6b\"}");
	msg = take_post(f, BF_MEDIA_JOIN);
	assert_true(msg->room_id == a.room_id);
	assert_int_equal(msg->grants, BF_GRANT_PUBLISH | BF_GRANT_SUBSCRIBE | BF_GRANT_DATA);
	assert_true(msg->auto_subscribe);
	hear_nothing(ada); /* not before the worker has taken him */
	worker_done(f, msg->request_id);

	frame = hear(ada, "participant:joined");
	assert_member_id(bf_json_get(data_of(frame), "participant"), "id", msg->participant_id);
	assert_member(bf_json_get(data_of(frame), "participant"), "name", "B\u00f6b");
	assert_int_equal(
		bf_json_count(bf_json_get(bf_json_get(data_of(frame), "participant"), "tracks")),
		0);
	frame = hear(bob, "room:joined");
	assert_member(frame, "id", id);
	assert_member(data_of(frame), "room", "demo");
	assert_member_id(data_of(frame), "participant_id", msg->participant_id);
	others = bf_json_get(data_of(frame), "participants");
	assert_int_equal(bf_json_count(others), 1);
	assert_member_id(bf_json_at(others, 0), "id", a.participant_id);
	assert_member(bf_json_at(others, 0), "name", "Ada");
	track = bf_json_at(bf_json_get(bf_json_at(others, 0), "tracks"), 0);
	assert_member_id(track, "id", 0x77);
	assert_member(track, "kind", "video");
	assert_member(track, "source", "camera");
	assert_member(track, "codec", "VP8/TEST");
	assert_int_equal(member_int(track, "layers"), 3);
	hear_nothing(bob);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void leaving_is_heard_and_the_last_one_closes_the_room(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_media_leave *msg;
	const struct bf_json *frame;
	struct joined again;

	join(f, bob, "demo", "Bob");
	hear_all(ada);
	say(f, ada, "room:leave", "{}");
	assert_member(data_of(hear(ada, "room:left")), "room", "demo");
	hear_nothing(ada);
	msg = take_post(f, BF_MEDIA_LEAVE);
	assert_true(msg->room_id == a.room_id && msg->participant_id == a.participant_id);
	frame = hear(bob, "participant:left");
	assert_member_id(data_of(frame), "participant_id", a.participant_id);
	assert_member(data_of(frame), "reason", "left");
	assert_int_equal(rooms(f), 1);
	say(f, bob, "room:leave", "{}");
	take_post(f, BF_MEDIA_LEAVE);
	assert_int_equal(rooms(f), 0);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	again = join(f, ada, "demo", "Ada");
	assert_true(again.room_id != a.room_id);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void leaving_answers_what_was_still_asked(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	const struct bf_media_restart *msg;
	char id[16];

	join(f, ada, "demo", "Ada");
	snprintf(id, sizeof(id), "%s", say(f, ada, "ice_restart", "{\"pc\":\"subscribe\"}"));
	msg = take_post(f, BF_MEDIA_RESTART);
	say(f, ada, "room:leave", "{}");
	hear_error(ada, "bad_state", id);
	hear(ada, "room:left");
	worker_done(f, msg->request_id);
	hear_nothing(ada);
	socket_free(f, ada);
}

static void leaving_while_joining_undoes_the_join(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	const struct bf_media_join *msg;
	char id[16];

	join(f, bob, "demo", "Bob");
	hear_all(ada);
	snprintf(id, sizeof(id), "%s", say(f, ada, "room:join", ada_joins));
	msg = take_post(f, BF_MEDIA_JOIN);
	say(f, ada, "room:leave", "{}");
	hear_error(ada, "bad_state", id);
	hear(ada, "room:left");
	take_post(f, BF_MEDIA_LEAVE);
	worker_done(f, msg->request_id);
	hear_nothing(ada);
	hear_nothing(bob); /* she was never there */
	socket_free(f, ada);
	socket_free(f, bob);
}

static void same_name_twice_is_fine(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *one = socket_open(f), *two = socket_open(f);

	assert_true(join(f, one, "demo", "Ada").participant_id !=
		    join(f, two, "demo", "Ada").participant_id);
	socket_free(f, one);
	socket_free(f, two);
}

static void full_room_refuses_and_has_room_again(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *sockets[ROOM_MAX + 1];

	for (int i = 0; i < ROOM_MAX; i++) {
		sockets[i] = socket_open(f);
		join(f, sockets[i], "demo", "x");
	}
	sockets[ROOM_MAX] = socket_open(f);
	hear_all(sockets[ROOM_MAX]);
	hear_error(
		sockets[ROOM_MAX], "room_full", say(f, sockets[ROOM_MAX], "room:join", ada_joins));
	no_post(f);
	say(f, sockets[0], "room:leave", "{}");
	take_post(f, BF_MEDIA_LEAVE);
	join(f, sockets[ROOM_MAX], "demo", "x");
	for (int i = 0; i <= ROOM_MAX; i++)
		socket_free(f, sockets[i]);
}

static void each_room_goes_to_the_least_loaded_worker_and_stays(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"a", "a", "b", "b", "c", "d", "a"};
	static const unsigned workers[] = {0, 0, 1, 1, 2, 2, 0};
	struct fake_socket *sockets[7];

	for (size_t i = 0; i < 7; i++) {
		sockets[i] = socket_open(f);
		join(f, sockets[i], names[i], "x");
		assert_int_equal(f->posts[f->post_count - 1].worker, workers[i]);
	}
	for (size_t i = 0; i < 7; i++) {
		say(f, sockets[i], "room:leave", "{}");
		assert_int_equal(f->posts[f->post_count - 1].worker, workers[i]);
		socket_free(f, sockets[i]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(f->hub.registry.transport_counts[i], 0);
}

/* ---- when the worker does not want ---- */

static void who_keeps_records_hears_of_all_who_come_and_go(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	const struct bf_media_join *msg;

	hear_all(ada);
	say(f, ada, "room:join", ada_joins);
	msg = take_post(f, BF_MEDIA_JOIN);
	assert_string_equal(f->presence, ""); /* not before the worker has taken her */
	worker_done(f, msg->request_id);
	assert_string_equal(f->presence, "+socket Ada /demo;");
	join(f, bob, "demo", "Bob");
	say(f, ada, "room:leave", "{}");
	say(f, bob, "room:leave", "{}");
	assert_string_equal(f->presence,
		"+socket Ada /demo;+socket Bob /demo;-socket Ada /demo;-socket Bob /demo;");
	socket_free(f, ada);
	socket_free(f, bob);
}

static void refused_join_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	const char *id;

	hear_all(ada);
	id = say(f, ada, "room:join", ada_joins);
	worker_error(
		f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id, "room_full");
	hear_error(ada, "room_full", id);
	hear_nothing(ada);
	assert_int_equal(rooms(f), 0);
	take_post(f, BF_MEDIA_LEAVE); /* harmless where it is not known */
	join(f, ada, "demo", "Ada");
	socket_free(f, ada);
}

static void busy_worker_at_join_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);

	hear_all(ada);
	f->is_busy = true;
	hear_error(ada, "busy", say(f, ada, "room:join", ada_joins));
	hear_nothing(ada);
	assert_int_equal(rooms(f), 0);
	assert_true(bf_rtc_hub_is_idle(&f->hub)); /* no leave for what never joined */
	f->is_busy = false;
	join(f, ada, "demo", "Ada");
	socket_free(f, ada);
}

static void busy_worker_at_join_is_passed_over_once(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	const struct bf_media_join *msg;
	const struct bf_media_leave *leave;
	uint64_t ada_id;
	const char *id;

	hear_all(ada);
	id = say(f, ada, "room:join", ada_joins);
	msg = take_post(f, BF_MEDIA_JOIN);
	assert_int_equal(f->posts[f->post_count - 1].worker, 0);
	ada_id = msg->participant_id;
	worker_error(f, msg->request_id, "busy");
	hear_nothing(ada);
	msg = take_post(f, BF_MEDIA_JOIN); /* the same on the next one, which the room now is on */
	assert_int_equal(f->posts[f->post_count - 1].worker, 1);
	assert_true(msg->participant_id == ada_id);
	worker_done(f, msg->request_id);
	assert_member(hear(ada, "room:joined"), "id", id);
	join(f, bob, "demo", "Bob");
	assert_int_equal(f->posts[f->post_count - 1].worker, 1);
	hear_all(ada);
	say(f, ada, "room:leave", "{}");
	leave = take_post(f, BF_MEDIA_LEAVE);
	assert_int_equal(f->posts[f->post_count - 1].worker, 1);
	assert_true(leave->participant_id == ada_id);
	hear(ada, "room:left");
	id = say(f, ada, "room:join", "{\"room\":\"other\",\"name\":\"Ada\"}");
	for (int i = 0; i < 2; i++) /* but not all of them are asked */
		worker_error(f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id,
			"busy");
	hear_error(ada, "busy", id);
	take_post(f, BF_MEDIA_LEAVE);
	no_post(f);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void who_is_refused_everywhere_is_not_taken_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	const char *id;

	hear_all(ada);
	id = say(f, ada, "room:join", ada_joins);
	worker_refuse_everywhere(
		f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id, "busy");
	hear_error(ada, "busy", id);
	take_post(f, BF_MEDIA_LEAVE);
	no_post(f);
	socket_free(f, ada);
}

static void a_full_inbox_at_join_is_passed_over_once(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	struct joined a;

	f->full_worker = 1; /* the first */
	a = join(f, ada, "demo", "Ada");
	assert_int_equal(f->posts[f->post_count - 1].worker, 1);
	assert_true(a.participant_id != 0);
	socket_free(f, ada);
}

static void silent_worker_at_join_is_left_again(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	const struct bf_media_join *msg;
	const char *id;

	hear_all(ada);
	id = say(f, ada, "room:join", ada_joins);
	msg = take_post(f, BF_MEDIA_JOIN);
	fixture_pass(f, BF_RTC_ANSWER_US);
	hear_error(ada, "busy", id);
	take_post(f, BF_MEDIA_LEAVE);
	worker_done(f, msg->request_id);
	hear_nothing(ada);
	assert_int_equal(rooms(f), 0);
	socket_free(f, ada);
}

static void leave_is_told_again_until_the_worker_takes_it(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_media_leave *msg;

	f->is_busy = true;
	say(f, ada, "room:leave", "{}");
	hear(ada, "room:left");
	assert_false(bf_rtc_hub_is_idle(&f->hub));
	fixture_pass(f, BF_SEC(1));
	no_post(f);
	f->is_busy = false;
	fixture_pass(f, BF_RTC_LEAVE_RETRY_US);
	msg = take_post(f, BF_MEDIA_LEAVE);
	assert_true(msg->participant_id == a.participant_id);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	assert_true(bf_rtc_hub_deadline_us(&f->hub) == INT64_MAX);
	socket_free(f, ada);
}

/* ---- tracks ---- */

static void track_events_reach_everybody_but_the_publisher(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f), *eve = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_json *data;

	join(f, bob, "demo", "Bob");
	join(f, eve, "other", "Eve");
	hear_all(ada);
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 0x77);
	data = data_of(hear(bob, "track:published"));
	assert_member_id(data, "participant_id", a.participant_id);
	assert_member_id(bf_json_get(data, "track"), "id", 0x77);
	worker_track(f, BF_TRACK_MUTED, a.room_id, a.participant_id, 0x77);
	data = data_of(hear(bob, "track:muted"));
	assert_member_id(data, "participant_id", a.participant_id);
	assert_member_id(data, "track_id", 0x77);
	worker_track(f, BF_TRACK_UNPUBLISHED, a.room_id, a.participant_id, 0x77);
	data = data_of(hear(bob, "track:unpublished"));
	assert_member_id(data, "track_id", 0x77);
	/* Not published any more: nothing to say about it. */
	worker_track(f, BF_TRACK_MUTED, a.room_id, a.participant_id, 0x77);
	worker_track(f, BF_TRACK_UNPUBLISHED, a.room_id, a.participant_id, 0x77);
	hear_nothing(ada);
	hear_nothing(bob);
	hear_nothing(eve);
	socket_free(f, ada);
	socket_free(f, bob);
	socket_free(f, eve);
}

static void muted_track_is_muted_for_newcomers(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_json *frame, *tracks;
	bool muted = false;

	for (uint64_t id = 1; id <= 9; id++) /* the list grows */
		worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, id);
	worker_track(f, BF_TRACK_UNPUBLISHED, a.room_id, a.participant_id, 3);
	worker_track(f, BF_TRACK_MUTED, a.room_id, a.participant_id, 4);
	hear_all(bob);
	say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"Bob\"}");
	worker_done(f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id);
	frame = hear(bob, "room:joined");
	tracks = bf_json_get(bf_json_at(bf_json_get(data_of(frame), "participants"), 0), "tracks");
	assert_int_equal(bf_json_count(tracks), 8);
	assert_member_id(bf_json_at(tracks, 2), "id", 4);
	assert_int_equal(bf_json_get_bool(bf_json_at(tracks, 2), "muted", &muted), 0);
	assert_true(muted);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void tracks_of_one_participant_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");

	join(f, bob, "demo", "Bob");
	for (uint64_t id = 1; id <= BF_MEDIA_TRACKS_MAX + 5; id++)
		worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, id);
	assert_int_equal(bob->frame_count - bob->read_count, BF_MEDIA_TRACKS_MAX);
	/* One that is known may be said anew (its layers have become known). */
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 1);
	assert_int_equal(bob->frame_count - bob->read_count, BF_MEDIA_TRACKS_MAX + 1);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void worker_suspends(
	struct fixture *f, uint64_t room_id, uint64_t participant_id, uint64_t track_id)
{
	struct bf_media_track *msg = bf_msg_new(BF_MEDIA_TRACK, sizeof(*msg));

	assert_non_null(msg);
	msg->event = BF_TRACK_SUSPENDED;
	msg->muted = 1;
	msg->room_id = room_id;
	msg->participant_id = participant_id;
	msg->track_id = track_id;
	msg->is_video = 1;
	bf_rtc_hub_on_media(&f->hub, &msg->msg);
}

static void what_concerns_one_subscriber_goes_to_it_alone(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined b;
	struct bf_media_layer *layer = bf_msg_new(BF_MEDIA_LAYER, sizeof(*layer));
	const struct bf_json *data;
	bool is_suspended = true;

	join(f, ada, "demo", "Ada");
	b = join(f, bob, "demo", "Bob");
	hear_all(ada);
	worker_track(f, BF_TRACK_UNSUPPORTED, b.room_id, b.participant_id, 0x77);
	data = data_of(hear(bob, "track:unsupported"));
	assert_member_id(data, "track_id", 0x77);
	assert_member(data, "codec", "VP8/TEST");
	worker_track(f, BF_TRACK_SUSPENDED, b.room_id, b.participant_id, 0x77);
	data = data_of(hear(bob, "track:suspended"));
	assert_member_id(data, "track_id", 0x77);
	assert_int_equal(bf_json_get_bool(data, "suspended", &is_suspended), 0);
	assert_false(is_suspended);
	worker_suspends(f, b.room_id, b.participant_id, 0x77);
	data = data_of(hear(bob, "track:suspended"));
	assert_member_id(data, "track_id", 0x77);
	assert_int_equal(bf_json_get_bool(data, "suspended", &is_suspended), 0);
	assert_true(is_suspended);
	layer->room_id = b.room_id;
	layer->participant_id = b.participant_id;
	layer->track_id = 0x77;
	layer->layer = 2;
	bf_rtc_hub_on_media(&f->hub, &layer->msg);
	data = data_of(hear(bob, "track:layer"));
	assert_member_id(data, "track_id", 0x77);
	assert_int_equal(member_int(data, "layer"), 2);
	worker_pc(f, b.room_id, b.participant_id, BF_PC_CONNECTED);
	data = data_of(hear(bob, "pc:state"));
	assert_member(data, "pc", "subscribe");
	assert_member(data, "state", "connected");
	hear_nothing(ada);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void failed_connection_does_not_remove_who_has_a_socket(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");

	worker_pc(f, a.room_id, a.participant_id, BF_PC_FAILED);
	assert_member(data_of(hear(ada, "pc:state")), "state", "failed");
	worker_pc(f, a.room_id, a.participant_id, BF_PC_CLOSED);
	assert_member(data_of(hear(ada, "pc:state")), "state", "closed");
	no_post(f);
	assert_int_equal(rooms(f), 1);
	socket_free(f, ada);
}

static void speakers(struct fixture *f, struct joined room, uint64_t dominant, uint64_t other)
{
	struct bf_media_speakers *msg = bf_msg_new(BF_MEDIA_SPEAKERS, sizeof(*msg));

	msg->room_id = room.room_id;
	msg->dominant_id = dominant;
	msg->speaking_count = 2;
	msg->speaking[0] = dominant;
	msg->speaking[1] = other;
	bf_rtc_hub_on_media(&f->hub, &msg->msg);
}

static void speakers_are_told_to_the_whole_room(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada"), b = join(f, bob, "demo", "Bob");
	const struct bf_json *data;

	hear_all(ada);
	speakers(f, a, a.participant_id, b.participant_id);
	data = data_of(hear(ada, "room:speakers"));
	assert_member_id(data, "dominant", a.participant_id);
	assert_int_equal(bf_json_count(bf_json_get(data, "speaking")), 2);
	hear(bob, "room:speakers");
	/* Those who are gone are not named. */
	speakers(f, a, 0x99, b.participant_id);
	data = data_of(hear(ada, "room:speakers"));
	assert_true(bf_json_is_null(bf_json_get(data, "dominant")));
	assert_int_equal(bf_json_count(bf_json_get(data, "speaking")), 1);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void messages_about_the_gone_are_dropped(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f), *carl = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada"), b = join(f, bob, "demo", "Bob");
	struct bf_msg *odd = bf_msg_new(999, sizeof(*odd));

	join(f, carl, "demo", "Carl");
	say(f, ada, "room:leave", "{}");
	take_post(f, BF_MEDIA_LEAVE);
	hear_all(ada);
	hear_all(bob);
	hear_all(carl);
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 1);
	worker_track(f, BF_TRACK_UNSUPPORTED, a.room_id, a.participant_id, 1);
	worker_offer(f, a.room_id, a.participant_id, "v=0");
	worker_pc(f, a.room_id, a.participant_id, BF_PC_FAILED);
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id + 1, b.participant_id, 1); /* another room */
	speakers(f, (struct joined){.room_id = 0x1234}, a.participant_id, b.participant_id);
	bf_rtc_hub_on_media(&f->hub, odd);
	hear_nothing(ada);
	hear_nothing(bob);
	hear_nothing(carl);
	socket_free(f, ada);
	socket_free(f, bob);
	socket_free(f, carl);
}

/* ---- order ---- */

static void joined_comes_before_published_before_the_offer(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada"), b = join(f, bob, "demo", "Bob");
	const struct bf_media_offer *offer;
	const struct bf_json *data, *track;

	say(f, bob, "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}");
	offer = take_post(f, BF_MEDIA_OFFER);
	/* A track may be there before the answer is. */
	worker_track(f, BF_TRACK_PUBLISHED, b.room_id, b.participant_id, 0x77);
	worker_answer(f, offer->request_id, "v=0");
	worker_offer(f, a.room_id, a.participant_id, "v=0 offer");
	hear(ada, "participant:joined");
	hear(ada, "track:published");
	data = data_of(hear(ada, "webrtc_offer"));
	assert_member(data, "pc", "subscribe");
	assert_member(data, "sdp", "v=0 offer");
	track = bf_json_at(bf_json_get(data, "tracks"), 0);
	assert_member(track, "mid", "0");
	assert_member_id(track, "track_id", 0x7000);
	assert_member_id(track, "participant_id", 0x8000);
	assert_member(track, "kind", "video");
	assert_member(track, "source", "camera");
	hear_nothing(ada);
	hear(bob, "webrtc_answer");
	hear_nothing(bob);
	socket_free(f, ada);
	socket_free(f, bob);
}

static void offer_that_comes_before_the_join_is_answered_waits(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	const struct bf_media_join *msg;

	hear_all(ada);
	say(f, ada, "room:join", ada_joins);
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_offer(f, msg->room_id, msg->participant_id, "v=0 old");
	worker_offer(f, msg->room_id, msg->participant_id, "v=0 new");
	hear_nothing(ada);
	worker_done(f, msg->request_id);
	hear(ada, "room:joined");
	assert_member(data_of(hear(ada, "webrtc_offer")), "sdp", "v=0 new");
	hear_nothing(ada);
	say(f, ada, "room:leave", "{}");
	/* And one that is never asked for is forgotten. */
	take_post(f, BF_MEDIA_LEAVE);
	say(f, ada, "room:join", ada_joins);
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_offer(f, msg->room_id, msg->participant_id, "v=0 old");
	socket_free(f, ada);
}

static void nobody_hears_the_room_before_joining_it(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct joined a = join(f, ada, "demo", "Ada");
	const struct bf_media_join *msg;

	hear_all(bob);
	say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"Bob\"}");
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_track(f, BF_TRACK_PUBLISHED, a.room_id, a.participant_id, 0x77);
	speakers(f, a, a.participant_id, a.participant_id);
	hear_nothing(bob);
	worker_done(f, msg->request_id);
	hear(bob, "room:joined"); /* with the track in it */
	hear_nothing(bob);
	socket_free(f, ada);
	socket_free(f, bob);
}

/* ---- closing ---- */

static void closing_tells_everybody_and_empties_the_rooms(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f), *idle = socket_open(f);
	struct bf_rtc_sink sink = {.arg = NULL};
	const struct bf_json *data;

	join(f, ada, "demo", "Ada");
	join(f, bob, "demo", "Bob");
	socket_lose(f, bob);
	hear_all(ada);
	hear_all(idle);
	assert_false(bf_rtc_hub_is_idle(&f->hub));
	bf_rtc_hub_close(&f->hub);
	data = data_of(hear(ada, "server:closing"));
	assert_member(data, "reason", "shutdown");
	assert_true(
		member_int(data, "reconnect_ms") >= 500 && member_int(data, "reconnect_ms") < 3000);
	hear_nothing(ada);
	hear(idle, "server:closing");
	assert_int_equal(ada->close_code, 1001);
	assert_int_equal(idle->close_code, 1001);
	assert_null(ada->session);
	take_post(f, BF_MEDIA_LEAVE);
	take_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	assert_int_equal(bf_rtc_hub_open(&f->hub, &sink), -16 /* EBUSY */);
	assert_true(bf_rtc_hub_deadline_us(&f->hub) == INT64_MAX);
	bf_rtc_hub_close(&f->hub); /* once more is fine */
	socket_free(f, ada);
	socket_free(f, bob);
	socket_free(f, idle);
}

static void gauges_follow(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);

	join(f, ada, "demo", "Ada");
	join(f, bob, "other", "Bob");
	assert_int_equal(bf_metric_get(f->hub.metrics.sessions), 2);
	assert_int_equal(bf_metric_get(f->hub.metrics.rooms), 2);
	assert_int_equal(bf_metric_get(f->hub.metrics.participants), 2);
	socket_free(f, ada);
	socket_free(f, bob);
	fixture_pass(f, BF_RTC_RESUME_US);
	assert_int_equal(bf_metric_get(f->hub.metrics.sessions), 0);
	assert_int_equal(bf_metric_get(f->hub.metrics.rooms), 0);
	assert_int_equal(bf_metric_get(f->hub.metrics.participants), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(newcomer_sees_who_is_there_and_they_hear_of_it),
		TEST(who_keeps_records_hears_of_all_who_come_and_go),
		TEST(leaving_is_heard_and_the_last_one_closes_the_room),
		TEST(leaving_answers_what_was_still_asked),
		TEST(leaving_while_joining_undoes_the_join),
		TEST(same_name_twice_is_fine),
		TEST(full_room_refuses_and_has_room_again),
		TEST(each_room_goes_to_the_least_loaded_worker_and_stays),
		TEST(refused_join_leaves_nothing_behind),
		TEST(busy_worker_at_join_leaves_nothing_behind),
		TEST(busy_worker_at_join_is_passed_over_once),
		TEST(who_is_refused_everywhere_is_not_taken_elsewhere),
		TEST(a_full_inbox_at_join_is_passed_over_once),
		TEST(silent_worker_at_join_is_left_again),
		TEST(leave_is_told_again_until_the_worker_takes_it),
		TEST(track_events_reach_everybody_but_the_publisher),
		TEST(muted_track_is_muted_for_newcomers),
		TEST(tracks_of_one_participant_are_bounded),
		TEST(what_concerns_one_subscriber_goes_to_it_alone),
		TEST(failed_connection_does_not_remove_who_has_a_socket),
		TEST(speakers_are_told_to_the_whole_room),
		TEST(messages_about_the_gone_are_dropped),
		TEST(joined_comes_before_published_before_the_offer),
		TEST(offer_that_comes_before_the_join_is_answered_waits),
		TEST(nobody_hears_the_room_before_joining_it),
		TEST(closing_tells_everybody_and_empties_the_rooms),
		TEST(gauges_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
