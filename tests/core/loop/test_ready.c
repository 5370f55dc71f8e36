#include "tests/core/loop/both.h"

#include "core/loop/ready.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
	struct bf_loop *loop;
	struct bf_ready *ready;
	int ours, theirs;
	int read_count, write_count;
	bool closes, wants_again;
};

static void on_readable(void *arg)
{
	struct ends *ends = arg;

	ends->read_count++;
	if (ends->wants_again)
		bf_ready_want(ends->ready, true, false);
	if (ends->closes)
		bf_ready_close(ends->ready);
}

static void on_writable(void *arg)
{
	struct ends *ends = arg;

	ends->write_count++;
}

static void open_ends(struct ends *ends, void **state)
{
	int fds[2];

	*ends = (struct ends){.loop = both_loop(state)};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ends->ours = fds[0];
	ends->theirs = fds[1];
	assert_int_equal(
		bf_ready_new(&ends->ready, ends->loop, ends->ours, on_readable, on_writable, ends),
		0);
}

static void turn_a_little(struct ends *ends)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(ends->loop, 1000), 0);
}

static void close_ends(struct ends *ends)
{
	turn_a_little(ends);
	bf_loop_free(ends->loop);
	if (ends->ours >= 0)
		close(ends->ours);
	if (ends->theirs >= 0)
		close(ends->theirs);
}

static void send_byte(struct ends *ends)
{
	assert_int_equal(write(ends->theirs, "x", 1), 1);
}

static void what_is_wanted_is_told_once(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	send_byte(&ends);
	turn_a_little(&ends);
	assert_int_equal(ends.read_count + ends.write_count, 0); /* nothing was wanted */
	bf_ready_want(ends.ready, true, false);
	TURN_UNTIL(ends.loop, ends.read_count == 1);
	turn_a_little(&ends); /* the byte is still there, but the wish is not */
	assert_int_equal(ends.read_count, 1);
	bf_ready_want(ends.ready, true, true);
	TURN_UNTIL(ends.loop, ends.read_count == 2 && ends.write_count == 1);
	turn_a_little(&ends);
	assert_int_equal(ends.write_count, 1);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

static void it_may_be_wanted_again_at_once(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	ends.wants_again = true;
	send_byte(&ends);
	bf_ready_want(ends.ready, true, false);
	TURN_UNTIL(ends.loop, ends.read_count >= 10);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

static void a_wish_that_is_taken_back_is_not_told(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	bf_ready_want(ends.ready, true, false);
	turn_a_little(&ends);
	bf_ready_want(ends.ready, false, false);
	send_byte(&ends);
	turn_a_little(&ends);
	assert_int_equal(ends.read_count, 0);
	bf_ready_want(ends.ready, true, false); /* and back again */
	TURN_UNTIL(ends.loop, ends.read_count == 1);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

static void a_full_socket_is_writable_when_there_is_room(void **state)
{
	struct ends ends;
	char bytes[4096] = {0};

	open_ends(&ends, state);
	while (write(ends.ours, bytes, sizeof(bytes)) > 0)
		;
	bf_ready_want(ends.ready, false, true);
	turn_a_little(&ends);
	assert_int_equal(ends.write_count, 0);
	while (read(ends.theirs, bytes, sizeof(bytes)) > 0)
		;
	TURN_UNTIL(ends.loop, ends.write_count == 1);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

static void the_end_makes_it_readable(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	bf_ready_want(ends.ready, true, false);
	turn_a_little(&ends);
	close(ends.theirs);
	ends.theirs = -1;
	TURN_UNTIL(ends.loop, ends.read_count == 1);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

/* A library closes its descriptor first, and the number may be another one's at once. */
static void the_owner_may_close_its_descriptor_first(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	bf_ready_want(ends.ready, true, true);
	turn_a_little(&ends);
	close(ends.ours);
	ends.ours = dup(ends.theirs);
	send_byte(&ends);
	bf_ready_want(ends.ready, true, false);
	TURN_UNTIL(ends.loop, ends.read_count == 1);
	bf_ready_close(ends.ready);
	close_ends(&ends);
}

static void it_may_be_closed_from_within_its_call(void **state)
{
	struct ends ends;

	open_ends(&ends, state);
	ends.closes = true;
	send_byte(&ends);
	bf_ready_want(ends.ready, true, true);
	TURN_UNTIL(ends.loop, ends.read_count == 1);
	send_byte(&ends);
	close_ends(&ends);
	assert_int_equal(ends.read_count, 1);
}

static void what_is_no_descriptor_is_refused(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_ready *ready;

	assert_int_equal(bf_ready_new(&ready, loop, -1, on_readable, on_writable, NULL), -EBADF);
	bf_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(what_is_wanted_is_told_once),
		ON_BOTH(it_may_be_wanted_again_at_once),
		ON_BOTH(a_wish_that_is_taken_back_is_not_told),
		ON_BOTH(a_full_socket_is_writable_when_there_is_room),
		ON_BOTH(the_end_makes_it_readable),
		ON_BOTH(the_owner_may_close_its_descriptor_first),
		ON_BOTH(it_may_be_closed_from_within_its_call),
		ON_BOTH(what_is_no_descriptor_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
