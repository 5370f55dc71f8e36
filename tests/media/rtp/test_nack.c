#include "core/base/clock.h"
#include "core/base/rand.h"
#include "media/rtp/nack.h"
#include "media/rtp/rtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void nothing_is_missing_in_a_stream_without_loss(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	assert_int_equal(bf_nack_deadline_us(&nack), INT64_MAX);
	for (uint64_t i = 65530; i < 65700; i++)
		bf_nack_on_packet(&nack, i, 0);
	assert_int_equal(bf_nack_poll(&nack, BF_SEC(1), due, 4), 0);
	assert_int_equal(bf_nack_deadline_us(&nack), INT64_MAX);
	assert_false(bf_nack_take_gap(&nack));
}

static void nack_asks_again_only_after_one_rtt(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 10, BF_MS(0));
	bf_nack_on_packet(&nack, 12, BF_MS(1)); /* 11 is missing */
	assert_int_equal(bf_nack_deadline_us(&nack), BF_MS(1));
	assert_int_equal(bf_nack_poll(&nack, BF_MS(1), due, 4), 1);
	assert_int_equal(due[0], 11);
	assert_int_equal(bf_nack_deadline_us(&nack), BF_MS(51));
	assert_int_equal(bf_nack_poll(&nack, BF_MS(51) - 1, due, 4), 0);
	assert_int_equal(bf_nack_poll(&nack, BF_MS(51), due, 4), 1);
	assert_int_equal(due[0], 11);
}

static void packets_that_come_late_are_not_asked_for(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 65535, 0);
	bf_nack_on_packet(&nack, 65538, 0); /* 65536, 65537 missing: 0 and 1 on the wire */
	bf_nack_on_packet(&nack, 65537, 0); /* reordered */
	assert_int_equal(bf_nack_poll(&nack, 0, due, 4), 1);
	assert_int_equal(due[0], 0);
	bf_nack_on_packet(&nack, 65536, BF_MS(40)); /* repaired */
	assert_int_equal(bf_nack_deadline_us(&nack), INT64_MAX);
	assert_int_equal(bf_nack_poll(&nack, BF_SEC(1), due, 4), 0);
	assert_false(bf_nack_take_gap(&nack));
}

static void duplicates_and_packets_before_the_first_change_nothing(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 100, 0);
	bf_nack_on_packet(&nack, 90, 0); /* before the first: nobody waits for 91..99 */
	bf_nack_on_packet(&nack, 102, 0);
	bf_nack_on_packet(&nack, 102, 0);
	bf_nack_on_packet(&nack, 100, 0);
	assert_int_equal(bf_nack_poll(&nack, 0, due, 4), 1);
	assert_int_equal(due[0], 101);
	bf_nack_on_packet(&nack, 101, 0);
	bf_nack_on_packet(&nack, 101, 0);
	assert_int_equal(bf_nack_deadline_us(&nack), INT64_MAX);
}

static void a_short_answer_is_continued_by_the_next_poll(void **state)
{
	struct bf_nack nack;
	uint16_t due[3];
	uint16_t expected = 1001;
	size_t count;
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 1000, 0);
	bf_nack_on_packet(&nack, 1009, 0);
	while ((count = bf_nack_poll(&nack, 0, due, 3)) > 0) {
		for (size_t i = 0; i < count; i++)
			assert_int_equal(due[i], expected++);
	}
	assert_int_equal(expected, 1009);
}

static void a_packet_is_given_up_after_all_tries(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	int64_t now_us = 0;
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 1, 0);
	bf_nack_on_packet(&nack, 3, 0);
	for (int i = 0; i < BF_NACK_TRIES; i++) {
		now_us = bf_nack_deadline_us(&nack);
		assert_int_equal(now_us, i * BF_MS(50));
		assert_int_equal(bf_nack_poll(&nack, now_us, due, 4), 1);
		assert_false(bf_nack_take_gap(&nack));
	}
	now_us = bf_nack_deadline_us(&nack); /* the last answer had its round trip */
	assert_int_equal(bf_nack_poll(&nack, now_us - 1, due, 4), 0);
	assert_false(bf_nack_take_gap(&nack));
	assert_int_equal(bf_nack_poll(&nack, now_us, due, 4), 0);
	assert_true(bf_nack_take_gap(&nack));
	assert_false(bf_nack_take_gap(&nack)); /* said once */
	assert_int_equal(bf_nack_deadline_us(&nack), INT64_MAX);
}

static void leaving_the_window_is_a_gap(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 1000, 0);
	for (uint64_t i = 1002; i <= 1001 + BF_NACK_WINDOW; i++)
		bf_nack_on_packet(&nack, i, 0);
	assert_false(bf_nack_take_gap(&nack)); /* 1001 is exactly the oldest of the window */
	bf_nack_on_packet(&nack, 1002 + BF_NACK_WINDOW, 0);
	assert_true(bf_nack_take_gap(&nack));
	assert_int_equal(bf_nack_poll(&nack, BF_SEC(1), due, 4), 0);
}

static void exactly_as_many_as_fit_are_asked_for(void **state)
{
	struct bf_nack nack;
	uint16_t due[BF_NACK_COUNT + 1];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 1000, 0);
	bf_nack_on_packet(&nack, 1001 + BF_NACK_COUNT, 0);
	assert_int_equal(bf_nack_poll(&nack, 0, due, BF_NACK_COUNT + 1), BF_NACK_COUNT);
	assert_int_equal(due[0], 1001);
	assert_int_equal(due[BF_NACK_COUNT - 1], 1000 + BF_NACK_COUNT);
	assert_false(bf_nack_take_gap(&nack));

	bf_nack_on_packet(
		&nack, 1003 + BF_NACK_COUNT, BF_MS(1)); /* one more: the oldest makes room */
	assert_true(bf_nack_take_gap(&nack));
	assert_int_equal(bf_nack_poll(&nack, BF_MS(1), due, 4), 1);
	assert_int_equal(due[0], 1002 + BF_NACK_COUNT);
	assert_int_equal(bf_nack_poll(&nack, BF_MS(50), due, BF_NACK_COUNT + 1), BF_NACK_COUNT - 1);
	assert_int_equal(due[0], 1002);
}

static void a_jump_too_wide_to_repair_asks_for_nothing(void **state)
{
	struct bf_nack nack;
	uint16_t due[4];
	(void)state;

	bf_nack_init(&nack, BF_MS(50));
	bf_nack_on_packet(&nack, 1000, 0);
	bf_nack_on_packet(&nack, 1002, 0);
	bf_nack_on_packet(&nack, 1003 + BF_NACK_COUNT + 1, 0);
	assert_int_equal(bf_nack_poll(&nack, 0, due, 4), 0);
	assert_true(bf_nack_take_gap(&nack));
	bf_nack_on_packet(&nack, 1003 + BF_NACK_COUNT + 3, 0); /* and goes on from there */
	assert_int_equal(bf_nack_poll(&nack, 0, due, 4), 1);
	assert_int_equal(due[0], 1003 + BF_NACK_COUNT + 2);
}

static void the_round_trip_is_kept_within_reason(void **state)
{
	const int64_t given_us[] = {-5, 0, 1, BF_MS(300), BF_SEC(3600)};
	const int64_t used_us[] = {BF_MS(100), BF_MS(100), BF_MS(10), BF_MS(300), BF_SEC(1)};
	(void)state;

	for (size_t i = 0; i < 5; i++) {
		struct bf_nack nack;
		uint16_t due[4];

		bf_nack_init(&nack, BF_MS(50));
		bf_nack_set_rtt(&nack, given_us[i]);
		bf_nack_on_packet(&nack, 1, 0);
		bf_nack_on_packet(&nack, 3, 0);
		assert_int_equal(bf_nack_poll(&nack, 0, due, 4), 1);
		assert_int_equal(bf_nack_deadline_us(&nack), used_us[i]);
	}
}

/* A link on virtual time: packets and requests are lost, doubled and overtaken, each by a seeded draw. */
#define LINK_PACKETS  20000
#define LINK_FLIGHT   4096
#define LINK_DELAY_US 20000

struct flight {
	int64_t at_us;
	uint64_t ext_seq;
	bool is_request;
};

struct link {
	struct bf_prng prng;
	unsigned loss_percent;
	struct flight flights[LINK_FLIGHT];
	size_t flight_count;
	uint8_t is_received[LINK_PACKETS];
	unsigned request_count[LINK_PACKETS];
};

static void send_once(struct link *link, uint64_t idx, bool is_request, int64_t now_us)
{
	int64_t jitter_us =
		bf_prng_below(&link->prng, 100) < 5 ? bf_prng_below(&link->prng, 8000) : 0;

	assert_true(link->flight_count < LINK_FLIGHT);
	link->flights[link->flight_count++] =
		(struct flight){now_us + LINK_DELAY_US + jitter_us, idx, is_request};
}

static void send_over(struct link *link, uint64_t idx, bool is_request, int64_t now_us)
{
	if (bf_prng_below(&link->prng, 100) >= link->loss_percent)
		send_once(link, idx, is_request, now_us);
	if (bf_prng_below(&link->prng, 100) < 2)
		send_once(link, idx, is_request, now_us); /* a duplicate */
}

/* The earliest arrival at or before `now_us`. */
static bool take_arrival(struct link *link, int64_t now_us, struct flight *out)
{
	size_t best = link->flight_count;

	for (size_t i = 0; i < link->flight_count; i++) {
		if (link->flights[i].at_us <= now_us &&
			(best == link->flight_count ||
				link->flights[i].at_us < link->flights[best].at_us))
			best = i;
	}
	if (best == link->flight_count)
		return false;
	*out = link->flights[best];
	link->flights[best] = link->flights[--link->flight_count];
	return true;
}

static void receive(struct link *link, struct bf_nack *nack, struct bf_seq *seq, int64_t now_us)
{
	struct flight flight;

	while (take_arrival(link, now_us, &flight)) {
		uint64_t ext_seq;

		if (flight.is_request) {
			send_over(link, flight.ext_seq, false, now_us);
			continue;
		}
		ext_seq = bf_seq_guess(seq, (uint16_t)(60000 + flight.ext_seq));
		bf_seq_commit(seq, ext_seq);
		assert_int_equal(ext_seq, 65536 + 60000 + flight.ext_seq);
		link->is_received[flight.ext_seq] = 1;
		bf_nack_on_packet(nack, ext_seq, now_us);
	}
}

static void run_link(unsigned loss_percent, uint64_t seed)
{
	struct link *link = calloc(1, sizeof(*link));
	struct bf_nack nack;
	struct bf_seq seq = {0};
	unsigned missing = 0, requests = 0;
	uint64_t sent = 0;

	assert_non_null(link);
	bf_prng_init(&link->prng, seed);
	link->loss_percent = loss_percent;
	bf_nack_init(&nack, BF_MS(50));
	send_once(link, sent++, false,
		0); /* the first and the last packet show what is missing between */
	for (int64_t now_us = 0; now_us < BF_SEC(22); now_us += 500) {
		uint16_t due[7];
		size_t count;

		if (now_us % 1000 == 0 && sent < LINK_PACKETS - 1)
			send_over(link, sent++, false, now_us);
		else if (now_us == BF_SEC(20) + BF_MS(100))
			send_once(link, sent++, false, now_us);
		receive(link, &nack, &seq, now_us);
		while ((count = bf_nack_poll(&nack, now_us, due, 7)) > 0) {
			for (size_t i = 0; i < count; i++) {
				uint64_t idx = bf_seq_guess(&seq, due[i]) - 65536 - 60000;

				assert_false(
					link->is_received[idx]); /* never asks for what is there */
				assert_true(++link->request_count[idx] <= BF_NACK_TRIES);
				requests++;
				send_over(link, idx, true, now_us);
			}
		}
		assert_true(bf_nack_deadline_us(&nack) > now_us);
	}
	for (size_t i = 0; i < LINK_PACKETS; i++)
		missing += !link->is_received[i];
	assert_int_equal(sent, LINK_PACKETS);
	assert_int_equal(missing, 0);
	assert_false(bf_nack_take_gap(&nack));
	/* One answered request a loss, and those lost on either way: 1 / (1 - loss) squared, and some slack. */
	assert_true(requests < LINK_PACKETS * loss_percent * 2 / 100);
	free(link);
}

static void all_is_recovered_over_a_link_that_loses_a_twentieth(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run_link(5, seed);
}

static void all_is_recovered_over_a_link_that_loses_a_fifth(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run_link(20, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missing_in_a_stream_without_loss),
		cmocka_unit_test(nack_asks_again_only_after_one_rtt),
		cmocka_unit_test(packets_that_come_late_are_not_asked_for),
		cmocka_unit_test(duplicates_and_packets_before_the_first_change_nothing),
		cmocka_unit_test(a_short_answer_is_continued_by_the_next_poll),
		cmocka_unit_test(a_packet_is_given_up_after_all_tries),
		cmocka_unit_test(leaving_the_window_is_a_gap),
		cmocka_unit_test(exactly_as_many_as_fit_are_asked_for),
		cmocka_unit_test(a_jump_too_wide_to_repair_asks_for_nothing),
		cmocka_unit_test(the_round_trip_is_kept_within_reason),
		cmocka_unit_test(all_is_recovered_over_a_link_that_loses_a_twentieth),
		cmocka_unit_test(all_is_recovered_over_a_link_that_loses_a_fifth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
