/* Players (WHEP): they offer, the server answers and feeds them one participant or whoever speaks. And who speaks. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PLAYER 0x91a

static const struct peer_section wanted[] = {
	{PEER_OPUS_M, "0", "a=recvonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=recvonly\r\n" PEER_VP8_LINES},
};
static const struct peer_section h264[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1",
		"a=sendonly\r\n" PEER_VIDEO_LINES "a=rtpmap:96 H264/90000\r\n"
		"a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\n"},
};

struct player {
	struct peer peer;
	uint32_t audio_ssrc, video_ssrc;
};

static void play(struct stage *stage, struct player *player, uint64_t play_id)
{
	struct bf_media_sdp *answer;
	char sdp[PEER_SDP_MAX];
	char *line;

	stage_join_as(stage, PLAYER, BF_GRANT_SUBSCRIBE, false);
	peer_open(&player->peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_describe(&player->peer, wanted, 2, "actpass", sdp);
	stage_offer_as(stage, PLAYER, BF_PC_SUBSCRIBE, play_id, sdp);
	answer = stage_get(stage, BF_MEDIA_SDP, PLAYER);
	assert_false(answer->is_offer);
	line = strstr(answer->sdp, "a=ssrc:");
	assert_non_null(line);
	player->audio_ssrc = (uint32_t)strtoul(line + 7, NULL, 10);
	line = strstr(answer->sdp, "a=ssrc-group:FID ");
	assert_non_null(line);
	player->video_ssrc = (uint32_t)strtoul(line + 17, NULL, 10);
	assert_non_null(strstr(answer->sdp, "a=sendonly"));
	peer_set_remote(&player->peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&player->peer);
	stage_drop(stage, BF_MEDIA_PC_STATE, PLAYER);
	stage_settle(stage);
}

static void expect(struct player *player, struct video *video, bool is_keyframe, uint32_t counter,
	uint16_t *seq)
{
	struct bf_rtp rtp;
	uint32_t got;

	call_send_frame(video, is_keyframe, counter);
	assert_true(call_recv_frame(&player->peer, player->video_ssrc, 2000, &rtp, &got));
	assert_int_equal(got, counter);
	assert_int_equal(rtp.pt, 96);
	if (counter > 0)
		assert_int_equal(rtp.seq, (uint16_t)(*seq + 1));
	*seq = rtp.seq;
}

static void expect_none(struct player *player, struct video *video)
{
	struct bf_rtp rtp;
	uint32_t counter;

	call_send_frame(video, true, 999);
	assert_false(call_recv_frame(&player->peer, player->video_ssrc, 100, &rtp, &counter));
}

static void a_player_gets_the_participant_it_asked_for(void **state)
{
	struct stage stage;
	struct player player;
	struct peer alice, carol;
	struct video video = {.ssrc = 0x1001, .seq = 1}, other = {.ssrc = 0x1001, .seq = 1};
	uint16_t seq;

	stage_open(&stage, *(enum bf_io *)*state);
	stage_publisher(&stage, &alice, ALICE, false);
	stage_publisher(&stage, &carol, CAROL, false);
	play(&stage, &player, CAROL);
	video.peer = &carol;
	other.peer = &alice; /* the same SSRC and numbers: each connection has its own */
	expect_none(&player, &other);
	for (uint32_t i = 0; i < 5; i++)
		expect(&player, &video, i == 0, i, &seq);
	expect_none(&player, &other);
	stage_leave(&stage, CAROL);
	expect_none(&player, &other); /* Carol or nobody */
	peer_close(&player.peer);
	peer_close(&alice);
	peer_close(&carol);
	stage_close(&stage);
}

static void a_player_may_come_before_the_publisher_and_outlive_it(void **state)
{
	struct stage stage;
	struct player player;
	struct peer alice;
	struct video video = {.ssrc = 0x1001, .seq = 1};
	uint16_t seq;

	stage_open(&stage, *(enum bf_io *)*state);
	play(&stage, &player, ALICE);
	stage_publisher(&stage, &alice, ALICE, false);
	video.peer = &alice;
	for (uint32_t i = 0; i < 3; i++)
		expect(&player, &video, i == 0, i, &seq);
	stage_leave(&stage, ALICE);
	peer_close(&alice);
	stage_publisher(&stage, &alice, ALICE, false); /* she is back */
	video.ssrc = 0x1002;
	video.seq = 40000;
	for (uint32_t i = 3; i < 6; i++)
		expect(&player, &video, i == 3, i, &seq);
	peer_close(&player.peer);
	peer_close(&alice);
	stage_close(&stage);
}

/* 20 ms of sound at a time, for as long as it takes to be heard. */
static void talk(struct peer *peer, uint16_t *seq, int ms, uint8_t level)
{
	for (int at = 0; at < ms; at += 20) {
		call_send_audio(peer, 0x2001, (*seq)++, level);
		usleep(20000);
	}
}

static struct bf_media_speakers *next_speakers(struct stage *stage)
{
	return stage_get(stage, BF_MEDIA_SPEAKERS, 0);
}

static void a_player_follows_who_speaks(void **state)
{
	struct stage stage;
	struct player player;
	struct peer alice, carol;
	struct video video = {.ssrc = 0x1001, .seq = 1},
		     other = {.ssrc = 0x1001, .seq = 5000, .timestamp = 77};
	struct bf_media_speakers *speakers;
	uint16_t seq, sound = 1;

	stage_open(&stage, *(enum bf_io *)*state);
	stage_publisher(&stage, &alice, ALICE, false);
	play(&stage, &player, 0);
	stage_publisher(&stage, &carol, CAROL, false);
	video.peer = &alice;
	other.peer = &carol;
	for (uint32_t i = 0; i < 3; i++) /* nobody has spoken: whoever publishes */
		expect(&player, &video, i == 0, i, &seq);
	expect_none(&player, &other);
	talk(&carol, &sound, 700, 20);
	speakers = next_speakers(&stage);
	assert_int_equal(speakers->dominant_id, CAROL);
	assert_int_equal(speakers->speaking_count, 1);
	assert_int_equal(speakers->speaking[0], CAROL);
	bf_msg_free(&speakers->msg);
	call_send_frame(&other, false, 3); /* not decodable alone */
	for (uint32_t i = 3; i < 6; i++)
		expect(&player, &other, i == 3, i, &seq);
	expect_none(&player, &video);
	stage_leave(&stage, CAROL);
	stage_join(&stage, 0xfff, 0);	 /* when this is answered Carol is gone */
	for (uint32_t i = 6; i < 9; i++) /* back to who is left */
		expect(&player, &video, i == 6, i, &seq);
	peer_close(&player.peer);
	peer_close(&alice);
	peer_close(&carol);
	stage_close(&stage);
}

static void who_speaks_in_a_codec_the_player_lacks_is_heard_but_not_shown(void **state)
{
	struct stage stage;
	struct player player;
	struct peer alice, carol;
	struct bf_media_sdp *answer;
	struct video video = {.ssrc = 0x1001, .seq = 1};
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq, sound = 1;

	stage_open(&stage, *(enum bf_io *)*state);
	stage_publisher(&stage, &alice, ALICE, false);
	play(&stage, &player, 0);
	peer_open(&carol, BF_SRTP_AEAD_AES_128_GCM);
	stage_join_as(&stage, CAROL, STAGE_ALL, false);
	stage_publish(&stage, &carol, CAROL, h264, 2, &answer);
	peer_set_remote(&carol, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&carol);
	video.peer = &alice;
	expect(&player, &video, true, 0, &seq);
	talk(&carol, &sound, 700, 20);
	stage_drop(&stage, BF_MEDIA_SPEAKERS, 0);
	call_send_audio(&carol, 0x2001, sound++, 20);
	assert_true(call_recv_frame(&player.peer, player.audio_ssrc, 2000, &rtp, &counter));
	expect(&player, &video, false, 1, &seq); /* Alice stays in the picture */
	peer_close(&player.peer);
	peer_close(&alice);
	peer_close(&carol);
	stage_close(&stage);
}

static void speakers_are_told_when_they_change_and_not_otherwise(void **state)
{
	struct stage stage;
	struct peer alice;
	struct bf_media_speakers *speakers;
	struct stage_tracks tracks;
	uint16_t sound = 65500;

	stage_open(&stage, *(enum bf_io *)*state);
	tracks = stage_publisher(&stage, &alice, ALICE, false);
	talk(&alice, &sound, 300, 100); /* a quiet room */
	assert_null(stage_take(&stage, BF_MEDIA_SPEAKERS, 0, 100));
	talk(&alice, &sound, 700, 25);
	speakers = next_speakers(&stage);
	assert_int_equal(speakers->dominant_id, ALICE);
	bf_msg_free(&speakers->msg);
	talk(&alice, &sound, 400, 30); /* goes on */
	assert_null(stage_take(&stage, BF_MEDIA_SPEAKERS, 0, 0));
	stage_control(&stage, ALICE, tracks.audio, BF_TRACK_MUTE, 1);
	talk(&alice, &sound, 400, 20); /* muted: not heard */
	speakers = next_speakers(&stage);
	assert_int_equal(speakers->speaking_count, 0);
	assert_int_equal(speakers->dominant_id, ALICE); /* until somebody else speaks */
	bf_msg_free(&speakers->msg);
	peer_close(&alice);
	stage_close(&stage);
}

static void a_player_is_told_what_it_cannot_have(void **state)
{
	struct stage stage;
	struct peer peer;
	struct bf_media_error *error;
	char sdp[PEER_SDP_MAX];

	stage_open(&stage, *(enum bf_io *)*state);
	peer_open(&peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_describe(&peer, wanted, 2, "actpass", sdp);
	stage_join_as(&stage, ALICE, BF_GRANT_PUBLISH, false);
	stage_offer_as(&stage, ALICE, BF_PC_SUBSCRIBE, 0, sdp);
	error = stage_get(&stage, BF_MEDIA_ERROR, ALICE);
	assert_string_equal(error->code, "forbidden");
	bf_msg_free(&error->msg);
	stage_join(&stage, BOB, STAGE_ALL);
	stage_offer_as(&stage, BOB, BF_PC_SUBSCRIBE, 0, sdp);
	error = stage_get(&stage, BF_MEDIA_ERROR, BOB);
	assert_string_equal(error->code, "bad_state");
	bf_msg_free(&error->msg);
	stage_join_as(&stage, PLAYER, BF_GRANT_SUBSCRIBE, false);
	for (int i = 0; i < 2; i++) {
		stage_offer_as(&stage, PLAYER, BF_PC_SUBSCRIBE, 0, "v=0\r\n");
		error = stage_get(&stage, BF_MEDIA_ERROR, PLAYER);
		assert_string_equal(error->code, "bad_sdp");
		bf_msg_free(&error->msg);
	}
	stage_offer_as(&stage, PLAYER, BF_PC_SUBSCRIBE, 0, sdp); /* and may try again */
	stage_drop(&stage, BF_MEDIA_SDP, PLAYER);
	peer_close(&peer);
	stage_close(&stage);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(uring, a_player_gets_the_participant_it_asked_for),
		ON(uring, a_player_may_come_before_the_publisher_and_outlive_it),
		ON(uring, a_player_follows_who_speaks),
		ON(uring, who_speaks_in_a_codec_the_player_lacks_is_heard_but_not_shown),
		ON(uring, speakers_are_told_when_they_change_and_not_otherwise),
		ON(uring, a_player_is_told_what_it_cannot_have),
	};

	return cmocka_run_group_tests_name("worker_play", tests, NULL, NULL);
}
