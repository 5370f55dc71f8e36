/* tests/signaling/http/loopback.h - a blocking-looking client on loopback that turns the server's loop while it waits.
 *
 * Server and client share the thread: the client's socket does not block, and each wait is turns of the loop with a bound.
 */
#ifndef BF_TESTS_SIGNALING_HTTP_LOOPBACK_H
#define BF_TESTS_SIGNALING_HTTP_LOOPBACK_H

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "core/loop/loop.h"

#define LOOPBACK_MAX (8 * 1024 * 1024)

struct loopback {
	struct bf_loop *loop;
	int fd;
	uint8_t *data; /* everything received, NUL-terminated */
	size_t len;
	bool is_closed; /* the server has ended */
};

/* A loop of that kind, or NULL where the kernel refuses it (the test is then skipped by the caller). */
struct bf_loop *loopback_loop(enum bf_io io);

void loopback_open(struct loopback *client, struct bf_loop *loop, const struct bf_addr *addr);
void loopback_close(struct loopback *client); /* also lets the server see it */

void loopback_send(struct loopback *client, struct bf_bytes data);
void loopback_send_text(struct loopback *client, const char *text);
void loopback_finish(struct loopback *client); /* FIN, keep reading */

/* Turn until `text` was received, or `byte_count` bytes, or the server closed. False: not within five seconds. */
bool loopback_wait_text(struct loopback *client, const char *text);
bool loopback_wait_bytes(struct loopback *client, size_t byte_count);
bool loopback_wait_closed(struct loopback *client);

/* Turn until the condition holds; false after five seconds. */
bool loopback_wait_until(struct bf_loop *loop, bool (*is_true)(void *arg), void *arg);

/* Turn for that long. */
void loopback_turn(struct loopback *client, int64_t for_us);

/* Forget what was received so far. */
void loopback_clear(struct loopback *client);

bool loopback_has(const struct loopback *client, const char *text);
unsigned loopback_count(const struct loopback *client, const char *text);

#endif
