/* signaling/auth/recovery.h - codes on paper, for who lost the second factor: each is good once.
 *
 * A code is 12 letters of Crockford's base32 (60 random bits), shown as XXXX-XXXX-XXXX; kept as SHA-256 only, which is enough
 * for that many random bits.   Thread: any.   Source: Crockford's Base32
 */
#ifndef BF_SIGNALING_AUTH_RECOVERY_H
#define BF_SIGNALING_AUTH_RECOVERY_H

#include "core/base/bytes.h"
#include "signaling/auth/digest.h"

#define BF_RECOVERY_CODE_COUNT 10
#define BF_RECOVERY_CODE_TEXT  15
#define BF_RECOVERY_TYPED_MAX  64

void bf_recovery_code_make(char out[static BF_RECOVERY_CODE_TEXT]);

/* The hash of what somebody typed: in either case, with or without spaces and dashes, O for 0, I and L for 1.
 * -EINVAL: that is no code. */
int bf_recovery_code_hash(uint8_t out[static BF_SHA256_BYTES], struct bf_bytes typed);

#endif
