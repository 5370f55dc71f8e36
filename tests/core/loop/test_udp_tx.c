/* What a socket makes of committed datagrams at the edges: limits of trains, those taken back, those filled late, paths that are
 * too narrow, receivers that are not there. */
#include "tests/core/loop/both.h"

#include "core/loop/udp.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENS_MAX 256

struct link {
	struct bf_loop *loop;
	struct bf_udp *from, *to;
	struct bf_addr addr; /* of `to` */
	size_t got_count;
	size_t got_lens[LENS_MAX];
	uint8_t got_first[LENS_MAX]; /* bytes */
	/* what before_flush does */
	int flush_count;
	uint8_t *unfilled[LENS_MAX];
	size_t unfilled_count, unfilled_len;
};

static void on_packets(void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	struct link *link = arg;

	if (udp != link->to)
		return;
	for (size_t i = 0; i < count; i++) {
		assert_true(link->got_count < LENS_MAX);
		link->got_first[link->got_count] = packets[i].data[0];
		link->got_lens[link->got_count++] = packets[i].len;
	}
}

static void before_flush(void *arg)
{
	struct link *link = arg;

	link->flush_count++;
	for (size_t i = 0; i < link->unfilled_count; i++)
		memset(link->unfilled[i], (int)i + 1, link->unfilled_len);
	link->unfilled_count = 0;
}

static void link_open_at(struct link *link, struct bf_loop *loop, const char *ip, size_t slab_bytes)
{
	const struct bf_udp_conf conf = {
		.rcvbuf_bytes = 212992, .tx_slab_bytes = slab_bytes, .before_flush = before_flush};
	struct bf_addr addr;

	memset(link, 0, sizeof(*link));
	link->loop = loop;
	assert_int_equal(bf_addr_parse_ip(&addr, ip, 0), 0);
	assert_int_equal(bf_udp_open(&link->from, loop, &addr, &conf, on_packets, link), 0);
	assert_int_equal(bf_udp_open(&link->to, loop, &addr, &conf, on_packets, link), 0);
	link->addr = bf_udp_local(link->to);
}

static void link_open(struct link *link, void **state, size_t slab_bytes)
{
	link_open_at(link, both_loop(state), "127.0.0.1", slab_bytes);
}

static void link_close(struct link *link)
{
	bf_udp_close(link->from);
	bf_udp_close(link->to);
	bf_loop_free(link->loop);
}

static uint8_t *commit_to(struct link *link, const struct bf_addr *to, size_t len, uint8_t first)
{
	uint8_t *out = bf_udp_reserve(link->from, NULL, to, len);

	assert_non_null(out);
	memset(out, first, len);
	bf_udp_commit(link->from, len);
	return out;
}

static uint8_t *commit(struct link *link, size_t len, uint8_t first)
{
	return commit_to(link, &link->addr, len, first);
}

static void assert_trains(const struct link *link, uint64_t with_gso, uint64_t without)
{
	const struct bf_udp_counters *counters = bf_udp_counters(link->from);

	assert_int_equal(counters->tx_trains, counters->has_gso ? with_gso : without);
}

static void a_train_has_64_datagrams_at_most(void **state)
{
	struct link link;

	link_open(&link, state, 0);
	for (int i = 0; i < 65; i++)
		commit(&link, 100, (uint8_t)i);
	TURN_UNTIL(link.loop, link.got_count == 65);
	for (int i = 0; i < 65; i++)
		assert_int_equal(link.got_first[i], i);
	assert_trains(&link, 2, 65);
	link_close(&link);
}

static void a_full_train_may_end_with_a_shorter_datagram(void **state)
{
	struct link link;

	link_open(&link, state, 0);
	for (int i = 0; i < 63; i++)
		commit(&link, 100, (uint8_t)i);
	commit(&link, 40, 63);
	TURN_UNTIL(link.loop, link.got_count == 64);
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(link.got_first[i], i);
		assert_int_equal(link.got_lens[i], i < 63 ? 100 : 40);
	}
	assert_trains(&link, 1, 64);
	link_close(&link);
}

static void a_train_has_the_bytes_of_one_datagram_at_most(void **state)
{
	struct link link;

	link_open(&link, state, 0);
	for (size_t last = 1007; last <= 1008; last++) { /* 43 * 1500 + 1007 = 65507 */
		size_t before = link.got_count;

		for (int i = 0; i < 43; i++)
			commit(&link, 1500, (uint8_t)i);
		commit(&link, last, 43);
		TURN_UNTIL(link.loop, link.got_count == before + 44);
		assert_int_equal(link.got_lens[before + 43], last);
	}
	assert_trains(&link, 1 + 2, 88);
	assert_int_equal(bf_udp_counters(link.from)->tx_dropped, 0);
	link_close(&link);
}

static void mixed_sizes_make_as_few_trains_as_may_be_and_keep_their_order(void **state)
{
	/* as encoders cut frames, and audio between them: 1101 1101 1100 | 1100 160 | 900 900 | 1200 */
	static const size_t lens[] = {1101, 1101, 1100, 1100, 160, 900, 900, 1200};
	struct link link;

	link_open(&link, state, 0);
	for (size_t i = 0; i < 8; i++)
		commit(&link, lens[i], (uint8_t)i);
	TURN_UNTIL(link.loop, link.got_count == 8);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(link.got_lens[i], lens[i]);
		assert_int_equal(link.got_first[i], i);
	}
	assert_trains(&link, 4, 8);
	link_close(&link);
}

static void single_sockets_send_no_trains(void **state)
{
	const struct bf_udp_conf conf = {.is_single = true};
	struct link link;
	struct bf_addr addr;

	link_open(&link, state, 0);
	bf_udp_close(link.from);
	assert_int_equal(bf_addr_parse(&addr, "127.0.0.1:0"), 0);
	assert_int_equal(bf_udp_open(&link.from, link.loop, &addr, &conf, on_packets, &link), 0);
	for (int i = 0; i < 5; i++)
		commit(&link, 500, (uint8_t)i);
	TURN_UNTIL(link.loop, link.got_count == 5);
	assert_false(bf_udp_counters(link.from)->has_gso);
	assert_int_equal(bf_udp_counters(link.from)->tx_trains, 5);
	link_close(&link);
}

static void what_is_taken_back_does_not_leave(void **state)
{
	uint8_t *data[8];
	struct link link;

	link_open(&link, state, 0);
	for (int i = 0; i < 8; i++)
		data[i] = commit(&link, 300, (uint8_t)i);
	bf_udp_revoke(link.from, data[0]);
	bf_udp_revoke(link.from, data[3]);
	bf_udp_revoke(link.from, data[4]);
	bf_udp_revoke(link.from, data[7]);
	TURN_UNTIL(link.loop, link.got_count == 4);
	assert_int_equal(link.got_first[0], 1);
	assert_int_equal(link.got_first[1], 2);
	assert_int_equal(link.got_first[2], 5);
	assert_int_equal(link.got_first[3], 6);
	assert_trains(&link, 1, 4);
	bf_udp_revoke(link.from, commit(&link, 300, 9)); /* all there is */
	commit_to(&link, &link.addr, 10, 10);
	TURN_UNTIL(link.loop, link.got_count == 5);
	assert_int_equal(link.got_first[4], 10);
	link_close(&link);
}

/* Whatever makes them leave: a full slab, the end of the turn, somebody's flush. */
static void datagrams_may_be_written_until_they_leave(void **state)
{
	struct link link;

	link_open(&link, state, 4000);
	for (size_t i = 0; i < 7; i++) {
		uint8_t *out = bf_udp_reserve(link.from, NULL, &link.addr, 1000);

		assert_non_null(out);
		bf_udp_commit(link.from, 1000);
		link.unfilled_len = 1000;
		link.unfilled[link.unfilled_count++] = out;
	}
	assert_int_equal(link.flush_count, 1); /* the slab holds four */
	TURN_UNTIL(link.loop, link.got_count == 7);
	assert_int_equal(link.flush_count, 2);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(link.got_first[i], i % 4 + 1);
	bf_udp_flush(link.from);
	assert_int_equal(link.flush_count, 2); /* nothing to send */
	link_close(&link);
}

static void a_receiver_that_is_gone_costs_the_others_nothing(void **state)
{
	struct link link, gone;
	struct bf_addr nobody;

	link_open(&link, state, 0);
	link_open(&gone, state, 0);
	nobody = gone.addr;
	link_close(&gone);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			commit_to(&link, &nobody, 700, 99);
			commit(&link, 700, (uint8_t)i);
		}
		bf_udp_flush(link.from); /* ICMP errors come back to this socket */
	}
	TURN_UNTIL(link.loop, link.got_count == 12);
	for (int i = 0; i < 12; i++)
		assert_int_equal(link.got_first[i], i % 4);
	link_close(&link);
}

/* ---- a narrow path: needs a network of its own ---- */

static int narrow_loopback(int mtu)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = mtu};
	int fd, err;

	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, SIOCSIFMTU, &request) < 0 ? -errno : 0;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (!err && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool comes(struct link *link, size_t count)
{
	for (int i = 0; i < 200 && link->got_count < count; i++)
		(void)bf_loop_turn(link->loop, BF_MS(10));
	return link->got_count == count;
}

/* `fits`: the largest datagram that passes. Exit statuses: 0 well, 77 no such network here, others the failed step. */
static int run_narrow(enum bf_io io, const char *ip, size_t fits)
{
	const struct bf_udp_counters *counters;
	struct bf_loop *loop;
	struct link link;

	if (narrow_loopback(1280) < 0 || bf_loop_new(&loop, io))
		return 77;
	link_open_at(&link, loop, ip, 0);
	counters = bf_udp_counters(link.from);
	if (!counters->has_gso)
		return 77;
	for (int i = 0; i < 5; i++)
		commit(&link, fits, (uint8_t)i);
	if (!comes(&link, 5) || counters->tx_trains != 1)
		return 1;
	for (int i = 0; i < 3; i++)
		commit(&link, fits + 1, 100);
	commit(&link, 600, 42); /* behind three that cannot pass */
	if (!comes(&link, 6) || link.got_first[5] != 42)
		return 2;
	if (counters->tx_dropped != 3)
		return 3;
	if (!counters->has_gso)
		return 4; /* one narrow path must not take the trains from all others */
	for (int i = 0; i < 5; i++)
		commit(&link, fits, (uint8_t)i);
	if (!comes(&link, 11) || counters->tx_trains != 3)
		return 5;
	link_close(&link);
	return 0;
}

static void expect_narrow(void **state, const char *ip, size_t fits)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_narrow(*(enum bf_io *)*state, ip, fits));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("no network namespace, io_uring or GSO here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_narrow_path_takes_what_fits_and_leaves_trains_on(void **state)
{
	expect_narrow(state, "127.0.0.1", 1280 - 20 - 8);
}

static void a_narrow_path_of_ipv6_does_so_too(void **state)
{
	expect_narrow(state, "::1", 1280 - 40 - 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_train_has_64_datagrams_at_most),
		ON_BOTH(a_full_train_may_end_with_a_shorter_datagram),
		ON_BOTH(a_train_has_the_bytes_of_one_datagram_at_most),
		ON_BOTH(mixed_sizes_make_as_few_trains_as_may_be_and_keep_their_order),
		ON_BOTH(single_sockets_send_no_trains),
		ON_BOTH(what_is_taken_back_does_not_leave),
		ON_BOTH(datagrams_may_be_written_until_they_leave),
		ON_BOTH(a_receiver_that_is_gone_costs_the_others_nothing),
		ON_BOTH(a_narrow_path_takes_what_fits_and_leaves_trains_on),
		ON_BOTH(a_narrow_path_of_ipv6_does_so_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
