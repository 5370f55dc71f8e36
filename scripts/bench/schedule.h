/* scripts/bench/schedule.h - who is due next, of many: a heap of times.
 *
 * Owner:   scenario.c.   Thread: one.   Allocates in _init only.
 */
#ifndef BF_BENCH_SCHEDULE_H
#define BF_BENCH_SCHEDULE_H

#include <stdint.h>

struct bench_due {
	int64_t due_ns;
	unsigned who;
};

struct bench_schedule {
	struct bench_due *heap; /* no entry is due before its parent, (i - 1) / 2 */
	unsigned count, size;
};

/* Room for `size` entries. 0 or -ENOMEM. */
int bench_schedule_init(struct bench_schedule *schedule, unsigned size);
void bench_schedule_deinit(struct bench_schedule *schedule);

/* Add one; there must be room. */
void bench_schedule_add(struct bench_schedule *schedule, int64_t due_ns, unsigned who);

/* The first to be due; NULL when there is none. */
const struct bench_due *bench_schedule_first(const struct bench_schedule *schedule);

/* Put the first one off to `due_ns`; take it away. */
void bench_schedule_put_off(struct bench_schedule *schedule, int64_t due_ns);
void bench_schedule_drop(struct bench_schedule *schedule);

#endif
