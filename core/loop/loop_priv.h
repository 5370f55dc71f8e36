/* core/loop/loop_priv.h - the loop's inside, and the line between sockets and backends.
 *
 * A watch is one file descriptor with a receiving side and a one-shot "writable" side. udp.c and tcp.c
 * are written once over watches; uring.c and epoll.c are the two ways to serve them. Owners only state
 * what they want (rx_wanted, tx_wanted) and call bf_watch_changed; the backend is told once a turn,
 * just before it sleeps, so that a pause and a resume within one turn cost nothing.
 * Owner:   a watch is embedded in its socket, which lives until on_released.   Thread: the loop's.
 */
#ifndef BF_CORE_LOOP_LOOP_PRIV_H
#define BF_CORE_LOOP_LOOP_PRIV_H

#include "core/base/bytes.h"
#include "core/loop/loop.h"
#include "core/loop/timer.h"
#include "core/loop/udp.h"

#include <pthread.h>
#include <stdatomic.h>

/* A datagram's buffer also holds what the kernel puts before the bytes (uring): 16 + 32 + 72 bytes. */
#define BF_UDP_BUFFER_BYTES 2048

/* Room for IPV6_PKTINFO (IP_PKTINFO is smaller) and SO_TIMESTAMPNS: CMSG_SPACE of struct in6_pktinfo and of struct timespec. */
#define BF_UDP_CONTROL_BYTES 72

struct bf_watch;

struct bf_watch_ops {
	enum {
		BF_WATCH_UDP,
		BF_WATCH_LISTENER,
		BF_WATCH_STREAM,
		BF_WATCH_READY,
	} kind;

	/* UDP: 1 .. BF_UDP_BATCH datagrams. `local` has only its ip, and only where the kernel told it. */
	void (*on_packets)(struct bf_watch *watch, struct bf_udp_packet *packets, size_t count);

	/* Listener: a connected non-blocking socket that the callee now owns, or a negative errno. */
	void (*on_accept)(struct bf_watch *watch, int fd);

	/* Stream: bytes, lent until the call returns. */
	void (*on_bytes)(struct bf_watch *watch, struct bf_bytes data);

	/* Stream: nothing follows; `err` is 0 at the peer's FIN. rx_wanted has been cleared. */
	void (*on_end)(struct bf_watch *watch, int err);

	/* Ready: something to read, the end, or an error. rx_wanted has been cleared. */
	void (*on_readable)(struct bf_watch *watch);

	/* Stream and ready: room to send. tx_wanted has been cleared. */
	void (*on_writable)(struct bf_watch *watch);

	/* After bf_watch_close: the kernel has let go and the descriptor is closed. Last call. */
	void (*on_released)(struct bf_watch *watch);

	/* The loop is being freed. Streams that linger end here; all else should have been closed. */
	void (*on_abandon)(struct bf_watch *watch);
};

struct bf_watch {
	/* given */
	const struct bf_watch_ops *ops;
	struct bf_loop *loop;

	/* owned */
	int fd;

	/* state: the socket's wishes */
	bool rx_wanted;
	bool tx_wanted;
	bool is_closing;
	size_t accept_room; /* listener: how many more may be accepted now */
	uint64_t
		*oversize_count; /* UDP: where to count longer datagrams, which the backend drops */

	/* state: the backend's */
	struct bf_list node;	     /* in loop->watches, or in loop->released */
	struct bf_list changed_node; /* in loop->changed */
	bool rx_armed,
		rx_cancelling; /* uring: the operation, and its cancellation, are in flight */
	bool tx_armed, tx_cancelling;
	bool rx_is_multishot;
	bool is_added; /* epoll */
	uint32_t epoll_events;
};

/* Put `fd` on the loop; on_released closes the descriptor's life that begins here. Cannot fail: the
 * backend arms it at the next turn, and reports trouble through on_end or on_accept. */
void bf_watch_open(
	struct bf_watch *watch, struct bf_loop *loop, const struct bf_watch_ops *ops, int fd);
void bf_watch_changed(struct bf_watch *watch);
void bf_watch_close(struct bf_watch *watch);

/* For backends: nothing of a closing watch is in flight any more. */
void bf_watch_release(struct bf_watch *watch);

/* For backends: fill `packet` from a datagram's address and control data. */
struct msghdr;
struct sockaddr;
void bf_udp_packet_fill(struct bf_loop *loop, struct bf_udp_packet *packet,
	const struct sockaddr *name, const struct msghdr *control);

/* A backend. All but `wake` are called on the loop's thread (`open` also before it exists). */
struct bf_io_ops {
	enum bf_io io;
	int (*open)(struct bf_loop *loop);
	size_t (*bytes)(void); /* that `open` takes */
	void (*close)(struct bf_loop *loop);

	/* Bring what the kernel does in line with the watch's wishes; release it if it is closing and nothing
	 * is in flight. False: no room now, ask again. */
	bool (*sync)(struct bf_loop *loop, struct bf_watch *watch);

	/* Submit, then sleep until something is ready or `wait_us` passed (0: not, -1: without end). */
	int (*wait)(struct bf_loop *loop, int64_t wait_us);

	/* Hand what is ready to its watches. */
	void (*dispatch)(struct bf_loop *loop);

	/* Submit what is prepared, without waiting. */
	void (*flush)(struct bf_loop *loop);

	/* End the sleep of `target`. `from` is the loop that this thread is turning, of this backend. False:
	 * not this way, use the eventfd. May be NULL. */
	bool (*wake)(struct bf_loop *from, const struct bf_loop *target);
};

extern const struct bf_io_ops bf_io_uring;
extern const struct bf_io_ops bf_io_epoll;

struct bf_inbox;

struct bf_loop {
	/* owned */
	const struct bf_io_ops *ops;
	void *io; /* the backend's struct */
	int event_fd;

	/* state */
	_Atomic bool is_asleep; /* set before sleeping, cleared by whoever wakes it */
	int64_t now_us;
	int64_t rest_us;
	int64_t wall_offset_us; /* wall clock less monotonic clock; 0: not read in this turn */
	struct bf_loop_counters counters;
	int refusal; /* why BF_IO_AUTO did not get io_uring */
	bool is_turning;
	bool is_stopping;
	bool has_owner;
	pthread_t owner;
	struct bf_timer *timers; /* root of the pairing heap */
	struct bf_list hooks;
	struct bf_list inboxes;
	struct bf_inbox
		*inbox_next; /* where the walk over inboxes goes on; moved when that one is freed */
	struct bf_list pipes;	/* that it reads */
	struct bf_list watches; /* open, or closing with operations in flight */
	struct bf_list changed;
	struct bf_list released;
};

/* timer.c: when the next timer is due (INT64_MAX: none), and run those due, a bounded number. */
int64_t bf_timers_deadline_us(const struct bf_loop *loop);
void bf_timers_run(struct bf_loop *loop);

/* inbox.c */
bool bf_inboxes_have_message(const struct bf_loop *loop);
void bf_inboxes_run(struct bf_loop *loop);

/* pipe.c */
bool bf_pipes_have_record(const struct bf_loop *loop);
void bf_pipes_look(struct bf_loop *loop); /* what is there now is for this turn */
void bf_pipes_run(struct bf_loop *loop);

/* loop.c: wake a loop that may be asleep, after something was published to it by a sequentially consistent store; any thread. */
void bf_loop_rouse(struct bf_loop *loop);

#endif
