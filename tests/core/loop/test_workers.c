#include "core/base/clock.h"
#include "core/loop/workers.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct sum {
	struct bf_msg head;
	int a, b, result;
	pthread_t worker;
};

struct fixture {
	struct bf_loop *loop;
	struct bf_workers *workers;
	struct bf_workers_door *door;
	int done_count, sum;
	pthread_t last_worker;
};

/* Held by a test, so that workers stand still. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_int working;

static void add(struct bf_msg *msg)
{
	struct sum *sum = (struct sum *)msg;

	atomic_fetch_add(&working, 1);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	sum->result = sum->a + sum->b;
	sum->worker = pthread_self();
	atomic_fetch_sub(&working, 1);
}

static void on_done(void *arg, struct bf_msg *msg)
{
	struct fixture *fixture = arg;
	struct sum *sum = (struct sum *)msg;

	fixture->done_count++;
	fixture->sum += sum->result;
	fixture->last_worker = sum->worker;
	bf_msg_free(msg);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_int_equal(bf_loop_new(&fixture->loop, BF_IO_EPOLL), 0);
	assert_int_equal(bf_workers_new(&fixture->workers, 2, 8), 0);
	assert_int_equal(bf_workers_door_new(
				 &fixture->door, fixture->workers, fixture->loop, on_done, fixture),
		0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	bf_workers_door_close(fixture->door);
	bf_workers_free(fixture->workers);
	bf_loop_free(fixture->loop);
	free(fixture);
	return 0;
}

static int run_sum(struct bf_workers_door *door, int a, int b)
{
	struct sum *sum = bf_msg_new(1, sizeof(*sum));
	int err;

	sum->a = a;
	sum->b = b;
	err = bf_workers_run(door, add, &sum->head);
	if (err)
		bf_msg_free(&sum->head);
	return err;
}

static void wait_for(struct fixture *fixture, int count)
{
	int64_t until_us = bf_clock_mono_us() + BF_SEC(20);

	while (fixture->done_count < count) {
		assert_true(bf_clock_mono_us() < until_us);
		assert_int_equal(bf_loop_turn(fixture->loop, BF_MS(10)), 0);
	}
}

static void wait_for_working(int count)
{
	int64_t until_us = bf_clock_mono_us() + BF_SEC(20);

	while (atomic_load(&working) != count)
		assert_true(bf_clock_mono_us() < until_us);
}

static void what_is_done_elsewhere_comes_back_to_the_loop(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(run_sum(fixture->door, i, 10), 0);
	wait_for(fixture, 5);
	assert_int_equal(fixture->sum, 60);
	assert_false(pthread_equal(fixture->last_worker, pthread_self()));
}

static void as_many_are_done_at_once_as_there_are_threads_and_the_rest_waits_or_is_refused(
	void **state)
{
	struct fixture *fixture = *state;

	pthread_mutex_lock(&gate);
	assert_int_equal(run_sum(fixture->door, 1, 0), 0);
	assert_int_equal(run_sum(fixture->door, 1, 0), 0);
	wait_for_working(2);
	for (int i = 0; i < 8; i++)
		assert_int_equal(run_sum(fixture->door, 1, 0), 0);
	assert_int_equal(run_sum(fixture->door, 1, 0), -ENOBUFS);
	assert_int_equal(atomic_load(&working), 2);
	pthread_mutex_unlock(&gate);
	wait_for(fixture, 10);
	assert_int_equal(fixture->sum, 10);
}

static void a_door_that_closes_waits_for_what_is_worked_on_and_drops_the_rest(void **state)
{
	struct fixture *fixture = *state;
	struct bf_workers_door *other;

	assert_int_equal(
		bf_workers_door_new(&other, fixture->workers, fixture->loop, on_done, fixture), 0);
	for (int i = 0; i < 6; i++)
		assert_int_equal(run_sum(other, 1, 0), 0);
	bf_workers_door_close(other);
	assert_int_equal(atomic_load(&working), 0);
	assert_int_equal(run_sum(fixture->door, 5, 0), 0);
	wait_for(fixture, 1);
	assert_int_equal(fixture->sum, 5); /* nothing of the other's */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_elsewhere_comes_back_to_the_loop),
		TEST(as_many_are_done_at_once_as_there_are_threads_and_the_rest_waits_or_is_refused),
		TEST(a_door_that_closes_waits_for_what_is_worked_on_and_drops_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
