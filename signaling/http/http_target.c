#include "signaling/http/http_priv.h"

#include "signaling/http/http_text.h"

#include <errno.h>

/* ---- authority ---- */

static bool is_host_char(uint8_t c, bool in_brackets)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
		return true;
	if (in_brackets)
		return c == ':' || c == '.';
	return c == '-' || c == '.' || c == '_' || c == '~';
}

bool bf_http_is_authority(struct bf_bytes text)
{
	bool in_brackets = text.len > 0 && text.data[0] == '[';
	size_t i = in_brackets ? 1 : 0, host_start = i;

	while (i < text.len && is_host_char(text.data[i], in_brackets))
		i++;
	if (i == host_start)
		return false;
	if (in_brackets && (i == text.len || text.data[i++] != ']'))
		return false;
	if (i == text.len)
		return true;
	if (text.data[i++] != ':' || text.len - i > 5)
		return false;
	for (; i < text.len; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
	return true;
}

/* ---- percent-decoding ---- */

/* The character at *i, decoded; moves *i behind it. -1: '%' without two digits. */
static int decode_char(struct bf_bytes text, size_t *i)
{
	int high, low;

	if (text.data[*i] != '%')
		return text.data[(*i)++];
	if (text.len - *i < 3)
		return -1;
	high = bf_http_hex(text.data[*i + 1]);
	low = bf_http_hex(text.data[*i + 2]);
	if (high < 0 || low < 0)
		return -1;
	*i += 3;
	return high << 4 | low;
}

/* The decoded length; -ENOBUFS, or -EBADMSG for a bad escape, a NUL or bad UTF-8. */
static int decode_query_value(struct bf_bytes text, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len;) {
		bool is_plus = text.data[i] == '+'; /* forms write a space so */
		int c = decode_char(text, &i);

		if (c <= 0)
			return -EBADMSG;
		if (len + 1 >= size)
			return -ENOBUFS;
		out[len++] = is_plus ? ' ' : (char)c;
	}
	if (len >= size)
		return -ENOBUFS;
	if (!bf_http_is_utf8(bf_bytes(out, len)))
		return -EBADMSG;
	out[len] = '\0';
	return (int)len;
}

/* Whether `text`, decoded, is `name`: a client may escape what it likes. */
static bool is_name(struct bf_bytes text, const char *name)
{
	for (size_t i = 0; i < text.len; name++) {
		bool is_plus = text.data[i] == '+';
		int c = decode_char(text, &i);

		if (c <= 0 || (is_plus ? ' ' : (char)c) != *name)
			return false;
	}
	return *name == '\0';
}

int bf_http_query(const struct bf_http_request *request, const char *name, char *out, size_t size)
{
	struct bf_bytes rest = request->query;

	while (rest.len > 0) {
		const uint8_t *amp = memchr(rest.data, '&', rest.len);
		struct bf_bytes pair =
			bf_bytes(rest.data, amp ? (size_t)(amp - rest.data) : rest.len);
		size_t taken = pair.len + (amp ? 1 : 0);
		const uint8_t *equals = pair.len > 0 ? memchr(pair.data, '=', pair.len) : NULL;
		size_t name_len = equals ? (size_t)(equals - pair.data) : pair.len;
		size_t value_at = equals ? name_len + 1 : name_len;

		rest = bf_bytes(rest.data + taken, rest.len - taken);
		if (is_name(bf_bytes(pair.data, name_len), name))
			return decode_query_value(
				bf_bytes(pair.data + value_at, pair.len - value_at), out, size);
	}
	return -ENOENT;
}

/* ---- path ---- */

/* Take the last segment off path[0..len), which ends in '/': "/a/b/" becomes "/a/". */
static size_t parent_len(const uint8_t *path, size_t len)
{
	if (len > 1)
		len--;
	while (len > 1 && path[len - 1] != '/')
		len--;
	return len;
}

/* Decode one segment behind path[0..*len). Escaped slashes are refused: decoded they would be separators, and whoever looks at
 * the path before or after us would see other segments. */
static const char *append_segment(uint8_t *path, size_t *len, struct bf_bytes segment)
{
	for (size_t i = 0; i < segment.len;) {
		int c = decode_char(segment, &i);

		if (c < 0)
			return "a percent sign in the path is not followed by two hexadecimal "
			       "digits";
		if (c < 0x20 || c == 0x7f)
			return "the path contains an escaped control character";
		if (c == '/')
			return "the path contains an escaped slash";
		path[(*len)++] = (uint8_t)c;
	}
	return NULL;
}

/* Decoding comes first, since %2e%2e is the same segment as ".." (RFC 3986 section 6.2.2.3). Decoded text is never longer, so
 * `path` has room for it. */
static const char *normalise(struct bf_bytes raw, uint8_t *path, size_t *out_len)
{
	size_t len = 1, at = 1;

	path[0] = '/';
	while (at < raw.len) {
		const uint8_t *slash = memchr(raw.data + at, '/', raw.len - at);
		size_t end = slash ? (size_t)(slash - raw.data) : raw.len;
		size_t start = len, count;
		const char *why = append_segment(path, &len, bf_bytes(raw.data + at, end - at));

		if (why)
			return why;
		count = len - start;
		at = slash ? end + 1 : end;
		if (count == 1 && path[start] == '.')
			len = start;
		else if (count == 2 && path[start] == '.' && path[start + 1] == '.')
			len = parent_len(path, start);
		else if (slash)
			path[len++] = '/';
	}
	*out_len = len;
	return bf_http_is_utf8(bf_bytes(path, len)) ? NULL : "the path is not UTF-8";
}

/* ---- target ---- */

/* RFC 3986 has fewer characters; browsers send some of the others as they are ('|', '^', braces in queries). */
static bool is_target_char(uint8_t c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '#';
}

/* Take "http://authority" off the front of *rest. */
static int take_absolute(
	struct bf_bytes *rest, struct bf_bytes *authority, struct bf_http_refusal *refusal)
{
	size_t scheme_len = rest->len >= 8 && bf_http_is(bf_bytes(rest->data, 8), "https://")  ? 8
			    : rest->len >= 7 && bf_http_is(bf_bytes(rest->data, 7), "http://") ? 7
											       : 0;
	size_t end = scheme_len;

	if (scheme_len == 0)
		return bf_http_refuse(
			refusal, 400, "the request target is neither a path nor an http URL");
	while (end < rest->len && rest->data[end] != '/' && rest->data[end] != '?')
		end++;
	*authority = bf_bytes(rest->data + scheme_len, end - scheme_len);
	*rest = bf_bytes(rest->data + end, rest->len - end);
	if (!bf_http_is_authority(*authority))
		return bf_http_refuse(
			refusal, 400, "the authority of the request target is malformed");
	return 0;
}

int bf_http_target_parse(struct bf_http_request *out, struct bf_bytes *authority,
	uint8_t path[static BF_HTTP_PATH_MAX], struct bf_http_refusal *refusal)
{
	struct bf_bytes rest = out->target;
	const uint8_t *mark;
	const char *why;
	size_t path_len;

	*authority = bf_bytes(NULL, 0);
	for (size_t i = 0; i < rest.len; i++)
		if (!is_target_char(rest.data[i]))
			return bf_http_refuse(
				refusal, 400, "the request target contains a forbidden character");
	if (bf_bytes_is(rest, "*") && bf_bytes_is(out->method, "OPTIONS")) {
		out->path = bf_bytes("/", 1);
		out->query = bf_bytes(rest.data + 1, 0);
		return 0;
	}
	if (rest.len > 0 && rest.data[0] != '/' && take_absolute(&rest, authority, refusal) < 0)
		return -EBADMSG;
	mark = rest.len > 0 ? memchr(rest.data, '?', rest.len) : NULL;
	path_len = mark ? (size_t)(mark - rest.data) : rest.len;
	if (path_len >= BF_HTTP_PATH_MAX)
		return bf_http_refuse(refusal, 414, "the path is too long");
	out->query = mark ? bf_bytes(mark + 1, rest.len - path_len - 1)
			  : bf_bytes(rest.data + rest.len, 0);
	if (memchr(rest.data, '\\', path_len))
		return bf_http_refuse(refusal, 400, "the path contains a backslash");
	why = normalise(bf_bytes(rest.data, path_len), path, &path_len);
	if (why)
		return bf_http_refuse(refusal, 400, why);
	out->path = bf_bytes(path, path_len);
	return 0;
}
