/* Data channel messages: from one participant's channel to the channels of the same label of others.
 *
 *     0      1                 17
 *     +------+-----------------+----------- - -
 *     | *  > | 16 hex digits   | payload, passed on as it is
 *     +------+-----------------+----------- - -
 *
 * Towards the server the digits name the receiver (zeros with '*'), from the server the sender. */
#include "core/base/id.h"
#include "media/room/room_priv.h"

#include <errno.h>

#define HEADER 17

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
	if (is_direct) {
		deliver(receiver, channel, is_text, data);
		return;
	}
	BF_LIST_EACH(other, &room->participants, struct bf_participant, node)
		if (other != sender)
			deliver(other, channel, is_text, data);
}

/* Messages that SCTP did not hand over or take because of their size. */
void bf_data_count_refused(struct bf_conn *conn)
{
	struct bf_sctp *sctp = bf_transport_sctp(conn->transport);
	uint64_t refused = sctp ? bf_sctp_counters(sctp)->refused_oversize : 0;

	bf_conn_rooms(conn)->counters.data_dropped += refused - conn->refused_messages;
	conn->refused_messages = refused;
}
