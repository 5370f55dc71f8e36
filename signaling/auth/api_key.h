/* signaling/auth/api_key.h - the text of API keys: bf_live_<id>_<secret><check>.
 *
 * `id` is 32 hex digits, by which the key is found; `secret` 43 base62 letters (256 random bits), kept as SHA-256 only; `check`
 * 6 base62 letters, the CRC-32C of all before it: a typo costs no look-up, and scanners of leaks know a key when they see one.
 * Thread: any.
 */
#ifndef BF_SIGNALING_AUTH_API_KEY_H
#define BF_SIGNALING_AUTH_API_KEY_H

#include "core/base/bytes.h"
#include "signaling/auth/digest.h"

#define BF_API_KEY_TEXT	       91 /* the whole, and the NUL */
#define BF_API_KEY_ID_TEXT     33
#define BF_API_KEY_LAST_TEXT   5
#define BF_API_KEY_PREFIX_TEXT 41 /* bf_live_<id> */

enum bf_api_key_env {
	BF_API_KEY_LIVE,
	BF_API_KEY_TEST,
};

/* What is known of a key, and may be kept and shown: all but the secret. */
struct bf_api_key_parts {
	enum bf_api_key_env env;
	char public_id[BF_API_KEY_ID_TEXT];
	uint8_t secret_hash[BF_SHA256_BYTES];
	char last_four[BF_API_KEY_LAST_TEXT]; /* of the text */
};

/* A new key: `text` is shown once and then forgotten. */
void bf_api_key_make(
	struct bf_api_key_parts *parts, char text[static BF_API_KEY_TEXT], enum bf_api_key_env env);

/* -EINVAL: not of this form, or the check fails. Whether there is such a key is for who compares `secret_hash`. */
int bf_api_key_parse(struct bf_api_key_parts *parts, struct bf_bytes text);

/* Is the stored hash that of the key shown? In constant time. */
bool bf_api_key_is(const struct bf_api_key_parts *parts, struct bf_bytes stored_hash);

/* Its beginning, for lists: bf_live_<id>. */
void bf_api_key_prefix(
	const struct bf_api_key_parts *parts, char out[static BF_API_KEY_PREFIX_TEXT]);

#endif
