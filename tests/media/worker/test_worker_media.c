/* What a worker passes on and what it changes: payloads, extensions, numbers, clocks; and what it reports back. */
#include "core/base/clock.h"
#include "media/cc/twcc.h"
#include "tests/media/worker/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The audio section's and the video section's SSRC in an offer of the server. */
static uint32_t ssrc_in(const char *offer, const char *m)
{
	const char *at = strstr(offer, m);

	assert_non_null(at);
	at = strstr(at, "a=ssrc:");
	assert_non_null(at);
	return (uint32_t)strtoul(at + 7, NULL, 10);
}

/* Alice publishes these sections, Bob takes all of it. */
static void open_with(struct call *call, enum bf_io io, const struct peer_section *sections)
{
	struct bf_media_sdp *sdp;

	memset(call, 0, sizeof(*call));
	stage_open(&call->stage, io);
	stage_join_as(&call->stage, ALICE, STAGE_ALL, false);
	peer_open(&call->alice, BF_SRTP_AEAD_AES_128_GCM);
	stage_publish(&call->stage, &call->alice, ALICE, sections, 2, &sdp);
	assert_int_equal(sdp->track_count, 2);
	call->tracks.audio = sdp->tracks[0].track_id;
	call->tracks.video = sdp->tracks[1].track_id;
	peer_set_remote(&call->alice, sdp->sdp);
	bf_msg_free(&sdp->msg);
	peer_connect(&call->alice);
	stage_join(&call->stage, BOB, BF_GRANT_SUBSCRIBE);
	peer_open(&call->bob, BF_SRTP_AEAD_AES_128_GCM);
	sdp = stage_get(&call->stage, BF_MEDIA_SDP, BOB);
	peer_set_remote(&call->bob, sdp->sdp);
	call->received.audio_ssrc = ssrc_in(sdp->sdp, "m=audio");
	call->received.video_ssrc = ssrc_in(sdp->sdp, "m=video");
	stage_accept(&call->stage, &call->bob, BOB, sdp->sdp);
	bf_msg_free(&sdp->msg);
	peer_connect(&call->bob);
	stage_drop(&call->stage, BF_MEDIA_PC_STATE, ALICE);
	stage_drop(&call->stage, BF_MEDIA_PC_STATE, BOB);
	stage_settle(&call->stage);
	call->video = (struct video){.peer = &call->alice, .ssrc = 0x1001, .seq = 65530};
}

static void recv_rtp(struct call *call, uint32_t ssrc, struct bf_rtp *rtp)
{
	static uint8_t data[PEER_MTU];
	size_t len;

	for (int i = 0; i < 100; i++)
		if (peer_recv(&call->bob, 2000, data, &len) == PEER_RTP &&
			bf_rtp_parse(rtp, bf_bytes(data, len)) == 0 && rtp->ssrc == ssrc)
			return;
	fail_msg("no RTP of %08x", ssrc);
}

/* ---- payloads ---- */

struct codec {
	const char *lines;
	uint8_t key[24], delta[24];
};

static void payloads_of_every_codec_arrive_as_they_were(void **state)
{
	static const struct codec codecs[] = {
		{"a=rtpmap:96 VP8/90000\r\n",
			{0x90, 0x80, 0x81, 0x11, 0x10, 2, 0, 0x9d, 1, 0x2a, 64, 1, 64, 1},
			{0x90, 0x80, 0x81, 0x12, 0x11, 2, 0, 1, 2, 3}},
		{"a=rtpmap:96 VP9/90000\r\na=fmtp:96 profile-id=0\r\n",
			{0x8c, 0x81, 0x11, 0x82, 0x49, 0x83, 0x42, 0, 0x13, 0xf0, 0x0b, 0x30},
			{0xcc, 0x81, 0x12, 0x86, 1, 2, 3}},
		{"a=rtpmap:96 H264/90000\r\na=fmtp:96 "
		 "packetization-mode=1;profile-level-id=42e01f\r\n",
			{0x78, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 3, 0x68, 0xce, 0x3c, 0, 10, 0x65,
				0x88, 1, 2, 3, 4},
			{0x41, 0x9a, 1, 2, 3, 4, 5}},
		{"a=rtpmap:96 AV1/90000\r\na=fmtp:96 profile=0\r\n",
			{0x28, 0x0b, 0x0a, 0, 0, 0, 0x24, 0xcf, 0x7f, 0x0d, 0xbf, 0xff, 0x30, 0x10,
				1, 2, 3},
			{0x10, 0x30, 0x20, 1, 2, 3}},
	};

	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		const struct codec *codec = &codecs[i];
		char lines[1024];
		struct peer_section sections[] = {
			{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
			{PEER_VIDEO_M, "1", lines}};
		struct call call;
		struct bf_rtp rtp;

		snprintf(
			lines, sizeof(lines), "a=sendonly\r\n%s%s", PEER_VIDEO_LINES, codec->lines);
		open_with(&call, *(enum bf_io *)*state, sections);
		for (uint16_t n = 0; n < 6; n++) {
			const uint8_t ext[] = {4 << 4 | 0, '1'};
			struct bf_bytes payload = bf_bytes(n ? codec->delta : codec->key, 24);
			uint8_t bytes[24];

			memcpy(bytes, payload.data, 24);
			if (n && i < 2)
				bytes[i == 0 ? 3 : 2] = (uint8_t)(0x11 + n); /* picture id */
			peer_send_rtp(&call.alice,
				&(struct bf_rtp){.pt = 96,
					.marker = n % 2,
					.seq = (uint16_t)(65533 + n),
					.timestamp = 3000u * n,
					.ssrc = 9},
				bf_bytes(ext, 2), bf_bytes(bytes, 24));
			recv_rtp(&call, call.received.video_ssrc, &rtp);
			assert_int_equal(rtp.payload.len, 24);
			assert_memory_equal(rtp.payload.data, bytes, 24);
			assert_int_equal(rtp.marker, n % 2);
		}
		call_close(&call);
	}
}

static void extensions_arrive_under_the_receivers_ids_and_payload_types_too(void **state)
{
	static const struct peer_section sections[] = {
		{"audio 9 UDP/TLS/RTP/SAVPF 63", "0",
			"a=sendonly\r\na=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
			"a=rtpmap:63 opus/48000/2\r\na=fmtp:63 minptime=10\r\n"},
		{"video 9 UDP/TLS/RTP/SAVPF 45", "1",
			"a=sendonly\r\na=extmap:4 "
			"urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:12 "
			"urn:3gpp:video-orientation\r\n"
			"a=rtcp-fb:45 nack\r\na=rtpmap:45 VP8/90000\r\n"},
	};
	const uint8_t level[] = {9 << 4 | 0, 0x80 | 33};
	const uint8_t orientation[] = {4 << 4 | 0, '1', 12 << 4 | 0, 3};
	uint8_t payload[64];
	struct call call;
	struct bf_rtp rtp;
	uint8_t audio_pt;

	open_with(&call, *(enum bf_io *)*state, sections);
	peer_send_rtp(&call.alice, &(struct bf_rtp){.pt = 63, .seq = 1, .ssrc = 5},
		bf_bytes(level, 2), bf_bytes("\x78opus", 5));
	recv_rtp(&call, call.received.audio_ssrc, &rtp);
	assert_memory_equal(rtp.payload.data, "\x78opus", 5);
	assert_true(rtp.has_ext && rtp.ext_profile == 0xbede);
	assert_int_equal(rtp.ext.data[0], 1 << 4 | 0); /* what our offer calls it */
	assert_int_equal(rtp.ext.data[1], 0x80 | 33);
	audio_pt = rtp.pt;
	peer_send_rtp(&call.alice, &(struct bf_rtp){.pt = 45, .seq = 1, .ssrc = 6},
		bf_bytes(orientation, 4),
		bf_bytes(payload, call_vp8(payload, &call.video, true, 1)));
	recv_rtp(&call, call.received.video_ssrc, &rtp);
	assert_int_equal(rtp.ext.data[0], 5 << 4 | 0);
	assert_int_equal(rtp.ext.data[1], 3);
	assert_int_not_equal(rtp.pt, audio_pt);
	assert_in_range(rtp.pt, 96, 127);
	call_close(&call);
}

/* ---- layers ---- */

static uint16_t picture_id(const struct bf_rtp *rtp)
{
	return bf_get_u16(rtp->payload.data + 2) & 0x7fff;
}

static void picture_ids_go_on_over_a_change_of_layers(void **state)
{
	struct call call;
	struct video layers[3];
	struct bf_rtp rtp;
	uint32_t counter;
	uint16_t id;

	call_open(&call, *(enum bf_io *)*state, true);
	for (unsigned i = 0; i < 3; i++)
		layers[i] = (struct video){.peer = &call.alice,
			.ssrc = 0x2001 + i,
			.seq = (uint16_t)(1000 * i),
			.picture_id = (uint16_t)(0x7ffe + 5000 * i),
			.rid = &"qhf"[i]};
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 0);
	call_send_frame(&layers[0], true, 0);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	id = picture_id(&rtp);
	for (int turn = 1; turn <= 6; turn++) {
		struct video *layer = &layers[turn % 3];
		call_send_frame(layer, false, 0); /* it is there */
		stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, turn % 3);
		for (uint32_t i = 0; i < 3; i++) {
			uint32_t sent = (uint32_t)turn * 10 + i;
			call_send_frame(layer, i == 0, sent);
			do
				assert_true(call_recv_frame(
					&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
			while (counter == 0);
			assert_int_equal(counter, sent);
			id = (id + 1) & 0x7fff;
			assert_int_equal(picture_id(&rtp), id);
		}
	}
	call_close(&call);
}

/* Rids from the highest layer down, as some clients list them: layer 0 is still the smallest picture. */
static void layers_are_ranked_by_what_they_carry(void **state)
{
	static const struct peer_section sections[] = {
		{PEER_OPUS_M, "0", "a=sendonly\r\n" PEER_OPUS_LINES},
		{PEER_VIDEO_M, "1",
			"a=sendonly\r\n" PEER_VP8_LINES "a=rid:f send\r\na=rid:h send\r\na=rid:q "
			"send\r\na=simulcast:send f;h;q\r\n"},
	};
	struct call call;
	struct bf_media_layer *event;
	struct bf_rtp rtp;
	uint32_t counter;
	struct video layers[3];

	open_with(&call, *(enum bf_io *)*state, sections);
	for (unsigned i = 0; i < 3; i++)
		layers[i] = (struct video){.peer = &call.alice,
			.ssrc = 0x2001 + i,
			.seq = (uint16_t)(1000 * i),
			.rid = &"qhf"[i],
			.width = (uint16_t)(320 << i),
			.height = (uint16_t)(180 << i)};
	for (unsigned i = 0; i < 3; i++)
		call_send_frame(&layers[i], true, 1);
	/* Messages and packets come by different ways: wait until the lowest layer is what arrives. */
	stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, 0);
	for (unsigned i = 0; i < 3; i++)
		call_send_frame(&layers[i], true, 50 + i);
	do
		assert_true(
			call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	while (counter != 50);
	stage_forget(&call.stage);
	for (int want = 1; want <= 3; want++) {
		int layer = want % 3;
		stage_control(&call.stage, BOB, call.tracks.video, BF_TRACK_LAYER, layer);
		for (int i = 0; i < 3; i++)
			call_send_frame(&layers[i], true, 100 + (uint32_t)i);
		event = stage_get(&call.stage, BF_MEDIA_LAYER, BOB);
		assert_int_equal(event->layer, layer);
		bf_msg_free(&event->msg);
		do
			assert_true(call_recv_frame(
				&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
		while (counter != 100 + (uint32_t)layer);
	}
	call_close(&call);
}

/* ---- reports ---- */

static void send_sr(struct peer *peer, uint32_t ssrc, uint64_t ntp, uint32_t timestamp)
{
	uint8_t data[128];
	struct bf_wr wr = bf_wr(data, sizeof(data));

	bf_rtcp_write_sr(&wr,
		&(struct bf_rtcp_sr){.ssrc = ssrc, .ntp = ntp, .rtp_timestamp = timestamp}, NULL,
		0);
	bf_rtcp_write_sdes(&wr, ssrc, "alice");
	peer_send_rtcp(peer, data, bf_wr_len(&wr));
}

/* The next sender report about that SSRC. */
static struct bf_rtcp_sr recv_sr(struct call *call, uint32_t ssrc)
{
	uint8_t data[PEER_MTU];
	struct bf_rtcp rtcp;
	struct bf_rtcp_sr sr;
	struct bf_rtcp_it it;
	size_t len;

	for (int i = 0; i < 10; i++) {
		if (peer_recv(&call->bob, 2500, data, &len) != PEER_RTCP)
			continue;
		bf_rtcp_begin(&it, bf_bytes(data, len));
		while (bf_rtcp_next(&it, &rtcp) > 0)
			if (rtcp.type == BF_RTCP_SR && bf_rtcp_parse_sr(&sr, &rtcp) == 0 &&
				sr.ssrc == ssrc)
				return sr;
	}
	fail_msg("no sender report");
	return (struct bf_rtcp_sr){0};
}

/* Receivers put sound and picture together by NTP times: for each stream the report has to say of its outgoing timestamps what
 * Alice's said of hers. */
static void sender_reports_keep_sound_and_picture_together(void **state)
{
	const uint64_t ntp = UINT64_C(0xe1234567) << 32 | 0x80000000;
	struct call call;
	struct bf_rtp rtp;
	struct bf_rtcp_sr sr;
	uint32_t counter, video_offset, audio_offset;
	int64_t passed_us;

	call_open(&call, *(enum bf_io *)*state, false);
	call.video.timestamp = 0xfffffff0;
	call_send_frame(&call.video, true, 0);
	assert_true(call_recv_frame(&call.bob, call.received.video_ssrc, 2000, &rtp, &counter));
	video_offset = rtp.timestamp - 0xfffffff0;
	call_send_audio(&call.alice, 0x2001, 100, 50);
	assert_true(call_recv_frame(&call.bob, call.received.audio_ssrc, 2000, &rtp, &counter));
	audio_offset = rtp.timestamp - 100 * 960;
	send_sr(&call.alice, 0x1001, ntp, 0xfffffff0 + 90000); /* at `ntp` her video stands there */
	send_sr(&call.alice, 0x2001, ntp, 100 * 960 + 48000);
	usleep(20000);

	sr = recv_sr(&call, call.received.video_ssrc);
	passed_us = (int64_t)(((sr.ntp - ntp) * 1000000) >> 32);
	assert_in_range(passed_us, 0, BF_SEC(2));
	assert_in_range(sr.rtp_timestamp - video_offset - (0xfffffff0 + 90000) -
				(uint32_t)(passed_us * 9 / 100) + 2,
		0, 4);
	assert_int_equal(sr.packet_count, 1);
	sr = recv_sr(&call, call.received.audio_ssrc);
	passed_us = (int64_t)(((sr.ntp - ntp) * 1000000) >> 32);
	assert_in_range(sr.rtp_timestamp - audio_offset - (100 * 960 + 48000) -
				(uint32_t)(passed_us * 48 / 1000) + 2,
		0, 4);
	call_close(&call);
}

static void the_publisher_is_told_what_arrived(void **state)
{
	struct call call;
	struct bf_rtcp rtcp;
	struct bf_rtcp_report report;
	int64_t arrival_us[64];
	uint16_t base = 0;
	int count;

	call_open(&call, *(enum bf_io *)*state, false);
	for (uint16_t i = 0; i < 20; i++) {
		const uint8_t ext[] = {3 << 4 | 1, (uint8_t)((0xfff0 + i) >> 8),
			(uint8_t)(0xf0 + i), 4 << 4 | 0, '0'};
		if (i == 5 || i == 6)
			continue; /* lost on the way */
		peer_send_rtp(&call.alice,
			&(struct bf_rtp){.pt = 111,
				.seq = (uint16_t)(65530 + i),
				.timestamp = i * 960u,
				.ssrc = 0x2001},
			bf_bytes(ext, sizeof(ext)),
			bf_bytes("\x78"
				 "123",
				4));
		usleep(1000);
	}
	assert_true(call_recv_rtcp(&call.alice, BF_RTCP_RTPFB, BF_RTPFB_TWCC, 2000, &rtcp));
	assert_int_equal(bf_get_u32(rtcp.body.data + 4), 0x2001); /* the media it is about */
	count = bf_twcc_parse(rtcp.body, &base, arrival_us, 64);
	assert_true(count >= 7);
	assert_int_equal(base, 0xfff0);
	for (int i = 0; i < count; i++)
		assert_int_equal(arrival_us[i] == -1, i == 5 || i == 6);
	assert_true(call_recv_rtcp(&call.alice, BF_RTCP_RR, 1, 2500, &rtcp));
	assert_int_equal(bf_rtcp_parse_reports(&report, 1, &rtcp), 1);
	assert_int_equal(report.ssrc, 0x2001);
	assert_int_equal(report.cumulative_lost, 2);
	assert_int_equal(report.fraction_lost, 2 * 256 / 20);
	assert_int_equal(report.highest_seq & 0xffff, (uint16_t)(65530 + 19));
	call_close(&call);
}

int main(void)
{
	static enum bf_io any = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(any, payloads_of_every_codec_arrive_as_they_were),
		ON(any, extensions_arrive_under_the_receivers_ids_and_payload_types_too),
		ON(any, picture_ids_go_on_over_a_change_of_layers),
		ON(any, layers_are_ranked_by_what_they_carry),
		ON(any, sender_reports_keep_sound_and_picture_together),
		ON(any, the_publisher_is_told_what_arrived),
	};

	return cmocka_run_group_tests_name("worker_media", tests, NULL, NULL);
}
