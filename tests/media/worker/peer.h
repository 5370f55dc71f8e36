/* tests/media/worker/peer.h - a WebRTC client for tests: real ICE checks, DTLS and SRTP over a loopback socket.
 *
 * Blocking, with a deadline on every wait; one peer connection each.
 */
#ifndef BF_TESTS_MEDIA_WORKER_PEER_H
#define BF_TESTS_MEDIA_WORKER_PEER_H

#include "core/base/addr.h"
#include "media/dtls/dtls.h"
#include "media/rtp/rtp.h"
#include "tests/media/worker/link.h"

#define PEER_SDP_MAX 65536
#define PEER_MTU     2048

struct peer {
	int fd;
	struct bf_addr server;
	struct bf_dtls_ctx *dtls_ctx;
	struct bf_dtls *dtls;
	struct bf_srtp_engine *engine; /* the reference, against whichever the worker has */
	struct bf_srtp *srtp_in, *srtp_out;
	enum bf_srtp_profile profile;
	char ufrag[16], pwd[33];
	char remote_ufrag[64], remote_pwd[64], remote_fingerprint[128];
	/* set before connecting */
	bool is_tcp;
	bool is_dtls_server;
	/* set at any time; applied to media, not to STUN and DTLS */
	struct link *out, *in;
	/* what DTLS carries; NULL: thrown away */
	void (*on_record)(void *arg, struct bf_bytes record);
	void *on_record_arg;
	/* state */
	uint8_t stream[65536]; /* TCP: what came and is not a whole frame yet */
	size_t stream_len;
	uint8_t waiting[64][PEER_MTU]; /* what the link let out */
	size_t waiting_lens[64];
	size_t waiting_head, waiting_count;
};

/* One section of an offer: its m= line, its mid, and all lines of its own. */
struct peer_section {
	const char *m;
	const char *mid;
	const char *lines;
};

#define PEER_TWCC_URI "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

/* Audio: opus 111; extensions 1 audio level, 3 transport-cc, 4 mid. */
#define PEER_OPUS_M "audio 9 UDP/TLS/RTP/SAVPF 111"
#define PEER_OPUS_LINES                                              \
	"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n" \
	"a=extmap:3 " PEER_TWCC_URI "\r\n"                           \
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"         \
	"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"

/* Video: 96 with rtx 97; extensions 3 transport-cc, 4 mid, 10 rid, 11 repaired rid. The codec's rtpmap is to follow. */
#define PEER_VIDEO_M "video 9 UDP/TLS/RTP/SAVPF 96 97"
#define PEER_VIDEO_LINES                                                              \
	"a=extmap:3 " PEER_TWCC_URI "\r\n"                                            \
	"a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                          \
	"a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"               \
	"a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"      \
	"a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n" \
	"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
#define PEER_VP8_LINES PEER_VIDEO_LINES "a=rtpmap:96 VP8/90000\r\n"

#define PEER_DATA_M    "application 9 UDP/DTLS/SCTP webrtc-datachannel"

void peer_open(struct peer *peer, enum bf_srtp_profile profile);
void peer_close(struct peer *peer);

/* A description with these sections, all in one bundle. */
void peer_describe(struct peer *peer, const struct peer_section *sections, size_t count,
	const char *setup, char out[static PEER_SDP_MAX]);

/* An offer to publish: audio (mid 0) and VP8 (mid 1; with rids q,h,f if simulcast). */
void peer_offer(struct peer *peer, bool is_simulcast, char out[static PEER_SDP_MAX]);

/* An answer that takes everything of a server's offer. */
void peer_answer(struct peer *peer, const char *offer, char out[static PEER_SDP_MAX]);

/* Credentials, fingerprint and UDP port (on 127.0.0.1) out of the server's description. */
void peer_set_remote(struct peer *peer, const char *sdp);

/* Checks, then the handshake. Fails the test when it takes longer than 5 s. */
void peer_connect(struct peer *peer);

/* The handshake alone, in its parts: a new association, and one turn of waiting. */
void peer_start_dtls(struct peer *peer);
void peer_turn_dtls(struct peer *peer);

/* One check with USE-CANDIDATE; returns after the answer. False: none came within 500 ms. */
void peer_check(struct peer *peer);
bool peer_try_check(struct peer *peer);

/* Another socket, as after a change of networks. */
void peer_move(struct peer *peer);

/* New credentials of ours. */
void peer_restart(struct peer *peer);

void peer_send(struct peer *peer, const void *data, size_t len);
void peer_flush_dtls(struct peer *peer);

/* Encrypt and send. */
void peer_send_rtp(
	struct peer *peer, const struct bf_rtp *rtp, struct bf_bytes ext, struct bf_bytes payload);
void peer_send_rtcp(struct peer *peer, const uint8_t *data, size_t len);

enum peer_kind {
	PEER_NOTHING,
	PEER_RTP,
	PEER_RTCP,
};

/* The next media packet within `wait_ms`, decrypted. STUN and DTLS are taken care of on the way. */
enum peer_kind peer_recv(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU], size_t *len);

/* Take one packet that is there, and look after it if it is DTLS. False: there is none. */
bool peer_serve(struct peer *peer, uint8_t out[static PEER_MTU], size_t *len);

#endif
