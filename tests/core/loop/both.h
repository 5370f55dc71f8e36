/* tests/core/loop/both.h - runs every test of core/loop on both backends.
 *
 * A test's state is the backend's enum bf_io. Where the kernel refuses io_uring, those tests say so and are
 * reported as skipped.
 */
#ifndef BF_TESTS_CORE_LOOP_BOTH_H
#define BF_TESTS_CORE_LOOP_BOTH_H

#include "core/base/clock.h"
#include "core/loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static enum bf_io both_epoll = BF_IO_EPOLL, both_uring = BF_IO_URING;

#define ON_BOTH(test)                                                                       \
	{.name = #test " (epoll)", .test_func = (test), .initial_state = &both_epoll},      \
	{                                                                                   \
		.name = #test " (uring)", .test_func = (test), .initial_state = &both_uring \
	}

static inline struct bf_loop *both_loop(void **state)
{
	enum bf_io io = *(enum bf_io *)*state;
	struct bf_loop *loop = NULL;
	int err = bf_loop_new(&loop, io);

	if (io == BF_IO_URING && err) {
		print_message("io_uring is refused here: %s\n", strerror(-err));
		skip();
	}
	assert_int_equal(err, 0);
	return loop;
}

/* Turn until `cond` holds; ten seconds without it fail the test. */
#define TURN_UNTIL(loop, cond)                                                \
	do {                                                                  \
		int64_t turn_until_us = bf_clock_mono_us() + BF_SEC(10);      \
		while (!(cond)) {                                             \
			assert_true(bf_clock_mono_us() < turn_until_us);      \
			assert_int_equal(bf_loop_turn((loop), BF_MS(10)), 0); \
		}                                                             \
	} while (0)

#endif
