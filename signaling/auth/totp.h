/* signaling/auth/totp.h - one-time codes of an authenticator app: a second factor; the door of liboath.
 *
 * SHA-1, 6 digits, 30 seconds: what every app does by default. The secret is the caller's to seal at rest.
 * Thread: any.   Limits: codes of the step before and after are taken too (clocks of phones).
 * Source: RFC 6238; RFC 4648 section 6 (base32); RFC 3986 section 2.1 (percent-encoding)
 */
#ifndef BF_SIGNALING_AUTH_TOTP_H
#define BF_SIGNALING_AUTH_TOTP_H

#include "core/base/bytes.h"

#define BF_TOTP_SECRET_BYTES 20
#define BF_TOTP_SECRET_TEXT  33 /* base32, and the NUL */
#define BF_TOTP_URI_BYTES    1024

void bf_totp_secret_make(uint8_t secret[static BF_TOTP_SECRET_BYTES]);

/* What people type into an app that cannot scan. -ENOMEM. */
int bf_totp_secret_format(
	const uint8_t secret[static BF_TOTP_SECRET_BYTES], char out[static BF_TOTP_SECRET_TEXT]);

/* The otpauth:// text that apps scan; `issuer` and `account` are UTF-8 of any kind. -ENOBUFS when they are too long, -ENOMEM. */
int bf_totp_uri(const uint8_t secret[static BF_TOTP_SECRET_BYTES], const char *issuer,
	const char *account, char out[static BF_TOTP_URI_BYTES]);

/* Is `code` the one at `now_s` (Unix time), of a step after `last_step` (0: none was used yet)? 0, and `step` is for the caller to
 * store, with a comparison, before the code counts. -EACCES: it is not, or was used. -EINVAL: that is not 6 digits. */
int bf_totp_verify(const uint8_t secret[static BF_TOTP_SECRET_BYTES], struct bf_bytes code,
	int64_t now_s, int64_t last_step, int64_t *step);

#endif
