#include "signaling/auth/bcrypt.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

/* $2b$12$ and 22 letters of salt, 31 of hash */
#define COST_AT	   4
#define HEAD_LEN   7
#define HASH_LEN   60
#define COST_LEAST 4

bool bf_bcrypt_is(const char *hash)
{
	return strncmp(hash, "$2a$", COST_AT) == 0 || strncmp(hash, "$2b$", COST_AT) == 0 ||
	       strncmp(hash, "$2y$", COST_AT) == 0;
}

static const char *what_is_wrong(const char *hash)
{
	static const char letters[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	int cost;

	if (!bf_bcrypt_is(hash) || strlen(hash) != HASH_LEN || hash[HEAD_LEN - 1] != '$' ||
		strspn(hash + COST_AT, "0123456789") != 2 ||
		strspn(hash + HEAD_LEN, letters) != HASH_LEN - HEAD_LEN)
		return "is no hash of bcrypt";
	cost = (hash[COST_AT] - '0') * 10 + hash[COST_AT + 1] - '0';
	if (cost < COST_LEAST)
		return "is no hash of bcrypt";
	return cost > BF_BCRYPT_COST_MAX ? "has a cost above 14" : NULL;
}

int bf_bcrypt_verify(const char *password, const char *hash, const char **why)
{
	const char *wrong = what_is_wrong(hash), *made;
	struct crypt_data *data;
	int err = -EACCES;

	if (wrong) {
		if (why)
			*why = wrong;
		return -EINVAL;
	}
	data = calloc(1, sizeof(*data)); /* 32 KiB: too much for the stack of a thread */
	if (!data)
		return -ENOMEM;
	made = crypt_r(password, hash, data);
	if (made && strlen(made) == HASH_LEN && CRYPTO_memcmp(made, hash, HASH_LEN) == 0)
		err = 0;
	OPENSSL_cleanse(data, sizeof(*data));
	free(data);
	return err;
}
