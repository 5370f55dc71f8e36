#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void text_and_back_is_the_same(void **state)
{
	static const char *const texts[] = {"192.0.2.1:7008", "0.0.0.0:0", "255.255.255.255:65535",
		"[2001:db8::1]:7008", "[::]:1", "[::1]:65535",
		"[2001:db8:1111:2222:3333:4444:5555:6666]:65535"};
	char out[BF_ADDR_TEXT];
	struct bf_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(bf_addr_parse(&addr, texts[i]), 0);
		assert_string_equal(bf_addr_format(&addr, out), texts[i]);
	}
}

static void mapped_ipv4_becomes_ipv4_wherever_it_comes_from(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct bf_addr plain, mapped;
	char out[BF_ADDR_TEXT];

	(void)state;
	assert_int_equal(bf_addr_parse(&plain, "192.0.2.1:9"), 0);
	assert_int_equal(bf_addr_parse(&mapped, "[::ffff:192.0.2.1]:9"), 0);
	assert_true(bf_addr_equal(&plain, &mapped));
	assert_int_equal(bf_addr_parse_ip(&mapped, "::ffff:c000:201", 9), 0);
	assert_true(bf_addr_equal(&plain, &mapped));
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	mapped = bf_addr_from_sockaddr((const struct sockaddr *)&in6);
	assert_true(bf_addr_equal(&plain, &mapped));
	assert_string_equal(bf_addr_format(&mapped, out), "192.0.2.1:9");
}

static void malformed_text_is_refused_and_out_untouched(void **state)
{
	static const char *const bad[] = {"", ":", ":7008", "192.0.2.1",
		"192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1",
		"192.0.2.1:1 ", "192.0.2.1:000001", "192.0.2:1", "192.0.2.256:1", "192.0.2.01:1",
		"192.0.2.1.5:1", "localhost:1", "::1:7008", "[::1]", "[::1]7008", "[::1:7008",
		"::1]:7008", "[]:1", "[:1", "[192.0.2.1]:1", "[fe80::1%eth0]:1",
		"[2001:db8::1::]:1", "[[::1]]:1",
		"[11112001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999]:1"};
	struct bf_addr addr = {.port = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bf_addr_parse(&addr, bad[i]), -EINVAL);
		assert_int_equal(addr.port, 77);
	}
}

static void an_ip_alone_may_have_brackets_only_if_ipv6(void **state)
{
	struct bf_addr addr;
	char out[BF_ADDR_TEXT];

	(void)state;
	assert_int_equal(bf_addr_parse_ip(&addr, "[2001:db8::1]", 5), 0);
	assert_string_equal(bf_addr_format_ip(&addr, out), "2001:db8::1");
	assert_int_equal(addr.port, 5);
	assert_int_equal(bf_addr_parse_ip(&addr, "2001:db8::2", 5), 0);
	assert_int_equal(bf_addr_parse_ip(&addr, "192.0.2.7", 5), 0);
	assert_string_equal(bf_addr_format_ip(&addr, out), "192.0.2.7");
	assert_int_equal(bf_addr_parse_ip(&addr, "[192.0.2.7]", 5), -EINVAL);
	assert_int_equal(bf_addr_parse_ip(&addr, "[", 5), -EINVAL);
	assert_int_equal(bf_addr_parse_ip(&addr, "[::1", 5), -EINVAL);
	assert_int_equal(bf_addr_parse_ip(&addr, "", 5), -EINVAL);
	assert_int_equal(bf_addr_parse_ip(&addr, "192.0.2.7:80", 5), -EINVAL);
}

static void socket_addresses_convert_both_ways(void **state)
{
	struct sockaddr_storage ss;
	struct sockaddr_un {
		sa_family_t family;
		char path[100];
	} other = {.family = AF_UNIX};
	struct bf_addr in, back;

	(void)state;
	assert_int_equal(bf_addr_parse(&in, "192.0.2.1:7008"), 0);
	assert_int_equal(bf_addr_to_sockaddr(&in, &ss), sizeof(struct sockaddr_in));
	back = bf_addr_from_sockaddr((const struct sockaddr *)&ss);
	assert_true(bf_addr_equal(&in, &back));
	assert_int_equal(bf_addr_parse(&in, "[2001:db8::9]:65535"), 0);
	assert_int_equal(bf_addr_to_sockaddr(&in, &ss), sizeof(struct sockaddr_in6));
	back = bf_addr_from_sockaddr((const struct sockaddr *)&ss);
	assert_true(bf_addr_equal(&in, &back));
	back = bf_addr_from_sockaddr((const struct sockaddr *)&other);
	assert_int_equal(back.family, 0);
	assert_int_equal(bf_addr_to_sockaddr(&back, &ss), 0);
}

static bool is(bool (*question)(const struct bf_addr *), const char *ip)
{
	struct bf_addr addr;

	assert_int_equal(bf_addr_parse_ip(&addr, ip, 1), 0);
	return question(&addr);
}

static void kinds_of_address_are_told_apart_at_their_borders(void **state)
{
	struct bf_addr none = {.family = 0};

	(void)state;
	assert_true(is(bf_addr_is_loopback, "127.0.0.1"));
	assert_true(is(bf_addr_is_loopback, "127.255.255.255"));
	assert_true(is(bf_addr_is_loopback, "::1"));
	assert_true(is(bf_addr_is_loopback, "::ffff:127.0.0.1"));
	assert_false(is(bf_addr_is_loopback, "128.0.0.1"));
	assert_false(is(bf_addr_is_loopback, "::2"));
	assert_true(is(bf_addr_is_any, "0.0.0.0"));
	assert_true(is(bf_addr_is_any, "::"));
	assert_false(is(bf_addr_is_any, "0.0.0.1"));
	assert_false(bf_addr_is_any(&none));
	assert_true(is(bf_addr_is_link_local, "169.254.0.0"));
	assert_false(is(bf_addr_is_link_local, "169.253.255.255"));
	assert_true(is(bf_addr_is_link_local, "fe80::1"));
	assert_true(is(bf_addr_is_link_local, "febf::1"));
	assert_false(is(bf_addr_is_link_local, "fec0::1"));
	assert_false(is(bf_addr_is_link_local, "fe7f::1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_back_is_the_same),
		cmocka_unit_test(mapped_ipv4_becomes_ipv4_wherever_it_comes_from),
		cmocka_unit_test(malformed_text_is_refused_and_out_untouched),
		cmocka_unit_test(an_ip_alone_may_have_brackets_only_if_ipv6),
		cmocka_unit_test(socket_addresses_convert_both_ways),
		cmocka_unit_test(kinds_of_address_are_told_apart_at_their_borders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
