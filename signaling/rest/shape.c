#include "signaling/rest/shape.h"

#include "core/base/clock.h"

#define JSON_MAX ((size_t)1 << 20)

void bf_shape_time(struct bf_json *json, const char *name, int64_t wall_us)
{
	char text[BF_CLOCK_TEXT];

	if (wall_us)
		bf_json_put_str(json, name, bf_clock_format(wall_us, text));
	else
		bf_json_put_null(json, name);
}

void bf_shape_uuid(struct bf_json *json, const char *name, struct bf_uuid uuid)
{
	char text[BF_UUID_TEXT];

	if (bf_uuid_equal(uuid, (struct bf_uuid){{0}}))
		bf_json_put_null(json, name);
	else
		bf_json_put_str(json, name, bf_uuid_format(uuid, text));
}

void bf_shape_text(struct bf_json *json, const char *name, struct bf_bytes text)
{
	if (text.data)
		bf_json_put_bytes(json, name, text);
	else
		bf_json_put_null(json, name);
}

void bf_shape_json(struct bf_json *json, const char *name, struct bf_bytes text)
{
	struct bf_json *value = NULL;
	char why[64];

	if (text.len == 0 || bf_json_parse(&value, text, JSON_MAX, why, sizeof(why)))
		value = bf_json_object();
	bf_json_put(json, name, value);
}
