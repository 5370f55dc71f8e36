/* Rooms when memory runs out: the n-th allocation of a whole story fails, for every n. Requests are answered, nothing is lost. */
#include "tests/media/worker/house.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void tell(struct house *house, struct peer peers[static 4])
{
	static char sdp[PEER_SDP_MAX];

	house_join(house, ALICE, true);
	peer_describe(&peers[0], house_published, 3, "actpass", sdp);
	house_offer(house, ALICE, BF_PC_PUBLISH, sdp);
	house_join(house, BOB, true);
	house_pass(house, BF_MS(30));
	house_answer(house, &peers[1]);
	house_join(house, CAROL, false);
	peer_describe(&peers[2], house_played, 2, "actpass", sdp);
	house_offer(house, CAROL, BF_PC_SUBSCRIBE, sdp);
	peer_describe(&peers[0], house_stopped, 3, "actpass", sdp);
	house_offer(house, ALICE, BF_PC_PUBLISH, sdp);
	house_pass(house, BF_MS(30));
	house_pass(house, BF_SEC(2)); /* an offer without memory comes late */
	house_answer(house, &peers[1]);
	peer_describe(&peers[3], house_published, 3, "actpass", sdp); /* a fresh connection */
	house_offer(house, ALICE, BF_PC_PUBLISH, sdp);
	house_pass(house, BF_MS(30));
	house_pass(house, BF_SEC(2));
	house_answer(house, &peers[1]);
	house_leave(house, CAROL);
	house_leave(house, ALICE);
	house_pass(house, BF_SEC(2));
	house_leave(house, BOB);
}

static void each_allocation_may_fail_once(void **state)
{
	static struct house house;
	static struct peer peers[4];
	unsigned failures = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
	for (int n = 0;; n++) {
		bool has_failed;

		house_open(&house, 1);
		house_fail_at(n);
		tell(&house, peers);
		has_failed = house_has_failed();
		house_fail_at(-1);
		assert_int_equal(bf_rooms_counters(house.rooms)->participants, 0);
		assert_int_equal(bf_rooms_counters(house.rooms)->tracks, 0);
		assert_int_equal(bf_rooms_counters(house.rooms)->subscriptions, 0);
		/* only the answer itself may be what there was no memory for; and who is not there is told so */
		assert_in_range(house.answered, house.asked - (has_failed ? 1 : 0), house.asked);
		if (!has_failed)
			assert_int_equal(house.refused, 0);
		house_close(&house);
		if (!has_failed)
			break;
		failures++;
	}
	print_message("%u allocations failed\n", failures);
	assert_true(failures > 25);
	for (int i = 0; i < 4; i++)
		peer_close(&peers[i]);
}

/* Bob gets everything in the end, whatever single allocation failed while Alice came and he joined. */
static void what_was_missed_for_want_of_memory_is_made_up_for(void **state)
{
	static struct house house;
	static struct peer peers[2];
	static char sdp[PEER_SDP_MAX];

	(void)state;
	for (int i = 0; i < 2; i++)
		peer_open(&peers[i], BF_SRTP_AEAD_AES_128_GCM);
	for (int n = 0;; n++) {
		bool has_failed;

		house_open(&house, 1);
		house_join(&house, ALICE, true);
		peer_describe(&peers[0], house_published, 3, "actpass", sdp);
		house_offer(&house, ALICE, BF_PC_PUBLISH, sdp);
		house_join(&house, BOB, true);
		house_fail_at(n);
		house_pass(&house, BF_MS(30)); /* the offer's turn */
		has_failed = house_has_failed();
		house_fail_at(-1);
		house_pass(&house, BF_SEC(2));
		assert_true(house.has_offer);
		assert_non_null(strstr(house.offer, "m=audio"));
		assert_non_null(strstr(house.offer, "m=video"));
		house_close(&house);
		if (!has_failed)
			break;
	}
	for (int i = 0; i < 2; i++)
		peer_close(&peers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail_once),
		cmocka_unit_test(what_was_missed_for_want_of_memory_is_made_up_for),
	};

	return cmocka_run_group_tests_name("worker_nomem", tests, NULL, NULL);
}
