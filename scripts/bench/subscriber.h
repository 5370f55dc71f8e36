/* scripts/bench/subscriber.h - plays what one connection brings: counts every packet, checks a sample of them, reports, asks again.
 *
 * Owner:   a client.   Thread: one.
 * Limits:  BENCH_SECTIONS streams.
 */
#ifndef BF_BENCH_SUBSCRIBER_H
#define BF_BENCH_SUBSCRIBER_H

#include "media/cc/twcc.h"
#include "media/rtp/nack.h"
#include "media/rtp/rtp.h"
#include "media/rtp/rtp_stats.h"
#include "scripts/bench/arrivals.h"
#include "scripts/bench/peer.h"

/* One section of the connection. */
struct bench_in {
	enum bench_kind kind;
	uint8_t pt, rtx_pt;
	uint32_t ssrc, rtx_ssrc; /* 0: not known yet */
	struct bf_ext_map exts;
	struct bf_seq seq;
	struct bench_arrivals arrivals;
	struct bf_rtp_stats stats;
	struct bf_nack nack; /* of video */
	unsigned until_sample;
	int64_t first_media_us;
	int64_t keyframe_us; /* when the first packet of its first keyframe came; 0: not yet */
	int64_t keyframe_due_us;
	/* From the first packet that could be checked on. */
	bool is_known;
	uint64_t first_index; /* of the publisher's packets */
	uint16_t publisher;
};

/* Which stream an SSRC belongs to. */
struct bench_route {
	uint32_t ssrc;
	uint16_t stream_idx;
	bool is_rtx;
};

struct bench_subscriber {
	int64_t wake_us; /* when bench_subscriber_tick next has work */
	struct bench_peer peer;
	unsigned number;
	bool checks_all; /* not just a sample */
	struct bench_in *streams[BENCH_SECTIONS];
	unsigned stream_count;
	struct bench_route routes[2 * BENCH_SECTIONS];
	unsigned route_count;
	unsigned route_hint;  /* trains are of one stream */
	struct bf_twcc *twcc; /* NULL until the server numbers packets */
	uint32_t ssrc;	      /* of its own reports */
	int64_t report_due_us;
};

/* Open its peer. 0 or a negative errno. */
int bench_subscriber_open(
	struct bench_subscriber *subscriber, struct bench *bench, unsigned number, bool checks_all);
void bench_subscriber_free(struct bench_subscriber *subscriber);

/* The server waits for offers: one to receive audio and video. Then its answer. On error the peer has failed. */
void bench_subscriber_write_offer(
	const struct bench_subscriber *subscriber, bool has_audio, char out[static BENCH_SDP_MAX]);
void bench_subscriber_take_answer(struct bench_subscriber *subscriber, const char *answer);

/* The server offers, the first time and again when there are more streams. 0 with an answer, or -EINVAL: the peer has failed. */
int bench_subscriber_take_offer(
	struct bench_subscriber *subscriber, const char *offer, char answer[static BENCH_SDP_MAX]);

/* Timers: connection, reports, NACK, PLI. Call when wake_us has come. */
void bench_subscriber_tick(struct bench_subscriber *subscriber, int64_t now_us);

#endif
