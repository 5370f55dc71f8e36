/* media/cc/pacer.h - when the packets to one subscriber leave: at once while they are few, else in trains at a rate.
 *
 *   admit ── may go now ──────────────────────────────► encrypt, send
 *     └ no ─► push ─► [resends][video] ─► poll, when due ─► encrypt, send        (or: too old, tell the owner)
 *
 * A token bucket. A burst passes without a timer: that is an ordinary frame of 6 to 12 packets, which thus leaves as one
 * train. What is over it waits for the next tick of a millisecond at which a train's worth of tokens is there. The numbers
 * come from what a send costs (GSO, 1200 bytes, no device segmentation): 521 ns a packet alone, 361 in trains of four, 298
 * in trains of eight, no less in longer ones. So a train has BF_PACER_TRAIN_BYTES, eight packets, unless the rate is so
 * low that these would take more than BF_PACER_INTERVAL_US to gather: then as many as have.
 * At the default rate 10 packets leave in a millisecond: of a keyframe of 30 packets, 16 go at once and the last one 2 ms
 * later; of one of 60 packets, 5 ms later. That rate is no estimate: it only keeps keyframes from arriving in one piece at
 * a line of 100 Mbit/s, where they would push out what others send.
 *
 * Classes: audio and control (RTCP, DTLS, STUN, data channels) never wait, but what they take is missing for the others, up
 *          to a debt of one burst. Retransmissions go before fresh video, since a picture waits for them; after
 *          BF_PACER_RESEND_RUN of them one fresh packet goes, so that a flood of NACKs does not stop the picture. Within a
 *          class the order is kept, so also within a stream.
 * Bound:   in any time t, of what waits or could wait no more than rate * t + one burst leaves; the rate that audio leaves
 *          over is what the others get. A long silence gives no more than one burst.
 * Owner:   struct bf_pacer: one subscribing transport, which embeds it. struct bf_pacers: a worker; it has the memory of
 *          all queues, taken only while something waits, and knows which pacers are due.   Thread: their worker.
 * Limits:  BF_PACER_COUNT_MAX packets wait, none longer than BF_PACER_AGE_US; more are refused, older ones handed back as
 *          late. BF_PACER_RATE_MIN_BPS is the lowest rate there is: also 0 means that. Allocates in bf_pacers_init only.
 *          An entry must not point into a receive buffer, which is given back at the end of the turn: name the packet in the
 *          cache instead, and find it again when it leaves.
 */
#ifndef BF_MEDIA_CC_PACER_H
#define BF_MEDIA_CC_PACER_H

#include "core/base/pool.h"
#include "core/base/wheel.h"

#include <stdbool.h>
#include <stdint.h>

/* The lowest is a packet a second: an estimate of 0 is a wrong estimate. The highest is beyond any line, and keeps the
 * arithmetic in 64 bits. */
#define BF_PACER_RATE_DEFAULT_BPS 100000000
#define BF_PACER_RATE_MIN_BPS	  10000
#define BF_PACER_RATE_MAX_BPS	  100000000000

/* All pacers of a worker share the ticks. Trains are INTERVAL_US apart at most, where the rate gives a packet in that time;
 * TRAIN_BYTES are eight packets of 1200. */
#define BF_PACER_TICK_US     1000
#define BF_PACER_INTERVAL_US 5000
#define BF_PACER_TRAIN_BYTES 9600

/* A burst is what the rate gives in a frame's time at 30 frames a second, within these: fewer than four packets would
 * make small frames wait, and more than 16 do not get cheaper. */
#define BF_PACER_BURST_US	 33000
#define BF_PACER_BURST_MIN_BYTES 6000
#define BF_PACER_BURST_MAX_BYTES 20000

/* COUNT_MAX is a keyframe of 600 kB. What is older than AGE_US comes too late for any player: a new keyframe is better. */
#define BF_PACER_PACKET_MAX 1500
#define BF_PACER_COUNT_MAX  512
#define BF_PACER_AGE_US	    500000
#define BF_PACER_RESEND_RUN 7

enum bf_pacer_class {
	BF_PACER_AUDIO,	 /* and control: never waits */
	BF_PACER_RESEND, /* again, on a NACK */
	BF_PACER_VIDEO,
	BF_PACER_CLASS_COUNT,
};

/* A packet that waits. Its bytes are the owner's: where they are stands in what the pacer does not look at. */
struct bf_pacer_entry {
	uint64_t owner;	    /* opaque; bf_pacer_forget compares it */
	uint64_t packet;    /* opaque */
	uint32_t queued_ms; /* the pacer's */
	uint16_t bytes;	    /* 1 to BF_PACER_PACKET_MAX */
	uint8_t cls;	    /* enum bf_pacer_class, not audio */
	uint8_t note;	    /* opaque */
};

#define BF_PACER_BLOCK_ENTRIES 21 /* with the link just 512 bytes */

struct bf_pacer_block {
	struct bf_pacer_block *next;
	struct bf_pacer_entry entries[BF_PACER_BLOCK_ENTRIES];
};

/* All pacers of a worker, together. */
struct bf_pacers {
	/* owned */
	struct bf_pool blocks;
	/* state */
	struct bf_wheel wheel;	 /* pacers with something waiting */
	uint64_t passed;	 /* packets that went at once */
	uint64_t queued;	 /* and those that waited; each of them ends in one of these: */
	uint64_t released;	 /* sent later, */
	uint64_t late;		 /* too old, */
	uint64_t forgotten;	 /* not wanted any more by their owner */
	uint64_t refused;	 /* did not get into a queue: BF_PACER_COUNT_MAX */
	uint64_t refused_memory; /* no free block */
	uint64_t trains;	 /* released one behind the other */
	uint64_t waited_ms;	 /* by those released, together */
	uint32_t waiting;	 /* now */
};

struct bf_pacer_queue {
	struct bf_pacer_block *first, *last; /* NULL while it is empty */
	uint16_t first_idx, last_idx;	     /* the next to take; behind the newest */
	uint32_t count;
};

/* At most 128 bytes: thousands of transports have one. */
struct bf_pacer {
	/* given */
	struct bf_pacers *pacers;
	int64_t rate_bps, tokens_max; /* a burst */
	/* owned: what waits */
	struct bf_pacer_queue resend, video;
	/* state */
	struct bf_wheel_node due;
	int64_t tokens; /* in millionths of a bit, so that rate * time is exact; negative: debt */
	int64_t refilled_us; /* up to when `tokens` counts */
	uint32_t waiting_bytes;
	uint8_t resend_run; /* retransmissions since the last fresh packet */
	bool is_in_train;
};

/* `block_count` blocks of 512 bytes for BF_PACER_BLOCK_ENTRIES waiting packets each. -ENOMEM, -EINVAL. */
int bf_pacers_init(struct bf_pacers *pacers, size_t block_count, int64_t now_us);

/* All pacers must be gone. */
void bf_pacers_deinit(struct bf_pacers *pacers);

/* A pacer that is due: poll it until BF_PACER_NOTHING. NULL: none is. Call again until NULL. */
struct bf_pacer *bf_pacers_next(struct bf_pacers *pacers, int64_t now_us);

/* When bf_pacers_next has work; INT64_MAX: nothing waits. */
int64_t bf_pacers_deadline_us(const struct bf_pacers *pacers);

void bf_pacer_init(struct bf_pacer *pacer, struct bf_pacers *pacers, int64_t now_us);

/* Packets that wait are forgotten. */
void bf_pacer_deinit(struct bf_pacer *pacer);

/* From now on; what waits leaves at the new rate. Brought into the limits. */
void bf_pacer_set_rate(struct bf_pacer *pacer, int64_t rate_bps, int64_t now_us);

/* What passes at once after a silence. */
int64_t bf_pacer_burst_bytes(const struct bf_pacer *pacer);

/* Whether a packet of `bytes` on the wire may go now; then it counts as sent. Audio always may. False: push it. While
 * anything waits, so does what comes later. */
bool bf_pacer_admit(
	struct bf_pacer *pacer, enum bf_pacer_class cls, uint16_t bytes, int64_t now_us);

/* Copy the entry to the end of its class's queue. -ENOBUFS: full; the packet is lost, which is counted here: the stream
 * needs a keyframe. */
int bf_pacer_push(struct bf_pacer *pacer, const struct bf_pacer_entry *entry, int64_t now_us);

enum bf_pacer_verdict {
	BF_PACER_NOTHING, /* until the deadline */
	BF_PACER_SEND,	  /* `out` goes now */
	BF_PACER_LATE,	  /* `out` waited too long and is lost: its stream needs a keyframe */
};

/* Take the next packet that is due. Call again until BF_PACER_NOTHING. */
enum bf_pacer_verdict bf_pacer_poll(
	struct bf_pacer *pacer, int64_t now_us, struct bf_pacer_entry *out);

/* When bf_pacer_poll has work; INT64_MAX if nothing waits. */
int64_t bf_pacer_deadline_us(const struct bf_pacer *pacer);

/* Drop what waits for `owner`: a stream that ended, was muted or changed its layer. Returns how many packets. */
size_t bf_pacer_forget(struct bf_pacer *pacer, uint64_t owner);

#endif
