#include "tests/signaling/http/loopback.h"

#include "core/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_US (5 * 1000000)

struct bf_loop *loopback_loop(enum bf_io io)
{
	struct bf_loop *loop;
	int err = bf_loop_new(&loop, io);

	if (err && io == BF_IO_URING)
		return NULL; /* containers may forbid it */
	assert_int_equal(err, 0);
	return loop;
}

void loopback_open(struct loopback *client, struct bf_loop *loop, const struct bf_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(addr, &sa);

	*client = (struct loopback){.loop = loop};
	client->data = malloc(LOOPBACK_MAX + 1);
	assert_non_null(client->data);
	client->data[0] = '\0';
	client->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	/* The kernel completes it from the backlog: no turn of the loop is needed. */
	assert_int_equal(connect(client->fd, (struct sockaddr *)&sa, sa_len), 0);
}

static void receive(struct loopback *client)
{
	while (!client->is_closed && client->len < LOOPBACK_MAX) {
		ssize_t got = recv(client->fd, client->data + client->len,
			LOOPBACK_MAX - client->len, MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			client->is_closed = true;
			return;
		}
		client->len += (size_t)got;
		client->data[client->len] = '\0';
	}
}

void loopback_turn(struct loopback *client, int64_t for_us)
{
	int64_t end_us = bf_clock_mono_us() + for_us;

	do {
		assert_int_equal(bf_loop_turn(client->loop, 1000), 0);
		receive(client);
	} while (bf_clock_mono_us() < end_us);
}

void loopback_close(struct loopback *client)
{
	close(client->fd);
	free(client->data);
	for (int i = 0; i < 5; i++)
		assert_int_equal(bf_loop_turn(client->loop, 1000), 0);
}

void loopback_send(struct loopback *client, struct bf_bytes data)
{
	int64_t end_us = bf_clock_mono_us() + PATIENCE_US;

	while (data.len > 0) {
		ssize_t sent = send(client->fd, data.data, data.len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN)
			return; /* refused on the way: the test looks at what came back */
		if (sent > 0) {
			data.data += sent;
			data.len -= (size_t)sent;
		}
		loopback_turn(client, 0);
		assert_true(bf_clock_mono_us() < end_us);
	}
}

void loopback_send_text(struct loopback *client, const char *text)
{
	loopback_send(client, bf_bytes_str(text));
}

void loopback_finish(struct loopback *client)
{
	if (shutdown(client->fd, SHUT_WR) < 0)
		assert_int_equal(errno, ENOTCONN); /* the server has reset it */
}

unsigned loopback_count(const struct loopback *client, const char *text)
{
	const uint8_t *at = client->data;
	unsigned count = 0;

	while ((at = memmem(at, (size_t)(client->data + client->len - at), text, strlen(text))) !=
		NULL) {
		at += strlen(text);
		count++;
	}
	return count;
}

bool loopback_has(const struct loopback *client, const char *text)
{
	return loopback_count(client, text) > 0;
}

bool loopback_wait_text(struct loopback *client, const char *text)
{
	int64_t end_us = bf_clock_mono_us() + PATIENCE_US;

	while (!loopback_has(client, text) && !client->is_closed && bf_clock_mono_us() < end_us)
		loopback_turn(client, 0);
	return loopback_has(client, text);
}

bool loopback_wait_bytes(struct loopback *client, size_t byte_count)
{
	int64_t end_us = bf_clock_mono_us() + PATIENCE_US;

	while (client->len < byte_count && !client->is_closed && bf_clock_mono_us() < end_us)
		loopback_turn(client, 0);
	return client->len >= byte_count;
}

bool loopback_wait_closed(struct loopback *client)
{
	int64_t end_us = bf_clock_mono_us() + PATIENCE_US;

	while (!client->is_closed && bf_clock_mono_us() < end_us)
		loopback_turn(client, 0);
	return client->is_closed;
}

bool loopback_wait_until(struct bf_loop *loop, bool (*is_true)(void *arg), void *arg)
{
	int64_t end_us = bf_clock_mono_us() + PATIENCE_US;

	while (!is_true(arg) && bf_clock_mono_us() < end_us)
		assert_int_equal(bf_loop_turn(loop, 1000), 0);
	return is_true(arg);
}

void loopback_clear(struct loopback *client)
{
	client->len = 0;
	client->data[0] = '\0';
}
