/* Data channels through a real worker: who gets what, how, and what one participant can do to the others. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"
#include "tests/media/worker/chat.h"

#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct bf_sctp_channel reliable = {.label = {(const uint8_t *)"chat", 4}};
static const struct bf_sctp_channel hasty = {.is_unordered = true,
	.type = BF_SCTP_REXMIT,
	.limit = 2,
	.label = {(const uint8_t *)"cursors", 7},
	.protocol = {(const uint8_t *)"v1", 2}};

#define FROM_ALICE "00000000000a11ce"
#define FROM_BOB   "0000000000000b0b"

static void expect(const struct chat_message *message, const char *label, const char *text)
{
	assert_string_equal(message->label, label);
	assert_string_equal(message->head, text);
}

static void a_message_to_all_reaches_everyone_else(void **state)
{
	static struct chat chat; /* large */
	struct chat_client *alice, *bob, *carol;
	uint16_t stream;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 262144);
	carol = chat_join(&chat, CAROL, STAGE_ALL, 0);
	stream = chat_channel(alice, &reliable);
	for (int i = 0; i < 20; i++)
		chat_send(alice, stream, '*', 0, i == 0 ? "hello" : "again");
	assert_true(chat_wait(&chat, bob, 20, 3000));
	assert_true(chat_wait(&chat, carol, 20, 3000));
	expect(&bob->messages[0], "chat", "*" FROM_ALICE "hello");
	expect(&carol->messages[0], "chat", "*" FROM_ALICE "hello");
	expect(&carol->messages[19], "chat", "*" FROM_ALICE "again");
	assert_true(bob->messages[0].is_text);
	assert_int_equal(alice->message_count, 0);
	/* the channel the server opened carries answers */
	chat_send(bob, bob->messages[0].channel.stream, '*', 0, "hi");
	assert_true(chat_wait(&chat, alice, 1, 3000));
	expect(&alice->messages[0], "chat", "*" FROM_BOB "hi");
	chat_close(&chat);
}

static void a_direct_message_reaches_one(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob, *carol;
	uint16_t stream;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 262144);
	carol = chat_join(&chat, CAROL, STAGE_ALL, 262144);
	stream = chat_channel(alice, &hasty);
	chat_send(alice, stream, '>', CAROL, "psst");
	assert_true(chat_wait(&chat, carol, 1, 3000));
	expect(&carol->messages[0], "cursors", ">" FROM_ALICE "psst");
	assert_int_equal(bob->message_count, 0);
	assert_true(carol->messages[0].channel.is_unordered); /* as the sender's channel is */
	assert_int_equal(carol->messages[0].channel.type, BF_SCTP_REXMIT);
	assert_int_equal(carol->messages[0].channel.limit, 2);
	chat_close(&chat);
}

static void what_is_malformed_or_for_nobody_is_dropped_and_counted(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob;
	static const char *const bad[] = {"", "*", "*000000000000000", "!0000000000000000x",
		">0000000000000000x", ">00000000000ca401x", ">zzzzzzzzzzzzzzzzx", "0"};
	const size_t bad_count = sizeof(bad) / sizeof(bad[0]);
	uint16_t stream;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 100);
	stream = chat_channel(alice, &reliable);
	for (size_t i = 0; i < bad_count; i++)
		assert_int_equal(bf_sctp_send(alice->sctp, stream, i % 2, bf_bytes_str(bad[i])), 0);
	chat_send(alice, stream, '*', 0,
		"more than a hundred bytes, which is what Bob's description said he can take at "
		"most; "
		"others could take it"); /* counted, too */
	chat_send(alice, stream, '*', 0, "");
	assert_true(chat_wait(&chat, bob, 1, 3000));
	expect(&bob->messages[0], "chat", "*" FROM_ALICE);
	assert_int_equal(bob->message_count, 1);
	chat_run(&chat, 50);
	assert_int_equal(stage_metric(&chat.stage, "belfry_data_dropped_total{worker=\"0\"} "),
		bad_count + 1);
	chat_close(&chat);
}

static void without_the_grant_one_may_listen_but_not_speak(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob;
	uint16_t stream;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, BF_GRANT_SUBSCRIBE, 262144);
	stream = chat_channel(bob, &reliable);
	chat_send(bob, stream, '*', 0, "I may not");
	chat_send(bob, stream, '>', ALICE, "I may not");
	chat_run(&chat, 100);
	stream = chat_channel(alice, &reliable);
	chat_send(alice, stream, '*', 0, "listen");
	assert_true(chat_wait(&chat, bob, 1, 3000));
	assert_int_equal(alice->message_count, 0);
	assert_int_equal(stage_metric(&chat.stage, "belfry_data_dropped_total{worker=\"0\"} "), 2);
	chat_close(&chat);
}

static void a_large_message_arrives_whole(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob;
	static uint8_t data[262144];
	uint32_t sum = 0;
	uint16_t stream;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 262144);
	stream = chat_channel(alice, &reliable);
	memcpy(data, "*0000000000000000", 17);
	for (size_t i = 17; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7 + i / 251);
		sum = sum * 31 + data[i];
	}
	assert_int_equal(bf_sctp_send(alice->sctp, stream, false, bf_bytes(data, sizeof(data))), 0);
	assert_true(chat_wait(&chat, bob, 1, 5000));
	assert_int_equal(bob->messages[0].len, sizeof(data));
	assert_int_equal(bob->messages[0].sum, sum);
	assert_false(bob->messages[0].is_text);
	chat_close(&chat);
}

static void one_who_does_not_read_holds_up_nobody(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob, *carol;
	static uint8_t data[200000];
	uint16_t stream;
	int64_t until_us = bf_clock_mono_us() + BF_SEC(60); /* sanitizers are slow */
	size_t sent = 0;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 262144);
	carol = chat_join(&chat, CAROL, STAGE_ALL, 262144);
	stream = chat_channel(alice, &reliable);
	chat_send(alice, stream, '*', 0, "awake");
	assert_true(chat_wait(&chat, bob, 1, 3000) && chat_wait(&chat, carol, 1, 3000));
	carol->is_asleep = true;
	memcpy(data, "*0000000000000000", 17);
	while (sent < 30 && bf_clock_mono_us() < until_us) { /* 6 MB: more than may wait for her */
		/* no faster than Bob reads, however slow he is: his queue has a limit, too */
		if (sent < bob->message_count + 4 &&
			bf_sctp_send(alice->sctp, stream, false, bf_bytes(data, sizeof(data))) == 0)
			sent++;
		chat_run(&chat, 2);
	}
	assert_int_equal(sent, 30);
	assert_true(chat_wait(&chat, bob, 31, 60000));
	assert_in_range(
		stage_metric(&chat.stage, "belfry_data_dropped_total{worker=\"0\"} "), 5, 20);
	chat_close(&chat);
}

static void a_flood_of_small_messages_is_slowed_down_and_loses_none(void **state)
{
	static struct chat chat;
	struct chat_client *alice, *bob;
	uint16_t stream;
	int64_t begin_us;

	chat_open(&chat, *(enum bf_io *)*state);
	alice = chat_join(&chat, ALICE, STAGE_ALL, 262144);
	bob = chat_join(&chat, BOB, STAGE_ALL, 262144);
	stream = chat_channel(alice, &reliable);
	begin_us = bf_clock_mono_us();
	for (int i = 0; i < 1500; i++) {
		char body[16];
		snprintf(body, sizeof(body), "%d", i);
		chat_send(alice, stream, '*', 0, body);
		if (i % 32 == 31)
			chat_run(&chat, 1);
	}
	assert_true(chat_wait(&chat, bob, 1500, 10000));
	assert_true(bf_clock_mono_us() - begin_us >
		    BF_MS(900)); /* 1000 a second beyond the first 256 */
	for (int i = 0; i < 1500; i++)
		assert_int_equal(atoi(bob->messages[i].head + 17), i);
	chat_close(&chat);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO;
	const struct CMUnitTest tests[] = {
		ON(uring, a_message_to_all_reaches_everyone_else),
		ON(uring, a_direct_message_reaches_one),
		ON(uring, what_is_malformed_or_for_nobody_is_dropped_and_counted),
		ON(uring, without_the_grant_one_may_listen_but_not_speak),
		ON(uring, a_large_message_arrives_whole),
		ON(uring, one_who_does_not_read_holds_up_nobody),
		ON(uring, a_flood_of_small_messages_is_slowed_down_and_loses_none),
	};

	return cmocka_run_group_tests_name("worker_data", tests, NULL, NULL);
}
