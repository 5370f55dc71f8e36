/* media/room/rewrite.h - one continuous outgoing stream out of several incoming ones.
 *
 * The receiver sees one SSRC whose sequence numbers, timestamps and picture ids go on without a break, whichever simulcast layer
 * or track feeds it at the moment. A packet that was lost on its way here leaves a gap, which the receiver may ask for; a packet left
 * out on purpose does not.
 * Owner:   one subscription, which embeds it and gives it memory for its slots.   Thread: its worker.   Never allocates.
 * Limits:  as many packets back as there are slots can be mapped for NACKs and late packets; of BF_REWRITE_EPOCHS sources back.
 */
#ifndef BF_MEDIA_ROOM_REWRITE_H
#define BF_MEDIA_ROOM_REWRITE_H

#include "media/codec/codec.h"

#define BF_REWRITE_WINDOW	1024 /* slots of video: 1 s at 10 Mbit/s */
#define BF_REWRITE_WINDOW_AUDIO 256  /* 5 s: audio is not sent again, only late packets look here */

struct bf_rewrite_in {
	uint32_t source; /* names the incoming stream; another value is a switch */
	uint64_t ext_seq;
	uint32_t timestamp;
	const struct bf_payload *info;
	int64_t now_us;
};

struct bf_rewrite_out {
	uint16_t seq;
	uint32_t timestamp;
	uint16_t picture_id; /* if the payload has one */
	uint8_t tl0picidx;
};

/* What was sent under one number. */
struct bf_rewrite_sent {
	uint64_t in_ext_seq;
	uint64_t out_ext_seq;
	uint32_t source;
	uint32_t timestamp_offset; /* out - in */
	uint16_t picture_id;	   /* as sent, like the next */
	uint8_t tl0picidx;
};

/* The same, as it is kept: each packet writes one, so it is as small as can be. */
struct bf_rewrite_slot {
	uint32_t in_seq; /* low half of in_ext_seq */
	uint16_t picture_id;
	uint8_t tl0picidx;
	uint8_t epoch; /* 0: nothing was sent */
};

/* What all packets between two switches have in common. */
#define BF_REWRITE_EPOCHS 8
struct bf_rewrite_epoch {
	uint64_t in_base; /* the first of its numbers */
	uint32_t source;
	uint32_t timestamp_offset;
	uint8_t id; /* 0: free */
};

/* Numbers of one kind: out = in + offset, less what was left out on purpose in between. */
#define BF_REWRITE_SKIPS 2048 /* how far back a late number still finds its place */
struct bf_rewrite_line {
	uint64_t in_base;	/* first of the current source */
	uint64_t in_highest;	/* of the current source, sent or left out */
	uint64_t out_highest;	/* sent, over all sources */
	int64_t offset;		/* out - in, from in_highest on */
	uint32_t skipped_count; /* bits set: mostly none, and then they need no look */
	uint64_t *skipped;	/* BF_REWRITE_SKIPS bits: one for each number left out */
};

/* A source that fed this stream before. */
#define BF_REWRITE_LEFT 4
struct bf_rewrite_left {
	uint32_t source;
	uint64_t in_highest; /* 0: free */
};

struct bf_rewrite {
	/* given */
	uint32_t clock_hz;
	uint32_t slot_count;	       /* a power of two */
	struct bf_rewrite_slot *slots; /* by out_ext_seq */
	/* state */
	bool is_started;
	uint8_t epoch;			       /* id of the current one */
	bool has_picture_id, is_picture_stale; /* seen one; the next one is of a new source */
	bool has_tl0picidx, is_tl0picidx_stale;
	uint8_t tl0picidx_offset, last_tl0picidx;
	uint32_t source;
	uint32_t timestamp_offset;
	uint32_t last_timestamp; /* highest sent */
	int64_t last_at_us;
	struct bf_rewrite_line seqs;
	struct bf_rewrite_line pictures; /* unwrapped picture ids; offset 0 before the first */
	/* what single packets do not need */
	struct bf_rewrite_left left[BF_REWRITE_LEFT];
	unsigned left_idx; /* the one to overwrite next */
	uint64_t seqs_skipped[BF_REWRITE_SKIPS / 64];
	uint64_t pictures_skipped[BF_REWRITE_SKIPS / 64];
	struct bf_rewrite_epoch epochs[BF_REWRITE_EPOCHS]; /* by id */
};

/* First numbers sent (random ones: RFC 3550 section 5.1). `slots` is memory for `slot_count` of them, a power of two. */
void bf_rewrite_init(struct bf_rewrite *rewrite, uint32_t clock_hz, uint16_t first_seq,
	uint32_t first_timestamp, struct bf_rewrite_slot *slots, uint32_t slot_count);

/* Numbers for a packet that is to be sent. False: it must not be sent (late from an old source, a duplicate, of a picture left out,
 * or older than the window). A packet of another source switches to it; back to a source left lately video goes only by a
 * keyframe. The timestamp then continues by the time that passed, at least by a frame at 30 fps (90 kHz) or 20 ms (audio),
 * never backwards. A jump of more sequence numbers than there are slots is closed up like a switch. */
bool bf_rewrite_packet(
	struct bf_rewrite *rewrite, const struct bf_rewrite_in *in, struct bf_rewrite_out *out);

/* A packet of the current source that is left out on purpose (padding, muted): later packets close
 * up. Of other sources: nothing. A late one stays a gap if packets behind it were sent already. */
void bf_rewrite_skip(struct bf_rewrite *rewrite, uint32_t source, uint64_t ext_seq);

/* The same for a packet of a picture that is left out whole (a temporal layer not wanted): picture ids close up too. Receivers take a
 * missing picture id for a lost frame and wait for it. Call it for each packet of such a picture. */
void bf_rewrite_skip_picture(struct bf_rewrite *rewrite, uint32_t source, uint64_t ext_seq,
	const struct bf_payload *info);

/* What was sent as `seq` (unwrapped around the newest), for a NACK; false if nothing was, or it is out of the window. */
bool bf_rewrite_find(const struct bf_rewrite *rewrite, uint16_t seq, struct bf_rewrite_sent *out);

/* Timestamp of the outgoing stream for `timestamp` of the current source (sender reports). */
uint32_t bf_rewrite_timestamp(const struct bf_rewrite *rewrite, uint32_t timestamp);

#endif
