#include "core/loop/workers.h"

#include "core/base/list.h"
#include "core/loop/inbox.h"
#include "core/loop/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 64

struct bf_workers {
	/* owned */
	pthread_mutex_t lock;
	pthread_cond_t came, went; /* a job; one that was worked on */
	struct bf_thread *threads[THREADS_MAX];
	/* state */
	unsigned thread_count, queue_max;
	unsigned waiting_count;
	struct bf_list waiting;
	bool is_closing;
};

struct bf_workers_door {
	/* given */
	struct bf_workers *workers;
	void (*on_done)(void *arg, struct bf_msg *msg);
	void *arg;
	/* owned */
	struct bf_inbox *inbox;
	/* state, the loop's */
	unsigned pending_count,
		pending_max; /* that have not come back: the inbox has room for all */
	/* state, under the workers' lock */
	unsigned out_count; /* that are worked on */
	bool is_closed;
};

struct job {
	struct bf_list node;
	struct bf_workers_door *door;
	bf_workers_work *work;
	struct bf_msg *msg;
};

/* ---- the threads ---- */

/* The lock is held before and after. */
static void do_one(struct bf_workers *workers, struct job *job)
{
	struct bf_workers_door *door = job->door;
	bool is_wanted;

	door->out_count++;
	pthread_mutex_unlock(&workers->lock);
	job->work(job->msg);
	pthread_mutex_lock(&workers->lock);
	is_wanted = !door->is_closed;
	if (!is_wanted || bf_inbox_post(door->inbox, job->msg))
		bf_msg_free(job->msg);
	door->out_count--;
	pthread_cond_broadcast(&workers->went);
	free(job);
}

static int start(void *arg)
{
	(void)arg;
	return 0;
}

static void run(void *arg)
{
	struct bf_workers *workers = arg;

	bf_thread_stand_back();
	pthread_mutex_lock(&workers->lock);
	while (!workers->is_closing) {
		struct bf_list *node = bf_list_first(&workers->waiting);

		if (!node) {
			pthread_cond_wait(&workers->came, &workers->lock);
			continue;
		}
		bf_list_remove(node);
		workers->waiting_count--;
		do_one(workers, BF_CONTAINER(node, struct job, node));
	}
	pthread_mutex_unlock(&workers->lock);
}

/* ---- the pool ---- */

/* Of one door, or of all. The lock is held. */
static void drop_waiting(struct bf_workers *workers, const struct bf_workers_door *door)
{
	BF_LIST_EACH(job, &workers->waiting, struct job, node) {
		if (door && job->door != door)
			continue;
		bf_list_remove(&job->node);
		workers->waiting_count--;
		bf_msg_free(job->msg);
		free(job);
	}
}

int bf_workers_new(struct bf_workers **out, unsigned thread_count, unsigned queue_max)
{
	struct bf_workers *workers = calloc(1, sizeof(*workers));
	int err = 0;

	if (!workers)
		return -ENOMEM;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->came, NULL);
	pthread_cond_init(&workers->went, NULL);
	bf_list_init(&workers->waiting);
	workers->queue_max = queue_max;
	for (unsigned i = 0; i < thread_count && i < THREADS_MAX && !err; i++) {
		char name[16];

		snprintf(name, sizeof(name), "work-%u", i);
		err = bf_thread_start(&workers->threads[i], name, start, run, workers);
		workers->thread_count += !err;
	}
	if (err) {
		bf_workers_free(workers);
		return err;
	}
	*out = workers;
	return 0;
}

void bf_workers_free(struct bf_workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->is_closing = true;
	drop_waiting(workers, NULL);
	pthread_cond_broadcast(&workers->came);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->thread_count; i++)
		bf_thread_join(workers->threads[i]);
	pthread_cond_destroy(&workers->went);
	pthread_cond_destroy(&workers->came);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}

/* ---- doors ---- */

static void on_message(void *arg, struct bf_msg *msg)
{
	struct bf_workers_door *door = arg;

	door->pending_count--;
	door->on_done(door->arg, msg);
}

int bf_workers_door_new(struct bf_workers_door **out, struct bf_workers *workers,
	struct bf_loop *loop, void (*on_done)(void *arg, struct bf_msg *msg), void *arg)
{
	struct bf_workers_door *door = calloc(1, sizeof(*door));
	int err;

	if (!door)
		return -ENOMEM;
	door->workers = workers;
	door->on_done = on_done;
	door->arg = arg;
	door->pending_max = workers->queue_max + workers->thread_count;
	err = bf_inbox_new(&door->inbox, loop, door->pending_max, on_message, door);
	if (err) {
		free(door);
		return err;
	}
	*out = door;
	return 0;
}

void bf_workers_door_close(struct bf_workers_door *door)
{
	struct bf_workers *workers;

	if (!door)
		return;
	workers = door->workers;
	pthread_mutex_lock(&workers->lock);
	door->is_closed = true;
	drop_waiting(workers, door);
	while (door->out_count > 0)
		pthread_cond_wait(&workers->went, &workers->lock);
	pthread_mutex_unlock(&workers->lock);
	bf_inbox_free(door->inbox);
	free(door);
}

int bf_workers_run(struct bf_workers_door *door, bf_workers_work *work, struct bf_msg *msg)
{
	struct bf_workers *workers = door->workers;
	struct job *job = door->pending_count < door->pending_max ? calloc(1, sizeof(*job)) : NULL;
	int err = 0;

	if (!job)
		return -ENOBUFS;
	*job = (struct job){.door = door, .work = work, .msg = msg};
	pthread_mutex_lock(&workers->lock);
	if (workers->waiting_count == workers->queue_max) {
		err = -ENOBUFS;
	} else {
		bf_list_append(&workers->waiting, &job->node);
		workers->waiting_count++;
		pthread_cond_signal(&workers->came);
	}
	pthread_mutex_unlock(&workers->lock);
	if (err)
		free(job);
	else
		door->pending_count++;
	return err;
}
