#include "media/rtp/ext.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct bf_ext_map MAP = {
	.id = {[BF_EXT_MID] = 4,
		[BF_EXT_RID] = 10,
		[BF_EXT_TWCC] = 3,
		[BF_EXT_AUDIO_LEVEL] = 1,
		[BF_EXT_DEPENDENCY_DESCRIPTOR] = 14},
};

static struct bf_ext_values parse(
	uint16_t profile, const uint8_t *data, size_t len, const struct bf_ext_map *map)
{
	struct bf_rtp rtp = {.has_ext = true, .ext_profile = profile, .ext = bf_bytes(data, len)};
	struct bf_ext_values values;

	bf_ext_parse(&values, &rtp, map);
	return values;
}

static void uris_lead_back_to_their_extension(void **state)
{
	(void)state;
	for (unsigned ext = 0; ext < BF_EXT_COUNT; ext++)
		assert_int_equal(bf_ext_from_uri(bf_bytes_str(bf_ext_uri((enum bf_ext)ext))), ext);
	assert_string_equal(bf_ext_uri(BF_EXT_MID), "urn:ietf:params:rtp-hdrext:sdes:mid");
	assert_int_equal(
		bf_ext_from_uri(bf_bytes_str("urn:ietf:params:rtp-hdrext:toffset")), BF_EXT_COUNT);
	assert_int_equal(bf_ext_from_uri(bf_bytes_str("")), BF_EXT_COUNT);
}

static void one_byte_elements_are_found_between_padding(void **state)
{
	const uint8_t data[] = {
		0x10, 0x85,	     /* id 1, 1 byte: voice, -5 dBov */
		0x00, 0x00,	     /* padding */
		0x31, 0x12, 0x34,    /* id 3, 2 bytes */
		0x40, '0',	     /* id 4, 1 byte */
		0x71, 0xee, 0xee,    /* id 7: not negotiated */
		0xa2, 'h', 'i', 'q', /* id 10, 3 bytes */
	};
	struct bf_ext_values values = parse(0xbede, data, sizeof(data), &MAP);
	uint8_t level;
	bool is_voice;
	uint16_t seq;
	(void)state;

	assert_true(bf_ext_audio_level(&values, &level, &is_voice));
	assert_int_equal(level, 5);
	assert_true(is_voice);
	assert_true(bf_ext_twcc_seq(&values, &seq));
	assert_int_equal(seq, 0x1234);
	assert_true(bf_bytes_is(values.value[BF_EXT_MID], "0"));
	assert_true(bf_bytes_is(values.value[BF_EXT_RID], "hiq"));
	assert_null(values.value[BF_EXT_DEPENDENCY_DESCRIPTOR].data);
	assert_null(values.value[BF_EXT_ABS_SEND_TIME].data);
}

static void two_byte_elements_may_be_empty_or_long(void **state)
{
	uint8_t data[2 + 2 + 200 + 1 + 3] = {4, 0, 14, 200};
	struct bf_ext_values values;
	(void)state;

	data[204] = 0;
	data[205] = 1;
	data[206] = 1;
	data[207] = 0x7f;
	values = parse(0x100f, data, sizeof(data), &MAP);
	assert_non_null(values.value[BF_EXT_MID].data);
	assert_int_equal(values.value[BF_EXT_MID].len, 0);
	assert_int_equal(values.value[BF_EXT_DEPENDENCY_DESCRIPTOR].len, 200);
	assert_int_equal(values.value[BF_EXT_AUDIO_LEVEL].data[0], 0x7f);
}

static void id_15_and_padding_with_a_length_end_the_pass(void **state)
{
	const uint8_t reserved[] = {0x40, 'a', 0xf0, 0x00, 0x10, 0x01, 0x00, 0x00};
	const uint8_t padded[] = {0x40, 'a', 0x01, 0x00, 0x10, 0x01, 0x00, 0x00};
	struct bf_ext_values values = parse(0xbede, reserved, sizeof(reserved), &MAP);
	(void)state;

	assert_true(bf_bytes_is(values.value[BF_EXT_MID], "a"));
	assert_null(values.value[BF_EXT_AUDIO_LEVEL].data);
	values = parse(0xbede, padded, sizeof(padded), &MAP);
	assert_true(bf_bytes_is(values.value[BF_EXT_MID], "a"));
	assert_null(values.value[BF_EXT_AUDIO_LEVEL].data);
}

static void an_element_over_the_end_is_left_out(void **state)
{
	const uint8_t one[] = {0x40, 'a', 0x31, 0x12};
	const uint8_t two[] = {4, 1, 'a', 3, 2, 0x12};
	(void)state;

	for (size_t len = 0; len <= sizeof(one); len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct bf_ext_values values;

		memcpy(cut, one, len);
		values = parse(0xbede, cut, len, &MAP);
		assert_int_equal(values.value[BF_EXT_MID].len, len >= 2);
		assert_null(values.value[BF_EXT_TWCC].data);
		free(cut);
	}
	for (size_t len = 0; len <= sizeof(two); len++) {
		uint8_t *cut = malloc(len ? len : 1);
		struct bf_ext_values values;

		memcpy(cut, two, len);
		values = parse(0x1000, cut, len, &MAP);
		assert_int_equal(values.value[BF_EXT_MID].len, len >= 3);
		assert_null(values.value[BF_EXT_TWCC].data);
		free(cut);
	}
}

static void unknown_profiles_hold_nothing_for_us(void **state)
{
	const uint8_t data[] = {0x40, 'a', 0x00, 0x00};
	struct bf_ext_values values = parse(0x1010, data, sizeof(data), &MAP);
	(void)state;

	for (size_t i = 0; i < BF_EXT_COUNT; i++)
		assert_null(values.value[i].data);
}

static void the_first_of_two_equal_ids_counts(void **state)
{
	const uint8_t data[] = {0x40, 'a', 0x40, 'b'};
	struct bf_ext_values values = parse(0xbede, data, sizeof(data), &MAP);
	(void)state;

	assert_true(bf_bytes_is(values.value[BF_EXT_MID], "a"));
}

/* Writes the values, reads them back and compares; returns the profile chosen. */
static uint16_t round_trip(const struct bf_ext_values *values, const struct bf_ext_map *map)
{
	uint8_t buffer[1024];
	struct bf_wr wr = bf_wr(buffer, sizeof(buffer));
	uint16_t profile = bf_ext_write(&wr, values, map);
	struct bf_ext_values back = parse(profile, buffer, bf_wr_len(&wr), map);

	assert_false(wr.is_full);
	for (size_t i = 0; i < BF_EXT_COUNT; i++) {
		bool is_written = values->value[i].data && map->id[i];

		assert_int_equal(back.value[i].data != NULL, is_written);
		if (is_written)
			assert_true(bf_bytes_equal(back.value[i], values->value[i]));
	}
	return profile;
}

static void the_short_form_is_written_while_it_fits(void **state)
{
	uint8_t bytes[255] = {1, 2, 3};
	struct bf_ext_values values = {0};
	struct bf_ext_map map = MAP;
	(void)state;

	assert_int_equal(round_trip(&values, &map), 0);
	values.value[BF_EXT_ABS_SEND_TIME] =
		bf_bytes(bytes, 3); /* not negotiated: nothing to write */
	assert_int_equal(round_trip(&values, &map), 0);
	values.value[BF_EXT_MID] = bf_bytes(bytes, 16);
	values.value[BF_EXT_DEPENDENCY_DESCRIPTOR] = bf_bytes(bytes, 1); /* id 14 */
	assert_int_equal(round_trip(&values, &map), 0xbede);
	values.value[BF_EXT_MID].len = 17;
	assert_int_equal(round_trip(&values, &map), 0x1000);
	values.value[BF_EXT_MID].len = 0;
	assert_int_equal(round_trip(&values, &map), 0x1000);
	values.value[BF_EXT_MID].len = 255;
	assert_int_equal(round_trip(&values, &map), 0x1000);
	values.value[BF_EXT_MID].len = 1;
	map.id[BF_EXT_MID] = 15;
	assert_int_equal(round_trip(&values, &map), 0x1000);
	map.id[BF_EXT_MID] = 255;
	assert_int_equal(round_trip(&values, &map), 0x1000);
}

static void malformed_levels_and_numbers_are_not_read(void **state)
{
	const uint8_t data[] = {0x11, 0x85, 0x00, 0x30, 0x12, 0x00, 0x00, 0x00};
	struct bf_ext_values values = parse(0xbede, data, sizeof(data), &MAP);
	uint8_t level;
	bool is_voice;
	uint16_t seq;
	(void)state;

	assert_false(bf_ext_audio_level(&values, &level, &is_voice));
	assert_false(bf_ext_twcc_seq(&values, &seq));
	memset(&values, 0, sizeof(values));
	assert_false(bf_ext_audio_level(&values, &level, &is_voice));
	assert_false(bf_ext_twcc_seq(&values, &seq));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_lead_back_to_their_extension),
		cmocka_unit_test(one_byte_elements_are_found_between_padding),
		cmocka_unit_test(two_byte_elements_may_be_empty_or_long),
		cmocka_unit_test(id_15_and_padding_with_a_length_end_the_pass),
		cmocka_unit_test(an_element_over_the_end_is_left_out),
		cmocka_unit_test(unknown_profiles_hold_nothing_for_us),
		cmocka_unit_test(the_first_of_two_equal_ids_counts),
		cmocka_unit_test(the_short_form_is_written_while_it_fits),
		cmocka_unit_test(malformed_levels_and_numbers_are_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
