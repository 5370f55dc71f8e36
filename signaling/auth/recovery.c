#include "signaling/auth/recovery.h"

#include "core/base/rand.h"

#include <errno.h>
#include <openssl/crypto.h>

#define LETTERS	      12
#define GROUP_LETTERS 4

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void bf_recovery_code_make(char out[static BF_RECOVERY_CODE_TEXT])
{
	uint8_t random[LETTERS];
	char *at = out;

	bf_rand_bytes(random, sizeof(random));
	for (size_t i = 0; i < LETTERS; i++) {
		if (i && i % GROUP_LETTERS == 0)
			*at++ = '-';
		*at++ = alphabet[random[i] % 32]; /* 32 divides 256: no letter is likelier */
	}
	*at = '\0';
	OPENSSL_cleanse(random, sizeof(random));
}

/* The letter of the alphabet that was meant; 0: none. */
static uint8_t letter_of(uint8_t typed)
{
	if (typed >= 'a' && typed <= 'z')
		typed = (uint8_t)(typed - 'a' + 'A');
	if (typed == 'O')
		return '0';
	if (typed == 'I' || typed == 'L')
		return '1';
	return memchr(alphabet, typed, sizeof(alphabet) - 1) ? typed : 0;
}

int bf_recovery_code_hash(uint8_t out[static BF_SHA256_BYTES], struct bf_bytes typed)
{
	uint8_t code[LETTERS];
	size_t count = 0;

	if (typed.len > BF_RECOVERY_TYPED_MAX)
		return -EINVAL;
	for (size_t i = 0; i < typed.len; i++) {
		if (typed.data[i] == ' ' || typed.data[i] == '-')
			continue;
		if (count == LETTERS || !letter_of(typed.data[i]))
			return -EINVAL;
		code[count++] = letter_of(typed.data[i]);
	}
	if (count != LETTERS)
		return -EINVAL;
	bf_sha256(out, bf_bytes(code, sizeof(code)));
	OPENSSL_cleanse(code, sizeof(code));
	return 0;
}
