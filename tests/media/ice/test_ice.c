#include "core/base/clock.h"
#include "media/ice/ice.h"
#include "media/stun/stun.h"
#include "tests/media/stun/stun_build.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define OURS	 "oursufrag"
#define OURS_PWD "ourpasswordourpassword12"

struct fixture {
	struct bf_ice ice;
	struct bf_ice_result result;
	uint8_t reply[BF_STUN_MAX];
};

static const struct bf_ice_creds first_creds = {.ufrag = OURS, .pwd = OURS_PWD};
static const struct bf_ice_creds second_creds = {
	.ufrag = "second", .pwd = "secondpasswordsecond1234"};

static void init(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	bf_ice_init(&f->ice, &first_creds);
	assert_int_equal(bf_ice_set_remote(&f->ice, bf_bytes_str("theirs")), 0);
}

/* Path `n` of the peer; TCP ones have a socket of their own. */
static struct bf_ice_path path(unsigned n, bool is_tcp)
{
	struct bf_ice_path p = {.socket = is_tcp ? 100 + n : 1, .is_tcp = is_tcp};
	char text[32];

	snprintf(text, sizeof(text), "192.0.2.%u:%u", n, 4000 + n);
	assert_int_equal(bf_addr_parse(&p.remote, text), 0);
	assert_int_equal(bf_addr_parse(&p.local, "198.51.100.1:7100"), 0);
	return p;
}

/* Its address, for one statement. */
#define PATH(n, is_tcp) ((struct bf_ice_path[]){path((n), (is_tcp))})

static void send_check(struct fixture *f, const struct bf_ice_path *from,
	const struct stun_check *check, int64_t now_us)
{
	struct stun_build build;

	stun_check(&build, check);
	bf_ice_on_stun(&f->ice, from, stun_view(&build), now_us, f->reply, &f->result);
}

/* A right check of the first generation. */
static void check(struct fixture *f, struct bf_ice_path from, uint32_t priority, bool use_candidate,
	int64_t now_us)
{
	send_check(f, &from,
		&(struct stun_check){.username = OURS ":theirs",
			.password = OURS_PWD,
			.priority = priority,
			.use_candidate = use_candidate},
		now_us);
	assert_int_equal(f->result.drop, BF_DROP_NONE);
	assert_int_equal(bf_get_u16(f->reply), STUN_SUCCESS_TYPE);
}

static bool is_selected(const struct fixture *f, struct bf_ice_path p)
{
	const struct bf_ice_path *selected = bf_ice_selected(&f->ice);

	return selected && bf_ice_path_equal(selected, &p);
}

static void nominated_check_connects_and_is_answered(void **state)
{
	struct fixture f;
	struct bf_bytes answer;

	(void)state;
	init(&f);
	assert_int_equal(f.ice.state, BF_ICE_NEW);
	assert_null(bf_ice_selected(&f.ice));
	assert_true(bf_ice_deadline_us(&f.ice) == INT64_MAX);
	check(&f, path(1, false), 100, true, BF_MS(10));
	assert_true(f.result.is_new_path);
	assert_true(f.result.is_selected);
	assert_true(f.result.is_connected);
	assert_int_equal(f.result.evicted, -1);
	assert_int_equal(f.ice.state, BF_ICE_CONNECTED);
	assert_true(is_selected(&f, path(1, false)));
	assert_true(bf_ice_deadline_us(&f.ice) == BF_MS(10) + BF_ICE_CONSENT_US);
	answer = bf_bytes(f.reply, f.result.reply_len);
	assert_true(stun_integrity_is_right(answer, OURS_PWD));
	assert_true(stun_fingerprint_is_right(answer));
	check(&f, path(1, false), 100, true, BF_MS(20)); /* and the same again is no news */
	assert_false(f.result.is_new_path || f.result.is_selected || f.result.is_connected);
}

static void refused_checks_change_nothing(void **state)
{
	static const struct {
		struct stun_check check;
		enum bf_drop drop;
		int code;
	} cases[] = {
		{{OURS ":theirs", "wrong password", 1, true, false}, BF_DROP_STUN_AUTH, 401},
		{{"other:theirs", OURS_PWD, 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{OURS ":others", OURS_PWD, 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{OURS, OURS_PWD, 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{OURS "x:theirs", OURS_PWD, 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{"second:theirs", "", 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{":theirs", "", 1, true, false}, BF_DROP_STUN_UNKNOWN, 401},
		{{"", OURS_PWD, 1, true, false}, BF_DROP_STUN_UNKNOWN, 400},
		{{OURS ":theirs", OURS_PWD, 1, true, true}, BF_DROP_NONE, 487},
	};
	struct bf_ice_path from = path(1, false);
	struct fixture f;
	struct bf_ice before;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		init(&f);
		before = f.ice;
		send_check(&f, &from, &cases[i].check, BF_MS(1));
		assert_int_equal(f.result.drop, cases[i].drop);
		assert_int_equal(
			stun_error_code(bf_bytes(f.reply, f.result.reply_len)), cases[i].code);
		assert_memory_equal(&before, &f.ice, sizeof(before));
		assert_false(bf_ice_is_valid_path(&f.ice, &from));
	}
}

static void only_well_formed_requests_are_answered(void **state)
{
	struct bf_ice_path from = path(1, false);
	struct fixture f;
	struct bf_ice before;
	struct stun_build build;

	(void)state;
	init(&f);
	before = f.ice;
	bf_ice_on_stun(&f.ice, &from, bf_bytes("\0\1", 2), 0, f.reply, &f.result);
	assert_int_equal(f.result.drop, BF_DROP_STUN_MALFORMED);
	assert_int_equal(f.result.reply_len, 0);

	stun_begin(&build, STUN_INDICATION_TYPE, 1);
	stun_attr(&build, 0x0006, OURS ":theirs", strlen(OURS ":theirs"));
	stun_integrity(&build, OURS_PWD);
	stun_fingerprint(&build);
	bf_ice_on_stun(&f.ice, &from, stun_view(&build), 0, f.reply, &f.result);
	assert_int_equal(f.result.drop, BF_DROP_STUN_UNKNOWN);
	assert_int_equal(f.result.reply_len, 0);

	stun_begin(&build, STUN_REQUEST_TYPE, 1); /* an attribute we must understand and do not */
	stun_attr(&build, 0x0006, OURS ":theirs", strlen(OURS ":theirs"));
	stun_attr_u32(&build, 0x0030, 1);
	stun_integrity(&build, OURS_PWD);
	stun_fingerprint(&build);
	bf_ice_on_stun(&f.ice, &from, stun_view(&build), 0, f.reply, &f.result);
	assert_int_equal(f.result.drop, BF_DROP_STUN_MALFORMED);
	assert_int_equal(stun_error_code(bf_bytes(f.reply, f.result.reply_len)), 420);
	assert_true(stun_integrity_is_right(bf_bytes(f.reply, f.result.reply_len), OURS_PWD));
	assert_memory_equal(&before, &f.ice, sizeof(before));
}

static void checks_before_the_answer_are_taken_with_any_remote_part(void **state)
{
	struct bf_ice_path from = path(1, false);
	struct fixture f;

	(void)state;
	memset(&f, 0, sizeof(f));
	bf_ice_init(&f.ice, &first_creds);
	send_check(&f, &from, &(struct stun_check){OURS ":whoever", OURS_PWD, 1, true, false}, 0);
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	assert_true(f.result.is_connected);
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes_str("theirs")), 0);
	send_check(&f, &from, &(struct stun_check){OURS ":whoever", OURS_PWD, 1, true, false}, 0);
	assert_int_equal(f.result.drop, BF_DROP_STUN_UNKNOWN);
}

static void remote_ufrag_has_limits(void **state)
{
	char text[257];
	struct fixture f;

	(void)state;
	init(&f);
	memset(text, 'a', sizeof(text));
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes(text, 257)), -EINVAL);
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes(text, 0)), -EINVAL);
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes("a\0b", 3)), -EINVAL);
	assert_string_equal(f.ice.remote_ufrag, "theirs");
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes(text, 256)), 0);
	assert_int_equal(strlen(f.ice.remote_ufrag), 256);
}

static void first_valid_path_serves_until_one_is_nominated(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 200, false, BF_MS(1));
	assert_true(f.result.is_connected && f.result.is_selected);
	check(&f, path(2, false), 300, false, BF_MS(2));
	assert_true(f.result.is_new_path);
	assert_false(f.result.is_selected);
	check(&f, path(3, false), 100, true, BF_MS(3)); /* lower priority, but it is asked for */
	assert_true(f.result.is_selected);
	assert_false(f.result.is_connected);
	assert_true(is_selected(&f, path(3, false)));
}

static void aggressive_nomination_settles_on_the_highest_priority(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	for (int round = 0; round < 5; round++) {
		int64_t now = BF_MS(100 * round);

		check(&f, path(1, false), 100, true, now);
		check(&f, path(2, false), 300, true, now + 1);
		assert_true(f.result.is_selected == (round == 0));
		check(&f, path(3, false), 300, true, now + 2);
		assert_true(f.result.is_selected ==
			    (round == 0)); /* equal and new: the peer's last word */
		check(&f, path(4, false), 200, true, now + 3);
		assert_false(f.result.is_selected);
	}
	assert_true(is_selected(&f, path(3, false)));
}

static void udp_wins_over_tcp_whatever_the_priorities(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, true), 500, true, 0);
	assert_true(is_selected(&f, path(1, true)));
	check(&f, path(2, false), 100, true, 1);
	assert_true(is_selected(&f, path(2, false)));
	check(&f, path(3, true), 900, true, 2);
	assert_true(is_selected(&f, path(2, false)));
}

static void nominated_path_takes_over_from_a_silent_one(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	check(&f, path(2, false), 100, true, BF_SEC(5));
	assert_true(is_selected(&f, path(1, false)));
	check(&f, path(3, false), 100, false, BF_SEC(5) + 1); /* valid, but never asked for */
	assert_true(is_selected(&f, path(1, false)));
	check(&f, path(2, false), 100, false, BF_SEC(5) + 1);
	assert_true(is_selected(&f, path(2, false)));
}

static void peer_that_stops_asking_for_a_path_may_move_to_a_lesser_one(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	check(&f, path(2, false), 100, true, 1);
	assert_true(is_selected(&f, path(1, false)));
	check(&f, path(1, false), 300, false, 2); /* still alive, no longer wanted */
	assert_true(is_selected(&f, path(1, false)));
	check(&f, path(2, false), 100, true, 3);
	assert_true(is_selected(&f, path(2, false)));
}

static void consent_ends_after_30_s_and_comes_back_with_a_check(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 100, true, 0);
	check(&f, path(1, false), 100, false, BF_SEC(10));
	assert_false(bf_ice_on_timer(&f.ice, BF_SEC(40) - 1));
	assert_true(bf_ice_on_timer(&f.ice, BF_SEC(40)));
	assert_int_equal(f.ice.state, BF_ICE_DISCONNECTED);
	assert_null(bf_ice_selected(&f.ice));
	assert_true(bf_ice_deadline_us(&f.ice) == INT64_MAX);
	assert_false(bf_ice_on_timer(&f.ice, BF_SEC(50)));
	check(&f, path(1, false), 100, false, BF_SEC(60));
	assert_true(f.result.is_connected);
	assert_false(f.result.is_selected);
	assert_true(is_selected(&f, path(1, false)));

	assert_true(bf_ice_on_timer(&f.ice, BF_SEC(90)));
	check(&f, path(2, false), 1, false, BF_SEC(91)); /* on another path, which then serves */
	assert_true(f.result.is_connected && f.result.is_selected);
	assert_true(is_selected(&f, path(2, false)));
}

static void checks_on_other_paths_do_not_refresh_consent(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	check(&f, path(2, false), 100, false, BF_SEC(29));
	assert_true(bf_ice_on_timer(&f.ice, BF_SEC(30)));
}

static void table_of_paths_is_bounded_and_keeps_the_selected_one(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 1000, true, 0); /* the oldest of all */
	for (unsigned n = 2; n <= BF_ICE_PATHS; n++) {
		check(&f, path(n, false), 1, false, n);
		assert_int_equal(f.result.evicted, -1);
	}
	check(&f, path(2, false), 1, false, 50); /* now 3 is the least recently used */
	check(&f, path(40, false), 1, false, 60);
	assert_true(f.result.is_new_path);
	assert_int_equal(f.result.evicted, 2);
	assert_true(bf_ice_path_equal(&f.result.evicted_path, PATH(3, false)));
	assert_false(bf_ice_is_valid_path(&f.ice, PATH(3, false)));
	for (unsigned n = 50; n < 150; n++)
		check(&f, path(n, false), 1, false, 100 + n);
	assert_true(is_selected(&f, path(1, false)));
	assert_true(bf_ice_is_valid_path(&f.ice, PATH(1, false)));
}

static void paths_differ_in_every_part_of_the_5_tuple(void **state)
{
	struct bf_ice_path a = path(1, false);
	struct bf_ice_path b;

	(void)state;
	assert_true(bf_ice_path_equal(&a, &a));
	b = a;
	b.socket++;
	assert_false(bf_ice_path_equal(&a, &b));
	b = a;
	b.remote.port++;
	assert_false(bf_ice_path_equal(&a, &b));
	b = a;
	b.local.port++;
	assert_false(bf_ice_path_equal(&a, &b));
	b = a;
	b.is_tcp = true;
	assert_false(bf_ice_path_equal(&a, &b));
}

static void restart_answers_old_checks_and_moves_with_the_new_ones(void **state)
{
	const struct stun_check new_check = {"second:fresh", second_creds.pwd, 50, false, false};
	const struct stun_check new_nomination = {
		"second:fresh", second_creds.pwd, 50, true, false};
	struct bf_ice_path second = path(2, false);
	struct bf_ice_path third = path(3, false);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	bf_ice_restart(&f.ice, &second_creds);
	assert_true(is_selected(&f, path(1, false)));
	check(&f, path(1, false), 300, true,
		BF_SEC(20)); /* old password: answered, consent goes on */
	assert_true(bf_ice_deadline_us(&f.ice) == BF_SEC(20) + BF_ICE_CONSENT_US);
	check(&f, path(3, false), 900, true, BF_SEC(20)); /* but no path comes of it */
	assert_false(f.result.is_new_path || f.result.is_selected);
	assert_false(bf_ice_is_valid_path(&f.ice, &third));

	send_check(&f, &second, &new_check,
		BF_SEC(21)); /* before the peer's answer has told its ufrag */
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	assert_true(f.result.is_new_path);
	assert_true(is_selected(&f, path(1, false)));
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes_str("fresh")), 0);
	send_check(&f, &second, &new_nomination, BF_SEC(21));
	assert_true(f.result.is_selected); /* lower priority, newer generation */
	assert_true(is_selected(&f, second));

	send_check(&f, &second, &(struct stun_check){OURS ":theirs", OURS_PWD, 1, true, false},
		BF_SEC(22));
	assert_int_equal(f.result.drop, BF_DROP_STUN_UNKNOWN); /* the old password is over */
}

static void restart_on_the_same_path_keeps_it_selected(void **state)
{
	struct bf_ice_path first = path(1, false);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, first, 300, true, 0);
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes_str("fresh")), 0); /* the peer began */
	check(&f, first, 300, true, 1); /* its old checks still come */
	bf_ice_restart(&f.ice, &second_creds);
	send_check(&f, &first,
		&(struct stun_check){"second:theirs", second_creds.pwd, 50, true, false}, 2);
	assert_int_equal(f.result.drop, BF_DROP_STUN_UNKNOWN); /* its new ufrag is known by now */
	send_check(&f, &first,
		&(struct stun_check){"second:fresh", second_creds.pwd, 50, true, false}, 2);
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	assert_false(f.result.is_new_path || f.result.is_selected || f.result.is_connected);
	assert_true(is_selected(&f, first));
}

static void second_restart_before_the_first_is_used_keeps_the_live_credentials(void **state)
{
	const struct bf_ice_creds third_creds = {
		.ufrag = "third", .pwd = "thirdpasswordthirdpasswo"};
	struct bf_ice_path first = path(1, false);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, first, 300, true, 0);
	bf_ice_restart(&f.ice, &second_creds);
	bf_ice_restart(&f.ice, &third_creds);
	check(&f, first, 300, true, BF_SEC(1));
	send_check(&f, &first, &(struct stun_check){"third:x", third_creds.pwd, 300, true, false},
		BF_SEC(2));
	assert_int_equal(f.result.drop, BF_DROP_NONE);
}

/* Chromium gathers before it has our answer: the new path's checks pair the peer's new user name with our old password,
 * and go on doing so after the answer. */
static void restarted_peer_may_use_the_old_password_on_new_paths(void **state)
{
	const struct bf_ice_creds third_creds = {
		.ufrag = "third", .pwd = "thirdpasswordthirdpasswo"};
	const struct stun_check early = {OURS ":fresh", OURS_PWD, 300, true, false};
	const struct stun_check now = {"second:fresh", second_creds.pwd, 300, false, false};
	const struct stun_check stale = {OURS ":theirs", OURS_PWD, 900, true, false};
	struct bf_ice_path second = path(2, false);
	struct bf_ice_path third = path(3, false);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes_str("fresh")), 0);
	bf_ice_restart(&f.ice, &second_creds);
	send_check(&f, &second, &early, 1);
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	assert_true(f.result.is_new_path && f.result.is_selected);
	assert_true(is_selected(&f, second));
	send_check(&f, PATH(1, false), &stale, 2); /* the old session's do not take it back */
	assert_false(f.result.is_new_path || f.result.is_selected);
	send_check(&f, &third, &now, 3); /* another path has the new password: both go on */
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	send_check(&f, &second, &early, BF_SEC(20));
	assert_int_equal(f.result.drop, BF_DROP_NONE);
	assert_true(bf_ice_deadline_us(&f.ice) == BF_SEC(20) + BF_ICE_CONSENT_US);

	/* The next restart ends the first password. */
	assert_int_equal(bf_ice_set_remote(&f.ice, bf_bytes_str("fresher")), 0);
	bf_ice_restart(&f.ice, &third_creds);
	send_check(&f, &second, &early, BF_SEC(21));
	assert_int_equal(f.result.drop, BF_DROP_STUN_UNKNOWN);
	send_check(&f, &third,
		&(struct stun_check){"second:fresher", second_creds.pwd, 1, true, false},
		BF_SEC(21));
	assert_true(is_selected(&f, third));
}

static void lost_tcp_stream_gives_way_to_the_next_best_path(void **state)
{
	struct bf_ice_path tcp = path(1, true);
	struct bf_ice_path other = path(2, true);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, tcp, 300, true, 0);
	check(&f, other, 200, false, 1);
	check(&f, path(3, true), 100, true, 2);
	assert_false(bf_ice_remove_path(&f.ice, &other));
	assert_false(bf_ice_remove_path(&f.ice, &other));
	assert_true(bf_ice_remove_path(&f.ice, &tcp));
	assert_true(is_selected(&f, path(3, true)));
	assert_int_equal(f.ice.state, BF_ICE_CONNECTED);
	assert_true(bf_ice_remove_path(&f.ice, PATH(3, true)));
	assert_int_equal(f.ice.state, BF_ICE_DISCONNECTED);
	assert_null(bf_ice_selected(&f.ice));
	check(&f, path(4, false), 1, false, 3);
	assert_true(f.result.is_connected && f.result.is_selected);
}

static void later_nomination_of_a_restart_survives_old_generation_checks(void **state)
{
	const struct stun_check new_nomination = {
		"second:fresh", second_creds.pwd, 50, true, false};
	struct bf_ice_path second = path(2, false);
	struct fixture f;

	(void)state;
	init(&f);
	check(&f, path(1, false), 300, true, 0);
	bf_ice_restart(&f.ice, &second_creds);
	send_check(&f, &second, &new_nomination, 1);
	assert_true(is_selected(&f, second));
	assert_true(bf_ice_is_valid_path(&f.ice, PATH(1, false))); /* late packets */
	assert_true(bf_ice_remove_path(&f.ice, &second));
	assert_true(is_selected(&f, path(1, false)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nominated_check_connects_and_is_answered),
		cmocka_unit_test(refused_checks_change_nothing),
		cmocka_unit_test(only_well_formed_requests_are_answered),
		cmocka_unit_test(checks_before_the_answer_are_taken_with_any_remote_part),
		cmocka_unit_test(remote_ufrag_has_limits),
		cmocka_unit_test(first_valid_path_serves_until_one_is_nominated),
		cmocka_unit_test(aggressive_nomination_settles_on_the_highest_priority),
		cmocka_unit_test(udp_wins_over_tcp_whatever_the_priorities),
		cmocka_unit_test(nominated_path_takes_over_from_a_silent_one),
		cmocka_unit_test(peer_that_stops_asking_for_a_path_may_move_to_a_lesser_one),
		cmocka_unit_test(consent_ends_after_30_s_and_comes_back_with_a_check),
		cmocka_unit_test(checks_on_other_paths_do_not_refresh_consent),
		cmocka_unit_test(table_of_paths_is_bounded_and_keeps_the_selected_one),
		cmocka_unit_test(paths_differ_in_every_part_of_the_5_tuple),
		cmocka_unit_test(restart_answers_old_checks_and_moves_with_the_new_ones),
		cmocka_unit_test(restart_on_the_same_path_keeps_it_selected),
		cmocka_unit_test(
			second_restart_before_the_first_is_used_keeps_the_live_credentials),
		cmocka_unit_test(restarted_peer_may_use_the_old_password_on_new_paths),
		cmocka_unit_test(lost_tcp_stream_gives_way_to_the_next_best_path),
		cmocka_unit_test(later_nomination_of_a_restart_survives_old_generation_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
