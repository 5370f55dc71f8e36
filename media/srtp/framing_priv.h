/* media/srtp/framing_priv.h - SRTP around a cipher: what the engines "ipsec-mb" and "openssl" have in common.
 *
 * The framing derives keys, keeps roll-over counters and replay windows, makes nonces and puts packets together; the cipher
 * encrypts and authenticates what it is told to, many packets at a time where that is faster.
 * Owner:   a worker, as its bf_srtp_engine.   Thread: the one that made it.
 * Source:  RFC 3711, RFC 7714.
 */
#ifndef BF_MEDIA_SRTP_FRAMING_PRIV_H
#define BF_MEDIA_SRTP_FRAMING_PRIV_H

#include "media/srtp/hmac_priv.h"
#include "media/srtp/kdf_priv.h"
#include "media/srtp/srtp_priv.h"
#include "media/srtp/stream_priv.h"

#define BF_SRTP_BATCH	   128 /* the most that libipsec-mb takes at once */
#define BF_SRTP_GCM_TAG	   16
#define BF_SRTP_SHA1_TAG   10
#define BF_SRTP_KEYS_ALIGN 64 /* libipsec-mb reads its tables with instructions that insist on it */

/* A text that stands in up to two pieces: `front_len` bytes at `at`, where all of the other kind of text goes, and the rest
 * elsewhere. One piece, in place: rest_len is 0. */
struct bf_srtp_text {
	uint8_t *at;
	size_t front_len;
	const uint8_t *rest;
	size_t rest_len;
};

/* One message of AES-GCM. The tag is behind the text. */
struct bf_srtp_gcm {
	void *keys;
	const uint8_t *iv; /* 12 bytes */
	struct bf_bytes aad;
	struct bf_srtp_text text;
};

/* One packet of AES_CM_128_HMAC_SHA1_80. */
struct bf_srtp_cm {
	void *keys;
	const struct bf_hmac_sha1 *hmac;
	struct bf_srtp_text text;
	struct bf_bytes hashed; /* packet, text included, and ROC or index */
	uint8_t iv[16];
	uint8_t mac[BF_SHA1_DIGEST]; /* out: the first BF_SRTP_SHA1_TAG are the tag */
	/* the framing's own */
	void *job;
	uint64_t index;
	uint32_t ssrc;
	uint8_t tag[BF_SRTP_SHA1_TAG]; /* as received */
};

struct bf_srtp_framing;

/* What a cipher does. Keys are for one bf_srtp's RTP in one direction; RTCP is rare and its expanded keys would double the
 * memory of a subscriber, so they are expanded anew for each packet. */
struct bf_srtp_cipher {
	const char *name;
	/* Bytes of expanded keys; stand at multiples of BF_SRTP_KEYS_ALIGN. */
	size_t (*keys_size)(enum bf_srtp_profile profile);
	/* -ENOMEM. `key` as long as bf_srtp_key_len says. */
	int (*keys_init)(struct bf_srtp_framing *framing, void *keys, enum bf_srtp_profile profile,
		const uint8_t *key, bool is_outgoing);
	void (*keys_deinit)(void *keys, enum bf_srtp_profile profile);
	/* Keys in the engine's own memory, until the next call or keys_forget. NULL on failure. */
	void *(*keys_once)(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
		const uint8_t *key, bool is_outgoing);
	void (*keys_forget)(struct bf_srtp_framing *framing);

	bool (*gcm_seal)(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
		const struct bf_srtp_gcm *gcm);
	/* In place; false if the tag does not fit, and then the text is spoilt. */
	bool (*gcm_open)(struct bf_srtp_framing *framing, enum bf_srtp_profile profile,
		const struct bf_srtp_gcm *gcm);
	/* At most BF_SRTP_BATCH. Encrypting is decrypting. */
	bool (*cm_crypt)(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count);
	void (*cm_hash)(struct bf_srtp_framing *framing, struct bf_srtp_cm *cms, size_t count);
	void (*destroy)(struct bf_srtp_framing *framing);
};

/* The part that an engine with a cipher begins with. */
struct bf_srtp_framing {
	struct bf_srtp_engine engine;
	/* given */
	const struct bf_srtp_cipher *cipher;
	/* owned */
	struct bf_srtp_kdf kdf;
	/* state: within one call */
	struct bf_srtp_cm cms[BF_SRTP_BATCH];
	size_t cm_count;
	bool has_far; /* received: one of them is far from the newest of its stream */
};

/* Behind it, at a multiple of BF_SRTP_KEYS_ALIGN, are the cipher's expanded keys. */
struct bf_srtp_framed {
	struct bf_srtp common;
	/* owned */
	struct bf_srtp_streams streams;
	/* secret */
	uint8_t rtp_salt[16], rtcp_salt[16];
	struct bf_hmac_sha1 rtp_hmac, rtcp_hmac;
	uint8_t rtcp_key[BF_SRTP_CIPHER_KEY_MAX];
} __attribute__((aligned(BF_SRTP_KEYS_ALIGN)));

static inline struct bf_srtp_framing *bf_srtp_framing_of(struct bf_srtp_engine *engine)
{
	return (struct bf_srtp_framing *)(void *)engine; /* `engine` is its first member */
}

static inline struct bf_srtp_framed *bf_srtp_framed_of(struct bf_srtp *srtp)
{
	return (struct bf_srtp_framed *)(void *)srtp; /* `common` is its first member */
}

static inline void *bf_srtp_rtp_keys(struct bf_srtp_framed *framed)
{
	return framed + 1;
}

static inline bool bf_srtp_is_gcm(enum bf_srtp_profile profile)
{
	return profile != BF_SRTP_AES128_CM_SHA1_80;
}

/* framing.c: for engines. -ENOTSUP. */
int bf_srtp_framing_init(struct bf_srtp_framing *framing, const struct bf_srtp_cipher *cipher);
void bf_srtp_framing_deinit(struct bf_srtp_framing *framing);

/* A bf_srtp out of session keys (vectors in RFCs begin there), all but its common part. -ENOMEM. */
int bf_srtp_framed_new(struct bf_srtp **out, struct bf_srtp_framing *framing,
	enum bf_srtp_profile profile, const struct bf_srtp_session_keys *rtp,
	const struct bf_srtp_session_keys *rtcp, bool is_outgoing);

/* framing_rtp.c, framing_rtcp.c: as in bf_srtp_engine_ops */
void bf_srtp_framing_protect(
	struct bf_srtp_engine *engine, struct bf_srtp_protect_job *jobs, size_t count);
void bf_srtp_framing_unprotect(
	struct bf_srtp_engine *engine, struct bf_srtp_unprotect_job *jobs, size_t count);
int bf_srtp_framing_protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len);
enum bf_drop bf_srtp_framing_unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len);

/* RFC 3711 section 4.1.1; the RTCP index is one of 48 bits too. */
static inline void bf_srtp_cm_iv(
	uint8_t iv[static 16], const uint8_t salt[static 16], uint32_t ssrc, uint64_t index)
{
	memcpy(iv, salt, 16);
	for (int i = 0; i < 4; i++)
		iv[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
	for (int i = 0; i < 6; i++)
		iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* RFC 7714 sections 8.1 and 9.1: 2 bytes of 0, SSRC, 48 bits of index. */
static inline void bf_srtp_gcm_iv(
	uint8_t iv[static 12], const uint8_t salt[static 16], uint32_t ssrc, uint64_t index)
{
	memcpy(iv, salt, 12);
	for (int i = 0; i < 4; i++)
		iv[2 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
	for (int i = 0; i < 6; i++)
		iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* In a time that does not tell where they differ. */
static inline bool bf_srtp_tags_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= (unsigned)(a[i] ^ b[i]);
	return difference == 0;
}

#endif
