/* media/rtp/nack.h - which RTP packets of one stream are missing and due to be asked for again.
 *
 * Owner:   one receive stream, which embeds it.   Thread: that stream's worker.
 * Limits:  BF_NACK_WINDOW packets back, BF_NACK_TRIES requests each. Never allocates.
 * Source:  RFC 4585 section 6.2.1 (generic NACK).
 */
#ifndef BF_MEDIA_RTP_NACK_H
#define BF_MEDIA_RTP_NACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF_NACK_WINDOW \
	512 /* half a second of a 10 Mbit/s stream: later repairs miss the frame anyway */
#define BF_NACK_TRIES 10
#define BF_NACK_COUNT 128 /* missing at once; beyond that only a keyframe helps */

struct bf_nack_entry {
	uint64_t ext_seq;
	int64_t due_us;
	uint8_t try_count;
};

struct bf_nack {
	/* given */
	int64_t rtt_us;
	/* state: entries ascending by ext_seq */
	struct bf_nack_entry entries[BF_NACK_COUNT];
	size_t entry_count;
	uint64_t highest;
	bool is_started;
	bool has_gap; /* gave up on something since the last bf_nack_take_gap */
};

void bf_nack_init(struct bf_nack *nack, int64_t rtt_us);
void bf_nack_set_rtt(struct bf_nack *nack, int64_t rtt_us);

/* Note that packet `ext_seq` (16-bit RTP sequence number unwrapped to 64 bits) came in. */
void bf_nack_on_packet(struct bf_nack *nack, uint64_t ext_seq, int64_t now_us);

/* Write the sequence numbers due at `now_us` to `out`, ascending, at most `out_count` of them.
 * Returns how many were written; call again until it returns 0. */
size_t bf_nack_poll(struct bf_nack *nack, int64_t now_us, uint16_t *out, size_t out_count);

/* When bf_nack_poll next has work, on the clock of `now_us`; INT64_MAX if nothing is missing. */
int64_t bf_nack_deadline_us(const struct bf_nack *nack);

/* True once after packets were given up: time to ask for a keyframe. */
bool bf_nack_take_gap(struct bf_nack *nack);

#endif
