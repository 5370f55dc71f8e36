#include "media/cc/twcc.h"

#include "media/cc/twcc_priv.h"
#include "media/rtp/rtcp.h"

#include <assert.h>

#define RUN_CHUNK_MIN 14 /* shorter runs fit a vector together with their neighbours */

void bf_twcc_init(struct bf_twcc *twcc, uint32_t sender_ssrc)
{
	memset(twcc, 0, sizeof(*twcc));
	twcc->sender_ssrc = sender_ssrc;
	twcc->due_us = INT64_MAX;
}

static int64_t *arrival_of(struct bf_twcc *twcc, uint64_t ext_seq)
{
	return &twcc->arrival_us[ext_seq % BF_TWCC_WINDOW];
}

/* Move the window so that `ext_seq` is its newest: the slots between hold packets of a window ago. */
static void advance(struct bf_twcc *twcc, uint64_t ext_seq)
{
	uint64_t oldest;

	if (ext_seq - twcc->highest_ext_seq >= BF_TWCC_WINDOW) {
		memset(twcc->arrival_us, 0, sizeof(twcc->arrival_us));
	} else {
		for (uint64_t at = twcc->highest_ext_seq + 1; at <= ext_seq; at++)
			*arrival_of(twcc, at) = 0;
	}
	twcc->highest_ext_seq = ext_seq;
	oldest = ext_seq - BF_TWCC_WINDOW + 1;
	if (twcc->next_ext_seq < oldest)
		twcc->next_ext_seq = oldest;
}

void bf_twcc_on_packet(struct bf_twcc *twcc, uint16_t seq, uint32_t media_ssrc, int64_t now_us)
{
	uint64_t ext_seq;

	if (!twcc->is_started) {
		/* One cycle up, so that packets overtaken by the first have positive numbers. */
		ext_seq = UINT64_C(65536) + seq;
		twcc->is_started = true;
		twcc->highest_ext_seq = ext_seq;
		twcc->next_ext_seq = ext_seq;
	} else {
		ext_seq = twcc->highest_ext_seq +
			  (uint64_t)(int64_t)(int16_t)(uint16_t)(seq - twcc->highest_ext_seq);
	}
	if (ext_seq > twcc->highest_ext_seq)
		advance(twcc, ext_seq);
	/* A late packet was reported lost: report again from there on, senders take the correction. Later than a
	 * report's length it is of no use to an estimate. */
	if (ext_seq + BF_TWCC_REPORT <= twcc->next_ext_seq ||
		ext_seq + BF_TWCC_WINDOW <= twcc->highest_ext_seq)
		return;
	if (*arrival_of(twcc, ext_seq) != 0)
		return; /* a duplicate: the first arrival counts */
	*arrival_of(twcc, ext_seq) = now_us > 0 ? now_us : 1;
	twcc->media_ssrc = media_ssrc;
	if (ext_seq < twcc->next_ext_seq)
		twcc->next_ext_seq = ext_seq;
	if (twcc->due_us == INT64_MAX)
		twcc->due_us = now_us + BF_TWCC_INTERVAL_US;
}

/* What one feedback packet will say. */
struct report {
	uint64_t base_ext_seq;
	size_t count;
	size_t delta_len;
	int64_t reference; /* in units of 64 ms */
	uint8_t status[BF_TWCC_REPORT];
	int16_t delta[BF_TWCC_REPORT];
};

/* Where the report begins: with the losses before the first packet received, as far as they fit. False: nothing
 * was received since the last report. */
static bool find_base(struct bf_twcc *twcc, struct report *report)
{
	uint64_t first = twcc->next_ext_seq;

	while (first <= twcc->highest_ext_seq && *arrival_of(twcc, first) == 0)
		first++;
	if (first > twcc->highest_ext_seq)
		return false;
	report->base_ext_seq = twcc->next_ext_seq;
	if (first - report->base_ext_seq >= BF_TWCC_REPORT)
		report->base_ext_seq = first - (BF_TWCC_REPORT - 1);
	report->reference = *arrival_of(twcc, first) / TWCC_REFERENCE_US;
	return true;
}

/* Statuses and deltas up to the last packet received that fits. A delta beyond 16 bits ends the report: the next
 * one has a reference time of its own. */
static void fill(struct bf_twcc *twcc, struct report *report)
{
	int64_t prev_ticks = report->reference * TWCC_REFERENCE_TICKS;
	uint64_t end = report->base_ext_seq + BF_TWCC_REPORT;

	report->count = 0;
	report->delta_len = 0;
	if (end > twcc->highest_ext_seq + 1)
		end = twcc->highest_ext_seq + 1;
	for (uint64_t at = report->base_ext_seq; at < end; at++) {
		size_t idx = (size_t)(at - report->base_ext_seq);
		int64_t arrival_us = *arrival_of(twcc, at);
		int64_t delta = arrival_us / TWCC_TICK_US - prev_ticks;

		report->status[idx] = TWCC_LOST;
		if (arrival_us == 0)
			continue;
		if (delta < INT16_MIN || delta > INT16_MAX)
			return;
		report->status[idx] = delta >= 0 && delta <= UINT8_MAX ? TWCC_SMALL : TWCC_LARGE;
		report->delta[idx] = (int16_t)delta;
		report->delta_len += report->status[idx]; /* the status is its delta's length */
		report->count = idx + 1;
		prev_ticks += delta;
	}
}

/* The next chunk for `status[0..count)`; returns how many it covers, perhaps beyond `count` in a vector. */
static size_t make_chunk(const uint8_t *status, size_t count, uint16_t *chunk)
{
	size_t run = 1, bits = 0, vector_len;
	unsigned width;

	while (run < count && status[run] == status[0])
		run++;
	while (bits < count && bits < 14 && status[bits] != TWCC_LARGE)
		bits++;
	if (run == count || run >= RUN_CHUNK_MIN || (run > 7 && bits < 14 && bits < count)) {
		*chunk = (uint16_t)((size_t)status[0] << 13 | run);
		return run;
	}
	width = bits == 14 || bits == count ? 1 : 2;
	vector_len = 14 / width;
	*chunk = width == 1 ? 0x8000 : 0xc000;
	for (size_t i = 0; i < vector_len && i < count; i++)
		*chunk |= (uint16_t)(status[i] << (14 - width * (i + 1)));
	return vector_len;
}

static size_t write_chunks(const struct report *report, uint8_t *out)
{
	size_t len = 0;
	uint16_t chunk;

	for (size_t at = 0; at < report->count; len += 2) {
		at += make_chunk(report->status + at, report->count - at, &chunk);
		if (out)
			bf_put_u16(out + len, chunk);
	}
	return len;
}

static void write_deltas(const struct report *report, uint8_t *out)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->status[i] == TWCC_LARGE) {
			bf_put_u16(out, (uint16_t)report->delta[i]);
			out += 2;
		} else if (report->status[i] == TWCC_SMALL) {
			*out++ = (uint8_t)report->delta[i];
		}
	}
}

static bool write_report(const struct bf_twcc *twcc, const struct report *report, struct bf_wr *wr)
{
	size_t chunks_len = write_chunks(report, NULL);
	size_t body_len = (TWCC_HEAD + chunks_len + report->delta_len + 3) / 4 * 4;
	uint8_t *at = bf_wr_reserve(wr, 4 + body_len);

	if (!at)
		return false;
	memset(at, 0,
		4 + body_len); /* zeros at the end need no P bit: the statuses tell the length */
	at[0] = 0x80 | BF_RTPFB_TWCC;
	at[1] = BF_RTCP_RTPFB;
	bf_put_u16(at + 2, (uint16_t)(body_len / 4));
	at += 4;
	bf_put_u32(at, twcc->sender_ssrc);
	bf_put_u32(at + 4, twcc->media_ssrc);
	bf_put_u16(at + 8, (uint16_t)report->base_ext_seq);
	bf_put_u16(at + 10, (uint16_t)report->count);
	bf_put_u24(at + 12, (uint32_t)report->reference & 0xffffff);
	at[15] = twcc->feedback_count;
	write_chunks(report, at + TWCC_HEAD);
	write_deltas(report, at + TWCC_HEAD + chunks_len);
	return true;
}

bool bf_twcc_poll(struct bf_twcc *twcc, int64_t now_us, struct bf_wr *wr)
{
	struct report report;

	if (now_us < twcc->due_us)
		return false;
	if (!find_base(twcc, &report)) {
		twcc->due_us = INT64_MAX;
		return false;
	}
	fill(twcc, &report);
	assert(report.count > 0);
	if (!write_report(twcc, &report, wr))
		return false;
	twcc->next_ext_seq = report.base_ext_seq + report.count;
	twcc->feedback_count++;
	if (twcc->next_ext_seq > twcc->highest_ext_seq)
		twcc->due_us = INT64_MAX;
	return true;
}

int64_t bf_twcc_deadline_us(const struct bf_twcc *twcc)
{
	return twcc->due_us;
}
