/* core/loop/tcp_priv.h - what tcp.c (streams) and tcp_listen.c (listeners) share. */
#ifndef BF_CORE_LOOP_TCP_PRIV_H
#define BF_CORE_LOOP_TCP_PRIV_H

#include "core/loop/loop_priv.h"
#include "core/loop/tcp.h"
#include "core/loop/tcp_queue.h"
#include "core/loop/tls_priv.h"

enum bf_tcp_state {
	BF_TCP_OPEN,	  /* bytes go both ways, once the TLS handshake is done */
	BF_TCP_FLUSHING,  /* closed by us: what is queued leaves, what comes in is discarded */
	BF_TCP_LINGERING, /* our FIN has left; waiting for the peer's */
	BF_TCP_GONE,	  /* the watch is closed; only on_close is left */
};

struct bf_tcp {
	struct bf_watch watch;

	/* given */
	const struct bf_tcp_ops *ops;
	void *arg;
	struct bf_tcp_listener *listener; /* lives until its last stream is gone */
	size_t queue_bytes_max;
	bf_tcp_preface *preface; /* NULL: none, or it is over */
	void *preface_arg;

	/* owned */
	struct bf_tls *tls;	/* NULL for plain TCP */
	uint8_t *preface_data;	/* BF_TCP_PREFACE_MAX bytes; NULL: none came yet, or it is over */
	struct bf_tcp_queue tx; /* for the network */
	struct bf_tcp_queue early; /* plain text written before the TLS handshake was done */
	struct bf_tcp_queue
		held; /* received before a pause took effect; with TLS its BIO holds them */

	/* state */
	enum bf_tcp_state state;
	struct bf_addr remote, local;
	size_t preface_len;
	bool is_ready; /* no TLS, or its handshake is done */
	bool is_paused;
	bool has_end;	       /* the peer's FIN or close_notify was received ... */
	bool is_end_delivered; /* ... and reported */
	bool has_fin;	       /* FIN in particular */
	bool is_end_sent;      /* close_notify, or TLS has failed */
	bool was_high; /* more than a quarter of the limit was queued since it was last empty */
	bool is_drain_due;
	int close_err;
	struct bf_loop_hook flush_hook;
	struct bf_timer later; /* what may not happen inside the caller's call happens next turn */
	struct bf_timer deadline; /* of the handshake, then of closing */
};

/* Make a stream of a connected socket, which it owns if this succeeds. It reads nothing before
 * bf_tcp_start, which the listener calls after on_accept. */
int bf_tcp_new(struct bf_tcp **out, struct bf_tcp_listener *listener, struct bf_loop *loop, int fd,
	const struct bf_tcp_listen_conf *conf);

/* Before bf_tcp_start: the stream begins with a preface. */
void bf_tcp_expect_preface(struct bf_tcp *tcp, bf_tcp_preface *preface, void *arg);
void bf_tcp_start(struct bf_tcp *tcp);

/* A stream is about to be freed. */
void bf_tcp_listener_on_gone(struct bf_tcp_listener *listener);

#endif
