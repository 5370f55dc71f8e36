#include "tests/media/srtp/srtp_ref.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void crypt_ctr(
	uint8_t *data, size_t len, const uint8_t *key, size_t key_len, const uint8_t iv[static 16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int written;
	int ok = EVP_EncryptInit_ex(ctx, key_len == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr(),
			 NULL, key, iv) &&
		 EVP_EncryptUpdate(ctx, data, &written, data, (int)len);

	assert(ok);
	EVP_CIPHER_CTX_free(ctx);
}

/* Encrypts `text` in place and writes 16 bytes of tag behind it. */
static void seal_gcm(uint8_t *text, size_t len, uint8_t *tag, struct bf_bytes aad,
	struct bf_bytes more_aad, const uint8_t *key, size_t key_len, const uint8_t iv[static 12])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	int ok = EVP_EncryptInit_ex(ctx, key_len == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm(),
			 NULL, key, iv) &&
		 EVP_EncryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len);

	if (more_aad.len > 0)
		ok = ok && EVP_EncryptUpdate(ctx, NULL, &n, more_aad.data, (int)more_aad.len);
	if (len > 0)
		ok = ok && EVP_EncryptUpdate(ctx, text, &n, text, (int)len);
	ok = ok && EVP_EncryptFinal_ex(ctx, tag, &n) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, tag);
	assert(ok);
	EVP_CIPHER_CTX_free(ctx);
}

void srtp_ref_keystream(
	uint8_t *out, size_t len, const uint8_t *key, size_t key_len, const uint8_t iv[static 16])
{
	memset(out, 0, len);
	crypt_ctr(out, len, key, key_len, iv);
}

void srtp_ref_derive(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len,
	const uint8_t *salt, size_t salt_len, uint8_t label)
{
	uint8_t iv[16] = {0};

	memcpy(iv, salt, salt_len);
	iv[7] ^= label; /* key derivation rate 0: the index is 0 */
	srtp_ref_keystream(out, out_len, key, key_len, iv);
}

static void derive_session(struct srtp_ref_session *session, const struct srtp_ref *ref,
	const struct bf_srtp_key *master, uint8_t first_label)
{
	size_t key_len = bf_srtp_key_len(ref->profile);
	size_t salt_len = bf_srtp_salt_len(ref->profile);
	const uint8_t *salt = master->bytes + key_len;

	srtp_ref_derive(session->key, key_len, master->bytes, key_len, salt, salt_len, first_label);
	srtp_ref_derive(session->auth, 20, master->bytes, key_len, salt, salt_len, first_label + 1);
	srtp_ref_derive(
		session->salt, salt_len, master->bytes, key_len, salt, salt_len, first_label + 2);
}

void srtp_ref_init(
	struct srtp_ref *ref, enum bf_srtp_profile profile, const struct bf_srtp_key *key)
{
	memset(ref, 0, sizeof(*ref));
	ref->profile = profile;
	derive_session(&ref->rtp, ref, key, 0);
	derive_session(&ref->rtcp, ref, key, 3);
}

static bool is_gcm(const struct srtp_ref *ref)
{
	return ref->profile != BF_SRTP_AES128_CM_SHA1_80;
}

/* RFC 3711 section 4.1.1: salt ^ SSRC ^ index, each at its place. */
static void crypt_cm(const struct srtp_ref_session *session, uint8_t *data, size_t len,
	const uint8_t *ssrc, uint64_t index)
{
	uint8_t iv[16] = {0};

	memcpy(iv, session->salt, 14);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= ssrc[i];
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
	crypt_ctr(data, len, session->key, 16, iv);
}

size_t srtp_ref_protect(
	const struct srtp_ref *ref, uint8_t *packet, size_t len, size_t header_len, uint32_t roc)
{
	uint64_t index = (uint64_t)roc << 16 | bf_get_u16(packet + 2);
	uint8_t iv[12] = {0};
	uint8_t mac[20];

	if (is_gcm(ref)) { /* RFC 7714 section 8.1 */
		memcpy(iv + 2, packet + 8, 4);
		bf_put_u32(iv + 6, roc);
		memcpy(iv + 10, packet + 2, 2);
		for (int i = 0; i < 12; i++)
			iv[i] ^= ref->rtp.salt[i];
		seal_gcm(packet + header_len, len - header_len, packet + len,
			bf_bytes(packet, header_len), bf_bytes(NULL, 0), ref->rtp.key,
			bf_srtp_key_len(ref->profile), iv);
		return len + 16;
	}
	crypt_cm(&ref->rtp, packet + header_len, len - header_len, packet + 8, index);
	bf_put_u32(packet + len, roc); /* hashed behind the packet, then overwritten */
	HMAC(EVP_sha1(), ref->rtp.auth, 20, packet, len + 4, mac, NULL);
	memcpy(packet + len, mac, 10);
	return len + 10;
}

size_t srtp_ref_protect_rtcp(
	const struct srtp_ref *ref, uint8_t *packet, size_t len, uint32_t index)
{
	uint8_t trailer[4];
	uint8_t iv[12] = {0};
	uint8_t mac[20];

	bf_put_u32(trailer, 1u << 31 | index);
	if (is_gcm(ref)) { /* RFC 7714 section 9.1 */
		memcpy(iv + 2, packet + 4, 4);
		bf_put_u32(iv + 8, index);
		for (int i = 0; i < 12; i++)
			iv[i] ^= ref->rtcp.salt[i];
		seal_gcm(packet + 8, len - 8, packet + len, bf_bytes(packet, 8),
			bf_bytes(trailer, 4), ref->rtcp.key, bf_srtp_key_len(ref->profile), iv);
		memcpy(packet + len + 16, trailer, 4);
		return len + 20;
	}
	crypt_cm(&ref->rtcp, packet + 8, len - 8, packet + 4, index);
	memcpy(packet + len, trailer, 4);
	HMAC(EVP_sha1(), ref->rtcp.auth, 20, packet, len + 4, mac, NULL);
	memcpy(packet + len + 4, mac, 10);
	return len + 14;
}
