#include "tests/core/loop/both.h"

#include "core/base/ifaddr.h"
#include "core/base/rand.h"
#include "core/loop/udp.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* --- counting allocations: the linker sends the code's calls here (see CMakeLists.txt) --- */

static int alloc_count;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	alloc_count++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	alloc_count++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	alloc_count++;
	return __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	alloc_count++;
	return __real_aligned_alloc(alignment, size);
}

/* --- a socket that keeps what it gets, and one that sends it back --- */

#define KEPT_MAX 4096

struct kept {
	size_t len;
	uint8_t bytes[BF_UDP_MTU];
	struct bf_addr remote, local;
};

struct sink {
	struct bf_udp *udp;
	struct bf_loop *loop;
	struct kept *kept; /* KEPT_MAX of them, or NULL: only count */
	size_t count;
	size_t batch_max;
	int64_t at_us; /* of the newest */
	bool echoes;
	bool closes;
};

static void on_packets(void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	struct sink *sink = arg;

	assert_in_range(count, 1, BF_UDP_BATCH);
	if (count > sink->batch_max)
		sink->batch_max = count;
	for (size_t i = 0; i < count; i++) {
		const struct bf_udp_packet *packet = &packets[i];

		assert_true(packet->at_us <= bf_loop_now_us(sink->loop));
		sink->at_us = packet->at_us;
		if (sink->kept) {
			struct kept *kept = &sink->kept[sink->count];

			assert_true(sink->count < KEPT_MAX);
			kept->len = packet->len;
			kept->remote = packet->remote;
			kept->local = packet->local;
			memcpy(kept->bytes, packet->data, packet->len);
		}
		sink->count++;
		if (sink->echoes) {
			uint8_t *out =
				bf_udp_reserve(udp, &packet->local, &packet->remote, packet->len);

			assert_non_null(out);
			memcpy(out, packet->data, packet->len);
			bf_udp_commit(udp, packet->len);
		}
	}
	if (sink->closes)
		bf_udp_close(udp);
}

static struct bf_addr addr(const char *text)
{
	struct bf_addr out;

	assert_int_equal(bf_addr_parse(&out, text), 0);
	return out;
}

static void sink_open(
	struct sink *sink, struct bf_loop *loop, const char *bind_text, size_t tx_slab_bytes)
{
	/* what an unprivileged process gets everywhere: no test may rely on more */
	struct bf_udp_conf conf = {.rcvbuf_bytes = 212992, .tx_slab_bytes = tx_slab_bytes};
	struct bf_addr bind_addr = addr(bind_text);

	*sink = (struct sink){.loop = loop};
	assert_int_equal(bf_udp_open(&sink->udp, loop, &bind_addr, &conf, on_packets, sink), 0);
}

static void sink_keep(struct sink *sink)
{
	sink->kept = calloc(KEPT_MAX, sizeof(*sink->kept));
	assert_non_null(sink->kept);
}

static void sink_close(struct sink *sink)
{
	bf_udp_close(sink->udp);
	free(sink->kept);
}

static void send_bytes(struct bf_udp *udp, const struct bf_addr *to, const void *bytes, size_t len)
{
	uint8_t *out = bf_udp_reserve(udp, NULL, to, len);

	assert_non_null(out);
	if (len)
		memcpy(out, bytes, len);
	bf_udp_commit(udp, len);
}

/* --- receiving --- */

static void a_datagram_tells_where_it_came_from_and_went_to(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "0.0.0.0:0", 0);
	sink_keep(&a);
	sink_keep(&b);
	b.echoes = true;
	assert_true(bf_udp_local(b.udp).port != 0);
	to = addr("127.0.0.7:0");
	to.port = bf_udp_local(b.udp).port;
	send_bytes(a.udp, &to, "hello", 5);
	TURN_UNTIL(loop, a.count == 1);
	assert_int_equal(b.count, 1);
	assert_int_equal(b.kept[0].len, 5);
	assert_memory_equal(b.kept[0].bytes, "hello", 5);
	assert_true(bf_addr_equal(&b.kept[0].local, &to));
	assert_int_equal(b.kept[0].remote.port, bf_udp_local(a.udp).port);
	/* the answer comes from the address that was asked, not from the one the kernel would choose */
	assert_true(bf_addr_equal(&a.kept[0].remote, &to));
	assert_int_equal(a.kept[0].local.port, bf_udp_local(a.udp).port);
	assert_true(bf_addr_is_loopback(&a.kept[0].local));
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void a_datagram_came_when_the_kernel_got_it(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b;
	int64_t sent_us;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	to = bf_udp_local(b.udp);
	sent_us = bf_clock_mono_us();
	send_bytes(a.udp, &to, "hello", 5);
	bf_udp_flush(a.udp);
	while (bf_clock_mono_us() < sent_us + BF_MS(20))
		; /* it waits in the socket */
	TURN_UNTIL(loop, b.count == 1);
	assert_in_range(b.at_us, sent_us - 100, sent_us + BF_MS(15)); /* two clocks, read apart */
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void ipv6_works_alike(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to = addr("[::1]:0");
	uint8_t bytes[1200] = {9};
	struct sink a, b;

	sink_open(&a, loop, "[::1]:0", 0);
	sink_open(&b, loop, "[::]:0", 0);
	sink_keep(&a);
	sink_keep(&b);
	b.echoes = true;
	to.port = bf_udp_local(b.udp).port;
	for (int i = 0; i < 20; i++)
		send_bytes(a.udp, &to, bytes, sizeof(bytes));
	TURN_UNTIL(loop, a.count == 20);
	for (int i = 0; i < 20; i++) {
		assert_true(bf_addr_equal(&b.kept[i].local, &to));
		assert_true(bf_addr_equal(&a.kept[i].remote, &to));
		assert_int_equal(a.kept[i].len, sizeof(bytes));
	}
	assert_int_equal(bf_udp_counters(a.udp)->rx_bytes, 20 * sizeof(bytes));
	if (bf_udp_counters(a.udp)->has_gso)
		assert_true(bf_udp_counters(a.udp)->tx_trains < 20);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void longer_datagrams_are_dropped_and_counted(void **state)
{
	static const uint8_t bytes[8000];
	struct bf_loop *loop = both_loop(state);
	struct sockaddr_storage sa;
	struct bf_addr to;
	socklen_t sa_len;
	struct sink a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_keep(&a);
	to = bf_udp_local(a.udp);
	sa_len = bf_addr_to_sockaddr(&to, &sa);
	assert_int_equal(sendto(fd, bytes, BF_UDP_MTU + 1, 0, (struct sockaddr *)&sa, sa_len),
		BF_UDP_MTU + 1);
	assert_int_equal(sendto(fd, bytes, 8000, 0, (struct sockaddr *)&sa, sa_len), 8000);
	assert_int_equal(
		sendto(fd, bytes, BF_UDP_MTU, 0, (struct sockaddr *)&sa, sa_len), BF_UDP_MTU);
	TURN_UNTIL(loop, a.count == 1);
	assert_int_equal(a.kept[0].len, BF_UDP_MTU);
	assert_int_equal(bf_udp_counters(a.udp)->rx_oversize, 2);
	assert_int_equal(bf_udp_counters(a.udp)->rx_packets, 1);
	assert_null(bf_udp_reserve(a.udp, NULL, &to, BF_UDP_MTU + 1));
	assert_int_equal(bf_udp_counters(a.udp)->tx_dropped, 1);
	close(fd);
	sink_close(&a);
	bf_loop_free(loop);
}

#define SINKS 5

static size_t count_of(const struct sink sinks[static SINKS])
{
	size_t count = 0;

	for (int i = 0; i < SINKS; i++)
		count += sinks[i].count;
	return count;
}

static void more_than_the_receive_buffers_hold_still_arrives(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct sink from, to[SINKS];
	const uint32_t each = 300; /* uring provides 512 buffers for all sockets together */

	sink_open(&from, loop, "127.0.0.1:0", 0);
	for (int i = 0; i < SINKS; i++) {
		sink_open(&to[i], loop, "127.0.0.1:0", 0);
		sink_keep(&to[i]);
	}
	for (uint32_t number = 0; number < each; number++) {
		for (int i = 0; i < SINKS; i++) {
			struct bf_addr addr_to = bf_udp_local(to[i].udp);

			send_bytes(from.udp, &addr_to, &number, sizeof(number));
		}
	}
	bf_udp_flush(from.udp);
	TURN_UNTIL(loop, count_of(to) == SINKS * each);
	for (int i = 0; i < SINKS; i++) {
		for (uint32_t number = 0; number < each; number++)
			assert_memory_equal(to[i].kept[number].bytes, &number, sizeof(number));
		assert_true(to[i].batch_max > 1);
		sink_close(&to[i]);
	}
	sink_close(&from);
	bf_loop_free(loop);
}

static void a_socket_may_close_itself_while_receiving(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct sink a, b;
	struct bf_addr to;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	b.closes = true;
	to = bf_udp_local(b.udp);
	for (int i = 0; i < 200; i++) /* several batches */
		send_bytes(a.udp, &to, &i, sizeof(i));
	TURN_UNTIL(loop, b.count > 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(loop, 0), 0);
	assert_int_equal(b.count, b.batch_max);
	sink_close(&a);
	bf_loop_free(loop);
}

static void a_taken_port_is_an_error(void **state)
{
	struct bf_loop *loop = both_loop(state);
	const struct bf_udp_conf conf = {.rcvbuf_bytes = 1 << 20};
	struct bf_udp *second;
	struct bf_addr taken;
	struct sink a;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	taken = bf_udp_local(a.udp);
	assert_int_equal(bf_udp_open(&second, loop, &taken, &conf, on_packets, NULL), -EADDRINUSE);
	assert_true(bf_udp_counters(a.udp)->rcvbuf_bytes > 0);
	sink_close(&a);
	bf_loop_free(loop);
}

static void a_closed_port_is_free_again(void **state)
{
	struct bf_loop *loop = both_loop(state);
	const struct bf_udp_conf conf = {0};
	struct bf_addr taken;
	struct sink a;
	int err = -1;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	taken = bf_udp_local(a.udp);
	assert_int_equal(bf_loop_turn(loop, 0), 0);
	bf_udp_close(a.udp);
	TURN_UNTIL(loop,
		(err = bf_udp_open(&a.udp, loop, &taken, &conf, on_packets, &a)) != -EADDRINUSE);
	assert_int_equal(err, 0);
	bf_udp_close(a.udp);
	bf_loop_free(loop);
}

static void *turn_once(void *arg)
{
	return (void *)(intptr_t)bf_loop_turn(arg, 0);
}

/* The ring belongs to a thread that is gone: nothing can be cancelled any more, only closed. */
static void a_loop_may_be_freed_after_its_thread(void **state)
{
	struct bf_loop *loop = both_loop(state);
	pthread_t thread;
	struct sink a;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	assert_int_equal(pthread_create(&thread, NULL, turn_once, loop), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	sink_close(&a);
	bf_loop_free(loop); /* a leak shows under AddressSanitizer */
}

/* --- sending --- */

/* A datagram that tells who it is, so that the receiver can check every byte. */
static size_t stamp(uint8_t *out, uint32_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(number + i);
	memcpy(out, &number, sizeof(number));
	return len;
}

static void assert_stamped(const struct kept *kept, uint32_t number, size_t len)
{
	uint8_t expected[BF_UDP_MTU];

	assert_int_equal(kept->len, stamp(expected, number, len));
	assert_memory_equal(kept->bytes, expected, len);
}

static void equal_neighbours_leave_as_trains(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	sink_keep(&b);
	to = bf_udp_local(b.udp);
	for (uint32_t i = 0; i < 120; i++) {
		uint8_t *out = bf_udp_reserve(a.udp, NULL, &to, BF_UDP_MTU);

		bf_udp_commit(a.udp, stamp(out, i, 1200));
	}
	assert_int_equal(bf_udp_counters(a.udp)->tx_packets, 0); /* not before the turn ends */
	TURN_UNTIL(loop, b.count == 120);
	for (uint32_t i = 0; i < 120; i++)
		assert_stamped(&b.kept[i], i, 1200);
	assert_int_equal(bf_udp_counters(a.udp)->tx_packets, 120);
	assert_int_equal(bf_udp_counters(a.udp)->tx_bytes, 120 * 1200);
	if (bf_udp_counters(a.udp)->has_gso) /* 65507 / 1200 = 54 a train */
		assert_int_equal(bf_udp_counters(a.udp)->tx_trains, 3);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void a_shorter_datagram_ends_its_train(void **state)
{
	static const size_t sizes[] = {100, 100, 60, 60, 60, 100, 5, 5, 4, 3};
	/* trains: 100 100 60 | 60 60 | 100 5 | 5 4 | 3 */
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	sink_keep(&b);
	to = bf_udp_local(b.udp);
	for (size_t i = 0; i < 10; i++) {
		uint8_t bytes[100];

		memset(bytes, (int)i, sizeof(bytes));
		send_bytes(a.udp, &to, bytes, sizes[i]);
	}
	TURN_UNTIL(loop, b.count == 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(b.kept[i].len, sizes[i]);
		assert_int_equal(b.kept[i].bytes[0], i);
	}
	if (bf_udp_counters(a.udp)->has_gso)
		assert_int_equal(bf_udp_counters(a.udp)->tx_trains, 5);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

#define DESTINATIONS 7

/* Destinations interleave, sizes are mixed, several slabs are filled: each destination gets all of its own in
 * order, and trains are still made. */
static void interleaved_destinations_keep_order_and_still_make_trains(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct sink from, to[DESTINATIONS];
	struct bf_addr addrs[DESTINATIONS];
	uint32_t sent[DESTINATIONS] = {0};
	static size_t sizes[DESTINATIONS][KEPT_MAX];
	struct bf_prng prng;
	size_t total = 0, got = 0;

	bf_prng_init(&prng, 42);
	sink_open(&from, loop, "0.0.0.0:0", 64 * 1024);
	for (int i = 0; i < DESTINATIONS; i++) {
		sink_open(&to[i], loop, "127.0.0.1:0", 0);
		sink_keep(&to[i]);
		addrs[i] = bf_udp_local(to[i].udp);
	}
	for (int round = 0; round < 10; round++) {
		for (int k = 0; k < 150; k++, total++) {
			uint32_t who = bf_prng_below(&prng, DESTINATIONS);
			size_t len =
				bf_prng_below(&prng, 4) ? 1100 : 4 + bf_prng_below(&prng, 1400);
			uint8_t *out = bf_udp_reserve(from.udp, NULL, &addrs[who], BF_UDP_MTU);

			assert_non_null(out);
			sizes[who][sent[who]] = len;
			bf_udp_commit(from.udp, stamp(out, sent[who]++, len));
		}
		do {
			assert_int_equal(bf_loop_turn(loop, BF_MS(10)), 0);
			got = 0;
			for (int i = 0; i < DESTINATIONS; i++)
				got += to[i].count;
		} while (got < total);
	}
	for (int i = 0; i < DESTINATIONS; i++) {
		assert_int_equal(to[i].count, sent[i]);
		for (uint32_t k = 0; k < sent[i]; k++)
			assert_stamped(&to[i].kept[k], k, sizes[i][k]);
		sink_close(&to[i]);
	}
	assert_int_equal(bf_udp_counters(from.udp)->tx_packets, total);
	assert_int_equal(bf_udp_counters(from.udp)->tx_dropped, 0);
	if (bf_udp_counters(from.udp)->has_gso)
		assert_true(bf_udp_counters(from.udp)->tx_trains < total / 2);
	sink_close(&from);
	bf_loop_free(loop);
}

static void more_destinations_than_the_table_holds_are_all_served(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct sink from, to[SINKS];
	const uint32_t each = 250; /* the table has 1024 */

	sink_open(&from, loop, "0.0.0.0:0", 0);
	for (int i = 0; i < SINKS; i++) {
		sink_open(&to[i], loop, "0.0.0.0:0", 0);
		sink_keep(&to[i]);
	}
	for (uint32_t number = 0; number < each; number++) {
		for (int i = 0; i < SINKS; i++) {
			struct bf_addr addr_to = addr("127.0.9.0:0");

			addr_to.ip[3] = (uint8_t)(1 + number);
			addr_to.port = bf_udp_local(to[i].udp).port;
			send_bytes(from.udp, &addr_to, &number, sizeof(number));
		}
	}
	TURN_UNTIL(loop, count_of(to) == SINKS * each);
	for (int i = 0; i < SINKS; i++) {
		for (uint32_t number = 0; number < each; number++) {
			assert_memory_equal(to[i].kept[number].bytes, &number, sizeof(number));
			assert_int_equal(to[i].kept[number].local.ip[3], 1 + number);
		}
		sink_close(&to[i]);
	}
	sink_close(&from);
	bf_loop_free(loop);
}

static void the_source_address_is_part_of_the_destination(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to, one = addr("127.0.0.11:0"), two = addr("127.0.0.12:0");
	struct sink a, b;

	sink_open(&a, loop, "0.0.0.0:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	sink_keep(&b);
	to = bf_udp_local(b.udp);
	for (uint32_t i = 0; i < 40; i++) {
		uint8_t *out = bf_udp_reserve(a.udp, i % 2 ? &two : &one, &to, 50);

		bf_udp_commit(a.udp, stamp(out, i, 50));
	}
	TURN_UNTIL(loop, b.count == 40);
	for (uint32_t i = 0; i < 40; i++) {
		uint32_t number;

		memcpy(&number, b.kept[i].bytes, sizeof(number));
		assert_int_equal(b.kept[i].remote.ip[3], number % 2 ? 12 : 11);
		assert_int_equal(number / 2, i % 20);
	}
	if (bf_udp_counters(a.udp)->has_gso)
		assert_int_equal(bf_udp_counters(a.udp)->tx_trains, 2);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void the_kernels_own_choice_of_source_is_known(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr mine[8], here = addr("127.0.0.1:9"), other = addr("127.0.0.7:9");
	int count = bf_ifaddr_list(mine, 8, false);
	struct sink sink;

	sink_open(&sink, loop, "0.0.0.0:0", 0);
	for (int round = 0; round < 2; round++) { /* one answer must not colour the next */
		assert_true(bf_udp_is_default_source(sink.udp, &here, &here));
		assert_false(bf_udp_is_default_source(sink.udp, &other, &here));
		for (int i = 0; i < count; i++) {
			mine[i].port = 9;
			if (mine[i].family != 4)
				continue;
			assert_true(bf_udp_is_default_source(sink.udp, &mine[i], &mine[i]));
			assert_false(bf_udp_is_default_source(sink.udp, &here, &mine[i]));
		}
	}
	here = addr("[::1]:9");
	assert_false(bf_udp_is_default_source(sink.udp, &here, &here));
	sink_close(&sink);
	bf_loop_free(loop);
}

static void a_full_slab_is_flushed_at_once(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b, tiny;

	sink_open(&a, loop, "127.0.0.1:0", 4000);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	sink_open(&tiny, loop, "127.0.0.1:0", 100);
	sink_keep(&b);
	to = bf_udp_local(b.udp);
	for (uint32_t i = 0; i < 9; i++) {
		uint8_t *out = bf_udp_reserve(a.udp, NULL, &to, 1000);

		assert_non_null(out);
		/* exactly full at 4 and 8 */
		assert_int_equal(bf_udp_counters(a.udp)->tx_packets, i < 4 ? 0 : i < 8 ? 4 : 8);
		bf_udp_commit(a.udp, stamp(out, i, 1000));
	}
	TURN_UNTIL(loop, b.count == 9);
	for (uint32_t i = 0; i < 9; i++)
		assert_stamped(&b.kept[i], i, 1000);
	assert_null(bf_udp_reserve(tiny.udp, NULL, &to, 101));
	assert_int_equal(bf_udp_counters(tiny.udp)->tx_dropped, 1);
	assert_non_null(bf_udp_reserve(tiny.udp, NULL, &to, 100));
	sink_close(&a);
	sink_close(&b);
	sink_close(&tiny);
	bf_loop_free(loop);
}

static void a_reservation_outlives_a_flush_and_may_be_dropped(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to, other = addr("127.0.0.1:9");
	struct sink a, b;
	uint8_t *out;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	sink_keep(&b);
	to = bf_udp_local(b.udp);
	send_bytes(a.udp, &to, "one", 3);
	out = bf_udp_reserve(a.udp, NULL, &to, 100);
	memcpy(out, "two", 3);
	bf_udp_flush(a.udp);
	assert_int_equal(bf_udp_counters(a.udp)->tx_packets, 1);
	memcpy(out + 3, "more", 4);
	bf_udp_commit(a.udp, 7);
	assert_non_null(bf_udp_reserve(a.udp, NULL, &other, 100)); /* never committed */
	send_bytes(a.udp, &to, NULL, 0);			   /* sends nothing */
	send_bytes(a.udp, &to, "three", 5);
	assert_non_null(bf_udp_reserve(a.udp, NULL, &other, 100)); /* open at the turn's end */
	TURN_UNTIL(loop, b.count == 3);
	assert_int_equal(b.kept[1].len, 7);
	assert_memory_equal(b.kept[1].bytes, "twomore", 7);
	assert_memory_equal(b.kept[2].bytes, "three", 5);
	assert_int_equal(bf_udp_counters(a.udp)->tx_packets, 3);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

static void what_is_committed_is_sent_before_closing(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to;
	struct sink a, b;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	to = bf_udp_local(b.udp);
	send_bytes(a.udp, &to, "bye", 3);
	sink_close(&a);
	TURN_UNTIL(loop, b.count == 1);
	sink_close(&b);
	bf_loop_free(loop);
}

static void what_cannot_be_sent_is_dropped_and_the_rest_goes_on(void **state)
{
	struct bf_loop *loop = both_loop(state);
	struct bf_addr to, broadcast = addr("255.255.255.255:9"), six = addr("[::1]:9");
	struct bf_addr foreign = addr("192.0.2.77:0");
	uint8_t *out;
	struct sink a, b;

	sink_open(&a, loop, "0.0.0.0:0", 0);
	sink_open(&b, loop, "127.0.0.1:0", 0);
	to = bf_udp_local(b.udp);
	for (int i = 0; i < 3; i++)
		send_bytes(a.udp, &broadcast, "no", 2); /* EACCES without SO_BROADCAST */
	for (int i = 0; i < 3; i++) {
		out = bf_udp_reserve(a.udp, &foreign, &to, 2); /* not an address of ours */
		memcpy(out, "no", 2);
		bf_udp_commit(a.udp, 2);
	}
	assert_null(bf_udp_reserve(a.udp, NULL, &six, 2));
	for (int i = 0; i < 4; i++)
		send_bytes(a.udp, &to, "yes", 3);
	TURN_UNTIL(loop, b.count == 4);
	assert_int_equal(bf_udp_counters(a.udp)->tx_packets, 4);
	assert_int_equal(bf_udp_counters(a.udp)->tx_dropped, 7);
	if (bf_udp_counters(b.udp)->has_gso) /* errors of one destination say nothing about GSO */
		assert_true(bf_udp_counters(a.udp)->has_gso);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

/* --- the hot path --- */

static void the_steady_state_does_not_allocate(void **state)
{
	struct bf_loop *loop = both_loop(state);
	uint8_t bytes[1000] = {1};
	struct sink a, b;
	struct bf_addr to;
	int before;

	sink_open(&a, loop, "127.0.0.1:0", 0);
	sink_open(&b, loop, "0.0.0.0:0", 0);
	b.echoes = true;
	to = addr("127.0.0.1:0");
	to.port = bf_udp_local(b.udp).port;
	send_bytes(a.udp, &to, bytes, 10);
	TURN_UNTIL(loop, a.count == 1);
	before = alloc_count;
	assert_true(before > 0); /* the counter counts */
	for (size_t round = 1; round <= 100; round++) {
		for (size_t i = 0; i < 50; i++)
			send_bytes(a.udp, &to, bytes, 200 + 100 * (i % 3));
		TURN_UNTIL(loop, a.count == 1 + round * 50);
	}
	assert_int_equal(alloc_count, before);
	assert_int_equal(b.count, 1 + 100 * 50);
	sink_close(&a);
	sink_close(&b);
	bf_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_datagram_tells_where_it_came_from_and_went_to),
		ON_BOTH(a_datagram_came_when_the_kernel_got_it),
		ON_BOTH(ipv6_works_alike),
		ON_BOTH(longer_datagrams_are_dropped_and_counted),
		ON_BOTH(more_than_the_receive_buffers_hold_still_arrives),
		ON_BOTH(a_socket_may_close_itself_while_receiving),
		ON_BOTH(a_taken_port_is_an_error),
		ON_BOTH(a_closed_port_is_free_again),
		ON_BOTH(a_loop_may_be_freed_after_its_thread),
		ON_BOTH(equal_neighbours_leave_as_trains),
		ON_BOTH(a_shorter_datagram_ends_its_train),
		ON_BOTH(interleaved_destinations_keep_order_and_still_make_trains),
		ON_BOTH(more_destinations_than_the_table_holds_are_all_served),
		ON_BOTH(the_source_address_is_part_of_the_destination),
		ON_BOTH(the_kernels_own_choice_of_source_is_known),
		ON_BOTH(a_full_slab_is_flushed_at_once),
		ON_BOTH(a_reservation_outlives_a_flush_and_may_be_dropped),
		ON_BOTH(what_is_committed_is_sent_before_closing),
		ON_BOTH(what_cannot_be_sent_is_dropped_and_the_rest_goes_on),
		ON_BOTH(the_steady_state_does_not_allocate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
