#include "core/loop/udp.h"

#include "core/base/clock.h"
#include "core/loop/udp_priv.h"

#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TX_SLAB_BYTES_DEFAULT (1024 * 1024)
#define STAMP_OLD_US	      (2 * 1000000)

struct bf_udp {
	struct bf_watch watch;

	/* given */
	void (*on_packets)(
		void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count);
	void *arg;

	/* owned */
	struct bf_udp_tx tx;
	int route_fd; /* never sends: asks for routes; -1: not yet needed */

	/* state */
	struct bf_addr local;
	bool is_any; /* bound to any: each datagram tells its own local address */
	struct bf_loop_hook flush_hook;
	struct bf_udp_counters counters;
};

/* --- opening --- */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_buffer(int fd, int force_name, int name, size_t bytes)
{
	int value = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;

	/* Beyond the system's limit only a privileged process may go; the other gets as much as is allowed. */
	if (bytes > 0 && set_int(fd, SOL_SOCKET, force_name, value))
		set_int(fd, SOL_SOCKET, name, value);
}

static int set_options(int fd, const struct bf_addr *bind_addr, const struct bf_udp_conf *conf)
{
	bool is_any = bf_addr_is_any(bind_addr);
	int err;

	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, conf->rcvbuf_bytes);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, conf->sndbuf_bytes);
	(void)set_int(
		fd, SOL_SOCKET, SO_TIMESTAMPNS, 1); /* without, packets come when they are read */
	/* PROBE sets DF and ignores what ICMP says of the path's MTU: anyone may send such ICMP, and media is
	 * sized for small paths anyway. It also spares the kernel choosing IP ids. */
	if (bind_addr->family == 4) {
		err = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
		if (!err && is_any)
			err = set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		return err;
	}
	err = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!err)
		err = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	if (!err && is_any)
		err = set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return err;
}

static int open_socket(const struct bf_addr *bind_addr, const struct bf_udp_conf *conf)
{
	int fd = socket(bind_addr->family == 4 ? AF_INET : AF_INET6,
		SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t sa_len;
	int err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, bind_addr, conf);
	if (err)
		goto fail;
	sa_len = bf_addr_to_sockaddr(bind_addr, &sa);
	if (bind(fd, (struct sockaddr *)&sa, sa_len) < 0) {
		err = -errno;
		goto fail;
	}
	return fd;

fail:
	close(fd);
	return err;
}

/* What the kernel made of our wishes. */
static void read_back(struct bf_udp *udp)
{
	struct sockaddr_storage sa = {0};
	socklen_t sa_len = sizeof(sa), int_len = sizeof(int);
	int value = 0;

	if (getsockname(udp->watch.fd, (struct sockaddr *)&sa, &sa_len) == 0)
		udp->local = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	if (getsockopt(udp->watch.fd, SOL_SOCKET, SO_RCVBUF, &value, &int_len) == 0)
		udp->counters.rcvbuf_bytes =
			(uint64_t)value / 2; /* the kernel doubles it for its own use */
	int_len = sizeof(int);
	udp->counters.has_gso =
		getsockopt(udp->watch.fd, IPPROTO_UDP, UDP_SEGMENT, &value, &int_len) == 0;
}

/* --- receiving --- */

static void read_pktinfo(struct bf_udp_packet *packet, const struct cmsghdr *cmsg)
{
	if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memcpy(packet->local.ip, &info.ipi_addr, sizeof(info.ipi_addr));
		packet->local.family = 4;
	} else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memcpy(packet->local.ip, &info.ipi6_addr, sizeof(info.ipi6_addr));
		packet->local.family = 6;
	}
}

/* The kernel stamps by the wall clock. A stamp that the wall clock's own jump has made impossible counts as now. */
static int64_t arrival_us(struct bf_loop *loop, const struct timespec *stamp)
{
	int64_t at_us;

	if (loop->wall_offset_us == 0)
		loop->wall_offset_us = bf_clock_wall_us() - bf_clock_mono_us();
	at_us = (int64_t)stamp->tv_sec * 1000000 + stamp->tv_nsec / 1000 - loop->wall_offset_us;
	return at_us <= loop->now_us && at_us > loop->now_us - STAMP_OLD_US ? at_us : loop->now_us;
}

void bf_udp_packet_fill(struct bf_loop *loop, struct bf_udp_packet *packet,
	const struct sockaddr *name, const struct msghdr *control)
{
	packet->remote = bf_addr_from_sockaddr(name);
	packet->local = (struct bf_addr){.family = 0};
	packet->at_us = loop->now_us;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(control); cmsg;
		cmsg = CMSG_NXTHDR((struct msghdr *)(uintptr_t)control, cmsg)) {
		struct timespec stamp;

		read_pktinfo(packet, cmsg);
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(cmsg), sizeof(stamp));
		packet->at_us = arrival_us(loop, &stamp);
	}
}

static void on_packets(struct bf_watch *watch, struct bf_udp_packet *packets, size_t count)
{
	struct bf_udp *udp = BF_CONTAINER(watch, struct bf_udp, watch);

	udp->counters.rx_packets += count;
	for (size_t i = 0; i < count; i++) {
		udp->counters.rx_bytes += packets[i].len;
		if (udp->is_any)
			packets[i].local.port = udp->local.port;
		else
			packets[i].local = udp->local;
	}
	udp->on_packets(udp->arg, udp, packets, count);
}

/* --- life --- */

static void on_released(struct bf_watch *watch)
{
	struct bf_udp *udp = BF_CONTAINER(watch, struct bf_udp, watch);

	if (udp->route_fd >= 0)
		close(udp->route_fd);
	bf_udp_tx_deinit(&udp->tx);
	free(udp);
}

static void on_abandon(struct bf_watch *watch)
{
	(void)watch; /* the caller forgot bf_udp_close, which bf_loop_free asserts */
}

static const struct bf_watch_ops udp_watch_ops = {
	.kind = BF_WATCH_UDP,
	.on_packets = on_packets,
	.on_released = on_released,
	.on_abandon = on_abandon,
};

static void on_turn_end(void *arg)
{
	bf_udp_flush(arg);
}

static size_t slab_bytes(const struct bf_udp_conf *conf)
{
	return conf->tx_slab_bytes ? conf->tx_slab_bytes : TX_SLAB_BYTES_DEFAULT;
}

size_t bf_udp_bytes(const struct bf_udp_conf *conf)
{
	return sizeof(struct bf_udp) + bf_udp_tx_bytes(slab_bytes(conf));
}

int bf_udp_open(struct bf_udp **out, struct bf_loop *loop, const struct bf_addr *bind_addr,
	const struct bf_udp_conf *conf,
	void (*on_packets_cb)(
		void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count),
	void *arg)
{
	struct bf_udp *udp;
	int fd, err;

	assert(out);
	fd = open_socket(bind_addr, conf);
	if (fd < 0)
		return fd;
	udp = aligned_alloc(64, (sizeof(*udp) + 63) / 64 * 64);
	if (!udp) {
		err = -ENOMEM;
		goto fail_fd;
	}
	memset(udp, 0, sizeof(*udp));
	udp->on_packets = on_packets_cb;
	udp->route_fd = -1;
	udp->arg = arg;
	err = bf_udp_tx_init(&udp->tx, fd, bind_addr, slab_bytes(conf), &udp->counters);
	if (err)
		goto fail_udp;
	udp->tx.before_flush = conf->before_flush;
	udp->tx.arg = arg;
	bf_loop_hook_init(&udp->flush_hook, on_turn_end, udp);
	bf_watch_open(&udp->watch, loop, &udp_watch_ops, fd);
	read_back(udp);
	udp->counters.has_gso = udp->counters.has_gso && !conf->is_single;
	udp->is_any = bf_addr_is_any(&udp->local);
	udp->watch.oversize_count = &udp->counters.rx_oversize;
	udp->watch.rx_wanted = true;
	bf_watch_changed(&udp->watch);
	*out = udp;
	return 0;

fail_udp:
	free(udp);
fail_fd:
	close(fd);
	return err;
}

void bf_udp_close(struct bf_udp *udp)
{
	bf_udp_flush(udp);
	bf_watch_close(&udp->watch);
}

struct bf_addr bf_udp_local(const struct bf_udp *udp)
{
	return udp->local;
}

const struct bf_udp_counters *bf_udp_counters(const struct bf_udp *udp)
{
	return &udp->counters;
}

/* --- sending --- */

uint8_t *bf_udp_reserve(struct bf_udp *udp, const struct bf_addr *local,
	const struct bf_addr *remote, size_t size_max)
{
	assert(!udp->watch.is_closing);
	return bf_udp_tx_reserve(&udp->tx, local, remote, size_max);
}

void bf_udp_commit(struct bf_udp *udp, size_t len)
{
	bf_udp_tx_commit(&udp->tx, len);
	bf_loop_hook_request(udp->watch.loop, &udp->flush_hook);
}

void bf_udp_revoke(struct bf_udp *udp, const uint8_t *data)
{
	bf_udp_tx_revoke(&udp->tx, data);
}

/* Connecting a datagram socket sends nothing; it makes the kernel choose a source, unless one is left of the time before. */
bool bf_udp_is_default_source(
	struct bf_udp *udp, const struct bf_addr *local, const struct bf_addr *remote)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(remote, &sa);
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	struct bf_addr chosen;

	if (udp->route_fd < 0)
		udp->route_fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (udp->route_fd < 0 || remote->family != udp->local.family ||
		connect(udp->route_fd, &nobody, sizeof(nobody)) < 0 ||
		connect(udp->route_fd, (struct sockaddr *)&sa, sa_len) < 0)
		return false;
	sa_len = sizeof(sa);
	if (getsockname(udp->route_fd, (struct sockaddr *)&sa, &sa_len) < 0)
		return false;
	chosen = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	return chosen.family == local->family &&
	       memcmp(chosen.ip, local->ip, sizeof(chosen.ip)) == 0;
}

void bf_udp_flush(struct bf_udp *udp)
{
	bf_loop_hook_cancel(&udp->flush_hook);
	bf_udp_tx_flush(&udp->tx);
}
