#include "scripts/bench/tally.h"

static void add_stream(struct bench_tally *tally, const struct bench_scenario *scenario,
	const struct bench_in *stream)
{
	uint64_t received = bench_arrivals_received(&stream->arrivals);
	uint64_t lost = bench_arrivals_lost(&stream->arrivals);
	const struct bench_publisher *publisher;
	uint64_t sent;

	tally->received += received;
	tally->lost += lost;
	tally->kind_lost[stream->kind] += lost;
	for (int i = 0; i < BENCH_ARRIVAL_COUNT; i++)
		tally->counts[i] += stream->arrivals.counts[i];
	if (stream->kind == BENCH_VIDEO)
		tally->without_keyframe += stream->keyframe_us == 0;
	publisher = stream->publisher < scenario->started
			    ? scenario->clients[stream->publisher].publisher
			    : NULL;
	if (!publisher)
		return; /* a wrong number would have shown as a wrong byte */
	sent = publisher->streams[stream->kind].next_index - stream->first_index;
	if (sent > received) {
		tally->undelivered += sent - received;
		tally->kind_undelivered[stream->kind] += sent - received;
	}
}

static bool is_doubled(const struct bench_subscriber *subscriber, unsigned idx)
{
	const struct bench_in *stream = subscriber->streams[idx];

	for (unsigned i = 0; i < idx; i++) {
		const struct bench_in *other = subscriber->streams[i];
		if (other->is_known && other->kind == stream->kind &&
			other->publisher == stream->publisher)
			return true;
	}
	return false;
}

static void add_client(struct bench_tally *tally, const struct bench_scenario *scenario,
	const struct bench_client *client)
{
	const struct bench_subscriber *subscriber = client->subscriber;
	unsigned known[BENCH_KIND_COUNT] = {0};

	for (unsigned i = 0; i < subscriber->stream_count; i++) {
		const struct bench_in *stream = subscriber->streams[i];
		if (!stream->is_known)
			continue;
		known[stream->kind]++;
		tally->doubled_streams += is_doubled(subscriber, i);
		add_stream(tally, scenario, stream);
	}
	for (int i = 0; i < BENCH_KIND_COUNT; i++)
		if (known[i] < client->spec.expected_count[i])
			tally->silent_streams += client->spec.expected_count[i] - known[i];
}

struct bench_tally bench_tally_take(const struct bench_scenario *scenario)
{
	struct bench_tally tally = {.cause = ""};

	for (unsigned i = 0; i < scenario->started; i++) {
		const struct bench_client *client = &scenario->clients[i];
		if (client->state == BENCH_CLIENT_FAILED) {
			tally.failed_clients++;
			tally.cause = client->cause;
		}
		if (client->live_us > 0 && client->subscriber)
			add_client(&tally, scenario, client);
	}
	return tally;
}

uint64_t bench_tally_missing(const struct bench_scenario *scenario, const struct bench_tally *tally)
{
	return scenario->options->scenario == BENCH_IMPAIRED ? tally->kind_undelivered[BENCH_VIDEO]
							     : tally->undelivered;
}
