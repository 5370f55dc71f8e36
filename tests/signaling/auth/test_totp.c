#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/totp.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* RFC 6238 appendix B: the secret, and the last six of its eight digits. */
static const uint8_t secret[] = "12345678901234567890";

static int verify(const char *code, int64_t now_s, int64_t last_step, int64_t *step)
{
	return bf_totp_verify(secret, bf_bytes_str(code), now_s, last_step, step);
}

static void codes_are_those_of_the_rfc(void **state)
{
	static const struct {
		int64_t now_s;
		const char *code;
	} rows[] = {{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"},
		{1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
	int64_t step;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(verify(rows[i].code, rows[i].now_s, 0, &step), 0);
		assert_int_equal(step, rows[i].now_s / 30);
	}
}

static void a_code_is_good_one_step_early_or_late_and_once(void **state)
{
	int64_t at = 1234567890, step = 7;

	(void)state;
	assert_int_equal(verify("005924", at - 30, 0, &step), 0);
	assert_int_equal(verify("005924", at + 30, 0, &step), 0);
	assert_int_equal(step, at / 30);
	step = 7;
	assert_int_equal(verify("005924", at - 60, 0, &step), -EACCES);
	assert_int_equal(verify("005924", at + 60, 0, &step), -EACCES);
	assert_int_equal(verify("005924", at, at / 30, &step), -EACCES);
	assert_int_equal(verify("005925", at, 0, &step), -EACCES);
	assert_int_equal(step, 7);
	assert_int_equal(verify("005924", at, at / 30 - 1, &step), 0);
}

static void what_is_not_six_digits_is_no_code(void **state)
{
	static const char *const wrong[] = {"", "00592", "0059244", "00592a", " 05924", "-05924"};
	int64_t step;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(verify(wrong[i], 1234567890, 0, &step), -EINVAL);
}

static void names_are_encoded_in_the_uri(void **state)
{
	char uri[BF_TOTP_URI_BYTES], text[BF_TOTP_SECRET_TEXT], name[600];

	(void)state;
	assert_int_equal(bf_totp_secret_format(secret, text), 0);
	assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
	assert_int_equal(bf_totp_uri(secret, "A & B: c", "\xc3\xa4nn@x.org", uri), 0);
	assert_string_equal(uri, "otpauth://totp/A%20%26%20B%3A%20c:%C3%A4nn%40x.org"
				 "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
				 "&issuer=A%20%26%20B%3A%20c&algorithm=SHA1&digits=6&period=30");
	memset(name, ' ', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(bf_totp_uri(secret, "x", name, uri), -ENOBUFS);
}

static void oathtool_makes_the_same_codes(void **state)
{
	uint8_t made[BF_TOTP_SECRET_BYTES];
	char text[BF_TOTP_SECRET_TEXT], command[128], code[16] = "";
	int64_t now_s = time(NULL), step;
	FILE *tool;

	(void)state;
	bf_totp_secret_make(made);
	assert_int_equal(bf_totp_secret_format(made, text), 0);
	snprintf(
		command, sizeof(command), "oathtool --totp -b -N @%lld %s", (long long)now_s, text);
	tool = popen(command, "r");
	assert_non_null(tool);
	assert_non_null(fgets(code, sizeof(code), tool));
	assert_int_equal(pclose(tool), 0);
	code[strcspn(code, "\n")] = '\0';
	assert_int_equal(bf_totp_verify(made, bf_bytes_str(code), now_s, 0, &step), 0);
	assert_int_equal(bf_totp_verify(made, bf_bytes_str(code), now_s, step, &step), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_rfc),
		cmocka_unit_test(a_code_is_good_one_step_early_or_late_and_once),
		cmocka_unit_test(what_is_not_six_digits_is_no_code),
		cmocka_unit_test(names_are_encoded_in_the_uri),
		cmocka_unit_test(oathtool_makes_the_same_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
