/* One room on several workers: what only that can get wrong. The other tests of this folder run so as well (CMakeLists.txt). */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DAVE   0xda4e
#define PLAYER 0x91a

/* Alice on worker 0, Bob on worker 1, whatever comes after them where it says. */
static void call_apart(struct call *call, enum bf_io io, unsigned worker_count, bool is_simulcast,
	const char *flag)
{
	memset(call, 0, sizeof(*call));
	stage_open_with(&call->stage, io, worker_count, flag);
	stage_place(&call->stage, ALICE, 0);
	stage_place(&call->stage, BOB, 1);
	call->tracks = stage_publisher(&call->stage, &call->alice, ALICE, is_simulcast);
	call->received = stage_subscriber(&call->stage, &call->bob, BOB);
	call->video = (struct video){.peer = &call->alice, .ssrc = 0x1001, .seq = 65000};
}

/* A series of one worker alone, of what it has published within the last moment. */
static int64_t metric_of(struct stage *stage, const char *name, unsigned worker)
{
	char series[128], *text, *at;
	int64_t value;
	size_t len;

	(void)stage_metric(stage, name); /* waits for the next time if need be */
	snprintf(series, sizeof(series), "%s{worker=\"%u\"} ", name, worker);
	assert_int_equal(bf_metrics_print(stage->metrics, &text, &len), 0);
	at = strstr(text, series);
	assert_non_null(at);
	value = strtoll(at + strlen(series), NULL, 10);
	free(text);
	return value;
}

static void read_frames(struct call *call, uint32_t first, uint32_t end)
{
	struct bf_rtp rtp;
	uint32_t counter;

	for (uint32_t i = first; i < end; i++) {
		if (!call_recv_frame(&call->bob, call->received.video_ssrc, 5000, &rtp, &counter))
			fail_msg("frame %u did not come", i);
		assert_int_equal(counter, i);
	}
}

/* ---- packets ---- */

static void what_a_full_pipe_refused_comes_later_and_in_order(void **state)
{
	struct call call;
	uint32_t count = 1;

	call_apart(&call, *(enum bf_io *)*state, 2, false, "--media.pipe-kib=64");
	call_expect_frame(&call, true, 0, NULL);
	stage_hold(&call.stage, 1);
	/* 682 records of such frames fill 64 KiB; up to 64 more are kept for later */
	for (; count <= 720; count++) {
		call_send_frame(&call.video, false, count);
		if (count % 50 == 0)
			usleep(5000);
	}
	usleep(50000);
	stage_release(&call.stage, 1);
	read_frames(&call, 1, count);
	assert_true(metric_of(&call.stage, "belfry_feed_refused_total", 0) > 10);
	assert_int_equal(metric_of(&call.stage, "belfry_feed_lost_total", 0), 0);
	call_expect_frame(&call, false, count, NULL);
	call_close(&call);
}

static void what_is_refused_for_too_long_is_lost_and_the_rest_goes_on(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t count, counter, last = 0, missing = 0;

	call_apart(&call, *(enum bf_io *)*state, 2, false, "--media.pipe-kib=64");
	call_expect_frame(&call, true, 0, NULL);
	stage_hold(&call.stage, 1);
	for (count = 1; count <= 900; count++) {
		call_send_frame(&call.video, false, count);
		if (count % 50 == 0)
			usleep(5000);
	}
	usleep(50000);
	stage_release(&call.stage, 1);
	while (last < count - 1 &&
		call_recv_frame(&call.bob, call.received.video_ssrc, 5000, &rtp, &counter)) {
		assert_true(counter > last);
		missing += counter - last - 1;
		last = counter;
	}
	assert_int_equal(last, count - 1); /* what is kept is the newest */
	assert_true(missing > 50);
	assert_int_equal(metric_of(&call.stage, "belfry_feed_lost_total", 0), missing);
	call_close(&call);
}

static void a_nack_is_answered_where_the_subscriber_is(void **state)
{
	struct call call;
	uint8_t rtcp[256];
	struct bf_wr wr = bf_wr(rtcp, sizeof(rtcp));
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq = 0;

	call_apart(&call, *(enum bf_io *)*state, 2, false, NULL);
	for (uint32_t i = 0; i < 5; i++)
		call_expect_frame(&call, i == 0, i, &seq);
	bf_rtcp_write_rr(&wr, 1, NULL, 0);
	bf_rtcp_write_nack(&wr, 1, call.received.video_ssrc, &seq, 1);
	peer_send_rtcp(&call.bob, rtcp, bf_wr_len(&wr));
	assert_true(call_recv_frame(&call.bob, call.received.video_rtx_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 4);
	assert_int_equal(metric_of(&call.stage, "belfry_rtp_resent_total", 1), 1);
	assert_int_equal(metric_of(&call.stage, "belfry_rtp_resent_total", 0), 0);
	call_close(&call);
}

static void padding_leaves_no_gap_there(void **state)
{
	const uint8_t ext[] = {4 << 4 | 0, '1'};
	struct call call;
	uint16_t seq = 0;

	call_apart(&call, *(enum bf_io *)*state, 2, false, NULL);
	call_expect_frame(&call, true, 0, &seq);
	for (uint32_t i = 1; i < 5; i++) {
		peer_send_rtp(&call.alice,
			&(struct bf_rtp){.pt = 96,
				.seq = call.video.seq++,
				.timestamp = call.video.timestamp,
				.ssrc = call.video.ssrc,
				.padding_len = 0},
			bf_bytes(ext, sizeof(ext)), bf_bytes(NULL, 0));
		call_expect_frame(&call, false, i, &seq);
	}
	call_close(&call);
}

static void a_source_that_changes_goes_on_as_one_stream(void **state)
{
	struct call call;
	uint16_t seq = 0;

	call_apart(&call, *(enum bf_io *)*state, 2, false, NULL);
	for (uint32_t i = 0; i < 3; i++)
		call_expect_frame(&call, i == 0, i, &seq);
	call.video.ssrc = 0x7777;
	call.video.seq = 12;
	call.video.timestamp = 99;
	call_send_frame(&call.video, false, 50); /* refers to what it had before */
	for (uint32_t i = 3; i < 6; i++)
		call_expect_frame(&call, i == 3, i, &seq);
	call_close(&call);
}

/* ---- wishes ---- */

static void only_what_is_wanted_crosses(void **state)
{
	struct call call;
	struct video layers[3];
	struct bf_rtp rtp;
	uint32_t counter;
	int64_t before, after;

	call_apart(&call, *(enum bf_io *)*state, 2, true, NULL);
	for (unsigned i = 0; i < 3; i++)
		layers[i] = (struct video){.peer = &call.alice,
			.ssrc = 0x2001 + i,
			.seq = (uint16_t)(1000 * i),
			.rid = &"qhf"[i]};
	for (unsigned i = 0; i < 3; i++)
		call_send_frame(&layers[i], false, 0); /* they are there */
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 1);
	call_send_frame(&layers[1], true, 1);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	usleep(1200 * 1000); /* what is no longer needed is given up once a second */
	call.stage.published_us = 0;
	before = metric_of(&call.stage, "belfry_feed_records_total", 0);
	for (uint32_t i = 0; i < 50; i++)
		for (unsigned k = 0; k < 3; k++)
			call_send_frame(&layers[k], false, 100 + i);
	call.stage.published_us = 0;
	after = metric_of(&call.stage, "belfry_feed_records_total", 0);
	assert_in_range(after - before, 50, 55); /* and a sender report perhaps */
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_PAUSE, 1);
	for (uint32_t i = 0; i < 50; i++)
		call_send_frame(&layers[1], false, 200 + i);
	call.stage.published_us = 0;
	assert_in_range(metric_of(&call.stage, "belfry_feed_records_total", 0) - after, 0, 5);
	call_close(&call);
}

static int count_plis(struct peer *peer, int ms)
{
	int64_t until_us = bf_clock_mono_us() + BF_MS(ms);
	struct bf_rtcp found;
	int count = 0;

	while (bf_clock_mono_us() < until_us)
		count += call_recv_rtcp(peer, BF_RTCP_PSFB, BF_PSFB_PLI, 10, &found);
	return count;
}

static void keyframes_that_many_need_are_asked_for_once(void **state)
{
	struct call call;
	struct peer others[3];
	struct stage_received received[3];

	call_apart(&call, *(enum bf_io *)*state, 3, false, NULL);
	for (int i = 0; i < 3; i++) {
		stage_place(&call.stage, DAVE + (uint64_t)i, i % 2 ? 2 : 1);
		received[i] = stage_subscriber(&call.stage, &others[i], DAVE + (uint64_t)i);
	}
	call_expect_frame(&call, true, 0, NULL);
	while (count_plis(&call.alice, 600) > 0)
		;
	for (int i = 0; i < 3; i++) {
		uint8_t rtcp[64];
		struct bf_wr wr = bf_wr(rtcp, sizeof(rtcp));
		bf_rtcp_write_pli(&wr, 1, received[i].video_ssrc);
		peer_send_rtcp(&others[i], rtcp, bf_wr_len(&wr));
	}
	assert_int_equal(count_plis(&call.alice, 400), 1);
	call_send_frame(&call.video, true, 1);
	assert_int_equal(count_plis(&call.alice, 1100), 0);
	for (int i = 0; i < 3; i++)
		peer_close(&others[i]);
	call_close(&call);
}

/* The origin answers to a request that got lost in a full pipe, too: it is repeated. */
static void a_keyframe_that_does_not_come_is_asked_for_again(void **state)
{
	struct call call;
	struct bf_rtcp found;

	call_apart(&call, *(enum bf_io *)*state, 2, false, NULL);
	call_send_frame(&call.video, false, 99); /* now it is known whom to ask */
	for (int i = 0; i < 3; i++)
		assert_true(call_recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 2000, &found));
	call_expect_frame(&call, true, 0, NULL);
	call_close(&call);
}

/* ---- rooms ---- */

static void who_leaves_last_closes_the_room_there_and_may_come_back(void **state)
{
	struct call call;
	uint16_t seq;
	int64_t before;

	call_apart(&call, *(enum bf_io *)*state, 2, false, NULL);
	call_expect_frame(&call, true, 0, &seq);
	stage_leave(&call.stage, BOB);
	peer_close(&call.bob);
	assert_int_equal(metric_of(&call.stage, "belfry_media_rooms", 1), 0);
	before = metric_of(&call.stage, "belfry_feed_records_total", 0);
	for (uint32_t i = 0; i < 20; i++)
		call_send_frame(&call.video, i == 0, i);
	call.stage.published_us = 0;
	assert_int_equal(metric_of(&call.stage, "belfry_feed_records_total", 0), before);
	call.received = stage_subscriber(&call.stage, &call.bob, BOB);
	for (uint32_t i = 0; i < 3; i++)
		call_expect_frame(&call, i == 0, i, &seq);
	stage_leave(&call.stage, ALICE); /* now the publisher's side closes */
	peer_close(&call.alice);
	stage_forget(&call.stage);
	call.tracks = stage_publisher(&call.stage, &call.alice, ALICE, false);
	call.stage.published_us = 0;
	assert_int_equal(metric_of(&call.stage, "belfry_media_tracks", 0), 2);
	assert_int_equal(
		metric_of(&call.stage, "belfry_media_tracks", 1), 0); /* a mirror is not one */
	assert_int_equal(metric_of(&call.stage, "belfry_media_participants", 1), 1);
	call_close(&call);
}

/* A player's offer comes right behind its join: the answer has what others publish elsewhere. */
static void what_comes_with_the_join_waits_until_the_room_is_complete(void **state)
{
	static const struct peer_section wanted[] = {
		{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1",
			"a=recvonly\r\n" PEER_VIDEO_LINES "a=rtpmap:96 H264/90000\r\n"
			"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n"
			"a=rtpmap:98 VP8/90000\r\n"},
	};
	char sdp[PEER_SDP_MAX], *at;
	struct call call;
	struct peer player;
	struct bf_media_sdp *answer;

	call_apart(&call, *(enum bf_io *)*state, 3, false, NULL);
	stage_place(&call.stage, PLAYER, 2);
	peer_open(&player, BF_SRTP_AEAD_AES_128_GCM);
	peer_describe(&player, wanted, 2, "actpass", sdp);
	at = strstr(sdp, "m=video 9 UDP/TLS/RTP/SAVPF 96 97");
	assert_non_null(at);
	memcpy(at, "m=video 9 UDP/TLS/RTP/SAVPF 96 98", 33);
	stage_post_join(&call.stage, PLAYER, BF_GRANT_SUBSCRIBE, false);
	stage_offer_as(&call.stage, PLAYER, BF_PC_SUBSCRIBE, ALICE, sdp);
	answer = stage_get(&call.stage, BF_MEDIA_SDP, PLAYER);
	/* Alice's codec, though another one stands first in the offer */
	assert_non_null(strstr(answer->sdp, "VP8/90000"));
	assert_null(strstr(answer->sdp, "H264"));
	bf_msg_free(&answer->msg);
	peer_close(&player);
	call_close(&call);
}

static void who_leaves_while_the_room_opens_was_never_there(void **state)
{
	struct stage stage;
	struct bf_media_error *error;
	struct peer alice;

	stage_open_many(&stage, *(enum bf_io *)*state, 2);
	stage_place(&stage, ALICE, 0);
	stage_place(&stage, BOB, 1);
	stage_publisher(&stage, &alice, ALICE, false);
	stage_hold(&stage, 0); /* so that it does not answer */
	stage_post_join(&stage, BOB, STAGE_ALL, true);
	stage_post_leave(&stage, BOB);
	error = stage_get(&stage, BF_MEDIA_ERROR, BOB);
	assert_string_equal(error->code, "not_joined");
	bf_msg_free(&error->msg);
	stage_release(&stage, 0);
	stage_settle(&stage);
	assert_int_equal(metric_of(&stage, "belfry_media_rooms", 1), 0);
	assert_int_equal(metric_of(&stage, "belfry_media_rooms", 0), 1);
	stage_join(&stage, BOB, STAGE_ALL);
	stage_drop(&stage, BF_MEDIA_SDP, BOB); /* with Alice's tracks */
	peer_close(&alice);
	stage_close(&stage);
}

static void a_worker_that_does_not_answer_delays_a_join_by_a_second(void **state)
{
	struct stage stage;
	int64_t began_us = bf_clock_mono_us();

	stage_open_many(&stage, *(enum bf_io *)*state, 2);
	stage_place(&stage, ALICE, 0);
	stage_place(&stage, BOB, 1);
	stage_hold(&stage, 1);
	stage_post_join(&stage, ALICE, STAGE_ALL, true);
	stage_drop(&stage, BF_MEDIA_DONE, ALICE);
	assert_in_range(bf_clock_mono_us() - began_us, BF_MS(800), BF_SEC(5));
	stage_release(&stage, 1);
	stage_settle(&stage);
	stage_join(&stage, BOB, STAGE_ALL); /* all is well again */
	stage_close(&stage);
}

/* The answer to what it offered, and an offer of the six tracks of the three others, after offers of fewer perhaps. */
static void expect_everything(struct stage *stage, struct peer *peer, uint64_t id)
{
	bool is_answered = false, is_complete = false;

	while (!is_answered || !is_complete) {
		struct bf_media_sdp *sdp = stage_get(stage, BF_MEDIA_SDP, id);

		if (!sdp->is_offer)
			is_answered = true;
		else if (sdp->track_count == 6)
			is_complete = true;
		else
			stage_accept(stage, peer, id, sdp->sdp);
		bf_msg_free(&sdp->msg);
	}
}

static void open_at_once(struct stage *stage, uint64_t first_id)
{
	struct peer peers[4];
	char sdp[PEER_SDP_MAX];

	for (unsigned i = 0; i < 4; i++) {
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
		stage_place(stage, first_id + i, i);
	}
	for (unsigned i = 0; i < 4; i++)
		stage_post_join(stage, first_id + i, STAGE_ALL, true);
	for (unsigned i = 0; i < 4; i++) {
		peer_offer(&peers[i], false, sdp);
		stage_offer(stage, first_id + i, sdp);
	}
	for (unsigned i = 0; i < 4; i++)
		expect_everything(stage, &peers[i], first_id + i);
	for (unsigned i = 0; i < 4; i++) {
		stage_post_leave(stage, first_id + i);
		peer_close(&peers[i]);
	}
}

/* Everybody comes at once, each to another worker, and gets everybody's tracks. */
static void rooms_that_open_everywhere_at_once_find_each_other(void **state)
{
	struct stage stage;

	stage_open_many(&stage, *(enum bf_io *)*state, 4);
	for (uint64_t round = 0; round < 10; round++)
		open_at_once(&stage, 100 * round + 1);
	stage_settle(&stage);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(metric_of(&stage, "belfry_media_rooms", i), 0);
		assert_int_equal(metric_of(&stage, "belfry_media_tracks", i), 0);
		assert_int_equal(metric_of(&stage, "belfry_media_subscriptions", i), 0);
	}
	stage_close(&stage);
}

/* ---- speakers ---- */

static void talk(struct peer *peer, uint16_t *seq, int ms, uint8_t level)
{
	for (int at = 0; at < ms; at += 20) {
		call_send_audio(peer, 0x2001, (*seq)++, level);
		usleep(20000);
	}
}

static void expect_speaker(struct stage *stage, uint64_t id)
{
	struct bf_media_speakers *speakers = stage_get(stage, BF_MEDIA_SPEAKERS, 0);

	assert_int_equal(speakers->dominant_id, id);
	assert_int_equal(speakers->speaking_count, 1);
	assert_int_equal(speakers->speaking[0], id);
	bf_msg_free(&speakers->msg);
}

static void one_worker_tells_who_speaks_and_another_goes_on_when_it_leaves(void **state)
{
	struct stage stage;
	struct peer alice, carol;
	uint16_t sound = 1, other_sound = 1;

	stage_open_many(&stage, *(enum bf_io *)*state, 3);
	stage_place(&stage, ALICE, 1);
	stage_place(&stage, CAROL, 2);
	stage_place(&stage, DAVE, 0);
	stage_publisher(&stage, &alice, ALICE, false);
	stage_publisher(&stage, &carol, CAROL, false);
	stage_join(&stage, DAVE, 0); /* hears nothing, and its worker leads */
	talk(&carol, &other_sound, 600, 20);
	expect_speaker(&stage, CAROL);
	assert_null(stage_take(&stage, BF_MEDIA_SPEAKERS, 0, 0)); /* once */
	stage_leave(&stage, DAVE);				  /* now Alice's worker leads */
	talk(&carol, &other_sound, 1000, 20);
	assert_null(stage_take(&stage, BF_MEDIA_SPEAKERS, 0, 0)); /* nothing has changed */
	talk(&alice, &sound, 3000, 10);
	stage_forget(&stage); /* both for a while, then Alice alone */
	talk(&carol, &other_sound, 600, 20);
	stage_join(&stage, DAVE, 0); /* the first worker leads again, and knows */
	stage_forget(&stage);
	talk(&carol, &other_sound, 400, 20);
	assert_null(stage_take(&stage, BF_MEDIA_SPEAKERS, 0, 0));
	peer_close(&alice);
	peer_close(&carol);
	stage_close(&stage);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring, what_a_full_pipe_refused_comes_later_and_in_order),
		ON(uring, what_is_refused_for_too_long_is_lost_and_the_rest_goes_on),
		ON(uring, a_nack_is_answered_where_the_subscriber_is),
		ON(uring, padding_leaves_no_gap_there),
		ON(epoll, padding_leaves_no_gap_there),
		ON(uring, a_source_that_changes_goes_on_as_one_stream),
		ON(uring, only_what_is_wanted_crosses),
		ON(uring, keyframes_that_many_need_are_asked_for_once),
		ON(uring, a_keyframe_that_does_not_come_is_asked_for_again),
		ON(uring, who_leaves_last_closes_the_room_there_and_may_come_back),
		ON(uring, what_comes_with_the_join_waits_until_the_room_is_complete),
		ON(uring, who_leaves_while_the_room_opens_was_never_there),
		ON(uring, a_worker_that_does_not_answer_delays_a_join_by_a_second),
		ON(uring, rooms_that_open_everywhere_at_once_find_each_other),
		ON(epoll, rooms_that_open_everywhere_at_once_find_each_other),
		ON(uring, one_worker_tells_who_speaks_and_another_goes_on_when_it_leaves),
	};

	return cmocka_run_group_tests_name("worker_spread", tests, NULL, NULL);
}
