#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/api_key.h"

#include <errno.h>

static void a_key_is_read_as_it_was_made(void **state)
{
	struct bf_api_key_parts made, read, other;
	char text[BF_API_KEY_TEXT], more[BF_API_KEY_TEXT], prefix[BF_API_KEY_PREFIX_TEXT];

	(void)state;
	bf_api_key_make(&made, text, BF_API_KEY_TEST);
	bf_api_key_make(&other, more, BF_API_KEY_LIVE);
	assert_int_equal(strlen(text), BF_API_KEY_TEXT - 1);
	assert_int_equal(bf_api_key_parse(&read, bf_bytes_str(text)), 0);
	assert_int_equal(read.env, BF_API_KEY_TEST);
	assert_string_equal(read.public_id, made.public_id);
	assert_string_equal(read.last_four, text + strlen(text) - 4);
	assert_true(bf_api_key_is(&read, bf_bytes(made.secret_hash, BF_SHA256_BYTES)));
	assert_false(bf_api_key_is(&read, bf_bytes(other.secret_hash, BF_SHA256_BYTES)));
	assert_false(bf_api_key_is(&read, bf_bytes(made.secret_hash, BF_SHA256_BYTES - 1)));
	bf_api_key_prefix(&read, prefix);
	assert_int_equal(strncmp(text, prefix, BF_API_KEY_PREFIX_TEXT - 1), 0);
	assert_int_equal(strncmp(prefix, "bf_test_", 8), 0);
	assert_int_equal(strncmp(more, "bf_live_", 8), 0);
}

static void a_key_with_any_letter_changed_or_cut_is_refused(void **state)
{
	struct bf_api_key_parts parts;
	char text[BF_API_KEY_TEXT];

	(void)state;
	bf_api_key_make(&parts, text, BF_API_KEY_LIVE);
	for (size_t i = 0; i < BF_API_KEY_TEXT - 1; i++) {
		char was = text[i];

		text[i] = was == '1' ? '2' : '1';
		assert_int_equal(bf_api_key_parse(&parts, bf_bytes_str(text)), -EINVAL);
		text[i] = '\0';
		assert_int_equal(
			bf_api_key_parse(&parts, bf_bytes(text, BF_API_KEY_TEXT - 1)), -EINVAL);
		text[i] = was;
		assert_int_equal(bf_api_key_parse(&parts, bf_bytes(text, i)), -EINVAL);
	}
	assert_int_equal(bf_api_key_parse(&parts, bf_bytes(text, BF_API_KEY_TEXT)), -EINVAL);
	assert_int_equal(bf_api_key_parse(&parts, bf_bytes_str(text)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_read_as_it_was_made),
		cmocka_unit_test(a_key_with_any_letter_changed_or_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
