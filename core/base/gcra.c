#include "core/base/gcra.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* No window of ours is longer, so no debt can be: what a stranger's file says beyond that is cut. */
#define DEBT_US_MAX ((int64_t)7 * 24 * 3600 * 1000000)

struct bf_gcra_entry {
	struct bf_map_node node;
	struct bf_list recent;
	struct bf_gcra_key key;
	int64_t paid_us; /* when all is paid back: the "theoretical arrival time" */
};

int bf_gcra_init(struct bf_gcra *gcra, size_t capacity)
{
	int err;

	assert(capacity > 0);
	*gcra = (struct bf_gcra){.capacity = capacity};
	bf_list_init(&gcra->recent);
	gcra->entries = calloc(capacity, sizeof(*gcra->entries));
	if (!gcra->entries)
		return -ENOMEM;
	err = bf_map_init(&gcra->map, 64, capacity);
	if (err)
		free(gcra->entries);
	return err;
}

void bf_gcra_deinit(struct bf_gcra *gcra)
{
	bf_map_deinit(&gcra->map);
	free(gcra->entries);
	gcra->entries = NULL;
}

static struct bf_bytes bytes_of(const struct bf_gcra_key *key)
{
	return bf_bytes(key->bytes, sizeof(key->bytes));
}

static struct bf_gcra_entry *find(const struct bf_gcra *gcra, const struct bf_gcra_key *key)
{
	struct bf_map_node *node = bf_map_get(&gcra->map, bytes_of(key));

	return node ? BF_CONTAINER(node, struct bf_gcra_entry, node) : NULL;
}

static struct bf_gcra_entry *take_entry(struct bf_gcra *gcra)
{
	struct bf_gcra_entry *entry;

	if (gcra->used_count < gcra->capacity) {
		entry = &gcra->entries[gcra->used_count++];
		bf_list_init(&entry->recent);
		return entry;
	}
	entry = BF_CONTAINER(bf_list_first(&gcra->recent), struct bf_gcra_entry, recent);
	bf_list_remove(&entry->recent);
	if (entry->node.key.data)
		bf_map_remove(&gcra->map, &entry->node);
	gcra->evicted_count++;
	return entry;
}

/* The entry of `key`, now the one that asked last. NULL: the table could not grow. */
static struct bf_gcra_entry *touch(struct bf_gcra *gcra, const struct bf_gcra_key *key)
{
	struct bf_gcra_entry *entry = find(gcra, key);

	if (entry) {
		bf_list_remove(&entry->recent);
		bf_list_append(&gcra->recent, &entry->recent);
		return entry;
	}
	entry = take_entry(gcra);
	bf_list_append(&gcra->recent, &entry->recent);
	entry->key = *key;
	entry->paid_us = INT64_MIN;
	if (bf_map_put(&gcra->map, &entry->node, bytes_of(&entry->key)) == 0)
		return entry;
	entry->node.key = bf_bytes(NULL, 0);
	return NULL;
}

/* What one request more would make of a caller that has paid at `paid_us`, which *paid_after_us is then. */
static struct bf_gcra_verdict judge(
	int64_t paid_us, const struct bf_gcra_limit *limit, int64_t now_us, int64_t *paid_after_us)
{
	int64_t step_us = limit->window_us / limit->count;
	int64_t debt_us = paid_us > now_us ? paid_us - now_us : 0;
	int64_t over_us = debt_us + step_us - step_us * (int64_t)limit->count;
	struct bf_gcra_verdict verdict = {.is_allowed = over_us <= 0};

	if (verdict.is_allowed)
		debt_us += step_us;
	over_us = debt_us + step_us - step_us * (int64_t)limit->count;
	verdict.left = over_us <= 0 ? (unsigned)(-over_us / step_us) + 1 : 0;
	verdict.reset_us = debt_us;
	verdict.retry_us = over_us > 0 ? over_us : 0;
	*paid_after_us = now_us + debt_us;
	return verdict;
}

static void check_limit(const struct bf_gcra_limit *limit)
{
	assert(limit->count > 0);
	assert(limit->window_us >= (int64_t)limit->count); /* a step of 0 would limit nothing */
	assert(limit->window_us <= DEBT_US_MAX);
}

struct bf_gcra_verdict bf_gcra_charge(struct bf_gcra *gcra, const struct bf_gcra_key *key,
	const struct bf_gcra_limit *limit, int64_t now_us)
{
	struct bf_gcra_entry *entry = touch(gcra, key);
	struct bf_gcra_verdict verdict;
	int64_t paid_us;

	check_limit(limit);
	verdict = judge(entry ? entry->paid_us : INT64_MIN, limit, now_us, &paid_us);
	if (entry && verdict.is_allowed)
		entry->paid_us = paid_us;
	return verdict;
}

struct bf_gcra_verdict bf_gcra_look(const struct bf_gcra *gcra, const struct bf_gcra_key *key,
	const struct bf_gcra_limit *limit, int64_t now_us)
{
	const struct bf_gcra_entry *entry = find(gcra, key);
	int64_t paid_us;

	check_limit(limit);
	return judge(entry ? entry->paid_us : INT64_MIN, limit, now_us, &paid_us);
}

size_t bf_gcra_export(
	const struct bf_gcra *gcra, struct bf_gcra_debt *out, size_t count, int64_t now_us)
{
	const struct bf_list *at = gcra->recent.prev;
	size_t written = 0;

	for (; at != &gcra->recent && written < count; at = at->prev) {
		const struct bf_gcra_entry *entry =
			BF_CONTAINER(at, const struct bf_gcra_entry, recent);

		if (entry->node.key.data && entry->paid_us > now_us)
			out[written++] = (struct bf_gcra_debt){entry->key, entry->paid_us - now_us};
	}
	return written;
}

void bf_gcra_import(
	struct bf_gcra *gcra, const struct bf_gcra_debt *debt, int64_t age_us, int64_t now_us)
{
	int64_t left_us = debt->left_us < DEBT_US_MAX ? debt->left_us : DEBT_US_MAX;
	struct bf_gcra_entry *entry;

	if (left_us <= 0 || age_us >= left_us)
		return;
	if (age_us > 0) /* else the wall clock was set back meanwhile */
		left_us -= age_us;
	entry = touch(gcra, &debt->key);
	if (entry && entry->paid_us < now_us + left_us)
		entry->paid_us = now_us + left_us;
}
