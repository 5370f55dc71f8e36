#include "signaling/auth/password.h"

#include "core/base/rand.h"

#include <argon2.h>
#include <errno.h>

#define MEMORY_KIB 19456
#define PASSES	   2
#define LANES	   1
#define HASH_BYTES 32

int bf_password_hash(
	const char *password, const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES])
{
	uint8_t made[BF_PASSWORD_SALT_BYTES];

	if (!salt)
		bf_rand_bytes(made, sizeof(made));
	return argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password),
		       salt ? salt : made, BF_PASSWORD_SALT_BYTES, HASH_BYTES, out,
		       BF_PASSWORD_HASH_BYTES) == ARGON2_OK
		       ? 0
		       : -ENOMEM;
}

int bf_password_verify(const char *password, const char *hash)
{
	switch (argon2id_verify(hash, password, strlen(password))) {
	case ARGON2_OK:
		return 0;
	case ARGON2_VERIFY_MISMATCH:
		return -EACCES;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

void bf_password_make(char out[static BF_PASSWORD_MADE_BYTES])
{
	static const char letters[] = "abcdefghjkmnpqrstvwxyz0123456789"; /* none that look alike */
	uint8_t random[BF_PASSWORD_MADE_BYTES - 1];

	bf_rand_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		out[i] = i % 6 == 5 ? '-' : letters[random[i] % 32];
	out[sizeof(random)] = '\0';
	explicit_bzero(random, sizeof(random));
}
