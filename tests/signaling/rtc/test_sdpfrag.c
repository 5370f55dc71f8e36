/* Trickle ICE fragments. */
#include "signaling/rtc/sdpfrag.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PWD "P2uYro0UCOQ4zxjKXaWCBui1"
#define WHOLE                                                                                      \
	"a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n" \
	"a=ice-pwd:" PWD "\r\na=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"         \
	"a=candidate:2 1 tcp 1518280447 192.0.2.1 9 typ host tcptype "                             \
	"active\r\na=end-of-candidates\r\n"

static void fragments_are_taken_apart(void **state)
{
	struct bf_sdpfrag fragment;
	const char *why;

	(void)state;
	assert_int_equal(bf_sdpfrag_parse(&fragment, bf_bytes_str(WHOLE), &why), 0);
	assert_true(bf_bytes_is(fragment.ufrag, "EsAw"));
	assert_true(bf_bytes_is(fragment.pwd, PWD));
	assert_int_equal(fragment.candidate_count, 2);
	assert_true(bf_bytes_is(
		fragment.candidates[0], "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host"));
	assert_true(fragment.is_end);
	/* LF, no end of line at the end, no credentials. */
	assert_int_equal(
		bf_sdpfrag_parse(&fragment, bf_bytes_str("a=mid:0\na=candidate:1 x"), &why), 0);
	assert_null(fragment.ufrag.data);
	assert_int_equal(fragment.candidate_count, 1);
	assert_false(fragment.is_end);
}

static void sections_may_repeat_the_credentials_but_not_change_them(void **state)
{
	struct bf_sdpfrag fragment;
	const char *why;

	(void)state;
	assert_int_equal(bf_sdpfrag_parse(&fragment, bf_bytes_str(WHOLE WHOLE), &why), 0);
	assert_int_equal(fragment.candidate_count, 4);
	assert_int_equal(
		bf_sdpfrag_parse(&fragment, bf_bytes_str(WHOLE "a=ice-ufrag:Else\r\n"), &why),
		-EBADMSG);
}

static void malformed_ones_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"\r\n",
		"hello",
		"=x",
		"a=mid:0\r\n\r\na=mid:1\r\n",
		"a=candidate:1 \x01\r\n",
		"a=candidate:1 \xc3\xa4\r\n",
		"a=ice-ufrag:EsAw\r\n",
		"a=ice-pwd:" PWD "\r\n",
		"a=ice-ufrag:abc\r\na=ice-pwd:" PWD "\r\n",
		"a=ice-ufrag:ab c\r\na=ice-pwd:" PWD "\r\n",
		"a=ice-ufrag:EsAw\r\na=ice-pwd:short\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_sdpfrag fragment;
		const char *why = NULL;

		assert_int_equal(
			bf_sdpfrag_parse(&fragment, bf_bytes_str(cases[i]), &why), -EBADMSG);
		assert_non_null(why);
	}
}

static void bounds_hold(void **state)
{
	struct bf_sdpfrag fragment;
	char line[BF_SDPFRAG_LINE + 2], text[4096] = "", cred[600];
	const char *why;
	size_t len = 0;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "a=", 2);
	assert_int_equal(bf_sdpfrag_parse(&fragment, bf_bytes(line, BF_SDPFRAG_LINE), &why), 0);
	assert_int_equal(
		bf_sdpfrag_parse(&fragment, bf_bytes(line, BF_SDPFRAG_LINE + 1), &why), -EBADMSG);
	for (int i = 0; i < BF_SDPFRAG_CANDIDATES + 3; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a=candidate:%d\n", i);
	assert_int_equal(bf_sdpfrag_parse(&fragment, bf_bytes_str(text), &why), 0);
	assert_int_equal(fragment.candidate_count, BF_SDPFRAG_CANDIDATES);
	/* 256 characters of a credential are the most, and what the worker's message has room for. */
	for (int extra = 0; extra < 2; extra++) {
		snprintf(cred, sizeof(cred), "a=ice-ufrag:%0*d\na=ice-pwd:" PWD "\n", 256 + extra,
			7);
		assert_int_equal(bf_sdpfrag_parse(&fragment, bf_bytes_str(cred), &why),
			extra ? -EBADMSG : 0);
	}
}

static void every_truncation_is_refused_or_a_shorter_fragment(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(WHOLE) - 1; len++) {
		struct bf_sdpfrag fragment = {.is_end = false};
		char *copy = malloc(len + 1); /* so that a sanitizer sees reads past the end */
		const char *why = NULL;
		int err;

		assert_non_null(copy);
		memcpy(copy, WHOLE, len);
		err = bf_sdpfrag_parse(&fragment, bf_bytes(copy, len), &why);
		if (err)
			assert_non_null(why);
		else
			assert_true(!fragment.ufrag.data == !fragment.pwd.data);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragments_are_taken_apart),
		cmocka_unit_test(sections_may_repeat_the_credentials_but_not_change_them),
		cmocka_unit_test(malformed_ones_are_refused),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(every_truncation_is_refused_or_a_shorter_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
