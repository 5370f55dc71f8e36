#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/cidr.h"

#include <errno.h>

static bool has(const char *network, const char *address)
{
	struct bf_cidr cidr;
	struct bf_addr addr;

	assert_int_equal(bf_cidr_parse(&cidr, network), 0);
	assert_int_equal(bf_addr_parse_ip(&addr, address, 4711), 0);
	return bf_cidr_has(&cidr, &addr);
}

static void a_network_has_its_addresses_and_no_others(void **state)
{
	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.255.255"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("192.0.2.128/25", "192.0.2.128"));
	assert_false(has("192.0.2.128/25", "192.0.2.127"));
	assert_true(has("192.0.2.1", "192.0.2.1"));
	assert_false(has("192.0.2.1", "192.0.2.2"));
	assert_true(has("0.0.0.0/0", "255.1.2.3"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_false(has("::/0", "10.1.2.3"));
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8",
		"10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/0008", "::1/129", "::1/64", "10.0.0/8",
		"host/8", "10.0.0.0/8/8",
		"1111111111111111111111111111111111111111111111111111111111111111111111111111"};
	struct bf_cidr cidr;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bf_cidr_parse(&cidr, bad[i]), -EINVAL);
}

static void a_prefix_keeps_the_first_bits(void **state)
{
	struct bf_addr addr, want, got;

	(void)state;
	assert_int_equal(bf_addr_parse(&addr, "[2001:db8:1:2:3:4:5:6]:99"), 0);
	assert_int_equal(bf_addr_parse_ip(&want, "2001:db8:1:2::", 0), 0);
	got = bf_addr_prefix(&addr, 64);
	assert_true(bf_addr_equal(&got, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_its_addresses_and_no_others),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(a_prefix_keeps_the_first_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
