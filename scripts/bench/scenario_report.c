/* The figures of a run as JSON, and the judgement on them. All numbers are integers; the unit ends the name. */
#include "core/base/clock.h"
#include "scripts/bench/scenario.h"

#include <stdarg.h>
#include <stdio.h>

#define LAG_MAX_NS \
	5000000 /* a publisher later than that for 1 packet in 100 no longer sends what it says it sends */
#define CPU_MAX_PERMILLE  900
#define WAIT_MAX_PERMILLE 10

static int64_t ratio(int64_t value, int64_t scale, int64_t by)
{
	return by > 0 ? (int64_t)((__int128)value * scale / by) : 0;
}

static void put_percentiles(
	struct bf_json *object, const struct bench_histogram *histogram, uint64_t unit)
{
	static const struct {
		const char *name;
		unsigned permille;
	} points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}};

	bf_json_put_int(object, "count", (int64_t)histogram->count);
	if (histogram->count == 0)
		return;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		bf_json_put_int(object, points[i].name,
			(int64_t)(bench_histogram_at(histogram, points[i].permille) / unit));
	bf_json_put_int(object, "max", (int64_t)(histogram->max / unit));
}

/* ---- what was asked for, and where ---- */

static struct bf_json *machine(void)
{
	struct bench_machine machine;
	struct bf_json *object = bf_json_object();

	bench_machine_read(&machine);
	bf_json_put_str(object, "cpu", machine.cpu);
	bf_json_put_int(object, "cores", machine.cores);
	bf_json_put_str(object, "kernel", machine.kernel);
	return object;
}

static struct bf_json *settings(const struct bench_options *options)
{
	struct bf_json *object = bf_json_object();

	bf_json_put_int(object, "publishers", options->publishers);
	bf_json_put_int(object, "subscribers", options->subscribers);
	bf_json_put_int(object, "late_subscribers", options->late);
	bf_json_put_int(object, "parallel_joins", options->parallel);
	bf_json_put_int(object, "video_kbps", options->video_kbps);
	bf_json_put_int(object, "video_fps", options->video_fps);
	bf_json_put_int(object, "video_packet_bytes", options->video_bytes);
	bf_json_put_int(object, "audio_packets_per_second", options->has_audio ? 50 : 0);
	bf_json_put_str(object, "srtp_profile", bf_srtp_profile_name(options->profile));
	bf_json_put_int(object, "sample_one_in", options->sample);
	bf_json_put_str(object, "arrival_times", options->has_kernel_times ? "kernel" : "user");
	return object;
}

/* ---- figures ---- */

static struct bf_json *joins(const struct bench_scenario *scenario)
{
	struct bf_json *object = bf_json_object(), *latency = bf_json_object(),
		       *keyframe = bf_json_object();
	struct bench_histogram join_us, keyframe_us;
	int64_t failed = 0;

	bench_histogram_init(&join_us);
	bench_histogram_init(&keyframe_us);
	for (unsigned i = 0; i < scenario->started; i++) {
		const struct bench_subscriber *subscriber = &scenario->subscribers[i];
		const struct bench_peer *peer = &subscriber->peer;
		failed += peer->live_us == 0;
		if (peer->live_us && !subscriber->is_late)
			bench_histogram_add(&join_us, (uint64_t)(peer->live_us - peer->started_us));
		if (subscriber->keyframe_us && subscriber->is_late)
			bench_histogram_add(&keyframe_us,
				(uint64_t)(subscriber->keyframe_us - peer->started_us));
	}
	put_percentiles(latency, &join_us, 1);
	put_percentiles(keyframe, &keyframe_us, 1);
	bf_json_put_int(object, "count", (int64_t)join_us.count);
	bf_json_put_int(object, "failed", failed);
	bf_json_put_int(object, "duration_us", scenario->joins_us);
	bf_json_put_int(
		object, "per_second", ratio((int64_t)join_us.count, 1000000, scenario->joins_us));
	if (scenario->options->pid) {
		bf_json_put_int(object, "server_cpu_us_per_join",
			ratio(scenario->join_cpu_ns, 1, (int64_t)join_us.count * 1000));
		bf_json_put_int(object, "server_cpu_permille",
			ratio(scenario->join_cpu_ns, 1, scenario->joins_us));
	}
	bf_json_put_int(object, "generator_cpu_permille",
		ratio(scenario->join_own_cpu_ns, 1, scenario->joins_us));
	bf_json_put(object, "latency_us", latency);
	bf_json_put(object, "late_first_keyframe_us", keyframe);
	return object;
}

static struct bf_json *threads(const struct bench_server *from, const struct bench_server *to)
{
	struct bf_json *array = bf_json_array();

	for (size_t i = 0; i < to->thread_count; i++) {
		struct bf_json *object = bf_json_object();
		int64_t cpu_ns = to->threads[i].cpu_ns;
		for (size_t k = 0; k < from->thread_count; k++)
			if (from->threads[k].tid == to->threads[i].tid)
				cpu_ns -= from->threads[k].cpu_ns;
		bf_json_put_str(object, "name", to->threads[i].name);
		bf_json_put_int(object, "cpu_ns", cpu_ns);
		bf_json_push(array, object);
	}
	return array;
}

/* The steady window: nobody joins or leaves. */
static struct bf_json *window(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *object = bf_json_object();
	int64_t ns = to->at_ns - from->at_ns;
	int64_t delivered = (int64_t)(to->totals.rtp_packets - from->totals.rtp_packets);
	int64_t bytes = (int64_t)(to->totals.rtp_bytes - from->totals.rtp_bytes);

	bf_json_put_int(object, "duration_us", ns / 1000);
	bf_json_put_int(object, "sent_packets",
		(int64_t)(to->totals.sent_packets - from->totals.sent_packets));
	bf_json_put_int(object, "delivered_packets", delivered);
	bf_json_put_int(object, "delivered_packets_per_second", ratio(delivered, 1000000000, ns));
	bf_json_put_int(object, "delivered_kbps", ratio(bytes, 8000000, ns));
	return object;
}

/* What the server spent in the same window. */
static struct bf_json *server(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *object = bf_json_object();
	int64_t ns = to->at_ns - from->at_ns;
	int64_t cpu_ns = to->server.cpu_ns - from->server.cpu_ns;
	int64_t wait_ns = to->server.wait_ns - from->server.wait_ns;
	int64_t delivered = (int64_t)(to->totals.rtp_packets - from->totals.rtp_packets);

	bf_json_put_int(object, "cpu_ns", cpu_ns);
	bf_json_put_int(object, "cpu_permille", ratio(cpu_ns, 1000, ns));
	bf_json_put_int(object, "cpu_ns_per_delivered_packet", ratio(cpu_ns, 1, delivered));
	bf_json_put_int(
		object, "delivered_packets_per_cpu_second", ratio(delivered, 1000000000, cpu_ns));
	bf_json_put_int(object, "wait_permille", ratio(wait_ns, 1000, ns));
	bf_json_put_int(object, "switches_waiting",
		to->server.switches_waiting - from->server.switches_waiting);
	bf_json_put_int(object, "switches_forced",
		to->server.switches_forced - from->server.switches_forced);
	bf_json_put(object, "threads", threads(&from->server, &to->server));
	return object;
}

static struct bf_json *generator(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *object = bf_json_object(), *lag = bf_json_object();
	int64_t ns = to->at_ns - from->at_ns;
	int64_t cpu_ns = to->own_cpu_ns - from->own_cpu_ns;
	int64_t delivered = (int64_t)(to->totals.rtp_packets - from->totals.rtp_packets);
	int64_t trains = (int64_t)(to->totals.trains - from->totals.trains);

	put_percentiles(lag, &scenario->bench->lag_ns, 1000);
	bf_json_put_int(object, "cpu_permille", ratio(cpu_ns, 1000, ns));
	bf_json_put_int(object, "cpu_ns_per_delivered_packet", ratio(cpu_ns, 1, delivered));
	bf_json_put_int(
		object, "wait_permille", ratio(to->own_wait_ns - from->own_wait_ns, 1000, ns));
	bf_json_put_int(object, "reads", (int64_t)(to->totals.reads - from->totals.reads));
	bf_json_put_int(object, "trains", trains);
	bf_json_put_int(object, "packets_per_100_trains", ratio(delivered, 100, trains));
	bf_json_put_int(object, "socket_drops",
		(int64_t)(to->totals.socket_drops - from->totals.socket_drops));
	bf_json_put(object, "lag_us", lag);
	return object;
}

static struct bf_json *memory(const struct bench_scenario *scenario)
{
	struct bf_json *object = bf_json_object();
	int64_t idle = scenario->idle.server.rss_bytes, closed = scenario->closed.server.rss_bytes;

	bf_json_put_int(object, "rss_idle_bytes", idle);
	bf_json_put_int(object, "rss_joined_bytes", scenario->joined.server.rss_bytes);
	bf_json_put_int(object, "rss_playing_bytes", closed);
	bf_json_put_int(object, "per_subscriber_bytes",
		ratio(closed - idle, 1, scenario->options->subscribers));
	return object;
}

/* All subscribers together, from each one's first packet to the publishers' last. */
struct delivery {
	uint64_t received, lost, undelivered, counts[BENCH_ARRIVAL_COUNT];
	unsigned silent_streams; /* of live subscribers */
	unsigned without_keyframe;
};

static void add_stream(
	struct delivery *sum, const struct bench_scenario *scenario, const struct bench_in *stream)
{
	uint64_t received = bench_arrivals_received(&stream->arrivals);
	uint64_t sent;

	sum->received += received;
	sum->lost += bench_arrivals_lost(&stream->arrivals);
	for (int i = 0; i < BENCH_ARRIVAL_COUNT; i++)
		sum->counts[i] += stream->arrivals.counts[i];
	if (!stream->is_known) {
		sum->silent_streams++;
		return;
	}
	sent = scenario->publishers[stream->publisher].streams[stream->kind].next_index -
	       stream->first_index;
	if (sent > received)
		sum->undelivered += sent - received;
}

static struct delivery sum_up(const struct bench_scenario *scenario)
{
	struct delivery sum = {0};

	for (unsigned i = 0; i < scenario->started; i++) {
		const struct bench_subscriber *subscriber = &scenario->subscribers[i];
		if (subscriber->peer.live_us == 0)
			continue;
		if (scenario->options->has_audio)
			add_stream(&sum, scenario, &subscriber->streams[BENCH_AUDIO]);
		add_stream(&sum, scenario, &subscriber->streams[BENCH_VIDEO]);
		sum.without_keyframe += subscriber->keyframe_us == 0;
	}
	return sum;
}

static struct bf_json *delivery(const struct bench_scenario *scenario, const struct delivery *sum)
{
	const struct bench_totals *totals = &scenario->bench->totals;
	struct bf_json *object = bf_json_object();

	bf_json_put_int(object, "received", (int64_t)sum->received);
	bf_json_put_int(object, "lost", (int64_t)sum->lost);
	bf_json_put_int(object, "undelivered", (int64_t)sum->undelivered);
	bf_json_put_int(object, "late", (int64_t)sum->counts[BENCH_ARRIVAL_LATE]);
	bf_json_put_int(object, "repaired", (int64_t)sum->counts[BENCH_ARRIVAL_REPAIRED]);
	bf_json_put_int(object, "duplicates", (int64_t)sum->counts[BENCH_ARRIVAL_DUPLICATE]);
	bf_json_put_int(object, "too_old", (int64_t)sum->counts[BENCH_ARRIVAL_OLD]);
	bf_json_put_int(object, "rtx_packets", (int64_t)totals->rtx_packets);
	bf_json_put_int(object, "rtcp_packets", (int64_t)totals->rtcp_packets);
	bf_json_put_int(object, "unknown_packets", (int64_t)totals->unknown_packets);
	bf_json_put_int(object, "socket_drops", (int64_t)totals->socket_drops);
	bf_json_put_int(object, "samples", (int64_t)totals->samples);
	bf_json_put_int(object, "sample_failures", (int64_t)totals->sample_failures);
	bf_json_put_int(object, "subscriber_nacks", (int64_t)totals->nacks_out);
	bf_json_put_int(object, "subscriber_plis", (int64_t)totals->plis_out);
	bf_json_put_int(object, "publisher_nacks", (int64_t)totals->nacks_in);
	bf_json_put_int(object, "publisher_plis", (int64_t)totals->plis_in);
	bf_json_put_int(object, "keyframes_sent", (int64_t)totals->sent_keyframes);
	bf_json_put_int(object, "send_errors", (int64_t)totals->send_errors);
	return object;
}

/* ---- judgement ---- */

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

static void judge_peers(struct bf_json *failures, const struct bench_scenario *scenario)
{
	const char *cause = "";
	unsigned failed = 0;

	for (unsigned i = 0; i < scenario->started; i++)
		if (scenario->subscribers[i].peer.state == BENCH_PEER_FAILED) {
			cause = scenario->subscribers[i].peer.cause;
			failed++;
		}
	if (failed > 0)
		complain(failures, "%u subscribers failed: %s", failed, cause);
	if (scenario->started < scenario->options->subscribers)
		complain(failures, "%u subscribers did not get to join",
			scenario->options->subscribers - scenario->started);
	if (scenario->deleted + failed < scenario->started + scenario->options->publishers)
		complain(failures, "only %u sessions could be deleted", scenario->deleted);
}

static struct bf_json *judge_facts(
	const struct bench_scenario *scenario, const struct delivery *sum)
{
	const struct bench_totals *totals = &scenario->bench->totals;
	struct bf_json *failures = bf_json_array();

	judge_peers(failures, scenario);
	if (sum->silent_streams > 0)
		complain(failures, "%u streams brought nothing", sum->silent_streams);
	if (sum->without_keyframe > 0)
		complain(failures, "%u subscribers saw no keyframe", sum->without_keyframe);
	if (sum->lost > 0 || sum->undelivered > 0)
		complain(failures,
			"%lu packets missing within streams, %lu of those sent never came",
			sum->lost, sum->undelivered);
	if (totals->sample_failures > 0)
		complain(failures, "%lu of %lu samples did not decrypt or were not what was sent",
			totals->sample_failures, totals->samples);
	if (totals->samples == 0)
		complain(failures, "nothing was decrypted");
	return failures;
}

/* When it was, the server's CPU time per packet still holds, but rates and latencies say more of the generator. */
static struct bf_json *judge_bench(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *reasons = bf_json_array();
	uint64_t lag_ns = bench_histogram_at(&scenario->bench->lag_ns, 990);
	int64_t permille = ratio(to->own_cpu_ns - from->own_cpu_ns, 1000, to->at_ns - from->at_ns);

	if (permille > CPU_MAX_PERMILLE)
		complain(reasons, "its core was %ld.%ld %% busy", permille / 10, permille % 10);
	if (lag_ns > LAG_MAX_NS)
		complain(reasons, "1 in 100 packets left more than %lu ms late", lag_ns / 1000000);
	if (to->totals.socket_drops > from->totals.socket_drops)
		complain(reasons, "%lu packets found its receive buffers full",
			to->totals.socket_drops - from->totals.socket_drops);
	return reasons;
}

/* Waiting for a core means that something else ran on it. Other guests of the same host do not show. */
static struct bf_json *judge_peace(const struct bench_scenario *scenario)
{
	const struct bench_moment *from = &scenario->opened, *to = &scenario->closed;
	struct bf_json *reasons = bf_json_array();
	int64_t ns = to->at_ns - from->at_ns;
	int64_t server = ratio(to->server.wait_ns - from->server.wait_ns, 1000, ns);
	int64_t own = ratio(to->own_wait_ns - from->own_wait_ns, 1000, ns);

	if (server > WAIT_MAX_PERMILLE)
		complain(reasons, "the server waited for its core %ld.%ld %% of the time",
			server / 10, server % 10);
	if (own > WAIT_MAX_PERMILLE)
		complain(reasons, "the generator waited for its core %ld.%ld %% of the time",
			own / 10, own % 10);
	return reasons;
}

struct bf_json *bench_scenario_report(const struct bench_scenario *scenario, bool *holds)
{
	struct bf_json *root = bf_json_object(), *latency = bf_json_object();
	struct delivery sum = sum_up(scenario);
	struct bf_json *failures = judge_facts(scenario, &sum), *reasons = judge_bench(scenario);
	struct bf_json *disturbances = judge_peace(scenario);
	char when[BF_CLOCK_TEXT];

	*holds = bf_json_count(failures) == 0;
	put_percentiles(latency, &scenario->bench->latency_ns, 1000);
	bf_json_put_str(root, "when", bf_clock_format(bf_clock_wall_us(), when));
	bf_json_put(root, "machine", machine());
	bf_json_put(root, "settings", settings(scenario->options));
	bf_json_put(root, "joins", joins(scenario));
	bf_json_put(root, "window", window(scenario));
	bf_json_put(root, "latency_us", latency);
	bf_json_put(root, "generator", generator(scenario));
	if (scenario->options->pid) {
		bf_json_put(root, "server", server(scenario));
		bf_json_put(root, "memory", memory(scenario));
	}
	bf_json_put(root, "delivery", delivery(scenario, &sum));
	bf_json_put_bool(root, "generator_was_the_limit", bf_json_count(reasons) > 0);
	bf_json_put(root, "generator_limits", reasons);
	bf_json_put(root, "disturbances", disturbances);
	bf_json_put_bool(root, "facts_hold", *holds);
	bf_json_put(root, "failures", failures);
	return root;
}
