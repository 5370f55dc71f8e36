#include "scripts/bench/subscriber.h"

#include "core/base/rand.h"
#include "media/codec/codec.h"
#include "media/rtp/rtcp.h"

#include <stdlib.h>

#define RTT_FIRST_US 50000

/* ---- what is inside ---- */

static bool unprotect(
	struct bench_subscriber *subscriber, struct bf_rtp *rtp, uint8_t *data, size_t len)
{
	struct bf_srtp_unprotect_job job = {
		.srtp = subscriber->peer.srtp_in, .data = data, .len = len};

	bf_srtp_unprotect(&job, 1);
	return job.drop == BF_DROP_NONE && bf_rtp_parse(rtp, bf_bytes(data, job.len)) == 0;
}

static void look_for_keyframe(
	struct bench_subscriber *subscriber, struct bf_bytes payload, int64_t now_us)
{
	struct bf_payload info;

	if (subscriber->keyframe_us == 0 &&
		bf_codec_parse(&info, BF_CODEC_VP8, payload, bf_bytes(NULL, 0)) == 0 &&
		info.is_keyframe && info.is_frame_start && info.has_picture_id)
		subscriber->keyframe_us = now_us;
}

/* Compare a decrypted payload with what was sent, and note how old it is. */
static void check_payload(struct bench_subscriber *subscriber, struct bench_in *stream,
	struct bf_bytes payload, bool is_first_time, int64_t at_ns)
{
	struct bench *bench = subscriber->peer.bench;
	struct bench_probe probe;

	bench->totals.samples++;
	if (bench_probe_read(&probe, &bench->table, payload) < 0 || probe.kind != stream->kind ||
		(stream->is_known && probe.publisher != stream->publisher)) {
		bench->totals.sample_failures++;
		return;
	}
	if (!stream->is_known || probe.index < stream->first_index) {
		stream->is_known = true;
		stream->publisher = probe.publisher;
		stream->first_index = probe.index;
	}
	if (stream->kind == BENCH_VIDEO)
		look_for_keyframe(subscriber, payload, at_ns / 1000);
	if (bench->is_measuring && is_first_time)
		bench_histogram_add(&bench->latency_ns,
			at_ns > probe.sent_ns ? (uint64_t)(at_ns - probe.sent_ns) : 0);
}

/* All packets until the stream is known and a keyframe has come, then one in so many, at different ones for each
 * subscriber. */
static bool is_sampled(const struct bench_subscriber *subscriber, const struct bench_in *stream)
{
	unsigned sample = subscriber->peer.bench->options->sample;

	return subscriber->checks_all || !stream->is_known ||
	       (stream->kind == BENCH_VIDEO && subscriber->keyframe_us == 0) ||
	       (stream->packet_count + subscriber->number) % sample == 0;
}

/* ---- every packet ---- */

static void note_arrival(struct bench_in *stream, const struct bf_rtp *rtp, uint64_t ext_seq,
	size_t len, int64_t now_us)
{
	bf_seq_commit(&stream->seq, ext_seq);
	bf_rtp_stats_on_packet(&stream->stats, ext_seq, rtp->timestamp, len, now_us);
	if (stream->kind == BENCH_VIDEO)
		bf_nack_on_packet(&stream->nack, ext_seq, now_us);
}

static void on_media(struct bench_subscriber *subscriber, struct bench_in *stream,
	struct bf_rtp *rtp, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench_totals *totals = &subscriber->peer.bench->totals;
	uint64_t ext_seq;
	enum bench_arrival arrival;

	if (stream->ssrc == 0)
		stream->ssrc = rtp->ssrc;
	if (stream->ssrc != rtp->ssrc) {
		totals->unknown_packets++;
		return;
	}
	ext_seq = bf_seq_guess(&stream->seq, rtp->seq);
	arrival = bench_arrivals_note(&stream->arrivals, ext_seq);
	if (arrival == BENCH_ARRIVAL_DUPLICATE || arrival == BENCH_ARRIVAL_OLD)
		return;
	if (subscriber->first_media_us == 0)
		subscriber->first_media_us = at_ns / 1000;
	stream->packet_count++;
	totals->rtp_packets++;
	totals->rtp_bytes += len;
	note_arrival(stream, rtp, ext_seq, len, at_ns / 1000);
	if (!is_sampled(subscriber, stream))
		return;
	if (unprotect(subscriber, rtp, data, len)) {
		check_payload(
			subscriber, stream, rtp->payload, arrival == BENCH_ARRIVAL_NEXT, at_ns);
	} else {
		totals->samples++;
		totals->sample_failures++;
	}
}

/* RFC 4588: the original sequence number, then the original payload. */
static void on_rtx(struct bench_subscriber *subscriber, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench *bench = subscriber->peer.bench;
	struct bench_in *stream = &subscriber->streams[BENCH_VIDEO];
	struct bf_rtp rtp;
	uint64_t ext_seq;
	enum bench_arrival arrival;

	bench->totals.rtx_packets++;
	if (!unprotect(subscriber, &rtp, data, len)) {
		bench->totals.sample_failures++;
		return;
	}
	if (stream->ssrc == 0 || rtp.payload.len < 2)
		return; /* padding that probes for bandwidth */
	ext_seq = bf_seq_guess(&stream->seq, bf_get_u16(rtp.payload.data));
	arrival = bench_arrivals_note(&stream->arrivals, ext_seq);
	if (arrival == BENCH_ARRIVAL_DUPLICATE || arrival == BENCH_ARRIVAL_OLD)
		return;
	note_arrival(stream, &rtp, ext_seq, len, at_ns / 1000);
	check_payload(subscriber, stream, bf_bytes(rtp.payload.data + 2, rtp.payload.len - 2),
		false, at_ns);
}

static void note_twcc(struct bench_subscriber *subscriber, const struct bf_rtp *rtp, int64_t now_us)
{
	enum bench_kind kind = rtp->pt == BENCH_PT_AUDIO ? BENCH_AUDIO : BENCH_VIDEO;
	struct bf_ext_values values;
	uint16_t seq;

	if (!rtp->has_ext || subscriber->peer.remote.exts[kind].id[BF_EXT_TWCC] == 0)
		return;
	bf_ext_parse(&values, rtp, &subscriber->peer.remote.exts[kind]);
	if (!bf_ext_twcc_seq(&values, &seq))
		return;
	if (!subscriber->twcc) {
		subscriber->twcc = malloc(sizeof(*subscriber->twcc));
		if (!subscriber->twcc)
			return;
		bf_twcc_init(subscriber->twcc, subscriber->ssrc);
	}
	bf_twcc_on_packet(subscriber->twcc, seq, rtp->ssrc, now_us);
}

static void on_rtp(void *arg, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench_subscriber *subscriber = arg;
	struct bf_rtp rtp;

	if (bf_rtp_parse_header(&rtp, bf_bytes(data, len)) < 0) {
		subscriber->peer.bench->totals.unknown_packets++;
		return;
	}
	note_twcc(subscriber, &rtp, at_ns / 1000);
	switch ((enum bench_pt)rtp.pt) {
	case BENCH_PT_AUDIO:
		on_media(subscriber, &subscriber->streams[BENCH_AUDIO], &rtp, data, len, at_ns);
		return;
	case BENCH_PT_VIDEO:
		on_media(subscriber, &subscriber->streams[BENCH_VIDEO], &rtp, data, len, at_ns);
		return;
	case BENCH_PT_RTX:
		on_rtx(subscriber, data, len, at_ns);
		return;
	}
	subscriber->peer.bench->totals.unknown_packets++;
}

static void on_rtcp(void *arg, struct bf_bytes packet)
{
	struct bench_subscriber *subscriber = arg;
	int64_t now_us = bench_now_ns() / 1000;
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	struct bf_rtcp_sr sr;

	bf_rtcp_begin(&it, packet);
	while (bf_rtcp_next(&it, &rtcp) > 0) {
		if (rtcp.type != BF_RTCP_SR || bf_rtcp_parse_sr(&sr, &rtcp) < 0)
			continue;
		for (int i = 0; i < BENCH_KIND_COUNT; i++)
			if (subscriber->streams[i].ssrc == sr.ssrc)
				bf_rtp_stats_on_sr(&subscriber->streams[i].stats, sr.ntp, now_us);
	}
}

static void on_live(void *arg)
{
	struct bench_subscriber *subscriber = arg;

	/* Reports of many clients are not in step. */
	subscriber->report_due_us = subscriber->peer.live_us + bf_rand_u32() % 1000000;
}

static const struct bench_peer_ops ops = {.on_live = on_live, .on_rtp = on_rtp, .on_rtcp = on_rtcp};

void bench_subscriber_start(
	struct bench_subscriber *subscriber, struct bench *bench, unsigned number, bool is_late)
{
	struct bench_local local = {.has_audio = bench->options->has_audio};
	char path[256];

	memset(subscriber, 0, sizeof(*subscriber));
	subscriber->number = number;
	subscriber->publisher = number % bench->options->publishers;
	subscriber->is_late = is_late;
	subscriber->checks_all = number == 0;
	subscriber->ssrc = bf_rand_u32();
	for (int i = 0; i < BENCH_KIND_COUNT; i++) {
		struct bench_in *stream = &subscriber->streams[i];
		stream->kind = (enum bench_kind)i;
		bench_arrivals_init(&stream->arrivals);
		bf_rtp_stats_init(&stream->stats, i == BENCH_AUDIO ? 48000 : 90000);
		bf_nack_init(&stream->nack, RTT_FIRST_US);
	}
	bench_path(path, sizeof(path), bench->options->whep, subscriber->publisher);
	bench_peer_start(&subscriber->peer, bench, path, &local, &ops, subscriber);
}

void bench_subscriber_free(struct bench_subscriber *subscriber)
{
	bench_peer_free(&subscriber->peer);
	free(subscriber->twcc);
	subscriber->twcc = NULL;
}
