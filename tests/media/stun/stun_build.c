#include "tests/media/stun/stun_build.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void set_length(uint8_t *message, size_t len)
{
	bf_put_u16(message + 2, (uint16_t)(len - 20));
}

void stun_begin(struct stun_build *build, uint16_t type, uint8_t tid_byte)
{
	memset(build, 0, sizeof(*build));
	bf_put_u16(build->bytes, type);
	bf_put_u32(build->bytes + 4, 0x2112A442);
	memset(build->bytes + 8, tid_byte, 12);
	build->len = 20;
}

void stun_attr(struct stun_build *build, uint16_t type, const void *value, size_t len)
{
	uint8_t *at = build->bytes + build->len;

	assert(build->len + 8 + len <= sizeof(build->bytes));
	bf_put_u16(at, type);
	bf_put_u16(at + 2, (uint16_t)len);
	if (len > 0)
		memcpy(at + 4, value, len);
	build->len += 4 + (len + 3) / 4 * 4;
	set_length(build->bytes, build->len);
}

void stun_attr_u32(struct stun_build *build, uint16_t type, uint32_t value)
{
	uint8_t bytes[4];

	bf_put_u32(bytes, value);
	stun_attr(build, type, bytes, sizeof(bytes));
}

void stun_attr_u64(struct stun_build *build, uint16_t type, uint64_t value)
{
	uint8_t bytes[8];

	bf_put_u64(bytes, value);
	stun_attr(build, type, bytes, sizeof(bytes));
}

/* Of the message up to `at`, with a length that ends behind the MESSAGE-INTEGRITY that goes there. */
static void hmac(uint8_t out[static 20], const uint8_t *message, size_t at, const char *password)
{
	uint8_t copy[2048];
	unsigned len = 20;

	memcpy(copy, message, at);
	set_length(copy, at + 24);
	HMAC(EVP_sha1(), password, (int)strlen(password), copy, at, out, &len);
}

/* CRC-32 of ISO 3309, bit by bit, as RFC 8489 section 14.7 wants it. */
static uint32_t fingerprint(const uint8_t *message, size_t at)
{
	uint8_t copy[2048];
	uint32_t crc = 0xffffffff;

	memcpy(copy, message, at);
	set_length(copy, at + 8);
	for (size_t i = 0; i < at; i++) {
		crc ^= copy[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
	}
	return ~crc ^ 0x5354554e;
}

void stun_integrity(struct stun_build *build, const char *password)
{
	uint8_t mac[20];

	hmac(mac, build->bytes, build->len, password);
	stun_attr(build, 0x0008, mac, sizeof(mac));
}

void stun_fingerprint(struct stun_build *build)
{
	stun_attr_u32(build, 0x8028, fingerprint(build->bytes, build->len));
}

struct bf_bytes stun_view(const struct stun_build *build)
{
	return bf_bytes(build->bytes, build->len);
}

void stun_check(struct stun_build *build, const struct stun_check *check)
{
	stun_begin(build, STUN_REQUEST_TYPE, 7);
	stun_attr(build, 0x0006, check->username, strlen(check->username));
	stun_attr_u32(build, 0xC057, 0x00010032); /* as Chromium: network id and cost */
	stun_attr_u64(build, check->is_controlled ? 0x8029 : 0x802A, 0x0102030405060708);
	if (check->use_candidate)
		stun_attr(build, 0x0025, NULL, 0);
	stun_attr_u32(build, 0x0024, check->priority);
	stun_integrity(build, check->password);
	stun_fingerprint(build);
}

static const uint8_t *find(struct bf_bytes message, uint16_t type)
{
	for (size_t at = 20; at + 4 <= message.len;
		at += 4 + (bf_get_u16(message.data + at + 2) + 3u) / 4 * 4)
		if (bf_get_u16(message.data + at) == type)
			return message.data + at;
	return NULL;
}

struct bf_bytes stun_find(struct bf_bytes message, uint16_t type)
{
	const uint8_t *at = find(message, type);

	return at ? bf_bytes(at + 4, bf_get_u16(at + 2)) : bf_bytes(NULL, 0);
}

bool stun_integrity_is_right(struct bf_bytes message, const char *password)
{
	const uint8_t *at = find(message, 0x0008);
	uint8_t mac[20];

	if (!at)
		return false;
	hmac(mac, message.data, (size_t)(at - message.data), password);
	return memcmp(mac, at + 4, 20) == 0;
}

bool stun_fingerprint_is_right(struct bf_bytes message)
{
	const uint8_t *at = find(message, 0x8028);

	if (!at || at + 8 != message.data + message.len)
		return false;
	return bf_get_u32(at + 4) == fingerprint(message.data, (size_t)(at - message.data));
}

int stun_error_code(struct bf_bytes message)
{
	struct bf_bytes value = stun_find(message, 0x0009);

	return value.len >= 4 ? value.data[2] * 100 + value.data[3] : 0;
}
