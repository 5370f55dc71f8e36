/* signaling/ws/ws_codec.h - the server's end of a WebSocket after the handshake, without I/O: bytes in, messages out, and back
 * (the door of wslay).
 *
 * Owner:   whoever made it.   Thread: one.
 * Limits:  messages of `message_max` bytes, before and after decompression; control frames as RFC 6455 has them.
 * Source:  RFC 6455 sections 5 and 7, RFC 7692.
 */
#ifndef BF_SIGNALING_WS_WS_CODEC_H
#define BF_SIGNALING_WS_WS_CODEC_H

#include "signaling/ws/ws_deflate.h"

/* Codes of RFC 6455 section 7.4.1 that are used here. */
enum bf_ws_code {
	BF_WS_NORMAL = 1000,
	BF_WS_GOING_AWAY = 1001,
	BF_WS_PROTOCOL_ERROR = 1002,
	BF_WS_UNSUPPORTED = 1003,
	BF_WS_NO_CODE = 1005,  /* never sent: the peer's close frame had none */
	BF_WS_ABNORMAL = 1006, /* never sent: there was no close frame */
	BF_WS_BAD_DATA = 1007,
	BF_WS_TOO_BIG = 1009,
	BF_WS_INTERNAL = 1011,
	BF_WS_TRY_LATER = 1013,
	BF_WS_SILENT = 4000,
};

enum bf_ws_event {
	BF_WS_NONE,    /* all bytes are used */
	BF_WS_MESSAGE, /* one whole text message, valid UTF-8 */
	BF_WS_CLOSED, /* both sides have closed, or the peer broke the rules: send what bf_ws_codec_out has, then end */
};

struct bf_ws_codec;

int bf_ws_codec_new(
	struct bf_ws_codec **out, size_t message_max, const struct bf_ws_deflate *deflate);
void bf_ws_codec_free(struct bf_ws_codec *codec);

/* Bytes of the stream. They are borrowed until bf_ws_codec_next has returned BF_WS_NONE or BF_WS_CLOSED. */
void bf_ws_codec_put(struct bf_ws_codec *codec, struct bf_bytes data);

/* The next thing that came in. A message is lent until the next call. *code is set with BF_WS_CLOSED: the peer's, or ours when we
 * began. */
enum bf_ws_event bf_ws_codec_next(struct bf_ws_codec *codec, struct bf_bytes *message, int *code);

/* Frames to send. -ECANCELED after a close; -ENOMEM. Text must be valid UTF-8 (our bug if not). */
int bf_ws_codec_send(struct bf_ws_codec *codec, struct bf_bytes text);
int bf_ws_codec_ping(struct bf_ws_codec *codec);

/* Send a close frame; BF_WS_CLOSED comes with the peer's. `reason` is cut to 120 bytes, between characters. */
int bf_ws_codec_close(struct bf_ws_codec *codec, int code, const char *reason);

/* Whether bf_ws_codec_close was called or the peer has closed. */
bool bf_ws_codec_is_closing(const struct bf_ws_codec *codec);

/* What waits to be sent, and that it was. */
struct bf_bytes bf_ws_codec_out(const struct bf_ws_codec *codec);
void bf_ws_codec_sent(struct bf_ws_codec *codec);

#endif
