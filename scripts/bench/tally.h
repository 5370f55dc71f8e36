/* scripts/bench/tally.h - what all clients of a run received, added up.
 *
 * Owner:   values.   Thread: one.
 */
#ifndef BF_BENCH_TALLY_H
#define BF_BENCH_TALLY_H

#include "scripts/bench/scenario.h"

/* From each stream's first packet to its publisher's last. */
struct bench_tally {
	uint64_t received, lost,
		undelivered; /* different packets; gaps that stayed; sent, but never came */
	uint64_t kind_lost[BENCH_KIND_COUNT], kind_undelivered[BENCH_KIND_COUNT];
	uint64_t counts[BENCH_ARRIVAL_COUNT];
	unsigned silent_streams;   /* expected by live clients, brought nothing */
	unsigned doubled_streams;  /* brought the same as another one of the same client */
	unsigned without_keyframe; /* streams of video */
	unsigned failed_clients;
	const char *cause; /* of one of the failures */
};

struct bench_tally bench_tally_take(const struct bench_scenario *scenario);

/* How many packets never came that should have. Over a bad network that is only video: nobody asks again for audio. */
uint64_t bench_tally_missing(
	const struct bench_scenario *scenario, const struct bench_tally *tally);

#endif
