#include "core/base/id.h"

#include "core/base/clock.h"
#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t bf_id_new(void)
{
	uint64_t id;

	do {
		id = bf_rand_u64();
	} while (id == 0);
	return id;
}

const char *bf_id_format(uint64_t id, char out[static BF_ID_TEXT])
{
	for (int i = 0; i < 16; i++)
		out[i] = hex_digits[(id >> (60 - 4 * i)) & 15];
	out[16] = '\0';
	return out;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int bf_id_parse(uint64_t *out, struct bf_bytes text)
{
	uint64_t id = 0;

	if (text.len != 16)
		return -EINVAL;
	for (size_t i = 0; i < 16; i++) {
		int value = hex_value(text.data[i]);

		if (value < 0)
			return -EINVAL;
		id = id << 4 | (uint64_t)value;
	}
	if (id == 0)
		return -EINVAL;
	*out = id;
	return 0;
}

/* Milliseconds and, in 12 bits, 1/4096 of one: the first 60 free bits of a UUIDv7 (RFC 9562 section 6.2,
 * method 3). "Ascending within the process" is a fact about all threads, hence the one static
 * here; it holds even when the wall clock steps back, by counting on from the last value. */
static uint64_t uuid_ticks(void)
{
	static _Atomic uint64_t last;
	uint64_t wall_us = (uint64_t)bf_clock_wall_us();
	uint64_t now = (wall_us / 1000) << 12 | (wall_us % 1000 * 4096 / 1000);
	uint64_t seen = atomic_load_explicit(&last, memory_order_relaxed);
	uint64_t next;

	do {
		next = now > seen ? now : seen + 1;
	} while (!atomic_compare_exchange_weak(&last, &seen, next));
	return next;
}

struct bf_uuid bf_uuid_make(void)
{
	/*  0                   1                   2                   3
	 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
	 * |                          unix_ts_ms                           |
	 * |          unix_ts_ms           |  ver  |     1/4096 ms         |
	 * |var|                          random                           |
	 * |                            random                             | */
	uint64_t ticks = uuid_ticks();
	struct bf_uuid uuid;

	bf_put_u32(uuid.bytes, (uint32_t)(ticks >> 28));
	bf_put_u16(uuid.bytes + 4, (uint16_t)(ticks >> 12));
	bf_put_u16(uuid.bytes + 6, (uint16_t)(0x7000 | (ticks & 0xfff)));
	bf_rand_bytes(uuid.bytes + 8, 8);
	uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3f));
	return uuid;
}

/* Where the text has a hyphen before the `i`-th byte. */
static bool is_after_hyphen(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

const char *bf_uuid_format(struct bf_uuid uuid, char out[static BF_UUID_TEXT])
{
	char *at = out;

	for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
		if (is_after_hyphen(i))
			*at++ = '-';
		*at++ = hex_digits[uuid.bytes[i] >> 4];
		*at++ = hex_digits[uuid.bytes[i] & 15];
	}
	*at = '\0';
	return out;
}

int bf_uuid_parse(struct bf_uuid *out, struct bf_bytes text)
{
	struct bf_uuid uuid;
	size_t at = 0;

	if (text.len != BF_UUID_TEXT - 1)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
		int high, low;

		if (is_after_hyphen(i) && text.data[at++] != '-')
			return -EINVAL;
		high = hex_value(text.data[at++]);
		low = hex_value(text.data[at++]);
		if (high < 0 || low < 0)
			return -EINVAL;
		uuid.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*out = uuid;
	return 0;
}

const char *bf_uuid_new(char out[static BF_UUID_TEXT])
{
	return bf_uuid_format(bf_uuid_make(), out);
}

/* Digits of `len` bytes; a last group of 1 or 2 bytes becomes 2 or 3 digits. Returns how many. */
static size_t encode(char *out, const uint8_t *data, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i < 3 ? len - i : 3;
		uint32_t group = (uint32_t)data[i] << 16;

		if (left > 1)
			group |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			group |= data[i + 2];
		for (size_t k = 0; k <= left; k++)
			out[count++] = base64url_digits[(group >> (18 - 6 * k)) & 63];
	}
	return count;
}

void bf_token_new(char *out, size_t out_size, size_t byte_count)
{
	uint8_t bytes
		[48]; /* a multiple of 3, so that only the last round may end in a short group */

	assert(byte_count < SIZE_MAX / 4 && out_size >= 4 * byte_count / 3 + 2);
	while (byte_count > 0) {
		size_t n = byte_count < sizeof(bytes) ? byte_count : sizeof(bytes);

		bf_rand_bytes(bytes, n);
		out += encode(out, bytes, n);
		byte_count -= n;
	}
	*out = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

int bf_base64url_encode(char *out, size_t out_size, struct bf_bytes bytes)
{
	size_t len;

	if (bytes.len > INT_MAX / 2)
		return -ENOBUFS;
	if (out_size < (bytes.len * 4 + 2) / 3 + 1)
		return -ENOBUFS;
	len = encode(out, bytes.data, bytes.len);
	out[len] = '\0';
	return (int)len;
}

static int base64url_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/* How many digits come before the padding; -EINVAL for padding that does not fill up a group. */
static int unpadded_len(size_t *out, struct bf_bytes text)
{
	size_t len = text.len;

	while (len > 0 && text.len - len < 2 && text.data[len - 1] == '=')
		len--;
	if (len != text.len && text.len % 4 != 0)
		return -EINVAL;
	if (len % 4 == 1)
		return -EINVAL;
	*out = len;
	return 0;
}

int bf_base64url_decode(uint8_t *out, size_t out_size, struct bf_bytes text)
{
	size_t len, count = 0;
	uint32_t bits = 0;
	unsigned bit_count = 0;

	if (unpadded_len(&len, text) < 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (base64url_value(text.data[i]) < 0)
			return -EINVAL;
	}
	if (len > INT_MAX || len / 4 * 3 + len % 4 * 3 / 4 > out_size)
		return -ENOBUFS;
	/* The bits left over are zero in the one right spelling; others would be a second name for
	 * the same bytes (RFC 4648 section 3.5). */
	if (len % 4 != 0 && (base64url_value(text.data[len - 1]) & (len % 4 == 2 ? 15 : 3)) != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		bits = bits << 6 | (uint32_t)base64url_value(text.data[i]);
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			out[count++] = (uint8_t)(bits >> bit_count);
		}
	}
	return (int)count;
}
