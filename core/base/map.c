#include "core/base/map.h"

#include "core/base/hash.h"
#include "core/base/rand.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUCKET_COUNT_MIN 16

static struct bf_map_node **bucket_of(const struct bf_map *map, uint64_t hash)
{
	return &map->buckets[hash & (map->bucket_count - 1)];
}

int bf_map_init(struct bf_map *map, size_t bucket_count_hint, size_t entry_count_max)
{
	size_t count = BUCKET_COUNT_MIN;

	memset(map, 0, sizeof(*map));
	while (count < bucket_count_hint) {
		if (__builtin_mul_overflow(count, 2, &count))
			return -ENOMEM;
	}
	map->buckets = calloc(count, sizeof(struct bf_map_node *));
	if (!map->buckets)
		return -ENOMEM;
	map->bucket_count = count;
	map->entry_count_max = entry_count_max;
	bf_rand_bytes(map->seed, sizeof(map->seed));
	return 0;
}

void bf_map_deinit(struct bf_map *map)
{
	free(map->buckets);
	memset(map, 0, sizeof(*map));
}

static int grow(struct bf_map *map)
{
	size_t old_count = map->bucket_count;
	struct bf_map_node **old = map->buckets;
	struct bf_map_node **fresh = calloc(old_count, 2 * sizeof(struct bf_map_node *));

	if (!fresh)
		return -ENOMEM;
	map->buckets = fresh;
	map->bucket_count = old_count * 2;
	for (size_t i = 0; i < old_count; i++) {
		struct bf_map_node *next;

		for (struct bf_map_node *node = old[i]; node; node = next) {
			struct bf_map_node **bucket = bucket_of(map, node->hash);

			next = node->next;
			node->next = *bucket;
			*bucket = node;
		}
	}
	free(old);
	return 0;
}

static struct bf_map_node *find(const struct bf_map *map, struct bf_bytes key, uint64_t hash)
{
	struct bf_map_node *node = *bucket_of(map, hash);

	while (node && (node->hash != hash || !bf_bytes_equal(node->key, key)))
		node = node->next;
	return node;
}

int bf_map_put(struct bf_map *map, struct bf_map_node *node, struct bf_bytes key)
{
	uint64_t hash = bf_hash(map->seed, key);
	struct bf_map_node **bucket;

	if (find(map, key, hash))
		return -EEXIST;
	if (map->entry_count >= map->entry_count_max)
		return -ENOBUFS;
	if (map->entry_count >= map->bucket_count && grow(map) < 0)
		return -ENOMEM;
	bucket = bucket_of(map, hash);
	node->key = key;
	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	map->entry_count++;
	return 0;
}

struct bf_map_node *bf_map_get(const struct bf_map *map, struct bf_bytes key)
{
	return find(map, key, bf_hash(map->seed, key));
}

void bf_map_remove(struct bf_map *map, struct bf_map_node *node)
{
	struct bf_map_node **at = bucket_of(map, node->hash);

	while (*at && *at != node)
		at = &(*at)->next;
	assert(*at == node); /* else it is not in this map */
	*at = node->next;
	node->next = NULL;
	map->entry_count--;
}

struct bf_map_node *bf_map_next(const struct bf_map *map, const struct bf_map_node *node)
{
	size_t bucket_idx = 0;

	if (node) {
		if (node->next)
			return node->next;
		bucket_idx = (size_t)(bucket_of(map, node->hash) - map->buckets) + 1;
	}
	for (; bucket_idx < map->bucket_count; bucket_idx++) {
		if (map->buckets[bucket_idx])
			return map->buckets[bucket_idx];
	}
	return NULL;
}
