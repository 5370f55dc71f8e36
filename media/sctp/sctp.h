/* media/sctp/sctp.h - data channels: SCTP over DTLS and the channel protocol (the door of usrsctp).
 *
 * One stack a process (usrsctp has one), without threads of its own; an association for each transport that
 * negotiated data channels. Everything usrsctp wants to say goes through a queue of the worker that owns the association, so
 * that its callbacks may come on any thread. A packet that finds the queue full is lost; SCTP repeats it.
 * Owner:   main.c owns the stack; the transport owns its association.
 * Thread:  an association: its worker. bf_sctp_stack_on_timer: worker 0, every BF_SCTP_TICK_US while it is needed.
 * Limits:  see the constants; beyond them the peer's message or channel is refused and counted, the association lives.
 * Source:  RFC 8831, RFC 8832 (DCEP), RFC 9260, RFC 3758, RFC 8261; draft-ietf-tsvwg-sctp-... ASCONF, AUTH and multi-homing off.
 */
#ifndef BF_MEDIA_SCTP_SCTP_H
#define BF_MEDIA_SCTP_SCTP_H

#include "core/base/bytes.h"
#include "media/drop.h"

#define BF_SCTP_TICK_US	       10000
#define BF_SCTP_MTU	       1200
#define BF_SCTP_CHANNELS       256    /* open channels of one association */
#define BF_SCTP_MESSAGE_MAX    262144 /* bytes of one message, as max-message-size announces */
#define BF_SCTP_SEND_QUEUE_MAX (4 * 1024 * 1024) /* unsent bytes of one association */
#define BF_SCTP_LABEL_MAX      128		 /* bytes of label, and of protocol */

struct bf_sctp_stack;
struct bf_sctp;

/* `worker_count` output queues. `wake(arg, worker)` is called, from any thread, when worker's queues went from empty to
 * not empty and the caller is another thread than that worker's (cheap: post it a message, set an eventfd ...). */
int bf_sctp_stack_new(struct bf_sctp_stack **out, unsigned worker_count,
	void (*wake)(void *arg, unsigned worker), void *arg);

/* All associations must be gone. Accepts NULL. */
void bf_sctp_stack_free(struct bf_sctp_stack *stack);

/* Drive usrsctp's timers, and whether they have to be driven now: not while there is no association anywhere. When the first one
 * comes, worker 0 is woken to look. */
void bf_sctp_stack_on_timer(struct bf_sctp_stack *stack, int64_t now_us);
bool bf_sctp_stack_needs_timer(struct bf_sctp_stack *stack);

/* What worker `worker` has waiting: an SCTP packet for `id`'s DTLS (kind OUTPUT) or the news that `id` has something to
 * read (kind READABLE; then call bf_sctp_poll_event until it says 0). Returns 1 and fills, or 0 when empty. `packet` is
 * lent until the next call. */
enum bf_sctp_news {
	BF_SCTP_OUTPUT,
	BF_SCTP_READABLE,
};
struct bf_sctp_item {
	enum bf_sctp_news news;
	uint64_t id;
	struct bf_bytes packet;
};
int bf_sctp_stack_poll(struct bf_sctp_stack *stack, unsigned worker, struct bf_sctp_item *out);

enum bf_sctp_type {
	BF_SCTP_RELIABLE,
	BF_SCTP_REXMIT, /* at most `limit` retransmissions */
	BF_SCTP_TIMED,	/* at most `limit` milliseconds */
};

struct bf_sctp_channel {
	uint16_t stream;
	bool is_unordered;
	enum bf_sctp_type type;
	uint32_t limit;
	uint16_t priority;
	struct bf_bytes label; /* UTF-8 */
	struct bf_bytes protocol;
};

/* `id` is the transport's id (never a pointer; it travels in the state cookie). `is_dtls_client` decides who uses even
 * streams (RFC 8832 section 6). `remote_max_message` from the description (0: not said, which is 65536 by RFC 8841). */
int bf_sctp_new(struct bf_sctp **out, struct bf_sctp_stack *stack, unsigned worker, uint64_t id,
	uint16_t local_port, uint16_t remote_port, bool is_dtls_client,
	uint64_t remote_max_message);

/* Aborts the association. Accepts NULL. */
void bf_sctp_free(struct bf_sctp *sctp);

/* Both sides connect; call when DTLS is connected. */
int bf_sctp_start(struct bf_sctp *sctp);

/* One SCTP packet out of DTLS. */
enum bf_drop bf_sctp_on_packet(struct bf_sctp *sctp, struct bf_bytes packet);

enum bf_sctp_event_kind {
	BF_SCTP_CONNECTED,
	BF_SCTP_OPEN, /* `channel` was opened by the peer (already acknowledged), or ours was acknowledged */
	BF_SCTP_MESSAGE, /* `data` on `channel`; is_text tells UTF-8 from binary; lent until the next poll */
	BF_SCTP_CLOSE, /* `channel` was closed by the peer (stream reset answered) */
	BF_SCTP_DRAINED, /* after a send was refused for want of room: the queue is below half its limit again */
	BF_SCTP_GONE, /* association lost, aborted or shut down */
};
struct bf_sctp_event {
	enum bf_sctp_event_kind kind;
	const struct bf_sctp_channel *channel;
	bool is_text;
	struct bf_bytes data;
};
/* Returns 1 and fills `out`, or 0 when there is nothing. */
int bf_sctp_poll_event(struct bf_sctp *sctp, struct bf_sctp_event *out);

/* Open a channel with the given properties (stream is chosen here); *out is lent until the channel closes. -ENOBUFS:
 * no stream left; -EPROTO: not connected. */
int bf_sctp_open(struct bf_sctp *sctp, const struct bf_sctp_channel *props,
	const struct bf_sctp_channel **out);

/* A channel with that label, open or still opening (which can be sent on already), or NULL. */
const struct bf_sctp_channel *bf_sctp_find(const struct bf_sctp *sctp, struct bf_bytes label);

/* Queue one message. -ENOBUFS: send queue full (nothing was sent), and half of it until BF_SCTP_DRAINED; -EMSGSIZE: over either
 * side's limit; -EPROTO: no such channel. Empty messages are sent as RFC 8831 section 6.6 has it. */
int bf_sctp_send(struct bf_sctp *sctp, uint16_t stream, bool is_text, struct bf_bytes data);

/* Reset the stream, after what is queued on it. No event follows; the channel is no longer the caller's. */
void bf_sctp_close_channel(struct bf_sctp *sctp, uint16_t stream);

struct bf_sctp_counters {
	uint64_t messages_in, messages_out, refused_oversize, refused_channel, refused_dcep;
};
const struct bf_sctp_counters *bf_sctp_counters(const struct bf_sctp *sctp);

#endif
