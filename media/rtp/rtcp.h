/* media/rtp/rtcp.h - RTCP compound packets: walk what came in, build what goes out.
 *
 * Owner:   views borrow the packet.   Thread: any.   Never allocates.
 * Source:  RFC 3550 section 6, RFC 4585 (NACK, PLI), RFC 5104 (FIR), draft-alvestrand-rmcat-remb (REMB),
 *          draft-holmer-rmcat-transport-wide-cc-extensions-01 (transport-cc), RFC 5506 (reduced size), RFC 3611 (XR, skipped).
 */
#ifndef BF_MEDIA_RTP_RTCP_H
#define BF_MEDIA_RTP_RTCP_H

#include "core/base/bytes.h"

enum bf_rtcp_type {
	BF_RTCP_SR = 200,
	BF_RTCP_RR = 201,
	BF_RTCP_SDES = 202,
	BF_RTCP_BYE = 203,
	BF_RTCP_APP = 204,
	BF_RTCP_RTPFB = 205,
	BF_RTCP_PSFB = 206,
	BF_RTCP_XR = 207,
};

enum bf_rtcp_rtpfb {
	BF_RTPFB_NACK = 1,
	BF_RTPFB_TWCC = 15,
};

enum bf_rtcp_psfb {
	BF_PSFB_PLI = 1,
	BF_PSFB_FIR = 4,
	BF_PSFB_AFB = 15, /* REMB lives here */
};

/* One packet of a compound. `fmt` is the count field of SR, RR, SDES, BYE and the format of feedback. */
struct bf_rtcp {
	uint8_t fmt;
	uint8_t type;
	uint32_t ssrc;	      /* sender (SR, RR, feedback), 0 when the body is shorter than that */
	struct bf_bytes body; /* after the 4-byte header, padding removed */
};

/* Walks a compound packet. bf_rtcp_next returns 1 and fills `out`, 0 at the end, -EBADMSG if a length does not
 * add up (nothing after that is looked at). At most BF_RTCP_MAX packets of one compound are read. */
#define BF_RTCP_MAX 32
struct bf_rtcp_it {
	struct bf_rd rd;
	unsigned count;
};
void bf_rtcp_begin(struct bf_rtcp_it *it, struct bf_bytes packet);
int bf_rtcp_next(struct bf_rtcp_it *it, struct bf_rtcp *out);

struct bf_rtcp_sr {
	uint32_t ssrc;
	uint64_t ntp;
	uint32_t rtp_timestamp;
	uint32_t packet_count;
	uint32_t byte_count;
};
int bf_rtcp_parse_sr(struct bf_rtcp_sr *out, const struct bf_rtcp *rtcp);

struct bf_rtcp_report {
	uint32_t ssrc;
	uint8_t fraction_lost;	 /* of 256 */
	int32_t cumulative_lost; /* 24 bits signed */
	uint32_t highest_seq;	 /* cycles and sequence number */
	uint32_t jitter;
	uint32_t lsr, dlsr;
};
/* Report blocks of an SR or RR: returns the number written, at most `count`, or -EBADMSG. */
int bf_rtcp_parse_reports(struct bf_rtcp_report *out, size_t count, const struct bf_rtcp *rtcp);

/* Sequence numbers asked for by a generic NACK, in order: returns the number written (at most `count`; the rest
 * is ignored) or -EBADMSG. */
int bf_rtcp_parse_nack(
	uint32_t *media_ssrc, uint16_t *seqs, size_t count, const struct bf_rtcp *rtcp);

/* PLI: the media SSRC. */
int bf_rtcp_parse_pli(uint32_t *media_ssrc, const struct bf_rtcp *rtcp);

/* FIR: entries of (ssrc, command sequence number). */
struct bf_rtcp_fir {
	uint32_t ssrc;
	uint8_t command_seq;
};
int bf_rtcp_parse_fir(struct bf_rtcp_fir *out, size_t count, const struct bf_rtcp *rtcp);

/* REMB: bits per second and how many SSRCs were written. */
int bf_rtcp_parse_remb(
	uint64_t *bitrate_bps, uint32_t *ssrcs, size_t count, const struct bf_rtcp *rtcp);

/* BYE: SSRCs that leave. */
int bf_rtcp_parse_bye(uint32_t *ssrcs, size_t count, const struct bf_rtcp *rtcp);

/* Builders append one packet each; a full writer sets its flag. */
void bf_rtcp_write_sr(struct bf_wr *wr, const struct bf_rtcp_sr *sr,
	const struct bf_rtcp_report *reports, size_t report_count);
void bf_rtcp_write_rr(struct bf_wr *wr, uint32_t ssrc, const struct bf_rtcp_report *reports,
	size_t report_count); /* report_count <= 31 */
void bf_rtcp_write_sdes(struct bf_wr *wr, uint32_t ssrc, const char *cname);
void bf_rtcp_write_bye(struct bf_wr *wr, const uint32_t *ssrcs, size_t count);

/* Packs ascending sequence numbers into PID/BLP pairs. */
void bf_rtcp_write_nack(struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc,
	const uint16_t *seqs, size_t count);
void bf_rtcp_write_pli(struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc);
void bf_rtcp_write_fir(
	struct bf_wr *wr, uint32_t sender_ssrc, uint32_t media_ssrc, uint8_t command_seq);
void bf_rtcp_write_remb(struct bf_wr *wr, uint32_t sender_ssrc, uint64_t bitrate_bps,
	const uint32_t *ssrcs, size_t count);

#endif
