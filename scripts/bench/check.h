/* scripts/bench/check.h - ICE connectivity checks as a client sends them, and their answers.
 *
 * Written apart from the server's STUN code, so that the one checks the other.
 * Owner:   values.   Thread: any.   Never allocates.
 * Source:  RFC 8489 (STUN), RFC 8445 section 7.2 (checks), RFC 7675 (the same requests as consent).
 */
#ifndef BF_BENCH_CHECK_H
#define BF_BENCH_CHECK_H

#include "core/base/bytes.h"

#define BENCH_CHECK_MAX 512
#define BENCH_TID_BYTES 12

struct bench_check {
	const char *username; /* "theirs:ours" */
	const char *password; /* theirs */
	uint64_t tie_breaker;
	uint32_t priority;
	bool is_controlled; /* the other side nominates; else this is a request with USE-CANDIDATE */
};

/* A request, into out[size] with size >= BENCH_CHECK_MAX. Returns its length. */
size_t bench_check_write(uint8_t *out, size_t size, const struct bench_check *check,
	const uint8_t tid[static BENCH_TID_BYTES]);

/* Whether `packet` is the success that answers the request of that transaction, with integrity under the same password. */
bool bench_check_is_answer(
	struct bf_bytes packet, const uint8_t tid[static BENCH_TID_BYTES], const char *password);

#endif
