#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/password.h"
#include "signaling/auth/rules.h"

#include <errno.h>

#define NAME_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef const char *rule(const char *text);

static void takes(rule *says, const char *const *texts)
{
	for (; *texts; texts++)
		if (says(*texts))
			fail_msg("'%s' %s", *texts, says(*texts));
}

static void refuses(rule *says, const char *const *texts)
{
	for (; *texts; texts++)
		if (!says(*texts))
			fail_msg("'%s' is taken", *texts);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void names_are_of_letters_that_nobody_confuses(void **state)
{
	(void)state;
	takes(bf_rule_slug, TEXTS("a", "acme-inc", "0", NAME_64));
	refuses(bf_rule_slug, TEXTS("", "-a", "a-", "A", "a b", "a_b", "\xc3\xa9", NAME_64 "a"));
	takes(bf_rule_username, TEXTS("a", "Ann.B_c-9", "0", NAME_64));
	refuses(bf_rule_username,
		TEXTS("", ".a", "-a", "a b", "a@b", "a/b", "\xd0\xb0nn", NAME_64 "a"));
	takes(bf_rule_role, TEXTS("admin", "read-only"));
	refuses(bf_rule_role, TEXTS("", "Admin", "a b"));
}

static void an_address_has_two_sides(void **state)
{
	char text[300];

	(void)state;
	takes(bf_rule_email, TEXTS("a@b", "Ann+x@mail.example", "\xc3\xa9@\xc3\xa9.example"));
	refuses(bf_rule_email, TEXTS("", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "a@.b", "a@b.",
				       "a@b..c", "a@-b"));
	memset(text, 'x', sizeof(text));
	memcpy(text + 64, "@b", 3);
	assert_null(bf_rule_email(text));
	memcpy(text + 64, "x@b", 4);
	assert_non_null(bf_rule_email(text));
	memset(text, 'x', sizeof(text));
	text[1] = '@';
	text[254] = '\0';
	assert_null(bf_rule_email(text));
	text[254] = 'x';
	text[255] = '\0';
	assert_non_null(bf_rule_email(text));
}

static void a_title_is_a_line_for_people(void **state)
{
	(void)state;
	assert_null(bf_rule_title("T\xc3\xb6p \xf0\x9f\x94\x94", 5));
	assert_string_equal(bf_rule_title("T\xc3\xb6p \xf0\x9f\x94\x94", 4), "is too long");
	assert_non_null(bf_rule_title("", 5));
	assert_non_null(bf_rule_title(" a", 5));
	assert_non_null(bf_rule_title("a ", 5));
	assert_non_null(bf_rule_title("a\nb", 5));
	assert_non_null(bf_rule_title("a\x7f", 5));
	assert_non_null(bf_rule_title("a\xff", 5));
}

static void a_password_is_long_enough_and_of_any_kind(void **state)
{
	(void)state;
	assert_null(bf_rule_password("\xf0\x9f\x94\x94 is 8cc"));
	assert_non_null(bf_rule_password("\xf0\x9f\x94\x94\xf0\x9f\x94\x94")); /* two characters */
	assert_non_null(bf_rule_password("1234567"));
	assert_non_null(bf_rule_password_chosen("fourteen chars", false));
	assert_null(bf_rule_password_chosen("fifteen letters", false));
	assert_null(bf_rule_password_chosen("8 chars.", true));
	assert_non_null(bf_rule_password_chosen("7 chars", true));
	takes(bf_rule_password_hash, TEXTS("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", "$2b$12$x"));
	refuses(bf_rule_password_hash, TEXTS("", "plain", "$1$x", "$argon2i$v=19$"));
}

static void keys_differ_in_more_than_the_case(void **state)
{
	char key[16];

	(void)state;
	bf_rule_key("AnN.Z-\xc3\x89", key);
	assert_string_equal(key, "ann.z-\xc3\x89");
}

static void a_hash_is_of_one_password_and_says_how_it_was_made(void **state)
{
	static const char begins[] = "$argon2id$v=19$m=19456,t=2,p=1$";
	char one[BF_PASSWORD_HASH_BYTES], two[BF_PASSWORD_HASH_BYTES];

	(void)state;
	assert_int_equal(bf_password_hash("correct horse", NULL, one), 0);
	assert_int_equal(bf_password_hash("correct horse", NULL, two), 0);
	assert_memory_equal(one, begins, sizeof(begins) - 1);
	assert_string_not_equal(one, two); /* the salt */
	assert_int_equal(bf_password_verify("correct horse", one), 0);
	assert_int_equal(bf_password_verify("correct horse", two), 0);
	assert_int_equal(bf_password_verify("correct hors", one), -EACCES);
	assert_int_equal(bf_password_verify("", one), -EACCES);
	assert_int_equal(bf_password_verify("correct horse", "plain"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_of_letters_that_nobody_confuses),
		cmocka_unit_test(an_address_has_two_sides),
		cmocka_unit_test(a_title_is_a_line_for_people),
		cmocka_unit_test(a_password_is_long_enough_and_of_any_kind),
		cmocka_unit_test(keys_differ_in_more_than_the_case),
		cmocka_unit_test(a_hash_is_of_one_password_and_says_how_it_was_made),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
