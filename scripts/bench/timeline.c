#include "scripts/bench/timeline.h"

#include <errno.h>
#include <stdlib.h>

int bench_timeline_init(
	struct bench_timeline *timeline, struct bench *bench, pid_t pid, unsigned size)
{
	*timeline = (struct bench_timeline){.bench = bench, .pid = pid, .size = size};
	if (size == 0)
		return 0;
	timeline->parts = calloc(size, sizeof(*timeline->parts));
	return timeline->parts ? 0 : -ENOMEM;
}

void bench_timeline_deinit(struct bench_timeline *timeline)
{
	free(timeline->parts);
	*timeline = (struct bench_timeline){0};
}

static void begin(struct bench_timeline *timeline)
{
	bench_server_read(&timeline->server, timeline->pid);
	timeline->rtp_packets = timeline->bench->totals.rtp_packets;
	timeline->own_cpu_ns = bench_own_cpu_ns();
	bench_histogram_init(&timeline->bench->recent_ns);
}

void bench_timeline_open(struct bench_timeline *timeline)
{
	if (timeline->size == 0)
		return;
	begin(timeline);
	timeline->opened_ns = timeline->server.at_ns;
}

void bench_timeline_cut(struct bench_timeline *timeline)
{
	const struct bench_histogram *latency = &timeline->bench->recent_ns;
	struct bench_server before = timeline->server;
	uint64_t packets = timeline->rtp_packets;
	int64_t own_cpu_ns = timeline->own_cpu_ns;
	struct bench_part *part;

	if (timeline->count == timeline->size)
		return;
	part = &timeline->parts[timeline->count++];
	part->latency_count = latency->count;
	part->p50_ns = bench_histogram_at(latency, 500);
	part->p99_ns = bench_histogram_at(latency, 990);
	part->max_ns = latency->max;
	begin(timeline);
	part->at_ns = before.at_ns - timeline->opened_ns;
	part->duration_ns = timeline->server.at_ns - before.at_ns;
	part->cpu_ns = timeline->server.cpu_ns - before.cpu_ns;
	part->rss_bytes = timeline->server.rss_bytes;
	part->delivered_packets = timeline->rtp_packets - packets;
	part->own_cpu_ns = timeline->own_cpu_ns - own_cpu_ns;
}

struct bf_json *bench_timeline_json(const struct bench_timeline *timeline)
{
	struct bf_json *array = bf_json_array();

	for (unsigned i = 0; i < timeline->count; i++) {
		const struct bench_part *part = &timeline->parts[i];
		struct bf_json *object = bf_json_object();
		bf_json_put_int(object, "at_ms", part->at_ns / 1000000);
		bf_json_put_int(object, "duration_ms", part->duration_ns / 1000000);
		bf_json_put_int(object, "delivered_packets", (int64_t)part->delivered_packets);
		bf_json_put_int(object, "server_cpu_ns", part->cpu_ns);
		bf_json_put_int(object, "generator_cpu_ns", part->own_cpu_ns);
		bf_json_put_int(object, "rss_bytes", part->rss_bytes);
		bf_json_put_int(object, "latency_count", (int64_t)part->latency_count);
		bf_json_put_int(object, "latency_p50_us", (int64_t)part->p50_ns / 1000);
		bf_json_put_int(object, "latency_p99_us", (int64_t)part->p99_ns / 1000);
		bf_json_put_int(object, "latency_max_us", (int64_t)part->max_ns / 1000);
		bf_json_push(array, object);
	}
	return array;
}
