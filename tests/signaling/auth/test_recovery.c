#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/recovery.h"

#include <errno.h>

static void a_code_is_three_groups_and_no_two_are_alike(void **state)
{
	char one[BF_RECOVERY_CODE_TEXT], two[BF_RECOVERY_CODE_TEXT];
	uint8_t hash[BF_SHA256_BYTES];

	(void)state;
	bf_recovery_code_make(one);
	bf_recovery_code_make(two);
	assert_int_equal(strlen(one), 14);
	assert_int_equal(one[4], '-');
	assert_int_equal(one[9], '-');
	assert_int_equal(strspn(one, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 14);
	assert_string_not_equal(one, two);
	assert_int_equal(bf_recovery_code_hash(hash, bf_bytes_str(one)), 0);
}

static void what_people_type_for_a_code_is_the_code(void **state)
{
	static const char *const same[] = {"0A1B-C1DE-FGH0", "0a1bc1defgh0", " oAiB cLDE--fgho "};
	uint8_t right[BF_SHA256_BYTES], hash[BF_SHA256_BYTES];

	(void)state;
	bf_sha256(right, bf_bytes_str("0A1BC1DEFGH0"));
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(bf_recovery_code_hash(hash, bf_bytes_str(same[i])), 0);
		assert_memory_equal(hash, right, sizeof(right));
	}
	assert_int_equal(bf_recovery_code_hash(hash, bf_bytes_str("0A1B-C1DE-FGH1")), 0);
	assert_memory_not_equal(hash, right, sizeof(right));
}

static void what_is_no_code_is_refused(void **state)
{
	static const char *const wrong[] = {"", "0A1B-C1DE-FGH", "0A1B-C1DE-FGH00",
		"0A1B-C1DE-FGHU", "0A1B_C1DE_FGH0",
		"0A1BC1DEFGH0                                                     "};
	uint8_t hash[BF_SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(bf_recovery_code_hash(hash, bf_bytes_str(wrong[i])), -EINVAL);
	assert_int_equal(bf_recovery_code_hash(hash, bf_bytes("0A1BC1DEFGH\0", 12)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_is_three_groups_and_no_two_are_alike),
		cmocka_unit_test(what_people_type_for_a_code_is_the_code),
		cmocka_unit_test(what_is_no_code_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
