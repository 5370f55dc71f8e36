/* By SHA1_Update and its like, which OpenSSL 3 advises against in favour of EVP_MAC, but keeps. EVP_MAC and HMAC_CTX cost
 * 80 to 110 ns a packet more, and have to be allocated for each key. The macro is OpenSSL's own way to ask for the interface of an
 * older version. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "media/srtp/hmac_priv.h"

#include <assert.h>
#include <openssl/sha.h>

static void keep(uint32_t out[static 5], const SHA_CTX *ctx)
{
	out[0] = ctx->h0;
	out[1] = ctx->h1;
	out[2] = ctx->h2;
	out[3] = ctx->h3;
	out[4] = ctx->h4;
}

/* Go on behind one block. */
static void resume(SHA_CTX *ctx, const uint32_t state[static 5])
{
	SHA1_Init(ctx);
	ctx->h0 = state[0];
	ctx->h1 = state[1];
	ctx->h2 = state[2];
	ctx->h3 = state[3];
	ctx->h4 = state[4];
	ctx->Nl = SHA_CBLOCK * 8; /* bits so far */
}

static void hash_pad(uint32_t out[static 5], struct bf_bytes key, uint8_t fill)
{
	uint8_t block[SHA_CBLOCK];
	SHA_CTX ctx;

	memset(block, fill, sizeof(block));
	for (size_t i = 0; i < key.len; i++)
		block[i] ^= key.data[i];
	SHA1_Init(&ctx);
	SHA1_Transform(&ctx, block);
	keep(out, &ctx);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(&ctx, sizeof(ctx));
}

void bf_hmac_sha1_init(struct bf_hmac_sha1 *hmac, struct bf_bytes key)
{
	assert(key.len <= SHA_CBLOCK);
	hash_pad(hmac->inner, key, 0x36);
	hash_pad(hmac->outer, key, 0x5c);
}

void bf_hmac_sha1(const struct bf_hmac_sha1 *hmac, struct bf_bytes message,
	uint8_t out[static BF_SHA1_DIGEST])
{
	SHA_CTX ctx;

	resume(&ctx, hmac->inner);
	SHA1_Update(&ctx, message.data, message.len);
	SHA1_Final(out, &ctx);
	resume(&ctx, hmac->outer);
	SHA1_Update(&ctx, out, BF_SHA1_DIGEST);
	SHA1_Final(out, &ctx); /* what is left in the context is the digest */
}
