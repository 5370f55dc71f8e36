/* The engine on OpenSSL's EVP, for CPUs that libipsec-mb does not know. A context with its key is kept for each bf_srtp; setting
 * the key anew for each packet would cost 150 ns more. One packet after the other: EVP has nothing for many at a time. */
#include "media/srtp/framing_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PROFILE_COUNT 3

struct openssl_engine {
	struct bf_srtp_framing framing;
	/* owned: one of each for every profile, in the order of slot_of */
	EVP_CIPHER *ciphers[PROFILE_COUNT];
	EVP_CIPHER_CTX *once[PROFILE_COUNT];
};

/* What stands behind a bf_srtp: a pointer, for contexts are OpenSSL's to allocate. */
typedef EVP_CIPHER_CTX *keys_t;

static struct openssl_engine *engine_of(struct bf_srtp_framing *framing)
{
	return (struct openssl_engine *)(void *)framing; /* `framing` is its first member */
}

static unsigned slot_of(enum bf_srtp_profile profile)
{
	if (!bf_srtp_is_gcm(profile))
		return 0;
	return profile == BF_SRTP_AEAD_AES_128_GCM ? 1 : 2;
}

/* Counter mode encrypts to decrypt. */
static int direction_of(enum bf_srtp_profile profile, bool is_outgoing)
{
	return is_outgoing || !bf_srtp_is_gcm(profile);
}

static size_t keys_size(enum bf_srtp_profile profile)
{
	(void)profile;
	return sizeof(keys_t);
}

static int keys_init(struct bf_srtp_framing *framing, void *keys, enum bf_srtp_profile profile,
	const uint8_t *key, bool is_outgoing)
{
	const EVP_CIPHER *cipher = engine_of(framing)->ciphers[slot_of(profile)];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (!ctx)
		return -ENOMEM;
	if (!EVP_CipherInit_ex2(ctx, cipher, key, NULL, direction_of(profile, is_outgoing), NULL)) {
		EVP_CIPHER_CTX_free(ctx);
		return -ENOMEM; /* cipher and key are right, so nothing else is left */
	}
	*(keys_t *)keys = ctx;
	return 0;
}

/* OpenSSL wipes what it frees here. */
static void keys_deinit(void *keys, enum bf_srtp_profile profile)
{
	(void)profile;
	EVP_CIPHER_CTX_free(*(keys_t *)keys);
}

static void *keys_once(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const uint8_t *key, bool is_outgoing)
{
	keys_t *keys = &engine_of(framing)->once[slot_of(profile)];

	if (!EVP_CipherInit_ex2(*keys, NULL, key, NULL, direction_of(profile, is_outgoing), NULL))
		return NULL;
	return keys;
}

/* Another key instead of EVP_CIPHER_CTX_reset, so that no packet needs an allocation. */
static void keys_forget(struct bf_srtp_framing *framing)
{
	static const uint8_t nobodys[BF_SRTP_CIPHER_KEY_MAX];
	struct openssl_engine *engine = engine_of(framing);

	for (int i = 0; i < PROFILE_COUNT; i++)
		(void)EVP_CipherInit_ex2(engine->once[i], NULL, nobodys, NULL, -1, NULL);
}

/* Both pieces of a text, encrypted or decrypted to where they belong. */
static bool update(EVP_CIPHER_CTX *ctx, const struct bf_srtp_text *text)
{
	int written;

	if (text->front_len > 0 &&
		!EVP_CipherUpdate(ctx, text->at, &written, text->at, (int)text->front_len))
		return false;
	return text->rest_len == 0 || EVP_CipherUpdate(ctx, text->at + text->front_len, &written,
					      text->rest, (int)text->rest_len);
}

static bool gcm_seal(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const struct bf_srtp_gcm *gcm)
{
	EVP_CIPHER_CTX *ctx = *(keys_t *)gcm->keys;
	uint8_t *tag = gcm->text.at + gcm->text.front_len + gcm->text.rest_len;
	int written;

	(void)framing;
	(void)profile;
	return EVP_CipherInit_ex2(ctx, NULL, NULL, gcm->iv, -1, NULL) &&
	       EVP_CipherUpdate(ctx, NULL, &written, gcm->aad.data, (int)gcm->aad.len) &&
	       update(ctx, &gcm->text) && EVP_CipherFinal_ex(ctx, tag, &written) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, BF_SRTP_GCM_TAG, tag);
}

static bool gcm_open(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const struct bf_srtp_gcm *gcm)
{
	EVP_CIPHER_CTX *ctx = *(keys_t *)gcm->keys;
	uint8_t *tag = gcm->text.at + gcm->text.front_len;
	uint8_t none[16];
	int written;

	(void)framing;
	(void)profile;
	return EVP_CipherInit_ex2(ctx, NULL, NULL, gcm->iv, -1, NULL) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, BF_SRTP_GCM_TAG, tag) &&
	       EVP_CipherUpdate(ctx, NULL, &written, gcm->aad.data, (int)gcm->aad.len) &&
	       update(ctx, &gcm->text) && EVP_CipherFinal_ex(ctx, none, &written);
}

static bool cm_crypt(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count)
{
	(void)framing;
	for (size_t i = 0; i < count; i++) {
		EVP_CIPHER_CTX *ctx = *(keys_t *)cms[i].keys;

		if (!EVP_CipherInit_ex2(ctx, NULL, NULL, cms[i].iv, -1, NULL) ||
			!update(ctx, &cms[i].text))
			return false;
	}
	return true;
}

static void cm_hash(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count)
{
	(void)framing;
	for (size_t i = 0; i < count; i++)
		bf_hmac_sha1(cms[i].hmac, cms[i].hashed, cms[i].mac);
}

static void destroy(struct bf_srtp_framing *framing)
{
	struct openssl_engine *engine = engine_of(framing);

	for (int i = 0; i < PROFILE_COUNT; i++) {
		EVP_CIPHER_CTX_free(engine->once[i]);
		EVP_CIPHER_free(engine->ciphers[i]);
	}
	bf_srtp_framing_deinit(framing);
	free(engine);
}

static const struct bf_srtp_cipher cipher = {
	.name = "openssl",
	.keys_size = keys_size,
	.keys_init = keys_init,
	.keys_deinit = keys_deinit,
	.keys_once = keys_once,
	.keys_forget = keys_forget,
	.gcm_seal = gcm_seal,
	.gcm_open = gcm_open,
	.cm_crypt = cm_crypt,
	.cm_hash = cm_hash,
	.destroy = destroy,
};

static int make_contexts(struct openssl_engine *engine, char *why, size_t why_size)
{
	static const char *const names[PROFILE_COUNT] = {
		"AES-128-CTR", "AES-128-GCM", "AES-256-GCM"};

	for (int i = 0; i < PROFILE_COUNT; i++) {
		engine->ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
		if (!engine->ciphers[i]) {
			snprintf(why, why_size, "OpenSSL has no %s", names[i]);
			return -ENOTSUP;
		}
		engine->once[i] = EVP_CIPHER_CTX_new();
		if (!engine->once[i] || !EVP_CipherInit_ex2(engine->once[i], engine->ciphers[i],
						NULL, NULL, 1, NULL))
			return -ENOMEM;
	}
	return 0;
}

int bf_srtp_openssl_new(struct bf_srtp_engine **out, char *why, size_t why_size)
{
	struct openssl_engine *engine = calloc(1, sizeof(*engine));
	int err;

	if (!engine)
		return -ENOMEM;
	err = bf_srtp_framing_init(&engine->framing, &cipher);
	if (err)
		snprintf(why, why_size, "OpenSSL has no AES in counter mode");
	else
		err = make_contexts(engine, why, why_size);
	if (err) {
		destroy(&engine->framing);
		return err;
	}
	*out = &engine->framing.engine;
	return 0;
}
