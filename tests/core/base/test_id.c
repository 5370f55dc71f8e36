#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/rand.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void an_id_is_sixteen_hex_digits_and_back(void **state)
{
	char text[BF_ID_TEXT];
	uint64_t id = 0;

	(void)state;
	assert_string_equal(bf_id_format(0x0123456789abcdef, text), "0123456789abcdef");
	assert_int_equal(bf_id_parse(&id, bf_bytes_str(text)), 0);
	assert_int_equal(id, 0x0123456789abcdef);
	assert_int_equal(bf_id_parse(&id, bf_bytes_str("ffffffffffffffff")), 0);
	assert_int_equal(id, UINT64_MAX);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(bf_id_new(), 0);
}

static void what_is_no_id_is_refused(void **state)
{
	static const char *const bad[] = {"", "0123456789abcde", "0123456789abcdef0",
		"0123456789abcdeg", "0000000000000000", " 123456789abcdef", "0x23456789abcdef",
		"+123456789abcdef"};
	uint64_t id = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bf_id_parse(&id, bf_bytes_str(bad[i])), -EINVAL);
	assert_int_equal(id, 5);
}

static void a_uuid_is_version_7_of_now(void **state)
{
	char text[BF_UUID_TEXT], digits[14];
	int64_t before_ms = bf_clock_wall_us() / 1000, ms;

	(void)state;
	bf_uuid_new(text);
	assert_int_equal(strlen(text), 36);
	assert_int_equal(text[8], '-');
	assert_int_equal(text[13], '-');
	assert_int_equal(text[14], '7');
	assert_int_equal(text[18], '-');
	assert_non_null(strchr("89ab", text[19]));
	assert_int_equal(text[23], '-');
	snprintf(digits, sizeof(digits), "%.8s%.4s", text, text + 9);
	ms = (int64_t)strtoull(digits, NULL, 16);
	assert_true(ms >= before_ms && ms <= bf_clock_wall_us() / 1000 + 1);
}

static void a_uuid_is_text_and_back(void **state)
{
	static const struct bf_uuid known = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe,
		0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}};
	char text[BF_UUID_TEXT];
	struct bf_uuid uuid = {{0}};

	(void)state;
	assert_string_equal(bf_uuid_format(known, text), "01234567-89ab-cdef-fedc-ba9876543210");
	assert_int_equal(bf_uuid_parse(&uuid, bf_bytes_str(text)), 0);
	assert_true(bf_uuid_equal(uuid, known));
	assert_int_equal(
		bf_uuid_parse(&uuid, bf_bytes_str("01234567-89AB-CDEF-FEDC-BA9876543210")), 0);
	assert_true(bf_uuid_equal(uuid, known));
}

static void what_is_no_uuid_is_refused(void **state)
{
	static const char good[] = "01234567-89ab-cdef-fedc-ba9876543210";
	static const char *const bad[] = {"", "01234567-89ab-cdef-fedc-ba987654321",
		"01234567-89ab-cdef-fedc-ba98765432100", "0123456789abcdeffedcba9876543210",
		"{01234567-89ab-cdef-fedc-ba987654321}"};
	struct bf_uuid uuid = {{7}};
	char text[sizeof(good)];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bf_uuid_parse(&uuid, bf_bytes_str(bad[i])), -EINVAL);
	for (size_t i = 0; i < sizeof(good) - 1; i++) { /* any other character in any place */
		memcpy(text, good, sizeof(good));
		text[i] = text[i] == '-' ? 'a' : 'g';
		assert_int_equal(bf_uuid_parse(&uuid, bf_bytes_str(text)), -EINVAL);
		text[i] = '\0';
		assert_int_equal(bf_uuid_parse(&uuid, bf_bytes(text, sizeof(good) - 1)), -EINVAL);
	}
	assert_int_equal(uuid.bytes[0], 7);
}

#define UUIDS 20000

static void *make_uuids(void *arg)
{
	char(*texts)[BF_UUID_TEXT] = arg;

	for (size_t i = 0; i < UUIDS; i++)
		bf_uuid_new(texts[i]);
	return NULL;
}

static int compare_uuids(const void *a, const void *b)
{
	return memcmp(a, b, BF_UUID_TEXT);
}

/* More than 4096 in a millisecond, by two threads: each sees its own ascend, and none of all share the
 * ordered part. */
static void uuids_ascend_strictly_even_faster_than_the_clock(void **state)
{
	char(*texts)[BF_UUID_TEXT] = calloc(2 * UUIDS, BF_UUID_TEXT);
	pthread_t thread;

	(void)state;
	assert_non_null(texts);
	assert_int_equal(pthread_create(&thread, NULL, make_uuids, texts), 0);
	make_uuids(texts + UUIDS);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 1; i < UUIDS; i++) {
		assert_true(strcmp(texts[i - 1], texts[i]) < 0);
		assert_true(strcmp(texts[UUIDS + i - 1], texts[UUIDS + i]) < 0);
	}
	qsort(texts, 2 * UUIDS, BF_UUID_TEXT, compare_uuids);
	for (size_t i = 1; i < 2 * UUIDS; i++)
		assert_memory_not_equal(texts[i - 1], texts[i], 18);
	free(texts);
}

static void base64url_follows_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *plain, *text, *padded;
	} vectors[] = {{"", "", ""}, {"f", "Zg", "Zg=="}, {"fo", "Zm8", "Zm8="},
		{"foo", "Zm9v", "Zm9v"}, {"foob", "Zm9vYg", "Zm9vYg=="},
		{"fooba", "Zm9vYmE", "Zm9vYmE="}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xfe", "-__-", "-__-"}};
	char text[16];
	uint8_t plain[16];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		int len = (int)strlen(vectors[i].text);
		int plain_len = (int)strlen(vectors[i].plain);

		assert_int_equal(
			bf_base64url_encode(text, (size_t)len + 1, bf_bytes_str(vectors[i].plain)),
			len);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(
			bf_base64url_encode(text, (size_t)len, bf_bytes_str(vectors[i].plain)),
			-ENOBUFS);
		assert_int_equal(bf_base64url_decode(
					 plain, (size_t)plain_len, bf_bytes_str(vectors[i].text)),
			plain_len);
		assert_memory_equal(plain, vectors[i].plain, (size_t)plain_len);
		assert_int_equal(bf_base64url_decode(
					 plain, (size_t)plain_len, bf_bytes_str(vectors[i].padded)),
			plain_len);
		if (plain_len > 0)
			assert_int_equal(bf_base64url_decode(plain, (size_t)plain_len - 1,
						 bf_bytes_str(vectors[i].text)),
				-ENOBUFS);
	}
}

static void base64url_refuses_second_spellings(void **state)
{
	static const char *const bad[] = {"A", "AAAAA", "Zg=", "Zg===", "Zm8==", "=",
		"==", "====", "Zh", "Zm9", "Z=g=", "Zm+v", "Zm/v", "Zm v", "Zm9v\n",
		"Zm9v=", "Zm9v====", "Zm\xff"};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			bf_base64url_decode(out, sizeof(out), bf_bytes_str(bad[i])), -EINVAL);
}

static void a_token_decodes_to_as_many_bytes_as_asked(void **state)
{
	char text[4 * 200 / 3 + 2], again[sizeof(text)];
	uint8_t bytes[200];

	(void)state;
	for (size_t n = 0; n <= 200; n++) {
		bf_token_new(text, sizeof(text), n);
		assert_int_equal(bf_base64url_decode(bytes, sizeof(bytes), bf_bytes_str(text)), n);
	}
	bf_token_new(again, sizeof(again), 200);
	assert_string_not_equal(text, again);
}

static void wall_time_prints_as_rfc_3339(void **state)
{
	char text[BF_CLOCK_TEXT];

	(void)state;
	assert_string_equal(bf_clock_format(0, text), "1970-01-01T00:00:00.000000Z");
	assert_string_equal(bf_clock_format(-1, text), "1969-12-31T23:59:59.999999Z");
	assert_string_equal(
		bf_clock_format(BF_SEC(951782400) + 42, text), "2000-02-29T00:00:00.000042Z");
	assert_string_equal(
		bf_clock_format(BF_SEC(1795255200), text), "2026-11-21T10:00:00.000000Z");
	assert_string_equal(bf_clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999999Z");
	assert_string_equal(bf_clock_format(INT64_MIN, text), "0001-01-01T00:00:00.000000Z");
}

static void ntp_counts_from_1900_in_fractions_of_a_second(void **state)
{
	(void)state;
	assert_int_equal(bf_clock_ntp(0), (uint64_t)2208988800u << 32);
	assert_int_equal(bf_clock_ntp(500000), (uint64_t)2208988800u << 32 | 0x80000000u);
	assert_int_equal(bf_clock_ntp(-500000), (uint64_t)2208988799u << 32 | 0x80000000u);
	assert_int_equal(bf_clock_ntp(BF_SEC(2085978496)), 0); /* the era ends in 2036 */
}

static void clocks_do_not_run_backwards(void **state)
{
	int64_t mono = bf_clock_mono_us(), cpu = bf_clock_thread_ns();

	(void)state;
	assert_true(mono > 0 && cpu > 0);
	assert_true(bf_clock_mono_us() >= mono);
	assert_true(bf_clock_thread_ns() > cpu);
}

/* State after splitmix64 of 0 (whose first outputs are published), then the first of xoshiro256**. */
static void the_seeded_generator_repeats_and_fits_its_definition(void **state)
{
	struct bf_prng a, b, known = {.s = {1, 2, 3, 4}};

	(void)state;
	bf_prng_init(&a, 0);
	assert_int_equal(a.s[0], 0xe220a8397b1dcdaf);
	assert_int_equal(a.s[1], 0x6e789e6aa1b965f4);
	/* From the state 1, 2, 3, 4: the vector in the test suites of several implementations. */
	assert_int_equal(bf_prng_next(&known), 11520);
	assert_int_equal(bf_prng_next(&known), 0);
	assert_int_equal(bf_prng_next(&known), 1509978240);
	assert_int_equal(bf_prng_next(&known), 1215971899390074240);
	bf_prng_init(&b, 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(bf_prng_next(&a), bf_prng_next(&b));
	bf_prng_init(&b, 1);
	assert_int_not_equal(bf_prng_next(&a), bf_prng_next(&b));
}

static void below_stays_below_and_reaches_everything(void **state)
{
	struct bf_prng prng;
	unsigned seen[7] = {0};

	(void)state;
	bf_prng_init(&prng, 9);
	for (int i = 0; i < 7000; i++) {
		uint32_t value = bf_prng_below(&prng, 7);

		assert_true(value < 7);
		seen[value]++;
	}
	for (size_t i = 0; i < 7; i++)
		assert_true(seen[i] > 800 && seen[i] < 1200);
	assert_int_equal(bf_prng_below(&prng, 1), 0);
	for (int i = 0; i < 100; i++)
		assert_true(bf_prng_below(&prng, UINT32_MAX) < UINT32_MAX);
}

static void kernel_bytes_fill_all_of_the_block_and_no_more(void **state)
{
	uint8_t bytes[1025] = {0};
	size_t zeros = 0;

	(void)state;
	bf_rand_bytes(bytes, 1024);
	assert_int_equal(bytes[1024], 0);
	for (size_t i = 0; i < 1024; i++)
		zeros += bytes[i] == 0;
	assert_true(zeros < 64); /* 4 expected */
	assert_true(bf_rand_u64() != bf_rand_u64());
	assert_true(bf_rand_u32() != bf_rand_u32() || bf_rand_u32() != bf_rand_u32());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_sixteen_hex_digits_and_back),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(a_uuid_is_version_7_of_now),
		cmocka_unit_test(a_uuid_is_text_and_back),
		cmocka_unit_test(what_is_no_uuid_is_refused),
		cmocka_unit_test(uuids_ascend_strictly_even_faster_than_the_clock),
		cmocka_unit_test(base64url_follows_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64url_refuses_second_spellings),
		cmocka_unit_test(a_token_decodes_to_as_many_bytes_as_asked),
		cmocka_unit_test(wall_time_prints_as_rfc_3339),
		cmocka_unit_test(ntp_counts_from_1900_in_fractions_of_a_second),
		cmocka_unit_test(clocks_do_not_run_backwards),
		cmocka_unit_test(the_seeded_generator_repeats_and_fits_its_definition),
		cmocka_unit_test(below_stays_below_and_reaches_everything),
		cmocka_unit_test(kernel_bytes_fill_all_of_the_block_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
