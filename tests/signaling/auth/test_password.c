#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/bcrypt.h"
#include "signaling/auth/password.h"

#include <crypt.h>
#include <errno.h>
#include <stdio.h>

/* What libcrypt makes of "correct horse" with this beginning. */
static void make(char out[64], const char *begins)
{
	static struct crypt_data data;

	snprintf(out, 64, "%s", crypt_r("correct horse", begins, &data));
	assert_int_equal(strlen(out), 60);
}

static void hashes_of_bcrypt_are_checked(void **state)
{
	static const char *const begins[] = {"$2a$04$abcdefghijklmnopqrstuu",
		"$2b$04$abcdefghijklmnopqrstuu", "$2y$05$abcdefghijklmnopqrstuu"};
	char hash[64];

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		make(hash, begins[i]);
		assert_int_equal(bf_password_verify("correct horse", hash), 0);
		assert_int_equal(bf_password_verify("correct hors", hash), -EACCES);
		assert_true(bf_password_needs_rehash(hash, &bf_password_cost_default));
	}
}

static void hashes_of_bcrypt_that_cost_too_much_or_are_none_are_refused(void **state)
{
	const char *why = NULL;
	char hash[64];

	(void)state;
	make(hash, "$2b$04$abcdefghijklmnopqrstuu");
	memcpy(hash + 4, "15", 2);
	assert_int_equal(bf_bcrypt_verify("x", hash, &why), -EINVAL);
	assert_string_equal(why, "has a cost above 14");
	memcpy(hash + 4, "03", 2);
	assert_int_equal(bf_bcrypt_verify("x", hash, &why), -EINVAL);
	assert_string_equal(why, "is no hash of bcrypt");
	memcpy(hash + 4, "04", 2);
	hash[59] = '\0';
	assert_int_equal(bf_password_verify("correct horse", hash), -EINVAL);
	assert_int_equal(bf_password_verify("x", "$2b$"), -EINVAL);
}

static void a_hash_that_asks_for_too_much_is_refused(void **state)
{
	static const char *const wrong[] = {"m=4194304,t=2,p=1", "m=19456,t=4000000,p=1",
		"m=19456,t=2,p=200", "m=99999999999,t=2,p=1", "m=19456,t=2", "m=,t=2,p=1",
		"m=19456,t=0,p=1"};
	char hash[128];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(hash, sizeof(hash),
			"$argon2id$v=19$%s$c2FsdHNhbHRzYWx0$"
			"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			wrong[i]);
		assert_int_equal(bf_password_verify("x", hash), -EINVAL);
	}
}

static void a_hash_below_the_cost_is_to_be_made_anew(void **state)
{
	const struct bf_password_cost small = {64, 1, 1}, more = {64, 2, 1}, huge = {1 << 30, 1, 1};
	char hash[BF_PASSWORD_HASH_BYTES];

	(void)state;
	assert_int_equal(bf_password_hash_at(&small, "correct horse", NULL, hash), 0);
	assert_int_equal(strncmp(hash, "$argon2id$v=19$m=64,t=1,p=1$", 28), 0);
	assert_int_equal(bf_password_verify("correct horse", hash), 0);
	assert_false(bf_password_needs_rehash(hash, &small));
	assert_true(bf_password_needs_rehash(hash, &more));
	assert_int_equal(bf_password_hash_at(&huge, "correct horse", NULL, hash), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_bcrypt_are_checked),
		cmocka_unit_test(hashes_of_bcrypt_that_cost_too_much_or_are_none_are_refused),
		cmocka_unit_test(a_hash_that_asks_for_too_much_is_refused),
		cmocka_unit_test(a_hash_below_the_cost_is_to_be_made_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
