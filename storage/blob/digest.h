/* storage/blob/digest.h - SHA-256 of bytes as they come.
 *
 * Owner:   whoever embeds it.   Thread: one.   Source: FIPS 180-4, by OpenSSL.
 */
#ifndef BF_STORAGE_BLOB_DIGEST_H
#define BF_STORAGE_BLOB_DIGEST_H

#include "core/base/bytes.h"

#define BF_BLOB_DIGEST_BYTES 32
#define BF_BLOB_DIGEST_HEX   65

struct bf_blob_digest {
	void *context; /* NULL: it has none */
};

/* -ENOMEM. */
int bf_blob_digest_init(struct bf_blob_digest *digest);

/* Accepts one that is zeroed. */
void bf_blob_digest_deinit(struct bf_blob_digest *digest);

void bf_blob_digest_add(struct bf_blob_digest *digest, struct bf_bytes bytes);

/* Of all that was added. Nothing can be added any more. */
void bf_blob_digest_end(struct bf_blob_digest *digest, uint8_t out[static BF_BLOB_DIGEST_BYTES]);

/* Of these bytes, as 64 digits. -ENOMEM. */
int bf_blob_digest_hex(struct bf_bytes bytes, char out[static BF_BLOB_DIGEST_HEX]);

#endif
