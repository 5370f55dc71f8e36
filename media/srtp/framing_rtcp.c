/* RTCP, one packet at a time: it is rare.
 *
 *   AES_CM:   | 8: header and SSRC, plain | encrypted | 4: E bit and index | 10: tag |     all before the tag is authenticated
 *   AES-GCM:  | 8: header and SSRC, plain | encrypted | 16: tag | 4: E bit and index |     both plain parts are
 */
#include "media/srtp/framing_priv.h"

#include <errno.h>

#define HEADER_LEN  8
#define TRAILER_LEN 4
#define E_BIT	    (UINT32_C(1) << 31)

/* Header and trailer side by side, as GCM wants what it authenticates without encrypting (RFC 7714 section 9.2). */
struct aad {
	uint8_t bytes[HEADER_LEN + TRAILER_LEN];
};

static struct aad make_aad(const uint8_t *data, uint32_t trailer)
{
	struct aad aad;

	memcpy(aad.bytes, data, HEADER_LEN);
	bf_put_u32(aad.bytes + HEADER_LEN, trailer);
	return aad;
}

static bool crypt_gcm(struct bf_srtp *srtp, void *keys, uint8_t *data, size_t len, uint32_t index)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(srtp->engine);
	struct aad aad = make_aad(data, E_BIT | index);
	uint8_t iv[12];
	struct bf_srtp_gcm gcm = {.keys = keys,
		.iv = iv,
		.aad = bf_bytes(aad.bytes, sizeof(aad.bytes)),
		.text = {.at = data + HEADER_LEN, .front_len = len - HEADER_LEN}};

	bf_srtp_gcm_iv(iv, bf_srtp_framed_of(srtp)->rtcp_salt, bf_get_u32(data + 4), index);
	return srtp->is_outgoing ? framing->cipher->gcm_seal(framing, srtp->profile, &gcm)
				 : framing->cipher->gcm_open(framing, srtp->profile, &gcm);
}

/* `len`: of the plain packet, behind which the trailer stands already. */
static struct bf_srtp_cm make_cm(
	struct bf_srtp *srtp, void *keys, uint8_t *data, size_t len, uint32_t index)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(srtp);
	struct bf_srtp_cm cm = {.keys = keys,
		.hmac = &framed->rtcp_hmac,
		.text = {.at = data + HEADER_LEN, .front_len = len - HEADER_LEN},
		.hashed = bf_bytes(data, len + TRAILER_LEN)};

	bf_srtp_cm_iv(cm.iv, framed->rtcp_salt, bf_get_u32(data + 4), index);
	return cm;
}

static int seal_packet(struct bf_srtp *srtp, void *keys, uint8_t *data, size_t len, uint32_t index)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(srtp->engine);
	struct bf_srtp_cm cm;

	if (bf_srtp_is_gcm(srtp->profile)) {
		if (!crypt_gcm(srtp, keys, data, len, index))
			return -ENOBUFS;
		bf_put_u32(data + len + BF_SRTP_GCM_TAG, E_BIT | index);
		return (int)(len + BF_SRTP_GCM_TAG + TRAILER_LEN);
	}
	bf_put_u32(data + len, E_BIT | index);
	cm = make_cm(srtp, keys, data, len, index);
	if (!framing->cipher->cm_crypt(framing, &cm, 1))
		return -ENOBUFS;
	framing->cipher->cm_hash(framing, &cm, 1);
	memcpy(data + len + TRAILER_LEN, cm.mac, BF_SRTP_SHA1_TAG);
	return (int)(len + TRAILER_LEN + BF_SRTP_SHA1_TAG);
}

static void *keys_of(struct bf_srtp *srtp)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(srtp->engine);

	return framing->cipher->keys_once(
		framing, srtp->profile, bf_srtp_framed_of(srtp)->rtcp_key, srtp->is_outgoing);
}

int bf_srtp_framing_protect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t len)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(srtp);
	uint32_t ssrc = bf_get_u32(data + 4);
	struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);
	void *keys;

	if (!stream && bf_srtp_streams_add(&stream, &framed->streams, ssrc, false))
		return -ENOBUFS;
	if (stream->rtcp_index + 1 >= BF_SRTP_RTCP_END)
		return -ENOBUFS; /* never twice the same under one key (RFC 3711 section 3.3.1) */
	keys = keys_of(srtp);
	if (!keys)
		return -ENOBUFS;
	return seal_packet(srtp, keys, data, len, ++stream->rtcp_index);
}

/* `len`: of the plain packet. */
static bool open_packet(struct bf_srtp *srtp, void *keys, uint8_t *data, size_t len, uint32_t index)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(srtp->engine);
	struct bf_srtp_cm cm;

	if (bf_srtp_is_gcm(srtp->profile))
		return crypt_gcm(srtp, keys, data, len, index);
	cm = make_cm(srtp, keys, data, len, index);
	framing->cipher->cm_hash(framing, &cm, 1);
	return bf_srtp_tags_equal(cm.mac, data + len + TRAILER_LEN, BF_SRTP_SHA1_TAG) &&
	       framing->cipher->cm_crypt(framing, &cm, 1);
}

static enum bf_drop commit(struct bf_srtp_framed *framed, uint32_t ssrc, uint32_t index)
{
	struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);

	if (!stream && bf_srtp_streams_add(&stream, &framed->streams, ssrc, true))
		return BF_DROP_SSRC_LIMIT;
	stream->rtcp_index = (uint32_t)bf_srtp_window_add(
		stream->windows->rtcp, BF_SRTP_RTCP_WINDOW, stream->rtcp_index, index);
	return BF_DROP_NONE;
}

enum bf_drop bf_srtp_framing_unprotect_rtcp(struct bf_srtp *srtp, uint8_t *data, size_t *len)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(srtp);
	size_t tag_len = srtp->tag_len;
	size_t plain_len = *len - TRAILER_LEN - tag_len;
	uint32_t trailer =
		bf_get_u32(data + plain_len + (bf_srtp_is_gcm(srtp->profile) ? tag_len : 0));
	uint32_t ssrc = bf_get_u32(data + 4), index = trailer & ~E_BIT;
	const struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);
	enum bf_drop drop;
	void *keys;

	if (!(trailer & E_BIT))
		return BF_DROP_AUTH; /* not encrypted, which no profile of ours allows */
	if (!stream && framed->streams.count >= BF_SRTP_SSRC_MAX)
		return BF_DROP_SSRC_LIMIT;
	if (stream && !bf_srtp_window_is_fresh(stream->windows->rtcp, BF_SRTP_RTCP_WINDOW,
			      stream->rtcp_index, index))
		return BF_DROP_REPLAY;
	keys = keys_of(srtp);
	drop = keys && open_packet(srtp, keys, data, plain_len, index) ? commit(framed, ssrc, index)
								       : BF_DROP_AUTH;
	if (drop == BF_DROP_NONE)
		*len = plain_len;
	return drop;
}
