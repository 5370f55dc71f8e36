#include "media/sctp/packet_priv.h"
#include "media/sctp/sctp_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MAX_MESSAGE_UNSAID 65536 /* RFC 8841 section 6.1 */

int bf_sctp_new(struct bf_sctp **out, struct bf_sctp_stack *stack, unsigned worker, uint64_t id,
	uint16_t local_port, uint16_t remote_port, bool is_dtls_client, uint64_t remote_max_message)
{
	const struct sctp_sock_conf conf = {
		.worker = worker,
		.id = id,
		.local_port = local_port,
		.remote_port = remote_port,
	};
	struct bf_sctp *sctp;
	int err;

	assert(out && stack);
	sctp = calloc(1, sizeof(*sctp));
	if (!sctp)
		return -ENOMEM;
	err = sctp_sock_open(&sctp->sock, stack, &conf);
	if (err) {
		free(sctp);
		return err;
	}
	sctp->local_port = local_port;
	sctp->remote_port = remote_port;
	sctp->is_dtls_client = is_dtls_client;
	sctp->remote_max_message = remote_max_message ? remote_max_message : MAX_MESSAGE_UNSAID;
	*out = sctp;
	return 0;
}

void bf_sctp_free(struct bf_sctp *sctp)
{
	if (!sctp)
		return;
	sctp_sock_close(&sctp->sock);
	sctp_free_channels(sctp);
	free(sctp->message);
	free(sctp);
}

int bf_sctp_start(struct bf_sctp *sctp)
{
	int err;

	assert(sctp->state == ASSOC_NEW);
	err = sctp_sock_connect(&sctp->sock, sctp->remote_port);
	if (!err)
		sctp->state = ASSOC_CONNECTING;
	return err;
}

enum bf_drop bf_sctp_on_packet(struct bf_sctp *sctp, struct bf_bytes packet)
{
	if (sctp->state != ASSOC_CONNECTING && sctp->state != ASSOC_CONNECTED)
		return BF_DROP_SCTP;
	if (!packet_is_wanted(packet, sctp->remote_port, sctp->local_port))
		return BF_DROP_SCTP;
	sctp_sock_input(&sctp->sock, packet);
	return BF_DROP_NONE;
}

/* ---- sending ---- */

/* Until there is room again only half the queue may be filled, so that BF_SCTP_DRAINED comes at half and not at every packet. */
static int refuse_full(struct bf_sctp *sctp)
{
	if (!sctp->is_send_full) {
		sctp->is_send_full = true;
		sctp_sock_limit(&sctp->sock, BF_SCTP_SEND_QUEUE_MAX / 2, true);
	}
	return -ENOBUFS;
}

int bf_sctp_send(struct bf_sctp *sctp, uint16_t stream, bool is_text, struct bf_bytes data)
{
	struct channel *channel = sctp_usable(sctp, stream);
	enum ppid ppid = is_text ? PPID_TEXT : PPID_BINARY;
	int err;

	if (!channel)
		return -EPROTO;
	if (data.len > BF_SCTP_MESSAGE_MAX || data.len > sctp->remote_max_message) {
		sctp->counters.refused_oversize++;
		return -EMSGSIZE;
	}
	if (data.len ==
		0) { /* SCTP has no empty messages: one zero byte and a number that says so */
		data = bf_bytes("", 1);
		ppid = is_text ? PPID_TEXT_EMPTY : PPID_BINARY_EMPTY;
	}
	/* before the peer is known to have the OPEN, order alone makes it come first (RFC 8832 section 6) */
	err = sctp_sock_send(
		&sctp->sock, &channel->props, channel->state == CHANNEL_OPENING, ppid, data);
	if (err == -EAGAIN)
		return refuse_full(sctp);
	if (err)
		return -EPROTO; /* the association is ending; GONE follows */
	sctp->counters.messages_out++;
	return 0;
}

const struct bf_sctp_counters *bf_sctp_counters(const struct bf_sctp *sctp)
{
	return &sctp->counters;
}
