#include "media/sctp/sctp_priv.h"
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
	pair_connect(pair, 0);
	pair_forget(pair);
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	pair_close(pair);
	free(pair);
	return 0;
}

static struct bf_sctp *sctp(unsigned end)
{
	return pair->ends[end].sctp;
}

static struct bf_sctp_channel named(const char *label)
{
	return (struct bf_sctp_channel){.label = bf_bytes_str(label)};
}

/* Past our own checks: `ppid` and bytes on `stream`, as a peer of another make may send them. */
static void send_raw(unsigned end, uint16_t stream, uint32_t ppid, const void *data, size_t len)
{
	const struct bf_sctp_channel props = {.stream = stream};

	assert_int_equal(
		sctp_sock_send(&sctp(end)->sock, &props, true, ppid, bf_bytes(data, len)), 0);
}

/* ---- opening ---- */

static void properties_reach_the_peer(void **state)
{
	static const struct bf_sctp_channel cases[] = {
		{.type = BF_SCTP_RELIABLE},
		{.type = BF_SCTP_RELIABLE, .is_unordered = true, .priority = 256},
		{.type = BF_SCTP_REXMIT, .limit = 3},
		{.type = BF_SCTP_TIMED, .limit = 0xfffffffe, .is_unordered = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_sctp_channel props = cases[i];
		const struct bf_sctp_channel *mine;
		const struct seen *seen;

		props.label = bf_bytes_str(i == 1 ? "" : "a channel");
		props.protocol = bf_bytes_str(i == 2 ? "" : "chat.v1");
		mine = pair_channel(pair, 0, &props);
		seen = pair_nth(pair, 1, BF_SCTP_OPEN, (unsigned)i);
		assert_int_equal(seen->channel.stream, mine->stream);
		assert_int_equal(seen->channel.type, props.type);
		assert_int_equal(seen->channel.limit, props.limit);
		assert_int_equal(seen->channel.priority, props.priority);
		assert_int_equal(seen->channel.is_unordered, props.is_unordered);
		assert_int_equal(seen->channel.protocol.len, props.protocol.len);
		assert_string_equal(seen->label, i == 1 ? "" : "a channel");
	}
}

static void the_dtls_client_opens_even_streams_and_the_server_odd_ones(void **state)
{
	struct bf_sctp_channel props = named("x");

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pair_channel(pair, 0, &props)->stream, 2 * i);
		assert_int_equal(pair_channel(pair, 1, &props)->stream, 2 * i + 1);
	}
}

static void channels_are_found_by_label_while_they_are_open(void **state)
{
	struct bf_sctp_channel props = named("find me");
	const struct bf_sctp_channel *channel;

	(void)state;
	assert_null(bf_sctp_find(sctp(0), props.label));
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), 0);
	assert_ptr_equal(bf_sctp_find(sctp(0), props.label), channel);
	pair_await(pair, 1, BF_SCTP_OPEN, 1, 100);
	assert_non_null(bf_sctp_find(sctp(1), props.label));
	assert_null(bf_sctp_find(sctp(1), bf_bytes_str("find m")));
	bf_sctp_close_channel(sctp(0), channel->stream);
	assert_null(bf_sctp_find(sctp(0), props.label));
	pair_await(pair, 1, BF_SCTP_CLOSE, 1, 1000);
	assert_null(bf_sctp_find(sctp(1), props.label));
}

static void messages_may_follow_the_open_without_waiting(void **state)
{
	struct bf_sctp_channel props = named("now");
	const struct bf_sctp_channel *channel;

	(void)state;
	props.is_unordered = true;
	pair->loss_percent = 20;
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), 0);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(
			bf_sctp_send(sctp(0), channel->stream, true, bf_bytes_str("hi")), 0);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 50, 20000);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_OPEN), 1);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_channel, 0);
}

static void a_message_stands_for_an_ack_it_has_overtaken(void **state)
{
	struct bf_sctp_channel props = named("x");
	const struct bf_sctp_channel *channel;

	(void)state;
	/* sent before the other end has even seen the OPEN, and so before its ACK */
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), 0);
	send_raw(1, channel->stream, PPID_TEXT, "early", 5);
	pair_await(pair, 0, BF_SCTP_MESSAGE, 1, 1000);
	assert_int_equal(pair->ends[0].events[0].kind, BF_SCTP_OPEN);
	assert_int_equal(pair->ends[0].events[1].kind, BF_SCTP_MESSAGE);
	assert_memory_equal(pair->ends[0].events[1].data, "early", 5);
	pair_run(pair, 1000);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_OPEN), 1); /* the ACK makes no second one */
}

static void all_streams_can_be_opened_and_no_more(void **state)
{
	const struct bf_sctp_channel *channel;
	struct bf_sctp_channel props = named("x");

	(void)state;
	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < BF_SCTP_CHANNELS / 2; i++)
			assert_int_equal(bf_sctp_open(sctp(end), &props, &channel), 0);
		assert_int_equal(bf_sctp_open(sctp(end), &props, &channel), -ENOBUFS);
	}
	for (unsigned end = 0; end < 2; end++)
		pair_await(pair, end, BF_SCTP_OPEN, BF_SCTP_CHANNELS, 5000);
	bf_sctp_close_channel(sctp(0), 200);
	pair_run(pair, 1000);
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), 0);
	assert_int_equal(channel->stream, 200);
}

static void long_labels_are_refused_before_they_are_sent(void **state)
{
	const struct bf_sctp_channel *channel;
	char text[BF_SCTP_LABEL_MAX + 2];
	struct bf_sctp_channel props;

	(void)state;
	memset(text, 'x', sizeof(text));
	props = (struct bf_sctp_channel){.label = bf_bytes(text, BF_SCTP_LABEL_MAX),
		.protocol = bf_bytes(text, BF_SCTP_LABEL_MAX)};
	channel = pair_channel(pair, 0, &props);
	assert_int_equal(channel->label.len, BF_SCTP_LABEL_MAX);
	props.label.len++;
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), -EINVAL);
	props.label.len--;
	props.protocol.len++;
	assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), -EINVAL);
}

/* ---- closing ---- */

static void a_close_is_told_once_and_after_what_was_sent_before(void **state)
{
	enum { LEN = 100000 };
	uint8_t *block = calloc(1, LEN);
	struct bf_sctp_channel props = named("bye");
	const struct bf_sctp_channel *channel;
	uint16_t stream;

	(void)state;
	assert_non_null(block);
	channel = pair_channel(pair, 0, &props);
	stream = channel->stream;
	pair->loss_percent = 10;
	assert_int_equal(bf_sctp_send(sctp(0), stream, false, bf_bytes(block, LEN)), 0);
	bf_sctp_close_channel(sctp(0), stream);
	assert_int_equal(bf_sctp_send(sctp(0), stream, false, bf_bytes(block, 1)), -EPROTO);
	pair_await(pair, 1, BF_SCTP_CLOSE, 1, 60000);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_MESSAGE), 1);
	assert_string_equal(pair_nth(pair, 1, BF_SCTP_CLOSE, 0)->label, "bye");
	pair_run(pair, 20000);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_CLOSE), 1);
	assert_int_equal(pair_count(pair, 0, BF_SCTP_CLOSE), 0);
	free(block);
}

static void streams_are_used_again_from_either_side(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		unsigned opener = round % 2;
		unsigned closer = round / 2 % 2;
		struct bf_sctp_channel props = named(round % 3 ? "again" : "other");
		const struct bf_sctp_channel *channel;
		uint16_t stream;

		pair_forget(pair);
		pair->loss_percent = round % 4 == 3 ? 20 : 0;
		channel = pair_channel(pair, opener, &props);
		stream = channel->stream;
		assert_int_equal(stream, opener); /* always the lowest */
		for (unsigned end = 0; end < 2; end++)
			assert_int_equal(
				bf_sctp_send(sctp(end), stream, true, bf_bytes_str("hello")), 0);
		for (unsigned end = 0; end < 2; end++)
			pair_await(pair, end, BF_SCTP_MESSAGE, 1, 20000);
		bf_sctp_close_channel(sctp(closer), stream);
		pair_await(pair, 1 - closer, BF_SCTP_CLOSE, 1, 20000);
		pair_run(pair, 10000);
		assert_null(sctp(0)->streams[stream].channel);
		assert_null(sctp(1)->streams[stream].channel);
	}
}

static void both_may_close_at_once(void **state)
{
	struct bf_sctp_channel props = named("x");
	const struct bf_sctp_channel *channel;

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		uint16_t stream;

		channel = pair_channel(pair, 0, &props);
		stream = channel->stream;
		for (unsigned end = 0; end < 2; end++)
			bf_sctp_close_channel(sctp(end), stream);
		pair_run(pair, 2000);
		assert_null(sctp(0)->streams[stream].channel);
		assert_null(sctp(1)->streams[stream].channel);
	}
	assert_int_equal(pair_count(pair, 0, BF_SCTP_CLOSE), 0);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_CLOSE), 0);
}

static void many_channels_close_together(void **state)
{
	struct bf_sctp_channel props = named("x");
	const struct bf_sctp_channel *channel;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(bf_sctp_open(sctp(0), &props, &channel), 0);
	pair_await(pair, 0, BF_SCTP_OPEN, 100, 5000);
	pair->loss_percent = 10;
	for (unsigned i = 0; i < 100; i++)
		bf_sctp_close_channel(sctp(0), (uint16_t)(2 * i));
	pair_await(pair, 1, BF_SCTP_CLOSE, 100, 60000);
	pair_run(pair, 20000);
	for (unsigned i = 0; i < BF_SCTP_CHANNELS; i++) {
		assert_null(sctp(0)->streams[i].channel);
		assert_null(sctp(1)->streams[i].channel);
	}
}

static void the_channel_of_a_close_can_be_read_until_the_next_event(void **state)
{
	struct bf_sctp_channel props = named("still here");
	struct bf_sctp_event event;
	struct bf_sctp_item item;
	uint16_t stream = pair_channel(pair, 0, &props)->stream;
	unsigned closed = 0;

	(void)state;
	pair_run(pair, 1000);
	bf_sctp_close_channel(sctp(0), stream);
	/* by hand, so that no event is asked for behind our back */
	while (bf_sctp_stack_poll(pair->stack, 0, &item)) {
		unsigned to = item.id == pair->ends[0].id ? 1 : 0;

		if (item.news == BF_SCTP_OUTPUT) {
			uint8_t copy[BF_SCTP_MTU];
			size_t len = item.packet.len;

			memcpy(copy, item.packet.data, len);
			assert_int_equal(
				bf_sctp_on_packet(sctp(to), bf_bytes(copy, len)), BF_DROP_NONE);
		} else if (to == 0 && closed == 0) {
			assert_int_equal(bf_sctp_poll_event(sctp(1), &event), 1);
			assert_int_equal(event.kind, BF_SCTP_CLOSE);
			closed++;
		}
	}
	assert_int_equal(closed, 1);
	assert_true(bf_bytes_is(event.channel->label, "still here"));
	assert_int_equal(bf_sctp_poll_event(sctp(1), &event), 0);
}

/* ---- a peer that does otherwise ---- */

/* RFC 8832 gives even streams to the DTLS client; aiortc goes by its ICE role. Both are understood, and the halves stay apart. */
static void a_peer_that_opens_in_the_other_half_gets_it(void **state)
{
	struct bf_sctp_channel props = named("mine");
	const struct bf_sctp_channel *ours;
	uint8_t message[DCEP_OPEN_MAX];
	size_t len = dcep_write_open(message, sizeof(message), &props);

	(void)state;
	send_raw(0, 5, PPID_DCEP, message, len); /* odd: by the book the server's */
	pair_run(pair, 2000);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_OPEN), 1);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_dcep, 0);
	props = named("answer");
	assert_int_equal(bf_sctp_open(sctp(1), &props, &ours), 0);
	assert_int_equal(ours->stream, 0);
}

static void an_open_on_a_stream_in_use_is_refused_by_a_reset(void **state)
{
	struct bf_sctp_channel props = named("mine");
	const struct bf_sctp_channel *ours;
	uint8_t message[DCEP_OPEN_MAX];
	size_t len = dcep_write_open(message, sizeof(message), &props);
	uint64_t refused = bf_sctp_counters(sctp(1))->refused_dcep;

	(void)state;
	assert_int_equal(bf_sctp_open(sctp(1), &props, &ours), 0);
	send_raw(0, ours->stream, PPID_DCEP, message, len);
	pair_run(pair, 2000);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_dcep, refused + 1);
}

static void malformed_and_oversized_opens_are_refused_and_counted(void **state)
{
	uint8_t message[12 + BF_SCTP_LABEL_MAX + 1] = {3};
	struct bf_sctp_channel props = named("x");

	(void)state;
	bf_put_u16(message + 8, BF_SCTP_LABEL_MAX + 1);
	send_raw(0, 0, PPID_DCEP, message, sizeof(message));
	bf_put_u16(message + 8, 7);
	send_raw(0, 2, PPID_DCEP, message, sizeof(message));
	send_raw(0, 4, PPID_DCEP, "\x09", 1);
	send_raw(0, 6, PPID_DCEP, "\x02", 1); /* an ACK nobody waits for */
	pair_run(pair, 2000);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_dcep, 4);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_OPEN), 0);
	pair_channel(pair, 1, &props);
}

static void a_second_open_does_not_hurt_an_open_channel(void **state)
{
	struct bf_sctp_channel props = named("first");
	uint8_t message[DCEP_OPEN_MAX];
	uint16_t stream = pair_channel(pair, 0, &props)->stream;

	(void)state;
	props = named("second");
	send_raw(0, stream, PPID_DCEP, message, dcep_write_open(message, sizeof(message), &props));
	send_raw(0, stream, PPID_TEXT, "x", 1);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 1000);
	assert_string_equal(pair_nth(pair, 1, BF_SCTP_MESSAGE, 0)->label, "first");
	assert_int_equal(pair_count(pair, 1, BF_SCTP_OPEN), 1);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_dcep, 1);
}

static void messages_of_no_channel_or_no_known_kind_are_dropped_and_counted(void **state)
{
	struct bf_sctp_channel props = named("x");
	uint16_t stream = pair_channel(pair, 0, &props)->stream;

	(void)state;
	send_raw(0, 8, PPID_TEXT, "nowhere", 7);
	send_raw(0, stream, PPID_BINARY_PARTIAL, "x", 1);
	send_raw(0, stream, PPID_TEXT_PARTIAL, "x", 1);
	send_raw(0, stream, 55, "x", 1);
	send_raw(0, stream, PPID_TEXT_EMPTY, "xyz", 3); /* its bytes mean nothing */
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 1000);
	assert_int_equal(pair_nth(pair, 1, BF_SCTP_MESSAGE, 0)->len, 0);
	assert_true(pair_nth(pair, 1, BF_SCTP_MESSAGE, 0)->is_text);
	assert_int_equal(bf_sctp_counters(sctp(1))->refused_channel, 4);
}

static void longer_messages_than_announced_are_dropped_whole(void **state)
{
	static const size_t sizes[] = {BF_SCTP_MESSAGE_MAX + 1, 600000, 3000000};
	uint8_t *block = calloc(1, 3000000);
	struct bf_sctp_channel props = named("x");
	uint16_t stream = pair_channel(pair, 0, &props)->stream;

	(void)state;
	assert_non_null(block);
	for (unsigned i = 0; i < 3; i++) {
		pair->loss_percent = i == 1 ? 5 : 0;
		send_raw(0, stream, PPID_BINARY, block, sizes[i]);
		send_raw(0, stream, PPID_BINARY, block, BF_SCTP_MESSAGE_MAX);
		pair_await(pair, 1, BF_SCTP_MESSAGE, i + 1, 600000);
		assert_int_equal(pair_nth(pair, 1, BF_SCTP_MESSAGE, i)->len, BF_SCTP_MESSAGE_MAX);
		assert_int_equal(bf_sctp_counters(sctp(1))->refused_oversize, i + 1);
	}
	free(block);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(properties_reach_the_peer),
		TEST(the_dtls_client_opens_even_streams_and_the_server_odd_ones),
		TEST(channels_are_found_by_label_while_they_are_open),
		TEST(messages_may_follow_the_open_without_waiting),
		TEST(a_message_stands_for_an_ack_it_has_overtaken),
		TEST(all_streams_can_be_opened_and_no_more),
		TEST(long_labels_are_refused_before_they_are_sent),
		TEST(a_close_is_told_once_and_after_what_was_sent_before),
		TEST(streams_are_used_again_from_either_side),
		TEST(both_may_close_at_once),
		TEST(many_channels_close_together),
		TEST(the_channel_of_a_close_can_be_read_until_the_next_event),
		TEST(a_peer_that_opens_in_the_other_half_gets_it),
		TEST(an_open_on_a_stream_in_use_is_refused_by_a_reset),
		TEST(malformed_and_oversized_opens_are_refused_and_counted),
		TEST(a_second_open_does_not_hurt_an_open_channel),
		TEST(messages_of_no_channel_or_no_known_kind_are_dropped_and_counted),
		TEST(longer_messages_than_announced_are_dropped_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
