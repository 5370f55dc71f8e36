#include "tests/storage/db_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, db_fixture_setup, db_fixture_teardown)

static const struct bf_db_scope as_system = {.is_system = true};

static void thing(struct bf_db_value out[static 8], struct bf_uuid id, const char *name)
{
	memset(out, 0, 8 * sizeof(*out));
	out[0] = bf_db_uuid(id);
	out[1] = bf_db_text(name);
}

/* ---- asking ---- */

static void every_type_of_value_is_kept_and_brought_back(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_uuid id = bf_uuid_make(), child = bf_uuid_make();
	char id_text[BF_UUID_TEXT], child_text[BF_UUID_TEXT], expected[512];
	struct bf_db_value all[8] = {bf_db_uuid(child), bf_db_text("gr\xc3\xbc\xc3\x9f"),
		bf_db_int(INT64_MAX), bf_db_bytes(bf_bytes("\0\xff\n", 3)), bf_db_bool(true),
		bf_db_time(1795255200123456), bf_db_text("{\"a\": [1, 2]}"), bf_db_uuid(id)};
	struct bf_db_value some[8], key = bf_db_uuid(id), child_key = bf_db_uuid(child);
	struct kept *kept;

	db_fixture_open(fixture);
	thing(some, id, "");
	some[5] = bf_db_time(-1);
	kept = ask(fixture, &things_add, some);
	assert_int_equal(kept->status, BF_DB_OK);
	assert_int_equal(kept->changed_count, 1);
	assert_int_equal(ask(fixture, &things_add, all)->status, BF_DB_OK);
	bf_uuid_format(id, id_text);
	bf_uuid_format(child, child_text);
	snprintf(expected, sizeof(expected), "%s||NULL|NULL|NULL|-1|NULL|NULL\n", id_text);
	assert_string_equal(ask(fixture, &things_get, &key)->text, expected);
	snprintf(expected, sizeof(expected),
		"%s|gr\xc3\xbc\xc3\x9f|9223372036854775807|00ff0a|true|1795255200123456|{\"a\": "
		"[1, "
		"2]}|%s\n",
		child_text, id_text);
	assert_string_equal(ask(fixture, &things_get, &child_key)->text, expected);
}

static void the_constraint_that_forbids_it_is_named(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[8], parents[8], rename[2], key;
	struct bf_uuid id = bf_uuid_make();
	struct kept *kept;

	db_fixture_open(fixture);
	thing(values, id, "one");
	assert_int_equal(ask(fixture, &things_add, values)->status, BF_DB_OK);
	thing(parents, bf_uuid_make(), "two");
	parents[7] = bf_db_uuid(id);
	assert_int_equal(ask(fixture, &things_add, parents)->status, BF_DB_OK);

	thing(values, bf_uuid_make(), "one");
	kept = ask(fixture, &things_add, values);
	assert_int_equal(kept->status, BF_DB_EXISTS);
	assert_string_equal(kept->constraint, "things_name_key");
	assert_null(strstr(kept->why, "one"));

	thing(values, bf_uuid_make(), "three");
	values[7] = bf_db_uuid(bf_uuid_make());
	assert_int_equal(ask(fixture, &things_add, values)->status, BF_DB_NO_PARENT);
	key = bf_db_uuid(id);
	assert_int_equal(ask(fixture, &things_remove, &key)->status, BF_DB_NO_PARENT);

	thing(values, bf_uuid_make(), "three");
	values[2] = bf_db_int(-1);
	assert_int_equal(ask(fixture, &things_add, values)->status, BF_DB_INVALID);
	rename[0] = bf_db_uuid(id);
	rename[1] = bf_db_null();
	assert_int_equal(ask(fixture, &things_rename, rename)->status, BF_DB_INVALID);
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "one\ntwo\n");
}

static void steps_happen_together_or_not_at_all(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value first[8], second[8], rename[2];
	struct bf_db_step steps[3] = {
		{&things_add, first, 1}, {&things_add, second, 1}, {&things_rename, rename, 1}};
	struct kept *kept;

	db_fixture_open(fixture);
	thing(first, bf_uuid_make(), "a");
	thing(second, bf_uuid_make(), "a");
	rename[0] = bf_db_uuid(bf_uuid_make()); /* nobody */
	rename[1] = bf_db_text("c");
	kept = ask_steps(fixture, steps, 2);
	assert_int_equal(kept->status, BF_DB_EXISTS);
	assert_int_equal(kept->step_idx, 1);
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "");

	second[1] = bf_db_text("b");
	kept = ask_steps(fixture, steps, 3);
	assert_int_equal(kept->status, BF_DB_UNEXPECTED);
	assert_int_equal(kept->step_idx, 2);
	assert_string_equal(kept->why, "0 rows where 1 were expected");
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "");

	steps[2].expected = BF_DB_ANY;
	assert_int_equal(ask_steps(fixture, steps, 3)->status, BF_DB_OK);
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "a\nb\n");
}

static void a_read_that_finds_another_number_than_expected_says_so(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value key = bf_db_uuid(bf_uuid_make());
	struct bf_db_step step = {&things_get, &key, 1};

	db_fixture_open(fixture);
	assert_int_equal(ask_steps(fixture, &step, 1)->status, BF_DB_UNEXPECTED);
	step.expected = 0;
	assert_int_equal(ask_steps(fixture, &step, 1)->status, BF_DB_OK);
}

static void text_that_looks_like_sql_is_text(void **state)
{
	static const char *const corpus[] = {"'; DROP TABLE things; --", "\" OR 1=1 --", "$1", "?1",
		":name", "%s%n", "\\'; SELECT pg_sleep(5)", "NULL", "{a,b}", "{\"a\",NULL}",
		"\\x00", "/* */", "';\n", "\xe2\x80\xa8", "1; ATTACH DATABASE '/tmp/x' AS y",
		"\xf0\x9f\x94\x94", "a\tb\r\n", "''''", "\\"};
	struct db_fixture *fixture = *state;
	struct bf_db_value values[8], key;

	db_fixture_open(fixture);
	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
		struct bf_uuid id = bf_uuid_make();
		char id_text[BF_UUID_TEXT], expected[256];

		thing(values, id, corpus[i]);
		assert_int_equal(ask(fixture, &things_add, values)->status, BF_DB_OK);
		key = bf_db_uuid(id);
		snprintf(expected, sizeof(expected), "%s|%s|NULL|NULL|NULL|NULL|NULL|NULL\n",
			bf_uuid_format(id, id_text), corpus[i]);
		assert_string_equal(ask(fixture, &things_get, &key)->text, expected);
		values[0] =
			bf_db_uuid(bf_uuid_make()); /* in an append, which builds arrays of them */
		values[1] = bf_db_int((int64_t)i);
		values[2] = bf_db_text(corpus[i]);
		assert_int_equal(
			bf_db_append(fixture->client, &notes_stream, values, NULL, NULL), 0);
	}
	db_fixture_close(fixture);
	db_fixture_open(fixture);
	assert_int_equal(
		ask(fixture, &notes_list, NULL)->row_count, sizeof(corpus) / sizeof(corpus[0]));
	assert_int_equal(
		ask(fixture, &things_names, NULL)->row_count, sizeof(corpus) / sizeof(corpus[0]));
}

static void not_called(void *arg, const struct bf_db_answer *answer)
{
	(void)arg;
	(void)answer;
	fail_msg("called");
}

static void what_cannot_be_kept_is_refused_at_once(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[8];
	struct bf_db_step step = {&things_add, values, 1};
	uint8_t *big = calloc(1, BF_DB_ROW_BYTES_MAX);

	db_fixture_open(fixture);
	thing(values, bf_uuid_make(), "a");
	values[1] = bf_db_bytes(bf_bytes("a\0b", 3));
	assert_int_equal(
		bf_db_ask(fixture->client, &as_system, &step, 1, not_called, NULL), -EINVAL);
	values[1] = bf_db_text("\xff");
	assert_int_equal(
		bf_db_ask(fixture->client, &as_system, &step, 1, not_called, NULL), -EINVAL);
	values[1] = bf_db_text("a");
	values[3] = bf_db_bytes(bf_bytes(big, BF_DB_ROW_BYTES_MAX));
	assert_int_equal(
		bf_db_ask(fixture->client, &as_system, &step, 1, not_called, NULL), -EMSGSIZE);
	values[1] = bf_db_int(1);
	values[2] = bf_db_text("\xc0\x80");
	assert_int_equal(bf_db_append(fixture->client, &notes_stream, values, NULL, NULL), -EINVAL);
	assert_string_equal(ask(fixture, &things_names, NULL)->text, "");
	free(big);
}

static void our_own_mistakes_are_told_without_harm(void **state)
{
	struct db_fixture *fixture = *state;
	struct kept *kept;

	db_fixture_open(fixture);
	kept = ask(fixture, &no_such_table, NULL);
	assert_int_equal(kept->status, BF_DB_FAILED);
	assert_non_null(strstr(kept->why, "no_such_table"));
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

static void what_takes_too_long_is_given_up_and_others_go_on(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value n = bf_db_int(60);
	struct kept *kept;
	int64_t began_us;

	fixture->conf->storage.query_ms = 300;
	db_fixture_open(fixture);
	began_us = bf_clock_mono_us();
	kept = ask(fixture, &take_long, &n);
	assert_int_equal(kept->status, BF_DB_LATE);
	assert_true(bf_clock_mono_us() - began_us < BF_SEC(15));
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

static void a_slow_query_is_counted(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value n = bf_db_int(1);

	fixture->conf->storage.slow_ms = 100;
	db_fixture_open(fixture);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
	assert_int_equal(db_fixture_metric(fixture, "belfry_db_slow_queries_total"), 0);
	assert_int_equal(ask(fixture, &take_long, &n)->status, BF_DB_OK);
	assert_int_equal(db_fixture_metric(fixture, "belfry_db_slow_queries_total"), 1);
}

static void a_forgotten_call_is_done_but_not_answered(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[8];
	struct bf_db_step step = {&things_add, values, 1};
	int64_t call;

	db_fixture_open(fixture);
	thing(values, bf_uuid_make(), "a");
	call = bf_db_ask(fixture->client, &as_system, &step, 1, not_called, NULL);
	assert_true(call > 0);
	bf_db_forget(fixture->client, call);
	WAIT_FOR(fixture, strcmp(ask(fixture, &things_names, NULL)->text, "a\n") == 0);
	bf_db_forget(fixture->client, call); /* answered: nothing */
}

struct count {
	size_t answers;
	size_t by_status[BF_DB_STATUS_COUNT];
};

static void on_count(void *arg, const struct bf_db_answer *answer)
{
	struct count *count = arg;

	count->answers++;
	count->by_status[answer->status]++;
}

static void on_count_done(void *arg, enum bf_db_status status)
{
	struct count *count = arg;

	count->answers++;
	count->by_status[status]++;
}

static void beyond_the_limit_calls_are_refused_and_the_others_answered(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_step step = {&things_names, NULL, BF_DB_ANY};
	struct count count = {0};
	size_t taken = 0, refused = 0;

	db_fixture_open(fixture);
	for (int i = 0; i < BF_DB_CALL_COUNT_MAX + 10; i++) {
		int64_t call = bf_db_ask(fixture->client, &as_system, &step, 1, on_count, &count);

		if (call > 0)
			taken++;
		else
			refused += call == -ENOBUFS;
	}
	assert_int_equal(taken, BF_DB_CALL_COUNT_MAX);
	assert_int_equal(refused, 10);
	WAIT_FOR(fixture, count.answers == taken);
	assert_int_equal(count.by_status[BF_DB_OK] + count.by_status[BF_DB_BUSY], taken);
	assert_int_equal(db_fixture_metric(fixture, "belfry_db_refused_total"), 10);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

#define ASKERS 4
#define ASKS   300

struct asker {
	pthread_t thread;
	struct db_fixture *fixture;
	struct bf_db_client *client;
	struct bf_loop *loop;
	struct count count;
};

static void *asker_main(void *arg)
{
	struct asker *asker = arg;
	struct bf_db_value values[8];
	struct bf_db_step step = {&things_add, values, 1};
	char name[64];

	for (int i = 0; i < ASKS; i++) {
		snprintf(name, sizeof(name), "%p %d", arg, i);
		thing(values, bf_uuid_make(), name);
		if (bf_db_ask(asker->client, &as_system, &step, 1, on_count, &asker->count) < 0)
			return NULL;
		(void)bf_loop_turn(asker->loop, 0);
	}
	while (asker->count.answers < ASKS)
		(void)bf_loop_turn(asker->loop, BF_MS(10));
	return NULL;
}

static void several_threads_ask_at_once(void **state)
{
	struct db_fixture *fixture = *state;
	struct asker askers[ASKERS] = {0};

	db_fixture_open(fixture);
	for (int i = 0; i < ASKERS; i++) {
		askers[i].fixture = fixture;
		assert_int_equal(bf_loop_new(&askers[i].loop, BF_IO_EPOLL), 0);
		assert_int_equal(
			bf_db_client_new(&askers[i].client, fixture->db, askers[i].loop), 0);
		fixture->others[i] = askers[i].client;
		pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]);
	}
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].count.by_status[BF_DB_OK], ASKS);
	}
	assert_int_equal(ask(fixture, &things_names, NULL)->row_count, ASKERS * ASKS);
	db_fixture_close(fixture);
	for (int i = 0; i < ASKERS; i++)
		bf_loop_free(askers[i].loop);
}

/* ---- appending ---- */

static int append_note(
	struct db_fixture *fixture, struct bf_uuid id, int64_t seq, struct count *count)
{
	struct bf_db_value values[3] = {bf_db_uuid(id), bf_db_int(seq), bf_db_text("a note")};

	return bf_db_append(
		fixture->client, &notes_stream, values, count ? on_count_done : NULL, count);
}

static void append_notes(struct db_fixture *fixture, int from, int to, struct count *count)
{
	for (int i = from; i < to; i++)
		while (append_note(fixture, bf_uuid_make(), i, count) == -ENOBUFS)
			assert_int_equal(bf_loop_turn(fixture->loop, BF_MS(10)), 0);
}

/* The notes in the table are 0 to `to`, in order, each once. */
static void check_notes(struct db_fixture *fixture, int to)
{
	struct kept *kept = ask(fixture, &notes_list, NULL);
	const char *at = kept->text;

	assert_int_equal(kept->row_count, to);
	for (int i = 0; i < to && *at; i++) {
		assert_int_equal(atoi(at), i);
		at = strchr(at, '\n') + 1;
	}
}

static void an_acknowledged_row_is_there_when_the_server_starts_again(void **state)
{
	struct db_fixture *fixture = *state;
	struct count count = {0};

	db_fixture_open(fixture);
	append_notes(fixture, 0, 5000, &count);
	WAIT_FOR(fixture, count.answers == 5000);
	assert_int_equal(count.by_status[BF_DB_OK], 5000);
	db_fixture_close(fixture);
	db_fixture_open(fixture);
	check_notes(fixture, 5000);
}

static void the_same_row_again_changes_nothing(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_uuid id = bf_uuid_make();
	struct count count = {0};

	db_fixture_open(fixture);
	for (int i = 0; i < 3; i++)
		assert_int_equal(append_note(fixture, id, 0, &count), 0);
	WAIT_FOR(fixture, count.answers == 3);
	assert_int_equal(append_note(fixture, id, 0, &count), 0);
	WAIT_FOR(fixture, count.answers == 4);
	assert_int_equal(count.by_status[BF_DB_OK], 4);
	check_notes(fixture, 1);
}

static void a_row_that_is_refused_does_not_take_others_with_it(void **state)
{
	struct db_fixture *fixture = *state;
	struct count good = {0}, bad = {0};

	db_fixture_open(fixture);
	for (int i = 0; i < 300; i++) {
		if (i % 97 == 5)
			assert_int_equal(append_note(fixture, bf_uuid_make(), -1, &bad), 0);
		assert_int_equal(append_note(fixture, bf_uuid_make(), i, &good), 0);
	}
	WAIT_FOR(fixture, good.answers == 300 && bad.answers == 4);
	assert_int_equal(good.by_status[BF_DB_OK], 300);
	assert_int_equal(bad.by_status[BF_DB_INVALID], 4);
	check_notes(fixture, 300);
	assert_int_equal(db_fixture_metric(fixture, "belfry_db_rows_refused_total"), 4);
}

static void telemetry_is_written_too(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[2] = {bf_db_null(), bf_db_int(1)};

	db_fixture_open(fixture);
	for (int i = 0; i < 1000; i++) {
		values[0] = bf_db_uuid(bf_uuid_make());
		assert_int_equal(
			bf_db_append(fixture->client, &ticks_stream, values, NULL, NULL), 0);
	}
	WAIT_FOR(fixture, strcmp(ask(fixture, &ticks_count, NULL)->text, "1000\n") == 0);
}

/* ---- a database that does not take them ---- */

static void rows_wait_on_disk_while_the_database_is_locked_and_follow_in_order(void **state)
{
	struct db_fixture *fixture = *state;
	struct count count = {0};

	db_fixture_open(fixture);
	append_notes(fixture, 0, 100, &count);
	WAIT_FOR(fixture, count.answers == 100);
	db_fixture_lock(fixture, true);
	append_notes(fixture, 100, 2000, &count);
	WAIT_FOR(fixture, count.answers == 2000); /* acknowledged, though the lock is still there */
	assert_int_equal(count.by_status[BF_DB_OK], 2000);
	WAIT_FOR(fixture, bf_db_state(fixture->db).spool_records == 1900);
	assert_true(bf_db_state(fixture->db).spool_lag_us > 0);
	append_notes(fixture, 2000, 2100, &count);
	WAIT_FOR(fixture, count.answers == 2100);
	db_fixture_lock(fixture, false);
	WAIT_FOR(fixture, bf_db_state(fixture->db).spool_records == 0);
	append_notes(fixture, 2100, 2200, &count);
	WAIT_FOR(fixture, count.answers == 2200);
	assert_int_equal(count.by_status[BF_DB_OK], 2200);
	check_notes(fixture, 2200);
	assert_in_range(db_fixture_metric(fixture, "belfry_db_rows_replayed_total"), 2000, 2200);
}

static void what_is_spooled_when_the_server_stops_follows_when_it_starts(void **state)
{
	struct db_fixture *fixture = *state;
	struct count count = {0};

	db_fixture_open(fixture);
	db_fixture_lock(fixture, true);
	append_notes(fixture, 0, 700, &count);
	db_fixture_close(fixture);
	assert_int_equal(count.by_status[BF_DB_OK], 700);
	db_fixture_lock(fixture, false);
	db_fixture_open(fixture);
	append_notes(fixture, 700, 800, &count);
	WAIT_FOR(fixture, count.answers == 800 && bf_db_state(fixture->db).spool_records == 0);
	check_notes(fixture, 800);
}

static void when_the_spool_is_full_rows_are_answered_busy_and_none_is_claimed(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[3] = {bf_db_null(), bf_db_int(0), bf_db_null()};
	struct count count = {0};
	char *text = calloc(1, 10001);
	size_t kept_count;

	memset(text, 'x', 10000);
	fixture->conf->storage.spool_mib = 1;
	db_fixture_open(fixture);
	db_fixture_lock(fixture, true);
	values[2] = bf_db_text(text);
	for (int i = 0; i < 300; i++) {
		values[0] = bf_db_uuid(bf_uuid_make());
		values[1] = bf_db_int(i);
		assert_int_equal(
			bf_db_append(fixture->client, &notes_stream, values, on_count_done, &count),
			0);
	}
	WAIT_FOR(fixture, count.answers == 300);
	kept_count = count.by_status[BF_DB_OK];
	assert_in_range(kept_count, 90, 110);
	assert_int_equal(count.by_status[BF_DB_BUSY], 300 - kept_count);
	WAIT_FOR(fixture, bf_db_state(fixture->db).is_spool_full);
	db_fixture_lock(fixture, false);
	WAIT_FOR(fixture, bf_db_state(fixture->db).spool_records == 0);
	check_notes(fixture, (int)kept_count);
	append_notes(fixture, (int)kept_count, 200, &count);
	WAIT_FOR(fixture, count.answers == 300 + 200 - kept_count);
	check_notes(fixture, 200);
	free(text);
}

static void telemetry_beyond_its_limit_is_dropped_oldest_first_and_counted(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_value values[2];
	int appended = 0;

	db_fixture_open(fixture);
	db_fixture_lock(fixture, true);
	while (db_fixture_metric(fixture, "belfry_db_telemetry_dropped_total") < 1000) {
		for (int i = 0; i < 1000; i++) {
			values[0] = bf_db_uuid(bf_uuid_make());
			values[1] = bf_db_int(appended);
			appended += bf_db_append(fixture->client, &ticks_stream, values, NULL,
					    NULL) == 0;
		}
		usleep(1000);
		assert_true(appended < 10 * BF_DB_TELEMETRY_COUNT_MAX);
	}
	db_fixture_lock(fixture, false);
	WAIT_FOR(fixture,
		db_fixture_metric(fixture, "belfry_db_rows_waiting{class=\"telemetry\"}") == 0 &&
			db_fixture_metric(fixture, "belfry_db_telemetry_dropped_total") +
					atoi(ask(fixture, &ticks_count, NULL)->text) ==
				appended);
	/* queries are still answered after all that */
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

static void what_is_unanswered_when_it_closes_is_answered(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_step step = {&things_names, NULL, BF_DB_ANY};
	struct count count = {0}, notes = {0};

	db_fixture_open(fixture);
	for (int i = 0; i < 1000; i++)
		assert_true(bf_db_ask(fixture->client, &as_system, &step, 1, on_count, &count) > 0);
	append_notes(fixture, 0, 50, &notes);
	db_fixture_close(fixture);
	assert_int_equal(count.answers, 1000);
	assert_int_equal(count.by_status[BF_DB_OK] + count.by_status[BF_DB_CLOSED] +
				 count.by_status[BF_DB_BUSY],
		1000);
	assert_int_equal(notes.by_status[BF_DB_OK], 50);
	db_fixture_open(fixture);
	WAIT_FOR(fixture, ask(fixture, &notes_list, NULL)->row_count == 50);
}

static void a_second_server_on_the_same_folder_is_refused(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_conf conf = {.conf = fixture->conf,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.io = BF_IO_EPOLL,
		.streams = fixture->streams,
		.stream_count = fixture->stream_count};
	struct bf_db *second;

	db_fixture_open(fixture);
	assert_int_equal(bf_db_open(&second, &conf, fixture->why, sizeof(fixture->why)), -EBUSY);
	assert_non_null(strstr(fixture->why, "another process"));
}

/* Appends need the spool, which is one server's; queries do not. */
static void without_streams_it_is_open_beside_a_server(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_conf conf = {.conf = fixture->conf,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.io = BF_IO_EPOLL};
	struct bf_db *second;

	db_fixture_open(fixture);
	assert_int_equal(bf_db_open(&second, &conf, fixture->why, sizeof(fixture->why)), 0);
	bf_db_close(second);
	bf_db_free(second);
	assert_int_equal(ask(fixture, &things_names, NULL)->status, BF_DB_OK);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	struct db_fixture *fixture = *state;
	struct bf_db_conf conf = {.conf = fixture->conf,
		.log = fixture->log,
		.metrics = fixture->metrics,
		.io = BF_IO_EPOLL};
	char path[256];

	if (on_postgres())
		skip();
	snprintf(path, sizeof(path), "%s/belfry.db", fixture->conf->storage.folder);
	chmod(path, 0644);
	assert_int_equal(
		bf_db_open(&fixture->db, &conf, fixture->why, sizeof(fixture->why)), -EPERM);
	assert_non_null(strstr(fixture->why, "chmod 600"));
	chmod(path, 0600);
	db_fixture_open(fixture);
	assert_string_equal(bf_db_engine_name(fixture->db), "sqlite");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_of_value_is_kept_and_brought_back),
		TEST(the_constraint_that_forbids_it_is_named),
		TEST(steps_happen_together_or_not_at_all),
		TEST(a_read_that_finds_another_number_than_expected_says_so),
		TEST(text_that_looks_like_sql_is_text),
		TEST(what_cannot_be_kept_is_refused_at_once),
		TEST(our_own_mistakes_are_told_without_harm),
		TEST(what_takes_too_long_is_given_up_and_others_go_on),
		TEST(a_slow_query_is_counted),
		TEST(a_forgotten_call_is_done_but_not_answered),
		TEST(beyond_the_limit_calls_are_refused_and_the_others_answered),
		TEST(several_threads_ask_at_once),
		TEST(an_acknowledged_row_is_there_when_the_server_starts_again),
		TEST(the_same_row_again_changes_nothing),
		TEST(a_row_that_is_refused_does_not_take_others_with_it),
		TEST(telemetry_is_written_too),
		TEST(rows_wait_on_disk_while_the_database_is_locked_and_follow_in_order),
		TEST(what_is_spooled_when_the_server_stops_follows_when_it_starts),
		TEST(when_the_spool_is_full_rows_are_answered_busy_and_none_is_claimed),
		TEST(telemetry_beyond_its_limit_is_dropped_oldest_first_and_counted),
		TEST(what_is_unanswered_when_it_closes_is_answered),
		TEST(a_second_server_on_the_same_folder_is_refused),
		TEST(without_streams_it_is_open_beside_a_server),
		TEST(a_file_that_others_can_read_is_refused),
	};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
