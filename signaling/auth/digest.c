#include "signaling/auth/digest.h"

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
