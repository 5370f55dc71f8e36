#include "scripts/bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: belfry-bench run --server=http://HOST:PORT [options]\n"
	"       belfry-bench table FILE\n"
	"\n"
	"run: clients join, send and receive; measures, checks, prints and writes figures.\n"
	"  --scenario=NAME       (one-to-many) one-to-many, conference, audio-rooms, join-storm, "
	"impaired\n"
	"  --adapter=NAME        (whip) how the server is talked to: whip, belfry, janus\n"
	"  --server=URL          where the server answers HTTP\n"
	"  --pid=N               process of the server: its CPU time and memory are read from "
	"/proc\n"
	"  --local=IP            (that which reaches the server) address of this machine for "
	"media\n"
	"  --profile=NAME        (AEAD_AES_128_GCM) the only SRTP profile offered\n"
	"one-to-many, join-storm, impaired:\n"
	"  --publishers=N        (1) each with one video and one audio stream\n"
	"  --subscribers=N       (50) subscriber i plays publisher i modulo the publishers\n"
	"  --late=N              (a tenth) subscribers that join while media flows\n"
	"conference:\n"
	"  --participants=N      (8) everyone receives everyone else\n"
	"  --speakers=N          (all) send video and audio; the others only audio, in DTX\n"
	"audio-rooms:\n"
	"  --rooms=N             (100)    --room-size=N (4) participants of each\n"
	"media:\n"
	"  --video-kbps=N        (1500)    --video-fps=N (30)\n"
	"  --video-bytes=N       (1200) size of a video packet\n"
	"  --audio=on|off        (on) 50 packets a second\n"
	"the run:\n"
	"  --parallel=N          (32) joins in flight at once\n"
	"  --seconds=N           (10) length of the steady window\n"
	"  --warmup-ms=N         (1000) media before the window opens\n"
	"  --gro=on|off          (on) read trains of datagrams with UDP_GRO\n"
	"  --sample=N            (20) one packet in N is decrypted and its bytes are checked\n"
	"  --times=kernel|user   (kernel) when a packet came: at the socket, or when it was read\n"
	"  --json=FILE           figures\n"
	"servers:\n"
	"  --whip=PATH           whip: endpoint of publisher {n} (/whip/bench/p{n})\n"
	"  --whep=PATH           whip: endpoint that plays publisher {n} (/whep/bench/p{n})\n"
	"  --token=TEXT          whip: bearer token of both\n"
	"table: prints the figures of one or more runs as a table.\n";

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
	fputs(usage, stderr);
}

enum opt {
	OPT_SERVER = 256,
	OPT_WHIP,
	OPT_WHEP,
	OPT_TOKEN,
	OPT_PID,
	OPT_PUBLISHERS,
	OPT_SUBSCRIBERS,
	OPT_LATE,
	OPT_PARALLEL,
	OPT_SECONDS,
	OPT_WARMUP_MS,
	OPT_VIDEO_KBPS,
	OPT_VIDEO_FPS,
	OPT_VIDEO_BYTES,
	OPT_AUDIO,
	OPT_PROFILE,
	OPT_SAMPLE,
	OPT_TIMES,
	OPT_JSON,
	OPT_SCENARIO,
	OPT_ADAPTER,
	OPT_PARTICIPANTS,
	OPT_SPEAKERS,
	OPT_ROOMS,
	OPT_ROOM_SIZE,
	OPT_GRO,
	OPT_LOCAL,
};

static const struct option long_options[] = {
	{"server", required_argument, NULL, OPT_SERVER},
	{"whip", required_argument, NULL, OPT_WHIP},
	{"whep", required_argument, NULL, OPT_WHEP},
	{"token", required_argument, NULL, OPT_TOKEN},
	{"pid", required_argument, NULL, OPT_PID},
	{"publishers", required_argument, NULL, OPT_PUBLISHERS},
	{"subscribers", required_argument, NULL, OPT_SUBSCRIBERS},
	{"late", required_argument, NULL, OPT_LATE},
	{"parallel", required_argument, NULL, OPT_PARALLEL},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"warmup-ms", required_argument, NULL, OPT_WARMUP_MS},
	{"video-kbps", required_argument, NULL, OPT_VIDEO_KBPS},
	{"video-fps", required_argument, NULL, OPT_VIDEO_FPS},
	{"video-bytes", required_argument, NULL, OPT_VIDEO_BYTES},
	{"audio", required_argument, NULL, OPT_AUDIO},
	{"profile", required_argument, NULL, OPT_PROFILE},
	{"sample", required_argument, NULL, OPT_SAMPLE},
	{"times", required_argument, NULL, OPT_TIMES},
	{"json", required_argument, NULL, OPT_JSON},
	{"scenario", required_argument, NULL, OPT_SCENARIO},
	{"adapter", required_argument, NULL, OPT_ADAPTER},
	{"participants", required_argument, NULL, OPT_PARTICIPANTS},
	{"speakers", required_argument, NULL, OPT_SPEAKERS},
	{"rooms", required_argument, NULL, OPT_ROOMS},
	{"room-size", required_argument, NULL, OPT_ROOM_SIZE},
	{"local", required_argument, NULL, OPT_LOCAL},
	{"gro", required_argument, NULL, OPT_GRO},
	{NULL, 0, NULL, 0},
};

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

static int take(struct bench_options *out, int option, const char *text)
{
	unsigned number;
	int err;

	switch (option) {
	case OPT_SERVER:
		out->server = text;
		return 0;
	case OPT_WHIP:
		out->whip = text;
		return 0;
	case OPT_WHEP:
		out->whep = text;
		return 0;
	case OPT_TOKEN:
		out->token = text;
		return 0;
	case OPT_JSON:
		out->json = text;
		return 0;
	case OPT_PID:
		err = take_number(&number, text, 1, 1u << 30);
		if (!err)
			out->pid = (pid_t)number;
		return err;
	case OPT_PUBLISHERS:
		return take_number(&out->publishers, text, 1, 1000);
	case OPT_SUBSCRIBERS:
		return take_number(&out->subscribers, text, 1, BENCH_PEERS_MAX);
	case OPT_LATE:
		return take_number(&out->late, text, 0, BENCH_PEERS_MAX);
	case OPT_PARALLEL:
		return take_number(&out->parallel, text, 1, BENCH_PEERS_MAX);
	case OPT_SECONDS:
		return take_number(&out->seconds, text, 1, 3600);
	case OPT_WARMUP_MS:
		return take_number(&out->warmup_ms, text, 0, 600000);
	case OPT_VIDEO_KBPS:
		return take_number(&out->video_kbps, text, 1, 100000);
	case OPT_VIDEO_FPS:
		return take_number(&out->video_fps, text, 1, 240);
	case OPT_VIDEO_BYTES:
		return take_number(&out->video_bytes, text, 200, 1300);
	case OPT_AUDIO:
		return take_choice(&out->has_audio, text, "on", "off");
	case OPT_PROFILE:
		return take_profile(&out->profile, text);
	case OPT_SAMPLE:
		return take_number(&out->sample, text, 1, 10000);
	case OPT_TIMES:
		return take_choice(&out->has_kernel_times, text, "kernel", "user");
	case OPT_SCENARIO:
		return take_scenario(&out->scenario, text);
	case OPT_ADAPTER:
		out->adapter = text;
		return 0;
	case OPT_PARTICIPANTS:
		return take_number(&out->participants, text, 2, BENCH_PEERS_MAX);
	case OPT_SPEAKERS:
		return take_number(&out->speakers, text, 0, BENCH_PEERS_MAX);
	case OPT_ROOMS:
		return take_number(&out->rooms, text, 1, BENCH_PEERS_MAX);
	case OPT_ROOM_SIZE:
		return take_number(&out->room_size, text, 2, BENCH_PEERS_MAX);
	case OPT_LOCAL:
		out->local = text;
		return 0;
	case OPT_GRO:
		return take_choice(&out->has_gro, text, "on", "off");
	default:
		return -EINVAL; /* getopt_long has said why */
	}
}

int bench_options_parse(struct bench_options *out, int argc, char **argv)
{
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
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (take(out, option, optarg) < 0)
			return -EINVAL;
	if (optind < argc || !out->server) {
		bench_options_print_usage();
		return -EINVAL;
	}
	if (out->scenario == BENCH_JOIN_STORM)
		out->late = 0;
	else if (out->late > out->subscribers)
		out->late = out->subscribers / 10;
	return 0;
}
