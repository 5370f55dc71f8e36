#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/pool.h"
#include "core/base/rand.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	uint32_t id;
	struct bf_map_node node;
};

static struct bf_bytes key_of(const struct entry *entry)
{
	return bf_bytes(&entry->id, sizeof(entry->id));
}

static struct entry *find(const struct bf_map *map, uint32_t id)
{
	struct bf_map_node *node = bf_map_get(map, bf_bytes(&id, sizeof(id)));

	return node ? BF_CONTAINER(node, struct entry, node) : NULL;
}

/* Expected values made with CPython 3.11, whose hash() of bytes is SipHash-1-3 (PYTHONHASHSEED 0 and 42). */
static void the_hash_is_siphash_1_3(void **state)
{
	static const uint64_t zero[2] = {0, 0};
	static const uint64_t seed[2] = {0xdc504fd368cd90af, 0xb920bb9ffe99e9c1};
	uint8_t run[64];

	(void)state;
	for (size_t i = 0; i < sizeof(run); i++)
		run[i] = (uint8_t)i;
	assert_int_equal(bf_hash(zero, bf_bytes_str("a")), 0x407448d2b89b1813);
	assert_int_equal(bf_hash(zero, bf_bytes_str("1234567")), 0xa33d651594fdae81);
	assert_int_equal(bf_hash(zero, bf_bytes_str("12345678")), 0x3489982430560a87);
	assert_int_equal(bf_hash(zero, bf_bytes(run, 20)), 0x639e355ae68c0100);
	assert_int_equal(bf_hash(seed, bf_bytes_str("a")), 0xfe4a47335692551e);
	assert_int_equal(bf_hash(seed, bf_bytes_str("123456789")), 0x2cc2cece25c33444);
	assert_int_equal(bf_hash(seed, bf_bytes(run, 64)), 0x91639ef7de8d52cb);
}

static void entries_are_found_until_removed_while_the_table_grows(void **state)
{
	enum { COUNT = 5000 };
	struct entry *entries = calloc(COUNT, sizeof(*entries));
	struct bf_map map;

	(void)state;
	assert_non_null(entries);
	assert_int_equal(bf_map_init(&map, 0, COUNT), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		entries[i].id = i;
		assert_null(find(&map, i));
		assert_int_equal(bf_map_put(&map, &entries[i].node, key_of(&entries[i])), 0);
	}
	assert_true(map.bucket_count >= COUNT / 2);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_ptr_equal(find(&map, i), &entries[i]);
	for (uint32_t i = 0; i < COUNT; i += 2)
		bf_map_remove(&map, &entries[i].node);
	assert_int_equal(map.entry_count, COUNT / 2);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_ptr_equal(find(&map, i), i % 2 ? &entries[i] : NULL);
	bf_map_deinit(&map);
	free(entries);
}

static void a_full_map_and_a_known_key_are_refused(void **state)
{
	struct entry a = {.id = 1}, b = {.id = 2}, twin = {.id = 1}, c = {.id = 3};
	struct bf_map map;

	(void)state;
	assert_int_equal(bf_map_init(&map, 0, 2), 0);
	assert_int_equal(bf_map_put(&map, &a.node, key_of(&a)), 0);
	assert_int_equal(bf_map_put(&map, &twin.node, key_of(&twin)), -EEXIST);
	assert_int_equal(bf_map_put(&map, &b.node, key_of(&b)), 0);
	assert_int_equal(bf_map_put(&map, &c.node, key_of(&c)), -ENOBUFS);
	assert_int_equal(bf_map_put(&map, &twin.node, key_of(&twin)), -EEXIST);
	assert_ptr_equal(find(&map, 1), &a);
	bf_map_remove(&map, &a.node);
	assert_int_equal(bf_map_put(&map, &c.node, key_of(&c)), 0);
	bf_map_deinit(&map);
}

static void keys_may_be_empty_and_prefixes_of_each_other(void **state)
{
	static const char *const texts[] = {"", "a", "ab", "abc"};
	struct bf_map_node nodes[4];
	struct bf_map map;

	(void)state;
	assert_int_equal(bf_map_init(&map, 0, 4), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(bf_map_put(&map, &nodes[i], bf_bytes_str(texts[i])), 0);
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(bf_map_get(&map, bf_bytes_str(texts[i])), &nodes[i]);
	assert_ptr_equal(bf_map_get(&map, bf_bytes(NULL, 0)), &nodes[0]);
	bf_map_deinit(&map);
}

static void a_walk_meets_everyone_once_and_may_empty_the_map(void **state)
{
	enum { COUNT = 100 };
	struct entry entries[COUNT];
	unsigned seen[COUNT] = {0};
	struct bf_map map;
	struct bf_map_node *next;

	(void)state;
	assert_int_equal(bf_map_init(&map, 0, COUNT), 0);
	assert_null(bf_map_next(&map, NULL));
	for (uint32_t i = 0; i < COUNT; i++) {
		entries[i].id = i;
		assert_int_equal(bf_map_put(&map, &entries[i].node, key_of(&entries[i])), 0);
	}
	for (struct bf_map_node *node = bf_map_next(&map, NULL); node; node = next) {
		next = bf_map_next(&map, node);
		seen[BF_CONTAINER(node, struct entry, node)->id]++;
		bf_map_remove(&map, node);
	}
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(map.entry_count, 0);
	bf_map_deinit(&map);
}

static void a_hint_spares_growing_and_seeds_differ(void **state)
{
	struct entry entries[64];
	struct bf_map map, other;
	struct bf_map_node **buckets;

	(void)state;
	assert_int_equal(bf_map_init(&map, 64, 64), 0);
	assert_int_equal(bf_map_init(&other, 64, 64), 0);
	assert_memory_not_equal(map.seed, other.seed, sizeof(map.seed));
	buckets = map.buckets;
	for (uint32_t i = 0; i < 64; i++) {
		entries[i].id = i;
		assert_int_equal(bf_map_put(&map, &entries[i].node, key_of(&entries[i])), 0);
	}
	assert_ptr_equal(map.buckets, buckets);
	bf_map_deinit(&map);
	bf_map_deinit(&other);
	assert_int_equal(bf_map_init(&map, SIZE_MAX, 1), -ENOMEM);
}

static void a_pool_hands_out_every_block_once_on_cache_lines(void **state)
{
	struct bf_pool pool;
	uint8_t *blocks[8];

	(void)state;
	assert_int_equal(bf_pool_init(&pool, 65, 8), 0);
	assert_int_equal(pool.block_size, 128);
	for (size_t i = 0; i < 8; i++) {
		blocks[i] = bf_pool_take(&pool);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 64, 0);
		memset(blocks[i], (int)i, 128);
	}
	assert_null(bf_pool_take(&pool));
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(blocks[i][0], i);
		assert_int_equal(blocks[i][127], i);
	}
	bf_pool_put(&pool, blocks[3]);
	assert_ptr_equal(bf_pool_take(&pool), blocks[3]);
	assert_int_equal(pool.used_count, 8);
	for (size_t i = 0; i < 8; i++)
		bf_pool_put(&pool, blocks[i]);
	bf_pool_deinit(&pool);
}

static void a_pool_refuses_sizes_that_overflow_and_may_be_empty(void **state)
{
	struct bf_pool pool;

	(void)state;
	assert_int_equal(bf_pool_init(&pool, SIZE_MAX, 1), -EINVAL);
	assert_int_equal(bf_pool_init(&pool, SIZE_MAX / 2, 3), -EINVAL);
	assert_int_equal(bf_pool_init(&pool, 64, SIZE_MAX / 64 + 1), -EINVAL);
	assert_int_equal(bf_pool_init(&pool, 64, 0), 0);
	assert_null(bf_pool_take(&pool));
	bf_pool_deinit(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_siphash_1_3),
		cmocka_unit_test(entries_are_found_until_removed_while_the_table_grows),
		cmocka_unit_test(a_full_map_and_a_known_key_are_refused),
		cmocka_unit_test(keys_may_be_empty_and_prefixes_of_each_other),
		cmocka_unit_test(a_walk_meets_everyone_once_and_may_empty_the_map),
		cmocka_unit_test(a_hint_spares_growing_and_seeds_differ),
		cmocka_unit_test(a_pool_hands_out_every_block_once_on_cache_lines),
		cmocka_unit_test(a_pool_refuses_sizes_that_overflow_and_may_be_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
