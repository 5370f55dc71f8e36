#include "tests/media/worker/call.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

size_t call_vp8(uint8_t *out, const struct video *video, bool is_keyframe, uint32_t counter)
{
	unsigned width = video->width ? video->width : 640,
		 height = video->height ? video->height : 360;
	const uint8_t bytes[] = {0x90 /* X, S */, 0x80 /* I */,
		(uint8_t)(0x80 | (video->picture_id >> 8 & 0x7f)), (uint8_t)video->picture_id,
		is_keyframe ? 0x10 : 0x11, 0x02, 0x00, 0x9d, 0x01, 0x2a, (uint8_t)width,
		(uint8_t)(width >> 8), (uint8_t)height, (uint8_t)(height >> 8)};

	memcpy(out, bytes, sizeof(bytes));
	bf_put_u32(out + sizeof(bytes), counter);
	return sizeof(bytes) + 4;
}

void call_send_frame(struct video *video, bool is_keyframe, uint32_t counter)
{
	uint8_t payload[64], ext[16];
	struct bf_wr wr = bf_wr(ext, sizeof(ext));
	struct bf_rtp rtp = {.pt = 96,
		.marker = true,
		.seq = video->seq++,
		.timestamp = video->timestamp,
		.ssrc = video->ssrc};
	size_t len = call_vp8(payload, video, is_keyframe, counter);

	video->timestamp += 3000;
	video->picture_id++;
	bf_wr_u8(&wr, 4 << 4 | 0);
	bf_wr_u8(&wr, (uint8_t)(video->mid ? video->mid[0] : '1'));
	if (video->rid) {
		bf_wr_u8(&wr, 10 << 4 | 0);
		bf_wr_u8(&wr, (uint8_t)video->rid[0]);
	}
	peer_send_rtp(video->peer, &rtp, bf_bytes(ext, bf_wr_len(&wr)), bf_bytes(payload, len));
}

bool call_recv_frame(
	struct peer *peer, uint32_t ssrc, int wait_ms, struct bf_rtp *rtp, uint32_t *counter)
{
	static uint8_t data[PEER_MTU]; /* rtp's views outlive the call */
	size_t len;
	enum peer_kind kind;

	while ((kind = peer_recv(peer, wait_ms, data, &len)) != PEER_NOTHING) {
		if (kind != PEER_RTP || bf_rtp_parse(rtp, bf_bytes(data, len)) || rtp->ssrc != ssrc)
			continue;
		assert_true(rtp->payload.len >= 4);
		*counter = bf_get_u32(rtp->payload.data + rtp->payload.len - 4);
		return true;
	}
	return false;
}

void call_open(struct call *call, enum bf_io io, bool is_simulcast)
{
	stage_open(&call->stage, io);
	call->tracks = stage_publisher(&call->stage, &call->alice, ALICE, is_simulcast);
	call->received = stage_subscriber(&call->stage, &call->bob, BOB);
	call->video = (struct video){.peer = &call->alice,
		.ssrc = 0x1001,
		.seq = 65530,
		.timestamp = 0xfffff000,
		.picture_id = 0x7ffd};
}

void call_close(struct call *call)
{
	peer_close(&call->alice);
	peer_close(&call->bob);
	stage_close(&call->stage);
}

void call_expect_frame(struct call *call, bool is_keyframe, uint32_t counter, uint16_t *last_seq)
{
	struct bf_rtp rtp;
	uint32_t got;

	call_send_frame(&call->video, is_keyframe, counter);
	assert_true(call_recv_frame(&call->bob, call->received.video_ssrc, 2000, &rtp, &got));
	assert_int_equal(got, counter);
	if (last_seq && counter > 0)
		assert_int_equal(rtp.seq, (uint16_t)(*last_seq + 1));
	if (last_seq)
		*last_seq = rtp.seq;
}

void call_send_audio(struct peer *peer, uint32_t ssrc, uint16_t seq, uint8_t level)
{
	const uint8_t ext[] = {1 << 4 | 0, (uint8_t)(0x80 | level), 4 << 4 | 0, '0'};
	const uint8_t payload[] = {0x78, 0, 0, (uint8_t)(seq >> 8), (uint8_t)seq};

	peer_send_rtp(peer,
		&(struct bf_rtp){.pt = 111, .seq = seq, .timestamp = seq * 960u, .ssrc = ssrc},
		bf_bytes(ext, sizeof(ext)), bf_bytes(payload, sizeof(payload)));
}

bool call_recv_rtcp(struct peer *peer, uint8_t type, uint8_t fmt, int wait_ms, struct bf_rtcp *out)
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
