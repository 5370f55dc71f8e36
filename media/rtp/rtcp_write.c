#include "media/rtp/rtcp.h"

#include <assert.h>

#define FB_HEAD	    8
#define REPORT_SIZE 24
#define COUNT_MAX   31 /* five bits */
#define SDES_CNAME  1

/* Room for a whole packet with its header written, or NULL: a packet that does not fit leaves nothing behind. */
static uint8_t *reserve(struct bf_wr *wr, unsigned fmt, uint8_t type, size_t body_len)
{
	uint8_t *at;

	assert(body_len % 4 == 0 && body_len / 4 <= UINT16_MAX);
	assert(fmt <= COUNT_MAX);
	at = bf_wr_reserve(wr, 4 + body_len);
	if (!at)
		return NULL;
	at[0] = (uint8_t)(0x80 | fmt);
	at[1] = type;
	bf_put_u16(at + 2, (uint16_t)(body_len / 4));
	return at + 4;
}

static uint8_t *reserve_feedback(struct bf_wr *wr, unsigned fmt, uint8_t type, size_t fci_len,
	uint32_t sender_ssrc, uint32_t media_ssrc)
{
	uint8_t *body = reserve(wr, fmt, type, FB_HEAD + fci_len);

	if (!body)
		return NULL;
	bf_put_u32(body, sender_ssrc);
	bf_put_u32(body + 4, media_ssrc);
	return body + FB_HEAD;
}

static void put_reports(uint8_t *at, const struct bf_rtcp_report *reports, size_t count)
{
	for (size_t i = 0; i < count; i++, at += REPORT_SIZE) {
		bf_put_u32(at, reports[i].ssrc);
		at[4] = reports[i].fraction_lost;
		bf_put_u24(at + 5, (uint32_t)reports[i].cumulative_lost & 0xffffff);
		bf_put_u32(at + 8, reports[i].highest_seq);
		bf_put_u32(at + 12, reports[i].jitter);
		bf_put_u32(at + 16, reports[i].lsr);
		bf_put_u32(at + 20, reports[i].dlsr);
	}
}

void bf_rtcp_write_sr(struct bf_wr *wr, const struct bf_rtcp_sr *sr,
	const struct bf_rtcp_report *reports, size_t report_count)
{
	uint8_t *at =
		reserve(wr, (unsigned)report_count, BF_RTCP_SR, 24 + report_count * REPORT_SIZE);

	if (!at)
		return;
	bf_put_u32(at, sr->ssrc);
	bf_put_u64(at + 4, sr->ntp);
	bf_put_u32(at + 12, sr->rtp_timestamp);
	bf_put_u32(at + 16, sr->packet_count);
	bf_put_u32(at + 20, sr->byte_count);
	put_reports(at + 24, reports, report_count);
}

void bf_rtcp_write_rr(
	struct bf_wr *wr, uint32_t ssrc, const struct bf_rtcp_report *reports, size_t report_count)
{
	uint8_t *at =
		reserve(wr, (unsigned)report_count, BF_RTCP_RR, 4 + report_count * REPORT_SIZE);

	if (!at)
		return;
	bf_put_u32(at, ssrc);
	put_reports(at + 4, reports, report_count);
}

/* |  SSRC  |  1 (CNAME)  |  len  |  text ...  | zeros: at least one, up to 32 bits */
void bf_rtcp_write_sdes(struct bf_wr *wr, uint32_t ssrc, const char *cname)
{
	size_t len = strlen(cname);
	size_t body_len = (4 + 2 + len + 1 + 3) / 4 * 4;
	uint8_t *at;

	assert(len <= UINT8_MAX);
	at = reserve(wr, 1, BF_RTCP_SDES, body_len);
	if (!at)
		return;
	memset(at, 0, body_len);
	bf_put_u32(at, ssrc);
	at[4] = SDES_CNAME;
	at[5] = (uint8_t)len;
	memcpy(at + 6, cname, len);
}

void bf_rtcp_write_bye(struct bf_wr *wr, const uint32_t *ssrcs, size_t count)
{
	uint8_t *at = reserve(wr, (unsigned)count, BF_RTCP_BYE, 4 * count);

	for (size_t i = 0; at && i < count; i++)
		bf_put_u32(at + 4 * i, ssrcs[i]);
}

/* How many of `seqs`, which ascend, the pair that begins at the first of them covers. */
static size_t pack_pair(const uint16_t *seqs, size_t count, uint16_t *mask)
{
	size_t idx = 1;

	*mask = 0;
	while (idx < count) {
		uint16_t distance = (uint16_t)(seqs[idx] - seqs[0]);

		if (distance > 16)
			break;
		if (distance > 0)
			*mask |= (uint16_t)(1u << (distance - 1));
		idx++;
	}
	return idx;
}

void bf_rtcp_write_nack(struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc,
	const uint16_t *seqs, size_t count)
{
	size_t pair_count = 0;
	uint16_t mask;
	uint8_t *at;

	assert(count > 0);
	for (size_t i = 0; i < count; pair_count++)
		i += pack_pair(seqs + i, count - i, &mask);
	at = reserve_feedback(
		wr, BF_RTPFB_NACK, BF_RTCP_RTPFB, 4 * pair_count, sender_ssrc, media_ssrc);
	for (size_t i = 0; at && i < count; at += 4) {
		bf_put_u16(at, seqs[i]);
		i += pack_pair(seqs + i, count - i, &mask);
		bf_put_u16(at + 2, mask);
	}
}

void bf_rtcp_write_pli(struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc)
{
	(void)reserve_feedback(wr, BF_PSFB_PLI, BF_RTCP_PSFB, 0, sender_ssrc, media_ssrc);
}

/* RFC 5104 section 4.3.1.2: the media SSRC of the head is 0, the target stands in the entry. */
void bf_rtcp_write_fir(
	struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t command_seq)
{
	uint8_t *at = reserve_feedback(wr, BF_PSFB_FIR, BF_RTCP_PSFB, 8, sender_ssrc, 0);

	if (!at)
		return;
	bf_put_u32(at, media_ssrc);
	bf_put_u32(at + 4, (uint32_t)command_seq << 24);
}

void bf_rtcp_write_remb(struct bf_wr *wr, uint32_t sender_ssrc, uint64_t bitrate_bps,
	const uint32_t *ssrcs, size_t count)
{
	unsigned exponent = 0;
	uint8_t *at;

	assert(count <= UINT8_MAX);
	while (bitrate_bps >> exponent > 0x3ffff)
		exponent++;
	at = reserve_feedback(wr, BF_PSFB_AFB, BF_RTCP_PSFB, 8 + 4 * count, sender_ssrc, 0);
	if (!at)
		return;
	memcpy(at, "REMB", 4);
	at[4] = (uint8_t)count;
	bf_put_u24(at + 5, (uint32_t)exponent << 18 | (uint32_t)(bitrate_bps >> exponent));
	for (size_t i = 0; i < count; i++)
		bf_put_u32(at + 8 + 4 * i, ssrcs[i]);
}
