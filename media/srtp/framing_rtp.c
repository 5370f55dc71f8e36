/* RTP in batches. AES-GCM goes packet by packet, for one packet fills the CPU. HMAC-SHA1 is a chain of dependent steps, and only
 * several packets side by side fill it: packets of AES_CM wait until the batch is over or BF_SRTP_BATCH of them are there. */
#include "media/srtp/framing_priv.h"

#include <assert.h>

/* Ask for a bf_srtp that will be needed soon: with hundreds of subscribers it is not in the first cache. */
static void prefetch(const struct bf_srtp *srtp)
{
	const char *at = (const char *)srtp;

	__builtin_prefetch(at);
	__builtin_prefetch(at + 64);
	__builtin_prefetch(at + sizeof(struct bf_srtp_framed));
	__builtin_prefetch(at + sizeof(struct bf_srtp_framed) + 64);
}

/* ---- outgoing ---- */

/* The index of this packet. There is nothing to prove about our own packets, so it counts at once, and the next one of the batch
 * goes on from there. False: no place for its SSRC, too old to know its roll-over counter, or the key is used up. */
static bool advance(struct bf_srtp_framed *framed, uint32_t ssrc, uint16_t seq, uint64_t *index)
{
	struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);

	if (!stream && bf_srtp_streams_add(&stream, &framed->streams, ssrc, false))
		return false;
	*index = bf_srtp_guess_index(stream->rtp_index, seq);
	if (bf_srtp_window_is_behind(stream->rtp_index, *index, BF_SRTP_RTP_WINDOW) ||
		*index >= BF_SRTP_INDEX_END)
		return false;
	if (*index > stream->rtp_index)
		stream->rtp_index = *index;
	return true;
}

static struct bf_srtp_text text_of(const struct bf_srtp_protect_job *job)
{
	return (struct bf_srtp_text){.at = job->dst + job->header_len,
		.front_len = job->front_len,
		.rest = job->payload.data,
		.rest_len = job->payload.len};
}

static void seal_gcm(struct bf_srtp_framing *framing, struct bf_srtp_protect_job *job,
	uint32_t ssrc, uint64_t index)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(job->srtp);
	uint8_t iv[12];
	struct bf_srtp_gcm gcm = {.keys = bf_srtp_rtp_keys(framed),
		.iv = iv,
		.aad = bf_bytes(job->dst, job->header_len),
		.text = text_of(job)};

	bf_srtp_gcm_iv(iv, framed->rtp_salt, ssrc, index);
	if (framing->cipher->gcm_seal(framing, job->srtp->profile, &gcm))
		job->dst_len =
			job->header_len + job->front_len + job->payload.len + BF_SRTP_GCM_TAG;
}

static void seal_cms(struct bf_srtp_framing *framing)
{
	size_t count = framing->cm_count;

	framing->cm_count = 0;
	if (count == 0 || !framing->cipher->cm_crypt(framing, framing->cms, count))
		return;
	framing->cipher->cm_hash(framing, framing->cms, count);
	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_cm *cm = &framing->cms[i];
		struct bf_srtp_protect_job *job = cm->job;
		size_t len = job->header_len + job->front_len + job->payload.len;

		memcpy(job->dst + len, cm->mac, BF_SRTP_SHA1_TAG);
		job->dst_len = len + BF_SRTP_SHA1_TAG;
	}
}

/* The roll-over counter is hashed behind the packet (RFC 3711 section 4.2); the tag will stand there in the end. */
static void add_cm(struct bf_srtp_framing *framing, struct bf_srtp_protect_job *job, uint32_t ssrc,
	uint64_t index)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(job->srtp);
	struct bf_srtp_cm *cm = &framing->cms[framing->cm_count++];
	size_t len = job->header_len + job->front_len + job->payload.len;

	cm->keys = bf_srtp_rtp_keys(framed);
	cm->hmac = &framed->rtp_hmac;
	cm->text = text_of(job);
	cm->hashed = bf_bytes(job->dst, len + 4);
	cm->job = job;
	bf_srtp_cm_iv(cm->iv, framed->rtp_salt, ssrc, index);
	bf_put_u32(job->dst + len, (uint32_t)(index >> 16));
	if (framing->cm_count == BF_SRTP_BATCH)
		seal_cms(framing);
}

void bf_srtp_framing_protect(
	struct bf_srtp_engine *engine, struct bf_srtp_protect_job *jobs, size_t count)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(engine);

	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_protect_job *job = &jobs[i];
		uint32_t ssrc = bf_get_u32(job->dst + 8);
		uint64_t index;

		if (i + 1 < count)
			prefetch(jobs[i + 1].srtp);
		job->dst_len = 0;
		if (!advance(bf_srtp_framed_of(job->srtp), ssrc, bf_get_u16(job->dst + 2), &index))
			continue;
		if (bf_srtp_is_gcm(job->srtp->profile))
			seal_gcm(framing, job, ssrc, index);
		else
			add_cm(framing, job, ssrc, index);
	}
	seal_cms(framing);
}

/* ---- incoming ---- */

/* What may be said of a packet before it is authenticated; only reads. `index` is set where the answer is BF_DROP_NONE. */
static enum bf_drop consider(
	struct bf_srtp_framed *framed, uint32_t ssrc, uint16_t seq, uint64_t *index)
{
	struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);

	if (!stream && framed->streams.count >= BF_SRTP_SSRC_MAX)
		return BF_DROP_SSRC_LIMIT;
	*index = bf_srtp_guess_index(stream ? stream->rtp_index : 0, seq);
	if (*index >= BF_SRTP_INDEX_END)
		return BF_DROP_REPLAY;
	if (stream && !bf_srtp_window_is_fresh(
			      stream->windows->rtp, BF_SRTP_RTP_WINDOW, stream->rtp_index, *index))
		return BF_DROP_REPLAY;
	return BF_DROP_NONE;
}

/* The packet is genuine: now it may count. */
static enum bf_drop commit(struct bf_srtp_framed *framed, uint32_t ssrc, uint64_t index)
{
	struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);

	if (!stream && bf_srtp_streams_add(&stream, &framed->streams, ssrc, true))
		return BF_DROP_SSRC_LIMIT;
	stream->rtp_index = bf_srtp_window_add(
		stream->windows->rtp, BF_SRTP_RTP_WINDOW, stream->rtp_index, index);
	return BF_DROP_NONE;
}

static void open_gcm(struct bf_srtp_framing *framing, struct bf_srtp_unprotect_job *job,
	uint32_t ssrc, uint64_t index)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(job->srtp);
	size_t header_len = bf_srtp_rtp_header_len(job->data, job->len);
	size_t len = job->len - BF_SRTP_GCM_TAG;
	uint8_t iv[12];
	struct bf_srtp_gcm gcm = {.keys = bf_srtp_rtp_keys(framed),
		.iv = iv,
		.aad = bf_bytes(job->data, header_len),
		.text = {.at = job->data + header_len, .front_len = len - header_len}};

	bf_srtp_gcm_iv(iv, framed->rtp_salt, ssrc, index);
	if (!framing->cipher->gcm_open(framing, job->srtp->profile, &gcm))
		job->drop = BF_DROP_AUTH;
	else
		job->drop = commit(framed, ssrc, index);
	if (job->drop == BF_DROP_NONE)
		job->len = len;
}

/* One packet after the other takes effect, as if it had come alone: what an earlier one of the batch has changed may make a replay
 * of a later one, or leave no place for it. */
static enum bf_drop settle(struct bf_srtp_cm *cm, struct bf_srtp_framed *framed, uint16_t seq)
{
	uint64_t index;
	enum bf_drop drop = consider(framed, cm->ssrc, seq, &index);

	if (drop)
		return drop;
	assert(index == cm->index); /* or depends_on_batch has failed */
	if (!bf_srtp_tags_equal(cm->tag, cm->mac, BF_SRTP_SHA1_TAG))
		return BF_DROP_AUTH;
	return commit(framed, cm->ssrc, index);
}

/* Authenticate, settle, and decrypt what has passed. */
static void open_cms(struct bf_srtp_framing *framing)
{
	struct bf_srtp_cm *cms = framing->cms;
	size_t count = framing->cm_count, good = 0;

	framing->cm_count = 0;
	framing->has_far = false;
	if (count == 0)
		return;
	framing->cipher->cm_hash(framing, cms, count);
	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_unprotect_job *job = cms[i].job;

		job->drop =
			settle(&cms[i], bf_srtp_framed_of(job->srtp), bf_get_u16(job->data + 2));
		if (job->drop)
			continue;
		job->len -= BF_SRTP_SHA1_TAG;
		cms[good++] = cms[i];
	}
	if (good > 0 && !framing->cipher->cm_crypt(framing, cms, good))
		for (size_t i = 0; i < good; i++)
			((struct bf_srtp_unprotect_job *)cms[i].job)->drop = BF_DROP_AUTH;
}

/* A quarter of the sequence numbers: two that are near the same one are less than half apart. */
static bool is_far(struct bf_srtp_framed *framed, uint32_t ssrc, uint64_t index)
{
	const struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);
	uint64_t newest = stream ? stream->rtp_index : 0;

	return (index > newest ? index - newest : newest - index) >= 0x4000;
}

/* Whether the index of this packet hangs on how packets fare that still wait for authentication. If all are near the newest it
 * cannot: what is less than half of the sequence numbers apart is told apart right. */
static bool depends_on_batch(
	const struct bf_srtp_framing *framing, const struct bf_srtp_unprotect_job *job)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(job->srtp);
	uint32_t ssrc = bf_get_u32(job->data + 8);
	uint16_t seq = bf_get_u16(job->data + 2);
	const struct bf_srtp_stream *stream = bf_srtp_streams_find(&framed->streams, ssrc);
	uint64_t index = bf_srtp_guess_index(stream ? stream->rtp_index : 0, seq);

	if (!framing->has_far && !is_far(framed, ssrc, index))
		return false;
	for (size_t i = 0; i < framing->cm_count; i++) {
		const struct bf_srtp_cm *cm = &framing->cms[i];
		const struct bf_srtp_unprotect_job *earlier = cm->job;

		if (earlier->srtp == job->srtp && cm->ssrc == ssrc &&
			bf_srtp_guess_index(cm->index, seq) != index)
			return true;
	}
	return false;
}

/* The tag is put aside, and the roll-over counter hashed in its place. */
static void add_received_cm(struct bf_srtp_framing *framing, struct bf_srtp_unprotect_job *job,
	uint32_t ssrc, uint64_t index)
{
	struct bf_srtp_framed *framed = bf_srtp_framed_of(job->srtp);
	size_t header_len = bf_srtp_rtp_header_len(job->data, job->len);
	size_t len = job->len - BF_SRTP_SHA1_TAG;
	struct bf_srtp_cm *cm;

	framing->has_far |= is_far(framed, ssrc, index);
	cm = &framing->cms[framing->cm_count++];
	cm->keys = bf_srtp_rtp_keys(framed);
	cm->hmac = &framed->rtp_hmac;
	cm->text =
		(struct bf_srtp_text){.at = job->data + header_len, .front_len = len - header_len};
	cm->hashed = bf_bytes(job->data, len + 4);
	cm->job = job;
	cm->index = index;
	cm->ssrc = ssrc;
	memcpy(cm->tag, job->data + len, BF_SRTP_SHA1_TAG);
	bf_srtp_cm_iv(cm->iv, framed->rtp_salt, ssrc, index);
	bf_put_u32(job->data + len, (uint32_t)(index >> 16));
	if (framing->cm_count == BF_SRTP_BATCH)
		open_cms(framing);
}

void bf_srtp_framing_unprotect(
	struct bf_srtp_engine *engine, struct bf_srtp_unprotect_job *jobs, size_t count)
{
	struct bf_srtp_framing *framing = bf_srtp_framing_of(engine);

	for (size_t i = 0; i < count; i++) {
		struct bf_srtp_unprotect_job *job = &jobs[i];
		uint32_t ssrc;
		uint64_t index;

		if (job->drop)
			continue;
		if (framing->cm_count > 0 && depends_on_batch(framing, job))
			open_cms(framing);
		ssrc = bf_get_u32(job->data + 8);
		job->drop = consider(
			bf_srtp_framed_of(job->srtp), ssrc, bf_get_u16(job->data + 2), &index);
		if (job->drop)
			continue;
		if (bf_srtp_is_gcm(job->srtp->profile))
			open_gcm(framing, job, ssrc, index);
		else
			add_received_cm(framing, job, ssrc, index);
	}
	open_cms(framing);
}
