/* signaling/ws/ws.h - WebSocket connections: handshake, messages, heartbeat, close (the door of wslay).
 *
 * Owner:   whoever accepted it, until on_close.   Thread: control.
 * Limits:  text messages of `message_max` bytes after reassembly, binary refused (1003), at most 1 MiB unsent (then closed with
 *          1013), control frames as RFC 6455 has them.
 * Heartbeat: a ping every 25 s; a peer silent for 60 s is closed with 4000.
 * Source:  RFC 6455; RFC 7692 (permessage-deflate, bounded).
 */
#ifndef BF_SIGNALING_WS_WS_H
#define BF_SIGNALING_WS_WS_H

#include "signaling/http/server.h"

#define BF_WS_PING_US	   (25 * 1000000)
#define BF_WS_TIMEOUT_US   (60 * 1000000)
#define BF_WS_CLOSE_US	   (5 * 1000000) /* for the peer's close frame after ours */

#define BF_WS_UNSENT_MAX   (1024 * 1024)
#define BF_WS_UNSENT_SLACK (64 * 1024) /* above that, for pongs and close frames */

struct bf_ws;

struct bf_ws_ops {
	/* One whole text message, valid UTF-8. Lent until the call returns. */
	void (*on_message)(void *arg, struct bf_ws *ws, struct bf_bytes text);
	/* Exactly once, last. `code` is the peer's or ours (1006: no close frame). */
	void (*on_close)(void *arg, struct bf_ws *ws, int code);
};

struct bf_ws_conf {
	size_t message_max; /* 0: 65536 */
	char *const *
		origins; /* allowed Origin values; "*": any. Clients that send none are no browsers, and are let in */
	unsigned origins_count; /* 0: the request's own host only */
	/* 0: BF_WS_PING_US, BF_WS_TIMEOUT_US, BF_WS_CLOSE_US */
	int64_t ping_us, timeout_us, close_us;
};

/* Answer the upgrade request: 101, or a problem (400, 403 Origin, 426, 500, 503). NULL when it was refused (already answered). No
 * callback comes before the next turn. */
struct bf_ws *bf_ws_accept(struct bf_http_exchange *exchange, const struct bf_http_request *request,
	struct bf_loop *loop, const struct bf_ws_conf *conf, const struct bf_ws_ops *ops,
	void *arg);

/* Queue one text message. -ENOBUFS: more than 1 MiB unsent; the connection closes. -ECANCELED: closing. */
int bf_ws_send(struct bf_ws *ws, struct bf_bytes text);

/* Start the closing handshake; on_close follows, never inside this call. `reason` at most 120 bytes. */
void bf_ws_close(struct bf_ws *ws, int code, const char *reason);

struct bf_addr bf_ws_remote(const struct bf_ws *ws);

#endif
