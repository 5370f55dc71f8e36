#include "media/srtp/framing_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static size_t framed_size(const struct bf_srtp_framing *framing, enum bf_srtp_profile profile)
{
	size_t size = sizeof(struct bf_srtp_framed) + framing->cipher->keys_size(profile);

	return (size + BF_SRTP_KEYS_ALIGN - 1) / BF_SRTP_KEYS_ALIGN * BF_SRTP_KEYS_ALIGN;
}

int bf_srtp_framed_new(struct bf_srtp **out, struct bf_srtp_framing *framing,
	enum bf_srtp_profile profile, const struct bf_srtp_session_keys *rtp,
	const struct bf_srtp_session_keys *rtcp, bool is_outgoing)
{
	struct bf_srtp_framed *framed =
		aligned_alloc(BF_SRTP_KEYS_ALIGN, framed_size(framing, profile));
	int err;

	if (!framed)
		return -ENOMEM;
	memset(framed, 0, framed_size(framing, profile));
	bf_srtp_streams_init(&framed->streams);
	memcpy(framed->rtp_salt, rtp->salt, sizeof(rtp->salt));
	memcpy(framed->rtcp_salt, rtcp->salt, sizeof(rtcp->salt));
	memcpy(framed->rtcp_key, rtcp->key, sizeof(rtcp->key));
	bf_hmac_sha1_init(&framed->rtp_hmac, bf_bytes(rtp->auth, sizeof(rtp->auth)));
	bf_hmac_sha1_init(&framed->rtcp_hmac, bf_bytes(rtcp->auth, sizeof(rtcp->auth)));
	err = framing->cipher->keys_init(
		framing, bf_srtp_rtp_keys(framed), profile, rtp->key, is_outgoing);
	if (err) {
		explicit_bzero(framed, framed_size(framing, profile));
		free(framed);
		return err;
	}
	*out = &framed->common;
	return 0;
}

static int create(struct bf_srtp **out, struct bf_srtp_engine *engine, enum bf_srtp_profile profile,
	const struct bf_srtp_key *key, bool is_outgoing)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(engine);
	struct bf_srtp_session_keys rtp, rtcp;
	int err = bf_srtp_kdf_derive(&framing->kdf, &rtp, &rtcp, profile, key);

	if (!err)
		err = bf_srtp_framed_new(out, framing, profile, &rtp, &rtcp, is_outgoing);
	explicit_bzero(&rtp, sizeof(rtp));
	explicit_bzero(&rtcp, sizeof(rtcp));
	return err;
}

static void destroy_srtp(struct bf_srtp *srtp)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(srtp->engine);
	struct bf_srtp_framed *framed = bf_srtp_framed_of(srtp);

	framing->cipher->keys_deinit(bf_srtp_rtp_keys(framed), srtp->profile);
	framing->cipher->keys_forget(framing); /* they may be those of its RTCP */
	bf_srtp_streams_deinit(&framed->streams);
	explicit_bzero(framed, framed_size(framing, srtp->profile));
	free(framed);
}

static void remove_ssrc(struct bf_srtp *srtp, uint32_t ssrc)
{
	bf_srtp_streams_remove(&bf_srtp_framed_of(srtp)->streams, ssrc);
}

static void destroy(struct bf_srtp_engine *engine)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(engine);

	framing->cipher->destroy(framing);
}

static const struct bf_srtp_engine_ops ops = {
	.destroy = destroy,
	.create = create,
	.destroy_srtp = destroy_srtp,
	.protect = bf_srtp_framing_protect,
	.unprotect = bf_srtp_framing_unprotect,
	.protect_rtcp = bf_srtp_framing_protect_rtcp,
	.unprotect_rtcp = bf_srtp_framing_unprotect_rtcp,
	.remove_ssrc = remove_ssrc,
};

int bf_srtp_framing_init(struct bf_srtp_framing *framing, const struct bf_srtp_cipher *cipher)
{
	framing->engine.ops = &ops;
	framing->engine.name = cipher->name;
	framing->cipher = cipher;
	framing->cm_count = 0;
	return bf_srtp_kdf_init(&framing->kdf);
}

void bf_srtp_framing_deinit(struct bf_srtp_framing *framing)
{
	bf_srtp_kdf_deinit(&framing->kdf);
}
