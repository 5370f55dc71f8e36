/* scripts/bench/publisher.h - sends one VP8-like and one Opus-like stream on a schedule, and answers NACK and PLI.
 *
 * Video: frames at equal distances, packets of equal size, as many as the bit rate fills (the rest is carried over), with VP8
 * payload descriptors (15-bit picture id, TL0PICIDX, key index) and keyframe headers. A keyframe at the start and on request.
 * Owner:   a client.   Thread: one.
 * Limits:  BENCH_HISTORY packets can be sent again.
 * Source:  RFC 7741 (VP8), RFC 7587 (Opus), RFC 4588 (RTX), RFC 6464 (audio level).
 */
#ifndef BF_BENCH_PUBLISHER_H
#define BF_BENCH_PUBLISHER_H

#include "media/rtp/rtp.h"
#include "scripts/bench/peer.h"

#include "core/base/rand.h"

#define BENCH_HISTORY	     1024 /* 6 s of 1.5 Mbit/s */
#define BENCH_PACKET_MAX     1400
#define BENCH_KEYFRAME_SCALE 5 /* a keyframe is so many times a usual frame */

struct bench_sent {
	uint16_t seq;
	bool marker;
	uint32_t timestamp;
	size_t len;
	uint8_t payload[BENCH_PACKET_MAX];
};

struct bench_out {
	uint32_t ssrc;
	uint16_t seq;
	uint32_t timestamp;
	uint64_t next_index; /* of its probes: how many were sent */
	uint32_t byte_count;
	int64_t due_ns;
};

/* What one sends. */
struct bench_publisher_spec {
	uint16_t number; /* in its probes */
	bool has_audio, has_video;
	bool is_silent; /* nobody speaks: audio in DTX */
};

struct bench_publisher {
	struct bench_peer peer;
	struct bench_publisher_spec spec;
	struct bf_prng prng;
	struct bench_out streams[BENCH_KIND_COUNT];
	struct bf_ext_map exts[BENCH_KIND_COUNT];
	struct bench_sent *history; /* of video */
	uint16_t rtx_seq, twcc_seq, picture_id;
	uint8_t tl0picidx;
	uint32_t rtx_ssrc;
	uint64_t credit_bytes; /* of video, that the bit rate allows and no packet has used yet */
	bool is_sending;
	bool wants_keyframe;
	int64_t keyframe_at_ns;
	int64_t report_due_ns;
};

/* Open its peer. 0 or a negative errno. */
int bench_publisher_open(struct bench_publisher *publisher, struct bench *bench,
	const struct bench_publisher_spec *spec);
void bench_publisher_free(struct bench_publisher *publisher);

/* Audio is mid "0", video the next one. */
void bench_publisher_write_offer(
	const struct bench_publisher *publisher, char out[static BENCH_SDP_MAX]);

/* Take the answer, and connect. On error the peer has failed. */
void bench_publisher_take_answer(struct bench_publisher *publisher, const char *answer);

/* Begin with a keyframe; stop. */
void bench_publisher_send(struct bench_publisher *publisher, int64_t now_ns);
void bench_publisher_stop(struct bench_publisher *publisher);

/* Send what is due. Returns when it wants to be called again; INT64_MAX: when it has been told to send. */
int64_t bench_publisher_run(struct bench_publisher *publisher, int64_t now_ns);

#endif
