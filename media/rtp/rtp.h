/* media/rtp/rtp.h - RTP packets: parse into views, build headers, tell wrapped numbers apart.
 *
 * Owner:   views borrow the packet.   Thread: any.   Never allocates.
 * Source:  RFC 3550 section 5.1, RFC 5761 section 4 (telling RTCP from RTP).
 */
#ifndef BF_MEDIA_RTP_RTP_H
#define BF_MEDIA_RTP_RTP_H

#include "core/base/bytes.h"

#define BF_RTP_HEADER	  12
#define BF_RTP_HEADER_MAX 256 /* fixed header + CSRCs + extensions we are willing to write */

struct bf_rtp {
	uint8_t pt;
	bool marker;
	bool has_ext;
	uint8_t csrc_count;
	uint8_t padding_len; /* counted out of payload */
	uint16_t seq;
	uint16_t ext_profile; /* 0xBEDE one-byte, 0x100x two-byte */
	uint32_t timestamp;
	uint32_t ssrc;
	struct bf_bytes csrcs;	 /* 4 bytes each */
	struct bf_bytes ext;	 /* extension data after the 4-byte extension header */
	struct bf_bytes payload; /* without padding */
	size_t header_len;	 /* all that precedes the payload */
};

/* First byte is in 128..191 and the second is a payload type that RTCP uses (192..223). */
bool bf_rtp_is_rtcp(struct bf_bytes packet);

/* Parse a whole decrypted packet. -EBADMSG: version, lengths or padding are impossible. */
int bf_rtp_parse(struct bf_rtp *out, struct bf_bytes packet);

/* Parse only the header, of a packet that is still encrypted: payload covers everything after the header
 * and padding is not looked at. */
int bf_rtp_parse_header(struct bf_rtp *out, struct bf_bytes packet);

/* Write the fixed header with `csrcs` and, if `ext` is not empty, an extension block whose data is `ext`
 * (padded here to 32 bits). The X bit follows, and so does the P bit from padding_len: who takes over a parsed
 * header but sends the payload without its padding sets padding_len to 0 first. */
void bf_rtp_write_header(struct bf_wr *wr, const struct bf_rtp *rtp, struct bf_bytes ext);

/* Unwraps 16-bit sequence numbers to 64 bits around the highest seen. Starts at 65536 + seq, so that older
 * packets than the first still unwrap to positive numbers. */
struct bf_seq {
	uint64_t highest;
	bool is_started;
};
uint64_t bf_seq_guess(const struct bf_seq *state, uint16_t seq); /* changes nothing */
void bf_seq_commit(struct bf_seq *state, uint64_t ext_seq);	 /* raise `highest` */

/* a is after b on the 16-bit / 32-bit circle. */
static inline bool bf_seq_is_after(uint16_t a, uint16_t b)
{
	return (int16_t)(uint16_t)(a - b) > 0;
}

static inline bool bf_ts_is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

#endif
