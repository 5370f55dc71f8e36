/* What publishing, subscribing and playing have in common when descriptions are exchanged. */
#include "media/room/room_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* The section whose credentials hold for the whole bundle; NULL when all are rejected. */
const struct bf_sdp_media *bf_negotiate_transport_section(const struct bf_sdp *sdp)
{
	return sdp->tag_idx < sdp->media_count ? &sdp->media[sdp->tag_idx] : NULL;
}

int bf_negotiate_parse(
	struct bf_rooms *rooms, const char *text, size_t len, char *why, size_t why_size)
{
	int err = bf_sdp_parse(rooms->parsed, bf_bytes(text, len), why, why_size);

	if (err)
		return err;
	bf_sdp_unify_exts(rooms->parsed);
	if (!bf_negotiate_transport_section(rooms->parsed))
		return 0; /* an answer may reject everything; who needs more than that looks */
	return bf_sdp_check_webrtc(rooms->parsed, why, why_size);
}

/* We stay passive whenever the peer lets us: then our order of SRTP profiles decides. */
enum bf_sdp_setup bf_negotiate_our_setup(const struct bf_sdp_media *section)
{
	return section->setup == BF_SDP_PASSIVE ? BF_SDP_ACTIVE : BF_SDP_PASSIVE;
}

int bf_negotiate_remote(
	struct bf_conn *conn, const struct bf_sdp_media *section, char *why, size_t why_size)
{
	struct bf_transport_remote remote = {
		.ufrag = section->ufrag,
		.hash = section->hash,
		.fingerprint = section->fingerprint,
		.role = bf_negotiate_our_setup(section) == BF_SDP_PASSIVE ? BF_DTLS_SERVER
									  : BF_DTLS_CLIENT,
	};
	int err = bf_transport_set_remote(conn->transport, &remote);

	snprintf(conn->tag_mid, sizeof(conn->tag_mid), "%.*s", (int)section->mid.len,
		(const char *)section->mid.data);
	conn->tag_kind = section->kind;
	if (err == -EPROTO)
		snprintf(why, why_size, "the fingerprint changed within a connection");
	else if (err)
		snprintf(why, why_size, "the fingerprint or ufrag cannot be used");
	return err;
}

void bf_negotiate_reject(struct bf_sdp_media *out, const struct bf_sdp_media *offered)
{
	*out = (struct bf_sdp_media){
		.kind = offered->kind,
		.name = offered->name,
		.proto = offered->proto,
		.mid = offered->mid,
		.dir = BF_SDP_INACTIVE,
		.format_text = offered->format_text,
	};
}

/* Whether any section of our answer, in rooms->written, is not rejected. */
bool bf_negotiate_is_live(const struct bf_rooms *rooms, unsigned media_count)
{
	for (unsigned i = 0; i < media_count; i++) {
		if (rooms->written[i].port != 0)
			return true;
	}
	return false;
}

/* The answer to an ICE restart by PATCH, to rooms->text: our new credentials, and the candidates again, since those of before are void
 * for the peer; under the bundle's first section (RFC 9725 section 4.3.3, RFC 8840 section 9). Returns its length. */
size_t bf_negotiate_write_fragment(struct bf_conn *conn)
{
	static const char *const pseudo_lines[] = {
		[BF_SDP_AUDIO] = "audio 9 UDP/TLS/RTP/SAVPF 0",
		[BF_SDP_VIDEO] = "video 9 UDP/TLS/RTP/SAVPF 0",
		[BF_SDP_APPLICATION] = "application 9 UDP/DTLS/SCTP webrtc-datachannel",
		[BF_SDP_OTHER] = "audio 9 UDP/TLS/RTP/SAVPF 0",
	};
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	const struct bf_ice_creds *creds = bf_transport_creds(conn->transport);
	struct bf_wr wr = bf_wr(rooms->text, BF_SDP_TEXT_MAX);

	bf_wr_str(&wr, "a=ice-lite\r\na=ice-ufrag:");
	bf_wr_str(&wr, creds->ufrag);
	bf_wr_str(&wr, "\r\na=ice-pwd:");
	bf_wr_str(&wr, creds->pwd);
	bf_wr_str(&wr, "\r\nm=");
	bf_wr_str(&wr, pseudo_lines[conn->tag_kind]);
	bf_wr_str(&wr, "\r\na=mid:");
	bf_wr_str(&wr, conn->tag_mid);
	for (unsigned i = 0; i < rooms->conf.candidate_count; i++) {
		bf_wr_str(&wr, "\r\na=");
		bf_wr_str(&wr, rooms->conf.candidates[i]);
	}
	bf_wr_str(&wr, "\r\na=end-of-candidates\r\n");
	assert(!wr.is_full);
	return bf_wr_len(&wr);
}

/* Write the sections in rooms->written to rooms->text. Returns the length or a negative errno. */
int bf_negotiate_write(struct bf_conn *conn, enum bf_sdp_setup setup, unsigned media_count)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	const struct bf_ice_creds *creds = bf_transport_creds(conn->transport);
	const char *candidates[BF_ROOMS_CANDIDATES];
	struct bf_sdp_local local = {
		.session_id = conn->session_id,
		.session_version = ++conn->session_version,
		.ufrag = creds->ufrag,
		.pwd = creds->pwd,
		.fingerprint = rooms->conf.fingerprint,
		.setup = setup,
		.candidates = candidates,
		.candidate_count = rooms->conf.candidate_count,
		.cname = "belfry",
	};
	int err;

	for (unsigned i = 0; i < rooms->conf.candidate_count; i++)
		candidates[i] = rooms->conf.candidates[i];
	err = bf_sdp_write(rooms->text, BF_SDP_TEXT_MAX, &local, rooms->written, media_count);
	return err ? err : (int)strlen(rooms->text);
}
