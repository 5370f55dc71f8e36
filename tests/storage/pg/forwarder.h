/* tests/storage/pg/forwarder.h - a TCP port before a server's Unix socket, which a test can make silent or take away: a host that fails.
 *
 * Owner: a test.   Thread: it runs one of its own.   Limits: 64 connections at a time.
 */
#ifndef BF_TESTS_STORAGE_PG_FORWARDER_H
#define BF_TESTS_STORAGE_PG_FORWARDER_H

#include <stdint.h>

struct forwarder;

enum forwarder_mode {
	FORWARDER_ON,
	FORWARDER_SILENT, /* the port is open, and nothing goes through: a machine that hangs */
	FORWARDER_GONE,	  /* the port is closed, connections end */
};

/* In mode ON; to the socket of port 5432 in `folder`. */
struct forwarder *forwarder_new(const char *folder);
void forwarder_free(struct forwarder *forwarder);

uint16_t forwarder_port(const struct forwarder *forwarder);

/* In force when it returns. What is gone does not come back. */
void forwarder_set(struct forwarder *forwarder, enum forwarder_mode mode);

/* How many connections have been made through it. */
unsigned forwarder_count(const struct forwarder *forwarder);

#endif
