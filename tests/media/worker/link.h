/* tests/media/worker/link.h - one direction of a bad network: loses, repeats and reorders packets, always the same ones. */
#ifndef BF_TESTS_MEDIA_WORKER_LINK_H
#define BF_TESTS_MEDIA_WORKER_LINK_H

#include <stddef.h>
#include <stdint.h>

#define LINK_MTU  2048
#define LINK_HELD 8

struct link {
	/* given */
	unsigned loss, repeat, reorder; /* of 1000 */
	uint64_t seed;
	/* state: packets that are overtaken by `after` others */
	struct {
		size_t len; /* 0: free */
		unsigned after;
		uint8_t data[LINK_MTU];
	} held[LINK_HELD];
	unsigned passed, lost;
};

/* Hand one packet in; what comes out is given to `emit`. */
void link_pass(struct link *link, const uint8_t *data, size_t len,
	void (*emit)(void *arg, const uint8_t *data, size_t len), void *arg);

/* What is held back comes out. */
void link_flush(
	struct link *link, void (*emit)(void *arg, const uint8_t *data, size_t len), void *arg);

#endif
