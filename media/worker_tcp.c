/* ICE-TCP: packets over accepted streams, framed by a 16-bit length (RFC 4571, RFC 6544 section 3).
 *
 * A stream that has not carried a valid check after 10 s is cut: until then it is anybody's. So is one 10 s after the last transport
 * that it was proved for has gone. */
#include "media/worker_priv.h"

#include <errno.h>
#include <stdlib.h>

#define UNPROVED_US (10 * 1000000)
#define STREAMS_MAX 1024
#define SEND_QUEUE_MAX \
	(256 * 1024) /* half a second of 4 Mbit/s: beyond that packets are better dropped */

struct tcp_stream {
	struct bf_list node;
	struct bf_map_node map_node;
	uint64_t id;
	struct bf_worker *worker;
	struct bf_tcp *tcp;
	struct bf_addr remote, local;
	struct bf_timer unproved;
	size_t held_len;
	uint8_t held[BF_UDP_MTU + 2];
};

static struct bf_ice_path path_of(const struct tcp_stream *stream)
{
	return (struct bf_ice_path){.remote = stream->remote,
		.local = stream->local,
		.socket = stream->id,
		.is_tcp = true};
}

static struct tcp_stream *find(struct bf_worker *worker, uint64_t id)
{
	struct bf_map_node *node = bf_map_get(&worker->tcp_by_id, bf_bytes(&id, sizeof(id)));

	return node ? BF_CONTAINER(node, struct tcp_stream, map_node) : NULL;
}

/* One whole frame. */
static void on_frame(struct tcp_stream *stream, uint8_t *data, size_t len)
{
	struct bf_udp_packet packet = {
		.data = data,
		.len = len,
		.remote = stream->remote,
		.local = stream->local,
		.at_us = bf_loop_now_us(stream->worker->loop),
	};

	bf_worker_on_packets(stream->worker, stream->id, true, &packet, 1);
}

static void on_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	struct tcp_stream *stream = arg;

	while (data.len > 0) {
		size_t want = 2;
		size_t n;

		if (stream->held_len >= 2)
			want = 2u + bf_get_u16(stream->held);
		if (want > sizeof(stream->held)) {
			bf_tcp_abort(tcp); /* no media packet is that long */
			return;
		}
		n = want - stream->held_len < data.len ? want - stream->held_len : data.len;
		memcpy(stream->held + stream->held_len, data.data, n);
		stream->held_len += n;
		data = bf_bytes(data.data + n, data.len - n);
		if (stream->held_len < 2 || stream->held_len < 2u + bf_get_u16(stream->held))
			continue;
		if (stream->held_len > 2)
			on_frame(stream, stream->held + 2, stream->held_len - 2);
		stream->held_len = 0;
	}
}

static void on_close(void *arg, struct bf_tcp *tcp, int err)
{
	struct tcp_stream *stream = arg;
	struct bf_worker *worker = stream->worker;
	struct bf_ice_path path = path_of(stream);

	(void)tcp;
	(void)err;
	bf_timer_disarm(&stream->unproved);
	bf_list_remove(&stream->node);
	bf_map_remove(&worker->tcp_by_id, &stream->map_node);
	worker->tcp_count--;
	bf_worker_on_path_lost(worker, &path);
	free(stream);
}

static const struct bf_tcp_ops stream_ops = {.on_data = on_data, .on_close = on_close};

static void on_refused_close(void *arg, struct bf_tcp *tcp, int err)
{
	(void)arg;
	(void)tcp;
	(void)err;
}

static void on_refused_data(void *arg, struct bf_tcp *tcp, struct bf_bytes data)
{
	(void)arg;
	(void)tcp;
	(void)data;
}

static const struct bf_tcp_ops refused_ops = {
	.on_data = on_refused_data, .on_close = on_refused_close};

static void on_unproved(void *arg)
{
	struct tcp_stream *stream = arg;

	bf_tcp_abort(stream->tcp);
}

static void refuse(struct bf_tcp *tcp)
{
	bf_tcp_set_ops(tcp, &refused_ops, NULL);
	bf_tcp_abort(tcp);
}

static void on_accept(void *arg, struct bf_tcp *tcp)
{
	struct bf_worker *worker = arg;
	struct tcp_stream *stream =
		worker->tcp_count < STREAMS_MAX ? calloc(1, sizeof(*stream)) : NULL;

	if (!stream) {
		refuse(tcp);
		return;
	}
	stream->id = worker->tcp_next_id++;
	if (bf_map_put(&worker->tcp_by_id, &stream->map_node,
		    bf_bytes(&stream->id, sizeof(stream->id)))) {
		free(stream);
		refuse(tcp);
		return;
	}
	stream->worker = worker;
	stream->tcp = tcp;
	stream->remote = bf_tcp_remote(tcp);
	stream->local = bf_tcp_local(tcp);
	bf_timer_init(&stream->unproved, worker->loop, on_unproved, stream);
	bf_timer_arm(&stream->unproved, bf_loop_now_us(worker->loop) + UNPROVED_US);
	bf_list_append(&worker->tcp_streams, &stream->node);
	worker->tcp_count++;
	bf_tcp_set_ops(tcp, &stream_ops, stream);
}

int bf_worker_tcp_open(struct bf_worker *worker)
{
	const struct bf_tcp_listen_conf conf = {
		.stream_count_max = STREAMS_MAX, .queue_bytes_max = SEND_QUEUE_MAX};

	for (int i = 0; i < BF_SOCKET_UDP_COUNT; i++) {
		struct bf_addr addr;
		int err;
		if (!worker->udp[i])
			continue;
		addr = bf_udp_local(worker->udp[i]);
		err = bf_tcp_listen(
			&worker->listeners[i], worker->loop, &addr, &conf, on_accept, worker);
		if (err)
			return err;
	}
	return 0;
}

void bf_worker_tcp_close(struct bf_worker *worker)
{
	for (int i = 0; i < BF_SOCKET_UDP_COUNT; i++) {
		if (worker->listeners[i])
			bf_tcp_listener_close(worker->listeners[i]);
		worker->listeners[i] = NULL;
	}
	BF_LIST_EACH(stream, &worker->tcp_streams, struct tcp_stream, node)
		bf_tcp_abort(stream->tcp);
}

uint8_t *bf_worker_tcp_reserve(
	struct bf_worker *worker, const struct bf_ice_path *path, size_t size_max)
{
	if (size_max > BF_UDP_MTU || !find(worker, path->socket))
		return NULL;
	return worker->tcp_packet + 2;
}

void bf_worker_tcp_commit(struct bf_worker *worker, const struct bf_ice_path *path, size_t len)
{
	struct tcp_stream *stream = find(worker, path->socket);

	bf_put_u16(worker->tcp_packet, (uint16_t)len);
	if (stream && bf_tcp_write(stream->tcp, bf_bytes(worker->tcp_packet, len + 2)) < 0)
		worker->drops[BF_DROP_TX_FULL]++;
}

void bf_worker_tcp_on_validated(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct tcp_stream *stream = find(worker, path->socket);

	if (stream)
		bf_timer_disarm(&stream->unproved);
}

void bf_worker_tcp_on_forgotten(struct bf_worker *worker, const struct bf_ice_path *path)
{
	struct tcp_stream *stream = find(worker, path->socket);

	if (stream)
		bf_timer_arm(&stream->unproved, bf_loop_now_us(worker->loop) + UNPROVED_US);
}
