#include "signaling/rest/body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *rule_small(const char *text)
{
	return strchr(text, 'A') ? "has a big letter" : NULL;
}

static const struct bf_field fields[] = {
	{"name", BF_FIELD_TEXT, .is_required = true, .max = 8, .rule = rule_small},
	{"count", BF_FIELD_INT, .min = 1, .max = 10},
	{"any", BF_FIELD_INT, .may_be_null = true},
	{"flag", BF_FIELD_BOOL},
	{"id", BF_FIELD_UUID},
	{"list", BF_FIELD_TEXTS, .min = 1, .max = 2, .rule = rule_small},
	{"more", BF_FIELD_OBJECT},
	{NULL},
};

/* What is said of it; "": nothing. */
static const char *said(const char *text)
{
	static char why[128];
	struct bf_json *body;

	assert_int_equal(bf_json_parse(&body, bf_bytes_str(text), 4096, why, sizeof(why)), 0);
	why[0] = '\0';
	if (bf_body_check(body, fields, why, sizeof(why)) == 0)
		assert_string_equal(why, "");
	else
		assert_string_not_equal(why, "");
	bf_json_free(body);
	return why;
}

static void a_body_of_the_right_members_is_taken(void **state)
{
	(void)state;
	assert_string_equal(said("{\"name\": \"a\"}"), "");
	assert_string_equal(said("{\"name\": \"12345678\", \"count\": 10, \"any\": null, \"flag\": "
				 "false, \"id\": "
				 "\"0190a0a0-0000-7000-8000-00000000000a\", \"list\": [\"a\", "
				 "\"b\"], \"more\": "
				 "{\"x\": 1}}"),
		"");
	assert_string_equal(said("{\"name\": \"a\", \"any\": -5}"), "");
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const cases[][2] = {
		{"[]", "the body is no JSON object"},
		{"{}", "name is missing"},
		{"{\"name\": null}", "name is null"},
		{"{\"name\": 1}", "name is no text"},
		{"{\"name\": \"123456789\"}", "name is longer than 8 bytes"},
		{"{\"name\": \"A\"}", "name has a big letter"},
		{"{\"name\": \"a\", \"nam\": 1}", "nam is not known here"},
		{"{\"name\": \"a\", \"count\": 0}", "count is not within 1 and 10"},
		{"{\"name\": \"a\", \"count\": 11}", "count is not within 1 and 10"},
		{"{\"name\": \"a\", \"count\": 1.5}", "count is no whole number"},
		{"{\"name\": \"a\", \"count\": null}", "count is null"},
		{"{\"name\": \"a\", \"flag\": 1}", "flag is neither true nor false"},
		{"{\"name\": \"a\", \"id\": \"x\"}", "id is no UUID"},
		{"{\"name\": \"a\", \"list\": \"a\"}", "list is no list"},
		{"{\"name\": \"a\", \"list\": []}", "list does not have 1 to 2 items"},
		{"{\"name\": \"a\", \"list\": [\"a\", \"b\", \"c\"]}",
			"list does not have 1 to 2 items"},
		{"{\"name\": \"a\", \"list\": [\"A\"]}",
			"list has an item that is not allowed there"},
		{"{\"name\": \"a\", \"list\": [1]}", "list has an item that is not allowed there"},
		{"{\"name\": \"a\", \"more\": []}", "more is no object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(said(cases[i][0]), cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_of_the_right_members_is_taken),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
