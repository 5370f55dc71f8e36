/* signaling/rtc/ice_servers.h - the STUN and TURN servers clients are told of, with TURN credentials that run out.
 *
 * The user name is "<expiry>:<name>", the credential base64(HMAC-SHA1(secret, user name)): a TURN server with the same secret
 * checks it without asking us.
 * Owner:   borrows the configuration's strings.   Thread: control.
 * Source:  RFC 7065 and 7064 (URIs), draft-uberti-behave-turn-rest-00, RFC 9725 section 4.6 (Link).
 */
#ifndef BF_SIGNALING_RTC_ICE_SERVERS_H
#define BF_SIGNALING_RTC_ICE_SERVERS_H

#include "core/base/json.h"

#define BF_ICE_CREDENTIAL_S  (12 * 3600)
#define BF_ICE_USERNAME_TEXT 64
#define BF_ICE_PASSWORD_TEXT 32 /* 20 bytes as base64: 28 characters */
#define BF_ICE_LINK_TEXT     512

struct bf_ice_servers {
	char *const *urls;
	unsigned url_count;
	const char *turn_secret; /* NULL or empty: TURN servers are named without credentials */
};

struct bf_ice_credential {
	char username[BF_ICE_USERNAME_TEXT];
	char password[BF_ICE_PASSWORD_TEXT];
};

/* Valid for BF_ICE_CREDENTIAL_S from `now_s` (seconds since 1970); `name` is an id of ours, at most 32 characters. */
void bf_ice_credential_make(
	struct bf_ice_credential *out, const char *secret, int64_t now_s, const char *name);

/* The array for connection_established. */
struct bf_json *bf_ice_servers_json(
	const struct bf_ice_servers *servers, int64_t now_s, const char *name);

/* The value of the Link field for server `idx`. -ENOBUFS when it does not fit. */
int bf_ice_servers_link(const struct bf_ice_servers *servers, unsigned idx, int64_t now_s,
	const char *name, char *out, size_t size);

#endif
