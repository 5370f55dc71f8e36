/* media/sctp/stack_priv.h - the one door to usrsctp: its life, its callbacks, and a socket for each association.
 *
 * usrsctp is one per process and calls back without saying for whom but by an address. That address is a slot's number plus one:
 * no pointer, and none of it leaves the process but in a cookie that only we read. Slots are used again when their association
 * is gone, and their addresses stay registered: taking one back would set usrsctp's iterator thread going over all endpoints.
 *
 * Every call into usrsctp is made inside the gate, a mutex. It has locks of its own, but its timers are freed by one thread while
 * another may just have taken them off the list to run them (a callout holds no reference), so that timers and teardown must not
 * overlap; with the gate nothing does. What is inside is short: one packet, one message, one tick. Callbacks run in the gate.
 *
 * Queues have a lock each, held for one copy. These mutexes stand here and not in core/ because they guard only what usrsctp's
 * callbacks and one worker share.
 *
 * Owner:   sctp_stack.c the stack, sctp.c the sockets.   Thread: as said of each function.
 */
#ifndef BF_MEDIA_SCTP_STACK_PRIV_H
#define BF_MEDIA_SCTP_STACK_PRIV_H

#include "core/base/list.h"
#include "media/sctp/sctp.h"

struct socket; /* usrsctp's */

struct sctp_slot {
	/* guarded by the gate */
	unsigned idx;
	bool is_live;
	bool wants_room; /* tell when the send queue has fallen below its limit */
	bool has_room;	 /* it has */
	uint64_t id;
	unsigned worker;
	struct sctp_slot *next_free;
	/* guarded by the lock of the worker's queue */
	struct bf_list readable;
};

/* A socket of one association. */
struct sctp_sock {
	struct bf_sctp_stack *stack;
	struct sctp_slot *slot;
	struct socket *so;
};

struct sctp_sock_conf {
	unsigned worker;
	uint64_t id;
	uint16_t local_port, remote_port;
};

/* What one read gave. */
struct sctp_input {
	size_t len;
	uint16_t stream;
	uint32_t ppid;
	bool is_notification;
	bool is_end; /* of the message; false: more of it follows with the next read */
};

/* A socket with all its options, bound. -ENOMEM, -ENOBUFS (no slot), or usrsctp's errno. */
int sctp_sock_open(
	struct sctp_sock *sock, struct bf_sctp_stack *stack, const struct sctp_sock_conf *conf);

/* Aborts the association (the ABORT goes to the queue) and gives back the slot. Nothing of it is called afterwards. */
void sctp_sock_close(struct sctp_sock *sock);

int sctp_sock_connect(struct sctp_sock *sock, uint16_t remote_port);
void sctp_sock_input(struct sctp_sock *sock, struct bf_bytes packet);

/* 1 and what was read; 0 when there is nothing; -ECONNRESET when the association is over. */
int sctp_sock_read(struct sctp_sock *sock, uint8_t *data, size_t size, struct sctp_input *out);

/* One message, whole or not at all. -EAGAIN: no room, or the stream is being reset; other errors of usrsctp. `channel` gives stream,
 * order and reliability; `is_reliable` overrides the last two. */
int sctp_sock_send(struct sctp_sock *sock, const struct bf_sctp_channel *channel, bool is_reliable,
	uint32_t ppid, struct bf_bytes data);

/* Reset the outgoing side of a stream once what is queued on it has been sent. */
int sctp_sock_reset(struct sctp_sock *sock, uint16_t stream);

/* Bytes the send queue takes. With `wants_room`, sctp_sock_has_room becomes true when it is below that, and the worker gets the
 * news. */
void sctp_sock_limit(struct sctp_sock *sock, int size_bytes, bool wants_room);
bool sctp_sock_has_room(struct sctp_sock *sock);

#endif
