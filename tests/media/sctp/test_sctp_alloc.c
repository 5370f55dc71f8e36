/* Memory that runs out: each allocation of ours fails once. usrsctp's own are not touched. */
#include "media/sctp/sctp_priv.h"
#include "tests/media/sctp/link.h"

#include <errno.h>
#include <stdlib.h>

/* How many more succeed; negative: all. */
static int left = -1;

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return fails() ? NULL : __real_realloc(block, size);
}

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

static void a_stack_and_its_associations_are_made_or_not(void **state)
{
	struct bf_sctp_stack *stack;
	struct bf_sctp *sctp;
	int err = -ENOMEM, failures = 0;

	(void)state;
	for (int n = 0; err == -ENOMEM; n++, failures++) {
		left = n;
		err = bf_sctp_stack_new(&stack, 3, on_wake, NULL);
	}
	left = -1;
	assert_int_equal(err, 0);
	assert_int_equal(
		failures, 1 + 1 + 1 + 3); /* stack, queues, three rings; and the good one */
	err = -ENOMEM;
	failures = 0;
	for (int n = 0; err == -ENOMEM; n++, failures++) {
		left = n;
		err = bf_sctp_new(&sctp, stack, 2, 1, 5000, 5000, true, 0);
	}
	left = -1;
	assert_int_equal(err, 0);
	assert_int_equal(failures, 3); /* the association, its slot; and the good one */
	bf_sctp_free(sctp);
	bf_sctp_stack_free(stack);
}

static void channels_and_messages_without_memory_are_refused_and_the_rest_lives(void **state)
{
	static const struct bf_sctp_channel props = {.label = {(const uint8_t *)"x", 1}};
	static const uint8_t block[200000];
	struct pair *pair = malloc(sizeof(*pair));
	const struct bf_sctp_channel *channel;

	(void)state;
	assert_non_null(pair);
	pair_open(pair);
	pair_connect(pair, 0);
	left = 0;
	assert_int_equal(bf_sctp_open(pair->ends[0].sctp, &props, &channel), -ENOMEM);
	/* the peer's OPEN: the first allocation is the opener's own, the second the other end's */
	left = 1;
	assert_int_equal(bf_sctp_open(pair->ends[0].sctp, &props, &channel), 0);
	pair_run(pair, 100);
	assert_int_equal(left, -1);
	assert_int_equal(bf_sctp_counters(pair->ends[1].sctp)->refused_channel, 1);
	assert_int_equal(pair_count(pair, 1, BF_SCTP_OPEN), 0);

	channel = pair_channel(pair, 0, &props);
	left = 1; /* the buffer grows once, and then no more */
	assert_int_equal(bf_sctp_send(pair->ends[0].sctp, channel->stream, false,
				 bf_bytes(block, sizeof(block))),
		0);
	pair_run(pair, 2000);
	left = -1;
	assert_int_equal(pair_count(pair, 1, BF_SCTP_MESSAGE), 0);
	assert_int_equal(bf_sctp_counters(pair->ends[1].sctp)->refused_oversize, 1);
	assert_int_equal(bf_sctp_send(pair->ends[0].sctp, channel->stream, false,
				 bf_bytes(block, sizeof(block))),
		0);
	pair_await(pair, 1, BF_SCTP_MESSAGE, 1, 5000);
	assert_int_equal(pair_nth(pair, 1, BF_SCTP_MESSAGE, 0)->len, sizeof(block));
	pair_close(pair);
	free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stack_and_its_associations_are_made_or_not),
		cmocka_unit_test(
			channels_and_messages_without_memory_are_refused_and_the_rest_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
