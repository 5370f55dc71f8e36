/* What strangers, and participants with bad intentions, cannot do to a worker. */
#include "core/base/clock.h"
#include "core/base/rand.h"
#include "tests/media/stun/stun_build.h"
#include "tests/media/worker/call.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct peer stranger_of(const struct peer *known)
{
	struct peer stranger;

	peer_open(&stranger, BF_SRTP_AEAD_AES_128_GCM);
	stranger.server = known->server;
	return stranger;
}

static void garbage_from_strangers_only_moves_named_counters(void **state)
{
	struct call call;
	struct peer stranger;
	struct stun_build check;
	uint8_t junk[600];
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	for (int first = 0; first < 256; first++) {
		bf_rand_bytes(junk, sizeof(junk));
		junk[0] = (uint8_t)first;
		peer_send(&stranger, junk, sizeof(junk));
	}
	stun_check(&check,
		&(struct stun_check){
			.username = "00ffffffffzzzz:x", .password = "wrong", .priority = 1});
	for (size_t len = 1; len <= check.len; len++) /* cut at every byte, and whole at last */
		peer_send(&stranger, check.bytes, len);
	call_expect_frame(&call, false, 1, &seq);
	assert_int_equal(
		stage_drops(&call.stage, "unknown_addr"), 44 + 64); /* DTLS and RTP ranges */
	assert_int_equal(stage_drops(&call.stage, "unknown_proto"), 256 - 4 - 44 - 64);
	assert_int_equal(stage_drops(&call.stage, "stun_malformed"), 4 + (int64_t)check.len - 1);
	assert_int_equal(stage_drops(&call.stage, "stun_unknown"), 1);
	peer_close(&stranger);
	call_close(&call);
}

static void a_check_with_the_wrong_password_proves_nothing(void **state)
{
	struct call call;
	struct peer stranger;
	struct stun_build check;
	char username[128];
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	snprintf(username, sizeof(username), "%s:%s", call.bob.remote_ufrag, call.bob.ufrag);
	stun_check(&check, &(struct stun_check){.username = username,
				   .password = "not the password",
				   .priority = 1,
				   .use_candidate = true});
	peer_send(&stranger, check.bytes, check.len);
	call_expect_frame(&call, false, 1, &seq); /* still to Bob, not to the stranger */
	assert_int_equal(stage_drops(&call.stage, "stun_auth"), 1);
	peer_close(&stranger);
	call_close(&call);
}

static void a_client_hello_without_a_validated_path_is_dropped(void **state)
{
	struct call call;
	struct peer stranger;
	uint8_t hello[BF_DTLS_DATAGRAM_MAX];
	size_t len;
	uint16_t seq = 0;
	int64_t sent = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	assert_int_equal(
		bf_dtls_new(&stranger.dtls, stranger.dtls_ctx, BF_DTLS_CLIENT,
			bf_bytes_str("sha-256"), bf_bytes_str(call.alice.remote_fingerprint)),
		0);
	bf_dtls_start(stranger.dtls, 0);
	while ((len = bf_dtls_poll(stranger.dtls, hello, sizeof(hello))) > 0) {
		peer_send(&stranger, hello, len);
		peer_send(&call.bob, hello, len); /* and from a validated one, in a live session */
		sent++;
	}
	call_expect_frame(&call, false, 1, &seq);
	assert_int_equal(stage_drops(&call.stage, "unknown_addr"), sent);
	call_expect_frame(&call, false, 2, &seq);
	peer_close(&stranger);
	call_close(&call);
}

static void forged_and_replayed_srtp_changes_nothing(void **state)
{
	struct call call;
	uint8_t packet[PEER_MTU], payload[64];
	struct bf_wr wr = bf_wr(packet, sizeof(packet));
	struct bf_rtp rtp = {.pt = 96, .marker = true, .ssrc = 0x1001};
	struct bf_srtp_protect_job job;
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	rtp.seq = call.video.seq;
	rtp.timestamp = call.video.timestamp;
	bf_rtp_write_header(&wr, &rtp, bf_bytes(NULL, 0));
	job = (struct bf_srtp_protect_job){.srtp = call.alice.srtp_out,
		.dst = packet,
		.dst_size = sizeof(packet),
		.header_len = bf_wr_len(&wr),
		.payload = bf_bytes(payload, call_vp8(payload, &call.video, false, 1))};
	bf_srtp_protect(&job, 1);
	for (size_t i = 12; i < job.dst_len; i++) { /* each byte behind the header spoilt in turn */
		packet[i] ^= 0x40;
		peer_send(&call.alice, packet, job.dst_len);
		packet[i] ^= 0x40;
	}
	peer_send(&call.alice, packet, job.dst_len);
	peer_send(&call.alice, packet, job.dst_len);
	peer_send(&call.alice, packet, job.dst_len);
	{
		struct bf_rtp got;
		uint32_t counter;
		assert_true(
			call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &got, &counter));
		assert_int_equal(counter, 1);
		assert_false(
			call_recv_frame(&call.bob, call.received.video_ssrc, 100, &got, &counter));
	}
	assert_int_equal(stage_drops(&call.stage, "srtp_auth"), (int64_t)job.dst_len - 12);
	assert_int_equal(stage_drops(&call.stage, "srtp_replay"), 2);
	call_close(&call);
}

static void a_flood_of_ssrcs_stops_at_the_limit_and_the_call_goes_on(void **state)
{
	struct call call;
	struct video other;
	uint16_t seq = 0;
	int64_t refused;

	call_open(&call, *(enum bf_io *)*state, false);
	call_expect_frame(&call, true, 0, &seq);
	for (uint32_t i = 0; i < 400; i++) {
		other = (struct video){.peer = &call.alice, .ssrc = 0x900000 + i, .seq = 1};
		peer_send_rtp(&call.alice, &(struct bf_rtp){.pt = 100, .ssrc = other.ssrc},
			bf_bytes(NULL, 0), bf_bytes("x", 1));
		if (i % 32 == 31)
			bf_clock_mono_us();
	}
	call_expect_frame(&call, false, 1, &seq);
	refused = stage_drops(&call.stage, "ssrc_unknown") + stage_drops(&call.stage, "ssrc_limit");
	assert_int_equal(refused, 400);
	call_close(&call);
}

static const struct peer_section published[] = {
	{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=sendonly\r\n" PEER_VP8_LINES},
};
static const struct peer_section stopped[] = {
	{PEER_OPUS_M, "0", "a=inactive\r\n" PEER_OPUS_LINES},
	{PEER_VIDEO_M, "1", "a=inactive\r\n" PEER_VP8_LINES},
};

static void media_over_a_subscribe_connection_is_nobodys(void **state)
{
	struct call call;
	struct peer publish;
	struct bf_media_sdp *answer;
	struct video video;
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	stage_forget(&call.stage);
	peer_open(&publish, BF_SRTP_AEAD_AES_128_GCM);
	stage_publish(&call.stage, &publish, BOB, published, 2, &answer);
	bf_msg_free(&answer->msg);
	video = (struct video){.peer = &call.bob, .ssrc = 0x3001, .seq = 1};
	for (uint32_t i = 0; i < 5; i++)
		call_send_frame(&video, true, i);
	call_expect_frame(&call, true, 0, &seq);
	stage_publish(&call.stage, &publish, BOB, stopped, 2, &answer); /* its tracks are gone */
	bf_msg_free(&answer->msg);
	for (uint32_t i = 0; i < 5; i++)
		call_send_frame(&video, true, i);
	call_expect_frame(&call, false, 1, &seq);
	assert_int_equal(stage_drops(&call.stage, "ssrc_unknown"), 10);
	peer_close(&publish);
	call_close(&call);
}

/* Resident memory after giving back what is free. Under a sanitizer freed memory is kept on purpose, and leaks are found by it. */
static long resident_kib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	malloc_trim(0);
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*s %ld", &pages), 1);
	fclose(file);
	return pages * 4;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CHURN_GROWTH_KIB (1024 * 1024)
#else
#define CHURN_GROWTH_KIB \
	320 /* over 40 rounds of two connections: 4 KiB lost with each would show */
#endif

static void leaving_and_joining_again_costs_no_memory(void **state)
{
	struct stage stage;
	long first_kib = 0;

	stage_open(&stage, *(enum bf_io *)*state);
	for (int round = 0; round < 60; round++) {
		struct peer alice, bob;
		if (round == 20)
			first_kib = resident_kib();
		stage_publisher(&stage, &alice, ALICE, false);
		stage_subscriber(&stage, &bob, BOB);
		stage_leave(&stage, ALICE);
		stage_leave(&stage, BOB);
		stage_join(&stage, 0xfff, 0); /* when this is answered the leaving is done */
		stage_leave(&stage, 0xfff);
		peer_close(&alice);
		peer_close(&bob);
	}
	assert_in_range(resident_kib(), 0, first_kib + CHURN_GROWTH_KIB);
	stage_close(&stage);
}

static void bad_descriptions_are_refused_with_their_cause(void **state)
{
	struct stage stage;
	struct bf_media_error *error;
	static const char *const bad[] = {"", "nonsense",
		"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF "
		"96\r\na=mid:0\r\n"};

	stage_open(&stage, *(enum bf_io *)*state);
	stage_join(&stage, ALICE, BF_GRANT_PUBLISH);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stage_offer(&stage, ALICE, bad[i]);
		error = (struct bf_media_error *)stage_wait(&stage, BF_MEDIA_ERROR, 2000);
		assert_non_null(error);
		assert_string_equal(error->code, "bad_sdp");
		assert_true(error->cause[0] != '\0');
		bf_msg_free(&error->msg);
	}
	stage_close(&stage);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring, garbage_from_strangers_only_moves_named_counters),
		ON(epoll, garbage_from_strangers_only_moves_named_counters),
		ON(uring, a_check_with_the_wrong_password_proves_nothing),
		ON(uring, a_client_hello_without_a_validated_path_is_dropped),
		ON(uring, forged_and_replayed_srtp_changes_nothing),
		ON(uring, media_over_a_subscribe_connection_is_nobodys),
		ON(uring, a_flood_of_ssrcs_stops_at_the_limit_and_the_call_goes_on),
		ON(uring, leaving_and_joining_again_costs_no_memory),
		ON(uring, bad_descriptions_are_refused_with_their_cause),
	};

	return cmocka_run_group_tests_name("worker_strangers", tests, NULL, NULL);
}
