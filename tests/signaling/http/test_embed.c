/* What cmake/embed.cmake has made of tests/signaling/http/embedded. */
#include "signaling/http/static.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

extern const struct bf_http_file embedded_files[];
extern const size_t embedded_file_count;

static const struct bf_http_file *find(const char *path)
{
	for (size_t i = 0; i < embedded_file_count; i++)
		if (strcmp(embedded_files[i].path, path) == 0)
			return &embedded_files[i];
	return NULL;
}

static void assert_same_as_file(const struct bf_http_file *embedded, const char *name)
{
	char path[512];
	uint8_t bytes[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", EMBEDDED_FOLDER, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(embedded);
	assert_int_equal(fread(bytes, 1, sizeof(bytes), file), embedded->len);
	assert_memory_equal(bytes, embedded->data, embedded->len);
	fclose(file);
}

static void files_are_embedded_byte_for_byte(void **state)
{
	(void)state;
	assert_same_as_file(find("/index.html"), "index.html");
	assert_same_as_file(find("/app-5ZKMQ7XN.js"), "app-5ZKMQ7XN.js");
	assert_same_as_file(find("/sub/dot.png"), "sub/dot.png");
	assert_same_as_file(find("/empty.txt"), "empty.txt");
	assert_string_equal(find("/index.html")->content_type, "text/html; charset=utf-8");
	assert_string_equal(find("/sub/dot.png")->content_type, "image/png");
}

static void assert_unpacks_to(const struct bf_http_file *packed, const struct bf_http_file *plain)
{
	uint8_t bytes[4096];
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)packed->data,
		.avail_in = (uInt)packed->len,
		.next_out = bytes,
		.avail_out = sizeof(bytes)};

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, plain->len);
	assert_memory_equal(bytes, plain->data, plain->len);
	inflateEnd(&z);
}

static void text_that_shrinks_has_a_packed_twin(void **state)
{
	const struct bf_http_file *packed = find("/app-5ZKMQ7XN.js.gz");

	(void)state;
	assert_non_null(packed);
	assert_true(packed->len < find("/app-5ZKMQ7XN.js")->len);
	assert_memory_equal(
		packed->data, "\x1f\x8b\x08\0\0\0\0\0", 8); /* no time: builds can be repeated */
	assert_unpacks_to(packed, find("/app-5ZKMQ7XN.js"));
	assert_null(find("/sub/dot.png.gz"));
	assert_null(find("/empty.txt.gz"));
	assert_null(find("/app-5ZKMQ7XN.js.map"));
}

static void etags_differ_and_are_quoted(void **state)
{
	(void)state;
	for (size_t i = 0; i < embedded_file_count; i++) {
		size_t len = strlen(embedded_files[i].etag);

		assert_true(len >= 22);
		assert_int_equal(embedded_files[i].etag[0], '"');
		assert_int_equal(embedded_files[i].etag[len - 1], '"');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(embedded_files[i].etag, embedded_files[k].etag);
	}
}

static void table_is_accepted_by_the_server(void **state)
{
	struct bf_files files;

	(void)state;
	assert_int_equal(bf_files_init(&files), 0);
	assert_int_equal(bf_files_add(&files, embedded_files, embedded_file_count), 0);
	bf_files_deinit(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_embedded_byte_for_byte),
		cmocka_unit_test(text_that_shrinks_has_a_packed_twin),
		cmocka_unit_test(etags_differ_and_are_quoted),
		cmocka_unit_test(table_is_accepted_by_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
