/* core/seal/box.h - a few bytes that only who has the key can read, or change unseen: secrets kept in a database.
 *
 *   nonce (12 bytes, random), the bytes encrypted with AES-256-GCM, tag (16 bytes)
 *
 * Owner:   the caller.   Thread: any.   Source: NIST SP 800-38D
 * Limits:  2^32 boxes of one key.
 */
#ifndef BF_CORE_SEAL_BOX_H
#define BF_CORE_SEAL_BOX_H

#include "core/seal/seal.h"

#define BF_BOX_MORE 28 /* bytes that a box has more than what is in it */

/* Read the key in a file of 64 hex digits, and make it where there is none, so that only its owner can read it. -EINVAL, -EPERM, ... with
 * `why`. */
int bf_box_key(uint8_t key[static BF_SEAL_KEY_BYTES], const char *path, char *why, size_t why_size);

/* `what` is not in the box, but it opens with the same only: whose secret it is. `out` has plain.len + BF_BOX_MORE bytes. -ENOMEM. */
int bf_box_seal(uint8_t *out, const uint8_t key[static BF_SEAL_KEY_BYTES], struct bf_bytes what,
	struct bf_bytes plain);

/* `out` has box.len - BF_BOX_MORE bytes. -EBADMSG: another key, another `what`, or damaged. -ENOMEM. */
int bf_box_open(uint8_t *out, const uint8_t key[static BF_SEAL_KEY_BYTES], struct bf_bytes what,
	struct bf_bytes box);

#endif
