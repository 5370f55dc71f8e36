#include "core/loop/loop_priv.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Small rings: they count against the user's locked memory (8 MB by default), 50 kB each. The completion
 * queue is larger, because a multishot operation ends when it overflows. */
#define SQ_ENTRIES 256
#define CQ_ENTRIES 2048

/* Receive buffers, shared by all sockets of a kind on the loop; their owners give them back before the turn
 * is over. 512 datagrams are eight batches, and together 1 MiB, half of a common L2 cache. */
#define UDP_BUFFER_COUNT    512
#define STREAM_BUFFER_COUNT 128
#define STREAM_BUFFER_BYTES (8 * 1024)

/* struct sockaddr_in6 rounded up, so that what follows stays aligned to 8 bytes. */
#define NAME_BYTES 32

/* A multishot accept takes all that wait in the backlog before we see the first. It is used only while
 * that cannot pass the listener's limit by much; near the limit connections are taken one by one. */
#define MULTISHOT_ACCEPT_ROOM 1024

/* What a completion is for, in the low bits of its user_data; above them the watch, or the ring's number. */
enum tag {
	TAG_RX,
	TAG_TX,
	TAG_RX_CANCEL,
	TAG_TX_CANCEL,
	TAG_WOKEN, /* another loop's MSG_RING came in */
	TAG_WAKE,  /* our MSG_RING to another loop failed; successes are not reported */
	TAG_EVENT, /* the eventfd was read */
};
#define TAG_MASK 7

struct buffers {
	struct io_uring_buf_ring *ring;
	uint8_t *slab;
	uint32_t count;
	uint32_t size;
	uint16_t group;
};

struct uring {
	/* owned */
	struct io_uring ring;
	struct buffers udp;
	struct buffers stream;

	/* state */
	bool is_enabled;
	bool has_msg_ring;
	bool is_event_armed;
	uint64_t event_count;  /* where the eventfd is read to */
	struct msghdr udp_msg; /* the layout of UDP buffers */

	/* datagrams of one socket that await delivery */
	struct bf_watch *batch_watch;
	size_t batch_count;
	struct bf_udp_packet batch[BF_UDP_BATCH];
	uint16_t batch_ids[BF_UDP_BATCH];
};

static uint64_t user_data(const struct bf_watch *watch, enum tag tag)
{
	return (uint64_t)(uintptr_t)watch | tag;
}

/* --- provided buffers --- */

static void buffers_put(struct buffers *bufs, uint16_t id)
{
	io_uring_buf_ring_add(bufs->ring, bufs->slab + (size_t)id * bufs->size, bufs->size, id,
		io_uring_buf_ring_mask(bufs->count), 0);
	io_uring_buf_ring_advance(bufs->ring, 1);
}

static void buffers_close(struct buffers *bufs)
{
	free(bufs->ring);
	free(bufs->slab);
}

static int buffers_open(
	struct buffers *bufs, struct io_uring *ring, uint16_t group, uint32_t count, uint32_t size)
{
	struct io_uring_buf_reg reg;
	int err;

	*bufs = (struct buffers){.count = count, .size = size, .group = group};
	bufs->ring =
		aligned_alloc(4096, (count * sizeof(struct io_uring_buf) + 4095) / 4096 * 4096);
	bufs->slab = aligned_alloc(4096, (size_t)count * size);
	if (!bufs->ring || !bufs->slab) {
		err = -ENOMEM;
		goto fail;
	}
	io_uring_buf_ring_init(bufs->ring);
	reg = (struct io_uring_buf_reg){
		.ring_addr = (uintptr_t)bufs->ring, .ring_entries = count, .bgid = group};
	err = io_uring_register_buf_ring(ring, &reg, 0);
	if (err)
		goto fail;
	for (uint32_t i = 0; i < count; i++)
		buffers_put(bufs, (uint16_t)i);
	return 0;

fail:
	buffers_close(bufs);
	return err;
}

static uint16_t buffer_id(const struct io_uring_cqe *cqe)
{
	return (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
}

/* --- submitting --- */

static struct io_uring_sqe *get_sqe(struct uring *io)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring);

	if (sqe || !io->is_enabled)
		return sqe;
	io_uring_submit(
		&io->ring); /* if it fails, the queue stays full and the caller tries again later */
	return io_uring_get_sqe(&io->ring);
}

static void prepare_rx(struct uring *io, struct io_uring_sqe *sqe, struct bf_watch *watch)
{
	struct buffers *bufs = &io->stream;

	watch->rx_is_multishot = true;
	switch (watch->ops->kind) {
	case BF_WATCH_LISTENER:
		watch->rx_is_multishot = watch->accept_room > MULTISHOT_ACCEPT_ROOM;
		if (watch->rx_is_multishot)
			io_uring_prep_multishot_accept(
				sqe, watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		else
			io_uring_prep_accept(
				sqe, watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		return;
	case BF_WATCH_UDP:
		bufs = &io->udp;
		io_uring_prep_recvmsg_multishot(sqe, watch->fd, &io->udp_msg, 0);
		break;
	case BF_WATCH_STREAM:
		io_uring_prep_recv_multishot(sqe, watch->fd, NULL, 0, 0);
		break;
	case BF_WATCH_READY:
		watch->rx_is_multishot = false;
		io_uring_prep_poll_add(sqe, watch->fd, POLLIN);
		return;
	}
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = bufs->group;
}

/* A multishot accept that has come too near to the listener's limit. */
static bool is_too_greedy(const struct bf_watch *watch)
{
	return watch->ops->kind == BF_WATCH_LISTENER && watch->rx_armed && watch->rx_is_multishot &&
	       watch->accept_room <= MULTISHOT_ACCEPT_ROOM;
}

static bool sync_rx(struct uring *io, struct bf_watch *watch)
{
	bool is_wanted = watch->rx_wanted && !is_too_greedy(watch);
	struct io_uring_sqe *sqe;

	if (is_wanted == watch->rx_armed || watch->rx_cancelling)
		return true; /* while cancelling, the last completion comes back here */
	sqe = get_sqe(io);
	if (!sqe)
		return false;
	if (is_wanted) {
		prepare_rx(io, sqe, watch);
		io_uring_sqe_set_data64(sqe, user_data(watch, TAG_RX));
		watch->rx_armed = true;
	} else {
		io_uring_prep_cancel64(sqe, user_data(watch, TAG_RX), 0);
		io_uring_sqe_set_data64(sqe, user_data(watch, TAG_RX_CANCEL));
		watch->rx_cancelling = true;
	}
	return true;
}

static bool sync_tx(struct uring *io, struct bf_watch *watch)
{
	struct io_uring_sqe *sqe;

	if (watch->tx_wanted == watch->tx_armed || watch->tx_cancelling)
		return true;
	sqe = get_sqe(io);
	if (!sqe)
		return false;
	if (watch->tx_wanted) {
		io_uring_prep_poll_add(sqe, watch->fd, POLLOUT);
		io_uring_sqe_set_data64(sqe, user_data(watch, TAG_TX));
		watch->tx_armed = true;
	} else {
		io_uring_prep_cancel64(sqe, user_data(watch, TAG_TX), 0);
		io_uring_sqe_set_data64(sqe, user_data(watch, TAG_TX_CANCEL));
		watch->tx_cancelling = true;
	}
	return true;
}

static bool uring_sync(struct bf_loop *loop, struct bf_watch *watch)
{
	if (!sync_rx(loop->io, watch) || !sync_tx(loop->io, watch))
		return false;
	if (watch->is_closing && !watch->rx_armed && !watch->rx_cancelling && !watch->tx_armed &&
		!watch->tx_cancelling)
		bf_watch_release(watch);
	return true;
}

static void arm_event(struct bf_loop *loop, struct uring *io)
{
	struct io_uring_sqe *sqe;

	if (io->is_event_armed)
		return;
	sqe = get_sqe(io);
	if (!sqe)
		return;
	io_uring_prep_read(sqe, loop->event_fd, &io->event_count, sizeof(io->event_count), 0);
	io_uring_sqe_set_data64(sqe, TAG_EVENT);
	io->is_event_armed = true;
}

/* The ring is made by whoever makes the loop, and enabled here by the one thread that may use it. */
static int enable(struct uring *io)
{
	/* io_uring_enable_rings is declared, but liburing 2.3's library does not export it. */
	int err = io_uring_register(
		(unsigned)io->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	io->is_enabled = err == 0;
	return err;
}

static int uring_wait(struct bf_loop *loop, int64_t wait_us)
{
	struct uring *io = loop->io;
	struct __kernel_timespec ts = {
		.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
	struct io_uring_cqe *cqe;
	int err;

	if (!io->is_enabled) {
		err = enable(io);
		if (err)
			return err;
	}
	arm_event(loop, io);
	if (wait_us == 0)
		err = io_uring_submit_and_get_events(&io->ring);
	else if (wait_us < 0)
		err = io_uring_submit_and_wait(&io->ring, 1);
	else
		err = io_uring_submit_and_wait_timeout(&io->ring, &cqe, 1, &ts, NULL);
	switch (err) {
	case -ETIME:
	case -EINTR:
	case -EAGAIN: /* no memory for a request now, or completions to be collected first */
	case -EBUSY:
		return 0;
	default:
		return err < 0 ? err : 0;
	}
}

static void uring_flush(struct bf_loop *loop)
{
	struct uring *io = loop->io;

	if (io->is_enabled && io_uring_sq_ready(&io->ring) > 0)
		io_uring_submit(&io->ring); /* what is not taken now goes with the next turn */
}

static bool wake_ring(struct uring *io, int ring_fd)
{
	struct io_uring_sqe *sqe = get_sqe(io);

	if (!sqe)
		return false;
	io_uring_prep_msg_ring(sqe, ring_fd, 0, TAG_WOKEN, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	io_uring_sqe_set_data64(sqe, (uint64_t)(uint32_t)ring_fd << 3 | TAG_WAKE);
	return true;
}

/* Leaves with the next submission of `from`, at the latest at the start of its next turn. */
static bool uring_wake(struct bf_loop *from, const struct bf_loop *target)
{
	const struct uring *target_io = target->io;
	struct uring *io = from->io;

	return io->has_msg_ring && wake_ring(io, target_io->ring.ring_fd);
}

/* --- completions --- */

static void deliver_batch(struct uring *io)
{
	struct bf_watch *watch = io->batch_watch;
	size_t count = io->batch_count;

	if (count == 0)
		return;
	io->batch_count = 0;
	if (!watch->is_closing)
		watch->ops->on_packets(watch, io->batch, count);
	for (size_t i = 0; i < count; i++)
		buffers_put(&io->udp, io->batch_ids[i]);
}

static void on_datagram(struct bf_loop *loop, struct uring *io, struct bf_watch *watch,
	const struct io_uring_cqe *cqe)
{
	uint16_t id = buffer_id(cqe);
	uint8_t *buffer = io->udp.slab + (size_t)id * io->udp.size;
	struct io_uring_recvmsg_out *head =
		io_uring_recvmsg_validate(buffer, cqe->res, &io->udp_msg);
	struct bf_udp_packet *packet;
	struct msghdr control;

	if (!head || watch->is_closing) {
		buffers_put(&io->udp, id);
		return;
	}
	if ((head->flags & MSG_TRUNC) || head->payloadlen > BF_UDP_MTU) {
		++*watch->oversize_count;
		buffers_put(&io->udp, id);
		return;
	}
	if (io->batch_watch != watch || io->batch_count == BF_UDP_BATCH)
		deliver_batch(io);
	io->batch_watch = watch;
	io->batch_ids[io->batch_count] = id;
	packet = &io->batch[io->batch_count++];
	control = (struct msghdr){
		.msg_control = (uint8_t *)io_uring_recvmsg_name(head) + io->udp_msg.msg_namelen,
		.msg_controllen = head->controllen};
	bf_udp_packet_fill(loop, packet, io_uring_recvmsg_name(head), &control);
	packet->data = io_uring_recvmsg_payload(head, &io->udp_msg);
	packet->len = head->payloadlen;
}

static void on_bytes(struct uring *io, struct bf_watch *watch, const struct io_uring_cqe *cqe)
{
	uint16_t id = buffer_id(cqe);

	if (cqe->res > 0 && !watch->is_closing)
		watch->ops->on_bytes(watch,
			bf_bytes(io->stream.slab + (size_t)id * io->stream.size, (size_t)cqe->res));
	buffers_put(&io->stream, id);
}

static bool is_transient(int err)
{
	/* ENOBUFS: all buffers are out; ECANCELED: a pause that was taken back meanwhile */
	return err == -ENOBUFS || err == -ECANCELED || err == -EINTR || err == -EAGAIN;
}

static void on_stream(struct uring *io, struct bf_watch *watch, const struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_BUFFER)
		on_bytes(io, watch, cqe);
	if (cqe->res > 0 || is_transient(cqe->res) || watch->is_closing)
		return;
	watch->rx_wanted = false;
	watch->ops->on_end(watch, cqe->res);
}

static void on_connection(struct bf_watch *watch, const struct io_uring_cqe *cqe)
{
	if (watch->is_closing) {
		if (cqe->res >= 0)
			close(cqe->res);
		return;
	}
	if (!is_transient(cqe->res))
		watch->ops->on_accept(watch, cqe->res);
}

static void on_rx(struct bf_loop *loop, struct uring *io, struct bf_watch *watch,
	const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		watch->rx_armed = false;
		bf_watch_changed(watch); /* arms it again if it is still wanted */
	}
	switch (watch->ops->kind) {
	case BF_WATCH_UDP:
		if (cqe->flags & IORING_CQE_F_BUFFER)
			on_datagram(loop, io, watch, cqe);
		break;
	case BF_WATCH_STREAM:
		on_stream(io, watch, cqe);
		break;
	case BF_WATCH_LISTENER:
		on_connection(watch, cqe);
		if (is_too_greedy(watch))
			bf_watch_changed(watch);
		break;
	case BF_WATCH_READY:
		if (watch->is_closing || !watch->rx_wanted || is_transient(cqe->res))
			break;
		watch->rx_wanted = false;
		watch->ops->on_readable(watch);
		break;
	}
}

static void on_wake_failed(struct uring *io, const struct io_uring_cqe *cqe)
{
	/* Full or out of memory: once more. A ring that is gone needs no waking. */
	if (cqe->res == -EOVERFLOW || cqe->res == -ENOMEM || cqe->res == -EAGAIN)
		wake_ring(io, (int)(cqe->user_data >> 3));
}

static void on_completion(struct bf_loop *loop, struct uring *io, const struct io_uring_cqe *cqe)
{
	struct bf_watch *watch =
		(struct bf_watch *)(uintptr_t)(cqe->user_data & ~(uint64_t)TAG_MASK);

	switch ((enum tag)(cqe->user_data & TAG_MASK)) {
	case TAG_RX:
		on_rx(loop, io, watch, cqe);
		break;
	case TAG_TX:
		watch->tx_armed = false;
		bf_watch_changed(watch);
		if (watch->tx_wanted && cqe->res != -ECANCELED) {
			watch->tx_wanted = false;
			watch->ops->on_writable(watch);
		}
		break;
	case TAG_RX_CANCEL: /* may have come too late or too early: sync looks again */
		watch->rx_cancelling = false;
		bf_watch_changed(watch);
		break;
	case TAG_TX_CANCEL:
		watch->tx_cancelling = false;
		bf_watch_changed(watch);
		break;
	case TAG_WOKEN:
		break;
	case TAG_WAKE:
		on_wake_failed(io, cqe);
		break;
	case TAG_EVENT:
		io->is_event_armed = false;
		break;
	}
}

static void uring_dispatch(struct bf_loop *loop)
{
	struct uring *io = loop->io;
	struct io_uring_cqe *cqes[BF_UDP_BATCH];
	unsigned count;

	for (unsigned done = 0; done < CQ_ENTRIES; done += count) {
		count = io_uring_peek_batch_cqe(&io->ring, cqes, BF_UDP_BATCH);
		if (count == 0)
			break;
		for (unsigned i = 0; i < count; i++)
			on_completion(loop, io, cqes[i]);
		io_uring_cq_advance(&io->ring, count);
	}
	deliver_batch(io);
}

/* --- opening --- */

static bool supports_msg_ring(struct io_uring *ring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool is_supported;

	if (!probe)
		return false;
	is_supported = io_uring_opcode_supported(probe, IORING_OP_MSG_RING);
	io_uring_free_probe(probe);
	return is_supported;
}

static void uring_close(struct bf_loop *loop)
{
	struct uring *io = loop->io;

	io_uring_queue_exit(&io->ring);
	buffers_close(&io->udp);
	buffers_close(&io->stream);
	free(io);
}

static size_t buffers_bytes(size_t count, size_t size)
{
	return (count * sizeof(struct io_uring_buf) + 4095) / 4096 * 4096 + count * size;
}

static size_t uring_bytes(void)
{
	return sizeof(struct uring) +
	       SQ_ENTRIES * (sizeof(struct io_uring_sqe) + sizeof(uint32_t)) +
	       CQ_ENTRIES * sizeof(struct io_uring_cqe) +
	       buffers_bytes(UDP_BUFFER_COUNT, BF_UDP_BUFFER_BYTES) +
	       buffers_bytes(STREAM_BUFFER_COUNT, STREAM_BUFFER_BYTES);
}

static int uring_open(struct bf_loop *loop)
{
	/* The flags also date the kernel: DEFER_TASKRUN came with 6.1, after all else that is used here.
	 * R_DISABLED, because the thread that makes the loop need not be the one that runs it. */
	struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED |
						  IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES};
	struct uring *io;
	int err;

	io = calloc(1, sizeof(*io));
	if (!io)
		return -ENOMEM;
	err = io_uring_queue_init_params(SQ_ENTRIES, &io->ring, &params);
	if (err)
		goto fail_io;
	err = buffers_open(&io->udp, &io->ring, 1, UDP_BUFFER_COUNT, BF_UDP_BUFFER_BYTES);
	if (err)
		goto fail_ring;
	err = buffers_open(&io->stream, &io->ring, 2, STREAM_BUFFER_COUNT, STREAM_BUFFER_BYTES);
	if (err)
		goto fail_udp;
	io->udp_msg =
		(struct msghdr){.msg_namelen = NAME_BYTES, .msg_controllen = BF_UDP_CONTROL_BYTES};
	io->has_msg_ring = supports_msg_ring(&io->ring);
	loop->io = io;
	return 0;

fail_udp:
	/* the kernel holds the buffer ring's pages until the ring is gone */
	io_uring_queue_exit(&io->ring);
	buffers_close(&io->udp);
	free(io);
	return err;
fail_ring:
	io_uring_queue_exit(&io->ring);
fail_io:
	free(io);
	return err;
}

const struct bf_io_ops bf_io_uring = {
	.io = BF_IO_URING,
	.open = uring_open,
	.bytes = uring_bytes,
	.close = uring_close,
	.sync = uring_sync,
	.wait = uring_wait,
	.dispatch = uring_dispatch,
	.flush = uring_flush,
	.wake = uring_wake,
};
