/* scripts/bench/scenario.h - one run: clients join, media flows, figures are taken, all leave.
 *
 * Owner:   main.c.   Thread: one.
 */
#ifndef BF_BENCH_SCENARIO_H
#define BF_BENCH_SCENARIO_H

#include "core/base/json.h"
#include "scripts/bench/adapter.h"
#include "scripts/bench/plan.h"
#include "scripts/bench/schedule.h"
#include "scripts/bench/server.h"
#include "scripts/bench/timeline.h"

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
	const struct bench_adapter *adapter;
	/* owned */
	struct bench *bench;
	struct bench_plan plan;
	struct bench_client *clients;
	struct bench_schedule senders; /* clients by when they send next */
	/* state */
	unsigned started; /* clients */
	int64_t tick_ns, look_ns;
	/* figures */
	struct bench_moment idle;	    /* before the joins that are measured */
	struct bench_moment joined;	    /* after them; nothing flows yet */
	struct bench_moment opened, closed; /* of the steady window */
	int64_t joins_us;		    /* how long they took */
	int64_t join_cpu_ns;		    /* of the server */
	int64_t join_own_cpu_ns;
	struct bench_timeline timeline;
	unsigned released; /* clients whose leaving was confirmed */
};

/* Run it all. 0, or a negative errno when nothing could be measured (said on stderr). */
int bench_scenario_run(struct bench_scenario *scenario, const struct bench_options *options);
void bench_scenario_free(struct bench_scenario *scenario);

/* Whether it has media, and so a steady window. */
bool bench_scenario_has_media(const struct bench_scenario *scenario);

/* The figures as JSON; NULL without memory. `holds` tells whether all facts held that do not depend on speed. */
struct bf_json *bench_scenario_report(const struct bench_scenario *scenario, bool *holds);

#endif
