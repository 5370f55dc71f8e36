/* What load balancers say ahead of everything else. */
#include "signaling/http/proxy_header.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void check(const void *data, size_t len, int result, const char *client)
{
	struct bf_proxy_header header = {.has_client = false};
	char text[BF_ADDR_TEXT];

	assert_int_equal(bf_proxy_header_parse(&header, bf_bytes(data, len)), result);
	assert_int_equal(header.has_client, client != NULL);
	if (client)
		assert_string_equal(bf_addr_format(&header.client, text), client);
	/* cut anywhere, it is not refused and not taken for whole */
	for (size_t cut = 0; result > 0 && cut < (size_t)result; cut++)
		assert_int_equal(bf_proxy_header_parse(&header, bf_bytes(data, cut)), 0);
}

#define CHECK(text, result, client) check(text, sizeof(text) - 1, result, client)

static void version_1_is_read(void **state)
{
	(void)state;
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET", 42, "192.0.2.1:56324");
	CHECK("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", 36, "[2001:db8::1]:1");
	CHECK("PROXY UNKNOWN\r\n", 15, NULL);
	CHECK("PROXY UNKNOWN what ever\r\n", 25, NULL);
}

static void what_is_not_version_1_is_refused(void **state)
{
	char line[128];

	(void)state;
	CHECK("GET / HTTP/1.1\r\n", -EBADMSG, NULL);
	CHECK("P", 0, NULL);
	CHECK("PX", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 01 443\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1 192.0.2.2 -1 443\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 ::1 ::1 1 1\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP6 192.0.2.1 192.0.2.2 1 1\r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP6 [::1] ::1 1 1\r\n", -EBADMSG, NULL);
	CHECK("PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n", -EBADMSG, NULL);
	CHECK("PROXY \r\n", -EBADMSG, NULL);
	CHECK("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 1\r\n", -EBADMSG, NULL);
	snprintf(line, sizeof(line), "PROXY UNKNOWN %093d", 0); /* 107 characters and no end */
	check(line, 106, 0, NULL);
	check(line, 107, -EBADMSG, NULL);
}

static void version_2_is_read(void **state)
{
	(void)state;
	CHECK(V2 "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x01\x00\x01\xbb", 28,
		"192.0.2.1:256");
	CHECK(V2 "\x21\x11\x00\x0f\xc0\x00\x02\x01\xc0\x00\x02\x02\x01\x00\x01\xbb\x04\x00\x00", 31,
		"192.0.2.1:256");
	CHECK(V2 "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x02\x01\xbb",
		52, "[2001:db8::1]:2");
	CHECK(V2 "\x20\x00\x00\x00GET", 16, NULL);
	CHECK(V2 "\x20\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x01\x00\x01\xbb", 28, NULL);
	CHECK(V2 "\x21\x31\x00\x01x", 17, NULL);
	CHECK(V2 "\x21\x00\x00\x01x", 17, NULL);
}

static void what_is_not_version_2_is_refused(void **state)
{
	(void)state;
	CHECK("\r\n\r\n\0\r\nQUIX", -EBADMSG, NULL);
	CHECK(V2 "\x11\x11\x00\x0c", -EBADMSG, NULL); /* version 1 */
	CHECK(V2 "\x22\x11\x00\x0c", -EBADMSG, NULL); /* no such command */
	CHECK(V2 "\x21\x11\x00\x0b", -EBADMSG, NULL); /* too short for its addresses */
	CHECK(V2 "\x21\x21\x00\x23", -EBADMSG, NULL); /* the same */
	CHECK(V2 "\x21\x12\x00\x0c", -EBADMSG, NULL); /* UDP */
	CHECK(V2 "\x21\x11\xff\xff", -EBADMSG, NULL); /* longer than we read */
	CHECK(V2 "\x21\x11\x07\xf0", 0, NULL);	      /* exactly as long */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_is_read),
		cmocka_unit_test(what_is_not_version_1_is_refused),
		cmocka_unit_test(version_2_is_read),
		cmocka_unit_test(what_is_not_version_2_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
