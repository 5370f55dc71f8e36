/* Arrival times under any order of sequence numbers: every report is one RTCP packet that our own parser takes, and says the truth.
 *
 * Input: events of 5 bytes: step of the sequence number (signed, 2 bytes), step of time in 250 us (2 bytes), flags (poll).
 */
#include "media/cc/twcc.h"
#include "media/rtp/rtcp.h"

#include <assert.h>
#include <stdlib.h>

#define EVENT	 5
#define DATAGRAM 1200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_report(const struct bf_twcc *twcc, struct bf_bytes packet)
{
	static int64_t arrival_us[BF_TWCC_REPORT];
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	uint16_t base_seq;
	int count;

	bf_rtcp_begin(&it, packet);
	assert(bf_rtcp_next(&it, &rtcp) == 1);
	assert(rtcp.type == BF_RTCP_RTPFB && rtcp.fmt == BF_RTPFB_TWCC);
	count = bf_twcc_parse(rtcp.body, &base_seq, arrival_us, BF_TWCC_REPORT);
	assert(count > 0 && count <= BF_TWCC_REPORT);
	assert((uint16_t)(base_seq + count) == (uint16_t)twcc->next_ext_seq);
	assert(arrival_us[count - 1] != -1);
	for (int i = 0; i < count; i++) {
		uint64_t ext_seq = twcc->next_ext_seq - (uint64_t)(count - i);
		int64_t true_us = twcc->arrival_us[ext_seq % BF_TWCC_WINDOW];
		int64_t told_us = bf_twcc_reference_us(rtcp.body) + arrival_us[i];

		assert((true_us == 0) == (arrival_us[i] == -1));
		assert(true_us == 0 || told_us == true_us / 250 * 250 % BF_TWCC_REFERENCE_WRAP_US ||
			told_us == true_us / 250 * 250);
	}
	bf_rtcp_begin(&it, packet);
	assert(bf_rtcp_next(&it, &rtcp) == 1 && bf_rtcp_next(&it, &rtcp) == 0);
}

static void poll(struct bf_twcc *twcc, int64_t now_us)
{
	uint8_t buffer[DATAGRAM];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));

	while (bf_twcc_poll(twcc, now_us, &wr)) {
		check_report(twcc, bf_bytes(buffer, bf_wr_len(&wr)));
		wr = bf_wr(buffer, sizeof(buffer));
	}
	assert(!wr.is_full);
	assert(bf_twcc_deadline_us(twcc) > now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bf_twcc twcc;
	int64_t now_us = 1000000;
	uint16_t seq = 65000;

	bf_twcc_init(&twcc, 1);
	for (; size >= EVENT; data += EVENT, size -= EVENT) {
		int16_t step = (int16_t)bf_get_u16(data);

		seq = (uint16_t)(seq + (data[4] & 1 ? step : step % 8));
		now_us += (int64_t)bf_get_u16(data + 2) * (data[4] & 2 ? 250 : 3);
		bf_twcc_on_packet(&twcc, seq, 2, now_us);
		if (data[4] & 4)
			poll(&twcc, now_us);
	}
	if (twcc.is_started)
		poll(&twcc, now_us + BF_TWCC_INTERVAL_US);
	return 0;
}
