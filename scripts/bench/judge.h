/* scripts/bench/judge.h - whether a run went as it should, and whether its figures say something of the server. As texts.
 *
 * Owner:   the caller gets each array.   Thread: one.
 */
#ifndef BF_BENCH_JUDGE_H
#define BF_BENCH_JUDGE_H

#include "scripts/bench/tally.h"

/* What does not hold of the facts that have nothing to do with speed. */
struct bf_json *bench_judge_facts(
	const struct bench_scenario *scenario, const struct bench_tally *tally);

/* Why the generator was the limit. The server's CPU time per packet then still holds, but rates and latencies say more of the
 * generator. */
struct bf_json *bench_judge_generator(const struct bench_scenario *scenario);

/* Who else used the two cores. Other guests of the same host do not show. */
struct bf_json *bench_judge_peace(const struct bench_scenario *scenario);

#endif
