#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/media/sdp/describe.h"

#include <errno.h>
#include <stdlib.h>

static struct bf_sdp_candidate candidate;

static int parse(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, text, len);
	err = bf_sdp_parse_candidate(&candidate, bf_bytes(copy, len));
	free(copy);
	return err;
}

static void candidates_are_read_with_and_without_their_prefixes(void **state)
{
	static const char *const forms[] = {
		"a=candidate:4 1 TCP 1015022079 fe80::84b0:33ff:fe2a:c258 9 typ host tcptype "
		"active",
		"candidate:4 1 tcp 1015022079 fe80::84b0:33ff:fe2a:c258 9 typ host tcptype active",
		"4 1 tcp 1015022079 fe80::84b0:33ff:fe2a:c258 9 typ host generation 0 tcptype "
		"active",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_int_equal(bf_sdp_parse_candidate(&candidate, bf_bytes_str(forms[i])), 0);
		assert_true(bf_bytes_is(candidate.foundation, "4"));
		assert_int_equal(candidate.component, 1);
		assert_true(candidate.is_tcp);
		assert_int_equal(candidate.priority, 1015022079);
		assert_true(bf_bytes_is(candidate.address, "fe80::84b0:33ff:fe2a:c258"));
		assert_int_equal(candidate.port, 9);
		assert_true(bf_bytes_is(candidate.type, "host"));
		assert_true(bf_bytes_is(candidate.tcptype, "active"));
	}
}

static void related_addresses_and_ufrags_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(
		bf_sdp_parse_candidate(&candidate,
			bf_bytes_str("candidate:1 2 udp 1 192.0.2.7 5000 typ srflx raddr 10.0.0.1 "
				     "rport 99 ufrag abCD network-cost 10")),
		0);
	assert_true(bf_bytes_is(candidate.ufrag, "abCD"));
	assert_true(bf_bytes_is(candidate.type, "srflx"));
	assert_true(bf_bytes_is(candidate.address, "192.0.2.7"));
	assert_int_equal(candidate.component, 2);
	assert_false(candidate.is_tcp);
}

static void names_and_foreign_transports_are_not_supported(void **state)
{
	(void)state;
	assert_int_equal(
		parse("candidate:1 1 udp 1 1139a8da-4641-495f-bf23-17b01f30b8be.local 34390 "
		      "typ host generation 0"),
		-EOPNOTSUPP);
	assert_int_equal(parse("candidate:1 1 udp 1 example.org 1 typ host"), -EOPNOTSUPP);
	assert_int_equal(parse("candidate:1 1 ssltcp 1 192.0.2.1 1 typ host"), -EOPNOTSUPP);
}

static void malformed_candidates_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"candidate:",
		"candidate:1",
		"candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 1 typ host",
		"candidate:1 0 udp 1 192.0.2.1 1 typ host",
		"candidate:1 257 udp 1 192.0.2.1 1 typ host",
		"candidate:1 1 udp 4294967296 192.0.2.1 1 typ host",
		"candidate:1 1 udp 1 192.0.2.1 65536 typ host",
		"candidate:1 1 udp 1 192.0.2.1 1 tip host",
		"candidate:1 1 udp 1 192.0.2.1 1 typ",
		"candidate:1 1 udp 1 [::1] 1 typ host",
		"candidate:1 1 udp 1 a_b 1 typ host",
		"candidate:1 1 udp 1 192.0.2.1 1 typ ho\rst",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cases[i]), -EBADMSG);
}

static void every_prefix_of_a_candidate_is_safe(void **state)
{
	static const char *const text =
		"a=candidate:4 1 TCP 1015022079 fe80::1 9 typ host tcptype active ufrag x";
	char copy[128];

	(void)state;
	for (size_t len = 0; len <= strlen(text); len++) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		parse(copy);
	}
}

/* Every candidate line of the recordings. */
static void recorded_candidates_parse(void **state)
{
	static const struct {
		const char *file;
		unsigned media_idx, count, named;
	} cases[] = {
		{"gstreamer-gathered-offer.sdp", 0, 9, 0},
		{"firefox-153-mdns-recvonly-offer.sdp", 0, 4, 4},
		{"chromium-156-mdns-recvonly-offer.sdp", 1, 1, 1},
		{"aiortc-gathered-offer.sdp", 2, 1, 0},
	};
	struct bf_sdp *sdp = malloc(sizeof(*sdp));
	char why[128];

	(void)state;
	assert_non_null(sdp);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bf_sdp_media *media = &sdp->media[cases[i].media_idx];
		unsigned named = 0;
		size_t len;
		char *text = load_description(cases[i].file, &len);

		assert_int_equal(bf_sdp_parse(sdp, bf_bytes(text, len), why, sizeof(why)), 0);
		assert_int_equal(media->candidate_count, cases[i].count);
		for (unsigned k = 0; k < media->candidate_count; k++) {
			int err = bf_sdp_parse_candidate(&candidate, media->candidates[k]);

			assert_true(err == 0 || err == -EOPNOTSUPP);
			named += err ? 1 : 0;
		}
		assert_int_equal(named, cases[i].named);
		free(text);
	}
	free(sdp);
}

static void fragments_give_credentials_candidates_and_the_end(void **state)
{
	static const char *const text =
		"a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
		"m=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n"
		"a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host\r\n"
		"a=end-of-candidates\r\n";
	struct bf_sdp_fragment fragment;
	char why[128];

	(void)state;
	assert_int_equal(bf_sdp_parse_fragment(&fragment, bf_bytes_str(text), why, sizeof(why)), 0);
	assert_true(bf_bytes_is(fragment.ufrag, "EsAw"));
	assert_true(bf_bytes_is(fragment.pwd, "P2uYro0UCOQ4zxjKXaWCBui1"));
	assert_int_equal(fragment.candidate_count, 2);
	assert_true(fragment.is_end);
	assert_int_equal(bf_sdp_parse_candidate(&candidate, fragment.candidates[1]), 0);
	assert_true(bf_bytes_is(candidate.address, "198.51.100.2"));

	assert_int_equal(bf_sdp_parse_fragment(&fragment, bf_bytes("", 0), why, sizeof(why)), 0);
	assert_int_equal(fragment.candidate_count, 0);
	assert_false(fragment.is_end);
}

static void malformed_fragments_are_refused_and_long_ones_cut(void **state)
{
	struct bf_sdp_fragment fragment = {.candidate_count = 7};
	char text[4096] = "";
	char why[128];

	(void)state;
	assert_int_equal(bf_sdp_parse_fragment(
				 &fragment, bf_bytes_str("a=mid:0\r\nhello"), why, sizeof(why)),
		-EBADMSG);
	assert_string_equal(why, "line 2: malformed");
	assert_int_equal(fragment.candidate_count, 7); /* untouched */
	assert_int_equal(
		bf_sdp_parse_fragment(&fragment, bf_bytes_str("a=ice-pwd:a b"), why, sizeof(why)),
		-EBADMSG);
	for (unsigned i = 0; i < BF_SDP_CANDIDATES + 1; i++)
		strcat(text, "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n");
	assert_int_equal(bf_sdp_parse_fragment(&fragment, bf_bytes_str(text), why, sizeof(why)), 0);
	assert_int_equal(fragment.candidate_count, BF_SDP_CANDIDATES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(candidates_are_read_with_and_without_their_prefixes),
		cmocka_unit_test(related_addresses_and_ufrags_are_told_apart),
		cmocka_unit_test(names_and_foreign_transports_are_not_supported),
		cmocka_unit_test(malformed_candidates_are_refused),
		cmocka_unit_test(every_prefix_of_a_candidate_is_safe),
		cmocka_unit_test(recorded_candidates_parse),
		cmocka_unit_test(fragments_give_credentials_candidates_and_the_end),
		cmocka_unit_test(malformed_fragments_are_refused_and_long_ones_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
