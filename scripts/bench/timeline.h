/* scripts/bench/timeline.h - figures of equal parts of the steady window, one after the other: for drift over minutes and hours.
 *
 * Owner:   scenario.c.   Thread: one.   Allocates in _init only.
 */
#ifndef BF_BENCH_TIMELINE_H
#define BF_BENCH_TIMELINE_H

#include "core/base/json.h"
#include "scripts/bench/loop.h"
#include "scripts/bench/server.h"

struct bench_part {
	int64_t at_ns, duration_ns; /* since the window opened */
	int64_t cpu_ns, rss_bytes;  /* of the server: spent in it; at its end */
	uint64_t delivered_packets;
	int64_t own_cpu_ns;
	uint64_t latency_count;
	uint64_t p50_ns, p99_ns, max_ns;
};

struct bench_timeline {
	/* given */
	struct bench *bench;
	pid_t pid;
	/* owned */
	struct bench_part *parts;
	unsigned count, size;
	/* state: when the present part began */
	int64_t opened_ns;
	struct bench_server server;
	uint64_t rtp_packets;
	int64_t own_cpu_ns;
};

/* Room for `size` parts; with 0 the other functions do nothing. 0 or -ENOMEM. */
int bench_timeline_init(
	struct bench_timeline *timeline, struct bench *bench, pid_t pid, unsigned size);
void bench_timeline_deinit(struct bench_timeline *timeline);

/* The window opens; a part ends, and the next one begins. */
void bench_timeline_open(struct bench_timeline *timeline);
void bench_timeline_cut(struct bench_timeline *timeline);

/* An array with an object for each part. */
struct bf_json *bench_timeline_json(const struct bench_timeline *timeline);

#endif
