/* What is to be known of the other side's offer or answer. */
#include "scripts/bench/description.h"

#include <errno.h>
#include <stdio.h>

static int copy(char *out, size_t size, struct bf_bytes text)
{
	if (text.len == 0 || text.len >= size)
		return -EINVAL;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return 0;
}

/* ---- candidates ---- */

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
		if (!candidate_addr(&addr, &priority, media->candidates[i]) ||
			addr.family != near->family)
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

/* ---- sections ---- */

static int note_section(struct bench_section *out, const struct bf_sdp_media *media)
{
	enum bf_codec codec = media->kind == BF_SDP_AUDIO ? BF_CODEC_OPUS : BF_CODEC_VP8;
	const struct bf_sdp_format *format = bf_sdp_choose(media, 1u << codec);
	const struct bf_sdp_format *rtx;

	*out = (struct bench_section){
		.kind = media->kind == BF_SDP_AUDIO ? BENCH_AUDIO : BENCH_VIDEO,
		.exts = media->exts};
	if (!format || copy(out->mid, sizeof(out->mid), media->mid))
		return -EINVAL;
	out->is_active =
		(media->port != 0 || media->is_bundle_only) && media->dir != BF_SDP_INACTIVE;
	out->pt = format->pt;
	rtx = bf_sdp_rtx_of(media, format->pt);
	out->rtx_pt = rtx ? rtx->pt : 0;
	if (media->ssrc_count > 0) {
		out->ssrc = media->ssrcs[0].ssrc;
		out->rtx_ssrc = media->ssrcs[0].rtx_ssrc;
	}
	return 0;
}

int bench_description_read(struct bench_remote *out, struct bf_sdp *scratch, const char *text,
	const struct bf_addr *near, char *why, size_t why_size)
{
	const struct bf_sdp_media *media;

	memset(out, 0, sizeof(*out));
	if (bf_sdp_parse(scratch, bf_bytes_str(text), why, why_size))
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
	out->is_lite = scratch->is_ice_lite;
	out->is_active = media->setup == BF_SDP_ACTIVE;
	snprintf(why, why_size, "a section without Opus or VP8");
	for (unsigned i = 0; i < scratch->media_count; i++) {
		if (scratch->media[i].kind > BF_SDP_VIDEO)
			continue;
		if (note_section(&out->sections[out->section_count], &scratch->media[i]))
			return -EINVAL;
		out->section_count++;
	}
	return 0;
}

const struct bench_section *bench_remote_section(
	const struct bench_remote *remote, enum bench_kind kind)
{
	for (unsigned i = 0; i < remote->section_count; i++)
		if (remote->sections[i].kind == kind && remote->sections[i].is_active)
			return &remote->sections[i];
	return NULL;
}
