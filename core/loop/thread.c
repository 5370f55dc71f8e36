#include "core/loop/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS	100000 /* the shortest there is */
#define STOOD_BACK_NICE 5      /* steps: a third of the share of one that is not nice */

/* As the kernel has it (sched_setattr(2)), up to what all versions know: <linux/sched/types.h> and <sched.h> clash. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* ns */
};

struct bf_thread {
	pthread_t id;
	sem_t started;
	int result;
	int (*start)(void *arg);
	void (*run)(void *arg);
	void *arg;
};

static void *thread_main(void *arg)
{
	struct bf_thread *thread = arg;
	int result = thread->start(thread->arg);

	thread->result = result;
	sem_post(&thread->started);
	if (result == 0)
		thread->run(thread->arg);
	return NULL;
}

/* Signals are for the main thread: the others start with all of them blocked. */
static int create(struct bf_thread *thread)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int bf_thread_start(struct bf_thread **out, const char *name, int (*start)(void *arg),
	void (*run)(void *arg), void *arg)
{
	struct bf_thread *thread = calloc(1, sizeof(*thread));
	int err;

	if (!thread)
		return -ENOMEM;
	thread->start = start;
	thread->run = run;
	thread->arg = arg;
	sem_init(&thread->started, 0, 0);
	err = create(thread);
	if (!err) {
		pthread_setname_np(thread->id, name);
		while (sem_wait(&thread->started) && errno == EINTR)
			;
		err = thread->result;
		if (err)
			pthread_join(thread->id, NULL);
	}
	if (err) {
		sem_destroy(&thread->started);
		free(thread);
		return err;
	}
	*out = thread;
	return 0;
}

/* The `idx`-th processor of the set. */
static unsigned nth(const cpu_set_t *set, unsigned idx)
{
	unsigned cpu = 0;

	while (!CPU_ISSET(cpu, set) || idx-- > 0)
		cpu++;
	return cpu;
}

int bf_thread_pin(unsigned idx, unsigned count)
{
	cpu_set_t set;
	unsigned cpu;
	int err;

	assert(idx < count);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	if (count > (unsigned)CPU_COUNT(&set))
		return -ENOSPC;
	cpu = nth(&set, idx);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	err = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	return err ? -err : (int)cpu;
}

void bf_thread_stand_back(void)
{
	const struct sched_param param = {.sched_priority = 0};

	/* Linux: of the calling thread alone. Where either is forbidden, nothing is lost but the courtesy. */
	(void)sched_setscheduler(0, SCHED_BATCH, &param);
	if (nice(STOOD_BACK_NICE) == -1) /* which may also be the new value */
		return;
}

void bf_thread_be_prompt(void)
{
	struct attributes attributes = {
		.size = sizeof(attributes), .policy = SCHED_OTHER, .runtime = SLICE_NS};

	/* Kernels before 6.12 take no notice of it. */
	(void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void bf_thread_join(struct bf_thread *thread)
{
	pthread_join(thread->id, NULL);
	sem_destroy(&thread->started);
	free(thread);
}
