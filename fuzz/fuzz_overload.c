/* The overload controller under any measurements: it goes up only when it must and down only when it may, a step at a time, and
 * what it says fits together.
 *
 * Input: events of 5 bytes: time since the last one in ms, flags, p99 in 8 us (2 bytes), busy share.
 */
#include "core/base/bytes.h"
#include "media/cc/overload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define EVENT 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_meaning(const struct bf_overload *overload, uint32_t id)
{
	for (unsigned count = 1; count <= 3; count++)
		for (unsigned rank = 0; rank < count; rank++)
			assert(bf_overload_layer(overload, id, rank, count) <= rank);
	assert(overload->state == BF_OVERLOAD_SHED_VIDEO || !bf_overload_pauses(overload, id));
	assert(overload->level < BF_OVERLOAD_LEVEL_MAX || bf_overload_pauses(overload, id));
	assert(bf_overload_refuses_joins(overload) || overload->level == 0);
}

static void check_step(const struct bf_overload *before, const struct bf_overload *after,
	const struct bf_overload_sample *sample, bool is_changed)
{
	bool is_full = sample->busy_permille < 0 || sample->busy_permille >= BF_OVERLOAD_BUSY_HOT;
	bool is_hot = is_full && sample->packet_count >= BF_OVERLOAD_PACKETS_MIN &&
		      sample->p99_us > before->budget_us;
	bool is_severe = is_hot && sample->p99_us > before->budget_us * BF_OVERLOAD_SEVERE;

	assert(is_changed == (before->level != after->level || before->state != after->state));
	assert(after->level <= BF_OVERLOAD_LEVEL_MAX);
	assert(after->level <= before->level + (is_severe ? 2 : is_hot ? 1 : 0));
	assert(is_hot ? after->level >= before->level : after->level + 1 >= before->level);
	assert(before->state != BF_OVERLOAD_NORMAL || after->level == 0);
	assert((after->level == 0) == (after->state <= BF_OVERLOAD_GUARDED));
	assert((after->level > 4) == (after->state == BF_OVERLOAD_SHED_VIDEO));
	assert(after->calm_us >= BF_OVERLOAD_CALM_MIN_US &&
		after->calm_us <= BF_OVERLOAD_CALM_MAX_US);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_overload overload;
	int64_t now_us = 1000000;

	if (size < 1)
		return 0;
	bf_overload_init(&overload, 1 + data[0] * 100);
	for (data++, size--; size >= EVENT; data += EVENT, size -= EVENT) {
		struct bf_overload before = overload;
		struct bf_overload_sample sample = {.p99_us = bf_get_u16(data + 2) * INT64_C(8),
			.packet_count = data[1] & 1 ? 1000 : data[1],
			.busy_permille = data[4] == 255 ? -1 : data[4] * 4};
		bool is_changed;

		now_us += data[0] * INT64_C(1000) * (data[1] & 2 ? 100 : 1);
		if ((data[1] & 0xfc) == 0xfc)
			now_us -= 600000000;
		is_changed = bf_overload_on_sample(&overload, &sample, now_us);
		check_step(&before, &overload, &sample, is_changed);
		check_meaning(&overload, bf_get_u16(data) * 2654435761u);
	}
	return 0;
}
