/* A peer's UDP socket: trains of datagrams in, single ones out. */
#include "media/rtp/rtp.h"
#include "scripts/bench/peer.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SOCKET_BYTES (1 << 20) /* a keyframe and some; the kernel gives what it may */

/* ---- in ---- */

static void on_rtp_or_rtcp(struct bench_peer *peer, uint8_t *data, size_t len, int64_t at_ns)
{
	if (!peer->srtp_in)
		peer->bench->totals.unknown_packets++;
	else if (bf_rtp_is_rtcp(bf_bytes(data, len)))
		bench_peer_on_rtcp(peer, data, len);
	else
		peer->ops->on_rtp(peer->arg, data, len, at_ns);
}

/* RFC 7983 section 7. */
static void on_datagram(struct bench_peer *peer, uint8_t *data, size_t len, int64_t at_ns)
{
	if (len > 0 && data[0] >= 128 && data[0] <= 191)
		on_rtp_or_rtcp(peer, data, len, at_ns);
	else if (len > 0 && data[0] <= 3)
		bench_peer_on_stun(peer, bf_bytes(data, len));
	else if (len > 0 && data[0] >= 20 && data[0] <= 63)
		bench_peer_on_dtls(peer, bf_bytes(data, len));
	else
		peer->bench->totals.unknown_packets++;
}

struct notes {
	size_t segment; /* 0: the whole is one datagram */
	int64_t at_ns;
};

static struct notes read_control(struct bench_peer *peer, struct msghdr *msg, int64_t now_ns)
{
	struct notes notes = {.at_ns = now_ns};

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level == SOL_UDP && cmsg->cmsg_type == UDP_GRO) {
			int size;
			memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
			notes.segment = (size_t)size;
		} else if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec time;
			memcpy(&time, CMSG_DATA(cmsg), sizeof(time));
			notes.at_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec -
				      peer->bench->real_offset_ns;
		} else if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SO_RXQ_OVFL) {
			uint32_t drops;
			memcpy(&drops, CMSG_DATA(cmsg), sizeof(drops));
			peer->bench->totals.socket_drops += drops - peer->kernel_drops;
			peer->kernel_drops = drops;
		}
	}
	return notes;
}

/* Only once it is connected: how a bad network slows the start is not what is measured. */
static bool is_impaired(struct bench_peer *peer, bool is_outgoing, const void *data, size_t len)
{
	return peer->bench->impair.is_on && peer->state == BENCH_PEER_LIVE &&
	       bench_impair_take(&peer->bench->impair, peer, is_outgoing, bf_bytes(data, len),
		       bench_now_ns());
}

static void on_message(struct bench_peer *peer, struct mmsghdr *message, int64_t now_ns)
{
	struct notes notes = read_control(peer, &message->msg_hdr, now_ns);
	uint8_t *data = message->msg_hdr.msg_iov->iov_base;
	size_t len = message->msg_len;
	size_t step = notes.segment ? notes.segment : len;

	peer->bench->totals.trains++;
	for (size_t at = 0; at < len; at += step) {
		size_t datagram_len = len - at < step ? len - at : step;
		if (!is_impaired(peer, false, data + at, datagram_len))
			on_datagram(peer, data + at, datagram_len, notes.at_ns);
	}
}

static void on_ready(void *arg, uint32_t events)
{
	struct bench_peer *peer = arg;
	struct bench_rx *rx = peer->bench->rx;
	struct mmsghdr messages[BENCH_RX_BATCH];
	struct iovec iovs[BENCH_RX_BATCH];
	int64_t now_ns;
	int count;

	(void)events; /* an ICMP error shows as an error of the call, and goes away by that */
	for (unsigned i = 0; i < BENCH_RX_BATCH; i++) {
		iovs[i] = (struct iovec){rx->data[i], BENCH_RX_BYTES};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i],
			.msg_iovlen = 1,
			.msg_control = rx->control[i],
			.msg_controllen = BENCH_RX_CONTROL};
	}
	count = recvmmsg(peer->source.fd, messages, BENCH_RX_BATCH, MSG_DONTWAIT, NULL);
	peer->bench->totals.reads++;
	now_ns = bench_now_ns();
	for (int i = 0; i < count && peer->source.fd >= 0; i++)
		on_message(peer, &messages[i], now_ns);
}

/* ---- out ---- */

int bench_peer_open_udp(struct bench_peer *peer)
{
	const struct bench_options *options = peer->bench->options;
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&peer->bench->local, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, bytes = SOCKET_BYTES;

	if (fd < 0)
		return -errno;
	peer->source = (struct bench_source){.on_ready = on_ready, .arg = peer, .fd = fd};
	/* Without GRO the kernel cuts trains up again at the sender's expense, and the server pays for its test client. */
	if (options->has_gro)
		(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (options->has_kernel_times)
		(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, sa_len) < 0 ||
		getsockname(fd, (struct sockaddr *)&sa, &sa_len) < 0)
		return -errno;
	peer->local.addr = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	return 0;
}

int bench_peer_connect_udp(struct bench_peer *peer)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&peer->remote->addr, &sa);

	if (connect(peer->source.fd, (struct sockaddr *)&sa, sa_len) < 0)
		return -errno;
	bench_watch(peer->bench, &peer->source, EPOLLIN);
	return 0;
}

static int send_now(struct bench_peer *peer, const void *data, size_t len)
{
	if (send(peer->source.fd, data, len, MSG_DONTWAIT) == (ssize_t)len)
		return 0;
	peer->bench->totals.send_errors++;
	return -EIO;
}

int bench_peer_send(struct bench_peer *peer, const void *data, size_t len)
{
	return is_impaired(peer, true, data, len) ? 0 : send_now(peer, data, len);
}

int64_t bench_peer_run_held(struct bench *bench, int64_t now_ns)
{
	const struct bench_held *held;
	uint8_t data[BENCH_HELD_BYTES];

	if (!bench->impair.held)
		return INT64_MAX;
	while ((held = bench_impair_poll(&bench->impair, now_ns))) {
		struct bench_peer *peer = held->peer;
		size_t len = held->len;
		if (peer->state != BENCH_PEER_LIVE)
			continue;
		memcpy(data, held->data, len); /* what it sets off may be held back in its turn */
		if (held->is_outgoing)
			(void)send_now(peer, data, len);
		else
			on_datagram(peer, data, len, now_ns);
	}
	return bench_impair_deadline_ns(&bench->impair);
}
