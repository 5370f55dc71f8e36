/* Pacers of one worker under any arrivals, rates, sleeps and steps of the clock: the rate holds, order is kept, nothing is lost
 * uncounted, and each wakes up while something waits.
 *
 * Input: events of 5 bytes: what and which pacer, size or rate (2 bytes), time (2 bytes).
 */
#include "core/base/bytes.h"
#include "media/cc/pacer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EVENT  5
#define PACERS 3
#define BLOCKS 12

/* The lowest rate pays back a debt and gives a packet. */
#define LONGEST_US                                                             \
	((BF_PACER_BURST_MIN_BYTES + BF_PACER_PACKET_MAX) * INT64_C(8000000) / \
		BF_PACER_RATE_MIN_BPS)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is known of one pacer from outside. */
struct view {
	struct bf_pacer pacer;
	int64_t tokens; /* at most these may be there: millionths of a bit, debt not counted */
	int64_t at_us;
	uint64_t pushed, taken; /* numbers of packets, by which order is seen */
	uint64_t newest[BF_PACER_CLASS_COUNT];
	uint64_t waiting, passed;
};

struct world {
	struct bf_pacers pacers;
	struct view views[PACERS];
	int64_t now_us;
	bool has_gone_back;
};

static void let_time_pass(struct view *view, int64_t now_us)
{
	int64_t full = bf_pacer_burst_bytes(&view->pacer) * 8000000;
	int64_t added;

	if (now_us > view->at_us &&
		(__builtin_mul_overflow(now_us - view->at_us, view->pacer.rate_bps, &added) ||
			__builtin_add_overflow(view->tokens, added, &view->tokens) ||
			view->tokens > full))
		view->tokens = full;
	view->at_us = now_us;
}

static void take_tokens(struct view *view, enum bf_pacer_class cls, uint16_t bytes, int64_t now_us)
{
	let_time_pass(view, now_us);
	view->tokens -= bytes * INT64_C(8000000);
	if (cls == BF_PACER_AUDIO) /* may go into debt, which is not counted here: an upper bound */
		view->tokens = view->tokens < 0 ? 0 : view->tokens;
	assert(view->tokens >= 0);
}

static void offer(struct world *world, struct view *view, enum bf_pacer_class cls, uint16_t bytes)
{
	struct bf_pacer_entry entry = {.owner = view->pushed % 3,
		.packet = ++view->pushed,
		.bytes = bytes,
		.cls = (uint8_t)cls};

	if (bf_pacer_admit(&view->pacer, cls, bytes, world->now_us)) {
		assert(cls == BF_PACER_AUDIO || view->waiting == 0);
		take_tokens(view, cls, bytes, world->now_us);
		view->passed++;
		return;
	}
	assert(cls != BF_PACER_AUDIO);
	if (bf_pacer_push(&view->pacer, &entry, world->now_us) == 0)
		view->waiting++;
	assert(view->waiting <= BF_PACER_COUNT_MAX);
}

static void drain(struct world *world, struct view *view)
{
	enum bf_pacer_verdict verdict;
	struct bf_pacer_entry entry;

	while ((verdict = bf_pacer_poll(&view->pacer, world->now_us, &entry)) != BF_PACER_NOTHING) {
		assert(view->waiting > 0);
		view->waiting--;
		assert(entry.packet > view->newest[entry.cls] && entry.packet <= view->pushed);
		view->newest[entry.cls] = entry.packet;
		if (verdict == BF_PACER_SEND)
			take_tokens(view, entry.cls, entry.bytes, world->now_us);
	}
	assert(bf_pacer_deadline_us(&view->pacer) > world->now_us);
	/* It wakes up when the oldest is late; one from a future that the clock has left, when it has tokens. */
	assert(view->waiting == 0 ||
		bf_pacer_deadline_us(&view->pacer) <=
			world->now_us + (world->has_gone_back ? LONGEST_US : BF_PACER_AGE_US) +
				BF_PACER_TICK_US);
}

static void check(const struct world *world)
{
	const struct bf_pacers *pacers = &world->pacers;
	uint64_t waiting = 0, passed = 0;

	for (size_t i = 0; i < PACERS; i++) {
		const struct view *view = &world->views[i];

		assert((bf_pacer_deadline_us(&view->pacer) == INT64_MAX) == (view->waiting == 0));
		assert((view->pacer.waiting_bytes == 0) == (view->waiting == 0));
		waiting += view->waiting;
		passed += view->passed;
	}
	assert(pacers->waiting == waiting && pacers->passed == passed);
	assert(pacers->queued == pacers->released + pacers->late + pacers->forgotten + waiting);
	assert(waiting > 0 || pacers->blocks.used_count == 0);
	assert((bf_pacers_deadline_us(pacers) == INT64_MAX) == (waiting == 0));
}

static void run_event(struct world *world, const uint8_t *event)
{
	struct view *view = &world->views[event[0] % PACERS];
	uint16_t value = bf_get_u16(event + 1), bytes = (uint16_t)(value % BF_PACER_PACKET_MAX + 1);
	struct bf_pacer *due;

	world->now_us += (int64_t)bf_get_u16(event + 3) * (event[0] & 0x80 ? 50 : 1);
	switch (event[0] / 4 % 8) {
	case 0:
		world->now_us -= event[0] & 0x40 ? value * INT64_C(1000) : value % 1000;
		world->has_gone_back = true;
		for (size_t i = 0; i < PACERS; i++) {
			/* what was slept through counts twice where the clock went back */
			world->views[i].at_us = INT64_MIN / 2;
			let_time_pass(&world->views[i], world->now_us);
		}
		break;
	case 1:
		let_time_pass(view, world->now_us);
		bf_pacer_set_rate(&view->pacer, (int64_t)value * value, world->now_us);
		let_time_pass(view, world->now_us);
		if (view->tokens > bf_pacer_burst_bytes(&view->pacer) * 8000000)
			view->tokens = bf_pacer_burst_bytes(&view->pacer) * 8000000;
		break;
	case 2:
		view->waiting -= bf_pacer_forget(&view->pacer, value % 3);
		break;
	case 3:
		offer(world, view, BF_PACER_AUDIO, bytes);
		break;
	case 4:
		for (unsigned i = 0; i < (value & 63); i++) /* a frame */
			offer(world, view, BF_PACER_VIDEO, bytes);
		break;
	case 5:
		offer(world, view, BF_PACER_RESEND, bytes);
		break;
	case 6:
		drain(world, view);
		break;
	default:
		while ((due = bf_pacers_next(&world->pacers, world->now_us)))
			drain(world, BF_CONTAINER(due, struct view, pacer));
	}
	check(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.now_us = INT64_C(4294967290000); /* just before the milliseconds wrap */
	if (bf_pacers_init(&world.pacers, BLOCKS, world.now_us))
		return 0;
	for (size_t i = 0; i < PACERS; i++) {
		struct view *view = &world.views[i];

		bf_pacer_init(&view->pacer, &world.pacers, world.now_us);
		view->at_us = world.now_us;
		view->tokens = bf_pacer_burst_bytes(&view->pacer) * 8000000;
	}
	for (; size >= EVENT; data += EVENT, size -= EVENT)
		run_event(&world, data);
	for (size_t i = 0; i < PACERS; i++)
		bf_pacer_deinit(&world.views[i].pacer);
	bf_pacers_deinit(&world.pacers);
	return 0;
}
