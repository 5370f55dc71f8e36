/*
 *  0                   1                   2                   3
 * |V=2|P|  fmt    |      type     |  32-bit words that follow     |
 * |                      SSRC of the sender                       |
 * |                 body by type, padding if P                    |
 */
#include "media/rtp/rtcp.h"

#include <errno.h>

#define SR_HEAD	    24 /* SSRC, NTP, RTP timestamp, two counts */
#define RR_HEAD	    4  /* SSRC */
#define REPORT_SIZE 24
#define FB_HEAD	    8 /* SSRC of the sender, SSRC of the media */

void bf_rtcp_begin(struct bf_rtcp_it *it, struct bf_bytes packet)
{
	memset(it, 0, sizeof(*it));
	if (packet.len > 0)
		it->rd = bf_rd(packet);
}

/* Libraries in use pad transport-cc with 1 to 3 bytes, so multiples of four cannot be asked for. */
static int strip_padding(struct bf_bytes *body)
{
	uint8_t padding_len;

	if (body->len == 0)
		return -EBADMSG;
	padding_len = body->data[body->len - 1];
	if (padding_len == 0 || padding_len > body->len)
		return -EBADMSG;
	body->len -= padding_len;
	return 0;
}

static int read_packet(struct bf_rd *rd, struct bf_rtcp *out)
{
	struct bf_rtcp rtcp = {0};
	uint8_t first = bf_rd_u8(rd);

	rtcp.fmt = first & 0x1f;
	rtcp.type = bf_rd_u8(rd);
	rtcp.body = bf_rd_bytes(rd, 4u * bf_rd_u16(rd));
	if (rd->is_short || first >> 6 != 2)
		return -EBADMSG;
	if ((first & 0x20) != 0 && strip_padding(&rtcp.body) < 0)
		return -EBADMSG;
	if (rtcp.body.len >= 4)
		rtcp.ssrc = bf_get_u32(rtcp.body.data);
	*out = rtcp;
	return 0;
}

int bf_rtcp_next(struct bf_rtcp_it *it, struct bf_rtcp *out)
{
	int err;

	if (it->rd.is_short)
		return -EBADMSG;
	if (bf_rd_left(&it->rd) == 0 || it->count == BF_RTCP_MAX)
		return 0;
	err = read_packet(&it->rd, out);
	if (err) {
		it->rd.is_short = true; /* the next call says the same */
		return err;
	}
	it->count++;
	return 1;
}

static bool is_feedback(const struct bf_rtcp *rtcp, uint8_t type, uint8_t fmt)
{
	return rtcp->type == type && rtcp->fmt == fmt && rtcp->body.len >= FB_HEAD;
}

int bf_rtcp_parse_sr(struct bf_rtcp_sr *out, const struct bf_rtcp *rtcp)
{
	struct bf_rd rd;

	if (rtcp->type != BF_RTCP_SR || rtcp->body.len < SR_HEAD)
		return -EBADMSG;
	rd = bf_rd(rtcp->body);
	out->ssrc = bf_rd_u32(&rd);
	out->ntp = bf_rd_u64(&rd);
	out->rtp_timestamp = bf_rd_u32(&rd);
	out->packet_count = bf_rd_u32(&rd);
	out->byte_count = bf_rd_u32(&rd);
	return 0;
}

static void read_report(struct bf_rtcp_report *out, const uint8_t *at)
{
	uint32_t lost = bf_get_u24(at + 5);

	out->ssrc = bf_get_u32(at);
	out->fraction_lost = at[4];
	out->cumulative_lost = (int32_t)(lost ^ 0x800000) - 0x800000; /* sign of 24 bits */
	out->highest_seq = bf_get_u32(at + 8);
	out->jitter = bf_get_u32(at + 12);
	out->lsr = bf_get_u32(at + 16);
	out->dlsr = bf_get_u32(at + 20);
}

int bf_rtcp_parse_reports(struct bf_rtcp_report *out, size_t count, const struct bf_rtcp *rtcp)
{
	size_t head = rtcp->type == BF_RTCP_SR ? SR_HEAD : RR_HEAD;
	size_t idx;

	if (rtcp->type != BF_RTCP_SR && rtcp->type != BF_RTCP_RR)
		return -EBADMSG;
	if (rtcp->body.len < head + (size_t)rtcp->fmt * REPORT_SIZE)
		return -EBADMSG;
	for (idx = 0; idx < rtcp->fmt && idx < count; idx++)
		read_report(&out[idx], rtcp->body.data + head + idx * REPORT_SIZE);
	return (int)idx;
}

/* |  sequence number of a lost packet  |  bit i: that plus i+1 is lost too  |  once or more */
int bf_rtcp_parse_nack(
	uint32_t *media_ssrc, uint16_t *seqs, size_t count, const struct bf_rtcp *rtcp)
{
	size_t written = 0;

	if (!is_feedback(rtcp, BF_RTCP_RTPFB, BF_RTPFB_NACK) || rtcp->body.len < FB_HEAD + 4)
		return -EBADMSG;
	for (size_t at = FB_HEAD; at + 4 <= rtcp->body.len; at += 4) {
		uint16_t pid = bf_get_u16(rtcp->body.data + at);
		uint32_t mask = (uint32_t)bf_get_u16(rtcp->body.data + at + 2) << 1 | 1;

		for (unsigned bit = 0; bit <= 16 && written < count; bit++) {
			if (mask >> bit & 1)
				seqs[written++] = (uint16_t)(pid + bit);
		}
	}
	*media_ssrc = bf_get_u32(rtcp->body.data + 4);
	return (int)written;
}

int bf_rtcp_parse_pli(uint32_t *media_ssrc, const struct bf_rtcp *rtcp)
{
	if (!is_feedback(rtcp, BF_RTCP_PSFB, BF_PSFB_PLI))
		return -EBADMSG;
	*media_ssrc = bf_get_u32(rtcp->body.data + 4);
	return 0;
}

/* |  SSRC that shall send a keyframe  |  command number, 24 bits reserved  |  once or more */
int bf_rtcp_parse_fir(struct bf_rtcp_fir *out, size_t count, const struct bf_rtcp *rtcp)
{
	size_t written = 0;

	if (!is_feedback(rtcp, BF_RTCP_PSFB, BF_PSFB_FIR) || rtcp->body.len < FB_HEAD + 8)
		return -EBADMSG;
	for (size_t at = FB_HEAD; at + 8 <= rtcp->body.len && written < count; at += 8) {
		out[written].ssrc = bf_get_u32(rtcp->body.data + at);
		out[written].command_seq = rtcp->body.data[at + 4];
		written++;
	}
	return (int)written;
}

/* |  "REMB"  |  number of SSRCs (8), exponent (6), mantissa (18)  |  SSRCs ... */
int bf_rtcp_parse_remb(
	uint64_t *bitrate_bps, uint32_t *ssrcs, size_t count, const struct bf_rtcp *rtcp)
{
	const uint8_t *fci;
	uint64_t mantissa, bitrate;
	unsigned exponent;
	size_t idx;

	if (!is_feedback(rtcp, BF_RTCP_PSFB, BF_PSFB_AFB) || rtcp->body.len < FB_HEAD + 8)
		return -EBADMSG;
	fci = rtcp->body.data + FB_HEAD;
	if (memcmp(fci, "REMB", 4) != 0 || rtcp->body.len < FB_HEAD + 8 + 4u * fci[4])
		return -EBADMSG;
	exponent = fci[5] >> 2;
	mantissa = bf_get_u24(fci + 5) & 0x3ffff;
	bitrate = mantissa << exponent;
	if (bitrate >> exponent != mantissa)
		bitrate = UINT64_MAX;
	*bitrate_bps = bitrate;
	for (idx = 0; idx < fci[4] && idx < count; idx++)
		ssrcs[idx] = bf_get_u32(fci + 8 + 4 * idx);
	return (int)idx;
}

int bf_rtcp_parse_bye(uint32_t *ssrcs, size_t count, const struct bf_rtcp *rtcp)
{
	size_t idx;

	if (rtcp->type != BF_RTCP_BYE || rtcp->body.len < 4u * rtcp->fmt)
		return -EBADMSG;
	for (idx = 0; idx < rtcp->fmt && idx < count; idx++)
		ssrcs[idx] = bf_get_u32(rtcp->body.data + 4 * idx);
	return (int)idx;
}
