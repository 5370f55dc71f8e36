#include "signaling/auth/guesses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_people_take_is_guessed(void **state)
{
	static const char *const guessed[] = {"Password1!", "pass123", "P@ssw0rd2026!",
		"123456789012345", "qwertyuiopasdfg", "aaaaaaaaaaaaaaaa", "belfrybelfrybelfry",
		"abcabcabcabcabcabc", "abcdefghijklmnop", "zyxwvutsrqponmlk",
		"welcome to the office 1", "LetMeInPlease2024", "ILoveYouForever!!",
		"summer2025summer2025", "1qaz2wsx3edc4rfv", "098765432109876",
		"Master Password 12345", "2026202620262026", "!!!!!!!!!!!!!!!!!"};

	(void)state;
	for (size_t i = 0; i < sizeof(guessed) / sizeof(guessed[0]); i++)
		if (!bf_guessed_why(guessed[i], NULL))
			fail_msg("%s", guessed[i]);
}

static void what_nobody_would_take_is_not(void **state)
{
	static const char *const good[] = {"correct horse battery", "vqzjrhwkplmnxtgdbfyc",
		"tractor ladle nimbus", "a password of some length", "T7#kq-92hLx.mm0v",
		"korrekt pferd batterie", "\xc3\xa4pfel und b\xc3\xa4ume im garten",
		"root's long password", "x"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (bf_guessed_why(good[i], NULL))
			fail_msg("%s %s", good[i], bf_guessed_why(good[i], NULL));
}

static void ones_own_name_is_no_password(void **state)
{
	static const char *const own[] = {"Wilhelmina", "w.oldenburg@acme.example", NULL};

	(void)state;
	assert_non_null(bf_guessed_why("wilhelmina123456", own));
	assert_non_null(bf_guessed_why("W1lhelm1na-xyz", own));
	assert_non_null(bf_guessed_why("w.oldenburg-2026", own));
	assert_null(bf_guessed_why("wilhelmina123456", NULL));
	assert_null(bf_guessed_why("wilhelmina eats green tractors", own));
}

static void long_ones_are_no_guess(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_null(bf_guessed_why(text, NULL));
	text[256] = '\0';
	assert_non_null(bf_guessed_why(text, NULL));
	assert_null(bf_guessed_why("", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_take_is_guessed),
		cmocka_unit_test(what_nobody_would_take_is_not),
		cmocka_unit_test(ones_own_name_is_no_password),
		cmocka_unit_test(long_ones_are_no_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
