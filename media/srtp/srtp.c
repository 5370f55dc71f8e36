#include "media/srtp/srtp.h"

#include "media/srtp/srtp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_MAX		 200
#define RTP_HEADER_LEN	 12
#define RTCP_HEADER_LEN	 8
#define RTCP_TRAILER_LEN 4 /* E bit and index */

static const struct profile {
	enum bf_srtp_profile id;
	const char *name;
	size_t key_len;
	size_t salt_len;
	size_t tag_len;
} profiles[] = {
	{BF_SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", 16, 12, 16},
	{BF_SRTP_AEAD_AES_256_GCM, "AEAD_AES_256_GCM", 32, 12, 16},
	{BF_SRTP_AES128_CM_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14, 10},
	{BF_SRTP_NONE, "none", 0, 0, 0},
};

#define PROFILE_COUNT (sizeof(profiles) / sizeof(profiles[0]))

/* An unknown value answers as BF_SRTP_NONE does. */
static const struct profile *find_profile(enum bf_srtp_profile id)
{
	for (size_t i = 0; i < PROFILE_COUNT; i++)
		if (profiles[i].id == id)
			return &profiles[i];
	return &profiles[PROFILE_COUNT - 1];
}

const char *bf_srtp_profile_name(enum bf_srtp_profile profile)
{
	return find_profile(profile)->name;
}

enum bf_srtp_profile bf_srtp_profile_from_name(struct bf_bytes name)
{
	for (size_t i = 0; i < PROFILE_COUNT; i++)
		if (bf_bytes_is(name, profiles[i].name))
			return profiles[i].id;
	return BF_SRTP_NONE;
}

size_t bf_srtp_key_len(enum bf_srtp_profile profile)
{
	return find_profile(profile)->key_len;
}

size_t bf_srtp_salt_len(enum bf_srtp_profile profile)
{
	return find_profile(profile)->salt_len;
}

#ifdef BF_HAVE_IPSEC_MB
#define IPSEC_MB_NEW bf_srtp_ipsec_mb_new
#else
#define IPSEC_MB_NEW NULL /* the library is for x86-64 only */
#endif

/* In the order in which BF_SRTP_ENGINE_AUTO tries them. */
static const struct engine_kind {
	enum bf_srtp_engine_kind id;
	const char *name;
	int (*create)(struct bf_srtp_engine **out, char *why, size_t why_size);
	bool is_auto; /* may be chosen by itself */
} kinds[] = {
	{BF_SRTP_ENGINE_AUTO, "auto", NULL, false},
	{BF_SRTP_ENGINE_IPSEC_MB, "ipsec-mb", IPSEC_MB_NEW, true},
	{BF_SRTP_ENGINE_OPENSSL, "openssl", bf_srtp_openssl_new, true},
	{BF_SRTP_ENGINE_LIBSRTP2, "libsrtp2", bf_srtp_libsrtp2_new, false},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static const struct engine_kind *find_kind(enum bf_srtp_engine_kind id)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		if (kinds[i].id == id)
			return &kinds[i];
	abort(); /* no value of the enum */
}

const char *bf_srtp_engine_kind_name(enum bf_srtp_engine_kind kind)
{
	return find_kind(kind)->name;
}

int bf_srtp_engine_kind_from_name(enum bf_srtp_engine_kind *out, struct bf_bytes name)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (bf_bytes_is(name, kinds[i].name)) {
			*out = kinds[i].id;
			return 0;
		}
	}
	return -EINVAL;
}

static int create_engine(
	struct bf_srtp_engine **out, const struct engine_kind *kind, char *why, size_t why_size)
{
	char cause[WHY_MAX] = "this build is without it";
	int err = kind->create ? kind->create(out, cause, sizeof(cause)) : -ENOTSUP;

	if (err)
		snprintf(why, why_size, "SRTP engine %s: %s", kind->name,
			err == -ENOTSUP ? cause : strerror(-err));
	return err;
}

static int create_auto(struct bf_srtp_engine **out, char *why, size_t why_size)
{
	int err = -ENOTSUP;

	for (size_t i = 0; err == -ENOTSUP && i < KIND_COUNT; i++)
		if (kinds[i].is_auto)
			err = create_engine(out, &kinds[i], why, why_size);
	return err;
}

int bf_srtp_engine_new(
	struct bf_srtp_engine **out, enum bf_srtp_engine_kind kind, char *why, size_t why_size)
{
	struct bf_srtp_engine *engine;
	int err = kind == BF_SRTP_ENGINE_AUTO
			  ? create_auto(&engine, why, why_size)
			  : create_engine(&engine, find_kind(kind), why, why_size);

	if (err)
		return err;
	engine->srtp_count = 0;
	*out = engine;
	return 0;
}

void bf_srtp_engine_free(struct bf_srtp_engine *engine)
{
	if (!engine)
		return;
	assert(engine->srtp_count == 0);
	engine->ops->destroy(engine);
}

size_t bf_srtp_tag_len(enum bf_srtp_profile profile)
{
	return find_profile(profile)->tag_len;
}

const char *bf_srtp_engine_name(const struct bf_srtp_engine *engine)
{
	return engine->name;
}

void bf_srtp_fill_common(struct bf_srtp *srtp, struct bf_srtp_engine *engine,
	enum bf_srtp_profile profile, bool is_outgoing)
{
	srtp->engine = engine;
	srtp->profile = profile;
	srtp->tag_len = find_profile(profile)->tag_len;
	srtp->is_outgoing = is_outgoing;
	engine->srtp_count++;
}

int bf_srtp_new(struct bf_srtp **out, struct bf_srtp_engine *engine, enum bf_srtp_profile profile,
	const struct bf_srtp_key *key, bool is_outgoing)
{
	struct bf_srtp *srtp;
	int err;

	if (find_profile(profile)->key_len == 0)
		return -EINVAL;
	err = engine->ops->create(&srtp, engine, profile, key, is_outgoing);
	if (err)
		return err;
	bf_srtp_fill_common(srtp, engine, profile, is_outgoing);
	*out = srtp;
	return 0;
}

void bf_srtp_free(struct bf_srtp *srtp)
{
	if (!srtp)
		return;
	srtp->engine->srtp_count--;
	srtp->engine->ops->destroy_srtp(srtp);
}

size_t bf_srtp_rtp_header_len(const uint8_t *data, size_t len)
{
	size_t header_len;

	if (len < RTP_HEADER_LEN || data[0] >> 6 != 2)
		return 0;
	header_len = RTP_HEADER_LEN + 4u * (data[0] & 0x0f);
	if (data[0] & 0x10) {
		if (len < header_len + 4)
			return 0;
		header_len += 4 + 4u * bf_get_u16(data + header_len + 2);
	}
	return header_len <= len ? header_len : 0;
}

/* Hand runs of jobs to their engine: in practice all of them to the one engine of this thread. */
void bf_srtp_protect(struct bf_srtp_protect_job *jobs, size_t count)
{
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		const struct bf_srtp_protect_job *job = &jobs[i];

		assert(job->srtp->is_outgoing);
		assert(bf_srtp_rtp_header_len(job->dst, job->header_len) == job->header_len);
		assert(job->header_len > 0); /* 0 is what an incomplete header has for a length */
		assert(job->dst_size >=
			job->header_len + job->front_len + job->payload.len + job->srtp->tag_len);
	}
	while (start < count) {
		struct bf_srtp_engine *engine = jobs[start].srtp->engine;
		size_t end = start + 1;

		while (end < count && jobs[end].srtp->engine == engine)
			end++;
		engine->ops->protect(engine, jobs + start, end - start);
		start = end;
	}
}

void bf_srtp_unprotect(struct bf_srtp_unprotect_job *jobs, size_t count)
{
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_unprotect_job *job = &jobs[i];
		size_t header_len = bf_srtp_rtp_header_len(job->data, job->len);

		assert(!job->srtp->is_outgoing);
		job->drop = BF_DROP_NONE;
		if (header_len == 0 || job->len < header_len + job->srtp->tag_len)
			job->drop = BF_DROP_RTP_MALFORMED;
	}
	while (start < count) {
		struct bf_srtp_engine *engine = jobs[start].srtp->engine;
		size_t end = start + 1;

		while (end < count && jobs[end].srtp->engine == engine)
			end++;
		engine->ops->unprotect(engine, jobs + start, end - start);
		start = end;
	}
}

int bf_srtp_protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
	assert(srtp->is_outgoing);
	assert(len >= RTCP_HEADER_LEN && data[0] >> 6 == 2);
	if (size < len || size - len < BF_SRTP_OVERHEAD_MAX)
		return -ENOBUFS;
	return srtp->engine->ops->protect_rtcp(srtp, data, len);
}

enum bf_drop bf_srtp_unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len)
{
	assert(!srtp->is_outgoing);
	if (*len < RTCP_HEADER_LEN + RTCP_TRAILER_LEN + srtp->tag_len || data[0] >> 6 != 2)
		return BF_DROP_RTCP_MALFORMED;
	return srtp->engine->ops->unprotect_rtcp(srtp, data, len);
}

void bf_srtp_remove_ssrc(struct bf_srtp *srtp, uint32_t ssrc)
{
	srtp->engine->ops->remove_ssrc(srtp, ssrc);
}
