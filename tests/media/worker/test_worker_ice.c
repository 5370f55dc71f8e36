/* Paths of a connection: restarts by either side, a client that moves, TCP, and two connections from one address. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The clock of the whole process can be put forward. */
static _Atomic int64_t ahead_us;

int64_t __real_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_mono_us(void);
int64_t __wrap_bf_clock_mono_us(void)
{
	return __real_bf_clock_mono_us() + ahead_us;
}

static const struct peer_section both[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
};

static void the_publisher_restarts_and_media_flows_on_the_old_path_until_the_new_one_is_proved(
	void **state)
{
	struct call call;
	struct bf_media_sdp *answer;
	struct bf_rtcp rtcp;
	char old_ufrag[64];
	uint16_t seq;
	int old_fd;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	snprintf(old_ufrag, sizeof(old_ufrag), "%s", call.alice.remote_ufrag);
	peer_restart(&call.alice);
	stage_publish(&call.stage, &call.alice, ALICE, both, 2, &answer);
	assert_int_equal(answer->track_count, 2);
	call_expect_frame(&call, false, 1, &seq);
	peer_set_remote(&call.alice, answer->sdp);
	bf_msg_free(&answer->msg);
	assert_string_not_equal(call.alice.remote_ufrag, old_ufrag);
	call_expect_frame(&call, false, 2, &seq);
	assert_true(
		call_recv_rtcp(&call.alice, BF_RTCP_RR, 1, 2500, &rtcp)); /* still to the old one */

	old_fd = call.alice.fd;
	call.alice.fd = dup(old_fd);
	peer_move(&call.alice);
	peer_check(&call.alice);
	for (uint32_t i = 3; i < 6; i++)
		call_expect_frame(&call, false, i, &seq);
	assert_true(
		call_recv_rtcp(&call.alice, BF_RTCP_RR, 1, 2500, &rtcp)); /* now to the new one */
	close(old_fd);
	assert_null(stage_take(&call.stage, BF_MEDIA_PC_STATE, ALICE, 0));
	call_close(&call);
}

static void the_server_restarts_a_subscribe_connection(void **state)
{
	struct call call;
	struct bf_media_sdp *offer;
	char old_ufrag[64];
	uint16_t seq;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	snprintf(old_ufrag, sizeof(old_ufrag), "%s", call.bob.remote_ufrag);
	stage_restart(&call.stage, BOB, BF_PC_SUBSCRIBE, "");
	stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	offer = stage_get(&call.stage, BF_MEDIA_SDP, BOB);
	assert_true(offer->is_offer);
	assert_int_equal(offer->track_count, 2);
	call_expect_frame(&call, false, 1, &seq);
	peer_check(&call.bob); /* with the old credentials: consent goes on */
	peer_restart(&call.bob);
	peer_set_remote(&call.bob, offer->sdp);
	assert_string_not_equal(call.bob.remote_ufrag, old_ufrag);
	stage_accept(&call.stage, &call.bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	call_expect_frame(&call, false, 2, &seq);
	peer_move(&call.bob);
	peer_check(&call.bob);
	call_expect_frame(&call, false, 3, &seq);
	call_close(&call);
}

static void a_fragment_restarts_a_clients_connection(void **state)
{
	struct call call;
	struct bf_media_sdp *fragment;
	uint16_t seq;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	peer_restart(&call.alice);
	stage_restart(&call.stage, ALICE, BF_PC_PUBLISH, call.alice.ufrag);
	fragment = stage_get(&call.stage, BF_MEDIA_SDP, ALICE);
	assert_false(fragment->is_offer);
	{
		char text[8192];
		snprintf(text, sizeof(text), "%.*sa=fingerprint:sha-256 %s\r\n",
			(int)fragment->sdp_len, fragment->sdp, call.alice.remote_fingerprint);
		peer_set_remote(&call.alice, text);
	}
	bf_msg_free(&fragment->msg);
	call_expect_frame(&call, false, 1, &seq);
	peer_move(&call.alice);
	peer_check(&call.alice);
	call_expect_frame(&call, false, 2, &seq);
	call_close(&call);
}

static void a_client_that_moves_to_another_port_is_followed(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq;
	int old_fd;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	old_fd = dup(call.bob.fd);
	peer_move(&call.bob);
	call_send_frame(&call.video, false, 1); /* nothing proves the new address yet */
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 100, &rtp, &counter));
	seq++;
	peer_check(&call.bob);
	call_expect_frame(&call, false, 2, &seq);
	close(old_fd);
	peer_move(&call.alice);
	call_send_frame(
		&call.video, false, 3); /* SRTP from an address without a check is dropped */
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 100, &rtp, &counter));
	peer_check(&call.alice);
	call_send_frame(&call.video, false, 4);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 4);
	assert_int_equal(stage_drops(&call.stage, "unknown_addr"), 1);
	call_close(&call);
}

/* Two transports prove one 5-tuple in turn: what comes from it belongs to the one that proved it last, and can be taken back. */
static void an_address_belongs_to_who_proved_it_last(void **state)
{
	struct call call;
	struct peer carol;
	struct bf_media_sdp *answer;
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq;
	int own_fd;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	peer_open(&carol, BF_SRTP_AEAD_AES_128_GCM);
	stage_join_as(&call.stage, CAROL, STAGE_ALL, false);
	stage_publish(&call.stage, &carol, CAROL, both, 2, &answer);
	peer_set_remote(&carol, answer->sdp);
	bf_msg_free(&answer->msg);
	own_fd = carol.fd;
	carol.fd = call.alice.fd;
	peer_check(&carol);
	call_send_frame(&call.video, false, 1); /* taken for Carol's, whose keys do not fit */
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 100, &rtp, &counter));
	peer_check(&call.alice);
	call_send_frame(&call.video, false, 2);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 2);
	stage_leave(&call.stage, CAROL); /* takes nothing with it that is Alice's */
	call_send_frame(&call.video, false, 3);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	carol.fd = own_fd;
	peer_close(&carol);
	call_close(&call);
}

/* ---- TCP ---- */

static void open_tcp(struct call *call, enum bf_io io)
{
	struct bf_media_sdp *answer, *offer;

	memset(call, 0, sizeof(*call));
	stage_open(&call->stage, io);
	stage_join_as(&call->stage, ALICE, STAGE_ALL, false);
	peer_open(&call->alice, BF_SRTP_AES128_CM_SHA1_80);
	call->alice.is_tcp = true;
	stage_publish(&call->stage, &call->alice, ALICE, both, 2, &answer);
	assert_non_null(strstr(answer->sdp, "tcptype passive"));
	peer_set_remote(&call->alice, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&call->alice);
	stage_join(&call->stage, BOB, BF_GRANT_SUBSCRIBE);
	peer_open(&call->bob, BF_SRTP_AEAD_AES_256_GCM);
	call->bob.is_tcp = true;
	offer = stage_get(&call->stage, BF_MEDIA_SDP, BOB);
	peer_set_remote(&call->bob, offer->sdp);
	call->received.video_ssrc =
		(uint32_t)strtoul(strstr(offer->sdp, "a=ssrc-group:FID ") + 17, NULL, 10);
	stage_accept(&call->stage, &call->bob, BOB, offer->sdp);
	bf_msg_free(&offer->msg);
	peer_connect(&call->bob);
	stage_drop(&call->stage, BF_MEDIA_PC_STATE, ALICE);
	stage_drop(&call->stage, BF_MEDIA_PC_STATE, BOB);
	call->video = (struct video){.peer = &call->alice, .ssrc = 0x1001, .seq = 1};
}

static void media_goes_over_tcp_however_its_frames_are_cut(void **state)
{
	struct call call;
	uint16_t seq;

	open_tcp(&call, *(enum bf_io *)*state);
	for (uint32_t i = 0; i < 30; i++)
		call_expect_frame(&call, i == 0, i, &seq);
	call_close(&call);
}

static void expect_state(struct call *call, uint64_t id, enum bf_pc_state state)
{
	struct bf_media_pc_state *event = stage_get(&call->stage, BF_MEDIA_PC_STATE, id);

	assert_int_equal(event->state, state);
	bf_msg_free(&event->msg);
}

static void a_lost_stream_disconnects_and_the_next_one_brings_it_back(void **state)
{
	struct call call;
	uint16_t seq;

	open_tcp(&call, *(enum bf_io *)*state);
	call_expect_frame(&call, true, 0, &seq);
	peer_move(&call.bob); /* closes its stream */
	expect_state(&call, BOB, BF_PC_DISCONNECTED);
	call_send_frame(&call.video, false, 1);
	usleep(50000);
	peer_check(&call.bob);
	expect_state(&call, BOB, BF_PC_CONNECTED);
	call_send_frame(&call.video, false, 2); /* refers to what Bob has missed */
	call_expect_frame(&call, true, 3, NULL);
	call_close(&call);
}

static bool is_open(const struct peer *peer, int wait_ms)
{
	struct pollfd pfd = {.fd = peer->fd, .events = POLLIN};
	uint8_t data[4096];
	ssize_t got = 1;

	while (got > 0 && poll(&pfd, 1, wait_ms) > 0)
		got = recv(peer->fd, data, sizeof(data), 0);
	return got > 0;
}

static void a_stream_that_is_nobodys_is_cut_after_10_s(void **state)
{
	struct call call;
	struct peer stranger;

	open_tcp(&call, *(enum bf_io *)*state);
	peer_open(&stranger, BF_SRTP_AEAD_AES_128_GCM);
	stranger.server = call.alice.server;
	stranger.is_tcp = true;
	peer_move(&stranger);
	stage_leave(&call.stage, BOB); /* his stream stays open */
	stage_join(&call.stage, 0xfff, 0);
	ahead_us += BF_SEC(8);
	assert_true(is_open(&stranger, 50));
	assert_true(is_open(&call.bob, 50));
	ahead_us += BF_SEC(4);
	assert_false(is_open(&stranger, 1000));
	assert_false(is_open(&call.bob, 1000));
	assert_true(is_open(&call.alice, 50));
	peer_close(&stranger);
	call_close(&call);
}

static void without_consent_nothing_is_sent(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t seq;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	ahead_us += BF_SEC(20);
	peer_check(&call.alice);
	ahead_us += BF_SEC(11);
	expect_state(&call, BOB, BF_PC_DISCONNECTED);
	call_send_frame(&call.video, true, 1);
	assert_false(call_recv_frame(&call.bob, call.received.video_ssrc, 100, &rtp, &counter));
	peer_check(&call.bob);
	expect_state(&call, BOB, BF_PC_CONNECTED);
	call_expect_frame(&call, true, 2, &seq);
	ahead_us += BF_SEC(31);
	expect_state(&call, BOB, BF_PC_DISCONNECTED);
	ahead_us += BF_SEC(31);
	expect_state(&call, BOB, BF_PC_FAILED);
	call_close(&call);
}

static void a_frame_longer_than_any_packet_ends_the_stream(void **state)
{
	struct call call;
	struct peer stranger;
	uint8_t junk[4000];
	ssize_t got;

	open_tcp(&call, *(enum bf_io *)*state);
	peer_open(&stranger, BF_SRTP_AEAD_AES_128_GCM);
	stranger.server = call.alice.server;
	stranger.is_tcp = true;
	peer_move(&stranger);
	memset(junk, 0xff, sizeof(junk));
	assert_int_equal(send(stranger.fd, junk, sizeof(junk), MSG_NOSIGNAL), sizeof(junk));
	got = recv(stranger.fd, junk, sizeof(junk), 0);
	assert_true(got <= 0);
	call_expect_frame(&call, true, 0, NULL);
	peer_close(&stranger);
	call_close(&call);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring,
			the_publisher_restarts_and_media_flows_on_the_old_path_until_the_new_one_is_proved),
		ON(uring, the_server_restarts_a_subscribe_connection),
		ON(uring, a_fragment_restarts_a_clients_connection),
		ON(uring, a_client_that_moves_to_another_port_is_followed),
		ON(uring, an_address_belongs_to_who_proved_it_last),
		ON(uring, media_goes_over_tcp_however_its_frames_are_cut),
		ON(epoll, media_goes_over_tcp_however_its_frames_are_cut),
		ON(uring, a_lost_stream_disconnects_and_the_next_one_brings_it_back),
		ON(uring, a_stream_that_is_nobodys_is_cut_after_10_s),
		ON(uring, without_consent_nothing_is_sent),
		ON(uring, a_frame_longer_than_any_packet_ends_the_stream),
	};

	return cmocka_run_group_tests_name("worker_ice", tests, NULL, NULL);
}
