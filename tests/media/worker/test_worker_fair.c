/* Turns: sound before pictures, small rooms between the parts of wide ones, and what happens to a picture that is partly out. */
#include "core/base/clock.h"
#include "tests/media/worker/hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WIDE   0x100 /* a room with many */
#define SMALL  0x200
#define HOST   0x1
#define GUESTS 0x10

#define TURN \
	1500 /* copies of pictures in one turn, and the end of a part, which is a subscription's burst */
#define PART  96
#define CROWD 400

static int setup(void **state)
{
	struct hall *hall = malloc(sizeof(*hall));

	assert_non_null(hall);
	hall_open(hall, &(struct bf_rooms_conf){.arg = NULL});
	*state = hall;
	return 0;
}

static int teardown(void **state)
{
	hall_close(*state);
	free(*state);
	return 0;
}

/* A room whose listeners are all in, by a first keyframe. */
struct place {
	struct hall_sources sources;
	unsigned first, count; /* its listeners */
};

static struct place fill(struct hall *hall, uint64_t org_id, uint64_t room_id, unsigned count)
{
	struct place place = {
		.sources = hall_publisher(hall, org_id, room_id, HOST), .count = count};

	place.first = hall_listeners(hall, &place.sources, GUESTS, count);
	hall_frame(&place.sources.picture, true, 1);
	assert_int_equal(hall_settle(hall), count);
	return place;
}

static size_t pictures(const struct hall *hall, size_t from, const struct place *place)
{
	return hall_count(hall, from, place->first, place->count, true);
}

static size_t sounds(const struct hall *hall, size_t from, const struct place *place)
{
	return hall_count(hall, from, place->first, place->count, false);
}

/* Where the last copy to one of the place stands, counted from `from`. */
static size_t last_of(const struct hall *hall, size_t from, const struct place *place)
{
	size_t last = 0;

	for (size_t i = from; i < hall->copy_count; i++)
		if (hall->copies[i].listener >= place->first &&
			hall->copies[i].listener < place->first + place->count)
			last = i - from;
	return last;
}

/* Each listener got `count` pictures from `from` on, numbered without a gap. */
static void expect_whole(
	const struct hall *hall, size_t from, const struct place *place, unsigned count)
{
	for (unsigned n = place->first; n < place->first + place->count; n++) {
		unsigned got = 0;
		uint16_t last = 0;

		for (size_t i = from; i < hall->copy_count; i++) {
			const struct hall_copy *copy = &hall->copies[i];

			if (copy->listener != n || !copy->is_video)
				continue;
			if (got++ > 0)
				assert_int_equal(copy->seq, (uint16_t)(last + 1));
			last = copy->seq;
		}
		assert_int_equal(got, count);
	}
}

/* ---- order ---- */

static void an_idle_worker_sends_all_in_the_turn_it_came(void **state)
{
	struct hall *hall = *state;
	struct place small = fill(hall, 0, SMALL, 5);
	size_t from = hall->copy_count;

	hall_frame(&small.sources.picture, false, 6);
	hall_sound(&small.sources.sound);
	assert_int_equal(hall_turn(hall, 0), 5 * 6 + 5);
	for (size_t i = from; i < from + 5; i++)
		assert_false(hall->copies[i].is_video); /* though it came last */
	expect_whole(hall, from, &small, 6);
	assert_int_equal(hall->rooms->counters.turns_continued, 0);
}

static void a_wide_room_goes_on_in_further_turns(void **state)
{
	struct hall *hall = *state;
	struct place wide = fill(hall, 0, WIDE, CROWD);
	size_t from = hall->copy_count, made;
	unsigned turns = 0;

	hall_frame(&wide.sources.picture, false, 8);
	while ((made = hall_turn(hall, 0)) > 0) { /* no time passes: it does not sleep in between */
		assert_in_range(made, 1, TURN + PART + BF_BURST);
		turns++;
	}
	assert_int_equal(turns, (CROWD * 8 + TURN - 1) / TURN);
	expect_whole(hall, from, &wide, 8);
	assert_int_equal(hall->rooms->counters.turns_continued, turns - 1);
	assert_int_equal(hall->rooms->fair.item_count, 0);
}

static void a_wide_room_does_not_delay_a_small_one(void **state)
{
	struct hall *hall = *state;
	struct place wide = fill(hall, 0, WIDE, CROWD), small = fill(hall, 0, SMALL, 3);
	size_t from = hall->copy_count;

	/* in the same turn, behind the wide one's: between its parts */
	hall_frame(&wide.sources.picture, false, 10);
	hall_sound(&wide.sources.sound);
	hall_frame(&small.sources.picture, false, 10);
	hall_sound(&small.sources.sound);
	hall_turn(hall, 0);
	assert_int_equal(sounds(hall, from, &wide), CROWD);
	assert_int_equal(sounds(hall, from, &small), 3);
	for (size_t i = from; i < from + CROWD + 3; i++)
		assert_false(hall->copies[i].is_video);
	assert_int_equal(pictures(hall, from, &small), 3 * 10);
	assert_in_range(last_of(hall, from, &small), 0, CROWD + 3 + 4 * PART);
	assert_in_range(pictures(hall, from, &wide), 1, TURN + PART);
	/* while the wide one's goes on: in the next turn */
	from = hall->copy_count;
	hall_frame(&small.sources.picture, false, 2);
	hall_turn(hall, 0);
	assert_int_equal(pictures(hall, from, &small), 3 * 2);
	assert_in_range(last_of(hall, from, &small), 0, 4 * PART);
	assert_true(hall->rooms->fair.item_count > 0); /* and it is not over yet */
	hall_settle(hall);
	expect_whole(hall, from, &small, 2);
}

static void organizations_get_equal_shares_however_many_rooms_they_have(void **state)
{
	struct hall *hall = *state;
	struct place many[3], one;
	size_t from, of_many = 0;

	for (unsigned i = 0; i < 3; i++)
		many[i] = fill(hall, 1, WIDE + i, 150);
	one = fill(hall, 2, SMALL, 150);
	from = hall->copy_count;
	for (unsigned i = 0; i < 3; i++)
		hall_frame(&many[i].sources.picture, false, 12);
	hall_frame(&one.sources.picture, false, 12);
	hall_turn(hall, 0);
	for (unsigned i = 0; i < 3; i++) {
		size_t got = pictures(hall, from, &many[i]);

		assert_in_range(got, PART, TURN / 3);
		of_many += got;
	}
	assert_in_range(of_many, TURN / 2 - 2 * PART, TURN / 2 + 2 * PART);
	assert_in_range(pictures(hall, from, &one), TURN / 2 - 2 * PART, TURN / 2 + 2 * PART);
	hall_settle(hall);
	expect_whole(hall, from, &one, 12);
}

/* ---- what happens to a picture that is partly out ---- */

/* A wide room of which a good third has got a frame of eight packets, and a few of a listener or two at the edge. */
static struct place part_way(struct hall *hall, bool is_keyframe)
{
	struct place wide = fill(hall, 0, WIDE, CROWD);

	hall_frame(&wide.sources.picture, is_keyframe, 8);
	hall_turn(hall, 0);
	assert_true(wide.sources.picture.track->streams[0].due_count > 0);
	return wide;
}

/* The first listener that has not got it. */
static unsigned next_listener(const struct place *place)
{
	const struct bf_list *at = place->sources.picture.track->streams[0].due_at;
	const struct bf_sub *sub = BF_CONTAINER(at, struct bf_sub, track_node);

	return (unsigned)sub->out->path.socket - 1;
}

static void a_listener_may_leave_when_he_is_next(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);
	unsigned gone = next_listener(&wide);
	size_t from = hall->copy_count;

	assert_true(gone > wide.first);
	hall_leave(hall, WIDE, GUESTS + gone - wide.first);
	hall_leave(hall, WIDE, GUESTS + gone + 1 - wide.first);
	hall_leave(hall, WIDE, GUESTS); /* has got it */
	hall_settle(hall);
	assert_int_equal(hall_count(hall, from, gone, 2, true), 0);
	/* all others behind them get it, and nobody twice */
	assert_int_equal(hall_count(hall, from, gone + 2, CROWD - gone - 2 + wide.first, true),
		(CROWD - (gone - wide.first) - 2) * 8);
	assert_int_equal(hall_count(hall, from, wide.first, gone - wide.first, true), 0);
	hall_frame(&wide.sources.picture, false, 1);
	assert_int_equal(hall_settle(hall), CROWD - 3);
}

static void the_last_listeners_may_leave(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);
	unsigned next = next_listener(&wide);
	size_t from = hall->copy_count;

	for (unsigned n = next; n < wide.first + CROWD; n++)
		hall_leave(hall, WIDE, GUESTS + n - wide.first);
	hall_settle(hall);
	assert_int_equal(hall->copy_count, from);
	assert_int_equal(hall->rooms->fair.item_count, 0);
	hall_frame(&wide.sources.picture, false, 1);
	assert_int_equal(hall_settle(hall), next - wide.first);
}

static void who_comes_gets_a_keyframe_first(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);
	unsigned late = hall_listeners(hall, &wide.sources, GUESTS + CROWD, 1);

	hall_settle(hall);
	assert_int_equal(hall_count(hall, 0, late, 1, true), 0);
	hall_frame(&wide.sources.picture, true, 2);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, 0, late, 1, true), 2);
}

static void a_track_may_end(void **state)
{
	struct hall *hall = *state;
	struct place small = fill(hall, 0, SMALL, 3), wide = part_way(hall, false);
	size_t from = hall->copy_count;

	hall_frame(&small.sources.picture, false, 4);
	hall_leave(hall, WIDE, HOST);
	assert_int_equal(hall->rooms->fair.item_count, 0);
	hall_settle(hall);
	assert_int_equal(pictures(hall, from, &wide), 0);
	expect_whole(hall, from, &small, 4);
}

static void all_may_leave(void **state)
{
	struct hall *hall = *state;

	(void)part_way(hall, false);
	hall_leave(hall, WIDE, HOST);
	for (unsigned i = 0; i < CROWD; i++)
		hall_leave(hall, WIDE, GUESTS + i);
	assert_int_equal(hall->rooms->counters.rooms, 0);
	assert_int_equal(hall->rooms->orgs.entry_count, 0);
	assert_int_equal(hall_settle(hall), 0);
}

static void a_muted_picture_goes_no_further(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, true);
	struct bf_media_track_control *msg = bf_msg_new(BF_MEDIA_TRACK_CONTROL, sizeof(*msg));

	msg->request_id = 1;
	msg->room_id = WIDE;
	msg->participant_id = HOST;
	msg->track_id = wide.sources.picture.track->id;
	msg->control = BF_TRACK_MUTE;
	msg->value = 1;
	bf_rooms_on_request(hall->rooms, &msg->msg);
	hall_frame(&wide.sources.picture, true, 2);
	assert_int_equal(hall_settle(hall), 0);
	assert_int_equal(hall->rooms->fair.item_count, 0);
}

static void a_new_source_begins_behind_the_old_one(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);

	wide.sources.picture.ssrc++;
	wide.sources.picture.seq = 7;
	wide.sources.picture.timestamp += 900000;
	hall_frame(&wide.sources.picture, true, 3);
	hall_settle(hall);
	/* the first keyframe, what was partly out, the new one: to all of them, and in this order */
	expect_whole(hall, 0, &wide, 1 + 8 + 3);
}

static void frames_behind_it_wait_and_keep_their_order(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);

	for (unsigned i = 0; i < 5; i++)
		hall_frame(&wide.sources.picture, false, 7);
	hall_settle(hall);
	expect_whole(hall, 0, &wide, 1 + 8 + 5 * 7);
	assert_int_equal(hall->drops[BF_DROP_TURN_FULL], 0);
}

static void too_many_are_dropped_and_a_keyframe_mends_it(void **state)
{
	struct hall *hall = *state;
	struct place wide = part_way(hall, false);
	struct bf_stream *stream = &wide.sources.picture.track->streams[0];
	size_t from = hall->copy_count;

	for (unsigned i = 0; i < BF_PENDING; i++)
		hall_frame(&wide.sources.picture, false, 1);
	assert_int_equal(hall->drops[BF_DROP_TURN_FULL], stream->due_count);
	assert_int_equal(stream->pending_count, BF_PENDING);
	assert_true(bf_keyframe_deadline_us(&stream->keyframe) < INT64_MAX);
	assert_int_equal(hall_settle(hall), 0); /* what waits is of no use to anybody any more */
	assert_int_equal(stream->pending_count, 0);
	hall_frame(&wide.sources.picture, true, 3);
	hall_settle(hall);
	expect_whole(hall, from, &wide, 3);
}

static void late_packets_of_a_keyframe_follow_its_first_one(void **state)
{
	struct hall *hall = *state;
	struct place small = fill(hall, 0, SMALL, 1);
	unsigned late = hall_listeners(hall, &small.sources, GUESTS + 1, 1);
	struct hall_source *picture = &small.sources.picture;
	uint16_t first = picture->seq++;
	size_t from = hall->copy_count;

	/* the rest of a keyframe of three comes before its first packet */
	hall_packet(picture, true, false, false);
	hall_packet(picture, true, false, true);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, from, late, 1, true), 0);
	picture->seq = first;
	picture->timestamp -= 3000;
	picture->picture_id--;
	hall_packet(picture, true, true, false);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, from, late, 1, true), 3);
}

#define IN_HALL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HALL(an_idle_worker_sends_all_in_the_turn_it_came),
		IN_HALL(a_wide_room_goes_on_in_further_turns),
		IN_HALL(a_wide_room_does_not_delay_a_small_one),
		IN_HALL(organizations_get_equal_shares_however_many_rooms_they_have),
		IN_HALL(a_listener_may_leave_when_he_is_next),
		IN_HALL(the_last_listeners_may_leave),
		IN_HALL(who_comes_gets_a_keyframe_first),
		IN_HALL(a_track_may_end),
		IN_HALL(all_may_leave),
		IN_HALL(a_muted_picture_goes_no_further),
		IN_HALL(a_new_source_begins_behind_the_old_one),
		IN_HALL(frames_behind_it_wait_and_keep_their_order),
		IN_HALL(too_many_are_dropped_and_a_keyframe_mends_it),
		IN_HALL(late_packets_of_a_keyframe_follow_its_first_one),
	};

	return cmocka_run_group_tests_name("worker_fair", tests, NULL, NULL);
}
