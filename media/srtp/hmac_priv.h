/* media/srtp/hmac_priv.h - HMAC-SHA1 for keys that are used many times.
 *
 * The two hash states behind the padded key are made once (RFC 2104 section 4), which spares each packet two blocks, and are kept as
 * five words each, the form that libipsec-mb wants too.
 * Owner:   a bf_srtp.   Thread: that of its engine.
 */
#ifndef BF_MEDIA_SRTP_HMAC_PRIV_H
#define BF_MEDIA_SRTP_HMAC_PRIV_H

#include "core/base/bytes.h"

#define BF_SHA1_DIGEST 20

struct bf_hmac_sha1 {
	uint32_t inner[5], outer[5];
};

/* `key`: at most 64 bytes. The states are as secret as it is. */
void bf_hmac_sha1_init(struct bf_hmac_sha1 *hmac, struct bf_bytes key);

void bf_hmac_sha1(const struct bf_hmac_sha1 *hmac, struct bf_bytes message,
	uint8_t out[static BF_SHA1_DIGEST]);

#endif
