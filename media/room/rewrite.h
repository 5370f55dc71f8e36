/* media/room/rewrite.h - one continuous outgoing stream out of several incoming ones.
 *
 * The receiver sees one SSRC whose sequence numbers, timestamps and picture ids go on without a break, whichever simulcast layer
 * or track feeds it at the moment. A packet that was lost on its way here leaves a gap, which the receiver may ask for; a packet left
 * out on purpose does not.
 * Owner:   one subscription, which embeds it.   Thread: its worker.   Never allocates.
 * Limits:  BF_REWRITE_WINDOW packets back can be mapped for NACKs and late packets.
 */
#ifndef BF_MEDIA_ROOM_REWRITE_H
#define BF_MEDIA_ROOM_REWRITE_H

#include "media/codec/codec.h"

#define BF_REWRITE_WINDOW 1024 /* a power of two */

struct bf_rewrite_in {
	uint32_t source;       /* names the incoming stream; another value is a switch */
	uint64_t ext_seq;
	uint32_t timestamp;
	const struct bf_payload *info;
	int64_t now_us;
};

struct bf_rewrite_out {
	uint16_t seq;
	uint32_t timestamp;
	uint16_t picture_id;   /* if the payload has one */
	uint8_t tl0picidx;
};

struct bf_rewrite_sent {
	uint64_t in_ext_seq;
	uint64_t out_ext_seq;
	uint32_t source;
	uint32_t timestamp;    /* as sent */
	uint16_t picture_id;
	uint8_t tl0picidx;
	bool is_sent;
};

struct bf_rewrite {
	/* given */
	uint32_t clock_hz;
	/* state */
	bool is_started;
	uint32_t source;
	uint64_t in_highest, out_highest;   /* of the current source; out over all */
	uint64_t in_base;                   /* first packet of the current source */
	int64_t seq_offset;                 /* out - in, for packets after the last one left out */
	uint32_t timestamp_offset;
	uint32_t last_timestamp;            /* highest sent */
	int64_t last_at_us;
	uint16_t picture_id_offset, last_picture_id;
	uint8_t tl0picidx_offset, last_tl0picidx;
	bool has_picture_id;
	struct bf_rewrite_sent sent[BF_REWRITE_WINDOW]; /* by out_ext_seq */
	uint64_t skipped[BF_REWRITE_WINDOW / 64 * 2];   /* bit per in_ext_seq of the current source left out on purpose */
};

/* First numbers sent (random ones: RFC 3550 section 5.1). */
void bf_rewrite_init(struct bf_rewrite *rewrite, uint32_t clock_hz, uint16_t first_seq, uint32_t first_timestamp);

/* Numbers for a packet that is to be sent. False: it must not be sent (of an old source, a duplicate, or older than the
 * window). A packet of a new source switches to it: its timestamp continues by the time that passed, at least one tick of
 * a 90 kHz / 30 fps frame (or one 20 ms audio frame), never backwards. */
bool bf_rewrite_packet(
	struct bf_rewrite *rewrite, const struct bf_rewrite_in *in, struct bf_rewrite_out *out);

/* A packet of the current source that is left out on purpose (padding, a temporal layer not wanted, paused): later packets close
 * up. Of other sources: nothing. A late one that has left a gap already stays a gap. */
void bf_rewrite_skip(struct bf_rewrite *rewrite, uint32_t source, uint64_t ext_seq);

/* What was sent as `seq` (unwrapped around the newest), for a NACK; NULL if nothing was, or it is out of the window. */
const struct bf_rewrite_sent *bf_rewrite_find(const struct bf_rewrite *rewrite, uint16_t seq);

/* Timestamp of the outgoing stream for `timestamp` of the current source (sender reports). */
uint32_t bf_rewrite_timestamp(const struct bf_rewrite *rewrite, uint32_t timestamp);

#endif
