/* Budgets of rooms and organizations: pictures go first and come back, sound stays, joins are refused in words. */
#include "core/base/clock.h"
#include "tests/media/worker/hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM   0x100
#define OTHER  0x200
#define HOST   0x1
#define GUESTS 0x10

static struct hall *open_hall(struct bf_budget_limits org, struct bf_budget_limits room)
{
	struct hall *hall = malloc(sizeof(*hall));

	assert_non_null(hall);
	hall_open(hall, &(struct bf_rooms_conf){.org_limits = org, .room_limits = room});
	return hall;
}

static void close_hall(struct hall *hall)
{
	hall_close(hall);
	free(hall);
}

/* Only now, so that joining is not refused: by the estimate, a picture alone is more. */
static void limit(struct hall *hall, const struct hall_sources *sources, int64_t packets_per_s)
{
	struct bf_room *room = sources->sound.track->participant->room;

	assert_true(room->is_limited);
	bf_budget_set_limits(&room->budget,
		&(struct bf_budget_limits){.packets_per_s = packets_per_s},
		bf_loop_now_us(hall->loop));
}

/* Sound of 50 packets a second and a picture of 10 frames of `frame` packets, for `ms`. A keyframe when one is wanted. */
static void play(struct hall *hall, struct hall_sources *sources, unsigned frame, unsigned ms)
{
	struct bf_keyframe *keyframe = &sources->picture.track->streams[0].keyframe;

	for (unsigned at = 0; at < ms; at += 20) {
		hall_sound(&sources->sound);
		if (at % 100 == 0)
			hall_frame(&sources->picture,
				bf_keyframe_deadline_us(keyframe) != INT64_MAX, frame);
		hall_turn(hall, BF_MS(20));
	}
}

/* The pictures to a listener, since `from`: how many, and whether their numbers have no gap. */
static size_t expect_no_gap(const struct hall *hall, size_t from, unsigned listener, bool is_video)
{
	size_t count = 0;
	uint16_t last = 0;

	for (size_t i = from; i < hall->copy_count; i++) {
		const struct hall_copy *copy = &hall->copies[i];

		if (copy->listener != listener || copy->is_video != is_video)
			continue;
		if (count++ > 0)
			assert_int_equal(copy->seq, (uint16_t)(last + 1));
		last = copy->seq;
	}
	return count;
}

static void a_room_over_its_budget_keeps_its_sound(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){0, 0}, (struct bf_budget_limits){.packets_per_s = 500});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	unsigned first;
	size_t from, seen;

	(void)state;
	first = hall_listeners(hall, &sources, GUESTS, 1);
	hall_frame(&sources.picture, true, 10);
	hall_settle(hall);
	from = hall->copy_count;
	play(hall, &sources, 60, 4000); /* 600 a second to one listener, beside 50 of sound */
	assert_int_equal(expect_no_gap(hall, from, first, false), 200);
	seen = expect_no_gap(hall, from, first, true);
	assert_in_range(seen, 500, 4 * 450 + 500); /* what sound leaves, and one second's worth */
	assert_true(hall->rooms->counters.over_budget[BF_BUDGET_PACKETS] > 0);
	assert_int_equal(hall->rooms->counters.over_budget[BF_BUDGET_BITS], 0);
	assert_int_equal(hall->rooms->counters.over_budget[BF_BUDGET_PARENT_PACKETS], 0);
	close_hall(hall);
}

static void pictures_come_back_with_a_keyframe(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){0, 0}, (struct bf_budget_limits){.packets_per_s = 500});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	struct bf_stream *stream = &sources.picture.track->streams[0];
	unsigned first = hall_listeners(hall, &sources, GUESTS, 1);
	size_t from;

	(void)state;
	for (unsigned i = 0; i < 2;
		i++) { /* the first one tells a size, and layers are chosen anew */
		hall_frame(&sources.picture, true, 1);
		hall_settle(hall);
	}
	for (unsigned i = 0; !sources.picture.track->is_over_budget; i++) {
		assert_true(i < 100);
		hall_frame(&sources.picture, false, 30);
		hall_turn(hall, 0);
	}
	hall_settle(hall);
	from = hall->copy_count;
	bf_sub_interrupt(
		BF_CONTAINER(bf_list_first(&stream->track->subs), struct bf_sub, track_node));
	assert_int_equal(bf_keyframe_deadline_us(&stream->keyframe), INT64_MAX); /* of no use yet */
	hall_frame(&sources.picture, true, 2);					 /* not even that */
	hall_settle(hall);
	assert_int_equal(hall->copy_count, from);
	/* half a second later there is budget again: what refers to older pictures does not go */
	hall_turn(hall, BF_MS(600));
	hall_frame(&sources.picture, false, 2);
	hall_settle(hall);
	assert_int_equal(hall->copy_count, from);
	assert_true(bf_keyframe_deadline_us(&stream->keyframe) < INT64_MAX);
	hall_frame(&sources.picture, true, 2);
	hall_frame(&sources.picture, false, 2);
	hall_settle(hall);
	assert_int_equal(hall->copy_count, from + 4);
	(void)expect_no_gap(hall, 0, first, true);
	close_hall(hall);
}

static void sound_alone_may_be_too_much(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){0, 0}, (struct bf_budget_limits){.packets_per_s = 1000});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	unsigned first = hall_listeners(hall, &sources, GUESTS, 1);
	size_t got;

	(void)state;
	limit(hall, &sources, 100);
	for (unsigned i = 0; i < 400; i++) { /* 200 a second for two seconds */
		hall_sound(&sources.sound);
		hall_turn(hall, BF_MS(5));
	}
	got = expect_no_gap(hall, 0, first, false);
	assert_in_range(got, 295, 305); /* the rate, and one second's worth */
	assert_int_equal(hall->rooms->counters.over_budget[BF_BUDGET_PACKETS], 400 - got);
	close_hall(hall);
}

static void retransmissions_count_as_pictures(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){0, 0}, (struct bf_budget_limits){.packets_per_s = 1000});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	struct bf_sub *sub;
	uint16_t seqs[60];
	size_t from;

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, 1);
	hall_frame(&sources.picture, true, 60);
	assert_int_equal(hall_settle(hall), 60);
	for (unsigned i = 0; i < 60; i++)
		seqs[i] = hall->copies[i].seq;
	sub = BF_CONTAINER(bf_list_first(&sources.picture.track->subs), struct bf_sub, track_node);
	limit(hall, &sources, 100);
	from = hall->copy_count;
	hall_turn(hall, BF_MS(50)); /* the pacer has a burst again */
	bf_resend_on_nack(sub, seqs, 60, bf_loop_now_us(hall->loop));
	assert_int_equal(hall->copy_count - from, 60);
	hall_turn(hall, BF_MS(50));
	bf_resend_on_nack(sub, seqs, 60, bf_loop_now_us(hall->loop));
	assert_in_range(hall->copy_count - from, 75, 75 + 10); /* three quarters, and 100 ms */
	assert_int_equal(hall->rooms->counters.over_budget[BF_BUDGET_PACKETS],
		120 - (hall->copy_count - from));
	from = hall->copy_count;
	hall_frame(&sources.picture, true, 1);
	assert_int_equal(hall_settle(hall), 0); /* and a picture is one of them */
	close_hall(hall);
}

static void organizations_do_not_use_up_each_others(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){.packets_per_s = 600}, (struct bf_budget_limits){0, 0});
	struct hall_sources greedy = hall_publisher(hall, 1, ROOM, HOST),
			    beside = hall_publisher(hall, 1, ROOM + 1, HOST),
			    other = hall_publisher(hall, 2, OTHER, HOST);
	unsigned first = hall_listeners(hall, &greedy, GUESTS, 1);

	(void)state;
	(void)hall_listeners(hall, &beside, GUESTS, 1);
	(void)hall_listeners(hall, &other, GUESTS, 1);
	hall_frame(&greedy.picture, true, 1);
	hall_frame(&beside.picture, true, 1);
	hall_frame(&other.picture, true, 1);
	hall_settle(hall);
	for (unsigned i = 0; i < 16; i++)
		hall_frame(&greedy.picture, false, 30);
	hall_settle(hall);
	/* three quarters, and what a few milliseconds add */
	assert_in_range(hall_count(hall, 0, first, 1, true), 600 / 4 * 3 - 1, 600 / 4 * 3 + 10);
	assert_true(hall->rooms->counters.over_budget[BF_BUDGET_PARENT_PACKETS] > 0);
	hall_frame(&beside.picture, false, 1); /* the other room of it has to go without as well */
	hall_settle(hall);
	assert_int_equal(hall_count(hall, 0, first + 1, 1, true), 1);
	hall_frame(&other.picture, false, 1);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, 0, first + 2, 1, true), 2);
	close_hall(hall);
}

static void a_join_over_the_budget_is_refused_and_told_which(void **state)
{
	static const struct {
		struct bf_budget_limits org, room;
		const char *key;
	} cases[] = {
		{{0, 0}, {.packets_per_s = 300}, "media.room_packets_max"},
		{{0, 0}, {.bits_per_s = 2000000}, "media.room_kbps_max"},
		{{.packets_per_s = 300}, {0, 0}, "media.org_packets_max"},
		{{.bits_per_s = 2000000}, {0, 0}, "media.org_kbps_max"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hall *hall = open_hall(cases[i].org, cases[i].room);

		(void)hall_publisher(hall, 1, ROOM, HOST);
		assert_true(hall_join(hall, 1, ROOM, GUESTS)); /* one fits, by the estimate */
		assert_false(hall_join(hall, 1, ROOM, GUESTS + 1));
		assert_string_equal(hall->error.code, "busy");
		assert_true(hall->error.is_everywhere); /* no other worker is to take him */
		assert_non_null(strstr(hall->error.cause, cases[i].key));
		assert_int_equal(hall->rooms->counters.joins_over_budget, 1);
		assert_true(hall_join(hall, 2, OTHER, HOST)); /* others may */
		/* what was promised and is not used is free again */
		for (unsigned s = 0; s < 5; s++)
			hall_turn(hall, BF_SEC(1));
		assert_true(hall_join(hall, 1, ROOM, GUESTS + 1));
		close_hall(hall);
	}
}

static void without_limits_nothing_is_counted(void **state)
{
	struct hall *hall =
		open_hall((struct bf_budget_limits){0, 0}, (struct bf_budget_limits){0, 0});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	unsigned first = hall_listeners(hall, &sources, GUESTS, 20);

	(void)state;
	hall_frame(&sources.picture, true, 1);
	for (unsigned i = 0; i < 10; i++)
		hall_frame(&sources.picture, false, 10);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, 0, first, 20, true), 20 * 101);
	assert_false(sources.picture.track->participant->room->is_limited);
	close_hall(hall);
}

/* Of two workers that have the room each counts what it sends itself. */
static void a_room_on_several_workers_has_one_budget_for_all_who_receive(void **state)
{
	struct hall *hall = open_hall(
		(struct bf_budget_limits){0, 0}, (struct bf_budget_limits){.packets_per_s = 1000});
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	struct bf_room *room = sources.sound.track->participant->room;
	struct bf_participant elsewhere[3];

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, 1); /* and the host: two receive here */
	assert_int_equal(room->budget.packets.rate, 1000);
	for (unsigned i = 0; i < 3; i++) {
		elsewhere[i] = (struct bf_participant){.room = room, .is_remote = true};
		bf_org_set_receiver(&elsewhere[i], i < 2);
	}
	assert_int_equal(room->budget.packets.rate, 500);
	bf_org_set_receiver(&elsewhere[0], true); /* told again */
	bf_org_set_receiver(&elsewhere[2], false);
	assert_int_equal(room->budget.packets.rate, 500);
	hall_leave(hall, ROOM, GUESTS);
	assert_int_equal(room->budget.packets.rate, 333);
	for (unsigned i = 0; i < 2; i++)
		bf_org_set_receiver(&elsewhere[i], false);
	assert_int_equal(room->budget.packets.rate, 1000);
	assert_int_equal(room->budget.bits.rate, 0); /* no limit stays none */
	close_hall(hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_room_over_its_budget_keeps_its_sound),
		cmocka_unit_test(pictures_come_back_with_a_keyframe),
		cmocka_unit_test(sound_alone_may_be_too_much),
		cmocka_unit_test(a_room_on_several_workers_has_one_budget_for_all_who_receive),
		cmocka_unit_test(retransmissions_count_as_pictures),
		cmocka_unit_test(organizations_do_not_use_up_each_others),
		cmocka_unit_test(a_join_over_the_budget_is_refused_and_told_which),
		cmocka_unit_test(without_limits_nothing_is_counted),
	};

	return cmocka_run_group_tests_name("worker_budget", tests, NULL, NULL);
}
