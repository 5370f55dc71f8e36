#include "media/sctp/packet_priv.h"

#define COMMON_HEADER 12
#define CHUNK_HEADER  4
#define INIT_FIXED    16 /* tag, rwnd, streams out and in, TSN */
#define PARAM_HEADER  4

enum chunk_type {
	CHUNK_INIT = 1,
	CHUNK_INIT_ACK = 2,
	CHUNK_AUTH = 15,
	CHUNK_NR_SACK = 16,
	CHUNK_ASCONF_ACK = 0x80,
	CHUNK_PACKET_DROPPED = 0x81,
	CHUNK_ASCONF = 0xc1,
};

enum param_type {
	PARAM_IPV4 = 5,
	PARAM_IPV6 = 6,
	PARAM_HOST_NAME = 11,
};

/* Chunks and parameters stand at multiples of four; the last one's padding may be missing. */
static void skip_padding(struct bf_rd *rd, size_t len)
{
	size_t padding = (4 - len % 4) % 4;

	if (padding > bf_rd_left(rd))
		padding = bf_rd_left(rd);
	bf_rd_bytes(rd, padding);
}

static bool has_no_address(struct bf_bytes init)
{
	struct bf_rd rd = bf_rd(init);

	bf_rd_bytes(&rd, INIT_FIXED);
	while (!rd.is_short && bf_rd_left(&rd)) {
		uint16_t type = bf_rd_u16(&rd);
		uint16_t len = bf_rd_u16(&rd);

		if (len < PARAM_HEADER || type == PARAM_IPV4 || type == PARAM_IPV6 ||
			type == PARAM_HOST_NAME)
			return false;
		bf_rd_bytes(&rd, len - PARAM_HEADER);
		skip_padding(&rd, len);
	}
	return !rd.is_short;
}

static bool chunk_is_wanted(uint8_t type, struct bf_bytes value)
{
	switch (type) {
	case CHUNK_INIT:
	case CHUNK_INIT_ACK:
		return has_no_address(value);
	case CHUNK_AUTH:
	case CHUNK_NR_SACK:
	case CHUNK_ASCONF:
	case CHUNK_ASCONF_ACK:
	case CHUNK_PACKET_DROPPED:
		return false;
	default:
		return true;
	}
}

bool packet_is_wanted(struct bf_bytes packet, uint16_t source_port, uint16_t destination_port)
{
	struct bf_rd rd = bf_rd(packet);

	if (packet.len < COMMON_HEADER + CHUNK_HEADER)
		return false;
	if (bf_rd_u16(&rd) != source_port || bf_rd_u16(&rd) != destination_port)
		return false;
	bf_rd_bytes(&rd, COMMON_HEADER - 4); /* tag and checksum: usrsctp looks at them */
	while (bf_rd_left(&rd)) {
		uint8_t type = bf_rd_u8(&rd);
		uint16_t len;
		struct bf_bytes value;

		bf_rd_u8(&rd); /* flags */
		len = bf_rd_u16(&rd);
		if (len < CHUNK_HEADER)
			return false;
		value = bf_rd_bytes(&rd, len - CHUNK_HEADER);
		if (rd.is_short || !chunk_is_wanted(type, value))
			return false;
		skip_padding(&rd, len);
	}
	return true;
}
