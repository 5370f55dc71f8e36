#include "media/sdp/sdp_priv.h"

#include <errno.h>
#include <stdio.h>

/* RFC 8839 section 5.4 */
#define UFRAG_MIN 4
#define PWD_MIN	  22

static bool is_known_hash(struct bf_bytes hash)
{
	return sdp_is(hash, "sha-256") || sdp_is(hash, "sha-384") || sdp_is(hash, "sha-512") ||
	       sdp_is(hash, "sha-1");
}

static bool is_sctp(const struct bf_sdp_media *media)
{
	return sdp_is(media->proto, "UDP/DTLS/SCTP") || sdp_is(media->proto, "TCP/DTLS/SCTP") ||
	       sdp_is(media->proto, "DTLS/SCTP");
}

/* What is wrong with one section that is not rejected; NULL when nothing is. */
static const char *section_fault(const struct bf_sdp_media *media)
{
	if (media->mid.len == 0)
		return "has no mid";
	if (media->ufrag.len < UFRAG_MIN || media->pwd.len < PWD_MIN)
		return "has no ICE credentials, or too short ones";
	if (media->fingerprint.len == 0)
		return "has no fingerprint";
	if (!is_known_hash(media->hash))
		return "has a fingerprint of an unknown hash";
	if (media->setup == BF_SDP_SETUP_NONE)
		return "has no setup role";
	if (sdp_is_rtp(media) && !media->has_rtcp_mux)
		return "has no rtcp-mux";
	if (is_sctp(media) && media->sctp_port == 0)
		return "has no sctp-port";
	return NULL;
}

/* What is wrong with it beside the tagged one. */
static const char *bundle_fault(const struct bf_sdp_media *media, const struct bf_sdp_media *tag)
{
	if (!media->is_bundled || !tag->is_bundled)
		return "is not bundled with the others";
	if (!sdp_same(media->hash, tag->hash) || !sdp_same(media->fingerprint, tag->fingerprint))
		return "has another fingerprint than the one it is bundled with";
	return NULL;
}

static bool is_mid_taken(const struct bf_sdp *sdp, unsigned before, struct bf_bytes mid)
{
	for (unsigned i = 0; i < before; i++) {
		if (bf_bytes_equal(sdp->media[i].mid, mid))
			return true;
	}
	return false;
}

int bf_sdp_check_webrtc(const struct bf_sdp *sdp, char *why, size_t why_size)
{
	const struct bf_sdp_media *tag;

	if (sdp->tag_idx >= sdp->media_count) {
		snprintf(why, why_size, "no section is live");
		return -EINVAL;
	}
	tag = &sdp->media[sdp->tag_idx];
	for (unsigned i = 0; i < sdp->media_count; i++) {
		const struct bf_sdp_media *media = &sdp->media[i];
		const char *fault = NULL;

		if (!sdp_is_rejected(media)) {
			fault = section_fault(media);
			if (!fault && media != tag)
				fault = bundle_fault(media, tag);
		}
		if (!fault && media->mid.len && is_mid_taken(sdp, i, media->mid))
			fault = "has the mid of another";
		if (fault) {
			snprintf(why, why_size, "section %u %s", i, fault);
			return -EINVAL;
		}
	}
	return 0;
}
