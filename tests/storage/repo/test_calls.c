#include "storage/repo/calls.h"
#include "storage/repo/streams.h"
#include "tests/storage/db_fixture.h"

static const struct bf_db_statement list_calls = {"list_calls",
	"SELECT o.slug, c.room, c.started_at, c.ended_at FROM call_sessions c"
	" JOIN organizations o ON o.id = c.org_id ORDER BY c.started_at, c.room",
	NULL, "", "ttzz", true};
static const struct bf_db_statement list_connections = {"list_connections",
	"SELECT c.room, w.name, w.kind, w.worker, w.joined_at, w.left_at FROM webrtc_connections w"
	" JOIN call_sessions c ON c.id = w.call_id AND c.org_id = w.org_id ORDER BY w.joined_at",
	NULL, "", "tttizz", true};

struct calls_fixture {
	struct db_fixture *db;
	struct bf_calls *calls;
};

static void open_calls(struct calls_fixture *f)
{
	f->db->streams = bf_streams;
	f->db->stream_count = bf_stream_count;
	db_fixture_open(f->db);
	assert_int_equal(bf_calls_new(&f->calls, f->db->client, f->db->log), 0);
}

static void close_calls(struct calls_fixture *f)
{
	bf_calls_free(f->calls);
	db_fixture_close(f->db);
}

static struct bf_rtc_presence presence(uint64_t room_id, const char *org, uint64_t participant_id,
	const char *name, int64_t wall_us)
{
	return (struct bf_rtc_presence){.room_id = room_id,
		.participant_id = participant_id,
		.org = org,
		.room = room_id == 1 ? "red" : "blue",
		.name = name,
		.kind = "socket",
		.worker = 1,
		.wall_us = wall_us};
}

static void join(struct calls_fixture *f, uint64_t room_id, const char *org,
	uint64_t participant_id, const char *name, int64_t wall_us)
{
	struct bf_rtc_presence at = presence(room_id, org, participant_id, name, wall_us);

	bf_calls_joined(f->calls, &at);
}

static void leave(
	struct calls_fixture *f, uint64_t room_id, uint64_t participant_id, int64_t wall_us)
{
	struct bf_rtc_presence at = presence(room_id, "", participant_id, "", wall_us);

	bf_calls_left(f->calls, &at);
}

static void a_call_lasts_from_the_first_participant_to_the_last(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	join(&f, 1, "", 10, "Ann", 1000);
	join(&f, 1, "", 11, "Bob", 2000);
	leave(&f, 1, 10, 3000);
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_connections, NULL)->text,
			       "red|Ann|socket|1|1000|3000\nred|Bob|socket|1|2000|NULL\n") == 0);
	assert_string_equal(ask(f.db, &list_calls, NULL)->text, "default|red|1000|NULL\n");
	leave(&f, 1, 11, 4000);
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_calls, NULL)->text, "default|red|1000|4000\n") == 0);
	join(&f, 1, "", 12, "Cy", 5000); /* the room's next call */
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_calls, NULL)->text,
			       "default|red|1000|4000\ndefault|red|5000|NULL\n") == 0);
	close_calls(&f);
}

static void an_organization_is_made_with_its_first_call(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	join(&f, 1, "acme", 10, "Ann", 1000);
	join(&f, 2, "acme", 11, "Bob", 2000);
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_calls, NULL)->text,
			       "acme|red|1000|NULL\nacme|blue|2000|NULL\n") == 0);
	close_calls(&f);
}

static void what_goes_on_ends_with_the_server(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	join(&f, 1, "", 10, "Ann", 1000);
	join(&f, 2, "", 11, "Bob", 2000);
	bf_calls_close(f.calls, 9000);
	close_calls(&f);
	open_calls(&f);
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_calls, NULL)->text,
			       "default|red|1000|9000\ndefault|blue|2000|9000\n") == 0);
	assert_string_equal(ask(f.db, &list_connections, NULL)->text,
		"red|Ann|socket|1|1000|9000\nblue|Bob|socket|1|2000|9000\n");
	close_calls(&f);
}

static void a_clock_that_is_set_back_makes_no_negative_times(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	join(&f, 1, "", 10, "Ann", 1000);
	leave(&f, 1, 10, 500);
	WAIT_FOR(f.db, strcmp(ask(f.db, &list_calls, NULL)->text, "default|red|1000|1000\n") == 0);
	assert_string_equal(
		ask(f.db, &list_connections, NULL)->text, "red|Ann|socket|1|1000|1000\n");
	close_calls(&f);
}

static void one_that_never_joined_leaves_no_trace(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	leave(&f, 1, 77, 500);
	assert_string_equal(ask(f.db, &list_calls, NULL)->text, "");
	close_calls(&f);
}

static void a_record_spooled_while_the_database_is_locked_is_whole_in_the_end(void **state)
{
	struct calls_fixture f = {.db = *state};

	open_calls(&f);
	db_fixture_lock(f.db, true);
	join(&f, 1, "acme", 10, "Ann", 1000);
	leave(&f, 1, 10, 2000);
	WAIT_FOR(f.db, bf_db_state(f.db->db).spool_records == 5);
	db_fixture_lock(f.db, false);
	WAIT_FOR(f.db, bf_db_state(f.db->db).spool_records == 0);
	assert_string_equal(ask(f.db, &list_calls, NULL)->text, "acme|red|1000|2000\n");
	assert_string_equal(
		ask(f.db, &list_connections, NULL)->text, "red|Ann|socket|1|1000|2000\n");
	close_calls(&f);
}

static void no_two_streams_have_the_same_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < bf_stream_count; i++)
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(bf_streams[i]->id, bf_streams[k]->id);
			assert_string_not_equal(bf_streams[i]->name, bf_streams[k]->name);
		}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, db_fixture_setup, db_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_lasts_from_the_first_participant_to_the_last),
		TEST(an_organization_is_made_with_its_first_call),
		TEST(what_goes_on_ends_with_the_server),
		TEST(a_clock_that_is_set_back_makes_no_negative_times),
		TEST(one_that_never_joined_leaves_no_trace),
		TEST(a_record_spooled_while_the_database_is_locked_is_whole_in_the_end),
		cmocka_unit_test(no_two_streams_have_the_same_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
