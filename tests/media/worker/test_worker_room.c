/* A whole worker on loopback with real clients: what a room promises. */
#include "core/base/clock.h"
#include "core/base/rand.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_frame_reaches_the_subscriber_with_numbers_that_go_on(void **state)
{
	enum bf_io io = *(enum bf_io *)*state;
	struct call call;
	uint16_t seq = 0;

	call_open(&call, io, false);
	for (uint32_t i = 0; i < 20; i++) /* wraps sequence number, timestamp and picture id */
		call_expect_frame(&call, i == 0, i, &seq);
	call_close(&call);
}

static void nothing_flows_before_a_keyframe(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	call_send_frame(&call.video, false, 1);
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 200, &rtp, &counter));
	call_send_frame(&call.video, true, 2);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 2);
	call_close(&call);
}

static void a_nack_is_answered_with_rtx(void **state)
{
	struct call call;
	uint8_t rtcp[256];
	struct bf_wr wr = bf_wr(rtcp, sizeof(rtcp));
	struct bf_rtp rtp;
	uint16_t seq = 0;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	for (uint32_t i = 0; i < 5; i++)
		call_expect_frame(&call, i == 0, i, &seq);
	uint16_t wanted = (uint16_t)(seq - 2);
	bf_rtcp_write_rr(&wr, 1, NULL, 0);
	bf_rtcp_write_nack(&wr, 1, call.received.video_ssrc, &wanted, 1);
	peer_send_rtcp(&call.bob, rtcp, bf_wr_len(&wr));
	assert_true(call_recv_frame(&call.bob, call.received.video_rtx_ssrc, 2000, &rtp, &counter));
	assert_int_equal(bf_get_u16(rtp.payload.data), wanted);
	assert_int_equal(counter, 2);
	call_close(&call);
}

static void a_gap_is_asked_for_from_the_publisher_and_the_repair_delivered(void **state)
{
	struct call call;
	struct bf_rtcp rtcp;
	struct bf_rtp rtp;
	uint16_t seqs[8], lost;
	uint32_t media_ssrc, counter;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, NULL);
	lost = call.video.seq++; /* never sent */
	call.video.timestamp += 3000;
	call_expect_frame(&call, false, 2, NULL);
	assert_true(call_recv_rtcp(&call.alice, BF_RTCP_RTPFB, BF_RTPFB_NACK, 2000, &rtcp));
	assert_int_equal(bf_rtcp_parse_nack(&media_ssrc, seqs, 8, &rtcp), 1);
	assert_int_equal(seqs[0], lost);
	assert_int_equal(media_ssrc, call.video.ssrc);
	call.video.seq = lost;
	call_send_frame(&call.video, false, 1);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 1);
	call_close(&call);
}

static void a_flood_of_plis_becomes_few_requests(void **state)
{
	struct call call;
	struct bf_rtcp found;
	uint8_t rtcp[64];
	struct bf_wr wr = bf_wr(rtcp, sizeof(rtcp));
	int count = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, NULL);
	while (call_recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 100, &found))
		;
	bf_rtcp_write_pli(&wr, 1, call.received.video_ssrc);
	for (int i = 0; i < 200; i++)
		peer_send_rtcp(&call.bob, rtcp, bf_wr_len(&wr));
	while (call_recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 900, &found) && count < 100)
		if (++count == 1) { /* a keyframe ends the asking */
			call_send_frame(&call.video, true, 1);
		}
	assert_in_range(count, 1, 3);
	call_close(&call);
}

static void muting_stops_the_track_and_unmuting_goes_on_without_a_gap(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	stage_control(&call.stage, ALICE, call.tracks.video, BF_TRACK_MUTE, 1);
	for (int i = 0; i < 5; i++)
		call_send_frame(&call.video, false, 100);
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 200, &rtp, &counter));
	stage_control(&call.stage, ALICE, call.tracks.video, BF_TRACK_MUTE, 0);
	call_send_frame(&call.video, false, 101); /* refers to what was not shown */
	call_expect_frame(&call, true, 1, &seq);
	call_close(&call);
}

static void a_layer_switch_waits_for_a_keyframe_and_keeps_the_numbers(void **state)
{
	struct call call;
	struct video layers[3];
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq;

	call_open(&call, *(enum bf_io *)*state, true);
	for (unsigned i = 0; i < 3; i++)
		layers[i] = (struct video){.peer = &call.alice,
			.ssrc = 0x2001 + i,
			.seq = (uint16_t)(1000 * i),
			.timestamp = 777 * i,
			.rid = &"qhf"[i]};
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 0);
	for (unsigned i = 0; i < 3; i++)
		call_send_frame(&layers[i], true, 10 + i);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 10);
	call_send_frame(
		&layers[0], false, 15); /* when this has come, so have the keyframes before it */
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 15);
	seq = rtp.seq;
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 2);
	call_send_frame(&layers[2], false, 22); /* not decodable alone: must not pass */
	call_send_frame(&layers[0], false, 20);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 20);
	assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
	call_send_frame(&layers[2], true, 32);
	call_send_frame(&layers[0], false, 30); /* the layer that was left */
	call_send_frame(&layers[2], false, 42);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 32);
	assert_int_equal(rtp.seq, (uint16_t)(seq + 2));
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 42);
	assert_int_equal(rtp.seq, (uint16_t)(seq + 3));
	call_close(&call);
}

static void a_keyframe_whose_start_is_late_still_arrives_whole(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	struct video start;
	uint32_t counter;
	uint16_t seq;

	call_open(&call, *(enum bf_io *)*state, false);
	start = call.video;
	call.video.seq++;
	call_send_frame(&call.video, false, 1); /* stands for the rest of the keyframe */
	call_send_frame(&call.video, false, 2);
	call_send_frame(&start, true, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(
			call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
		assert_int_equal(counter, i);
		if (i > 0)
			assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
		seq = rtp.seq;
	}
	call_close(&call);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring, a_frame_reaches_the_subscriber_with_numbers_that_go_on),
		ON(epoll, a_frame_reaches_the_subscriber_with_numbers_that_go_on),
		ON(uring, nothing_flows_before_a_keyframe),
		ON(uring, a_nack_is_answered_with_rtx),
		ON(epoll, a_nack_is_answered_with_rtx),
		ON(uring, a_gap_is_asked_for_from_the_publisher_and_the_repair_delivered),
		ON(uring, a_flood_of_plis_becomes_few_requests),
		ON(uring, muting_stops_the_track_and_unmuting_goes_on_without_a_gap),
		ON(uring, a_layer_switch_waits_for_a_keyframe_and_keeps_the_numbers),
		ON(uring, a_keyframe_whose_start_is_late_still_arrives_whole),
	};

	return cmocka_run_group_tests_name("worker_room", tests, NULL, NULL);
}
