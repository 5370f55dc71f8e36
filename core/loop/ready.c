#include "core/loop/ready.h"

#include "core/loop/loop_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct bf_ready {
	/* given */
	void (*on_readable)(void *arg);
	void (*on_writable)(void *arg);
	void *arg;
	/* owned */
	struct bf_watch watch;
};

static void readable(struct bf_watch *watch)
{
	struct bf_ready *ready = BF_CONTAINER(watch, struct bf_ready, watch);

	ready->on_readable(ready->arg);
}

static void writable(struct bf_watch *watch)
{
	struct bf_ready *ready = BF_CONTAINER(watch, struct bf_ready, watch);

	ready->on_writable(ready->arg);
}

static void released(struct bf_watch *watch)
{
	free(BF_CONTAINER(watch, struct bf_ready, watch));
}

static const struct bf_watch_ops ops = {.kind = BF_WATCH_READY,
	.on_readable = readable,
	.on_writable = writable,
	.on_released = released};

int bf_ready_new(struct bf_ready **out, struct bf_loop *loop, int fd,
	void (*on_readable)(void *arg), void (*on_writable)(void *arg), void *arg)
{
	struct bf_ready *ready = calloc(1, sizeof(*ready));
	int own;

	if (!ready)
		return -ENOMEM;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0) {
		int err = -errno;

		free(ready);
		return err;
	}
	ready->on_readable = on_readable;
	ready->on_writable = on_writable;
	ready->arg = arg;
	bf_watch_open(&ready->watch, loop, &ops, own);
	*out = ready;
	return 0;
}

void bf_ready_want(struct bf_ready *ready, bool is_read_wanted, bool is_write_wanted)
{
	ready->watch.rx_wanted = is_read_wanted;
	ready->watch.tx_wanted = is_write_wanted;
	bf_watch_changed(&ready->watch);
}

void bf_ready_close(struct bf_ready *ready)
{
	if (ready)
		bf_watch_close(&ready->watch);
}
