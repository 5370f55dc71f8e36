/* signaling/rtc/presence_msg.h - that a participant is in a room, or is not any more, for whoever keeps a record of it.
 *
 * Owner:   the hub lends it for the call of a hook.   Thread: control.
 */
#ifndef BF_SIGNALING_RTC_PRESENCE_MSG_H
#define BF_SIGNALING_RTC_PRESENCE_MSG_H

#include <stdint.h>

struct bf_rtc_presence {
	uint64_t room_id; /* of this time: when the last one has left, the next gets another */
	uint64_t participant_id;
	const char *org; /* "": the default organization */
	const char *room;
	const char *name; /* "" by WHEP */
	const char *kind; /* "socket", "whip", "whep" */
	unsigned worker;
	int64_t wall_us;
};

#endif
