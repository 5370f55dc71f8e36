/* media/srtp/stream_priv.h - the SSRCs of one bf_srtp: how far each has come, and what of it was seen already.
 *
 * A table with open addressing. The first few streams have their places in the table itself: a subscriber has three or four of
 * them, a room has hundreds of subscribers.
 * Owner:   a bf_srtp, which embeds it (so it must not move).   Thread: that of its engine.
 * Limits:  BF_SRTP_SSRC_MAX streams; allocates when one is added.
 * Source:  RFC 3711 sections 3.2.3 (one context for each SSRC), 3.3.1 (indexes), 3.3.2 (replays).
 */
#ifndef BF_MEDIA_SRTP_STREAM_PRIV_H
#define BF_MEDIA_SRTP_STREAM_PRIV_H

#include "core/base/bytes.h"

#define BF_SRTP_FEW_SLOTS 8 /* for up to 6 streams: two thirds or so of a table may be taken */

/* How far behind the newest a packet may be. RTP: at 1 Mbit/s and 1200 bytes a packet 10 s, more than any retransmission comes
 * late; 64 packets, the least that RFC 3711 allows, are less than one video frame's burst. RTCP: libsrtp2's figure. */
#define BF_SRTP_RTP_WINDOW  1024
#define BF_SRTP_RTCP_WINDOW 128

#define BF_SRTP_INDEX_END \
	(UINT64_C(1) << 48) /* RTP indexes are 32 bits of roll-over counter and 16 of SEQ */
#define BF_SRTP_RTCP_END (UINT32_C(1) << 31)

/* What was received, by index modulo the window. */
struct bf_srtp_windows {
	uint64_t rtp[BF_SRTP_RTP_WINDOW / 64];
	uint64_t rtcp[BF_SRTP_RTCP_WINDOW / 64];
};

struct bf_srtp_stream {
	/* state: newest indexes, 0 before the first packet */
	uint64_t rtp_index;
	uint32_t rtcp_index;
	uint32_t ssrc;
	bool is_used;
	/* owned */
	struct bf_srtp_windows *windows; /* NULL if outgoing */
};

struct bf_srtp_streams {
	/* owned */
	struct bf_srtp_stream *slots; /* `few`, or on the heap */
	/* state */
	uint32_t slot_count; /* a power of two */
	uint32_t count;
	struct bf_srtp_stream few[BF_SRTP_FEW_SLOTS];
};

void bf_srtp_streams_init(struct bf_srtp_streams *streams);
void bf_srtp_streams_deinit(struct bf_srtp_streams *streams);

/* NULL if there is none. Valid until a stream is added or removed. */
struct bf_srtp_stream *bf_srtp_streams_find(struct bf_srtp_streams *streams, uint32_t ssrc);

/* Make sure that one more fits. -ENOBUFS at the limit, -ENOMEM. */
int bf_srtp_streams_reserve(struct bf_srtp_streams *streams);

/* Add one that is not there. -ENOBUFS, -ENOMEM; never after a reservation and without windows. */
int bf_srtp_streams_add(struct bf_srtp_stream **out, struct bf_srtp_streams *streams, uint32_t ssrc,
	bool has_windows);
void bf_srtp_streams_remove(struct bf_srtp_streams *streams, uint32_t ssrc);

/* The index that a sequence number most likely stands for, when the newest so far is `newest` (RFC 3711 appendix A). May be
 * BF_SRTP_INDEX_END or more: then the key is used up. As in libsrtp2, nothing is before roll-over counter 0. */
static inline uint64_t bf_srtp_guess_index(uint64_t newest, uint16_t seq)
{
	uint64_t of_same_roc = (newest & ~UINT64_C(0xffff)) | seq;
	uint32_t newest_seq = newest & 0xffff;

	if (newest <= 0x8000)
		return seq;
	if (newest_seq < 0x8000)
		return seq > newest_seq + 0x8000 ? of_same_roc - 0x10000 : of_same_roc;
	return newest_seq - 0x8000 > seq ? of_same_roc + 0x10000 : of_same_roc;
}

/* A window of `size` bits, a power of two, that ends at `newest`. */
static inline bool bf_srtp_window_is_behind(uint64_t newest, uint64_t index, uint64_t size)
{
	return index < newest && newest - index >= size;
}

static inline bool bf_srtp_window_has(const uint64_t *bits, uint64_t size, uint64_t index)
{
	uint64_t at = index & (size - 1);

	return bits[at / 64] >> (at % 64) & 1;
}

/* Whether `index` was neither seen nor is too old to tell. */
static inline bool bf_srtp_window_is_fresh(
	const uint64_t *bits, uint64_t size, uint64_t newest, uint64_t index)
{
	if (index > newest)
		return true;
	return !bf_srtp_window_is_behind(newest, index, size) &&
	       !bf_srtp_window_has(bits, size, index);
}

/* Note that a fresh `index` was seen. Returns what is the newest now. */
uint64_t bf_srtp_window_add(uint64_t *bits, uint64_t size, uint64_t newest, uint64_t index);

#endif
