/* scripts/bench/histogram.h - counts of values in buckets of equal relative width, for percentiles of millions of values.
 *
 * Owner:   whoever embeds it.   Thread: one.   Never allocates.
 * Limits:  a percentile is off by 1/64 at most; values from 2^40 on (18 minutes in nanoseconds) count as that.
 */
#ifndef BF_BENCH_HISTOGRAM_H
#define BF_BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_SUB  64 /* buckets for each power of two */
#define BENCH_HISTOGRAM_SIZE (BENCH_HISTOGRAM_SUB * 36)

struct bench_histogram {
	uint64_t counts[BENCH_HISTOGRAM_SIZE];
	uint64_t count;
	uint64_t max;
};

void bench_histogram_init(struct bench_histogram *histogram);
void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);

/* The least upper bound of a bucket that `permille` of 1000 values do not exceed (500: the median), at most the greatest
 * value seen; 0 when there are none. */
uint64_t bench_histogram_at(const struct bench_histogram *histogram, unsigned permille);

#endif
