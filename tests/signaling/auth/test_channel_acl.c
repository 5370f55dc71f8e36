#include "signaling/auth/channel_acl.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct bf_uuid ann = {{1}}, bob = {{2}}, guest = {{3}}, staff = {{4}};

#define EVERYONE .is_everyone = true
#define BOTH	 .applies_here = true, .applies_below = true
#define LIST(...)                                                          \
	{                                                                  \
		(const struct bf_channel_entry[]){__VA_ARGS__},            \
			sizeof((struct bf_channel_entry[]){__VA_ARGS__}) / \
				sizeof(struct bf_channel_entry)            \
	}
#define EMPTY           \
	{               \
		NULL, 0 \
	}

static uint32_t rights_of(const struct bf_channel_list *path, size_t len, struct bf_uuid user,
	const struct bf_uuid *role)
{
	const struct bf_channel_subject subject = {
		.user = user, .roles = role, .role_count = role ? 1 : 0};

	return bf_channel_rights(path, len, &subject);
}

static void without_lists_everybody_may_come_and_be_heard(void **state)
{
	const struct bf_channel_list path[] = {EMPTY, EMPTY};
	const struct bf_channel_subject admin = {.user = ann, .is_admin = true};

	(void)state;
	assert_int_equal(rights_of(path, 2, ann, NULL), BF_CHANNEL_DEFAULT);
	assert_int_equal(bf_channel_rights(path, 2, &admin), BF_CHANNEL_ALL);
}

static void what_is_denied_at_the_top_is_allowed_again_in_one_channel_only(void **state)
{
	const struct bf_channel_list top = LIST({.role = guest, .deny = BF_CHANNEL_SPEAK, BOTH});
	const struct bf_channel_list stage = LIST({.role = guest, .allow = BF_CHANNEL_SPEAK, BOTH});
	const struct bf_channel_list here[] = {top, stage}, beside[] = {top, EMPTY};

	(void)state;
	assert_false(rights_of(&top, 1, ann, &guest) & BF_CHANNEL_SPEAK);
	assert_true(rights_of(here, 2, ann, &guest) & BF_CHANNEL_SPEAK);
	assert_false(rights_of(beside, 2, ann, &guest) & BF_CHANNEL_SPEAK);
	assert_true(rights_of(beside, 2, ann, &staff) & BF_CHANNEL_SPEAK);
	assert_true(rights_of(beside, 2, ann, NULL) & BF_CHANNEL_SPEAK);
}

static void later_entries_count_more(void **state)
{
	const struct bf_channel_list denied = LIST({.user = ann, .allow = BF_CHANNEL_KICK, BOTH},
		{EVERYONE, .deny = BF_CHANNEL_KICK, BOTH});
	const struct bf_channel_list allowed = LIST({EVERYONE, .deny = BF_CHANNEL_KICK, BOTH},
		{.user = ann, .allow = BF_CHANNEL_KICK, BOTH});

	(void)state;
	assert_false(rights_of(&denied, 1, ann, NULL) & BF_CHANNEL_KICK);
	assert_true(rights_of(&allowed, 1, ann, NULL) & BF_CHANNEL_KICK);
	assert_false(rights_of(&allowed, 1, bob, NULL) & BF_CHANNEL_KICK);
}

static void entries_say_whether_they_are_for_here_or_below(void **state)
{
	const struct bf_channel_list top =
		LIST({EVERYONE, .deny = BF_CHANNEL_SPEAK, .applies_here = true},
			{EVERYONE, .deny = BF_CHANNEL_TEXT, .applies_below = true});
	const struct bf_channel_list path[] = {top, EMPTY, EMPTY};

	(void)state;
	assert_int_equal(rights_of(path, 1, ann, NULL), BF_CHANNEL_DEFAULT & ~BF_CHANNEL_SPEAK);
	assert_int_equal(rights_of(path, 2, ann, NULL), BF_CHANNEL_DEFAULT & ~BF_CHANNEL_TEXT);
	assert_int_equal(rights_of(path, 3, ann, NULL), BF_CHANNEL_DEFAULT & ~BF_CHANNEL_TEXT);
}

static void who_may_not_pass_may_nothing_below(void **state)
{
	const struct bf_channel_list closed =
		LIST({EVERYONE, .deny = BF_CHANNEL_TRAVERSE, .applies_here = true});
	const struct bf_channel_list open = LIST({.user = ann, .allow = BF_CHANNEL_ALL, BOTH});
	const struct bf_channel_list path[] = {EMPTY, closed, open};

	(void)state;
	assert_int_equal(rights_of(path, 2, ann, NULL), 0);
	assert_int_equal(rights_of(path, 3, ann, NULL), 0);
}

static void who_may_write_a_list_may_all_but_be_heard(void **state)
{
	const struct bf_channel_list list = LIST({EVERYONE, .allow = BF_CHANNEL_WRITE,
		.deny = BF_CHANNEL_SPEAK | BF_CHANNEL_WHISPER | BF_CHANNEL_TRAVERSE, BOTH});

	(void)state;
	assert_int_equal(rights_of(&list, 1, ann, NULL),
		BF_CHANNEL_ALL & ~(BF_CHANNEL_SPEAK | BF_CHANNEL_WHISPER));
}

static void each_bit_has_a_name(void **state)
{
	uint32_t right = 0, all = 0;

	(void)state;
	for (size_t i = 0; bf_channel_right_name(i, &right); i++) {
		assert_false(all & right);
		assert_int_equal(bf_channel_right_of(bf_channel_right_name(i, &right)), right);
		all |= right;
	}
	assert_int_equal(all, BF_CHANNEL_ALL);
	assert_int_equal(bf_channel_right_of("fly"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_lists_everybody_may_come_and_be_heard),
		cmocka_unit_test(what_is_denied_at_the_top_is_allowed_again_in_one_channel_only),
		cmocka_unit_test(later_entries_count_more),
		cmocka_unit_test(entries_say_whether_they_are_for_here_or_below),
		cmocka_unit_test(who_may_not_pass_may_nothing_below),
		cmocka_unit_test(who_may_write_a_list_may_all_but_be_heard),
		cmocka_unit_test(each_bit_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
