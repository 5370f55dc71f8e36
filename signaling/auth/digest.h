/* signaling/auth/digest.h - hashes (OpenSSL).
 *
 * Thread: any.   Source: FIPS 180-4; RFC 4648 section 4 (base64).
 */
#ifndef BF_SIGNALING_AUTH_DIGEST_H
#define BF_SIGNALING_AUTH_DIGEST_H

#include "core/base/bytes.h"

#define BF_SHA1_BYTES	20
#define BF_SHA256_BYTES 32

void bf_sha256(uint8_t out[static BF_SHA256_BYTES], struct bf_bytes bytes);

/* SHA-1, for protocols that prescribe it where nothing depends on its strength. -ENOTSUP: OpenSSL is configured without it. */
int bf_sha1(uint8_t out[static BF_SHA1_BYTES], struct bf_bytes bytes);

/* Base64 with padding, NUL-terminated. `out` has 4 * ((bytes.len + 2) / 3) + 1 bytes. */
void bf_base64_encode(char *out, struct bf_bytes bytes);

#endif
