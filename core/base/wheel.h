/* core/base/wheel.h - which of many deadlines have come, on a grid: a timing wheel.
 *
 * For thousands of nodes that are due within milliseconds and share their ticks, so that one timer of the loop serves all
 * of them: putting, moving and removing cost the same however many there are.
 * Owner:   whoever embeds it; nodes are embedded in what is due.   Thread: one.
 * Limits:  any number of nodes. A node due later than BF_WHEEL_SLOTS ticks is looked at once a round until it is due.
 */
#ifndef BF_CORE_BASE_WHEEL_H
#define BF_CORE_BASE_WHEEL_H

#include "core/base/list.h"

#include <stdint.h>

#define BF_WHEEL_SLOTS 64 /* as many as a word has bits */

struct bf_wheel_node {
	struct bf_list node; /* in a slot, or alone */
	int64_t at_us;	     /* INT64_MAX: not due */
};

struct bf_wheel {
	/* given */
	int64_t grid_us;
	/* state: a node stands in the slot of the first tick at or after its time, or of the last one within reach */
	int64_t tick;  /* all slots up to this tick are served */
	uint64_t used; /* bit i: slot i may hold nodes */
	struct bf_list slots[BF_WHEEL_SLOTS];
};

void bf_wheel_init(struct bf_wheel *wheel, int64_t grid_us, int64_t now_us);
void bf_wheel_node_init(struct bf_wheel_node *node);

/* Due at `at_us`, found at the first multiple of the grid from then on, or with the next tick if that has passed. Moves a
 * node that is in the wheel; INT64_MAX removes it. */
void bf_wheel_put(
	struct bf_wheel *wheel, struct bf_wheel_node *node, int64_t at_us, int64_t now_us);

/* Safe on a node that is in no wheel. */
void bf_wheel_remove(struct bf_wheel_node *node);

/* Take one node that is due at `now_us` out of the wheel; NULL: none is. Call again until NULL. */
struct bf_wheel_node *bf_wheel_next(struct bf_wheel *wheel, int64_t now_us);

/* When bf_wheel_next has work, perhaps only that of looking at a node that is due later; INT64_MAX: no node. */
int64_t bf_wheel_deadline_us(const struct bf_wheel *wheel);

#endif
