#include "media/cc/overload.h"

#include <assert.h>

#define LEVEL_MIDDLE 1 /* middle layers become the lowest */
#define LEVEL_HALF   2 /* half of the highest become one less */
#define LEVEL_ALL    3 /* all of them */
#define LEVEL_LOWEST 4
#define LEVEL_PAUSE  5 /* the first quarter */

#define PAUSE_PARTS  (BF_OVERLOAD_LEVEL_MAX - LEVEL_PAUSE + 1)

#define BIT(state)   (1u << (state))

/* What may follow what. Two levels may be skipped at once, so layers may be passed over but for their state. */
static const unsigned may_follow[BF_OVERLOAD_STATE_COUNT] = {
	[BF_OVERLOAD_NORMAL] = BIT(BF_OVERLOAD_GUARDED),
	[BF_OVERLOAD_GUARDED] = BIT(BF_OVERLOAD_NORMAL) | BIT(BF_OVERLOAD_SHED_LAYERS),
	[BF_OVERLOAD_SHED_LAYERS] = BIT(BF_OVERLOAD_GUARDED) | BIT(BF_OVERLOAD_SHED_VIDEO),
	[BF_OVERLOAD_SHED_VIDEO] = BIT(BF_OVERLOAD_SHED_LAYERS),
};

static const char *const state_names[BF_OVERLOAD_STATE_COUNT] = {
	[BF_OVERLOAD_NORMAL] = "normal",
	[BF_OVERLOAD_GUARDED] = "guarded",
	[BF_OVERLOAD_SHED_LAYERS] = "shed_layers",
	[BF_OVERLOAD_SHED_VIDEO] = "shed_video",
};

const char *bf_overload_state_name(enum bf_overload_state state)
{
	assert(state < BF_OVERLOAD_STATE_COUNT);
	return state_names[state];
}

void bf_overload_init(struct bf_overload *overload, int64_t budget_us)
{
	assert(budget_us > 0);
	*overload = (struct bf_overload){.budget_us = budget_us,
		.calm_since_us = INT64_MAX,
		.calm_us = BF_OVERLOAD_CALM_MIN_US,
		.failed_level = -1,
		.raised_us = INT64_MIN,
		.lowered_us = INT64_MIN};
}

static void enter(struct bf_overload *overload, enum bf_overload_state state)
{
	if (state == overload->state)
		return;
	assert(may_follow[overload->state] & BIT(state));
	overload->state = state;
}

static void set_level(struct bf_overload *overload, unsigned level)
{
	overload->level = (uint8_t)level;
	enter(overload, level == 0	      ? BF_OVERLOAD_GUARDED
			: level < LEVEL_PAUSE ? BF_OVERLOAD_SHED_LAYERS
					      : BF_OVERLOAD_SHED_VIDEO);
}

/* ---- up ---- */

/* The step down of a moment ago was one too many: wait longer before the next one. Returns whether it was. */
static bool note_relapse(struct bf_overload *overload, int64_t now_us)
{
	bool is_relapse = overload->lowered_us != INT64_MIN &&
			  now_us - overload->lowered_us < BF_OVERLOAD_RELAPSE_US;

	overload->lowered_us = INT64_MIN;
	if (!is_relapse)
		return false;
	overload->failed_level = (int8_t)overload->level;
	overload->calm_us *= 2;
	if (overload->calm_us > BF_OVERLOAD_CALM_MAX_US)
		overload->calm_us = BF_OVERLOAD_CALM_MAX_US;
	return true;
}

static bool raise_level(struct bf_overload *overload, unsigned step, int64_t now_us)
{
	unsigned level = overload->level + step;

	if (overload->level == BF_OVERLOAD_LEVEL_MAX)
		return false;
	set_level(overload, level < BF_OVERLOAD_LEVEL_MAX ? level : BF_OVERLOAD_LEVEL_MAX);
	overload->raised_count++;
	overload->raised_us = now_us;
	return true;
}

/* The last step up has not had its time yet. */
static bool is_on_trial(const struct bf_overload *overload, int64_t now_us)
{
	return overload->raised_us != INT64_MIN && now_us >= overload->raised_us &&
	       now_us - overload->raised_us < BF_OVERLOAD_RAISE_US;
}

static bool on_hot(struct bf_overload *overload, int64_t p99_us, int64_t now_us)
{
	bool is_severe = p99_us / BF_OVERLOAD_SEVERE > overload->budget_us;
	bool is_easing = p99_us < overload->last_p99_us - overload->last_p99_us / 8;
	bool is_proved;

	overload->calm_since_us = INT64_MAX;
	overload->last_p99_us = p99_us;
	if (overload->hot_count < BF_OVERLOAD_GUARD_MIN)
		overload->hot_count++;
	if (overload->state == BF_OVERLOAD_NORMAL) {
		if (overload->hot_count < BF_OVERLOAD_GUARD_MIN)
			return false;
		enter(overload, BF_OVERLOAD_GUARDED);
		return true;
	}
	if (overload->hot_count < BF_OVERLOAD_HOT_MIN || is_easing)
		return false;
	if (note_relapse(overload, now_us))
		return raise_level(overload, 1, now_us); /* to where it was good a moment ago, */
	is_proved = overload->level == overload->failed_level + 1;
	if (is_on_trial(overload, now_us) && (is_proved || !is_severe))
		return false; /* which then gets its time in any case */
	return raise_level(overload, is_severe ? 2 : 1, now_us);
}

/* ---- down ---- */

/* How long calm must have lasted for a step down; INT64_MAX: none now. */
static int64_t calm_needed_us(const struct bf_overload *overload, int busy_permille)
{
	int64_t needed_us = BF_OVERLOAD_CALM_MIN_US;

	if (overload->level == 0) /* opening to joins adds no load by itself */
		return needed_us;
	if (busy_permille >= BF_OVERLOAD_BUSY_HIGH)
		return INT64_MAX;
	if (overload->level <= overload->failed_level + 1)
		needed_us = overload->calm_us;
	if (busy_permille >= BF_OVERLOAD_BUSY_LOW && needed_us < BF_OVERLOAD_CALM_BUSY_US)
		needed_us = BF_OVERLOAD_CALM_BUSY_US;
	return needed_us;
}

static void forget_failure(struct bf_overload *overload)
{
	overload->failed_level = -1;
	overload->calm_us = BF_OVERLOAD_CALM_MIN_US;
}

/* A step down has held for the time of a relapse. Where one had failed before, the load has changed. */
static void note_success(struct bf_overload *overload, int64_t now_us)
{
	if (overload->lowered_us == INT64_MIN ||
		now_us - overload->lowered_us < BF_OVERLOAD_RELAPSE_US)
		return;
	overload->lowered_us = INT64_MIN;
	if (overload->level > overload->failed_level)
		return;
	overload->calm_us /= 2;
	if (overload->calm_us <= BF_OVERLOAD_CALM_MIN_US)
		forget_failure(overload);
}

static bool on_calm(struct bf_overload *overload, int busy_permille, int64_t now_us)
{
	int64_t calm_us;

	if (overload->calm_since_us > now_us) /* calm begins, or the clock went back */
		overload->calm_since_us = now_us;
	calm_us = now_us - overload->calm_since_us;
	note_success(overload, now_us);
	if (overload->state == BF_OVERLOAD_NORMAL) {
		if (calm_us >= BF_OVERLOAD_CALM_MAX_US)
			forget_failure(overload);
		return false;
	}
	if (calm_us < calm_needed_us(overload, busy_permille))
		return false;
	overload->calm_since_us = now_us;
	if (overload->level == 0) {
		enter(overload, BF_OVERLOAD_NORMAL);
		return true;
	}
	set_level(overload, overload->level - 1u);
	overload->lowered_count++;
	overload->lowered_us = now_us;
	return true;
}

bool bf_overload_on_sample(
	struct bf_overload *overload, const struct bf_overload_sample *sample, int64_t now_us)
{
	bool is_known = sample->packet_count >= BF_OVERLOAD_PACKETS_MIN;
	bool is_full = sample->busy_permille < 0 || sample->busy_permille >= BF_OVERLOAD_BUSY_HOT;
	bool has_time = sample->busy_permille >= 0 && sample->busy_permille < BF_OVERLOAD_BUSY_LOW;

	if (is_known && is_full && sample->p99_us > overload->budget_us)
		return on_hot(overload, sample->p99_us, now_us);
	overload->hot_count = 0;
	if (is_known && !has_time && sample->p99_us > overload->budget_us / 2) {
		overload->calm_since_us = INT64_MAX;
		return false;
	}
	return on_calm(overload, sample->busy_permille, now_us);
}

/* ---- what it means ---- */

/* Ids that come one after the other, or at equal distances, spread over three bits: two choose the quarter, one the half. */
static unsigned spread(uint32_t id)
{
	return id * 0x9e3779b9u >> 29;
}

bool bf_overload_refuses_joins(const struct bf_overload *overload)
{
	return overload->state != BF_OVERLOAD_NORMAL;
}

unsigned bf_overload_layer(
	const struct bf_overload *overload, uint32_t id, unsigned rank, unsigned layer_count)
{
	bool is_highest = rank + 1 == layer_count;

	assert(rank < layer_count);
	if (rank == 0 || overload->level >= LEVEL_LOWEST)
		return 0;
	if (!is_highest)
		return overload->level >= LEVEL_MIDDLE ? 0 : rank;
	if (overload->level >= LEVEL_ALL)
		return rank - 1;
	return overload->level == LEVEL_HALF && (spread(id) & 4) ? rank - 1 : rank;
}

bool bf_overload_pauses(const struct bf_overload *overload, uint32_t id)
{
	unsigned paused_parts =
		overload->level < LEVEL_PAUSE ? 0 : overload->level - LEVEL_PAUSE + 1u;

	return spread(id) % PAUSE_PARTS < paused_parts;
}
