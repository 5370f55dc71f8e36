#include "core/base/rand.h"
#include "media/srtp/srtp.h"
#include "media/srtp/stream_priv.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

static void indexes_are_guessed_as_in_the_rfc(void **state)
{
	static const struct {
		uint64_t newest;
		uint16_t seq;
		uint64_t index;
	} cases[] = {
		{0, 0, 0},
		{0, 65535, 65535}, /* nothing is before roll-over counter 0 */
		{0x8000, 0x8001, 0x8001},
		{0x8000, 0, 0},
		{0x8001, 0, 0x10000}, /* 0x7fff ahead, rather than 0x8001 back */
		{0x8001, 1, 1},
		{0xffff, 0, 0x10000},
		{0xffff, 0x7ffe, 0x17ffe},
		{0xffff, 0x7fff, 0x7fff},
		{0x10000, 0xffff, 0xffff},
		{0x10000, 0x8000, 0x18000},
		{0x10000, 0x8001, 0x8001},
		{0x17fff, 0xffff, 0x1ffff},
		{0x17ffe, 0xffff, 0xffff},
		{0x18000, 0, 0x10000},
		{0x18001, 0, 0x20000},
		{0x123450010, 0xfff0, 0x12344fff0},
		{0x12345fff0, 0x0010, 0x123460010},
		{BF_SRTP_INDEX_END - 1, 0xffff, BF_SRTP_INDEX_END - 1},
		{BF_SRTP_INDEX_END - 1, 0, BF_SRTP_INDEX_END},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			bf_srtp_guess_index(cases[i].newest, cases[i].seq), cases[i].index);
}

/* What is nearer than half of the sequence numbers is found again, in both directions. */
static void near_indexes_are_guessed_right(void **state)
{
	struct bf_prng prng;

	(void)state;
	bf_prng_init(&prng, 5);
	for (int i = 0; i < 200000; i++) {
		uint64_t newest = bf_prng_next(&prng) >> (16 + bf_prng_below(&prng, 32));
		int64_t distance = (int64_t)bf_prng_below(&prng, 65535) - 32767;
		uint64_t index = newest + (uint64_t)distance;

		if ((int64_t)index < 0 || newest <= 0x8000)
			continue;
		assert_int_equal(bf_srtp_guess_index(newest, (uint16_t)index), index);
	}
}

/* The same in the simplest way there is. */
struct model {
	bool seen[200000];
	uint64_t newest;
};

static void check_window(uint64_t size, uint64_t seed)
{
	static struct model model;
	uint64_t bits[BF_SRTP_RTP_WINDOW / 64] = {0}, newest = 0;
	struct bf_prng prng;

	memset(&model, 0, sizeof(model));
	bf_prng_init(&prng, seed);
	for (int step = 0; step < 20000 && model.newest < 190000; step++) {
		uint64_t back = bf_prng_below(&prng, (uint32_t)size + 20);
		uint64_t ahead = bf_prng_below(&prng, 50) ? bf_prng_below(&prng, 4)
							  : bf_prng_below(&prng, 3000);
		uint64_t index = bf_prng_below(&prng, 2) ? model.newest + ahead
				 : model.newest > back	 ? model.newest - back
							 : 0;
		bool is_fresh = !model.seen[index] && index + size > model.newest;

		assert_int_equal(bf_srtp_window_is_fresh(bits, size, newest, index), is_fresh);
		if (!is_fresh)
			continue;
		newest = bf_srtp_window_add(bits, size, newest, index);
		model.seen[index] = true;
		model.newest = index > model.newest ? index : model.newest;
		assert_int_equal(newest, model.newest);
	}
}

static void windows_know_what_was_seen(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		check_window(BF_SRTP_RTP_WINDOW, seed);
		check_window(BF_SRTP_RTCP_WINDOW, seed);
	}
}

static void a_jump_of_a_whole_window_forgets_all_of_it(void **state)
{
	uint64_t bits[2] = {0}, newest = 0;

	(void)state;
	for (uint64_t i = 0; i < 128; i++)
		newest = bf_srtp_window_add(bits, 128, newest, i);
	newest = bf_srtp_window_add(bits, 128, newest, 127 + 128);
	for (uint64_t i = 128; i < 255; i++)
		assert_true(bf_srtp_window_is_fresh(bits, 128, newest, i));
	assert_false(bf_srtp_window_is_fresh(bits, 128, newest, 127));
	assert_false(bf_srtp_window_is_fresh(bits, 128, newest, 255));
}

static void streams_stay_what_they_are_while_others_come_and_go(void **state)
{
	struct bf_srtp_streams streams;
	bool expected[700] = {false};
	struct bf_prng prng;
	uint32_t count = 0;

	(void)state;
	bf_srtp_streams_init(&streams);
	bf_prng_init(&prng, 11);
	for (int step = 0; step < 40000; step++) {
		/* first among few, then among many */
		uint32_t i = bf_prng_below(&prng, step < 2000 ? 9 : 700);
		uint32_t ssrc = i * 0x01000000u + i / 3; /* many share a home */
		struct bf_srtp_stream *stream = bf_srtp_streams_find(&streams, ssrc);

		assert_int_equal(stream != NULL, expected[i]);
		if (stream) {
			assert_int_equal(stream->ssrc, ssrc);
			assert_int_equal(stream->rtp_index, ssrc ^ 0x5555);
			assert_int_equal(stream->windows != NULL, i % 2);
			bf_srtp_streams_remove(&streams, ssrc);
			count--;
		} else {
			bf_srtp_streams_remove(&streams, ssrc); /* nothing happens */
			assert_int_equal(bf_srtp_streams_add(&stream, &streams, ssrc, i % 2), 0);
			assert_int_equal(stream->rtp_index, 0);
			stream->rtp_index = ssrc ^ 0x5555;
			count++;
		}
		expected[i] = !expected[i];
		assert_int_equal(streams.count, count);
	}
	bf_srtp_streams_deinit(&streams);
}

static void a_few_streams_need_no_memory_and_many_are_limited(void **state)
{
	struct bf_srtp_streams streams;
	struct bf_srtp_stream *stream;

	(void)state;
	bf_srtp_streams_init(&streams);
	for (uint32_t ssrc = 0; ssrc < BF_SRTP_SSRC_MAX; ssrc++) {
		assert_int_equal(bf_srtp_streams_add(&stream, &streams, ssrc, false), 0);
		assert_int_equal(streams.slots == streams.few, ssrc < 6);
	}
	assert_int_equal(bf_srtp_streams_add(&stream, &streams, BF_SRTP_SSRC_MAX, false), -ENOBUFS);
	assert_int_equal(bf_srtp_streams_reserve(&streams), -ENOBUFS);
	assert_null(bf_srtp_streams_find(&streams, BF_SRTP_SSRC_MAX));
	bf_srtp_streams_remove(&streams, 3);
	assert_int_equal(bf_srtp_streams_reserve(&streams), 0);
	assert_int_equal(bf_srtp_streams_add(&stream, &streams, BF_SRTP_SSRC_MAX, false), 0);
	bf_srtp_streams_deinit(&streams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indexes_are_guessed_as_in_the_rfc),
		cmocka_unit_test(near_indexes_are_guessed_right),
		cmocka_unit_test(windows_know_what_was_seen),
		cmocka_unit_test(a_jump_of_a_whole_window_forgets_all_of_it),
		cmocka_unit_test(streams_stay_what_they_are_while_others_come_and_go),
		cmocka_unit_test(a_few_streams_need_no_memory_and_many_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
