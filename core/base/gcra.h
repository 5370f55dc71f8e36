/* core/base/gcra.h - who may ask how often: the generic cell rate algorithm, for many callers in a bounded table.
 *
 * A caller may ask `count` times at once, and gets them back evenly over `window_us`. What is kept of a caller is one time: when all
 * that was asked for will have been paid back.
 * Owner:   whoever embeds it.   Thread: one.
 * Limits:  the capacity given; the caller that has not asked for the longest makes room, and begins anew when it comes back. The memory
 *          is asked for once, and not touched before it is needed.
 * Source:  ITU-T I.371 annex A (GCRA as virtual scheduling).
 */
#ifndef BF_CORE_BASE_GCRA_H
#define BF_CORE_BASE_GCRA_H

#include "core/base/list.h"
#include "core/base/map.h"

#define BF_GCRA_KEY_BYTES 16

struct bf_gcra_key {
	uint8_t bytes[BF_GCRA_KEY_BYTES];
};

struct bf_gcra_limit {
	unsigned count; /* 1 or more */
	int64_t window_us;
};

struct bf_gcra_verdict {
	bool is_allowed;
	unsigned left;	  /* as many more at once */
	int64_t reset_us; /* until all of them are there again */
	int64_t retry_us; /* until the next one is; 0 while some are left */
};

struct bf_gcra_entry;

struct bf_gcra {
	/* owned */
	struct bf_gcra_entry *entries;
	struct bf_map map;
	/* state */
	size_t capacity, used_count;
	struct bf_list recent; /* the one that asked last is last */
	uint64_t evicted_count;
};

/* -ENOMEM. */
int bf_gcra_init(struct bf_gcra *gcra, size_t capacity);
void bf_gcra_deinit(struct bf_gcra *gcra);

/* One request of `key`. A refused one costs nothing. */
struct bf_gcra_verdict bf_gcra_charge(struct bf_gcra *gcra, const struct bf_gcra_key *key,
	const struct bf_gcra_limit *limit, int64_t now_us);

/* What a request would be told; nothing changes. */
struct bf_gcra_verdict bf_gcra_look(const struct bf_gcra *gcra, const struct bf_gcra_key *key,
	const struct bf_gcra_limit *limit, int64_t now_us);

/* What is kept of a caller beyond this process: how much of its debt is left. */
struct bf_gcra_debt {
	struct bf_gcra_key key;
	int64_t left_us;
};

/* Write who still owes something at `now_us`, those who asked last first, at most `count`. Returns how many. */
size_t bf_gcra_export(
	const struct bf_gcra *gcra, struct bf_gcra_debt *out, size_t count, int64_t now_us);

/* Take a debt back, of which `age_us` has passed since. A caller that is known keeps the larger one. */
void bf_gcra_import(
	struct bf_gcra *gcra, const struct bf_gcra_debt *debt, int64_t age_us, int64_t now_us);

#endif
