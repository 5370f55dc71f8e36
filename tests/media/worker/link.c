#include "tests/media/worker/link.h"

#include <string.h>

/* xorshift64* */
static unsigned dice(struct link *link)
{
	link->seed ^= link->seed >> 12;
	link->seed ^= link->seed << 25;
	link->seed ^= link->seed >> 27;
	return (unsigned)((link->seed * UINT64_C(0x2545F4914F6CDD1D)) >> 32) % 1000;
}

static void release(struct link *link, unsigned passed,
	void (*emit)(void *arg, const uint8_t *data, size_t len), void *arg)
{
	for (size_t i = 0; i < LINK_HELD; i++) {
		if (link->held[i].len == 0)
			continue;
		if (link->held[i].after > passed) {
			link->held[i].after -= passed;
			continue;
		}
		emit(arg, link->held[i].data, link->held[i].len);
		link->held[i].len = 0;
	}
}

/* False: no place is left. */
static int hold(struct link *link, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < LINK_HELD; i++) {
		if (link->held[i].len > 0)
			continue;
		memcpy(link->held[i].data, data, len);
		link->held[i].len = len;
		link->held[i].after = 1 + dice(link) % 4;
		return 1;
	}
	return 0;
}

void link_pass(struct link *link, const uint8_t *data, size_t len,
	void (*emit)(void *arg, const uint8_t *data, size_t len), void *arg)
{
	link->passed++;
	if (dice(link) < link->loss) {
		link->lost++;
	} else {
		if (dice(link) >= link->reorder || !hold(link, data, len))
			emit(arg, data, len);
		if (dice(link) < link->repeat)
			emit(arg, data, len);
	}
	release(link, 1, emit, arg);
}

void link_flush(
	struct link *link, void (*emit)(void *arg, const uint8_t *data, size_t len), void *arg)
{
	release(link, 1000, emit, arg);
}
