/* The sans-I/O half of a WebSocket: offers of extensions, frames in pieces, and packed messages.
 *
 * Input: one byte of options (1: compression agreed, 2: close after the first message, 4: read as an offer of extensions instead),
 * one byte that seeds the cuts, then the client's bytes.
 */
#include "core/base/rand.h"
#include "signaling/http/http_text.h"
#include "signaling/ws/ws_codec.h"

#include <stdlib.h>

#define MESSAGE_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the server sends must itself be frames: unmasked, no longer than allowed. */
static void check_out(struct bf_ws_codec *codec)
{
	struct bf_bytes out = bf_ws_codec_out(codec);
	size_t at = 0;

	while (at < out.len) {
		size_t len;

		if (out.len - at < 2 || (out.data[at + 1] & 0x80))
			abort();
		len = out.data[at + 1];
		at += 2;
		if (len == 126) {
			len = bf_get_u16(out.data + at);
			at += 2;
		}
		if (len > out.len - at)
			abort();
		at += len;
	}
	bf_ws_codec_sent(codec);
}

struct seen {
	unsigned message_count;
	size_t byte_count;
	int code;
};

static struct seen run(uint8_t options, struct bf_bytes stream, struct bf_prng *cuts)
{
	const struct bf_ws_deflate deflate = {.is_on = options & 1, .server_bits = 15};
	struct seen seen = {.code = 0};
	struct bf_ws_codec *codec;
	size_t at = 0;

	if (bf_ws_codec_new(&codec, MESSAGE_MAX, &deflate) < 0)
		abort();
	while (at < stream.len && seen.code == 0) {
		size_t left = stream.len - at,
		       len = cuts ? 1 + bf_prng_below(cuts, left < 32 ? (uint32_t)left : 32) : left;
		enum bf_ws_event event = BF_WS_MESSAGE;

		bf_ws_codec_put(codec, bf_bytes(stream.data + at, len));
		at += len;
		while (event == BF_WS_MESSAGE) {
			struct bf_bytes message;

			event = bf_ws_codec_next(codec, &message, &seen.code);
			if (event != BF_WS_MESSAGE)
				continue;
			if (message.len > MESSAGE_MAX || !bf_http_is_utf8(message))
				abort();
			seen.message_count++;
			seen.byte_count += message.len;
			if (!(options & 2)) { /* echo, as an application would */
				if (bf_ws_codec_send(codec, message) != 0)
					abort();
			} else if (bf_ws_codec_close(codec, 1000, "enough") != 0) {
				abort();
			}
		}
		check_out(codec);
	}
	bf_ws_codec_free(codec);
	return seen;
}

static void try_offers(struct bf_bytes offers)
{
	struct bf_ws_deflate chosen = bf_ws_deflate_choose(offers);
	char reply[BF_WS_DEFLATE_REPLY];

	if (!chosen.is_on)
		return;
	if (chosen.server_bits < 9 || chosen.server_bits > 15)
		abort();
	(void)bf_ws_deflate_reply(&chosen, reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, cut;
	struct bf_prng cuts;

	if (size < 2)
		return 0;
	if (data[0] & 4) {
		try_offers(bf_bytes(data + 2, size - 2));
		return 0;
	}
	bf_prng_init(&cuts, data[1]);
	whole = run(data[0], bf_bytes(data + 2, size - 2), NULL);
	cut = run(data[0], bf_bytes(data + 2, size - 2), &cuts);
	if (whole.message_count != cut.message_count || whole.byte_count != cut.byte_count ||
		whole.code != cut.code)
		abort();
	return 0;
}
