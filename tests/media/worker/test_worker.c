/* A whole worker on loopback with real clients: what a room promises, and what strangers cannot do to it. */
#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/rtp/rtcp.h"
#include "tests/media/stun/stun_build.h"
#include "tests/media/worker/stage.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ALICE 0xa11ce
#define BOB   0xb0b

/* One VP8 packet: a whole frame with a 15-bit picture id, then a counter to know it by. */
static size_t vp8(uint8_t out[static 64], bool is_keyframe, uint16_t picture_id, uint32_t counter)
{
	struct bf_wr wr = bf_wr(out, 64);

	bf_wr_u8(&wr, 0x90); /* X, S */
	bf_wr_u8(&wr, 0x80); /* I */
	bf_wr_u16(&wr, 0x8000 | picture_id);
	bf_wr_u24(&wr, is_keyframe ? 0x100200 : 0x110200);
	bf_wr_bytes(&wr, bf_bytes("\x9d\x01\x2a\x80\x02\x68\x01", 7));
	bf_wr_u32(&wr, counter);
	return bf_wr_len(&wr);
}

struct video {
	struct peer *peer;
	uint32_t ssrc;
	uint16_t seq;
	uint32_t timestamp;
	uint16_t picture_id;
	const char *rid; /* NULL: mid alone tells */
};

static void send_frame(struct video *video, bool is_keyframe, uint32_t counter)
{
	uint8_t payload[64], ext[16];
	struct bf_wr wr = bf_wr(ext, sizeof(ext));
	struct bf_rtp rtp = {.pt = 96, .marker = true, .seq = video->seq++, .timestamp = video->timestamp, .ssrc = video->ssrc};

	video->timestamp += 3000;
	bf_wr_u8(&wr, 4 << 4 | 0);
	bf_wr_u8(&wr, '1');
	if (video->rid) {
		bf_wr_u8(&wr, 10 << 4 | 0);
		bf_wr_u8(&wr, (uint8_t)video->rid[0]);
	}
	peer_send_rtp(video->peer, &rtp, bf_bytes(ext, bf_wr_len(&wr)),
		bf_bytes(payload, vp8(payload, is_keyframe, video->picture_id++ & 0x7fff, counter)));
}

/* The next video packet, with its parsed header and the counter in its payload. */
static bool recv_frame(struct peer *peer, uint32_t ssrc, int wait_ms, struct bf_rtp *rtp, uint32_t *counter)
{
	static uint8_t data[PEER_MTU]; /* rtp's views outlive the call */
	size_t len;
	enum peer_kind kind;

	while ((kind = peer_recv(peer, wait_ms, data, &len)) != PEER_NOTHING) {
		if (kind != PEER_RTP || bf_rtp_parse(rtp, bf_bytes(data, len)) || rtp->ssrc != ssrc)
			continue;
		assert_true(rtp->payload.len >= 18);
		*counter = bf_get_u32(rtp->payload.data + rtp->payload.len - 4);
		return true;
	}
	return false;
}

struct call {
	struct stage stage;
	struct peer alice, bob;
	struct stage_tracks tracks;
	struct stage_received received;
	struct video video;
};

static void call_open(struct call *call, enum bf_io io, bool is_simulcast)
{
	stage_open(&call->stage, io);
	call->tracks = stage_publisher(&call->stage, &call->alice, ALICE, is_simulcast);
	call->received = stage_subscriber(&call->stage, &call->bob, BOB);
	call->video = (struct video){.peer = &call->alice, .ssrc = 0x1001, .seq = 65530, .timestamp = 0xfffff000, .picture_id = 0x7ffd};
}

static void call_close(struct call *call)
{
	peer_close(&call->alice);
	peer_close(&call->bob);
	stage_close(&call->stage);
}

/* Send a frame, and expect it as the next one in the receiver's numbers. */
static void expect_frame(struct call *call, bool is_keyframe, uint32_t counter, uint16_t *last_seq)
{
	struct bf_rtp rtp;
	uint32_t got;

	send_frame(&call->video, is_keyframe, counter);
	assert_true(recv_frame(&call->bob, call->received.video_ssrc, 2000, &rtp, &got));
	assert_int_equal(got, counter);
	if (last_seq && counter > 0)
		assert_int_equal(rtp.seq, (uint16_t)(*last_seq + 1));
	if (last_seq)
		*last_seq = rtp.seq;
}

static void a_frame_reaches_the_subscriber_with_numbers_that_go_on(void **state)
{
	enum bf_io io = *(enum bf_io *)*state;
	struct call call;
	uint16_t seq = 0;

	call_open(&call, io, false);
	for (uint32_t i = 0; i < 20; i++) /* wraps sequence number, timestamp and picture id */
		expect_frame(&call, i == 0, i, &seq);
	call_close(&call);
}

static void nothing_flows_before_a_keyframe(void **state)
{
	struct call call;
	struct bf_rtp rtp;
	uint32_t counter;

	call_open(&call, *(enum bf_io *)*state, false);
	send_frame(&call.video, false, 1);
	assert_false(recv_frame(&call.bob, call.received.video_ssrc, 200, &rtp, &counter));
	send_frame(&call.video, true, 2);
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
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
		expect_frame(&call, i == 0, i, &seq);
	uint16_t wanted = (uint16_t)(seq - 2);
	bf_rtcp_write_rr(&wr, 1, NULL, 0);
	bf_rtcp_write_nack(&wr, 1, call.received.video_ssrc, &wanted, 1);
	peer_send_rtcp(&call.bob, rtcp, bf_wr_len(&wr));
	assert_true(recv_frame(&call.bob, call.received.video_rtx_ssrc, 2000, &rtp, &counter));
	assert_int_equal(bf_get_u16(rtp.payload.data), wanted);
	assert_int_equal(counter, 2);
	call_close(&call);
}

static bool recv_rtcp(struct peer *peer, uint8_t type, uint8_t fmt, int wait_ms, struct bf_rtcp *out)
{
	static uint8_t data[PEER_MTU];
	size_t len;
	enum peer_kind kind;

	while ((kind = peer_recv(peer, wait_ms, data, &len)) != PEER_NOTHING) {
		struct bf_rtcp_it it;
		if (kind != PEER_RTCP)
			continue;
		bf_rtcp_begin(&it, bf_bytes(data, len));
		while (bf_rtcp_next(&it, out) > 0)
			if (out->type == type && out->fmt == fmt)
				return true;
	}
	return false;
}

static void a_gap_is_asked_for_from_the_publisher_and_the_repair_delivered(void **state)
{
	struct call call;
	struct bf_rtcp rtcp;
	struct bf_rtp rtp;
	uint16_t seqs[8], lost;
	uint32_t media_ssrc, counter;

	call_open(&call, *(enum bf_io *)*state, false);
	expect_frame(&call, true, 0, NULL);
	lost = call.video.seq++; /* never sent */
	call.video.timestamp += 3000;
	expect_frame(&call, false, 2, NULL);
	assert_true(recv_rtcp(&call.alice, BF_RTCP_RTPFB, BF_RTPFB_NACK, 2000, &rtcp));
	assert_int_equal(bf_rtcp_parse_nack(&media_ssrc, seqs, 8, &rtcp), 1);
	assert_int_equal(seqs[0], lost);
	assert_int_equal(media_ssrc, call.video.ssrc);
	call.video.seq = lost;
	send_frame(&call.video, false, 1);
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
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
	expect_frame(&call, true, 0, NULL);
	while (recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 100, &found))
		;
	bf_rtcp_write_pli(&wr, 1, call.received.video_ssrc);
	for (int i = 0; i < 200; i++)
		peer_send_rtcp(&call.bob, rtcp, bf_wr_len(&wr));
	while (recv_rtcp(&call.alice, BF_RTCP_PSFB, BF_PSFB_PLI, 900, &found) && count < 100)
		if (++count == 1) { /* a keyframe ends the asking */
			send_frame(&call.video, true, 1);
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
	expect_frame(&call, true, 0, &seq);
	stage_control(&call.stage, ALICE, call.tracks.video, BF_TRACK_MUTE, 1);
	for (int i = 0; i < 5; i++)
		send_frame(&call.video, false, 100);
	assert_false(recv_frame(&call.bob, call.received.video_ssrc, 200, &rtp, &counter));
	stage_control(&call.stage, ALICE, call.tracks.video, BF_TRACK_MUTE, 0);
	send_frame(&call.video, false, 101); /* refers to what was not shown */
	expect_frame(&call, true, 1, &seq);
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
		layers[i] = (struct video){.peer = &call.alice, .ssrc = 0x2001 + i, .seq = (uint16_t)(1000 * i), .timestamp = 777 * i, .rid = &"qhf"[i]};
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 0);
	for (unsigned i = 0; i < 3; i++)
		send_frame(&layers[i], true, 10 + i);
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 10);
	seq = rtp.seq;
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 2);
	send_frame(&layers[2], false, 22); /* not decodable alone: must not pass */
	send_frame(&layers[0], false, 20);
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 20);
	assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
	send_frame(&layers[2], true, 32);
	send_frame(&layers[0], false, 30); /* the layer that was left */
	send_frame(&layers[2], false, 42);
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	assert_int_equal(counter, 32);
	assert_int_equal(rtp.seq, (uint16_t)(seq + 2));
	assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
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
	send_frame(&call.video, false, 1); /* stands for the rest of the keyframe */
	send_frame(&call.video, false, 2);
	send_frame(&start, true, 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
		assert_int_equal(counter, i);
		if (i > 0)
			assert_int_equal(rtp.seq, (uint16_t)(seq + 1));
		seq = rtp.seq;
	}
	call_close(&call);
}

/* ---- strangers ---- */

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
	expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	for (int first = 0; first < 256; first++) {
		bf_rand_bytes(junk, sizeof(junk));
		junk[0] = (uint8_t)first;
		peer_send(&stranger, junk, sizeof(junk));
	}
	stun_check(&check, &(struct stun_check){.username = "00ffffffffzzzz:x", .password = "wrong", .priority = 1});
	for (size_t len = 1; len <= check.len; len++) /* cut at every byte, and whole at last */
		peer_send(&stranger, check.bytes, len);
	expect_frame(&call, false, 1, &seq);
	assert_int_equal(stage_drops(&call.stage, "unknown_addr"), 44 + 64); /* DTLS and RTP ranges */
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
	expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	snprintf(username, sizeof(username), "%s:%s", call.bob.remote_ufrag, call.bob.ufrag);
	stun_check(&check, &(struct stun_check){.username = username, .password = "not the password", .priority = 1, .use_candidate = true});
	peer_send(&stranger, check.bytes, check.len);
	expect_frame(&call, false, 1, &seq); /* still to Bob, not to the stranger */
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
	expect_frame(&call, true, 0, &seq);
	stranger = stranger_of(&call.alice);
	assert_int_equal(bf_dtls_new(&stranger.dtls, stranger.dtls_ctx, BF_DTLS_CLIENT, bf_bytes_str("sha-256"),
				 bf_bytes_str(call.alice.remote_fingerprint)),
		0);
	bf_dtls_start(stranger.dtls, 0);
	while ((len = bf_dtls_poll(stranger.dtls, hello, sizeof(hello))) > 0) {
		peer_send(&stranger, hello, len);
		peer_send(&call.bob, hello, len); /* and from a validated one, in a live session */
		sent++;
	}
	expect_frame(&call, false, 1, &seq);
	assert_int_equal(stage_drops(&call.stage, "unknown_addr"), sent);
	expect_frame(&call, false, 2, &seq);
	peer_close(&stranger);
	call_close(&call);
}

static void forged_and_replayed_srtp_changes_nothing(void **state)
{
	struct call call;
	uint8_t packet[PEER_MTU], payload[64], header[64];
	struct bf_wr wr = bf_wr(header, sizeof(header));
	struct bf_rtp rtp = {.pt = 96, .marker = true, .ssrc = 0x1001};
	struct bf_srtp_protect_job job;
	uint16_t seq = 0;

	call_open(&call, *(enum bf_io *)*state, false);
	expect_frame(&call, true, 0, &seq);
	rtp.seq = call.video.seq;
	rtp.timestamp = call.video.timestamp;
	bf_rtp_write_header(&wr, &rtp, bf_bytes(NULL, 0));
	job = (struct bf_srtp_protect_job){.srtp = call.alice.srtp_out, .header = bf_bytes(header, bf_wr_len(&wr)),
		.payload = bf_bytes(payload, vp8(payload, false, 5, 1)), .dst = packet, .dst_size = sizeof(packet)};
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
		assert_true(recv_frame(&call.bob, call.received.video_ssrc, 2000, &got, &counter));
		assert_int_equal(counter, 1);
		assert_false(recv_frame(&call.bob, call.received.video_ssrc, 100, &got, &counter));
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
	expect_frame(&call, true, 0, &seq);
	for (uint32_t i = 0; i < 400; i++) {
		other = (struct video){.peer = &call.alice, .ssrc = 0x900000 + i, .seq = 1};
		peer_send_rtp(&call.alice, &(struct bf_rtp){.pt = 100, .ssrc = other.ssrc}, bf_bytes(NULL, 0), bf_bytes("x", 1));
		if (i % 32 == 31)
			bf_clock_mono_us();
	}
	expect_frame(&call, false, 1, &seq);
	refused = stage_drops(&call.stage, "ssrc_unknown") + stage_drops(&call.stage, "ssrc_limit");
	assert_int_equal(refused, 400);
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
#define CHURN_GROWTH_KIB 640 /* over 80 rounds of two connections: 4 KiB lost with each would show */
#endif

static void leaving_and_joining_again_costs_no_memory(void **state)
{
	struct stage stage;
	long first_kib = 0;

	stage_open(&stage, *(enum bf_io *)*state);
	for (int round = 0; round < 120; round++) {
		struct peer alice, bob;
		if (round == 40)
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
	static const char *const bad[] = {"", "nonsense", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"};

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

#define ON(io, test) {#test " on " #io, test, NULL, NULL, &io}

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
		ON(uring, garbage_from_strangers_only_moves_named_counters),
		ON(epoll, garbage_from_strangers_only_moves_named_counters),
		ON(uring, a_check_with_the_wrong_password_proves_nothing),
		ON(uring, a_client_hello_without_a_validated_path_is_dropped),
		ON(uring, forged_and_replayed_srtp_changes_nothing),
		ON(uring, a_flood_of_ssrcs_stops_at_the_limit_and_the_call_goes_on),
		ON(uring, leaving_and_joining_again_costs_no_memory),
		ON(uring, bad_descriptions_are_refused_with_their_cause),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
