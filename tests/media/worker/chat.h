/* tests/media/worker/chat.h - clients with data channels: SCTP over the DTLS of a peer each, on one thread.
 *
 * usrsctp is one a process, so the clients' associations live in the stage's stack, under a worker of their own.
 */
#ifndef BF_TESTS_MEDIA_WORKER_CHAT_H
#define BF_TESTS_MEDIA_WORKER_CHAT_H

#include "tests/media/worker/stage.h"

#define CHAT_CLIENTS  4
#define CHAT_MESSAGES 4096

struct chat_message {
	size_t len;
	bool is_text;
	uint32_t sum;  /* of the bytes behind the header */
	char head[64]; /* the first bytes, with a NUL */
	char label[32];
	struct bf_sctp_channel channel; /* label and protocol are void */
};

struct chat_client {
	struct stage *stage;
	struct peer peer;
	struct bf_sctp *sctp;
	uint64_t id;
	bool is_connected;
	bool is_asleep; /* reads nothing */
	struct chat_message *messages;
	size_t message_count;
};

struct chat {
	struct stage stage;
	struct chat_client clients[CHAT_CLIENTS];
	size_t client_count;
};

void chat_open(struct chat *chat, enum bf_io io);
void chat_close(struct chat *chat);

/* A participant whose publish connection is a data section only; `max_message` as its description says, 0: nothing said. */
struct chat_client *chat_join(
	struct chat *chat, uint64_t id, uint32_t grants, uint64_t max_message);

/* Serve all clients that are awake for that long, or until `client` has that many messages. */
void chat_run(struct chat *chat, int wait_ms);
bool chat_wait(
	struct chat *chat, const struct chat_client *client, size_t message_count, int wait_ms);

/* A channel of ours; returns its stream. */
uint16_t chat_channel(struct chat_client *client, const struct bf_sctp_channel *props);

/* "*0000000000000000" or ">" and an id, then `body`. */
void chat_send(
	struct chat_client *client, uint16_t stream, char kind, uint64_t to, const char *body);

#endif
