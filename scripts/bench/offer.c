#include "scripts/bench/offer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void put(struct bf_wr *wr, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct bf_wr *wr, const char *format, ...)
{
	size_t left = (size_t)(wr->end - wr->at);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf((char *)wr->at, left, format, args);
	va_end(args);
	assert(n >= 0 && (size_t)n < left); /* our own text, and short */
	wr->at += n;
}

static void put_transport(struct bf_wr *wr, const struct bench_local *local, const char *mid)
{
	put(wr,
		"c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
		"a=ice-options:trickle\r\na=fingerprint:sha-256 "
		"%s\r\na=setup:actpass\r\na=mid:%s\r\n"
		"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
		"a=extmap:3 "
		"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=%s\r\n",
		local->ufrag, local->pwd, local->fingerprint, mid,
		local->is_sender ? "sendonly" : "recvonly");
}

static void put_source(struct bf_wr *wr, uint32_t ssrc, const char *kind)
{
	put(wr, "a=ssrc:%u cname:bench\r\na=ssrc:%u msid:bench %s\r\n", ssrc, ssrc, kind);
}

static void put_audio(struct bf_wr *wr, const struct bench_local *local)
{
	put(wr, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
	put_transport(wr, local, "0");
	put(wr, "a=extmap:1 "
		"urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
		"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"
		"a=fmtp:111 minptime=10;useinbandfec=1\r\n");
	if (local->is_sender) {
		put(wr, "a=msid:bench audio\r\n");
		put_source(wr, local->audio_ssrc, "audio");
	}
}

static void put_video(struct bf_wr *wr, const struct bench_local *local)
{
	put(wr, "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
	put_transport(wr, local, "1");
	put(wr, "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\n"
		"a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n"
		"a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
	if (local->is_sender) {
		put(wr, "a=msid:bench video\r\na=ssrc-group:FID %u %u\r\n", local->video_ssrc,
			local->rtx_ssrc);
		put_source(wr, local->video_ssrc, "video");
		put_source(wr, local->rtx_ssrc, "video");
	}
}

void bench_offer_write(char out[static BENCH_OFFER_MAX], const struct bench_local *local)
{
	struct bf_wr wr = bf_wr(out, BENCH_OFFER_MAX);

	put(&wr,
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\n"
		"a=extmap-allow-mixed\r\na=msid-semantic: WMS bench\r\n",
		local->has_audio ? "0 1" : "1");
	if (local->has_audio)
		put_audio(&wr, local);
	put_video(&wr, local);
}

/* ---- answers ---- */

static int copy(char *out, size_t size, struct bf_bytes text)
{
	if (text.len == 0 || text.len >= size)
		return -EINVAL;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return 0;
}

static bool candidate_addr(struct bf_addr *out, uint32_t *priority, struct bf_bytes line)
{
	struct bf_sdp_candidate candidate;
	char text[BF_ADDR_TEXT];

	if (bf_sdp_parse_candidate(&candidate, line) || candidate.is_tcp ||
		candidate.component != 1 || copy(text, sizeof(text), candidate.address) ||
		bf_addr_parse_ip(out, text, candidate.port))
		return false;
	*priority = candidate.priority;
	return true;
}

static int choose_candidate(
	struct bf_addr *out, const struct bf_sdp_media *media, const struct bf_addr *near)
{
	uint32_t best = 0;
	bool is_found = false;

	for (unsigned i = 0; i < media->candidate_count; i++) {
		struct bf_addr addr, same;
		uint32_t priority;
		if (!candidate_addr(&addr, &priority, media->candidates[i]))
			continue;
		same = *near;
		same.port = addr.port;
		if (bf_addr_equal(&addr, &same)) {
			*out = addr;
			return 0;
		}
		if (!is_found || priority > best) {
			*out = addr;
			best = priority;
			is_found = true;
		}
	}
	return is_found ? 0 : -ENOENT;
}

static void note_sections(struct bench_remote *out, const struct bf_sdp *sdp)
{
	for (unsigned i = 0; i < sdp->media_count; i++) {
		const struct bf_sdp_media *media = &sdp->media[i];
		enum bench_kind kind = media->kind == BF_SDP_AUDIO ? BENCH_AUDIO : BENCH_VIDEO;
		if (media->kind > BF_SDP_VIDEO)
			continue;
		out->exts[kind] = media->exts;
		out->has[kind] = media->port != 0 || media->is_bundle_only;
	}
}

int bench_offer_read_answer(struct bench_remote *out, struct bf_sdp *scratch, const char *answer,
	const struct bf_addr *near, char *why, size_t why_size)
{
	const struct bf_sdp_media *media;

	memset(out, 0, sizeof(*out));
	if (bf_sdp_parse(scratch, bf_bytes_str(answer), why, why_size))
		return -EBADMSG;
	snprintf(why, why_size, "every section was rejected");
	if (scratch->tag_idx >= scratch->media_count)
		return -EINVAL;
	media = &scratch->media[scratch->tag_idx];
	snprintf(why, why_size, "no usable ufrag, password or fingerprint");
	if (copy(out->ufrag, sizeof(out->ufrag), media->ufrag) ||
		copy(out->pwd, sizeof(out->pwd), media->pwd) ||
		copy(out->hash, sizeof(out->hash), media->hash) ||
		copy(out->fingerprint, sizeof(out->fingerprint), media->fingerprint))
		return -EINVAL;
	snprintf(why, why_size, "no UDP candidate");
	if (choose_candidate(&out->addr, media, near))
		return -EINVAL;
	out->role = media->setup == BF_SDP_ACTIVE ? BF_DTLS_SERVER : BF_DTLS_CLIENT;
	note_sections(out, scratch);
	return 0;
}
