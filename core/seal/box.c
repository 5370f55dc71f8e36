#include "core/seal/box.h"

#include "core/base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NONCE_BYTES 12
#define TAG_BYTES   16

_Static_assert(NONCE_BYTES + TAG_BYTES == BF_BOX_MORE, "the header says how much larger a box is");

/* ---- the key ---- */

/* Only if there is no file: of two that begin at once, one makes it. */
static int make_key(const char *path)
{
	uint8_t key[BF_SEAL_KEY_BYTES];
	char text[2 * BF_SEAL_KEY_BYTES + 2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err = 0;

	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	bf_rand_bytes(key, sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	text[sizeof(text) - 2] = '\n';
	if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1 || fsync(fd))
		err = errno ? -errno : -EIO;
	close(fd);
	if (err)
		unlink(path);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	return err;
}

int bf_box_key(uint8_t key[static BF_SEAL_KEY_BYTES], const char *path, char *why, size_t why_size)
{
	int err = make_key(path);

	if (err) {
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	return bf_seal_key_read(key, path, why, why_size);
}

/* ---- boxes ---- */

static bool begin(EVP_CIPHER_CTX *cipher, const uint8_t *key, const uint8_t *nonce,
	struct bf_bytes what, bool is_sealing)
{
	int len;

	return EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, nonce, is_sealing) > 0 &&
	       EVP_CipherUpdate(cipher, NULL, &len, what.data, (int)what.len) > 0;
}

int bf_box_seal(uint8_t *out, const uint8_t key[static BF_SEAL_KEY_BYTES], struct bf_bytes what,
	struct bf_bytes plain)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t *at = out + NONCE_BYTES;
	int len, rest;
	bool ok;

	bf_rand_bytes(out, NONCE_BYTES);
	ok = cipher && begin(cipher, key, out, what, true) &&
	     EVP_CipherUpdate(cipher, at, &len, plain.data, (int)plain.len) > 0 &&
	     EVP_CipherFinal_ex(cipher, at + len, &rest) > 0 &&
	     EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, at + plain.len) > 0;
	EVP_CIPHER_CTX_free(cipher);
	return ok ? 0 : -ENOMEM;
}

int bf_box_open(uint8_t *out, const uint8_t key[static BF_SEAL_KEY_BYTES], struct bf_bytes what,
	struct bf_bytes box)
{
	size_t plain_len = box.len - BF_BOX_MORE;
	uint8_t tag[TAG_BYTES];
	EVP_CIPHER_CTX *cipher;
	int len, rest, err = 0;

	if (box.len < BF_BOX_MORE)
		return -EBADMSG;
	memcpy(tag, box.data + NONCE_BYTES + plain_len, TAG_BYTES);
	cipher = EVP_CIPHER_CTX_new();
	if (!cipher || !begin(cipher, key, box.data, what, false))
		err = -ENOMEM;
	else if (EVP_CipherUpdate(cipher, out, &len, box.data + NONCE_BYTES, (int)plain_len) <= 0 ||
		 EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) <= 0 ||
		 EVP_CipherFinal_ex(cipher, out + len, &rest) <= 0)
		err = -EBADMSG;
	EVP_CIPHER_CTX_free(cipher);
	return err;
}
