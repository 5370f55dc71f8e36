/* media/rtp/rtp_stats.h - reception statistics of one incoming stream, for receiver reports.
 *
 * Owner:   one receive stream, which embeds it.   Thread: its worker.   Never allocates.
 * Source:  RFC 3550 sections 6.4.1, A.3 (loss), A.8 (jitter).
 */
#ifndef BF_MEDIA_RTP_RTP_STATS_H
#define BF_MEDIA_RTP_RTP_STATS_H

#include "media/rtp/rtcp.h"

struct bf_rtp_stats {
	/* given */
	uint32_t clock_hz;
	/* state */
	uint64_t base_ext_seq, highest_ext_seq;
	uint64_t packet_count, byte_count;
	uint64_t expected_prior, received_prior;
	uint32_t last_transit;
	uint32_t jitter_q4;   /* 28.4 fixed point */
	uint32_t last_sr_lsr; /* middle 32 bits of the NTP time of the last SR */
	int64_t last_sr_at_us;
	bool is_started;
};

void bf_rtp_stats_init(struct bf_rtp_stats *stats, uint32_t clock_hz);

/* One packet that is not a duplicate; repaired ones count too (as RFC 3550 has it). */
void bf_rtp_stats_on_packet(struct bf_rtp_stats *stats, uint64_t ext_seq, uint32_t rtp_timestamp,
	size_t len, int64_t now_us);
void bf_rtp_stats_on_sr(struct bf_rtp_stats *stats, uint64_t ntp, int64_t now_us);

/* Fill the report block and start the next interval. False if nothing was received yet. */
bool bf_rtp_stats_report(
	struct bf_rtp_stats *stats, uint32_t ssrc, int64_t now_us, struct bf_rtcp_report *out);

/* Round-trip time out of a report about what we sent: `now_ntp` when it came in. 0 if it cannot be told. */
int64_t bf_rtp_rtt_us(const struct bf_rtcp_report *report, uint64_t now_ntp);

#endif
