#include "media/srtp/srtp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN  16
#define IN_USE	   (UINT64_C(1) << 32)
#define HASH_SHIFT 16

/* The peer chooses its SSRCs, but only after it has been authenticated, and at most BF_SRTP_SSRC_MAX: the worst it can
 * do to itself is a walk over that many words. */
static size_t home(const struct bf_ssrc_set *set, uint64_t slot)
{
	return (uint32_t)((uint32_t)slot * 0x9E3779B1u) >> HASH_SHIFT & (set->slot_count - 1);
}

/* Where the SSRC is, or the free slot where it would be. */
static size_t find(const struct bf_ssrc_set *set, uint64_t slot)
{
	size_t at = home(set, slot);

	while (set->slots[at] != 0 && set->slots[at] != slot)
		at = (at + 1) & (set->slot_count - 1);
	return at;
}

bool bf_ssrc_set_has(const struct bf_ssrc_set *set, uint32_t ssrc)
{
	return set->count > 0 && set->slots[find(set, ssrc | IN_USE)] != 0;
}

int bf_ssrc_set_reserve(struct bf_ssrc_set *set)
{
	struct bf_ssrc_set bigger;

	if (set->count >= BF_SRTP_SSRC_MAX)
		return -ENOBUFS;
	if (2 * (set->count + 1) <= set->slot_count)
		return 0;
	bigger.count = set->count;
	bigger.slot_count = set->slot_count ? set->slot_count * 2 : SLOTS_MIN;
	bigger.slots = calloc(bigger.slot_count, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->slot_count; i++)
		if (set->slots[i] != 0)
			bigger.slots[find(&bigger, set->slots[i])] = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

void bf_ssrc_set_add(struct bf_ssrc_set *set, uint32_t ssrc)
{
	size_t at = find(set, ssrc | IN_USE);

	assert(set->slots[at] == 0);
	set->slots[at] = ssrc | IN_USE;
	set->count++;
}

/* What stood behind a slot that becomes free moves up where its walk would now end too early. */
void bf_ssrc_set_remove(struct bf_ssrc_set *set, uint32_t ssrc)
{
	size_t mask = set->slot_count - 1;
	size_t hole, at;

	if (!bf_ssrc_set_has(set, ssrc))
		return;
	hole = find(set, ssrc | IN_USE);
	set->slots[hole] = 0;
	set->count--;
	for (at = (hole + 1) & mask; set->slots[at] != 0; at = (at + 1) & mask) {
		size_t from_home = (at - home(set, set->slots[at])) & mask;

		if (from_home < ((at - hole) & mask))
			continue; /* its home is behind the hole */
		set->slots[hole] = set->slots[at];
		set->slots[at] = 0;
		hole = at;
	}
}

void bf_ssrc_set_deinit(struct bf_ssrc_set *set)
{
	free(set->slots);
	memset(set, 0, sizeof(*set));
}
