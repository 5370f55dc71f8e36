#include "core/base/rand.h"
#include "media/cc/fair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ORGS	16
#define ROOMS	64
#define ITEMS	4096
#define PLACES	100000
#define QUANTUM 1000

/* The owner's side: each room's items in order. Time is the work done. */
struct item {
	int64_t cost, added_at;
};

struct owner {
	struct bf_fair_room room;
	struct item items[ITEMS]; /* a ring */
	unsigned first, count;
	int64_t done, longest_wait;
	unsigned done_count;
};

static struct bf_fair fair;
static struct bf_fair_org orgs[ORGS];
static struct owner owners[ROOMS];
static int64_t now;

/* Room i belongs to organization org_of[i]. */
static void start(const unsigned *org_of, unsigned room_count, uint32_t places)
{
	bf_fair_init(&fair, QUANTUM, places);
	memset(owners, 0, sizeof(owners));
	for (unsigned i = 0; i < ORGS; i++)
		bf_fair_org_init(&orgs[i]);
	for (unsigned i = 0; i < room_count; i++)
		bf_fair_room_init(&owners[i].room, &orgs[org_of ? org_of[i] : i]);
	now = 0;
}

static int add(unsigned idx, int64_t cost)
{
	struct owner *owner = &owners[idx];
	int err;

	assert_true(owner->count < ITEMS);
	err = bf_fair_add(&fair, &owner->room, cost);
	if (!err)
		owner->items[(owner->first + owner->count++) % ITEMS] =
			(struct item){.cost = cost, .added_at = now};
	return err;
}

static void keep_at(unsigned idx, int64_t cost, unsigned count)
{
	while (owners[idx].count < count)
		assert_int_equal(add(idx, cost), 0);
}

static void do_item(struct owner *owner)
{
	struct item item = owner->items[owner->first];

	assert_true(owner->count > 0);
	owner->first = (owner->first + 1) % ITEMS;
	owner->count--;
	if (now - item.added_at > owner->longest_wait)
		owner->longest_wait = now - item.added_at;
	now += item.cost;
	owner->done += item.cost;
	owner->done_count++;
	bf_fair_done(&fair, &owner->room, item.cost);
}

/* One visit, or what fits into it of `work`. Returns the room's index, -1 if there is none. */
static int visit(int64_t work)
{
	int64_t allowance, end;
	struct bf_fair_room *room = bf_fair_next(&fair, &allowance);
	struct owner *owner;

	if (!room)
		return -1;
	assert_true(allowance > 0);
	assert_true(allowance <= room->deficit && allowance <= room->org->deficit);
	owner = BF_CONTAINER(room, struct owner, room);
	end = now + (allowance < work ? allowance : work);
	do {
		do_item(owner);
	} while (owner->count > 0 && now < end);
	return (int)(owner - owners);
}

static void work_until(int64_t end)
{
	while (now < end && visit(end - now) >= 0)
		;
}

/* ---- order ---- */

static void nothing_to_do_is_said(void **state)
{
	int64_t allowance;
	(void)state;

	start(NULL, 1, PLACES);
	assert_null(bf_fair_next(&fair, &allowance));
	assert_int_equal(add(0, 10), 0);
	assert_int_equal(visit(INT64_MAX), 0);
	assert_null(bf_fair_next(&fair, &allowance));
}

static void a_room_alone_gets_everything(void **state)
{
	(void)state;

	start(NULL, 1, PLACES);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(add(0, 700), 0);
	while (visit(INT64_MAX) >= 0)
		;
	assert_int_equal(owners[0].done_count, 1000);
	assert_int_equal(fair.item_count, 0);
	assert_int_equal(fair.backlog, 0);
}

static void rooms_take_turns_by_work_not_by_packets(void **state)
{
	(void)state;

	start(NULL, 2, PLACES);
	for (int i = 0; i < 100000; i++) {
		keep_at(0, 10, 300);
		keep_at(1, 900, 300);
		visit(INT64_MAX);
	}
	assert_true(owners[0].done_count > 50 * owners[1].done_count);
	assert_in_range(owners[0].done, owners[1].done - 2 * QUANTUM, owners[1].done + 2 * QUANTUM);
}

static void one_flooding_room_does_not_delay_small_ones(void **state)
{
	(void)state;

	/* A webinar: a packet costs as much as 1000 copies; it asks for ten times what there is. Ten calls ask for 1 % each. */
	start(NULL, 11, PLACES);
	for (int64_t turn = 0; turn < 3000; turn++) {
		int64_t end = (turn + 1) * 10000;

		keep_at(0, 1000, 100);
		for (unsigned i = 1; i <= 10; i++)
			for (unsigned k = 0; k < 5; k++)
				assert_int_equal(add(i, 20), 0);
		work_until(end);
	}
	for (unsigned i = 1; i <= 10; i++) {
		assert_in_range(owners[i].done_count, 5 * 2999, 5 * 3000);
		/* one packet of the webinar, and the other calls */
		assert_true(owners[i].longest_wait <= 2 * QUANTUM + 10 * 100);
	}
	assert_true(owners[0].done > now * 85 / 100); /* and it gets all the rest */
}

static void one_item_larger_than_a_quantum_is_paid_for(void **state)
{
	(void)state;

	start(NULL, 2, PLACES);
	for (int i = 0; i < 100000; i++) {
		keep_at(0, 50 * QUANTUM, 2);
		keep_at(1, 100, 2000);
		visit(INT64_MAX);
	}
	assert_in_range(
		owners[0].done, owners[1].done - 100 * QUANTUM, owners[1].done + 100 * QUANTUM);
	assert_int_equal(fair.quantum, 50 * QUANTUM); /* so that each visit does something */
	/* when all is done, visits are as short as they were */
	while (visit(INT64_MAX) >= 0)
		;
	assert_int_equal(fair.quantum, QUANTUM);
}

/* ---- storeys ---- */

static void organizations_get_equal_shares_however_many_rooms_they_have(void **state)
{
	unsigned org_of[13];
	int64_t many = 0;
	(void)state;

	for (unsigned i = 0; i < 13; i++)
		org_of[i] = i == 0 ? 0 : i < 3 ? 1 : 2;
	start(org_of, 13, PLACES);
	for (int i = 0; i < 60000; i++) {
		for (unsigned r = 0; r < 13; r++)
			keep_at(r, 100 + r, 40);
		visit(INT64_MAX);
	}
	for (unsigned i = 3; i < 13; i++)
		many += owners[i].done;
	assert_in_range(owners[0].done, now * 33 / 100, now * 34 / 100);
	assert_in_range(owners[1].done + owners[2].done, now * 33 / 100, now * 34 / 100);
	assert_in_range(many, now * 33 / 100, now * 34 / 100);
	for (unsigned i = 3; i < 13; i++) /* and the rooms of one are equal too */
		assert_in_range(owners[i].done, many * 97 / 1000, many * 103 / 1000);
}

static void what_one_organization_does_not_use_goes_to_the_others(void **state)
{
	static const unsigned org_of[] = {0, 1, 2};
	(void)state;

	start(org_of, 3, PLACES);
	for (int turn = 0; turn < 2000; turn++) {
		for (int k = 0; k < 10; k++)
			assert_int_equal(add(2, 100), 0); /* a tenth */
		keep_at(0, 200, 200);
		keep_at(1, 300, 200);
		work_until((turn + 1) * INT64_C(10000));
	}
	assert_in_range(owners[2].done, now * 98 / 1000, now * 100 / 1000);
	assert_in_range(owners[0].done, now * 44 / 100, now * 46 / 100);
	assert_in_range(owners[1].done, now * 44 / 100, now * 46 / 100);
}

/* ---- credit and debt ---- */

static void silence_saves_no_credit(void **state)
{
	int64_t before;
	(void)state;

	start(NULL, 2, PLACES);
	for (int i = 0; i < 5000; i++) { /* room 1 is silent */
		keep_at(0, 100, 20);
		visit(INT64_MAX);
	}
	assert_int_equal(add(1, 100), 0);
	while (owners[1].count > 0)
		visit(INT64_MAX);
	assert_true(owners[1].room.deficit <= 0);
	before = owners[0].done;
	for (int i = 0; i < 20; i++) {
		keep_at(0, 100, 2000);
		keep_at(1, 100, 2000);
		visit(INT64_MAX);
	}
	assert_in_range(owners[0].done - before, 9 * QUANTUM, 11 * QUANTUM);
}

static void going_idle_does_not_pay_a_debt(void **state)
{
	(void)state;

	/* Room 0 overdraws with each visit, and is idle after it: it gains nothing by that. */
	start(NULL, 2, PLACES);
	assert_int_equal(add(0, 1), 0);
	assert_int_equal(visit(INT64_MAX), 0); /* all served once, as it is now and then */
	for (int i = 0; i < 20000; i++) {
		if (owners[0].count == 0) {
			assert_int_equal(add(0, 100), 0);
			assert_int_equal(add(0, QUANTUM), 0);
		}
		keep_at(1, 100, 400);
		visit(INT64_MAX);
	}
	assert_true(owners[0].done <= owners[1].done + 4 * QUANTUM);
}

static void when_all_have_been_served_debts_are_forgotten(void **state)
{
	(void)state;

	start(NULL, 2, PLACES);
	assert_int_equal(add(0, 90 * QUANTUM), 0);
	assert_int_equal(visit(INT64_MAX), 0);
	assert_int_equal(add(0, QUANTUM - 1), 0);
	assert_int_equal(visit(INT64_MAX), 0);
	owners[0].room.deficit = orgs[0].deficit =
		-50 * QUANTUM; /* as if it had done far too much */
	keep_at(0, 100, 50);
	keep_at(1, 100, 50);
	assert_int_equal(visit(INT64_MAX), 0);
	assert_int_equal(visit(INT64_MAX), 1);
}

static void more_than_was_allowed_is_paid_back(void **state)
{
	int64_t allowance;
	(void)state;

	start(NULL, 2, PLACES);
	keep_at(0, 1000, 50);
	keep_at(1, 1000, 50);
	assert_ptr_equal(bf_fair_next(&fair, &allowance), &owners[0].room);
	for (int i = 0; i < 10; i++)
		do_item(&owners[0]);
	for (int i = 0; i < 9; i++)
		assert_int_equal(visit(INT64_MAX), 1);
	assert_int_equal(visit(INT64_MAX), 1);
	assert_int_equal(visit(INT64_MAX), 0);
}

/* ---- places ---- */

static void a_flood_holds_half_of_the_places_and_two_a_third_each(void **state)
{
	static const unsigned org_of[] = {0, 0, 1, 1};
	(void)state;

	start(org_of, 4, 600);
	while (add(0, 10) == 0)
		;
	assert_int_equal(owners[0].count, 300);
	assert_int_equal(add(0, 10), -ENOBUFS);
	assert_int_equal(fair.refused_count, 2);
	assert_int_equal(add(2, 10), 0); /* another one may */
	while (add(2, 10) == 0)
		;
	assert_int_equal(owners[2].count, 150);

	/* as places become free they are shared out anew */
	for (int i = 0; i < 20000; i++) {
		visit(50);
		for (unsigned r = 0; r < 3; r += 2)
			while (add(r, 10) == 0)
				;
	}
	assert_in_range(owners[0].count, 190, 210);
	assert_in_range(owners[2].count, 190, 210);
}

static void an_organization_holds_twice_what_is_free_however_many_rooms(void **state)
{
	static const unsigned org_of[] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	bool is_added = true;
	(void)state;

	start(org_of, 21, 600);
	while (is_added) {
		is_added = false;
		for (unsigned r = 0; r < 20; r++)
			is_added |= add(r, 10) == 0;
	}
	assert_int_equal(fair.item_count, 400);
	for (unsigned k = 0; k < 60; k++)
		assert_int_equal(add(20, 10), 0);
}

static void without_places_everything_is_refused(void **state)
{
	(void)state;

	start(NULL, 1, 0);
	assert_int_equal(add(0, 10), -ENOBUFS);
	start(NULL, 1, 1);
	assert_int_equal(add(0, 10), 0);
	assert_int_equal(add(0, 10), -ENOBUFS);
}

/* ---- removal ---- */

static void a_room_that_ends_while_it_waits_leaves_the_others_their_turns(void **state)
{
	static const unsigned org_of[] = {0, 0, 1, 2};
	(void)state;

	for (unsigned ends = 0; ends < 4; ends++)
		for (unsigned after = 0; after < 8; after++) {
			start(org_of, 4, PLACES);
			for (unsigned r = 0; r < 4; r++)
				keep_at(r, 300, 20);
			for (unsigned i = 0; i < after; i++)
				visit(400);
			bf_fair_remove(&fair, &owners[ends].room);
			bf_fair_remove(&fair, &owners[ends].room); /* again: it has nothing */
			owners[ends].count = 0;
			while (visit(INT64_MAX) >= 0)
				;
			for (unsigned r = 0; r < 4; r++)
				assert_true(r == ends || owners[r].done_count == 20);
			assert_int_equal(fair.item_count, 0);
			assert_int_equal(fair.backlog, 0);
			assert_true(bf_list_is_empty(&fair.orgs));
		}
}

static void dropped_items_cost_nothing(void **state)
{
	(void)state;

	start(NULL, 2, PLACES);
	keep_at(0, 900, 10);
	keep_at(1, 900, 10);
	for (int i = 0; i < 9; i++)
		bf_fair_drop(&fair, &owners[0].room, 900);
	owners[0].count = 1;
	assert_int_equal(visit(100), 0);
	assert_int_equal(fair.item_count, 10);
	assert_int_equal(owners[0].room.backlog, 0);
}

/* ---- whatever comes ---- */

static void random_loads_are_shared_fairly(void **state)
{
	struct bf_prng prng;
	(void)state;

	bf_prng_init(&prng, 17);
	for (unsigned round = 0; round < 30; round++) {
		unsigned org_of[24], org_count = 2 + bf_prng_below(&prng, 6);
		unsigned room_count = org_count + bf_prng_below(&prng, 24 - org_count);
		int64_t org_done[ORGS] = {0}, least = INT64_MAX, most = 0;

		for (unsigned r = 0; r < room_count; r++)
			org_of[r] = r < org_count ? r : bf_prng_below(&prng, org_count);
		start(org_of, room_count, PLACES);
		for (unsigned i = 0; i < 20000; i++) {
			for (unsigned r = 0; r < room_count; r++) /* each always has something */
				while (owners[r].count < 60)
					add(r, 1 + bf_prng_below(&prng, 1500));
			visit(1 + bf_prng_below(&prng, 3000));
		}
		for (unsigned r = 0; r < room_count; r++)
			org_done[org_of[r]] += owners[r].done;
		for (unsigned o = 0; o < org_count; o++) {
			least = org_done[o] < least ? org_done[o] : least;
			most = org_done[o] > most ? org_done[o] : most;
		}
		/* never further apart than a visit and an item each */
		assert_true(most - least <= 4 * 1500);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do_is_said),
		cmocka_unit_test(a_room_alone_gets_everything),
		cmocka_unit_test(rooms_take_turns_by_work_not_by_packets),
		cmocka_unit_test(one_flooding_room_does_not_delay_small_ones),
		cmocka_unit_test(one_item_larger_than_a_quantum_is_paid_for),
		cmocka_unit_test(organizations_get_equal_shares_however_many_rooms_they_have),
		cmocka_unit_test(what_one_organization_does_not_use_goes_to_the_others),
		cmocka_unit_test(silence_saves_no_credit),
		cmocka_unit_test(going_idle_does_not_pay_a_debt),
		cmocka_unit_test(when_all_have_been_served_debts_are_forgotten),
		cmocka_unit_test(more_than_was_allowed_is_paid_back),
		cmocka_unit_test(a_flood_holds_half_of_the_places_and_two_a_third_each),
		cmocka_unit_test(an_organization_holds_twice_what_is_free_however_many_rooms),
		cmocka_unit_test(without_places_everything_is_refused),
		cmocka_unit_test(a_room_that_ends_while_it_waits_leaves_the_others_their_turns),
		cmocka_unit_test(dropped_items_cost_nothing),
		cmocka_unit_test(random_loads_are_shared_fairly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
