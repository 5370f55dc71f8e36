#include "scripts/bench/histogram.h"

#include <string.h>

/* Values below 64 have a bucket each; above, the six bits after the leading one choose among 64 buckets. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift, idx;

	if (value < BENCH_HISTOGRAM_SUB)
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - 6;
	idx = (shift + 1) * BENCH_HISTOGRAM_SUB +
	      (unsigned)(value >> shift & (BENCH_HISTOGRAM_SUB - 1));
	return idx < BENCH_HISTOGRAM_SIZE ? idx : BENCH_HISTOGRAM_SIZE - 1;
}

static uint64_t bound_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < BENCH_HISTOGRAM_SUB)
		return bucket;
	shift = bucket / BENCH_HISTOGRAM_SUB - 1;
	return ((uint64_t)(BENCH_HISTOGRAM_SUB + bucket % BENCH_HISTOGRAM_SUB + 1) << shift) - 1;
}

void bench_histogram_init(struct bench_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
	histogram->counts[bucket_of(value)]++;
	histogram->count++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t bench_histogram_at(const struct bench_histogram *histogram, unsigned permille)
{
	uint64_t rank =
		(histogram->count * permille + 999) / 1000; /* how many values it has to cover */
	uint64_t seen = 0;

	if (rank == 0)
		rank = 1;
	for (unsigned i = 0; i < BENCH_HISTOGRAM_SIZE; i++) {
		seen += histogram->counts[i];
		if (seen >= rank)
			return bound_of(i) < histogram->max ? bound_of(i) : histogram->max;
	}
	return histogram->max;
}
