#include "storage/blob/digest.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

int bf_blob_digest_init(struct bf_blob_digest *digest)
{
	digest->context = EVP_MD_CTX_new();
	if (!digest->context)
		return -ENOMEM;
	if (EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1)
		return 0;
	bf_blob_digest_deinit(digest);
	return -ENOMEM;
}

void bf_blob_digest_deinit(struct bf_blob_digest *digest)
{
	EVP_MD_CTX_free(digest->context);
	digest->context = NULL;
}

void bf_blob_digest_add(struct bf_blob_digest *digest, struct bf_bytes bytes)
{
	int result = EVP_DigestUpdate(digest->context, bytes.data, bytes.len);

	assert(result == 1);
}

void bf_blob_digest_end(struct bf_blob_digest *digest, uint8_t out[static BF_BLOB_DIGEST_BYTES])
{
	int result = EVP_DigestFinal_ex(digest->context, out, NULL);

	assert(result == 1);
}

int bf_blob_digest_hex(struct bf_bytes bytes, char out[static BF_BLOB_DIGEST_HEX])
{
	uint8_t sum[BF_BLOB_DIGEST_BYTES];

	if (EVP_Digest(bytes.data ? bytes.data : (const uint8_t *)"", bytes.len, sum, NULL,
		    EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	return 0;
}
