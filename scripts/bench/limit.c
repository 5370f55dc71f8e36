/* belfry-bench-limit: what forwarding costs at least on this machine, in nanoseconds of CPU a delivered packet.
 *
 * The packets of a scenario are received, decrypted, encrypted for each receiver and sent in trains, by a loop that knows nothing
 * else: no ICE, no feedback, no retransmission, no pacing, nobody who comes or goes. It uses the SRTP engines of the server, and system calls
 * as they are. What a server needs beyond this figure is its own; the figure is the machine's.
 *
 *   thread of the CPU --server-cpu: the loop        of --bench-cpu: everybody's sockets
 */
#include "core/base/rand.h"
#include "media/srtp/srtp.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX     2048
#define HEADER_LEN    20 /* with one extension of a word, as most packets have */
#define PACKET_BYTES  1500
#define VIDEO_BYTES   1200
#define AUDIO_BYTES   170
#define VIDEO_PACKETS 5 /* a frame: 1.5 Mbit/s at 30 frames a second */
#define VIDEO_NS      33333333
#define AUDIO_NS      20000000
#define SOCKET_BYTES  (4 << 20)
#define RX_BATCH      64
#define TRAIN_BATCH   64
#define JOB_BATCH     128
#define GATHER_NS     500000 /* as the server's media.coalesce_us */
#define GRO_BYTES     65535
#define LINGER_NS     100000
#define EVENTS	      16

enum { AUDIO, VIDEO, KINDS };

struct options {
	unsigned rooms, room_size,
		senders; /* of each room the first `senders` send, all but a lone sender receive */
	unsigned seconds;
	int server_cpu, bench_cpu;
	bool has_video, has_gro;
	enum bf_srtp_profile profile;
	enum bf_srtp_engine_kind engine;
};

struct peer {
	int fd;
	struct sockaddr_in addr;
	unsigned room;
	bool sends, receives;
	struct bf_srtp *client_out, *in, *out; /* its own; the server's from and to it */
	uint16_t seq[KINDS];
	int64_t due_ns[KINDS];
};

struct rx {
	uint8_t data[RX_BATCH][PACKET_BYTES];
	struct sockaddr_in from[RX_BATCH];
	struct iovec iovs[RX_BATCH];
	struct mmsghdr messages[RX_BATCH];
	struct bf_srtp_unprotect_job jobs[RX_BATCH];
};

/* Trains that wait to be encrypted and sent. */
struct tx {
	uint8_t data[JOB_BATCH][PACKET_BYTES];
	struct bf_srtp_protect_job jobs[JOB_BATCH];
	size_t job_count;
	struct iovec iovs[JOB_BATCH];
	struct mmsghdr messages[TRAIN_BATCH];
	_Alignas(struct cmsghdr) uint8_t control[TRAIN_BATCH][CMSG_SPACE(sizeof(uint16_t))];
	size_t train_count;
};

struct limit {
	struct options options;
	struct peer peers[PEERS_MAX];
	unsigned peer_count;
	uint16_t peer_of_port[65536];
	int fd; /* the server's */
	struct sockaddr_in addr;
	struct bf_srtp_engine *server_engine, *client_engine;
	struct rx rx;
	struct tx tx;
	uint64_t sent, received; /* delivered packets: by the loop, by the clients */
	atomic_bool is_over;
};

static void fail(const char *what)
{
	fprintf(stderr, "belfry-bench-limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	(void)sched_setaffinity(
		0, sizeof(set), &set); /* a machine with fewer cores places it itself */
}

/* ---- the loop that is measured ---- */

static void flush(struct limit *limit)
{
	struct tx *tx = &limit->tx;
	size_t done = 0;

	bf_srtp_protect(tx->jobs, tx->job_count);
	limit->sent += tx->job_count;
	while (done < tx->train_count) {
		int count = sendmmsg(limit->fd, tx->messages + done,
			(unsigned)(tx->train_count - done), MSG_DONTWAIT);
		if (count <= 0)
			fail("sendmmsg");
		done += (size_t)count;
	}
	tx->job_count = tx->train_count = 0;
}

static void name_segment(struct msghdr *msg, uint8_t *control, uint16_t segment)
{
	struct cmsghdr *cmsg;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(segment));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(cmsg), &segment, sizeof(segment));
}

/* `count` packets of one stream to one receiver, side by side: one train. */
static void emit(struct limit *limit, struct peer *to, const struct bf_srtp_unprotect_job *packets,
	size_t count)
{
	struct tx *tx = &limit->tx;
	size_t len = packets[0].len + bf_srtp_tag_len(limit->options.profile);
	struct msghdr *msg;
	uint8_t *at;

	if (tx->job_count + count > JOB_BATCH || tx->train_count == TRAIN_BATCH)
		flush(limit);
	at = tx->data[tx->job_count];
	tx->iovs[tx->train_count] = (struct iovec){at, count * len};
	for (size_t i = 0; i < count; i++, at += len) {
		memcpy(at, packets[i].data, HEADER_LEN);
		tx->jobs[tx->job_count++] = (struct bf_srtp_protect_job){.srtp = to->out,
			.dst = at,
			.dst_size = len,
			.header_len = HEADER_LEN,
			.payload = bf_bytes(
				packets[i].data + HEADER_LEN, packets[i].len - HEADER_LEN)};
	}
	msg = &tx->messages[tx->train_count].msg_hdr;
	*msg = (struct msghdr){.msg_name = &to->addr,
		.msg_namelen = sizeof(to->addr),
		.msg_iov = &tx->iovs[tx->train_count],
		.msg_iovlen = 1};
	if (count > 1)
		name_segment(msg, tx->control[tx->train_count], (uint16_t)len);
	tx->train_count++;
}

static void fan_out(struct limit *limit, const struct peer *from,
	const struct bf_srtp_unprotect_job *packets, size_t count)
{
	unsigned size = limit->options.room_size, first = from->room * size;

	for (unsigned i = first; i < first + size; i++)
		if (limit->peers[i].receives && &limit->peers[i] != from)
			emit(limit, &limit->peers[i], packets, count);
}

static void forward(struct limit *limit, size_t count)
{
	struct rx *rx = &limit->rx;
	size_t end;

	bf_srtp_unprotect(rx->jobs, count);
	for (size_t i = 0; i < count; i = end) {
		for (end = i + 1; end < count && rx->from[end].sin_port == rx->from[i].sin_port &&
				  rx->jobs[end].len == rx->jobs[i].len;)
			end++;
		assert(rx->jobs[i].drop == BF_DROP_NONE);
		fan_out(limit, &limit->peers[limit->peer_of_port[rx->from[i].sin_port]],
			&rx->jobs[i], end - i);
	}
	flush(limit);
}

static size_t receive(struct limit *limit)
{
	struct rx *rx = &limit->rx;
	int count;

	for (size_t i = 0; i < RX_BATCH; i++) {
		rx->iovs[i] = (struct iovec){rx->data[i], PACKET_BYTES};
		rx->messages[i].msg_hdr = (struct msghdr){.msg_name = &rx->from[i],
			.msg_namelen = sizeof(rx->from[i]),
			.msg_iov = &rx->iovs[i],
			.msg_iovlen = 1};
	}
	count = recvmmsg(limit->fd, rx->messages, RX_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		rx->jobs[i] = (struct bf_srtp_unprotect_job){
			.srtp = limit->peers[limit->peer_of_port[rx->from[i].sin_port]].in,
			.data = rx->data[i],
			.len = rx->messages[i].msg_len};
	return count > 0 ? (size_t)count : 0;
}

static void *serve(void *arg)
{
	static const struct timespec gather = {.tv_nsec = GATHER_NS};
	struct limit *limit = arg;
	struct pollfd poll_fd = {.fd = limit->fd, .events = POLLIN};
	size_t count;

	pin(limit->options.server_cpu);
	while (!atomic_load_explicit(&limit->is_over, memory_order_relaxed)) {
		if (poll(&poll_fd, 1, 100) <= 0)
			continue;
		(void)nanosleep(&gather, NULL);
		while ((count = receive(limit)) > 0)
			forward(limit, count);
	}
	return NULL;
}

/* ---- everybody else ---- */

static void send_packet(struct limit *limit, struct peer *peer, int kind, size_t len)
{
	static const uint8_t start[HEADER_LEN] = {
		0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1};
	static uint8_t payload[PACKET_BYTES];
	uint8_t packet[PACKET_BYTES];
	struct bf_srtp_protect_job job = {.srtp = peer->client_out,
		.dst = packet,
		.dst_size = sizeof(packet),
		.header_len = HEADER_LEN,
		.payload = bf_bytes(payload, len - HEADER_LEN)};

	memcpy(packet, start, sizeof(start));
	packet[1] = (uint8_t)(96 + kind);
	bf_put_u16(packet + 2, peer->seq[kind]++);
	bf_put_u32(packet + 8, (uint32_t)(1 + (peer - limit->peers) * KINDS + kind));
	bf_srtp_protect(&job, 1);
	if (send(peer->fd, packet, job.dst_len, MSG_DONTWAIT) < 0)
		fail("send");
}

/* Returns when it wants to be called again. */
static int64_t send_due(struct limit *limit, int64_t now_ns)
{
	int64_t next_ns = INT64_MAX;

	for (unsigned i = 0; i < limit->peer_count; i++) {
		struct peer *peer = &limit->peers[i];

		if (!peer->sends)
			continue;
		if (now_ns >= peer->due_ns[AUDIO]) {
			send_packet(limit, peer, AUDIO, AUDIO_BYTES);
			peer->due_ns[AUDIO] += AUDIO_NS;
		}
		if (now_ns >= peer->due_ns[VIDEO]) {
			for (int k = 0; k < VIDEO_PACKETS; k++)
				send_packet(limit, peer, VIDEO, VIDEO_BYTES);
			peer->due_ns[VIDEO] += VIDEO_NS;
		}
		for (int kind = 0; kind < KINDS; kind++)
			if (peer->due_ns[kind] < next_ns)
				next_ns = peer->due_ns[kind];
	}
	return next_ns;
}

static size_t count_segments(struct msghdr *msg, size_t len)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int segment;

	if (!cmsg || cmsg->cmsg_type != UDP_GRO)
		return 1;
	memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
	return (len + (size_t)segment - 1) / (size_t)segment;
}

static void drain(struct limit *limit, int fd)
{
	static uint8_t data[GRO_BYTES];
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {data, sizeof(data)};
	ssize_t len;

	do {
		struct msghdr msg = {.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};

		len = recvmsg(fd, &msg, MSG_DONTWAIT);
		if (len > 0)
			limit->received += count_segments(&msg, (size_t)len);
	} while (len > 0);
}

/* Looks again and again for a while before it sleeps, as the generator does: to be woken would cost the loop. */
static int wait_for_packets(int epoll_fd, struct epoll_event events[static EVENTS], int64_t wait_ns)
{
	struct timespec timeout = {.tv_nsec = wait_ns > 0 ? wait_ns % 100000000 : 0}, none = {0};
	int64_t until_ns = clock_ns(CLOCK_MONOTONIC) + (wait_ns < LINGER_NS ? wait_ns : LINGER_NS);
	int count;

	do
		count = epoll_pwait2(epoll_fd, events, EVENTS, &none, NULL);
	while (count == 0 && clock_ns(CLOCK_MONOTONIC) < until_ns);
	return count ? count : epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
}

static void play(struct limit *limit, int epoll_fd, int64_t until_ns)
{
	struct epoll_event events[EVENTS];
	int64_t now_ns;

	while ((now_ns = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		int64_t wait_ns = send_due(limit, now_ns) - clock_ns(CLOCK_MONOTONIC);
		int count = wait_for_packets(epoll_fd, events, wait_ns);

		for (int i = 0; i < count; i++)
			drain(limit, events[i].data.fd);
	}
}

/* ---- before and after ---- */

static int open_socket(struct sockaddr_in *addr, bool has_gro)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*addr);
	const int on = 1, bytes = SOCKET_BYTES, probe = IP_PMTUDISC_PROBE;

	*addr = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, sizeof(*addr)) < 0 ||
		getsockname(fd, (struct sockaddr *)addr, &len) < 0)
		fail("socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
	if (has_gro)
		(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	return fd;
}

static void open_peer(struct limit *limit, unsigned idx, int epoll_fd)
{
	const struct options *options = &limit->options;
	struct peer *peer = &limit->peers[idx];
	struct bf_srtp_key keys[2];
	struct epoll_event event = {.events = EPOLLIN};
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	peer->room = idx / options->room_size;
	peer->sends = idx % options->room_size < options->senders;
	peer->receives = options->senders > 1 || !peer->sends;
	peer->fd = open_socket(&peer->addr, options->has_gro);
	if (connect(peer->fd, (struct sockaddr *)&limit->addr, sizeof(limit->addr)) < 0)
		fail("connect");
	event.data.fd = peer->fd;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) < 0)
		fail("epoll_ctl");
	limit->peer_of_port[peer->addr.sin_port] = (uint16_t)idx;
	bf_rand_bytes(keys, sizeof(keys));
	if (bf_srtp_new(
		    &peer->client_out, limit->client_engine, options->profile, &keys[0], true) ||
		bf_srtp_new(&peer->in, limit->server_engine, options->profile, &keys[0], false) ||
		bf_srtp_new(&peer->out, limit->server_engine, options->profile, &keys[1], true))
		fail("SRTP keys");
	/* somewhere in their period each */
	peer->due_ns[AUDIO] = now_ns + (int64_t)idx * 7919 * 1000 % AUDIO_NS;
	peer->due_ns[VIDEO] =
		options->has_video ? now_ns + (int64_t)idx * 6101 * 1000 % VIDEO_NS : INT64_MAX;
}

static void close_peers(struct limit *limit)
{
	for (unsigned i = 0; i < limit->peer_count; i++) {
		bf_srtp_free(limit->peers[i].client_out);
		bf_srtp_free(limit->peers[i].in);
		bf_srtp_free(limit->peers[i].out);
		close(limit->peers[i].fd);
	}
	bf_srtp_engine_free(limit->client_engine);
	bf_srtp_engine_free(limit->server_engine);
	close(limit->fd);
}

static void set_up(struct limit *limit, int epoll_fd)
{
	const struct options *options = &limit->options;
	char why[256];

	if (bf_srtp_engine_new(&limit->server_engine, options->engine, why, sizeof(why)) ||
		bf_srtp_engine_new(&limit->client_engine, options->engine, why, sizeof(why))) {
		fprintf(stderr, "belfry-bench-limit: %s\n", why);
		exit(1);
	}
	limit->fd = open_socket(&limit->addr, false);
	limit->peer_count = options->rooms * options->room_size;
	for (unsigned i = 0; i < limit->peer_count; i++)
		open_peer(limit, i, epoll_fd);
}

/* Returns how many packets were lost on the way, which there is no reason for but a machine that is too busy. */
static uint64_t measure(struct limit *limit)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t received, missing;
	int64_t now_ns, cpu_ns;
	clockid_t clock;
	pthread_t thread;

	set_up(limit, epoll_fd);
	pin(limit->options.bench_cpu);
	if (pthread_create(&thread, NULL, serve, limit) || pthread_getcpuclockid(thread, &clock))
		fail("thread");
	now_ns = clock_ns(CLOCK_MONOTONIC);
	play(limit, epoll_fd, now_ns + 500000000); /* until everything is warm */
	received = limit->received;
	cpu_ns = clock_ns(clock);
	play(limit, epoll_fd, now_ns + 500000000 + limit->options.seconds * (int64_t)1000000000);
	received = limit->received - received;
	cpu_ns = clock_ns(clock) - cpu_ns;
	atomic_store(&limit->is_over, true);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < limit->peer_count; i++)
		drain(limit, limit->peers[i].fd);
	missing = limit->sent - limit->received;
	printf("{\"cpu_ns_per_delivered_packet\": %.0f, \"delivered\": %llu, \"missing\": %llu, "
	       "\"engine\": \"%s\"}\n",
		received ? (double)cpu_ns / (double)received : 0, (unsigned long long)received,
		(unsigned long long)missing, bf_srtp_engine_name(limit->server_engine));
	if (missing)
		fprintf(stderr,
			"belfry-bench-limit: packets are missing: the machine was too busy\n");
	close_peers(limit);
	close(epoll_fd);
	return missing;
}

/* ---- the command line ---- */

static const char usage[] =
	"usage: belfry-bench-limit [--scenario=one-to-many|conference|audio-rooms] "
	"[--subscribers=N] [--participants=N]\n"
	"       [--speakers=N] [--rooms=N] [--room-size=N] [--profile=NAME] [--gro=on|off] "
	"[--engine=NAME] [--seconds=N]\n"
	"       [--server-cpu=N] [--bench-cpu=N]\n"
	"The scenarios are those of belfry-bench run; only who speaks sends. Prints one line of "
	"JSON.\n";

/* As typed. */
struct words {
	const char *scenario, *profile, *engine, *gro;
	unsigned subscribers, participants, speakers, rooms, room_size;
};

static int apply(struct options *options, const struct words *words)
{
	bool is_conference = strcmp(words->scenario, "conference") == 0;

	options->rooms = 1;
	options->senders = 1;
	options->has_video = true;
	if (strcmp(words->scenario, "one-to-many") == 0) {
		options->room_size = 1 + words->subscribers;
	} else if (is_conference) {
		options->room_size = words->participants;
		options->senders = words->speakers ? words->speakers : words->participants;
	} else if (strcmp(words->scenario, "audio-rooms") == 0) {
		options->rooms = words->rooms;
		options->room_size = options->senders = words->room_size;
		options->has_video = false;
	} else {
		return -EINVAL;
	}
	options->has_gro = strcmp(words->gro, "off") != 0;
	options->profile = bf_srtp_profile_from_name(bf_bytes_str(words->profile));
	if (options->profile == BF_SRTP_NONE || options->seconds == 0 || options->rooms == 0 ||
		options->room_size < 2 || options->rooms > PEERS_MAX / options->room_size)
		return -EINVAL;
	return bf_srtp_engine_kind_from_name(&options->engine, bf_bytes_str(words->engine));
}

static int parse(struct options *options, int argc, char **argv)
{
	struct words words = {"one-to-many", "AEAD_AES_128_GCM", "auto", "on", 200, 8, 0, 30, 4};
	static const struct option longs[] = {{"scenario", required_argument, NULL, 's'},
		{"profile", required_argument, NULL, 'p'}, {"engine", required_argument, NULL, 'e'},
		{"gro", required_argument, NULL, 'g'},
		{"subscribers", required_argument, NULL, 'n'},
		{"participants", required_argument, NULL, 'm'},
		{"speakers", required_argument, NULL, 'k'}, {"rooms", required_argument, NULL, 'r'},
		{"room-size", required_argument, NULL, 'z'},
		{"seconds", required_argument, NULL, 't'},
		{"server-cpu", required_argument, NULL, 'c'},
		{"bench-cpu", required_argument, NULL, 'b'}, {0}};
	int option;

	*options = (struct options){.seconds = 3, .bench_cpu = 1};
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 's':
			words.scenario = optarg;
			break;
		case 'p':
			words.profile = optarg;
			break;
		case 'e':
			words.engine = optarg;
			break;
		case 'g':
			words.gro = optarg;
			break;
		case 'n':
			words.subscribers = number;
			break;
		case 'm':
			words.participants = number;
			break;
		case 'k':
			words.speakers = number;
			break;
		case 'r':
			words.rooms = number;
			break;
		case 'z':
			words.room_size = number;
			break;
		case 't':
			options->seconds = number;
			break;
		case 'c':
			options->server_cpu = (int)number;
			break;
		case 'b':
			options->bench_cpu = (int)number;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? apply(options, &words) : -EINVAL;
}

int main(int argc, char **argv)
{
	struct limit *limit = calloc(1, sizeof(*limit));
	uint64_t missing;

	if (!limit || parse(&limit->options, argc, argv)) {
		fputs(usage, stderr);
		free(limit);
		return 2;
	}
	missing = measure(limit);
	free(limit);
	return missing ? 1 : 0;
}
