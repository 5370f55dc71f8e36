/* media/sdp/sdp.h - session descriptions: parse a peer's into a struct with hard limits, write ours.
 *
 * Owner:   views in a parsed description borrow the text.   Thread: any.   Never allocates.
 * Limits:  the constants below; a description that exceeds one is refused by name, never cut silently (except attributes we
 *          do not use, which are skipped).
 * Source:  RFC 8866, RFC 8829 (JSEP), RFC 9143 (BUNDLE, mid), RFC 8843, RFC 8853 (simulcast), RFC 8851 (rid), RFC 8841 (SCTP),
 *          RFC 4588 (rtx apt), RFC 5576 (ssrc, FID), RFC 8285 (extmap), RFC 8839 (ICE), RFC 8842 (DTLS), RFC 4585 (rtcp-fb).
 */
#ifndef BF_MEDIA_SDP_SDP_H
#define BF_MEDIA_SDP_SDP_H

#include "core/base/bytes.h"
#include "media/codec/codec.h"
#include "media/rtp/ext.h"

#define BF_SDP_TEXT_MAX	  65536
#define BF_SDP_LINE_MAX	  4096
#define BF_SDP_MEDIA	  64 /* m-sections */
#define BF_SDP_FORMATS	  48 /* payload types of one section that we know a codec for, and rtx */
#define BF_SDP_CANDIDATES 32
#define BF_SDP_RIDS	  4
#define BF_SDP_SSRCS	  8
#define BF_SDP_MID_MAX	  32

enum bf_sdp_kind {
	BF_SDP_AUDIO,
	BF_SDP_VIDEO,
	BF_SDP_APPLICATION,
	BF_SDP_OTHER,
};

enum bf_sdp_dir {
	BF_SDP_INACTIVE = 0,
	BF_SDP_SENDONLY = 1,
	BF_SDP_RECVONLY = 2,
	BF_SDP_SENDRECV = 3,
};

enum bf_sdp_setup {
	BF_SDP_SETUP_NONE,
	BF_SDP_ACTPASS,
	BF_SDP_ACTIVE,
	BF_SDP_PASSIVE,
};

/* One payload type. Those whose codec is neither one of ours nor rtx of such a one are skipped when parsing. */
struct bf_sdp_format {
	uint8_t pt;
	bool is_rtx;
	uint8_t apt;	     /* of rtx */
	enum bf_codec codec; /* BF_CODEC_NONE for rtx */
	uint32_t clock_hz;
	uint8_t channels;     /* 1 when not said */
	struct bf_bytes fmtp; /* all after "a=fmtp:N " */
	bool has_nack, has_pli, has_fir, has_remb, has_twcc;
};

struct bf_sdp_ssrc_pair {
	uint32_t ssrc;
	uint32_t rtx_ssrc; /* from an FID group; 0: none */
};

struct bf_sdp_media {
	enum bf_sdp_kind kind;
	struct bf_bytes name; /* "audio" ...; writing needs it for BF_SDP_OTHER only */
	uint16_t port;	      /* 0: rejected, unless bundle_only */
	bool is_bundle_only;
	bool is_bundled; /* its mid is in the BUNDLE group */
	struct bf_bytes proto;
	struct bf_bytes mid;
	enum bf_sdp_dir dir;
	enum bf_sdp_setup setup;
	struct bf_bytes ufrag, pwd; /* own, or the session's */
	struct bf_bytes hash, fingerprint;
	bool has_rtcp_mux;
	bool has_rtcp_rsize;
	struct bf_bytes msid_stream, msid_track;
	struct bf_sdp_format formats[BF_SDP_FORMATS];
	unsigned format_count;
	/* of the extensions we know, whose direction lets the peer send or receive them */
	struct bf_ext_map exts;
	struct bf_sdp_ssrc_pair ssrcs[BF_SDP_SSRCS];
	unsigned ssrc_count;
	/* of simulcast:send (or recv), in its order, without paused marks */
	struct bf_bytes rids[BF_SDP_RIDS];
	unsigned rid_count;
	bool is_simulcast_send; /* the rids are what the peer sends */
	/* all after "a="; further ones are skipped */
	struct bf_bytes candidates[BF_SDP_CANDIDATES];
	unsigned candidate_count;
	uint16_t sctp_port;
	/* 0: not said (65536 by RFC 8841); UINT64_MAX: any size ("0" on the wire) */
	uint64_t max_message;
	/* the m= line's format list as it stood, for a rejecting answer */
	struct bf_bytes format_text;
};

struct bf_sdp {
	bool is_ice_lite;
	bool has_extmap_mixed;
	/* The section whose credentials, setup and candidates hold for all that are bundled: the BUNDLE group's first that
	 * is not rejected, or else the first section that is not rejected. media_count if there is none. */
	unsigned tag_idx;
	struct bf_sdp_media media[BF_SDP_MEDIA];
	unsigned media_count;
};

/* Parse. -EBADMSG malformed, -ENOBUFS over a limit; `why` says "line 12: ..." . Accepts CRLF and LF. Bundled sections that
 * leave out what the tagged section says (RFC 9143 section 7) get it from there. `out` is large (hundreds of KiB): keep it off
 * the stack; after an error it holds nothing of use. */
int bf_sdp_parse(struct bf_sdp *out, struct bf_bytes text, char *why, size_t why_size);

/* What the peer may be told, beyond syntax. Every section that is not rejected has ICE credentials, a fingerprint, a setup role
 * and a mid that is unique; all of them are in the one BUNDLE group (unless there is just one) and prove the same certificate;
 * rtcp-mux is there on RTP and a port on SCTP. ufrag and port may differ between bundled sections, as in a first offer
 * (RFC 9143 section 7): those of `tag_idx` count. -EINVAL with `why` when a description cannot be served. */
int bf_sdp_check_webrtc(const struct bf_sdp *sdp, char *why, size_t why_size);

/* Forget the extensions whose id an earlier bundled section gives to another one: in a bundle an id means one thing (RFC 9143
 * section 12), and a peer that breaks this rule reads ours wrongly if we take all it offers. */
void bf_sdp_unify_exts(struct bf_sdp *sdp);

/* The first format of `media`, in its order, whose codec is in the bit mask `codecs` (1u << BF_CODEC_x) and that we can forward
 * (H.264: packetization-mode 1 preferred over 0, and any profile over plain baseline; VP9 and AV1: profile 0 preferred); NULL if
 * there is none. */
const struct bf_sdp_format *bf_sdp_choose(const struct bf_sdp_media *media, uint32_t codecs);

/* The rtx format whose apt is `pt`; NULL if none. */
const struct bf_sdp_format *bf_sdp_rtx_of(const struct bf_sdp_media *media, uint8_t pt);

/* A format of `media` that can receive what `format` sends: same codec, same clock, compatible fmtp (H.264 profile and
 * packetization-mode, VP9 profile-id, AV1 profile); the same profile and mode preferred, then an H.264 profile that includes the
 * sender's, and packetization-mode 1 for a sender of 0; NULL if none. */
const struct bf_sdp_format *bf_sdp_match(
	const struct bf_sdp_media *media, const struct bf_sdp_format *format);

/* ---- writing ---- */

/* What every section of one description shares. */
struct bf_sdp_local {
	uint64_t session_id;
	uint64_t session_version; /* raised with every description of the session */
	const char *ufrag, *pwd;
	const char *fingerprint; /* sha-256 */
	enum bf_sdp_setup setup;
	const char *const *candidates; /* without "a=" */
	unsigned candidate_count;
	const char *cname;
};

/* One section of ours. Formats, extensions and rids are written as they stand in `media`; `codec` lines are made from the
 * format fields (rtpmap, fmtp, rtcp-fb from the has_ flags). A section with port 0 is written as rejected with
 * `format_text`. SSRC lines with cname (and FID groups) are written for the ssrcs present; msid if set.
 * Rids are written as a=rid:X recv and a=simulcast:recv when dir receives, send when it sends (both or neither:
 * is_simulcast_send tells). Sections with a mid and is_bundled make the BUNDLE group. An empty `proto` is the usual one of its
 * kind; "DTLS/SCTP" is answered in its own old form (sctpmap).
 * Returns 0, with a NUL after the text; -ENOBUFS: `size` is too small; -EINVAL: a value holds a control character, a space where a
 * token is due, or is missing. After an error `out` is the empty string. */
int bf_sdp_write(char *out, size_t size, const struct bf_sdp_local *local,
	const struct bf_sdp_media *media, unsigned media_count);

/* Candidate lines: only the fields ICE-lite cares for. -EBADMSG; host names (mDNS ".local") and transports other than udp and
 * tcp give -EOPNOTSUPP. */
struct bf_sdp_candidate {
	struct bf_bytes foundation;
	unsigned component;
	bool is_tcp;
	uint32_t priority;
	struct bf_bytes address;
	uint16_t port;
	struct bf_bytes type; /* host, srflx, prflx, relay */
	struct bf_bytes tcptype;
	struct bf_bytes ufrag;
};
int bf_sdp_parse_candidate(struct bf_sdp_candidate *out,
	struct bf_bytes text); /* with or without "candidate:" / "a=" */

/* Trickle fragment of WHIP/WHEP PATCH (application/trickle-ice-sdpfrag, RFC 8840): credentials and candidates. */
struct bf_sdp_fragment {
	struct bf_bytes ufrag, pwd;
	struct bf_bytes candidates[BF_SDP_CANDIDATES];
	unsigned candidate_count;
	bool is_end;
};
int bf_sdp_parse_fragment(
	struct bf_sdp_fragment *out, struct bf_bytes text, char *why, size_t why_size);

#endif
