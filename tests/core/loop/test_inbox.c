#include "tests/core/loop/both.h"

#include "core/loop/inbox.h"
#include "core/loop/timer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

struct note {
	struct bf_msg msg;
	uint32_t sender;
	uint32_t number;
};

static struct bf_msg *note_new(uint32_t sender, uint32_t number)
{
	struct note *note = bf_msg_new(1, sizeof(*note));

	assert_non_null(note);
	note->sender = sender;
	note->number = number;
	return &note->msg;
}

#define SENDERS 4

struct receiver {
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	uint32_t next[SENDERS]; /* the number expected of each sender */
	uint32_t disorder_count;
	uint32_t count;
	uint32_t stop_at;
	bool frees_inbox;
};

static void on_note(void *arg, struct bf_msg *msg)
{
	struct receiver *receiver = arg;
	const struct note *note = (const struct note *)(const void *)msg;

	if (note->number != receiver->next[note->sender]++)
		receiver->disorder_count++;
	receiver->count++;
	bf_msg_free(msg);
	if (receiver->frees_inbox)
		bf_inbox_free(receiver->inbox);
	if (receiver->count == receiver->stop_at)
		bf_loop_stop(receiver->loop);
}

static void receiver_init(struct receiver *receiver, void **state, size_t slot_count)
{
	*receiver = (struct receiver){.loop = both_loop(state)};
	assert_int_equal(
		bf_inbox_new(&receiver->inbox, receiver->loop, slot_count, on_note, receiver), 0);
}

static void receiver_deinit(struct receiver *receiver)
{
	bf_inbox_free(receiver->inbox);
	bf_loop_free(receiver->loop);
}

static void messages_arrive_in_order(void **state)
{
	struct receiver receiver;

	receiver_init(&receiver, state, 8);
	for (uint32_t round = 0; round < 5; round++) { /* past the end of the slots */
		for (uint32_t i = 0; i < 7; i++)
			assert_int_equal(
				bf_inbox_post(receiver.inbox, note_new(0, round * 7 + i)), 0);
		assert_int_equal(bf_loop_turn(receiver.loop, -1), 0); /* does not wait */
		assert_int_equal(receiver.count, round * 7 + 7);
	}
	assert_int_equal(receiver.disorder_count, 0);
	receiver_deinit(&receiver);
}

static void a_full_inbox_refuses_and_the_poster_keeps_the_message(void **state)
{
	struct receiver receiver;
	struct bf_msg *late;

	receiver_init(&receiver, state, 5); /* rounded up to 8 */
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(bf_inbox_post(receiver.inbox, note_new(0, i)), 0);
	late = note_new(0, 8);
	assert_int_equal(bf_inbox_post(receiver.inbox, late), -ENOBUFS);
	assert_int_equal(bf_loop_turn(receiver.loop, 0), 0);
	assert_int_equal(receiver.count, 8);
	assert_int_equal(bf_inbox_post(receiver.inbox, late), 0);
	assert_int_equal(bf_loop_turn(receiver.loop, 0), 0);
	assert_int_equal(receiver.count, 9);
	assert_int_equal(receiver.disorder_count, 0);
	receiver_deinit(&receiver);
}

static void a_turn_takes_one_batch_and_goes_round_again(void **state)
{
	struct receiver receiver;

	receiver_init(&receiver, state, 1024);
	for (uint32_t i = 0; i < BF_INBOX_BATCH + 1; i++)
		assert_int_equal(bf_inbox_post(receiver.inbox, note_new(0, i)), 0);
	assert_int_equal(bf_loop_turn(receiver.loop, -1), 0);
	assert_int_equal(receiver.count, BF_INBOX_BATCH);
	assert_int_equal(bf_loop_turn(receiver.loop, -1), 0);
	assert_int_equal(receiver.count, BF_INBOX_BATCH + 1);
	receiver_deinit(&receiver);
}

static void an_inbox_frees_what_is_queued(void **state)
{
	struct receiver receiver;

	receiver_init(&receiver, state, 8);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(bf_inbox_post(receiver.inbox, note_new(0, i)), 0);
	receiver_deinit(&receiver); /* a leak shows under AddressSanitizer */
	bf_inbox_free(NULL);
}

static void an_inbox_may_be_freed_by_its_own_callback(void **state)
{
	struct receiver receiver, other;

	receiver_init(&receiver, state, 8);
	other = (struct receiver){.loop = receiver.loop};
	assert_int_equal(bf_inbox_new(&other.inbox, other.loop, 8, on_note, &other), 0);
	receiver.frees_inbox = true;
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(bf_inbox_post(receiver.inbox, note_new(0, i)), 0);
	assert_int_equal(bf_inbox_post(other.inbox, note_new(0, 0)), 0);
	assert_int_equal(bf_loop_turn(receiver.loop, 0), 0);
	assert_int_equal(receiver.count, 1);
	assert_int_equal(other.count, 1);
	bf_inbox_free(other.inbox);
	bf_loop_free(receiver.loop);
}

static void a_size_out_of_range_is_refused(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_inbox *inbox;

	assert_int_equal(bf_inbox_new(&inbox, loop, 0, on_note, NULL), -EINVAL);
	assert_int_equal(bf_inbox_new(&inbox, loop, SIZE_MAX, on_note, NULL), -EINVAL);
	bf_loop_free(loop);
}

/* --- threads --- */

#define NOTES_EACH 20000

struct sender {
	struct bf_inbox *inbox;
	uint32_t id;
};

static void *send_notes(void *arg)
{
	const struct sender *sender = arg;

	for (uint32_t i = 0; i < NOTES_EACH; i++) {
		struct bf_msg *msg = note_new(sender->id, i);

		while (bf_inbox_post(sender->inbox, msg))
			sched_yield();
	}
	return NULL;
}

/* The loop sleeps without end whenever the inbox is empty, so one lost wake-up hangs the test. */
static void each_threads_messages_keep_their_order(void **state)
{
	struct receiver receiver;
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];

	receiver_init(&receiver, state, 64);
	receiver.stop_at = SENDERS * NOTES_EACH;
	for (uint32_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){.inbox = receiver.inbox, .id = i};
		assert_int_equal(pthread_create(&threads[i], NULL, send_notes, &senders[i]), 0);
	}
	assert_int_equal(bf_loop_run(receiver.loop), 0);
	for (uint32_t i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(receiver.count, SENDERS * NOTES_EACH);
	assert_int_equal(receiver.disorder_count, 0);
	receiver_deinit(&receiver);
}

/* Two loops that throw one message to each other: each throw meets a loop asleep. */
#define THROWS 3000

struct player {
	struct bf_loop *loop;
	struct bf_inbox *inbox;
	struct player *other;
	uint32_t count;
};

static void on_ball(void *arg, struct bf_msg *msg)
{
	struct player *player = arg;
	uint32_t number = ((struct note *)(void *)msg)->number++;

	player->count++;
	if (number <= THROWS) /* THROWS ends one player, the next throw the other */
		assert_int_equal(bf_inbox_post(player->other->inbox, msg), 0);
	else
		bf_msg_free(msg);
	if (number >= THROWS)
		bf_loop_stop(player->loop);
}

static void *run_thread(void *arg)
{
	return (void *)(intptr_t)bf_loop_run(arg);
}

static void play(struct bf_loop *here, struct bf_loop *there)
{
	struct player a = {.loop = here}, b = {.loop = there, .other = &a};
	pthread_t thread;

	a.other = &b;
	assert_int_equal(bf_inbox_new(&a.inbox, here, 4, on_ball, &a), 0);
	assert_int_equal(bf_inbox_new(&b.inbox, there, 4, on_ball, &b), 0);
	assert_int_equal(bf_inbox_post(b.inbox, note_new(0, 0)), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_thread, there), 0);
	assert_int_equal(bf_loop_run(here), 0);
	pthread_join(thread, NULL);
	assert_int_equal(a.count + b.count, THROWS + 2);
	bf_inbox_free(a.inbox);
	bf_inbox_free(b.inbox);
	bf_loop_free(here);
	bf_loop_free(there);
}

static void loops_of_one_kind_wake_each_other(void **state)
{
	struct bf_loop *here = both_loop(state), *there = both_loop(state);

	play(here, there);
}

static void loops_of_both_kinds_wake_each_other(void **state)
{
	struct bf_loop *here = both_loop(state), *there;

	assert_int_equal(bf_loop_new(&there, BF_IO_EPOLL), 0);
	play(here, there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(messages_arrive_in_order),
		ON_BOTH(a_full_inbox_refuses_and_the_poster_keeps_the_message),
		ON_BOTH(a_turn_takes_one_batch_and_goes_round_again),
		ON_BOTH(an_inbox_frees_what_is_queued),
		ON_BOTH(an_inbox_may_be_freed_by_its_own_callback),
		ON_BOTH(a_size_out_of_range_is_refused),
		ON_BOTH(each_threads_messages_keep_their_order),
		ON_BOTH(loops_of_one_kind_wake_each_other),
		ON_BOTH(loops_of_both_kinds_wake_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
