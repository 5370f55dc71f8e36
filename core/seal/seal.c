#include "core/seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SALT_BYTES  32
#define TAG_BYTES   16
#define NONCE_BYTES 12
#define CHUNK_BYTES ((size_t)64 << 10)

static const char magic[] = "BELFRY SEAL 1\n";
#define MAGIC_BYTES (sizeof(magic) - 1)

struct work {
	/* given */
	int to, from;
	bool is_opening;
	/* owned */
	EVP_CIPHER_CTX *cipher;
	uint8_t *block, *next; /* CHUNK_BYTES and a tag each */
	/* state */
	uint64_t chunk_idx;
};

/* ---- whole reads and writes ---- */

/* As many as there are, at most `len`. */
static ssize_t read_up_to(int fd, uint8_t *at, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t some = read(fd, at + got, len - got);

		if (some < 0 && errno == EINTR)
			continue;
		if (some < 0)
			return -errno;
		if (some == 0)
			break;
		got += (size_t)some;
	}
	return (ssize_t)got;
}

static int write_all(int fd, const uint8_t *at, size_t len)
{
	while (len > 0) {
		ssize_t some = write(fd, at, len);

		if (some < 0 && errno == EINTR)
			continue;
		if (some < 0)
			return -errno;
		at += some;
		len -= (size_t)some;
	}
	return 0;
}

/* ---- keys ---- */

static int derive(uint8_t out[static BF_SEAL_KEY_BYTES], const uint8_t *key, const uint8_t *salt)
{
	EVP_PKEY_CTX *kdf = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	size_t len = BF_SEAL_KEY_BYTES;
	bool is_good =
		kdf && EVP_PKEY_derive_init(kdf) > 0 &&
		EVP_PKEY_CTX_set_hkdf_md(kdf, EVP_sha256()) > 0 &&
		EVP_PKEY_CTX_set1_hkdf_key(kdf, key, BF_SEAL_KEY_BYTES) > 0 &&
		EVP_PKEY_CTX_set1_hkdf_salt(kdf, salt, SALT_BYTES) > 0 &&
		EVP_PKEY_CTX_add1_hkdf_info(kdf, (const uint8_t *)magic, (int)MAGIC_BYTES) > 0 &&
		EVP_PKEY_derive(kdf, out, &len) > 0;

	EVP_PKEY_CTX_free(kdf);
	return is_good ? 0 : -ENOMEM;
}

static int parse_key(uint8_t *key, const char *text)
{
	for (size_t i = 0; i < BF_SEAL_KEY_BYTES; i++) {
		char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};

		if (strspn(digits, "0123456789abcdefABCDEF") != 2)
			return -EINVAL;
		key[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return text[64 + strspn(text + 64, " \r\n")] == '\0' ? 0 : -EINVAL;
}

int bf_seal_key_read(
	uint8_t key[static BF_SEAL_KEY_BYTES], const char *path, char *why, size_t why_size)
{
	char text[80] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat info;

	if (fd < 0 || fstat(fd, &info)) {
		err = -errno;
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
	} else if (info.st_mode & 077) {
		err = -EPERM;
		snprintf(why, why_size, "%s can be read by other users: chmod 600 %s", path, path);
	} else if (read_up_to(fd, (uint8_t *)text, sizeof(text) - 1) < 64 || parse_key(key, text)) {
		err = -EINVAL;
		snprintf(why, why_size,
			"%s is no key: 64 hex digits, as `openssl rand -hex 32` makes them", path);
	}
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, sizeof(text));
	return err;
}

/* ---- chunks ---- */

/* The counter, and in the last byte whether it is the last. */
static void make_nonce(uint8_t nonce[static NONCE_BYTES], uint64_t idx, bool is_last)
{
	memset(nonce, 0, NONCE_BYTES);
	bf_put_u64(nonce + 3, idx);
	nonce[NONCE_BYTES - 1] = is_last;
}

/* Seals, or opens, `len` bytes where they are; the tag stands behind them. */
static int turn_chunk(struct work *work, uint8_t *at, size_t len, bool is_last)
{
	uint8_t nonce[NONCE_BYTES];
	int got = 0;

	make_nonce(nonce, work->chunk_idx++, is_last);
	if (EVP_CipherInit_ex(work->cipher, NULL, NULL, NULL, nonce, !work->is_opening) <= 0)
		return -ENOMEM;
	if (work->is_opening &&
		EVP_CIPHER_CTX_ctrl(work->cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, at + len) <= 0)
		return -EBADMSG;
	if (len > 0 && EVP_CipherUpdate(work->cipher, at, &got, at, (int)len) <= 0)
		return -EBADMSG;
	if (EVP_CipherFinal_ex(work->cipher, at + got, &got) <= 0)
		return -EBADMSG;
	if (!work->is_opening &&
		EVP_CIPHER_CTX_ctrl(work->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, at + len) <= 0)
		return -ENOMEM;
	return 0;
}

/* One ahead, so that the last is known as such. */
static int turn_all(struct work *work)
{
	size_t in_bytes = CHUNK_BYTES + (work->is_opening ? TAG_BYTES : 0);
	ssize_t got = read_up_to(work->from, work->block, in_bytes), ahead = 0;

	do {
		uint8_t *done = work->block;
		size_t len = (size_t)got;
		int err;

		if (got < 0)
			return (int)got;
		ahead = len == in_bytes ? read_up_to(work->from, work->next, in_bytes) : 0;
		if (ahead < 0)
			return (int)ahead;
		if (work->is_opening && len < TAG_BYTES)
			return -EBADMSG;
		len -= work->is_opening ? TAG_BYTES : 0;
		err = turn_chunk(work, done, len, ahead == 0);
		if (!err)
			err = write_all(work->to, done, len + (work->is_opening ? 0 : TAG_BYTES));
		if (err)
			return err;
		work->block = work->next;
		work->next = done;
		got = ahead;
	} while (ahead > 0);
	return 0;
}

static int turn(struct work *work, const uint8_t *key, const uint8_t *salt)
{
	uint8_t own[BF_SEAL_KEY_BYTES];
	uint8_t *blocks = malloc(2 * (CHUNK_BYTES + TAG_BYTES));
	int err = derive(own, key, salt);

	work->block = blocks;
	work->next = blocks ? blocks + CHUNK_BYTES + TAG_BYTES : NULL;
	work->cipher = EVP_CIPHER_CTX_new();
	if (!err && (!blocks || !work->cipher ||
			    EVP_CipherInit_ex(work->cipher, EVP_aes_256_gcm(), NULL, own, NULL,
				    !work->is_opening) <= 0))
		err = -ENOMEM;
	if (!err)
		err = turn_all(work);
	if (blocks)
		explicit_bzero(blocks, 2 * (CHUNK_BYTES + TAG_BYTES));
	explicit_bzero(own, sizeof(own));
	EVP_CIPHER_CTX_free(work->cipher);
	free(blocks);
	return err;
}

int bf_seal_is_sealed(int fd)
{
	char begin[MAGIC_BYTES];
	ssize_t got = pread(fd, begin, sizeof(begin), 0);

	if (got < 0)
		return -errno;
	return got == (ssize_t)sizeof(begin) && memcmp(begin, magic, sizeof(begin)) == 0;
}

int bf_seal_write(int to, int from, const uint8_t key[static BF_SEAL_KEY_BYTES])
{
	struct work work = {.to = to, .from = from};
	uint8_t salt[SALT_BYTES];
	int err;

	if (RAND_bytes(salt, sizeof(salt)) <= 0)
		return -EIO;
	err = write_all(to, (const uint8_t *)magic, MAGIC_BYTES);
	if (!err)
		err = write_all(to, salt, sizeof(salt));
	return err ? err : turn(&work, key, salt);
}

int bf_seal_read(int to, int from, const uint8_t key[static BF_SEAL_KEY_BYTES])
{
	struct work work = {.to = to, .from = from, .is_opening = true};
	uint8_t begin[MAGIC_BYTES + SALT_BYTES];
	ssize_t got = read_up_to(from, begin, sizeof(begin));

	if (got < 0)
		return (int)got;
	if (got < (ssize_t)sizeof(begin) || memcmp(begin, magic, MAGIC_BYTES) != 0)
		return -EBADMSG;
	return turn(&work, key, begin + MAGIC_BYTES);
}
