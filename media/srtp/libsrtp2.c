/* The engine on libsrtp2: one session for each bf_srtp, whose template stream holds the keys. Streams of single SSRCs are
 * cloned from it and share its ciphers, so that the master key is expanded once. libsrtp2 clones only after a packet has
 * been authenticated, without a limit; `streams` is the limit. */
#include "media/srtp/srtp_priv.h"
#include "media/srtp/stream_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>

struct lib_srtp {
	struct bf_srtp common;
	/* owned */
	srtp_t session;
	struct bf_srtp_streams streams; /* only which there are */
};

static struct lib_srtp *lib_of(struct bf_srtp *srtp)
{
	return (struct lib_srtp *)(void *)srtp; /* `common` is its first member */
}

static void set_policy(srtp_policy_t *policy, enum bf_srtp_profile profile)
{
	switch (profile) {
	case BF_SRTP_AEAD_AES_128_GCM:
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
		return;
	case BF_SRTP_AEAD_AES_256_GCM:
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
		srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
		return;
	case BF_SRTP_AES128_CM_SHA1_80:
		srtp_crypto_policy_set_rtp_default(&policy->rtp);
		srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
		return;
	case BF_SRTP_NONE:
		break;
	}
	abort(); /* bf_srtp_new has checked it */
}

/* Outgoing packets may repeat: a retransmission without RTX is the same packet again and gives the same bytes. */
static int create(struct bf_srtp **out, struct bf_srtp_engine *engine, enum bf_srtp_profile profile,
	const struct bf_srtp_key *key, bool is_outgoing)
{
	struct bf_srtp_key copy = *key;
	srtp_policy_t policy;
	srtp_err_status_t status;
	struct lib_srtp *lib = calloc(1, sizeof(*lib));

	(void)engine;
	if (!lib)
		return -ENOMEM;
	bf_srtp_streams_init(&lib->streams);
	memset(&policy, 0, sizeof(policy));
	set_policy(&policy, profile);
	policy.ssrc.type = is_outgoing ? ssrc_any_outbound : ssrc_any_inbound;
	policy.key = copy.bytes;
	policy.window_size = BF_SRTP_RTP_WINDOW;
	policy.allow_repeat_tx = is_outgoing;
	status = srtp_create(&lib->session, &policy);
	explicit_bzero(&copy, sizeof(copy));
	if (status != srtp_err_status_ok) {
		free(lib);
		return -ENOMEM; /* the policy is right, so nothing else is left */
	}
	*out = &lib->common;
	return 0;
}

/* libsrtp2 overwrites its keys before it gives their memory back. */
static void destroy_srtp(struct bf_srtp *srtp)
{
	struct lib_srtp *lib = lib_of(srtp);

	srtp_dealloc(lib->session);
	bf_srtp_streams_deinit(&lib->streams);
	free(lib);
}

/* Whether this SSRC has a context or may get one. */
static bool admit(struct lib_srtp *lib, uint32_t ssrc, bool *is_new)
{
	*is_new = !bf_srtp_streams_find(&lib->streams, ssrc);
	return !*is_new || bf_srtp_streams_reserve(&lib->streams) == 0;
}

/* After an attempt: libsrtp2 has made a context even where it then refused to protect. */
static void note(struct lib_srtp *lib, uint32_t ssrc, bool is_new, bool has_context)
{
	struct bf_srtp_stream *stream;

	if (is_new && has_context) {
		int err = bf_srtp_streams_add(&stream, &lib->streams, ssrc, false);

		assert(!err); /* admit has reserved its place */
	}
}

static enum bf_drop drop_of(srtp_err_status_t status, enum bf_drop malformed)
{
	switch (status) {
	case srtp_err_status_ok:
		return BF_DROP_NONE;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return BF_DROP_REPLAY;
	case srtp_err_status_alloc_fail:
		return BF_DROP_SSRC_LIMIT;
	case srtp_err_status_bad_param:
	case srtp_err_status_parse_err:
		return malformed;
	default:
		return BF_DROP_AUTH; /* auth_fail, and cipher_fail of GCM */
	}
}

static void protect_one(struct bf_srtp_protect_job *job)
{
	struct lib_srtp *lib = lib_of(job->srtp);
	uint32_t ssrc = bf_get_u32(job->dst + 8);
	size_t plain_len = job->header_len + job->front_len;
	int len = (int)(plain_len + job->payload.len);
	srtp_err_status_t status;
	bool is_new;

	job->dst_len = 0;
	if (!admit(lib, ssrc, &is_new))
		return;
	if (job->payload.len > 0)
		memcpy(job->dst + plain_len, job->payload.data, job->payload.len);
	status = srtp_protect(lib->session, job->dst, &len);
	note(lib, ssrc, is_new, status != srtp_err_status_alloc_fail);
	if (status == srtp_err_status_ok)
		job->dst_len = (size_t)len;
}

static void protect(struct bf_srtp_engine *engine, struct bf_srtp_protect_job *jobs, size_t count)
{
	(void)engine;
	for (size_t i = 0; i < count; i++)
		protect_one(&jobs[i]);
}

static void unprotect_one(struct bf_srtp_unprotect_job *job)
{
	struct lib_srtp *lib = lib_of(job->srtp);
	uint32_t ssrc = bf_get_u32(job->data + 8);
	int len = (int)job->len;
	srtp_err_status_t status;
	bool is_new;

	if (!admit(lib, ssrc, &is_new)) {
		job->drop = BF_DROP_SSRC_LIMIT;
		return;
	}
	status = srtp_unprotect(lib->session, job->data, &len);
	note(lib, ssrc, is_new, status == srtp_err_status_ok);
	job->drop = drop_of(status, BF_DROP_RTP_MALFORMED);
	if (job->drop == BF_DROP_NONE)
		job->len = (size_t)len;
}

static void unprotect(
	struct bf_srtp_engine *engine, struct bf_srtp_unprotect_job *jobs, size_t count)
{
	(void)engine;
	for (size_t i = 0; i < count; i++)
		if (jobs[i].drop == BF_DROP_NONE)
			unprotect_one(&jobs[i]);
}

static int protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len)
{
	struct lib_srtp *lib = lib_of(srtp);
	uint32_t ssrc = bf_get_u32(data + 4);
	int rtcp_len = (int)len;
	srtp_err_status_t status;
	bool is_new;

	if (!admit(lib, ssrc, &is_new))
		return -ENOBUFS;
	status = srtp_protect_rtcp(lib->session, data, &rtcp_len);
	note(lib, ssrc, is_new, status != srtp_err_status_alloc_fail);
	return status == srtp_err_status_ok ? rtcp_len : -ENOBUFS;
}

static enum bf_drop unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len)
{
	struct lib_srtp *lib = lib_of(srtp);
	uint32_t ssrc = bf_get_u32(data + 4);
	int rtcp_len = (int)*len;
	srtp_err_status_t status;
	bool is_new;

	if (!admit(lib, ssrc, &is_new))
		return BF_DROP_SSRC_LIMIT;
	status = srtp_unprotect_rtcp(lib->session, data, &rtcp_len);
	note(lib, ssrc, is_new, status == srtp_err_status_ok);
	if (status == srtp_err_status_ok)
		*len = (size_t)rtcp_len;
	return drop_of(status, BF_DROP_RTCP_MALFORMED);
}

static void remove_ssrc(struct bf_srtp *srtp, uint32_t ssrc)
{
	struct lib_srtp *lib = lib_of(srtp);

	if (!bf_srtp_streams_find(&lib->streams, ssrc))
		return;
	bf_srtp_streams_remove(&lib->streams, ssrc);
	srtp_remove_stream(lib->session, htonl(ssrc));
}

static void destroy(struct bf_srtp_engine *engine)
{
	free(engine);
}

static const struct bf_srtp_engine_ops ops = {
	.destroy = destroy,
	.create = create,
	.destroy_srtp = destroy_srtp,
	.protect = protect,
	.unprotect = unprotect,
	.protect_rtcp = protect_rtcp,
	.unprotect_rtcp = unprotect_rtcp,
	.remove_ssrc = remove_ssrc,
};

/* libsrtp2 has one kernel a process, and refuses to be initialised again: so what came of it is kept for the process too. */
static srtp_err_status_t init_status;

static void init_once(void)
{
	init_status = srtp_init(); /* runs its self-tests */
}

int bf_srtp_libsrtp2_new(struct bf_srtp_engine **out, char *why, size_t why_size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct bf_srtp_engine *engine;

	pthread_once(&once, init_once);
	if (init_status != srtp_err_status_ok) {
		snprintf(why, why_size, "libsrtp2 has failed its self-test (status %d)",
			(int)init_status);
		return -ENOTSUP;
	}
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->ops = &ops;
	engine->name = "libsrtp2";
	*out = engine;
	return 0;
}
