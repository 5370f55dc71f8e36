/* WHIP and WHEP without a server: every status by its cause, and participants that come and go with their resources. */
#include "tests/signaling/rtc/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FRAGMENT                                                                          \
	"a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=candidate:2 1 udp 1 " \
	"192.0.2.1 10 typ host\r\n"
#define CREDENTIALS "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"

static struct bf_rtc_whip_request request(struct fixture *f, const char *room, const char *name)
{
	return (struct bf_rtc_whip_request){
		.exchange_id = ++f->next_id,
		.room = bf_bytes_str(room),
		.name = name ? bf_bytes_str(name) : bf_bytes(NULL, 0),
		.content_type = bf_bytes_str("application/sdp"),
		.body = bf_bytes_str("v=0 offer"),
	};
}

static struct bf_rtc_whip_request player(struct fixture *f, const char *room, const char *name)
{
	struct bf_rtc_whip_request r = request(f, room, name);

	r.is_whep = true;
	return r;
}

static void expect_status(const struct fixture *f, int status)
{
	assert_int_equal(last_reply(f)->exchange_id, f->next_id);
	assert_int_equal(last_reply(f)->status, status);
	if (status >= 400)
		assert_true(last_reply(f)->code[0] != '\0');
}

static void refused(struct fixture *f, const struct bf_rtc_whip_request *r, int status)
{
	size_t before = f->reply_count;

	bf_rtc_whip_post(&f->hub, r);
	assert_int_equal(f->reply_count, before + 1);
	expect_status(f, status);
	no_post(f);
	f->reply_count = before;
}

struct resource {
	struct joined who;
	char key[64], etag[64];
	bool is_whep;
};

/* The whole of a POST that is answered. */
static struct resource start(struct fixture *f, const struct bf_rtc_whip_request *r)
{
	struct resource resource = {.is_whep = r->is_whep};
	const struct bf_media_join *join_msg;
	const struct bf_media_offer *offer;
	const char *slash;

	bf_rtc_whip_post(&f->hub, r);
	join_msg = take_post(f, BF_MEDIA_JOIN);
	offer = take_post(f, BF_MEDIA_OFFER);
	resource.who = (struct joined){join_msg->room_id, join_msg->participant_id};
	worker_done(f, join_msg->request_id);
	worker_answer(f, offer->request_id, "v=0 answer");
	expect_status(f, 201);
	slash = strrchr(last_reply(f)->location, '/');
	assert_non_null(slash);
	snprintf(resource.key, sizeof(resource.key), "%.60s", slash + 1);
	snprintf(resource.etag, sizeof(resource.etag), "%.60s", last_reply(f)->etag);
	return resource;
}

static struct bf_rtc_whip_request patch(
	struct fixture *f, const struct resource *resource, const char *if_match, const char *body)
{
	return (struct bf_rtc_whip_request){
		.exchange_id = ++f->next_id,
		.is_whep = resource->is_whep,
		.key = bf_bytes_str(resource->key),
		.content_type = bf_bytes_str("application/trickle-ice-sdpfrag"),
		.if_match = if_match ? bf_bytes_str(if_match) : bf_bytes(NULL, 0),
		.body = bf_bytes_str(body),
	};
}

static void patched(struct fixture *f, const struct bf_rtc_whip_request *r, int status)
{
	bf_rtc_whip_patch(&f->hub, r);
	expect_status(f, status);
	no_post(f);
}

static void end(struct fixture *f, const struct resource *resource, int status)
{
	struct bf_rtc_whip_request r = patch(f, resource, NULL, "");

	bf_rtc_whip_delete(&f->hub, &r);
	expect_status(f, status);
}

/* ---- POST ---- */

static void publishing_makes_a_participant_and_a_resource(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);
	struct joined b = join(f, bob, "demo", "Bob");
	struct bf_rtc_whip_request r = request(f, "demo", "cam 1");
	const struct bf_media_join *join_msg;
	const struct bf_media_offer *offer;
	const struct bf_json *data;

	bf_rtc_whip_post(&f->hub, &r);
	assert_int_equal(f->reply_count, 0);
	join_msg = take_post(f, BF_MEDIA_JOIN);
	assert_true(join_msg->room_id == b.room_id);
	/* Data channels too, but nothing is sent to who only publishes. */
	assert_int_equal(join_msg->grants, BF_GRANT_PUBLISH | BF_GRANT_DATA);
	assert_false(join_msg->auto_subscribe);
	offer = take_post(f, BF_MEDIA_OFFER);
	assert_true(offer->participant_id == join_msg->participant_id);
	assert_int_equal(offer->pc, BF_PC_PUBLISH);
	assert_string_equal(offer->sdp, "v=0 offer");
	assert_int_equal(offer->source_count, 0);
	worker_done(f, join_msg->request_id);
	hear_nothing(bob);
	worker_track(f, BF_TRACK_PUBLISHED, b.room_id, join_msg->participant_id, 7);
	data = data_of(hear(bob, "participant:joined"));
	assert_member(bf_json_get(data, "participant"), "name", "cam 1");
	hear(bob, "track:published");
	worker_answer(f, offer->request_id, "v=0 answer");
	hear_nothing(bob);
	expect_status(f, 201);
	assert_string_equal(last_reply(f)->content_type, "application/sdp");
	assert_string_equal(last_reply(f)->body, "v=0 answer");
	assert_memory_equal(last_reply(f)->location, "/whip-session/", 14);
	assert_int_equal(strlen(last_reply(f)->location), 14 + 32);
	assert_int_equal(strlen(last_reply(f)->etag), 18);
	assert_int_equal(last_reply(f)->etag[0], '"');
	assert_int_equal(last_reply(f)->etag[17], '"');
	assert_int_equal(last_reply(f)->link_count, 2);
	assert_non_null(strstr(
		last_reply(f)->link, "<turn:turn.example:3478?transport=udp>; rel=\"ice-server\""));
	assert_non_null(strstr(last_reply(f)->link, "; credential-type=\"password\""));
	assert_int_equal(bf_metric_get(f->hub.metrics.whip_sessions), 1);
	socket_free(f, bob);
}

static void location_begins_with_the_public_url(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");

	f->hub.conf.public_url = "https://example.org/";
	start(f, &r);
	assert_memory_equal(last_reply(f)->location, "https://example.org/whip-session/", 33);
}

static void bad_offers_are_refused_by_their_cause(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r;
	static const char *const wrong_types[] = {
		"", "text/plain", "application/sdpx", "application/json; x=application/sdp"};
	static const char *const right_types[] = {
		"Application/SDP", "application/sdp;charset=utf-8", "application/sdp ; a=b"};
	static const char *const wrong_accepts[] = {
		"text/html", "application/json, text/*", "application/sdp;q=0", ""};
	static const char *const right_accepts[] = {
		"*/*", "application/*", "text/html, application/sdp;q=0.5"};

	r = request(f, "a room", "cam");
	refused(f, &r, 400);
	r = request(f, "demo", "c\x01m");
	refused(f, &r, 400);
	r = request(f, "demo", "c\xffm");
	refused(f, &r, 400);
	r = request(f, "demo", "cam");
	r.content_type = bf_bytes(NULL, 0);
	refused(f, &r, 415);
	for (size_t i = 0; i < sizeof(wrong_types) / sizeof(wrong_types[0]); i++) {
		r = request(f, "demo", "cam");
		r.content_type = bf_bytes_str(wrong_types[i]);
		refused(f, &r, 415);
	}
	for (size_t i = 0; i < sizeof(wrong_accepts) / sizeof(wrong_accepts[0]); i++) {
		r = request(f, "demo", "cam");
		r.accept = bf_bytes_str(wrong_accepts[i]);
		refused(f, &r, 406);
	}
	r = request(f, "demo", "cam");
	r.body = bf_bytes(NULL, 0);
	refused(f, &r, 400);
	for (size_t i = 0; i < 3; i++) {
		struct resource resource;

		r = request(f, "demo", "cam");
		r.content_type = bf_bytes_str(right_types[i]);
		r.accept = bf_bytes_str(right_accepts[i]);
		resource = start(f, &r);
		end(f, &resource, 200);
		take_post(f, BF_MEDIA_LEAVE);
	}
}

static void name_that_is_published_already_conflicts(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);
	struct bf_rtc_whip_request r;
	struct resource resource;

	join(f, bob, "demo", "cam"); /* by socket: another thing */
	r = request(f, "demo", "cam");
	resource = start(f, &r);
	r = request(f, "demo", "cam");
	refused(f, &r, 409);
	r = request(f, "other", "cam");
	start(f, &r);
	end(f, &resource, 200);
	take_post(f, BF_MEDIA_LEAVE);
	r = request(f, "demo", "cam");
	start(f, &r);
	socket_free(f, bob);
}

static void worker_errors_become_statuses(void **state)
{
	static const struct {
		const char *code;
		int status;
	} cases[] = {{"bad_sdp", 400}, {"unsupported", 422}, {"busy", 503}, {"forbidden", 403},
		{"bad_state", 409}, {"what", 500}};
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);

	join(f, bob, "demo", "Bob");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_rtc_whip_request r = request(f, "demo", "cam");
		const struct bf_media_join *join_msg;
		const struct bf_media_offer *offer;

		bf_rtc_whip_post(&f->hub, &r);
		join_msg = take_post(f, BF_MEDIA_JOIN);
		offer = take_post(f, BF_MEDIA_OFFER);
		worker_done(f, join_msg->request_id);
		worker_error(f, offer->request_id, cases[i].code);
		expect_status(f, cases[i].status);
		take_post(f, BF_MEDIA_LEAVE);
	}
	hear_nothing(bob); /* nobody was ever shown */
	assert_int_equal(f->hub.whip_sessions.entry_count, 0);
	assert_int_equal(f->hub.registry.participants.entry_count, 1);
	socket_free(f, bob);
}

static void refused_join_answers_once(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	const struct bf_media_join *join_msg;
	const struct bf_media_offer *offer;

	bf_rtc_whip_post(&f->hub, &r);
	join_msg = take_post(f, BF_MEDIA_JOIN);
	offer = take_post(f, BF_MEDIA_OFFER);
	worker_error(f, join_msg->request_id, "room_full");
	expect_status(f, 503);
	worker_error(f, offer->request_id, "not_found");
	assert_int_equal(f->reply_count, 1);
	take_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
}

static void busy_worker_is_503_and_nothing_stays(void **state)
{
	struct fixture *f = *state;

	for (unsigned after = 0; after < 2; after++) {
		struct bf_rtc_whip_request r = request(f, "demo", "cam");

		f->is_busy = true;
		f->busy_after = after;
		bf_rtc_whip_post(&f->hub, &r);
		expect_status(f, 503);
		assert_int_equal(f->hub.whip_sessions.entry_count, 0);
		assert_int_equal(f->hub.registry.participants.entry_count, 0);
		/* Where the join went through, the leave must follow. */
		assert_int_equal(bf_rtc_hub_is_idle(&f->hub), after == 0);
	}
	take_post(f, BF_MEDIA_JOIN);
	f->is_busy = false;
	fixture_pass(f, BF_RTC_LEAVE_RETRY_US);
	take_post(f, BF_MEDIA_LEAVE);
	no_post(f);
}

static void silent_worker_is_503(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");

	bf_rtc_whip_post(&f->hub, &r);
	take_post(f, BF_MEDIA_JOIN);
	take_post(f, BF_MEDIA_OFFER);
	fixture_pass(f, BF_RTC_ANSWER_US - 1);
	assert_int_equal(f->reply_count, 0);
	fixture_pass(f, 1);
	expect_status(f, 503);
	take_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
}

static void full_room_is_503(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r;

	for (int i = 0; i < ROOM_MAX; i++) {
		char name[2] = {(char)('a' + i), '\0'};

		r = request(f, "demo", name);
		start(f, &r);
	}
	r = request(f, "demo", "z");
	refused(f, &r, 503);
}

static void client_that_has_gone_leaves_no_resource(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	const struct bf_media_offer *offer;

	bf_rtc_whip_post(&f->hub, &r);
	take_post(f, BF_MEDIA_JOIN);
	offer = take_post(f, BF_MEDIA_OFFER);
	f->gone_exchange_id = r.exchange_id;
	worker_answer(f, offer->request_id, "v=0");
	take_post(f, BF_MEDIA_LEAVE);
	assert_int_equal(f->reply_count, 0);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	assert_int_equal(f->hub.whip_sessions.entry_count, 0);
}

/* ---- WHEP ---- */

static void players_find_whom_they_name(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *other = socket_open(f), *bob = socket_open(f);
	struct joined a;
	struct bf_rtc_whip_request r = player(f, "demo", "Ada");
	const struct bf_media_join *join_msg;
	const struct bf_media_offer *offer;

	refused(f, &r, 404); /* no room */
	a = join(f, ada, "demo", "Ada");
	join(f, other, "demo", "Ada");
	hear_all(ada);
	say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"Bob\"}");
	take_post(f, BF_MEDIA_JOIN); /* not answered: he is not there yet */
	r = player(f, "demo", "Bob");
	refused(f, &r, 404);
	r = player(f, "demo", "Ada");
	bf_rtc_whip_post(&f->hub, &r);
	join_msg = take_post(f, BF_MEDIA_JOIN);
	assert_int_equal(join_msg->grants, BF_GRANT_SUBSCRIBE);
	assert_false(join_msg->auto_subscribe);
	offer = take_post(f, BF_MEDIA_OFFER);
	assert_int_equal(offer->pc, BF_PC_SUBSCRIBE);
	assert_true(offer->play_participant_id == a.participant_id); /* the first of that name */
	worker_answer(f, offer->request_id, "v=0 answer");
	expect_status(f, 201);
	assert_memory_equal(last_reply(f)->location, "/whep-session/", 14);
	hear_nothing(ada); /* who only watches is not shown */
	say(f, ada, "room:leave", "{}");
	socket_free(f, ada);
	socket_free(f, other);
	socket_free(f, bob);
}

static void player_without_a_name_follows_the_speaker(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);
	struct bf_rtc_whip_request r = player(f, "demo", NULL);

	refused(f, &r, 404);
	join(f, ada, "demo", "Ada");
	r = player(f, "demo", NULL);
	bf_rtc_whip_post(&f->hub, &r);
	take_post(f, BF_MEDIA_JOIN);
	assert_true(
		((struct bf_media_offer *)take_post(f, BF_MEDIA_OFFER))->play_participant_id == 0);
	socket_free(f, ada);
}

static void players_are_not_in_the_list_of_newcomers(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	struct bf_rtc_whip_request r;
	const struct bf_json *others;

	join(f, ada, "demo", "Ada");
	r = player(f, "demo", "Ada");
	start(f, &r);
	r = request(f, "demo", "cam");
	start(f, &r);
	hear_all(bob);
	say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"Bob\"}");
	worker_done(f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id);
	others = bf_json_get(data_of(hear(bob, "room:joined")), "participants");
	assert_int_equal(bf_json_count(others), 2);
	assert_member(bf_json_at(others, 1), "name", "cam");
	socket_free(f, ada);
	socket_free(f, bob);
}

/* ---- PATCH ---- */

static void trickling_reaches_the_worker(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	struct resource resource = start(f, &r);
	const struct bf_media_candidate *msg;
	size_t before = f->reply_count;

	r = patch(f, &resource, resource.etag, FRAGMENT "a=end-of-candidates\r\n");
	bf_rtc_whip_patch(&f->hub, &r);
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_string_equal(msg->text, "candidate:1 1 udp 1 192.0.2.1 9 typ host");
	assert_true(msg->request_id == 0);
	assert_true(msg->participant_id == resource.who.participant_id);
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_true(msg->request_id == 0);
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	assert_int_equal(msg->text_len, 0);
	assert_true(msg->request_id != 0);
	assert_int_equal(f->reply_count, before);
	worker_done(f, msg->request_id);
	expect_status(f, 204);
	assert_string_equal(last_reply(f)->etag, "");
	/* Without the end; the last candidate is the one that answers. */
	r = patch(f, &resource, resource.etag, FRAGMENT);
	bf_rtc_whip_patch(&f->hub, &r);
	take_post(f, BF_MEDIA_CANDIDATE);
	msg = take_post(f, BF_MEDIA_CANDIDATE);
	worker_error(f, msg->request_id, "bad_request");
	expect_status(f, 400);
	/* Nothing in it: nothing to ask. */
	r = patch(f, &resource, resource.etag, "a=mid:0\r\n");
	patched(f, &r, 204);
}

static void patches_are_refused_by_their_cause(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	struct resource resource = start(f, &r), wrong = resource, whep = resource;

	r = patch(f, &resource, NULL, FRAGMENT);
	patched(f, &r, 428);
	r = patch(f, &resource, "\"older\"", FRAGMENT);
	patched(f, &r, 412);
	r = patch(f, &resource, "", FRAGMENT);
	patched(f, &r, 412);
	r = patch(f, &resource, resource.etag, FRAGMENT);
	r.content_type = bf_bytes_str("application/sdp");
	patched(f, &r, 415);
	r = patch(f, &resource, resource.etag, "nonsense");
	patched(f, &r, 400);
	r = patch(f, &resource, "*", FRAGMENT); /* a restart without credentials */
	patched(f, &r, 400);
	wrong.key[0] = wrong.key[0] == 'a' ? 'b' : 'a';
	r = patch(f, &wrong, resource.etag, FRAGMENT);
	patched(f, &r, 404);
	whep.is_whep = true; /* the other kind's URL */
	r = patch(f, &whep, resource.etag, FRAGMENT);
	patched(f, &r, 404);
	f->is_busy = true;
	r = patch(f, &resource, resource.etag, FRAGMENT);
	patched(f, &r, 503);
	r = patch(f, &resource, "*", CREDENTIALS);
	patched(f, &r, 503);
	f->is_busy = false;
	/* After all that the resource is as it was; a list of tags matches by one of them. */
	r = patch(f, &resource, "\"x\" , ", "a=mid:0\r\n");
	patched(f, &r, 412);
}

static void restart_answers_with_a_fragment_and_a_new_etag(void **state)
{
	static const char *const stars[] = {"*", "\"*\""};
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	struct resource resource = start(f, &r);

	for (size_t i = 0; i < 2; i++) {
		const struct bf_media_restart *msg;

		r = patch(f, &resource, stars[i], CREDENTIALS FRAGMENT);
		bf_rtc_whip_patch(&f->hub, &r);
		msg = take_post(f, BF_MEDIA_RESTART);
		assert_int_equal(msg->pc, BF_PC_PUBLISH);
		assert_string_equal(msg->remote_ufrag, "EsAw");
		assert_string_equal(msg->remote_pwd, "P2uYro0UCOQ4zxjKXaWCBui1");
		take_post(f, BF_MEDIA_CANDIDATE);
		take_post(f, BF_MEDIA_CANDIDATE);
		worker_answer(f, msg->request_id, "a=ice-lite");
		expect_status(f, 200);
		assert_string_equal(last_reply(f)->content_type, "application/trickle-ice-sdpfrag");
		assert_string_equal(last_reply(f)->body, "a=ice-lite");
		assert_string_not_equal(last_reply(f)->etag, resource.etag);
		r = patch(f, &resource, resource.etag, FRAGMENT); /* late, of the old ICE session */
		patched(f, &r, 412);
		snprintf(resource.etag, sizeof(resource.etag), "%.60s",
			f->replies[f->reply_count - 2].etag);
		r = patch(f, &resource, resource.etag, "a=mid:0\r\n");
		patched(f, &r, 204);
	}
	/* A restart that fails leaves the session and its tag. */
	r = patch(f, &resource, "*", CREDENTIALS);
	bf_rtc_whip_patch(&f->hub, &r);
	worker_error(f, ((struct bf_media_restart *)take_post(f, BF_MEDIA_RESTART))->request_id,
		"bad_state");
	expect_status(f, 409);
	r = patch(f, &resource, resource.etag, "a=mid:0\r\n");
	patched(f, &r, 204);
}

/* ---- the end ---- */

static void deleting_ends_it_once(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);
	struct bf_rtc_whip_request r;
	struct resource resource;
	const struct bf_media_leave *msg;
	const struct bf_json *data;

	join(f, bob, "demo", "Bob");
	r = request(f, "demo", "cam");
	resource = start(f, &r);
	hear(bob, "participant:joined");
	/* What was still being asked is answered too. */
	r = patch(f, &resource, resource.etag, FRAGMENT);
	bf_rtc_whip_patch(&f->hub, &r);
	take_post(f, BF_MEDIA_CANDIDATE);
	take_post(f, BF_MEDIA_CANDIDATE);
	end(f, &resource, 200);
	assert_int_equal(f->replies[f->reply_count - 2].exchange_id, r.exchange_id);
	assert_int_equal(f->replies[f->reply_count - 2].status, 404);
	msg = take_post(f, BF_MEDIA_LEAVE);
	assert_true(msg->participant_id == resource.who.participant_id);
	data = data_of(hear(bob, "participant:left"));
	assert_member(data, "reason", "left");
	assert_int_equal(bf_metric_get(f->hub.metrics.whip_sessions), 0);
	end(f, &resource, 404);
	no_post(f);
	socket_free(f, bob);
}

static void lost_connection_ends_it(void **state)
{
	static const struct {
		enum bf_pc_state state;
		const char *reason;
	} cases[] = {{BF_PC_FAILED, "failed"}, {BF_PC_CLOSED, "left"}};
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);

	join(f, bob, "demo", "Bob");
	for (size_t i = 0; i < 2; i++) {
		struct bf_rtc_whip_request r = request(f, "demo", "cam");
		struct resource resource = start(f, &r);

		hear(bob, "participant:joined");
		worker_pc(f, resource.who.room_id, resource.who.participant_id, BF_PC_CONNECTED);
		worker_pc(f, resource.who.room_id, resource.who.participant_id, BF_PC_DISCONNECTED);
		hear_nothing(bob);
		no_post(f);
		worker_pc(f, resource.who.room_id, resource.who.participant_id, cases[i].state);
		assert_member(data_of(hear(bob, "participant:left")), "reason", cases[i].reason);
		take_post(f, BF_MEDIA_LEAVE);
		end(f, &resource, 404);
	}
	socket_free(f, bob);
}

static void player_goes_unseen(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *bob = socket_open(f);
	struct bf_rtc_whip_request r;
	struct resource resource;

	join(f, bob, "demo", "Bob");
	r = player(f, "demo", "Bob");
	resource = start(f, &r);
	end(f, &resource, 200);
	take_post(f, BF_MEDIA_LEAVE);
	hear_nothing(bob);
	socket_free(f, bob);
}

static void closing_ends_resources_and_refuses_new_ones(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");

	start(f, &r);
	r = request(f, "demo", "two"); /* still being asked */
	bf_rtc_whip_post(&f->hub, &r);
	take_post(f, BF_MEDIA_JOIN);
	take_post(f, BF_MEDIA_OFFER);
	bf_rtc_hub_close(&f->hub);
	expect_status(f, 503);
	take_post(f, BF_MEDIA_LEAVE);
	take_post(f, BF_MEDIA_LEAVE);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	r = request(f, "demo", "cam");
	refused(f, &r, 503);
}

/* ---- join tokens ---- */

static void tokens_decide(void **state)
{
	static const struct {
		const char *authorization;
		bool is_whep;
		int status;
	} cases[] = {
		{NULL, false, 401},
		{"", false, 401},
		{"Basic demo,-,psd", false, 401},
		{"Bearer ", false, 401},
		{"Bearer nonsense", false, 401},
		{"Bearer other,-,psd", false, 403},
		{"Bearer demo,-,sd", false, 403},
		{"Bearer demo,Ada,psd", false, 403}, /* another's name */
		{"Bearer demo,-,pd", true, 403},
	};
	struct fixture *f = *state;
	struct bf_rtc_whip_request r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = request(f, "demo", "cam");
		r.is_whep = cases[i].is_whep;
		if (cases[i].authorization)
			r.authorization = bf_bytes_str(cases[i].authorization);
		bf_rtc_whip_post(&f->hub, &r);
		expect_status(f, cases[i].status);
		if (cases[i].status == 401)
			assert_string_equal(last_reply(f)->authenticate, "Bearer");
		no_post(f);
	}
	r = request(f, "demo", "cam");
	r.authorization = bf_bytes_str("bearer  demo,cam,p");
	start(f, &r);
	assert_int_equal(((struct bf_media_join *)f->posts[0].msg)->grants, BF_GRANT_PUBLISH);
	r = player(f, "demo", "cam");
	r.authorization =
		bf_bytes_str("Bearer *,Viewer,s"); /* a viewer's name is not whom it plays */
	start(f, &r);
	r = player(f, "demo", "cam");
	r.authorization = bf_bytes_str("Bearer *,-,s,acme");
	bf_rtc_whip_post(&f->hub, &r);
	expect_status(f, 404); /* that organization has no such room */
}

static void resource_wants_its_token_or_another_good_one(void **state)
{
	static const struct {
		const char *authorization;
		int status;
	} cases[] = {
		{NULL, 401}, {"Bearer expired", 401}, {"Bearer other,-,p", 403},
		{"Bearer demo,-,s", 403},
		{"Bearer demo,-,p,acme", 403}, /* whose "demo" is another room */
		{"Bearer demo,-,p", 412},      /* may, and is let as far as its tag */
		{"Bearer demo,cam,p", 412},    /* the one it began with */
	};
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	struct resource resource;

	r.authorization = bf_bytes_str("Bearer demo,cam,p");
	resource = start(f, &r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r = patch(f, &resource, "\"older\"", FRAGMENT);
		if (cases[i].authorization)
			r.authorization = bf_bytes_str(cases[i].authorization);
		patched(f, &r, cases[i].status);
	}
	/* Its own token ends it even when that would not begin anything any more. */
	f->hub.conf.verify_arg = NULL;
	r = patch(f, &resource, NULL, "");
	bf_rtc_whip_delete(&f->hub, &r);
	expect_status(f, 401);
	r = patch(f, &resource, NULL, "");
	r.authorization = bf_bytes_str("Bearer demo,cam,p");
	bf_rtc_whip_delete(&f->hub, &r);
	expect_status(f, 200);
	take_post(f, BF_MEDIA_LEAVE);
}

static int verify_nothing(void *arg, struct bf_join_grants *out, struct bf_bytes token,
	int64_t now_s, const char **why)
{
	(void)arg;
	(void)out;
	(void)token;
	(void)now_s;
	*why = "expired";
	return -ETIME;
}

static void stream_may_outlast_its_token(void **state)
{
	struct fixture *f = *state;
	struct bf_rtc_whip_request r = request(f, "demo", "cam");
	struct resource resource;

	r.authorization = bf_bytes_str("Bearer demo,cam,p");
	resource = start(f, &r);
	f->hub.conf.verify = verify_nothing;
	r = patch(f, &resource, NULL, "");
	r.authorization = bf_bytes_str("Bearer xemo,cam,p");
	bf_rtc_whip_delete(&f->hub, &r);
	expect_status(f, 401);
	r = patch(f, &resource, NULL, "");
	r.authorization = bf_bytes_str("Bearer demo,cam,p");
	bf_rtc_whip_delete(&f->hub, &r);
	expect_status(f, 200);
	take_post(f, BF_MEDIA_LEAVE);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
#define TOKEN(name) cmocka_unit_test_setup_teardown(name, fixture_set_up_tokens, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publishing_makes_a_participant_and_a_resource),
		TEST(location_begins_with_the_public_url),
		TEST(bad_offers_are_refused_by_their_cause),
		TEST(name_that_is_published_already_conflicts),
		TEST(worker_errors_become_statuses),
		TEST(refused_join_answers_once),
		TEST(busy_worker_is_503_and_nothing_stays),
		TEST(silent_worker_is_503),
		TEST(full_room_is_503),
		TEST(client_that_has_gone_leaves_no_resource),
		TEST(players_find_whom_they_name),
		TEST(player_without_a_name_follows_the_speaker),
		TEST(players_are_not_in_the_list_of_newcomers),
		TEST(trickling_reaches_the_worker),
		TEST(patches_are_refused_by_their_cause),
		TEST(restart_answers_with_a_fragment_and_a_new_etag),
		TEST(deleting_ends_it_once),
		TEST(lost_connection_ends_it),
		TEST(player_goes_unseen),
		TEST(closing_ends_resources_and_refuses_new_ones),
		TOKEN(tokens_decide),
		TOKEN(resource_wants_its_token_or_another_good_one),
		TOKEN(stream_may_outlast_its_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
