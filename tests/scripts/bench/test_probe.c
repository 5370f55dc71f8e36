#include "scripts/bench/probe.h"

#include <errno.h>

#include <setjmp.h> /* cmocka wants these before it */
#include <stdarg.h>

#include <cmocka.h>

#define FILL 300

static struct bench_probe_table table;
static uint8_t payload[1500];
static size_t payload_len;

static const struct bench_probe sent = {
	.publisher = 3, .kind = BENCH_VIDEO, .index = 123456789012, .sent_ns = 987654321098765};

static void write_payload(size_t head_len, size_t fill_len)
{
	struct bf_wr wr = bf_wr(payload, sizeof(payload));

	for (size_t i = 0; i < head_len; i++)
		bf_wr_u8(&wr, 0xaa);
	bench_probe_write(&wr, &table, &sent, fill_len);
	assert_false(wr.is_full);
	payload_len = bf_wr_len(&wr);
}

static int setup(void **state)
{
	(void)state;
	bench_probe_table_init(&table);
	write_payload(6, FILL);
	return 0;
}

static void what_was_written_is_read(void **state)
{
	struct bench_probe probe;

	(void)state;
	assert_int_equal(payload_len, 6 + FILL + BENCH_PROBE_BYTES);
	assert_int_equal(bench_probe_read(&probe, &table, bf_bytes(payload, payload_len)), 0);
	assert_int_equal(probe.publisher, 3);
	assert_int_equal(probe.kind, BENCH_VIDEO);
	assert_int_equal(probe.index, sent.index);
	assert_int_equal(probe.sent_ns, sent.sent_ns);
}

static void a_server_may_change_the_length_of_the_codecs_head(void **state)
{
	struct bench_probe probe;

	(void)state;
	for (size_t skip = 0; skip <= 6; skip++)
		assert_int_equal(bench_probe_read(&probe, &table,
					 bf_bytes(payload + skip, payload_len - skip)),
			0);
}

static void every_wrong_byte_is_noticed(void **state)
{
	struct bench_probe probe;
	size_t times_at = payload_len - 8;

	(void)state;
	for (size_t i = 6; i < times_at; i++) {
		payload[i] ^= 0x40;
		assert_int_equal(
			bench_probe_read(&probe, &table, bf_bytes(payload, payload_len)), -EBADMSG);
		payload[i] ^= 0x40;
	}
}

static void a_truncated_one_is_refused(void **state)
{
	struct bench_probe probe;

	(void)state;
	for (size_t len = 0; len < payload_len; len++)
		assert_int_equal(
			bench_probe_read(&probe, &table, bf_bytes(payload, len)), -EBADMSG);
	for (size_t skip = 7; skip < payload_len; skip++)
		assert_int_equal(bench_probe_read(&probe, &table,
					 bf_bytes(payload + skip, payload_len - skip)),
			-EBADMSG);
}

static void the_fill_may_be_empty_or_full(void **state)
{
	struct bench_probe probe;

	(void)state;
	write_payload(0, 0);
	assert_int_equal(bench_probe_read(&probe, &table, bf_bytes(payload, payload_len)), 0);
	write_payload(1, sizeof(payload) - 1 - BENCH_PROBE_BYTES);
	assert_int_equal(bench_probe_read(&probe, &table, bf_bytes(payload, payload_len)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_written_is_read, setup),
		cmocka_unit_test_setup(a_server_may_change_the_length_of_the_codecs_head, setup),
		cmocka_unit_test_setup(every_wrong_byte_is_noticed, setup),
		cmocka_unit_test_setup(a_truncated_one_is_refused, setup),
		cmocka_unit_test_setup(the_fill_may_be_empty_or_full, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
