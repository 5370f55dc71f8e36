/* core/loop/tcp.h - listening sockets and byte streams; with TLS inside when the listener has it.
 *
 * Owner:   a stream belongs to whoever on_accept gave it to, until on_close has been called.
 * Thread:  its loop's.
 * Limits:  `queue_bytes_max` unsent bytes a stream: more is refused with -ENOBUFS. `stream_count_max`
 *          accepted streams at once: at that point the listener stops accepting until one closes.
 * Closing: bf_tcp_close sends what is queued, then closes (at most BF_TCP_LINGER_US); bf_tcp_abort drops
 *          it. Either way, and also when the peer closes, on_close is called exactly once, later, from the
 *          loop, and the stream is gone after it returns.
 */
#ifndef BF_CORE_LOOP_TCP_H
#define BF_CORE_LOOP_TCP_H

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "core/loop/loop.h"

#define BF_TCP_LINGER_US    (5 * 1000000)
#define BF_TCP_HANDSHAKE_US (10 * 1000000) /* for preface and TLS handshake, then -ETIMEDOUT */
#define BF_TCP_PREFACE_MAX  2048	   /* bytes; more are -EPROTO */

struct bf_tcp;
struct bf_tcp_listener;
struct bf_tls_server; /* core/loop/tls.h */

struct bf_tcp_ops {
	/* Bytes came in (after TLS). The view is lent until the call returns. The stream may be closed or
	 * aborted inside; no more on_data follows then. */
	void (*on_data)(void *arg, struct bf_tcp *tcp, struct bf_bytes data);
	/* The peer finished sending (FIN or close_notify); writing still works. NULL: the stream is closed
	 * as by bf_tcp_close. */
	void (*on_end)(void *arg, struct bf_tcp *tcp);
	/* The send queue, which had held more than a quarter of its limit, is empty again. May be NULL. */
	void (*on_drain)(void *arg, struct bf_tcp *tcp);
	/* Exactly once, last. `err` is 0, or why: -ECONNRESET, -EPROTO (TLS), -ETIMEDOUT (linger) ... */
	void (*on_close)(void *arg, struct bf_tcp *tcp, int err);
};

/* What may come ahead of the stream, TLS included: asked with all bytes so far, whenever there are more. Returns how many of them it was;
 * 0: it is not complete; negative: the stream is aborted with that as the reason. May call bf_tcp_set_remote and nothing else. */
typedef int bf_tcp_preface(void *arg, struct bf_tcp *tcp, struct bf_bytes data);

struct bf_tcp_listen_conf {
	size_t stream_count_max;   /* 0: 65536 */
	size_t queue_bytes_max;	   /* of each stream; 0: 1 MiB */
	struct bf_tls_server *tls; /* borrowed; NULL for plain TCP */
	bf_tcp_preface *preface;   /* with on_accept's arg; NULL: there is none */
};

/* Listen on `addr`. Errors of bind(2) and listen(2) as negative errno. */
int bf_tcp_listen(struct bf_tcp_listener **out, struct bf_loop *loop, const struct bf_addr *addr,
	const struct bf_tcp_listen_conf *conf, void (*on_accept)(void *arg, struct bf_tcp *tcp),
	void *arg);

/* No further on_accept. Streams live on. */
void bf_tcp_listener_close(struct bf_tcp_listener *listener);
struct bf_addr bf_tcp_listener_local(const struct bf_tcp_listener *listener);

/* Must be called inside on_accept, and may be called again to hand the stream to another owner. */
void bf_tcp_set_ops(struct bf_tcp *tcp, const struct bf_tcp_ops *ops, void *arg);

/* Queue a copy of `data`; leaves at the turn's end. -ENOBUFS: over the limit, nothing was queued;
 * -ECANCELED: closing. */
int bf_tcp_write(struct bf_tcp *tcp, struct bf_bytes data);
size_t bf_tcp_queued_bytes(const struct bf_tcp *tcp);

/* Stop and start on_data: backpressure towards the peer. */
void bf_tcp_pause(struct bf_tcp *tcp);
void bf_tcp_resume(struct bf_tcp *tcp);

void bf_tcp_close(struct bf_tcp *tcp);
void bf_tcp_abort(struct bf_tcp *tcp);

struct bf_addr bf_tcp_remote(const struct bf_tcp *tcp);

/* Whom the stream is with, when the peer speaks for somebody else. */
void bf_tcp_set_remote(struct bf_tcp *tcp, const struct bf_addr *remote);
struct bf_addr bf_tcp_local(const struct bf_tcp *tcp);
bool bf_tcp_is_tls(const struct bf_tcp *tcp);

#endif
