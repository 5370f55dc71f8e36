/* media/sdp/sdp_parse_priv.h - what the parser remembers between lines, shared by its walk and its attributes.
 *
 * Owner:   bf_sdp_parse, on its stack.   Thread: any.   Never allocates.
 */
#ifndef BF_MEDIA_SDP_SDP_PARSE_PRIV_H
#define BF_MEDIA_SDP_SDP_PARSE_PRIV_H

#include "media/sdp/sdp_priv.h"

/* Main SSRCs, their rtx, and as many for FEC, which we take no part in. */
#define SDP_RAW_SSRCS (3 * BF_SDP_SSRCS)
#define SDP_RAW_RIDS  16

/* What one section said of a payload type, in whatever order its lines came. */
struct sdp_pt {
	bool is_listed; /* on the m= line */
	struct bf_bytes name;
	uint32_t clock_hz;
	uint8_t channels;
	struct bf_bytes fmtp;
	bool has_nack, has_pli, has_fir, has_remb, has_twcc;
};

/* The section being read. Lines about the same thing may stand in any order, so that the lists in bf_sdp_media can only be made
 * at its end. */
struct sdp_section {
	struct sdp_pt pts[SDP_PT_COUNT];
	struct sdp_pt every_pt; /* rtcp-fb:* */
	uint8_t pt_order[SDP_PT_COUNT];
	unsigned pt_count;
	uint32_t ssrcs[SDP_RAW_SSRCS];
	bool ssrc_is_hidden
		[SDP_RAW_SSRCS]; /* rtx and FEC: listed with their main SSRC, or not at all */
	unsigned ssrc_count;
	struct bf_sdp_ssrc_pair fids[BF_SDP_SSRCS];
	unsigned fid_count;
	struct bf_bytes rids[SDP_RAW_RIDS];
	unsigned rid_count;
	struct bf_bytes simulcast;
	bool has_own_fingerprint, has_own_ice, has_mixed;
};

struct sdp_parser {
	/* given */
	struct bf_sdp *out;
	char *why;
	size_t why_size;
	/* state */
	struct sdp_lines lines;
	struct bf_sdp_media session; /* what sections inherit */
	struct bf_sdp_media *media;  /* the section being read; &session before the first */
	struct sdp_section section;
	struct bf_bytes bundle; /* mids of the group */
	bool has_bundle;
	bool has_session_mixed;
	unsigned rtp_count,
		mixed_count; /* live RTP sections, and those that said extmap-allow-mixed */
	bool is_mux_missing[BF_SDP_MEDIA]; /* left out together with the transport */
};

/* Note why ("line 12: ...") and return `err`. */
int sdp_fail(struct sdp_parser *parser, int err, const char *reason);

/* One a= line. */
int sdp_on_attribute(struct sdp_parser *parser, struct bf_bytes value);

/* Make the lists of the section that has ended. */
int sdp_finish_section(struct sdp_parser *parser);

#endif
