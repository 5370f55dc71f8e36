/* Packets of a stranger into an association, before and after it is connected. The first byte chooses which; then come packets,
 * each behind a length of two bytes and without ports, tag and checksum: those are put right here, or nothing would get past
 * them. With an odd first byte each "packet" is instead a message of the connected peer: a stream, a PPID, data. */
#include "media/sctp/sctp_priv.h"

#include <assert.h>
#include <usrsctp.h>

#define PORT 5000

static struct bf_sctp_stack *stack;
static int64_t now_us = 1000000;
static uint64_t next_id = 1;

struct peer {
	struct bf_sctp *sctp;
	uint64_t id;
	uint32_t tag; /* what packets to it must carry */
};

static void on_wake(void *arg, unsigned worker)
{
	(void)arg;
	(void)worker;
}

static struct peer make(bool is_client)
{
	struct peer peer = {.id = next_id++};

	assert(bf_sctp_new(&peer.sctp, stack, 0, peer.id, PORT, PORT, is_client, 0) == 0);
	assert(bf_sctp_start(peer.sctp) == 0);
	return peer;
}

/* Read everything, touch it, and answer what a user would answer. */
static void read_events(struct peer *peer)
{
	struct bf_sctp_event event;
	volatile uint8_t sum = 0;

	while (bf_sctp_poll_event(peer->sctp, &event)) {
		for (size_t i = 0; i < event.data.len; i++)
			sum = (uint8_t)(sum + event.data.data[i]);
		if (event.channel)
			bf_sctp_find(peer->sctp, event.channel->label);
		if (event.kind == BF_SCTP_MESSAGE && event.data.len % 7 == 3)
			bf_sctp_close_channel(peer->sctp, event.channel->stream);
	}
}

static void step(struct peer *a, struct peer *b)
{
	struct bf_sctp_item item;

	now_us += BF_SCTP_TICK_US;
	bf_sctp_stack_on_timer(stack, now_us);
	while (bf_sctp_stack_poll(stack, 0, &item)) {
		struct peer *from = item.id == a->id ? a : b;
		struct peer *to = item.id == a->id ? b : a;

		if (item.id != a->id && (!b || item.id != b->id))
			continue; /* of the last run */
		if (item.news == BF_SCTP_READABLE) {
			read_events(from);
		} else {
			if (item.packet.data[12] == 1 || item.packet.data[12] == 2)
				from->tag = bf_get_u32(item.packet.data + 16);
			if (b)
				bf_sctp_on_packet(to->sctp, item.packet);
		}
	}
}

static void inject_packet(struct peer *to, struct bf_bytes chunks)
{
	uint8_t packet[2048];
	struct bf_wr wr = bf_wr(packet, sizeof(packet));
	uint32_t sum;

	bf_wr_u16(&wr, PORT);
	bf_wr_u16(&wr, PORT);
	bf_wr_u32(&wr, chunks.len && chunks.data[0] == 1 ? 0 : to->tag); /* an INIT has none */
	bf_wr_u32(&wr, 0);
	bf_wr_bytes(&wr, chunks);
	if (wr.is_full)
		return;
	sum = usrsctp_crc32c(packet, bf_wr_len(&wr));
	memcpy(packet + 8, &sum, sizeof(sum));
	bf_sctp_on_packet(to->sctp, bf_bytes(packet, bf_wr_len(&wr)));
}

static void inject_message(struct peer *from, struct bf_bytes data)
{
	struct bf_sctp_channel props = {0};

	if (data.len < 3)
		return;
	props.stream = data.data[0];
	sctp_sock_send(&from->sctp->sock, &props, true, data.data[1],
		bf_bytes(data.data + 2, data.len - 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_rd rd = bf_rd(bf_bytes(data, size));
	uint8_t mode = bf_rd_u8(&rd);
	bool is_connected = mode & 2 || mode & 1;
	struct peer a, b;

	if (!stack)
		assert(bf_sctp_stack_new(&stack, 1, on_wake, NULL) == 0);
	a = make(true);
	if (is_connected) {
		b = make(false);
		for (unsigned i = 0; i < 5; i++)
			step(&a, &b);
	} else {
		step(&a, NULL);
	}
	for (unsigned i = 0; i < 64 && bf_rd_left(&rd); i++) {
		struct bf_bytes piece = bf_rd_bytes(&rd, bf_rd_u16(&rd));

		if (!piece.data)
			break;
		if (mode & 1)
			inject_message(&b, piece);
		else
			inject_packet(&a, piece);
		step(&a, is_connected ? &b : NULL);
	}
	for (unsigned i = 0; i < 100; i++)
		step(&a, is_connected ? &b : NULL);
	bf_sctp_free(a.sctp);
	if (is_connected)
		bf_sctp_free(b.sctp);
	return 0;
}
