#include "signaling/rtc/code.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	int status;
} codes[BF_RTC_CODE_COUNT] = {
	[BF_RTC_BAD_MESSAGE] = {"bad_message", 400},
	[BF_RTC_UNKNOWN_TYPE] = {"unknown_type", 400},
	[BF_RTC_BAD_REQUEST] = {"bad_request", 400},
	[BF_RTC_NOT_JOINED] = {"not_joined", 409},
	[BF_RTC_ALREADY_JOINED] = {"already_joined", 409},
	[BF_RTC_UNAUTHORIZED] = {"unauthorized", 401},
	[BF_RTC_FORBIDDEN] = {"forbidden", 403},
	[BF_RTC_NOT_FOUND] = {"not_found", 404},
	[BF_RTC_ROOM_FULL] = {"room_full", 503},
	[BF_RTC_BUSY] = {"busy", 503},
	[BF_RTC_RATE_LIMITED] = {"rate_limited", 429},
	[BF_RTC_BAD_SDP] = {"bad_sdp", 400},
	[BF_RTC_BAD_STATE] = {"bad_state", 409},
	/* RFC 9725 section 4.2: well formed, but nothing this server can serve. */
	[BF_RTC_UNSUPPORTED] = {"unsupported", 422},
	[BF_RTC_RESUME_FAILED] = {"resume_failed", 404},
	[BF_RTC_INTERNAL] = {"internal", 500},
};

const char *bf_rtc_code_name(enum bf_rtc_code code)
{
	assert(code < BF_RTC_CODE_COUNT);
	return codes[code].name;
}

int bf_rtc_code_status(enum bf_rtc_code code)
{
	assert(code < BF_RTC_CODE_COUNT);
	return codes[code].status;
}

enum bf_rtc_code bf_rtc_code_parse(const char *name)
{
	for (size_t i = 0; i < BF_RTC_CODE_COUNT; i++) {
		if (strcmp(codes[i].name, name) == 0)
			return (enum bf_rtc_code)i;
	}
	return BF_RTC_INTERNAL;
}
