/* signaling/ws/ws_handshake.h - whether an upgrade request may become a WebSocket, and what is answered.
 *
 * Owner:   values.   Thread: any.   Source: RFC 6455 section 4.2, RFC 6454 section 7 (Origin).
 */
#ifndef BF_SIGNALING_WS_WS_HANDSHAKE_H
#define BF_SIGNALING_WS_WS_HANDSHAKE_H

#include "signaling/ws/ws.h"
#include "signaling/ws/ws_deflate.h"

#define BF_WS_ACCEPT_TEXT 29 /* base64 of a SHA-1, and the NUL */

struct bf_ws_handshake {
	int status;		/* 101, or 400, 403, 426, 500 */
	const char *code, *why; /* of a refusal */
	char accept[BF_WS_ACCEPT_TEXT];
	struct bf_ws_deflate deflate;
};

struct bf_ws_handshake bf_ws_handshake_check(
	const struct bf_http_request *request, char *const *origins, unsigned origins_count);

#endif
