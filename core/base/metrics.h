/* core/base/metrics.h - named counters, gauges and histograms, written out as Prometheus text.
 *
 * Owner:   main.c makes the registry; each module registers its own at start and keeps the pointers.
 * Thread:  registering: before the threads start, or any (guarded by a lock); bf_metric_add/set/observe: any,
 *          relaxed atomics, no lock, no allocation.
 * Limits:  BF_METRICS_MAX series; registering more is our bug (assert).
 * Source:  Prometheus text exposition format 0.0.4.
 */
#ifndef BF_CORE_BASE_METRICS_H
#define BF_CORE_BASE_METRICS_H

#include "core/base/bytes.h"

#include <stdatomic.h>

#define BF_METRICS_MAX 32768 /* some 50 for each of 256 workers, twice over */

struct bf_metrics;

enum bf_metric_kind {
	BF_METRIC_COUNTER,
	BF_METRIC_GAUGE,
};

struct bf_metric {
	_Atomic int64_t value;
};

#define BF_HISTOGRAM_BUCKETS 24

/* Bucket i counts observations up to bounds[i]; one more for +Inf. */
struct bf_histogram {
	size_t bucket_count;
	uint64_t bounds[BF_HISTOGRAM_BUCKETS];
	_Atomic uint64_t counts[BF_HISTOGRAM_BUCKETS + 1];
	_Atomic uint64_t sum;
};

int bf_metrics_new(struct bf_metrics **out);
void bf_metrics_free(struct bf_metrics *metrics);

/* One series. `name` as in "belfry_udp_rx_packets_total", `labels` as in "worker=\"0\"" or NULL; both are
 * copied. Series of one name are printed together under one HELP and TYPE; the same name and labels again
 * are the same series. NULL without memory. */
struct bf_metric *bf_metric_new(struct bf_metrics *metrics, enum bf_metric_kind kind,
	const char *name, const char *labels, const char *help);

/* `bounds` ascending, at most BF_HISTOGRAM_BUCKETS; `scale` divides bounds and sum when printed (1e6 for
 * microseconds shown as seconds). NULL without memory. */
struct bf_histogram *bf_histogram_new(struct bf_metrics *metrics, const char *name,
	const char *labels, const char *help, const uint64_t *bounds, size_t bucket_count,
	double scale);

static inline void bf_metric_add(struct bf_metric *metric, int64_t n)
{
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

static inline void bf_metric_set(struct bf_metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

static inline int64_t bf_metric_get(const struct bf_metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

void bf_histogram_observe(struct bf_histogram *histogram, uint64_t value);

/* Many at once, counted elsewhere: `counts[i]` in bucket i, the last one beyond all bounds; `sum` of all their values. */
void bf_histogram_add(
	struct bf_histogram *histogram, const uint64_t *counts, size_t count, uint64_t sum);

/* Called just before each print, on the printing thread: modules refresh gauges here. At most 32. */
int bf_metrics_on_collect(struct bf_metrics *metrics, void (*on_collect)(void *arg), void *arg);

/* All series as text into a fresh block that the caller frees; -ENOMEM. */
int bf_metrics_print(struct bf_metrics *metrics, char **out, size_t *out_len);

#endif
