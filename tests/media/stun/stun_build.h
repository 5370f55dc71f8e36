/* tests/media/stun/stun_build.h - STUN messages made by hand, right or wrong as the test wants.
 *
 * Written from RFC 8489 and apart from libnice, so that the two check each other.
 */
#ifndef BF_TESTS_MEDIA_STUN_STUN_BUILD_H
#define BF_TESTS_MEDIA_STUN_STUN_BUILD_H

#include "core/base/bytes.h"

#define STUN_REQUEST_TYPE    0x0001
#define STUN_INDICATION_TYPE 0x0011
#define STUN_SUCCESS_TYPE    0x0101
#define STUN_ERROR_TYPE	     0x0111

struct stun_build {
	uint8_t bytes[2048];
	size_t len;
};

void stun_begin(struct stun_build *build, uint16_t type, uint8_t tid_byte);
void stun_attr(struct stun_build *build, uint16_t type, const void *value, size_t len);
void stun_attr_u32(struct stun_build *build, uint16_t type, uint32_t value);
void stun_attr_u64(struct stun_build *build, uint16_t type, uint64_t value);
void stun_integrity(struct stun_build *build, const char *password);
void stun_fingerprint(struct stun_build *build);
struct bf_bytes stun_view(const struct stun_build *build);

/* A check as browsers send them. */
struct stun_check {
	const char *username;
	const char *password;
	uint32_t priority;
	bool use_candidate;
	bool is_controlled; /* instead of controlling */
};
void stun_check(struct stun_build *build, const struct stun_check *check);

/* The value of the first attribute of that type; data NULL when there is none. */
struct bf_bytes stun_find(struct bf_bytes message, uint16_t type);

/* Recomputed over the message; false also when the attribute is missing. */
bool stun_integrity_is_right(struct bf_bytes message, const char *password);
bool stun_fingerprint_is_right(struct bf_bytes message);

/* Of ERROR-CODE; 0 when there is none. */
int stun_error_code(struct bf_bytes message);

#endif
