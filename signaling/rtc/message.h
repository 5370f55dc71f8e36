/* signaling/rtc/message.h - the table of what clients may say: type, when it is allowed, its fields, who handles it.
 *
 * A frame passes, in this order: the rate, the envelope, the type, what was seen before, the state, the fields, the handler.
 * Each step that refuses answers with an error, and the session goes on.
 * Owner:   constant.   Thread: control.   Source: signaling/PROTOCOL.md.
 */
#ifndef BF_SIGNALING_RTC_MESSAGE_H
#define BF_SIGNALING_RTC_MESSAGE_H

#include "signaling/rtc/schema.h"

#define BF_RTC_MESSAGE_TYPES 11

struct bf_rtc_hub;
struct bf_rtc_session;

struct bf_rtc_request {
	struct bf_rtc_hub *hub;
	struct bf_rtc_session *session;
	struct bf_bytes id;
	const struct bf_rtc_value *values; /* one for each field of the table */
};

enum bf_rtc_when {
	BF_RTC_WHEN_ANY,
	BF_RTC_WHEN_OPEN,   /* else already_joined */
	BF_RTC_WHEN_IN,	    /* joined or joining, else not_joined */
	BF_RTC_WHEN_JOINED, /* else not_joined */
};

struct bf_rtc_message {
	const char *type;
	enum bf_rtc_when when;
	uint32_t grants;		   /* enum bf_grant: one of these is needed; 0: none */
	const struct bf_rtc_field *fields; /* ends with a name of NULL */
	void (*handler)(const struct bf_rtc_request *request);
};

extern const struct bf_rtc_message bf_rtc_messages[BF_RTC_MESSAGE_TYPES];

#endif
