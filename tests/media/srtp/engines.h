/* tests/media/srtp/engines.h - every SRTP engine this machine runs, also as if its CPU were an older one. */
#ifndef BF_TESTS_MEDIA_SRTP_ENGINES_H
#define BF_TESTS_MEDIA_SRTP_ENGINES_H

#include "media/srtp/srtp_priv.h"

#define SRTP_ENGINES_MAX 8

struct srtp_engine_case {
	const char *name;
	struct bf_srtp_engine *engine;
};

struct srtp_engines {
	struct srtp_engine_case cases[SRTP_ENGINES_MAX];
	size_t count;
};

/* The first is libsrtp2, the reference. What this machine does not run is left out. */
void srtp_engines_open(struct srtp_engines *engines);
void srtp_engines_close(struct srtp_engines *engines);

#endif
