#include "scripts/bench/scenario.h"

#include "scripts/bench/tally.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_NS	    60000000000 /* for anything to happen; clients give up earlier */
#define KEYFRAME_NS 10000000000
#define DRAIN_NS \
	700000000 /* without a packet after the last one, when all have come: for reports */
#define DRAIN_MISSING_NS 3000000000 /* ... when some are missing: for repairs */
#define DRAIN_MAX_NS	 10000000000
#define DRAIN_STEP_NS	 100000000
#define MEND_NS		 1000000000 /* media over a good network, after a bad one */
#define SYNC_NS		 1000000000
#define LOOK_NS		 1000000 /* how often all clients are looked at while they join */
#define RELAX_NS \
	100000000 /* after reading the server's figures, which takes a while when it has many threads */

bool bench_scenario_has_media(const struct bench_scenario *scenario)
{
	return scenario->options->scenario != BENCH_JOIN_STORM;
}

/* ---- the loop ---- */

static int64_t tick(struct bench_scenario *scenario, int64_t now_ns)
{
	if (now_ns < scenario->tick_ns)
		return scenario->tick_ns;
	for (unsigned i = 0; i < scenario->started; i++)
		bench_client_tick(&scenario->clients[i], now_ns / 1000);
	scenario->tick_ns = now_ns + BENCH_TICK_NS;
	return scenario->tick_ns;
}

/* Let those send who are due. Returns when the next one is. */
static int64_t send_due(struct bench_scenario *scenario)
{
	const struct bench_due *due;

	while ((due = bench_schedule_first(&scenario->senders))) {
		struct bench_client *client = &scenario->clients[due->who];
		int64_t now_ns = bench_now_ns(), next_ns;
		if (due->due_ns > now_ns)
			return due->due_ns;
		next_ns = bench_publisher_run(client->publisher, now_ns);
		if (next_ns == INT64_MAX)
			bench_schedule_drop(&scenario->senders);
		else
			bench_schedule_put_off(&scenario->senders, next_ns);
	}
	return INT64_MAX;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void turn(struct bench_scenario *scenario)
{
	int64_t next_ns = tick(scenario, bench_now_ns());

	next_ns = least(next_ns, send_due(scenario));
	next_ns = least(next_ns, bench_peer_run_held(scenario->bench, bench_now_ns()));
	bench_turn(scenario->bench, next_ns);
}

static bool run_until(struct bench_scenario *scenario,
	bool (*is_done)(struct bench_scenario *scenario), int64_t limit_ns)
{
	int64_t end_ns = bench_now_ns() + limit_ns;

	while (!is_done(scenario)) {
		if (bench_now_ns() >= end_ns)
			return false;
		turn(scenario);
	}
	return true;
}

static bool never(struct bench_scenario *scenario)
{
	(void)scenario;
	return false;
}

static void run_for(struct bench_scenario *scenario, int64_t duration_ns)
{
	(void)run_until(scenario, never, duration_ns);
}

static void take_moment(const struct bench_scenario *scenario, struct bench_moment *out)
{
	out->at_ns = bench_now_ns();
	out->own_cpu_ns = bench_own_cpu_ns() - scenario->bench->totals.lingered_ns;
	out->own_wait_ns = bench_own_wait_ns();
	out->totals = scenario->bench->totals;
	bench_server_read(&out->server, (pid_t)scenario->options->pid);
}

/* ---- joining ---- */

/* Starts joins up to client `end`, as many at once as the options say. True when all are through, one way or the other. */
static bool join_up_to(struct bench_scenario *scenario, unsigned end)
{
	const struct bench_options *options = scenario->options;
	int64_t now_ns = bench_now_ns();
	unsigned in_flight = 0;
	bool is_joining = false;

	if (now_ns < scenario->look_ns)
		return false;
	scenario->look_ns = now_ns + LOOK_NS;
	for (unsigned i = 0; i < scenario->started; i++) {
		in_flight += !bench_client_is_in(&scenario->clients[i]);
		is_joining = is_joining || scenario->clients[i].state == BENCH_CLIENT_JOINING;
	}
	while (scenario->started < end && in_flight < options->parallel) {
		unsigned number = scenario->started++;
		bench_client_start(&scenario->clients[number], scenario->bench, scenario->adapter,
			&scenario->plan.clients[number]);
		in_flight++;
		is_joining = true;
	}
	return scenario->started == end && !is_joining;
}

static bool join_first(struct bench_scenario *scenario)
{
	return join_up_to(scenario, scenario->plan.first_count);
}

static bool join_early(struct bench_scenario *scenario)
{
	return join_up_to(scenario, scenario->plan.client_count - scenario->plan.late_count);
}

static bool join_late(struct bench_scenario *scenario)
{
	return join_up_to(scenario, scenario->plan.client_count);
}

/* Those that everyone else waits for: without them there is nothing to measure. */
static int run_first(struct bench_scenario *scenario)
{
	(void)run_until(scenario, join_first, WAIT_NS);
	for (unsigned i = 0; i < scenario->plan.first_count; i++) {
		const struct bench_client *client = &scenario->clients[i];
		if (client->state != BENCH_CLIENT_LIVE) {
			fprintf(stderr, "belfry-bench: publisher %u: %s\n", i,
				client->cause[0] ? client->cause : "does not get through");
			return -ECONNREFUSED;
		}
	}
	return 0;
}

/* Without media, so that what the server spends is what joining costs. */
static void run_joins(struct bench_scenario *scenario)
{
	int64_t last_us = 0;

	take_moment(scenario, &scenario->idle);
	(void)run_until(scenario, join_early, WAIT_NS);
	take_moment(scenario, &scenario->joined);
	for (unsigned i = scenario->plan.first_count; i < scenario->started; i++)
		if (scenario->clients[i].live_us > last_us)
			last_us = scenario->clients[i].live_us;
	scenario->joins_us = last_us > 0 ? last_us - scenario->idle.at_ns / 1000 : 0;
	scenario->join_cpu_ns = scenario->joined.server.cpu_ns - scenario->idle.server.cpu_ns;
	scenario->join_own_cpu_ns = scenario->joined.own_cpu_ns - scenario->idle.own_cpu_ns;
}

/* ---- media ---- */

static bool lacks_keyframe(const struct bench_client *client)
{
	if (client->state != BENCH_CLIENT_LIVE || !client->subscriber)
		return false;
	for (unsigned i = 0; i < client->subscriber->stream_count; i++) {
		const struct bench_in *stream = client->subscriber->streams[i];
		if (stream->kind == BENCH_VIDEO && stream->keyframe_us == 0)
			return true;
	}
	return false;
}

static bool have_all_keyframes(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		if (lacks_keyframe(&scenario->clients[i]))
			return false;
	return true;
}

static void start_media(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++) {
		struct bench_client *client = &scenario->clients[i];
		int64_t now_ns = bench_now_ns();
		if (client->state != BENCH_CLIENT_LIVE || !client->publisher)
			continue;
		bench_publisher_send(client->publisher, now_ns);
		bench_schedule_add(&scenario->senders, now_ns, i);
	}
}

static void stop_media(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->clients[i].publisher)
			bench_publisher_stop(scenario->clients[i].publisher);
}

static bool is_all_there(const struct bench_scenario *scenario)
{
	struct bench_tally tally = bench_tally_take(scenario);

	return bench_tally_missing(scenario, &tally) == 0;
}

/* After the last packet: repairs, and a report. Longer while something is missing, as others may have the machine. */
static void drain(struct bench_scenario *scenario)
{
	const struct bench_totals *totals = &scenario->bench->totals;
	int64_t quiet_ns = 0, until_ns = bench_now_ns() + DRAIN_MAX_NS;

	while (quiet_ns < DRAIN_MISSING_NS && bench_now_ns() < until_ns) {
		uint64_t packets = totals->rtp_packets;
		run_for(scenario, DRAIN_STEP_NS);
		quiet_ns = totals->rtp_packets == packets ? quiet_ns + DRAIN_STEP_NS : 0;
		if (quiet_ns >= DRAIN_NS && is_all_there(scenario))
			return;
	}
}

/* Nobody joins or leaves in it. */
static void run_window(struct bench_scenario *scenario)
{
	const struct bench_options *options = scenario->options;
	struct bench *bench = scenario->bench;

	take_moment(scenario, &scenario->opened);
	run_for(scenario, RELAX_NS);
	bench->is_measuring = true;
	bench_timeline_open(&scenario->timeline);
	for (unsigned i = 1; i <= options->seconds; i++) {
		bench_sync_clocks(bench);
		run_for(scenario, SYNC_NS);
		if (options->interval > 0 && i % options->interval == 0)
			bench_timeline_cut(&scenario->timeline);
	}
	bench->is_measuring = false;
	take_moment(scenario, &scenario->closed);
}

static void run_media(struct bench_scenario *scenario)
{
	struct bench *bench = scenario->bench;

	start_media(scenario);
	run_for(scenario, (int64_t)scenario->options->warmup_ms * 500000);
	(void)run_until(scenario, join_late, WAIT_NS);
	(void)run_until(scenario, have_all_keyframes, KEYFRAME_NS);
	bench->impair.is_on = scenario->options->scenario == BENCH_IMPAIRED;
	run_for(scenario, (int64_t)scenario->options->warmup_ms * 500000);

	run_window(scenario);
	/* What is lost at the very end shows only by what comes after it. */
	if (bench->impair.is_on) {
		bench->impair.is_on = false;
		run_for(scenario, MEND_NS);
	}
	stop_media(scenario);
	drain(scenario);
}

/* ---- leaving ---- */

static bool are_all_gone(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->clients[i].state == BENCH_CLIENT_LEAVING)
			return false;
	return true;
}

/* Failed ones stay as they are, for the report. */
static void leave(struct bench_scenario *scenario, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (scenario->clients[i].state == BENCH_CLIENT_LIVE)
			bench_client_leave(&scenario->clients[i]);
	(void)run_until(scenario, are_all_gone, WAIT_NS);
}

static void run_leave(struct bench_scenario *scenario)
{
	leave(scenario, scenario->plan.first_count, scenario->started);
	leave(scenario, 0, scenario->plan.first_count);
	for (unsigned i = 0; i < scenario->started; i++)
		scenario->released += scenario->clients[i].was_released;
}

/* ---- all of it ---- */

static int prepare(struct bench_scenario *scenario)
{
	const struct bench_options *options = scenario->options;
	int err;

	scenario->adapter = bench_adapter_find(options->adapter);
	if (!scenario->adapter) {
		fprintf(stderr, "belfry-bench: no adapter is called '%s'\n", options->adapter);
		return -EINVAL;
	}
	err = bench_plan_make(&scenario->plan, options, scenario->adapter->plays_one);
	if (err)
		return err;
	scenario->clients = calloc(scenario->plan.client_count, sizeof(*scenario->clients));
	if (!scenario->clients)
		return -ENOMEM;
	err = bench_schedule_init(&scenario->senders, scenario->plan.client_count);
	if (!err)
		err = bench_new(&scenario->bench, options);
	if (!err)
		err = bench_timeline_init(&scenario->timeline, scenario->bench, (pid_t)options->pid,
			options->interval > 0 ? options->seconds / options->interval : 0);
	if (!err && scenario->adapter->prepare)
		err = scenario->adapter->prepare(
			scenario->bench, scenario->plan.room_count, scenario->plan.room_size);
	return err;
}

int bench_scenario_run(struct bench_scenario *scenario, const struct bench_options *options)
{
	int err;

	*scenario = (struct bench_scenario){.options = options};
	err = prepare(scenario);
	if (!err)
		err = run_first(scenario);
	if (err)
		return err;
	run_joins(scenario);
	if (bench_scenario_has_media(scenario))
		run_media(scenario);
	run_leave(scenario);
	return 0;
}

void bench_scenario_free(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		bench_client_free(&scenario->clients[i]);
	free(scenario->clients);
	bench_timeline_deinit(&scenario->timeline);
	bench_schedule_deinit(&scenario->senders);
	bench_plan_free(&scenario->plan);
	bench_free(scenario->bench);
}
