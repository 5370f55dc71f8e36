/* tests/media/srtp/hex.h - vectors as RFCs write them. After cmocka's headers. */
#ifndef BF_TESTS_MEDIA_SRTP_HEX_H
#define BF_TESTS_MEDIA_SRTP_HEX_H

#include <stddef.h>
#include <stdint.h>

/* RFC 7714 sections 16 and 17: the plain packets. */
extern const char gcm_plain_rtp[], gcm_plain_rtcp[];

/* Returns how many bytes. */
size_t unhex(uint8_t *out, const char *hex);
void assert_hex(const uint8_t *data, size_t len, const char *hex);

#endif
