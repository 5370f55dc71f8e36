#include "scripts/bench/loop.h"

#include "scripts/bench/description.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* Few, so that the publishers' schedule is looked at between them. */
#define EVENTS 16

/* Datagrams of one turn of the server come within less. To wake a sleeping process costs the one who sends; on a network that would be
 * the receiver's machine. */
#define LINGER_NS 100000

static int64_t read_clock_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t bench_now_ns(void)
{
	return read_clock_ns(CLOCK_MONOTONIC);
}

void bench_sync_clocks(struct bench *bench)
{
	int64_t before_ns = read_clock_ns(CLOCK_MONOTONIC);
	int64_t real_ns = read_clock_ns(CLOCK_REALTIME);
	int64_t after_ns = read_clock_ns(CLOCK_MONOTONIC);

	bench->real_offset_ns = real_ns - (before_ns + (after_ns - before_ns) / 2);
}

/* "http://host:port" and perhaps a slash. */
static int find_server(struct bench *bench, const char *url)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char name[sizeof(bench->host)];
	const char *port = "80";
	char *colon;
	int err;

	if (strncmp(url, "http://", 7) != 0) {
		fprintf(stderr, "belfry-bench: --server wants http://HOST:PORT, not '%s'\n", url);
		return -EINVAL;
	}
	snprintf(bench->host, sizeof(bench->host), "%.*s", (int)strcspn(url + 7, "/"), url + 7);
	memcpy(name, bench->host, sizeof(name));
	colon = strrchr(name, ':');
	if (colon && colon > strrchr(name, ']')) {
		*colon = '\0';
		port = colon + 1;
	}
	if (name[0] == '[') {
		memmove(name, name + 1, strlen(name));
		name[strcspn(name, "]")] = '\0';
	}
	err = getaddrinfo(name, port, &hints, &found);
	if (err) {
		fprintf(stderr, "belfry-bench: %s: %s\n", bench->host, gai_strerror(err));
		return -EINVAL;
	}
	bench->http = bf_addr_from_sockaddr(found->ai_addr);
	freeaddrinfo(found);
	return 0;
}

/* Which of this machine's addresses packets to the server leave from. */
static int find_local(struct bench *bench)
{
	struct sockaddr_storage sa;
	socklen_t len = bf_addr_to_sockaddr(&bench->http, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, len) < 0 ||
		getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	bench->local = bf_addr_from_sockaddr((struct sockaddr *)&sa);
	bench->local.port = 0;
	return 0;
}

static int choose_local(struct bench *bench)
{
	const char *ip = bench->options->local;
	int err = ip ? bf_addr_parse_ip(&bench->local, ip, 0) : find_local(bench);

	if (err && ip)
		fprintf(stderr, "belfry-bench: '%s' is no IP address\n", ip);
	else if (err)
		fprintf(stderr, "belfry-bench: no way to %s: %s\n", bench->host, strerror(-err));
	return err;
}

int bench_new(struct bench **out, const struct bench_options *options)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	char why[256];
	int err = -ENOMEM;

	if (!bench)
		return -ENOMEM;
	bench->options = options;
	bench->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bench->sdp = malloc(sizeof(*bench->sdp));
	bench->text = malloc(BENCH_SDP_MAX);
	bench->rx = malloc(sizeof(*bench->rx));
	if (bench->epoll_fd < 0 || !bench->sdp || !bench->text || !bench->rx)
		goto fail;
	err = find_server(bench, options->server);
	if (!err && options->scenario == BENCH_IMPAIRED)
		err = bench_impair_init(&bench->impair, &options->impair);
	if (!err)
		err = choose_local(bench);
	if (!err)
		err = bf_dtls_ctx_new(&bench->dtls, &options->profile, 1);
	if (err)
		goto fail;
	err = bf_srtp_engine_new(&bench->srtp, BF_SRTP_ENGINE_AUTO, why, sizeof(why));
	if (err) {
		fprintf(stderr, "belfry-bench: %s\n", why);
		goto fail;
	}
	bench_probe_table_init(&bench->table);
	bench_sync_clocks(bench);
	*out = bench;
	return 0;

fail:
	bench_free(bench);
	return err;
}

void bench_free(struct bench *bench)
{
	if (!bench)
		return;
	bf_srtp_engine_free(bench->srtp);
	bf_dtls_ctx_free(bench->dtls);
	bench_impair_deinit(&bench->impair);
	free(bench->sdp);
	free(bench->text);
	free(bench->rx);
	if (bench->epoll_fd >= 0)
		close(bench->epoll_fd);
	free(bench);
}

void bench_path(char *out, size_t size, const char *pattern, unsigned number)
{
	const char *at = strstr(pattern, "{n}");

	if (at)
		snprintf(out, size, "%.*s%u%s", (int)(at - pattern), pattern, number, at + 3);
	else
		snprintf(out, size, "%s", pattern);
}

static void control(struct bench *bench, int op, struct bench_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int err = epoll_ctl(bench->epoll_fd, op, source->fd, &event);

	assert(err == 0);
}

void bench_watch(struct bench *bench, struct bench_source *source, uint32_t events)
{
	control(bench, EPOLL_CTL_ADD, source, events);
}

void bench_rewatch(struct bench *bench, struct bench_source *source, uint32_t events)
{
	control(bench, EPOLL_CTL_MOD, source, events);
}

static int poll_events(
	struct bench *bench, struct epoll_event events[static EVENTS], int64_t wait_ns)
{
	struct timespec timeout = {0};

	if (wait_ns > 0) {
		timeout.tv_sec = wait_ns / 1000000000;
		timeout.tv_nsec = wait_ns % 1000000000;
	}
	return epoll_pwait2(bench->epoll_fd, events, EVENTS, &timeout, NULL);
}

/* Look again and again for a while before going to sleep. */
static int linger(struct bench *bench, struct epoll_event events[static EVENTS], int64_t until_ns)
{
	int64_t from_ns = bench_now_ns(), now_ns = from_ns;
	int count = 0;

	while (count == 0 && now_ns < until_ns && now_ns - from_ns < LINGER_NS) {
		count = poll_events(bench, events, 0);
		if (count == 0)
			now_ns = bench_now_ns();
	}
	bench->totals.lingered_ns += now_ns - from_ns;
	return count;
}

void bench_turn(struct bench *bench, int64_t until_ns)
{
	struct epoll_event events[EVENTS];
	int count = bench->is_measuring ? linger(bench, events, until_ns) : 0;

	if (count == 0)
		count = poll_events(bench, events, until_ns - bench_now_ns());
	for (int i = 0; i < count; i++) {
		struct bench_source *source = events[i].data.ptr;
		if (source->fd >= 0) /* not closed by one before it */
			source->on_ready(source->arg, events[i].events);
	}
}
