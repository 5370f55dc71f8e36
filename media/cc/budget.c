#include "media/cc/budget.h"

#include <assert.h>
#include <stddef.h>

#define US_PER_S 1000000
#define SECONDS	 3 /* after which nothing is remembered */

static const char *const verdict_names[BF_BUDGET_VERDICT_COUNT] = {
	[BF_BUDGET_OK] = "ok",
	[BF_BUDGET_PACKETS] = "room_packets",
	[BF_BUDGET_BITS] = "room_bits",
	[BF_BUDGET_PARENT_PACKETS] = "organization_packets",
	[BF_BUDGET_PARENT_BITS] = "organization_bits",
};

const char *bf_budget_verdict_name(enum bf_budget_verdict verdict)
{
	assert(verdict < BF_BUDGET_VERDICT_COUNT);
	return verdict_names[verdict];
}

/* ---- one bucket; a token is a millionth, so that rate * microseconds is exact ---- */

static int64_t tokens_max(const struct bf_budget_bucket *bucket)
{
	return bucket->rate * US_PER_S;
}

static void set_rate(struct bf_budget_bucket *bucket, int64_t rate)
{
	bool was_unlimited = bucket->rate == 0;

	assert(rate >= 0);
	bucket->rate = rate < BF_BUDGET_RATE_MAX ? rate : BF_BUDGET_RATE_MAX;
	if (was_unlimited || bucket->tokens > tokens_max(bucket))
		bucket->tokens = tokens_max(bucket);
	if (rate == 0)
		bucket->is_shedding = false;
}

static void refill(struct bf_budget_bucket *bucket, int64_t elapsed_us)
{
	int64_t added;

	if (__builtin_mul_overflow(bucket->rate, elapsed_us, &added) ||
		__builtin_add_overflow(bucket->tokens, added, &bucket->tokens) ||
		bucket->tokens > tokens_max(bucket))
		bucket->tokens = tokens_max(bucket);
	if (bucket->tokens >= tokens_max(bucket) / 4 * 3)
		bucket->is_shedding = false;
}

/* It is enough that something is there: a packet whose copies take more than all would never go otherwise. */
static bool allows(const struct bf_budget_bucket *bucket, enum bf_budget_class cls)
{
	if (bucket->rate == 0)
		return true;
	if (cls == BF_BUDGET_AUDIO)
		return bucket->tokens > 0;
	return !bucket->is_shedding && bucket->tokens > tokens_max(bucket) / 4;
}

static void use(struct bf_budget_bucket *bucket, int64_t amount)
{
	bucket->used[0] += amount;
	if (bucket->rate > 0)
		bucket->tokens -= amount * US_PER_S;
}

static bool has_room_for(const struct bf_budget_bucket *bucket, int64_t added)
{
	int64_t used = bucket->used[0] > bucket->used[1] ? bucket->used[0] : bucket->used[1];
	int64_t promised = bucket->promised[0] + bucket->promised[1] + bucket->promised[2];

	return bucket->rate == 0 || used + promised + added <= bucket->rate;
}

static void next_second(struct bf_budget_bucket *bucket)
{
	bucket->used[1] = bucket->used[0];
	bucket->used[0] = 0;
	bucket->promised[2] = bucket->promised[1];
	bucket->promised[1] = bucket->promised[0];
	bucket->promised[0] = 0;
}

/* ---- a budget ---- */

void bf_budget_init(struct bf_budget *budget, struct bf_budget *parent,
	const struct bf_budget_limits *limits, int64_t now_us)
{
	*budget = (struct bf_budget){.parent = parent, .refilled_us = now_us, .second_us = now_us};
	set_rate(&budget->packets, limits->packets_per_s);
	set_rate(&budget->bits, limits->bits_per_s);
}

/* Up to now. After a clock that went back nothing is known of the seconds before. */
static void advance(struct bf_budget *budget, int64_t now_us)
{
	int64_t elapsed_us = now_us - budget->refilled_us;
	int64_t seconds = (now_us - budget->second_us) / US_PER_S;

	budget->refilled_us = now_us;
	if (elapsed_us > 0) {
		refill(&budget->packets, elapsed_us);
		refill(&budget->bits, elapsed_us);
	}
	if (now_us < budget->second_us || seconds > SECONDS)
		seconds = SECONDS;
	/* What is used in a second is all that is counted in it: the first call after its end comes here. */
	for (int64_t i = 0; i < seconds; i++) {
		next_second(&budget->packets);
		next_second(&budget->bits);
		budget->second_us = now_us;
	}
}

void bf_budget_set_limits(
	struct bf_budget *budget, const struct bf_budget_limits *limits, int64_t now_us)
{
	advance(budget, now_us); /* the time until now was at the old rate */
	set_rate(&budget->packets, limits->packets_per_s);
	set_rate(&budget->bits, limits->bits_per_s);
}

static enum bf_budget_verdict verdict_of(bool is_parent, bool is_bits)
{
	if (is_parent)
		return is_bits ? BF_BUDGET_PARENT_BITS : BF_BUDGET_PARENT_PACKETS;
	return is_bits ? BF_BUDGET_BITS : BF_BUDGET_PACKETS;
}

static void shed(struct bf_budget *budget, struct bf_budget_bucket *bucket,
	enum bf_budget_class cls, uint32_t copy_count)
{
	bucket->is_shedding = true;
	if (cls == BF_BUDGET_AUDIO)
		budget->shed_audio += copy_count;
	else
		budget->shed_video += copy_count;
}

enum bf_budget_verdict bf_budget_take(struct bf_budget *budget, enum bf_budget_class cls,
	uint32_t copy_count, uint64_t bits, int64_t now_us)
{
	assert(bits <= BF_BUDGET_RATE_MAX);
	for (struct bf_budget *at = budget; at; at = at->parent) {
		bool allows_packets;

		advance(at, now_us);
		allows_packets = allows(&at->packets, cls);
		if (allows_packets && allows(&at->bits, cls))
			continue;
		shed(at, allows_packets ? &at->bits : &at->packets, cls, copy_count);
		return verdict_of(at != budget, allows_packets);
	}
	for (struct bf_budget *at = budget; at; at = at->parent) {
		use(&at->packets, copy_count);
		use(&at->bits, (int64_t)bits);
	}
	return BF_BUDGET_OK;
}

enum bf_budget_verdict bf_budget_admit(
	struct bf_budget *budget, const struct bf_budget_limits *added, int64_t now_us)
{
	assert(added->packets_per_s >= 0 && added->packets_per_s <= BF_BUDGET_RATE_MAX);
	assert(added->bits_per_s >= 0 && added->bits_per_s <= BF_BUDGET_RATE_MAX);
	for (struct bf_budget *at = budget; at; at = at->parent) {
		advance(at, now_us);
		if (!has_room_for(&at->packets, added->packets_per_s))
			return verdict_of(at != budget, false);
		if (!has_room_for(&at->bits, added->bits_per_s))
			return verdict_of(at != budget, true);
	}
	for (struct bf_budget *at = budget; at; at = at->parent) {
		at->packets.promised[0] += added->packets_per_s;
		at->bits.promised[0] += added->bits_per_s;
	}
	return BF_BUDGET_OK;
}

bool bf_budget_sheds_video(const struct bf_budget *budget)
{
	for (const struct bf_budget *at = budget; at; at = at->parent)
		if (at->packets.is_shedding || at->bits.is_shedding)
			return true;
	return false;
}
