#include "core/loop/tcp.h"

#include "core/loop/tcp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_COUNT_DEFAULT 65536
#define QUEUE_BYTES_DEFAULT  (1024 * 1024)

/* Out of descriptors or memory: trying at once would spin, as the connection stays in the backlog. */
#define BACKOFF_US (100 * 1000)

struct bf_tcp_listener {
	struct bf_watch watch;

	/* given */
	struct bf_tcp_listen_conf conf;
	void (*on_accept)(void *arg, struct bf_tcp *tcp);
	void *arg;

	/* state */
	struct bf_addr local;
	size_t stream_count;
	struct bf_timer backoff;
	bool is_released;
};

static void free_if_unused(struct bf_tcp_listener *listener)
{
	if (listener->is_released && listener->stream_count == 0)
		free(listener);
}

/* Accept while there is room and no reason to hold back. */
static void update(struct bf_tcp_listener *listener)
{
	if (listener->watch.is_closing)
		return;
	listener->watch.accept_room = listener->conf.stream_count_max - listener->stream_count;
	listener->watch.rx_wanted = listener->watch.accept_room > 0 && !listener->backoff.is_armed;
	bf_watch_changed(&listener->watch);
}

static void on_backoff_over(void *arg)
{
	update(arg);
}

/* Errors of the connection that was to be accepted, not of ours (accept(2)). */
static bool is_of_connection(int err)
{
	switch (-err) {
	case ECONNABORTED:
	case EPROTO:
	case EPERM: /* a firewall rule */
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

static void on_connection(struct bf_watch *watch, int fd)
{
	struct bf_tcp_listener *listener = BF_CONTAINER(watch, struct bf_tcp_listener, watch);
	struct bf_tcp *tcp;

	if (fd < 0) {
		if (!is_of_connection(fd))
			bf_timer_arm(&listener->backoff,
				bf_loop_now_us(listener->watch.loop) + BACKOFF_US);
		update(listener);
		return;
	}
	if (listener->stream_count >= listener->conf.stream_count_max ||
		bf_tcp_new(&tcp, listener, listener->watch.loop, fd, &listener->conf)) {
		close(fd); /* the kernel was ahead of us, there is no memory, or the peer is gone again */
		return;
	}
	listener->stream_count++;
	update(listener);
	if (listener->conf.preface)
		bf_tcp_expect_preface(tcp, listener->conf.preface, listener->arg);
	listener->on_accept(listener->arg, tcp);
	bf_tcp_start(tcp);
}

void bf_tcp_listener_on_gone(struct bf_tcp_listener *listener)
{
	assert(listener->stream_count > 0);
	listener->stream_count--;
	update(listener);
	free_if_unused(listener);
}

static void on_released(struct bf_watch *watch)
{
	struct bf_tcp_listener *listener = BF_CONTAINER(watch, struct bf_tcp_listener, watch);

	listener->is_released = true;
	free_if_unused(listener);
}

static void on_abandon(struct bf_watch *watch)
{
	(void)watch; /* the caller forgot bf_tcp_listener_close, which bf_loop_free asserts */
}

static const struct bf_watch_ops listener_watch_ops = {
	.kind = BF_WATCH_LISTENER,
	.on_accept = on_connection,
	.on_released = on_released,
	.on_abandon = on_abandon,
};

static int open_socket(const struct bf_addr *addr)
{
	const int on = 1;
	int fd = socket(addr->family == 4 ? AF_INET : AF_INET6,
		SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(addr, &sa);
	int err;

	if (fd < 0)
		return -errno;
	/* SO_REUSEADDR: a restarted server need not wait for the TIME_WAIT of its last streams. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		(addr->family == 6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
		bind(fd, (struct sockaddr *)&sa, sa_len) < 0 || listen(fd, SOMAXCONN) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int bf_tcp_listen(struct bf_tcp_listener **out, struct bf_loop *loop, const struct bf_addr *addr,
	const struct bf_tcp_listen_conf *conf, void (*on_accept)(void *arg, struct bf_tcp *tcp),
	void *arg)
{
	struct bf_tcp_listener *listener;
	struct sockaddr_storage sa = {0};
	socklen_t sa_len = sizeof(sa);
	int fd;

	assert(out);
	fd = open_socket(addr);
	if (fd < 0)
		return fd;
	listener = calloc(1, sizeof(*listener));
	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	listener->conf = *conf;
	if (listener->conf.stream_count_max == 0)
		listener->conf.stream_count_max = STREAM_COUNT_DEFAULT;
	if (listener->conf.queue_bytes_max == 0)
		listener->conf.queue_bytes_max = QUEUE_BYTES_DEFAULT;
	listener->on_accept = on_accept;
	listener->arg = arg;
	if (getsockname(fd, (struct sockaddr *)&sa, &sa_len) == 0)
		listener->local = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	bf_timer_init(&listener->backoff, loop, on_backoff_over, listener);
	bf_watch_open(&listener->watch, loop, &listener_watch_ops, fd);
	update(listener);
	*out = listener;
	return 0;
}

void bf_tcp_listener_close(struct bf_tcp_listener *listener)
{
	bf_timer_disarm(&listener->backoff);
	bf_watch_close(&listener->watch);
}

struct bf_addr bf_tcp_listener_local(const struct bf_tcp_listener *listener)
{
	return listener->local;
}
