/* scripts/bench/plan.h - which clients a scenario has, and what each of them does. Computation only.
 *
 * Owner:   scenario.c.   Thread: any.
 * Limits:  BENCH_PEERS_MAX clients.
 */
#ifndef BF_BENCH_PLAN_H
#define BF_BENCH_PLAN_H

#include "scripts/bench/client.h"

struct bench_plan {
	struct bench_client_spec *clients; /* in the order they join */
	unsigned client_count;
	unsigned first_count;	 /* ... of which so many are there before joins are measured */
	unsigned late_count;	 /* ... and the last so many join while media flows */
	unsigned room_count;	 /* 0 .. room_count-1 */
	unsigned room_size;	 /* clients of the largest one */
	unsigned stream_count;	 /* that are received, of all clients */
	unsigned receiver_count; /* clients that receive */
};

/* `plays_one`: of the adapter. -EINVAL: the options contradict each other (said on stderr), -ENOMEM. */
int bench_plan_make(struct bench_plan *out, const struct bench_options *options, bool plays_one);
void bench_plan_free(struct bench_plan *plan);

#endif
