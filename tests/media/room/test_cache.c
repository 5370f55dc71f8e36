#include "core/base/clock.h"
#include "media/room/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct bf_pool pool;
static struct bf_cache cache;

static void set_up(size_t block_count)
{
	assert_int_equal(bf_pool_init(&pool, sizeof(struct bf_cache_block), block_count), 0);
	bf_cache_init(&cache, &pool);
}

static void tear_down(void)
{
	bf_cache_deinit(&cache);
	assert_int_equal(pool.used_count, 0);
	bf_pool_deinit(&pool);
}

static void put(uint64_t ext_seq, int64_t at_us)
{
	uint64_t payload = ext_seq * 31;
	struct bf_media_packet packet = {
		.ext_seq = ext_seq,
		.timestamp = (uint32_t)ext_seq,
		.payload = bf_bytes(&payload, sizeof(payload)),
		.at_us = at_us,
	};

	bf_cache_put(&cache, &packet);
}

static bool holds(uint64_t ext_seq, int64_t now_us)
{
	const struct bf_media_packet *packet = bf_cache_get(&cache, ext_seq, now_us);
	uint64_t payload = ext_seq * 31;

	if (!packet)
		return false;
	assert_int_equal(packet->ext_seq, ext_seq);
	assert_int_equal(packet->timestamp, (uint32_t)ext_seq);
	assert_true(bf_bytes_equal(packet->payload, bf_bytes(&payload, sizeof(payload))));
	return true;
}

static void a_packet_comes_back_whole_in_memory_of_its_own(void **state)
{
	uint8_t payload[BF_CACHE_PAYLOAD], mid[] = "0", level[] = {0x85};
	struct bf_media_packet packet = {
		.ext_seq = 70000,
		.timestamp = 5,
		.marker = true,
		.payload = bf_bytes(payload, sizeof(payload)),
		.info = {.is_keyframe = true, .has_picture_id = true, .picture_id = 77},
		.at_us = BF_SEC(5),
	};
	const struct bf_media_packet *got;
	(void)state;

	set_up(4);
	memset(payload, 0x5a, sizeof(payload));
	packet.exts.value[BF_EXT_MID] = bf_bytes(mid, 1);
	packet.exts.value[BF_EXT_AUDIO_LEVEL] = bf_bytes(level, 1);
	packet.exts.value[BF_EXT_PLAYOUT_DELAY] = bf_bytes(level, 0); /* present and empty */
	bf_cache_put(&cache, &packet);
	memset(payload, 0, sizeof(payload));
	mid[0] = level[0] = 0;

	assert_true(bf_cache_has(&cache, 70000));
	got = bf_cache_get(&cache, 70000, BF_SEC(5));
	assert_non_null(got);
	assert_true(got->marker);
	assert_true(got->info.is_keyframe);
	assert_int_equal(got->info.picture_id, 77);
	assert_int_equal(got->payload.len, BF_CACHE_PAYLOAD);
	for (size_t i = 0; i < BF_CACHE_PAYLOAD; i++)
		assert_int_equal(got->payload.data[i], 0x5a);
	assert_true(bf_bytes_is(got->exts.value[BF_EXT_MID], "0"));
	assert_int_equal(got->exts.value[BF_EXT_AUDIO_LEVEL].data[0], 0x85);
	assert_non_null(got->exts.value[BF_EXT_PLAYOUT_DELAY].data);
	assert_int_equal(got->exts.value[BF_EXT_PLAYOUT_DELAY].len, 0);
	assert_null(got->exts.value[BF_EXT_RID].data);
	tear_down();
}

static void packets_older_than_the_age_are_not_given_out(void **state)
{
	(void)state;
	set_up(4);
	put(70000, BF_SEC(5));
	assert_true(holds(70000, BF_SEC(5) + BF_CACHE_AGE_US));
	assert_false(holds(70000, BF_SEC(5) + BF_CACHE_AGE_US + 1));
	assert_true(bf_cache_has(&cache, 70000)); /* still known as seen */
	tear_down();
}

static void aged_packets_give_their_blocks_back(void **state)
{
	(void)state;
	set_up(64);
	for (uint64_t i = 0; i < 1000; i++)
		put(70000 + i, (int64_t)i * BF_MS(20)); /* audio: 50 packets in a second */
	assert_true(pool.used_count <= 52);
	assert_true(holds(70999, 999 * BF_MS(20)));
	assert_true(holds(70950, 999 * BF_MS(20)));
	tear_down();
}

static void the_window_holds_exactly_its_slots(void **state)
{
	(void)state;
	set_up(2 * BF_CACHE_SLOTS);
	for (uint64_t i = 0; i < BF_CACHE_SLOTS; i++)
		put(70000 + i, 0);
	assert_int_equal(cache.count, BF_CACHE_SLOTS);
	assert_true(holds(70000, 0));
	put(70000 + BF_CACHE_SLOTS, 0);
	assert_int_equal(cache.count, BF_CACHE_SLOTS);
	assert_false(bf_cache_has(&cache, 70000));
	assert_true(holds(70001, 0));
	put(70000, 0); /* too old now */
	assert_false(bf_cache_has(&cache, 70000));
	assert_true(holds(70000 + BF_CACHE_SLOTS, 0));
	tear_down();
}

static void jumps_release_what_leaves_the_window(void **state)
{
	const uint64_t jumps[] = {1, 2, BF_CACHE_SLOTS / 2, BF_CACHE_SLOTS - 1, BF_CACHE_SLOTS,
		BF_CACHE_SLOTS + 1, 10 * BF_CACHE_SLOTS};
	(void)state;

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		uint64_t last = 70000 + BF_CACHE_SLOTS - 1 + jumps[i];
		uint64_t left = jumps[i] < BF_CACHE_SLOTS ? BF_CACHE_SLOTS - jumps[i] : 0;

		set_up(2 * BF_CACHE_SLOTS);
		for (uint64_t k = 0; k < BF_CACHE_SLOTS; k++)
			put(70000 + k, 0);
		put(last, 0);
		assert_int_equal(cache.count, left + 1);
		assert_int_equal(pool.used_count, left + 1);
		for (uint64_t k = 70000; k < 70000 + BF_CACHE_SLOTS; k++)
			assert_int_equal(holds(k, 0), k + BF_CACHE_SLOTS > last);
		put(last - BF_CACHE_SLOTS + 1, 0); /* a late one at the far end */
		assert_true(holds(last - BF_CACHE_SLOTS + 1, 0));
		tear_down();
	}
}

static void reordered_packets_find_their_slots(void **state)
{
	(void)state;
	set_up(16);
	put(70005, 0);
	put(70001, 0);
	put(70003, 0);
	assert_true(holds(70001, 0) && holds(70003, 0) && holds(70005, 0));
	assert_false(holds(70002, 0));
	put(70003, BF_MS(1)); /* a duplicate takes no second block */
	assert_int_equal(pool.used_count, 3);
	tear_down();
}

static void without_blocks_the_oldest_makes_room(void **state)
{
	(void)state;
	set_up(3);
	put(70001, 0);
	put(70002, 0);
	put(70004, 0);
	put(70005, 0);
	assert_false(bf_cache_has(&cache, 70001));
	assert_true(holds(70002, 0) && holds(70004, 0) && holds(70005, 0));
	put(70003, 0); /* older than some, newer than the oldest */
	assert_false(bf_cache_has(&cache, 70002));
	assert_true(holds(70003, 0) && holds(70004, 0) && holds(70005, 0));
	put(70002, 0); /* older than all: not worth another's place */
	assert_false(bf_cache_has(&cache, 70002));
	assert_int_equal(cache.count, 3);
	tear_down();
}

static void without_any_block_nothing_is_stored(void **state)
{
	struct bf_cache other;
	(void)state;

	set_up(1);
	bf_cache_init(&other, &pool);
	put(70001, 0);
	bf_cache_put(&other, &(struct bf_media_packet){.ext_seq = 1});
	assert_false(bf_cache_has(&other, 1));
	assert_null(bf_cache_get(&other, 1, 0));
	bf_cache_deinit(&cache);
	bf_cache_put(&other, &(struct bf_media_packet){.ext_seq = 2}); /* works once there is one */
	assert_true(bf_cache_has(&other, 2));
	bf_cache_deinit(&other);
	bf_cache_init(&cache, &pool);
	tear_down();
}

static void what_does_not_fit_a_block_is_not_stored(void **state)
{
	uint8_t big[BF_CACHE_PAYLOAD + 1] = {0};
	struct bf_media_packet packet = {.ext_seq = 70000, .payload = bf_bytes(big, sizeof(big))};
	(void)state;

	set_up(2);
	bf_cache_put(&cache, &packet);
	assert_false(bf_cache_has(&cache, 70000));
	packet.payload.len = 1;
	packet.exts.value[BF_EXT_DEPENDENCY_DESCRIPTOR] = bf_bytes(big, 192);
	bf_cache_put(&cache, &packet);
	assert_true(bf_cache_has(&cache, 70000));
	packet.ext_seq++;
	packet.exts.value[BF_EXT_MID] = bf_bytes(big, 1);
	bf_cache_put(&cache, &packet);
	assert_false(bf_cache_has(&cache, 70001));
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_comes_back_whole_in_memory_of_its_own),
		cmocka_unit_test(packets_older_than_the_age_are_not_given_out),
		cmocka_unit_test(aged_packets_give_their_blocks_back),
		cmocka_unit_test(the_window_holds_exactly_its_slots),
		cmocka_unit_test(jumps_release_what_leaves_the_window),
		cmocka_unit_test(reordered_packets_find_their_slots),
		cmocka_unit_test(without_blocks_the_oldest_makes_room),
		cmocka_unit_test(without_any_block_nothing_is_stored),
		cmocka_unit_test(what_does_not_fit_a_block_is_not_stored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
