/* signaling/auth/bcrypt.h - hashes of passwords that came from elsewhere: bcrypt, to be checked and replaced; the door of libcrypt.
 *
 * Thread: any that may wait.   Limits: cost 4 to BF_BCRYPT_COST_MAX, each step doubling the time (14: about a second).
 * Source: crypt(5), `$2a$`, `$2b$` and `$2y$`
 */
#ifndef BF_SIGNALING_AUTH_BCRYPT_H
#define BF_SIGNALING_AUTH_BCRYPT_H

#include "core/base/bytes.h"

#define BF_BCRYPT_COST_MAX 14

bool bf_bcrypt_is(const char *hash);

/* 0: it is this one. -EACCES: it is not. -EINVAL: that is no hash of bcrypt, or one that costs too much (`why`, may be NULL,
 * says which). -ENOMEM. */
int bf_bcrypt_verify(const char *password, const char *hash, const char **why);

#endif
