/* What the workers of one room say to each other, when memory or room for it runs out: nothing of it is lost for good. */
#include "tests/media/worker/house.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HOUSES 3
#define DAVE   0xda4e
#define EVE    0xe4e

static struct house
	houses[HOUSES]; /* Alice lives in the first, Bob in the second, Carol in the third */
static struct house *const alices = &houses[0], *const bobs = &houses[1],
			   *const carols = &houses[2];
static struct peer peers[4];
static char sdp[PEER_SDP_MAX];

static int set_up(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		peer_close(&peers[i]);
	return 0;
}

static void publish(struct peer *peer, const struct peer_section *sections)
{
	peer_describe(peer, sections, 3, "actpass", sdp);
	house_offer(alices, ALICE, BF_PC_PUBLISH, sdp);
}

static struct bf_room *room_of(struct house *house)
{
	return bf_rooms_find(house->rooms, STAGE_ROOM);
}

/* The video track, as that house has it; NULL: it has none. */
static struct bf_track *video_of(struct house *house)
{
	struct bf_room *room = room_of(house);

	if (!room)
		return NULL;
	BF_LIST_EACH(participant, &room->participants, struct bf_participant, node)
		BF_LIST_EACH(track, &participant->tracks, struct bf_track, node)
			if (track->is_video)
				return track;
	return NULL;
}

/* As if ICE and DTLS had come to an end. */
static void connect_all(struct house *house)
{
	for (int i = 0; i < HOUSE_CONNS; i++) {
		struct bf_conn *conn = house->conns[i];

		if (!conn || conn->pc != BF_PC_SUBSCRIBE)
			continue;
		conn->is_connected = true;
		BF_LIST_EACH(sub, &conn->subs, struct bf_sub, conn_node)
			bf_sub_interrupt(sub);
	}
}

/* A packet of Alice's comes, as far as other workers are concerned. */
static void send_packet(uint64_t ext_seq)
{
	static const uint8_t payload[] = {0x90, 0x80, 0x80, 1, 0x11, 1, 2, 3};
	struct bf_track *track = video_of(alices);
	struct bf_media_packet packet = {
		.ext_seq = ext_seq,
		.timestamp = (uint32_t)ext_seq * 3000,
		.payload = bf_bytes(payload, sizeof(payload)),
		.at_us = bf_loop_now_us(alices->loop),
	};

	if (!track)
		return;
	bf_seq_commit(&track->streams[0].seq, ext_seq);
	bf_feed_packet(&track->streams[0], &packet);
	bf_forward_packet(&track->streams[0], &packet);
}

static const struct bf_feed *feed_to(struct house *house)
{
	struct bf_track *track = video_of(alices);

	if (!track)
		return NULL;
	BF_LIST_EACH(feed, &track->feeds, struct bf_feed, node)
		if (feed->worker == house->idx)
			return feed;
	return NULL;
}

/* ---- memory ---- */

static void tell_all(void)
{
	house_join(alices, ALICE, true);
	house_pass(houses, 0);
	publish(&peers[0], house_published);
	house_join(bobs, BOB, true);
	house_pass(houses, 0);
	house_pass(houses, BF_MS(30)); /* the offer waits for more to come */
	house_answer(bobs, &peers[1]);
	connect_all(bobs);
	house_pass(houses, BF_MS(30));
	for (uint64_t i = 0; i < 20; i++)
		send_packet(1000 + i);
	house_join(carols, CAROL, false);
	house_pass(houses, BF_MS(30));
	peer_describe(&peers[2], house_played, 2, "actpass", sdp);
	house_offer(carols, CAROL, BF_PC_SUBSCRIBE, sdp);
	connect_all(carols);
	house_pass(houses, BF_MS(30));
	publish(&peers[0], house_stopped);
	house_pass(houses, BF_SEC(2));
	house_answer(bobs, &peers[1]);
	publish(&peers[0], house_published);
	house_pass(houses, BF_SEC(2));
	house_leave(bobs, BOB);
	house_pass(houses, BF_MS(30));
	house_join(bobs, BOB, true);
	house_pass(houses, BF_SEC(2));
	house_leave(carols, CAROL);
	house_leave(alices, ALICE);
	house_pass(houses, BF_SEC(3));
}

static uint64_t sum_of(size_t offset)
{
	uint64_t sum = 0;

	for (int i = 0; i < HOUSES; i++)
		sum += *(const uint64_t *)(const void *)((const char *)bf_rooms_counters(
								 houses[i].rooms) +
							 offset);
	return sum;
}

#define SUM(counter) sum_of(offsetof(struct bf_rooms_counters, counter))

static void each_allocation_may_fail_once(void **state)
{
	unsigned failures = 0;
	bool has_failed;

	(void)state;
	for (int n = 0;; n++) {
		uint64_t asked = 0, answered = 0;

		house_open(houses, HOUSES);
		house_fail_at(n);
		tell_all();
		has_failed = house_has_failed();
		house_fail_at(-1);
		/* whoever else there was, Bob's house has heard that they have gone */
		assert_null(room_of(alices));
		assert_null(room_of(carols));
		if (room_of(bobs)) {
			assert_null(video_of(bobs));
			BF_LIST_EACH(at, &room_of(bobs)->participants, struct bf_participant, node)
				assert_false(at->is_remote);
		}
		house_leave(bobs, BOB);
		house_pass(houses, BF_SEC(1));
		assert_int_equal(SUM(rooms), 0);
		assert_int_equal(SUM(participants), 0);
		assert_int_equal(SUM(tracks), 0);
		assert_int_equal(SUM(subscriptions), 0);
		for (int i = 0; i < HOUSES; i++) {
			asked += houses[i].asked;
			answered += houses[i].answered;
		}
		assert_in_range(answered, asked - (has_failed ? 1 : 0), asked);
		house_close(houses);
		if (!has_failed)
			break;
		failures++;
	}
	print_message("%u allocations failed\n", failures);
	assert_true(failures > 80);
}

static void expect_whole(void)
{
	const struct bf_track *mirror = video_of(bobs);

	assert_non_null(video_of(alices));
	assert_non_null(mirror);
	assert_non_null(mirror->mirror);
	assert_non_null(strstr(bobs->offer, "m=audio"));
	assert_non_null(strstr(bobs->offer, "m=video"));
	assert_non_null(feed_to(bobs));
	assert_int_equal(feed_to(bobs)->layers, 1);
	assert_int_equal(feed_to(bobs)->handle, mirror->mirror->handle);
	/* and they know of each other */
	assert_non_null(bf_room_find(room_of(alices), BOB));
	assert_non_null(bf_room_find(room_of(bobs), ALICE));
	assert_true(room_of(alices)->is_leader);
	assert_false(room_of(bobs)->is_leader);
}

/* Who was refused, as the join waited for the room, tries again. */
static void try_again(struct house *house, uint64_t id)
{
	if (!room_of(house) || !bf_room_find_ours(room_of(house), id))
		house_join(house, id, true);
	house_pass(houses, BF_MS(30));
}

/* Bob gets Alice's packets in the end, whatever single allocation failed between their workers. */
static void what_was_lost_for_want_of_memory_is_told_again(void **state)
{
	unsigned failures = 0;
	bool has_failed;

	(void)state;
	house_spare_requests(true);
	for (int n = 0;; n++) {
		uint64_t records;

		house_open(houses, HOUSES);
		house_fail_at(n);
		house_join(alices, ALICE, true);
		house_pass(houses, 0);
		publish(&peers[0], house_published);
		house_join(bobs, BOB, true);
		house_pass(houses, BF_MS(30));
		house_pass(houses, BF_SEC(2)); /* an offer without memory comes late */
		house_answer(bobs, &peers[1]);
		connect_all(bobs);
		house_pass(houses, BF_MS(30));
		has_failed = house_has_failed();
		house_fail_at(-1);
		try_again(alices, ALICE);
		if (!video_of(alices))
			publish(&peers[0], house_published);
		try_again(bobs, BOB);
		for (int i = 0; i < 4; i++) {
			house_pass(houses, BF_SEC(1));
			house_answer(bobs, &peers[1]);
			connect_all(bobs);
		}
		house_pass(houses, BF_SEC(1));
		expect_whole();
		records = bf_rooms_counters(bobs->rooms)->mirror_records;
		send_packet(5000);
		house_pass(houses, 0);
		assert_int_equal(bf_rooms_counters(bobs->rooms)->mirror_records, records + 1);
		house_close(houses);
		if (!has_failed)
			break;
		failures++;
	}
	house_spare_requests(false);
	print_message("%u allocations failed\n", failures);
	assert_true(failures > 20);
}

/* ---- room ---- */

static void open_pair(void)
{
	house_open(houses, HOUSES);
	house_join(alices, ALICE, true);
	house_pass(houses, 0);
	publish(&peers[0], house_published);
	house_join(bobs, BOB, true);
	house_pass(houses, 0);
	house_pass(houses, BF_MS(30)); /* the offer waits for more to come */
	house_answer(bobs, &peers[1]);
	connect_all(bobs);
	house_pass(houses, BF_MS(30));
	expect_whole();
}

static void messages_wait_for_a_full_inbox_and_keep_their_order(void **state)
{
	uint64_t id;

	(void)state;
	open_pair();
	id = video_of(alices)->id;
	bobs->is_full = true;
	for (int i = 0; i < 1001; i++)
		house_mute(alices, ALICE, id, i % 2 == 0);
	house_pass(houses, BF_MS(20));
	assert_true(video_of(alices)->is_muted);
	assert_false(video_of(bobs)->is_muted);
	bobs->is_full = false;
	house_mute(alices, ALICE, id, false); /* behind all that waits */
	house_pass(houses, BF_MS(20));
	assert_false(video_of(bobs)->is_muted);
	bobs->is_full = true;
	publish(&peers[0], house_stopped);
	bobs->is_full = false;
	publish(&peers[0], house_published);
	house_pass(houses, BF_MS(20));
	assert_non_null(video_of(bobs));
	assert_int_not_equal(video_of(bobs)->id, id);
	assert_int_equal(video_of(bobs)->id, video_of(alices)->id);
	assert_int_equal(SUM(peer_messages_lost), 0);
	house_close(houses);
}

static void what_found_no_room_at_all_is_told_again(void **state)
{
	uint64_t id;

	(void)state;
	open_pair();
	house_join(alices, DAVE, true);
	house_pass(houses, 0);
	assert_non_null(bf_room_find(room_of(bobs), DAVE));
	id = video_of(alices)->id;
	bobs->is_full = true;
	for (int i = 0; i < 2 * BF_PEER_QUEUE + 1; i++)
		house_mute(alices, ALICE, id, i % 2 == 0);
	assert_true(SUM(peer_messages_lost) > BF_PEER_QUEUE / 2);
	house_leave(alices, DAVE); /* lost as well */
	bobs->is_full = false;
	house_pass(houses, BF_MS(20));
	house_pass(houses, BF_SEC(2));
	assert_null(bf_room_find(room_of(bobs), DAVE));
	assert_true(video_of(alices)->is_muted);
	assert_true(video_of(bobs)->is_muted);
	expect_whole(); /* nothing but that has changed */
	assert_int_equal(video_of(bobs)->id, id);
	house_close(houses);
}

static void a_tracks_end_that_was_lost_is_found_out(void **state)
{
	uint64_t id;

	(void)state;
	open_pair();
	id = video_of(alices)->id;
	bobs->is_full = true;
	for (int i = 0; i < BF_PEER_QUEUE + 1; i++)
		house_mute(alices, ALICE, id, i % 2 == 0);
	publish(&peers[0], house_stopped);
	bobs->is_full = false;
	house_pass(houses, BF_MS(20));
	house_pass(houses, BF_SEC(2));
	assert_null(video_of(alices));
	assert_null(video_of(bobs));
	assert_non_null(bf_room_find(room_of(bobs), ALICE));
	house_close(houses);
}

/* The queue is full of other things when the room closes: its farewell is taken all the same. */
static void a_farewell_finds_room_in_a_full_queue(void **state)
{
	uint64_t id;

	(void)state;
	open_pair();
	id = video_of(alices)->id;
	bobs->is_full = true;
	for (int i = 0; i < BF_PEER_QUEUE + 10; i++)
		house_mute(alices, ALICE, id, i % 2 == 0);
	house_leave(alices, ALICE);
	assert_null(room_of(alices));
	bobs->is_full = false;
	house_pass(houses, BF_MS(20));
	house_pass(houses, BF_SEC(2));
	assert_null(video_of(bobs));
	assert_null(bf_room_find(room_of(bobs), ALICE));
	assert_true(room_of(bobs)->is_leader);
	house_close(houses);
}

/* What is on its way to a room that closes is void when it is open again. */
static void an_earlier_life_of_a_room_says_nothing_about_the_next(void **state)
{
	(void)state;
	house_open(houses, HOUSES);
	house_join(alices, ALICE, true);
	house_pass(houses, 0);
	house_join(bobs, BOB, true);
	house_pass(houses, BF_MS(30));
	bobs->is_full = true;
	publish(&peers[0], house_published); /* this waits, */
	house_leave(bobs, BOB);
	house_pass(houses, 0);		   /* Alice's worker hears that nobody is there any more, */
	publish(&peers[0], house_stopped); /* so that it does not tell of this, */
	house_join(bobs, BOB, true);
	bobs->is_full = false; /* and Bob's hears what was told before it asked anew */
	house_pass(houses, BF_MS(30));
	house_pass(houses, BF_MS(30));
	assert_non_null(bf_room_find(room_of(bobs), ALICE));
	assert_non_null(bf_room_find(room_of(alices), BOB));
	assert_null(video_of(alices));
	assert_null(video_of(bobs));
	publish(&peers[0], house_published);
	house_pass(houses, 0);
	assert_non_null(video_of(bobs));
	house_close(houses);
}

/* ---- records ---- */

static void records_of_a_turn_are_seen_when_it_ends(void **state)
{
	uint64_t before;

	(void)state;
	open_pair();
	before = bf_rooms_counters(bobs->rooms)->mirror_records;
	for (uint64_t i = 0; i < 3; i++) {
		send_packet(100 + i);
		assert_int_equal(bf_loop_turn(bobs->loop, 0), 0);
		assert_int_equal(bf_rooms_counters(bobs->rooms)->mirror_records, before);
	}
	assert_int_equal(bf_loop_turn(alices->loop, 0), 0);
	assert_int_equal(bf_loop_turn(bobs->loop, 0), 0);
	assert_int_equal(bf_rooms_counters(bobs->rooms)->mirror_records, before + 3);
	house_close(houses);
}

/* ---- what is wanted ---- */

static void caches_of_what_is_no_longer_wanted_are_given_back(void **state)
{
	const struct bf_track *mirror;

	(void)state;
	open_pair();
	mirror = video_of(bobs);
	for (uint64_t i = 0; i < 10; i++)
		send_packet(100 + i);
	house_pass(houses, 0);
	assert_int_equal(mirror->streams[0].cache.count, 10);
	BF_LIST_EACH(sub, &mirror->subs, struct bf_sub, track_node) {
		sub->is_paused = true;
		bf_sub_interrupt(sub);
	}
	house_pass(houses, 0);
	assert_null(feed_to(bobs));
	house_pass(houses, BF_CACHE_AGE_US - BF_MS(1));
	assert_int_equal(mirror->streams[0].cache.count, 10); /* may still be asked for */
	house_pass(houses, BF_MS(2));
	assert_int_equal(mirror->streams[0].cache.count, 0);
	house_close(houses);
}

/* ---- budgets ---- */

static int64_t packets_of(struct house *house)
{
	return room_of(house)->budget.packets.rate;
}

static void a_rooms_budget_is_shared_by_those_who_receive(void **state)
{
	(void)state;
	house_limit_rooms((struct bf_budget_limits){.packets_per_s = 1200});
	house_open(houses, HOUSES);
	house_join(alices, ALICE, true);
	house_pass(houses, 0);
	assert_int_equal(packets_of(alices), 1200);
	house_join(bobs, BOB, true);
	house_join(bobs, DAVE, true);
	house_join_as(carols, CAROL, false, BF_GRANT_PUBLISH); /* who receives nothing */
	house_pass(houses, BF_MS(30));
	assert_int_equal(packets_of(alices), 400);
	assert_int_equal(packets_of(bobs), 800);
	assert_int_equal(room_of(bobs)->budget.bits.rate, 0); /* no limit has no shares */
	house_leave(bobs, DAVE);
	house_pass(houses, 0);
	assert_int_equal(packets_of(alices), 600);
	assert_int_equal(packets_of(bobs), 600);
	house_leave(bobs, BOB); /* the last one there, and his room with him */
	house_pass(houses, 0);
	assert_int_equal(packets_of(alices), 1200);
	house_leave(carols, CAROL);
	house_leave(alices, ALICE);
	house_pass(houses, BF_MS(30));
	house_close(houses);
	house_limit_rooms((struct bf_budget_limits){0, 0});
}

/* By the estimate somebody needs 221 packets a second of Alice's sound and picture. */
static void open_limited(int64_t packets_per_s)
{
	house_limit_rooms((struct bf_budget_limits){.packets_per_s = packets_per_s});
	house_open(houses, HOUSES);
	house_join(alices, ALICE, true);
	house_pass(houses, 0);
	publish(&peers[0], house_published);
	house_join(bobs, BOB, true);
	house_pass(houses, BF_MS(30));
	assert_int_equal(bobs->refused, 0);
	house_join(carols, CAROL, true);
	house_pass(houses, BF_MS(30));
}

static void close_limited(void)
{
	house_close(houses);
	house_limit_rooms((struct bf_budget_limits){0, 0});
}

static void a_full_room_is_full_for_the_first_on_another_worker(void **state)
{
	(void)state;
	open_limited(500); /* a third of it is not enough for Carol */
	assert_int_equal(carols->refused, 1);
	assert_int_equal(bf_rooms_counters(carols->rooms)->joins_over_budget, 1);
	assert_int_equal(packets_of(alices), 250);
	close_limited();
}

static void who_joins_brings_a_share_along(void **state)
{
	(void)state;
	open_limited(950);
	assert_int_equal(packets_of(carols), 950 / 3); /* enough for her alone */
	house_join(carols, DAVE, true);
	house_pass(houses, BF_MS(30));
	assert_int_equal(carols->refused, 0);
	assert_int_equal(packets_of(carols), 950 / 2);
	house_join(carols, EVE, true); /* three fifths are not enough for three */
	house_pass(houses, BF_MS(30));
	assert_int_equal(carols->refused, 1);
	assert_int_equal(packets_of(carols), 950 / 2); /* as before */
	close_limited();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail_once),
		cmocka_unit_test(what_was_lost_for_want_of_memory_is_told_again),
		cmocka_unit_test(messages_wait_for_a_full_inbox_and_keep_their_order),
		cmocka_unit_test(what_found_no_room_at_all_is_told_again),
		cmocka_unit_test(a_tracks_end_that_was_lost_is_found_out),
		cmocka_unit_test(a_farewell_finds_room_in_a_full_queue),
		cmocka_unit_test(an_earlier_life_of_a_room_says_nothing_about_the_next),
		cmocka_unit_test(caches_of_what_is_no_longer_wanted_are_given_back),
		cmocka_unit_test(records_of_a_turn_are_seen_when_it_ends),
		cmocka_unit_test(a_rooms_budget_is_shared_by_those_who_receive),
		cmocka_unit_test(a_full_room_is_full_for_the_first_on_another_worker),
		cmocka_unit_test(who_joins_brings_a_share_along),
	};

	return cmocka_run_group_tests_name("worker_peers", tests, set_up, tear_down);
}
