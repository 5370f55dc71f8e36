/* scripts/bench/peer.h - one peer connection of a WHIP or WHEP client: HTTP, ICE, DTLS, SRTP, its own UDP socket.
 *
 *   POSTING -> CHECKING -> SHAKING -> LIVE -> LEAVING -> GONE          any of them -> FAILED
 *
 * Owner:   a publisher or subscriber, which embeds it.   Thread: one.
 */
#ifndef BF_BENCH_PEER_H
#define BF_BENCH_PEER_H

#include "scripts/bench/check.h"
#include "scripts/bench/http.h"
#include "scripts/bench/offer.h"

#define BENCH_DATAGRAM_MAX 1500
#define BENCH_CAUSE_MAX	   240

enum bench_peer_state {
	BENCH_PEER_IDLE,
	BENCH_PEER_POSTING,  /* offer sent */
	BENCH_PEER_CHECKING, /* connectivity checks, no answer yet */
	BENCH_PEER_SHAKING,  /* DTLS */
	BENCH_PEER_LIVE,
	BENCH_PEER_LEAVING, /* DELETE sent */
	BENCH_PEER_GONE,
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
	struct bench_http http;
	struct bf_dtls *dtls;
	struct bf_srtp *srtp_in, *srtp_out;
	char *session; /* path of the WHIP or WHEP resource */
	/* state */
	enum bench_peer_state state;
	char cause[BENCH_CAUSE_MAX];
	struct bench_local local;
	struct bench_remote remote;
	uint8_t tid[BENCH_TID_BYTES]; /* of the check without an answer yet */
	bool is_checking;	      /* there is such a one */
	uint64_t tie_breaker;
	int64_t check_sent_us, check_due_us, last_answer_us;
	int64_t rtt_us; /* of the newest check */
	int64_t started_us, live_us;
	bool was_deleted; /* the server said 200 to DELETE */
	uint32_t kernel_drops;
};

/* Post the offer to `path`. `local` needs is_sender, has_audio and SSRCs; the rest is made here. */
void bench_peer_start(struct bench_peer *peer, struct bench *bench, const char *path,
	const struct bench_local *local, const struct bench_peer_ops *ops, void *arg);

/* Checks, consent, retransmissions: call every BENCH_TICK_NS. */
void bench_peer_tick(struct bench_peer *peer, int64_t now_us);

/* DELETE the session; the state becomes GONE when it is answered. One that has none is GONE at once. */
void bench_peer_leave(struct bench_peer *peer);
void bench_peer_free(struct bench_peer *peer);

/* Encrypt and send: `header` is complete RTP. 0, or -EIO when the kernel or the keys did not take it. */
int bench_peer_send_rtp(struct bench_peer *peer, struct bf_bytes header, struct bf_bytes payload);
/* Encrypt in place, in data[size] with BF_SRTP_OVERHEAD_MAX bytes to spare, and send. */
int bench_peer_send_rtcp(struct bench_peer *peer, uint8_t *data, size_t len, size_t size);

/* ---- between peer.c and peer_udp.c ---- */

void bench_peer_fail(struct bench_peer *peer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int bench_peer_open_udp(struct bench_peer *peer);
int bench_peer_send(struct bench_peer *peer, const void *data, size_t len);
void bench_peer_on_stun(struct bench_peer *peer, struct bf_bytes packet);
void bench_peer_on_dtls(struct bench_peer *peer, struct bf_bytes packet);

#endif
