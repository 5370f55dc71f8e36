#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/list.h"
#include "core/base/msg.h"
#include "core/base/utf8.h"

static void a_reader_answers_zeros_once_it_ran_out(void **state)
{
	static const uint8_t wire[] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

	(void)state;
	for (size_t len = 0; len <= sizeof(wire); len++) {
		struct bf_rd rd = bf_rd(bf_bytes(wire, len));

		assert_int_equal(bf_rd_u8(&rd), len >= 1 ? 1 : 0);
		assert_int_equal(bf_rd_u16(&rd), len >= 3 ? 0x0203 : 0);
		assert_int_equal(bf_rd_u24(&rd), len >= 6 ? 0x040506 : 0);
		assert_int_equal(bf_rd_u32(&rd), len >= 10 ? 0x0708090a : 0);
		assert_int_equal(bf_rd_u64(&rd), len >= 18 ? 0x0b0c0d0e0f101112 : 0);
		assert_int_equal(rd.is_short, len < sizeof(wire));
	}
}

static void a_short_read_is_not_made_good_by_a_smaller_one(void **state)
{
	static const uint8_t wire[] = {1, 2, 3};
	struct bf_rd rd = bf_rd(bf_bytes(wire, sizeof(wire)));

	(void)state;
	assert_int_equal(bf_rd_u32(&rd), 0);
	assert_int_equal(bf_rd_u8(&rd), 0);
	assert_true(rd.is_short);
	assert_null(bf_rd_bytes(&rd, 1).data);
}

static void a_writer_fills_exactly_and_never_passes_the_end(void **state)
{
	uint8_t out[19];

	(void)state;
	for (size_t size = 0; size <= 18; size++) {
		struct bf_wr wr;

		memset(out, 0xee, sizeof(out));
		wr = bf_wr(out, size);
		bf_wr_u8(&wr, 1);
		bf_wr_u16(&wr, 0x0203);
		bf_wr_u24(&wr, 0x040506);
		bf_wr_u32(&wr, 0x0708090a);
		bf_wr_u64(&wr, 0x0b0c0d0e0f101112);
		assert_int_equal(wr.is_full, size < 18);
		assert_int_equal(out[size], 0xee);
		for (size_t i = 0; i < bf_wr_len(&wr); i++)
			assert_int_equal(out[i], i + 1);
	}
}

static void views_compare_by_content(void **state)
{
	(void)state;
	assert_true(bf_bytes_is(bf_bytes("abc", 3), "abc"));
	assert_false(bf_bytes_is(bf_bytes("abc", 2), "abc"));
	assert_true(bf_bytes_equal(bf_bytes(NULL, 0), bf_bytes("x", 0)));
}

struct item {
	int value;
	struct bf_list node;
};

static void a_list_keeps_order_and_lets_the_current_one_go(void **state)
{
	struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
	struct bf_list head;
	int sum = 0;

	(void)state;
	bf_list_init(&head);
	assert_null(bf_list_first(&head));
	for (size_t i = 0; i < 3; i++)
		bf_list_append(&head, &items[i].node);
	assert_ptr_equal(bf_list_first(&head), &items[0].node);
	BF_LIST_EACH(item, &head, struct item, node) {
		sum = sum * 10 + item->value;
		if (item->value != 2)
			bf_list_remove(&item->node);
	}
	assert_int_equal(sum, 123);
	assert_ptr_equal(bf_list_first(&head), &items[1].node);
	bf_list_remove(&items[1].node);
	bf_list_remove(&items[1].node);
	assert_true(bf_list_is_empty(&head));
}

static void a_message_is_zeroed_and_knows_its_size(void **state)
{
	struct {
		struct bf_msg head;
		uint64_t body[4];
	} *msg = bf_msg_new(7, sizeof(*msg));

	(void)state;
	assert_non_null(msg);
	assert_int_equal(msg->head.kind, 7);
	assert_int_equal(msg->head.size, sizeof(*msg));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(msg->body[i], 0);
	bf_msg_free(&msg->head);
	bf_msg_free(NULL);
}

static void utf8_is_read_strictly(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t point;
	} cases[] = {
		{"A", 1, 0x41},
		{"\xc2\x80", 2, 0x80},
		{"\xdf\xbf", 2, 0x7ff},
		{"\xe0\xa0\x80", 3, 0x800},
		{"\xed\x9f\xbf", 3, 0xd7ff},
		{"\xee\x80\x80", 3, 0xe000},
		{"\xef\xbf\xbf", 3, 0xffff},
		{"\xf0\x90\x80\x80", 4, 0x10000},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		{"\x80", 0, 0},		    /* a continuation alone */
		{"\xc0\x80", 0, 0},	    /* overlong, 2 */
		{"\xc1\xbf", 0, 0},	    /* overlong, 2 */
		{"\xe0\x9f\xbf", 0, 0},	    /* overlong, 3 */
		{"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong, 4 */
		{"\xed\xa0\x80", 0, 0},	    /* first surrogate */
		{"\xed\xbf\xbf", 0, 0},	    /* last surrogate */
		{"\xf4\x90\x80\x80", 0, 0}, /* U+110000 */
		{"\xf5\x80\x80\x80", 0, 0},
		{"\xff", 0, 0},
		{"\xc3(", 0, 0},
		{"\xe2\x82(", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bf_bytes text = bf_bytes_str(cases[i].text);
		uint32_t point = 0;

		assert_int_equal(bf_utf8_take(text, &point), cases[i].len);
		assert_int_equal(point, cases[i].point);
		assert_int_equal(bf_utf8_is_valid(text), cases[i].len > 0);
		for (size_t len = 1; len < text.len; len++) /* truncated at every byte */
			assert_int_equal(bf_utf8_take(bf_bytes(text.data, len), &point), 0);
	}
	assert_true(bf_utf8_is_valid(bf_bytes(NULL, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_answers_zeros_once_it_ran_out),
		cmocka_unit_test(a_short_read_is_not_made_good_by_a_smaller_one),
		cmocka_unit_test(a_writer_fills_exactly_and_never_passes_the_end),
		cmocka_unit_test(views_compare_by_content),
		cmocka_unit_test(a_list_keeps_order_and_lets_the_current_one_go),
		cmocka_unit_test(a_message_is_zeroed_and_knows_its_size),
		cmocka_unit_test(utf8_is_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
