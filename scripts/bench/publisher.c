#include "scripts/bench/publisher.h"

#include "core/base/clock.h"
#include "media/rtp/rtcp.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AUDIO_NS	20000000
#define AUDIO_TICKS	960 /* of 48 kHz */
#define AUDIO_BYTES_MIN 100 /* payload: what 40 to 64 kbit/s come to */
#define AUDIO_BYTES_MAX 160
#define DTX_NS		400000000 /* libopus refreshes comfort noise so often */
#define DTX_BYTES	64	  /* of the packet: header, TOC and probe; a real one is smaller */
#define OPUS_TOC	0xf8	  /* CELT, full band, 20 ms, mono */
#define MID_PACKETS \
	100 /* of each stream carry their mid, as browsers do until they are reported on */
#define KEYFRAME_GAP_NS	 300000000 /* encoders bound how often they give in to PLI */
#define REPORT_NS	 1000000000
#define PICTURE_WIDTH	 1280
#define PICTURE_HEIGHT	 720
#define DESCRIPTOR_BYTES 6
#define VP8_HEAD_MAX	 10
#define NACK_MAX	 256

/* ---- one packet ---- */

struct packet {
	enum bench_kind kind;
	uint8_t pt;
	bool marker;
	uint8_t codec_head[DESCRIPTOR_BYTES + VP8_HEAD_MAX];
	size_t codec_head_len;
	size_t rtp_bytes; /* of the packet as a whole */
};

static void put_time(uint8_t out[static 3], int64_t now_ns)
{
	/* 6.18 fixed-point seconds */
	bf_put_u24(out, (uint32_t)((uint64_t)now_ns % 64000000000u * (1u << 18) / 1000000000u));
}

/* The extensions a browser sends; data must live as long as `values`. */
struct ext_data {
	uint8_t time[3], twcc[2], level;
};

static size_t write_header(struct bench_publisher *publisher, uint8_t out[static BF_RTP_HEADER_MAX],
	const struct bf_rtp *rtp, enum bench_kind kind, bool has_mid, int64_t now_ns)
{
	const struct bf_ext_map *map = &publisher->exts[kind];
	struct bf_ext_values values = {0};
	struct bf_rtp header = *rtp;
	struct ext_data data = {.level = 0x80 | 30};
	uint8_t ext[64];
	struct bf_wr ext_wr = bf_wr(ext, sizeof(ext)), wr = bf_wr(out, BF_RTP_HEADER_MAX);

	put_time(data.time, now_ns);
	bf_put_u16(data.twcc, publisher->twcc_seq++);
	values.value[BF_EXT_ABS_SEND_TIME] = bf_bytes(data.time, 3);
	values.value[BF_EXT_TWCC] = bf_bytes(data.twcc, 2);
	if (kind == BENCH_AUDIO)
		values.value[BF_EXT_AUDIO_LEVEL] = bf_bytes(&data.level, 1);
	if (has_mid)
		values.value[BF_EXT_MID] =
			bf_bytes_str(kind == BENCH_VIDEO && publisher->spec.has_audio ? "1" : "0");
	header.ext_profile = bf_ext_write(&ext_wr, &values, map);
	bf_rtp_write_header(
		&wr, &header, bf_bytes(ext, header.ext_profile ? bf_wr_len(&ext_wr) : 0));
	assert(!wr.is_full && !ext_wr.is_full);
	return bf_wr_len(&wr);
}

static void remember(
	struct bench_publisher *publisher, const struct bf_rtp *rtp, struct bf_bytes payload)
{
	struct bench_sent *sent = &publisher->history[rtp->seq % BENCH_HISTORY];

	sent->seq = rtp->seq;
	sent->marker = rtp->marker;
	sent->timestamp = rtp->timestamp;
	sent->len = payload.len;
	memcpy(sent->payload, payload.data, payload.len);
}

static void send_packet(struct bench_publisher *publisher, const struct packet *packet)
{
	struct bench *bench = publisher->peer.bench;
	struct bench_out *stream = &publisher->streams[packet->kind];
	int64_t now_ns = bench_now_ns();
	uint8_t header[BF_RTP_HEADER_MAX], payload[BENCH_PACKET_MAX];
	struct bf_wr wr = bf_wr(payload, sizeof(payload));
	struct bf_rtp rtp = {.pt = packet->pt,
		.marker = packet->marker,
		.seq = stream->seq++,
		.timestamp = stream->timestamp,
		.ssrc = stream->ssrc};
	struct bench_probe probe = {.publisher = publisher->spec.number,
		.kind = packet->kind,
		.index = stream->next_index++,
		.sent_ns = now_ns};
	size_t header_len = write_header(
		publisher, header, &rtp, packet->kind, probe.index < MID_PACKETS, now_ns);

	bf_wr_bytes(&wr, bf_bytes(packet->codec_head, packet->codec_head_len));
	bench_probe_write(&wr, &bench->table, &probe,
		packet->rtp_bytes - header_len - packet->codec_head_len - BENCH_PROBE_BYTES);
	assert(!wr.is_full);
	if (packet->kind == BENCH_VIDEO)
		remember(publisher, &rtp, bf_bytes(payload, bf_wr_len(&wr)));
	stream->byte_count += (uint32_t)bf_wr_len(&wr);
	bench->totals.sent_packets++;
	bench->totals.sent_bytes += packet->rtp_bytes;
	(void)bench_peer_send_rtp(
		&publisher->peer, bf_bytes(header, header_len), bf_bytes(payload, bf_wr_len(&wr)));
}

/* ---- video ---- */

/*  |X|R|N|S|R| PID |  X and, in a frame's first packet, S
 *  |I|L|T|K|  RSV  |  I, L, T
 *  |M| PictureID   |  15 bits
 *  | TL0PICIDX     |
 *  |TID|Y| KEYIDX  |  one temporal layer */
static void write_codec_head(struct packet *packet, const struct bench_publisher *publisher,
	bool is_first, bool is_keyframe)
{
	struct bf_wr wr = bf_wr(packet->codec_head, sizeof(packet->codec_head));

	bf_wr_u8(&wr, is_first ? 0x90 : 0x80);
	bf_wr_u8(&wr, 0xe0);
	bf_wr_u16(&wr, 0x8000 | publisher->picture_id);
	bf_wr_u8(&wr, publisher->tl0picidx);
	bf_wr_u8(&wr, 0);
	if (is_first) {
		/* RFC 6386 section 9.1: three bytes with the inverse keyframe bit, the show bit and a partition's size. */
		bf_wr_u8(&wr, is_keyframe ? 0x10 : 0x11);
		bf_wr_u16(&wr, 0x0102);
	}
	if (is_first && is_keyframe) {
		bf_wr_u24(&wr, 0x9d012a);
		bf_wr_u16(&wr, (PICTURE_WIDTH & 0xff) << 8 | PICTURE_WIDTH >> 8);
		bf_wr_u16(&wr, (PICTURE_HEIGHT & 0xff) << 8 | PICTURE_HEIGHT >> 8);
	}
	packet->codec_head_len = bf_wr_len(&wr);
}

static unsigned packets_of_frame(struct bench_publisher *publisher, bool is_keyframe)
{
	const struct bench_options *options = publisher->peer.bench->options;
	uint64_t frame_bytes = (uint64_t)options->video_kbps * 125 / options->video_fps;
	uint64_t count;

	publisher->credit_bytes += frame_bytes;
	count = publisher->credit_bytes / options->video_bytes;
	publisher->credit_bytes -= count * options->video_bytes;
	if (is_keyframe) /* on top: an encoder's rate control would take it back over seconds */
		count = BENCH_KEYFRAME_SCALE * (frame_bytes / options->video_bytes + 1);
	return count > 0 ? (unsigned)count : 1;
}

static void send_frame(struct bench_publisher *publisher, int64_t now_ns)
{
	const struct bench_options *options = publisher->peer.bench->options;
	struct bench_out *stream = &publisher->streams[BENCH_VIDEO];
	bool is_keyframe =
		publisher->wants_keyframe && now_ns - publisher->keyframe_at_ns >= KEYFRAME_GAP_NS;
	unsigned count = packets_of_frame(publisher, is_keyframe);
	struct packet packet = {
		.kind = BENCH_VIDEO, .pt = BENCH_PT_VIDEO, .rtp_bytes = options->video_bytes};

	if (is_keyframe) {
		publisher->wants_keyframe = false;
		publisher->keyframe_at_ns = now_ns;
		publisher->peer.bench->totals.sent_keyframes++;
	}
	for (unsigned i = 0; i < count; i++) {
		packet.marker = i + 1 == count;
		write_codec_head(&packet, publisher, i == 0, is_keyframe);
		send_packet(publisher, &packet);
	}
	publisher->picture_id = (publisher->picture_id + 1) & 0x7fff;
	publisher->tl0picidx++;
	stream->timestamp += 90000 / options->video_fps;
}

/* ---- audio ---- */

/* Returns how long until the next one. */
static int64_t send_audio(struct bench_publisher *publisher)
{
	struct packet packet = {.kind = BENCH_AUDIO,
		.pt = BENCH_PT_AUDIO,
		.codec_head = {OPUS_TOC},
		.codec_head_len = 1,
		.rtp_bytes = DTX_BYTES};
	int64_t step_ns = publisher->spec.is_silent ? DTX_NS : AUDIO_NS;

	if (!publisher->spec.is_silent) /* the header is 12 bytes and at most 24 of extensions */
		packet.rtp_bytes =
			36 + AUDIO_BYTES_MIN +
			bf_prng_below(&publisher->prng, AUDIO_BYTES_MAX - AUDIO_BYTES_MIN + 1);
	packet.marker = publisher->streams[BENCH_AUDIO].next_index == 0;
	send_packet(publisher, &packet);
	publisher->streams[BENCH_AUDIO].timestamp += AUDIO_TICKS * (uint32_t)(step_ns / AUDIO_NS);
	return step_ns;
}

/* ---- the schedule ---- */

static void note_lag(struct bench *bench, int64_t now_ns, int64_t due_ns)
{
	if (bench->is_measuring)
		bench_histogram_add(&bench->lag_ns, (uint64_t)(now_ns - due_ns));
}

static void report(struct bench_publisher *publisher)
{
	static const uint32_t clocks_hz[BENCH_KIND_COUNT] = {48000, 90000};
	uint8_t data[512 + BF_SRTP_OVERHEAD_MAX];

	for (int i = 0; i < BENCH_KIND_COUNT; i++) {
		const struct bench_out *stream = &publisher->streams[i];
		struct bf_wr wr = bf_wr(data, 512);
		struct bf_rtcp_sr sr = {.ssrc = stream->ssrc,
			.ntp = bf_clock_ntp(bf_clock_wall_us()),
			.packet_count = (uint32_t)stream->next_index,
			.byte_count = stream->byte_count};
		int64_t since_us;
		if (stream->next_index == 0)
			continue; /* nothing of this kind is sent */
		since_us = (bench_now_ns() - stream->due_ns) /
			   1000; /* negative: the next is due later */
		sr.rtp_timestamp =
			stream->timestamp + (uint32_t)(since_us * clocks_hz[i] / 1000000);
		bf_rtcp_write_sr(&wr, &sr, NULL, 0);
		bf_rtcp_write_sdes(&wr, stream->ssrc, "bench");
		assert(!wr.is_full);
		(void)bench_peer_send_rtcp(&publisher->peer, data, bf_wr_len(&wr), sizeof(data));
	}
}

int64_t bench_publisher_run(struct bench_publisher *publisher, int64_t now_ns)
{
	struct bench *bench = publisher->peer.bench;
	struct bench_out *video = &publisher->streams[BENCH_VIDEO];
	struct bench_out *audio = &publisher->streams[BENCH_AUDIO];

	if (!publisher->is_sending || publisher->peer.state != BENCH_PEER_LIVE)
		return INT64_MAX;
	if (now_ns >= audio->due_ns) {
		note_lag(bench, now_ns, audio->due_ns);
		audio->due_ns += send_audio(publisher);
	}
	if (now_ns >= video->due_ns) {
		note_lag(bench, now_ns, video->due_ns);
		send_frame(publisher, now_ns);
		video->due_ns += 1000000000 / bench->options->video_fps;
	}
	if (now_ns >= publisher->report_due_ns) {
		report(publisher);
		publisher->report_due_ns = now_ns + REPORT_NS;
	}
	return video->due_ns < audio->due_ns ? video->due_ns : audio->due_ns;
}

void bench_publisher_send(struct bench_publisher *publisher, int64_t now_ns)
{
	const struct bench_publisher_spec *spec = &publisher->spec;
	/* Several publishers do not send their frames at once. */
	int64_t phase_ns = bf_prng_below(&publisher->prng, 20000000);

	publisher->is_sending = true;
	publisher->wants_keyframe = true;
	publisher->keyframe_at_ns = now_ns - KEYFRAME_GAP_NS;
	publisher->streams[BENCH_VIDEO].due_ns = spec->has_video ? now_ns + phase_ns : INT64_MAX;
	publisher->streams[BENCH_AUDIO].due_ns =
		spec->has_audio ? now_ns + phase_ns / 2 : INT64_MAX;
	publisher->report_due_ns = now_ns + REPORT_NS / 10;
}

void bench_publisher_stop(struct bench_publisher *publisher)
{
	publisher->is_sending = false;
}

/* ---- what the server says ---- */

static void resend(struct bench_publisher *publisher, uint16_t seq)
{
	const struct bench_sent *sent;
	uint8_t header[BF_RTP_HEADER_MAX], payload[BENCH_PACKET_MAX + 2];
	struct bf_rtp rtp = {
		.pt = BENCH_PT_RTX, .seq = publisher->rtx_seq, .ssrc = publisher->rtx_ssrc};
	size_t header_len;

	if (!publisher->history)
		return;
	sent = &publisher->history[seq % BENCH_HISTORY];
	if (sent->len == 0 || sent->seq != seq)
		return;
	rtp.marker = sent->marker;
	rtp.timestamp = sent->timestamp;
	publisher->rtx_seq++;
	header_len = write_header(publisher, header, &rtp, BENCH_VIDEO, true, bench_now_ns());
	bf_put_u16(payload, sent->seq);
	memcpy(payload + 2, sent->payload, sent->len);
	publisher->peer.bench->totals.resent_packets++;
	(void)bench_peer_send_rtp(
		&publisher->peer, bf_bytes(header, header_len), bf_bytes(payload, sent->len + 2));
}

static void on_nack(struct bench_publisher *publisher, const struct bf_rtcp *rtcp)
{
	uint16_t seqs[NACK_MAX];
	uint32_t ssrc;
	int count = bf_rtcp_parse_nack(&ssrc, seqs, NACK_MAX, rtcp);

	if (count < 0 || ssrc != publisher->streams[BENCH_VIDEO].ssrc)
		return;
	publisher->peer.bench->totals.nacks_in += (uint64_t)count;
	for (int i = 0; i < count; i++)
		resend(publisher, seqs[i]);
}

static void on_rtcp(void *arg, struct bf_bytes packet)
{
	struct bench_publisher *publisher = arg;
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;

	bf_rtcp_begin(&it, packet);
	while (bf_rtcp_next(&it, &rtcp) > 0) {
		if (rtcp.type == BF_RTCP_RTPFB && rtcp.fmt == BF_RTPFB_NACK)
			on_nack(publisher, &rtcp);
		if (rtcp.type == BF_RTCP_PSFB &&
			(rtcp.fmt == BF_PSFB_PLI || rtcp.fmt == BF_PSFB_FIR)) {
			publisher->peer.bench->totals.plis_in++;
			publisher->wants_keyframe = true;
		}
	}
}

static void on_rtp(void *arg, uint8_t *data, size_t len, int64_t at_ns)
{
	struct bench_publisher *publisher = arg;

	(void)data;
	(void)len;
	(void)at_ns;
	publisher->peer.bench->totals.unknown_packets++; /* nobody sends media to a publisher */
}

static void on_live(void *arg)
{
	(void)arg; /* scenario.c looks at the state */
}

static const struct bench_peer_ops ops = {.on_live = on_live, .on_rtp = on_rtp, .on_rtcp = on_rtcp};

int bench_publisher_open(struct bench_publisher *publisher, struct bench *bench,
	const struct bench_publisher_spec *spec)
{
	memset(publisher, 0, sizeof(*publisher));
	publisher->spec = *spec;
	if (spec->has_video) {
		publisher->history = calloc(BENCH_HISTORY, sizeof(*publisher->history));
		if (!publisher->history)
			return -ENOMEM;
	}
	bf_prng_init(&publisher->prng, spec->number + 1u);
	for (int i = 0; i < BENCH_KIND_COUNT; i++)
		publisher->streams[i] = (struct bench_out){.ssrc = bf_rand_u32(),
			.seq = (uint16_t)(bf_rand_u32() >> 1 & 0x7fff), /* as libwebrtc begins */
			.timestamp = bf_rand_u32()};
	publisher->rtx_ssrc = bf_rand_u32();
	publisher->picture_id = (uint16_t)(bf_rand_u32() & 0x7fff);
	return bench_peer_open(&publisher->peer, bench, &ops, publisher);
}

void bench_publisher_write_offer(
	const struct bench_publisher *publisher, char out[static BENCH_SDP_MAX])
{
	struct bench_track tracks[BENCH_KIND_COUNT];
	unsigned count = 0;

	if (publisher->spec.has_audio)
		tracks[count++] = (struct bench_track){
			.kind = BENCH_AUDIO, .ssrc = publisher->streams[BENCH_AUDIO].ssrc};
	if (publisher->spec.has_video)
		tracks[count++] = (struct bench_track){.kind = BENCH_VIDEO,
			.ssrc = publisher->streams[BENCH_VIDEO].ssrc,
			.rtx_ssrc = publisher->rtx_ssrc};
	bench_offer_write(out, &publisher->peer.local, tracks, count, true);
}

void bench_publisher_take_answer(struct bench_publisher *publisher, const char *answer)
{
	const bool wanted[BENCH_KIND_COUNT] = {[BENCH_AUDIO] = publisher->spec.has_audio,
		[BENCH_VIDEO] = publisher->spec.has_video};

	if (bench_peer_take(&publisher->peer, answer, false) < 0)
		return;
	for (int i = 0; i < BENCH_KIND_COUNT; i++) {
		const struct bench_section *section =
			bench_remote_section(publisher->peer.remote, (enum bench_kind)i);
		if (section)
			publisher->exts[i] = section->exts;
		else if (wanted[i])
			bench_peer_fail(&publisher->peer, "the server rejected audio or video");
	}
}

void bench_publisher_free(struct bench_publisher *publisher)
{
	bench_peer_free(&publisher->peer);
	free(publisher->history);
	publisher->history = NULL;
}
