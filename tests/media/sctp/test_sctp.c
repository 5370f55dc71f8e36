#include "tests/media/sctp/link.h"

#include <errno.h>
#include <stdlib.h>

static struct pair *pair;

static int open_pair(void **state)
{
	(void)state;
	pair = malloc(sizeof(*pair));
	assert_non_null(pair);
	pair_open(pair);
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	pair_close(pair);
	free(pair);
	return 0;
}

static const struct bf_sctp_channel reliable = {.label = {(const uint8_t *)"chat", 4}};

static struct bf_sctp *sctp(unsigned end)
{
	return pair->ends[end].sctp;
}

/* Bytes that tell where they are. */
static struct bf_bytes pattern(uint8_t *block, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		block[i] = (uint8_t)(i * 7 + (i >> 8) * 31 + seed);
	return bf_bytes(block, len);
}

static void assert_pattern(const struct seen *seen, size_t len, unsigned seed)
{
	uint8_t *block = malloc(len ? len : 1);

	assert_non_null(block);
	assert_int_equal(seen->len, len);
	pattern(block, len, seed);
	assert_memory_equal(seen->data, block, len);
	free(block);
}

/* ---- life ---- */

static void both_connect_at_once(void **state)
{
	(void)state;
	assert_int_equal(
		bf_sctp_open(sctp(0), &reliable, &(const struct bf_sctp_channel *){NULL}), -EPROTO);
	pair_connect(pair, 0);
	pair_run(pair, 70000); /* two of usrsctp's usual heartbeats */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pair_count(pair, i, BF_SCTP_CONNECTED), 1);
		assert_int_equal(pair->ends[i].event_count, 1);
		/* nothing is said when there is nothing to say: no heartbeats */
		assert_true(pair->ends[i].packet_count < 6);
	}
}

static void they_connect_over_a_lossy_link(void **state)
{
	(void)state;
	pair->loss_percent = 30;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(bf_sctp_start(sctp(i)), 0);
	for (unsigned i = 0; i < 2; i++)
		pair_await(pair, i, BF_SCTP_CONNECTED, 1, 30000);
}

static void packets_before_the_start_are_refused(void **state)
{
	struct bf_sctp_item item;

	(void)state;
	assert_int_equal(bf_sctp_start(sctp(0)), 0);
	assert_int_equal(bf_sctp_stack_poll(pair->stack, 0, &item), 1);
	assert_int_equal(item.news, BF_SCTP_OUTPUT);
	assert_true(item.id == pair->ends[0].id);
	assert_int_equal(bf_sctp_on_packet(sctp(1), item.packet), BF_DROP_SCTP);
	assert_int_equal(bf_sctp_stack_poll(pair->stack, 0, &item), 0); /* not even an ABORT */
}

static void freeing_one_end_tells_the_other(void **state)
{
	(void)state;
	pair_connect(pair, 0);
	pair_channel(pair, 0, &reliable);
	bf_sctp_free(sctp(0));
	pair->ends[0].sctp = NULL;
	pair_await(pair, 1, BF_SCTP_GONE, 1, 100);
	pair_run(pair, 1000);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_GONE), 1);
	assert_null(bf_sctp_find(sctp(1), bf_bytes_str("chat")));
	assert_int_equal(bf_sctp_send(sctp(1), 0, true, bf_bytes_str("x")), -EPROTO);
}

static void a_peer_that_falls_silent_is_given_up_after_ice_would(void **state)
{
	const struct bf_sctp_channel *channel;

	(void)state;
	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, &reliable);
	pair->ends[1].is_deaf = true;
	assert_int_equal(bf_sctp_send(sctp(0), channel->stream, true, bf_bytes_str("x")), 0);
	pair_run(pair, 35000);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_GONE), 0);
	pair_await(pair, 0, BF_SCTP_GONE, 1, 60000);
}

static void an_association_can_follow_another_in_the_same_stack(void **state)
{
	(void)state;
	pair_connect(pair, 0);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 2; i++) {
			bf_sctp_free(sctp(i));
			pair->ends[i].id += 16;
			assert_int_equal(bf_sctp_new(&pair->ends[i].sctp, pair->stack, 0,
						 pair->ends[i].id, 5000, 5000, i == 0, 0),
				0);
		}
		/* what the old ones still had to say */
		struct bf_sctp_item item;
		while (bf_sctp_stack_poll(pair->stack, 0, &item))
			assert_int_equal(item.news, BF_SCTP_OUTPUT);
		pair->flight_count = 0;
		pair_forget(pair);
		pair_connect(pair, 0);
	}
}

static void packets_fit_the_smallest_path(void **state)
{
	uint8_t *block = malloc(100000);
	const struct bf_sctp_channel *channel;

	(void)state;
	assert_non_null(block);
	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, &reliable);
	assert_int_equal(
		bf_sctp_send(sctp(0), channel->stream, false, pattern(block, 100000, 1)), 0);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 10000);
	assert_in_range(pair->ends[0].largest_packet, 1150, 1192);
	free(block);
}

/* ---- messages ---- */

static void messages_arrive_whole_and_in_order(unsigned loss_percent)
{
	static const size_t sizes[] = {0, 1, 1200, 65536, 262144, 3, 0, 262144, 17};
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	uint8_t *block = malloc(262144);
	const struct bf_sctp_channel *channel;

	assert_non_null(block);
	pair_connect(pair, loss_percent);
	channel = pair_channel(pair, 0, &reliable);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < COUNT; i++)
			assert_int_equal(bf_sctp_send(sctp(round), channel->stream, i % 2 == 0,
						 pattern(block, sizes[i], i)),
				0);
	}
	for (unsigned end = 0; end < 2; end++) {
		pair_await(pair, end, BF_SCTP_MESSAGE, COUNT, 600000);
		for (unsigned i = 0; i < COUNT; i++) {
			const struct seen *seen = pair_nth(pair, end, BF_SCTP_MESSAGE, i);

			assert_pattern(seen, sizes[i], i);
			assert_int_equal(seen->is_text, i % 2 == 0);
			assert_string_equal(seen->label, "chat");
		}
		assert_int_equal(bf_sctp_counters(sctp(end))->messages_in, COUNT);
		assert_int_equal(bf_sctp_counters(sctp(end))->messages_out, COUNT);
	}
	pair_run(pair, 2000);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_MESSAGE), COUNT); /* and not twice */
	free(block);
}

static void messages_arrive_whole_and_in_order_without_loss(void **state)
{
	(void)state;
	messages_arrive_whole_and_in_order(0);
}

static void messages_arrive_whole_and_in_order_at_5_percent_loss(void **state)
{
	(void)state;
	messages_arrive_whole_and_in_order(5);
}

static void messages_arrive_whole_and_in_order_at_20_percent_loss(void **state)
{
	(void)state;
	messages_arrive_whole_and_in_order(20);
}

/* Send 500 numbered messages on such a channel over a bad link, then count each number at the other end. */
static void number_messages(const struct bf_sctp_channel *props, uint8_t seen[500])
{
	const struct bf_sctp_channel *channel;

	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, props);
	pair->loss_percent = 20;
	for (unsigned i = 0; i < 500; i++) {
		uint8_t data[600] = {(uint8_t)(i >> 8), (uint8_t)i};

		assert_int_equal(
			bf_sctp_send(sctp(0), channel->stream, false, bf_bytes(data, sizeof(data))),
			0);
		pair_run(pair, 10);
	}
	pair->loss_percent = 0;
	pair_run(pair, 20000);
	memset(seen, 0, 500);
	for (unsigned i = 0; i < pair_count(pair, 1, BF_SCTP_MESSAGE); i++) {
		const struct seen *message = pair_nth(pair, 1, BF_SCTP_MESSAGE, i);

		assert_int_equal(message->len, 600);
		seen[bf_get_u16(message->data)]++;
	}
}

static unsigned count_of(const uint8_t seen[500])
{
	unsigned count = 0;

	for (unsigned i = 0; i < 500; i++) {
		assert_true(seen[i] <= 1); /* never twice */
		count += seen[i];
	}
	return count;
}

static unsigned out_of_order_count(void)
{
	unsigned count = 0, last = 0;

	for (unsigned i = 0; i < pair_count(pair, 1, BF_SCTP_MESSAGE); i++) {
		unsigned number = bf_get_u16(pair_nth(pair, 1, BF_SCTP_MESSAGE, i)->data);

		count += number < last;
		last = number;
	}
	return count;
}

static void unordered_messages_all_arrive_and_do_not_wait(void **state)
{
	const struct bf_sctp_channel props = {.is_unordered = true};
	uint8_t seen[500];

	(void)state;
	number_messages(&props, seen);
	assert_int_equal(count_of(seen), 500);
	assert_true(out_of_order_count() > 10);
}

static void ordered_messages_wait_for_the_lost(void **state)
{
	uint8_t seen[500];

	(void)state;
	number_messages(&reliable, seen);
	assert_int_equal(count_of(seen), 500);
	assert_int_equal(out_of_order_count(), 0);
}

static void messages_without_retransmission_get_lost_but_never_doubled(void **state)
{
	const struct bf_sctp_channel props = {.type = BF_SCTP_REXMIT, .limit = 0};
	uint8_t seen[500];
	unsigned count;

	(void)state;
	number_messages(&props, seen);
	count = count_of(seen);
	assert_in_range(count, 300, 490);
	assert_int_equal(out_of_order_count(), 0);
}

static void messages_with_a_lifetime_get_lost_but_never_doubled(void **state)
{
	const struct bf_sctp_channel props = {
		.type = BF_SCTP_TIMED, .limit = 30, .is_unordered = true};
	uint8_t seen[500];
	unsigned count;

	(void)state;
	number_messages(&props, seen);
	count = count_of(seen);
	assert_in_range(count, 250, 490);
}

static void too_long_messages_are_refused_by_either_limit(void **state)
{
	uint8_t *block = calloc(1, BF_SCTP_MESSAGE_MAX + 1);
	const struct bf_sctp_channel *channel;

	(void)state;
	assert_non_null(block);
	/* the peer's: nothing said means 65536 */
	bf_sctp_free(sctp(0));
	assert_int_equal(bf_sctp_new(&pair->ends[0].sctp, pair->stack, 0, pair->ends[0].id, 5000,
				 5000, true, 0),
		0);
	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, &reliable);
	assert_int_equal(
		bf_sctp_send(sctp(0), channel->stream, true, bf_bytes(block, 65537)), -EMSGSIZE);
	assert_int_equal(bf_sctp_send(sctp(0), channel->stream, true, bf_bytes(block, 65536)), 0);
	/* ours */
	assert_int_equal(bf_sctp_send(sctp(1), channel->stream, true,
				 bf_bytes(block, BF_SCTP_MESSAGE_MAX + 1)),
		-EMSGSIZE);
	assert_int_equal(
		bf_sctp_send(sctp(1), channel->stream, true, bf_bytes(block, BF_SCTP_MESSAGE_MAX)),
		0);
	pair_await(pair, 0, BF_SCTP_MESSAGE, 1, 5000);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 5000);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(bf_sctp_counters(sctp(i))->refused_oversize, 1);
	free(block);
}

static void a_full_queue_refuses_and_tells_when_it_is_half_empty(void **state)
{
	enum { LEN = 100000 };
	uint8_t *block = calloc(1, LEN);
	const struct bf_sctp_channel *channel;
	unsigned sent = 0, arrived;
	int err;

	(void)state;
	assert_non_null(block);
	pair_connect(pair, 0);
	channel = pair_channel(pair, 0, &reliable);
	while ((err = bf_sctp_send(sctp(0), channel->stream, false, bf_bytes(block, LEN))) == 0)
		sent++;
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(sent, BF_SCTP_SEND_QUEUE_MAX / LEN - 3, BF_SCTP_SEND_QUEUE_MAX / LEN);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_DRAINED), 0);
	pair_await(pair, 0, BF_SCTP_DRAINED, 1, 60000);
	arrived = pair_count(pair, 1, BF_SCTP_MESSAGE);
	assert_in_range(arrived, sent / 2 - 4, sent / 2 + 8);
	assert_int_equal(bf_sctp_send(sctp(0), channel->stream, false, bf_bytes(block, LEN)), 0);
	pair_await(pair, 1, BF_SCTP_MESSAGE, sent + 1, 60000);
	pair_run(pair, 1000);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_DRAINED), 1); /* once */
	free(block);
}

static void the_timer_wakes_the_worker_only_from_another_thread(void **state)
{
	(void)state;
	pair_connect(pair, 10);
	pair_channel(pair, 0, &reliable);
	assert_true(pair->wake_count <=
		    2); /* for the clock and the first packet, before anyone had polled */
}

static void the_clock_stands_still_without_associations(void **state)
{
	unsigned woken;

	(void)state;
	assert_true(bf_sctp_stack_needs_timer(pair->stack));
	pair_connect(pair, 0);
	pair_run(pair, 5000);
	assert_true(bf_sctp_stack_needs_timer(pair->stack));
	bf_sctp_free(sctp(0));
	pair->ends[0].sctp = NULL;
	pair_run(pair, 5000);
	assert_true(bf_sctp_stack_needs_timer(pair->stack)); /* one is left */
	bf_sctp_free(sctp(1));
	pair->ends[1].sctp = NULL;
	pair_run(pair, 500);
	assert_true(bf_sctp_stack_needs_timer(pair->stack)); /* for what it leaves behind */
	pair_run(pair, 1000);
	assert_false(bf_sctp_stack_needs_timer(pair->stack));

	/* much later: no time is made up for, and all works */
	pair->now_us += BF_SEC(7200);
	woken = pair->wake_count;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(bf_sctp_new(&pair->ends[i].sctp, pair->stack, 0,
					 ++pair->ends[i].id, 5000, 5000, i == 0, 0),
			0);
	assert_true(bf_sctp_stack_needs_timer(pair->stack));
	assert_int_equal(pair->wake_count, woken); /* this thread is the worker */
	pair_forget(pair);
	pair_connect(pair, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(both_connect_at_once),
		TEST(they_connect_over_a_lossy_link),
		TEST(packets_before_the_start_are_refused),
		TEST(freeing_one_end_tells_the_other),
		TEST(a_peer_that_falls_silent_is_given_up_after_ice_would),
		TEST(an_association_can_follow_another_in_the_same_stack),
		TEST(packets_fit_the_smallest_path),
		TEST(messages_arrive_whole_and_in_order_without_loss),
		TEST(messages_arrive_whole_and_in_order_at_5_percent_loss),
		TEST(messages_arrive_whole_and_in_order_at_20_percent_loss),
		TEST(unordered_messages_all_arrive_and_do_not_wait),
		TEST(ordered_messages_wait_for_the_lost),
		TEST(messages_without_retransmission_get_lost_but_never_doubled),
		TEST(messages_with_a_lifetime_get_lost_but_never_doubled),
		TEST(too_long_messages_are_refused_by_either_limit),
		TEST(a_full_queue_refuses_and_tells_when_it_is_half_empty),
		TEST(the_timer_wakes_the_worker_only_from_another_thread),
		TEST(the_clock_stands_still_without_associations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
