/*
 *  0                   1                   2                   3
 * |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 * |                           timestamp                           |
 * |                             SSRC                              |
 * |                        CSRC, CC times                         |
 * |      profile of extension     |   words of extension data     |  if X
 * |                        extension data                         |
 * |             payload           |  padding ...  | padding bytes |  the last if P
 */
#include "media/rtp/rtp.h"

#include <assert.h>
#include <errno.h>

#define VERSION_BITS 0x80
#define PADDING_BIT  0x20
#define EXT_BIT	     0x10
#define CSRC_MASK    0x0f
#define MARKER_BIT   0x80

static bool is_version_2(uint8_t first)
{
	return first >> 6 == 2;
}

bool bf_rtp_is_rtcp(struct bf_bytes packet)
{
	return packet.len >= 2 && is_version_2(packet.data[0]) && packet.data[1] >= 192 &&
	       packet.data[1] <= 223;
}

int bf_rtp_parse_header(struct bf_rtp *out, struct bf_bytes packet)
{
	struct bf_rtp rtp = {0};
	struct bf_rd rd;
	uint8_t first, second;

	if (packet.len < BF_RTP_HEADER)
		return -EBADMSG;
	rd = bf_rd(packet);
	first = bf_rd_u8(&rd);
	second = bf_rd_u8(&rd);
	if (!is_version_2(first))
		return -EBADMSG;
	rtp.marker = (second & MARKER_BIT) != 0;
	rtp.pt = second & 0x7f;
	rtp.seq = bf_rd_u16(&rd);
	rtp.timestamp = bf_rd_u32(&rd);
	rtp.ssrc = bf_rd_u32(&rd);
	rtp.csrc_count = first & CSRC_MASK;
	rtp.csrcs = bf_rd_bytes(&rd, 4u * rtp.csrc_count);
	if (first & EXT_BIT) {
		rtp.has_ext = true;
		rtp.ext_profile = bf_rd_u16(&rd);
		rtp.ext = bf_rd_bytes(&rd, 4u * bf_rd_u16(&rd));
	}
	if (rd.is_short)
		return -EBADMSG;
	rtp.header_len = packet.len - bf_rd_left(&rd);
	rtp.payload = bf_rd_bytes(&rd, bf_rd_left(&rd));
	*out = rtp;
	return 0;
}

int bf_rtp_parse(struct bf_rtp *out, struct bf_bytes packet)
{
	struct bf_rtp rtp;
	int err = bf_rtp_parse_header(&rtp, packet);

	if (err)
		return err;
	if (packet.data[0] & PADDING_BIT) {
		if (rtp.payload.len == 0)
			return -EBADMSG;
		rtp.padding_len = rtp.payload.data[rtp.payload.len - 1];
		if (rtp.padding_len == 0 || rtp.padding_len > rtp.payload.len)
			return -EBADMSG;
		rtp.payload.len -= rtp.padding_len;
	}
	*out = rtp;
	return 0;
}

void bf_rtp_write_header(struct bf_wr *wr, const struct bf_rtp *rtp, struct bf_bytes ext)
{
	size_t csrc_count = rtp->csrcs.len / 4;
	size_t word_count = (ext.len + 3) / 4;
	unsigned first = VERSION_BITS;

	assert(rtp->csrcs.len % 4 == 0 && csrc_count <= CSRC_MASK);
	assert(word_count <= UINT16_MAX);
	assert(rtp->pt <= 0x7f);
	first |= rtp->padding_len ? PADDING_BIT : 0u;
	first |= ext.len ? EXT_BIT : 0u;
	first |= (unsigned)csrc_count;
	bf_wr_u8(wr, (uint8_t)first);
	bf_wr_u8(wr, (uint8_t)((rtp->marker ? MARKER_BIT : 0u) | rtp->pt));
	bf_wr_u16(wr, rtp->seq);
	bf_wr_u32(wr, rtp->timestamp);
	bf_wr_u32(wr, rtp->ssrc);
	bf_wr_bytes(wr, rtp->csrcs);
	if (ext.len) {
		bf_wr_u16(wr, rtp->ext_profile);
		bf_wr_u16(wr, (uint16_t)word_count);
		bf_wr_bytes(wr, ext);
		for (size_t i = ext.len; i < 4 * word_count; i++)
			bf_wr_u8(wr, 0);
	}
}

uint64_t bf_seq_guess(const struct bf_seq *state, uint16_t seq)
{
	if (!state->is_started)
		return UINT64_C(65536) + seq;
	/* The nearest number with these low bits; exactly half way round counts as older. */
	return state->highest + (uint64_t)(int64_t)(int16_t)(uint16_t)(seq - state->highest);
}

void bf_seq_commit(struct bf_seq *state, uint64_t ext_seq)
{
	if (!state->is_started || ext_seq > state->highest)
		state->highest = ext_seq;
	state->is_started = true;
}
