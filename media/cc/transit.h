/* media/cc/transit.h - how long packets are in this worker: from their arrival to the kernel's taking what is sent of them.
 *
 * Arrival is best the kernel's time of reception (SO_TIMESTAMPNS): the beginning of the turn does not see what waited in the
 * socket, only that turns became long.
 * A histogram with eight buckets to an octave, so a percentile is at most an eighth too high and never too low. One add is a
 * few instructions on memory of this worker only; a train is one add with a weight. Each BF_TRANSIT_WINDOW_US a window ends:
 * then the controller reads it (media/cc/overload.h) and it is added to the exported histogram.
 * Owner:   a worker, which embeds it.   Thread: its own.
 * Limits:  BF_TRANSIT_WINDOWS windows; what took longer than BF_TRANSIT_MAX_US is in one bucket. Never allocates.
 */
#ifndef BF_MEDIA_CC_TRANSIT_H
#define BF_MEDIA_CC_TRANSIT_H

#include "core/base/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define BF_TRANSIT_WINDOWS   4 /* together about a second: the open one and three that have ended */
#define BF_TRANSIT_WINDOW_US 250000
#define BF_TRANSIT_MAX_US    1048576
#define BF_TRANSIT_BUCKETS   145 /* 8 of one microsecond, 17 octaves of 8, and what is longer */

struct bf_transit_window {
	uint64_t packet_count, sum_us;
	uint32_t max_us;
	uint32_t counts[BF_TRANSIT_BUCKETS];
};

struct bf_transit {
	int64_t window_end_us;
	unsigned open_idx;
	struct bf_transit_window windows[BF_TRANSIT_WINDOWS];
};

enum bf_transit_span {
	BF_TRANSIT_LAST_WINDOW, /* the one that ended last */
	BF_TRANSIT_SECOND,	/* all there are: the last 0.75 to 1 s */
};

void bf_transit_init(struct bf_transit *transit, int64_t now_us);

/* The bucket of a time: bucket 0 is up to 1 us, the last one more than BF_TRANSIT_MAX_US. */
static inline unsigned bf_transit_bucket(uint32_t us)
{
	uint32_t x = us > 0 ? us - 1
			    : 0; /* so that a bucket's upper end belongs to it, as in Prometheus */
	unsigned log2;

	if (x < 8)
		return x;
	if (x >= BF_TRANSIT_MAX_US)
		return BF_TRANSIT_BUCKETS - 1;
	log2 = 31u - (unsigned)__builtin_clz(x);
	return (log2 - 2) * 8 + (x >> (log2 - 3) & 7);
}

/* `packet_count` packets took `us` each. A negative time (clocks read in another order) counts as 0. */
static inline void bf_transit_add(struct bf_transit *transit, int64_t us, uint32_t packet_count)
{
	struct bf_transit_window *window = &transit->windows[transit->open_idx];
	uint32_t short_us = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;

	window->counts[bf_transit_bucket(short_us)] += packet_count;
	window->packet_count += packet_count;
	window->sum_us += (uint64_t)short_us * packet_count;
	if (short_us > window->max_us)
		window->max_us = short_us;
}

/* True if a window has just ended. It is as long as the turn let it be; after a pause of more than a second the older ones
 * are forgotten. */
bool bf_transit_roll(struct bf_transit *transit, int64_t now_us);

/* When bf_transit_roll next ends a window. */
int64_t bf_transit_deadline_us(const struct bf_transit *transit);

/* The time within which `permille` of 1000 packets got through: 990 for p99. 0 if there were none. */
int64_t bf_transit_percentile_us(
	const struct bf_transit *transit, enum bf_transit_span span, unsigned permille);

uint64_t bf_transit_packet_count(const struct bf_transit *transit, enum bf_transit_span span);

/* The exported histogram: register it with these bounds and scale 1e6, and export once after each roll. */
#define BF_TRANSIT_BOUNDS 22
extern const uint64_t bf_transit_bounds[BF_TRANSIT_BOUNDS];
void bf_transit_export(const struct bf_transit *transit, struct bf_histogram *histogram);

#endif
