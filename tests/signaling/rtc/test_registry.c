/* Where participants live: which worker a new one is given to. */
#include "signaling/rtc/registry.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define WORKERS 4

struct house {
	struct bf_rtc_registry registry;
	unsigned busy[WORKERS];
};

static unsigned load(void *arg, unsigned worker)
{
	const struct house *house = arg;

	assert_true(worker < house->registry.conf.media.worker_count);
	return house->busy[worker];
}

static void house_open(struct house *house, unsigned worker_count, bool is_round_robin)
{
	memset(house, 0, sizeof(*house));
	assert_int_equal(
		bf_rtc_registry_init(&house->registry,
			&(struct bf_rtc_registry_conf){
				.media = {.arg = house, .worker_count = worker_count, .load = load},
				.room_participant_count_max = 1000,
				.is_round_robin = is_round_robin}),
		0);
}

/* Everybody leaves, and no count is left over. */
static void house_close(struct house *house)
{
	struct bf_map_node *node;

	while ((node = bf_map_next(&house->registry.participants, NULL)))
		bf_rtc_leave_free(bf_rtc_registry_remove(
			&house->registry, BF_CONTAINER(node, struct bf_rtc_participant, by_id)));
	for (unsigned i = 0; i < house->registry.conf.media.worker_count; i++)
		assert_int_equal(house->registry.transport_counts[i], 0);
	assert_int_equal(house->registry.rooms_by_id.entry_count, 0);
	bf_rtc_registry_deinit(&house->registry);
}

static struct bf_rtc_participant *add_near(struct house *house, const char *room,
	enum bf_rtc_participant_kind kind, const struct bf_rtc_participant *near)
{
	struct bf_rtc_participant *participant;

	assert_int_equal(bf_rtc_registry_add(&house->registry, &participant, bf_bytes(NULL, 0),
				 bf_bytes_str(room), bf_bytes_str("x"), kind, near),
		0);
	assert_int_equal(participant->leave->worker, participant->worker);
	return participant;
}

static struct bf_rtc_participant *add(struct house *house, const char *room)
{
	return add_near(house, room, BF_RTC_BY_SOCKET, NULL);
}

static void take_away(struct house *house, struct bf_rtc_participant *participant)
{
	bf_rtc_leave_free(bf_rtc_registry_remove(&house->registry, participant));
}

static void a_new_room_goes_to_the_worker_with_the_fewest_transports(void **state)
{
	struct house house;
	struct bf_rtc_participant *first;

	(void)state;
	house_open(&house, 3, false);
	first = add(&house, "a"); /* two transports */
	assert_int_equal(first->worker, 0);
	assert_int_equal(add_near(&house, "b", BF_RTC_BY_WHIP, NULL)->worker, 1); /* one */
	assert_int_equal(add(&house, "c")->worker, 2);
	assert_int_equal(add(&house, "d")->worker, 1); /* 2, 1, 2 */
	assert_int_equal(add(&house, "e")->worker, 0); /* 2, 3, 2 */
	take_away(&house, first);
	assert_int_equal(add(&house, "f")->worker, 0); /* 2, 3, 2 */
	house_close(&house);
}

static void a_busy_worker_gets_new_rooms_only_when_the_others_have_many_transports(void **state)
{
	struct house house;
	char name[16];

	(void)state;
	house_open(&house, 2, false);
	house.busy[0] = 100; /* as much as 400 transports */
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_int_equal(add(&house, name)->worker, 1);
	}
	assert_int_equal(add(&house, "next")->worker, 0);
	house_close(&house);
}

static void a_room_stays_on_its_worker_while_that_is_not_loaded(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, 3, false);
	house.busy[0] = BF_RTC_BUSY_PERMILLE - 1;
	house.busy[1] = BF_RTC_BUSY_PERMILLE;
	house.busy[2] = BF_RTC_BUSY_PERMILLE;
	assert_int_equal(add(&house, "a")->worker, 0);
	house.busy[1] = 0;
	for (int i = 1; i < BF_RTC_ROOM_SHARE; i++)
		assert_int_equal(add(&house, "a")->worker, 0);
	house_close(&house);
}

static void a_room_goes_on_elsewhere_when_its_worker_is_busy(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, 3, false);
	house.busy[2] = 10;
	assert_int_equal(add(&house, "a")->worker, 0);
	house.busy[0] = BF_RTC_BUSY_PERMILLE;
	assert_int_equal(add(&house, "a")->worker, 1);
	house.busy[0] = 0; /* the one that it has gone on to is its own now */
	assert_int_equal(add(&house, "a")->worker, 1);
	house.busy[1] = 900;
	house.busy[0] = 950;
	house.busy[2] = 1000;
	assert_int_equal(add(&house, "a")->worker, 1); /* nothing would be better elsewhere */
	house_close(&house);
}

static void a_large_room_spreads_over_all_workers_evenly(void **state)
{
	struct house house;
	unsigned counts[WORKERS] = {0};

	(void)state;
	house_open(&house, WORKERS, false);
	for (int i = 0; i < 10 * BF_RTC_ROOM_SHARE; i++)
		counts[add(&house, "a")->worker]++;
	for (int i = 0; i < WORKERS; i++)
		assert_in_range(counts[i], 10 * BF_RTC_ROOM_SHARE / WORKERS - 1,
			10 * BF_RTC_ROOM_SHARE / WORKERS + 1);
	house_close(&house);
}

static void a_room_without_anybody_where_it_was_goes_on_where_somebody_is(void **state)
{
	struct house house;
	struct bf_rtc_participant *elsewhere;

	(void)state;
	house_open(&house, 2, false);
	assert_int_equal(add(&house, "a")->worker, 0);
	house.busy[0] = BF_RTC_BUSY_PERMILLE;
	elsewhere = add(&house, "a");
	assert_int_equal(elsewhere->worker, 1);
	house.busy[0] = 0;
	take_away(&house, elsewhere);
	assert_int_equal(add(&house, "a")->worker, 0);
	house_close(&house);
}

static void a_player_goes_to_whom_it_watches_unless_that_worker_is_loaded(void **state)
{
	struct house house;
	struct bf_rtc_participant *watched;

	(void)state;
	house_open(&house, 3, false);
	watched = add(&house, "a");
	house.busy[0] = BF_RTC_BUSY_PERMILLE;
	assert_int_equal(add(&house, "a")->worker, 1);
	house.busy[0] = 0;
	assert_int_equal(add_near(&house, "a", BF_RTC_BY_WHEP, watched)->worker, 0);
	assert_int_equal(add_near(&house, "a", BF_RTC_BY_WHEP, NULL)->worker, 0); /* the newest's */
	house.busy[0] = BF_RTC_BUSY_PERMILLE;
	assert_int_equal(add_near(&house, "a", BF_RTC_BY_WHEP, watched)->worker, 2);
	house_close(&house);
}

static void round_robin_gives_each_one_of_a_room_to_the_next_worker(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, 3, true);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(add(&house, "a")->worker, i % 3);
	assert_int_equal(add(&house, "b")->worker, 1); /* 6, 4, 4 transports */
	assert_int_equal(add(&house, "b")->worker, 2);
	house_close(&house);
}

static void who_has_not_joined_moves_once_to_the_least_loaded_other_worker(void **state)
{
	struct house house;
	struct bf_rtc_participant *participant;

	(void)state;
	house_open(&house, 3, false);
	house.busy[1] = 500;
	participant = add(&house, "a");
	assert_int_equal(participant->worker, 0);
	assert_true(bf_rtc_registry_move(&house.registry, participant));
	assert_int_equal(participant->worker, 2);
	assert_int_equal(participant->leave->worker, 2);
	assert_false(bf_rtc_registry_move(&house.registry, participant));
	assert_int_equal(participant->worker, 2);
	assert_int_equal(house.registry.transport_counts[0], 0);
	assert_int_equal(house.registry.transport_counts[2], 2);
	assert_int_equal(add(&house, "a")->worker, 2); /* the room has moved with it */
	house_close(&house);
	house_open(&house, 1, false);
	assert_false(bf_rtc_registry_move(&house.registry, add(&house, "a")));
	house_close(&house);
}

static void without_a_measure_only_transports_count(void **state)
{
	struct house house;

	(void)state;
	house_open(&house, 2, false);
	house.registry.conf.media.load = NULL;
	house.busy[0] = 1000;
	assert_int_equal(add(&house, "a")->worker, 0);
	assert_int_equal(add(&house, "a")->worker, 0);
	assert_int_equal(add(&house, "b")->worker, 1);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_room_goes_to_the_worker_with_the_fewest_transports),
		cmocka_unit_test(
			a_busy_worker_gets_new_rooms_only_when_the_others_have_many_transports),
		cmocka_unit_test(a_room_stays_on_its_worker_while_that_is_not_loaded),
		cmocka_unit_test(a_room_goes_on_elsewhere_when_its_worker_is_busy),
		cmocka_unit_test(a_large_room_spreads_over_all_workers_evenly),
		cmocka_unit_test(a_room_without_anybody_where_it_was_goes_on_where_somebody_is),
		cmocka_unit_test(a_player_goes_to_whom_it_watches_unless_that_worker_is_loaded),
		cmocka_unit_test(round_robin_gives_each_one_of_a_room_to_the_next_worker),
		cmocka_unit_test(who_has_not_joined_moves_once_to_the_least_loaded_other_worker),
		cmocka_unit_test(without_a_measure_only_transports_count),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
