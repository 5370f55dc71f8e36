#include "media/srtp/srtp.h"

#include "media/srtp/srtp_priv.h"

#include <assert.h>
#include <errno.h>

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

size_t bf_srtp_tag_len(enum bf_srtp_profile profile)
{
	return find_profile(profile)->tag_len;
}

const char *bf_srtp_engine_name(const struct bf_srtp_engine *engine)
{
	return engine->name;
}

int bf_srtp_new(struct bf_srtp **out, const struct bf_srtp_engine *engine,
	enum bf_srtp_profile profile, const struct bf_srtp_key *key, bool is_outgoing)
{
	struct bf_srtp *srtp;
	int err;

	if (find_profile(profile)->key_len == 0)
		return -EINVAL;
	err = engine->create(&srtp, profile, key, is_outgoing);
	if (err)
		return err;
	srtp->engine = engine;
	srtp->profile = profile;
	srtp->is_outgoing = is_outgoing;
	*out = srtp;
	return 0;
}

void bf_srtp_free(struct bf_srtp *srtp)
{
	if (srtp)
		srtp->engine->destroy(srtp);
}

/* Length of the RTP header with CSRCs and extension, 0 if it is not all there (RFC 3550 sections 5.1 and 5.3.1). */
static size_t rtp_header_len(const uint8_t *data, size_t len)
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

/* Hand runs of jobs to their engine: in practice all of them to the one engine of this process. */
void bf_srtp_protect(struct bf_srtp_protect_job *jobs, size_t count)
{
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		const struct bf_srtp_protect_job *job = &jobs[i];

		assert(job->srtp->is_outgoing);
		assert(rtp_header_len(job->header.data, job->header.len) > 0);
		assert(job->dst_size >=
			job->header.len + job->payload.len + bf_srtp_tag_len(job->srtp->profile));
	}
	while (start < count) {
		const struct bf_srtp_engine *engine = jobs[start].srtp->engine;
		size_t end = start + 1;

		while (end < count && jobs[end].srtp->engine == engine)
			end++;
		engine->protect(jobs + start, end - start);
		start = end;
	}
}

void bf_srtp_unprotect(struct bf_srtp_unprotect_job *jobs, size_t count)
{
	size_t start = 0;

	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_unprotect_job *job = &jobs[i];
		size_t header_len = rtp_header_len(job->data, job->len);

		assert(!job->srtp->is_outgoing);
		job->drop = BF_DROP_NONE;
		if (header_len == 0 || job->len < header_len + bf_srtp_tag_len(job->srtp->profile))
			job->drop = BF_DROP_RTP_MALFORMED;
	}
	while (start < count) {
		const struct bf_srtp_engine *engine = jobs[start].srtp->engine;
		size_t end = start + 1;

		while (end < count && jobs[end].srtp->engine == engine)
			end++;
		engine->unprotect(jobs + start, end - start);
		start = end;
	}
}

int bf_srtp_protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len, size_t size)
{
	assert(srtp->is_outgoing);
	assert(len >= RTCP_HEADER_LEN && data[0] >> 6 == 2);
	if (size < len || size - len < BF_SRTP_OVERHEAD_MAX)
		return -ENOBUFS;
	return srtp->engine->protect_rtcp(srtp, data, len);
}

enum bf_drop bf_srtp_unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len)
{
	assert(!srtp->is_outgoing);
	if (*len < RTCP_HEADER_LEN + RTCP_TRAILER_LEN + bf_srtp_tag_len(srtp->profile) ||
		data[0] >> 6 != 2)
		return BF_DROP_RTCP_MALFORMED;
	return srtp->engine->unprotect_rtcp(srtp, data, len);
}

void bf_srtp_remove_ssrc(struct bf_srtp *srtp, uint32_t ssrc)
{
	srtp->engine->remove_ssrc(srtp, ssrc);
}
