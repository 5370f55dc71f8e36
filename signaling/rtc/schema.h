/* signaling/rtc/schema.h - what the members of a message's data may be, checked before any handler sees them.
 *
 * Owner:   values borrow the parsed message.   Thread: any.   Never allocates.
 * Rule:    members that no field names are ignored, so that newer clients may say more; null counts as absent where a field
 *          is optional.
 */
#ifndef BF_SIGNALING_RTC_SCHEMA_H
#define BF_SIGNALING_RTC_SCHEMA_H

#include "core/base/json.h"

#define BF_RTC_FIELDS 4 /* of one message or array element */

enum bf_rtc_field_kind {
	BF_RTC_FIELD_TEXT,	   /* 1 to `max` bytes, any characters but NUL */
	BF_RTC_FIELD_LINE,	   /* a text without control characters */
	BF_RTC_FIELD_LINE_OR_NULL, /* the same, or empty, or null (then empty) */
	BF_RTC_FIELD_ROOM,	   /* a room name */
	BF_RTC_FIELD_NAME,	   /* a display name */
	BF_RTC_FIELD_ID,	   /* 16 hex digits */
	BF_RTC_FIELD_BOOL,
	BF_RTC_FIELD_NUMBER, /* an integer from 0 to `max` */
	BF_RTC_FIELD_CHOICE, /* one of `choices`; the number is its place */
	BF_RTC_FIELD_LAYER,  /* 0, 1, 2 or "auto" (-1) */
	BF_RTC_FIELD_LIST,   /* an array of up to `max` objects of the fields `items` */
};

struct bf_rtc_field {
	const char *name;
	enum bf_rtc_field_kind kind;
	bool is_optional;
	uint64_t max;
	const char *const *choices;	  /* ends with NULL */
	const struct bf_rtc_field *items; /* ends with a name of NULL */
};

struct bf_rtc_value {
	bool is_present;
	struct bf_bytes text;
	int64_t number; /* also bool and choice */
	uint64_t id;
	const struct bf_json *list;
};

/* Check `object` (NULL: empty) against `fields`, which end with a name of NULL; one value per field. -EINVAL, and `why` names
 * the field. */
int bf_rtc_schema_check(struct bf_rtc_value values[static BF_RTC_FIELDS],
	const struct bf_rtc_field *fields, const struct bf_json *object, char *why,
	size_t why_size);

/* The same rules for what comes in a URL or a token. */
bool bf_rtc_is_room_name(struct bf_bytes text);
bool bf_rtc_is_display_name(struct bf_bytes text);

#endif
