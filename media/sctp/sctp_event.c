#include "media/sctp/sctp_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <usrsctp.h>

#define MESSAGE_SIZE_MIN 16384
#define NOTIFICATION_MAX 2048 /* usrsctp makes them in one cluster */
#define MESSAGE_SIZE_MAX (BF_SCTP_MESSAGE_MAX + NOTIFICATION_MAX)

static int gone(struct bf_sctp *sctp, struct bf_sctp_event *out)
{
	if (sctp->state == ASSOC_GONE)
		return 0;
	sctp->state = ASSOC_GONE;
	sctp->has_held = false;
	*out = (struct bf_sctp_event){.kind = BF_SCTP_GONE};
	return 1;
}

/* ---- notifications: each returns whether it made an event ---- */

static int on_assoc_change(
	struct bf_sctp *sctp, const struct sctp_assoc_change *change, struct bf_sctp_event *out)
{
	unsigned count = BF_SCTP_CHANNELS;

	if (change->sac_state != SCTP_COMM_UP || sctp->state != ASSOC_CONNECTING)
		return gone(sctp,
			out); /* lost, shut down, or the peer began anew, which DTLS rules out */
	if (count > change->sac_outbound_streams)
		count = change->sac_outbound_streams;
	if (count > change->sac_inbound_streams)
		count = change->sac_inbound_streams;
	sctp->stream_count = count;
	sctp->state = ASSOC_CONNECTED;
	*out = (struct bf_sctp_event){.kind = BF_SCTP_CONNECTED};
	return 1;
}

static void on_reset_of(struct bf_sctp *sctp, uint16_t flags, uint16_t stream)
{
	bool is_failed = flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED);

	if (stream >= sctp->stream_count)
		return;
	if (flags & SCTP_STREAM_RESET_OUTGOING_SSN)
		sctp_on_reset_out(sctp, stream, is_failed);
	else if (flags & SCTP_STREAM_RESET_INCOMING_SSN && !is_failed)
		sctp_on_reset_in(sctp, stream);
}

/* An empty list means all streams. */
static void on_stream_reset(struct bf_sctp *sctp, const uint8_t *data, size_t len)
{
	struct sctp_stream_reset_event event;
	size_t count = (len - sizeof(event)) / sizeof(uint16_t);

	memcpy(&event, data, sizeof(event));
	for (size_t i = 0; i < count; i++) {
		uint16_t stream;

		memcpy(&stream, data + sizeof(event) + i * sizeof(stream), sizeof(stream));
		on_reset_of(sctp, event.strreset_flags, stream);
	}
	for (unsigned i = 0; count == 0 && i < sctp->stream_count; i++)
		on_reset_of(sctp, event.strreset_flags, (uint16_t)i);
}

static int on_notification(
	struct bf_sctp *sctp, const uint8_t *data, size_t len, struct bf_sctp_event *out)
{
	struct sctp_tlv head;
	struct sctp_assoc_change change;

	if (len < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	switch (head.sn_type) {
	case SCTP_ASSOC_CHANGE:
		if (len < sizeof(change))
			return 0;
		memcpy(&change, data, sizeof(change));
		return on_assoc_change(sctp, &change, out);
	case SCTP_SHUTDOWN_EVENT:
		return gone(sctp, out);
	case SCTP_PARTIAL_DELIVERY_EVENT: /* the peer gave up the message of which we have a part */
		sctp->message_len = 0;
		sctp->is_discarding = false;
		return 0;
	case SCTP_STREAM_RESET_EVENT:
		if (len >= sizeof(struct sctp_stream_reset_event))
			on_stream_reset(sctp, data, len);
		return 0;
	default:
		return 0;
	}
}

/* ---- messages ---- */

/* A message for a channel that is open. */
static int deliver(struct bf_sctp *sctp, const struct sctp_input *input, struct bf_sctp_event *out)
{
	const struct channel *channel = sctp_usable(sctp, input->stream);
	bool is_empty = input->ppid == PPID_TEXT_EMPTY || input->ppid == PPID_BINARY_EMPTY;
	size_t len = sctp->message_len;

	sctp->message_len = 0;
	if (!channel) {
		sctp->counters.refused_channel++;
		return 0;
	}
	sctp->counters.messages_in++;
	*out = (struct bf_sctp_event){
		.kind = BF_SCTP_MESSAGE,
		.channel = &channel->props,
		.is_text = input->ppid == PPID_TEXT || input->ppid == PPID_TEXT_EMPTY,
		.data = bf_bytes(sctp->message, is_empty ? 0 : len),
	};
	return 1;
}

static int opened(const struct channel *channel, struct bf_sctp_event *out)
{
	*out = (struct bf_sctp_event){.kind = BF_SCTP_OPEN, .channel = &channel->props};
	return 1;
}

/* `message` is complete. */
static int on_message(
	struct bf_sctp *sctp, const struct sctp_input *input, struct bf_sctp_event *out)
{
	struct channel *channel;

	switch (input->ppid) {
	case PPID_DCEP:
		channel = sctp_on_dcep(
			sctp, input->stream, bf_bytes(sctp->message, sctp->message_len));
		sctp->message_len = 0;
		return channel ? opened(channel, out) : 0;
	case PPID_TEXT:
	case PPID_BINARY:
	case PPID_TEXT_EMPTY:
	case PPID_BINARY_EMPTY:
		channel = sctp_usable(sctp, input->stream);
		if (!channel || channel->state != CHANNEL_OPENING)
			return deliver(sctp, input, out);
		/* unordered, it has overtaken the ACK, which it stands for (RFC 8832 section 6) */
		channel->state = CHANNEL_OPEN;
		sctp->has_held = true;
		sctp->held = *input;
		return opened(channel, out);
	default: /* the deprecated partial ones, and what nobody has defined */
		sctp->message_len = 0;
		sctp->counters.refused_channel++;
		return 0;
	}
}

/* A part of a message has been read behind what is there of it. */
static int on_part(struct bf_sctp *sctp, const struct sctp_input *input, struct bf_sctp_event *out)
{
	sctp->message_len += input->len;
	if (sctp->message_len > BF_SCTP_MESSAGE_MAX)
		sctp->is_discarding = true;
	if (sctp->is_discarding)
		sctp->message_len = 0;
	if (!input->is_end)
		return 0;
	if (sctp->is_discarding) {
		sctp->is_discarding = false;
		sctp->counters.refused_oversize++;
		return 0;
	}
	return on_message(sctp, input, out);
}

/* Room for the next read: at least a notification. Without memory for a large message it is read in small pieces, and thrown away. */
static bool make_room(struct bf_sctp *sctp)
{
	size_t size = sctp->message_size ? sctp->message_size * 2 : MESSAGE_SIZE_MIN;
	uint8_t *grown;

	if (sctp->message_size - sctp->message_len >= NOTIFICATION_MAX)
		return true;
	if (size > MESSAGE_SIZE_MAX)
		size = MESSAGE_SIZE_MAX;
	grown = realloc(sctp->message, size);
	if (grown) {
		sctp->message = grown;
		sctp->message_size = size;
		return true;
	}
	if (!sctp->message)
		return false;
	sctp->is_discarding = true;
	sctp->message_len = 0;
	return true;
}

static int read_event(struct bf_sctp *sctp, struct bf_sctp_event *out)
{
	while (sctp->state != ASSOC_GONE && make_room(sctp)) {
		uint8_t *at = sctp->message + sctp->message_len;
		struct sctp_input input;
		int got = sctp_sock_read(
			&sctp->sock, at, sctp->message_size - sctp->message_len, &input);
		struct channel *closed;

		if (got < 0)
			return gone(sctp, out);
		if (got == 0)
			return 0;
		got = input.is_notification ? on_notification(sctp, at, input.len, out)
					    : on_part(sctp, &input, out);
		if (got)
			return 1;
		closed = sctp_take_closed(sctp);
		if (closed) {
			*out = (struct bf_sctp_event){
				.kind = BF_SCTP_CLOSE, .channel = &closed->props};
			return 1;
		}
	}
	return 0;
}

/* What the last event lent is the user's no longer. */
static void forget_lent(struct bf_sctp *sctp)
{
	struct channel *lent = sctp->lent;

	sctp->lent = NULL;
	for (unsigned i = 0; lent && i < BF_SCTP_CHANNELS; i++) {
		if (sctp->streams[i].channel == lent)
			return; /* its stream is not settled yet */
	}
	free(lent);
}

/* The send queue is below half again: it may be filled wholly again. */
static bool is_drained(struct bf_sctp *sctp)
{
	if (!sctp->is_send_full || sctp->state != ASSOC_CONNECTED ||
		!sctp_sock_has_room(&sctp->sock))
		return false;
	sctp->is_send_full = false;
	sctp_sock_limit(&sctp->sock, BF_SCTP_SEND_QUEUE_MAX, false);
	return true;
}

int bf_sctp_poll_event(struct bf_sctp *sctp, struct bf_sctp_event *out)
{
	struct channel *closed;
	int got;

	forget_lent(sctp);
	sctp_do_work(sctp);
	if (sctp->has_held) {
		sctp->has_held = false;
		if (deliver(sctp, &sctp->held, out))
			return 1;
	}
	closed = sctp_take_closed(sctp); /* one notification may name several */
	if (closed) {
		*out = (struct bf_sctp_event){.kind = BF_SCTP_CLOSE, .channel = &closed->props};
		return 1;
	}
	if (is_drained(sctp)) {
		*out = (struct bf_sctp_event){.kind = BF_SCTP_DRAINED};
		return 1;
	}
	got = read_event(sctp, out);
	if (!got)
		sctp_do_work(sctp);
	return got;
}
