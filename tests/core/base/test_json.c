#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int parse(struct bf_json **out, const char *text)
{
	return bf_json_parse(out, bf_bytes_str(text), 4096, NULL, 0);
}

/* Which printing of `json` is `expected`; frees `json`. */
static void check_print(struct bf_json *json, const char *expected)
{
	size_t len = 0;
	char *text = bf_json_print(json, &len);

	if (!expected) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
		assert_int_equal(len, strlen(expected));
	}
	free(text);
	bf_json_free(json);
}

static void members_are_read_by_type(void **state)
{
	struct bf_json *json;
	struct bf_bytes text;
	int64_t number = 5;
	bool flag = false;

	(void)state;
	assert_int_equal(parse(&json, "{\"s\":\"a\\u00e9\",\"i\":-9223372036854775808,\"b\":true,"
				      "\"n\":null,\"r\":1.0,\"o\":{},\"a\":[1,\"x\"]}"),
		0);
	assert_true(bf_json_is_object(json));
	assert_int_equal(bf_json_get_str(json, "s", &text), 0);
	assert_true(bf_bytes_is(text, "a\xc3\xa9"));
	assert_int_equal(text.data[text.len], 0);
	assert_int_equal(bf_json_get_int(json, "i", &number), 0);
	assert_true(number == INT64_MIN);
	assert_int_equal(bf_json_get_bool(json, "b", &flag), 0);
	assert_true(flag);
	assert_true(bf_json_is_null(bf_json_get(json, "n")));
	assert_true(bf_json_is_object(bf_json_get(json, "o")));
	assert_true(bf_json_is_array(bf_json_get(json, "a")));
	assert_true(bf_json_is_string(bf_json_at(bf_json_get(json, "a"), 1)));
	assert_int_equal(bf_json_count(bf_json_get(json, "a")), 2);
	assert_null(bf_json_at(bf_json_get(json, "a"), 2));
	assert_null(bf_json_get(json, "absent"));

	assert_int_equal(bf_json_get_int(json, "absent", &number), -ENOENT);
	assert_int_equal(bf_json_get_str(json, "absent", &text), -ENOENT);
	assert_int_equal(bf_json_get_bool(json, "absent", &flag), -ENOENT);
	assert_int_equal(bf_json_get_int(json, "r", &number), -EINVAL);
	assert_int_equal(bf_json_get_int(json, "s", &number), -EINVAL);
	assert_int_equal(bf_json_get_str(json, "n", &text), -EINVAL);
	assert_int_equal(bf_json_get_bool(json, "i", &flag), -EINVAL);
	assert_true(number == INT64_MIN);
	bf_json_free(json);
	bf_json_free(NULL);
}

static void only_objects_and_arrays_have_members(void **state)
{
	struct bf_json *json;
	int64_t number;

	(void)state;
	assert_int_equal(parse(&json, "[{\"a\":1},7]"), 0);
	assert_null(bf_json_get(json, "a"));
	assert_int_equal(bf_json_get_int(json, "a", &number), -ENOENT);
	assert_int_equal(bf_json_count(bf_json_at(json, 0)), 0);
	assert_null(bf_json_next_key(json, NULL));
	assert_int_equal(bf_json_as_int(bf_json_at(json, 1), &number), 0);
	assert_int_equal(number, 7);
	bf_json_free(json);
}

static void malformed_text_is_refused_with_its_place(void **state)
{
	static const char *const bad[] = {"", " ", "1", "\"a\"", "null", "{", "[", "{}}", "{} x",
		"[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "[01]", "[1.]", "[.5]", "[+1]", "[NaN]",
		"[1e999]", "[99999999999999999999]", "[\"\\u0000\"]", "{\"a\\u0000b\":1}",
		"[\"\\ud800\"]", "[\"\\x\"]", "[\"\n\"]", "[\"\xff\"]", "[\"\xc0\x80\"]",
		"[\"\xed\xa0\x80\"]", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
		"\xef\xbb\xbf{}", "[1] /* c */", "[tru]", "[\"a"};
	struct bf_json *json = NULL;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		assert_int_equal(bf_json_parse(&json, bf_bytes_str(bad[i]), 4096, why, sizeof(why)),
			-EBADMSG);
		assert_null(json);
		assert_int_equal(
			strncmp(why, "line 1 column ", 14) && strncmp(why, "line 2 column ", 14),
			0);
	}
	assert_int_equal(bf_json_parse(&json, bf_bytes("[1]\0", 4), 4096, NULL, 0), -EBADMSG);
	assert_int_equal(bf_json_parse(&json, bf_bytes("[\"a\0\"]", 6), 4096, NULL, 0), -EBADMSG);
	assert_int_equal(bf_json_parse(&json, bf_bytes(NULL, 0), 4096, NULL, 0), -EBADMSG);
}

static void every_truncation_is_refused(void **state)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,\"x\\u00e9\\n\",{\"b\":null,\"c\":false}],\"d\":{}}";
	struct bf_json *json;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(
			bf_json_parse(&json, bf_bytes(text, len), 4096, NULL, 0), -EBADMSG);
	assert_int_equal(parse(&json, text), 0);
	bf_json_free(json);
}

static void nesting_and_length_have_limits_that_are_reached_exactly(void **state)
{
	char text[2 * BF_JSON_DEPTH + 16], why[100];
	struct bf_json *json;

	(void)state;
	for (size_t depth = BF_JSON_DEPTH; depth <= BF_JSON_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		assert_int_equal(bf_json_parse(&json, bf_bytes_str(text), 4096, why, sizeof(why)),
			depth > BF_JSON_DEPTH ? -ENOBUFS : 0);
		if (depth <= BF_JSON_DEPTH)
			bf_json_free(json);
	}
	assert_string_equal(why, "nested deeper than 32 levels");
	assert_int_equal(
		bf_json_parse(&json, bf_bytes_str("[1234]"), 5, why, sizeof(why)), -ENOBUFS);
	assert_string_equal(why, "longer than 5 bytes");
	assert_int_equal(bf_json_parse(&json, bf_bytes_str("[1234]"), 6, NULL, 0), 0);
	bf_json_free(json);
}

static void brackets_in_strings_are_no_levels(void **state)
{
	char text[200] = "[\"\\\"";
	struct bf_json *json;

	(void)state;
	memset(text + 4, '[', 100);
	strcpy(text + 104, "\\\\\"]");
	assert_int_equal(parse(&json, text), 0);
	bf_json_free(json);
}

static void keys_are_walked_in_the_order_they_came(void **state)
{
	struct bf_json *json;
	char all[16] = "";

	(void)state;
	assert_int_equal(parse(&json, "{\"z\":1,\"a\":2,\"m\":3}"), 0);
	for (const char *key = bf_json_next_key(json, NULL); key; key = bf_json_next_key(json, key))
		strcat(all, key);
	assert_string_equal(all, "zam");
	bf_json_free(json);
}

static void what_is_built_prints_compactly_and_in_order(void **state)
{
	struct bf_json *object = bf_json_object(), *array = bf_json_array();

	(void)state;
	bf_json_put_str(object, "s", "a\"\n\xc3\xa9");
	bf_json_put_bytes(object, "v", bf_bytes("viewXX", 4));
	bf_json_put_bytes(object, "e", bf_bytes(NULL, 0));
	bf_json_put_int(object, "i", INT64_MAX);
	bf_json_put_bool(object, "t", true);
	bf_json_put_bool(object, "f", false);
	bf_json_put_null(object, "n");
	bf_json_put_id(object, "id", 0xabc);
	bf_json_push_str(array, "x");
	bf_json_push_id(array, 1);
	bf_json_push(array, bf_json_object());
	bf_json_put(object, "a", array);
	bf_json_put_int(object, "s2", 0);
	bf_json_put_int(object, "i", 1); /* replaces */
	check_print(object, "{\"s\":\"a\\\"\\n\xc3\xa9\",\"v\":\"view\",\"e\":\"\",\"i\":1,\"t\":"
			    "true,\"f\":false,"
			    "\"n\":null,\"id\":\"0000000000000abc\",\"a\":[\"x\","
			    "\"0000000000000001\",{}],\"s2\":0}");
}

static void what_cannot_be_built_shows_when_printed(void **state)
{
	struct bf_json *object, *array;

	(void)state;
	object = bf_json_object();
	bf_json_put_str(object, "a", "\xff");
	bf_json_put_int(object, "b", 1);
	check_print(object, NULL);

	object = bf_json_object();
	bf_json_put_int(object, "\xff", 1);
	check_print(object, NULL);

	object = bf_json_object();
	bf_json_put(object, "a", NULL); /* what a failed bf_json_object() leads to */
	check_print(object, NULL);

	object = bf_json_object(); /* deep inside */
	array = bf_json_array();
	bf_json_push_str(array, "ok");
	bf_json_push_str(array, "\xc0\x80");
	bf_json_push_str(array, "ok");
	bf_json_put(object, "a", array);
	check_print(bf_json_copy(object), NULL);
	check_print(object, NULL);

	bf_json_put_int(NULL, "a", 1);
	bf_json_push(NULL, bf_json_object());
	check_print(NULL, NULL);
}

static void a_copy_is_equal_and_independent(void **state)
{
	struct bf_json *json, *copy;

	(void)state;
	assert_int_equal(parse(&json, "{\"a\":[1,{\"b\":\"x\"}],\"r\":0.5}"), 0);
	copy = bf_json_copy(json);
	bf_json_put_int(json, "a", 0);
	check_print(copy, "{\"a\":[1,{\"b\":\"x\"}],\"r\":0.5}");
	check_print(json, "{\"a\":0,\"r\":0.5}");
	assert_null(bf_json_copy(NULL));
}

static void a_single_value_prints_too(void **state)
{
	struct bf_json *json;
	char *text;

	(void)state;
	assert_int_equal(parse(&json, "[\"x\"]"), 0);
	text = bf_json_print(bf_json_at(json, 0), NULL);
	assert_string_equal(text, "\"x\"");
	free(text);
	bf_json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_read_by_type),
		cmocka_unit_test(only_objects_and_arrays_have_members),
		cmocka_unit_test(malformed_text_is_refused_with_its_place),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(nesting_and_length_have_limits_that_are_reached_exactly),
		cmocka_unit_test(brackets_in_strings_are_no_levels),
		cmocka_unit_test(keys_are_walked_in_the_order_they_came),
		cmocka_unit_test(what_is_built_prints_compactly_and_in_order),
		cmocka_unit_test(what_cannot_be_built_shows_when_printed),
		cmocka_unit_test(a_copy_is_equal_and_independent),
		cmocka_unit_test(a_single_value_prints_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
