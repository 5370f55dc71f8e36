/* What is said of memory, against what is allocated: the linker sends the allocations of our own objects here (--wrap). */
#include "core/base/addr.h"
#include "core/base/pool.h"
#include "core/loop/inbox.h"
#include "media/memory.h"
#include "media/room/cache.h"
#include "media/room/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static size_t allocated;

void *__wrap_malloc(size_t size)
{
	allocated += size;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	allocated += size;
	return __real_aligned_alloc(alignment, size);
}

static struct bf_conf *conf;
static struct bf_memory_plan plan;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(bf_conf_new(&conf), 0);
	bf_memory_plan(&plan, conf, BF_IO_URING, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bf_conf_free(conf);
	return 0;
}

static const struct bf_memory_term *term(const char *name)
{
	static struct bf_memory_term terms[BF_MEMORY_TERMS];
	size_t count = bf_memory_terms(&plan, terms);

	for (size_t i = 0; i < count; i++)
		if (strcmp(terms[i].name, name) == 0)
			return &terms[i];
	fail_msg("no term %s", name);
	return NULL;
}

/* ---- each part takes what is said ---- */

static void a_loop_takes_what_is_said(void **state)
{
	struct bf_loop *loop;
	(void)state;

	allocated = 0;
	assert_int_equal(bf_loop_new(&loop, BF_IO_EPOLL), 0);
	assert_int_equal(allocated, bf_loop_bytes(BF_IO_EPOLL));
	bf_loop_free(loop);
	assert_true(bf_loop_bytes(BF_IO_AUTO) >= bf_loop_bytes(BF_IO_URING));
	assert_true(bf_loop_bytes(BF_IO_AUTO) >= bf_loop_bytes(BF_IO_EPOLL));
	allocated = 0;
	if (bf_loop_new(&loop, BF_IO_URING))
		return; /* the kernel does not allow it */
	assert_true(allocated <= bf_loop_bytes(BF_IO_URING));
	/* the rest are the queues, which the kernel allocates */
	assert_in_range(bf_loop_bytes(BF_IO_URING) - allocated, 32 * KIB, 64 * KIB);
	bf_loop_free(loop);
}

static void an_inbox_takes_what_is_said(void **state)
{
	static const size_t counts[] = {1, 2, 3, 100, 4096, 5000};
	struct bf_inbox *inbox;
	struct bf_loop *loop;
	(void)state;

	assert_int_equal(bf_loop_new(&loop, BF_IO_EPOLL), 0);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		allocated = 0;
		assert_int_equal(bf_inbox_new(&inbox, loop, counts[i], NULL, NULL), 0);
		assert_int_equal(allocated, bf_inbox_bytes(counts[i]));
		bf_inbox_free(inbox);
	}
	bf_loop_free(loop);
}

static void a_udp_socket_takes_what_is_said(void **state)
{
	static const size_t slabs[] = {0, 4096, 100000, 4 * MIB};
	struct bf_loop *loop;
	struct bf_addr any;
	(void)state;

	assert_int_equal(bf_loop_new(&loop, BF_IO_EPOLL), 0);
	assert_int_equal(bf_addr_parse_ip(&any, "127.0.0.1", 0), 0);
	for (size_t i = 0; i < sizeof(slabs) / sizeof(slabs[0]); i++) {
		const struct bf_udp_conf udp_conf = {.tx_slab_bytes = slabs[i]};
		struct bf_udp *udp;

		allocated = 0;
		assert_int_equal(bf_udp_open(&udp, loop, &any, &udp_conf, NULL, NULL), 0);
		assert_in_range(allocated, bf_udp_bytes(&udp_conf), bf_udp_bytes(&udp_conf) + 63);
		bf_udp_close(udp);
		for (int turn = 0; turn < 3; turn++)
			assert_int_equal(bf_loop_turn(loop, 0), 0);
	}
	bf_loop_free(loop);
}

static void a_pool_takes_what_is_said(void **state)
{
	struct bf_pool pool;
	(void)state;

	for (size_t size = 1; size < 300; size += 7) {
		allocated = 0;
		assert_int_equal(bf_pool_init(&pool, size, 33), 0);
		assert_int_equal(allocated, bf_pool_bytes(size, 33));
		bf_pool_deinit(&pool);
	}
	assert_int_equal(bf_pool_bytes(SIZE_MAX - 5, 1), SIZE_MAX);
	assert_int_equal(bf_pool_bytes(SIZE_MAX / 2, 3), SIZE_MAX);
}

static void rooms_take_what_is_said(void **state)
{
	struct bf_rooms_conf rooms_conf = {.transit_budget_us = 1};
	struct bf_rooms *rooms;
	struct bf_loop *loop;
	(void)state;

	assert_int_equal(bf_loop_new(&loop, BF_IO_EPOLL), 0);
	rooms_conf.loop = loop;
	allocated = 0;
	assert_int_equal(bf_rooms_new(&rooms, &rooms_conf), 0);
	assert_in_range(allocated, bf_rooms_bytes(), bf_rooms_bytes() + 2 * KIB); /* the maps */
	bf_rooms_free(rooms);
	bf_loop_free(loop);
}

/* ---- the plan ---- */

static void the_cache_takes_what_is_configured_and_no_more(void **state)
{
	(void)state;

	for (unsigned mib = 1; mib < 70000; mib = mib * 3 + 1) {
		size_t bytes;

		conf->media.cache_mib = mib;
		bf_memory_plan(&plan, conf, BF_IO_URING, 1);
		bytes = term("cache")->bytes;
		assert_in_range(bytes, mib * MIB - sizeof(struct bf_cache_block) - 64, mib * MIB);
	}
}

static void what_serves_transports_follows_their_count(void **state)
{
	static const char *const names[] = {"pacer", "table", "transports"};
	(void)state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t before;

		conf->media.transport_count_max = 1000;
		bf_memory_plan(&plan, conf, BF_IO_URING, 1);
		before = term(names[i])->bytes;
		conf->media.transport_count_max = 3000;
		bf_memory_plan(&plan, conf, BF_IO_URING, 1);
		assert_true(before > 0);
		assert_int_equal(term(names[i])->bytes, 3 * before);
	}
}

static void a_pipe_leads_to_each_other_worker(void **state)
{
	(void)state;

	conf->media.pipe_kib = 100;
	bf_memory_plan(&plan, conf, BF_IO_URING, 1);
	assert_int_equal(term("pipes")->bytes, 0);
	bf_memory_plan(&plan, conf, BF_IO_URING, 8);
	assert_int_equal(term("pipes")->bytes, 7 * 100 * KIB);
}

static void the_defaults_start_in_less_than_100_mib(void **state)
{
	struct bf_memory_sum sum = bf_memory_sum(&plan, 1);
	(void)state;

	assert_in_range(sum.bytes[BF_MEMORY_START], 70 * MIB, 100 * MIB);
	assert_int_equal(sum.bytes[BF_MEMORY_GROWTH], 4096 * 64 * KIB);
	assert_int_equal(sum.bytes[BF_MEMORY_KERNEL], 32 * MIB);
}

/* ---- sums ---- */

static void the_sum_is_that_of_the_terms_for_each_worker(void **state)
{
	struct bf_memory_term terms[BF_MEMORY_TERMS];
	size_t count;
	(void)state;

	bf_memory_plan(&plan, conf, BF_IO_URING, 2);
	count = bf_memory_terms(&plan, terms);
	for (unsigned workers = 1; workers <= 256; workers *= 4) {
		struct bf_memory_sum sum = bf_memory_sum(&plan, workers);
		size_t bytes[BF_MEMORY_KIND_COUNT] = {0};

		for (size_t i = 0; i < count; i++)
			bytes[terms[i].kind] += workers * terms[i].bytes;
		for (int kind = 0; kind < BF_MEMORY_KIND_COUNT; kind++)
			assert_int_equal(sum.bytes[kind], bytes[kind]);
	}
	for (size_t i = 0; i < count; i++) {
		assert_true(terms[i].bytes > 0);
		assert_true(strlen(terms[i].name) <= 12 && strlen(terms[i].why) > 10);
		assert_true(i == 0 || terms[i].kind >= terms[i - 1].kind);
	}
}

static void sums_that_do_not_fit_are_the_largest_number(void **state)
{
	(void)state;

	plan.transport_count = SIZE_MAX / 1000;
	plan.cache_block_count = SIZE_MAX / 1000;
	assert_int_equal(bf_memory_sum(&plan, 1).bytes[BF_MEMORY_GROWTH], SIZE_MAX);
	assert_int_equal(bf_memory_sum(&plan, 2).bytes[BF_MEMORY_START], SIZE_MAX);
	assert_int_equal(term("cache")->bytes, SIZE_MAX);
}

static void what_is_available_fits_is_tight_or_too_small(void **state)
{
	const struct bf_memory_sum sum = {.bytes = {100, 20, 300}};
	const struct bf_memory_sum endless = {.bytes = {100, SIZE_MAX, SIZE_MAX}};
	(void)state;

	assert_int_equal(bf_memory_fit(&sum, 420), BF_MEMORY_FITS);
	assert_int_equal(bf_memory_fit(&sum, 419), BF_MEMORY_TIGHT);
	assert_int_equal(bf_memory_fit(&sum, 100), BF_MEMORY_TIGHT);
	assert_int_equal(bf_memory_fit(&sum, 99), BF_MEMORY_TOO_BIG);
	assert_int_equal(bf_memory_fit(&endless, SIZE_MAX - 1), BF_MEMORY_TIGHT);
}

/* ---- text ---- */

static void sizes_read_well(void **state)
{
	char text[BF_MEMORY_TEXT];
	(void)state;

	assert_string_equal(bf_memory_format(0, text), "0.0 KiB");
	assert_string_equal(bf_memory_format(1536, text), "1.5 KiB");
	assert_string_equal(bf_memory_format(64 * MIB, text), "64.0 MiB");
	assert_string_equal(bf_memory_format(1024 * MIB - 1, text), "1.0 GiB");
	assert_string_equal(bf_memory_format(SIZE_MAX, text), "16777216.0 TiB");
}

static void the_description_has_every_term_and_sum(void **state)
{
	struct bf_memory_term terms[BF_MEMORY_TERMS];
	size_t count = bf_memory_terms(&plan, terms), len, lines = 0;
	char text[4096], shorter[100];
	(void)state;

	len = bf_memory_describe(&plan, 2, text, sizeof(text));
	assert_int_equal(len, strlen(text));
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	assert_int_equal(lines, count + BF_MEMORY_KIND_COUNT);
	for (size_t i = 0; i < count; i++)
		assert_non_null(strstr(text, terms[i].why));
	assert_non_null(strstr(text, "2 workers, at start: "));
	assert_non_null(strstr(text, "64.0 MiB"));
	/* cut off where there is no room */
	memset(shorter, 'x', sizeof(shorter));
	assert_int_equal(bf_memory_describe(&plan, 2, shorter, 50), len);
	assert_int_equal(strlen(shorter), 49);
	assert_memory_equal(shorter, text, 49);
	assert_int_equal(bf_memory_describe(&plan, 2, NULL, 0), len);
	bf_memory_describe(&plan, 1, text, sizeof(text));
	assert_non_null(strstr(text, "1 worker, at start: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_loop_takes_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(an_inbox_takes_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_udp_socket_takes_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pool_takes_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(rooms_take_what_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_cache_takes_what_is_configured_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_serves_transports_follows_their_count, setup, teardown),
		cmocka_unit_test_setup_teardown(a_pipe_leads_to_each_other_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_defaults_start_in_less_than_100_mib, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_sum_is_that_of_the_terms_for_each_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sums_that_do_not_fit_are_the_largest_number, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_available_fits_is_tight_or_too_small, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_read_well, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_description_has_every_term_and_sum, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
