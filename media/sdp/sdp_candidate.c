#include "core/base/addr.h"
#include "media/sdp/sdp_priv.h"

#include <errno.h>
#include <stdio.h>

/* ---- candidate lines (RFC 8839 section 5.1) ---- */

/* Take `prefix` off the front of `text` if it is there. */
static void strip(struct bf_bytes *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len >= len && memcmp(text->data, prefix, len) == 0)
		*text = bf_bytes(text->data + len, text->len - len);
}

/* 0 for an IP address, -EOPNOTSUPP for what may be a host name, -EBADMSG for neither. */
static int check_address(struct bf_bytes text)
{
	char copy[BF_ADDR_TEXT];
	struct bf_addr addr;

	if (text.len < sizeof(copy) && text.data[0] != '[') {
		memcpy(copy, text.data, text.len);
		copy[text.len] = '\0';
		if (bf_addr_parse_ip(&addr, copy, 0) == 0)
			return 0;
	}
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			       (c >= '0' && c <= '9') || c == '-' || c == '.';

		if (!is_name)
			return -EBADMSG;
	}
	return -EOPNOTSUPP;
}

/* The name-value pairs at the end. A name without a value ends the list. */
static void read_extensions(struct bf_sdp_candidate *out, struct bf_bytes rest)
{
	struct bf_bytes name, value;

	while (sdp_word(&rest, &name) && sdp_word(&rest, &value)) {
		if (sdp_is(name, "tcptype"))
			out->tcptype = value;
		else if (sdp_is(name, "ufrag"))
			out->ufrag = value;
	}
}

static bool read_number(struct bf_bytes *rest, uint64_t max, uint64_t *out)
{
	struct bf_bytes word;

	return sdp_word(rest, &word) && sdp_uint(word, max, out);
}

int bf_sdp_parse_candidate(struct bf_sdp_candidate *out, struct bf_bytes text)
{
	struct bf_sdp_candidate got = {0};
	struct bf_bytes transport, typ;
	uint64_t component, priority, port;
	int err;

	if (text.len == 0 || text.len > BF_SDP_LINE_MAX || !sdp_is_clean(text))
		return -EBADMSG;
	strip(&text, "a=");
	strip(&text, "candidate:");
	if (!sdp_word(&text, &got.foundation) || !sdp_is_token(got.foundation, 32) ||
		!read_number(&text, 256, &component) || component == 0 ||
		!sdp_word(&text, &transport) || !read_number(&text, UINT32_MAX, &priority) ||
		!sdp_word(&text, &got.address) || !read_number(&text, UINT16_MAX, &port) ||
		!sdp_word(&text, &typ) || !sdp_is(typ, "typ") || !sdp_word(&text, &got.type))
		return -EBADMSG;
	got.is_tcp = sdp_is(transport, "tcp");
	if (!got.is_tcp && !sdp_is(transport, "udp"))
		return -EOPNOTSUPP;
	err = check_address(got.address);
	if (err)
		return err;
	got.component = (unsigned)component;
	got.priority = (uint32_t)priority;
	got.port = (uint16_t)port;
	read_extensions(&got, text);
	*out = got;
	return 0;
}

/* ---- trickle fragments (RFC 8840 section 9) ---- */

static bool is_named(struct bf_bytes line, const char *name, struct bf_bytes *value)
{
	return bf_bytes_is(sdp_cut(line, ':', value), name);
}

/* One a= line. With BUNDLE all sections are one transport, so that the first credentials count; what names sections is of no use. */
static int on_attribute(struct bf_sdp_fragment *out, struct bf_bytes line)
{
	struct bf_bytes value;

	if (is_named(line, "candidate", &value)) {
		if (out->candidate_count < BF_SDP_CANDIDATES)
			out->candidates[out->candidate_count++] = line;
	} else if (is_named(line, "end-of-candidates", &value)) {
		out->is_end = true;
	} else if (is_named(line, "ice-ufrag", &value)) {
		if (!sdp_is_token(value, 256))
			return -EBADMSG;
		if (out->ufrag.len == 0)
			out->ufrag = value;
	} else if (is_named(line, "ice-pwd", &value)) {
		if (!sdp_is_token(value, 256))
			return -EBADMSG;
		if (out->pwd.len == 0)
			out->pwd = value;
	}
	return 0;
}

int bf_sdp_parse_fragment(
	struct bf_sdp_fragment *out, struct bf_bytes text, char *why, size_t why_size)
{
	struct bf_sdp_fragment got = {0};
	struct sdp_lines lines;
	struct sdp_line line;
	int err = 0;

	sdp_lines_init(&lines, text);
	if (text.len > BF_SDP_TEXT_MAX)
		err = -ENOBUFS;
	while (err == 0) {
		err = sdp_lines_next(&lines, &line);
		if (err == 0) {
			*out = got;
			return 0;
		}
		if (err == 1)
			err = line.type == 'a' ? on_attribute(&got, line.value) : 0;
	}
	snprintf(why, why_size, "line %u: %s", lines.line_no,
		err == -ENOBUFS ? "too long" : "malformed");
	return err;
}
