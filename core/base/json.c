#include "core/base/json.h"

#include "core/base/id.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* What failed while building leaves a string that jansson cannot print (it is no UTF-8): the text is
 * then refused as a whole, without a flag to carry along. As a name of a member it meets no other. */
#define MARK "\xff"

static json_t *in(struct bf_json *json)
{
	return (json_t *)json;
}

/* jansson's getters take non-const pointers but change nothing. */
static json_t *view(const struct bf_json *json)
{
	return (json_t *)(uintptr_t)json;
}

static struct bf_json *out_of(json_t *json)
{
	return (struct bf_json *)json;
}

/* Types jansson does not know, and so neither prints nor copies: what is left to mark an object or an
 * array with when there is no memory for more. */
#define POISON_OBJECT ((json_type)98)
#define POISON_ARRAY  ((json_type)99)

/* ---- parsing ---- */

/* The deepest nesting of `text`, before anything is built of it: jansson recurses per level, up to
 * a limit that is fixed when it is compiled and much above ours. */
static size_t depth_of(struct bf_bytes text)
{
	size_t depth = 0, depth_max = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > depth_max)
				depth_max = depth;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return depth_max;
}

/* jansson leaves the code unset on most paths without memory; a few look like bad syntax. */
static bool is_memory(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);

	return code == json_error_out_of_memory || code == json_error_unknown;
}

int bf_json_parse(
	struct bf_json **out, struct bf_bytes text, size_t len_max, char *why, size_t why_size)
{
	json_error_t error;
	json_t *json;

	if (!why)
		why_size = 0;
	if (text.len > len_max) {
		snprintf(why, why_size, "longer than %zu bytes", len_max);
		return -ENOBUFS;
	}
	if (depth_of(text) > BF_JSON_DEPTH) {
		snprintf(why, why_size, "nested deeper than %d levels", BF_JSON_DEPTH);
		return -ENOBUFS;
	}
	/* jansson asks for a non-NULL buffer even when it is empty. */
	json = json_loadb(
		text.len ? (const char *)text.data : "", text.len, JSON_REJECT_DUPLICATES, &error);
	if (!json) {
		snprintf(why, why_size, "line %d column %d: %s", error.line, error.column,
			error.text);
		return is_memory(&error) ? -ENOMEM : -EBADMSG;
	}
	*out = out_of(json);
	return 0;
}

void bf_json_free(struct bf_json *json)
{
	json_t *value = in(json);

	if (value && value->type == POISON_OBJECT)
		value->type = JSON_OBJECT;
	if (value && value->type == POISON_ARRAY)
		value->type = JSON_ARRAY;
	json_decref(value);
}

/* ---- reading ---- */

bool bf_json_is_object(const struct bf_json *json)
{
	return json_is_object(view(json));
}

bool bf_json_is_array(const struct bf_json *json)
{
	return json_is_array(view(json));
}

bool bf_json_is_string(const struct bf_json *json)
{
	return json_is_string(view(json));
}

bool bf_json_is_null(const struct bf_json *json)
{
	return json_is_null(view(json));
}

const struct bf_json *bf_json_get(const struct bf_json *object, const char *key)
{
	return out_of(json_object_get(view(object), key));
}

int bf_json_get_str(const struct bf_json *object, const char *key, struct bf_bytes *out)
{
	const struct bf_json *value = bf_json_get(object, key);

	return value ? bf_json_as_str(value, out) : -ENOENT;
}

int bf_json_get_int(const struct bf_json *object, const char *key, int64_t *out)
{
	const struct bf_json *value = bf_json_get(object, key);

	return value ? bf_json_as_int(value, out) : -ENOENT;
}

int bf_json_get_bool(const struct bf_json *object, const char *key, bool *out)
{
	const json_t *value = view(bf_json_get(object, key));

	if (!value)
		return -ENOENT;
	if (!json_is_boolean(value))
		return -EINVAL;
	*out = json_is_true(value);
	return 0;
}

size_t bf_json_count(const struct bf_json *array)
{
	return json_array_size(view(array));
}

const struct bf_json *bf_json_at(const struct bf_json *array, size_t idx)
{
	return out_of(json_array_get(view(array), idx));
}

int bf_json_as_str(const struct bf_json *json, struct bf_bytes *out)
{
	const json_t *value = view(json);

	if (!json_is_string(value))
		return -EINVAL;
	*out = bf_bytes(json_string_value(value), json_string_length(value));
	return 0;
}

int bf_json_as_int(const struct bf_json *json, int64_t *out)
{
	const json_t *value = view(json);

	if (!json_is_integer(value))
		return -EINVAL;
	*out = json_integer_value(value);
	return 0;
}

const char *bf_json_next_key(const struct bf_json *object, const char *key)
{
	json_t *value = view(object);
	void *iter = key ? json_object_iter_at(value, key) : NULL;

	iter = key ? json_object_iter_next(value, iter) : json_object_iter(value);
	return json_object_iter_key(iter);
}

/* ---- building ---- */

struct bf_json *bf_json_object(void)
{
	return out_of(json_object());
}

struct bf_json *bf_json_array(void)
{
	return out_of(json_array());
}

/* Make `json` unprintable. Emptying it first gives back memory, so the mark nearly always fits; when
 * even that fails the type is spoilt instead: inside another value, the empty rest then leaks. */
static void mark(json_t *json)
{
	if (json_is_object(json)) {
		if (json_object_set_new_nocheck(json, MARK, json_string_nocheck(MARK)) == 0)
			return;
		json_object_clear(json);
		if (json_object_set_new_nocheck(json, MARK, json_string_nocheck(MARK)) < 0)
			json->type = POISON_OBJECT;
	} else if (json_is_array(json)) {
		json_array_clear(json);
		if (json_array_append_new(json, json_string_nocheck(MARK)) < 0)
			json->type = POISON_ARRAY;
	}
}

void bf_json_put(struct bf_json *object, const char *key, struct bf_json *value)
{
	json_t *json = in(object);

	assert(!json || json_is_object(json) || json_typeof(json) == POISON_OBJECT);
	/* Refuses a NULL of either, and bad UTF-8 in the key; frees the value then. */
	if (json_object_set_new(json, key, in(value)) < 0)
		mark(json);
}

void bf_json_put_str(struct bf_json *object, const char *key, const char *text)
{
	bf_json_put(object, key, out_of(json_string(text)));
}

void bf_json_put_bytes(struct bf_json *object, const char *key, struct bf_bytes text)
{
	const char *data = text.len ? (const char *)text.data : "";

	bf_json_put(object, key, out_of(json_stringn(data, text.len)));
}

void bf_json_put_int(struct bf_json *object, const char *key, int64_t value)
{
	bf_json_put(object, key, out_of(json_integer(value)));
}

void bf_json_put_bool(struct bf_json *object, const char *key, bool value)
{
	bf_json_put(object, key, out_of(json_boolean(value)));
}

void bf_json_put_null(struct bf_json *object, const char *key)
{
	bf_json_put(object, key, out_of(json_null()));
}

void bf_json_put_id(struct bf_json *object, const char *key, uint64_t id)
{
	char text[BF_ID_TEXT];

	bf_json_put_str(object, key, bf_id_format(id, text));
}

void bf_json_push(struct bf_json *array, struct bf_json *value)
{
	json_t *json = in(array);

	assert(!json || json_is_array(json) || json_typeof(json) == POISON_ARRAY);
	if (json_array_append_new(json, in(value)) < 0)
		mark(json);
}

void bf_json_push_str(struct bf_json *array, const char *text)
{
	bf_json_push(array, out_of(json_string(text)));
}

void bf_json_push_id(struct bf_json *array, uint64_t id)
{
	char text[BF_ID_TEXT];

	bf_json_push_str(array, bf_id_format(id, text));
}

struct bf_json *bf_json_copy(const struct bf_json *json)
{
	return out_of(json_deep_copy(view(json)));
}

/* Text that grows. The flag is ours because jansson passes over a failure in the middle of a key. */
struct sink {
	char *text;
	size_t len;
	size_t size;
	bool is_broken;
};

static int sink_add(const char *data, size_t len, void *arg)
{
	struct sink *sink = arg;
	size_t size = sink->size ? sink->size : 256;
	char *text;

	if (sink->is_broken)
		return -1;
	while (size - sink->len <= len) /* one more for the NUL */
		size *= 2;
	if (size > sink->size) {
		text = realloc(sink->text, size);
		if (!text) {
			sink->is_broken = true;
			return -1;
		}
		sink->text = text;
		sink->size = size;
	}
	memcpy(sink->text + sink->len, data, len);
	sink->len += len;
	return 0;
}

char *bf_json_print(const struct bf_json *json, size_t *out_len)
{
	struct sink sink = {.len = 0};
	int err = json_dump_callback(view(json), sink_add, &sink, JSON_COMPACT | JSON_ENCODE_ANY);

	if (err || sink.is_broken) {
		free(sink.text);
		return NULL;
	}
	sink.text[sink.len] = '\0';
	if (out_len)
		*out_len = sink.len;
	return sink.text;
}
