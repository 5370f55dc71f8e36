#include "scripts/bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the options ---- */

enum type {
	TYPE_HEADING, /* `name` is one of the usage text */
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_CHOICE, /* a bool: the first of two words, or the second */
	TYPE_PROFILE,
	TYPE_SCENARIO,
};

struct row {
	enum type type;
	const char *name, *value; /* "--name=value" in the usage text */
	size_t offset;		  /* in struct bench_options */
	unsigned min, max;
	const char *yes, *no;
	const char *help;
};

#define HEADING(text)                              \
	{                                          \
		.type = TYPE_HEADING, .name = text \
	}
#define TEXT(n, v, field, h)                                                                \
	{                                                                                   \
		TYPE_TEXT, n, v, offsetof(struct bench_options, field), 0, 0, NULL, NULL, h \
	}
#define NUMBER(n, field, min, max, h)                                                             \
	{                                                                                         \
		TYPE_NUMBER, n, "N", offsetof(struct bench_options, field), min, max, NULL, NULL, \
			h                                                                         \
	}
#define CHOICE(n, field, yes, no, h)                                                              \
	{                                                                                         \
		TYPE_CHOICE, n, yes "|" no, offsetof(struct bench_options, field), 0, 0, yes, no, \
			h                                                                         \
	}

static const struct row rows[] = {
	{TYPE_SCENARIO, "scenario", "NAME", offsetof(struct bench_options, scenario), 0, 0, NULL,
		NULL, "(one-to-many) one-to-many, conference, audio-rooms, join-storm, impaired"},
	TEXT("adapter", "NAME", adapter, "(whip) how the server is talked to: whip, belfry, janus"),
	TEXT("server", "URL", server, "http://HOST:PORT where the server answers"),
	NUMBER("pid", pid, 1, 1u << 30,
		"process of the server: its CPU time and memory are read from /proc"),
	TEXT("local", "IP", local,
		"(that which reaches the server) address of this machine for media"),
	{TYPE_PROFILE, "profile", "NAME", offsetof(struct bench_options, profile), 0, 0, NULL, NULL,
		"(AEAD_AES_128_GCM) the only SRTP profile offered"},
	HEADING("one-to-many, join-storm, impaired"),
	NUMBER("publishers", publishers, 1, BENCH_PEERS_MAX,
		"(1) each with one video and one audio stream"),
	NUMBER("subscribers", subscribers, 0, BENCH_PEERS_MAX,
		"(50) subscriber i plays publisher i modulo the publishers"),
	NUMBER("late", late, 0, BENCH_PEERS_MAX,
		"(a tenth) subscribers that join while media flows"),
	HEADING("conference"),
	NUMBER("participants", participants, 2, BENCH_PEERS_MAX,
		"(8) everyone receives everyone else"),
	NUMBER("speakers", speakers, 0, BENCH_PEERS_MAX,
		"(all) send video and audio; the others only audio, in DTX"),
	HEADING("audio-rooms"),
	NUMBER("rooms", rooms, 1, BENCH_PEERS_MAX, "(100)"),
	NUMBER("room-size", room_size, 2, BENCH_PEERS_MAX, "(4) participants of each"),
	HEADING("impaired: in both directions, once connected"),
	NUMBER("loss-permille", impair.loss_permille, 0, 1000, "(20) of all datagrams"),
	NUMBER("reorder-permille", impair.reorder_permille, 0, 1000,
		"(10) held back, so that others overtake them"),
	NUMBER("reorder-ms", impair.reorder_ms, 1, 1000, "(15) ... for so long"),
	NUMBER("seed", seed, 0, UINT32_MAX, "(1) which ones"),
	HEADING("media"),
	NUMBER("video-kbps", video_kbps, 1, 100000, "(1500)"),
	NUMBER("video-fps", video_fps, 1, 240, "(30)"),
	NUMBER("video-bytes", video_bytes, 200, 1300, "(1200) size of a video packet"),
	CHOICE("audio", has_audio, "on", "off", "(on) 50 packets a second"),
	HEADING("the run"),
	NUMBER("parallel", parallel, 1, BENCH_PEERS_MAX, "(32) joins in flight at once"),
	NUMBER("seconds", seconds, 1, 86400, "(10) length of the steady window"),
	NUMBER("interval", interval, 0, 3600,
		"(0: none) seconds of each part of the window with figures of its own"),
	NUMBER("warmup-ms", warmup_ms, 0, 600000, "(1000) media before the window opens"),
	CHOICE("gro", has_gro, "on", "off", "(on) read trains of datagrams with UDP_GRO"),
	NUMBER("sample", sample, 1, 10000,
		"(20) one packet in N is decrypted and its bytes are checked"),
	CHOICE("times", has_kernel_times, "kernel", "user",
		"(kernel) when a packet came: at the socket, or when it was read"),
	TEXT("json", "FILE", json, "figures"),
	HEADING("adapter whip"),
	TEXT("whip", "PATH", whip, "(/whip/bench/p{n}) endpoint of publisher {n}"),
	TEXT("whep", "PATH", whep, "(/whep/bench/p{n}) endpoint that plays publisher {n}"),
	TEXT("token", "TEXT", token, "bearer token of both"),
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const char *const scenarios[] = {
	[BENCH_ONE_TO_MANY] = "one-to-many",
	[BENCH_CONFERENCE] = "conference",
	[BENCH_AUDIO_ROOMS] = "audio-rooms",
	[BENCH_JOIN_STORM] = "join-storm",
	[BENCH_IMPAIRED] = "impaired",
};
#define SCENARIO_COUNT (sizeof(scenarios) / sizeof(scenarios[0]))

const char *bench_scenario_name(enum bench_scenario_kind scenario)
{
	return scenarios[scenario];
}

void bench_options_print_usage(void)
{
	char text[48];

	fputs("usage: belfry-bench run --server=http://HOST:PORT [options]\n"
	      "       belfry-bench table FILE\n\n"
	      "run: clients join, send and receive; measures, checks, prints and writes figures.\n",
		stderr);
	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].type == TYPE_HEADING) {
			fprintf(stderr, "%s:\n", rows[i].name);
			continue;
		}
		snprintf(text, sizeof(text), "--%s=%s", rows[i].name, rows[i].value);
		fprintf(stderr, "  %-22s %s\n", text, rows[i].help);
	}
	fputs("table: prints the figures of one or more runs as a table.\n", stderr);
}

/* ---- their values ---- */

static int take_number(unsigned *out, const char *text, unsigned min, unsigned max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max) {
		fprintf(stderr, "belfry-bench: '%s' is not a number within %u..%u\n", text, min,
			max);
		return -EINVAL;
	}
	*out = (unsigned)value;
	return 0;
}

static int take_choice(bool *out, const char *text, const char *yes, const char *no)
{
	*out = strcmp(text, yes) == 0;
	if (*out || strcmp(text, no) == 0)
		return 0;
	fprintf(stderr, "belfry-bench: '%s' is neither %s nor %s\n", text, yes, no);
	return -EINVAL;
}

static int take_profile(enum bf_srtp_profile *out, const char *text)
{
	*out = bf_srtp_profile_from_name(bf_bytes_str(text));
	if (*out != BF_SRTP_NONE)
		return 0;
	fprintf(stderr, "belfry-bench: no SRTP profile is called '%s'\n", text);
	return -EINVAL;
}

static int take_scenario(enum bench_scenario_kind *out, const char *text)
{
	for (unsigned i = 0; i < SCENARIO_COUNT; i++)
		if (strcmp(text, scenarios[i]) == 0) {
			*out = (enum bench_scenario_kind)i;
			return 0;
		}
	fprintf(stderr, "belfry-bench: no scenario is called '%s'\n", text);
	return -EINVAL;
}

static int take(struct bench_options *out, const struct row *row, const char *text)
{
	void *at = (char *)out + row->offset;

	switch (row->type) {
	case TYPE_HEADING:
		break;
	case TYPE_TEXT:
		*(const char **)at = text;
		return 0;
	case TYPE_NUMBER:
		return take_number(at, text, row->min, row->max);
	case TYPE_CHOICE:
		return take_choice(at, text, row->yes, row->no);
	case TYPE_PROFILE:
		return take_profile(at, text);
	case TYPE_SCENARIO:
		return take_scenario(at, text);
	}
	return -EINVAL;
}

/* getopt's form of the table: the value of an option is its row's number, and some. */
#define FIRST 256

static void make_long_options(struct option out[static ROW_COUNT + 1])
{
	size_t count = 0;

	for (size_t i = 0; i < ROW_COUNT; i++)
		if (rows[i].type != TYPE_HEADING)
			out[count++] = (struct option){.name = rows[i].name,
				.has_arg = required_argument,
				.val = (int)i + FIRST};
	out[count] = (struct option){0};
}

int bench_options_parse(struct bench_options *out, int argc, char **argv)
{
	struct option long_options[ROW_COUNT + 1];
	int option;

	*out = (struct bench_options){
		.adapter = "whip",
		.whip = "/whip/bench/p{n}",
		.whep = "/whep/bench/p{n}",
		.profile = BF_SRTP_AEAD_AES_128_GCM,
		.publishers = 1,
		.subscribers = 50,
		.late = UINT32_MAX,
		.participants = 8,
		.speakers = UINT32_MAX,
		.rooms = 100,
		.room_size = 4,
		.impair = {.loss_permille = 20, .reorder_permille = 10, .reorder_ms = 15},
		.seed = 1,
		.parallel = 32,
		.seconds = 10,
		.warmup_ms = 1000,
		.video_kbps = 1500,
		.video_fps = 30,
		.video_bytes = 1200,
		.has_audio = true,
		.sample = 20,
		.has_kernel_times = true,
		.has_gro = true,
	};
	make_long_options(long_options);
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (option < FIRST || take(out, &rows[option - FIRST], optarg) < 0)
			return -EINVAL;
	if (optind < argc || !out->server) {
		bench_options_print_usage();
		return -EINVAL;
	}
	out->impair.seed = out->seed;
	if (out->scenario == BENCH_JOIN_STORM)
		out->late = 0;
	else if (out->late > out->subscribers)
		out->late = out->subscribers / 10;
	return 0;
}
