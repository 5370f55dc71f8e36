/* core/base/id.h - identifiers: 64-bit ids shown as 16 hex digits, UUIDv7, random tokens.
 *
 * Thread: any. Source: RFC 9562 section 5.7 (UUIDv7), RFC 4648 section 5 (base64url).
 */
#ifndef BF_CORE_BASE_ID_H
#define BF_CORE_BASE_ID_H

#include "core/base/bytes.h"

#define BF_ID_TEXT   17 /* 16 lower-case hex digits and the NUL */
#define BF_UUID_TEXT 37

/* A random id, never 0. */
uint64_t bf_id_new(void);
const char *bf_id_format(uint64_t id, char out[static BF_ID_TEXT]);

/* Exactly 16 hex digits; -EINVAL otherwise, and for 0. */
int bf_id_parse(uint64_t *out, struct bf_bytes text);

struct bf_uuid {
	uint8_t bytes[16];
};

/* UUIDv7 of the wall clock; ids made by one process are strictly ascending. */
struct bf_uuid bf_uuid_make(void);
const char *bf_uuid_format(struct bf_uuid uuid, char out[static BF_UUID_TEXT]);

/* The usual form, 8-4-4-4-12 hex digits of either case (RFC 9562 section 4), of any version; -EINVAL otherwise. */
int bf_uuid_parse(struct bf_uuid *out, struct bf_bytes text);

static inline bool bf_uuid_equal(struct bf_uuid a, struct bf_uuid b)
{
	return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

/* bf_uuid_make as text. */
const char *bf_uuid_new(char out[static BF_UUID_TEXT]);

/* `byte_count` random bytes as base64url without padding, NUL-terminated; out_size >= 4*n/3+2. */
void bf_token_new(char *out, size_t out_size, size_t byte_count);

/* Base64url without padding (also accepts padding when decoding). Returns the length written, or -EINVAL /
 * -ENOBUFS. */
int bf_base64url_encode(char *out, size_t out_size, struct bf_bytes bytes);
int bf_base64url_decode(uint8_t *out, size_t out_size, struct bf_bytes text);

#endif
