#include "signaling/http/http_priv.h"

#include "signaling/http/http_text.h"

#include <errno.h>

int bf_http_refuse(struct bf_http_refusal *refusal, int status, const char *why)
{
	refusal->status = status;
	refusal->why = why;
	if (status == 413 || status == 414 || status == 431)
		return -ENOBUFS;
	return status == 400 ? -EBADMSG : -EPROTO;
}

struct bf_bytes bf_http_field(const struct bf_http_request *request, const char *name)
{
	for (unsigned i = 0; i < request->field_count; i++)
		if (bf_http_is(request->fields[i].name, name))
			return request->fields[i].value;
	return bf_bytes(NULL, 0);
}

/* ---- request line ---- */

/* Take what stands before the next space off *line. */
static bool take_word(struct bf_bytes *line, struct bf_bytes *out)
{
	const uint8_t *space = line->len > 0 ? memchr(line->data, ' ', line->len) : NULL;

	if (!space || space == line->data)
		return false;
	*out = bf_bytes(line->data, (size_t)(space - line->data));
	*line = bf_bytes(space + 1, line->len - out->len - 1);
	return true;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static int version_parse(
	struct bf_bytes text, struct bf_http_request *out, struct bf_http_refusal *refusal)
{
	if (text.len != 8 || memcmp(text.data, "HTTP/", 5) != 0 || !is_digit(text.data[5]) ||
		text.data[6] != '.' || !is_digit(text.data[7]))
		return bf_http_refuse(
			refusal, 400, "the request line does not end with an HTTP version");
	if (text.data[5] != '1' || text.data[7] > '1')
		return bf_http_refuse(refusal, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	out->minor_version = (unsigned)(text.data[7] - '0');
	return 0;
}

static int request_line_parse(
	struct bf_bytes line, struct bf_http_request *out, struct bf_http_refusal *refusal)
{
	if (!take_word(&line, &out->method) || !bf_http_is_token(out->method))
		return bf_http_refuse(
			refusal, 400, "the request line does not begin with a method");
	if (!take_word(&line, &out->target))
		return bf_http_refuse(refusal, 400, "the request line has no target");
	return version_parse(line, out, refusal);
}

/* ---- fields ---- */

int bf_http_field_parse(
	struct bf_bytes line, struct bf_http_field *out, struct bf_http_refusal *refusal)
{
	const uint8_t *colon = memchr(line.data, ':', line.len);

	if (line.data[0] == ' ' || line.data[0] == '\t')
		return bf_http_refuse(refusal, 400, "a field line begins with white space");
	if (!colon)
		return bf_http_refuse(refusal, 400, "a field line has no colon");
	out->name = bf_bytes(line.data, (size_t)(colon - line.data));
	if (!bf_http_is_token(out->name))
		return bf_http_refuse(refusal, 400, "a field name is not a token");
	out->value = bf_http_trim(bf_bytes(colon + 1, line.len - out->name.len - 1));
	return 0;
}

/* What the fields say about framing and the connection, gathered before anything is concluded from it. */
struct facts {
	unsigned host_count, length_count, coding_count;
	struct bf_http_field *host;
	struct bf_bytes length, coding, expect;
	bool has_close, has_keep_alive, has_upgrade, upgrades_to_websocket, has_expect;
};

static void note_connection(struct facts *facts, struct bf_bytes list)
{
	struct bf_bytes option;

	while (bf_http_list_next(&list, ',', &option)) {
		facts->has_close |= bf_http_is(option, "close");
		facts->has_keep_alive |= bf_http_is(option, "keep-alive");
		facts->has_upgrade |= bf_http_is(option, "upgrade");
	}
}

static void note_field(struct facts *facts, struct bf_http_field *field)
{
	struct bf_bytes protocol, list = field->value;

	if (bf_http_is(field->name, "Host")) {
		facts->host_count++;
		facts->host = field;
	} else if (bf_http_is(field->name, "Content-Length")) {
		facts->length_count++;
		facts->length = field->value;
	} else if (bf_http_is(field->name, "Transfer-Encoding")) {
		facts->coding_count++;
		facts->coding = field->value;
	} else if (bf_http_is(field->name, "Connection")) {
		note_connection(facts, field->value);
	} else if (bf_http_is(field->name, "Upgrade")) {
		while (bf_http_list_next(&list, ',', &protocol))
			facts->upgrades_to_websocket |= bf_http_is(protocol, "websocket");
	} else if (bf_http_is(field->name, "Expect")) {
		facts->has_expect = true;
		facts->expect = field->value;
	}
}

/* ---- framing: RFC 9112 section 6.3, with every case that two readers could see differently refused ---- */

static int length_parse(struct bf_bytes text, uint64_t *out, struct bf_http_refusal *refusal)
{
	uint64_t length = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.data[i]))
			return bf_http_refuse(refusal, 400, "Content-Length is not a number");
		if (length > (UINT64_MAX - 9) / 10)
			return bf_http_refuse(refusal, 400, "Content-Length is out of range");
		length = length * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (text.len == 0)
		return bf_http_refuse(refusal, 400, "Content-Length is not a number");
	*out = length;
	return 0;
}

static bool is_known_coding(struct bf_bytes coding)
{
	return bf_http_is(coding, "gzip") || bf_http_is(coding, "x-gzip") ||
	       bf_http_is(coding, "deflate") || bf_http_is(coding, "compress") ||
	       bf_http_is(coding, "x-compress");
}

static int coding_parse(const struct facts *facts, const struct bf_http_request *request,
	struct bf_http_framing *framing, struct bf_http_refusal *refusal)
{
	struct bf_bytes coding, last = {NULL, 0}, list = facts->coding;
	bool has_other = false;

	if (facts->length_count > 0)
		return bf_http_refuse(
			refusal, 400, "Content-Length and Transfer-Encoding do not go together");
	if (request->minor_version == 0)
		return bf_http_refuse(refusal, 400, "HTTP/1.0 has no Transfer-Encoding");
	if (facts->coding_count > 1)
		return bf_http_refuse(refusal, 400, "Transfer-Encoding is given twice");
	if (bf_http_is(list, "chunked")) {
		framing->is_chunked = true;
		return 0;
	}
	while (bf_http_list_next(&list, ',', &coding)) {
		if (last.len > 0 && !is_known_coding(last))
			return bf_http_refuse(refusal, 400, "Transfer-Encoding is malformed");
		has_other |= is_known_coding(coding);
		last = coding;
	}
	if (has_other && bf_http_is(last, "chunked"))
		return bf_http_refuse(refusal, 501, "the only transfer coding here is chunked");
	return bf_http_refuse(refusal, 400, "Transfer-Encoding does not end with chunked, once");
}

static int framing_decide(const struct facts *facts, const struct bf_http_request *request,
	struct bf_http_framing *framing, struct bf_http_refusal *refusal)
{
	int err = 0;

	*framing = (struct bf_http_framing){.length = 0};
	if (facts->length_count > 1)
		return bf_http_refuse(refusal, 400, "Content-Length is given twice");
	if (facts->coding_count > 0)
		err = coding_parse(facts, request, framing, refusal);
	else if (facts->length_count == 1)
		err = length_parse(facts->length, &framing->length, refusal);
	if (err)
		return err;
	if (facts->has_expect && !bf_http_is(facts->expect, "100-continue"))
		return bf_http_refuse(
			refusal, 417, "the only expectation met here is 100-continue");
	framing->wants_continue = facts->has_expect && request->minor_version == 1 &&
				  (framing->is_chunked || framing->length > 0);
	return 0;
}

static int host_check(const struct facts *facts, struct bf_http_request *out,
	struct bf_bytes authority, struct bf_http_refusal *refusal)
{
	if (facts->host_count > 1)
		return bf_http_refuse(refusal, 400, "Host is given twice");
	if (facts->host_count == 0)
		return out->minor_version == 0 ? 0
					       : bf_http_refuse(refusal, 400, "Host is missing");
	if (!bf_http_is_authority(facts->host->value))
		return bf_http_refuse(refusal, 400, "Host is malformed");
	/* RFC 9112 section 3.2.2: the authority of an absolute target is the host, whatever the field says. */
	if (authority.len > 0)
		facts->host->value = authority;
	return 0;
}

/* The next line without its CRLF. Lines end where the caller has checked that they do. */
static struct bf_bytes take_line(struct bf_bytes *rest)
{
	const uint8_t *lf = memchr(rest->data, '\n', rest->len);
	size_t len = (size_t)(lf - rest->data);
	struct bf_bytes line = bf_bytes(rest->data, len - 1);

	*rest = bf_bytes(lf + 1, rest->len - len - 1);
	return line;
}

int bf_http_head_parse(struct bf_bytes head, struct bf_http_request *out,
	struct bf_http_framing *framing, uint8_t path[static BF_HTTP_PATH_MAX],
	struct bf_http_refusal *refusal)
{
	struct bf_bytes line, authority;
	struct facts facts = {.host_count = 0};
	int err;

	out->field_count = 0;
	out->param_count = 0;
	out->body = bf_bytes(NULL, 0);
	err = request_line_parse(take_line(&head), out, refusal);
	if (err)
		return err;
	err = bf_http_target_parse(out, &authority, path, refusal);
	if (err)
		return err;
	for (line = take_line(&head); line.len > 0; line = take_line(&head)) {
		struct bf_http_field *field = &out->fields[out->field_count];

		if (out->field_count == BF_HTTP_FIELDS)
			return bf_http_refuse(refusal, 431, "there are too many fields");
		err = bf_http_field_parse(line, field, refusal);
		if (err)
			return err;
		out->field_count++;
		note_field(&facts, field);
	}
	err = host_check(&facts, out, authority, refusal);
	if (err)
		return err;
	out->keep_alive = !facts.has_close && (out->minor_version == 1 || facts.has_keep_alive);
	out->wants_upgrade =
		out->minor_version == 1 && facts.has_upgrade && facts.upgrades_to_websocket;
	return framing_decide(&facts, out, framing, refusal);
}
