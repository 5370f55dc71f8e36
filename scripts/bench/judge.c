#include "scripts/bench/judge.h"

#include <stdarg.h>
#include <stdio.h>

#define LAG_MAX_NS \
	5000000 /* a publisher later than that for 1 packet in 100 no longer sends what it says it sends */
#define CPU_MAX_PERMILLE    900
#define WAIT_MAX_PERMILLE   10
#define OTHERS_MAX_PERMILLE 30 /* ticks are coarse */

static void complain(struct bf_json *array, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void complain(struct bf_json *array, const char *format, ...)
{
	char text[BENCH_CAUSE_MAX + 80];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	bf_json_push_str(array, text);
}

static int64_t permille(int64_t part, int64_t whole)
{
	return whole > 0 ? part * 1000 / whole : 0;
}

/* ---- facts ---- */

static void judge_clients(struct bf_json *failures, const struct bench_scenario *scenario,
	const struct bench_tally *tally)
{
	unsigned through = scenario->released + tally->failed_clients;

	if (tally->failed_clients > 0)
		complain(failures, "%u clients failed: %s", tally->failed_clients, tally->cause);
	if (scenario->started < scenario->plan.client_count)
		complain(failures, "%u clients did not get to join",
			scenario->plan.client_count - scenario->started);
	if (through < scenario->started)
		complain(failures, "%u clients could not leave", scenario->started - through);
}

static void judge_missing(struct bf_json *failures, const struct bench_scenario *scenario,
	const struct bench_tally *tally)
{
	uint64_t lost = scenario->options->scenario == BENCH_IMPAIRED
				? tally->kind_lost[BENCH_VIDEO]
				: tally->lost;
	uint64_t missing = bench_tally_missing(scenario, tally);

	if (lost > 0 || missing > 0)
		complain(failures,
			"%lu packets missing within streams, %lu of those sent never came", lost,
			missing);
}

static void judge_media(struct bf_json *failures, const struct bench_scenario *scenario,
	const struct bench_tally *tally)
{
	const struct bench_totals *totals = &scenario->bench->totals;

	if (tally->silent_streams > 0)
		complain(failures, "%u streams brought nothing", tally->silent_streams);
	if (tally->doubled_streams > 0)
		complain(failures, "%u streams came twice", tally->doubled_streams);
	if (tally->without_keyframe > 0)
		complain(failures, "%u streams saw no keyframe", tally->without_keyframe);
	judge_missing(failures, scenario, tally);
	if (totals->samples == 0)
		complain(failures, "nothing was decrypted");
}

struct bf_json *bench_judge_facts(
	const struct bench_scenario *scenario, const struct bench_tally *tally)
{
	const struct bench_totals *totals = &scenario->bench->totals;
	struct bf_json *failures = bf_json_array();

	judge_clients(failures, scenario, tally);
	if (bench_scenario_has_media(scenario))
		judge_media(failures, scenario, tally);
	if (totals->sample_failures > 0)
		complain(failures, "%lu of %lu samples did not decrypt or were not what was sent",
			totals->sample_failures, totals->samples);
	return failures;
}

/* ---- figures ---- */

static void judge_cpu(struct bf_json *reasons, int64_t cpu_ns, int64_t ns, const char *when)
{
	int64_t busy = permille(cpu_ns, ns);

	if (busy > CPU_MAX_PERMILLE)
		complain(reasons, "its core was %ld.%ld %% busy%s", busy / 10, busy % 10, when);
}

struct bf_json *bench_judge_generator(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *reasons = bf_json_array();
	uint64_t lag_ns = bench_histogram_at(&scenario->bench->lag_ns, 990);

	if (!bench_scenario_has_media(scenario)) {
		judge_cpu(reasons, scenario->join_own_cpu_ns, scenario->joins_us * 1000,
			" with its half of the handshakes");
		return reasons;
	}
	judge_cpu(reasons, to->own_cpu_ns - from->own_cpu_ns, to->at_ns - from->at_ns, "");
	if (lag_ns > LAG_MAX_NS)
		complain(reasons, "1 in 100 packets left more than %lu ms late", lag_ns / 1000000);
	if (to->totals.socket_drops > from->totals.socket_drops)
		complain(reasons, "%lu packets found its receive buffers full",
			to->totals.socket_drops - from->totals.socket_drops);
	return reasons;
}

/* A server of many threads waits for itself, so what others had of its core tells more than how long it waited. */
static void judge_core(
	struct bf_json *reasons, const struct bench_server *from, const struct bench_server *to)
{
	int64_t ns = to->at_ns - from->at_ns;
	int64_t others =
		permille(to->core_busy_ns - from->core_busy_ns - (to->cpu_ns - from->cpu_ns), ns);
	int64_t stolen = permille(to->core_stolen_ns - from->core_stolen_ns, ns);

	if (others > OTHERS_MAX_PERMILLE)
		complain(reasons, "others used the server's core for %ld.%ld %% of the time",
			others / 10, others % 10);
	if (stolen > OTHERS_MAX_PERMILLE)
		complain(reasons, "other guests of the host had it for %ld.%ld %%", stolen / 10,
			stolen % 10);
}

struct bf_json *bench_judge_peace(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *reasons = bf_json_array();
	int64_t server, own;

	if (!bench_scenario_has_media(scenario)) {
		from = &scenario->idle;
		to = &scenario->joined;
	}
	server = permille(to->server.wait_ns - from->server.wait_ns, to->at_ns - from->at_ns);
	own = permille(to->own_wait_ns - from->own_wait_ns, to->at_ns - from->at_ns);
	if (from->server.has_core && to->server.has_core)
		judge_core(reasons, &from->server, &to->server);
	else if (server > WAIT_MAX_PERMILLE)
		complain(reasons, "the server waited for its core %ld.%ld %% of the time",
			server / 10, server % 10);
	if (own > WAIT_MAX_PERMILLE)
		complain(reasons, "the generator waited for its core %ld.%ld %% of the time",
			own / 10, own % 10);
	return reasons;
}
