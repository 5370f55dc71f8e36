#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/value.h"

#include <errno.h>
#include <stdlib.h>

#define TYPES "utyibzj"

static void fill(struct bf_db_value out[static 7])
{
	out[0] = bf_db_uuid((struct bf_uuid){{1, 2, 3}});
	out[1] = bf_db_text("gr\xc3\xbc\xc3\x9f");
	out[2] = bf_db_bytes(bf_bytes("\0\xff\n", 3));
	out[3] = bf_db_int(INT64_MIN);
	out[4] = bf_db_bool(true);
	out[5] = bf_db_time(1795255200000000);
	out[6] = bf_db_text("{}");
}

static void a_row_is_bytes_and_back(void **state)
{
	struct bf_db_value in[7], out[BF_DB_VALUE_COUNT_MAX];
	uint8_t bytes[256];
	struct bf_wr wr = bf_wr(bytes, sizeof(bytes));

	(void)state;
	fill(in);
	bf_db_row_write(&wr, TYPES, in);
	assert_int_equal(bf_wr_len(&wr), bf_db_row_len(TYPES, in));
	assert_int_equal(bf_db_row_read(bf_bytes(bytes, bf_wr_len(&wr)), TYPES, out), 0);
	assert_true(bf_uuid_equal(out[0].as.uuid, in[0].as.uuid));
	assert_true(bf_bytes_is(out[1].as.bytes, "gr\xc3\xbc\xc3\x9f"));
	assert_true(bf_bytes_equal(out[2].as.bytes, bf_bytes("\0\xff\n", 3)));
	assert_true(out[3].as.i64 == INT64_MIN);
	assert_true(out[4].as.flag);
	assert_true(out[5].as.i64 == 1795255200000000);
	assert_true(bf_bytes_is(out[6].as.bytes, "{}"));
}

static void null_stays_null_and_the_empty_text_is_none(void **state)
{
	struct bf_db_value in[2] = {bf_db_text(NULL), bf_db_text("")}, out[BF_DB_VALUE_COUNT_MAX];
	uint8_t bytes[16];
	struct bf_wr wr = bf_wr(bytes, sizeof(bytes));

	(void)state;
	bf_db_row_write(&wr, "tt", in);
	assert_int_equal(bf_db_row_read(bf_bytes(bytes, bf_wr_len(&wr)), "tt", out), 0);
	assert_false(out[0].is_set);
	assert_true(out[1].is_set);
	assert_int_equal(out[1].as.bytes.len, 0);
}

static void a_row_cut_at_any_byte_or_too_long_is_none(void **state)
{
	struct bf_db_value in[7], out[BF_DB_VALUE_COUNT_MAX];
	uint8_t bytes[256];
	struct bf_wr wr = bf_wr(bytes, sizeof(bytes));
	size_t len;

	(void)state;
	fill(in);
	bf_db_row_write(&wr, TYPES, in);
	len = bf_wr_len(&wr);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(bf_db_row_read(bf_bytes(bytes, cut), TYPES, out), -EBADMSG);
	bytes[len] = 0;
	assert_int_equal(bf_db_row_read(bf_bytes(bytes, len + 1), TYPES, out), -EBADMSG);
	bytes[0] = 2;
	assert_int_equal(bf_db_row_read(bf_bytes(bytes, len), TYPES, out), -EBADMSG);
}

static void what_no_database_takes_as_text_is_refused_by_its_place(void **state)
{
	static const struct {
		struct bf_bytes bytes;
		const char *why;
	} bad[] = {
		{{(const uint8_t *)"a\0b", 3}, "value 2 is no text: it holds a NUL"},
		{{(const uint8_t *)"\xff", 1}, "value 2 is no text: it is not UTF-8"},
		{{(const uint8_t *)"\xc0\x80", 2}, "value 2 is no text: it is not UTF-8"},
		{{(const uint8_t *)"\xed\xa0\x80", 3}, "value 2 is no text: it is not UTF-8"},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bf_db_value values[2] = {bf_db_int(1), bf_db_bytes(bad[i].bytes)};

		assert_int_equal(bf_db_row_check("it", values, why, sizeof(why)), -EINVAL);
		assert_string_equal(why, bad[i].why);
		assert_int_equal(bf_db_row_check("ij", values, why, sizeof(why)), -EINVAL);
		assert_int_equal(bf_db_row_check("iy", values, why, sizeof(why)), 0);
	}
}

static void a_row_over_the_limit_is_refused(void **state)
{
	uint8_t *bytes = calloc(1, BF_DB_ROW_BYTES_MAX);
	struct bf_db_value value = bf_db_bytes(bf_bytes(bytes, BF_DB_ROW_BYTES_MAX - 5));
	char why[128];

	(void)state;
	assert_int_equal(bf_db_row_check("y", &value, why, sizeof(why)), 0);
	value.as.bytes.len++;
	assert_int_equal(bf_db_row_check("y", &value, why, sizeof(why)), -EMSGSIZE);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_is_bytes_and_back),
		cmocka_unit_test(null_stays_null_and_the_empty_text_is_none),
		cmocka_unit_test(a_row_cut_at_any_byte_or_too_long_is_none),
		cmocka_unit_test(what_no_database_takes_as_text_is_refused_by_its_place),
		cmocka_unit_test(a_row_over_the_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
