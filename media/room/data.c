/* Data channel messages: from one participant's channel to the channels of the same label of others.
 *
 *     0      1                 17
 *     +------+-----------------+----------- - -
 *     | *  > | 16 hex digits   | payload, passed on as it is
 *     +------+-----------------+----------- - -
 *
 * Towards the server the digits name the receiver (zeros with '*'), from the server the sender. To participants of other workers goes
 * one copy for each worker, which passes it on; how much may be under way to one is limited, as it may not keep up. */
#include "core/base/id.h"
#include "media/room/peer_priv.h"

#include <assert.h>
#include <errno.h>

#define HEADER	    17
#define TAKEN_BYTES (BF_PEER_DATA_BYTES / 8) /* what is taken is said in steps of this */

static void deliver(struct bf_participant *receiver, const struct bf_sctp_channel *channel,
	bool is_text, struct bf_bytes data)
{
	struct bf_rooms *rooms = receiver->room->rooms;
	struct bf_conn *conn = receiver->conns[BF_PC_PUBLISH];
	struct bf_sctp *sctp = conn ? bf_transport_sctp(conn->transport) : NULL;
	const struct bf_sctp_channel *theirs = sctp ? bf_sctp_find(sctp, channel->label) : NULL;
	int err;

	if (sctp && !theirs && bf_sctp_open(sctp, channel, &theirs))
		theirs = NULL;
	err = theirs ? bf_sctp_send(sctp, theirs->stream, is_text, data) : -EPROTO;
	if (err == 0)
		rooms->counters.data_relayed++;
	else if (err == -EMSGSIZE)
		bf_data_count_refused(
			conn); /* SCTP has counted it with those that came in too long */
	else if (sctp)
		rooms->counters.data_dropped++;
}

/* To all that live here. */
static void deliver_to_all(struct bf_room *room, const struct bf_participant *except,
	const struct bf_sctp_channel *channel, bool is_text, struct bf_bytes data)
{
	BF_LIST_EACH(other, &room->participants, struct bf_participant, node)
		if (other != except && !other->is_remote)
			deliver(other, channel, is_text, data);
}

/* ---- to other workers ---- */

static uint8_t *append(uint8_t *at, struct bf_bytes bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

static void *make(struct bf_room *room, unsigned worker, uint64_t receiver_id,
	const struct bf_sctp_channel *channel, bool is_text, struct bf_bytes data)
{
	struct bf_peer_data *msg = bf_peer_msg_new(room, worker, BF_PEER_DATA,
		sizeof(*msg) + channel->label.len + channel->protocol.len + data.len);

	if (!msg)
		return NULL;
	msg->receiver_id = receiver_id;
	msg->channel = *channel;
	msg->channel.label = bf_bytes(NULL, 0);
	msg->channel.protocol = bf_bytes(NULL, 0);
	msg->is_text = is_text;
	msg->label_len = (uint32_t)channel->label.len;
	msg->protocol_len = (uint32_t)channel->protocol.len;
	msg->data_len = (uint32_t)data.len;
	append(append(append(msg->bytes, channel->label), channel->protocol), data);
	return msg;
}

static void send_to(struct bf_room *room, unsigned worker, uint64_t receiver_id,
	const struct bf_sctp_channel *channel, bool is_text, struct bf_bytes data)
{
	struct bf_rooms *rooms = room->rooms;
	struct bf_peer_link *link = &rooms->links[worker];
	struct bf_msg *msg = NULL;
	uint64_t size = 0;

	if (link->data_sent_bytes < BF_PEER_DATA_BYTES)
		msg = make(room, worker, receiver_id, channel, is_text, data);
	if (msg)
		size = msg->size;
	if (bf_peer_post(rooms, worker, msg))
		rooms->counters.data_dropped++;
	else
		link->data_sent_bytes += size;
}

void bf_data_on_peer(struct bf_room *room, struct bf_peer_msg *head)
{
	const struct bf_peer_data *msg = (const struct bf_peer_data *)head;
	const uint8_t *data = msg->bytes + msg->label_len + msg->protocol_len;
	struct bf_sctp_channel channel = msg->channel;
	struct bf_participant *receiver;

	channel.label = bf_bytes(msg->bytes, msg->label_len);
	channel.protocol = bf_bytes(msg->bytes + msg->label_len, msg->protocol_len);
	if (!msg->receiver_id) {
		deliver_to_all(room, NULL, &channel, msg->is_text, bf_bytes(data, msg->data_len));
		return;
	}
	receiver = bf_room_find_ours(room, msg->receiver_id);
	if (receiver)
		deliver(receiver, &channel, msg->is_text, bf_bytes(data, msg->data_len));
	else
		room->rooms->counters.data_dropped++; /* has left meanwhile */
}

void bf_data_count_taken(struct bf_rooms *rooms, unsigned worker, uint64_t bytes)
{
	struct bf_peer_link *link = &rooms->links[worker];
	struct bf_peer_data_taken *msg;

	link->data_taken_bytes += bytes;
	if (link->data_taken_bytes < TAKEN_BYTES)
		return;
	msg = bf_msg_new(BF_PEER_DATA_TAKEN, sizeof(*msg));
	if (!msg)
		return; /* with the next one */
	msg->peer.from = (uint16_t)rooms->conf.worker;
	msg->bytes = link->data_taken_bytes;
	if (bf_peer_post(rooms, worker, msg) == 0)
		link->data_taken_bytes = 0;
}

void bf_data_on_taken(struct bf_rooms *rooms, struct bf_peer_msg *msg)
{
	struct bf_peer_link *link = &rooms->links[msg->from];
	uint64_t bytes = ((const struct bf_peer_data_taken *)msg)->bytes;

	assert(bytes <= link->data_sent_bytes);
	link->data_sent_bytes -= bytes;
}

/* ---- what a participant says ---- */

/* The one participant a '>' message is for; NULL if there is none. */
static struct bf_participant *addressee(struct bf_room *room, struct bf_bytes data)
{
	uint64_t id;

	if (bf_id_parse(&id, bf_bytes(data.data + 1, HEADER - 1)))
		return NULL;
	return bf_room_find(room, id);
}

void bf_data_on_message(struct bf_participant *sender, const struct bf_sctp_channel *channel,
	bool is_text, struct bf_bytes data)
{
	struct bf_room *room = sender->room;
	bool is_direct = data.len >= HEADER && data.data[0] == '>';
	bool is_broadcast = data.len >= HEADER && data.data[0] == '*';
	struct bf_participant *receiver = is_direct ? addressee(room, data) : NULL;
	char text[BF_ID_TEXT];

	if (!(sender->grants & BF_GRANT_DATA) || (!receiver && !is_broadcast)) {
		room->rooms->counters.data_dropped++;
		return;
	}
	bf_id_format(sender->id, text);
	/* the event's buffer is ours until the next poll */
	memcpy((uint8_t *)(uintptr_t)data.data + 1, text, HEADER - 1);
	if (is_direct && receiver->is_remote) {
		send_to(room, receiver->worker, receiver->id, channel, is_text, data);
		return;
	}
	if (is_direct) {
		deliver(receiver, channel, is_text, data);
		return;
	}
	deliver_to_all(room, sender, channel, is_text, data);
	for (unsigned i = 0; i < room->rooms->conf.worker_count; i++)
		if (room->members[i].is_member)
			send_to(room, i, 0, channel, is_text, data);
}

/* Messages that SCTP did not hand over or take because of their size. */
void bf_data_count_refused(struct bf_conn *conn)
{
	struct bf_sctp *sctp = bf_transport_sctp(conn->transport);
	uint64_t refused = sctp ? bf_sctp_counters(sctp)->refused_oversize : 0;

	bf_conn_rooms(conn)->counters.data_dropped += refused - conn->refused_messages;
	conn->refused_messages = refused;
}
