#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/sqlite/migrate.h"
#include "tests/storage/folder.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

static const struct bf_migration known[] = {
	{"20260101T000000_one", "1111",
		"-- +up\nCREATE TABLE one (id INTEGER PRIMARY KEY) STRICT;\n/* +down\nDROP TABLE "
		"one;\n*/\n"},
	{"20260102T000000_two", "2222",
		"-- +up\nCREATE TABLE two (id INTEGER PRIMARY KEY, one INTEGER REFERENCES one) "
		"STRICT;\n"
		"INSERT INTO one VALUES (1);\n"
		"/* +down\nDROP TABLE two;\nDELETE FROM one;\n*/\n"},
	{"20260103T000000_three", "3333",
		"-- +up\nCREATE VIEW three AS SELECT * FROM two;\n/* +down\nDROP VIEW "
		"three;\n*/\n"},
};

struct fixture {
	char folder[FOLDER_TEXT];
	struct bf_sqlite conn;
	char why[256];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	folder_make(fixture->folder);
	assert_int_equal(
		bf_sqlite_open(&fixture->conn, fixture->folder, fixture->why, sizeof(fixture->why)),
		0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	bf_sqlite_close(&fixture->conn);
	folder_remove(fixture->folder);
	free(fixture);
	return 0;
}

static int up(struct fixture *fixture, const struct bf_migration *set, size_t count)
{
	fixture->why[0] = '\0';
	return bf_sqlite_migrate(
		&fixture->conn, set, count, true, fixture->why, sizeof(fixture->why));
}

static int down(struct fixture *fixture, const char *target)
{
	return bf_sqlite_rollback(
		&fixture->conn, known, 3, target, fixture->why, sizeof(fixture->why));
}

/* All of the schema as one text, which the caller frees. */
static char *schema(struct fixture *fixture)
{
	char *text = sqlite3_mprintf("");
	sqlite3_stmt *stmt;

	assert_int_equal(sqlite3_prepare_v2(fixture->conn.db,
				 "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name", -1,
				 &stmt, NULL),
		SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		text = sqlite3_mprintf("%z%s\n", text, sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return text;
}

static int64_t number(struct fixture *fixture, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(fixture->conn.db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static void what_is_missing_is_applied_once(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(up(fixture, known, 1), 1);
	assert_int_equal(up(fixture, known, 3), 2);
	assert_int_equal(up(fixture, known, 3), 0);
	assert_int_equal(number(fixture, "SELECT count(*) FROM one"), 1);
	assert_int_equal(
		number(fixture, "SELECT count(*) FROM migrations WHERE applied_at > 0"), 3);
	assert_int_equal(number(fixture, "PRAGMA foreign_keys"), 1);
}

static void down_and_up_again_leave_the_same_schema(void **state)
{
	struct fixture *fixture = *state;
	char *before, *after;

	assert_int_equal(up(fixture, known, 3), 3);
	before = schema(fixture);
	assert_int_equal(down(fixture, "20260101T000000_one"), 2);
	assert_int_equal(
		number(fixture,
			"SELECT count(*) FROM sqlite_schema WHERE name IN ('two', 'three')"),
		0);
	assert_int_equal(number(fixture, "SELECT count(*) FROM migrations"), 1);
	assert_int_equal(up(fixture, known, 3), 2);
	after = schema(fixture);
	assert_string_equal(before, after);
	assert_int_equal(down(fixture, NULL), 3);
	assert_int_equal(down(fixture, NULL), 0);
	sqlite3_free(before);
	sqlite3_free(after);
}

static void a_target_that_was_never_applied_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(up(fixture, known, 2), 2);
	assert_int_equal(down(fixture, "20260103T000000_three"), -ENOENT);
	assert_non_null(strstr(fixture->why, "20260103T000000_three"));
	assert_int_equal(number(fixture, "SELECT count(*) FROM migrations"), 2);
}

static void an_applied_file_that_was_changed_is_named(void **state)
{
	struct fixture *fixture = *state;
	struct bf_migration changed[3];

	memcpy(changed, known, sizeof(changed));
	changed[1].sha256 = "2223";
	assert_int_equal(up(fixture, known, 2), 2);
	assert_int_equal(up(fixture, changed, 3), -EINVAL);
	assert_non_null(strstr(fixture->why, "20260102T000000_two was changed"));
	assert_int_equal(number(fixture, "SELECT count(*) FROM migrations"), 2);
}

static void a_database_of_a_newer_version_is_refused(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(up(fixture, known, 3), 3);
	assert_int_equal(up(fixture, known, 2), -EINVAL);
	assert_non_null(strstr(fixture->why, "20260103T000000_three"));
	assert_non_null(strstr(fixture->why, "newer"));
}

static void a_file_with_an_earlier_date_than_an_applied_one_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct bf_migration without[2] = {known[0], known[2]};

	without[1].sql = known[0].sql; /* whatever it does */
	assert_int_equal(up(fixture, without, 1), 1);
	without[1] = known[2];
	without[1].sql = "-- +up\nSELECT 1;\n/* +down\nSELECT 1;\n*/";
	assert_int_equal(up(fixture, without, 2), 1);
	assert_int_equal(up(fixture, known, 3), -EINVAL);
	assert_non_null(strstr(fixture->why, "20260102T000000_two was never applied"));
}

static void one_that_fails_leaves_nothing_of_any(void **state)
{
	struct fixture *fixture = *state;
	struct bf_migration bad[3];
	char *before = schema(fixture), *after;

	memcpy(bad, known, sizeof(bad));
	bad[2].sql =
		"-- +up\nCREATE TABLE three (id INTEGER) STRICT;\nCREATE TABEL x;\n/* +down\nx\n*/";
	assert_int_equal(up(fixture, bad, 3), -EINVAL);
	assert_non_null(strstr(fixture->why, "20260103T000000_three"));
	assert_non_null(strstr(fixture->why, "TABEL"));
	after = schema(fixture);
	assert_string_equal(before, after);
	bad[2].sql = "-- +up\nCREATE TABLE three (id INTEGER) STRICT;\n";
	assert_int_equal(up(fixture, bad, 3), -EINVAL);
	assert_non_null(strstr(fixture->why, "no way down"));
	bad[2].sql = "-- +up\nINSERT INTO two VALUES (1, 99);\n/* +down\nDELETE FROM two;\n*/";
	assert_int_equal(up(fixture, bad, 3), -EINVAL);
	assert_non_null(strstr(fixture->why, "refer to nothing"));
	assert_int_equal(up(fixture, known, 3), 3);
	sqlite3_free(before);
	sqlite3_free(after);
}

static void one_that_may_not_migrate_says_what_is_pending(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(up(fixture, known, 1), 1);
	assert_int_equal(bf_sqlite_migrate(&fixture->conn, known, 3, false, fixture->why,
				 sizeof(fixture->why)),
		-EINVAL);
	assert_non_null(strstr(fixture->why, "2 migrations are pending"));
	assert_int_equal(up(fixture, known, 3), 2);
	assert_int_equal(bf_sqlite_migrate(&fixture->conn, known, 3, false, fixture->why,
				 sizeof(fixture->why)),
		0);
}

struct starter {
	pthread_t thread;
	const char *folder;
	int result;
};

static void *start(void *arg)
{
	struct starter *starter = arg;
	struct bf_sqlite conn;
	char why[256];

	if (bf_sqlite_open(&conn, starter->folder, why, sizeof(why)))
		return NULL;
	starter->result = bf_sqlite_migrate(&conn, known, 3, true, why, sizeof(why));
	bf_sqlite_close(&conn);
	return NULL;
}

static void of_two_that_start_at_once_one_migrates(void **state)
{
	struct fixture *fixture = *state;
	struct starter starters[2] = {{.folder = fixture->folder, .result = -1},
		{.folder = fixture->folder, .result = -1}};

	for (int i = 0; i < 2; i++)
		pthread_create(&starters[i].thread, NULL, start, &starters[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(starters[i].thread, NULL);
	assert_int_equal(starters[0].result + starters[1].result, 3);
	assert_true(starters[0].result == 0 || starters[1].result == 0);
}

static void those_of_this_version_go_up_and_down_and_up(void **state)
{
	struct fixture *fixture = *state;
	size_t count = bf_sqlite_migration_count;
	char *before, *after;

	assert_true(count >= 2);
	assert_int_equal(up(fixture, bf_sqlite_migrations, count), count);
	before = schema(fixture);
	assert_int_equal(bf_sqlite_rollback(&fixture->conn, bf_sqlite_migrations, count, NULL,
				 fixture->why, sizeof(fixture->why)),
		count);
	assert_int_equal(
		number(fixture,
			"SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'migrations'"),
		0);
	assert_int_equal(up(fixture, bf_sqlite_migrations, count), count);
	after = schema(fixture);
	assert_string_equal(before, after);
	sqlite3_free(before);
	sqlite3_free(after);
}

/* STRICT is easily forgotten, and so is ON DELETE, without which nothing that is referred to can ever go. */
static void their_tables_are_strict_and_each_reference_says_what_deleting_does(void **state)
{
	struct fixture *fixture = *state;

	assert_true(up(fixture, bf_sqlite_migrations, bf_sqlite_migration_count) > 0);
	assert_int_equal(
		number(fixture, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND "
				"type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'"),
		0);
	assert_true(
		number(fixture, "SELECT count(*) FROM pragma_table_list WHERE type = 'view'") >= 3);
	assert_int_equal(number(fixture, "SELECT count(*) FROM pragma_table_list t, "
					 "pragma_foreign_key_list(t.name) f "
					 "WHERE f.seq = 0 AND f.on_delete = 'NO ACTION'"),
		0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_missing_is_applied_once),
		TEST(down_and_up_again_leave_the_same_schema),
		TEST(a_target_that_was_never_applied_is_refused),
		TEST(an_applied_file_that_was_changed_is_named),
		TEST(a_database_of_a_newer_version_is_refused),
		TEST(a_file_with_an_earlier_date_than_an_applied_one_is_refused),
		TEST(one_that_fails_leaves_nothing_of_any),
		TEST(one_that_may_not_migrate_says_what_is_pending),
		TEST(of_two_that_start_at_once_one_migrates),
		TEST(those_of_this_version_go_up_and_down_and_up),
		TEST(their_tables_are_strict_and_each_reference_says_what_deleting_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
