/* tests/media/srtp/srtp_ref.h - SRTP written out plainly from RFC 3711 and RFC 7714, to compare engines with.
 *
 * Slow and sending only; itself checked against the vectors of both RFCs.
 */
#ifndef BF_TESTS_MEDIA_SRTP_SRTP_REF_H
#define BF_TESTS_MEDIA_SRTP_SRTP_REF_H

#include "media/srtp/srtp.h"

struct srtp_ref_session {
	uint8_t key[32];
	uint8_t salt[14];
	uint8_t auth[20];
};

struct srtp_ref {
	enum bf_srtp_profile profile;
	struct srtp_ref_session rtp;
	struct srtp_ref_session rtcp;
};

void srtp_ref_init(
	struct srtp_ref *ref, enum bf_srtp_profile profile, const struct bf_srtp_key *key);

/* RFC 3711 section 4.3: `out_len` bytes for `label` out of a master key and its salt (12 or 14 bytes). */
void srtp_ref_derive(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
	const uint8_t *salt, size_t salt_len, uint8_t label);

/* AES counter mode: `len` zeros encrypted. */
void srtp_ref_keystream(
	uint8_t *out, size_t len, const uint8_t *key, size_t key_len, const uint8_t iv[static 16]);

/* In place, with room for BF_SRTP_OVERHEAD_MAX more. Return the new length. */
size_t srtp_ref_protect(
	const struct srtp_ref *ref, uint8_t *packet, size_t len, size_t header_len, uint32_t roc);
size_t srtp_ref_protect_rtcp(
	const struct srtp_ref *ref, uint8_t *packet, size_t len, uint32_t index);

#endif
