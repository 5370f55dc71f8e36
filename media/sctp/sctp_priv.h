/* media/sctp/sctp_priv.h - one association: its channels, and the message it is receiving.
 *
 * Owner:   the transport.   Thread: its worker.
 */
#ifndef BF_MEDIA_SCTP_SCTP_PRIV_H
#define BF_MEDIA_SCTP_SCTP_PRIV_H

#include "media/sctp/dcep_priv.h"
#include "media/sctp/stack_priv.h"

/* RFC 8831 section 8 */
enum ppid {
	PPID_DCEP = 50,
	PPID_TEXT = 51,
	PPID_BINARY_PARTIAL =
		52, /* deprecated, as 54: a message in parts that SCTP does not know of */
	PPID_BINARY = 53,
	PPID_TEXT_PARTIAL = 54,
	PPID_TEXT_EMPTY = 56,
	PPID_BINARY_EMPTY = 57,
};

enum channel_state {
	CHANNEL_OPENING, /* we asked; the peer has not answered. Sending works already, in order */
	CHANNEL_OPEN,
	CHANNEL_CLOSING, /* one or both sides are being reset; no longer the user's */
};

struct channel {
	struct bf_sctp_channel props;
	enum channel_state state;
	bool needs_ack; /* could not be sent yet: the stream is still being reset, or the queue is full */
	bool is_in_reset;    /* the peer's side has been reset */
	bool has_close_news; /* tell the user */
	uint8_t text[2 * BF_SCTP_LABEL_MAX];
};

/* A stream outlives its channels: our side's reset may still be on its way when the peer opens the next one. */
struct stream {
	struct channel *channel;
	bool needs_reset;  /* to be asked of usrsctp */
	bool is_resetting; /* asked, not answered yet */
};

enum assoc_state {
	ASSOC_NEW, /* nothing is sent, packets are dropped */
	ASSOC_CONNECTING,
	ASSOC_CONNECTED,
	ASSOC_GONE,
};

struct bf_sctp {
	/* given */
	uint16_t local_port, remote_port;
	bool is_dtls_client;
	bool has_peer_half;
	uint8_t peer_half; /* parity of the first stream the peer opened */
	uint64_t remote_max_message;
	/* owned */
	struct sctp_sock sock;
	struct stream streams[BF_SCTP_CHANNELS];
	struct channel *lent; /* closed; freed when the user asks for the next event */
	uint8_t *message;     /* what has come in of the message being read */
	size_t message_size;
	/* state */
	enum assoc_state state;
	unsigned stream_count; /* that both sides can use */
	size_t message_len;
	bool is_discarding; /* the rest of a message that was too long */
	bool is_send_full;  /* a send was refused, and the user not told yet that there is room */
	bool has_held;	    /* `message` is complete, but the OPEN it implied went first */
	struct sctp_input held;
	unsigned close_news_count;
	bool has_work; /* some channel needs an ACK, or some stream a reset */
	struct bf_sctp_counters counters;
};

/* ---- sctp_channel.c ---- */

/* Open or opening; NULL otherwise. */
struct channel *sctp_usable(struct bf_sctp *sctp, uint16_t stream);

/* A DCEP message on `stream`. Returns the channel that is open now, or NULL. */
struct channel *sctp_on_dcep(struct bf_sctp *sctp, uint16_t stream, struct bf_bytes message);

/* The peer's side of `stream` was reset, or ours (with `is_failed`: will not be). */
void sctp_on_reset_in(struct bf_sctp *sctp, uint16_t stream);
void sctp_on_reset_out(struct bf_sctp *sctp, uint16_t stream, bool is_failed);

/* Send the ACKs and resets that could not be sent before. */
void sctp_do_work(struct bf_sctp *sctp);

/* A closed channel the user has not been told of; it stays his until the next event. NULL if there is none. */
struct channel *sctp_take_closed(struct bf_sctp *sctp);

void sctp_free_channels(struct bf_sctp *sctp);

#endif
