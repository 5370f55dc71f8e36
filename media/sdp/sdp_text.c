#include "media/sdp/sdp_priv.h"

#include <errno.h>

void sdp_lines_init(struct sdp_lines *lines, struct bf_bytes text)
{
	if (text.len == 0)
		text = bf_bytes("", 0); /* so that no arithmetic is done on NULL */
	*lines = (struct sdp_lines){.at = text.data, .end = text.data + text.len};
}

/* The next line without its end. */
static struct bf_bytes next_raw(struct sdp_lines *lines)
{
	size_t left = (size_t)(lines->end - lines->at);
	const uint8_t *start = lines->at;
	const uint8_t *feed = memchr(start, '\n', left);
	const uint8_t *stop = feed ? feed : lines->end;

	lines->at = feed ? feed + 1 : lines->end;
	lines->line_no++;
	if (stop > start && stop[-1] == '\r')
		stop--;
	return bf_bytes(start, (size_t)(stop - start));
}

int sdp_lines_next(struct sdp_lines *lines, struct sdp_line *out)
{
	struct bf_bytes raw;

	do {
		if (lines->at == lines->end)
			return 0;
		raw = next_raw(lines);
	} while (raw.len == 0);

	if (raw.len > BF_SDP_LINE_MAX)
		return -ENOBUFS;
	if (raw.len < 2 || raw.data[1] != '=' || raw.data[0] < 'a' || raw.data[0] > 'z')
		return -EBADMSG;
	if (!sdp_is_clean(raw))
		return -EBADMSG;
	*out = (struct sdp_line){
		.type = (char)raw.data[0],
		.value = bf_bytes(raw.data + 2, raw.len - 2),
	};
	return 1;
}

bool sdp_word(struct bf_bytes *rest, struct bf_bytes *word)
{
	size_t from = 0;
	size_t to;

	while (from < rest->len && rest->data[from] == ' ')
		from++;
	to = from;
	while (to < rest->len && rest->data[to] != ' ')
		to++;
	*word = bf_bytes(rest->data + from, to - from);
	*rest = bf_bytes(rest->data + to, rest->len - to);
	return word->len > 0;
}

struct bf_bytes sdp_cut(struct bf_bytes text, char separator, struct bf_bytes *rest)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == (uint8_t)separator) {
			*rest = bf_bytes(text.data + i + 1, text.len - i - 1);
			return bf_bytes(text.data, i);
		}
	}
	*rest = bf_bytes(text.data + text.len, 0);
	return text;
}

struct bf_bytes sdp_trim(struct bf_bytes text)
{
	while (text.len && text.data[0] == ' ')
		text = bf_bytes(text.data + 1, text.len - 1);
	while (text.len && text.data[text.len - 1] == ' ')
		text.len--;
	return text;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool sdp_same(struct bf_bytes a, struct bf_bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	}
	return true;
}

bool sdp_is(struct bf_bytes text, const char *word)
{
	return sdp_same(text, bf_bytes_str(word));
}

bool sdp_uint(struct bf_bytes text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool sdp_is_token(struct bf_bytes text, size_t len_max)
{
	if (text.len == 0 || text.len > len_max)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			return false;
	}
	return true;
}

bool sdp_is_clean(struct bf_bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < ' ' || text.data[i] == 0x7f)
			return false;
	}
	return true;
}

bool sdp_is_rid(struct bf_bytes text)
{
	if (text.len == 0 || text.len > BF_SDP_MID_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = lower(text.data[i]);
		bool is_fine =
			(c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';

		if (!is_fine)
			return false;
	}
	return true;
}

struct bf_bytes sdp_fmtp_get(struct bf_bytes fmtp, const char *key)
{
	while (fmtp.len) {
		struct bf_bytes item = sdp_cut(fmtp, ';', &fmtp);
		struct bf_bytes value;

		if (sdp_is(sdp_trim(sdp_cut(item, '=', &value)), key))
			return sdp_trim(value);
	}
	return bf_bytes(NULL, 0);
}

uint64_t sdp_fmtp_uint(struct bf_bytes fmtp, const char *key, uint64_t otherwise)
{
	uint64_t value;

	return sdp_uint(sdp_fmtp_get(fmtp, key), UINT32_MAX, &value) ? value : otherwise;
}
