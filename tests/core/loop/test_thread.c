#include "core/loop/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
	unsigned idx, count;
	int start_result;
	int pinned;
	cpu_set_t before, after;
	int run_count;
};

static int start(void *arg)
{
	struct probe *probe = arg;

	assert_int_equal(sched_getaffinity(0, sizeof(probe->before), &probe->before), 0);
	probe->pinned = bf_thread_pin(probe->idx, probe->count);
	assert_int_equal(sched_getaffinity(0, sizeof(probe->after), &probe->after), 0);
	return probe->start_result;
}

static void run(void *arg)
{
	((struct probe *)arg)->run_count++;
}

static void go(struct probe *probe)
{
	struct bf_thread *thread;
	int err = bf_thread_start(&thread, "probe", start, run, probe);

	assert_int_equal(err, probe->start_result);
	if (!err)
		bf_thread_join(thread);
}

static void a_thread_runs_when_it_could_start_and_not_otherwise(void **state)
{
	struct probe good = {.count = 1}, bad = {.count = 1, .start_result = -EADDRINUSE};

	(void)state;
	go(&good);
	go(&bad);
	assert_int_equal(good.run_count, 1);
	assert_int_equal(bad.run_count, 0);
}

static void note_standing(void *arg)
{
	int *standing = arg;

	bf_thread_stand_back();
	standing[0] = sched_getscheduler(0);
	standing[1] = getpriority(PRIO_PROCESS, 0);
}

static int start_well(void *arg)
{
	(void)arg;
	return 0;
}

static void one_that_stands_back_does_so_alone(void **state)
{
	int standing[2] = {-1, 0}, own_nice = getpriority(PRIO_PROCESS, 0);
	struct bf_thread *thread;

	(void)state;
	assert_int_equal(bf_thread_start(&thread, "back", start_well, note_standing, standing), 0);
	bf_thread_join(thread);
	assert_int_equal(standing[0], SCHED_BATCH);
	assert_true(standing[1] > own_nice || own_nice == 19);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own_nice);
	assert_int_not_equal(sched_getscheduler(0), SCHED_BATCH);
}

static void each_of_as_many_threads_as_processors_gets_its_own(void **state)
{
	struct probe probe = {.count = 1};
	unsigned count;
	cpu_set_t seen;

	(void)state;
	go(&probe);
	count = (unsigned)CPU_COUNT(&probe.before);
	CPU_ZERO(&seen);
	for (unsigned i = 0; i < count; i++) {
		probe = (struct probe){.idx = i, .count = count};
		go(&probe);
		assert_true(probe.pinned >= 0);
		assert_int_equal(CPU_COUNT(&probe.after), 1);
		assert_true(CPU_ISSET((unsigned)probe.pinned, &probe.after));
		assert_true(CPU_ISSET((unsigned)probe.pinned, &probe.before)); /* one it may use */
		assert_false(CPU_ISSET((unsigned)probe.pinned, &seen));
		CPU_SET((unsigned)probe.pinned, &seen);
	}
}

static void more_threads_than_processors_stay_where_they_may(void **state)
{
	struct probe probe = {.count = CPU_SETSIZE + 1};

	(void)state;
	go(&probe);
	assert_int_equal(probe.pinned, -ENOSPC);
	assert_true(CPU_EQUAL(&probe.before, &probe.after));
}

/* struct sched_attr of the calling thread, whose field sched_runtime is the length of its pieces of time, in ns. */
static void note_slice(void *arg)
{
	uint64_t attributes[6] = {sizeof(attributes)};

	bf_thread_be_prompt();
	assert_int_equal(
		syscall(SYS_sched_getattr, 0, attributes, (unsigned)sizeof(attributes), 0), 0);
	*(uint64_t *)arg = attributes[3];
}

static void one_that_is_to_be_prompt_gets_its_time_in_small_pieces(void **state)
{
	struct bf_thread *thread;
	struct utsname kernel;
	unsigned major = 0, minor = 0;
	uint64_t slice_ns = 0;

	(void)state;
	assert_int_equal(uname(&kernel), 0);
	assert_int_equal(sscanf(kernel.release, "%u.%u", &major, &minor), 2);
	if (major < 6 || (major == 6 && minor < 12)) /* they take no notice of it */
		skip();
	assert_int_equal(bf_thread_start(&thread, "prompt", start_well, note_slice, &slice_ns), 0);
	bf_thread_join(thread);
	assert_int_equal(slice_ns, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_runs_when_it_could_start_and_not_otherwise),
		cmocka_unit_test(one_that_stands_back_does_so_alone),
		cmocka_unit_test(one_that_is_to_be_prompt_gets_its_time_in_small_pieces),
		cmocka_unit_test(each_of_as_many_threads_as_processors_gets_its_own),
		cmocka_unit_test(more_threads_than_processors_stay_where_they_may),
	};

	return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
