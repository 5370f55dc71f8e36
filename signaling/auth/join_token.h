/* signaling/auth/join_token.h - join tokens: who may do what in which room (the door of libcjose).
 *
 * Owner:   main.c makes the verifier.   Thread: control.
 * Limits:  BF_JOIN_TOKEN_MAX bytes of token, BF_JOIN_KEYS keys. Only ES256 is accepted; the header's alg is checked against the
 *          key, never the other way round. Clock skew of 30 s is forgiven.
 * Source:  RFC 7515, RFC 7518 section 3.4, RFC 7519, RFC 8725.
 */
#ifndef BF_SIGNALING_AUTH_JOIN_TOKEN_H
#define BF_SIGNALING_AUTH_JOIN_TOKEN_H

#include "core/base/bytes.h"

#define BF_JOIN_TOKEN_MAX 4096
#define BF_JOIN_KEYS	  16
#define BF_ROOM_TEXT	  65
#define BF_NAME_TEXT	  257

struct bf_join_grants {
	char room[BF_ROOM_TEXT]; /* "*": any */
	char name[BF_NAME_TEXT]; /* "": the client chooses */
	char org[BF_ROOM_TEXT];	 /* whose rooms; "": nobody's in particular */
	uint32_t grants;	 /* enum bf_grant of media/media_msg.h */
	int64_t expires_s;	 /* seconds since 1970 */
};

struct bf_join_verifier;

/* Read the public keys (PEM or JWK, one per file). -EINVAL or -ENOENT with `why` naming the file. */
int bf_join_verifier_new(struct bf_join_verifier **out, char *const *key_paths, unsigned key_count,
	char *why, size_t why_size);
void bf_join_verifier_free(struct bf_join_verifier *verifier);

/* -EBADMSG not a token, -EACCES bad signature or algorithm, -ETIME expired or not yet valid, -EINVAL a claim is missing or of the
 * wrong type; `why` is a static sentence. */
int bf_join_verify(struct bf_join_grants *out, const struct bf_join_verifier *verifier,
	struct bf_bytes token, int64_t now_s, const char **why);

/* Make a token for `grants`, signed with the private key (PEM or JWK, P-256) at `key_path`; written with its NUL to out[out_size]
 * (BF_JOIN_TOKEN_MAX + 1 always suffices). -ENOENT, -EACCES, -EINVAL: the key; -ENOBUFS: the token would be too long; `why` says
 * what. For the command line and for tests: a server holds no private key. */
int bf_join_sign(char *out, size_t out_size, const char *key_path,
	const struct bf_join_grants *grants, int64_t now_s, char *why, size_t why_size);

/* Make a key pair (ES256) as PEM: the private half at `private_path` with mode 0600, the public half at `public_path`. Neither file
 * may exist yet: -EEXIST; other errors of open(2); `why` names the file. */
int bf_join_keygen(const char *private_path, const char *public_path, char *why, size_t why_size);

#endif
