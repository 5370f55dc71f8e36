/* tests/media/sctp/link.h - two associations in one process, and the network between them: it loses, swaps and repeats packets.
 *
 * Time is virtual: the stack's timers are driven by pair_run, and gettimeofday, which usrsctp also reads, is replaced.
 *
 * Owner:   the test.   Thread: one.
 */
#ifndef BF_TESTS_MEDIA_SCTP_LINK_H
#define BF_TESTS_MEDIA_SCTP_LINK_H

#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/sctp/sctp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FLIGHT_MAX 8192
#define EVENTS_MAX 4096

/* What an association said. Data is copied. */
struct seen {
	enum bf_sctp_event_kind kind;
	struct bf_sctp_channel channel;
	char label[BF_SCTP_LABEL_MAX + 1];
	bool is_text;
	uint8_t *data;
	size_t len;
};

struct end {
	struct bf_sctp *sctp;
	uint64_t id;
	bool is_deaf; /* nothing reaches it */
	struct seen events[EVENTS_MAX];
	unsigned event_count;
	size_t packet_count, largest_packet;
};

struct flight {
	int64_t at_us;
	unsigned to;
	size_t len;
	uint8_t data[BF_SCTP_MTU];
};

struct pair {
	struct bf_sctp_stack *stack;
	struct end ends[2];
	int64_t now_us;
	struct bf_prng prng;
	unsigned loss_percent; /* also the share that is delayed, and half of it repeated */
	struct flight *flights;
	unsigned flight_count;
	unsigned wake_count;
};

/* A stack, and two associations that are not started. `loss_percent` is for later. */
void pair_open(struct pair *pair);
void pair_close(struct pair *pair);

/* Start both and run until both are connected; loss from then on. */
void pair_connect(struct pair *pair, unsigned loss_percent);

/* Let `ms` of virtual time pass, in ticks. */
void pair_run(struct pair *pair, unsigned ms);

/* Run until `end` has seen `count` events of `kind` since its last pair_forget, or fail after `ms`. */
void pair_await(
	struct pair *pair, unsigned end, enum bf_sctp_event_kind kind, unsigned count, unsigned ms);

/* Carry what both ends have to say now, without letting time pass. */
void pair_carry(struct pair *pair);

unsigned pair_count(const struct pair *pair, unsigned end, enum bf_sctp_event_kind kind);
const struct seen *pair_nth(
	const struct pair *pair, unsigned end, enum bf_sctp_event_kind kind, unsigned nth);
void pair_forget(struct pair *pair);

/* Open a channel from `end` and wait until both sides have it. */
const struct bf_sctp_channel *pair_channel(
	struct pair *pair, unsigned end, const struct bf_sctp_channel *props);

#endif
