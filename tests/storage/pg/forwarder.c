#include "tests/storage/pg/forwarder.h"

#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAIRS_MAX 64
#define TURN_MS	  5

struct pair {
	int client, server;
};

struct forwarder {
	struct sockaddr_un to;
	uint16_t port;
	int listener;
	pthread_t thread;
	struct pair pairs[PAIRS_MAX];
	size_t pair_count;
	atomic_int wanted, mode; /* enum forwarder_mode; what the test says, what the thread does */
	atomic_bool is_ending;
	atomic_uint count;
};

static void close_pair(struct forwarder *forwarder, size_t i)
{
	close(forwarder->pairs[i].client);
	close(forwarder->pairs[i].server);
	forwarder->pairs[i] = forwarder->pairs[--forwarder->pair_count];
}

static void close_all(struct forwarder *forwarder)
{
	while (forwarder->pair_count > 0)
		close_pair(forwarder, 0);
	if (forwarder->listener >= 0)
		close(forwarder->listener);
	forwarder->listener = -1;
}

static void take_one(struct forwarder *forwarder)
{
	int client = accept(forwarder->listener, NULL, NULL);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	assert(client >= 0 && server >= 0);
	if (forwarder->pair_count == PAIRS_MAX ||
		connect(server, (const struct sockaddr *)&forwarder->to, sizeof(forwarder->to))) {
		close(client);
		close(server);
		return;
	}
	forwarder->pairs[forwarder->pair_count++] = (struct pair){client, server};
	atomic_fetch_add(&forwarder->count, 1);
}

/* False: its end. */
static bool move(int from, int to)
{
	char bytes[65536];
	ssize_t len = read(from, bytes, sizeof(bytes));

	for (ssize_t at = 0; at < len;) {
		ssize_t done = send(to, bytes + at, (size_t)(len - at), MSG_NOSIGNAL);

		if (done < 0)
			return false;
		at += done;
	}
	return len > 0;
}

static void turn(struct forwarder *forwarder)
{
	struct pollfd fds[1 + 2 * PAIRS_MAX];
	size_t count = forwarder->pair_count;

	fds[0] = (struct pollfd){.fd = forwarder->listener, .events = POLLIN};
	for (size_t i = 0; i < count; i++) {
		fds[1 + 2 * i] =
			(struct pollfd){.fd = forwarder->pairs[i].client, .events = POLLIN};
		fds[2 + 2 * i] =
			(struct pollfd){.fd = forwarder->pairs[i].server, .events = POLLIN};
	}
	if (poll(fds, (nfds_t)(1 + 2 * count), TURN_MS) <= 0)
		return;
	for (size_t i = count; i-- > 0;) { /* from the end: a closed one is replaced by the last */
		struct pair pair = forwarder->pairs[i];

		if ((fds[1 + 2 * i].revents && !move(pair.client, pair.server)) ||
			(fds[2 + 2 * i].revents && !move(pair.server, pair.client)))
			close_pair(forwarder, i);
	}
	if (fds[0].revents)
		take_one(forwarder);
}

static void *forward(void *arg)
{
	struct forwarder *forwarder = arg;

	while (!atomic_load(&forwarder->is_ending)) {
		int mode = atomic_load(&forwarder->wanted);

		if (mode == FORWARDER_GONE)
			close_all(forwarder);
		atomic_store(&forwarder->mode, mode);
		if (mode == FORWARDER_ON)
			turn(forwarder);
		else
			usleep(TURN_MS * 1000);
	}
	close_all(forwarder);
	return NULL;
}

struct forwarder *forwarder_new(const char *folder)
{
	struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	assert(forwarder);
	forwarder->to.sun_family = AF_UNIX;
	snprintf(
		forwarder->to.sun_path, sizeof(forwarder->to.sun_path), "%s/.s.PGSQL.5432", folder);
	forwarder->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(forwarder->listener, (const struct sockaddr *)&at, sizeof(at)) ||
		listen(forwarder->listener, PAIRS_MAX) ||
		getsockname(forwarder->listener, (struct sockaddr *)&at, &len) ||
		pthread_create(&forwarder->thread, NULL, forward, forwarder))
		abort();
	forwarder->port = ntohs(at.sin_port);
	return forwarder;
}

void forwarder_free(struct forwarder *forwarder)
{
	atomic_store(&forwarder->is_ending, true);
	pthread_join(forwarder->thread, NULL);
	free(forwarder);
}

uint16_t forwarder_port(const struct forwarder *forwarder)
{
	return forwarder->port;
}

void forwarder_set(struct forwarder *forwarder, enum forwarder_mode mode)
{
	atomic_store(&forwarder->wanted, mode);
	while (atomic_load(&forwarder->mode) != (int)mode)
		usleep(1000);
}

unsigned forwarder_count(const struct forwarder *forwarder)
{
	return atomic_load(&forwarder->count);
}
