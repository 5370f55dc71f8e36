#include "tests/core/loop/peer.h"

#include "core/base/rand.h"
#include "core/loop/inbox.h"
#include "core/loop/udp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/udp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- faults: the linker sends the code's calls here (see CMakeLists.txt) --- */

static int allocs_until_failure = -1; /* -1: none fails; 0: the next one does */

static bool alloc_fails(void)
{
	return allocs_until_failure >= 0 && allocs_until_failure-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

void *__wrap_malloc(size_t size)
{
	return alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return alloc_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return alloc_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* How the kernel answers sendmmsg, and sendmsg. */
static struct {
	int train_errno;    /* of every train; 0: none */
	int next_errno;	    /* of the next call only */
	unsigned count_max; /* messages it takes at once; 0: all */
	int calls;
	int single_idx; /* of a call of sendmsg, and what it is answered; 0: it is sent */
	int single_errno;
	int single_calls;
	bool is_wild; /* both as the dice fall */
	struct bf_prng dice;
} net;

/* What a kernel may say to a datagram or a train: 0 as often as all else. */
static int wild_errno(void)
{
	static const int errors[] = {EINTR, EAGAIN, ENOBUFS, ENOMEM, EIO, EINVAL, EMSGSIZE,
		ECONNREFUSED, EPERM, ENETUNREACH, EHOSTUNREACH};
	uint32_t dice = bf_prng_below(&net.dice, 22);

	return dice < 11 ? errors[dice] : 0;
}

static bool is_train(const struct msghdr *msg)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
		cmsg = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, cmsg))
		if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_SEGMENT)
			return true;
	return false;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	unsigned taken = 0;

	net.calls++;
	if (net.is_wild) {
		net.next_errno = wild_errno();
		net.count_max = 1 + bf_prng_below(&net.dice, 4);
	}
	if (net.next_errno) {
		errno = net.next_errno;
		net.next_errno = 0;
		return -1;
	}
	if (net.count_max && count > net.count_max)
		count = net.count_max;
	while (taken < count && !(net.train_errno && is_train(&messages[taken].msg_hdr)))
		taken++;
	if (taken == 0) {
		errno = net.train_errno;
		return -1;
	}
	return __real_sendmmsg(fd, messages, taken, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	int error = net.single_calls++ == net.single_idx ? net.single_errno : 0;

	if (net.is_wild)
		error = wild_errno();
	if (error) {
		errno = error;
		return -1;
	}
	return __real_sendmsg(fd, msg, flags);
}

/* --- memory --- */

static void on_message(void *arg, struct bf_msg *msg)
{
	(void)arg;
	bf_msg_free(msg);
}

static void on_packets(void *arg, struct bf_udp *udp, struct bf_udp_packet *packets, size_t count)
{
	(void)udp;
	for (size_t i = 0; i < count; i++)
		*(size_t *)arg += packets[i].len;
}

static void a_loop_survives_each_failing_allocation(void **state)
{
	struct bf_loop *loop = both_loop(state);
	int n, err;

	bf_loop_free(loop);
	for (n = 0;; n++) {
		allocs_until_failure = n;
		err = bf_loop_new(&loop, *(enum bf_io *)*state);
		allocs_until_failure = -1;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
	}
	assert_true(n > 0);
	bf_loop_free(loop);
}

static void sockets_survive_each_failing_allocation(void **state)
{
	const struct bf_tcp_listen_conf listen_conf = {.stream_count_max = 1};
	const struct bf_udp_conf udp_conf = {.tx_slab_bytes = 10000};
	struct bf_loop *loop = both_loop(state);
	struct bf_addr addr;
	size_t got = 0;

	assert_int_equal(bf_addr_parse(&addr, "127.0.0.1:0"), 0);
	for (int n = 0, errs = 3; errs > 0; n++) {
		struct bf_tcp_listener *listener;
		struct bf_inbox *inbox;
		struct bf_udp *udp;
		int udp_err, listen_err, inbox_err;

		allocs_until_failure = n;
		udp_err = bf_udp_open(&udp, loop, &addr, &udp_conf, on_packets, &got);
		allocs_until_failure = n;
		listen_err =
			bf_tcp_listen(&listener, loop, &addr, &listen_conf, server_on_accept, NULL);
		allocs_until_failure = n;
		inbox_err = bf_inbox_new(&inbox, loop, 4, on_message, NULL);
		allocs_until_failure = -1;
		errs = (udp_err != 0) + (listen_err != 0) + (inbox_err != 0);
		assert_true(udp_err == 0 || udp_err == -ENOMEM);
		assert_true(listen_err == 0 || listen_err == -ENOMEM);
		assert_true(inbox_err == 0 || inbox_err == -ENOMEM);
		if (!udp_err)
			bf_udp_close(udp);
		if (!listen_err)
			bf_tcp_listener_close(listener);
		if (!inbox_err)
			bf_inbox_free(inbox);
		assert_int_equal(bf_loop_turn(loop, 0), 0);
	}
	bf_loop_free(loop);
}

static void a_stream_without_memory_is_refused_and_the_next_is_not(void **state)
{
	const struct bf_tcp_listen_conf conf = {.stream_count_max = 2};
	struct server server;
	ssize_t got = -1;
	char byte;
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	allocs_until_failure = 0;
	TURN_UNTIL(server.loop, (got = recv(fd, &byte, 1, 0)) >= 0 || errno != EAGAIN);
	assert_true(got == 0 || errno == ECONNRESET);
	assert_int_equal(server.peer_count, 0);
	close(fd);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	close(fd);
	server_close(&server);
}

static void a_write_without_memory_queues_nothing(void **state)
{
	const struct bf_tcp_listen_conf conf = {.queue_bytes_max = 100000};
	static const uint8_t bytes[50000];
	struct server server;
	struct peer *peer = &server.peers[0];
	int fd;

	server_open(&server, both_loop(state), "127.0.0.1:0", &conf);
	fd = client_connect(&server);
	TURN_UNTIL(server.loop, server.peer_count == 1);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, 10)), 0);
	allocs_until_failure = 0;
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, sizeof(bytes))), -ENOMEM);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), 10);
	assert_int_equal(bf_tcp_write(peer->tcp, bf_bytes(bytes, sizeof(bytes))), 0);
	assert_int_equal(bf_tcp_queued_bytes(peer->tcp), 10 + sizeof(bytes));
	close(fd);
	server_close(&server);
}

/* --- sending --- */

struct link {
	struct bf_loop *loop;
	struct bf_udp *from, *to;
	struct bf_addr addr;
	size_t got; /* bytes */
};

static void link_open(struct link *link, void **state)
{
	const struct bf_udp_conf conf = {.rcvbuf_bytes = 212992};
	struct bf_addr addr;

	memset(&net, 0, sizeof(net));
	*link = (struct link){.loop = both_loop(state)};
	assert_int_equal(bf_addr_parse(&addr, "127.0.0.1:0"), 0);
	assert_int_equal(
		bf_udp_open(&link->from, link->loop, &addr, &conf, on_packets, &link->got), 0);
	assert_int_equal(
		bf_udp_open(&link->to, link->loop, &addr, &conf, on_packets, &link->got), 0);
	link->addr = bf_udp_local(link->to);
	if (!bf_udp_counters(link->from)->has_gso) {
		print_message("the kernel has no UDP GSO\n");
		bf_udp_close(link->from);
		bf_udp_close(link->to);
		bf_loop_free(link->loop);
		skip();
	}
}

static void link_close(struct link *link)
{
	memset(&net, 0, sizeof(net));
	bf_udp_close(link->from);
	bf_udp_close(link->to);
	bf_loop_free(link->loop);
}

static void link_send(struct link *link, int count, size_t len)
{
	for (int i = 0; i < count; i++) {
		uint8_t *out = bf_udp_reserve(link->from, NULL, &link->addr, len);

		assert_non_null(out);
		memset(out, i, len);
		bf_udp_commit(link->from, len);
	}
}

static void refused_trains_go_one_by_one_and_gso_is_given_up(void **state)
{
	static const int errors[] = {EIO, EINVAL};

	for (size_t i = 0; i < 2; i++) {
		const struct bf_udp_counters *counters;
		struct link link;
		int calls;

		link_open(&link, state);
		counters = bf_udp_counters(link.from);
		net.train_errno = errors[i];
		link_send(&link, 10, 100);
		link_send(&link, 5, 200);
		TURN_UNTIL(link.loop, link.got == 10 * 100 + 5 * 200);
		assert_false(counters->has_gso);
		assert_int_equal(counters->tx_packets, 15);
		assert_int_equal(counters->tx_trains, 15);
		assert_int_equal(counters->tx_dropped, 0);
		calls = net.calls;
		link_send(&link, 10, 100); /* no train is tried again */
		TURN_UNTIL(link.loop, link.got == 20 * 100 + 5 * 200);
		assert_int_equal(net.calls, calls + 1);
		link_close(&link);
	}
}

static void a_train_too_large_for_the_device_says_nothing_about_gso(void **state)
{
	struct link link;

	link_open(&link, state);
	net.train_errno = EMSGSIZE;
	link_send(&link, 10, 100);
	TURN_UNTIL(link.loop, link.got == 1000);
	assert_true(bf_udp_counters(link.from)->has_gso);
	link_close(&link);
}

static void a_full_send_buffer_or_device_drops_and_counts(void **state)
{
	static const int errors[] = {EAGAIN, ENOBUFS, ENOMEM};

	for (size_t i = 0; i < 3; i++) {
		struct link link;

		link_open(&link, state);
		net.next_errno = errors[i];
		link_send(&link, 10, 100);
		bf_udp_flush(link.from);
		assert_int_equal(net.calls, 1); /* the rest would only be refused as well */
		assert_int_equal(bf_udp_counters(link.from)->tx_dropped, 10);
		assert_int_equal(bf_udp_counters(link.from)->tx_packets, 0);
		link_send(&link, 1, 50);
		TURN_UNTIL(link.loop, link.got == 50);
		link_close(&link);
	}
}

/* What concerns one destination: no route, a firewall, an ICMP error that has come back meanwhile. */
static void a_refused_train_is_counted_and_the_next_one_goes(void **state)
{
	static const int errors[] = {ECONNREFUSED, EPERM, ENETUNREACH};

	for (size_t i = 0; i < 3; i++) {
		struct link link;

		link_open(&link, state);
		net.next_errno = errors[i];
		link_send(&link, 4, 100);
		link_send(&link, 3, 200); /* longer: a train of its own */
		TURN_UNTIL(link.loop, link.got == 600);
		assert_int_equal(bf_udp_counters(link.from)->tx_dropped, 4);
		assert_int_equal(bf_udp_counters(link.from)->tx_packets, 3);
		assert_true(bf_udp_counters(link.from)->has_gso);
		link_close(&link);
	}
}

/* The train's datagrams go one by one then, and one that is refused again takes none of the others with it. */
static void of_a_refused_train_only_what_is_refused_again_is_lost(void **state)
{
	static const int errors[] = {EMSGSIZE, ECONNREFUSED, ENOBUFS, EAGAIN, EINTR};

	for (size_t i = 0; i < 2 * 5; i++) {
		bool is_lost = errors[i / 2] != EINTR;
		const struct bf_udp_counters *counters;
		struct link link;

		link_open(&link, state);
		counters = bf_udp_counters(link.from);
		net.train_errno = i % 2 ? EMSGSIZE : EIO;
		net.single_errno = errors[i / 2];
		net.single_idx = 2;
		link_send(&link, 5, 100);
		link_send(&link, 1, 40); /* shorter: the last one of the train */
		TURN_UNTIL(link.loop, link.got == (is_lost ? 4 : 5) * 100u + 40);
		assert_int_equal(counters->tx_packets, is_lost ? 5 : 6);
		assert_int_equal(counters->tx_dropped, is_lost ? 1 : 0);
		assert_int_equal(counters->has_gso, i % 2);
		link_close(&link);
	}
}

/* All came that the counters say were sent, and no others: a train, its rest, a batch of them are lost only as counted. */
static void whatever_the_kernel_answers_each_datagram_is_sent_or_counted(void **state)
{
	const struct bf_udp_counters *counters;
	uint64_t committed = 0;
	struct link link;

	link_open(&link, state);
	counters = bf_udp_counters(link.from);
	bf_prng_init(&net.dice, 7);
	net.is_wild = true;
	for (int round = 0; round < 300; round++) {
		struct bf_addr to[2] = {link.addr, bf_udp_local(link.from)};

		for (uint32_t i = bf_prng_below(&net.dice, 40); i > 0; i--) {
			size_t len = bf_prng_below(&net.dice, 4)
					     ? 300
					     : 1 + bf_prng_below(&net.dice, 300);

			link.addr = to[bf_prng_below(&net.dice, 2)];
			link_send(&link, 1, len);
			committed++;
		}
		link.addr = to[0];
		bf_udp_flush(link.from);
		assert_int_equal(counters->tx_packets + counters->tx_dropped, committed);
		TURN_UNTIL(link.loop, link.got == counters->tx_bytes);
		if (!counters->has_gso) { /* it is given up for good: another socket, and on */
			link_close(&link);
			link_open(&link, state);
			bf_prng_init(&net.dice, (uint64_t)round);
			net.is_wild = true;
			counters = bf_udp_counters(link.from);
			committed = 0;
		}
	}
	for (int i = 0; i < 5; i++) /* nothing is on its way any more */
		assert_int_equal(bf_loop_turn(link.loop, 0), 0);
	assert_int_equal(link.got, counters->tx_bytes);
	link_close(&link);
}

static void what_sendmmsg_leaves_is_sent_next(void **state)
{
	struct link link;

	link_open(&link, state);
	net.count_max = 2;
	net.next_errno = EINTR;
	for (size_t len = 1; len <= 9; len++) /* growing, so each is a train of its own */
		link_send(&link, 1, len);
	TURN_UNTIL(link.loop, link.got == 45);
	assert_int_equal(net.calls, 1 + 5);
	assert_int_equal(bf_udp_counters(link.from)->tx_packets, 9);
	link_close(&link);
}

/* --- without io_uring --- */

static int refuse_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = 4, .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* In a child, as a container does it. Exit statuses: 0 well, 77 no seccomp here, others the failed step. */
static int run_refused(void)
{
	struct bf_loop *loop;

	if (refuse_io_uring() < 0)
		return 77;
	if (bf_loop_new(&loop, BF_IO_URING) != -EPERM)
		return 1;
	if (bf_loop_new(&loop, BF_IO_AUTO) != 0)
		return 2;
	if (bf_loop_io(loop) != BF_IO_EPOLL || bf_loop_io_refusal(loop) != -EPERM)
		return 3;
	if (bf_loop_turn(loop, 1000) != 0)
		return 4;
	bf_loop_free(loop);
	return 0;
}

static void auto_falls_back_to_epoll_where_io_uring_is_refused(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_refused());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("seccomp is refused here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_loop_survives_each_failing_allocation),
		ON_BOTH(sockets_survive_each_failing_allocation),
		ON_BOTH(a_stream_without_memory_is_refused_and_the_next_is_not),
		ON_BOTH(a_write_without_memory_queues_nothing),
		ON_BOTH(refused_trains_go_one_by_one_and_gso_is_given_up),
		ON_BOTH(a_train_too_large_for_the_device_says_nothing_about_gso),
		ON_BOTH(a_full_send_buffer_or_device_drops_and_counts),
		ON_BOTH(a_refused_train_is_counted_and_the_next_one_goes),
		ON_BOTH(of_a_refused_train_only_what_is_refused_again_is_lost),
		ON_BOTH(whatever_the_kernel_answers_each_datagram_is_sent_or_counted),
		ON_BOTH(what_sendmmsg_leaves_is_sent_next),
		cmocka_unit_test(auto_falls_back_to_epoll_where_io_uring_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
