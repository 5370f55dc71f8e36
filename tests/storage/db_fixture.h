/* tests/storage/db_fixture.h - a database with some tables of its own, and a client whose answers are waited for. */
#ifndef BF_TESTS_STORAGE_DB_FIXTURE_H
#define BF_TESTS_STORAGE_DB_FIXTURE_H

#include "core/base/clock.h"
#include "storage/db.h"
#include "tests/storage/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct db_fixture {
	char folder[FOLDER_TEXT];
	struct bf_conf *conf;
	struct bf_log *log;
	struct bf_metrics *metrics;
	struct bf_loop *loop;
	struct bf_db *db;
	struct bf_db_client *client;
	struct bf_db_client *others[4]; /* of the test; freed with ours */
	const struct bf_db_stream *const
		*streams; /* those below, unless a test sets others before it opens */
	size_t stream_count;
	char why[512];
};

/* The tables: things, notes (durable, its rows counted in the order written), ticks (telemetry). */
extern const struct bf_db_statement things_add, things_get, things_names, things_rename,
	things_remove, notes_list, ticks_count, take_long, no_such_table;
extern const struct bf_db_stream notes_stream, ticks_stream;

/* Whether BELFRY_TEST_POSTGRES holds the URL of a server (tests/storage/pg/cluster starts one); else the engine is SQLite. */
bool on_postgres(void);

/* For cmocka: *state becomes a struct db_fixture with the tables made and nothing open. */
int db_fixture_setup(void **state);
int db_fixture_teardown(void **state);

void db_fixture_open(struct db_fixture *fixture);
void db_fixture_close(struct db_fixture *fixture);

/* Keeps writers out, as another process may; 0 lets them in again. */
void db_fixture_lock(struct db_fixture *fixture, bool is_locked);

/* A metric's printed value, such as "belfry_db_rows_spooled_total"; -1: there is none of this name. */
long long db_fixture_metric(struct db_fixture *fixture, const char *name);

/* What one answer was, copied. */
struct kept {
	bool is_answered;
	enum bf_db_status status;
	size_t step_idx;
	char why[256];
	char constraint[64];
	size_t row_count;
	int64_t changed_count; /* of the last step */
	char text[65536]; /* the last step's values, "|" between them and "\n" after each row */
};

void on_kept(void *arg, const struct bf_db_answer *answer);

/* Ask as the system, and turn until it is answered. */
struct kept *ask_steps(
	struct db_fixture *fixture, const struct bf_db_step *steps, size_t step_count);
struct kept *ask(struct db_fixture *fixture, const struct bf_db_statement *statement,
	const struct bf_db_value *params);

/* Turn until `cond` holds; 20 seconds without it fail the test. */
#define WAIT_FOR(fixture, cond)                                                        \
	do {                                                                           \
		int64_t wait_until_us = bf_clock_mono_us() + BF_SEC(20);               \
		while (!(cond)) {                                                      \
			assert_true(bf_clock_mono_us() < wait_until_us);               \
			assert_int_equal(bf_loop_turn((fixture)->loop, BF_MS(10)), 0); \
		}                                                                      \
	} while (0)

#endif
