/* scripts/bench/description.h - session descriptions as a client sees them: the offers and answers it writes, and what it has to
 * know of the other side's.
 *
 * Owner:   values.   Thread: one.
 * Limits:  BENCH_SECTIONS sections; texts of at most BENCH_SDP_MAX bytes.
 * Source:  shaped after what browsers write, with one codec of each kind.
 */
#ifndef BF_BENCH_DESCRIPTION_H
#define BF_BENCH_DESCRIPTION_H

#include "core/base/addr.h"
#include "media/dtls/dtls.h"
#include "media/sdp/sdp.h"
#include "scripts/bench/probe.h"

#define BENCH_SDP_MAX	  BF_SDP_TEXT_MAX
#define BENCH_SECTIONS	  BF_SDP_MEDIA
#define BENCH_UFRAG_BYTES 9
#define BENCH_PWD_BYTES	  33
#define BENCH_NAME_MAX	  257 /* of the other side's ufrag and password: RFC 8839 allows 256 */

/* Payload types of offers. Answers keep those of the offer. */
enum bench_pt {
	BENCH_PT_AUDIO = 111,
	BENCH_PT_VIDEO = 96,
	BENCH_PT_RTX = 97,
};

/* What this side says of itself. */
struct bench_local {
	char ufrag[BENCH_UFRAG_BYTES], pwd[BENCH_PWD_BYTES];
	const char *fingerprint;
	struct bf_addr addr; /* of its only candidate; family 0: none is written */
};

/* A stream that this side wants to send, or, without an SSRC, to receive. */
struct bench_track {
	enum bench_kind kind;
	uint32_t ssrc;
	uint32_t rtx_ssrc; /* of video */
};

/* One section of the other side's. */
struct bench_section {
	enum bench_kind kind;
	bool is_active; /* of an answer: accepted; of an offer: it will send */
	char mid[BF_SDP_MID_MAX + 1];
	uint8_t pt, rtx_pt;	 /* rtx_pt 0: none */
	uint32_t ssrc, rtx_ssrc; /* its own; 0: not said */
	struct bf_ext_map exts;
};

struct bench_remote {
	char ufrag[BENCH_NAME_MAX], pwd[BENCH_NAME_MAX];
	char hash[16], fingerprint[256];
	bool is_lite;
	bool is_active; /* it wants to be the DTLS client */
	struct bf_addr addr;
	struct bench_section sections[BENCH_SECTIONS];
	unsigned section_count;
};

/* Offer to send (sendonly) or to receive (recvonly) `tracks`, mids "0", "1", ... in their order. */
void bench_offer_write(char out[static BENCH_SDP_MAX], const struct bench_local *local,
	const struct bench_track *tracks, unsigned track_count, bool is_sender);

/* Accept to receive all that `offer` sends. We are the DTLS client. */
void bench_answer_write(char out[static BENCH_SDP_MAX], const struct bench_local *local,
	const struct bench_remote *offer);

/* Read an offer or answer. `scratch` is used for parsing. Of several UDP candidates that one is taken which has the address
 * `near`, else the one of its family that has the highest priority. On failure `why` says what was missing. */
int bench_description_read(struct bench_remote *out, struct bf_sdp *scratch, const char *text,
	const struct bf_addr *near, char *why, size_t why_size);

/* The first section of `kind` that is active; NULL if there is none. */
const struct bench_section *bench_remote_section(
	const struct bench_remote *remote, enum bench_kind kind);

#endif
