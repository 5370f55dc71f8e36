#include "signaling/rest/body.h"

#include "core/base/id.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WRONG_BYTES 96

static const struct bf_field *find(const struct bf_field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static const char *check_text(
	const struct bf_json *value, const struct bf_field *field, int64_t max, char *wrong)
{
	struct bf_bytes text;

	if (bf_json_as_str(value, &text))
		return "is no text";
	if (text.len != strlen((const char *)text.data))
		return "has a NUL in it";
	if ((int64_t)text.len > max) {
		snprintf(wrong, WRONG_BYTES, "is longer than %lld bytes", (long long)max);
		return wrong;
	}
	return field->rule ? field->rule((const char *)text.data) : NULL;
}

static const char *check_int(const struct bf_json *value, const struct bf_field *field, char *wrong)
{
	bool has_range = field->min != 0 || field->max != 0;
	int64_t number;

	if (bf_json_as_int(value, &number))
		return "is no whole number";
	if (!has_range || (number >= field->min && number <= field->max))
		return NULL;
	snprintf(wrong, WRONG_BYTES, "is not within %lld and %lld", (long long)field->min,
		(long long)field->max);
	return wrong;
}

static const char *check_uuid(const struct bf_json *value)
{
	struct bf_bytes text;
	struct bf_uuid uuid;

	return bf_json_as_str(value, &text) || bf_uuid_parse(&uuid, text) ? "is no UUID" : NULL;
}

static const char *check_list(
	const struct bf_json *value, const struct bf_field *field, char *wrong)
{
	size_t count = bf_json_count(value), max = BF_BODY_TEXTS_MAX;
	const char *what = NULL;

	if (!bf_json_is_array(value))
		return "is no list";
	if (field->max > 0)
		max = (size_t)field->max;
	if (count < (size_t)field->min || count > max) {
		snprintf(wrong, WRONG_BYTES, "does not have %lld to %zu items",
			(long long)field->min, max);
		return wrong;
	}
	for (size_t i = 0; field->kind == BF_FIELD_TEXTS && i < count && !what; i++)
		what = check_text(bf_json_at(value, i), field, BF_BODY_TEXT_MAX, wrong);
	return what ? "has an item that is not allowed there" : NULL;
}

static const char *check_value(
	const struct bf_json *object, const struct bf_field *field, char *wrong)
{
	const struct bf_json *value = bf_json_get(object, field->name);
	bool flag;

	if (bf_json_is_null(value))
		return field->may_be_null ? NULL : "is null";
	switch (field->kind) {
	case BF_FIELD_TEXT:
		return check_text(value, field, field->max ? field->max : BF_BODY_TEXT_MAX, wrong);
	case BF_FIELD_INT:
		return check_int(value, field, wrong);
	case BF_FIELD_BOOL:
		return bf_json_get_bool(object, field->name, &flag) ? "is neither true nor false"
								    : NULL;
	case BF_FIELD_UUID:
		return check_uuid(value);
	case BF_FIELD_TEXTS:
	case BF_FIELD_LIST:
		return check_list(value, field, wrong);
	case BF_FIELD_OBJECT:
		return bf_json_is_object(value) ? NULL : "is no object";
	}
	return "is not known";
}

int bf_body_check(
	const struct bf_json *body, const struct bf_field *fields, char *why, size_t why_size)
{
	char room[WRONG_BYTES];

	if (!bf_json_is_object(body)) {
		snprintf(why, why_size, "the body is no JSON object");
		return -EINVAL;
	}
	for (const char *key = bf_json_next_key(body, NULL); key;
		key = bf_json_next_key(body, key)) {
		if (find(fields, key))
			continue;
		snprintf(why, why_size, "%.64s is not known here", key);
		return -EINVAL;
	}
	for (const struct bf_field *field = fields; field->name; field++) {
		const char *wrong = field->is_required ? "is missing" : NULL;

		if (bf_json_get(body, field->name))
			wrong = check_value(body, field, room);
		if (!wrong)
			continue;
		snprintf(why, why_size, "%s %s", field->name, wrong);
		return -EINVAL;
	}
	return 0;
}
