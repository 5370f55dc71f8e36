#include "media/sdp/sdp_parse_priv.h"

#include <errno.h>
#include <stdio.h>

int sdp_fail(struct sdp_parser *parser, int err, const char *reason)
{
	snprintf(parser->why, parser->why_size, "line %u: %s", parser->lines.line_no, reason);
	return err;
}

/* ---- the end of a section ---- */

static bool is_kept(const struct sdp_pt *pt)
{
	enum bf_codec codec = bf_codec_from_name(pt->name);

	return pt->is_listed && codec != BF_CODEC_NONE && pt->clock_hz == bf_codec_clock_hz(codec);
}

/* Whether it is rtx, and of a format that is kept. */
static bool is_rtx_of_kept(const struct sdp_section *section, const struct sdp_pt *pt, uint8_t *apt)
{
	uint64_t number;

	if (!sdp_is(pt->name, "rtx"))
		return false;
	number = sdp_fmtp_uint(pt->fmtp, "apt", SDP_PT_COUNT);
	if (number >= SDP_PT_COUNT || !is_kept(&section->pts[number]))
		return false;
	*apt = (uint8_t)number;
	return true;
}

static int finish_formats(struct sdp_parser *parser)
{
	const struct sdp_section *section = &parser->section;
	const struct sdp_pt *every = &section->every_pt;
	struct bf_sdp_media *media = parser->media;

	for (unsigned i = 0; i < section->pt_count; i++) {
		const struct sdp_pt *pt = &section->pts[section->pt_order[i]];
		uint8_t apt = 0;
		bool is_rtx = is_rtx_of_kept(section, pt, &apt);

		if (!is_rtx && !is_kept(pt))
			continue;
		if (media->format_count == BF_SDP_FORMATS)
			return sdp_fail(parser, -ENOBUFS, "too many formats in the section above");
		media->formats[media->format_count++] = (struct bf_sdp_format){
			.pt = section->pt_order[i],
			.is_rtx = is_rtx,
			.apt = apt,
			.codec = is_rtx ? BF_CODEC_NONE : bf_codec_from_name(pt->name),
			.clock_hz = pt->clock_hz,
			.channels = pt->channels,
			.fmtp = pt->fmtp,
			.has_nack = pt->has_nack || every->has_nack,
			.has_pli = pt->has_pli || every->has_pli,
			.has_fir = pt->has_fir || every->has_fir,
			.has_remb = pt->has_remb || every->has_remb,
			.has_twcc = pt->has_twcc || every->has_twcc,
		};
	}
	return 0;
}

static int finish_ssrcs(struct sdp_parser *parser)
{
	const struct sdp_section *section = &parser->section;
	struct bf_sdp_media *media = parser->media;

	for (unsigned i = 0; i < section->ssrc_count; i++) {
		struct bf_sdp_ssrc_pair pair = {.ssrc = section->ssrcs[i]};

		if (section->ssrc_is_hidden[i])
			continue;
		for (unsigned k = 0; k < section->fid_count; k++) {
			if (section->fids[k].ssrc == pair.ssrc)
				pair.rtx_ssrc = section->fids[k].rtx_ssrc;
		}
		if (media->ssrc_count == BF_SDP_SSRCS)
			return sdp_fail(parser, -ENOBUFS, "too many ssrcs in the section above");
		media->ssrcs[media->ssrc_count++] = pair;
	}
	return 0;
}

/* Whether the section has an a=rid line for it: RFC 8853 section 5.2 discards what has none. */
static bool has_rid(const struct sdp_section *section, struct bf_bytes rid)
{
	for (unsigned i = 0; i < section->rid_count; i++) {
		if (bf_bytes_equal(section->rids[i], rid))
			return true;
	}
	return false;
}

/* "q;~h;f,g": streams by ';', alternatives of a stream by ',' (the first counts), '~' for one that starts paused. */
static int add_streams(struct sdp_parser *parser, struct bf_bytes list)
{
	struct bf_sdp_media *media = parser->media;

	while (list.len) {
		struct bf_bytes others;
		struct bf_bytes rid = sdp_cut(sdp_cut(list, ';', &list), ',', &others);

		if (rid.len && rid.data[0] == '~')
			rid = bf_bytes(rid.data + 1, rid.len - 1);
		if (!sdp_is_rid(rid))
			return sdp_fail(parser, -EBADMSG, "simulcast in the section above");
		if (!has_rid(&parser->section, rid))
			continue;
		if (media->rid_count == BF_SDP_RIDS)
			return sdp_fail(parser, -ENOBUFS, "too many rids in the section above");
		media->rids[media->rid_count++] = rid;
	}
	return 0;
}

/* "send q;h;f", "recv q;h;f", or both one after the other; what the peer sends is what matters then. */
static int finish_simulcast(struct sdp_parser *parser)
{
	struct bf_bytes rest = parser->section.simulcast;
	struct bf_bytes word, list, sent = {0}, received = {0};

	if (rest.len == 0)
		return 0;
	while (sdp_word(&rest, &word)) {
		bool is_send = sdp_is(word, "send");

		if ((!is_send && !sdp_is(word, "recv")) || !sdp_word(&rest, &list))
			return sdp_fail(parser, -EBADMSG, "simulcast in the section above");
		*(is_send ? &sent : &received) = list;
	}
	parser->media->is_simulcast_send = sent.len > 0;
	return add_streams(parser, sent.len ? sent : received);
}

int sdp_finish_section(struct sdp_parser *parser)
{
	struct bf_sdp_media *media = parser->media;
	int err;

	if (media == &parser->session)
		return 0;
	parser->is_mux_missing[media - parser->out->media] =
		!parser->section.has_own_ice && !media->has_rtcp_mux;
	if (!sdp_is_rtp(media))
		return 0;
	if (!sdp_is_rejected(media)) {
		parser->rtp_count++;
		parser->mixed_count += parser->section.has_mixed ? 1 : 0;
	}
	err = finish_formats(parser);
	if (!err)
		err = finish_ssrcs(parser);
	if (!err)
		err = finish_simulcast(parser);
	return err;
}

/* ---- lines other than attributes ---- */

static enum bf_sdp_kind kind_of(struct bf_bytes name)
{
	if (sdp_is(name, "audio"))
		return BF_SDP_AUDIO;
	if (sdp_is(name, "video"))
		return BF_SDP_VIDEO;
	if (sdp_is(name, "application"))
		return BF_SDP_APPLICATION;
	return BF_SDP_OTHER;
}

/* The payload types of an RTP section, in order. One that stands there twice counts once. */
static int note_formats(struct sdp_parser *parser)
{
	struct sdp_section *section = &parser->section;
	struct bf_bytes rest = parser->media->format_text;
	struct bf_bytes word;
	uint64_t pt;

	while (sdp_word(&rest, &word)) {
		if (!sdp_uint(word, SDP_PT_COUNT - 1, &pt))
			return sdp_fail(parser, -EBADMSG, "payload type");
		if (section->pts[pt].is_listed)
			continue;
		section->pts[pt].is_listed = true;
		section->pts[pt].channels = 1;
		section->pt_order[section->pt_count++] = (uint8_t)pt;
	}
	return 0;
}

/* "video 9 UDP/TLS/RTP/SAVPF 96 97" */
static int on_media(struct sdp_parser *parser, struct bf_bytes value)
{
	struct bf_bytes name, port_text, port_count, proto;
	struct bf_sdp_media *media;
	uint64_t port;
	int err;

	err = sdp_finish_section(parser);
	if (err)
		return err;
	if (parser->out->media_count == BF_SDP_MEDIA)
		return sdp_fail(parser, -ENOBUFS, "too many m= sections");
	if (!sdp_word(&value, &name) || !sdp_word(&value, &port_text) ||
		!sdp_word(&value, &proto) || !sdp_is_token(name, 32) || !sdp_is_token(proto, 64))
		return sdp_fail(parser, -EBADMSG, "m= line");
	if (!sdp_uint(sdp_cut(port_text, '/', &port_count), UINT16_MAX, &port))
		return sdp_fail(parser, -EBADMSG, "port");
	value = sdp_trim(value);
	if (value.len == 0)
		return sdp_fail(parser, -EBADMSG, "m= line without a format");

	media = &parser->out->media[parser->out->media_count++];
	*media = parser->session;
	media->kind = kind_of(name);
	media->name = name;
	media->port = (uint16_t)port;
	media->proto = proto;
	media->format_text = value;
	parser->media = media;
	memset(&parser->section, 0, sizeof(parser->section));
	if (sdp_is_rtp(media))
		return note_formats(parser);
	/* "application 39625 DTLS/SCTP 5000": before RFC 8841 the format was the port */
	if (sdp_is(proto, "DTLS/SCTP") && sdp_uint(value, UINT16_MAX, &port))
		media->sctp_port = (uint16_t)port;
	return 0;
}

static int on_line(struct sdp_parser *parser, const struct sdp_line *line)
{
	switch (line->type) {
	case 'm':
		return on_media(parser, line->value);
	case 'a':
		return sdp_on_attribute(parser, line->value);
	case 'v':
		return sdp_fail(parser, -EBADMSG, "a second v= line");
	default:
		return 0; /* c=, b=, o=, s=, t= ...: ICE and JSEP have replaced what they say */
	}
}

/* ---- the end of the description ---- */

static struct bf_sdp_media *find_mid(struct bf_sdp *sdp, struct bf_bytes mid)
{
	for (unsigned i = 0; i < sdp->media_count; i++) {
		if (bf_bytes_equal(sdp->media[i].mid, mid))
			return &sdp->media[i];
	}
	return NULL;
}

/* Mark the sections of the group, and find the one whose transport they use. */
static void finish_bundle(struct sdp_parser *parser)
{
	struct bf_sdp *sdp = parser->out;
	struct bf_bytes rest = parser->bundle;
	struct bf_bytes mid;

	sdp->tag_idx = sdp->media_count;
	while (rest.len && sdp_word(&rest, &mid)) {
		struct bf_sdp_media *media = find_mid(sdp, mid);

		if (!media)
			continue; /* RFC 9143 allows a mid of no section to be ignored */
		media->is_bundled = true;
		if (sdp->tag_idx == sdp->media_count && !sdp_is_rejected(media))
			sdp->tag_idx = (unsigned)(media - sdp->media);
	}
	for (unsigned i = 0; i < sdp->media_count && sdp->tag_idx == sdp->media_count; i++) {
		if (!sdp_is_rejected(&sdp->media[i]))
			sdp->tag_idx = i;
	}
}

/* What a bundled section leaves out, because the tagged one says it. */
static void inherit_transport(struct sdp_parser *parser)
{
	struct bf_sdp *sdp = parser->out;
	const struct bf_sdp_media *tag;
	bool is_muxed = false;

	if (sdp->tag_idx == sdp->media_count)
		return;
	tag = &sdp->media[sdp->tag_idx];
	for (unsigned i = 0; i < sdp->media_count; i++)
		is_muxed |= sdp->media[i].is_bundled && sdp->media[i].has_rtcp_mux;
	for (unsigned i = 0; i < sdp->media_count; i++) {
		struct bf_sdp_media *media = &sdp->media[i];

		if (!media->is_bundled || media == tag || !tag->is_bundled)
			continue;
		if (media->ufrag.len == 0 && media->pwd.len == 0) {
			media->ufrag = tag->ufrag;
			media->pwd = tag->pwd;
		}
		if (media->fingerprint.len == 0) {
			media->hash = tag->hash;
			media->fingerprint = tag->fingerprint;
		}
		if (media->setup == BF_SDP_SETUP_NONE)
			media->setup = tag->setup;
		if (parser->is_mux_missing[i] && sdp_is_rtp(media))
			media->has_rtcp_mux = is_muxed;
	}
}

static int parse_lines(struct sdp_parser *parser)
{
	struct sdp_line line;
	int got = sdp_lines_next(&parser->lines, &line);

	if (got == 1 && (line.type != 'v' || !bf_bytes_is(line.value, "0")))
		return sdp_fail(parser, -EBADMSG, "not v=0");
	if (got == 0)
		return sdp_fail(parser, -EBADMSG, "empty");
	while (got == 1) {
		int err;

		got = sdp_lines_next(&parser->lines, &line);
		err = got == 1 ? on_line(parser, &line) : 0;
		if (err)
			return err;
	}
	if (got == -ENOBUFS)
		return sdp_fail(parser, got, "line is too long");
	if (got < 0)
		return sdp_fail(parser, got, "not a line of the form x=value");
	return sdp_finish_section(parser);
}

int bf_sdp_parse(struct bf_sdp *out, struct bf_bytes text, char *why, size_t why_size)
{
	struct sdp_parser parser = {
		.out = out,
		.why = why,
		.why_size = why_size,
		.session = {.dir = BF_SDP_SENDRECV},
	};
	int err;

	out->is_ice_lite = false;
	out->has_extmap_mixed = false;
	out->media_count = 0;
	out->tag_idx = 0;
	parser.media = &parser.session;
	sdp_lines_init(&parser.lines, text);
	if (text.len > BF_SDP_TEXT_MAX)
		return sdp_fail(&parser, -ENOBUFS, "the description is too long");
	err = parse_lines(&parser);
	if (err)
		return err;
	finish_bundle(&parser);
	inherit_transport(&parser);
	out->has_extmap_mixed = parser.has_session_mixed ||
				(parser.rtp_count > 0 && parser.mixed_count == parser.rtp_count);
	return 0;
}
