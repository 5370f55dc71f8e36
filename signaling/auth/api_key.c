#include "signaling/auth/api_key.h"

#include "core/base/crc32c.h"
#include "core/base/rand.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#define HEAD_LEN   8 /* bf_live_ */
#define ID_LEN	   32
#define SECRET_AT  (HEAD_LEN + ID_LEN + 1)
#define SECRET_LEN 43
#define CHECK_AT   (SECRET_AT + SECRET_LEN)
#define CHECK_LEN  6
#define TEXT_LEN   (CHECK_AT + CHECK_LEN)

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char *const heads[] = {[BF_API_KEY_LIVE] = "bf_live_", [BF_API_KEY_TEST] = "bf_test_"};

_Static_assert(TEXT_LEN + 1 == BF_API_KEY_TEXT, "the header says how long a key is");

static void write_check(char out[CHECK_LEN], const char *text)
{
	uint32_t crc = bf_crc32c(0, bf_bytes(text, CHECK_AT));

	for (size_t i = CHECK_LEN; i-- > 0; crc /= 62)
		out[i] = letters[crc % 62];
}

static void write_secret(char *out)
{
	for (size_t i = 0; i < SECRET_LEN;) {
		uint8_t byte;

		bf_rand_bytes(&byte, 1);
		if (byte < 62 * 4) /* the rest would make some letters likelier */
			out[i++] = letters[byte % 62];
	}
}

static void take_parts(struct bf_api_key_parts *parts, const char *text, enum bf_api_key_env env)
{
	parts->env = env;
	memcpy(parts->public_id, text + HEAD_LEN, ID_LEN);
	parts->public_id[ID_LEN] = '\0';
	bf_sha256(parts->secret_hash, bf_bytes(text + SECRET_AT, SECRET_LEN));
	memcpy(parts->last_four, text + TEXT_LEN - 4, 4);
	parts->last_four[4] = '\0';
}

void bf_api_key_make(
	struct bf_api_key_parts *parts, char text[static BF_API_KEY_TEXT], enum bf_api_key_env env)
{
	snprintf(text, BF_API_KEY_TEXT, "%s%016llx%016llx_", heads[env],
		(unsigned long long)bf_rand_u64(), (unsigned long long)bf_rand_u64());
	write_secret(text + SECRET_AT);
	write_check(text + CHECK_AT, text);
	text[TEXT_LEN] = '\0';
	take_parts(parts, text, env);
}

static bool is_of(const char *text, size_t len, const char *allowed)
{
	for (size_t i = 0; i < len; i++)
		if (!text[i] || !strchr(allowed, text[i]))
			return false;
	return true;
}

int bf_api_key_parse(struct bf_api_key_parts *parts, struct bf_bytes bytes)
{
	const char *text = (const char *)bytes.data;
	char check[CHECK_LEN];

	if (bytes.len != TEXT_LEN || text[SECRET_AT - 1] != '_' ||
		!is_of(text + HEAD_LEN, ID_LEN, "0123456789abcdef") ||
		!is_of(text + SECRET_AT, SECRET_LEN + CHECK_LEN, letters))
		return -EINVAL;
	write_check(check, text);
	if (memcmp(check, text + CHECK_AT, CHECK_LEN) != 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (memcmp(text, heads[i], HEAD_LEN) != 0)
			continue;
		take_parts(parts, text, (enum bf_api_key_env)i);
		return 0;
	}
	return -EINVAL;
}

bool bf_api_key_is(const struct bf_api_key_parts *parts, struct bf_bytes stored_hash)
{
	return stored_hash.len == BF_SHA256_BYTES &&
	       CRYPTO_memcmp(parts->secret_hash, stored_hash.data, BF_SHA256_BYTES) == 0;
}

void bf_api_key_prefix(
	const struct bf_api_key_parts *parts, char out[static BF_API_KEY_PREFIX_TEXT])
{
	snprintf(out, BF_API_KEY_PREFIX_TEXT, "%s%s", heads[parts->env], parts->public_id);
}
