/* signaling/auth/password.h - hashes of passwords: Argon2id, in the PHC string that names its parameters; the door of libargon2.
 *
 * A hash takes some 20 MiB and tens of milliseconds on purpose.
 * Thread: any that may wait.   Source: RFC 9106; OWASP's parameters m = 19 MiB, t = 2, p = 1
 */
#ifndef BF_SIGNALING_AUTH_PASSWORD_H
#define BF_SIGNALING_AUTH_PASSWORD_H

#include "core/base/bytes.h"

#define BF_PASSWORD_HASH_BYTES 128
#define BF_PASSWORD_SALT_BYTES 16

/* `salt` NULL: a random one, as it should be. -ENOMEM. */
int bf_password_hash(
	const char *password, const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES]);

/* 0: it is this one. -EACCES: it is not. -EINVAL: that is no hash of ours. -ENOMEM. */
int bf_password_verify(const char *password, const char *hash);

#define BF_PASSWORD_MADE_BYTES 24

/* A random one for once, easily typed: four groups of five letters and digits, 100 bits. */
void bf_password_make(char out[static BF_PASSWORD_MADE_BYTES]);

#endif
