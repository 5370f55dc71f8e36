/* scripts/bench/options.h - what one run of the generator shall do.
 *
 * Owner:   main.c; read-only after parsing.   Thread: any.
 */
#ifndef BF_BENCH_OPTIONS_H
#define BF_BENCH_OPTIONS_H

#include "media/srtp/srtp.h"
#include "scripts/bench/impair.h"

#define BENCH_PEERS_MAX 20000

enum bench_scenario_kind {
	BENCH_ONE_TO_MANY,
	BENCH_CONFERENCE,
	BENCH_AUDIO_ROOMS,
	BENCH_JOIN_STORM, /* one to many, without media */
	BENCH_IMPAIRED,	  /* one to many, over a lossy network */
};

struct bench_options {
	enum bench_scenario_kind scenario;
	const char *adapter; /* how the server is talked to */
	const char *server;  /* http://host:port */
	unsigned pid;	     /* of the server, to read its CPU time and memory; 0: unknown */
	const char *
		local; /* this machine's IP address for media; NULL: that which reaches the server */
	enum bf_srtp_profile profile;
	/* one to many */
	unsigned publishers, subscribers;
	unsigned late; /* of the subscribers: join while media flows */
	/* conference; audio rooms */
	unsigned participants, speakers;
	unsigned rooms, room_size;
	/* impaired */
	struct bench_impair_conf impair;
	unsigned seed;
	/* media */
	unsigned video_kbps, video_fps;
	unsigned video_bytes; /* of an RTP packet before encryption */
	bool has_audio;
	/* the run */
	unsigned parallel; /* joins in flight at once */
	unsigned seconds;  /* of the steady window */
	unsigned
		interval; /* seconds of each part of it that has figures of its own; 0: it has no parts */
	unsigned warmup_ms;
	bool has_gro;	       /* trains of datagrams are read as such */
	unsigned sample;       /* one in so many packets is decrypted and checked */
	bool has_kernel_times; /* packets' arrival by the kernel's clock instead of when they are read */
	const char *json;      /* file for the figures; NULL: none */
	/* adapter whip */
	const char *whip, *whep; /* paths; {n} is replaced by the publisher's number */
	const char *token;	 /* for Authorization: Bearer; NULL: none */
};

/* Fill `out` from the command line. On error says why on stderr and returns -EINVAL. */
int bench_options_parse(struct bench_options *out, int argc, char **argv);

void bench_options_print_usage(void);

/* "one-to-many" ... */
const char *bench_scenario_name(enum bench_scenario_kind scenario);

#endif
