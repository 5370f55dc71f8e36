/* core/loop/udp.h - a UDP socket that receives in batches and sends in trains.
 *
 * Owner:   whoever opened it.   Thread: its loop's.
 * Receive: on_packets gets all datagrams that were ready, at most BF_UDP_BATCH at once. Their memory is
 *          lent until the call returns; it may be changed in place (decryption).
 * Send:    datagrams are written straight into the socket's tx slab (reserve, fill, commit) and leave at
 *          the end of the turn, in order for each destination. Neighbours of one destination and
 *          size leave as one GSO train where the kernel allows it.
 * Limits:  BF_UDP_MTU bytes a datagram; `tx_slab_bytes` a turn: a full slab is flushed at once, and what
 *          the kernel then refuses (EAGAIN, ENOBUFS) is dropped and counted.
 * Source:  udp(7) UDP_SEGMENT, ip(7) IP_PKTINFO, ipv6(7) IPV6_PKTINFO.
 */
#ifndef BF_CORE_LOOP_UDP_H
#define BF_CORE_LOOP_UDP_H

#include "core/base/addr.h"
#include "core/loop/loop.h"

#include <stddef.h>

#define BF_UDP_BATCH 64
#define BF_UDP_MTU   1500 /* largest datagram sent or accepted; longer ones are dropped and counted */

struct bf_udp;

struct bf_udp_packet {
	uint8_t *data;
	size_t len;
	struct bf_addr remote;
	struct bf_addr local; /* the address it was sent to, also on a socket bound to any */
	int64_t at_us; /* when the kernel received it, on the loop's clock; not after the turn's beginning */
};

struct bf_udp_conf {
	size_t rcvbuf_bytes; /* SO_RCVBUF asked for; 0 leaves the system's */
	size_t sndbuf_bytes;
	size_t tx_slab_bytes; /* 0: 1 MiB */
	bool is_single;	      /* each datagram by itself, no trains */
	/* Called with `arg` before committed datagrams leave, whatever makes them leave: the owner finishes writing those it
	 * has committed but not filled yet (encryption in batches). Must not reserve. May be NULL. */
	void (*before_flush)(void *arg);
};

struct bf_udp_counters {
	uint64_t rx_packets, rx_bytes, rx_oversize;
	uint64_t tx_packets, tx_bytes, tx_dropped;
	uint64_t
		tx_trains; /* sends, of one datagram or more: tx_packets / tx_trains is the mean length */
	uint64_t rcvbuf_bytes; /* what the kernel granted, in the unit it was asked for */
	bool has_gso;	       /* false once the kernel or the device refused a train */
};

/* The memory such a socket takes here. The kernel's buffers come on top: up to twice what is asked for, as they fill. */
size_t bf_udp_bytes(const struct bf_udp_conf *conf);

/* Open and bind. IPv6 sockets are IPV6_V6ONLY. The errors of socket(2) and bind(2) as negative errno. */
int bf_udp_open(struct bf_udp **out, struct bf_loop *loop, const struct bf_addr *bind_addr,
	const struct bf_udp_conf *conf,
	void (*on_packets)(
		void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count),
	void *arg);

/* No callback follows; freed when the kernel has let go of its buffers. */
void bf_udp_close(struct bf_udp *udp);

/* The bound address, with the port the kernel chose if it was 0. */
struct bf_addr bf_udp_local(const struct bf_udp *udp);

/* Memory for one datagram of at most `size_max` bytes (<= BF_UDP_MTU) from `local` (family 0: the kernel
 * chooses) to `remote`. Valid until commit; one reservation at a time. NULL: slab full even after a
 * flush, larger than BF_UDP_MTU, or another address family than the socket's; counted as dropped. Not committing, or committing 0, sends nothing. */
uint8_t *bf_udp_reserve(struct bf_udp *udp, const struct bf_addr *local,
	const struct bf_addr *remote, size_t size_max);
void bf_udp_commit(struct bf_udp *udp, size_t len);

/* Take back a committed datagram that has not left: `data` is what bf_udp_reserve gave for it. */
void bf_udp_revoke(struct bf_udp *udp, const uint8_t *data);

/* Whether the kernel would send to `remote` from `local` by itself: then leave `local` out when reserving. To name it costs the
 * kernel another look at its routes, a fifth of a single datagram's way. Asks the kernel: not for each packet. */
bool bf_udp_is_default_source(
	struct bf_udp *udp, const struct bf_addr *local, const struct bf_addr *remote);

/* Send what is committed now instead of at the turn's end. */
void bf_udp_flush(struct bf_udp *udp);

const struct bf_udp_counters *bf_udp_counters(const struct bf_udp *udp);

#endif
