/* media/room/keyframe.h - when to ask an incoming video stream for a keyframe, however many ask for one.
 *
 * Owner:   bf_keyframe: one incoming stream; bf_keyframe_quota: one subscription. Embedded.   Thread: their worker.
 * Limits:  one request in BF_KEYFRAME_INTERVAL_US, repeated until a keyframe arrives, at most BF_KEYFRAME_TRIES times; a
 *          requester is heard twice a second with a burst of five.
 */
#ifndef BF_MEDIA_ROOM_KEYFRAME_H
#define BF_MEDIA_ROOM_KEYFRAME_H

#include <stdbool.h>
#include <stdint.h>

#define BF_KEYFRAME_INTERVAL_US 500000
#define BF_KEYFRAME_TRIES	10

struct bf_keyframe {
	int64_t asked_us; /* last request sent; 0: never */
	int64_t due_us;	  /* next one; INT64_MAX: none wanted */
	uint8_t try_count;
};

void bf_keyframe_init(struct bf_keyframe *keyframe);

/* Somebody needs one. */
void bf_keyframe_want(struct bf_keyframe *keyframe, int64_t now_us);

/* One began to arrive: nothing is wanted any more. */
void bf_keyframe_on_keyframe(struct bf_keyframe *keyframe, int64_t now_us);

/* True: send a PLI now. */
bool bf_keyframe_poll(struct bf_keyframe *keyframe, int64_t now_us);
int64_t bf_keyframe_deadline_us(const struct bf_keyframe *keyframe);

struct bf_keyframe_quota {
	int64_t refilled_us;
	uint32_t tokens_q10; /* 1024: one request */
};
void bf_keyframe_quota_init(struct bf_keyframe_quota *quota, int64_t now_us);
bool bf_keyframe_quota_take(struct bf_keyframe_quota *quota, int64_t now_us);

#endif
