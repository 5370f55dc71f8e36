/* What a worker that cannot keep up leaves out: layers first, then pictures, never sound; and that it takes them up again. */
#include "core/base/clock.h"
#include "tests/media/worker/hall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROOM	  0x100
#define HOST	  0x1
#define GUESTS	  0x10
#define GUEST_MAX 40
#define CROWD	  1000
#define STRANGER  0x9000
#define LATE	  (BF_OVERLOAD_BUDGET_US + 1)

static struct hall *open_hall(void)
{
	struct hall *hall = malloc(sizeof(*hall));

	assert_non_null(hall);
	hall_open(hall, &(struct bf_rooms_conf){0});
	return hall;
}

static void close_hall(struct hall *hall)
{
	hall_close(hall);
	free(hall);
}

/* One interval in which packets took that long, and the thread was that busy. */
static void measure(struct hall *hall, int64_t p99_us, int busy_permille)
{
	hall_turn(hall, BF_OVERLOAD_INTERVAL_US);
	bf_rooms_on_load(hall->rooms,
		&(struct bf_overload_sample){
			.p99_us = p99_us, .packet_count = 10000, .busy_permille = busy_permille},
		bf_loop_now_us(hall->loop));
}

static void raise_to(struct hall *hall, unsigned level)
{
	for (unsigned i = 0; hall->rooms->overload.level < level; i++) {
		assert_true(i < 100);
		measure(hall, LATE, 1000);
	}
	assert_int_equal(hall->rooms->overload.level, level);
}

/* How many listeners get a packet of sound, and one of a picture that goes on. */
struct heard {
	size_t sound, picture;
};

static struct heard play(struct hall *hall, struct hall_sources *sources)
{
	size_t from = hall->copy_count;

	hall_sound(&sources->sound);
	hall_frame(&sources->picture, false, 1);
	hall_settle(hall);
	return (struct heard){hall_count(hall, from, 0, GUEST_MAX, false),
		hall_count(hall, from, 0, GUEST_MAX, true)};
}

static void begin_picture(struct hall *hall, struct hall_sources *sources)
{
	hall_frame(&sources->picture, true, 1);
	hall_settle(hall);
}

static void pictures_go_by_quarters_and_sound_never(void **state)
{
	struct hall *hall = open_hall();
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	size_t last = GUEST_MAX;

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, GUEST_MAX);
	begin_picture(hall, &sources);
	for (unsigned level = 0; level <= BF_OVERLOAD_LEVEL_MAX; level++) {
		struct heard heard;

		raise_to(hall, level);
		heard = play(hall, &sources);
		assert_int_equal(heard.sound, GUEST_MAX);
		assert_int_equal(heard.picture, GUEST_MAX - hall->suspended_count);
		if (level <= 4)
			assert_int_equal(
				heard.picture, GUEST_MAX); /* there are no layers to do without */
		else
			assert_true(heard.picture < last);
		last = heard.picture;
	}
	assert_int_equal(last, 0);
	assert_int_equal(hall->resumed_count, 0);
	close_hall(hall);
}

static void nobody_comes_in_meanwhile_and_is_told_why(void **state)
{
	struct hall *hall = open_hall();
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, GUEST_MAX);
	for (unsigned i = 0; i < BF_OVERLOAD_GUARD_MIN; i++) {
		assert_true(hall_join(hall, 0, ROOM, STRANGER)); /* it may be a stumble */
		hall_leave(hall, ROOM, STRANGER);
		measure(hall, LATE, 1000);
	}
	assert_int_equal(hall->suspended_count, 0); /* that comes before anything is left out */
	assert_false(hall_join(hall, 0, ROOM, STRANGER));
	assert_string_equal(hall->error.code, "busy");
	assert_non_null(strstr(hall->error.cause, "overloaded"));
	for (unsigned i = 0; i < 20; i++)
		measure(hall, 0, 300);
	assert_true(hall_join(hall, 0, ROOM, STRANGER));
	hall_leave(hall, ROOM, STRANGER);
	close_hall(hall);
}

static void pictures_come_back_with_a_keyframe_when_there_is_time_again(void **state)
{
	struct hall *hall = open_hall();
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	struct heard heard;

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, GUEST_MAX);
	begin_picture(hall, &sources);
	raise_to(hall, BF_OVERLOAD_LEVEL_MAX);
	assert_int_equal(hall->suspended_count, GUEST_MAX);
	for (unsigned i = 0; hall->rooms->overload.state != BF_OVERLOAD_NORMAL; i++) {
		assert_true(i < 1000);
		measure(hall, LATE, 300); /* however long packets take: there is time */
	}
	assert_int_equal(hall->resumed_count, GUEST_MAX);
	assert_int_equal(play(hall, &sources).picture, 0); /* it refers to what they have not got */
	assert_true(
		bf_keyframe_deadline_us(&sources.picture.track->streams[0].keyframe) < INT64_MAX);
	begin_picture(hall, &sources);
	heard = play(hall, &sources);
	assert_int_equal(heard.sound, GUEST_MAX);
	assert_int_equal(heard.picture, GUEST_MAX);
	close_hall(hall);
}

/* The last of a thousand gets its copy late, and the thread finds time to wait all the same; or it does not, and is in time. */
static void a_worker_with_1000_subscribers_that_keeps_up_leaves_nothing_out(void **state)
{
	struct hall *hall = open_hall();
	struct hall_sources sources = hall_publisher(hall, 0, ROOM, HOST);
	size_t from;

	(void)state;
	(void)hall_listeners(hall, &sources, GUESTS, CROWD);
	begin_picture(hall, &sources);
	for (unsigned i = 0; i < 100; i++)
		measure(hall, 20 * BF_OVERLOAD_BUDGET_US, 800);
	for (unsigned i = 0; i < 100; i++)
		measure(hall, BF_OVERLOAD_BUDGET_US, 1000);
	assert_int_equal(hall->suspended_count, 0);
	assert_int_equal(hall->rooms->overload.state, BF_OVERLOAD_NORMAL);
	assert_true(hall_join(hall, 0, ROOM, STRANGER));
	hall_leave(hall, ROOM, STRANGER);
	from = hall->copy_count;
	hall_sound(&sources.sound);
	hall_frame(&sources.picture, false, 1);
	hall_settle(hall);
	assert_int_equal(hall_count(hall, from, 0, CROWD, false), CROWD);
	assert_int_equal(hall_count(hall, from, 0, CROWD, true), CROWD);
	close_hall(hall);
}

/* ---- layers ---- */

#define LAYERS 3

/* A keyframe of each layer, larger from one to the next. */
static void send_layers(struct hall *hall, struct hall_source layers[static LAYERS])
{
	for (unsigned i = 0; i < LAYERS; i++)
		hall_frame(&layers[i], true, 1u << (2 * i));
	hall_settle(hall);
}

/* How many subscriptions are to get each layer. */
static void count_layers(const struct bf_track *track, unsigned out[static LAYERS])
{
	memset(out, 0, LAYERS * sizeof(out[0]));
	BF_LIST_EACH(sub, &track->subs, struct bf_sub, track_node)
		out[bf_layer_of(track, sub->target)]++;
}

static void layers_go_before_pictures(void **state)
{
	static const char *const rids[LAYERS] = {"q", "h", "f"};
	struct hall *hall = open_hall();
	struct hall_sources sources = hall_simulcaster(hall, 0, ROOM, HOST);
	struct bf_track *track = sources.picture.track;
	struct hall_source layers[LAYERS];
	unsigned counts[LAYERS];

	(void)state;
	for (unsigned i = 0; i < LAYERS; i++) {
		layers[i] = sources.picture;
		layers[i].rid = rids[i];
		layers[i].ssrc += i;
	}
	(void)hall_listeners(hall, &sources, GUESTS, GUEST_MAX);
	for (unsigned i = 0; i < 5; i++) {
		send_layers(hall, layers);
		measure(hall, 0, 500);
	}
	count_layers(track, counts);
	assert_int_equal(counts[2], GUEST_MAX);
	for (unsigned level = 1; level <= 4; level++) {
		raise_to(hall, level);
		send_layers(hall, layers);
		count_layers(track, counts);
		if (level == 2)
			assert_in_range(counts[1], 1, GUEST_MAX - 1);
		assert_int_equal(counts[2] == GUEST_MAX, level == 1);
		assert_int_equal(counts[1] == GUEST_MAX, level == 3);
		assert_int_equal(counts[0] == GUEST_MAX, level == 4);
	}
	assert_int_equal(hall->suspended_count, 0);
	close_hall(hall);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_go_by_quarters_and_sound_never),
		cmocka_unit_test(nobody_comes_in_meanwhile_and_is_told_why),
		cmocka_unit_test(pictures_come_back_with_a_keyframe_when_there_is_time_again),
		cmocka_unit_test(a_worker_with_1000_subscribers_that_keeps_up_leaves_nothing_out),
		cmocka_unit_test(layers_go_before_pictures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
