/* The handshake of a connection, as clients may do it, and its end. */
#include "core/base/clock.h"
#include "media/dtls/dtls_priv.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct peer_section both[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
};

static void expect_state(
	struct stage *stage, uint64_t id, enum bf_pc_state state, const char *cause)
{
	struct bf_media_pc_state *event = stage_get(stage, BF_MEDIA_PC_STATE, id);

	assert_int_equal(event->state, state);
	assert_non_null(strstr(event->cause, cause));
	bf_msg_free(&event->msg);
}

static void offer(struct stage *stage, struct peer *peer, const char *setup)
{
	struct bf_media_sdp *answer;
	char sdp[PEER_SDP_MAX];

	stage_join_as(stage, ALICE, STAGE_ALL, false);
	peer_open(peer, BF_SRTP_AEAD_AES_128_GCM);
	peer_describe(peer, both, 2, setup, sdp);
	stage_offer(stage, ALICE, sdp);
	answer = stage_get(stage, BF_MEDIA_SDP, ALICE);
	assert_non_null(strstr(answer->sdp,
		strcmp(setup, "passive") == 0 ? "a=setup:active\r\n" : "a=setup:passive\r\n"));
	peer_set_remote(peer, answer->sdp);
	bf_msg_free(&answer->msg);
}

static void a_passive_client_is_called(void **state)
{
	struct call call;
	struct bf_media_sdp *sdp;

	memset(&call, 0, sizeof(call));
	stage_open(&call.stage, *(enum bf_io *)*state);
	offer(&call.stage, &call.alice, "passive");
	call.alice.is_dtls_server = true;
	peer_connect(&call.alice);
	expect_state(&call.stage, ALICE, BF_PC_CONNECTED, "");
	stage_join(&call.stage, BOB, BF_GRANT_SUBSCRIBE);
	sdp = stage_get(&call.stage, BF_MEDIA_SDP, BOB);
	peer_open(&call.bob, BF_SRTP_AES128_CM_SHA1_80);
	call.bob.is_dtls_server = true;
	peer_set_remote(&call.bob, sdp->sdp);
	call.received.video_ssrc =
		(uint32_t)strtoul(strstr(sdp->sdp, "a=ssrc-group:FID ") + 17, NULL, 10);
	stage_accept(&call.stage, &call.bob, BOB, sdp->sdp);
	bf_msg_free(&sdp->msg);
	peer_connect(&call.bob);
	expect_state(&call.stage, BOB, BF_PC_CONNECTED, "");
	call.video = (struct video){.peer = &call.alice, .ssrc = 0x1001, .seq = 1};
	call_expect_frame(&call, true, 0, NULL);
	call_close(&call);
}

static void a_goodbye_closes_and_a_fresh_connection_may_follow(void **state)
{
	struct call call;
	struct bf_media_sdp *answer;
	struct peer again;

	call_open(&call, *(enum bf_io *)*state, false);
	bf_dtls_close(call.alice.dtls);
	peer_flush_dtls(&call.alice);
	expect_state(&call.stage, ALICE, BF_PC_CLOSED, "peer");
	peer_open(&again, BF_SRTP_AEAD_AES_128_GCM);
	bf_dtls_ctx_free(again.dtls_ctx); /* the certificate of before, as some clients do */
	again.dtls_ctx = call.alice.dtls_ctx;
	call.alice.dtls_ctx = NULL;
	stage_publish(&call.stage, &again, ALICE, both, 2, &answer);
	peer_set_remote(&again, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&again);
	expect_state(&call.stage, ALICE, BF_PC_CONNECTED, "");
	peer_close(&again);
	call_close(&call);
}

/* Bob's browser has lost its connection for good and asks for a restart: he is offered a fresh one. */
static void a_restart_of_a_closed_subscribe_connection_is_a_fresh_one(void **state)
{
	struct call call;
	struct bf_media_sdp *sdp;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, NULL);
	bf_dtls_close(call.bob.dtls);
	peer_flush_dtls(&call.bob);
	expect_state(&call.stage, BOB, BF_PC_CLOSED, "peer");
	stage_restart(&call.stage, BOB, BF_PC_SUBSCRIBE, "");
	stage_drop(&call.stage, BF_MEDIA_DONE, BOB);
	sdp = stage_get(&call.stage, BF_MEDIA_SDP, BOB);
	assert_int_equal(sdp->track_count, 2);
	peer_close(&call.bob);
	peer_open(&call.bob, BF_SRTP_AEAD_AES_128_GCM);
	peer_set_remote(&call.bob, sdp->sdp);
	call.received.video_ssrc =
		(uint32_t)strtoul(strstr(sdp->sdp, "a=ssrc-group:FID ") + 17, NULL, 10);
	stage_accept(&call.stage, &call.bob, BOB, sdp->sdp);
	bf_msg_free(&sdp->msg);
	peer_connect(&call.bob);
	expect_state(&call.stage, BOB, BF_PC_CONNECTED, "");
	call_expect_frame(&call, true, 1, NULL);
	stage_restart(&call.stage, ALICE, BF_PC_PUBLISH, "");
	stage_drop(&call.stage, BF_MEDIA_ERROR, ALICE);
	call_close(&call);
}

static void another_certificate_than_promised_fails(void **state)
{
	struct stage stage;
	struct peer alice, mallory;
	int64_t until_us = bf_clock_mono_us() + BF_SEC(3);

	stage_open(&stage, *(enum bf_io *)*state);
	offer(&stage, &alice, "actpass");
	peer_open(&mallory, BF_SRTP_AEAD_AES_128_GCM);
	mallory.server = alice.server; /* knows Alice's credentials, but not her key */
	memcpy(mallory.remote_ufrag, alice.remote_ufrag, sizeof(alice.remote_ufrag));
	memcpy(mallory.remote_pwd, alice.remote_pwd, sizeof(alice.remote_pwd));
	memcpy(mallory.remote_fingerprint, alice.remote_fingerprint,
		sizeof(alice.remote_fingerprint));
	memcpy(mallory.ufrag, alice.ufrag, sizeof(alice.ufrag));
	peer_start_dtls(&mallory);
	peer_check(&mallory);
	bf_dtls_start(mallory.dtls, bf_clock_mono_us());
	peer_flush_dtls(&mallory);
	while (bf_dtls_state(mallory.dtls) == BF_DTLS_HANDSHAKING && bf_clock_mono_us() < until_us)
		peer_turn_dtls(&mallory);
	expect_state(&stage, ALICE, BF_PC_FAILED, "fingerprint");
	assert_null(stage_take(&stage, BF_MEDIA_PC_STATE, ALICE, 50));
	peer_close(&alice);
	peer_close(&mallory);
	stage_close(&stage);
}

/* As with post-quantum key shares: more than fits into one datagram. */
static void a_hello_in_two_datagrams_connects(void **state)
{
	struct stage stage;
	struct peer alice;
	uint8_t alpn[1264], datagrams[2][BF_DTLS_DATAGRAM_MAX];
	size_t lens[2];
	int64_t until_us = bf_clock_mono_us() + BF_SEC(3);

	stage_open(&stage, *(enum bf_io *)*state);
	offer(&stage, &alice, "active");
	memset(alpn, 'a', sizeof(alpn));
	for (size_t i = 0; i < sizeof(alpn); i += 16)
		alpn[i] = 15;
	peer_start_dtls(&alice);
	assert_int_equal(SSL_set_alpn_protos(alice.dtls->ssl, alpn, sizeof(alpn)), 0);
	peer_check(&alice);
	bf_dtls_start(alice.dtls, bf_clock_mono_us());
	for (size_t i = 0; i < 2; i++) {
		lens[i] = bf_dtls_poll(alice.dtls, datagrams[i], sizeof(datagrams[i]));
		assert_true(lens[i] > 0);
	}
	peer_send(&alice, datagrams[1], lens[1]); /* and in the wrong order */
	peer_send(&alice, datagrams[0], lens[0]);
	while (bf_dtls_state(alice.dtls) == BF_DTLS_HANDSHAKING && bf_clock_mono_us() < until_us)
		peer_turn_dtls(&alice);
	expect_state(&stage, ALICE, BF_PC_CONNECTED, "");
	peer_close(&alice);
	stage_close(&stage);
}

static void a_participant_that_leaves_is_told_goodbye(void **state)
{
	struct call call;
	int64_t until_us = bf_clock_mono_us() + BF_SEC(3);

	call_open(&call, *(enum bf_io *)*state, false);
	stage_leave(&call.stage, BOB);
	while (bf_dtls_state(call.bob.dtls) == BF_DTLS_CONNECTED && bf_clock_mono_us() < until_us)
		peer_turn_dtls(&call.bob);
	assert_int_equal(bf_dtls_state(call.bob.dtls), BF_DTLS_CLOSED);
	assert_false(peer_try_check(&call.bob)); /* its credentials are forgotten */
	call_close(&call);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(uring, a_passive_client_is_called),
		ON(uring, a_goodbye_closes_and_a_fresh_connection_may_follow),
		ON(uring, a_restart_of_a_closed_subscribe_connection_is_a_fresh_one),
		ON(uring, another_certificate_than_promised_fails),
		ON(uring, a_hello_in_two_datagrams_connects),
		ON(uring, a_participant_that_leaves_is_told_goodbye),
	};

	return cmocka_run_group_tests_name("worker_dtls", tests, NULL, NULL);
}
