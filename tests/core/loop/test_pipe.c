#include "tests/core/loop/both.h"

#include "core/loop/inbox.h"
#include "core/loop/pipe.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define RING 4096
#define FITS (RING / 2 - BF_PIPE_RECORD_BYTES)

struct reader {
	struct bf_loop *loop;
	struct bf_pipe *pipe;
	uint32_t next, count, calls;
	uint32_t take_max; /* a call takes no more; 0: all */
	size_t bytes;
	uint32_t stop_at;
	uint32_t disorder_count;
};

/* A record begins with its number, and the rest is made of that. */
static void fill(uint8_t *data, uint32_t number, size_t len)
{
	memcpy(data, &number, sizeof(number));
	memset(data + sizeof(number), (int)(number * 7 + 1), len - sizeof(number));
}

static bool is_whole(struct bf_bytes record, uint32_t number)
{
	uint32_t got;

	memcpy(&got, record.data, sizeof(got));
	for (size_t i = sizeof(got); i < record.len; i++)
		if (record.data[i] != (uint8_t)(number * 7 + 1))
			return false;
	return got == number && (uintptr_t)record.data % 8 == 0;
}

static void on_records(void *arg, struct bf_pipe *pipe)
{
	struct reader *reader = arg;
	struct bf_bytes record;
	uint32_t taken = 0;

	reader->calls++;
	while ((!reader->take_max || taken < reader->take_max) &&
		(record = bf_pipe_next(pipe)).data) {
		if (!is_whole(record, reader->next++))
			reader->disorder_count++;
		reader->bytes += record.len;
		reader->count++;
		taken++;
	}
	if (reader->count == reader->stop_at)
		bf_loop_stop(reader->loop);
}

static void reader_init(struct reader *reader, void **state, size_t ring_bytes)
{
	*reader = (struct reader){.loop = both_loop(state), .stop_at = UINT32_MAX};
	assert_int_equal(bf_pipe_new(&reader->pipe), 0);
	assert_int_equal(bf_pipe_open(reader->pipe, ring_bytes), 0);
	bf_pipe_attach(reader->pipe, reader->loop, on_records, reader);
}

static void reader_deinit(struct reader *reader)
{
	bf_pipe_detach(reader->pipe);
	bf_pipe_free(reader->pipe);
	bf_loop_free(reader->loop);
}

static bool put(struct bf_pipe *pipe, uint32_t number, size_t len)
{
	uint8_t *data = bf_pipe_reserve(pipe, len);

	if (!data)
		return false;
	fill(data, number, len);
	bf_pipe_put(pipe, len);
	return true;
}

static void records_arrive_whole_and_in_order_round_and_round_the_ring(void **state)
{
	struct reader reader;
	uint32_t number = 0;
	size_t bytes = 0;

	reader_init(&reader, state, RING);
	for (uint32_t round = 0; round < 400; round++) { /* every length meets every place */
		for (uint32_t i = 0; i < 3; i++) {
			size_t len = 4 + (number * 37) % 900;
			assert_true(put(reader.pipe, number++, len));
			bytes += len;
		}
		bf_pipe_commit(reader.pipe);
		assert_int_equal(bf_loop_turn(reader.loop, -1), 0); /* does not wait */
		assert_int_equal(reader.count, number);
	}
	assert_int_equal(reader.disorder_count, 0);
	assert_int_equal(reader.bytes, bytes);
	reader_deinit(&reader);
}

static void nothing_is_seen_before_the_commit(void **state)
{
	struct reader reader;

	reader_init(&reader, state, RING);
	assert_true(put(reader.pipe, 0, 100));
	assert_true(put(reader.pipe, 1, 100));
	assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	assert_int_equal(reader.calls, 0);
	bf_pipe_commit(reader.pipe);
	assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	assert_int_equal(reader.count, 2);
	assert_int_equal(reader.calls, 1);
	bf_pipe_commit(reader.pipe); /* of nothing */
	assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	assert_int_equal(reader.calls, 1);
	reader_deinit(&reader);
}

static void what_was_reserved_and_not_put_leaves_no_trace(void **state)
{
	struct reader reader;
	uint32_t number = 0;

	reader_init(&reader, state, RING);
	for (int i = 0; i < 50;
		i++) { /* also where the reserved record would not fit before the end */
		assert_non_null(bf_pipe_reserve(reader.pipe, 1500));
		bf_pipe_commit(reader.pipe);
		assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
		assert_int_equal(reader.count, number);
		assert_true(put(reader.pipe, number++, 300));
		bf_pipe_commit(reader.pipe);
		assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	}
	assert_int_equal(reader.count, number);
	assert_int_equal(reader.disorder_count, 0);
	reader_deinit(&reader);
}

static void a_record_may_be_shorter_than_what_was_reserved(void **state)
{
	struct reader reader;
	uint8_t *data;

	reader_init(&reader, state, RING);
	data = bf_pipe_reserve(reader.pipe, 1000);
	fill(data, 0, 10);
	bf_pipe_put(reader.pipe, 10);
	assert_true(put(reader.pipe, 1, 4));
	bf_pipe_commit(reader.pipe);
	assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	assert_int_equal(reader.count, 2);
	assert_int_equal(reader.bytes, 14);
	assert_int_equal(reader.disorder_count, 0);
	reader_deinit(&reader);
}

static void a_full_pipe_refuses_until_records_were_read(void **state)
{
	struct reader reader;
	uint32_t number = 0, kept;

	reader_init(&reader, state, RING);
	for (int round = 0; round < 5; round++) {
		kept = 0;
		while (put(reader.pipe, number, 504)) {
			number++;
			kept++;
		}
		assert_int_equal(kept, RING / 512); /* to the last byte */
		assert_null(bf_pipe_reserve(reader.pipe, 1));
		bf_pipe_commit(reader.pipe);
		assert_null(bf_pipe_reserve(reader.pipe, 1)); /* seen is not read */
		assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
		assert_int_equal(reader.count, number);
	}
	assert_int_equal(reader.disorder_count, 0);
	reader_deinit(&reader);
}

static void what_cannot_fit_is_refused(void **state)
{
	struct reader reader;

	reader_init(&reader, state, RING);
	assert_null(bf_pipe_reserve(reader.pipe, FITS + 1));
	assert_null(bf_pipe_reserve(reader.pipe, SIZE_MAX));
	for (uint32_t i = 0; i < 10; i++) { /* at any place */
		assert_true(put(reader.pipe, 2 * i, FITS));
		bf_pipe_commit(reader.pipe);
		assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
		assert_true(put(reader.pipe, 2 * i + 1, 40));
		bf_pipe_commit(reader.pipe);
		assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	}
	assert_int_equal(reader.count, 20);
	assert_int_equal(reader.disorder_count, 0);
	reader_deinit(&reader);
}

static void a_pipe_without_memory_refuses(void **state)
{
	struct bf_pipe *pipe;

	(void)state;
	assert_int_equal(bf_pipe_new(&pipe), 0);
	assert_null(bf_pipe_reserve(pipe, 1));
	assert_int_equal(bf_pipe_open(pipe, 100), 0); /* rounded up */
	assert_int_equal(bf_pipe_open(pipe, 1 << 20), 0);
	assert_null(bf_pipe_reserve(pipe, 4096)); /* the first size stays */
	assert_non_null(bf_pipe_reserve(pipe, 100));
	bf_pipe_free(pipe);
	bf_pipe_free(NULL);
}

static void a_turn_takes_one_batch_and_goes_round_again(void **state)
{
	struct reader reader;

	reader_init(&reader, state, 65536);
	for (uint32_t i = 0; i < BF_PIPE_BATCH + 10; i++)
		assert_true(put(reader.pipe, i, 40));
	bf_pipe_commit(reader.pipe);
	assert_int_equal(bf_loop_turn(reader.loop, -1), 0);
	assert_int_equal(reader.count, BF_PIPE_BATCH);
	assert_int_equal(bf_loop_turn(reader.loop, -1), 0);
	assert_int_equal(reader.count, BF_PIPE_BATCH + 10);
	reader_deinit(&reader);
}

static void a_reader_may_leave_records_for_the_next_turn(void **state)
{
	struct reader reader;

	reader_init(&reader, state, RING);
	reader.take_max = 2;
	for (uint32_t i = 0; i < 5; i++)
		assert_true(put(reader.pipe, i, 40));
	bf_pipe_commit(reader.pipe);
	for (uint32_t turn = 1; turn <= 3; turn++) {
		assert_int_equal(bf_loop_turn(reader.loop, -1), 0);
		assert_int_equal(reader.count, turn < 3 ? 2 * turn : 5);
	}
	assert_int_equal(reader.disorder_count, 0);
	reader_deinit(&reader);
}

static void a_reader_that_comes_late_finds_what_is_there(void **state)
{
	struct reader reader;

	reader_init(&reader, state, RING);
	assert_true(put(reader.pipe, 0, 40));
	bf_pipe_commit(reader.pipe);
	bf_pipe_detach(reader.pipe);
	assert_int_equal(bf_loop_turn(reader.loop, 0), 0);
	assert_int_equal(reader.count, 0);
	bf_pipe_attach(reader.pipe, reader.loop, on_records, &reader);
	assert_int_equal(bf_loop_turn(reader.loop, -1), 0);
	assert_int_equal(reader.count, 1);
	reader_deinit(&reader);
}

/* --- threads --- */

#define RECORDS 200000

struct writer {
	struct bf_pipe *pipe;
	uint32_t number;
	uint32_t refused;
};

static size_t len_of(uint32_t number)
{
	return 4 + (number * 2654435761u >> 20) % 1300;
}

static void *write_all(void *arg)
{
	struct writer *writer = arg;

	while (writer->number < RECORDS) {
		uint32_t end = writer->number + 1 + writer->number % 40;
		bool is_full = false;

		while (!is_full && writer->number < end && writer->number < RECORDS) {
			is_full = !put(writer->pipe, writer->number, len_of(writer->number));
			if (!is_full)
				writer->number++;
		}
		bf_pipe_commit(writer->pipe);
		writer->refused += is_full;
		if (is_full)
			sched_yield();
	}
	return NULL;
}

/* The loop sleeps without end whenever the pipe is empty, so one lost wake-up hangs the test. */
static void another_threads_records_arrive_whole_and_in_order(void **state)
{
	struct reader reader;
	struct writer writer = {0};
	pthread_t thread;

	reader_init(&reader, state, 16384);
	reader.stop_at = RECORDS;
	writer.pipe = reader.pipe;
	assert_int_equal(pthread_create(&thread, NULL, write_all, &writer), 0);
	assert_int_equal(bf_loop_run(reader.loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(reader.count, RECORDS);
	assert_int_equal(reader.disorder_count, 0);
	print_message(
		"%u calls for %u records, %u times full\n", reader.calls, RECORDS, writer.refused);
	reader_deinit(&reader);
}

/* Two loops answer each other: each record comes with a message that was posted before, and must be there before it. */
#define ROUNDS 3000

struct player {
	struct bf_loop *loop;
	struct bf_pipe *in, *out;
	struct bf_inbox *inbox;
	struct player *other;
	struct bf_loop_hook hook;
	uint32_t told, got, late_count;
};

static void on_told(void *arg, struct bf_msg *msg)
{
	struct player *player = arg;

	player->told++;
	bf_msg_free(msg);
}

static void answer(struct player *player, uint32_t number)
{
	struct bf_msg *msg = bf_msg_new(1, sizeof(*msg));

	assert_non_null(msg);
	assert_int_equal(bf_inbox_post(player->other->inbox, msg), 0);
	assert_true(put(player->out, number, 64));
	bf_loop_hook_request(player->loop, &player->hook);
}

static void on_turn_end(void *arg)
{
	struct player *player = arg;

	bf_pipe_commit(player->out);
	if (player->got >= ROUNDS)
		bf_loop_stop(player->loop);
}

static void on_ball(void *arg, struct bf_pipe *pipe)
{
	struct player *player = arg;
	struct bf_bytes record;

	while ((record = bf_pipe_next(pipe)).data) {
		player->got++;
		player->late_count += player->told < player->got;
		if (player->got <= ROUNDS)
			answer(player, player->got);
	}
}

static void *run_thread(void *arg)
{
	return (void *)(intptr_t)bf_loop_run(arg);
}

static void player_init(struct player *player, struct player *other, struct bf_loop *loop)
{
	player->loop = loop;
	player->other = other;
	assert_int_equal(bf_pipe_new(&player->out), 0);
	assert_int_equal(bf_pipe_open(player->out, RING), 0);
	assert_int_equal(bf_inbox_new(&player->inbox, loop, 64, on_told, player), 0);
	bf_loop_hook_init(&player->hook, on_turn_end, player);
	other->in = player->out;
}

static void player_deinit(struct player *player)
{
	bf_inbox_free(player->inbox);
	bf_pipe_detach(player->out);
	bf_pipe_free(player->out);
}

static void messages_come_before_the_records_sent_after_them(void **state)
{
	struct player a = {0}, b = {0};
	pthread_t thread;

	player_init(&a, &b, both_loop(state));
	player_init(&b, &a, both_loop(state));
	bf_pipe_attach(a.in, a.loop, on_ball, &a);
	bf_pipe_attach(b.in, b.loop, on_ball, &b);
	answer(&a, 0);
	assert_int_equal(pthread_create(&thread, NULL, run_thread, b.loop), 0);
	assert_int_equal(bf_loop_run(a.loop), 0);
	pthread_join(thread, NULL);
	assert_int_equal(a.late_count + b.late_count, 0);
	assert_true(a.got >= ROUNDS && b.got >= ROUNDS);
	/* A turn sends one message and one commit, and each may wake once: the other may have slept again in between. The first
	 * ball is sent before any turn. */
	assert_in_range(
		bf_loop_counters(a.loop)->wakes, 1, 2 * bf_loop_counters(a.loop)->turns + 2);
	assert_in_range(
		bf_loop_counters(b.loop)->wakes, 1, 2 * bf_loop_counters(b.loop)->turns + 2);
	player_deinit(&a);
	player_deinit(&b);
	bf_loop_free(a.loop);
	bf_loop_free(b.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(records_arrive_whole_and_in_order_round_and_round_the_ring),
		ON_BOTH(nothing_is_seen_before_the_commit),
		ON_BOTH(what_was_reserved_and_not_put_leaves_no_trace),
		ON_BOTH(a_record_may_be_shorter_than_what_was_reserved),
		ON_BOTH(a_full_pipe_refuses_until_records_were_read),
		ON_BOTH(what_cannot_fit_is_refused),
		cmocka_unit_test(a_pipe_without_memory_refuses),
		ON_BOTH(a_turn_takes_one_batch_and_goes_round_again),
		ON_BOTH(a_reader_may_leave_records_for_the_next_turn),
		ON_BOTH(a_reader_that_comes_late_finds_what_is_there),
		ON_BOTH(another_threads_records_arrive_whole_and_in_order),
		ON_BOTH(messages_come_before_the_records_sent_after_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
