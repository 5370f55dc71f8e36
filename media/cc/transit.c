#include "media/cc/transit.h"

#include <assert.h>
#include <string.h>

/* Octaves from 8 us to a second, and more of them around the budgets one sets: 3, 5, 6 and 12 ms. Each is a bucket's end. */
const uint64_t bf_transit_bounds[BF_TRANSIT_BOUNDS] = {8, 16, 32, 64, 128, 256, 512, 1024, 2048,
	3072, 4096, 5120, 6144, 8192, 12288, 16384, 32768, 65536, 131072, 262144, 524288, 1048576};

_Static_assert(BF_TRANSIT_BOUNDS <= BF_HISTOGRAM_BUCKETS, "one exported bucket for each bound");

/* The longest time that belongs to the bucket; of the last one, which has no end, a time beyond BF_TRANSIT_MAX_US. */
static int64_t bucket_end_us(unsigned bucket)
{
	if (bucket < 8)
		return bucket + 1;
	return (int64_t)(9 + bucket % 8) << (bucket / 8 - 1);
}

static const struct bf_transit_window *window_at(const struct bf_transit *transit, unsigned age)
{
	return &transit->windows[(transit->open_idx + BF_TRANSIT_WINDOWS - age) %
				 BF_TRANSIT_WINDOWS];
}

void bf_transit_init(struct bf_transit *transit, int64_t now_us)
{
	memset(transit, 0, sizeof(*transit));
	transit->window_end_us = now_us + BF_TRANSIT_WINDOW_US;
}

bool bf_transit_roll(struct bf_transit *transit, int64_t now_us)
{
	bool is_back = now_us < transit->window_end_us - BF_TRANSIT_WINDOW_US;

	if (now_us < transit->window_end_us && !is_back)
		return false;
	if (is_back || now_us >= transit->window_end_us + BF_TRANSIT_WINDOWS * BF_TRANSIT_WINDOW_US)
		for (unsigned i = 1; i < BF_TRANSIT_WINDOWS; i++)
			memset(&transit->windows[(transit->open_idx + i) % BF_TRANSIT_WINDOWS], 0,
				sizeof(transit->windows[0]));
	transit->open_idx = (transit->open_idx + 1) % BF_TRANSIT_WINDOWS;
	memset(&transit->windows[transit->open_idx], 0, sizeof(transit->windows[0]));
	transit->window_end_us = now_us + BF_TRANSIT_WINDOW_US;
	return true;
}

int64_t bf_transit_deadline_us(const struct bf_transit *transit)
{
	return transit->window_end_us;
}

/* Ages of the windows in the span: first to last. */
static void span_ages(enum bf_transit_span span, unsigned *first, unsigned *last)
{
	*first = span == BF_TRANSIT_LAST_WINDOW ? 1 : 0;
	*last = span == BF_TRANSIT_LAST_WINDOW ? 1 : BF_TRANSIT_WINDOWS - 1;
}

uint64_t bf_transit_packet_count(const struct bf_transit *transit, enum bf_transit_span span)
{
	unsigned first, last;
	uint64_t count = 0;

	span_ages(span, &first, &last);
	for (unsigned age = first; age <= last; age++)
		count += window_at(transit, age)->packet_count;
	return count;
}

int64_t bf_transit_percentile_us(
	const struct bf_transit *transit, enum bf_transit_span span, unsigned permille)
{
	uint64_t total = bf_transit_packet_count(transit, span);
	uint64_t rank = (total * permille + 999) / 1000, below = 0;
	unsigned first, last, bucket = 0;
	int64_t max_us = 0;

	assert(permille > 0 && permille <= 1000);
	if (total == 0)
		return 0;
	span_ages(span, &first, &last);
	for (unsigned age = first; age <= last; age++)
		if (window_at(transit, age)->max_us > max_us)
			max_us = window_at(transit, age)->max_us;
	for (; bucket < BF_TRANSIT_BUCKETS - 1; bucket++) {
		for (unsigned age = first; age <= last; age++)
			below += window_at(transit, age)->counts[bucket];
		if (below >= rank)
			break;
	}
	if (bucket == BF_TRANSIT_BUCKETS - 1 || bucket_end_us(bucket) > max_us)
		return max_us; /* nothing took longer */
	return bucket_end_us(bucket);
}

void bf_transit_export(const struct bf_transit *transit, struct bf_histogram *histogram)
{
	const struct bf_transit_window *window = window_at(transit, 1);
	uint64_t counts[BF_TRANSIT_BOUNDS + 1] = {0};
	size_t bound = 0;

	for (unsigned bucket = 0; bucket < BF_TRANSIT_BUCKETS; bucket++) {
		while (bound < BF_TRANSIT_BOUNDS &&
			(uint64_t)bucket_end_us(bucket) > bf_transit_bounds[bound])
			bound++;
		counts[bound] += window->counts[bucket];
	}
	bf_histogram_add(histogram, counts, BF_TRANSIT_BOUNDS + 1, window->sum_us);
}
