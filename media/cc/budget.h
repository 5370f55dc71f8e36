/* media/cc/budget.h - how much a room and its organization may send in a second, and what is left out when it is more.
 *
 * Packets and bits, each with a token bucket that holds one second's worth; a budget has a parent (a room its organization),
 * which must allow what it allows. The worker asks once for each received packet, with all the copies that are to be made of
 * it, before it makes any.
 *
 * Left out: video first. It may use a bucket down to a quarter, so that audio, which may use all of it, is only touched when
 *           even audio alone is more than the budget. Once refused, video stays so until the bucket is three quarters full:
 *           half a second without pictures and then some that decode is better than every second packet, and asks for fewer
 *           retransmissions. When it begins again the streams need keyframes.
 * Bound:    in any time t no more than rate * (t + 1 s) and one packet's copies.
 * Joining:  bf_budget_admit looks at what was sent in the last second, and at what has been promised to others since.
 * Owner:    the room or the organization, which embeds it.   Thread: their worker; a room on several workers has a part of its
 *           budget on each.
 * Limits:   BF_BUDGET_RATE_MAX. Never allocates.
 */
#ifndef BF_MEDIA_CC_BUDGET_H
#define BF_MEDIA_CC_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BF_BUDGET_RATE_MAX 1000000000000 /* a terabit a second: keeps the arithmetic in 64 bits */

enum bf_budget_class {
	BF_BUDGET_AUDIO,
	BF_BUDGET_VIDEO, /* and what is sent again of it */
};

/* What stands against it: the first that does, from the room outwards. */
enum bf_budget_verdict {
	BF_BUDGET_OK,
	BF_BUDGET_PACKETS,	  /* the room's packets a second */
	BF_BUDGET_BITS,		  /* its bits */
	BF_BUDGET_PARENT_PACKETS, /* the organization's */
	BF_BUDGET_PARENT_BITS,
	BF_BUDGET_VERDICT_COUNT,
};

struct bf_budget_bucket {
	/* given */
	int64_t rate; /* a second; 0: unlimited */
	/* state */
	int64_t tokens; /* in millionths; less than 0 by at most what one packet took */
	bool is_shedding;
	/* used in this second and in the one before; promised in this one and in the two before */
	int64_t used[2], promised[3];
};

struct bf_budget {
	/* given */
	struct bf_budget *parent; /* NULL: none */
	/* state */
	struct bf_budget_bucket packets, bits;
	int64_t refilled_us;
	int64_t second_us; /* when this second began */
	uint64_t shed_video,
		shed_audio; /* packets, with their copies; counted where the budget was used up */
};

struct bf_budget_limits {
	int64_t packets_per_s, bits_per_s; /* 0: unlimited */
};

/* Begins with full buckets. `parent` must outlive it. */
void bf_budget_init(struct bf_budget *budget, struct bf_budget *parent,
	const struct bf_budget_limits *limits, int64_t now_us);

/* From now on; what is saved above the new limits is lost. */
void bf_budget_set_limits(
	struct bf_budget *budget, const struct bf_budget_limits *limits, int64_t now_us);

/* Whether `copy_count` copies of a packet, `bits` together, may be sent. If so they are counted, here and with the parent. */
enum bf_budget_verdict bf_budget_take(struct bf_budget *budget, enum bf_budget_class cls,
	uint32_t copy_count, uint64_t bits, int64_t now_us);

/* Whether somebody may join who would add this much. If so it counts as used for two to three seconds, by when it
 * flows and shows. */
enum bf_budget_verdict bf_budget_admit(
	struct bf_budget *budget, const struct bf_budget_limits *added, int64_t now_us);

/* Video is being left out, by this budget or its parent. */
bool bf_budget_sheds_video(const struct bf_budget *budget);

/* "room_packets", for metrics and messages. */
const char *bf_budget_verdict_name(enum bf_budget_verdict verdict);

#endif
