#include "media/sctp/sctp_priv.h"

#include <errno.h>
#include <stdlib.h>

struct channel *sctp_usable(struct bf_sctp *sctp, uint16_t stream)
{
	struct channel *channel = stream < BF_SCTP_CHANNELS ? sctp->streams[stream].channel : NULL;

	if (sctp->state != ASSOC_CONNECTED || !channel || channel->state == CHANNEL_CLOSING)
		return NULL;
	return channel;
}

/* Its label and protocol are kept with it. */
static struct channel *new_channel(
	const struct bf_sctp_channel *props, uint16_t stream, enum channel_state state)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	uint8_t *protocol;

	if (!channel)
		return NULL;
	protocol = channel->text + props->label.len;
	if (props->label.len)
		memcpy(channel->text, props->label.data, props->label.len);
	if (props->protocol.len)
		memcpy(protocol, props->protocol.data, props->protocol.len);
	channel->props = *props;
	channel->props.stream = stream;
	channel->props.label = bf_bytes(channel->text, props->label.len);
	channel->props.protocol = bf_bytes(protocol, props->protocol.len);
	channel->state = state;
	return channel;
}

/* The next event still shows a channel whose stream is already another's: it is kept until then. */
static void let_go(struct bf_sctp *sctp, struct stream *stream)
{
	struct channel *channel = stream->channel;

	stream->channel = NULL;
	if (channel != sctp->lent)
		free(channel);
}

/* A channel whose two sides have been reset, and of whose end the user knows, is no more. */
static void settle(struct bf_sctp *sctp, struct stream *stream)
{
	const struct channel *channel = stream->channel;

	if (channel && channel->state == CHANNEL_CLOSING && channel->is_in_reset &&
		!channel->has_close_news && !stream->needs_reset && !stream->is_resetting)
		let_go(sctp, stream);
}

static void send_ack(struct bf_sctp *sctp, struct channel *channel)
{
	uint8_t message[1];
	size_t len = dcep_write_ack(message);

	channel->needs_ack = sctp_sock_send(&sctp->sock, &channel->props, true, PPID_DCEP,
				     bf_bytes(message, len)) == -EAGAIN;
	if (channel->needs_ack)
		sctp->has_work = true;
}

/* Ask for the reset of our side. Where usrsctp will not (the peer cannot), the stream stays unusable for good. */
static void reset_stream(struct bf_sctp *sctp, uint16_t number)
{
	struct stream *stream = &sctp->streams[number];

	stream->needs_reset = false;
	if (!stream->is_resetting && sctp_sock_reset(&sctp->sock, number) == 0)
		stream->is_resetting = true;
}

static void close_stream(struct bf_sctp *sctp, uint16_t number)
{
	struct stream *stream = &sctp->streams[number];

	stream->channel->state = CHANNEL_CLOSING;
	stream->channel->needs_ack = false;
	if (stream->is_resetting) { /* that of an earlier channel comes first */
		stream->needs_reset = true;
		sctp->has_work = true;
	} else {
		reset_stream(sctp, number);
	}
}

void sctp_do_work(struct bf_sctp *sctp)
{
	if (!sctp->has_work || sctp->state != ASSOC_CONNECTED)
		return;
	sctp->has_work = false;
	for (unsigned i = 0; i < sctp->stream_count; i++) {
		struct stream *stream = &sctp->streams[i];

		if (stream->channel && stream->channel->needs_ack && !stream->is_resetting)
			send_ack(sctp, stream->channel);
		if (stream->needs_reset && !stream->is_resetting)
			reset_stream(sctp, (uint16_t)i);
		if (stream->needs_reset || (stream->channel && stream->channel->needs_ack))
			sctp->has_work = true;
	}
}

/* ---- what the peer does ---- */

/* Say no: by resetting our side of a stream that never became a channel (RFC 8832 section 6). */
static void refuse_open(struct bf_sctp *sctp, uint16_t number)
{
	static const struct bf_sctp_channel nobody;
	struct stream *stream = &sctp->streams[number];

	sctp->counters.refused_dcep++;
	if (stream->channel)
		return; /* an open one is not hurt by a second OPEN; a closing one closes */
	stream->channel = new_channel(&nobody, number, CHANNEL_CLOSING);
	if (stream->channel)
		close_stream(sctp, number);
}

/* Which streams we open: even ones as DTLS client (RFC 8832 section 6). Some clients go by their ICE role instead (aiortc): then
 * the first stream that the peer opens tells, and we take the other half. */
static unsigned our_half(const struct bf_sctp *sctp)
{
	if (sctp->has_peer_half)
		return 1 - sctp->peer_half;
	return sctp->is_dtls_client ? 0 : 1;
}

static struct channel *on_open(
	struct bf_sctp *sctp, uint16_t number, const struct bf_sctp_channel *props)
{
	struct stream *stream = &sctp->streams[number];
	struct channel *channel;

	/* the peer, who has seen both resets, may use the stream again before the answer to ours is here */
	if (stream->channel && stream->channel->state == CHANNEL_CLOSING &&
		stream->channel->is_in_reset)
		let_go(sctp, stream);
	if (stream->channel) {
		refuse_open(sctp, number);
		return NULL;
	}
	channel = new_channel(props, number, CHANNEL_OPEN);
	if (!channel) {
		sctp->counters.refused_channel++;
		return NULL;
	}
	stream->channel = channel;
	if (!sctp->has_peer_half) {
		sctp->has_peer_half = true;
		sctp->peer_half = number % 2;
	}
	send_ack(sctp, channel);
	return channel;
}

static struct channel *on_ack(struct bf_sctp *sctp, uint16_t number)
{
	struct channel *channel = sctp_usable(sctp, number);

	if (!channel || channel->state != CHANNEL_OPENING) {
		sctp->counters.refused_dcep++;
		return NULL;
	}
	channel->state = CHANNEL_OPEN;
	return channel;
}

struct channel *sctp_on_dcep(struct bf_sctp *sctp, uint16_t number, struct bf_bytes message)
{
	struct dcep dcep;

	if (number >= sctp->stream_count || dcep_parse(&dcep, message)) {
		if (number < sctp->stream_count)
			refuse_open(sctp, number);
		else
			sctp->counters.refused_dcep++;
		return NULL;
	}
	return dcep.kind == DCEP_OPEN ? on_open(sctp, number, &dcep.channel) : on_ack(sctp, number);
}

void sctp_on_reset_in(struct bf_sctp *sctp, uint16_t number)
{
	struct stream *stream = &sctp->streams[number];
	struct channel *channel = stream->channel;

	if (!channel || channel->is_in_reset)
		return;
	channel->is_in_reset = true;
	if (channel->state != CHANNEL_CLOSING) {
		channel->has_close_news = true;
		sctp->close_news_count++;
		close_stream(sctp, number); /* RFC 8831 section 6.7: the answer */
	}
	settle(sctp, stream);
}

void sctp_on_reset_out(struct bf_sctp *sctp, uint16_t number, bool is_failed)
{
	struct stream *stream = &sctp->streams[number];

	if (is_failed)
		return; /* both sides may differ about it now: never use it again */
	stream->is_resetting = false;
	if (stream->needs_reset || (stream->channel && stream->channel->needs_ack))
		sctp->has_work = true;
	settle(sctp, stream);
}

struct channel *sctp_take_closed(struct bf_sctp *sctp)
{
	if (sctp->close_news_count == 0)
		return NULL;
	for (unsigned i = 0; i < BF_SCTP_CHANNELS; i++) {
		struct stream *stream = &sctp->streams[i];
		struct channel *channel = stream->channel;

		if (!channel || !channel->has_close_news)
			continue;
		channel->has_close_news = false;
		sctp->close_news_count--;
		sctp->lent = channel;
		settle(sctp, stream);
		return channel;
	}
	return NULL;
}

/* ---- what the user does ---- */

/* The lowest stream that we may open and that nothing hangs on; stream_count if there is none. */
static unsigned free_stream(const struct bf_sctp *sctp)
{
	unsigned i = our_half(sctp);

	while (i < sctp->stream_count &&
		(sctp->streams[i].channel || sctp->streams[i].needs_reset ||
			sctp->streams[i].is_resetting))
		i += 2;
	return i < sctp->stream_count ? i : sctp->stream_count;
}

int bf_sctp_open(struct bf_sctp *sctp, const struct bf_sctp_channel *props,
	const struct bf_sctp_channel **out)
{
	uint8_t message[DCEP_OPEN_MAX];
	struct channel *channel;
	unsigned number;
	int err;

	if (sctp->state != ASSOC_CONNECTED)
		return -EPROTO;
	if (!dcep_can_write(props))
		return -EINVAL;
	number = free_stream(sctp);
	if (number == sctp->stream_count)
		return -ENOBUFS;
	channel = new_channel(props, (uint16_t)number, CHANNEL_OPENING);
	if (!channel)
		return -ENOMEM;
	err = sctp_sock_send(&sctp->sock, &channel->props, true, PPID_DCEP,
		bf_bytes(message, dcep_write_open(message, sizeof(message), &channel->props)));
	if (err) {
		free(channel);
		return err == -EAGAIN ? -ENOBUFS : -EPROTO;
	}
	sctp->streams[number].channel = channel;
	*out = &channel->props;
	return 0;
}

const struct bf_sctp_channel *bf_sctp_find(const struct bf_sctp *sctp, struct bf_bytes label)
{
	if (sctp->state != ASSOC_CONNECTED)
		return NULL;
	for (unsigned i = 0; i < sctp->stream_count; i++) {
		const struct channel *channel = sctp->streams[i].channel;

		if (channel && channel->state != CHANNEL_CLOSING &&
			bf_bytes_equal(channel->props.label, label))
			return &channel->props;
	}
	return NULL;
}

void bf_sctp_close_channel(struct bf_sctp *sctp, uint16_t stream)
{
	if (sctp_usable(sctp, stream))
		close_stream(sctp, stream);
}

void sctp_free_channels(struct bf_sctp *sctp)
{
	bool is_lent_listed = false;

	for (unsigned i = 0; i < BF_SCTP_CHANNELS; i++) {
		is_lent_listed |= sctp->streams[i].channel == sctp->lent;
		free(sctp->streams[i].channel);
	}
	if (!is_lent_listed)
		free(sctp->lent);
}
