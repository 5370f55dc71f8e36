/* tests/media/dtls/dtls_pair.h - two associations and the seeded link between them, on virtual time. */
#ifndef BF_TESTS_MEDIA_DTLS_DTLS_PAIR_H
#define BF_TESTS_MEDIA_DTLS_DTLS_PAIR_H

#include "core/base/rand.h"
#include "media/dtls/dtls.h"

#define LINK_DATAGRAMS 64
#define LINK_MTU       1500

struct link_datagram {
	int64_t due_us;
	size_t to; /* end it goes to */
	size_t len;
	uint8_t bytes[LINK_MTU];
};

struct pair {
	struct bf_dtls_ctx *ctx[2];
	struct bf_dtls *end[2]; /* 0: client, 1: server */
	struct bf_prng prng;
	unsigned loss_percent;
	unsigned duplicate_percent;
	int64_t jitter_us; /* reorders */
	int64_t now_us;
	size_t sent_count;
	size_t count;
	struct link_datagram flying[LINK_DATAGRAMS];
	uint8_t read[2][BF_DTLS_MTU]; /* the latest application data */
	size_t read_len[2];
	size_t read_count[2];
};

void pair_init(struct pair *pair, uint64_t seed);
void pair_deinit(struct pair *pair);

/* Other fingerprints than the right ones make the ends fail. NULL: the right one. */
void pair_connect_as(struct pair *pair, const char *client_expects, const char *server_expects);
void pair_connect(struct pair *pair);

/* Take what the ends have to send, losing and delaying some. */
void pair_collect(struct pair *pair);

/* Go to the next event, a datagram or a timer, and let it happen. False when nothing is left to happen before
 * `until_us`. */
bool pair_step(struct pair *pair, int64_t until_us);
void pair_run(struct pair *pair, int64_t until_us);

bool pair_is_connected(const struct pair *pair);

#endif
