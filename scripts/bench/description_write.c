/* Offers and answers as text. */
#include "scripts/bench/description.h"

#include <assert.h>
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
	assert(n >= 0 && (size_t)n < left); /* our own text: BENCH_SECTIONS sections fit */
	wr->at += n;
}

static void put_head(struct bf_wr *wr)
{
	put(wr, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
}

static void put_transport(struct bf_wr *wr, const struct bench_local *local, const char *mid)
{
	char ip[BF_ADDR_TEXT];

	put(wr,
		"c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
		"a=ice-options:trickle\r\na=fingerprint:sha-256 %s\r\na=mid:%s\r\n"
		"a=rtcp-mux\r\na=rtcp-rsize\r\n",
		local->ufrag, local->pwd, local->fingerprint, mid);
	if (local->addr.family)
		put(wr, "a=candidate:1 1 udp 2130706431 %s %u typ host\r\na=end-of-candidates\r\n",
			bf_addr_format_ip(&local->addr, ip), local->addr.port);
}

static void put_ext(struct bf_wr *wr, unsigned id, enum bf_ext ext)
{
	put(wr, "a=extmap:%u %s\r\n", id, bf_ext_uri(ext));
}

static void put_audio_codec(struct bf_wr *wr, unsigned pt)
{
	put(wr,
		"a=rtpmap:%u opus/48000/2\r\na=rtcp-fb:%u transport-cc\r\n"
		"a=fmtp:%u minptime=10;useinbandfec=1\r\n",
		pt, pt, pt);
}

static void put_video_codec(struct bf_wr *wr, unsigned pt, unsigned rtx_pt)
{
	put(wr,
		"a=rtpmap:%u VP8/90000\r\na=rtcp-fb:%u goog-remb\r\na=rtcp-fb:%u transport-cc\r\n"
		"a=rtcp-fb:%u ccm fir\r\na=rtcp-fb:%u nack\r\na=rtcp-fb:%u nack pli\r\n",
		pt, pt, pt, pt, pt, pt);
	if (rtx_pt)
		put(wr, "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n", rtx_pt, rtx_pt, pt);
}

/* ---- offers ---- */

static void put_source(struct bf_wr *wr, uint32_t ssrc, const char *kind)
{
	put(wr, "a=ssrc:%u cname:bench\r\na=ssrc:%u msid:bench %s\r\n", ssrc, ssrc, kind);
}

static void put_track(struct bf_wr *wr, const struct bench_track *track)
{
	const char *kind = track->kind == BENCH_AUDIO ? "audio" : "video";

	put(wr, "a=msid:bench %s\r\n", kind);
	if (track->rtx_ssrc)
		put(wr, "a=ssrc-group:FID %u %u\r\n", track->ssrc, track->rtx_ssrc);
	put_source(wr, track->ssrc, kind);
	if (track->rtx_ssrc)
		put_source(wr, track->rtx_ssrc, kind);
}

static void put_offered(struct bf_wr *wr, const struct bench_local *local,
	const struct bench_track *track, unsigned idx, bool is_sender)
{
	char mid[16];

	snprintf(mid, sizeof(mid), "%u", idx);
	if (track->kind == BENCH_AUDIO)
		put(wr, "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\n", BENCH_PT_AUDIO);
	else
		put(wr, "m=video 9 UDP/TLS/RTP/SAVPF %d %d\r\n", BENCH_PT_VIDEO, BENCH_PT_RTX);
	put_transport(wr, local, mid);
	put(wr, "a=setup:actpass\r\na=%s\r\n", is_sender ? "sendonly" : "recvonly");
	put_ext(wr, 2, BF_EXT_ABS_SEND_TIME);
	put_ext(wr, 3, BF_EXT_TWCC);
	put_ext(wr, 4, BF_EXT_MID);
	if (track->kind == BENCH_AUDIO) {
		put_ext(wr, 1, BF_EXT_AUDIO_LEVEL);
		put_audio_codec(wr, BENCH_PT_AUDIO);
	} else {
		put_video_codec(wr, BENCH_PT_VIDEO, BENCH_PT_RTX);
	}
	if (is_sender)
		put_track(wr, track);
}

void bench_offer_write(char out[static BENCH_SDP_MAX], const struct bench_local *local,
	const struct bench_track *tracks, unsigned track_count, bool is_sender)
{
	struct bf_wr wr = bf_wr(out, BENCH_SDP_MAX);

	put_head(&wr);
	for (unsigned i = 0; i < track_count; i++)
		put(&wr, " %u", i);
	put(&wr, "\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS bench\r\n");
	for (unsigned i = 0; i < track_count; i++)
		put_offered(&wr, local, &tracks[i], i, is_sender);
}

/* ---- answers ---- */

static void put_answered(
	struct bf_wr *wr, const struct bench_local *local, const struct bench_section *section)
{
	put(wr, "m=%s 9 UDP/TLS/RTP/SAVPF %u", section->kind == BENCH_AUDIO ? "audio" : "video",
		section->pt);
	if (section->rtx_pt)
		put(wr, " %u", section->rtx_pt);
	put(wr, "\r\n");
	put_transport(wr, local, section->mid);
	put(wr, "a=setup:active\r\na=%s\r\n", section->is_active ? "recvonly" : "inactive");
	for (int ext = 0; ext < BF_EXT_COUNT; ext++)
		if (section->exts.id[ext])
			put_ext(wr, section->exts.id[ext], (enum bf_ext)ext);
	if (section->kind == BENCH_AUDIO)
		put_audio_codec(wr, section->pt);
	else
		put_video_codec(wr, section->pt, section->rtx_pt);
}

void bench_answer_write(char out[static BENCH_SDP_MAX], const struct bench_local *local,
	const struct bench_remote *offer)
{
	struct bf_wr wr = bf_wr(out, BENCH_SDP_MAX);

	put_head(&wr);
	for (unsigned i = 0; i < offer->section_count; i++)
		put(&wr, " %s", offer->sections[i].mid);
	put(&wr, "\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n");
	for (unsigned i = 0; i < offer->section_count; i++)
		put_answered(&wr, local, &offer->sections[i]);
}
