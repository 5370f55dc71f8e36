/* signaling/auth/password.h - hashes of passwords: Argon2id, in the PHC string that names its parameters; the door of libargon2.
 *
 * A hash takes some 20 MiB and tens of milliseconds on purpose. Those of bcrypt are checked too, to be replaced.
 * Thread: any that may wait.   Limits: a stored hash that asks for more than 256 MiB, 16 passes or 8 lanes is refused.
 * Source: RFC 9106; OWASP's parameters m = 19 MiB, t = 2, p = 1
 */
#ifndef BF_SIGNALING_AUTH_PASSWORD_H
#define BF_SIGNALING_AUTH_PASSWORD_H

#include "core/base/bytes.h"

#define BF_PASSWORD_HASH_BYTES 128
#define BF_PASSWORD_SALT_BYTES 16

struct bf_password_cost {
	uint32_t memory_kib;
	uint32_t passes;
	uint32_t lanes;
};

/* What a new hash costs unless the operator says otherwise. */
extern const struct bf_password_cost bf_password_cost_default;

/* At the default cost. `salt` NULL: a random one, as it should be. -ENOMEM. */
int bf_password_hash(
	const char *password, const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES]);

/* -EINVAL: a cost that bf_password_verify would refuse, or less than Argon2 allows. */
int bf_password_hash_at(const struct bf_password_cost *cost, const char *password,
	const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES]);

/* 0: it is this one. -EACCES: it is not. -EINVAL: that is no hash that we check, or it costs too much. -ENOMEM. */
int bf_password_verify(const char *password, const char *hash);

#define BF_PASSWORD_MADE_BYTES 24

/* A random one for once, easily typed: four groups of five letters and digits, 100 bits. */
void bf_password_make(char out[static BF_PASSWORD_MADE_BYTES]);

/* Should it be made anew, now that the password is at hand? Yes for all but Argon2id at `cost` or above in each parameter. */
bool bf_password_needs_rehash(const char *hash, const struct bf_password_cost *cost);

#endif
