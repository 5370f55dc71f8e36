#include "media/room/keyframe.h"

#define TOKEN_Q10     1024
#define BURST_Q10     (5 * TOKEN_Q10)
#define REFILL_Q10_S  (2 * TOKEN_Q10)
#define US_PER_SECOND 1000000

void bf_keyframe_init(struct bf_keyframe *keyframe)
{
	*keyframe = (struct bf_keyframe){.due_us = INT64_MAX};
}

void bf_keyframe_want(struct bf_keyframe *keyframe, int64_t now_us)
{
	if (keyframe->due_us != INT64_MAX)
		return; /* asked for already: one answer serves all */
	keyframe->try_count = 0;
	keyframe->due_us = now_us;
	if (keyframe->asked_us && keyframe->asked_us + BF_KEYFRAME_INTERVAL_US > now_us)
		keyframe->due_us = keyframe->asked_us + BF_KEYFRAME_INTERVAL_US;
}

void bf_keyframe_on_keyframe(struct bf_keyframe *keyframe, int64_t now_us)
{
	(void)now_us; /* the interval counts from the request, not from its answer */
	keyframe->due_us = INT64_MAX;
	keyframe->try_count = 0;
}

bool bf_keyframe_poll(struct bf_keyframe *keyframe, int64_t now_us)
{
	if (now_us < keyframe->due_us)
		return false;
	keyframe->asked_us = now_us > 0 ? now_us : 1;
	keyframe->try_count++;
	/* A source that does not answer ten times has left or cannot: whoever still wants one says so again. */
	keyframe->due_us = keyframe->try_count < BF_KEYFRAME_TRIES
				   ? now_us + BF_KEYFRAME_INTERVAL_US
				   : INT64_MAX;
	return true;
}

int64_t bf_keyframe_deadline_us(const struct bf_keyframe *keyframe)
{
	return keyframe->due_us;
}

void bf_keyframe_quota_init(struct bf_keyframe_quota *quota, int64_t now_us)
{
	*quota = (struct bf_keyframe_quota){.refilled_us = now_us, .tokens_q10 = BURST_Q10};
}

static void refill(struct bf_keyframe_quota *quota, int64_t now_us)
{
	int64_t elapsed_us = now_us - quota->refilled_us;
	int64_t added;

	if (elapsed_us >= (int64_t)BURST_Q10 * US_PER_SECOND / REFILL_Q10_S) {
		quota->tokens_q10 = BURST_Q10;
		quota->refilled_us = now_us;
		return;
	}
	/* Only the time that made whole parts is used up, so that frequent requests do not lose the rest. */
	added = elapsed_us * REFILL_Q10_S / US_PER_SECOND;
	quota->refilled_us += added * US_PER_SECOND / REFILL_Q10_S;
	quota->tokens_q10 += (uint32_t)added;
	if (quota->tokens_q10 > BURST_Q10)
		quota->tokens_q10 = BURST_Q10;
}

bool bf_keyframe_quota_take(struct bf_keyframe_quota *quota, int64_t now_us)
{
	refill(quota, now_us);
	if (quota->tokens_q10 < TOKEN_Q10)
		return false;
	quota->tokens_q10 -= TOKEN_Q10;
	return true;
}
