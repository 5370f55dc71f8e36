/* The attributes, one function each, called from a table. */
#include "media/sdp/sdp_parse_priv.h"

#include <errno.h>

/* ---- session and media level ---- */

static int on_ice_ufrag(struct sdp_parser *parser, struct bf_bytes value)
{
	if (!sdp_is_token(value, 256)) /* RFC 8839 section 5.4 */
		return sdp_fail(parser, -EBADMSG, "ice-ufrag");
	parser->media->ufrag = value;
	parser->section.has_own_ice = true;
	return 0;
}

static int on_ice_pwd(struct sdp_parser *parser, struct bf_bytes value)
{
	if (!sdp_is_token(value, 256))
		return sdp_fail(parser, -EBADMSG, "ice-pwd");
	parser->media->pwd = value;
	return 0;
}

/* "AB:CD:..", at least one octet. */
static bool is_fingerprint(struct bf_bytes text)
{
	if (text.len % 3 != 2)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool is_hex =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

		if (i % 3 == 2 ? c != ':' : !is_hex)
			return false;
	}
	return true;
}

/* Several fingerprints may name one certificate by several hashes (RFC 8122 section 5): sha-256, which everyone has, is kept if
 * it is among them, otherwise the first. */
static int on_fingerprint(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes hash, text, more;

	if (!sdp_word(&value, &hash) || !sdp_word(&value, &text) || sdp_word(&value, &more) ||
		!sdp_is_token(hash, 32) || !is_fingerprint(text))
		return sdp_fail(parser, -EBADMSG, "fingerprint");
	if (parser->section.has_own_fingerprint &&
		(sdp_is(parser->media->hash, "sha-256") || !sdp_is(hash, "sha-256")))
		return 0;
	parser->media->hash = hash;
	parser->media->fingerprint = text;
	parser->section.has_own_fingerprint = true;
	return 0;
}

static int on_setup(struct sdp_parser *parser, struct bf_bytes value)
{
	if (sdp_is(value, "actpass"))
		parser->media->setup = BF_SDP_ACTPASS;
	else if (sdp_is(value, "active"))
		parser->media->setup = BF_SDP_ACTIVE;
	else if (sdp_is(value, "passive"))
		parser->media->setup = BF_SDP_PASSIVE;
	else if (sdp_is(value, "holdconn"))
		parser->media->setup = BF_SDP_SETUP_NONE;
	else
		return sdp_fail(parser, -EBADMSG, "setup");
	return 0;
}

/* "N[/direction] URI [attributes]". An encrypted extension (RFC 6904) has a URI of its own, which bf_ext_from_uri does not know, so
 * that it is skipped; so are the ids from 4096 up, which only say that an answerer may choose. */
static int on_extmap(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_ext_map *exts = &parser->media->exts;
	struct bf_bytes id_text, dir, uri;
	enum bf_ext ext;
	uint64_t id;

	if (!sdp_word(&value, &id_text) || !sdp_word(&value, &uri))
		return sdp_fail(parser, -EBADMSG, "extmap");
	id_text = sdp_cut(id_text, '/', &dir);
	if (!sdp_uint(id_text, UINT16_MAX, &id))
		return sdp_fail(parser, -EBADMSG, "extmap id");
	ext = bf_ext_from_uri(uri);
	if (ext == BF_EXT_COUNT || id == 0 || id > UINT8_MAX || sdp_is(dir, "inactive"))
		return 0;
	for (unsigned i = 0; i < BF_EXT_COUNT; i++) {
		if (i != (unsigned)ext && exts->id[i] == id)
			return sdp_fail(parser, -EBADMSG, "extmap id used twice");
	}
	exts->id[ext] = (uint8_t)id;
	return 0;
}

static int on_extmap_mixed(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	if (parser->media == &parser->session)
		parser->has_session_mixed = true;
	parser->section.has_mixed = true;
	return 0;
}

static int on_sendrecv(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->dir = BF_SDP_SENDRECV;
	return 0;
}

static int on_sendonly(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->dir = BF_SDP_SENDONLY;
	return 0;
}

static int on_recvonly(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->dir = BF_SDP_RECVONLY;
	return 0;
}

static int on_inactive(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->dir = BF_SDP_INACTIVE;
	return 0;
}

/* ---- session level only ---- */

static int on_group(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes semantics;

	if (!sdp_word(&value, &semantics))
		return sdp_fail(parser, -EBADMSG, "group");
	if (!sdp_is(semantics, "BUNDLE"))
		return 0;
	if (parser->has_bundle)
		return sdp_fail(parser, -ENOBUFS, "more than one BUNDLE group");
	parser->has_bundle = true;
	parser->bundle = value;
	return 0;
}

static int on_ice_lite(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->out->is_ice_lite = true;
	return 0;
}

/* ---- media level only ---- */

static int on_mid(struct sdp_parser *parser, struct bf_bytes value)
{
	if (value.len > BF_SDP_MID_MAX)
		return sdp_fail(parser, -ENOBUFS, "mid is too long");
	if (!sdp_is_token(value, BF_SDP_MID_MAX) || parser->media->mid.len)
		return sdp_fail(parser, -EBADMSG, "mid");
	parser->media->mid = value;
	return 0;
}

static int on_rtcp_mux(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->has_rtcp_mux = true;
	return 0;
}

static int on_rtcp_rsize(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->has_rtcp_rsize = true;
	return 0;
}

static int on_bundle_only(struct sdp_parser *parser, struct bf_bytes value)
{
	(void)value;
	parser->media->is_bundle_only = true;
	return 0;
}

/* The first one counts: a track in two streams has two lines. */
static int on_msid(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes stream, track;

	if (!sdp_word(&value, &stream))
		return sdp_fail(parser, -EBADMSG, "msid");
	sdp_word(&value, &track);
	if (parser->media->msid_stream.len == 0) {
		parser->media->msid_stream = stream;
		parser->media->msid_track = track;
	}
	return 0;
}

/* Cut "96" off "96 rest". *pt is NULL when the section's m= line does not list it: then the line means nothing. */
static bool cut_pt(struct sdp_parser *parser, struct bf_bytes *value, struct sdp_pt **pt)
{
	struct bf_bytes word;
	uint64_t number;

	if (!sdp_word(value, &word) || !sdp_uint(word, SDP_PT_COUNT - 1, &number))
		return false;
	*pt = &parser->section.pts[number];
	if (!(*pt)->is_listed)
		*pt = NULL;
	return true;
}

/* "96 VP8/90000" or "111 opus/48000/2" */
static int on_rtpmap(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes name, clock_text, channels_text, word;
	uint64_t clock_hz, channels = 1;
	struct sdp_pt *pt;

	if (!sdp_is_rtp(parser->media))
		return 0;
	if (!cut_pt(parser, &value, &pt) || !sdp_word(&value, &word))
		return sdp_fail(parser, -EBADMSG, "rtpmap");
	name = sdp_cut(word, '/', &clock_text);
	clock_text = sdp_cut(clock_text, '/', &channels_text);
	if (name.len == 0 || !sdp_uint(clock_text, UINT32_MAX, &clock_hz) || clock_hz == 0)
		return sdp_fail(parser, -EBADMSG, "rtpmap");
	if (channels_text.len && (!sdp_uint(channels_text, UINT8_MAX, &channels) || channels == 0))
		return sdp_fail(parser, -EBADMSG, "rtpmap channels");
	if (!pt)
		return 0;
	if (pt->name.len && (!sdp_same(pt->name, name) || pt->clock_hz != clock_hz))
		return sdp_fail(parser, -EBADMSG, "payload type used twice");
	pt->name = name;
	pt->clock_hz = (uint32_t)clock_hz;
	pt->channels = (uint8_t)channels;
	return 0;
}

static int on_fmtp(struct sdp_parser *parser, struct bf_bytes value)
{
	struct sdp_pt *pt;

	if (!sdp_is_rtp(parser->media))
		return 0;
	if (!cut_pt(parser, &value, &pt))
		return sdp_fail(parser, -EBADMSG, "fmtp");
	if (pt)
		pt->fmtp = sdp_trim(value);
	return 0;
}

static int on_rtcp_fb(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes what, detail;
	struct sdp_pt *pt;

	if (!sdp_is_rtp(parser->media))
		return 0;
	if (value.len >= 2 && value.data[0] == '*' && value.data[1] == ' ') {
		pt = &parser->section.every_pt;
		sdp_word(&value, &what);
	} else if (!cut_pt(parser, &value, &pt)) {
		return sdp_fail(parser, -EBADMSG, "rtcp-fb");
	}
	if (!sdp_word(&value, &what))
		return sdp_fail(parser, -EBADMSG, "rtcp-fb");
	sdp_word(&value, &detail);
	if (!pt)
		return 0;
	pt->has_nack |= sdp_is(what, "nack") && detail.len == 0;
	pt->has_pli |= sdp_is(what, "nack") && sdp_is(detail, "pli");
	pt->has_fir |= sdp_is(what, "ccm") && sdp_is(detail, "fir");
	pt->has_remb |= sdp_is(what, "goog-remb");
	pt->has_twcc |= sdp_is(what, "transport-cc");
	return 0;
}

/* Where `ssrc` stands in the section's list, added if need be. */
static int note_ssrc(struct sdp_parser *parser, uint32_t ssrc, unsigned *out)
{
	struct sdp_section *section = &parser->section;
	unsigned at = 0;

	while (at < section->ssrc_count && section->ssrcs[at] != ssrc)
		at++;
	if (at == SDP_RAW_SSRCS)
		return sdp_fail(parser, -ENOBUFS, "too many ssrcs");
	if (at == section->ssrc_count) {
		section->ssrcs[at] = ssrc;
		section->ssrc_is_hidden[at] = false;
		section->ssrc_count++;
	}
	*out = at;
	return 0;
}

/* "3779071169 cname:x" or "3779071169 msid:stream track" */
static int on_ssrc(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes word, name, stream, track;
	uint64_t ssrc;
	unsigned at;

	if (!sdp_word(&value, &word) || !sdp_uint(word, UINT32_MAX, &ssrc))
		return sdp_fail(parser, -EBADMSG, "ssrc");
	name = sdp_cut(sdp_trim(value), ':', &stream);
	if (sdp_is(name, "msid") && parser->media->msid_stream.len == 0 &&
		sdp_word(&stream, &word)) {
		sdp_word(&stream, &track);
		parser->media->msid_stream = word;
		parser->media->msid_track = track;
	}
	return note_ssrc(parser, (uint32_t)ssrc, &at);
}

/* "FID main rtx" (RFC 5576 section 4.2). "FEC-FR main fec" (RFC 5956) only tells which one is no main SSRC. */
static int on_ssrc_group(struct sdp_parser *parser, struct bf_bytes value)
{
	struct sdp_section *section = &parser->section;
	struct bf_bytes semantics, first, second;
	uint64_t ssrc, other;
	unsigned at;
	int err;

	if (!sdp_word(&value, &semantics))
		return sdp_fail(parser, -EBADMSG, "ssrc-group");
	if (!sdp_is(semantics, "FID") && !sdp_is(semantics, "FEC-FR"))
		return 0;
	if (!sdp_word(&value, &first) || !sdp_uint(first, UINT32_MAX, &ssrc) ||
		!sdp_word(&value, &second) || !sdp_uint(second, UINT32_MAX, &other) ||
		ssrc == other)
		return sdp_fail(parser, -EBADMSG, "ssrc-group");
	err = note_ssrc(parser, (uint32_t)ssrc, &at);
	if (!err)
		err = note_ssrc(parser, (uint32_t)other, &at);
	if (err)
		return err;
	section->ssrc_is_hidden[at] = true;
	if (!sdp_is(semantics, "FID"))
		return 0;
	if (section->fid_count == BF_SDP_SSRCS)
		return sdp_fail(parser, -ENOBUFS, "too many FID groups");
	section->fids[section->fid_count++] = (struct bf_sdp_ssrc_pair){
		.ssrc = (uint32_t)ssrc,
		.rtx_ssrc = (uint32_t)other,
	};
	return 0;
}

/* "q send [restrictions]": the direction is that of the simulcast line, which says what is used. */
static int on_rid(struct sdp_parser *parser, struct bf_bytes value)
{
	struct sdp_section *section = &parser->section;
	struct bf_bytes rid, dir;

	if (!sdp_word(&value, &rid) || !sdp_word(&value, &dir) || !sdp_is_rid(rid))
		return sdp_fail(parser, -EBADMSG, "rid");
	if (section->rid_count == SDP_RAW_RIDS)
		return sdp_fail(parser, -ENOBUFS, "too many rids");
	section->rids[section->rid_count++] = rid;
	return 0;
}

static int on_simulcast(struct sdp_parser *parser, struct bf_bytes value)
{
	if (parser->section.simulcast.len)
		return sdp_fail(parser, -EBADMSG, "simulcast twice");
	parser->section.simulcast = value;
	return 0;
}

static int on_sctp_port(struct sdp_parser *parser, struct bf_bytes value)
{
	uint64_t port;

	if (!sdp_uint(value, UINT16_MAX, &port))
		return sdp_fail(parser, -EBADMSG, "sctp-port");
	parser->media->sctp_port = (uint16_t)port;
	return 0;
}

/* "5000 webrtc-datachannel 65535", from before RFC 8841 */
static int on_sctpmap(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes word;

	sdp_word(&value, &word);
	return on_sctp_port(parser, word);
}

static int on_max_message(struct sdp_parser *parser, struct bf_bytes value)
{
	uint64_t size;

	if (!sdp_uint(value, UINT64_MAX, &size))
		return sdp_fail(parser, -EBADMSG, "max-message-size");
	parser->media->max_message = size ? size : UINT64_MAX;
	return 0;
}

/* ---- the table ---- */

enum level {
	AT_SESSION = 1,
	AT_MEDIA = 2,
	AT_BOTH = 3,
};

static const struct {
	const char *name;
	enum level level;
	int (*handler)(struct sdp_parser *parser, struct bf_bytes value);
} attributes[] = {
	{"rtcp-fb", AT_MEDIA, on_rtcp_fb},
	{"rtpmap", AT_MEDIA, on_rtpmap},
	{"fmtp", AT_MEDIA, on_fmtp},
	{"extmap", AT_BOTH, on_extmap},
	{"ssrc", AT_MEDIA, on_ssrc},
	{"ssrc-group", AT_MEDIA, on_ssrc_group},
	{"ice-ufrag", AT_BOTH, on_ice_ufrag},
	{"ice-pwd", AT_BOTH, on_ice_pwd},
	{"ice-lite", AT_SESSION, on_ice_lite},
	{"fingerprint", AT_BOTH, on_fingerprint},
	{"setup", AT_BOTH, on_setup},
	{"mid", AT_MEDIA, on_mid},
	{"sendrecv", AT_BOTH, on_sendrecv},
	{"sendonly", AT_BOTH, on_sendonly},
	{"recvonly", AT_BOTH, on_recvonly},
	{"inactive", AT_BOTH, on_inactive},
	{"rtcp-mux", AT_MEDIA, on_rtcp_mux},
	{"rtcp-rsize", AT_MEDIA, on_rtcp_rsize},
	{"bundle-only", AT_MEDIA, on_bundle_only},
	{"msid", AT_MEDIA, on_msid},
	{"rid", AT_MEDIA, on_rid},
	{"simulcast", AT_MEDIA, on_simulcast},
	{"sctp-port", AT_MEDIA, on_sctp_port},
	{"sctpmap", AT_MEDIA, on_sctpmap},
	{"max-message-size", AT_MEDIA, on_max_message},
	{"group", AT_SESSION, on_group},
	{"extmap-allow-mixed", AT_BOTH, on_extmap_mixed},
};

/* Candidates keep their name, because bf_sdp_parse_candidate takes what a trickle message holds. */
static void note_candidate(struct sdp_parser *parser, struct bf_bytes line)
{
	struct bf_sdp_media *media = parser->media;

	if (media->candidate_count < BF_SDP_CANDIDATES)
		media->candidates[media->candidate_count++] = line;
}

int sdp_on_attribute(struct sdp_parser *parser, struct bf_bytes line)
{
	enum level level = parser->media == &parser->session ? AT_SESSION : AT_MEDIA;
	struct bf_bytes value;
	struct bf_bytes name = sdp_cut(line, ':', &value);

	if (bf_bytes_is(name, "candidate") && level == AT_MEDIA) {
		note_candidate(parser, line);
		return 0;
	}
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (!bf_bytes_is(name, attributes[i].name))
			continue;
		return attributes[i].level & level ? attributes[i].handler(parser, value) : 0;
	}
	return 0; /* one of the many we do not use */
}
