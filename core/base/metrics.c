#include "core/base/metrics.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define COLLECT_MAX 32

#define CACHE_LINE  64

enum family_kind {
	FAMILY_COUNTER,
	FAMILY_GAUGE,
	FAMILY_HISTOGRAM,
};

static const char *const kind_names[] = {
	[FAMILY_COUNTER] = "counter",
	[FAMILY_GAUGE] = "gauge",
	[FAMILY_HISTOGRAM] = "histogram",
};

struct series {
	char *labels; /* escaped, without braces; "" if there are none */
	struct bf_metric *metric;
	struct bf_histogram *histogram;
	struct series *next;
};

/* All series of one name, in the order they were registered. */
struct family {
	char *name;
	char *help;
	enum family_kind kind;
	double scale;
	struct series *first;
	struct family *next;
};

struct bf_metrics {
	pthread_mutex_t lock; /* of everything below; values are atomics and need none */
	struct family *first;
	size_t series_count;
	struct {
		void (*on_collect)(void *arg);
		void *arg;
	} collectors[COLLECT_MAX];
	size_t collector_count;
};

int bf_metrics_new(struct bf_metrics **out)
{
	struct bf_metrics *metrics = calloc(1, sizeof(*metrics));
	int err;

	if (!metrics)
		return -ENOMEM;
	err = pthread_mutex_init(&metrics->lock, NULL);
	if (err) {
		free(metrics);
		return -err;
	}
	*out = metrics;
	return 0;
}

static void series_free(struct series *series)
{
	if (!series)
		return;
	free(series->metric);
	free(series->histogram);
	free(series->labels);
	free(series);
}

static void family_free(struct family *family)
{
	struct series *next;

	if (!family)
		return;
	for (struct series *series = family->first; series; series = next) {
		next = series->next;
		series_free(series);
	}
	free(family->name);
	free(family->help);
	free(family);
}

void bf_metrics_free(struct bf_metrics *metrics)
{
	struct family *next;

	if (!metrics)
		return;
	for (struct family *family = metrics->first; family; family = next) {
		next = family->next;
		family_free(family);
	}
	pthread_mutex_destroy(&metrics->lock);
	free(metrics);
}

/* A copy with backslash and line feed escaped, as HELP wants it. */
static char *escape_help(const char *text)
{
	char *out = malloc(2 * strlen(text) + 1);
	char *at = out;

	if (!out)
		return NULL;
	for (; *text; text++) {
		if (*text == '\\' || *text == '\n')
			*at++ = '\\';
		*at++ = *text == '\n' ? 'n' : *text;
	}
	*at = '\0';
	return out;
}

/* Whether the quote at `at` ends a label's value: then the text ends, or the next label begins. */
static bool ends_value(const char *at)
{
	const char *next = at + 1;

	if (*next == '\0')
		return true;
	if (*next++ != ',')
		return false;
	if (*next >= '0' && *next <= '9')
		return false;
	while (*next == '_' || (*next >= '0' && *next <= '9') || (*next >= 'a' && *next <= 'z') ||
		(*next >= 'A' && *next <= 'Z'))
		next++;
	return next[0] == '=' && next[1] == '"';
}

/* A copy of name="value",... in which every value is well escaped: an escape that is already right
 * stays, a stray backslash, quote or line feed gets its own. */
static char *escape_labels(const char *text)
{
	char *out = malloc(2 * strlen(text) + 1);
	char *at = out;
	bool in_value = false;

	if (!out)
		return NULL;
	for (; *text; text++) {
		if (!in_value) {
			in_value = *text == '"';
			*at++ = *text;
		} else if (*text == '\\' && text[1] && strchr("\\\"n", text[1])) {
			*at++ = *text++;
			*at++ = *text;
		} else if (*text == '"' && ends_value(text)) {
			in_value = false;
			*at++ = *text;
		} else {
			if (*text == '\\' || *text == '"' || *text == '\n')
				*at++ = '\\';
			*at++ = *text == '\n' ? 'n' : *text;
		}
	}
	*at = '\0';
	return out;
}

static void *zeroed_lines(size_t size)
{
	size_t rounded = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	/* On lines of its own: workers count without fighting over a neighbour's cache line. */
	void *block = aligned_alloc(CACHE_LINE, rounded);

	if (block)
		memset(block, 0, rounded);
	return block;
}

static struct family *family_new(
	enum family_kind kind, const char *name, const char *help, double scale)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family)
		return NULL;
	family->kind = kind;
	family->scale = scale;
	family->name = strdup(name);
	family->help = escape_help(help);
	if (family->name && family->help)
		return family;
	family_free(family);
	return NULL;
}

/* The link at which the family of this name hangs, or where a new one would. */
static struct family **family_at(struct bf_metrics *metrics, const char *name)
{
	struct family **at = &metrics->first;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static struct series *series_new(enum family_kind kind, char *labels)
{
	struct series *series = calloc(1, sizeof(*series));

	if (!series)
		return NULL;
	if (kind == FAMILY_HISTOGRAM)
		series->histogram = zeroed_lines(sizeof(*series->histogram));
	else
		series->metric = zeroed_lines(sizeof(*series->metric));
	if (!series->histogram && !series->metric) {
		free(series);
		return NULL;
	}
	series->labels = labels;
	return series;
}

/* The series of this name and these labels, made if need be. Takes `labels`. NULL without memory. */
static struct series *series_of(struct bf_metrics *metrics, enum family_kind kind, const char *name,
	char *labels, const char *help, double scale)
{
	struct family **family = family_at(metrics, name);
	struct series **at;

	if (!*family)
		*family = family_new(kind, name, help, scale);
	if (!*family) {
		free(labels);
		return NULL;
	}
	assert((*family)->kind == kind);
	at = &(*family)->first;
	while (*at && strcmp((*at)->labels, labels) != 0)
		at = &(*at)->next;
	if (*at) {
		free(labels);
		return *at;
	}
	assert(metrics->series_count < BF_METRICS_MAX);
	*at = series_new(kind, labels);
	if (!*at) {
		free(labels);
		return NULL;
	}
	metrics->series_count++;
	return *at;
}

struct bf_metric *bf_metric_new(struct bf_metrics *metrics, enum bf_metric_kind kind,
	const char *name, const char *labels, const char *help)
{
	char *escaped = escape_labels(labels ? labels : "");
	struct series *series;

	if (!escaped)
		return NULL;
	pthread_mutex_lock(&metrics->lock);
	series = series_of(metrics, kind == BF_METRIC_COUNTER ? FAMILY_COUNTER : FAMILY_GAUGE, name,
		escaped, help, 1);
	pthread_mutex_unlock(&metrics->lock);
	return series ? series->metric : NULL;
}

struct bf_histogram *bf_histogram_new(struct bf_metrics *metrics, const char *name,
	const char *labels, const char *help, const uint64_t *bounds, size_t bucket_count,
	double scale)
{
	char *escaped = escape_labels(labels ? labels : "");
	struct series *series;

	assert(bucket_count <= BF_HISTOGRAM_BUCKETS);
	assert(scale > 0);
	for (size_t i = 1; i < bucket_count; i++)
		assert(bounds[i - 1] < bounds[i]);
	if (!escaped)
		return NULL;
	pthread_mutex_lock(&metrics->lock);
	series = series_of(metrics, FAMILY_HISTOGRAM, name, escaped, help, scale);
	if (series && series->histogram->bucket_count == 0 && bucket_count > 0) {
		memcpy(series->histogram->bounds, bounds, bucket_count * sizeof(bounds[0]));
		series->histogram->bucket_count = bucket_count;
	}
	pthread_mutex_unlock(&metrics->lock);
	return series ? series->histogram : NULL;
}

void bf_histogram_observe(struct bf_histogram *histogram, uint64_t value)
{
	size_t i = 0;

	while (i < histogram->bucket_count && value > histogram->bounds[i])
		i++;
	atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

void bf_histogram_add(
	struct bf_histogram *histogram, const uint64_t *counts, size_t count, uint64_t sum)
{
	assert(count == histogram->bucket_count + 1);
	for (size_t i = 0; i < count; i++)
		if (counts[i] > 0)
			atomic_fetch_add_explicit(
				&histogram->counts[i], counts[i], memory_order_relaxed);
	atomic_fetch_add_explicit(&histogram->sum, sum, memory_order_relaxed);
}

int bf_metrics_on_collect(struct bf_metrics *metrics, void (*on_collect)(void *arg), void *arg)
{
	int err = 0;

	pthread_mutex_lock(&metrics->lock);
	if (metrics->collector_count == COLLECT_MAX) {
		err = -ENOBUFS;
	} else {
		metrics->collectors[metrics->collector_count].on_collect = on_collect;
		metrics->collectors[metrics->collector_count].arg = arg;
		metrics->collector_count++;
	}
	pthread_mutex_unlock(&metrics->lock);
	return err;
}

static void print_bucket(
	FILE *to, const char *name, const char *labels, const char *le, uint64_t count)
{
	fprintf(to, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, labels, labels[0] ? "," : "", le,
		(unsigned long long)count);
}

static void print_histogram(FILE *to, const struct family *family, const struct series *series)
{
	const struct bf_histogram *histogram = series->histogram;
	const char *open = series->labels[0] ? "{" : "", *close = series->labels[0] ? "}" : "";
	uint64_t count = 0, sum;
	char le[32];

	for (size_t i = 0; i < histogram->bucket_count; i++) {
		count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
		snprintf(le, sizeof(le), "%.12g", (double)histogram->bounds[i] / family->scale);
		print_bucket(to, family->name, series->labels, le, count);
	}
	/* _count is this same sum, not a counter of its own: the two may never differ. */
	count += atomic_load_explicit(
		&histogram->counts[histogram->bucket_count], memory_order_relaxed);
	print_bucket(to, family->name, series->labels, "+Inf", count);
	sum = atomic_load_explicit(&histogram->sum, memory_order_relaxed);
	fprintf(to, "%s_sum%s%s%s %.15g\n", family->name, open, series->labels, close,
		(double)sum / family->scale);
	fprintf(to, "%s_count%s%s%s %llu\n", family->name, open, series->labels, close,
		(unsigned long long)count);
}

static void print_family(FILE *to, const struct family *family)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
		kind_names[family->kind]);
	for (const struct series *series = family->first; series; series = series->next) {
		bool is_labelled = series->labels[0] != '\0';

		if (family->kind == FAMILY_HISTOGRAM)
			print_histogram(to, family, series);
		else
			fprintf(to, "%s%s%s%s %lld\n", family->name, is_labelled ? "{" : "",
				series->labels, is_labelled ? "}" : "",
				(long long)bf_metric_get(series->metric));
	}
}

int bf_metrics_print(struct bf_metrics *metrics, char **out, size_t *out_len)
{
	size_t collector_count, len = 0;
	bool is_broken;
	char *text = NULL;
	FILE *to;

	/* Collectors run without the lock, so that they may register; their list only ever grows. */
	pthread_mutex_lock(&metrics->lock);
	collector_count = metrics->collector_count;
	pthread_mutex_unlock(&metrics->lock);
	for (size_t i = 0; i < collector_count; i++)
		metrics->collectors[i].on_collect(metrics->collectors[i].arg);

	to = open_memstream(&text, &len);
	if (!to)
		return -ENOMEM;
	pthread_mutex_lock(&metrics->lock);
	for (const struct family *family = metrics->first; family; family = family->next)
		print_family(to, family);
	pthread_mutex_unlock(&metrics->lock);
	is_broken = ferror(to) != 0;
	if (fclose(to) != 0 || is_broken) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	*out_len = len;
	return 0;
}
