/* media/cc/overload.h - what a worker leaves out when it cannot keep up, in which order, and when it takes it up again.
 *
 * It is told, each BF_OVERLOAD_INTERVAL_US or so, how long packets were in the worker (media/cc/transit.h). While the slowest
 * hundredth takes longer than the budget it goes up one level after another:
 *
 *   level  state        what is done, beside what the levels above it in this list do
 *   0      NORMAL       nothing
 *   0      GUARDED      new joins are refused: this hurts nobody who is inside
 *   1      SHED_LAYERS  small pictures first: who gets a middle layer gets the lowest one
 *   2                   half of those who get the highest layer get the next lower one
 *   3                   so do all of them
 *   4                   everybody gets the lowest layer
 *   5..7   SHED_VIDEO   a quarter, a half, three quarters of the subscriptions to video are paused
 *   8                   all of them
 *   never               audio, data, feedback, signaling
 *
 * Which subscriptions are hit follows from their ids alone, so those of a level are hit at all higher ones too and nobody is
 * switched to and fro.
 *
 * Up:   one bad interval, or two, may be a stumble of the machine; with BF_OVERLOAD_GUARD_MIN of them in a row from NORMAL to GUARDED, with
 *       the next one a level, and so on with each that follows (BF_OVERLOAD_HOT_MIN in a row), but not before the last step has had
 *       BF_OVERLOAD_RAISE_US to show what it does (a change of layer waits for a keyframe), and not while it gets better: what has piled up takes its time
 *       to drain. Over BF_OVERLOAD_SEVERE times the budget: two levels at a time, without the wait.
 * Down: a level at a time, after packets have taken less than half of the budget for a while without a break. To a level that
 *       has not just proved too low that is BF_OVERLOAD_CALM_MIN_US. A step that had to be taken back within
 *       BF_OVERLOAD_RELAPSE_US doubles the while for the next attempt at that level, up to BF_OVERLOAD_CALM_MAX_US: so a load
 *       that lies between two levels is tried ever more rarely instead of flapping. When the step holds, it halves, and it is
 *       forgotten after a normal minute. A thread busier than BF_OVERLOAD_BUSY_HIGH is not given more; above
 *       BF_OVERLOAD_BUSY_LOW it must have been calm for BF_OVERLOAD_CALM_BUSY_US at least.
 *       Between half of the budget and the budget nothing changes.
 * Busy: a thread that finds time to wait is not overloaded, whatever its packets wait for: the last of a thousand subscribers gets
 *       his copy of a frame after all others, and would if half of them were left out for good. So below BF_OVERLOAD_BUSY_HOT no
 *       interval is bad, and below BF_OVERLOAD_BUSY_LOW each is calm, however long packets took.
 * Owner:   a worker, which embeds it.   Thread: its own.
 * Limits:  BF_OVERLOAD_LEVEL_MAX. Never allocates.
 */
#ifndef BF_MEDIA_CC_OVERLOAD_H
#define BF_MEDIA_CC_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

/* The budget unless the configuration says otherwise: a quarter of the time of an audio packet. The interval is a window of
 * bf_transit. RAISE_US: two intervals, and keyframes are asked for twice a second. RELAPSE_US: what goes wrong that soon
 * after a step down comes of it. PACKETS_MIN: fewer say nothing about a hundredth. Shares of busy time are of 1000. */
#define BF_OVERLOAD_BUDGET_US	 5000
#define BF_OVERLOAD_INTERVAL_US	 250000
#define BF_OVERLOAD_GUARD_MIN	 3
#define BF_OVERLOAD_HOT_MIN	 2
#define BF_OVERLOAD_SEVERE	 4
#define BF_OVERLOAD_RAISE_US	 500000
#define BF_OVERLOAD_RELAPSE_US	 10000000
#define BF_OVERLOAD_CALM_MIN_US	 2000000
#define BF_OVERLOAD_CALM_BUSY_US 15000000
#define BF_OVERLOAD_CALM_MAX_US	 60000000
#define BF_OVERLOAD_PACKETS_MIN	 50
#define BF_OVERLOAD_BUSY_LOW	 700
#define BF_OVERLOAD_BUSY_HIGH	 850
#define BF_OVERLOAD_BUSY_HOT	 900

#define BF_OVERLOAD_LEVEL_MAX	 8

enum bf_overload_state {
	BF_OVERLOAD_NORMAL,
	BF_OVERLOAD_GUARDED,	 /* joins are refused, nothing is left out */
	BF_OVERLOAD_SHED_LAYERS, /* levels 1 to 4 */
	BF_OVERLOAD_SHED_VIDEO,	 /* levels 5 to 8 */
	BF_OVERLOAD_STATE_COUNT,
};

struct bf_overload {
	/* given */
	int64_t budget_us;
	/* state */
	enum bf_overload_state state;
	uint8_t level;
	uint8_t hot_count;     /* bad intervals in a row, at most BF_OVERLOAD_GUARD_MIN */
	int8_t failed_level;   /* the last one to which a step down did not hold; -1: none */
	int64_t last_p99_us;   /* of the last bad interval */
	int64_t raised_us;     /* the last step up; INT64_MIN: none yet */
	int64_t lowered_us;    /* the last step down; INT64_MIN: it is not on trial any more */
	int64_t calm_since_us; /* INT64_MAX: not calm */
	int64_t calm_us; /* how long calm must last before a step down to failed_level or below */
	uint64_t raised_count, lowered_count; /* steps, for metrics */
};

/* What was measured since the last one. */
struct bf_overload_sample {
	int64_t p99_us;
	uint64_t packet_count;
	int busy_permille; /* the time of the interval in which the thread had something to do, of 1000; -1: unknown */
};

/* `budget_us` > 0. */
void bf_overload_init(struct bf_overload *overload, int64_t budget_us);

/* True if level or state changed: choose layers anew, pause and resume. */
bool bf_overload_on_sample(
	struct bf_overload *overload, const struct bf_overload_sample *sample, int64_t now_us);

bool bf_overload_refuses_joins(const struct bf_overload *overload);

/* The layer that subscription `id` gets where it would get layer `rank` of `layer_count` (0: the lowest). */
unsigned bf_overload_layer(
	const struct bf_overload *overload, uint32_t id, unsigned rank, unsigned layer_count);

/* Whether subscription `id`, to a video track, is paused. */
bool bf_overload_pauses(const struct bf_overload *overload, uint32_t id);

/* "shed_layers", for logs. */
const char *bf_overload_state_name(enum bf_overload_state state);

#endif
