/* A whole story of sockets, rooms and WHIP with each allocation failing once: clients are refused or cut off, and nothing is
 * leaked, used after it was freed, or left behind at a worker. */
#include "tests/signaling/http/nomem.h"
#include "tests/signaling/rtc/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct quiet_socket {
	struct bf_rtc_session *session;
	bool is_closed;
};

static int quiet_send(void *arg, struct bf_bytes text)
{
	(void)arg;
	(void)text;
	return 0;
}

static void quiet_close(void *arg, int code, const char *reason)
{
	struct quiet_socket *socket = arg;

	(void)code;
	(void)reason;
	socket->is_closed = true;
}

static void quiet_bind(void *arg, struct bf_rtc_session *session)
{
	struct quiet_socket *socket = arg;

	socket->session = session;
}

static void tell(struct fixture *f, struct quiet_socket *socket, const char *text)
{
	if (socket->session && !socket->is_closed)
		bf_rtc_hub_receive(&f->hub, socket->session, bf_bytes_str(text));
}

/* Answer everything the worker was asked, as far as memory for that is there. */
static void serve(struct fixture *f)
{
	while (f->post_read_count < f->post_count) {
		struct bf_msg *msg = f->posts[f->post_read_count++].msg;
		const struct bf_media_join *join = (const struct bf_media_join *)msg;
		struct bf_media_sdp *sdp;
		struct bf_media_done *done;

		if (msg->kind == BF_MEDIA_LEAVE || join->request_id == 0)
			continue;
		if (msg->kind == BF_MEDIA_OFFER) {
			sdp = bf_msg_new(BF_MEDIA_SDP, sizeof(*sdp) + 4);
			if (!sdp)
				continue;
			sdp->request_id = join->request_id;
			sdp->sdp_len = 3;
			memcpy(sdp->sdp, "v=0", 3);
			bf_rtc_hub_on_media(&f->hub, &sdp->msg);
		} else {
			done = bf_msg_new(BF_MEDIA_DONE, sizeof(*done));
			if (!done)
				continue;
			done->request_id = join->request_id;
			bf_rtc_hub_on_media(&f->hub, &done->msg);
		}
	}
}

static void publish(struct fixture *f, uint64_t track_id)
{
	struct bf_media_track *msg;

	if (f->post_count == 0)
		return;
	msg = bf_msg_new(BF_MEDIA_TRACK, sizeof(*msg));
	if (!msg)
		return;
	msg->room_id = ((struct bf_media_join *)f->posts[0].msg)->room_id;
	msg->participant_id = ((struct bf_media_join *)f->posts[0].msg)->participant_id;
	msg->track_id = track_id;
	bf_rtc_hub_on_media(&f->hub, &msg->msg);
}

static void sockets(struct fixture *f)
{
	struct quiet_socket ada = {.session = NULL}, bob = {.session = NULL};
	struct bf_rtc_sink sinks[] = {{&ada, quiet_send, quiet_close, quiet_bind},
		{&bob, quiet_send, quiet_close, quiet_bind}};

	for (int i = 0; i < 2; i++)
		(void)bf_rtc_hub_open(&f->hub, &sinks[i]);
	tell(f, &ada,
		"{\"type\":\"room:join\",\"id\":\"1\",\"data\":{\"room\":\"demo\",\"name\":\"Ada\"}"
		"}");
	serve(f);
	for (uint64_t id = 1; id < 10; id++)
		publish(f, id);
	tell(f, &bob,
		"{\"type\":\"room:join\",\"id\":\"1\",\"data\":{\"room\":\"demo\",\"name\":\"Bob\"}"
		"}");
	serve(f);
	tell(f, &ada,
		"{\"type\":\"webrtc_offer\",\"id\":\"2\",\"data\":{\"pc\":\"publish\",\"sdp\":\"v="
		"0\","
		"\"tracks\":[{\"mid\":\"0\",\"source\":\"camera\"}]}}");
	tell(f, &ada,
		"{\"type\":\"ice_candidate\",\"id\":\"3\",\"data\":{\"pc\":\"publish\","
		"\"candidate\":null}}");
	tell(f, &ada, "{\"type\":\"ice_restart\",\"id\":\"4\",\"data\":{\"pc\":\"subscribe\"}}");
	tell(f, &ada, "nonsense");
	serve(f);
	if (bob.session)
		bf_rtc_hub_lost(&f->hub, bob.session);
	tell(f, &ada, "{\"type\":\"room:leave\",\"id\":\"5\"}");
	if (ada.session)
		bf_rtc_hub_lost(&f->hub, ada.session);
}

static void whip(struct fixture *f)
{
	struct bf_rtc_whip_request r = {
		.exchange_id = 1,
		.room = bf_bytes_str("demo"),
		.name = bf_bytes_str("cam"),
		.content_type = bf_bytes_str("application/sdp"),
		.authorization = bf_bytes_str("Bearer x"),
		.body = bf_bytes_str("v=0"),
	};
	char key[64];

	bf_rtc_whip_post(&f->hub, &r);
	serve(f);
	if (f->reply_count == 0 || f->replies[0].status != 201)
		return;
	snprintf(key, sizeof(key), "%.60s", strrchr(f->replies[0].location, '/') + 1);
	r.exchange_id = 2;
	r.key = bf_bytes_str(key);
	r.content_type = bf_bytes_str("application/trickle-ice-sdpfrag");
	r.if_match = bf_bytes_str(f->replies[0].etag);
	r.body = bf_bytes_str("a=candidate:1\r\na=end-of-candidates\r\n");
	bf_rtc_whip_patch(&f->hub, &r);
	serve(f);
	r.exchange_id = 3;
	bf_rtc_whip_delete(&f->hub, &r);
}

/* Joins and leaves at the workers, of everybody, must come in pairs. */
static void nobody_is_left_behind(const struct fixture *f)
{
	for (size_t i = 0; i < f->post_count; i++) {
		const struct bf_media_join *join = (const struct bf_media_join *)f->posts[i].msg;
		unsigned leaves = 0;

		if (f->posts[i].msg->kind != BF_MEDIA_JOIN)
			continue;
		for (size_t k = i; k < f->post_count; k++) {
			const struct bf_media_leave *leave =
				(const struct bf_media_leave *)f->posts[k].msg;

			leaves += f->posts[k].msg->kind == BF_MEDIA_LEAVE &&
				  leave->participant_id == join->participant_id;
		}
		assert_int_equal(leaves, 1);
	}
}

static void story(void *arg)
{
	struct fixture *f = calloc(1, sizeof(*f));

	(void)arg;
	fixture_init(f, false);
	nomem_arm();
	sockets(f);
	whip(f);
	/* Whoever was not answered is told so in time; then nobody is there any more. */
	fixture_pass(f, BF_RTC_ANSWER_US + BF_RTC_RESUME_US);
	assert_int_equal(f->hub.whip_sessions.entry_count, 0);
	assert_int_equal(f->hub.sessions.entry_count, 0);
	assert_true(bf_rtc_hub_is_idle(&f->hub));
	nobody_is_left_behind(f);
	fixture_deinit(f);
	free(f);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	nomem_each(story, NULL);
}

static int post_never(void *arg, unsigned worker, struct bf_msg *msg)
{
	(void)arg;
	(void)worker;
	(void)msg;
	return -ENOBUFS;
}

static void make(void *arg)
{
	struct bf_rtc_hub_conf conf = {
		.version = "", .media = {.worker_count = 2, .post = post_never}, .metrics = arg};
	struct bf_rtc_hub hub;
	int err;

	nomem_arm();
	err = bf_rtc_hub_init(&hub, &conf);
	assert_int_equal(err, nomem_has_struck() ? -ENOMEM : 0);
	if (!err)
		bf_rtc_hub_deinit(&hub);
}

static void making_a_hub_fails_cleanly(void **state)
{
	struct bf_metrics *metrics;

	(void)state;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	nomem_each(make, metrics);
	bf_metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(making_a_hub_fails_cleanly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
