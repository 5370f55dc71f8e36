#include "signaling/ws/ws_deflate.h"

#include "signaling/http/http_text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/* Messages are a few kilobytes of JSON: a 4 KiB window and small tables find what there is, for 32 KiB of memory while one is
 * packed. A smaller window than agreed is always allowed. */
#define WINDOW_BITS 12
#define MEM_LEVEL   5
#define PACK_LEVEL  4

/* What a sync flush ends with; it is left out on the wire (RFC 7692 section 7.2.1). */
static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

/* ---- negotiation: RFC 7692 section 7.1 ---- */

/* Window bits of a parameter, 8 to 15; 0 when malformed. */
static unsigned bits_of(struct bf_bytes value)
{
	unsigned bits = 0;

	if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
		value = bf_bytes(value.data + 1, value.len - 2);
	if (value.len == 0 || value.len > 2 || value.data[0] == '0')
		return 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(value.data[i] - '0');
	}
	return bits >= 8 && bits <= 15 ? bits : 0;
}

enum param {
	PARAM_SERVER_NO_CONTEXT = 1,
	PARAM_CLIENT_NO_CONTEXT = 2,
	PARAM_SERVER_BITS = 4,
	PARAM_CLIENT_BITS = 8,
	PARAM_UNKNOWN = 16,
};

static enum param param_of(struct bf_bytes name)
{
	if (bf_http_is(name, "server_no_context_takeover"))
		return PARAM_SERVER_NO_CONTEXT;
	if (bf_http_is(name, "client_no_context_takeover"))
		return PARAM_CLIENT_NO_CONTEXT;
	if (bf_http_is(name, "server_max_window_bits"))
		return PARAM_SERVER_BITS;
	return bf_http_is(name, "client_max_window_bits") ? PARAM_CLIENT_BITS : PARAM_UNKNOWN;
}

/* Whether the value is one that this parameter may have in an offer. */
static bool is_value_valid(enum param param, bool has_value, struct bf_bytes value)
{
	switch (param) {
	case PARAM_SERVER_NO_CONTEXT:
	case PARAM_CLIENT_NO_CONTEXT:
		return !has_value;
	case PARAM_SERVER_BITS:
		return has_value && bits_of(value) >= 9; /* zlib cannot make raw deflate with 8 */
	case PARAM_CLIENT_BITS:
		return !has_value || bits_of(value) > 0;
	default:
		return false;
	}
}

/* One offer. An offer with anything wrong or unknown in it is declined as a whole. */
static struct bf_ws_deflate accept_offer(struct bf_bytes offer)
{
	const struct bf_ws_deflate declined = {.is_on = false};
	struct bf_ws_deflate chosen = {.is_on = true, .server_bits = 15};
	struct bf_bytes element;
	unsigned seen = 0;

	if (!bf_http_list_next(&offer, ';', &element) || !bf_http_is(element, "permessage-deflate"))
		return declined;
	while (bf_http_list_next(&offer, ';', &element)) {
		const uint8_t *equals = memchr(element.data, '=', element.len);
		size_t name_len = equals ? (size_t)(equals - element.data) : element.len;
		struct bf_bytes value = bf_bytes(
			equals ? equals + 1 : NULL, equals ? element.len - name_len - 1 : 0);
		enum param param = param_of(bf_http_trim(bf_bytes(element.data, name_len)));

		value = bf_http_trim(value);
		if ((seen & param) || !is_value_valid(param, equals != NULL, value))
			return declined;
		seen |= param;
		if (param == PARAM_SERVER_BITS)
			chosen.server_bits = (uint8_t)bits_of(value);
	}
	return chosen;
}

struct bf_ws_deflate bf_ws_deflate_choose(struct bf_bytes offers)
{
	struct bf_bytes offer;

	while (bf_http_list_next(&offers, ',', &offer)) {
		struct bf_ws_deflate chosen = accept_offer(offer);

		if (chosen.is_on)
			return chosen;
	}
	return (struct bf_ws_deflate){.is_on = false};
}

const char *bf_ws_deflate_reply(
	const struct bf_ws_deflate *agreed, char out[static BF_WS_DEFLATE_REPLY])
{
	static const char base[] =
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover";

	if (agreed->server_bits < 15)
		snprintf(out, BF_WS_DEFLATE_REPLY, "%s; server_max_window_bits=%u", base,
			agreed->server_bits);
	else
		snprintf(out, BF_WS_DEFLATE_REPLY, "%s", base);
	return out;
}

/* ---- packing ---- */

int bf_ws_deflate_pack(
	const struct bf_ws_deflate *agreed, struct bf_bytes message, uint8_t **out, size_t *out_len)
{
	int bits = agreed->server_bits < WINDOW_BITS ? agreed->server_bits : WINDOW_BITS;
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)message.data, .avail_in = (uInt)message.len};
	uint8_t *packed;
	int err = -ENOBUFS;

	assert(message.len <= UINT32_MAX);
	if (message.len <= sizeof(tail))
		return -ENOBUFS;
	packed = malloc(message.len);
	if (!packed)
		return -ENOMEM;
	if (deflateInit2(&z, PACK_LEVEL, Z_DEFLATED, -bits, MEM_LEVEL, Z_DEFAULT_STRATEGY) !=
		Z_OK) {
		free(packed);
		return -ENOMEM;
	}
	z.next_out = packed;
	z.avail_out = (uInt)message.len; /* more room than that would be no gain */
	if (deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out > 0) {
		size_t len = message.len - z.avail_out;

		assert(len > sizeof(tail) &&
			memcmp(packed + len - sizeof(tail), tail, sizeof(tail)) == 0);
		*out = packed;
		*out_len = len - sizeof(tail);
		err = 0;
	}
	deflateEnd(&z);
	if (err)
		free(packed);
	return err;
}

/* ---- unpacking ---- */

struct unpacking {
	z_stream z;
	uint8_t *out;
	size_t capacity, len_max;
};

/* Room for more output, by doubling up to one byte above the limit: that byte tells "longer" from "exactly full". */
static int make_room(struct unpacking *u)
{
	size_t len = u->capacity - u->z.avail_out, capacity = u->capacity ? u->capacity * 2 : 1024;
	uint8_t *out;

	if (u->z.avail_out > 0)
		return 0;
	if (len > u->len_max)
		return -ENOBUFS;
	if (capacity > u->len_max + 1)
		capacity = u->len_max + 1;
	out = realloc(u->out, capacity);
	if (!out)
		return -ENOMEM;
	u->out = out;
	u->z.next_out = out + len;
	u->z.avail_out = (uInt)(capacity - len);
	u->capacity = capacity;
	return 0;
}

/* Inflate all of `in`. */
static int unpack_some(struct unpacking *u, struct bf_bytes in)
{
	u->z.next_in = (uint8_t *)(uintptr_t)in.data;
	u->z.avail_in = (uInt)in.len;
	for (;;) {
		int err = make_room(u), result;

		if (err)
			return err;
		result = inflate(&u->z, Z_SYNC_FLUSH);
		/* A final block may stand anywhere in a message; what follows begins anew (RFC 7692 section 7.2.3.4). */
		if (result == Z_STREAM_END && inflateReset(&u->z) != Z_OK)
			return -EBADMSG;
		if (result == Z_MEM_ERROR)
			return -ENOMEM;
		if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
			return -EBADMSG;
		if (u->z.avail_in == 0 && u->z.avail_out > 0)
			return 0;
	}
}

int bf_ws_deflate_unpack(struct bf_bytes packed, size_t len_max, uint8_t **out, size_t *out_len)
{
	struct unpacking u = {.len_max = len_max};
	size_t len;
	int err;

	if (inflateInit2(&u.z, -15) != Z_OK)
		return -ENOMEM;
	err = unpack_some(&u, packed);
	if (!err)
		err = unpack_some(&u, bf_bytes(tail, sizeof(tail)));
	/* zlib.h: 128 is set between two blocks. Elsewhere the message was cut, and its tail taken for data. */
	if (!err && (u.z.data_type & 128) == 0)
		err = -EBADMSG;
	len = u.capacity - u.z.avail_out;
	inflateEnd(&u.z);
	if (!err && len > len_max)
		err = -ENOBUFS;
	if (err) {
		free(u.out);
		return err;
	}
	*out = u.out;
	*out_len = len;
	return 0;
}
