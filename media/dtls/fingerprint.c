#include "media/dtls/dtls_priv.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/* RFC 8122 section 5; md5 and md2 are out, and sha-1 is only ever the peer's choice. */
static const EVP_MD *find_hash(struct bf_bytes name)
{
	static const struct {
		const char *name;
		const EVP_MD *(*get)(void);
	} hashes[] = {
		{"sha-256", EVP_sha256},
		{"sha-384", EVP_sha384},
		{"sha-512", EVP_sha512},
		{"sha-1", EVP_sha1},
	};

	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (name.len == strlen(hashes[i].name) &&
			strncasecmp((const char *)name.data, hashes[i].name, name.len) == 0)
			return hashes[i].get();
	return NULL;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int bf_dtls_fingerprint_parse(
	struct bf_dtls_fingerprint *out, struct bf_bytes hash, struct bf_bytes text)
{
	struct bf_dtls_fingerprint parsed = {.hash = find_hash(hash)};
	size_t byte_count;

	if (!parsed.hash)
		return -EINVAL;
	byte_count = (size_t)EVP_MD_get_size(parsed.hash);
	if (text.len != byte_count * 3 - 1)
		return -EINVAL;
	for (size_t i = 0; i < byte_count; i++) {
		int high = hex_digit(text.data[3 * i]);
		int low = hex_digit(text.data[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < byte_count && text.data[3 * i + 2] != ':'))
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = parsed;
	return 0;
}

bool bf_dtls_fingerprint_fits(const struct bf_dtls_fingerprint *fingerprint, X509 *certificate)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!X509_digest(certificate, fingerprint->hash, digest, &len))
		return false;
	return (int)len == EVP_MD_get_size(fingerprint->hash) &&
	       CRYPTO_memcmp(digest, fingerprint->bytes, len) == 0;
}

bool bf_dtls_fingerprint_format(char out[static BF_DTLS_FINGERPRINT_TEXT], X509 *certificate)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!X509_digest(certificate, EVP_sha256(), digest, &len))
		return false;
	for (unsigned i = 0; i < len; i++)
		snprintf(out + 3 * i, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
	return true;
}
