/* A room on three workers in its steady state: packets cross without an allocation, and wake the others once a turn, not once each. */
#include "core/base/clock.h"
#include "tests/media/worker/call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define WORKERS 3
#define DAVE	0xda4e

/* ---- allocations of the workers' threads ---- */

static atomic_bool is_counting;
static atomic_uint allocation_count;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static void count(void)
{
	char name[16] = "";

	if (!atomic_load(&is_counting))
		return;
	pthread_getname_np(pthread_self(), name, sizeof(name));
	if (strncmp(name, "media-", 6) == 0)
		atomic_fetch_add(&allocation_count, 1);
}

void *__wrap_malloc(size_t size)
{
	count();
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	count();
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	count();
	return __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __real_aligned_alloc(alignment, size);
}

/* ---- the room ---- */

struct viewer {
	struct peer peer;
	struct stage_received received;
	uint32_t count;
};

struct house {
	struct stage stage;
	struct peer alice;
	struct video video;
	struct viewer viewers[3];
	uint32_t sent;
};

static void house_open(struct house *house, enum bf_io io)
{
	static const uint64_t ids[] = {BOB, CAROL, DAVE};

	memset(house, 0, sizeof(*house));
	stage_open_many(&house->stage, io, WORKERS);
	stage_place(&house->stage, ALICE, 0);
	stage_publisher(&house->stage, &house->alice, ALICE, false);
	for (unsigned i = 0; i < 3; i++) { /* none where Alice is */
		stage_place(&house->stage, ids[i], 1 + i % 2);
		house->viewers[i].received =
			stage_subscriber(&house->stage, &house->viewers[i].peer, ids[i]);
	}
	house->video = (struct video){.peer = &house->alice, .ssrc = 0x1001, .seq = 65000};
}

static void house_close(struct house *house)
{
	for (unsigned i = 0; i < 3; i++)
		peer_close(&house->viewers[i].peer);
	peer_close(&house->alice);
	stage_close(&house->stage);
}

/* What has come, in order and without a gap. */
static void look(struct house *house, struct viewer *viewer, int wait_ms)
{
	struct bf_rtp rtp;
	uint32_t counter;

	while (viewer->count < house->sent &&
		call_recv_frame(
			&viewer->peer, viewer->received.video_ssrc, wait_ms, &rtp, &counter)) {
		assert_int_equal(counter, viewer->count);
		viewer->count++;
	}
}

static void expect_all(struct house *house)
{
	for (unsigned i = 0; i < 3; i++) {
		look(house, &house->viewers[i], 5000);
		assert_int_equal(house->viewers[i].count, house->sent);
	}
}

static void stream(struct house *house, unsigned frames)
{
	for (unsigned n = 0; n < frames; n++) {
		call_send_frame(&house->video, house->sent == 0, house->sent);
		house->sent++;
		usleep(1000);
		for (unsigned i = 0; i < 3; i++)
			look(house, &house->viewers[i], 0);
	}
	expect_all(house);
}

static int64_t metric_of(struct house *house, const char *name, unsigned worker)
{
	char series[128], *text, *at;
	int64_t value;
	size_t len;

	snprintf(series, sizeof(series), "%s{worker=\"%u\"} ", name, worker);
	assert_int_equal(bf_metrics_print(house->stage.metrics, &text, &len), 0);
	at = strstr(text, series);
	assert_non_null(at);
	value = strtoll(at + strlen(series), NULL, 10);
	free(text);
	return value;
}

static void packets_cross_without_an_allocation(void **state)
{
	static struct house house;

	house_open(&house, *(enum bf_io *)*state);
	stream(&house, 200); /* tables and pools get their size */
	stage_forget(&house.stage);
	atomic_store(&allocation_count, 0);
	atomic_store(&is_counting, true);
	stream(&house, 1500); /* with reports of every kind in between */
	atomic_store(&is_counting, false);
	assert_int_equal(atomic_load(&allocation_count), 0);
	usleep(1100 * 1000);
	assert_true(metric_of(&house, "belfry_feed_records_total", 0) >= 2 * house.sent);
	house_close(&house);
}

/* Packets that a turn finds together leave together: each of the other two workers is woken once for all of them. */
static void others_are_woken_once_a_turn_and_not_for_each_packet(void **state)
{
	static struct house house;
	int64_t wakes, turns;
	uint32_t before;

	house_open(&house, *(enum bf_io *)*state);
	stream(&house, 50);
	usleep(1100 * 1000);
	wakes = metric_of(&house, "belfry_loop_wakes_total", 0);
	turns = metric_of(&house, "belfry_loop_turns_total", 0);
	before = house.sent;
	for (unsigned round = 0; round < 20; round++) {
		stage_hold(&house.stage, 0);
		for (unsigned n = 0; n < 50; n++)
			call_send_frame(&house.video, false, house.sent++);
		stage_release(&house.stage, 0);
		expect_all(&house);
	}
	usleep(1100 * 1000);
	wakes = metric_of(&house, "belfry_loop_wakes_total", 0) - wakes;
	turns = metric_of(&house, "belfry_loop_turns_total", 0) - turns;
	print_message("%u packets to two workers: %lld turns, %lld wake-ups\n", house.sent - before,
		(long long)turns, (long long)wakes);
	assert_in_range(wakes, 1, (WORKERS - 1) * turns);
	assert_in_range(wakes, 1, (house.sent - before) / 4); /* of 2 000 records */
	house_close(&house);
}

int main(void)
{
	static enum bf_io uring = BF_IO_AUTO, epoll = BF_IO_EPOLL;
	const struct CMUnitTest tests[] = {
		ON(uring, packets_cross_without_an_allocation),
		ON(epoll, packets_cross_without_an_allocation),
		ON(uring, others_are_woken_once_a_turn_and_not_for_each_packet),
		ON(epoll, others_are_woken_once_a_turn_and_not_for_each_packet),
	};

	return cmocka_run_group_tests_name("worker_steady", tests, NULL, NULL);
}
