/* scripts/bench/peer.h - one peer connection of a client: ICE, DTLS, SRTP, its own UDP socket. Descriptions come and go by other ways.
 *
 *   SIGNALING -> CHECKING -> SHAKING -> LIVE -> CLOSED          any of them -> FAILED
 *
 * Owner:   a publisher or subscriber, which embeds it.   Thread: one.
 * Source:  RFC 8445 (ICE; a full agent with one candidate), RFC 7675 (consent), RFC 5764 (DTLS-SRTP).
 */
#ifndef BF_BENCH_PEER_H
#define BF_BENCH_PEER_H

#include "scripts/bench/check.h"
#include "scripts/bench/description.h"
#include "scripts/bench/loop.h"

#define BENCH_DATAGRAM_MAX 1500
#define BENCH_CAUSE_MAX	   240

enum bench_peer_state {
	BENCH_PEER_IDLE,
	BENCH_PEER_SIGNALING, /* has a socket, waits for the other side's description */
	BENCH_PEER_CHECKING,  /* connectivity checks, no answer yet */
	BENCH_PEER_SHAKING,   /* DTLS */
	BENCH_PEER_LIVE,
	BENCH_PEER_CLOSED,
	BENCH_PEER_FAILED, /* see cause */
};

struct bench_peer;

struct bench_peer_ops {
	/* Keys are there. */
	void (*on_live)(void *arg);
	/* An RTP packet, still encrypted, in memory that may be overwritten; it came at `at_ns`. */
	void (*on_rtp)(void *arg, uint8_t *data, size_t len, int64_t at_ns);
	/* A decrypted RTCP compound. */
	void (*on_rtcp)(void *arg, struct bf_bytes packet);
};

struct bench_peer {
	/* given */
	struct bench *bench;
	const struct bench_peer_ops *ops;
	void *arg;
	/* owned */
	struct bench_source source;
	struct bf_dtls *dtls;
	struct bf_srtp *srtp_in, *srtp_out;
	struct bench_remote *remote; /* NULL until it is known */
	/* state */
	enum bench_peer_state state;
	char cause[BENCH_CAUSE_MAX];
	struct bench_local local;
	uint8_t tid[BENCH_TID_BYTES];		      /* of the check without an answer yet */
	bool is_checking;			      /* there is such a one */
	bool is_controlled, is_nominated, is_checked; /* ICE: roles, and what has happened */
	uint64_t tie_breaker;
	int64_t check_sent_us, check_due_us, last_answer_us;
	int64_t rtt_us; /* of the newest check */
	int64_t started_us, live_us;
	uint32_t kernel_drops;
};

/* Open the socket and make credentials: peer->local is complete. 0 or a negative errno (the peer has then failed). */
int bench_peer_open(
	struct bench_peer *peer, struct bench *bench, const struct bench_peer_ops *ops, void *arg);

/* Take the other side's description, an offer or the answer to ours. The first one begins the connection; later ones tell of
 * more or fewer sections. 0, or -EINVAL: the peer has failed. */
int bench_peer_take(struct bench_peer *peer, const char *text, bool is_offer);

/* Checks, consent, retransmissions. Returns when it wants to be called again, at the latest. */
int64_t bench_peer_tick(struct bench_peer *peer, int64_t now_us);

/* The socket and the keys go, what was counted stays. Safe on one that is zero. */
void bench_peer_close(struct bench_peer *peer);
void bench_peer_free(struct bench_peer *peer);

/* Over a bad network: what was held back goes on, as far as it is due. Returns when more is. */
int64_t bench_peer_run_held(struct bench *bench, int64_t now_ns);

void bench_peer_fail(struct bench_peer *peer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Encrypt and send: `header` is complete RTP. 0, or -EIO when the kernel or the keys did not take it. */
int bench_peer_send_rtp(struct bench_peer *peer, struct bf_bytes header, struct bf_bytes payload);
/* Encrypt in place, in data[size] with BF_SRTP_OVERHEAD_MAX bytes to spare, and send. */
int bench_peer_send_rtcp(struct bench_peer *peer, uint8_t *data, size_t len, size_t size);
/* Decrypt in place. */
bool bench_peer_unprotect_rtp(struct bench_peer *peer, uint8_t *data, size_t *len);

/* ---- between peer.c and peer_udp.c ---- */

int bench_peer_open_udp(struct bench_peer *peer);
int bench_peer_connect_udp(struct bench_peer *peer);
int bench_peer_send(struct bench_peer *peer, const void *data, size_t len);
void bench_peer_on_stun(struct bench_peer *peer, struct bf_bytes packet);
void bench_peer_on_dtls(struct bench_peer *peer, struct bf_bytes packet);
void bench_peer_on_rtcp(struct bench_peer *peer, uint8_t *data, size_t len);

#endif
