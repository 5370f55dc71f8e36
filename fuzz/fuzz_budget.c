/* A room's and its organization's budgets under any load, limits and steps of the clock: never more than the rate and a second's
 * worth, audio not refused while there is any, and what is refused changes nothing.
 *
 * Input: events of 6 bytes: what, copies, bits or limit (2 bytes), time in 64 us (2 bytes).
 */
#include "core/base/bytes.h"
#include "media/cc/budget.h"

#include <assert.h>
#include <stdlib.h>

#define EVENT 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bucket(const struct bf_budget_bucket *bucket)
{
	assert(bucket->rate >= 0 && bucket->rate <= BF_BUDGET_RATE_MAX);
	assert(bucket->tokens <= bucket->rate * 1000000);
	assert(bucket->rate > 0 || !bucket->is_shedding);
	assert(bucket->used[0] >= 0 && bucket->used[1] >= 0);
}

static void check_taken(const struct bf_budget *before, const struct bf_budget *after,
	enum bf_budget_class cls, uint32_t copies, bool is_taken, int64_t now_us)
{
	bool is_same_second = after->second_us == before->second_us;

	if (is_taken && is_same_second)
		assert(after->packets.used[0] == before->packets.used[0] + copies);
	if (!is_taken && is_same_second)
		assert(after->packets.used[0] == before->packets.used[0] &&
			after->bits.used[0] == before->bits.used[0]);
	if (!is_taken) /* time may have given some, but nothing was used */
		assert(after->packets.tokens >= before->packets.tokens &&
			after->bits.tokens >= before->bits.tokens);
	assert(after->shed_audio + after->shed_video - (before->shed_audio + before->shed_video) <=
		copies);
	assert(cls == BF_BUDGET_AUDIO || after->shed_audio == before->shed_audio);
	assert(after->refilled_us == now_us || after->refilled_us == before->refilled_us);
}

static void take(
	struct bf_budget *org, struct bf_budget *room, const uint8_t *event, int64_t now_us)
{
	enum bf_budget_class cls = event[0] & 8 ? BF_BUDGET_AUDIO : BF_BUDGET_VIDEO;
	struct bf_budget org_before = *org, room_before = *room;
	enum bf_budget_verdict verdict =
		bf_budget_take(room, cls, event[1], bf_get_u16(event + 2) * UINT64_C(64), now_us);
	bool is_taken = verdict == BF_BUDGET_OK;

	check_taken(&room_before, room, cls, event[1], is_taken, now_us);
	check_taken(&org_before, org, cls, event[1], is_taken, now_us);
	if (cls == BF_BUDGET_AUDIO && verdict == BF_BUDGET_PACKETS)
		assert(room->packets.tokens <= 0);
	if (cls == BF_BUDGET_AUDIO && verdict == BF_BUDGET_PARENT_BITS)
		assert(org->bits.tokens <= 0);
	assert(is_taken || bf_budget_sheds_video(room));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bf_budget_limits limits = {1000, 1000000};
	struct bf_budget org, room;
	int64_t now_us = 1000000;

	bf_budget_init(&org, NULL, &limits, now_us);
	bf_budget_init(&room, &org, &limits, now_us);
	for (; size >= EVENT; data += EVENT, size -= EVENT) {
		int64_t value = bf_get_u16(data + 2);

		now_us += bf_get_u16(data + 4) * INT64_C(64);
		switch (data[0] & 7) {
		case 0:
			limits = (struct bf_budget_limits){
				data[1] & 1 ? value : 0, data[1] & 2 ? value * value : 0};
			bf_budget_set_limits(data[1] & 4 ? &org : &room, &limits, now_us);
			break;
		case 1:
			limits = (struct bf_budget_limits){data[1], value * 64};
			(void)bf_budget_admit(&room, &limits, now_us);
			break;
		case 2:
			now_us -= value * (data[1] & 1 ? 10000 : 10);
			break;
		default:
			take(&org, &room, data, now_us);
		}
		check_bucket(&org.packets);
		check_bucket(&org.bits);
		check_bucket(&room.packets);
		check_bucket(&room.bits);
	}
	return 0;
}
