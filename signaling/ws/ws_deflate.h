/* signaling/ws/ws_deflate.h - permessage-deflate without context takeover: each message for itself (the door of zlib).
 *
 * Nothing is kept between messages: an idle connection costs no window, and one message tells nothing about another.
 * Owner:   results are fresh blocks of the caller.   Thread: any.
 * Limits:  an inflated message never grows beyond `len_max`, whatever the compressed one claims.
 * Source:  RFC 7692.
 */
#ifndef BF_SIGNALING_WS_WS_DEFLATE_H
#define BF_SIGNALING_WS_WS_DEFLATE_H

#include "core/base/bytes.h"

/* What was agreed. */
struct bf_ws_deflate {
	bool is_on;
	uint8_t server_bits; /* 9 to 15: the window we may use */
};

/* Choose from the offers of a Sec-WebSocket-Extensions field (all its values joined by commas). */
struct bf_ws_deflate bf_ws_deflate_choose(struct bf_bytes offers);

/* The value of our Sec-WebSocket-Extensions field. */
#define BF_WS_DEFLATE_REPLY 128
const char *bf_ws_deflate_reply(
	const struct bf_ws_deflate *agreed, char out[static BF_WS_DEFLATE_REPLY]);

/* Compress one message. -ENOBUFS: it would not get smaller (send it as it is); -ENOMEM. */
int bf_ws_deflate_pack(const struct bf_ws_deflate *agreed, struct bf_bytes message, uint8_t **out,
	size_t *out_len);

/* -EBADMSG: not deflate data, or not whole; -ENOBUFS: longer than `len_max`; -ENOMEM. */
int bf_ws_deflate_unpack(struct bf_bytes packed, size_t len_max, uint8_t **out, size_t *out_len);

#endif
