/* scripts/bench/scenario.h - one run: publishers connect, subscribers join, media flows, figures are taken, all leave.
 *
 * Owner:   main.c.   Thread: one.
 */
#ifndef BF_BENCH_SCENARIO_H
#define BF_BENCH_SCENARIO_H

#include "core/base/json.h"
#include "scripts/bench/publisher.h"
#include "scripts/bench/server.h"
#include "scripts/bench/subscriber.h"

/* State of the counters at one moment. */
struct bench_moment {
	struct bench_server server;
	struct bench_totals totals;
	int64_t own_cpu_ns, own_wait_ns;
	int64_t at_ns;
};

struct bench_scenario {
	/* given */
	const struct bench_options *options;
	/* owned */
	struct bench *bench;
	struct bench_publisher *publishers;
	struct bench_subscriber *subscribers;
	/* state */
	unsigned started; /* subscribers */
	int64_t tick_ns;
	/* figures */
	struct bench_moment idle;	    /* publishers are connected and silent, nobody plays */
	struct bench_moment joined;	    /* all but the late ones are connected; still silent */
	struct bench_moment opened, closed; /* of the steady window */
	int64_t joins_us;		    /* how long the first joins took */
	int64_t join_cpu_ns;		    /* of the server */
	int64_t join_own_cpu_ns;
	unsigned deleted;
};

/* Run it all. 0, or a negative errno when nothing could be measured (said on stderr). */
int bench_scenario_run(struct bench_scenario *scenario, const struct bench_options *options);
void bench_scenario_free(struct bench_scenario *scenario);

/* The figures as JSON; NULL without memory. `holds` tells whether all facts held that do not depend on speed. */
struct bf_json *bench_scenario_report(const struct bench_scenario *scenario, bool *holds);

#endif
