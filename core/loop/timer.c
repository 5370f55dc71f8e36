#include "core/loop/timer.h"

#include "core/loop/loop_priv.h"

#include <assert.h>

/* A timer that always arms itself in the past would otherwise hold the turn for ever. */
#define TIMERS_A_TURN 1024

/* The timers of a loop form a pairing heap. A node's heap_prev is its left sibling, or its parent if it is
 * the first child; the root has none. Arming is O(1), running and disarming O(log n) amortised. */

static struct bf_timer *meld(struct bf_timer *a, struct bf_timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->at_us < a->at_us) {
		struct bf_timer *swap = a;

		a = b;
		b = swap;
	}
	b->heap_sibling = a->heap_child;
	if (b->heap_sibling)
		b->heap_sibling->heap_prev = b;
	b->heap_prev = a;
	a->heap_child = b;
	return a;
}

/* Meld the siblings that begin at `first`, in pairs and then from the last pair to the first. */
static struct bf_timer *meld_siblings(struct bf_timer *first)
{
	struct bf_timer *pairs = NULL, *root = NULL;

	while (first) {
		struct bf_timer *a = first, *b = first->heap_sibling;

		first = b ? b->heap_sibling : NULL;
		a->heap_sibling = a->heap_prev = NULL;
		if (b)
			b->heap_sibling = b->heap_prev = NULL;
		a = meld(a, b);
		a->heap_sibling = pairs;
		pairs = a;
	}
	while (pairs) {
		struct bf_timer *next = pairs->heap_sibling;

		pairs->heap_sibling = NULL;
		root = meld(root, pairs);
		pairs = next;
	}
	return root;
}

static void heap_remove(struct bf_loop *loop, struct bf_timer *timer)
{
	struct bf_timer *rest = meld_siblings(timer->heap_child);

	if (timer == loop->timers) {
		loop->timers = rest;
	} else {
		if (timer->heap_prev->heap_child == timer)
			timer->heap_prev->heap_child = timer->heap_sibling;
		else
			timer->heap_prev->heap_sibling = timer->heap_sibling;
		if (timer->heap_sibling)
			timer->heap_sibling->heap_prev = timer->heap_prev;
		loop->timers = meld(loop->timers, rest);
	}
	timer->heap_child = timer->heap_sibling = timer->heap_prev = NULL;
}

void bf_timer_init(
	struct bf_timer *timer, struct bf_loop *loop, void (*on_timer)(void *arg), void *arg)
{
	*timer = (struct bf_timer){
		.loop = loop, .on_timer = on_timer, .arg = arg, .at_us = INT64_MAX};
}

void bf_timer_arm(struct bf_timer *timer, int64_t at_us)
{
	bf_timer_disarm(timer);
	if (at_us == INT64_MAX)
		return;
	timer->at_us = at_us;
	timer->is_armed = true;
	timer->loop->timers = meld(timer->loop->timers, timer);
}

void bf_timer_disarm(struct bf_timer *timer)
{
	if (!timer->is_armed)
		return;
	heap_remove(timer->loop, timer);
	timer->is_armed = false;
	timer->at_us = INT64_MAX;
}

int64_t bf_timers_deadline_us(const struct bf_loop *loop)
{
	return loop->timers ? loop->timers->at_us : INT64_MAX;
}

void bf_timers_run(struct bf_loop *loop)
{
	for (int i = 0; i < TIMERS_A_TURN; i++) {
		struct bf_timer *timer = loop->timers;

		if (!timer || timer->at_us > loop->now_us)
			return;
		bf_timer_disarm(timer); /* first: the callback may arm it again, or free it */
		timer->on_timer(timer->arg);
	}
}
