#include "signaling/ws/ws_handshake.h"

#include "signaling/auth/digest.h"
#include "signaling/http/http_text.h"

#include <stdio.h>

#define KEY_TEXT   24 /* base64 of 16 bytes */
#define OFFERS_MAX 1024

static struct bf_ws_handshake refuse(int status, const char *code, const char *why)
{
	return (struct bf_ws_handshake){.status = status, .code = code, .why = why};
}

static unsigned field_count(const struct bf_http_request *request, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < request->field_count; i++)
		count += bf_http_is(request->fields[i].name, name);
	return count;
}

/* ---- Origin ---- */

/* Take the scheme off `origin` and the port off both sides where it is the scheme's own. */
static bool is_same_host(struct bf_bytes origin, struct bf_bytes host)
{
	bool is_https = origin.len > 8 && bf_http_is(bf_bytes(origin.data, 8), "https://");
	bool is_http = origin.len > 7 && bf_http_is(bf_bytes(origin.data, 7), "http://");
	const char *port = is_https ? ":443" : ":80";
	size_t port_len = strlen(port), skip = is_https ? 8 : 7;
	char text[BF_HTTP_PATH_MAX];

	if (!is_https && !is_http)
		return false;
	origin = bf_bytes(origin.data + skip, origin.len - skip);
	if (origin.len > port_len &&
		bf_http_is(bf_bytes(origin.data + origin.len - port_len, port_len), port))
		origin.len -= port_len;
	if (host.len > port_len &&
		bf_http_is(bf_bytes(host.data + host.len - port_len, port_len), port))
		host.len -= port_len;
	if (host.len == 0 || host.len >= sizeof(text))
		return false;
	memcpy(text, host.data, host.len);
	text[host.len] = '\0';
	return bf_http_is(origin, text);
}

/* Browsers always send Origin, and scripts cannot change it. Who sends none is no browser, and no page can have sent it. */
static bool is_origin_allowed(
	const struct bf_http_request *request, char *const *origins, unsigned origins_count)
{
	struct bf_bytes origin = bf_http_field(request, "Origin");

	if (field_count(request, "Origin") == 0)
		return true;
	if (field_count(request, "Origin") > 1)
		return false;
	for (unsigned i = 0; i < origins_count; i++)
		if (strcmp(origins[i], "*") == 0 || bf_http_is(origin, origins[i]))
			return true;
	return origins_count == 0 && is_same_host(origin, bf_http_field(request, "Host"));
}

/* ---- key ---- */

static bool is_key(struct bf_bytes key)
{
	if (key.len != KEY_TEXT || key.data[KEY_TEXT - 1] != '=' || key.data[KEY_TEXT - 2] != '=')
		return false;
	for (size_t i = 0; i < KEY_TEXT - 2; i++) {
		uint8_t c = key.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '+' || c == '/'))
			return false;
	}
	return true;
}

/* RFC 6455 section 4.2.2: proves that the request was understood as a WebSocket handshake. */
static int accept_of(struct bf_bytes key, char out[static BF_WS_ACCEPT_TEXT])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t text[KEY_TEXT + sizeof(guid) - 1], digest[BF_SHA1_BYTES];
	int err;

	memcpy(text, key.data, KEY_TEXT);
	memcpy(text + KEY_TEXT, guid, sizeof(guid) - 1);
	err = bf_sha1(digest, bf_bytes(text, sizeof(text)));
	if (!err)
		bf_base64_encode(out, bf_bytes(digest, sizeof(digest)));
	return err;
}

/* All values of Sec-WebSocket-Extensions as one list. What does not fit is not offered. */
static struct bf_ws_deflate choose_deflate(const struct bf_http_request *request)
{
	char text[OFFERS_MAX];
	struct bf_wr wr = bf_wr(text, sizeof(text));

	for (unsigned i = 0; i < request->field_count; i++) {
		struct bf_wr before = wr;

		if (!bf_http_is(request->fields[i].name, "Sec-WebSocket-Extensions"))
			continue;
		bf_wr_bytes(&wr, request->fields[i].value);
		bf_wr_str(&wr, ",");
		if (wr.is_full)
			wr = before;
	}
	return bf_ws_deflate_choose(bf_bytes(text, bf_wr_len(&wr)));
}

struct bf_ws_handshake bf_ws_handshake_check(
	const struct bf_http_request *request, char *const *origins, unsigned origins_count)
{
	struct bf_ws_handshake handshake = {.status = 101};
	struct bf_bytes key = bf_http_field(request, "Sec-WebSocket-Key");

	if (!bf_bytes_is(request->method, "GET") || request->body.len > 0)
		return refuse(400, "bad_request", "a WebSocket begins with a GET without a body");
	if (!request->wants_upgrade)
		return refuse(426, "upgrade_required", "this path speaks WebSocket only");
	if (!bf_bytes_is(bf_http_field(request, "Sec-WebSocket-Version"), "13") ||
		field_count(request, "Sec-WebSocket-Version") != 1)
		return refuse(426, "upgrade_required", "the only WebSocket version here is 13");
	if (field_count(request, "Sec-WebSocket-Key") != 1 || !is_key(key))
		return refuse(400, "bad_request", "Sec-WebSocket-Key is not 16 bytes in base64");
	if (!is_origin_allowed(request, origins, origins_count))
		return refuse(403, "forbidden", "pages of this origin may not connect");
	if (accept_of(key, handshake.accept) < 0)
		return refuse(500, "internal", "SHA-1 is not available");
	handshake.deflate = choose_deflate(request);
	return handshake;
}
