#include "media/stun/stun.h"
#include "tests/media/stun/stun_build.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

/* RFC 5769 section 2.1: a request with short-term credentials. */
static const uint8_t rfc5769_request[] = {0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7,
	0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10,
	0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e,
	0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
	0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a,
	0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
	0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71,
	0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};

static struct bf_bytes password(void)
{
	return bf_bytes_str(PASSWORD);
}

static struct bf_addr address(const char *text)
{
	struct bf_addr addr;

	assert_int_equal(bf_addr_parse(&addr, text), 0);
	return addr;
}

static void good_check(struct stun_build *build)
{
	stun_check(build, &(struct stun_check){.username = "ours:theirs",
				  .password = PASSWORD,
				  .priority = 1853824767,
				  .use_candidate = true});
}

static void rfc5769_request_is_read(void **state)
{
	struct bf_bytes packet = bf_bytes(rfc5769_request, sizeof(rfc5769_request));
	struct bf_stun_peek peek;
	struct bf_stun_request request;

	(void)state;
	assert_int_equal(bf_stun_peek(&peek, packet), 0);
	assert_int_equal(peek.cls, BF_STUN_REQUEST);
	assert_true(peek.is_binding);
	assert_true(bf_bytes_is(peek.username, "evtj:h6vY"));
	assert_int_equal(bf_stun_check_request(&request, packet, password()), 0);
	assert_int_equal(request.priority, 0x6e0001ff);
	assert_false(request.use_candidate);
	assert_false(request.is_controlling);
	assert_true(request.is_controlled);
	assert_true(request.tie_breaker == 0x932ff9b151263b36);
}

static void browser_check_is_read_with_unknown_optional_attributes(void **state)
{
	struct stun_build build;
	struct bf_stun_request request;

	(void)state;
	good_check(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), 0);
	assert_int_equal(request.priority, 1853824767);
	assert_true(request.use_candidate);
	assert_true(request.is_controlling);
	assert_false(request.is_controlled);
	assert_true(request.tie_breaker == 0x0102030405060708);
}

static void classes_and_methods_are_told_apart(void **state)
{
	static const struct {
		uint16_t type;
		enum bf_stun_class cls;
		bool is_binding;
	} cases[] = {
		{STUN_REQUEST_TYPE, BF_STUN_REQUEST, true},
		{STUN_INDICATION_TYPE, BF_STUN_INDICATION, true},
		{STUN_SUCCESS_TYPE, BF_STUN_RESPONSE, true}, {STUN_ERROR_TYPE, BF_STUN_ERROR, true},
		{0x0003, BF_STUN_REQUEST, false}, /* TURN allocate */
		{0x0115, BF_STUN_ERROR, false},	  /* which libnice takes for an indication */
	};
	struct stun_build build;
	struct bf_stun_peek peek;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stun_begin(&build, cases[i].type, 1);
		assert_int_equal(bf_stun_peek(&peek, stun_view(&build)), 0);
		assert_int_equal(peek.cls, cases[i].cls);
		assert_int_equal(peek.is_binding, cases[i].is_binding);
		assert_int_equal(peek.username.len, 0);
	}
}

/* An exact copy on the heap, so that a sanitizer sees any read past it. */
static int peek_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct bf_stun_peek peek;
	int err;

	assert_non_null(copy);
	memcpy(copy, data, len);
	err = bf_stun_peek(&peek, bf_bytes(copy, len));
	free(copy);
	return err;
}

static void truncated_anywhere_is_malformed(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(rfc5769_request); len++) {
		uint8_t fixed[sizeof(rfc5769_request)];

		assert_int_equal(peek_copy(rfc5769_request, len), -EBADMSG);
		if (len < 20)
			continue;
		memcpy(fixed, rfc5769_request, len); /* and with a header length that agrees */
		bf_put_u16(fixed + 2, (uint16_t)(len - 20));
		if (peek_copy(fixed, len) == 0) {
			struct bf_stun_request request;

			assert_int_not_equal(
				bf_stun_check_request(&request, bf_bytes(fixed, len), password()),
				0);
		}
	}
}

static void any_changed_byte_is_refused(void **state)
{
	uint8_t changed[sizeof(rfc5769_request)];
	struct bf_stun_request request;

	(void)state;
	for (size_t at = 0; at < sizeof(changed); at++) {
		memcpy(changed, rfc5769_request, sizeof(changed));
		changed[at] ^= 0x10;
		assert_int_not_equal(bf_stun_check_request(&request,
					     bf_bytes(changed, sizeof(changed)), password()),
			0);
	}
}

static void wrong_fingerprint_is_malformed_and_no_fingerprint_is_not(void **state)
{
	struct stun_build build;
	struct bf_stun_peek peek;

	(void)state;
	good_check(&build);
	build.bytes[build.len - 1] ^= 1;
	assert_int_equal(bf_stun_peek(&peek, stun_view(&build)), -EBADMSG);
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	assert_int_equal(bf_stun_peek(&peek, stun_view(&build)), 0);
}

static void attributes_behind_the_fingerprint_are_refused(void **state)
{
	struct stun_build build;
	struct bf_stun_peek peek;

	(void)state;
	good_check(&build);
	stun_attr_u32(&build, 0xC057, 1);
	assert_int_equal(bf_stun_peek(&peek, stun_view(&build)), -EBADMSG);
}

static void lengths_that_a_meaning_fixes_are_checked(void **state)
{
	static const struct {
		uint16_t type;
		size_t len;
	} cases[] = {{0x0008, 4}, {0x0008, 24}, {0x8028, 8}, {0x0024, 8}, {0x0025, 4}, {0x802A, 4},
		{0x8029, 12}, {0x0006, 514}};
	static const uint8_t zeros[514];
	struct stun_build build;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stun_begin(&build, STUN_REQUEST_TYPE, 1);
		stun_attr(&build, cases[i].type, zeros, cases[i].len);
		assert_int_equal(peek_copy(build.bytes, build.len), -EBADMSG);
	}
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x0006, zeros, 513);
	assert_int_equal(peek_copy(build.bytes, build.len), 0);
}

static void too_long_is_refused(void **state)
{
	static const uint8_t zeros[BF_STUN_MAX];
	struct stun_build build;

	(void)state;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x8022, zeros, BF_STUN_MAX - 24);
	assert_int_equal(build.len, BF_STUN_MAX);
	assert_int_equal(peek_copy(build.bytes, build.len), 0);
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x8022, zeros, BF_STUN_MAX - 20);
	assert_int_equal(peek_copy(build.bytes, build.len), -EBADMSG);
}

static void wrong_or_missing_credentials_are_told_apart_from_malformed(void **state)
{
	struct stun_build build;
	struct bf_stun_request request;

	(void)state;
	good_check(&build);
	assert_int_equal(
		bf_stun_check_request(&request, stun_view(&build), bf_bytes_str("other")), -EACCES);

	stun_begin(&build, STUN_REQUEST_TYPE, 1); /* no integrity */
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EACCES);

	stun_begin(&build, STUN_REQUEST_TYPE, 1); /* no user name */
	stun_integrity(&build, PASSWORD);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EACCES);

	stun_begin(&build, STUN_REQUEST_TYPE, 1); /* a user name that integrity does not cover */
	stun_integrity(&build, PASSWORD);
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EACCES);

	stun_begin(&build, STUN_REQUEST_TYPE, 1); /* no fingerprint */
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_integrity(&build, PASSWORD);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EBADMSG);

	stun_begin(&build, STUN_SUCCESS_TYPE, 1); /* no request */
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_integrity(&build, PASSWORD);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EBADMSG);
}

static void attributes_behind_integrity_do_not_count(void **state)
{
	struct stun_build build;
	struct bf_stun_request request;

	(void)state;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_integrity(&build, PASSWORD);
	stun_attr(&build, 0x0025, NULL, 0);
	stun_attr_u32(&build, 0x0024, 99);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), 0);
	assert_false(request.use_candidate);
	assert_int_equal(request.priority, 0);
}

static void success_carries_mapped_address_integrity_and_fingerprint(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"};
	struct stun_build build;
	uint8_t out[BF_STUN_MAX];

	(void)state;
	good_check(&build);
	for (size_t i = 0; i < 2; i++) {
		struct bf_addr addr = address(texts[i]);
		int len = bf_stun_write_success(
			out, sizeof(out), stun_view(&build), &addr, password());
		struct bf_bytes answer = bf_bytes(out, (size_t)len);
		struct bf_bytes value;
		uint8_t key[16];

		assert_true(len > 0);
		assert_int_equal(bf_get_u16(out), STUN_SUCCESS_TYPE);
		assert_memory_equal(out + 4, build.bytes + 4, 16);
		value = stun_find(answer, 0x0020);
		assert_int_equal(value.len, i == 0 ? 8 : 20);
		assert_int_equal(value.data[1], i == 0 ? 1 : 2);
		assert_int_equal(bf_get_u16(value.data + 2) ^ 0x2112, 32853);
		memcpy(key, out + 4, 16);
		for (size_t at = 0; at < value.len - 4; at++)
			assert_int_equal(value.data[4 + at] ^ key[at], addr.ip[at]);
		assert_null(stun_find(answer, 0x0006).data);
		assert_true(stun_integrity_is_right(answer, PASSWORD));
		assert_true(stun_fingerprint_is_right(answer));
	}
}

static void unknown_required_attributes_get_a_420_that_lists_them(void **state)
{
	struct stun_build build;
	struct bf_stun_request request;
	uint8_t out[BF_STUN_MAX];
	struct bf_bytes answer;
	struct bf_bytes list;
	int len;

	(void)state;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	stun_attr(&build, 0x0006, "a:b", 3);
	stun_attr_u32(&build, 0x7abc, 1);
	stun_attr_u32(&build, 0x0030, 1);
	stun_integrity(&build, PASSWORD);
	stun_fingerprint(&build);
	assert_int_equal(bf_stun_check_request(&request, stun_view(&build), password()), -EPROTO);
	len = bf_stun_write_error(out, sizeof(out), stun_view(&build), 420, password());
	assert_true(len > 0);
	answer = bf_bytes(out, (size_t)len);
	assert_int_equal(stun_error_code(answer), 420);
	list = stun_find(answer, 0x000A);
	assert_int_equal(list.len, 4);
	assert_int_equal(bf_get_u16(list.data), 0x7abc);
	assert_int_equal(bf_get_u16(list.data + 2), 0x0030);
	assert_true(stun_integrity_is_right(answer, PASSWORD));
	assert_true(stun_fingerprint_is_right(answer));
}

static void most_unknown_attributes_still_fit_an_answer(void **state)
{
	struct stun_build build;
	uint8_t out[BF_STUN_MAX];
	int len;

	(void)state;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	for (unsigned i = 0; build.len + 4 <= BF_STUN_MAX; i++)
		stun_attr(&build, (uint16_t)(0x4000 + i), NULL, 0);
	len = bf_stun_write_error(out, sizeof(out), stun_view(&build), 420, password());
	assert_true(len > 0 && len <= BF_STUN_MAX);
}

static void errors_are_signed_only_with_a_password(void **state)
{
	static const int codes[] = {400, 401, 487, 500};
	struct stun_build build;
	uint8_t out[BF_STUN_MAX];

	(void)state;
	good_check(&build);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		int len = bf_stun_write_error(
			out, sizeof(out), stun_view(&build), codes[i], bf_bytes(NULL, 0));

		assert_true(len > 0);
		assert_int_equal(bf_get_u16(out), STUN_ERROR_TYPE);
		assert_int_equal(stun_error_code(bf_bytes(out, (size_t)len)), codes[i]);
		assert_null(stun_find(bf_bytes(out, (size_t)len), 0x0008).data);
		assert_true(stun_fingerprint_is_right(bf_bytes(out, (size_t)len)));
		len = bf_stun_write_error(
			out, sizeof(out), stun_view(&build), codes[i], password());
		assert_true(len > 0);
		assert_true(stun_integrity_is_right(bf_bytes(out, (size_t)len), PASSWORD));
		assert_true(stun_fingerprint_is_right(bf_bytes(out, (size_t)len)));
	}
}

static void plain_request_gets_its_address_in_its_own_dress(void **state)
{
	struct stun_build build;
	struct bf_addr addr = address("198.51.100.7:4000");
	uint8_t out[BF_STUN_MAX];
	int len;

	(void)state;
	stun_begin(&build, STUN_REQUEST_TYPE, 1);
	len = bf_stun_write_mapped(out, sizeof(out), stun_view(&build), &addr);
	assert_int_equal(len, 20 + 12);
	assert_int_equal(stun_find(bf_bytes(out, (size_t)len), 0x0020).len, 8);
	stun_fingerprint(&build);
	len = bf_stun_write_mapped(out, sizeof(out), stun_view(&build), &addr);
	assert_int_equal(len, 20 + 12 + 8);
	assert_true(stun_fingerprint_is_right(bf_bytes(out, (size_t)len)));
}

static void answers_need_room_and_a_request(void **state)
{
	struct stun_build build;
	struct bf_addr addr = address("198.51.100.7:4000");
	uint8_t out[BF_STUN_MAX];

	(void)state;
	good_check(&build);
	assert_int_equal(
		bf_stun_write_success(out, BF_STUN_MAX - 1, stun_view(&build), &addr, password()),
		-ENOBUFS);
	assert_int_equal(
		bf_stun_write_error(out, BF_STUN_MAX - 1, stun_view(&build), 400, password()),
		-ENOBUFS);
	assert_int_equal(
		bf_stun_write_mapped(out, BF_STUN_MAX - 1, stun_view(&build), &addr), -ENOBUFS);
	stun_begin(&build, STUN_INDICATION_TYPE, 1);
	assert_int_equal(
		bf_stun_write_mapped(out, sizeof(out), stun_view(&build), &addr), -EBADMSG);
	assert_int_equal(bf_stun_write_error(out, sizeof(out), stun_view(&build), 400, password()),
		-EBADMSG);
	assert_int_equal(bf_stun_write_error(out, sizeof(out), bf_bytes("abc", 3), 400, password()),
		-EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc5769_request_is_read),
		cmocka_unit_test(browser_check_is_read_with_unknown_optional_attributes),
		cmocka_unit_test(classes_and_methods_are_told_apart),
		cmocka_unit_test(truncated_anywhere_is_malformed),
		cmocka_unit_test(any_changed_byte_is_refused),
		cmocka_unit_test(wrong_fingerprint_is_malformed_and_no_fingerprint_is_not),
		cmocka_unit_test(attributes_behind_the_fingerprint_are_refused),
		cmocka_unit_test(lengths_that_a_meaning_fixes_are_checked),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(wrong_or_missing_credentials_are_told_apart_from_malformed),
		cmocka_unit_test(attributes_behind_integrity_do_not_count),
		cmocka_unit_test(success_carries_mapped_address_integrity_and_fingerprint),
		cmocka_unit_test(unknown_required_attributes_get_a_420_that_lists_them),
		cmocka_unit_test(most_unknown_attributes_still_fit_an_answer),
		cmocka_unit_test(errors_are_signed_only_with_a_password),
		cmocka_unit_test(plain_request_gets_its_address_in_its_own_dress),
		cmocka_unit_test(answers_need_room_and_a_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
