/*
 *   chunked-body = *( size [ ";" name [ "=" value ] ]... CRLF  data CRLF )
 *                  "0" [ extensions ] CRLF  *( field CRLF )  CRLF              RFC 9112 section 7.1
 */
#include "signaling/http/http_priv.h"

#include "signaling/http/http_text.h"

#include <assert.h>

/* Sizes beyond this many digits are refused before they can overflow; 2^32 is far above any body limit. */
#define SIZE_DIGITS_MAX 8

/* Find the line at the front of `raw`. 1: *line is it, without CRLF, and *taken its length with CRLF. 0: not complete yet. */
static int find_line(struct bf_bytes raw, size_t len_max, struct bf_bytes *line, size_t *taken,
	struct bf_http_refusal *refusal)
{
	for (size_t i = 0; i < raw.len; i++) {
		uint8_t c = raw.data[i];

		if (i >= len_max)
			return bf_http_refuse(
				refusal, 400, "a line of the chunked body is too long");
		if (i > 0 && raw.data[i - 1] == '\r') {
			if (c != '\n')
				return bf_http_refuse(
					refusal, 400, "a line of the chunked body has a bare CR");
			*line = bf_bytes(raw.data, i - 1);
			*taken = i + 1;
			return 1;
		}
		if ((c < 0x20 && c != '\r' && c != '\t') || c == 0x7f)
			return bf_http_refuse(
				refusal, 400, "a line of the chunked body has a control character");
	}
	return 0;
}

/* What may stand behind "=": a token or a quoted-string without escapes. */
static bool is_extension_value(struct bf_bytes text)
{
	if (text.len < 2 || text.data[0] != '"')
		return bf_http_is_token(text);
	for (size_t i = 1; i + 1 < text.len; i++)
		if (text.data[i] == '"' || text.data[i] == '\\' || text.data[i] >= 0x80)
			return false;
	return text.data[text.len - 1] == '"';
}

/* `text` begins with ';'. Extensions are ignored, but only what is one is taken for one. */
static bool is_extensions(struct bf_bytes text)
{
	while (text.len > 0) {
		size_t end = 1, equals;
		bool is_quoted = false;

		if (text.data[0] != ';')
			return false;
		for (; end < text.len && (is_quoted || text.data[end] != ';'); end++)
			is_quoted ^= text.data[end] == '"';
		for (equals = 1; equals < end && text.data[equals] != '=';)
			equals++;
		if (!bf_http_is_token(bf_bytes(text.data + 1, equals - 1)))
			return false;
		if (equals < end &&
			!is_extension_value(bf_bytes(text.data + equals + 1, end - equals - 1)))
			return false;
		text = bf_bytes(text.data + end, text.len - end);
	}
	return true;
}

static int on_size_line(
	struct bf_http_chunks *chunks, struct bf_bytes line, struct bf_http_refusal *refusal)
{
	uint64_t size = 0;
	size_t digits = 0;

	for (; digits < line.len && bf_http_hex(line.data[digits]) >= 0; digits++) {
		if (digits == SIZE_DIGITS_MAX)
			return bf_http_refuse(refusal, 400, "a chunk size is out of range");
		size = size << 4 | (uint64_t)bf_http_hex(line.data[digits]);
	}
	if (digits == 0 || !is_extensions(bf_bytes(line.data + digits, line.len - digits)))
		return bf_http_refuse(refusal, 400, "a chunk size is malformed");
	chunks->ext_len += line.len - digits;
	if (chunks->ext_len > BF_HTTP_CHUNK_EXT_MAX)
		return bf_http_refuse(refusal, 400, "there are too many chunk extensions");
	if (size > chunks->body_max - chunks->body_len)
		return bf_http_refuse(refusal, 413, "the body is too long");
	chunks->left = size;
	chunks->stage = size > 0 ? BF_HTTP_CHUNK_DATA : BF_HTTP_CHUNK_TRAILER;
	return 1;
}

static int on_trailer_line(
	struct bf_http_chunks *chunks, struct bf_bytes line, struct bf_http_refusal *refusal)
{
	struct bf_http_field ignored;

	chunks->trailer_len += line.len + 2;
	if (chunks->trailer_len > BF_HTTP_TRAILER_MAX)
		return bf_http_refuse(refusal, 431, "the trailer section is too long");
	if (line.len == 0) {
		chunks->stage = BF_HTTP_CHUNK_DONE;
		return 1;
	}
	if (bf_http_field_parse(line, &ignored, refusal) < 0)
		return -1;
	return 1;
}

/* One line: 1 went on, 0 needs more bytes, negative refused. */
static int on_line(struct bf_http_chunks *chunks, struct bf_bytes raw, size_t *taken,
	struct bf_http_refusal *refusal)
{
	bool is_trailer = chunks->stage == BF_HTTP_CHUNK_TRAILER;
	size_t len_max = is_trailer ? BF_HTTP_TRAILER_MAX : BF_HTTP_CHUNK_LINE_MAX;
	struct bf_bytes line = bf_bytes(NULL, 0);
	int found = find_line(raw, len_max, &line, taken, refusal);

	if (found != 1)
		return found;
	if (is_trailer)
		return on_trailer_line(chunks, line, refusal);
	if (chunks->stage == BF_HTTP_CHUNK_SIZE)
		return on_size_line(chunks, line, refusal);
	if (line.len > 0)
		return bf_http_refuse(refusal, 400, "a chunk is longer than its size");
	chunks->stage = BF_HTTP_CHUNK_SIZE;
	return 1;
}

int bf_http_chunks_decode(struct bf_http_chunks *chunks, uint8_t *body, const uint8_t *raw,
	size_t raw_len, size_t *used, struct bf_http_refusal *refusal)
{
	size_t at = 0;
	int went_on = 1;

	while (went_on == 1 && chunks->stage != BF_HTTP_CHUNK_DONE) {
		size_t taken = 0;

		if (chunks->stage == BF_HTTP_CHUNK_DATA) {
			taken = raw_len - at < chunks->left ? raw_len - at : (size_t)chunks->left;
			assert(body + chunks->body_len <= raw + at);
			memmove(body + chunks->body_len, raw + at, taken);
			chunks->body_len += taken;
			chunks->left -= taken;
			went_on = chunks->left == 0;
			if (went_on)
				chunks->stage = BF_HTTP_CHUNK_DATA_END;
		} else {
			went_on =
				on_line(chunks, bf_bytes(raw + at, raw_len - at), &taken, refusal);
		}
		at += taken;
	}
	*used = at;
	return went_on < 0 ? went_on : chunks->stage == BF_HTTP_CHUNK_DONE;
}
