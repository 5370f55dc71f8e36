/* scripts/bench/subscriber.h - plays one publisher: counts every packet, checks a sample of them, reports and asks again.
 *
 * Owner:   scenario.c.   Thread: one.
 */
#ifndef BF_BENCH_SUBSCRIBER_H
#define BF_BENCH_SUBSCRIBER_H

#include "media/cc/twcc.h"
#include "media/rtp/nack.h"
#include "media/rtp/rtp.h"
#include "media/rtp/rtp_stats.h"
#include "scripts/bench/arrivals.h"
#include "scripts/bench/peer.h"

struct bench_in {
	enum bench_kind kind;
	uint32_t ssrc; /* 0: none seen yet */
	struct bf_seq seq;
	struct bench_arrivals arrivals;
	struct bf_rtp_stats stats;
	struct bf_nack nack; /* of video */
	uint64_t packet_count;
	/* From the first packet that could be checked on. */
	bool is_known;
	uint64_t first_index; /* of the publisher's packets */
	uint16_t publisher;
};

struct bench_subscriber {
	struct bench_peer peer;
	unsigned number;
	unsigned publisher; /* that it plays */
	bool is_late;
	bool checks_all; /* not just a sample */
	struct bench_in streams[BENCH_KIND_COUNT];
	struct bf_twcc *twcc; /* NULL until the server numbers packets */
	uint32_t ssrc;	      /* of its own reports */
	/* state */
	int64_t first_media_us;
	int64_t keyframe_us; /* when the first packet of its first keyframe came; 0: not yet */
	int64_t report_due_us, keyframe_due_us;
};

void bench_subscriber_start(
	struct bench_subscriber *subscriber, struct bench *bench, unsigned number, bool is_late);
void bench_subscriber_free(struct bench_subscriber *subscriber);

/* Timers: reports, NACK, PLI. Call every BENCH_TICK_NS, also for peers that are not live. */
void bench_subscriber_tick(struct bench_subscriber *subscriber, int64_t now_us);

#endif
