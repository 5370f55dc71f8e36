#include "scripts/bench/arrivals.h"

#include <string.h>

static bool get(const uint64_t *bits, uint64_t ext_seq)
{
	uint64_t at = ext_seq % BENCH_ARRIVALS_WINDOW;

	return bits[at / 64] >> (at % 64) & 1;
}

static void set(uint64_t *bits, uint64_t ext_seq)
{
	uint64_t at = ext_seq % BENCH_ARRIVALS_WINDOW;

	bits[at / 64] |= UINT64_C(1) << (at % 64);
}

static void clear(uint64_t *bits, uint64_t ext_seq)
{
	uint64_t at = ext_seq % BENCH_ARRIVALS_WINDOW;

	bits[at / 64] &= ~(UINT64_C(1) << (at % 64));
}

void bench_arrivals_init(struct bench_arrivals *arrivals)
{
	memset(arrivals, 0, sizeof(*arrivals));
}

/* The window moves up to `ext_seq`: what it newly covers has not come yet. */
static void advance(struct bench_arrivals *arrivals, uint64_t ext_seq)
{
	uint64_t from = arrivals->highest + 1;

	if (ext_seq - arrivals->highest > BENCH_ARRIVALS_WINDOW)
		from = ext_seq - BENCH_ARRIVALS_WINDOW + 1;
	for (uint64_t i = from; i <= ext_seq; i++) {
		clear(arrivals->seen, i);
		clear(arrivals->asked, i);
	}
	arrivals->highest = ext_seq;
}

static enum bench_arrival judge(struct bench_arrivals *arrivals, uint64_t ext_seq)
{
	if (!arrivals->is_started) {
		arrivals->is_started = true;
		arrivals->base = arrivals->highest = ext_seq;
		return BENCH_ARRIVAL_NEXT;
	}
	if (ext_seq > arrivals->highest) {
		advance(arrivals, ext_seq);
		return BENCH_ARRIVAL_NEXT;
	}
	if (arrivals->highest - ext_seq >= BENCH_ARRIVALS_WINDOW)
		return BENCH_ARRIVAL_OLD;
	if (get(arrivals->seen, ext_seq))
		return BENCH_ARRIVAL_DUPLICATE;
	if (ext_seq < arrivals->base)
		arrivals->base = ext_seq; /* the first to come was not the first sent */
	return get(arrivals->asked, ext_seq) ? BENCH_ARRIVAL_REPAIRED : BENCH_ARRIVAL_LATE;
}

enum bench_arrival bench_arrivals_note(struct bench_arrivals *arrivals, uint64_t ext_seq)
{
	enum bench_arrival arrival = judge(arrivals, ext_seq);

	arrivals->counts[arrival]++;
	if (arrival != BENCH_ARRIVAL_OLD)
		set(arrivals->seen, ext_seq);
	return arrival;
}

void bench_arrivals_ask(struct bench_arrivals *arrivals, uint64_t ext_seq)
{
	if (arrivals->is_started && ext_seq <= arrivals->highest &&
		arrivals->highest - ext_seq < BENCH_ARRIVALS_WINDOW)
		set(arrivals->asked, ext_seq);
}

uint64_t bench_arrivals_received(const struct bench_arrivals *arrivals)
{
	return arrivals->counts[BENCH_ARRIVAL_NEXT] + arrivals->counts[BENCH_ARRIVAL_LATE] +
	       arrivals->counts[BENCH_ARRIVAL_REPAIRED];
}

uint64_t bench_arrivals_lost(const struct bench_arrivals *arrivals)
{
	if (!arrivals->is_started)
		return 0;
	return arrivals->highest - arrivals->base + 1 - bench_arrivals_received(arrivals);
}
