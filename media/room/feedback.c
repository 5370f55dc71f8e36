/* RTCP of one connection: what we ask of and report to publishers, what we report to subscribers, and what both say. */
#include "media/room/room_priv.h"

#include "core/base/clock.h"

#include <stdio.h>

#define COMPOUND_MAX   1180 /* leaves room for the SRTCP tag and index within the MTU */
#define NACK_BATCH     64
#define SR_OLD_US      (60 * 1000000) /* senders report every 5 s; what is older has drifted */
#define NACK_ASKED_MAX 256	      /* sequence numbers of one NACK packet that we look at */

struct compound {
	uint8_t data[COMPOUND_MAX + BF_SRTP_OVERHEAD_MAX];
	struct bf_wr wr;
};

static void begin(struct compound *compound)
{
	compound->wr = bf_wr(compound->data, COMPOUND_MAX);
}

static void flush(struct bf_conn *conn, struct compound *compound)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	size_t len = bf_wr_len(&compound->wr);

	if (len > 0 && !compound->wr.is_full)
		rooms->conf.drops[bf_transport_send_rtcp(
			conn->transport, compound->data, len, sizeof(compound->data))]++;
	begin(compound);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

/* ---- to publishers ---- */

/* Reduced-size RTCP would do for peers that negotiated it; an empty RR in front suits everyone (RFC 5506 section 4.1). */
static void begin_with_rr(struct bf_conn *conn, struct compound *compound)
{
	begin(compound);
	bf_rtcp_write_rr(&compound->wr, conn->feedback_ssrc, NULL, 0);
}

static int64_t ask_stream(struct bf_conn *conn, struct bf_stream *stream, int64_t now_us)
{
	const struct bf_sdp_format *format = &stream->track->format;
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	struct compound compound;
	uint16_t seqs[NACK_BATCH];
	size_t count;

	while ((count = bf_nack_poll(&stream->nack, now_us, seqs, NACK_BATCH)) > 0) {
		begin_with_rr(conn, &compound);
		bf_rtcp_write_nack(&compound.wr, conn->feedback_ssrc, stream->ssrc, seqs, count);
		flush(conn, &compound);
		rooms->counters.tx_nacks += count;
	}
	if (bf_nack_take_gap(&stream->nack))
		bf_keyframe_want(&stream->keyframe, now_us);
	if (stream->ssrc && bf_keyframe_poll(&stream->keyframe, now_us)) {
		begin_with_rr(conn, &compound);
		if (format->has_fir && !format->has_pli)
			bf_rtcp_write_fir(&compound.wr, conn->feedback_ssrc, stream->ssrc,
				stream->fir_count++);
		else
			bf_rtcp_write_pli(&compound.wr, conn->feedback_ssrc, stream->ssrc);
		flush(conn, &compound);
		rooms->counters.tx_keyframe_requests++;
	}
	return earlier(bf_nack_deadline_us(&stream->nack),
		stream->ssrc ? bf_keyframe_deadline_us(&stream->keyframe) : INT64_MAX);
}

static void send_reports(struct bf_conn *conn, const struct bf_rtcp_report *reports, size_t count)
{
	struct compound compound;

	begin(&compound);
	bf_rtcp_write_rr(&compound.wr, conn->feedback_ssrc, reports, count);
	bf_rtcp_write_sdes(&compound.wr, conn->feedback_ssrc, "belfry");
	flush(conn, &compound);
}

static void report_received(struct bf_conn *conn, int64_t now_us)
{
	struct bf_rtcp_report reports[31]; /* as many as one packet holds */
	size_t count = 0;

	BF_LIST_EACH(track, &conn->participant->tracks, struct bf_track, node)
		for (unsigned i = 0; i < track->layer_count; i++) {
			struct bf_stream *stream = &track->streams[i];
			if (stream->ssrc && bf_rtp_stats_report(&stream->stats, stream->ssrc,
						    now_us, &reports[count]))
				count++;
			if (count == sizeof(reports) / sizeof(reports[0])) {
				send_reports(conn, reports, count);
				count = 0;
			}
		}
	if (count > 0)
		send_reports(conn, reports, count);
}

static int64_t send_twcc(struct bf_conn *conn, int64_t now_us)
{
	struct compound compound;

	if (!conn->has_twcc)
		return INT64_MAX;
	begin(&compound);
	while (bf_twcc_poll(conn->twcc, now_us, &compound.wr))
		flush(conn, &compound);
	return bf_twcc_deadline_us(conn->twcc);
}

static int64_t run_publish(struct bf_conn *conn, int64_t now_us)
{
	int64_t next_us = send_twcc(conn, now_us);
	bool is_report_due = conn->report_due_us <= now_us;

	BF_LIST_EACH(track, &conn->participant->tracks, struct bf_track, node) {
		for (unsigned i = 0; i < track->layer_count; i++)
			next_us = earlier(next_us, ask_stream(conn, &track->streams[i], now_us));
		if (is_report_due && track->layer_count > 1)
			bf_layer_on_second(track);
	}
	if (is_report_due) {
		report_received(conn, now_us);
		bf_data_count_refused(conn);
		conn->report_due_us = now_us + BF_REPORT_US;
	}
	return earlier(next_us, conn->report_due_us);
}

/* ---- to subscribers ---- */

/* The publisher's clock goes through: audio and video of one publisher stay in step, and no clock of ours adds its own drift. */
static bool make_sr(struct bf_sub *sub, int64_t now_us, struct bf_rtcp_sr *sr)
{
	const struct bf_stream *stream;
	int64_t since_us;

	if (!sub->track || !sub->is_active || sub->packet_count == 0)
		return false;
	stream = &sub->track->streams[sub->is_video ? (sub->current < 0 ? 0 : sub->current) : 0];
	if (!stream->sr_ntp || stream->uid != sub->rewrite.source >> 8)
		return false;
	since_us = now_us - stream->sr_at_us;
	if (since_us > SR_OLD_US)
		return false;
	sr->ssrc = sub->ssrc;
	sr->ntp = stream->sr_ntp + (((uint64_t)since_us << 32) / 1000000);
	sr->rtp_timestamp = bf_rewrite_timestamp(&sub->rewrite,
		stream->sr_timestamp +
			(uint32_t)(since_us * (int64_t)sub->track->format.clock_hz / 1000000));
	sr->packet_count = sub->packet_count;
	sr->byte_count = sub->byte_count;
	sub->sr_lsr = (uint32_t)(sr->ntp >> 16);
	sub->sr_at_us = now_us;
	return true;
}

static int64_t run_subscribe(struct bf_conn *conn, int64_t now_us)
{
	struct compound compound;
	struct bf_rtcp_sr sr;

	if (conn->report_due_us > now_us)
		return conn->report_due_us;
	begin(&compound);
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node) {
		bf_layer_update(sub);
		if (!make_sr(sub, now_us, &sr))
			continue;
		bf_rtcp_write_sr(&compound.wr, &sr, NULL, 0);
		bf_rtcp_write_sdes(&compound.wr, sub->ssrc, "belfry");
		if (bf_wr_len(&compound.wr) > COMPOUND_MAX - 64)
			flush(conn, &compound);
	}
	flush(conn, &compound);
	conn->report_due_us = now_us + BF_REPORT_US;
	return conn->report_due_us;
}

int64_t bf_feedback_run(struct bf_conn *conn, int64_t now_us)
{
	if (!conn->is_connected)
		return INT64_MAX;
	return conn->pc == BF_PC_PUBLISH ? run_publish(conn, now_us) : run_subscribe(conn, now_us);
}

/* ---- what peers say ---- */

static struct bf_stream *find_stream(struct bf_conn *conn, uint32_t ssrc)
{
	for (unsigned i = 0; i < conn->ssrc_count; i++)
		if (conn->ssrcs[i].ssrc == ssrc && !conn->ssrcs[i].is_rtx)
			return conn->ssrcs[i].stream;
	return NULL;
}

static struct bf_sub *find_sub(struct bf_conn *conn, uint32_t ssrc)
{
	BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
		if (sub->ssrc == ssrc)
			return sub;
	return NULL;
}

static enum bf_drop on_sr(struct bf_conn *conn, const struct bf_rtcp *rtcp, int64_t now_us)
{
	struct bf_stream *stream;
	struct bf_rtcp_sr sr;

	if (bf_rtcp_parse_sr(&sr, rtcp))
		return BF_DROP_RTCP_MALFORMED;
	stream = find_stream(conn, sr.ssrc);
	if (!stream)
		return BF_DROP_NONE;
	bf_rtp_stats_on_sr(&stream->stats, sr.ntp, now_us);
	stream->sr_ntp = sr.ntp;
	stream->sr_timestamp = sr.rtp_timestamp;
	stream->sr_at_us = now_us;
	bf_feed_report(stream);
	return BF_DROP_NONE;
}

static enum bf_drop on_nack(struct bf_conn *conn, const struct bf_rtcp *rtcp, int64_t now_us)
{
	struct bf_rooms *rooms = bf_conn_rooms(conn);
	uint16_t seqs[NACK_ASKED_MAX];
	struct bf_sub *sub;
	uint32_t ssrc;
	int count = bf_rtcp_parse_nack(&ssrc, seqs, NACK_ASKED_MAX, rtcp);

	if (count < 0)
		return BF_DROP_RTCP_MALFORMED;
	sub = find_sub(conn, ssrc);
	if (!sub)
		return BF_DROP_NONE;
	rooms->counters.rx_nacks += (uint64_t)count;
	bf_resend_on_nack(sub, seqs, (size_t)count, now_us);
	return BF_DROP_NONE;
}

static void on_keyframe_request(struct bf_conn *conn, uint32_t ssrc, int64_t now_us)
{
	struct bf_sub *sub = find_sub(conn, ssrc);

	if (!sub || !bf_keyframe_quota_take(&sub->quota, now_us))
		return;
	bf_conn_rooms(conn)->counters.rx_keyframe_requests++;
	bf_layer_want_keyframe(sub);
}

static enum bf_drop on_psfb(struct bf_conn *conn, const struct bf_rtcp *rtcp, int64_t now_us)
{
	struct bf_rtcp_fir entries[8];
	uint32_t ssrc;
	int count;

	if (rtcp->fmt == BF_PSFB_PLI) {
		if (bf_rtcp_parse_pli(&ssrc, rtcp))
			return BF_DROP_RTCP_MALFORMED;
		on_keyframe_request(conn, ssrc, now_us);
	} else if (rtcp->fmt == BF_PSFB_FIR) {
		count = bf_rtcp_parse_fir(entries, 8, rtcp);
		if (count < 0)
			return BF_DROP_RTCP_MALFORMED;
		for (int i = 0; i < count; i++)
			on_keyframe_request(conn, entries[i].ssrc, now_us);
	}
	return BF_DROP_NONE;
}

enum bf_drop bf_feedback_on_rtcp(struct bf_conn *conn, struct bf_bytes packet, int64_t now_us)
{
	struct bf_rtcp_it it;
	struct bf_rtcp rtcp;
	enum bf_drop drop = BF_DROP_NONE;
	int more;

	bf_rtcp_begin(&it, packet);
	while (!drop && (more = bf_rtcp_next(&it, &rtcp)) != 0) {
		if (more < 0)
			return BF_DROP_RTCP_MALFORMED;
		if (rtcp.type == BF_RTCP_SR)
			drop = on_sr(conn, &rtcp, now_us);
		else if (rtcp.type == BF_RTCP_RTPFB && rtcp.fmt == BF_RTPFB_NACK)
			drop = on_nack(conn, &rtcp, now_us);
		else if (rtcp.type == BF_RTCP_PSFB)
			drop = on_psfb(conn, &rtcp, now_us);
		/* RR, SDES, BYE, APP, XR and unknown ones need nothing from a forwarder */
	}
	return drop;
}
