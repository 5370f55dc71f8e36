#include "signaling/auth/join_token.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fresh file: an existing key is never written over. */
static FILE *create(const char *path, mode_t mode, int *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	*err = file ? 0 : -errno;
	if (!file && fd >= 0)
		close(fd);
	return file;
}

static int write_half(EVP_PKEY *key, bool is_private, const char *path, char *why, size_t why_size)
{
	int err;
	FILE *file = create(path, is_private ? 0600 : 0644, &err);
	bool is_written;

	if (!file) {
		snprintf(why, why_size, "%s: %s", path, strerror(-err));
		return err;
	}
	is_written = is_private ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1
				: PEM_write_PUBKEY(file, key) == 1;
	if (fclose(file) || !is_written) {
		snprintf(why, why_size, "%s: cannot be written", path);
		return -EIO;
	}
	return 0;
}

int bf_join_keygen(const char *private_path, const char *public_path, char *why, size_t why_size)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int err = -ENOMEM;

	snprintf(why, why_size, "no key could be made");
	if (key)
		err = write_half(key, true, private_path, why, why_size);
	if (!err)
		err = write_half(key, false, public_path, why, why_size);
	EVP_PKEY_free(key);
	return err;
}
