/* What a worker counts, for operators: published once a second, so that the packet path touches no shared cache line. */
#include "core/base/clock.h"
#include "media/worker_priv.h"

#include <stdio.h>

struct value {
	enum bf_metric_kind kind;
	const char *name, *help;
};

static const struct value values[] = {
	{BF_METRIC_GAUGE, "belfry_media_rooms", "rooms"},
	{BF_METRIC_GAUGE, "belfry_media_participants", "participants"},
	{BF_METRIC_GAUGE, "belfry_media_tracks", "published tracks"},
	{BF_METRIC_GAUGE, "belfry_media_subscriptions", "subscriptions"},
	{BF_METRIC_COUNTER, "belfry_rtp_received_total", "RTP packets received and authenticated"},
	{BF_METRIC_COUNTER, "belfry_rtp_sent_total", "RTP packets sent"},
	{BF_METRIC_COUNTER, "belfry_rtp_sent_bytes_total", "bytes of RTP sent"},
	{BF_METRIC_COUNTER, "belfry_rtp_duplicates_total", "RTP packets received twice"},
	{BF_METRIC_COUNTER, "belfry_rtp_repaired_total",
		"lost packets recovered from publishers by RTX"},
	{BF_METRIC_COUNTER, "belfry_rtp_resent_total", "packets sent again on a NACK"},
	{BF_METRIC_COUNTER, "belfry_nacks_sent_total", "packets asked for again from publishers"},
	{BF_METRIC_COUNTER, "belfry_nacks_received_total",
		"packets asked for again by subscribers"},
	{BF_METRIC_COUNTER, "belfry_nacks_unknown_total",
		"packets asked for that are not held any more"},
	{BF_METRIC_COUNTER, "belfry_keyframe_requests_sent_total", "PLI sent to publishers"},
	{BF_METRIC_COUNTER, "belfry_keyframe_requests_received_total",
		"PLI and FIR of subscribers heeded"},
	{BF_METRIC_COUNTER, "belfry_data_relayed_total", "data channel messages delivered"},
	{BF_METRIC_COUNTER, "belfry_data_dropped_total", "data channel messages dropped"},
	{BF_METRIC_COUNTER, "belfry_udp_received_total", "datagrams received"},
	{BF_METRIC_COUNTER, "belfry_udp_sent_total", "datagrams sent"},
	{BF_METRIC_COUNTER, "belfry_udp_trains_total",
		"system calls' worth of datagrams sent (GSO trains)"},
	{BF_METRIC_COUNTER, "belfry_udp_dropped_total", "datagrams the kernel did not take"},
	{BF_METRIC_GAUGE, "belfry_udp_gso", "1 while UDP segmentation offload is in use"},
	{BF_METRIC_COUNTER, "belfry_pacer_queued_total",
		"video packets that waited for their subscriber's rate"},
	{BF_METRIC_COUNTER, "belfry_pacer_late_total",
		"video packets dropped because they had waited too long"},
	{BF_METRIC_COUNTER, "belfry_pacer_refused_total",
		"video packets dropped because too many waited"},
	{BF_METRIC_GAUGE, "belfry_pacer_waiting", "video packets that wait now"},
	{BF_METRIC_GAUGE, "belfry_transit_p99_us",
		"within this time 99 of 100 packets of the last second were sent"},
	{BF_METRIC_GAUGE, "belfry_overload_level",
		"what is left out: 0 nothing, 1..4 higher layers, 5..8 video"},
	{BF_METRIC_GAUGE, "belfry_overload_refuses_joins",
		"1 while new participants are refused because of load"},
	{BF_METRIC_COUNTER, "belfry_budget_joins_refused_total",
		"participants refused because a budget has no room for them"},
	{BF_METRIC_COUNTER, "belfry_turns_continued_total",
		"turns that left video to the next one, so that others get their turn"},
};

#define VALUE_COUNT (sizeof(values) / sizeof(values[0]))

void bf_worker_register_metrics(struct bf_worker *worker)
{
	char labels[96];

	snprintf(labels, sizeof(labels), "worker=\"%u\"", worker->conf.idx);
	for (size_t i = 0; i < VALUE_COUNT; i++)
		worker->metrics.values[i] = bf_metric_new(worker->conf.metrics, values[i].kind,
			values[i].name, labels, values[i].help);
	for (int i = BF_BUDGET_OK + 1; i < BF_BUDGET_VERDICT_COUNT; i++) {
		snprintf(labels, sizeof(labels), "worker=\"%u\",budget=\"%s\"", worker->conf.idx,
			bf_budget_verdict_name((enum bf_budget_verdict)i));
		worker->metrics.over_budget[i] = bf_metric_new(worker->conf.metrics,
			BF_METRIC_COUNTER, "belfry_over_budget_total", labels,
			"RTP packets not sent because a budget was used up");
	}
	snprintf(labels, sizeof(labels), "worker=\"%u\"", worker->conf.idx);
	worker->metrics.transit = bf_histogram_new(worker->conf.metrics, "belfry_transit_seconds",
		labels,
		"how long packets were here, from their arrival at the socket until they were sent",
		bf_transit_bounds, BF_TRANSIT_BOUNDS, 1e6);
	worker->metrics.beat =
		bf_metric_new(worker->conf.metrics, BF_METRIC_GAUGE, "belfry_worker_beat_us",
			labels, "monotonic time at which the worker's loop last turned");
	bf_worker_peers_register(worker);
	for (int i = BF_DROP_NONE + 1; i < BF_DROP_COUNT; i++) {
		snprintf(labels, sizeof(labels), "worker=\"%u\",reason=\"%s\"", worker->conf.idx,
			bf_drop_name((enum bf_drop)i));
		worker->metrics.drops[i] = bf_metric_new(worker->conf.metrics, BF_METRIC_COUNTER,
			"belfry_packets_dropped_total", labels, "packets dropped, by reason");
	}
}

static struct bf_udp_counters sum_udp(const struct bf_worker *worker)
{
	struct bf_udp_counters sum = {0};

	for (int i = 0; i < BF_SOCKET_UDP_COUNT; i++) {
		const struct bf_udp_counters *c = worker->udp[i] ? bf_udp_counters(worker->udp[i])
								 : &(struct bf_udp_counters){0};
		sum.rx_packets += c->rx_packets;
		sum.tx_packets += c->tx_packets;
		sum.tx_trains += c->tx_trains;
		sum.tx_dropped += c->tx_dropped;
		sum.has_gso = sum.has_gso || c->has_gso;
	}
	return sum;
}

void bf_worker_report(struct bf_worker *worker)
{
	const struct bf_rooms_counters *c = bf_rooms_counters(worker->rooms);
	const struct bf_pacers *pacers = bf_rooms_pacers(worker->rooms);
	struct bf_udp_counters udp = sum_udp(worker);
	/* in the order of `values` */
	const uint64_t now[VALUE_COUNT] = {c->rooms, c->participants, c->tracks, c->subscriptions,
		c->rx_rtp, worker->outbox->sent_packets, worker->outbox->sent_bytes,
		c->rx_duplicates, c->rx_repaired, c->tx_resent, c->tx_nacks, c->rx_nacks,
		c->nack_unknown, c->tx_keyframe_requests, c->rx_keyframe_requests, c->data_relayed,
		c->data_dropped, udp.rx_packets, udp.tx_packets, udp.tx_trains, udp.tx_dropped,
		udp.has_gso, pacers->queued, pacers->late, pacers->refused + pacers->refused_memory,
		pacers->waiting,
		(uint64_t)bf_transit_percentile_us(&worker->transit, BF_TRANSIT_SECOND, 990),
		bf_rooms_overload(worker->rooms)->level,
		bf_overload_refuses_joins(bf_rooms_overload(worker->rooms)), c->joins_over_budget,
		c->turns_continued};

	for (size_t i = 0; i < VALUE_COUNT; i++)
		bf_metric_set(worker->metrics.values[i], (int64_t)now[i]);
	for (int i = BF_BUDGET_OK + 1; i < BF_BUDGET_VERDICT_COUNT; i++)
		bf_metric_set(worker->metrics.over_budget[i], (int64_t)c->over_budget[i]);
	for (int i = BF_DROP_NONE + 1; i < BF_DROP_COUNT; i++)
		bf_metric_set(worker->metrics.drops[i], (int64_t)worker->drops[i]);
	bf_worker_peers_report(worker);
	bf_metric_set(worker->metrics.beat, bf_clock_mono_us());
}
