/* scripts/bench/client.h - one participant of a scenario: what it does, and how far it has come.
 *
 *   IDLE -> JOINING -> LIVE -> LEAVING -> GONE          any of them -> FAILED
 *
 * The adapter talks to the server; what it learns comes back through the functions in the second half of this file.
 * Owner:   scenario.c.   Thread: one.
 */
#ifndef BF_BENCH_CLIENT_H
#define BF_BENCH_CLIENT_H

#include "scripts/bench/publisher.h"
#include "scripts/bench/subscriber.h"

/* What it does. */
struct bench_client_spec {
	uint16_t number; /* of all clients; a publisher's probes carry it */
	unsigned room;
	bool sends_audio, sends_video;
	bool is_silent; /* audio in DTX */
	bool receives;
	uint16_t plays; /* for servers that play one publisher for each connection: which */
	unsigned expected_count[BENCH_KIND_COUNT]; /* streams that it shall receive */
	bool is_late;				   /* joins while media flows */
	bool checks_all;			   /* every packet it receives */
};

enum bench_client_state {
	BENCH_CLIENT_IDLE,
	BENCH_CLIENT_JOINING,
	BENCH_CLIENT_LIVE, /* sends what it shall, and is connected to all it shall receive */
	BENCH_CLIENT_LEAVING,
	BENCH_CLIENT_GONE,
	BENCH_CLIENT_FAILED, /* see cause */
};

struct bench_client {
	/* given */
	struct bench *bench;
	const struct bench_adapter *adapter;
	struct bench_client_spec spec;
	/* owned */
	struct bench_publisher *publisher;   /* NULL: sends nothing */
	struct bench_subscriber *subscriber; /* NULL: receives nothing */
	void *session;			     /* the adapter's */
	/* state */
	enum bench_client_state state;
	char cause[BENCH_CAUSE_MAX];
	int64_t wake_us;
	int64_t started_us, live_us;
	bool was_released; /* the server confirmed that it has left */
};

void bench_client_start(struct bench_client *client, struct bench *bench,
	const struct bench_adapter *adapter, const struct bench_client_spec *spec);
void bench_client_leave(struct bench_client *client);
void bench_client_free(struct bench_client *client);

/* Timers. Cheap while nothing is due. */
void bench_client_tick(struct bench_client *client, int64_t now_us);

/* It sends what it shall; what it receives may still hang on others. */
bool bench_client_is_in(const struct bench_client *client);
bool bench_client_sends(const struct bench_client *client);

/* ---- for adapters ---- */

void bench_client_fail(struct bench_client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The server knows the client: publish and subscribe follow from here. */
void bench_client_connected(struct bench_client *client);
/* The answer to the publisher's offer; to the player's. */
void bench_client_published(struct bench_client *client, const char *answer);
void bench_client_subscribed(struct bench_client *client, const char *answer);
/* The server offers streams: adapter->answer is called from within. */
void bench_client_offered(struct bench_client *client, const char *offer);
/* The session is over, with or without the server's confirmation. */
void bench_client_left(struct bench_client *client, bool was_confirmed);

#endif
