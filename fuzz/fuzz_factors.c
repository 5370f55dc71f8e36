/* What strangers show beside a password: none of it may be read beyond its end.
 *
 * Input: one byte that says what the rest is: an API key, a recovery code, or a code of an app.
 */
#include "signaling/auth/api_key.h"
#include "signaling/auth/recovery.h"
#include "signaling/auth/totp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[BF_TOTP_SECRET_BYTES] = {1};
	uint8_t hash[BF_SHA256_BYTES];
	struct bf_api_key_parts parts;
	int64_t step = -1;

	if (size < 1)
		return 0;
	switch (data[0] % 3) {
	case 0:
		if (bf_api_key_parse(&parts, bf_bytes(data + 1, size - 1)) == 0 &&
			strlen(parts.public_id) != BF_API_KEY_ID_TEXT - 1)
			abort();
		break;
	case 1:
		(void)bf_recovery_code_hash(hash, bf_bytes(data + 1, size - 1));
		break;
	default:
		if (bf_totp_verify(secret, bf_bytes(data + 1, size - 1), 1234567890, 41152263,
			    &step) == 0 &&
			step != 41152264)
			abort();
	}
	return 0;
}
