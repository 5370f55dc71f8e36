#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void check_print(struct bf_metrics *metrics, const char *expected)
{
	char *text;
	size_t len;

	assert_int_equal(bf_metrics_print(metrics, &text, &len), 0);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
}

static void series_of_one_name_stand_under_one_head(void **state)
{
	struct bf_metrics *metrics;
	struct bf_metric *a, *b, *other;

	(void)state;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	check_print(metrics, "");
	a = bf_metric_new(metrics, BF_METRIC_COUNTER, "rx_total", "worker=\"0\"", "Packets.");
	other = bf_metric_new(metrics, BF_METRIC_GAUGE, "rooms", NULL, "Rooms.");
	b = bf_metric_new(metrics, BF_METRIC_COUNTER, "rx_total", "worker=\"1\"", "Packets.");
	bf_metric_add(a, 3);
	bf_metric_add(b, 1);
	bf_metric_add(b, 1);
	bf_metric_set(other, -7);
	assert_int_equal(bf_metric_get(b), 2);
	check_print(metrics, "# HELP rx_total Packets.\n# TYPE rx_total counter\n"
			     "rx_total{worker=\"0\"} 3\nrx_total{worker=\"1\"} 2\n"
			     "# HELP rooms Rooms.\n# TYPE rooms gauge\nrooms -7\n");
	bf_metrics_free(metrics);
	bf_metrics_free(NULL);
}

static void the_same_name_and_labels_are_the_same_series(void **state)
{
	static const uint64_t bounds[] = {1};
	struct bf_metrics *metrics;

	(void)state;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	assert_ptr_equal(bf_metric_new(metrics, BF_METRIC_GAUGE, "a", "x=\"1\"", "h"),
		bf_metric_new(metrics, BF_METRIC_GAUGE, "a", "x=\"1\"", "h"));
	assert_ptr_not_equal(bf_metric_new(metrics, BF_METRIC_GAUGE, "a", "x=\"2\"", "h"),
		bf_metric_new(metrics, BF_METRIC_GAUGE, "a", "x=\"1\"", "h"));
	assert_ptr_equal(bf_histogram_new(metrics, "b", NULL, "h", bounds, 1, 1),
		bf_histogram_new(metrics, "b", NULL, "h", bounds, 1, 1));
	bf_metrics_free(metrics);
}

static void a_histogram_is_cumulative_and_ends_in_inf_sum_and_count(void **state)
{
	static const uint64_t bounds[] = {500, 1000, 2500000};
	struct bf_metrics *metrics;
	struct bf_histogram *histogram;

	(void)state;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	histogram = bf_histogram_new(
		metrics, "transit_seconds", "worker=\"0\"", "Time.", bounds, 3, 1e6);
	bf_histogram_observe(histogram, 0);
	bf_histogram_observe(histogram, 500);
	bf_histogram_observe(histogram, 501);
	bf_histogram_observe(histogram, 2500000);
	bf_histogram_observe(histogram, 2500001);
	check_print(metrics, "# HELP transit_seconds Time.\n# TYPE transit_seconds histogram\n"
			     "transit_seconds_bucket{worker=\"0\",le=\"0.0005\"} 2\n"
			     "transit_seconds_bucket{worker=\"0\",le=\"0.001\"} 3\n"
			     "transit_seconds_bucket{worker=\"0\",le=\"2.5\"} 4\n"
			     "transit_seconds_bucket{worker=\"0\",le=\"+Inf\"} 5\n"
			     "transit_seconds_sum{worker=\"0\"} 5.001002\n"
			     "transit_seconds_count{worker=\"0\"} 5\n");
	bf_metrics_free(metrics);
}

static void observations_counted_elsewhere_are_added_at_once(void **state)
{
	const uint64_t bounds[] = {10, 20};
	const uint64_t counts[] = {3, 0, 2}, more[] = {1, 1, 0};
	struct bf_metrics *metrics;
	struct bf_histogram *histogram;
	(void)state;

	assert_int_equal(bf_metrics_new(&metrics), 0);
	histogram = bf_histogram_new(metrics, "h", NULL, "h", bounds, 2, 1);
	bf_histogram_add(histogram, counts, 3, 100);
	bf_histogram_add(histogram, more, 3, 25);
	bf_histogram_observe(histogram, 11);
	check_print(metrics, "# HELP h h\n# TYPE h histogram\n"
			     "h_bucket{le=\"10\"} 4\n"
			     "h_bucket{le=\"20\"} 6\n"
			     "h_bucket{le=\"+Inf\"} 8\n"
			     "h_sum 136\n"
			     "h_count 8\n");
	bf_metrics_free(metrics);
}

static void a_histogram_may_have_no_labels_all_buckets_or_none(void **state)
{
	uint64_t bounds[BF_HISTOGRAM_BUCKETS];
	struct bf_metrics *metrics;
	struct bf_histogram *full, *none;
	char *text;
	size_t len, lines = 0;

	(void)state;
	for (size_t i = 0; i < BF_HISTOGRAM_BUCKETS; i++)
		bounds[i] = i;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	none = bf_histogram_new(metrics, "none", NULL, "h", NULL, 0, 1);
	bf_histogram_observe(none, 4);
	check_print(metrics, "# HELP none h\n# TYPE none histogram\n"
			     "none_bucket{le=\"+Inf\"} 1\nnone_sum 4\nnone_count 1\n");
	full = bf_histogram_new(metrics, "full", NULL, "h", bounds, BF_HISTOGRAM_BUCKETS, 1);
	bf_histogram_observe(full, UINT64_MAX);
	assert_int_equal(bf_metrics_print(metrics, &text, &len), 0);
	for (const char *at = text; (at = strstr(at, "full_bucket")); at++)
		lines++;
	assert_int_equal(lines, BF_HISTOGRAM_BUCKETS + 1);
	assert_non_null(strstr(text, "full_bucket{le=\"23\"} 0\nfull_bucket{le=\"+Inf\"} 1\n"));
	free(text);
	bf_metrics_free(metrics);
}

static void labels_and_help_cannot_break_out_of_their_line(void **state)
{
	struct bf_metrics *metrics;

	(void)state;
	assert_int_equal(bf_metrics_new(&metrics), 0);
	bf_metric_new(metrics, BF_METRIC_GAUGE, "m", "a=\"x\ny 1\",b=\"say \"hi\" \\ ok\"",
		"one\ntwo \\");
	bf_metric_new(metrics, BF_METRIC_GAUGE, "m", "a=\"it\\\\s\\\"fine\\n\",b=\"\"", "ignored");
	bf_metric_new(metrics, BF_METRIC_GAUGE, "m", "a=\"p\",q\",b=\"C:\\dir\"", "ignored");
	check_print(metrics, "# HELP m one\\ntwo \\\\\n# TYPE m gauge\n"
			     "m{a=\"x\\ny 1\",b=\"say \\\"hi\\\" \\\\ ok\"} 0\n"
			     "m{a=\"it\\\\s\\\"fine\\n\",b=\"\"} 0\n"
			     "m{a=\"p\\\",q\",b=\"C:\\\\dir\"} 0\n");
	bf_metrics_free(metrics);
}

struct collect {
	struct bf_metrics *metrics;
	struct bf_metric *metric;
};

/* Registers while it collects, which must not deadlock. */
static void on_collect(void *arg)
{
	struct collect *collect = arg;

	collect->metric = bf_metric_new(collect->metrics, BF_METRIC_GAUGE, "late", NULL, "h");
	bf_metric_add(collect->metric, 1);
}

static void collectors_run_before_each_print_and_are_bounded(void **state)
{
	struct collect collect;

	(void)state;
	assert_int_equal(bf_metrics_new(&collect.metrics), 0);
	assert_int_equal(bf_metrics_on_collect(collect.metrics, on_collect, &collect), 0);
	check_print(collect.metrics, "# HELP late h\n# TYPE late gauge\nlate 1\n");
	check_print(collect.metrics, "# HELP late h\n# TYPE late gauge\nlate 2\n");
	for (int i = 1; i < 32; i++)
		assert_int_equal(bf_metrics_on_collect(collect.metrics, on_collect, &collect), 0);
	assert_int_equal(bf_metrics_on_collect(collect.metrics, on_collect, &collect), -ENOBUFS);
	bf_metrics_free(collect.metrics);
}

#define ROUNDS 20000

struct shared {
	struct bf_metrics *metrics;
	struct bf_metric *counter;
	struct bf_histogram *histogram;
};

static void *count_and_register(void *arg)
{
	struct shared *shared = arg;
	char labels[32];

	for (unsigned i = 0; i < ROUNDS; i++) {
		bf_metric_add(shared->counter, 1);
		bf_histogram_observe(shared->histogram, i % 3);
		if (i % 1000 == 0) {
			snprintf(labels, sizeof(labels), "i=\"%u\"", i);
			bf_metric_add(bf_metric_new(shared->metrics, BF_METRIC_COUNTER, "many",
					      labels, "h"),
				1);
		}
	}
	return NULL;
}

static void threads_count_without_loss_while_others_print(void **state)
{
	static const uint64_t bounds[] = {0, 1};
	struct shared shared;
	pthread_t threads[3];
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(bf_metrics_new(&shared.metrics), 0);
	shared.counter = bf_metric_new(shared.metrics, BF_METRIC_COUNTER, "n", NULL, "h");
	shared.histogram = bf_histogram_new(shared.metrics, "d", NULL, "h", bounds, 2, 1);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_and_register, &shared), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(bf_metrics_print(shared.metrics, &text, &len), 0);
		free(text);
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(bf_metrics_print(shared.metrics, &text, &len), 0);
	assert_non_null(strstr(text, "\nn 60000\n"));
	assert_non_null(strstr(text, "\nd_count 60000\n"));
	assert_non_null(strstr(text, "\nmany{i=\"19000\"} 3\n"));
	free(text);
	bf_metrics_free(shared.metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_of_one_name_stand_under_one_head),
		cmocka_unit_test(the_same_name_and_labels_are_the_same_series),
		cmocka_unit_test(a_histogram_is_cumulative_and_ends_in_inf_sum_and_count),
		cmocka_unit_test(observations_counted_elsewhere_are_added_at_once),
		cmocka_unit_test(a_histogram_may_have_no_labels_all_buckets_or_none),
		cmocka_unit_test(labels_and_help_cannot_break_out_of_their_line),
		cmocka_unit_test(collectors_run_before_each_print_and_are_bounded),
		cmocka_unit_test(threads_count_without_loss_while_others_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
