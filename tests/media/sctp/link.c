#include "tests/media/sctp/link.h"

#include <stdlib.h>
#include <sys/time.h>

#define PORT	5000
#define DELAY	BF_MS(5)
#define EPOCH_S 1790000000

static int64_t virtual_us;

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	(void)tz;
	tv->tv_sec = EPOCH_S + virtual_us / 1000000;
	tv->tv_usec = virtual_us % 1000000;
	return 0;
}

static void on_wake(void *arg, unsigned worker)
{
	struct pair *pair = arg;

	assert_int_equal(worker, 0);
	pair->wake_count++;
}

void pair_open(struct pair *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->now_us = BF_SEC(1);
	virtual_us = pair->now_us;
	bf_prng_init(&pair->prng, 7);
	pair->flights = malloc(FLIGHT_MAX * sizeof(*pair->flights));
	assert_non_null(pair->flights);
	assert_int_equal(bf_sctp_stack_new(&pair->stack, 1, on_wake, pair), 0);
	bf_sctp_stack_on_timer(pair->stack, pair->now_us);
	for (unsigned i = 0; i < 2; i++) {
		pair->ends[i].id = 0xabc0000000000001 + i;
		assert_int_equal(bf_sctp_new(&pair->ends[i].sctp, pair->stack, 0, pair->ends[i].id,
					 PORT, PORT, i == 0, 262144),
			0);
	}
}

void pair_close(struct pair *pair)
{
	pair_forget(pair);
	for (unsigned i = 0; i < 2; i++)
		bf_sctp_free(pair->ends[i].sctp);
	bf_sctp_stack_free(pair->stack);
	free(pair->flights);
}

/* ---- the network ---- */

static void launch(struct pair *pair, unsigned to, struct bf_bytes packet, int64_t delay_us)
{
	struct flight *flight = &pair->flights[pair->flight_count];

	if (pair->flight_count == FLIGHT_MAX)
		return; /* a full router */
	pair->flight_count++;
	flight->at_us = pair->now_us + delay_us;
	flight->to = to;
	flight->len = packet.len;
	memcpy(flight->data, packet.data, packet.len);
}

static bool chance(struct pair *pair, unsigned percent)
{
	return bf_prng_below(&pair->prng, 100) < percent;
}

static void on_output(struct pair *pair, unsigned from, struct bf_bytes packet)
{
	struct end *end = &pair->ends[from];
	int64_t delay_us = DELAY;

	end->packet_count++;
	if (packet.len > end->largest_packet)
		end->largest_packet = packet.len;
	if (chance(pair, pair->loss_percent))
		return;
	if (chance(pair, pair->loss_percent))
		delay_us += BF_MS(bf_prng_below(&pair->prng, 30));
	launch(pair, 1 - from, packet, delay_us);
	if (chance(pair, pair->loss_percent / 2))
		launch(pair, 1 - from, packet, delay_us + BF_MS(7));
}

static void note(struct end *end, const struct bf_sctp_event *event)
{
	struct seen *seen = &end->events[end->event_count];

	assert_true(end->event_count < EVENTS_MAX);
	memset(seen, 0, sizeof(*seen));
	seen->kind = event->kind;
	if (event->channel) {
		seen->channel = *event->channel;
		if (event->channel->label.len)
			memcpy(seen->label, event->channel->label.data, event->channel->label.len);
	}
	seen->is_text = event->is_text;
	seen->len = event->data.len;
	seen->data = malloc(event->data.len ? event->data.len : 1);
	assert_non_null(seen->data);
	if (event->data.len)
		memcpy(seen->data, event->data.data, event->data.len);
	end->event_count++;
}

static unsigned end_of(const struct pair *pair, uint64_t id)
{
	assert_true(id == pair->ends[0].id || id == pair->ends[1].id);
	return id == pair->ends[0].id ? 0 : 1;
}

static void drain(struct pair *pair)
{
	struct bf_sctp_item item;

	while (bf_sctp_stack_poll(pair->stack, 0, &item)) {
		unsigned at = end_of(pair, item.id);
		struct bf_sctp_event event;

		if (item.news == BF_SCTP_OUTPUT) {
			on_output(pair, at, item.packet);
			continue;
		}
		while (pair->ends[at].sctp && bf_sctp_poll_event(pair->ends[at].sctp, &event))
			note(&pair->ends[at], &event);
	}
}

/* The first that is due, in the order of their times. */
static bool land(struct pair *pair, struct flight *out)
{
	unsigned best = pair->flight_count;

	for (unsigned i = 0; i < pair->flight_count; i++) {
		if (pair->flights[i].at_us > pair->now_us)
			continue;
		if (best == pair->flight_count ||
			pair->flights[i].at_us < pair->flights[best].at_us)
			best = i;
	}
	if (best == pair->flight_count)
		return false;
	*out = pair->flights[best];
	pair->flight_count--;
	memmove(&pair->flights[best], &pair->flights[best + 1],
		(pair->flight_count - best) * sizeof(*out));
	return true;
}

void pair_carry(struct pair *pair)
{
	struct flight flight;

	drain(pair);
	while (land(pair, &flight)) {
		struct end *end = &pair->ends[flight.to];

		if (end->sctp && !end->is_deaf)
			bf_sctp_on_packet(end->sctp, bf_bytes(flight.data, flight.len));
		drain(pair);
	}
}

static void tick(struct pair *pair)
{
	pair->now_us += BF_SCTP_TICK_US;
	virtual_us = pair->now_us;
	bf_sctp_stack_on_timer(pair->stack, pair->now_us);
	pair_carry(pair);
}

void pair_run(struct pair *pair, unsigned ms)
{
	int64_t until_us = pair->now_us + BF_MS(ms);

	pair_carry(pair);
	while (pair->now_us < until_us)
		tick(pair);
}

void pair_connect(struct pair *pair, unsigned loss_percent)
{
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(bf_sctp_start(pair->ends[i].sctp), 0);
	for (unsigned i = 0; i < 2; i++)
		pair_await(pair, i, BF_SCTP_CONNECTED, 1, 2000);
	pair->loss_percent = loss_percent;
}

/* ---- looking ---- */

unsigned pair_count(const struct pair *pair, unsigned end, enum bf_sctp_event_kind kind)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pair->ends[end].event_count; i++)
		count += pair->ends[end].events[i].kind == kind;
	return count;
}

const struct seen *pair_nth(
	const struct pair *pair, unsigned end, enum bf_sctp_event_kind kind, unsigned nth)
{
	for (unsigned i = 0; i < pair->ends[end].event_count; i++) {
		if (pair->ends[end].events[i].kind == kind && nth-- == 0)
			return &pair->ends[end].events[i];
	}
	fail_msg("no such event");
	return NULL;
}

void pair_await(
	struct pair *pair, unsigned end, enum bf_sctp_event_kind kind, unsigned count, unsigned ms)
{
	int64_t until_us = pair->now_us + BF_MS(ms);

	pair_carry(pair);
	while (pair_count(pair, end, kind) < count) {
		if (pair->now_us >= until_us)
			fail_msg("end %u saw %u of %u events of kind %d in %u ms", end,
				pair_count(pair, end, kind), count, (int)kind, ms);
		tick(pair);
	}
}

void pair_forget(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		struct end *end = &pair->ends[i];

		for (unsigned k = 0; k < end->event_count; k++)
			free(end->events[k].data);
		end->event_count = 0;
	}
}

const struct bf_sctp_channel *pair_channel(
	struct pair *pair, unsigned end, const struct bf_sctp_channel *props)
{
	const struct bf_sctp_channel *channel;
	unsigned mine = pair_count(pair, end, BF_SCTP_OPEN);
	unsigned theirs = pair_count(pair, 1 - end, BF_SCTP_OPEN);

	assert_int_equal(bf_sctp_open(pair->ends[end].sctp, props, &channel), 0);
	pair_await(pair, 1 - end, BF_SCTP_OPEN, theirs + 1, 20000);
	pair_await(pair, end, BF_SCTP_OPEN, mine + 1, 20000);
	return channel;
}
