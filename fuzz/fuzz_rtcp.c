/* RTCP: the walk, every parser on every packet, transport-cc; what reads must survive being written and read again. */
#include "media/cc/twcc.h"
#include "media/rtp/rtcp.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT_MAX 64

/* The only packet that was written to `wr`. */
static struct bf_rtcp reread(const struct bf_wr *wr)
{
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;

	assert(!wr->is_full);
	bf_rtcp_begin(&it, bf_bytes(wr->start, bf_wr_len(wr)));
	assert(bf_rtcp_next(&it, &rtcp) == 1);
	return rtcp;
}

static bool is_same_report(const struct bf_rtcp_report *a, const struct bf_rtcp_report *b)
{
	return a->ssrc == b->ssrc && a->fraction_lost == b->fraction_lost &&
	       a->cumulative_lost == b->cumulative_lost && a->highest_seq == b->highest_seq &&
	       a->jitter == b->jitter && a->lsr == b->lsr && a->dlsr == b->dlsr;
}

static void check_reports(const struct bf_rtcp *rtcp)
{
	struct bf_rtcp_report reports[31], back[31];
	uint8_t buffer[1024];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	struct bf_rtcp_sr sr;
	int count = bf_rtcp_parse_reports(reports, 31, rtcp);
	struct bf_rtcp copy;

	if (count < 0)
		return;
	if (bf_rtcp_parse_sr(&sr, rtcp) == 0)
		bf_rtcp_write_sr(&wr, &sr, reports, (size_t)count);
	else
		bf_rtcp_write_rr(&wr, rtcp->ssrc, reports, (size_t)count);
	copy = reread(&wr);
	assert(bf_rtcp_parse_reports(back, 31, &copy) == count);
	for (int i = 0; i < count; i++)
		assert(is_same_report(&back[i], &reports[i]));
}

static void check_nack(const struct bf_rtcp *rtcp)
{
	uint16_t seqs[COUNT_MAX], back[COUNT_MAX];
	uint8_t buffer[1024];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	uint32_t ssrc, ssrc_back;
	int count = bf_rtcp_parse_nack(&ssrc, seqs, COUNT_MAX, rtcp);
	struct bf_rtcp copy;

	if (count <= 0)
		return;
	/* Only ascending lists are written: keep the ascending beginning. */
	for (int i = 1; i < count; i++) {
		uint16_t step = (uint16_t)(seqs[i] - seqs[i - 1]);

		if (step == 0 || step > 1000)
			count = i;
	}
	bf_rtcp_write_nack(&wr, 1, ssrc, seqs, (size_t)count);
	copy = reread(&wr);
	assert(bf_rtcp_parse_nack(&ssrc_back, back, COUNT_MAX, &copy) == count);
	assert(ssrc_back == ssrc);
	assert(memcmp(back, seqs, sizeof(seqs[0]) * (size_t)count) == 0);
}

static void check_remb(const struct bf_rtcp *rtcp)
{
	uint32_t ssrcs[COUNT_MAX], back[COUNT_MAX];
	uint8_t buffer[1024];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	uint64_t bitrate, bitrate_back;
	int count = bf_rtcp_parse_remb(&bitrate, ssrcs, COUNT_MAX, rtcp);
	struct bf_rtcp copy;

	if (count < 0)
		return;
	bf_rtcp_write_remb(&wr, rtcp->ssrc, bitrate, ssrcs, (size_t)count);
	copy = reread(&wr);
	assert(bf_rtcp_parse_remb(&bitrate_back, back, COUNT_MAX, &copy) == count);
	assert(bitrate_back <= bitrate && bitrate - bitrate_back <= bitrate >> 17);
}

static void check_rest(const struct bf_rtcp *rtcp)
{
	struct bf_rtcp_fir firs[COUNT_MAX];
	uint32_t ssrcs[COUNT_MAX];
	int64_t arrival_us[COUNT_MAX];
	uint16_t base_seq;
	int count;

	(void)bf_rtcp_parse_pli(ssrcs, rtcp);
	count = bf_rtcp_parse_fir(firs, COUNT_MAX, rtcp);
	assert(count <= COUNT_MAX);
	count = bf_rtcp_parse_bye(ssrcs, COUNT_MAX, rtcp);
	assert(count <= 31);
	count = bf_twcc_parse(rtcp->body, &base_seq, arrival_us, COUNT_MAX);
	assert(count <= COUNT_MAX);
	for (int i = 0; i < count; i++)
		assert(arrival_us[i] == -1 || arrival_us[i] % 250 == 0);
	(void)bf_twcc_reference_us(rtcp->body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	int64_t arrival_us[COUNT_MAX];
	uint16_t base_seq;

	(void)bf_twcc_parse(bf_bytes(data, size), &base_seq, arrival_us, COUNT_MAX);
	bf_rtcp_begin(&it, bf_bytes(data, size));
	while (bf_rtcp_next(&it, &rtcp) == 1) {
		assert(rtcp.body.len <= size);
		check_reports(&rtcp);
		check_nack(&rtcp);
		check_remb(&rtcp);
		check_rest(&rtcp);
	}
	return 0;
}
