/* Any text into the description parser; what parses is checked, written as ours, and has to parse again to the same. */
#include "media/sdp/sdp.h"

#include <assert.h>
#include <errno.h>

#define OUT_SIZE (1024 * 1024) /* 64 sections, each with the transport's lines */

static struct bf_sdp before, after;
static char out[OUT_SIZE];

/* What a round trip has to keep of one section. The rest is made anew from `local`. */
static void compare(const struct bf_sdp_media *a, const struct bf_sdp_media *b)
{
	assert(a->kind == b->kind && bf_bytes_equal(a->mid, b->mid));
	if (a->port == 0 && !a->is_bundle_only) {
		assert(b->port == 0 && bf_bytes_equal(a->format_text, b->format_text));
		return;
	}
	assert(a->port == b->port && a->is_bundle_only == b->is_bundle_only);
	if (a->kind != BF_SDP_AUDIO && a->kind != BF_SDP_VIDEO)
		return;
	assert(a->dir == b->dir && a->format_count == b->format_count);
	for (unsigned i = 0; i < a->format_count; i++) {
		assert(a->formats[i].pt == b->formats[i].pt);
		assert(a->formats[i].codec == b->formats[i].codec);
		assert(a->formats[i].apt == b->formats[i].apt);
		assert(a->formats[i].has_nack == b->formats[i].has_nack);
		if (!a->formats[i].is_rtx)
			assert(bf_bytes_equal(a->formats[i].fmtp, b->formats[i].fmtp));
	}
	assert(memcmp(&a->exts, &b->exts, sizeof(a->exts)) == 0);
	assert(a->rid_count == b->rid_count);
	for (unsigned i = 0; i < a->rid_count; i++)
		assert(bf_bytes_equal(a->rids[i], b->rids[i]));
	assert(a->ssrc_count == b->ssrc_count);
	assert(memcmp(a->ssrcs, b->ssrcs, a->ssrc_count * sizeof(a->ssrcs[0])) == 0);
}

static void round_trip(void)
{
	static const char *const candidates[] = {
		"candidate:1 1 udp 2130706431 192.0.2.1 7100 typ host"};
	const struct bf_sdp_local local = {
		.ufrag = "abcd",
		.pwd = "0123456789012345678901",
		.fingerprint = "AA:BB",
		.setup = BF_SDP_PASSIVE,
		.candidates = candidates,
		.candidate_count = 1,
		.cname = "c",
	};
	char why[128];
	int err = bf_sdp_write(out, sizeof(out), &local, before.media, before.media_count);

	assert(err == 0 || err == -EINVAL || err == -ENOBUFS);
	if (err)
		return; /* a live section without a format or a mid, or an odd byte in a token */
	err = bf_sdp_parse(&after, bf_bytes_str(out), why, sizeof(why));
	if (err == -ENOBUFS)
		return; /* grown past the limit of what is accepted */
	assert(err == 0 && after.media_count == before.media_count);
	for (unsigned i = 0; i < before.media_count; i++)
		compare(&before.media[i], &after.media[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_sdp_fragment fragment;
	struct bf_sdp_candidate candidate;
	char why[128];

	bf_sdp_parse_fragment(&fragment, bf_bytes(data, size), why, sizeof(why));
	bf_sdp_parse_candidate(&candidate, bf_bytes(data, size));
	if (bf_sdp_parse(&before, bf_bytes(data, size), why, sizeof(why)) != 0)
		return 0;
	bf_sdp_check_webrtc(&before, why, sizeof(why));
	for (unsigned i = 0; i < before.media_count; i++) {
		const struct bf_sdp_media *media = &before.media[i];
		const struct bf_sdp_format *format = bf_sdp_choose(media, ~0u);

		if (format) {
			bf_sdp_rtx_of(media, format->pt);
			bf_sdp_match(media, format);
		}
		for (unsigned k = 0; k < media->candidate_count; k++)
			bf_sdp_parse_candidate(&candidate, media->candidates[k]);
	}
	round_trip();
	return 0;
}
