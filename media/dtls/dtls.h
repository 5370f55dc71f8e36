/* media/dtls/dtls.h - DTLS 1.2 of one transport: handshake, SRTP keys, and records for SCTP.
 *
 * Sans-I/O: bytes in, bytes out, time as argument (the door of OpenSSL for media).
 * Owner:   the transport.   Thread: its worker.
 * Rule:    feed it only datagrams from an ICE-validated 5-tuple. A record that does not belong changes nothing, and
 *          nothing received can bring down an established association except an authenticated close_notify or fatal alert.
 * Limits:  8 KiB or 16 datagrams wait to be sent: handshake beyond that is dropped, as by a network, and sent again. The
 *          handshake fails after 12 retransmissions of one flight (about 10 s).
 * Memory:  40 to 60 KiB while nothing comes or goes, which OpenSSL takes; 41 more from a record on until a second after the last one.
 * Source:  RFC 6347, RFC 5764 (use_srtp), RFC 8122 (fingerprints), RFC 8842.
 */
#ifndef BF_MEDIA_DTLS_DTLS_H
#define BF_MEDIA_DTLS_DTLS_H

#include "core/base/bytes.h"
#include "media/srtp/srtp.h"

#define BF_DTLS_FINGERPRINT_TEXT 96 /* 32 bytes as "AB:CD:..." and the NUL */
#define BF_DTLS_MTU		 1200 /* bytes of a handshake datagram, and of application data in one record */
#define BF_DTLS_DATAGRAM_MAX	 (BF_DTLS_MTU + 64) /* such a record with its head, nonce and tag */

/* Certificate and settings, shared read-only by the transports of one worker. */
struct bf_dtls_ctx;

/* A fresh self-signed ECDSA P-256 certificate, valid for a year from a day ago, and the profiles to offer and
 * accept in order of preference (at most 4). One per worker. */
int bf_dtls_ctx_new(
	struct bf_dtls_ctx **out, const enum bf_srtp_profile *profiles, size_t profile_count);
void bf_dtls_ctx_free(struct bf_dtls_ctx *ctx);

/* "AB:CD:..." SHA-256 of the certificate, as a=fingerprint writes it. */
const char *bf_dtls_ctx_fingerprint(const struct bf_dtls_ctx *ctx);

enum bf_dtls_role {
	BF_DTLS_SERVER, /* a=setup:passive */
	BF_DTLS_CLIENT, /* a=setup:active */
};

enum bf_dtls_state {
	BF_DTLS_HANDSHAKING,
	BF_DTLS_CONNECTED, /* finished, and the peer's certificate fits its fingerprint */
	BF_DTLS_CLOSED,	   /* close_notify, or closed by us */
	BF_DTLS_FAILED,	   /* see bf_dtls_error */
};

struct bf_dtls;

/* `peer_hash` is "sha-256" (also sha-1, sha-384, sha-512) and `peer_fingerprint` the text of the remote description, in
 * either case. -EINVAL if they cannot be a fingerprint; -ENOMEM. */
int bf_dtls_new(struct bf_dtls **out, struct bf_dtls_ctx *ctx, enum bf_dtls_role role,
	struct bf_bytes peer_hash, struct bf_bytes peer_fingerprint);
void bf_dtls_free(struct bf_dtls *dtls);

/* Client role: send the ClientHello. Server role: nothing to do. */
void bf_dtls_start(struct bf_dtls *dtls, int64_t now_us);

/* One datagram. BF_DROP_DTLS if it was not taken. Then drain bf_dtls_poll and bf_dtls_read. */
enum bf_drop bf_dtls_on_datagram(struct bf_dtls *dtls, struct bf_bytes datagram, int64_t now_us);

/* The next datagram to send, at most `size` (>= BF_DTLS_DATAGRAM_MAX) bytes; 0 when there is none. */
size_t bf_dtls_poll(struct bf_dtls *dtls, uint8_t *out, size_t size);

/* The next record of application data (an SCTP packet); 0 when there is none. */
size_t bf_dtls_read(struct bf_dtls *dtls, uint8_t *out, size_t size);

/* Encrypt application data; then poll. -EPROTO unless connected, -EMSGSIZE above BF_DTLS_MTU, -ENOBUFS when poll has not
 * been called for too long (8 KiB or 16 datagrams wait). */
int bf_dtls_write(struct bf_dtls *dtls, struct bf_bytes data);

/* For retransmission, and for giving memory back: INT64_MAX when none. */
int64_t bf_dtls_deadline_us(const struct bf_dtls *dtls);
void bf_dtls_on_timer(struct bf_dtls *dtls, int64_t now_us);

/* Queue a close_notify; state is CLOSED. */
void bf_dtls_close(struct bf_dtls *dtls);

enum bf_dtls_state bf_dtls_state(const struct bf_dtls *dtls);
const char *bf_dtls_error(
	const struct bf_dtls *dtls); /* "peer certificate does not fit its fingerprint" */

/* Once connected: the profile chosen (BF_SRTP_NONE when the peer offered none) and both directions' keys. */
enum bf_srtp_profile bf_dtls_srtp_keys(
	struct bf_dtls *dtls, struct bf_srtp_key *outgoing, struct bf_srtp_key *incoming);

#endif
