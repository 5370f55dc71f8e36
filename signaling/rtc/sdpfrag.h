/* signaling/rtc/sdpfrag.h - trickle ICE fragments, the bodies of PATCH in WHIP and WHEP.
 *
 * Only what a PATCH is about is read: credentials, candidates, the end of them. The worker checks the candidates themselves.
 * Owner:   views borrow the text.   Thread: any.   Never allocates.
 * Limits:  BF_SDPFRAG_CANDIDATES candidates, further ones are skipped (a peer's candidates matter little to an ICE-lite
 *          server); lines of BF_SDPFRAG_LINE bytes.
 * Source:  RFC 8840 sections 4.4 and 9.2, RFC 8839 section 5.4 (ice-ufrag, ice-pwd).
 */
#ifndef BF_SIGNALING_RTC_SDPFRAG_H
#define BF_SIGNALING_RTC_SDPFRAG_H

#include "core/base/bytes.h"

#define BF_SDPFRAG_CANDIDATES 32
#define BF_SDPFRAG_LINE	      1024

struct bf_sdpfrag {
	struct bf_bytes ufrag, pwd;			   /* data NULL: none */
	struct bf_bytes candidates[BF_SDPFRAG_CANDIDATES]; /* from "candidate:" on */
	unsigned candidate_count;
	bool is_end;
};

/* Accepts CRLF and LF. -EBADMSG with `why`, a static sentence: also when sections disagree about the credentials. */
int bf_sdpfrag_parse(struct bf_sdpfrag *out, struct bf_bytes text, const char **why);

#endif
