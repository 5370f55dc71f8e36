/* signaling/rtc/code.h - the error codes clients see, over WebSocket as text and over HTTP as a status.
 *
 * Thread: any.   Source: signaling/PROTOCOL.md; RFC 9110 section 15 for the statuses.
 */
#ifndef BF_SIGNALING_RTC_CODE_H
#define BF_SIGNALING_RTC_CODE_H

enum bf_rtc_code {
	BF_RTC_BAD_MESSAGE,
	BF_RTC_UNKNOWN_TYPE,
	BF_RTC_BAD_REQUEST,
	BF_RTC_NOT_JOINED,
	BF_RTC_ALREADY_JOINED,
	BF_RTC_UNAUTHORIZED,
	BF_RTC_FORBIDDEN,
	BF_RTC_NOT_FOUND,
	BF_RTC_ROOM_FULL,
	BF_RTC_BUSY,
	BF_RTC_RATE_LIMITED,
	BF_RTC_BAD_SDP,
	BF_RTC_BAD_STATE,
	BF_RTC_UNSUPPORTED,
	BF_RTC_RESUME_FAILED,
	BF_RTC_INTERNAL,
	BF_RTC_CODE_COUNT,
};

const char *bf_rtc_code_name(enum bf_rtc_code code);
int bf_rtc_code_status(enum bf_rtc_code code);

/* What a worker wrote into bf_media_error.code; BF_RTC_INTERNAL for a name that is none of ours. */
enum bf_rtc_code bf_rtc_code_parse(const char *name);

#endif
