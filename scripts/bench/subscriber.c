#include "scripts/bench/subscriber.h"

#include "core/base/rand.h"
#include "media/codec/codec.h"
#include "media/rtp/rtcp.h"

#include <errno.h>
#include <stdlib.h>

#define RTT_FIRST_US 50000

/* ---- what is inside ---- */

static bool unprotect(
	struct bench_subscriber *subscriber, struct bf_rtp *rtp, uint8_t *data, size_t len)
{
	return bench_peer_unprotect_rtp(&subscriber->peer, data, &len) &&
	       bf_rtp_parse(rtp, bf_bytes(data, len)) == 0;
}

static void look_for_keyframe(struct bench_in *stream, struct bf_bytes payload, int64_t now_us)
{
	struct bf_payload info;

	if (stream->keyframe_us == 0 &&
		bf_codec_parse(&info, BF_CODEC_VP8, payload, bf_bytes(NULL, 0)) == 0 &&
		info.is_keyframe && info.is_frame_start && info.has_picture_id)
		stream->keyframe_us = now_us;
}

static void note_latency(struct bench *bench, int64_t latency_ns)
{
	uint64_t value = latency_ns > 0 ? (uint64_t)latency_ns : 0;

	bench_histogram_add(&bench->latency_ns, value);
	if (bench->options->interval > 0)
		bench_histogram_add(&bench->recent_ns, value);
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
		look_for_keyframe(stream, payload, at_ns / 1000);
	if (bench->is_measuring && is_first_time)
		note_latency(bench, at_ns - probe.sent_ns);
}

/* All packets until the stream is known and a keyframe has come, then one in so many, at different ones for each
 * subscriber. */
static bool is_sampled(const struct bench_subscriber *subscriber, struct bench_in *stream)
{
	if (subscriber->checks_all || !stream->is_known ||
		(stream->kind == BENCH_VIDEO && stream->keyframe_us == 0))
		return true;
	if (stream->until_sample-- > 0)
		return false;
	stream->until_sample = subscriber->peer.bench->options->sample - 1;
	return true;
}

/* ---- every packet ---- */

static void note_arrival(struct bench_subscriber *subscriber, struct bench_in *stream,
	const struct bf_rtp *rtp, uint64_t ext_seq, size_t len, int64_t now_us)
{
	int64_t due_us;

	bf_seq_commit(&stream->seq, ext_seq);
	bf_rtp_stats_on_packet(&stream->stats, ext_seq, rtp->timestamp, len, now_us);
	if (stream->kind != BENCH_VIDEO)
		return;
	bf_nack_on_packet(&stream->nack, ext_seq, now_us);
	due_us = bf_nack_deadline_us(&stream->nack);
	if (due_us < subscriber->wake_us)
		subscriber->wake_us = due_us;
}

static void on_media(struct bench_subscriber *subscriber, struct bench_in *stream,
	struct bf_rtp *rtp, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench_totals *totals = &subscriber->peer.bench->totals;
	uint64_t ext_seq = bf_seq_guess(&stream->seq, rtp->seq);
	enum bench_arrival arrival = bench_arrivals_note(&stream->arrivals, ext_seq);

	if (arrival == BENCH_ARRIVAL_DUPLICATE || arrival == BENCH_ARRIVAL_OLD)
		return;
	if (stream->first_media_us == 0)
		stream->first_media_us = at_ns / 1000;
	totals->rtp_packets++;
	totals->rtp_bytes += len;
	note_arrival(subscriber, stream, rtp, ext_seq, len, at_ns / 1000);
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
static void on_rtx(struct bench_subscriber *subscriber, struct bench_in *stream, uint8_t *data,
	size_t len, int64_t at_ns)
{
	struct bench *bench = subscriber->peer.bench;
	struct bf_rtp rtp;
	uint64_t ext_seq;
	enum bench_arrival arrival;

	bench->totals.rtx_packets++;
	if (!unprotect(subscriber, &rtp, data, len)) {
		bench->totals.sample_failures++;
		return;
	}
	if (stream->first_media_us == 0 || rtp.payload.len < 2)
		return; /* padding that probes for bandwidth */
	ext_seq = bf_seq_guess(&stream->seq, bf_get_u16(rtp.payload.data));
	arrival = bench_arrivals_note(&stream->arrivals, ext_seq);
	if (arrival == BENCH_ARRIVAL_DUPLICATE || arrival == BENCH_ARRIVAL_OLD)
		return;
	bench->totals.rtp_packets++; /* delivered after all */
	bench->totals.rtp_bytes += len;
	note_arrival(subscriber, stream, &rtp, ext_seq, len, at_ns / 1000);
	check_payload(subscriber, stream, bf_bytes(rtp.payload.data + 2, rtp.payload.len - 2),
		false, at_ns);
}

static void note_twcc(struct bench_subscriber *subscriber, const struct bench_in *stream,
	const struct bf_rtp *rtp, int64_t now_us)
{
	struct bf_ext_values values;
	uint16_t seq;

	if (!rtp->has_ext || stream->exts.id[BF_EXT_TWCC] == 0)
		return;
	bf_ext_parse(&values, rtp, &stream->exts);
	if (!bf_ext_twcc_seq(&values, &seq))
		return;
	if (!subscriber->twcc) {
		subscriber->twcc = malloc(sizeof(*subscriber->twcc));
		if (!subscriber->twcc)
			return;
		bf_twcc_init(subscriber->twcc, subscriber->ssrc);
	}
	bf_twcc_on_packet(subscriber->twcc, seq, rtp->ssrc, now_us);
	if (bf_twcc_deadline_us(subscriber->twcc) < subscriber->wake_us)
		subscriber->wake_us = bf_twcc_deadline_us(subscriber->twcc);
}

/* ---- which stream ---- */

static const struct bench_route *add_route(
	struct bench_subscriber *subscriber, uint32_t ssrc, unsigned stream_idx, bool is_rtx)
{
	struct bench_route *route = &subscriber->routes[subscriber->route_count++];

	*route = (struct bench_route){
		.ssrc = ssrc, .stream_idx = (uint16_t)stream_idx, .is_rtx = is_rtx};
	return route;
}

/* A server that does not announce SSRCs: the payload type tells, as long as there is one such stream. */
static const struct bench_route *adopt(
	struct bench_subscriber *subscriber, uint32_t ssrc, uint8_t pt)
{
	for (unsigned i = 0; i < subscriber->stream_count; i++) {
		struct bench_in *stream = subscriber->streams[i];
		if (stream->pt == pt && stream->ssrc == 0) {
			stream->ssrc = ssrc;
			return add_route(subscriber, ssrc, i, false);
		}
		if (stream->rtx_pt == pt && stream->rtx_ssrc == 0) {
			stream->rtx_ssrc = ssrc;
			return add_route(subscriber, ssrc, i, true);
		}
	}
	return NULL;
}

static const struct bench_route *find_route(
	struct bench_subscriber *subscriber, const struct bf_rtp *rtp)
{
	unsigned hint = subscriber->route_hint;

	if (hint < subscriber->route_count && subscriber->routes[hint].ssrc == rtp->ssrc)
		return &subscriber->routes[hint];
	for (unsigned i = 0; i < subscriber->route_count; i++)
		if (subscriber->routes[i].ssrc == rtp->ssrc) {
			subscriber->route_hint = i;
			return &subscriber->routes[i];
		}
	return adopt(subscriber, rtp->ssrc, rtp->pt);
}

static void on_rtp(void *arg, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench_subscriber *subscriber = arg;
	const struct bench_route *route = NULL;
	struct bench_in *stream;
	struct bf_rtp rtp;

	if (bf_rtp_parse_header(&rtp, bf_bytes(data, len)) == 0)
		route = find_route(subscriber, &rtp);
	if (!route) {
		subscriber->peer.bench->totals.unknown_packets++;
		return;
	}
	stream = subscriber->streams[route->stream_idx];
	note_twcc(subscriber, stream, &rtp, at_ns / 1000);
	if (route->is_rtx)
		on_rtx(subscriber, stream, data, len, at_ns);
	else
		on_media(subscriber, stream, &rtp, data, len, at_ns);
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
		for (unsigned i = 0; i < subscriber->stream_count; i++)
			if (subscriber->streams[i]->ssrc == sr.ssrc)
				bf_rtp_stats_on_sr(&subscriber->streams[i]->stats, sr.ntp, now_us);
	}
}

static void on_live(void *arg)
{
	struct bench_subscriber *subscriber = arg;

	/* Reports of many clients are not in step. */
	subscriber->report_due_us = subscriber->peer.live_us + bf_rand_u32() % 1000000;
	subscriber->wake_us = 0;
}

static const struct bench_peer_ops ops = {.on_live = on_live, .on_rtp = on_rtp, .on_rtcp = on_rtcp};

/* ---- sections become streams ---- */

static struct bench_in *new_stream(
	struct bench_subscriber *subscriber, const struct bench_section *section)
{
	struct bench_in *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->kind = section->kind;
	stream->until_sample = subscriber->number % subscriber->peer.bench->options->sample;
	bench_arrivals_init(&stream->arrivals);
	bf_rtp_stats_init(&stream->stats, section->kind == BENCH_AUDIO ? 48000 : 90000);
	bf_nack_init(&stream->nack, RTT_FIRST_US);
	return stream;
}

static void take_section(
	struct bench_subscriber *subscriber, unsigned idx, const struct bench_section *section)
{
	struct bench_in *stream = subscriber->streams[idx];

	stream->pt = section->pt;
	stream->rtx_pt = section->rtx_pt;
	stream->exts = section->exts;
	if (section->ssrc && stream->ssrc == 0) {
		stream->ssrc = section->ssrc;
		add_route(subscriber, section->ssrc, idx, false);
	}
	if (section->rtx_ssrc && stream->rtx_ssrc == 0) {
		stream->rtx_ssrc = section->rtx_ssrc;
		add_route(subscriber, section->rtx_ssrc, idx, true);
	}
}

static void take_sections(struct bench_subscriber *subscriber)
{
	const struct bench_remote *remote = subscriber->peer.remote;

	for (unsigned i = 0; i < remote->section_count; i++) {
		if (i == subscriber->stream_count) {
			subscriber->streams[i] = new_stream(subscriber, &remote->sections[i]);
			if (!subscriber->streams[i]) {
				bench_peer_fail(&subscriber->peer, "no memory");
				return;
			}
			subscriber->stream_count++;
		}
		take_section(subscriber, i, &remote->sections[i]);
	}
	subscriber->wake_us = 0;
}

int bench_subscriber_open(
	struct bench_subscriber *subscriber, struct bench *bench, unsigned number, bool checks_all)
{
	memset(subscriber, 0, sizeof(*subscriber));
	subscriber->number = number;
	subscriber->checks_all = checks_all;
	subscriber->ssrc = bf_rand_u32();
	return bench_peer_open(&subscriber->peer, bench, &ops, subscriber);
}

void bench_subscriber_write_offer(
	const struct bench_subscriber *subscriber, bool has_audio, char out[static BENCH_SDP_MAX])
{
	struct bench_track tracks[BENCH_KIND_COUNT] = {
		{.kind = BENCH_AUDIO}, {.kind = BENCH_VIDEO}};

	bench_offer_write(out, &subscriber->peer.local, has_audio ? tracks : tracks + 1,
		has_audio ? 2 : 1, false);
}

void bench_subscriber_take_answer(struct bench_subscriber *subscriber, const char *answer)
{
	if (bench_peer_take(&subscriber->peer, answer, false) == 0)
		take_sections(subscriber);
}

int bench_subscriber_take_offer(
	struct bench_subscriber *subscriber, const char *offer, char answer[static BENCH_SDP_MAX])
{
	if (bench_peer_take(&subscriber->peer, offer, true) < 0)
		return -EINVAL;
	take_sections(subscriber);
	if (subscriber->peer.state == BENCH_PEER_FAILED)
		return -EINVAL;
	bench_answer_write(answer, &subscriber->peer.local, subscriber->peer.remote);
	return 0;
}

void bench_subscriber_free(struct bench_subscriber *subscriber)
{
	bench_peer_free(&subscriber->peer);
	for (unsigned i = 0; i < subscriber->stream_count; i++)
		free(subscriber->streams[i]);
	subscriber->stream_count = 0;
	free(subscriber->twcc);
	subscriber->twcc = NULL;
}
