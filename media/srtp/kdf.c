#include "media/srtp/kdf_priv.h"

#include <errno.h>

/* RFC 3711 section 4.3.2 */
enum label {
	LABEL_RTP_KEY,
	LABEL_RTP_AUTH,
	LABEL_RTP_SALT,
	LABEL_RTCP_KEY,
	LABEL_RTCP_AUTH,
	LABEL_RTCP_SALT,
};

int bf_srtp_kdf_init(struct bf_srtp_kdf *kdf)
{
	kdf->ctr_128 = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	kdf->ctr_256 = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	if (kdf->ctr_128 && kdf->ctr_256)
		return 0;
	bf_srtp_kdf_deinit(kdf);
	return -ENOTSUP;
}

void bf_srtp_kdf_deinit(struct bf_srtp_kdf *kdf)
{
	EVP_CIPHER_free(kdf->ctr_128);
	EVP_CIPHER_free(kdf->ctr_256);
}

/* The key stream that begins at (label ^ salt) * 2^16: a block counter of 0 in the last two bytes. */
static bool derive(EVP_CIPHER_CTX *ctx, uint8_t *out, size_t len, const uint8_t *salt,
	size_t salt_len, enum label label)
{
	uint8_t iv[16] = {0};
	int written;

	memcpy(iv, salt, salt_len);
	iv[7] ^= (uint8_t)label; /* behind it the index divided by the rate: 0 */
	memset(out, 0, len);
	return EVP_EncryptInit_ex2(ctx, NULL, NULL, iv, NULL) &&
	       EVP_EncryptUpdate(ctx, out, &written, out, (int)len);
}

int bf_srtp_kdf_derive(const struct bf_srtp_kdf *kdf, struct bf_srtp_session_keys *rtp,
	struct bf_srtp_session_keys *rtcp, enum bf_srtp_profile profile,
	const struct bf_srtp_key *master)
{
	size_t key_len = bf_srtp_key_len(profile), salt_len = bf_srtp_salt_len(profile);
	const EVP_CIPHER *cipher = key_len == 32 ? kdf->ctr_256 : kdf->ctr_128;
	const uint8_t *salt = master->bytes + key_len;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool is_ok;

	memset(rtp, 0, sizeof(*rtp));
	memset(rtcp, 0, sizeof(*rtcp));
	is_ok = ctx && EVP_EncryptInit_ex2(ctx, cipher, master->bytes, NULL, NULL) &&
		derive(ctx, rtp->key, key_len, salt, salt_len, LABEL_RTP_KEY) &&
		derive(ctx, rtp->auth, sizeof(rtp->auth), salt, salt_len, LABEL_RTP_AUTH) &&
		derive(ctx, rtp->salt, salt_len, salt, salt_len, LABEL_RTP_SALT) &&
		derive(ctx, rtcp->key, key_len, salt, salt_len, LABEL_RTCP_KEY) &&
		derive(ctx, rtcp->auth, sizeof(rtcp->auth), salt, salt_len, LABEL_RTCP_AUTH) &&
		derive(ctx, rtcp->salt, salt_len, salt, salt_len, LABEL_RTCP_SALT);
	EVP_CIPHER_CTX_free(ctx); /* wipes its key schedule */
	return is_ok ? 0 : -ENOMEM;
}
