/* signaling/auth/join_key.h - keys of join tokens, read from PEM or JWK files. Private to the folder.
 *
 * Owner:   the caller frees.   Thread: any, one at a time.
 * Limits:  files of BF_JOIN_KEY_FILE bytes; only elliptic curve P-256, the one that ES256 uses.
 * Source:  RFC 7517, RFC 7518 section 6.2.
 */
#ifndef BF_SIGNALING_AUTH_JOIN_KEY_H
#define BF_SIGNALING_AUTH_JOIN_KEY_H

#include <cjose/cjose.h>
#include <stdbool.h>
#include <stddef.h>

#define BF_JOIN_KEY_FILE 16384

/* Read the key at `path`. A public key is wanted unless `is_private`, and a private one is refused then: it has no business on a
 * server that only verifies. -ENOENT, -EACCES: the file; -EINVAL: what is in it; `why` names it. */
int bf_join_key_read(
	cjose_jwk_t **out, const char *path, bool is_private, char *why, size_t why_size);

#endif
