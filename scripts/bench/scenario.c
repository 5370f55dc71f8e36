#include "scripts/bench/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_NS	    60000000000 /* for anything to happen; peers give up earlier */
#define KEYFRAME_NS 10000000000
#define DRAIN_NS    700000000 /* after the last packet: repairs, and a report */
#define SYNC_NS	    1000000000

/* ---- the loop ---- */

static int64_t tick(struct bench_scenario *scenario, int64_t now_ns)
{
	if (now_ns < scenario->tick_ns)
		return scenario->tick_ns;
	for (unsigned i = 0; i < scenario->options->publishers; i++)
		bench_peer_tick(&scenario->publishers[i].peer, now_ns / 1000);
	for (unsigned i = 0; i < scenario->started; i++)
		bench_subscriber_tick(&scenario->subscribers[i], now_ns / 1000);
	scenario->tick_ns = now_ns + BENCH_TICK_NS;
	return scenario->tick_ns;
}

static void turn(struct bench_scenario *scenario)
{
	int64_t now_ns = bench_now_ns();
	int64_t next_ns = tick(scenario, now_ns);

	for (unsigned i = 0; i < scenario->options->publishers; i++) {
		int64_t due_ns = bench_publisher_run(&scenario->publishers[i], bench_now_ns());
		if (due_ns < next_ns)
			next_ns = due_ns;
	}
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
	out->own_cpu_ns = bench_own_cpu_ns();
	out->own_wait_ns = bench_own_wait_ns();
	out->totals = scenario->bench->totals;
	bench_server_read(&out->server, scenario->options->pid);
}

/* ---- phases ---- */

static bool is_settled(const struct bench_peer *peer)
{
	return peer->state == BENCH_PEER_LIVE || peer->state == BENCH_PEER_FAILED;
}

static bool are_publishers_settled(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->options->publishers; i++)
		if (!is_settled(&scenario->publishers[i].peer))
			return false;
	return true;
}

static int start_publishers(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->options->publishers; i++) {
		int err = bench_publisher_start(
			&scenario->publishers[i], scenario->bench, (uint16_t)i);
		if (err)
			return err;
	}
	(void)run_until(scenario, are_publishers_settled, WAIT_NS);
	for (unsigned i = 0; i < scenario->options->publishers; i++) {
		const struct bench_peer *peer = &scenario->publishers[i].peer;
		if (peer->state != BENCH_PEER_LIVE) {
			fprintf(stderr, "belfry-bench: publisher %u: %s\n", i, peer->cause);
			return -ECONNREFUSED;
		}
	}
	return 0;
}

static unsigned early_count(const struct bench_scenario *scenario)
{
	return scenario->options->subscribers - scenario->options->late;
}

/* Starts joins up to subscriber `end`, as many at once as the options say. */
static bool join_up_to(struct bench_scenario *scenario, unsigned end)
{
	unsigned in_flight = 0;

	for (unsigned i = 0; i < scenario->started; i++)
		in_flight += !is_settled(&scenario->subscribers[i].peer);
	while (scenario->started < end && in_flight < scenario->options->parallel) {
		unsigned number = scenario->started++;
		bench_subscriber_start(&scenario->subscribers[number], scenario->bench, number,
			number >= early_count(scenario));
		in_flight++;
	}
	return scenario->started == end && in_flight == 0;
}

static bool join_early(struct bench_scenario *scenario)
{
	return join_up_to(scenario, early_count(scenario));
}

static bool join_late(struct bench_scenario *scenario)
{
	return join_up_to(scenario, scenario->options->subscribers);
}

/* Without media, so that what the server spends is what joining costs. */
static void run_joins(struct bench_scenario *scenario)
{
	int64_t last_us = 0;

	take_moment(scenario, &scenario->idle);
	(void)run_until(scenario, join_early, WAIT_NS);
	take_moment(scenario, &scenario->joined);
	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->subscribers[i].peer.live_us > last_us)
			last_us = scenario->subscribers[i].peer.live_us;
	scenario->joins_us = last_us > 0 ? last_us - scenario->idle.at_ns / 1000 : 0;
	scenario->join_cpu_ns = scenario->joined.server.cpu_ns - scenario->idle.server.cpu_ns;
	scenario->join_own_cpu_ns = scenario->joined.own_cpu_ns - scenario->idle.own_cpu_ns;
}

static bool have_all_keyframes(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->subscribers[i].peer.state == BENCH_PEER_LIVE &&
			scenario->subscribers[i].keyframe_us == 0)
			return false;
	return true;
}

static void run_media(struct bench_scenario *scenario)
{
	struct bench *bench = scenario->bench;

	for (unsigned i = 0; i < scenario->options->publishers; i++)
		bench_publisher_send(&scenario->publishers[i], bench_now_ns());
	run_for(scenario, (int64_t)scenario->options->warmup_ms * 500000);
	(void)run_until(scenario, join_late, WAIT_NS);
	(void)run_until(scenario, have_all_keyframes, KEYFRAME_NS);
	run_for(scenario, (int64_t)scenario->options->warmup_ms * 500000);

	take_moment(scenario, &scenario->opened);
	bench->is_measuring = true;
	for (unsigned i = 0; i < scenario->options->seconds; i++) {
		bench_sync_clocks(bench);
		run_for(scenario, SYNC_NS);
	}
	bench->is_measuring = false;
	take_moment(scenario, &scenario->closed);

	for (unsigned i = 0; i < scenario->options->publishers; i++)
		bench_publisher_stop(&scenario->publishers[i]);
	run_for(scenario, DRAIN_NS);
}

static bool are_all_gone(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->subscribers[i].peer.state == BENCH_PEER_LEAVING)
			return false;
	for (unsigned i = 0; i < scenario->options->publishers; i++)
		if (scenario->publishers[i].peer.state == BENCH_PEER_LEAVING)
			return false;
	return true;
}

/* Failed ones stay as they are, for the report. */
static void leave(struct bench_peer *peer)
{
	if (peer->state == BENCH_PEER_LIVE)
		bench_peer_leave(peer);
}

static void run_leave(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		leave(&scenario->subscribers[i].peer);
	(void)run_until(scenario, are_all_gone, WAIT_NS);
	for (unsigned i = 0; i < scenario->options->publishers; i++)
		leave(&scenario->publishers[i].peer);
	(void)run_until(scenario, are_all_gone, WAIT_NS);
	for (unsigned i = 0; i < scenario->started; i++)
		scenario->deleted += scenario->subscribers[i].peer.was_deleted;
	for (unsigned i = 0; i < scenario->options->publishers; i++)
		scenario->deleted += scenario->publishers[i].peer.was_deleted;
}

int bench_scenario_run(struct bench_scenario *scenario, const struct bench_options *options)
{
	int err;

	*scenario = (struct bench_scenario){.options = options};
	scenario->publishers = calloc(options->publishers, sizeof(*scenario->publishers));
	scenario->subscribers = calloc(options->subscribers, sizeof(*scenario->subscribers));
	if (!scenario->publishers || !scenario->subscribers)
		return -ENOMEM;
	err = bench_new(&scenario->bench, options);
	if (err)
		return err;
	err = start_publishers(scenario);
	if (err)
		return err;
	run_joins(scenario);
	run_media(scenario);
	run_leave(scenario);
	return 0;
}

void bench_scenario_free(struct bench_scenario *scenario)
{
	for (unsigned i = 0; i < scenario->started; i++)
		bench_subscriber_free(&scenario->subscribers[i]);
	for (unsigned i = 0; scenario->publishers && i < scenario->options->publishers; i++)
		bench_publisher_free(&scenario->publishers[i]);
	free(scenario->subscribers);
	free(scenario->publishers);
	bench_free(scenario->bench);
}
