#include "signaling/ws/ws_codec.h"
#include "signaling/ws/ws_pulse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#define MESSAGE_MAX 1000
#define FIN	    0x80
#define RSV1	    0x40

static const struct bf_ws_deflate plain = {.is_on = false};
static const struct bf_ws_deflate packed = {.is_on = true, .server_bits = 15};

/* ---- a client's frames ---- */

struct stream {
	uint8_t data[8192];
	size_t len;
};

static void add_frame_with(
	struct stream *stream, uint8_t first, uint8_t mask_bit, const void *payload, size_t len)
{
	static const uint8_t key[4] = {0x11, 0x22, 0x33, 0x44};
	struct bf_wr wr = bf_wr(stream->data + stream->len, sizeof(stream->data) - stream->len);

	bf_wr_u8(&wr, first);
	if (len < 126) {
		bf_wr_u8(&wr, (uint8_t)(mask_bit | len));
	} else {
		bf_wr_u8(&wr, mask_bit | 126);
		bf_wr_u16(&wr, (uint16_t)len);
	}
	if (mask_bit)
		bf_wr_bytes(&wr, bf_bytes(key, 4));
	for (size_t i = 0; i < len; i++)
		bf_wr_u8(&wr,
			(uint8_t)(((const uint8_t *)payload)[i] ^ (mask_bit ? key[i % 4] : 0)));
	assert_false(wr.is_full);
	stream->len += bf_wr_len(&wr);
}

static void add_frame(struct stream *stream, uint8_t first, const void *payload, size_t len)
{
	add_frame_with(stream, first, 0x80, payload, len);
}

static void add_text(struct stream *stream, uint8_t first, const char *text)
{
	add_frame(stream, first, text, strlen(text));
}

/* ---- what came of them ---- */

struct outcome {
	struct bf_ws_codec *codec;
	char messages[4096]; /* each followed by '|' */
	unsigned message_count;
	bool is_closed;
	int code;
	struct stream out;
};

static void feed(struct outcome *o, struct bf_bytes data)
{
	bf_ws_codec_put(o->codec, data);
	for (;;) {
		struct bf_bytes message, out;
		int code;
		enum bf_ws_event event = bf_ws_codec_next(o->codec, &message, &code);

		out = bf_ws_codec_out(o->codec);
		memcpy(o->out.data + o->out.len, out.data ? out.data : (const uint8_t *)"",
			out.len);
		o->out.len += out.len;
		bf_ws_codec_sent(o->codec);
		if (event == BF_WS_NONE)
			return;
		if (event == BF_WS_CLOSED) {
			assert_false(o->is_closed);
			o->is_closed = true;
			o->code = code;
			return;
		}
		assert_false(o->is_closed);
		o->message_count++;
		if (strlen(o->messages) + message.len + 2 < sizeof(o->messages)) {
			strncat(o->messages, (const char *)message.data, message.len);
			strcat(o->messages, "|");
		}
	}
}

static void begin(struct outcome *o, const struct bf_ws_deflate *deflate)
{
	memset(o, 0, sizeof(*o));
	assert_int_equal(bf_ws_codec_new(&o->codec, MESSAGE_MAX, deflate), 0);
}

static void run(struct outcome *o, const struct stream *stream, size_t piece,
	const struct bf_ws_deflate *deflate)
{
	begin(o, deflate);
	for (size_t at = 0; at < stream->len; at += piece)
		feed(o, bf_bytes(stream->data + at,
				stream->len - at < piece ? stream->len - at : piece));
}

/* The frames must be answered by a close frame with that code, in one piece and byte by byte. */
static void expect_close(const struct stream *stream, const struct bf_ws_deflate *deflate, int code,
	const char *what)
{
	for (unsigned is_whole = 0; is_whole < 2; is_whole++) {
		struct outcome o;

		run(&o, stream, is_whole ? stream->len : 1, deflate);
		if (!o.is_closed || o.code != code)
			fail_msg("%s: closed %d, code %d, not %d", what, o.is_closed, o.code, code);
		assert_true(o.out.len >= 4);
		assert_int_equal(o.out.data[0], FIN | 8);
		assert_int_equal(
			o.out.data[1], o.out.len - 2); /* not masked, and nothing follows */
		assert_int_equal(bf_get_u16(o.out.data + 2), code);
		assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes_str("late")), -ECANCELED);
		bf_ws_codec_free(o.codec);
	}
}

/* ---- messages ---- */

static void messages_arrive_in_pieces_of_any_size(void **state)
{
	struct stream stream = {.len = 0};

	(void)state;
	add_text(&stream, FIN | 1, "one");
	add_text(&stream, FIN | 1, "");
	add_text(&stream, 1, "t");
	add_text(&stream, 0, "w");
	add_text(&stream, FIN | 9, "ping"); /* between fragments */
	add_text(&stream, 0, "");
	add_text(&stream, FIN | 10, "unasked pong");
	add_text(&stream, FIN | 0, "o");
	add_text(&stream, FIN | 1, "\xf0\x9f\x98\x80");
	for (size_t piece = 1; piece <= stream.len; piece++) {
		struct outcome o;

		run(&o, &stream, piece, &plain);
		assert_string_equal(o.messages, "one||two|\xf0\x9f\x98\x80|");
		assert_int_equal(o.message_count, 4);
		assert_false(o.is_closed);
		assert_int_equal(o.out.len, 6);
		assert_memory_equal(o.out.data, "\x8a\x04ping", 6);
		bf_ws_codec_free(o.codec);
	}
}

static void character_may_be_cut_between_fragments(void **state)
{
	struct stream stream = {.len = 0};
	struct outcome o;

	(void)state;
	add_text(&stream, 1, "\xf0\x9f");
	add_text(&stream, FIN | 0, "\x98\x80");
	run(&o, &stream, stream.len, &plain);
	assert_string_equal(o.messages, "\xf0\x9f\x98\x80|");
	bf_ws_codec_free(o.codec);
}

static void message_may_be_exactly_full(void **state)
{
	char text[MESSAGE_MAX + 1];
	struct outcome o;

	(void)state;
	memset(text, 'm', sizeof(text));
	for (unsigned over = 0; over < 2; over++) {
		struct stream whole = {.len = 0}, parts = {.len = 0};

		add_frame(&whole, FIN | 1, text, MESSAGE_MAX + over);
		add_frame(&parts, 1, text, 400);
		add_frame(&parts, 0, text, 400);
		add_frame(&parts, FIN | 0, text, 200 + over);
		if (over) {
			expect_close(&whole, &plain, 1009, "over the limit");
			expect_close(&parts, &plain, 1009, "over the limit in parts");
			continue;
		}
		run(&o, &whole, whole.len, &plain);
		assert_int_equal(o.message_count, 1);
		bf_ws_codec_free(o.codec);
		run(&o, &parts, 7, &plain);
		assert_int_equal(o.message_count, 1);
		bf_ws_codec_free(o.codec);
	}
}

static void sent_messages_are_unmasked_frames(void **state)
{
	struct outcome o;
	static char text[70000];
	struct bf_bytes out;

	(void)state;
	begin(&o, &plain);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes_str("hi")), 0);
	assert_int_equal(bf_ws_codec_ping(o.codec), 0);
	out = bf_ws_codec_out(o.codec);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "\x81\x02hi\x89\x00", 6);
	bf_ws_codec_sent(o.codec);
	memset(text, 't', sizeof(text));
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes(text, 300)), 0);
	out = bf_ws_codec_out(o.codec);
	assert_int_equal(out.len, 304);
	assert_memory_equal(out.data, "\x81\x7e\x01\x2c", 4);
	bf_ws_codec_sent(o.codec);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes(text, sizeof(text))), 0);
	out = bf_ws_codec_out(o.codec);
	assert_int_equal(out.len, sizeof(text) + 10);
	assert_memory_equal(out.data, "\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x70", 10);
	bf_ws_codec_free(o.codec);
}

/* ---- violations ---- */

static void broken_rules_close_with_their_code(void **state)
{
	static const struct {
		const char *what;
		uint8_t first, mask_bit;
		size_t len;
		const char *payload;
		int code;
	} cases[] = {
		{"unmasked", FIN | 1, 0, 2, "hi", 1002},
		{"unmasked ping", FIN | 9, 0, 0, "", 1002},
		{"RSV1 without extension", FIN | RSV1 | 1, 0x80, 2, "hi", 1002},
		{"RSV2", FIN | 0x20 | 1, 0x80, 2, "hi", 1002},
		{"RSV3", FIN | 0x10 | 1, 0x80, 2, "hi", 1002},
		{"binary", FIN | 2, 0x80, 2, "hi", 1003},
		{"fragment of binary", 2, 0x80, 2, "hi", 1003},
		{"reserved data opcode 3", FIN | 3, 0x80, 2, "hi", 1002},
		{"reserved data opcode 7", FIN | 7, 0x80, 2, "hi", 1002},
		{"reserved control opcode 11", FIN | 11, 0x80, 2, "hi", 1002},
		{"reserved control opcode 15", FIN | 15, 0x80, 2, "hi", 1002},
		{"continuation of nothing", FIN | 0, 0x80, 2, "hi", 1002},
		{"fragmented ping", 9, 0x80, 2, "hi", 1002},
		{"fragmented close", 8, 0x80, 2, "\x03\xe8", 1002},
		{"invalid UTF-8", FIN | 1, 0x80, 2, "\xc3\x28", 1007},
		{"cut UTF-8", FIN | 1, 0x80, 2, "\xe2\x82", 1007},
		{"surrogate", FIN | 1, 0x80, 3, "\xed\xa0\x80", 1007},
		{"close with half a code", FIN | 8, 0x80, 1, "\x03", 1002},
		{"close 999", FIN | 8, 0x80, 2, "\x03\xe7", 1002},
		{"close 1004", FIN | 8, 0x80, 2, "\x03\xec", 1002},
		{"close 1005", FIN | 8, 0x80, 2, "\x03\xed", 1002},
		{"close 1006", FIN | 8, 0x80, 2, "\x03\xee", 1002},
		{"close 1015", FIN | 8, 0x80, 2, "\x03\xf7", 1002},
		{"close 2999", FIN | 8, 0x80, 2, "\x0b\xb7", 1002},
		{"close 5000", FIN | 8, 0x80, 2, "\x13\x88", 1002},
		{"close with bad reason", FIN | 8, 0x80, 3, "\x03\xe8\xff", 1007},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream stream = {.len = 0};

		add_frame_with(
			&stream, cases[i].first, cases[i].mask_bit, cases[i].payload, cases[i].len);
		expect_close(&stream, &plain, cases[i].code, cases[i].what);
	}
}

static void malformed_sequences_close_with_1002(void **state)
{
	struct stream stream = {.len = 0};
	char text[126] = "";

	(void)state;
	add_text(&stream, 1, "a");
	add_text(&stream, FIN | 1, "b");
	expect_close(&stream, &plain, 1002, "text inside a message");
	stream.len = 0;
	memset(text, 'p', sizeof(text));
	add_frame(&stream, FIN | 9, text, 126);
	expect_close(&stream, &plain, 1002, "ping of 126 bytes");
	/* lengths that a shorter form could carry, and one with the highest bit set */
	memcpy(stream.data, "\x81\xfe\x00\x05\x11\x22\x33\x44hello", 13);
	stream.len = 13;
	expect_close(&stream, &plain, 1002, "5 in two bytes");
	memcpy(stream.data, "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05\x11\x22\x33\x44hello", 19);
	stream.len = 19;
	expect_close(&stream, &plain, 1002, "5 in eight bytes");
	memcpy(stream.data, "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x05\x11\x22\x33\x44hello", 19);
	expect_close(&stream, &plain, 1002, "highest bit");
	memcpy(stream.data, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x11\x22\x33\x44hello", 19);
	expect_close(&stream, &plain, 1009, "2^63-1 bytes");
}

/* ---- closing ---- */

static void close_of_the_peer_is_answered(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
		int code;
	} cases[] = {{"\x03\xe8", 2, 1000},
		{"\x03\xe9"
		 "bye",
			5, 1001},
		{"\x0f\xa0", 2, 4000}, {"\x03\xf6", 2, 1014}, {"", 0, 1005}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stream stream = {.len = 0};
		struct outcome o;

		add_text(&stream, 1, "half"); /* a message may be left unfinished */
		add_frame(&stream, FIN | 8, cases[i].payload, cases[i].len);
		add_text(&stream, FIN | 1, "after");
		run(&o, &stream, stream.len, &plain);
		assert_true(o.is_closed);
		assert_int_equal(o.code, cases[i].code);
		assert_int_equal(o.message_count, 0);
		assert_int_equal(o.out.len, cases[i].len ? 4 : 2);
		bf_ws_codec_free(o.codec);
	}
}

static void our_close_waits_for_the_peers(void **state)
{
	struct stream stream = {.len = 0};
	struct outcome o;

	(void)state;
	begin(&o, &plain);
	assert_int_equal(bf_ws_codec_close(o.codec, 1001, "going"), 0);
	assert_int_equal(bf_ws_codec_close(o.codec, 1001, "again"), -ECANCELED);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes_str("x")), -ECANCELED);
	assert_int_equal(bf_ws_codec_ping(o.codec), -ECANCELED);
	assert_true(bf_ws_codec_is_closing(o.codec));
	add_text(&stream, FIN | 1, "was on its way");
	add_text(&stream, FIN | 9, "so was this");
	feed(&o, bf_bytes(stream.data, stream.len));
	assert_int_equal(o.out.len, 9); /* our close frame and nothing else */
	assert_memory_equal(o.out.data, "\x88\x07\x03\xe9going", 9);
	assert_int_equal(o.message_count, 0);
	assert_false(o.is_closed);
	stream.len = 0;
	add_frame(&stream, FIN | 8, "\x03\xe8", 2);
	feed(&o, bf_bytes(stream.data, stream.len));
	assert_true(o.is_closed);
	assert_int_equal(o.code, 1001);
	assert_int_equal(o.out.len, 9);
	bf_ws_codec_free(o.codec);
}

static void long_reason_is_cut_between_characters(void **state)
{
	char reason[200] = "";
	struct outcome o;
	struct bf_bytes out;

	(void)state;
	memset(reason, 'r', 119);
	strcat(reason, "\xc3\xa4\xc3\xa4");
	begin(&o, &plain);
	assert_int_equal(bf_ws_codec_close(o.codec, 1000, reason), 0);
	out = bf_ws_codec_out(o.codec);
	assert_int_equal(out.len, 2 + 2 + 119);
	bf_ws_codec_free(o.codec);
}

/* ---- permessage-deflate ---- */

/* A frame whose payload is compressed as a client does it. */
static void add_packed(struct stream *stream, uint8_t first, const void *text, size_t len)
{
	uint8_t out[4096];
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)text,
		.avail_in = (uInt)len,
		.next_out = out,
		.avail_out = sizeof(out)};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(deflateEnd(&z), Z_DATA_ERROR); /* it was not finished, and need not be */
	add_frame(stream, first, out, sizeof(out) - z.avail_out - 4);
}

static void packed_messages_are_unpacked(void **state)
{
	struct stream stream = {.len = 0};

	(void)state;
	add_packed(&stream, FIN | RSV1 | 1, "Hello", 5);
	add_text(&stream, FIN | 1, "plain");
	add_frame(&stream, RSV1 | 1, "\xf2\x48\xcd",
		3); /* RFC 7692 section 7.2.3.1, in two fragments */
	add_text(&stream, FIN | 9, "");
	add_frame(&stream, FIN | 0, "\xc9\xc9\x07\x00", 4);
	add_frame(&stream, FIN | RSV1 | 1, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
		11); /* not compressed */
	add_frame(
		&stream, FIN | RSV1 | 1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8); /* a final block */
	add_frame(&stream, FIN | RSV1 | 1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
		13);				       /* two blocks */
	add_frame(&stream, FIN | RSV1 | 1, "\x00", 1); /* empty */
	for (size_t piece = 1; piece <= stream.len; piece += 3) {
		struct outcome o;

		run(&o, &stream, piece, &packed);
		assert_string_equal(o.messages, "Hello|plain|Hello|Hello|Hello|Hello||");
		assert_false(o.is_closed);
		bf_ws_codec_free(o.codec);
	}
}

static void packed_messages_are_bounded(void **state)
{
	static char text[200000];
	struct stream stream = {.len = 0};
	struct outcome o;

	(void)state;
	memset(text, 'z', sizeof(text));
	add_packed(&stream, FIN | RSV1 | 1, text, MESSAGE_MAX);
	run(&o, &stream, stream.len, &packed);
	assert_int_equal(o.message_count, 1);
	bf_ws_codec_free(o.codec);
	stream.len = 0;
	add_packed(&stream, FIN | RSV1 | 1, text, MESSAGE_MAX + 1);
	expect_close(&stream, &packed, 1009, "one byte over");
	stream.len = 0;
	add_packed(&stream, FIN | RSV1 | 1, text, sizeof(text));
	assert_true(stream.len < MESSAGE_MAX);
	expect_close(&stream, &packed, 1009, "bomb");
}

static void broken_packed_messages_are_refused(void **state)
{
	static const struct {
		const char *what, *payload;
		size_t len;
		int code;
	} cases[] = {
		{"reserved block type", "\x07\x00", 2, 1007},
		{"cut in a block", "\xf2\x48\xcd", 3, 1007},
		{"wrong stored length", "\x00\x05\x00\x00\x00Hello", 10, 1007},
		{"bytes behind a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\xff\xff", 9, 1007},
		{"not UTF-8 inside", "\x00\x02\x00\xfd\xff\xc3\x28\x00", 8, 1007},
		{"distance before the start", "\x4b\x04\x42\x00\x00", 5, 1007},
	};
	struct stream stream = {.len = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stream.len = 0;
		add_frame(&stream, FIN | RSV1 | 1, cases[i].payload, cases[i].len);
		expect_close(&stream, &packed, cases[i].code, cases[i].what);
	}
	stream.len = 0;
	add_frame(&stream, RSV1 | 1, "\xf2\x48\xcd", 3);
	add_frame(&stream, FIN | RSV1 | 0, "\xc9\xc9\x07\x00", 4);
	expect_close(&stream, &packed, 1002, "RSV1 on a continuation");
	stream.len = 0;
	add_frame(&stream, FIN | RSV1 | 9, "x", 1);
	expect_close(&stream, &packed, 1002, "RSV1 on a ping");
}

static void long_messages_are_sent_packed(void **state)
{
	struct outcome o;
	char text[800];
	struct bf_bytes out;
	uint8_t *unpacked;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 7);
	begin(&o, &packed);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes(text, sizeof(text))), 0);
	out = bf_ws_codec_out(o.codec);
	assert_int_equal(out.data[0], FIN | RSV1 | 1);
	assert_true(out.len < 126);
	assert_int_equal(out.data[1], out.len - 2);
	assert_int_equal(
		bf_ws_deflate_unpack(bf_bytes(out.data + 2, out.len - 2), 800, &unpacked, &len), 0);
	assert_int_equal(len, 800);
	assert_memory_equal(unpacked, text, 800);
	free(unpacked);
	bf_ws_codec_sent(o.codec);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes_str("short")), 0);
	assert_int_equal(bf_ws_codec_out(o.codec).data[0], FIN | 1);
	bf_ws_codec_sent(o.codec);
	for (size_t i = 0; i < sizeof(text); i++) /* nothing to gain: goes out as it is */
		text[i] = (char)(32 + (i * i * 2654435761u >> 13) % 95);
	assert_int_equal(bf_ws_codec_send(o.codec, bf_bytes(text, 210)), 0);
	out = bf_ws_codec_out(o.codec);
	if (out.data[0] == (FIN | 1))
		assert_int_equal(out.len, 214);
	else
		assert_true(out.len < 214);
	bf_ws_codec_free(o.codec);
}

static void smaller_window_is_kept_to(void **state)
{
	const struct bf_ws_deflate nine = {.is_on = true, .server_bits = 9};
	uint8_t text[3000], *out, back[3000];
	z_stream z = {0};
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + (i / 3) % 20);
	assert_int_equal(bf_ws_deflate_pack(&nine, bf_bytes(text, sizeof(text)), &out, &len), 0);
	z.next_in = out;
	z.avail_in = (uInt)len;
	z.next_out = back;
	z.avail_out = sizeof(back);
	assert_int_equal(inflateInit2(&z, -9), Z_OK); /* refuses what reaches further back */
	assert_int_equal(inflate(&z, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(z.avail_out, 0);
	assert_memory_equal(back, text, sizeof(text));
	inflateEnd(&z);
	free(out);
}

static void extension_offers_are_chosen_from(void **state)
{
	static const struct {
		const char *offers;
		int bits; /* 0: declined */
	} cases[] = {
		{"", 0},
		{"permessage-deflate", 15},
		{"Permessage-Deflate", 15},
		{"permessage-deflate; client_max_window_bits", 15},
		{"permessage-deflate; client_max_window_bits=8", 15},
		{"permessage-deflate; client_max_window_bits=16", 0},
		{"permessage-deflate; client_max_window_bits=", 0},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15},
		{"permessage-deflate; server_no_context_takeover=1", 0},
		{"permessage-deflate; server_max_window_bits=10", 10},
		{"permessage-deflate; server_max_window_bits=\"10\"", 10},
		{"permessage-deflate; server_max_window_bits=8", 0},
		{"permessage-deflate; server_max_window_bits=010", 0},
		{"permessage-deflate; server_max_window_bits=1x", 0},
		{"permessage-deflate; server_max_window_bits", 0},
		{"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", 0},
		{"permessage-deflate; unknown", 0},
		{"permessage-deflate; unknown, permessage-deflate", 15},
		{"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=11", 11},
		{"permessage-bzip2", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_ws_deflate chosen = bf_ws_deflate_choose(bf_bytes_str(cases[i].offers));
		char reply[BF_WS_DEFLATE_REPLY];

		if (chosen.is_on != (cases[i].bits != 0) ||
			(chosen.is_on && chosen.server_bits != cases[i].bits))
			fail_msg("%s: %d, %u", cases[i].offers, chosen.is_on, chosen.server_bits);
		if (!chosen.is_on)
			continue;
		bf_ws_deflate_reply(&chosen, reply);
		assert_non_null(
			strstr(reply, "; server_no_context_takeover; client_no_context_takeover"));
		assert_int_equal(
			strstr(reply, "server_max_window_bits") != NULL, cases[i].bits < 15);
	}
}

/* ---- heartbeat, on virtual time ---- */

static void silence_is_noticed_and_pings_are_even(void **state)
{
	struct bf_ws_pulse pulse;

	(void)state;
	bf_ws_pulse_init(&pulse, 25, 60, 1000);
	assert_int_equal(bf_ws_pulse_deadline_us(&pulse), 1025);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1024), BF_WS_PULSE_NONE);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1025), BF_WS_PULSE_PING);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1025), BF_WS_PULSE_NONE);
	assert_int_equal(bf_ws_pulse_deadline_us(&pulse), 1050);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1050), BF_WS_PULSE_PING);
	assert_int_equal(bf_ws_pulse_deadline_us(&pulse), 1060);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1059), BF_WS_PULSE_NONE);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1060), BF_WS_PULSE_SILENCE);
	bf_ws_pulse_on_data(&pulse, 1059);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1060), BF_WS_PULSE_NONE);
	assert_int_equal(bf_ws_pulse_deadline_us(&pulse), 1075);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1118), BF_WS_PULSE_PING);
	assert_int_equal(bf_ws_pulse_poll(&pulse, 1119), BF_WS_PULSE_SILENCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_in_pieces_of_any_size),
		cmocka_unit_test(character_may_be_cut_between_fragments),
		cmocka_unit_test(message_may_be_exactly_full),
		cmocka_unit_test(sent_messages_are_unmasked_frames),
		cmocka_unit_test(broken_rules_close_with_their_code),
		cmocka_unit_test(malformed_sequences_close_with_1002),
		cmocka_unit_test(close_of_the_peer_is_answered),
		cmocka_unit_test(our_close_waits_for_the_peers),
		cmocka_unit_test(long_reason_is_cut_between_characters),
		cmocka_unit_test(packed_messages_are_unpacked),
		cmocka_unit_test(packed_messages_are_bounded),
		cmocka_unit_test(broken_packed_messages_are_refused),
		cmocka_unit_test(long_messages_are_sent_packed),
		cmocka_unit_test(smaller_window_is_kept_to),
		cmocka_unit_test(extension_offers_are_chosen_from),
		cmocka_unit_test(silence_is_noticed_and_pings_are_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
