/* scripts/bench/loop.h - what all peers of a run share: epoll, clock, receive buffers, counters.
 *
 * Owner:   scenario.c.   Thread: one.
 */
#ifndef BF_BENCH_LOOP_H
#define BF_BENCH_LOOP_H

#include "core/base/addr.h"
#include "media/dtls/dtls.h"
#include "media/sdp/sdp.h"
#include "scripts/bench/histogram.h"
#include "scripts/bench/impair.h"
#include "scripts/bench/options.h"
#include "scripts/bench/probe.h"

#define BENCH_TICK_NS	 5000000 /* how often peers' timers are looked at */
#define BENCH_RX_BATCH	 8
#define BENCH_RX_BYTES	 65536 /* a whole train */
#define BENCH_RX_CONTROL 128

/* One file descriptor that epoll watches. */
struct bench_source {
	void (*on_ready)(void *arg, uint32_t events);
	void *arg;
	int fd;
};

/* Everything that happened so far; the difference of two copies is what happened in between. */
struct bench_totals {
	/* publishers */
	uint64_t sent_packets, sent_bytes, sent_keyframes, resent_packets, send_errors;
	uint64_t nacks_in, plis_in;
	/* subscribers */
	uint64_t rtp_packets, rtp_bytes, rtx_packets, rtcp_packets;
	uint64_t nacks_out, plis_out, reports_out;
	uint64_t samples, sample_failures;
	uint64_t unknown_packets; /* neither of these, or too early */
	uint64_t socket_drops;	  /* datagrams that found our receive buffers full */
	int64_t lingered_ns;	  /* CPU time spent looking for what had not come yet */
	uint64_t reads,
		trains; /* system calls, and what they brought: one or more datagrams each */
};

/* Buffers for one recvmmsg; used within one call only. */
struct bench_rx {
	uint8_t data[BENCH_RX_BATCH][BENCH_RX_BYTES];
	uint8_t control[BENCH_RX_BATCH][BENCH_RX_CONTROL];
};

struct bench {
	/* given */
	const struct bench_options *options;
	/* owned */
	int epoll_fd;
	struct bf_dtls_ctx *dtls;
	struct bf_srtp_engine *srtp;
	struct bf_sdp *sdp; /* scratch for reading descriptions */
	char *text;	    /* scratch for writing them, BENCH_SDP_MAX bytes */
	struct bench_rx *rx;
	struct bench_impair impair; /* has a ring only if the network is to be bad */
	/* state */
	struct bf_addr http;  /* the server's address */
	char host[128];	      /* as its URL writes it */
	struct bf_addr local; /* of this machine, as the server sees it; port 0 */
	struct bench_probe_table table;
	int64_t real_offset_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	bool is_measuring;	/* the steady window is open: latencies count */
	struct bench_totals totals;
	struct bench_histogram latency_ns, recent_ns; /* of the window; of its present part */
	struct bench_histogram
		lag_ns; /* how late the publishers' packets left, against their schedule */
};

int bench_new(struct bench **out, const struct bench_options *options);
void bench_free(struct bench *bench);

int64_t bench_now_ns(void); /* CLOCK_MONOTONIC */

/* Read anew how the two clocks differ: NTP moves one of them. */
void bench_sync_clocks(struct bench *bench);

/* `pattern` with its first {n} replaced by the number. */
void bench_path(char *out, size_t size, const char *pattern, unsigned number);

/* Watch `source` for `events`, or change what is watched for. Closing the descriptor ends it. */
void bench_watch(struct bench *bench, struct bench_source *source, uint32_t events);
void bench_rewatch(struct bench *bench, struct bench_source *source, uint32_t events);

/* Wait until something is ready or `until_ns`, and handle it. */
void bench_turn(struct bench *bench, int64_t until_ns);

#endif
