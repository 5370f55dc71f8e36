#include "signaling/auth/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>

int bf_sha1(uint8_t out[static BF_SHA1_BYTES], struct bf_bytes bytes)
{
	unsigned len = BF_SHA1_BYTES;

	if (EVP_Digest(bytes.data, bytes.len, out, &len, EVP_sha1(), NULL) != 1 ||
		len != BF_SHA1_BYTES)
		return -ENOTSUP;
	return 0;
}

void bf_base64_encode(char *out, struct bf_bytes bytes)
{
	EVP_EncodeBlock((unsigned char *)out, bytes.data, (int)bytes.len);
}

void bf_sha256(uint8_t out[static BF_SHA256_BYTES], struct bf_bytes bytes)
{
	unsigned len = BF_SHA256_BYTES;
	int ok = EVP_Digest(bytes.data, bytes.len, out, &len, EVP_sha256(), NULL);

	assert(ok == 1 && len == BF_SHA256_BYTES); /* OpenSSL has it in every configuration */
}
