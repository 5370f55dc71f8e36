/* Frames of several packets: that they leave together, at the receiver's pace, and how long they stay. */
#include "core/base/clock.h"
#include "media/cc/pacer.h"
#include "media/room/room_priv.h"
#include "tests/media/worker/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define VIDEO_BYTES 1150 /* of payload */

static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;

/* `count` packets of one frame; the counter at the end of each is its number. Without the last one the frame is not complete. */
static void send_frame(struct call *call, bool is_keyframe, uint32_t count, bool is_complete)
{
	struct video *video = &call->video;
	const uint8_t ext[] = {4 << 4 | 0, '1'};
	uint8_t payload[VIDEO_BYTES] = {0};

	for (uint32_t i = 0; i < count; i++) {
		struct bf_rtp rtp = {.pt = 96,
			.marker = is_complete && i == count - 1,
			.seq = video->seq++,
			.timestamp = video->timestamp,
			.ssrc = video->ssrc};

		(void)call_vp8(payload, video, is_keyframe, i);
		if (i > 0)
			payload[0] = 0x80; /* goes on with the same frame: S is not set */
		bf_put_u32(payload + sizeof(payload) - 4, i);
		peer_send_rtp(video->peer, &rtp, bf_bytes(ext, sizeof(ext)),
			bf_bytes(payload, sizeof(payload)));
	}
	video->timestamp += 3000;
	video->picture_id++;
}

/* The whole frame, in order and without a gap in the numbers. */
static void expect_frame(struct call *call, uint32_t count, uint16_t *last_seq)
{
	for (uint32_t i = 0; i < count; i++) {
		struct bf_rtp rtp;
		uint32_t counter;

		assert_true(call_recv_frame(
			&call->bob, call->received.video_ssrc, 2000, &rtp, &counter));
		assert_int_equal(counter, i);
		if (i > 0)
			assert_int_equal(rtp.seq, (uint16_t)(*last_seq + 1));
		*last_seq = rtp.seq;
	}
}

static int64_t metric(struct call *call, const char *name)
{
	char series[96];

	snprintf(series, sizeof(series), "%s{worker=\"0\"} ", name);
	return stage_metric(&call->stage, series);
}

static void a_frame_leaves_as_one_train(void **state)
{
	struct call call;
	uint16_t last_seq = 0;
	int64_t packets, trains;

	call_open(&call, *(enum bf_io *)*state, false);
	send_frame(&call, true, 6, true);
	expect_frame(&call, 6, &last_seq);
	packets = metric(&call, "belfry_udp_sent_total");
	trains = metric(&call, "belfry_udp_trains_total");
	for (int i = 0; i < 20; i++) {
		send_frame(&call, false, 6, true);
		expect_frame(&call, 6, &last_seq);
	}
	call.stage.published_us = 0;
	packets = metric(&call, "belfry_udp_sent_total") - packets;
	trains = metric(&call, "belfry_udp_trains_total") - trains;
	assert_true(packets >= 120);
	/* 20, and some feedback; more where this machine stops the sender in the middle of a frame for a millisecond */
	if (metric(&call, "belfry_udp_gso") == 1)
		assert_in_range(trains, 20, 70);
	call_close(&call);
}

static void a_frame_that_stays_incomplete_goes_all_the_same(void **state)
{
	struct call call;
	uint16_t last_seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	send_frame(&call, true, 4, false); /* nothing follows */
	expect_frame(&call, 4, &last_seq);
	call_close(&call);
}

static void a_frame_longer_than_a_burst_arrives_whole(void **state)
{
	struct call call;
	uint16_t last_seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	send_frame(&call, true, 3 * BF_BURST + 5, true);
	expect_frame(&call, 3 * BF_BURST + 5, &last_seq);
	send_frame(&call, false, 2 * BF_BURST, true); /* exactly full */
	expect_frame(&call, 2 * BF_BURST, &last_seq);
	assert_true(metric(&call, "belfry_pacer_queued_total") > 0);
	assert_int_equal(metric(&call, "belfry_pacer_late_total"), 0);
	assert_int_equal(metric(&call, "belfry_pacer_refused_total"), 0);
	assert_int_equal(metric(&call, "belfry_pacer_waiting"), 0);
	call_close(&call);
}

static void sound_does_not_wait_behind_a_large_picture(void **state)
{
	static uint8_t data[PEER_MTU];
	uint32_t video_after = 0, video_before = 0, count = 200;
	struct call call;
	bool has_sound = false;
	size_t len;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, NULL);
	send_frame(&call, true, count, true);
	call_send_audio(&call.alice, 0x1000, 1, 20);
	while (video_before + video_after < count &&
		peer_recv(&call.bob, 2000, data, &len) != PEER_NOTHING) {
		struct bf_rtp rtp;

		if (bf_rtp_parse(&rtp, bf_bytes(data, len)))
			continue;
		has_sound = has_sound || rtp.ssrc == call.received.audio_ssrc;
		if (rtp.ssrc != call.received.video_ssrc)
			continue;
		if (has_sound)
			video_after++;
		else
			video_before++;
	}
	assert_true(has_sound);
	assert_int_equal(video_before + video_after, count);
	/* 200 packets take 20 ms at the pace, the last of them long after the sound that was sent behind them */
	assert_true(video_after > count / 4);
	call_close(&call);
}

static void how_long_packets_stay_is_counted_for_each_copy(void **state)
{
	struct call call;
	uint16_t last_seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	for (int i = 0; i < 2; i++) { /* within a burst: what is paced does not count */
		send_frame(&call, i == 0, 6, true);
		expect_frame(&call, 6, &last_seq);
	}
	assert_int_equal(metric(&call, "belfry_transit_seconds_count"), 12);
	assert_int_equal(metric(&call, "belfry_overload_level"), 0);
	call_close(&call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(uring, a_frame_leaves_as_one_train),
		ON(epoll, a_frame_leaves_as_one_train),
		ON(uring, a_frame_that_stays_incomplete_goes_all_the_same),
		ON(epoll, a_frame_that_stays_incomplete_goes_all_the_same),
		ON(uring, a_frame_longer_than_a_burst_arrives_whole),
		ON(epoll, a_frame_longer_than_a_burst_arrives_whole),
		ON(uring, sound_does_not_wait_behind_a_large_picture),
		ON(epoll, sound_does_not_wait_behind_a_large_picture),
		ON(uring, how_long_packets_stay_is_counted_for_each_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
