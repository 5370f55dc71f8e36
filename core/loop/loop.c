#include "core/loop/loop.h"

#include "core/base/clock.h"
#include "core/loop/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How long bf_loop_free waits for the kernel to let go of buffers. Cancelling takes microseconds. */
#define FREE_WAIT_US (1000 * 1000)
#define FREE_STEP_US (10 * 1000)

/* Shorter sleeps cost more than they bring together. */
#define REST_MIN_US 50

/* The loop that this thread is turning, so that bf_loop_rouse, which is not told who calls, can wake the
 * receiver through the poster's own ring instead of by a system call. The only state outside a struct. */
static _Thread_local struct bf_loop *turning_loop;

static int open_io(struct bf_loop *loop, const struct bf_io_ops *ops)
{
	loop->ops = ops;
	return ops->open(loop);
}

static int open_any_io(struct bf_loop *loop, enum bf_io io)
{
	switch (io) {
	case BF_IO_URING:
		return open_io(loop, &bf_io_uring);
	case BF_IO_EPOLL:
		return open_io(loop, &bf_io_epoll);
	case BF_IO_AUTO:
		break;
	}
	loop->refusal = open_io(loop, &bf_io_uring);
	return loop->refusal ? open_io(loop, &bf_io_epoll) : 0;
}

int bf_loop_new(struct bf_loop **out, enum bf_io io)
{
	struct bf_loop *loop;
	int err;

	assert(out);
	loop = calloc(1, sizeof(*loop));
	if (!loop)
		return -ENOMEM;
	bf_list_init(&loop->hooks);
	bf_list_init(&loop->inboxes);
	bf_list_init(&loop->pipes);
	bf_list_init(&loop->watches);
	bf_list_init(&loop->changed);
	bf_list_init(&loop->released);
	atomic_init(&loop->is_asleep, false);
	loop->now_us = bf_clock_mono_us();
	loop->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->event_fd < 0) {
		err = -errno;
		goto fail_loop;
	}
	err = open_any_io(loop, io);
	if (err)
		goto fail_event_fd;
	*out = loop;
	return 0;

fail_event_fd:
	close(loop->event_fd);
fail_loop:
	free(loop);
	return err;
}

size_t bf_loop_bytes(enum bf_io io)
{
	size_t uring = sizeof(struct bf_loop) + bf_io_uring.bytes();
	size_t epoll = sizeof(struct bf_loop) + bf_io_epoll.bytes();

	switch (io) {
	case BF_IO_URING:
		return uring;
	case BF_IO_EPOLL:
		return epoll;
	case BF_IO_AUTO:
		break;
	}
	return uring > epoll ? uring : epoll;
}

enum bf_io bf_loop_io(const struct bf_loop *loop)
{
	return loop->ops->io;
}

int bf_loop_io_refusal(const struct bf_loop *loop)
{
	return loop->refusal;
}

const char *bf_io_name(enum bf_io io)
{
	switch (io) {
	case BF_IO_AUTO:
		return "auto";
	case BF_IO_URING:
		return "uring";
	case BF_IO_EPOLL:
		return "epoll";
	}
	return "?";
}

int64_t bf_loop_now_us(const struct bf_loop *loop)
{
	return loop->now_us;
}

const struct bf_loop_counters *bf_loop_counters(const struct bf_loop *loop)
{
	return &loop->counters;
}

void bf_loop_stop(struct bf_loop *loop)
{
	loop->is_stopping = true;
}

/* --- hooks --- */

void bf_loop_hook_init(struct bf_loop_hook *hook, void (*on_turn_end)(void *arg), void *arg)
{
	hook->on_turn_end = on_turn_end;
	hook->arg = arg;
	bf_list_init(&hook->node);
}

void bf_loop_hook_request(struct bf_loop *loop, struct bf_loop_hook *hook)
{
	if (bf_list_is_empty(&hook->node))
		bf_list_append(&loop->hooks, &hook->node);
}

void bf_loop_hook_cancel(struct bf_loop_hook *hook)
{
	bf_list_remove(&hook->node);
}

static void run_hooks(struct bf_loop *loop)
{
	struct bf_list *node;

	while ((node = bf_list_first(&loop->hooks)) != NULL) {
		struct bf_loop_hook *hook = BF_CONTAINER(node, struct bf_loop_hook, node);

		bf_list_remove(node); /* first: the hook may request itself, or be freed */
		hook->on_turn_end(hook->arg);
	}
}

/* --- watches --- */

void bf_watch_open(
	struct bf_watch *watch, struct bf_loop *loop, const struct bf_watch_ops *ops, int fd)
{
	*watch = (struct bf_watch){.ops = ops, .loop = loop, .fd = fd};
	bf_list_init(&watch->node);
	bf_list_init(&watch->changed_node);
	bf_list_append(&loop->watches, &watch->node);
}

void bf_watch_changed(struct bf_watch *watch)
{
	if (bf_list_is_empty(&watch->changed_node))
		bf_list_append(&watch->loop->changed, &watch->changed_node);
}

void bf_watch_close(struct bf_watch *watch)
{
	assert(!watch->is_closing);
	watch->is_closing = true;
	watch->rx_wanted = false;
	watch->tx_wanted = false;
	bf_watch_changed(watch);
}

void bf_watch_release(struct bf_watch *watch)
{
	assert(watch->is_closing);
	bf_list_remove(&watch->changed_node);
	bf_list_remove(&watch->node);
	bf_list_append(&watch->loop->released, &watch->node);
}

static void sync_watches(struct bf_loop *loop)
{
	struct bf_list *node;

	while ((node = bf_list_first(&loop->changed)) != NULL) {
		struct bf_watch *watch = BF_CONTAINER(node, struct bf_watch, changed_node);

		bf_list_remove(node);
		if (!loop->ops->sync(loop, watch)) {
			bf_list_append(&loop->changed, node);
			return;
		}
	}
}

static void run_released(struct bf_loop *loop)
{
	struct bf_list *node;

	while ((node = bf_list_first(&loop->released)) != NULL) {
		struct bf_watch *watch = BF_CONTAINER(node, struct bf_watch, node);

		bf_list_remove(node);
		close(watch->fd);
		watch->fd = -1;
		watch->ops->on_released(watch);
	}
}

/* --- the turn --- */

static int64_t shorten_wait(const struct bf_loop *loop, int64_t wait_us)
{
	int64_t deadline_us, left_us;

	if (!bf_list_is_empty(&loop->hooks) || !bf_list_is_empty(&loop->released) ||
		!bf_list_is_empty(&loop->changed))
		return 0;
	deadline_us = bf_timers_deadline_us(loop);
	if (wait_us == 0 || deadline_us == INT64_MAX)
		return wait_us;
	left_us = deadline_us - bf_clock_mono_us();
	if (left_us < 0)
		left_us = 0;
	return wait_us < 0 || left_us < wait_us ? left_us : wait_us;
}

void bf_loop_set_rest(struct bf_loop *loop, int64_t rest_us)
{
	loop->rest_us = rest_us;
}

/* Sleeping apart from the backend: the kernel queues what arrives and wakes nobody. */
static void rest(const struct bf_loop *loop)
{
	int64_t until_us = loop->now_us + loop->rest_us;
	int64_t deadline_us = bf_timers_deadline_us(loop);
	struct timespec at;

	if (deadline_us < until_us)
		until_us = deadline_us;
	if (until_us - bf_clock_mono_us() < REST_MIN_US)
		return;
	at = (struct timespec){
		.tv_sec = until_us / 1000000, .tv_nsec = (long)(until_us % 1000000) * 1000};
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL); /* a signal: less rest */
}

static int wait_for_work(struct bf_loop *loop, int64_t wait_us)
{
	int64_t from_us;
	int err;

	wait_us = shorten_wait(loop, wait_us);
	if (wait_us == 0)
		return loop->ops->wait(loop, 0);
	from_us = bf_clock_mono_us();
	if (loop->rest_us > 0) {
		rest(loop);
		wait_us = shorten_wait(loop, wait_us);
	}
	/* The other half is in bf_loop_rouse: it comes after what was published, and looks at is_asleep. With both
	 * sides sequentially consistent, at least one of the two sees the other. */
	if (wait_us != 0)
		atomic_store(&loop->is_asleep, true);
	if (bf_inboxes_have_message(loop) || bf_pipes_have_record(loop))
		wait_us = 0;
	err = loop->ops->wait(loop, wait_us);
	atomic_store(&loop->is_asleep, false);
	loop->counters.waited_us += (uint64_t)(bf_clock_mono_us() - from_us);
	return err;
}

static int turn(struct bf_loop *loop, int64_t wait_us)
{
	struct bf_loop *outer = turning_loop;
	int err;

	assert(!loop->is_turning);
	if (!loop->has_owner) {
		loop->owner = pthread_self();
		loop->has_owner = true;
	}
	assert(pthread_equal(loop->owner, pthread_self()));
	loop->is_turning = true;
	turning_loop = loop;
	sync_watches(loop);
	err = wait_for_work(loop, wait_us);
	loop->now_us = bf_clock_mono_us();
	loop->wall_offset_us = 0;
	loop->counters.turns++;
	if (!err) {
		/* before the inboxes: messages come before the records sent after them */
		bf_pipes_look(loop);
		loop->ops->dispatch(loop);
		bf_inboxes_run(loop);
		bf_pipes_run(loop);
		run_released(loop);
		bf_timers_run(loop);
		run_hooks(loop);
	}
	turning_loop = outer;
	loop->is_turning = false;
	return err;
}

int bf_loop_turn(struct bf_loop *loop, int64_t wait_us)
{
	int err = turn(loop, wait_us);

	/* Nobody says when the next turn is, and a wake-up for another loop may be waiting here. */
	loop->ops->flush(loop);
	return err;
}

int bf_loop_run(struct bf_loop *loop)
{
	int err = 0;

	while (!loop->is_stopping && !err)
		err = turn(loop, -1);
	loop->is_stopping = false;
	loop->ops->flush(loop);
	return err;
}

static void wake(struct bf_loop *loop)
{
	struct bf_loop *from = turning_loop;
	uint64_t one = 1;
	ssize_t written;

	if (from)
		from->counters.wakes++;
	if (from && from->ops == loop->ops && loop->ops->wake && loop->ops->wake(from, loop))
		return;
	do {
		written = write(loop->event_fd, &one, sizeof(one));
	} while (written < 0 && errno == EINTR);
	/* EAGAIN: the counter is full, so the loop is being woken anyway. */
}

/* Sequentially consistent with wait_for_work. Only one poster wakes. */
void bf_loop_rouse(struct bf_loop *loop)
{
	if (atomic_load(&loop->is_asleep) && atomic_exchange(&loop->is_asleep, false))
		wake(loop);
}

/* --- the end --- */

static void abandon_watches(struct bf_loop *loop)
{
	BF_LIST_EACH(watch, &loop->watches, struct bf_watch, node) {
		if (!watch->is_closing)
			watch->ops->on_abandon(watch);
		assert(watch->is_closing);
	}
}

/* Let cancelled operations finish, so that no kernel request points at memory of ours. */
static void drain(struct bf_loop *loop)
{
	int64_t end_us = bf_clock_mono_us() + FREE_WAIT_US;

	sync_watches(loop);
	run_released(loop);
	while (!bf_list_is_empty(&loop->watches) && bf_clock_mono_us() < end_us) {
		if (loop->ops->wait(loop, FREE_STEP_US))
			break; /* another thread's ring: closing it is all that is left, and is enough */
		loop->ops->dispatch(loop);
		sync_watches(loop);
		run_released(loop);
	}
}

void bf_loop_free(struct bf_loop *loop)
{
	if (!loop)
		return;
	assert(!loop->is_turning);
	abandon_watches(loop);
	drain(loop);
	loop->ops->close(loop);
	BF_LIST_EACH(watch, &loop->watches, struct bf_watch, node)
		bf_watch_release(watch);
	run_released(loop);
	assert(bf_list_is_empty(&loop->inboxes));
	assert(bf_list_is_empty(&loop->pipes));
	assert(!loop->timers);
	close(loop->event_fd);
	free(loop);
}
