/* The engine on Intel's libipsec-mb, which has code for each generation of x86-64 and picks it at run time.
 *
 * AES-GCM: its direct calls. AES_CM: counter mode as one burst of jobs, then HMAC-SHA1 as another. HMAC-SHA1 is nearly all of the
 * cost, and there are three ways to do it, of which hash() picks:
 *   wide:    as many packets side by side as a vector register has lanes (AVX-512: 16, AVX2: 8, else 4). A group with
 *            empty lanes costs as much as a full one.
 *   pairs:   two packets side by side by the CPU's SHA instructions, which the library uses in its SSE form only.
 *   singly:  hmac.c
 */
#include "media/srtp/ipsec_mb_priv.h"

#include "media/srtp/framing_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_COMPAT_IMB_API_053 /* or it defines SHA1, which is OpenSSL's */
#include <intel-ipsec-mb.h>

/* Fewer than these are not worth a group of lanes. With SHA instructions: 8 packets cost 4 pairs, about what 16 lanes of
 * AVX-512 cost. Without: 4 cost singly what 4 lanes cost. */
#define WIDE_MIN_WITH_PAIRS 8
#define WIDE_MIN_SINGLY	    4

/* A GCM text in two pieces: below it is cheaper to bring the pieces together than to begin and end in several calls. */
#define GCM_SPLIT_MIN 240

#define HMAC_OUT      12 /* it writes 12 or 20 bytes of digest, never 10 */

static const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_SSE4_2;

/* One key size's functions. */
struct gcm_calls {
	aes_gcm_pre_t expand;
	aes_gcm_enc_dec_t seal, open;
	aes_gcm_init_t init;
	aes_gcm_enc_dec_update_t update;
	aes_gcm_enc_dec_finalize_t finalize;
};

struct cm_keys {
	uint8_t schedule[11 * 16];
};

/* In the library's header it is aligned under -DLINUX only; its code for AVX-512 insists on it. */
union keys {
	struct gcm_key_data gcm;
	struct cm_keys cm;
} __attribute__((aligned(BF_SRTP_KEYS_ALIGN)));

struct ipsec_engine {
	struct bf_srtp_framing framing;
	/* owned */
	IMB_MGR *wide;
	IMB_MGR *pairs; /* NULL: this CPU has no SHA instructions */
	/* state */
	size_t lanes; /* of HMAC-SHA1 in `wide`; 0: always by pairs */
	struct gcm_calls gcm_128, gcm_256;
	IMB_JOB ciphers[BF_SRTP_BATCH], hashes[BF_SRTP_BATCH];
	struct gcm_context_data gcm_ctx;
	union keys once;
};

static struct ipsec_engine *engine_of(struct bf_srtp_framing *framing)
{
	return (struct ipsec_engine *)(void *)framing; /* `framing` is its first member */
}

static const struct gcm_calls *calls_of(
	const struct ipsec_engine *engine, enum bf_srtp_profile profile)
{
	return profile == BF_SRTP_AEAD_AES_128_GCM ? &engine->gcm_128 : &engine->gcm_256;
}

/* ---- keys ---- */

static size_t keys_size(enum bf_srtp_profile profile)
{
	return bf_srtp_is_gcm(profile) ? sizeof(struct gcm_key_data) : sizeof(struct cm_keys);
}

static int keys_init(struct bf_srtp_framing *framing, void *keys, enum bf_srtp_profile profile,
	const uint8_t *key, bool is_outgoing)
{
	struct ipsec_engine *engine = engine_of(framing);

	(void)is_outgoing;
	if (bf_srtp_is_gcm(profile)) {
		calls_of(engine, profile)->expand(key, keys);
	} else {
		struct cm_keys decrypt; /* comes with it; counter mode has no use for it */

		IMB_AES_KEYEXP_128(
			engine->wide, key, ((struct cm_keys *)keys)->schedule, decrypt.schedule);
		explicit_bzero(&decrypt, sizeof(decrypt));
	}
	return 0;
}

static void keys_deinit(void *keys, enum bf_srtp_profile profile)
{
	explicit_bzero(keys, keys_size(profile));
}

static void *keys_once(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const uint8_t *key, bool is_outgoing)
{
	union keys *once = &engine_of(framing)->once;

	(void)keys_init(framing, once, profile, key, is_outgoing); /* cannot fail */
	return once;
}

static void keys_forget(struct bf_srtp_framing *framing)
{
	explicit_bzero(&engine_of(framing)->once, sizeof(union keys));
}

/* ---- AES-GCM ---- */

/* The first blocks, with the front in them, in place; the rest on its way from where it stands. */
static void seal_split(
	struct ipsec_engine *engine, const struct gcm_calls *calls, const struct bf_srtp_gcm *gcm)
{
	const struct bf_srtp_text *text = &gcm->text;
	size_t first_len = (text->front_len + 15) / 16 * 16; /* whole blocks go faster */
	size_t borrowed_len = first_len - text->front_len;
	size_t len = text->front_len + text->rest_len;
	struct gcm_context_data *ctx = &engine->gcm_ctx;

	memcpy(text->at + text->front_len, text->rest, borrowed_len);
	calls->init(gcm->keys, ctx, gcm->iv, gcm->aad.data, gcm->aad.len);
	calls->update(gcm->keys, ctx, text->at, text->at, first_len);
	calls->update(gcm->keys, ctx, text->at + first_len, text->rest + borrowed_len,
		text->rest_len - borrowed_len);
	calls->finalize(gcm->keys, ctx, text->at + len, BF_SRTP_GCM_TAG);
}

/* Bring both pieces together. */
static void join(const struct bf_srtp_text *text)
{
	if (text->rest_len > 0)
		memcpy(text->at + text->front_len, text->rest, text->rest_len);
}

static bool gcm_seal(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const struct bf_srtp_gcm *gcm)
{
	struct ipsec_engine *engine = engine_of(framing);
	const struct gcm_calls *calls = calls_of(engine, profile);
	const struct bf_srtp_text *text = &gcm->text;
	size_t len = text->front_len + text->rest_len;
	const uint8_t *from = text->rest;

	if (text->front_len > 0 && text->rest_len >= GCM_SPLIT_MIN) {
		seal_split(engine, calls, gcm);
		return true;
	}
	if (text->front_len > 0 || text->rest_len == 0) {
		join(text);
		from = text->at;
	}
	calls->seal(gcm->keys, &engine->gcm_ctx, text->at, from, len, gcm->iv, gcm->aad.data,
		gcm->aad.len, text->at + len, BF_SRTP_GCM_TAG);
	return true;
}

static bool gcm_open(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
	const struct bf_srtp_gcm *gcm)
{
	struct ipsec_engine *engine = engine_of(framing);
	uint8_t *at = gcm->text.at;
	size_t len = gcm->text.front_len;
	uint8_t tag[BF_SRTP_GCM_TAG];

	calls_of(engine, profile)
		->open(gcm->keys, &engine->gcm_ctx, at, at, len, gcm->iv, gcm->aad.data,
			gcm->aad.len, tag, sizeof(tag));
	return bf_srtp_tags_equal(tag, at + len, sizeof(tag));
}

/* ---- AES_CM ---- */

static bool cm_crypt(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count)
{
	struct ipsec_engine *engine = engine_of(framing);
	uint32_t job_count = 0, done;

	for (size_t i = 0; i < count; i++) {
		const struct bf_srtp_text *text = &cms[i].text;
		IMB_JOB *job = &engine->ciphers[job_count];
		size_t len = text->front_len + text->rest_len;

		if (len == 0)
			continue;
		/* To go on in the middle of a block would take a job of its own, which costs as much as this copy. */
		if (text->front_len > 0)
			join(text);
		job->src = text->front_len > 0 ? text->at : text->rest;
		job->dst = text->at;
		job->enc_keys = ((const struct cm_keys *)cms[i].keys)->schedule;
		job->iv = cms[i].iv;
		job->msg_len_to_cipher_in_bytes = len;
		job_count++;
	}
	if (job_count == 0)
		return true;
	done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(engine->wide, engine->ciphers, job_count,
		IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
	return done == job_count;
}

static void hash_burst(
	struct ipsec_engine *engine, IMB_MGR *manager, struct bf_srtp_cm *cms, size_t count)
{
	uint32_t done;

	for (size_t i = 0; i < count; i++) {
		IMB_JOB *job = &engine->hashes[i];

		job->src = cms[i].hashed.data;
		job->msg_len_to_hash_in_bytes = cms[i].hashed.len;
		job->auth_tag_output = cms[i].mac;
		job->u.HMAC._hashed_auth_key_xor_ipad = (const uint8_t *)cms[i].hmac->inner;
		job->u.HMAC._hashed_auth_key_xor_opad = (const uint8_t *)cms[i].hmac->outer;
	}
	done = IMB_SUBMIT_HASH_BURST_NOCHECK(
		manager, engine->hashes, (uint32_t)count, IMB_AUTH_HMAC_SHA_1);
	assert(done == count);
}

static void cm_hash(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count)
{
	struct ipsec_engine *engine = engine_of(framing);
	size_t wide_min = engine->pairs ? WIDE_MIN_WITH_PAIRS : WIDE_MIN_SINGLY;
	size_t over = engine->lanes ? count % engine->lanes : count;

	if (engine->lanes && over >= wide_min)
		over = 0;
	if (count > over)
		hash_burst(engine, engine->wide, cms, count - over);
	cms += count - over;
	if (over > 0 && engine->pairs) {
		hash_burst(engine, engine->pairs, cms, over);
		return;
	}
	for (size_t i = 0; i < over; i++)
		bf_hmac_sha1(cms[i].hmac, cms[i].hashed, cms[i].mac);
}

/* ---- the engine ---- */

static void free_manager(IMB_MGR *manager)
{
	if (!manager)
		return;
	explicit_bzero(manager, imb_get_mb_mgr_size());
	free_mb_mgr(manager);
}

static void destroy(struct bf_srtp_framing *framing)
{
	struct ipsec_engine *engine = engine_of(framing);

	if (engine->pairs != engine->wide)
		free_manager(engine->pairs);
	free_manager(engine->wide);
	bf_srtp_framing_deinit(framing);
	explicit_bzero(engine, sizeof(*engine));
	free(engine);
}

static const struct bf_srtp_cipher cipher = {
	.name = "ipsec-mb",
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

/* What is the same in all jobs; a burst leaves it alone. */
static void fill_jobs(struct ipsec_engine *engine)
{
	for (size_t i = 0; i < BF_SRTP_BATCH; i++) {
		engine->ciphers[i] = (IMB_JOB){.cipher_mode = IMB_CIPHER_CNTR,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.hash_alg = IMB_AUTH_NULL,
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.key_len_in_bytes = 16,
			.iv_len_in_bytes = 16};
		engine->hashes[i] = (IMB_JOB){.cipher_mode = IMB_CIPHER_NULL,
			.hash_alg = IMB_AUTH_HMAC_SHA_1,
			.chain_order = IMB_ORDER_CIPHER_HASH,
			.auth_tag_output_len_in_bytes = HMAC_OUT};
	}
}

static void take_calls(struct ipsec_engine *engine)
{
	const IMB_MGR *manager = engine->wide;

	engine->gcm_128 = (struct gcm_calls){.expand = manager->gcm128_pre,
		.seal = manager->gcm128_enc,
		.open = manager->gcm128_dec,
		.init = manager->gcm128_init,
		.update = manager->gcm128_enc_update,
		.finalize = manager->gcm128_enc_finalize};
	engine->gcm_256 = (struct gcm_calls){.expand = manager->gcm256_pre,
		.seal = manager->gcm256_enc,
		.open = manager->gcm256_dec,
		.init = manager->gcm256_init,
		.update = manager->gcm256_enc_update,
		.finalize = manager->gcm256_enc_finalize};
}

static int check_manager(IMB_MGR *manager, char *why, size_t why_size)
{
	if (manager->features & IMB_FEATURE_SELF_TEST &&
		!(manager->features & IMB_FEATURE_SELF_TEST_PASS)) {
		snprintf(why, why_size, "libipsec-mb has failed its self-test");
		return -ENOTSUP;
	}
	if (imb_get_errno(manager) != 0) {
		snprintf(
			why, why_size, "libipsec-mb: %s", imb_get_strerror(imb_get_errno(manager)));
		return -ENOTSUP;
	}
	return 0;
}

static int make_wide(struct ipsec_engine *engine, const struct bf_srtp_ipsec_mb_cpu *cpu, char *why,
	size_t why_size)
{
	uint64_t flags = (cpu->no_sha_ni ? IMB_FLAG_SHANI_OFF : 0) |
			 (cpu->no_aes_ni ? IMB_FLAG_AESNI_OFF : 0);

	engine->wide = alloc_mb_mgr(flags);
	if (!engine->wide)
		return -ENOMEM;
	if ((engine->wide->features & needed) != needed) {
		snprintf(why, why_size,
			"this CPU has no AES-NI, PCLMULQDQ or SSE4.2, and without them it is not "
			"faster than "
			"openssl");
		return -ENOTSUP;
	}
	if (cpu->no_avx)
		init_mb_mgr_sse(engine->wide);
	else if (cpu->no_avx2)
		init_mb_mgr_avx(engine->wide);
	else
		init_mb_mgr_auto(engine->wide, NULL);
	return check_manager(engine->wide, why, why_size);
}

/* How HMAC-SHA1 is done best here. */
static int make_pairs(struct ipsec_engine *engine, char *why, size_t why_size)
{
	bool has_sha = engine->wide->features & IMB_FEATURE_SHANI;
	uint32_t arch = engine->wide->used_arch;

	engine->lanes = arch == IMB_ARCH_AVX512 ? 16 : arch == IMB_ARCH_AVX2 ? 8 : 4;
	if (!has_sha)
		return 0;
	if (engine->lanes < WIDE_MIN_WITH_PAIRS)
		engine->lanes = 0;
	if (arch == IMB_ARCH_SSE) {
		engine->pairs = engine->wide;
		return 0;
	}
	engine->pairs = alloc_mb_mgr(0);
	if (!engine->pairs)
		return -ENOMEM;
	init_mb_mgr_sse(engine->pairs);
	return check_manager(engine->pairs, why, why_size);
}

int bf_srtp_ipsec_mb_new_on(struct bf_srtp_engine **out, const struct bf_srtp_ipsec_mb_cpu *cpu,
	char *why, size_t why_size)
{
	struct ipsec_engine *engine = aligned_alloc(BF_SRTP_KEYS_ALIGN, sizeof(*engine));
	int err;

	if (!engine)
		return -ENOMEM;
	memset(engine, 0, sizeof(*engine));
	err = bf_srtp_framing_init(&engine->framing, &cipher);
	if (err)
		snprintf(why, why_size, "OpenSSL has no AES in counter mode");
	else
		err = make_wide(engine, cpu, why, why_size);
	if (!err)
		err = make_pairs(engine, why, why_size);
	if (err) {
		destroy(&engine->framing);
		return err;
	}
	take_calls(engine);
	fill_jobs(engine);
	*out = &engine->framing.engine;
	return 0;
}

int bf_srtp_ipsec_mb_new(struct bf_srtp_engine **out, char *why, size_t why_size)
{
	return bf_srtp_ipsec_mb_new_on(out, &(struct bf_srtp_ipsec_mb_cpu){0}, why, why_size);
}
