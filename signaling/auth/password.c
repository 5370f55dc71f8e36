#include "signaling/auth/password.h"

#include "core/base/rand.h"
#include "signaling/auth/bcrypt.h"

#include <argon2.h>
#include <errno.h>

#define MEMORY_KIB_MAX (256 * 1024)
#define PASSES_MAX     16
#define LANES_MAX      8
#define HASH_BYTES     32

const struct bf_password_cost bf_password_cost_default = {
	.memory_kib = 19456, .passes = 2, .lanes = 1};

static bool is_bearable(const struct bf_password_cost *cost)
{
	return cost->memory_kib <= MEMORY_KIB_MAX && cost->passes >= 1 &&
	       cost->passes <= PASSES_MAX && cost->lanes >= 1 && cost->lanes <= LANES_MAX &&
	       cost->memory_kib >= 8 * cost->lanes;
}

/* `name`, then a number and `end`. Digits are counted, so that none is too big to hold. */
static bool read_number(const char **at, const char *name, char end, uint32_t *out)
{
	size_t len = strlen(name), count;
	uint32_t value = 0;

	if (strncmp(*at, name, len) != 0)
		return false;
	count = strspn(*at + len, "0123456789");
	if (count == 0 || count > 9 || (*at)[len + count] != end)
		return false;
	for (size_t i = 0; i < count; i++)
		value = value * 10 + (uint32_t)((*at)[len + i] - '0');
	*at += len + count + 1;
	*out = value;
	return true;
}

static bool read_cost(struct bf_password_cost *cost, const char *hash)
{
	uint32_t version;

	return read_number(&hash, "$argon2id$v=", '$', &version) && version == ARGON2_VERSION_13 &&
	       read_number(&hash, "m=", ',', &cost->memory_kib) &&
	       read_number(&hash, "t=", ',', &cost->passes) &&
	       read_number(&hash, "p=", '$', &cost->lanes);
}

int bf_password_hash_at(const struct bf_password_cost *cost, const char *password,
	const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES])
{
	uint8_t made[BF_PASSWORD_SALT_BYTES];

	if (!is_bearable(cost))
		return -EINVAL;
	if (!salt)
		bf_rand_bytes(made, sizeof(made));
	return argon2id_hash_encoded(cost->passes, cost->memory_kib, cost->lanes, password,
		       strlen(password), salt ? salt : made, BF_PASSWORD_SALT_BYTES, HASH_BYTES,
		       out, BF_PASSWORD_HASH_BYTES) == ARGON2_OK
		       ? 0
		       : -ENOMEM;
}

int bf_password_hash(
	const char *password, const uint8_t *salt, char out[static BF_PASSWORD_HASH_BYTES])
{
	return bf_password_hash_at(&bf_password_cost_default, password, salt, out);
}

int bf_password_verify(const char *password, const char *hash)
{
	struct bf_password_cost cost;

	if (bf_bcrypt_is(hash))
		return bf_bcrypt_verify(password, hash, NULL);
	if (!read_cost(&cost, hash) || !is_bearable(&cost))
		return -EINVAL;
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

bool bf_password_needs_rehash(const char *hash, const struct bf_password_cost *cost)
{
	struct bf_password_cost has;

	return !read_cost(&has, hash) || has.memory_kib < cost->memory_kib ||
	       has.passes < cost->passes || has.lanes < cost->lanes;
}
