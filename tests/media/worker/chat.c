#include "tests/media/worker/chat.h"

#include "core/base/clock.h"
#include "core/base/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void on_record(void *arg, struct bf_bytes record)
{
	struct chat_client *client = arg;

	if (client->sctp)
		(void)bf_sctp_on_packet(client->sctp, record);
}

void chat_open(struct chat *chat, enum bf_io io)
{
	memset(chat, 0, sizeof(*chat));
	stage_open(&chat->stage, io);
}

void chat_close(struct chat *chat)
{
	for (size_t i = 0; i < chat->client_count; i++) {
		bf_sctp_free(chat->clients[i].sctp);
		peer_close(&chat->clients[i].peer);
		free(chat->clients[i].messages);
	}
	stage_close(&chat->stage);
}

static void take(struct chat_client *client, const struct bf_sctp_event *event)
{
	struct chat_message *message = &client->messages[client->message_count++];

	assert_true(client->message_count <= CHAT_MESSAGES);
	*message = (struct chat_message){
		.len = event->data.len, .is_text = event->is_text, .channel = *event->channel};
	snprintf(message->head, sizeof(message->head), "%.*s", (int)event->data.len,
		(const char *)event->data.data);
	snprintf(message->label, sizeof(message->label), "%.*s", (int)event->channel->label.len,
		(const char *)event->channel->label.data);
	for (size_t i = 17; i < event->data.len; i++)
		message->sum = message->sum * 31 + event->data.data[i];
}

static void read_events(struct chat_client *client)
{
	struct bf_sctp_event event;

	while (bf_sctp_poll_event(client->sctp, &event) > 0) {
		if (event.kind == BF_SCTP_CONNECTED)
			client->is_connected = true;
		else if (event.kind == BF_SCTP_MESSAGE)
			take(client, &event);
	}
}

/* What SCTP wants to say or has to tell. */
static void drain(struct chat *chat)
{
	struct bf_sctp_item item;

	while (bf_sctp_stack_poll(chat->stage.sctp, chat->stage.worker_count, &item) > 0) {
		struct chat_client *client = &chat->clients[(uint32_t)item.id];
		if (!client->sctp || client->is_asleep)
			continue; /* as if it were lost */
		if (item.news == BF_SCTP_READABLE)
			read_events(client);
		else if (bf_dtls_write(client->peer.dtls, item.packet) == 0)
			peer_flush_dtls(&client->peer);
	}
}

static bool turn(struct chat *chat)
{
	uint8_t packet[PEER_MTU];
	size_t len;
	bool is_idle = true;

	for (size_t i = 0; i < chat->client_count; i++) {
		struct chat_client *client = &chat->clients[i];
		for (int n = 0;
			n < 32 && !client->is_asleep && peer_serve(&client->peer, packet, &len);
			n++) {
			is_idle = false;
			drain(chat);
		}
	}
	drain(chat);
	return !is_idle;
}

void chat_run(struct chat *chat, int wait_ms)
{
	int64_t until_us = bf_clock_mono_us() + BF_MS(wait_ms);

	while (bf_clock_mono_us() < until_us)
		if (!turn(chat))
			usleep(500);
}

bool chat_wait(
	struct chat *chat, const struct chat_client *client, size_t message_count, int wait_ms)
{
	int64_t until_us = bf_clock_mono_us() + BF_MS(wait_ms);

	while (client->message_count < message_count && bf_clock_mono_us() < until_us)
		if (!turn(chat))
			usleep(500);
	return client->message_count >= message_count;
}

struct chat_client *chat_join(struct chat *chat, uint64_t id, uint32_t grants, uint64_t max_message)
{
	uint32_t idx = (uint32_t)chat->client_count;
	struct chat_client *client = &chat->clients[idx];
	char lines[128] = "a=sctp-port:5000\r\n";
	struct peer_section section = {PEER_DATA_M, "0", lines};
	struct bf_media_sdp *answer;
	int64_t until_us = bf_clock_mono_us() + BF_SEC(5);

	assert_true(idx < CHAT_CLIENTS);
	if (max_message)
		snprintf(lines, sizeof(lines), "a=sctp-port:5000\r\na=max-message-size:%llu\r\n",
			(unsigned long long)max_message);
	client->stage = &chat->stage;
	client->id = id;
	client->messages = calloc(CHAT_MESSAGES, sizeof(*client->messages));
	assert_non_null(client->messages);
	peer_open(&client->peer, BF_SRTP_AEAD_AES_128_GCM);
	client->peer.on_record = on_record;
	client->peer.on_record_arg = client;
	stage_join(&chat->stage, id, grants);
	stage_publish(&chat->stage, &client->peer, id, &section, 1, &answer);
	peer_set_remote(&client->peer, answer->sdp);
	bf_msg_free(&answer->msg);
	peer_connect(&client->peer);
	assert_int_equal(bf_sctp_new(&client->sctp, chat->stage.sctp, chat->stage.worker_count, idx,
				 5000, 5000, true, 262144),
		0);
	assert_int_equal(bf_sctp_start(client->sctp), 0);
	chat->client_count++;
	while (!client->is_connected && bf_clock_mono_us() < until_us)
		chat_run(chat, 1);
	assert_true(client->is_connected);
	return client;
}

uint16_t chat_channel(struct chat_client *client, const struct bf_sctp_channel *props)
{
	const struct bf_sctp_channel *channel;

	assert_int_equal(bf_sctp_open(client->sctp, props, &channel), 0);
	return channel->stream;
}

void chat_send(
	struct chat_client *client, uint16_t stream, char kind, uint64_t to, const char *body)
{
	char text[1024], id[BF_ID_TEXT];

	bf_id_format(to, id);
	snprintf(text, sizeof(text), "%c%s%s", kind, id, body);
	assert_int_equal(bf_sctp_send(client->sctp, stream, true, bf_bytes_str(text)), 0);
}
