#include "media/ice/ice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the three above first */
#include <cmocka.h>

static void credentials_hold_prefix_and_randomness(void **state)
{
	struct bf_ice_creds creds;
	uint8_t random[32];

	(void)state;
	for (unsigned i = 0; i < 32; i++)
		random[i] = (uint8_t)(i * 37 + 200);
	bf_ice_creds_make(&creds, "w03t0000beef", random);
	assert_memory_equal(creds.ufrag, "w03t0000beef", 12);
	assert_int_equal(strlen(creds.ufrag), 12 + 8);
	assert_int_equal(strlen(creds.pwd), 24);
	assert_int_equal(
		strspn(creds.pwd, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
		24);
	for (unsigned i = 0; i < 32; i++) { /* every byte of randomness counts */
		struct bf_ice_creds other;

		random[i]++;
		bf_ice_creds_make(&other, "w03t0000beef", random);
		assert_memory_not_equal(&other, &creds, sizeof(creds));
		random[i]--;
	}
}

static void udp_is_preferred_to_tcp_and_earlier_to_later(void **state)
{
	(void)state;
	assert_int_equal(bf_ice_host_priority(false, true, 0), 126u << 24 | 65535u << 8 | 255);
	assert_true(bf_ice_host_priority(false, false, 0) > bf_ice_host_priority(false, true, 1));
	assert_true(bf_ice_host_priority(false, true, 0) > bf_ice_host_priority(false, false, 0));
	assert_true(bf_ice_host_priority(false, false, 5000) > bf_ice_host_priority(true, true, 0));
	assert_true(bf_ice_host_priority(true, false, 0) > bf_ice_host_priority(true, true, 1));
	assert_true(bf_ice_host_priority(true, false, UINT32_MAX) >> 24 == 126);
}

static void candidates_read_as_browsers_expect(void **state)
{
	char text[BF_ICE_CANDIDATE_TEXT];
	struct bf_addr addr;

	(void)state;
	assert_int_equal(bf_addr_parse(&addr, "192.0.2.1:7100"), 0);
	assert_string_equal(bf_ice_candidate_format(text, &addr, false, 0),
		"candidate:1 1 udp 2130706175 192.0.2.1 7100 typ host");
	assert_int_equal(bf_addr_parse(&addr, "[2001:db8::1]:7100"), 0);
	assert_string_equal(bf_ice_candidate_format(text, &addr, true, 3),
		"candidate:8 1 tcp 2124413439 2001:db8::1 7100 typ host tcptype passive");
}

static void longest_candidate_fits(void **state)
{
	char text[BF_ICE_CANDIDATE_TEXT];
	struct bf_addr addr;

	(void)state;
	assert_int_equal(
		bf_addr_parse(&addr, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"), 0);
	bf_ice_candidate_format(text, &addr, true, UINT32_MAX);
	assert_non_null(strstr(text, " typ host tcptype passive"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials_hold_prefix_and_randomness),
		cmocka_unit_test(udp_is_preferred_to_tcp_and_earlier_to_later),
		cmocka_unit_test(candidates_read_as_browsers_expect),
		cmocka_unit_test(longest_candidate_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
