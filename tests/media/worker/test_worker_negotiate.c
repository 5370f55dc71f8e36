/* Offers and answers while tracks come and go: what a mid means stays, one offer is out at a time, and a bad answer costs nothing. */
#include "core/base/clock.h"
#include "media/room/room_priv.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct peer_section both[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
};
static const struct peer_section audio_only[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=inactive\r\n" PEER_VP8_LINES},
};

static struct bf_sdp parsed; /* large */

static const struct bf_sdp *parse(const char *sdp)
{
	char why[160];

	if (bf_sdp_parse(&parsed, bf_bytes_str(sdp), why, sizeof(why)))
		fail_msg("%s", why);
	return &parsed;
}

/* Another participant, whose publish connection nobody needs. */
static void publish(
	struct stage *stage, struct peer *peer, uint64_t id, const struct peer_section *sections)
{
	struct bf_media_sdp *answer;

	stage_publish(stage, peer, id, sections, 2, &answer);
	bf_msg_free(&answer->msg);
}

static struct bf_media_sdp *next_offer(struct stage *stage, uint64_t id)
{
	struct bf_media_sdp *offer = stage_get(stage, BF_MEDIA_SDP, id);

	assert_true(offer->is_offer);
	return offer;
}

static void accept_next(struct call *call, struct bf_media_sdp **out)
{
	struct bf_media_sdp *offer = next_offer(&call->stage, BOB);

	stage_accept(&call->stage, &call->bob, BOB, offer->sdp);
	*out = offer;
}

/* The SSRC offered for a track. */
static uint32_t ssrc_of(const struct bf_media_sdp *offer, uint64_t participant_id, bool is_video)
{
	const struct bf_sdp *sdp = parse(offer->sdp);

	for (uint32_t i = 0; i < offer->track_count; i++) {
		const struct bf_media_sdp_track *track = &offer->tracks[i];
		if (track->participant_id != participant_id || track->is_video != is_video)
			continue;
		for (unsigned at = 0; at < sdp->media_count; at++)
			if (bf_bytes_is(sdp->media[at].mid, track->mid))
				return sdp->media[at].ssrcs[0].ssrc;
	}
	return 0;
}

static void sections_are_used_again_and_mids_keep_their_meaning(void **state)
{
	struct call call;
	struct peer carol;
	struct bf_media_sdp *offer;
	struct video video = {.ssrc = 0x5001, .seq = 1};
	struct bf_rtp rtp;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	publish(&call.stage, &call.alice, ALICE, audio_only);
	accept_next(&call, &offer);
	assert_int_equal(offer->track_count, 1);
	assert_string_equal(offer->tracks[0].mid, "0");
	assert_int_equal(parse(offer->sdp)->media_count, 2);
	assert_int_equal(parsed.media[1].kind, BF_SDP_VIDEO);
	assert_int_equal(parsed.media[1].dir, BF_SDP_INACTIVE);
	bf_msg_free(&offer->msg);

	stage_publisher(&call.stage, &carol, CAROL, false);
	accept_next(&call, &offer);
	assert_int_equal(offer->track_count, 3);
	assert_int_equal(parse(offer->sdp)->media_count, 3);
	assert_int_equal(parsed.media[0].kind, BF_SDP_AUDIO);
	assert_int_equal(parsed.media[1].kind, BF_SDP_VIDEO);
	assert_int_equal(parsed.media[1].dir, BF_SDP_SENDONLY);
	assert_true(bf_bytes_is(parsed.media[1].mid, "1"));
	assert_int_equal(parsed.media[2].kind, BF_SDP_AUDIO);
	assert_int_not_equal(ssrc_of(offer, CAROL, true), call.received.video_ssrc);
	video.peer = &carol;
	call_send_frame(&video, true, 7);
	assert_true(call_recv_frame(&call.bob, ssrc_of(offer, CAROL, true), 2000, &rtp, &counter));
	assert_int_equal(counter, 7);
	bf_msg_free(&offer->msg);

	stage_leave(&call.stage, ALICE);
	accept_next(&call, &offer);
	assert_int_equal(offer->track_count, 2);
	assert_int_equal(parse(offer->sdp)->media_count, 3);
	assert_int_equal(parsed.media[0].dir, BF_SDP_INACTIVE);
	bf_msg_free(&offer->msg);
	assert_null(stage_take(&call.stage, BF_MEDIA_SDP, BOB, 100));
	peer_close(&carol);
	call_close(&call);
}

static void one_offer_is_out_at_a_time(void **state)
{
	struct stage stage;
	struct peer alice, bob, carol;
	struct bf_media_sdp *offer;

	stage_open(&stage, *(enum bf_io *)*state);
	peer_open(&bob, BF_SRTP_AEAD_AES_128_GCM);
	stage_publisher(&stage, &alice, ALICE, false);
	stage_join(&stage, BOB, BF_GRANT_SUBSCRIBE);
	offer = next_offer(&stage, BOB);
	assert_int_equal(offer->track_count, 2);
	stage_publisher(&stage, &carol, CAROL, false);
	stage_leave(&stage, ALICE);
	assert_null(stage_take(&stage, BF_MEDIA_SDP, BOB, 150));
	peer_set_remote(&bob, offer->sdp);
	stage_accept(&stage, &bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	offer = next_offer(&stage, BOB); /* all that happened in between */
	assert_int_equal(offer->track_count, 2);
	assert_int_equal(offer->tracks[0].participant_id, CAROL);
	assert_int_equal(offer->tracks[1].participant_id, CAROL);
	stage_accept(&stage, &bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	assert_null(stage_take(&stage, BF_MEDIA_SDP, BOB, 150));
	peer_close(&alice);
	peer_close(&bob);
	peer_close(&carol);
	stage_close(&stage);
}

static void expect_no_media(struct peer *peer)
{
	uint8_t data[PEER_MTU];
	size_t len;
	enum peer_kind kind;

	while ((kind = peer_recv(peer, 150, data, &len)) != PEER_NOTHING)
		assert_int_equal(kind, PEER_RTCP);
}

/* Alice's video goes while the offer with it is out, and Carol's takes its section: the answer is not about hers. */
static void an_answer_is_not_taken_for_a_track_that_came_later(void **state)
{
	struct call call;
	struct peer carol;
	struct bf_media_sdp *offer;
	struct video video = {.ssrc = 0x5001, .seq = 1};
	struct bf_rtp rtp;
	uint32_t counter, ssrc;

	call_open(&call, *(enum bf_io *)*state, false);
	publish(&call.stage, &call.alice, ALICE, audio_only);
	bf_msg_free(&next_offer(&call.stage, BOB)->msg);
	stage_answer(&call.stage, BOB, "nonsense"); /* leaves it out */
	stage_drop(&call.stage, BF_MEDIA_ERROR, BOB);
	publish(&call.stage, &call.alice, ALICE,
		both); /* back, in the section that is waiting for its answer */
	stage_publisher(&call.stage, &carol, CAROL, false);
	{
		/* what Bob's browser would answer to that first offer, had it taken the video in */
		struct peer_section sections[] = {
			{"audio 9 UDP/TLS/RTP/SAVPF 96", "0",
				"a=recvonly\r\na=rtpmap:96 opus/48000/2\r\n"},
			{"video 9 UDP/TLS/RTP/SAVPF 98 99", "1",
				"a=recvonly\r\na=rtpmap:98 VP8/90000\r\na=rtpmap:99 "
				"rtx/90000\r\na=fmtp:99 apt=98\r\n"},
		};
		char sdp[PEER_SDP_MAX];
		peer_describe(&call.bob, sections, 2, "active", sdp);
		stage_answer(&call.stage, BOB, sdp);
		stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	}
	offer = next_offer(&call.stage, BOB);
	ssrc = ssrc_of(offer, CAROL, true);
	assert_true(ssrc != 0);
	video.peer = &carol;
	call.video.ssrc = 0x7001;
	call_send_frame(&video, true, 1);
	call_send_frame(&call.video, true, 1);
	expect_no_media(&call.bob);
	stage_accept(&call.stage, &call.bob, BOB, offer->sdp);
	call_send_frame(&video, true, 2);
	assert_true(call_recv_frame(&call.bob, ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 2);
	bf_msg_free(&offer->msg);
	peer_close(&carol);
	call_close(&call);
}

/* `offer` answered with one section changed. */
static void answer_with(struct call *call, const char *offer, const char *mid_line,
	const char *from, const char *to)
{
	char sdp[PEER_SDP_MAX], changed[PEER_SDP_MAX];
	char *section, *at;

	peer_answer(&call->bob, offer, sdp);
	section = strstr(sdp, mid_line);
	assert_non_null(section);
	at = strstr(section, from);
	if (!at) /* the m= line stands before its mid */
		for (char *m = sdp; (m = strstr(m, from)) != NULL && m < section; m++)
			at = m;
	assert_non_null(at);
	snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - sdp), sdp, to, at + strlen(from));
	stage_answer(&call->stage, BOB, changed);
}

static void expect_unsupported(struct call *call, uint64_t track_id, const char *codec)
{
	struct bf_media_track *event;

	for (;;) {
		event = stage_get(&call->stage, BF_MEDIA_TRACK, BOB);
		if (event->event == BF_TRACK_UNSUPPORTED)
			break;
		bf_msg_free(&event->msg);
	}
	assert_int_equal(event->track_id, track_id);
	assert_string_equal(event->codec, codec);
	bf_msg_free(&event->msg);
}

static void a_track_the_answer_refuses_is_told_once_and_not_sent(void **state)
{
	struct call call;
	struct peer carol;
	struct bf_media_sdp *offer;
	struct bf_rtp rtp;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, NULL);
	stage_publisher(&call.stage, &carol, CAROL, false);
	offer = next_offer(&call.stage, BOB);
	answer_with(&call, offer->sdp, "a=mid:1\r\n", "a=recvonly", "a=inactive");
	stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	bf_msg_free(&offer->msg);
	expect_unsupported(&call, call.tracks.video, "VP8");
	call_send_frame(&call.video, true, 1);
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 150, &rtp, &counter));

	stage_leave(&call.stage, CAROL);
	offer = next_offer(&call.stage, BOB);
	answer_with(&call, offer->sdp, "a=mid:1\r\n", "a=recvonly", "a=inactive");
	stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	bf_msg_free(&offer->msg);
	assert_null(stage_take(&call.stage, BF_MEDIA_TRACK, BOB, 100)); /* no second time */

	stage_restart(&call.stage, BOB, BF_PC_SUBSCRIBE, "");
	stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	offer = next_offer(&call.stage, BOB);
	stage_accept(&call.stage, &call.bob, BOB, offer->sdp); /* this time it takes it */
	bf_msg_free(&offer->msg);
	call_send_frame(&call.video, false, 2); /* refers to what it has not seen */
	call_send_frame(&call.video, true, 3);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 3);
	peer_close(&carol);
	call_close(&call);
}

static void an_answer_may_refuse_everything(void **state)
{
	struct stage stage;
	struct peer alice, bob, carol;
	struct bf_media_sdp *offer;
	struct bf_media_track *event;
	struct stage_tracks tracks;
	unsigned unsupported = 0;

	stage_open(&stage, *(enum bf_io *)*state);
	peer_open(&bob, BF_SRTP_AEAD_AES_128_GCM);
	tracks = stage_publisher(&stage, &alice, ALICE, false);
	stage_join(&stage, BOB, BF_GRANT_SUBSCRIBE);
	bf_msg_free(&next_offer(&stage, BOB)->msg);
	stage_answer(&stage, BOB,
		"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		"m=audio 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=inactive\r\n"
		"m=video 0 UDP/TLS/RTP/SAVPF 98\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n");
	stage_drop(&stage, BF_MEDIA_DONE, BOB);
	while (unsupported < 2) {
		event = stage_get(&stage, BF_MEDIA_TRACK, BOB);
		assert_int_equal(event->event, BF_TRACK_UNSUPPORTED);
		assert_true(event->track_id == tracks.audio || event->track_id == tracks.video);
		bf_msg_free(&event->msg);
		unsupported++;
	}
	stage_publisher(&stage, &carol, CAROL, false);
	offer = next_offer(&stage, BOB);
	peer_set_remote(&bob, offer->sdp);
	stage_accept(&stage, &bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	peer_connect(&bob);
	peer_close(&alice);
	peer_close(&bob);
	peer_close(&carol);
	stage_close(&stage);
}

static void expect_bad_sdp(struct call *call)
{
	struct bf_media_error *error = stage_get(&call->stage, BF_MEDIA_ERROR, BOB);

	assert_string_equal(error->code, "bad_sdp");
	assert_true(error->cause[0] != '\0');
	bf_msg_free(&error->msg);
}

static void a_bad_answer_changes_nothing_and_may_be_followed_by_a_good_one(void **state)
{
	struct call call;
	struct peer carol, mallory;
	struct bf_media_sdp *offer;
	struct bf_rtp rtp;
	struct video video = {.ssrc = 0x5001, .seq = 1};
	char sdp[PEER_SDP_MAX];
	uint16_t seq;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	stage_publisher(&call.stage, &carol, CAROL, false);
	offer = next_offer(&call.stage, BOB);
	stage_answer(&call.stage, BOB, "v=0\r\n");
	expect_bad_sdp(&call);
	peer_describe(&call.bob, both, 2, "active", sdp); /* two sections of four */
	stage_answer(&call.stage, BOB, sdp);
	expect_bad_sdp(&call);
	answer_with(&call, offer->sdp, "a=mid:1\r\n", "a=mid:1\r\n", "a=mid:9\r\n");
	expect_bad_sdp(&call);
	peer_open(&mallory, BF_SRTP_AEAD_AES_128_GCM); /* another certificate */
	peer_answer(&mallory, offer->sdp, sdp);
	stage_answer(&call.stage, BOB, sdp);
	expect_bad_sdp(&call);
	call_expect_frame(&call, false, 1, &seq);
	stage_accept(&call.stage, &call.bob, BOB, offer->sdp);
	video.peer = &carol;
	call_send_frame(&video, true, 9);
	assert_true(call_recv_frame(&call.bob, ssrc_of(offer, CAROL, true), 2000, &rtp, &counter));
	call_expect_frame(&call, false, 2, &seq);
	peer_answer(&call.bob, offer->sdp, sdp); /* nothing is asked any more */
	stage_answer(&call.stage, BOB, sdp);
	{
		struct bf_media_error *error = stage_get(&call.stage, BF_MEDIA_ERROR, BOB);
		assert_string_equal(error->code, "bad_state");
		bf_msg_free(&error->msg);
	}
	bf_msg_free(&offer->msg);
	peer_close(&carol);
	peer_close(&mallory);
	call_close(&call);
}

/* More tracks than an offer holds: it stays within its limit and 64 KiB, and who waits gets the section of who goes. */
static void tracks_beyond_the_limit_wait_for_a_section(void **state)
{
	enum { PUBLISHERS = BF_CONN_SECTIONS / 2 + 3 };
	static struct peer peers[PUBLISHERS]; /* large */
	struct peer_section sections[] = {both[0],
		{PEER_VIDEO_M, "1",
			"a=sendonly\r\n" PEER_VIDEO_LINES "a=rtpmap:96 H264/90000\r\n"
			"a=fmtp:96 "
			"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;"
			"x-some-private-parameter-of-the-sender=1234567890\r\n"}};
	struct stage stage;
	struct peer bob;
	struct bf_media_sdp *offer;

	stage_open(&stage, *(enum bf_io *)*state);
	peer_open(&bob, BF_SRTP_AEAD_AES_128_GCM);
	for (unsigned i = 0; i < PUBLISHERS; i++) {
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
		stage_join_as(&stage, 0x1000 + i, STAGE_ALL, false);
		publish(&stage, &peers[i], 0x1000 + i, sections);
	}
	stage_join(&stage, BOB, BF_GRANT_SUBSCRIBE);
	offer = next_offer(&stage, BOB);
	assert_int_equal(offer->track_count, BF_CONN_SECTIONS);
	assert_in_range(offer->sdp_len, 1000, 56000); /* a message of 64 KiB quotes its line ends */
	peer_set_remote(&bob, offer->sdp);
	stage_accept(&stage, &bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	assert_null(stage_take(&stage, BF_MEDIA_SDP, BOB, 100));
	stage_leave(&stage, 0x1000);
	offer = next_offer(&stage, BOB);
	assert_int_equal(offer->track_count, BF_CONN_SECTIONS);
	assert_int_equal(parse(offer->sdp)->media_count, BF_CONN_SECTIONS);
	bf_msg_free(&offer->msg);
	for (unsigned i = 0; i < PUBLISHERS; i++)
		peer_close(&peers[i]);
	peer_close(&bob);
	stage_close(&stage);
}

/* ---- the publisher's side ---- */

static void a_fresh_publish_connection_replaces_the_old_one_if_it_works(void **state)
{
	struct call call;
	struct peer again;
	struct bf_media_sdp *answer, *offer;
	struct bf_rtp rtp;
	char sdp[PEER_SDP_MAX];
	char *fingerprint;
	uint16_t seq;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	peer_open(&again, BF_SRTP_AEAD_AES_128_GCM);
	peer_offer(&again, false, sdp);
	while ((fingerprint = strstr(sdp, "sha-256")) != NULL)
		memcpy(fingerprint, "sha-999", 7); /* nobody knows that hash */
	stage_offer(&call.stage, ALICE, sdp);
	stage_drop(&call.stage, BF_MEDIA_ERROR, ALICE);
	call_expect_frame(&call, false, 1, &seq);
	stage_publish(&call.stage, &again, ALICE, both, 2, &answer);
	peer_set_remote(&again, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&again);
	accept_next(&call, &offer);
	call.video.peer = &again;
	call_send_frame(&call.video, true, 5);
	assert_true(call_recv_frame(&call.bob, ssrc_of(offer, ALICE, true), 2000, &rtp, &counter));
	assert_int_equal(counter, 5);
	bf_msg_free(&offer->msg);
	peer_close(&again);
	call_close(&call);
}

/* Stopped and started with the same SSRC, behind the first wrap of its numbers: SRTP's roll-over counter goes on. */
static void a_track_that_stops_and_starts_goes_on_in_its_roll_over_counter(void **state)
{
	struct call call;
	struct bf_media_sdp *offer;
	struct bf_rtp rtp;
	uint16_t seq;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	for (uint32_t i = 0; i < 12; i++) /* from 65530 on */
		call_expect_frame(&call, i == 0, i, &seq);
	publish(&call.stage, &call.alice, ALICE, audio_only);
	accept_next(&call, &offer);
	bf_msg_free(&offer->msg);
	publish(&call.stage, &call.alice, ALICE, both);
	accept_next(&call, &offer);
	call_send_frame(&call.video, true, 99);
	assert_true(call_recv_frame(&call.bob, ssrc_of(offer, ALICE, true), 2000, &rtp, &counter));
	assert_int_equal(counter, 99);
	bf_msg_free(&offer->msg);
	call_close(&call);
}

static void a_participant_joins_once(void **state)
{
	struct stage stage;
	struct bf_media_join *join = bf_msg_new(BF_MEDIA_JOIN, sizeof(*join));
	struct bf_media_error *error;

	stage_open(&stage, *(enum bf_io *)*state);
	stage_join(&stage, ALICE, STAGE_ALL);
	join->request_id = 99;
	join->room_id = STAGE_ROOM;
	join->participant_id = ALICE;
	assert_int_equal(bf_worker_post(stage.workers[0], &join->msg), 0);
	error = stage_get(&stage, BF_MEDIA_ERROR, ALICE);
	assert_int_equal(error->request_id, 99);
	assert_string_equal(error->code, "already_joined");
	bf_msg_free(&error->msg);
	stage_restart(&stage, ALICE, BF_PC_PUBLISH, "");
	stage_drop(&stage, BF_MEDIA_ERROR, ALICE);
	stage_close(&stage);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(uring, sections_are_used_again_and_mids_keep_their_meaning),
		ON(uring, one_offer_is_out_at_a_time),
		ON(uring, an_answer_is_not_taken_for_a_track_that_came_later),
		ON(uring, a_track_the_answer_refuses_is_told_once_and_not_sent),
		ON(uring, an_answer_may_refuse_everything),
		ON(uring, a_bad_answer_changes_nothing_and_may_be_followed_by_a_good_one),
		ON(uring, tracks_beyond_the_limit_wait_for_a_section),
		ON(uring, a_fresh_publish_connection_replaces_the_old_one_if_it_works),
		ON(uring, a_track_that_stops_and_starts_goes_on_in_its_roll_over_counter),
		ON(uring, a_participant_joins_once),
	};

	return cmocka_run_group_tests_name("worker_negotiate", tests, NULL, NULL);
}
