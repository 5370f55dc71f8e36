#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/pg/target.h"
#include "storage/pg/value.h"

#include <errno.h>
#include <stdlib.h>

static const char *value_of(const struct bf_pg_target *target, const char *key)
{
	for (size_t i = 0; target->keys[i]; i++)
		if (strcmp(target->keys[i], key) == 0)
			return target->values[i];
	return "";
}

static const char *sslmode_of(const char *url)
{
	static struct bf_pg_target target;
	char why[128];

	assert_int_equal(bf_pg_target(&target, url, NULL, why, sizeof(why)), 0);
	assert_string_equal(value_of(&target, "dbname"), url);
	return value_of(&target, "sslmode");
}

static void another_machine_must_prove_who_it_is_unless_told_otherwise(void **state)
{
	(void)state;
	unsetenv("PGSSLMODE");
	assert_string_equal(sslmode_of("postgres://me@db.example/x"), "verify-full");
	assert_string_equal(sslmode_of("postgres://me@192.0.2.1:5433/x"), "verify-full");
	assert_string_equal(sslmode_of("postgres://me@localhost,db.example/x"), "verify-full");
	assert_string_equal(
		sslmode_of("postgres://me@localhost/x?hostaddr=192.0.2.1"), "verify-full");
	assert_string_equal(sslmode_of("postgres://me@localhost.example/x"), "verify-full");
	assert_string_equal(sslmode_of("postgres://me@db.example/x?sslmode=require"), "");
	assert_string_equal(sslmode_of("postgres://me@localhost/x"), "");
	assert_string_equal(sslmode_of("postgres://me@127.0.0.1:5433/x"), "");
	assert_string_equal(sslmode_of("postgres://me@[::1]/x"), "");
	assert_string_equal(sslmode_of("postgres://me@/x?host=/run/postgresql"), "");
	assert_string_equal(sslmode_of("postgres:///x"), "");
}

static void of_several_hosts_one_that_takes_writes_is_wanted(void **state)
{
	struct bf_pg_target target;
	char why[128];

	(void)state;
	assert_int_equal(bf_pg_target(&target, "postgres://a,b/x", "2", why, sizeof(why)), 0);
	assert_string_equal(value_of(&target, "target_session_attrs"), "read-write");
	assert_string_equal(value_of(&target, "connect_timeout"), "2");
	assert_int_equal(bf_pg_target(&target, "postgres://a,b/x?target_session_attrs=any", NULL,
				 why, sizeof(why)),
		0);
	assert_string_equal(value_of(&target, "target_session_attrs"), "");
}

static void a_url_that_cannot_be_read_is_not_repeated(void **state)
{
	struct bf_pg_target target;
	char why[128];

	(void)state;
	assert_int_equal(bf_pg_target(&target, "postgres://me:hunter2@h/x?nonsense=1", NULL, why,
				 sizeof(why)),
		-EINVAL);
	assert_null(strstr(why, "hunter2"));
}

static void each_value_is_read_as_it_was_written(void **state)
{
	static const char types[] = BF_DB_TYPES;
	const struct bf_db_value values[] = {bf_db_uuid((struct bf_uuid){{1, 2, 3}}),
		bf_db_text("text"), bf_db_bytes(bf_bytes("\0\xff", 2)), bf_db_int(-5),
		bf_db_bool(true), bf_db_time(1795255200123456), bf_db_text("{\"a\": 1}")};

	(void)state;
	for (size_t i = 0; types[i]; i++) {
		struct bf_db_value back;
		uint8_t bytes[64];
		struct bf_wr wr = bf_wr(bytes, sizeof(bytes));
		size_t len = bf_pg_value_len(types[i], &values[i]);

		bf_pg_value_write(&wr, types[i], &values[i]);
		assert_int_equal(bf_wr_len(&wr), len);
		assert_true(bf_pg_value_read(bf_bytes(bytes, len), types[i], &back));
		assert_int_equal(bf_db_row_len((char[]){types[i], '\0'}, &back),
			bf_db_row_len((char[]){types[i], '\0'}, &values[i]));
		if (strchr("uizb", types[i])) /* of a fixed length: no other will do */
			assert_false(bf_pg_value_read(bf_bytes(bytes, len - 1), types[i], &back));
	}
}

/* array_send's layout: dimensions, whether there are NULLs, element type, count, first index, then lengths and bytes. */
static void an_array_is_laid_out_as_the_server_reads_it(void **state)
{
	static const uint8_t expected[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 3, 0, 0, 0,
		1, 0, 0, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
	struct bf_db_value(*rows)[BF_DB_VALUE_COUNT_MAX] = calloc(3, sizeof(*rows));
	const struct bf_db_value(*given)[BF_DB_VALUE_COUNT_MAX] =
		(const struct bf_db_value(*)[BF_DB_VALUE_COUNT_MAX])rows;
	uint8_t bytes[64];
	struct bf_wr wr = bf_wr(bytes, sizeof(bytes));

	(void)state;
	rows[0][1] = bf_db_text("a");
	rows[2][1] = bf_db_text("");
	bf_pg_array_write(&wr, given, 3, 1, 't');
	assert_int_equal(bf_wr_len(&wr), sizeof(expected));
	assert_int_equal(bf_pg_array_len(given, 3, 1, 't'), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_machine_must_prove_who_it_is_unless_told_otherwise),
		cmocka_unit_test(of_several_hosts_one_that_takes_writes_is_wanted),
		cmocka_unit_test(a_url_that_cannot_be_read_is_not_repeated),
		cmocka_unit_test(each_value_is_read_as_it_was_written),
		cmocka_unit_test(an_array_is_laid_out_as_the_server_reads_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
