#include "core/loop/tcp.h"

#include "core/loop/tcp_priv.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Pieces of one sendmsg, and how much one stream may send before others have their turn. */
#define SEND_IOVS	16
#define SEND_BYTES_TURN (1024 * 1024)

/* A TLS record's plain text: larger reads would not get more. */
#define TLS_READ_BYTES 16384

/* --- states --- */

#define BIT(state) (1u << (state))

static const unsigned may_enter[] = {
	[BF_TCP_OPEN] = BIT(BF_TCP_FLUSHING) | BIT(BF_TCP_GONE),
	[BF_TCP_FLUSHING] = BIT(BF_TCP_LINGERING) | BIT(BF_TCP_GONE),
	[BF_TCP_LINGERING] = BIT(BF_TCP_GONE),
	[BF_TCP_GONE] = 0,
};

static void enter(struct bf_tcp *tcp, enum bf_tcp_state next)
{
	assert(may_enter[tcp->state] & BIT(next));
	tcp->state = next;
}

/* Whether the handshake must go on: always while open, and while closing for what waits behind it. */
static bool is_shaking_hands(const struct bf_tcp *tcp)
{
	return !tcp->is_ready && !tcp->preface &&
	       (tcp->state == BF_TCP_OPEN ||
		       (tcp->state == BF_TCP_FLUSHING && tcp->early.bytes > 0));
}

/* A pause holds only while the stream is open: a closing one reads on, to see the peer's FIN. */
static void update_rx(struct bf_tcp *tcp)
{
	bool is_wanted = !tcp->has_fin && (tcp->state != BF_TCP_OPEN || !tcp->is_paused ||
						  !tcp->is_ready || tcp->preface);

	if (tcp->state == BF_TCP_GONE || tcp->watch.rx_wanted == is_wanted)
		return;
	tcp->watch.rx_wanted = is_wanted;
	bf_watch_changed(&tcp->watch);
}

/* --- the end --- */

static void set_reset_on_close(const struct bf_tcp *tcp)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	/* if this fails the peer sees a FIN instead */
	setsockopt(tcp->watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Nothing is sent or received any more; on_close follows from the loop. */
static void leave(struct bf_tcp *tcp, int err)
{
	if (tcp->state == BF_TCP_GONE)
		return;
	enter(tcp, BF_TCP_GONE);
	tcp->close_err = err;
	bf_tcp_queue_clear(&tcp->tx);
	bf_tcp_queue_clear(&tcp->early);
	bf_tcp_queue_clear(&tcp->held);
	bf_loop_hook_cancel(&tcp->flush_hook);
	bf_timer_disarm(&tcp->later);
	bf_timer_disarm(&tcp->deadline);
	bf_watch_close(&tcp->watch);
}

static void on_released(struct bf_watch *watch)
{
	struct bf_tcp *tcp = BF_CONTAINER(watch, struct bf_tcp, watch);

	bf_tcp_listener_on_gone(tcp->listener);
	tcp->listener = NULL;
	if (tcp->ops)
		tcp->ops->on_close(tcp->arg, tcp, tcp->close_err);
	bf_tls_free(tcp->tls);
	free(tcp->preface_data);
	free(tcp);
}

/* The loop ends: there is no time to linger in. An open stream ends, too, because its owner may be waiting in a closing
 * handshake of its own (WebSocket) for a peer that has nothing to say any more. */
static void on_abandon(struct bf_watch *watch)
{
	leave(BF_CONTAINER(watch, struct bf_tcp, watch), -ECANCELED);
}

static void start_lingering(struct bf_tcp *tcp)
{
	enter(tcp, BF_TCP_LINGERING);
	if (shutdown(tcp->watch.fd, SHUT_WR) < 0 || tcp->has_fin)
		leave(tcp, tcp->close_err);
}

/* Send what is queued, then FIN, then wait for the peer's, so that closing does not reset the connection
 * under data that is still on its way to the peer. */
static void close_with(struct bf_tcp *tcp, int err)
{
	if (tcp->state != BF_TCP_OPEN)
		return;
	enter(tcp, BF_TCP_FLUSHING);
	tcp->close_err = err;
	bf_tcp_queue_clear(&tcp->held);
	bf_timer_disarm(&tcp->later);
	bf_timer_arm(&tcp->deadline, bf_loop_now_us(tcp->watch.loop) + BF_TCP_LINGER_US);
	update_rx(tcp);
	bf_loop_hook_request(tcp->watch.loop, &tcp->flush_hook);
}

static void on_deadline(void *arg)
{
	struct bf_tcp *tcp = arg;
	int unacked = 0;

	if (tcp->state == BF_TCP_LINGERING && tcp->close_err == 0 &&
		ioctl(tcp->watch.fd, SIOCOUTQ, &unacked) == 0 && unacked <= 1) {
		leave(tcp,
			0); /* only our FIN is open, which counts one: the peer just does not close */
		return;
	}
	set_reset_on_close(tcp);
	leave(tcp, tcp->close_err ? tcp->close_err : -ETIMEDOUT);
}

/* --- sending --- */

/* What TLS has made goes to the end of the queue. False: the stream is gone. */
static bool take_tls_output(struct bf_tcp *tcp)
{
	struct bf_bytes output = bf_tls_output(tcp->tls);

	if (output.len == 0)
		return true;
	if (bf_tcp_queue_put(&tcp->tx, output)) {
		leave(tcp, -ENOMEM);
		return false;
	}
	bf_tls_output_clear(tcp->tls);
	bf_loop_hook_request(tcp->watch.loop, &tcp->flush_hook);
	return true;
}

static int send_queued(struct bf_tcp *tcp)
{
	size_t sent_bytes = 0;

	while (tcp->tx.bytes > 0 && sent_bytes < SEND_BYTES_TURN) {
		struct iovec iovs[SEND_IOVS];
		struct msghdr msg = {.msg_iov = iovs};
		ssize_t sent;

		msg.msg_iovlen = bf_tcp_queue_peek(&tcp->tx, iovs, SEND_IOVS);
		sent = sendmsg(tcp->watch.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		bf_tcp_queue_skip(&tcp->tx, (size_t)sent);
		sent_bytes += (size_t)sent;
	}
	return 0;
}

static void flush(struct bf_tcp *tcp)
{
	int err = send_queued(tcp);

	if (err) {
		leave(tcp, err);
		return;
	}
	if (tcp->tx.bytes > 0) {
		tcp->watch.tx_wanted = true;
		bf_watch_changed(&tcp->watch);
		return;
	}
	if (tcp->was_high && tcp->early.bytes == 0) {
		/* Next turn: a callback that fills the queue again must not do so for ever in this one. */
		tcp->was_high = false;
		tcp->is_drain_due = true;
		if (tcp->state == BF_TCP_OPEN)
			bf_timer_arm(&tcp->later, 0);
	}
	if (tcp->state == BF_TCP_FLUSHING && !is_shaking_hands(tcp))
		start_lingering(tcp);
}

static void on_turn_end(void *arg)
{
	struct bf_tcp *tcp = arg;

	if (tcp->state == BF_TCP_FLUSHING && tcp->tls && tcp->is_ready && !tcp->is_end_sent) {
		tcp->is_end_sent = true;
		bf_tls_finish(tcp->tls);
		if (!take_tls_output(tcp))
			return;
		bf_loop_hook_cancel(&tcp->flush_hook); /* requested by that, and served below */
	}
	if (!tcp->watch.tx_wanted)
		flush(tcp);
}

static void on_writable(struct bf_watch *watch)
{
	struct bf_tcp *tcp = BF_CONTAINER(watch, struct bf_tcp, watch);

	bf_loop_hook_request(watch->loop, &tcp->flush_hook);
}

static int put(struct bf_tcp *tcp, struct bf_bytes data)
{
	int err;

	if (!tcp->tls)
		return bf_tcp_queue_put(&tcp->tx, data);
	if (!tcp->is_ready)
		return bf_tcp_queue_put(&tcp->early, data);
	err = bf_tls_write(tcp->tls, data);
	if (err) {
		leave(tcp, err);
		return err;
	}
	return take_tls_output(tcp) ? 0 : -ENOMEM;
}

int bf_tcp_write(struct bf_tcp *tcp, struct bf_bytes data)
{
	size_t queued = bf_tcp_queued_bytes(tcp);
	int err;

	if (tcp->state != BF_TCP_OPEN)
		return -ECANCELED;
	if (data.len > tcp->queue_bytes_max || queued > tcp->queue_bytes_max - data.len)
		return -ENOBUFS;
	err = put(tcp, data);
	if (err)
		return err;
	if (queued + data.len > tcp->queue_bytes_max / 4)
		tcp->was_high = true;
	if (data.len > 0)
		bf_loop_hook_request(tcp->watch.loop, &tcp->flush_hook);
	return 0;
}

size_t bf_tcp_queued_bytes(const struct bf_tcp *tcp)
{
	return tcp->tx.bytes + tcp->early.bytes;
}

/* --- receiving --- */

static bool may_deliver(const struct bf_tcp *tcp)
{
	return tcp->state == BF_TCP_OPEN && tcp->is_ready && !tcp->is_paused && !tcp->preface;
}

/* The handshake is done: what was written meanwhile follows it. */
static void on_ready(struct bf_tcp *tcp)
{
	struct iovec iov;

	tcp->is_ready = true;
	if (tcp->state == BF_TCP_OPEN)
		bf_timer_disarm(&tcp->deadline);
	while (bf_tcp_queue_peek(&tcp->early, &iov, 1) > 0) {
		if (bf_tls_write(tcp->tls, bf_bytes(iov.iov_base, iov.iov_len))) {
			leave(tcp, -EPROTO);
			return;
		}
		bf_tcp_queue_skip(&tcp->early, iov.iov_len);
	}
	bf_loop_hook_request(tcp->watch.loop, &tcp->flush_hook);
	update_rx(tcp);
}

/* Tell the peer by an alert, if TLS has one, and end in order: a reset could overtake it. */
static void on_tls_failed(struct bf_tcp *tcp)
{
	bf_tcp_queue_clear(&tcp->early);
	tcp->is_end_sent = true;
	if (!take_tls_output(tcp))
		return;
	if (tcp->state == BF_TCP_OPEN)
		close_with(tcp, -EPROTO);
	else
		tcp->close_err = -EPROTO;
	bf_loop_hook_request(tcp->watch.loop, &tcp->flush_hook);
}

static void shake_hands(struct bf_tcp *tcp)
{
	int err;

	if (!is_shaking_hands(tcp))
		return;
	err = bf_tls_handshake(tcp->tls);
	if (err == 0)
		on_ready(tcp);
	else if (err != -EAGAIN)
		on_tls_failed(tcp);
	if (tcp->state != BF_TCP_GONE)
		take_tls_output(tcp);
}

static void deliver_tls(struct bf_tcp *tcp)
{
	uint8_t plain[TLS_READ_BYTES];

	shake_hands(tcp);
	while (may_deliver(tcp) && !tcp->has_end) {
		ssize_t got = bf_tls_read(tcp->tls, plain, sizeof(plain));

		if (got > 0) {
			tcp->ops->on_data(tcp->arg, tcp, bf_bytes(plain, (size_t)got));
		} else if (got == 0) {
			tcp->has_end = true;
		} else {
			if (got != -EAGAIN)
				on_tls_failed(tcp);
			break;
		}
	}
	/* reading may also have made something to send: a key update's answer, an alert */
	if (tcp->state == BF_TCP_OPEN)
		take_tls_output(tcp);
}

static void deliver_held(struct bf_tcp *tcp)
{
	struct iovec iov;

	while (may_deliver(tcp) && bf_tcp_queue_peek(&tcp->held, &iov, 1) > 0) {
		/* off the stream first: the callback may close it, which empties the queue */
		struct bf_tcp_queue lent = tcp->held;

		tcp->held = (struct bf_tcp_queue){.head = NULL};
		tcp->ops->on_data(tcp->arg, tcp, bf_bytes(iov.iov_base, iov.iov_len));
		bf_tcp_queue_skip(&lent, iov.iov_len);
		if (tcp->state == BF_TCP_OPEN)
			tcp->held = lent;
		else
			bf_tcp_queue_clear(&lent);
	}
}

static void deliver_end(struct bf_tcp *tcp)
{
	bool has_end = tcp->has_end || (tcp->has_fin && tcp->held.bytes == 0);

	if (!may_deliver(tcp) || !has_end || tcp->is_end_delivered)
		return;
	tcp->is_end_delivered = true;
	if (tcp->ops->on_end)
		tcp->ops->on_end(tcp->arg, tcp);
	else
		bf_tcp_close(tcp);
}

static void deliver(struct bf_tcp *tcp)
{
	if (tcp->tls)
		deliver_tls(tcp);
	else
		deliver_held(tcp);
	deliver_end(tcp);
}

static void end_preface(struct bf_tcp *tcp)
{
	tcp->preface = NULL;
	free(tcp->preface_data);
	tcp->preface_data = NULL;
	if (tcp->is_ready)
		bf_timer_disarm(&tcp->deadline);
	update_rx(tcp);
}

/* Put the preface off `data`. False: there is nothing behind it yet, or it was none and the stream is gone. */
static bool take_preface(struct bf_tcp *tcp, struct bf_bytes *data)
{
	size_t before = tcp->preface_len, room = BF_TCP_PREFACE_MAX - before;
	size_t len = data->len < room ? data->len : room;
	int taken = -ENOMEM;

	if (!tcp->preface_data)
		tcp->preface_data = malloc(BF_TCP_PREFACE_MAX);
	if (tcp->preface_data) {
		memcpy(tcp->preface_data + before, data->data, len);
		tcp->preface_len += len;
		taken = tcp->preface(
			tcp->preface_arg, tcp, bf_bytes(tcp->preface_data, tcp->preface_len));
	}
	if (taken == 0 && tcp->preface_len == BF_TCP_PREFACE_MAX)
		taken = -EPROTO;
	if (taken < 0) {
		set_reset_on_close(tcp);
		leave(tcp, taken);
	}
	if (taken <= 0)
		return false;
	assert((size_t)taken > before &&
		(size_t)taken <= tcp->preface_len); /* else it was complete before */
	*data = bf_bytes(
		data->data + ((size_t)taken - before), data->len - ((size_t)taken - before));
	end_preface(tcp);
	return data->len > 0;
}

static void on_bytes(struct bf_watch *watch, struct bf_bytes data)
{
	struct bf_tcp *tcp = BF_CONTAINER(watch, struct bf_tcp, watch);
	int err = 0;

	if (tcp->preface && (tcp->state != BF_TCP_OPEN || !take_preface(tcp, &data)))
		return;
	if (tcp->tls && (tcp->state == BF_TCP_OPEN || is_shaking_hands(tcp))) {
		err = bf_tls_feed(tcp->tls, data);
		if (!err)
			deliver(tcp);
	} else if (may_deliver(tcp) && tcp->held.bytes == 0) {
		tcp->ops->on_data(tcp->arg, tcp, data);
	} else if (tcp->state == BF_TCP_OPEN) {
		err = bf_tcp_queue_put(&tcp->held, data);
	}
	if (err)
		leave(tcp, err);
}

static void on_end(struct bf_watch *watch, int err)
{
	struct bf_tcp *tcp = BF_CONTAINER(watch, struct bf_tcp, watch);

	if (err) {
		leave(tcp, tcp->close_err ? tcp->close_err : err);
		return;
	}
	tcp->has_fin = true;
	if (tcp->state == BF_TCP_LINGERING)
		leave(tcp, tcp->close_err);
	else if (!tcp->is_ready || tcp->preface)
		leave(tcp, -EPROTO); /* the handshake cannot end any more */
	else
		deliver(tcp);
}

static void on_later(void *arg)
{
	struct bf_tcp *tcp = arg;

	if (tcp->is_drain_due) {
		tcp->is_drain_due = false;
		if (tcp->ops->on_drain)
			tcp->ops->on_drain(tcp->arg, tcp);
	}
	if (tcp->state == BF_TCP_OPEN)
		deliver(tcp);
}

void bf_tcp_pause(struct bf_tcp *tcp)
{
	tcp->is_paused = true;
	update_rx(tcp);
}

void bf_tcp_resume(struct bf_tcp *tcp)
{
	if (!tcp->is_paused)
		return;
	tcp->is_paused = false;
	update_rx(tcp);
	if (tcp->state == BF_TCP_OPEN)
		bf_timer_arm(&tcp->later, 0); /* what was held; not inside the caller's call */
}

/* --- life --- */

static const struct bf_watch_ops stream_watch_ops = {
	.kind = BF_WATCH_STREAM,
	.on_bytes = on_bytes,
	.on_end = on_end,
	.on_writable = on_writable,
	.on_released = on_released,
	.on_abandon = on_abandon,
};

static int read_addrs(struct bf_tcp *tcp, int fd)
{
	struct sockaddr_storage sa = {0};
	socklen_t sa_len = sizeof(sa);

	if (getpeername(fd, (struct sockaddr *)&sa, &sa_len) < 0)
		return -errno; /* gone again before it was accepted */
	tcp->remote = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	sa_len = sizeof(sa);
	if (getsockname(fd, (struct sockaddr *)&sa, &sa_len) < 0)
		return -errno;
	tcp->local = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	return 0;
}

int bf_tcp_new(struct bf_tcp **out, struct bf_tcp_listener *listener, struct bf_loop *loop, int fd,
	const struct bf_tcp_listen_conf *conf)
{
	struct bf_tcp *tcp = calloc(1, sizeof(*tcp));
	const int on = 1;
	int err;

	if (!tcp)
		return -ENOMEM;
	err = read_addrs(tcp, fd);
	if (err)
		goto fail;
	if (conf->tls) {
		err = bf_tls_new(&tcp->tls, conf->tls);
		if (err)
			goto fail;
	}
	/* Writes of a turn are gathered here already. If it fails they only leave later. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	tcp->listener = listener;
	tcp->queue_bytes_max = conf->queue_bytes_max;
	tcp->is_ready = !conf->tls;
	bf_loop_hook_init(&tcp->flush_hook, on_turn_end, tcp);
	bf_timer_init(&tcp->later, loop, on_later, tcp);
	bf_timer_init(&tcp->deadline, loop, on_deadline, tcp);
	bf_watch_open(&tcp->watch, loop, &stream_watch_ops, fd);
	if (conf->tls)
		bf_timer_arm(&tcp->deadline, bf_loop_now_us(loop) + BF_TCP_HANDSHAKE_US);
	*out = tcp;
	return 0;

fail:
	free(tcp);
	return err;
}

void bf_tcp_expect_preface(struct bf_tcp *tcp, bf_tcp_preface *preface, void *arg)
{
	tcp->preface = preface;
	tcp->preface_arg = arg;
	bf_timer_arm(&tcp->deadline, bf_loop_now_us(tcp->watch.loop) + BF_TCP_HANDSHAKE_US);
}

void bf_tcp_start(struct bf_tcp *tcp)
{
	assert(tcp->ops || tcp->state != BF_TCP_OPEN); /* bf_tcp_set_ops belongs in on_accept */
	update_rx(tcp);
}

void bf_tcp_set_ops(struct bf_tcp *tcp, const struct bf_tcp_ops *ops, void *arg)
{
	tcp->ops = ops;
	tcp->arg = arg;
}

void bf_tcp_close(struct bf_tcp *tcp)
{
	close_with(tcp, 0);
}

void bf_tcp_abort(struct bf_tcp *tcp)
{
	if (tcp->state == BF_TCP_GONE)
		return;
	set_reset_on_close(tcp);
	leave(tcp, 0);
}

struct bf_addr bf_tcp_remote(const struct bf_tcp *tcp)
{
	return tcp->remote;
}

void bf_tcp_set_remote(struct bf_tcp *tcp, const struct bf_addr *remote)
{
	tcp->remote = *remote;
}

struct bf_addr bf_tcp_local(const struct bf_tcp *tcp)
{
	return tcp->local;
}

bool bf_tcp_is_tls(const struct bf_tcp *tcp)
{
	return tcp->tls != NULL;
}
