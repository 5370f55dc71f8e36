/* media/srtp/kdf_priv.h - session keys out of a master key and salt.
 *
 * Owner:   an engine.   Thread: its own.
 * Source:  RFC 3711 section 4.3 with key derivation rate 0, RFC 6188 section 3 (256 bits), RFC 7714 section 11 (salts of 12
 *          bytes).
 */
#ifndef BF_MEDIA_SRTP_KDF_PRIV_H
#define BF_MEDIA_SRTP_KDF_PRIV_H

#include "media/srtp/srtp.h"

#include <openssl/evp.h>

#define BF_SRTP_CIPHER_KEY_MAX 32
#define BF_SRTP_AUTH_KEY       20
#define BF_SRTP_SALT_MAX       14

/* Of RTP or of RTCP. */
struct bf_srtp_session_keys {
	uint8_t key[BF_SRTP_CIPHER_KEY_MAX];
	uint8_t auth[BF_SRTP_AUTH_KEY]; /* for HMAC-SHA1; not with GCM */
	uint8_t salt[BF_SRTP_SALT_MAX];
};

/* AES in counter mode is the pseudo-random function of all profiles. */
struct bf_srtp_kdf {
	/* owned */
	EVP_CIPHER *ctr_128, *ctr_256;
};

/* -ENOTSUP: OpenSSL was built or configured without. */
int bf_srtp_kdf_init(struct bf_srtp_kdf *kdf);
void bf_srtp_kdf_deinit(struct bf_srtp_kdf *kdf);

/* The caller wipes what it gets. -ENOMEM. */
int bf_srtp_kdf_derive(const struct bf_srtp_kdf *kdf, struct bf_srtp_session_keys *rtp,
	struct bf_srtp_session_keys *rtcp, enum bf_srtp_profile profile,
	const struct bf_srtp_key *master);

#endif
