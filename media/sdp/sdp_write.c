#include "media/sdp/sdp_priv.h"

#include <errno.h>
#include <stdio.h>

/* The text being made. The first fault stays; later writes do nothing. */
struct out {
	struct bf_wr wr;
	int err;
};

static void put(struct out *out, struct bf_bytes text)
{
	if (!out->err)
		bf_wr_bytes(&out->wr, text);
}

static void put_str(struct out *out, const char *text)
{
	put(out, bf_bytes_str(text));
}

static void put_uint(struct out *out, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_str(out, text);
}

/* A value that may hold spaces: nothing in it can end the line. */
static void put_text(struct out *out, struct bf_bytes text)
{
	if (text.len == 0 || !sdp_is_clean(text))
		out->err = -EINVAL;
	put(out, text);
}

/* A value that other values follow on its line: nothing in it can pass for one of those. */
static void put_token(struct out *out, struct bf_bytes text)
{
	if (!sdp_is_token(text, BF_SDP_LINE_MAX))
		out->err = -EINVAL;
	put(out, text);
}

static void put_end(struct out *out)
{
	put_str(out, "\r\n");
}

static void put_line(struct out *out, const char *line)
{
	put_str(out, line);
	put_end(out);
}

/* "name" then the number and the end of the line. */
static void put_uint_line(struct out *out, const char *name, uint64_t value)
{
	put_str(out, name);
	put_uint(out, value);
	put_end(out);
}

static void put_token_line(struct out *out, const char *name, struct bf_bytes token)
{
	put_str(out, name);
	put_token(out, token);
	put_end(out);
}

/* ---- the session ---- */

static void write_group(struct out *out, const struct bf_sdp_media *media, unsigned media_count)
{
	bool is_first = true;

	for (unsigned i = 0; i < media_count; i++) {
		if (!media[i].is_bundled || media[i].mid.len == 0 || sdp_is_rejected(&media[i]))
			continue;
		put_str(out, is_first ? "a=group:BUNDLE " : " ");
		put_token(out, media[i].mid);
		is_first = false;
	}
	if (!is_first)
		put_end(out);
}

static void write_session(struct out *out, const struct bf_sdp_local *local,
	const struct bf_sdp_media *media, unsigned media_count)
{
	put_line(out, "v=0");
	put_str(out, "o=- ");
	put_uint(out, local->session_id);
	put_str(out, " ");
	put_uint(out, local->session_version);
	put_line(out, " IN IP4 127.0.0.1"); /* RFC 8829 section 5.2.1: no address of ours */
	put_line(out, "s=-");
	put_line(out, "t=0 0");
	write_group(out, media, media_count);
	put_line(out, "a=extmap-allow-mixed");
	put_line(out, "a=msid-semantic:WMS *");
	put_line(out, "a=ice-lite");
	put_line(out, "a=ice-options:trickle");
}

/* ---- one section ---- */

static bool is_old_sctp(const struct bf_sdp_media *media)
{
	return media->kind == BF_SDP_APPLICATION && sdp_is(media->proto, "DTLS/SCTP");
}

static uint16_t sctp_port_of(const struct bf_sdp_media *media)
{
	return media->sctp_port ? media->sctp_port : 5000;
}

static void write_kind(struct out *out, const struct bf_sdp_media *media)
{
	static const char *const names[] = {
		[BF_SDP_AUDIO] = "audio",
		[BF_SDP_VIDEO] = "video",
		[BF_SDP_APPLICATION] = "application",
	};

	put_str(out, "m=");
	if (media->kind == BF_SDP_OTHER)
		put_token(out, media->name);
	else
		put_str(out, names[media->kind]);
}

static void write_proto(struct out *out, const struct bf_sdp_media *media)
{
	if (media->proto.len)
		put_token(out, media->proto);
	else if (media->kind == BF_SDP_APPLICATION)
		put_str(out, "UDP/DTLS/SCTP");
	else
		put_str(out, "UDP/TLS/RTP/SAVPF");
}

/* What follows the protocol on the m= line. */
static void write_format_list(struct out *out, const struct bf_sdp_media *media)
{
	if (is_old_sctp(media)) {
		put_str(out, " ");
		put_uint(out, sctp_port_of(media));
	} else if (media->kind == BF_SDP_APPLICATION) {
		put_str(out, " webrtc-datachannel");
	} else if (!sdp_is_rtp(media)) {
		put_str(out, " ");
		put_text(out, media->format_text);
	} else if (media->format_count == 0) {
		out->err = -EINVAL; /* a live section needs one */
	}
	for (unsigned i = 0; sdp_is_rtp(media) && i < media->format_count; i++) {
		put_str(out, " ");
		put_uint(out, media->formats[i].pt);
	}
}

static void write_rejected(struct out *out, const struct bf_sdp_media *media)
{
	write_kind(out, media);
	put_str(out, " 0 ");
	write_proto(out, media);
	put_str(out, " ");
	put_text(out, media->format_text);
	put_end(out);
	put_line(out, "c=IN IP4 0.0.0.0");
	if (media->mid.len)
		put_token_line(out, "a=mid:", media->mid);
	put_line(out, "a=inactive");
}

static void write_transport(struct out *out, const struct bf_sdp_local *local)
{
	static const char *const setups[] = {
		[BF_SDP_ACTPASS] = "actpass",
		[BF_SDP_ACTIVE] = "active",
		[BF_SDP_PASSIVE] = "passive",
	};

	put_token_line(out, "a=ice-ufrag:", bf_bytes_str(local->ufrag));
	put_token_line(out, "a=ice-pwd:", bf_bytes_str(local->pwd));
	put_token_line(out, "a=fingerprint:sha-256 ", bf_bytes_str(local->fingerprint));
	if (local->setup == BF_SDP_SETUP_NONE) {
		out->err = -EINVAL;
		return;
	}
	put_str(out, "a=setup:");
	put_line(out, setups[local->setup]);
}

static void write_exts(struct out *out, const struct bf_ext_map *exts)
{
	for (unsigned i = 0; i < BF_EXT_COUNT; i++) {
		if (!exts->id[i])
			continue;
		put_str(out, "a=extmap:");
		put_uint(out, exts->id[i]);
		put_str(out, " ");
		put_line(out, bf_ext_uri((enum bf_ext)i));
	}
}

static void write_feedback(struct out *out, uint8_t pt, bool is_on, const char *what)
{
	if (!is_on)
		return;
	put_str(out, "a=rtcp-fb:");
	put_uint(out, pt);
	put_line(out, what);
}

static void write_format(struct out *out, const struct bf_sdp_format *format)
{
	put_str(out, "a=rtpmap:");
	put_uint(out, format->pt);
	put_str(out, " ");
	put_str(out, format->is_rtx ? "rtx" : bf_codec_name(format->codec));
	put_str(out, "/");
	put_uint(out, format->clock_hz);
	if (format->channels > 1) {
		put_str(out, "/");
		put_uint(out, format->channels);
	}
	put_end(out);
	write_feedback(out, format->pt, format->has_remb, " goog-remb");
	write_feedback(out, format->pt, format->has_twcc, " transport-cc");
	write_feedback(out, format->pt, format->has_fir, " ccm fir");
	write_feedback(out, format->pt, format->has_nack, " nack");
	write_feedback(out, format->pt, format->has_pli, " nack pli");
	if (!format->is_rtx && format->fmtp.len == 0)
		return;
	put_str(out, "a=fmtp:");
	put_uint(out, format->pt);
	put_str(out, " ");
	if (format->is_rtx) {
		put_str(out, "apt=");
		put_uint(out, format->apt);
	} else {
		put_text(out, format->fmtp);
	}
	put_end(out);
}

static void write_simulcast(struct out *out, const struct bf_sdp_media *media)
{
	bool is_send = media->dir == BF_SDP_SENDONLY ||
		       (media->dir != BF_SDP_RECVONLY && media->is_simulcast_send);
	const char *verb = is_send ? "send" : "recv";

	if (media->rid_count == 0)
		return;
	for (unsigned i = 0; i < media->rid_count; i++) {
		if (!sdp_is_rid(media->rids[i]))
			out->err = -EINVAL;
		put_str(out, "a=rid:");
		put(out, media->rids[i]);
		put_str(out, " ");
		put_line(out, verb);
	}
	put_str(out, "a=simulcast:");
	put_str(out, verb);
	for (unsigned i = 0; i < media->rid_count; i++) {
		put_str(out, i == 0 ? " " : ";");
		put(out, media->rids[i]);
	}
	put_end(out);
}

static void write_ssrc(struct out *out, uint32_t ssrc, const char *cname)
{
	put_str(out, "a=ssrc:");
	put_uint(out, ssrc);
	put_token_line(out, " cname:", bf_bytes_str(cname));
}

static void write_sources(
	struct out *out, const struct bf_sdp_local *local, const struct bf_sdp_media *media)
{
	if (media->msid_stream.len || media->msid_track.len) {
		put_str(out, "a=msid:");
		put_token(out, media->msid_stream.len ? media->msid_stream : bf_bytes_str("-"));
		if (media->msid_track.len) {
			put_str(out, " ");
			put_token(out, media->msid_track);
		}
		put_end(out);
	}
	for (unsigned i = 0; i < media->ssrc_count; i++) {
		const struct bf_sdp_ssrc_pair *pair = &media->ssrcs[i];

		if (pair->rtx_ssrc) {
			put_str(out, "a=ssrc-group:FID ");
			put_uint(out, pair->ssrc);
			put_uint_line(out, " ", pair->rtx_ssrc);
		}
		write_ssrc(out, pair->ssrc, local->cname);
		if (pair->rtx_ssrc)
			write_ssrc(out, pair->rtx_ssrc, local->cname);
	}
}

static void write_rtp(
	struct out *out, const struct bf_sdp_local *local, const struct bf_sdp_media *media)
{
	static const char *const dirs[] = {
		[BF_SDP_INACTIVE] = "a=inactive",
		[BF_SDP_SENDONLY] = "a=sendonly",
		[BF_SDP_RECVONLY] = "a=recvonly",
		[BF_SDP_SENDRECV] = "a=sendrecv",
	};

	write_exts(out, &media->exts);
	put_line(out, dirs[media->dir]);
	if (media->has_rtcp_mux)
		put_line(out, "a=rtcp-mux");
	if (media->has_rtcp_rsize)
		put_line(out, "a=rtcp-rsize");
	for (unsigned i = 0; i < media->format_count; i++)
		write_format(out, &media->formats[i]);
	write_simulcast(out, media);
	write_sources(out, local, media);
}

static void write_sctp(struct out *out, const struct bf_sdp_media *media)
{
	if (is_old_sctp(media)) {
		put_str(out, "a=sctpmap:");
		put_uint(out, sctp_port_of(media));
		put_line(out, " webrtc-datachannel 65535");
	} else {
		put_uint_line(out, "a=sctp-port:", sctp_port_of(media));
	}
	if (media->max_message)
		put_uint_line(out, "a=max-message-size:",
			media->max_message == UINT64_MAX ? 0 : media->max_message);
}

static void write_candidates(struct out *out, const struct bf_sdp_local *local)
{
	for (unsigned i = 0; i < local->candidate_count; i++) {
		if (strncmp(local->candidates[i], "candidate:", strlen("candidate:")) != 0)
			out->err = -EINVAL;
		put_str(out, "a=");
		put_text(out, bf_bytes_str(local->candidates[i]));
		put_end(out);
	}
	if (local->candidate_count) /* an ICE-lite server knows them all from the start */
		put_line(out, "a=end-of-candidates");
}

static void write_media(struct out *out, const struct bf_sdp_local *local,
	const struct bf_sdp_media *media, bool has_candidates)
{
	if (sdp_is_rejected(media)) {
		write_rejected(out, media);
		return;
	}
	write_kind(out, media);
	put_str(out, " ");
	put_uint(out, media->port);
	put_str(out, " ");
	write_proto(out, media);
	write_format_list(out, media);
	put_end(out);
	put_line(out, "c=IN IP4 0.0.0.0");
	if (media->is_bundle_only)
		put_line(out, "a=bundle-only");
	write_transport(out, local);
	put_token_line(out, "a=mid:", media->mid);
	if (sdp_is_rtp(media))
		write_rtp(out, local, media);
	else if (media->kind == BF_SDP_APPLICATION)
		write_sctp(out, media);
	if (has_candidates)
		write_candidates(out, local);
}

int bf_sdp_write(char *out, size_t size, const struct bf_sdp_local *local,
	const struct bf_sdp_media *media, unsigned media_count)
{
	struct out to = {.wr = bf_wr(out, size)};
	bool has_bundle = false;

	write_session(&to, local, media, media_count);
	for (unsigned i = 0; i < media_count; i++) {
		bool is_live_bundled = media[i].is_bundled && !sdp_is_rejected(&media[i]);

		/* One path serves the bundle: its first section names it (RFC 9143 section 7.1). With many sections
		 * and addresses the repetition would be most of the text. */
		write_media(&to, local, &media[i], !is_live_bundled || !has_bundle);
		has_bundle = has_bundle || is_live_bundled;
	}
	put(&to, bf_bytes("", 1)); /* the NUL */
	if (!to.err && to.wr.is_full)
		to.err = -ENOBUFS;
	if (to.err && size)
		out[0] = '\0';
	return to.err;
}
