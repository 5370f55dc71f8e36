#include "scripts/bench/check.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define HEADER	20
#define MAC	20
#define COOKIE	0x2112A442
#define REQUEST 0x0001
#define SUCCESS 0x0101

enum attr {
	ATTR_USERNAME = 0x0006,
	ATTR_INTEGRITY = 0x0008,
	ATTR_PRIORITY = 0x0024,
	ATTR_USE_CANDIDATE = 0x0025,
	ATTR_FINGERPRINT = 0x8028,
	ATTR_CONTROLLED = 0x8029,
	ATTR_CONTROLLING = 0x802A,
	ATTR_NETWORK_COST =
		0xC057, /* Chromium's; sent so that servers are seen to skip what they do not know */
};

/* The header's length covers what comes after it, `more` bytes of which are still to be written. */
static void set_length(const struct bf_wr *wr, size_t more)
{
	bf_put_u16(wr->start + 2, (uint16_t)(bf_wr_len(wr) - HEADER + more));
}

static void put_attr(struct bf_wr *wr, enum attr type, struct bf_bytes value)
{
	static const uint8_t zeros[4];

	bf_wr_u16(wr, (uint16_t)type);
	bf_wr_u16(wr, (uint16_t)value.len);
	bf_wr_bytes(wr, value);
	bf_wr_bytes(wr, bf_bytes(zeros, (4 - value.len % 4) % 4));
}

static void put_number(struct bf_wr *wr, enum attr type, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	bf_put_u64(bytes, value);
	put_attr(wr, type, bf_bytes(bytes + 8 - len, len));
}

static void make_mac(uint8_t out[static MAC], struct bf_bytes message, const char *password)
{
	unsigned len = MAC;

	HMAC(EVP_sha1(), password, (int)strlen(password), message.data, message.len, out, &len);
	assert(len == MAC);
}

/* CRC-32 of ISO 3309, four bits at a time. */
static uint32_t crc32(struct bf_bytes bytes)
{
	static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8,
		0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < bytes.len; i++) {
		crc = nibbles[(crc ^ bytes.data[i]) & 15] ^ crc >> 4;
		crc = nibbles[(crc ^ bytes.data[i] >> 4) & 15] ^ crc >> 4;
	}
	return ~crc;
}

size_t bench_check_write(uint8_t *out, size_t size, const struct bench_check *check,
	const uint8_t tid[static BENCH_TID_BYTES])
{
	struct bf_wr wr = bf_wr(out, size);
	uint8_t mac[MAC];

	bf_wr_u16(&wr, REQUEST);
	bf_wr_u16(&wr, 0);
	bf_wr_u32(&wr, COOKIE);
	bf_wr_bytes(&wr, bf_bytes(tid, BENCH_TID_BYTES));
	put_attr(&wr, ATTR_USERNAME, bf_bytes_str(check->username));
	put_number(&wr, ATTR_NETWORK_COST, 0x00010032, 4);
	put_number(&wr, check->is_controlled ? ATTR_CONTROLLED : ATTR_CONTROLLING,
		check->tie_breaker, 8);
	if (!check->is_controlled)
		put_attr(&wr, ATTR_USE_CANDIDATE, bf_bytes(NULL, 0));
	put_number(&wr, ATTR_PRIORITY, check->priority, 4);
	set_length(&wr, 4 + MAC); /* RFC 8489 section 14.5: as if it ended behind the integrity */
	make_mac(mac, bf_bytes(out, bf_wr_len(&wr)), check->password);
	put_attr(&wr, ATTR_INTEGRITY, bf_bytes(mac, MAC));
	set_length(&wr, 8);
	put_number(&wr, ATTR_FINGERPRINT, crc32(bf_bytes(out, bf_wr_len(&wr))) ^ 0x5354554e, 4);
	assert(!wr.is_full); /* the user name is bounded by the reader of the answer */
	return bf_wr_len(&wr);
}

/* Where the integrity attribute begins; 0 when there is none. */
static size_t find_integrity(struct bf_bytes packet)
{
	size_t at = HEADER;

	while (at + 4 <= packet.len) {
		size_t len = bf_get_u16(packet.data + at + 2);
		if (bf_get_u16(packet.data + at) == ATTR_INTEGRITY)
			return len == MAC && at + 4 + MAC <= packet.len ? at : 0;
		at += 4 + (len + 3) / 4 * 4;
	}
	return 0;
}

bool bench_check_is_answer(
	struct bf_bytes packet, const uint8_t tid[static BENCH_TID_BYTES], const char *password)
{
	uint8_t copy[BENCH_CHECK_MAX], mac[MAC];
	size_t at;

	if (packet.len < HEADER || packet.len > sizeof(copy) ||
		bf_get_u16(packet.data) != SUCCESS || bf_get_u32(packet.data + 4) != COOKIE ||
		memcmp(packet.data + 8, tid, BENCH_TID_BYTES) != 0)
		return false;
	at = find_integrity(packet);
	if (at == 0)
		return false;
	memcpy(copy, packet.data, at);
	bf_put_u16(copy + 2, (uint16_t)(at + 4 + MAC - HEADER));
	make_mac(mac, bf_bytes(copy, at), password);
	return memcmp(mac, packet.data + at + 4, MAC) == 0;
}
