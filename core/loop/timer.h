/* core/loop/timer.h - one-shot timers of a loop.
 *
 * Owner:   whoever embeds it.   Thread: the loop's.
 * Limits:  any number; arming and disarming never allocate and never fail.
 */
#ifndef BF_CORE_LOOP_TIMER_H
#define BF_CORE_LOOP_TIMER_H

#include "core/loop/loop.h"

struct bf_timer {
	/* given */
	struct bf_loop *loop;
	void (*on_timer)(void *arg);
	void *arg;
	/* state: a pairing heap's links */
	struct bf_timer *heap_child, *heap_sibling, *heap_prev;
	int64_t at_us;
	bool is_armed;
};

void bf_timer_init(
	struct bf_timer *timer, struct bf_loop *loop, void (*on_timer)(void *arg), void *arg);

/* Fire once at `at_us` of the loop's clock, or in this turn if that has passed (armed by a turn-end hook: in
 * the next turn, which then does not wait). Moves an armed timer. INT64_MAX disarms. */
void bf_timer_arm(struct bf_timer *timer, int64_t at_us);

/* Does nothing if it is not armed. */
void bf_timer_disarm(struct bf_timer *timer);

#endif
