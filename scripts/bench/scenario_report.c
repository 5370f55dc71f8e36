/* The figures of a run as JSON, and the judgement on them. All numbers are integers; the unit ends the name. */
#include "core/base/clock.h"
#include "scripts/bench/judge.h"
#include "scripts/bench/tally.h"

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

static void put_scenario(struct bf_json *object, const struct bench_scenario *scenario)
{
	const struct bench_options *options = scenario->options;
	const struct bench_plan *plan = &scenario->plan;

	bf_json_put_str(object, "scenario", bench_scenario_name(options->scenario));
	bf_json_put_str(object, "adapter", options->adapter);
	switch (options->scenario) {
	case BENCH_CONFERENCE:
		bf_json_put_int(object, "speakers",
			options->speakers < plan->client_count ? options->speakers
							       : plan->client_count);
		break;
	case BENCH_AUDIO_ROOMS:
		bf_json_put_int(object, "rooms", options->rooms);
		bf_json_put_int(object, "room_size", options->room_size);
		break;
	case BENCH_IMPAIRED:
		bf_json_put_int(object, "loss_permille", options->impair.loss_permille);
		bf_json_put_int(object, "reorder_permille", options->impair.reorder_permille);
		bf_json_put_int(object, "reorder_ms", options->impair.reorder_ms);
		bf_json_put_int(object, "seed", (int64_t)options->impair.seed);
		/* fall through */
	case BENCH_ONE_TO_MANY:
	case BENCH_JOIN_STORM:
		bf_json_put_int(object, "publishers", options->publishers);
		break;
	}
	bf_json_put_int(object, "subscribers", plan->receiver_count);
	bf_json_put_int(object, "late_subscribers", plan->late_count);
	bf_json_put_int(object, "subscriptions", plan->stream_count);
}

static struct bf_json *settings(const struct bench_scenario *scenario)
{
	const struct bench_options *options = scenario->options;
	struct bf_json *object = bf_json_object();

	put_scenario(object, scenario);
	bf_json_put_int(object, "parallel_joins", options->parallel);
	if (options->scenario != BENCH_AUDIO_ROOMS) {
		bf_json_put_int(object, "video_kbps", options->video_kbps);
		bf_json_put_int(object, "video_fps", options->video_fps);
		bf_json_put_int(object, "video_packet_bytes", options->video_bytes);
	}
	bf_json_put_int(object, "audio_packets_per_second", options->has_audio ? 50 : 0);
	bf_json_put_str(object, "srtp_profile", bf_srtp_profile_name(options->profile));
	bf_json_put_str(object, "udp_gro", options->has_gro ? "on" : "off");
	bf_json_put_int(object, "sample_one_in", options->sample);
	bf_json_put_str(object, "arrival_times", options->has_kernel_times ? "kernel" : "user");
	return object;
}

/* ---- figures ---- */

/* From the start of joining to the first keyframe. */
static void note_keyframe(struct bench_histogram *keyframe_us, const struct bench_client *client)
{
	if (!client->subscriber || !client->spec.is_late)
		return;
	for (unsigned i = 0; i < client->subscriber->stream_count; i++) {
		int64_t at_us = client->subscriber->streams[i]->keyframe_us;
		if (at_us > 0)
			bench_histogram_add(keyframe_us, (uint64_t)(at_us - client->started_us));
	}
}

static void put_join_cost(
	struct bf_json *object, const struct bench_scenario *scenario, int64_t count)
{
	int64_t rss_bytes = scenario->joined.server.rss_bytes - scenario->idle.server.rss_bytes;

	bf_json_put_int(
		object, "server_cpu_us_per_join", ratio(scenario->join_cpu_ns, 1, count * 1000));
	bf_json_put_int(
		object, "server_cpu_permille", ratio(scenario->join_cpu_ns, 1, scenario->joins_us));
	bf_json_put_int(object, "server_memory_bytes_per_join", ratio(rss_bytes, 1, count));
	bf_json_put_int(object, "server_switches",
		scenario->joined.server.switches_waiting - scenario->idle.server.switches_waiting +
			scenario->joined.server.switches_forced -
			scenario->idle.server.switches_forced);
}

static struct bf_json *joins(const struct bench_scenario *scenario)
{
	struct bf_json *object = bf_json_object(), *latency = bf_json_object(),
		       *keyframe = bf_json_object();
	struct bench_histogram join_us, keyframe_us;
	int64_t failed = 0, count;

	bench_histogram_init(&join_us);
	bench_histogram_init(&keyframe_us);
	for (unsigned i = scenario->plan.first_count; i < scenario->started; i++) {
		const struct bench_client *client = &scenario->clients[i];
		failed += client->live_us == 0;
		if (client->live_us && !client->spec.is_late)
			bench_histogram_add(
				&join_us, (uint64_t)(client->live_us - client->started_us));
		note_keyframe(&keyframe_us, client);
	}
	count = (int64_t)join_us.count;
	put_percentiles(latency, &join_us, 1);
	put_percentiles(keyframe, &keyframe_us, 1);
	bf_json_put_int(object, "count", count);
	bf_json_put_int(object, "failed", failed);
	bf_json_put_int(object, "duration_us", scenario->joins_us);
	bf_json_put_int(object, "per_second", ratio(count, 1000000, scenario->joins_us));
	if (scenario->options->pid)
		put_join_cost(object, scenario, count);
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
	if (from->server.has_core && to->server.has_core) {
		int64_t busy_ns = to->server.core_busy_ns - from->server.core_busy_ns;
		bf_json_put_int(object, "core_others_permille", ratio(busy_ns - cpu_ns, 1000, ns));
		bf_json_put_int(object, "core_stolen_permille",
			ratio(to->server.core_stolen_ns - from->server.core_stolen_ns, 1000, ns));
	}
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
		ratio(closed - idle, 1, scenario->plan.receiver_count));
	bf_json_put_int(object, "per_subscription_bytes",
		ratio(closed - idle, 1, scenario->plan.stream_count));
	return object;
}

static void put_impairment(struct bf_json *root, const struct bench_impair *impair)
{
	struct bf_json *object = bf_json_object();

	bf_json_put_int(object, "lost_to_clients", (int64_t)impair->lost[0]);
	bf_json_put_int(object, "lost_to_server", (int64_t)impair->lost[1]);
	bf_json_put_int(object, "delayed_to_clients", (int64_t)impair->delayed[0]);
	bf_json_put_int(object, "delayed_to_server", (int64_t)impair->delayed[1]);
	bf_json_put(root, "network", object);
}

static struct bf_json *delivery(
	const struct bench_scenario *scenario, const struct bench_tally *sum)
{
	const struct bench_totals *totals = &scenario->bench->totals;
	struct bf_json *object = bf_json_object();

	bf_json_put_int(object, "received", (int64_t)sum->received);
	bf_json_put_int(object, "lost", (int64_t)sum->lost);
	bf_json_put_int(object, "lost_video", (int64_t)sum->kind_lost[BENCH_VIDEO]);
	bf_json_put_int(object, "lost_audio", (int64_t)sum->kind_lost[BENCH_AUDIO]);
	bf_json_put_int(object, "undelivered", (int64_t)sum->undelivered);
	bf_json_put_int(object, "undelivered_video", (int64_t)sum->kind_undelivered[BENCH_VIDEO]);
	bf_json_put_int(object, "undelivered_audio", (int64_t)sum->kind_undelivered[BENCH_AUDIO]);
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

static void put_window(struct bf_json *root, const struct bench_scenario *scenario)
{
	struct bf_json *latency = bf_json_object();

	put_percentiles(latency, &scenario->bench->latency_ns, 1000);
	bf_json_put(root, "window", window(scenario));
	bf_json_put(root, "latency_us", latency);
	bf_json_put(root, "generator", generator(scenario));
	if (scenario->timeline.count > 0)
		bf_json_put(root, "timeline", bench_timeline_json(&scenario->timeline));
	if (scenario->options->pid) {
		bf_json_put(root, "server", server(scenario));
		bf_json_put(root, "memory", memory(scenario));
	}
}

struct bf_json *bench_scenario_report(const struct bench_scenario *scenario, bool *holds)
{
	struct bf_json *root = bf_json_object();
	struct bench_tally tally = bench_tally_take(scenario);
	struct bf_json *failures = bench_judge_facts(scenario, &tally);
	struct bf_json *reasons = bench_judge_generator(scenario);
	char when[BF_CLOCK_TEXT];

	*holds = bf_json_count(failures) == 0;
	bf_json_put_str(root, "when", bf_clock_format(bf_clock_wall_us(), when));
	bf_json_put(root, "machine", machine());
	bf_json_put(root, "settings", settings(scenario));
	bf_json_put(root, "joins", joins(scenario));
	if (bench_scenario_has_media(scenario))
		put_window(root, scenario);
	if (scenario->options->scenario == BENCH_IMPAIRED)
		put_impairment(root, &scenario->bench->impair);
	bf_json_put(root, "delivery", delivery(scenario, &tally));
	bf_json_put_bool(root, "generator_was_the_limit", bf_json_count(reasons) > 0);
	bf_json_put(root, "generator_limits", reasons);
	bf_json_put(root, "disturbances", bench_judge_peace(scenario));
	bf_json_put_bool(root, "facts_hold", *holds);
	bf_json_put(root, "failures", failures);
	return root;
}
