#include "media/sdp/sdp_priv.h"

/* ---- H.264 profiles ---- */

enum h264_profile {
	H264_CONSTRAINED_BASELINE,
	H264_BASELINE,
	H264_MAIN,
	H264_CONSTRAINED_HIGH,
	H264_HIGH,
	H264_OTHER, /* fits only another with the same two bytes */
};

#define FITS(profile) (1u << (profile))

/* Which receivers, by profile, decode what a sender of the row makes (RFC 6184 section 8.1, ITU-T H.264 annex A.2). */
static const unsigned h264_receivers[] = {
	[H264_CONSTRAINED_BASELINE] = FITS(H264_CONSTRAINED_BASELINE) | FITS(H264_BASELINE) |
				      FITS(H264_MAIN) | FITS(H264_CONSTRAINED_HIGH) |
				      FITS(H264_HIGH),
	[H264_BASELINE] = FITS(H264_BASELINE),
	[H264_MAIN] = FITS(H264_MAIN) | FITS(H264_HIGH),
	[H264_CONSTRAINED_HIGH] = FITS(H264_CONSTRAINED_HIGH) | FITS(H264_HIGH),
	[H264_HIGH] = FITS(H264_HIGH),
	[H264_OTHER] = 0,
};

struct h264 {
	enum h264_profile profile;
	uint16_t idc_iop; /* profile_idc and profile-iop as they stand */
	uint64_t mode;
};

static bool hex_u24(struct bf_bytes text, uint32_t *out)
{
	uint32_t value = 0;

	if (text.len != 6)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = c - (uint32_t)'0';
		else if (c >= 'a' && c <= 'f')
			digit = c - (uint32_t)'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - (uint32_t)'A' + 10;
		else
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return true;
}

/* RFC 6184 section 8.1, table 5: one profile can be written in several ways. */
static enum h264_profile h264_classify(uint8_t idc, uint8_t iop)
{
	bool has_set0 = iop & 0x80;
	bool has_set1 = iop & 0x40;

	switch (idc) {
	case 0x42:
		return has_set1 ? H264_CONSTRAINED_BASELINE : H264_BASELINE;
	case 0x4d:
		return has_set0 ? H264_CONSTRAINED_BASELINE : H264_MAIN;
	case 0x58: /* extended; with both sets it keeps to constrained baseline */
		if (has_set0)
			return has_set1 ? H264_CONSTRAINED_BASELINE : H264_BASELINE;
		return H264_OTHER;
	case 0x64:
		return (iop & 0x0c) == 0x0c ? H264_CONSTRAINED_HIGH : H264_HIGH;
	default:
		return H264_OTHER;
	}
}

/* Missing: packetization-mode is 0 (RFC 6184 section 8.1). Browsers take a missing profile-level-id for constrained baseline 3.1
 * rather than for the plain baseline of the RFC; hardly any encoder makes the latter, so theirs is followed. */
static struct h264 h264_of(struct bf_bytes fmtp)
{
	struct h264 out;
	uint32_t id = 0x42e01f;

	hex_u24(sdp_fmtp_get(fmtp, "profile-level-id"), &id);
	out.idc_iop = (uint16_t)(id >> 8);
	out.profile = h264_classify((uint8_t)(id >> 16), (uint8_t)(id >> 8));
	out.mode = sdp_fmtp_uint(fmtp, "packetization-mode", 0);
	return out;
}

/* How well a receiver fits: lower is better. */
enum fit {
	FIT_SAME,    /* profile and mode */
	FIT_MODE,    /* profile the same, mode 1 for a sender of 0 */
	FIT_PROFILE, /* a profile that includes the sender's */
	FIT_BOTH,
	FIT_NONE,
};

static enum fit h264_fit(struct bf_bytes sender, struct bf_bytes receiver)
{
	struct h264 from = h264_of(sender);
	struct h264 to = h264_of(receiver);
	bool is_same = from.profile == to.profile &&
		       (from.profile != H264_OTHER || from.idc_iop == to.idc_iop);

	if (from.mode > to.mode || to.mode > 1)
		return FIT_NONE; /* mode 2 interleaves: its payload is another format */
	if (!is_same && !(h264_receivers[from.profile] & FITS(to.profile)))
		return FIT_NONE;
	if (is_same)
		return from.mode == to.mode ? FIT_SAME : FIT_MODE;
	return from.mode == to.mode ? FIT_PROFILE : FIT_BOTH;
}

/* ---- choosing ---- */

/* VP9 and AV1 profiles; 0 is what everyone decodes. */
static uint64_t profile_of(const struct bf_sdp_format *format)
{
	if (format->codec == BF_CODEC_VP9)
		return sdp_fmtp_uint(format->fmtp, "profile-id", 0);
	if (format->codec == BF_CODEC_AV1)
		return sdp_fmtp_uint(format->fmtp, "profile", 0);
	return 0;
}

static bool can_forward(const struct bf_sdp_format *format)
{
	return format->codec != BF_CODEC_H264 || h264_of(format->fmtp).mode <= 1;
}

/* 0 is best. Plain baseline comes after the other H.264 profiles: those who take only constrained baseline, many browsers among them,
 * could not be given it, though encoders make the same of both. */
static unsigned rank(const struct bf_sdp_format *format)
{
	struct h264 h264;

	if (format->codec != BF_CODEC_H264)
		return profile_of(format) == 0 ? 0 : 1;
	h264 = h264_of(format->fmtp);
	return (h264.mode == 1 ? 0u : 2u) + (h264.profile == H264_BASELINE ? 1u : 0u);
}

const struct bf_sdp_format *bf_sdp_choose(const struct bf_sdp_media *media, uint32_t codecs)
{
	const struct bf_sdp_format *best = NULL;

	for (unsigned i = 0; i < media->format_count; i++) {
		const struct bf_sdp_format *format = &media->formats[i];

		if (format->is_rtx || !(codecs >> format->codec & 1) || !can_forward(format))
			continue;
		/* The first one's codec is the peer's wish; only the kind is ours. */
		if (!best || (format->codec == best->codec && rank(format) < rank(best)))
			best = format;
	}
	return best;
}

const struct bf_sdp_format *bf_sdp_rtx_of(const struct bf_sdp_media *media, uint8_t pt)
{
	for (unsigned i = 0; i < media->format_count; i++) {
		if (media->formats[i].is_rtx && media->formats[i].apt == pt)
			return &media->formats[i];
	}
	return NULL;
}

static enum fit fit_of(const struct bf_sdp_format *from, const struct bf_sdp_format *to)
{
	if (to->is_rtx || from->is_rtx || to->codec != from->codec ||
		to->clock_hz != from->clock_hz)
		return FIT_NONE;
	if (from->codec == BF_CODEC_H264)
		return h264_fit(from->fmtp, to->fmtp);
	return profile_of(from) == profile_of(to) ? FIT_SAME : FIT_NONE;
}

const struct bf_sdp_format *bf_sdp_match(
	const struct bf_sdp_media *media, const struct bf_sdp_format *format)
{
	const struct bf_sdp_format *best = NULL;
	enum fit best_fit = FIT_NONE;

	for (unsigned i = 0; i < media->format_count; i++) {
		enum fit fit = fit_of(format, &media->formats[i]);

		if (fit < best_fit) {
			best_fit = fit;
			best = &media->formats[i];
		}
	}
	return best;
}

void bf_sdp_unify_exts(struct bf_sdp *sdp)
{
	uint8_t owners[UINT8_MAX + 1]; /* enum bf_ext of each id */

	memset(owners, BF_EXT_COUNT, sizeof(owners));
	for (unsigned i = 0; i < sdp->media_count; i++) {
		uint8_t *ids = sdp->media[i].exts.id;

		if (!sdp->media[i].is_bundled || sdp_is_rejected(&sdp->media[i]))
			continue;
		for (unsigned ext = 0; ext < BF_EXT_COUNT; ext++) {
			if (ids[ext] && owners[ids[ext]] == BF_EXT_COUNT)
				owners[ids[ext]] = (uint8_t)ext;
			else if (ids[ext] && owners[ids[ext]] != ext)
				ids[ext] = 0;
		}
	}
}
