#include "signaling/ws/ws_codec.h"

#include "signaling/http/http_text.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <wslay/wslay.h>

#define CONTROL_MAX 125
#define REASON_MAX  120
#define HEADER_MAX  10

/* Below this a compressed message is hardly smaller, and costs more to make than to send. */
#define PACK_LEN_MIN 200

/* A larger buffer is given back once it is empty. */
#define BUFFER_KEEP 16384

enum state {
	STATE_OPEN,
	STATE_CLOSING, /* our close frame is out; waiting for the peer's */
	STATE_CLOSED,  /* both are, or the peer broke the rules */
};

struct buffer {
	uint8_t *data;
	size_t len, capacity;
};

struct bf_ws_codec {
	/* given */
	size_t message_max;
	struct bf_ws_deflate deflate;
	/* owned */
	wslay_frame_context_ptr frames;
	struct buffer message; /* of data frames so far, packed or not */
	uint8_t *unpacked;     /* lent until the next call */
	struct buffer out;
	/* state */
	enum state state;
	int close_code; /* ours */
	struct bf_bytes in;
	uint64_t frame_at; /* bytes of the current frame's payload seen */
	bool is_mid_frame;
	bool is_mid_message, is_packed;
	bool is_message_lent;
	uint8_t control[CONTROL_MAX];
	size_t control_len;
};

/* ---- buffers ---- */

static int buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 256;
	uint8_t *data;

	while (capacity - buffer->len < more)
		capacity *= 2;
	if (capacity == buffer->capacity)
		return 0;
	data = realloc(buffer->data, capacity);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

static void buffer_append(struct buffer *buffer, const uint8_t *data, size_t len)
{
	assert(buffer->capacity - buffer->len >= len);
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

static void buffer_empty(struct buffer *buffer)
{
	buffer->len = 0;
	if (buffer->capacity <= BUFFER_KEEP)
		return;
	free(buffer->data);
	*buffer = (struct buffer){.data = NULL};
}

/* ---- wslay's view of the stream ---- */

static ssize_t on_wslay_recv(uint8_t *buf, size_t len, int flags, void *arg)
{
	struct bf_ws_codec *codec = arg;
	size_t count = codec->in.len < len ? codec->in.len : len;

	(void)flags;
	if (count == 0)
		return -1; /* nothing there yet */
	memcpy(buf, codec->in.data, count);
	codec->in = bf_bytes(codec->in.data + count, codec->in.len - count);
	return (ssize_t)count;
}

static ssize_t on_wslay_send(const uint8_t *data, size_t len, int flags, void *arg)
{
	struct bf_ws_codec *codec = arg;

	(void)flags;
	buffer_append(&codec->out, data, len); /* send_frame has made room */
	return (ssize_t)len;
}

/* Only clients mask. */
static int on_wslay_mask(uint8_t *buf, size_t len, void *arg)
{
	(void)buf;
	(void)len;
	(void)arg;
	return -1;
}

/* ---- making ---- */

int bf_ws_codec_new(
	struct bf_ws_codec **out, size_t message_max, const struct bf_ws_deflate *deflate)
{
	static const struct wslay_frame_callbacks callbacks = {
		.recv_callback = on_wslay_recv,
		.send_callback = on_wslay_send,
		.genmask_callback = on_wslay_mask,
	};
	struct bf_ws_codec *codec = calloc(1, sizeof(*codec));

	if (!codec)
		return -ENOMEM;
	codec->message_max = message_max;
	codec->deflate = *deflate;
	if (wslay_frame_context_init(&codec->frames, &callbacks, codec) != 0) {
		free(codec);
		return -ENOMEM;
	}
	*out = codec;
	return 0;
}

void bf_ws_codec_free(struct bf_ws_codec *codec)
{
	if (!codec)
		return;
	wslay_frame_context_free(codec->frames);
	free(codec->message.data);
	free(codec->unpacked);
	free(codec->out.data);
	free(codec);
}

/* ---- sending ---- */

static int send_frame(
	struct bf_ws_codec *codec, uint8_t opcode, uint8_t rsv, struct bf_bytes payload)
{
	struct wslay_frame_iocb frame = {
		.fin = 1,
		.rsv = rsv,
		.opcode = opcode,
		.payload_length = payload.len,
		.data = payload.data,
		.data_length = payload.len,
	};
	ssize_t sent;

	if (buffer_reserve(&codec->out, payload.len + HEADER_MAX) < 0)
		return -ENOMEM;
	sent = wslay_frame_send(codec->frames, &frame);
	assert(sent == (ssize_t)payload.len); /* the only thing it could run out of is room */
	return 0;
}

int bf_ws_codec_send(struct bf_ws_codec *codec, struct bf_bytes text)
{
	uint8_t *packed;
	size_t packed_len;
	int err;

	if (codec->state != STATE_OPEN)
		return -ECANCELED;
	if (!codec->deflate.is_on || text.len < PACK_LEN_MIN ||
		bf_ws_deflate_pack(&codec->deflate, text, &packed, &packed_len) < 0)
		return send_frame(codec, WSLAY_TEXT_FRAME, WSLAY_RSV_NONE, text);
	err = send_frame(codec, WSLAY_TEXT_FRAME, WSLAY_RSV1_BIT, bf_bytes(packed, packed_len));
	free(packed);
	return err;
}

int bf_ws_codec_ping(struct bf_ws_codec *codec)
{
	if (codec->state != STATE_OPEN)
		return -ECANCELED;
	return send_frame(codec, WSLAY_PING, WSLAY_RSV_NONE, bf_bytes(NULL, 0));
}

/* Cut between characters: a cut sequence would be invalid UTF-8. */
static size_t reason_len(const char *reason)
{
	size_t len = strlen(reason);

	if (len <= REASON_MAX)
		return len;
	for (len = REASON_MAX; len > 0 && ((uint8_t)reason[len] & 0xc0) == 0x80;)
		len--;
	return len;
}

static int send_close(struct bf_ws_codec *codec, int code, const char *reason)
{
	uint8_t payload[CONTROL_MAX];
	size_t len = reason_len(reason);

	if (code == BF_WS_NO_CODE)
		return send_frame(codec, WSLAY_CONNECTION_CLOSE, WSLAY_RSV_NONE, bf_bytes(NULL, 0));
	bf_put_u16(payload, (uint16_t)code);
	memcpy(payload + 2, reason, len);
	return send_frame(
		codec, WSLAY_CONNECTION_CLOSE, WSLAY_RSV_NONE, bf_bytes(payload, len + 2));
}

int bf_ws_codec_close(struct bf_ws_codec *codec, int code, const char *reason)
{
	int err;

	if (codec->state != STATE_OPEN)
		return -ECANCELED;
	err = send_close(codec, code, reason);
	if (err)
		return err;
	codec->state = STATE_CLOSING;
	codec->close_code = code;
	return 0;
}

bool bf_ws_codec_is_closing(const struct bf_ws_codec *codec)
{
	return codec->state != STATE_OPEN;
}

struct bf_bytes bf_ws_codec_out(const struct bf_ws_codec *codec)
{
	return bf_bytes(codec->out.data, codec->out.len);
}

void bf_ws_codec_sent(struct bf_ws_codec *codec)
{
	buffer_empty(&codec->out);
}

/* ---- closing ---- */

/* The end, with that code: ours if we had begun, whatever the peer made of it. */
static enum bf_ws_event end(struct bf_ws_codec *codec, int code, const char *reason, int *out_code)
{
	if (codec->state == STATE_OPEN) {
		codec->close_code = code;
		(void)send_close(
			codec, code, reason); /* without memory the peer sees the stream end */
	}
	codec->state = STATE_CLOSED;
	codec->in = bf_bytes(NULL, 0);
	*out_code = codec->close_code;
	return BF_WS_CLOSED;
}

/* RFC 6455 section 7.4: what may stand in a close frame. */
static bool is_close_code_valid(unsigned code)
{
	if (code >= 3000 && code <= 4999)
		return true;
	return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

static enum bf_ws_event on_close_frame(struct bf_ws_codec *codec, int *code)
{
	unsigned given;

	if (codec->control_len == 0)
		return end(codec, BF_WS_NO_CODE, "", code);
	if (codec->control_len == 1)
		return end(codec, BF_WS_PROTOCOL_ERROR, "half a close code", code);
	given = bf_get_u16(codec->control);
	if (!is_close_code_valid(given))
		return end(codec, BF_WS_PROTOCOL_ERROR, "invalid close code", code);
	if (!bf_http_is_utf8(bf_bytes(codec->control + 2, codec->control_len - 2)))
		return end(codec, BF_WS_BAD_DATA, "reason is not UTF-8", code);
	return end(codec, (int)given, "", code);
}

/* ---- receiving ---- */

/* A frame's header is known: whether it may come now. 0, or the code to close with and a reason. */
static int frame_check(
	const struct bf_ws_codec *codec, const struct wslay_frame_iocb *frame, const char **reason)
{
	bool is_data = frame->opcode == WSLAY_TEXT_FRAME || frame->opcode == WSLAY_BINARY_FRAME;
	uint8_t rsv_allowed = is_data && codec->deflate.is_on ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE;

	*reason = "protocol error";
	if (!frame->mask || (frame->rsv & ~rsv_allowed) != 0)
		return BF_WS_PROTOCOL_ERROR;
	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
	case WSLAY_PING:
	case WSLAY_PONG: /* wslay has checked length and fin */
		return frame->payload_length <= CONTROL_MAX && frame->fin ? 0
									  : BF_WS_PROTOCOL_ERROR;
	case WSLAY_CONTINUATION_FRAME:
		if (!codec->is_mid_message)
			return BF_WS_PROTOCOL_ERROR;
		break;
	case WSLAY_TEXT_FRAME:
	case WSLAY_BINARY_FRAME:
		if (codec->is_mid_message)
			return BF_WS_PROTOCOL_ERROR;
		*reason = "text only";
		if (frame->opcode == WSLAY_BINARY_FRAME)
			return BF_WS_UNSUPPORTED;
		break;
	default:
		return BF_WS_PROTOCOL_ERROR;
	}
	*reason = "message too long";
	return frame->payload_length > codec->message_max - codec->message.len ? BF_WS_TOO_BIG : 0;
}

static void frame_begin(struct bf_ws_codec *codec, const struct wslay_frame_iocb *frame)
{
	codec->is_mid_frame = true;
	codec->frame_at = 0;
	codec->control_len = 0;
	if (wslay_is_ctrl_frame(frame->opcode))
		return;
	if (!codec->is_mid_message)
		codec->is_packed = frame->rsv != WSLAY_RSV_NONE;
	codec->is_mid_message = true;
}

/* Take a piece of payload. What comes after our close frame is read, but not kept. */
static int frame_add(struct bf_ws_codec *codec, const struct wslay_frame_iocb *frame)
{
	codec->frame_at += frame->data_length;
	if (wslay_is_ctrl_frame(frame->opcode)) {
		memcpy(codec->control + codec->control_len, frame->data, frame->data_length);
		codec->control_len += frame->data_length;
		return 0;
	}
	if (codec->state != STATE_OPEN)
		return 0;
	if (buffer_reserve(&codec->message, frame->data_length) < 0)
		return -ENOMEM;
	buffer_append(&codec->message, frame->data, frame->data_length);
	return 0;
}

static enum bf_ws_event on_message_end(
	struct bf_ws_codec *codec, struct bf_bytes *message, int *code)
{
	struct bf_bytes text = bf_bytes(codec->message.data, codec->message.len);

	codec->is_mid_message = false;
	if (codec->state != STATE_OPEN) {
		buffer_empty(&codec->message);
		return BF_WS_NONE;
	}
	if (codec->is_packed) {
		size_t len;
		int err = bf_ws_deflate_unpack(text, codec->message_max, &codec->unpacked, &len);

		if (err == -ENOBUFS)
			return end(codec, BF_WS_TOO_BIG, "message too long", code);
		if (err)
			return end(codec, err == -ENOMEM ? BF_WS_INTERNAL : BF_WS_BAD_DATA,
				"cannot decompress", code);
		text = bf_bytes(codec->unpacked, len);
	}
	if (!bf_http_is_utf8(text))
		return end(codec, BF_WS_BAD_DATA, "text is not UTF-8", code);
	codec->is_message_lent = true;
	*message = text;
	return BF_WS_MESSAGE;
}

static enum bf_ws_event on_frame_end(struct bf_ws_codec *codec,
	const struct wslay_frame_iocb *frame, struct bf_bytes *message, int *code)
{
	codec->is_mid_frame = false;
	switch (frame->opcode) {
	case WSLAY_CONNECTION_CLOSE:
		return on_close_frame(codec, code);
	case WSLAY_PING:
		if (codec->state == STATE_OPEN &&
			send_frame(codec, WSLAY_PONG, WSLAY_RSV_NONE,
				bf_bytes(codec->control, codec->control_len)) < 0)
			return end(codec, BF_WS_INTERNAL, "no memory", code);
		return BF_WS_NONE;
	case WSLAY_PONG:
		return BF_WS_NONE;
	default:
		return frame->fin ? on_message_end(codec, message, code) : BF_WS_NONE;
	}
}

static void take_back(struct bf_ws_codec *codec)
{
	free(codec->unpacked);
	codec->unpacked = NULL;
	if (codec->is_message_lent)
		buffer_empty(&codec->message);
	codec->is_message_lent = false;
}

void bf_ws_codec_put(struct bf_ws_codec *codec, struct bf_bytes data)
{
	assert(codec->in.len == 0);
	if (codec->state != STATE_CLOSED)
		codec->in = data;
}

enum bf_ws_event bf_ws_codec_next(struct bf_ws_codec *codec, struct bf_bytes *message, int *code)
{
	enum bf_ws_event event = BF_WS_NONE;

	take_back(codec);
	while (event == BF_WS_NONE && codec->state != STATE_CLOSED) {
		struct wslay_frame_iocb frame;
		const char *reason;
		ssize_t got;
		int refusal;

		memset(&frame, 0, sizeof(frame));
		got = wslay_frame_recv(codec->frames, &frame);
		if (got == WSLAY_ERR_WANT_READ)
			return BF_WS_NONE;
		if (got < 0)
			return end(codec, BF_WS_PROTOCOL_ERROR, "malformed frame", code);
		if (!codec->is_mid_frame) {
			refusal = frame_check(codec, &frame, &reason);
			if (refusal)
				return end(codec, refusal, reason, code);
			frame_begin(codec, &frame);
		}
		if (frame_add(codec, &frame) < 0)
			return end(codec, BF_WS_INTERNAL, "no memory", code);
		if (codec->frame_at == frame.payload_length)
			event = on_frame_end(codec, &frame, message, code);
	}
	return event;
}
