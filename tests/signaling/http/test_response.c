#include "signaling/http/response.h"
#include "signaling/http/static.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void heads_are_written(void **state)
{
	uint8_t out[BF_HTTP_RESPONSE_HEAD];
	struct bf_http_reply_fields fields;
	struct bf_http_reply_head head = {.status = 200,
		.minor_version = 1,
		.date = "D",
		.content_type = "text/plain",
		.body_len = 12,
		.keep_alive = true};
	size_t len;

	(void)state;
	bf_http_reply_fields_init(&fields);
	len = bf_http_reply_head_write(out, &head, &fields);
	assert_true(bf_bytes_is(bf_bytes(out, len),
		"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n"
		"X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n"));
	assert_int_equal(bf_http_reply_fields_add(&fields, "cache-control", "public"), 0);
	assert_int_equal(bf_http_reply_fields_add(&fields, "X-A", "b"), 0);
	head.status = 304;
	head.keep_alive = false;
	len = bf_http_reply_head_write(out, &head, &fields);
	assert_true(bf_bytes_is(bf_bytes(out, len),
		"HTTP/1.1 304 Not Modified\r\nDate: D\r\nX-Content-Type-Options: "
		"nosniff\r\nConnection: close\r\n"
		"cache-control: public\r\nX-A: b\r\n\r\n"));
	head.status = 200;
	head.minor_version = 0;
	head.keep_alive = true;
	head.content_type = NULL;
	len = bf_http_reply_head_write(out, &head, &fields);
	assert_true(bf_bytes_is(bf_bytes(out, len),
		"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 12\r\nX-Content-Type-Options: "
		"nosniff\r\n"
		"Connection: keep-alive\r\ncache-control: public\r\nX-A: b\r\n\r\n"));
	bf_http_reply_fields_deinit(&fields);
}

static void fields_may_be_exactly_full(void **state)
{
	uint8_t out[BF_HTTP_RESPONSE_HEAD];
	static char value[BF_HTTP_FIELDS_TEXT];
	struct bf_http_reply_fields fields;
	struct bf_http_reply_head head = {.status = 431,
		.minor_version = 1,
		.date = "Sun, 06 Nov 1994 08:49:37 GMT",
		.content_type = "application/problem+json",
		.body_len = UINT64_MAX};

	(void)state;
	bf_http_reply_fields_init(&fields);
	memset(value, 'v', sizeof(value) - 6);
	assert_int_equal(bf_http_reply_fields_add(&fields, "X", value), 0);
	assert_int_equal(fields.len, BF_HTTP_FIELDS_TEXT - 1);
	assert_true(bf_http_reply_head_write(out, &head, &fields) < sizeof(out));
	bf_http_reply_fields_deinit(&fields);
}

static void dates_are_written(void **state)
{
	char text[BF_HTTP_DATE_TEXT];

	(void)state;
	assert_string_equal(bf_http_date_format(784111777, text), "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(bf_http_date_format(0, text), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(bf_http_date_format(1709164800, text), "Thu, 29 Feb 2024 00:00:00 GMT");
}

static void problems_say_what_and_why(void **state)
{
	struct bf_json *problem = bf_http_problem(404, "not_found", "nothing here");
	char *text = bf_json_print(problem, NULL);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\"title\":\"Not Found\""));
	assert_non_null(strstr(text, "\"status\":404"));
	assert_non_null(strstr(text, "\"code\":\"not_found\""));
	assert_non_null(strstr(text, "\"detail\":\"nothing here\""));
	assert_non_null(strstr(text, "\"type\":\"about:blank\""));
	free(text);
	bf_json_free(problem);
}

/* ---- files ---- */

#define FILE_ROW(p, t, e)                                                       \
	{                                                                       \
		.path = (p), .content_type = (t), .data = (const uint8_t *)(p), \
		.len = sizeof(p) - 1, .etag = (e)                               \
	}

static const struct bf_http_file table[] = {
	FILE_ROW("/index.html", "text/html; charset=utf-8", "\"i\""),
	FILE_ROW("/index.html.gz", "application/gzip", "\"iz\""),
	FILE_ROW("/app-5ZKMQ7XN.js", "text/javascript", "\"a\""),
	FILE_ROW("/app-0a1b2c3d.js", "text/javascript", "\"b\""),
	FILE_ROW("/app-facadefacade.js", "text/javascript", "\"c\""),
	FILE_ROW("/app-SHORT.js", "text/javascript", "\"d\""),
	FILE_ROW("/docs/index.html", "text/html", "\"e\""),
	FILE_ROW("/x-0A1B2C3D", "text/plain", "\"f\""),
};

struct files_case {
	const char *method, *path, *if_none_match, *accept_encoding;
	int result, status;
	const char *etag;
	bool is_immutable, is_gzip, varies;
};

static void check_file(const struct bf_files *files, const struct files_case *want)
{
	struct bf_http_request request = {
		.method = bf_bytes_str(want->method), .path = bf_bytes_str(want->path)};
	struct bf_files_answer answer;
	int err;

	if (want->if_none_match)
		request.fields[request.field_count++] = (struct bf_http_field){
			bf_bytes_str("If-None-Match"), bf_bytes_str(want->if_none_match)};
	if (want->accept_encoding)
		request.fields[request.field_count++] = (struct bf_http_field){
			bf_bytes_str("Accept-Encoding"), bf_bytes_str(want->accept_encoding)};
	err = bf_files_find(files, &request, &answer);
	if (err != want->result)
		fail_msg("%s: %d", want->path, err);
	if (err)
		return;
	assert_int_equal(answer.status, want->status);
	assert_string_equal(answer.file->etag, want->etag);
	assert_string_equal(answer.cache_control,
		want->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
	assert_int_equal(answer.is_gzip, want->is_gzip);
	assert_int_equal(answer.varies, want->varies);
	assert_string_not_equal(answer.content_type, answer.is_gzip ? "application/gzip" : "");
}

static void files_answer_with_their_caching(void **state)
{
	static const struct files_case cases[] = {
		{"GET", "/", NULL, NULL, 0, 200, "\"i\"", false, false, true},
		{"HEAD", "/index.html", NULL, "identity", 0, 200, "\"i\"", false, false, true},
		{"GET", "/", NULL, "br, gzip", 0, 200, "\"iz\"", false, true, true},
		{"GET", "/", NULL, "br, gzip;q=0.5", 0, 200, "\"iz\"", false, true, true},
		{"GET", "/", NULL, "gzip;q=0", 0, 200, "\"i\"", false, false, true},
		{"GET", "/", NULL, "gzip; q=0.000, br", 0, 200, "\"i\"", false, false, true},
		{"GET", "/", "\"i\"", NULL, 0, 304, "\"i\"", false, false, true},
		{"GET", "/", "\"i\"", "gzip", 0, 200, "\"iz\"", false, true, true},
		{"GET", "/", "\"x\", W/\"iz\"", "gzip", 0, 304, "\"iz\"", false, true, true},
		{"GET", "/", "*", NULL, 0, 304, "\"i\"", false, false, true},
		{"GET", "/", "i", NULL, 0, 200, "\"i\"", false, false, true},
		{"POST", "/", "*", NULL, 0, 405, "\"i\"", false, false, true},
		{"GET", "/app-5ZKMQ7XN.js", NULL, NULL, 0, 200, "\"a\"", true, false, false},
		{"GET", "/app-0a1b2c3d.js", NULL, "gzip", 0, 200, "\"b\"", true, false, false},
		{"GET", "/app-facadefacade.js", NULL, NULL, 0, 200, "\"c\"", false, false, false},
		{"GET", "/app-SHORT.js", NULL, NULL, 0, 200, "\"d\"", false, false, false},
		{"GET", "/docs/", NULL, NULL, 0, 200, "\"e\"", false, false, false},
		{"GET", "/docs", NULL, NULL, -ENOENT, 0, NULL, false, false, false},
		{"GET", "/x-0A1B2C3D", NULL, NULL, 0, 200, "\"f\"", false, false, false},
		{"GET", "/other", NULL, NULL, -ENOENT, 0, NULL, false, false, false},
	};
	static const struct bf_http_file relative = FILE_ROW("a", "text/plain", "\"z\"");
	struct bf_files files;

	(void)state;
	assert_int_equal(bf_files_init(&files), 0);
	assert_int_equal(bf_files_add(&files, table, sizeof(table) / sizeof(table[0])), 0);
	assert_int_equal(bf_files_add(&files, table, 1), -EEXIST);
	assert_int_equal(bf_files_add(&files, &relative, 1), -EINVAL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_file(&files, &cases[i]);
	bf_files_deinit(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_written),
		cmocka_unit_test(fields_may_be_exactly_full),
		cmocka_unit_test(dates_are_written),
		cmocka_unit_test(problems_say_what_and_why),
		cmocka_unit_test(files_answer_with_their_caching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
