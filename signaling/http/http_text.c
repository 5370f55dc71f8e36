#include "signaling/http/http_text.h"

bool bf_http_is_token_char(uint8_t c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool bf_http_is_token(struct bf_bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!bf_http_is_token_char(text.data[i]))
			return false;
	return text.len > 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool bf_http_is(struct bf_bytes text, const char *other)
{
	for (size_t i = 0; i < text.len; i++)
		if (other[i] == '\0' || lower(text.data[i]) != lower((uint8_t)other[i]))
			return false;
	return other[text.len] == '\0';
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct bf_bytes bf_http_trim(struct bf_bytes text)
{
	while (text.len > 0 && is_blank(text.data[0])) {
		text.data++;
		text.len--;
	}
	while (text.len > 0 && is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

/* Where the first element ends: a separator inside a quoted-string does not count. */
static size_t element_len(struct bf_bytes list, char separator)
{
	bool is_quoted = false;
	size_t i;

	for (i = 0; i < list.len; i++) {
		uint8_t c = list.data[i];

		if (is_quoted && c == '\\' && i + 1 < list.len)
			i++;
		else if (c == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && c == (uint8_t)separator)
			break;
	}
	return i;
}

bool bf_http_list_next(struct bf_bytes *list, char separator, struct bf_bytes *out)
{
	while (list->len > 0) {
		size_t len = element_len(*list, separator);
		struct bf_bytes element = bf_http_trim(bf_bytes(list->data, len));
		size_t taken = len < list->len ? len + 1 : len;

		list->data += taken;
		list->len -= taken;
		if (element.len > 0) {
			*out = element;
			return true;
		}
	}
	return false;
}

int bf_http_hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length of the sequence that `lead` begins, and the range its second byte must lie in: this is where overlong forms,
 * surrogates and values above U+10FFFF show. 0: no sequence begins so. */
static size_t utf8_sequence(uint8_t lead, uint8_t *low, uint8_t *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

bool bf_http_is_utf8(struct bf_bytes text)
{
	size_t i = 0;

	while (i < text.len) {
		uint8_t low, high;
		size_t len = utf8_sequence(text.data[i], &low, &high);

		if (len == 0 || len > text.len - i)
			return false;
		if (len > 1 && (text.data[i + 1] < low || text.data[i + 1] > high))
			return false;
		for (size_t k = 2; k < len; k++)
			if ((text.data[i + k] & 0xc0) != 0x80)
				return false;
		i += len;
	}
	return true;
}
