/* core/seal/seal.h - files that only who has the key can read, or change unseen.
 *
 *   "BELFRY SEAL 1\n"  14 bytes
 *   salt               32 bytes, random
 *   chunk*             64 KiB of the file (the last one less, perhaps none), encrypted, and 16 bytes of tag behind each
 *
 * The file's key is HKDF-SHA256 of the given one with the salt; each chunk is sealed with AES-256-GCM under a nonce that counts them and
 * says which is the last: chunks cannot be swapped, left out or cut off (the STREAM construction).
 * Thread:  any that may wait for the disk.
 * Source:  RFC 5869 (HKDF), NIST SP 800-38D (GCM); Hoang, Reyhanitabar, Rogaway, Vizár 2015, "Online Authenticated-Encryption" (STREAM)
 */
#ifndef BF_CORE_SEAL_SEAL_H
#define BF_CORE_SEAL_SEAL_H

#include "core/base/bytes.h"

#define BF_SEAL_KEY_BYTES 32

/* The key in a file of 64 hex digits, as `openssl rand -hex 32` makes it. -EINVAL: it is none; -EPERM: others can read it; or why it cannot
 * be read. */
int bf_seal_key_read(
	uint8_t key[static BF_SEAL_KEY_BYTES], const char *path, char *why, size_t why_size);

/* Whether a file begins as sealed ones do. Negative: it cannot be read. */
int bf_seal_is_sealed(int fd);

/* From the descriptor's place to its end. -EIO and the like; -EBADMSG: another key, damaged, or cut off; then what was written is worth
 * nothing. */
int bf_seal_write(int to, int from, const uint8_t key[static BF_SEAL_KEY_BYTES]);
int bf_seal_read(int to, int from, const uint8_t key[static BF_SEAL_KEY_BYTES]);

#endif
