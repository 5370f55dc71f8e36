#include "core/loop/loop_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN 256

/* Level-triggered, so whatever is left comes again: these only share the turn out among sockets. */
#define UDP_BATCHES_A_TURN  4
#define ACCEPTS_A_TURN	    64
#define STREAM_BUFFER_BYTES (64 * 1024)

struct epoll {
	/* owned */
	int fd;

	/* state */
	bool has_pwait2;
	int event_count;
	struct epoll_event events[EVENTS_A_TURN];

	/* one batch of datagrams, and one read of a stream: lent to their owners during the call */
	struct mmsghdr headers[BF_UDP_BATCH];
	struct iovec iovs[BF_UDP_BATCH];
	struct sockaddr_in6 names[BF_UDP_BATCH];
	_Alignas(8) uint8_t controls[BF_UDP_BATCH][BF_UDP_CONTROL_BYTES];
	struct bf_udp_packet packets[BF_UDP_BATCH];
	_Alignas(8) uint8_t buffers[BF_UDP_BATCH][BF_UDP_BUFFER_BYTES];
	uint8_t stream[STREAM_BUFFER_BYTES];
};

static void prepare_header(struct epoll *io, size_t i)
{
	io->headers[i].msg_hdr.msg_namelen = sizeof(io->names[i]);
	io->headers[i].msg_hdr.msg_controllen = sizeof(io->controls[i]);
}

static size_t epoll_bytes(void)
{
	return sizeof(struct epoll);
}

static int epoll_open(struct bf_loop *loop)
{
	struct epoll_event event = {.events = EPOLLIN}; /* data.ptr NULL: the eventfd */
	struct epoll *io = calloc(1, sizeof(*io));
	int err;

	if (!io)
		return -ENOMEM;
	io->has_pwait2 = true;
	io->fd = epoll_create1(EPOLL_CLOEXEC);
	if (io->fd < 0) {
		err = -errno;
		goto fail_io;
	}
	if (epoll_ctl(io->fd, EPOLL_CTL_ADD, loop->event_fd, &event) < 0) {
		err = -errno;
		goto fail_fd;
	}
	for (size_t i = 0; i < BF_UDP_BATCH; i++) {
		io->iovs[i] = (struct iovec){io->buffers[i], sizeof(io->buffers[i])};
		io->headers[i].msg_hdr = (struct msghdr){.msg_name = &io->names[i],
			.msg_iov = &io->iovs[i],
			.msg_iovlen = 1,
			.msg_control = io->controls[i]};
		prepare_header(io, i);
	}
	loop->io = io;
	return 0;

fail_fd:
	close(io->fd);
fail_io:
	free(io);
	return err;
}

static void epoll_close(struct bf_loop *loop)
{
	struct epoll *io = loop->io;

	close(io->fd);
	free(io);
}

static void epoll_remove(struct epoll *io, struct bf_watch *watch)
{
	if (!watch->is_added)
		return;
	epoll_ctl(io->fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->is_added = false;
}

/* The kernel has no memory, or the user has too many watches. Whether to ask again next turn. */
static bool on_refused(struct bf_watch *watch, int error)
{
	switch (watch->ops->kind) {
	case BF_WATCH_UDP:
	case BF_WATCH_READY:
		return false;
	case BF_WATCH_LISTENER:
		watch->ops->on_accept(watch, -error); /* it pauses for a while */
		return true;
	case BF_WATCH_STREAM:
		watch->rx_wanted = false;
		watch->ops->on_end(watch, -error);
		return true;
	}
	return true;
}

static bool epoll_sync(struct bf_loop *loop, struct bf_watch *watch)
{
	struct epoll *io = loop->io;
	struct epoll_event event = {
		.events = (watch->rx_wanted ? EPOLLIN : 0) | (watch->tx_wanted ? EPOLLOUT : 0),
		.data.ptr = watch};

	if (watch->is_closing) {
		epoll_remove(io, watch);
		bf_watch_release(watch);
		return true;
	}
	/* Wanting nothing also means leaving: EPOLLHUP and EPOLLERR cannot be masked, and would spin. */
	if (event.events == 0) {
		epoll_remove(io, watch);
		return true;
	}
	if (watch->is_added && watch->epoll_events == event.events)
		return true;
	if (epoll_ctl(io->fd, watch->is_added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) <
		0)
		return on_refused(watch, errno);
	watch->is_added = true;
	watch->epoll_events = event.events;
	return true;
}

/* In whole milliseconds, up: waking early would turn once for nothing. */
static int wait_ms(struct epoll *io, int64_t wait_us)
{
	int64_t ms = wait_us < 0 ? -1 : (wait_us + 999) / 1000;

	return epoll_wait(io->fd, io->events, EVENTS_A_TURN, ms > INT32_MAX ? INT32_MAX : (int)ms);
}

static int epoll_wait_us(struct bf_loop *loop, int64_t wait_us)
{
	struct timespec ts = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
	struct epoll *io = loop->io;
	int count = -1;

	errno = ENOSYS;
	if (io->has_pwait2)
		count = epoll_pwait2(
			io->fd, io->events, EVENTS_A_TURN, wait_us < 0 ? NULL : &ts, NULL);
	if (count < 0 && errno == ENOSYS) { /* before Linux 5.11, and in sandboxes */
		io->has_pwait2 = false;
		count = wait_ms(io, wait_us);
	}
	io->event_count = count > 0 ? count : 0;
	return count < 0 && errno != EINTR ? -errno : 0;
}

/* --- what is ready --- */

static size_t collect_packets(struct bf_loop *loop, struct bf_watch *watch, size_t header_count)
{
	struct epoll *io = loop->io;
	size_t count = 0;

	for (size_t i = 0; i < header_count; i++) {
		struct msghdr *msg = &io->headers[i].msg_hdr;
		struct bf_udp_packet *packet = &io->packets[count];

		if ((msg->msg_flags & MSG_TRUNC) || io->headers[i].msg_len > BF_UDP_MTU) {
			++*watch->oversize_count;
		} else {
			bf_udp_packet_fill(loop, packet, msg->msg_name, msg);
			packet->data = io->buffers[i];
			packet->len = io->headers[i].msg_len;
			count++;
		}
		prepare_header(io, i);
	}
	return count;
}

static void receive_udp(struct bf_loop *loop, struct bf_watch *watch)
{
	struct epoll *io = loop->io;

	for (int i = 0; i < UDP_BATCHES_A_TURN && watch->rx_wanted; i++) {
		int got = recvmmsg(watch->fd, io->headers, BF_UDP_BATCH, MSG_DONTWAIT, NULL);
		size_t count;

		if (got <= 0)
			return;
		count = collect_packets(loop, watch, (size_t)got);
		if (count > 0)
			watch->ops->on_packets(watch, io->packets, count);
		if (got < BF_UDP_BATCH)
			return;
	}
}

static void receive_connections(struct bf_watch *watch)
{
	for (int i = 0; i < ACCEPTS_A_TURN && watch->rx_wanted && watch->accept_room > 0; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		watch->ops->on_accept(watch, fd < 0 ? -errno : fd);
	}
}

static void receive_stream(struct bf_loop *loop, struct bf_watch *watch)
{
	struct epoll *io = loop->io;
	ssize_t got = recv(watch->fd, io->stream, sizeof(io->stream), MSG_DONTWAIT);
	int err = got < 0 ? -errno : 0;

	if (got > 0) {
		watch->ops->on_bytes(watch, bf_bytes(io->stream, (size_t)got));
		return;
	}
	if (err == -EAGAIN || err == -EINTR)
		return;
	watch->rx_wanted = false;
	bf_watch_changed(watch);
	watch->ops->on_end(watch, err);
}

static void receive(struct bf_loop *loop, struct bf_watch *watch)
{
	switch (watch->ops->kind) {
	case BF_WATCH_UDP:
		receive_udp(loop, watch);
		break;
	case BF_WATCH_LISTENER:
		receive_connections(watch);
		break;
	case BF_WATCH_STREAM:
		receive_stream(loop, watch);
		break;
	case BF_WATCH_READY:
		watch->rx_wanted = false;
		bf_watch_changed(watch);
		watch->ops->on_readable(watch);
		break;
	}
}

static void on_event(struct bf_loop *loop, const struct epoll_event *event)
{
	struct bf_watch *watch = event->data.ptr;
	uint64_t woken;

	if (!watch) {
		/* EAGAIN if somebody was faster: nobody is, and nothing is lost either */
		ssize_t got = read(loop->event_fd, &woken, sizeof(woken));
		(void)got;
		return;
	}
	if (watch->rx_wanted && (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(loop, watch);
	if (watch->tx_wanted && (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))) {
		watch->tx_wanted = false;
		bf_watch_changed(watch);
		watch->ops->on_writable(watch);
	}
}

static void epoll_dispatch(struct bf_loop *loop)
{
	struct epoll *io = loop->io;

	for (int i = 0; i < io->event_count; i++)
		on_event(loop, &io->events[i]);
	io->event_count = 0;
}

static void epoll_flush(struct bf_loop *loop)
{
	(void)loop; /* nothing is kept back */
}

const struct bf_io_ops bf_io_epoll = {
	.io = BF_IO_EPOLL,
	.open = epoll_open,
	.bytes = epoll_bytes,
	.close = epoll_close,
	.sync = epoll_sync,
	.wait = epoll_wait_us,
	.dispatch = epoll_dispatch,
	.flush = epoll_flush,
};
