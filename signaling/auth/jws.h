/* signaling/auth/jws.h - signed tokens in compact form: what is common to those of rooms and those of people (the door of libcjose).
 *
 * A key has one algorithm: ES256 for a P-256 key, HS256 for a secret. The header's alg is checked against the key, never the other way
 * round; "none", encryption, critical extensions and detached payloads are refused.
 * Owner:   the caller.   Thread: any, a set of keys by one at a time.
 * Limits:  tokens of BF_JWS_TOKEN_MAX bytes, BF_JWS_KEY_COUNT_MAX keys.
 * Source:  RFC 7515, RFC 7518 sections 3.2 and 3.4, RFC 7519, RFC 8725 sections 3.1, 3.2 and 3.11.
 */
#ifndef BF_SIGNALING_AUTH_JWS_H
#define BF_SIGNALING_AUTH_JWS_H

#include "core/base/json.h"

#define BF_JWS_TOKEN_MAX     4096
#define BF_JWS_KEY_COUNT_MAX 16
#define BF_JWS_SKEW_S	     30 /* clocks may differ by */

struct _cjose_jwk_int; /* libcjose's key */

struct bf_jws_keys {
	struct _cjose_jwk_int *list[BF_JWS_KEY_COUNT_MAX];
	unsigned count;
};

/* Releases the keys. */
void bf_jws_keys_deinit(struct bf_jws_keys *keys);

/* The claims of a token that one of `keys` has signed, to be freed by the caller; `typ` is what the header's type must be ("JWT" may also
 * be missing). -EBADMSG: no token; -EACCES: header or signature. `why` is a static sentence. */
int bf_jws_open(struct bf_json **out, const struct bf_jws_keys *keys, struct bf_bytes token,
	const char *typ, const char **why);

/* Signs `claims` with the first key. out[BF_JWS_TOKEN_MAX + 1] always suffices. -ENOBUFS: longer than a token may be; -ENOMEM. */
int bf_jws_seal(char *out, size_t out_size, const struct bf_jws_keys *keys, const char *typ,
	const struct bf_json *claims);

/* Whether `now_s` is within exp and nbf, by the skew. -EINVAL: exp is missing, or one of them or iat is no integer; -ETIME. */
int bf_jws_check_times(
	const struct bf_json *claims, int64_t now_s, int64_t *expires_s, const char **why);

/* The public halves as a JWK set (RFC 7517 section 5), without secrets; to be freed by the caller. NULL without memory. */
struct bf_json *bf_jws_public_set(const struct bf_jws_keys *keys);

/* Gives a P-256 key its thumbprint (RFC 7638) as kid, which tokens then carry. -EINVAL: another kind of key; -ENOMEM. */
int bf_jws_name(struct bf_jws_keys *keys, unsigned idx);

/* Base64url's letters and dots: what tokens and the names of rooms are made of. */
bool bf_jws_is_dotted(struct bf_bytes text);

#endif
