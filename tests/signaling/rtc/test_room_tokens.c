/* Join tokens in rooms: who may join where, under which name, and with which rights. */
#include "tests/signaling/rtc/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void token_decides_who_may_join(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f);

	assert_member(data_of(hear(ada, "connection_established")), "auth", "token");
	hear_error(ada, "unauthorized",
		say(f, ada, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\"}"));
	hear_error(ada, "unauthorized",
		say(f, ada, "room:join",
			"{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"expired\"}"));
	hear_error(ada, "forbidden",
		say(f, ada, "room:join",
			"{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"other,-,psd\"}"));
	hear_error(ada, "forbidden",
		say(f, ada, "room:join",
			"{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"demonstration,-,psd\"}"));
	no_post(f);
	say(f, ada, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"demo,-,psd\"}");
	take_post(f, BF_MEDIA_JOIN);
	socket_free(f, ada);
	ada = socket_open(f);
	say(f, ada, "room:join", "{\"room\":\"demo\",\"name\":\"Ada\",\"token\":\"*,-,p\"}");
	take_post(f, BF_MEDIA_JOIN);
	socket_free(f, ada);
}

static void token_fixes_the_name(void **state)
{
	struct fixture *f = *state;
	struct fake_socket *ada = socket_open(f), *bob = socket_open(f);
	const struct bf_media_join *msg;
	const struct bf_json *others;

	say(f, ada, "room:join",
		"{\"room\":\"demo\",\"name\":\"Root\",\"token\":\"demo,Ada,psd\"}");
	worker_done(f, ((struct bf_media_join *)take_post(f, BF_MEDIA_JOIN))->request_id);
	hear_all(bob);
	say(f, bob, "room:join", "{\"room\":\"demo\",\"name\":\"Bob\",\"token\":\"demo,-,psd\"}");
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_done(f, msg->request_id);
	others = bf_json_get(data_of(hear(bob, "room:joined")), "participants");
	assert_member(bf_json_at(others, 0), "name", "Ada");
	socket_free(f, ada);
	socket_free(f, bob);
}

/* Joins "demo" with a token of that organization ("": none). */
static const struct bf_media_join *join_of(
	struct fixture *f, struct fake_socket *socket, const char *org)
{
	const struct bf_media_join *msg;
	char data[256];

	hear_all(socket);
	snprintf(data, sizeof(data), "{\"room\":\"demo\",\"name\":\"A\",\"token\":\"*,-,psd%s%s\"}",
		org[0] ? "," : "", org);
	say(f, socket, "room:join", data);
	msg = take_post(f, BF_MEDIA_JOIN);
	worker_done(f, msg->request_id);
	return msg;
}

static void organizations_have_rooms_of_their_own(void **state)
{
	static const char *const orgs[] = {"", "acme", "globex", "acme"};
	struct fixture *f = *state;
	struct fake_socket *sockets[4];
	const struct bf_media_join *joins[4];

	for (int i = 0; i < 4; i++) {
		sockets[i] = socket_open(f);
		joins[i] = join_of(f, sockets[i], orgs[i]);
		assert_member(data_of(hear(sockets[i], "room:joined")), "room", "demo");
	}
	assert_int_equal(bf_metric_get(f->hub.metrics.rooms), 3);
	assert_true(joins[1]->room_id == joins[3]->room_id);
	assert_true(joins[1]->org_id == joins[3]->org_id);
	assert_true(joins[0]->room_id != joins[1]->room_id);
	assert_true(joins[1]->room_id != joins[2]->room_id);
	assert_true(joins[0]->org_id == 0 && joins[1]->org_id != 0 && joins[2]->org_id != 0);
	assert_true(joins[1]->org_id != joins[2]->org_id);
	hear(sockets[1], "participant:joined"); /* and nobody else hears of the fourth one */
	hear_nothing(sockets[0]);
	hear_nothing(sockets[2]);
	for (int i = 0; i < 4; i++)
		socket_free(f, sockets[i]);
}

static void grants_hold_for_each_request(void **state)
{
	static const struct {
		const char *grants, *type, *data;
		bool is_allowed;
	} cases[] = {
		{"s", "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}", false},
		{"d", "webrtc_offer", "{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[]}", true},
		{"d", "webrtc_offer",
			"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":\"0\",\"source\":"
			"\"camera\"}]}",
			false},
		{"p", "webrtc_offer",
			"{\"pc\":\"publish\",\"sdp\":\"v=0\",\"tracks\":[{\"mid\":\"0\",\"source\":"
			"\"camera\"}]}",
			true},
		{"p", "webrtc_answer", "{\"pc\":\"subscribe\",\"sdp\":\"v=0\"}", false},
		{"p", "ice_restart", "{\"pc\":\"subscribe\"}", false},
		{"p", "ice_candidate", "{\"pc\":\"publish\",\"candidate\":null}", true},
		{"s", "track:mute", "{\"track_id\":\"00000000000000a1\",\"muted\":true}", false},
		{"p", "track:layer", "{\"track_id\":\"00000000000000a1\",\"layer\":1}", false},
		{"pd", "track:pause", "{\"track_id\":\"00000000000000a1\",\"paused\":true}", false},
		{"s", "track:pause", "{\"track_id\":\"00000000000000a1\",\"paused\":true}", true},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_socket *ada = socket_open(f);
		const struct bf_media_join *msg;
		const struct bf_json *grants;
		char data[256];
		bool flag = false;

		snprintf(data, sizeof(data),
			"{\"room\":\"demo\",\"name\":\"A\",\"token\":\"demo,-,%s\"}",
			cases[i].grants);
		hear_all(ada);
		say(f, ada, "room:join", data);
		msg = take_post(f, BF_MEDIA_JOIN);
		assert_int_equal(msg->auto_subscribe, strchr(cases[i].grants, 's') != NULL);
		worker_done(f, msg->request_id);
		grants = bf_json_get(data_of(hear(ada, "room:joined")), "grants");
		assert_int_equal(bf_json_get_bool(grants, "publish", &flag), 0);
		assert_int_equal(flag, strchr(cases[i].grants, 'p') != NULL);
		assert_int_equal(bf_json_get_bool(grants, "subscribe", &flag), 0);
		assert_int_equal(flag, strchr(cases[i].grants, 's') != NULL);
		assert_int_equal(bf_json_get_bool(grants, "data", &flag), 0);
		assert_int_equal(flag, strchr(cases[i].grants, 'd') != NULL);
		say(f, ada, cases[i].type, cases[i].data);
		if (cases[i].is_allowed)
			assert_int_equal(f->post_count, ++f->post_read_count);
		else
			hear_error(ada, "forbidden", NULL);
		no_post(f);
		say(f, ada, "room:leave", "{}");
		take_post(f, BF_MEDIA_LEAVE);
		socket_free(f, ada);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up_tokens, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(token_decides_who_may_join),
		TEST(token_fixes_the_name),
		TEST(organizations_have_rooms_of_their_own),
		TEST(grants_hold_for_each_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
