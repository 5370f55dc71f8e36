/* signaling/auth/access_token.h - access tokens: who somebody is and what they may do, for an hour.
 *
 * A JWT of type "at+jwt" (RFC 9068), signed with ES256, or with HS256 where a secret is configured. It names its session: what is revoked is
 * not asked of the token but of the server. Its permissions are those of the moment it was made.
 * Owner:   the caller.   Thread: any.
 * Source:  RFC 9068, RFC 7519, RFC 8725.
 */
#ifndef BF_SIGNALING_AUTH_ACCESS_TOKEN_H
#define BF_SIGNALING_AUTH_ACCESS_TOKEN_H

#include "core/base/id.h"
#include "signaling/auth/jws.h"

#define BF_ACCESS_TOKEN_S 3600

struct bf_access {
	struct bf_uuid user, org, session;
	uint64_t permissions;
	int64_t expires_s; /* seconds since 1970 */
};

/* Whose tokens they are, and for whom. Texts are lent. */
struct bf_access_issuer {
	struct bf_jws_keys keys; /* the first signs, each verifies: so keys can be changed */
	const char *issuer, *audience;
};

/* out[BF_JWS_TOKEN_MAX + 1]. expires_s is set to `now_s` and an hour. -ENOMEM. */
int bf_access_issue(
	char *out, const struct bf_access_issuer *issuer, struct bf_access *access, int64_t now_s);

/* -EBADMSG: no token; -EACCES: not one of ours: signature, type, issuer, audience; -ETIME: it is over; -EINVAL: a claim is missing. `why` is
 * a static sentence. */
int bf_access_verify(struct bf_access *out, const struct bf_access_issuer *issuer,
	struct bf_bytes token, int64_t now_s, const char **why);

#endif
