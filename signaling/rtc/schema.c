#include "signaling/rtc/schema.h"

#include "core/base/id.h"
#include "core/base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define NAME_MAX_CHARACTERS 64

bool bf_rtc_is_room_name(struct bf_bytes text)
{
	if (text.len < 1 || text.len > NAME_MAX_CHARACTERS)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		bool is_alnum =
			(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!is_alnum && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

static bool is_line(struct bf_bytes text, size_t *character_count)
{
	uint32_t point;

	*character_count = 0;
	while (text.len > 0) {
		size_t len = bf_utf8_take(text, &point);

		if (len == 0 || bf_utf8_is_control(point))
			return false;
		text = bf_bytes(text.data + len, text.len - len);
		(*character_count)++;
	}
	return true;
}

bool bf_rtc_is_display_name(struct bf_bytes text)
{
	size_t count;

	return is_line(text, &count) && count >= 1 && count <= NAME_MAX_CHARACTERS;
}

/* Each check below answers NULL, or what the value should have been. */

static const char *check_text(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	if (bf_json_as_str(json, &value->text) < 0)
		return "must be a string";
	if (value->text.len > field->max)
		return "is too long";
	return value->text.len ? NULL : "must not be empty";
}

static const char *check_line(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	size_t count;

	if (bf_json_as_str(json, &value->text) < 0)
		return "must be a string";
	if (value->text.len > field->max)
		return "is too long";
	if (!is_line(value->text, &count))
		return "must not hold control characters";
	if (field->kind == BF_RTC_FIELD_LINE && count == 0)
		return "must not be empty";
	return NULL;
}

static const char *check_line_or_null(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	if (!bf_json_is_null(json))
		return check_line(value, field, json) ? "must be a line of text or null" : NULL;
	value->text = bf_bytes("", 0);
	return NULL;
}

static const char *check_room(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	(void)field;
	if (bf_json_as_str(json, &value->text) < 0 || !bf_rtc_is_room_name(value->text))
		return "must be 1 to 64 characters of A-Z a-z 0-9 . _ -";
	return NULL;
}

static const char *check_name(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	(void)field;
	if (bf_json_as_str(json, &value->text) < 0 || !bf_rtc_is_display_name(value->text))
		return "must be 1 to 64 characters, none of them a control character";
	return NULL;
}

static const char *check_id(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	struct bf_bytes text;

	(void)field;
	if (bf_json_as_str(json, &text) < 0 || bf_id_parse(&value->id, text) < 0)
		return "must be an id of 16 hex digits";
	return NULL;
}

static const char *check_number(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	if (bf_json_as_int(json, &value->number) < 0 || value->number < 0 ||
		(uint64_t)value->number > field->max)
		return "must be an integer in range";
	return NULL;
}

static const char *check_choice(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	if (bf_json_as_str(json, &value->text) < 0)
		return "must be a string";
	for (int i = 0; field->choices[i]; i++) {
		if (bf_bytes_is(value->text, field->choices[i])) {
			value->number = i;
			return NULL;
		}
	}
	return "is none of the values allowed here";
}

static const char *check_layer(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	(void)field;
	if (bf_json_as_str(json, &value->text) == 0 && bf_bytes_is(value->text, "auto")) {
		value->number = -1;
		return NULL;
	}
	if (bf_json_as_int(json, &value->number) < 0 || value->number < 0 || value->number > 2)
		return "must be 0, 1, 2 or \"auto\"";
	return NULL;
}

static const char *check_value(
	struct bf_rtc_value *value, const struct bf_rtc_field *field, const struct bf_json *json)
{
	static const char *(*const checks[])(
		struct bf_rtc_value *, const struct bf_rtc_field *, const struct bf_json *) = {
		[BF_RTC_FIELD_TEXT] = check_text,
		[BF_RTC_FIELD_LINE] = check_line,
		[BF_RTC_FIELD_LINE_OR_NULL] = check_line_or_null,
		[BF_RTC_FIELD_ROOM] = check_room,
		[BF_RTC_FIELD_NAME] = check_name,
		[BF_RTC_FIELD_ID] = check_id,
		[BF_RTC_FIELD_NUMBER] = check_number,
		[BF_RTC_FIELD_CHOICE] = check_choice,
		[BF_RTC_FIELD_LAYER] = check_layer,
	};

	return checks[field->kind](value, field, json);
}

static int refuse(char *why, size_t why_size, const char *path, const char *name, const char *text)
{
	snprintf(why, why_size, "%s.%s: %s", path, name, text);
	return -EINVAL;
}

static int check_fields(struct bf_rtc_value *values, const struct bf_rtc_field *fields,
	const struct bf_json *object, const char *path, char *why, size_t why_size);

static int check_list(struct bf_rtc_value *value, const struct bf_rtc_field *field,
	const struct bf_json *json, const char *path, char *why, size_t why_size)
{
	struct bf_rtc_value item[BF_RTC_FIELDS];
	char item_path[64];

	if (!bf_json_is_array(json))
		return refuse(why, why_size, path, field->name, "must be an array");
	if (bf_json_count(json) > field->max)
		return refuse(why, why_size, path, field->name, "has too many elements");
	for (size_t i = 0; i < bf_json_count(json); i++) {
		const struct bf_json *at = bf_json_at(json, i);
		int err;

		snprintf(item_path, sizeof(item_path), "%s.%s[%zu]", path, field->name, i);
		if (!bf_json_is_object(at)) {
			snprintf(why, why_size, "%s: must be an object", item_path);
			return -EINVAL;
		}
		err = check_fields(item, field->items, at, item_path, why, why_size);
		if (err)
			return err;
	}
	value->list = json;
	return 0;
}

static int check_field(struct bf_rtc_value *value, const struct bf_rtc_field *field,
	const struct bf_json *object, const char *path, char *why, size_t why_size)
{
	const struct bf_json *json = object ? bf_json_get(object, field->name) : NULL;
	const char *wrong;
	bool flag;

	if (!json || (field->is_optional && bf_json_is_null(json)))
		return field->is_optional ? 0
					  : refuse(why, why_size, path, field->name, "is required");
	value->is_present = true;
	if (field->kind == BF_RTC_FIELD_LIST)
		return check_list(value, field, json, path, why, why_size);
	if (field->kind == BF_RTC_FIELD_BOOL) {
		if (bf_json_get_bool(object, field->name, &flag) < 0)
			return refuse(why, why_size, path, field->name, "must be true or false");
		value->number = flag;
		return 0;
	}
	wrong = check_value(value, field, json);
	return wrong ? refuse(why, why_size, path, field->name, wrong) : 0;
}

static int check_fields(struct bf_rtc_value *values, const struct bf_rtc_field *fields,
	const struct bf_json *object, const char *path, char *why, size_t why_size)
{
	memset(values, 0, BF_RTC_FIELDS * sizeof(*values));
	for (size_t i = 0; fields[i].name; i++) {
		int err;

		assert(i < BF_RTC_FIELDS);
		err = check_field(&values[i], &fields[i], object, path, why, why_size);
		if (err)
			return err;
	}
	return 0;
}

int bf_rtc_schema_check(struct bf_rtc_value values[static BF_RTC_FIELDS],
	const struct bf_rtc_field *fields, const struct bf_json *object, char *why, size_t why_size)
{
	return check_fields(values, fields, object, "data", why, why_size);
}
