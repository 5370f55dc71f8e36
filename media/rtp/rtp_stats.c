#include "media/rtp/rtp_stats.h"

#include <assert.h>

/* The middle of an NTP time counts seconds in 16.16 fixed point. */
#define NTP_MIDDLE_HZ 65536

#define LOST_MAX      0x7fffff
#define LOST_MIN      (-0x800000)

/* Beyond this a packet did not travel longer: the sender started its timestamps anew. */
#define TRANSIT_STEP_MAX_S 10

void bf_rtp_stats_init(struct bf_rtp_stats *stats, uint32_t clock_hz)
{
	assert(clock_hz > 0);
	*stats = (struct bf_rtp_stats){.clock_hz = clock_hz};
}

/* `now_us` in units of the stream's clock, in a way that years of uptime do not overflow. */
static uint32_t to_rtp_clock(const struct bf_rtp_stats *stats, int64_t now_us)
{
	uint64_t us = (uint64_t)now_us;

	return (uint32_t)(us / 1000000 * stats->clock_hz +
			  us % 1000000 * stats->clock_hz / 1000000);
}

static void update_jitter(struct bf_rtp_stats *stats, uint32_t transit)
{
	uint32_t step = transit - stats->last_transit;

	if (step > INT32_MAX)
		step = 0 - step;
	stats->last_transit = transit;
	if (step > (uint64_t)TRANSIT_STEP_MAX_S * stats->clock_hz)
		return;
	stats->jitter_q4 += step - ((stats->jitter_q4 + 8) >> 4);
}

void bf_rtp_stats_on_packet(struct bf_rtp_stats *stats, uint64_t ext_seq, uint32_t rtp_timestamp,
	size_t len, int64_t now_us)
{
	uint32_t transit = to_rtp_clock(stats, now_us) - rtp_timestamp;

	stats->packet_count++;
	stats->byte_count += len;
	if (!stats->is_started) {
		stats->is_started = true;
		stats->base_ext_seq = ext_seq;
		stats->highest_ext_seq = ext_seq;
		stats->last_transit = transit;
		return;
	}
	if (ext_seq <= stats->highest_ext_seq)
		return; /* a repaired packet's delay is that of the repair: no jitter of the path */
	stats->highest_ext_seq = ext_seq;
	update_jitter(stats, transit);
}

void bf_rtp_stats_on_sr(struct bf_rtp_stats *stats, uint64_t ntp, int64_t now_us)
{
	stats->last_sr_lsr = (uint32_t)(ntp >> 16);
	stats->last_sr_at_us = now_us;
}

static uint32_t delay_since_sr(const struct bf_rtp_stats *stats, int64_t now_us)
{
	uint64_t delay_us = (uint64_t)(now_us - stats->last_sr_at_us);

	if (stats->last_sr_lsr == 0)
		return 0;
	if (delay_us / 1000000 >= NTP_MIDDLE_HZ)
		return UINT32_MAX;
	return (uint32_t)(delay_us * NTP_MIDDLE_HZ / 1000000);
}

bool bf_rtp_stats_report(
	struct bf_rtp_stats *stats, uint32_t ssrc, int64_t now_us, struct bf_rtcp_report *out)
{
	uint64_t expected, expected_interval, received_interval, highest;
	int64_t lost, lost_interval;

	if (!stats->is_started)
		return false;
	expected = stats->highest_ext_seq - stats->base_ext_seq + 1;
	lost = (int64_t)(expected - stats->packet_count);
	if (lost > LOST_MAX)
		lost = LOST_MAX;
	if (lost < LOST_MIN)
		lost = LOST_MIN;
	expected_interval = expected - stats->expected_prior;
	received_interval = stats->packet_count - stats->received_prior;
	lost_interval = (int64_t)(expected_interval - received_interval);
	stats->expected_prior = expected;
	stats->received_prior = stats->packet_count;

	/* Unwrapped numbers start in the second cycle (bf_seq), reports count cycles from 0. */
	highest = stats->highest_ext_seq;
	if (highest >= 65536)
		highest -= 65536;
	*out = (struct bf_rtcp_report){
		.ssrc = ssrc,
		.cumulative_lost = (int32_t)lost,
		.highest_seq = (uint32_t)highest,
		.jitter = stats->jitter_q4 >> 4,
		.lsr = stats->last_sr_lsr,
		.dlsr = delay_since_sr(stats, now_us),
	};
	/* Repairs of the interval before can make this one's loss negative: that counts as none. */
	if (lost_interval > 0) /* at least the newest was received: less than 256 */
		out->fraction_lost = (uint8_t)((uint64_t)lost_interval * 256 / expected_interval);
	return true;
}

int64_t bf_rtp_rtt_us(const struct bf_rtcp_report *report, uint64_t now_ntp)
{
	int32_t rtt;

	if (report->lsr == 0)
		return 0;
	rtt = (int32_t)((uint32_t)(now_ntp >> 16) - report->lsr - report->dlsr);
	if (rtt < 0)
		return 0;
	/* Shorter than the clock's 15 us steps is known to be short, not unknown. */
	return rtt == 0 ? 1 : (int64_t)rtt * 1000000 / NTP_MIDDLE_HZ;
}
