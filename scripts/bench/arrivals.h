/* scripts/bench/arrivals.h - which packets of one received stream came: once, twice, late, after being asked for, never.
 *
 * Owner:   one stream of a subscriber, which embeds it.   Thread: one.   Never allocates.
 * Limits:  tells packets apart that are up to BENCH_ARRIVALS_WINDOW behind the newest.
 */
#ifndef BF_BENCH_ARRIVALS_H
#define BF_BENCH_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_ARRIVALS_WINDOW 4096 /* 26 s of 1.5 Mbit/s */

enum bench_arrival {
	BENCH_ARRIVAL_NEXT,	 /* newer than all before */
	BENCH_ARRIVAL_LATE,	 /* after a newer one, by itself */
	BENCH_ARRIVAL_REPAIRED,	 /* after it was asked for */
	BENCH_ARRIVAL_DUPLICATE, /* again */
	BENCH_ARRIVAL_OLD,	 /* behind the window: not counted as received */
	BENCH_ARRIVAL_COUNT,
};

struct bench_arrivals {
	uint64_t seen[BENCH_ARRIVALS_WINDOW / 64];
	uint64_t asked[BENCH_ARRIVALS_WINDOW / 64];
	uint64_t base, highest; /* extended sequence numbers */
	uint64_t counts[BENCH_ARRIVAL_COUNT];
	bool is_started;
};

void bench_arrivals_init(struct bench_arrivals *arrivals);

/* A packet came; its sequence number is unwrapped to 64 bits. */
enum bench_arrival bench_arrivals_note(struct bench_arrivals *arrivals, uint64_t ext_seq);

/* It is about to be asked for. */
void bench_arrivals_ask(struct bench_arrivals *arrivals, uint64_t ext_seq);

/* Different packets that came, and those between the first and the newest that did not. */
uint64_t bench_arrivals_received(const struct bench_arrivals *arrivals);
uint64_t bench_arrivals_lost(const struct bench_arrivals *arrivals);

#endif
