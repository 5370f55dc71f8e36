/* tests/media/worker/peer.h - a WebRTC client for tests: real ICE checks, DTLS and SRTP over a loopback socket.
 *
 * Blocking, with a deadline on every wait; one peer connection each.
 */
#ifndef BF_TESTS_MEDIA_WORKER_PEER_H
#define BF_TESTS_MEDIA_WORKER_PEER_H

#include "core/base/addr.h"
#include "media/dtls/dtls.h"
#include "media/rtp/rtp.h"

#define PEER_SDP_MAX 8192
#define PEER_MTU     2048

struct peer {
	int fd;
	struct bf_addr server;
	struct bf_dtls_ctx *dtls_ctx;
	struct bf_dtls *dtls;
	struct bf_srtp *srtp_in, *srtp_out;
	enum bf_srtp_profile profile;
	char ufrag[16], pwd[33];
	char remote_ufrag[64], remote_pwd[64], remote_fingerprint[128];
};

void peer_open(struct peer *peer, enum bf_srtp_profile profile);
void peer_close(struct peer *peer);

/* An offer to publish: audio (mid 0, opus 111) and video (mid 1, VP8 96 with rtx 97; with rids q,h,f if simulcast). Extensions:
 * 1 audio level, 3 transport-cc, 4 mid, 10 rid, 11 repaired rid. */
void peer_offer(struct peer *peer, bool is_simulcast, char out[static PEER_SDP_MAX]);

/* An answer that takes everything of a server's offer. */
void peer_answer(struct peer *peer, const char *offer, char out[static PEER_SDP_MAX]);

/* Credentials, fingerprint and UDP port (on 127.0.0.1) out of the server's description. */
void peer_set_remote(struct peer *peer, const char *sdp);

/* Checks, then the handshake as DTLS client. Fails the test when it takes longer than 5 s. */
void peer_connect(struct peer *peer);

/* One check with USE-CANDIDATE; returns after the answer. */
void peer_check(struct peer *peer);

void peer_send(const struct peer *peer, const void *data, size_t len);

/* Encrypt and send. */
void peer_send_rtp(struct peer *peer, const struct bf_rtp *rtp, struct bf_bytes ext, struct bf_bytes payload);
void peer_send_rtcp(struct peer *peer, const uint8_t *data, size_t len);

enum peer_kind {
	PEER_NOTHING,
	PEER_RTP,
	PEER_RTCP,
};

/* The next media packet within `wait_ms`, decrypted. STUN and DTLS are taken care of on the way. */
enum peer_kind peer_recv(struct peer *peer, int wait_ms, uint8_t out[static PEER_MTU], size_t *len);

#endif
