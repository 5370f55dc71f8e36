#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/crc32c.h"
#include "core/base/rand.h"

typedef uint32_t crc_function(uint32_t crc, struct bf_bytes bytes);

static void check_vectors(crc_function *crc)
{
	uint8_t bytes[32] = {0};

	assert_int_equal(crc(0, bf_bytes(bytes, 0)), 0);
	assert_int_equal(crc(0, bf_bytes(bytes, 32)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc(0, bf_bytes(bytes, 32)), 0x62a8ab43);
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(crc(0, bf_bytes(bytes, 32)), 0x46dd794e);
	for (size_t i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	assert_int_equal(crc(0, bf_bytes(bytes, 32)), 0x113fdb5c);
	assert_int_equal(crc(0, bf_bytes_str("123456789")), 0xe3069283);
}

static void the_vectors_of_rfc_3720_come_out(void **state)
{
	(void)state;
	check_vectors(bf_crc32c);
	check_vectors(bf_crc32c_plain);
}

static void parts_give_what_the_whole_gives_with_and_without_the_instruction(void **state)
{
	struct bf_prng prng;
	uint8_t bytes[100];

	(void)state;
	bf_prng_init(&prng, 1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)bf_prng_next(&prng);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		struct bf_bytes head = bf_bytes(bytes, cut);
		struct bf_bytes rest = bf_bytes(bytes + cut, sizeof(bytes) - cut);
		uint32_t whole = bf_crc32c(0, bf_bytes(bytes, sizeof(bytes)));

		assert_int_equal(bf_crc32c(bf_crc32c(0, head), rest), whole);
		assert_int_equal(bf_crc32c_plain(bf_crc32c_plain(0, head), rest), whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_rfc_3720_come_out),
		cmocka_unit_test(parts_give_what_the_whole_gives_with_and_without_the_instruction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
