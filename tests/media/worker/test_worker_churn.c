/* Four workers and one room that is never at rest: while one publishes, others come, publish, talk, look, mute and go everywhere. Under
 * ThreadSanitizer this is where a slip between workers shows. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORKERS	  4
#define GUESTS	  12 /* at once, without media */
#define VIEWERS	  3  /* connected ones */
#define RUN_MS	  4000
#define GUEST_ID  0x1000
#define VIEWER_ID 0x9000

struct guest {
	uint64_t id; /* 0: nobody */
	struct peer peer;
	bool is_publishing;
};

struct viewer {
	uint64_t id;
	struct peer peer;
};

struct churn {
	struct stage stage;
	struct peer alice;
	struct stage_tracks tracks;
	struct video video;
	struct guest guests[GUESTS];
	struct viewer viewers[VIEWERS];
	uint64_t next_id, next_viewer;
	uint32_t rng;
	uint32_t sent, joined, seen;
	uint16_t sound;
};

static uint32_t draw(struct churn *churn, uint32_t below)
{
	churn->rng = churn->rng * 1664525u + 1013904223u;
	return (churn->rng >> 8) % below;
}

/* Numbers are used again, so that participants come back, perhaps to another worker. */
static uint64_t next_id(struct churn *churn)
{
	uint64_t id = GUEST_ID + churn->next_id++ % (2 * GUESTS);

	for (int i = 0; i < GUESTS; i++)
		if (churn->guests[i].id == id)
			return next_id(churn);
	stage_place(&churn->stage, id, draw(churn, WORKERS));
	return id;
}

static void publish(struct churn *churn, struct guest *guest, bool is_video)
{
	static const struct peer_section both[] = {
		{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
	};
	static const struct peer_section audio[] = {
		{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1", "a=inactive\r\n" PEER_VP8_LINES},
	};
	char sdp[PEER_SDP_MAX];

	peer_describe(&guest->peer, is_video ? both : audio, 2, "actpass", sdp);
	stage_offer(&churn->stage, guest->id, sdp);
	guest->is_publishing = is_video;
}

static void come_or_go(struct churn *churn)
{
	struct guest *guest = &churn->guests[draw(churn, GUESTS)];

	if (!guest->id) {
		guest->id = next_id(churn);
		peer_open(&guest->peer, BF_SRTP_AEAD_AES_128_GCM);
		stage_post_join(&churn->stage, guest->id, STAGE_ALL, draw(churn, 2));
		publish(churn, guest, true);
		churn->joined++;
	} else if (draw(churn, 3) == 0) {
		publish(churn, guest, !guest->is_publishing);
	} else {
		stage_post_leave(&churn->stage, guest->id);
		peer_close(&guest->peer);
		guest->id = 0;
	}
}

static void watch_or_go(struct churn *churn, struct viewer *viewer)
{
	if (viewer->id) {
		stage_post_leave(&churn->stage, viewer->id);
		peer_close(&viewer->peer);
		viewer->id = 0;
		return;
	}
	viewer->id =
		VIEWER_ID + churn->next_viewer++; /* nothing of an earlier one's is on its way */
	stage_place(&churn->stage, viewer->id, draw(churn, WORKERS));
	(void)stage_subscriber(&churn->stage, &viewer->peer, viewer->id);
}

/* What the viewers get; how much of Alice's depends on what was first in their offers. */
static void look(struct churn *churn)
{
	uint8_t data[PEER_MTU];
	size_t len;

	for (int i = 0; i < VIEWERS; i++)
		for (int n = 0; churn->viewers[i].id && n < 50; n++) {
			if (peer_recv(&churn->viewers[i].peer, 0, data, &len) == PEER_NOTHING)
				break;
			churn->seen++;
		}
}

static void send_some(struct churn *churn)
{
	for (int i = 0; i < 5; i++, churn->sent++)
		call_send_frame(&churn->video, churn->sent % 25 == 0, churn->sent);
	call_send_audio(&churn->alice, 0x2001, churn->sound,
		churn->sound / 64 % 2 ? 100 : 20); /* she speaks and pauses */
	churn->sound++;
}

static void go_on(struct churn *churn)
{
	for (int i = 0; i < 3; i++)
		come_or_go(churn);
	if (draw(churn, 8) == 0)
		watch_or_go(churn, &churn->viewers[draw(churn, VIEWERS)]);
	if (draw(churn, 10) == 0)
		stage_control(&churn->stage, ALICE, churn->tracks.video, BF_TRACK_MUTE,
			(int)draw(churn, 2));
	send_some(churn);
	look(churn);
	usleep(2000);
}

static void all_leave(struct churn *churn)
{
	for (int i = 0; i < GUESTS; i++)
		if (churn->guests[i].id) {
			stage_post_leave(&churn->stage, churn->guests[i].id);
			peer_close(&churn->guests[i].peer);
		}
	for (int i = 0; i < VIEWERS; i++)
		if (churn->viewers[i].id)
			watch_or_go(churn, &churn->viewers[i]);
	stage_leave(&churn->stage, ALICE);
	peer_close(&churn->alice);
	stage_settle(&churn->stage);
}

static void a_room_that_is_never_at_rest_ends_without_a_trace(void **state)
{
	static struct churn churn; /* large */
	static const char *const gauges[] = {"belfry_media_rooms", "belfry_media_participants",
		"belfry_media_tracks", "belfry_media_subscriptions"};
	int64_t until_us;
	char series[64];

	memset(&churn, 0, sizeof(churn));
	churn.rng = 7;
	stage_open_many(&churn.stage, *(enum bf_io *)*state, WORKERS);
	stage_place(&churn.stage, ALICE, 0);
	churn.tracks = stage_publisher(&churn.stage, &churn.alice, ALICE, false);
	churn.video = (struct video){.peer = &churn.alice, .ssrc = 0x1001, .seq = 65000};
	until_us = bf_clock_mono_us() + BF_MS(RUN_MS);
	while (bf_clock_mono_us() < until_us) {
		go_on(&churn);
		stage_forget(&churn.stage);
	}
	print_message("%u joins, %u frames sent, %u packets seen\n", churn.joined, churn.sent,
		churn.seen);
	assert_true(churn.joined > 20 && churn.seen > 100);
	all_leave(&churn);
	for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
		snprintf(series, sizeof(series), "%s{worker=\"0\"} ", gauges[i]);
		assert_int_equal(stage_metric(&churn.stage, series), 0);
	}
	assert_int_equal(
		stage_metric(&churn.stage, "belfry_peer_messages_lost_total{worker=\"0\"} "), 0);
	stage_close(&churn.stage);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring, a_room_that_is_never_at_rest_ends_without_a_trace),
		ON(epoll, a_room_that_is_never_at_rest_ends_without_a_trace),
	};

	return cmocka_run_group_tests_name("worker_churn", tests, NULL, NULL);
}
