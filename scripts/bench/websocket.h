/* scripts/bench/websocket.h - a WebSocket client that carries text messages, without blocking.
 *
 * Owner:   an adapter's session, which embeds it.   Thread: one.
 * Limits:  messages of at most BENCH_WEBSOCKET_MAX bytes.
 * Source:  RFC 6455; frames by wslay. The server's handshake is checked for its status only: this is a test client.
 */
#ifndef BF_BENCH_WEBSOCKET_H
#define BF_BENCH_WEBSOCKET_H

#include "scripts/bench/loop.h"

#include <wslay/wslay.h>

#define BENCH_WEBSOCKET_MAX (1 << 20)

enum bench_websocket_state {
	BENCH_WEBSOCKET_IDLE,
	BENCH_WEBSOCKET_CONNECTING, /* TCP, and our request */
	BENCH_WEBSOCKET_UPGRADING,  /* request sent */
	BENCH_WEBSOCKET_OPEN,
	BENCH_WEBSOCKET_CLOSED,
};

struct bench_websocket {
	/* given */
	struct bench *bench;
	void *arg;
	void (*on_message)(void *arg, const char *text); /* NUL-terminated; may close the socket */
	void (*on_closed)(void *arg, const char *why);	 /* not after bench_websocket_close */
	/* owned */
	struct bench_source source;
	wslay_event_context_ptr frames;
	/* state */
	enum bench_websocket_state state;
	char head[1024]; /* of the server's answer, as far as it is here */
	size_t head_len;
	bool is_reading; /* inside wslay's reading: frees wait for its end */
};

/* Connect to `path`. 0 or a negative errno. */
int bench_websocket_open(struct bench_websocket *websocket, struct bench *bench, const char *path,
	void (*on_message)(void *arg, const char *text),
	void (*on_closed)(void *arg, const char *why), void *arg);

/* Queue a text message, and send what the socket takes. 0, or -EPIPE when it is not open. */
int bench_websocket_send(struct bench_websocket *websocket, const char *text);

/* Drop the connection; safe on one that is zero or over. */
void bench_websocket_close(struct bench_websocket *websocket);

#endif
