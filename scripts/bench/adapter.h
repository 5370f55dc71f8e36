/* scripts/bench/adapter.h - how a client talks to one kind of server: everything that is not media.
 *
 * A server is added by one file with such a table, and a line in adapter.c; scripts/bench/README.md describes it step by step.
 * All functions return at once. What comes of them is told through client.h; on an error, bench_client_fail.
 * Thread: one.
 */
#ifndef BF_BENCH_ADAPTER_H
#define BF_BENCH_ADAPTER_H

#include "scripts/bench/client.h"

struct bench_adapter {
	const char *name;
	bool plays_one; /* a receiving connection plays one publisher, and the client offers it */
	/* Before the first client: rooms 0 .. room_count-1, of at most `client_count` clients each. May run the loop. 0 or a
	 * negative errno (said on stderr). NULL: nothing to do. */
	int (*prepare)(struct bench *bench, unsigned room_count, unsigned client_count);
	/* Make client->session, reach the server, join the room; then bench_client_connected. */
	void (*connect)(struct bench_client *client);
	/* Bring the offer of what it sends; then bench_client_published. */
	void (*publish)(struct bench_client *client, const char *offer);
	/* Ask for what it shall receive; then bench_client_offered, as often as there is something new. With plays_one: bring
	 * `offer`; then bench_client_subscribed. NULL: the server offers by itself. */
	void (*subscribe)(struct bench_client *client, const char *offer);
	/* Bring the answer to the newest offer. */
	void (*answer)(struct bench_client *client, const char *answer);
	/* Say goodbye; then bench_client_left. */
	void (*leave)(struct bench_client *client);
	/* The session's memory and descriptors; it may be NULL. */
	void (*free)(struct bench_client *client);
};

extern const struct bench_adapter bench_adapter_whip;
extern const struct bench_adapter bench_adapter_belfry;
extern const struct bench_adapter bench_adapter_janus;

/* NULL if there is none of that name. */
const struct bench_adapter *bench_adapter_find(const char *name);

#endif
