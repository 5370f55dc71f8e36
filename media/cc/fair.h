/* media/cc/fair.h - whose packets a worker works on next, when there are more than it can do at once.
 *
 *   fair ── organization ── room ── items, which the owner keeps in a list of its own
 *           organization ── room ...
 *
 * Deficit round robin, in two storeys: organizations take turns, and within each its rooms. A visit is worth a quantum of work.
 * So organizations get equal shares however many rooms they have, a webinar of a thousand waits between its packets for each
 * small call that has something to do, and no room waits longer than one visit of each organization and, in its own, of each
 * room that has work. An item is a received packet with the copies that are to be made of it: the work is known before it is
 * done. One that is larger than a quantum may overdraw, and pays with its next visits; better, the owner adds it in parts.
 *
 *   while (there is time left in this turn && (room = bf_fair_next(&fair, &allowance)))
 *           do the first item of the room, bf_fair_done(&fair, room, its cost), until `allowance` is spent or it has none
 *
 * A worker has two of these, and empties the one for audio before it looks at the one for video.
 * Memory:  items are receive buffers, of which there are few. A room may hold as many as are free, an organization twice that:
 *          one that floods gets half of them, two a third each, and some are always left for whoever comes.
 * Owner:   struct bf_fair: a worker. The nodes are embedded in organizations and rooms.   Thread: that worker's.
 * Limits:  item_count_max items, then -ENOBUFS. Each call costs the same however many rooms there are. Never allocates.
 * Source:  M. Shreedhar, G. Varghese, "Efficient Fair Queuing Using Deficit Round-Robin" (1996); A. Choudhury, E. Hahne,
 *          "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches" (1998).
 */
#ifndef BF_MEDIA_CC_FAIR_H
#define BF_MEDIA_CC_FAIR_H

#include "core/base/list.h"

#include <stdint.h>

/* Work is counted in bytes. A copy of a packet costs as much as its bytes and as these, whatever its size: 157 ns and 0.055 ns
 * a byte were measured with AES-GCM (which makes it 2850 bytes), 167 ns and 0.18 ns with AES-CM (950). */
#define BF_FAIR_COPY_BYTES 1500

/* About a hundred copies of video packets, 30 us: long against the switch to another room, short against any delay that
 * can be heard. */
#define BF_FAIR_QUANTUM 262144

struct bf_fair_org {
	/* state */
	struct bf_list node;  /* in fair->orgs while it has items */
	struct bf_list rooms; /* with items; the first one is being visited or next */
	int64_t deficit;      /* what is left of a visit; not positive between visits */
	uint32_t item_count;
	uint32_t epoch; /* of `deficit` */
};

struct bf_fair_room {
	/* given */
	struct bf_fair_org *org;
	/* state */
	struct bf_list node; /* in org->rooms while it has items */
	int64_t deficit;
	int64_t backlog; /* the cost of its items */
	uint32_t item_count;
	uint32_t epoch;
};

struct bf_fair {
	/* given */
	int64_t quantum_min;
	uint32_t item_count_max;
	/* state */
	int64_t quantum; /* at least the largest item since it was last empty, so that no visit is worth nothing */
	struct bf_list orgs;
	uint32_t item_count;
	uint32_t
		epoch; /* a new one whenever all have been served: then nobody owes anybody anything */
	int64_t backlog;
	uint64_t refused_count;
};

void bf_fair_init(struct bf_fair *fair, int64_t quantum, uint32_t item_count_max);
void bf_fair_org_init(struct bf_fair_org *org);

/* `org` must outlive the room. */
void bf_fair_room_init(struct bf_fair_room *room, struct bf_fair_org *org);

static inline int64_t bf_fair_cost(uint32_t copy_count, uint32_t packet_bytes)
{
	return (int64_t)copy_count * (BF_FAIR_COPY_BYTES + (int64_t)packet_bytes);
}

/* The room has one more item. -ENOBUFS: it or its organization holds its share of the places: drop the item, or an older one of
 * this room with bf_fair_drop first. */
int bf_fair_add(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost);

/* The room to work for now, and how much, > 0. NULL: nobody has anything. */
struct bf_fair_room *bf_fair_next(struct bf_fair *fair, int64_t *allowance);

/* An item of the room is done, which cost as much as was said when it was added. */
void bf_fair_done(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost);

/* An item of the room is dropped, at no cost. */
void bf_fair_drop(struct bf_fair *fair, struct bf_fair_room *room, int64_t cost);

/* The room ends: all its items are dropped. Safe when it has none. */
void bf_fair_remove(struct bf_fair *fair, struct bf_fair_room *room);

#endif
