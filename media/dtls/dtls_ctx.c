#include "core/base/rand.h"
#include "media/dtls/dtls_priv.h"

#include <assert.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#define DAY_SEC (24L * 3600)

/* ECDSA first: it is what browsers' certificates are, and our own. RSA serves peers with such certificates. */
static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
			      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
			      "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384";

/* Enough for any chain a browser sends, and a bound on what a stranger can make us keep. */
#define CERT_LIST_MAX 16384

static const char *openssl_name(enum bf_srtp_profile profile)
{
	switch (profile) {
	case BF_SRTP_AEAD_AES_128_GCM:
		return "SRTP_AEAD_AES_128_GCM";
	case BF_SRTP_AEAD_AES_256_GCM:
		return "SRTP_AEAD_AES_256_GCM";
	case BF_SRTP_AES128_CM_SHA1_80:
		return "SRTP_AES128_CM_SHA1_80";
	case BF_SRTP_NONE:
		break;
	}
	return NULL;
}

static int set_profiles(SSL_CTX *ssl_ctx, const enum bf_srtp_profile *profiles, size_t count)
{
	char list[128] = "";

	if (count == 0 || count > 4)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		const char *name = openssl_name(profiles[i]);

		if (!name)
			return -EINVAL;
		if (i > 0)
			strcat(list, ":");
		strcat(list, name); /* at most four of 22 characters */
	}
	return SSL_CTX_set_tlsext_use_srtp(ssl_ctx, list) == 0 ? 0 : -ENOMEM;
}

/* A name that tells nobody anything, a serial of 127 random bits, valid for a year from a day ago. */
static X509 *make_certificate(OSSL_LIB_CTX *lib, EVP_PKEY *key)
{
	X509 *certificate = X509_new_ex(lib, NULL);
	uint8_t serial[16];
	X509_NAME *name;
	BIGNUM *number;
	bool is_good;

	if (!certificate)
		return NULL;
	bf_rand_bytes(serial, sizeof(serial));
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	name = X509_get_subject_name(certificate);
	is_good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) &&
		  X509_set_version(certificate, X509_VERSION_3) &&
		  X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SEC) &&
		  X509_gmtime_adj(X509_getm_notAfter(certificate), 364 * DAY_SEC) &&
		  X509_NAME_add_entry_by_txt(
			  name, "CN", MBSTRING_ASC, (const uint8_t *)"belfry", -1, -1, 0) &&
		  X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
		  X509_sign(certificate, key, EVP_sha256()) > 0;
	BN_free(number);
	if (is_good)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static int set_certificate(struct bf_dtls_ctx *ctx)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(ctx->lib.ctx, NULL, "EC", "P-256");
	X509 *certificate = key ? make_certificate(ctx->lib.ctx, key) : NULL;
	bool is_good = certificate && SSL_CTX_use_certificate(ctx->ssl_ctx, certificate) == 1 &&
		       SSL_CTX_use_PrivateKey(ctx->ssl_ctx, key) == 1 &&
		       bf_dtls_fingerprint_format(ctx->fingerprint, certificate);

	X509_free(certificate);
	EVP_PKEY_free(key);
	return is_good ? 0 : -ENOMEM;
}

/* No cookies: ICE has validated the path, and a cookie costs a round trip. No tickets, sessions or renegotiation:
 * nothing resumes. */
static int set_up(SSL_CTX *ssl_ctx)
{
	SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET |
					     SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					     SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl_ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ssl_ctx, CERT_LIST_MAX);
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ssl_ctx, bf_dtls_verify_cb, NULL);
	if (!SSL_CTX_set_min_proto_version(ssl_ctx, DTLS1_2_VERSION) ||
		!SSL_CTX_set_max_proto_version(ssl_ctx, DTLS1_2_VERSION) ||
		!SSL_CTX_set_cipher_list(ssl_ctx, ciphers) ||
		!SSL_CTX_set1_groups_list(ssl_ctx, "X25519:P-256:P-384"))
		return -ENOMEM;
	return 0;
}

int bf_dtls_ctx_new(
	struct bf_dtls_ctx **out, const enum bf_srtp_profile *profiles, size_t profile_count)
{
	struct bf_dtls_ctx *ctx = calloc(1, sizeof(*ctx));
	int err = -ENOMEM;

	if (!ctx)
		return -ENOMEM;
	if (bf_dtls_lib_init(&ctx->lib))
		goto fail;
	ctx->ssl_ctx = SSL_CTX_new_ex(ctx->lib.ctx, NULL, DTLS_method());
	if (!ctx->ssl_ctx)
		goto fail;
	ctx->bio_method = bf_dtls_bio_method_new();
	if (!ctx->bio_method)
		goto fail;
	err = set_profiles(ctx->ssl_ctx, profiles, profile_count);
	if (!err)
		err = set_up(ctx->ssl_ctx);
	if (!err)
		err = set_certificate(ctx);
	if (err)
		goto fail;
	*out = ctx;
	return 0;

fail:
	bf_dtls_ctx_free(ctx);
	return err;
}

void bf_dtls_ctx_free(struct bf_dtls_ctx *ctx)
{
	if (!ctx)
		return;
	SSL_CTX_free(ctx->ssl_ctx);
	BIO_meth_free(ctx->bio_method);
	bf_dtls_lib_deinit(&ctx->lib);
	free(ctx);
}

const char *bf_dtls_ctx_fingerprint(const struct bf_dtls_ctx *ctx)
{
	return ctx->fingerprint;
}
