#include "media/sctp/dcep_priv.h"

#include <errno.h>

/*    0               1               2               3
 *   +---------------+---------------+-------------------------------+
 *   | type          | channel type  | priority                      |
 *   +---------------+---------------+-------------------------------+
 *   | reliability                                                   |
 *   +-------------------------------+-------------------------------+
 *   | label length                  | protocol length               |
 *   +-------------------------------+-------------------------------+
 *   | label, protocol                                               |
 */
#define TYPE_ACK	  0x02
#define TYPE_OPEN	  0x03

#define CHANNEL_UNORDERED 0x80

static int parse_open(struct dcep *out, struct bf_rd *rd)
{
	struct bf_sctp_channel channel = {0};
	uint8_t type = bf_rd_u8(rd);
	uint16_t label_len, protocol_len;
	uint32_t limit;

	channel.priority = bf_rd_u16(rd);
	limit = bf_rd_u32(rd);
	label_len = bf_rd_u16(rd);
	protocol_len = bf_rd_u16(rd);
	if (label_len > BF_SCTP_LABEL_MAX || protocol_len > BF_SCTP_LABEL_MAX)
		return -ENOBUFS;
	channel.label = bf_rd_bytes(rd, label_len);
	channel.protocol = bf_rd_bytes(rd, protocol_len);
	if (rd->is_short || bf_rd_left(rd))
		return -EBADMSG;
	if ((type & ~CHANNEL_UNORDERED) > BF_SCTP_TIMED)
		return -EBADMSG;
	channel.is_unordered = type & CHANNEL_UNORDERED;
	channel.type = (enum bf_sctp_type)(type & ~CHANNEL_UNORDERED);
	channel.limit = channel.type == BF_SCTP_RELIABLE ? 0 : limit;
	*out = (struct dcep){.kind = DCEP_OPEN, .channel = channel};
	return 0;
}

int dcep_parse(struct dcep *out, struct bf_bytes message)
{
	struct bf_rd rd = bf_rd(message);

	switch (bf_rd_u8(&rd)) {
	case TYPE_OPEN:
		return parse_open(out, &rd);
	case TYPE_ACK:
		if (bf_rd_left(&rd))
			return -EBADMSG;
		*out = (struct dcep){.kind = DCEP_ACK};
		return 0;
	default:
		return -EBADMSG;
	}
}

bool dcep_can_write(const struct bf_sctp_channel *channel)
{
	return channel->label.len <= BF_SCTP_LABEL_MAX &&
	       channel->protocol.len <= BF_SCTP_LABEL_MAX &&
	       (unsigned)channel->type <= BF_SCTP_TIMED;
}

size_t dcep_write_open(uint8_t *out, size_t size, const struct bf_sctp_channel *channel)
{
	struct bf_wr wr = bf_wr(out, size);
	unsigned type = channel->type | (channel->is_unordered ? CHANNEL_UNORDERED : 0u);

	bf_wr_u8(&wr, TYPE_OPEN);
	bf_wr_u8(&wr, (uint8_t)type);
	bf_wr_u16(&wr, channel->priority);
	bf_wr_u32(&wr, channel->type == BF_SCTP_RELIABLE ? 0 : channel->limit);
	bf_wr_u16(&wr, (uint16_t)channel->label.len);
	bf_wr_u16(&wr, (uint16_t)channel->protocol.len);
	bf_wr_bytes(&wr, channel->label);
	bf_wr_bytes(&wr, channel->protocol);
	return bf_wr_len(&wr);
}

size_t dcep_write_ack(uint8_t *out)
{
	out[0] = TYPE_ACK;
	return 1;
}
