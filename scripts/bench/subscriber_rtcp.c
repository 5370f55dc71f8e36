/* What a subscriber tells the server: receiver reports, NACK, PLI, transport-cc feedback. */
#include "media/rtp/rtcp.h"
#include "scripts/bench/subscriber.h"

#include <assert.h>

#define COMPOUND_MAX	 1180
#define REPORT_US	 1000000
#define KEYFRAME_WAIT_US 500000 /* media without a keyframe: ask, and again after as long */
#define RTT_LEAST_US	 20000	/* libwebrtc asks again no sooner, however near the server is */
#define NACK_MAX	 64
#define REPORTS_MAX	 24 /* in one compound */

struct compound {
	uint8_t data[COMPOUND_MAX + BF_SRTP_OVERHEAD_MAX];
	struct bf_wr wr;
};

static void begin(struct compound *compound)
{
	compound->wr = bf_wr(compound->data, COMPOUND_MAX);
}

static void flush(struct bench_subscriber *subscriber, struct compound *compound)
{
	assert(!compound->wr.is_full);
	if (bf_wr_len(&compound->wr) > 0)
		(void)bench_peer_send_rtcp(&subscriber->peer, compound->data,
			bf_wr_len(&compound->wr), sizeof(compound->data));
	begin(compound);
}

static void report(struct bench_subscriber *subscriber, int64_t now_us)
{
	struct bf_rtcp_report reports[REPORTS_MAX];
	struct compound compound;
	size_t count = 0;

	begin(&compound);
	for (unsigned i = 0; i < subscriber->stream_count; i++) {
		struct bench_in *stream = subscriber->streams[i];
		if (stream->first_media_us &&
			bf_rtp_stats_report(&stream->stats, stream->ssrc, now_us, &reports[count]))
			count++;
		if (count == REPORTS_MAX) {
			bf_rtcp_write_rr(&compound.wr, subscriber->ssrc, reports, count);
			flush(subscriber, &compound);
			count = 0;
		}
	}
	bf_rtcp_write_rr(&compound.wr, subscriber->ssrc, reports, count);
	bf_rtcp_write_sdes(&compound.wr, subscriber->ssrc, "bench");
	flush(subscriber, &compound);
	subscriber->peer.bench->totals.reports_out++;
}

/* Feedback goes out at once, behind an empty report (RFC 4585 section 3.1). */
static void begin_feedback(struct bench_subscriber *subscriber, struct compound *compound)
{
	begin(compound);
	bf_rtcp_write_rr(&compound->wr, subscriber->ssrc, NULL, 0);
}

static void ask_for_packets(
	struct bench_subscriber *subscriber, struct bench_in *stream, int64_t now_us)
{
	struct compound compound;
	uint16_t seqs[NACK_MAX];
	size_t count;

	if (bf_nack_deadline_us(&stream->nack) > now_us)
		return;
	bf_nack_set_rtt(&stream->nack,
		subscriber->peer.rtt_us > RTT_LEAST_US ? subscriber->peer.rtt_us : RTT_LEAST_US);
	while ((count = bf_nack_poll(&stream->nack, now_us, seqs, NACK_MAX)) > 0) {
		begin_feedback(subscriber, &compound);
		bf_rtcp_write_nack(&compound.wr, subscriber->ssrc, stream->ssrc, seqs, count);
		flush(subscriber, &compound);
		for (size_t i = 0; i < count; i++)
			bench_arrivals_ask(&stream->arrivals, bf_seq_guess(&stream->seq, seqs[i]));
		subscriber->peer.bench->totals.nacks_out += count;
	}
}

static void ask_for_keyframe(
	struct bench_subscriber *subscriber, struct bench_in *stream, int64_t now_us)
{
	struct compound compound;
	bool is_waiting = stream->first_media_us && !stream->keyframe_us &&
			  now_us - stream->first_media_us > KEYFRAME_WAIT_US;

	if (stream->first_media_us == 0 || now_us < stream->keyframe_due_us)
		return;
	if (!bf_nack_take_gap(&stream->nack) && !is_waiting)
		return;
	begin_feedback(subscriber, &compound);
	bf_rtcp_write_pli(&compound.wr, subscriber->ssrc, stream->ssrc);
	flush(subscriber, &compound);
	stream->keyframe_due_us = now_us + KEYFRAME_WAIT_US;
	subscriber->peer.bench->totals.plis_out++;
}

static void send_twcc(struct bench_subscriber *subscriber, int64_t now_us)
{
	struct compound compound;

	if (!subscriber->twcc)
		return;
	begin(&compound);
	while (bf_twcc_poll(subscriber->twcc, now_us, &compound.wr))
		flush(subscriber, &compound);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Returns when the stream next needs attention. */
static int64_t tick_video(
	struct bench_subscriber *subscriber, struct bench_in *stream, int64_t now_us)
{
	ask_for_packets(subscriber, stream, now_us);
	ask_for_keyframe(subscriber, stream, now_us);
	return least(bf_nack_deadline_us(&stream->nack),
		stream->keyframe_us ? INT64_MAX : now_us + KEYFRAME_WAIT_US / 10);
}

void bench_subscriber_tick(struct bench_subscriber *subscriber, int64_t now_us)
{
	int64_t wake_us = bench_peer_tick(&subscriber->peer, now_us);

	if (subscriber->peer.state != BENCH_PEER_LIVE) {
		subscriber->wake_us = wake_us;
		return;
	}
	if (now_us >= subscriber->report_due_us) {
		report(subscriber, now_us);
		subscriber->report_due_us = now_us + REPORT_US;
	}
	wake_us = least(wake_us, subscriber->report_due_us);
	for (unsigned i = 0; i < subscriber->stream_count; i++)
		if (subscriber->streams[i]->kind == BENCH_VIDEO)
			wake_us = least(
				wake_us, tick_video(subscriber, subscriber->streams[i], now_us));
	send_twcc(subscriber, now_us);
	if (subscriber->twcc)
		wake_us = least(wake_us, bf_twcc_deadline_us(subscriber->twcc));
	subscriber->wake_us = wake_us;
}
