#include "scripts/bench/schedule.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

int bench_schedule_init(struct bench_schedule *schedule, unsigned size)
{
	*schedule = (struct bench_schedule){.size = size};
	schedule->heap = calloc(size ? size : 1, sizeof(*schedule->heap));
	return schedule->heap ? 0 : -ENOMEM;
}

void bench_schedule_deinit(struct bench_schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct bench_schedule){0};
}

void bench_schedule_add(struct bench_schedule *schedule, int64_t due_ns, unsigned who)
{
	struct bench_due *heap = schedule->heap;
	unsigned at = schedule->count;

	assert(schedule->count < schedule->size);
	schedule->count++;
	while (at > 0 && heap[(at - 1) / 2].due_ns > due_ns) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = (struct bench_due){.due_ns = due_ns, .who = who};
}

const struct bench_due *bench_schedule_first(const struct bench_schedule *schedule)
{
	return schedule->count > 0 ? schedule->heap : NULL;
}

/* Let `due` take the root's place: earlier ones move up. */
static void sink(struct bench_schedule *schedule, struct bench_due due)
{
	struct bench_due *heap = schedule->heap;
	unsigned at = 0;

	for (;;) {
		unsigned child = 2 * at + 1;
		if (child + 1 < schedule->count && heap[child + 1].due_ns < heap[child].due_ns)
			child++;
		if (child >= schedule->count || heap[child].due_ns >= due.due_ns)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = due;
}

void bench_schedule_put_off(struct bench_schedule *schedule, int64_t due_ns)
{
	assert(schedule->count > 0);
	sink(schedule, (struct bench_due){.due_ns = due_ns, .who = schedule->heap[0].who});
}

void bench_schedule_drop(struct bench_schedule *schedule)
{
	assert(schedule->count > 0);
	schedule->count--;
	if (schedule->count > 0)
		sink(schedule, schedule->heap[schedule->count]);
}
