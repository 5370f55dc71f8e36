#include "scripts/bench/table.h"

#include <inttypes.h>
#include <stdio.h>

#define COLUMNS_MAX 12
#define LABEL_WIDTH 44
#define WIDTH	    14

enum unit {
	UNIT_NONE,
	UNIT_PERMILLE, /* shown as percent */
	UNIT_US,       /* shown as ms */
	UNIT_BYTES,    /* shown as MiB */
	UNIT_KIB,      /* bytes, shown as KiB */
	UNIT_HUNDREDTH,
	UNIT_TEXT,
};

/* `path` leads into a run: "window.sent_packets". */
struct row {
	const char *label, *path;
	enum unit unit;
};

static const struct row rows[] = {
	{"scenario", "settings.scenario", UNIT_TEXT},
	{"clients that receive", "settings.subscribers", UNIT_NONE},
	{"  of them joined while media flowed", "settings.late_subscribers", UNIT_NONE},
	{"streams that they receive", "settings.subscriptions", UNIT_NONE},
	{"SRTP profile", "settings.srtp_profile", UNIT_TEXT},
	{"Joining (no media yet)", NULL, UNIT_NONE},
	{"joins per second", "joins.per_second", UNIT_NONE},
	{"server CPU per join, us", "joins.server_cpu_us_per_join", UNIT_NONE},
	{"server memory per join, KiB", "joins.server_memory_bytes_per_join", UNIT_KIB},
	{"server's share of a core, %", "joins.server_cpu_permille", UNIT_PERMILLE},
	{"generator's share of a core, %", "joins.generator_cpu_permille", UNIT_PERMILLE},
	{"offer to DTLS connected, p50, ms", "joins.latency_us.p50", UNIT_US},
	{"offer to DTLS connected, p99, ms", "joins.latency_us.p99", UNIT_US},
	{"late ones: offer to keyframe, p50, ms", "joins.late_first_keyframe_us.p50", UNIT_US},
	{"late ones: offer to keyframe, max, ms", "joins.late_first_keyframe_us.max", UNIT_US},
	{"Steady window", NULL, UNIT_NONE},
	{"length, ms", "window.duration_us", UNIT_US},
	{"packets sent to the server", "window.sent_packets", UNIT_NONE},
	{"packets delivered", "window.delivered_packets", UNIT_NONE},
	{"packets delivered per second", "window.delivered_packets_per_second", UNIT_NONE},
	{"server CPU per delivered packet, ns", "server.cpu_ns_per_delivered_packet", UNIT_NONE},
	{"delivered packets per CPU second", "server.delivered_packets_per_cpu_second", UNIT_NONE},
	{"server's share of a core, %", "server.cpu_permille", UNIT_PERMILLE},
	{"server waited for its core, %", "server.wait_permille", UNIT_PERMILLE},
	{"others' share of the server's core, %", "server.core_others_permille", UNIT_PERMILLE},
	{"server: switches, waiting", "server.switches_waiting", UNIT_NONE},
	{"server: switches, forced", "server.switches_forced", UNIT_NONE},
	{"latency p50, ms", "latency_us.p50", UNIT_US},
	{"latency p90, ms", "latency_us.p90", UNIT_US},
	{"latency p99, ms", "latency_us.p99", UNIT_US},
	{"latency p99.9, ms", "latency_us.p999", UNIT_US},
	{"latency max, ms", "latency_us.max", UNIT_US},
	{"Memory of the server", NULL, UNIT_NONE},
	{"before anyone played, MiB", "memory.rss_idle_bytes", UNIT_BYTES},
	{"while all played, MiB", "memory.rss_playing_bytes", UNIT_BYTES},
	{"for each client that receives, KiB", "memory.per_subscriber_bytes", UNIT_KIB},
	{"for each stream, KiB", "memory.per_subscription_bytes", UNIT_KIB},
	{"Delivery (whole run)", NULL, UNIT_NONE},
	{"packets received", "delivery.received", UNIT_NONE},
	{"lost after repair", "delivery.lost", UNIT_NONE},
	{"sent, never received: video", "delivery.undelivered_video", UNIT_NONE},
	{"sent, never received: audio", "delivery.undelivered_audio", UNIT_NONE},
	{"repaired", "delivery.repaired", UNIT_NONE},
	{"late / out of order", "delivery.late", UNIT_NONE},
	{"duplicates", "delivery.duplicates", UNIT_NONE},
	{"lost by the bad network, to clients", "network.lost_to_clients", UNIT_NONE},
	{"lost by the bad network, to the server", "network.lost_to_server", UNIT_NONE},
	{"samples decrypted and compared", "delivery.samples", UNIT_NONE},
	{"  wrong", "delivery.sample_failures", UNIT_NONE},
	{"keyframes sent", "delivery.keyframes_sent", UNIT_NONE},
	{"Generator", NULL, UNIT_NONE},
	{"share of its core, %", "generator.cpu_permille", UNIT_PERMILLE},
	{"packets left late by, p99, ms", "generator.lag_us.p99", UNIT_US},
	{"datagrams in a train, on average", "generator.packets_per_100_trains", UNIT_HUNDREDTH},
	{"found its buffers full", "generator.socket_drops", UNIT_NONE},
};

/* The object that holds the last part of `path`, and that part. */
static const struct bf_json *follow(const struct bf_json *run, const char *path, const char **last)
{
	char name[64];
	const char *dot;

	while (run && (dot = strchr(path, '.'))) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		run = bf_json_get(run, name);
		path = dot + 1;
	}
	*last = path;
	return run;
}

static void print_number(enum unit unit, int64_t value)
{
	static const int64_t parts[] = {[UNIT_PERMILLE] = 10,
		[UNIT_US] = 1000,
		[UNIT_BYTES] = 1048576,
		[UNIT_KIB] = 1024,
		[UNIT_HUNDREDTH] = 100};
	static const int digits[] = {[UNIT_PERMILLE] = 1,
		[UNIT_US] = 2,
		[UNIT_BYTES] = 1,
		[UNIT_KIB] = 1,
		[UNIT_HUNDREDTH] = 1};

	if (unit == UNIT_NONE)
		printf("%*" PRId64, WIDTH, value);
	else
		printf("%*.*f", WIDTH, digits[unit], (double)value / (double)parts[unit]);
}

static void print_cell(const struct bf_json *run, const struct row *row)
{
	const char *last;
	const struct bf_json *object = follow(run, row->path, &last);
	struct bf_bytes text;
	int64_t value;

	if (object && row->unit == UNIT_TEXT && bf_json_get_str(object, last, &text) == 0)
		printf(" %*.*s", WIDTH - 1, (int)text.len, (const char *)text.data);
	else if (object && bf_json_get_int(object, last, &value) == 0)
		print_number(row->unit, value);
	else
		printf("%*s", WIDTH, "-");
}

static void print_list(const struct bf_json *run, size_t column, const char *key, const char *what)
{
	const struct bf_json *array = bf_json_get(run, key);
	struct bf_bytes text;

	for (size_t i = 0; array && i < bf_json_count(array); i++)
		if (bf_json_as_str(bf_json_at(array, i), &text) == 0)
			printf("column %zu: %s: %.*s\n", column + 1, what, (int)text.len,
				(const char *)text.data);
}

void bench_table_print(const struct bf_json *runs)
{
	size_t count = bf_json_count(runs);
	bool was_limit = false, is_limit;

	if (count > COLUMNS_MAX)
		count = COLUMNS_MAX;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!rows[i].path) {
			printf("\n%s\n", rows[i].label);
			continue;
		}
		printf("%-*s", LABEL_WIDTH, rows[i].label);
		for (size_t k = 0; k < count; k++)
			print_cell(bf_json_at(runs, k), &rows[i]);
		putchar('\n');
	}
	putchar('\n');
	for (size_t k = 0; k < count; k++) {
		const struct bf_json *run = bf_json_at(runs, k);
		print_list(run, k, "generator_limits", "the generator was the limit");
		print_list(run, k, "disturbances", "not alone on the machine");
		print_list(run, k, "failures", "FAILED");
		if (bf_json_get_bool(run, "generator_was_the_limit", &is_limit) == 0)
			was_limit = was_limit || is_limit;
	}
	if (!was_limit)
		puts("The generator was not the limit.");
}
