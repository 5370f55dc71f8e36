/* scripts/bench/offer.h - the offers of publishers and players, and what is to be known of the answers.
 *
 * Owner:   values.   Thread: one.
 * Source:  shaped after what browsers offer, with one codec of each kind.
 */
#ifndef BF_BENCH_OFFER_H
#define BF_BENCH_OFFER_H

#include "core/base/addr.h"
#include "media/dtls/dtls.h"
#include "media/sdp/sdp.h"
#include "scripts/bench/probe.h"

#define BENCH_OFFER_MAX	  8192
#define BENCH_UFRAG_BYTES 9
#define BENCH_PWD_BYTES	  33
#define BENCH_NAME_MAX	  257 /* of the other side's ufrag and password: RFC 8839 allows 256 */

enum bench_pt {
	BENCH_PT_AUDIO = 111,
	BENCH_PT_VIDEO = 96,
	BENCH_PT_RTX = 97,
};

/* What this side says of itself. */
struct bench_local {
	bool is_sender;
	bool has_audio;
	char ufrag[BENCH_UFRAG_BYTES], pwd[BENCH_PWD_BYTES];
	const char *fingerprint;
	uint32_t audio_ssrc, video_ssrc, rtx_ssrc; /* of a sender */
};

/* What the answer says. */
struct bench_remote {
	char ufrag[BENCH_NAME_MAX], pwd[BENCH_NAME_MAX];
	char hash[16], fingerprint[256];
	enum bf_dtls_role role; /* ours */
	struct bf_addr addr;
	struct bf_ext_map exts[BENCH_KIND_COUNT];
	bool has[BENCH_KIND_COUNT]; /* the section was accepted */
};

void bench_offer_write(char out[static BENCH_OFFER_MAX], const struct bench_local *local);

/* `scratch` is used for parsing. Of several UDP candidates that one is taken which has the address `near`, else the one of
 * highest priority. On failure `why` says what was missing. */
int bench_offer_read_answer(struct bench_remote *out, struct bf_sdp *scratch, const char *answer,
	const struct bf_addr *near, char *why, size_t why_size);

#endif
