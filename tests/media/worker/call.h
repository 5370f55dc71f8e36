/* tests/media/worker/call.h - Alice publishes, Bob receives; video frames one can tell apart. */
#ifndef BF_TESTS_MEDIA_WORKER_CALL_H
#define BF_TESTS_MEDIA_WORKER_CALL_H

#include "media/rtp/rtcp.h"
#include "tests/media/worker/stage.h"

#define ALICE 0xa11ce
#define BOB   0xb0b
#define CAROL 0xca401

struct video {
	struct peer *peer;
	uint32_t ssrc;
	uint16_t seq;
	uint32_t timestamp;
	uint16_t picture_id;
	const char *rid;	/* NULL: mid alone tells */
	const char *mid;	/* NULL: "1" */
	uint16_t width, height; /* of keyframes; 0: 640 x 360 */
};

struct call {
	struct stage stage;
	struct peer alice, bob;
	struct stage_tracks tracks;
	struct stage_received received;
	struct video video;
};

void call_open(struct call *call, enum bf_io io, bool is_simulcast);
void call_close(struct call *call);

/* A VP8 packet of less than 64 bytes: a whole frame with a 15-bit picture id, then a counter to know it by. */
size_t call_vp8(uint8_t *out, const struct video *video, bool is_keyframe, uint32_t counter);
void call_send_frame(struct video *video, bool is_keyframe, uint32_t counter);

/* The next packet of that SSRC, with its parsed header and the counter at its end. */
bool call_recv_frame(
	struct peer *peer, uint32_t ssrc, int wait_ms, struct bf_rtp *rtp, uint32_t *counter);

/* Send a frame, and expect it as the next one in the receiver's numbers. */
void call_expect_frame(struct call *call, bool is_keyframe, uint32_t counter, uint16_t *last_seq);

/* An Opus packet with an audio level. */
void call_send_audio(struct peer *peer, uint32_t ssrc, uint16_t seq, uint8_t level);

/* The next RTCP packet of that kind. */
bool call_recv_rtcp(struct peer *peer, uint8_t type, uint8_t fmt, int wait_ms, struct bf_rtcp *out);

#define ON(io, test)                                    \
	{                                               \
#test " on " #io, test, NULL, NULL, &io \
	}

#endif
