#include "scripts/bench/websocket.h"

#include "core/base/rand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static void release(struct bench_websocket *websocket)
{
	if (websocket->frames && !websocket->is_reading) {
		wslay_event_context_free(websocket->frames);
		websocket->frames = NULL;
	}
}

void bench_websocket_close(struct bench_websocket *websocket)
{
	if (!websocket->bench)
		return; /* never opened */
	if (websocket->source.fd >= 0)
		close(websocket->source.fd);
	websocket->source.fd = -1;
	websocket->state = BENCH_WEBSOCKET_CLOSED;
	release(websocket);
}

static void fail(struct bench_websocket *websocket, const char *why)
{
	if (websocket->state == BENCH_WEBSOCKET_CLOSED)
		return;
	bench_websocket_close(websocket);
	websocket->on_closed(websocket->arg, why);
}

/* ---- wslay's questions ---- */

static ssize_t on_recv(
	wslay_event_context_ptr frames, uint8_t *data, size_t len, int flags, void *arg)
{
	struct bench_websocket *websocket = arg;
	ssize_t n =
		websocket->source.fd < 0 ? 0 : recv(websocket->source.fd, data, len, MSG_DONTWAIT);

	(void)flags;
	if (n > 0)
		return n;
	wslay_event_set_error(frames,
		n < 0 && errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static ssize_t on_send(
	wslay_event_context_ptr frames, const uint8_t *data, size_t len, int flags, void *arg)
{
	struct bench_websocket *websocket = arg;
	ssize_t n = send(websocket->source.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)flags;
	if (n >= 0)
		return n;
	wslay_event_set_error(
		frames, errno == EAGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *out, size_t len, void *arg)
{
	(void)frames;
	(void)arg;
	bf_rand_bytes(out, len);
	return 0;
}

static void on_frame(wslay_event_context_ptr frames,
	const struct wslay_event_on_msg_recv_arg *message, void *arg)
{
	struct bench_websocket *websocket = arg;
	char *text;

	(void)frames;
	if (message->opcode != WSLAY_TEXT_FRAME || websocket->state != BENCH_WEBSOCKET_OPEN)
		return;
	text = strndup((const char *)message->msg, message->msg_length);
	if (text)
		websocket->on_message(websocket->arg, text);
	free(text);
}

/* ---- the connection ---- */

static void watch(struct bench_websocket *websocket)
{
	if (websocket->state == BENCH_WEBSOCKET_OPEN)
		bench_rewatch(websocket->bench, &websocket->source,
			wslay_event_want_write(websocket->frames) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void read_frames(struct bench_websocket *websocket)
{
	int err;

	websocket->is_reading = true;
	err = wslay_event_recv(websocket->frames);
	websocket->is_reading = false;
	if (websocket->state == BENCH_WEBSOCKET_CLOSED)
		release(websocket);
	else if (err || wslay_event_get_close_received(websocket->frames))
		fail(websocket, "the server closed the WebSocket");
}

static void write_frames(struct bench_websocket *websocket)
{
	if (websocket->state == BENCH_WEBSOCKET_OPEN && wslay_event_send(websocket->frames))
		fail(websocket, "the WebSocket broke");
}

/* Bytes behind the head are frames, but belfry's first one may come with it: so read one byte at a time up to its end. */
static void read_head(struct bench_websocket *websocket)
{
	int status = 0;

	while (!strstr(websocket->head, "\r\n\r\n")) {
		ssize_t n = recv(websocket->source.fd, websocket->head + websocket->head_len, 1,
			MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || websocket->head_len + 2 > sizeof(websocket->head)) {
			fail(websocket, "no answer to the WebSocket's handshake");
			return;
		}
		websocket->head[++websocket->head_len] = '\0';
	}
	if (sscanf(websocket->head, "HTTP/1.%*d %d", &status) != 1 || status != 101) {
		fail(websocket, "the server refused the WebSocket");
		return;
	}
	websocket->state = BENCH_WEBSOCKET_OPEN;
}

static void send_request(struct bench_websocket *websocket)
{
	size_t len = strlen(websocket->head);

	/* A few hundred bytes into an empty buffer: all or nothing. */
	if (send(websocket->source.fd, websocket->head, len, MSG_DONTWAIT | MSG_NOSIGNAL) !=
		(ssize_t)len) {
		fail(websocket, "cannot connect");
		return;
	}
	websocket->head[0] = '\0';
	websocket->state = BENCH_WEBSOCKET_UPGRADING;
	bench_rewatch(websocket->bench, &websocket->source, EPOLLIN);
}

static void on_ready(void *arg, uint32_t events)
{
	struct bench_websocket *websocket = arg;

	if (websocket->state == BENCH_WEBSOCKET_CONNECTING) {
		send_request(websocket);
		return;
	}
	if (websocket->state == BENCH_WEBSOCKET_UPGRADING)
		read_head(websocket);
	if (websocket->state == BENCH_WEBSOCKET_OPEN && events & ~(uint32_t)EPOLLOUT)
		read_frames(websocket);
	write_frames(websocket);
	watch(websocket);
}

int bench_websocket_open(struct bench_websocket *websocket, struct bench *bench, const char *path,
	void (*on_message)(void *arg, const char *text),
	void (*on_closed)(void *arg, const char *why), void *arg)
{
	static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
		.send_callback = on_send,
		.genmask_callback = on_mask,
		.on_msg_recv_callback = on_frame};
	struct sockaddr_storage sa;
	socklen_t sa_len = bf_addr_to_sockaddr(&bench->http, &sa);
	int fd;

	*websocket = (struct bench_websocket){.bench = bench,
		.arg = arg,
		.on_message = on_message,
		.on_closed = on_closed,
		.source.fd = -1};
	if (wslay_event_context_client_init(&websocket->frames, &callbacks, websocket))
		return -ENOMEM;
	wslay_event_config_set_max_recv_msg_length(websocket->frames, BENCH_WEBSOCKET_MAX);
	snprintf(websocket->head, sizeof(websocket->head),
		"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: YmVsZnJ5LWJlbmNoIHNheQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
		path, bench->host);
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || (connect(fd, (struct sockaddr *)&sa, sa_len) < 0 && errno != EINPROGRESS)) {
		int err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	websocket->source = (struct bench_source){.on_ready = on_ready, .arg = websocket, .fd = fd};
	websocket->state = BENCH_WEBSOCKET_CONNECTING;
	bench_watch(bench, &websocket->source, EPOLLOUT);
	return 0;
}

int bench_websocket_send(struct bench_websocket *websocket, const char *text)
{
	struct wslay_event_msg message = {.opcode = WSLAY_TEXT_FRAME,
		.msg = (const uint8_t *)text,
		.msg_length = strlen(text)};

	if (websocket->state != BENCH_WEBSOCKET_OPEN ||
		wslay_event_queue_msg(websocket->frames, &message))
		return -EPIPE;
	if (!websocket->is_reading) { /* else on_ready does it */
		write_frames(websocket);
		watch(websocket);
	}
	return 0;
}
